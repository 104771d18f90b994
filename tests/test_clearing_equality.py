"""The kernel of clearing against the reference: random documents, random cases, every column of every table."""

from __future__ import annotations

from random import Random
from typing import Any

import pyarrow as pa
import pytest
from clearing_cases import value
from clearing_random import document, tables
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from ybcore.clearing import clear
from ybcore.errors import InputError
from ybcore.reference.clearing import clear as by_reference

SEEDS = st.integers(0, 2**40)  # a seed does not shrink: the case it makes is told whole
ROUNDS = {"deadline": None, "phases": (Phase.explicit, Phase.reuse, Phase.generate)}


def arrow(rows: list[dict[str, str]]) -> pa.Table:
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pa.table({name: pa.array([row.get(name) or None for row in rows], pa.string()) for name in names})


def by_kernel(doc: dict, text: dict[str, list[dict]], threads: int = 1) -> dict[str, list[dict]]:
    held = {name: arrow(rows) for name, rows in text.items()}
    done = clear(held.pop("cases"), doc, **held, threads=threads)
    return {name: table.to_pylist() for name, table in done.tables().items()}


def judged(doc: dict, text: dict[str, list[dict]]) -> dict[str, list[dict]]:
    done = by_reference(
        [doc], **{name: [{c: value(name, c, t) for c, t in row.items()} for row in rows] for name, rows in text.items()}
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
