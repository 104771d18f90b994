"""Re-settlements small enough to work out by hand: knock-on, reasons, the ledger, attribution, wrong changes."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from ybcore import Catalog, Engine, InputError, load_book, load_policy
from ybcore.columns.ids import flat
from ybcore.ledger import (
    DeniedLines,
    Institutions,
    LateClaims,
    NewCatalog,
    NewPolicy,
    Persons,
    Refunds,
    Reordered,
    Run,
    StruckOff,
    resettle,
)
from ybcore.ledger.attribution import rounded
from ybcore.ledger.differ import spans_of

TOWN = """format: ybcore-policy/1
id: town
scheme: {id: town, region: "*", insutype: ["310"]}
effective: {from: 2020-01-01}
plans:
  - id: outpatient
    layers:
      - id: basic
        basic: true
        payer: hifp_pay
        deductible:
          amount: 1500
          repeat: cumulative
          period: year
          replace: [{when: {psn_idet_type: P}, set: 500}]
        rate: 0.80
        rate_modifiers: {points: [{when: {hosp_lv: "01"}, add: -0.10}]}
"""
ITEMS = {"med_list_codg": ["A", "B"], "chrgitm_lv": ["01", "02"], "selfpay_prop": [0, 100_000]}


def visits(*rows: tuple[str, str, str, int | None], **more: list[Any]) -> dict[str, Any]:
    """(settlement, person, day, fen in scope or None for one with lines)."""
    ids, people, days, money = zip(*rows)
    out = {
        "setl_id": list(ids),
        "psn_no": list(people),
        "med_type": ["11"] * len(rows),
        "setl_time": list(days),
        **more,
    }
    return {
        **out,
        "inscp_scp_amt": pa.array(money, pa.int64()),
        "fixmedins_code": more.get("fixmedins_code", ["H"] * len(rows)),
    }


def lines(*rows: tuple[str, str, str, int], **more: list[Any]) -> dict[str, Any]:
    ids, own, items, money = zip(*rows)
    return {
        "setl_id": list(ids),
        "feedetl_sn": list(own),
        "med_list_codg": list(items),
        "det_item_fee_sumamt": list(money),
        **more,
    }


def year(**more: Any) -> Run:
    """P1 comes in January and in December, P2 in June with two lines; 1000 yuan each."""
    tables = {
        "visits": visits(("J", "P1", "2024-01-10", 100_000), ("D", "P1", "2024-12-10", 100_000), ("S", "P2", "2024-06-10", None)),
        "lines": lines(("S", "1", "A", 60_000), ("S", "2", "A", 140_000)),
        "persons": {"psn_no": ["P1", "P2", "P3"], "insutype": ["310"] * 3, "psn_type": ["11"] * 3, "psn_idet_type": pa.nulls(3, pa.string())},
        "institutions": {"fixmedins_code": ["H", "I"], "hosp_lv": ["05", "05"]},
    }  # fmt: skip
    return Run(Engine(TOWN, Catalog(ITEMS), threads=1), **{**tables, **more})


def reversal(named: str, day: str = "2024-03-01", own: str = "R", person: str = "P1") -> dict[str, Any]:
    return {"setl_id": [own], "psn_no": [person], "setl_time": [day], "refd_setl_flag": ["1"], "init_setl_id": [named]}


def by_id(table: pa.Table) -> dict[str, dict[str, Any]]:
    return {row["setl_id"]: row for row in table.to_pylist()}


# ---------------------------------------------------------------------- a reversed January visit


def test_a_reversed_january_changes_december():
    """Deductible 1500 yuan a year, then 80 %.

    As paid: January, 1000 yuan: all of it deductible, the fund pays nothing. December, 1000 yuan: 500 of the deductible are left, the
    fund pays 80 % of the other 500 = 400, the person 600.
    In March January is reversed: the person gets 1000 back, and the deductible starts anew. December: 1000 yuan are all deductible; the
    fund pays 400 less, the person 400 more. The fund collects 400; the person gets 1000 and owes 400: 600 for the person.
    """
    again = resettle(year(), [Refunds(reversal("J"))])
    rows = by_id(again.deltas.visits)
    assert set(rows) == {"R", "D"}
    back, december = rows["R"], rows["D"]
    assert (back["kind"], back["reason"], back["because"]) == ("added", "refund", None)
    assert (back["medfee_sumamt"], back["act_pay_dedc"], back["psn_cash_pay"]) == (-100_000, -100_000, -100_000)
    assert (december["kind"], december["reason"], december["because"]) == ("changed", "knock_on", "R")
    assert (december["act_pay_dedc"], december["hifp_pay"], december["psn_cash_pay"]) == (50_000, -40_000, 40_000)
    ledger = {(row["payer"], row["psn_no"]): row for row in again.ledger.persons.to_pylist()}
    assert set(ledger) == {("hifp_pay", "P1"), ("psn_cash_pay", "P1")}
    fund, person = ledger["hifp_pay", "P1"], ledger["psn_cash_pay", "P1"]
    assert (fund["to_pay"], fund["to_collect"], fund["net"]) == (0, 40_000, -40_000)
    assert (person["to_pay"], person["to_collect"], person["net"]) == (40_000, 100_000, -60_000)
    scope = again.scope
    assert (scope.groups, scope.of_groups, scope.persons, scope.of_persons, scope.visits, scope.of_visits) == (
        1,
        2,
        1,
        3,
        3,
        4,
    )
    assert scope.why == {"refund": {"groups": 1, "visits": 1}}
    used = [row for row in again.counters().to_pylist() if "deductible" in row["counter"]]
    assert [(row["owner"], row["value_before"], row["value_after"]) for row in used] == [
        ("P1", 150_000 * 10**6, 100_000 * 10**6)
    ]
    funds = again.deltas.funds.to_pylist()
    assert [(r["setl_id"], r["fund_pay_type"], r["fund_payamt"]) for r in funds] == [
        ("D", "310100", -40_000), ("D", "999998", 40_000), ("R", "999998", -100_000),
    ]  # fmt: skip


def test_a_resettlement_is_a_run_again():
    """The reversal first, then a late claim of February: 1000 yuan are deductible in it, so 500 are left for December: 400 from the fund."""
    once = resettle(year(), [Refunds(reversal("J"))])
    late = LateClaims(visits(("F", "P1", "2024-04-10", 100_000)))
    twice = resettle(once.after, [late])
    rows = by_id(twice.deltas.visits)
    assert (rows["F"]["kind"], rows["F"]["reason"], rows["F"]["hifp_pay"]) == ("added", "late_claim", 0)
    assert (rows["D"]["reason"], rows["D"]["because"], rows["D"]["hifp_pay"]) == ("knock_on", "F", 40_000)
    assert by_id(twice.after.settlement.visits)["D"]["hifp_pay"] == by_id(year().settlement.visits)["D"]["hifp_pay"]


# ---------------------------------------------------------------------- what touches what


def reasons(again: Any) -> dict[str, str]:
    return {row["setl_id"]: row["reason"] for row in again.deltas.visits.to_pylist()}


def from_july(figure: str = "0.80", to: str = "0.90") -> Any:
    early, later = TOWN.replace("{from: 2020-01-01}", "{from: 2020-01-01, to: 2024-07-01}"), TOWN
    later = (
        later.replace("2020-01-01", "2024-07-01")
        .replace("id: town\nscheme", "id: town-2\nscheme")
        .replace(f"rate: {figure}", f"rate: {to}")
    )
    return load_book([load_policy(early), load_policy(later)])


def test_a_clause_corrected_from_july_touches_december_alone():
    again = resettle(year(), [], policy=from_july())
    assert reasons(again) == {"D": "parameter_change"}
    assert by_id(again.deltas.visits)["D"]["hifp_pay"] == 5_000
    assert (again.scope.groups, again.scope.why) == (1, {"parameter_change": {"groups": 1, "visits": 1}})


def test_a_document_that_is_only_cut_in_two_changes_no_money():
    again = resettle(year(), [NewPolicy(from_july(to="0.80"))])
    assert reasons(again) == {"D": "parameter_change"}  # the document that settles it has another name
    assert again.ledger.payers.num_rows == 0


def test_poverty_backdated_to_december():
    """P1 is poor from December: 500 yuan are the deductible, which January has used up; the fund pays 800 of 1000, not 400."""
    rows = {"psn_no": ["P1", "P1"], "insutype": ["310"] * 2, "psn_type": ["11"] * 2, "psn_idet_type": [None, "P"],
            "begndate": [None, "2024-12-01"], "enddate": ["2024-12-01", None]}  # fmt: skip
    again = resettle(year(), [Persons(rows)])
    assert reasons(again) == {"D": "eligibility_change"}
    assert by_id(again.deltas.visits)["D"]["hifp_pay"] == 40_000
    assert again.scope.why["eligibility_change"] == {"groups": 1, "visits": 1}


def test_poverty_of_january_reaches_december_as_a_knock_on():
    """Poor until February: of January 500 are deductible and the fund pays 400; December has 1000 left to use: it pays nothing."""
    rows = {"psn_no": ["P1", "P1"], "insutype": ["310"] * 2, "psn_type": ["11"] * 2, "psn_idet_type": ["P", None],
            "begndate": [None, "2024-02-01"], "enddate": ["2024-02-01", None]}  # fmt: skip
    again = resettle(year(), [Persons(rows)])
    assert reasons(again) == {"J": "eligibility_change", "D": "knock_on"}
    found = by_id(again.deltas.visits)
    assert (found["J"]["hifp_pay"], found["D"]["hifp_pay"], found["D"]["because"]) == (40_000, -40_000, "J")


def test_an_institution_of_another_grade():
    """From December H is of grade 01: ten points less. December: 70 % of 500 is 350. June and January are on other days."""
    rows = {
        "fixmedins_code": ["H", "H"],
        "hosp_lv": ["05", "01"],
        "begndate": [None, "2024-12-01"],
        "enddate": ["2024-12-01", None],
    }
    again = resettle(year(), [Institutions(rows)])
    assert reasons(again) == {"D": "eligibility_change"}
    assert by_id(again.deltas.visits)["D"]["hifp_pay"] == -5_000
    assert again.scope.groups == 1


def test_a_denied_line_and_a_late_one():
    """June: 2000 yuan, 1500 deductible, the fund pays 400. 600 denied: nothing is left for the fund."""
    again = resettle(year(), [DeniedLines({"setl_id": ["S"], "feedetl_sn": ["1"]})])
    row = by_id(again.deltas.visits)["S"]
    assert (row["reason"], row["fulamt_ownpay_amt"], row["hifp_pay"], row["psn_cash_pay"]) == (
        "denied_line",
        60_000,
        -40_000,
        40_000,
    )
    line = again.deltas.lines.to_pylist()
    assert [
        (r["row"], r["feedetl_sn"], r["kind"], r["fulamt_ownpay_amt"], r["inscp_scp_amt"], r["reason_after"])
        for r in line
    ] == [(0, "1", "changed", 60_000, -60_000, "denied")]
    both = resettle(
        year(), [DeniedLines({"setl_id": ["S"], "feedetl_sn": ["1"]}), LateClaims(lines=lines(("S", "3", "A", 60_000)))]
    )
    assert reasons(both) == {"S": "late_claim"}  # the last that touched it
    assert by_id(both.deltas.visits)["S"]["medfee_sumamt"] == 60_000
    assert [(r["row"], r["kind"]) for r in both.deltas.lines.to_pylist()] == [(0, "changed"), (2, "added")]
    again = resettle(both.after, [DeniedLines({"setl_id": ["S"], "feedetl_sn": ["1"]})])
    assert again.scope.why == {"denied_line": {"groups": 0, "visits": 0}}  # it was denied before


def test_what_nobody_reads_is_no_reason():
    """P1's name is corrected, in a column that no document reads; the rate is changed beside: that alone is why the fund pays more."""
    who = {"psn_no": ["P1", "P2"], "insutype": ["310"] * 2, "psn_type": ["11"] * 2}
    run = year(persons=pa.table({**who, "called": ["Li", "Wang"]}))
    right = pa.table({name: [cells[0]] for name, cells in who.items()} | {"called": ["Lee"]})
    again = resettle(run, [NewPolicy(TOWN.replace("rate: 0.80", "rate: 0.90")), Persons(right)])
    assert again.scope.why["eligibility_change"] == {"groups": 0, "visits": 0}
    assert set(reasons(again).values()) == {"parameter_change"}
    assert again.after.tables["persons"]["called"].to_pylist() == ["Wang", "Lee"]


