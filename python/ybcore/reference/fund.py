"""The fund's years in plain exact Python, from the parsed document (docs/simulation.md section 8)."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from .numbers import money, rate

Row = dict[str, Any]
_GROWTH = ("wage", "cost", "utilisation", "members")


def fund_years(doc: Row, spending: Mapping[str, int], scenario: str = "base") -> list[Row]:
    """Rows of one scenario, by scheme and year. ``spending``: what the batch says, in fen; of other schemes the document's own."""
    said: Row = next((held for held in doc.get("scenarios", ()) if held["id"] == scenario), {})
    rows = []
    for scheme in doc["schemes"]:
        change = said.get("schemes", {}).get(scheme["id"], {})
        growth: dict[str, Any] = {}
        for source in (doc, said, scheme, change):
            growth.update(source.get("growth", {}))
        held = {**scheme, **change}
        interest = {**doc.get("interest", {}), **said.get("interest", {})}
        ageing = said.get("ageing", doc.get("ageing", "false")) == "true"
        rows += _scheme(doc, held, growth, interest, ageing, _first(scheme, spending))
    return [{"scenario": scenario, **row} for row in rows]


def _first(scheme: Row, spending: Mapping[str, int]) -> Fraction:
    """Spending of the whole scheme in the first year."""
    if scheme["id"] not in spending:
        return Fraction(money(scheme["spending"]))
    whole = sum(int(cohort["count"]) for cohort in scheme["members"])
    return Fraction(spending[scheme["id"]]) * Fraction(whole, int(scheme.get("sample", whole)))


def rounded(value: Fraction) -> int:
    """Halves away from zero."""
    whole, rest = divmod(abs(value), 1)
    size = int(whole) + (1 if rest >= Fraction(1, 2) else 0)
    return size if value >= 0 else -size


def _share(text: str) -> Fraction:
    return Fraction(rate(text), 1_000_000)


def grown(growth: Row, name: str, years: int) -> Fraction:
    """What 1 has become: G of the contract."""
    rates = growth.get(name, "0")
    rates = rates if isinstance(rates, list) else [rates]
    out = Fraction(1)
    for i in range(years):
        out *= 1 + _share(rates[i] if i < len(rates) else rates[-1])
    return out


def _scheme(doc: Row, scheme: Row, growth: Row, interest: Row, ageing: bool, first: Fraction) -> list[Row]:
    cohorts = scheme["members"]
    start = [int(cohort["count"]) for cohort in cohorts]
    counts, balance, rows = start, money(scheme["balance"]), []
    for t in range(int(doc.get("years", "1"))):
        if t and ageing:
            counts = _older(cohorts, counts)
        elif t:
            counts = [rounded(count * grown(growth, "members", t)) for count in start]
        into = (
            _employee(doc, scheme, growth, counts, t) if scheme["kind"] == "employee" else _resident(scheme, counts, t)
        )
        need = [sum(n * _share(c.get("cost", "1")) for n, c in zip(held, cohorts)) for held in (start, counts)]
        out = rounded(first * grown(growth, "cost", t) * grown(growth, "utilisation", t) * need[1] / need[0])
        before = (
            into["contributions_employer"] + into["contributions_person"] + into["subsidy"] - into["account_credit"]
        )
        earned = _share(interest.get("opening", "0")) * max(0, balance)
        earned += _share(interest.get("year", "0")) / 2 * max(0, before - out)
        gain = rounded(earned)
        closing = balance + before + gain - out
        months = Fraction(closing * 12, out) if out else None
        low, high = (_share(text) for text in doc.get("sound", ["6", "9"]))
        rows.append(
            {
                "scheme": scheme["id"],
                "year": int(doc["year"]) + t,
                **into,
                "interest": gain,
                "income": before + gain,
                "spending": out,
                "balance_open": balance,
                "balance_close": closing,
                "reserve_months": months,
                "sound": None if months is None else low <= months <= high,
            }
        )
        balance = closing
    return rows


def _employee(doc: Row, scheme: Row, growth: Row, counts: list[int], t: int) -> Row:
    up = grown(growth, "wage", t)
    average = rounded(money(doc["average_wage"]) * up)
    low = rounded(average * _share(scheme.get("floor", "60%")))
    high = rounded(average * _share(scheme.get("cap", "300%")))
    paid_on, credited = 0, Fraction(0)
    for count, cohort in zip(counts, scheme["members"]):
        wage = rounded(money(cohort.get("wage", "0")) * up)
        if cohort["status"] == "active":
            wage = max(low, min(high, wage)) if low <= high else wage
            paid_on += count * wage
        for rule in scheme.get("account", ()):
            if rule["status"] == cohort["status"] and int(cohort.get("from", "0")) >= int(rule.get("from", "0")):
                one = _share(rule["share"]) * wage if "share" in rule else Fraction(12 * money(rule["month"]))
                credited += count * one
                break
    return {
        "contributions_employer": rounded(_share(scheme["employer"]) * paid_on),
        "contributions_person": rounded(_share(scheme["person"]) * paid_on),
        "subsidy": 0,
        "account_credit": rounded(credited),
    }


def _resident(scheme: Row, counts: list[int], t: int) -> Row:
    each = [max(0, money(scheme[name]) + t * money(scheme.get(f"{name}_step", "0"))) for name in ("premium", "subsidy")]
    return {
        "contributions_employer": 0,
        "contributions_person": sum(counts) * each[0],
        "subsidy": sum(counts) * each[1],
        "account_credit": 0,
    }


def _older(cohorts: list[Row], counts: list[int]) -> list[int]:
    """Everybody a year later."""
    after = [0] * len(cohorts)
    for i, cohort in enumerate(cohorts):
        left = counts[i] - rounded(counts[i] * _share(cohort.get("leave", "0")))
        goes = _follows(cohorts, cohort)
        if goes is not None:
            width = int(cohort["to"]) - int(cohort.get("from", "0")) + 1
            moving = rounded(Fraction(left, width))
            after[goes] += moving
            left -= moving
        after[i] += left + int(cohort.get("enter", "0"))
    return after


def _follows(cohorts: list[Row], cohort: Row) -> int | None:
    if "to" not in cohort:
        return None
    found = {
        other.get("status"): j
        for j, other in enumerate(cohorts)
        if other.get("gend") == cohort.get("gend") and int(other.get("from", "0")) == int(cohort["to"]) + 1
    }
    if cohort.get("status") in found:
        return found[cohort.get("status")]
    return found.get("retired") if cohort.get("status") == "active" else None
