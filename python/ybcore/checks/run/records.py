"""What stands beside visits and lines: lists of codes, diagnoses, operations, laboratory values, departments."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ...columns.convert import NULL_DAY, NULL_INT
from .given import Batch
from .lines import OrderedLines
from .lists import members
from .scope import NO, UNKNOWN, YES, Scopes
from .texts import one_number

__all__ = ["Records"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


class Records(OrderedLines):
    """`lists`: the book's lists of codes. Everything is by row of visits or lines and made when it is first asked for."""

    def __init__(self, batch: Batch) -> None:
        super().__init__(batch)
        self.lists: dict[str, Any] = {}
        self._members: dict[tuple[str, str], Mask] = {}
        self._visits_in: dict[str, npt.NDArray[np.uint8]] = {}
        self._once: dict[str, Any] = {}
        self.scopes = Scopes(batch, self._visits_with)

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """What several rules ask for, made by the first."""
        if name not in self._once:
            self._once[name] = make()
        return self._once[name]

    def forget(self, *names: str) -> None:
        """Let go of what may be made again."""
        for name in names:
            self._once.pop(name, None)

    def in_list(self, name: str, ids: pa.Array, what: str) -> Mask:
        """Which of the distinct ids (of kind `what`) are in a list."""
        key = (name, what)
        if key not in self._members:
            known = self.lists[name]
            self._members[key] = members(ids, known.match, known.codes)
        return self._members[key]

    def _visits_with(self, name: str) -> npt.NDArray[np.uint8]:
        """Whether a visit has a diagnosis in a list; without any diagnosis it cannot be known."""
        if name not in self._visits_in:
            visit, code, ids = self.diagnoses
            out = np.full(self.batch.visits.rows, UNKNOWN, np.uint8)
            out[visit] = NO
            inside = self.in_list(name, ids, "diagnosis")
            out[visit[inside[code]]] = YES
            self._visits_in[name] = out
        return self._visits_in[name]

    def _coded(self, table: str, column: str) -> tuple[Int32, Int32, pa.Array]:
        """(visit, dense code, codes) of rows of standing visits that have a code, in table order."""
        frame = self.batch.frame(table)
        found = None if frame is None else frame.code(column)
        if frame is None or found is None:
            none = np.zeros(0, np.int32)
            return none, none, pa.array([], pa.large_string())
        visit, code = self.batch.row_visit[table], found[0]
        keep = (code >= 0) & self.batch.stands[visit]
        return visit[keep], code[keep], pa.array(found[1], pa.large_string())

    @cached_property
    def diagnoses(self) -> tuple[Int32, Int32, pa.Array]:
        """Diagnosis rows: visit, dense code, codes."""
        return self._coded("diagnoses", "diag_code")

    @cached_property
    def operations(self) -> tuple[Int32, Int32, pa.Array]:
        """Operation rows: visit, dense code, codes."""
        return self._coded("operations", "oprn_oprt_code")

    @cached_property
    def has_diagnosis(self) -> Mask:
        """Visits with a diagnosis."""
        out = np.zeros(self.batch.visits.rows, bool)
        out[self.diagnoses[0]] = True
        return out

    @cached_property
    def departments(self) -> tuple[Int32, Int32, list[str]]:
        """(department of each line, of each visit at discharge, else at admission; -1 missing; the departments)."""
        lines, visits = self.batch.frame("lines"), self.batch.visits
        place: dict[str, int] = {}

        def dense(found: Any, rows: int) -> Int32:
            if found is None:
                return np.full(rows, -1, np.int32)
            lut = np.array([place.setdefault(text, len(place)) for text in found[1]] + [-1], np.int32)
            return lut[found[0]]

        of_lines = np.zeros(0, np.int32) if lines is None else dense(lines.code("bilg_dept_codg"), lines.rows)
        if lines is not None:
            lines.forget("bilg_dept_codg")
        left, came = (dense(visits.code(name), visits.rows) for name in ("dscg_dept_codg", "adm_dept_codg"))
        return of_lines, np.where(left >= 0, left, came).astype(np.int32), list(place)

    @cached_property
    def _all_diagnoses(self) -> tuple[pa.Array, Int32, Int32]:
        """(every code of diagnoses and of main diagnoses, index of the rows' codes, of the visits' main ones)."""
        _, code, ids = self.diagnoses
        main, texts = self.main_diagnosis
        place = {text: i for i, text in enumerate(ids.to_pylist())}
        lut = np.array([place.setdefault(text, len(place)) for text in texts] + [-1], np.int32)
        return pa.array(list(place), pa.large_string()), code, lut[main]

    @property
    def diagnosis_ids(self) -> pa.Array:
        """Every diagnosis code of the batch."""
        return self._all_diagnoses[0]

    def visit_diagnoses(self, main: bool) -> dict[str, Any]:
        """Diagnoses of visits by their place in order: all, or the main one only."""
        found: dict[str, Any] = self.once(f"diagnoses {main}", lambda: self._placed_diagnoses(main))
        return found

    def _placed_diagnoses(self, main: bool) -> dict[str, Any]:
        order, _ = self.batch.visit_order
        _, code, of_visit = self._all_diagnoses
        if main:
            at = np.flatnonzero(of_visit[order] >= 0)
            place, codes = at, of_visit[order[at]]
        else:
            place = self.visit_place[self.diagnoses[0]]
            by = np.argsort(place, kind="stable")
            place, codes = place[by], code[by]
        c = np.ascontiguousarray
        return {
            "begin": np.searchsorted(place, np.arange(len(order) + 1)).astype(np.int64), "code": c(codes.astype(np.int32)),
            "visit_person": c(self.batch.psn[order]), "visit_day": c(self.batch.begin_day[order]),
        }  # fmt: skip

    def lab_values(self, items: tuple[str, ...]) -> dict[str, Any]:
        """Laboratory values of some items by person and time, the largest of one time last."""
        batch, frame = self.batch, self.batch.frames["labs"]
        wanted = members(batch.item_ids, "exact", items)
        visit = batch.row_visit["labs"]
        time, value = frame.ints("exam_time"), frame.ints("exam_value")
        keep = batch.stands[visit] & (batch.lab_item >= 0) & (time != NULL_INT) & (value != NULL_INT)
        keep[keep] = wanted[batch.lab_item[keep]]
        at = np.flatnonzero(keep)
        at = at[np.lexsort((value[at], time[at], batch.psn[visit[at]]))]
        c = np.ascontiguousarray
        return {"test_begin": self.begin_of_persons(visit[at]), "test_time": c(time[at]), "test_value": c(value[at])}

    @cached_property
    def birth(self) -> Int32:
        """Birth date of each visit's person; NULL_DAY missing."""
        out = self.scopes.facts.days("brdy", ("visits", "persons", "institutions"))
        return np.where(out == NULL_DAY, NULL_DAY, out).astype(np.int32)

    @cached_property
    def main_diagnosis(self) -> tuple[Int32, list[str]]:
        """(index of each visit's main diagnosis, -1 missing; the codes): dscg_maindiag_code, else the first by bytes of those flagged."""
        batch = self.batch
        n = batch.visits.rows
        named = batch.visits.code("dscg_maindiag_code")
        texts: list[str] = list(named[1]) if named else []
        out = named[0].copy() if named else np.full(n, -1, np.int32)
        visit, code, ids = self.diagnoses
        frame = batch.frame("diagnoses")
        if frame is None or "maindiag_flag" not in frame.cells or not len(visit):
            return out, texts
        flagged = self._flagged_main(frame)
        known = ids.to_pylist()
        rank = np.argsort(np.argsort(np.array([t.encode() for t in known], object)))
        at = np.flatnonzero(flagged)
        order = np.lexsort((rank[code[at]], visit[at]))
        at = at[order]
        first = np.flatnonzero(np.diff(visit[at], prepend=-1))
        place = {text: i for i, text in enumerate(texts)}
        lut = np.array([place.setdefault(text, len(place)) for text in known], np.int32)
        texts = list(place)
        mine = at[first]
        free = out[visit[mine]] < 0
        out[visit[mine[free]]] = lut[code[mine[free]]]
        return out, texts

    @cached_property
    def main_diagnosis_key(self) -> Int32:
        """One number for each main diagnosis of the visits, -1 missing; equal codes have one."""
        return one_number(*self.main_diagnosis)

    def _flagged_main(self, frame: Any) -> Mask:
        spec = frame.table.find("maindiag_flag")
        if spec.kind == "flag":
            main = frame.flag("maindiag_flag", 0) == 1
        else:
            values, texts = frame.code("maindiag_flag")
            main = np.array([t == "1" for t in texts] + [False])[values]
        code = frame.code("diag_code")
        keep = (code[0] >= 0) & self.batch.stands[self.batch.row_visit["diagnoses"]]
        return main[keep]
