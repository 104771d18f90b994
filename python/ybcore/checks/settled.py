"""Checks as a stage of settlement: what findings deny moves to full self-pay, then the visits are settled (docs/checks.md section 4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ..columns.ids import flat
from ..columns.read import Frame, Problems, read
from ..columns.schema import LINES
from ..messages import LANGUAGES
from .book import RuleBook, load_rules
from .check import check
from .run.found import OFFENDING, units_moved
from .run.moved import Moved, join_lines, some_rows, split_lines
from .run.recover import Step, recovered
from .run.report import CheckReport
from .told import texts

if TYPE_CHECKING:
    from ..engine import Engine, Settlement

__all__ = ["lines_left", "moved_in", "moved_money", "plain_lines", "settle_checked", "settle_some"]

Int64 = npt.NDArray[np.int64]


def settle_checked(
    engine: Engine,
    tables: dict[str, Any],
    rules: Any,
    beside: Mapping[str, Any],
    line_offsets: Any,
    options: dict[str, Any],
    asked: dict[str, Any],
) -> Settlement:
    """Settle with rules: the settlement of what is left, and the report with the fund money that each finding brings back.

    `asked`: the `known_at`, `suppress` and perhaps `whole` of the check.
    """
    named = {name: tables[name] for name in ("visits", "lines", "persons", "institutions")}
    book = load_rules(rules)
    report = check(
        **named,
        rules=book,
        catalog=engine.catalog,
        line_offsets=line_offsets,
        stage="during",
        threads=engine.threads,
        **asked,
        **beside,
    )
    if "lines" not in report.work.batch.frames:
        report.recovered = {}
        done = engine.settle(**tables, **options)
        return replace(done, checks=report, receipt=_told(done.receipt, book, {"moved_fen": 0}, asked))
    stage = _Stage(engine, tables, report, options)
    moved = report.denials()
    done, source = stage.settle(stage.part(np.arange(report.work.batch.visits.rows)), moved)
    # An id that stands twice may have its first row in another group: the later one is refused there and here.
    stage.aside = np.asarray(pc.equal(done.visits["reason"].cast(pa.string()), "duplicate_setl_id"))
    nothing = replace(Moved.none(len(moved.amount)), returned=moved.returned)
    report.recovered = recovered(stage.steps(unsettled(report, done.visits)), nothing, stage.paid)
    lines = None if done.lines is None else join_lines(done.lines, source, len(moved.amount))
    money = moved_money(report, done.visits)
    report.rejected_fen = money.get("rejected_fen", 0)
    told = _told(done.receipt, book, money, asked)
    return replace(done, lines=lines, checks=report, receipt=told)


def settle_some(
    engine: Engine, tables: dict[str, Any], report: CheckReport, visits: Int64, options: dict[str, Any]
) -> Settlement:
    """Some visits, whole settling groups by their rows, with what the findings of a check of all visits move out of their lines."""
    if "lines" not in report.work.batch.frames:
        columns, _ = engine.groups(**tables, state=options.get("state"))
        some = {name: column.take(pa.array(visits)) for name, column in columns.items()}
        return engine.settle(**{**tables, "visits": some}, **options)
    stage = _Stage(engine, tables, report, options)
    done, source = stage.settle(stage.part(visits), report.denials())
    return replace(done, lines=None if done.lines is None else join_lines(done.lines, source, len(np.unique(source))))


def moved_money(report: CheckReport, settled: pa.Table, rise: int | None = None) -> dict[str, int]:
    """`moved_fen`, by which full self-pay rises; and apart, where there is some, `own_fen`, which was full self-pay without any rule, and
    `rejected_fen` of visits that are not settled. Together what findings move out of lines.

    `settled`: the results of all visits, in the order of the input. `rise`: of full self-pay, where findings were not settled one by one.
    """
    amount = report.denials().amount
    lost = int(amount[unsettled(report, settled)].sum())
    if rise is None:
        own = sum(back.own for back in (report.recovered or {}).values())
    else:
        own = int(amount.sum()) - lost - rise
    some = {name: fen for name, fen in (("own_fen", own), ("rejected_fen", lost)) if fen}
    return {"moved_fen": int(amount.sum()) - lost - own, **some}


def unsettled(report: CheckReport, settled: pa.Table) -> npt.NDArray[np.bool_]:
    """Lines of visits that come out without money: rejected, or nobody's."""
    bad = np.asarray(pc.is_in(settled["outcome"].cast(pa.string()), pa.array(["rejected", "not_enrolled"])))
    return np.asarray(bad[report.work.batch.line_visit])


