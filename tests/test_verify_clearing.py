"""Clearing, cash benefits and studies proved again from their receipts: what is as it was passes, whatever was altered is named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from clearing_cases import HERE, load, written
from study_small import CITY, ROOT
from test_clearing_settled import DOCUMENT as STAYS
from ybcore import messages
from ybcore.cli import main
from ybcore.io import read_table, write_table
from ybcore.receipts.clearmodel import BENEFIT, CLEARING, STUDY, BenefitReceipt, ClearingReceipt, StudyReceipt
from ybcore.receipts.files import sha256_of_file
from ybcore.receipts.model import read_as
from ybcore.receipts.studies import StudyVerifier, drawn
from ybcore.synth import city

CASE = HERE / "09-points-share-a-budget"
BIRTHS = Path(__file__).resolve().parent / "golden_benefit/births-and-bounds/document.yaml"


@pytest.fixture(autouse=True)
def english():
    messages.use("en")
    yield
    messages.use("zh")


def told(capsys: pytest.CaptureFixture[str], place: Path, *words: str, code: int = 0) -> dict[str, Any]:
    """What `verify --json` says."""
    capsys.readouterr()
    assert main(["verify", str(place), "--json", "--threads", "1", "-q", *words]) == code
    return json.loads(capsys.readouterr().out)


def named(found: dict[str, Any]) -> set[tuple[str, str]]:
    return {(problem.get("path", ""), Path(problem.get("file", "")).name) for problem in found["problems"]}


def one_more(path: Path, column: str, row: int = 0) -> None:
    """One fen more in a cell of a table."""
    table = read_table(path)
    values = table[column].to_pylist()
    values[row] = values[row] + 1 if isinstance(values[row], int) else f"{float(values[row]) + 0.01:.2f}"
    at = table.column_names.index(column)
    write_table(table.set_column(at, column, pa.array(values, table[column].type)), path)


def hashed_again(receipt: Path, name: str) -> None:
    """The receipt is made to say what lies there: only what is reckoned again can find it."""
    raw = json.loads(receipt.read_text(encoding="utf-8"))
    outputs = raw["outputs"] if "outputs" in raw else raw["files"]["outputs"]
    (one,) = (held for held in outputs if held["path"].endswith(name))
    path = receipt.parent / one["path"]
    one["sha256"] = sha256_of_file(path)
    if "bytes" in one:
        one["bytes"] = path.stat().st_size
    receipt.write_text(json.dumps(raw), encoding="utf-8")


# ---------------------------------------------------------------------------------------------- clearing


@pytest.fixture
def cleared(tmp_path: Path) -> Path:
    """Tables as Parquet with the document beside them, cleared into `out`."""
    folder = tmp_path / "in"
    folder.mkdir()
    shutil.copy(CASE / "document.yaml", folder / "town.yaml")
    for name, rows in written(load(CASE / "case.yaml")).items():
        columns = list(dict.fromkeys(column for row in rows for column in row))
        pq.write_table(pa.table({c: pa.array([row.get(c) or None for row in rows], pa.string()) for c in columns}), folder / f"{name}.parquet")  # fmt: skip
    assert clear(tmp_path) == 0
    return tmp_path / "out"


def clear(tmp_path: Path, *words: str) -> int:
    return main(["clear", "--documents", str(tmp_path / "in/town.yaml"), "--input", str(tmp_path / "in"), "--out", str(tmp_path / "out"), "-q", *words])  # fmt: skip


def test_a_clearing_as_it_was_passes(cleared: Path, capsys: pytest.CaptureFixture[str]):
    found = told(capsys, cleared)
    assert found["verified"] and found["differences"] == 0 and found["problems"] == []
    receipt = read_as(cleared, ClearingReceipt, CLEARING)
    assert found["checked"]["files"] == len(receipt.files.inputs) + 5 and set(found["rows"]) == {"cases", "months", "years", "pools", "balances"}  # fmt: skip
    assert all(found["rows"][one.name] == one.rows for one in receipt.files.outputs)
    assert main(["--lang", "en", "verify", str(cleared)]) == 0
    assert "verified: as the receipt says" in capsys.readouterr().out


def test_a_clearing_in_csv_passes(cleared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    shutil.rmtree(cleared)
    assert clear(tmp_path, "--format", "csv") == 0
    assert told(capsys, cleared)["verified"]


@pytest.mark.parametrize(("table", "column", "key"), [("cases", "payment", "a"), ("months", "advance", None), ("years", "due", None), ("pools", "value", None), ("balances", "unspent", None)])  # fmt: skip
@pytest.mark.parametrize("hidden", [False, True])
def test_one_fen_more_in_an_output_is_found(table: str, column: str, key: str | None, hidden: bool, cleared: Path, capsys: pytest.CaptureFixture[str]):  # fmt: skip
    one_more(cleared / f"{table}.parquet", column)
    if hidden:
        hashed_again(cleared / "receipt.json", f"{table}.parquet")
    found = told(capsys, cleared, code=1)
    assert not found["verified"] and found["differences"] == 1
    (difference,) = found["first_differences"]
    assert (difference["table"], difference["column"]) == (table, column) and difference["run"] == difference["again"] + 1  # fmt: skip
    assert key is None or difference["setl_id"] == key
    assert named(found) == (set() if hidden else {(table, f"{table}.parquet")})


def test_rows_that_are_lost_are_found(cleared: Path, capsys: pytest.CaptureFixture[str]):
    path = cleared / "cases.parquet"
    pq.write_table(pq.read_table(path).slice(0, 2), path)
    hashed_again(cleared / "receipt.json", "cases.parquet")
    found = told(capsys, cleared, code=1)
    whole = read_as(cleared, ClearingReceipt, CLEARING).counts.cases
    assert found["differences"] == whole - 2 and ("cases: rows", "") in named(found)
    assert {(one["run"], one["again"]) for one in found["first_differences"]} == {("missing", "there")}


@pytest.mark.parametrize("name", ["budgets", "groups", "cases"])
def test_one_changed_input_is_named_and_what_it_moves_is_shown(name: str, tmp_path: Path, cleared: Path, capsys: pytest.CaptureFixture[str]):  # fmt: skip
    one_more(tmp_path / f"in/{name}.parquet", {"budgets": "budget", "groups": "points", "cases": "medfee_sumamt"}[name])
    found = told(capsys, cleared, code=1)
    assert (name, f"{name}.parquet") in named(found) and found["differences"] > 0


def test_a_changed_document_is_named(tmp_path: Path, cleared: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "in/town.yaml"
    text = path.read_text(encoding="utf-8")
    assert "rate: 0.1" in text
    path.write_text(text.replace("rate: 0.1", "rate: 0.11"), encoding="utf-8")
    found = told(capsys, cleared, code=1)
    document = read_as(cleared, ClearingReceipt, CLEARING).documents.documents[0].id
    assert {("documents", "town.yaml"), (f"documents.{document}", "")} <= named(found)
    assert "deposit" in {one["column"] for one in found["first_differences"]}


def test_files_that_are_gone_are_named(tmp_path: Path, cleared: Path, capsys: pytest.CaptureFixture[str]):
    (cleared / "months.parquet").unlink()
    found = told(capsys, cleared, code=1)
    assert ("months", "months.parquet") in named(found)
    (tmp_path / "in/groups.parquet").unlink()
    found = told(capsys, cleared, code=1)
    assert ("groups", "groups.parquet") in named(found) and not found["reckoned_again"]


@pytest.mark.parametrize(("part", "name"), [("totals_fen", "paid"), ("counts", "units")])
def test_a_figure_of_the_receipt_is_held_against_the_tables(part: str, name: str, cleared: Path, capsys: pytest.CaptureFixture[str]):  # fmt: skip
    receipt = cleared / "receipt.json"
    raw = json.loads(receipt.read_text(encoding="utf-8"))
    raw[part][name] += 1
    receipt.write_text(json.dumps(raw), encoding="utf-8")
    assert named(told(capsys, cleared, code=1)) == {(f"{part}.{name}", "")}
    raw["counts"]["units"] = "many"
    receipt.write_text(json.dumps(raw), encoding="utf-8")
    capsys.readouterr()
    assert main(["--lang", "en", "verify", str(cleared)]) == 1
    assert "the receipt is damaged" in capsys.readouterr().err


def test_a_clearing_of_a_settled_run_is_proved_from_the_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    town = city(**CITY, insutypes={"390": 1})
    town.write(tmp_path / "city", "parquet")
    assert main(["settle", "--input", str(tmp_path / "city"), "--policy", str(ROOT / "data/policies/luoyang-resident"), "--out", str(tmp_path / "run"), "-q"]) == 0  # fmt: skip
    stays = [row["setl_id"] for row in town.visits().visits.select(["setl_id", "med_type"]).to_pylist() if row["med_type"].startswith("2")]  # fmt: skip
    pq.write_table(pa.table({"setl_id": stays, "group_code": [f"G{i % 3}" for i in range(len(stays))]}), tmp_path / "groups_of.parquet")  # fmt: skip
    (tmp_path / "in").mkdir()
    (tmp_path / "in/town.yaml").write_text(STAYS, encoding="utf-8")
    assert clear(tmp_path, "--run", str(tmp_path / "run"), "--groups-of", str(tmp_path / "groups_of.parquet"), "--med-type", "2") == 0  # fmt: skip
    assert told(capsys, tmp_path / "out")["verified"]
    one_more(tmp_path / "run/settlements.parquet", "fund_pay_sumamt")
    found = told(capsys, tmp_path / "out", code=1)
    assert not found["reckoned_again"] and ("", "settlements.parquet") in named(found)


# ---------------------------------------------------------------------------------------------- benefits


@pytest.fixture
def paid(tmp_path: Path) -> Path:
    claims = "claim_id,event_date,insutype,monthly_base,matn_type\nc1,2024-06-01,510,10000,1\nc2,2024-07-01,510,9000.50,3\n"  # fmt: skip
    (tmp_path / "claims.csv").write_text(claims, encoding="utf-8")
    shutil.copy(BIRTHS, tmp_path / "births.yaml")
    assert main(["benefit", "--documents", str(tmp_path / "births.yaml"), "--claims", str(tmp_path / "claims.csv"), "--out", str(tmp_path / "paid.csv"), "-q"]) == 0  # fmt: skip
    return tmp_path / "paid.receipt.json"


def test_benefits_as_they_were_pass(paid: Path, capsys: pytest.CaptureFixture[str]):
    found = told(capsys, paid)
    assert found["verified"] and found["rows"] == {"benefits": 2} and found["cells"] == 16
    receipt = read_as(paid, BenefitReceipt, BENEFIT)
    assert receipt.counts.outcomes == {"paid": 2}
    pay = [round(float(row["pay"]) * 100) for row in read_table(paid.parent / "paid.csv").to_pylist()]
    assert receipt.totals_fen["pay"] == sum(pay) > 0


@pytest.mark.parametrize("hidden", [False, True])
def test_one_fen_more_of_a_benefit_is_found(hidden: bool, paid: Path, capsys: pytest.CaptureFixture[str]):
    one_more(paid.parent / "paid.csv", "pay", 1)
    if hidden:
        hashed_again(paid, "paid.csv")
    found = told(capsys, paid, code=1)
    (difference,) = found["first_differences"]
    assert (difference["setl_id"], difference["column"]) == ("c2", "pay") and found["differences"] == 1
    assert named(found) == (set() if hidden else {("benefits", "paid.csv")})


def test_benefits_that_cannot_be_written_leave_what_was_there(paid: Path, monkeypatch: pytest.MonkeyPatch):
    folder = paid.parent
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def full(table: pa.Table, path: Path, *rest: object) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ybcore.io.write_table", full)
    words = ["--documents", str(folder / "births.yaml"), "--claims", str(folder / "claims.csv"), "--out", str(folder / "paid.csv"), "-q"]  # fmt: skip
    assert main(["benefit", *words]) != 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_claims_and_documents_of_benefits_are_named(paid: Path, capsys: pytest.CaptureFixture[str]):
    claims = paid.parent / "claims.csv"
    claims.write_text(claims.read_text(encoding="utf-8").replace("9000.50", "9000.51"), encoding="utf-8")
    document = paid.parent / "births.yaml"
    document.write_text(document.read_text(encoding="utf-8") + "\n# a word\n", encoding="utf-8")
    assert named(told(capsys, paid, code=1)) >= {("claims", "claims.csv"), ("documents", "births.yaml")}


# ---------------------------------------------------------------------------------------------- studies


STUDIED = """format: ybcore-study/1
id: proved
policy: policy
inputs:
  synth: {seed: 5, persons: 60, visits: 300, lines_per_visit: 3, catalog_items: 500, insutypes: {"390": 1}}
