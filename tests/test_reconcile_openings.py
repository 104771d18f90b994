"""What was used elsewhere before a ledger begins: every kind of it is planted and found; what fits twice is not guessed."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from test_reconcile import COLUMNS, differ, ledger, one_a_group, plain
from ybcore import Catalog, Engine, State, load_policy
from ybcore.ledger import Reconciliation, Run, reconcile
from ybcore.synth import city

BANDS = {"steps": [{"to": "800", "rate": "0.7333"}, {"to": "open", "rate": "0.6117"}]}
CEILING = {"on": "fund", "limit": "3000", "per": "year"}


def document(basic: dict[str, Any], more: list[dict[str, Any]], **parts: Any) -> dict[str, Any]:
    layer = {"id": "basic", "basic": "true", "payer": "hifp_pay", "bands": BANDS, **basic}
    return {
        "format": "ybcore-policy/1",
        "id": "openings-2024",
        "scheme": {"id": "openings", "region": "*", "insutype": ["3"]},
        "effective": {"from": "2020-01-01"},
        "cite": ["a document for tests"],
        "plans": [{"id": "everything", "layers": [layer, *more]}],
        **parts,
    }


YEARLY = {"amount": "300", "repeat": "cumulative", "period": "year"}
CRITICAL = {
    "id": "critical", "payer": "hifmi_pay", "base": ["copay", "over_ceiling"], "settle": "delta_F", "accumulate": "burden",
    "bands": {"steps": [{"to": "400", "rate": "0"}, {"to": "open", "rate": "0.55"}]},
}  # fmt: skip
DOCUMENTS = {
    "ceiling": document({"deductible": YEARLY, "ceilings": [CEILING]}, []),
    "usage": document(
        {"deductible": YEARLY, "ceilings": [CEILING]},
        [CRITICAL],
        counters={"burden": {"sum": ["critical.base"], "period": "year"}},
    ),
    "twice": document({"ceilings": [CEILING, {**CEILING, "on": "layers", "of": ["basic"], "counter": "pool"}]}, [],
                      counters={"pool": {"sum": ["basic.paid"], "period": "year"}}),
    "stays": document({"deductible": {"amount": "300", "repeat": "visit", "admission": {"list": ["300", "200", "100", "0"]}}}, [],
                      admissions={"when": {"med_type": ["21"]}, "period": "year"}),
    "account": document({"deductible": YEARLY}, [], accounts={"pay": "last"}),
}  # fmt: skip


@cache
def the_run(name: str) -> Run:
    town = city(seed=5, persons=60, visits=400, bad_rows=0)
    visits, lines = town.visits()
    engine = Engine(load_policy(DOCUMENTS[name]), Catalog(*town.catalog), threads=1)
    return Run(engine, visits, lines, town.persons, town.institutions, town.acct_events)


def before(run: Run, kind: str, fen: int, ids: list[str], stays: int = 1) -> State:
    """The closing state of settlements of the people of some visits before the ledger begins."""
    own = {row["setl_id"]: row["psn_no"] for row in run.tables["visits"].select(["setl_id", "psn_no"]).to_pylist()}
    people = [own[one] for one in ids for _ in range(stays)]
    earlier = {
        "setl_id": [f"before {i}" for i in range(len(people))],
        "mdtrt_id": [f"stay {i}" for i in range(len(people))],
        "psn_no": people,
        "med_type": [kind] * len(people),
        "setl_time": ["2024-01-01"] * len(people),
        "acct_used_flag": ["0"] * len(people),
        "insutype": ["310"] * len(people),
        "inscp_scp_amt": pa.array([fen] * len(people), pa.int64()),
    }
    state = run.engine.settle(earlier).state
    assert state is not None
    return state


def only(state: State, *parts: str) -> State:
    """The state with nothing in counters but those whose name has one of these words."""
    names = [any(part in name for part in parts) for name in state.names["counter"]]
    kept = np.array(names)[state.arrays["counter_key"][:, 0]]
    assert kept.any()
    values = np.where(kept, state.arrays["counter_value"], 0)
    return replace(state, arrays={**state.arrays, "counter_value": values})


def theirs(run: Run, state: State) -> pa.Table:
    return Run(run.engine, **run.tables, state=state).results[0]


def told(run: Run, visits: pa.Table, least: int = 5) -> Reconciliation:
    """The reconciliation; exactly the visits that were planted differ."""
    result = reconcile(ledger(visits), run, COLUMNS, "ID")
    ids = differ(visits, run)
    assert len(ids) >= least and set(result.visits["setl_id"].to_pylist()) == ids
    return result


def causes(result: Reconciliation) -> set[tuple[str, str, bool]]:
    return {(row["cause"], row["explained_by"], row["proved"]) for row in result.visits.to_pylist()}


def test_a_ceiling_that_was_used_before():
    run = the_run("ceiling")
    state = only(before(run, "11", 480_000, one_a_group(run, plain(run), 20)), '"paid"')
    paid = set(state.arrays["counter_value"].tolist()) - {0}
    (fen,) = (value // 1_000_000 for value in paid)
    assert causes(told(run, theirs(run, state))) == {("accumulator_carried_in", f"paid of basic used {fen} fen", True)}


def test_a_full_ceiling_is_at_least_that():
    run = the_run("ceiling")
    state = only(before(run, "11", 990_000, one_a_group(run, plain(run), 20)), '"paid"')
    found = causes(told(run, theirs(run, state)))
    assert found == {("accumulator_carried_in", "paid of basic used at least 300000 fen", True)}


def test_a_settlement_that_used_deductible_ceiling_and_layer():
    run = the_run("usage")
    state = before(run, "11", 150_000, one_a_group(run, plain(run), 20))
    result = told(run, theirs(run, state))
    carried = [row["explained_by"] for row in result.visits.to_pylist() if row["cause"] == "accumulator_carried_in"]
    assert carried.count("settlement elsewhere with 150000 fen in scope") > 70
    assert all(words.startswith("settlement elsewhere with") for words in carried)


def test_two_counters_that_fit_are_both_told():
    run = the_run("twice")
    state = only(before(run, "11", 400_000, one_a_group(run, plain(run), 20)), '"paid"')
    (fen,) = (value // 1_000_000 for value in set(state.arrays["counter_value"].tolist()) - {0})
    both = f"counter pool used {fen} fen | paid of basic used {fen} fen"
    assert causes(told(run, theirs(run, state))) == {("unknown", both, False)}


@pytest.mark.parametrize("number", [1, 2])
def test_stays_that_were_counted_before(number: int):
    run = the_run("stays")
    state = before(run, "21", 0, one_a_group(run, plain(run), 60), number)
    result = told(run, theirs(run, state), 3)
    sure = {words for cause, words, _ in causes(result) if cause == "accumulator_carried_in"}
    assert f"stays counted {number} more" in sure
    assert all(f"stays counted {number} more" in words for _, words, _ in causes(result))


@pytest.mark.parametrize("step", [-1_500, 2_500])
def test_an_account_that_opened_with_another_balance(step: int):
    run = the_run("account")
    persons = run.tables["persons"]
    own = {row["setl_id"]: row["psn_no"] for row in run.tables["visits"].select(["setl_id", "psn_no"]).to_pylist()}
    chosen = {own[one] for one in one_a_group(run, plain(run), 60)}
    pairs = zip(persons["psn_no"].to_pylist(), persons["balc"].to_pylist())
    cells = [fen + step if who in chosen and fen and fen > 5_000 else fen for who, fen in pairs]
    column = pa.array(cells, pa.int64())
    tables = {**run.tables, "persons": persons.set_column(persons.column_names.index("balc"), "balc", column)}
    result = told(run, Run(run.engine, **tables).results[0], 4)
    carried = [row["explained_by"] for row in result.visits.to_pylist() if row["cause"] == "accumulator_carried_in"]
    words = f"account balance {'less' if step < 0 else 'more'} by {abs(step)} fen"
    assert words in carried and all(one.startswith(words[:20]) for one in carried)
