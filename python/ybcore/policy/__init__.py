"""Policy documents: read, checked, normalised, hashed. The language is docs/policy.md."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .book import Book, Policy, load_book, load_policy
    from .inventory import FigureLeaf
    from .models import PolicyModel
    from .reader import Parsed, parse_file, parse_text
    from .schema import json_schema

_HOME = {
    "Book": "book",
    "FigureLeaf": "inventory",
    "Parsed": "reader",
    "Policy": "book",
    "PolicyModel": "models",
    "json_schema": "schema",
    "load_book": "book",
    "load_policy": "book",
    "parse_file": "reader",
    "parse_text": "reader",
}

__all__ = [
    "Book",
    "FigureLeaf",
    "Parsed",
    "Policy",
    "PolicyModel",
    "json_schema",
    "load_book",
    "load_policy",
    "parse_file",
    "parse_text",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
