"""The service before whoever lies, stalls, floods or holds on: nobody else waits for them, and nothing is taken for what it is not."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from browser import browser

pytest.importorskip("fastapi")
pytest.importorskip("sqlalchemy")

import contextlib

from services import POLICY, RULES, Served, fresh_database, visit
from starlette.testclient import TestClient
from ybcore import Checker, Engine, load_book, load_rules
from ybcore.service.app import guarded
from ybcore.service.desk import Desk
from ybcore.service.guard import Limits
from ybcore.service.store import Silent, Store

SECONDS = 3.0
JSON = {"Content-Type": "application/json", "Idempotency-Key": "k"}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(Engine(load_book(POLICY), threads=1), Store(f"sqlite:///{tmp_path / 'x.db'}"), Checker(load_rules(RULES), stage="before"))  # fmt: skip
    yield desk
    desk.store.close()


@pytest.fixture
def api(desk: Desk) -> Iterator[TestClient]:
    with TestClient(guarded(desk, limits=Limits(body=100_000)), base_url="http://x") as client:
        yield client


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One process for all: whatever a test does to it, the next is served."""
    folder = tmp_path_factory.mktemp("served")
    one = Served(folder, f"sqlite:///{folder / 'x.db'}", "--timeout", str(SECONDS), "--max-body", "100000")
    yield one
    one.close()


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ('"inscp_scp_amt":', '"inscp_scp_amt": 1, "inscp_scp_amt":', "inscp_scp_amt"),
        ('"visit":', '"visit": {}, "visit":', "visit"),
        ('"psn_no":', '"\\u0070sn_no": "P9", "psn_no":', "psn_no"),
        ('"psn_no":', '"\\ud800": 1, "\\ud800": 2, "psn_no":', "?"),
    ],
)
def test_a_name_that_stands_twice_is_refused(api: TestClient, old: str, new: str, path: str):
    """Parsers take the first or the last of them: two amounts for one visit, of which a proxy may have seen the other."""
    body = json.dumps({"visit": visit(1, 1)}).replace(old, new, 1)
    told = api.post("/settle", content=body.encode(), headers=JSON)
    assert (told.status_code, told.json()["code"]) == (422, "wrong_values")
    assert [one["path"] for one in told.json()["problems"]] == [path] and told.json()["problems"][0]["zh"]
    assert api.get("/persons/P001").status_code == 404


def test_a_body_is_json_in_utf_8(api: TestClient):
    text = json.dumps({"visit": visit(1, 1)})
    for coding in ("utf-16", "utf-32", "utf-16-be"):
        assert api.post("/settle", content=text.encode(coding), headers=JSON).status_code == 422
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        told = api.post("/settle", content=text.encode(), headers={**JSON, "Content-Type": kind})
        assert (told.status_code, told.json()["code"]) == (415, "content_type") and "application/json" in told.json()[
            "zh"
        ]
    for kind in ("application/json; charset=utf-8", "Application/JSON"):
        told = api.post("/settle", content=text.encode("utf-8-sig"), headers={**JSON, "Content-Type": kind})
        assert told.status_code == 200


@pytest.mark.parametrize("body", [b'{"a":"' + b'\\"' * 40_000, b'"\\' * 40_000, b"[]" * 45_000, b'"' + b"\\" * 90_001])
def test_no_body_takes_longer_to_look_through_than_to_send(api: TestClient, body: bytes):
    """An unfinished text was once looked through from each of its quotes: minutes, in which nobody was answered."""
    began = time.process_time()
    assert api.post("/settle", content=body, headers=JSON).status_code in (400, 422)
    assert time.process_time() - began < 2


def test_more_at_once_than_may_be_is_told_to_come_again(desk: Desk):
    app, said = guarded(desk, limits=Limits(seconds=0.5, at_once=2)), []

    async def one(waits: bool) -> None:
        scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "path": "/settle", "raw_path": b"/settle", "query_string": b"", "headers": [], "scheme": "http", "server": ("x", 80), "client": ("x", 1), "root_path": ""}  # fmt: skip

        async def receive() -> Any:
            await asyncio.sleep(60 if waits else 0)
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            said.append(message)

        await app(scope, receive, send)

    async def all_of_them() -> None:
        await asyncio.gather(one(True), one(True), one(False))

    asyncio.run(all_of_them())
    heads = [message for message in said if "status" in message]
    assert [head["status"] for head in heads] == [503, 408, 408] and (b"retry-after", b"1") in heads[0]["headers"]
    assert json.loads(said[said.index(heads[0]) + 1]["body"])["code"] == "busy" and app.under_way == 0


def _answer(link: socket.socket) -> tuple[int, Any]:
    link.settimeout(60)
    reader = link.makefile("rb")
    status, length = int(reader.readline().split()[1]), 0
    while (line := reader.readline().strip().lower()) != b"":
        if line.startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    return status, json.loads(reader.read(length))


