"""The journal of a job: what is written for good in its unfinished folder, so that a job that was stopped goes on where it was.

Every file is written under a temporary name, synced, renamed, and only then noted; a note is one line of JSON, synced. What the
journal does not name is thrown away; what it names is checked by size and hash when it is asked for.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shutil
import socket
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import InputError, JobError, Problem
from .files import sha256_of

__all__ = ["SUCCESS", "Journal", "differences", "finish", "human", "unfinished"]

NAME = "journal.jsonl"
SUCCESS = "_SUCCESS"
_TORN = ".tmp"
Facts = dict[str, Any]
Key = str | int
Recheck = Callable[[str], str | None]


def unfinished(out: Path) -> Path:
    """The folder that a job writes to until it takes the name `out`."""
    return out.with_name(out.name + ".unfinished")


class Journal:
    """One job's journal. Made by `open`; safe to use from several threads."""

    def __init__(self, folder: Path, lock: int, lines: list[Facts]) -> None:
        self._hold(folder, lines)
        self._lock_file = lock
        self._file = os.open(folder / NAME, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        self.resumed = sum(1 for line in lines if line["kind"] == "start")

    def _hold(self, folder: Path, lines: list[Facts]) -> None:
        """Know what was noted, and where parts go."""
        self.folder, self.torn = folder, _TORN
        self._lock = threading.Lock()
        self._notes = {(line["kind"], line["key"]): line for line in lines}
        self._sound: set[tuple[str, Key]] = set()
        self._expected = 0

    @staticmethod
    def open(
        folder: Path, identity: Mapping[str, Any], *, replace: bool = False, recheck: Recheck | None = None
    ) -> Journal:
        """Begin or go on with the job of an unfinished folder, which is made when it is not there.

        `identity`: nested mappings of what the answer depends on; a leaf `[bytes, mtime_ns]` is a file. When a leaf differs from that of
        the folder, InputError names it, unless it is a file of the same size and `recheck(path of the leaf)` gives the hash that was
        noted as `("sha256", path)`. `replace`: a folder of another identity is begun anew instead. JobError when another job runs here.
        """
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = _locked(Path(f"{folder}.lock"))
        try:
            folder.mkdir(exist_ok=True)
            lines = _read(folder / NAME)
            before = next((line["identity"] for line in lines if line["kind"] == "identity"), None)
            if before is not None:
                known = {line["key"]: line["sha256"] for line in lines if line["kind"] == "sha256"}
                differ = differences(before, identity, known, recheck)
                if differ and not replace:
                    raise InputError([_other(place, folder) for place in differ])
                if differ:
                    before = None
            if before is None:
                with _door(None, folder):
                    shutil.rmtree(folder)
                    folder.mkdir()
                lines = []
            journal = Journal(folder, lock, lines)
        except BaseException:
            _unlocked(Path(f"{folder}.lock"), lock)
            raise
        try:
            journal._sweep()
            if before is None:
                journal._add({"kind": "identity", "key": "", "identity": identity})
            journal._add({"kind": "start", "key": str(journal.resumed), "process": os.getpid()})
        except BaseException:
            journal.close()
            raise
        return journal

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the folder. What is there stays, to be gone on with."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
            _unlocked(Path(f"{self.folder}.lock"), self._lock_file)

    # ------------------------------------------------------------------ notes

    def find(self, kind: str, key: Key) -> Facts | None:
        """What was noted, or None. Of a part, only when its files are there with their size and hash."""
        with self._lock:
            facts = self._notes.get((kind, key))
            if facts is None or (kind, key) in self._sound or "files" not in facts:
                return facts
        if not _is_sound(self.folder, facts):
            with self._lock:
                self._notes.pop((kind, key), None)
            return None
        with self._lock:
            self._sound.add((kind, key))
        return facts

    def all(self, kind: str) -> dict[Key, Facts]:
        """Everything noted of a kind, by key, in the order of the notes; files are not looked at."""
        with self._lock:
            return {key: facts for (of, key), facts in self._notes.items() if of == kind}

    def parts(self) -> list[Facts]:
        """Every part noted, files not looked at."""
        with self._lock:
            return [facts for facts in self._notes.values() if "files" in facts]

    def note(self, kind: str, key: Key, **facts: Any) -> Facts:
        """Note something for good: when this returns, a stopped job will find it."""
        return self._add({"kind": kind, "key": key, **facts})

    def _add(self, line: Facts, sync: bool = True) -> Facts:
        text = (json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n").encode()
        with self._lock, _door(self, self.folder / NAME):
            done = 0
            while done < len(text):
                done += _write(self._file, text[done:])
            if sync:
                _sync(self._file)
            self._notes[line["kind"], line["key"]] = line
        return line

    # ------------------------------------------------------------------ parts

    def part(
        self,
        kind: str,
        key: Key,
        path: str,
        write: Callable[[Path], Mapping[str, Any] | None],
        *,
        passing: bool = False,
    ) -> Facts:
        """Write a file or a folder below the job's folder, whole or not at all, and note it with path, bytes and files with their sha256.

        `write(place)` makes it and gives what else is to be noted (`rows`, …). A part that was noted before is written anew. `passing`:
        one that is only needed on the way; it is not synced, and known again by crc32. The note itself is only synced with the next that `note`
        makes: what a loss of power takes is written again.
        Raises JobError when the disk is full or fails.
        """
        last = self.folder / path
        place = last.with_name(last.name + self.torn)
        with _door(self, last):
            last.parent.mkdir(parents=True, exist_ok=True)
            _removed(place)
            told = dict(write(place) or {})
            # Hashed as it lies there: what is noted is what can be read again.
            files = [_noted(file, place, path, passing) for file in _files(place)]
            if place.is_dir():
                for folder in [place, *(p for p in place.rglob("*") if p.is_dir())]:
                    _sync_folder(folder)
                _removed(last)
            os.replace(place, last)
            if not passing:
                _sync_folder(last.parent)
        size = sum(file["bytes"] for file in files)
        facts = self._add({"kind": kind, "key": key, **told, "path": path, "bytes": size, "files": files}, sync=False)
        with self._lock:
            self._expected = max(0, self._expected - size)
            self._sound.add((kind, key))
        return facts

    def expect(self, size: int) -> None:
        """About so many more bytes are going to be written; what is left of them is said when the disk is full."""
        with self._lock:
            self._expected += size

    def forget(self, path: str) -> None:
        """Remove a file or folder that is needed no more (spilled rows of a finished stage)."""
        with _door(self, self.folder / path):
            _removed(self.folder / path)

    def _sweep(self) -> None:
        """Throw away what the journal does not name."""
        named = {file["path"] for facts in self._notes.values() for file in facts.get("files", ())}
        with _door(self, self.folder):
            for file in _files(self.folder):
                name = file.relative_to(self.folder).as_posix()
                if name not in named and name != NAME:
                    file.unlink()

    # ------------------------------------------------------------------ the end

    def commit(self, out: Path, *, replace: bool = False) -> None:
        """Give the folder its name, when everything is there. `replace`: what bears the name now is taken away.

        Only files that the journal names stay, and `_SUCCESS`. A job that is stopped in here is finished by `finish`.
        """
        self._sweep()
        with _door(self, self.folder):
            success = self.folder / SUCCESS
            success.touch()
            _sync_folder(self.folder)
            (self.folder / NAME).unlink()
            _drop_empty(self.folder)
            _sync_folder(self.folder)
            _swap(self.folder, out, replace)
        self.close()


def finish(out: Path) -> None:
    """Give the last rename to a job that was stopped after everything was written; nothing when there is no such job."""
    folder, old = unfinished(out), out.with_name(out.name + ".replaced")
    beside = Path(f"{folder}.lock")
    if not any(place.exists() for place in (folder, old, beside)):
        return
    lock = _locked(beside)
    try:
        whole = (folder / SUCCESS).exists() and not (folder / NAME).exists()
        if whole:
            _swap(folder, out, replace=(out / SUCCESS).exists())
        elif out.exists():
            _removed(old)
    finally:
        _unlocked(beside, lock)


def _swap(folder: Path, out: Path, replace: bool) -> None:
    """`folder` takes the name `out`; what had it goes."""
    old = out.with_name(out.name + ".replaced")
    if replace and out.exists():
        _removed(old)
        os.rename(out, old)
    os.rename(folder, out)
    _sync_folder(out.parent)
    _removed(old)


# ---------------------------------------------------------------------------------------------- identity


def _leaves(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from _leaves(value, f"{path}/{key}" if path else str(key))
    else:
        yield path, node


def differences(
    before: Mapping[str, Any], now: Mapping[str, Any], known: Mapping[str, str], recheck: Recheck | None
) -> list[tuple[str, str]]:
    """(path of a leaf, `changed`, `new` or `gone`). A file of the same size whose bytes hash to what is `known` has not changed."""
    was = dict(_leaves(json.loads(json.dumps(before))))
    now = dict(_leaves(json.loads(json.dumps(now))))
    out = [(place, "gone") for place in was if place not in now]
    out += [(place, "new") for place in now if place not in was]
    for place in was.keys() & now.keys():
        if was[place] == now[place]:
            continue
        files = all(isinstance(leaf, list) and len(leaf) == 2 for leaf in (was[place], now[place]))
        same_size = files and was[place][0] == now[place][0]
        if not (same_size and recheck is not None and place in known and recheck(place) == known[place]):
            out.append((place, "changed"))
    return sorted(out)


_WORDS = {
    "changed": ("is not what it was when the job began", "与作业开始时不同"),
    "new": ("was not there when the job began", "在作业开始时不存在"),
    "gone": ("was there when the job began and is not any more", "在作业开始时存在，现已不在"),
}


def _other(found: tuple[str, str], folder: Path) -> Problem:
    place, how = found
    what, zh = _WORDS[how]
    return Problem(
        what=f"{what}; --replace settles anew",
        what_zh=f"{zh}；--replace 可重新结算",
        file=str(folder),
        path=place,
    )


# ---------------------------------------------------------------------------------------------- the disk


def human(size: int) -> str:
    """Bytes as people read them."""
    amount, unit = float(size), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if amount < 1024 or unit == "TiB":
            break
        amount /= 1024
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"


# The doors through which everything goes to the disk; tests let them fail.
_write = os.write
_sync = os.fsync


@contextlib.contextmanager
def _door(journal: Journal | None, place: Path) -> Iterator[None]:
    """Turn a failing disk into a JobError that says where and how much room is needed."""
    try:
        yield
    except OSError as error:
        code = error.errno
        full = code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) or "No space left" in str(error)
        if not full:
            said = os.strerror(code) if code else str(error)
            what, zh = f"cannot be written: {said}", f"无法写入：{said}"
            raise JobError([_stays(what, zh, place)]) from error
        free = human(shutil.disk_usage(_existing(place)).free)
        more = 0 if journal is None else journal._expected
        needed, zh_needed = (f", about {human(more)} more are needed", f"，约还需 {human(more)}") if more else ("", "")
        what = f"the disk is full{needed}; {free} are free"
        raise JobError([_stays(what, f"磁盘已满{zh_needed}；剩余 {free}", place)]) from error


def _stays(what: str, zh: str, place: Path) -> Problem:
    more, zh_more = "what is done stays: start the job again and it goes on", "已完成的部分保留，重新运行即可续作"
    return Problem(what=f"{what}; {more}", what_zh=f"{zh}；{zh_more}", file=str(place))


def _existing(place: Path) -> Path:
    while not place.exists():
        place = place.parent
    return place


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _sync(handle)
    finally:
        os.close(handle)


def _files(place: Path) -> list[Path]:
    """The files of a part, by name."""
    if place.is_dir():
        return sorted(p for p in place.rglob("*") if p.is_file() or p.is_symlink())
    return [place]


def _removed(place: Path) -> None:
    if place.is_dir():
        shutil.rmtree(place)
    elif place.exists():
        place.unlink()


def _drop_empty(folder: Path) -> None:
    for place, _, _ in os.walk(folder, topdown=False):
        if Path(place) != folder and not os.listdir(place):
            os.rmdir(place)


def _noted(file: Path, place: Path, path: str, passing: bool) -> Facts:
    """What is noted of one file of a part; synced unless it is passing."""
    name = path if file == place else f"{path}/{file.relative_to(place).as_posix()}"
    if passing:
        return {"path": name, "bytes": file.stat().st_size, "crc32": _crc32(file)}
    with open(file, "rb") as held:
        _sync(held.fileno())
    return {"path": name, "bytes": file.stat().st_size, "sha256": sha256_of(str(file))}


def _crc32(file: Path) -> int:
    whole = 0
    with open(file, "rb") as held:
        while block := held.read(1 << 20):
            whole = zlib.crc32(block, whole)
    return whole


def _is_sound(folder: Path, facts: Facts) -> bool:
    """Every file of a part is there, with the size and hash that were noted."""
    for file in facts["files"]:
        place = folder / file["path"]
        if not place.is_file() or place.stat().st_size != file["bytes"]:
            return False
        if "crc32" in file and _crc32(place) != file["crc32"]:
            return False
        if "sha256" in file and sha256_of(str(place)) != file["sha256"]:
            return False
    return True


def _read(path: Path) -> list[Facts]:
    """The lines of a journal up to the first torn one, which is cut off with all that follows."""
    if not path.exists():
        return []
    raw = path.read_bytes()
    lines, good = [], 0
    for text in raw.splitlines(keepends=True):
        try:
            line = json.loads(text)
        except ValueError:
            break
        if not text.endswith(b"\n") or not isinstance(line, dict) or not {"kind", "key"} <= line.keys():
            break
        lines.append(line)
        good += len(text)
    if good < len(raw):
        os.truncate(path, good)
    return lines


# ---------------------------------------------------------------------------------------------- the lock


def _locked(path: Path) -> int:
    """A lock on a file beside the folder; JobError when somebody else holds it."""
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            who = os.pread(handle, 200, 0).decode(errors="replace").strip()
            os.close(handle)
            folder = str(path).removesuffix(".lock")
            what, zh = f"another job runs here ({who})", f"另一作业正在此运行（{who}）"
            raise JobError([Problem(what=what, what_zh=zh, file=folder)]) from None
        # The one before may have taken the file away between our opening and our locking it.
        if path.exists() and os.fstat(handle).st_ino == path.stat().st_ino:
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
            return handle
        os.close(handle)


def _unlocked(path: Path, handle: int) -> None:
    """Taken away while it is still ours, so that nobody holds a lock on a file that is gone."""
    try:
        path.unlink(missing_ok=True)
    finally:
        os.close(handle)
