"""What the rules of one run share: tables with the row that holds, and which visits and lines a rule looks at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ... import _core
from ..fields import Items, Scope
from ..rule import Rule
from ..tables import ALWAYS, OPEN, RuleTable
from .counted import stay_days_of
from .given import Batch
from .held import facts_of, index_in, is_of_pairs, items_among, items_of_class, lacks_groups, name_of, rows_of_class
from .lines import Chosen
from .picked import Picks
from .records import Records
from .scope import NO, UNKNOWN, YES, asks_lines, scope_with_region

__all__ = ["Chosen", "Work"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Truth = npt.NDArray[np.uint8]
NO_ENTRY, ENTRY_UNKNOWN = -1, -2


class Work(Records):
    """A batch, made ready for rules."""

    def __init__(self, batch: Batch, known_at: int | None = None) -> None:
        super().__init__(batch)
        self.known_at = known_at
        self.picks = Picks(self)
        self._entries: dict[tuple[str, str, str], Any] = {}
        self._chosen: dict[Any, Chosen] = {}

    # ------------------------------------------------------------------ lists and tables

    @cached_property
    def visit_days(self) -> tuple[Int64, Int64]:
        """(first day, day after the last) of each visit, also of one that ends before it begins."""
        begin, end = (day.astype(np.int64) for day in (self.batch.begin_day, self.batch.end_day))
        return np.minimum(begin, end), np.maximum(begin, end) + 1

    @cached_property
    def days_of_stay(self) -> tuple[Int64, Int64]:
        """(first day, day after the last) of the stay of each visit that stands."""
        return stay_days_of(self.batch, self.visit_days)

    def scope_of(self, rule: Rule) -> Scope:
        """A rule's conditions, and the region of its document as one more."""
        return scope_with_region(rule)

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
        facts = facts_of(table)
        keep = self.held(table) if extra is None else self.held(table) & extra
        key = np.where(keep, self.index_in(table, column, ids), -1).astype(np.int32)
        there = np.flatnonzero(key >= 0)
        order = there[np.lexsort((-facts.specific[there], key[there]))]
        start = np.searchsorted(key[order], np.arange(len(ids) + 1)).astype(np.int64)
        return {"start": start, "rows": order, **facts.bounds(self.places[1]), "table_rows": len(table)}

    def index_in(self, table: RuleTable, column: str, ids: pa.Array) -> Int32:
        """Dense index of a table's cells among ids; -1 for one that is not there."""
        kept = self.batch.kept
        if kept is None or ids is not self.batch.item_ids:
            return index_in(table.columns[column], ids)
        found: Int32 = self._of_kept[kept.places(table, column)]
        return found

    @cached_property
    def _of_kept(self) -> Int32:
        """Item of the batch of each kept one, -1 for one that does not occur; and at the end -1."""
        kept = self.batch.kept
        assert kept is not None
        out = np.full(len(kept.items) + 1, -1, np.int32)
        number = self.kept_items
        there = np.flatnonzero(number >= 0)
        out[number[there]] = there
        return out

    def held(self, table: RuleTable) -> Mask:
        """Rows that are known, and hold on some day."""
        return self.kept_once(f"held {table.name}", lambda: table.held(self.known_at))

    def _found(self, built: dict[str, Any], key: Int32, visit: Int64, day: Int32) -> Int32:
        region, _, level = self.places
        c = np.ascontiguousarray
        return _core.check_entries(
            **built, key=c(key, dtype=np.int32), day=None if built["begin"] is None else c(day, dtype=np.int32),
            event_region=None if built["region"] is None else self.at(region, c(visit)),
            event_level=None if built["level"] is None else self.at(level, c(visit)), threads=self.threads,
        )  # fmt: skip

    def pair_table(self, rule: Rule, scope: Any, scopes: int) -> tuple[Any, Int64]:
        """The pairs of a rule as the kernel keeps them, and the table row of each of its rows; `scope`: the group of each of its rows."""
        table = rule.table
        assert table is not None
        keep = self.held(table)
        override = rule.numbers.get("override")
        if override is not None:
            keep = keep & (override != 9)
        ids = self.batch.item_ids
        main, included = (self.index_in(table, name, ids) for name in ("main", "included"))
        facts = facts_of(table)
        # Of which one side does not occur there is no pair; but whether a line is known must not rest on what occurs elsewhere.
        known = not (facts.by_region or facts.by_level or lacks_groups(rule))
        if known:
            keep = keep & (main >= 0) & (included >= 0)
        else:
            keep = keep & ((main >= 0) | (included >= 0))
            main, included = (np.where(side < 0, len(ids), side).astype(np.int32) for side in (main, included))
        rows = np.flatnonzero(keep)
        rows = rows[np.argsort(-facts.specific[rows], kind="stable")]
        c, bounds = np.ascontiguousarray, facts.bounds(self.places[1])
        main, included = c(main[rows]), c(included[rows])
        scope = None if scope is None else c(scope[rows])
        free = rule.numbers.get("included_qty")
        taken = {
            name: None if bounds[name] is None else c(bounds[name][rows])
            for name in ("begin", "end", "region", "level")
        }
        built = _core.PairTable(
            main, included, scope, scopes, None if free is None else c(free[rows]), rule.check.symmetric, len(ids) + (not known),
            **taken, fits=bounds["fits"],
        )  # fmt: skip
        return built, rows

    # ------------------------------------------------------------------ what a rule looks at

    def when(self, rule: Rule, truth: npt.NDArray[np.uint8], day: Int32) -> npt.NDArray[np.uint8]:
        """The truth of a scope on some days: a rule holds on its own, and without a table as its document does."""
        if rule.table is None and self.known_at is not None and rule.known > self.known_at:
            return np.full(len(truth), NO, np.uint8)
        if rule.begin == ALWAYS and rule.end == OPEN:
            return truth
        return np.where((day >= rule.begin) & (day < rule.end), truth, NO).astype(np.uint8)

    def always(self, rule: Rule) -> bool:
        """Whether a rule holds on every day; its table's rows have days of their own."""
        known = rule.table is not None or self.known_at is None
        return known and rule.begin == ALWAYS and rule.end == OPEN

    def item_mask(self, rule: Rule, items: Items | None = None) -> Mask | None:
        """Items that may be among those that a rule names, whatever the day; None: all."""
        items = rule.items if items is None else items
        if items.all:
            return None
        mask: Mask = self.once(name_of(items), lambda: self._item_mask(rule, items))
        return mask

    def _item_mask(self, rule: Rule, items: Items) -> Mask:
        kept, ids = self.batch.kept, self.batch.item_ids
        if items.list_type is not None or items.med_chrgitm_type is not None:
            # Those with a row of the catalogue that fits or does not say, and those without one on some line's day.
            catalog = self.batch.catalog
            some = items_of_class(catalog, items) if kept is None else kept.of_class(items)
            return some[self.catalogue_item] | self._items_without_row
        table = None if items.table is None else self._items_table(rule, items)
        if kept is None:
            return items_among(items, table, ids, self.lists)
        number = self.kept_items
        mask: Mask = kept.among(items, table)[number]
        new = np.flatnonzero(number < 0)
        if len(new):
            mask[new] = items_among(items, table, ids.take(pa.array(new)), self.lists)
        return mask

    def kept_once(self, name: str, make: Callable[[], Any]) -> Any:
        """What hangs on rules and catalogue alone: made once for all batches where something is kept between them."""
        kept = self.batch.kept
        return self.once(name, make) if kept is None else kept.once(name, make)

    @cached_property
    def kept_items(self) -> Int32:
        """Number of each item of the batch among the kept ones; -1 for another."""
        kept = self.batch.kept
        assert kept is not None
        return kept.numbers(self.batch.item_ids)

    @cached_property
    def item_names(self) -> list[str]:
        """The items of the batch as texts."""
        return [str(item) for item in self.batch.item_ids.to_pylist()]

    @cached_property
    def catalogue_item(self) -> Int32:
        """Index of each item of the batch in the catalogue; -1 for one that is not there."""
        catalog, kept = self.batch.catalog, self.batch.kept
        if kept is None:
            out: Int32 = catalog.item_of(self.batch.item_ids)
            return out
        of_kept = kept.once("catalogue", lambda: np.append(catalog.item_of(kept.items), np.int32(-1)))
        found: Int32 = of_kept[self.kept_items]
        return found

    @cached_property
    def _items_without_row(self) -> Mask:
        out = np.zeros(len(self.batch.item_ids) + 1, bool)
        out[self.batch.item[self.catalogue_rows < 0]] = True
        return out[:-1]

    def _items_table(self, rule: Rule, items: Items) -> RuleTable:
        if items is rule.items:
            return rule.tables["items"]
        return next(table for table in rule.tables.values() if table.name == items.table)

    def among(self, rule: Rule, chosen: Chosen, items: Items | None = None) -> tuple[Int32 | None, Truth | None]:
        """(table row of each line, None without table; whether the line is among the items, None: all are)."""
        items = rule.items if items is None else items
        if items.all:
            return None, None
        if items.list_type is not None or items.med_chrgitm_type is not None:
            rows = self.at(self.catalogue_rows, chosen.rows)
            return None, _core.taken(self._class_of_rows(items), rows, self.threads)
        item = self.of(chosen, "item")
        if items.table is None or is_of_pairs(self._items_table(rule, items)):
            mask = self.item_mask(rule, items)
            assert mask is not None
            return None, _core.taken(np.append(mask.astype(np.uint8), np.uint8(UNKNOWN)), item, self.threads)
        table = self._items_table(rule, items)
        entry = self.entries(
            table, table.key[0], self.batch.item_ids, "item", item, self.of(chosen, "visit"), self.of(chosen, "day")
        )
        truth = np.where(entry >= 0, YES, np.where(entry == NO_ENTRY, NO, UNKNOWN)).astype(np.uint8)
        truth[item < 0] = UNKNOWN
        return entry, truth

    def _class_of_rows(self, items: Items) -> Truth:
        """Of each row of the catalogue, and at the end of none, whether it is of the list types or charge heads."""
        catalog = self.batch.catalog
        found: Truth = self.kept_once(f"rows {name_of(items)}", lambda: rows_of_class(catalog, items))
        return found

    @cached_property
    def catalogue_rows(self) -> Int32:
        """Row of the catalogue's items for each line on its day: that of the insured place, else the one for everywhere; -1 none."""
        return self._catalogue_rows(self.batch.item, self.batch.line_visit, self.batch.line_day)

    def catalogue_rows_of(self, rows: Any) -> Int32:
        """The same of some lines."""
        if self.batch.kept is None or "catalogue_rows" in self.__dict__:
            found: Int32 = self.at(self.catalogue_rows, rows)
            return found
        batch = self.batch
        return self._catalogue_rows(
            *(np.ascontiguousarray(column[rows]) for column in (batch.item, batch.line_visit, batch.line_day))
        )

    def _catalogue_rows(self, item: Int32, visit: Int32, day: Int32) -> Int32:
        catalog = self.batch.catalog
        item = _core.taken(np.append(self.catalogue_item, np.int32(-1)), item, self.threads)
        region: Any = None
        texts: list[str] = []
        if catalog.regional:
            codes, texts = self.scopes.text("insuplc_admdvs")
            region = codes[visit]
        rows: Int32 = catalog.item_row(item, region, texts, day, self.threads)
        return rows

    def lines(self, rule: Rule, given: bool = False, among: Any = None) -> Chosen:
        """Lines in a rule's scope and among its items; `given`: before netting; `among`: of these rows only.

        Of a rule that counts money, lines without an amount are unknown and left out.
        """
        chosen = self._lines_of(rule, given, among)
        if self.no_amount is None or not rule.counts_money:
            return chosen
        keep = ~self.no_amount[chosen.rows]
        known = chosen.only(keep)
        known.unknown += len(keep) - len(known.rows)
        return known

    def _lines_of(self, rule: Rule, given: bool, among: Any) -> Chosen:
        picked = None if given or among is not None else self.picks.of(rule)
        places, visit = picked or (None, None)
        rows = self.order if given else self.rows if places is None else self.at(self.rows, places)
        mine = Chosen(
            rows if among is None else among, None, 0, 0, places, not given and places is None and among is None, visit
        )
        truth = self._scope_of_lines(rule, mine, places is not None)
        if truth is not None and (truth == NO).any():
            keep = truth != NO
            mine, truth = mine.only(keep), truth[keep]
        mine.entry, item = self.among(rule, mine)
        if truth is None and item is None:
            mine.eligible = len(mine.rows)
            return mine
        chosen = np.ones(len(mine.rows), bool) if truth is None else truth == YES
        known = np.ones(len(mine.rows), bool) if item is None else item != NO
        chosen &= known if item is None else item == YES
        mine.unknown = int(np.count_nonzero(known & ~chosen))
        mine.eligible = int(np.count_nonzero(chosen))
        return mine if mine.eligible == len(chosen) else mine.only(chosen)

    def _scope_of_lines(self, rule: Rule, lines: Chosen, picked: bool) -> Truth | None:
        """Whether a rule's scope holds for lines; None where it does for all of them. `picked`: it fails for no visit of theirs."""
        scope, kinds = self.scope_of(rule), rule.visit_kinds
        if self.always(rule) and (not scope or (picked and not asks_lines(scope) and self.scopes.sure(scope, kinds))):
            return None
        truth = self.scopes.of_lines(scope, kinds, lines.rows, self.of(lines, "visit"))
        return self.when(rule, truth, self.of(lines, "day"))

    def visits(self, rule: Rule) -> Chosen:
        """Visits in a rule's scope, in order; with items, those that have such a line."""
        if not rule.items.all or not self.always(rule):
            return self._visits(rule)
        # Many rules have one scope; what kinds of visits there are only matters to one that asks for them.
        scope = self.scope_of(rule)
        key = (scope, self.scopes.number_of(rule.visit_kinds) if "visit_kind" in scope.columns() else 0)
        if key not in self._chosen:
            self._chosen[key] = self._visits(rule)
        return replace(self._chosen[key])

    def _visits(self, rule: Rule) -> Chosen:
        order, _ = self.batch.visit_order
        truth = self.scopes.truth(self.scope_of(rule), rule.visit_kinds)[order]
        truth = self.when(rule, truth, self.batch.begin_day[order])
        if rule.items.all:
            chosen = truth == YES
            return Chosen(order[chosen], None, int(chosen.sum()), int(np.count_nonzero(truth == UNKNOWN)))
        among = self.visits_with(rule)[order]
        chosen = (truth == YES) & (among == YES)
        unknown = int(np.count_nonzero((truth != NO) & (among != NO) & ~chosen))
        return Chosen(order[chosen], None, int(chosen.sum()), unknown)

    def narrowed(self, visit: Int64) -> Mask | None:
        """Which diagnoses and operations of these visits are looked at; None: all of them."""
        return None

    def of_rule(self, name: str, make: Callable[[], Any]) -> Any:
        """What a rule reads that its figures do not change. Not kept, for few rules read the same."""
        return make()

    def maybe(self, rule: Rule, items: Items | None = None) -> Chosen:
        """Standing lines that may be among some items, whatever the scope."""
        mask = self.item_mask(rule, items)
        if mask is None:
            return Chosen(self.rows, None, 0, 0, whole=True)
        inside = _core.taken(np.append(mask, True).astype(np.uint8), self.ordered("item"), self.threads)
        places = np.flatnonzero(inside).astype(np.int32)
        return Chosen(self.at(self.rows, places), None, 0, 0, places)

    def visits_with(self, rule: Rule, items: Items | None = None) -> Truth:
        """Whether each visit has a line among some items: one that is decides, then one of which it is not known."""
        lines = self.maybe(rule, items)
        _, among = self.among(rule, lines, items)
        visit = self.of(lines, "visit")
        best = np.zeros(self.batch.visits.rows, np.uint8)
        if among is None:
            best[visit] = YES
            return best
        best[visit[among == UNKNOWN]] = UNKNOWN
        best[visit[among == YES]] = YES
        return best
