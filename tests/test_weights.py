"""Survey weights: textbook variances, replicates one by one, NumPy, DuckDB and SciPy on the same people (docs/simulation.md section 7)."""

from __future__ import annotations

import math
from fractions import Fraction
from statistics import NormalDist

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import hadamard
from scipy.stats import norm
from simulate_small import DEDUCTIBLE, LUOYANG, settled, small
from ybcore import InputError
from ybcore.simulate import (
    Bands,
    Bootstrap,
    Burden,
    Catastrophic,
    Inequality,
    Knob,
    Mean,
    People,
    Replicates,
    Spending,
    Winners,
    compare,
    reformed,
)
from ybcore.simulate.weights import Estimates, Ranked, Table, _quantiles, quantiles, ranks

SHARES = [Fraction(1, 2), Fraction(9, 10), Fraction(99, 100)]


def close(a, b, tolerance=1e-12):
    return math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance)


@pytest.fixture(scope="module")
def survey():
    """(engine, tables, a reform, people with strata, clusters and three replicate weights)."""
    engine, tables, people = small()
    lots = np.random.default_rng(4)
    n = people.num_rows
    more = {
        "income": lots.integers(3_000_00, 90_000_00, n),
        "consumption": lots.integers(3_000_00, 40_000_00, n),
        "stratum": lots.integers(1, 4, n),
        "village": lots.integers(0, 12, n),
        "age": lots.integers(0, 95, n),
        **{f"r{i}": lots.integers(0, 4, n) * np.asarray(people["weight"]) for i in range(1, 4)},
    }
    table = pa.table({**{name: people[name] for name in people.column_names}, **more})
    reform = reformed(engine.book, [Knob(DEDUCTIBLE, policy=LUOYANG, span=(0, 5000, 500)).reform(Fraction(3000))])
    return engine, tables, reform, table


def measures(people, by=("stratum",)):
    return [
        Spending(by, people, weighted=True),
        Burden(people, by, above=[100_00]),
        Catastrophic(people, share="0.01", line=9_000_00, by=by),
        Inequality(people),
        Winners(people, by),
        Mean(people, name="mean"),
    ]


KEYS = {"policy", "stratum", "payments", "exact", "largest"}


def test_an_interval_is_what_each_replicate_by_itself_says(survey):
    engine, tables, reform, table = survey
    roles = {"income": "income", "consumption": "consumption"}
    design = Replicates(["r1", "r2", "r3"], method="jackknife", level="0.90")
    asked = measures(People(table, weight="weight", replicates=design, **roles))
    together = compare(engine, tables, {"more": reform}, asked)
    alone = [
        compare(engine, tables, {"more": reform}, measures(People(table, weight=name, **roles)))
        for name in ("weight", "r1", "r2", "r3")
    ]
    seen = 0
    for measure in asked:
        rows, each = together.table(measure.name).to_pylist(), [done.table(measure.name).to_pylist() for done in alone]
        for i, row in enumerate(rows):
            own = each[0][i]
            assert {name: row[name] for name in own} == own
            for name in own.keys() - KEYS:
                held = [part[i][name] for part in each]
                if None in held:
                    assert row[f"{name}_se"] is None
                    continue
                error = math.sqrt(2 / 3 * sum((value - held[0]) ** 2 for value in held[1:]))
                assert close(row[f"{name}_se"], error, 1e-9), (measure.name, name)
                assert close(row[f"{name}_low"], held[0] - norm.ppf(0.95) * error, 1e-9)
                assert close(row[f"{name}_high"], held[0] + norm.ppf(0.95) * error, 1e-9)
                seen += error > 0
    assert seen > 100


def total_error(values, weights, design, **columns):
    """The standard error of a total as the measures have it."""
    n = len(values)
    if isinstance(design, Bootstrap):
        held = design.weights(weights, [np.unique(columns[name], return_inverse=True)[1] for name in design.columns])
    else:
        held = Table(columns["rows"], np.ones(n))
    found = Estimates(weights, held, np.zeros(n, np.int64), 1, design)
    return found.columns("total", found.sums(values)[0])["total_se"][0].as_py()


