"""One verb, four sizes: a visit, a batch, a stream and files give the same bytes; and the state as a value."""

from __future__ import annotations

import json
import pickle
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from jobs_small import do, plain, result, write_inputs
from ybcore import Catalog, Engine, InputError, PersonState, StaleStateError
from ybcore.cli.settle import demo_policies
from ybcore.settling.person import Account, Admission, Contribution, Kept, Key, Other, Used
from ybcore.synth import city

RULE = {"setl_id": "C1", "psn_no": "P", "med_type": "21", "setl_time": "2024-03-01", "insutype": "310"}


@pytest.fixture(scope="module")
def town() -> tuple[Engine, dict[str, pa.Table]]:
    """Three schemes and a small city with reversals, refusals, families and tops-up."""
    made = city(seed=5, persons=40, visits=140, lines_per_visit=3.0, catalog_items=500, bad_rows=0.05)
    batch = made.visits()
    tables = {"visits": batch.visits, "lines": batch.lines, "persons": made.persons, "institutions": made.institutions, "acct_events": made.acct_events}  # fmt: skip
    engine = Engine(demo_policies(), Catalog(**dict(zip(("items", "selfpay", "caps"), made.catalog))), threads=1)
    return engine, {name: table.combine_chunks() for name, table in tables.items()}


@pytest.fixture(scope="module")
def bulk(town: tuple[Engine, dict[str, pa.Table]]) -> Any:
    engine, tables = town
    return engine.settle(**tables, line_output=True)


def held(rows: pa.Table) -> list[dict[str, Any]]:
    return [{name: cell for name, cell in row.items() if cell is not None} for row in rows.to_pylist()]


def as_they_come(table: pa.Table) -> pa.Table:
    """Who sees one visit at a time cannot know that the original of a reversal is still to come."""
    table = plain(table)
    reasons = ["unknown_original" if r == "reversal_before_original" else r for r in table["reason"].to_pylist()]
    return table.set_column(table.column_names.index("reason"), "reason", pa.array(reasons))


def in_order(engine: Engine, tables: dict[str, pa.Table]) -> tuple[list[int], np.ndarray]:
    """(rows of the visits by time and id, settling group of each)."""
    columns, group = engine.groups(tables["visits"], persons=tables["persons"])
    times, ids = tables["visits"]["setl_time"].to_pylist(), tables["visits"]["setl_id"].to_pylist()
    del columns
    return sorted(range(len(ids)), key=lambda i: (times[i] is not None, times[i], ids[i])), group


def one_by_one(engine: Engine, tables: dict[str, pa.Table]) -> tuple[dict[int, Any], dict[int, PersonState]]:
    """(settlement of each row of the visits, closing state of each settling group)."""
    order, group = in_order(engine, tables)
    visits, by_group = held(tables["visits"]), defaultdict(set)
    for row, visit in enumerate(visits):
        by_group[group[row]].add(visit.get("psn_no"))
    everybody, lines = held(tables["persons"]), defaultdict(list)
    for line in held(tables["lines"]):
        lines[line["setl_id"]].append(line)
    family = {p["psn_no"]: set() for p in everybody}
    _, own = engine.groups({"setl_id": [str(i) for i in range(len(everybody))], "psn_no": tables["persons"]["psn_no"], "med_type": ["11"] * len(everybody),
                            "setl_time": ["2024-01-01"] * len(everybody)}, persons=tables["persons"])  # fmt: skip
    for person, g in zip(everybody, own):
        family[person["psn_no"]] = {p["psn_no"] for p, other in zip(everybody, own) if other == g}
    events, places = held(tables["acct_events"]), held(tables["institutions"])
    done: dict[int, Any] = {}
    states: dict[int, PersonState] = {}
    seen: set[Any] = set()
    for row in order:
        visit = visits[row]
        members = family.get(visit.get("psn_no"), set())
        mine = [p for p in everybody if p["psn_no"] in members]
        # Lines belong to the first row of their id.
        own_lines = [] if visit["setl_id"] in seen else lines[visit["setl_id"]]
        one = engine.settle_one(visit, own_lines, mine, states.get(group[row]), institution=[p for p in places if p["fixmedins_code"] == visit.get("fixmedins_code")],
                                acct_events=[e for e in events if e["psn_no"] in members])  # fmt: skip
        seen.add(visit["setl_id"])
        done[row], states[group[row]] = one, one.state
    return done, states


