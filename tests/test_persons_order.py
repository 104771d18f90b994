"""A person who is in several schemes: which row a visit goes by never rests on the order of rows."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
import ybcore
from check_cases import arrow_table
from ybcore.policy import load_policy
from ybcore.reference.checks import check as judged
from ybcore.reference.checks import held_tables

POLICY = Path(__file__).parent / "golden" / "o4-two-schemes-and-none-named" / "policy.yaml"
PERSONS = (
    {"psn_no": "p1", "insutype": "390", "psn_type": "14", "begndate": "2020-01-01", "enddate": None, "balc": 500, "gend": "2"},
    {"psn_no": "p1", "insutype": "310", "psn_type": "11", "begndate": "2023-01-01", "enddate": "2024-05-01", "balc": 900, "gend": "1"},
    {"psn_no": "p1", "insutype": "310", "psn_type": "11", "begndate": "2024-07-01", "enddate": "2025-01-01", "balc": 700, "gend": "1"},
)  # fmt: skip
VISITS = {
    "setl_id": ["v1", "v2", "v3"], "psn_no": ["p1"] * 3, "insutype": [None, "390", None], "med_type": ["21"] * 3,
    "setl_time": ["2024-03-01", "2024-03-02", "2024-06-01"],
}  # fmt: skip
LINES = {
    "setl_id": ["v1", "v2", "v3"],
    "feedetl_sn": ["1", "2", "3"],
    "med_list_codg": ["a"] * 3,
    "det_item_fee_sumamt": [10_000] * 3,
}
RULES = [
    {
        "format": "ybcore-rules/1", "id": "d", "version": "1", "name": {"zh": "册", "en": "book"}, "layer": "base", "from": "open", "known_since": "2000-01-01",
        "source": "s", "rules": [{"id": "SEX", "name": {"zh": "性别", "en": "sex"}, "source": "s", "kernel": "K01", "items": "all", "severity": "1",
                                  "check": {"attribute": "gend", "barred": {"codes": ["2"]}}, "amount": "whole_line", "disposition": "deny"}],
    }
]  # fmt: skip
ORDERS = list(itertools.permutations(PERSONS))


def columns(rows: Any) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in rows[0]}


def rows(table: dict[str, list[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(table, cells)) for cells in zip(*table.values())]


@pytest.mark.parametrize("persons", ORDERS)
def test_settling_goes_by_the_smallest_code(persons: Any):
    engine = ybcore.Engine(
        load_policy(POLICY), ybcore.Catalog({"med_list_codg": ["a"], "chrgitm_lv": ["01"]}), threads=1
    )
    done = engine.settle(VISITS, LINES, columns(persons))
    assert done.visits["plan_id"].to_pylist() == ["employee", "resident", "resident"]
    assert done.visits["acct_pay"].to_pylist() == [900, 0, 0]
    state = None
    for visit, line, told in zip(rows(VISITS), rows(LINES), done.visits.to_pylist()):
        one = engine.settle_one(visit, [line], list(persons), state=state)
        state = one.state
        assert {name: one.result[name] for name in told} == told


@pytest.mark.parametrize("persons", ORDERS)
def test_rule_checks_go_by_the_smallest_code(persons: Any):
    """By the whole batch, by a checker, by the reference."""
    texts = [{k: None if v is None else str(v) for k, v in row.items() if k != "balc"} for row in persons]
    lines = [{**row, "det_item_fee_sumamt": "100.00"} for row in rows(LINES)]
    held, clock = held_tables({"visits": rows(VISITS), "lines": lines, "persons": texts})
    given = {name: arrow_table(name, some, clock) for name, some in held.items() if some}
    book = ybcore.load_rules(RULES)
    for found in (ybcore.check(**given, rules=book), ybcore.Checker(book).check(**given)):
        assert sorted(found.findings["setl_id"].to_pylist()) == ["v2", "v3"]
    assert sorted(f["setl_id"] for f in judged(RULES, held, time_of_day=clock).findings) == ["v2", "v3"]
