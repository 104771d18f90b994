"""A job's folder proved again from its receipt, and its settlements explained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from jobs_small import plain, write_inputs
from test_explain import POLICY, family
from test_verify import alter, forge, told
from ybcore import messages
from ybcore.cli import main
from ybcore.cli.settle import demo_policies
from ybcore.jobs.run import Work
from ybcore.receipts.model import json_schema
from ybcore.receipts.opening import Opening
from ybcore.receipts.stored import Stored
from ybcore.synth import city


@pytest.fixture(autouse=True)
def english():
    messages.use("en")
    yield
    messages.use("zh")


def write_job(folder: Path, name: str, policies: list[str], inputs: dict[str, str], **more: Any) -> Path:
    lines = ["ybcore: job/1", f"policy: {json.dumps(policies)}", f"inputs: {json.dumps(inputs)}", f"output: {name}/"]
    lines += [f"{key}: {json.dumps(value)}" for key, value in more.items()]
    (folder / f"{name}.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / f"{name}.yaml"


def do(job: Path) -> Path:
    assert main(["run", str(job), "-q", "--json", "--threads", "1"]) == 0
    return job.with_suffix("")


def shuffled(table: pa.Table, seed: int) -> pa.Table:
    return table.take(pa.array(np.random.default_rng(seed).permutation(len(table)))).combine_chunks()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small city in many files, its rows in no order, and lines of visits that are not there."""
    folder = tmp_path_factory.mktemp("job")
    made = city(seed=5, persons=80, visits=800, lines_per_visit=3)
    batch = made.visits()
    lines = plain(batch.lines)
    at = lines.column_names.index("setl_id")
    lost = lines.slice(0, 3).set_column(at, "setl_id", pa.array(["nowhere"] * 3))
    lines = pa.concat_tables([lines, lost])
    visits = plain(first_of_each(shuffled(batch.visits, 1)))
    people = visits["psn_no"].to_pylist()
    people[5:8] = "ghost", None, "ghost"
    visits = visits.set_column(visits.column_names.index("psn_no"), "psn_no", pa.array(people))
    visits = pa.concat_tables([visits.slice(0, 20), visits.slice(10, 1), visits.slice(20)])  # one that is there twice
    tables = {"visits": visits, "lines": shuffled(lines, 2), "persons": made.persons, "institutions": made.institutions, "acct_events": made.acct_events}  # fmt: skip
    write_inputs(folder / "data", tables, {"visits": 3, "lines": 4}, 150)
    (folder / "catalog").mkdir()
    for name, table in zip(("items", "selfpay", "caps"), made.catalog):
        pq.write_table(table, folder / "catalog" / f"{name}.parquet")
    return folder


def first_of_each(visits: pa.Table) -> pa.Table:
    seen: set[Any] = set()
    keep = [name is None or not (name in seen or seen.add(name)) for name in visits["setl_id"].to_pylist()]
    return visits.filter(pa.array(keep)).combine_chunks()


def inputs_of(folder: Path) -> dict[str, str]:
    return {path.name: str(path) for path in sorted((folder / "data").iterdir())}


