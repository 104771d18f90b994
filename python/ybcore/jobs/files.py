"""Where the files of a table are: a file, a folder, a pattern, a list of these; on this machine or behind a URL."""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa

from ..errors import Problem
from ..extras import extra
from ..policy.faults import nearest

__all__ = ["Found", "Listing", "find_files", "is_url", "open_file", "partitions_of", "sha256_of", "stamp_of"]

SUFFIXES = (".parquet", ".parq", ".pq")
NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"
_BLOCK = 1 << 22


@dataclass(frozen=True, slots=True)
class Found:
    """A file: where it opens, its path below the root of its table, its size and time of change."""

    location: str
    path: str
    bytes: int
    mtime_ns: int


@dataclass(slots=True)
class Listing:
    """Files of one table in their order, what is wrong, and what was left out."""

    found: list[Found] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def is_url(place: str) -> bool:
    """True for `scheme://…`; `file://` is this machine."""
    scheme, colon, _ = place.partition("://")
    return bool(colon) and scheme.isascii() and scheme.replace("+", "").isalnum() and scheme != "file"


def find_files(entries: Sequence[str], folder: Path, table: str) -> Listing:
    """The Parquet files that some entries name, in the order of the entries and of their names in each.

    `folder`: what relative paths stand below. Folders are searched through; names that begin with `.` or `_` are passed over.
    """
    out = Listing()
    parts: list[tuple[str, list[tuple[str, int, int]]]] = []
    for entry in entries:
        look = _Remote if is_url(entry) else _Local
        place = entry if is_url(entry) else str(folder / entry.removeprefix("file://"))
        root, files = look(place, table, out).files()
        parts.append((root, sorted(files, key=lambda file: file[0].split("/"))))
    top = _common([root for root, _ in parts])
    seen: set[str] = set()
    for root, files in parts:
        for path, size, changed in files:
            location = f"{root}/{path}" if root else path
            if location in seen:
                out.problems.append(_problem(table, location, "the file is named twice", "同一文件被列出两次"))
            seen.add(location)
            out.found.append(Found(location, location[len(top) :].lstrip("/"), size, changed))
    return out


def _common(roots: list[str]) -> str:
    """The longest folder that all roots share; the root itself when there is one."""
    if not roots:
        return ""
    steps = [root.split("/") for root in roots]
    same = 0
    while all(len(s) > same for s in steps) and len({s[same] for s in steps}) == 1:
        same += 1
    return "/".join(steps[0][:same])


def _problem(table: str, file: str, what: str, zh: str, near: str = "") -> Problem:
    return Problem(what=what, what_zh=zh, file=file, path=f"inputs.{table}", nearest=near)


class _Place:
    """One entry: files below a root, or problems in the listing."""

    def __init__(self, place: str, table: str, out: Listing) -> None:
        self.place, self.table, self.out = place, table, out

    def wrong(self, file: str, what: str, zh: str, near: str = "") -> None:
        self.out.problems.append(_problem(self.table, file, what, zh, near))

    def wanted(self, names: Iterable[str]) -> list[str]:
        """Those that are Parquet by their name, or have no suffix at all as Hive writes them; hidden ones are passed over."""
        kept: list[str] = []
        left: list[str] = []
        for name in names:
            steps = name.split("/")
            if any(step.startswith((".", "_")) for step in steps):
                continue
            suffix = os.path.splitext(steps[-1])[1].lower()
            (kept if suffix in SUFFIXES or not suffix else left).append(name)
        if left:
            shown = "、".join(sorted(left)[:3])
            self.out.notes.append(f"{self.table}: {len(left)} files are no Parquet and were left out: {shown}")
        if not kept:
            self.wrong(self.place, "no Parquet file is there", "这里没有 Parquet 文件")
        return kept


class _Local(_Place):
    def files(self) -> tuple[str, list[tuple[str, int, int]]]:
        path = self.place.rstrip("/") or "/"
        if os.path.isfile(path):
            root, names = os.path.dirname(path), [os.path.basename(path)]
        elif os.path.isdir(path):
            root = path
            names = self.wanted(_below(path))
        elif glob.has_magic(path):
            root = _before_magic(path)
            matched = sorted(glob.glob(path, recursive=True))
            names = [os.path.relpath(name, root) for name in matched if os.path.isfile(name)]
            names += [
                os.path.relpath(os.path.join(name, below), root)
                for name in matched
                if os.path.isdir(name) and "**" not in path
                for below in _below(name)
            ]
            names = self.wanted(dict.fromkeys(names))
        else:
            self.wrong(path, "the file is not there", "文件不存在", _sibling(path))
            return "", []
        out = []
        for name in names:
            full = f"{root}/{name}"
            if not _readable_name(full):
                shown = full.encode("utf-8", "backslashreplace").decode()
                self.wrong(shown, "the name of the file is not UTF-8; rename it", "文件名不是 UTF-8 编码，请改名")
                continue
            stat = os.stat(full)
            out.append((name, stat.st_size, stat.st_mtime_ns))
        return root, out


