"""Why a rule did not hit a row: the engine and the reference give the same first condition."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import ybcore
from check_cases import Case, load, read
from test_check_city import both
from test_check_replay import given
from ybcore.reference import checks

__all__ = ["both"]

HERE = Path(__file__).resolve().parent / "golden_checks"
CASES = sorted(p for p in HERE.iterdir() if p.is_dir() and "error" not in load(p / "expected.yaml"))
FIELDS = ("code", "column", "value", "wanted", "measure", "limit")


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


def plain(found: Any) -> dict[str, Any]:
    """An answer of the engine as the reference writes it."""
    held = [(f.jr_id, f.became, f.paid_amt) for f in found.findings]
    return {**{name: getattr(found, name) for name in FIELDS}, "findings": held}


@pytest.mark.parametrize("folder", CASES, ids=lambda p: p.name)
def test_golden_cases_alike(folder: Path):
    case = read(folder)
    report, result = by_both(case)
    different = {}
    for rule in report.manifest["rule_id"].to_pylist():
        for setl_id, number in names_of(case):
            found = report.why_not((setl_id, number), rule)
            wanted = checks.why_not(result, rule, setl_id, number)
            if plain(found) != wanted:
                different[rule, setl_id, number] = plain(found), wanted
            assert found.text("zh") and found.text("en")
    assert different == {}


SAMPLE = 1
"""Lines, visits and hits asked of each rule that runs."""


def test_a_city_alike(both: Any):
    """Of every rule some rows, hits among them; with and without holes in the tables."""
    judged, report = both
    draw = random.Random(3)
    lines = list(zip(*(report.work.batch.frames["lines"].ids[n].to_pylist() for n in ("setl_id", "feedetl_sn")), strict=True))  # fmt: skip
    visits = [(setl_id, None) for setl_id in report.work.batch.visits.ids["setl_id"].to_pylist()]
    rule_of = dict(zip(*(report.findings[n].to_pylist() for n in ("jr_id", "rule_id")), strict=True))
    hits: dict[str, list[Any]] = {}
    for row in report.details.to_pylist():
        hits.setdefault(rule_of[row["jr_id"]], []).append((row["setl_id"], row["feedetl_sn"]))
    different, codes = {}, set()
    for row in report.manifest.to_pylist():
        rule = row["rule_id"]
        some = [lines, visits, hits.get(rule, [])] if row["status"] == "run" else [lines[:1]]
        for setl_id, number in [name for names in some for name in draw.sample(names, min(SAMPLE, len(names)))]:
            found, wanted = (
                plain(report.why_not((setl_id, number), rule)),
                checks.why_not(judged, rule, setl_id, number),
            )
            codes.add(found["code"])
            if found != wanted:
                different[rule, setl_id, number] = found, wanted
    assert different == {}
    assert len(codes) > 9
