"""Events: visits and parts of split stays, each with its plan, its pricing and its flags."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from ..columns.convert import NULL_INT
from ..policy.compile import CompiledBook
from .people import Facts

__all__ = ["REASONS", "Assigned", "Keys", "assign", "year_starts"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
REASONS = (
    "", "bad_value", "duplicate_setl_id", "unknown_person", "not_enrolled", "no_policy", "bad_split", "negative_bucket", "no_figure",
    "missing_value", "unknown_original", "other_person", "reversal_of_reversal", "reversal_before_original", "original_not_settled",
    "already_reversed", "overflow",
)  # fmt: skip
_ROOM = 1 << 60


@dataclass(slots=True)
class Assigned:
    """By event: plan (-1 none) and its reason, pricing program (-1 none), flags, price flags, document (-1 none)."""

    plan: Int32
    reason: npt.NDArray[np.uint8]
    program: Int32
    flags: Int64
    price_flags: Int64
    document: Int32


class Keys:
    """Combinations of classes of several attributes, as mixed-radix numbers."""

    def __init__(self, rows: int) -> None:
        self._key = np.zeros(rows, np.uint64)
        self._size = 1

    def add(self, classes: Any, count: int) -> None:
        """Another attribute: the class (0 to count - 1) of each row."""
        if self._size * count > _ROOM:
            dense, keys, _ = _core.combine(self._key)
            self._key, self._size = dense.astype(np.uint64), len(keys)
        self._key = self._key * np.uint64(count) + classes.astype(np.uint64)
        self._size *= count

    def combine(self) -> tuple[Int32, npt.NDArray[np.uint64], Int64]:
        """(dense number of each row's combination, key of each number, first row of each number)."""
        found: tuple[Int32, npt.NDArray[np.uint64], Int64] = _core.combine(self._key)
        return found


def assign(compiled: CompiledBook, facts: Facts) -> Assigned:
    """Classes of every attribute the book asks about, their combinations, and one compiled plan for each."""
    keys = Keys(facts.rows)
    texts: dict[str, tuple[Int32, list[str]]] = {}
    numbers: dict[str, Int64] = {}
    edges = np.array(compiled.date_edges(), np.int64)
    keys.add(np.searchsorted(edges, facts.day, side="right"), len(edges) + 1)
    for name, asked in compiled.attributes.items():
        if asked.kind == "number":
            default = int(asked.default) if asked.default else None
            values = facts.number(name, asked.tables, default)
            cuts = np.array(compiled.number_edges(name), np.int64)
            classes = np.where(values == NULL_INT, len(cuts) + 1, np.searchsorted(cuts, values, side="right"))
            numbers[name] = values
            keys.add(classes, len(cuts) + 2)
        else:
            codes, known = facts.text(asked)
            lut, members = compiled.text_classes(name, known)
            texts[name] = (codes, known)
            keys.add(lut[codes], len(members))
    of_event, _, first = keys.combine()
    found = []
    for event in first:
        held: dict[str, Any] = {name: known[codes[event]] for name, (codes, known) in texts.items()}
        held |= {name: None if column[event] == NULL_INT else int(column[event]) for name, column in numbers.items()}
        found.append(compiled.instance(held, int(facts.day[event])))
    return Assigned(
        np.array([i.plan for i in found] or [0], np.int32)[of_event],
        np.array([REASONS.index(i.reason) for i in found] or [0], np.uint8)[of_event],
        np.array([i.program for i in found] or [0], np.int32)[of_event],
        np.array([i.flags for i in found] or [0], np.int64)[of_event],
        np.array([i.price_flags for i in found] or [0], np.int64)[of_event],
        np.array([i.document for i in found] or [0], np.int32)[of_event],
    )


def year_starts(day: Int32, month: int, first: int) -> Int32:
    """First day of the insurance year that each day is in."""
    years = day.astype("datetime64[D]").astype("datetime64[Y]")
    begin = (years.astype("datetime64[M]") + np.timedelta64(month - 1, "M")).astype("datetime64[D]") + np.timedelta64(
        first - 1, "D"
    )
    before = ((years - 1).astype("datetime64[M]") + np.timedelta64(month - 1, "M")).astype(
        "datetime64[D]"
    ) + np.timedelta64(first - 1, "D")
    days = day.astype("datetime64[D]")
    return np.where(begin <= days, begin, before).astype("datetime64[D]").astype(np.int64).astype(np.int32)
