"""An external ledger against a run: every planted cause is found in exactly the visits it was planted in, and nothing else."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from ybcore import Catalog, Engine, InputError, load_policy
from ybcore.ledger import Run, order_sensitivity, reconcile, sweep
from ybcore.ledger.reconcile_read import MONEY
from ybcore.ledger.variants import Variant, settled
from ybcore.messages import yuan_text
from ybcore.synth import city

DOCUMENT: dict[str, Any] = {
    "format": "ybcore-policy/1",
    "id": "one-2024",
    "scheme": {"id": "one", "region": "*", "insutype": ["3"]},
    "effective": {"from": "2020-01-01"},
    "cite": ["a document for tests"],
    "plans": [
        {
            "id": "everything",
            "layers": [
                {
                    "id": "basic",
                    "basic": "true",
                    "payer": "hifp_pay",
                    "deductible": {"amount": "300", "repeat": "cumulative", "period": "year"},
                    "bands": {"steps": [{"to": "800", "rate": "0.7333"}, {"to": "open", "rate": "0.6117"}]},
                    "ceilings": [{"on": "fund", "limit": "9000", "per": "year", "cut_as": "fund"}],
                },
                {
                    "id": "more",
                    "payer": "hifob_pay",
                    "base": ["copay"],
                    "rate": "0.5017",
                },
            ],
        }
    ],
}


@cache
def the_run() -> Run:
    town = city(seed=3, persons=150, visits=1000, bad_rows=0)
    visits, lines = town.visits()
    engine = Engine(load_policy(DOCUMENT), Catalog(*town.catalog), threads=1)
    return Run(engine, visits, lines, town.persons, town.institutions, town.acct_events)


@cache
def late_run() -> Run:
    """The same, but every third visit that nobody takes back was settled forty days late."""
    run = the_run()
    visits = run.tables["visits"]
    taken_back = set(visits["init_setl_id"].to_pylist())
    times = visits["setl_time"]
    late = [i % 3 == 0 and one not in taken_back for i, one in enumerate(visits["setl_id"].to_pylist())]
    shift = pa.array([40 * 86_400_000_000 if one else 0 for one in late], pa.int64())
    moment = times.cast(pa.timestamp("us")).cast(pa.int64()) if pa.types.is_timestamp(times.type) else times
    moved_times = pc.add(moment, shift).cast(pa.timestamp("us"))
    visits = visits.set_column(visits.column_names.index("setl_time"), "setl_time", moved_times)
    return Run(run.engine, **{**run.tables, "visits": visits})


def ledger(visits: pa.Table) -> dict[str, list[Any]]:
    """A ledger in the bureau's words: yuan as decimals, other names."""
    out = {"ID": visits["setl_id"].to_pylist()}
    out |= {f"X_{name}": [Decimal(v) / 100 for v in visits[name].to_pylist()] for name in MONEY}
    return out


COLUMNS = {name: f"X_{name}" for name in MONEY}


def found(outside: Any, run: Run | None = None) -> dict[str, int]:
    result = reconcile(outside, run or the_run(), COLUMNS, "ID")
    return {row["cause"]: row["visits"] for row in result.causes.to_pylist()}


def differ(visits: pa.Table, run: Run | None = None) -> set[str]:
    """Ids of visits that some results give otherwise than the run, of those that both have."""
    own = {row["setl_id"]: row for row in (run or the_run()).results[0].select(["setl_id", *MONEY]).to_pylist()}
    rows = visits.select(["setl_id", *MONEY]).to_pylist()
    return {row["setl_id"] for row in rows if row != own[row["setl_id"]]}


def without(run: Run, ids: set[str]) -> Run:
    tables = dict(run.tables)
    for name in ("visits", "lines"):
        tables[name] = tables[name].filter(pa.array([one not in ids for one in tables[name]["setl_id"].to_pylist()]))
    return Run(run.engine, **tables)


