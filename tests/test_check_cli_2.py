"""`rules replay`, `rules why` and `check --labels` as a person meets them."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from check_small import write
from ybcore import io, messages
from ybcore.cli import main


@pytest.fixture(autouse=True)
def chinese(monkeypatch: pytest.MonkeyPatch):
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    yield
    messages.use("zh")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path)
    return tmp_path


def replay(folder: Path, *more: str) -> int:
    return main(
        ["rules", "replay", str(folder / "rules.yaml"), "--input", str(folder / "data"), "--threads", "1", *more]
    )


def why(folder: Path, *more: str) -> int:
    paths = ["--rules", str(folder / "rules.yaml"), "--input", str(folder / "data"), "--threads", "1", "-q"]
    return main(["rules", "why", *paths, *more])


def cells(text: str, value: str) -> list[str]:
    """Cells of a value's row."""
    line = next(line for line in text.splitlines() if line.split("│")[0].strip() == value)
    return [cell.strip() for cell in line.split("│")]


def test_a_replay_in_chinese_and_english(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert replay(folder, "--rule", "OFTEN", "--values", "0, 1,2", "-q") == 0
    out = capsys.readouterr().out
    assert "OFTEN 频繁就诊" in out and "3 个值，扫描 1 次" in out
    assert cells(out, "1（现行）") == ["1（现行）", "1", "0", "1", "1", "0.00"]
    assert cells(out, "0") == ["0", "2", "0", "3", "2", "0.00"]
    assert replay(folder, "--rule", "DEAR", "--from", "10", "--to", "20", "--step", "2.50", "-q", "--lang", "en") == 0
    out = capsys.readouterr().out
    assert "DEAR dear" in out and "5 values, 1 scan" in out and "before suppression and relations" in out
    assert cells(out, "12.5") == ["12.5", "2", "2", "0", "1", "10.50"]
    assert cells(out, "20") == ["20", "0", "0", "0", "0", "0.00"]


def test_a_replay_written_to_files(folder: Path, capsys: pytest.CaptureFixture[str]):
    for suffix in ("csv", "parquet", "json"):
        assert replay(folder, "--rule", "DEAR", "--values", "12,15.5", "--out", str(folder / f"out/r.{suffix}")) == 0
    assert f"已写入 {folder}/out/r.csv" in capsys.readouterr().err
    assert io.read_table(folder / "out/r.csv").to_pylist()[0] == {"value": "12", "hits": "2", "lines": "2", "visits": "0", "persons": "1", "vola_amt": "11.50", "again": "0", "scans": "1"}  # fmt: skip
    assert pq.read_table(folder / "out/r.parquet")["vola_amt"].to_pylist() == [1150, 450]
    assert [row["vola_amt_fen"] for row in json.loads((folder / "out/r.json").read_text())] == [1150, 450]
    assert replay(folder, "--rule", "DEAR", "--values", "12", "--json", "-q") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["rule_id"], told["figure"], told["own"], told["values"][0]["hits"]) == ("DEAR", "cap", "12", 2)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--rule", "DEA", "--values", "1"], "最接近的名称：DEAR"),
        (["--rule", "LISTED", "--values", "1"], "应为：以下之一：OFTEN, DEAR"),
        (["--rule", "DEAR"], "请给出 --values，或同时给出 --from、--to、--step"),
        (["--rule", "DEAR", "--from", "1", "--to", "2"], "请给出 --values，或同时给出 --from、--to、--step"),
        (["--rule", "DEAR", "--from", "1", "--to", "x", "--step", "0"], "--to: 应为数字，实为 'x'"),
        (["--rule", "DEAR", "--from", "1", "--to", "0", "--step", "1"], "--to 不应小于 --from"),
        (["--rule", "DEAR", "--from", "0", "--to", "100", "--step", "1"], "共 101 个值，一次最多 100 个"),
        (["--rule", "DEAR", "--values", "1", "--out", "x.txt"], "后缀应为 .csv、.parquet 或 .json"),
    ],
)
def test_replays_that_cannot_be(folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], told: str):
    assert replay(folder, *words) == 1
    assert told in capsys.readouterr().err


