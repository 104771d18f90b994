"""A year settled again: only the groups that changes reach, and what that changes for whom."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ..columns.ids import flat
from ..columns.keys import ids_of
from ..engine import Engine, Settlement, State
from ..errors import InputError, Problem
from ..settling.merge import merged
from ..settling.result import FIRST, NUMBERS
from .bench import NOTHING, Bench, engine_of
from .changes import Change, NewCatalog, NewPolicy, Read, read_changes
from .deltas import Deltas, Ledger, changed_rows, deltas_of, ledger_of, line_deltas, visit_deltas
from .differ import settling_order
from .run import Run
from .scope import Reach, Scope

if TYPE_CHECKING:
    from .attribution import Attribution
    from .document import ChangesDocument

__all__ = ["Resettlement", "Work", "again_of", "resettle"]

Int64 = npt.NDArray[np.int64]
_NONE = "\0"  # a key that is missing, while tables are joined


@dataclass(frozen=True, eq=False)
class Resettlement:
    """What changes became of a run: `deltas`, `ledger`, `scope` (how much was settled again and why), and the run `after`."""

    previous: Run
    changes: tuple[Change, ...]
    scope: Scope
    deltas: Deltas
    ledger: Ledger
    after: Run = field(repr=False)
    _work: Work = field(repr=False)

    def counters(self) -> pa.Table:
        """Counters of everybody in the affected groups, before and after; in millionths of a fen, null where there is none."""
        before, after = self._work.states
        names = ["counter", "owner", "within", "period"]
        return _beside(before.counters(), after.counters(), names, ["value"])

    def accounts(self) -> pa.Table:
        """Accounts of everybody in the affected groups, before and after: balance in fen, day through which movements are applied."""
        before, after = self._work.states
        return _beside(before.accounts(), after.accounts(), ["psn_no"], ["balc", "through"])

    def touched(self, ids: Iterable[Any]) -> dict[Any, set[str]]:
        """By setl_id, for these ones: the reason classes of the changes that touched the visit (it has one reason all the same)."""
        bench = self._work.bench
        names = flat(bench.tables["visits"]["setl_id"])
        rows = np.flatnonzero(np.asarray(pc.is_in(names, value_set=pa.array([*ids], names.type))))
        out: dict[Any, set[str]] = {name: set() for name in names.take(pa.array(rows)).to_pylist()}
        for read, mask in zip(self._work.reads, bench.touched, strict=True):
            for name in names.take(pa.array(rows[mask[rows]])).to_pylist():
                out[name].add(read.change.reason)
        return out

    def to_html(self, path: Any, lang: str | None = None, document: ChangesDocument | None = None) -> None:
        """The re-settlement as one page that opens offline, for the people who sign it; `zh` or `en`. Needs `ybcore[report]`."""
        from ..report.resettled import signed
        from ..report.resettled_page import write_page

        write_page(signed(self, document), path, lang)

    def to_excel(self, path: Any, lang: str | None = None, document: ChangesDocument | None = None) -> list[str]:
        """The same as a workbook; tells what did not fit a sheet and stands in a CSV file beside. Needs `ybcore[excel]`."""
        from ..report.resettled import signed
        from ..report.resettled_book import write_workbook

        return write_workbook(signed(self, document), path, lang)

    def attribution(self, method: str = "sequence", progress: Callable[[int, int], None] | None = None) -> Attribution:
        """What each change moved, payer by payer: in the order given, or on average over all orders (`shapley`, up to six changes)."""
        from .attribution import attribution

        return attribution(self._work, method, progress)


def resettle(previous: Run, changes: Iterable[Change], policy: Any = None, catalog: Any = None) -> Resettlement:
    """Settle a run again after some changes, in the order given (docs/resettlement.md).

    `policy` and `catalog` are the same as NewPolicy and NewCatalog at the end. Raises InputError with everything that is wrong with the
    changes, DocumentError for a wrong book or catalogue.
    """
    every: list[Change] = [*changes]
    every += [] if policy is None else [NewPolicy(policy)]
    every += [] if catalog is None else [NewCatalog(catalog)]
    work = Work(previous, every)
    if work.bench.problems:
        raise InputError(work.bench.problems)
    return again_of(previous, every, work)


def again_of(previous: Run, changes: Iterable[Change], work: Work) -> Resettlement:
    """What became of a run, from the steps that settled it again."""
    deltas = work.deltas()
    after = After(work.engine, None, state=previous.state, work=work)
    return Resettlement(previous, tuple(changes), work.scope, deltas, ledger_of(deltas.visits), after, work)


class Work:
    """The steps of a re-settlement. `cache`: engines by the ids of book and catalogue that were made already."""

    def __init__(self, run: Run, changes: list[Change], cache: dict[tuple[int, int], Engine] | None = None) -> None:
        self.run = run
        self.cache = cache = {} if cache is None else cache
        cache.setdefault((id(run.engine.book), id(run.engine.catalog)), run.engine)
        self.engines: list[Engine] = []
        for change in changes:
            self.engines.append(engine_of(self.engines[-1] if self.engines else run.engine, change, cache))
        self.engine = self.engines[-1] if self.engines else run.engine
        problems: list[Problem] = []
        held = {name: table.column_names for name, table in run.tables.items()}
        known = dict(self.engine.input_tables)
        self.reads = read_changes(changes, known, held, problems)
        if len(self.reads) < len(changes):
            raise InputError(problems)
        self.reach = Reach(run, self.reads, self.engines)
        self.bench = self.applied(self.reach.bench(), range(len(self.reads)))
        self.bench.problems[:0] = problems

    def applied(self, bench: Bench, which: Iterable[int]) -> Bench:
        """A bench after some of the changes, in their order."""
        for i in which:
            read = self.reads[i]
            bench.apply(i, read, engine_of(bench.engine, self._documents(read), self.cache))
        return bench

    def _documents(self, read: Read) -> Any:
        """The change; a book or catalogue that had to be read is not read again."""
        engine = self.engines[self.reads.index(read)]
        if isinstance(read.change, NewPolicy):
            return NewPolicy(engine.book)
        return NewCatalog(engine.catalog) if isinstance(read.change, NewCatalog) else read.change

    # ------------------------------------------------------------------ settling the affected groups

    def settle(self, bench: Bench, *, whole: bool = True) -> Settlement:
        """What the rows on a bench come to; without `whole` the visits only."""
        if not bench.tables["visits"].num_rows:
            return self._nothing()
        return bench.engine.settle(
            **bench.tables, state=self.reach.state, line_output=whole, detail=whole, closing_state=whole, receipt=False
        )

    def _nothing(self) -> Settlement:
        """Of people without visits; what was known of them before is known after."""
        visits, lines = self.run.results
        done = self.run.settlement
        state = None if done.state is None else merged([self.reach.part_of(done.state)])
        return Settlement(
            visits.slice(0, 0),
            None if lines is None else lines.slice(0, 0),
            None if done.detail is None else done.detail.slice(0, 0),
            state,
            {},
            (),
        )

    @cached_property
    def new(self) -> Settlement:
        return self.settle(self.bench)

    @cached_property
    def group(self) -> Any:
        """Group of each visit on the bench."""
        return self.reach.group_of(self.bench.tables["visits"])

    @cached_property
    def scope(self) -> Scope:
        return self.reach.scope(self.bench, self.group)

    @cached_property
    def states(self) -> tuple[State, State]:
        """Closing states of the affected people, before and after."""
        tables = self.reach.tables
        before = self._nothing().state
        if tables["visits"].num_rows:
            before = self.run.engine.settle(**tables, state=self.reach.state, receipt=False).state
        assert before is not None and self.new.state is not None
        return before, self.new.state

    # ------------------------------------------------------------------ deltas

    def deltas(self) -> Deltas:
        old_visits, old_lines = self.reach.results
        new, tables = self.new, self.bench.tables
        found = changed_rows(old_visits, new.visits, FIRST, NUMBERS)
        reason, because = self._reasons(found.mask)
        hospital = flat(ids_of(tables["visits"], "fixmedins_code"))
        visits = visit_deltas(found, {"fixmedins_code": hospital, "reason": reason, "because": because})
        old = len(self.reach.line_rows)
        count = self.run.tables["lines"].num_rows if "lines" in self.run.tables else 0
        added = 0 if new.lines is None else new.lines.num_rows - old
        row = np.concatenate((self.reach.line_rows, count + np.arange(added)))
        told = reason
        if new.lines is not None:
            told = reason.take(pa.array(self.bench.visit_of_line()))
        return deltas_of(visits, line_deltas(old_lines, new.lines, row, told))

    def _reasons(self, changed: Any) -> tuple[pa.Array, pa.Array]:
        """(reason class, id of the visit it comes from) of each visit on the bench."""
        classes = [*dict.fromkeys(read.change.reason for read in self.reads), "knock_on", ""]
        of_change = np.array([classes.index(read.change.reason) for read in self.reads] + [len(classes) - 1])
        order = self._order()
        group = self.group[order]
        place = np.arange(len(order))
        begin = np.flatnonzero(np.append(True, group[1:] != group[:-1])) if len(order) else place
        never = len(order)
        first = np.minimum.reduceat(np.where(changed[order], place, never), begin) if len(order) else place
        first = np.repeat(first, np.diff(np.append(begin, len(order))))
        cause = np.full(len(order), -1, np.int64)
        earlier = (first < place) & (first < never)
        cause[order[earlier]] = order[first[earlier]]
        touch = self.bench.touch
        # Where nothing else explains it: the last change that reached the group.
        reached = np.full(len(order), NOTHING, np.int32)
        for i, groups in enumerate(self.reach.named):
            reached[np.isin(self.group, groups)] = i
        code = np.where(touch != NOTHING, of_change[touch], np.where(cause >= 0, len(classes) - 2, of_change[reached]))
        cause[touch != NOTHING] = -1
        ids = self.bench.tables["visits"]["setl_id"]
        because = flat(ids_of(self.bench.tables["visits"], "setl_id", ids.type)).take(pa.array(cause, mask=cause < 0))
        return pa.array(classes, pa.string()).take(pa.array(code)), because

    def _order(self) -> Int64:
        """Visits on the bench by group, in settling order."""
        visits, schema = self.bench.tables["visits"], self.engine.input_tables["visits"]
        return settling_order(visits, schema, self.engine.book, self.group, lambda: self.bench.days().discharge)

    # ------------------------------------------------------------------ the run after

    def tables_after(self) -> dict[str, pa.Table]:
        """Every row of the run's tables after the changes."""
        bench = Bench(self.run.tables, self.run.engine, self.run.results[0], self.reach.index, self.reach.books)
        bench.checking = False
        return {
            name: table.combine_chunks() for name, table in self.applied(bench, range(len(self.reads))).tables.items()
        }

    def results_after(self) -> tuple[pa.Table, pa.Table | None]:
        """Results of every visit and line: those of the affected groups anew, the others as they were."""
        visits, lines = self.run.results
        whole = _replaced(visits, self.new.visits, self.reach.rows)
        if lines is None or self.new.lines is None:
            return whole, self.new.lines if lines is None else lines
        return whole, _replaced(lines, self.new.lines, self.reach.line_rows)

    def settlement_after(self, results: tuple[pa.Table, pa.Table | None]) -> Settlement:
        """The settlement of the run after, put together."""
        before, new = self.run.settlement, self.new
        detail = new.detail
        if before.detail is not None and detail is not None:
            ids = flat(ids_of(self.reach.tables["visits"], "setl_id")).combine_chunks()
            gone = pc.is_in(flat(ids_of(before.detail, "setl_id")), value_set=ids)
            held = before.detail.filter(pc.invert(gone))
            detail = pa.concat_tables([held, detail.cast(held.schema)]).unify_dictionaries()
        state = None
        if before.state is not None and new.state is not None:
            rest = self.reach.part_of(before.state, others=True)
            state = merged([rest, self.reach.whole_of(new.state)])
        notes = tuple(dict.fromkeys((*before.notes, *new.notes)))
        return Settlement(results[0], results[1], detail, state, {}, notes)


