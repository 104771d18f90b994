"""Conditions and figures: what a document says about one visit.

A document is the nested dict/list/str that the YAML reader gives. ``Facts`` are what is known of the visit; ``holds`` answers a
``when``; ``Figures`` answers every place where the document writes an amount or a rate.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .numbers import PPM, Reject, date, money, rate, round_div

PREFIX = {"insutype", "psn_type", "med_type", "psn_idet_type", "dise_codg", "insuplc_admdvs", "mdtrtarea_admvs"}
NUMBER = {"age", "cum_clct_mons", "ipt_days"}
MONEY_FIELDS = {"wage", "balc"}


class Facts:
    """The attributes of one visit on its policy date. Texts are never None: a missing code is ''."""

    def __init__(self, values: dict[str, Any], policy_date: int, doc: dict) -> None:
        self.values = values
        self.date = policy_date
        self.sets = doc.get("sets", {})
        self.declared = doc.get("attributes", {})

    def kind(self, attribute: str) -> str:
        if attribute in self.declared:
            return self.declared[attribute].get("match", "exact")
        return "prefix" if attribute in PREFIX else "number" if attribute in NUMBER else "exact"

    def matches(self, attribute: str, test: Any) -> bool:
        """One attribute against one test of a condition or one key of a table."""
        if isinstance(test, list):
            return any(self.matches(attribute, t) for t in test)
        if isinstance(test, dict):
            if "not" in test:
                return not self.matches(attribute, test["not"])
            value = self.values.get(attribute)
            return (
                value is not None
                and int(test.get("from", value)) <= value
                and ("below" not in test or value < int(test["below"]))
            )
        if test.startswith("@"):
            return any(self.matches(attribute, code) for code in self.sets.get(test[1:], []))
        kind = self.kind(attribute)
        if kind == "number":
            return _in_range(self.values.get(attribute), test)
        value = self.values.get(attribute) or ""
        return value.startswith(test) if kind == "prefix" and test else value == test

    def holds(self, when: dict | None) -> bool:
        """True when every test of a condition holds; an absent condition holds."""
        return all(self.matches(attribute, test) for attribute, test in (when or {}).items())


def _in_range(value: int | None, text: str) -> bool:
    if value is None:
        return False
    if text.endswith("+"):
        return value >= int(text[:-1])
    if text.startswith("<"):
        return value < int(text[1:])
    low, dash, high = text.partition("-")
    return int(low) <= value <= int(high) if dash and low else value == int(text)


Amount = int | Callable[[Callable[[str], int]], int]


class Figures:
    """Reads figures for one visit. ``assumed`` and ``missing`` turn True when an assumed figure, or a field without a value, is read."""

    def __init__(self, facts: Facts, doc: dict, fields: dict[str, int | None]) -> None:
        self.facts, self.doc, self.fields = facts, doc, fields
        self.assumed = self.missing = False

    def _pick(self, figure: Any, unit: str = "yuan") -> tuple[Any, str]:
        """Follow tables, dates and long forms down to a scalar or a computed form."""
        while isinstance(figure, dict):
            if "value" in figure:
                self.assumed |= figure.get("source") == "assumed"
                unit = figure.get("unit", unit)
                figure = figure["value"]
            elif "dated" in figure:
                rows = [row for row in figure["dated"] if date(row["from"]) <= self.facts.date]
                if not rows:
                    raise Reject("no_figure")
                figure = {k: v for k, v in rows[-1].items() if k != "from"}
            elif "by" in figure:
                keys = [k for k in figure if k not in ("by", "else")]
                hit = next((k for k in keys if self.facts.matches(figure["by"], k.split("|"))), None)
                if hit is None and "else" not in figure:
                    raise Reject("no_figure")
                figure = figure["else" if hit is None else hit]
            else:
                break
        return figure, unit

    def text(self, figure: Any) -> str:
        """A figure whose cells are texts."""
        return self._pick(figure)[0]

    def rate(self, figure: Any) -> int:
        """A rate in ppm."""
        figure, _ = self._pick(figure)
        if isinstance(figure, str):
            return rate(figure)
        rule = figure["from_age"]
        age = self.facts.values.get("age")
        if age is None:
            raise Reject("no_figure")
        steps = max(0, age - int(rule.get("from", "0"))) // int(rule.get("every", "1"))
        value = rate(rule["start"]) + rate(rule["per_year"]) * steps
        return min(max(value, rate(rule.get("min", "0"))), rate(rule.get("max", "1")))

    def amount(self, figure: Any) -> Amount:
        """An amount in fen, or a function of the counters when one of them chooses it."""
        figure, unit = self._pick(figure)
        if isinstance(figure, str):
            return money(figure, unit)
        if "compute" in figure:
            return self._compute(figure["compute"])
        rows = [
            (None if row["upto"] == "open" else money(row["upto"]), self.fixed(row["value"])) for row in figure["rows"]
        ]
        name = figure["by_counter"]

        def chosen(counter: Callable[[str], int]) -> int:
            now = counter(name)
            return next((value for upto, value in rows if upto is None or now <= upto), 0)

        return chosen

    def fixed(self, figure: Any) -> int:
        """An amount that no counter chooses."""
        value = self.amount(figure)
        if not isinstance(value, int):
            raise ValueError("a by_counter figure cannot stand inside another figure")
        return value

    def field(self, name: str) -> int:
        value = self.fields.get(name)
        self.missing |= value is None
        return value or 0

    def _compute(self, rule: dict) -> int:
        """clamp(round(base + factor × of / over + step × max(0, count − beyond)), min, max), rounded once."""
        over = int(rule.get("over", "1"))
        total = self.fixed(rule.get("base", "0")) * over * PPM
        if "of" in rule:
            total += self.rate(rule.get("factor", "1")) * self._of(rule["of"])
        if "plus" in rule:
            plus = rule["plus"]
            count = max(0, self.field(plus["count"]) - int(plus.get("beyond", "0")))
            total += self.fixed(plus["step"]) * count * over * PPM
        to = rule.get("round", {})
        unit = {"fen": 1, "jiao": 10, "yuan": 100}[to.get("to", "fen")]
        value = unit * round_div(total, PPM * over * unit, to.get("mode", "half_up"))
        if "min" in rule:
            value = max(value, self.fixed(rule["min"]))
        return min(value, self.fixed(rule["max"])) if "max" in rule else value

    def _of(self, of: Any) -> int:
        """Fen; a field that is a count (members, months) stands for that many yuan."""
        if isinstance(of, str):
            return self.field(of) * (1 if of in MONEY_FIELDS else 100)
        if "reference" in of:
            return self.fixed(self.doc["references"][of["reference"]])
        return self.fixed(of["amount"])


def person_order(row: dict) -> tuple[bytes, float, float]:
    """Rows of one person: by insutype, then by their days; the first that holds is taken where a visit names no insutype."""
    begin, end = row.get("begndate"), row.get("enddate")
    return (
        str(row.get("insutype") or "").encode(),
        float("-inf") if begin is None else begin,
        float("inf") if end is None else end,
    )
