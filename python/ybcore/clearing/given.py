"""The tables at the door: read, checked, and joined to the cases as numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..columns.asof import Dated, overlaps, pack
from ..columns.checks import tell
from ..columns.convert import NULL_DAY, NULL_INT
from ..columns.ids import encode
from ..columns.read import Frame, Problems, read
from ..columns.schema import Column, Table
from ..errors import InputError
from .book import ClearingBook
from .figures import attributes_used
from .tables import CLEARING_INPUTS

__all__ = ["Attribute", "Given", "days_of_stay", "given_tables"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]


@dataclass
class Attribute:
    """One attribute of every case: a number for each of its values, and the values."""

    of: Int32
    values: list[Any]


@dataclass
class Given:
    """Cases and the tables beside them. `institution`: codes of the cases, then those that only quotas name."""

    frames: dict[str, Frame]
    book: ClearingBook
    threads: int
    institutions: pa.Array
    institution: Int32
    quota_institution: Int32
    day: Int32
    row_of_institution: Int32
    attributes: dict[str, Attribute] = field(default_factory=dict)

    @property
    def cases(self) -> Frame:
        """The cases."""
        return self.frames["cases"]

    def institution_row(self, code: int, day: int) -> int:
        """Row of an institution on a day; -1 none."""
        return int(self._dated.find(np.array([code], np.int32), np.array([day], np.int32))[0])

    _dated: Any = None


def _numbers(book: ClearingBook) -> set[str]:
    """Columns of institutions that extras of coefficients count by."""
    return {
        plus.of
        for document in book
        for method in document.model.methods
        for coefficient in method.coefficients
        for plus in coefficient.plus
    }


def _schemas(book: ClearingBook) -> dict[str, Table]:
    """The tables with what documents declare and count by."""
    cases, places = [], [Column(name, "price", negative=True) for name in sorted(_numbers(book))]
    for document in book:
        for name, told in document.model.attributes.items():
            column = Column(name, "count" if told.match == "number" else "code")
            places.append(column)
            cases.append(column)
    out = dict(CLEARING_INPUTS)
    out["cases"] = out["cases"].with_columns(cases)
    out["institutions"] = out["institutions"].with_columns(places)
    return out


def given_tables(tables: Mapping[str, Any], book: ClearingBook, threads: int) -> Given:
    """Reads the tables. Raises InputError with everything that is wrong."""
    problems = Problems()
    schemas = _schemas(book)
    frames: dict[str, Frame] = {}
    for name, schema in schemas.items():
        data = tables.get(name)
        frames[name] = read(
            {} if data is None else data, schema if data is not None else _bare(schema), problems, threads=threads
        )
        tell(problems, frames[name].bad(), "a cell is missing or cannot be read", name)
    _raise(problems)
    ids = [frames["cases"].ids["fixmedins_code"]]
    ids += [frames[name].ids["fixmedins_code"] for name in ("institutions", "quotas") if frames[name].rows]
    codes, known = encode(ids, threads)
    named = dict(zip(["cases", *(name for name in ("institutions", "quotas") if frames[name].rows)], codes))
    empty = np.zeros(0, np.int32)
    places = frames["institutions"]
    key = named.get("institutions", empty)
    if len(overlaps(pack((key, len(known))), places.days("begndate"), places.days("enddate"))):
        problems.add("the validity overlaps another row of the same fixmedins_code", "institutions")
    _raise(problems)
    dated = Dated.of(key, len(known), places.days("begndate"), places.days("enddate"), threads)
    day = frames["cases"].days("setl_time")
    row = dated.find(named["cases"], day) if places.rows else np.full(len(day), -1, np.int32)
    given = Given(frames, book, threads, known, named["cases"], named.get("quotas", empty), day, row)
    given._dated = dated if places.rows else _Nobody()
    used = {name for document in book for name in attributes_used(document.model)}
    used |= {"insutype", "clr_type", "insuplc_admdvs", "hosp_lv", "group_code", "treatment"}
    for name in sorted(used):
        given.attributes[name] = _attribute(given, name)
    for name in sorted(_numbers(book)):
        given.attributes[f"+{name}"] = _of_place(given, places.ints(name) if places.rows else np.zeros(0, np.int64))
    return given


class _Nobody:
    """No institutions at all."""

    def find(self, key: Int32, day: Int32) -> Int32:
        """No row for anybody."""
        return np.full(len(key), -1, np.int32)


def _bare(schema: Table) -> Table:
    """A table that need not be there."""
    return Table(schema.name, schema.zh, schema.en, ())


def _raise(problems: Problems) -> None:
    if problems.found:
        raise InputError(problems.found)


def _default(given: Given, name: str) -> Any:
    if name == "clr_type":
        return "21"
    for document in given.book:
        if name in document.model.attributes:
            return document.model.attributes[name].default
    return ""


def days_of_stay(frame: Frame) -> Int32:
    """Days as given, else discharge less admission, one at least."""
    days, begin, end = frame.ints("ipt_days"), frame.days("begndate"), frame.days("enddate")
    known = (begin != NULL_DAY) & (end != NULL_DAY)
    stay = np.where(known, np.maximum(1, end.astype(np.int64) - begin), 1)
    return np.where(days == NULL_INT, stay, days).astype(np.int32)


def _of_numbers(values: Int64) -> Attribute:
    found, of = np.unique(values, return_inverse=True)
    return Attribute(of.astype(np.int32), [None if value == NULL_INT else int(value) for value in found])


def _small(values: Int64) -> Attribute:
    """Whole numbers of a narrow range, without sorting them."""
    known = values[values != NULL_INT]
    low, high = (int(known.min()), int(known.max())) if len(known) else (0, -1)
    if high - low > 100_000:
        return _of_numbers(values)
    of = np.where(values == NULL_INT, high - low + 1, values - low).astype(np.int32)
    return Attribute(of, [*range(low, high + 1), None])


def _of_place(given: Given, values: Int64) -> Attribute:
    """A number of the institution of every case."""
    own = _of_numbers(np.append(values, NULL_INT))
    return Attribute(own.of[given.row_of_institution], own.values)


def _attribute(given: Given, name: str) -> Attribute:
    """The value of the case itself, else of its institution, else the default."""
    cases, places = given.cases, given.frames["institutions"]
    if name == "fixmedins_code":
        return Attribute(given.institution, [str(value) for value in given.institutions.to_pylist()])
    if name == "ipt_days":
        return _small(days_of_stay(cases).astype(np.int64))
    spec = cases.table.find(name)
    if spec is not None and spec.kind == "count":
        return _small(cases.ints(name))
    own, theirs = cases.code(name), places.code(name) if places.rows else None
    values: list[Any] = [_default(given, name)]
    of = np.zeros(cases.rows, np.int32)
    for code, row in ((theirs, given.row_of_institution), (own, None)):
        if code is None:
            continue
        number = np.append(code[0], np.int32(-1))[row] if row is not None else code[0]
        filled = np.array([bool(text) for text in code[1]] + [False])[number]
        of = np.where(filled, number + np.int32(len(values)), of)
        values += code[1]
    return Attribute(of.astype(np.int32, copy=False), values)