def _readable_name(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _below(folder: str) -> list[str]:
    """Every file below a folder, by its path there."""
    out = []
    for place, folders, names in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith((".", "_"))]
        out += [os.path.relpath(os.path.join(place, name), folder) for name in names]
    return out


def _before_magic(pattern: str) -> str:
    """The folder of a pattern before its first wildcard."""
    steps = pattern.split("/")
    first = next(i for i, step in enumerate(steps) if glob.has_magic(step))
    return "/".join(steps[:first]) or "/"


def _sibling(path: str) -> str:
    """The name beside it that was most likely meant."""
    folder, name = os.path.split(path)
    try:
        return nearest(name, os.listdir(folder or "."))
    except OSError:
        return ""


class _Remote(_Place):
    def files(self) -> tuple[str, list[tuple[str, int, int]]]:
        if "::" in self.place:
            self.wrong(self.place, "chained URLs (::) are not supported", "不支持串接的 URL（::）")
            return "", []
        system, path = _system(self.place)
        scheme = self.place.partition("://")[0]
        try:
            if glob.has_magic(path):
                root = _before_magic(path)
                names = [name for name in system.glob(path) if system.isfile(name)]
            elif system.isfile(path):
                root, names = path.rpartition("/")[0], [path]
            else:
                root, names = path.rstrip("/"), system.find(path) if system.exists(path) else []
            if not names:
                self.wrong(self.place, "no Parquet file is there", "这里没有 Parquet 文件")
                return "", []
            below = self.wanted(str(name)[len(root) :].lstrip("/") for name in names)
            top = root if "://" in root else f"{scheme}://{root.lstrip('/')}"
            return top, [(name, *_stamp(system, f"{root}/{name}")) for name in below]
        except (OSError, ValueError) as error:
            self.wrong(self.place, f"cannot be listed: {error}", f"无法列出：{error}")
            return "", []


def _system(url: str) -> tuple[Any, str]:
    """The fsspec file system of a URL, and the path there."""
    fsspec = extra("fsspec.core", "remote", "以 URL 给出的输入", "an input named by a URL")
    system, path = fsspec.url_to_fs(url)
    return system, str(path)


def _stamp(system: Any, path: str) -> tuple[int, int]:
    """(size, a number that changes when the file does)."""
    info = system.info(path)
    try:
        changed = int(system.modified(path).timestamp() * 1e6) * 1000
    except (NotImplementedError, AttributeError, KeyError, TypeError):
        changed = int(hashlib.sha256(str(system.ukey(path)).encode()).hexdigest()[:15], 16)
    return int(info["size"] or 0), changed


def stamp_of(location: str) -> tuple[int, int]:
    """(size, time of change in ns) of a file as it is now. Raises OSError."""
    if is_url(location):
        return _stamp(*_system(location))
    stat = os.stat(location)
    return stat.st_size, stat.st_mtime_ns


def open_file(location: str) -> pa.NativeFile:
    """A file open for reading. Raises OSError."""
    if is_url(location):
        system, path = _system(location)
        return pa.PythonFile(system.open(path, "rb"), mode="r")
    return pa.OSFile(location, "rb")


def partitions_of(location: str) -> dict[str, str | None]:
    """`key=value` of the folders that a file lies in; the outer first, an inner one wins."""
    out: dict[str, str | None] = {}
    for step in location.split("/")[:-1]:
        key, equals, value = step.partition("=")
        if equals and key:
            out[unquote(key)] = None if value == NULL_PARTITION else unquote(value)
    return out


def sha256_of(location: str, stop: Callable[[], bool] = lambda: False) -> str:
    """sha256 of a file's bytes, or of its beginning once `stop()` is true. Raises OSError."""
    digest = hashlib.sha256()
    with open_file(location) as file:
        while not stop() and (block := file.read_buffer(_BLOCK)):
            digest.update(memoryview(block))
    return digest.hexdigest()
