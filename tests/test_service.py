"""The service: what it settles is what a batch settles, whoever is killed, races or lies."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path
from typing import Any
from unittest import SkipTest
from zlib import crc32

import pyarrow as pa
import pytest

pytest.importorskip("fastapi")
pytest.importorskip("sqlalchemy")

import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance
from services import POLICY, RULES, Served, fresh_database, postgres, visit
from starlette.testclient import TestClient
from ybcore import Catalog, Checker, Engine, InputError, load_book, load_rules
from ybcore.cli import main
from ybcore.service import desk as desks
from ybcore.service.app import guarded
from ybcore.service.desk import Desk, ledger
from ybcore.service.guard import Limits, logger
from ybcore.service.replies import Refusal
from ybcore.service.serve import Settings, build
from ybcore.service.store import Lost, Moved, Store

ITEMS = {"med_list_codg": ["A1", "B1", "C1"], "chrgitm_lv": ["01", "02", "03"], "selfpay_prop": ["0", "0.1", "0"]}
TOKEN = "a-token-of-the-tests"


@pytest.fixture(scope="session")
def server(need_program: Callable[[str], str]) -> Iterator[str]:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    with postgres(need_program(str(found[-1]) if found else "postgres")) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'service.db'}"
    return fresh_database(request.getfixturevalue("server"), f"t{crc32(request.node.name.encode())}")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return Engine(load_book(POLICY), Catalog(pa.table(ITEMS)), threads=1)


@pytest.fixture(scope="module")
def checker(engine: Engine) -> Checker:
    return Checker(load_rules(RULES), engine.catalog, stage="before")


@pytest.fixture
def make(engine: Engine, checker: Checker) -> Iterator[Callable[[str], Desk]]:
    made: list[Desk] = []

    def one(url: str) -> Desk:
        made.append(Desk(engine, Store(url), checker))
        return made[-1]

    yield one
    for desk in made:
        desk.store.close()


@pytest.fixture(scope="module")
def application(
    engine: Engine, checker: Checker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Any, Desk]]:
    """(the application, its desk): made once, because its models take longer to make than most tests; each test gives the desk a store."""
    desk = Desk(engine, Store(f"sqlite:///{tmp_path_factory.mktemp('api') / 'none.db'}"), checker)
    desk.store.close()
    yield guarded(desk, limits=Limits(body=100_000)), desk


@pytest.fixture
def api(application: tuple[Any, Desk], tmp_path: Path) -> Iterator[TestClient]:
    app, desk = application
    desk.store = Store(f"sqlite:///{tmp_path / 'api.db'}")
    with TestClient(app, base_url="http://x") as client:
        yield client
    desk.store.close()


def key(name: str) -> dict[str, str]:
    return {"Idempotency-Key": name}


def same_as_a_batch(desk: Desk, engine: Engine) -> int:
    """Every answer that is kept is the row of one bulk run over all that was asked; how many there are."""
    records = list(desk.store.settlements())
    tables = ledger(records)
    bulk = {row["setl_id"]: row for row in engine.settle(**tables, closing_state=False).visits.to_pylist()}
    assert len(bulk) == len(records)
    for record in records:
        assert record.reply["result"] == bulk[record.setl_id], record.setl_id
    return len(records)


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


# ---------------------------------------------------------------------------------------------- over HTTP


def test_a_tour(make, tmp_path):
    with TestClient(guarded(make(f"sqlite:///{tmp_path / 'tour.db'}")), base_url="http://x") as client:
        tour(client)


def tour(api: TestClient) -> None:
    """Every route once."""
    done = api.post(
        "/settle",
        json={"visit": visit(1, 1), "lines": [{"med_list_codg": "A1", "det_item_fee_sumamt": "12000.34"}]},
        headers=key("k"),
    )
    assert done.status_code == 200 and done.json()["result"]["medfee_sumamt"] == 1_200_034
    again = api.post(
        "/settle",
        json={"visit": visit(1, 1), "lines": [{"med_list_codg": "A1", "det_item_fee_sumamt": 1_200_034}]},
        headers=key("k"),
    )
    assert again.json() == done.json() and again.headers["idempotent-replayed"] == "true"
    assert api.get("/settlements/V001-0001").json() == done.json()
    stale = api.post("/settle", json={"visit": visit(1, 2)}, headers={**key("k2"), "If-Match": "9"})
    assert stale.status_code == 409 and stale.json()["version"] == 1
    for lang, words in (("zh", "逐列相等"), ("en", "every column")):
        page = api.get(f"/explain/V001-0001?lang={lang}")
        assert page.status_code == 200 and words in page.text and page.headers["content-type"].startswith("text/html")
    back = api.post(
        "/settlements/V001-0001/reverse", json={"setl_id": "R1", "setl_time": "2024-03-01"}, headers=key("r")
    )
    assert back.status_code == 200 and back.json()["result"]["medfee_sumamt"] == -1_200_034
    assert api.get("/persons/P001").json()["version"] == 2
    told = api.get("/persons/P001/account").json()
    assert [one["kind"] for one in told["movements"]] == ["opening", "visit", "reversal"] and told["balance"] == 500_00
    assert api.get("/persons/P001/account?after=1&limit=1").json()["movements"] == told["movements"][2:]
    assert api.get("/persons/P009/account").status_code == 404
    assert api.get("/health").json() == {"status": "ok", "database": "sqlite"}
    measures = api.get("/metrics").text
    assert (
        'ybcore_settlements_total{outcome="settled"} 2.0' in measures
        and 'ybcore_refusals_total{code="stale_version"} 1.0' in measures
    )
    assert "V001" not in measures and "P001" not in measures


def test_rules_before_the_event(api: TestClient):
    rows = {
        "visits": [visit(1, 1) | {"med_type": "11"}],
        "lines": [{"setl_id": "V001-0001", "feedetl_sn": "L1", "med_list_codg": "A1", "det_item_fee_sumamt": "5.00"}],
    }
    found = api.post("/check", json=rows).json()
    assert (
        found["denies"]
        and [(one["rule_id"], one["vola_amt"]) for one in found["findings"]] == [("T1", 500)]
        and found["details"]
    )
    rows["visits"][0]["med_type"] = "21"
    assert api.post("/check", json=rows).json()["findings"] == []


def test_before_settling_rules_and_money_come_in_one_answer(api: TestClient):
    """The check is that of /check with all that the person had before, the amounts are those of /settle; columns of rules do not reach the money."""
    old = {
        "visit": visit(1, 1) | {"med_type": "21"},
        "lines": [{"feedetl_sn": "L0", "med_list_codg": "A1", "det_item_fee_sumamt": "7.00"}],
    }
    assert api.post("/settle", json=old, headers=key("k1")).status_code == 200
    lines = [{"feedetl_sn": "L1", "med_list_codg": "A1", "det_item_fee_sumamt": "5.00"}]
    plain = {"visit": visit(1, 2) | {"med_type": "11"}, "lines": lines}
    beside = {"diagnoses": [{"diag_code": "J18", "maindiag_flag": "1"}], "operations": []}
    asked = api.post("/pre-settle", json={**plain, "visit": {**plain["visit"], "atddr_no": "D1", "begntime": "2024-01-02 08:30:00", "begndate": "2024-01-02"}, "lines": [{**lines[0], "rxno": "R1"}], **beside})  # fmt: skip
    assert asked.status_code == 200, asked.text
    found = asked.json()["check"]
    assert found["denies"] and [(one["rule_id"], one["vola_amt"]) for one in found["findings"]] == [("T1", 500)]
    history = [{**old["visit"], "hist_flag": "1"}, plain["visit"]]
    rows = {
        "visits": history,
        "lines": [{**line, "setl_id": v["setl_id"]} for v, one in zip(history, (old["lines"], lines)) for line in one],
    }
    checked = api.post("/check", json=rows).json()
    assert (found["findings"], found["details"]) == (checked["findings"], checked["details"])
    assert api.post("/pre-settle", json=plain).json()["result"] == asked.json()["result"]
    assert (
        api.post("/settle", json={**plain, **beside}, headers=key("k2")).status_code == 422
    )  # /settle has no place for them
    done = api.post("/settle", json=plain, headers=key("k2")).json()
    assert done["result"] == asked.json()["result"] and "check" not in done


@pytest.mark.parametrize(
    ("change", "path", "nearest"),
    [
        ({"inscp_scp_amt": 10.5}, "visit.inscp_scp_amt", ""),
        ({"inscp_scp_amt": 1e2}, "visit.inscp_scp_amt", ""),
        ({"inscp_scp_amt": "1.005"}, "visit.inscp_scp_amt", ""),
        ({"inscp_scp_amt": "NaN"}, "visit.inscp_scp_amt", ""),
        ({"inscp_scp_amt": True}, "visit.inscp_scp_amt", ""),
        ({"inscp_scp_amt": 10**400}, "visit.inscp_scp_amt", ""),
        ({"balc": -1}, "visit.balc", ""),
        ({"inscp_amt": 1}, "visit.inscp_amt", "inscp_scp_amt"),
        ({"setl_time": "2024-02-30"}, "visit.setl_time", ""),
        ({"psn_no": "a\x00b"}, "visit.psn_no", ""),
        ({"psn_no": "\ud800"}, "visit.psn_no", ""),
        ({"psn_no": "x" * 65}, "visit.psn_no", ""),
        ({"psn_no": 7}, "visit.psn_no", ""),
        ({"psn_no": None}, "visit.psn_no", ""),
    ],
)
def test_a_wrong_value_is_told_with_its_place_in_both_languages(api: TestClient, change, path, nearest):
    body = json.dumps({"visit": visit(1, 1) | change})
    told = api.post("/settle", content=body, headers={**key("k"), "content-type": "application/json"})
    assert told.status_code == 422
    problem = told.json()["problems"][0]
    assert (problem["path"], problem["nearest"]) == (path, nearest) and problem["zh"] and problem["en"]
    assert api.get("/persons/P001").status_code == 404


def test_all_that_is_wrong_is_told_at_once(api: TestClient):
    told = api.post(
        "/settle",
        json={"visit": {"setl_id": "", "med_typ": "21", "balc": 1.5}, "lines": [{"cnt": 1.5}], "more": 1},
        headers=key("k"),
    ).json()
    assert {one["path"] for one in told["problems"]} == {"visit.setl_id", "visit.psn_no", "visit.med_type", "visit.setl_time", "visit.balc", "visit.med_typ", "lines.0.cnt", "lines.0.med_list_codg", "lines.0.det_item_fee_sumamt", "more"}  # fmt: skip
    by_path = {one["path"]: (one["expected"], one["expected_zh"]) for one in told["problems"]}
    assert by_path["visit.balc"] == ("integer fen or decimal text of yuan", "以分计的整数，或以元计的小数文本")
    assert by_path["visit.setl_id"] == ("id", "标识") and by_path["visit.med_typ"] == ("", "")


@pytest.mark.parametrize(
    "name",
    [
        "'; DROP TABLE ybcore_owners; --",
        '" OR 1=1',
        "%_\\",
        "${jndi:ldap://x}",
        "<script>alert(1)</script>",
        "王小明",
        "​x",
    ],
)
def test_ids_are_only_ids(api: TestClient, name: str):
    body = {"visit": visit(1, 1) | {"psn_no": name, "setl_id": f"{name[:40]}9".replace("/", "-")}}
    done = api.post("/settle", json=body, headers=key("k"))
    if "/" in name:
        assert done.status_code == 422
        return
    assert done.status_code == 200 and done.json()["psn_no"] == name
    assert api.get(f"/persons/{name.replace('%', '%25').replace('?', '%3F')}").json()["version"] == 1
    page = api.get(f"/explain/{body['visit']['setl_id'].replace('%', '%25')}").text
    assert "<script" not in page
    assert api.post("/settle", json={"visit": visit(2, 1)}, headers=key("other")).status_code == 200


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b'{"visit": ' + b"[" * 50_000, 400, "too_deep"),
        (b'{"a":' * 33 + b"1" + b"}" * 33, 400, "too_deep"),
        (b"{" + b" " * 200_000, 413, "too_large"),
        (b"\xff\xfe{}", 422, "wrong_values"),
        (b'{"visit": {}', 422, "wrong_values"),
        (b'{"visit": NaN}', 422, "wrong_values"),
        (b"null", 422, "wrong_values"),
        (b"", 422, "wrong_values"),
    ],
)
def test_what_is_no_request_is_refused(api: TestClient, content: bytes, status: int, code: str):
    told = api.post("/settle", content=content, headers={**key("k"), "content-type": "application/json"})
    assert (told.status_code, told.json()["code"]) == (status, code) and told.json()["zh"]


def test_a_body_without_a_length_is_counted_as_it_comes(api: TestClient):
    told = api.post("/settle", content=(b" " * 10_000 for _ in range(100)), headers=key("k"))
    assert (told.status_code, told.json()["code"]) == (413, "too_large")


def test_what_takes_too_long_is_told_to_come_again(make, tmp_path, monkeypatch):
    desk = make(f"sqlite:///{tmp_path / 'slow.db'}")
    gate, settle = threading.Event(), desk.engine.settle_one
    monkeypatch.setattr(Engine, "settle_one", lambda self, *a, **k: (gate.wait(10), settle(*a, **k))[1])
    with TestClient(guarded(desk, limits=Limits(seconds=0.2))) as client:
        told = client.post("/settle", json={"visit": visit(1, 1)}, headers=key("k"))
        assert (told.status_code, told.json()["code"]) == (503, "timeout") and "Idempotency-Key" in told.json()["en"]
        gate.set()


@pytest.mark.parametrize(("then", "status"), [("nothing", 408), ("gone", None)])
def test_half_a_request_is_not_settled(make, tmp_path, then: str, status: int | None):
    """A body that stops coming is refused in time; of one whose sender has gone nothing is looked at, complete as it may seem."""
    desk = make(f"sqlite:///{tmp_path / 'half.db'}")
    said: list[Any] = []
    body = json.dumps({"visit": visit(1, 1)}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % (len(body) + 9)),
        (b"idempotency-key", b"k"),
    ]
    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "path": "/settle", "raw_path": b"/settle", "query_string": b"", "headers": headers, "scheme": "http", "server": ("x", 80), "client": ("x", 1), "root_path": ""}  # fmt: skip
    given = [{"type": "http.request", "body": body, "more_body": True}, {"type": "http.disconnect"}]

    async def receive() -> Any:
        if then == "nothing" and len(given) == 1:
            await asyncio.sleep(60)
        return given.pop(0)

    async def send(message: Any) -> None:
        said.append(message)

    asyncio.run(guarded(desk, limits=Limits(seconds=0.1))(scope, receive, send))
    assert [message["status"] for message in said if "status" in message] == ([] if status is None else [status])
    assert desk.store.settlement("V001-0001") is None


def test_a_token_opens_and_nothing_else_does(make, tmp_path):
    desk = make(f"sqlite:///{tmp_path / 'x.db'}")
    with TestClient(guarded(desk, tokens=["0123456789abcdef", "another-token-of-16"])) as client:
        assert client.get("/health").status_code == client.get("/openapi.json").status_code == 200
        for given in (
            None,
            "Bearer",
            "Bearer x",
            "Bearer 0123456789abcdeF",
            "Basic 0123456789abcdef",
            "Bearer 0123456789abcdef ",
        ):
            told = client.get("/persons/P1", headers={} if given is None else {"Authorization": given})
            assert (
                told.status_code == 401
                and told.headers["www-authenticate"] == "Bearer"
                and told.json()["code"] == "unauthorized"
            )
        for token in ("0123456789abcdef", "another-token-of-16"):
            assert client.get("/persons/P1", headers={"Authorization": f"Bearer {token}"}).status_code == 404


def test_logs_say_what_happened_and_not_to_whom(api: TestClient, caplog, monkeypatch):
    with caplog.at_level(logging.INFO, logger.name):
        api.post("/settle", json={"visit": visit(1, 1)}, headers=key("secret-key"))
        api.get("/persons/P001")
        api.get("/explain/V001-0001")
        api.post("/settle", json={"visit": visit(1, 1) | {"balc": "P001"}}, headers=key("k"))
        monkeypatch.setattr(desks.Desk, "person", lambda self, psn_no: 1 / 0)
        broken = api.get("/persons/P001")
    assert broken.status_code == 500 and broken.json()["code"] == "crash"
    told = [json.loads(record.message) for record in caplog.records if record.name == logger.name]
    assert [one["route"] for one in told if one["event"] == "request"] == [
        "/settle",
        "/persons/{psn_no}",
        "/explain/{setl_id}",
        "/settle",
        "/persons/{psn_no}",
    ]
    assert any(
        one["event"] == "crash" and one["error"] == "ZeroDivisionError" and one["request"] in broken.json()["en"]
        for one in told
    )
    assert not any(word in caplog.text for word in ("P001", "V001", "secret-key", "1234"))


# ---------------------------------------------------------------------------------------------- starting


def test_it_starts_only_where_it_may(tmp_path: Path, capsys):
    (tmp_path / "policy.yaml").write_text(POLICY, encoding="utf-8")
    for host in ("0.0.0.0", "::", "10.0.0.1", "example.org"):
        with pytest.raises(InputError) as refused:
            build(Settings((tmp_path / "policy.yaml",), f"sqlite:///{tmp_path / 'x.db'}", host=host))
        assert "--token-file" in refused.value.render("en") and refused.value.problems[0].what_zh
    with pytest.raises(InputError, match="16"):
        build(Settings((tmp_path / "policy.yaml",), "sqlite://", host="0.0.0.0", tokens=("short",)))
    (tmp_path / "token").write_text("\n")
    words = ["serve", "--policy", str(tmp_path / "policy.yaml"), "--lang", "en"]
    assert main([*words, "--host", "0.0.0.0"]) == 1 and "this machine only" in capsys.readouterr().err
    assert main([*words, "--token-file", str(tmp_path / "token")]) == 1 and "no token" in capsys.readouterr().err
    assert (
        main([*words, "--database", "mysql://x/y"]) == 1
        and "no database of the kind 'mysql'" in capsys.readouterr().err
    )


def test_the_missing_library_is_told(monkeypatch, capsys):
    import sys

    monkeypatch.setitem(sys.modules, "fastapi", None)
    assert main(["serve", "--policy", "x", "--lang", "en"]) == 1
    assert "pip install 'ybcore[service]'" in capsys.readouterr().err


# ---------------------------------------------------------------------------------------------- the document


@pytest.fixture(scope="module")
def document(engine: Engine, checker: Checker, tmp_path_factory: pytest.TempPathFactory) -> Any:
    desk = Desk(engine, Store(f"sqlite:///{tmp_path_factory.mktemp('doc') / 'x.db'}"), checker)
    for n in (1, 2):
        desk.settle(visit(1, n), [], f"k{n}")
    yield schemathesis.openapi.from_asgi("/openapi.json", guarded(desk, tokens=[TOKEN]))
    desk.store.close()


# What a schema cannot say is refused with 422: a binary float that is whole (30.0), a visit that no document is for.
UNFIT = [positive_data_acceptance]


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["right", "wrong"])
def test_it_does_what_its_document_says(document: Any, mode: GenerationMode):
    """Requests made from the document, right ones and wrong ones: every status, header and body is one that it tells of."""
    looked = set()
    for found in document.get_all_operations():
        operation = found.ok()

        @settings(
            max_examples=8, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
        )
        @given(case=operation.as_strategy(mode))
        def obeys(case: Any) -> None:
            case.call_and_validate(headers={"Authorization": f"Bearer {TOKEN}"}, excluded_checks=UNFIT)

        try:
            obeys()
        except (SkipTest, Unsatisfiable):  # nothing of this operation can be wrong
            assert mode == GenerationMode.NEGATIVE and operation.path in ("/health", "/metrics")
        looked.add(operation.path)
    assert {"/settle", "/pre-settle", "/check", "/explain/{setl_id}", "/settlements/{setl_id}/reverse"} <= looked
