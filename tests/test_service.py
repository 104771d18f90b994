"""The service: what it settles is what a batch settles, whoever is killed or races."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from typing import Any

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("sqlalchemy")

from hypothesis import given, settings
from hypothesis import strategies as st
from services import POLICY, Served, desks, engine_and_checker, fresh_database, same_as_a_batch, visit
from ybcore import Checker, Engine, load_book
from ybcore.service.desk import Desk
from ybcore.service.replies import Refusal
from ybcore.service.store import Lost, Moved, Store


@pytest.fixture(scope="module")
def engine() -> Engine:
    return engine_and_checker()[0]


@pytest.fixture(scope="module")
def checker() -> Checker:
    return engine_and_checker()[1]


@pytest.fixture
def make() -> Iterator[Callable[[str], Desk]]:
    with desks() as one:
        yield one


# ---------------------------------------------------------------------------------------------- settling


def test_a_year_of_a_person_is_that_of_a_batch(make, engine, database):
    desk = make(database)
    for n in range(1, 7):
        lines = [
            {"med_list_codg": code, "det_item_fee_sumamt": 90_000 * n, "feedetl_sn": f"L{n}{code}"}
            for code in ("A1", "B1", "C1")
        ]
        reply, again = desk.settle(visit(1, n), lines if n % 2 else [], f"k{n}")
        assert not again and reply["version"] == n and reply["outcome"] == "settled"
        assert [line["setl_id"] for line in reply["lines"]] == [f"V001-{n:04d}"] * (3 if n % 2 else 0)
    reply, _ = desk.reverse("V001-0003", {"setl_id": "R1", "setl_time": "2024-02-10"}, "r1")
    assert reply["result"]["hifp_pay"] == -desk.known("V001-0003").reply["result"]["hifp_pay"] < 0
    desk.settle(visit(1, 50), [], "k50")
    assert same_as_a_batch(desk, engine) == 8
    held = desk.person("P001")
    assert held["version"] == 8 and held["settlements"][-1] == "V001-0050" and held["accounts"]
    told = desk.explain("V001-0050")
    assert told.compared > 30 and not told.differences and not desk.explain("R1").differences


def test_what_is_answered_again_is_the_same_and_written_once(make, engine, database):
    desk = make(database)
    first, again = desk.settle(visit(1, 1), [], "k")
    assert (desk.settle(visit(1, 1), [], "k"), again) == ((first, True), False)
    with pytest.raises(Refusal) as other:
        desk.settle(visit(1, 2), [], "k")
    assert (other.value.status, other.value.code) == (422, "key_of_another_request")
    with pytest.raises(Refusal) as taken:
        desk.settle(visit(1, 1), [], "k2")
    assert (taken.value.status, taken.value.code) == (409, "setl_id_taken")
    assert same_as_a_batch(desk, engine) == 1


def test_what_is_refused_leaves_no_trace(make, database):
    desk = make(database)
    desk.settle(visit(1, 5), [], "k5")
    cases: list[tuple[str, Callable[[], Any]]] = [
        ("out_of_order", lambda: desk.settle(visit(1, 4), [], "a")),
        ("no_policy", lambda: desk.settle(visit(2, 1) | {"insutype": "999"}, [], "b")),
        ("stale_version", lambda: desk.settle(visit(1, 6), [], "c", 7)),
        ("unknown_settlement", lambda: desk.reverse("nothing", {"setl_id": "R", "setl_time": "2024-05-01"}, "d")),
        ("out_of_order", lambda: desk.reverse("V001-0005", {"setl_id": "R", "setl_time": "2024-01-01"}, "e")),
    ]
    for code, call in cases:
        with pytest.raises(Refusal) as refused:
            call()
        assert refused.value.code == code and refused.value.zh and refused.value.en
    desk.settle(visit(1, 6), [], "c", 1)  # what was refused did not use its key
    desk.reverse("V001-0005", {"setl_id": "R", "setl_time": "2024-05-01"}, "d")
    with pytest.raises(Refusal) as twice:
        desk.reverse("V001-0005", {"setl_id": "R2", "setl_time": "2024-05-02"}, "f")
    assert (twice.value.status, twice.value.code) == (409, "already_reversed")
    assert [record.setl_id for record in desk.store.settlements()] == ["V001-0005", "V001-0006", "R"]


def test_before_settling_nothing_is_written(make, database):
    desk = make(database)
    desk.settle(visit(1, 1), [], "k1")
    asked = desk.pre_settle(visit(1, 2), [])
    assert asked["pre"] and asked["version"] == 1 and desk.person("P001")["version"] == 1
    done, _ = desk.settle(visit(1, 2), [], "k2")
    assert done["result"] == asked["result"]
    with pytest.raises(Refusal) as late:
        desk.pre_settle(visit(1, 1) | {"setl_id": "late"}, [])
    assert late.value.code == "out_of_order"


@settings(max_examples=8, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 9), st.integers(0, 10**7)), min_size=1, max_size=14))
def test_whatever_comes_in_the_ledger_is_a_batch(engine, checker, tmp_path_factory, asked):
    """Visits of three people, some taken back, some sent again: what was written is what one bulk run gives."""
    desk = Desk(engine, Store(f"sqlite:///{tmp_path_factory.mktemp('any') / 'x.db'}"), checker)
    done: list[str] = []
    for n, (person, what, amount) in enumerate(asked, 1):
        try:
            if done and what < 3:
                row = visit(person, n)
                desk.reverse(done[what % len(done)], {"setl_id": f"R{n}", "setl_time": row["setl_time"]}, f"k{n}")
            else:
                reply, _ = desk.settle(visit(person, n, amount), [], f"k{n}")
                assert desk.settle(visit(person, n, amount), [], f"k{n}") == (reply, True)
                done.append(reply["setl_id"])
        except Refusal as refusal:
            assert refusal.code == "already_reversed"
    same_as_a_batch(desk, engine)
    desk.store.close()


def test_households_share_a_state_and_are_not_mixed(checker, database):
    policy = POLICY.replace(
        "ceilings: [{on: fund, limit: 20000, per: year}]",
        "ceilings: [{on: fund, limit: 20000, per: year, scope: household}]",
    )
    engine = Engine(load_book(policy), threads=1)
    desk = Desk(engine, Store(database), checker)
    for n, person in enumerate((1, 2, 1), 1):
        desk.settle(visit(person, n, 1_500_000) | {"hsld_no": "H1"}, [], f"k{n}")
    assert desk.person("P001")["version"] == desk.person("P002")["version"] == 3
    assert same_as_a_batch(desk, engine) == 3
    with pytest.raises(Refusal) as moved:
        desk.settle(visit(2, 9) | {"hsld_no": "H2"}, [], "k9")
    assert moved.value.code == "other_household"
    desk.store.close()


# ---------------------------------------------------------------------------------------------- who is first


def together(desk: Desk, calls: list[Callable[[], Any]], monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Calls that have all settled from the same state before any of them writes."""
    barrier, write = threading.Barrier(len(calls)), desk.store.write

    def waits(*args: Any) -> None:
        barrier.wait(20)
        write(*args)

    def caught(call: Callable[[], Any]) -> Any:
        try:
            return call()
        except Refusal as refusal:
            return refusal

    with monkeypatch.context() as patch:
        patch.setattr(desk.store, "write", waits)
        with ThreadPoolExecutor(len(calls)) as pool:
            return list(pool.map(caught, calls))


