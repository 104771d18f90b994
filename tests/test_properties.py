"""Laws that hold whatever the policy says, on random documents and populations."""

from __future__ import annotations

import random
from typing import Any

from compare import by_reference, differences
from generate.policies import book
from generate.population import population
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from ybcore import reference

FEW = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
SEEDS = st.integers(0, 10**6)


def drawn(seed: int, visits: int = 50) -> tuple[list[dict], dict[str, Any]]:
    documents = book(seed)
    return documents, population(seed, documents, persons=8, visits=visits, wild=0.0)


def rows_by_id(documents: list[dict], tables: dict[str, Any], state: Any = None) -> tuple[dict[str, dict], Any]:
    done = reference.settle(documents, **tables, state=state)
    return {row["setl_id"]: row for row in done.rows}, done.state


def only(tables: dict[str, Any], visits: list[dict]) -> dict[str, Any]:
    ids = {row["setl_id"] for row in visits}
    return {**tables, "visits": visits, "lines": [line for line in tables["lines"] if line["setl_id"] in ids]}


def order_day(documents: list[dict], row: dict) -> int:
    day = row["setl_time"] // 86_400
    return row.get("enddate", day) if documents[0]["dates"]["order"] == "discharge" else day


@FEW
@given(SEEDS)
def test_the_order_of_input_rows_means_nothing(seed: int):
    documents, tables = drawn(seed)
    shuffled = list(tables["visits"])
    random.Random(seed).shuffle(shuffled)
    assert rows_by_id(documents, tables)[0] == rows_by_id(documents, {**tables, "visits": shuffled})[0]


@FEW
@given(SEEDS)
def test_groups_do_not_see_each_other(seed: int):
    """Every settling group alone gives what all of them together give."""
    documents, tables = drawn(seed)
    together, _ = rows_by_id(documents, tables)
    events = [reference.prepared(row, i, {}) for i, row in enumerate(tables["visits"])]
    group_of = reference.groups(documents, events, tables.get("persons"), reference.State())
    alone: dict[str, dict] = {}
    for group in set(group_of.values()):
        mine = [row for row in tables["visits"] if group_of[row["psn_no"]] == group]
        if mine:
            alone |= rows_by_id(documents, only(tables, mine))[0]
    # Whose settlement a wrong reversal names is only known where both stand in one batch.
    blind = {"other_person", "unknown_original"}
    assert {k: v for k, v in alone.items() if v["reason"] not in blind} == {
        k: v for k, v in together.items() if v["reason"] not in blind
    }