@pytest.fixture(scope="module")
def single(town: tuple[Engine, dict[str, pa.Table]]) -> Any:
    return one_by_one(*town)


def test_one_visit_is_a_batch_is_a_stream_is_files(town: Any, bulk: Any, single: Any, tmp_path: Path):
    engine, tables = town
    want = as_they_come(bulk.visits)
    assert {"settled", "rejected"} <= set(want["outcome"].to_pylist()) and "1" in str(
        tables["visits"]["refd_setl_flag"]
    )
    done, _ = single
    kinds = want.schema
    for row, told in enumerate(want.to_pylist()):
        assert done[row].result == told
    alone = pa.Table.from_pylist([done[row].result for row in range(len(want))], schema=kinds)
    assert alone.equals(want)
    lines = defaultdict(list)
    for line in plain(bulk.lines).to_pylist():
        lines[line["setl_id"]].append(line)
    for one in done.values():
        if one.lines:
            assert one.lines == lines[one.result["setl_id"]]
    # A stream: the same visits in pieces of forty, from the state of the piece before.
    order, _ = in_order(engine, tables)
    ids = tables["visits"]["setl_id"].to_pylist()
    cuts = [order[at : at + 40] for at in range(0, len(order), 40)]
    whole = as_they_come(engine.settle(**{**tables, "visits": tables["visits"].take(order)}).visits)

    def pieces() -> Any:
        told: set[str] = set()
        for rows in cuts:
            mine = {ids[row] for row in rows} - told
            told |= mine
            yield tables["visits"].take(rows), tables["lines"].filter(pa.array([i in mine for i in tables["lines"]["setl_id"].to_pylist()]))  # fmt: skip

    rest = {name: tables[name] for name in ("persons", "institutions", "acct_events")}
    streamed = list(engine.settle_stream(pieces(), **rest))
    assert as_they_come(pa.concat_tables([plain(one.visits) for one in streamed])).equals(whole)
    assert streamed[-1].state.sha256 == bulk.state.sha256
    # Files: what a job writes, by id; refused rows are in a table of their own.
    paths = write_inputs(tmp_path / "in", tables)
    do(engine, paths, tmp_path / "out")
    files = result(tmp_path / "out", "settlements").drop_columns(["source_file", "source_row"])
    by_id = {row["setl_id"]: row for row in want.to_pylist() if row["outcome"] != "rejected"}
    assert len(files) == len(by_id) and all(by_id[row["setl_id"]] == row for row in files.to_pylist())


def test_the_state_is_that_of_the_batch(bulk: Any, single: Any):
    _, states = single
    counters = {
        (c.key.owner, c.key.counter, c.key.within, c.key.period): c.amount for s in states.values() for c in s.counters
    }
    want = bulk.state.counters()
    assert len(counters) == want.num_rows > 10
    a = PersonState.of(bulk.state, 0)
    assert {(c.key.owner, c.key.counter, c.key.within, c.key.period): c.amount for c in a.counters} == counters
    assert sorted(k for s in states.values() for k in s.settlements) == sorted(a.settlements)
    assert sorted(x for s in states.values() for x in s.accounts) == sorted(a.accounts)


def test_forms_give_the_state_back(single: Any):
    for state in single[1].values():
        assert PersonState.from_bytes(state.to_bytes()) == state
        assert PersonState.from_json(state.to_json()) == state
        assert pickle.loads(pickle.dumps(state)) == state
        assert PersonState.of(state.state(), state.version) == state
        assert json.loads(state.to_json())["version"] == state.version
    assert len({state.sha256 for state in single[1].values()}) == len(single[1])


