"""A job settled again, unit by unit: the differences of one run in memory, the bytes of a full run of the changed inputs; killed, repeated, wrong."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from job_process import Jobs
from jobs_small import closing, plain, result
from resettle_small import make
from ybcore import InputError, io
from ybcore.cli import main
from ybcore.cli.settle import demo_policies
from ybcore.jobs import scatter
from ybcore.jobs.again.job import resettle_job
from ybcore.jobs.budget import Budget
from ybcore.jobs.document import load_job
from ybcore.jobs.job import run_job
from ybcore.ledger.document import load_changes
from ybcore.receipts import verify
from ybcore.receipts.model import read_receipt
from ybcore.receipts.verify import Verifier
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
    words = [
        "--previous",
        str(folder / "paid"),
        "--changes",
        str(folder / "changes.yaml"),
        "--out",
        str(folder / "again"),
    ]
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
    again(few, "first", "few.yaml")
    done = again(few, "second", "changes.yaml", "first")
    assert done.fresh and done.manifest["resettlement"]["scope"]["visits"] > 100
    same_as_anew(few, "second")
    assert not again(few, "second", "changes.yaml", "first").fresh
    with pytest.raises(InputError, match="changes/sha256"):
        again(few, "second", "few.yaml", "first")


# ---------------------------------------------------------------------------------------------- killed, wrong, told


def content(out: Path) -> dict[str, bytes]:
    """Every file but the one that may differ."""
    paths = [p for p in sorted(out.rglob("*")) if p.is_file() and p.name != "run.json"]
    return {p.relative_to(out).as_posix(): p.read_bytes() for p in paths}


def test_killed_anywhere_the_same_bytes(few: Path) -> None:
    """Killed at growing places of the way, then gone on with; the folder is there whole or not at all."""
    jobs = Jobs(UNIT)
    try:
        asked = {"previous": str(few / "job"), "changes": str(few / "few.yaml")}
        job = job_of(few, "killed")
        undisturbed = job_of(few, "undisturbed")
        events = jobs.run(undisturbed, **asked)["events"]
        assert events > 50
        whole = content(few / "undisturbed")
        killed = 0
        while (done := jobs.run(job, **asked, event=events // 4 + killed))["code"] == -9:
            if (few / "killed").exists():
                assert content(few / "killed") == whole
            assert killed < 20
            killed += 1
        assert done["code"] == 0 and killed > 2, (done, killed)
    finally:
        jobs.close()
    assert content(few / "killed") == whole
    assert not list(few.glob("killed.unfinished*"))


def test_what_is_wrong_is_told_with_its_file_and_row(town: Path) -> None:
    (town / "wrong").mkdir()
    lines = io.read_table(town / "input/lines.parquet").filter(pc.is_valid(pc.field("feedetl_sn"))).slice(0, 1)
    good = {name: str(lines[name][0].as_py()) for name in ("setl_id", "feedetl_sn")}
    rows = [good, {**good, "feedetl_sn": "nothing"}, {"setl_id": "nobody", "feedetl_sn": "1"}]
    io.write_table(pa.Table.from_pylist(rows), town / "wrong/denied.csv")
    text = FEW.partition("  - {kind: persons")[0].replace("few/", "wrong/")
    (town / "wrong.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as error:
        again(town, "never", "wrong.yaml")
    told = {(problem.file, problem.row): problem.what for problem in error.value.problems}
    file = str(town / "wrong/denied.csv")
    assert set(told) == {(file, 2), (file, 3)} and "no line 'nothing'" in told[file, 2]
    assert not (town / "never").exists()


def test_everybody_of_a_job_is_verified_some_at_a_time(town: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same rows and cells as at once; a cell that was changed is found."""

    def proved(folder: Path) -> Verifier:
        found = Verifier(folder, read_receipt(folder), 1)
        found.settle_all()
        return found

    whole = proved(town / "again-job")
    monkeypatch.setattr(verify, "AT_ONCE", 100)
    heard: list[int] = []
    parts = Verifier(town / "again-job", read_receipt(town / "again-job"), 1)
    parts.settle_all(progress=lambda done, whole: heard.append(done))
    assert len(heard) > 3 and parts.true and whole.true
    assert (parts.compared.rows, parts.compared.cells, parts.people) == (
        whole.compared.rows,
        whole.compared.cells,
        whole.people,
    )
    shutil.copytree(town / "job", town / "altered")
    path = sorted((town / "altered/settlements").iterdir())[-1]
    table = pq.read_table(path)
    at = table.column_names.index("psn_cash_pay")
    pq.write_table(table.set_column(at, "psn_cash_pay", pc.add(table["psn_cash_pay"], 1)), path)
    assert proved(town / "altered").compared.different == table.num_rows


