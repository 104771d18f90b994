"""What findings were counted in, by hand: every kind of group of K04, K06 and K12, alike from reference, engine and checker."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from check_cases import Case, by_checker, by_engine, by_reference
from ybcore.reference import checks

HEAD = {
    "format": "ybcore-rules/1", "id": "own", "version": "1", "name": {"zh": "规则", "en": "rules"}, "layer": "city", "from": "open",
    "known_since": "2020-01-01", "source": "made", "tables": {
        "pairs": {"key": ["main", "included"], "rows": [{"main": "m", "included": "i"}]},
        "counted": {"key": ["main", "included"], "rows": [{"main": "m", "included": "i", "included_qty": "0"}]},
        "scopes": {"key": ["main", "included", "scope"], "rows": [{"main": "m", "included": "i", "scope": "日"}, {"main": "m", "included": "i", "scope": "季"}]},
    },
}  # fmt: skip
# A stay of two settlements; the second begins after it ends, and both lines stand in one prescription of it.
VISIT = {"psn_no": "p", "mdtrt_id": "s", "med_type": "21", "fixmedins_code": "h"}
VISITS = [
    {"setl_id": "v1", **VISIT, "begntime": "2024-02-28 10:00:00", "endtime": "2024-03-01 09:00:00"},
    {"setl_id": "v2", **VISIT, "begntime": "2024-03-09 12:00:00", "endtime": "2024-03-07 08:00:00"},
    {"setl_id": "v3", **VISIT, "psn_no": "q", "begntime": "2024-01-01 00:00:00", "endtime": "2024-12-31 00:00:00"},
]
OF = {"setl_id": "v2", "rxno": "r", "cnt": "2", "det_item_fee_sumamt": "20"}
LINES = [
    {**OF, "feedetl_sn": "m", "med_list_codg": "m", "fee_ocur_time": "2024-03-08 23:10:00"},
    {**OF, "feedetl_sn": "i", "med_list_codg": "i", "fee_ocur_time": "2024-03-08 23:50:00"},
    {**OF, "feedetl_sn": "x", "med_list_codg": "x", "fee_ocur_time": "2024-03-11 00:00:00"},
]
DAY, YEAR = ("2024-03-08", "2024-03-09"), ("2024-01-01", "2025-01-01")
BOUNDS = {
    "line": (None, None), "day": DAY, "hour": ("2024-03-08 23:00:00", "2024-03-09"), "visit": ("2024-03-07", "2024-03-10"), "stay": ("2024-02-28", "2024-03-10"),
    "prescription": DAY, "month": ("2024-03-01", "2024-04-01"), "quarter": ("2024-01-01", "2024-04-01"), "year": YEAR,
}  # fmt: skip


def counted(kernel: str, check: dict[str, Any], **rule: Any) -> list[tuple[Any, ...]]:
    """(group, begin, end) of the findings, where all judges say the same."""
    made = {"id": "R", "name": {"zh": "甲", "en": "a"}, "kernel": kernel, "items": "all", "check": check, "amount": "whole_line", "disposition": "suspect", "severity": "1", "source": "made", **rule}  # fmt: skip
    tables, clock = checks.held_tables({"visits": VISITS, "lines": LINES})
    case = Case([{**HEAD, "rules": [made]}], tables, None, clock, None, "after", [])
    answers = [judge(case) for judge in (by_reference, by_engine, by_checker)]
    assert answers[1].findings == answers[2].findings == answers[0].findings
    assert {row["jr_id"] for row in answers[0].findings} == {row["jr_id"] for row in answers[0].details}
    return sorted((row["group"], text(row["begin"]), text(row["end"])) for row in answers[0].findings)


def text(micros: int | None) -> str | None:
    """A day, or a time, as it is written above."""
    return (
        None
        if micros is None
        else str(dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=micros)).removesuffix(" 00:00:00")
    )


@pytest.mark.parametrize("group", [name for name in BOUNDS if name != "line"])
@pytest.mark.parametrize("amount", ["whole_line", "whole_day", "visit_total"])
def test_pairs(group: str, amount: str):
    """Lines that the amount rule takes along change nothing: x is of another day."""
    found = counted("K04", {"group": group}, items={"table": "pairs"}, amount=amount)
    assert found == [(group, *BOUNDS[group])]


def test_pairs_of_insurance_years():
    for starts, bounds in (("03-08", ("2024-03-08", "2025-03-08")), ("03-09", ("2023-03-09", "2024-03-09"))):
        found = counted("K04", {"group": {"group": "insurance_year", "starts": starts}}, items={"table": "pairs"})
        assert found == [("insurance_year", *bounds)]


def test_pairs_of_two_scopes():
    check = {"groups": {"日": {"group": "day"}, "季": {"group": "quarter"}}}
    found = counted("K04", check, items={"table": "scopes"})
    assert found == [("day", *DAY), ("quarter", *BOUNDS["quarter"])]


@pytest.mark.parametrize(
    ("table", "edge", "bounds"),
    [
        ("pairs", "through", ("2024-03-08 21:50:00", "2024-03-09 01:50:00.000001")),
        ("pairs", "within", ("2024-03-08 21:50:00.000001", "2024-03-09 01:50:00")),
        ("counted", "through", ("2024-03-08 21:10:00", "2024-03-09 01:10:00.000001")),
    ],
)
def test_pairs_hours_apart(table: str, edge: str, bounds: tuple[str, str]):
    """From the included line; of lines that share a contained quantity from the main line."""
    check = {"group": {"group": "within", "hours": "2", "edge": edge}}
    assert counted("K04", check, items={"table": table}, amount="excess_qty") == [("within", *bounds)]


@pytest.mark.parametrize("group", ["line", "day", "hour", "visit", "stay"])
def test_caps(group: str):
    check = {"group": group, "measure": "quantity", "cap": "1", "comparator": "more_than"}
    assert counted("K06", check, items={"prefix": ["i"]}, amount="excess_qty") == [(group, *BOUNDS[group])]


@pytest.mark.parametrize("group", ["prescription", "visit"])
def test_compositions(group: str):
    check = {"form": "distinct", "group": group, "comparator": "more_than", "value": "1"}
    bounds = ("2024-03-08", "2024-03-12") if group == "prescription" else BOUNDS[group]
    assert counted("K12", check) == [(group, *bounds)]
