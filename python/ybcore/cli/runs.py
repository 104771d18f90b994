"""A run that `settle`, `resettle` or a job wrote, ready to be settled again or compared: its inputs, and its results where they are whole."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ..catalog import Catalog
from ..checks.settled import lines_left
from ..columns.ids import flat
from ..columns.schema import DETAIL_OUTPUT, LINE_OUTPUT, VISIT_OUTPUT
from ..engine import Engine, Settlement, State
from ..errors import InputError
from ..jobs.job import opening_parts
from ..ledger.run import Run
from ..messages import say
from ..policy import load_book
from ..receipts.model import read_receipt
from ..receipts.verify import Verifier
from ..settling.result import FIRST, NUMBERS
from .base import Failure, Session
from .earlier import checked
from .results import read_results
from .tables import Inputs, OfJob, from_run

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
    A job is proved by its receipt, then read into memory and settled again.
    """
    inputs, receipt = from_run(folder)
    if isinstance(inputs, OfJob):
        inputs.state = _opening_of(inputs)
        _proved(session, folder)
    book = load_book(inputs.policy)
    tables: dict[str, Any] = inputs.tables(session)
    report = checked(session, inputs, tables, receipt, threads)
    if report is not None:
        tables["lines"] = lines_left(report)
    if isinstance(inputs, OfJob) and tables["lines"] is not None:
        tables["lines"] = _with_visit(session, tables["lines"], tables["visits"])
    rows = inputs.catalog(session)
    files = {name: str(path) for name, path in inputs.catalog_paths.items()}
    with session.step("编译政策与目录", "compile policies and catalogue"):
        engine = Engine(book, None if rows is None else Catalog(**rows, files=files), threads=threads)
    state = None if inputs.state is None else State.load(inputs.state)
    run = Run(engine, **tables, state=state)
    job = isinstance(inputs, OfJob)
    lacking = [] if job else _lacking(folder, receipt, run, report is not None)
    settled: Settlement | None = None
    if job:
        session.say(
            f"{folder}：作业的结果，读入内存重新结算",
            f"{folder}: of a job, so it is read into memory and settled again",
        )
    elif lacking:
        session.say(
            f"{folder}：没有{'、'.join(zh for zh, _ in lacking)}，重新结算",
            f"{folder}: without {', '.join(en for _, en in lacking)}, so it is settled again",
        )
    if job or lacking:
        with session.step("结算", "settle"):
            settled = run.settlement
    else:
        with session.step("读取上次结果", "read the previous results"):
            settled = _settled(folder, receipt, run)
    run = Run(engine, **run.tables, state=state, settled=settled)
    with session.step("核对回执", "compare with the receipt"):
        _unchanged(folder, receipt, run, report is not None, job)
    return Held(folder, run, inputs, receipt, report is not None)


def _opening_of(job: OfJob) -> Path | None:
    """The folder of the state that a job continued. Raises Failure where that is in parts: only jobs go on from such."""
    if job.state is None:
        return None
    _, parts = opening_parts(job.state)
    if len(parts) == 1:
        return parts[0]
    zh = f"{job.state}：期初状态分为 {len(parts)} 份，须由作业继续"
    raise Failure(say(zh, f"{job.state}: the opening state is in {len(parts)} parts, from which only a job can go on"))


def _with_visit(session: Session, lines: pa.Table, visits: pa.Table) -> pa.Table:
    """The lines whose visit is there: a job rejects the others, a run in memory refuses them."""
    mine, ids = (flat(table["setl_id"]).cast(pa.large_string()) for table in (lines, visits))
    there = pc.is_in(mine, value_set=ids.drop_null())
    lost = lines.num_rows - pc.sum(there).as_py() if lines.num_rows else 0
    if lost:
        session.say(
            f"无对应结算的明细 {lost:,} 行不计（no_visit）", f"{lost:,} lines without a visit are left out (no_visit)"
        )
    return lines.filter(there)


def _proved(session: Session, folder: Path) -> None:
    """The files, documents and sums of a job are those of its receipt. Raises InputError with all that are not."""
    found = Verifier(folder, read_receipt(folder), 1)
    with session.step("核对作业的文件与合计", "check the files and sums of the job"):
        found.files()
        found.documents()
        found.sums()
    if found.problems:
        raise InputError(found.problems)


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
    ids["det_item_fee_sumamt"] = pa.int64()  # not of the results' own: fen, also in CSV
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


def _unchanged(folder: Path, receipt: dict[str, Any], run: Run, moved: bool, job: bool) -> None:
    """The receipt is that of these inputs and these results."""
    visits = run.settlement.visits
    again = run.engine.receipt_of(visits, run.state, **run.tables)
    if job:  # what is rejected stands in a dataset of its own
        kept = visits.filter(pc.not_equal(flat(visits["outcome"]), "rejected"))
        again["totals_fen"] = {name: pc.sum(kept[name]).as_py() or 0 for name in receipt["totals_fen"]}
    words = {
        "policy": ("政策文件", "policy documents"),
        "catalog": ("目录", "catalogue"),
        "opening_state": ("期初状态", "opening state"),
        "counts": ("结算结果", "settlements"),
        "totals_fen": ("结算结果", "settlements"),
    }
    # A job counts otherwise, and its inputs are held by their files.
    wrong = {words[name] for name in words if not (job and name == "counts") and receipt[name] != again[name]}
    for name in () if job else {**receipt["input"], **again["input"]}:
        if receipt["input"].get(name) != again["input"].get(name) and not (moved and name == "lines"):
            wrong.add((name, name))
    if wrong:
        raise Failure(
            say(
                f"{folder}：{'、'.join(sorted(zh for zh, _ in wrong))}与回执不符，结算之后有改动",
                f"{folder}: {', '.join(sorted(en for _, en in wrong))} changed since the run: not what its receipt says",
            )
        )
