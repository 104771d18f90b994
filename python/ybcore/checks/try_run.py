"""A rule that is asked at many values of a figure, and what is counted of its findings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..policy.paths import RawPath
from .bounds import with_bound
from .rule import Rule
from .run.found import OFFENDING, Hits, Raw, hits_of
from .run.runner import raw_of
from .try_groups import Inside, Picked, unit_of
from .try_judges import RISING, Judge, falls

__all__ = ["Run", "Tell", "Tried", "suffix"]

Int64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Tell = Callable[[int, int], None]
COUNTS = ("hits", "lines", "visits", "persons", "vola_amt")


@dataclass
class Tried:
    """One entry a value, rising: findings, lines and visits that offend, persons of these, fen, and rows that were judged again for it.

    `scans`: how often all rows of the rule were scanned.
    """

    hits: Int64
    lines: Int64
    visits: Int64
    persons: Int64
    vola_amt: Int64
    again: Int64
    scans: int


class Run:
    """A rule, the place of the figure and its rising values. The easiest value is the one that hits most."""

    def __init__(
        self, work: Picked, rule: Rule, path: RawPath, values: Int64, denied: Mask, before: bool, tell: Tell
    ) -> None:
        self.work, self.rule, self.path, self.values = work, rule, path, values
        self.denied, self.before, self.tell = denied, before, tell

    def raw(self, value: Any, work: Picked | None = None) -> Raw:
        """What the kernel finds at a value, among all rows of the rule or some."""
        return raw_of(self.work if work is None else work, with_bound(self.rule, self.path, int(value)), self.denied)

    def hits(self, value: Any, raw: Raw, work: Picked | None = None) -> Hits:
        """Findings with their money; their details as they come, for they are only counted."""
        rule = with_bound(self.rule, self.path, int(value))
        return hits_of(self.work if work is None else work, rule, raw, self.before, in_order=False)

    def by_units(self) -> Tried:
        """A scan at the easiest value; then each harder value among the units that were hit: none of the others is hit any more."""
        unit, many = unit_of(self.rule), len(self.values)
        out = self._none()
        work, last = self.work, -1
        for done, k in enumerate(range(many) if falls(self.rule, self.path) else reversed(range(many))):
            raw = self.raw(self.values[k], work)
            self._put(out, k, self.hits(self.values[k], raw, work))
            out.again[k] = 0 if work is self.work else work.size
            out.scans += work is self.work
            found = len(raw.found["measure"])
            self.tell(done + 1 if found else many, many)
            if not found:
                break
            # Choosing rows anew pays where a good part of the findings is gone.
            if done + 1 < many and (last < 0 or found < last * 0.8) and unit and _all_have_rows(raw):
                work, last = work.only(Inside(work, unit, raw)), found
        return out

    def by_measure(self, judge: Judge) -> Tried:
        """One scan at the easiest value; where a rounded measure is one of the values, that value is judged among what it found."""
        rising = judge.comparator in RISING
        easiest = self.values[0] if rising else self.values[-1]
        raw = self.raw(easiest)
        hits = self.hits(easiest, raw)
        measure = judge.measure(hits)
        reach = self.reach(measure, judge.comparator, judge.scale)
        if judge.always is not None:
            reach[judge.always(hits)] = len(self.values)
        own = hits.part == OFFENDING
        of = hits.finding[own]
        amount = np.zeros(len(hits), np.int64)
        np.add.at(amount, of, hits.amount[own])
        found = self.gathered(reach, reach[of], hits.row[own], hits.is_line[own], suffix(reach, len(self.values), amount), rising)  # fmt: skip
        doubtful = np.flatnonzero(np.isin(self.values, measure)) if judge.rounded else np.zeros(0, np.int64)
        unit = unit_of(self.rule)
        work = self.work.only(Inside(self.work, unit, raw)) if unit and len(doubtful) else self.work
        for done, k in enumerate(doubtful.tolist()):
            raw = self.raw(self.values[k], work)
            self._put(found, k, self.hits(self.values[k], raw, work))
            found.again[k] = work.size if unit else raw.eligible  # K13: units with the sums that they have
            self.tell(done + 1, len(doubtful))
        return found

    # --- counting

    def _none(self) -> Tried:
        hits, lines, visits, persons, amount, again = np.zeros((6, len(self.values)), np.int64)
        return Tried(hits, lines, visits, persons, amount, again, 0)

    def _put(self, out: Tried, k: int, hits: Hits) -> None:
        """The counts of the findings of value k."""
        batch = self.work.batch
        own = hits.part == OFFENDING
        lines, visits = (hits.row[own & of] for of in (hits.is_line, ~hits.is_line))
        of_visit = np.concatenate((batch.line_visit[lines], visits))
        counts = (
            len(hits),
            _different(lines, len(batch.line_visit)),
            _different(visits, batch.visits.rows),
            _different(batch.psn[of_visit], len(batch.psn_ids)),
            int(hits.amount[own].sum()),
        )
        for name, count in zip(COUNTS, counts):
            getattr(out, name)[k] = count

    def reach(self, measure: Int64, comparator: str, scale: int = 1) -> Int64:
        """For how many values, from the easiest, each measure compares."""
        values, size = self.values * scale, len(self.values)
        side: Any = "left" if comparator in ("more_than", "at_most") else "right"
        below = np.searchsorted(values, measure, side)
        return below if comparator in RISING else size - below

    def gathered(self, reach: Int64, row_reach: Int64, row: Int64, is_line: Mask, amount: Int64, rising: bool) -> Tried:
        """Counts from the reach of findings and of their offending rows; `amount` by value, the easiest first."""
        batch, size = self.work.batch, len(self.values)
        lines = np.zeros(len(batch.line_visit), np.int64)
        visits = np.zeros(batch.visits.rows, np.int64)
        np.maximum.at(lines, row[is_line], row_reach[is_line])
        np.maximum.at(visits, row[~is_line], row_reach[~is_line])
        persons = np.zeros(len(batch.psn_ids), np.int64)
        visit = row.copy()
        visit[is_line] = batch.line_visit[row[is_line]]
        np.maximum.at(persons, batch.psn[visit], row_reach)
        columns = [suffix(of, size) for of in (reach, lines, visits, persons)] + [amount]
        hits, rows, stays, people, money = (column if rising else column[::-1].copy() for column in columns)
        return Tried(hits, rows, stays, people, money, np.zeros(size, np.int64), 1)


def _all_have_rows(raw: Raw) -> bool:
    """Whether each finding names a row, which tells its unit."""
    return bool((np.diff(raw.found["details"]) > 0).all())


def _different(rows: Any, size: int) -> int:
    """How many different ones of `size` there are."""
    if len(rows) < size // 64:
        return len(np.unique(rows))
    seen = np.zeros(size, bool)
    seen[rows] = True
    return int(np.count_nonzero(seen))


def suffix(reach: Int64, size: int, weight: Int64 | None = None) -> Int64:
    """At each value, the easiest first: how many reach it, or the sum of their weights."""
    out = np.zeros(size + 1, np.int64)
    np.add.at(out, reach, 1 if weight is None else weight)
    return out[::-1].cumsum()[::-1][1:].copy()
