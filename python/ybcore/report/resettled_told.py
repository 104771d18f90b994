"""A re-settlement on a terminal, and as the JSON of the command."""

from __future__ import annotations

from typing import Any

from ..messages import CAUSES, OUTCOMES, REASONS, name_of, say, yuan_text
from .resettled import Signed, direction, payer_name

__all__ = ["print_resettled", "summarise"]


def summarise(signed: Signed) -> dict[str, Any]:
    """What it came to. All money is whole fen; a payer's net is what it pays in addition."""
    head = signed.head()
    keys = ("payer", "side", "to_pay", "to_collect", "net")
    return {
        "totals_fen": {**head["sides"], "all": head["all"]},
        "visits": {name: head[name] for name in ("visits", "added", "changed", "knock_on")},
        "persons": head["persons"],
        "institutions": head["institutions"],
        "lines": head["lines"],
        "refused": signed.refusals(),
        "scope": head["scope"],
        "payers": [{key: row[key] for key in keys} for row in signed.payers()],
        "reasons": signed.reasons(),
        "attribution": _attribution(signed),
        "sha256": {en: sha for (_, en), sha in signed.hashes},
    }


def _attribution(signed: Signed) -> dict[str, Any] | None:
    if signed.attribution is None:
        return None
    rows = [{name: row[name] for name in ("number", "reason", "label", "funds", "own", "hospital", "net")} for row in signed.changes()]  # fmt: skip
    told = signed.attribution
    return {"method": told.method, "orders": told.orders, "left_out": told.left_out, "changes": rows}


def print_resettled(signed: Signed, console: Any) -> None:
    """The same as tables, in the language in use."""
    head = signed.head()
    funds, scope = head["sides"]["funds"], head["scope"]
    console.print(
        say(
            f"基金应补付 {yuan_text(funds['to_pay'])} 元，应追回 {yuan_text(funds['to_collect'])} 元，净额 {yuan_text(funds['net'])} 元（{direction('funds', funds['net'])}）",
            f"Funds: to pay {yuan_text(funds['to_pay'])} yuan, to collect {yuan_text(funds['to_collect'])} yuan, net {yuan_text(funds['net'])} yuan ({direction('funds', funds['net'])})",
        )
    )
    console.print(
        say(
            f"变动 {head['visits']:,} 笔（新增 {head['added']:,}，受牵动 {head['knock_on']:,}），涉及 {head['persons']:,} 人；重新结算 {scope['visits']:,}/{scope['of_visits']:,} 笔、{scope['persons']:,}/{scope['of_persons']:,} 人",
            f"{head['visits']:,} visits differ ({head['added']:,} added, {head['knock_on']:,} by knock-on), of {head['persons']:,} persons; settled again: {scope['visits']:,} of {scope['of_visits']:,} visits, {scope['persons']:,} of {scope['of_persons']:,} persons",
        )
    )
    for row in signed.refusals():
        console.print(_refused(row))
    rows = [(payer_name(row["payer"]), row["side"], row) for row in signed.payers()]
    _table(say("按支付方（元）", "By payer (yuan)"), say("支付方", "payer"), rows, console)
    reasons = [(name_of(CAUSES, row["reason"]), "funds", row["funds"]) for row in signed.reasons()]
    titles = (
        say("按原因，归于最后触及者：基金（元）", "By reason, the last that touched a visit: funds (yuan)"),
        say("各项变更自身的影响：基金（元）", "What each change moved: funds (yuan)"),
    )
    _table(titles[0], say("原因", "reason"), reasons, console)
    if signed.attribution is not None:
        changes = [(f"{row['number']}. {row['label']}", "funds", {"net": row["funds"]}) for row in signed.changes()]
        _table(titles[1], say("变更", "change"), changes, console)


def _refused(row: dict[str, Any]) -> str:
    """Of the visits that were not settled, one reason in words."""
    reason = f"{row['reason']} {name_of(REASONS, row['reason'])}" if row["reason"] else ""
    zh = f"注意：{row['added'] + row['changed']:,} 笔未能结算（新增 {row['added']:,}，此前已结算 {row['changed']:,}）：{name_of(OUTCOMES, row['outcome'])} {reason}"
    en = f"note: {row['added'] + row['changed']:,} visits are not settled ({row['added']:,} added, {row['changed']:,} settled before): {name_of(OUTCOMES, row['outcome'])} {reason}"
    return say(zh, en).rstrip()


def _table(title: str, first: str, rows: list[tuple[str, str, dict[str, Any]]], console: Any) -> None:
    from rich.table import Table

    shown = [name for name in ("to_pay", "to_collect", "net") if not rows or name in rows[0][2]]
    words = {"to_pay": ("应增加", "to pay"), "to_collect": ("应减少", "to collect"), "net": ("净额", "net")}
    table = Table(title=title, title_justify="left", show_edge=False)
    table.add_column(first)
    for name in shown:
        table.add_column(say(*words[name]), justify="right", no_wrap=True)
    table.add_column("")
    for label, side, row in rows:
        table.add_row(label, *(yuan_text(row[name]) for name in shown), direction(side, row["net"]))
    console.print(table)
