"""One settlement as steps that add up: the bill into its natures, each layer from its base to what it pays, the bill down to cash.

Amounts are exact: whole fen where a row of the result tells them, else fractions of a fen (the product of a band before it is rounded).
A chart begins with a sum, its steps take from it or add to it, and its last sum is what is left: `Chart.adds_up` says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from ..columns.schema import FUNDS
from ..explain import Explanation
from ..messages import BUCKETS, LAYER_KINDS, NATURES, PAYERS, name_of, say
from .story import CEILINGS, PERIODS, RULES, bucket_name, clauses, money_text, percent_text

__all__ = ["BURDENS", "Chart", "Step", "charts", "exact_text", "own_parts"]

PPM = 1_000_000
BURDENS = tuple(BUCKETS)
"""What the person's money was once the accounts had paid."""


@dataclass(frozen=True)
class Step:
    """One bar. `amount` in fen: of a sum what it comes to, of any other step what it adds (below zero: takes off).

    `kind`: `sum`, `person` (stays with the person), `fund`, `hospital`, `account`, `cut` or `round`. `kept`: of a band, what the payer
    pays of the money in it.
    """

    kind: str
    label: str
    amount: Fraction
    start: Fraction
    end: Fraction
    note: str = ""
    kept: Fraction | None = None


@dataclass
class Chart:
    """Steps from one sum to another. `key`: `natures`, `layer` or `cash`; `cite`: the clauses it follows."""

    key: str
    title: str
    cite: str = ""
    notes: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    at: Fraction = Fraction(0)

    def sum(self, label: str, amount: Fraction | int, note: str = "") -> None:
        """A sum; the first one is where the chart begins, each later one must be what is left."""
        if not self.steps:
            self.at = Fraction(amount)
        self.steps.append(Step("sum", label, Fraction(amount), Fraction(0), Fraction(amount), note))

    def step(
        self, kind: str, label: str, amount: Fraction | int, note: str = "", kept: Fraction | None = None, always: bool = False
    ) -> None:  # fmt: skip
        """A step; one of nothing is left out unless it is to be shown `always`."""
        if not amount and not always:
            return
        end = self.at + amount
        self.steps.append(Step(kind, label, Fraction(amount), self.at, end, note, kept))
        self.at = end

    def adds_up(self) -> bool:
        """Whether every sum is the one before it with the steps in between."""
        at: Fraction | None = None
        for step in self.steps:
            if step.kind == "sum":
                if at is not None and at != step.amount:
                    return False
                at = step.amount
            else:
                assert at is not None
                at += step.amount
        return True


def charts(told: Explanation) -> list[Chart]:
    """The charts of a settlement in the language in use; none of one that was refused."""
    if told.row["outcome"] in ("rejected", "not_enrolled"):
        return []
    layers = [_layer(step) for step in told.steps if step["step"] == "layer"]
    return [_natures(told), *layers, _cash(told)]


def exact_text(fen: Fraction) -> str:
    """Fen as yuan, grouped, with every decimal there is; at least two."""
    scale = 1
    while (fen * scale).denominator != 1:
        scale *= 10
    return money_text(int(fen * scale), scale)


def own_parts(told: Explanation) -> list[tuple[str, int]]:
    """(what it is, fen) of the cash: why each part of it is the person's. They add up to the cash."""
    found = ((bucket, told.row[f"burden_{bucket}"]) for bucket in BURDENS)
    return [(say(*BUCKETS[bucket]), fen) for bucket, fen in found if fen]


# ---------------------------------------------------------------------------------------------- the bill


def _natures(told: Explanation) -> Chart:
    row, doc = told.row, told.document or {}
    name = (doc.get("name") or {}).get(say("zh", "en"), "") or doc.get("id", "")
    chart = Chart("natures", say("费用构成", "What the bill is made of"), clauses(doc.get("cite")))
    if name:
        chart.notes.append(say("适用文件：", "document: ") + name)
    chart.sum(say(*NATURES["medfee_sumamt"]), row["medfee_sumamt"])
    for column in ("fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt"):
        chart.step("person", say(*NATURES[column]), -row[column], always=True)
    chart.sum(say(*NATURES["inscp_scp_amt"]), row["inscp_scp_amt"])
    return chart