@dataclass(frozen=True, eq=False)
class After(Run):
    """The run that a re-settlement leaves; put together when it is looked at."""

    work: Any = field(default=None, repr=False)

    @cached_property
    def tables(self) -> dict[str, pa.Table]:
        return self.work.tables_after()

    @cached_property
    def results(self) -> tuple[pa.Table, pa.Table | None]:
        return self.work.results_after()

    @cached_property
    def settlement(self) -> Settlement:
        return self.work.settlement_after(self.results)


def _replaced(old: pa.Table, new: pa.Table, rows: Int64) -> pa.Table:
    """The old table with the first new rows in these places, and the further ones at the end."""
    place = np.arange(old.num_rows + new.num_rows - len(rows))
    place[rows] = old.num_rows + np.arange(len(rows))
    place[old.num_rows :] = old.num_rows + np.arange(len(rows), new.num_rows)
    new = new.select(old.column_names).cast(old.schema)
    return pa.concat_tables([old, new]).unify_dictionaries().take(pa.array(place)).combine_chunks()


def _typed(table: pa.Table, keys: list[str]) -> pa.Table:
    """Columns of a table without rows have a type too, and keys a text where they have nothing."""
    for i, name in enumerate(table.column_names):
        column = table[name]
        if pa.types.is_null(column.type):
            column = column.cast(pa.string() if name in keys else pa.int64())
        if name in keys and column.null_count:
            column = column.fill_null(_NONE)
        table = table.set_column(i, name, column)
    return table


def _beside(before: pa.Table, after: pa.Table, keys: list[str], values: list[str]) -> pa.Table:
    """Two tables by their keys, values before and after."""
    sides = [_typed(table, keys) for table in (before, after)]
    out = sides[0].join(
        sides[1], keys, join_type="full outer", left_suffix="_before", right_suffix="_after", use_threads=False
    )
    columns = [*keys, *(f"{name}_{when}" for name in values for when in ("before", "after"))]
    out = out.select(columns).sort_by([(name, "ascending") for name in keys])
    for i, name in enumerate(keys):
        if pa.types.is_string(out[name].type):
            out = out.set_column(i, name, pc.if_else(pc.equal(out[name], _NONE), None, out[name]))
    return out
