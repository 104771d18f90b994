"""The tables at the door: read, checked, and joined to the cases as numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..columns.asof import Dated, overlaps, pack
from ..columns.checks import tell, tell_cells
from ..columns.convert import NULL_DAY, NULL_INT
from ..columns.ids import encode, rising
from ..columns.read import Frame, Problems, read
from ..columns.schema import Column, Table
from ..errors import InputError
from .attributes import Attribute, Codes, Numbers, codes_of
from .book import ClearingBook
from .figures import attributes_used, by_age, edges_of
from .tables import CLEARING_INPUTS

__all__ = ["Given", "days_of_stay", "given_tables"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]


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

    def institution_rows(self, codes: list[int], days: list[int]) -> list[int]:
        """Row of each of some institutions on a day; -1 none."""
        found: list[int] = self._dated.find(np.array(codes, np.int32), np.array(days, np.int32)).tolist()
        return found

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
        tell_cells(problems, frames[name])
    tell(problems, _twice(frames["cases"].ids.get("setl_id"), threads), "the setl_id is there twice", "cases.setl_id")
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
    used |= {"fixmedins_code", "insutype", "clr_type", "insuplc_admdvs", "hosp_lv", "group_code", "treatment"}
    for name in sorted(used):
        given.attributes[name] = _attribute(given, name)
    for name in sorted(_numbers(book)):
        given.attributes[f"+{name}"] = _of_place(given, places.ints(name) if places.rows else np.zeros(0, np.int64))
    return given


def _twice(ids: pa.ChunkedArray | None, threads: int) -> npt.NDArray[np.bool_] | None:
    """Rows whose id an earlier row has: a case that stands twice would be paid twice."""
    if ids is None or len(ids) < 2 or ids.null_count or rising(ids):
        return None
    (codes,), known = encode([ids], threads)
    if len(known) == len(codes):
        return None
    first = np.full(len(known), -1, np.int64)
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    return np.asarray(first[codes] != np.arange(len(codes)))


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
    begin, end = frame.days("begndate"), frame.days("enddate")
    stay = np.maximum(end - begin, np.int32(1))
    stay[(begin == NULL_DAY) | (end == NULL_DAY)] = 1
    if not frame.has("ipt_days"):
        return stay
    days = frame.ints("ipt_days")
    return np.where(days == NULL_INT, stay, days).astype(np.int32)


def _of_place(given: Given, values: Int64) -> Attribute:
    """A number of the institution of every case."""
    found, of = np.unique(values, return_inverse=True)
    texts = [None, *(None if value == NULL_INT else int(value) for value in found)]
    place = np.arange(1, len(texts), dtype=np.int32)
    sources = [(given.row_of_institution, of.astype(np.int32), place)] if len(values) else []
    return Codes(given.cases.rows, texts, sources, given.threads)


def _attribute(given: Given, name: str) -> Attribute:
    """The value of the case itself, else of its institution, else the default."""
    cases, places = given.cases, given.frames["institutions"]
    if name == "fixmedins_code":
        texts = [str(value) for value in given.institutions.to_pylist()]
        own = (None, given.institution, np.arange(1, len(texts) + 1, dtype=np.int32))
        return Codes(cases.rows, ["", *texts], [own], given.threads)
    spec = cases.table.find(name)
    if spec is not None and spec.kind == "count":
        grows = name == "age" and any(by_age(document.model) for document in given.book)
        edges = None if grows else [edge for document in given.book for edge in edges_of(document.model, name)]
        number = days_of_stay(cases).astype(np.int64) if name == "ipt_days" else np.ascontiguousarray(cases.ints(name))
        return Numbers(number, edges, given.threads)
    theirs = places.code(name) if places.rows else None
    sources = [(None, cases.code(name)), (given.row_of_institution, theirs)]
    return codes_of(cases.rows, sources, _default(given, name), given.threads)
