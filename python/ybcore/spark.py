"""Settlement of Spark data frames: rows in, rows out, on as many machines as the cluster has (docs/spark.md).

>>> from ybcore import spark
>>> done = spark.settle(visits, lines, persons, institutions, policy="policies/", catalog="catalog/")     # doctest: +SKIP
>>> done.settlements.write.parquet("settled/")                                                           # doctest: +SKIP

Nothing is computed before a result is asked for. Frames are the tables of docs/inputs.md; people who are settled together come to one
task, and no settling group is cut.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from .columns.ids import encode, lookup
from .columns.keys import ids_of
from .columns.schema import Table
from .engine import Engine
from .errors import InputError, Problem
from .extras import extra
from .jobs.blobs import cut, joined, packed, unpacked
from .jobs.carried import carried, told
from .jobs.unit import GROUP, SOURCE, VISIT, Outputs, settle_unit
from .settling.order import group_persons

if TYPE_CHECKING:
    from pyspark.broadcast import Broadcast
    from pyspark.sql import Column, DataFrame

__all__ = ["Settled", "settle", "told"]

Int32 = npt.NDArray[np.int32]
Batches = Iterable[pa.RecordBatch]

_PART, _LEAD, _KNOWN = "ybcore_part", "ybcore_lead", "ybcore_known"
_TABLES = ("visits", "lines", "persons", "institutions", "acct_events")
_IDS = len(_TABLES)  # kind of a piece: number of its table, or the ids of visits
_RESULTS = ("settlements", "line_results", "detail", "rejects")
_PIECE = pa.schema([("part", pa.int32()), ("kind", pa.int32()), ("blob", pa.binary())])
_PIECE_DDL = "part int, kind int, blob binary"
_HELD = 32 << 20  # bytes of rows that a task gathers before it cuts them
_ROWS = 1 << 16  # of results in one piece
_FEW = ("med_list_codg", "fixmedins_code")  # ids of few different values


@dataclass(frozen=True)
class Settled:
    """What a settlement gives, as frames: `settlements` and `lines` and `detail` (None unless asked for) with the columns of
    docs/inputs.md, `rejects` with table, ids and reason. Money is whole fen.

    The frames come out of one run, which Spark keeps once one of them was computed; `release` lets go of it.
    """

    settlements: DataFrame
    lines: DataFrame | None
    detail: DataFrame | None
    rejects: DataFrame
    _run: DataFrame

    def release(self) -> None:
        """Give the memory and disk of the run back to the cluster."""
        self._run.unpersist()


def settle(
    visits: DataFrame,
    lines: DataFrame | None = None,
    persons: DataFrame | None = None,
    institutions: DataFrame | None = None,
    acct_events: DataFrame | None = None,
    *,
    policy: Any,
    catalog: Any = None,
    line_output: bool = False,
    detail: bool = False,
    columns: Collection[str] | None = None,
    partitions: int | None = None,
) -> Settled:
    """Settle frames. `policy`, `catalog`, `columns`, `line_output`, `detail` as in `Engine` and `Engine.settle`; documents are read here and
    sent to every worker once. `partitions`: into how many tasks people are put; default `spark.sql.shuffle.partitions`.

    Raises InputError at once with every column that is missing or of a wrong type. What only rows can show is raised by the action that
    computes them; within `with told():` it is an InputError there too.
    """
    functions = extra("pyspark.sql.functions", "spark", "在 Spark 上结算", "settlement on Spark")
    engine = Engine(policy, catalog, threads=1)
    given = dict(zip(_TABLES, (visits, lines, persons, institutions, acct_events)))
    frames = {name: frame for name, frame in given.items() if frame is not None}
    outputs = Outputs(lines=line_output and lines is not None, detail=detail, state=False, columns=columns)
    schemas = _checked(engine, frames, outputs)
    session = visits.sparkSession
    parts = partitions or int(session.conf.get("spark.sql.shuffle.partitions") or 200)
    if parts < 1:
        raise ValueError(f"partitions must be at least 1, not {partitions}")
    book = session.sparkContext.broadcast((engine.book, engine.catalog))
    pieces = _Frames(functions, engine, frames, parts).pieces()
    run = pieces.repartitionById(parts, "part").mapInArrow(_Settle(book, outputs), _PIECE_DDL)
    run = run.persist(extra("pyspark", "spark", "", "").StorageLevel.MEMORY_AND_DISK)

    def result(kind: int) -> DataFrame | None:
        name = _RESULTS[kind]
        if name not in schemas:
            return None
        return run.where(run["kind"] == kind).mapInArrow(_Open(schemas[name]), _ddl(schemas[name]))

    made = [result(kind) for kind in range(len(_RESULTS))]
    assert made[0] is not None and made[3] is not None
    return Settled(made[0], made[1], made[2], made[3], run)


# ---------------------------------------------------------------------------------------------- before anything runs


def _checked(engine: Engine, frames: Mapping[str, DataFrame], outputs: Outputs) -> dict[str, pa.Schema]:
    """Schemas of the results. Raises InputError with everything that the types of the columns show."""
    empty = {name: _arrow_schema(frame).empty_table() for name, frame in frames.items()}
    problems: list[Problem] = []
    try:
        engine.settle(**empty, receipt=False, closing_state=False)
    except InputError as error:
        problems += error.problems
    tables = {name: _named(table, engine.input_tables[name]) for name, table in empty.items()} if not problems else {}
    for name, column in (("lines", "setl_id"), ("persons", "psn_no"), ("acct_events", "psn_no")):
        if name in tables and _is_text(tables[name], column) != _is_text(tables["visits"], column):
            what = "ids are text in one table and integers in another"
            problems.append(
                Problem(what=what, what_zh="标识在一张表中是文本，在另一张表中是整数", path=f"{name}.{column}")
            )
    if problems:
        raise InputError(problems)
    done = _settled(
        engine, tables | {"visits": tables["visits"].append_column(_LEAD, tables["visits"]["psn_no"])}, outputs
    )
    return {name: table.schema for name, table in done.items()}


def _is_text(table: pa.Table, name: str) -> bool:
    return not pa.types.is_integer(table.schema.field(name).type)


def _named(table: pa.Table, schema: Table) -> pa.Table:
    """The columns that the engine reads, under their names in the schema."""
    known = [(name, spec.name) for name in table.column_names if (spec := schema.find(name)) and spec.kind != "text"]
    return table.select([name for name, _ in known]).rename_columns([name for _, name in known])


_TYPES = {
    "string": pa.string(), "boolean": pa.bool_(), "tinyint": pa.int8(), "smallint": pa.int16(), "int": pa.int32(), "bigint": pa.int64(),
    "float": pa.float32(), "double": pa.float64(), "date": pa.date32(), "timestamp": pa.timestamp("us"), "timestamp_ntz": pa.timestamp("us"),
    "binary": pa.binary(), "void": pa.null(),
}  # fmt: skip


def _arrow_schema(frame: DataFrame) -> pa.Schema:
    """The types of a frame as its rows reach a task. A type that no column of ours has stays one that is refused by its name."""
    fields = []
    for field in frame.schema:
        kind = field.dataType
        if kind.typeName() == "decimal":
            fields.append(pa.field(field.name, pa.decimal128(kind.precision, kind.scale)))
        else:
            fields.append(pa.field(field.name, _TYPES.get(kind.simpleString(), pa.list_(pa.int8()))))
    return pa.schema(fields)


def _ddl(schema: pa.Schema) -> str:
    names = {kind: name for name, kind in reversed(_TYPES.items())}
    return ", ".join(f"`{field.name}` {names[field.type]}" for field in schema)


# ---------------------------------------------------------------------------------------------- the plan of frames


class _Frames:
    """Frames on their way to pieces, by the part that each person belongs to."""

    def __init__(self, functions: Any, engine: Engine, frames: Mapping[str, DataFrame], parts: int) -> None:
        self.f, self.engine, self.parts = functions, engine, parts
        self.frames = {name: self._read(name, frame) for name, frame in frames.items()}

    def _read(self, name: str, frame: DataFrame) -> DataFrame:
        """The columns that the engine reads, ids as they are compared."""
        out = []
        for column in frame.columns:
            spec = self.engine.input_tables[name].find(column)
            if spec is None or spec.kind == "text":
                continue
            cell = frame[f"`{column}`"]
            if spec.kind == "id":
                kind = frame.schema[column].dataType.typeName()
                cell = cell.cast("bigint") if kind != "string" else self.f.when(self.f.length(cell) > 0, cell)
            out.append(cell.alias(spec.name))
        return frame.select(*out)

    def pieces(self) -> DataFrame:
        """Everything that is settled, cut by part."""
        leads = self._leads()
        visits = self._led(self.frames["visits"], leads)
        part = self._hashed(self.f.coalesce(self.f.col(_LEAD), self.f.col("setl_id")))
        visits = visits.withColumn(_PART, part)
        out = [self._cut("visits", visits)]
        if "lines" in self.frames:
            out.append(self._lines(visits))
        for name in ("persons", "acct_events"):
            if name in self.frames:
                led = self._led(self.frames[name], leads)
                out.append(self._cut(name, led.withColumn(_PART, self._hashed(self.f.col(_LEAD)))))
        if "institutions" in self.frames:
            everywhere = _Everywhere(_TABLES.index("institutions"), self.parts)
            out.append(self.frames["institutions"].repartition(1).mapInArrow(everywhere, _PIECE_DDL))
        return reduce(lambda one, other: one.unionAll(other), out)

    def _hashed(self, key: Column) -> Column:
        """The part of a key."""
        return self.f.pmod(self.f.xxhash64(key), self.f.lit(self.parts)).cast("int")

    def _cut(self, name: str, frame: DataFrame) -> DataFrame:
        few = [c.name for c in self.engine.input_tables[name].columns if c.kind == "code" or c.name in _FEW]
        return frame.mapInArrow(_Cut(_TABLES.index(name), self.parts, tuple(few)), _PIECE_DDL)

    def _lines(self, visits: DataFrame) -> DataFrame:
        """Lines meet the visit that they name, and are cut by its part."""
        ids = visits.select("setl_id", self.f.col(_PART).alias(_KNOWN), self.f.col(_LEAD).isNotNull().alias(_LEAD))
        ids = ids.withColumn(_PART, self._hashed(self.f.col("setl_id")))
        lines = self.frames["lines"].withColumn(_PART, self._hashed(self.f.col("setl_id")))
        pieces = ids.mapInArrow(_Cut(_IDS, self.parts), _PIECE_DDL).unionAll(self._cut("lines", lines))
        met = pieces.repartitionById(self.parts, "part").sortWithinPartitions(self.f.col("kind").desc())
        return met.mapInArrow(_Meet(self.parts), _PIECE_DDL)

    # ------------------------------------------------------------------ who is settled together

    def _led(self, frame: DataFrame, leads: DataFrame) -> DataFrame:
        """Each person's row with the least person of those who are settled together; nobody's with nothing."""
        own = frame.join(leads, frame["psn_no"] == leads["one"], "left")
        return own.withColumn(_LEAD, self.f.coalesce(leads["other"], frame["psn_no"])).drop("one", "other")

    def _leads(self) -> DataFrame:
        """(person, the least of the people who are settled together) for all who are not that one themselves."""
        households, mutual_aid = self.engine.shares
        visits = self.frames["visits"]
        same = [self._members(visits, "setl_id")]
        if "init_setl_id" in visits.columns:
            same.append(self._members(visits, "init_setl_id"))
        links = [self._chained(same)]
        held = [visits, *([self.frames["persons"]] if "persons" in self.frames else [])]
        if households:
            links.append(self._chained([self._members(f, "hsld_no") for f in held if "hsld_no" in f.columns]))
        if mutual_aid:
            links += [
                f.select(f["psn_no"].alias("one"), f["mulaid_psn_no"].alias("other")).where("one <> other").distinct()
                for f in held
                if "mulaid_psn_no" in f.columns
            ]
        whole = reduce(lambda one, other: one.unionAll(other), [link for link in links if link is not None])
        kind = visits.schema["psn_no"].dataType.simpleString()
        leads = whole.repartition(1).mapInArrow(_Components(), f"one {kind}, other {kind}")
        # Without households and mutual aid there are only settlements that two people name: few, and sent to everybody.
        return leads if households or mutual_aid else self.f.broadcast(leads)

    def _members(self, frame: DataFrame, key: str) -> DataFrame:
        return frame.select(frame[key].alias("key"), frame["psn_no"].alias("one")).where(
            "key is not null and one is not null"
        )

    def _chained(self, members: list[DataFrame]) -> DataFrame | None:
        """Links from each of the people of a key to the least of them."""
        if not members:
            return None
        whole = reduce(lambda one, other: one.unionAll(other), members)
        least = whole.groupBy("key").agg(self.f.min("one").alias("other"), self.f.max("one").alias("most"))
        several = least.where("other <> most").drop("most")
        return whole.join(several, "key").where("one <> other").select("one", "other").distinct()


# ---------------------------------------------------------------------------------------------- what runs in tasks


@dataclass(frozen=True)
class _Components:
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
class _Cut:
    """Rows → pieces by part. `few`: texts of few different values, which travel as dictionaries."""

    kind: int
    parts: int
    few: tuple[str, ...] = ()

    def __call__(self, batches: Batches) -> Iterator[pa.RecordBatch]:
        for table in _gathered(batches):
            part = table[_PART].to_numpy().astype(np.int32, copy=False)
            yield _pieces(cut(self._fitted(table.drop_columns([_PART])), part, self.parts), self.kind)

    def _fitted(self, table: pa.Table) -> pa.Table:
        for i, name in enumerate(table.column_names):
            column = table.column(i)
            if name in self.few and pa.types.is_string(column.type):
                table = table.set_column(i, name, column.combine_chunks().dictionary_encode())
            elif pa.types.is_timestamp(column.type) and column.type.tz is not None:
                table = table.set_column(i, name, pc.local_timestamp(column))  # as the session shows it
        return table


@dataclass(frozen=True)
class _Everywhere:
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
class _Meet:
    """Ids of visits, then pieces of lines → pieces of lines by the part of their visit. Lines of no visit go where their id hashes to."""

    parts: int

    def __call__(self, batches: Batches) -> Iterator[pa.RecordBatch]:
        own: list[pa.Table] = []
        waiting: list[pa.Table] = []
        part_of: tuple[pa.Array, Int32] | None = None
        here, held = 0, 0
        for at, kind, blob in _blobs(batches):
            here = at
            if kind == _IDS:
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
        part = table[_KNOWN].to_numpy()
        of = np.full(len(ids) + 1, -1, np.int32)
        somebody = np.asarray(table[_LEAD])
        for rows in (np.flatnonzero(~somebody & (code >= 0)), np.flatnonzero(somebody & (code >= 0))):
            of[code[rows]] = part[rows]
        of[-1] = -1
        return ids, of

    def _cut(self, tables: list[pa.Table], part_of: tuple[pa.Array, Int32], here: int) -> pa.RecordBatch:
        table = joined(tables)
        assert table is not None
        ids, of = part_of
        part = of[lookup(ids_of(table, "setl_id"), ids)]
        return _pieces(cut(table, np.where(part < 0, np.int32(here), part), self.parts), _TABLES.index("lines"))


@dataclass(frozen=True)
class _Settle:
    """Pieces of one part → pieces of its results. `book`: (book, catalogue) as every worker has them once."""

    book: Broadcast[Any]
    outputs: Outputs

    def __call__(self, batches: Batches) -> Iterator[pa.RecordBatch]:
        held: dict[int, list[pa.Table]] = {}
        for _, kind, blob in _blobs(batches):
            held.setdefault(kind, []).append(unpacked(blob))
        if not held.keys() & {0, 1}:
            return
        tables = {_TABLES[kind]: table for kind, pieces in held.items() if (table := joined(pieces)) is not None}
        with carried():
            done = _settled(_engine(self.book), tables, self.outputs)
        for name, table in done.items():
            for first in range(0, table.num_rows, _ROWS):
                yield _pieces([(0, packed(table.slice(first, _ROWS)))], _RESULTS.index(name))


@dataclass(frozen=True)
class _Open:
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


def _settled(engine: Engine, tables: Mapping[str, pa.Table], outputs: Outputs) -> dict[str, pa.Table]:
    """Results of whole groups by name, in types that Spark has."""
    tables = dict(tables)
    visits = tables.get("visits")
    if visits is None:  # lines of no visit alone
        schema = engine.input_tables["visits"]
        visits = pa.table(
            {c.name: pa.array([], pa.string()) for c in schema.columns if c.required}
            | {_LEAD: pa.array([], pa.string())}
        )
    for name in ("persons", "acct_events"):
        if name in tables and _LEAD in tables[name].column_names:
            there = pc.is_in(tables[name][_LEAD], value_set=visits[_LEAD].unique().drop_null())
            tables[name] = in_order(tables[name].filter(there).drop_columns([_LEAD]))
    visits = in_order(visits, ("setl_time", "setl_id"))  # of settlements that are there twice the earliest stands
    (lead,), names = encode([ids_of(visits, _LEAD)])
    rank = np.empty(len(names) + 1, np.int32)
    rank[np.asarray(pc.array_sort_indices(names))] = np.arange(len(names), dtype=np.int32)
    rank[-1] = len(names)
    tables["visits"] = _with_rows(visits.drop_columns([_LEAD])).append_column(GROUP, pa.array(rank[lead]))
    if "lines" in tables:
        lines = tables["lines"]
        (own,), ids = encode([ids_of(visits, "setl_id")])
        row = np.full(len(ids) + 1, -1, np.int32)
        known = np.flatnonzero(own >= 0)[::-1]
        row[own[known]] = known
        row[-1] = -1
        lines = lines.append_column(VISIT, pa.array(row[lookup(ids_of(lines, "setl_id"), ids)]))
        tables["lines"] = _with_rows(in_order(lines, (VISIT, "feedetl_sn")))
    done = settle_unit(engine, tables, outputs=replace(outputs))
    out = {name: getattr(done, name) for name in _RESULTS}
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
