"""A book made ready for one prescription after another: what hangs on the rules alone is kept from call to call (docs/checks.md 6)."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Sequence
from typing import Any

from .book import RuleBook, RuleSource
from .check import given
from .run.given import Batch
from .run.kept import Kept
from .run.report import CheckReport
from .run.runner import day_of, reported, stage_of, states_of
from .run.screen import Screen
from .run.work import Work

__all__ = ["Checker"]


class Checker:
    """`check` with rules, catalogue, institutions, doctors, stage and known_at given once. Immutable; threads may share it."""

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
        """Arguments are those of `check`. Raises InputError and DocumentError, each with every problem at once."""
        stage_of(stage)
        self._book, self._catalog, _ = given(rules, catalog, 1)
        self._kept = Kept(self._book, self._catalog, {"institutions": institutions, "doctors": doctors})
        self._stage, self._known = stage, day_of(known_at)
        self._screen = Screen(self._book.rules, self._book.lists, self._catalog)

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
        began = time.perf_counter()
        tables = {"visits": visits, "lines": lines, "persons": persons, "diagnoses": diagnoses, "operations": operations, "labs": labs, "stock": stock}
        work = Work(Batch(tables, self._catalog, line_offsets, 1, self._kept), self._known)
        work.lists = self._book.lists
        states = states_of(work, self._book, self._stage)
        only = self._screen.may(work, [rule for rule, (status, _) in states if status == "run"], self._stage)
        seconds = time.perf_counter() - began
        return reported(work, self._book, states, self._stage, suppress, seconds, only)
