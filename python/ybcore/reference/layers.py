"""One layer of a plan on one visit: deductible, bands, ceilings, and who gives way.

``Layer`` is a layer with every figure read for one visit. ``Burden`` is who still owes what. Everything is in units of money
(fen, or millionths of a fen where the document says ``exact``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .figures import Amount, Facts, Figures
from .numbers import PPM, Rounding, rate, round_div

FUNDS = ("hifp_pay", "cvlserv_pay", "hifes_pay", "hifmi_pay", "hifob_pay", "hifdm_pay", "maf_pay", "oth_pay")


@dataclass
class Band:
    to: int | None
    rate: int
    payer: str | None


@dataclass
class Standard:
    """A deductible rule with its modifiers read, up to the admission rule."""

    rule: dict
    amount: Amount
    edits: list[tuple[str, int]]
    waived: bool
    figures: Figures

    def value(self, number: int, counter: Callable[[str], int], rounding: Rounding) -> int:
        """The standard for admission ``number``, in units of money."""
        amount = self.amount if isinstance(self.amount, int) else self.amount(counter)
        for kind, value in self.edits:
            amount = {
                "set": value,
                "plus": amount + value,
                "minus": amount - value,
                "times": round_div(amount * value, PPM),
            }[kind]
        amount = self._admitted(amount, number)
        if "floor" in self.rule:
            amount = max(amount, self.figures.fixed(self.rule["floor"]))
        amount = max(0, amount) * rounding.scale
        own = self.rule.get("round")
        amount = (
            rounding.to(own["to"], own.get("mode", "half_up"), amount) if own else rounding.at("deductible", amount)
        )
        return 0 if self.waived else amount

    def _admitted(self, amount: int, n: int) -> int:
        rule, figures = self.rule.get("admission") or {}, self.figures
        if "list" in rule:
            return figures.fixed(rule["list"][min(n, len(rule["list"])) - 1])
        if "factors" in rule:
            return round_div(amount * figures.rate(rule["factors"][min(n, len(rule["factors"])) - 1]), PPM)
        if "less_share" in rule:
            return round_div(amount * max(0, PPM - figures.rate(rule["less_share"]) * (n - 1)), PPM)
        if "times" in rule:
            for _ in range(n - 1):
                amount = round_div(amount * figures.rate(rule["times"]), PPM)
        if "less" in rule:
            amount = max(0, amount - figures.fixed(rule["less"]) * (n - 1))
        return amount


def read_standard(rule: dict, figures: Figures) -> Standard:
    """Read a deductible: the first matching edit of each list, in the order replace, group, level, place."""
    edits = []
    for name in ("replace", "group", "level", "place"):
        for edit in rule.get(name, []):
            if figures.facts.holds(edit.get("when")):
                kind = next(k for k in ("set", "plus", "minus", "times") if k in edit)
                edits.append((kind, figures.rate(edit[kind]) if kind == "times" else figures.fixed(edit[kind])))
                break
    waived = any(figures.facts.holds(w.get("when")) for w in rule.get("waive", []))
    standard = Standard(rule, figures.amount(rule.get("amount", "0")), edits, waived, figures)
    for figure in [*(rule.get("admission") or {}).get("list", [])]:
        figures.fixed(figure)
    admission = rule.get("admission") or {}
    for figure in [*admission.get("factors", []), *[admission[k] for k in ("less_share", "times") if k in admission]]:
        figures.rate(figure)
    for figure in [admission[k] for k in ("less",) if k in admission] + [rule[k] for k in ("floor",) if k in rule]:
        figures.fixed(figure)
    return standard


class Layer:
    """A layer whose ``when`` holds, with its figures read."""

    def __init__(self, doc: dict, figures: Figures) -> None:
        self.doc, self.id, self.kind = doc, doc["id"], doc.get("kind", "share")
        self.payer = "acct_pay" if self.kind == "acct" else doc["payer"]
        self.basic, self.moves = doc.get("basic") == "true", doc.get("basic") == "true" or doc.get("moves") == "true"
        self.settle = doc.get("settle", "per_visit")
        base = doc.get("base", ["in_scope"])
        self.computed = base if isinstance(base, dict) else None
        listed = base["from"] if isinstance(base, dict) else base
        self.base = [
            (b, PPM) if isinstance(b, str) else (b["bucket"], figures.rate(b.get("part", "1"))) for b in listed
        ]
        self.standard = read_standard(doc["deductible"], figures) if "deductible" in doc else None
        after = doc.get("after_rate_deductible")
        after = {"amount": after} if isinstance(after, str) or (after is not None and "amount" not in after) else after
        self.after = read_standard(after, figures) if after is not None else None
        bands = doc.get("bands", {})
        self.origin, self.position = bands.get("origin", "including"), bands.get("position", "visit")
        self.by_total, self.total = bands.get("form") == "by_total", bands.get("total", "base")
        change = rate_change(doc.get("rate_modifiers", {}), figures)
        steps = bands.get("steps", [{"to": "open", "rate": doc["rate"]}] if "rate" in doc else [])
        self.bands = [
            Band(None if s["to"] == "open" else figures.fixed(s["to"]), change(figures.rate(s["rate"])), s.get("payer"))
            for s in steps
        ]
        self.part_rates = {bucket: change(figures.rate(r)) for bucket, r in doc.get("part_rates", {}).items()}
        self.at_least = figures.amount(doc["at_least"]) if "at_least" in doc else None
        self.ceilings = [(c, figures.amount(c["limit"])) for c in doc.get("ceilings", [])]
        self.amounts = {k: figures.amount(doc[k]) for k in ("amount", "limit", "price") if k in doc}
        self.shares = {k: figures.rate(doc[k]) for k in ("share", "self_rate") if k in doc}


def rate_change(modifiers: dict, figures: Figures) -> Callable[[int], int]:
    """base → points → self_ratio → factor, then clamped to 0–100 %."""
    facts = figures.facts
    points = [figures.rate(m["add"]) for m in modifiers.get("points", []) if facts.holds(m.get("when"))]
    ratios = [figures.rate(m["times"]) for m in modifiers.get("self_ratio", []) if facts.holds(m.get("when"))]
    factors = [figures.rate(m["times"]) for m in modifiers.get("factor", []) if facts.holds(m.get("when"))]

    def changed(base: int) -> int:
        base += sum(points)
        for ratio in ratios:
            base = PPM - round_div((PPM - base) * ratio, PPM)
        for factor in factors:
            base = round_div(base * factor, PPM)
        return min(max(base, 0), PPM)

    return changed


@dataclass
class Result:
    """What one layer did."""

    base: int = 0
    eligible: int = 0
    above: int = 0
    standard: int = 0
    due: int = 0
    deductible: int = 0
    target: int = 0
    carry: int = 0
    cut_fund: int = 0
    cut_fund_moves: int = 0
    cut_expense: int = 0
    room: int | None = None
    rate: int = 0
    pays: list[tuple[str, int]] = field(default_factory=list)
    hospital: int = 0
    excess_to_person: int = 0
    # Only for whoever explains: base parts, money on the bands, ceilings met, what each bucket gave.
    parts: dict[str, int] = field(default_factory=dict)
    low: int = 0
    pieces: list[tuple[int, int, str | None]] = field(default_factory=list)
    rooms: list[tuple[dict, int, int, int, int]] = field(default_factory=list)
    taken: dict[str, int] = field(default_factory=dict)

    @property
    def paid(self) -> int:
        return sum(amount for _, amount in self.pays)


class Scale:
    """The bands of one layer from ``low`` on, and where the payable money lies on them."""

    def __init__(self, layer: Layer, rounding: Rounding, low: int, total: int) -> None:
        self.layer, self.rd, self.low = layer, rounding, low
        self.bands = [(None if b.to is None else b.to * rounding.scale, b.rate, b.payer) for b in layer.bands]
        if layer.by_total:
            hit = next(((None, r, p) for to, r, p in self.bands if to is None or total <= to), None)
            self.bands, self.low = ([hit] if hit else []), 0

    def pieces(self, money: int) -> list[tuple[int, int, str | None]]:
        """(width, rate, payer) of each band that money reaches; what lies past the last edge is in none."""
        out, start, end = [], self.low, self.low + money
        floor = 0
        for to, band_rate, payer in self.bands:
            top = end if to is None else min(end, to)
            width = max(0, top - max(start, floor))
            if width:
                out.append((width, band_rate, payer))
            floor = to if to is not None else floor
        return out

    def pay(self, money: int) -> list[tuple[str, int]]:
        """Payments by payer, rounded where the document says."""
        pieces, own, rd = self.pieces(money), self.layer.payer, self.rd
        if any(payer for _, _, payer in pieces):
            return [(payer or own, rd.at("layer", width * r, PPM)) for width, r, payer in pieces]
        if rd.exact("band"):
            return [(own, rd.at("layer", sum(width * r for width, r, _ in pieces), PPM))]
        return [(own, rd.at("layer", sum(rd.at("band", width * r, PPM) for width, r, _ in pieces)))]


def behind(pieces: list[tuple[int, int, Any]], paid: int) -> int:
    """The least expense whose unrounded payment reaches ``paid``."""
    expense, wanted = 0, paid * PPM
    for width, r, _ in pieces:
        if wanted <= 0:
            break
        if width * r >= wanted:
            return expense + round_div(wanted, r)
        expense, wanted = expense + width, wanted - width * r
    return expense


def take(parts: dict[str, int], amount: int, pro_rata: bool) -> dict[str, int]:
    """Which bucket gives how much of a payment."""
    taken, rest, seen, given, whole = {}, amount, 0, 0, sum(parts.values())
    for bucket, held in parts.items():
        if pro_rata:
            seen += held
            upto = amount * seen // whole if whole else 0
            taken[bucket], given = upto - given, upto
        else:
            taken[bucket] = min(held, rest)
            rest -= taken[bucket]
    return taken


__all__ = ["FUNDS", "Band", "Facts", "Layer", "Result", "Scale", "Standard", "behind", "rate", "read_standard", "take"]
