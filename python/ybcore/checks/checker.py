"""A book made ready for one prescription after another: what hangs on the rules alone is kept from call to call (docs/checks.md 6)."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Container, Sequence
from functools import partial
from typing import Any

from .book import RuleBook, RuleSource
from .check import given
from .run.given import Batch
from .run.kept import Kept
from .run.report import CheckReport
from .run.runner import day_of, leaves_out, reported, stage_of, states_of
from .run.screen import Screen
from .run.spot import Spot, SpotReport
from .run.work import Work

__all__ = ["Checker"]


class Checker:
    """`check` for small tables, with what stays the same from call to call given once. Threads may share it.

    `rules`, `catalog`, `institutions`, `doctors`, `stage` and `known_at` are those of `check`; findings are the same as from `check`, byte for
    byte. Raises InputError and DocumentError, each with every problem at once.
    """

    __slots__ = ("_kept", "_known", "_leaving", "_screen", "_spot", "_stage", "known_at")

    def __init__(
        self,
        rules: RuleBook | RuleSource | Sequence[RuleSource],
        catalog: Any = None,
        institutions: Any = None,
        doctors: Any = None,
        *,
        stage: str = "after",
        known_at: dt.date | None = None,
    ) -> None:
        stage_of(stage)
        book, held, _ = given(rules, catalog, 1)
        self._stage, self._known, self.known_at = stage, day_of(known_at), known_at
        self._kept = Kept(book, held, {"institutions": institutions, "doctors": doctors})
        self._screen = Screen(book.rules, book.lists, held)
        self._spot = Spot(self._kept, self._known, stage)
        # What a suppression list takes out, or another rule excludes or subsumes, denies nothing, so that these may find more than was seen.
        self._leaving = frozenset(rule.id for rule in book if leaves_out(rule))

    @property
    def rules(self) -> RuleBook:
        """The book."""
        return self._kept.book

    @property
    def stage(self) -> str:
        """When it looks: before, during or after the event."""
        return self._stage

    def check(
        self,
        visits: Any,
        lines: Any = None,
        persons: Any = None,
        *,
        diagnoses: Any = None,
        operations: Any = None,
        labs: Any = None,
        stock: Any = None,
        line_offsets: Any = None,
        suppress: Sequence[dict[str, Any]] = (),
    ) -> CheckReport:
        """The report of `ybcore.check` with the same arguments. Rules that cannot have a finding do not run until the manifest is asked for.

        Raises InputError with every problem at once.
        """
        began = time.perf_counter()
        tables = {
            "visits": visits, "lines": lines, "persons": persons, "diagnoses": diagnoses, "operations": operations, "labs": labs, "stock": stock,
        }  # fmt: skip
        seen = self._spot.look(tables) if line_offsets is None else None
        if seen is None:
            return self._by_way_of_many(tables, line_offsets, suppress, began)
        looked, notes, skipped = seen
        if suppress and self._leaving:
            return self._by_way_of_many(tables, None, suppress, began)
        if looked.may or (suppress and looked.hit):
            return self._by_way_of_many(tables, None, suppress, began, self._spot.names(looked) | self._leaving)
        if suppress:
            return self._by_way_of_many(tables, None, suppress, began, frozenset())
        seconds = {"prepare": time.perf_counter() - began, "money": 0.0}
        again = partial(self._again, tables, looked, began)
        return SpotReport(looked, again, notes, skipped, seconds, self._kept.book, self._stage)

    def _again(self, tables: dict[str, Any], looked: Any, began: float) -> CheckReport:
        return self._by_way_of_many(tables, None, (), began, self._spot.names(looked))

    def _by_way_of_many(
        self, tables: dict[str, Any], line_offsets: Any, suppress: Sequence[dict[str, Any]], began: float, only: Container[str] | None = None
    ) -> CheckReport:  # fmt: skip
        """The report in the way of larger batches. `only`: rules that may have findings, where they are known."""
        kept = self._kept
        work = Work(Batch(tables, kept.catalog, line_offsets, 1, kept), self._known)
        work.lists = kept.lists
        states = states_of(work, kept.book, self._stage)
        if only is None:
            only = self._screen.may(work, [rule for rule, (status, _) in states if status == "run"], self._stage)
        return reported(work, kept.book, states, self._stage, suppress, time.perf_counter() - began, only)
