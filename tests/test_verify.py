"""A run proved again from its receipt: what is as it was passes, and whatever was altered is named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_check_settlement import files as town_with_rules
from test_check_settlement import words as settle_with_rules
from test_explain import POLICY, family
from ybcore import io, messages
from ybcore.cli import main
from ybcore.cli.settle import demo_policies
from ybcore.columns.schema import VISIT_OUTPUT
from ybcore.messages import yuan_text
from ybcore.receipts.compare import Compared
from ybcore.receipts.cut import Chosen
from ybcore.receipts.files import sha256_of_file
from ybcore.receipts.model import json_schema, read_receipt
from ybcore.receipts.sample import drawn
from ybcore.receipts.stored import Stored
from ybcore.receipts.verify import Verifier
from ybcore.synth import city

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def english():
    messages.use("en")
    yield
    messages.use("zh")


def told(capsys: pytest.CaptureFixture[str], folder: Path, *words: str, code: int = 0) -> dict[str, Any]:
    """What `verify --json` says."""
    capsys.readouterr()
    assert main(["verify", str(folder), "--json", "--threads", "1", "-q", *words]) == code
    return json.loads(capsys.readouterr().out)


def settle(folder: Path, out: Path, *words: str) -> None:
    policies = [word for path in demo_policies() for word in ("--policy", str(path))]
    assert main(["settle", "--input", str(folder), *policies, "--out", str(out), "-q", "--json", "--threads", "1", *words]) == 0  # fmt: skip


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A city of 900 visits in files, in row groups of a few hundred rows."""
    folder = tmp_path_factory.mktemp("city")
    city(seed=8, persons=90, visits=900, lines_per_visit=4).write(folder, "parquet")
    for name in ("visits", "lines"):
        table = pq.read_table(folder / f"{name}.parquet")
        pq.write_table(table, folder / f"{name}.parquet", row_group_size=300)
    return folder


@pytest.fixture(scope="module")
def settled(town: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("settled") / "out"
    settle(town, out, "--lines-out", "--detail")
    return out


@pytest.fixture
def copy(town: Path, settled: Path, tmp_path: Path) -> Path:
    """The run with inputs of its own, to be altered: `out` beside `in`."""
    shutil.copytree(town, tmp_path / "in")
    shutil.copytree(settled, tmp_path / "out")
    receipt = tmp_path / "out" / "receipt.json"
    receipt.write_text(receipt.read_text(encoding="utf-8").replace(str(town.resolve()), str(tmp_path / "in")), encoding="utf-8")  # fmt: skip
    return tmp_path / "out"


def alter(path: Path, column: str, row: int, by: int) -> Any:
    """One cell of a Parquet file; the settlement it is of."""
    table = pq.read_table(path)
    cells = table[column].to_pylist()
    cells[row] += by
    at = table.column_names.index(column)
    pq.write_table(table.set_column(at, column, pa.array(cells, table[column].type)), path)
    return table["setl_id"][row].as_py()


def forge(folder: Path, name: str) -> None:
    """The hash of an output, as if nobody had touched it."""
    path = folder / "receipt.json"
    receipt = json.loads(path.read_text(encoding="utf-8"))
    for one in receipt["files"]["outputs"]:
        if one["path"] == name:
            one |= {"sha256": sha256_of_file(folder / name), "bytes": (folder / name).stat().st_size}
    path.write_text(json.dumps(receipt, ensure_ascii=False), encoding="utf-8")


def test_the_receipt_keeps_its_schema(settled: Path):
    receipt = json.loads((settled / "receipt.json").read_text(encoding="utf-8"))
    jsonschema.validate(receipt, json_schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**receipt, "counts": {}}, json_schema())


def test_the_receipt_names_every_file(town: Path, settled: Path):
    receipt = json.loads((settled / "receipt.json").read_text(encoding="utf-8"))
    for one in receipt["files"]["inputs"]:
        assert sha256_of_file(one["path"]) == one["sha256"]
    rows = {one["name"]: one["rows"] for one in receipt["files"]["inputs"]}
    assert rows["visits"] == 900 and rows["catalog.items"] > 0 and rows["policy"] is None
    named = {one["path"] for one in receipt["files"]["outputs"]} | {"receipt.json"}
    assert named == {path.relative_to(settled).as_posix() for path in settled.rglob("*") if path.is_file()}
    assert {one["path"]: one["rows"] for one in receipt["files"]["outputs"]}["settlements.parquet"] == 900