def test_from_the_command_line(few: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--previous", str(few / "job"), "--changes", str(few / "few.yaml"), "--out", str(few / "told")]
    page, book = few / "told.html", few / "told.xlsx"
    assert (
        main(["--lang", "zh", "resettle", *words, "--memory", "2GiB", "--html", str(page), "--excel", str(book)]) == 0
    )
    told = capsys.readouterr()
    assert (
        "基金应补付" in told.out
        and "个照旧" in told.err
        and "依协议应由医疗机构承担的" in page.read_text(encoding="utf-8")
    )
    assert book.stat().st_size > 5000
    assert main(["--lang", "en", "verify", str(few / "told"), "--all", "-q"]) == 0
    assert "verified" in capsys.readouterr().out
    name = result(few / "told", "delta_visits")["setl_id"][0].as_py()
    assert main(["--lang", "en", "explain", "--run", str(few / "told"), "--setl-id", name, "-q"]) == 0
    assert name in capsys.readouterr().out
    assert main(["--lang", "en", "resettle", *words, "--memory", "much"]) == 1
    assert "'much' is no size" in capsys.readouterr().err
    other = ["--previous", str(few / "paid"), "--changes", str(few / "few.yaml"), "--out", str(few / "other")]
    assert main(["--lang", "zh", "resettle", *other, "--memory", "1GiB"]) == 1
    assert "用于作业" in capsys.readouterr().err


def test_a_job_that_went_on_from_another(few: Path) -> None:
    """The second half of a year from the state of the first, in parts; a line of it denied."""
    visits, lines = (io.read_table(few / f"input/{name}.parquet") for name in ("visits", "lines"))
    early = pc.less(visits["setl_time"].cast(pa.timestamp("us")), pa.scalar("2024-07-01").cast(pa.timestamp("us")))
    for name, mask in (("half1", early), ("half2", pc.invert(early))):
        part = visits.filter(mask)
        own = pc.is_in(lines["setl_id"].cast(pa.large_string()), value_set=part["setl_id"].combine_chunks())
        inputs = {table: str(few / f"input/{table}.parquet") for table in TABLES}
        for table, rows in (("visits", part), ("lines", lines.filter(own))):
            inputs[table] = str(few / f"{name}-{table}.parquet")
            io.write_table(rows, Path(inputs[table]))
        more = {"opening": str(few / "half1-job")} if name == "half2" else {}
        run_job(load_job(job_of(few, f"{name}-job", inputs=inputs, **more)))
    held = io.read_table(few / "half2-lines.parquet")
    io.write_table(
        held.filter(held["feedetl_sn"].is_valid()).slice(3, 1).select(["setl_id", "feedetl_sn"]), few / "half.csv"
    )
    text = FEW.partition("  - {kind: persons")[0].replace("few/denied", "half")
    (few / "half.yaml").write_text(text, encoding="utf-8")
    done = again(few, "half-again", "half.yaml", "half2-job")
    assert 0 < done.manifest["resettlement"]["units_taken_over"] < done.manifest["units"]
    same_as_anew(few, "half-again")
