"""Where a source leaves the comparator, the window or the reading open, the shipped rule chose one: the same rows under it and under the other."""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pytest
import ybcore
from ybcore.checks import RuleBook, load_rules, shipped_rules

Cells = dict[str, Any]
MARCH = dt.datetime(2024, 3, 1, 9)
#: Pairs of the published table: contained within six hours, on one day; an item once a day; one drug with a course of 14 days.
SIX_HOURS, ONE_DAY = ("6小时", "单日")


@dataclass
class Rows:
    """The rows of one person."""

    person: str
    visits: list[Cells] = field(default_factory=list)
    lines: list[Cells] = field(default_factory=list)
    diagnoses: list[Cells] = field(default_factory=list)
    labs: list[Cells] = field(default_factory=list)

    def visit(self, when: dt.datetime, med: str, dx: str = "", **cells: Any) -> str:
        name = f"{self.person}-{len(self.visits) + 1:02d}"
        self.visits.append({"setl_id": name, "psn_no": self.person, "mdtrt_id": name, "insutype": "310", "med_type": med, "setl_time": when, "begndate": when.date(), "enddate": when.date(), "fixmedins_code": "h", "er_flag": "0"} | cells)  # fmt: skip
        if dx:
            self.diagnoses.append({"setl_id": name, "diag_code": dx, "maindiag_flag": "1"})
        return name

    def line(self, visit: str, item: str, when: dt.datetime, cnt: float = 1, days: int = 1) -> None:
        self.lines.append({"setl_id": visit, "feedetl_sn": str(len(self.lines) + 1), "med_list_codg": item, "fee_ocur_time": when, "cnt": round(cnt * 10_000), "pric": 1_000_000, "det_item_fee_sumamt": round(cnt * 100), "prd_days": days * 10_000, "rxno": visit})  # fmt: skip


@dataclass
class Choice:
    """What is changed of a rule, the rows, and how many findings the rule as shipped and the other one have of them."""

    rule: str
    other: Callable[[Cells], None]
    rows: Callable[[Rows], None]
    shipped: int
    changed: int


def comparator(check: Cells) -> None:
    check["comparator"] = "at_least"


def rolling(days: str) -> Callable[[Cells], None]:
    def change(check: Cells) -> None:
        (window,) = check["windows"]
        check["windows"] = [{"kind": "rolling", "days": days, "edge": "within", "thresholds": window["thresholds"]}]
        check["tie"] = "order"

    return change


def through(check: Cells) -> None:
    check["windows"][0]["edge"] = "through"


def sets(**cells: Any) -> Callable[[Cells], None]:
    return lambda check: check.update(copy.deepcopy(cells))


def visits(many: int, days: Callable[[int], int], med: str, dx: str, item: str = "") -> Callable[[Rows], None]:
    """Visits on so many days from 1 March."""

    def make(rows: Rows) -> None:
        for i in range(many):
            when = MARCH + dt.timedelta(days(i), minutes=i)
            visit = rows.visit(when, med, dx)
            if item:
                rows.line(visit, item, when)

    return make


def twice(item: str, apart: int) -> Callable[[Rows], None]:
    return visits(2, lambda i: i * apart, "11", "J20.900", item)


@lru_cache(1)
def shipped() -> RuleBook:
    return load_rules(shipped_rules())


def table(name: str) -> list[Cells]:
    found = shipped().tables[name]
    return [found.row(i) for i in range(len(found))]


def both_of_a_pair(scope: str, apart: dt.timedelta, one_visit: bool) -> Callable[[Rows], None]:
    """The containing item and the contained one, in one visit or in two of a day."""

    def make(rows: Rows) -> None:
        pair = next(row for row in table("item_duplicate_charge") if row["scope"] == scope)
        first = rows.visit(MARCH, "11", "J20.900")
        later = first if one_visit else rows.visit(MARCH + apart, "11", "J20.900")
        rows.line(first, pair["main"], MARCH)
        rows.line(later, pair["included"], MARCH + apart)

    return make


def once_a_day(rows: Rows) -> None:
    item = next(row["med_list_codg"] for row in table("item_max_quantity") if row["max_quantity"] == "1")
    for hour in (0, 3):
        when = MARCH + dt.timedelta(hours=hour)
        rows.line(rows.visit(when, "11", "J20.900"), item, when)


