"""The rows of a job's tables: read piece by piece, told which unit they are of, and put apart by unit where they do not lie grouped."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..columns.ids import normal
from ..columns.read import blank_is_missing
from ..engine import Engine, State
from .budget import Budget
from .datasets import Dataset
from .journal import Journal
from .parts import write_part
from .plan import NEAR
from .ruled import OF_VISITS
from .scatter import Reader, by_unit, joined, read_batch, with_files, write_chunk
from .times import Times
from .unit import GROUP, VISIT, Outputs, rejected

if TYPE_CHECKING:
    from ..checks.book import RuleBook

__all__ = ["AROUND", "Rows", "ids_in"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
MOST_FAR = 0.5  # of the visits: with more of them on disk everything is partitioned
AROUND = ("persons", "acct_events", *OF_VISITS)  # tables of people, and of visits beside


@dataclass
class Rows:
    """Everything a job needs, and its rows by unit. `memory` in bytes. Who makes it gives `plan`, and `pool` with so many `workers`."""

    engine: Engine
    datasets: dict[str, Dataset]
    journal: Journal
    outputs: Outputs = field(default_factory=Outputs)
    state: State | None = None
    memory: int = 4 << 30
    threads: int = 2
    rules: RuleBook | None = None
    progress: Callable[[int, int], None] | None = None
    what_counts: dict[str, Any] = field(default_factory=dict)  # `known_at` and `suppress` of the check
    times: Times = field(default_factory=Times)
    takes_rules: ClassVar[bool] = True
    room: ClassVar[str] = "spill"  # of rows by unit, in the journal's folder and in its notes
    _done_rows: int = field(default=0, init=False)
    plan: Any = field(init=False, repr=False)
    pool: ThreadPoolExecutor = field(init=False, repr=False)
    workers: int = field(default=1, init=False)

    # ------------------------------------------------------------------ units and threads

    @cached_property
    def _budget(self) -> Budget:
        return Budget(self.datasets, self.memory, self.rules is not None)

    @cached_property
    def _cut(self) -> dict[str, Any]:
        """Sizes of units and pieces, by the memory there is; a job that goes on keeps those that it began with."""
        noted = self.journal.find("cut", "")
        if noted is None:
            noted = self.journal.note("cut", "", visits=self._budget.unit_visits, rows=self._budget.most_rows)
        return noted

    @cached_property
    def unit_visits(self) -> int:
        """Visits that a unit is to have."""
        return int(self._cut["visits"])

    def _over(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterable[Any]:
        """A function over items on all threads, in order, a few ahead."""
        waiting: deque[Future[Any]] = deque()
        for item in items:
            waiting.append(self.pool.submit(function, item))
            if len(waiting) > self.workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    # ------------------------------------------------------------------ rows of each table

    def _columns(self, name: str) -> list[str] | None:
        """Columns that settling looks at."""
        if name != "lines" or self.outputs.lines or self._returns or self.rules is not None:
            return None
        return [c.name for c in self.datasets[name].schema.columns if c.name not in ("feedetl_sn", "init_feedetl_sn")]

    @cached_property
    def _returns(self) -> bool:
        """Whether lines may name lines that they return."""
        lines = self.datasets["lines"]
        own = {c.name for name in lines.columns if (c := lines.schema.find(name)) is not None}
        return {"feedetl_sn", "init_feedetl_sn"} <= own

    @cached_property
    def _readers(self) -> dict[str, Reader]:
        rows, numbered = int(self._cut["rows"]), ("visits", "lines", *OF_VISITS)
        return {name: Reader(data, self._columns(name), name in numbered, rows) for name, data in self.datasets.items()}

    def _lines_with_visits(self, table: pa.Table, key: str) -> tuple[pa.Table, Int32, Int32]:
        """(lines with their places in their units, visit of each, unit of each; -1 none). Those of no visit are rejects."""
        with self.times.step("join"):
            visit = self.plan.visits_of(ids_in(table["setl_id"]))
            there = len(visit) == 0 or visit.min() >= 0
            if not there and self.journal.find("lost", key) is None:
                self._lost(key, table.filter(pa.array(visit < 0)))
            place, unit = (_values(of, visit, there) for of in (self.plan.visit_place, self.plan.visit_unit))
            table = table.drop_columns(["setl_id"]).append_column(VISIT, pa.array(place))
        return table, visit, unit

    def _lost(self, key: str, lines: pa.Table) -> None:
        """Lines of no visit."""
        with_names = with_files(lines, self._readers["lines"].paths)
        rows = rejected("lines", with_names, "no_visit", self.plan.setl_ids.type, self.plan.people.type)
        self.journal.part("lost", key, f"work/lost-{key}.parquet", lambda path: write_part(rows, path), passing=True)

    # ------------------------------------------------------------------ partition

    def _scatter(self, name: str) -> None:
        """Each row group of a table by unit, in a file of its own."""
        sizes = self._readers[name].sizes
        found = self._over(lambda at: self.journal.find(f"{self.room} {name}", at) is not None, range(len(sizes)))
        todo = [at for at, there in enumerate(found) if not there]
        self._advance(sum(sizes) - sum(sizes[at] for at in todo))
        self.journal.expect(self.datasets[name].row_bytes * sum(sizes[at] for at in todo))
        for at in self._over(lambda at: self._scatter_group(name, at), todo):
            self._advance(sizes[at])

    def _scatter_group(self, name: str, at: int) -> int:
        self.journal.part(
            f"{self.room} {name}", at, f"{self.room}/{name}-{at:05d}", partial(self._spill, name, at), passing=True
        )
        return at

    def _spill(self, name: str, at: int, place: Path) -> dict[str, Any]:
        """Write a chunk by unit into a folder, a file a piece."""
        place.mkdir()
        pieces = []
        for number, table, unit in self.rows_by_unit(name, at):
            with self.times.step("scatter"):
                table, start = by_unit(table, unit, self.plan.units)
                pieces.append(write_chunk(table, start, place / f"{number:05d}.arrow"))
            del table
        return {"units": pieces}

    def rows_by_unit(self, name: str, at: int) -> Iterator[tuple[int, pa.Table, Int32]]:
        """(number, rows as units have them, unit of each; -1 none) of each piece of a row group."""
        row = int(self._readers[name].begin[at])
        for number, table in enumerate(self._pieces(name, at)):
            end = row + table.num_rows
            yield number, *self._with_units(name, table, row, f"{at}.{number}")
            row = end

    def _pieces(self, name: str, at: int) -> Iterator[pa.Table]:
        pieces = self._readers[name].pieces(at)
        while True:
            with self.times.step("decode"):
                table = next(pieces, None)
            if table is None:
                return
            yield table

    def _with_units(self, name: str, table: pa.Table, row: int, key: str) -> tuple[pa.Table, Int32]:
        """(rows from `row` of the dataset with what units need of them, unit of each; -1 none)."""
        if name == "visits":
            begin, end = row, row + table.num_rows
            group = pa.array(self.plan.visit_group[begin:end])
            return table.append_column(GROUP, group), self.plan.visit_unit[begin:end]
        if name == "lines":
            table, _, unit = self._lines_with_visits(table, key)
            return table, unit
        if name in OF_VISITS:
            # Rows of no visit are told by the last unit, as visits of nobody are settled there.
            visit = self.plan.visits_of(ids_in(table["setl_id"]))
            last = np.int32(self.plan.units - 1)
            return table, np.append(self.plan.visit_unit, last)[visit].astype(np.int32)
        return table, self.plan.unit_of_people(ids_in(table["psn_no"]))

    def _spilled(self, name: str, unit: int) -> pa.Table:
        """Rows of a unit out of all chunks."""
        tables = []
        for at in range(len(self._readers[name])):
            note = self.journal.find(f"{self.room} {name}", at)
            assert note is not None
            for number, units in enumerate(note["units"]):
                table = read_batch(self.journal.folder / note["path"] / f"{number:05d}.arrow", units, unit)
                if table is not None:
                    tables.append(table)
        return joined(tables, partial(self._empty, name))

    def _empty(self, name: str) -> pa.Table:
        """A table of a unit that has no rows of it."""
        table = self._readers[name].empty()
        if name == "visits":
            return table.append_column(GROUP, pa.array([], pa.int32()))
        if name == "lines":
            return table.drop_columns(["setl_id"]).append_column(VISIT, pa.array([], pa.int32()))
        return table

    # ------------------------------------------------------------------ progress, in rows

    @property
    def streams(self) -> bool:
        """Whether units may be settled as their rows come by: most rows do not wait long for others."""
        return self._in_order and self.journal.find("mode", "partition") is None

    @cached_property
    def _in_order(self) -> bool:
        if np.count_nonzero(self._far) > MOST_FAR * len(self._far):
            return False
        return all(self._readers[name].whole for name in ("visits", "lines") if name in self.datasets)

    @cached_property
    def _far(self) -> npt.NDArray[np.bool_]:
        """Visits that stand so far before the last of their unit that they wait for it on disk, with their lines."""
        return self.plan.far(NEAR * self.unit_visits)

    @cached_property
    def _rows(self) -> int:
        return sum(self.datasets[name].rows for name in ("visits", "lines") if name in self.datasets)

    def _advance(self, rows: int) -> None:
        """Some rows are partitioned, or settled."""
        self._done_rows += rows
        around = sum(self.datasets[name].rows for name in AROUND if name in self.datasets)
        whole = self._rows * (1 if self.streams else 2) + around
        if self.progress is not None:
            self.progress(min(self._done_rows, whole), whole)


def _values(of: Int32, visit: Int32, there: bool) -> Int32:
    """What each visit has; -1 for none. `there`: every one is a visit."""
    if there or not len(of):
        return of[visit] if there else visit
    return np.where(visit < 0, np.int32(-1), of[np.maximum(visit, 0)])


def ids_in(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return blank_is_missing(normal(column))
