"""Settlement of Chinese basic medical insurance (医保结算): exact to the fen, columnar, reproducible."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ._version import __version__

_HOME = {
    "Catalog": "catalog",
    "Engine": "engine",
    "Settlement": "engine",
    "State": "engine",
    "settle": "engine",
    "Book": "policy",
    "Policy": "policy",
    "load_book": "policy",
    "load_policy": "policy",
    "DocumentError": "errors",
    "InputError": "errors",
    "Problem": "errors",
    "YbcoreError": "errors",
}

__all__ = [
    "Book",
    "Catalog",
    "DocumentError",
    "Engine",
    "InputError",
    "Policy",
    "Problem",
    "Settlement",
    "State",
    "YbcoreError",
    "__version__",
    "load_book",
    "load_policy",
    "settle",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f".{_HOME[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
