"""Rows as blobs: what a shuffle moves is a few large pieces of Arrow, not rows one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..columns.rows import rows_by_key

__all__ = ["cut", "joined", "packed", "unpacked"]

Int32 = npt.NDArray[np.int32]


def cut(table: pa.Table, part: Int32, parts: int) -> Iterator[tuple[int, bytes]]:
    """(part, its rows as they lay) for each part that has rows; rows of part -1 are left out."""
    begin, rows = rows_by_key(part, parts)
    ordered = table if _stand(part, len(rows)) else table.take(pa.array(rows))
    ordered = ordered.combine_chunks()
    for at in np.flatnonzero(np.diff(begin)).tolist():
        yield at, packed(ordered.slice(int(begin[at]), int(begin[at + 1] - begin[at])))


def _stand(part: Int32, kept: int) -> bool:
    """Whether all rows are wanted, and stand by their parts."""
    return kept == len(part) and bool((part[1:] >= part[:-1]).all())


def packed(table: pa.Table) -> bytes:
    """A table as one piece of an Arrow stream; of dictionaries only the entries that rows name."""
    columns = [compact(column) for column in table.columns]
    sink = pa.BufferOutputStream()
    out = pa.table(columns, names=table.column_names)
    with pa.ipc.new_stream(sink, out.schema) as writer:
        writer.write_table(out)
    return sink.getvalue().to_pybytes()


def unpacked(blob: bytes | memoryview) -> pa.Table:
    """The table of a piece."""
    return pa.ipc.open_stream(pa.py_buffer(blob)).read_all()


def joined(tables: Iterable[pa.Table]) -> pa.Table | None:
    """Pieces of one table put together, each column in one piece; None without any."""
    tables = list(tables)
    if not tables:
        return None
    if len(tables) == 1:
        return tables[0].combine_chunks()
    return pa.concat_tables(tables).unify_dictionaries().combine_chunks()


def compact(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The same cells; a dictionary that is much larger than what rows name is made anew."""
    if not pa.types.is_dictionary(column.type):
        return column
    return pa.chunked_array([_compact(chunk) for chunk in column.chunks], column.type)


def _compact(chunk: pa.DictionaryArray) -> pa.DictionaryArray:
    size = len(chunk.dictionary)
    if size <= 16 or size <= len(chunk) // 8:
        return chunk
    codes = chunk.indices.fill_null(size).to_numpy(zero_copy_only=False)
    used = np.zeros(size + 1, bool)
    used[codes] = True
    there = np.flatnonzero(used[:size])
    place = np.full(size + 1, -1, np.int64)
    place[there] = np.arange(len(there))
    index = place[codes]
    mask = index < 0 if chunk.null_count else None
    return pa.DictionaryArray.from_arrays(
        pa.array(index, chunk.type.index_type, mask=mask), chunk.dictionary.take(pa.array(there))
    )
