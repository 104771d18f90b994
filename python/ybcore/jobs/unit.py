"""One unit of a job: some settling groups, whole; tables in, tables out, no files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ..columns.ids import encode, lookup
from ..columns.keys import ids_of, kind_of
from ..columns.rows import rows_by_key, taken
from ..engine import Engine, State
from .ruled import COUNTED, OF_VISITS, Ruled

if TYPE_CHECKING:
    from ..checks.run.report import CheckReport

__all__ = [
    "AGAIN",
    "ASIDE",
    "GROUP",
    "MOVED_COLUMNS",
    "SOURCE",
    "VISIT",
    "Outputs",
    "UnitResult",
    "rejected",
    "settle_unit",
]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
GROUP = "ybcore_group"  # int32 in visits: number of the settling group, as the output has them in order
VISIT = "ybcore_visit"  # int32 in lines: row of the visit in the unit's visits; -1 none
AGAIN = "ybcore_again"  # bool in visits: a row of another group has the id, and comes first
ASIDE = "ybcore_aside"  # bool in visits: rules do not look at it because of a visit of another unit
SOURCE = ("source_file", "source_row")
MOVED_COLUMNS = ("amount", "quantity", "returned_amount", "returned_quantity")
PEOPLE = ("persons", "institutions", "acct_events")
_NOT_SUMS = ("flags", "pool_prop_selfpay", "balc", "setl_id", "psn_no", "source_row")


@dataclass(frozen=True)
class Outputs:
    """What is asked for; `columns`: the numbers that settlements have, None all; `moved`: with rules, what they move out of lines."""

    lines: bool = False
    detail: bool = False
    state: bool = True
    columns: Collection[str] | None = None
    moved: bool = False


@dataclass(frozen=True)
class UnitResult:
    """What a unit comes to: tables in the order of the output, rejects by table and as they lay in the unit.

    `counts`: visits, settled, rejected, lines, settled_lines, rejected_lines and by outcome and reason; `sums`: of the columns of money.
    """

    settlements: pa.Table = field(repr=False)
    line_results: pa.Table | None = field(repr=False)
    detail: pa.Table | None = field(repr=False)
    findings: pa.Table | None = field(repr=False)
    details: pa.Table | None = field(repr=False)
    rejects: pa.Table = field(repr=False)
    state: State | None = field(repr=False)
    counts: dict[str, Any]
    sums: dict[str, int]
    rules: dict[str, list[int]] | None = None
    moved: pa.Table | None = None
    suppressions: list[dict[str, Any]] | None = None


def settle_unit(
    engine: Engine,
    tables: Mapping[str, pa.Table],
    *,
    state: State | None = None,
    outputs: Outputs = Outputs(),
    ruled: Ruled | None = None,
    unique: bool = False,
) -> UnitResult:
    """Settle whole groups.

    `tables`: visits, lines, persons, institutions, acct_events with the columns that the engine knows; visits and lines have `SOURCE` too,
    visits `GROUP`, and perhaps `AGAIN`; lines may have `VISIT` instead of setl_id. `state`: what the opening state knows of the people.
    `ruled`: rules that are a stage of it; tables then has those that they read beside (with `SOURCE` where rows name a visit), visits
    perhaps `ASIDE`, and the result has findings, details, `counts` of them with `moved_fen`, and `rules`: what each rule came to.
    `suppressions` are the rows of its list, with what each took out. `unique`: no id stands twice among the visits; they are not looked through for it.
    """
    visits, order, back = _in_order(engine, tables["visits"], unique)
    lines, begin, lost = _lines(tables.get("lines"), tables["visits"], order)
    again = _later(engine, tables)
    given: dict[str, Any] = {name: tables[name] for name in PEOPLE if name in tables}
    given |= {"visits": _known(visits), "lines": _known(lines)}
    offsets = begin if lines is not None else None
    options: dict[str, Any] = {
        "state": state, "line_output": outputs.lines, "detail": outputs.detail, "closing_state": outputs.state,
        "receipt": False, "columns": outputs.columns,
    }  # fmt: skip
    astray: list[pa.Table] = []
    if ruled is None:
        done = engine.settle(**given, line_offsets=offsets, **options)
    else:
        from ..checks.run.given import Whole
        from ..checks.settled import settle_checked

        beside, astray = _beside(tables, visits)
        whole = Whole(ruled.time_of_day, visits[ASIDE].to_numpy() if ASIDE in visits.column_names else None)
        asked = {"known_at": ruled.known_at, "suppress": ruled.suppress, "whole": whole}
        full = {name: given.get(name) for name in ("visits", "lines", *PEOPLE)}
        done = settle_checked(engine, full, ruled.book, beside, offsets, options, asked)
    source = [visits[name] for name in SOURCE]
    settlements = done.visits
    for name, column in zip(SOURCE, source):
        settlements = settlements.append_column(name, column)
    bad = np.asarray(pc.equal(done.visits["outcome"].cast(pa.string()), "rejected"))
    none = not bad.any()
    rejects = [_rejected_visits(settlements, bad)] if not none else []
    rejects += [] if again is None else [again]
    rejects += astray
    line_results = done.lines
    rejected_lines = 0
    if lines is not None:
        visit = np.repeat(np.arange(len(bad), dtype=np.int32), np.diff(begin)) if outputs.lines or not none else None
        if outputs.lines and line_results is not None:
            line_results = _named_lines(line_results, lines, done.visits, visit)
        if not none:
            lines_bad = bad[visit]
            rows = np.flatnonzero(lines_bad)
            rejected_lines = len(rows)
            if rejected_lines:
                rejects.append(_rejected_lines(lines, rows, done.visits, visit))
                if line_results is not None:
                    line_results = line_results.filter(pa.array(~lines_bad))
        if lost is not None:
            rejects.append(
                rejected("lines", lost, "no_visit", kind_of(done.visits["setl_id"]), kind_of(done.visits["psn_no"]))
            )
            rejected_lines += lost.num_rows
    if back is not None:
        settlements = settlements.take(pa.array(back[~bad[back]]))
    elif not none:
        settlements = settlements.filter(pa.array(~bad))
    detail = done.detail
    if detail is not None:
        detail = _detail_in_order(detail, settlements)
    read = 0 if lines is None else lines.num_rows + (0 if lost is None else lost.num_rows)
    counts = {
        "visits": tables["visits"].num_rows, "settled": settlements.num_rows,
        "rejected": int(bad.sum()) + (0 if again is None else again.num_rows),
        "lines": read, "settled_lines": read - rejected_lines, "rejected_lines": rejected_lines,
        "outcomes": _outcomes(done.visits, again),
    }  # fmt: skip
    types = kind_of(done.visits["setl_id"]), kind_of(done.visits["psn_no"])
    bad_rows = pa.concat_tables(rejects) if rejects else rejected("visits", None, "", *types)
    findings = details = rules = moved = listed = None
    if done.checks is not None:
        from ..checks.settled import moved_money

        findings, details = _found(done.checks, visits, lines, types)
        counts |= {
            "findings": len(findings),
            "details": len(details),
            **moved_money(done.checks, done.visits),
        }
        rules = {row["rule_id"]: [row[name] for name in COUNTED] for row in done.checks.manifest.to_pylist()}
        moved = _moved(done.checks, lines) if outputs.moved and lines is not None else None
        listed = done.checks.suppressions
    sums = _sums(settlements)
    return UnitResult(
        settlements, line_results, detail, findings, details, bad_rows, done.state, counts, sums, rules, moved, listed
    )


def _beside(tables: Mapping[str, pa.Table], visits: pa.Table) -> tuple[dict[str, pa.Table], list[pa.Table]]:
    """(tables that only rules read, rows of them whose visit is not there as rejects)."""
    out, astray = {}, []
    own = ids_of(visits, "setl_id")
    (_, names), types = encode([own]), (kind_of(visits["setl_id"]), kind_of(visits["psn_no"]))
    for name in (*OF_VISITS, "doctors"):
        if name not in tables:
            continue
        table = tables[name]
        if name in OF_VISITS:
            lost = lookup(ids_of(table, "setl_id", names.type), names) < 0
            if lost.any():
                astray.append(rejected(name, table.filter(pa.array(lost)), "no_visit", *types))
                table = table.filter(pa.array(~lost))
        out[name] = _known(table)
    return out, astray


def _found(
    report: CheckReport, visits: pa.Table, lines: pa.Table | None, types: tuple[pa.DataType, pa.DataType]
) -> tuple[pa.Table, pa.Table]:
    """Findings by settling group, then in the order of the book; details in theirs, with where their line or visit lies."""
    findings, details = report.findings, report.details
    (own,), names = encode([ids_of(visits, "setl_id")])
    row = np.full(len(names) + 1, -1, np.int64)
    row[own[::-1]] = np.arange(len(own))[::-1]
    row[-1] = -1

    def visit_of(table: pa.Table) -> Int64:
        return row[lookup(ids_of(table, "setl_id", names.type), names)]

    group = visits[GROUP].to_numpy()
    findings = findings.take(pa.array(np.argsort(group[visit_of(findings)], kind="stable")))
    place = pc.index_in(details["jr_id"], value_set=findings["jr_id"].combine_chunks()).to_numpy()
    details = details.take(pa.array(np.argsort(place, kind="stable")))
    line, visit = details["row"].to_numpy(), visit_of(details)
    details = details.drop_columns(["row"])
    for name, kind in zip(SOURCE, (pa.string(), pa.int64())):
        column = visits[name].take(pa.array(visit)).cast(kind)
        if lines is not None:
            of_line = lines[name].take(pa.array(line, mask=line < 0)).cast(kind)
            column = pc.if_else(pa.array(line >= 0), of_line, column)
        details = details.append_column(name, column)
    return _typed(findings, types), _typed(details, types)


def _moved(report: CheckReport, lines: pa.Table) -> pa.Table:
    """What leaves each line for full self-pay, where something does, what was returned of it, and where the line lies."""
    whole = report.denials()
    rows = np.flatnonzero(whole.amount)
    moved, back = whole.among(rows), np.zeros((2, len(rows)), np.int64)
    back[:, moved.returned.rows] = moved.returned.amount, moved.returned.quantity
    out = lines.select(SOURCE).take(pa.array(rows))
    for name, column in zip(MOVED_COLUMNS, (moved.amount, moved.quantity, *back)):
        out = out.append_column(name, pa.array(column))
    return out


def _typed(table: pa.Table, types: tuple[pa.DataType, pa.DataType]) -> pa.Table:
    """Ids in the types that they have in every unit, whatever the rows of this one."""
    kinds = dict(zip(("setl_id", "psn_no"), types))
    kinds |= dict.fromkeys(("mdtrt_id", "fixmedins_code", "dr_code", "feedetl_sn"), pa.string())
    for name, kind in kinds.items():
        if name in table.column_names:
            table = table.set_column(table.column_names.index(name), name, table[name].cast(kind))
    return table


def _known(table: pa.Table | None) -> pa.Table | None:
    """A table without the columns that are ours."""
    if table is None:
        return None
    return table.select([name for name in table.column_names if name not in (GROUP, VISIT, AGAIN, ASIDE, *SOURCE)])


def _in_order(engine: Engine, visits: pa.Table, unique: bool) -> tuple[pa.Table, Int64, Int64 | None]:
    """(visits as they are settled, their rows, places of theirs in the order of the output).

    That is the same order, but for rows of an id that was there already: settling takes the first of them as they lay, so they come last.
    """
    group = visits[GROUP].to_numpy()
    low = int(group.min()) if len(group) else 0
    groups = int(group.max()) - low + 1 if len(group) else 0
    group = (group - low).astype(np.int32)
    if AGAIN in visits.column_names:
        group = np.where(visits[AGAIN].to_numpy(), np.int32(-1), group)
    order = engine.order(visits, group, groups)
    later, back = None if unique else _again(visits), None
    if later is not None:
        later &= group >= 0
        place = np.empty(len(group), np.int64)
        wanted, order = order, np.concatenate((order[~later[order]], np.flatnonzero(later)))
        place[order] = np.arange(len(order))
        back = place[wanted]
    if len(order) == len(group) and (order[1:] > order[:-1]).all():
        return visits.combine_chunks(), order, back
    return taken(visits.combine_chunks(), order), order, back


def _again(visits: pa.Table) -> npt.NDArray[np.bool_] | None:
    """Rows whose id an earlier row has; None without any."""
    (own,), names = encode([ids_of(visits, "setl_id")])
    if len(names) == len(own):
        return None
    known = np.flatnonzero(own >= 0)[::-1]
    first = np.empty(len(names), np.int64)
    first[own[known]] = known
    out = np.zeros(len(own), bool)
    out[known] = first[own[known]] != known
    return out


def _lines(lines: pa.Table | None, visits: pa.Table, order: Int64) -> tuple[pa.Table | None, Int64, pa.Table | None]:
    """(lines by visit and then as they lay, first line of each visit, lines of no visit)."""
    n = len(order)
    if lines is None:
        return None, np.zeros(n + 1, np.int64), None
    if VISIT in lines.column_names:
        visit = lines[VISIT].to_numpy()
        lines = lines.drop_columns([VISIT])
    else:
        (own,), names = encode([ids_of(visits, "setl_id")])
        row = np.full(len(names) + 1, -1, np.int32)
        row[own[::-1]] = np.arange(len(own), dtype=np.int32)[::-1]
        row[-1] = -1
        visit = row[lookup(ids_of(lines, "setl_id", names.type), names)]
    place = np.full(visits.num_rows + 1, -1, np.int32)
    place[order] = np.arange(n, dtype=np.int32)
    visit = place[visit]
    lost = None
    if len(visit) and visit.min() < 0:
        lost = lines.filter(pa.array(visit < 0))
    if "setl_id" in lines.column_names:
        lines = lines.drop_columns(["setl_id"])
    if lost is None and (visit[1:] >= visit[:-1]).all():
        begin = np.concatenate(([0], np.cumsum(np.bincount(visit, minlength=n)))).astype(np.int64)
        return lines.combine_chunks(), begin, None
    begin, rows = rows_by_key(visit, n)
    return taken(lines.combine_chunks(), rows), begin, lost


def _named_lines(results: pa.Table, lines: pa.Table, visits: pa.Table, visit: Any) -> pa.Table:
    """Results of lines with the settlement that they are of, and where they came from."""
    out = results.drop_columns([name for name in ("setl_id",) if name in results.column_names])
    out = out.add_column(0, "setl_id", visits["setl_id"].take(pa.array(visit)))
    for name in SOURCE:
        out = out.append_column(name, lines[name])
    return out


def rejected(table: str, rows: pa.Table | None, reason: Any, id_type: pa.DataType, psn_type: pa.DataType) -> pa.Table:
    """Rows of a table that were not settled, as `rejects` has them."""
    n = 0 if rows is None else rows.num_rows

    def column(name: str, kind: pa.DataType) -> Any:
        if rows is None or name not in rows.column_names:
            return pa.nulls(n, kind)
        return rows[name].cast(kind)

    words = reason if not isinstance(reason, str) else pa.array([reason] * n, pa.string())
    return pa.table(
        {
            "table": pa.array([table] * n, pa.string()),
            "setl_id": column("setl_id", id_type),
            "psn_no": column("psn_no", psn_type),
            "feedetl_sn": column("feedetl_sn", pa.string()),
            "reason": words,
            "source_file": column("source_file", pa.string()),
            "source_row": column("source_row", pa.int64()),
        }
    )


def _rejected_visits(settlements: pa.Table, bad: Any) -> pa.Table:
    rows = settlements.filter(pa.array(bad))
    types = kind_of(settlements["setl_id"]), kind_of(settlements["psn_no"])
    return rejected("visits", rows, rows["reason"].cast(pa.string()), *types)


def _rejected_lines(lines: pa.Table, rows: Int64, visits: pa.Table, visit: Any) -> pa.Table:
    of = pa.array(visit[rows])
    bad = lines.select([name for name in ("feedetl_sn", *SOURCE) if name in lines.column_names]).take(pa.array(rows))
    for name in ("setl_id", "psn_no"):
        bad = bad.append_column(name, visits[name].take(of))
    return rejected("lines", bad, "rejected_visit", kind_of(visits["setl_id"]), kind_of(visits["psn_no"]))


def _detail_in_order(detail: pa.Table, visits: pa.Table) -> pa.Table:
    """Layers by visit, as the visits stand."""
    (own, of), _ = encode([ids_of(visits, "setl_id"), ids_of(detail, "setl_id", kind_of(ids_of(visits, "setl_id")))])
    place = np.empty(int(own.max(initial=-1)) + 1, np.int64)
    known = own >= 0
    place[own[known]] = np.flatnonzero(known)
    at = place[of]
    return detail if (at[1:] >= at[:-1]).all() else detail.take(pa.array(np.argsort(at, kind="stable")))


def _outcomes(visits: pa.Table, again: pa.Table | None) -> list[dict[str, Any]]:
    counts = visits.select(["outcome", "reason"]).group_by(["outcome", "reason"]).aggregate([([], "count_all")])
    rows = Counter({(row["outcome"], row["reason"]): row["count_all"] for row in counts.to_pylist()})
    if again is not None:
        rows.update(("rejected", reason) for reason in again["reason"].to_pylist())
    return [{"outcome": o, "reason": r, "visits": n} for (o, r), n in sorted(rows.items())]


def _later(engine: Engine, tables: Mapping[str, pa.Table]) -> pa.Table | None:
    """Visits whose id another group has first, as rejects; None without any."""
    visits = tables["visits"]
    if AGAIN not in visits.column_names or not (mask := visits[AGAIN].to_numpy()).any():
        return None
    rows = visits.filter(pa.array(mask))
    given: dict[str, Any] = {name: tables[name] for name in PEOPLE if name in tables}
    alone = engine.settle(_known(rows), **given, receipt=False, closing_state=False).visits
    reasons = ["bad_value" if r == "bad_value" else "duplicate_setl_id" for r in alone["reason"].to_pylist()]
    return rejected("visits", rows, pa.array(reasons, pa.string()), kind_of(alone["setl_id"]), kind_of(alone["psn_no"]))


def _sums(settlements: pa.Table) -> dict[str, int]:
    names = [f.name for f in settlements.schema if f.type == pa.int64() and f.name not in _NOT_SUMS]
    return {name: int(pc.sum(settlements[name]).as_py() or 0) for name in names}
