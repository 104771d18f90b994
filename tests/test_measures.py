"""Measures of policies against plain loops, DuckDB and their own definitions (docs/simulation.md section 4)."""

from __future__ import annotations

import math
import random
from collections import defaultdict
from fractions import Fraction

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ybcore import Catalog, Engine, InputError, load_book
from ybcore.cli.settle import demo_policies
from ybcore.simulate import Burden, Catastrophic, Inequality, People, Reform, Spending, Winners, compare, reformed
from ybcore.simulate.weights import Ranked, Table, quantiles
from ybcore.synth import city

LUOYANG = "luoyang-resident-2024"
PATH = "plans[inpatient_city_l3].layers[basic].deductible.amount"


@pytest.fixture(scope="module")
def town():
    made = city(seed=11, persons=600, visits=5_000, lines_per_visit=3)
    batch = made.visits()
    tables = {
        "visits": batch.visits, "lines": batch.lines, "persons": made.persons, "institutions": made.institutions, "acct_events": made.acct_events,
    }  # fmt: skip
    engine = Engine(load_book(demo_policies()), Catalog(**dict(zip(("items", "selfpay", "caps"), made.catalog))))
    more = reformed(engine.book, [Reform.of("r", [{"policy": LUOYANG, "path": PATH, "add": 500}])])
    ids = list(dict.fromkeys(made.persons["psn_no"].to_pylist() + [p for p in batch.visits["psn_no"].to_pylist() if p]))
    lots = random.Random(3)
    houses = {r["psn_no"]: r["hsld_no"] for r in made.persons.select(["psn_no", "hsld_no"]).to_pylist()}
    by_house = {
        house: (lots.randrange(2_000_00, 80_000_00), lots.randrange(1, 5)) for house in dict.fromkeys(houses.values())
    }
    rows = []
    for who in ids:
        income, weight = by_house.get(houses.get(who), (20_000_00, 1))
        rows.append(
            {
                "psn_no": who,
                "hsld_no": houses.get(who),
                "income": income,
                "weight": weight,
                "decile": income // 8_000_00,
                "consumption": income * 3 // 4,
            }
        )
    return tables, engine, more, pa.Table.from_pylist(rows)


def settled(engine, tables):
    return engine.settle(**tables, receipt=False).visits


def cash_of(visits):
    out = defaultdict(int)
    for row in visits.select(["psn_no", "outcome", "psn_cash_pay"]).to_pylist():
        if row["outcome"] in ("settled", "no_benefit"):
            out[row["psn_no"]] += row["psn_cash_pay"]
    return out


def test_spending_is_what_duckdb_adds_up(town):
    tables, engine, more, people = town
    done = compare(
        engine,
        tables,
        {"more": more},
        [Spending(["insutype", "med_type"]), Spending(name="all"), Spending(["decile"], People(people), name="decile")],
    )
    for name, book in (("base", engine.book), ("more", more.book)):
        visits = settled(Engine(book, engine.catalog), tables)
        given = tables["visits"].select(["med_type", "insutype"])
        db = duckdb.connect()
        db.register("v", visits.append_column("med_type", given["med_type"]).append_column("own", given["insutype"]))
        db.register("p", tables["persons"])
        db.register("people", people)
        rows = db.sql(
            "SELECT med_type, count(*), count(DISTINCT psn_no), sum(medfee_sumamt), sum(hifp_pay), sum(fund_pay_sumamt)/sum(medfee_sumamt)"
            " FROM v WHERE outcome IN ('settled', 'no_benefit') GROUP BY med_type ORDER BY med_type"
        ).fetchall()
        mine = defaultdict(lambda: [0, 0, 0])
        for row in done.table("spending").to_pylist():
            if row["policy"] == name:
                for i, column in enumerate(("visits", "medfee_sumamt", "hifp_pay")):
                    mine[row["med_type"]][i] += row[column]
        assert {r[0]: [r[1], r[3], r[4]] for r in rows} == {k: v for k, v in mine.items() if v[0]}
        whole = next(row for row in done.table("all").to_pylist() if row["policy"] == name)
        one = db.sql(
            "SELECT count(*), count(DISTINCT psn_no), sum(medfee_sumamt), sum(psn_cash_pay), sum(inscp_scp_amt), sum(fund_pay_sumamt) FROM v WHERE outcome IN ('settled', 'no_benefit')"
        ).fetchall()[0]
        assert [
            whole[c] for c in ("visits", "persons", "medfee_sumamt", "psn_cash_pay", "inscp_scp_amt", "fund_pay_sumamt")
        ] == list(one)
        assert whole["scope_rate"] == one[5] / one[4]
        by = db.sql(
            "SELECT decile, sum(psn_cash_pay) FROM v JOIN people USING (psn_no) WHERE outcome IN ('settled', 'no_benefit') GROUP BY decile"
        ).fetchall()
        mine = {
            r["decile"]: r["psn_cash_pay"]
            for r in done.table("decile").to_pylist()
            if r["policy"] == name and r["visits"]
        }
        assert dict(by) == {k: v for k, v in mine.items() if k is not None}