def test_a_visit_of_nobody_takes_no_household_with_it():
    """A denied line of a visit without a person, which names P1's household: nobody is settled again, and what the household used stays used."""
    town = TOWN.replace(
        "        rate: 0.80",
        "        ceilings: [{on: fund, limit: 100000, per: year, scope: household}]\n        rate: 0.80",
    )
    told = visits(
        ("J", "P1", "2024-01-10", 400_000), ("X", None, "2024-06-10", None), hsld_no=["HH", "HH"], insutype=["310"] * 2
    )
    run = Run(Engine(town, Catalog(ITEMS)), visits=told, lines=lines(("X", "1", "A", 60_000)))
    owners = [row["owner"] for row in run.settlement.state.counters().to_pylist()]
    assert "household HH" in owners
    again = resettle(run, [DeniedLines({"setl_id": ["X"], "feedetl_sn": ["1"]})])
    assert [row["owner"] for row in again.after.settlement.state.counters().to_pylist()] == owners
    assert again.after.settlement.state.sha256 == run.settlement.state.sha256


def test_a_column_of_a_mapping_that_only_a_new_document_reads():
    """P1 lives far away, where a new document pays 10 % less of the 50 yuan after the deductible."""
    told = visits(("J", "P1", "2024-01-10", 155_000), ("S", "P2", "2024-06-10", 155_000), village=["far", "near"])
    run = Run(
        Engine(TOWN), visits=told, persons={"psn_no": ["P1", "P2"], "insutype": ["310"] * 2, "psn_type": ["11"] * 2}
    )
    far = TOWN.replace("plans:", "attributes: {village: {table: visits}}\nplans:").replace("rate: 0.80", "rate: {by: village, far: 0.70, else: 0.80}")  # fmt: skip
    assert [(one, row["hifp_pay"]) for one, row in by_id(resettle(run, [], policy=far).deltas.visits).items()] == [
        ("J", -500)
    ]