@pytest.fixture
def out(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The job of that city, in several parts, with everything that a job can write."""
    monkeypatch.setattr(Work, "unit_visits", 120)
    asked = {"lines": True, "detail": True}
    return do(write_job(tmp_path, "out", [str(p) for p in demo_policies()], inputs_of(world), catalog=str(world / "catalog"), outputs=asked))  # fmt: skip


def part(folder: Path, name: str) -> Path:
    return sorted((folder / name).iterdir())[0]


def test_an_untouched_job_is_true(world: Path, out: Path, capsys: pytest.CaptureFixture[str]):
    receipt = json.loads((out / "receipt.json").read_text(encoding="utf-8"))
    jsonschema.validate(receipt, json_schema())
    assert {"visits", "lines"} <= {one["name"] for one in receipt["files"]["inputs"]}
    found = told(capsys, out, "--people", "3")
    assert found["verified"], found
    whole = told(capsys, out, "--all")
    assert whole["verified"] and whole["rows"]["settlements"] == receipt["counts"]["settled"]
    assert whole["rows"]["line_results"] == receipt["counts"]["settled_lines"]
    assert whole["rows"]["rejects"] >= receipt["counts"]["rejected"] > 0
    assert main(["verify", str(out), "--lang", "en"]) == 0
    assert "verified: as the receipt says" in capsys.readouterr().out
    assert whole["columns"]["settlements"] == 43 and 0 < found["cells"] < whole["cells"]


@pytest.mark.parametrize(("name", "column"), [("settlements", "hifp_pay"), ("line_results", "inscp_scp_amt"), ("detail", "pay"), ("settlements", "source_row"), ("rejects", "source_row")])  # fmt: skip
def test_an_altered_cell_of_a_job_is_found(out: Path, name: str, column: str, capsys: pytest.CaptureFixture[str]):
    path = part(out, name)
    visit = alter(path, column, 0, 1)
    forge(out, path.relative_to(out).as_posix())
    found = told(capsys, out, "--all", code=1)
    assert {(one["table"], one["setl_id"], one["column"]) for one in found["first_differences"]} >= {(name, visit, column)}  # fmt: skip
    assert [p["path"] for p in found["problems"]] == ([f"totals_fen.{column}"] if column == "hifp_pay" else [])


def test_files_of_a_job_that_changed_came_or_went(world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    import shutil

    shutil.copytree(world, tmp_path / "own")
    own = tmp_path / "own"
    out = do(write_job(tmp_path, "out", [str(p) for p in demo_policies()], inputs_of(own), catalog=str(own / "catalog")))  # fmt: skip
    extra = own / "data" / "visits" / "visits-009.parquet"
    table = pq.read_table(own / "data" / "visits" / "visits-000.parquet")
    pq.write_table(table.slice(0, 0), extra)
    found = told(capsys, out, code=1)
    assert [(p["what"], p["file"]) for p in found["problems"]] == [("the run did not read this file", str(extra))]
    extra.unlink()
    name = alter(own / "data" / "lines" / "lines-001.parquet", "det_item_fee_sumamt", 0, 100)
    found = told(capsys, out, "--all", code=1)
    assert [p["path"] for p in found["problems"]] == ["lines"] and found["settled_again"]
    assert name in {one["setl_id"] for one in found["first_differences"]}
    (out / "run.json").write_text("{", encoding="utf-8")
    found = told(capsys, out, code=1)
    assert not found["settled_again"] and found["problems"][0]["file"].endswith("run.json")


def test_a_job_that_continued_a_state(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Two jobs, the second from the state of the first, and explained from both."""
    tables = family()
    (tmp_path / "small.yaml").write_text(POLICY, encoding="utf-8")
    opening: dict[str, Any] = {}
    for name, start in (("first", 0), ("second", 2)):
        given = {"visits": tables["visits"].slice(start, 2), "persons": tables["persons"]}
        paths = write_inputs(tmp_path / f"{name}-data", given)
        inputs = {table: str(files[0]) for table, files in paths.items()}
        out = do(write_job(tmp_path, name, ["small.yaml"], inputs, **opening))
        found = told(capsys, out, "--people", "1")
        assert found["verified"], found
        opening = {"opening": f"{name}/"}
    assert found["people"] == 2
    for setl_id, folder in (("v1", "first"), ("v3", "second"), ("v4", "second")):
        assert main(["explain", "--run", str(tmp_path / folder), "--setl-id", setl_id, "--lang", "en"]) == 0
        assert "equals the bulk row" in capsys.readouterr().out


def test_of_a_state_in_parts_only_what_people_have_is_kept(world: Path, out: Path):
    parts = sorted(path.parent for path in (out / "state").rglob("names.json"))
    table = pq.read_table(part(out, "settlements"))
    who, name = table["psn_no"][0].as_py(), table["setl_id"][0].as_py()
    people: set[Any] = set()
    assert len(parts) > 3
    opening = Opening(parts)
    opening.add_to(people, {name}, set())
    assert people == {who}
    some = opening.of(people, set())
    assert 0 < some.settlements < len(table) and who in some.people()


def test_a_settlement_of_a_job_is_explained_from_its_rows(world: Path, out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):  # fmt: skip
    table = pq.read_table(part(out, "settlements"))
    monkeypatch.setattr(Stored, "whole", lambda self: pytest.fail("read whole") if self.schema.name in ("visits", "lines", "persons") else _whole(self))  # fmt: skip
    for row in (0, int(table["fund_pay_sumamt"].to_numpy().argmax()), int(table["medfee_sumamt"].to_numpy().argmin())):
        assert main(["explain", "--run", str(out), "--setl-id", str(table["setl_id"][row]), "--lang", "en"]) == 0
        assert "equals the bulk row in every column" in capsys.readouterr().out
    rejects = pq.read_table(part(out, "rejects")).to_pylist()
    chosen = next(row for row in rejects if row["table"] == "visits" and row["reason"] not in ("bad_value", "duplicate_setl_id"))  # fmt: skip
    assert main(["explain", "--run", str(out), "--setl-id", str(chosen["setl_id"]), "--lang", "en"]) == 0
    assert main(["explain", "--run", str(out), "--setl-id", "nobody", "--lang", "en"]) == 1
    assert "nobody" in capsys.readouterr().err


_whole = Stored.whole


def test_ids_that_are_whole_numbers_and_few_columns(world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    numbers: dict[Any, int] = {}
    tables = {}
    for name in ("visits", "lines", "persons", "institutions", "acct_events"):
        table = pa.concat_tables([pq.read_table(path) for path in sorted((world / "data" / name).iterdir())])
        for i, column in enumerate(table.column_names):
            if column in ("setl_id", "psn_no", "init_setl_id", "mulaid_psn_no"):
                cells = [
                    None if v is None else numbers.setdefault(v, len(numbers) + 1) for v in table[column].to_pylist()
                ]
                table = table.set_column(i, column, pa.array(cells, pa.int64()))
        tables[name] = table
    write_inputs(tmp_path / "data", tables, {"lines": 2}, 500)
    asked = {"columns": ["hifp_pay", "balc"], "state": False}
    out = do(write_job(tmp_path, "out", [str(p) for p in demo_policies()], inputs_of(tmp_path), catalog=str(world / "catalog"), outputs=asked))  # fmt: skip
    found = told(capsys, out, "--people", "4")
    assert found["verified"] and found["columns"]["settlements"] == 11, found
    name = pq.read_table(part(out, "settlements"))["setl_id"][2].as_py()
    assert main(["explain", "--run", str(out), "--setl-id", str(name), "--lang", "en"]) == 0
    assert "equals the bulk row" in capsys.readouterr().out


def test_a_job_is_settled_again_and_reconciled_as_a_run_of_files(world: Path, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):  # fmt: skip
    """The same changes to a job and to a run of the same tables: the same ledger; a job that was altered is refused."""
    data = tmp_path / "whole"
    data.mkdir()
    for name in inputs_of(world):
        pq.write_table(pa.concat_tables([pq.read_table(path) for path in sorted((world / "data" / name).iterdir())]), data / f"{name}.parquet")  # fmt: skip
    lines = pq.read_table(data / "lines.parquet")
    lines = lines.filter(pa.array([name != "nowhere" for name in lines["setl_id"].to_pylist()]))
    pq.write_table(lines, data / "lines.parquet")
    policies = [word for path in demo_policies() for word in ("--policy", str(path))]
    words = ["--input", str(data), "--catalog", str(world / "catalog"), "--out", str(tmp_path / "paid")]
    assert main(["settle", *policies, *words, "--lines-out", "--detail", "-q", "--json"]) == 0
    table = pq.read_table(tmp_path / "paid" / "settlements.parquet")
    dearest = table["setl_id"][int(table["fund_pay_sumamt"].to_numpy().argmax())].as_py()
    rows = lines.filter(pa.array([name == dearest for name in lines["setl_id"].to_pylist()]))
    pq.write_table(rows.select(["setl_id", "feedetl_sn"]), tmp_path / "denied.parquet")
    (tmp_path / "c.yaml").write_text("format: ybcore-changes/1\nid: c\nname: {zh: 拒付, en: denied}\nchanges:\n  - {kind: denied_lines, rows: denied.parquet, label: {zh: 拒付, en: denied}}\n", encoding="utf-8")  # fmt: skip
    found = {}
    for name, folder in (("file", tmp_path / "paid"), ("job", out)):
        again = ["--changes", str(tmp_path / "c.yaml"), "--out", str(tmp_path / name), "--threads", "1"]
        capsys.readouterr()
        assert main(["resettle", "--previous", str(folder), *again, "--json"]) == 0
        found[name] = json.loads(capsys.readouterr().out)
    assert found["job"]["totals_fen"] == found["file"]["totals_fen"] and found["job"]["totals_fen"]["funds"]["net"] < 0
    for name in ("ledger_persons", "ledger_institutions"):
        one, two = (pq.read_table(tmp_path / place).to_pylist() for place in (f"job/{name}", f"file/{name}.parquet"))
        assert sorted(one, key=str) == sorted(two, key=str) and one
    assert told(capsys, tmp_path / "job", "--all")["verified"]
    pq.write_table(pq.read_table(tmp_path / "job" / "settlements"), tmp_path / "paid_again.parquet")
    ledger = ["--ledger", str(tmp_path / "paid_again.parquet"), "--columns", str(tmp_path / "names.yaml")]
    (tmp_path / "names.yaml").write_text("unit: fen\ncolumns: {hifp_pay: hifp_pay}\n", encoding="utf-8")
    assert main(["reconcile", "--run", str(out), *ledger, "-q", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["differ"] == 1
    alter(part(out, "settlements"), "hifp_pay", 0, 1)
    assert main(["order", "--run", str(out), "--lang", "en"]) == 1
    assert "its hash differs" in capsys.readouterr().err
