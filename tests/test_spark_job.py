"""Jobs over files on Spark against the same jobs on this machine: the same bytes, whatever is killed on the way."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from jobs_small import by_person, far_families, result, write_inputs
from sparks import SETTINGS, need_spark, ordered_hash, session
from ybcore import InputError
from ybcore.cli.settle import demo_policies
from ybcore.jobs.document import load_job
from ybcore.jobs.job import run_job
from ybcore.synth import city

pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def cluster() -> Any:
    return session()


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A job document over a shuffled city with bad rows, lines of no visit and two files of lines; done on this machine into `one/`."""
    need_spark()
    root = tmp_path_factory.mktemp("job")
    made = city(seed=11, persons=250, visits=1_500, catalog_items=500, bad_rows=0.03)
    batch = made.visits()
    chance = np.random.default_rng(3)
    visits = batch.visits.take(pa.array(chance.permutation(batch.visits.num_rows)))
    lines = batch.lines.take(pa.array(chance.permutation(batch.lines.num_rows)))
    setl = lines["setl_id"].cast(pa.string()).to_pylist()
    setl[5] = setl[9_000] = "nowhere"
    lines = lines.set_column(0, "setl_id", pa.array(setl))
    tables = {"visits": visits, "lines": lines, "persons": made.persons, "institutions": made.institutions, "acct_events": made.acct_events}  # fmt: skip
    done = done_here(root, made, tables, "326MiB")
    assert done.manifest["units"] > 3 and done.manifest["counts"]["rejected_lines"] > 2
    return root


def done_here(root: Path, made: Any, tables: dict[str, pa.Table], memory: str) -> Any:
    """A job document over these tables, and the job done on this machine into `one/`."""
    write_inputs(root / "data", tables, files={"lines": 2}, rows=3_000)
    (root / "catalog").mkdir()
    for name, table in zip(("items", "selfpay", "caps"), made.catalog):
        pq.write_table(table, root / "catalog" / f"{name}.parquet")
    document = {
        "ybcore": "job/1",
        "policy": [str(path) for path in demo_policies()],
        "catalog": "catalog/",
        "inputs": {name: f"data/{name}/" for name in tables},
        "output": "one/",
        "outputs": {"lines": True, "detail": True},
        "memory": memory,
        "threads": 1,
    }
    (root / "job.yaml").write_text(json.dumps(document), encoding="utf-8")
    return run_job(load_job(root / "job.yaml"))


def digests(folder: Path) -> dict[str, str]:
    """sha256 of every file that must be the same."""
    files = [p for p in folder.rglob("*") if p.is_file() and p.name != "run.json"]
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def on_spark(cluster: Any, job: Path, out: str, **overrides: Any) -> Any:
    from ybcore.jobs.spark import SparkWork

    document = load_job(job / "job.yaml", output=job / out, **overrides)
    return run_job(document, work=partial(SparkWork, session=cluster))


def test_two_executors_write_the_same_bytes(cluster: Any, job: Path):
    done = on_spark(cluster, job, "two")
    assert digests(job / "two") == digests(job / "one")
    executors = {name.split(" worker ")[0] for name in done.run["workers"]}
    assert done.run["engine"] == "spark" and len(executors) == 2
    again = on_spark(cluster, job, "two")
    assert not again.fresh


def test_families_far_apart_are_the_same_bytes(cluster: Any, tmp_path: Path):
    """Rows by person but for two families: here their rows wait on disk, on Spark all of them pass the shuffle."""
    made = city(seed=12, persons=400, visits=3_000, catalog_items=500)
    batch = made.visits()
    tables = {"visits": batch.visits, "lines": batch.lines, "persons": made.persons, "institutions": made.institutions, "acct_events": made.acct_events}  # fmt: skip
    done = done_here(tmp_path, made, far_families(by_person(tables), 2), "326MiB")
    assert done.run["steps"]["split"] > 0
    on_spark(cluster, tmp_path, "two")
    assert digests(tmp_path / "two") == digests(tmp_path / "one")


def test_other_units_are_the_same_rows(cluster: Any, job: Path):
    done = on_spark(cluster, job, "whole", memory="4GiB")
    assert done.manifest["units"] == 1
    for name in ("settlements", "line_results", "detail", "rejects"):
        one, whole = result(job / "one", name), result(job / "whole", name)
        assert one.num_rows > 10
        assert one.equals(whole)
        assert ordered_hash(one, ["setl_id"]) == ordered_hash(whole, ["setl_id"])