def test_balanced_repeated_replication_is_the_textbook_variance():
    lots = np.random.default_rng(1)
    strata, signs = np.repeat(np.arange(7), 2), hadamard(8)
    values, weights = lots.integers(0, 10**6, 14), lots.uniform(1, 9, 14)
    heavy = values * weights
    book = math.sqrt(sum((heavy[2 * h] - heavy[2 * h + 1]) ** 2 for h in range(7)))
    side = np.where(np.arange(14) % 2 == 0, 1, -1)
    for method, move in (("brr", 1.0), ("fay", 0.7)):
        rows = np.stack([weights * (1 + move * side * signs[b, 1 + strata]) for b in range(8)], axis=1)
        design = Replicates([f"r{b}" for b in range(8)], method=method, fay="0.3")
        assert close(total_error(values, weights, design, rows=rows), book)


def test_the_jackknife_of_a_mean_is_its_standard_error():
    lots = np.random.default_rng(2)
    values = lots.integers(0, 10**6, 30)
    rows = (1 - np.eye(30)) * 30 / 29
    design = Replicates([f"r{b}" for b in range(30)], method="jackknife")
    error = total_error(values, np.ones(30), design, rows=rows) / 30
    assert close(error, values.std(ddof=1) / math.sqrt(30))
    by_hand = Replicates(design.columns, factors=[29 / 30] * 30)
    assert close(total_error(values, np.ones(30), by_hand, rows=rows) / 30, error)


def test_the_bootstrap_comes_near_the_textbook_variance():
    lots = np.random.default_rng(3)
    n = 600
    strata, weights = np.repeat([0, 1, 2], 200), lots.uniform(1, 3, n)
    village = np.arange(n) // 5
    values = lots.integers(0, 1000, n) + 500 * (village % 3)
    book = 0.0
    for stratum in range(3):
        totals = [
            (weights * values)[(strata == stratum) & (village == v)].sum()
            for v in np.unique(village[strata == stratum])
        ]
        book += len(totals) * np.var(totals, ddof=1)
    design = Bootstrap(4000, seed=9, strata="strata", cluster="village")
    error = total_error(values, weights, design, strata=strata, village=village)
    assert abs(error / math.sqrt(book) - 1) < 0.04
    assert error == total_error(values, weights, design, strata=strata, village=village)
    assert error != total_error(
        values, weights, Bootstrap(4000, 8, "strata", "village"), strata=strata, village=village
    )
    order = lots.permutation(n)
    moved = total_error(values[order], weights[order], design, strata=strata[order], village=village[order])
    assert close(moved, error, 1e-9)


def test_replicates_of_a_stratum_keep_its_number_of_clusters():
    strata, village = np.repeat([0, 1], [6, 10]), np.arange(16) // 2
    rows = Bootstrap(50, 1, "s", "v").weights(np.ones(16), [strata, village]).at(slice(None))
    for stratum, clusters in ((0, 3), (1, 5)):
        drawn = rows[strata == stratum] * (clusters - 1) / clusters
        assert np.allclose(drawn, np.round(drawn)) and np.allclose(drawn.sum(axis=0), 2 * (clusters - 1))
        assert np.array_equal(drawn[0::2], drawn[1::2])


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 3000), st.integers(0, 2**32 - 1), st.sampled_from(["whole", "any", "few", "none"]))
def test_quantiles_are_those_of_numpy(n, seed, kind):
    lots = np.random.default_rng(seed)
    values = np.maximum(0, lots.normal(300, 400, n)).astype(np.int64)
    own = lots.integers(1, 5, n).astype(float)
    rows = lots.integers(0, 4, (n, 6)) * own[:, None]
    if kind == "any":
        rows = lots.uniform(0, 3, (n, 6))
    if kind == "few":  # whole villages come and go: the quantile of a replicate is far from the survey's
        rows = rows * (lots.random(6) < 0.5)[None, :] * (values[:, None] > lots.integers(0, 900, 6))
    if kind == "none":
        rows = rows * 0
    found = _quantiles(values, own, Table(rows, np.ones(n)), rows.sum(axis=0), SHARES)
    for column in range(7):
        weights = own if column == 0 else rows[:, column - 1]
        mine = [float(held[column]) for held in found]
        if weights.sum() == 0:
            assert all(math.isnan(value) for value in mine)
            continue
        order = np.argsort(values, kind="stable")
        ends = np.cumsum(weights[order]) / weights.sum()
        tied = any(np.any(np.abs(ends - float(share)) < 1e-9) for share in SHARES)
        theirs = np.quantile(values, [float(s) for s in SHARES], weights=weights, method="inverted_cdf")
        if not tied:  # at a tie NumPy decides by its own last digits
            assert mine == theirs.tolist()
        assert mine == quantiles(values, weights, SHARES).tolist() or tied
        at = [order[np.argmax(ends >= float(s) - 1e-12)] for s in SHARES]
        assert mine == values[at].tolist()


