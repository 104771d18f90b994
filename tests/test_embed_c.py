"""The C door gives the results and the states of `Engine.settle_one`, byte for byte."""

from __future__ import annotations

import ctypes
import datetime as dt
import os
import struct
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from test_embed import held, in_order, town  # noqa: F401  (a fixture)
from ybcore import Catalog, Engine, PersonState
from ybcore.embed import library, movements
from ybcore.settling.one import NOBODY, in_batch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.c_door import ANY, CError, Door, Earlier
from benchmarks.c_door import day as day_of


@pytest.fixture(scope="module")
def image(town: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: F811
    engine, tables = town
    path = tmp_path_factory.mktemp("image") / "town.ybimage"
    return engine.image(path, tables["visits"], tables["persons"], tables["institutions"])


@pytest.fixture(scope="module")
def bare(town: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: F811
    """An image of an engine that has met no visit."""
    engine, _ = town
    return Engine(engine.book, engine.catalog).image(tmp_path_factory.mktemp("bare") / "bare.ybimage")


@pytest.fixture
def door(image: Path) -> Any:
    made = Door(library(), image)
    yield made
    made.close()


class Town:
    """The city's rows by visit, as a window has them."""

    def __init__(self, made: Any) -> None:
        self.engine, self.tables = made
        self.order, self.group = in_order(self.engine, self.tables)
        self.visits = held(self.tables["visits"])
        self.everybody, self.places, self.events = (
            held(self.tables[n]) for n in ("persons", "institutions", "acct_events")
        )
        self.lines: dict[str, list[Any]] = {}
        seen: set[str] = set()
        for line in held(self.tables["lines"]):
            self.lines.setdefault(line["setl_id"], []).append(line)
        self.own: dict[int, list[Any]] = {}
        for row in self.order:
            name = self.visits[row]["setl_id"]
            self.own[row] = [] if name in seen else self.lines.get(name, [])
            seen.add(name)

    def rows(self, row: int) -> tuple[dict[str, Any], list[Any], list[Any], list[Any], list[Any]]:
        """(visit, lines, person rows, institution rows, account events)."""
        visit = self.visits[row]
        who = visit.get("psn_no")
        people = [p for p in self.everybody if p["psn_no"] == who]
        places = [p for p in self.places if p["fixmedins_code"] == visit.get("fixmedins_code")]
        return visit, self.own[row], people, places, [e for e in self.events if e["psn_no"] == who]


def one_row(rows: list[dict[str, Any]], visit: dict[str, Any]) -> dict[str, Any]:
    """The dated row that holds; the city has one insurance a person."""
    at = visit.get("enddate") or visit["setl_time"].date()
    fit = [
        r
        for r in rows
        if (r.get("begndate") is None or r["begndate"] <= at) and (r.get("enddate") is None or at < r["enddate"])
    ]
    return fit[0] if fit else {}


def walk(made: Any, door: Any) -> tuple[int, dict[str, int]]:
    """Every visit of the city through both doors, each from its own state; (visits compared, outcomes)."""
    t = Town(made)
    states: dict[str, PersonState] = {}
    mine: dict[str, Any] = {}
    outcomes: dict[str, int] = {}
    for row in t.order:
        visit, lines, people, places, events = t.rows(row)
        if visit.get("psn_no") is None or visit.get("setl_time") is None:
            continue
        who = visit["psn_no"]
        one = in_batch(t.engine, visit, lines, people, states.get(who, NOBODY), False, places, events)
        if one.result["outcome"] == "not_enrolled" or one.result["reason"] == "unknown_person":
            continue  # whose row it is, the caller of the C door knows
        rows = {"persons": one_row(people, visit), "institutions": one_row(places, visit)}
        moves = movements(t.engine, visit, people, states.get(who), events)
        state = mine.setdefault(who, door.state())
        before = door.bytes_of(state)
        asked, told = door.settle(state, door.visit(t.engine, visit, rows, moves), lines, None)
        assert door.bytes_of(state) == before
        result, told_lines = door.settle(state, door.visit(t.engine, visit, rows, moves, version=len(before) and door.lib.yb_state_version(state)), lines, state)  # fmt: skip
        want = {**one.result, "version": one.state.version, "flags": one.result["flags"] & ~4}
        assert result == {name: want[name] for name in result}
        assert {**asked, "version": 0} == {**result, "version": 0} and told == told_lines
        assert told_lines == [{n: line[n] for n in told_lines[0]} for line in one.lines]
        assert door.bytes_of(state) == one.state.to_bytes()
        states[who] = one.state
        outcomes[one.result["outcome"]] = outcomes.get(one.result["outcome"], 0) + 1
    return sum(outcomes.values()), outcomes


def test_both_doors_give_the_same_bytes(town: Any, door: Any):  # noqa: F811
    count, outcomes = walk(town, door)
    assert count > 110 and outcomes["settled"] > 40 and outcomes["no_benefit"] > 40 and outcomes["rejected"] >= 2


def test_the_door_makes_the_plans_that_its_image_does_not_have(town: Any, bare: Path):  # noqa: F811
    made = Door(library(), bare)
    count, outcomes = walk(town, made)
    assert count > 110 and outcomes["settled"] > 40 and outcomes["no_benefit"] > 40 and outcomes["rejected"] >= 2
    made.close()


def test_a_state_goes_from_door_to_door(town: Any, door: Any):  # noqa: F811
    """What one wrote the other reads: from the bytes of either, the next visit comes out the same."""
    t = Town(town)
    visits = [row for row in t.order if t.visits[row].get("psn_no") and t.visits[row].get("setl_time")]
    who = max({t.visits[r]["psn_no"] for r in visits}, key=lambda w: sum(t.visits[r]["psn_no"] == w for r in visits))
    state = PersonState()
    for row in [r for r in visits if t.visits[r]["psn_no"] == who]:
        visit, lines, people, places, events = t.rows(row)
        rows = {"persons": one_row(people, visit), "institutions": one_row(places, visit)}
        one = t.engine.settle_one(visit, lines, people, state, institution=places, acct_events=events)
        if one.result["outcome"] == "not_enrolled":
            continue
        fresh = door.state(state.to_bytes())
        assert door.bytes_of(fresh) == state.to_bytes()
        closing = door.state()
        door.settle(fresh, door.visit(t.engine, visit, rows, movements(t.engine, visit, people, state, events)), lines, closing)  # fmt: skip
        assert door.bytes_of(fresh) == state.to_bytes()
        state = PersonState.from_bytes(door.bytes_of(closing))
        assert state == one.state


def simple(engine: Engine, tables: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    person = next(p for p in held(tables["persons"]) if p["insutype"].startswith("310"))
    visit = {"setl_id": "A", "psn_no": person["psn_no"], "med_type": "11", "setl_time": dt.datetime(2024, 6, 1), "medfee_sumamt": 10_000, "inscp_scp_amt": 10_000}  # fmt: skip
    return visit, person


def test_refusals_are_named(town: Any, door: Any, image: Path, tmp_path: Path):  # noqa: F811
    engine, tables = town
    visit, person = simple(engine, tables)
    engine.settle_one(visit, None, person)
    path = engine.image(tmp_path / "again.ybimage")
    again = Door(library(), path)
    state = again.state()
    made = again.visit(engine, visit, {"persons": person}, [])
    again.settle(state, made, [], state)
    made.version = 0
    with pytest.raises(CError, match=r"5: .* the state is at version 1, the visit asked for version 0"):
        again.settle(state, made, [], state)
    made.version = ANY
    made.combination = 7
    with pytest.raises(CError, match="1: an argument is wrong a combination of another desk"):
        again.settle(state, made, [], state)
    made.size = 1
    with pytest.raises(CError, match="1: an argument is wrong the size of yb_visit"):
        again.settle(state, made, [], state)
    assert again.lib.yb_state_version(state) == 1
    again.close()
    with pytest.raises(CError, match="2: the image cannot be opened"):
        Door(library(), tmp_path / "nothing")


POLICY = """
format: ybcore-policy/1
id: purse-2024
name: {zh: 账户, en: Accounts}
scheme: {id: purse, region: "*", insutype: ["310"]}
effective: {from: 2023-01-01, to: 2026-01-01}
cite: ["for tests"]
year: {starts: 01-01, cross: split}
accounts: {pay: last, mutual_aid: true, renew: opening, topups: [{every: month, amount: {by: age, "<45": 10, else: 12}}]}
plans:
  - {id: outpatient, when: {med_type: ["11"]}, layers: [{id: basic, payer: hifp_pay, basic: true, rate: 0.5}]}
"""


@pytest.fixture(scope="module")
def purse(tmp_path_factory: pytest.TempPathFactory) -> tuple[Engine, list[dict[str, Any]], Path]:
    """(an engine whose accounts are topped up and pay for each other, two people, an image)."""
    folder = tmp_path_factory.mktemp("purse")
    (folder / "purse.yaml").write_text(POLICY, encoding="utf-8")
    engine = Engine(folder / "purse.yaml", Catalog({"med_list_codg": ["XA"], "chrgitm_lv": ["01"], "selfpay_prop": [None]}), threads=1)  # fmt: skip
    people = [
        {
            "psn_no": "P1",
            "insutype": "310",
            "psn_type": "11",
            "brdy": dt.date(1990, 5, 1),
            "balc": 2_000,
            "mulaid_psn_no": "P2",
        },
        {"psn_no": "P2", "insutype": "310", "psn_type": "12", "brdy": dt.date(1950, 5, 1), "balc": 7_000},
    ]
    for row in people:
        engine.settle_one({**VISIT, "psn_no": row["psn_no"]}, None, [row])
    return engine, people, engine.image(folder / "purse.ybimage")


VISIT = {"setl_id": "V", "psn_no": "P1", "med_type": "11", "setl_time": dt.datetime(2024, 3, 18), "medfee_sumamt": 9_000, "inscp_scp_amt": 9_000}  # fmt: skip


def test_accounts_move_as_they_do_in_a_batch(purse: Any):
    engine, people, image = purse
    door = Door(library(), image)
    state, mine = PersonState(), door.state()
    events = [{"psn_no": "P1", "event_date": dt.date(2024, 4, 2), "kind": "add", "amount": 333}]
    told = []
    for i, (month, year) in enumerate(((3, 2024), (5, 2024), (6, 2024), (2, 2025))):
        visit = {
            **VISIT,
            "setl_id": f"V{i}",
            "setl_time": dt.datetime(year, month, 18),
            "medfee_sumamt": 9_000 + i,
            "inscp_scp_amt": 9_000 + i,
        }
        one = engine.settle_one(visit, None, people, state, acct_events=events)
        moves = movements(engine, visit, people, state, events)
        made = door.visit(engine, visit, {"persons": people[0]}, moves, mulaid_balc=7_000)
        made.movements_known = 0
        with pytest.raises(CError, match="8: the policy tops accounts up"):
            door.settle(mine, made, [], mine)
        made.movements_known = 1
        result, _ = door.settle(mine, made, [], mine)
        assert {n: result[n] for n in door.columns} == {n: one.result[n] for n in door.columns}
        assert door.bytes_of(mine) == one.state.to_bytes()
        state = one.state
        told.append((result["acct_pay"], result["acct_mulaid_pay"], result["balc"]))
    # 20.00 and three months of 10.00 pay 45.00; later another's account pays what one's own lacks; at the new year there is 20.00 again.
    assert told == [(4_500, 0, 500), (2_833, 1_667, 0), (1_000, 3_501, 0), (4_000, 501, 0)]
    door.close()


def test_a_combination_serves_while_day_and_age_stay_on_their_side(purse: Any):
    """It names facts that the image never met as well; beyond an edge the facts themselves are wanted."""
    engine, people, image = purse
    door = Door(library(), image)
    for kind, outcome in (("11", "settled"), ("21", "no_benefit")):
        made = door.visit(engine, {**VISIT, "med_type": kind}, {"persons": people[0]}, [])
        found = ctypes.c_int32(-1)
        door.ok(door.lib.yb_combination(door.desk, ctypes.byref(made), ctypes.byref(found)))
        made.combination, made.fact_count = found.value, 0
        assert door.settle(door.state(), made, [], None)[0]["outcome"] == outcome
        made.setl_day += 20_000
        with pytest.raises(CError, match="7: a combination is not enough here"):
            door.settle(door.state(), made, [], None)
    door.close()


SPLIT = """
format: ybcore-policy/1
id: cut-{year}
name: {{zh: 分段, en: Parts}}
scheme: {{id: cut, region: "*", insutype: ["310"]}}
effective: {{from: {year}-01-01, to: {after}-01-01}}
cite: ["for tests"]
year: {{starts: 01-01, cross: split, deductible: each}}
admissions: {{period: year}}
attributes: {{village: {{table: persons}}}}
accounts: {{pay: last}}
counters: {{of_village: {{sum: [basic.eligible], scope: {{attribute: village}}, period: year}}}}
plans:
  - id: ward
    when: {{med_type: ["21"]}}
    layers:
      - {{id: basic, payer: hifp_pay, basic: true, deductible: {{amount: 100, admission: {{list: [100, 50]}}}}, rate: {{by: psn_type, "11": 0.{rate}, else: 0.3}},
          ceilings: [{{on: expense, limit: 2000, counter: of_village, per: year}}]}}
"""


@pytest.fixture(scope="module")
def years(tmp_path_factory: pytest.TempPathFactory) -> tuple[Engine, Path]:
    """(an engine of three yearly documents that cut stays, an image that met no visit)."""
    folder = tmp_path_factory.mktemp("years")
    for year in (2022, 2023, 2024):
        (folder / f"{year}.yaml").write_text(SPLIT.format(year=year, after=year + 1, rate=year - 1960), encoding="utf-8")  # fmt: skip
    items = Catalog({"med_list_codg": ["XA"], "chrgitm_lv": ["01"], "selfpay_prop": [None]})
    engine = Engine(folder, items, threads=1)
    return engine, Engine(engine.book, items).image(folder / "years.ybimage")


def test_a_stay_is_settled_in_its_parts(years: Any):
    """Over one and over two new years, whatever is between; the person retires in between, and each part has the facts of its last day."""
    engine, image = years
    retired = dt.date(2024, 1, 1)
    person = {"psn_no": "P1", "insutype": "310", "balc": 5_000}
    people = [
        {**person, "psn_type": "12", "village": 'Вeсь "1"\n', "enddate": retired},
        {**person, "psn_type": "11", "village": "二", "begndate": retired},
    ]
    door = Door(library(), image)
    state, mine = PersonState(), door.state()
    told = []
    stays = (("2022-12-20", "2023-01-09", ("2022-12-21", "2023-01-02")), ("2023-03-01", "2023-03-09", ("2023-03-02",)),
             ("2023-12-20", "2024-01-20", ("2023-12-30", "2024-01-01", None)), ("2022-11-02", "2024-02-01", ("2022-12-31", "2024-01-31")),
             ("2023-12-31", "2024-02-02", ("2023-12-31",)))  # fmt: skip
    for number, (begins, ends, days) in enumerate(stays):
        begin, end = dt.date.fromisoformat(begins), dt.date.fromisoformat(ends)
        visit = {"setl_id": f"S{number}", "psn_no": "P1", "med_type": "21", "begndate": begin, "enddate": end, "setl_time": dt.datetime(end.year, end.month, end.day, 9)}  # fmt: skip
        lines = [{"med_list_codg": "XA", "det_item_fee_sumamt": 70_007 + 1_000 * i, "fee_ocur_time": day and dt.date.fromisoformat(day), "feedetl_sn": str(i)} for i, day in enumerate(days)]  # fmt: skip
        one = in_batch(engine, visit, lines, people, state, False, None, None)
        again = engine.settle_one(visit, lines, people, state)
        assert again.result == one.result and again.state == one.state and again.lines == one.lines
        made = door.visit(engine, visit, {"persons": people[end >= retired]}, movements(engine, visit, people, state))
        before = door.visit(engine, visit, {"persons": people[0]}, [])
        made.earlier_count, made.earlier = 1, ctypes.pointer(Earlier(day_of(retired), 0, before.facts, before.fact_count))  # fmt: skip
        asked, _ = door.settle(mine, made, lines, None)
        result, rows = door.settle(mine, made, lines, mine)
        assert result == {n: {**one.result, "version": one.state.version}[n] for n in result}
        assert {**asked, "version": 0} == {**result, "version": 0}
        assert rows == [{n: line[n] for n in rows[0]} for line in one.lines]
        assert door.bytes_of(mine) == one.state.to_bytes()
        state = one.state
        told.append((result["plan_id"], result["act_pay_dedc"], result["hifp_pay"]))
    assert (
        [row[0] for row in told] == ["ward"] * 5 and told[0][1] > told[1][1] > 0 and len({row[2] for row in told}) == 5
    )
    back = {"setl_id": "R", "psn_no": "P1", "setl_time": dt.datetime(2024, 3, 1), "refd_setl_flag": "1", "init_setl_id": "S2"}  # fmt: skip
    one = engine.settle_one(back, None, people, state)
    result, _ = door.settle(mine, door.visit(engine, back, {}, []), [], mine)
    assert result["hifp_pay"] == -told[2][2] and door.bytes_of(mine) == one.state.to_bytes()
    door.close()


def test_what_is_damaged_is_refused(town: Any, door: Any, image: Path, tmp_path: Path):  # noqa: F811
    data = image.read_bytes()
    for name, wrong in (("short", data[:1000]), ("magic", b"x" + data[1:]), ("cut", data[:-8]), ("empty", b""), ("other", struct.pack("<8sI", b"YBIMAGE\0", 9) + data[12:]), ("older", struct.pack("<8sI", b"YBIMAGE\0", 2) + data[12:]), ("bit", data[:-20] + bytes([data[-20] ^ 1]) + data[-19:]), ("middle", data[:len(data) // 2] + bytes([data[len(data) // 2] ^ 64]) + data[len(data) // 2 + 1:])):  # fmt: skip
        (tmp_path / name).write_bytes(wrong)
        with pytest.raises(CError, match="3: this is no image"):
            Door(library(), tmp_path / name)
    engine, tables = town
    visit, person = simple(engine, tables)
    good = engine.settle_one(visit, None, person).state.to_bytes()
    for wrong_state in (b"", good[:-1], b"x" + good[1:], good[:8] + b"\2" + good[9:]):
        with pytest.raises(CError, match="4: these bytes are no state"):
            door.state(wrong_state)
    # Any byte may be wrong: the door reads it or refuses it, and lives.
    for at in range(72, min(len(good), 700)):
        for flip in (0xFF, 1):
            wrong_bytes = bytearray(good)
            wrong_bytes[at] ^= flip
            try:
                state = door.state(bytes(wrong_bytes))
            except CError:
                continue
            door.bytes_of(state)
            door.lib.yb_state_free(state)


def test_threads_and_forks_share_an_image(town: Any, door: Any, image: Path):  # noqa: F811
    engine, tables = town
    visit, person = simple(engine, tables)
    want = engine.settle_one(visit, None, person).result
    engine.image(image)
    whole = Door(library(), image)
    answers: list[Any] = []

    def settled() -> dict[str, Any]:
        desk = Door.__new__(Door)
        desk.lib, desk.image, desk.columns, desk.desk = whole.lib, whole.image, whole.columns, ctypes.c_void_p()
        desk.ok(desk.lib.yb_desk_new(desk.image, ctypes.byref(desk.desk)))
        last: dict[str, Any] = {}
        for _ in range(50):
            state = desk.state()
            last, _lines = desk.settle(state, desk.visit(engine, visit, {"persons": person}, []), [], state)
            desk.lib.yb_state_free(state)
        return last

    team = [threading.Thread(target=lambda: answers.append(settled())) for _ in range(4)]
    for one in team:
        one.start()
    for one in team:
        one.join()
    assert len(answers) == 4 and all(a["fund_pay_sumamt"] == want["fund_pay_sumamt"] for a in answers)
    child = os.fork()
    if child == 0:
        os._exit(0 if settled()["fund_pay_sumamt"] == want["fund_pay_sumamt"] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    whole.close()
