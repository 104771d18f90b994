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
    """`check` for small tables, with what stays the same from call to call given once. Threads may share it.

    `rules`, `catalog`, `institutions`, `doctors`, `stage` and `known_at` are those of `check`; findings are the same as from `check`, byte for
    byte. Raises InputError and DocumentError, each with every problem at once.
    """

    __slots__ = ("_kept", "_known", "_screen", "_stage")

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
        self._stage, self._known = stage, day_of(known_at)
        self._kept = Kept(book, held, {"institutions": institutions, "doctors": doctors})
        self._screen = Screen(book.rules, book.lists, held)

    @property
    def rules(self) -> RuleBook:
        """The book."""
        return self._kept.book

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
        kept = self._kept
        tables = {
            "visits": visits, "lines": lines, "persons": persons, "diagnoses": diagnoses, "operations": operations, "labs": labs, "stock": stock,
        }  # fmt: skip
        work = Work(Batch(tables, kept.catalog, line_offsets, 1, kept), self._known)
        work.lists = kept.lists
        states = states_of(work, kept.book, self._stage)
        only = self._screen.may(work, [rule for rule, (status, _) in states if status == "run"], self._stage)
        return reported(work, kept.book, states, self._stage, suppress, time.perf_counter() - began, only)
