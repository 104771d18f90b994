"""As-of joins on validity periods: which dated row of a key holds on a day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .. import _core
from .convert import NULL_DAY

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
OPEN_DAY = np.int32(2**31 - 1)


def opened(end: Int32) -> Int32:
    """Ends of validity with the open ones at the end of time."""
    return np.where(end == NULL_DAY, OPEN_DAY, end).astype(np.int32, copy=False)


@dataclass(slots=True)
class Dated:
    """Rows of one table grouped by key: ``rows[start[k]:start[k+1]]`` are the rows of key k, in table order."""

    rows: Int64
    start: Int64
    begin: Int32
    end: Int32
    always: bool  # every key has one row at most, and that holds on every day

    @staticmethod
    def of(key: Int32, keys: int, begin: Int32, end: Int32) -> Dated:
        """Group rows by a dense key (0 ≤ key < keys); rows with key -1 are left out."""
        rows, start = _core.rows_by_key(np.ascontiguousarray(key, dtype=np.int32), keys)
        last = opened(end)
        single = len(start) < 2 or int((start[1:] - start[:-1]).max()) <= 1
        always = single and (not len(begin) or (int(begin.max()) == NULL_DAY and int(last.min()) == OPEN_DAY))
        return Dated(rows, start, begin, last, always)

    def find(
        self, key: Int32, day: Int32, own: Int32 | None = None, theirs: Int32 | None = None, *, unknown: int = -1
    ) -> Int32:
        """Row that holds for each (key, day); -1: none. ``own``: the row's second key must equal ``theirs`` unless that is -1.

        Of several rows that hold (possible only where ``theirs`` is -1) the first in table order is taken. ``unknown``: what a key
        without any row gets.
        """
        if self.always and theirs is None:
            # One row a key, and it always holds.
            row_of = np.full(len(self.start), unknown, np.int32)
            known = self.start[1:] > self.start[:-1]
            row_of[:-1][known] = self.rows
            row: Int32 = row_of[key]
            return row
        found: Int32 = _core.find_rows(
            self.start, self.rows, self.begin, self.end, None if theirs is None else own, key, day, theirs, -1, unknown
        )
        return found


def overlaps(key: Int64, begin: Int32, end: Int32) -> Int64:
    """Rows whose validity begins before the row before them (same key) has ended; empty when none do."""
    if len(key) < 2:
        return np.empty(0, np.int64)
    last = opened(end)
    order = np.lexsort((begin, key))
    k, b, e = key[order], begin[order], last[order]
    # The end so far within a key: a long row may cover more than its next neighbour.
    if not (k[1:] == k[:-1]).any():
        return np.empty(0, np.int64)
    wrong = np.zeros(len(k), bool)
    same = np.concatenate(([False], k[1:] == k[:-1]))
    wrong[1:] = same[1:] & (b[1:] < e[:-1])
    return np.sort(order[wrong])


def pack(*parts: tuple[npt.NDArray[np.int32], int]) -> Int64:
    """One dense-enough int64 key of several small indices (each ≥ -1), given with the number of values each has."""
    key = np.zeros(len(parts[0][0]), np.int64)
    for values, count in parts:
        key = key * (count + 1) + (values.astype(np.int64) + 1)
    return key