def _told(receipt: dict[str, Any], book: RuleBook, moved: dict[str, int], asked: dict[str, Any]) -> dict[str, Any]:
    """A receipt that names the rules. What was hashed are the lines as they were settled: a part that a rule denied is one of its own."""
    if not receipt:
        return receipt
    rules: dict[str, Any] = {**book.told(), **moved}
    if asked["known_at"] is not None:
        rules["known_at"] = asked["known_at"].isoformat()
    if len(asked["suppress"]):
        rules["suppressions"] = len(asked["suppress"])
    return {**receipt, "rules": rules}


def lines_left(report: CheckReport) -> pa.Table | None:
    """The lines as they are settled: what findings move is denied, and stands apart where it is only a part of a line."""
    batch = report.work.batch
    frame = batch.frame("lines")
    if frame is None:
        return None
    setl_id = flat(batch.visits.ids["setl_id"]).combine_chunks().take(pa.array(batch.line_visit))
    return pa.table(split_lines(frame, pa.chunked_array([setl_id]), report.denials()).table)


def plain_lines(lines: pa.Table) -> pa.Table:
    """Lines of which nothing moves, in the same columns and units. Raises InputError."""
    problems = Problems()
    frame = read(lines, LINES, problems)
    problems.stop()
    return pa.table(split_lines(frame, frame.ids["setl_id"], Moved.none(frame.rows)).table)


def moved_in(report: CheckReport, setl_id: Any) -> list[dict[str, Any]]:
    """What each finding moves out of one settlement, in the order of the findings.

    `amount`: fen moved here; `recover_amt`: fund money that the whole finding brings back, `own_amt`: what of its money was full self-pay anyway (None: not settled with it); `name`, `content`
    and `evidence` in both languages; `lines`: (feedetl_sn, fen) of the lines that lose money.
    """
    details, found = report.details, report.findings
    here = pc.equal(pc.cast(details["setl_id"], pa.string()), str(setl_id))
    mine = details.filter(pc.and_(here, pc.greater(details["paid_amt"], 0))).to_pylist()
    of: dict[str, list[tuple[Any, int]]] = {}
    for row in mine:
        of.setdefault(row["jr_id"], []).append((row["feedetl_sn"], row["paid_amt"]))
    rows = pc.index_in(pa.array(list(of), pa.string()), value_set=found["jr_id"].combine_chunks()).to_pylist()
    words = {lang: texts(report, lang, np.array(rows, np.int64)) for lang in LANGUAGES}
    return [
        {
            "jr_id": row["jr_id"],
            "rule_id": row["rule_id"],
            "rule_version": row["rule_version"],
            "name": report.book[row["rule_id"]].name,
            "amount": sum(fen for _, fen in of[row["jr_id"]]),
            "recover_amt": row["recover_amt"],
            "own_amt": row["own_amt"],
            "content": {lang: words[lang]["vola_cont"][i].as_py() for lang in LANGUAGES},
            "evidence": {lang: words[lang]["vola_evid"][i].as_py() for lang in LANGUAGES},
            "lines": of[row["jr_id"]],
        }
        for i, row in enumerate(found.take(pa.array(rows, pa.int64())).to_pylist())
    ]


@dataclass(frozen=True)
class _Part:
    """Some visits, whole settling groups, with their lines; `visits` and `rows` are places in the input, `group` is of each visit."""

    visits: Int64
    rows: Int64
    group: Int64
    lines: Frame
    setl_id: pa.Array  # of each line
    table: Any  # of visits
    owner: npt.NDArray[np.integer[Any]]  # visit of each line, by its place in `visits`

    def of(self, groups: Int64) -> _Part:
        """The visits of some of its groups."""
        keep = np.isin(self.group, groups)
        if keep.all():
            return self
        at = np.flatnonzero(keep)
        mine = np.flatnonzero(keep[self.owner])
        table = {name: column.take(pa.array(at)) for name, column in self.table.items()}
        return _Part(
            self.visits[at], self.rows[mine], self.group[at], some_rows(self.lines, mine),
            self.setl_id.take(pa.array(mine)), table, np.searchsorted(at, self.owner[mine]),
        )  # fmt: skip


