"""Visits as events: whole, or in parts where a stay goes over the turn of a year; of each who and where it was, its plan, its year."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from ..columns.checks import unreadable
from ..columns.convert import NULL_DAY
from .events import Assigned, assign, year_starts
from .given import Given, nothing
from .people import Facts, dated, insutype_match

__all__ = ["LAST", "NO_FIGURE", "Parted"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
NOBODY = -2  # the row of a person that no row is of
BAD, UNKNOWN_PERSON, NOT_ENROLLED, NO_FIGURE = 1, 3, 4, 8
LAST = np.int32(2**31 - 1)


class Parted(Given):
    """A batch of which each event has a plan, or a reason why not; see `_parts` and `_assign`."""

    def at(self, column: Any) -> Any:
        """A column of visits by event."""
        return column if self.whole else column[self.visit_of_event]

    def _parts(self) -> None:
        """Visits as events, a stay that goes over the turn of a year in as many as its policy asks for."""
        self.policy_day = self.dates[self.policy_rule]
        self.whole = True  # each visit is one event
        self.event_begin = np.arange(self.visits.rows + 1, dtype=np.int64)
        rows = self.event_begin[:-1]
        if self.lines is not None and any(p.model.year.cross == "split" for p in self.compiled.policies):
            self._split(rows)
        self.visit_of_event = rows if self.whole else np.repeat(rows, np.diff(self.event_begin))

    def _split(self, rows: Int64) -> None:
        """Cut stays where a year begins; parts without lines are not kept."""
        facts, _, _ = self._joined(rows, self.policy_day)
        cuts = self._cuts(assign(self.compiled, facts), rows)
        counts = np.zeros(len(rows), np.int64)
        for visit, days in cuts.items():
            counts[visit] = len(days)
        if not counts.any():
            return
        begin = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
        flat_cuts = np.array([day for visit in sorted(cuts) for day in cuts[visit]], np.int32)
        self.event_begin, self.low, self.before = _core.keep_parts(
            self.line_begin, self.enddate, self.kernel_lines, begin, flat_cuts
        )
        self.whole = False

    def _cuts(self, assigned: Assigned, rows: Int64) -> dict[int, list[int]]:
        """First days of years after the one in which a stay begins, by visit."""
        out: dict[int, list[int]] = {}
        period = self._period(assigned, rows)
        may = self.has_lines & ~self.reversal & self.taking_part
        for i, policy in enumerate(self.compiled.policies):
            year = policy.model.year
            if year.cross != "split":
                continue
            mine = np.flatnonzero((assigned.document == i) & may)
            start = year_starts(period[mine], *year.starts)
            for visit, day in zip(mine.tolist(), start.tolist()):
                days = out.setdefault(visit, [])
                while day > self.begndate[visit]:
                    days.insert(0, day)
                    day = int(year_starts(np.array([day - 1], np.int32), *year.starts)[0])
        return out

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
