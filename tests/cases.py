"""Worked cases as files: read one, settle it through the reference and through the kernel, look a figure up.

A case is YAML with `policy` (one document) or `policies`, the input tables with money in yuan and dates as written, and `expect`:
figure → where it stands. `v1.hifp_pay` is a column of a visit, `v1/basic.pay` a field of a layer's detail, `v1#l2.preselfpay_amt` a
column of a line, `*.psn_part_amt` the sum over visits; terms are joined by + and -, and one `/` divides.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from ybcore import reference
from ybcore.reference.numbers import date, decimal_to_int

MONEY = {
    "visits": {
        "medfee_sumamt",
        "fulamt_ownpay_amt",
        "overlmt_selfpay",
        "preselfpay_amt",
        "inscp_scp_amt",
        "direct_amt",
    },
    "lines": {"det_item_fee_sumamt"},
    "persons": {"balc", "wage"},
    "acct_events": {"amount"},
}
DATES = {"begndate", "enddate", "brdy", "fee_ocur_time", "event_date"}
WHOLE = {"ipt_days", "hsld_size", "cum_clct_mons"}
PLACES = {"cnt": 4, "pric": 6, "selfpay_prop": 6, "hilist_pric_uplmt_amt": 6}
TABLES = ("visits", "lines", "persons", "institutions", "acct_events")


def load(path: Path) -> dict[str, Any]:
    """A case file; every scalar is text."""
    return YAML(typ="base", pure=True).load(path.read_text(encoding="utf-8"))


def value(table: str, column: str, text: str) -> Any:
    """One cell as the engine's units."""
    if text in ("", None):
        return None
    if column == "setl_time":
        day, _, clock = text.partition(" ")
        h, m, s = (int(x) for x in (clock or "0:0:0").split(":"))
        return date(day) * 86400 + h * 3600 + m * 60 + s
    if column in DATES:
        return date(text)
    if column in WHOLE:
        return int(text)
    if column in PLACES:
        return decimal_to_int(text, PLACES[column])
    if column in MONEY.get(table, ()) or (table == "visits" and (column.startswith("given_") or "." in column)):
        return decimal_to_int(text, 2)
    return text


def table(name: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of one table; a visit with `repeat` stands for many."""
    out = []
    for row in rows:
        repeat = row.pop("repeat", None) if isinstance(row, dict) else None
        cells = {column: value(name, column, text) for column, text in row.items()}
        if repeat is None:
            out.append(cells)
            continue
        for i in range(int(repeat["times"])):
            moved = {**cells, "setl_id": f"{cells['setl_id']}-{i + 1:03d}"}
            moved["setl_time"] += i * int(repeat["every_days"]) * 86400
            out.append(moved)
    return out


def inputs(case: dict[str, Any]) -> dict[str, Any]:
    """The tables of a case in the engine's units."""
    out: dict[str, Any] = {name: table(name, [dict(row) for row in case[name]]) for name in TABLES if name in case}
    if "catalog" in case:
        out["catalog"] = {name: table(name, [dict(row) for row in rows]) for name, rows in case["catalog"].items()}
    return out


def documents(case: dict[str, Any]) -> list[dict[str, Any]]:
    return case["policies"] if "policies" in case else [case["policy"]]


class Answer:
    """What one engine made of a case, in fen."""

    def __init__(self, rows: list[dict], detail: list[dict], lines: list[dict]) -> None:
        self.rows = {row["setl_id"]: row for row in rows}
        self.detail = {(step["setl_id"], step["layer"]): step for step in detail}
        self.lines = {(line.get("setl_id"), line["feedetl_sn"]): line for line in lines}

    def term(self, text: str) -> Fraction:
        """One term of an expression; amounts in yuan, rates as ratios."""
        where, dot, column = text.rpartition(".")
        if not dot or where.isdigit():
            return Fraction(text)
        if where == "*":
            return sum((Fraction(row[column], 100) for row in self.rows.values()), Fraction(0))
        if "/" in where:
            visit, _, layer = where.partition("/")
            return Fraction(self.detail[visit, layer][column], 100)
        if "#" in where:
            visit, _, line = where.partition("#")
            hits = [row for (setl_id, name), row in self.lines.items() if name == line and setl_id in (visit, None)]
            return Fraction(hits[0][column], 100)
        return Fraction(self.rows[where][column], 1_000_000 if column == "pool_prop_selfpay" else 100)

    def figure(self, expression: str) -> Fraction:
        """The value of an expression of `expect`."""
        above, divided, below = expression.partition(" / ")
        return self.total(above) / self.total(below) if divided else self.total(above)

    def total(self, expression: str) -> Fraction:
        words = expression.split()
        out = self.term(words[0])
        for sign, word in zip(words[1::2], words[2::2]):
            out += self.term(word) if sign == "+" else -self.term(word)
        return out


def by_reference(case: dict[str, Any]) -> Answer:
    result = reference.settle(documents(case), **inputs(case))
    return Answer(result.rows, result.detail, result.lines)


@cache
def has_kernel() -> bool:
    try:
        import ybcore._core
    except ImportError:
        return False
    return hasattr(ybcore._core, "settle")
