"""One batch through the kernel: the steps of docs/settlement.md on columns."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from ..columns.schema import PAYERS
from . import earlier, priced
from .accounts import NEVER, account_events, opening_balances
from .events import Assigned, year_starts
from .order import (
    group_persons,
    household_links,
    order_events,
    scopes_used,
    tie_ids,
    uses_households,
    uses_mutual_aid,
)
from .parts import LAST, Parted
from .unsure import confirmed

__all__ = ["Job"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]


class Job(Parted):
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
            natures, price = priced.price(self, assigned, line_output)
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
            init = np.where(init == -2, -2 - earlier.row_of(self.state, self), init) if self.state is not None else init
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
            self.person_rows,
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
