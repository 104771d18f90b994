"""The service over HTTP: its routes, what it refuses and how it says so, what it logs, where it starts."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("sqlalchemy")

from services import POLICY, desks, engine_and_checker, visit
from starlette.testclient import TestClient
from ybcore import Engine, InputError
from ybcore.cli import main
from ybcore.service import desk as desk_module
from ybcore.service.app import guarded
from ybcore.service.desk import Desk
from ybcore.service.guard import Limits, logger
from ybcore.service.serve import Settings, build
from ybcore.service.store import Store


@pytest.fixture
def make() -> Iterator[Callable[[str], Desk]]:
    with desks() as one:
        yield one


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Desk]]:
    """(the application, its desk): made once, because its models take longer to make than most tests; each test gives the desk a store."""
    engine, checker = engine_and_checker()
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
        monkeypatch.setattr(desk_module.Desk, "person", lambda self, psn_no: 1 / 0)
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
    monkeypatch.setitem(sys.modules, "fastapi", None)
    assert main(["serve", "--policy", "x", "--lang", "en"]) == 1
    assert "pip install 'ybcore[service]'" in capsys.readouterr().err
