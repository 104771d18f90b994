"""What a run of checks gives: findings, details and manifest as Arrow tables, and words for people."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ...columns.checks import unread_cells
from ...columns.convert import NULL_INT
from ...columns.ids import lookup
from .. import statistics as counted
from .. import told
from ..book import RuleBook
from ..vocabulary import DISPOSITIONS
from .counted import Counted, counted_in
from .found import OFFENDING, units_moved
from .money import Judged
from .moved import Moved
from .recover import Back
from .texts import FEW, as_texts, chosen_texts, some_of
from .work import Work

if TYPE_CHECKING:
    from ..why import Why

__all__ = ["CheckReport"]

Int64 = npt.NDArray[np.int64]


@dataclass
class CheckReport:
    """Findings, their details, and what ran (docs/checks.md section 5). Money is int64 fen, quantities 1/10000, times microseconds."""

    work: Work = field(repr=False)
    judged: Judged = field(repr=False)
    ran: Callable[[], pa.Table] = field(repr=False)
    notes: tuple[str, ...]
    unmatched_returns: int
    suppressions: list[dict[str, Any]]
    seconds: dict[str, float]
    book: RuleBook = field(repr=False)
    recovered: dict[int, Back] | None = field(default=None, repr=False)
    rejected_fen: int = 0  # of the money moved, what lies in visits that came out without money
    stage: str = "after"
    skipped: tuple[
        tuple[str, str | None], ...
    ] = ()  # rules that did not run on these tables, and why; as in the manifest

    @cached_property
    def manifest(self) -> pa.Table:
        """One row a rule of the book: whether it ran, what it looked at, what it hit."""
        return self.ran()

    @property
    def unread(self) -> list[dict[str, Any]]:
        """Cells that are there but cannot be read, and so are missing: `table`, `column`, `cells` (how many), `rows` (the first, from 1)."""
        return unread_cells(self.work.batch.frames.values())

    @property
    def left_out(self) -> int:
        """Visits that nothing looks at, since they have no id, person or time, or an id that stands before."""
        batch = self.work.batch
        lost = (batch.setl < 0) | (batch.psn < 0) | (batch.begin == NULL_INT)
        lost |= batch.row_of_setl[batch.setl] != np.arange(batch.visits.rows)
        return int(lost.sum())

    @cached_property
    def _order(self) -> Int64:
        """Findings by the book's order of rules, then jr_id."""
        return np.lexsort((self._names, self.judged.rule)).astype(np.int64)

    @cached_property
    def _names(self) -> npt.NDArray[np.bytes_]:
        """jr_id of every finding."""
        return np.concatenate([hits.jr_id for hits in self.judged.hits] or [np.zeros(0, "S20")])

    @cached_property
    def findings(self) -> pa.Table:
        """One row a finding."""
        judged, work, order = self.judged, self.work, self._order
        batch = work.batch
        rule, at = judged.rule[order], judged.at[order]
        first = self._first_unit()[order]
        is_line, row = first[:, 1] == 1, first[:, 0]
        visit = row.copy()
        visit[is_line] = batch.line_visit[row[is_line]]
        rules = [hits.rule for hits in judged.hits]

        def of_hits(name: str) -> Any:
            return np.concatenate([getattr(h, name) for h in judged.hits] or [np.zeros(0, np.int64)])[order]

        def of_rule(values: list[str]) -> pa.Array:
            return chosen_texts(values, rule)

        amount = self._amounts()[order]
        computed = np.array([r.amount != "none" and r.kernel != "K13" for r in rules] or [False])[rule]
        computed &= ~self._without_amount()[order]
        out = {
            "jr_id": _texts(self._names[order]),
            "rule_id": of_rule([r.id for r in rules]),
            "rule_version": of_rule([r.version for r in rules]),
            "psn_no": self._ids_of(batch.visits.ids["psn_no"], visit),
            "setl_id": self._ids_of(batch.visits.ids["setl_id"], visit),
            "mdtrt_id": self._stays(visit),
            "fixmedins_code": self._unit(batch.visits.ids.get("fixmedins_code"), visit, rule, at, "unit_hospital"),
            "dr_code": self._doctors(row, is_line, visit, rule, at),
            "disposition": chosen_texts(DISPOSITIONS, judged.disposition[order]),
            "sev_deg": as_texts(judged.severity[order]),
            "vola_amt": pa.array(amount),
            "vola_amt_stas": as_texts(computed.astype(np.int64)),
            "recover_amt": self._recover(order, "fund"),
            "own_amt": self._recover(order, "own"),
            "vola_bhvr_type": of_rule([r.behaviour for r in rules]),
            "measure": pa.array(of_hits("measure")),
            "limit": pa.array(of_hits("limit")),
            "group": self._groups(order),
            "begin": _nullable(self._bounds("begin")[order]),
            "end": _nullable(self._bounds("end")[order]),
            "table_row": pa.array(of_hits("entry")),
            "shadow": pa.array(np.array([r.shadow for r in rules] or [False])[rule]),
            "suppressed": pa.array(judged.suppressed[order]),
            "subsumed": pa.array(judged.subsumed[order]),
        }
        return pa.table(out)

    def _groups(self, order: Int64) -> pa.Array:
        """What each finding was counted in; null where in no group."""
        base = np.cumsum([0, *(len(own.kinds) for own in self._counted)]).tolist()
        kinds = [kind for own in self._counted for kind in own.kinds]
        place = np.concatenate([own.kind + at for own, at in zip(self._counted, base)] or [np.zeros(0, np.int64)])
        return chosen_texts(kinds, place[order])

    def _bounds(self, name: str) -> Int64:
        return np.concatenate([getattr(own, name) for own in self._counted] or [np.zeros(0, np.int64)])

    @cached_property
    def _counted(self) -> list[Counted]:
        """What the findings of each rule were counted in."""
        return [hits.counted or counted_in(self.work, hits) for hits in self.judged.hits]

    def _without_amount(self) -> Any:
        """Findings of which an offending line lacks its amount: what they come to is not known."""
        lacks, parts = self.work.no_amount, []
        for hits in filter(len, self.judged.hits):
            out = np.zeros(len(hits), bool)
            if lacks is not None:
                own = np.flatnonzero((hits.part == OFFENDING) & hits.is_line)
                out[hits.finding[own[lacks[hits.row[own]]]]] = True
            parts.append(out)
        return np.concatenate(parts or [np.zeros(0, bool)])

    def _amounts(self) -> Int64:
        parts = []
        for hits in filter(len, self.judged.hits):
            total = np.zeros(len(hits), np.int64)
            own = hits.part == OFFENDING
            np.add.at(total, hits.finding[own], hits.amount[own])
            parts.append(total)
        return np.concatenate(parts or [np.zeros(0, np.int64)])

    def _first_unit(self) -> Int64:
        """(row, 1 for a line and 0 for a visit, -1 without) of the first offending row in order."""
        parts = []
        for hits in filter(len, self.judged.hits):
            out = np.full((len(hits), 2), -1, np.int64)
            own = np.flatnonzero(hits.own)
            has, first = np.unique(hits.finding[own], return_index=True)
            at = own[first]
            out[has, 0], out[has, 1] = hits.row[at], hits.is_line[at]
            parts.append(out)
        return np.concatenate(parts or [np.zeros((0, 2), np.int64)])

    @staticmethod
    def _ids_of(column: Any, row: Int64) -> pa.Array:
        if column is None:
            return pa.nulls(len(row), pa.string())
        return some_of(column, row)

    def _stays(self, visit: Int64) -> pa.Array:
        ids = self.work.batch.visits.ids
        own = self._ids_of(ids["setl_id"], visit)
        if "mdtrt_id" not in ids:
            return own
        stay = self._ids_of(ids["mdtrt_id"], visit)
        return pc.coalesce(stay, own if stay.type == own.type else own.cast(stay.type))

    def _unit(self, column: Any, visit: Int64, rule: Int64, at: Int64, name: str) -> pa.Array:
        found = self._ids_of(column, visit)
        bare = np.flatnonzero(visit < 0)
        if not len(bare):
            return found
        texts = found.to_pylist()
        for i in bare.tolist():
            held = getattr(self.judged.hits[int(rule[i])], name)
            texts[i] = None if held is None else held[int(at[i])]
        return pa.array(texts)

    def _doctors(self, row: Int64, is_line: Any, visit: Int64, rule: Int64, at: Int64) -> pa.Array:
        batch = self.work.batch
        code = np.full(len(row), -1, np.int64)
        code[is_line] = batch.doctor[row[is_line]]
        own = ~is_line & (visit >= 0)
        code[own] = batch.attending[visit[own]]
        known = (
            self._ids_of(pa.chunked_array([batch.doctor_ids]), code)
            if len(batch.doctor_ids)
            else pa.nulls(len(row), pa.string())
        )
        bare = np.flatnonzero(visit < 0)
        if not len(bare):
            return known
        texts = known.to_pylist()
        for i in bare.tolist():
            held = self.judged.hits[int(rule[i])].unit_doctor
            texts[i] = None if held is None else held[int(at[i])]
        return pa.array(texts, pa.string())

    def _recover(self, order: Int64, what: str) -> pa.Array:
        if self.recovered is None:
            return pa.nulls(len(order), pa.int64())
        of = self.recovered
        return pa.array([getattr(of[f], what) if f in of else 0 for f in order.tolist()], pa.int64())

    @cached_property
    def details(self) -> pa.Table:
        """One row a finding and line or visit, in the order of the findings."""
        judged, work = self.judged, self.work
        batch, order = work.batch, self._order
        base = np.concatenate(([0], np.cumsum([len(h.row) for h in judged.hits]))).astype(np.int64)
        low = np.concatenate([h.begin_of[:-1] + base[i] for i, h in enumerate(judged.hits)] or [np.zeros(0, np.int64)])[
            order
        ]
        size = np.concatenate([np.diff(h.begin_of) for h in judged.hits] or [np.zeros(0, np.int64)])[order]
        step = np.arange(int(size.sum())) - np.repeat(np.cumsum(size) - size, size)
        at = np.repeat(low, size) + step

        def of(name: str, dtype: Any) -> Any:
            return np.concatenate([getattr(h, name) for h in judged.hits] or [np.zeros(0, dtype)])[at]

        row, is_line, part = of("row", np.int64), of("is_line", bool), of("part", np.uint8)
        visit = row.copy()
        visit[is_line] = batch.line_visit[row[is_line]]
        names = _texts(np.repeat(self._names[order], size))
        lines = batch.frame("lines")
        numbers = None if lines is None else lines.ids.get("feedetl_sn")
        offending = part == OFFENDING
        paid = np.concatenate(judged.paid or [np.zeros(0, np.int64)])[at]
        return pa.table(
            {
                "jrd_id": _numbered(names, step + 1),
                "jr_id": names,
                "setl_id": self._ids_of(batch.visits.ids["setl_id"], visit),
                "feedetl_sn": self._ids_of(numbers, np.where(is_line, row, -1)),
                "row": pa.array(np.where(is_line, row, -1)),
                "vola_item_type": pa.array(part.astype(np.int64)),
                "cnt": _nullable(np.where(offending & is_line, of("count", np.int64), NULL_INT)),
                "vola_amt": pa.array(np.where(offending, of("amount", np.int64), 0)),
                "paid_amt": pa.array(paid),
            }
        )

    def text(self, lang: str = "zh") -> pa.Table:
        """jr_id, vola_cont (what was hit) and vola_evid (count, limit, window, source) of each finding."""
        return told.texts(self, lang)

    def to_3101(self, lang: str = "zh", task_id: str | None = None) -> list[dict[str, Any]]:
        """The violations as the interface's audit answer has them, each with its details; money is yuan as text, `task_id` that of the question."""
        return told.as_3101(self, lang, task_id)

    def statistics(self, by: Sequence[str] = ("rule_id", "level", "fixmedins_code")) -> pa.Table:
        """Hits, persons, vola_amt and paid_amt by any of rule_id, disposition, sev_deg, level, fixmedins_code, dr_code, shadow."""
        return counted.grouped(self, by)

    def precision(self, labels: Any, file: str = "") -> pa.Table:
        """Confirmed and overturned findings by rule; `labels`: a table of jr_id and outcome, `file`: where it is from. Raises InputError."""
        return counted.precision(self, labels, file)

    def replay(self, rule: str, values: Sequence[Any], figure: str | None = None) -> pa.Table:
        """What the rule would find at each of up to 100 values of a figure of it (replay.replay). Raises InputError."""
        from ..replay import replayed

        return replayed(self.work, self.book, rule, values, figure, stage=self.stage)

    def why_not(self, line: Any, rule: str) -> Why:
        """Why a rule did not hit a line (its input row, (setl_id, feedetl_sn), or `setl_id/feedetl_sn`) or a visit (setl_id). Raises InputError."""
        from ..why import why_not

        return why_not(self, line, rule)

    def to_html(self, path: str | os.PathLike[str], lang: str = "zh", *, top: int = 200) -> None:
        """Write one page that opens offline: figures, colours by rule, groups, the `top` largest findings. Needs the extra `report`."""
        from ...report.page import write_page

        write_page(self, path, lang, top=top)

    def to_excel(self, path: str | os.PathLike[str], lang: str = "zh") -> None:
        """Write an .xlsx with summary, rules, findings, details, institutions, doctors, persons, not run. Needs the extra `excel`."""
        from ...report.workbook import write_workbook

        write_workbook(self, path, lang)

    def levels(self) -> pa.Array:
        """Level of the institution (3, 2, 1, 0) of each finding's first offending visit; null where there is none."""
        first = self._first_unit()[self._order]
        visit, is_line = first[:, 0].copy(), first[:, 1] == 1
        visit[is_line] = self.work.batch.line_visit[visit[is_line]]
        codes, texts = self.work.scopes.text("level")
        known = pa.array([text or None for text in texts], pa.string())
        code = np.where(visit < 0, 0, codes[np.maximum(visit, 0)]) if len(codes) else np.zeros(len(visit), np.int64)
        return known.take(pa.array(code.astype(np.int64), mask=visit < 0))

    def people_of(self, settlements: pa.ChunkedArray) -> tuple[list[Any], list[Any]]:
        """psn_no and mdtrt_id of visits that are named by their setl_id."""
        batch = self.work.batch
        visit = batch.row_of_setl[lookup(settlements, batch.setl_ids)].astype(np.int64)
        return self._ids_of(batch.visits.ids["psn_no"], visit).to_pylist(), self._stays(visit).to_pylist()

    def denials(self) -> Moved:
        """What the findings move out of each input line to full self-pay: fen and quantity."""
        work, judged = self.work, self.judged
        none = Moved.none(len(work.batch.line_visit))
        moved = Moved(none.amount, none.quantity, work.returned)
        for hits, paid in zip(judged.hits, judged.paid):
            pays = np.flatnonzero(paid > 0)
            rows = hits.row[pays]
            np.add.at(moved.amount, rows, paid[pays])
            np.maximum.at(moved.quantity, rows, units_moved(hits, pays, work.quantity))
        return moved


def _numbered(names: pa.Array, place: Int64) -> pa.Array:
    """Names of details: that of the finding, and the place in it."""
    if len(names) <= FEW:
        return pa.array([f"{name}-{at}" for name, at in zip(names.to_pylist(), place.tolist())], names.type)
    return pc.binary_join_element_wise(names, as_texts(place), "-")


def _texts(names: npt.NDArray[np.bytes_]) -> pa.Array:
    """Names of 20 bytes each as texts."""
    size = names.dtype.itemsize
    if len(names) * size >= 2**31:
        return pa.array(names.astype(str), pa.large_string()).cast(pa.string())
    offsets = np.arange(0, (len(names) + 1) * size, size, dtype=np.int32)
    return pa.StringArray.from_buffers(len(names), pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(names)))


def _nullable(values: Int64) -> pa.Array:
    return pa.array(values, mask=values == NULL_INT)
