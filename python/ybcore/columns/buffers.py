"""What lies in the memory of Arrow columns of fixed width, as NumPy: cells, sentinels and bounds, whatever the numbers mean."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from .. import _core

__all__ = ["bounds_within", "filled", "indices", "numbers_at", "numbers_in", "one_array", "wall_clock", "widened"]

Array = npt.NDArray[Any]


def numbers_in(chunk: pa.Array) -> Array:
    """The data buffer of a fixed-width chunk as NumPy, missing cells undefined."""
    kind = (
        np.dtype(chunk.type.to_pandas_dtype())
        if not pa.types.is_temporal(chunk.type)
        else np.dtype(f"i{chunk.type.bit_width // 8}")
    )
    if chunk.buffers()[1] is None:
        return np.zeros(len(chunk), kind)
    return numbers_at(chunk.buffers()[1], kind, len(chunk) + chunk.offset)[chunk.offset :]


def numbers_at(buffer: pa.Buffer, kind: Any, count: int) -> Array:
    """Numbers that stand in a buffer; copied from an odd address, which Arrow allows and the kernel refuses."""
    found = np.frombuffer(buffer, kind, count=count)
    return found if found.flags.aligned else found.copy()


def indices(encoded: pa.DictionaryArray) -> npt.NDArray[np.int64]:
    """Dictionary indices as int64, -1 for a missing cell."""
    found = numbers_in(encoded.indices).astype(np.int64)
    return filled(found, encoded, -1) if encoded.null_count else found


def filled(values: Array, chunk: pa.Array, null: Any) -> Array:
    """Missing cells get the sentinel; the buffer that is not ours is never written."""
    if chunk.null_count:
        values = np.where(np.asarray(chunk.is_valid()), values, null)
    return values


def widened(chunk: pa.Array) -> Array:
    """Whole numbers as int64, those beyond it as the greatest; missing cells undefined."""
    values = numbers_in(chunk)
    if values.dtype == np.uint64:
        values = np.minimum(values, np.uint64(2**63 - 1))
    return values.astype(np.int64, copy=False)


def one_array(column: pa.ChunkedArray, null: Any, threads: int) -> tuple[Array, tuple[int, int]] | None:
    """(cells of a fixed-width column in one array, bounds of those that are there); None where its one chunk will do."""
    if column.num_chunks == 1 and not column.null_count:
        return None
    found = _core.joined(column, int(null), threads)
    return None if found is None else (found[0], (found[1], found[2]))


def bounds_within(values: Array, low: int, top: int, threads: int) -> tuple[int, int] | None:
    """Bounds of some numbers that lie between `low` and `top`; None when they do not."""
    held = np.ascontiguousarray(values)
    for find in (_core.rough_bounds, _core.bounds):
        least, most = find(held, threads)
        if least >= low and most <= top:
            return least, most
    return None


def wall_clock(chunk: pa.Array) -> Array:
    """Wall-clock microseconds of a date64 or timestamp chunk, missing cells undefined."""
    if pa.types.is_timestamp(chunk.type) and chunk.type.tz is not None:
        chunk = pc.local_timestamp(chunk)
    unit = "ms" if pa.types.is_date64(chunk.type) else chunk.type.unit
    values = numbers_in(chunk)
    if unit == "us":
        return values
    if unit == "ns":
        return np.floor_divide(values, 1000)
    factor = {"s": 1_000_000, "ms": 1000}[unit]
    # Cells that are missing or absurd must not wrap round into a believable date.
    edge = 2**62 // factor
    return np.clip(values, -edge, edge) * factor
