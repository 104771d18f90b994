"""Checks as a stage of settlement: what findings deny moves to full self-pay, then the visits are settled (docs/checks.md section 4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..columns.ids import flat
from .book import load_rules
from .check import check
from .run.found import OFFENDING
from .run.moved import Moved, join_lines, some_rows, split_lines
from .run.recover import Step, recovered
from .run.report import CheckReport

if TYPE_CHECKING:
    from ..engine import Engine, Settlement

__all__ = ["settle_checked"]

Int64 = npt.NDArray[np.int64]


def settle_checked(
    engine: Engine,
    tables: dict[str, Any],
    rules: Any,
    beside: Mapping[str, Any],
    line_offsets: Any,
    options: dict[str, Any],
) -> Settlement:
    """Settle with rules: the settlement of what is left, and the report with the fund money that each finding brings back."""
    named = {name: tables[name] for name in ("visits", "lines", "persons", "institutions")}
    book = load_rules(rules)
    report = check(
        **named,
        rules=book,
        catalog=engine.catalog,
        line_offsets=line_offsets,
        stage="during",
        threads=engine.threads,
        **beside,
    )
    if "lines" not in report.work.batch.frames:
        return replace(engine.settle(**tables, **options), checks=report)
    stage = _Stage(engine, tables, report, options)
    moved = report.denials()
    done, source = stage.settle(np.arange(report.work.batch.visits.rows), moved)
    report.recovered, _ = recovered(stage.steps(), len(moved.amount), stage.fund)
    lines = None if done.lines is None else join_lines(done.lines, source, len(moved.amount))
    told = done.receipt
    if told:
        # What was hashed are the lines as they were settled: a part that a rule denied is a line of its own.
        told = {**told, "rules": {"sha256": book.sha256, "moved_fen": int(moved.amount.sum())}}
    return replace(done, lines=lines, checks=report, receipt=told)


class _Stage:
    """One batch settled as often as needed, with different money moved."""

    def __init__(self, engine: Engine, tables: dict[str, Any], report: CheckReport, options: dict[str, Any]) -> None:
        self.engine, self.tables, self.report, self.options = engine, tables, report, options
        self.batch = report.work.batch
        self.columns, self.group = engine.groups(**tables, state=options.get("state"))
        self.setl_id = flat(self.batch.visits.ids["setl_id"]).combine_chunks()
        self.lines = self.batch.frames["lines"]

    def settle(self, visits: Int64, moved: Moved, **changed: Any) -> tuple[Settlement, Int64]:
        """Some visits with that money moved; the input row of each line that was settled."""
        whole = len(visits) == self.batch.visits.rows
        at = pa.array(visits)
        mine = np.zeros(self.batch.visits.rows, bool)
        mine[visits] = True
        rows = np.flatnonzero(mine[self.batch.line_visit])
        frame = self.lines if whole else some_rows(self.lines, rows)
        own = pa.chunked_array([self.setl_id.take(pa.array(self.batch.line_visit[rows]))])
        top = np.maximum(self.report.work.quantity, 0)
        split = split_lines(frame, own, Moved(moved.amount[rows], np.minimum(moved.quantity, top)[rows]))
        table = self.tables["visits"] if whole else {name: column.take(at) for name, column in self.columns.items()}
        given = {**self.tables, "visits": table, "lines": split.table}
        return self.engine.settle(**given, **{**self.options, **changed}), rows[split.source]

    def fund(self, groups: Int64, moved: Moved) -> dict[int, int]:
        """What the funds pay in some settling groups."""
        visits = np.flatnonzero(np.isin(self.group, groups))
        quiet = {
            "line_output": False,
            "detail": False,
            "closing_state": False,
            "receipt": False,
            "columns": ("fund_pay_sumamt",),
        }
        done, _ = self.settle(visits, moved, **quiet)
        total: dict[int, int] = dict.fromkeys(groups.tolist(), 0)
        paid = np.asarray(done.visits["fund_pay_sumamt"])
        for group, fen in zip(self.group[visits].tolist(), paid.tolist()):
            total[group] += fen
        return total

    def steps(self) -> list[Step]:
        """Findings that move money, in the order in which it moves."""
        judged, out = self.report.judged, []
        for finding in judged.rank.tolist():
            rule, at = int(judged.rule[finding]), int(judged.at[finding])
            hits = judged.hits[rule]
            low, high = int(hits.begin_of[at]), int(hits.begin_of[at + 1])
            paid = judged.paid[rule][low:high]
            pays = (paid > 0) & (hits.part[low:high] == OFFENDING)
            if not pays.any():
                continue
            rows = hits.row[low:high][pays]
            count = np.maximum(hits.count[low:high][pays], 0)
            group = int(self.group[self.batch.line_visit[rows[0]]])
            out.append(Step(finding, group, rows, paid[pays], count))
        return out
