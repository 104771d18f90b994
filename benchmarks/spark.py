"""One job over files on this machine and on Spark: the same bytes first, then rows a second and core.

`python -m benchmarks.spark --visits 100000 --rounds 3 --out spark.json`

A shuffled city (ten lines a visit) is settled by `run_job` with as many threads as Spark has cores, then by the same job on Spark, then as
Spark frames from the same files to Parquet; in turn, each round into a new folder. Every file of the two jobs must be the same, and
every row of the frames one of theirs, or nothing is told. The time Spark takes to start is told on its own; the first round is cold.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from . import report

MASTER = "local-cluster[2,1,1024]"
SETTINGS = {
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.memory": "1g",
    "spark.pyspark.python": sys.executable,
    "spark.ui.enabled": "false",
}
LINES = 10.5  # a visit


def prepared(root: Path, visits: int, threads: int) -> Path:
    """The files of a shuffled city, and the document of the job."""
    from ybcore.cli.settle import demo_policies
    from ybcore.synth import city

    town = city(seed=1, persons=max(1, visits // 10), visits=visits, lines_per_visit=LINES, bad_rows=0.0)
    batch = town.visits()
    tables = {"visits": batch.visits, "lines": batch.lines, "persons": town.persons, "institutions": town.institutions, "acct_events": town.acct_events}  # fmt: skip
    chance = np.random.default_rng(1)
    for name, table in tables.items():
        rows = table.take(pa.array(chance.permutation(table.num_rows))) if name in ("visits", "lines") else table
        (root / name).mkdir()
        pq.write_table(
            rows, root / name / "0.parquet", row_group_size=1 << 17, compression="zstd", write_page_checksum=True
        )
    (root / "catalog").mkdir()
    for name, table in zip(("items", "selfpay", "caps"), town.catalog):
        pq.write_table(table, root / "catalog" / f"{name}.parquet")
    document = {
        "ybcore": "job/1", "policy": [str(path) for path in demo_policies()], "catalog": "catalog", "inputs": {name: name for name in tables},
        "output": "out", "outputs": {"state": False}, "memory": "1GiB", "threads": threads,
    }  # fmt: skip
    (root / "job.yaml").write_text(json.dumps(document), encoding="utf-8")
    return root / "job.yaml"


def digests(folder: Path) -> dict[str, str]:
    """sha256 of every file but the record of the run."""
    files = [p for p in folder.rglob("*") if p.is_file() and p.name != "run.json"]
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def by_id(folder: Path, names: list[str] | None = None) -> pa.Table:
    """Settlements by their ids, without dictionaries."""
    parts = [pq.read_table(path) for path in sorted(folder.glob("*.parquet"))]
    whole = pa.concat_tables(parts, promote_options="permissive")
    names = names or [name for name in whole.column_names if not name.startswith("source_")]
    columns = [
        whole[n].cast(pa.string()) if n in ("setl_id", "psn_no") or pa.types.is_dictionary(whole[n].type) else whole[n]
        for n in names
    ]
    return pa.table(columns, names=names).sort_by("setl_id")


def frames(session: Any, root: Path, out: Path, book: dict[str, Any]) -> None:
    """The same city as frames, settlements written as Parquet."""
    from ybcore import spark

    given = {
        name: session.read.parquet(str(root / name))
        for name in ("visits", "lines", "persons", "institutions", "acct_events")
    }
    done = spark.settle(**given, **book, partitions=session.sparkContext.defaultParallelism * 2)
    done.settlements.write.parquet(str(out))
    done.release()


def main() -> None:
    parser = report.parser("spark", __doc__)
    parser.add_argument("--visits", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--master", default=MASTER)
    asked = parser.parse_args()
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    from ybcore import Catalog
    from ybcore.jobs.document import load_job
    from ybcore.jobs.job import run_job
    from ybcore.jobs.spark import SparkWork, started

    began = time.perf_counter()
    session, _ = started(asked.master, SETTINGS)
    session.range(1).count()
    start = time.perf_counter() - began
    cores = 2 if asked.master.startswith("local-cluster[2,1,") else session.sparkContext.defaultParallelism
    result = report.begun(visits=asked.visits, rounds=asked.rounds, master=asked.master, cores=cores)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        job = prepared(root, asked.visits, cores)
        document = load_job(job)
        book = {"policy": list(document.policy), "catalog": Catalog.load(document.catalog)}
        rows = sum(pq.read_metadata(root / name / "0.parquet").num_rows for name in ("visits", "lines"))
        seconds: dict[str, list[float]] = {"one machine": [], "Spark, job": [], "Spark, frames": []}
        for number in range(asked.rounds):
            outs = {name: root / f"out{i}-{number}" for i, name in enumerate(seconds)}
            works: dict[str, Any] = {
                "one machine": lambda out: run_job(load_job(job, output=out)),
                "Spark, job": lambda out: run_job(load_job(job, output=out), work=partial(SparkWork, session=session)),
                "Spark, frames": lambda out: frames(session, root, out, book),
            }
            for name, work in works.items():
                began = time.perf_counter()
                work(outs[name])
                seconds[name].append(time.perf_counter() - began)
            one, job_out, frames_out = outs.values()
            if digests(one) != digests(job_out):
                raise SystemExit("the job on Spark wrote other bytes than the job on this machine")
            settled = by_id(one / "settlements")
            if not settled.equals(by_id(frames_out, settled.column_names)):
                raise SystemExit("the frames hold other rows than the job on this machine")
            for out in outs.values():
                shutil.rmtree(out)
    session.stop()
    warm = {name: report.middle(times[1:] or times) for name, times in seconds.items()}
    base = rows / warm["one machine"] / cores
    result |= {"seconds": seconds, "start_seconds": start, "rows": rows}
    head = ("", "first round, s", "later rounds, s", "rows/s and core", "of one machine")
    lines = [
        (
            name,
            f"{times[0]:.1f}",
            f"{warm[name]:.1f}",
            f"{rows / warm[name] / cores:,.0f}",
            f"{rows / warm[name] / cores / base:.2f}",
        )
        for name, times in seconds.items()
    ]
    print(f"{rows:,} rows, {cores} cores; Spark started in {start:.1f} s. Same bytes of {asked.rounds} rounds.\n")
    report.tell(result, asked.out, report.table(head, lines))


if __name__ == "__main__":
    main()
