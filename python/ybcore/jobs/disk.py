"""What a job does to the disk: everything through doors that say what failed; parts known again; one job at a time."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import socket
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ..errors import JobError, Problem
from .files import sha256_of

__all__ = [
    "door",
    "drop_empty",
    "files_of",
    "human",
    "is_sound",
    "locked",
    "noted",
    "removed",
    "sync",
    "sync_folder",
    "unlocked",
    "write",
]

Facts = dict[str, Any]


def human(size: int) -> str:
    """Bytes as people read them."""
    amount, unit = float(size), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if amount < 1024 or unit == "TiB":
            break
        amount /= 1024
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"


# The doors through which everything goes to the disk; tests let them fail.
write = os.write
sync = os.fsync


@contextlib.contextmanager
def door(place: Path, needed: Callable[[], int] = lambda: 0) -> Iterator[None]:
    """Turn a failing disk into a JobError that says where, and how many bytes are `needed` when it is full."""
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
        more = needed()
        lacking, zh_lacking = (
            (f", about {human(more)} more are needed", f"，约还需 {human(more)}") if more else ("", "")
        )
        what = f"the disk is full{lacking}; {free} are free"
        raise JobError([_stays(what, f"磁盘已满{zh_lacking}；剩余 {free}", place)]) from error


def _stays(what: str, zh: str, place: Path) -> Problem:
    more, zh_more = "what is done stays: start the job again and it goes on", "已完成的部分保留，重新运行即可续作"
    return Problem(what=f"{what}; {more}", what_zh=f"{zh}；{zh_more}", file=str(place))


def _existing(place: Path) -> Path:
    while not place.exists():
        place = place.parent
    return place


def sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        sync(handle)
    finally:
        os.close(handle)


def files_of(place: Path) -> list[Path]:
    """The files of a part, by name."""
    if place.is_dir():
        return sorted(p for p in place.rglob("*") if p.is_file() or p.is_symlink())
    return [place]


def removed(place: Path) -> None:
    if place.is_dir():
        shutil.rmtree(place)
    elif place.exists():
        place.unlink()


def drop_empty(folder: Path) -> None:
    for place, _, _ in os.walk(folder, topdown=False):
        if Path(place) != folder and not os.listdir(place):
            os.rmdir(place)


def noted(file: Path, place: Path, path: str, passing: bool) -> Facts:
    """What is noted of one file of a part; synced unless it is passing."""
    name = path if file == place else f"{path}/{file.relative_to(place).as_posix()}"
    if passing:
        return {"path": name, "bytes": file.stat().st_size, "crc32": _crc32(file)}
    with open(file, "rb") as held:
        sync(held.fileno())
    return {"path": name, "bytes": file.stat().st_size, "sha256": sha256_of(str(file))}


def _crc32(file: Path) -> int:
    whole = 0
    with open(file, "rb") as held:
        while block := held.read(1 << 20):
            whole = zlib.crc32(block, whole)
    return whole


def is_sound(folder: Path, facts: Facts) -> bool:
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


# ---------------------------------------------------------------------------------------------- the lock


def locked(path: Path) -> int:
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


def unlocked(path: Path, handle: int) -> None:
    """Taken away while it is still ours, so that nobody holds a lock on a file that is gone."""
    try:
        path.unlink(missing_ok=True)
    finally:
        os.close(handle)
