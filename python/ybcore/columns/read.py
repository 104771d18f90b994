"""Anything column-shaped in, checked columns out.

Accepted: any object with the Arrow PyCapsule interface (pyarrow, polars, pandas, DuckDB), a pyarrow RecordBatchReader, or a
mapping of names to NumPy arrays, Arrow arrays, series or lists. All problems of all tables are raised together.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from .. import _core
from ..errors import InputError, Problem
from .checkschema import checks_know
from .convert import NULL_DAY, NULL_INT, Cells, ColumnError, convert, is_text
from .ids import normal, page_of
from .phrases import chinese
from .schema import Column, Table


@dataclass(slots=True)
class Problems:
    """Collects what is wrong, so that a caller hears of everything at once."""

    found: list[Problem] = field(default_factory=list)

    def add(
        self, what: str, path: str = "", file: str | None = None, row: int | None = None, nearest: str = ""
    ) -> None:
        """Note one problem; ``path`` is ``table.column``."""
        self.found.append(Problem(what=what, what_zh=chinese(what), path=path, file=file, row=row, nearest=nearest))

    def stop(self) -> None:
        """Raise InputError when anything was noted."""
        if self.found:
            raise InputError(self.found)


class LazyCells(dict[str, Any]):
    """Cells by column, of which some are read when they are first asked for."""

    def __init__(self) -> None:
        super().__init__()
        self._ways: dict[str, Callable[[], Cells]] = {}

    def later(self, name: str, way: Callable[[], Cells]) -> None:
        """A column that is there, and how it is read."""
        self._ways[name] = way
        self[name] = None

    def forget(self, name: str) -> None:
        """Let go of cells that can be read again."""
        if name in self._ways:
            self[name] = None

    def __getitem__(self, name: str) -> Any:
        held = super().__getitem__(name)
        if held is None:
            held = self[name] = self._ways[name]()
        return held

    def get(self, name: str, default: Any = None) -> Any:
        """The cells of a column, or what is given instead."""
        try:
            return self[name]
        except KeyError:
            return default

    def items(self) -> Any:
        """Every column with its cells."""
        return [(name, self[name]) for name in self]

    def values(self) -> Any:
        """The cells of every column."""
        return [self[name] for name in self]


@dataclass(slots=True)
class Frame:
    """One table at the door: ids as Arrow columns, everything else as held NumPy values."""

    table: Table
    rows: int
    cells: dict[str, Cells]
    ids: dict[str, pa.ChunkedArray]
    source: dict[str, pa.ChunkedArray]
    notes: list[str]
    places: dict[str, Any] = field(default_factory=dict)  # of ids that may be numbered with those of other small tables

    def has(self, name: str) -> bool:
        """True when the caller gave the column."""
        return name in self.cells or name in self.ids

    def forget(self, *names: str) -> None:
        """Let go of cells that can be read again."""
        if isinstance(self.cells, LazyCells):
            for name in names:
                self.cells.forget(name)

    def days(self, name: str) -> npt.NDArray[np.int32]:
        """A date column; all missing when the caller did not give it."""
        return self.cells[name].values if name in self.cells else np.full(self.rows, NULL_DAY, np.int32)

    def ints(self, name: str) -> npt.NDArray[np.int64]:
        """An exact column; all missing when the caller did not give it."""
        return self.cells[name].values if name in self.cells else np.full(self.rows, NULL_INT, np.int64)

    def flag(self, name: str, default: int) -> npt.NDArray[np.int8]:
        """A flag column with its default in the missing cells."""
        if name not in self.cells:
            return np.full(self.rows, default, np.int8)
        values = self.cells[name].values
        if default == -1:
            return values
        return np.where(values < 0, np.int8(default), values) if len(values) and values.min() < 0 else values

    def code(self, name: str) -> tuple[npt.NDArray[np.int32], list[str]] | None:
        """Indices and texts of a code column; None when the caller did not give it."""
        cells = self.cells.get(name)
        return None if cells is None else (cells.values, cells.texts or [])

    def bad(self) -> npt.NDArray[np.bool_]:
        """Rows with a cell that could not be read, or without a required value."""
        out = np.zeros(self.rows, bool)
        for name, cells in self.cells.items():
            if cells.bad is not None:
                out |= cells.bad
            spec = self.table.find(name)
            if spec is not None and spec.required:
                out |= missing(cells, spec)
        for name, column in self.ids.items():
            spec = self.table.find(name)
            if spec is not None and spec.required and column.null_count:
                out |= ~np.asarray(column.is_valid())
        return out


def missing(cells: Cells, spec: Column) -> npt.NDArray[np.bool_]:
    """Cells of a column that hold nothing."""
    null = {"date": NULL_DAY, "code": -1, "text": -1, "flag": -1}.get(spec.kind, NULL_INT)
    return np.asarray(cells.values == null)


def read(
    data: Any,
    table: Table,
    problems: Problems,
    *,
    file: str | None = None,
    optional: frozenset[str] | set[str] = frozenset(),
    threads: int = 1,
    later: frozenset[str] | set[str] = frozenset(),
    lazy: bool = False,
) -> Frame:
    """Read one table by its schema; problems are added to ``problems`` and the columns concerned left out.

    ``optional`` names required columns that may be missing here because another table gives them, ``later`` columns whose limits the
    caller sees to (see `convert`). `lazy`: cells are read when they are first asked for; types are looked at here.
    """
    arrow = to_arrow(data, table, problems, file)
    cells = LazyCells()
    ids: dict[str, pa.ChunkedArray] = {}
    source: dict[str, pa.ChunkedArray] = {}
    unknown: list[str] = []
    for name, column in arrow.items():
        spec = table.find(name)
        if spec is None:
            if not checks_know(table.name, name):
                unknown.append(name)
            continue
        if spec.name != name and spec.name in arrow and checks_know(table.name, name):
            continue  # the date is there; its time of day is for checks
        if spec.name in source:
            problems.add(f"the column is there twice (it is another name of {spec.name})", f"{table.name}.{name}", file)
            continue
        source[spec.name] = column
        try:
            if spec.kind == "id":
                ids[spec.name] = blank_is_missing(normal(column, wide=table.name != "lines"))
            elif spec.kind != "text" and lazy:
                convert(column.slice(0, 0), spec)
                cells.later(spec.name, partial(convert, column, spec, threads))
            elif spec.kind != "text":
                cells[spec.name] = convert(column, spec, threads, spec.name in later)
        except ColumnError as error:
            problems.add(f"the column {error}", f"{table.name}.{name}", file)
        except pa.ArrowException as error:
            problems.add(f"the column could not be read: {error}", f"{table.name}.{name}", file)
    for spec in table.columns:
        if spec.required and spec.name not in source and spec.name not in optional:
            near = difflib.get_close_matches(spec.name, unknown, 1, 0.6)
            problems.add("the required column is missing", f"{table.name}.{spec.name}", file, nearest="".join(near))
    notes = [note_unknown(name, table) for name in unknown]
    return Frame(table, column_length(arrow), cells, ids, source, notes)


def blank_is_missing(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """An empty text is no id."""
    if pa.types.is_dictionary(column.type):
        pages = {page_of(c.dictionary): c.dictionary for c in column.chunks if is_text(c.dictionary.type)}
        if any(_core.has_blank(pa.chunked_array([page])) for page in pages.values()):
            column = pa.chunked_array([c.dictionary_decode() for c in column.chunks])
        else:
            return column
    if not is_text(column.type):
        return column
    if not _core.has_blank(column):
        return column
    return pc.if_else(pc.equal(pc.binary_length(column), 0), pa.scalar(None, column.type), column)


def note_unknown(name: str, table: Table) -> str:
    """A note on a column that no rule of ours reads."""
    near = difflib.get_close_matches(name.lower(), [column.name for column in table.columns], 1, 0.75)
    return f"{table.name}.{name} is not a column we know; it was ignored" + (
        f" (nearest name: {near[0]})" if near else ""
    )


def column_length(arrow: Mapping[str, pa.ChunkedArray]) -> int:
    """Rows of a table given as columns."""
    return len(next(iter(arrow.values()))) if arrow else 0


def to_arrow(
    data: Any, table: Table, problems: Problems, file: str | None = None, *, whole: bool = False
) -> dict[str, pa.ChunkedArray]:
    """The columns of anything we accept, as Arrow chunked arrays of equal length. `whole`: those of a mapping that the table does not have
    too, for somebody who may read them later."""
    if isinstance(data, Mapping):
        columns = _from_mapping(data, table, problems, file, whole)
        lengths = {name: len(column) for name, column in columns.items()}
        if len(set(lengths.values())) > 1:
            problems.add(
                f"columns have different lengths: {', '.join(f'{k} {v}' for k, v in lengths.items())}", table.name, file
            )
            return {}
        return columns
    try:
        if isinstance(data, pa.Table):
            held = data
        elif hasattr(data, "__arrow_c_stream__"):
            held = pa.table(data)
        elif hasattr(data, "__arrow_c_array__"):
            held = pa.Table.from_batches([pa.record_batch(data)])
        else:
            problems.add(
                f"cannot read {type(data).__name__} as a table: give an Arrow table, a data frame or a mapping of columns",
                table.name,
                file,
            )
            return {}
    except (pa.ArrowException, TypeError, ValueError) as error:
        problems.add(f"cannot read the table: {error}", table.name, file)
        return {}
    twice = sorted({name for name in held.column_names if held.column_names.count(name) > 1})
    for name in twice:
        problems.add("the column is there twice", f"{table.name}.{name}", file)
    return {name: held.column(i) for i, name in enumerate(held.column_names) if name not in twice}


def as_table(data: Mapping[Any, Any], table: Table) -> pa.Table | None:
    """A mapping of columns as one table; None where it cannot be one."""
    problems = Problems()
    columns = _from_mapping(data, table, problems, None)
    if problems.found or len({len(column) for column in columns.values()}) != 1:
        return None
    return pa.Table.from_arrays(list(columns.values()), list(columns))


def _from_mapping(
    data: Mapping[Any, Any], table: Table, problems: Problems, file: str | None, whole: bool = False
) -> dict[str, pa.ChunkedArray]:
    columns: dict[str, pa.ChunkedArray] = {}
    for name, values in data.items():
        known = table.find(str(name)) is not None
        if not known and not whole:
            columns[str(name)] = pa.chunked_array([pa.nulls(len(values))])
            continue
        try:
            columns[str(name)] = _one(values)
        except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
            if not known:  # a column that nobody reads need not even be convertible
                columns[str(name)] = pa.chunked_array([pa.nulls(len(values))])
                continue
            problems.add(f"the column could not be read: {error}", f"{table.name}.{name}", file)
    return columns


def _one(values: Any) -> pa.ChunkedArray:
    """One column of a mapping."""
    if isinstance(values, pa.ChunkedArray):
        return values
    if isinstance(values, np.ndarray) and values.dtype.kind in "iub" and values.ndim == 1:
        return pa.chunked_array([pa.array(np.ascontiguousarray(values))])
    if isinstance(values, pa.Array):
        return pa.chunked_array([values])
    if hasattr(values, "__arrow_c_stream__"):
        return pa.chunked_array(values)
    return pa.chunked_array([pa.array(values)])
