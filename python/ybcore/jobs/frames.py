"""What Spark tasks do with frames: rows to pieces, pieces to the part of their group, a part to its results (docs/jobs.md section 6)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ..columns.ids import encode, lookup
from ..columns.keys import ids_of
from ..engine import Engine
from ..settling.order import group_persons
from .blobs import cut, joined, packed, unpacked
from .carried import carried
from .unit import GROUP, SOURCE, VISIT, Outputs, settle_unit

if TYPE_CHECKING:
    from pyspark.broadcast import Broadcast

__all__ = ["Components", "Cut", "Everywhere", "Meet", "Open", "Settle", "in_order", "settled_tables"]

Int32 = npt.NDArray[np.int32]
Batches = Iterable[pa.RecordBatch]

PART, LEAD, KNOWN = "ybcore_part", "ybcore_lead", "ybcore_known"
TABLES = ("visits", "lines", "persons", "institutions", "acct_events")
IDS = len(TABLES)  # kind of a piece: number of its table, or the ids of visits
RESULTS = ("settlements", "line_results", "detail", "rejects")
_PIECE = pa.schema([("part", pa.int32()), ("kind", pa.int32()), ("blob", pa.binary())])
_HELD = 32 << 20  # bytes of rows that a task gathers before it cuts them
_ROWS = 1 << 16  # of results in one piece


@dataclass(frozen=True)
class Components:
    """Links → (person, least person of the component) for all but that one. One task: about 100 bytes a link."""

    def __call__(self, batches: Batches) -> Iterator[pa.RecordBatch]:
        batches = list(batches)
        if not batches:
            return
        table = pa.Table.from_batches(batches)
        (one, other), people = encode([ids_of(table, "one"), ids_of(table, "other")])
        group, count = group_persons(len(people), [(one, other)])
        order = np.asarray(pc.array_sort_indices(people))
        least = np.full(count, -1, np.int64)
        least[group[order[::-1]]] = order[::-1]
        lead = least[group]
        rows = np.flatnonzero(lead != np.arange(len(people)))
        out = pa.table({"one": people.take(pa.array(rows)), "other": people.take(pa.array(lead[rows]))})
        yield from out.cast(table.schema).combine_chunks().to_batches()


@dataclass(frozen=True)
class Cut:
    """Rows → pieces by part. `few`: texts of few different values, which travel as dictionaries."""

    kind: int
    parts: int
    few: tuple[str, ...] = ()

    def __call__(self, batches: Batches) -> Iterator[pa.RecordBatch]:
        for table in _gathered(batches):
            part = table[PART].to_numpy().astype(np.int32, copy=False)
            yield _pieces(cut(self._fitted(table.drop_columns([PART])), part, self.parts), self.kind)

    def _fitted(self, table: pa.Table) -> pa.Table:
        for i, name in enumerate(table.column_names):
            column = table.column(i)
            if name in self.few and pa.types.is_string(column.type):
                table = table.set_column(i, name, column.combine_chunks().dictionary_encode())
            elif pa.types.is_timestamp(column.type) and column.type.tz is not None:
                table = table.set_column(i, name, pc.local_timestamp(column))  # as the session shows it
        return table


@dataclass(frozen=True)
class Everywhere:
    """All rows of a table as one piece for every part."""

    kind: int
    parts: int

    def __call__(self, batches: Batches) -> Iterator[pa.RecordBatch]:
        batches = list(batches)
        if batches:
            blob = packed(pa.Table.from_batches(batches).combine_chunks())
            for part in range(self.parts):
                yield _pieces([(part, blob)], self.kind)


@dataclass(frozen=True)
class Meet:
    """Ids of visits, then pieces of lines → pieces of lines by the part of their visit. Lines of no visit go where their id hashes to."""

    parts: int

    def __call__(self, batches: Batches) -> Iterator[pa.RecordBatch]:
        own: list[pa.Table] = []
        waiting: list[pa.Table] = []
        part_of: tuple[pa.Array, Int32] | None = None
        here, held = 0, 0
        for at, kind, blob in _blobs(batches):
            here = at
            if kind == IDS:
                own.append(unpacked(blob))
                continue
            if part_of is None:
                part_of = self._parts_of(own)
            waiting.append(unpacked(blob))
            held += waiting[-1].nbytes
            if held >= _HELD:
                yield self._cut(waiting, part_of, here)
                waiting, held = [], 0
        if waiting and part_of is not None:
            yield self._cut(waiting, part_of, here)

    def _parts_of(self, own: list[pa.Table]) -> tuple[pa.Array, Int32]:
        """(ids, part of each and -1 at the end); the visit of a person goes before one of nobody with the same id."""
        table = joined(own)
        if table is None:
            return pa.array([], pa.large_string()), np.full(1, -1, np.int32)
        (code,), ids = encode([ids_of(table, "setl_id")])
        part = table[KNOWN].to_numpy()
        of = np.full(len(ids) + 1, -1, np.int32)
        somebody = np.asarray(table[LEAD])
        for rows in (np.flatnonzero(~somebody & (code >= 0)), np.flatnonzero(somebody & (code >= 0))):
            of[code[rows]] = part[rows]
        of[-1] = -1
        return ids, of

    def _cut(self, tables: list[pa.Table], part_of: tuple[pa.Array, Int32], here: int) -> pa.RecordBatch:
        table = joined(tables)
        assert table is not None
        ids, of = part_of
        part = of[lookup(ids_of(table, "setl_id"), ids)]
        return _pieces(cut(table, np.where(part < 0, np.int32(here), part), self.parts), TABLES.index("lines"))


@dataclass(frozen=True)
class Settle:
    """Pieces of one part → pieces of its results. `book`: (book, catalogue) as every worker has them once."""

    book: Broadcast[Any]
    outputs: Outputs

    def __call__(self, batches: Batches) -> Iterator[pa.RecordBatch]:
        held: dict[int, list[pa.Table]] = {}
        for _, kind, blob in _blobs(batches):
            held.setdefault(kind, []).append(unpacked(blob))
        if not held.keys() & {0, 1}:
            return
        tables = {TABLES[kind]: table for kind, pieces in held.items() if (table := joined(pieces)) is not None}
        with carried():
            done = settled_tables(_engine(self.book), tables, self.outputs)
        for name, table in done.items():
            for first in range(0, table.num_rows, _ROWS):
                yield _pieces([(0, packed(table.slice(first, _ROWS)))], RESULTS.index(name))


@dataclass(frozen=True)
class Open:
    """Pieces of a result → its rows."""

    schema: pa.Schema

    def __call__(self, batches: Batches) -> Iterator[pa.RecordBatch]:
        for _, _, blob in _blobs(batches):
            yield from unpacked(blob).cast(self.schema).to_batches()


_ENGINES: list[tuple[Any, Engine]] = []  # what was sent, and the engine made of it


def _engine(book: Broadcast[Any]) -> Engine:
    """This worker's engine: made once for each book that was sent."""
    sent = book.value
    if not _ENGINES or _ENGINES[0][0] is not sent:
        _ENGINES[:] = [(sent, Engine(*sent, threads=1))]
    return _ENGINES[0][1]