def test_an_untouched_run_is_true(settled: Path, capsys: pytest.CaptureFixture[str]):
    found = told(capsys, settled, "--people", "5")
    assert found["verified"] and found["problems"] == [] and found["differences"] == 0
    whole = told(capsys, settled, "--all")
    assert whole["rows"]["settlements"] == 900 and whole["cells"] > found["cells"] > 0
    assert whole["columns"]["settlements"] == 41 and whole["rows"]["line_results"] == pq.read_metadata(settled / "line_results.parquet").num_rows  # fmt: skip
    assert whole["rows"]["detail"] == pq.read_metadata(settled / "detail.parquet").num_rows
    assert 5 <= found["people"] < whole["people"] <= 90


def test_a_sample_is_that_of_its_seed_and_has_every_outcome(settled: Path, capsys: pytest.CaptureFixture[str]):
    table = pq.read_table(settled / "settlements.parquet")
    first = drawn_from(settled, 5, 1)
    shuffled = table.take(pa.array(list(range(len(table) - 1, -1, -1))))
    other = settled.parent / "shuffled.parquet"
    pq.write_table(shuffled, other, row_group_size=100)
    assert drawn([Stored(VISIT_OUTPUT, [other])], 5, 1) == first != drawn_from(settled, 5, 2)
    rows = [row for row in table.to_pylist() if row["psn_no"] in first.people or row["setl_id"] in first.ids]
    assert {(r["outcome"], r["reason"]) for r in rows} == {(r["outcome"], r["reason"]) for r in table.to_pylist()}


@pytest.mark.parametrize("table", ["settlements", "line_results", "detail"])
def test_one_altered_fen_is_found(copy: Path, table: str, capsys: pytest.CaptureFixture[str]):
    column = {"settlements": "psn_cash_pay", "line_results": "inscp_scp_amt", "detail": "pay"}[table]
    name = alter(copy / f"{table}.parquet", column, 100, 1)
    found = told(capsys, copy, "--all", code=1)
    assert found["differences"] == 1
    one = found["first_differences"][0]
    assert (one["table"], one["setl_id"], one["column"], one["run"] - one["again"]) == (table, name, column, 1)
    assert one["explain"].endswith(f"--setl-id {name}")
    assert [p["path"] for p in found["problems"] if "hash differs" in p["what"]] == [table]


def drawn_from(folder: Path, people: int, seed: int) -> Chosen:
    return drawn([Stored(VISIT_OUTPUT, [folder / "settlements.parquet"])], people, seed)


def test_whoever_alters_the_receipt_too_is_found(copy: Path, capsys: pytest.CaptureFixture[str]):
    """A fen of somebody who is drawn; then of another column of somebody who is not, with the sums of the receipt."""
    table = pq.read_table(copy / "settlements.parquet")
    people = drawn_from(copy, 5, 1).people
    mine = [row for row, who in enumerate(table["psn_no"].to_pylist()) if who in people]
    others = sorted(set(range(len(table))) - set(mine))
    for row, words, differences in ((mine[0], ["--people", "5"], 1), (others[0], ["--people", "5"], 0), (others[0], ["--all"], 1)):  # fmt: skip
        pq.write_table(table, copy / "settlements.parquet")
        name = alter(copy / "settlements.parquet", "psn_cash_pay", row, 1)
        forge(copy, "settlements.parquet")
        found = told(capsys, copy, *words, code=1)
        assert [p["path"] for p in found["problems"]] == ["totals_fen.psn_cash_pay"]
        assert [one["setl_id"] for one in found["first_differences"]] == [name][:differences]


def test_an_altered_word_and_a_lost_row_are_found(copy: Path, capsys: pytest.CaptureFixture[str]):
    path = copy / "settlements.parquet"
    table = pq.read_table(path)
    plans = table["plan_id"].cast(pa.string()).to_pylist()
    plans[3] = "another"
    gone = table["setl_id"][700].as_py()
    changed = table.set_column(table.column_names.index("plan_id"), "plan_id", pa.array(plans))
    pq.write_table(pa.concat_tables([changed.slice(0, 700), changed.slice(701)]), path)
    found = told(capsys, copy, "--all", code=1)
    same = {(one["setl_id"], one["column"], one["run"]) for one in found["first_differences"]}
    assert same == {(table["setl_id"][3].as_py(), "plan_id", "another"), (gone, "", "missing")}
    assert {"settlements: rows", "counts.visits"} <= {p["path"] for p in found["problems"]}


def test_an_altered_input_is_named_and_the_rest_goes_on(copy: Path, capsys: pytest.CaptureFixture[str]):
    visits = copy.parent / "in" / "lines.parquet"
    name = alter(visits, "det_item_fee_sumamt", 0, 100)
    found = told(capsys, copy, "--all", code=1)
    assert [(p["path"], p["file"]) for p in found["problems"]] == [("lines", str(visits))]
    assert found["settled_again"] and name in {one["setl_id"] for one in found["first_differences"]}
    visits.unlink()
    found = told(capsys, copy, code=1)
    assert not found["settled_again"] and "not there any more" in found["problems"][0]["what"]


