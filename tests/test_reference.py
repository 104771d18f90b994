"""The reference on random documents and populations: it never fails, always conserves money, and every option is met."""

from __future__ import annotations

import pytest
from generate.options import all_options, options_of
from generate.policies import book, document, yaml_text
from generate.population import population
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ybcore import reference
from ybcore.policy import load_policy, parse_text

FUNDS = ("hifp_pay", "cvlserv_pay", "hifes_pay", "hifmi_pay", "hifob_pay", "hifdm_pay", "maf_pay", "oth_pay")
BURDENS = [column for column in reference.MONEY if column.startswith("burden_")]
REASONS = {
    *(
        "",
        "bad_value",
        "duplicate_setl_id",
        "unknown_person",
        "no_policy",
        "bad_split",
        "negative_bucket",
        "missing_value",
    ),
    *("no_figure", "unknown_original", "other_person", "reversal_of_reversal", "reversal_before_original"),
    *("original_not_settled", "already_reversed"),
}
CI_SEEDS = range(300)
SLOW = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


def test_every_option_is_drawn():
    """No option of docs/policy.md is without a random document among the seeds that CI uses."""
    left = set(all_options())
    for seed in CI_SEEDS:
        left.difference_update(options_of(book(seed)))
        if not left:
            break
    assert left == set()


@pytest.mark.parametrize("seed", range(20))
def test_a_document_is_a_file(seed: int):
    """What is drawn can be written down and read back as the same document."""
    doc = document(seed)
    assert parse_text(yaml_text(doc)).doc == doc
    assert load_policy(doc).sha256 == load_policy(parse_text(yaml_text(doc)).doc).sha256


@SLOW
@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(1, 60))
def test_money_is_conserved(seed: int, persons: int, visits: int):
    documents = book(seed)
    tables = population(seed, documents, persons=persons, visits=visits)
    for row in reference.settle(documents, **tables).rows:
        assert row["reason"] in REASONS
        conserved(row)


def conserved(row: dict) -> None:
    """Natures, payers and burdens of one row add up; only a reversal is negative."""
    if row["outcome"] not in ("settled", "no_benefit"):
        assert all(row[column] == 0 for column in reference.MONEY if column != "medfee_sumamt")
        return
    total = row["medfee_sumamt"]
    assert total == sum(row[c] for c in ("fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt"))
    assert row["fund_pay_sumamt"] == sum(row[payer] for payer in FUNDS)
    assert total == row["fund_pay_sumamt"] + row["hosp_part_amt"] + row["psn_part_amt"]
    assert row["psn_part_amt"] == row["acct_pay"] + row["acct_mulaid_pay"] + row["psn_cash_pay"]
    assert row["psn_cash_pay"] == sum(row[burden] for burden in BURDENS)
    signs = {v > 0 for column in reference.MONEY if (v := row[column])}
    assert len(signs) < 2, "a row is wholly positive, or a reversal and wholly negative"


def test_every_outcome_and_reason_is_reached():
    seen = set()
    for seed in range(60):
        documents = book(seed)
        rows = reference.settle(documents, **population(seed, documents, visits=60)).rows
        seen |= {(row["outcome"], row["reason"]) for row in rows}
    assert {reason for _, reason in seen} == REASONS
    assert {outcome for outcome, _ in seen} == {"settled", "no_benefit", "not_enrolled", "rejected"}