def settled_tables(engine: Engine, tables: Mapping[str, pa.Table], outputs: Outputs) -> dict[str, pa.Table]:
    """Results of whole groups by name, in types that Spark has."""
    tables = dict(tables)
    visits = tables.get("visits")
    if visits is None:  # lines of no visit alone
        schema = engine.input_tables["visits"]
        visits = pa.table(
            {c.name: pa.array([], pa.string()) for c in schema.columns if c.required}
            | {LEAD: pa.array([], pa.string())}
        )
    for name in ("persons", "acct_events"):
        if name in tables and LEAD in tables[name].column_names:
            there = pc.is_in(tables[name][LEAD], value_set=visits[LEAD].unique().drop_null())
            tables[name] = in_order(tables[name].filter(there).drop_columns([LEAD]))
    visits = in_order(visits, ("setl_time", "setl_id"))  # of settlements that are there twice the earliest stands
    (lead,), names = encode([ids_of(visits, LEAD)])
    rank = np.empty(len(names) + 1, np.int32)
    rank[np.asarray(pc.array_sort_indices(names))] = np.arange(len(names), dtype=np.int32)
    rank[-1] = len(names)
    tables["visits"] = _with_rows(visits.drop_columns([LEAD])).append_column(GROUP, pa.array(rank[lead]))
    if "lines" in tables:
        lines = tables["lines"]
        (own,), ids = encode([ids_of(visits, "setl_id")])
        row = np.full(len(ids) + 1, -1, np.int32)
        known = np.flatnonzero(own >= 0)[::-1]
        row[own[known]] = known
        row[-1] = -1
        lines = lines.append_column(VISIT, pa.array(row[lookup(ids_of(lines, "setl_id"), ids)]))
        tables["lines"] = _with_rows(in_order(lines, (VISIT, "feedetl_sn")))
    done = settle_unit(engine, tables, outputs=outputs)
    out = {name: getattr(done, name) for name in RESULTS}
    return {
        name: _plain(table.drop_columns([c for c in SOURCE if c in table.column_names]))
        for name, table in out.items()
        if table is not None
    }