def drawn_lots(lots, n, cells, number):
    """(weights, their bootstrap, cell of each unit)."""
    own = lots.uniform(0, 3, n) if lots.random() < 0.7 else np.ones(n)
    times = lots.integers(0, 5, (n, number)).astype(np.uint8)
    return own, Table(times, own * 1.25), lots.integers(0, cells, n)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 400), st.integers(1, 4), st.integers(0, 2**32 - 1), st.booleans())
def test_bootstrap_sums_and_quantiles_are_those_of_each_replicate(n, cells, seed, placed):
    """Beside plain NumPy; and whatever policies were looked at before, the bytes are those of a policy looked at alone."""
    lots = np.random.default_rng(seed)
    own, table, cell = drawn_lots(lots, n, cells, 7)
    unit = lots.integers(0, n, n) if placed else None
    weights = table.at(slice(None) if unit is None else unit)
    own = own if unit is None else own[unit]
    design = Bootstrap(7)
    many = Estimates(own, table, cell, cells, design, unit)
    values = lots.integers(0, 10**9, n) * (lots.random(n) < 0.8)
    for policy in range(4):
        alone = Estimates(own, table, cell, cells, design, unit)
        part = values / 7
        told = many.sums(values, part, values > 500, keys=["a", "b", "c"])
        assert all(np.array_equal(x, y) for x, y in zip(told, alone.sums(values, part, values > 500)))
        for found, each in zip(told, (values, part, values > 500)):
            for k in range(cells):
                exact = (weights[cell == k] * each[cell == k, None].astype(float)).sum(axis=0)
                assert np.allclose(found[k, 1:], exact, rtol=1e-13, atol=0), policy
        places = many.quantiles(values, SHARES, "a")
        for found, own_found, share in zip(places, alone.quantiles(values, SHARES), SHARES):
            assert np.array_equal(found, own_found, equal_nan=True)
            for k in range(cells):
                for b in range(7):
                    want = quantiles(values[cell == k], weights[cell == k, b], [share])[0]
                    ends = np.cumsum(np.sort(weights[cell == k, b]))
                    assert found[k, 1 + b] == want or (math.isnan(want) and math.isnan(found[k, 1 + b])) or not len(ends) or _tied(values[cell == k], weights[cell == k, b], share)  # fmt: skip
        some = lots.random(n) < (0.02, 0.3, 1.0)[policy % 3]
        values = np.where(some, lots.integers(0, 10**9, n), values)


def _tied(values, weights, share):
    ends = np.cumsum(weights[np.argsort(values, kind="stable")])
    return bool(np.any(np.abs(ends / ends[-1] - float(share)) < 1e-11))


def test_ranked_sums_are_those_of_each_replicate_whatever_came_before():
    lots = np.random.default_rng(6)
    own, table, _ = drawn_lots(lots, 300, 1, 9)
    income, paid = lots.integers(0, 60, 300).astype(float), lots.integers(0, 10**10, 300)
    many = Ranked(income, own, table)
    for _ in range(5):
        (found,), (alone,) = many.concentration(paid, keys=["paid"]), Ranked(income, own, table).concentration(paid)
        assert np.array_equal(found, alone)
        for b, weights in enumerate([own, *table.at(slice(None)).T]):
            y, r = paid.astype(float), ranks(income, weights[:, None])[:, 0]
            assert close(found[b], 2 * (y * weights * r).sum() / (y * weights).sum() - 1)
        paid = np.where(lots.random(300) < 0.1, lots.integers(0, 10**10, 300), paid)


def test_weighted_spending_is_what_duckdb_adds_up(survey):
    engine, tables, _, table = survey
    people = People(table, weight="weight")
    done = compare(engine, tables, {}, [Spending(["stratum"], people, weighted=True)]).table("spending")
    db = duckdb.connect()
    rows = [
        {k: r[k] for k in ("psn_no", "medfee_sumamt", "fund_pay_sumamt", "inscp_scp_amt", "psn_cash_pay")}
        for r in settled(engine, tables)
    ]
    db.register("v", pa.Table.from_pylist(rows))
    db.register("people", table)
    theirs = db.sql(
        "SELECT stratum, sum(weight * medfee), sum(weight * cash), sum(weight * fund) / sum(weight * scope), any_value(whole) FROM (SELECT p.stratum, p.weight,"
        " coalesce(sum(medfee_sumamt), 0) medfee, coalesce(sum(psn_cash_pay), 0) cash, coalesce(sum(fund_pay_sumamt), 0) fund, coalesce(sum(inscp_scp_amt), 0) scope,"
        " sum(p.weight) FILTER (true) one FROM people p LEFT JOIN v USING (psn_no) GROUP BY p.psn_no, p.stratum, p.weight)"
        " JOIN (SELECT stratum, sum(weight) whole FROM people GROUP BY stratum) USING (stratum) GROUP BY stratum ORDER BY stratum"
    ).fetchall()
    for row, (stratum, medfee, cash, rate, whole) in zip(done.to_pylist(), theirs, strict=True):
        assert row["stratum"] == stratum
        assert close(row["medfee_sumamt"], medfee) and close(row["psn_cash_pay"], cash)
        assert close(row["scope_rate"], rate) and close(row["units"], whole)