@FEW
@given(SEEDS, st.integers(10, 90))
def test_two_runs_are_one_run(seed: int, percent: int):
    """The closing state of the first days opens the later days."""
    documents, tables = drawn(seed)
    days = sorted(order_day(documents, row) for row in tables["visits"])
    middle = days[len(days) * percent // 100]
    first = [row for row in tables["visits"] if order_day(documents, row) < middle]
    later = [row for row in tables["visits"] if order_day(documents, row) >= middle]
    assume(first and later)
    whole, closing = rows_by_id(documents, tables)
    early, state = rows_by_id(documents, only(tables, first))
    late, last = rows_by_id(documents, only(tables, later), state)
    # A later run does not know what an earlier one refused, nor an earlier one what comes later.
    blind = {
        "unknown_original",
        "reversal_before_original",
        "original_not_settled",
        "reversal_of_reversal",
        "other_person",
    }
    both = {**early, **late}
    assert {k: v for k, v in both.items() if v["reason"] not in blind} == {
        k: v for k, v in whole.items() if v["reason"] not in blind
    }
    assert {k: v for k, v in closing.counters.items() if v} == {k: v for k, v in last.counters.items() if v}


def without_reversals(tables: dict[str, Any]) -> dict[str, Any]:
    return only(tables, [row for row in tables["visits"] if row.get("refd_setl_flag") != "1"])


def reversal_of(row: dict, at: int) -> dict[str, Any]:
    out = {"setl_id": row["setl_id"] + "~", "psn_no": row["psn_no"], "setl_time": at, "refd_setl_flag": "1"}
    end = row.get("enddate", row["setl_time"] // 86_400)
    return {**out, "init_setl_id": row["setl_id"], "begndate": end, "enddate": end}


def moves_accounts(documents: list[dict]) -> bool:
    """Top-ups and renewals begin with the first settlement, so a settlement taken back still starts them."""
    return any("topups" in d.get("accounts", {}) or "renew" in d.get("accounts", {}) for d in documents)


@FEW
@given(SEEDS, st.integers(0, 10**6))
def test_a_reversal_at_once_leaves_no_trace(seed: int, which: int):
    documents, tables = drawn(seed)
    assume(not moves_accounts(documents))
    tables = without_reversals(tables)
    row = tables["visits"][which % len(tables["visits"])]
    back = {**tables, "visits": [*tables["visits"], reversal_of(row, row["setl_time"])]}
    never = only(tables, [other for other in tables["visits"] if other is not row])
    with_both, state = rows_by_id(documents, back)
    neither, clean = rows_by_id(documents, never)
    assert {k: v for k, v in with_both.items() if k.rstrip("~") != row["setl_id"]} == neither
    assert {k: v for k, v in state.counters.items() if v} == {k: v for k, v in clean.counters.items() if v}
    settled, mirror = with_both[row["setl_id"]], with_both[row["setl_id"] + "~"]
    if settled["outcome"] in ("settled", "no_benefit"):
        assert all(settled[column] == -mirror[column] for column in reference.MONEY)


@FEW
@given(SEEDS, st.integers(0, 10**6))
def test_a_later_reversal_takes_out_its_own_part_only(seed: int, which: int):
    """With visits between, every counter is what it was less what the settlement itself had put there."""
    documents, tables = drawn(seed)
    tables = without_reversals(tables)
    row = tables["visits"][which % len(tables["visits"])]
    before = reference.settle(documents, **tables).state
    record = next((r for r in before.standing if r.setl_id == row["setl_id"]), None)
    assume(record is not None)
    late = max(order_day(documents, other) for other in tables["visits"]) * 86_400 + 86_400
    back = {**reversal_of(row, late), "begndate": late // 86_400, "enddate": late // 86_400}
    after = reference.settle(documents, **{**tables, "visits": [*tables["visits"], back]}).state
    expected = dict(before.counters)
    for key, amount in record.contributions:
        expected[key] = expected.get(key, 0) - amount
    assert {k: v for k, v in expected.items() if v} == {k: v for k, v in after.counters.items() if v}


@FEW
@given(SEEDS)
def test_comparing_a_run_with_itself_finds_nothing(seed: int):
    documents, tables = drawn(seed, 20)
    assert differences(by_reference(documents, tables), by_reference(documents, tables)) == []


EDGES = st.lists(st.integers(1, 9000), unique=True, max_size=3)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    EDGES, st.lists(st.integers(0, 100), min_size=4, max_size=4), st.integers(0, 2000), st.integers(0, 9000), st.data()
)
def test_a_larger_bill_is_never_paid_less(
    edges: list[int], rates: list[int], deductible: int, ceiling: int, data: st.DataObject
):
    """One ordinary layer: a deductible, ascending bands at any rates, a ceiling, everything rounded once."""
    steps = [{"to": str(edge), "rate": f"{rate}%"} for edge, rate in zip(sorted(edges), rates)]
    steps.append({"to": "open", "rate": f"{rates[len(edges)]}%"})
    layer = {"id": "basic", "payer": "hifp_pay", "basic": "true", "deductible": {"amount": str(deductible)}}
    layer["bands"] = {"steps": steps, "origin": data.draw(st.sampled_from(["including", "excess"]))}
    layer["ceilings"] = [{"on": "fund", "limit": str(ceiling), "per": "year"}]
    document = {
        "format": "ybcore-policy/1",
        "id": "monotone",
        "scheme": {"id": "m", "region": "*", "insutype": ["310"]},
        "effective": {"from": "2020-01-01"},
        "plans": [{"id": "all", "layers": [layer]}],
    }
    bills = sorted(data.draw(st.lists(st.integers(0, 1_500_000), min_size=2, max_size=6)))
    visits = [
        {
            "setl_id": f"S{i}",
            "psn_no": f"P{i}",
            "insutype": "310",
            "med_type": "21",
            "setl_time": 1_700_000_000,
            "inscp_scp_amt": bill,
        }
        for i, bill in enumerate(bills)
    ]
    paid = [row["fund_pay_sumamt"] for row in reference.settle([document], visits=visits).rows]
    assert paid == sorted(paid)
