"""Grids, samples and sweeps are the reforms that their values say (docs/simulation.md section 5)."""

from __future__ import annotations

import sys
from decimal import Decimal
from fractions import Fraction
from itertools import product

import pyarrow as pa
import pytest
from simulate_small import DEDUCTIBLE, LUOYANG, RATE, RULES, settled, small
from ybcore import DocumentError, InputError, YbcoreError
from ybcore.checks import load_rules
from ybcore.simulate import (
    Knob,
    Mean,
    People,
    Ratio,
    Reform,
    Spending,
    Total,
    compare,
    grid,
    reformed,
    sample,
    solve,
    sweep,
)

MONEY = Knob(DEDUCTIBLE, policy=LUOYANG, span=(1000, "1401", 200), name="deductible")
SHARE = Knob(RATE, policy=LUOYANG, values=["0.60", "0.50"], name="rate")


@pytest.fixture(scope="module")
def town():
    return small()


def test_a_grid_is_every_combination_by_its_values(town):
    book = town[0].book
    made = grid(book, [MONEY, SHARE])
    told = [f"deductible={d}, rate={r}" for d, r in product((1000, 1200, 1400), ("0.5", "0.6"))]
    assert list(made) == told and made.point(told[1]) == (1000, Fraction(3, 5))
    for name in told:
        amount, rate = (part.split("=")[1] for part in name.split(", "))
        changes = [
            {"policy": LUOYANG, "path": DEDUCTIBLE, "set": amount},
            {"policy": LUOYANG, "path": RATE, "set": rate},
        ]
        assert made[name].book == reformed(book, [Reform.of("own", changes)]).book


def test_ways_and_days(town):
    book = town[0].book
    path = "plans[inpatient_city_l3].layers[basic].bands"
    points = grid(book, [Knob(path, scheme="luoyang-resident", values=[-5, "2.5"], way="points", name="p")])
    own = Reform.of("own", [{"scheme": "luoyang-resident", "path": path, "points": "2.5"}])
    assert points["p=2.5"].book == reformed(book, [own]).book and list(points) == ["p=-5", "p=2.5"]
    later = grid(book, [Knob(DEDUCTIBLE, policy=LUOYANG, values=[900], start="2024-07-01", name="d")])
    assert [policy.id for policy in later["d=900"].book] == [LUOYANG, f"{LUOYANG}+d-900"]


def _one_more(book):
    """The deductible one yuan higher, where it is written in units of 10,000."""
    return reformed(book, [Reform.of("own", [{"policy": LUOYANG, "path": DEDUCTIBLE, "add": "0.0001"}])]).book


def test_a_span_without_a_step_goes_by_a_yuan_or_a_ppm(town):
    book = town[0].book
    assert list(Knob(DEDUCTIBLE, policy=LUOYANG, span=(3, 6)).scale(book)) == [3, 4, 5, 6]
    ppm = Knob(RATE, policy=LUOYANG, span=("0.5", "0.500003")).scale(book)
    assert list(ppm) == [Fraction(500_000 + i, 1_000_000) for i in range(4)] and ppm[-1] == ppm[3]
    assert len(Knob(RATE, policy=LUOYANG, span=(0, 1), way="points").scale(book)) == 10_001
    wan = reformed(
        book, [Reform.of("wan", [{"policy": LUOYANG, "path": DEDUCTIBLE, "set": {"value": "0.13", "unit": "wan"}}])]
    ).book
    finer = Knob(f"{DEDUCTIBLE}.value", policy=LUOYANG, span=("0.13", "0.1302"), name="d")
    assert list(finer.scale(wan)) == [Fraction(1300 + i, 10_000) for i in range(3)]
    assert [p.sha256 for p in grid(wan, [finer])["d=0.1301"].book] == [p.sha256 for p in _one_more(wan)]
    assert len(Knob(DEDUCTIBLE, policy=LUOYANG, span=(0, "0.0002"), way="add").scale(wan)) == 3
    with pytest.raises(InputError, match="how fine"):
        Knob(DEDUCTIBLE, policy=LUOYANG, span=(1, 2)).scale(wan)
    with pytest.raises(InputError, match="how fine"):
        Knob(RATE, policy=LUOYANG, span=(1, 2), way="times").scale(book)
    with pytest.raises(DocumentError, match="layers"):
        Knob("plans[inpatient_city_l3].layer[basic].rate", policy=LUOYANG, span=(0, 1)).scale(book)


