"""Runs that others continued: their inputs, and their lines as the rules of each left them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ..catalog import Catalog
from ..checks import load_rules
from ..checks.check import check
from ..checks.run.report import CheckReport
from ..checks.settled import lines_left, plain_lines
from ..messages import say
from .base import Failure, Session
from .tables import BESIDE, Inputs, from_run

__all__ = ["checked", "with_earlier_runs"]


def checked(
    session: Session,
    inputs: Inputs,
    tables: dict[str, pa.Table | None],
    receipt: dict[str, Any] | None,
    threads: int | None,
) -> CheckReport | None:
    """The findings of a run again, as its settling had them; None without rules. Raises Failure when they are not the same any more."""
    if not inputs.rules:
        return None
    book = load_rules(inputs.rules)
    if receipt is not None and receipt["rules"]["sha256"] != book.sha256:
        raise Failure(
            say(
                "规则文件在结算之后有改动，无法解释",
                "the rule documents have changed since the run, so it cannot be explained",
            )
        )
    given: dict[str, Any] = {name: tables[name] for name in ("visits", "lines", "persons", "institutions")}
    rows = inputs.catalog(session)
    with session.step("检查", "check"):
        report = check(
            **{**given, **inputs.tables(session, BESIDE)},
            rules=book,
            catalog=None if rows is None else Catalog(**rows),
            stage="during",
            threads=threads,
            **inputs.what_counts(),
        )
    moved = int(report.denials().amount.sum())
    if receipt is not None and receipt["rules"]["moved_fen"] != moved:
        raise Failure(
            say(
                "规则转出的金额与回执不符：输入在结算之后有改动",
                "rules move other money than the receipt says: the inputs have changed since the run",
            )
        )
    return report


def _with_rules(inputs: Inputs) -> bool:
    """Whether a run, or one that it continued, had rules."""
    while not inputs.rules and inputs.state is not None:
        inputs, _ = from_run(inputs.state.parent)
    return bool(inputs.rules)


def with_earlier_runs(
    session: Session, inputs: Inputs, tables: dict[str, pa.Table | None], threads: int | None = None
) -> dict[str, pa.Table | None]:
    """The tables of a run, its lines as rules left them, with the visits, lines and account movements of the runs whose state it continued, earliest first.

    Settling all of them at once gives the rows that the runs gave one after the other (docs/settlement.md section 10). The persons and
    institutions are those of the last run. Raises Failure when an earlier run cannot be found from the state's folder.
    """
    if inputs.state is None:
        return tables
    folder = inputs.state.parent
    if not (folder / "receipt.json").is_file():
        raise Failure(
            say(
                f"{folder}：该次结算接续的状态旁没有回执，无法追溯以前各期",
                f"{folder}: no receipt beside the state that the run continued, so its earlier visits cannot be found",
            )
        )
    earlier, receipt = from_run(folder)
    theirs = earlier.tables(session)
    report = checked(session, earlier, theirs, receipt, threads)
    if report is not None:
        theirs = {**theirs, "lines": lines_left(report)}
    before = with_earlier_runs(session, earlier, theirs, threads)
    out = dict(tables)
    if _with_rules(inputs):
        # What rules left is in the engine's own units; the lines of runs without rules must be too.
        for held in (before, out):
            held["lines"] = None if held["lines"] is None else plain_lines(held["lines"])
    for name in ("visits", "lines", "acct_events"):
        old, new = before[name], tables[name]
        if name in inputs.paths and inputs.paths[name] == earlier.paths.get(name):
            continue
        if old is not None and new is not None:
            out[name] = pa.concat_tables([_plain(old), _plain(new)], promote_options="default")
        elif new is None:
            out[name] = old
    return out


def _plain(table: pa.Table) -> pa.Table:
    """Dictionaries of different files become texts, and texts one kind of text, so that the files can stand in one table."""
    for i, field in enumerate(table.schema):
        held = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        wide = pa.large_string() if pa.types.is_string(held) else held
        if wide != field.type:
            table = table.set_column(i, field.name, pc.cast(pc.cast(table.column(i), held), wide))
    return table
