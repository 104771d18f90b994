"""Identifiers: text or whole numbers, turned once into dense indices.

Ids of one thing (persons, settlements, items) that come from several tables are encoded together, so that an index means the
same in all of them. Nothing here loops over rows in Python.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from .. import _core
from .buffers import numbers_at, numbers_in
from .convert import ColumnError, is_text, plain

Codes = npt.NDArray[np.int32]
Mask = npt.NDArray[np.uint8] | None


def normal(column: pa.ChunkedArray, *, wide: bool = True) -> pa.ChunkedArray:
    """An id column as text or int64, dictionaries kept where they are. Raises ColumnError for other types.

    ``wide``: texts become large_string; without it plain strings are left where they are.
    """
    chunks = [plain(chunk) for chunk in column.chunks]
    if not chunks:
        kind = column.type
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
        return pa.chunked_array([], type=pa.int64() if pa.types.is_integer(kind) else pa.large_string())
    kind = chunks[0].type
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    if not (is_text(value) or pa.types.is_integer(value)):
        raise ColumnError(f"is {value}: an id is text or an integer")
    target = pa.int64() if pa.types.is_integer(value) else pa.large_string() if wide else value

    pages: dict[tuple[int, ...], pa.Array] = {}

    def same(chunk: pa.Array) -> pa.Array:
        if chunk.type == target:
            return chunk
        if not pa.types.is_dictionary(chunk.type):
            return chunk.cast(target)
        if chunk.dictionary.type == target:
            return chunk
        # A page that many chunks share is cast once, and stays one page.
        key = page_of(chunk.dictionary)
        if key not in pages:
            pages[key] = chunk.dictionary.cast(target)
        return pa.DictionaryArray.from_arrays(chunk.indices, pages[key])

    chunks = [same(chunk) for chunk in chunks]
    if any(chunk.type != chunks[0].type for chunk in chunks):
        chunks = [c.dictionary_decode() if pa.types.is_dictionary(c.type) else c for c in chunks]
    return pa.chunked_array(chunks)


def is_number(column: pa.ChunkedArray) -> bool:
    """True for integer ids."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    return bool(pa.types.is_integer(kind))