def by_doctors() -> Run:
    """P2's lines are ordered by DA (600 yuan on 10 June, one without a day) and DB (1,000 yuan on 20 June)."""
    told = lines(
        ("S", "1", "A", 60_000), ("S", "2", "A", 100_000), ("S", "3", "A", 40_000), bilg_dr_codg=["DA", "DB", "DA"]
    )
    return year(lines={**told, "fee_ocur_time": ["2024-06-10", "2024-06-20", None]})


@pytest.mark.parametrize(
    ("begin", "end", "denied"),
    [("2024-06-10", None, ["1", "3"]), ("2024-06-11", None, []), ("2024-01-01", "2024-06-10", []), ("2024-06-10", "2024-06-11", ["1", "3"])],
)  # fmt: skip
def test_a_doctor_struck_off(begin: str, end: str | None, denied: list[str]):
    """Nothing that DA ordered from a day on is paid; a line without a day goes by the day of discharge (2024-06-10). The same as denying the lines."""
    struck = StruckOff(
        {"dr_code": ["DA", "DX"], "begndate": [begin, "2020-01-01"], "enddate": pa.array([end, None], pa.string())}
    )
    again = resettle(by_doctors(), [struck])
    same = resettle(
        by_doctors(), [DeniedLines({"setl_id": ["S"] * len(denied), "feedetl_sn": pa.array(denied, pa.string())})]
    )
    assert again.deltas.visits.to_pylist() == same.deltas.visits.to_pylist()
    assert again.deltas.lines.to_pylist() == same.deltas.lines.to_pylist()
    assert set(reasons(again).values()) == ({"denied_line"} if denied else set())
    assert again.after.settlement.state.sha256 == same.after.settlement.state.sha256


