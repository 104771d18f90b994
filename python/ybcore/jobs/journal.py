"""The journal of a job: what is written for good in its unfinished folder, so that a job that was stopped goes on where it was.

Every file is written under a temporary name, synced, renamed, and only then noted; a note is one line of JSON, synced. What the
journal does not name is thrown away; what it names is checked by size and hash when it is asked for.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import InputError, JobError, Problem
from . import disk
from .disk import door, drop_empty, files_of, human, is_sound, locked, noted, removed, sync_folder, unlocked

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


def replaced(out: Path) -> Path:
    """What a folder is called that a new one has just taken the place of, until it is removed."""
    return out.with_name(out.name + ".unfinished.replaced")


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
        beside = Path(f"{folder}.lock")
        with door(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            lock = locked(beside)
        try:
            with door(folder):
                journal = Journal(folder, lock, _begun(folder, identity, replace, recheck))
        except BaseException:
            unlocked(beside, lock)
            raise
        try:
            journal._sweep()
            if not journal._notes:
                journal._add({"kind": "identity", "key": "", "identity": identity})
            journal._add({"kind": "start", "key": str(journal.resumed), "process": os.getpid()})
        except BaseException:
            journal.close()
            raise
        return journal

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: object) -> None:
        asked = isinstance(error, InputError) or (isinstance(error, JobError) and error.problems[0].path == "memory")
        if asked and not any(self.all(of) for of in ("unit", "differs")):
            self.discard()
        self.close()

    def discard(self) -> None:
        """Take the unfinished folder away again: nothing of use stands in it."""
        self.close()
        removed(self.folder)

    def close(self) -> None:
        """Let go of the folder. What is there stays, to be gone on with."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
            unlocked(Path(f"{self.folder}.lock"), self._lock_file)

    # ------------------------------------------------------------------ notes

    def find(self, kind: str, key: Key) -> Facts | None:
        """What was noted, or None. Of a part, only when its files are there with their size and hash."""
        with self._lock:
            facts = self._notes.get((kind, key))
            if facts is None or (kind, key) in self._sound or "files" not in facts:
                return facts
        if not is_sound(self.folder, facts):
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

    def jot(self, kind: str, key: Key, **facts: Any) -> Facts:
        """Note something that could be found out again: it is synced with the next that `note` makes."""
        return self._add({"kind": kind, "key": key, **facts}, sync=False)

    def note(self, kind: str, key: Key, **facts: Any) -> Facts:
        """Note something for good: when this returns, a stopped job will find it."""
        return self._add({"kind": kind, "key": key, **facts})

    def _add(self, line: Facts, sync: bool = True) -> Facts:
        text = (json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n").encode()
        with self._lock, door(self.folder / NAME, self._needed):
            done = 0
            while done < len(text):
                done += disk.write(self._file, text[done:])
            if sync:
                disk.sync(self._file)
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
        with door(last, self._needed):
            last.parent.mkdir(parents=True, exist_ok=True)
            removed(place)
            told = dict(write(place) or {})
            # Hashed as it lies there: what is noted is what can be read again.
            files = [noted(file, place, path, passing) for file in files_of(place)]
            if place.is_dir():
                for folder in [place, *(p for p in place.rglob("*") if p.is_dir())]:
                    sync_folder(folder)
                removed(last)
            os.replace(place, last)
            if not passing:
                sync_folder(last.parent)
        size = sum(file["bytes"] for file in files)
        facts = self._add({"kind": kind, "key": key, **told, "path": path, "bytes": size, "files": files}, sync=False)
        with self._lock:
            self._expected = max(0, self._expected - size)
            self._sound.add((kind, key))
        return facts

    def _needed(self) -> int:
        return self._expected

    def expect(self, size: int) -> None:
        """About so many more bytes are going to be written; what is left of them is said when the disk is full."""
        with self._lock:
            self._expected += size

    def forget(self, path: str) -> None:
        """Remove a file or folder that is needed no more (spilled rows of a finished stage)."""
        with door(self.folder / path, self._needed):
            removed(self.folder / path)

    def _sweep(self) -> None:
        """Throw away what the journal does not name."""
        named = {file["path"] for facts in self._notes.values() for file in facts.get("files", ())}
        with door(self.folder, self._needed):
            for file in files_of(self.folder):
                name = file.relative_to(self.folder).as_posix()
                if name not in named and name != NAME:
                    file.unlink()

    # ------------------------------------------------------------------ the end

    def commit(self, out: Path, *, replace: bool = False) -> None:
        """Give the folder its name, when everything is there. `replace`: what bears the name now is taken away.

        Only files that the journal names stay, and `_SUCCESS`. A job that is stopped in here is finished by `finish`.
        """
        self._sweep()
        with door(self.folder, self._needed):
            success = self.folder / SUCCESS
            success.touch()
            sync_folder(self.folder)
            (self.folder / NAME).unlink()
            drop_empty(self.folder)
            sync_folder(self.folder)
            _swap(self.folder, out, replace)
        self.close()


def _begun(folder: Path, identity: Mapping[str, Any], replace: bool, recheck: Recheck | None) -> list[Facts]:
    """The lines of a folder that is made or cleared where it must be. Raises InputError when it belongs to another job or to nobody's."""
    if folder.exists() and not (folder / NAME).exists() and (not folder.is_dir() or any(folder.iterdir())):
        what, zh = "this is there and no job wrote it; take it away", "该处已有内容且不是作业写入的，请先移走"
        raise InputError([Problem(what=what, what_zh=zh, file=str(folder))])
    folder.mkdir(exist_ok=True)
    lines = _read(folder / NAME)
    before = next((line["identity"] for line in lines if line["kind"] == "identity"), None)
    if before is not None:
        known = {line["key"]: line["sha256"] for line in lines if line["kind"] == "sha256"}
        differ = differences(before, identity, known, recheck)
        if differ and not replace:
            raise InputError([_other(place, folder) for place in differ])
        if not differ:
            return lines
    for place in folder.iterdir():
        if place.name != NAME:
            removed(place)
    # The journal goes last: a folder without one is nobody's.
    removed(folder / NAME)
    return []


def finish(out: Path) -> None:
    """Give the last rename to a job that was stopped after everything was written; nothing when there is no such job."""
    folder, old = unfinished(out), replaced(out)
    beside = Path(f"{folder}.lock")
    if not any(place.exists() for place in (folder, old, beside)):
        return
    lock = locked(beside)
    try:
        whole = (folder / SUCCESS).exists() and not (folder / NAME).exists()
        if whole:
            _swap(folder, out, replace=(out / SUCCESS).exists())
        elif out.exists():
            _discarded(old)
    finally:
        unlocked(beside, lock)


def _swap(folder: Path, out: Path, replace: bool) -> None:
    """`folder` takes the name `out`; what had it goes."""
    old = replaced(out)
    if replace and out.exists():
        _discarded(old)
        os.rename(out, old)
    os.rename(folder, out)
    sync_folder(out.parent)
    _discarded(old)


def _discarded(old: Path) -> None:
    """Remove a replaced folder; its `_SUCCESS` goes last, so that what is left of it is still known to be a job's."""
    if (old / SUCCESS).exists():
        for place in old.iterdir():
            if place.name != SUCCESS:
                removed(place)
        removed(old / SUCCESS)
    if old.is_dir() and not any(old.iterdir()):
        old.rmdir()


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
