"""What would it cost, and what do the rules say of it: one call, and the answers are those of `settle`, `check` and a batch with rules."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from test_check_settlement import POLICY, RULES
from ybcore import Catalog, Checker, Engine, InputError, check, load_book, load_rules
from ybcore.checks import shipped_rules

ITEMS = {"med_list_codg": ["a", "b", "c", "d"], "chrgitm_lv": ["01"] * 4, "selfpay_prop": ["0"] * 4}
VISIT = {"setl_id": "v1", "psn_no": "p1", "insutype": "310", "med_type": "21", "setl_time": "2024-03-01", "gend": "1"}
LINES = [
    {"feedetl_sn": "1", "med_list_codg": "a", "cnt": 40_000, "pric": 100_000_000, "det_item_fee_sumamt": 40_000},
    {"feedetl_sn": "2", "med_list_codg": "c", "cnt": 100_000, "pric": 15_000_000, "det_item_fee_sumamt": 15_000},
    {"feedetl_sn": "3", "med_list_codg": "d", "cnt": 10_000, "pric": 200_000_000, "det_item_fee_sumamt": 20_000},
]
TABLES = {"visits": {name: [cell] for name, cell in VISIT.items()}, "lines": {"setl_id": ["v1"] * 3, **{name: [line[name] for line in LINES] for name in LINES[0]}}}  # fmt: skip
WITHIN = """format: ybcore-rules/1
id: within
version: "1"
name: {zh: 规则, en: rules}
layer: city
known_since: 2024-01-01
from: open
source: made for this test
rules:
  - {id: YEARLY, name: {zh: 一年五次, en: five in a year}, kernel: K07, items: {prefix: [a]}, severity: 1, source: s, amount: whole_line, disposition: deny,
     check: {subject: person, measure: quantity, comparator: more_than, tie: order, windows: [{kind: rolling, days: 365, edge: within, thresholds: [{value: 5}]}]}}
"""


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(load_book(POLICY), Catalog(pa.table(ITEMS)), threads=1)


def told(report: Any) -> Any:
    return report.findings.to_pylist(), report.details.to_pylist()


def test_before_the_event_money_and_rules_come_in_one_call(engine: Engine):
    """Four of what may be given once a day: three are told, and the amounts are those that settling would pay, because nothing was denied yet."""
    checker = Checker(load_rules(RULES), engine.catalog, stage="before")
    asked = engine.settle_one(VISIT, LINES, pre=True, rules=checker)
    plain = engine.settle_one(VISIT, LINES, pre=True)
    assert (asked.result, asked.lines, asked.state) == (
        plain.result,
        plain.lines,
        plain.opening,
    ) and plain.checks is None
    report = check(**TABLES, rules=load_rules(RULES), catalog=engine.catalog, stage="before")
    assert told(asked.checks) == told(report)
    assert [(row["rule_id"], row["vola_amt"]) for row in asked.checks.findings.to_pylist()] == [("CAP", 30_000), ("PRICE", 5_000), ("LOOK", 20_000)]  # fmt: skip


@pytest.mark.parametrize("time", ["2024-03-01", "2024-03-01 10:30:00"])
def test_what_did_not_run_is_told_without_running_the_rest(engine: Engine, time: str):
    checker = Checker(load_rules(shipped_rules()), engine.catalog, stage="before")
    lines = [{**line, "fee_ocur_time": time} for line in LINES]
    one = engine.settle_one(
        VISIT, lines, pre=True, rules=checker, beside={"diagnoses": [{"setl_id": "v1", "diag_code": "J18"}]}
    ).checks
    many = check(
        {"setl_id": [1], **{name: [cell] for name, cell in VISIT.items() if name != "setl_id"}},
        rules=load_rules(shipped_rules()),
        stage="before",
    )
    for report in (one, many):
        skipped = [(row["rule_id"], row["reason"]) for row in report.manifest.to_pylist() if row["status"] == "skipped"]
        assert list(report.skipped) == skipped and skipped


def test_a_book_moves_what_it_denies_as_in_a_batch(engine: Engine):
    """400 + 150 + 200 yuan, of which 300 and 50 are denied: 400 in scope, less 100, half of it."""
    batch = engine.settle(**TABLES, rules=load_rules(RULES), line_output=True)
    for rules in (load_rules(RULES), Checker(load_rules(RULES), engine.catalog, stage="during")):
        one = engine.settle_one(VISIT, LINES, rules=rules)
        assert one.result == batch.visits.to_pylist()[0] and one.lines == batch.lines.to_pylist()
        assert (one.result["fulamt_ownpay_amt"], one.result["hifp_pay"]) == (35_000, 15_000)
        assert told(one.checks) == told(batch.checks) and one.state.version == 1
    assert one.state.settlements[0].columns == engine.settle_one(VISIT, LINES, rules=load_rules(RULES)).state.settlements[0].columns  # fmt: skip


def test_earlier_visits_are_looked_back_at(engine: Engine):
    """Four now and two in January are six in a year, where five may be: the finding is of the line now, and January is not told again."""
    checker = Checker(load_rules(WITHIN), engine.catalog, stage="before")
    assert not engine.settle_one(VISIT, LINES, pre=True, rules=checker).checks.findings.num_rows
    earlier = {
        "visits": [VISIT | {"setl_id": "v0", "setl_time": "2024-01-09"}],
        "lines": [{**LINES[0], "setl_id": "v0", "cnt": 20_000, "det_item_fee_sumamt": 20_000}],
    }
    asked = engine.settle_one(VISIT, LINES, pre=True, rules=checker, beside=earlier)
    assert [row["setl_id"] for row in asked.checks.findings.to_pylist()] == ["v1"]
    assert asked.result == engine.settle_one(VISIT, LINES, pre=True).result
    with pytest.raises(InputError, match="before the event"):
        engine.settle_one(VISIT, LINES, rules=load_rules(WITHIN), beside=earlier)
    with pytest.raises(InputError, match="give rules"):
        engine.settle_one(VISIT, LINES, beside=earlier)


def test_what_is_beside_may_be_rows_or_a_table(engine: Engine):
    book = load_rules(
        RULES.replace('attribute: gend, barred: {codes: ["2"]}', 'attribute: gend, barred: {codes: ["1"]}')
    )
    checker = Checker(book, engine.catalog, stage="before")
    rows = [{"setl_id": "v1", "diag_code": "J18"}]
    one, other = (engine.settle_one(VISIT, LINES, pre=True, rules=checker, beside={"diagnoses": d}) for d in (rows, pa.Table.from_pylist(rows)))  # fmt: skip
    assert told(one.checks) == told(other.checks) and "SEX" in {
        row["rule_id"] for row in one.checks.findings.to_pylist()
    }
    assert engine.settle_one(VISIT, None, {"psn_no": "p1", "insutype": "310", "begndate": "2020-01-01"}, pre=True, rules=checker, beside={"diagnoses": [], "labs": None}).checks.findings.num_rows == 0  # fmt: skip