def test_who_holds_a_connection_holds_nobody_else_up(served: Served):
    """Three hundred connections that ask for nothing, one that asks for half of something: everybody else is answered, and they are cut off."""
    idle = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(300)]
    half = socket.create_connection(("127.0.0.1", served.port))
    half.sendall(b"GET /health HTTP/1.1\r\nHost:")
    again = socket.create_connection(("127.0.0.1", served.port))
    again.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert _answer(again)[0] == 200
    again.sendall(b"GET /hea")  # the next request of a connection that was good before
    assert served.ask("GET", "/health")[0] == 200
    began = time.monotonic()
    for k in range(4 * int(SECONDS)):  # drops do not keep it open
        time.sleep(0.5)
        try:
            half.sendall(b"x" if k else b" x")
        except OSError:
            break
    for link in (*idle, half, again):
        link.settimeout(10 * SECONDS)
        with contextlib.suppress(ConnectionResetError):
            assert link.recv(1) == b""
        link.close()
    assert time.monotonic() - began < 8 * SECONDS
    assert served.ask("GET", "/health")[0] == 200


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_row_that_somebody_holds_holds_nobody_up_for_ever(kind: str, request: pytest.FixtureRequest, tmp_path: Path):
    """A client that died with a row locked: who needs it is told to come again, threads and connections are free, and nothing is written late."""
    url = (
        f"sqlite:///{tmp_path / 'x.db'}"
        if kind == "sqlite"
        else fresh_database(request.getfixturevalue("server"), "held")
    )
    desk = Desk(Engine(load_book(POLICY), threads=1), Store(url, seconds=1), Checker(load_rules(RULES), stage="before"))
    desk.settle(visit(1, 1), [], "k1")
    link = desk.store.engine.raw_connection()
    holder = link.cursor()
    holder.execute("BEGIN IMMEDIATE" if kind == "sqlite" else "BEGIN")
    holder.execute("UPDATE ybcore_owners SET version = version WHERE owner = 'p:P001'")
    began = time.monotonic()
    with pytest.raises(Silent):
        desk.settle(visit(1, 2), [], "k2")
    assert time.monotonic() - began < 20
    holder.execute("ROLLBACK")
    holder.close()
    link.close()
    assert desk.person("P001")["version"] == 1 and desk.store.settlement("V001-0002") is None
    assert desk.settle(visit(1, 2), [], "k2")[0]["version"] == 2
    desk.store.close()


def test_who_sends_too_much_can_read_why(served: Served):
    body = b'{"visit": "' + b"x" * 700_000 + b'"}'
    with socket.create_connection(("127.0.0.1", served.port)) as link:
        link.sendall(b"POST /settle HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: k\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body))  # fmt: skip
        link.sendall(body)
        status, told = _answer(link)
    assert (status, told["code"]) == (413, "too_large")


def test_without_a_token_only_this_machine_names_it(served: Served):
    """A page from elsewhere whose name leads to this machine asks as if it were of here: browsers let it, so the name is looked at."""
    for host, status in (("localhost", 200), (f"127.0.0.1:{served.port}", 200), (f"[::1]:{served.port}", 200), ("evil.example", 403), ("127.0.0.1.evil.example", 403), ("", 403), ("[::2]", 403)):  # fmt: skip
        with socket.create_connection(("127.0.0.1", served.port)) as link:
            link.sendall(b"GET /health HTTP/1.1\r\nHost: %s\r\n\r\n" % host.encode())
            found, told = _answer(link)
        assert found == status, host
        assert status == 200 or (told["code"] == "other_host" and told["zh"])


def test_the_served_page_in_a_browser(served: Served, need_program: Callable[[str], str], tmp_path: Path):
    """What a patient is shown on a phone, in both languages: nothing is cut off, run, fetched or complained of, whatever the id says."""
    name = "<img src=x onerror=alert(1)>"
    body = {"visit": visit(1, 1) | {"setl_id": name}}
    done = served.ask("POST", "/settle", body, Idempotency_Key="k")[1]
    cash = f"{done['result']['psn_cash_pay'] / 100:,.2f}"
    address = f"http://127.0.0.1:{served.port}/explain/{quote(name)}"
    with browser(need_program("chromium"), tmp_path / "profile") as page:
        for lang, words in (("zh", "个人现金"), ("en", "every column")):
            page.open(f"{address}?lang={lang}", width=360, height=800)
            text = page.value("document.body.innerText")
            assert words in text and cash in text and name in text
            assert (
                page.value("document.documentElement.scrollWidth") <= 360 and page.value("document.images.length") == 0
            )
            assert page.value("document.querySelectorAll('svg rect').length") > 15
            assert (
                page.value("getComputedStyle(document.querySelector('rect.sum')).fill") != "rgb(0, 0, 0)"
            )  # its style holds
        assert not page.complaints and {one.split("?")[0] for one in page.asked} == {address}


def test_every_line_of_the_log_is_json(served: Served):
    """Also what the server under it says of requests that never come to the service."""
    for words in (b"\x00\x01\r\n\r\n", b"GET /persons/P009 HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"):  # fmt: skip
        with socket.create_connection(("127.0.0.1", served.port)) as link:
            link.sendall(words)
            link.settimeout(30)
            assert link.recv(1000).startswith(b"HTTP/1.1 4")
    assert served.ask("GET", "/persons/P009")[0] == 404
    lines = [json.loads(line) for line in (served.folder / "log").read_text().splitlines()]
    assert {line["said"]["event"] for line in lines} == {"request", "server"}
    log = (served.folder / "log").read_text()
    assert "P009" not in log and "P001" not in log
