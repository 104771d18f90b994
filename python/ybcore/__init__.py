"""Settlement of Chinese basic medical insurance (医保结算): exact to the fen, columnar, reproducible."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._interpreter import main_only
from ._version import __version__

main_only()

if TYPE_CHECKING:
    from .catalog import Catalog
    from .checks import RuleBook, load_rules
    from .checks.check import check
    from .checks.checker import Checker
    from .checks.replay import replay
    from .checks.run.report import CheckReport
    from .checks.user import rule
    from .engine import Engine, Settlement, State, release_memory, settle
    from .errors import DocumentError, InputError, Problem, StaleStateError, YbcoreError
    from .policy import Book, Policy, load_book, load_policy
    from .settling.one import OneSettlement
    from .settling.person import PersonState

# Where each public name is. It is fetched when it is first asked for, so that an import loads no data library.
_HOME = {
    "Catalog": "catalog",
    "CheckReport": "checks.run.report",
    "Checker": "checks.checker",
    "RuleBook": "checks",
    "check": "checks.check",
    "load_rules": "checks",
    "replay": "checks.replay",
    "rule": "checks.user",
    "Engine": "engine",
    "Settlement": "engine",
    "State": "engine",
    "release_memory": "engine",
    "settle": "engine",
    "Book": "policy",
    "Policy": "policy",
    "load_book": "policy",
    "load_policy": "policy",
    "DocumentError": "errors",
    "InputError": "errors",
    "Problem": "errors",
    "StaleStateError": "errors",
    "YbcoreError": "errors",
    "OneSettlement": "settling.one",
    "PersonState": "settling.person",
}

__all__ = [
    "Book",
    "Catalog",
    "CheckReport",
    "Checker",
    "DocumentError",
    "Engine",
    "InputError",
    "OneSettlement",
    "PersonState",
    "Policy",
    "Problem",
    "RuleBook",
    "Settlement",
    "StaleStateError",
    "State",
    "YbcoreError",
    "__version__",
    "check",
    "load_book",
    "load_policy",
    "load_rules",
    "release_memory",
    "replay",
    "rule",
    "settle",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(import_module(f".{_HOME[name]}", __name__), name)
        globals()[name] = value  # asked for once
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
