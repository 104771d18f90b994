"""Two tables of results cell by cell, and the sums of one."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from .. import io
from ..columns.ids import flat
from ..columns.schema import SCALES, Table
from ..errors import InputError, Problem

__all__ = ["Compared", "Difference", "as_written", "compare", "compare_in_order", "numbers"]

MOST = 1000  # differences that are kept one by one


@dataclass(frozen=True)
class Difference:
    """A cell that is not what settling again gives; `column` is empty where the whole row is there only once."""

    table: str
    setl_id: Any
    column: str
    run: Any
    again: Any


@dataclass
class Compared:
    """What was compared, and what differs: `found` has the first thousand, `different` counts all."""

    rows: dict[str, int] = field(default_factory=dict)
    columns: dict[str, int] = field(default_factory=dict)
    cells: int = 0
    different: int = 0
    found: list[Difference] = field(default_factory=list)

    def add(self, differences: Iterable[Difference]) -> None:
        """Note some."""
        for one in differences:
            self.different += 1
            if len(self.found) < MOST:
                self.found.append(one)


def compare(name: str, run: pa.Table, again: pa.Table, into: Compared, order: tuple[str, ...] = ()) -> None:
    """Every cell of rows of the same settlement, the first with the first.

    Rows of one settlement stand by the columns of `order`, then as they are; how settlements follow each other does not matter.
    """
    run, again = _by_id(run, order), _by_id(again, order)
    left, right = run["setl_id"], again["setl_id"]
    if len(left) != len(right) or not left.equals(right):
        keep, lost = _paired(left, right)
        into.add(_lone(name, left, lost[0], True))
        into.add(_lone(name, right, lost[1], False))
        run, again = run.take(pa.array(keep[0])), again.take(pa.array(keep[1]))
    into.rows[name] = into.rows.get(name, 0) + len(run)
    columns = [column for column in again.column_names if column in run.column_names]
    into.columns[name] = len(columns)
    into.cells += len(run) * len(columns)
    for column in again.column_names:
        if column not in run.column_names:
            into.add([Difference(name, None, column, "missing", "there")])
    for column in run.column_names:
        if column not in again.column_names:
            into.add([Difference(name, None, column, "there", "missing")])
    ids = run["setl_id"]
    for column in columns:
        into.add(_cells(name, column, run, again, lambda row: ids[row].as_py()))


def compare_in_order(name: str, run: pa.Table, again: pa.Table, keys: Sequence[str], into: Compared) -> None:
    """Every cell of tables whose rows follow each other in the same order; a row is called by its `keys`."""

    def called(table: pa.Table, row: int) -> str:
        return " ".join(str(table[key][row].as_py()) for key in keys if key in table.column_names)

    short = min(len(run), len(again))
    for table, other in ((run, "missing"), (again, "there")):
        mine = "there" if other == "missing" else "missing"
        into.add(Difference(name, called(table, row), "", mine, other) for row in range(short, len(table)))
    columns = [column for column in again.column_names if column in run.column_names]
    into.rows[name], into.columns[name] = into.rows.get(name, 0) + short, len(columns)
    into.cells += short * len(columns)
    into.add(Difference(name, None, c, "missing", "there") for c in again.column_names if c not in run.column_names)
    into.add(Difference(name, None, c, "there", "missing") for c in run.column_names if c not in again.column_names)
    run, again = run.slice(0, short), again.slice(0, short)
    for column in columns:
        into.add(_cells(name, column, run, again, lambda row: called(again, row)))


def _cells(
    name: str, column: str, run: pa.Table, again: pa.Table, called: Callable[[int], Any]
) -> Iterable[Difference]:
    a, b = _same_kind(run[column], again[column])
    if a.equals(b):
        return
    if a.type != b.type:
        rows = np.arange(len(a))
    else:
        empty = pc.not_equal(pc.is_null(a), pc.is_null(b))
        rows = np.flatnonzero(np.asarray(pc.or_(pc.fill_null(pc.not_equal(a, b), False), empty)))
    for row in rows.tolist():
        left, right = a[row].as_py(), b[row].as_py()
        if left != right:
            yield Difference(name, called(row), column, left, right)


def _same_kind(a: pa.ChunkedArray, b: pa.ChunkedArray) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """Without dictionaries; texts and whole numbers of one width."""
    out = []
    for column in (flat(a), flat(b)):
        kind = column.type
        wide = (
            pa.large_string() if pa.types.is_string(kind) else pa.int64() if pa.types.is_signed_integer(kind) else kind
        )
        out.append(column.cast(wide).combine_chunks() if wide != kind else column.combine_chunks())
    return pa.chunked_array([out[0]]), pa.chunked_array([out[1]])


def _by_id(table: pa.Table, order: tuple[str, ...]) -> pa.Table:
    """By settlement, those of one in their order."""
    keys = {}
    for name in ("setl_id", *(name for name in order if name in table.column_names)):
        column = flat(table[name])
        keys[name] = column.cast(pa.large_string()) if pa.types.is_string(column.type) else column
    table = table.set_column(table.column_names.index("setl_id"), "setl_id", keys["setl_id"])
    held = pa.table({**keys, "": np.arange(len(table))})
    return table.take(pc.sort_indices(held, [(name, "ascending") for name in held.column_names]))


Rows = npt.NDArray[np.int64]


def _paired(left: pa.ChunkedArray, right: pa.ChunkedArray) -> tuple[tuple[Rows, Rows], tuple[Rows, Rows]]:
    """((rows that both have), (rows that one has alone)) by id and place among the rows of the id; both are sorted by id."""

    def marks(column: pa.ChunkedArray) -> list[tuple[Any, int]]:
        out: list[tuple[Any, int]] = []
        for value in column.to_pylist():
            out.append((value, out[-1][1] + 1 if out and out[-1][0] == value else 0))
        return out

    a, b = marks(left), marks(right)
    mine, theirs = {mark: row for row, mark in enumerate(a)}, {mark: row for row, mark in enumerate(b)}
    both = [mark for mark in a if mark in theirs]
    keep = np.array([mine[m] for m in both], np.int64), np.array([theirs[m] for m in both], np.int64)
    alone = [row for row, m in enumerate(a) if m not in theirs], [row for row, m in enumerate(b) if m not in mine]
    return keep, (np.array(alone[0], np.int64), np.array(alone[1], np.int64))


def _lone(name: str, ids: pa.ChunkedArray, rows: Rows, run: bool) -> Iterable[Difference]:
    for row in rows.tolist():
        yield Difference(name, ids[row].as_py(), "", "there" if run else "missing", "missing" if run else "there")


def as_written(table: pa.Table, schema: Table, csv: bool) -> pa.Table:
    """A table as it would be read back from a file of a run."""
    if not csv:
        return table
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        io.write_table(table, path, schema)
        return io.read_table(path, "utf-8")


def numbers(table: pa.Table, schema: Table) -> dict[str, npt.NDArray[np.int64]]:
    """Columns of money, rates and counts in the engine's units, of Parquet or of CSV. Raises InputError for cells that are none."""
    out, problems = {}, []
    for name in table.column_names:
        spec, column = schema.find(name), flat(table[name])
        if spec is None or spec.kind not in SCALES:
            continue
        try:
            if not pa.types.is_integer(column.type):
                places = SCALES[spec.kind]
                exact = column.cast(pa.decimal128(24, places))
                column = pc.multiply(exact, pa.scalar(Decimal(10**places))).cast(pa.int64())
            out[name] = np.asarray(pc.fill_null(column, 0).cast(pa.int64()))
        except pa.ArrowException as error:
            what, zh = f"cells that are no {spec.kind}: {error}", f"有无法读取的单元格：{error}"
            problems.append(Problem(what=what, what_zh=zh, path=f"{schema.name}.{name}"))
    if problems:
        raise InputError(problems)
    return out
