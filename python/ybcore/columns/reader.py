"""Tables of one kind read one after another: what a schema says is looked at once, columns when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from .. import _core
from .convert import FIRST_DAY, LAST_DAY, Cells, convert
from .ids import normal, texts_in
from .read import Frame, LazyCells, Problems, as_table, blank_is_missing, read
from .schema import LIMITS, Column, Table

__all__ = ["Plan", "Reader", "number_together"]

_SURE_TEXTS = (pa.string(), pa.large_string())
_SURE_NUMBERS = (pa.int8(), pa.int16(), pa.int32(), pa.int64())
_SURE = {
    "date": (pa.date32(), pa.int32(), pa.timestamp("us")), "time": (pa.date32(), pa.timestamp("us")),
    "flag": (*_SURE_NUMBERS, pa.bool_(), *_SURE_TEXTS), "code": _SURE_TEXTS, "id": (*_SURE_NUMBERS, *_SURE_TEXTS),
    **dict.fromkeys(("money", "rate", "quantity", "price", "count"), _SURE_NUMBERS),
}  # fmt: skip
_NOTHING = (0, 0, 0)
_DAY = 86_400_000_000
_WAYS = {
    "date": (2, FIRST_DAY, LAST_DAY),
    "time": (3, FIRST_DAY * _DAY, (LAST_DAY + 1) * _DAY - 1),
    "flag": (4, -1, 9),
    "code": (5, 0, 0),
}
_NO_ROWS = np.zeros(0, np.int32)
_FEW = 1 << 14  # rows of a table whose columns are read together
_SCHEMAS = 16  # of one kind of table that are remembered


class PlannedCells(LazyCells):
    """Columns of one table, each read by a way that is known for its schema; `all_at_once` has those of a small table that can be read so."""

    def __init__(
        self,
        ways: Mapping[str, Callable[[pa.Table], Any]],
        table: pa.Table,
        all_at_once: Callable[[], dict[str, Any]] = dict,
    ) -> None:
        dict.__init__(self, dict.fromkeys(ways))
        self._plan, self._whole, self._rest = ways, table, all_at_once

    def forget(self, name: str) -> None:
        """Let go of cells that can be read again: those of a small table are few."""

    def __getitem__(self, name: str) -> Any:
        held = dict.__getitem__(self, name)
        if held is None:
            self.update(self._rest())
            self._rest = dict
            held = dict.__getitem__(self, name)
        if held is None:
            held = self[name] = self._plan[name](self._whole)
        return held


class Reader:
    """Reads tables of one kind, one after another. A schema that was seen is not looked at again; columns are read when they are asked for.

    Only where no cell can make a difference to what is told: other tables are read as `read` reads them.
    """

    def __init__(self, table: Table, optional: frozenset[str], lazy: bool) -> None:
        self._table, self._optional, self._lazy = table, optional, lazy
        self._plans: list[tuple[pa.Schema, Plan | None]] = []

    def read(self, data: Any, problems: Problems) -> Frame:
        """As `read` does."""
        if isinstance(data, Mapping):
            data = as_table(data, self._table) or data
        if isinstance(data, pa.Table):
            plan = self.plan_of(data.schema)
            if plan is not None:
                small = _core.SmallTable(data) if data.num_rows <= _FEW else None
                whole = small is not None and small.whole
                cells = (
                    PlannedCells(plan.cells, data, partial(_all_cells, small, plan))
                    if whole
                    else PlannedCells(plan.cells, data)
                )
                places = {name: (small, place) for name, place in plan.places.items()} if whole else {}
                return Frame(
                    self._table, data.num_rows, cells, PlannedCells(plan.ids, data), PlannedCells(plan.source, data), list(plan.notes), places,
                )  # fmt: skip
        return read(data, self._table, problems, optional=self._optional, lazy=self._lazy)

    def plan_of(self, schema: pa.Schema) -> Plan | None:
        """How a table of these columns is read; None where that depends on its cells."""
        for known, plan in self._plans:
            if known is schema or known.equals(schema):
                return plan
        plan = self._planned(schema)
        self._plans = [(schema, plan), *self._plans[: _SCHEMAS - 1]]
        return plan

    def _planned(self, schema: pa.Schema) -> Plan | None:
        problems = Problems()
        frame = read(schema.empty_table(), self._table, problems, optional=self._optional, lazy=True)
        if problems.found:
            return None
        cells: dict[str, partial[Cells]] = {}
        ids: dict[str, Any] = {}
        source: dict[str, Any] = {}
        ways: list[tuple[int, int, int]] = [_NOTHING] * len(schema.names)
        for place, name in enumerate(schema.names):
            spec = self._table.find(name)
            if spec is None or spec.name not in frame.source or (spec.name != name and spec.name in schema.names):
                continue
            kind = schema.field(place).type
            value = kind.value_type if pa.types.is_dictionary(kind) else kind
            loose = self._lazy and spec.kind != "id"
            if spec.kind != "text" and not loose and value not in _SURE[spec.kind]:
                return None
            source[spec.name] = partial(_column, place)
            if spec.kind == "id":
                ids[spec.name] = partial(_id_column, place, self._table.name != "lines")
            elif spec.kind != "text":
                cells[spec.name] = partial(_cells, place, spec)
                ways[place] = _way(spec)
        columns = [(name, way.args[0]) for name, way in source.items()]
        return Plan(
            cells, ids, source, tuple(frame.notes), ways, {name: way.args[0] for name, way in ids.items()}, columns
        )


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """How each column of a schema is read. Of two plans none is equal to the other."""

    cells: dict[str, partial[Cells]]
    ids: dict[str, Callable[[pa.Table], pa.ChunkedArray]]
    source: dict[str, Callable[[pa.Table], pa.ChunkedArray]]
    notes: tuple[str, ...]
    ways: list[tuple[int, int, int]]  # of every column of the table, as `_core.SmallTable.cells` takes them
    places: dict[str, int]  # of the ids
    columns: list[tuple[str, int]]  # that the schema knows, each with its place in the table


def _way(spec: Column) -> tuple[int, int, int]:
    if spec.kind in LIMITS:
        return 1, -LIMITS[spec.kind] if spec.negative else 0, LIMITS[spec.kind]
    return _WAYS.get(spec.kind, _NOTHING)


def _all_cells(small: Any, plan: Plan) -> dict[str, Any]:
    """What can be read in one call of a small table."""
    found = small.cells(plan.ways)
    out: dict[str, Any] = {}
    for name, way in plan.cells.items():
        values = found[way.args[0]]
        if values is not None:
            out[name] = Cells(values[0], None, values[1]) if type(values) is tuple else Cells(values)
    return out


def number_together(
    frames: Mapping[str, Frame], places: Sequence[tuple[str, str]]
) -> tuple[list[Any], pa.Array] | None:
    """(numbers of ids of one thing in several small tables, -1 missing, empty for a column that is not there; the ids); None for others."""
    asked = [(table, name) for table, name in places if table in frames and name in frames[table].ids]
    if any(name not in frames[table].places for table, name in asked):
        return None
    found = _core.number_ids([frames[table].places[name] for table, name in asked])
    if found is None:
        return None
    numbers = dict(zip(asked, found[0]))
    return [numbers.get(place, _NO_ROWS) for place in places], texts_in(found[1])


def _column(place: int, table: pa.Table) -> pa.ChunkedArray:
    return table.column(place)


def _cells(place: int, spec: Column, table: pa.Table) -> Cells:
    return convert(table.column(place), spec)


def _id_column(place: int, wide: bool, table: pa.Table) -> pa.ChunkedArray:
    column = table.column(place)
    if column.num_chunks == 1 and column.type == pa.large_string() and not _core.has_blank(column):
        return column
    return blank_is_missing(normal(few(column), wide=wide))


def few(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column without a dictionary that is longer than the column: few rows of a large table keep the whole of it."""
    if pa.types.is_dictionary(column.type) and any(len(c.dictionary) > len(c) for c in column.chunks):
        return pa.chunked_array([c.dictionary_decode() for c in column.chunks], type=column.type.value_type)
    return column
