"""A job settled again, unit by unit: the differences of one run in memory, the bytes of a full run of the changed inputs; killed, repeated, wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from jobs_small import closing, plain, result
from resettle_small import make
from ybcore import io
from ybcore.cli import main
from ybcore.cli.settle import demo_policies
from ybcore.jobs import scatter
from ybcore.jobs.again.job import resettle_job
from ybcore.jobs.budget import Budget
from ybcore.jobs.document import load_job
from ybcore.jobs.job import run_job
from ybcore.ledger.document import load_changes
from ybcore.settling.result import NUMBERS

UNIT = 60
TABLES = ("visits", "lines", "persons", "institutions", "acct_events")
WRITTEN = ("settlements", "line_results", "detail", "rejects")
KEYS = {
    "delta_visits": ["setl_id"],
    "delta_lines": ["row"],
    "delta_funds": ["setl_id", "fund_pay_type", "reason"],
    "delta_persons": ["psn_no"],
    "delta_institutions": ["fixmedins_code"],
    "ledger_persons": ["payer", "psn_no"],
    "ledger_institutions": ["payer", "fixmedins_code"],
    "ledger_payers": ["payer"],
    "counters": ["counter", "owner", "within", "period"],
    "accounts": ["psn_no"],
    "attribution": ["change", "payer"],
}


@pytest.fixture(scope="module", autouse=True)
def small() -> Any:
    """Units and chunks so small that a small job has many."""
    patch = pytest.MonkeyPatch()
    patch.setattr(Budget, "unit_visits", property(lambda self: UNIT))
    patch.setattr(scatter, "FULL", 500)
    yield
    patch.undo()


def job_of(folder: Path, name: str, **more: Any) -> Path:
    """A document that settles a town into `folder/name`."""
    path = folder / f"{name}.yaml"
    document = {
        "ybcore": "job/1",
        "policy": [str(p) for p in demo_policies()],
        "catalog": str(folder / "input/catalog"),
        "inputs": {table: str(folder / f"input/{table}.parquet") for table in TABLES},
        "output": str(folder / name),
        "outputs": {"lines": "true", "detail": "true"},
        **more,
    }
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small city, settled as a job and in memory; all eight kinds of change in either way."""
    folder = make(tmp_path_factory.mktemp("again") / "town")
    run_job(load_job(job_of(folder, "job")))
    words = ["--previous", str(folder / "paid"), "--changes", str(folder / "changes.yaml"), "--out", str(folder / "again")]
    assert main(["resettle", *words, "-q", "--json", "--threads", "1"]) == 0
    again(folder, "again-job")
    return folder


def again(folder: Path, out: str, changes: str = "changes.yaml", previous: str = "job", **more: Any) -> Any:
    document = load_changes(folder / changes)
    return resettle_job(folder / previous, document, folder / out, memory=4 << 30, threads=2, **more)


def sorted_rows(table: pa.Table, keys: list[str]) -> list[dict[str, Any]]:
    rows = plain(table).to_pylist()
    return sorted(rows, key=lambda row: [str(row[key]) for key in keys])


def anew(folder: Path, out: str) -> Path:
    """The changed inputs of a job, settled from nothing."""
    told = json.loads((folder / out / "run.json").read_text(encoding="utf-8"))["job"]
    more = {key: told[key] for key in ("policy", "catalog", "inputs", "opening") if told.get(key)}
    run_job(load_job(job_of(folder, f"{out}-anew", **more)))
    return folder / f"{out}-anew"


def same_as_anew(folder: Path, out: str) -> None:
    full = anew(folder, out)
    for name in WRITTEN:
        one, two = result(folder / out, name), result(full, name)
        assert (one is None) == (two is None), name
        if one is not None:
            assert one.column_names == two.column_names and one.to_pylist() == two.to_pylist(), name
    assert closing(folder / out).sha256 == closing(full).sha256
    for name in ("counts", "sums"):
        mine, theirs = (json.loads((place / "manifest.json").read_text())[name] for place in (folder / out, full))
        assert mine == theirs, name


