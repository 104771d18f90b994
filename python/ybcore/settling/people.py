"""Attributes of events: the visit's own cell, else the dated row of the person or institution, else the default."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from ..columns.asof import Dated
from ..columns.convert import NULL_DAY, NULL_INT
from ..columns.read import Frame
from ..policy.compile import Asked

__all__ = ["NO_AGE", "Facts", "LevelMap", "class_column", "codes_between"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
NO_AGE = np.int32(-(2**31))
LevelMap = {
    **dict.fromkeys(("01", "02", "03", "04", "12"), "3"),
    **dict.fromkeys(("05", "06", "07", "13"), "2"),
    **dict.fromkeys(("08", "09", "10", "14"), "1"),
}
_FLAGS = {"cvlserv_flag", "tcm_flag", "day_surgery"}


def codes_between(frame: Frame | None, name: str) -> tuple[Int32, list[str]] | None:
    """A code column as indices and texts; None when the table or the column is not there."""
    if frame is None or name not in frame.cells:
        return None
    spec = frame.table.find(name)
    if spec is not None and spec.kind == "flag":
        values = frame.cells[name].values.astype(np.int32)
        top = int(values.max(initial=0)) + 1
        return values, [str(i) for i in range(top)]
    return frame.code(name)


def class_column(sources: list[Any], lut: Any, classes: int) -> dict[str, Any]:
    """Sources as the kernel reads them; `lut` has the class of each text of each source, then that of the default."""
    out = []
    at = 0
    for row, code, flag, texts in sources:
        place = lut[at : at + len(texts)].astype(np.int32)
        at += len(texts)
        if len(texts):
            out.append((row, code, flag, place))
    return {"sources": out, "fallback": int(lut[at]), "ready": None, "day": None, "edges": None,
            "number": None, "classes": classes}  # fmt: skip


class Facts:
    """What is known of events: `visit` row, person row and institution row of each (-1 none), on its policy date."""

    def __init__(self, visits: Frame, persons: Frame | None, institutions: Frame | None, visit: Any, person_row: Any, institution_row: Any, day: Int32, whole: bool = False, threads: int = 1) -> None:  # fmt: skip
        self.tables: dict[str, tuple[Frame | None, Any]] = {
            "visits": (visits, visit), "persons": (persons, person_row), "institutions": (institutions, institution_row),
        }  # fmt: skip
        self.day = day
        self.rows = len(visit)
        self.whole = whole  # each visit is one event
        self.threads = threads
        self._known: dict[str, Int32] = {}
        self._texts: dict[str, tuple[Int32, list[str]]] = {}
        self._numbers: dict[str, Int64] = {}

    def sources(self, asked: Asked) -> tuple[list[tuple[Any, Any, Any, list[str]]], str]:
        """Where a text may stand, first to last: (row of each event or None, codes, flags, texts); and what holds where none says."""
        if asked.name not in ("dedc_hosp_lv", "lmtpric_hosp_lv"):
            return self._own_sources(asked.name, asked.tables), asked.default
        # A level given nowhere is derived from the hospital's grade.
        grades = self._own_sources("hosp_lv", asked.tables)
        derived = [(row, code, flag, [LevelMap.get(text, "0") for text in texts]) for row, code, flag, texts in grades]
        return self._own_sources(asked.name, asked.tables) + derived, "0"

    def _own_sources(self, name: str, tables: tuple[str, ...]) -> list[tuple[Any, Any, Any, list[str]]]:
        out: list[tuple[Any, Any, Any, list[str]]] = []
        # Of no event no row is named, which the kernel would take for every event's own.
        for table in tables if self.rows else ():
            frame, row = self.tables[table]
            if frame is None or name not in frame.cells or not frame.rows:
                continue
            rows = None if table == "visits" and self.whole else np.ascontiguousarray(row, dtype=np.int32)
            spec = frame.table.find(name)
            values = np.ascontiguousarray(frame.cells[name].values)
            if spec is not None and spec.kind == "flag":
                out.append((rows, None, values, [str(i) for i in range(int(values.max(initial=0)) + 1)]))
            else:
                out.append((rows, values, None, frame.cells[name].texts or []))
        return out

    def text(self, asked: Asked) -> tuple[Int32, list[str]]:
        """Index of each event's code and the texts; every event has one."""
        if asked.name not in self._texts:
            sources, default = self.sources(asked)
            texts = [text for _, _, _, own in sources for text in own] + [default]
            if len(sources) == 1 and sources[0][0] is None:
                # Every event's own cell, and nothing behind it.
                _, code, flag, own = sources[0]
                held = flag if code is None else code
                self._texts[asked.name] = np.where(held < 0, len(own), held).astype(np.int32), texts
                return self._texts[asked.name]
            column = class_column(sources, np.arange(len(texts)), len(texts))
            of_event, keys, _ = _core.combine_classes(self.rows, [column], self.threads)
            self._texts[asked.name] = _core.taken(keys.astype(np.int32), of_event, self.threads), texts
        return self._texts[asked.name]

    def number(self, name: str, tables: tuple[str, ...], default: int | None = None) -> Int64:
        """A numeric attribute or field of each event; NULL_INT is missing."""
        if name not in self._numbers:
            if name in self._known:
                self._numbers[name] = self._known[name].astype(np.int64)
                return self._numbers[name]
            out: Int64 | None = None
            if name == "age":
                birth = self.days("brdy", tables)
                years = _core.completed_years(birth, self.day)
                out = np.where(years == NO_AGE, NULL_INT, years.astype(np.int64))
            else:
                for table in tables:
                    frame = self.tables[table][0]
                    if frame is None or name not in frame.cells or not frame.rows:
                        continue
                    found = self._held(table, frame.cells[name].values.astype(np.int64, copy=False), NULL_INT)
                    out = found if out is None else np.where(out == NULL_INT, found, out)
                out = np.full(self.rows, NULL_INT, np.int64) if out is None else out
            if default is not None:
                out = np.where(out == NULL_INT, default, out)
            self._numbers[name] = out
        return self._numbers[name]

    def know(self, name: str, values: Int32) -> None:
        """Sets a numeric attribute that no table holds."""
        self._known[name] = values

    def days(self, name: str, tables: tuple[str, ...]) -> Int32:
        """A date of each event; NULL_DAY is missing."""
        out: Int32 | None = None
        for table in tables:
            frame = self.tables[table][0]
            if frame is None or name not in frame.cells or not frame.rows:
                continue
            found = self._held(table, frame.cells[name].values, NULL_DAY)
            out = found if out is None else np.where(out == NULL_DAY, found, out)
        return np.full(self.rows, NULL_DAY, np.int32) if out is None else out

    def _held(self, table: str, values: Any, missing: Any) -> Any:
        """The values of the row of a table that each event goes by; `missing` where it has none."""
        row = self.tables[table][1]
        if table == "visits" and self.whole:
            return values
        row = np.ascontiguousarray(np.maximum(row, -1), dtype=np.int32)
        return _core.taken(np.append(values, missing).astype(values.dtype), row, self.threads)


def dated(frame: Frame | None, key: Int32, keys: int, threads: int = 1) -> Dated | None:
    """Rows of a dated table by dense key; a person's by insutype as text, then by their days."""
    if frame is None:
        return None
    kind = frame.code("insutype")
    return Dated.of(key, keys, np.ascontiguousarray(frame.days("begndate")), frame.days("enddate"), threads, kind)


def insutype_match(visits: Frame, persons: Frame) -> tuple[Int32 | None, Int32 | None]:
    """(own second key of persons rows, wanted key of visits): -1 where a visit names no scheme type; None when none does."""
    own = persons.code("insutype")
    wanted = codes_between(visits, "insutype")
    codes: Any = np.full(persons.rows, -1, np.int32) if own is None else own[0]
    texts = [] if own is None else own[1]
    if wanted is None:
        return None, None
    place = {text: i for i, text in enumerate(texts)}
    lut = np.array([place.get(text, len(texts)) if text else -1 for text in wanted[1]] + [-1], np.int32)
    return codes, lut[wanted[0]]
