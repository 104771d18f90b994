"""One batch under many books in one pass of the kernel: combinations are found once, and each book says what plan each of them has."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from .. import _core
from ..policy import Policy
from ..policy.compile import CompiledBook, Instance
from .editions import Edition
from .events import REASONS, classified
from .job import Job
from .order import uses_households, uses_mutual_aid
from .parts import NO_FIGURE

__all__ = ["CellsOf", "Sums", "Together", "shares"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]


class CellsOf(Protocol):
    """Cells that visits are told apart by: the cell of each visit, -1 none, and how many there are."""

    @property
    def of(self) -> Int64: ...
    @property
    def count(self) -> int: ...


@dataclass(frozen=True)
class Sums:
    """What came of one book. `by_cell`: for each set of cells, by cell: visits, persons, then the columns asked for; `by_person`: by column."""

    by_cell: tuple[Int64, ...]
    by_person: Int64


@dataclass(frozen=True)
class _Table:
    """What a book says of each combination."""

    plan: Int32
    reason: npt.NDArray[np.uint8]
    program: Int32


class Together:
    """A batch that a job has read, priced and put in order under its book, for books that leave all of that as it is."""

    def __init__(self, job: Job, natures: Int64) -> None:
        self.job, self._natures = job, natures
        self._pairs: dict[int, tuple[CellsOf, Int32, int]] = {}
        models = [policy.model for policy in job.compiled.policies]
        self.may = bool(
            job.state is None
            and job.whole
            and job.priced.all()
            and not job.compiled.max_tags
            and len({m.year.of for m in models}) == 1
        )
        self._accounts = job._accounts() if self.may else {}

    def alike(self, compiled: CompiledBook) -> bool:
        """Whether the batch is read, priced as far as tags go, ordered and told of accounts as it is for the job's own book."""
        own, job = self.job.compiled, self.job
        if not self.may or compiled.max_tags or shares(own) != shares(compiled):
            return False
        ours, theirs = ([p.model for p in book.policies] for book in (own, compiled))
        if any(m.year.cross == "split" for m in theirs) and job.lines is not None:
            return False
        if {m.year.of for m in theirs} != {ours[0].year.of} or _declared(own) != _declared(compiled):
            return False
        if _account_rules(own) == _account_rules(compiled):
            return True
        other = copy.copy(job)
        other.compiled = compiled
        found = other._accounts()
        return all(np.array_equal(found[name], self._accounts[name]) for name in self._accounts)

    def settle(
        self,
        books: Sequence[CompiledBook],
        cells: Sequence[CellsOf],
        by_cell: Sequence[str],
        by_person: Sequence[str],
        editions: Sequence[Edition],
    ) -> list[Sums | None]:
        """What came of each book; None of one that prices lines otherwise. The books stand on one shelf.

        `editions`: what lines come to under the base and beside each book.
        """
        job = copy.copy(self.job)
        shelf = books[0].shelf
        documents = {p.sha256: p for book in (self.job.compiled, *books) for p in book.policies}
        asks = CompiledBook(books[0].book, shelf, policies=list(documents.values()))
        job.compiled = asks
        of_event, told = classified(asks, job.facts)
        found = _Found([(dict(zip(asks.attributes, held)), day) for held, day, _ in told])
        base = found.of(CompiledBook(self.job.compiled.book, shelf))
        tables = [found.of(book) for book in books]
        fits = [_prices_alike(base, table) for table in tables]
        if not any(fits):
            return [None] * len(books)
        # The base stands first: people who have no other plans than under it are settled once for all.
        good = [base, *(table for table, fit in zip(tables, fits) if fit)]
        held = [editions[0], *(edition for edition, fit in zip(editions[1:], fits) if fit)]
        own = np.where(job.at(job.reversal), 0, job.own_reason) if job.reverses else job.own_reason
        combination = np.where(own != 0, -1, of_event).astype(np.int32)
        events = job._events(SimpleNamespace(plan=combination, reason=own.astype(np.uint8)), self._natures)  # type: ignore[arg-type]
        numbers = _core.LAYOUT["columns"]
        answer = _core.settle_each(
            asks.tables(),
            events,
            np.concatenate([table.plan for table in good]),
            np.concatenate([table.reason for table in good]),
            len(good),
            *_natures(held, len(combination)),
            self._accounts,
            [self._cells(one) for one in cells],
            [numbers.index(name) for name in by_cell],
            [numbers.index(name) for name in by_person],
            job.threads,
        )
        each = [rows.reshape(len(good), one.count, 2 + len(by_cell)) for rows, one in zip(answer["by_cell"], cells)]
        people = answer["by_person"].reshape(len(good), len(by_person), job.people)
        sums = iter([Sums(tuple(rows[i] for rows in each), people[i]) for i in range(1, len(good))])
        return [next(sums) if fit else None for fit in fits]

    def _cells(self, cells: CellsOf) -> dict[str, Any]:
        """With the pair of person and cell of each visit, so that persons are counted once; worked out once for cells that stay."""
        held = self._pairs.get(id(cells))
        if held is None or held[0] is not cells:
            people = max(1, self.job.people)
            known, pair = np.unique(np.maximum(cells.of, 0) * people + np.maximum(self.job.psn, 0), return_inverse=True)
            held = self._pairs[id(cells)] = (cells, pair.reshape(-1).astype(np.int32), len(known))
        return {"of": cells.of.astype(np.int32), "pair": held[1], "count": cells.count, "pairs": held[2]}


