"""The ordinary layer, step by step, and the counters that the rules of a layer keep for themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .figures import Amount
from .layers import Layer, Result, Scale, behind
from .numbers import GRID, PPM

if TYPE_CHECKING:
    from .kinds import Kinds


class Share:
    """The ordinary layer: expense ceilings, deductible, bands, after-rate deductible, fund ceilings."""

    def __init__(self, settling: Kinds, layer: Layer, result: Result, parts: dict[str, int]) -> None:
        self.s, self.layer, self.r, self.parts = settling, layer, result, parts

    def cut(self, ceiling: dict, limit: Amount, amount: int) -> int:
        """What a ceiling on expense leaves of an amount."""
        allowed, used = self.s.amount(limit), self.s.read(self.s.ceiling_key(self.layer, ceiling))
        left = min(amount, max(0, allowed - used))
        self.r.rooms.append((ceiling, allowed, used, amount, left))
        return left

    def run(self) -> None:
        s, layer, r = self.s, self.layer, self.r
        eligible = r.base
        for ceiling, limit in layer.ceilings:
            if ceiling["on"] == "expense":
                eligible = self.cut(ceiling, limit, eligible)
        r.cut_expense = r.base - eligible
        r.eligible = eligible
        after_rate = layer.standard is not None and layer.standard.rule.get("position") == "after_rate"
        s.chained = (0, 0)
        due, r.standard = s.due(layer, r)
        r.due = due
        accumulated = layer.settle != "per_visit"
        p = s.read(s.declared(layer.doc["accumulate"])) if accumulated else 0
        if after_rate:
            r.deductible = 0
        elif accumulated:
            r.deductible = min(p + eligible, r.standard) - min(p, r.standard)
            r.due = max(0, r.standard - p)
        else:
            r.deductible = min(due, eligible)
        above = eligible - r.deductible
        for ceiling, limit in layer.ceilings:
            if ceiling["on"] == "above_deductible":
                above = self.cut(ceiling, limit, above)
        r.cut_expense += eligible - r.deductible - above
        r.above = above
        pieces = (
            self.pay_parts(above)
            if layer.part_rates
            else self.pay_accumulated(p, above)
            if accumulated
            else self.pay_visit(above)
        )
        r.pieces = pieces
        inside = sum(width for width, _, _ in pieces)
        r.cut_expense += max(0, above - inside)
        self.after(after_rate, due)
        reached = {rate for width, rate, _ in pieces}
        r.rate = pieces[0][1] if len(pieces) == 1 and len(reached) == 1 else 0
        before = r.paid
        pay = s.fund_ceilings(layer, r, before, lambda x: behind(pieces, x), inside)
        self.give_back(before - pay)
        self.remember()

    def pay_visit(self, above: int) -> list[tuple[int, int, str | None]]:
        layer, s, r = self.layer, self.s, self.r
        p = 0 if layer.position == "visit" else s.read(s.declared(layer.position))
        low = p + (r.deductible if layer.origin == "including" else 0)
        total = p + (r.base if layer.total == "base" else above)
        r.low = low
        scale = Scale(layer, s.rd, low, total)
        r.pays = scale.pay(above)
        self.give_back(max(0, r.paid - above))
        r.target = r.paid
        return scale.pieces(above)

    def pay_parts(self, above: int) -> list[tuple[int, int, str | None]]:
        """One flat rate per base part; the deductible from the front, expense cuts from the back."""
        layer, s, r = self.layer, self.s, self.r
        left, cut = r.deductible, r.base - r.deductible - above
        pieces: list[list[int]] = []
        for bucket, held in self.parts.items():
            gone = min(left, held)
            left -= gone
            pieces.append([held - gone, layer.part_rates.get(bucket, 0)])
        for piece in reversed(pieces):
            gone = min(cut, piece[0])
            piece[0] -= gone
            cut -= gone
        kept: list[tuple[int, int, str | None]] = [(width, rate, None) for width, rate in pieces if width]
        r.pays = [(layer.payer, s.rd.at("layer", sum(width * rate for width, rate, _ in kept), PPM))]
        self.give_back(max(0, r.paid - above))
        r.target = r.paid
        return kept

    def pay_accumulated(self, p: int, above: int) -> list[tuple[int, int, str | None]]:
        """F(after) − F(before), or F(after) − paid so far."""
        layer, s, r = self.layer, self.s, self.r
        start, after = r.standard, p + r.eligible
        counter = s.doc["counters"][layer.doc["accumulate"]]
        period, scope = counter["period"], counter.get("scope", "person")

        def f(total: int) -> int:
            beyond = max(0, total - start)
            low = start if layer.origin == "including" else 0
            return sum(amount for _, amount in Scale(layer, s.rd, low, total).pay(beyond))

        carry = layer.doc.get("carry", "true" if layer.settle == "F_minus_paid" else "false") == "true"
        if layer.settle == "F_minus_paid":
            r.target = f(after) - s.read(s.own_key((f"{layer.id}.{'paid' if carry else 'target'}",), period, scope))
        else:
            carried = s.read(s.own_key((f"{layer.id}.carry",), period, scope)) if carry else 0
            r.target = f(after) - f(p) + carried
        pay = min(max(r.target, 0), above)
        if layer.settle == "delta_F" and carry:
            r.carry = r.target - pay - carried
        r.pays = [(layer.payer, pay)]
        low = r.low = max(p, start) if layer.origin == "including" else max(0, p - start)
        return Scale(layer, s.rd, low, after).pieces(above)

    def after(self, after_rate: bool, due: int) -> None:
        """Deductibles taken from the payment itself."""
        s, r = self.s, self.r
        wanted = due if after_rate else 0
        if self.layer.after is not None:
            extra = self.layer.after.value(s.number, s.counter_in_fen, s.rd)
            wanted += extra
            if self.layer.standard is None:
                r.standard = r.due = extra
        taken = min(wanted, r.paid)
        self.give_back(taken)
        r.deductible += taken

    def give_back(self, amount: int) -> None:
        """Lower the payments by an amount: the highest band's payer gives way first."""
        for i in range(len(self.r.pays) - 1, -1, -1):
            payer, paid = self.r.pays[i]
            less = min(amount, paid)
            self.r.pays[i] = (payer, paid - less)
            amount -= less

    def remember(self) -> None:
        """What transfers and further settlements of the same stay need to know."""
        s, r, record = self.s, self.r, self.s.record
        if self.layer.standard is None:
            return
        micro = GRID // s.rd.scale
        record.stay_used[self.layer.id] = r.deductible * micro
        std, used = getattr(s, "chained", (0, 0))
        record.chain[self.layer.id] = (max(std, r.standard * micro), used + r.deductible * micro)


