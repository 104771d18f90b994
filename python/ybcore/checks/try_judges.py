"""What decides at which values of a figure a finding stands, and which way hits go as the figure rises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..policy.paths import RawPath
from .linechecks import AgeTest, ColumnMap
from .rule import Rule
from .run.found import Hits
from .run.line_rules import tests_of
from .run.user_rules import COMPARE

__all__ = ["RISING", "Judge", "falls", "judge_of"]

Int64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
HOUR = 3_600_000_000
RISING = ("more_than", "at_least")


@dataclass(frozen=True)
class Judge:
    """`measure` of findings compares with a value × `scale` as the comparator says.

    `rounded`: a measure that is the value may be either. `always`: findings that another figure makes, whatever the value.
    """

    comparator: str
    measure: Callable[[Hits], Int64]
    scale: int = 1
    rounded: bool = False
    always: Callable[[Hits], Mask] | None = None


def _own(hits: Hits) -> Int64:
    return hits.measure


def _beyond(hits: Hits) -> Int64:
    return hits.measure - hits.limit


def _apart(hits: Hits) -> Int64:
    return np.abs(hits.measure - hits.limit)


def judge_of(rule: Rule, path: RawPath) -> Judge | None:
    """What alone decides whether a finding stands, and leaves its rows and money as they are; None: nothing does."""
    check, kernel, form = rule.check, rule.kernel, rule.form
    if kernel == "K01":
        return _of_age(rule, path)
    if kernel == "K03":
        return Judge("more_than", _beyond)
    if kernel == "K04":
        return Judge("at_least", _own)
    if kernel in ("K06", "K12"):
        falling = path != ("cap", "factor") and getattr(check, "comparator", "") in ("less_than", "at_most")
        plain = falling and path in (("cap",), ("value",))
        return Judge(check.comparator, _own) if plain else None
    if kernel == "K08":
        return _of_zones(rule, path)
    if kernel == "K09":
        return _SPANS.get((form, path[-1]))
    if kernel == "K10":
        return Judge(check.comparator, _own, rounded=True) if form == "daily_dose" else None
    if kernel == "K13":
        return Judge(check.test.comparator, _own, rounded=True)
    if kernel == "K15":
        return Judge(check.comparator, _own, HOUR) if form == "delay" else Judge("more_than", _apart, rounded=True)
    if kernel == "user":
        parts = rule.amount == "excess_qty" and check.measure != "count" and check.comparator in RISING
        return None if parts else Judge(check.comparator, _own)
    return None


_SPANS: dict[tuple[str, Any], Judge] = {
    **{(form, name): Judge("more_than", _own) for form, name in (("overlap", "grace"), ("after_death", "grace"), ("idle", "value"), ("unsettled", "days"))},
    ("before_admission", "days"): Judge("at_most", _own),
}  # fmt: skip


def _of_age(rule: Rule, path: RawPath) -> Judge:
    """Each row is judged by the test that its table row names."""
    barred = rule.check.barred
    if not isinstance(barred, ColumnMap):
        return Judge(barred.comparator, _own)
    test: Any = barred.map[str(path[2])]
    assert isinstance(test, AgeTest)
    _, of_entry, _ = tests_of(rule)
    mine = list(barred.map).index(str(path[2]))
    return Judge(test.comparator, _own, always=lambda hits: of_entry[hits.entry] != mine)


def _of_zones(rule: Rule, path: RawPath) -> Judge:
    """A stay is hit where any zone compares."""
    check = rule.check
    compares = COMPARE[check.comparator]
    others = [zone.value.value for place, zone in enumerate(check.zones) if place != path[1]]

    def always(hits: Hits) -> Mask:
        out = np.zeros(len(hits), bool)
        for value in others:
            out |= compares(hits.measure, value)
        return out

    return Judge(check.comparator, _own, always=always)


def falls(rule: Rule, path: RawPath) -> bool:
    """Whether a unit that is hit at a value of the figure is hit at every lower one; else at every higher one.

    A comparator that names what is more does so, and so does every grace, allowance and tolerance: each is a bound of one measure, which
    does not hang on it. Days of the stay are not below 0, nor is a part of them below a smaller part. Of a laboratory value the comparator
    names what is no hit, unless the condition is turned round.
    """
    check = rule.check
    if rule.kernel == "K02":
        return (check.lab.comparator in RISING) == check.negate
    if rule.kernel in ("K06", "K07", "K12", "user"):
        return check.comparator in RISING
    return True
