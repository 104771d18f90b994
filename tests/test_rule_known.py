"""Rows of rule tables that others correct: what was known then decides, and two that would answer at once do not load."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import ybcore
from check_cases import Case, by_checker, by_engine, by_reference
from hypothesis import given, settings
from hypothesis import strategies as st
from ybcore.checks import load_rules
from ybcore.cli import main
from ybcore.errors import DocumentError
from ybcore.reference import checks

FIRST = dt.date(2024, 1, 1)
DAYS = st.integers(0, 6).map(lambda n: str(FIRST + dt.timedelta(n)))
CELL = st.one_of(st.just(""), DAYS)
ROW = st.fixed_dictionaries({
    "code": st.sampled_from(["a", "b"]), "cap": st.sampled_from(["1", "2", "3"]), "from": CELL, "to": CELL, "known_since": CELL, "known_until": CELL,
})  # fmt: skip


def document(rows: list[dict[str, str]]) -> dict[str, Any]:
    """One rule with a cap by row."""
    rule = {
        "id": "R", "name": {"zh": "量", "en": "cap"}, "kernel": "K06", "items": {"table": "caps"},
        "check": {"group": "day", "measure": "quantity", "cap": {"column": "cap"}, "comparator": "more_than"},
        "amount": "excess_qty", "disposition": "deny", "severity": "1", "source": "drawn",
    }  # fmt: skip
    caps = {"key": "code", "columns": ["code", "cap", "from", "to", "known_since", "known_until"], "rows": rows}
    return {
        "format": "ybcore-rules/1", "id": "drawn", "version": "1", "name": {"zh": "抽", "en": "drawn"}, "layer": "base", "region": "*",
        "from": "open", "known_since": "2024-01-02", "source": "drawn", "tables": {"caps": caps}, "rules": [rule],
    }  # fmt: skip


def case(rows: list[dict[str, str]], known_at: int | None) -> Case:
    days = [str(FIRST + dt.timedelta(n)) for n in range(7)]
    tables, clock = checks.held_tables(
        {
            "visits": [{"setl_id": f"v{d}", "psn_no": "p", "med_type": "11", "begndate": d} for d in days],
            "lines": [
                {"setl_id": f"v{d}", "feedetl_sn": c, "med_list_codg": c, "cnt": "4", "det_item_fee_sumamt": "8"}
                for d in days
                for c in "ab"
            ],
        }
    )
    return Case([document(rows)], tables, None, clock, known_at, "after", [])


def may(rows: list[dict[str, str]]) -> bool:
    """Whether a table loads, day by day of both calendars: one answer at most, and every row known at some time."""

    def within(row: dict[str, str], day: dt.date, since: str, until: str) -> bool:
        return (not since or dt.date.fromisoformat(since) <= day) and (not until or day < dt.date.fromisoformat(until))

    span = [FIRST + dt.timedelta(n) for n in range(-1, 9)]
    seen = [{d for d in span if within(r, d, r["known_since"] or "2024-01-02", r["known_until"])} for r in rows]
    if not all(seen):
        return False
    held = [{d for d in span if within(r, d, r["from"], r["to"])} for r in rows]
    return not any(
        rows[i]["code"] == rows[j]["code"] and held[i] & held[j] and seen[i] & seen[j] for i in range(len(rows)) for j in range(i)
    )  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(ROW, min_size=1, max_size=4), st.one_of(st.none(), st.integers(-1, 8)))
def test_judges_agree_on_what_loads_and_on_what_was_known(rows: list[dict[str, str]], then: int | None):
    asked = case(rows, None if then is None else (FIRST - dt.date(1970, 1, 1)).days + then)
    if not may(rows):
        for judge in (by_reference, by_engine):
            with pytest.raises((checks.RuleError, DocumentError)):
                judge(asked)
        return
    expected = by_reference(asked)
    for judge in (by_engine, by_checker):
        found = judge(asked)
        assert (found.findings, found.details, found.moved) == (expected.findings, expected.details, expected.moved)


CORRECTED = [
    {"code": "a", "cap": "1", "from": "", "to": "", "known_since": "", "known_until": "2024-06-01"},
    {"code": "a", "cap": "2", "from": "", "to": "", "known_since": "2024-06-01", "known_until": ""},
]
VISITS = {"setl_id": ["v"], "psn_no": ["p"], "setl_time": ["2024-03-01"], "med_type": ["11"]}
LINES = {"setl_id": ["v"], "feedetl_sn": ["1"], "med_list_codg": ["a"], "cnt": ["3"], "det_item_fee_sumamt": ["9.00"]}


def limits(report: Any) -> list[tuple[int, int]]:
    return [(row["limit"], row["vola_amt"]) for row in report.findings.to_pylist()]


def test_every_door_repeats_a_run_with_what_was_known_then():
    book = load_rules(document(CORRECTED))
    before, after = dt.date(2024, 5, 31), dt.date(2024, 6, 1)
    for known, expected in ((before, [(10_000, 600)]), (after, [(20_000, 300)]), (None, [(20_000, 300)])):
        assert limits(ybcore.check(VISITS, LINES, rules=book, known_at=known)) == expected
        assert limits(ybcore.Checker(book, known_at=known).check(VISITS, LINES)) == expected
        replay = ybcore.check(VISITS, LINES, rules=book, known_at=known).replay("R", ["2.5"])
        assert replay.to_pylist()[0]["vola_amt"] == 150


def test_a_day_that_is_no_date_is_told():
    for day in ("2024-05-31", dt.datetime(2024, 5, 31)):
        with pytest.raises(ybcore.InputError, match="known_at"):
            ybcore.check(VISITS, LINES, rules=[document(CORRECTED)], known_at=day)
        with pytest.raises(ybcore.InputError, match="known_at"):
            ybcore.Checker([document(CORRECTED)], known_at=day)


def test_why_not_tells_a_row_that_is_corrected():
    book = load_rules(document([CORRECTED[0]]))
    told = ybcore.check(VISITS, LINES, rules=book).why_not("v/1", "R")
    assert told.code == "table_known" and "or is corrected" in told.text("en") and "已被更正" in told.text("zh")


def test_what_does_not_load_says_how_to_correct_a_row():
    with pytest.raises(DocumentError, match="known_until") as met:
        load_rules(document([{**row, "known_until": ""} for row in CORRECTED]))
    assert "hold at once" in str(met.value)
    with pytest.raises(DocumentError, match="known_until 2024-01-02 is not after") as never:
        load_rules(document([{**CORRECTED[0], "known_until": "2024-01-02"}]))
    assert never.value.problems[0].path == "known_until"


def test_known_at_from_files(tmp_path: Path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name, table in (("visits", VISITS), ("lines", LINES)):
        rows = zip(*table.values(), strict=True)
        (folder / f"{name}.csv").write_text("\n".join([",".join(table), *(",".join(row) for row in rows)]) + "\n")
    rules = tmp_path / "rules.yaml"
    rules.write_text(json.dumps(document(CORRECTED), ensure_ascii=False), encoding="utf-8")
    for day, expected in (("2024-05-31", 10_000), ("2024-06-01", 20_000)):
        out = tmp_path / day
        asked = {"--rules": rules, "--input": folder, "--out": out, "--known-at": day, "--threads": 1}
        assert main(["check", *(str(word) for pair in asked.items() for word in pair)]) == 0
        assert pq.read_table(out / "findings.parquet")["limit"].to_pylist() == [expected]