def test_what_is_wrong_with_knobs_is_told_at_once(town):
    with pytest.raises(InputError) as caught:
        Knob("a", policy="b", scheme="c", values=[0.5, "x", "0.0000001"], span=(1, 2), way="put")
    assert len(caught.value.problems) == 6
    for span in ((2, 1), (1, 2, 0), (1,)):
        with pytest.raises(InputError):
            Knob("a", policy="b", span=span)
    with pytest.raises(InputError):
        Knob("a", policy="b", values=[])
    book = town[0].book
    with pytest.raises(InputError, match="10001 combinations"):
        grid(book, [Knob(DEDUCTIBLE, policy=LUOYANG, span=(0, 10_000))])
    with pytest.raises(InputError, match="two knobs are named"):
        grid(book, [MONEY, MONEY])
    with pytest.raises(InputError, match="no knob"):
        grid(book, [])


def test_samples_lie_on_the_knobs_and_fill_them(town):
    book = town[0].book
    knobs = [
        Knob(DEDUCTIBLE, policy=LUOYANG, span=(1000, 1007), name="d"),
        Knob(RATE, policy=LUOYANG, values=[f"0.{r}" for r in range(60, 68)], name="r"),
    ]
    for kind in ("latin", "sobol"):
        made = sample(book, knobs, 8, kind, seed=3)
        points = [made.point(name) for name in made]
        # Eight points: each of the eight values of each knob once.
        assert [sorted(column) for column in zip(*points)] == [list(knob.scale(book)) for knob in knobs]
    first, again, other = (list(sample(book, knobs[:1], 4, seed=seed)) for seed in (3, 3, 4))
    assert first == again != other
    assert len(sample(book, [SHARE], 8)) == 2
    with pytest.raises(InputError, match="power of two: 8 or 16") as caught:
        sample(book, knobs, 9, "sobol")
    assert "2 的幂" in caught.value.render("zh")
    with pytest.raises(InputError) as both:
        sample(book, knobs, 0, "grid")
    assert len(both.value.problems) == 2