def test_a_doctor_struck_off_and_what_comes_late():
    """A late line of his is denied too; a line that returns one of his goes by that one, which was paid."""
    late = LateClaims(lines=lines(("S", "4", "A", 50_000), bilg_dr_codg=["DA"], fee_ocur_time=["2024-06-30"]))
    back = Refunds(
        lines=lines(("S", "5", "A", -60_000), init_feedetl_sn=["1"], bilg_dr_codg=["DA"], fee_ocur_time=["2024-07-01"])
    )
    again = resettle(by_doctors(), [late, back, StruckOff({"dr_code": ["DA"], "begndate": ["2024-06-15"]})])
    rows = {row["feedetl_sn"]: row for row in again.deltas.lines.to_pylist()}
    assert (rows["4"]["fulamt_ownpay_amt"], rows["4"]["reason_after"]) == (50_000, "denied")
    assert (rows["5"]["inscp_scp_amt"], rows["5"]["fulamt_ownpay_amt"]) == (-60_000, 0)
    assert set(rows) == {"4", "5"}


@pytest.mark.parametrize("late", [False, True], ids=["returned before", "returned after"])
def test_what_returns_a_denied_line_is_denied(late: bool):
    """Of 60,000 denied 20,000 came back: 40,000 is the person's own, and the other line is paid as if neither were there."""
    back = lines(("S", "3", "A", -20_000), init_feedetl_sn=["1"])
    deny = DeniedLines({"setl_id": ["S"], "feedetl_sn": ["1"]})
    again = resettle(year(), [deny, Refunds(lines=back)] if late else [Refunds(lines=back), deny])
    alone = resettle(year(), [deny])
    row, other = by_id(again.deltas.visits)["S"], by_id(alone.deltas.visits)["S"]
    told = {line["feedetl_sn"]: line for line in again.after.settlement.lines.to_pylist() if line["setl_id"] == "S"}
    assert (told["3"]["fulamt_ownpay_amt"], told["3"]["inscp_scp_amt"]) == (-20_000, 0)
    assert row["hifp_pay"] == other["hifp_pay"] and row["psn_cash_pay"] == other["psn_cash_pay"] - 20_000


