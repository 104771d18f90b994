"""`verify`: a run against its receipt."""

from __future__ import annotations

import json
import os
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..columns.schema import DETAIL_OUTPUT, LINE_OUTPUT, VISIT_OUTPUT
from ..errors import Problem
from ..messages import current, say, yuan_text
from ..receipts.compare import Difference
from ..receipts.model import read_receipt
from ..receipts.verify import Verifier
from .base import Session

__all__ = ["verify"]

SHOWN = 20  # differences that are printed
MONEY = {column.name for table in (VISIT_OUTPUT, LINE_OUTPUT, DETAIL_OUTPUT) for column in table.columns if column.kind == "money"}  # fmt: skip


def verify(
    session: Session, *, folder: Path, people: int, seed: int, everybody: bool, threads: int | None, as_json: bool
) -> int:
    """Look at files, documents and sums, settle people again, tell; exit code 1 when something is not as the receipt says."""
    cores = threads if threads is not None else len(os.sched_getaffinity(0))
    found = Verifier(folder, read_receipt(folder), cores)
    with session.step("核对文件", "check the files"):
        found.files()
    with session.step("核对政策、目录与规则", "check policies, catalogue and rules"):
        found.documents()
    with session.step("核对合计", "check the sums"):
        found.sums()
    if everybody:
        with session.progress("全部重新结算", "settle everybody again") as tell:
            found.settle_all(seed, tell)
    else:
        with session.step("抽样重新结算", "settle a sample again"):
            found.settle(people, seed)
    for zh, en in found.notes:
        session.say(f"提示：{zh}", f"note: {en}")
    if as_json:
        session.data(json.dumps(_plain(found, folder), ensure_ascii=False, indent=1, default=str))
    else:
        _print(session, found, folder)
    return 0 if found.true else 1


def _explain(folder: Path, one: Difference) -> str:
    return (
        ""
        if one.setl_id is None
        else f"ybcore explain --run {shlex.quote(str(folder))} --setl-id {shlex.quote(str(one.setl_id))}"
    )


def _plain(found: Verifier, folder: Path) -> dict[str, Any]:
    compared = found.compared
    return {
        "verified": found.true,
        "checked": found.checked,
        "problems": [
            {name: value for name, value in asdict(p).items() if value not in ("", None)} for p in found.problems
        ],
        "settled_again": found.settled,
        "people": found.people,
        "rows": compared.rows,
        "columns": compared.columns,
        "cells": compared.cells,
        "differences": compared.different,
        "first_differences": [{**asdict(one), "explain": _explain(folder, one)} for one in compared.found],
    }


def _print(session: Session, found: Verifier, folder: Path) -> None:
    done, compared = found.checked, found.compared
    session.data(
        say(
            f"核对：文件 {done['files']} 个，政策、目录与规则 {done['documents']} 项，合计 {done['sums']} 项",
            f"checked: {done['files']} files, {done['documents']} facts of policies, catalogue and rules, {done['sums']} sums",
        )
    )
    if found.settled:
        names = {
            "settlements": ("结算", "visits"),
            "line_results": ("明细", "lines"),
            "detail": ("分层", "layers"),
            "rejects": ("未结算", "rejects"),
        }
        rows = [
            say(f"{names[name][0]} {rows:,} 行 {compared.columns[name]} 列", f"{rows:,} {names[name][1]} of {compared.columns[name]} columns")
            for name, rows in compared.rows.items()
        ]  # fmt: skip
        session.data(
            say(
                f"重新结算 {found.people:,} 人：{'，'.join(rows)}，共比对 {compared.cells:,} 格",
                f"settled again: {found.people:,} persons; {', '.join(rows)}; {compared.cells:,} cells compared",
            )
        )
    if found.problems:
        session.data(say(f"与回执不符 {len(found.problems)} 处：", f"not as the receipt says: {len(found.problems)}"))
        for problem in found.problems:
            session.data(f"  {_line(problem)}")
    if compared.different:
        session.data(say(f"不同的单元格 {compared.different:,} 个：", f"cells that differ: {compared.different:,}"))
        for one in compared.found[:SHOWN]:
            place = ".".join(word for word in (one.table, one.column) if word)
            run, again = (_cell(one.column, value) for value in (one.run, one.again))
            session.data(
                "  "
                + say(
                    f"{one.setl_id} {place}：该次结算 {run}，重新结算 {again}",
                    f"{one.setl_id} {place}: the run has {run}, settled again {again}",
                )
            )
        if compared.different > SHOWN:
            session.data(say(f"  ……（--json 列出前 {len(compared.found):,} 个）", f"  ... (--json lists the first {len(compared.found):,})"))  # fmt: skip
        hints = [hint for one in compared.found if (hint := _explain(folder, one))]
        if hints:
            session.data(say(f"逐步解释：{hints[0]}", f"step by step: {hints[0]}"))
    session.data(
        say("核验通过：与回执相符", "verified: as the receipt says")
        if found.true
        else say("核验未通过", "not verified")
    )


def _cell(column: str, value: Any) -> str:
    """Money in yuan, anything else as it is."""
    return yuan_text(value) if column in MONEY and type(value) is int else str(value)


def _line(problem: Problem) -> str:
    what = say(problem.what_zh or problem.what, problem.what)
    place = ": ".join(text for text in (problem.placed(current()), problem.path) if text)
    return f"{place}{': ' if place else ''}{what}"
