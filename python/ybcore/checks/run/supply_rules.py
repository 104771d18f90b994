"""K10: doses and days of supply."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ... import _core
from ...columns.convert import NULL_INT
from ..rule import Rule
from .found import Raw
from .line_rules import c, table_entry
from .shapes import unbounded
from .work import Chosen, Work

__all__ = ["supply"]

Int64 = npt.NDArray[np.int64]


def limits_of(rule: Rule, figure: Any, chosen: Chosen) -> Int64:
    """A figure for each chosen line: the same for all, or its table row's; NULL_INT where there is none."""
    if not figure.column:
        return np.full(len(chosen.rows), figure.value, np.int64)
    values = rule.numbers[figure.column]
    if chosen.entry is None or not len(values):
        return np.full(len(chosen.rows), NULL_INT, np.int64)
    return np.where(chosen.entry >= 0, values[np.maximum(chosen.entry, 0)], NULL_INT)


def whole_days(quantity: Int64) -> Int64:
    """Days as whole ones, rounded up; missing ones stay missing."""
    missing = quantity == NULL_INT
    days = -(-quantity // 10_000)
    days[missing] = NULL_INT
    return days


def supply(work: Work, rule: Rule) -> Raw:
    """K10."""
    check = rule.check
    chosen = work.lines(rule)
    lost = 0
    if check.form == "prescription_days":
        without = work.at(work.prescriptions, chosen.rows) < 0
        lost = int(without.sum())
        chosen = chosen.only(~without)
    if check.form == "daily_dose":
        limit = limits_of(rule, check.max, chosen)
        dose, times = (work.at(work.column(name), chosen.rows) for name in ("sin_dos", "used_frqu"))
        entry = None if chosen.entry is None else c(chosen.entry)
        found = _core.check_daily_dose(dose, times, c(limit), entry, check.comparator, work.threads)
        return table_entry(Raw(unbounded(found), chosen.rows, "lines", chosen.eligible, chosen.unknown), chosen)
    keys = [work.of(chosen, "item")]
    if check.form == "course" and check.by != "item":
        cells = rule.cells[check.by.column]
        keys = [cells[np.maximum(chosen.entry, 0)] if chosen.entry is not None else np.full(len(chosen.rows), -1)]
    if (keys[0] < 0).any():
        known = keys[0] >= 0
        chosen, keys = chosen.only(known), [keys[0][known]]
    if check.form == "prescription_days":
        keys = [work.of(chosen, "visit"), work.at(work.prescriptions, chosen.rows), *keys]
    order, begin = _core.check_regroup(work.person_begin(chosen), [c(key.astype(np.int32, copy=False)) for key in keys], work.threads)  # fmt: skip
    mine = Chosen(
        work.at(c(chosen.rows), order), None if chosen.entry is None else work.at(c(chosen.entry), order), 0, 0
    )
    limit = limits_of(rule, check.max if check.form != "overlap" else check.allowance, mine)
    if (limit == NULL_INT).any():
        limit = np.where(limit == NULL_INT, np.int64(1) << 60, limit)  # no limit
    dose, times = (
        None if check.form == "course" else work.at(work.column(name), mine.rows) for name in ("sin_dos", "used_frqu")
    )
    found = _core.check_supply(
        check.form, begin, work.of(mine, "day"), work.of(mine, "quantity"), whole_days(work.at(work.column("prd_days"), mine.rows)), dose, times,
        c(limit), mine.entry, getattr(check, "comparator", "more_than"), check.rounding == "pack", getattr(check, "mode", "") == "span",
        -1 if getattr(check, "reset_days", None) is None else check.reset_days.value, work.threads,
    )  # fmt: skip
    return table_entry(Raw(unbounded(found), mine.rows, "lines", chosen.eligible, chosen.unknown + lost), chosen)
