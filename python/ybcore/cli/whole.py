"""Output folders that are there whole or not at all: written beside, put in place at the end."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..messages import say
from ..receipts.model import RECEIPT
from .base import Failure

__all__ = ["in_place", "whole"]

JOURNAL = "journal.jsonl"  # of a job that is not finished


@contextmanager
def whole(out: Path) -> Iterator[Path]:
    """A folder to write to, `OUT.unfinished`; what is in it takes the place of what `out` has under the same names when all went well.

    Where `out` is there already its receipt goes first and the new one comes last, so that whatever is stopped in between has none. After
    an error nothing is left of it. Raises Failure when a job is not finished there, OSError when it cannot be written.
    """
    out = out.resolve()
    folder = out.with_name(f"{out.name}.unfinished")
    if (folder / JOURNAL).exists():
        raise Failure(
            say(
                f"{folder}：有一个未完成的作业，请先完成它，或另选输出文件夹",
                f"{folder}: a job is not finished here; finish it, or name another folder",
            )
        )
    if out.exists() and not out.is_dir():
        raise NotADirectoryError(20, os.strerror(20), str(out))
    shutil.rmtree(folder, ignore_errors=True)  # of a run that was killed
    folder.mkdir(parents=True)
    try:
        yield folder
        _put(folder, out)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _put(folder: Path, out: Path) -> None:
    if not out.exists():
        os.rename(folder, out)
        return
    (out / RECEIPT).unlink(missing_ok=True)
    for place in sorted(folder.iterdir(), key=lambda one: one.name == RECEIPT):
        old = out / place.name
        if old.is_dir() and place.is_dir() and place.name == "input":
            for inside in place.iterdir():
                os.replace(inside, old / inside.name)
            continue
        if old.is_dir():
            shutil.rmtree(old)
        os.replace(place, old)
    shutil.rmtree(folder)


def in_place(value: Any, folder: Path, out: Path) -> Any:
    """Texts and paths below `folder` as they are going to be below `out`."""
    begin, end = str(folder), str(out.resolve())
    if isinstance(value, dict):
        return {key: in_place(item, folder, out) for key, item in value.items()}
    if isinstance(value, list):
        return [in_place(item, folder, out) for item in value]
    if isinstance(value, (str, Path)):
        text = str(value)
        return type(value)(end + text.removeprefix(begin)) if text.startswith(begin + os.sep) else value
    return value
