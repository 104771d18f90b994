"""What a change of policy would do. The promises are docs/simulation.md."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .comparison import Comparison, Measure, Needs, View, compare
    from .document import load_reform
    from .measures import Burden, Catastrophic, Inequality, Spending, Winners
    from .people import People
    from .reform import Reform, Reformed, changed, reformed

_HOME = {
    "Burden": "measures",
    "Catastrophic": "measures",
    "Comparison": "comparison",
    "Inequality": "measures",
    "Measure": "comparison",
    "Needs": "comparison",
    "People": "people",
    "Reform": "reform",
    "Reformed": "reform",
    "Spending": "measures",
    "View": "comparison",
    "Winners": "measures",
    "changed": "reform",
    "compare": "comparison",
    "load_reform": "document",
    "reformed": "reform",
}

__all__ = [
    "Burden",
    "Catastrophic",
    "Comparison",
    "Inequality",
    "Measure",
    "Needs",
    "People",
    "Reform",
    "Reformed",
    "Spending",
    "View",
    "Winners",
    "changed",
    "compare",
    "load_reform",
    "reformed",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