def test_a_mean_has_the_interval_of_its_double(survey):
    engine, tables, _, table = survey
    people = People(table, weight="weight", replicates=Bootstrap(40, 1, "stratum", "village"))
    done = compare(engine, tables, {}, [Mean(people, name="mean"), Burden(people, above=[1])])
    mean, burden = (done.table(name).to_pylist()[0] for name in ("mean", "burden"))
    assert Fraction(mean["exact"]) > 0 and close(mean["value"], burden["mean"])
    assert close(mean["value_se"], burden["mean_se"], 1e-9) and mean["value_se"] > 0
    assert burden["largest"] >= burden["q0.99"] and "largest_se" not in burden
    reach = NormalDist().inv_cdf(0.975)
    assert close(burden["mean_high"] - burden["mean"], reach * burden["mean_se"])


def test_groups_by_decile_age_and_identity(survey):
    engine, tables, _, table = survey
    people = People(table, income="income", consumption="consumption", weight="weight").deciles().deciles(number=5)
    ages = Bands("age", (18, 60, 75))
    by = [
        Burden(people, ["income_decile"]),
        Catastrophic(people, line=9_000_00, by=["income_quintile", ages], name="poverty"),
        Spending(["med_type", Bands("age", (0, 60), name="old")], people, name="visits"),
        *(Spending([name], name=name) for name in ("hosp_lv", "insutype", "gend", "psn_idet_type", "dise_codg", "fixmedins_code")),
    ]  # fmt: skip
    done = compare(engine, tables, {}, by)
    shares = np.array([row["units"] for row in done.table("burden").to_pylist()])
    assert len(shares) == 10 and np.all(np.abs(shares / shares.sum() - 0.1) < 3 / shares.sum())
    cuts = np.quantile(
        np.asarray(table["income"]), np.arange(1, 10) / 10, weights=np.asarray(table["weight"]), method="inverted_cdf"
    )
    assert (
        people.table["income_decile"].to_pylist()
        == (1 + (np.asarray(table["income"])[:, None] > cuts).sum(axis=1)).tolist()
    )
    bands = {row["age_band"] for row in done.table("poverty").to_pylist()}
    assert bands == {"<18", "18–59", "60–74", "75+"}
    whole = compare(engine, tables, {}, [Spending()]).table("spending")["medfee_sumamt"].to_pylist()
    for name in ("visits", "hosp_lv", "insutype", "gend", "psn_idet_type", "dise_codg", "fixmedins_code"):
        assert sum(done.table(name)["medfee_sumamt"].to_pylist()) == whole[0]
    assert {row["old"] for row in done.table("visits").to_pylist()} <= {"00–59", "60+", None}


