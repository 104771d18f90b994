"""The service over loopback beside the library call: the same visits, first proved equal to one bulk run, then timed.

`python -m benchmarks.service --visits 2000 --people 100 --clients 4 --out service.json`
`python -m benchmarks.service --database postgresql+psycopg://…`

Clients are threads with a connection each that is kept; each has people of its own and sends their visits in order, the next when the last
is answered. Times are those of the clients, from the first byte sent to the last one read. The library settles the same visits one by one in
one process, with the state in memory. `--database` must be empty; default is an SQLite file that is thrown away.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from . import report

POLICY = """\
format: ybcore-policy/1
id: served
scheme: {id: served, region: "*", insutype: ["310"]}
effective: {from: 2024-01-01}
admissions: {when: {med_type: ["21"]}}
counters: {critical_base: {sum: [critical.base], period: year}}
plans:
  - id: inpatient
    layers:
      - id: basic
        basic: true
        payer: hifp_pay
        deductible: {amount: 1000, admission: {list: [1000, 700, 300]}}
        bands: {origin: including, steps: [{to: 10000, rate: 0.80}, {to: open, rate: 0.90}]}
        ceilings: [{on: fund, limit: 200000, per: year}]
      - {id: critical, payer: hifmi_pay, base: [deductible, copay, over_ceiling], deductible: {amount: 5000}, rate: 0.60, settle: delta_F, accumulate: critical_base}
"""


def visits_of(person: int, count: int) -> list[dict[str, Any]]:
    """A person's visits, one a day."""
    return [
        {
            "setl_id": f"V{person:05d}-{n:04d}", "psn_no": f"P{person:05d}", "insutype": "310", "psn_type": "1101", "med_type": "21",
            "setl_time": f"2024-{1 + n // 28:02d}-{1 + n % 28:02d} 10:00:00", "preselfpay_amt": 100 * n, "inscp_scp_amt": 300_000 + 977 * n + person,
        }
        for n in range(count)
    ]  # fmt: skip


def by_library(people: dict[int, list[dict[str, Any]]]) -> tuple[dict[str, Any], list[float], float]:
    """(row of each visit, seconds of each call, processor seconds of all)."""
    from ybcore import Engine, load_book

    engine = Engine(load_book(POLICY), threads=1)
    engine.settle_one(visits_of(0, 1)[0])  # the first call loads what the others use
    rows, seconds, worked = {}, [], time.process_time()
    for visits in people.values():
        state = None
        for visit in visits:
            began = time.perf_counter()
            done = engine.settle_one(visit, state=state)
            seconds.append(time.perf_counter() - began)
            state, rows[visit["setl_id"]] = done.state, done.result
    return rows, seconds, time.process_time() - worked


def by_batch(people: dict[int, list[dict[str, Any]]]) -> dict[str, Any]:
    """The rows of one bulk run."""
    from ybcore import Engine, load_book

    rows = [visit for visits in people.values() for visit in visits]
    table = {name: [row[name] for row in rows] for name in rows[0]}
    done = Engine(load_book(POLICY), threads=1).settle(table, closing_state=False, receipt=False)
    return {row["setl_id"]: row for row in done.visits.to_pylist()}


def by_service(
    people: dict[int, list[dict[str, Any]]], clients: int, database: str, folder: Path
) -> tuple[dict[str, Any], list[float], float, float]:
    """(row of each visit, seconds of each request, seconds of all, processor seconds of the service)."""
    (folder / "policy.yaml").write_text(POLICY, encoding="utf-8")
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    words = ["serve", "--policy", str(folder / "policy.yaml"), "--database", database, "--port", str(port), "-q"]
    with open(folder / "log", "wb") as log:
        server = subprocess.Popen([sys.executable, "-m", "ybcore", *words], stderr=log, stdout=log)
    try:
        _wait(server, port, folder / "log")
        shares = [[people[name] for name in list(people)[k::clients]] for k in range(clients)]
        began, worked = time.perf_counter(), _processor_seconds(server.pid)
        with ThreadPoolExecutor(clients) as pool:
            answers = list(pool.map(lambda share: _client(port, share), shares))
        whole, worked = time.perf_counter() - began, _processor_seconds(server.pid) - worked
    finally:
        server.terminate()
        server.wait(30)
    rows = {name: row for one, _ in answers for name, row in one.items()}
    return rows, [second for _, seconds in answers for second in seconds], whole, worked


