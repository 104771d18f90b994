"""What is wrong with a change: said by row, the first few of each kind, with the nearest name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..columns.phrases import chinese
from ..errors import Problem
from ..policy.faults import nearest

__all__ = ["Complaints", "near_one"]

_SHOWN = 5
_CLOSE = 2_000  # candidates for a nearest name


class Complaints:
    """The problems of some changes; `place`: where the one stands that is looked at."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.place = ""

    def wrong(
        self,
        part: str,
        rows: Any,
        en: str,
        zh: str,
        ids: pa.Array | None = None,
        names: Callable[[str], str] | None = None,
    ) -> None:
        """A problem a row (from 1), the first few, and how many more; `{}` is the id, `names` gives the nearest for one."""
        rows = np.asarray(rows)
        for row in rows[:_SHOWN].tolist():
            name = None if ids is None else ids[row].as_py()
            near = names(str(name)) if names is not None and name is not None else ""
            self.problem(part, en.format(repr(name)), zh.format(repr(name)), row + 1, near)
        if len(rows) > _SHOWN:
            more = len(rows) - _SHOWN
            self.problem(part, en.format("…") + f" (and {more} more rows)", zh.format("…") + f"（另有 {more} 行）")

    def problem(self, part: str, en: str, zh: str, row: int | None = None, near: str = "") -> None:
        self.problems.append(Problem(what=en, what_zh=zh, path=f"{self.place}.{part}", row=row, nearest=near))

    def of_type(self, part: str, error: Exception) -> None:
        """A column that does not fit."""
        what = f"the column {error}"
        self.problem(part, what, chinese(what))


def near_one(name: str, known: pa.Array) -> str:
    """The nearest of many ids: of those that begin alike."""
    texts = known.cast(pa.large_string())
    for size in (len(name) - 1, (2 * len(name)) // 3, len(name) // 2, 0):
        alike = texts.filter(pc.starts_with(texts, name[: max(size, 0)]))
        if len(alike):
            return nearest(name, alike.slice(0, _CLOSE).to_pylist())
    return ""
