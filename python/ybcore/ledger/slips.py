"""Slips in the rows of a change that would move money without a word: which rows they are in."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ..columns.asof import overlaps
from ..columns.convert import NULL_DAY, NULL_INT, convert
from ..columns.keys import text_of
from ..columns.schema import NATURE_BUCKETS, NATURES, Table
from .differ import days_in, row_codes

__all__ = ["again", "backwards", "overlapping", "pre_split", "repeated", "unread", "without"]

Int64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


def without(ids: pa.ChunkedArray) -> Int64:
    """Rows that name nobody."""
    return np.flatnonzero(np.asarray(ids.is_null()))


def repeated(ids: pa.ChunkedArray) -> Int64:
    """Rows whose id an earlier row has."""
    texts = text_of(ids)
    first = pc.index_in(texts, value_set=texts).to_numpy(zero_copy_only=False)
    return np.flatnonzero((first != np.arange(len(texts))) & np.asarray(texts.is_valid()))


def again(visit: Int64, line: pa.ChunkedArray) -> Mask:
    """Rows whose (visit, line) an earlier row has."""
    code = text_of(line).dictionary_encode().indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    _, first = np.unique(visit * (len(code) + 2) + code + 1, return_index=True)
    out = np.ones(len(visit), bool)
    out[first] = False
    return out


def backwards(rows: pa.Table, schema: Table) -> Int64:
    """Rows that would have ended before they began; one that ends on its first day was called off."""
    begin, end = (days_in(rows, name, schema) for name in ("begndate", "enddate"))
    return np.flatnonzero((begin != NULL_DAY) & (end != NULL_DAY) & (end < begin))


def unread(rows: pa.Table, name: str, schema: Table) -> Int64:
    """Rows whose day says something that is no day."""
    if name not in rows.column_names:
        return np.zeros(0, np.int64)
    return np.flatnonzero(np.asarray(rows[name].is_valid()) & (days_in(rows, name, schema) == NULL_DAY))


def overlapping(rows: pa.Table, schema: Table, keys: tuple[str, ...]) -> Int64:
    """Rows that hold on a day on which an earlier row of the same keys does."""
    begin, end = (days_in(rows, name, schema) for name in ("begndate", "enddate"))
    same = row_codes(rows.select([name for name in keys if name in rows.column_names]))
    return overlaps(same, begin, end)


def pre_split(visits: pa.Table, schema: Table) -> Mask:
    """Visits that bring natures of their own, not all nothing, which their lines would take the place of."""
    out = np.zeros(visits.num_rows, bool)
    for name in visits.column_names:
        spec = schema.find(name)
        given = name in (*NATURES, "direct_amt") or name.partition(".")[2] in NATURE_BUCKETS
        if given and spec is not None and not pa.types.is_null(visits[name].type):
            fen = convert(visits[name], spec).values
            out |= (fen != NULL_INT) & (fen != 0)
    return out
