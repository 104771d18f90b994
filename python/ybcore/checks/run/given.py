"""What a caller gave to be checked, as arrays: tables read, ids made dense, times filled in, refunds netted, lines in order."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ... import _core
from ...columns.asof import Dated
from ...columns.checks import check_validity, tell
from ...columns.checkschema import CHECK_LINES, CHECK_VISITS, DIAGNOSES, DOCTORS, LABS, OPERATIONS, STOCK
from ...columns.convert import NULL_DAY, NULL_INT
from ...columns.ids import encode, is_number, lookup, named_lines
from ...columns.read import Frame, Problems, read
from ...columns.reader import number_together
from ...columns.schema import INSTITUTIONS, PERSONS
from ...settling.order import tie_ids
from ...settling.people import dated, insutype_match

if TYPE_CHECKING:
    from .kept import Kept

__all__ = ["SPARE", "TABLES", "Batch", "Whole"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
DAY = 86_400_000_000
_NAMING = ("lines", "diagnoses", "operations", "labs")
TABLES = {
    "visits": CHECK_VISITS,
    "lines": CHECK_LINES,
    "persons": PERSONS,
    "institutions": INSTITUTIONS,
    "diagnoses": DIAGNOSES,
    "operations": OPERATIONS,
    "labs": LABS,
    "doctors": DOCTORS,
    "stock": STOCK,
}
# Columns that settling needs and checks can do without.
SPARE = frozenset({"med_type", "setl_time", "psn_type", "insutype"})


@dataclass(frozen=True)
class Whole:
    """What a part cut out of a whole cannot tell by itself.

    `time_of_day`: whether some line of the whole is not dated at midnight. `aside`: visits of the part that do not stand because of
    visits elsewhere, by row; None without any.
    """

    time_of_day: bool
    aside: Mask | None = None


class Batch:
    """The tables of one run of checks. Everything by input row unless it says otherwise; -1 and NULL_INT are missing.

    Raises InputError with every wrong column of every table at once.
    """

    def __init__(
        self, tables: dict[str, Any], catalog: Any = None, line_offsets: Any = None, threads: int = 1, kept: Kept | None = None,
        whole: Whole | None = None,
    ) -> None:  # fmt: skip
        """`kept`: what was made before any call; institutions and doctors are there then. `whole`: what the tables are a part of."""
        self.whole = whole
        self.catalog, self.threads, self.kept = catalog, threads, kept
        problems = Problems()
        self.frames: dict[str, Frame] = {}
        for name, spec in TABLES.items():
            if kept is not None and name in kept.frames:
                self.frames[name] = kept.frames[name]
            elif tables.get(name) is not None and kept is not None:
                self.frames[name] = kept.readers[name].read(tables[name], problems)
            elif tables.get(name) is not None:
                lazy = name == "lines"
                self.frames[name] = read(tables[name], spec, problems, optional=SPARE, threads=threads, lazy=lazy)
        if "visits" not in self.frames:
            problems.add("the table is needed", "visits")
            problems.stop()
        self.visits = self.frames["visits"]
        self._numbered: dict[tuple[str, str], Int32] = {}
        self._check(line_offsets, problems)
        for name in ("persons", "institutions") if kept is None else ("persons",):
            check_validity(self.frames.get(name), problems)
        problems.stop()
        self._ids(line_offsets)
        self._times()
        self._standing()

    def _check(self, line_offsets: Any, problems: Problems) -> None:
        lines = self.frames.get("lines")
        if lines is None:
            return
        if line_offsets is None and "setl_id" not in lines.ids:
            what = "lines name no visit: give setl_id, or line_offsets with one more entry than visits"
            problems.add(what, "lines.setl_id")
        if line_offsets is not None:
            at = np.asarray(line_offsets)
            if len(at) != self.visits.rows + 1 or at[0] != 0 or at[-1] != lines.rows or (np.diff(at) < 0).any():
                what = "line_offsets must rise from 0 to the number of lines, one more entry than visits"
                problems.add(what, "line_offsets")

    def frame(self, name: str) -> Frame | None:
        """A table that was given, else None."""
        return self.frames.get(name)

    # ------------------------------------------------------------------ ids

    def _column(self, table: str, name: str) -> pa.ChunkedArray:
        frame = self.frames.get(table)
        held = None if frame is None else frame.ids.get(name)
        return pa.chunked_array([], pa.large_string()) if held is None else held

    def _joint(self, *places: tuple[str, str], beside: tuple[str, str] | None = None) -> tuple[list[Int32], pa.Array]:
        """Dense ids of one thing that stands in several tables; an empty column where it is not given.

        `beside`: a further table, which may have been numbered before any call; its ids that the others do not have are left out then.
        """
        self._alike(*places, *([] if beside is None else [beside]))
        together = None if self.kept is None else number_together(self.frames, places)
        if together is not None:
            codes, ids = together
            self._numbered |= zip(places, codes)
            known = None if beside is None or self.kept is None else self.kept.beside.get(beside[0])
            if beside is not None:
                codes = [*codes, np.zeros(0, np.int32) if known is None else known.within(ids)]
            return codes, ids
        columns = [self._column(*place) for place in places]
        kept = None if beside is None or self.kept is None else self.kept.beside.get(beside[0])
        if kept is not None:
            codes, ids = encode(columns, self.threads)
            return [*codes, kept.within(ids)], ids
        return encode(columns if beside is None else [*columns, self._column(*beside)], self.threads)

    def _alike(self, *places: tuple[str, str]) -> None:
        """Refuse ids of one thing that are texts in one column and numbers in another."""
        named: dict[bool, str] = {}
        for table, name in places:
            column = self._column(table, name)
            if len(column):
                named.setdefault(is_number(column), f"{table}.{name}")
        if len(named) > 1:
            problems = Problems()
            problems.add(f"ids are text in {named[False]} and integers in {named[True]}", named[True])
            problems.stop()

    def _settlements(self) -> None:
        """Numbers of the visits' ids, and of those that other small tables name."""
        own = ("visits", "setl_id"), ("visits", "init_setl_id")
        beside = [name for name in _NAMING if name in self.frames]
        together = (
            None if self.kept is None else number_together(self.frames, [*own, *((name, "setl_id") for name in beside)])
        )
        self._naming: dict[str, Int32] = {}
        if together is None:
            (self.setl, self.init), self.setl_ids = self._joint(*own)
        else:
            (self.setl, self.init, *named), self.setl_ids = together
            self._naming = dict(zip(beside, named))
            self._numbered |= zip(own, (self.setl, self.init))

    def codes(self, table: str, name: str) -> Int32:
        """Dense ids of one column (-1 missing), whatever they were numbered with."""
        if (table, name) not in self._numbered:
            self._numbered[table, name] = self.number(table, name)[0]
        return self._numbered[table, name]

    def number(self, table: str, name: str) -> tuple[Int32, pa.Array]:
        """Dense ids of one column (-1 missing), and the ids."""
        (codes,), ids = self._joint((table, name))
        return codes, ids

    def _ids(self, line_offsets: Any) -> None:
        v = self.visits
        n = v.rows
        self._settlements()
        self.init = self.init if len(self.init) else np.full(n, -1, np.int32)
        first = np.full(len(self.setl_ids) + 1, -1, np.int32)
        known = np.flatnonzero(self.setl >= 0)[::-1].astype(np.int32)
        first[self.setl[known]] = known
        self.row_of_setl = first
        (self.psn, self.persons_psn), self.psn_ids = self._joint(("visits", "psn_no"), ("persons", "psn_no"))
        (stay, linked), named = self._joint(("visits", "mdtrt_id"), ("visits", "refl_old_mdtrt_id"))
        # A visit without a stay of its own is one, beyond the named ones.
        own = len(named) + np.arange(n, dtype=np.int32)
        del named  # as large as the visits' ids, and only counted
        self.stay = np.where(stay >= 0, stay, own).astype(np.int32) if len(stay) else own
        self.linked = linked if len(linked) else np.full(n, -1, np.int32)
        (hospital, self.stock_hospital, self.institution_key), self.hospital_ids = self._joint(
            ("visits", "fixmedins_code"), ("stock", "fixmedins_code"), beside=("institutions", "fixmedins_code")
        )
        self.hospital = hospital if len(hospital) else np.full(n, -1, np.int32)
        (self.item, self.lab_item, self.stock_item), self.item_ids = self._joint(
            ("lines", "med_list_codg"), ("labs", "med_list_codg"), ("stock", "med_list_codg")
        )
        (doctor, attending, surgeon, self.doctor_key), self.doctor_ids = self._joint(
            ("lines", "bilg_dr_codg"), ("visits", "atddr_no"), ("operations", "oper_dr_code"), beside=("doctors", "dr_code")
        )  # fmt: skip
        lines = self.frames.get("lines")
        m = 0 if lines is None else lines.rows
        self.doctor = doctor if len(doctor) else np.full(m, -1, np.int32)
        self.attending = attending if len(attending) else np.full(n, -1, np.int32)
        self.surgeon = surgeon
        if lines is None:
            self.line_visit = np.zeros(0, np.int32)
        elif line_offsets is not None:
            self.line_visit = np.repeat(np.arange(n, dtype=np.int32), np.diff(np.asarray(line_offsets)))
        else:
            self.line_visit = self.visit_of("lines")
        beside = [name for name in ("diagnoses", "operations", "labs") if name in self.frames]
        self.row_visit: dict[str, Int32] = {name: self.visit_of(name) for name in beside}

    def visit_of(self, table: str) -> Int32:
        """Visit row of each row of a table that names visits; rows of no visit are told as a problem."""
        number = self._naming.get(table)
        if number is None:
            self._alike(("visits", "setl_id"), (table, "setl_id"))
            number = lookup(self.frames[table].ids["setl_id"], self.setl_ids, self.threads)
        found = self.row_of_setl[number]
        lost = found < 0
        if lost.any():
            problems = Problems()
            tell(problems, lost, "setl_id is not among the visits", f"{table}.setl_id")
            problems.stop()
        return found

    # ------------------------------------------------------------------ times

    def _times(self) -> None:
        v = self.visits
        setl = v.ints("setl_time")
        self.setl_time = np.ascontiguousarray(setl)
        self.begin = self._time_or(("begntime", "begndate"), setl)
        self.end = self._time_or(("endtime", "enddate"), setl)
        # Of a visit that says only one of the two, the other is the same.
        self.begin, self.end = (
            np.where(self.begin == NULL_INT, self.end, self.begin), np.where(self.end == NULL_INT, self.begin, self.end)
        )  # fmt: skip
        self.begin_day, self.end_day = self._day(self.begin), self._day(self.end)
        lines = self.frames.get("lines")
        if lines is None:
            self.line_time = np.zeros(0, np.int64)
            self.time_of_day = False
        else:
            given = lines.ints("fee_ocur_time")
            missing = given == NULL_INT
            midnight = self.end_day.astype(np.int64) * DAY
            self.line_time = np.where(missing, midnight[self.line_visit], given) if missing.any() else given
            kind = lines.source["fee_ocur_time"].type if "fee_ocur_time" in lines.source else None
            # Dates have no time of day; texts and timestamps do where one of them is not midnight.
            dates = kind is None or pa.types.is_date(kind)
            self.time_of_day = not dates and _some_not_midnight(self.line_time)
        if self.whole is not None:
            self.time_of_day = self.whole.time_of_day
        self.line_day = self._day(self.line_time)

    def _time_or(self, names: tuple[str, str], setl: Int64) -> Int64:
        moment, day = names
        out = self.visits.ints(moment) if moment in self.visits.cells else np.full(self.visits.rows, NULL_INT, np.int64)
        if day in self.visits.cells:
            days = self.visits.days(day)
            out = np.where((out == NULL_INT) & (days != NULL_DAY), days.astype(np.int64) * DAY, out)
        midnight = np.where(setl == NULL_INT, NULL_INT, setl - setl % DAY)
        return np.where(out == NULL_INT, midnight, out)

    @staticmethod
    def _day(time: Int64) -> Int32:
        day, whole = _core.days_of(np.ascontiguousarray(time), 1)
        return day if whole else np.where(time == NULL_INT, NULL_DAY, day).astype(np.int32)

    # ------------------------------------------------------------------ what stands

    def _standing(self) -> None:
        """Visits that are neither reversed nor reversals, and the one row of each id and of a known person and time."""
        v = self.visits
        reversal = v.flag("refd_setl_flag", 0) == 1
        stands = (self.psn >= 0) & (self.setl >= 0) & (self.begin != NULL_INT) & ~reversal
        stands &= self.row_of_setl[self.setl] == np.arange(v.rows)
        back = np.flatnonzero(reversal & (self.init >= 0))
        named = self.row_of_setl[self.init[back]]
        stands[named[named >= 0]] = False
        if self.whole is not None and self.whole.aside is not None:
            stands &= ~self.whole.aside
        self.stands = stands
        self.history = v.flag("hist_flag", 0) == 1

    @cached_property
    def visit_ties(self) -> dict[str, Any]:
        """Ids of visits as they are compared."""
        return tie_ids(self.visits.ids["setl_id"])

    @cached_property
    def visit_order(self) -> tuple[Int64, Int64]:
        """(visits that stand by person, begin and id; where each person's begin among them)."""
        person = np.where(self.stands, self.psn, -1).astype(np.int32)
        ids = self.visit_ties
        order, begin, _ = _core.order_rows(
            person, len(self.psn_ids), self.begin, None, ids["numbers"], ids["offsets"], ids["bytes"]
        )
        del self.visit_ties  # nothing else is put in order by them
        return order, begin

    @cached_property
    def person_row(self) -> Int32:
        """Row of `persons` that holds for each visit on the day it ended; -1 none."""
        persons = self.frames.get("persons")
        if persons is None:
            return np.full(self.visits.rows, -1, np.int32)
        rows: Dated | None = dated(persons, self.persons_psn, len(self.psn_ids), self.threads)
        assert rows is not None
        own, theirs = insutype_match(self.visits, persons)
        return rows.find(self.psn, self.end_day, own, theirs)

    @cached_property
    def institution_row(self) -> Int32:
        """Row of `institutions` that holds for each visit on the day it ended; -1 none."""
        institutions = self.frames.get("institutions")
        if institutions is None:
            return np.full(self.visits.rows, -1, np.int32)
        rows = dated(institutions, self.institution_key, len(self.hospital_ids), self.threads)
        assert rows is not None
        return rows.find(self.hospital, self.end_day)

    def named_line(self) -> Int64 | None:
        """Row of the line that each returning line names within its visit, -1 none; None where none names one."""
        lines = self.frames["lines"]
        asked = lines.ids.get("init_feedetl_sn")
        if asked is None or "feedetl_sn" not in lines.ids or asked.null_count == len(asked):
            return None
        count = _core.check_tally(self.line_visit, None, self.visits.rows)
        begin = np.concatenate(([0], np.cumsum(count)))
        grouped = not len(self.line_visit) or bool((np.diff(self.line_visit) >= 0).all())
        row = None if grouped else np.argsort(self.line_visit, kind="stable").astype(np.int64)
        found = named_lines(lines.ids["feedetl_sn"], asked, begin, row)
        # A line that names one which is not there names itself: what returns nothing takes from nobody.
        lost = np.flatnonzero((found < 0) & np.asarray(asked.is_valid()))
        found[lost] = lost
        return found


def _some_not_midnight(time: Int64) -> bool:
    """Whether some time is not the first moment of its day; mostly the first few tell."""
    step = 1 << 16
    return any(bool((time[at : at + step] % DAY != 0).any()) for at in range(0, len(time), step))