def flat(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A normal id column without dictionaries."""
    if not pa.types.is_dictionary(column.type):
        return column
    return pa.chunked_array([c.dictionary_decode() for c in column.chunks], type=column.type.value_type)


_OTHER_KINDS = "ids are text in one table and integers in another"
# Indexes of dictionaries that are still alive, by the identity of the dictionary.
_INDEXES: dict[int, tuple[weakref.ref[Any], Any]] = {}


def page_of(dictionary: pa.Array) -> tuple[int, ...]:
    """Where the entries of a dictionary are, while somebody holds it: chunks of one column mostly share theirs."""
    return (*(0 if b is None else b.address for b in dictionary.buffers()), len(dictionary), dictionary.offset)


def encode(columns: Sequence[pa.ChunkedArray], threads: int = 1) -> tuple[list[Codes], pa.Array]:
    """Indices of several normal id columns into one joint dictionary (in order of first appearance); -1 is missing.

    Columns must all be text or all numbers (ColumnError otherwise).
    """
    numbers = {is_number(column) for column in columns if len(column)}
    if len(numbers) > 1:
        raise ColumnError(_OTHER_KINDS)
    rows = sum(len(column) - column.null_count for column in columns)
    index: Any = _number_index(columns, threads) if numbers == {True} else _core.TextIndex(rows)
    pages: dict[tuple[int, ...], _Page] = {}
    out = [_added(index, column, pages) for column in columns]
    if numbers == {True}:
        dictionary = pa.Array.from_buffers(pa.int64(), len(index), [None, pa.py_buffer(index.values.copy())])
    else:
        return out, texts_in(index)
    _remember(dictionary, index)
    return out, dictionary


def texts_in(index: Any) -> pa.Array:
    """The dictionary of an index of texts, to which nothing is added any more."""
    # The index holds them for as long as the dictionary stands.
    held = pa.py_buffer(index.offsets), pa.py_buffer(index.bytes)
    dictionary = pa.LargeStringArray.from_buffers(len(index), *held)
    _remember(dictionary, index)
    return dictionary


class _Page:
    """Entries of a dictionary that rows have named so far, by rank of first appearance."""

    def __init__(self, size: int) -> None:
        self.rank = np.full(size, -1, np.int32)
        self.numbers = np.empty(size, np.int32)
        self.named = 0
        self.same = True  # rank and number are the same

    def add(self, index: Any, dictionary: pa.Array, entries: Codes) -> None:
        """Put entries that were named for the first time into the index."""
        end = self.named + len(entries)
        parts = _parts(dictionary)
        if len(entries) == len(dictionary) and np.array_equal(entries, np.arange(len(entries), dtype=np.int32)):
            added = index.add(*parts)
        elif len(parts) == 2:
            added = index.add(*(None if part is None else part[entries] for part in parts))
        else:
            added = index.add(*parts, entries)
        self.numbers[self.named : end] = added
        self.same &= np.array_equal(added, np.arange(self.named, end, dtype=np.int32))
        self.named = end


def _added(index: Any, column: pa.ChunkedArray, pages: dict[tuple[int, ...], _Page]) -> Codes:
    """Numbers of a column, new ids added; of a dictionary only the entries that rows name."""
    if column.num_chunks == 1 and not pa.types.is_dictionary(column.type) and len(column):
        numbers: Codes = index.add(*_parts(column.chunk(0)))
        return numbers
    out = np.empty(len(column), np.int32)
    at = 0
    for chunk in column.chunks:
        mine = out[at : at + len(chunk)]
        at += len(chunk)
        if not len(chunk):
            continue
        if not pa.types.is_dictionary(chunk.type):
            mine[:] = index.add(*_parts(chunk))
            continue
        key = page_of(chunk.dictionary)
        if key not in pages:
            pages[key] = _Page(len(chunk.dictionary))
        page = pages[key]
        entries = _core.rank_codes(*_codes(chunk), page.named, page.rank, mine)
        if len(entries):
            page.add(index, chunk.dictionary, entries)
        if not page.same:
            _core.numbers_of(mine, None, page.numbers[: page.named], mine, 1)
    return out


def _number_index(columns: Sequence[pa.ChunkedArray], threads: int = 1) -> Any:
    """An empty index that is wide enough for every number of some columns."""
    rows = sum(len(column) for column in columns)
    pages = {
        page_of(values): values
        for column in columns
        for chunk in column.chunks
        for values in [chunk.dictionary if pa.types.is_dictionary(chunk.type) else chunk]
        if len(column)
    }
    edges = [_edges(values, threads) for values in pages.values() if values.null_count < len(values)]
    low = min((least for least, _ in edges), default=0)
    high = max((most for _, most in edges), default=0)
    return _core.NumberIndex(low, high, rows)


def _edges(values: pa.Array, threads: int) -> tuple[int, int]:
    """Least and greatest of some numbers, of which one at least is there."""
    if not values.null_count:
        return _core.bounds(numbers_in(values), threads)
    edge = pc.min_max(values).as_py()
    return edge["min"], edge["max"]


def rising(column: pa.ChunkedArray, threads: int = 1) -> bool:
    """True for whole numbers in one chunk, each greater than the one before: they are their own dictionary."""
    if column.num_chunks != 1 or not pa.types.is_int64(column.type) or column.null_count:
        return False
    return bool(_core.rising(numbers_in(column.chunk(0)), threads))


def _valid(chunk: pa.Array) -> Mask:
    """One byte a row that says whether it is there; None when all are."""
    return np.asarray(chunk.is_valid()).view(np.uint8) if chunk.null_count else None


def _codes(chunk: pa.DictionaryArray) -> tuple[npt.NDArray[Any], Mask]:
    """(codes as int32 or int64, mask) of a dictionary chunk."""
    codes = numbers_in(chunk.indices)
    if codes.dtype not in (np.int32, np.int64):
        codes = codes.astype(np.int32 if codes.dtype.itemsize < 4 else np.int64)
    return codes, _valid(chunk.indices)


def _parts(chunk: pa.Array) -> tuple[Any, ...]:
    """What an index asks of a plain chunk of texts or numbers."""
    return (numbers_in(chunk), _valid(chunk)) if pa.types.is_int64(chunk.type) else texts_of(chunk)


def texts_of(chunk: pa.Array) -> tuple[npt.NDArray[Any], npt.NDArray[np.uint8], Mask]:
    """(offsets, bytes, one byte a row that says whether it is there) of a plain text chunk; nothing is copied but the mask."""
    kind = np.int64 if pa.types.is_large_string(chunk.type) else np.int32
    _, begin, data = chunk.buffers()
    offsets = np.zeros(1, kind)
    if begin is not None and len(chunk):
        offsets = numbers_at(begin, kind, len(chunk) + chunk.offset + 1)[chunk.offset :]
    text = np.zeros(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)
    return offsets, text, _valid(chunk)


class NamedLines(NamedTuple):
    """Rows that name another line of their visit, and that line: where it names one too it stands before.

    ``circle``: rows that name each other in a circle, or lead to one; they stand here alone.
    """

    row: npt.NDArray[np.int64]
    line: npt.NDArray[np.int64]
    circle: npt.NDArray[np.int64]


def named_lines(own: pa.ChunkedArray, asked: pa.ChunkedArray, begin: Any, row: Any) -> NamedLines:
    """The line of the same visit whose own id each line asks for, the first of several; one that asks for itself asks for none.

    ``begin`` and ``row`` are the lines by visit; without ``row`` they stand so.
    """
    if is_number(own) != is_number(asked):
        raise ColumnError(_OTHER_KINDS)
    columns = [flat(column) for column in (own, asked)]
    texts = [column.cast(pa.string()) if is_number(column) else column for column in columns]
    found = _core.named_lines(texts[0], texts[1], begin, row)
    assert found is not None  # plain texts both
    return NamedLines(*found)


def _remember(dictionary: pa.Array, index: Any) -> None:
    key = id(dictionary)
    _INDEXES[key] = (weakref.ref(dictionary, lambda _: _INDEXES.pop(key, None)), index)


def _index_of(dictionary: pa.Array) -> Any:
    """The index of a dictionary: the one that made it, or a new one."""
    held = _INDEXES.get(id(dictionary))
    if held is not None and held[0]() is dictionary:
        return held[1]
    number = pa.types.is_integer(dictionary.type)
    index = _number_index([pa.chunked_array([dictionary])]) if number else _core.TextIndex()
    index.add(*_parts(dictionary))
    if len(index) != len(dictionary):
        raise ValueError("a dictionary of ids has empty, missing or repeated entries")
    _remember(dictionary, index)
    return index


def lookup(column: pa.ChunkedArray, dictionary: pa.Array, threads: int = 1) -> Codes:
    """Index of every cell of a normal id column in ``dictionary``; -1 when it is not there or missing."""
    if len(dictionary) == 0 or len(column) == 0:
        return np.full(len(column), -1, np.int32)
    if is_number(column) != bool(pa.types.is_integer(dictionary.type)):
        raise ColumnError(_OTHER_KINDS)
    index = _index_of(dictionary)
    out = np.empty(len(column), np.int32)
    known: dict[tuple[int, ...], Codes] = {}
    at = 0
    for chunk in column.chunks:
        mine = out[at : at + len(chunk)]
        if not pa.types.is_dictionary(chunk.type):
            index.find(*_parts(chunk), mine, threads)
        elif len(chunk) * 4 < len(chunk.dictionary):
            index.find(*_parts(chunk.dictionary_decode()), mine, threads)
        elif len(chunk):
            key = page_of(chunk.dictionary)
            if key not in known:
                known[key] = _entries(chunk.dictionary, index, threads)
            _core.numbers_of(*_codes(chunk), known[key], mine, threads)
        at += len(chunk)
    return out


def _entries(page: pa.Array, index: Any, threads: int) -> Codes:
    """Number of each entry of a dictionary in an index."""
    out = np.empty(len(page), np.int32)
    index.find(*_parts(page), out, threads)
    return out


def lookup_indices(column: pa.ChunkedArray, dictionary: pa.Array, threads: int = 1) -> tuple[Codes, Codes | None]:
    """``lookup`` in two steps where that saves a pass over the cells: (a number of every cell, what each number means in
    ``dictionary``). Without the second part the numbers are the answer."""
    if (
        not pa.types.is_dictionary(column.type)
        or len(dictionary) == 0
        or is_number(column) != pa.types.is_integer(dictionary.type)
    ):
        return lookup(column, dictionary, threads), None
    if column.num_chunks != 1 or not pa.types.is_int32(column.type.index_type) or column.null_count:
        return lookup(column, dictionary, threads), None
    chunk = column.chunk(0)
    return numbers_in(chunk.indices), _entries(chunk.dictionary, _index_of(dictionary), threads)


def lookup_runs(column: pa.ChunkedArray, dictionary: pa.Array, threads: int = 1) -> tuple[Codes, npt.NDArray[np.int64]]:
    """Like ``lookup`` for a column whose equal cells mostly stand together: (index of each run, end of each run)."""
    found = lookup(column, dictionary, threads)
    if not len(found):
        return found, np.empty(0, np.int64)
    ends = np.append(np.flatnonzero(found[1:] != found[:-1]) + 1, len(found)).astype(np.int64)
    return found[ends - 1], ends