def _processor_seconds(process: int) -> float:
    """What all threads of a process have worked so far (Linux)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _wait(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    for _ in range(1200):
        if server.poll() is not None:
            raise SystemExit(log.read_text())
        try:
            link = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            link.request("GET", "/health")
            if link.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.05)
    raise SystemExit("the service does not answer")


def _client(port: int, share: list[list[dict[str, Any]]]) -> tuple[dict[str, Any], list[float]]:
    """One desk with its people."""
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    rows, seconds = {}, []
    for visits in share:
        for visit in visits:
            body = json.dumps({"visit": visit})
            began = time.perf_counter()
            link.request("POST", "/settle", body, {"Content-Type": "application/json", "Idempotency-Key": visit["setl_id"]})  # fmt: skip
            reply = link.getresponse()
            data = reply.read()
            seconds.append(time.perf_counter() - began)
            if reply.status != 200:
                raise SystemExit(data.decode())
            rows[visit["setl_id"]] = json.loads(data)["result"]
    return rows, seconds


def percentile(seconds: list[float], part: float) -> float:
    """The nearest rank."""
    held = sorted(seconds)
    return held[min(len(held) - 1, max(0, -(-int(part * len(held) * 100) // 100) - 1))]


def measure(visits: int, people: int, clients: int, database: str | None) -> dict[str, Any]:
    """Equality first; then what each took."""
    result = report.begun(name="service", visits=visits, people=people, clients=clients)
    asked = {person: visits_of(person, visits // people) for person in range(1, people + 1)}
    with tempfile.TemporaryDirectory() as name:
        url = database or f"sqlite:///{name}/service.db"
        batch = by_batch(asked)
        served, seconds, whole, worked = by_service(asked, clients, url, Path(name))
    library, alone, used = by_library(asked)
    for who, rows in (("the service", served), ("the library call", library)):
        if rows != batch:
            raise SystemExit(f"{who} does not give the rows of a bulk run: nothing is timed")
    result["equal"] = {"rows": len(batch), "columns": len(next(iter(batch.values())))}
    result["database"] = url.partition(":")[0]
    result["service"] = _told(seconds, len(seconds) / whole) | {"processor_ms": round(1000 * worked / len(seconds), 3)}
    result["library"] = _told(alone, len(alone) / sum(alone)) | {"processor_ms": round(1000 * used / len(alone), 3)}
    return result


def _told(seconds: list[float], rate: float) -> dict[str, float]:
    names = {"p50_ms": 0.5, "p99_ms": 0.99}
    return {"visits_per_second": round(rate, 1), **{name: round(percentile(seconds, part) * 1000, 2) for name, part in names.items()}}  # fmt: skip


def table(result: dict[str, Any]) -> str:
    """One row each."""
    names = {"service": f"service, {result['workload']['clients']} clients, {result['database']}", "library": "library, one by one"}  # fmt: skip
    rows = [[text, *(f"{result[name][column]:,}" for column in ("visits_per_second", "p50_ms", "p99_ms", "processor_ms"))] for name, text in names.items()]  # fmt: skip
    return report.table(["what", "visits/s", "p50 ms", "p99 ms", "processor ms a visit"], rows)


def main(argv: list[str] | None = None) -> None:
    parser = report.parser("service", __doc__)
    parser.add_argument("--visits", type=int, default=2000)
    parser.add_argument("--people", type=int, default=100)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--database", help="an empty one; default an SQLite file that is thrown away")
    asked = parser.parse_args(argv)
    result = measure(asked.visits, asked.people, asked.clients, asked.database)
    report.tell(result, asked.out, table(result))


if __name__ == "__main__":
    main()
