"""Settlement of Spark data frames: rows in, rows out, on as many machines as the cluster has (docs/jobs.md section 6).

>>> from ybcore import spark
>>> done = spark.settle(visits, lines, persons, institutions, policy="policies/", catalog="catalog/")     # doctest: +SKIP
>>> done.settlements.write.parquet("settled/")                                                           # doctest: +SKIP

Nothing is computed before a result is asked for. Frames are the tables of docs/inputs.md; people who are settled together come to one
task, and no settling group is cut.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from .columns.schema import Table
from .engine import Engine
from .errors import InputError, Problem
from .extras import extra
from .jobs.carried import told
from .jobs.frames import (
    IDS,
    KNOWN,
    LEAD,
    PART,
    RESULTS,
    TABLES,
    Components,
    Cut,
    Everywhere,
    Meet,
    Open,
    Settle,
    settled_tables,
)
from .jobs.unit import Outputs

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

__all__ = ["Settled", "settle", "told"]

_PIECE_DDL = "part int, kind int, blob binary"
FEW = ("med_list_codg", "fixmedins_code")  # ids of few different values


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
    given = dict(zip(TABLES, (visits, lines, persons, institutions, acct_events)))
    frames = {name: frame for name, frame in given.items() if frame is not None}
    outputs = Outputs(lines=line_output and lines is not None, detail=detail, state=False, columns=columns)
    schemas = _checked(engine, frames, outputs)
    session = visits.sparkSession
    parts = partitions or int(session.conf.get("spark.sql.shuffle.partitions") or 200)
    if parts < 1:
        raise ValueError(f"partitions must be at least 1, not {partitions}")
    book = session.sparkContext.broadcast((engine.book, engine.catalog))
    pieces = _Frames(functions, engine, frames, parts).pieces()
    run = pieces.repartitionById(parts, "part").mapInArrow(Settle(book, outputs), _PIECE_DDL)
    run = run.persist(extra("pyspark", "spark", "", "").StorageLevel.MEMORY_AND_DISK)

    def result(kind: int) -> DataFrame | None:
        name = RESULTS[kind]
        if name not in schemas:
            return None
        return run.where(run["kind"] == kind).mapInArrow(Open(schemas[name]), _ddl(schemas[name]))

    made = [result(kind) for kind in range(len(RESULTS))]
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
    done = settled_tables(
        engine, tables | {"visits": tables["visits"].append_column(LEAD, tables["visits"]["psn_no"])}, outputs
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
        part = self._hashed(self.f.coalesce(self.f.col(LEAD), self.f.col("setl_id")))
        visits = visits.withColumn(PART, part)
        out = [self._cut("visits", visits)]
        if "lines" in self.frames:
            out.append(self._lines(visits))
        for name in ("persons", "acct_events"):
            if name in self.frames:
                led = self._led(self.frames[name], leads)
                out.append(self._cut(name, led.withColumn(PART, self._hashed(self.f.col(LEAD)))))
        if "institutions" in self.frames:
            everywhere = Everywhere(TABLES.index("institutions"), self.parts)
            out.append(self.frames["institutions"].repartition(1).mapInArrow(everywhere, _PIECE_DDL))
        return reduce(lambda one, other: one.unionAll(other), out)

    def _hashed(self, key: Column) -> Column:
        """The part of a key."""
        return self.f.pmod(self.f.xxhash64(key), self.f.lit(self.parts)).cast("int")

    def _cut(self, name: str, frame: DataFrame) -> DataFrame:
        few = [c.name for c in self.engine.input_tables[name].columns if c.kind == "code" or c.name in FEW]
        return frame.mapInArrow(Cut(TABLES.index(name), self.parts, tuple(few)), _PIECE_DDL)

    def _lines(self, visits: DataFrame) -> DataFrame:
        """Lines meet the visit that they name, and are cut by its part."""
        ids = visits.select("setl_id", self.f.col(PART).alias(KNOWN), self.f.col(LEAD).isNotNull().alias(LEAD))
        ids = ids.withColumn(PART, self._hashed(self.f.col("setl_id")))
        lines = self.frames["lines"].withColumn(PART, self._hashed(self.f.col("setl_id")))
        pieces = ids.mapInArrow(Cut(IDS, self.parts), _PIECE_DDL).unionAll(self._cut("lines", lines))
        met = pieces.repartitionById(self.parts, "part").sortWithinPartitions(self.f.col("kind").desc())
        return met.mapInArrow(Meet(self.parts), _PIECE_DDL)

    # ------------------------------------------------------------------ who is settled together

    def _led(self, frame: DataFrame, leads: DataFrame) -> DataFrame:
        """Each person's row with the least person of those who are settled together; nobody's with nothing."""
        own = frame.join(leads, frame["psn_no"] == leads["one"], "left")
        return own.withColumn(LEAD, self.f.coalesce(leads["other"], frame["psn_no"])).drop("one", "other")

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
        leads = whole.repartition(1).mapInArrow(Components(), f"one {kind}, other {kind}")
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