def _natures(editions: Sequence[Edition], events: int) -> tuple[Int32, Int32, Int64]:
    """(slot of each event, by policy and slot the row of the natures, natures) as core/include/ybcore/panel.hpp has them; empty when nothing differs."""
    visits = [edition.visit for edition in editions]
    slots = np.unique(np.concatenate(visits))
    if not len(slots):
        return np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.int64)
    slot = np.full(events, -1, np.int32)
    slot[slots] = np.arange(len(slots), dtype=np.int32)
    rows = np.full((len(editions), len(slots)), -1, np.int32)
    once = {id(edition): edition for edition in editions}
    sizes = [len(edition.visit) for edition in once.values()]
    begin = dict(zip(once, np.concatenate([[0], np.cumsum(sizes)]).tolist()))
    for row, edition in zip(rows, editions):
        row[slot[edition.visit]] = begin[id(edition)] + np.arange(len(edition.visit))
    natures = np.concatenate([edition.natures for edition in once.values()])
    return slot, rows.reshape(-1), np.ascontiguousarray(natures, np.int64).reshape(-1)


class _Found:
    """Instances of documents by combination, each looked up once however many books have the document."""

    def __init__(self, told: list[tuple[dict[str, Any], int]]) -> None:
        self._told = told
        self._holds: dict[Any, npt.NDArray[np.int64]] = {}
        self._instances: dict[tuple[str, bytes], list[Instance]] = {}

    def of(self, book: CompiledBook) -> _Table:
        size = len(self._told)
        plan, program = np.full(size, -1, np.int32), np.full(size, -1, np.int32)
        reason = np.full(size, REASONS.index("no_policy"), np.uint8)
        shape = tuple((p.effective, p.scheme.region, tuple(p.scheme.insutype)) for p in book.policies)
        if shape not in self._holds:
            held = [book.document(v["insutype"], v["insuplc_admdvs"], day) for v, day in self._told]
            self._holds[shape] = np.array(held, np.int64)
        which = self._holds[shape]
        for index, policy in enumerate(book.policies):
            rows = np.flatnonzero(which == index)
            found = self._looked_up(book, policy, index, rows)
            plan[rows] = [i.plan for i in found]
            program[rows] = [i.program for i in found]
            reason[rows] = [REASONS.index(i.reason) for i in found]
        reason[(program < 0) & (reason == 0)] = NO_FIGURE
        plan[reason != 0] = -1
        return _Table(plan, reason, program)

    def _looked_up(self, book: CompiledBook, policy: Policy, index: int, rows: Int64) -> list[Instance]:
        key = (policy.sha256, rows.tobytes())
        if key not in self._instances:
            self._instances[key] = [book.of_document(index, *self._told[row]) for row in rows.tolist()]
        return self._instances[key]


def _prices_alike(one: _Table, two: _Table) -> bool:
    """Whether lines come to the same: the same programs for the same visits."""
    ours, theirs = (np.isin(table.reason, (0, NO_FIGURE)) for table in (one, two))
    return np.array_equal(one.program, two.program) and np.array_equal(ours, theirs)


def shares(compiled: CompiledBook) -> tuple[bool, bool]:
    """Whether rules count by household, and whether another's account may pay: what decides who is settled together."""
    return uses_households(compiled), uses_mutual_aid(compiled)


def _declared(compiled: CompiledBook) -> dict[str, Any]:
    """Attributes of their own that the documents declare; the first of a name counts."""
    out: dict[str, Any] = {}
    for policy in compiled.policies:
        for name, declared in policy.model.attributes.items():
            out.setdefault(name, declared)
    return out


def _account_rules(compiled: CompiledBook) -> tuple[Any, ...]:
    rules = [
        (p.effective, p.scheme.region, tuple(p.scheme.insutype), p.model.accounts, p.model.references if p.model.accounts is not None else None)
        for p in compiled.policies
    ]  # fmt: skip
    return compiled.policies[0].model.year.starts, rules
