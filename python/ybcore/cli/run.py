"""`run`: a job over files."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import click

from ..columns.phrases import chinese
from ..jobs.disk import human
from ..jobs.document import load_job
from ..jobs.job import JobResult, run_job
from ..jobs.ruled import ACROSS
from ..jobs.run import Work
from ..memory import take_from_system
from ..messages import OUTCOMES, PAYERS, REASONS, name_of, say, yuan_text
from .base import Session

__all__ = ["run", "say_not_run"]


def run(
    session: Session,
    *,
    job: Path,
    memory: str | None,
    threads: int | None,
    output: Path | None,
    replace: bool,
    as_json: bool,
    engine: str,
    master: str | None,
    conf: tuple[str, ...],
    suppress: Path | None,
    known_at: dt.datetime | None,
) -> int:
    """Do a job, or what is left of it, and sum it up."""
    take_from_system()
    day = None if known_at is None else known_at.date()
    document = load_job(job, memory=memory, threads=threads, output=output, known_at=day, suppress=suppress)
    with _engine(engine, master, conf) as work, session.progress("结算", "settle") as tell:
        result = run_job(document, replace=replace, progress=tell, work=work)
    _tell_suppressions(session, result)
    for note in result.run["notes"]:
        session.detail(f"提示：{chinese(note) or note}", f"note: {note}")
    if not result.fresh:
        session.say(
            f"{result.out}/：已完成，无需再做；以下为当时的结果",
            f"{result.out}/: done before, nothing to do; this is what it came to",
        )
    bare = result.run["without_checksums"]
    if bare and result.fresh:
        session.say(
            f"提示：{len(bare)} 个输入文件没有页校验和，其中的静默损坏无法发现（见 run.json）",
            f"note: {len(bare)} input files have no page checksums, so silent damage in them cannot be seen (run.json names them)",
        )
    if as_json:
        told = {
            "out": str(result.out),
            "fresh": result.fresh,
            "counts": result.manifest["counts"],
            "sums": result.manifest["sums"],
        }
        told |= {name: result.manifest[name] for name in ("coverage", "suppressions") if name in result.manifest}
        session.data(
            json.dumps({**told, "units": result.manifest["units"], "run": _brief(result)}, ensure_ascii=False, indent=1)
        )
        return 0
    _print(session, result)
    return 0


@contextmanager
def _engine(engine: str, master: str | None, conf: tuple[str, ...]) -> Iterator[Callable[..., Work]]:
    """What does the steps of the job; a Spark session that was started for it ends with it."""
    settings = {name: value for name, _, value in (text.partition("=") for text in conf)}
    if not all("=" in text for text in conf) or (engine == "local" and (master is not None or conf)):
        zh, en = (
            "--master 与 --conf（NAME=VALUE）只用于 --engine spark",
            "--master and --conf NAME=VALUE belong to --engine spark",
        )
        raise click.UsageError(say(zh, en))
    if engine == "local":
        yield Work
        return
    from ..jobs.spark import SparkWork, started

    spark, ours = started(master, settings)
    try:
        yield partial(SparkWork, session=spark)
    finally:
        if ours:
            spark.stop()


def _tell_suppressions(session: Session, result: JobResult) -> None:
    """What each row of the suppression list did."""
    rows = result.manifest.get("suppressions", ())
    if rows:
        from .check import tell_suppression

        rules = [row["rule_id"] for row in result.manifest["coverage"]]
        for row in rows:
            tell_suppression(session, row, rules)


def _brief(result: JobResult) -> dict[str, Any]:
    """The record of the run without what only a later run compares."""
    return {name: value for name, value in result.run.items() if name not in ("identity", "job", "units")}


def _print(session: Session, result: JobResult) -> None:
    from rich.table import Table

    counts, sums, run = result.manifest["counts"], result.manifest["sums"], result.run
    console = session.out()
    visits, lines, rate = counts["visits"], counts["lines"], counts["visits"] / max(run["seconds"], 1e-3)
    # A rate would count what was done before the job was stopped.
    pace, en_pace = f"：每秒 {rate:,.0f} 笔", f": {rate:,.0f} visits/s"
    if run["resumed"]:
        pace, en_pace = (
            f"（续作 {run['resumed']} 次，此为最后一次）",
            f" (resumed, {run['resumed']} time(s); this is the last one)",
        )
    console.print(
        say(
            f"{visits:,} 笔结算，{lines:,} 行明细；{run['seconds']:.1f} 秒，{run['threads']} 线程{pace}；内存峰值 {human(run['peak_memory_bytes'])}",
            f"{visits:,} visits, {lines:,} lines in {run['seconds']:.1f} s on {run['threads']} threads{en_pace}; peak memory {human(run['peak_memory_bytes'])}",
        )
    )
    table = Table(title=say("结算结果", "Outcomes"), title_justify="left", show_edge=False)
    for name in (say("结果", "outcome"), say("原因", "reason")):
        table.add_column(name)
    table.add_column(say("笔数", "visits"), justify="right")
    for row in counts["outcomes"]:
        reason = f"{row['reason']} {say(*REASONS[row['reason']])}" if row["reason"] in REASONS else row["reason"]
        table.add_row(name_of(OUTCOMES, row["outcome"]), reason, f"{row['visits']:,}")
    console.print(table)
    if counts["rejected_lines"]:
        console.print(
            say(f"未结算的明细：{counts['rejected_lines']:,} 行", f"Lines not settled: {counts['rejected_lines']:,}")
        )
    if "coverage" in result.manifest:
        _print_rules(session, counts, result.manifest["coverage"])
    money = Table(title=say("金额合计（元）", "Totals (yuan)"), title_justify="left", show_edge=False)
    money.add_column(say("支付方", "payer"))
    money.add_column(say("金额", "amount"), justify="right")
    for name in PAYERS:
        if sums.get(name):
            money.add_row(name_of(PAYERS, name), yuan_text(sums[name]))
    console.print(money)
    if result.fresh:
        console.print(say(f"已写入 {result.out}/", f"Written to {result.out}/"))


def _print_rules(session: Session, counts: dict[str, Any], coverage: list[dict[str, Any]]) -> None:
    """What rules found and moved, and which did not run, each with its reason."""
    console = session.out()
    ran = sum(row["status"] == "run" for row in coverage)
    moved, own, lost = (counts.get(name, 0) for name in ("moved_fen", "own_fen", "rejected_fen"))
    console.print(
        say(
            f"审核规则：{ran} 条已运行，违规 {counts.get('findings', 0):,} 项，转出 {yuan_text(moved)} 元",
            f"Rules: {ran} ran, {counts.get('findings', 0):,} findings, {yuan_text(moved)} yuan moved to full self-pay",
        )
    )
    if own:
        console.print(
            say(
                f"另有 {yuan_text(own)} 元本已全自费，未计入",
                f"{yuan_text(own)} yuan that was full self-pay without any rule is not among these",
            )
        )
    if lost:
        console.print(
            say(
                f"另有 {yuan_text(lost)} 元属未结算的就诊，未计入",
                f"{yuan_text(lost)} yuan of visits that were rejected are not among these",
            )
        )
    say_not_run(lambda zh, en: console.print(say(zh, en)), coverage)


def say_not_run(tell: Callable[[str, str], None], coverage: list[dict[str, Any]]) -> None:
    """Rules that did not run, by reason."""
    left: dict[str, list[str]] = {}
    for row in coverage:
        if row["status"] == "skipped":
            left.setdefault(row["reason"], []).append(row["rule_id"])
    for reason, names in sorted(left.items(), key=lambda item: (item[0] != ACROSS, item[0])):
        zh = "跨人员审核，而作业分批结算" if reason == ACROSS else reason
        tell(f"未运行（{zh}）：{'、'.join(names)}", f"Not run ({reason}): {', '.join(names)}")
