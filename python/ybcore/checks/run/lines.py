"""The lines of a batch in canonical order and net of returns, and what orders rows."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ... import _core
from ...columns.convert import NULL_INT
from ...columns.ids import encode, flat
from ...settling.order import tie_ids
from .given import Batch

__all__ = ["UNIT", "OrderedLines", "id_key"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
UNIT = 10_000


class OrderedLines:
    """`order`: rows of lines of standing visits by person, time and ids; `rows`: those of them that stand after netting."""

    def __init__(self, batch: Batch) -> None:
        self.batch, self.threads = batch, batch.threads
        self._lines()

    # ------------------------------------------------------------------ lines

    def _lines(self) -> None:
        batch, frame = self.batch, self.batch.frame("lines")
        if frame is None:
            self.order = self.rows = np.zeros(0, np.int64)
            self.quantity = self.amount = np.zeros(0, np.int64)
            self.returns = self.lost = 0
            return
        amount = frame.ints("det_item_fee_sumamt")
        amount = np.where(amount == NULL_INT, 0, amount)
        count = frame.ints("cnt")
        quantity = np.where(count == NULL_INT, np.where(amount < 0, -UNIT, UNIT), count)
        self.given_amount, self.given_quantity = amount, quantity
        visit = batch.line_visit
        out = ~batch.stands
        if out.any():
            visit = np.where(out[visit], -1, visit).astype(np.int32)
        names = ("numbers", "offsets", "bytes")
        ids = dict(zip((f"visit_{name}" for name in names), _ties(batch.visits.ids["setl_id"])))
        if "feedetl_sn" in frame.ids:
            ids |= dict(zip((f"line_{name}" for name in names), _ties(frame.ids["feedetl_sn"])))
        found, begin, was_ordered = _core.check_order(
            visit, batch.psn, np.ascontiguousarray(batch.line_time), len(batch.psn_ids), **ids, threads=self.threads
        )
        order: Int32 | None = None if was_ordered else found
        net = _core.check_net(order, begin, visit, batch.item, quantity, amount, self.batch.named_line, self.threads)
        self.returns, self.lost = int(net["returns"]), int(net["lost"])
        back = (quantity < 0) | (amount < 0)
        self.quantity = np.where(back, 0, net["quantity"] if self.returns else quantity)
        self.amount = np.where(back, 0, net["amount"] if self.returns else amount)
        self.order = np.arange(frame.rows) if order is None else order.astype(np.int64)
        stands = net["stands"].view(bool)[self.order]
        self.rows = self.order if stands.all() else self.order[stands]

    @cached_property
    def place_of(self) -> Int64:
        """Place in canonical order of each line; lines that are left out stand at the end."""
        out = np.full(len(self.batch.line_visit), len(self.order), np.int64)
        out[self.order] = np.arange(len(self.order))
        return out

    @cached_property
    def visit_place(self) -> Int64:
        """Place of each visit among those that stand, by person, begin and id."""
        order, _ = self.batch.visit_order
        out = np.full(self.batch.visits.rows, len(order), np.int64)
        out[order] = np.arange(len(order))
        return out

    def person_begin(self, rows: Int64) -> Int64:
        """Where the runs of persons begin among lines in canonical order, and their end."""
        person = self.batch.psn[self.batch.line_visit[rows]]
        if not len(person):
            return np.zeros(1, np.int64)
        return np.append(np.flatnonzero(np.diff(person, prepend=-2)), len(person)).astype(np.int64)

    def column(self, name: str) -> Int64:
        """A numeric column of the lines, NULL_INT where missing."""
        frame = self.batch.frame("lines")
        return np.zeros(0, np.int64) if frame is None else frame.ints(name)

    @cached_property
    def prescriptions(self) -> Int32:
        """Prescription of each line within its visit; -1 without rxno."""
        return self.line_ids("rxno")[0]

    @cached_property
    def cards(self) -> tuple[Int32, pa.Array]:
        """Card of each visit (-1 missing), and the cards."""
        visits = self.batch.visits
        if "mdtrt_cert_no" not in visits.ids:
            return np.full(visits.rows, -1, np.int32), pa.array([], pa.large_string())
        (codes,), ids = encode([visits.ids["mdtrt_cert_no"]], self.threads)
        return codes, ids

    @cached_property
    def last_day(self) -> int | None:
        """The last day of lines and visits that stand."""
        days = [self.batch.line_day[self.rows], self.batch.end_day[self.batch.stands]]
        return max((int(part.max()) for part in days if len(part)), default=None)

    def global_rank(self, rows: Int64, on: str) -> Int64:
        """Numbers that order rows of different persons: by time, then the ids of visit and line."""
        batch = self.batch
        time = batch.line_time[rows] if on == "lines" else batch.begin[rows]
        order = np.argsort(time, kind="stable")
        tied = np.zeros(len(rows), bool)
        same = time[order][1:] == time[order][:-1]
        tied[1:] |= same
        tied[:-1] |= same
        if tied.any():
            at = np.flatnonzero(tied)
            mine = order[at]
            keys = self._id_keys(rows[mine], on)
            order[at] = mine[sorted(range(len(mine)), key=lambda i: (int(time[mine[i]]), *keys[i]))]
        out = np.empty(len(rows), np.int64)
        out[order] = np.arange(len(rows))
        return out

    def _id_keys(self, rows: Int64, on: str) -> list[tuple[Any, ...]]:
        batch = self.batch
        visit = batch.line_visit[rows] if on == "lines" else rows
        visits = [id_key(text) for text in flat(batch.visits.ids["setl_id"]).take(pa.array(visit)).to_pylist()]
        if on != "lines":
            return [(key,) for key in visits]
        frame = batch.frames["lines"]
        own: list[Any] = [None] * len(rows)
        if "feedetl_sn" in frame.ids:
            own = flat(frame.ids["feedetl_sn"]).take(pa.array(rows)).to_pylist()
        places = self.place_in_visit[rows].tolist() if any(text is None for text in own) else own
        lines = [(-1, place, b"") if text is None else id_key(text) for text, place in zip(own, places)]
        return list(zip(visits, lines))

    def begin_of_persons(self, visit: Any) -> Int64:
        """Where each person begins among events that stand by person; one more than persons."""
        return np.searchsorted(self.batch.psn[visit], np.arange(len(self.batch.psn_ids) + 1)).astype(np.int64)

    def line_ids(self, name: str) -> tuple[Int32, pa.Array]:
        """Dense ids of a further id column of the lines (-1 missing), and the ids."""
        frame = self.batch.frames["lines"]
        if name not in frame.ids:
            return np.full(frame.rows, -1, np.int32), pa.array([], pa.large_string())
        (codes,), ids = encode([frame.ids[name]], self.threads)
        return codes, ids

    @cached_property
    def has_line(self) -> Mask:
        """Visits with a standing line."""
        out = np.zeros(self.batch.visits.rows, bool)
        out[self.batch.line_visit[self.rows]] = True
        return out

    @cached_property
    def place_in_visit(self) -> Int64:
        """Place of each line in its visit, as the rows stand, from 1."""
        visit = self.batch.line_visit
        order = np.argsort(visit, kind="stable")
        first = np.flatnonzero(np.diff(visit[order], prepend=-2))
        out = np.empty(len(visit), np.int64)
        out[order] = np.arange(len(visit)) - np.repeat(first, np.diff(np.append(first, len(visit)))) + 1
        return out

    @cached_property
    def stay_days(self) -> Int32:
        """Days of the stay of each visit."""
        batch = self.batch
        days = batch.visits.ints("ipt_days")
        own = np.maximum(1, batch.end_day.astype(np.int64) - batch.begin_day)
        return np.where(days == NULL_INT, own, days).astype(np.int32)


def _ties(column: pa.ChunkedArray) -> tuple[Any, Any, Any]:
    """Ids for ties: numbers, or offsets and bytes."""
    ids = tie_ids(column)
    return ids["numbers"], ids["offsets"], ids["bytes"]


def id_key(value: object) -> tuple[int, int, bytes]:
    """Ids go as bytes, numbers as numbers."""
    return (0, value, b"") if isinstance(value, int) else (1, 0, str(value).encode())
