"""Replays: what a rule would find at many values of a figure, against full runs with the document's figure changed."""

from __future__ import annotations

import copy
import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import ybcore
from check_cases import Case, arrow_table, load, read
from ybcore.checks.bounds import bounds_of
from ybcore.checks.figures import Figure
from ybcore.policy.paths import path_text

HERE = Path(__file__).resolve().parent / "golden_checks"
COUNTED = ("hits", "lines", "visits", "persons", "vola_amt")
PLACES = {"quantity": 4, "money": 2, "price": 6, "fraction": 6, "whole": 0}


def cases() -> list[Path]:
    return sorted(p for p in HERE.iterdir() if p.is_dir() and "error" not in load(p / "expected.yaml"))


def given(case: Case) -> dict[str, Any]:
    """What `check` and `replay` take, but for the rules."""
    tables = {name: arrow_table(name, rows, case.time_of_day) for name, rows in case.tables.items() if rows}
    catalog = None
    if case.catalog is not None:
        catalog = ybcore.Catalog(arrow_table("items", [{"chrgitm_lv": "01", **row} for row in case.catalog], False))
    known = None if case.known_at is None else dt.date(1970, 1, 1) + dt.timedelta(case.known_at)
    return {**tables, "catalog": catalog, "known_at": known, "stage": case.stage}


def without_relations(documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Relations take findings away after the kernels; a replay is before that."""
    out = copy.deepcopy(documents)
    for document in out:
        for rule in document.get("rules") or []:
            rule.pop("relations", None)
    return out


def changed(documents: list[dict[str, Any]], rule_id: str, path: tuple[Any, ...], text: str) -> list[dict[str, Any]]:
    """The documents with another figure in the rule of this id that stands: that of the last layer."""
    out = copy.deepcopy(documents)
    layered = sorted(out, key=lambda d: ("base", "province", "city").index(d.get("layer", "base")))
    rule = [r for d in layered for r in d.get("rules") or [] if r["id"] == rule_id and "disable" not in r][-1]
    node = rule["check"]
    for step in path[:-1]:
        if isinstance(node[step], str):  # `group: day` and the like
            node[step] = {step: node[step]}
        node = node[step]
    node[path[-1]] = text
    return out


def counts(report: ybcore.CheckReport, rule_id: str) -> dict[str, int]:
    """What a full run finds of a rule."""
    findings = [row for row in report.findings.to_pylist() if row["rule_id"] == rule_id]
    ids = {row["jr_id"] for row in findings}
    details = [row for row in report.details.to_pylist() if row["jr_id"] in ids and row["vola_item_type"] == 1]
    frame = report.work.batch.visits
    person = dict(zip(*(frame.ids[name].to_pylist() for name in ("setl_id", "psn_no")), strict=True))
    return {
        "hits": len(findings),
        "lines": len({row["row"] for row in details if row["row"] >= 0}),
        "visits": len({row["setl_id"] for row in details if row["row"] < 0}),
        "persons": len({person[row["setl_id"]] for row in details}),
        "vola_amt": sum(row["vola_amt"] for row in findings),
    }


def written(held: int, kind: str) -> str:
    places = PLACES[kind]
    head, tail = divmod(held, 10**places)
    return f"{head}.{tail:0{places}d}".rstrip("0").rstrip(".") if places else str(head)


def around(bound: Figure) -> list[str]:
    """Values about a figure: some that hit less, some that hit more, and out of order."""
    own = bound.value or 10 ** PLACES[bound.kind]
    one = 10 ** PLACES[bound.kind]
    held = [own, own + 1, max(own - 1, 0), own + one, max(own - one, 0), own * 2, own // 2, own * 7, one, 3 * one, 10 * one]
    return list(dict.fromkeys(written(value, bound.kind) for value in held))


def rules_of(folder: Path) -> list[tuple[str, tuple[Any, ...], Figure]]:
    book = ybcore.load_rules(read(folder).documents)
    return [(rule.id, path, bound) for rule in book if rule.enabled for path, bound in bounds_of(rule).items()]


GOLDEN = [(folder, *found) for folder in cases() for found in rules_of(folder)]


@pytest.mark.parametrize(("folder", "rule_id", "path", "bound"), GOLDEN, ids=[f"{f.name}-{r}-{path_text(p)}" for f, r, p, _ in GOLDEN])  # fmt: skip
def test_golden_cases_as_full_runs(folder: Path, rule_id: str, path: tuple[Any, ...], bound: Figure):
    case = read(folder)
    documents, tables = without_relations(case.documents), given(case)
    values, expected = [], []
    for text in around(bound):
        try:
            book = ybcore.load_rules(changed(documents, rule_id, path, text))
        except ybcore.DocumentError:
            continue  # a value that no document may have
        report = ybcore.check(**tables, rules=book)
        values.append(text)
        expected.append(counts(report, rule_id))
    got = ybcore.check(**tables, rules=documents).replay(rule_id, values, path_text(path))
    assert got["value"].to_pylist() == values
    assert [{name: row[name] for name in COUNTED} for row in got.to_pylist()] == expected
