"""What the rules of one run share: lines in canonical order and net of returns, conditions, lists, tables, and who is looked at."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ... import _core
from ...columns.convert import NULL_DAY, NULL_INT
from ...columns.ids import lookup
from ...settling.order import tie_ids
from ..fields import Items
from ..rule import Rule
from ..tables import RuleTable
from .given import Batch
from .lists import members
from .scope import NO, UNKNOWN, YES, Scopes

__all__ = ["Chosen", "Work"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
NO_ENTRY, ENTRY_UNKNOWN = -1, -2
UNIT = 10_000


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


class Work:
    """A batch, made ready for rules."""

    def __init__(self, batch: Batch, known_at: int | None = None) -> None:
        self.batch, self.known_at, self.threads = batch, known_at, batch.threads
        self.scopes = Scopes(batch, self._visits_with)
        self.lists: dict[str, Any] = {}
        self._members: dict[tuple[str, str], Mask] = {}
        self._entries: dict[tuple[str, str, str], Any] = {}
        self._visits_in: dict[str, npt.NDArray[np.uint8]] = {}
        self._lines()

    # ------------------------------------------------------------------ lines

    def _lines(self) -> None:
        batch, frame = self.batch, self.batch.frame("lines")
        if frame is None:
            self.order = self.rows = np.zeros(0, np.int64)
            self.quantity = self.amount = np.zeros(0, np.int64)
            self.returns = self.lost = 0
            return
        amount = frame.ints("det_item_fee_sumamt")
        amount = np.where(amount == NULL_INT, 0, amount)
        count = frame.ints("cnt")
        quantity = np.where(count == NULL_INT, np.where(amount < 0, -UNIT, UNIT), count)
        self.given_amount, self.given_quantity = amount, quantity
        visit = batch.line_visit
        out = ~batch.stands
        if out.any():
            visit = np.where(out[visit], -1, visit).astype(np.int32)
        ids = tie_ids(batch.visits.ids["setl_id"])
        own = tie_ids(frame.ids["feedetl_sn"]) if "feedetl_sn" in frame.ids else None
        found = _core.check_line_order(visit, batch.psn, batch.line_time, ids, own, len(batch.psn_ids), self.threads)
        order, begin = found["row"], found["person_begin"]
        net = _core.check_net(order, begin, visit, batch.item, quantity, amount, self._named(), self.threads)
        self.returns, self.lost = int(net["returns"]), int(net["lost"])
        self.quantity = net["quantity"] if self.returns else quantity
        self.amount = net["amount"] if self.returns else amount
        self.order = np.arange(frame.rows) if order is None else order.astype(np.int64)
        stands = net["stands"].view(bool)[self.order]
        self.rows = self.order if stands.all() else self.order[stands]

    def _named(self) -> Int64 | None:
        named = self.batch.named_line
        return None if not len(named) or int(named.max()) < 0 else named

    @cached_property
    def place_of(self) -> Int64:
        """Place in canonical order of each line; lines that are left out stand at the end."""
        out = np.full(len(self.batch.line_visit), len(self.order), np.int64)
        out[self.order] = np.arange(len(self.order))
        return out

    @cached_property
    def visit_place(self) -> Int64:
        """Place of each visit among those that stand, by person, begin and id."""
        order, _ = self.batch.visit_order
        out = np.full(self.batch.visits.rows, len(order), np.int64)
        out[order] = np.arange(len(order))
        return out

    def person_begin(self, rows: Int64) -> Int64:
        """Where the runs of persons begin among lines in canonical order, and their end."""
        person = self.batch.psn[self.batch.line_visit[rows]]
        if not len(person):
            return np.zeros(1, np.int64)
        return np.append(np.flatnonzero(np.diff(person, prepend=-2)), len(person)).astype(np.int64)

    # ------------------------------------------------------------------ lists and tables

    def use(self, rule: Rule) -> None:
        """Make the lists of a rule known."""
        self.lists.update(rule.lists)

    def in_list(self, name: str, ids: pa.Array, what: str) -> Mask:
        """Which of the distinct ids (of kind `what`) are in a list."""
        key = (name, what)
        if key not in self._members:
            known = self.lists[name]
            self._members[key] = members(ids, known.match, known.codes)
        return self._members[key]

    def _visits_with(self, name: str) -> npt.NDArray[np.uint8]:
        """Whether a visit has a diagnosis in a list; without any diagnosis it cannot be known."""
        if name not in self._visits_in:
            visit, code, ids = self.diagnoses
            out = np.full(self.batch.visits.rows, UNKNOWN, np.uint8)
            out[visit] = NO
            inside = self.in_list(name, ids, "diagnosis")
            out[visit[inside[code]]] = YES
            self._visits_in[name] = out
        return self._visits_in[name]

    def _coded(self, table: str, column: str) -> tuple[Int32, Int32, pa.Array]:
        """(visit, dense code, codes) of rows of standing visits that have a code, in table order."""
        frame = self.batch.frame(table)
        found = None if frame is None else frame.code(column)
        if frame is None or found is None:
            none = np.zeros(0, np.int32)
            return none, none, pa.array([], pa.large_string())
        visit, code = self.batch.row_visit[table], found[0]
        keep = (code >= 0) & self.batch.stands[visit]
        return visit[keep], code[keep], pa.array(found[1], pa.large_string())

    @cached_property
    def diagnoses(self) -> tuple[Int32, Int32, pa.Array]:
        """Diagnosis rows: visit, dense code, codes."""
        return self._coded("diagnoses", "diag_code")

    @cached_property
    def operations(self) -> tuple[Int32, Int32, pa.Array]:
        """Operation rows: visit, dense code, codes."""
        return self._coded("operations", "oprn_oprt_code")

    @cached_property
    def _places(self) -> tuple[Int32, list[str], Int32]:
        """Region index of each visit (-1 missing), the regions, level of each visit (-1 missing)."""
        codes, texts = self.scopes.text("insuplc_admdvs")
        region = np.where(np.array([not t for t in texts] or [True])[codes], -1, codes).astype(np.int32)
        codes, texts = self.scopes.text("level")
        level = np.array([int(t) if t else -1 for t in texts], np.int32)[codes]
        return region, self.scopes.text("insuplc_admdvs")[1], level

    def entries(self, table: RuleTable, column: str, ids: pa.Array, what: str, key: Int32, visit: Int64, day: Int32, extra: Mask | None = None) -> Int32:  # fmt: skip
        """Row of a table that holds for each (key, visit, day); NO_ENTRY, or ENTRY_UNKNOWN for want of a region or level."""
        memo = (table.name, column, what)
        if memo not in self._entries or extra is not None:
            built = self._table(table, column, ids, extra)
            if extra is not None:
                return self._found(built, key, visit, day)
            self._entries[memo] = built
        return self._found(self._entries[memo], key, visit, day)

    def _table(self, table: RuleTable, column: str, ids: pa.Array, extra: Mask | None) -> dict[str, Any]:
        keep = table.end > table.begin
        if self.known_at is not None:
            keep &= table.known <= self.known_at
        if extra is not None:
            keep &= extra
        key = _lookup(table.columns[column], ids)
        key = np.where(keep, key, -1).astype(np.int32)
        _, regions, _ = self._places
        own = ["" if text == "*" else text for text in table.region]
        names = sorted({text for text in own if text})
        region = np.array([names.index(text) if text else -1 for text in own], np.int32)
        level = np.array([int(text) if text else -1 for text in table.level], np.int32)
        specific = np.array([len(text) for text in own], np.int64) * 2 + (level >= 0)
        order = np.lexsort((-specific, key)).astype(np.int64)
        order = order[key[order] >= 0]
        start = np.searchsorted(key[order], np.arange(len(ids) + 1)).astype(np.int64)
        fits = np.array([[bool(text) and text.startswith(name) for text in regions] for name in names], np.uint8)
        return {
            "start": start, "rows": order, "from": table.begin.astype(np.int32), "to": table.end.astype(np.int32),
            "region": region if names else None, "level": level if (level >= 0).any() else None,
            "fits": fits.reshape(-1) if names else np.zeros(0, np.uint8), "regions": len(regions),
        }  # fmt: skip

    def _found(self, built: dict[str, Any], key: Int32, visit: Int64, day: Int32) -> Int32:
        region, _, level = self._places
        return _core.check_entries(
            built, np.ascontiguousarray(key, dtype=np.int32), np.ascontiguousarray(day, dtype=np.int32),
            None if built["region"] is None else np.ascontiguousarray(region[visit]),
            None if built["level"] is None else np.ascontiguousarray(level[visit]), self.threads,
        )  # fmt: skip

    # ------------------------------------------------------------------ what a rule looks at

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
            name, wanted = ("list_type", items.list_type) if items.list_type is not None else ("med_chrgitm_type", items.med_chrgitm_type)
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
        entry[at] = self.entries(table, table.key[0], batch.item_ids, "item", item[at], batch.line_visit[rows[at]], batch.line_day[rows[at]])
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
        place = batch.catalog.place_of(texts)[codes[batch.line_visit[rows]]]
        item = batch.catalog.item_of(batch.item_ids)[batch.item[rows]]
        return batch.catalog.item_row(item, place, batch.line_day[rows])

    def lines(self, rule: Rule, given: bool = False, candidates: Int64 | None = None) -> Chosen:
        """Lines in a rule's scope and among its items; `given`: before netting."""
        rows = (self.order if given else self.rows) if candidates is None else candidates
        if candidates is None:
            mask = self.item_mask(rule)
            if mask is not None:
                rows = rows[mask[self.batch.item[rows]]] if len(mask) else rows[:0]
        truth = self.scopes.of_lines(rule.scope, rule.visit_kinds, rows)
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
        truth = self.scopes.truth(rule.scope, rule.visit_kinds)[order]
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

    # ------------------------------------------------------------------ further columns

    def column(self, name: str) -> Int64:
        """A numeric column of the lines, NULL_INT where missing."""
        frame = self.batch.frames["lines"]
        return frame.ints(name)

    def line_ids(self, name: str) -> tuple[Int32, pa.Array]:
        """Dense ids of a further id column of the lines (-1 missing), and the ids."""
        from ...columns.ids import encode

        frame = self.batch.frames["lines"]
        if name not in frame.ids:
            return np.full(frame.rows, -1, np.int32), pa.array([], pa.large_string())
        (codes,), ids = encode([frame.ids[name]], self.threads)
        return codes, ids

    @cached_property
    def has_line(self) -> Mask:
        """Visits with a standing line."""
        out = np.zeros(self.batch.visits.rows, bool)
        out[self.batch.line_visit[self.rows]] = True
        return out

    @cached_property
    def place_in_visit(self) -> Int64:
        """Place of each line in its visit, as the rows stand, from 1."""
        visit = self.batch.line_visit
        order = np.argsort(visit, kind="stable")
        first = np.flatnonzero(np.diff(visit[order], prepend=-2))
        out = np.empty(len(visit), np.int64)
        out[order] = np.arange(len(visit)) - np.repeat(first, np.diff(np.append(first, len(visit)))) + 1
        return out

    @cached_property
    def stay_days(self) -> Int32:
        """Days of the stay of each visit."""
        batch = self.batch
        days = batch.visits.ints("ipt_days")
        own = np.maximum(1, batch.end_day.astype(np.int64) - batch.begin_day)
        return np.where(days == NULL_INT, own, days).astype(np.int32)

    @cached_property
    def birth(self) -> Int32:
        """Birth date of each visit's person; NULL_DAY missing."""
        out = self.scopes.facts.days("brdy", ("visits", "persons", "institutions"))
        return np.where(out == NULL_DAY, NULL_DAY, out).astype(np.int32)

    @cached_property
    def main_diagnosis(self) -> tuple[Int32, list[str]]:
        """(index of each visit's main diagnosis, -1 missing; the codes): dscg_maindiag_code, else the first by bytes of those flagged."""
        batch = self.batch
        n = batch.visits.rows
        named = batch.visits.code("dscg_maindiag_code")
        texts: list[str] = list(named[1]) if named else []
        out = named[0].copy() if named else np.full(n, -1, np.int32)
        visit, code, ids = self.diagnoses
        frame = batch.frame("diagnoses")
        if frame is None or "maindiag_flag" not in frame.cells or not len(visit):
            return out, texts
        flagged = self._flagged_main(frame)
        known = ids.to_pylist()
        rank = np.argsort(np.argsort(np.array([t.encode() for t in known], object)))
        at = np.flatnonzero(flagged)
        order = np.lexsort((rank[code[at]], visit[at]))
        at = at[order]
        first = np.flatnonzero(np.diff(visit[at], prepend=-1))
        place = {text: i for i, text in enumerate(texts)}
        lut = np.array([place.setdefault(text, len(place)) for text in known], np.int32)
        texts = list(place)
        mine = at[first]
        free = out[visit[mine]] < 0
        out[visit[mine[free]]] = lut[code[mine[free]]]
        return out, texts

    def _flagged_main(self, frame: Any) -> Mask:
        spec = frame.table.find("maindiag_flag")
        if spec.kind == "flag":
            main = frame.flag("maindiag_flag", 0) == 1
        else:
            values, texts = frame.code("maindiag_flag")
            main = np.array([t == "1" for t in texts] + [False])[values]
        code = frame.code("diag_code")
        keep = (code[0] >= 0) & self.batch.stands[self.batch.row_visit["diagnoses"]]
        return main[keep]


def _lookup(texts: list[str], ids: pa.Array) -> Int32:
    """Dense index of some texts among ids; -1 for one that is not there."""
    if not len(ids):
        return np.full(len(texts), -1, np.int32)
    column = pa.chunked_array([pa.array(texts, pa.large_string())])
    if pa.types.is_integer(ids.type):
        ids = ids.cast(pa.large_string())
    return lookup(column, ids)
