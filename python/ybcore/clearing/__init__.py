"""What a fund owes its providers, and cash benefits. The contract is docs/clearing.md."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "attribute": "reforms",
    "compare": "reforms",
    "reformed": "reforms",
    "solve": "reforms",
    "sweep": "reforms",
    "Solved": "reforms",
    "changed": "readers",
    "reads": "readers",
    "describe": "described",
    "Clearing": "book",
    "ClearingBook": "book",
    "benefit": "cash",
    "load_benefits": "cash",
    "load_clearing": "book",
    "load_clearings": "book",
    "cases_of": "settled",
    "clear": "run",
    "Cleared": "result",
    "corrections": "corrected",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)
