"""The story of one settlement, told from the reference's tracer: one line a step, with figures and clauses."""

from __future__ import annotations

from typing import Any

from ..explain import Explanation
from ..messages import (
    BUCKETS,
    LAYER_KINDS,
    LINE_REASONS,
    NATURES,
    OUTCOMES,
    PAYERS,
    REASONS,
    current,
    name_of,
    say,
    yuan_text,
)

__all__ = ["CEILINGS", "PERIODS", "RULES", "bucket_name", "clauses", "money_text", "percent_text", "proof", "story"]

RULES = {
    "visit": ("每次", "each visit"),
    "cumulative": ("年度累计", "cumulative"),
    "first_only": ("期内首次", "first of the period"),
    "admission": ("按住院次数", "by admission"),
    "highest": ("取最高标准", "highest standard"),
}
CEILINGS = {
    "expense": ("费用封顶", "ceiling on expense"),
    "above_deductible": ("起付线以上费用封顶", "ceiling on expense above the deductible"),
    "fund": ("基金封顶", "ceiling on the payment"),
    "payers": ("多个支付方合计封顶", "ceiling on payers together"),
    "layers": ("多层合计封顶", "ceiling on layers together"),
}
PERIODS = {
    "visit": ("每次", "a visit"),
    "day": ("每日", "a day"),
    "month": ("每月", "a month"),
    "quarter": ("每季", "a quarter"),
    "year": ("每年", "a year"),
    "life": ("终身", "for life"),
}


def story(told: Explanation) -> list[str]:
    """The settlement as lines of text in the language in use."""
    out = [say("结算", "Settlement") + f" {told.setl_id}"]
    out.append(
        say(
            f"  结算组：{len(told.group)} 人，此前本组已有 {told.before} 笔结算",
            f"  settling group: {len(told.group)} person(s), {told.before} settlement(s) of it came before",
        )
    )
    out += _moved(told)
    row = told.row
    if row["outcome"] in ("rejected", "not_enrolled"):
        reason = say(*REASONS[row["reason"]]) if row["reason"] in REASONS else ""
        out.append(
            f"  {name_of(OUTCOMES, row['outcome'])}"
            + (say("：", ": ") + f"{row['reason']} {reason}" if row["reason"] else "")
        )
        return out
    number = 0
    for step in told.steps:
        lines = _TELL[step["step"]](step, told)
        for i, text in enumerate(lines):
            if i == 0:
                number += 1
            out.append(f"{number:>2}. {text}" if i == 0 else f"    {text}")
    return out


def _moved(told: Explanation) -> list[str]:
    """What rules took out of the lines before anything was paid."""
    if not told.moved:
        return []
    total = yuan_text(sum(item["amount"] for item in told.moved))
    out = [
        say(
            f"  审核规则先把 {total} 元转为全自费：",
            f"  rules moved {total} yuan to full self-pay before settling:",
        )
    ]
    for item in told.moved:
        lang, amount = current(), yuan_text(item["amount"])
        out.append(f"    {item['rule_id']} {item['name'][lang]}" + say(f"：{amount} 元", f": {amount} yuan"))
        lines = say("，", ", ").join(
            f"{'—' if name is None else name}: {yuan_text(fen)}" for name, fen in item["lines"]
        )
        out.append("      " + say("明细 ", "lines ") + lines)
        out.append(f"      {item['evidence'][lang]}")
        if item["recover_amt"] is not None:
            back = yuan_text(item["recover_amt"])
            out.append(
                "      " + say(f"整项违规追回基金 {back} 元", f"the finding brings back {back} yuan to the funds")
            )
        if item["own_amt"]:
            own = yuan_text(item["own_amt"])
            out.append(
                "      "
                + say(f"其所扣金额中 {own} 元本已全自费", f"of its money {own} yuan was full self-pay without any rule")
            )
    return out


def proof(told: Explanation) -> str:
    """One sentence: whether the figures are those of the bulk run."""
    if told.differences:
        rows = "; ".join(f"{name}: {left!r} ≠ {right!r}" for name, (left, right) in told.differences.items())
        return say(
            f"与批量结果不一致（逐笔重算 ≠ 批量）：{rows}", f"NOT equal to the bulk row (explained ≠ bulk): {rows}"
        )
    return say(
        f"已核对：以上结果与批量结算的同一行逐列相等（{told.compared} 列）。",
        f"Checked: the result above equals the bulk row in every column ({told.compared} columns).",
    )