def now_and_then(rows: Rows) -> None:
    """A drug with 14 paid days, used on 5 days of 21."""
    drug = next(row["med_list_codg"] for row in table("drug_max_paid_days") if row["max_paid_days"] == "14")
    stay = rows.visit(MARCH, "21", "J18.900")
    for day in (0, 5, 10, 15, 20):
        rows.line(stay, drug, MARCH + dt.timedelta(day))


def twenty_days(rows: Rows) -> None:
    rows.line(rows.visit(MARCH, "14", "I10.x00"), "XC09AAA001A001010100001", MARCH, 20, 20)


def three_grams(rows: Rows) -> None:
    stay = rows.visit(MARCH, "21", "J18.900")
    rows.labs.append({"setl_id": stay, "med_list_codg": "002504010230000", "exam_time": MARCH, "exam_value": 30_000})
    rows.line(stay, "XJ06BAR056B002010160001", MARCH + dt.timedelta(hours=1))


def a_week_after_emergency(rows: Rows) -> None:
    rows.visit(MARCH, "13", "J18.900", er_flag="1")
    rows.visit(MARCH + dt.timedelta(7), "21", "J18.900")


def settled_two_weeks_later(rows: Rows) -> None:
    rows.visit(MARCH, "21", "J18.900", setl_time=MARCH + dt.timedelta(14))


KIDNEY, PRESSURE, SESSION = "N18.500", "I10.x00", "003110000060000"
CHOICES = [
    # the value itself: not a hit as shipped (more_than), one under at_least
    Choice("TJ01", comparator, visits(5, lambda i: 0, "14", PRESSURE), 0, 1),
    Choice("TJ02", comparator, visits(15, lambda i: 2 * i, "14", KIDNEY), 0, 1),
    Choice("TJ03", comparator, visits(5, lambda i: 5 * i, "14", PRESSURE), 0, 1),
    Choice("TJ04", comparator, visits(5, lambda i: 5 * i, "41", ""), 0, 1),
    Choice("TJ05", comparator, visits(15, lambda i: 31 + 6 * i, "14", PRESSURE), 0, 1),
    Choice("TJ06", comparator, visits(40, lambda i: 31 + 2 * i, "14", KIDNEY), 0, 1),
    Choice("TJ07", comparator, visits(10, lambda i: 3 * i, "14", KIDNEY, SESSION), 0, 1),
    Choice("TJ08", comparator, visits(25, lambda i: 31 + 3 * i, "14", KIDNEY, SESSION), 0, 1),
    # one more than the value over the end of a month (31 March) or of a quarter: no calendar window has them all, one of 30 or 90 days has
    Choice("TJ02", rolling("30"), visits(16, lambda i: 22 + i, "14", KIDNEY), 0, 1),
    Choice("TJ03", rolling("30"), visits(6, lambda i: 28 + i, "14", PRESSURE), 0, 1),
    Choice("TJ04", rolling("30"), visits(6, lambda i: 28 + i, "41", ""), 0, 1),
    Choice("TJ05", rolling("90"), visits(16, lambda i: 4 * i, "14", PRESSURE), 0, 1),
    Choice("TJ06", rolling("90"), visits(41, lambda i: i, "14", KIDNEY), 0, 1),
    Choice("TJ07", rolling("30"), visits(11, lambda i: 26 + i, "14", KIDNEY, SESSION), 0, 1),
    Choice("TJ08", rolling("90"), visits(26, lambda i: 2 * i, "14", KIDNEY, SESSION), 0, 1),
    # days of supply: 15 to 30 are allowed in the source, and the upper end is the limit as shipped
    Choice("SU1", sets(max="15"), twenty_days, 0, 1),
    # 3 g/L of IgG: below 4 as shipped; the source has a second level of 2 for other indications
    Choice("IVG1", lambda check: check["lab"].update(value="2"), three_grams, 0, 1),
    # once in n days: the n-th day after is allowed as shipped, and not where n days apart still count
    Choice("N31_7", through, lambda rows: twice(table("item_window_7")[0]["med_list_codg"], 7)(rows), 0, 1),
    Choice("N31_14", through, lambda rows: twice(table("item_window_14")[0]["med_list_codg"], 14)(rows), 0, 1),
    Choice("N31_15", through, lambda rows: twice(table("item_window_15")[0]["med_list_codg"], 15)(rows), 0, 1),
    # exactly six hours apart; two visits of a day
    Choice("N25", lambda check: check["groups"]["6小时"].update(edge="within"), both_of_a_pair(SIX_HOURS, dt.timedelta(hours=6), True), 1, 0),
    Choice("N25", sets(subject="visit"), both_of_a_pair(ONE_DAY, dt.timedelta(hours=3), False), 1, 0),
    Choice("N27", sets(subject="visit"), once_a_day, 1, 0),
    # the seventh day before a stay, the fourteenth after it
    Choice("AL1", sets(days="6"), a_week_after_emergency, 1, 0),
    Choice("AL2", sets(days="13"), settled_two_weeks_later, 0, 1),
    # days of use, or the time from the first to the last
    Choice("N10", sets(mode="span"), now_and_then, 0, 1),
]  # fmt: skip
PERSONS = [f"p{i:02d}" for i in range(len(CHOICES))]