def test_the_binary_form_is_as_written_down():
    """Bytes that never change: another format number would be needed."""
    key = Key('["s","paid"]', 0, "P1", False, None, 19723)
    kept = Kept("S1", "P1", "M1", "s", "s-2024", "inpatient", 19800, 1, 8, tuple(range(34)), (Contribution(key, 5_000_000),), (Admission(key, "M1", 1),),
                (Contribution(key, 7),), (Used('["s","basic"]', 1, 2, 3),), (("P1", 9),))  # fmt: skip
    other = key._replace(household=True, owner="H1", within="院", scope=2)
    state = PersonState(3, (Contribution(key, 5_000_000), Contribution(other, -1)), (Account("P1", 1, 2, 3, None),), (kept,), (Other("S0", "P1", 2),))  # fmt: skip
    data = state.to_bytes()
    assert (
        data[:8] == b"YBSTATE\0"
        and int.from_bytes(data[8:12], "little") == 1
        and int.from_bytes(data[12:16], "little") == len(data)
    )
    assert state.sha256 == "c5760727bd49dbd89fb567e2f907c474ef71e1cdc5d9a70fef0240e75f1001c7"
    assert PersonState.from_bytes(data) == state and PersonState.from_json(state.to_json()) == state


@pytest.mark.parametrize("cut", [0, 7, 40, 71, 72, 100, -8, -1])
def test_bytes_that_are_no_state_are_refused(cut: int, single: Any):
    data = next(iter(single[1].values())).to_bytes()
    with pytest.raises(InputError, match="no person state"):
        PersonState.from_bytes(data[:cut])


def test_damaged_bytes_never_do_worse_than_being_refused(single: Any):
    data = max((s.to_bytes() for s in single[1].values()), key=len)
    rng = np.random.default_rng(5)
    for at in rng.integers(0, 400, 200).tolist():
        wrong = bytearray(data)
        wrong[at] ^= 0xFF
        try:
            PersonState.from_bytes(bytes(wrong))
        except InputError as fault:
            assert "state" in fault.render("en")


@pytest.mark.parametrize("text", ["", "{}", '{"format": "ybcore-person/9"}', '{"format": "ybcore-person/1"}', "[1]"])
def test_texts_that_are_no_state_are_refused(text: str):
    with pytest.raises(InputError, match="no person state"):
        PersonState.from_json(text)


def edited(value: Any, path: tuple[Any, ...], to: Any) -> str:
    """The JSON form with one cell made another."""
    whole = json.loads(value.to_json())
    at = whole
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = to
    return json.dumps(whole)


def cells(value: Any, path: tuple[Any, ...] = ()) -> Any:
    for step, cell in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*path, step)
        if isinstance(cell, dict | list):
            yield from cells(cell, (*path, step))


def test_what_was_edited_by_hand_is_a_state_or_refused_with_its_place(single: Any):
    """Nothing that no table holds comes further than here: neither bytes nor settling meet it."""
    value = min(
        (s for s in single[1].values() if s.accounts and s.settlements and s.counters), key=lambda s: len(s.to_json())
    )
    refused = 0
    for path in cells(json.loads(value.to_json())):
        for to in (None, True, 1.5, "x", -(2**70), 2**63, 10**30, [], {}, [1], "\ud800", float("nan"), 7):
            try:
                read = PersonState.from_json(edited(value, path, to))
            except InputError as error:
                refused += 1
                assert all(problem.what_zh for problem in error.problems)
                continue
            assert PersonState.from_bytes(read.to_bytes()) == read and isinstance(hash(read), int)
    assert refused > 500
    with pytest.raises(InputError) as told:
        PersonState.from_json(edited(value, ("counters", 0, "value"), "1"))
    assert [problem.path for problem in told.value.problems] == ["state.counters[0].value"]
    for name, twice in (("counters", value.counters), ("settlements", value.settlements), ("accounts", value.accounts)):
        whole = json.loads(value.to_json())
        if twice:
            with pytest.raises(InputError, match="each once"):
                PersonState.from_json(json.dumps(whole | {name: whole[name] + whole[name][:1]}))
        if name != "settlements":  # what has no order of its own may stand in any
            assert PersonState.from_json(json.dumps(whole | {name: whole[name][::-1]})) == value