def test_a_changed_catalogue_and_policy_are_named(copy: Path, town: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):  # fmt: skip
    items = copy.parent / "in" / "catalog" / "items.parquet"
    table = pq.read_table(items)
    io.write_table(table.slice(1), items)
    found = told(capsys, copy, code=1)
    assert {"catalog.items", "catalog.sha256"} == {p["path"] for p in found["problems"]}
    folder = tmp_path / "policies"
    for path in demo_policies():
        shutil.copytree(path, folder / path.name)
    assert main(["settle", "--input", str(town), "--policy", str(folder), "--out", str(tmp_path / "own"), "-q", "--json"]) == 0  # fmt: skip
    document = next(path for path in sorted(folder.rglob("*.yaml")) if "beijing" in str(path))
    text = document.read_text(encoding="utf-8")
    document.write_text(text + "\n# a remark is no change\n", encoding="utf-8")
    found = told(capsys, tmp_path / "own", code=1)
    assert [p["path"] for p in found["problems"]] == ["policy"]  # the file, not the document
    document.write_text(text.replace("id: beijing-employee-2023", "id: beijing-employee-2024"), encoding="utf-8")
    found = told(capsys, tmp_path / "own", code=1)
    assert {"policy.beijing-employee-2023", "policy.beijing-employee-2024", "policy.sha256"} <= {p["path"] for p in found["problems"]}  # fmt: skip


def test_a_damaged_receipt_says_where(copy: Path, capsys: pytest.CaptureFixture[str]):
    path = copy / "receipt.json"
    text = path.read_text(encoding="utf-8")

    def says(changed: str) -> str:
        path.write_text(changed, encoding="utf-8")
        assert main(["verify", str(copy), "--lang", "en"]) == 1
        return capsys.readouterr().err

    assert "receipt.json:" in says(text[:900]) and "the receipt is damaged" in says(text[:900])
    held = json.loads(text)
    held["counts"]["visits"] = "many"
    del held["files"]["outputs"][0]["sha256"]
    err = says(json.dumps(held))
    assert "2 problem(s)" in err and "counts.visits" in err and "files.outputs.0.sha256" in err
    assert "ybcore-receipt/1" in says("{}")
    says(text[:900])
    for words in (["explain", "--setl-id", "x"], ["order"]):
        assert main([*words, "--run", str(copy), "--lang", "en"]) == 1
        assert "the receipt is damaged" in capsys.readouterr().err
    path.unlink()
    assert main(["verify", str(copy), "--lang", "en"]) == 1
    assert "no receipt is there" in capsys.readouterr().err