def test_people_stand_wherever_they_had_a_visit(survey):
    engine, tables, reform, table = survey
    people = People(table, income="income", weight="weight", replicates=Replicates(["r1", "r2"]))
    asked = [
        Burden(people, ["fixmedins_code"]),
        Catastrophic(people, share="0.01", by=["dise_codg", "stratum"]),
        Winners(people, ["med_type"]),
    ]
    done = compare(engine, tables, {"more": reform}, asked)
    rows = {"base": settled(engine, tables), "more": settled(engine, tables, reform.book)}
    given = {
        row["setl_id"]: row
        for row in tables["visits"].select(["setl_id", "fixmedins_code", "dise_codg", "med_type"]).to_pylist()
    }
    cash = {name: dict.fromkeys(table["psn_no"].to_pylist(), 0) for name in rows}
    for name, held in rows.items():
        for row in held:
            cash[name][row["psn_no"]] += row["psn_cash_pay"]
    known = {row["psn_no"]: row for row in table.to_pylist()}

    def where(column):
        out = {}
        for row in rows["base"]:
            out.setdefault(given[row["setl_id"]][column] or "", set()).add(row["psn_no"])
        return out

    def told(measure, *keys):
        return {(row["policy"], *(row[key] for key in keys)): row for row in done.table(measure).to_pylist()}

    burden, cata, winners = (
        told("burden", "fixmedins_code"),
        told("catastrophic", "dise_codg", "stratum"),
        told("winners", "med_type"),
    )
    assert len(burden) == 2 * len(where("fixmedins_code")) > 20
    for name in rows:
        for place, people_there in where("fixmedins_code").items():
            heavy, row = {who: known[who]["weight"] for who in people_there}, burden[name, place]
            assert close(row["units"], sum(heavy.values()))
            assert close(row["total"], sum(w * cash[name][who] for who, w in heavy.items()))
            assert row["largest"] == max(cash[name][who] for who in people_there)
            each = [sum(known[who][r] * cash[name][who] for who in people_there) for r in ("r1", "r2")]
            error = math.sqrt(sum((one - row["total"]) ** 2 for one in each) / 2)
            assert close(row["total_se"], error, 1e-9)
        for (_, disease, stratum), row in cata.items():
            there = [who for who in where("dise_codg")[disease] if known[who]["stratum"] == stratum]
            cases = [known[who]["weight"] for who in there if 100 * cash[row["policy"]][who] > known[who]["income"]]
            assert close(row["units"], sum(known[who]["weight"] for who in there))
            assert close(row["H"] * row["units"], sum(cases), 1e-9)
        for kind, there in where("med_type").items():
            lost = sum(known[who]["weight"] * max(0, cash[name][who] - cash["base"][who]) for who in there)
            assert close(winners[name, kind]["lost"], lost)
    with pytest.raises(InputError, match="neither visits nor people") as caught:
        compare(engine, tables, {}, [Burden(people, ["fixmedins_cod"])])
    assert caught.value.problems[0].path == "by"


def test_people_as_they_were_on_a_day():
    table = pa.table({"psn_no": ["a", "b", "c"]})
    day = np.array(["2000-02-29", "1990-01-01", "1990-01-01"], "datetime64[D]")
    start, end = (
        np.array(text, "datetime64[D]")
        for text in (["2024-01-01", "2024-01-01", "2024-07-01"], ["NaT", "2024-07-01", "NaT"])
    )
    persons = pa.table({"psn_no": ["a", "b", "b"], "brdy": day, "begndate": start, "enddate": end, "psn_idet_type": ["2303", None, "2304"]})  # fmt: skip
    people = People(table)
    before = people.joined(persons, "2024-02-28", ["psn_idet_type", "age"]).table
    assert before["psn_idet_type"].to_pylist() == ["2303", None, None] and before["age"].to_pylist() == [23, 34, None]
    after = people.joined(persons, "2024-07-01", ["psn_idet_type", "age"]).table
    assert after["psn_idet_type"].to_pylist() == ["2303", "2304", None] and after["age"].to_pylist() == [24, 34, None]
    with pytest.raises(InputError, match="several rows"):
        people.joined(persons.drop_columns(["enddate"]), "2024-07-01", ["age"])
    with pytest.raises(InputError, match="no column") as caught:
        people.joined(persons, "2024-07-01", ["psn_idet_typ"])
    assert caught.value.problems[0].nearest == "psn_idet_type"


def test_wrong_designs_are_told(survey):
    engine, tables, _, table = survey
    for make, said in [
        (lambda: Bootstrap(1), "1 replicates"),
        (lambda: Bootstrap(level="95"), "between 0 and 1"),
        (lambda: Replicates(["r1"]), "two columns"),
        (lambda: Replicates(["r1", "r2"], method="jacknife"), "unknown method"),
        (lambda: Replicates(["r1", "r2"], fay="1"), "below 1"),
        (lambda: People(table, replicates=Bootstrap(strata="strtum")), "no column"),
        (lambda: People(table, replicates=Replicates(["r1", "psn_no"])), "weights are numbers"),
        (lambda: Spending(weighted=True), "no people are given"),
        (lambda: Bands("age", (60, 18)), "do not rise"),
        (lambda: People(table).deciles(), "no column was named"),
    ]:
        with pytest.raises(InputError, match=said):
            make()
    alone = People(table, weight="weight", replicates=Bootstrap(strata="psn_no"))
    with pytest.raises(InputError, match="has one cluster"):
        compare(engine, tables, {}, [Burden(alone)])
    with pytest.raises(InputError, match="no whole number"):
        compare(engine, tables, {}, [Burden(People(table), [Bands("weight", (1, 2))])])
