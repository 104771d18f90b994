"""Findings rest on neither threads nor the order of rows nor where the visits are cut between settling groups: a city, and small data."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import ybcore
from check_cases import arrow_table
from city_rules import TABLES, check, part_of, report_of, tables_of, town_and_book
from hypothesis import given, settings
from hypothesis import strategies as st
from test_reference_checks import PAIRS, RULES, document, rule, tables
from ybcore.checks import load_rules

EVERY = ("visits", "lines", *TABLES, "persons", "institutions", "doctors", "stock")
COUNTED = ("eligible", "unknown", "hits")


def told(report: Any) -> tuple[pa.Table, pa.Table, pa.Table]:
    """Everything but what names an input row, and the time it took."""
    return report.findings, report.details.drop_columns("row"), report.manifest.drop_columns("seconds")


@pytest.mark.parametrize("threads", [2, 7])
def test_threads_change_nothing(threads):
    town, batch, book, catalog = town_and_book(5)
    other, one = check(town, batch, book, catalog, threads=threads), report_of(5)
    assert other.details.equals(one.details)
    assert all(found.equals(wanted) for found, wanted in zip(told(other), told(one)))


@pytest.mark.parametrize(("seed", "threads"), [(1, 1), (2, 7)])
def test_order_of_rows_changes_nothing(seed, threads):
    town, batch, book, catalog = town_and_book(5)
    draw = np.random.default_rng(seed)
    given_ = tables_of(town, batch)
    assert set(given_) == set(EVERY)
    shuffled = {name: table.take(pa.array(draw.permutation(table.num_rows))) for name, table in given_.items()}
    other = check(town, batch, book, catalog, threads=threads, **shuffled)
    assert all(found.equals(wanted) for found, wanted in zip(told(other), told(report_of(5))))


def rows_by_rule(reports: list[Any], rules: set[str]) -> tuple[list[Any], list[Any], Counter[tuple[str, str]]]:
    """Findings and details of some rules, sorted, and what the manifest counts of them, over all reports."""
    findings, details, counts = [], [], Counter()
    for report in reports:
        mine = [row for row in report.findings.to_pylist() if row["rule_id"] in rules]
        ids = {row["jr_id"] for row in mine}
        findings += mine
        details += [row | {"row": 0} for row in report.details.to_pylist() if row["jr_id"] in ids]
        counts.update({(row["rule_id"], name): row[name] for row in report.manifest.to_pylist() if row["rule_id"] in rules for name in COUNTED})  # fmt: skip
    return sorted(findings, key=lambda row: row["jr_id"]), sorted(details, key=lambda row: row["jrd_id"]), counts


@pytest.mark.parametrize(("seed", "parts"), [(1, 2), (2, 5)])
def test_a_cut_between_settling_groups_changes_nothing(seed, parts):
    """Households are dealt to parts by chance, so that no part is a stretch of the whole; each part has its own persons only."""
    town, batch, book, catalog = town_and_book(5)
    whole = tables_of(town, batch)
    draw = np.random.default_rng(seed)
    home = dict(zip(whole["persons"]["psn_no"].to_pylist(), whole["persons"]["hsld_no"].to_pylist()))
    part_of_home = {name: int(draw.integers(parts)) for name in sorted(set(home.values()))}
    dealt: list[set[str]] = [set() for _ in range(parts)]
    for setl, person in zip(whole["visits"]["setl_id"].to_pylist(), whole["visits"]["psn_no"].to_pylist()):
        dealt[part_of_home[home[person]]].add(setl)
    reports = [check(town, batch, book, catalog, **part_of(whole, visits)) for visits in dealt]
    free = {one.id for one in book} - book.across
    wanted = rows_by_rule([report_of(5)], free)
    assert rows_by_rule(reports, free) == wanted
    assert len({row["rule_id"] for row in wanted[0]}) > 60
    # the others do look across: the parts find less, or something else
    for kernel in ("K13", "K14", "K15"):
        rules = {one for one in book.across if book[one].kernel == kernel}
        assert rows_by_rule(reports, rules)[0] != rows_by_rule([report_of(5)], rules)[0], kernel


def test_what_looks_across_is_told_by_the_rule():
    book = town_and_book(5)[2]
    assert book.across == {
        "N35_invoice",
        "N43_stock",
        "N43_trace",
        "N48",
        "N56",
        "N57",
        "N58",
        "N59",
        "N60",
        "N61",
        "N62",
    }
    assert {one.id for one in book if one.across and one.enabled} == book.across


# ------------------------------------------------------------------ small data


def whole_rule(one: dict[str, Any]) -> dict[str, Any]:
    """The same with what a document must say; the reference takes less."""
    check_ = {key: cell for key, cell in one["check"].items() if key != "table"}
    items = {"items": {"table": one["check"]["table"]}} if "table" in one["check"] else {}
    return {"name": {"zh": one["id"], "en": one["id"]}, "source": "made for this test", **one, "check": check_, **items}


MONTH = {"kind": "calendar", "unit": "month", "thresholds": [{"value": "2"}]}
SMALL = [
    *RULES,
    rule("history", "K05", {"partner": {"kind": "item", "list": "first"}, "where": "history", "look_back_days": "3"}, items={"prefix": ["b"]}),
    rule("shared", "K07", {"subject": "institution", "measure": "visits", "comparator": "more_than", "windows": [MONTH]}, amount="none", relations={"excludes": ["twice"]}),
    rule("number", "K15", {"form": "unique", "on": "visits", "column": "invono"}, amount="none", disposition="hold"),
    rule("left", "K06", {"group": "day", "measure": "quantity", "cap": "1", "comparator": "more_than", "count_denied": "false"}, disposition="suspect"),
]  # fmt: skip
BOOK = load_rules(
    {
        **document(*[whole_rule(one) for one in SMALL], tables={"pairs": {**PAIRS["pairs"], "key": ["main", "included"]}}, lists={"first": {"match": "exact", "codes": ["a"]}}),
        "name": {"zh": "小", "en": "small"}, "region": "*", "known_since": "2000-01-01", "source": "made for this test",
    }
)  # fmt: skip


def test_rules_that_hang_on_one_that_looks_across_are_told_too():
    # `left` leaves out what `number`, a rule before it that looks across, may hold
    assert BOOK.across == {"shared", "number", "twice", "left"}
    assert [one.id for one in BOOK if one.across] == ["shared", "number"]


def looked_at(tables_: dict[str, pa.Table], threads: int) -> Any:
    left = dict(tables_)
    return ybcore.check(left.pop("visits"), rules=BOOK, threads=threads, **left)


@given(tables(), st.randoms(use_true_random=False), st.sampled_from([1, 2, 7]))
@settings(max_examples=40, deadline=None)
def test_small_data_in_any_order_threads_and_parts(data: dict[str, Any], random: Any, threads: int):
    for line in data["lines"]:
        line["fee_ocur_time"] += 60_000_000  # no part where all lines are at midnight
    for i, visit in enumerate(data["visits"]):
        visit |= {"invono": f"n{i % 3}", "fixmedins_code": "h", "mdtrt_id": f"m{i}"}
    given_ = {name: arrow_table(name, rows, True) for name, rows in data.items() if rows}
    whole = looked_at(given_, 1)
    mixed = {name: table.take(pa.array(random.sample(range(len(table)), len(table)))) for name, table in given_.items()}
    assert all(found.equals(wanted) for found, wanted in zip(told(looked_at(mixed, threads)), told(whole)))
    reports = []
    for person in ("p1", "p2"):
        mine = pa.array([visit["setl_id"] for visit in data["visits"] if visit["psn_no"] == person], pa.string())
        if len(mine):
            part = {name: table.filter(pa.compute.is_in(table["setl_id"], mine)) for name, table in given_.items()}
            reports.append(looked_at(part, threads))
    free = {one.id for one in BOOK} - BOOK.across
    assert rows_by_rule(reports, free) == rows_by_rule([whole], free)