def test_csv_in_gb18030(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    city(seed=3, persons=20, visits=150, lines_per_visit=3).write(tmp_path / "in", "csv", encoding="gb18030")
    settle(tmp_path / "in", tmp_path / "out", "--format", "csv", "--encoding", "gb18030", "--lines-out", "--detail")
    found = told(capsys, tmp_path / "out", "--all")
    assert found["rows"]["settlements"] == 150
    path = tmp_path / "out" / "settlements.csv"
    lines = path.read_bytes().decode("gb18030").splitlines(keepends=True)
    at = lines[0].rstrip("\n").replace('"', "").split(",").index("medfee_sumamt")
    cells = lines[5].split(",")
    cells[at] = str(round(float(cells[at]) + 0.01, 2))
    lines[5] = ",".join(cells)
    path.write_bytes("".join(lines).encode("gb18030"))
    found = told(capsys, tmp_path / "out", "--all", code=1)
    assert found["differences"] == 1 and found["first_differences"][0]["column"] == "medfee_sumamt"
    assert {p["path"] for p in found["problems"]} == {"settlements", "totals_fen.medfee_sumamt"}


def test_a_run_that_continued_a_state(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """v3 and v4 hang on what v1 took from the household's ceiling, and on another's account."""
    tables = family()
    (tmp_path / "small.yaml").write_text(POLICY, encoding="utf-8")
    pq.write_table(tables["persons"], tmp_path / "persons.parquet")
    state: list[str] = []
    for name, start in (("first", 0), ("second", 2)):
        pq.write_table(tables["visits"].slice(start, 2), tmp_path / f"{name}.parquet")
        words = ["settle", "--policy", str(tmp_path / "small.yaml"), "--visits", str(tmp_path / f"{name}.parquet"), "--persons", str(tmp_path / "persons.parquet")]  # fmt: skip
        assert main([*words, "--out", str(tmp_path / name), *state, "-q", "--json"]) == 0
        state = ["--state", str(tmp_path / name / "state")]
        found = told(capsys, tmp_path / name, "--people", "1")
        assert found["verified"] and found["rows"]["settlements"] > 0
    assert found["people"] == 2  # p1 brings the household and the other way round
    (tmp_path / "first" / "state" / "names.json").write_bytes(b"{}")
    found = told(capsys, tmp_path / "second", code=1)
    assert found["problems"][0]["path"] == "state" and not found["settled_again"]


def test_a_run_with_rules(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    town, out = town_with_rules(tmp_path / "town"), tmp_path / "out"
    assert main(["settle", *settle_with_rules(town), "--out", str(out), "--lines-out", "--detail"]) == 0
    receipt = json.loads((out / "receipt.json").read_text(encoding="utf-8"))
    jsonschema.validate(receipt, json_schema())
    assert {"findings", "details", "manifest", "statistics"} <= {one["name"] for one in receipt["files"]["outputs"]}
    assert [one["name"] for one in receipt["files"]["inputs"]].count("rules") == 1
    assert {rule["id"] for rule in receipt["rules"]["rules"]} >= {"SEX", "SICK"}
    for words in (["--all"], ["--people", "1"]):
        found = told(capsys, out, *words)
        assert found["verified"] and found["rows"]["line_results"] > 0
    path = town / "rules.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("C34", "C35").replace("codes: [C]", "codes: [D]"), encoding="utf-8")  # fmt: skip
    found = told(capsys, out, "--all", code=1)
    assert {"rules", "rules.sha256", "rules.moved_fen"} <= {p["path"] for p in found["problems"]}
    assert found["differences"] > 0


def test_it_is_told_in_both_languages(copy: Path, capsys: pytest.CaptureFixture[str]):
    cash = pq.read_table(copy / "settlements.parquet")["psn_cash_pay"].to_pylist()
    name = alter(copy / "settlements.parquet", "psn_cash_pay", 7, 1)
    assert main(["verify", str(copy), "--all", "--lang", "en"]) == 1
    out = capsys.readouterr().out
    assert f"the run has {yuan_text(cash[7] + 1)}, settled again {yuan_text(cash[7])}" in out
    assert f"the receipt says {yuan_text(sum(cash))} yuan, found {yuan_text(sum(cash) + 1)} yuan" in out
    assert "not verified" in out and f"ybcore explain --run {copy} --setl-id {name}" in out
    assert not any("\u4e00" <= c <= "\u9fff" for c in out)
    assert main(["verify", str(copy), "--all", "--lang", "zh"]) == 1
    assert "核验未通过" in capsys.readouterr().out


def test_whoever_is_drawn_alone_comes_out_as_in_the_run(town: Path, tmp_path: Path):
    """With ids that another person's visit has, reversals of others' visits, visits of nobody and of strangers."""
    shutil.copytree(town, tmp_path / "in")
    path = tmp_path / "in" / "visits.parquet"
    rows = pq.read_table(path).to_pylist()
    twice = {**rows[10], "setl_id": rows[500]["setl_id"]}
    other = next(row for row in rows if row["psn_no"] != rows[30]["psn_no"])
    back = {**rows[30], "setl_id": "back", "refd_setl_flag": "1", "init_setl_id": other["setl_id"]}
    mine = {**rows[40], "setl_id": "mine", "refd_setl_flag": "1", "init_setl_id": rows[40]["setl_id"]}
    nobody, stranger = (
        {**rows[50], "setl_id": "nobody", "psn_no": None},
        {**rows[60], "setl_id": "far", "psn_no": "far"},
    )
    table = pa.Table.from_pylist([*rows[:200], twice, back, nobody, *rows[200:], mine, twice, stranger, {**rows[70], "setl_id": None}], pq.read_schema(path))  # fmt: skip
    pq.write_table(table, path, row_group_size=250)
    settle(tmp_path / "in", tmp_path / "out", "--lines-out", "--detail")
    receipt = read_receipt(tmp_path / "out")
    kinds = {(row.outcome, row.reason) for row in receipt.counts.outcomes}
    assert {("rejected", "duplicate_setl_id"), ("rejected", "bad_value"), ("rejected", "unknown_person"), ("rejected", "other_person")} <= kinds  # fmt: skip
    found = Verifier(tmp_path / "out", receipt)
    people = sorted(set(table["psn_no"].drop_null().to_pylist()))
    for who in people[::9]:
        chosen = Chosen(people={who})
        found.compared = Compared()
        found.settle(None, 0, chosen)
        assert not found.problems and found.compared.different == 0 and who in chosen.people
        assert found.compared.rows["settlements"] >= table["psn_no"].to_pylist().count(who) > 0
    for name in ("nobody", "far", "back", "mine", rows[500]["setl_id"]):
        found.compared = Compared()
        found.settle(None, 0, Chosen(ids={name}))
        assert not found.problems and found.compared.different == 0 and found.compared.rows["settlements"] > 0
