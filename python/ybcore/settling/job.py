"""One batch through the kernel: the steps of docs/settlement.md on columns."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from .. import _core
from ..catalog import Catalog
from ..columns.convert import NULL_DAY, NULL_INT, indices
from ..columns.ids import encode, flat, lookup, lookup_runs
from ..columns.read import Frame, Problems, read
from ..columns.schema import ACCT_EVENTS, INSTITUTIONS, LINES, NATURE_BUCKETS, NATURES, PAYERS, PERSONS, VISITS, Column
from ..policy.compile import CompiledBook
from .accounts import NEVER, account_events, opening_balances
from .events import Assigned, assign, year_starts
from .order import group_persons, household_links, order_events, tie_ids, uses_households, uses_mutual_aid
from .people import Facts, dated, insutype_match

__all__ = ["Job"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
MICROS_A_DAY = 86_400_000_000
BAD, DUPLICATE, UNKNOWN_PERSON, NOT_ENROLLED, NO_POLICY, BAD_SPLIT, NO_FIGURE = 1, 2, 3, 4, 5, 6, 8
LAST = np.int32(2**31 - 1)


class Job:
    """Reads the tables, then `settle` runs them. Attributes are filled step by step; nothing here is shared between batches."""

    def __init__(
        self, compiled: CompiledBook, catalog: Catalog | None, tables: dict[str, Any], line_offsets: Any = None
    ) -> None:
        self.compiled, self.catalog = compiled, catalog
        self.tags = list(dict.fromkeys(tag for policy in compiled.policies for tag in policy.model.tags))
        self.most_tags = compiled.max_tags
        problems = Problems()
        extra = self._declared()
        visits = VISITS.with_columns(
            [Column(f"{tag}.{bucket}", "money", negative=True) for tag in self.tags for bucket in NATURE_BUCKETS]
            + extra["visits"]
        )
        self.visits = read(tables["visits"], visits, problems, optional={"med_type"})
        self.persons = self._maybe(tables, "persons", PERSONS.with_columns(extra["persons"]), problems)
        self.institutions = self._maybe(
            tables, "institutions", INSTITUTIONS.with_columns(extra["institutions"]), problems
        )
        self.acct_events = self._maybe(tables, "acct_events", ACCT_EVENTS, problems)
        self.lines = self._maybe(tables, "lines", LINES, problems)
        self.line_offsets = line_offsets
        self.diseases: dict[str, int] = {}
        self.disease_names: list[str] = []
        self.state_order = np.zeros(0, np.int64)
        if self.lines is not None and catalog is None:
            problems.add("fee lines are given but no catalogue", "lines")
        self._check_lines(problems)
        problems.stop()
        self.notes = [
            note
            for f in (self.visits, self.persons, self.institutions, self.acct_events, self.lines)
            if f is not None
            for note in f.notes
        ]

    def _declared(self) -> dict[str, list[Column]]:
        out: dict[str, list[Column]] = {"visits": [], "persons": [], "institutions": []}
        for asked in self.compiled.attributes.values():
            if asked.declared:
                column = Column(asked.name, "count" if asked.kind == "number" else "code")
                for table in dict.fromkeys(asked.tables):
                    out[table].append(column)
        for name in self.compiled.fields:
            if name not in self.compiled.attributes and VISITS.find(name) is None:
                out["visits"].append(Column(name, "count"))
                out["persons"].append(Column(name, "count"))
        return out

    @staticmethod
    def _maybe(tables: dict[str, Any], name: str, table: Any, problems: Problems) -> Frame | None:
        data = tables.get(name)
        return None if data is None else read(data, table, problems)

    def _check_lines(self, problems: Problems) -> None:
        if self.lines is None:
            return
        if self.line_offsets is None and "setl_id" not in self.lines.ids:
            problems.add(
                "lines name no visit: give setl_id, or line_offsets with one more entry than visits", "lines.setl_id"
            )
        if self.line_offsets is not None:
            offsets = np.asarray(self.line_offsets)
            if len(offsets) != self.visits.rows + 1 or (
                len(offsets) and (offsets[0] != 0 or offsets[-1] != self.lines.rows or (np.diff(offsets) < 0).any())
            ):
                problems.add(
                    "line_offsets must rise from 0 to the number of lines, one more entry than visits", "line_offsets"
                )

    # ------------------------------------------------------------------ steps

    def settle(
        self, *, threads: int, line_output: bool, detail: bool, state: Any = None, want_state: bool = False
    ) -> dict[str, Any]:
        """Run the steps; the kernel's answer with what the result tables need."""
        self.state = state
        self._ids()
        self._days()
        self._lines()
        self._refuse()
        self._parts()
        assigned = self._assign()
        natures, price = self._price(assigned, line_output)
        self._order()
        events = self._events(assigned, natures)
        opening = None if state is None else state.opening(self)
        accounts = self._accounts()
        answer = _core.settle(self.compiled.tables(), events, accounts, opening, want_state, detail, threads)
        last = self.event_begin[1:] - 1
        flags = np.zeros(self.visits.rows, np.int64)
        np.bitwise_or.at(
            flags,
            self.visit_of_event,
            assigned.flags | np.where(self.priced[self.visit_of_event], assigned.price_flags, 0),
        )
        answer["flags"] = flags | self.institution_flag | price["flags"].astype(np.int64)
        answer["price"], answer["last_event"] = price, last
        return answer

    def _ids(self) -> None:
        v = self.visits
        n = v.rows
        nothing = pa.chunked_array([pa.nulls(n, v.ids["setl_id"].type)])
        own_id = v.ids["setl_id"]
        columns = [own_id, v.ids.get("init_setl_id", nothing)]
        self.state_setl = [] if self.state is None else self.state.setl_ids()
        (setl, init, *_), self.setl_dictionary = encode([*columns, *self._as(own_id, self.state_setl)])
        self.setl, self.init = setl, init
        people = [v.ids["psn_no"]]
        for frame, name in (
            (v, "mulaid_psn_no"),
            (self.persons, "psn_no"),
            (self.persons, "mulaid_psn_no"),
            (self.acct_events, "psn_no"),
        ):
            people.append(
                frame.ids[name]
                if frame is not None and name in frame.ids
                else pa.chunked_array([], v.ids["psn_no"].type)
            )
        people += self._as(v.ids["psn_no"], [] if self.state is None else self.state.people())
        codes, self.psn_dictionary = encode(people)
        self.psn, self.visit_donor, self.persons_psn, self.persons_donor, self.events_psn = codes[:5]
        self.people = len(self.psn_dictionary)
        stay = v.ids.get("mdtrt_id")
        if stay is None:
            stay = own_id
        elif stay.null_count:
            stay = pa.chunked_array([pa.compute.coalesce(flat(stay).combine_chunks(), flat(own_id).combine_chunks())])
        linked = v.ids.get("refl_old_mdtrt_id", pa.chunked_array([], stay.type))
        stays, self.stay_dictionary = encode(
            [stay, linked, *self._as(stay, [] if self.state is None else self.state.stays())]
        )
        self.stay = stays[0]
        self.linked = stays[1] if len(stays[1]) else np.full(n, -1, np.int32)
        hospitals = [v.ids.get("fixmedins_code", pa.chunked_array([], pa.large_string()))]
        if self.institutions is not None:
            hospitals.append(self.institutions.ids["fixmedins_code"])
        hospitals += self._as(hospitals[0], [] if self.state is None else self.state.hospitals())
        found, self.hospital_dictionary = encode(hospitals)
        self.hospital = found[0] if len(found[0]) else np.full(n, -1, np.int32)
        self.institution_key = found[1] if self.institutions is not None else None
        empty = pa.chunked_array([], pa.large_string())
        houses = [
            v.ids.get("hsld_no", empty),
            self.persons.ids.get("hsld_no", empty) if self.persons is not None else empty,
        ]
        houses += self._as(
            next((h for h in houses if len(h)), empty), [] if self.state is None else self.state.households()
        )
        found, self.house_dictionary = encode(houses)
        self.visit_house = found[0] if len(found[0]) else np.full(n, -1, np.int32)
        self.persons_house = found[1] if len(found[1]) else None

    @staticmethod
    def _as(column: pa.ChunkedArray, values: list[Any]) -> list[pa.ChunkedArray]:
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        return [pa.chunked_array([pa.array(values, kind)])] if values else []

    def _days(self) -> None:
        v = self.visits
        self.time = v.ints("setl_time") if "setl_time" in v.cells else np.full(v.rows, NULL_INT, np.int64)
        missing = self.time == NULL_INT
        day = np.where(missing, 0, self.time // MICROS_A_DAY).astype(np.int32)
        self.setl_day = day
        begin, end = v.days("begndate"), v.days("enddate")
        self.begndate = np.where(begin == NULL_DAY, day, begin).astype(np.int32)
        self.enddate = np.where(end == NULL_DAY, day, end).astype(np.int32)
        days = v.ints("ipt_days")
        self.days = np.where(days == NULL_INT, np.maximum(1, self.enddate - self.begndate), days).astype(np.int32)
        self.reversal = v.flag("refd_setl_flag", 0) == 1
        first = self.compiled.policies[0].model.dates
        self.policy_rule, self.order_rule = first.policy, first.order
        self.order_date = self.enddate if self.order_rule == "discharge" else self.setl_day
        self.dates = {"settlement": self.setl_day, "discharge": self.enddate, "admission": self.begndate}

    def _lines(self) -> None:
        v, lines = self.visits, self.lines
        n = v.rows
        self.line_row: Int64 | None = None
        if lines is None:
            self.line_begin = np.zeros(n + 1, np.int64)
        elif self.line_offsets is not None:
            self.line_begin = np.ascontiguousarray(self.line_offsets, dtype=np.int64)
        else:
            run, ends = lookup_runs(lines.ids["setl_id"], self.setl_dictionary)
            first = np.full(len(self.setl_dictionary) + 1, -1, np.int32)
            rows = np.flatnonzero(self.setl >= 0)[::-1].astype(np.int32)
            first[self.setl[rows]] = rows
            visit = first[run]
            self._orphans(visit, ends)
            begin, row = _core.group_lines(
                np.ascontiguousarray(visit, dtype=np.int32), np.ascontiguousarray(ends, dtype=np.int64), n
            )
            self.line_begin, self.line_row = begin, row if len(row) else None
        self.has_lines = np.diff(self.line_begin) > 0
        names = [*NATURES, "medfee_sumamt", "direct_amt", *(f"{tag}.{b}" for tag in self.tags for b in NATURE_BUCKETS)]
        self.given = np.zeros(n, bool)
        for name in names:
            if name in v.cells:
                self.given |= v.ints(name) != NULL_INT
        self.priced = self.has_lines | ~self.given
        self.kernel_lines = self._kernel_lines()
        self.line_total, self.bad_lines = _core.line_totals(self.line_begin, self.kernel_lines)

    def _orphans(self, visit: Int32, ends: Int64) -> None:
        lost = np.flatnonzero(visit < 0)
        if len(lost):
            sizes = np.diff(ends, prepend=0)
            problems = Problems()
            assert self.lines is not None
            column = self.lines.ids["setl_id"]
            rows = [int(ends[i] - sizes[i]) for i in lost[:5]]
            for row in rows:
                problems.add(f"setl_id {column[row].as_py()!r} is not among the visits", "lines.setl_id", row=row + 1)
            problems.add(f"{int(sizes[lost].sum())} lines belong to no visit", "lines.setl_id")
            problems.stop()

    def _kernel_lines(self) -> Any:
        lines = self.lines
        if lines is None:
            none = np.zeros(0, np.int32)
            return _core.Lines(none, none, None, np.zeros(0, np.int64), None, None, None, None, None)
        assert self.catalog is not None
        item = lookup(lines.ids["med_list_codg"], self.catalog.codes)
        named = self._named()
        return _core.Lines(
            np.ascontiguousarray(item, dtype=np.int32), lines.days("fee_ocur_time"), lines.ints("cnt") if "cnt" in lines.cells else None,
            lines.ints("det_item_fee_sumamt"), lines.ints("pric") if "pric" in lines.cells else None,
            lines.flag("deny_flag", 0) if "deny_flag" in lines.cells else None,
            lines.flag("hosp_appr_flag", -1) if "hosp_appr_flag" in lines.cells else None, named, self.line_row,
        )  # fmt: skip

    def _named(self) -> Int64 | None:
        """Row of the line that each return line names, in the same visit; -1 none."""
        lines = self.lines
        assert lines is not None
        if "init_feedetl_sn" not in lines.ids or "feedetl_sn" not in lines.ids:
            return None
        (own, named), _ = encode([lines.ids["feedetl_sn"], lines.ids["init_feedetl_sn"]])
        asked = np.flatnonzero(named >= 0)
        out = np.full(lines.rows, -1, np.int64)
        if not len(asked):
            return out
        visit = np.repeat(np.arange(self.visits.rows), np.diff(self.line_begin))
        of_row = np.empty(lines.rows, np.int64)
        if self.line_row is None:
            of_row = visit
        else:
            of_row[self.line_row] = visit
        wanted = np.isin(own, named[asked])
        rows = np.flatnonzero(wanted)[::-1]
        place = {(int(of_row[r]), int(own[r])): int(r) for r in rows}
        for r in asked:
            out[r] = place.get((int(of_row[r]), int(named[r])), -1)
        return out

    def _refuse(self) -> None:
        """Rows that cannot be settled whatever the policy says."""
        v = self.visits
        bad = self.bad_lines.astype(bool)
        for name, cells in v.cells.items():
            if cells.bad is not None:
                bad |= cells.bad
            if name == "med_type":
                bad |= (cells.values < 0) & ~self.reversal
        bad |= (self.setl < 0) | (self.psn < 0) | (self.time == NULL_INT)
        if "med_type" not in v.cells:
            bad |= ~self.reversal
        else:
            known = np.array([bool(text) for text in v.cells["med_type"].texts or []] + [False])
            bad |= ~known[v.cells["med_type"].values] & ~self.reversal
        bad |= (self.enddate < self.begndate) | (self.days < 0)
        self.reason = np.where(bad, BAD, 0).astype(np.uint8)
        good = np.flatnonzero(~bad)
        first = np.full(len(self.setl_dictionary) + 1, -1, np.int64)
        first[self.setl[good[::-1]]] = good[::-1]
        if self.state is not None:
            known_ids = (
                lookup(self._as(v.ids["setl_id"], self.state_setl)[0], self.setl_dictionary)
                if self.state_setl
                else np.zeros(0, np.int32)
            )
            first[known_ids] = -2
        again = ~bad & (first[self.setl] != np.arange(v.rows))
        self.reason[again] = DUPLICATE
        self.first_row = first
        self.taking_part = self.reason == 0

    # ------------------------------------------------------------------ parts and plans

    def _joined(self, visit: Int64, day: Int32) -> tuple[Facts, Any, Int64]:
        """(facts, reason of each event, institution row)."""
        n = len(visit)
        reason = np.zeros(n, np.uint8)
        row = np.full(n, -1, np.int64)
        if self.persons is not None:
            own, theirs = insutype_match(self.visits, self.persons)
            self.person_rows = dated(self.persons, self.persons_psn, self.people)
            assert self.person_rows is not None
            row = self.person_rows.find(self.psn[visit], day, own, theirs[visit])
            known = np.zeros(self.people + 1, bool)
            known[self.persons_psn[self.persons_psn >= 0]] = True
            reason[row < 0] = NOT_ENROLLED
            reason[~known[self.psn[visit]]] = UNKNOWN_PERSON
        else:
            self.person_rows = None
        where = np.full(n, -1, np.int64)
        if self.institutions is not None and self.institution_key is not None:
            rows = dated(self.institutions, self.institution_key, len(self.hospital_dictionary))
            assert rows is not None
            where = rows.find(self.hospital[visit], day)
        return Facts(self.visits, self.persons, self.institutions, visit, row, where, day), reason, where

    def _parts(self) -> None:
        v = self.visits
        n = v.rows
        self.policy_day = self.dates[self.policy_rule].copy()
        models = [policy.model for policy in self.compiled.policies]
        rows = np.arange(n, dtype=np.int64)
        splits = any(m.year.cross == "split" for m in models) and self.lines is not None
        of = {m.year.of for m in models}
        self.low = np.full(n, NULL_DAY, np.int32)
        self.before = np.full(n, LAST, np.int32)
        self.event_begin = np.arange(n + 1, dtype=np.int64)
        if splits:
            facts, _, _ = self._joined(rows, self.policy_day)
            document = assign(self.compiled, facts).document
            cuts: list[Int32] = []
            counts = np.zeros(n, np.int64)
            period = self._period(document, rows)
            for i, m in enumerate(models):
                if m.year.cross != "split":
                    continue
                mine = np.flatnonzero((document == i) & self.has_lines & ~self.reversal & self.taking_part)
                start = year_starts(period[mine], *m.year.starts)
                for visit, at in zip(mine.tolist(), start.tolist()):
                    days = []
                    while at > self.begndate[visit]:
                        days.append(at)
                        at = int(year_starts(np.array([at - 1], np.int32), *m.year.starts)[0])
                    counts[visit] = len(days)
                    cuts.append(np.array(days[::-1], np.int32))
            if counts.any():
                begin = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
                flat_cuts = np.zeros(int(begin[-1]), np.int32)
                order = np.argsort(
                    np.concatenate(
                        [
                            np.flatnonzero((document == i) & self.has_lines & ~self.reversal & self.taking_part)
                            for i, m in enumerate(models)
                            if m.year.cross == "split"
                        ]
                    ),
                    kind="stable",
                )
                flat_cuts[:] = np.concatenate([cuts[i] for i in order])
                self.event_begin, self.low, self.before = _core.keep_parts(
                    self.line_begin, self.enddate, self.kernel_lines, begin, flat_cuts
                )
        del of
        self.visit_of_event = np.repeat(rows, np.diff(self.event_begin))

    def _period(self, document: Int32, visit: Int64) -> Int32:
        rules = [policy.model.year.of for policy in self.compiled.policies]
        out = self.enddate[visit].copy()
        for i, rule in enumerate(rules):
            if rule != "discharge":
                out = np.where(document == i, self.dates[rule][visit], out).astype(np.int32)
        return out

    def _assign(self) -> Assigned:
        visit = self.visit_of_event
        cut = self.before != LAST
        day = np.where(cut, self.before - 1, self.policy_day[visit]).astype(np.int32)
        facts, reason, where = self._joined(visit, day)
        begin = self.begndate[visit]
        many = np.diff(self.event_begin)[visit] > 1
        single_cut = many | cut | (self.low != NULL_DAY)
        low = np.where(self.low == NULL_DAY, begin, np.maximum(self.low, begin))
        high = np.where(cut, self.before, self.enddate[visit])
        self.event_days = np.where(single_cut, np.maximum(1, high - low), self.days[visit]).astype(np.int32)
        self.facts = facts
        facts.know("ipt_days", self.event_days)
        assigned = assign(self.compiled, facts)
        self.period = np.where(cut, self.before - 1, self._period(assigned.document, visit)).astype(np.int32)
        self.later = (np.arange(len(visit)) != self.event_begin[:-1][visit]).astype(np.uint8)
        has = self.reversal[visit]
        assigned.reason = np.where(reason != 0, reason, assigned.reason).astype(np.uint8)
        no_price = (assigned.program < 0) & self.priced[visit] & (assigned.reason == 0)
        assigned.reason[no_price] = NO_FIGURE
        assigned.reason[has] = 0
        assigned.plan = np.where(assigned.reason != 0, -1, assigned.plan).astype(np.int32)
        unknown = (
            (self.hospital[visit] >= 0)
            & (where < 0)
            & (self.institutions is not None)
            & ((self.institutions.rows if self.institutions else 0) > 0)
        )
        self.institution_flag = np.zeros(self.visits.rows, np.int64)
        self.institution_flag[visit[unknown & (assigned.reason == 0)]] = 4
        return assigned

    # ------------------------------------------------------------------ natures

    def _price(self, assigned: Assigned, line_output: bool) -> tuple[Int64, dict[str, Any]]:
        compiled, visit = self.compiled, self.visit_of_event
        stride = 5 + 4 * self.most_tags
        if self.catalog is not None and self.lines is not None:
            price = self._kernel_price(assigned, line_output)
            natures = np.ascontiguousarray(price["natures"])
        else:
            price = {"flags": np.zeros(self.visits.rows, np.uint8)}
            natures = np.zeros((len(visit), stride), np.int64)
        given = ~self.priced[visit] & (assigned.document >= 0)
        rows = np.flatnonzero(given)
        if len(rows):
            scales = np.array([1_000_000 if p.model.grid else 1 for p in compiled.policies], np.int64)
            cells = np.zeros((len(rows), stride), np.int64)
            at = visit[rows]
            for i, name in enumerate((*NATURES, "direct_amt")):
                cells[:, i] = self._money(name)[at]
            for d, policy in enumerate(compiled.policies):
                mine = assigned.document[rows] == d
                for t, tag in enumerate(policy.model.tags):
                    for b, bucket in enumerate(NATURE_BUCKETS):
                        cells[mine, 5 + 4 * t + b] = self._money(f"{tag}.{bucket}")[at[mine]]
            total = (
                self.visits.ints("medfee_sumamt")[at]
                if "medfee_sumamt" in self.visits.cells
                else np.full(len(rows), NULL_INT)
            )
            wrong = (total != NULL_INT) & (total != cells.sum(axis=1))
            first_wrong = rows[wrong & np.isin(assigned.reason[rows], (0, NO_FIGURE))]
            assigned.reason[first_wrong] = BAD_SPLIT
            assigned.plan[first_wrong] = -1
            natures[rows] = cells * scales[assigned.document[rows]][:, None]
        return natures, price

    def _money(self, name: str) -> Int64:
        if name not in self.visits.cells:
            return np.zeros(self.visits.rows, np.int64)
        values = self.visits.ints(name)
        return np.where(values == NULL_INT, 0, values)

    def _kernel_price(self, assigned: Assigned, line_output: bool) -> dict[str, Any]:
        compiled, catalog, visit = self.compiled, self.catalog, self.visit_of_event
        assert catalog is not None
        categories = {text: i for i, text in enumerate(catalog.categories)}
        numbers = [categories.get(name, -1) for name in compiled.categories]
        programs = np.array([(*p[:5], numbers[p[5]], *p[6:]) for p in compiled.programs] or [(0,) * 15], np.int64)
        steps = np.array(compiled.steps or [(0,) * 4], np.int32)
        tag_map = np.zeros((len(compiled.policies), len(catalog.tags) + 1), np.uint16)
        for d, policy in enumerate(compiled.policies):
            for t, tag in enumerate(policy.model.tags):
                if tag in catalog.tags:
                    tag_map[d, catalog.tags.index(tag) + 1] = t + 1
        asked = compiled.attributes
        level, levels = self.facts.text(
            asked["lmtpric_hosp_lv"] if "lmtpric_hosp_lv" in asked else compiled._asked("lmtpric_hosp_lv")
        )
        level_lut = np.array([catalog.levels.index(t) if t in catalog.levels else -1 for t in levels], np.int32)
        first = self.event_begin[:-1]
        places = []
        for name in ("mdtrtarea_admvs", "insuplc_admdvs"):
            codes, texts = self.facts.text(asked[name] if name in asked else compiled._asked(name))
            lut = np.array([catalog.places.index(t) if t in catalog.places else -1 for t in texts], np.int32)
            places.append(np.ascontiguousarray(lut[codes[first]]))
        program = np.where(self.priced[visit] & (assigned.reason == 0), assigned.program, -1).astype(np.int32)
        figure = self.priced[visit] & (assigned.reason == NO_FIGURE) & (assigned.program >= 0)
        program = np.where(figure, assigned.program, program).astype(np.int32)
        return _core.price(
            catalog.kernel, programs.reshape(-1), steps.reshape(-1), tag_map.reshape(-1), len(catalog.tags), self.most_tags, self.line_begin,
            self.enddate, self.setl_day, places[0], places[1], self.event_begin, program, np.ascontiguousarray(level_lut[level]), self.before,
            self.kernel_lines, line_output,
        )  # fmt: skip

    # ------------------------------------------------------------------ order, events, accounts

    def _order(self) -> None:
        links: list[tuple[Int32, Int32]] = []
        if uses_households(self.compiled):
            psn = np.concatenate((self.persons_psn, self.psn)) if self.persons_house is not None else self.psn
            house = (
                np.concatenate((self.persons_house, self.visit_house))
                if self.persons_house is not None
                else self.visit_house
            )
            links.append(household_links(psn, house, len(self.house_dictionary)))
        if uses_mutual_aid(self.compiled):
            for psn, donor in ((self.persons_psn, self.persons_donor), (self.psn, self.visit_donor)):
                if len(donor):
                    links.append((psn[: len(donor)], donor))
        self.group_of_person, self.groups = group_persons(self.people, links)
        group = np.where(
            self.taking_part, self.group_of_person[np.maximum(self.psn, 0)] if self.people else 0, -1
        ).astype(np.int32)
        ids = tie_ids(self.visits.ids["setl_id"])
        first = self.enddate.astype(np.int64) if self.order_rule == "discharge" else self.time
        second = self.time if self.order_rule == "discharge" else None
        self.order, self.group_begin = order_events(
            group, self.groups, np.ascontiguousarray(first), second, ids, self.event_begin
        )
        self.group = group

    def _events(self, assigned: Assigned, natures: Int64) -> dict[str, Any]:
        visit = self.visit_of_event
        n = len(visit)
        v = self.visits
        donor = self.visit_donor[visit] if len(self.visit_donor) else np.full(n, -1, np.int32)
        house = self.visit_house[visit]
        row = self.facts.tables["persons"][1]
        if self.persons is not None and self.persons.rows:
            at = np.maximum(row, 0)
            if len(self.persons_donor):
                donor = np.where((donor < 0) & (row >= 0), self.persons_donor[at], donor).astype(np.int32)
            if self.persons_house is not None:
                house = np.where((house < 0) & (row >= 0), self.persons_house[at], house).astype(np.int32)
        disease = self.facts.text(self.compiled._asked("dise_codg"))
        dense = np.array([self.disease_index(text) for text in disease[1]], np.int32)
        init = np.where(self.init >= 0, self.first_row[np.maximum(self.init, 0)], -1)
        init = np.where(init == -2, -2 - self._state_row(), init) if self.state is not None else init
        outcome = np.where(self.taking_part, 255, 3).astype(np.uint8)
        fields = []
        for name in self.compiled.fields:
            if name == "ipt_days":
                fields.append(self.event_days.astype(np.int64))
            else:
                asked = self.compiled.field(name)
                fields.append(
                    self.facts.number(
                        name,
                        asked.tables if asked else ("visits", "persons"),
                        int(asked.default) if asked and asked.default else None,
                    )
                )
        given = np.zeros(0, np.int64)
        if any(f"given_{payer}" in v.cells for payer in PAYERS):
            given = np.concatenate([self._money(f"given_{payer}")[visit] for payer in PAYERS])
        c = np.ascontiguousarray
        return {
            "visit": visit, "plan": assigned.plan, "reason": assigned.reason, "later": self.later, "person": c(self.psn[visit]),
            "household": c(house, dtype=np.int32), "donor": c(donor, dtype=np.int32), "hospital": c(self.hospital[visit]),
            "disease": c(dense[disease[0]]), "stay": c(self.stay[visit]), "linked_stay": c(self.linked[visit]),
            "order_date": c(self.order_date[visit]), "begndate": c(self.begndate[visit]), "enddate": c(self.enddate[visit]),
            "period_date": self.period, "days": self.event_days, "acct_used": c((v.flag("acct_used_flag", 1)[visit] != 0).astype(np.uint8)),
            "init": c(init[visit].astype(np.int64)), "is_reversal": c(self.reversal[visit].astype(np.uint8)), "natures": c(natures.reshape(-1)),
            "tags": self.most_tags, "fields": np.concatenate(fields) if fields else np.zeros(0, np.int64), "given": given,
            "event_begin": self.event_begin, "order": self.order, "group_begin": self.group_begin, "outcome": outcome,
        }  # fmt: skip

    def disease_index(self, text: str) -> int:
        """Dense number of a disease code."""
        if text not in self.diseases:
            self.diseases[text] = len(self.diseases)
            self.disease_names.append(text)
        return self.diseases[text]

    def group_of_house(self) -> Int32:
        """Settling group of each household."""
        out = np.zeros(len(self.house_dictionary), np.int32)
        if self.persons_house is not None:
            known = np.flatnonzero((self.persons_house >= 0) & (self.persons_psn >= 0))
            out[self.persons_house[known]] = self.group_of_person[self.persons_psn[known]]
        known = np.flatnonzero((self.visit_house >= 0) & (self.psn >= 0))
        out[self.visit_house[known]] = self.group_of_person[self.psn[known]]
        return out

    def _state_row(self) -> Any:
        """Row in the opening settlements of the id that each reversal names."""
        return self.state.row_of(self)

    def _accounts(self) -> dict[str, Any]:
        rows = np.flatnonzero(self.taking_part)
        earliest = np.full(self.groups + 1, LAST, np.int32)
        np.minimum.at(earliest, self.group[rows], self.order_date[rows])
        by_person = earliest[self.group_of_person] if self.people else np.zeros(0, np.int32)
        active = by_person != LAST
        year = self.compiled.policies[0].model.year.starts
        start = year_starts(np.where(active, by_person, 0).astype(np.int32), *year)
        through = np.full(self.people, NEVER, np.int32)
        ordered = self.visit_of_event[self.order]
        opening = opening_balances(
            self.people,
            self.persons,
            self.persons_psn if self.persons is not None else None,
            self.visits,
            self.psn,
            ordered,
        )
        self.opening_balance = opening.copy()
        balance = opening.copy()
        if self.state is not None:
            self.state.accounts_into(self, start, through, balance, self.opening_balance)
        self.account_start = start
        table = None
        if self.acct_events is not None:
            kinds = self.acct_events.code("kind")
            assert kinds is not None
            lut = np.array([0 if text == "set" else 1 for text in kinds[1]] + [1], np.uint8)
            table = (
                self.events_psn,
                self.acct_events.days("event_date"),
                lut[kinds[0]],
                self.acct_events.ints("amount"),
            )
        last = int(self.order_date[rows].max()) if len(rows) else 0
        out = account_events(
            self.compiled, self.people, active, start, through, self.opening_balance, last, table, self.persons, self.person_rows, self.visits,
        )  # fmt: skip
        out["balance"] = balance
        self.account_active = active
        return out

    def digests(self) -> dict[str, Any]:
        """sha256 of each input table's content, so that a run can be told from another."""
        out = {}
        for frame in (self.visits, self.lines, self.persons, self.institutions, self.acct_events):
            if frame is not None:
                digest = hashlib.sha256()
                for name in sorted(frame.source):
                    digest.update(f"{name} {frame.rows}".encode())
                    for part in _bytes_of(frame, name):
                        digest.update(part)
                out[frame.table.name] = {"rows": frame.rows, "sha256": digest.hexdigest()}
        return out


def _bytes_of(frame: Frame, name: str) -> Iterator[Any]:
    """The content of one column as it was given (ids in their own chunks and dictionaries)."""
    if name in frame.cells:
        cells = frame.cells[name]
        if cells.texts is not None:
            texts = sorted(set(cells.texts))
            place = {text: i for i, text in enumerate(texts)}
            yield "\0".join(texts).encode()
            yield np.array([place[text] for text in cells.texts] + [-1], np.int32)[cells.values]
        else:
            yield np.ascontiguousarray(cells.values)
    elif name in frame.ids:
        for chunk in frame.ids[name].chunks:
            if pa.types.is_dictionary(chunk.type):
                yield np.ascontiguousarray(indices(chunk))
                chunk = chunk.dictionary
            for buffer in chunk.buffers():
                yield b"-" if buffer is None else buffer
            yield f"{chunk.offset} {len(chunk)}".encode()
