"""`explain`: one settlement by the reference, compared with the bulk run."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from ..catalog import Catalog
from ..checks.settled import lines_left, moved_in
from ..columns.schema import VISIT_OUTPUT
from ..engine import Engine
from ..explain import Explanation, explain_settled, group_of, shares_of
from ..messages import say
from ..policy import Book, load_book
from ..receipts.compare import numbers
from ..receipts.stored import Stored
from ..report.explained_page import needed, page_text
from ..report.html import write_text
from ..report.story import proof, story
from ..report.waterfall import charts, exact_text
from .base import Failure, Session
from .earlier import checked, reader, with_earlier_runs
from .tables import Inputs, OfJob, from_options, from_run

__all__ = ["as_json", "as_text", "explain"]


def explain(
    session: Session,
    *,
    setl_id: str,
    run_folder: Path | None,
    policy: tuple[Path, ...],
    catalog: Path | None,
    folder: Path | None,
    opening: Path | None,
    threads: int | None,
    format_: str,
    out: Path | None,
    rules: tuple[Path, ...],
    suppress: Path | None,
    known_at: dt.datetime | None,
    **named: Path | None,
) -> int:
    """Explain one settlement of a run, or of inputs given anew; exit code 1 when the figures differ."""
    if format_ == "html":
        needed()  # told before the work
    receipt: dict[str, Any] | None = None
    if run_folder is not None:
        inputs, receipt = from_run(run_folder)
    else:
        inputs = from_options(policy, catalog, folder, opening, named, rules, suppress, known_at)
    book = load_book(inputs.policy)
    _same_policies(book, receipt)
    read = reader(session, inputs, setl_id, shares_of(book), threads)
    given = read(inputs)
    report = checked(session, inputs, given, receipt, threads)
    if report is not None:
        given = {**given, "lines": lines_left(report)}
    tables = with_earlier_runs(session, inputs, given, read, threads)
    rows = inputs.catalog(session)
    with session.step("取出结算组", "cut out the settling group"):
        group: dict[str, Any] = group_of(setl_id, book, tables)
    if run_folder is not None and receipt is not None:
        bulk = _bulk(run_folder, inputs, receipt, setl_id)
    else:
        engine = Engine(book, None if rows is None else Catalog(**rows), threads=threads)
        bulk = engine.settle(**group, closing_state=False).visits
    with session.step("逐步重算", "settle again step by step"):
        told = explain_settled(setl_id, book, group, rows, bulk, () if report is None else moved_in(report, setl_id))
    text = _TEXT[format_](told)
    if out is None:
        session.data(text)
    else:
        write_text(text + "\n", out)
    return 1 if told.differences else 0


def _same_policies(book: Book, receipt: dict[str, Any] | None) -> None:
    """The documents must be those the run was settled under."""
    if receipt is not None and receipt["policy"]["sha256"] != book.sha256:
        raise Failure(
            say(
                "政策文件在结算之后有改动，无法解释",
                "the policy documents have changed since the run, so it cannot be explained",
            )
        )


def _bulk(folder: Path, inputs: Inputs, receipt: dict[str, Any], setl_id: str) -> pa.Table:
    """The row of a settlement in a run, in the engine's units, whatever the format; of one that a job rejected, why."""
    if isinstance(inputs, OfJob):
        outputs = inputs.run.outputs()
        table = outputs["settlements"].where({"setl_id": [setl_id]})
        if not len(table) and "rejects" in outputs:
            rows = outputs["rejects"].where({"setl_id": [setl_id]}, ("table", "setl_id", "reason")).to_pylist()
            said = [row for row in rows if row["table"] == "visits"]
            return pa.table({"setl_id": [row["setl_id"] for row in said], "outcome": ["rejected"] * len(said), "reason": [row["reason"] for row in said]})  # fmt: skip
        return table
    stored = Stored(VISIT_OUTPUT, [folder / receipt["run"]["files"]["settlements"]])
    table = stored.where({"setl_id": [setl_id]})
    if not stored.csv:
        return table
    columns: dict[str, Any] = {name: table[name] for name in table.column_names}
    return pa.table(columns | numbers(table, VISIT_OUTPUT))


def as_text(told: Explanation) -> str:
    """The story, and whether it is that of the bulk run."""
    return "\n".join([*story(told), proof(told)])


def as_json(told: Explanation) -> str:
    """Everything as JSON: money in fen; the steps of the charts in yuan as text with every decimal."""
    return json.dumps(_plain(told), ensure_ascii=False, indent=1, default=str)


_TEXT = {"text": as_text, "json": as_json, "html": page_text}


def _plain(told: Explanation) -> dict[str, Any]:
    return {
        "setl_id": told.setl_id,
        "group": told.group,
        "settlements_before": told.before,
        "moved_by_rules": told.moved,
        "row": told.row,
        "lines": told.lines,
        "layers": told.detail,
        "charts": [
            {
                "key": chart.key,
                "title": chart.title,
                "cite": chart.cite,
                "steps": [
                    {"kind": s.kind, "label": s.label, "yuan": exact_text(s.amount), "note": s.note}
                    for s in chart.steps
                ],
            }
            for chart in charts(told)
        ],
        "story": story(told),
        "compared_columns": told.compared,
        "differences": told.differences,
    }
