"""A job: plan, scatter where the input does not lie grouped, settle unit by unit, commit."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..engine import Engine, State
from ..settling.merge import Part, merged
from .datasets import Dataset
from .journal import Journal
from .parts import write_part
from .plan import make_plan
from .scatter import Reader, by_unit, joined, read_batch, with_files, write_chunk
from .unit import GROUP, VISIT, Outputs, UnitResult, settle_unit

__all__ = ["Work"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
AROUND = ("persons", "acct_events")  # tables of people
VISIT_BYTES, LINE_BYTES = 2500, 200  # of a unit in work
MOST_VISITS = 100_000


class Unordered(Exception):
    """Lines that were thought to stand in the order of their visits do not."""


class Times:
    """Seconds by step, over all threads."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._lock = threading.Lock()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            with self._lock:
                self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - began


@dataclass
class Work:
    """Everything a job needs, and the steps of it. `memory` in bytes."""

    engine: Engine
    datasets: dict[str, Dataset]
    journal: Journal
    outputs: Outputs = field(default_factory=Outputs)
    state: State | None = None
    memory: int = 4 << 30
    threads: int = 2
    progress: Callable[[int, int], None] | None = None
    times: Times = field(default_factory=Times)
    _done_rows: int = field(default=0, init=False)

    # ------------------------------------------------------------------ the steps

    def run(self) -> list[dict[str, Any]]:
        """Settle everything that is not settled yet; the units' notes."""
        with ThreadPoolExecutor(self.threads) as pool:
            self.pool = pool
            with self.times.step("plan"):
                self.plan = make_plan(self.engine, self.datasets, self.state, self.unit_visits, self._over)
            self._engines: deque[Engine] = deque()
            for name in AROUND:
                if name in self.datasets:
                    self._scatter(name)
            done = False
            if self.streams:
                try:
                    self._stream()
                    done = True
                except Unordered:
                    self.journal.note("mode", "partition")
            if not done:
                for name in ("visits", "lines"):
                    if name in self.datasets:
                        self._scatter(name)
                self._units()
            with self.times.step("rejects"):
                self._rejects()
        notes = self.journal.all("unit")
        return [notes[u] for u in range(self.plan.units)]

    @cached_property
    def unit_visits(self) -> int:
        """Visits that a unit is to have, by the memory there is; a job that goes on keeps the units that it began with."""
        noted = self.journal.find("cut", "")
        if noted is None:
            noted = self.journal.note("cut", "", visits=self._fitting)
        return int(noted["visits"])

    @property
    def _fitting(self) -> int:
        visits = max(1, self.datasets["visits"].rows)
        lines = self.datasets["lines"].rows if "lines" in self.datasets else 0
        each = VISIT_BYTES + LINE_BYTES * lines / visits
        room = self.memory - (256 << 20) - 150 * visits
        return int(min(MOST_VISITS, max(100, room / 4 / each)))

    def _over(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterable[Any]:
        """A function over items on all threads, in order, a few ahead."""
        waiting: deque[Future[Any]] = deque()
        for item in items:
            waiting.append(self.pool.submit(function, item))
            if len(waiting) > 2 * self.threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    # ------------------------------------------------------------------ rows of each table

    def _columns(self, name: str) -> list[str] | None:
        """Columns that settling looks at."""
        if name != "lines" or self.outputs.lines or self._returns:
            return None
        return [c.name for c in self.datasets[name].schema.columns if c.name not in ("feedetl_sn", "init_feedetl_sn")]

    @cached_property
    def _returns(self) -> bool:
        """Whether lines may name lines that they return."""
        lines = self.datasets["lines"]
        own = {c.name for name in lines.columns if (c := lines.schema.find(name)) is not None}
        return {"feedetl_sn", "init_feedetl_sn"} <= own

    @cached_property
    def _visit_unit(self) -> Int32:
        return np.append(self.plan.unit_of_visits(), np.int32(-1))

    @cached_property
    def _visit_place(self) -> Int32:
        """Row of each visit among those of its unit."""
        unit = self._visit_unit[:-1]
        order = np.argsort(unit.astype(np.uint16) if self.plan.units < 1 << 16 else unit, kind="stable")
        begin = np.concatenate(([0], np.cumsum(np.bincount(unit, minlength=self.plan.units))))
        out = np.empty(len(unit) + 1, np.int32)
        out[order] = np.arange(len(unit)) - np.repeat(begin[:-1], np.diff(begin))
        out[-1] = -1
        return out

    @cached_property
    def _readers(self) -> dict[str, Reader]:
        return {
            name: Reader(data, self._columns(name), name in ("visits", "lines")) for name, data in self.datasets.items()
        }

    def _visit_rows(self, at: int) -> pa.Table:
        """Visits of a row group with their groups."""
        reader = self._readers["visits"]
        with self.times.step("decode"):
            table = reader.read(at)
        return table.append_column(GROUP, pa.array(self.plan.visit_group[reader.begin[at] : reader.begin[at + 1]]))

    def _line_rows(self, at: int) -> tuple[pa.Table, Int32]:
        """(lines of a row group, visit of each; -1 none)."""
        with self.times.step("decode"):
            table = self._readers["lines"].read(at)
        with self.times.step("join"):
            visit = self.plan.visits_of(_ids(table["setl_id"]))
        lost = visit < 0
        if lost.any() and self.journal.find("lost", at) is None:
            self._lost(at, table.filter(pa.array(lost)))
        return table.drop_columns(["setl_id"]), visit

    def _lost(self, at: int, lines: pa.Table) -> None:
        """Lines of no visit."""
        from .unit import rejected

        with_names = with_files(lines, self._readers["lines"].paths)
        rows = rejected("lines", with_names, "no_visit", self.plan.setl_ids.type, self.plan.people.type)
        self.journal.part("lost", at, f"work/lost-{at:05d}.parquet", lambda path: write_part(rows, path), passing=True)

    # ------------------------------------------------------------------ partition

    def _scatter(self, name: str) -> None:
        """Each row group of a table by unit, in a file of its own."""
        sizes = self._readers[name].sizes
        found = self._over(lambda at: self.journal.find(f"spill {name}", at) is not None, range(len(sizes)))
        todo = [at for at, there in enumerate(found) if not there]
        self._advance(sum(sizes) - sum(sizes[at] for at in todo))
        for at in self._over(lambda at: self._scatter_group(name, at), todo):
            self._advance(sizes[at])

    def _scatter_group(self, name: str, at: int) -> int:
        if name == "visits":
            table, reader = self._visit_rows(at), self._readers[name]
            unit = self._visit_unit[reader.begin[at] : reader.begin[at + 1]]
        elif name == "lines":
            table, visit = self._line_rows(at)
            unit = self._visit_unit[visit]
            table = table.append_column(VISIT, pa.array(self._visit_place[visit]))
        else:
            with self.times.step("decode"):
                table = self._readers[name].read(at)
            unit = self.plan.unit_of_people(_ids(table["psn_no"]))
        with self.times.step("scatter"):
            table, start = by_unit(table, unit, self.plan.units)
            path = f"spill/{name}-{at:05d}.arrow"
            self.journal.part(f"spill {name}", at, path, lambda place: write_chunk(table, start, place), passing=True)
        return at

    def _spilled(self, name: str, unit: int) -> pa.Table:
        """Rows of a unit out of all chunks."""
        tables = []
        for at in range(len(self._readers[name])):
            note = self.journal.find(f"spill {name}", at)
            assert note is not None
            table = read_batch(self.journal.folder / note["path"], note["units"], unit)
            if table is not None:
                tables.append(table)
        return joined(tables, lambda: self._empty(name))

    def _empty(self, name: str) -> pa.Table:
        """A table of a unit that has no rows of it."""
        table = self._readers[name].read(0).slice(0, 0) if len(self._readers[name]) else pa.table({})
        if name == "visits":
            return table.append_column(GROUP, pa.array([], pa.int32()))
        if name == "lines":
            return table.drop_columns(["setl_id"]).append_column(VISIT, pa.array([], pa.int32()))
        return table

    def _units(self) -> None:
        """Settle every unit out of the spill."""
        for u in self._over(self._spilled_unit, [u for u in range(self.plan.units) if u not in self._settled]):
            self._tell(u)

    @cached_property
    def _settled(self) -> set[int]:
        """Units of which every part is there, as it was written."""
        units = self._over(self._is_settled, range(self.plan.units))
        done = {unit for unit, there in enumerate(units) if there}
        for unit in done:
            self._tell(unit)
        return done

    def _is_settled(self, unit: int) -> bool:
        note = self.journal.find("unit", unit)
        return note is not None and all(self.journal.find(kind, unit) is not None for kind in note["parts"])

    def _spilled_unit(self, unit: int) -> int:
        with self.times.step("gather"):
            names = [name for name in ("visits", "lines") if name in self.datasets]
            tables: dict[str, pa.Table] = {name: self._spilled(name, unit) for name in names}
        self._settle(unit, tables)
        return unit

    # ------------------------------------------------------------------ in order

    @property
    def streams(self) -> bool:
        """Whether visits and lines may be taken as they lie."""
        return self.plan.ordered and self.journal.find("mode", "partition") is None

    def _stream(self) -> None:
        """Settle units as their rows come by."""
        visits = _Cut(self._visit_rows, len(self._readers["visits"]), self.pool, self.threads)
        lines = None
        if "lines" in self.datasets:
            lines = _Cut(self._ordered_lines, len(self._readers["lines"]), self.pool, self.threads)
        ends = np.searchsorted(self.plan.visit_group, self.plan.unit_begin[1:])
        ends[-1] = len(self.plan.visit_group)
        begin = 0
        running: deque[Future[int]] = deque()
        for unit, end in enumerate(ends.tolist()):
            tables = {"visits": joined(visits.take(end - begin), lambda: self._empty("visits"))}
            if lines is not None:
                pieces = lines.until(end)
                tables["lines"] = joined(pieces, lambda: self._empty("lines"))
                place = tables["lines"][VISIT].to_numpy() - begin
                at = tables["lines"].column_names.index(VISIT)
                tables["lines"] = tables["lines"].set_column(at, VISIT, pa.array(place.astype(np.int32)))
            begin = end
            if unit not in self._settled:
                running.append(self.pool.submit(self._settle, unit, tables))
            del tables
            while len(running) > self.threads:
                self._tell(running.popleft().result())
        while running:
            self._tell(running.popleft().result())

    def _ordered_lines(self, at: int) -> pa.Table:
        table, visit = self._line_rows(at)
        if (visit < 0).any():
            table, visit = table.filter(pa.array(visit >= 0)), visit[visit >= 0]
        if (visit[1:] < visit[:-1]).any():
            raise Unordered
        return table.append_column(VISIT, pa.array(visit))

    # ------------------------------------------------------------------ one unit

    @contextmanager
    def _engine(self) -> Iterator[Engine]:
        """An engine of one thread, that nobody else uses."""
        engine = self._engines.pop() if self._engines else Engine(self.engine.book, self.engine.catalog, threads=1)
        try:
            yield engine
        finally:
            self._engines.append(engine)

    def _settle(self, unit: int, tables: dict[str, pa.Table]) -> int:
        """Settle a unit and write its parts."""
        for name in AROUND:
            if name in self.datasets:
                tables[name] = self._spilled(name, unit)
        if "institutions" in self.datasets:
            tables["institutions"] = self._institutions
        for name in ("visits", "lines"):
            if name in tables:
                tables[name] = with_files(tables[name], self._readers[name].paths)
        with self._engine() as engine, self.times.step("settle"):
            result = settle_unit(engine, tables, state=self._opening(unit), outputs=self.outputs)
        tables.clear()
        with self.times.step("encode"):
            self._write(unit, result)
        return unit

    @cached_property
    def _institutions(self) -> pa.Table:
        reader = self._readers["institutions"]
        return joined([reader.read(at) for at in range(len(reader))], lambda: self._empty("institutions"))

    @cached_property
    def _state_units(self) -> tuple[Int32, Int32]:
        """Unit of each person and household that the opening state names."""
        state, plan = self.state, self.plan
        assert state is not None
        people = plan.unit_of_people(pa.chunked_array([pa.array(state.people(), plan.people.type)]))
        from ..columns.ids import lookup

        houses = state.households()
        at = (
            lookup(pa.chunked_array([pa.array(houses, plan.houses.type)]), plan.houses)
            if houses
            else np.zeros(0, np.int32)
        )
        group = np.append(plan.house_group, np.int32(-1))[at]
        return people, np.maximum(plan.unit_of(group), 0)

    def _opening(self, unit: int) -> State | None:
        """What the opening state knows of the people of a unit."""
        if self.state is None:
            return None
        people, houses = self._state_units
        return merged([Part(self.state, people == unit, houses == unit)])

    def _write(self, unit: int, result: UnitResult) -> None:
        part = f"part-{unit:05d}"
        written = {"settlements": result.settlements, "line_results": result.line_results, "detail": result.detail}
        parts = [name for name, table in written.items() if table is not None]
        for name in parts:
            self.journal.part(name, unit, f"{name}/{part}.parquet", partial(write_part, written[name]))
        if result.rejects.num_rows:
            parts.append("rejected")
            place = f"work/rejected-{unit:05d}.parquet"
            self.journal.part("rejected", unit, place, lambda path: write_part(result.rejects, path), passing=True)
        if result.state is not None:
            parts.append("state")
            self.journal.part("state", unit, f"state/{part}", result.state.save)
        self.journal.note("unit", unit, parts=parts, counts=result.counts, sums=result.sums)

    # ------------------------------------------------------------------ progress, in rows

    @cached_property
    def _unit_rows(self) -> npt.NDArray[np.int64]:
        """About how many rows each unit has."""
        visits = np.bincount(self._visit_unit[:-1], minlength=self.plan.units)
        return visits * self._rows // max(1, len(self._visit_unit) - 1)

    @cached_property
    def _rows(self) -> int:
        return sum(self.datasets[name].rows for name in ("visits", "lines") if name in self.datasets)

    def _tell(self, unit: int) -> None:
        self._advance(int(self._unit_rows[unit]))

    def _advance(self, rows: int) -> None:
        """Some rows are partitioned, or settled."""
        self._done_rows += rows
        around = sum(self.datasets[name].rows for name in AROUND if name in self.datasets)
        whole = self._rows * (1 if self.streams else 2) + around
        if self.progress is not None:
            self.progress(min(self._done_rows, whole), whole)

    # ------------------------------------------------------------------ rejects

    def _rejects(self) -> None:
        """All rejects by table, file and row."""
        import pyarrow.parquet as pq

        tables = []
        for kind, keys in (("rejected", range(self.plan.units)), ("lost", range(len(self._readers.get("lines", ()))))):
            for key in keys:
                note = self.journal.find(kind, key)
                if note is not None:
                    tables.append(pq.read_table(self.journal.folder / note["path"]))
        if not tables:
            return
        rows = pa.concat_tables(tables, promote_options="permissive").combine_chunks()
        paths = {
            name: {path: i for i, path in enumerate(reader.paths.to_pylist())} for name, reader in self._readers.items()
        }
        table = rows["table"].to_pylist()
        file = [paths[t][f] for t, f in zip(table, rows["source_file"].to_pylist())]
        order = np.lexsort((rows["source_row"].to_numpy(), np.array(file), np.array([t != "visits" for t in table])))
        rows = rows.take(pa.array(order))
        self.journal.part("rejects", 0, "rejects/part-00000.parquet", lambda path: write_part(rows, path))


class _Cut:
    """Row groups in order, read ahead on a pool, cut where asked."""

    def __init__(self, read: Callable[[int], pa.Table], count: int, pool: ThreadPoolExecutor, ahead: int) -> None:
        self._read, self._count, self._pool, self._ahead = read, count, pool, ahead
        self._next, self._waiting, self._last = 0, deque[Future[pa.Table]](), -1
        self._held: pa.Table | None = None

    def _table(self) -> pa.Table | None:
        """What is left of the row group in hand, else the next one."""
        if self._held is not None and self._held.num_rows:
            return self._held
        while self._next < self._count and len(self._waiting) < self._ahead:
            self._waiting.append(self._pool.submit(self._read, self._next))
            self._next += 1
        if not self._waiting:
            return None
        self._held = self._waiting.popleft().result()
        if VISIT in self._held.column_names and self._held.num_rows:
            visit = self._held[VISIT].to_numpy()
            if visit[0] < self._last:
                raise Unordered
            self._last = int(visit[-1])
        return self._held if self._held.num_rows else self._table()

    def take(self, rows: int) -> list[pa.Table]:
        """The next rows."""
        out = []
        while rows and (table := self._table()) is not None:
            n = min(rows, table.num_rows)
            out.append(table.slice(0, n))
            self._held = table.slice(n)
            rows -= n
        return out

    def until(self, visit: int) -> list[pa.Table]:
        """The next rows, up to those of a visit."""
        out = []
        while (table := self._table()) is not None:
            n = int(np.searchsorted(table[VISIT].to_numpy(), visit))
            if n:
                out.append(table.slice(0, n))
            self._held = table.slice(n)
            if n < table.num_rows:
                break
        return out


def _ids(column: pa.ChunkedArray) -> pa.ChunkedArray:
    from ..columns.ids import normal
    from ..columns.read import blank_is_missing

    return blank_is_missing(normal(column))