@pytest.mark.parametrize("name", KEYS)
def test_differences_are_those_of_one_run_in_memory(town: Path, name: str) -> None:
    job, whole = result(town / "again-job", name), io.read_table(town / "again" / f"{name}.parquet")
    assert job.column_names == whole.column_names
    assert sorted_rows(job, KEYS[name]) == sorted_rows(whole, KEYS[name])


def test_scope_and_attribution_are_told(town: Path) -> None:
    told = json.loads((town / "again-job/receipt.json").read_text())["resettlement"]
    memory = json.loads((town / "again/receipt.json").read_text())["resettlement"]
    assert told["scope"] == memory["scope"]
    assert told["attribution"] == {"method": "sequence", "orders": 1, "left_out": 0}


def test_the_run_after_is_that_of_everything_settled_anew(town: Path) -> None:
    assert json.loads((town / "again-job/manifest.json").read_text())["units"] > 5
    same_as_anew(town, "again-job")


def test_previous_and_differences_are_the_run_after(town: Path) -> None:
    """Row by row and column by column."""
    before = {row["setl_id"]: row for row in result(town / "job", "settlements").to_pylist()}
    after = {row["setl_id"]: row for row in result(town / "again-job", "settlements").to_pylist()}
    found = {row["setl_id"]: row for row in result(town / "again-job", "delta_visits").to_pylist()}
    assert len(found) > 50
    for name, row in after.items():
        step = found.get(name)
        for column in NUMBERS:
            old = before[name][column] if name in before else 0
            assert row[column] == old + (step[column] if step else 0), (name, column)


# ---------------------------------------------------------------------------------------------- few people, many units


FEW = """\
format: ybcore-changes/1
id: few
name: {zh: 少数人, en: few}
changes:
  - {kind: denied_lines, rows: few/denied.csv, label: {zh: 拒付, en: denied}}
  - {kind: persons, rows: few/persons.parquet, label: {zh: 补登, en: backdated}}
"""


@pytest.fixture(scope="module")
def few(town: Path) -> Path:
    """Changes of two persons, in lines and in who they are; then once more of another."""
    lines = io.read_table(town / "input/lines.parquet")
    visits = io.read_table(town / "input/visits.parquet")
    named = lines.filter(lines["feedetl_sn"].is_valid()).slice(5, 2).select(["setl_id", "feedetl_sn"])
    io.write_table(named, town / "few/denied.csv") if (town / "few").mkdir() is None else None
    persons = io.read_table(town / "input/persons.parquet")
    who = visits["psn_no"][-1].as_py()
    mine = persons.filter(pc.equal(persons["psn_no"], who))
    kind = pa.array([f"12{one[2:]}" for one in mine["psn_type"].cast(pa.string()).to_pylist()])
    pq.write_table(mine.set_column(mine.column_names.index("psn_type"), "psn_type", kind), town / "few/persons.parquet")
    (town / "few.yaml").write_text(FEW, encoding="utf-8")
    return town


def test_units_without_affected_people_are_taken_over(few: Path) -> None:
    done = again(few, "few-job", "few.yaml")
    told = done.manifest["resettlement"]
    assert 0 < told["units_taken_over"] < done.manifest["units"]
    same_as_anew(few, "few-job")
    names = {p.name for p in (few / "few-job/input").iterdir()}
    assert names == {"lines", "persons"}


def test_a_job_settled_again_is_settled_again(few: Path) -> None:
    """All eight kinds of change after the few, and nothing is done twice."""
    again(few, "few-job-2", "few.yaml") if not (few / "few-job-2").exists() else None
    done = again(few, "twice", "changes.yaml", "few-job-2")
    assert done.fresh and done.manifest["resettlement"]["scope"]["visits"] > 100
    same_as_anew(few, "twice")
    assert not again(few, "twice", "changes.yaml", "few-job-2").fresh
