"""Identifiers: text or whole numbers, turned once into dense indices.

Ids of one thing (persons, settlements, items) that come from several tables are encoded together, so that an index means the
same in all of them. Nothing here loops over rows in Python.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from .. import _core
from .convert import ColumnError, indices, is_text, plain

Codes = npt.NDArray[np.int32]


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

    def same(chunk: pa.Array) -> pa.Array:
        if pa.types.is_dictionary(chunk.type):
            return pa.DictionaryArray.from_arrays(chunk.indices, chunk.dictionary.cast(target))
        return chunk.cast(target)

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
# Text indices of dictionaries that are still alive, by the identity of the dictionary.
_INDEXES: dict[int, tuple[weakref.ref[Any], Any]] = {}


def encode(columns: Sequence[pa.ChunkedArray]) -> tuple[list[Codes], pa.Array]:
    """Indices of several normal id columns into one joint dictionary (in order of first appearance); -1 is missing.

    Columns must all be text or all numbers (ColumnError otherwise).
    """
    flats = [flat(column) for column in columns]
    numbers = {is_number(column) for column in flats if len(column)}
    if len(numbers) > 1:
        raise ColumnError(_OTHER_KINDS)
    return _encode_numbers(flats) if numbers == {True} else _encode_texts(flats)


def _encode_texts(columns: Sequence[pa.ChunkedArray]) -> tuple[list[Codes], pa.Array]:
    index = _core.TextIndex()
    out = [_joined([index.add(*texts_of(chunk)) for chunk in column.chunks]) for column in columns]
    offsets, text = index.offsets.copy(), index.bytes.copy()
    dictionary = pa.LargeStringArray.from_buffers(len(index), pa.py_buffer(offsets), pa.py_buffer(text))
    _remember(dictionary, index)
    return out, dictionary


def _encode_numbers(columns: Sequence[pa.ChunkedArray]) -> tuple[list[Codes], pa.Array]:
    chunks = [numbers_of(chunk) for column in columns if len(column) for chunk in column.chunks]
    codes, ids = _core.dense_ids(chunks)
    out: list[Codes] = []
    at = 0
    for column in columns:
        many = column.num_chunks if len(column) else 0
        out.append(_joined(codes[at : at + many]))
        at += many
    return out, pa.array(ids)


def numbers_of(chunk: pa.Array) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8] | None]:
    """(numbers, one byte a row that says whether it is there) of an int64 chunk; nothing is copied but the mask."""
    _, data = chunk.buffers()
    values = np.zeros(0, np.int64) if data is None else np.frombuffer(data, np.int64, count=len(chunk) + chunk.offset)
    return values[chunk.offset :], np.asarray(chunk.is_valid()).view(np.uint8) if chunk.null_count else None


def rising(column: pa.ChunkedArray) -> bool:
    """True for whole numbers in one chunk, each greater than the one before: they are their own dictionary."""
    if column.num_chunks != 1 or not pa.types.is_int64(column.type) or column.null_count:
        return False
    return bool(_core.rising(numbers_of(column.chunk(0))[0]))


def _joined(parts: list[Codes]) -> Codes:
    if not parts:
        return np.empty(0, np.int32)
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def texts_of(chunk: pa.Array) -> tuple[npt.NDArray[Any], npt.NDArray[np.uint8], npt.NDArray[np.uint8] | None]:
    """(offsets, bytes, one byte a row that says whether it is there) of a plain text chunk; nothing is copied but the mask."""
    kind = np.int64 if pa.types.is_large_string(chunk.type) else np.int32
    _, begin, data = chunk.buffers()
    offsets = np.zeros(1, kind)
    if begin is not None and len(chunk):
        offsets = np.frombuffer(begin, kind, count=len(chunk) + chunk.offset + 1)[chunk.offset :]
    text = np.zeros(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)
    return offsets, text, np.asarray(chunk.is_valid()).view(np.uint8) if chunk.null_count else None


def _remember(dictionary: pa.Array, index: Any) -> None:
    key = id(dictionary)
    _INDEXES[key] = (weakref.ref(dictionary, lambda _: _INDEXES.pop(key, None)), index)


def _index_of(dictionary: pa.Array) -> Any:
    """The text index of a dictionary: the one that made it, or a new one."""
    held = _INDEXES.get(id(dictionary))
    if held is not None and held[0]() is dictionary:
        return held[1]
    index = _core.TextIndex()
    index.add(*texts_of(dictionary))
    if len(index) != len(dictionary):
        raise ValueError("a dictionary of ids has empty, missing or repeated texts")
    _remember(dictionary, index)
    return index


def lookup(column: pa.ChunkedArray, dictionary: pa.Array, threads: int = 1) -> Codes:
    """Index of every cell of a normal id column in ``dictionary``; -1 when it is not there or missing."""
    if len(dictionary) == 0 or len(column) == 0:
        return np.full(len(column), -1, np.int32)
    if is_number(column) != bool(pa.types.is_integer(dictionary.type)):
        raise ColumnError(_OTHER_KINDS)
    if not pa.types.is_dictionary(column.type):
        return _look(column, dictionary, threads)
    out = np.empty(len(column), np.int32)
    known: dict[tuple[int, ...], Codes] = {}
    at = 0
    for chunk in column.chunks:
        buffers = (0 if b is None else b.address for b in chunk.dictionary.buffers())
        key = (*buffers, len(chunk.dictionary), chunk.dictionary.offset)
        if key not in known:
            found = _look(pa.chunked_array([chunk.dictionary]), dictionary, threads)
            known[key] = np.append(found, np.int32(-1))
        out[at : at + len(chunk)] = known[key][indices(chunk)]
        at += len(chunk)
    return out


def lookup_indices(column: pa.ChunkedArray, dictionary: pa.Array, threads: int = 1) -> tuple[Codes, Codes | None]:
    """``lookup`` in two steps where that saves a pass over the cells: (a number of every cell, what each number means in
    ``dictionary``). Without the second part the numbers are the answer."""
    if not pa.types.is_dictionary(column.type) or len(dictionary) == 0 or is_number(column) != pa.types.is_integer(dictionary.type):
        return lookup(column, dictionary, threads), None
    if column.num_chunks != 1 or not pa.types.is_int32(column.type.index_type) or column.null_count:
        return lookup(column, dictionary, threads), None
    chunk = column.chunk(0)
    codes = np.frombuffer(chunk.indices.buffers()[1], np.int32, count=len(chunk) + chunk.offset)[chunk.offset :]
    return codes, _look(pa.chunked_array([chunk.dictionary]), dictionary, threads)


def _look(column: pa.ChunkedArray, dictionary: pa.Array, threads: int) -> Codes:
    out = np.empty(len(column), np.int32)
    at = 0
    if is_number(column):
        for chunk in pc.index_in(column, value_set=dictionary).chunks:
            out[at : at + len(chunk)] = np.asarray(chunk.fill_null(-1))
            at += len(chunk)
        return out
    index = _index_of(dictionary)
    for chunk in column.chunks:
        index.find(*texts_of(chunk), out[at : at + len(chunk)], threads)
        at += len(chunk)
    return out


def lookup_runs(column: pa.ChunkedArray, dictionary: pa.Array, threads: int = 1) -> tuple[Codes, npt.NDArray[np.int64]]:
    """Like ``lookup`` for a column whose equal cells mostly stand together: (index of each run, end of each run)."""
    found = lookup(column, dictionary, threads)
    if not len(found):
        return found, np.empty(0, np.int64)
    ends = np.append(np.flatnonzero(found[1:] != found[:-1]) + 1, len(found)).astype(np.int64)
    return found[ends - 1], ends
