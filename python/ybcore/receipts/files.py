"""Files by their hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..checks import RuleBook
    from ..policy import Book
    from .model import FileTold

__all__ = ["document_files", "fact", "facts_of_folder", "is_still", "sha256_of_file"]

Fact = dict[str, Any]


def sha256_of_file(path: str | Path) -> str:
    """sha256 of a file's bytes. Raises OSError."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_still(location: str, told: FileTold) -> bool | None:
    """Whether the file at a path or URL is the one a receipt tells of; None when it is not there. Raises OSError."""
    if "://" in location:
        from ..jobs.files import sha256_of, stamp_of

        try:
            return stamp_of(location)[0] == told.bytes and sha256_of(location) == told.sha256
        except FileNotFoundError:
            return None
    path = Path(location)
    if not path.is_file():
        return None
    return path.stat().st_size == told.bytes and sha256_of_file(path) == told.sha256


def fact(name: str, path: Path, rows: int | None = None, root: Path | None = None) -> Fact:
    """A file as receipts name it; its path is absolute, or below `root`. Raises OSError."""
    place = str(path.resolve()) if root is None else path.relative_to(root).as_posix()
    return {"name": name, "path": place, "bytes": path.stat().st_size, "sha256": sha256_of_file(path), "rows": rows}


def facts_of_folder(name: str, folder: Path, root: Path | None = None) -> list[Fact]:
    """Every file of a folder."""
    return [fact(name, path, root=root) for path in sorted(folder.rglob("*")) if path.is_file()]


def document_files(book: Book, rules: RuleBook | None = None) -> list[Fact]:
    """The files that policy and rule documents were read from, and the files of rules' tables."""
    named: Mapping[str, Iterable[str]] = {
        "policy": [policy.file for policy in book],
        "rules": [] if rules is None else rules.files,
    }
    return [
        fact(name, path)
        for name, files in named.items()
        for path in sorted({Path(file) for file in files})
        if path.is_file()
    ]
