"""What findings move, told apart by what it was before: money of the scheme, money that was the person's own in any case, and money of visits that are not settled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .run import Result
from .world import Line

UNSETTLED = ("rejected", "not_enrolled")


@dataclass
class Apart:
    """Fen of one finding; together its `paid_amt`."""

    moved: int = 0
    own: int = 0
    unsettled: int = 0


def apart(result: Result, visits: list[dict[str, Any]], lines: list[dict[str, Any]]) -> dict[str, Apart]:
    """By jr_id. ``visits`` and ``lines`` are the answers of a settlement without rules; lines by setl_id and feedetl_sn.

    A line that is full self-pay without any rule (class C, unknown, not approved) is so with one: what is denied of it changes nobody's burden.
    """
    outcome = {row["setl_id"]: row["outcome"] for row in visits}
    own = {(row["setl_id"], row["feedetl_sn"]) for row in lines if row["fulamt_ownpay_amt"]}
    out = {}
    for found in result.judged:
        told = out[found.jr_id] = Apart()
        for detail in found.details:
            line = detail.unit
            if not isinstance(line, Line):
                continue
            if outcome[line.visit.id] in UNSETTLED:
                told.unsettled += detail.paid
            elif (line.visit.id, line.cells.get("feedetl_sn")) in own:
                told.own += detail.paid
            else:
                told.moved += detail.paid
    return out
