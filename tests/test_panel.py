"""Policies settled in one pass: every row of every measure is what a comparison of its own gives (docs/simulation.md section 3)."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from ybcore import Catalog, Engine, load_book
from ybcore.cli.settle import demo_policies
from ybcore.policy.compile import CompiledBook
from ybcore.policy.compile.shelf import Shelf
from ybcore.simulate import (
    Burden,
    Catastrophic,
    Inequality,
    Needs,
    People,
    Reform,
    Spending,
    View,
    Winners,
    compare,
    comparison,
    reformed,
)
from ybcore.synth import city

LUOYANG, BEIJING = "luoyang-resident-2024", "beijing-employee-2023"
L3, RATE = "plans[inpatient_city_l3].layers[basic].deductible.amount", "plans[inpatient_community].layers[basic].rate"
#: What leaves the batch as it is read, priced, ordered and told of accounts: settled in one pass.
SHARED = {
    "deductible": Reform.of("a", [{"policy": LUOYANG, "path": L3, "add": 200}]),
    "half a year": Reform.of("b", [{"policy": LUOYANG, "path": L3, "add": 200}], start="2024-07-01"),
    "rate": Reform.of("c", [{"policy": LUOYANG, "path": RATE, "points": 5}]),
    "both schemes": Reform.of("d", [{"policy": LUOYANG, "path": RATE, "points": -7}, {"policy": BEIJING, "path": "layers.critical.deductible.amount", "times": "0.5"}]),
    "cumulative": Reform.of("e", [{"policy": LUOYANG, "path": "plans[inpatient_city_l3].layers[basic].deductible", "merge": {"repeat": "cumulative"}}]),
    "by hospital": Reform.of("f", [{"policy": LUOYANG, "path": "plans[inpatient_city_l3].layers[basic].deductible", "merge": {"repeat": "cumulative", "scope": "hospital"}}]),
    "by kind": Reform.of("g", [{"policy": LUOYANG, "path": RATE, "set": {"by": "psn_type", "12": "0.8", "else": "0.95"}}]),
    "no benefit": Reform.of("h", [{"policy": LUOYANG, "path": "plans[inpatient_community]", "merge": {"layers": None, "benefit": "none"}}]),
    "household": Reform.of("m", [{"policy": LUOYANG, "path": "plans[inpatient_city_l3].layers[basic].deductible", "merge": {"repeat": "cumulative", "scope": "household"}}]),
    "nothing": Reform.of("i", []),
}  # fmt: skip
#: What is run by itself.
ALONE = {
    "first pay": Reform.of("k", [{"policy": BEIJING, "merge": {"pricing": {"first_pay": [{"ratio": "catalog"}, {"ratio": "0.1"}]}}}]),
    "exact": Reform.of("l", [{"policy": BEIJING, "merge": {"rounding": {"layer": "exact", "end": "jiao"}}}]),
    "admission": Reform.of("n", [{"scheme": name, "merge": {"dates": {"policy": "admission"}}} for name in ("luoyang-resident", "beijing-employee", "yuyang-rural")]),
    "split year": Reform.of("o", [{"policy": LUOYANG, "merge": {"year": {"starts": "07-01", "cross": "split"}}}]),
    "account": Reform.of("p", [{"policy": BEIJING, "path": "accounts.topups[0].amount", "add": 50}]),
}  # fmt: skip


@pytest.fixture(scope="module")
def town():
    made = city(seed=7, persons=400, visits=4_000, lines_per_visit=3)
    batch = made.visits()
    tables = {
        "visits": batch.visits, "lines": batch.lines, "persons": made.persons, "institutions": made.institutions, "acct_events": made.acct_events,
    }  # fmt: skip
    accounts = Reform.of(
        "q",
        [
            {
                "policy": BEIJING,
                "merge": {"accounts": {"mutual_aid": True, "topups": [{"every": "month", "amount": 100}]}},
            }
        ],
    )
    book = reformed(load_book(demo_policies()), [accounts]).book
    engine = Engine(book, Catalog(**dict(zip(("items", "selfpay", "caps"), made.catalog))))
    ids = list(dict.fromkeys(made.persons["psn_no"].to_pylist() + [p for p in batch.visits["psn_no"].to_pylist() if p]))
    lots = np.random.default_rng(3)
    income = lots.integers(5_000_00, 90_000_00, len(ids))
    known = {
        "income": income,
        "consumption": income * 3 // 4,
        "decile": income // 9_000_00,
        "weight": lots.integers(1, 5, len(ids)),
    }
    return tables, engine, pa.table({"psn_no": ids, **known})


def measures(people):
    heavy = People(people, income="income", consumption="consumption", weight="weight")
    plain = People(people, income="income")
    return [
        Spending(["insutype", "dedc_hosp_lv"]),
        Spending(["decile"], plain, name="decile"),
        Burden(plain, ["decile"], above=[1_000_00]),
        Burden(heavy, name="heavy", column="fund_pay_sumamt"),
        Catastrophic(heavy, line=9_000_00),
        Inequality(plain),
        Winners(heavy, ["decile"]),
    ]


class Watch:
    """Tells which policies came as sums."""

    name = "watch"

    def needs(self, base: View) -> Needs:
        return Needs(by_person=("hifp_pay",))

    def look(self, view: View) -> pa.Table:
        return pa.table({"shared": ["_ran" not in vars(view)], "total": [int(view.by_person("hifp_pay").sum())]})


@pytest.fixture(scope="module")
def alone(town):
    """Each measure of each policy by a run of its own, every column of every visit at hand."""
    tables, engine, people = town

    class Rows:
        name = "rows"

        def look(self, view):
            return pa.table({"rows": [view.visits.num_rows]})

    books = {name: reformed(engine.book, [reform]) for name, reform in (SHARED | ALONE).items()}
    done = compare(engine, tables, books, [*measures(people), Rows()])
    return books, done


@pytest.mark.parametrize(("threads", "most"), [(1, 32), (2, 4), (3, 1)])
def test_sums_of_each_policy_are_those_of_a_run_of_its_own(town, alone, monkeypatch, threads, most):
    tables, engine, people = town
    books, own = alone
    monkeypatch.setattr(comparison, "MOST_POLICIES", most)
    done = compare(Engine(engine.book, engine.catalog, threads=threads), tables, books, [*measures(people), Watch()])
    told = {row["policy"]: row for row in done.table("watch").to_pylist()}
    assert [name for name, row in told.items() if row["shared"]] == list(SHARED)
    assert len({row["total"] for row in told.values()}) > len(SHARED) // 2
    for measure in measures(people):
        assert done.table(measure.name).equals(own.table(measure.name)), measure.name
    assert len(done.seconds) == 1 + len(books)


def test_a_measure_that_looks_at_rows_still_can(town):
    tables, engine, _ = town
    book = reformed(engine.book, [SHARED["rate"]])

    class Looks(Watch):
        def look(self, view):
            rows = view.visits
            return pa.table(
                {
                    "cash": [rows["psn_cash_pay"].to_numpy()[view.counted].sum()],
                    "number": [view.number("psn_cash_pay").sum()],
                }
            )

    done = compare(engine, tables, {"rate": book}, [Looks()]).table("watch").to_pylist()
    rows = Engine(book.book, engine.catalog).settle(**tables, receipt=False).visits
    kept = np.isin(rows["outcome"].to_pylist(), ["settled", "no_benefit"])
    assert done[1]["cash"] == done[1]["number"] == rows["psn_cash_pay"].to_numpy()[kept].sum()
    assert done[0]["cash"] != done[1]["cash"]


def test_reversals_refusals_and_accounts_are_in_the_batch(town):
    tables, engine, _ = town
    rows = engine.settle(**tables, receipt=False).visits
    assert {"settled", "not_enrolled", "rejected"} <= set(rows["outcome"].to_pylist())
    assert (rows["psn_cash_pay"].to_numpy() < 0).any() and (rows["acct_pay"].to_numpy() > 0).any()


def test_documents_that_books_share_are_compiled_once(town):
    tables, engine, _ = town
    engine.settle(**tables, receipt=False)
    shelf = engine._compiled.shelf.fork()
    held = len(shelf.built)
    assert held > 10
    other = CompiledBook(reformed(engine.book, [SHARED["rate"]]).book, shelf)
    changed = next(i for i, p in enumerate(other.policies) if p.id == LUOYANG)
    before = set(shelf.built)
    for index, _policy in enumerate(other.policies):
        told = {name: ("" if a.kind == "text" else None) for name, a in other.attributes.items()}
        other.of_document(index, told, 19_900)
        other.of_document(index, told, 19_900)
    fresh = set(shelf.built) - before
    assert sum(sha == other.policies[changed].sha256 for sha, _ in fresh) == 1
    assert len(engine._compiled.shelf.built) == held


def test_a_fork_leaves_what_it_came_from_alone():
    shelf = Shelf()
    shelf.tables.shared("amounts", kind=0, value=7)
    other = shelf.fork()
    assert other.tables.shared("amounts", kind=0, value=7) == 0
    assert other.tables.shared("amounts", kind=0, value=8) == 1
    other.fields.append("x")
    assert shelf.tables.size("amounts") == 1 and shelf.fields == []
