"""One case: its standard, its kind, and what of it the fund pays."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from ybcore.reference.clearing.world import World, coefficient_of, figures, method_of
from ybcore.reference.figures import Facts
from ybcore.reference.numbers import PPM, rate, round_div

POINT = 10_000


def rounded(value: Fraction, unit: int = 1) -> int:
    """To a multiple of `unit`, half up."""
    return unit * round_div(value.numerator, value.denominator * unit)


class Standing:
    """A case on its way: `way` is how it is paid (standard, item, held, institution), `points` in 1/10000, money in fen."""

    def __init__(self, world: World, case: dict, doc: dict | None, facts: Facts | None) -> None:
        self.world, self.case = world, case
        self.doc: dict = doc or {}
        self.facts: Facts = facts or Facts({}, case["setl_time"], {})
        self.method: dict = (method_of(doc, self.facts) if doc and facts else None) or {}
        self.outcome = "no_document" if doc is None else "paid" if self.method else "no_method"
        self.way = "none"
        self.kind = ""
        self.group: dict | None = None
        self.coefficient: int | None = None
        self.multiple: Fraction | None = None
        self.high_edge: int | None = None
        self.points = 0
        self.standard = self.payment = 0
        self.cut = False

    def money(self, name: str) -> int:
        return self.case.get(name) or 0

    def rule(self, name: str) -> Any:
        return self.method.get(name)

    def rate(self, figure: Any) -> int:
        return figures(self.facts, self.doc).rate(figure)

    def amount(self, figure: Any) -> int:
        return figures(self.facts, self.doc).fixed(figure)

    @property
    def itemised(self) -> int:
        return self.money("fund_pay_sumamt") - self.money("oth_fund_amt")

    @property
    def cost(self) -> int:
        return self.money("medfee_sumamt") - self.money("exct_item_amt")

    @property
    def days(self) -> int:
        given = self.case.get("ipt_days")
        if given is not None:
            return given
        begin, end = self.case.get("begndate"), self.case.get("enddate")
        return max(1, end - begin) if begin is not None and end is not None else 1

    @property
    def by_points(self) -> bool:
        return self.method.get("pays") == "points"

    @property
    def grid(self) -> int:
        """What amounts of this method are rounded to: fen, or a decimal of a point."""
        return 10 ** (4 - int(self.method.get("digits", "4"))) if self.by_points else 1

    @property
    def level(self) -> int:
        """The standard: points where the method has points, fen where it has money."""
        return self.points if self.by_points else self.standard

    def put(self, value: int) -> None:
        if self.by_points:
            self.points = value
        else:
            self.standard = value

    def cut_down(self) -> None:
        self.put(rounded(Fraction(self.level * self.rate(self.rule("readmission")["keeps"]), PPM), self.grid))

    def row(self) -> dict[str, Any]:
        standard, way = self.way == "standard", self.way
        outcome = {"held": "held", "institution": "institution"}.get(way, self.outcome)
        return {
            "setl_id": self.case["setl_id"],
            "document": self.doc.get("id"),
            "method": self.method.get("id"),
            "clr_way": self.method.get("clr_way") or None,
            "group_code": self.case.get("group_code"),
            "outcome": outcome,
            "kind": self.kind or None,
            "multiple": None if self.multiple is None else rounded(self.multiple * PPM),
            "coefficient": self.coefficient,
            "points": self.points if standard and self.by_points and self.case.get("review_amt") is None else None,
            "standard": self.standard if standard else None,
            "payment": self.payment if way in ("standard", "item") else None,
            "itemised": self.itemised,
            "difference": self.payment - self.itemised if way in ("standard", "item") else None,
            "high_edge": self.high_edge,
            "readmission": int(self.cut),
        }


def place(world: World, case: dict) -> Standing:
    """The case with its document, its method, its institution and its group."""
    day = case["setl_time"]
    case = {**case, "clr_type": case.get("clr_type") or "21"}
    doc = world.document(case.get("insutype") or "", case.get("insuplc_admdvs") or "", day)
    one = Standing(world, case, doc, world.facts(doc, case, day) if doc else None)
    one.facts.values.setdefault("ipt_days", one.days)
    if one.method and case.get("group_code"):
        one.group = world.group(case["group_code"], one.facts.values.get("hosp_lv") or "", day)
    return one


def _plain(one: Standing) -> tuple[Fraction, int]:
    """(the base without coefficients, days where it is by day, else 1)."""
    base, group = one.method["base"], one.group or {}
    days = one.days if one.method["pays"] == "days" or group.get("bed_day") else 1
    column = base.get("group")
    if column is None:
        return Fraction(one.amount(base["amount"]) * days), days
    have = {"points": "points", "weight": "weight", "mean": "mean_amt", "amount": "amount"}[column]
    if group.get(have) is None:
        raise ValueError(f"group {one.case.get('group_code')}: {have} is missing")
    value = Fraction(group[have])
    if column == "weight":
        value *= Fraction(one.amount(base["rate"]) if "rate" in base else one.rate(base["times"]) * POINT, PPM)
        value /= 1 if "rate" in base else PPM
    elif column == "mean":
        value *= Fraction(one.rate(base["times"]) * POINT, PPM * one.amount(base["over"]))
    if one.by_points:
        value = Fraction(rounded(value, one.grid))
    return value * days, days


def _needs_group(one: Standing) -> bool:
    against = (one.rule("multiples") or {}).get("against", "mean") if one.rule("multiples") else None
    rules = [one.rule("incomplete"), *(edge.get("pays") for _, edge in _edges(one))]
    return "group" in one.method["base"] or against == "mean" or any(isinstance(rule, dict) for rule in rules)


def _edges(one: Standing) -> list[tuple[str, dict]]:
    multiples = one.rule("multiples") or {}
    return [(name, multiples[name]) for name in ("extreme", "high", "low") if name in multiples]


def settle_standard(one: Standing) -> None:
    """Kind and standard before readmissions; points are still to be valued."""
    if not one.method:
        return
    pays = one.method["pays"]
    if pays in ("heads", "budget"):
        one.way = "institution"
        return
    if pays == "item":
        one.way, one.kind = "item", "normal"
        return
    one.coefficient = coefficient_of(one.method, one.facts, one.doc)
    if one.case.get("review_amt") is not None or (one.by_points and one.case.get("review_points") is not None):
        one.way, one.kind = "standard", "reviewed"
        if one.case.get("review_amt") is not None:
            one.standard = one.case["review_amt"]
        else:
            one.points = one.case["review_points"]
        return
    if one.group is None and _needs_group(one):
        one.kind = "ungrouped"
        _pay(one, one.method["ungrouped"], 0, Fraction(0), Fraction(0))
        return
    plain, days = _plain(one)
    bare = rounded(plain, one.grid)
    standard = rounded(plain * one.coefficient / PPM, one.grid)
    reference = _reference(one, standard, days)
    one.kind, rule = _kind(one, reference)
    _pay(one, rule, standard, Fraction(bare), reference)


def _reference(one: Standing, standard: int, days: int) -> Fraction:
    """What the cost is compared with, in fen; zero where nothing is."""
    multiples = one.rule("multiples")
    if multiples and multiples.get("against", "mean") == "standard":
        return Fraction(standard * rate(multiples["value"]), 10**8) if one.by_points else Fraction(standard)
    if not multiples and not isinstance(one.rule("incomplete"), dict):
        return Fraction(0)
    mean = (one.group or {}).get("mean_amt")
    if mean is None:
        raise ValueError(f"group {one.case.get('group_code')}: mean_amt is missing")
    return Fraction(mean * days)


def _kind(one: Standing, reference: Fraction) -> tuple[str, Any]:
    if reference:
        one.multiple = Fraction(one.cost) / reference
        high = (one.rule("multiples") or {}).get("high")
        if high:
            one.high_edge = rounded(reference * one.rate(high["at"]) / PPM)
    if one.case.get("cmpl_flag") == 0 and one.rule("incomplete"):
        return "incomplete", one.rule("incomplete")
    for name, edge in _edges(one) if reference else ():
        at = Fraction(one.rate(edge["at"]), PPM)
        assert one.multiple is not None
        beyond = one.multiple < at if name == "low" else one.multiple > at
        if beyond or (edge.get("includes") == "true" and one.multiple == at):
            return name, edge["pays"]
    return "normal", "standard"


def _pay(one: Standing, rule: Any, standard: int, bare: Fraction, reference: Fraction) -> None:
    """Puts the standard of a case, or says that it is paid by item or held."""
    if rule == "review":
        rule = one.method["review"]["otherwise"]
    if rule in ("item", "hold"):
        one.way = "item" if rule == "item" else "held"
        return
    one.way = "standard"
    if rule == "standard":
        one.put(standard)
        return
    if "by_cost" in rule:
        over, times = one.amount(rule["by_cost"]["over"]), one.rate(rule["by_cost"]["times"])
        one.put(rounded(Fraction(one.cost * times * POINT, over * PPM), one.grid))
        return
    actual = rule["actual"]
    if not reference:
        one.put(standard)
        return
    whole = bare if actual.get("bare") == "true" else Fraction(standard)
    value = whole * one.cost / reference - Fraction(standard * rate(actual.get("less", "0")), PPM)
    put = rounded(value, one.grid)
    if "most" in actual:
        put = min(put, rounded(Fraction(standard * rate(actual["most"]), PPM), one.grid))
    one.put(max(0, put))


def share_of_fund(one: Standing) -> None:
    """What the fund pays of the standard (docs/clearing.md 2.3)."""
    if one.way == "item":
        one.payment = one.itemised
    if one.way != "standard":
        return
    fund, carved = one.method["fund"], one.money("exct_item_fund_payamt")
    formula = fund["formula"]
    own = one.money("fulamt_ownpay_amt") + one.money("overlmt_selfpay")
    if formula == "whole":
        pay = one.standard
    elif formula == "lesser":
        pay = min(one.standard, one.itemised - carved)
    elif formula == "less_patient":
        patient = one.money("psn_part_amt") - (one.money("exct_item_amt") - carved)
        pay = one.standard - patient - one.money("oth_fund_amt")
    else:
        share = (one.case.get("fund_rate") or 0) if fund["rate"] == "case" else one.rate(fund["rate"])
        base = one.standard - own
        if formula == "policy_share":
            base -= one.money("preselfpay_amt") + one.money("act_pay_dedc")
        pay = round_div(base * share, PPM)
    stops = fund.get("stops_at_zero", "true" if formula == "policy_share" else "false") == "true"
    one.payment = (max(0, pay) if stops else pay) + carved
