"""The memory that a job is settled again in: what is given bounds the process, and without the bound it takes more."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from jobs_small import plain, result, write_inputs
from test_verify_jobs import do, write_job
from ybcore.cli.settle import demo_policies
from ybcore.synth import city

VISITS = 24_000
LITTLE = 400 << 20
CHANGES = """\
format: ybcore-changes/1
id: rates
name: {zh: 比例, en: rates}
changes:
  - {kind: policy, policy: [policies], label: {zh: 比例更正, en: rates corrected}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A job of one unit, done with more memory than it is settled again with, and a book that reaches almost everybody of it."""
    out = tmp_path_factory.mktemp("memory")
    town = city(seed=3, persons=VISITS // 10, visits=VISITS, catalog_items=500, order="person")
    batch = town.visits()
    tables = {"visits": batch.visits, "lines": batch.lines, "persons": town.persons, "institutions": town.institutions}
    write_inputs(out / "data", {**tables, "acct_events": town.acct_events}, {}, 20_000)
    (out / "catalog").mkdir()
    for name, table in zip(("items", "selfpay", "caps"), town.catalog):
        pq.write_table(pa.table(table), out / "catalog" / f"{name}.parquet")
    inputs = {name: str(out / "data" / name) for name in (*tables, "acct_events")}
    policies = [str(path) for path in demo_policies()]
    do(write_job(out, "out", policies, inputs, catalog=str(out / "catalog"), outputs={"lines": True}))
    (out / "policies").mkdir()
    for path in (found for folder in demo_policies() for found in Path(folder).rglob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        (out / "policies" / path.name).write_text(re.sub(r"rate: 0\.[6-9]", "rate: 0.5", text), encoding="utf-8")
    (out / "changes.yaml").write_text(CHANGES, encoding="utf-8")
    return out


def peak(folder: Path, out: str, memory: int) -> int:
    """Most memory of a process that settles the job again."""
    words = ["--previous", str(folder / "out"), "--changes", str(folder / "changes.yaml"), "--out", str(folder / out)]
    script = "import sys; from ybcore.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", script, "resettle", *words, "--memory", f"{memory >> 20}MiB", "--threads", "2", "-q", "--json"]  # fmt: skip
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    told = json.loads((folder / out / "run.json").read_text(encoding="utf-8"))
    return int(told["peak_memory_bytes"])


def test_the_memory_given_bounds_the_process(folder: Path) -> None:
    much = peak(folder, "much", 4 << 30)
    little = peak(folder, "little", LITTLE)
    print(little >> 20, much >> 20)
    assert little < LITTLE < much, (little >> 20, much >> 20)
    scope = json.loads((folder / "little/manifest.json").read_text(encoding="utf-8"))["resettlement"]["scope"]
    assert scope["visits"] > VISITS // 2
    for name in ("settlements", "line_results", "delta_visits"):
        one, two = (result(folder / out, name) for out in ("much", "little"))
        assert one is not None and two is not None, name
        if name == "delta_visits":
            one, two = one.sort_by("setl_id"), two.sort_by("setl_id")
        assert plain(one).combine_chunks().equals(plain(two).combine_chunks()), name
