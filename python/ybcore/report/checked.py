"""The summary of a run of rule checks: hits and money by rule and by disposition, what did not run and why, speed."""

from __future__ import annotations

from typing import Any

from ..checks import Rule, RuleBook
from ..checks.told import reason_text
from ..memory import peak_memory
from ..messages import DISPOSITIONS, current, name_of, say, yuan_text

__all__ = ["print_checked", "reason_of", "summarise"]


def summarise(report: Any, book: RuleBook, *, visits: int, lines: int, seconds: float) -> dict[str, Any]:
    """What a run came to. `report`: a CheckReport. All money is whole fen.

    `rules`: one row a rule of the book. `dispositions`: of findings that count; those of shadow rules stand apart in `shadow`.
    """
    amounts = {row["rule_id"]: row for row in report.statistics(("rule_id",)).to_pylist()}
    by = report.statistics(("shadow", "disposition")).to_pylist()
    rows = []
    for ran in report.manifest.to_pylist():
        rule = book[ran["rule_id"]]
        money = amounts.get(rule.id, {})
        rows.append(
            {
                "rule_id": rule.id,
                "name": rule.name[current()],
                "status": ran["status"],
                "reason": reason_of(rule, ran),
                "shadow": rule.shadow,
                "disposition": rule.disposition,
                "eligible": ran["eligible"],
                "unknown": ran["unknown"],
                "hits": ran["hits"],
                "suppressed": ran["suppressed"],
                "persons": money.get("persons", 0),
                "vola_amt_fen": money.get("vola_amt", 0),
                "paid_amt_fen": money.get("paid_amt", 0),
            }
        )
    return {
        "visits": visits,
        "lines": lines,
        "visits_left_out": report.left_out,
        "unread": report.unread,
        "findings": sum(row["hits"] for row in by if not row["shadow"]),
        "shadow": sum(row["hits"] for row in by if row["shadow"]),
        "suppressed": sum(row["suppressed"] for row in rows),
        "subsumed": sum(report.manifest["subsumed"].to_pylist()),
        "recover_amt_fen": None if report.recovered is None else sum(report.findings["recover_amt"].to_pylist()),
        "own_amt_fen": None if report.recovered is None else sum(report.findings["own_amt"].to_pylist()),
        "rejected_fen": None if report.recovered is None else report.rejected_fen,
        "rules": rows,
        "dispositions": [
            {
                "disposition": row["disposition"],
                "hits": row["hits"],
                "persons": row["persons"],
                "vola_amt_fen": row["vola_amt"],
                "paid_amt_fen": row["paid_amt"],
            }
            for row in by
            if not row["shadow"]
        ],
        "seconds": round(seconds, 3),
        "visits_per_second": int(visits / seconds) if seconds else 0,
        "lines_per_second": int(lines / seconds) if seconds else 0,
        "peak_memory_bytes": peak_memory(),
        "seconds_by_kernel": {name: round(value, 3) for name, value in report.seconds.items()},
    }


def reason_of(rule: Rule, ran: dict[str, Any]) -> str | None:
    """Why a rule did not run, in the language in use."""
    return None if ran["reason"] is None else reason_text(rule, ran["status"], ran["reason"], current())


def print_checked(data: dict[str, Any], console: Any) -> None:
    """The summary as tables, in the language in use."""
    console.print(_head(data))
    _rules(data["rules"], console)
    _dispositions(data["dispositions"], console)
    if data["shadow"]:
        console.print(
            say(f"试运行规则另有 {data['shadow']:,} 项", f"Findings of shadow rules, besides: {data['shadow']:,}")
        )
    if data["subsumed"]:
        console.print(
            say(
                f"其中被另一违规包含 {data['subsumed']:,} 项",
                f"Of them contained in another finding: {data['subsumed']:,}",
            )
        )
    if data["recover_amt_fen"] is not None:
        back = yuan_text(data["recover_amt_fen"])
        console.print(say(f"追回基金 {back} 元", f"Brought back to the funds: {back} yuan"))
    if data["own_amt_fen"]:
        own = yuan_text(data["own_amt_fen"])
        console.print(
            say(f"实扣金额中 {own} 元本已全自费", f"Of the amount moved, full self-pay without any rule: {own} yuan")
        )
    if data["rejected_fen"]:
        lost = yuan_text(data["rejected_fen"])
        console.print(
            say(
                f"实扣金额中 {lost} 元在被拒收或未参保的就诊中，基金本不支付",
                f"Of the amount moved, in visits that are rejected or nobody's, which no fund pays for: {lost} yuan",
            )
        )
    if data["suppressed"]:
        console.print(say(f"已抑制 {data['suppressed']:,} 项", f"Suppressed: {data['suppressed']:,}"))


def _head(data: dict[str, Any]) -> str:
    memory = data["peak_memory_bytes"] // 2**20
    counts = [sum(row["status"] == status for row in data["rules"]) for status in ("run", "skipped", "disabled")]
    return say(
        f"{data['visits']:,} 次就诊，{data['lines']:,} 行明细；{len(data['rules'])} 条规则：运行 {counts[0]}，跳过 {counts[1]}，停用 {counts[2]}\n"
        f"违规 {data['findings']:,} 项；{data['seconds']:.2f} 秒：每秒 {data['visits_per_second']:,} 次、{data['lines_per_second']:,} 行；内存峰值 {memory:,} MiB",
        f"{data['visits']:,} visits, {data['lines']:,} lines; {len(data['rules'])} rules: {counts[0]} run, {counts[1]} skipped, {counts[2]} disabled\n"
        f"{data['findings']:,} findings in {data['seconds']:.2f} s: {data['visits_per_second']:,} visits/s, {data['lines_per_second']:,} lines/s; peak memory {memory:,} MiB",
    )


def _table(title: str, texts: list[str], numbers: list[str]) -> Any:
    from rich.table import Table

    table = Table(title=title, title_justify="left", show_edge=False)
    for name in texts:
        table.add_column(name)
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _rules(rows: list[dict[str, Any]], console: Any) -> None:
    table = _table(
        say("规则", "Rules"),
        [say("编号", "id"), say("规则", "rule"), say("处置", "disposition")],
        [say("命中", "hits"), say("违规金额（元）", "amount (yuan)"), say("未知", "unknown")],
    )
    table.add_column(say("未运行的原因", "why it did not run"))
    for row in rows:
        ran = row["status"] == "run"
        figures = [f"{row['hits']:,}", yuan_text(row["vola_amt_fen"]), f"{row['unknown']:,}"] if ran else ["", "", ""]
        disposition = name_of(DISPOSITIONS, row["disposition"]) + (
            say("（试运行）", " (shadow)") if row["shadow"] else ""
        )
        word = {"skipped": say("跳过：", "skipped: "), "disabled": say("停用：", "disabled: ")}.get(row["status"], "")
        table.add_row(row["rule_id"], row["name"], disposition, *figures, word + (row["reason"] or ""))
    console.print(table)


def _dispositions(rows: list[dict[str, Any]], console: Any) -> None:
    table = _table(
        say("处置", "Dispositions"),
        [say("处置", "disposition")],
        [
            say("命中", "hits"),
            say("人数", "persons"),
            say("违规金额（元）", "amount (yuan)"),
            say("实扣（元）", "moved (yuan)"),
        ],
    )
    for row in rows:
        money = [yuan_text(row[name]) for name in ("vola_amt_fen", "paid_amt_fen")]
        table.add_row(name_of(DISPOSITIONS, row["disposition"]), f"{row['hits']:,}", f"{row['persons']:,}", *money)
    console.print(table)
