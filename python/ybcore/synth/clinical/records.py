"""Operations, laboratory values and stock, from the lines that are there."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from .. import draw
from ..draw import Draw, Ints
from ..places import Places
from ..plan import Plan
from ..visits import REVERSAL, is_reversal
from .billing import Lines
from .care import Care, Staff
from .goods import Goods
from .schedule import STAYS, Schedule
from .specials import AT, OPERATION_SECOND, Chosen, operation_codes

_DAY, _MICROS = 86_400, 1_000_000
QUARTERS = 4
#: Tests of which every fourth stay has a value, the highest and the lowest one in 1/10000 of the test's unit: normal values.
_NORMAL = (70_000, 160_000)


def operation_rows(
    made: Schedule, with_them: Care, staff: Staff, chosen: Chosen, setl: pa.Array
) -> tuple[pa.Table, Ints]:
    """Rows of the table ``operations`` and their offsets by visit."""
    rows = made.rows
    at = np.flatnonzero((chosen.group >= 0) & ~is_reversal(rows))
    day = rows.begin[at].astype(np.int64) + np.minimum(rows.end[at] - rows.begin[at], 1)
    time = (day * _DAY + OPERATION_SECOND) * _MICROS
    offsets = np.concatenate(([0], np.cumsum(np.bincount(at, minlength=len(rows)))))
    return pa.table(
        {
            "setl_id": pa.DictionaryArray.from_arrays(pa.array(at.astype(np.int32)), setl),
            "oprn_oprt_code": draw.coded(chosen.group[at], operation_codes()),
            "oprn_oprt_type": draw.coded(np.zeros(len(at), np.int8), ("1",)),
            "oprn_oprt_date": pa.array(time).cast(pa.timestamp("us")),
            "oper_dr_code": pa.DictionaryArray.from_arrays(
                pa.array(with_them.doctor[at].astype(np.int32)), staff.column
            ),
        }
    ), offsets


def lab_rows(made: Schedule, goods: Goods, chosen: Chosen, setl: pa.Array) -> tuple[pa.Table, Ints]:
    """Rows of the table ``labs`` and their offsets by visit: immunoglobulin G, low where the drug for it follows."""
    rows = made.rows
    low = chosen.items[:, AT["igg_drug"]] >= 0
    other = STAYS[rows.kind] & ((rows.person + made.slot) % 4 == 0)
    at = np.flatnonzero((low | other) & ~is_reversal(rows))
    spread = (rows.person[at] * 7919 + made.slot[at] * 104_729) % 1_000
    value = np.where(low[at], 8_000 + spread * 11, _NORMAL[0] + spread * (_NORMAL[1] - _NORMAL[0]) // 1_000)
    time = (rows.begin[at].astype(np.int64) * _DAY + 36_200) * _MICROS
    offsets = np.concatenate(([0], np.cumsum(np.bincount(at, minlength=len(rows)))))
    item = np.full(len(at), goods.index["002504010235001"], np.int32)
    return pa.table(
        {
            "setl_id": pa.DictionaryArray.from_arrays(pa.array(at.astype(np.int32)), setl),
            "med_list_codg": pa.DictionaryArray.from_arrays(pa.array(item), goods.codes),
            "exam_time": pa.array(time).cast(pa.timestamp("us")),
            "exam_value": pa.array(value),
        }
    ), offsets


class Sales:
    """What the institutions sold of the items whose stock is kept, by quarter."""

    def __init__(self, plan: Plan, where: Places, goods: Goods) -> None:
        self._goods, self._codes = goods, where.codes
        self._edges = np.array(
            [np.datetime64(f"{plan.year}-{m:02d}-01", "D").astype(np.int64) for m in (1, 4, 7, 10)]
            + [plan.first_day + plan.length]
        )
        self.sold = np.zeros((len(where.codes), len(goods.tracked_items), QUARTERS), np.int64)

    def add(self, made: Schedule, lines: Lines) -> None:
        """Count the lines of one unit. What was reversed and what was returned is not sold."""
        rows = made.rows
        gone = np.zeros(len(rows), bool)
        gone[rows.source[rows.role == REVERSAL]] = True
        track = self._goods.tracked[lines.item]
        at = np.flatnonzero((track >= 0) & ~gone[lines.visit])
        quarter = np.searchsorted(self._edges, lines.day[at], side="right") - 1
        cell = (rows.institution[lines.visit[at]], track[at].astype(np.int64), quarter)
        np.add.at(self.sold, cell, lines.quantity[at])

    def rows(self, seed: int) -> pa.Table:
        """Rows of the table ``stock``: received at least what was sold, now and then a little was lost."""
        institution, item, quarter = np.nonzero(self.sold)
        n = len(institution)
        d = Draw(seed, draw.RESERVED)
        opened, closed = d.below(n, 200) * 10_000, d.below(n, 200) * 10_000
        lost = np.where(d.chance(n, 0.05), d.below(n, 5) * 10_000, 0)
        sold = np.maximum(self.sold[institution, item, quarter], 0)
        return stock_table(
            pa.array(self._codes, pa.string()).take(pa.array(institution)),
            self._goods.codes.take(pa.array(self._goods.tracked_items[item])),
            self._edges[quarter], self._edges[quarter + 1], opened, sold + closed - opened + lost, closed,
        )  # fmt: skip


def stock_table(
    institution: pa.Array, item: pa.Array, begin: Ints, end: Ints, opened: Ints, received: Ints, closed: Ints
) -> pa.Table:
    """The columns of the table ``stock``."""
    return pa.table(
        {
            "fixmedins_code": institution.cast(pa.string()).dictionary_encode(),
            "med_list_codg": item.cast(pa.string()).dictionary_encode(),
            "begndate": draw.days(begin.astype(np.int32)),
            "enddate": draw.days(end.astype(np.int32)),
            "open_cnt": pa.array(opened),
            "in_cnt": pa.array(received),
            "close_cnt": pa.array(closed),
        }
    )


def totals(lines: Lines, made: Schedule) -> pa.Array:
    """medfee_sumamt: the sum of a visit's lines; missing on a reversal."""
    ends = np.concatenate(([0], np.cumsum(lines.amount)))
    total: npt.NDArray[np.int64] = ends[lines.offsets[1:]] - ends[lines.offsets[:-1]]
    return pa.array(total, mask=is_reversal(made.rows))
