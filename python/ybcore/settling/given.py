"""What a caller gave, as arrays: tables checked, ids made dense, days filled in, rows refused that no policy could settle."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from .. import _core
from ..catalog import Catalog
from ..columns.checks import check_account_events, check_validity, readable_amounts, unreadable
from ..columns.convert import NULL_DAY, NULL_INT
from ..columns.digest import table_digest
from ..columns.ids import encode, flat, lookup, lookup_indices, lookup_runs, rising
from ..columns.read import Frame, Problems, read
from ..columns.schema import ACCT_EVENTS, INSTITUTIONS, LINES, NATURE_BUCKETS, NATURES, PERSONS, VISITS, Column, Table
from ..policy.compile import CompiledBook
from .order import lines_by_visit
from .returned import Returned
from .unsure import ON_THE_WAY

__all__ = ["Given", "input_tables"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
MICROS_A_DAY = 86_400_000_000
BAD, DUPLICATE = 1, 2
MOST_IN_VISIT = 10**12  # of absolute amounts, in fen


def nothing(rows: int) -> Int32:
    """A column of -1 that takes no room; not contiguous."""
    return np.broadcast_to(np.int32(-1), rows)


def input_tables(compiled: CompiledBook) -> dict[str, Table]:
    """The tables of a batch under a book: with the natures of its tags, and the attributes and fields that it declares."""
    extra: dict[str, list[Column]] = {"visits": [], "persons": [], "institutions": []}
    tags = dict.fromkeys(tag for policy in compiled.policies for tag in policy.model.tags)
    extra["visits"] += [Column(f"{tag}.{bucket}", "money", negative=True) for tag in tags for bucket in NATURE_BUCKETS]
    for asked in compiled.attributes.values():
        if asked.declared:
            column = Column(asked.name, "count" if asked.kind == "number" else "code")
            for table in dict.fromkeys(asked.tables):
                extra[table].append(column)
    for name in compiled.fields:
        if name not in compiled.attributes and VISITS.find(name) is None:
            extra["visits"].append(Column(name, "count"))
            extra["persons"].append(Column(name, "count"))
    return {t.name: t.with_columns(extra.get(t.name, [])) for t in (VISITS, LINES, PERSONS, INSTITUTIONS, ACCT_EVENTS)}


class Given:
    """The tables of one batch. Attributes are filled by `__init__` and `prepare`."""

    def __init__(
        self,
        compiled: CompiledBook,
        catalog: Catalog | None,
        tables: dict[str, Any],
        line_offsets: Any = None,
        threads: int = 1,
    ) -> None:
        self.compiled, self.catalog, self.threads, self.given = compiled, catalog, threads, tables
        self.tags = list(dict.fromkeys(tag for policy in compiled.policies for tag in policy.model.tags))
        self.most_tags = compiled.max_tags
        problems = Problems()
        known = input_tables(compiled)
        self.visits = read(tables["visits"], known["visits"], problems, optional={"med_type"}, threads=threads)
        self.persons = self._maybe(tables, "persons", known["persons"], problems)
        self.institutions = self._maybe(tables, "institutions", known["institutions"], problems)
        self.acct_events = self._maybe(tables, "acct_events", known["acct_events"], problems)
        self.lines = self._maybe(tables, "lines", known["lines"], problems, ON_THE_WAY)
        self.line_offsets = line_offsets
        self.diseases: dict[str, int] = {}
        self.disease_names: list[str] = []
        self.state_order = np.zeros(0, np.int64)
        if self.lines is not None and catalog is None:
            problems.add("fee lines are given but no catalogue", "lines")
        self._check_lines(problems)
        check_validity(self.persons, problems)
        check_validity(self.institutions, problems)
        check_account_events(self.acct_events, problems)
        problems.stop()
        self.notes = [
            note
            for f in (self.visits, self.persons, self.institutions, self.acct_events, self.lines)
            if f is not None
            for note in f.notes
        ]

    def _maybe(
        self, tables: dict[str, Any], name: str, table: Any, problems: Problems, later: frozenset[str] = frozenset()
    ) -> Frame | None:
        data = tables.get(name)
        return None if data is None else read(data, table, problems, threads=self.threads, later=later)

    def _check_lines(self, problems: Problems) -> None:
        if self.lines is None:
            return
        if self.line_offsets is None and "setl_id" not in self.lines.ids:
            problems.add(
                "lines name no visit: give setl_id, or line_offsets with one more entry than visits", "lines.setl_id"
            )
        self.most_lines: int | None = None
        if self.line_offsets is not None:
            offsets = self.line_offsets = np.ascontiguousarray(self.line_offsets, dtype=np.int64)
            fewest, self.most_lines = _core.steps(offsets, self.threads)
            if len(offsets) != self.visits.rows + 1 or offsets[0] != 0 or offsets[-1] != self.lines.rows or fewest < 0:
                problems.add(
                    "line_offsets must rise from 0 to the number of lines, one more entry than visits", "line_offsets"
                )

    def prepare(self, state: Any) -> None:
        """Dense ids, days, lines by visit, and refusals."""
        self.state = state
        self._ids()
        self._days()
        self._lines()
        self._refuse()

    def _ids(self) -> None:
        v = self.visits
        n = v.rows
        own_id = v.ids["setl_id"]
        self.state_setl: Sequence[Any] = [] if self.state is None else self.state.setl_ids()
        # Rising numbers are their own dictionary, and no two of them are equal.
        self.distinct = not self.state_setl and "init_setl_id" not in v.ids and rising(own_id, self.threads)
        if self.distinct:
            self.setl, self.setl_dictionary = np.arange(n, dtype=np.int32), own_id.chunk(0)
            self.init = nothing(n)
        else:
            columns = [own_id, v.ids.get("init_setl_id", pa.chunked_array([pa.nulls(n, own_id.type)]))]
            (self.setl, self.init, *_), self.setl_dictionary = encode(
                [*columns, *self._as(own_id, self.state_setl)], self.threads
            )
        people = [v.ids["psn_no"]]
        for frame, name in (
            (v, "mulaid_psn_no"),
            (self.persons, "psn_no"),
            (self.persons, "mulaid_psn_no"),
            (self.acct_events, "psn_no"),
        ):
            people.append(
                frame.ids[name]
                if frame is not None and name in frame.ids
                else pa.chunked_array([], v.ids["psn_no"].type)
            )
        people += self._as(v.ids["psn_no"], [] if self.state is None else self.state.people())
        codes, self.psn_dictionary = encode(people, self.threads)
        self.psn, self.visit_donor, self.persons_psn, self.persons_donor, self.events_psn = codes[:5]
        self.people = len(self.psn_dictionary)
        stay = v.ids.get("mdtrt_id")
        self.linked: Int32 | None = None
        if stay is None and self.distinct and "refl_old_mdtrt_id" not in v.ids and self.state is None:
            self.stay, self.stay_dictionary = self.setl, self.setl_dictionary
        else:
            self._stays(own_id, stay)
        hospitals = [v.ids.get("fixmedins_code", pa.chunked_array([], pa.large_string()))]
        if self.institutions is not None:
            hospitals.append(self.institutions.ids["fixmedins_code"])
        hospitals += self._as(hospitals[0], [] if self.state is None else self.state.hospitals())
        found, self.hospital_dictionary = encode(hospitals, self.threads)
        self.hospital = found[0] if len(found[0]) else nothing(n)
        self.institution_key = found[1] if self.institutions is not None else None
        empty = pa.chunked_array([], pa.large_string())
        houses = [
            v.ids.get("hsld_no", empty),
            self.persons.ids.get("hsld_no", empty) if self.persons is not None else empty,
        ]
        houses += self._as(
            next((h for h in houses if len(h)), empty), [] if self.state is None else self.state.households()
        )
        found, self.house_dictionary = encode(houses)
        self.visit_house = found[0] if len(found[0]) else nothing(n)
        self.persons_house = found[1] if len(found[1]) else None

    def _stays(self, own_id: pa.ChunkedArray, stay: pa.ChunkedArray | None) -> None:
        v = self.visits
        if stay is None:
            stay = own_id
        elif stay.null_count:
            stay = pa.chunked_array([pc.coalesce(flat(stay).combine_chunks(), flat(own_id).combine_chunks())])
        linked = v.ids.get("refl_old_mdtrt_id", pa.chunked_array([], stay.type))
        known = self._as(stay, [] if self.state is None else self.state.stays())
        stays, self.stay_dictionary = encode([stay, linked, *known], self.threads)
        self.stay = stays[0]
        self.linked = stays[1] if len(stays[1]) and int(stays[1].max()) >= 0 else None

    @staticmethod
    def _as(column: pa.ChunkedArray, values: Sequence[Any]) -> list[pa.ChunkedArray]:
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        return [pa.chunked_array([pa.array(values, kind)])] if len(values) else []

    def _days(self) -> None:
        v = self.visits
        self.time = v.ints("setl_time") if "setl_time" in v.cells else np.full(v.rows, NULL_INT, np.int64)
        day, self.timed = _core.days_of(np.ascontiguousarray(self.time), self.threads)
        self.setl_day = day
        self.begndate, self.enddate = self._or_day("begndate", day), self._or_day("enddate", day)
        if "ipt_days" in v.cells:
            days = v.ints("ipt_days")
            self.days = np.where(days == NULL_INT, np.maximum(1, self.enddate - self.begndate), days).astype(np.int32)
        elif self.enddate is self.begndate:
            self.days = np.ones(v.rows, np.int32)
        else:
            self.days = np.maximum(1, self.enddate - self.begndate)
        self.reverses = "refd_setl_flag" in v.cells
        self.reversal = v.flag("refd_setl_flag", 0) == 1 if self.reverses else np.zeros(v.rows, bool)
        first = self.compiled.policies[0].model.dates
        self.policy_rule, self.order_rule = first.policy, first.order
        self.order_date = self.enddate if self.order_rule == "discharge" else self.setl_day
        self.dates = {"settlement": self.setl_day, "discharge": self.enddate, "admission": self.begndate}

    def _or_day(self, name: str, day: Int32) -> Int32:
        """A date column, the settlement day where it says nothing."""
        if name not in self.visits.cells:
            return day
        given = self.visits.days(name)
        return np.where(given == NULL_DAY, day, given).astype(np.int32)

    def _lines(self) -> None:
        v, lines = self.visits, self.lines
        n = v.rows
        self.line_row: Int64 | None = None
        if lines is None:
            self.line_begin = np.zeros(n + 1, np.int64)
        elif self.line_offsets is not None:
            self.line_begin = np.ascontiguousarray(self.line_offsets, dtype=np.int64)
        else:
            run, ends = lookup_runs(lines.ids["setl_id"], self.setl_dictionary, self.threads)
            first = np.full(len(self.setl_dictionary) + 1, -1, np.int32)
            rows = np.flatnonzero(self.setl >= 0)[::-1].astype(np.int32)
            first[self.setl[rows]] = rows
            visit = first[run]
            self._orphans(visit, ends)
            self.line_begin, self.line_row = lines_by_visit(visit, ends, n)
        names = [*NATURES, "medfee_sumamt", "direct_amt", *(f"{tag}.{b}" for tag in self.tags for b in NATURE_BUCKETS)]
        names = [name for name in names if name in v.cells]
        self.priced = np.ones(n, bool)
        if names:
            given = np.zeros(n, bool)
            for name in names:
                given |= v.ints(name) != NULL_INT
            self.priced = self.has_lines | ~given
        self.kernel_lines = self._kernel_lines()

    @cached_property
    def has_lines(self) -> npt.NDArray[np.bool_]:
        """Visits with fee lines."""
        return self.line_begin[1:] > self.line_begin[:-1]

    @cached_property
    def line_totals(self) -> tuple[Int64, npt.NDArray[np.uint8]]:
        """(sum of each visit's lines, 1 where an amount is missing or the sum beyond bounds)."""
        totals: tuple[Int64, npt.NDArray[np.uint8]] = _core.line_totals(
            self.line_begin, self.kernel_lines, self.threads
        )
        return totals

    def _bad_lines(self) -> npt.NDArray[np.bool_]:
        """Visits whose lines cannot be added up."""
        if self.lines is None or not self.lines.cells["det_item_fee_sumamt"].sure:
            return np.zeros(self.visits.rows, bool)
        bounds = self.lines.cells["det_item_fee_sumamt"].bounds if unreadable(self.lines) is None else None
        # Where even the most lines of the largest amounts stay inside the bound, nothing need be added.
        if bounds is not None and bounds[0] != NULL_INT and self.adds_up(max(-bounds[0], bounds[1])):
            return np.zeros(self.visits.rows, bool)
        return self.line_totals[1].view(bool).copy()

    def adds_up(self, amount: int) -> bool:
        """No visit's lines can come to too much when none is beyond this amount."""
        most = self.most_lines
        if most is None:
            _, most = _core.steps(self.line_begin, self.threads)
        return most * amount <= MOST_IN_VISIT

    def _orphans(self, visit: Int32, ends: Int64) -> None:
        lost = np.flatnonzero(visit < 0)
        if len(lost):
            sizes = np.diff(ends, prepend=0)
            problems = Problems()
            assert self.lines is not None
            column = self.lines.ids["setl_id"]
            rows = [int(ends[i] - sizes[i]) for i in lost[:5]]
            for row in rows:
                problems.add(f"setl_id {column[row].as_py()!r} is not among the visits", "lines.setl_id", row=row + 1)
            problems.add(f"{int(sizes[lost].sum())} lines belong to no visit", "lines.setl_id")
            problems.stop()

    def _kernel_lines(self) -> Any:
        lines = self.lines
        if lines is None:
            none = np.zeros(0, np.int32)
            return _core.Lines(none, None, none, None, np.zeros(0, np.int64), None, None, None, None)
        assert self.catalog is not None
        item, index = lookup_indices(lines.ids["med_list_codg"], self.catalog.codes, self.threads)
        self.returned = Returned.of(lines, self.line_begin, self.line_row)
        return self.lines_as(np.ascontiguousarray(item, dtype=np.int32), index, self.line_row)

    def lines_as(self, item: Int32, index: Int32 | None, row: Int64 | None) -> Any:
        """The lines for pricing, with these items; `row`: those of each visit, one visit after the other (None: all as they stand)."""
        lines = self.lines
        assert lines is not None
        return _core.Lines(
            item, index, self.returned.days(), lines.ints("cnt") if "cnt" in lines.cells else None,
            readable_amounts(lines, "det_item_fee_sumamt"), lines.ints("pric") if "pric" in lines.cells else None,
            self.returned.flags("deny_flag", 1) if "deny_flag" in lines.cells else None,
            self.returned.flags("hosp_appr_flag", 2) if "hosp_appr_flag" in lines.cells else None, row,
            all(cells.sure for cells in lines.cells.values()),
        )  # fmt: skip

    def _refuse(self) -> None:
        """Rows that cannot be settled whatever the policy says."""
        v = self.visits
        self._first_row: Int64 | None = None
        bad = self._bad_lines()
        for cells in v.cells.values():
            if cells.bad is not None:
                bad |= cells.bad
        if "med_type" not in v.cells:
            bad |= ~self.reversal
        else:
            codes, texts = v.cells["med_type"].values, v.cells["med_type"].texts or []
            if not all(texts) or self._any_negative(codes):
                known = np.array([bool(text) for text in texts] + [False])
                bad |= ~known[codes] & ~self.reversal
        for ids in (self.psn,) if self.distinct else (self.setl, self.psn):
            if self._any_negative(ids):
                bad |= ids < 0
        if self.lines is not None:
            bad[self.returned.circling(self.notes)] = True
        if not self.timed:
            bad |= self.time == NULL_INT
        if self.enddate is not self.begndate:
            bad |= self.enddate < self.begndate
        if "ipt_days" in v.cells and self._any_negative(self.days):
            bad |= self.days < 0
        self.reason = np.where(bad, BAD, 0).astype(np.uint8) if bad.any() else np.zeros(v.rows, np.uint8)
        self.taking_part = ~bad
        if self.distinct:
            return
        good = np.flatnonzero(~bad)
        first = np.full(len(self.setl_dictionary) + 1, -1, np.int64)
        first[self.setl[good[::-1]]] = good[::-1]
        if self.state is not None:
            known_ids = (
                lookup(self._as(v.ids["setl_id"], self.state_setl)[0], self.setl_dictionary)
                if len(self.state_setl)
                else np.zeros(0, np.int32)
            )
            first[known_ids] = -2
        again = ~bad & (first[self.setl] != np.arange(v.rows))
        self.reason[again] = DUPLICATE
        self._first_row = first
        self.taking_part = self.reason == 0

    @property
    def first_row(self) -> Int64:
        """Row of each settlement id: the first that takes part, -1 none, -2 one of an earlier run; -1 at the end."""
        if self._first_row is None:
            self._first_row = np.append(np.where(self.taking_part, np.arange(self.visits.rows), -1), -1)
        return self._first_row

    def _any_negative(self, numbers: Int32) -> bool:
        return _core.rough_bounds(np.ascontiguousarray(numbers), self.threads)[0] < 0

    def _money(self, name: str) -> Int64:
        if name not in self.visits.cells:
            return np.zeros(self.visits.rows, np.int64)
        values = self.visits.ints(name)
        return np.where(values == NULL_INT, 0, values)

    def disease_index(self, text: str) -> int:
        """Dense number of a disease code."""
        if text not in self.diseases:
            self.diseases[text] = len(self.diseases)
            self.disease_names.append(text)
        return self.diseases[text]

    def digests(self) -> dict[str, Any]:
        """sha256 of each input table's content, so that a run can be told from another."""
        frames = (self.visits, self.lines, self.persons, self.institutions, self.acct_events)
        return {
            f.table.name: {"rows": f.rows, "sha256": table_digest(f, self.threads)} for f in frames if f is not None
        }