def test_before_paying_nothing_changes(town: Any, single: Any):
    engine, tables = town
    done, _ = single
    visits = held(tables["visits"])
    row = next(
        r for r, one in done.items() if one.opening_version == 0 and one.result["outcome"] == "settled" and one.lines
    )
    mine = [line for line in held(tables["lines"]) if line["setl_id"] == visits[row]["setl_id"]]
    people = [p for p in held(tables["persons"]) if p["psn_no"] == visits[row]["psn_no"]]
    places = [p for p in held(tables["institutions"]) if p["fixmedins_code"] == visits[row].get("fixmedins_code")]
    asked = [engine.settle_one(visits[row], mine, people, None, pre, institution=places) for pre in (True, False, True)]
    assert asked[0].result == asked[1].result == asked[2].result and asked[0].lines == asked[1].lines
    assert asked[0].state == PersonState() and asked[1].state.version == 1


def test_two_desks_cannot_both_win(town: Any):
    engine, tables = town
    person = held(tables["persons"])[0]
    visit = {"psn_no": person["psn_no"], "med_type": "11", "setl_time": "2024-06-01 08:00:00", "medfee_sumamt": 10_000, "inscp_scp_amt": 10_000}  # fmt: skip
    start = PersonState()
    first = engine.settle_one({**visit, "setl_id": "A"}, None, person, start)
    second = engine.settle_one({**visit, "setl_id": "B"}, None, person, start)
    stands = start.advance(first)
    with pytest.raises(StaleStateError, match=r"version 0 .* the state is at version 1") as refused:
        stands.advance(second)
    assert "版本 0" in refused.value.render("zh") and pickle.loads(pickle.dumps(refused.value)).problems
    again = engine.settle_one({**visit, "setl_id": "B"}, None, person, stands)
    assert stands.advance(again).version == 2
    # The same version is not enough: it must be the same state.
    with pytest.raises(StaleStateError):
        second.state.advance(again)


def test_a_reversal_winds_the_state_back(town: Any):
    engine, tables = town
    person = next(p for p in held(tables["persons"]) if p["insutype"].startswith("310"))
    visit = {"psn_no": person["psn_no"], "med_type": "21", "setl_time": "2024-06-01 08:00:00", "medfee_sumamt": 3_000_000, "inscp_scp_amt": 3_000_000}  # fmt: skip
    first = engine.settle_one({**visit, "setl_id": "A"}, None, person)
    assert first.result["outcome"] == "settled" and first.state.counters
    back = engine.settle_one({"setl_id": "R", "psn_no": person["psn_no"], "setl_time": "2024-06-02 08:00:00", "refd_setl_flag": "1", "init_setl_id": "A"}, None, person, first.state)  # fmt: skip
    assert back.result["fund_pay_sumamt"] == -first.result["fund_pay_sumamt"] != 0
    assert back.state.version == 2 and back.state.counters == () and back.state.settlements == ()
    assert {(o.setl_id, o.kind) for o in back.state.others} == {("A", 1), ("R", 2)}
    again = engine.settle_one({**visit, "setl_id": "A2", "setl_time": "2024-06-03 08:00:00"}, None, person, back.state)
    same = {name: cell for name, cell in first.result.items() if name not in ("setl_id",)}
    assert {name: again.result[name] for name in same} == same
    twice = engine.settle_one({**visit, "setl_id": "A"}, None, person, back.state)
    assert (twice.result["outcome"], twice.result["reason"]) == ("rejected", "duplicate_setl_id")


def test_ids_may_be_numbers_and_come_back_as_they_were(town: Any):
    engine, tables = town
    person = held(tables["persons"])[0]
    one = engine.settle_one({"setl_id": 7, "psn_no": person["psn_no"], "med_type": "11", "setl_time": "2024-06-01", "medfee_sumamt": 0}, None, person)  # fmt: skip
    assert one.result["setl_id"] == 7 and one.state.settlements[0].setl_id == "7"


def test_a_line_of_another_visit_is_refused(town: Any):
    with pytest.raises(InputError, match="the line is of the settlement 'C2'"):
        town[0].settle_one(RULE, [{"setl_id": "C2", "med_list_codg": "X", "det_item_fee_sumamt": 1}])


def test_nobody_in_the_table_is_an_outcome(town: Any):
    assert town[0].settle_one(RULE, None, []).result["reason"] == "unknown_person"
