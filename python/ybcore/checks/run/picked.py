"""Which lines each rule may look at: many rules in one pass, by their items and by what their scopes ask of visits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ... import _core
from ..fields import Scope
from ..rule import Rule
from .scope import NO, of_visits

if TYPE_CHECKING:
    from .work import Work

__all__ = ["OF_VISITS", "Picks", "of_lines"]

Int32 = npt.NDArray[np.int32]
TOGETHER = 32
_FEW = 1 << 14
OF_VISITS = ("visits", "days", "institutions")
_ALWAYS = ("K02", "K03", "K04", "K06", "K10", "K11", "K12", "K14")
_SOME: dict[str, Callable[[Any], bool]] = {
    "K01": lambda check: bool(check.key == "item"),
    "K05": lambda check: bool(check.trigger.kind == "item"),
    "K07": lambda check: check.measure not in OF_VISITS,
    "K09": lambda check: check.form in ("line_in_stay", "around_operation"),
}


def of_lines(rule: Rule) -> bool:
    """Whether the rule's kernel asks for the lines of its scope and items."""
    return rule.kernel in _ALWAYS or (rule.kernel in _SOME and _SOME[rule.kernel](rule.check))


class Picks:
    """Candidates of rules among the standing lines. What was asked for is not kept."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._plan: list[Rule] = []
        self._found: dict[str, Sequence[Int32]] = {}

    def plan(self, rules: Sequence[Rule]) -> None:
        """Rules that will ask for their lines, in the order in which they will."""
        self._plan = [rule for rule in rules if of_lines(rule)]

    def of(self, rule: Rule) -> tuple[Int32, Int32] | None:
        """(places, visits) of the lines that may be among the rule's items and in its scope, rising; None: all."""
        if not self._narrow(rule):
            return None
        if self._work.batch.kept is not None and len(self._work.rows) <= _FEW:
            return self._alone(rule)
        if rule.id not in self._found:
            at = next((i for i, other in enumerate(self._plan) if other.id == rule.id), None)
            mine = [rule] if at is None else self._plan[at:]
            self._pick(self._together([other for other in mine if self._narrow(other)]))
        places, visits = self._found.pop(rule.id)
        return places, visits

    def _narrow(self, rule: Rule) -> bool:
        return not rule.items.all or bool(of_visits(self._work.scope_of(rule)))

    def _together(self, rules: list[Rule]) -> list[Rule]:
        """The first of some rules, and those after it that have with it no more candidates than there are lines: they are held until each has run."""
        if len(self._work.rows) <= _FEW:
            return rules[:TOGETHER]
        room = len(self._work.rows) - self._most(rules[0])
        for place, rule in enumerate(rules[1:TOGETHER], 1):
            room -= self._most(rule)
            if room < 0:
                return rules[:place]
        return rules[:TOGETHER]

    def _most(self, rule: Rule) -> int:
        """A rule has at most so many candidates: as its items have lines, and its visits."""
        work, most = self._work, len(self._work.rows)
        mask, scope = work.item_mask(rule), of_visits(work.scope_of(rule))
        if mask is not None:
            # A line without an item is among all of them.
            most -= int(self._lines_of_item[~mask].sum())
        if scope:
            most = min(most, int(self._lines_of_visit[work.scopes.truth(scope, rule.visit_kinds) != NO].sum()))
        return most

    @cached_property
    def _lines_of_item(self) -> Any:
        return _core.check_tally(self._work.ordered("item"), None, len(self._work.batch.item_ids))

    @cached_property
    def _lines_of_visit(self) -> Any:
        return _core.check_tally(self._work.ordered("visit"), None, self._work.batch.visits.rows)

    def _alone(self, rule: Rule) -> tuple[Int32, Int32]:
        """Those of one rule: of few lines a pass for each is less than what a pass for many needs."""
        work = self._work
        mask, scope = work.item_mask(rule), of_visits(work.scope_of(rule))
        inside = np.ones(len(work.rows), bool)
        if mask is not None:
            inside = np.append(mask, True)[work.ordered("item")]
        if scope:
            inside &= (work.scopes.truth(scope, rule.visit_kinds) != NO)[work.ordered("visit")]
        places = np.flatnonzero(inside).astype(np.int32)
        return places, work.ordered("visit")[places]

    def _pick(self, rules: list[Rule]) -> None:
        work, batch = self._work, self._work.batch
        masks = np.zeros((len(batch.item_ids) + 1, 1), np.uint64)
        scopes: dict[tuple[Scope, int], Any] = {}
        for bit, rule in enumerate(rules):
            mine = np.uint64(1 << bit)
            inside = work.item_mask(rule)
            # A line without an item is among all of them, and unknown to a rule that asks for some.
            masks[-1] |= mine
            masks[:-1] |= mine if inside is None else np.where(inside, mine, np.uint64(0))[:, None]
            scope = of_visits(work.scope_of(rule))
            known = (scope, work.scopes.number_of(rule.visit_kinds))
            scopes.setdefault(known, [rule.visit_kinds, np.uint64(0)])[1] |= mine
        holds = np.zeros((batch.visits.rows, 1), np.uint64)
        for (scope, _), (kinds, own) in scopes.items():
            if not scope:
                holds |= own
                continue
            lut = np.full(3, own, np.uint64)
            lut[NO] = 0
            holds[:, 0] |= lut[work.scopes.truth(scope, kinds)]
        found = _core.check_pick(
            work.ordered("item"), work.ordered("visit"), masks, holds, len(rules), work.threads, visits=True
        )
        self._found |= {rule.id: mine for rule, *mine in zip(rules, found["place"], found["visit"])}
