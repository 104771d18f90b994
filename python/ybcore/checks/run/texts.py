"""A few cells of long text columns, and texts as the kernel reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ...columns.ids import texts_of

__all__ = ["FEW", "as_texts", "bytes_of", "chosen_texts", "one_number", "some_of"]

FEW = 16  # texts that are made one by one: a compute function takes longer


def some_of(column: pa.ChunkedArray, rows: Any) -> pa.Array:
    """Cells of an id column by row, null for row -1; no more of the column than that is touched, however many chunks it has."""
    rows = np.asarray(rows, np.int64)
    chunks = [chunk for chunk in column.chunks if len(chunk)]
    if len(chunks) == 1 and len(rows) <= FEW:
        chunk = chunks[0]
        kind = chunk.type.value_type if pa.types.is_dictionary(chunk.type) else chunk.type
        return pa.array([None if row < 0 else chunk[row].as_py() for row in rows.tolist()], kind)
    if len(chunks) == 1:
        return _plain(chunks[0].take(pa.array(rows, mask=rows < 0)))
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    ends = np.cumsum([0, *(len(chunk) for chunk in chunks)])
    of = np.searchsorted(ends, rows, side="right") - 1
    order = np.argsort(of, kind="stable")
    cuts = np.searchsorted(of[order], np.arange(-1, len(chunks) + 1))
    parts = [pa.nulls(int(cuts[1] - cuts[0]), kind)]
    for at, chunk in enumerate(chunks):
        mine = rows[order[cuts[at + 1] : cuts[at + 2]]] - ends[at]
        if len(mine):
            parts.append(_plain(chunk.take(pa.array(mine))))
    back = np.empty(len(rows), np.int64)
    back[order] = np.arange(len(rows))
    return pa.concat_arrays(parts).take(pa.array(back))


def _plain(chunk: pa.Array) -> pa.Array:
    return chunk.dictionary_decode() if pa.types.is_dictionary(chunk.type) else chunk


def chosen_texts(texts: Sequence[str | None], place: Any) -> pa.Array:
    """The text at each place; null where it is None."""
    if len(place) <= FEW:
        return pa.array([texts[at] for at in place.tolist()], pa.string())
    index = pa.array(place.astype(np.int32))
    return pa.DictionaryArray.from_arrays(index, pa.array(texts, pa.string())).dictionary_decode()


def as_texts(numbers: Any) -> pa.Array:
    """Whole numbers as texts."""
    if len(numbers) <= FEW:
        return pa.array([str(number) for number in numbers.tolist()], pa.string())
    return pa.array(numbers).cast(pa.string())


def bytes_of(texts: Sequence[str] | pa.Array) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    """(offsets, bytes) of some texts; a missing one is empty."""
    column = texts if isinstance(texts, pa.Array) else pa.array(texts, pa.large_string())
    offsets, data, _ = texts_of(column.cast(pa.large_string()))
    return np.ascontiguousarray(offsets, np.int64), np.ascontiguousarray(data)


def one_number(codes: npt.NDArray[np.int32], texts: Sequence[str]) -> npt.NDArray[np.int32]:
    """Codes of which equal texts have one number; -1 stays."""
    place: dict[str, int] = {}
    lut = np.array([place.setdefault(text, len(place)) for text in texts] + [-1], np.int32)
    return lut[codes]
