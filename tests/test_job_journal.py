"""The journal of a job: what it notes stays, what it does not name goes, and one job at a time."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ybcore import InputError
from ybcore.errors import JobError
from ybcore.jobs import disk
from ybcore.jobs.journal import Journal, finish, replaced, unfinished

IDENTITY = {
    "document": "a1",
    "policy": {"p": "b2"},
    "inputs/visits/v.parquet": [10, 111],
    "inputs/lines/l.parquet": [20, 222],
}


def text(words: str, **facts: Any) -> Callable[[Path], dict[str, Any]]:
    def write(place: Path) -> dict[str, Any]:
        place.write_text(words, encoding="utf-8")
        return facts

    return write


def folder_of(**files: str) -> Callable[[Path], None]:
    def write(place: Path) -> None:
        place.mkdir()
        for name, words in files.items():
            (place / name).write_text(words, encoding="utf-8")

    return write


def names(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_what_is_noted_is_found_again(tmp_path: Path):
    folder = unfinished(tmp_path / "out")
    with Journal.open(folder, IDENTITY) as journal:
        assert journal.find("unit", 0) is None and journal.resumed == 0
        journal.note("cut", "", visits=7)
        made = journal.part("settlements", 3, "settlements/结算.parquet", text("abc", rows=3))
        assert made["rows"] == 3 and made["bytes"] == 3 and made["path"] == "settlements/结算.parquet"
        journal.part("state", 3, "state/part-3", folder_of(a="1", b="22"))
        journal.part("spill", 0, "spill/0", text("on the way"), passing=True)
    with Journal.open(folder, IDENTITY) as journal:
        assert journal.resumed == 1 and journal.find("cut", "")["visits"] == 7
        assert journal.find("settlements", 3) == made and journal.find("settlements", "3") is None
        state = journal.find("state", 3)
        assert [f["path"] for f in state["files"]] == ["state/part-3/a", "state/part-3/b"] and state["bytes"] == 3
        assert journal.find("spill", 0)["files"][0]["crc32"] and list(journal.all("cut")) == [""]


@pytest.mark.parametrize("harm", ["gone", "short", "flipped"])
@pytest.mark.parametrize("kind", ["settlements", "state", "spill"])
def test_a_part_that_is_not_what_it_was_is_not_found(tmp_path: Path, harm: str, kind: str):
    folder = unfinished(tmp_path / "out")
    with Journal.open(folder, IDENTITY) as journal:
        journal.part("settlements", 0, "settlements/0", text("abcdef"))
        journal.part("state", 0, "state/0", folder_of(x="abcdef"))
        journal.part("spill", 0, "spill/0", text("abcdef"), passing=True)
    place = {"settlements": "settlements/0", "state": "state/0/x", "spill": "spill/0"}[kind]
    if harm == "gone":
        (folder / place).unlink()
    else:
        (folder / place).write_text("abc" if harm == "short" else "abcdeg")
    with Journal.open(folder, IDENTITY) as journal:
        found = {name: journal.find(name, 0) is not None for name in ("settlements", "state", "spill")}
        assert found == {name: name != kind for name in found}
        again = folder_of(x="new") if kind == "state" else text("new")
        journal.part(kind, 0, {"settlements": "settlements/0", "state": "state/0", "spill": "spill/0"}[kind], again)
        assert journal.find(kind, 0)["bytes"] == 3


def test_what_is_not_named_is_thrown_away(tmp_path: Path):
    folder = unfinished(tmp_path / "out")
    with Journal.open(folder, IDENTITY) as journal:
        journal.part("a", 0, "settlements/0", text("abc"))
    for stray in ("settlements/1", "settlements/0.tmp", "state/0/x", "_SUCCESS"):
        (folder / stray).parent.mkdir(parents=True, exist_ok=True)
        (folder / stray).write_text("half")
    with Journal.open(folder, IDENTITY):
        assert names(folder) == ["journal.jsonl", "settlements/0"]


def test_a_torn_line_is_cut_off_with_all_that_follows(tmp_path: Path):
    """Cut anywhere, the journal holds the notes whose lines are whole, and goes on from there."""
    folder = unfinished(tmp_path / "out")
    with Journal.open(folder, IDENTITY) as journal:
        for i in range(4):
            journal.note("n", i, 文字="甲乙")
    whole = (folder / "journal.jsonl").read_bytes()
    ends = [i + 1 for i, byte in enumerate(whole) if byte == 10]
    for cut in range(0, len(whole) + 1, 7):
        (folder / "journal.jsonl").write_bytes(whole[:cut])
        with Journal.open(folder, IDENTITY) as journal:
            lines = sum(end <= cut for end in ends)
            assert len(journal.all("n")) == max(0, lines - 2)
            journal.note("after", 0)
        with Journal.open(folder, IDENTITY) as journal:
            assert journal.find("after", 0) is not None
    (folder / "journal.jsonl").write_bytes(whole[: ends[2]] + b"\0\0garbage\n" + whole[ends[2] :])
    with Journal.open(folder, IDENTITY) as journal:
        assert list(journal.all("n")) == [0]


def test_another_job_is_told_what_differs(tmp_path: Path):
    folder = unfinished(tmp_path / "out")
    with Journal.open(folder, IDENTITY) as journal:
        journal.part("a", 0, "a", text("abc"))
    other = {
        "document": "a1",
        "policy": {"p": "zz"},
        "inputs/visits/v.parquet": [11, 111],
        "inputs/visits/w.parquet": [1, 1],
    }
    with pytest.raises(InputError) as wrong:
        Journal.open(folder, other)
    told = {p.path: p.what for p in wrong.value.problems}
    assert set(told) == {"policy/p", "inputs/visits/v.parquet", "inputs/visits/w.parquet", "inputs/lines/l.parquet"}
    assert "was not there when" in told["inputs/visits/w.parquet"] and "not any more" in told["inputs/lines/l.parquet"]
    assert "与作业开始时不同" in wrong.value.render("zh") and "--replace" in wrong.value.render("en")
    with Journal.open(folder, IDENTITY) as journal:
        assert journal.find("a", 0) is not None, "what is there stays"
    with Journal.open(folder, other, replace=True) as journal:
        assert journal.find("a", 0) is None and names(folder) == ["journal.jsonl"]


def test_a_file_that_was_only_touched_is_the_same(tmp_path: Path):
    folder = unfinished(tmp_path / "out")
    place = "inputs/visits/v.parquet"
    with Journal.open(folder, IDENTITY) as journal:
        journal.note("sha256", place, sha256="same")
    touched = IDENTITY | {place: [10, 999]}
    asked: list[str] = []

    def recheck(of: str) -> str:
        asked.append(of)
        return "same"

    with Journal.open(folder, touched, recheck=recheck):
        assert asked == [place]
    for identity, answer in ((touched, "other"), (IDENTITY | {place: [11, 999]}, "same")):
        with pytest.raises(InputError, match=place):
            Journal.open(folder, identity, recheck=lambda of, answer=answer: answer)
    with pytest.raises(InputError, match="lines"):  # never hashed: nobody can tell
        Journal.open(folder, IDENTITY | {"inputs/lines/l.parquet": [20, 3]}, recheck=recheck)


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path):
    """A folder that happens to bear the name of an unfinished or a replaced job is not ours to clear."""
    out = tmp_path / "out"
    for beside in (unfinished(out), replaced(out)):
        beside.mkdir()
        (beside / "信.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="no job wrote it"):
        Journal.open(unfinished(out), IDENTITY, replace=True)
    finish(out)
    (unfinished(out) / "信.txt").unlink()
    unfinished(out).rmdir()
    whole_job(out)
    finish(out)
    assert names(tmp_path) == ["out.unfinished.replaced/信.txt", "out/_SUCCESS", "out/settlements/0"]
    with pytest.raises(JobError):
        whole_job(out, "second", replace=True)
    assert (replaced(out) / "信.txt").exists() and (out / "settlements/0").read_text() == "abc"


def test_one_job_at_a_time(tmp_path: Path):
    folder = unfinished(tmp_path / "out")
    with Journal.open(folder, IDENTITY):
        with pytest.raises(JobError, match=f"process {os.getpid()}") as wrong:
            Journal.open(folder, IDENTITY)
        assert "另一作业正在此运行" in wrong.value.render("zh")
        with pytest.raises(JobError):
            finish(tmp_path / "out")
    with Journal.open(folder, IDENTITY):
        pass
    assert not Path(f"{folder}.lock").exists()


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path):
    folder = unfinished(tmp_path / "out")
    code = (
        "import os, sys; from pathlib import Path; from ybcore.jobs.journal import Journal\n"
        f"Journal.open(Path({str(folder)!r}), {IDENTITY!r}).note('n', 1); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == -9, done.stderr
    assert Path(f"{folder}.lock").exists()
    with Journal.open(folder, IDENTITY) as journal:
        assert journal.find("n", 1) is not None


def whole_job(out: Path, words: str = "abc", replace: bool = False) -> None:
    journal = Journal.open(unfinished(out), {"document": words}, replace=replace)
    journal.part("a", 0, "settlements/0", text(words))
    journal.part("b", 0, "spill/0", text("x"), passing=True)
    journal.forget("spill")
    journal.commit(out, replace=replace)


def test_commit_and_replace(tmp_path: Path):
    out = tmp_path / "out"
    whole_job(out)
    assert names(tmp_path) == ["out/_SUCCESS", "out/settlements/0"]
    whole_job(out, "second", replace=True)
    assert names(tmp_path) == ["out/_SUCCESS", "out/settlements/0"]
    assert (out / "settlements/0").read_text() == "second"
    with pytest.raises(JobError):
        whole_job(out, "third")
    assert (out / "settlements/0").read_text() == "second"


@pytest.mark.parametrize("replace", [False, True])
def test_a_commit_that_stops_anywhere_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replace: bool):
    """Each step of the commit in turn is the last one; afterwards the old folder is whole, or the new one is or can be had."""

    class Stop(BaseException):
        pass

    step, done = 0, False
    while not done:
        base = tmp_path / f"at{step}"
        out = base / "out"
        if replace:
            whole_job(out, "old")
        left = step

        def stopping(real: Callable[..., Any]) -> Callable[..., Any]:
            def call(*args: Any, **kwargs: Any) -> Any:
                nonlocal left
                if not left:
                    raise Stop
                left -= 1
                return real(*args, **kwargs)

            return call

        journal = Journal.open(unfinished(out), {"document": "new"})
        journal.part("a", 0, "settlements/0", text("new"))
        with monkeypatch.context() as patch:
            for owner, name in (
                (os, "rename"),
                (os, "rmdir"),
                (Path, "unlink"),
                (Path, "touch"),
                (disk, "sync"),
                (disk.shutil, "rmtree"),
            ):
                patch.setattr(owner, name, stopping(getattr(owner, name)))
            try:
                journal.commit(out, replace=replace)
                done = True
            except Stop:
                pass
        journal.close()
        if out.exists():
            assert names(out) == ["_SUCCESS", "settlements/0"]
        finish(out)
        if not out.exists() or (replace and (out / "settlements/0").read_text() == "old"):
            with Journal.open(unfinished(out), {"document": "new"}) as again:
                assert again.find("a", 0) is not None
                again.commit(out, replace=replace)
        assert names(base) == ["out/_SUCCESS", "out/settlements/0"] and (out / "settlements/0").read_text() == "new"
        step += 1
    assert step > 4


@pytest.mark.parametrize(
    ("code", "what", "zh"),
    [(errno.ENOSPC, "the disk is full", "磁盘已满"), (errno.EIO, "cannot be written", "无法写入")],
)
@pytest.mark.parametrize("door", ["write", "sync"])
def test_a_failing_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, what: str, zh: str, door: str):
    """The nth write or sync fails, for every n: the error says so, and the job goes on when there is room again."""
    fails = 0
    while True:
        folder = unfinished(tmp_path / f"at{fails}" / "out")
        left = fails

        def failing(*args: Any, real: Any = getattr(disk, door)) -> Any:  # noqa: B008
            nonlocal left
            left -= 1
            if left < 0:
                raise OSError(code, os.strerror(code))
            return real(*args)

        def work(folder: Path = folder) -> None:
            with Journal.open(folder, IDENTITY) as journal:
                journal.expect(5 * 1024**2)
                journal.part("a", 0, "settlements/0", text("abc"))
                journal.part("s", 0, "state/0", folder_of(x="1"))
                journal.note("unit", 0)

        with monkeypatch.context() as patch:
            patch.setattr(disk, door, failing)
            try:
                work()
                break
            except JobError as error:
                told = error
        assert what in told.render("en") and zh in told.render("zh") and "start the job again" in told.render("en")
        if code == errno.ENOSPC and fails > 4:
            assert "5.0 MiB more are needed" in told.render("en") and "约还需 5.0 MiB" in told.render("zh")
        work()
        with Journal.open(folder, IDENTITY) as journal:
            assert journal.find("a", 0) and journal.find("s", 0) and journal.find("unit", 0)
            assert names(folder) == ["journal.jsonl", "settlements/0", "state/0/x"]
        fails += 1
    assert fails > 4


def test_a_note_is_one_line_of_json(tmp_path: Path):
    folder = unfinished(tmp_path / "out")
    with Journal.open(folder, IDENTITY) as journal:
        journal.note("n", 1, text="a\nb\u2028c")
    lines = (folder / "journal.jsonl").read_text(encoding="utf-8").split("\n")
    assert [json.loads(line)["kind"] for line in lines if line] == ["identity", "start", "n"]
