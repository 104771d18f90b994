"""Any column of visits or lines, for rules that name one."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ...columns.convert import NULL_DAY, NULL_INT
from .given import Batch

__all__ = ["cells_of", "lacking"]

Int64 = npt.NDArray[np.int64]


def lacking(batch: Batch, table: str, column: str, rows: Any) -> npt.NDArray[np.bool_]:
    """Which of some rows have nothing in a column."""
    frame = batch.frames[table]
    if column in frame.places:
        return batch.codes(table, column)[rows] < 0
    if column in frame.ids:
        held = frame.ids[column]
        return ~np.asarray(held.is_valid())[rows] if held.null_count else np.zeros(len(rows), bool)
    return cells_of(batch, table, column, rows)[1]


def cells_of(batch: Batch, table: str, column: str, rows: Any) -> tuple[Any, Any, list[str] | None]:
    """(values of some rows, which are missing, texts that the values are places of; None: the values are numbers, days or times)."""
    frame = batch.frames[table]
    if column in frame.ids:
        codes, ids = batch.number(table, column)
        texts = [str(text) for text in ids.to_pylist()]
        return codes[rows], codes[rows] < 0, texts
    if column not in frame.cells:
        return np.zeros(len(rows), np.int64), np.ones(len(rows), bool), None
    spec = frame.table.find(column)
    cells = frame.cells[column]
    values = cells.values[rows]
    kind = "" if spec is None else spec.kind
    if kind == "flag":
        return np.maximum(values, 0).astype(np.int64), values < 0, [str(i) for i in range(10)]
    if kind == "code":
        return values, values < 0, list(cells.texts or [])
    return values, values == (NULL_DAY if kind == "date" else NULL_INT), None
