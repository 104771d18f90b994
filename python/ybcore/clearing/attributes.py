"""Attributes of cases: where the value of each stands, which values are seen alike, and the combinations of these."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ..columns.convert import NULL_INT
from ..settling.clearing import combined, taken

__all__ = ["Attribute", "Codes", "Combinations", "Numbers", "codes_of", "combine", "day_column"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Seen = Callable[[Any], Hashable]
Source = tuple[Int32 | None, Int32, Int32]
_BLANK: dict[str, Any] = {"sources": [], "fallback": 0, "ready": None, "day": None, "edges": None, "number": None}
_FEW = 24  # edges that are quicker looked through than looked up


class Attribute(Protocol):
    """One attribute of every case: a number for each of its values, and the values."""

    @property
    def of(self) -> Int32:
        """Which of `values` each case has."""
        ...

    @property
    def values(self) -> list[Any]:
        """The values that cases may have."""
        ...

    def column(self, seen: Seen) -> dict[str, Any]:
        """The classes of values that `seen` sees alike, as the kernel combines them."""
        ...

    def at(self, rows: Int64) -> list[Any]:
        """The values of some cases."""
        ...


@dataclass
class Codes:
    """Texts: of the first source that says something, else the default, which is `values[0]`.

    A source has the row of each case (None: its own), the code of each row (-1 none) and the number in `values` of each code (-1: empty).
    """

    rows: int
    values: list[Any]
    sources: Sequence[Source]
    threads: int = 1

    @cached_property
    def of(self) -> Int32:
        """Which of `values` each case has."""
        if len(self.sources) == 1 and self.rows:
            row, code, place = self.sources[0]
            table = np.append(np.where(place < 0, 0, place), 0).astype(np.int32)
            own = code if row is None else taken(np.append(code, np.int32(-1)), row, self.threads)
            return taken(table, own, self.threads)
        every = combine(self.rows, [self.column(lambda value: value)], self.threads)
        found = np.array([self.values.index(value) for value in self.at(every.first)] or [0], np.int32)
        return taken(found, every.of, self.threads)

    def column(self, seen: Seen) -> dict[str, Any]:
        """The classes of values that `seen` sees alike."""
        classes: dict[Hashable, int] = {}
        lut = np.array([classes.setdefault(seen(value), len(classes)) for value in self.values] + [-1], np.int32)
        sources = [(row, code, None, lut[place]) for row, code, place in self.sources if len(place)]
        return _BLANK | {"sources": sources, "fallback": int(lut[0]), "classes": len(classes)}

    def at(self, rows: Int64) -> list[Any]:
        """The values of some cases."""
        found = np.full(len(rows), -1, np.int64)
        for row, code, place in self.sources:
            own = rows if row is None else row[rows]
            mine = np.append(place, np.int32(-1))[np.append(code, np.int32(-1))[own]]
            found = np.where(found < 0, mine, found)
        return [self.values[at] for at in np.where(found < 0, 0, found).tolist()]


def codes_of(
    rows: int, sources: list[tuple[Int32 | None, tuple[Int32, list[str]] | None]], default: Any, threads: int = 1
) -> Codes:
    """Texts of some code columns, each with the row of each case: the first that has one, else the default."""
    values: list[Any] = [default]
    out: list[Source] = []
    for row, code in sources:
        if code is None or not len(code[0]):
            continue
        place = [len(values) + at if text else -1 for at, text in enumerate(code[1])]
        out.append((row, np.ascontiguousarray(code[0]), np.array(place, np.int32)))
        values += code[1]
    return Codes(rows, values, out, threads)


@dataclass
class Numbers:
    """Whole numbers of the cases, the least int64 where there is none. `edges`: where tests may see another number otherwise."""

    number: Int64
    edges: Sequence[int] | None = None
    threads: int = 1

    @cached_property
    def _of_values(self) -> tuple[Int32, list[Any]]:
        known = self.number[self.number != NULL_INT]
        low, high = (int(known.min()), int(known.max())) if len(known) else (0, -1)
        if high - low > 100_000:
            found, of = np.unique(self.number, return_inverse=True)
            return np.asarray(of, np.int32), [None if value == NULL_INT else int(value) for value in found]
        # Whole numbers of a narrow range, without sorting them.
        narrow = np.where(self.number == NULL_INT, high - low + 1, self.number - low).astype(np.int32)
        return narrow, [*range(low, high + 1), None]

    @property
    def of(self) -> Int32:
        """Which of `values` each case has."""
        return self._of_values[0]

    @property
    def values(self) -> list[Any]:
        """The values that cases may have."""
        return self._of_values[1]

    def column(self, seen: Seen) -> dict[str, Any]:
        """The classes of values between two edges; of values that are seen alike where there are no edges, or too many."""
        if self.edges is not None and len(self.edges) <= _FEW:
            edges = np.array(sorted(self.edges), np.int64)
            return _BLANK | {"number": self.number, "edges": edges, "classes": len(edges) + 2}
        classes: dict[Hashable, int] = {}
        lut = np.array([classes.setdefault(seen(value), len(classes)) for value in self.values], np.int32)
        return _BLANK | {"ready": taken(lut, self.of, self.threads), "classes": len(classes)}

    def at(self, rows: Int64) -> list[Any]:
        """The values of some cases."""
        return [None if value == NULL_INT else value for value in self.number[rows].tolist()]


def day_column(day: Int32, edges: Iterable[int]) -> dict[str, Any]:
    """Days between two edges are one class."""
    told = np.array(sorted(set(edges)), np.int64)
    if len(told) <= 2 or not len(day) or int(day.min()) < 0:
        return _BLANK | {"day": day, "edges": told, "classes": len(told) + 1}
    place = np.searchsorted(told, np.arange(int(day.max()) + 1), side="right").astype(np.int32)
    return _BLANK | {"sources": [(None, day, None, place)], "classes": len(told) + 1}


@dataclass
class Combinations:
    """`of`: the combination of every case; `first`: the first case of each."""

    of: Int32
    first: Int64


def combine(rows: int, columns: list[dict[str, Any]], threads: int) -> Combinations:
    """The combinations of classes that cases have, numbered as they first appear."""
    if not rows or not columns:
        return Combinations(np.zeros(rows, np.int32), np.zeros(min(rows, 1), np.int64))
    size = 1
    for at, column in enumerate(columns):
        size *= column["classes"]
        if size < 2**62:
            continue
        # Too many for one number: what was combined so far becomes one column.
        early = combine(rows, columns[:at], threads)
        so_far = _BLANK | {"ready": early.of, "classes": max(1, len(early.first))}
        return combine(rows, [so_far, *columns[at:]], threads)
    return Combinations(*combined(rows, columns, threads))
