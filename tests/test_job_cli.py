"""`ybcore run`: what it writes, what it says, in both languages; and what is wrong, all at once."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from test_job_faults import TABLES, content, job_of, make_town
from ybcore.cli import main
from ybcore.jobs.files import sha256_of


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_town(tmp_path_factory.mktemp("town"), 300)


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["run", *words])
    told = capsys.readouterr()
    return code, told.out, told.err


def test_a_job_from_the_command_line(town: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    job = job_of(tmp_path, town)
    code, out, err = run(capsys, str(job), "--lang", "en")
    assert code == 0 and "crash" not in err
    assert "300 visits" in out and "peak memory" in out and "Outcomes" in out and f"Written to {tmp_path}/job/" in out
    code, out, err = run(capsys, str(job), "--lang", "zh", "--json")
    assert code == 0 and "已完成，无需再做" in err
    told = json.loads(out)
    assert told["fresh"] is False and told["counts"]["visits"] == 300 and told["run"]["threads"] == 2
    code, out, err = run(capsys, str(job), "--lang", "zh", "--replace", "--threads", "1", "--memory", "1GiB")
    assert code == 0 and "300 笔结算" in out and "结算结果" in out
    code, out, err = run(capsys, str(job), "--quiet", "--out", str(tmp_path / "别处"))
    assert code == 0 and content(tmp_path / "别处") == content(tmp_path / "job")


def test_the_records_of_a_job(town: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Every file with rows, bytes and hash; the counts agree; nothing in it depends on when or where."""
    assert run(capsys, str(job_of(tmp_path, town)))[0] == 0
    out = tmp_path / "job"
    told = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    files = {p.relative_to(out).as_posix(): p for p in out.rglob("*") if p.is_file()}
    records = {"manifest.json", "receipt.json", "run.json", "_SUCCESS"}
    assert {f["path"] for f in told["outputs"]} == set(files) - records
    for file in told["outputs"]:
        raw = files[file["path"]].read_bytes()
        assert (file["bytes"], file["sha256"]) == (len(raw), hashlib.sha256(raw).hexdigest())
        if not file["path"].startswith("state/"):
            assert file["rows"] == pq.read_metadata(files[file["path"]]).num_rows
    for file in told["inputs"]:
        _, table, path = file["place"].split("/", 2)
        assert (
            file["sha256"] == sha256_of(str(town / table / path))
            and file["bytes"] == (town / table / path).stat().st_size
        )
        assert file["rows"] == pq.read_metadata(town / table / path).num_rows
    assert {f["place"].split("/")[1] for f in told["inputs"]} == set(TABLES)
    counts = told["counts"]

    def rows(name: str) -> int:
        return sum(f["rows"] for f in told["outputs"] if f["path"].startswith(f"{name}/"))

    rejects = pq.read_table(out / "rejects")["table"].to_pylist()
    assert counts["visits"] == 300 == rows("settlements") + rejects.count("visits")
    assert counts["lines"] == rows("line_results") + rejects.count("lines")
    assert counts["rejected"] == rejects.count("visits") and counts["rejected_lines"] == rejects.count("lines")
    assert sum(row["visits"] for row in counts["outcomes"]) == 300
    paid = sum(
        sum(pq.read_table(path)["hifp_pay"].to_pylist())
        for name, path in files.items()
        if name.startswith("settlements/")
    )
    assert told["sums"]["hifp_pay"] == paid
    receipt = json.loads((out / "receipt.json").read_text(encoding="utf-8"))
    assert receipt["totals_fen"] == told["sums"] and receipt["counts"] == counts
    assert receipt["files"]["inputs"][0]["sha256"] == told["inputs"][0]["sha256"]
    assert set(receipt) >= {"engine", "policy", "catalog", "order", "rounding", "input", "opening_state"}
    for name in ("manifest.json", "receipt.json"):
        assert str(tmp_path) not in files[name].read_text(encoding="utf-8")
    ran = json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert ran["resumed"] == 0 and ran["peak_memory_bytes"] > 10**7 and ran["without_checksums"] == []


def test_everything_that_is_wrong_at_once(town: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Policy, catalogue and tables are looked at together, and nothing is begun."""
    (tmp_path / "bad.yaml").write_text("format: ybcore-policy/1\nid: bad\n", encoding="utf-8")
    (tmp_path / "empty").mkdir()
    (tmp_path / "v.parquet").write_bytes(b"")
    changed: dict[str, Any] = {"policy": [str(tmp_path / "bad.yaml")], "catalog": str(tmp_path / "empty")}
    code, out, err = run(capsys, str(job_of(tmp_path, town, **changed)), "--lang", "en")
    assert code == 1 and out == "" and "bad.yaml" in err and "items.parquet" in err
    inputs = {"visits": str(tmp_path / "v.parquet"), "persons": str(tmp_path / "none"), "lines": str(town / "persons")}
    code, out, err = run(capsys, str(job_of(tmp_path, town, inputs=inputs)), "--lang", "zh")
    assert code == 1
    for words in ("文件是空的", "文件不存在", "缺少必需的列", "lines.med_list_codg", "inputs.persons"):
        assert words in err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.yaml", "empty", "job.yaml", "v.parquet"]


def test_what_a_user_gets_wrong(town: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    job = job_of(tmp_path, town)
    assert run(capsys, str(job), "--memory", "viel", "--lang", "zh")[0] == 1
    assert run(capsys, str(tmp_path / "none.yaml"))[0] == 1
    assert run(capsys)[0] == 2
    (tmp_path / "rules").mkdir()
    code, _, err = run(capsys, str(job_of(tmp_path, town, rules=[str(tmp_path / "rules")])), "--lang", "en")
    assert code == 1 and "rules" in err and not (tmp_path / "job").exists()
