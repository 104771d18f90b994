"""One batch through the kernel: the steps of docs/settlement.md on columns."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from ..catalog import Catalog
from ..columns.checks import unreadable
from ..columns.convert import NULL_DAY, NULL_INT
from ..columns.schema import NATURE_BUCKETS, NATURES, PAYERS
from . import earlier
from .accounts import NEVER, account_events, opening_balances
from .events import Assigned, assign, year_starts
from .given import Given, nothing
from .order import (
    group_persons,
    household_links,
    order_events,
    scopes_used,
    tie_ids,
    uses_households,
    uses_mutual_aid,
)
from .people import Facts, dated, insutype_match
from .unsure import confirmed

__all__ = ["Job"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
NOBODY = -2  # the row of a person that no row is of
BAD, UNKNOWN_PERSON, NOT_ENROLLED, BAD_SPLIT, NO_FIGURE = 1, 3, 4, 6, 8
LAST = np.int32(2**31 - 1)


class Job(Given):
    """Runs the tables it was given. Attributes are filled step by step; nothing here is shared between batches."""

    def settle(
        self, *, line_output: bool, detail: bool, state: Any = None, want_state: bool = False, columns: int = -1
    ) -> dict[str, Any]:
        """Run the steps; the kernel's answer with what the result tables need. `columns`: a bit each column that is wanted; -1 all."""
        begun = self.begin(line_output=line_output, state=state)
        return self.finish(*begun, detail=detail, want_state=want_state, columns=columns)

    def begin(self, *, line_output: bool, state: Any = None) -> tuple[Assigned, Int64, dict[str, Any]]:
        """Everything before the kernel settles: (plans, natures, what pricing gave)."""
        while True:
            self.prepare(state)
            self._parts()
            assigned = self._assign()
            natures, price = self._price(assigned, line_output)
            if confirmed(self, price):
                break
        self._order()
        return assigned, natures, price

    def finish(
        self,
        assigned: Assigned,
        natures: Int64,
        price: dict[str, Any],
        *,
        detail: bool = False,
        want_state: bool = False,
        columns: int = -1,
    ) -> dict[str, Any]:
        """The kernel's part, from what `begin` gave."""
        events = self._events(assigned, natures)
        opening = None if self.state is None else earlier.opening(self.state, self)
        accounts = self._accounts()
        # A closing state remembers every column of a settlement.
        wanted = (1 << 64) - 1 if want_state else columns % (1 << 64)
        answer = _core.settle(
            self.compiled.tables(), events, accounts, opening, want_state, detail, wanted, self.threads
        )
        flags = _core.taken(np.arange(256), price["flags"], self.threads)
        own = assigned.flags(self.at(self.priced))
        if own is not None and self.whole:
            flags |= own
        elif own is not None:
            np.bitwise_or.at(flags, self.visit_of_event, own)
        if self.institution_flag is not None:
            flags |= self.institution_flag
        answer["flags"], answer["price"], answer["plans"] = flags, price, assigned.plans
        return answer

    def figures_read(self, state: Any = None) -> list[tuple[Any, int]]:
        """(combination, visits of it that are settled or would be): what was looked up for whom. A split stay counts where it begins."""
        self.prepare(state)
        self._parts()
        assigned = self._assign()
        first = np.zeros(len(self.visit_of_event), bool)
        first[self.event_begin[:-1]] = True
        if self.reverses:
            first &= ~self.at(self.reversal)
        return assigned.counted(first & self.at(self.taking_part) & (assigned.document >= 0))

    def at(self, column: Any) -> Any:
        """A column of visits by event."""
        return column if self.whole else column[self.visit_of_event]

    def _joined(self, visit: Int64, day: Int32) -> tuple[Facts, Any, Int32]:
        """(facts, reason of each event, institution row)."""
        n = len(visit)
        reason = np.zeros(n, np.uint8)
        row = where = nothing(n)
        if self.persons is not None:
            own, theirs = insutype_match(self.visits, self.persons)
            self.person_rows = dated(self.persons, self.persons_psn, self.people, self.threads)
            assert self.person_rows is not None
            theirs = None if theirs is None else self.at(theirs)
            row = self.person_rows.find(self.at(self.psn), day, own, theirs, unknown=NOBODY)
            if self._any_negative(row):
                reason[row < 0] = NOT_ENROLLED
                reason[row == NOBODY] = UNKNOWN_PERSON
        else:
            self.person_rows = None
        if self.institutions is not None and self.institution_key is not None:
            rows = dated(self.institutions, self.institution_key, len(self.hospital_dictionary), self.threads)
            assert rows is not None
            where = rows.find(self.at(self.hospital), day)
        for frame, held in ((self.persons, row), (self.institutions, where)):
            wrong = None if frame is None else unreadable(frame)
            if wrong is not None:
                reason[(held >= 0) & wrong[np.maximum(held, 0)]] = BAD
        facts = Facts(self.visits, self.persons, self.institutions, visit, row, where, day, self.whole, self.threads)
        return facts, reason, where

    def _parts(self) -> None:
        v = self.visits
        n = v.rows
        self.policy_day = self.dates[self.policy_rule]
        self.whole = True  # each visit is one event
        models = [policy.model for policy in self.compiled.policies]
        splits = any(m.year.cross == "split" for m in models) and self.lines is not None
        self.event_begin = np.arange(n + 1, dtype=np.int64)
        rows = self.event_begin[:-1]
        if splits:
            facts, _, _ = self._joined(rows, self.policy_day)
            assigned = assign(self.compiled, facts)
            document = assigned.document
            cuts: list[Int32] = []
            counts = np.zeros(n, np.int64)
            period = self._period(assigned, rows)
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
                self.whole = False
        self.visit_of_event = rows if self.whole else np.repeat(rows, np.diff(self.event_begin))

    def _period(self, assigned: Assigned, visit: Int64) -> Int32:
        """Date that decides the year, of some visits: `assigned` has their documents."""
        rules = [policy.model.year.of for policy in self.compiled.policies]
        if len(set(rules)) == 1:
            return self.at(self.dates[rules[0]])
        document, out = assigned.document, self.enddate[visit].copy()
        for i, rule in enumerate(rules):
            if rule != "discharge":
                out = np.where(document == i, self.dates[rule][visit], out).astype(np.int32)
        return out

    def _assign(self) -> Assigned:
        visit = self.visit_of_event
        if self.whole:
            facts, reason, where = self._joined(visit, self.policy_day)
            self.event_days = self.days
        else:
            cut = self.before != LAST
            facts, reason, where = self._joined(
                visit, np.where(cut, self.before - 1, self.policy_day[visit]).astype(np.int32)
            )
            begin = self.begndate[visit]
            many = np.diff(self.event_begin)[visit] > 1
            low = np.where(self.low == NULL_DAY, begin, np.maximum(self.low, begin))
            high = np.where(cut, self.before, self.enddate[visit])
            parted = many | cut | (self.low != NULL_DAY)
            self.event_days = np.where(parted, np.maximum(1, high - low), self.days[visit]).astype(np.int32)
        self.facts = facts
        facts.know("ipt_days", self.event_days)
        self.own_reason = reason
        assigned = assign(self.compiled, facts)
        if self.whole:
            self.period, self.later = self._period(assigned, visit), None
        else:
            self.period = np.where(cut, self.before - 1, self._period(assigned, visit)).astype(np.int32)
            self.later = (np.arange(len(visit)) != self.event_begin[:-1][visit]).astype(np.uint8)
        if reason.any():
            assigned.reason = np.where(reason != 0, reason, assigned.reason).astype(np.uint8)
        if assigned.unpriced:
            assigned.reason[(assigned.program < 0) & self.at(self.priced) & (assigned.reason == 0)] = NO_FIGURE
        if self.reverses:
            assigned.reason[self.at(self.reversal)] = 0
        if assigned.reason.any():
            assigned.plan = np.where(assigned.reason != 0, -1, assigned.plan).astype(np.int32)
        self.institution_flag = None
        if self.institutions is not None and self.institutions.rows:
            unknown = (self.at(self.hospital) >= 0) & (where < 0) & (assigned.reason == 0)
            self.institution_flag = np.zeros(self.visits.rows, np.int64)
            self.institution_flag[visit[unknown]] = 4
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
        if self.priced.all():
            return natures, price
        rows = np.flatnonzero(~self.at(self.priced) & (assigned.document >= 0))
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

    def pricing(self, catalog: Catalog) -> tuple[Any, Any, Any, Any, Any, Any]:
        """What the book and the attributes of events say of pricing under a catalogue: programs, steps, tags, places of treatment and insurance, price levels."""
        compiled = self.compiled
        categories = {text: i for i, text in enumerate(catalog.categories)}
        numbers = [categories.get(name, -1) for name in compiled.categories]
        programs = np.array([(*p[:5], numbers[p[5]], *p[6:]) for p in compiled.programs] or [(0,) * 15], np.int64)
        steps = np.array(compiled.steps or [(0,) * 4], np.int32)
        tag_map = np.zeros((len(compiled.policies), len(catalog.tags) + 1), np.uint16)
        for d, policy in enumerate(compiled.policies):
            for t, tag in enumerate(policy.model.tags):
                if tag in catalog.tags:
                    tag_map[d, catalog.tags.index(tag) + 1] = t + 1
        level = self._places("lmtpric_hosp_lv", catalog.levels)
        treatment, insured = (self._places(name, catalog.places) for name in ("mdtrtarea_admvs", "insuplc_admdvs"))
        if not self.whole and treatment is not None and insured is not None:
            first = self.event_begin[:-1]
            treatment, insured = treatment[first], insured[first]
        return programs, steps, tag_map, treatment, insured, level

    def wanted_programs(self, assigned: Assigned) -> Int32:
        """The program that prices the lines of each event; -1 where nobody asks what they come to."""
        program = assigned.program
        wanted = self.at(self.priced) & ((assigned.reason == 0) | (assigned.reason == NO_FIGURE))
        # Nobody asks what lines of refused visits come to, and their days may be any.
        if not self.taking_part.all():
            wanted &= self.at(self.taking_part)
        if not wanted.all():
            program = np.where(wanted, program, -1).astype(np.int32)
        return program

    def _kernel_price(self, assigned: Assigned, line_output: bool) -> dict[str, Any]:
        catalog = self.catalog
        assert catalog is not None
        programs, steps, tag_map, treatment, insured, level = self.pricing(catalog)
        program = self.wanted_programs(assigned)
        return _core.price(
            catalog.kernel, programs.reshape(-1), steps.reshape(-1), tag_map.reshape(-1), len(catalog.tags), self.most_tags, self.line_begin,
            self.enddate, self.setl_day, treatment, insured, self.event_begin, program, level, None if self.whole else self.before, self.kernel_lines,
            line_output, self.threads,
        )  # fmt: skip

    def _places(self, name: str, known: list[str]) -> Int32 | None:
        """Place of each event's code among a catalogue's; None when the catalogue has none."""
        if not known:
            return None
        asked = self.compiled.attributes
        codes, texts = self.facts.text(asked[name] if name in asked else self.compiled._asked(name))
        place = {text: i for i, text in enumerate(known)}
        lut: Int32 = np.array([place.get(text, -1) for text in texts], np.int32)[codes]
        return lut

    def _order(self) -> None:
        links: list[tuple[Int32, Int32]] = []
        psn, house = self._members(uses_households(self.compiled))
        if len(psn):
            links.append(household_links(psn, house, len(self.house_dictionary)))
        if uses_mutual_aid(self.compiled):
            for psn, donor in ((self.persons_psn, self.persons_donor), (self.psn, self.visit_donor)):
                if len(donor):
                    links.append((psn[: len(donor)], donor))
        self.group_of_person, self.groups = group_persons(self.people, links)
        group = self.psn if not links else self.group_of_person[np.maximum(self.psn, 0)] if self.people else self.psn
        if not self.taking_part.all():
            group = np.where(self.taking_part, group, -1).astype(np.int32)
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
        v = self.visits
        row = self.facts.tables["persons"][1]
        donor = (
            self._own_or_person(self.visit_donor, self.persons_donor, row) if uses_mutual_aid(self.compiled) else None
        )
        house = (
            self._own_or_person(self.visit_house, self.persons_house, row) if uses_households(self.compiled) else None
        )
        scopes = scopes_used(self.compiled)
        disease = None
        if "disease" in scopes:
            codes, texts = self.facts.text(self.compiled._asked("dise_codg"))
            disease = np.array([self.disease_index(text) for text in texts], np.int32)[codes]
        init = None
        if self.reverses:
            init = np.where(self.init >= 0, self.first_row[np.maximum(self.init, 0)], -1)
            init = np.where(init == -2, -2 - self._state_row(), init) if self.state is not None else init
            init = np.ascontiguousarray(self.at(init), dtype=np.int64)
        outcome = np.full(self.visits.rows, 255, np.uint8)
        outcome[~self.taking_part] = 3
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
        given = no_ids = np.zeros(0, np.int64)
        if any(f"given_{payer}" in v.cells for payer in PAYERS):
            given = np.concatenate([self.at(self._money(f"given_{payer}")) for payer in PAYERS])
        c = np.ascontiguousarray
        first, second, ids = self.times
        none = {"numbers": no_ids, "offsets": no_ids, "bytes": np.zeros(1, np.uint8)}
        used = c((self.at(v.flag("acct_used_flag", 1)) != 0).astype(np.uint8)) if "acct_used_flag" in v.cells else None
        return {
            "visit": None if self.whole else visit, "plan": assigned.plan, "reason": assigned.reason, "later": self.later,
            "person": c(self.at(self.psn)), "household": house, "donor": donor, "hospital": c(self.at(self.hospital)) if "hospital" in scopes else None,
            "disease": disease, "stay": c(self.at(self.stay)), "linked_stay": None if self.linked is None else c(self.at(self.linked)),
            "order_date": c(self.at(self.order_date)), "begndate": c(self.at(self.begndate)), "enddate": c(self.at(self.enddate)),
            "period_date": c(self.period), "days": self.event_days, "acct_used": used, "init": init,
            "is_reversal": c(self.at(self.reversal).astype(np.uint8)) if self.reverses else None, "natures": c(natures.reshape(-1)),
            "tags": self.most_tags, "fields": np.concatenate(fields) if fields else np.zeros(0, np.int64), "given": given,
            "event_begin": self.event_begin, "outcome": outcome, "group": self.group, "groups": self.groups, "first": first,
            "second": no_ids if second is None else second, **{k: ids[k] if ids[k] is not None else empty for k, empty in none.items()},
        }  # fmt: skip

    def _own_or_person(self, own: Int32, theirs: Int32 | None, row: Int32) -> Int32:
        """The visit's own index, else that of the person's row."""
        out = own if len(own) else np.full(self.visits.rows, -1, np.int32)
        out = self.at(out)
        if theirs is not None and len(theirs):
            out = np.where((out < 0) & (row >= 0), theirs[np.maximum(row, 0)], out)
        return np.ascontiguousarray(out, dtype=np.int32)

    def _members(self, rows: bool) -> tuple[Int32, Int32]:
        """(person, household) of what counts together: earlier settlements, and with `rows` what the tables say."""
        pairs = [] if self.state is None else [earlier.members_in(self.state, self)]
        if rows:
            pairs.append((self.psn, self.visit_house))
            if self.persons_house is not None:
                pairs.append((self.persons_psn, self.persons_house))
        none = np.zeros(0, np.int32)
        psn, house = (np.concatenate([none, *(pair[i] for pair in pairs)]) for i in (0, 1))
        return psn, house

    def group_of_house(self) -> Int32:
        """Settling group of each household: that of its earlier settlements, else of a row that names it."""
        out = np.zeros(len(self.house_dictionary), np.int32)
        psn, house = self._members(True)
        known = np.flatnonzero((house >= 0) & (psn >= 0))[::-1]
        out[house[known]] = self.group_of_person[psn[known]]
        return out

    def _state_row(self) -> Any:
        """Row in the opening settlements of the id that each reversal names."""
        return earlier.row_of(self.state, self)

    def _accounts(self) -> dict[str, Any]:
        by_person = _core.earliest(self.group, np.ascontiguousarray(self.order_date), self.groups, self.threads)
        if self.groups != self.people:
            by_person = by_person[self.group_of_person]
        active = by_person != LAST
        year = self.compiled.policies[0].model.year.starts
        start = year_starts(np.where(active, by_person, 0).astype(np.int32), *year)
        through = np.full(self.people, NEVER, np.int32)
        ordered = self.visit_of_event[self.order] if "balc" in self.visits.cells else np.zeros(0, np.int64)
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
            earlier.accounts_into(self.state, self, start, through, balance, self.opening_balance)
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
        if self.taking_part.all():
            last = max(0, _core.bounds(np.ascontiguousarray(self.order_date), self.threads)[1])
        else:
            last = int(self.order_date.max(where=self.taking_part, initial=0))
        out = account_events(
            self.compiled, self.people, active, start, through, self.opening_balance, last, table, self.persons, self.person_rows, self.visits,
            self.threads,
        )  # fmt: skip
        out["balance"] = balance
        self.account_active = active
        return out
