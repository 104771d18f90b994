"""Output folders of `settle` and `resettle` are there whole or not at all; what cannot be written is told with what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from resettle_small import make
from ybcore import io, messages
from ybcore.cli import main
from ybcore.cli.settle import demo_policies

QUIET = ["-q", "--threads", "1"]


@pytest.fixture(autouse=True)
def chinese():
    yield
    messages.use("zh")


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("whole") / "town", 120)


def settle(town: Path, out: Path, *words: str) -> int:
    policies = [word for path in demo_policies() for word in ("--policy", str(path))]
    return main(["settle", *policies, "--input", str(town / "input"), "--out", str(out), *words, *QUIET])


def resettle(town: Path, out: Path, *words: str) -> int:
    return main(["resettle", "--previous", str(town / "paid"), "--changes", str(town / "changes.yaml"), "--out", str(out), *words, *QUIET])  # fmt: skip


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def failing(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Writing a table of this name fails as on a full disk."""
    write = io.write_table

    def full(table, path, *rest, **more):
        if Path(path).stem == name:
            raise OSError(28, "No space left on device", str(path))
        return write(table, path, *rest, **more)

    monkeypatch.setattr(io, "write_table", full)


@pytest.mark.parametrize(("command", "last"), [(settle, "settlements"), (resettle, "detail")])
def test_a_disk_that_is_full_leaves_what_was_there(command, last: str, town: Path, tmp_path: Path, monkeypatch, capsys):
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        failing(patch, last)
        assert command(town, out, "--lang", "en") == 1
    assert "the disk is full; make room" in capsys.readouterr().err and list(tmp_path.iterdir()) == []
    assert command(town, out) == 0
    whole = content(out)
    with monkeypatch.context() as patch:
        failing(patch, last)
        assert command(town, out, "--lang", "zh") == 1
    assert "磁盘已满" in capsys.readouterr().err and content(out) == whole
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_what_a_killed_run_left_is_taken_away(town: Path, tmp_path: Path):
    left = tmp_path / "out.unfinished"
    left.mkdir()
    (left / "settlements.parquet").write_bytes(b"half")
    assert settle(town, tmp_path / "out") == 0
    assert not left.exists() and (tmp_path / "out/receipt.json").exists()


def test_a_folder_that_a_job_has_not_finished_is_left_alone(town: Path, tmp_path: Path, capsys):
    left = tmp_path / "out.unfinished"
    left.mkdir()
    (left / "journal.jsonl").write_text("{}\n", encoding="utf-8")
    assert settle(town, tmp_path / "out", "--lang", "en") == 1
    assert "a job is not finished here" in capsys.readouterr().err and left.exists()


@pytest.mark.parametrize(
    ("lang", "words"), [("en", "a file stands where a folder is needed"), ("zh", "这里需要文件夹")]
)
def test_a_place_that_cannot_be_written_is_named(town: Path, tmp_path: Path, lang: str, words: str, capsys):
    (tmp_path / "file").write_text("", encoding="utf-8")
    for out in (tmp_path / "file", tmp_path / "file/out"):
        assert settle(town, out, "--lang", lang) == 1
        told = capsys.readouterr().err
        assert words in told and str(tmp_path / "file") in told and "crash" not in told


def test_other_files_of_the_folder_stay(town: Path, tmp_path: Path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("ours", encoding="utf-8")
    assert resettle(town, out) == 0 and (out / "notes.txt").read_text(encoding="utf-8") == "ours"