def _cash(told: Explanation) -> Chart:
    """From the bill to the cash: what each layer paid, what rounding at the end moved, the hospital, the accounts."""
    row = told.row
    chart = Chart("cash", say("从总额到现金", "From the bill to cash"))
    chart.sum(say(*NATURES["medfee_sumamt"]), row["medfee_sumamt"])
    accounts: list[tuple[str, str, Fraction]] = []
    left = {name: Fraction(row[name]) for name in (*FUNDS, "hosp_part_amt", "acct_pay", "acct_mulaid_pay")}
    for step in told.steps:
        if step["step"] != "layer":
            continue
        for payer, units in _by_payer(step["result"]):
            fen, label = Fraction(units, step["scale"]), f"{name_of(PAYERS, payer)} ← {step['layer']}"
            left[payer] -= fen
            if payer.startswith("acct"):
                accounts.append((payer, label, fen))
            else:
                chart.step("hospital" if payer == "hosp_part_amt" else "fund", label, -fen)
    reversal = any(step["step"] == "reversal" for step in told.steps)
    for name in (*FUNDS, "hosp_part_amt"):
        why = "" if reversal else say("合计取整", "rounded at the end")
        kind = "round" if not reversal else "hospital" if name == "hosp_part_amt" else "fund"
        chart.step(kind, name_of(PAYERS, name), -left[name], why)
    chart.sum(say(*PAYERS["psn_part_amt"]), row["psn_part_amt"])
    for _, label, fen in accounts:
        chart.step("account", label, -fen)
    for name in ("acct_pay", "acct_mulaid_pay"):
        chart.step("account", name_of(PAYERS, name), -left[name])
    chart.sum(say(*PAYERS["psn_cash_pay"]), row["psn_cash_pay"])
    return chart


def _by_payer(result: Any) -> Iterator[tuple[str, int]]:
    sums: dict[str, int] = {}
    for payer, units in result.pays:
        sums[payer] = sums.get(payer, 0) + units
    yield from sums.items()
    if result.hospital:
        yield "hosp_part_amt", result.hospital


# ---------------------------------------------------------------------------------------------- one layer


def _layer(step: dict[str, Any]) -> Chart:
    """A layer from its base to what it pays: what stays with the person on the way, and why."""
    r, scale = step["result"], step["scale"]
    payer = name_of(PAYERS, step["payer"])
    kind = "" if step["kind"] == "share" else say(f"［{say(*LAYER_KINDS[step['kind']])}］", f" ({say(*LAYER_KINDS[step['kind']])})")  # fmt: skip
    chart = Chart("layer", say("层 ", "Layer ") + f"{step['layer']}{kind} → {payer}", clauses(step["cite"]))
    parts = say("、", ", ").join(f"{bucket_name(name)} {money_text(held, scale)}" for name, held in r.parts.items() if held)  # fmt: skip
    chart.sum(say("基数", "base"), Fraction(r.base, scale), parts)
    if step["kind"] == "share":
        _share(chart, step)
    else:
        _plain(chart, step)
    rooms = [room for room in r.rooms if not _on_expense(room)]
    for room in rooms:
        _ceiling(chart, room, scale)
    word, kind = {
        "acct": (say("账户余额不足的部分", "more than the accounts hold"), "person"),
    }.get(step["kind"], (say("不低于规定数额，补足", "raised to the least that is paid"), "fund"))
    chart.step(kind, word, Fraction(r.paid, scale) - chart.at)
    chart.sum(say("本层支付", "the layer pays"), Fraction(r.paid, scale))
    return chart


def _on_expense(room: Any) -> bool:
    return room[0]["on"] in ("expense", "above_deductible")


