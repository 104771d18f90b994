"""Visits that answer to their price (docs/simulation.md section 10): against plain Python, off when nothing answers, the base as it is."""

from __future__ import annotations

import copy
import datetime as dt
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulate_small import LUOYANG, RULES, small
from ybcore import Engine, InputError, load_policy, reference
from ybcore.checks import load_rules
from ybcore.reference import behaviour as plain
from ybcore.simulate import (
    Behaviour,
    Burden,
    People,
    Reform,
    Spending,
    Total,
    Winners,
    compare,
    reformed,
    respond,
    sensitivity,
)

ILL = """
format: ybcore-rules/1
id: ill
version: "1"
name: {zh: 试, en: try}
layer: city
from: open
known_since: 2000-01-01
source: made up for a test
lists: {heart: {match: prefix, codes: [I]}}
rules:
  - {id: ILL, name: {zh: 试, en: try}, kernel: K02, check: {diagnoses: {list: heart}, which: any}, amount: whole_line, disposition: warn, severity: 2, source: made up}
"""
BOOK = """
format: ybcore-policy/1
id: year
scheme: {id: year, region: "*", insutype: ["310"]}
effective: {from: 2000-01-01}
plans:
  - id: ward
    when: {med_type: "21"}
    layers:
      - {id: basic, payer: hifp_pay, base: [in_scope], deductible: {amount: 600, repeat: cumulative}, rate: 0.85}
  - id: clinic
    layers:
      - {id: basic, payer: hifp_pay, base: [in_scope], deductible: {amount: 300, repeat: cumulative}, rate: 0.60}
"""
WARD, CLINIC = "plans[ward].layers[basic]", "plans[clinic].layers[basic]"
DEARER = [
    {"policy": "year", "path": f"{WARD}.rate", "points": -35},
    {"policy": "year", "path": f"{CLINIC}.deductible.amount", "set": 700},
    {"policy": "year", "path": f"{CLINIC}.rate", "points": -20},
]
CHEAPER = [
    {"policy": "year", "path": f"{WARD}.deductible.amount", "set": 200},
    {"policy": "year", "path": f"{CLINIC}.deductible.amount", "set": 150},
    {"policy": "year", "path": f"{CLINIC}.rate", "points": 30},
]


def batch(visits=900, persons=150, seed=3):
    """(engine, tables, people): visits of a year that bring their natures."""
    lots = np.random.default_rng(seed)
    ward = lots.random(visits) < 0.2
    day = np.sort(lots.integers(0, 360, visits))
    money = np.where(ward, lots.integers(2_000_00, 30_000_00, visits), lots.integers(50_00, 900_00, visits))
    psn = [f"p{i}" for i in lots.integers(0, persons, visits)]
    rows = {
        "setl_id": [f"v{i:04}" for i in range(visits)],
        "psn_no": psn,
        "insutype": ["310"] * visits,
        "med_type": np.where(ward, "21", np.where(lots.random(visits) < 0.3, "14", "11")).tolist(),
        "setl_time": [dt.datetime(2024, 1, 1, 9) + dt.timedelta(days=int(d), minutes=i) for i, d in enumerate(day)],
        "fulamt_ownpay_amt": money // 10,
        "inscp_scp_amt": money - money // 10,
    }
    # Some are taken back, and some are a transfer from the stay before.
    back = lots.choice(visits, 12, replace=False)
    for at in back.tolist():
        for name, value in {
            "setl_id": f"r{at:04}", "psn_no": psn[at], "insutype": "310", "med_type": rows["med_type"][at],
            "setl_time": rows["setl_time"][at] + dt.timedelta(seconds=30),
        }.items():  # fmt: skip
            rows[name].append(value)
    none = [None] * len(back)
    given = {
        **rows,
        "fulamt_ownpay_amt": pa.array([*rows["fulamt_ownpay_amt"].tolist(), *none], pa.int64()),
        "inscp_scp_amt": pa.array([*rows["inscp_scp_amt"].tolist(), *none], pa.int64()),
        "refd_setl_flag": [0] * visits + [1] * len(back),
        "init_setl_id": [None] * visits + [f"v{at:04}" for at in back.tolist()],
    }
    ids = [f"p{i}" for i in range(persons)]
    people = pa.table({"psn_no": ids, "weight": pa.array([1 + i % 3 for i in range(persons)], pa.float64())})
    return Engine(load_policy(BOOK)), {"visits": pa.table(given)}, People(people, weight="weight")


