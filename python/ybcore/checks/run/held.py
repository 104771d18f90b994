"""What is known of a rule's table and items before any row is seen: which rows hold at all, how specific they are, which codes are among them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ...columns.ids import lookup
from ..fields import Items
from ..rule import Rule
from ..tables import ALWAYS, OPEN, RuleTable
from .lists import members
from .scope import NO, UNKNOWN, YES, fits

__all__ = [
    "TableFacts",
    "facts_of",
    "groups_of_pairs",
    "index_in",
    "is_of_pairs",
    "items_among",
    "items_of_class",
    "lacks_groups",
    "name_of",
    "rows_of_class",
    "surely_of_class",
]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class TableFacts:
    """`region`: place in `regions`, `level`, each -1 where none is given; begin and end None where every row always holds."""

    specific: Int64  # its region's length first, then whether a row names a level
    regions: tuple[str, ...]
    region: Int32
    level: Int32
    begin: Int32 | None
    end: Int32 | None

    @property
    def by_region(self) -> bool:
        """Whether rows hold in some regions only."""
        return bool(self.regions)

    @property
    def by_level(self) -> bool:
        """Whether rows hold at some levels only."""
        return bool((self.level >= 0).any())

    def bounds(self, places: list[str]) -> dict[str, Any]:
        """When and where rows hold, as the kernel reads it; `places`: regions of the events. None where nothing is narrowed."""
        fits = [[bool(text) and text.startswith(name) for text in places] for name in self.regions]
        return {
            "begin": self.begin, "end": self.end, "region": self.region if self.by_region else None,
            "level": self.level if self.by_level else None, "fits": np.array(fits, np.uint8) if fits else None,
        }  # fmt: skip


_FACTS: WeakKeyDictionary[RuleTable, TableFacts] = WeakKeyDictionary()


def facts_of(table: RuleTable) -> TableFacts:
    """Made once for each table of a book."""
    if table not in _FACTS:
        own = ["" if text == "*" else text for text in table.region]
        regions = tuple(sorted({text for text in own if text}))
        index = {text: i for i, text in enumerate(regions)}
        always = bool((table.begin == ALWAYS).all() and (table.end == OPEN).all())
        _FACTS[table] = TableFacts(
            np.array([2 * len(region) + bool(level) for region, level in zip(own, table.level)], np.int64), regions,
            np.array([index.get(text, -1) for text in own], np.int32), np.array([int(text) if text else -1 for text in table.level], np.int32),
            None if always else table.begin.astype(np.int32), None if always else table.end.astype(np.int32),
        )  # fmt: skip
    return _FACTS[table]


def index_in(texts: list[str], ids: pa.Array) -> Int32:
    """Dense index of some texts among ids; -1 for one that is not there."""
    if not len(ids):
        return np.full(len(texts), -1, np.int32)
    column = pa.chunked_array([pa.array(texts, pa.large_string())])
    if pa.types.is_integer(ids.type):
        ids = ids.cast(pa.large_string())
    return lookup(column, ids)


def is_of_pairs(table: RuleTable) -> bool:
    """Whether rows are found by either side of a pair."""
    return {"main", "included"} <= set(table.columns)


def groups_of_pairs(rule: Rule) -> tuple[list[Any], Int32 | None]:
    """The groups that pairs are looked for in, and which of them each row of the table names (None: the first).

    Rows that differ in their scope are pairs of their own, also where one group does for all.
    """
    check, table = rule.check, rule.table
    if check.groups is not None:
        return list(check.groups.values()), rule.cells["scope"]
    if table is None or len(set(table.columns.get("scope", ()))) < 2:
        return [check.group], None
    texts, codes = np.unique(np.array(table.columns["scope"], object), return_inverse=True)
    return [check.group] * len(texts), codes.reshape(-1).astype(np.int32)


def lacks_groups(rule: Rule) -> bool:
    """Whether a line may be in no group that is known: for want of an institution or a prescription."""
    groups, _ = groups_of_pairs(rule)
    return rule.check.subject == "person_institution" or any(group.group == "prescription" for group in groups)


def name_of(items: Items) -> str:
    """What tells the items of rules apart."""
    return f"items {items.table} {items.list} {items.prefix} {items.list_type} {items.med_chrgitm_type}"


def items_among(items: Items, table: RuleTable | None, ids: pa.Array, lists: Mapping[str, Any]) -> Mask:
    """Which of some items may be among those of a table, a list or prefixes, whatever the day."""
    if table is not None:
        out = np.zeros(len(ids), bool)
        for column in ("main", "included") if is_of_pairs(table) else table.key[:1]:
            found = index_in(table.columns[column], ids)
            out[found[found >= 0]] = True
        return out
    if items.list is not None:
        return members(ids, lists[items.list].match, lists[items.list].codes)
    return members(ids, "prefix", items.prefix or ())


def rows_of_class(catalog: Any, items: Items) -> npt.NDArray[np.uint8]:
    """Of each row of the catalogue, and at the end of none, whether it is of the list types or charge heads."""
    name = "list_type" if items.list_type is not None else "med_chrgitm_type"
    texts, codes = catalog.words(name)
    lut = np.array([YES if fits(text, getattr(items, name)) else NO for text in texts] + [UNKNOWN], np.uint8)
    return np.append(lut[codes], np.uint8(UNKNOWN))


def items_of_class(catalog: Any, items: Items) -> Mask:
    """Items of the catalogue, and at the end none, with a row that is of the list types or charge heads, or does not say."""
    some = np.zeros(len(catalog) + 1, bool)
    some[catalog.item_of_row[rows_of_class(catalog, items)[:-1] != NO]] = True
    return some


def surely_of_class(catalog: Any, items: Items) -> Mask:
    """Items of the catalogue without a row of another list type or charge head, and at the end none, of which it is not known."""
    sure = np.ones(len(catalog) + 1, bool)
    sure[catalog.item_of_row[rows_of_class(catalog, items)[:-1] == NO]] = False
    sure[-1] = True
    return sure
