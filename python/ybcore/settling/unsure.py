"""Columns of lines that are not looked through when they are read: pricing, which reads them all, sees to their limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..columns.convert import FIRST_DAY, LAST_DAY, NULL_INT, Cells, convert
from ..columns.read import Frame

if TYPE_CHECKING:
    from .given import Given

__all__ = ["ON_THE_WAY", "confirmed"]

DAY, AMOUNT = "fee_ocur_time", "det_item_fee_sumamt"
ON_THE_WAY = frozenset({DAY, "cnt", AMOUNT})


def confirmed(given: Given, price: dict[str, Any]) -> bool:
    """Whether lines are what they were taken for, by what pricing has seen of them.

    When they are not they have now been read for sure, and everything is to be done again.
    """
    lines = given.lines
    unsure = [] if lines is None else [name for name, cells in lines.cells.items() if not cells.sure]
    if lines is None or not unsure or _as_taken(given, lines, unsure, price):
        return True
    for name in unsure:
        lines.cells[name] = _read(given, lines, name)
    given.__dict__.pop("line_totals", None)
    return False


def _read(given: Given, lines: Frame, name: str) -> Cells:
    spec = lines.table.find(name)
    assert spec is not None
    return convert(lines.source[name], spec, given.threads)


def _as_taken(given: Given, lines: Frame, unsure: list[str], price: dict[str, Any]) -> bool:
    seen, most = price["seen"]
    if seen < 0:
        return False
    days = price["days"]
    for name in unsure:
        if name == DAY and days is not None:
            if days[0] < FIRST_DAY or days[1] > LAST_DAY:
                return False
        elif name == DAY or seen != lines.rows:
            # Some lines were not priced: the column is looked through after all.
            cells = _read(given, lines, name)
            if cells.bad is not None:
                return False
            if name != DAY and (cells.bounds is None or cells.bounds[0] == NULL_INT):
                return False
            if name == AMOUNT and cells.bounds is not None:
                most = max(-cells.bounds[0], cells.bounds[1])
    return AMOUNT not in unsure or given.adds_up(most) or not given.line_totals[1].any()
