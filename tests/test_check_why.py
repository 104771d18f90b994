"""Why a rule did not hit a row: the engine and the reference give the same first condition."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import ybcore
from check_cases import Case, load, plain_answer, read
from test_check_replay import given
from ybcore.reference import checks

HERE = Path(__file__).resolve().parent / "golden_checks"
CASES = sorted(p for p in HERE.iterdir() if p.is_dir() and "error" not in load(p / "expected.yaml"))


def by_both(case: Case) -> tuple[ybcore.CheckReport, Any]:
    """The same run by the engine and by the reference."""
    tables = given(case)
    report = ybcore.check(**tables, rules=case.documents, suppress=case.suppress)
    result = checks.check(
        case.documents, case.tables, catalog=case.catalog, known_at=case.known_at, stage=case.stage, suppress=case.suppress, time_of_day=case.time_of_day,
    )  # fmt: skip
    return report, result


def names_of(case: Case) -> list[tuple[Any, Any]]:
    """Every visit, every line, and some that are not there."""
    rows = [(row["setl_id"], None) for row in case.tables["visits"]] + [("nobody", None)]
    places: dict[Any, int] = {}
    for row in case.tables.get("lines") or []:
        places[row["setl_id"]] = places.get(row["setl_id"], 0) + 1
        number = row.get("feedetl_sn")
        rows.append((row["setl_id"], f"#{places[row['setl_id']]}" if number is None else number))
    return [*rows, (rows[0][0], "none")]


@pytest.mark.parametrize("folder", CASES, ids=lambda p: p.name)
def test_golden_cases_alike(folder: Path):
    case = read(folder)
    report, result = by_both(case)
    different = {}
    for rule in report.manifest["rule_id"].to_pylist():
        for setl_id, number in names_of(case):
            found = report.why_not((setl_id, number), rule)
            wanted = checks.why_not(result, rule, setl_id, number)
            if plain_answer(found) != wanted:
                different[rule, setl_id, number] = plain_answer(found), wanted
            assert found.text("zh") and found.text("en")
    assert different == {}