def test_lines_that_repeat_their_number_are_told(folder: Path, capsys: pytest.CaptureFixture[str]):
    lines = folder / "data/lines.csv"
    lines.write_text(lines.read_text(encoding="utf-8").replace("S1,2,b", "S1,1,a"), encoding="utf-8")
    words = [
        "check",
        "--rules",
        str(folder / "rules.yaml"),
        "--input",
        str(folder / "data"),
        "--out",
        str(folder / "out"),
    ]
    assert main(words) == 0
    assert "1 项违规与另一项的 jr_id 相同：同一次就诊中 feedetl_sn 重复" in capsys.readouterr().err
    assert main([*words, "--lang", "en"]) == 0
    assert "1 findings have the jr_id of another" in capsys.readouterr().err


def test_a_day_is_told_as_people_write_it(folder: Path, capsys: pytest.CaptureFixture[str]):
    words = ["check", "--input", str(folder / "data"), "--out", str(folder / "out"), "--known-at", "2025-02-30"]
    assert main(words) == 2
    assert "'--known-at' 的值 '2025-02-30' 不合格式 YYYY-MM-DD" in capsys.readouterr().err
    assert main([*words, "--lang", "en"]) == 2
    assert "'2025-02-30' does not match the format YYYY-MM-DD" in capsys.readouterr().err


