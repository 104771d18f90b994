"""Rows of a dataset with where they came from; and put into units: chunk by chunk, one Arrow file a chunk, one batch a unit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..columns.rows import rows_by_key, taken
from .datasets import Dataset
from .plan import row_groups
from .unit import SOURCE

FULL = 1 << 16  # rows to which small row groups are put together
_LONG = 4  # parts of a table of which a unit that has much of it has at least one
_RUN = 256  # rows that are quicker copied in one go than one by one

__all__ = ["Reader", "by_unit", "joined", "read_batch", "split", "with_files", "write_chunk"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]


class Reader:
    """The rows of a dataset in chunks of whole row groups: small ones are put together.

    `columns`: those that are asked for, None all. `source`: with file (its number) and row. `most`: rows of the largest piece.
    """

    def __init__(
        self, dataset: Dataset, columns: Sequence[str] | None = None, source: bool = True, most: int = 1 << 40
    ) -> None:
        self.dataset, self.source, self.most = dataset, source, most
        self.columns = [name for name in dataset.columns if columns is None or name in columns]
        self._chunks: list[list[tuple[int, int]]] = []
        self.sizes: list[int] = []
        for file, group in row_groups(dataset):
            rows = dataset.files[file].group_rows[group]
            if not self.sizes or self.sizes[-1] + rows > min(FULL, most):
                self._chunks.append([])
                self.sizes.append(0)
            self._chunks[-1].append((file, group))
            self.sizes[-1] += rows
        self.begin = np.concatenate(([0], np.cumsum(self.sizes))).astype(np.int64)

    def __len__(self) -> int:
        return len(self._chunks)

    @property
    def whole(self) -> bool:
        """Whether every chunk is one piece."""
        return max(self.sizes, default=0) <= self.most

    def read(self, at: int) -> pa.Table:
        """One chunk, each column in one piece."""
        return joined(
            [self._with_source(self.dataset.read(*of, self.columns), *of, 0) for of in self._chunks[at]], self.empty
        )

    def pieces(self, at: int) -> Iterator[pa.Table]:
        """One chunk, in several tables where it is too large."""
        if self.sizes[at] <= self.most:
            yield self.read(at)
            return
        for file, group in self._chunks[at]:
            row = 0
            for table in self.dataset.batches(file, group, self.columns, rows=max(1, self.most // 3)):
                yield self._with_source(table, file, group, row).combine_chunks()
                row += table.num_rows

    def _with_source(self, table: pa.Table, file: int, group: int, row: int) -> pa.Table:
        if self.source:
            first = sum(self.dataset.files[file].group_rows[:group]) + row
            table = table.append_column(SOURCE[0], pa.array(np.full(table.num_rows, file, np.int32)))
            table = table.append_column(SOURCE[1], pa.array(np.arange(first, first + table.num_rows, dtype=np.int64)))
        return table

    def empty(self) -> pa.Table:
        """A chunk without rows."""
        arrow = self.dataset.arrow
        return self._with_source(pa.schema([arrow.field(name) for name in self.columns]).empty_table(), 0, 0, 0)

    @property
    def paths(self) -> pa.Array:
        return pa.array([file.path for file in self.dataset.files], pa.string())


def with_files(table: pa.Table, paths: pa.Array) -> pa.Table:
    """The numbers of files as their paths."""
    at = table.column_names.index(SOURCE[0])
    column = pa.chunked_array(
        [pa.DictionaryArray.from_arrays(chunk, paths) for chunk in table.column(at).chunks],
        pa.dictionary(pa.int32(), pa.string()),
    )
    return table.set_column(at, SOURCE[0], column)


def by_unit(table: pa.Table, unit: Int32, units: int) -> tuple[pa.Table, Int64]:
    """(rows by unit and then as they lay, first row of each unit); rows of unit -1 are left out."""
    start, rows = rows_by_key(unit, units)
    if len(rows) == table.num_rows and (unit[1:] >= unit[:-1]).all():
        return table, start
    return taken(table, rows).combine_chunks(), start


def split(table: pa.Table, unit: Int32) -> list[tuple[int, pa.Table]]:
    """Rows of each unit, as they lay, in one piece or several. Rows of unit -1 are left out.

    Runs of units that have much of the table are not copied. Others are, each unit's for itself: a few rows that are held must not keep
    the whole table in memory.
    """
    if not len(unit):
        return []
    cuts = np.flatnonzero(np.diff(unit, prepend=unit[0] - 1, append=unit[-1] - 1))
    begin, size = cuts[:-1], np.diff(cuts)
    runs = np.argsort(unit[begin], kind="stable")
    runs = runs[unit[begin[runs]] >= 0]
    if not len(runs):
        return []
    begin, size = begin[runs], size[runs]
    of = unit[begin]
    first = np.flatnonzero(np.diff(of, prepend=-1))
    rows = np.repeat(np.add.reduceat(size, first), np.diff(first, append=len(of)))
    long = (rows * _LONG >= len(unit)) & (size >= _RUN)
    apart = (of[1:] != of[:-1]) | long[1:] | long[:-1]
    pieces = pairwise([0, *(np.flatnonzero(apart) + 1).tolist(), len(of)])
    return [(int(of[a]), _piece(table, begin[a:b], size[a:b], bool(long[a]))) for a, b in pieces]


def _piece(table: pa.Table, begin: Int64, size: Int64, kept: bool) -> pa.Table:
    """Some runs of a table as one; a copy, unless it is `kept`."""
    if size.mean() < _RUN:
        return taken(table, np.arange(int(size.sum())) + np.repeat(begin - (np.cumsum(size) - size), size))
    runs = [table.slice(first, rows) for first, rows in zip(begin.tolist(), size.tolist())]
    return runs[0] if kept else pa.concat_tables([*runs, table.slice(0, 0)]).combine_chunks()


def write_chunk(table: pa.Table, start: Int64, path: Path) -> list[int]:
    """One batch for each unit that has rows, one after another; the rows of each unit."""
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        for unit in np.flatnonzero(np.diff(start)).tolist():
            piece = table.slice(int(start[unit]), int(start[unit + 1] - start[unit]))
            writer.write_batch(piece.to_batches()[0])
    rows: list[int] = np.diff(start).tolist()
    return rows


def read_batch(path: Path, units: Sequence[int], unit: int) -> pa.Table | None:
    """The rows of a unit out of a chunk; None: it has none."""
    if not units[unit]:
        return None
    number = sum(1 for n in units[:unit] if n)
    with pa.OSFile(str(path), "rb") as file:
        return pa.Table.from_batches([pa.ipc.open_file(file).get_batch(number)])


def joined(tables: Sequence[pa.Table], empty: Callable[[], pa.Table]) -> pa.Table:
    """Tables of one kind put together; without any the empty one."""
    if not tables:
        return empty()
    if len(tables) == 1:
        return tables[0].combine_chunks()
    return pa.concat_tables(tables).unify_dictionaries().combine_chunks()
