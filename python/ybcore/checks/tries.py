"""A rule at many values of one of its figures, in as few scans as are honest.

Where the measure of a finding alone decides for which values it stands, one scan at the easiest value finds everything that any value
finds. Where the parts of a bucket's lines follow from its sum, they are cut anew from that scan. Windows have a kernel of their own. For
the rest every further value is judged only among the units that the value before it hit, the easiest first.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..policy.paths import RawPath
from .rule import Rule
from .run.time_rules import OF_VISITS
from .run.work import Work
from .try_groups import Picked
from .try_judges import RISING, judge_of
from .try_parts import of_buckets, of_items, of_windows
from .try_run import Run, Tell, Tried

__all__ = ["tried"]

Int64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


def tried(work: Work, rule: Rule, path: RawPath, values: Int64, denied: Mask, before: bool, tell: Tell) -> Tried:
    """The rule at each of some rising values of the figure at `path`."""
    run = Run(Picked(work), rule, path, values, denied, before, tell)
    try:
        return _tried(run)
    finally:
        run.work.done()


def _tried(run: Run) -> Tried:
    rule, path = run.rule, run.path
    judge = judge_of(rule, path)
    if judge is not None:
        return run.by_measure(judge)
    whole = run.before and bool(run.work.batch.history.any())
    if (
        not whole
        and rule.amount in ("none", "whole_line", "excess_qty")
        and getattr(rule.check, "comparator", "") in RISING
    ):
        if rule.kernel == "K06" and path != ("cap", "factor"):
            return of_buckets(run)
        if rule.kernel == "K12" and path == ("value",):
            return of_items(run)
    if not whole and rule.kernel == "K07" and _plain_windows(rule):
        return of_windows(run)
    return run.by_units()


def _plain_windows(rule: Rule) -> bool:
    """One value a window, and money that an event moves by itself."""
    check = rule.check
    by_event = rule.amount in ("none", "whole_line", "excess_qty") or (
        rule.amount == "visit_total" and check.measure in OF_VISITS
    )
    return by_event and all(len(window.thresholds) == 1 for window in check.windows)
