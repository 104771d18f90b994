"""Events: visits and parts of split stays, each with its plan, its pricing and its flags."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from ..columns.convert import NULL_INT
from ..policy.compile import CompiledBook, Instance
from .people import Facts, class_column

__all__ = ["REASONS", "Assigned", "assign", "classified", "combinations", "year_starts"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
REASONS = (
    "", "bad_value", "duplicate_setl_id", "unknown_person", "not_enrolled", "no_policy", "bad_split", "negative_bucket", "no_figure",
    "missing_value", "unknown_original", "other_person", "reversal_of_reversal", "reversal_before_original", "original_not_settled",
    "already_reversed", "overflow",
)  # fmt: skip
_ROOM = 1 << 60


class Assigned:
    """What holds for each event, by its combination. Plan -1: none, and the reason says why; program -1: lines cannot be priced."""

    def __init__(self, of_event: Int32, found: list[Instance], threads: int = 1) -> None:
        self.of_event, self._found, self._threads = of_event, found, threads
        self.unpriced = any(i.program < 0 for i in found)
        self.plan: Int32 = self._by_event([i.plan for i in found], np.int32)
        self.plans = sorted({i.plan for i in found if i.plan >= 0})
        self.program: Int32 = self._by_event([i.program for i in found], np.int32)
        reasons = [REASONS.index(i.reason) for i in found]
        self.reason = self._by_event(reasons, np.uint8) if any(reasons) else np.zeros(len(of_event), np.uint8)

    def _by_event(self, values: list[int], dtype: Any) -> Any:
        if len(set(values)) == 1:
            return np.full(len(self.of_event), values[0], dtype)
        return _core.taken(np.array(values or [0], dtype), self.of_event, self._threads)

    def counted(self, events: npt.NDArray[np.bool_]) -> list[tuple[Instance, int]]:
        """Each combination, and how many of the events marked have it."""
        counts = np.bincount(self.of_event[events], minlength=len(self._found))
        return [(instance, int(count)) for instance, count in zip(self._found, counts)]

    @cached_property
    def document(self) -> Int32:
        """Document of each event; -1 none."""
        held: Int32 = self._by_event([i.document for i in self._found], np.int32)
        return held

    def flags(self, priced: npt.NDArray[np.bool_]) -> Int64 | None:
        """Flags of each event, those of pricing where it was priced; None: there are none."""
        own, price = [i.flags for i in self._found], [i.price_flags for i in self._found]
        if not any(own) and not any(price):
            return None
        held: Int64 = self._by_event(own, np.int64) | np.where(priced, self._by_event(price, np.int64), 0)
        return held


def assign(compiled: CompiledBook, facts: Facts) -> Assigned:
    """Classes of every attribute the book asks about, their combinations, and one compiled plan for each."""
    of_event, told = classified(compiled, facts)
    return Assigned(of_event, [compiled.instance(*one) for one in told], facts.threads)


def classified(compiled: CompiledBook, facts: Facts) -> tuple[Int32, list[tuple[list[Any], int, list[Any]]]]:
    """(combination of each event, and of each combination the value of each attribute and the policy day of one of its events, and what the book tells
    of the values)."""
    edges = np.array(compiled.date_edges(), np.int64)
    blank: dict[str, Any] = {"sources": [], "fallback": 0, "ready": None, "day": None, "edges": None, "number": None}
    columns = [
        blank | {"day": np.ascontiguousarray(facts.day, dtype=np.int32), "edges": edges, "classes": len(edges) + 1}
    ]
    told: list[
        Any
    ] = []  # what a class of each attribute stands for: texts and what the book tells of them, or the numbers of the events
    for name, asked in compiled.attributes.items():
        if asked.kind == "number":
            values = facts.number(name, asked.tables, int(asked.default) if asked.default else None)
            cuts = np.array(compiled.number_edges(name), np.int64)
            columns.append(blank | {"number": np.ascontiguousarray(values), "edges": cuts, "classes": len(cuts) + 2})
            told.append(values)
        else:
            sources, default = facts.sources(asked)
            texts = [text for _, _, _, own in sources for text in own] + [default]
            lut, members = compiled.text_classes(name, texts)
            columns.append(class_column(sources, lut, len(members)))
            told.append((members, compiled.classes(name, members)))
    of_event, digits, first = combinations(facts.rows, columns, facts.threads)
    found = []
    days = facts.day[first].tolist()
    for event, day, row in zip(first.tolist(), days, digits):
        held: list[Any] = []
        classes: list[Any] = []
        for name, what, digit in zip(compiled.attributes, told, row[1:]):
            if isinstance(what, tuple):
                held.append(what[0][digit])
                classes.append(what[1][digit])
            else:
                held.append(None if what[event] == NULL_INT else int(what[event]))
                classes += compiled.classes(name, held[-1:])
        found.append((held, day, classes))
    return of_event, found


def combinations(rows: int, columns: list[dict[str, Any]], threads: int) -> tuple[Int32, list[list[int]], Int64]:
    """(combination of each event, the class of each column in each combination, first event of each combination)."""
    size = 1
    for i, column in enumerate(columns):
        size *= column["classes"]
        if size <= _ROOM:
            continue
        # Too many for one number: what was combined so far becomes one column.
        of_event, before, _ = combinations(rows, columns[:i], threads)
        so_far = column | {
            "sources": [],
            "day": None,
            "number": None,
            "ready": of_event,
            "classes": max(1, len(before)),
        }
        of_event, digits, first = combinations(rows, [so_far, *columns[i:]], threads)
        return of_event, [[*before[row[0]], *row[1:]] for row in digits], first
    of_event, keys, first = _core.combine_classes(rows, columns, threads)
    cells = np.empty((len(keys), len(columns)), np.uint64)
    for c in range(len(columns) - 1, -1, -1):
        keys, cells[:, c] = np.divmod(keys, np.uint64(columns[c]["classes"]))
    return of_event, cells.tolist(), first


def year_starts(day: Int32, month: int, first: int) -> Int32:
    """First day of the insurance year that each day is in."""
    if len(day) > 4096:
        low, high = int(day.min()), int(day.max())
        if high - low < len(day):
            return _starts(np.arange(low, high + 1, dtype=np.int32), month, first)[day - low]
    return _starts(day, month, first)


def _starts(day: Int32, month: int, first: int) -> Int32:
    years = day.astype("datetime64[D]").astype("datetime64[Y]")
    begin = (years.astype("datetime64[M]") + np.timedelta64(month - 1, "M")).astype("datetime64[D]") + np.timedelta64(
        first - 1, "D"
    )
    before = ((years - 1).astype("datetime64[M]") + np.timedelta64(month - 1, "M")).astype(
        "datetime64[D]"
    ) + np.timedelta64(first - 1, "D")
    days = day.astype("datetime64[D]")
    return np.where(begin <= days, begin, before).astype("datetime64[D]").astype(np.int64).astype(np.int32)