def plain(run: Run) -> list[str]:
    """Settled visits that are no reversal and that nobody takes back, with money of the fund and first-pay."""
    visits = run.tables["visits"]
    linked = set(visits["init_setl_id"].to_pylist())
    own = run.results[0].to_pylist()
    return [
        row["setl_id"]
        for row, back in zip(own, visits["init_setl_id"].to_pylist())
        if row["outcome"] == "settled"
        and back is None
        and row["setl_id"] not in linked
        and row["inscp_scp_amt"] > 10_000
    ]


def one_a_group(run: Run, ids: list[str], most: int, skip: int = 0) -> list[str]:
    """The first id of each of some settling groups."""
    place = {one: i for i, one in enumerate(run.results[0]["setl_id"].to_pylist())}
    group = run.index(run.engine.shares).visit_group
    first: dict[int, str] = {}
    for one in ids:
        first.setdefault(int(group[place[one]]), one)
    return list(first.values())[skip : skip + most]


def bump(outside: dict[str, list[Any]], one: str, **fen: int) -> None:
    row = outside["ID"].index(one)
    for name, step in fen.items():
        outside[f"X_{name}"][row] += Decimal(step) / 100


@pytest.mark.parametrize("kind", ["decimal", "text", "float", "fen"])
def test_an_equal_ledger_has_no_difference(kind: str):
    outside = ledger(the_run().results[0])
    turn = {"decimal": lambda v: v, "text": str, "float": float, "fen": lambda v: int(v * 100)}[kind]
    outside = {name: [turn(v) if name != "ID" else v for v in column] for name, column in outside.items()}
    result = reconcile(outside, the_run(), COLUMNS, "ID", "fen" if kind == "fen" else "yuan")
    assert (result.matched, result.equal, result.visits.num_rows, result.causes.num_rows) == (1000, 1000, 0, 0)
    assert result.duplicates.num_rows == 0
    assert "1,000" in result.text("zh")
    assert "1,000 equal to the fen" in result.text("en")


@pytest.mark.parametrize("profile", [{"mode": "down"}, {"layer": {"to": "jiao", "mode": "up"}}])
def test_another_rounding(profile: dict[str, Any]):
    visits = settled(the_run(), Variant(profile))
    result = reconcile(ledger(visits), the_run(), COLUMNS, "ID")
    ids = differ(visits)
    assert len(ids) > 50
    assert set(result.visits["setl_id"].to_pylist()) == ids
    assert set(result.visits["cause"].to_pylist()) == {"one_fen_rounding"}
    assert str(Variant(profile)) == result.visits["explained_by"][0].as_py()
    assert all(result.visits["proved"].to_pylist())


def test_another_order():
    visits = settled(late_run(), Variant(order="discharge"))
    ids = differ(visits, late_run())
    assert len(ids) > 20
    assert found(ledger(visits), late_run()) == {"order": len(ids)}
    told = order_sensitivity(late_run())
    first = told.variants.to_pylist()[0]
    assert first["variant"] == "discharge"
    payers = [row for row in told.payers.to_pylist() if row["variant"] == "discharge"]
    persons = [row for row in told.persons.to_pylist() if row["variant"] == "discharge"]
    for rows in (payers, persons):
        assert sum(row["absolute"] for row in rows) == first["absolute"] > 0
        assert sum(row["net"] for row in rows) == first["net"] == 0  # what a visit costs is the same


def test_visits_that_are_not_there_and_what_follows():
    gone = set(one_a_group(the_run(), plain(the_run()), 12))
    visits = without(the_run(), gone).results[0]
    follow = differ(visits)
    assert follow
    outside = ledger(visits)
    for name, column in outside.items():
        column.append("stranger" if name == "ID" else Decimal(1))
    for name, column in outside.items():
        column.append("taken back" if name == "ID" else Decimal(-1))
    assert found(outside) == {"missing_visit": 13, "knock_on": len(follow), "unmatched_refund": 1}