def _ceiling(chart: Chart, room: tuple[dict[str, Any], int, int, int, int], scale: int) -> None:
    ceiling, limit, used, before, after = room
    label = say(*CEILINGS[ceiling["on"]])
    period = say(*PERIODS[ceiling.get("per", "year")])
    note = say(
        f"限额 {money_text(limit, scale)}（{period}），已用 {money_text(used, scale)}",
        f"limit {money_text(limit, scale)} ({period}), used {money_text(used, scale)}",
    )
    chart.step("cut", label, Fraction(after - before, scale), note, always=True)


def _share(chart: Chart, step: dict[str, Any]) -> None:
    """Ceilings on expense, the deductible, the bands, rounding, and a deductible after the rate."""
    r, scale, raw = step["result"], step["scale"], step["doc"]
    above = [room for room in r.rooms if room[0]["on"] == "above_deductible"]
    for room in r.rooms:
        if room[0]["on"] == "expense":
            _ceiling(chart, room, scale)
    before_rate = r.eligible - (above[0][3] if above else r.above)
    rule = (raw.get("deductible") or {}).get("repeat", "visit")
    rule = say(*RULES["cumulative" if raw.get("settle", "per_visit") != "per_visit" else rule])
    note = say(
        f"标准 {money_text(r.standard, scale)}（{rule}），应付 {money_text(r.due, scale)}",
        f"standard {money_text(r.standard, scale)} ({rule}), due {money_text(r.due, scale)}",
    )
    after_rate = "after_rate_deductible" in raw or (raw.get("deductible") or {}).get("position") == "after_rate"
    chart.step("person", say(*BUCKETS["deductible"]), Fraction(-before_rate, scale), note, always="deductible" in raw and not after_rate)  # fmt: skip
    for room in above:
        _ceiling(chart, room, scale)
    inside = sum(width for width, _, _ in r.pieces)
    chart.step("cut", say("最高一段以上", "above the last band"), Fraction(inside - r.above, scale))
    _bands(chart, step)
    paid = min(max(r.target, 0), r.above)
    accumulated = raw.get("settle", "per_visit") != "per_visit"
    word = say("与此前累计结算的差额", "difference to what was settled before") if accumulated else say("取整", "rounding")  # fmt: skip
    chart.step("round", word, Fraction(paid, scale) - chart.at)
    word = say("比例后扣除的起付线", "deductible after the rate")
    chart.step("person", word, Fraction(before_rate - r.deductible, scale), note, always=after_rate)


def _bands(chart: Chart, step: dict[str, Any]) -> None:
    """Of each band the part that stays with the person."""
    r, scale, low = step["result"], step["scale"], step["result"].low
    flat = "part_rates" in step["doc"] or (step["doc"].get("bands") or {}).get("form") == "by_total"
    for width, rate, payer in r.pieces:
        where = "" if flat or len(step["bands"]) < 2 else f" ({money_text(low, scale)}, {money_text(low + width, scale)}]"  # fmt: skip
        kept = Fraction(width * rate, PPM * scale)
        who = f" → {name_of(PAYERS, payer)}" if payer else ""
        note = f"{money_text(width, scale)} × {percent_text(rate)} = {exact_text(kept)}{who}"
        label = say(f"分段{where} 个人部分", f"band{where}, the person's part")
        chart.step("person", label, kept - Fraction(width, scale), note, kept, always=True)
        low += width


def _plain(chart: Chart, step: dict[str, Any]) -> None:
    """A layer of another kind: what it does not pay, by whose it is."""
    r, scale = step["result"], step["scale"]
    chart.step("hospital", name_of(PAYERS, "hosp_part_amt"), Fraction(-r.hospital, scale))
    chart.step("person", say("包干价以上由个人负担", "above the price, the person's"), Fraction(-r.excess_to_person, scale))  # fmt: skip
    kind = say(*LAYER_KINDS[step["kind"]])
    word = say(f"不在本层支付之内（{kind}）", f"not paid by this layer ({kind})")
    chart.step("person", word, Fraction(r.target, scale) - chart.at)
