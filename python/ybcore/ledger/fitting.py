"""Rows of files in the types that a run's tables have: texts become numbers and days, or the other way round, cell by cell the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from .. import io
from ..columns.convert import NULL_DAY, NULL_INT, Cells, ColumnError, convert, decoded
from ..columns.phrases import chinese
from ..columns.schema import SCALES, Column, Table
from ..errors import Problem
from .changes import family

__all__ = ["in_types_of"]

Mask = npt.NDArray[np.bool_]
_SHOWN = 5
_NAMES = ("id", "code", "text")
#: Ids that name what another column names: they have its type where the run has no such column.
_SAME = {
    "init_setl_id": "setl_id",
    "init_feedetl_sn": "feedetl_sn",
    "mulaid_psn_no": "psn_no",
    "refl_old_mdtrt_id": "mdtrt_id",
}


def in_types_of(
    rows: pa.Table, held: pa.Table | None, schema: Table, place: dict[str, Any]
) -> tuple[pa.Table, list[Problem]]:
    """The rows with each column in the type that `held` has it in, and what could not be read; `place` is where such a problem stands.

    Columns that `held` does not have (but for ids that name what another column names), or has in a type of the same family, stay as they are.
    """
    problems: list[Problem] = []
    theirs = {} if held is None else _types(held, schema)
    for i, name in enumerate(rows.column_names):
        spec = schema.find(name)
        target = None if spec is None else theirs.get(spec.name)
        column = rows.column(i)
        if spec is None or target is None or _alike(column.type, target, spec):
            continue
        try:
            column, bad = _cast(column, spec, target)
        except (ColumnError, pa.ArrowException) as error:
            problems.append(
                Problem(
                    **place,
                    what=f"the column {name!r} {error}",
                    what_zh=f"列 {name!r}：{chinese(f'the column {error}') or error}",
                )
            )
            continue
        problems += _unread(rows.column(i), bad, name, place)
        rows = rows.set_column(i, name, column)
    return rows, problems


def _types(held: pa.Table, schema: Table) -> dict[str, pa.DataType]:
    out = {}
    for field in held.schema:
        spec = schema.find(field.name)
        if spec is not None and not pa.types.is_null(field.type):
            out[spec.name] = field.type
    return {**{name: out[like] for name, like in _SAME.items() if like in out}, **out}


def _alike(own: pa.DataType, target: pa.DataType, spec: Column) -> bool:
    if pa.types.is_null(own) or family(own) == family(target):
        return True
    days = {str(own), str(target)} == {"int32", "date32[day]"}
    return spec.kind == "date" and days


def _unread(column: pa.ChunkedArray, bad: Mask | None, name: str, place: dict[str, Any]) -> list[Problem]:
    """A problem for each of the first cells that say nothing of their kind, and one for the others."""
    rows = np.flatnonzero(bad) if bad is not None else np.zeros(0, np.int64)
    out = []
    for row in rows[:_SHOWN].tolist():
        cell = column[row].as_py()
        what, zh = f"cannot read {cell!r} as {name}", f"{name} 不能是 {cell!r}"
        out.append(Problem(**place, row=row + 1, what=what, what_zh=zh))
    if len(rows) > _SHOWN:
        more = len(rows) - _SHOWN
        out.append(Problem(**place, what=f"{more} more cells of {name} cannot be read", what_zh=f"{name} 另有 {more} 格不能读"))  # fmt: skip
    return out


def _cast(column: pa.ChunkedArray, spec: Column, target: pa.DataType) -> tuple[pa.ChunkedArray, Mask | None]:
    """(the column in another type, cells that could not be read)."""
    value = target.value_type if pa.types.is_dictionary(target) else target
    if spec.kind in _NAMES:
        found, bad = _name(decoded(column), value)
    else:
        cells = convert(column, spec)
        found, bad = _told(cells, spec, value), cells.bad
    return pa.chunked_array([found]), bad


def _name(column: pa.ChunkedArray, value: pa.DataType) -> tuple[pa.Array, Mask | None]:
    """Ids as whole numbers or as text."""
    whole = column.combine_chunks()
    whole = pa.concat_arrays(whole.chunks) if isinstance(whole, pa.ChunkedArray) else whole
    if not pa.types.is_integer(value):
        return whole.cast(value), None
    text = pc.utf8_trim_whitespace(whole)
    good = pc.match_substring_regex(text, r"^-?(0|[1-9][0-9]{0,17})$")
    bad = np.asarray(pc.fill_null(pc.invert(good), False), bool) & np.asarray(
        pc.fill_null(pc.not_equal(text, ""), False)
    )
    return pc.if_else(good, text, pa.scalar(None, text.type)).cast(value), bad if bad.any() else None


def _told(cells: Cells, spec: Column, value: pa.DataType) -> pa.Array:
    """Held values as a column of a type."""
    if spec.kind == "flag":
        flags = pa.array(cells.values, mask=cells.values < 0)
        return flags.cast(pa.string()).cast(value) if family(value) == "text" else flags.cast(value)
    if spec.kind == "date":
        days = pa.array(cells.values, mask=cells.values == NULL_DAY).cast(pa.date32())
        if pa.types.is_integer(value):
            return days.cast(pa.int32()).cast(value)
        return days.cast(pa.string()).cast(value) if family(value) == "text" else days.cast(value)
    if spec.kind == "time":
        times = pa.array(cells.values, mask=cells.values == NULL_INT).cast(pa.timestamp("us"))
        return pc.strftime(times, "%Y-%m-%d %H:%M:%S").cast(value) if family(value) == "text" else times.cast(value)
    numbers = pa.array(cells.values, mask=cells.values == NULL_INT)
    if pa.types.is_integer(value):
        return numbers.cast(value)
    exact = io.yuan(numbers, SCALES[spec.kind])
    return exact.cast(pa.string()).cast(value) if family(value) == "text" else exact.cast(value)
