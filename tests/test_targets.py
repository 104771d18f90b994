"""Targets are met where brute force meets them, and parts add up (docs/simulation.md section 6)."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from itertools import pairwise, permutations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulate_small import DEDUCTIBLE, LAYER, LUOYANG, RATE, settled, small
from ybcore import DocumentError, InputError
from ybcore.simulate import (  # fmt: skip
    Crossing,
    Knob,
    Mean,
    People,
    Ratio,
    Reform,
    Solution,
    Total,
    parts,
    reformed,
    solve,
    sweep,
    targets,
)


@pytest.fixture(scope="module")
def town():
    return small()


def by_hand(engine, tables, knob, column):
    """The sum of a column at every value of a knob, each a run of its own."""
    out = {}
    for value in knob.scale(engine.book):
        book = reformed(engine.book, [knob.reform(value)]).book
        out[value] = sum(row[column] for row in settled(engine, tables, book))
    return out


def test_brute_force_around_a_deductible_agrees(town):
    engine, tables, _ = town
    goal = Fraction(*[sum(row["hifp_pay"] for row in settled(engine, tables))]) - 123_456
    seen = []
    found = solve(
        engine, tables, Knob(DEDUCTIBLE, policy=LUOYANG, span=(0, 6000)), Total("hifp_pay"), goal, progress=lambda *at: seen.append(at)
    )  # fmt: skip
    (one,) = found.crossings
    assert found.monotone == "falling" and one.high - one.low == 1 and one.at_high < goal < one.at_low
    assert (found.at_least, found.at_most) == (one.low, one.high)
    # Within what one yuan of deductible moves.
    near = by_hand(engine, tables, Knob(DEDUCTIBLE, policy=LUOYANG, span=(one.low - 6, one.high + 6)), "hifp_pay")
    assert (near[one.low], near[one.high]) == (one.at_low, one.at_high)
    best = min(near, key=lambda value: (abs(near[value] - goal), value))
    assert best == found.value and abs(near[best] - goal) <= one.at_low - one.at_high
    assert next(value for value in near if near[value] < goal) == one.high
    done = [at[0] for at in seen]
    assert done == list(range(1, len(seen) + 1)) and seen[-1][0] == seen[-1][1] <= 1 + 5


def test_a_rate_goes_by_ppm_and_an_exact_hit_is_the_value(town):
    engine, tables, people = town
    knob = Knob(RATE, policy=LUOYANG, span=("0.5", "0.9"))
    at = by_hand(engine, tables, Knob(RATE, policy=LUOYANG, values=["0.654321"]), "psn_cash_pay")
    goal = Fraction(at[Fraction("0.654321")], len(people))
    found = solve(engine, tables, knob, Mean(People(people)), goal)
    assert found.monotone == "falling" and dict(found.looked)[found.value] == goal
    (one,) = found.crossings
    assert one.high - one.low == Fraction(1, 1_000_000) and found.value == found.at_most == found.at_least
    near = by_hand(engine, tables, Knob(RATE, policy=LUOYANG, span=(one.low, one.high)), "psn_cash_pay")
    assert [Fraction(held, len(people)) for held in near.values()] == [one.at_low, one.at_high]


def test_the_scope_rate(town):
    engine, tables, _ = town
    rate = Ratio("fund_pay_sumamt", "inscp_scp_amt")
    rows = settled(engine, tables)
    now = Fraction(sum(r["fund_pay_sumamt"] for r in rows), sum(r["inscp_scp_amt"] for r in rows))
    text = f"{float(now) + 0.002:.6f}"
    found = solve(engine, tables, Knob(DEDUCTIBLE, policy=LUOYANG, span=(0, 3000, 10)), rate, Decimal(text))
    (one,) = found.crossings
    assert found.base == now and one.at_high < Fraction(text) <= one.at_low and one.high - one.low == 10


def test_what_is_not_met_is_told(town):
    engine, tables, _ = town
    knob = Knob(DEDUCTIBLE, policy=LUOYANG, span=(0, 3000, 1000), name="d")
    with pytest.raises(
        InputError, match=r"hifp_pay does not meet 1: it is from \d+ \(d=3000\) to \d+ \(d=0\)"
    ) as caught:
        solve(engine, tables, knob, Total("hifp_pay"), 1)
    assert "达不到" in caught.value.render("zh")
    with pytest.raises(InputError, match="whatever d is"):
        solve(engine, tables, knob, Total("medfee_sumamt"), 1)
    with pytest.raises(InputError, match="nothing to divide by at d=0"):
        solve(engine, tables, knob, Ratio("hifp_pay", "hifp_pay", where={"med_type": "none"}), 1)
    with pytest.raises(InputError) as both:
        solve(engine, tables, knob, Total("hifp_pay"), 0.5, coarse=1)
    assert len(both.value.problems) == 2


class Line:
    """A knob of the whole numbers below a count."""

    name = "a"

    def __init__(self, count):
        self.scale = lambda book, catalog, rules: [Fraction(i) for i in range(count)]
        self.beside = lambda catalog, rules: {}
        self.reform = lambda value: value


class Curve:
    """A measure that is a list of numbers, by the value of the knob; settles nothing."""

    name, whole = "curve", True

    def __init__(self, held):
        self.held, self.asked = held, []

    def compare(self, engine, tables, alternatives, measures, **named):
        names = ["base", *alternatives]
        self.asked += list(alternatives)
        texts = ["0", *(str(self.held[int(name)]) for name in alternatives)]
        return type("Done", (), {"table": lambda _, name: pa.table({"policy": names, "exact": texts})})()


def solved(curve, goal, coarse, monkeypatch):
    engine = type("Nobody", (), {"book": None, "catalog": None})()
    monkeypatch.setattr(targets, "compare", curve.compare)
    monkeypatch.setattr(targets, "reformed", lambda book, reforms: reforms)
    return solve(engine, {}, Line(len(curve.held)), curve, goal, coarse=coarse)


@given(st.lists(st.integers(-6, 6), min_size=1, max_size=70), st.integers(-7, 7), st.integers(2, 9), st.sampled_from(["up", "down", "any"]))  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_the_search_on_any_curve(held, goal, coarse, kind):
    held = held if kind == "any" else sorted(held, reverse=kind == "down")
    curve = Curve(held)
    with pytest.MonkeyPatch.context() as patch:
        try:
            found = solved(curve, goal, coarse, patch)
        except InputError:
            # Nothing that was looked at meets it; of a monotone curve nothing does.
            looked = [held[int(name)] for name in curve.asked]
            assert all(value > goal for value in looked) or all(value < goal for value in looked)
            assert kind == "any" or not min(held) <= goal <= max(held)
            return
    assert len(curve.asked) == len(set(curve.asked)) == len(found.looked)
    for one in found.crossings:
        assert one.high - one.low == 1 or (len(held) == 1 and one.low == one.high)
        assert (one.at_low, one.at_high) == (held[int(one.low)], held[int(one.high)])
        assert min(one.at_low, one.at_high) <= goal <= max(one.at_low, one.at_high)
    values = [value for _, value in found.looked]
    rises, falls = (any(s * (b - a) > 0 for a, b in pairwise(values)) for s in (1, -1))
    assert found.monotone == {(1, 1): "no", (1, 0): "rising", (0, 1): "falling", (0, 0): "flat"}[rises, falls]
    if kind != "any":
        assert len(found.crossings) == 1 and abs(held[int(found.value)] - goal) == min(
            abs(value - goal) for value in held
        )
        for side in (lambda v: v <= goal, lambda v: v >= goal):
            if any(map(side, held)) and found.crossings[0].nearest(Fraction(goal), side) is not None:
                mine = held[int(found.crossings[0].nearest(Fraction(goal), side))]
                assert abs(mine - goal) == min(abs(value - goal) for value in held if side(value))


def test_several_crossings_are_each_certified_and_said(monkeypatch):
    curve = Curve([abs(40 - i) for i in range(81)])
    found = solved(curve, 7, 5, monkeypatch)
    assert found.monotone == "no"
    assert [(one.low, one.high) for one in found.crossings] == [(33, 34), (46, 47)]
    with pytest.raises(InputError, match=r"not monotone in a .* 33 – 34, 46 – 47"):
        found.value  # noqa: B018
    assert solved(curve, 0, 5, monkeypatch).value == 40  # touched, not crossed


def test_ties_take_the_lower_value():
    one = Crossing(Fraction(1), Fraction(2), Fraction(10), Fraction(20))
    knob = Knob("a", policy="b", values=[1, 2])
    assert Solution(knob, "m", Fraction(15), None, "rising", (one,), ()).value == 1


PACKAGE = [
    Reform.of("deductible", [{"policy": LUOYANG, "path": DEDUCTIBLE, "add": 900}]),
    Reform.of("rate", [{"policy": LUOYANG, "path": f"{LAYER}.bands", "points": 7}]),
    Reform.of("band", [{"policy": LUOYANG, "path": f"{LAYER}.bands.steps[0].to", "set": 3000}]),
]


def worth(engine, tables, which, column, package=PACKAGE):
    book = reformed(engine.book, [package[i] for i in sorted(which)]).book
    return sum(row[column] for row in settled(engine, tables, book))


def test_shapley_is_the_mean_over_all_orders(town):
    engine, tables, people = town
    sums = {
        frozenset(which): worth(engine, tables, which, "hifp_pay")
        for which in [(), (0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)]
    }
    shares = [Fraction(0)] * 3
    for order in permutations(range(3)):
        for place, one in enumerate(order):
            shares[one] += Fraction(sums[frozenset(order[: place + 1])] - sums[frozenset(order[:place])], 6)
    assert any(share.denominator != 1 for share in shares)  # rounding has something to do
    done = parts(engine, tables, PACKAGE, Total("hifp_pay"))
    whole = sums[frozenset((0, 1, 2))] - sums[frozenset()]
    assert sum(done.amounts) == whole == done.after - done.before != 0 and (done.orders, done.left_out) == (6, 0)
    assert all(abs(held - share) < 1 and held.denominator == 1 for held, share in zip(done.amounts, shares))
    rows = done.table().to_pylist()
    assert [row["amount"] for row in rows] == list(done.amounts) and rows[2]["reform"] == "band"
    mean = parts(engine, tables, PACKAGE, Mean(People(people), "hifp_pay"))
    assert list(mean.amounts) == [share / len(people) for share in shares]
    told = parts(engine, tables, PACKAGE, Total("hifp_pay"), "sequence")
    steps = [sums[frozenset(range(i))] for i in range(4)]
    assert list(told.amounts) == [b - a for a, b in pairwise(steps)] and told.orders == 1


def test_orders_in_which_a_reform_cannot_be_made_are_left_out(town):
    engine, tables, _ = town
    path = f"{LAYER}.bands.steps"
    package = [
        PACKAGE[0],
        Reform.of("one more", [{"policy": LUOYANG, "path": path, "insert": {"to": 2000, "rate": "0.40"}, "at": 0}]),
        Reform.of("narrower", [{"policy": LUOYANG, "path": f"{path}[1].to", "set": 3000}]),
    ]
    done = parts(engine, tables, package, Total("hifp_pay"))
    assert (done.orders, done.left_out) == (3, 3)
    sums = {}
    shares = [Fraction(0)] * 3
    for order in [(0, 1, 2), (1, 0, 2), (1, 2, 0)]:
        for place, one in enumerate(order):
            for which in (frozenset(order[:place]), frozenset(order[: place + 1])):
                if which not in sums:
                    sums[which] = worth(engine, tables, which, "hifp_pay", package)
            shares[one] += Fraction(sums[frozenset(order[: place + 1])] - sums[frozenset(order[:place])], 3)
    assert all(done.amounts)
    assert sum(done.amounts) == sum(shares) and all(abs(a - b) < 1 for a, b in zip(done.amounts, shares))
    with pytest.raises(DocumentError):
        parts(engine, tables, package[::-1], Total("hifp_pay"))


def test_packages_of_nothing_and_of_too_much(town):
    engine, tables, _ = town
    none = parts(engine, tables, [], Total("hifp_pay"))
    assert none.amounts == () and none.before == none.after and none.table().num_rows == 0
    same = parts(engine, tables, [Reform.of("nothing", [])] * 6, Total("hifp_pay"), "sequence")
    assert same.amounts == (0,) * 6
    with pytest.raises(InputError, match="7 changes"):
        parts(engine, tables, [PACKAGE[0]] * 7, Total("hifp_pay"))
    with pytest.raises(InputError, match="no method 'shaply'"):
        parts(engine, tables, PACKAGE, Total("hifp_pay"), "shaply")
    with pytest.raises(InputError, match="nothing to divide by after the reforms base"):
        parts(engine, tables, PACKAGE[:1], Ratio("hifp_pay", "hifp_pay", where={"med_type": "none"}))


def test_a_knob_of_its_own_values_is_a_scale_too(town):
    engine, tables, _ = town
    knob = Knob(DEDUCTIBLE, policy=LUOYANG, values=[2000, 500, 1100, 1300], name="d")
    rows = sweep(engine, tables, [knob], [Total("hifp_pay")]).table("hifp_pay").to_pylist()
    held = {row["d"]: int(row["exact"]) for row in rows if row["policy"] != "base"}
    found = solve(engine, tables, knob, Total("hifp_pay"), (held[1300] + held[1100]) // 2, coarse=2)
    assert [(one.low, one.high) for one in found.crossings] == [(1100, 1300)]