def test_damage_is_told_as_on_one_machine(cluster: Any, job: Path):
    lines = sorted((job / "data/lines").glob("*.parquet"))[1]
    whole, stat = lines.read_bytes(), lines.stat()
    spoilt = bytearray(whole)
    place = pq.read_metadata(lines).row_group(1).column(7)
    spoilt[(place.dictionary_page_offset or place.data_page_offset) + place.total_compressed_size * 3 // 4] ^= 0x10
    try:
        lines.write_bytes(bytes(spoilt))
        with pytest.raises(InputError) as here:
            run_job(load_job(job / "job.yaml", output=job / "spoilt"))
        with pytest.raises(InputError) as there:
            on_spark(cluster, job, "spoilt")
    finally:
        lines.write_bytes(whole)
        os.utime(lines, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert there.value.problems == here.value.problems
    (problem,) = there.value.problems
    assert (
        problem.file == str(lines) and problem.path == f"lines.{place.path_in_schema}" and "row group" in problem.what
    )
    assert not (job / "spoilt").exists()


def test_a_missing_column_is_told_before_anything_runs(cluster: Any, job: Path, tmp_path: Path):
    persons = pq.read_table(next((job / "data/persons").glob("*.parquet"))).drop_columns(["psn_type"])
    pq.write_table(persons, tmp_path / "persons.parquet")
    document = json.loads((job / "job.yaml").read_text())
    document["inputs"]["persons"] = str(tmp_path / "persons.parquet")
    (job / "lacking.yaml").write_text(json.dumps(document), encoding="utf-8")
    from ybcore.jobs.spark import SparkWork

    with pytest.raises(InputError, match="the required column is missing"):
        run_job(load_job(job / "lacking.yaml", output=job / "lacking"), work=partial(SparkWork, session=cluster))


# ---------------------------------------------------------------------- processes are killed


def command(job: Path, out: str) -> subprocess.Popen[str]:
    """`ybcore run` on Spark in a process of its own, where a task may fail four times."""
    settings = {**SETTINGS, "spark.python.worker.reuse": "true"}
    words = [sys.executable, "-m", "ybcore", "--lang", "en", "run", str(job / "job.yaml"), "--out", str(job / out)]
    words += ["--engine", "spark", "--master", "local[2,4]", "--json"]
    words += [word for name, value in settings.items() for word in ("--conf", f"{name}={value}")]
    environment = os.environ | {"SPARK_LOCAL_IP": "127.0.0.1"}
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def below(parent: int) -> dict[int, str]:
    """Processes that come from a process, with their command lines."""
    parents: dict[int, int] = {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(place.parent.name)] = int(place.read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
    found = {parent}
    while more := {pid for pid, of in parents.items() if of in found} - found:
        found |= more
    out = {}
    for pid in found - {parent}:
        try:
            out[pid] = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
    return out


def new_parts(job: Path, out: str, since: float) -> list[Path]:
    """Parts of the unfinished job that were written since a time."""
    found = (job / f"{out}.unfinished" / "settlements").glob("*.parquet")
    return [path for path in found if path.stat().st_mtime > since]


def workers_of(run: subprocess.Popen[str]) -> list[int]:
    """Python workers of a job: they come from a daemon of Spark."""
    python = {pid for pid, words in below(run.pid).items() if "pyspark.daemon" in words}
    parents = {int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1]) for pid in python}
    return sorted(python - parents)


def wait_for_a_part(job: Path, out: str, run: subprocess.Popen[str], since: float) -> None:
    while not new_parts(job, out, since):
        if run.poll() is not None:
            raise AssertionError(f"ended before it could be killed: {run.communicate()}")
        assert time.time() - since < 240
        time.sleep(0.01)


def test_killed_driver_and_killed_workers(job: Path):
    """The driver is killed; what was noted stays. The next run loses its workers, whose tasks are done again. The bytes are the same."""
    began = time.time()
    first = command(job, "killed")
    wait_for_a_part(job, "killed", first, began)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert not (job / "killed").exists()
    began = time.time()
    second = command(job, "killed")
    wait_for_a_part(job, "killed", second, began)
    victims = workers_of(second)
    for victim in victims:
        os.kill(victim, signal.SIGKILL)
    out, errors = second.communicate(timeout=300)
    assert second.returncode == 0, errors
    assert victims and "Python worker exited unexpectedly" in errors
    assert digests(job / "killed") == digests(job / "one")
    assert json.loads(out)["run"]["resumed"] == 1
