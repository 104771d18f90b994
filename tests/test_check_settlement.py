"""Checks as a stage of settlement: what is denied moves to full self-pay, each fen once, and the funds get back what they would have paid."""

from __future__ import annotations

import pytest
import ybcore

POLICY = """format: ybcore-policy/1
id: town-2024
scheme: {id: town, region: "*", insutype: ["310"]}
effective: {from: 2024-01-01}
plans:
  - id: inpatient
    layers:
      - {id: basic, basic: true, payer: hifp_pay, deductible: {amount: 100}, rate: 0.5, cite: "clause 1",
         ceilings: [{limit: 600, on: fund, per: year}]}
"""
RULES = """format: ybcore-rules/1
id: town-checks
version: "1"
name: {zh: 规则, en: rules}
layer: city
known_since: 2024-01-01
from: open
source: made for this test
tables:
  ceilings: {key: med_list_codg, rows: [{med_list_codg: c, ceiling: "10"}]}
rules:
  - {id: CAP, name: {zh: 每日一次, en: once a day}, kernel: K06, items: {prefix: [a]}, severity: 1, source: s,
     check: {group: day, measure: quantity, cap: 1, comparator: more_than}, amount: excess_qty, disposition: deny}
  - {id: SEX, name: {zh: 性别, en: sex}, kernel: K01, items: {prefix: [a, b]}, severity: 1, source: s,
     check: {attribute: gend, barred: {codes: ["2"]}}, amount: whole_line, disposition: deny}
  - {id: PRICE, name: {zh: 限价, en: ceiling}, kernel: K03, items: {table: ceilings}, severity: 1, source: s,
     check: {}, amount: price_diff, disposition: deny}
  - {id: LOOK, name: {zh: 可疑, en: suspect}, kernel: K01, items: {prefix: [d]}, severity: 2, source: s,
     check: {attribute: gend, barred: {codes: ["1", "2"]}}, amount: whole_line, disposition: suspect}
"""
VISITS = {
    "setl_id": ["v1", "v2", "v3"], "psn_no": ["p1", "p1", "p2"], "insutype": ["310"] * 3, "med_type": ["21"] * 3,
    "setl_time": ["2024-03-01", "2024-04-01", "2024-03-01"], "gend": ["1", "1", "2"],
}  # fmt: skip
LINES = {
    "setl_id": ["v1", "v1", "v1", "v1", "v2", "v2", "v3", "v3"],
    "feedetl_sn": ["1", "2", "3", "4", "5", "6", "7", "8"],
    "init_feedetl_sn": [None, None, None, "1", None, None, None, None],
    "med_list_codg": ["a", "c", "d", "a", "a", "d", "b", "d"],
    "cnt": [40_000, 100_000, 10_000, -10_000, 30_000, 10_000, 10_000, 10_000],
    "pric": [100_000_000, 15_000_000, 200_000_000, 100_000_000, 100_000_000, 500_000_000, 300_000_000, 900_000_000],
    "det_item_fee_sumamt": [40_000, 15_000, 20_000, -10_000, 30_000, 50_000, 30_000, 90_000],
}
CATALOG = {"med_list_codg": ["a", "b", "c", "d"], "chrgitm_lv": ["01"] * 4}


@pytest.fixture(scope="module")
def engine():
    return ybcore.Engine(POLICY, ybcore.Catalog(CATALOG), threads=1)


@pytest.fixture(scope="module")
def done(engine):
    return engine.settle(VISITS, LINES, rules=ybcore.load_rules(RULES), line_output=True)


def row(table, setl_id):
    return next(r for r in table.to_pylist() if r["setl_id"] == setl_id)


def test_denied_money_is_full_self_pay(done):
    # v1: 4 of a, 1 returned: 3 net, one is paid; the returned one takes its own back. c: 10 above its ceiling by 5 each.
    assert row(done.visits, "v1")["fulamt_ownpay_amt"] == 20_000 + 5_000
    assert row(done.visits, "v1")["medfee_sumamt"] == 65_000
    assert row(done.visits, "v2")["fulamt_ownpay_amt"] == 20_000
    assert row(done.visits, "v3")["fulamt_ownpay_amt"] == 30_000  # SEX; LOOK is only suspect


def test_lines_are_as_given(done):
    lines = done.lines
    assert lines["feedetl_sn"].to_pylist() == LINES["feedetl_sn"]
    assert lines["det_item_fee_sumamt"].to_pylist() == LINES["det_item_fee_sumamt"]
    assert lines["fulamt_ownpay_amt"].to_pylist() == [20_000, 5_000, 0, 0, 20_000, 0, 30_000, 0]


def test_engine_findings_and_money_agree(done):
    details = done.checks.details.to_pylist()
    assert sum(d["paid_amt"] for d in details) == sum(done.visits["fulamt_ownpay_amt"].to_pylist())


def test_recovered_is_the_difference_of_two_settlements(engine, done):
    plain = engine.settle(VISITS, LINES)
    gone = sum(plain.visits["fund_pay_sumamt"].to_pylist()) - sum(done.visits["fund_pay_sumamt"].to_pylist())
    back = {r["rule_id"]: 0 for r in done.checks.findings.to_pylist()}
    for r in done.checks.findings.to_pylist():
        back[r["rule_id"]] += r["recover_amt"]
    assert sum(back.values()) == gone > 0
    assert back["LOOK"] == 0
    # v3: 1200 in scope less 100 pays 550; without 300 it pays 400.
    assert back["SEX"] == 15_000


def test_nothing_denied_is_settled_as_ever(engine):
    quiet = RULES.replace("disposition: deny", "disposition: warn")
    same = engine.settle(VISITS, LINES, rules=ybcore.load_rules(quiet))
    assert same.visits.equals(engine.settle(VISITS, LINES).visits)
    assert sum(same.checks.findings["recover_amt"].to_pylist()) == 0


def test_receipt_names_the_rules(done):
    assert done.receipt["rules"] == {"sha256": ybcore.load_rules(RULES).sha256, "moved_fen": 75_000}


def test_rows_may_stand_in_any_order(engine, done):
    """The same money for each visit, line and finding."""
    turned = {name: values[::-1] for name, values in LINES.items()}
    visits = {name: values[::-1] for name, values in VISITS.items()}
    again = engine.settle(visits, turned, rules=ybcore.load_rules(RULES), line_output=True)
    by_id = {r["setl_id"]: r for r in done.visits.to_pylist()}
    assert all(by_id[r["setl_id"]] == r for r in again.visits.to_pylist())
    assert again.lines["fulamt_ownpay_amt"].to_pylist() == done.lines["fulamt_ownpay_amt"].to_pylist()[::-1]
    ids = {r["jr_id"]: r["recover_amt"] for r in done.checks.findings.to_pylist()}
    assert {r["jr_id"]: r["recover_amt"] for r in again.checks.findings.to_pylist()} == ids
