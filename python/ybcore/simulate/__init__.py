"""What a change of policy would do. The promises are docs/simulation.md."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .behaviour import Behaviour, Response, respond, sensitivity
    from .comparison import Comparison, Measure, Needs, View, compare
    from .document import load_reform
    from .exact import Exact, Mean, Ratio, Total
    from .knobs import Grid, Knob, Sweep, grid, sample, sweep
    from .measures import Burden, Catastrophic, Inequality, Spending, Winners
    from .package import Parts, parts
    from .people import People
    from .reform import Reform, Reformed, changed, reformed
    from .targets import Crossing, Solution, solve

_HOME = {
    "Behaviour": "behaviour",
    "Burden": "measures",
    "Catastrophic": "measures",
    "Comparison": "comparison",
    "Crossing": "targets",
    "Exact": "exact",
    "Grid": "knobs",
    "Inequality": "measures",
    "Knob": "knobs",
    "Mean": "exact",
    "Measure": "comparison",
    "Needs": "comparison",
    "Parts": "package",
    "People": "people",
    "Ratio": "exact",
    "Reform": "reform",
    "Reformed": "reform",
    "Response": "behaviour",
    "Solution": "targets",
    "Spending": "measures",
    "Sweep": "knobs",
    "Total": "exact",
    "View": "comparison",
    "Winners": "measures",
    "changed": "reform",
    "compare": "comparison",
    "grid": "knobs",
    "load_reform": "document",
    "parts": "package",
    "reformed": "reform",
    "respond": "behaviour",
    "sample": "knobs",
    "sensitivity": "behaviour",
    "solve": "targets",
    "sweep": "knobs",
}

__all__ = [
    "Behaviour",
    "Burden",
    "Catastrophic",
    "Comparison",
    "Crossing",
    "Exact",
    "Grid",
    "Inequality",
    "Knob",
    "Mean",
    "Measure",
    "Needs",
    "Parts",
    "People",
    "Ratio",
    "Reform",
    "Reformed",
    "Response",
    "Solution",
    "Spending",
    "Sweep",
    "Total",
    "View",
    "Winners",
    "changed",
    "compare",
    "grid",
    "load_reform",
    "parts",
    "reformed",
    "respond",
    "sample",
    "sensitivity",
    "solve",
    "sweep",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
