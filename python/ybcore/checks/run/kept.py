"""What hangs on rules, tables, catalogue, institutions and doctors alone: made once, shared by calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ...columns.checks import check_validity
from ...columns.ids import encode, lookup
from ...columns.read import Frame, Problems, blank_is_missing, read
from ...columns.reader import Reader
from ..book import RuleBook
from ..fields import Items
from ..rule import Rule
from ..tables import RuleTable
from .given import SPARE, TABLES
from .held import index_in, is_of_pairs, items_among, items_of_class, name_of

__all__ = ["Kept"]

Int32 = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]
_KEYS = {"institutions": "fixmedins_code", "doctors": "dr_code"}


class Numbered:
    """An id column of a table, numbered once."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        (self._of_row,), self._ids = encode([column])

    def within(self, ids: pa.Array) -> Int32:
        """Place of each row's id among other ids; -1 for one that is not there."""
        place = np.full(len(self._ids) + 1, -1, np.int32)
        number = lookup(pa.chunked_array([ids]), self._ids)
        there = np.flatnonzero(number >= 0)
        place[number[there]] = there
        out: Int32 = place[self._of_row]
        return out


class Kept:
    """Of one book. Immutable but for what is made when it is first asked for, so that threads may share it. Raises InputError with every wrong column of institutions and doctors at once."""

    def __init__(self, book: RuleBook, catalog: Any, beside: dict[str, Any]) -> None:
        self.book, self.catalog, self.lists = book, catalog, book.lists
        self.readers = {name: Reader(spec, SPARE, name == "lines") for name, spec in TABLES.items()}
        problems = Problems()
        self.frames: dict[str, Frame] = {
            name: read(beside[name], TABLES[name], problems, optional=SPARE)
            for name in _KEYS
            if beside.get(name) is not None
        }
        check_validity(self.frames.get("institutions"), problems)
        problems.stop()
        self.beside = {
            name: Numbered(frame.ids[_KEYS[name]]) for name, frame in self.frames.items() if _KEYS[name] in frame.ids
        }
        self.items = _items(book, catalog)
        self._made: dict[Any, Any] = {}
        for rule in book.rules:
            if rule.enabled:
                self._prepare(rule)

    def _prepare(self, rule: Rule) -> None:
        """What a rule will ask for, so that no call has to make it."""
        items = rule.items
        if items.list_type is not None or items.med_chrgitm_type is not None:
            if self.catalog is not None:
                self.of_class(items)
        elif not items.all:
            self.among(items, rule.tables.get("items"))
        for table in rule.tables.values():
            for column in ("main", "included") if is_of_pairs(table) else table.key[:1]:
                self.places(table, column)

    def of_class(self, items: Items) -> Mask:
        """Items of the catalogue that may be of list types or charge heads, and at the end none."""
        found: Mask = self.once(f"class {name_of(items)}", lambda: items_of_class(self.catalog, items))
        return found

    def among(self, items: Items, table: RuleTable | None) -> Mask:
        """Kept items that may be among those of a table, a list or prefixes, and at the end none."""
        own = table if items.table is not None else None
        found: Mask = self.once(
            name_of(items), lambda: np.append(items_among(items, own, self.items, self.lists), False)
        )
        return found

    def places(self, table: RuleTable, column: str) -> Int32:
        """Number of each cell of a table among the kept items; -1 for another."""
        found: Int32 = self.once(f"{table.name}.{column}", lambda: index_in(table.columns[column], self.items))
        return found

    def once(self, name: Any, make: Callable[[], Any]) -> Any:
        """What hangs on rules and catalogue alone, made by the first who asks."""
        found = self._made.get(name)
        if found is None:
            found = self._made.setdefault(name, make())
        return found

    def numbers(self, ids: pa.Array) -> Int32:
        """Number of each of some items among the kept ones; -1 for another."""
        if pa.types.is_integer(ids.type):
            ids = ids.cast(pa.large_string())
        return lookup(pa.chunked_array([ids]), self.items)


def _items(book: RuleBook, catalog: Any) -> pa.Array:
    """Every item that a table, a list or the catalogue names."""
    parts = [] if catalog is None else [catalog.codes.cast(pa.large_string())]
    for rule in book:
        for table in rule.tables.values():
            columns = ("main", "included") if is_of_pairs(table) else table.key[:1]
            parts += [pa.array(table.columns[name], pa.large_string()) for name in columns]
        parts += [pa.array(known.codes, pa.large_string()) for known in rule.lists.values() if known.match == "exact"]
    return encode([blank_is_missing(pa.chunked_array([part])) for part in parts])[1]