def _with_rows(table: pa.Table) -> pa.Table:
    """Frames have no files; rows are numbered as they stand here."""
    out = table.append_column(SOURCE[0], pa.array([""] * table.num_rows, pa.string()))
    return out.append_column(SOURCE[1], pa.array(np.arange(table.num_rows, dtype=np.int64)))


def in_order(table: pa.Table, first: tuple[str, ...] = ()) -> pa.Table:
    """Rows in an order that depends on nothing but what they hold: by `first`, then by all columns as they stand; missing cells last."""
    keys = pa.table({name: _sortable(column) for name, column in zip(table.column_names, table.columns)})
    ahead = [name for name in first if name in table.column_names]
    order = [*ahead, *(name for name in table.column_names if name not in ahead)]
    rows = None
    if ahead:
        rows = pc.sort_indices(keys, [(name, "ascending") for name in ahead])
        near = keys.select(ahead).take(rows)
        same = np.ones(max(0, table.num_rows - 1), bool)
        for column in near.columns:
            values = column.combine_chunks()
            same &= np.asarray(pc.fill_null(pc.equal(values[1:], values[:-1]), True))
        if not same.any():
            return table.take(rows)
    rows = pc.sort_indices(keys, [(name, "ascending") for name in order])
    return table.take(rows)


def _sortable(column: pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Cells as numbers or texts that stand in the same order."""
    if not pa.types.is_dictionary(column.type):
        return column
    whole = column.unify_dictionaries().combine_chunks()
    if isinstance(whole, pa.ChunkedArray):
        whole = (
            whole.chunk(0)
            if whole.num_chunks
            else pa.DictionaryArray.from_arrays(pa.array([], pa.int32()), pa.array([], pa.string()))
        )
    rank = pc.rank(whole.dictionary, tiebreaker="dense")
    return rank.take(whole.indices)


def _plain(table: pa.Table) -> pa.Table:
    """Types that Spark has: no dictionaries, signed numbers, texts of one kind."""
    fields = []
    for field in table.schema:
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if pa.types.is_large_string(kind) or pa.types.is_null(kind):
            kind = pa.string()
        elif pa.types.is_unsigned_integer(kind):
            kind = pa.int64() if kind.bit_width > 16 else pa.int32()
        fields.append(pa.field(field.name, kind))
    columns = [column.cast(field.type) for column, field in zip(table.columns, fields)]
    return pa.table(columns, schema=pa.schema(fields))


def _gathered(batches: Batches) -> Iterator[pa.Table]:
    """Batches put together until they are worth cutting."""
    waiting: list[pa.RecordBatch] = []
    held = 0
    for batch in batches:
        waiting.append(batch)
        held += batch.nbytes
        if held >= _HELD:
            yield pa.Table.from_batches(waiting)
            waiting, held = [], 0
    if sum(batch.num_rows for batch in waiting):
        yield pa.Table.from_batches(waiting)


def _blobs(batches: Batches) -> Iterator[tuple[int, int, pa.Buffer]]:
    """(part, kind, piece) one by one."""
    for batch in batches:
        parts, kinds = batch.column(0).to_pylist(), batch.column(1).to_pylist()
        for i, blob in enumerate(batch.column(2)):
            yield parts[i], kinds[i], blob.as_buffer()


def _pieces(pieces: Iterable[tuple[int, bytes]], kind: int) -> pa.RecordBatch:
    found = list(pieces)
    columns = [
        pa.array([p for p, _ in found], pa.int32()),
        pa.array([kind] * len(found), pa.int32()),
        pa.array([b for _, b in found], pa.binary()),
    ]
    return pa.record_batch(columns, schema=_PIECE)