def test_a_returned_line():
    back = Refunds(lines=lines(("S", "3", "A", -140_000), init_feedetl_sn=["2"]))
    again = resettle(year(), [back])
    row = by_id(again.deltas.visits)["S"]
    assert (row["reason"], row["medfee_sumamt"], row["hifp_pay"]) == ("refund", -140_000, -40_000)


def test_a_catalogue_corrected_from_may():
    """A is of class 03 from May: what is full self-pay is nobody's but the person's. Nobody else has lines."""
    new = Catalog({"med_list_codg": ["A", "A", "B"], "chrgitm_lv": ["01", "03", "02"], "selfpay_prop": [0, 0, 100_000],
                   "begndate": [None, "2024-05-01", None], "enddate": ["2024-05-01", None, None]})  # fmt: skip
    again = resettle(year(), [], catalog=new)
    assert reasons(again) == {"S": "catalog_change"}
    other = Catalog({**ITEMS, "selfpay_prop": [0, 200_000]})
    assert resettle(year(), [NewCatalog(other)]).scope.groups == 0  # nobody uses B
    late = Catalog({"med_list_codg": ["A", "A", "B"], "chrgitm_lv": ["01", "03", "02"], "selfpay_prop": [0, 0, 100_000],
                    "begndate": [None, "2024-07-01", None], "enddate": ["2024-07-01", None, None]})  # fmt: skip
    assert resettle(year(), [NewCatalog(late)]).scope.groups == 0  # not on that day


def test_another_order():
    """December is settled on 2 January instead: it is the first to use the deductible, and January gets what is left."""
    again = resettle(year(), [Reordered({"setl_id": ["D"], "setl_time": ["2024-01-02"]})])
    assert reasons(again) == {"D": "order_change", "J": "knock_on"}
    found = by_id(again.deltas.visits)
    assert (found["D"]["hifp_pay"], found["J"]["hifp_pay"], found["J"]["because"]) == (-40_000, 40_000, "D")


def test_nothing_changes():
    again = resettle(year(), [])
    assert again.scope.visits == 0 and again.deltas.visits.num_rows == 0 and again.ledger.persons.num_rows == 0
    assert again.after.settlement.visits.to_pylist() == year().settlement.visits.to_pylist()
    row = {"psn_no": ["P3"], "insutype": ["310"], "psn_type": ["21"]}
    nobody = resettle(year(), [Persons(row)])  # P3 has no visits
    assert (nobody.scope.persons, nobody.scope.visits, nobody.deltas.visits.num_rows) == (1, 0, 0)
    assert nobody.counters().num_rows == 0