@pytest.fixture(scope="module")
def town():
    return batch()


def dearer(engine, changes=DEARER):
    return reformed(engine.book, [Reform.of("r", changes)])


def measures(people):
    return [Spending(["med_type"]), Burden(people), Winners(people), Total("hifp_pay")]


@given(
    elasticity=st.fractions(Fraction(-99, 100), 0, max_denominator=100),
    before=st.fractions(0, 1, max_denominator=1000),
    after=st.fractions(0, 1, max_denominator=1000),
)
def test_the_factor_is_an_arc_elasticity(elasticity, before, after):
    f = plain.factor(elasticity, before, after)
    assert f > 0 and (f < 1) == (elasticity < 0 and after > before) and (f == 1) == (elasticity == 0 or after == before)
    assert f * plain.factor(elasticity, after, before) == 1
    if before + after:
        assert (f - 1) / (f + 1) == elasticity * (after - before) / (after + before)


def test_nothing_answers_is_off_byte_for_byte(town):
    engine, tables, people = town
    made = {"dear": dearer(engine), "same": reformed(engine.book, [])}
    done = respond(engine, tables, made, measures(people), Behaviour(elasticity=0))
    own = compare(engine, tables, made, measures(people))
    for measure in measures(people):
        assert done.table(measure.name).equals(own.table(measure.name)), measure.name
    assert done.rounds == {"dear": 1, "same": 1}


def test_under_the_base_as_many_visits_take_place(town):
    engine, tables, people = town
    done = respond(engine, tables, {"same": reformed(engine.book, [])}, measures(people), Behaviour("-0.9", seed=4))
    assert done.rounds == {"same": 1}
    for measure in measures(people):
        rows = done.table(measure.name)
        base, same = (
            rows.filter(pa.compute.equal(rows["policy"], name)).drop_columns("policy") for name in ("base", "same")
        )
        if measure.name != "winners":
            assert base.equals(same)


def by_plain_python(engine, book, tables, behaviour, state=None):
    """The same loop in plain Python, settled by the reference over the visits that take place: (times by visit, rounds)."""
    visits = tables["visits"].to_pylist()
    there = {row["setl_id"] for row in visits}
    # What takes back a settlement of an opening state takes place as it does.
    root = {r["setl_id"]: r["init_setl_id"] if r["init_setl_id"] in there else r["setl_id"] for r in visits}

    def settle_under(policies):
        def run(counts):
            rows, whose = [], []
            for row in visits:
                for k in range(counts[root[row["setl_id"]]]):
                    end = f"~{k + 1}" if k else ""
                    ids = {name: row[name] + end for name in ("setl_id", "init_setl_id") if row[name]}
                    rows.append({**row, **ids})
                    whose.append(root[row["setl_id"]])
            out = {}
            for name, row in zip(whose, settled_plainly(policies, rows, state).rows):
                paid, bill = out.get(name, (0, 0))
                out[name] = paid + row["psn_part_amt"], bill + row["medfee_sumamt"]
            return out

        return run

    names = list(behaviour.groups)
    elasticity = {}
    for row in visits:
        if root[row["setl_id"]] == row["setl_id"]:
            group = int(behaviour.group_of([row["med_type"]])[0])
            elasticity[row["setl_id"]] = behaviour.exact[names[group]] if group >= 0 else Fraction(0)
            elasticity[row["setl_id"]] *= not row["init_setl_id"]
    runs = settle_under(engine.book), settle_under(book)
    return plain.respond(elasticity, *runs, behaviour.seed, behaviour.most)