@pytest.mark.parametrize("before", [0, 2])
def test_of_two_writers_one_is_told_to_come_again(make, engine, database, before, monkeypatch):
    desk = make(database)
    for n in range(1, before + 1):
        desk.settle(visit(1, n), [], f"k{n}")
    calls = [lambda n=n: desk.settle(visit(1, n), [], f"k{n}") for n in (before + 1, before + 2)]
    done = together(desk, calls, monkeypatch)
    lost = [one for one in done if isinstance(one, Refusal)]
    assert len(lost) == 1 and (lost[0].status, lost[0].code) == (409, "stale_version")
    assert lost[0].more["version"] == before + 1 and "Idempotency-Key" in lost[0].en
    if isinstance(done[1], Refusal):
        desk.settle(visit(1, before + 2), [], f"k{before + 2}")  # the same request again
        assert same_as_a_batch(desk, engine) == before + 2
    else:
        with pytest.raises(Refusal, match="later settlement"):
            desk.settle(visit(1, before + 1), [], f"k{before + 1}")
    assert same_as_a_batch(desk, engine) == desk.person("P001")["version"]


def test_one_request_sent_twice_at_once_is_settled_once(make, engine, database, monkeypatch):
    desk = make(database)
    done = together(desk, [lambda: desk.settle(visit(1, 1), [], "k")] * 2, monkeypatch)
    assert sorted(again for _, again in done) == [False, True] and done[0][0] == done[1][0]
    assert same_as_a_batch(desk, engine) == 1


def test_the_store_writes_all_or_nothing(make, database):
    desk = make(database)
    desk.settle(visit(1, 1), [], "k1")
    owner, record = desk.store.owner("p:P001"), desk.known("V001-0001")
    with pytest.raises(Lost):  # its id is taken, after the state was moved
        desk.store.write([Moved(owner, owner.state, ["later"])], [], record, "other", "digest")
    assert desk.store.owner("p:P001") == owner and desk.store.look("other", "x", "x", "x").answer is None


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_killed_service_loses_nothing_and_pays_nothing_twice(kind, request, tmp_path, engine, checker):
    database = (
        f"sqlite:///{tmp_path / 'x.db'}"
        if kind == "sqlite"
        else fresh_database(request.getfixturevalue("server"), "killed")
    )
    served, people, each = Served(tmp_path, database), 4, 9
    answers: dict[str, list[Any]] = {}
    half, stop = threading.Event(), threading.Event()

    def desk_of(person: int) -> None:
        """One desk: its next visit when the last is answered; whatever fails is sent again under the same key."""
        for n in range(1, each + 1):
            body = {"visit": visit(person, n)}
            while not stop.is_set():
                try:
                    status, reply = served.ask("POST", "/settle", body, Idempotency_Key=f"k-{person}-{n}")
                except (OSError, HTTPException):  # gone before, or in the middle of its answer
                    time.sleep(0.05)
                    continue
                assert status == 200, reply
                answers.setdefault(body["visit"]["setl_id"], []).append(reply["result"])
                break
            if sum(map(len, answers.values())) > people * each // 3:
                half.set()

    try:
        with ThreadPoolExecutor(people) as pool:
            jobs = [pool.submit(desk_of, person) for person in range(1, people + 1)]
            try:
                assert half.wait(300)
                served.kill()
                assert not all(job.done() for job in jobs)
                served.start()
                for job in jobs:
                    job.result(300)
            finally:
                stop.set()
        for person in range(1, people + 1):  # whoever never heard the answer asks again
            status, reply = served.ask("POST", "/settle", {"visit": visit(person, 3)}, Idempotency_Key=f"k-{person}-3")
            assert status == 200 and reply["result"] == answers[f"V{person:03d}-0003"][0]
    finally:
        served.close()
    desk = Desk(engine, Store(database), checker)
    assert same_as_a_batch(desk, engine) == people * each == len(answers)
    for record in desk.store.settlements():
        assert answers[record.setl_id] == [record.reply["result"]]
    desk.store.close()