class _Stage:
    """One batch settled as often as needed, with different money moved."""

    def __init__(self, engine: Engine, tables: dict[str, Any], report: CheckReport, options: dict[str, Any]) -> None:
        self.engine, self.tables, self.report, self.options = engine, tables, report, options
        self.batch = report.work.batch
        self.columns, self.group = engine.groups(**tables, state=options.get("state"))
        self.setl_id = flat(self.batch.visits.ids["setl_id"]).combine_chunks()
        self.lines = self.batch.frames["lines"]
        self.waiting: _Part | None = None
        # Visits that `paid` leaves out: they are refused in any case.
        self.aside = np.zeros(self.batch.visits.rows, bool)

    def part(self, visits: Int64, given: bool = True) -> _Part:
        """Some visits; of all of them the table that was given."""
        owner = self.batch.line_visit
        if given and len(visits) == self.batch.visits.rows:
            own = self.setl_id.take(pa.array(owner))
            return _Part(visits, np.arange(len(owner)), self.group, self.lines, own, self.tables["visits"], owner)
        place = np.full(self.batch.visits.rows, -1, np.int64)
        place[visits] = np.arange(len(visits))
        rows = np.flatnonzero(place[owner] >= 0)
        table = {name: column.take(pa.array(visits)) for name, column in self.columns.items()}
        own = self.setl_id.take(pa.array(owner[rows]))
        return _Part(visits, rows, self.group[visits], some_rows(self.lines, rows), own, table, place[owner[rows]])

    def settle(self, part: _Part, moved: Moved, **changed: Any) -> tuple[Settlement, Int64]:
        """A part with that money moved; the input row of each line that was settled."""
        rows = part.rows
        split = split_lines(part.lines, pa.chunked_array([part.setl_id]), moved.among(rows))
        given = {**self.tables, "visits": part.table, "lines": split.table}
        return self.engine.settle(**given, **{**self.options, **changed}), rows[split.source]

    def paid(self, groups: Int64, moved: Moved) -> Int64:
        """What the funds pay in some settling groups, rising, and what is full self-pay in each; each time no others than the last time."""
        quiet: dict[str, Any] = {
            "line_output": False,
            "detail": False,
            "closing_state": False,
            "receipt": False,
            "columns": ("fund_pay_sumamt", "fulamt_ownpay_amt"),
        }
        known = self.waiting or self.part(np.flatnonzero(np.isin(self.group, groups) & ~self.aside), given=False)
        self.waiting = part = known.of(groups)
        done, _ = self.settle(part, moved, **quiet)
        total = np.zeros((2, len(groups)), np.int64)
        for row, name in enumerate(quiet["columns"]):
            np.add.at(total[row], np.searchsorted(groups, part.group), np.asarray(done.visits[name]))
        return total

    def steps(self, lost: npt.NDArray[np.bool_]) -> list[Step]:
        """Findings that move money, in the order in which it moves. `lost`: lines of visits that are not settled."""
        judged, out = self.report.judged, []
        units = np.zeros(
            len(self.batch.line_visit), np.int64
        )  # of each line moved so far: those of another finding are the same
        for finding in judged.rank.tolist():
            rule, at = int(judged.rule[finding]), int(judged.at[finding])
            hits = judged.hits[rule]
            low, high = int(hits.begin_of[at]), int(hits.begin_of[at + 1])
            paid = judged.paid[rule][low:high]
            pays = (paid > 0) & (hits.part[low:high] == OFFENDING)
            if not pays.any():
                continue
            rows = hits.row[low:high][pays]
            count = units_moved(hits, low + np.flatnonzero(pays), self.report.work.quantity)
            count, units[rows] = np.maximum(count - units[rows], 0), np.maximum(count, units[rows])
            group = int(self.group[self.batch.line_visit[rows[0]]])
            out.append(Step(finding, group, rows, paid[pays], count, int(paid[pays][~lost[rows]].sum())))
        return out