def settled_plainly(book, rows, state=None):
    """What each visit comes to, by the reference."""
    given = []
    for row in rows:
        held = {name: value for name, value in row.items() if value is not None}
        seconds = int(row["setl_time"].replace(tzinfo=dt.UTC).timestamp())
        given.append({**held, "setl_time": seconds, "refd_setl_flag": str(row["refd_setl_flag"])})
    done = reference.settle([policy.doc for policy in book], visits=given, state=copy.deepcopy(state))
    assert {row["outcome"] for row in done.rows} == {"settled"}
    return done


@pytest.mark.parametrize("changes", [DEARER, CHEAPER], ids=["dearer", "cheaper"])
def test_plain_python_comes_to_the_same_visits(changes):
    engine, tables, _ = batch(visits=160, persons=25, seed=8)
    book, most = dearer(engine, changes).book, 0
    for seed in (1, 2, 3):
        behaviour = Behaviour({"inpatient": "-0.6", "outpatient": "-0.8", "chronic": "-0.3"}, seed=seed)
        counts, rounds = by_plain_python(engine, book, tables, behaviour)
        done = respond(engine, tables, {"dear": book}, [Total("psn_part_amt", name="paid")], behaviour)
        assert done.rounds["dear"] == rounds
        again = tables["visits"]["refd_setl_flag"].to_pylist().count(1)
        assert sum(done.answers["visits_after"].to_pylist()) == sum(counts.values()) + again
        assert set(counts.values()) >= ({0, 1} if changes is DEARER else {1, 2})
        rows = [
            {**row, "setl_id": row["setl_id"] + (f"~{k + 1}" if k else "")}
            for row in tables["visits"].to_pylist()
            for k in range(counts.get(row["setl_id"], 1))
        ]
        paid = sum(row["psn_part_amt"] for row in settled_plainly(book, rows).rows)
        assert paid == done.table("paid")["value"].to_pylist()[1]
        most = max(most, rounds)
    assert most > 2


def test_what_is_told_is_a_settlement_of_the_visits_that_take_place(town):
    engine, tables, people = town
    done = respond(engine, tables, {"dear": dearer(engine)}, measures(people), Behaviour("-0.5", seed=2))
    (row,) = [r for r in done.answers.to_pylist() if r["group"] == "inpatient"]
    assert row["visits_after"] < row["visits_before"] and row["price_after"] > row["price_before"]
    rows = [r for r in done.table("spending").to_pylist() if r["policy"] == "dear"]
    for r in rows:
        assert r["medfee_sumamt"] >= r["psn_cash_pay"] >= 0
    assert done.rounds["dear"] > 2


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 1000))
def test_the_order_of_the_rows_does_not_matter(town, seed):
    engine, tables, _people = town
    order = np.random.default_rng(seed).permutation(tables["visits"].num_rows)
    mixed = {**tables, "visits": tables["visits"].take(pa.array(order))}
    behaviour = Behaviour("-0.4", seed=seed)
    one, two = (
        respond(engine, t, {"dear": dearer(engine)}, [Spending(["med_type"])], behaviour) for t in (tables, mixed)
    )
    assert one.answers.equals(two.answers) and one.table("spending").equals(two.table("spending"))


def test_classes_of_visits_have_one_price(town):
    engine, tables, _people = town
    behaviour = Behaviour("-0.4", by=("insutype",), seed=3)
    done = respond(engine, tables, {"dear": dearer(engine)}, [Spending()], behaviour)
    assert done.rounds["dear"] >= 2 and done.answers.num_rows >= 1
    with pytest.raises(InputError, match="no attribute 'insutyp'"):
        respond(engine, tables, {}, [Spending()], Behaviour(by=("insutyp",)))


