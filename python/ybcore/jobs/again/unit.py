"""One unit of a job settled again: some affected groups, whole; tables and changes in, differences out, no files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ...columns.keys import ids_of
from ...engine import Engine
from ...errors import Problem
from ...ledger.attribution import Which, sets_of
from ...ledger.changes import Change, NewCatalog, NewPolicy, Read
from ...ledger.deltas import PAYERS
from ...ledger.resettlement import Resettlement, Work, again_of
from ...ledger.run import Run
from ...settling.result import NUMBERS

__all__ = ["ROW", "Differences", "changes_of", "settle_again"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
ROW = "ybcore_row"  # int64 in visits and lines, of the job and of changes: row of the table after the changes
Engines = dict[tuple[int, int], Engine]


@dataclass(frozen=True)
class Differences:
    """What changes come to in a unit.

    `tables`: under their names as they are written; `added`: visits and lines that came; `cells`: (row, cell) of what changed in those
    that were there, by table; `facts`: scope, sums of the payers, and what sets of changes move.
    """

    tables: dict[str, pa.Table] = field(repr=False)
    added: dict[str, pa.Table] = field(repr=False)
    cells: dict[str, pa.Table] = field(repr=False)
    facts: dict[str, Any] = field(repr=False)


def changes_of(reads: Sequence[Read], engines: Sequence[Engine], units: Sequence[dict[str, Int32]], unit: int) -> tuple[list[Change], list[dict[str, Int64]]]:  # fmt: skip
    """(the changes with the rows that are of a unit, those rows by part). Books, catalogues and institutions are of every unit."""
    out: list[Change] = []
    places: list[dict[str, Int64]] = []
    for read, engine, of in zip(reads, engines, units, strict=True):
        if isinstance(read.change, NewPolicy):
            out.append(NewPolicy(engine.book))
            places.append({})
        elif isinstance(read.change, NewCatalog):
            out.append(NewCatalog(engine.catalog))
            places.append({})
        else:
            rows = {name: np.flatnonzero(of[name] == unit) if name in of else np.arange(table.num_rows) for name, table in read.parts.items()}  # fmt: skip
            parts = {name: table.take(pa.array(rows[name])) for name, table in read.parts.items()}
            names = [one.name for one in fields(read.change)]
            only = next(iter(parts.values())) if names == ["rows"] else None
            out.append(type(read.change)(**({"rows": only} if only is not None else {name: parts.get(name) for name in names})))  # fmt: skip
            places.append(rows)
    return out, places


def placed(problems: Sequence[Problem], places: Sequence[dict[str, Int64]]) -> list[Problem]:
    """Problems of a unit with the rows of the whole changes."""
    out = []
    for problem in problems:
        head, _, rest = problem.path.partition(" ")
        at = int(head[8:-1]) if head.startswith("changes[") and head[8:-1].isdigit() else -1
        if problem.row is not None and 0 <= at < len(places):
            part = rest.partition(".")[2].partition(".")[0]
            rows = places[at]
            own = rows[part] if part in rows else next(iter(rows.values()))
            problem = replace(problem, row=int(own[problem.row - 1]) + 1)
        out.append(problem)
    return out


def settle_again(
    run: Run, cache: Engines, changes: list[Change], places: Sequence[dict[str, Int64]], method: str
) -> Differences | list[Problem]:
    """Settle some groups, a run, before and after changes, or what is wrong with these. `method`: of the attribution, `none` without."""
    work = Work(run, changes, cache)
    if work.bench.problems:
        return placed(work.bench.problems, places)
    again = again_of(run, changes, work)
    before, after = run.tables, work.bench.tables
    lines = _lines_with_rows(again, before, work)
    out = {
        "delta_visits": again.deltas.visits,
        "delta_lines": lines,
        "delta_funds": again.deltas.funds,
        "delta_persons": again.deltas.persons,
        "counters": again.counters(),
        "accounts": again.accounts(),
    }
    added, cells = {}, {}
    for name, changed in (("visits", "setl_time"), ("lines", "deny_flag")):
        if name in after:
            old = len(work.reach.rows) if name == "visits" else len(work.reach.line_rows)
            added[name] = after[name].slice(old).combine_chunks()
            cells[name] = _changed(work.reach.tables.get(name), after[name].slice(0, old), changed)
    return Differences(out, added, cells, _facts(again, work, method))


def _facts(again: Resettlement, work: Work, method: str) -> dict[str, Any]:
    worths: dict[Which, dict[str, int]] = {} if method == "none" else sets_of(work, method)
    return {
        "scope": asdict(again.scope),
        "before": _settled_sums(work.reach.results[0]),
        "after": _settled_sums(work.new.visits),
        "worths": [[list(which), worth] for which, worth in worths.items()],
    }


def _settled_sums(visits: pa.Table) -> dict[str, int]:
    """Money of the visits that are settled, as a job sums it."""
    kept = visits.filter(pc.not_equal(visits["outcome"].cast(pa.string()), "rejected"))
    return {name: int(pc.sum(kept[name]).as_py() or 0) for name in (*PAYERS, "medfee_sumamt") if name in NUMBERS}


def _lines_with_rows(again: Resettlement, before: dict[str, pa.Table], work: Work) -> pa.Table:
    """Differences of lines with the rows of the whole table after the changes."""
    lines = again.deltas.lines
    if "lines" not in work.bench.tables or not lines.num_rows:
        return lines
    known = before["lines"].num_rows if "lines" in before else 0
    rows = [before["lines"][ROW].to_numpy()] if known else []
    came = work.bench.tables["lines"].slice(len(work.reach.line_rows))
    row = np.concatenate([*rows, came[ROW].to_numpy()])[lines["row"].to_numpy()]
    return lines.set_column(lines.column_names.index("row"), "row", pa.array(row))


def _changed(old: pa.Table | None, new: pa.Table, name: str) -> pa.Table:
    """(row, cell) of the cells of a column that are not what they were."""
    if old is None or name not in new.column_names:
        return pa.table({ROW: pa.array([], pa.int64()), name: pa.array([], pa.null())})
    own = new[name]
    if name in old.column_names and not pa.types.is_null(old[name].type):
        same = pc.fill_null(pc.equal(_plain(old[name]), _plain(own)), False)
        both = pc.and_(old[name].is_null(), own.is_null())
        moved = pc.invert(pc.or_(same, both))
    else:
        moved = own.is_valid()
    rows = new.select([ROW, name]).filter(moved)
    return rows.set_column(1, name, _plain(rows[name]))


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def unit_lines(lines: pa.Table, visit: str, visits: pa.Table) -> pa.Table:
    """Lines under the ids of their visits instead of their places."""
    of = ids_of(visits, "setl_id").take(lines[visit].combine_chunks())
    return lines.drop_columns([visit]).append_column("setl_id", of)
