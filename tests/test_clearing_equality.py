"""The kernel of clearing against the reference: random documents, random cases, every column of every table."""

from __future__ import annotations

import copy
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from clearing_cases import HERE, documents, load, value, written
from clearing_random import document, some, tables, wanted
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from ybcore.clearing import clear
from ybcore.clearing.explain import explain_case
from ybcore.errors import InputError
from ybcore.reference.clearing import clear as by_reference
from ybcore.synth.clearing import clearing_tables

SEEDS = st.integers(0, 2**40)  # a seed does not shrink: the case it makes is told whole
DOCUMENTS = Path(__file__).parent.parent / "data/clearing"
ROUNDS = {"deadline": None, "phases": (Phase.explicit, Phase.reuse, Phase.generate)}


def arrow(rows: list[dict[str, str]]) -> pa.Table:
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pa.table({name: pa.array([row.get(name) or None for row in rows], pa.string()) for name in names})


def by_kernel(doc: Any, text: dict[str, list[dict]], threads: int = 1) -> dict[str, list[dict]]:
    held = {name: arrow(rows) for name, rows in wanted(doc, text).items()}
    done = clear(held.pop("cases"), doc, **held, threads=threads)
    return {name: table.to_pylist() for name, table in done.tables().items()}


def judged(doc: Any, text: dict[str, list[dict]]) -> dict[str, list[dict]]:
    done = by_reference(
        doc if isinstance(doc, list) else [doc],
        **{name: [{c: value(name, c, t) for c, t in row.items()} for row in rows] for name, rows in text.items()},
    )
    return {name: getattr(done, name) for name in ("cases", "months", "years", "pools", "balances")}


def typed(doc: dict, text: dict[str, list[dict]]) -> dict[str, list[dict]]:
    """The attribute that documents declare is text; case_mix is a number with 6 decimals even where it is written without."""
    for row in text["institutions"]:
        row["case_mix"] = f"{float(row['case_mix']):.6f}" if row["case_mix"] else ""
    return text


def unequal(one: dict[str, list[dict]], two: dict[str, list[dict]]) -> list[Any]:
    out: list[Any] = []
    for name, rows in one.items():
        if len(rows) != len(two[name]):
            out.append((name, len(rows), len(two[name])))
        for number, (a, b) in enumerate(zip(rows, two[name])):
            out += [(name, number, c, a.get(c), b[c]) for c in b if a.get(c) != b[c]]
    return out


@settings(max_examples=150, **ROUNDS)
@given(SEEDS, st.integers(1, 30))
def test_every_column_is_the_references(seed: int, cases: int):
    r = Random(seed)
    doc, text = document(r), tables(r, cases)
    text = typed(doc, text)
    try:
        expected = judged(doc, text)
    except ValueError as refused:
        with pytest.raises(InputError, match="more than the budget"):
            by_kernel(doc, text)
        assert "above the budget" in str(refused)
        return
    assert unequal(by_kernel(doc, text), expected) == []


def drawn_twice(docs: Any, text: dict[str, list[dict]]) -> bool:
    """Whether the reference refuses whatever the budgets are: both are wrong then, and quotas are looked at before pools are shared."""
    try:
        judged(docs, {**text, "budgets": [{**row, "budget": "900000000"} for row in text["budgets"]]})
    except ValueError as refused:
        return "above the budget" not in str(refused)
    return False


@settings(max_examples=60, **ROUNDS)
@given(SEEDS, st.integers(1, 30))
@example(30, 30)
def test_documents_that_follow_each_other_share_pools(seed: int, cases: int):
    """Two documents, of which the second takes over in the middle of a month with other coefficients."""
    r = Random(seed)
    doc, text = document(r), tables(r, cases)
    text = typed(doc, text)
    pair = [
        {**doc, "id": "b", "effective": {"from": "2024-01-01", "to": "2024-06-10"}},
        {**copy.deepcopy(doc), "id": "a", "effective": {"from": "2024-06-10", "to": "2025-01-01"}},
    ]
    for method in (held for held in pair[1]["methods"] if held.get("coefficients")):
        method["coefficients"] = [{"id": "new", "value": some(r, "0.5", "2.25")}]
    try:
        expected = judged(pair, text)
    except ValueError as refused:
        told = "more than the budget" if "above the budget" in str(refused) and not drawn_twice(pair, text) else "would be paid twice"  # fmt: skip
        with pytest.raises(InputError, match=told):
            by_kernel(pair, text)
        return
    assert unequal(by_kernel(pair, text), expected) == []
    drawn = [(row["pool"], row["period"]) for row in expected["pools"]]
    assert len(set(drawn)) == len(drawn)


@settings(max_examples=8, **ROUNDS)
@given(SEEDS)
def test_many_cases_are_the_references(seed: int):
    """More cases than cells and groups make pairs: what they share is worked out once."""
    r = Random(seed)
    doc = document(r)
    text = typed(doc, tables(r, 500))
    text["budgets"] = [{**row, "budget": "90000000"} for row in text["budgets"]]
    assert unequal(by_kernel(doc, text, threads=2), judged(doc, text)) == []