def test_days_on_which_rows_differ():
    """A row that is cut in two says the same on every day; one that ends earlier does not on the days it lost."""
    spans = spans_of(*(np.array(c) for c in ([7, 7, 7], [1, 1, 1], [0, 0, 50], [100, 50, 100], [-1, 1, 1])))
    assert len(spans.key) == 0
    spans = spans_of(*(np.array(c) for c in ([7, 7], [1, 1], [0, 0], [100, 60], [-1, 1])))
    assert (spans.key.tolist(), spans.begin.tolist(), spans.end.tolist()) == ([7], [60], [100])
    assert spans.touch(*(np.array(c) for c in ([7, 7, 7, 8], [59, 60, 50, 70], [59, 60, 60, 70]))).tolist() == [
        False,
        True,
        True,
        False,
    ]


# ---------------------------------------------------------------------- attribution

LATE = LateClaims(visits(("F", "P1", "2024-02-10", 100_000)))


def moved(told: Any, payer: str = "hifp_pay") -> list[int]:
    return [row["amount"] for row in told.rows.to_pylist() if row["payer"] == payer]


def test_attribution_in_order_and_over_all_orders():
    """A late claim of 1000 yuan in February, and 90 % instead of 80 %.

    As paid the fund pays 400 in June and 400 in December. With the claim: 500 of it are deductible, so 400 for it, and 800 for December:
    800 more. With the new rate alone: 450 and 450, 100 more. With both: 450 for the claim, 450, 900: 1000 more. In order: the claim 800,
    the rate 200. The other way round: the rate 100, the claim 900. On average: the claim 850, the rate 150.
    """
    again = resettle(year(), [LATE], policy=TOWN.replace("0.80", "0.90"))
    assert moved(again.attribution("sequence")) == [80_000, 20_000]
    assert moved(again.attribution("shapley")) == [85_000, 15_000]
    assert (again.attribution("shapley").orders, again.attribution("shapley").left_out) == (2, 0)
    other = resettle(year(), [NewPolicy(TOWN.replace("0.80", "0.90")), LATE])
    assert moved(other.attribution("sequence")) == [10_000, 90_000]
    assert moved(other.attribution("shapley")) == [15_000, 85_000]


def test_an_order_that_cannot_be_is_left_out():
    """The claim has to be there before it is refunded: three of six orders."""
    changes = [LATE, Refunds(reversal("F")), NewPolicy(TOWN.replace("0.80", "0.90"))]
    again = resettle(year(), changes)
    told = again.attribution("shapley")
    assert (told.orders, told.left_out) == (3, 3)
    # By hand: every order, each change by what the fund pays before and after it.
    worth = {}
    for size in range(4):
        for which in ({0, 1, 2}, {0, 1}, {0, 2}, {1, 2}, {0}, {1}, {2}, set()):
            if len(which) == size and (1 not in which or 0 in which):
                rows = resettle(year(), [changes[i] for i in sorted(which)]).after.settlement.visits
                worth[frozenset(which)] = sum(rows["hifp_pay"].to_pylist())
    shares = [Fraction(0)] * 3
    for order in permutations(range(3)):
        if order.index(0) < order.index(1):
            for i, change in enumerate(order):
                shares[change] += Fraction(worth[frozenset(order[: i + 1])] - worth[frozenset(order[:i])], 3)
    assert moved(told) == rounded(shares)
    assert sum(moved(told)) == sum(again.deltas.visits["hifp_pay"].to_pylist())


def test_largest_remainders():
    third = Fraction(1, 3)
    assert rounded([third] * 3) == [1, 0, 0]
    assert rounded([-third] * 3) == [0, 0, -1]
    assert rounded([Fraction(5, 2), Fraction(1, 4), Fraction(1, 4)]) == [3, 0, 0]


def test_attribution_has_limits():
    again = resettle(year(), [Reordered({"setl_id": ["D"], "setl_time": ["2024-11-02"]})] * 7)
    with pytest.raises(InputError, match="at most 6"):
        again.attribution("shapley")
    with pytest.raises(InputError, match="no method"):
        again.attribution("banzhaf")


# ---------------------------------------------------------------------- wrong changes


