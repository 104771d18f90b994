"""Cash benefits: a base by days or months, and a lump sum (docs/clearing.md section 5)."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from ybcore.reference.figures import Facts, Figures
from ybcore.reference.numbers import date, decimal_to_int, round_div

PLACES = 10_000
UNITS = {"fen": 1, "jiao": 10, "yuan": 100}


def benefit(documents: list[dict], claims: list[dict]) -> list[dict[str, Any]]:
    """What each claim is paid; money in fen, days and months in 1/10000."""
    return [_one(documents, claim) for claim in claims]


def _holds(doc: dict, claim: dict) -> bool:
    start, end, scheme = doc["effective"]["from"], doc["effective"].get("to"), doc["scheme"]
    return (
        date(start) <= claim["event_date"]
        and (end is None or claim["event_date"] < date(end))
        and any((claim.get("insutype") or "").startswith(code) for code in scheme["insutype"])
        and (scheme["region"] == "*" or (claim.get("insuplc_admdvs") or "").startswith(scheme["region"]))
    )


def _one(documents: list[dict], claim: dict) -> dict[str, Any]:
    row: dict[str, Any] = {"claim_id": claim["claim_id"], "document": None, "benefit": None, "outcome": "no_document",
                           "count": None, "allowance": None, "lump": None, "pay": None}  # fmt: skip
    doc = next((doc for doc in sorted(documents, key=lambda doc: doc["id"]) if _holds(doc, claim)), None)
    if doc is None:
        return row
    values = {name: value for name, value in claim.items() if value not in (None, "")}
    values = {"difficult": "0", "births": 1, **values}
    for name, told in doc.get("attributes", {}).items():
        values.setdefault(name, told.get("default", ""))
    numbers = {name: {"match": "number"} for name in ("births",)}
    facts = Facts(values, claim["event_date"], {**doc, "attributes": {**numbers, **doc.get("attributes", {})}})
    told = Figures(facts, doc, {})
    rule = next((rule for rule in doc["benefits"] if facts.holds(rule.get("when"))), None)
    row |= {"document": doc["id"], "outcome": "no_benefit"}
    if rule is None:
        return row
    base = claim[rule["base"]["column"]]
    if "least" in rule["base"]:
        base = max(base, told.fixed(rule["base"]["least"]))
    if "most" in rule["base"]:
        base = min(base, told.fixed(rule["base"]["most"]))
    count = _count(rule["count"], values, facts)
    by = 30 if rule["unit"] == "days" else 1
    lump = told.fixed(rule.get("lump", "0"))
    rounding = rule.get("round", {})
    unit, mode = UNITS[rounding.get("to", "fen")], rounding.get("mode", "half_up")
    exact = Fraction(base * count, by * PLACES)
    late = rounding.get("at", "allowance") == "total"
    allowance = _to(exact, 1 if late else unit, mode)
    pay = _to(exact + lump, unit, mode) if late else allowance + lump
    return row | {
        "benefit": rule["id"],
        "outcome": "paid",
        "count": count,
        "allowance": allowance,
        "lump": lump,
        "pay": pay,
    }


def _count(rule: dict, values: dict, facts: Facts) -> int:
    """Days or months in 1/10000."""
    total = values.get(rule["column"], 0) if "column" in rule else decimal_to_int(rule["start"], 4)
    for plus in rule.get("plus", []):
        adds = decimal_to_int(plus["adds"], 4)
        if "each" in plus:
            adds *= max(0, values.get(plus["each"], 0) - int(plus.get("beyond", "0")))
        if facts.holds(plus.get("when")):
            total += adds
    return total


def _to(value: Fraction, unit: int, mode: str) -> int:
    return unit * round_div(value.numerator, value.denominator * unit, mode)
