"""What tests of the service share: a policy, visits, a PostgreSQL of their own, the service as a process."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ybcore import Checker, Engine
    from ybcore.service.desk import Desk

WAIT = 240.0  # seconds for what takes two on a machine with nothing else to do
POLICY = """\
format: ybcore-policy/1
id: served
scheme: {id: served, region: "*", insutype: ["310"]}
effective: {from: 2024-01-01}
admissions: {when: {med_type: ["21"]}}
counters: {critical_base: {sum: [critical.base], period: year}}
accounts: {pay: last}
plans:
  - id: inpatient
    when: {med_type: ["21"]}
    layers:
      - id: basic
        basic: true
        payer: hifp_pay
        cite: clause 8
        deductible: {amount: 1000, admission: {list: [1000, 700, 300]}}
        bands: {origin: including, steps: [{to: 10000, rate: 0.80}, {to: open, rate: 0.90}]}
        ceilings: [{on: fund, limit: 20000, per: year}]
      - {id: critical, payer: hifmi_pay, base: [deductible, copay, over_ceiling], deductible: {amount: 5000}, rate: 0.60, settle: delta_F, accumulate: critical_base}
"""
ITEMS = {"med_list_codg": ["A1", "B1", "C1"], "chrgitm_lv": ["01", "02", "03"], "selfpay_prop": ["0", "0.1", "0"]}
RULES = """\
format: ybcore-rules/1
id: served
version: "1"
name: {zh: 服务测试, en: of the tests}
layer: city
region: "*"
known_since: 2024-01-01
from: open
source: made up for this test
lists: {narrow: {match: exact, codes: [A1]}}
rules:
  - id: T1
    name: {zh: 限住院使用, en: for inpatients only}
    kernel: K01
    items: {list: narrow}
    check: {attribute: visit_kind, allowed: {codes: [inpatient]}}
    amount: whole_line
    disposition: deny
    severity: 1
    source: made up
"""


def visit(person: int, number: int, amount: int = 1_234_567) -> dict[str, Any]:
    """Visit `number` (from 1) of a person, one a day."""
    day = f"2024-{1 + (number - 1) // 28:02d}-{1 + (number - 1) % 28:02d}"
    return {
        "setl_id": f"V{person:03d}-{number:04d}", "psn_no": f"P{person:03d}", "insutype": "310", "psn_type": "1101", "med_type": "21",
        "setl_time": f"{day} 10:00:00", "preselfpay_amt": 100 * number, "inscp_scp_amt": amount + 7 * number, "balc": 500_00,
    }  # fmt: skip


@cache
def engine_and_checker() -> tuple[Engine, Checker]:
    """Of the policy, three items and the rules above."""
    import pyarrow as pa
    from ybcore import Catalog, Checker, Engine, load_book, load_rules

    engine = Engine(load_book(POLICY), Catalog(pa.table(ITEMS)), threads=1)
    return engine, Checker(load_rules(RULES), engine.catalog, stage="before")


@contextmanager
def desks() -> Iterator[Callable[[str], Desk]]:
    """Makes a desk of a database; all are closed at the end."""
    from ybcore.service.desk import Desk
    from ybcore.service.store import Store

    engine, checker = engine_and_checker()
    made: list[Desk] = []

    def one(url: str) -> Desk:
        made.append(Desk(engine, Store(url), checker))
        return made[-1]

    try:
        yield one
    finally:
        for desk in made:
            desk.store.close()


def same_as_a_batch(desk: Desk, engine: Engine) -> int:
    """Every answer that is kept is the row of one bulk run over all that was asked; how many there are."""
    from ybcore.service.desk import ledger

    records = list(desk.store.settlements())
    tables = ledger(records)
    bulk = {row["setl_id"]: row for row in engine.settle(**tables, closing_state=False).visits.to_pylist()}
    assert len(bulk) == len(records)
    for record in records:
        assert record.reply["result"] == bulk[record.setl_id], record.setl_id
    return len(records)


@contextmanager
def postgres(program: str) -> Iterator[str]:
    """A server on a socket of its own, run by somebody without rights; the URL of its empty database."""
    binaries = Path(program).resolve().parent
    folder = Path(tempfile.mkdtemp(prefix="ybpg-", dir="/tmp"))
    who: dict[str, Any] = {}
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        who = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    try:
        subprocess.run([binaries / "initdb", "-D", folder / "data", "-U", "ybcore", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C"], check=True, capture_output=True, cwd="/", **who)  # fmt: skip
        words = [
            binaries / "postgres",
            "-D",
            folder / "data",
            "-k",
            folder,
            "-c",
            "listen_addresses=",
            "-c",
            "fsync=off",
            "-c",
            "max_connections=60",
        ]
        with open(folder / "log", "wb") as log:
            server = subprocess.Popen(words, stdout=log, stderr=log, cwd="/", **who)
        try:
            _answers(folder)
            yield f"postgresql+psycopg://ybcore@/postgres?host={folder}"
        finally:
            server.send_signal(signal.SIGQUIT)  # at once: nothing is kept
            server.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _answers(folder: Path) -> None:
    import psycopg

    until = time.monotonic() + WAIT
    while time.monotonic() < until:
        try:
            psycopg.connect(host=str(folder), user="ybcore", dbname="postgres").close()
            return
        except psycopg.OperationalError:
            time.sleep(0.05)
    raise TimeoutError((folder / "log").read_text())


def fresh_database(url: str, name: str) -> str:
    """An empty database beside the one of the URL."""
    import sqlalchemy as sa

    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as link:
        link.execute(sa.text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
        link.execute(sa.text(f'CREATE DATABASE "{name}"'))
    engine.dispose()
    return url.replace("/postgres?", f"/{name}?")


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


class Served:
    """`ybcore serve` as a process of its own. `more`: further words of its command."""

    def __init__(self, folder: Path, database: str, *more: str) -> None:
        self.folder, self.database, self.port, self.more = folder, database, free_port(), more
        (folder / "policy.yaml").write_text(POLICY, encoding="utf-8")
        (folder / "rules.yaml").write_text(RULES, encoding="utf-8")
        self.log = open(folder / "log", "ab")  # noqa: SIM115
        self.start()

    def start(self) -> None:
        words = [
            "serve",
            "--policy",
            "policy.yaml",
            "--rules",
            "rules.yaml",
            "--database",
            self.database,
            "--port",
            str(self.port),
            "-q",
            *self.more,
        ]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ybcore", *words], cwd=self.folder, stderr=self.log, stdout=self.log
        )
        until = time.monotonic() + WAIT
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise RuntimeError((self.folder / "log").read_text())
            try:
                if self.ask("GET", "/health")[0] == 200:
                    return
            except OSError:
                time.sleep(0.05)
        raise TimeoutError((self.folder / "log").read_text())

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", data, {"Content-Type": "application/json", **named}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=WAIT) as reply:
                return reply.status, json.loads(reply.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        self.kill()
        self.log.close()
