"""Identifiers: text or whole numbers, turned once into dense indices.

Ids of one thing (persons, settlements, items) that come from several tables are encoded together, so that an index means the
same in all of them. Nothing here loops over rows in Python.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from .convert import ColumnError, indices, is_text, plain

Codes = npt.NDArray[np.int32]


def normal(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """An id column as large text or int64, dictionaries kept where they are. Raises ColumnError for other types."""
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
    target = pa.large_string() if is_text(value) else pa.int64()

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


def encode(columns: Sequence[pa.ChunkedArray]) -> tuple[list[Codes], pa.Array]:
    """Indices of several normal id columns into one joint dictionary (in order of first appearance); -1 is missing.

    Columns must all be text or all numbers (ColumnError otherwise).
    """
    flats = [flat(column) for column in columns]
    kinds = {column.type for column in flats if len(column)}
    if len(kinds) > 1:
        raise ColumnError("ids are text in one table and integers in another")
    kind = next(iter(kinds), pa.large_string())
    chunks = [chunk for column in flats if len(column) for chunk in column.chunks]
    encoded = pc.dictionary_encode(pa.chunked_array(chunks, type=kind))
    out: list[Codes] = []
    at = 0
    for column in flats:
        parts = []
        for _ in range(column.num_chunks if len(column) else 0):
            parts.append(indices(encoded.chunk(at)).astype(np.int32))
            at += 1
        out.append(np.concatenate(parts) if parts else np.empty(0, np.int32))
    dictionary = encoded.chunk(encoded.num_chunks - 1).dictionary if encoded.num_chunks else pa.array([], kind)
    return out, dictionary


def lookup(column: pa.ChunkedArray, dictionary: pa.Array) -> Codes:
    """Index of every cell of a normal id column in ``dictionary``; -1 when it is not there or missing."""
    if len(dictionary) == 0 or len(column) == 0:
        return np.full(len(column), -1, np.int32)
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if kind != dictionary.type:
        raise ColumnError("ids are text in one table and integers in another")
    if not pa.types.is_dictionary(column.type):
        return _found(pc.index_in(column, value_set=dictionary))
    out = np.empty(len(column), np.int32)
    known: dict[tuple[int, ...], Codes] = {}
    at = 0
    for chunk in column.chunks:
        buffers = (0 if b is None else b.address for b in chunk.dictionary.buffers())
        key = (*buffers, len(chunk.dictionary), chunk.dictionary.offset)
        if key not in known:
            known[key] = np.append(
                _found(pa.chunked_array([pc.index_in(chunk.dictionary, value_set=dictionary)])), np.int32(-1)
            )
        out[at : at + len(chunk)] = known[key][indices(chunk)]
        at += len(chunk)
    return out


def lookup_runs(column: pa.ChunkedArray, dictionary: pa.Array) -> tuple[Codes, npt.NDArray[np.int64]]:
    """Like ``lookup`` for a column whose equal cells mostly stand together: (index of each run, end of each run)."""
    if pa.types.is_dictionary(column.type):
        found = lookup(column, dictionary)
        change = np.flatnonzero(found[1:] != found[:-1]) + 1
        ends = np.append(change, len(found)).astype(np.int64) if len(found) else np.empty(0, np.int64)
        return found[ends - 1], ends
    values: list[pa.Array] = []
    stops: list[npt.NDArray[np.int64]] = []
    at = 0
    for chunk in column.chunks:
        if len(chunk):
            runs = pc.run_end_encode(chunk, run_end_type=pa.int64())
            values.append(runs.values)
            stops.append(np.asarray(runs.run_ends) + at)
            at += len(chunk)
    if not values:
        return np.empty(0, np.int32), np.empty(0, np.int64)
    return lookup(pa.chunked_array(values), dictionary), np.concatenate(stops)


def _found(found: pa.ChunkedArray) -> Codes:
    parts = []
    for chunk in found.chunks:
        data = chunk.buffers()[1]
        values = (
            np.frombuffer(data, np.int32, count=len(chunk) + chunk.offset)[chunk.offset :]
            if data is not None
            else np.zeros(len(chunk), np.int32)
        )
        parts.append(np.where(np.asarray(chunk.is_valid()), values, np.int32(-1)) if chunk.null_count else values)
    return np.concatenate(parts) if len(parts) != 1 else parts[0]


def first_seen(codes: Codes) -> npt.NDArray[np.bool_]:
    """True on the first row of each index, for indices given in order of first appearance (-1: False)."""
    if not len(codes):
        return np.zeros(0, bool)
    before = np.empty(len(codes), np.int64)
    before[0] = -1
    np.maximum.accumulate(codes[:-1], out=before[1:])
    return codes > before
