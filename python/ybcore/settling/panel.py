"""One batch under several books: what the books do not change is done once."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ..catalog import Catalog
from ..policy import Book
from ..policy.compile import CompiledBook
from . import priced
from .editions import NOTHING, Edition, Editions
from .events import Assigned
from .given import input_tables
from .job import Job
from .parts import NO_FIGURE
from .together import CellsOf, Sums, Together, shares

__all__ = ["Panel"]


class Panel:
    """A batch that is read, priced and put in order under its first book, and settled under as many as are asked for.

    A book that reads other columns, other dates or other tags has the batch read again for itself; one that prices lines otherwise has
    them priced again. What comes out is what a run of its own gives.
    """

    def __init__(
        self, compiled: CompiledBook, catalog: Catalog | None, tables: dict[str, Any], threads: int, state: Any = None
    ) -> None:
        self._tables, self._threads, self.state = tables, threads, state
        self.job = Job(compiled, catalog, tables, None, threads)
        self._begun = self.job.begin(line_output=False, state=state)

    def settle(
        self, compiled: CompiledBook, catalog: Catalog | None, columns: int = -1, lines: Any = None
    ) -> tuple[Job, dict[str, Any]]:
        """(the job, the kernel's answer) under a book and a catalogue, or with other lines; see `Job.settle`."""
        first = self.job
        if lines is not None:
            job = Job(compiled, catalog, {**self._tables, "lines": lines}, None, self._threads)
            return job, job.settle(line_output=False, detail=False, state=self.state, columns=columns)
        if compiled is first.compiled and catalog is first.catalog:
            job = copy.copy(first)
            return job, job.finish(*self._begun, columns=columns)
        if catalog is not first.catalog or not _reads_alike(first.compiled, compiled):
            job = Job(compiled, catalog, self._tables, None, self._threads)
            return job, job.settle(line_output=False, detail=False, state=self.state, columns=columns)
        job = copy.copy(first)
        job.compiled = compiled
        job._parts()
        assigned = job._assign()
        before, natures, price = self._begun
        if not _prices_alike(first, job, before, assigned):
            natures, price = priced.price(job, assigned, False)
        if shares(first.compiled) != shares(compiled):
            job._order()
            job.__dict__.pop("order", None)
        return job, job.finish(assigned, natures, price, columns=columns)

    @cached_property
    def _together(self) -> Together:
        return Together(self.job, self._begun[1])

    @property
    def together(self) -> bool:
        """Whether books can be settled in one pass at all."""
        return self._together.may

    @cached_property
    def editions(self) -> Editions:
        """What lines come to otherwise; asked for where books can be settled in one pass."""
        return Editions(self.job, self._begun[0], self._begun[1], self._tables)

    def sums(
        self,
        books: Sequence[Book],
        cells: Sequence[CellsOf],
        by_cell: Sequence[str],
        by_person: Sequence[str],
        editions: Sequence[Edition] | None = None,
        first: Edition = NOTHING,
    ) -> list[Sums | None]:
        """What comes of each book, added up in one pass; None of a book that `settle` must run by itself.

        `editions`: what lines come to beside each book; `first`: beside the panel's own.
        """
        own = self.job.compiled
        if not self._together.may:
            return [None] * len(books)
        alike = []
        for book in books:
            asks = CompiledBook(book)
            alike.append(_reads_alike(own, asks) and self._together.alike(asks))
        shelf = own.shelf.fork()
        good = [CompiledBook(book, shelf) for book, fits in zip(books, alike) if fits]
        if not good:
            return [None] * len(books)
        mine = [held for held, fits in zip(editions or [NOTHING] * len(books), alike) if fits]
        found = iter(self._together.settle(good, cells, by_cell, by_person, [first, *mine]))
        return [next(found) if fits else None for fits in alike]


def _reads_alike(one: CompiledBook, two: CompiledBook) -> bool:
    """Whether a batch read under one book is what it is under the other."""
    ours, theirs = one.policies[0].model, two.policies[0].model
    return (
        input_tables(one) == input_tables(two)
        and [p.model.tags for p in one.policies if p.model.tags] == [p.model.tags for p in two.policies if p.model.tags]
        and (ours.dates.policy, ours.dates.order) == (theirs.dates.policy, theirs.dates.order)
    )


def _prices_alike(one: Job, two: Job, before: Assigned, now: Assigned) -> bool:
    """Whether lines come to the same: the same programs, in the same units, for the same visits. Visits that bring their own split are
    looked at under every book."""
    a, b = one.compiled, two.compiled
    if not one.priced.all() or a.max_tags or b.max_tags or one.whole != two.whole:
        return False
    grids = {policy.model.grid for book in (a, b) for policy in book.policies}
    programs = (a.programs, a.steps, list(a.categories)) == (b.programs, b.steps, list(b.categories))
    if len(grids) > 1 or not programs or not np.array_equal(before.program, now.program):
        return False
    ours, theirs = (np.isin(assigned.reason, (0, NO_FIGURE)) for assigned in (before, now))
    return bool(np.array_equal(ours, theirs))
