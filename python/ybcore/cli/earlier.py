"""Runs that others continued: their inputs, and their lines as the rules of each left them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ..catalog import Catalog
from ..checks import load_rules
from ..checks.check import check
from ..checks.run.report import CheckReport
from ..checks.settled import lines_left, plain_lines
from ..messages import say
from ..receipts.cut import Chosen, closed, cut
from .base import Failure, Session
from .tables import BESIDE, Inputs, OfJob, from_run

__all__ = ["Read", "checked", "reader", "with_earlier_runs"]

#: Reads the tables of a run.
Read = Callable[[Inputs], dict[str, pa.Table | None]]


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
    if isinstance(inputs, OfJob):
        book = book.without(book.across)  # a job settles in parts and leaves them out
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
    if (
        receipt is not None
        and sum(receipt["rules"].get(name, 0) for name in ("moved_fen", "own_fen", "rejected_fen")) != moved
    ):
        raise Failure(
            say(
                "规则转出的金额与回执不符：输入在结算之后有改动",
                "rules move other money than the receipt says: the inputs have changed since the run",
            )
        )
    return report


def _before(inputs: Inputs) -> tuple[Inputs, dict[str, Any]] | None:
    """The run whose state a run continued, with its receipt; None where it continued none. Raises Failure when it cannot be found."""
    if inputs.state is None:
        return None
    if inputs.earlier is None:
        folder = next((p for p in (inputs.state, inputs.state.parent) if (p / "receipt.json").is_file()), None)
        if folder is None:
            folder = inputs.state.parent
            raise Failure(
                say(
                    f"{folder}：该次结算接续的状态旁没有回执，无法追溯以前各期",
                    f"{folder}: no receipt beside the state that the run continued, so its earlier visits cannot be found",
                )
            )
        inputs.earlier = from_run(folder)
    return inputs.earlier


def _with_rules(inputs: Inputs) -> bool:
    """Whether a run, or one that it continued, had rules."""
    return any(run.rules for run in _chain(inputs))


def _chain(inputs: Inputs) -> list[Inputs]:
    """A run and those before it, the last first."""
    out = [inputs]
    while (before := _before(out[-1])) is not None:
        out.append(before[0])
    return out


def reader(session: Session, inputs: Inputs, setl_id: str, shares: tuple[bool, bool], threads: int | None) -> Read:
    """How the tables of a run, and of those before it, are read: what the group of a settlement needs; with rules, everything."""
    runs = _chain(inputs)
    if any(run.rules for run in runs):
        return lambda run: run.tables(session)
    chosen = Chosen(ids={setl_id})
    stored = {id(run): run.stored(session) for run in runs}
    visits = [stored[id(run)]["visits"] for run in runs]
    with session.step("查找结算组", "find the settling group"):
        closed(chosen, visits, stored[id(inputs)].get("persons"), shares, threads=threads or 1)
    return lambda run: cut(stored[id(run)], chosen, threads or 1)


def with_earlier_runs(
    session: Session, inputs: Inputs, tables: dict[str, pa.Table | None], read: Read, threads: int | None = None
) -> dict[str, pa.Table | None]:
    """The tables of a run, its lines as rules left them, with the visits, lines and account movements of the runs whose state it continued, earliest first.

    Settling all of them at once gives the rows that the runs gave one after the other (docs/settlement.md section 10). The persons and
    institutions are those of the last run. Raises Failure when an earlier run cannot be found from the state's folder.
    """
    found = _before(inputs)
    if found is None:
        return tables
    earlier, receipt = found
    theirs = read(earlier)
    report = checked(session, earlier, theirs, receipt, threads)
    if report is not None:
        theirs = {**theirs, "lines": lines_left(report)}
    before = with_earlier_runs(session, earlier, theirs, read, threads)
    out = dict(tables)
    if _with_rules(inputs):
        # What rules left is in the engine's own units; the lines of runs without rules must be too.
        for held in (before, out):
            held["lines"] = None if held["lines"] is None else plain_lines(held["lines"])
    for name in ("visits", "lines", "acct_events"):
        old, new = before[name], tables[name]
        if inputs.place(name) is not None and inputs.place(name) == earlier.place(name):
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
