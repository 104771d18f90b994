"""A job: plan, scatter where the input does not lie grouped, settle unit by unit."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..columns.ids import lookup
from ..engine import Engine, State
from ..settling.merge import Part, merged
from .parts import write_part
from .plan import Plan, make_plan
from .rejects import Rejects
from .rows import AROUND, ids_in
from .ruled import OF_VISITS, Ruled
from .scatter import joined, with_files
from .stream import Streamed, Unordered
from .unit import AGAIN, ASIDE, SOURCE, UnitResult, settle_unit

__all__ = ["Work", "most_visits"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
OUT_BYTES = {"visits": 200, "lines": 40}  # of outputs, packed


def most_visits(plan: Plan) -> int:
    """Visits of the largest unit."""
    return int(np.bincount(plan.visit_unit, minlength=1).max())


@dataclass
class Work(Streamed):
    """Everything a job needs, and the steps of it. `memory` in bytes."""

    def told(self) -> dict[str, Any]:
        """What the record of the run says of it beside times."""
        return {}

    # ------------------------------------------------------------------ the steps

    def run(self) -> list[dict[str, Any]]:
        """Settle everything that is not settled yet; the units' notes."""
        with self._team(self.unit_visits):
            with self.times.step("rules"):
                _ = self.ruled
            with self.times.step("plan"):
                self.plan = self._planned()
        largest = most_visits(self.plan)
        self._budget.check(largest)
        with self._team(max(largest, self.unit_visits)):
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

    @contextmanager
    def _team(self, visits: int) -> Iterator[None]:
        """As many threads as may have units of so many visits in work."""
        self.workers = self._budget.workers(self.threads, visits)
        with ThreadPoolExecutor(self.workers) as self.pool:
            yield

    def _planned(self) -> Plan:
        return make_plan(self.engine, self.datasets, self.state, self.unit_visits, self._over)

    def _settle_all(self) -> None:
        """Every unit that is not settled."""
        self.__dict__.pop("_settled", None)
        if self.streams:
            try:
                self._stream(self._settled, self._settle, self._tell)
                return
            except Unordered:
                self.journal.note("mode", "partition")
                self.__dict__.pop("_settled", None)
        for name in ("visits", "lines"):
            if name in self.datasets:
                self._scatter(name)
        self._units()

    # ------------------------------------------------------------------ partition

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
            opening, unique = self._opening(unit), self.plan.visit_row is None
            result = settle_unit(engine, tables, state=opening, outputs=self.outputs, ruled=self.ruled, unique=unique)
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
        if self.rules is None:
            return None
        return Ruled.of(self.rules, self.datasets, self.engine.catalog, **self.what_counts)

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
        written |= {"findings": result.findings, "details": result.details, "moved": result.moved}
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
        facts: dict[str, Any] = {} if result.rules is None else {"rules": result.rules}
        facts |= {"suppressions": result.suppressions} if result.suppressions else {}
        self.journal.note(
            "unit", unit, about=self._about(unit), parts=parts, counts=result.counts, sums=result.sums, **facts
        )

    # ------------------------------------------------------------------ progress, in rows

    @cached_property
    def _unit_rows(self) -> npt.NDArray[np.int64]:
        """About how many rows each unit has."""
        visits = np.bincount(self.plan.visit_unit, minlength=self.plan.units)
        return visits * self._rows // max(1, len(self.plan.visit_unit))

    def _tell(self, unit: int) -> None:
        self._advance(int(self._unit_rows[unit]))

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
