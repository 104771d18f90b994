"""One batch through the kernel: the steps of docs/settlement.md on columns."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from ..columns.checks import unreadable
from ..columns.convert import NULL_DAY, NULL_INT
from ..columns.schema import NATURE_BUCKETS, NATURES, PAYERS
from .accounts import NEVER, account_events, opening_balances
from .events import Assigned, assign, year_starts
from .given import Given
from .order import group_persons, household_links, order_events, tie_ids, uses_households, uses_mutual_aid
from .people import Facts, dated, insutype_match

__all__ = ["Job"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
BAD, UNKNOWN_PERSON, NOT_ENROLLED, BAD_SPLIT, NO_FIGURE = 1, 3, 4, 6, 8
LAST = np.int32(2**31 - 1)


class Job(Given):
    """Runs the tables it was given. Attributes are filled step by step; nothing here is shared between batches."""

    def settle(
        self, *, threads: int, line_output: bool, detail: bool, state: Any = None, want_state: bool = False
    ) -> dict[str, Any]:
        """Run the steps; the kernel's answer with what the result tables need."""
        self.threads = threads
        self.prepare(state)
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
        for frame, held in ((self.persons, row), (self.institutions, where)):
            wrong = None if frame is None else unreadable(frame)
            if wrong is not None:
                reason[(held >= 0) & wrong[np.maximum(held, 0)]] = BAD
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
            self.kernel_lines, line_output, self.threads,
        )  # fmt: skip

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
        self.group, self.times = group, (np.ascontiguousarray(first), second, ids)

    @cached_property
    def order(self) -> Int64:
        """Events in settling order; for those who list them, the kernel needs no such list."""
        first, second, ids = self.times
        return order_events(self.group, self.groups, first, second, ids, self.event_begin)

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
        first, second, ids = self.times
        nothing = np.zeros(0, np.int64)
        none = {"numbers": nothing, "offsets": nothing, "bytes": np.zeros(1, np.uint8)}
        return {
            "visit": visit, "plan": assigned.plan, "reason": assigned.reason, "later": self.later, "person": c(self.psn[visit]),
            "household": c(house, dtype=np.int32), "donor": c(donor, dtype=np.int32), "hospital": c(self.hospital[visit]),
            "disease": c(dense[disease[0]]), "stay": c(self.stay[visit]), "linked_stay": c(self.linked[visit]),
            "order_date": c(self.order_date[visit]), "begndate": c(self.begndate[visit]), "enddate": c(self.enddate[visit]),
            "period_date": self.period, "days": self.event_days, "acct_used": c((v.flag("acct_used_flag", 1)[visit] != 0).astype(np.uint8)),
            "init": c(init[visit].astype(np.int64)), "is_reversal": c(self.reversal[visit].astype(np.uint8)), "natures": c(natures.reshape(-1)),
            "tags": self.most_tags, "fields": np.concatenate(fields) if fields else np.zeros(0, np.int64), "given": given,
            "event_begin": self.event_begin, "outcome": outcome, "group": self.group, "groups": self.groups, "first": first,
            "second": nothing if second is None else second, **{k: ids[k] if ids[k] is not None else empty for k, empty in none.items()},
        }  # fmt: skip

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
        nothing = np.zeros(0, np.int64)
        ordered = self.visit_of_event[self.order] if "balc" in self.visits.cells else nothing
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