def test_sensitivity_stands_beside(town):
    engine, tables, _people = town
    told = sensitivity(engine, tables, {"dear": dearer(engine)}, Total("hifp_pay"), Behaviour("-0.3"))
    rows = [(r["times"], r["value"]) for r in told.to_pylist() if r["policy"] == "dear"]
    assert [times for times, _ in rows] == ["0", "0.5", "1", "2"]
    assert len({value for _, value in rows}) >= 3
    own = compare(engine, tables, {"dear": dearer(engine)}, [Total("hifp_pay")]).table("hifp_pay").to_pylist()
    assert rows[0][1] == own[1]["value"]


def test_what_does_not_come_to_rest_is_told(town):
    engine, tables, _people = town
    with pytest.raises(InputError, match=r"do not come to rest: after 1 rounds \d+ still change: .*↔"):
        respond(engine, tables, {"dear": dearer(engine)}, [Spending()], Behaviour("-0.5", most=1))


def test_what_is_wrong_is_told():
    with pytest.raises(InputError) as caught:
        Behaviour({"inpatint": "-0.2", "outpatient": -0.2, "chronic": "0.1"}, most=0)
    told = str(caught.value)
    assert len(caught.value.problems) == 4 and "'inpatient'" in told and "no float" in told
    with pytest.raises(InputError):
        Behaviour("-0.6").times(Fraction(2))


@pytest.mark.parametrize("changes", [DEARER, CHEAPER], ids=["dearer", "cheaper"])
def test_an_opening_state_is_where_every_round_begins(changes):
    engine, tables, _ = batch(visits=300, persons=25, seed=8)
    book = dearer(engine, changes).book
    early = np.asarray(pa.compute.less(tables["visits"]["setl_time"], dt.datetime(2024, 6, 1)))
    # Of what is taken back some was settled before.
    first = {"visits": tables["visits"].filter(pa.array(early & (np.asarray(tables["visits"]["refd_setl_flag"]) == 0)))}
    second = {"visits": tables["visits"].filter(pa.array(~(early & (np.asarray(tables["visits"]["refd_setl_flag"]) == 0))))}  # fmt: skip
    state = engine.settle(**first).state
    plain_state = settled_plainly(engine.book, first["visits"].to_pylist()).state
    behaviour = Behaviour({"inpatient": "-0.6", "outpatient": "-0.8", "chronic": "-0.3"}, seed=2)
    counts, rounds = by_plain_python(engine, book, second, behaviour, plain_state)
    done = respond(engine, second, {"dear": book}, [Total("psn_part_amt", name="paid")], behaviour, state=state)
    assert done.rounds["dear"] == rounds
    ids = {row["setl_id"] for row in second["visits"].to_pylist()}
    back = [row for row in second["visits"].to_pylist() if row["init_setl_id"]]
    assert any(row["init_setl_id"] not in ids for row in back) and any(row["init_setl_id"] in ids for row in back)
    assert sum(done.answers["visits_after"].to_pylist()) == sum(
        counts[row["init_setl_id"] if row["init_setl_id"] in ids else row["setl_id"]] for row in second["visits"].to_pylist()
    )  # fmt: skip
    alone = respond(engine, second, {"dear": book}, [Total("psn_part_amt", name="paid")], behaviour)
    assert alone.table("paid")["value"].to_pylist() != done.table("paid")["value"].to_pylist()