def test_visits_that_we_refused():
    """q has no document: what neither side settled is nobody's difference, what they settled is theirs alone."""
    visits = {"setl_id": ["a", "b"], "psn_no": ["p", "q"], "insutype": ["310", "990"], "med_type": ["11"] * 2, "setl_time": ["2024-03-01"] * 2, "inscp_scp_amt": [50_000, 900]}  # fmt: skip
    run = Run(Engine(load_policy(DOCUMENT), threads=1), visits)
    ours = {"setl_id": ["a"], "fund_pay_sumamt": [run.results[0]["fund_pay_sumamt"][0].as_py()]}
    result = reconcile(ours, run, unit="fen")
    assert (result.matched, result.equal, result.visits.num_rows) == (1, 1, 0)
    result = reconcile(
        {name: [*column, {"setl_id": "b"}.get(name, 700)] for name, column in ours.items()}, run, unit="fen"
    )
    (row,) = result.visits.to_pylist()
    assert (row["setl_id"], row["side"], row["cause"], row["explained_by"], row["proved"]) == ("b", "both", "missing_visit", "no_policy", True)  # fmt: skip
    assert row["money"] == 700 and result.visits.num_rows == 1


def test_refunds_that_are_not_there():
    visits = the_run().tables["visits"]
    rows = zip(visits["setl_id"].to_pylist(), visits["init_setl_id"].to_pylist())
    gone = {one for one, back in rows if back is not None}
    rest = without(the_run(), gone).results[0]
    follow = differ(rest)
    assert gone
    expected = {"unmatched_refund": len(gone)} | ({"knock_on": len(follow)} if follow else {})
    assert found(ledger(rest)) == expected


def with_split(run: Run, chosen: list[str], fen: int) -> pa.Table:
    """Results in which some visits have `fen` more of first-pay and less in scope, and what follows from that."""
    natures = ("fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt")
    own = {row["setl_id"]: row for row in run.results[0].to_pylist()}
    tables = dict(run.tables)
    tables["lines"] = tables["lines"].filter(
        pa.array([one not in chosen for one in tables["lines"]["setl_id"].to_pylist()])
    )
    visits = tables["visits"]
    for name in natures:
        step = {"preselfpay_amt": fen, "inscp_scp_amt": -fen}.get(name, 0)
        cells = [own[one][name] + step if one in chosen else None for one in visits["setl_id"].to_pylist()]
        if name in visits.column_names:
            visits = visits.drop_columns([name])
        visits = visits.append_column(name, pa.array(cells, pa.int64()))
    return Run(run.engine, **{**tables, "visits": visits}).results[0]


def test_another_catalogue_and_what_follows():
    chosen = one_a_group(the_run(), plain(the_run()), 15)
    visits = with_split(the_run(), chosen, 5000)
    ids = differ(visits)
    assert ids > set(chosen)
    assert found(ledger(visits)) == {"catalog": 15, "knock_on": len(ids) - 15}


@pytest.mark.parametrize("told", [COLUMNS, {name: COLUMNS[name] for name in ("hifp_pay", "act_pay_dedc")}])
def test_a_deductible_that_was_used_before(told: dict[str, str]):
    run = the_run()
    own = {row["setl_id"]: row for row in run.tables["visits"].to_pylist()}
    people = [own[one]["psn_no"] for one in one_a_group(run, plain(run), 20)]
    earlier = {
        "setl_id": [f"before {who}" for who in people],
        "psn_no": people,
        "med_type": ["11"] * len(people),
        "setl_time": ["2024-01-01"] * len(people),
        "acct_used_flag": ["0"] * len(people),
        "insutype": ["310"] * len(people),
        "inscp_scp_amt": pa.array([17_000] * len(people), pa.int64()),
    }
    state = run.engine.settle(earlier).state
    visits = Run(run.engine, **run.tables, state=state).results[0]
    ids = differ(visits)
    assert len(ids) >= 20
    result = reconcile(ledger(visits), run, told, "ID")
    found_ids = set(result.visits["setl_id"].to_pylist())
    assert found_ids == ids if told is COLUMNS else found_ids < ids
    causes = result.visits["cause"].to_pylist()
    assert causes == ["accumulator_carried_in"] * len(causes)
    assert set(result.visits["explained_by"].to_pylist()) == {"deductible of basic used 17000 fen"}