def test_why_in_both_languages(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert why(folder, "--rule", "LISTED", "S1/1", "S1/2", "S9", "S1") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("S1/1 LISTED: 命中：") and lines[0].endswith("，已扣除（10.50 元）")
    assert lines[1:] == [
        "S1/2 LISTED: b 不在项目范围内",
        "S9 LISTED: 表中没有 setl_id S9",
        "S1 LISTED: 该规则检查的是明细",
    ]
    assert why(folder, "--rule", "OFTEN", "S3", "--lang", "en") == 0
    assert (
        capsys.readouterr().out
        == "S3 OFTEN: compared and not beyond: counted 1 visit, limit 1 visit; calendar months from 2025-03-01 until before 2025-04-01\n"
    )
    assert why(folder, "--rule", "EMPTY", "S3/1", "--json") == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert (told["code"], told["value"], told["findings"]) == ("skipped", "table nothing has no rows", [])
    for rule, zh, en in (
        ("EMPTY", "规则未运行：表 nothing 没有数据行", "the rule did not run: table nothing has no rows"),
        ("SAME", "规则未运行：缺少 lines.rxno", "the rule did not run: missing lines.rxno"),
        ("LISTED", None, "it hit: "),
    ):
        for lang, told in (("zh", zh), ("en", en)):
            assert why(folder, "--rule", rule, "S1/1", "--lang", lang) == 0
            out = capsys.readouterr().out.removeprefix(f"S1/1 {rule}: ").removesuffix("\n")
            assert (
                told is None
                or out == told
                or (told.endswith(": ") and out.endswith(", its money is moved (10.50 yuan)"))
            )
    rules = folder / "rules.yaml"
    text = rules.read_text(encoding="utf-8").replace("reason: no value", "reason: 没有数值 / no value")
    rules.write_text(text, encoding="utf-8")
    for lang, told in (("zh", "规则已停用：没有数值"), ("en", "the rule is disabled: no value")):
        assert why(folder, "--rule", "OFF", "S1", "--lang", lang) == 0
        assert capsys.readouterr().out == f"S1 OFF: {told}\n"
    assert why(folder, "--rule", "EMPT", "S3/1") == 1
    assert "最接近的名称：EMPTY" in capsys.readouterr().err


def test_labels_and_statistics(folder: Path, capsys: pytest.CaptureFixture[str]):
    words = ["check", "--rules", str(folder / "rules.yaml"), "--input", str(folder / "data"), "--out", str(folder / "out"), "--threads", "1", "--format", "csv"]  # fmt: skip
    assert main([*words, "-q"]) == 0
    found = io.read_table(folder / "out/findings.csv").to_pylist()
    statistics = io.read_table(folder / "out/statistics.csv").to_pylist()
    assert [row["vola_amt"] for row in statistics] == ["20.00", "10.50", "0.00", "8.00", "3.50"]
    assert {name: statistics[1][name] for name in ("rule_id", "level", "fixmedins_code", "hits")} == {"rule_id": "LISTED", "level": "3", "fixmedins_code": "H1", "hits": "1"}  # fmt: skip
    assert not (folder / "out/precision.csv").exists()
    outcomes = ["confirmed", "overturned", "confirmed"]
    labels = [f"{row['jr_id']},{outcome}" for row, outcome in zip(found[:3], outcomes, strict=True)] + [
        "gone,overturned"
    ]
    (folder / "labels.csv").write_text("\n".join(["jr_id,outcome", *labels]) + "\n")
    capsys.readouterr()
    assert main([*words, "--labels", str(folder / "labels.csv")]) == 0
    caught = capsys.readouterr()
    assert "statistics.csv、precision.csv" in caught.err
    listed = next(line for line in caught.out.splitlines() if "50.00%" in line)
    assert [cell.strip() for cell in listed.split("│")] == ["LISTED", "2", "2", "1", "1", "50.00%"]
    assert "另有 1 项复核结果" in caught.out
    assert [row["share"] for row in io.read_table(folder / "out/precision.csv").to_pylist()] == ["0.500000", "1.000000", None, "0.000000"]  # fmt: skip
    assert main([*words, "--labels", str(folder / "labels.csv"), "--json", "-q"]) == 0
    assert [row["confirmed"] for row in json.loads(capsys.readouterr().out)["precision"]] == [1, 1, 0, 0]
    with (folder / "data/lines.csv").open("a", encoding="utf-8") as lines:
        lines.write("S3,2,a,1,1.00,2025-03-09\n")
    assert main([*words, "-q"]) == 0
    listed = [
        row["jr_id"] for row in io.read_table(folder / "out/findings.csv").to_pylist() if row["rule_id"] == "LISTED"
    ]
    assert len(listed) == 3
    labels = [f"{jr_id},{outcome}" for jr_id, outcome in zip(listed, outcomes, strict=True)]
    (folder / "labels.csv").write_text("\n".join(["jr_id,outcome", *labels]) + "\n")
    capsys.readouterr()
    assert main([*words, "--labels", str(folder / "labels.csv")]) == 0
    assert "66.67%" in capsys.readouterr().out, "rounded half up"
    (folder / "labels.csv").write_text("jr_id,outcome\nx,perhaps\n")
    assert main([*words, "--labels", str(folder / "labels.csv"), "-q"]) == 1
    told = capsys.readouterr().err.replace("\n", "")
    assert "outcome 应为 confirmed 或 overturned，实为 'perhaps'" in told and "labels.csv 第 1 行" in told
    assert main([*words, "--labels", str(folder / "none.csv"), "-q"]) == 1
    assert "文件不存在" in capsys.readouterr().err


def test_rules_among_the_rows_of_a_question(folder: Path, capsys: pytest.CaptureFixture[str]):
    """The other commands take them so; here they have an option."""
    asked = ["rules", "why", "--input", str(folder / "data"), "-q", "S1", str(folder / "rules.yaml"), "--rule", "OFTEN"]
    assert main(asked) == 1
    assert f"--rules {folder / 'rules.yaml'}" in capsys.readouterr().err
    asked[asked.index(str(folder / "rules.yaml"))] = str(folder)
    assert main([*asked, "--lang", "en"]) == 1
    told = capsys.readouterr().err
    assert "is taken as a row" in told and f"--rules {folder}" in told
    assert main(["rules", "why", "--input", str(folder / "data"), "-q", "S1", "--rule", "OFTEN"]) == 1
    assert "没有规则 'OFTEN'" in capsys.readouterr().err
