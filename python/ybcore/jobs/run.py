"""A job: plan, scatter where the input does not lie grouped, settle unit by unit, commit."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..checks.book import RuleBook
from ..columns.ids import lookup, normal
from ..columns.read import blank_is_missing
from ..engine import Engine, State
from ..settling.merge import Part, merged
from .budget import Budget
from .datasets import Dataset
from .journal import Journal
from .parts import write_part
from .plan import Plan, make_plan
from .rejects import Rejects
from .ruled import OF_VISITS, Ruled
from .scatter import Reader, by_unit, joined, read_batch, split, with_files, write_chunk
from .times import Times
from .unit import AGAIN, ASIDE, GROUP, SOURCE, VISIT, Outputs, UnitResult, rejected, settle_unit

__all__ = ["Work", "ids_in"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
AROUND = ("persons", "acct_events", *OF_VISITS)  # tables of people, and of visits beside
OUT_BYTES = {"visits": 200, "lines": 40}  # of outputs, packed


class Unordered(Exception):
    """Lines that were thought to stand in the order of their visits do not."""


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
    rules: RuleBook | None = None
    progress: Callable[[int, int], None] | None = None
    times: Times = field(default_factory=Times)
    takes_rules: ClassVar[bool] = True
    room: ClassVar[str] = "spill"  # of rows by unit, in the journal's folder and in its notes
    _done_rows: int = field(default=0, init=False)

    def told(self) -> dict[str, Any]:
        """What the record of the run says of it beside times."""
        return {}

    # ------------------------------------------------------------------ the steps

    def run(self) -> list[dict[str, Any]]:
        """Settle everything that is not settled yet; the units' notes."""
        self.workers = self._budget.workers(self.threads, self.unit_visits)
        with ThreadPoolExecutor(self.workers) as pool:
            self.pool = pool
            with self.times.step("rules"):
                _ = self.ruled
            with self.times.step("plan"):
                self.plan = self._planned()
            self._budget.check(int(np.bincount(self.plan.visit_unit, minlength=1).max()))
            self._engines: deque[Engine] = deque()
            self.journal.expect(OUT_BYTES["visits"] * self.datasets["visits"].rows)
            if self.outputs.lines and "lines" in self.datasets:
                self.journal.expect(OUT_BYTES["lines"] * self.datasets["lines"].rows)
            for name in AROUND:
                if name in self.datasets:
                    self._scatter(name)
            while True:
                self._settle_all()
                with self.times.step("rejects"):
                    rejects = self._rejects()
                    wrong = rejects.not_the_first()
                    if not wrong:
                        rejects.write()
                        break
                for number, at in wrong:
                    self.journal.note("first", number, at=at)
        notes = self.journal.all("unit")
        return [notes[u] for u in range(self.plan.units)]

    def _planned(self) -> Plan:
        return make_plan(self.engine, self.datasets, self.state, self.unit_visits, self._over)

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

    def _settle_all(self) -> None:
        """Every unit that is not settled."""
        self.__dict__.pop("_settled", None)
        if self.streams:
            try:
                self._stream()
                return
            except Unordered:
                self.journal.note("mode", "partition")
                self.__dict__.pop("_settled", None)
        for name in ("visits", "lines"):
            if name in self.datasets:
                self._scatter(name)
        self._units()

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
        lost = visit < 0
        if lost.any() and self.journal.find("lost", key) is None:
            self._lost(key, table.filter(pa.array(lost)))
        there = np.maximum(visit, 0)
        place = np.where(lost, -1, self.plan.visit_place[there]) if len(self.plan.visit_place) else visit
        unit = np.where(lost, -1, self.plan.visit_unit[there]) if len(self.plan.visit_unit) else visit
        table = table.drop_columns(["setl_id"]).append_column(VISIT, pa.array(place.astype(np.int32)))
        return table, visit, unit.astype(np.int32)

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
        if note is None or note["about"] != self._about(unit):
            return False
        return all(self.journal.find(kind, unit) is not None for kind in note["parts"])

    def _spilled_unit(self, unit: int) -> int:
        with self.times.step("gather"):
            names = [name for name in ("visits", "lines") if name in self.datasets]
            tables: dict[str, pa.Table] = {name: self._spilled(name, unit) for name in names}
        self._settle(unit, tables)
        return unit

    # ------------------------------------------------------------------ in order

    @property
    def streams(self) -> bool:
        """Whether units may be settled as their rows come by: few rows have to wait for others."""
        if self.plan.most_waiting > 3 * self.unit_visits or self.journal.find("mode", "partition") is not None:
            return False
        return all(self._readers[name].whole for name in ("visits", "lines") if name in self.datasets)

    def _stream(self) -> None:
        """Settle each unit when its last row has come by."""
        visits = iter(self._over(self._split_visits, range(len(self._readers["visits"]))))
        lines = range(len(self._readers["lines"])) if "lines" in self.datasets else range(0)
        self._held: dict[str, dict[int, list[pa.Table]]] = {"visits": {}, "lines": {}}
        waiting = deque(np.argsort(self.plan.last_row, kind="stable").tolist())
        done: set[int] = set()
        running: deque[Future[int]] = deque()
        read = 0

        def settle_until(row: int) -> None:
            """Settle the units whose last visit stands before a row."""
            nonlocal read
            while waiting and self.plan.last_row[waiting[0]] < row:
                unit = waiting.popleft()
                while read <= self.plan.last_row[unit]:
                    pieces, end = next(visits)
                    read = end
                    self._hold("visits", pieces)
                pieces_of = {name: held.pop(unit, []) for name, held in self._held.items()}
                done.add(unit)
                if unit not in self._settled:
                    running.append(self.pool.submit(self._settle_pieces, unit, pieces_of))
                del pieces_of
                while len(running) > self.workers:
                    self._tell(running.popleft().result())

        try:
            for pieces, seen in self._over(self._split_lines, lines):
                if any(unit in done for unit, _ in pieces):
                    raise Unordered
                self._hold("lines", pieces)
                settle_until(seen)
        except Unordered:
            # What is in work lacks lines: it must be noted, as of this way, before the other way begins.
            wait(running)
            raise
        settle_until(len(self.plan.visit_group))
        while running:
            self._tell(running.popleft().result())

    def _settle_pieces(self, unit: int, pieces: dict[str, list[pa.Table]]) -> int:
        """Settle a unit of what was held of it; to put it together is work enough not to be left to one thread."""
        with self.times.step("gather"):
            names = [name for name in ("visits", "lines") if name in self.datasets]
            tables: dict[str, pa.Table] = {n: joined(pieces.pop(n), partial(self._empty, n)) for n in names}
        return self._settle(unit, tables)

    def _hold(self, name: str, pieces: list[tuple[int, pa.Table]]) -> None:
        for unit, table in pieces:
            self._held[name].setdefault(unit, []).append(table)

    def _split_visits(self, at: int) -> tuple[list[tuple[int, pa.Table]], int]:
        """(visits of a chunk by unit, rows up to its end)."""
        begin = self._readers["visits"].begin
        with self.times.step("decode"):
            table = self._readers["visits"].read(at)
        return split(*self._with_units("visits", table, int(begin[at]), "")), int(begin[at + 1])

    def _split_lines(self, at: int) -> tuple[list[tuple[int, pa.Table]], int]:
        """(lines of a chunk by unit, the last visit that they are of)."""
        with self.times.step("decode"):
            table = self._readers["lines"].read(at)
        table, visit, unit = self._lines_with_visits(table, f"{at}.0")
        return split(table, unit), int(visit.max(initial=-1))

    # ------------------------------------------------------------------ one unit

    @contextmanager
    def _engine(self) -> Iterator[Engine]:
        """An engine of one thread, that nobody else uses."""
        engine = self._engines.pop() if self._engines else Engine(self.engine.book, self.engine.catalog, threads=1)
        try:
            yield engine
        finally:
            self._engines.append(engine)

    def completed(self, unit: int, tables: dict[str, pa.Table]) -> dict[str, pa.Table]:
        """The visits and lines of a unit with all that `settle_unit` wants beside them."""
        for name in AROUND:
            if name in self.datasets:
                tables[name] = self._spilled(name, unit)
        for name in ("institutions", "doctors"):
            if name in self.datasets:
                tables[name] = self._whole[name]
        for name in ("visits", "lines", *OF_VISITS):
            if name in tables:
                tables[name] = with_files(tables[name], self._readers[name].paths)
        if self.plan.twice:
            tables["visits"] = self._marked(tables["visits"])
        if self.ruled is not None:
            tables["visits"] = self._set_aside(tables["visits"], self.ruled)
        return tables

    def _settle(self, unit: int, tables: dict[str, pa.Table]) -> int:
        """Settle a unit and write its parts."""
        tables = self.completed(unit, tables)
        with self._engine() as engine, self.times.step("settle"):
            result = settle_unit(engine, tables, state=self._opening(unit), outputs=self.outputs, ruled=self.ruled)
        tables.clear()
        with self.times.step("encode"):
            self._write(unit, result)
        return unit

    @cached_property
    def _whole(self) -> dict[str, pa.Table]:
        """Tables that every unit has whole."""
        readers = {name: self._readers[name] for name in ("institutions", "doctors") if name in self._readers}
        return {
            name: joined([reader.read(at) for at in range(len(reader))], reader.empty)
            for name, reader in readers.items()
        }

    @cached_property
    def ruled(self) -> Ruled | None:
        """The rules that run; None without rules."""
        return None if self.rules is None else Ruled.of(self.rules, self.datasets, self.engine.catalog)

    def _set_aside(self, visits: pa.Table, ruled: Ruled) -> pa.Table:
        """Visits of a unit with those that rules do not look at because of others: they are reversed, or their id stands before."""
        ids = ids_in(visits["setl_id"])
        aside = ruled.aside(ids)
        if self.plan.visit_row is not None:
            aside |= self.plan.visits_of(ids) != self._rows_of(visits)
        return visits.append_column(ASIDE, pa.array(aside))

    @cached_property
    def _state_units(self) -> tuple[Int32, Int32]:
        """Unit of each person and household that the opening state names."""
        state, plan = self.state, self.plan
        assert state is not None
        people = plan.unit_of_people(pa.chunked_array([pa.array(state.people(), plan.people.type)]))
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
        written |= {"findings": result.findings, "details": result.details}
        parts = [name for name, table in written.items() if table is not None]
        for name in parts:
            self.journal.part(name, unit, f"{name}/{part}.parquet", partial(write_part, written[name]))
        if result.rejects.num_rows or self.journal.find("rejected", unit) is not None:
            parts.append("rejected")
            place = f"work/rejected-{unit:05d}.parquet"
            self.journal.part("rejected", unit, place, lambda path: write_part(result.rejects, path), passing=True)
        if result.state is not None:
            parts.append("state")
            self.journal.part("state", unit, f"state/{part}", result.state.save)
        facts = {} if result.rules is None else {"rules": result.rules}
        self.journal.note(
            "unit", unit, about=self._about(unit), parts=parts, counts=result.counts, sums=result.sums, **facts
        )

    # ------------------------------------------------------------------ progress, in rows

    @cached_property
    def _unit_rows(self) -> npt.NDArray[np.int64]:
        """About how many rows each unit has."""
        visits = np.bincount(self.plan.visit_unit, minlength=self.plan.units)
        return visits * self._rows // max(1, len(self.plan.visit_unit))

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

    def _rejects(self) -> Rejects:
        parts = [(kind, key) for kind in ("rejected", "lost") for key in self.journal.all(kind)]
        firsts = [self._first(i) for i in range(len(self.plan.twice))]
        return Rejects(self.journal, parts, self.plan, self._readers, firsts)

    # ------------------------------------------------------------------ settlements that are there twice

    def _first(self, number: int) -> int:
        """Which row of a settlement of `plan.twice` counts as the first that takes part."""
        noted = self.journal.find("first", number)
        return 0 if noted is None else int(noted["at"])

    def _again(self, number: int) -> list[int]:
        """Rows of `plan.twice` that are refused because of the first, which is of another group."""
        rows, at = self.plan.twice[number], self._first(number)
        group = self.plan.visit_group
        return [row for row in rows[at + 1 :] if group[row] != group[rows[at]]]

    @property
    def _again_rows(self) -> Int64:
        return np.array(sorted(row for i in range(len(self.plan.twice)) for row in self._again(i)), np.int64)

    def _marked(self, visits: pa.Table) -> pa.Table:
        """Visits of a unit with those that are refused because of another unit's."""
        return visits.append_column(AGAIN, pa.array(np.isin(self._rows_of(visits), self._again_rows)))

    def _rows_of(self, visits: pa.Table) -> Int64:
        """Where each visit of a unit stands in the dataset."""
        begin = np.concatenate(([0], np.cumsum([file.rows for file in self.datasets["visits"].files])))
        rows: Int64 = begin[visits[SOURCE[0]].combine_chunks().indices.to_numpy()] + visits[SOURCE[1]].to_numpy()
        return rows

    def _about(self, unit: int) -> list[Any]:
        """What a settled unit depended on."""
        of = self.plan.visit_unit
        rows = [[i, self._first(i)] for i, rows in enumerate(self.plan.twice) if any(of[row] == unit for row in rows)]
        return ["stream" if self.streams else "partition", *rows]


def ids_in(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return blank_is_missing(normal(column))