def money_text(amount: int, scale: int) -> str:
    """Units of money as yuan; in the grid as many decimals as there are."""
    if scale == 1 or amount % scale == 0:
        return yuan_text(amount // scale)
    sign, whole = ("-" if amount < 0 else ""), abs(amount)
    fen, part = divmod(whole, scale)
    digits = f"{part:0{len(str(scale)) - 1}d}".rstrip("0")
    return f"{sign}{yuan_text(fen)}{digits}"


def percent_text(ppm: int) -> str:
    whole, part = divmod(ppm, 10_000)
    return f"{whole}" + (f".{part:04d}".rstrip("0") if part else "") + "%"


def _buckets(amounts: dict[str, int], scale: int) -> str:
    words = [f"{bucket_name(name)} {money_text(amount, scale)}" for name, amount in amounts.items() if amount]
    return say("，", ", ").join(words) or say("无", "nothing")


def bucket_name(name: str) -> str:
    tag, dot, bucket = name.rpartition(".")
    return say(*BUCKETS.get(bucket, (bucket, bucket))) + (f"[{tag}]" if dot else "")


def _natures(step: dict[str, Any], told: Explanation) -> list[str]:
    doc, scale = step["doc"], step["scale"]
    name = (doc.get("name") or {}).get(say("zh", "en"), "")
    head = say("适用文件", "document") + f" {doc['id']}" + (f" ({name})" if name else "")
    facts = step["facts"]
    shown = ("insutype", "psn_type", "med_type", "dedc_hosp_lv", "place", "age", "dise_codg", "psn_idet_type")
    out = [head + _cite(doc.get("cite"))]
    out.append(say("条件：", "facts: ") + ", ".join(f"{n}={facts[n]}" for n in shown if facts.get(n) not in (None, "")))
    total = sum(step["natures"].values())
    out.append(
        say("费用构成：总额", "natures: total") + f" {money_text(total, scale)} = {_buckets(step['natures'], scale)}"
    )
    if told.lines:
        out += _lines(told.lines)
    return out


def _lines(lines: list[dict[str, Any]]) -> list[str]:
    out = [
        say(f"明细 {len(lines)} 行", f"{len(lines)} fee lines")
        + ("" if len(lines) <= 12 else say("，列出前 12 行", ", the first 12:"))
    ]
    for line in lines[:12]:
        parts = ", ".join(
            f"{say(*NATURES[column])} {yuan_text(line[name])}"
            for column, name in (
                ("fulamt_ownpay_amt", "fulamt_ownpay_amt"),
                ("overlmt_selfpay", "overlmt_amt"),
                ("preselfpay_amt", "preselfpay_amt"),
                ("inscp_scp_amt", "inscp_scp_amt"),
            )
            if line[name]
        )
        why = f" [{say(*LINE_REASONS[line['reason']])}]" if line["reason"] in LINE_REASONS else ""
        ratio = f" {percent_text(line['selfpay_prop'])}" if line["preselfpay_amt"] else ""
        out.append(f"  {line['feedetl_sn']}: {yuan_text(line['det_item_fee_sumamt'])} = {parts or '0.00'}{ratio}{why}")
    return out


def _plan(step: dict[str, Any], told: Explanation) -> list[str]:
    plan = step["plan"]
    if plan is None:
        return [
            say("没有待遇方案适用：无待遇，全部由个人负担", "no plan holds: no benefit, everything is the person's")
        ]
    text = say("待遇方案", "plan") + f" {plan['id']}"
    if step["outcome"] == "no_benefit":
        return [text + say("：不享受待遇", ": no benefit") + _cite(plan.get("cite"))]
    if told.document and told.document.get("admissions"):
        text += say(f"，本期第 {step['number']} 次住院", f", admission number {step['number']} of the period")
    return [text + _cite(plan.get("cite"))]


def _layer(step: dict[str, Any], told: Explanation) -> list[str]:
    r, scale, raw = step["result"], step["scale"], step["doc"]

    def m(amount: int) -> str:
        return money_text(amount, scale)

    kind = "" if step["kind"] == "share" else f"［{say(*LAYER_KINDS[step['kind']])}］"
    out = [
        say("层", "layer")
        + f" {step['layer']}{kind} → {say(*PAYERS.get(step['payer'], (step['payer'],) * 2))}"
        + _cite(raw.get("cite"))
    ]
    out.append(say("基数", "base") + f" {m(r.base)} = {_buckets(r.parts, scale)}")
    expense = [room for room in r.rooms if room[0]["on"] in ("expense", "above_deductible")]
    fund = [room for room in r.rooms if room not in expense]
    out += [_room(room, scale) for room in expense]
    if "deductible" in raw or "after_rate_deductible" in raw:
        rule = (raw.get("deductible") or {}).get("repeat", "visit")
        rule = "cumulative" if raw.get("settle", "per_visit") != "per_visit" else rule
        out.append(
            say("起付线：标准", "deductible: standard")
            + f" {m(r.standard)}{_aside(say(*RULES[rule]))}"
            + say("，应付", ", due")
            + f" {m(r.due)}"
            + say("，实付", ", taken")
            + f" {m(r.deductible)}"
        )
    if step["kind"] == "share":
        out += _bands(r, step, scale)
    out += [_room(room, scale) for room in fund]
    if "settle" in raw and raw["settle"] != "per_visit":
        out.append(say("累计计算：目标", "accumulated: target") + f" {m(r.target)}")
    if r.cut_expense or r.cut_fund:
        out.append(
            say("封顶削减：费用", "cut: expense")
            + f" {m(r.cut_expense)}"
            + say("，基金", ", fund money")
            + f" {m(r.cut_fund)}"
        )
    paid = ", ".join(f"{say(*PAYERS.get(payer, (payer, payer)))} {m(amount)}" for payer, amount in r.pays if amount)
    out.append(say("支付", "paid") + f" {m(r.paid)}" + (f" = {paid}" if len(r.pays) > 1 and paid else ""))
    if r.hospital:
        out.append(say("医院负担", "the hospital bears") + f" {m(r.hospital)}")
    if r.paid or r.hospital:
        out.append(say("取自", "taken from") + f" {_buckets(r.taken, scale)}")
    out.append(say("支付后个人负担：", "burden after: ") + _buckets(step["burden"], scale))
    for key, (before, after) in step["counters"].items():
        if before != after:
            out.append(say("累计", "counter") + f" {counter_name(key)}: {m(before)} → {m(after)}")
    return out


def _bands(r: Any, step: dict[str, Any], scale: int) -> list[str]:
    """Each band that money reached: from, to, money, rate, product (six decimals of a fen are kept, so it is exact)."""
    out = []
    low = r.low
    flat = "part_rates" in step["doc"] or (step["doc"].get("bands") or {}).get("form") == "by_total"
    for width, rate, payer in r.pieces:
        where = (
            "" if flat or len(step["bands"]) < 2 else f"({money_text(low, scale)}, {money_text(low + width, scale)}] "
        )
        product = _exact(width * rate, scale)
        who = f" → {say(*PAYERS.get(payer, (payer, payer)))}" if payer else ""
        out.append(say("分段", "band") + f" {where}{money_text(width, scale)} × {percent_text(rate)} = {product}{who}")
        low += width
    return out


def _exact(units_ppm: int, scale: int) -> str:
    """A product in units of money × ppm as yuan with every decimal it has."""
    whole = 100 * scale * 1_000_000
    yuan, rest = divmod(units_ppm, whole)
    digits = f"{rest:0{len(str(whole)) - 1}d}".rstrip("0").ljust(2, "0")
    return f"{yuan:,}.{digits}"


def _room(room: tuple[dict[str, Any], int, int, int, int], scale: int) -> str:
    ceiling, limit, used, before, after = room
    period = say(*PERIODS[ceiling.get("per", "year")])
    text = f"{say(*CEILINGS[ceiling['on']])} {money_text(limit, scale)}{_aside(period)}"
    text += say("，已用", ", used") + f" {money_text(used, scale)}"
    if before == after:
        return text + say("，未触及", ", not met")
    return text + f": {money_text(before, scale)} → {money_text(after, scale)}"


def _aside(text: str) -> str:
    return say(f"（{text}）", f" ({text})")


def counter_name(key: Any) -> str:
    """A counter's name: declared as it is called, own ones by their terms."""
    name = key[1]
    return name if isinstance(name, str) else " + ".join(name[1]) if name and name[0] == "own" else str(name)


def _end(step: dict[str, Any], told: Explanation) -> list[str]:
    scale = step["scale"]
    row = told.row
    out = [say("结果", "result")]
    for name in ("fund_pay_sumamt", "hosp_part_amt", "psn_part_amt", "acct_pay", "acct_mulaid_pay", "psn_cash_pay"):
        if row[name] or name in ("fund_pay_sumamt", "psn_cash_pay"):
            out.append(f"{say(*PAYERS[name])} {yuan_text(row[name])}")
    out.append(say("最终个人负担：", "burden at the end: ") + _buckets(step["burden"], scale))
    return out


def _reversal(step: dict[str, Any], told: Explanation) -> list[str]:
    original = step["record"]
    out = [say("冲销", "reversal of") + f" {original.setl_id}"]
    out.append(
        say(
            "原结算各列取反，其累计与账户金额退回",
            "its columns with opposite sign; its counters and account money are taken back",
        )
    )
    for key, amount in original.contributions:
        out.append(say("累计", "counter") + f" {counter_name(key)}: -{money_text(amount, 1_000_000)}")
    return out


def clauses(cite: Any) -> str:
    """What a document cites, as one line; empty where it cites nothing."""
    return "" if not cite else cite if isinstance(cite, str) else "; ".join(str(one) for one in cite)


def _cite(cite: Any) -> str:
    text = clauses(cite)
    return text and say("〔依据：", " [clause: ") + text + say("〕", "]")


_TELL = {"natures": _natures, "plan": _plan, "layer": _layer, "end": _end, "reversal": _reversal}
