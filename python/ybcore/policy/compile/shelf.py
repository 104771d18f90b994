"""What compiled books share: tables, names, and what each document holds for each combination it can tell apart."""

from __future__ import annotations

import copy
from bisect import bisect_right
from typing import TYPE_CHECKING, Any

from .tables import Tables

if TYPE_CHECKING:
    from .asks import Asks
    from .book import Asked, Instance

__all__ = ["MOST_CLASSES", "Reader", "Shelf"]

MOST_CLASSES = 1 << 16  # values of one attribute whose class is remembered


class Reader:
    """What one document can tell of a combination: equal keys get equal instances."""

    def __init__(self, asks: Asks, asked: dict[str, Asked]) -> None:
        self._dates = sorted(asks.dates)
        self._numbers: list[tuple[str, list[int]]] = []
        self._texts: list[tuple[str, list[Any], dict[str, Any] | None]] = []
        for name, own in asks.tests.items():
            if asked[name].kind == "number":
                edges = {edge for test in own for r in test.ranges for edge in (r.low, r.below) if edge is not None}
                self._numbers.append((name, sorted(edges | (asks.ages if name == "age" else set()))))
            else:
                self._texts.append((name, list(dict.fromkeys(own)), None if name in asks.whole else {}))

    def key(self, values: dict[str, Any], date: int) -> tuple[Any, ...]:
        """The classes of the attributes that the document asks about, and of the day."""
        out: list[Any] = [bisect_right(self._dates, date)]
        for name, edges in self._numbers:
            value = values[name]
            out.append(-1 if value is None else bisect_right(edges, value))
        for name, tests, known in self._texts:
            value = values[name]
            if known is None:
                out.append(value)
                continue
            if value not in known:
                if len(known) >= MOST_CLASSES:
                    known.clear()
                known[value] = tuple(test.holds(value) for test in tests)
            out.append(known[value])
        return tuple(out)


class Shelf:
    """Shared by books that are settled together; a book of its own has one of its own. Grows; not shared between threads while it does."""

    def __init__(self) -> None:
        self.tables = Tables()
        self.scheme_names: list[str] = []
        self.counter_names: list[str] = []
        self.layer_names: list[str] = []
        self.counters: dict[str, int] = {}
        self.asked_counters: dict[tuple[str, Any], int] = {}  # the same by name, as plans ask for them
        self.layers: dict[str, int] = {}
        self.attribute_values: dict[tuple[str, str], int] = {}
        self.value_names: list[str] = []
        self.plan_names: list[tuple[str, str]] = []
        self.plan_document: list[int] = []
        self.plans: dict[tuple[Any, ...], int] = {}  # equal plans of one name once
        self.programs: list[tuple[int, ...]] = []
        self.steps: list[tuple[int, ...]] = []
        self.program_numbers: dict[Any, int] = {}
        self.categories: dict[str, int] = {}
        self.fields: list[str] = []
        self.built: dict[tuple[str, tuple[Any, ...]], Instance] = {}

    def fork(self) -> Shelf:
        """The same to go on from; this one stays as it is."""
        out = Shelf()
        for name, held in vars(self).items():
            setattr(out, name, held.fork() if isinstance(held, Tables) else copy.copy(held))
        return out