def test_wrong_changes_are_told_together():
    wrong = [
        LateClaims(visits(("J", "P1", "2024-02-01", 1), ("N", "P1", "2024-02-01", 1), ("N", "P1", "2024-02-01", 1))),
        LateClaims(lines=lines(("S", "2", "A", 1), ("SS", "9", "A", 1))),
        Refunds(reversal("K", own="Q")),
        DeniedLines({"setl_id": ["S", "S"], "feedetl_sn": ["2", "4"]}),
        DeniedLines({"setl_id": ["T"], "feedetl_sn": ["1"]}),
        Persons({"psn_no": ["P11"], "insutype": ["310"], "psn_type": ["11"], "psn_idet_typ": ["P"]}),
        Institutions({"fixmedins_code": ["X"], "hosp_lv": ["05"]}),
        Reordered({"setl_id": ["D2"], "setl_time": ["2024-02-01"]}),
    ]
    with pytest.raises(InputError) as caught:
        resettle(year(), wrong)
    told = [(p.path.split(" ")[0], p.path.split(".", 1)[1], p.row, p.nearest) for p in caught.value.problems]
    assert told == [
        ("changes[5]", "rows", None, "psn_idet_type"),
        ("changes[0]", "visits.setl_id", 1, ""),
        ("changes[0]", "visits.setl_id", 3, ""),
        ("changes[1]", "lines.setl_id", 2, "S"),
        ("changes[1]", "lines.feedetl_sn", 1, ""),
        ("changes[2]", "visits.init_setl_id", 1, ""),
        ("changes[3]", "rows.feedetl_sn", 2, ""),
        ("changes[4]", "rows.setl_id", 1, ""),
        ("changes[5]", "rows.psn_no", 1, "P1"),
        ("changes[6]", "rows.fixmedins_code", 1, ""),
        ("changes[7]", "rows.setl_id", 1, "D"),
    ]
    assert all(problem.what_zh and problem.what for problem in caught.value.problems)
    assert "未知的列 'psn_idet_typ'；是否为 'psn_idet_type'？" in caught.value.render("zh")
    assert "the settlement 'J' is there already" in caught.value.render("en")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (LateClaims({"setl_id": ["N"], "psn_no": ["P1"]}), "the column 'setl_time' is missing"),
        (LateClaims({**visits(("N", "P1", "2024-02-01", 1)), "inscp_scp_amt": ["1.00"]}), "is string, that of the run is int64"),
        (LateClaims(visits((1, "P1", "2024-02-01", 1))), "is int64, that of the run is large_string"),
        (Refunds({**reversal("J"), "refd_setl_flag": ["0"]}), "a refund has refd_setl_flag 1"),
        (Refunds(lines=lines(("S", "3", "A", -1), init_feedetl_sn=["7"])), "its visit has no line '7' to return"),
        ("J", "not a change"),
        (Reordered({"setl_id": ["J", "S", "J"], "setl_time": ["2024-01-11", "2024-06-11", "2024-12-20"]}), "row 3: changes[0] Reordered.rows.setl_id: the settlement 'J' is there twice"),
        (Reordered({"setl_id": ["J"], "setl_time": pa.array([None], pa.string())}), "the time of 'J' is missing"),
        (Persons({"psn_no": ["P1", None], "insutype": ["310"] * 2, "psn_type": ["11"] * 2}), "row 2: changes[0] Persons.rows.psn_no: psn_no is missing"),
        (Persons({"psn_no": ["P1"], "insutype": ["310"], "psn_type": ["11"], "begndate": ["2024-07-01"], "enddate": ["2024-01-01"]}), "row 1: changes[0] Persons.rows.enddate: 'P1' would end before it begins"),
        (Persons({"psn_no": ["P2", "P1", "P1"], "insutype": ["310"] * 3, "psn_type": ["11"] * 3, "begndate": [None, "2024-01-01", "2024-06-01"], "enddate": [None, "2024-07-01", None]}), "row 3: changes[0] Persons.rows.begndate: the validity overlaps another row of 'P1'"),
        (Institutions({"fixmedins_code": ["H", "H"], "hosp_lv": ["01", "05"]}), "row 2: changes[0] Institutions.rows.begndate: the validity overlaps another row of 'H'"),
        (StruckOff({"dr_code": ["D"], "begndate": ["2024-01-01"]}), "the lines of the run do not say who ordered them (bilg_dr_codg)"),
        (LateClaims(lines=lines(("SS", "9", "A", 1_000))), "row 1: changes[0] LateClaims.lines.setl_id: the settlement 'SS' is not there"),
        (LateClaims(lines=lines(("S", "9", "A", 1_000), ("J", "9", "A", 1_000))), "row 2: changes[0] LateClaims.lines.setl_id: the settlement 'J' came split, without lines"),
    ],
)  # fmt: skip
def test_a_wrong_change(change: Any, said: str):
    with pytest.raises(InputError) as caught:
        resettle(year(), [change])
    assert said in caught.value.render("en")