def test_one_fen_and_what_nobody_knows():
    ids = one_a_group(the_run(), plain(the_run()), 30)
    outside = ledger(the_run().results[0])
    for one in ids[:20]:
        bump(outside, one, hifp_pay=1, fund_pay_sumamt=1, psn_part_amt=-1, psn_cash_pay=-1)
    for one in ids[20:]:
        bump(outside, one, hifp_pay=137, psn_cash_pay=-137)
    assert found(outside) == {"one_fen_rounding": 20, "unknown": 10}
    result = reconcile(outside, the_run(), COLUMNS, "ID")
    assert result.causes.to_pylist()[0] == {"cause": "unknown", "visits": 10, "absolute": 2740, "net": 0}
    row = next(row for row in result.visits.to_pylist() if row["setl_id"] == ids[25])
    assert (row["hifp_pay_diff"], row["psn_cash_pay_diff"], row["money"], row["proved"]) == (137, -137, 274, False)


def test_every_cause_in_one_ledger():
    run = late_run()
    place = {one: i for i, one in enumerate(run.results[0]["setl_id"].to_pylist())}
    group = run.index(run.engine.shares).visit_group
    ids = plain(run)
    gone, split = set(one_a_group(run, ids, 10)), one_a_group(run, ids, 10, skip=10)
    worlds = [
        without(run, gone).results[0],
        with_split(run, split, 5000),
        settled(run, Variant({"mode": "down"})),
        settled(run, Variant(order="discharge")),
        run.results[0],
    ]
    bounds = [0, 10, 20, 45, 90]
    first = [int(group[place[one]]) for one in one_a_group(run, ids, 1000)]
    world_of = {g: sum(k >= b for b in bounds[1:]) for k, g in enumerate(first)}
    rows, expected = [], {"missing_visit": 10, "catalog": 10, "unknown": 5}
    causes = ["knock_on", "knock_on", "one_fen_rounding", "order"]
    own = run.results[0].select(["setl_id", *MONEY]).to_pylist()
    for k, world in enumerate(worlds):
        for row in world.select(["setl_id", *MONEY]).to_pylist():
            at = place[row["setl_id"]]
            if world_of.get(int(group[at]), 4) == k:
                rows.append(row)
                if row != own[at] and row["setl_id"] not in split:
                    expected[causes[k]] = expected.get(causes[k], 0) + 1
    outside = ledger(pa.Table.from_pylist(rows))
    for one in one_a_group(run, ids, 5, skip=bounds[-1]):
        bump(outside, one, hifp_pay=137, psn_cash_pay=-137)
    assert set(expected) == {"missing_visit", "catalog", "unknown", *causes}
    assert found(outside, run) == expected


def test_the_sweep_finds_the_variant():
    profile = {"layer": {"to": "jiao", "mode": "down"}}
    outside = ledger(settled(late_run(), Variant(profile, "discharge")))
    heard: list[tuple[int, int]] = []
    told = sweep(outside, late_run(), COLUMNS, "ID", progress=lambda done, whole: heard.append((done, whole)))
    assert all(done <= whole for done, whole in heard) and [done for done, _ in heard] == list(range(1, len(heard) + 1))
    best = told.variants.to_pylist()[0]
    assert (best["order"], best["profile"], best["equal"], best["money"]) == ("discharge", "layer: jiao down", 1000, 0)
    assert all(row["tie"] for row in told.best) == (len(told.best) > 1)
    assert all(row["rank"] == 1 and row["order"] == "discharge" for row in told.best)
    for lang, words in (("zh", f"另有 {len(told.best) - 1} 个方案并列"), ("en", f"({len(told.best) - 1} more as good")):
        lines = [line.partition(" ")[0] for line in told.text(lang).splitlines()]
        assert len(set(lines)) == len(lines) and (len(told.best) == 1 or words in told.text(lang).splitlines()[0])
    assert "layer: jiao down" in told.text("en").splitlines()[0]
    few = sweep(outside, late_run(), COLUMNS, "ID", profiles=[{}, profile, {"end": "exact"}])
    assert few.variants.num_rows == 4
    assert few.best[0]["profile"] == "layer: jiao down"
    assert few.refused == ("end: exact",)