def test_without_scipy_a_sample_says_what_to_install(town, monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.stats.qmc", None)
    with pytest.raises(YbcoreError, match=r"ybcore\[simulate\]"):
        sample(town[0].book, [SHARE], 2)


def test_a_sweep_tells_the_values_beside_the_measures(town):
    engine, tables, _ = town
    seen = []
    done = sweep(
        engine,
        tables,
        [MONEY, SHARE],
        [Spending(["med_type"]), Total("hifp_pay")],
        progress=lambda *at: seen.append(at),
    )
    rows = done.table("hifp_pay")
    assert rows.column_names[:3] == ["policy", "deductible", "rate"] and seen[-1] == (7, 7)
    assert rows["deductible"].to_pylist() == [None, *(Decimal(d) for d in (1000, 1000, 1200, 1200, 1400, 1400))]
    assert pa.types.is_decimal(rows["rate"].type)
    for row in rows.to_pylist():
        book = None if row["policy"] == "base" else done.grid[row["policy"]].book
        assert Fraction(row["exact"]) == sum(visit["hifp_pay"] for visit in settled(engine, tables, book))
    assert len(set(rows["exact"].to_pylist())) == 7
    wide = done.table("spending")
    assert wide.column_names[:4] == ["policy", "deductible", "rate", "med_type"] and wide.num_rows % 7 == 0


def test_exact_measures_are_sums_by_hand(town):
    engine, tables, people = town
    heavy = People(people, weight="weight")
    measures = [
        Total("hifp_pay", where={"med_type": ["21", "11"]}, name="some"),
        Ratio("fund_pay_sumamt", "inscp_scp_amt"),
        Ratio("fund_pay_sumamt", "inscp_scp_amt", where={"med_type": "nothing"}, name="empty"),
        Mean(heavy),
        Mean(People(people), where={"med_type": "21"}, name="mean of stays"),
    ]
    rows = settled(engine, tables)
    made = sweep(engine, tables, [SHARE], measures)
    found = {m.name: made.table(m.name)["exact"].to_pylist()[0] for m in measures}
    stays = [row for row in rows if row["med_type"] == "21"]
    assert stays
    assert int(found["some"]) == sum(row["hifp_pay"] for row in rows if row["med_type"] in ("21", "11"))
    fund, scope = (sum(row[name] for row in rows) for name in ("fund_pay_sumamt", "inscp_scp_amt"))
    assert Fraction(found["fund_pay_sumamt/inscp_scp_amt"]) == Fraction(fund, scope) and found["empty"] is None
    weights = {who: Fraction(w) for who, w in zip(people["psn_no"].to_pylist(), people["weight"].to_pylist())}
    paid = sum(weights[row["psn_no"]] * row["psn_cash_pay"] for row in rows)
    assert Fraction(found["mean psn_cash_pay"]) == paid / sum(weights.values())
    assert Fraction(found["mean of stays"]) == Fraction(sum(row["psn_cash_pay"] for row in stays), len(people))
    with pytest.raises(InputError, match="no attribute 'med_typ'"):
        sweep(engine, tables, [SHARE], [Total("hifp_pay", where={"med_typ": "21"})])


def test_knobs_move_figures_of_the_catalogue_and_of_rules(town):
    """Each point is what a reform written by hand gives; a class of items is turned as all its items are."""
    engine, tables, _ = town
    rules = load_rules(RULES)
    counts = tables["lines"]["med_list_codg"].value_counts().to_pylist()
    codes = engine.catalog.table("items")
    listed = codes.filter(pa.compute.equal(codes["chrgitm_lv"], "02"))["med_list_codg"].unique().to_pylist()
    own = {*listed} - {*engine.catalog.table("selfpay")["med_list_codg"].to_pylist()}
    code = max(counts, key=lambda row: (row["values"] in own, row["counts"], row["values"]))["values"]
    one = Knob("selfpay_prop", items=code, values=["0.2", "0.9"], name="one")
    class_b = Knob("selfpay_prop", items={"chrgitm_lv": "02"}, span=("0.01", "0.03", "0.02"), way="add", name="B")
    most = Knob("parameters.most", rules="few", values=[1, 2], name="most")
    cap = Knob("check.cap", rule="MANY", span=(1, 2), name="cap", start="2024-07-01")
    done = sweep(engine, tables, [one, class_b, most], [Total("psn_cash_pay")], rules=rules)
    rows = {tuple(row[name] for name in ("one", "B", "most")): row["exact"] for row in done.table("psn_cash_pay").to_pylist()}  # fmt: skip
    assert len(rows) == 9 == len(set(rows.values()))
    changes = [
        {"item": code, "path": "selfpay_prop", "set": "0.2"},
        {"items": listed, "path": "selfpay_prop", "add": "0.03"},
        {"rules": "few", "path": "parameters.most", "set": 1},
    ]
    hand = reformed(engine.book, [Reform.of("hand", changes)], catalog=engine.catalog, rules=rules)
    told = compare(engine, tables, {"hand": hand}, [Total("psn_cash_pay")], rules=rules).table("psn_cash_pay")
    assert told.to_pylist()[1]["exact"] == rows[Decimal("0.2"), Decimal("0.03"), Decimal(1)]
    assert list(Knob("caps[].hilist_pric_uplmt_amt", items=code, span=(1, 3)).scale(engine.book, _capped(engine, code))) == [1, 2, 3]  # fmt: skip
    assert list(cap.scale(engine.book, None, rules)) == [1, 2]
    assert len(sample(engine.book, [one, cap], 2, catalog=engine.catalog, rules=rules)) == 2
    both = dict(zip(cap.scale(engine.book, None, rules), _cash(engine, tables, cap, rules)))
    assert both[1] != both[2]
    found = solve(engine, tables, cap, Total("psn_cash_pay"), both[2], rules=rules, coarse=2)
    assert found.value == 2 and dict(found.looked) == both


def _cash(engine, tables, cap, rules):
    """Cash under each value, by reforms of their own."""
    out = []
    for value in (1, 2):
        change = {"rule": "MANY", "path": "check.cap", "set": value}
        made = reformed(engine.book, [Reform.of("x", [change], start="2024-07-01")], rules=rules)
        rows = compare(engine, tables, {"x": made}, [Total("psn_cash_pay")], rules=rules).table("psn_cash_pay")
        out.append(Fraction(rows.to_pylist()[1]["exact"]))
    return out


def _capped(engine, code):
    """The catalogue with a price ceiling for an item."""
    row = {"item": code, "path": "caps", "insert": {"hilist_pric_uplmt_amt": "5", "begndate": "2000-01-01"}}
    return reformed(engine.book, [Reform.of("cap", [row])], catalog=engine.catalog).catalog


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ({}, "names whose place it is"),
        ({"items": "x", "rule": "MANY"}, "names whose place it is"),
        ({"scheme": "x", "region": "410300"}, "`region` goes with items"),
    ],
)
def test_a_knob_is_of_one_thing(named, said):
    with pytest.raises(InputError, match=said):
        Knob("selfpay_prop", values=[1], **named)


def test_a_class_of_items_is_asked_for_by_codes(town):
    engine = town[0]
    for asked, said in (({"chrgitm_lv": "09"}, "no item has chrgitm_lv 09"), ({"begndate": "2024-01-01"}, "not asked for by begndate")):  # fmt: skip
        change = {"items": asked, "path": "selfpay_prop", "set": "0.5"}
        with pytest.raises(DocumentError, match=said):
            reformed(engine.book, [Reform.of("x", [change])], catalog=engine.catalog)
    with pytest.raises(DocumentError, match="no rules was given"):
        grid(engine.book, [Knob("check.cap", rule="MANY", values=[1])])
