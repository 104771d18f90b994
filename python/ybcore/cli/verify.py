"""`verify`: a run against its receipt."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..clearing.cashmodels import RESULTS
from ..clearing.outputs import CLEARING_OUTPUTS
from ..columns.schema import DETAIL_OUTPUT, LINE_OUTPUT, VISIT_OUTPUT
from ..errors import Problem
from ..messages import current, say, yuan_text
from ..receipts.clearmodel import BENEFIT, CLEARING, STUDY
from ..receipts.compare import Difference
from ..receipts.found import Found
from ..receipts.model import raw_receipt, read_receipt
from ..receipts.verify import Verifier
from .base import Session

__all__ = ["plain", "tell_end", "tell_wrong", "verify"]

SHOWN = 20  # differences that are printed
MONEY = {column.name for table in (VISIT_OUTPUT, LINE_OUTPUT, DETAIL_OUTPUT, RESULTS, *CLEARING_OUTPUTS.values()) for column in table.columns if column.kind in ("money", "sum")}  # fmt: skip
OTHERS = (CLEARING, BENEFIT, STUDY)


def verify(
    session: Session,
    *,
    folder: Path,
    people: int,
    seed: int,
    everybody: bool,
    threads: int | None,
    as_json: bool,
    study: Path | None = None,
) -> int:
    """Look at files, documents and sums, settle people again, tell; exit code 1 when something is not as the receipt says."""
    cores = threads if threads is not None else len(os.sched_getaffinity(0))
    path, raw = raw_receipt(folder)
    if isinstance(raw, dict) and raw.get("format") in OTHERS:
        from .verifyother import verify_other

        return verify_other(
            session, path, str(raw["format"]), study=study, seed=seed, whole=everybody, threads=cores, as_json=as_json
        )
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
    again = {"settled_again": found.settled, "people": found.people}
    return plain(found, found.true, again, lambda one: {"explain": _explain(folder, one)})


def plain(
    found: Found, true: bool, again: dict[str, Any], more: Callable[[Difference], dict[str, Any]] = lambda one: {}
) -> dict[str, Any]:
    """What was found as data; `again`: what was reckoned again."""
    compared = found.compared
    return {
        "verified": true,
        "checked": found.checked,
        "problems": [
            {name: value for name, value in asdict(p).items() if value not in ("", None)} for p in found.problems
        ],
        **again,
        "rows": compared.rows,
        "columns": compared.columns,
        "cells": compared.cells,
        "differences": compared.different,
        "first_differences": [{**asdict(one), **more(one)} for one in compared.found],
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
            "findings": ("违规结果", "findings"),
            "details": ("违规明细", "details of findings"),
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
    tell_wrong(session, found)
    hints = [hint for one in compared.found if (hint := _explain(folder, one))]
    if hints:
        session.data(say(f"逐步解释：{hints[0]}", f"step by step: {hints[0]}"))
    tell_end(session, found.true)


def tell_wrong(session: Session, found: Found) -> None:
    """What is not as the receipt says, and cells that differ."""
    compared = found.compared
    if found.problems:
        session.data(say(f"与回执不符 {len(found.problems)} 处：", f"not as the receipt says: {len(found.problems)}"))
        for problem in found.problems:
            session.data(f"  {_line(problem)}")
    if not compared.different:
        return
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


def tell_end(session: Session, true: bool) -> None:
    """The last line."""
    session.data(
        say("核验通过：与回执相符", "verified: as the receipt says") if true else say("核验未通过", "not verified")
    )


def _cell(column: str, value: Any) -> str:
    """Money in yuan, anything else as it is."""
    return yuan_text(value) if column in MONEY and type(value) is int else str(value)


def _line(problem: Problem) -> str:
    what = say(problem.what_zh or problem.what, problem.what)
    place = ": ".join(text for text in (problem.placed(current()), problem.path) if text)
    return f"{place}{': ' if place else ''}{what}"