def test_everything_wrong_is_told_at_once():
    outside = {"ID": ["a", None, "c"], "HIFP": [1.005, 1.0, 2.0], "CASH": ["1.00", "x", "2.001"]}
    with pytest.raises(InputError) as caught:
        reconcile(outside, the_run(), {"hifp_pay": "HIFP", "psn_cash_pay": "CASH", "maf_pai": "HIFPP"}, "ID")
    problems = caught.value.problems
    assert {(p.path, p.row, p.nearest) for p in problems} == {
        ("columns", None, "maf_pay"),
        ("external", None, "HIFP"),
        ("external.ID", 2, ""),
        ("external.HIFP", 1, ""),
        ("external.CASH", 2, ""),
        ("external.CASH", 3, ""),
    }
    assert all(p.what and p.what_zh for p in problems)
    with pytest.raises(InputError, match="different lengths") as caught:
        reconcile({"setl_id": ["a"], "hifp_pay": [1, 2]}, the_run())
    assert len(caught.value.problems) == 1
    with pytest.raises(InputError, match="no rounding place"):
        sweep(ledger(the_run().results[0]), the_run(), COLUMNS, "ID", profiles=[{"lines": "fen"}])


def test_repeated_ids_and_missing_amounts():
    outside = ledger(the_run().results[0])
    for column in outside.values():
        column.append(column[0])
    outside["X_hifp_pay"][5] = None
    result = reconcile(outside, the_run(), COLUMNS, "ID")
    (twice,) = result.duplicates.to_pylist()
    assert (twice["side"], twice["setl_id"], twice["row"]) == ("theirs", outside["ID"][0], 1001)
    first = the_run().results[0].slice(0, 1).to_pylist()[0]
    assert {name: twice[name] for name in COLUMNS} == {name: first[name] for name in COLUMNS}
    assert f"psn_cash_pay {yuan_text(first['psn_cash_pay'])}" in result.text("en").splitlines()[1]
    assert result.not_compared == {"hifp_pay": 1}
    assert result.equal == 1000


def test_the_ledger_names_its_column_of_persons():
    """A visit that only they have, of a person whose next visit differs: told apart only where the ledger says whose it is."""
    outside = ledger(the_run().results[0])
    people = the_run().results[0]["psn_no"].to_pylist()
    at = next(
        i
        for i in range(1, 1_000)
        if people.index(people[i]) < i and the_run().results[0]["hifp_pay"][i].as_py() > 100_000
    )
    for name, column in outside.items():
        column.append("NEW" if name == "ID" else column[at])
    outside["X_hifp_pay"][at] = Decimal(the_run().results[0]["hifp_pay"][at].as_py() - 13_333) / 100
    told = {
        name: reconcile(
            {**outside, "谁": [*people, people[at]]}, the_run(), COLUMNS, "ID", person=name
        ).visits.to_pylist()
        for name in (None, "谁")
    }
    rows = {name: {row["setl_id"]: row for row in rows}[outside["ID"][at]] for name, rows in told.items()}
    assert rows[None]["explained_by"] != "NEW"
    assert (rows["谁"]["cause"], rows["谁"]["explained_by"], rows["谁"]["proved"]) == ("knock_on", "NEW", False)
    with pytest.raises(InputError, match="no column 'who'"):
        reconcile(outside, the_run(), COLUMNS, "ID", person="who")


def test_ties_the_other_way_round():
    tables = {
        "setl_id": ["a", "b", "c"],
        "psn_no": ["P", "P", "P"],
        "insutype": ["310"] * 3,
        "med_type": ["11"] * 3,
        "setl_time": ["2024-03-01"] * 3,
        "refd_setl_flag": ["0", "0", "1"],
        "init_setl_id": [None, None, "a"],
        "inscp_scp_amt": pa.array([30_000, 10_000, None], pa.int64()),
    }
    run = Run(Engine(load_policy(DOCUMENT), threads=1), tables)
    assert run.results[0]["act_pay_dedc"].to_pylist() == [30_000, 0, -30_000]
    turned = settled(run, Variant(reversed_ties=True))
    assert turned["act_pay_dedc"].to_pylist() == [20_000, 10_000, -20_000]
    told = order_sensitivity(run).variants.to_pylist()
    assert [row["visits"] for row in told] == [0, 3, 3]