def ceiling_terms(layer: str, ceiling: dict) -> tuple[str, ...]:
    """The quantity a ceiling without a declared counter measures."""
    on = ceiling["on"]
    if on == "payers":
        return tuple(f"payer.{payer}" for payer in ceiling["of"])
    if on == "layers":
        return tuple(f"{other}.paid" for other in ceiling["of"])
    return (f"{layer}.{ {'fund': 'paid', 'expense': 'eligible', 'above_deductible': 'above'}[on] }",)


def own_of(layer: dict, counters: dict) -> list[tuple[tuple[str, ...], str, Any]]:
    """Counters that the rules of one layer keep for themselves: (terms, period, scope)."""
    name: str = layer["id"]
    out: list[tuple[tuple[str, ...], str, Any]] = []
    rule = layer.get("deductible", {})
    period, scope = rule.get("period", "year"), rule.get("scope", "person")
    terms = {
        "cumulative": "deductible",
        "first_only": "ran",
        "highest": "deductible" if rule.get("less", "used") == "used" else "due",
    }
    if rule.get("repeat") in terms and "counter" not in rule:
        out.append(((f"{name}.{terms[rule['repeat']]}",), period, scope))
    if "once" in layer:
        out.append(((f"{name}.times",), layer["once"].get("period", "year"), layer["once"].get("scope", "person")))
    for ceiling in layer.get("ceilings", []):
        if "counter" not in ceiling:
            out.append((ceiling_terms(name, ceiling), ceiling.get("per", "year"), ceiling.get("scope", "person")))
    if "accumulate" in layer:
        counter = counters[layer["accumulate"]]
        for term in ("paid", "target", "carry"):
            out.append(((f"{name}.{term}",), counter["period"], counter.get("scope", "person")))
    return out
