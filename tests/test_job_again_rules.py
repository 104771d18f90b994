"""A job with rules settled again: the differences of the run in memory of the lines that its rules left; killed and gone on with, the same bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from city_rules import own_layer
from job_process import Jobs
from jobs_small import plain, result, write_inputs
from test_job_again import KEYS, content, sorted_rows
from test_job_rules import BESIDE, in_memory, job, place, town, without_reversal
from ybcore import InputError
from ybcore.checks.settled import lines_left
from ybcore.cli import main
from ybcore.jobs import scatter
from ybcore.jobs.again import left
from ybcore.jobs.again.job import resettle_job
from ybcore.jobs.budget import Budget
from ybcore.jobs.document import load_job
from ybcore.jobs.job import run_job
from ybcore.jobs.ruled import ACROSS
from ybcore.ledger import Run, resettle
from ybcore.ledger.document import load_changes

UNIT = 250
CHANGES = """\
format: ybcore-changes/1
id: ruled
name: {zh: 变更, en: changes}
changes:
  - {kind: denied_lines, rows: denied.parquet, label: {zh: 拒付, en: denied}}
  - {kind: persons, rows: persons.parquet, label: {zh: 补登, en: backdated}}
"""


@pytest.fixture(scope="module", autouse=True)
def small() -> Any:
    """Units, chunks and pieces so small that a small job has many."""
    patch = pytest.MonkeyPatch()
    patch.setattr(Budget, "unit_visits", property(lambda self: UNIT))
    patch.setattr(scatter, "FULL", 500)
    patch.setattr(left, "_ROWS", 200)
    yield
    patch.undo()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    """(a folder with a job with rules, its changes and the job settled again; the same run in memory, its lines as rules left them)."""
    folder = tmp_path_factory.mktemp("ruled-again")
    engine, book, _, _ = town()
    tables = without_reversal(town()[2])
    memory = in_memory(engine, book, tables)
    lines = lines_left(memory.checks)
    assert lines is not None and lines.num_rows > tables["lines"].num_rows  # rules cut some
    run = Run(engine, **{name: table for name, table in tables.items() if name not in BESIDE} | {"lines": lines})
    row = tables["lines"].slice(5, 1)
    lost = row.set_column(row.column_names.index("setl_id"), "setl_id", pa.array(["nowhere"]))
    write_inputs(
        folder / "data", tables | {"lines": pa.concat_tables([lost, tables["lines"], lost])}, {"lines": 2}, 700
    )
    for name, table in zip(("items", "selfpay", "caps"), place().catalog):
        (folder / "catalog").mkdir(exist_ok=True)
        pq.write_table(pa.table(table), folder / "catalog" / f"{name}.parquet")
    (folder / "own.yaml").write_text(json.dumps(own_layer(place()), ensure_ascii=False), encoding="utf-8")
    run_job(load_job(job(folder, folder)))
    given(folder, run, memory)
    again(folder, "again")
    return folder, run


def given(folder: Path, run: Run, memory: Any) -> None:
    """Changes: what rules left of two lines, and six that they left alone, are denied; two persons are of another kind."""
    visits, details = plain(memory.visits), memory.checks.details
    paid = visits.filter(pc.greater(visits["fund_pay_sumamt"], 0)).sort_by([("fund_pay_sumamt", "descending")])
    cut = details.filter(pc.greater(details["paid_amt"], 0))["feedetl_sn"].unique().drop_null()
    lines = plain(run.tables["lines"])
    standing = lines.filter(pc.and_(lines["feedetl_sn"].is_valid(), pc.equal(pc.fill_null(lines["deny_flag"], 0), 0)))
    standing = standing.sort_by([("det_item_fee_sumamt", "descending")])
    hit = pc.is_in(standing["feedetl_sn"], value_set=cut.cast(standing["feedetl_sn"].type))
    others = standing.filter(pc.invert(hit))
    others = others.filter(pc.is_in(others["setl_id"], value_set=paid["setl_id"].cast(others["setl_id"].type)))
    rows = pa.concat_tables([standing.filter(hit).slice(0, 2), others.slice(0, 6)])
    assert rows.num_rows == 8
    pq.write_table(rows.select(["setl_id", "feedetl_sn"]), folder / "denied.parquet")
    persons = plain(run.tables["persons"])
    who = paid["psn_no"].slice(0, 2).cast(persons["psn_no"].type)
    mine = persons.filter(pc.is_in(persons["psn_no"], value_set=who))
    kind = pa.array([f"12{one[2:]}" for one in mine["psn_type"].cast(pa.string()).to_pylist()])
    mine = mine.set_column(mine.column_names.index("psn_type"), "psn_type", kind)
    pq.write_table(mine, folder / "persons.parquet")
    (folder / "changes.yaml").write_text(CHANGES, encoding="utf-8")


def again(folder: Path, out: str, previous: str = "out") -> Any:
    return resettle_job(
        folder / previous, load_changes(folder / "changes.yaml"), folder / out, memory=4 << 30, threads=2
    )


def test_differences_are_those_of_the_run_in_memory(made: tuple[Path, Run]) -> None:
    folder, run = made
    whole = resettle(run, load_changes(folder / "changes.yaml").changes(run))
    deltas, ledger = whole.deltas, whole.ledger
    tables = {
        f"delta_{name}": getattr(deltas, name) for name in ("visits", "lines", "funds", "persons", "institutions")
    }
    tables |= {f"ledger_{name}": getattr(ledger, name) for name in ("payers", "persons", "institutions")}
    tables |= {"counters": whole.counters(), "accounts": whole.accounts(), "attribution": whole.attribution().rows}
    assert tables.keys() == KEYS.keys() and deltas.visits.num_rows > 2 and deltas.lines.num_rows >= 3
    for name, table in tables.items():
        got = result(folder / "again", name)
        assert got is not None and got.column_names == table.column_names, name
        assert sorted_rows(got, KEYS[name]) == sorted_rows(table, KEYS[name]), name


def test_the_run_after_is_the_job_of_its_inputs(made: tuple[Path, Run], capsys: pytest.CaptureFixture[str]) -> None:
    folder, run = made
    manifest = json.loads((folder / "again/manifest.json").read_text(encoding="utf-8"))
    told = manifest["resettlement"]
    assert manifest["units"] > 3 and told["units_taken_over"] == 0
    skipped = {row["rule_id"] for row in told["rules"]["coverage"] if row["reason"] == ACROSS}
    assert skipped == town()[1].across and told["rules"]["moved_fen"] > 0
    assert {path.name for path in (folder / "again").iterdir()}.isdisjoint({"ruled", "left", "spill", "work"})
    rows = [pq.read_metadata(path).num_rows for path in (folder / "again/input/lines").iterdir()]
    assert sum(rows) == run.tables["lines"].num_rows  # without the lines of no visit
    assert main(["--lang", "en", "verify", str(folder / "again"), "--all", "-q"]) == 0
    assert "verified" in capsys.readouterr().out


def test_killed_anywhere_the_same_bytes(made: tuple[Path, Run]) -> None:
    folder, _ = made
    jobs = Jobs(UNIT)
    try:
        asked = {"previous": str(folder / "out"), "changes": str(folder / "changes.yaml")}
        more = {"catalog": str(folder / "catalog")}
        documents = {}
        for name in ("undisturbed", "killed"):
            path = job(folder, folder, **more)
            text = path.read_text(encoding="utf-8").replace("output: out/", f"output: {name}/")
            documents[name] = folder / f"{name}.yaml"
            documents[name].write_text(text, encoding="utf-8")
        events = jobs.run(documents["undisturbed"], **asked)["events"]
        killed = 0
        while (done := jobs.run(documents["killed"], **asked, event=events // 3 + killed * events // 8))["code"] == -9:
            if (folder / "killed").exists():
                assert content(folder / "killed") == content(folder / "undisturbed")
            assert killed < 20
            killed += 1
        assert done["code"] == 0 and killed > 1, (done, killed)
    finally:
        jobs.close()
    assert content(folder / "killed") == content(folder / "undisturbed")


def test_told_on_the_screen_and_refused_where_rules_changed(
    made: tuple[Path, Run], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, _ = made
    words = ["--previous", str(folder / "out"), "--changes", str(folder / "changes.yaml")]
    assert main(["--lang", "zh", "resettle", *words, "--out", str(folder / "told"), "--memory", "2GiB"]) == 0
    err = capsys.readouterr().err
    assert "保持转出" in err and "跨人员审核" in err
    receipt = folder / "out/receipt.json"
    held = receipt.read_text(encoding="utf-8")
    told = json.loads(held)
    told["rules"]["moved_fen"] += 1
    try:
        receipt.write_text(json.dumps(told), encoding="utf-8")
        with pytest.raises(InputError, match="moved_fen"):
            again(folder, "never")
    finally:
        receipt.write_text(held, encoding="utf-8")
    assert not (folder / "never").exists()