def test_rules_look_at_the_visits_that_take_place():
    """The loop of plain Python over whole settlements under rules; a repeat has the diagnoses of its visit."""
    engine, tables, _people = small()
    lone = pa.compute.and_(pa.compute.equal(tables["visits"]["refd_setl_flag"], "0"), pa.compute.is_null(tables["visits"]["init_setl_id"]))  # fmt: skip
    visits = tables["visits"].filter(lone)
    visits = visits.filter(pa.compute.equal(visits["insutype"], "390")).slice(0, 250)
    visits = visits.drop_columns([name for name in ("refl_old_mdtrt_id",) if name in visits.column_names])
    kept = visits["setl_id"].cast(pa.string()).combine_chunks()
    lines = tables["lines"].filter(pa.compute.is_in(tables["lines"]["setl_id"].cast(pa.string()), kept))
    tables = tables | {"visits": visits, "lines": lines}
    diagnoses = pa.table({"setl_id": kept, "diag_code": ["I10", "J45"] * (len(kept) // 2), "maindiag_flag": ["1"] * len(kept)})  # fmt: skip
    rules = load_rules([RULES, ILL])
    change = {"policy": LUOYANG, "path": "plans[inpatient_city_l3].layers[basic].bands.steps", "points": -40}
    made = reformed(engine.book, [Reform.of("r", [change, {"rule": "ILL", "path": "disposition", "set": "deny"}])], rules=rules)  # fmt: skip
    behaviour = Behaviour({"inpatient": "-0.9", "outpatient": "-0.7"}, seed=3)
    beside = {"diagnoses": diagnoses}
    total = [Total("psn_part_amt", name="paid"), Spending(["med_type"])]
    done = respond(engine, tables, {"r": made}, total, behaviour, rules=rules, beside=beside)

    def run(book, own):
        def settled_so_often(counts):
            times = np.array([counts[name] for name in kept.to_pylist()])
            whose = np.repeat(np.arange(len(times)), times)
            again = np.arange(len(whose)) - np.repeat(np.cumsum(times) - times, times)
            batch = {n: _repeated(t, kept, whose, again) for n, t in (("visits", visits), ("lines", lines), ("diagnoses", diagnoses))}  # fmt: skip
            known = {n: tables[n] for n in ("persons", "institutions", "acct_events")}
            answer = Engine(book, engine.catalog).settle(
                batch["visits"], batch["lines"], **known, rules=own, beside={"diagnoses": batch["diagnoses"]}, receipt=False
            ).visits  # fmt: skip
            out = {}
            rows = zip(whose.tolist(), answer["psn_part_amt"].to_pylist(), answer["medfee_sumamt"].to_pylist(), answer["outcome"].to_pylist())  # fmt: skip
            for at, paid, bill, outcome in rows:
                name = kept[at].as_py()
                mine = out.get(name, (0, 0))
                if outcome in ("settled", "no_benefit"):
                    out[name] = mine[0] + paid, mine[1] + bill
            return out

        return settled_so_often

    names = list(behaviour.groups)
    groups = behaviour.group_of(visits["med_type"].cast(pa.string()).to_pylist()).tolist()
    elasticity = {
        name: behaviour.exact[names[group]] if group >= 0 else Fraction(0)
        for name, group in zip(kept.to_pylist(), groups)
    }
    final = run(made.book, made.rules)
    counts, rounds = plain.respond(elasticity, run(engine.book, rules), final, behaviour.seed, behaviour.most)
    assert done.rounds["r"] == rounds and set(counts.values()) >= {0, 1}
    assert done.table("paid")["value"].to_pylist()[1] == sum(paid for paid, _ in final(counts).values())
    without = respond(engine, tables, {"r": made.book}, total[:1], behaviour).table("paid")["value"].to_pylist()
    assert without != done.table("paid")["value"].to_pylist()
    off = respond(engine, tables, {"r": made}, total, Behaviour(elasticity=0), rules=rules, beside=beside)
    told = compare(engine, tables, {"r": made}, total, rules=rules, beside=beside)
    assert all(off.table(m.name).equals(told.table(m.name)) for m in total)


def _repeated(table, kept, whose, again):
    """Rows of the visits that take place, with the ids of repeats."""
    ids = table["setl_id"].cast(pa.string()).to_pylist()
    rows = {}
    for at, name in enumerate(ids):
        rows.setdefault(name, []).append(at)
    picked, named = [], []
    for at, k in zip(whose.tolist(), again.tolist()):
        mine = rows.get(kept[at].as_py(), [])
        picked += mine
        named += [k] * len(mine)
    out = table.take(pa.array(picked, pa.int64()))
    for name in ("setl_id", "mdtrt_id"):
        if name in out.column_names:
            texts = [
                f"{text}~{k + 1}" if k else text for text, k in zip(out[name].cast(pa.string()).to_pylist(), named)
            ]
            out = out.set_column(out.column_names.index(name), name, pa.array(texts))
    return out