@pytest.mark.parametrize("household", [None, "hsld_no"])
@pytest.mark.parametrize("weight", [None, "weight"])
def test_burden_catastrophe_and_winners_are_what_loops_give(town, household, weight):
    tables, engine, more, table = town
    people = People(table, income="income", consumption="consumption", weight=weight, household=household)
    line = 12_000_00
    asked = [
        Burden(people, above=[1_000_00]),
        Catastrophic(people, of="income", share="0.1", line=line),
        Winners(people, ["decile"] if household is None else []),
    ]
    done = compare(engine, tables, {"more": more}, asked)
    paid = {
        name: cash_of(settled(Engine(book, engine.catalog), tables))
        for name, book in (("base", engine.book), ("more", more.book))
    }
    units = defaultdict(list)
    for row in table.to_pylist():
        units[row["hsld_no"] if household and row["hsld_no"] else ("alone", row["psn_no"])].append(row)
    for name in ("base", "more"):
        held = [
            (
                sum(paid[name][r["psn_no"]] for r in rows),
                sum(paid["base"][r["psn_no"]] for r in rows),
                rows[0],
                rows[0]["weight"] if weight else 1,
                len(rows),
            )
            for rows in units.values()
        ]
        whole = sum(w for *_, w, _ in held)
        burden = next(r for r in done.table("burden").to_pylist() if r["policy"] == name)
        assert burden["units"] == whole
        assert math.isclose(burden["mean"], sum(p * w for p, _, _, w, _ in held) / whole, rel_tol=1e-12)
        each = sorted(p for p, _, _, w, _ in held for _ in range(w))
        assert [burden[f"q{q}"] for q in ("0.5", "0.9", "0.99")] == [
            each[math.ceil(Fraction(q) * len(each)) - 1] for q in ("0.5", "0.9", "0.99")
        ]
        assert burden["largest"] == each[-1]
        assert math.isclose(burden["above_100000"], sum(x > 1_000_00 for x in each) / len(each), rel_tol=1e-12)
        cata = next(r for r in done.table("catastrophic").to_pylist() if r["policy"] == name)
        cases = [(10 * p > r["income"], max(0.0, p / r["income"] - 0.1), w) for p, _, r, w, _ in held]
        assert math.isclose(cata["H"], sum(c * w for c, _, w in cases) / whole, rel_tol=1e-12)
        assert math.isclose(cata["O"], sum(o * w for c, o, w in cases if c) / whole, rel_tol=1e-12)
        assert cata["H"] > 0
        poor = [(r["consumption"] < line * n, r["consumption"] - p < line * n, w) for p, _, r, w, n in held]
        assert math.isclose(cata["poor_before"], sum(a * w for a, _, w in poor) / whole, rel_tol=1e-12)
        assert math.isclose(
            cata["impoverished"], sum((b - a) * w for a, b, w in poor) / whole, rel_tol=1e-12, abs_tol=1e-15
        )
        rows = [r for r in done.table("winners").to_pylist() if r["policy"] == name]
        assert sum(r["more"] for r in rows) == sum(w for p, b, _, w, _ in held if p > b)
        assert sum(r["less"] for r in rows) == sum(w for p, b, _, w, _ in held if p < b)
        assert sum(r["lost"] - r["gained"] for r in rows) == sum((p - b) * w for p, b, _, w, _ in held)
        assert (name == "base") == (sum(r["more"] for r in rows) == 0)


