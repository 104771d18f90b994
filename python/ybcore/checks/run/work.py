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
from ..fields import Items, Scope
from ..rule import Rule
from ..tables import ALWAYS, OPEN, RuleTable
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
        self._scopes: dict[str, Scope] = {}
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
        names = ("numbers", "offsets", "bytes")
        ids = dict(zip((f"visit_{name}" for name in names), _ties(batch.visits.ids["setl_id"])))
        if "feedetl_sn" in frame.ids:
            ids |= dict(zip((f"line_{name}" for name in names), _ties(frame.ids["feedetl_sn"])))
        found, begin, was_ordered = _core.check_order(
            visit, batch.psn, np.ascontiguousarray(batch.line_time), len(batch.psn_ids), **ids, threads=self.threads
        )
        order: Int32 | None = None if was_ordered else found
        net = _core.check_net(order, begin, visit, batch.item, quantity, amount, self.batch.named_line, self.threads)
        self.returns, self.lost = int(net["returns"]), int(net["lost"])
        back = (quantity < 0) | (amount < 0)
        self.quantity = np.where(back, 0, net["quantity"] if self.returns else quantity)
        self.amount = np.where(back, 0, net["amount"] if self.returns else amount)
        self.order = np.arange(frame.rows) if order is None else order.astype(np.int64)
        stands = net["stands"].view(bool)[self.order]
        self.rows = self.order if stands.all() else self.order[stands]

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

    # ------------------------------------------------------------------ further columns

    def column(self, name: str) -> Int64:
        """A numeric column of the lines, NULL_INT where missing."""
        frame = self.batch.frames["lines"]
        return frame.ints(name)

    @cached_property
    def prescriptions(self) -> Int32:
        """Prescription of each line within its visit; -1 without rxno."""
        return self.line_ids("rxno")[0]

    @cached_property
    def cards(self) -> tuple[Int32, pa.Array]:
        """Card of each visit (-1 missing), and the cards."""
        from ...columns.ids import encode

        visits = self.batch.visits
        if "mdtrt_cert_no" not in visits.ids:
            return np.full(visits.rows, -1, np.int32), pa.array([], pa.large_string())
        (codes,), ids = encode([visits.ids["mdtrt_cert_no"]], self.threads)
        return codes, ids

    @cached_property
    def last_day(self) -> int | None:
        """The last day of lines and visits that stand."""
        days = [self.batch.line_day[self.rows], self.batch.end_day[self.batch.stands]]
        return max((int(part.max()) for part in days if len(part)), default=None)

    @cached_property
    def has_diagnosis(self) -> Mask:
        """Visits with a diagnosis."""
        out = np.zeros(self.batch.visits.rows, bool)
        out[self.diagnoses[0]] = True
        return out

    @cached_property
    def departments(self) -> tuple[Int32, Int32, list[str]]:
        """(department of each line, of each visit at discharge, else at admission; -1 missing; the departments)."""
        lines, visits = self.batch.frame("lines"), self.batch.visits
        place: dict[str, int] = {}

        def dense(found: Any, rows: int) -> Int32:
            if found is None:
                return np.full(rows, -1, np.int32)
            lut = np.array([place.setdefault(text, len(place)) for text in found[1]] + [-1], np.int32)
            return lut[found[0]]

        of_lines = np.zeros(0, np.int32) if lines is None else dense(lines.code("bilg_dept_codg"), lines.rows)
        left, came = (dense(visits.code(name), visits.rows) for name in ("dscg_dept_codg", "adm_dept_codg"))
        return of_lines, np.where(left >= 0, left, came).astype(np.int32), list(place)

    def global_rank(self, rows: Int64, on: str) -> Int64:
        """Numbers that order rows of different persons: by time, then the ids of visit and line."""
        batch = self.batch
        time = batch.line_time[rows] if on == "lines" else batch.begin[rows]
        order = np.argsort(time, kind="stable")
        tied = np.zeros(len(rows), bool)
        same = time[order][1:] == time[order][:-1]
        tied[1:] |= same
        tied[:-1] |= same
        if tied.any():
            at = np.flatnonzero(tied)
            mine = order[at]
            keys = self._id_keys(rows[mine], on)
            order[at] = mine[sorted(range(len(mine)), key=lambda i: (int(time[mine[i]]), *keys[i]))]
        out = np.empty(len(rows), np.int64)
        out[order] = np.arange(len(rows))
        return out

    def _id_keys(self, rows: Int64, on: str) -> list[tuple[Any, ...]]:
        from ...columns.ids import flat
        from .stays import id_key

        batch = self.batch
        visit = batch.line_visit[rows] if on == "lines" else rows
        visits = [id_key(text) for text in flat(batch.visits.ids["setl_id"]).take(pa.array(visit)).to_pylist()]
        if on != "lines":
            return [(key,) for key in visits]
        frame = batch.frames["lines"]
        own: list[Any] = [None] * len(rows)
        if "feedetl_sn" in frame.ids:
            own = flat(frame.ids["feedetl_sn"]).take(pa.array(rows)).to_pylist()
        places = self.place_in_visit[rows].tolist() if any(text is None for text in own) else own
        lines = [(-1, place, b"") if text is None else id_key(text) for text, place in zip(own, places)]
        return list(zip(visits, lines))

    def begin_of_persons(self, visit: Any) -> Int64:
        """Where each person begins among events that stand by person; one more than persons."""
        return np.searchsorted(self.batch.psn[visit], np.arange(len(self.batch.psn_ids) + 1)).astype(np.int64)

    @cached_property
    def _all_diagnoses(self) -> tuple[pa.Array, Int32, Int32]:
        """(every code of diagnoses and of main diagnoses, index of the rows' codes, of the visits' main ones)."""
        _, code, ids = self.diagnoses
        main, texts = self.main_diagnosis
        place = {text: i for i, text in enumerate(ids.to_pylist())}
        lut = np.array([place.setdefault(text, len(place)) for text in texts] + [-1], np.int32)
        return pa.array(list(place), pa.large_string()), code, lut[main]

    @property
    def diagnosis_ids(self) -> pa.Array:
        """Every diagnosis code of the batch."""
        return self._all_diagnoses[0]

    def visit_diagnoses(self, main: bool) -> dict[str, Any]:
        """Diagnoses of visits by their place in order: all, or the main one only."""
        order, _ = self.batch.visit_order
        _, code, of_visit = self._all_diagnoses
        if main:
            at = np.flatnonzero(of_visit[order] >= 0)
            place, codes = at, of_visit[order[at]]
        else:
            place = self.visit_place[self.diagnoses[0]]
            by = np.argsort(place, kind="stable")
            place, codes = place[by], code[by]
        c = np.ascontiguousarray
        return {
            "begin": np.searchsorted(place, np.arange(len(order) + 1)).astype(np.int64), "code": c(codes.astype(np.int32)),
            "visit_person": c(self.batch.psn[order]), "visit_day": c(self.batch.begin_day[order]),
        }  # fmt: skip

    def lab_values(self, items: tuple[str, ...]) -> dict[str, Any]:
        """Laboratory values of some items by person and time, the largest of one time last."""
        batch, frame = self.batch, self.batch.frames["labs"]
        wanted = members(batch.item_ids, "exact", items)
        visit = batch.row_visit["labs"]
        time, value = frame.ints("exam_time"), frame.ints("exam_value")
        keep = batch.stands[visit] & (batch.lab_item >= 0) & (time != NULL_INT) & (value != NULL_INT)
        keep[keep] = wanted[batch.lab_item[keep]]
        at = np.flatnonzero(keep)
        at = at[np.lexsort((value[at], time[at], batch.psn[visit[at]]))]
        c = np.ascontiguousarray
        return {"test_begin": self.begin_of_persons(visit[at]), "test_time": c(time[at]), "test_value": c(value[at])}

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


def regions_of(table: RuleTable) -> list[str]:
    """The region that each row is narrowed to; empty: none."""
    return ["" if text == "*" else text for text in table.region]


def specific(table: RuleTable) -> Int64:
    """How specific each row is: its region's length first, then whether it names a level."""
    return np.array([2 * len(region) + bool(level) for region, level in zip(regions_of(table), table.level)], np.int64)


def _ties(column: pa.ChunkedArray) -> tuple[Any, Any, Any]:
    """Ids for ties: numbers, or offsets and bytes."""
    ids = tie_ids(column)
    return ids["numbers"], ids["offsets"], ids["bytes"]


def _lookup(texts: list[str], ids: pa.Array) -> Int32:
    """Dense index of some texts among ids; -1 for one that is not there."""
    if not len(ids):
        return np.full(len(texts), -1, np.int32)
    column = pa.chunked_array([pa.array(texts, pa.large_string())])
    if pa.types.is_integer(ids.type):
        ids = ids.cast(pa.large_string())
    return lookup(column, ids)
