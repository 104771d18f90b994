"""Rule checks: documents of rules, read, checked, layered. The language is docs/checks.md."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .book import RuleBook, load_rules, shipped_rules
    from .examples import run_examples
    from .rule import Rule
    from .schema import json_schema
    from .tables import RuleTable
    from .user import MISSING, registered

_HOME = {
    "MISSING": "user",
    "Rule": "rule",
    "RuleBook": "book",
    "RuleTable": "tables",
    "json_schema": "schema",
    "load_rules": "book",
    "registered": "user",
    "run_examples": "examples",
    "shipped_rules": "book",
}

__all__ = [
    "MISSING",
    "Rule",
    "RuleBook",
    "RuleTable",
    "json_schema",
    "load_rules",
    "registered",
    "run_examples",
    "shipped_rules",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
