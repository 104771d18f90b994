"""Values that judge events, by the scope that each of them names."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..rule import Rule
from .scope import UNKNOWN, YES
from .work import Work

__all__ = ["steps_of", "thresholds"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]


def thresholds(
    work: Work, rule: Rule, specs: list[Any], rows: Int64, on: str, highest: bool
) -> tuple[Any, Any, list[tuple[int, int]], int]:
    """Values that judge each event: (class of each event, None: one; offsets of specs x classes; (value, severity) in order; unknown).

    `specs`: lists of thresholds. Of those whose scope holds, the most specific judge; an event for which one cannot be known is judged by
    none of that list.
    """
    masks: list[Any] = []
    for steps in specs:
        if all(not step.scope for step in steps):
            masks.append(None)
            continue
        mask, unknown = np.zeros(len(rows), np.int64), np.zeros(len(rows), bool)
        for i, step in enumerate(steps):
            if not step.scope:
                mask |= 1 << i
                continue
            truth = work.scopes.of_lines(step.scope, rule.visit_kinds, rows) if on == "lines" else work.scopes.truth(step.scope, rule.visit_kinds)[rows]  # fmt: skip
            mask |= (truth == YES).astype(np.int64) << i
            unknown |= truth == UNKNOWN
        masks.append(np.where(unknown, -1, mask))
    told = [mask for mask in masks if mask is not None]
    found, of_event = _classes(told, len(rows))
    lost = int(np.count_nonzero(np.logical_or.reduce([mask < 0 for mask in told]))) if told else 0
    offsets: list[int] = [0]
    values: list[tuple[int, int]] = []
    columns = iter(found.T)
    for steps, mask in zip(specs, masks):
        for code in [(1 << len(steps)) - 1] * len(found) if mask is None else next(columns).tolist():
            values += steps_of(steps, code, highest, rule)
            offsets.append(len(values))
    one = len(found) == 1
    return (None if one else of_event, (np.array(offsets, np.int64), len(found)), values, lost)


def _classes(masks: list[Int64], rows: int) -> tuple[Int64, Int32]:
    """(the combinations of values that occur, the one of each row)."""
    if not masks or not rows:
        return np.zeros((1, len(masks)), np.int64), np.zeros(rows, np.int32)
    found, of_row = np.zeros((1, 0), np.int64), np.zeros(rows, np.int64)
    for mask in masks:
        low = int(mask.min())
        width = int(mask.max()) - low + 1
        of_row = of_row * width + (mask - low)
        there = np.bincount(of_row, minlength=len(found) * width) > 0 if width < 1 << 16 else None
        keys = np.unique(of_row) if there is None else np.flatnonzero(there)
        of_row = np.searchsorted(keys, of_row) if there is None else (np.cumsum(there) - 1)[of_row]
        found = np.concatenate((found[keys // width], (keys % width + low)[:, None]), axis=1)
    return found, of_row.astype(np.int32)


def steps_of(steps: Any, mask: int, highest: bool, rule: Rule) -> list[Any]:
    """(value, severity) of the most specific scope among some thresholds, the furthest first."""
    holding = [step for i, step in enumerate(steps) if mask >= 0 and mask >> i & 1]
    if not holding:
        return []
    top = max(step.scope.specificity for step in holding)
    mine = [(step.value.value, step.severity or 0) for step in holding if step.scope.specificity == top]
    return sorted(mine, key=lambda s: s[0], reverse=highest)