def test_a_visit_that_comes_with_lines_may_bring_natures():
    """They are ignored, as in a first run; a person's row that was called off on its first day holds on none."""
    late = LateClaims(
        visits(("N", "P1", "2024-02-01", 7), ("Z", "P1", "2024-02-02", 0)), lines(("N", "1", "A", 20_000))
    )
    off = {"begndate": ["2024-01-01", "2024-01-01"], "enddate": ["2024-01-01", None]}
    again = resettle(
        year(), [late, Persons({"psn_no": ["P1"] * 2, "insutype": ["310"] * 2, "psn_type": ["11"] * 2, **off})]
    )
    assert by_id(again.deltas.visits)["N"]["medfee_sumamt"] == 20_000
    more = resettle(again.after, [LateClaims(lines=lines(("Z", "1", "A", 30_000)))])  # what it brought was nothing
    assert by_id(more.deltas.visits)["Z"]["medfee_sumamt"] == 30_000


def test_a_wrong_list_of_doctors():
    wrong = {
        "dr_code": ["DA", None, "DB", "DC"],
        "begndate": ["2024-06-01", "2024-06-01", None, "2024-07-01"],
        "enddate": ["soon", None, None, "2024-06-01"],
    }
    with pytest.raises(InputError) as caught:
        resettle(by_doctors(), [StruckOff(wrong)])
    assert [(p.path.split(".", 2)[1:], p.row) for p in caught.value.problems] == [(["rows", "dr_code"], 2), (["rows", "begndate"], 3), (["rows", "enddate"], 1), (["rows", "enddate"], 4)]  # fmt: skip


def test_attributes_on_the_visits_cannot_be_replaced():
    plain = year(
        persons=None, institutions=None, visits=visits(("J", "P1", "2024-01-10", 1), insutype=["310"]), lines=None
    )
    with pytest.raises(InputError) as caught:
        resettle(
            plain,
            [
                Persons({"psn_no": ["P1"], "insutype": ["310"], "psn_type": ["11"]}),
                Institutions({"fixmedins_code": ["H"]}),
            ],
        )
    assert [p.what for p in caught.value.problems] == [
        f"the run has no {name}: what they are stands on the visits" for name in ("persons", "institutions")
    ]


def test_an_id_of_an_earlier_run_is_taken():
    before = year().settlement.state
    later = Run(year().engine, visits(("E", "P1", "2025-01-10", 100_000)), persons=year().persons, state=before)
    with pytest.raises(InputError, match="'J' is there already"):
        resettle(later, [LateClaims(visits(("J", "P2", "2025-02-01", 1)))])
    again = resettle(later, [Refunds(reversal("J", "2025-02-01"))])
    assert by_id(again.deltas.visits)["R"]["psn_cash_pay"] == -100_000


def test_a_settlement_that_is_handed_in():
    run = year()
    done = run.engine.settle(**run.tables, line_output=True, detail=True)
    again = resettle(year(settled=done), [Refunds(reversal("J"))])
    assert again.deltas.visits.equals(resettle(run, [Refunds(reversal("J"))]).deltas.visits)
    less = run.engine.settle(**run.tables, columns=["hifp_pay"])
    with pytest.raises(InputError, match="with every column"):
        resettle(year(settled=less), [])


def test_dictionaries_go_together():
    """Rows that come under a column with a dictionary keep their own words."""
    coded = pa.array(["11", "11", "11"]).dictionary_encode()
    run = year(
        visits={
            **visits(("J", "P1", "2024-01-10", 1), ("D", "P1", "2024-12-10", 1), ("S", "P2", "2024-06-10", None)),
            "med_type": coded,
        }
    )
    late = {**visits(("N", "P3", "2024-02-01", 100)), "med_type": ["99"]}
    after = resettle(run, [LateClaims(late)]).after
    assert flat(after.tables["visits"]["med_type"]).to_pylist() == ["11", "11", "11", "99"]
