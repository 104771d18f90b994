"""The lines of a batch in canonical order and net of returns, and what orders rows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ... import _core
from ...columns.convert import NULL_INT
from ...settling.order import tie_ids
from .given import Batch
from .moved import Returned
from .texts import some_of

__all__ = ["UNIT", "Chosen", "OrderedLines", "id_key"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
UNIT = 10_000
_BLOCK = 1 << 20
_FEW = 1 << 12  # lines that are put in order by their ids without asking whether they are


@dataclass
class Chosen:
    """What a rule looks at, in canonical order: input rows, the table row of each (None: no table decides), and the counts.

    `places`: where lines stand among the standing ones, where they are of those; `visit`: of each, where it was read already; `whole`: all
    of the standing ones are chosen.
    """

    rows: Any
    entry: Int32 | None
    eligible: int
    unknown: int
    places: Int32 | None = None
    whole: bool = False
    visit: Int32 | None = None

    def only(self, keep: Mask) -> Chosen:
        """Some of them; the counts stay."""
        places = np.flatnonzero(keep).astype(np.int32) if self.whole else taken_or_none(self.places, keep)
        entry, visit = (taken_or_none(own, keep) for own in (self.entry, self.visit))
        return Chosen(self.rows[keep], entry, self.eligible, self.unknown, places, visit=visit)


def taken_or_none(values: Any, keep: Any) -> Any:
    """Some of the values, where there are any."""
    return None if values is None else values[keep]


class OrderedLines:
    """`order`: rows of lines of standing visits by person, time and ids; `rows`: those of them that stand after netting.

    `standing` says by input row which these are, `cut` where each person begins among them.
    """

    def __init__(self, batch: Batch) -> None:
        self.batch, self.threads = batch, batch.threads
        self._ordered: dict[str, Any] = {}
        self._lines()

    # ------------------------------------------------------------------ lines

    def _lines(self) -> None:
        batch, frame = self.batch, self.batch.frame("lines")
        self.no_amount: Mask | None = None  # lines by input row; None: no line lacks its amount
        if frame is None:
            self.order = self.rows = np.zeros(0, np.int32)
            self.quantity = self.amount = np.zeros(0, np.int64)
            self.cut = np.zeros(len(batch.psn_ids) + 1, np.int64)
            self.returns = self.lost = 0
            self.returned = Returned.none()
            self.as_given, self.standing = True, np.zeros(0, bool)
            return
        lacking = frame.ints("det_item_fee_sumamt") == NULL_INT
        self.no_amount = lacking if lacking.any() else None
        quantity, amount = self.given_quantity, self.given_amount
        visit = batch.line_visit
        if not batch.stands.all():
            own = np.where(batch.stands, np.arange(batch.visits.rows), -1).astype(np.int32)
            visit = _core.taken(np.append(own, np.int32(-1)), visit, self.threads)
        names = ("numbers", "offsets", "bytes")
        ids = dict(zip((f"visit_{name}" for name in names), (batch.visit_ties[name] for name in names)))
        if "feedetl_sn" in frame.ids and (frame.rows < _FEW or not _rising(frame.ids["feedetl_sn"], batch.line_visit)):
            ids |= dict(zip((f"line_{name}" for name in names), _ties(frame.ids["feedetl_sn"])))
        time = np.ascontiguousarray(batch.line_time)
        found, begin, was_ordered = _core.check_order(
            visit, batch.psn, time, len(batch.psn_ids), **ids, threads=self.threads
        )
        order: Int32 | None = None if was_ordered else found
        net = _core.check_net(order, begin, visit, batch.item, quantity, amount, batch.named_line(), time, self.threads)
        self.returns, self.lost = int(net["returns"]), int(net["lost"])
        self.quantity, self.amount = quantity, amount
        self.returned = Returned.none()
        if self.returns:
            back = (quantity < 0) | (amount < 0)
            self.quantity, self.amount = net["quantity"], net["amount"]
            less = np.flatnonzero(((self.quantity != quantity) | (self.amount != amount)) & ~back)
            self.returned = Returned(less, amount[less] - self.amount[less], quantity[less] - self.quantity[less])
            self.quantity[back] = self.amount[back] = 0
            self.let_go()
        self.order = np.arange(frame.rows, dtype=np.int32) if order is None else order
        self.standing = net["stands"].view(bool)
        stands = self.standing if order is None else self.standing[self.order]
        gone = np.flatnonzero(~stands)
        self.as_given = was_ordered and not len(gone)
        self.rows = self.order[stands] if len(gone) else self.order
        self.cut = begin - np.searchsorted(gone, begin)

    def let_go(self) -> None:
        """Quantities and amounts before netting are read again when they are asked for."""
        if self.returns:
            self.batch.frames["lines"].forget("cnt", "det_item_fee_sumamt")

    @property
    def given_amount(self) -> Int64:
        """Fen of each line before netting, 0 where missing. Not kept."""
        frame = self.batch.frames.get("lines")
        amount = np.zeros(0, np.int64) if frame is None else frame.ints("det_item_fee_sumamt")
        return np.ascontiguousarray(np.where(amount == NULL_INT, 0, amount) if (amount == NULL_INT).any() else amount)

    @property
    def given_quantity(self) -> Int64:
        """Quantity of each line before netting: 1 where missing, or -1 of a negative amount. Not kept."""
        count = self.batch.frames["lines"].ints("cnt")
        missing = count == NULL_INT
        if missing.any():
            count = np.where(missing, np.where(self.given_amount < 0, -UNIT, UNIT), count)
        return np.ascontiguousarray(count)

    def given(self, name: str) -> Any:
        """A column of all lines, by input row: visit, item, day, time, quantity, amount."""
        if name in ("quantity", "amount"):
            return getattr(self, name)
        return getattr(self.batch, "item" if name == "item" else f"line_{name}")

    def ordered(self, name: str) -> Any:
        """The same of the standing lines, in canonical order; visit and item are kept. Not to be written."""
        if name in self._ordered:
            return self._ordered[name]
        column = np.ascontiguousarray(self.given(name))
        out = column if self.as_given else _core.taken(column, self.rows, self.threads)
        if name in ("visit", "item"):
            self._ordered[name] = out
        return out

    def of(self, chosen: Chosen, name: str) -> Any:
        """The same of some lines."""
        if chosen.whole:
            return self.ordered(name)
        if name == "visit" and chosen.visit is not None:
            return chosen.visit
        return self.at(np.ascontiguousarray(self.given(name)), chosen.rows)

    def at(self, column: Any, rows: Any) -> Any:
        """Some rows of a column."""
        if rows.dtype == np.int32 and column.dtype in (np.int32, np.int64, np.uint8) and len(column):
            return _core.taken(column, rows, self.threads)
        return column[rows]

    def person_begin(self, chosen: Chosen) -> Int64:
        """Where the runs of persons begin among lines in canonical order, and their end."""
        if chosen.whole:
            return np.unique(self.cut)
        if chosen.places is not None:
            return _core.check_runs(np.ascontiguousarray(chosen.places), self.cut)
        person = self.batch.psn[self.batch.line_visit[chosen.rows]]
        if not len(person):
            return np.zeros(1, np.int64)
        return np.append(np.flatnonzero(np.diff(person, prepend=-2)), len(person)).astype(np.int64)

    def lines_of(self, visits: Mask) -> Int32:
        """The standing lines of some visits, in canonical order."""
        inside = _core.taken(np.append(visits, False).view(np.uint8), self.ordered("visit"), self.threads)
        rows: Int32 = self.rows[np.flatnonzero(inside)]
        return rows

    @cached_property
    def place_of(self) -> Int32:
        """Place in canonical order of each line; lines that are left out stand at the end."""
        size = len(self.order)
        out = np.full(len(self.batch.line_visit), size, np.int32)
        # In blocks: NumPy turns the places into wide ones first.
        for at in range(0, size, _BLOCK):
            out[self.order[at : at + _BLOCK]] = np.arange(at, min(size, at + _BLOCK), dtype=np.int32)
        return out

    @cached_property
    def visit_place(self) -> Int64:
        """Place of each visit among those that stand, by person, begin and id."""
        order, _ = self.batch.visit_order
        out = np.full(self.batch.visits.rows, len(order), np.int64)
        out[order] = np.arange(len(order))
        return out

    def column(self, name: str) -> Int64:
        """A numeric column of the lines, NULL_INT where missing."""
        frame = self.batch.frame("lines")
        return np.zeros(0, np.int64) if frame is None else frame.ints(name)

    def prices(self, rows: Any) -> Int64:
        """Prices of some lines; the column is not kept, for few rules ask."""
        found: Int64 = self.at(self.column("pric"), rows)
        self.batch.frames["lines"].forget("pric")
        return found

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
        return self.batch.number("visits", "mdtrt_cert_no")

    @cached_property
    def last_day(self) -> int | None:
        """The last day of lines and visits that stand."""
        days = [self.batch.line_day[self.standing], self.batch.end_day[self.batch.stands]]
        return max((int(part.max()) for part in days if len(part)), default=None)

    def by_key(self, key: Any, keys: int, rows: Any, on: str) -> tuple[Int64, Int64]:
        """Rows of different persons by a dense key, then time, then the ids of visit and line.

        (places in that order; where the rows of each key that occurs begin, and the end).
        """
        batch, lines = self.batch, on == "lines"
        visit = batch.line_visit[rows] if lines else rows
        time = np.ascontiguousarray(batch.line_time[rows] if lines else batch.begin[rows])
        # Lines of one visit and time go as they stand in canonical order.
        place = (self.place_of if lines else self.visit_place)[rows].astype(np.int64)
        key = np.ascontiguousarray(key, dtype=np.int32)
        order, begin, _ = _core.order_rows(key, keys, time, None, place, None, None)
        same = (time[order][1:] == time[order][:-1]) & (key[order][1:] == key[order][:-1])
        same &= visit[order][1:] != visit[order][:-1]
        if same.any():
            # Lines of two visits may take turns: all of that key and time are put in order anew.
            tied = np.isin(time[order], np.unique(time[order][1:][same]))
            at = np.flatnonzero(tied)
            mine = order[at]
            order[at] = mine[np.lexsort((place[mine], self._by_id(visit[mine]), time[mine], key[mine]))]
        return order, np.unique(begin)

    def _by_id(self, visit: Any) -> Int64:
        """Numbers that order visits by their ids."""
        own, of = np.unique(visit, return_inverse=True)
        ids = tie_ids(pa.chunked_array([some_of(self.batch.visits.ids["setl_id"], own)]))
        none = np.zeros(len(own), np.int32)
        order, _, _ = _core.order_rows(none, 1, none.astype(np.int64), None, ids["numbers"], ids["offsets"], ids["bytes"])  # fmt: skip
        rank = np.empty(len(own), np.int64)
        rank[order] = np.arange(len(own))
        return rank[of.reshape(-1)]

    def begin_of_persons(self, visit: Any) -> Int64:
        """Where each person begins among events that stand by person; one more than persons."""
        return np.searchsorted(self.batch.psn[visit], np.arange(len(self.batch.psn_ids) + 1)).astype(np.int64)

    def line_ids(self, name: str) -> tuple[Int32, pa.Array]:
        """Dense ids of a further id column of the lines (-1 missing), and the ids."""
        frame = self.batch.frames["lines"]
        if name not in frame.ids:
            return np.full(frame.rows, -1, np.int32), pa.array([], pa.large_string())
        return self.batch.number("lines", name)

    @cached_property
    def has_line(self) -> Mask:
        """Visits with a standing line."""
        return _core.check_tally(self.ordered("visit"), None, self.batch.visits.rows) > 0

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


def _rising(column: pa.ChunkedArray, visit: Int32) -> bool:
    """Whether lines stand by visit, and those of one visit by their ids: then their places order them as the ids do."""
    at, last = 0, None
    for chunk in column.chunks:
        if not len(chunk):
            continue
        if chunk.null_count or pa.types.is_dictionary(chunk.type):
            return False
        own = visit[at : at + len(chunk)]
        step = np.diff(own)
        if (step < 0).any():
            return False
        ids = pc.greater(chunk.slice(1), chunk.slice(0, len(chunk) - 1))
        if not (np.asarray(ids) | (step > 0)).all():
            return False
        if last is not None and (own[0] < last[0] or (own[0] == last[0] and not pc.greater(chunk[0], last[1]).as_py())):
            return False
        at, last = at + len(chunk), (own[-1], chunk[-1])
    return True


def _ties(column: pa.ChunkedArray) -> tuple[Any, Any, Any]:
    """Ids for ties: numbers, or offsets and bytes."""
    ids = tie_ids(column)
    return ids["numbers"], ids["offsets"], ids["bytes"]


def id_key(value: object) -> tuple[int, int, bytes]:
    """Ids go as bytes, numbers as numbers."""
    return (0, value, b"") if isinstance(value, int) else (1, 0, str(value).encode())