@lru_cache(1)
def findings() -> list[Cells]:
    """One run of the shipped rules and, beside each, the other one as a rule of its own; a person for each choice."""
    given: dict[str, list[Cells]] = {"visits": [], "lines": [], "diagnoses": [], "labs": []}
    documents: dict[str, Cells] = {}
    raw = {one["id"]: (part["doc"], one) for part in shipped().raw for one in part["doc"]["rules"]}
    for person, choice in zip(PERSONS, CHOICES):
        rows = Rows(person)
        choice.rows(rows)
        for name, found in given.items():
            found += getattr(rows, name)
        head, one = raw[choice.rule]
        other = copy.deepcopy(one) | {"id": f"{choice.rule}-{person}"}
        choice.other(other["check"])
        region = head.get("region", "*")
        documents.setdefault(region, {
            "format": "ybcore-rules/1", "id": f"other {region}", "version": "1", "name": {"zh": "另一种选择", "en": "the other choice"}, "layer": "city",
            "region": region, "from": "open", "known_since": "2000-01-01", "source": "made for this test", "rules": [],
        })["rules"].append(other)  # fmt: skip
    regions = [raw[choice.rule][0].get("region", "*").replace("*", "12").ljust(6, "0") for choice in CHOICES]
    persons = [
        {"psn_no": name, "insutype": "310", "insuplc_admdvs": region, "gend": "1", "brdy": dt.date(1960, 1, 1)}
        for name, region in zip(PERSONS, regions)
    ]
    tables = {name: pa.Table.from_pylist(rows) for name, rows in given.items()}
    report = ybcore.check(
        tables.pop("visits"), persons=pa.Table.from_pylist(persons), rules=load_rules([shipped(), *documents.values()]), **tables
    )  # fmt: skip
    return report.findings.to_pylist()


@pytest.mark.parametrize(("person", "choice"), list(zip(PERSONS, CHOICES)), ids=[f"{c.rule}-{p}" for p, c in zip(PERSONS, CHOICES)])  # fmt: skip
def test_the_choice_and_the_other(person: str, choice: Choice):
    mine = [row["rule_id"] for row in findings() if row["psn_no"] == person]
    assert (mine.count(choice.rule), mine.count(f"{choice.rule}-{person}")) == (choice.shipped, choice.changed)


def test_every_rule_of_an_open_source_is_among_them():
    """Of documents that assume comparators or windows, all rules whose source does not state one, by their own words."""
    book = shipped()
    open_ = {rule.id for rule in book if rule.enabled and any("does not say" in choice for choice in rule.choices)}
    assert open_ == {"AL1", "AL2", *(f"TJ{i:02d}" for i in range(1, 9))}
    assert {book[name].document for name in open_} == {
        one.head.id for one in book.documents if "comparators" in one.head.assumed
    }
    assert open_ <= {choice.rule for choice in CHOICES}
    assert all(any("our choice" in text or "our reading" in text for text in book[choice.rule].choices) for choice in CHOICES)  # fmt: skip
