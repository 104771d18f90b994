"""What a settling group remembers: counters, accounts, and the settlements that still stand.

Counter values are kept in millionths of a fen whatever the document's unit, so that documents may follow each other.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from .figures import Facts, Figures
from .numbers import GRID, calendar, days_of, round_div

Key = tuple[Any, ...]


def year_start(day: int, starts: str) -> int:
    """First day of the insurance year that ``day`` is in."""
    month, first = (int(x) for x in starts.split("-"))
    d = calendar(day)
    begin = dt.date(d.year, month, first)
    return days_of(begin if begin <= d else dt.date(d.year - 1, month, first))


def period_key(period: str, day: int, starts: str) -> int:
    """The period of a date, as a whole number that names it."""
    d = calendar(day)
    if period == "year":
        return year_start(day, starts)
    if period == "quarter":
        return d.year * 4 + (d.month - 1) // 3
    if period == "month":
        return d.year * 12 + d.month - 1
    return day if period == "day" else 0


@dataclass
class Record:
    """One settlement as later visits and reversals need it."""

    setl_id: Any
    psn_no: str
    mdtrt_id: str
    scheme: str
    outcome: str
    enddate: int
    columns: dict[str, int]
    contributions: list[tuple[Key, int]] = field(default_factory=list)
    admissions: list[tuple[Key, str, int]] = field(default_factory=list)
    standards: list[tuple[Key, int]] = field(default_factory=list)
    stay_used: dict[str, int] = field(default_factory=dict)
    chain: dict[str, tuple[int, int]] = field(default_factory=dict)
    account: list[tuple[str, int]] = field(default_factory=list)


@dataclass
class Account:
    """A balance, the opening balance, the first year's start and the day through which events are applied."""

    balance: int
    opening: int
    start: int
    through: int | None = None


class Ledger:
    """State of one settling group."""

    def __init__(self) -> None:
        self.counters: dict[Key, int] = {}
        self.accounts: dict[str, Account] = {}
        self.standing: list[Record] = []
        self.reversed: dict[Any, str] = {}

    def read(self, key: Key, scale: int) -> int:
        """A counter in units of money of the asking document."""
        return round_div(self.counters.get(key, 0) * scale, GRID)

    def add(self, contributions: list[tuple[Key, int]], sign: int = 1) -> None:
        for key, amount in contributions:
            self.counters[key] = self.counters.get(key, 0) + sign * amount

    def highest(self, key: Key) -> int:
        return max((s for record in self.standing for k, s in record.standards if k == key), default=0)

    def admission(self, key: Key, stay: str, one_per_stay: bool) -> tuple[int, bool]:
        """(number of this admission, whether it is a new one)."""
        counted = [(other, number) for record in self.standing for k, other, number in record.admissions if k == key]
        if one_per_stay:
            for other, number in counted:
                if other == stay:
                    return number, False
            return 1 + len({other for other, _ in counted}), True
        return 1 + len(counted), True

    def linked(self, layer: str, scheme: str, psn_no: str, visit: dict, rule: dict) -> Record | None:
        """The standing settlement that a transfer continues."""
        mine = [r for r in self.standing if r.psn_no == psn_no and r.scheme == scheme and layer in r.chain]
        if "id" in rule["link"] and visit.get("refl_old_mdtrt_id"):
            hits = [r for r in mine if r.mdtrt_id == visit["refl_old_mdtrt_id"]]
            if hits:
                return hits[-1]
        if "days" in rule["link"]:
            within = int(rule["within_days"])
            hits = [
                r
                for r in mine
                if r.admissions and r.mdtrt_id != visit["mdtrt_id"] and 0 <= visit["begndate"] - r.enddate <= within
            ]
            if hits:
                return max(hits, key=lambda r: (r.enddate, self.standing.index(r)))
        return None


def account_events(account: Account, psn_no: str, upto: int, world: Any) -> None:
    """Apply what happens to an account up to and including a day: renewals, the table's events, top-ups."""
    after = account.through
    days: dict[int, list[tuple[int, str, int]]] = {}
    for event in world.account_table.get(psn_no, []):
        if event["event_date"] <= upto and (after is None or event["event_date"] > after):
            rank = 1 if event["kind"] == "set" else 2
            days.setdefault(event["event_date"], []).append((rank, event["kind"], event["amount"]))
    day = account.start if after is None else after + 1
    first = day_of_month(day)
    while first <= upto:
        if first >= day:
            doc, facts, figures = world.person_rules(psn_no, first)
            rules = doc.get("accounts", {}) if doc else {}
            new_year = first == year_start(first, world.year_starts)
            if new_year and first > account.start and rules.get("renew", "carried") != "carried":
                days.setdefault(first, []).append((0, "set", account.opening if rules["renew"] == "opening" else 0))
            for topup in rules.get("topups", []):
                if (topup["every"] == "month" or new_year) and facts.holds(topup.get("when")):
                    days.setdefault(first, []).append((3, "add", figures.fixed(topup["amount"])))
        first = next_month(first)
    for when in sorted(days):
        for _, kind, amount in sorted(days[when], key=lambda e: e[0]):
            account.balance = amount if kind == "set" else account.balance + amount
    account.through = upto if after is None else max(after, upto)


def day_of_month(day: int) -> int:
    """First day of the month of a date."""
    return days_of(calendar(day).replace(day=1))


def next_month(first: int) -> int:
    """First day of the month after one that begins on ``first``."""
    return day_of_month(first + 32)


__all__ = ["Account", "Facts", "Figures", "Key", "Ledger", "Record", "account_events", "period_key", "year_start"]
