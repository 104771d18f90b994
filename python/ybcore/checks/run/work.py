"""What the rules of one run share: tables with the row that holds, and which visits and lines a rule looks at."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ... import _core
from ...columns.ids import lookup
from ..fields import Items, Scope
from ..rule import Rule
from ..tables import ALWAYS, OPEN, RuleTable
from .given import Batch
from .lists import members
from .records import Records
from .scope import NO, UNKNOWN, YES

__all__ = ["Chosen", "Work"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
NO_ENTRY, ENTRY_UNKNOWN = -1, -2


@dataclass
class Chosen:
    """What a rule looks at, in canonical order: input rows, the table row of each (None: no table decides), and the counts."""

    rows: Int64
    entry: Int32 | None
    eligible: int
    unknown: int

    def only(self, keep: Mask) -> Chosen:
        """Some of them; the counts stay."""
        return Chosen(self.rows[keep], None if self.entry is None else self.entry[keep], self.eligible, self.unknown)


class Work(Records):
    """A batch, made ready for rules."""

    def __init__(self, batch: Batch, known_at: int | None = None) -> None:
        super().__init__(batch)
        self.known_at = known_at
        self._entries: dict[tuple[str, str, str], Any] = {}
        self._scopes: dict[str, Scope] = {}

    # ------------------------------------------------------------------ lists and tables

    def scope_of(self, rule: Rule) -> Scope:
        """A rule's conditions, and the region of its document as one more."""
        if rule.region == "*":
            return rule.scope
        if rule.id not in self._scopes:
            own = Scope({"insuplc_admdvs": (rule.region,)}, (), ())
            if "insuplc_admdvs" not in rule.scope.tests:
                self._scopes[rule.id] = Scope(
                    {**rule.scope.tests, **own.tests}, rule.scope.diagnoses, rule.scope.negated
                )
            else:
                turned = Scope({}, (), (own,))
                self._scopes[rule.id] = Scope(rule.scope.tests, rule.scope.diagnoses, (*rule.scope.negated, turned))
        return self._scopes[rule.id]

    @cached_property
    def places(self) -> tuple[Int32, list[str], Int32]:
        """Region index of each visit (-1 missing), the regions, level of each visit (-1 missing)."""
        codes, texts = self.scopes.text("insuplc_admdvs")
        region = np.where(np.array([not t for t in texts] or [True])[codes], -1, codes).astype(np.int32)
        codes, texts = self.scopes.text("level")
        level = np.array([int(t) if t else -1 for t in texts], np.int32)[codes]
        return region, self.scopes.text("insuplc_admdvs")[1], level

    def entries(self, table: RuleTable, column: str, ids: pa.Array, what: str, key: Int32, visit: Any, day: Int32, extra: Mask | None = None) -> Int32:  # fmt: skip
        """Row of a table that holds for each (key, visit, day); NO_ENTRY, or ENTRY_UNKNOWN for want of a region or level."""
        memo = (table.name, column, what)
        if memo not in self._entries or extra is not None:
            built = self._table(table, column, ids, extra)
            if extra is not None:
                return self._found(built, key, visit, day)
            self._entries[memo] = built
        return self._found(self._entries[memo], key, visit, day)

    def _table(self, table: RuleTable, column: str, ids: pa.Array, extra: Mask | None) -> dict[str, Any]:
        keep = self.held(table) if extra is None else self.held(table) & extra
        key = np.where(keep, _lookup(table.columns[column], ids), -1).astype(np.int32)
        order = np.lexsort((-specific(table), key)).astype(np.int64)
        order = order[key[order] >= 0]
        start = np.searchsorted(key[order], np.arange(len(ids) + 1)).astype(np.int64)
        return {"start": start, "rows": order, **self.bounds(table), "table_rows": len(table)}

    def held(self, table: RuleTable) -> Mask:
        """Rows that are known, and hold on some day."""
        keep = table.end > table.begin
        return keep & (table.known <= self.known_at) if self.known_at is not None else keep

    def bounds(self, table: RuleTable) -> dict[str, Any]:
        """When and where rows of a table hold, as the kernel reads it; None where nothing is narrowed."""
        _, regions, _ = self.places
        own = regions_of(table)
        names = sorted({text for text in own if text})
        index = {text: i for i, text in enumerate(names)}
        level = np.array([int(text) if text else -1 for text in table.level], np.int32)
        always = bool((table.begin == ALWAYS).all() and (table.end == OPEN).all())
        fits = np.array([[bool(text) and text.startswith(name) for text in regions] for name in names], np.uint8)
        return {
            "begin": None if always else table.begin.astype(np.int32), "end": None if always else table.end.astype(np.int32),
            "region": np.array([index.get(text, -1) for text in own], np.int32) if names else None,
            "level": level if (level >= 0).any() else None, "fits": fits if names else None,
        }  # fmt: skip

    @staticmethod
    def narrowed(table: RuleTable | None, by: str) -> bool:
        """Whether rows of a table hold in some regions, or at some levels, only."""
        if table is None:
            return False
        return any(regions_of(table)) if by == "region" else any(table.level)

    def _found(self, built: dict[str, Any], key: Int32, visit: Int64, day: Int32) -> Int32:
        region, _, level = self.places
        c = np.ascontiguousarray
        return _core.check_entries(
            **built, key=c(key, dtype=np.int32), day=None if built["begin"] is None else c(day, dtype=np.int32),
            event_region=None if built["region"] is None else c(region[visit]),
            event_level=None if built["level"] is None else c(level[visit]), threads=self.threads,
        )  # fmt: skip

    def pair_table(self, rule: Rule, scopes: int) -> tuple[Any, Int64]:
        """The pairs of a rule as the kernel keeps them, and the table row of each of its rows."""
        table = rule.table
        assert table is not None
        keep = self.held(table)
        override = rule.numbers.get("override")
        if override is not None:
            keep &= override != 9
        rows = np.flatnonzero(keep)
        rows = rows[np.argsort(-specific(table)[rows], kind="stable")]
        c, ids, bounds = np.ascontiguousarray, self.batch.item_ids, self.bounds(table)
        main, included = (c(_lookup(table.columns[name], ids)[rows]) for name in ("main", "included"))
        scope = c(rule.cells["scope"][rows]) if "scope" in rule.cells and rule.check.groups is not None else None
        free = rule.numbers.get("included_qty")
        taken = {
            name: None if bounds[name] is None else c(bounds[name][rows])
            for name in ("begin", "end", "region", "level")
        }
        built = _core.PairTable(
            main, included, scope, scopes, None if free is None else c(free[rows]), rule.check.symmetric, len(ids),
            **taken, fits=bounds["fits"],
        )  # fmt: skip
        return built, rows

    # ------------------------------------------------------------------ what a rule looks at

    def when(self, rule: Rule, truth: npt.NDArray[np.uint8], day: Int32) -> npt.NDArray[np.uint8]:
        """The truth of a scope on some days: a rule without a table holds as its document does."""
        if rule.table is not None:
            return truth
        if self.known_at is not None and rule.known > self.known_at:
            return np.full(len(truth), NO, np.uint8)
        if rule.begin == ALWAYS and rule.end == OPEN:
            return truth
        return np.where((day >= rule.begin) & (day < rule.end), truth, NO).astype(np.uint8)

    def item_mask(self, rule: Rule, items: Items | None = None) -> Mask | None:
        """Items that a rule names, whatever the day; None: all, or told by the catalogue's row."""
        items = rule.items if items is None else items
        ids = self.batch.item_ids
        if items.table is not None:
            table = rule.tables["items"] if items is rule.items else self._other_table(rule, items.table)
            columns = ("main", "included") if {"main", "included"} <= set(table.columns) else table.key[:1]
            out = np.zeros(len(ids), bool)
            for column in columns:
                found = _lookup(table.columns[column], ids)
                out[found[found >= 0]] = True
            return out
        if items.list is not None:
            return self.in_list(items.list, ids, "item")
        if items.prefix is not None:
            return members(ids, "prefix", items.prefix)
        return None

    @staticmethod
    def _other_table(rule: Rule, name: str) -> RuleTable:
        return next(table for table in rule.tables.values() if table.name == name)

    def among(self, rule: Rule, rows: Int64, items: Items | None = None) -> tuple[Int32 | None, npt.NDArray[np.uint8]]:
        """(table row of each line, None without table; whether the line is among the items)."""
        items = rule.items if items is None else items
        batch = self.batch
        if items.all:
            return None, np.full(len(rows), YES, np.uint8)
        item = batch.item[rows]
        if items.list_type is not None or items.med_chrgitm_type is not None:
            name, wanted = (
                ("list_type", items.list_type)
                if items.list_type is not None
                else ("med_chrgitm_type", items.med_chrgitm_type)
            )
            return None, self._by_catalogue(rows, name, wanted or ())
        mask = self.item_mask(rule, items)
        assert mask is not None
        inside = mask[item] if len(mask) else np.zeros(len(item), bool)
        if items.table is None:
            return None, inside.astype(np.uint8)
        table = rule.tables["items"] if items is rule.items else self._other_table(rule, items.table)
        if {"main", "included"} <= set(table.columns):
            return None, inside.astype(np.uint8)
        entry = np.full(len(rows), NO_ENTRY, np.int32)
        at = np.flatnonzero(inside)
        entry[at] = self.entries(
            table, table.key[0], batch.item_ids, "item", item[at], batch.line_visit[rows[at]], batch.line_day[rows[at]]
        )
        return entry, np.where(entry >= 0, YES, np.where(entry == NO_ENTRY, NO, UNKNOWN)).astype(np.uint8)

    def _by_catalogue(self, rows: Int64, name: str, wanted: tuple[str, ...]) -> npt.NDArray[np.uint8]:
        row = self.catalogue_row(rows)
        texts, codes = self.batch.catalog.words(name)
        lut = np.array([YES if any(t.startswith(w) for w in wanted) else NO for t in texts] + [UNKNOWN], np.uint8)
        return np.where(row >= 0, lut[codes[np.maximum(row, 0)]], UNKNOWN).astype(np.uint8)

    def catalogue_row(self, rows: Int64) -> Int32:
        """Row of the catalogue's items for each line on its day: that of the insured place, else the one for everywhere; -1 none."""
        batch = self.batch
        codes, texts = self.scopes.text("insuplc_admdvs")
        item = batch.catalog.item_of(batch.item_ids)[batch.item[rows]] if len(batch.item_ids) else batch.item[rows]
        return batch.catalog.item_row(item, codes[batch.line_visit[rows]], texts, batch.line_day[rows])

    def lines(self, rule: Rule, given: bool = False, candidates: Int64 | None = None) -> Chosen:
        """Lines in a rule's scope and among its items; `given`: before netting."""
        rows = (self.order if given else self.rows) if candidates is None else candidates
        if candidates is None:
            mask = self.item_mask(rule)
            if mask is not None:
                rows = rows[mask[self.batch.item[rows]]] if len(mask) else rows[:0]
        truth = self.scopes.of_lines(self.scope_of(rule), rule.visit_kinds, rows)
        truth = self.when(rule, truth, self.batch.line_day[rows])
        if (truth == NO).any():
            rows, truth = rows[truth != NO], truth[truth != NO]
        entry, among = self.among(rule, rows)
        chosen = (truth == YES) & (among == YES)
        unknown = int(np.count_nonzero((among != NO) & ~chosen))
        if chosen.all():
            return Chosen(rows, entry, len(rows), unknown)
        return Chosen(rows[chosen], None if entry is None else entry[chosen], int(chosen.sum()), unknown)

    def visits(self, rule: Rule) -> Chosen:
        """Visits in a rule's scope, in order; with items, those that have such a line."""
        order, _ = self.batch.visit_order
        truth = self.scopes.truth(self.scope_of(rule), rule.visit_kinds)[order]
        truth = self.when(rule, truth, self.batch.begin_day[order])
        among = np.full(len(order), YES, np.uint8)
        if not rule.items.all:
            _, of_line = self.among(rule, self.rows)
            best = np.zeros(self.batch.visits.rows, np.uint8)
            visit = self.batch.line_visit[self.rows]
            best[visit[of_line == UNKNOWN]] = UNKNOWN
            best[visit[of_line == YES]] = YES
            among = best[order]
        chosen = (truth == YES) & (among == YES)
        unknown = int(np.count_nonzero((truth != NO) & (among != NO) & ~chosen))
        return Chosen(order[chosen], None, int(chosen.sum()), unknown)


def regions_of(table: RuleTable) -> list[str]:
    """The region that each row is narrowed to; empty: none."""
    return ["" if text == "*" else text for text in table.region]


def specific(table: RuleTable) -> Int64:
    """How specific each row is: its region's length first, then whether it names a level."""
    return np.array([2 * len(region) + bool(level) for region, level in zip(regions_of(table), table.level)], np.int64)


def _lookup(texts: list[str], ids: pa.Array) -> Int32:
    """Dense index of some texts among ids; -1 for one that is not there."""
    if not len(ids):
        return np.full(len(texts), -1, np.int32)
    column = pa.chunked_array([pa.array(texts, pa.large_string())])
    if pa.types.is_integer(ids.type):
        ids = ids.cast(pa.large_string())
    return lookup(column, ids)