TOWN = clearing_tables(7, 70_000)


@pytest.fixture(scope="module")
def town() -> dict[str, Any]:
    return whole_town(TOWN, 1)


def whole_town(held: dict[str, pa.Table], threads: int) -> dict[str, Any]:
    done = clear(
        held["cases"], DOCUMENTS, **{name: table for name, table in held.items() if name != "cases"}, threads=threads
    )
    return done.tables()


@pytest.mark.parametrize("threads", [1, 2, 7])
@pytest.mark.parametrize("turned", [False, True])
def test_a_town_is_the_same_on_any_threads_in_any_order(town: dict[str, Any], threads: int, turned: bool):
    """Readmissions, points shared out to the fen, sums and balances, over more rows than a thread takes at once."""
    order = (
        np.random.default_rng(3).permutation(TOWN["cases"].num_rows) if turned else np.arange(TOWN["cases"].num_rows)
    )
    found = whole_town({**TOWN, "cases": TOWN["cases"].take(order)}, threads)
    assert found["cases"].take(np.argsort(order)).equals(town["cases"])
    for name in ("months", "years", "pools", "balances"):
        assert found[name].equals(town[name])
    assert sum(town["cases"]["readmission"].to_pylist()) > 100
    [pool] = town["pools"].to_pylist()
    pointed = town["cases"].filter(pc.is_valid(town["cases"]["points"]))
    assert pool["standard"] == pool["shared"] == sum(pointed["standard"].to_pylist())
    for row in town["balances"].to_pylist():
        assert row["budget"] == row["paid"] + row["held"] + row["reserve"] + row["unspent"]


def test_fewer_columns_are_the_same_columns(town: dict[str, Any]):
    names = ("payment", "kind", "setl_id", "high_edge")
    rest = {name: table for name, table in TOWN.items() if name != "cases"}
    for asked in (names, names[:3]):
        done = clear(TOWN["cases"], DOCUMENTS, **rest, columns=asked)
        assert done.cases.equals(town["cases"].select([name for name in town["cases"].column_names if name in asked]))
        assert done.months.equals(town["months"])
    with pytest.raises(InputError, match="some of their columns"):
        explain_case(done, "5")
    with pytest.raises(InputError, match=r"no column 'paymnt'.*payment"):
        clear(TOWN["cases"], DOCUMENTS, **rest, columns=["paymnt"])


def test_points_that_are_taken_back_are_shared_out_too():
    """A refund that no group takes has points below zero: a share below zero, rounded down as the others are."""
    folder = HERE / "02-actual-points-less-half"
    [doc] = documents(folder)
    doc["pools"] = {name: {**pool, "remainder": "share"} for name, pool in doc["pools"].items()}
    text = written(load(folder / "case.yaml"))
    last = text["cases"][-1]
    text["cases"] += [
        {**last, "setl_id": f"back{at}", "medfee_sumamt": fee} for at, fee in enumerate(("-1234.56", "-77.01"))
    ]
    found = by_kernel(doc, text, threads=2)
    assert unequal(found, judged(doc, text)) == []
    assert [row["standard"] < 0 for row in found["cases"][-2:]] == [True, True]
    assert found["pools"][0]["standard"] == found["pools"][0]["shared"]


@settings(max_examples=25, **ROUNDS)
@given(SEEDS)
def test_order_and_threads_change_nothing(seed: int):
    r = Random(seed)
    doc, text = document(r), tables(r, 40)
    try:
        one = by_kernel(doc, text)
    except InputError:
        return
    shuffled = {name: r.sample(rows, len(rows)) for name, rows in text.items()}
    two = by_kernel(doc, shuffled, threads=3)
    for name in ("months", "years", "pools", "balances"):
        assert one[name] == two[name]
    key = lambda row: row["setl_id"]  # noqa: E731
    assert sorted(one["cases"], key=key) == sorted(two["cases"], key=key)


@settings(max_examples=40, **ROUNDS)
@given(SEEDS)
def test_money_is_kept(seed: int):
    """budget = paid + held + reserve + unspent; cases, months and years tell the same payments; patients do not appear in any of it."""
    r = Random(seed)
    doc, text = document(r), tables(r, 25)
    try:
        done = by_kernel(doc, text)
    except InputError:
        return
    for row in done["balances"]:
        assert row["budget"] == row["paid"] + row["held"] + row["reserve"] + row["unspent"]
    paid = sum(row["payment"] or 0 for row in done["cases"])
    assert (
        paid
        == sum(row["bydise_setl_payamt"] for row in done["months"])
        == sum(row["bydise_setl_payamt"] for row in done["years"])
    )
    for row in done["years"]:
        assert row["paid"] + row["held"] == row["due"] and row["advanced"] + row["final"] == row["paid"]
    for row in done["pools"]:
        if doc["pools"][row["pool"]]["remainder"] == "share" and row["points"]:
            assert row["standard"] == row["shared"]
