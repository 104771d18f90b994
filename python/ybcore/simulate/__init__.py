"""What a change of policy would do. The promises are docs/simulation.md."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .behaviour import Behaviour, Response, respond, sensitivity
    from .comparison import Comparison, Measure, Needs, View, compare
    from .document import load_reform
    from .exact import Exact, Mean, Ratio, Total
    from .fund import FundPlan, Reserve, Spent, load_fund, project
    from .knobs import Grid, Knob, Sweep, grid, sample, sweep
    from .measures import Burden, Catastrophic, Inequality, Spending, Winners
    from .members import cohorts
    from .package import Parts, parts
    from .people import Bands, People
    from .reform import Reform, Reformed, changed, reformed
    from .study import Study, load_study
    from .studyrun import StudyRun, run_study
    from .targets import Crossing, Solution, solve
    from .weights import Bootstrap, Replicates

_HOME = {
    "Bands": "people",
    "Behaviour": "behaviour",
    "Bootstrap": "weights",
    "Burden": "measures",
    "Catastrophic": "measures",
    "Comparison": "comparison",
    "Crossing": "targets",
    "Exact": "exact",
    "FundPlan": "fund",
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
    "Replicates": "weights",
    "Reserve": "fund",
    "Response": "behaviour",
    "Solution": "targets",
    "Spending": "measures",
    "Spent": "fund",
    "Study": "study",
    "StudyRun": "studyrun",
    "Sweep": "knobs",
    "Total": "exact",
    "View": "comparison",
    "Winners": "measures",
    "changed": "reform",
    "cohorts": "members",
    "compare": "comparison",
    "grid": "knobs",
    "load_fund": "fund",
    "load_reform": "document",
    "load_study": "study",
    "parts": "package",
    "project": "fund",
    "reformed": "reform",
    "respond": "behaviour",
    "run_study": "studyrun",
    "sample": "knobs",
    "sensitivity": "behaviour",
    "solve": "targets",
    "sweep": "knobs",
}

__all__ = [
    "Bands",
    "Behaviour",
    "Bootstrap",
    "Burden",
    "Catastrophic",
    "Comparison",
    "Crossing",
    "Exact",
    "FundPlan",
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
    "Replicates",
    "Reserve",
    "Response",
    "Solution",
    "Spending",
    "Spent",
    "Study",
    "StudyRun",
    "Sweep",
    "Total",
    "View",
    "Winners",
    "changed",
    "cohorts",
    "compare",
    "grid",
    "load_fund",
    "load_reform",
    "load_study",
    "parts",
    "project",
    "reformed",
    "respond",
    "run_study",
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
