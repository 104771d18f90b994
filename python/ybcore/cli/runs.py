"""A run that `settle` or `resettle` wrote, ready to be settled again or compared: its inputs, and its results where they are whole."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..catalog import Catalog
from ..checks.settled import lines_left
from ..columns.ids import flat
from ..columns.schema import DETAIL_OUTPUT, LINE_OUTPUT, VISIT_OUTPUT
from ..engine import Engine, Settlement, State
from ..ledger.run import Run
from ..messages import say
from ..policy import load_book
from ..settling.result import FIRST, NUMBERS
from .base import Failure, Session
from .earlier import checked
from .results import read_results
from .tables import Inputs, from_run

__all__ = ["Held", "held_run"]

PARTS = {"settlements": VISIT_OUTPUT, "line_results": LINE_OUTPUT, "detail": DETAIL_OUTPUT}


@dataclass(frozen=True)
class Held:
    """A run and where it is from; `lines_moved` where rules had changed its lines."""

    folder: Path
    run: Run
    inputs: Inputs
    receipt: dict[str, Any]
    lines_moved: bool


def held_run(session: Session, folder: Path, threads: int | None) -> Held:
    """The run of a folder. What it read must be what its receipt says: raises Failure where something has changed since.

    Its results are read from its files; where these are not whole (columns, fee lines, layers, state) it is settled again, which is told.
    """
    inputs, receipt = from_run(folder)
    book = load_book(inputs.policy)
    tables: dict[str, Any] = inputs.tables(session)
    report = checked(session, inputs, tables, receipt, threads)
    if report is not None:
        tables["lines"] = lines_left(report)
    rows = inputs.catalog(session)
    files = {name: str(path) for name, path in inputs.catalog_paths.items()}
    with session.step("编译政策与目录", "compile policies and catalogue"):
        engine = Engine(book, None if rows is None else Catalog(**rows, files=files), threads=threads)
    state = None if inputs.state is None else State.load(inputs.state)
    run = Run(engine, **tables, state=state)
    lacking = _lacking(folder, receipt, run, report is not None)
    settled: Settlement | None = None
    if lacking:
        session.say(
            f"{folder}：没有{'、'.join(zh for zh, _ in lacking)}，重新结算",
            f"{folder}: without {', '.join(en for _, en in lacking)}, so it is settled again",
        )
        with session.step("结算", "settle"):
            settled = run.settlement
    else:
        with session.step("读取上次结果", "read the previous results"):
            settled = _settled(folder, receipt, run)
    run = Run(engine, **run.tables, state=state, settled=settled)
    _unchanged(folder, receipt, run, report is not None)
    return Held(folder, run, inputs, receipt, report is not None)


def _lacking(folder: Path, receipt: dict[str, Any], run: Run, moved: bool) -> list[tuple[str, str]]:
    """Parts of the results that are not there, in words."""
    files = receipt["run"]["files"]
    words = {
        "settlements": ("结算结果", "settlements"),
        "line_results": ("明细结果（--lines-out）", "results by line (--lines-out)"),
        "detail": ("分层结果（--detail）", "results by layer (--detail)"),
    }
    needed = [name for name in PARTS if name != "line_results" or "lines" in run.tables]
    out = [words[name] for name in needed if name not in files or not (folder / files[name]).is_file()]
    if not (folder / "state" / "names.json").is_file():
        out.append(("期末状态", "the closing state"))
    if moved and not out:
        # Rules cut lines in parts; the results have one row for the whole line.
        out.append(("规则拆分后的明细结果", "results of the lines as rules cut them"))
    return out


def _settled(folder: Path, receipt: dict[str, Any], run: Run) -> Settlement:
    files, tables = receipt["run"]["files"], run.tables
    ids = {name: flat(tables["visits"][name]).type for name in ("setl_id", "psn_no") if name in tables["visits"].column_names}  # fmt: skip
    if "lines" in tables and "feedetl_sn" in tables["lines"].column_names:
        ids["feedetl_sn"] = flat(tables["lines"]["feedetl_sn"]).type
    found = {name: read_results(folder / files[name], PARTS[name], ids) if name in files else None for name in PARTS}
    visits = found["settlements"]
    assert visits is not None
    gone = [name for name in (*FIRST, *NUMBERS) if name not in visits.column_names]
    if gone:
        raise Failure(
            say(f"{folder}：结算结果缺少 {'、'.join(gone)}", f"{folder}: the settlements lack {', '.join(gone)}")
        )
    return Settlement(visits, found["line_results"], found["detail"], State.load(folder / "state"), {}, ())


def _unchanged(folder: Path, receipt: dict[str, Any], run: Run, moved: bool) -> None:
    """The receipt is that of these inputs and these results."""
    again = run.engine.receipt_of(run.settlement.visits, run.state, **run.tables)
    words = {
        "policy": ("政策文件", "policy documents"),
        "catalog": ("目录", "catalogue"),
        "opening_state": ("期初状态", "opening state"),
        "counts": ("结算结果", "settlements"),
        "totals_fen": ("结算结果", "settlements"),
    }
    wrong = {words[name] for name in words if receipt[name] != again[name]}
    for name in {**receipt["input"], **again["input"]}:
        if receipt["input"].get(name) != again["input"].get(name) and not (moved and name == "lines"):
            wrong.add((name, name))
    if wrong:
        raise Failure(
            say(
                f"{folder}：{'、'.join(sorted(zh for zh, _ in wrong))}与回执不符，结算之后有改动",
                f"{folder}: {', '.join(sorted(en for _, en in wrong))} changed since the run: not what its receipt says",
            )
        )