def test_inequality_is_what_its_definition_says(town):
    tables, engine, _, table = town
    done = compare(engine, tables, {}, [Inequality(People(table, income="income"))])
    rows = {r["payments"]: r for r in done.table("inequality").to_pylist()}
    incomes = [r["income"] for r in table.to_pylist()]
    mean = sum(incomes) / len(incomes)
    x = np.array(incomes, float)
    gini = np.abs(x[:, None] - x[None, :]).sum() / (2 * len(x) ** 2 * mean)
    assert math.isclose(rows["psn_cash_pay"]["gini"], gini, rel_tol=1e-12)
    paid = cash_of(settled(engine, tables))
    y = np.array([paid[r["psn_no"]] for r in table.to_pylist()], float)
    place = np.array([(np.sum(x < v) + np.sum(x <= v)) / 2 / len(x) for v in x])
    index = 2 * np.cov(y, place, bias=True)[0, 1] / y.mean()
    assert math.isclose(rows["psn_cash_pay"]["concentration"], index, rel_tol=1e-9)
    assert rows["psn_cash_pay"]["kakwani"] == rows["psn_cash_pay"]["concentration"] - rows["psn_cash_pay"]["gini"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 90), st.integers(1, 4)), min_size=1, max_size=30))
def test_a_weight_is_that_many_rows(rows):
    income, paid, weight = (np.array(c) for c in zip(*rows))
    many = [np.repeat(c, weight) for c in (income, paid)]
    ones = np.ones(len(many[0]))
    mine, theirs = (
        Ranked(x.astype(float), w, Table(np.empty((len(w), 0)), w)).concentration(y.astype(float))[0][0]
        for y, x, w in ((paid, income, weight.astype(float)), (many[1], many[0], ones))
    )
    assert math.isnan(mine) == math.isnan(theirs)
    assert math.isnan(mine) or math.isclose(mine, theirs, rel_tol=1e-9, abs_tol=1e-12)
    shares = [Fraction(n, 10) for n in range(1, 11)]
    found = [quantiles(y, w, shares) for y, w in ((paid, weight.astype(float)), (many[1], ones))]
    assert np.array_equal(*found)


def test_a_policy_that_changes_nothing_has_no_winners(town):
    tables, engine, _, table = town
    done = compare(engine, tables, {"same": engine.book}, [Winners(People(table)), Spending()])
    rows = {r["policy"]: r for r in done.table("spending").to_pylist()}
    assert {k: v for k, v in rows["same"].items() if k != "policy"} == {
        k: v for k, v in rows["base"].items() if k != "policy"
    }
    assert [(r["less"], r["more"], r["net_gain"]) for r in done.table("winners").to_pylist()] == [(0, 0, 0), (0, 0, 0)]


def test_wrong_people_and_names_are_told(town):
    tables, engine, _, table = town
    with pytest.raises(InputError) as caught:
        People(table, income="incme", weight="weigth")
    assert [p.nearest for p in caught.value.problems] == ["income", "weight"]
    with pytest.raises(InputError, match="one row a person"):
        People(pa.concat_tables([table, table]))
    with pytest.raises(InputError, match="not int64 fen"):
        People(table.set_column(2, "income", table["income"].cast(pa.float64())), income="income")
    with pytest.raises(InputError, match="are not in the table of people"):
        compare(engine, tables, {}, [Burden(People(table.slice(0, 10)))])
    with pytest.raises(InputError, match="neither visits nor people"):
        compare(engine, tables, {}, [Spending(["incme"], People(table))])
    with pytest.raises(InputError, match="income is asked for"):
        compare(engine, tables, {}, [Inequality(People(table))])
    with pytest.raises(InputError) as caught:
        compare(engine, tables, {"base": engine.book, "x": 7}, [Spending(), Spending()])
    assert len(caught.value.problems) == 3
    with pytest.raises(InputError, match="no measure"):
        compare(engine, tables, {}, [Spending()]).table("spendng")