reforms:
  - file: dearer.yaml
  - {id: near, changes: [{scheme: luoyang-resident, path: "plans[inpatient_community].layers[basic].rate", points: 5}]}
alternatives: [{id: one, reforms: [dearer]}]
unread: true
measures: [{id: level, kind: spending, by: [dedc_hosp_lv]}]
clearing:
  documents: clearing
  inputs: {folder: tables}
  reforms: [{id: more, budgets: [{pool: inpatient, times: "1.02"}]}]
  sweeps: [{id: plus, knobs: [{id: plus, pool: inpatient, way: add, values: [0, 10000]}]}]
outputs: {page: false, workbook: false, pictures: []}
"""
DEARER = """format: ybcore-reform/1
id: dearer
changes:
  - {scheme: luoyang-resident, path: "plans[inpatient_city_l3].layers[basic].deductible.amount", add: 300}
"""


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from ybcore.synth.clearing import clearing_tables

    folder = tmp_path_factory.mktemp("studied")
    (folder / "study.yaml").write_text(STUDIED, encoding="utf-8")
    (folder / "dearer.yaml").write_text(DEARER, encoding="utf-8")
    shutil.copytree(ROOT / "data/policies/luoyang-resident", folder / "policy")
    shutil.copytree(ROOT / "data/clearing", folder / "clearing")
    (folder / "tables").mkdir()
    for name, table in clearing_tables(3, 400).items():
        pq.write_table(table, folder / f"tables/{name}.parquet")
    assert main(["simulate", str(folder / "study.yaml"), "--out", str(folder / "out"), "-q", "--threads", "1"]) == 0
    return folder


@pytest.fixture
def own(studied: Path, tmp_path: Path) -> Path:
    """The study and its outputs, to be altered."""
    shutil.copytree(studied, tmp_path / "own")
    return tmp_path / "own/out"


def test_a_study_as_it_was_passes(own: Path, capsys: pytest.CaptureFixture[str]):
    found = told(capsys, own)
    assert found["verified"] and found["reckoned_again"][0] == "base" and len(found["reckoned_again"]) > 5
    whole = told(capsys, own, "--all")
    assert whole["verified"] and set(whole["reckoned_again"]) == {p.stem for p in (own / "tables").iterdir()}
    read_as(own, StudyReceipt, STUDY)


@pytest.mark.parametrize(
    ("table", "column", "row", "whole"),
    [("overview", "fund_pay_sumamt", 0, False), ("clearing", "due", 2, False), ("clearing-hospitals", "after", 4, False), ("level", "hifp_pay", 1, True), ("clearing-sweep-plus", "paid", 1, True)],
)  # fmt: skip
def test_one_fen_more_in_a_table_of_a_study_is_found(table: str, column: str, row: int, whole: bool, own: Path, capsys: pytest.CaptureFixture[str]):  # fmt: skip
    one_more(own / f"tables/{table}.parquet", column, row)
    looked = StudyVerifier(own, read_as(own, StudyReceipt, STUDY))
    looked.files()
    assert [Path(str(problem.file)).name for problem in looked.problems] == [f"{table}.parquet"]
    hashed_again(own / "receipt.json", f"{table}.parquet")
    found = told(capsys, own, *(["--all"] if whole else []), code=1)
    (difference,) = found["first_differences"]
    assert (difference["table"], difference["column"]) == (table, column) and difference["run"] == difference["again"] + 1  # fmt: skip


def test_an_altered_policy_is_found_where_it_is_drawn(own: Path, capsys: pytest.CaptureFixture[str]):
    one_more(own / "tables/overview.parquet", "psn_cash_pay", 1)
    hashed_again(own / "receipt.json", "overview.parquet")
    receipt, seen = read_as(own, StudyReceipt, STUDY), {}
    for seed in {drawn(["one", "package"], seed): seed for seed in range(8)}.values():
        found = StudyVerifier(own, receipt)
        found.settle(seed)
        seen[found.again[1]] = found.compared.different
    assert seen == {"one": 1, "package": 0}


def test_what_a_study_rests_on_is_named(own: Path, capsys: pytest.CaptureFixture[str]):
    reform, budgets = own.parent / "dearer.yaml", own.parent / "tables/budgets.parquet"
    reform.write_text(DEARER.replace("300", "301"), encoding="utf-8")
    one_more(budgets, "budget")
    found = told(capsys, own, code=1)
    assert {("reform", "dearer.yaml"), ("reforms.dearer", ""), ("clearing.budgets", "budgets.parquet"), ("policies.package", "")} <= named(found)  # fmt: skip
    assert found["differences"] > 0


def test_a_study_that_lies_elsewhere_is_named(own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    shutil.copytree(own, tmp_path / "far")
    found = told(capsys, tmp_path / "far", code=1)
    assert ("study", "study.yaml") in named(found) and not found["reckoned_again"]
    assert any("--study" in problem["what"] for problem in found["problems"])
    assert told(capsys, tmp_path / "far", "--study", str(own.parent / "study.yaml"))["verified"]


def test_files_beside_the_outputs_of_a_study_are_named(own: Path, capsys: pytest.CaptureFixture[str]):
    shutil.copy(own / "tables/overview.parquet", own / "tables/other.parquet")
    assert named(told(capsys, own, code=1)) == {("", "other.parquet")}
