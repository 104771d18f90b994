"""Row numbers: where rows of a key stand."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from .. import _core

__all__ = ["rows_by_key", "taken"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]


def rows_by_key(key: Int32, keys: int) -> tuple[Int64, Int64]:
    """(first place of each key and the end, rows by key and then as they stand); rows of a negative key are left out."""
    rows, start = _core.rows_by_key(np.ascontiguousarray(key, dtype=np.int32), keys)
    return start, rows


def taken(table: pa.Table, rows: Int64) -> pa.Table:
    """The rows of a table that were computed from it: they are there, and are not looked up before they are taken."""
    out: pa.Table = pc.take(table, pa.array(rows), boundscheck=False)
    return out
