"""sha256 of a table's content: the same cells give the same text from any container, chunking or text type."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .convert import Cells
from .ids import is_number, texts_of
from .read import Frame

__all__ = ["table_digest"]

_WORTH_THREADS = 100_000


def table_digest(frame: Frame, threads: int = 1) -> str:
    """Digest of the columns of a table that are read, by name; columns that no rule reads do not count."""
    names = sorted([*frame.cells, *frame.ids])
    if threads > 1 and frame.rows >= _WORTH_THREADS:
        with ThreadPoolExecutor(threads) as team:
            parts = list(team.map(lambda name: _column(frame, name), names))
    else:
        parts = [_column(frame, name) for name in names]
    whole = hashlib.sha256(f"{frame.table.name} {frame.rows}".encode())
    for name, part in zip(names, parts):
        whole.update(f"\n{name} ".encode() + part)
    return whole.hexdigest()


def _column(frame: Frame, name: str) -> bytes:
    return _cells(frame.cells[name]) if name in frame.cells else _ids(frame.ids[name])


def _cells(cells: Cells) -> bytes:
    digest = hashlib.sha256()
    values = cells.values
    if cells.texts is not None:
        used = np.flatnonzero(np.bincount(values[values >= 0], minlength=len(cells.texts)))
        texts = sorted(cells.texts[i] for i in used)
        place = {text: i for i, text in enumerate(texts)}
        lut = np.array([place.get(text, -1) for text in cells.texts] + [-1], np.int32)
        values = lut[values]
        digest.update("\0".join(texts).encode())
    digest.update(np.ascontiguousarray(values).data)
    if cells.bad is not None:
        digest.update(cells.bad.tobytes())
    return digest.digest()


def _ids(column: pa.ChunkedArray) -> bytes:
    """Lengths (-1: missing) and bytes of texts, or the numbers and which are there."""
    lengths, content = hashlib.sha256(), hashlib.sha256()
    for raw in column.chunks:
        chunk = raw.dictionary_decode() if pa.types.is_dictionary(raw.type) else raw
        if is_number(column):
            lengths.update(np.asarray(chunk.is_valid()).tobytes())
            content.update(np.ascontiguousarray(chunk.fill_null(0).to_numpy(zero_copy_only=False)).data)
            continue
        offsets, text, valid = texts_of(chunk)
        size = np.diff(offsets).astype(np.int32)
        lengths.update((size if valid is None else np.where(valid, size, np.int32(-1))).data)
        if valid is not None:
            offsets, text, _ = texts_of(pc.drop_null(chunk))
        content.update(text[int(offsets[0]) : int(offsets[-1])].data)
    return lengths.digest() + content.digest()
