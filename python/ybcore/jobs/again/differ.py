"""The first half of settling a job again: affected people before and after the changes, unit by unit, and what differs."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ...columns.ids import flat
from ...columns.keys import ids_of
from ...engine import Engine, State
from ...errors import InputError, Problem
from ...ledger.bench import engine_of
from ...ledger.changes import Change, Read, read_changes
from ...ledger.run import Run
from ...receipts.stored import Stored
from ...settling.merge import Part, merged
from ..budget import Budget
from ..parts import write_part
from ..run import Work
from ..scatter import Reader
from ..unit import GROUP, SOURCE, VISIT
from .reach import Cut, JobReach, outlined
from .unit import ROW, Differences, changes_of, settle_again, unit_lines

__all__ = ["Differing", "stub_of"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
_SHOWN = 5
NUMBERED = ("visits", "lines")


def stub_of(engine: Engine, datasets: Any) -> Run:
    """A run without rows, with the columns and types of a job: what changes are fitted to."""
    return Run(engine, **{name: data.arrow.empty_table() for name, data in datasets.items() if name in ("visits", "lines", "persons", "institutions", "acct_events")})  # fmt: skip


@dataclass
class Differing(Work):
    """Settles the affected groups of a job before and after `changes`; `results`: what the job wrote. Parts `delta_…`, `counters`, `accounts`."""

    room: ClassVar[str] = "before"
    changes: Sequence[Change] = ()
    results: dict[str, Stored] = field(default_factory=dict)
    method: str = "none"

    def run(self) -> list[dict[str, Any]]:
        """Everything that is not done yet; the units' notes. Raises InputError with everything that is wrong with the changes."""
        with self._team(self.unit_visits):
            with self.times.step("reach"):
                self.plan: Any = self._reached()
            todo = [u for u in range(self.plan.units) if not self._is_done(u)]
            for name in ("visits", "lines", "persons", "acct_events"):
                if name in self.datasets and todo:
                    self._scatter(name)
            problems: list[Problem] = []
            self._engines_of: deque[tuple[Engine, dict[Any, Engine]]] = deque()
            visits = np.bincount(self.plan.visit_unit + 1, minlength=self.plan.units + 1)[1:]
            self._advance(int(visits.sum() - visits[todo].sum()))
            for unit, found in zip(todo, self._over(self._differ, todo)):
                problems += found
                self._advance(int(visits[unit]))
            if problems:
                raise InputError(dict.fromkeys(problems))
        notes = self.journal.all("differs")
        return [notes[u] for u in range(self.plan.units)]

    # ------------------------------------------------------------------ who is reached

    def _reached(self) -> Cut:
        run = outlined(self.engine, self.datasets, self.state, self._over)
        cache = {(id(self.engine.book), id(self.engine.catalog)): self.engine}
        self.engines: list[Engine] = []
        for change in self.changes:
            self.engines.append(engine_of(self.engines[-1] if self.engines else self.engine, change, cache))
        problems: list[Problem] = []
        known = dict((self.engines[-1] if self.engines else self.engine).input_tables)
        # What no document reads may stand in files, and so in rows that come.
        held = {name: [*data.columns, *data.unread] for name, data in self.datasets.items()}
        reads = read_changes([*self.changes], known, held, problems)
        if problems:
            raise InputError(problems)
        self.reads = self._numbered(reads)
        cut = Cut(JobReach(run, self.reads, self.engines, self.datasets, self.results), self.unit_visits)
        named = ("visits", "lines", "persons", "denied", "reordered")
        self.places = [{name: cut.units_of(name, rows) for name, rows in read.parts.items() if name in named} for read in self.reads]  # fmt: skip
        return cut

    def _numbered(self, reads: list[Read]) -> list[Read]:
        """Rows that come with the places that they are going to have in their tables."""
        begin = {name: self.datasets[name].rows if name in self.datasets else 0 for name in NUMBERED}
        out = []
        for read in reads:
            parts = dict(read.parts)
            for name in NUMBERED:
                if name in parts:
                    rows = np.arange(begin[name], begin[name] + parts[name].num_rows)
                    begin[name] += parts[name].num_rows
                    parts[name] = parts[name].append_column(ROW, pa.array(rows, pa.int64()))
            out.append(Read(read.change, read.place, parts))
        return out

    @cached_property
    def late_ids(self) -> pa.Array:
        """Settlements that come."""
        like = ids_of(self.datasets["visits"].arrow.empty_table(), "setl_id").type
        like = like.value_type if pa.types.is_dictionary(like) else like
        came = [flat(ids_of(read.parts["visits"], "setl_id", like)).cast(like) for read in self.reads if "visits" in read.parts]  # fmt: skip
        return pa.chunked_array([chunk for column in came for chunk in column.chunks], like).unique().drop_null()

    def _lost(self, key: str, lines: pa.Table) -> None:
        """Lines of no visit stay rejected; those of a visit that comes would be settled with it. Raises InputError."""
        ids = flat(ids_of(lines, "setl_id", self.late_ids.type)).cast(self.late_ids.type)
        found = ids.filter(pc.is_in(ids, value_set=self.late_ids)).unique().to_pylist()
        if found:
            shown = ", ".join(str(one) for one in found[:_SHOWN]) + (" …" if len(found) > _SHOWN else "")
            what = f"visits come whose lines the job had rejected without them (no_visit): {shown}; run the job again with these visits"
            zh = f"补报结算的明细曾因无对应结算被拒收（no_visit）：{shown}；请将这些结算并入输入后重新运行作业"
            raise InputError([Problem(what=what, what_zh=zh, path="changes")])

    def _advance(self, rows: int) -> None:
        """Some rows are read, or visits settled."""
        self._done_rows += rows
        read = sum(self.datasets[name].rows for name in (*NUMBERED, "persons", "acct_events") if name in self.datasets)
        whole = read + int(np.count_nonzero(self.plan.visit_unit >= 0))
        if self.progress is not None:
            self.progress(min(self._done_rows, whole), whole)

    # ------------------------------------------------------------------ one unit

    @cached_property
    def _budget(self) -> Budget:
        return Budget(self.datasets, self.memory, again=True)

    @cached_property
    def _cut(self) -> dict[str, Any]:
        noted = self.journal.find("cut again", "")
        return noted or self.journal.note("cut again", "", visits=self._budget.unit_visits, rows=self._budget.most_rows)

    def _columns(self, name: str) -> list[str] | None:
        return None

    @cached_property
    def _readers(self) -> dict[str, Reader]:
        rows = int(self._cut["rows"])
        return {name: Reader(data, None, name in NUMBERED, rows) for name, data in self.datasets.items()}

    def _opening(self, unit: int) -> State | None:
        if self.state is None:
            return None
        people, houses = self.plan.of_state
        return merged([Part(self.state, people == unit, houses == unit)])

    def _is_done(self, unit: int) -> bool:
        note = self.journal.find("differs", unit)
        return note is not None and all(self.journal.find(kind, unit) is not None for kind in note["parts"])

    def tables_of(self, unit: int) -> dict[str, pa.Table]:
        """The rows of a unit as the job had them."""
        names = ("visits", "lines", "persons", "acct_events")
        out: dict[str, pa.Table] = {name: self._spilled(name, unit) for name in names if name in self.datasets}
        if "lines" in out:
            out["lines"] = unit_lines(out["lines"], VISIT, out["visits"])
        out["visits"] = out["visits"].drop_columns([GROUP])
        for name in NUMBERED:
            if name in out:
                out[name] = self._with_rows(name, out[name])
        if "institutions" in self.datasets:
            out["institutions"] = self._whole["institutions"]
        for name, column in self._unread:
            out[name] = out[name].append_column(column, pa.nulls(out[name].num_rows))
        return out

    @cached_property
    def _unread(self) -> list[tuple[str, str]]:
        """(table, column) of what rows that come have, files too, and no document reads: it is kept."""
        came = [(name, column) for read in self.reads for name, rows in read.parts.items() for column in rows.column_names]  # fmt: skip
        return [(name, column) for name, column in dict.fromkeys(came) if name in self.datasets and column in self.datasets[name].unread]  # fmt: skip

    def _with_rows(self, name: str, table: pa.Table) -> pa.Table:
        begin = np.cumsum([0, *(file.rows for file in self.datasets[name].files)])
        rows = begin[table[SOURCE[0]].to_numpy()] + table[SOURCE[1]].to_numpy()
        return table.drop_columns([*SOURCE]).append_column(ROW, pa.array(rows, pa.int64()))

    def _differ(self, unit: int) -> list[Problem]:
        """Settle a unit before and after, and write what differs; what is wrong with the changes."""
        with self.times.step("gather"):
            tables = self.tables_of(unit)
        changes, places = changes_of(self.reads, self.engines, self.places, unit)
        with self._own_engines() as (engine, cache), self.times.step("settle"):
            run = Run(engine, **tables, state=self._opening(unit), beyond=self._filled)
            done = settle_again(run, cache, changes, places, self.method)
        if not isinstance(done, Differences):
            return done
        with self.times.step("encode"):
            self._write_differences(unit, done)
        return []

    @cached_property
    def _filled(self) -> frozenset[str]:
        """Tables that have rows."""
        return frozenset(name for name, data in self.datasets.items() if data.rows)

    @contextmanager
    def _own_engines(self) -> Iterator[tuple[Engine, dict[Any, Engine]]]:
        """Engines of one thread that nobody else uses: the one before, and those of changes once they are made."""
        one = self._engines_of.pop() if self._engines_of else (Engine(self.engine.book, self.engine.catalog, threads=1), {})  # fmt: skip
        try:
            yield one
        finally:
            self._engines_of.append(one)

    def _write_differences(self, unit: int, done: Differences) -> None:
        part = f"part-{unit:05d}.parquet"
        parts = []
        for name, table in done.tables.items():
            if name != "delta_lines" or "lines" in self.datasets or table.num_rows:
                parts.append(name)
                self.journal.part(name, unit, f"{name}/{part}", partial(write_part, table))
        for kind, held in (("added", done.added), ("cells", done.cells)):
            for name, table in held.items():
                if table.num_rows:
                    parts.append(f"{kind} {name}")
                    self.journal.part(f"{kind} {name}", unit, f"work/{kind}-{name}-{part}", partial(write_part, table), passing=True)  # fmt: skip
        self.journal.note("differs", unit, parts=parts, **done.facts)
