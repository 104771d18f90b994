"""`ybcore check` as a person meets it: files in, files out, a table on stdout."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from check_small import write
from ybcore import io, messages
from ybcore.checks import load_rules, shipped_rules
from ybcore.cli import main


@pytest.fixture(autouse=True)
def chinese(monkeypatch: pytest.MonkeyPatch):
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    yield
    messages.use("zh")


def words(folder: Path, *more: str) -> list[str]:
    paths = ["--input", str(folder / "data"), "--rules", str(folder / "rules.yaml"), "--out", str(folder / "out")]
    return ["check", *paths, "--threads", "1", *more]


def row_of(text: str, rule: str) -> list[str]:
    """Cells of a rule's row."""
    line = next(line for line in text.splitlines() if re.match(rf" {rule} ", line))
    return [cell.strip() for cell in line.split("│")]


def test_a_folder_is_checked_and_told_in_chinese(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write(tmp_path)
    assert main(words(tmp_path)) == 0
    caught = capsys.readouterr()
    assert "3 次就诊，4 行明细；6 条规则：运行 3，跳过 2，停用 1" in caught.out and "违规 3 项" in caught.out
    assert row_of(caught.out, "LISTED") == ["LISTED", "名单药品", "拒付", "2", "30.50", "0", ""]
    assert row_of(caught.out, "OFTEN") == ["OFTEN", "频繁就诊", "疑点", "1", "0.00", "0", ""]
    assert row_of(caught.out, "EMPTY") == ["EMPTY", "空名单", "拒付", "", "", "", "跳过：表 nothing 没有数据行"]
    assert row_of(caught.out, "SAME")[-1] == "跳过：缺少 lines.rxno"
    assert row_of(caught.out, "OFF")[-1] == "停用：no value"
    assert row_of(caught.out, "DEAR")[2:5] == ["拒付（试运行）", "2", "11.50"]
    assert row_of(caught.out, "拒付") == ["拒付", "2", "1", "30.50", "30.50"]
    assert row_of(caught.out, "疑点") == ["疑点", "1", "1", "0.00", "0.00"]
    assert "试运行规则另有 2 项" in caught.out
    assert (
        "visits.csv：编码 utf-8" in caught.err and "findings.parquet、details.parquet、manifest.parquet" in caught.err
    )
    out = tmp_path / "out"
    findings, details = pq.read_table(out / "findings.parquet"), pq.read_table(out / "details.parquet")
    assert findings["rule_id"].to_pylist() == ["LISTED", "LISTED", "OFTEN", "DEAR", "DEAR"]
    assert sum(findings["vola_amt"].to_pylist()) == 4200 and sum(details["paid_amt"].to_pylist()) == 3050
    assert pq.read_table(out / "manifest.parquet").num_rows == 6


def test_the_same_in_english(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write(tmp_path)
    assert main(words(tmp_path, "--lang", "en", "-q")) == 0
    caught = capsys.readouterr()
    assert "3 visits, 4 lines; 6 rules: 3 run, 2 skipped, 1 disabled" in caught.out and "3 findings in" in caught.out
    assert row_of(caught.out, "LISTED") == ["LISTED", "listed drug", "deny", "2", "30.50", "0", ""]
    assert row_of(caught.out, "EMPTY")[-1] == "skipped: table nothing has no rows"
    assert row_of(caught.out, "SAME")[-1] == "skipped: missing lines.rxno"
    assert row_of(caught.out, "OFF")[-1] == "disabled: no value"
    assert "Findings of shadow rules, besides: 2" in caught.out
    assert caught.err == "" and not any("\u4e00" <= c <= "\u9fff" for c in caught.out)


def test_gb18030_in_and_out_gives_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    write(tmp_path / "a")
    write(tmp_path / "b", "gb18030")
    assert main(words(tmp_path / "a", "-q")) == 0
    capsys.readouterr()
    assert main(words(tmp_path / "b", "--format", "csv", "--encoding", "gb18030")) == 0
    assert "institutions.csv：编码 gb18030" in capsys.readouterr().err
    ours = pq.read_table(tmp_path / "a/out/findings.parquet")
    text = io.read_table(tmp_path / "b/out/findings.csv", "gb18030")
    assert text["jr_id"].to_pylist() == ours["jr_id"].to_pylist()
    assert sorted(text["vola_amt"].to_pylist()) == ["0.00", "10.50", "20.00", "3.50", "8.00"]
    often = ours["rule_id"].to_pylist().index("OFTEN")
    assert (text["begin"][often].as_py(), text["end"][often].as_py()) == ("2025-03-01 00:00:00", "2025-04-01 00:00:00")
    details = io.read_table(tmp_path / "b/out/details.csv", "gb18030")
    assert set(details["cnt"].to_pylist()) >= {"1.0000", "2.0000", None}


def test_json_is_the_summary(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write(tmp_path)
    assert main(words(tmp_path, "--json", "-q")) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["visits"], data["lines"], data["findings"], data["shadow"]) == (3, 4, 3, 2)
    assert data["rules"][0]["vola_amt_fen"] == 3050 and data["rules"][3]["reason"] == "缺少 lines.rxno"
    assert [row["disposition"] for row in data["dispositions"]] == ["deny", "suspect"]


def test_suppression_known_at_and_stage(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write(tmp_path)
    rows = "rule,psn_no,setl_id,reason,owner,expires\nLISTED,P1,S2,先抑制,李,2099-01-01\nOFTEN,P1,,已申诉,王,2025-01-01\nGONE,P1,,无,王,2099-01-01\nLISTDE,P1,,无,王,2099-01-01\n"
    (tmp_path / "quiet.csv").write_text(rows, encoding="gb18030")
    assert main(words(tmp_path, "--suppress", str(tmp_path / "quiet.csv"))) == 0
    caught = capsys.readouterr()
    assert row_of(caught.out, "LISTED")[3:5] == ["1", "10.50"] and "已抑制 1 项" in caught.out
    assert "rule LISTED, psn_no P1, setl_id S2：抑制 1 项" in caught.err
    assert "rule OFTEN, psn_no P1：已于 2025-01-01 到期" in caught.err
    assert "rule GONE, psn_no P1：规则册中没有这条规则\n" in caught.err
    assert "rule LISTDE, psn_no P1：规则册中没有这条规则，最接近的是 LISTED" in caught.err
    assert main(words(tmp_path, "--known-at", "2024-12-31", "--stage", "before", "-q")) == 0
    assert row_of(capsys.readouterr().out, "LISTED")[3] == "0"


def test_a_reason_in_two_languages_is_told_in_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write(tmp_path)
    rules = (tmp_path / "rules.yaml").read_text(encoding="utf-8")
    (tmp_path / "rules.yaml").write_text(rules.replace("reason: no value", "reason: 没有数值 / no value"), encoding="utf-8")  # fmt: skip
    for lang, told in (("zh", "停用：没有数值"), ("en", "disabled: no value")):
        assert main(words(tmp_path, "--lang", lang, "-q")) == 0
        assert row_of(capsys.readouterr().out, "OFF")[-1] == told


def test_what_could_not_be_read_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    data = write(tmp_path)
    text = (tmp_path / "data/lines.csv").read_text(encoding="utf-8")
    (tmp_path / "data/lines.csv").write_text(text.replace("10.50", "10.501"), encoding="utf-8")
    assert data and main(words(tmp_path)) == 0
    assert "lines.det_item_fee_sumamt：1 个单元格无法读取，按缺失处理（第 1 行）" in capsys.readouterr().err
    assert main(words(tmp_path, "--lang", "en", "--json")) == 0
    caught = capsys.readouterr()
    assert "lines.det_item_fee_sumamt: 1 cells cannot be read and count as missing (rows 1)" in caught.err
    told = json.loads(caught.out)
    assert told["unread"][0]["rows"] == [1] and told["visits_left_out"] == 0


def test_a_suppression_list_that_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write(tmp_path)
    (tmp_path / "quiet.csv").write_text("rule,psn\nLISTED,P1\n", encoding="utf-8")
    assert main(words(tmp_path, "--lang", "en", "--suppress", str(tmp_path / "quiet.csv"))) == 1
    told = capsys.readouterr().err
    assert "quiet.csv" in told and "nearest name: psn_no" in told and "row names none of" in told
    (tmp_path / "quiet.csv").write_text("rule,psn_no,reason\nLISTED,P1,\nLISTED,P2,agreed\n", encoding="utf-8")
    assert main(words(tmp_path, "--lang", "en", "--suppress", str(tmp_path / "quiet.csv"))) == 1
    told = " ".join(capsys.readouterr().err.split())
    assert "the row of rule LISTED lacks reason, owner, expires (reason: why these findings are left out" in told
    assert "the row of rule LISTED lacks owner, expires (owner: who answers for it; expires: the day from which" in told


def test_wrong_paths_are_told_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    away = ["--input", str(tmp_path / "nowhere"), "--rules", str(tmp_path / "no.yaml"), "--out", str(tmp_path / "out")]
    assert main(["check", *away]) == 1
    caught = capsys.readouterr()
    assert "共 2 处问题" in caught.err and "nowhere: 文件夹不存在" in caught.err and "no.yaml: 文件不存在" in caught.err
    assert caught.out == "" and not (tmp_path / "out").exists()
    (tmp_path / "empty").mkdir()
    write(tmp_path)
    assert main(["--lang", "en", *words(tmp_path), "--input", str(tmp_path / "empty")]) == 1
    assert "no visits.parquet and no visits.csv" in capsys.readouterr().err
    assert main(["check", "--out", str(tmp_path)]) == 2


def test_rules_that_do_not_load(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write(tmp_path)
    rules = tmp_path / "rules.yaml"
    rules.write_text(rules.read_text(encoding="utf-8").replace("kernel: K07", "kernel: K77"), encoding="utf-8")
    assert main(words(tmp_path, "--lang", "en")) == 1
    assert f"{rules}:" in capsys.readouterr().err


def test_a_table_that_cannot_be_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    data = write(tmp_path)
    (data / "diagnoses.csv").write_text("setl_id,diag_code\nS9,J18\n", encoding="utf-8")
    assert main(words(tmp_path)) == 1
    assert "不在结算表中" in capsys.readouterr().err


def test_shipped_rules_are_the_default(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write(tmp_path)
    arguments = ["check", "--input", str(tmp_path / "data"), "--out", str(tmp_path / "out"), "-q", "--json"]
    assert main(arguments) == 0
    data = json.loads(capsys.readouterr().out)
    assert [row["rule_id"] for row in data["rules"]] == [rule.id for rule in load_rules(shipped_rules())]


def test_a_catalogue_beside_the_tables_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    data = write(tmp_path)
    rule = '  - {id: UNKNOWN, name: {zh: 目录外, en: not listed}, kernel: K15, check: {form: in_catalogue}, amount: none, disposition: warn, severity: 3, source: slides}\n'  # fmt: skip
    with open(tmp_path / "rules.yaml", "a", encoding="utf-8") as file:
        file.write(rule)
    assert main(words(tmp_path, "-q")) == 0
    assert row_of(capsys.readouterr().out, "UNKNOWN")[-1] == "跳过：缺少 医保目录"
    items = pa.table({"med_list_codg": ["a", "b"], "chrgitm_lv": ["01", "01"]})
    (data / "catalog").mkdir()
    io.write_table(items, data / "catalog" / "items.csv")
    assert main(words(tmp_path, "-q")) == 0
    assert row_of(capsys.readouterr().out, "UNKNOWN")[3] == "1"
