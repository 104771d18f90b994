"""As-of joins on validity periods: which dated row of a key holds on a day."""

from __future__ import annotations

from functools import cached_property

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


def ranked(kind: tuple[Int32, list[str]]) -> Int32:
    """Codes as places in the order of their texts as bytes; missing ones are first."""
    codes, texts = kind
    rank = np.full(len(texts) + 1, -1, np.int32)
    rank[sorted(range(len(texts)), key=lambda code: texts[code].encode())] = np.arange(len(texts))
    return rank[codes]


class Dated:
    """Rows of one table by key, each with the days on which it holds."""

    def __init__(
        self, key: Int32, keys: int, begin: Int32, end: Int32, threads: int, kind: tuple[Int32, list[str]] | None = None
    ) -> None:
        self._key, self._keys = np.ascontiguousarray(key, dtype=np.int32), keys
        self.begin, self.end, self._threads, self._kind = begin, opened(end), threads, kind
        always = not len(begin) or (int(begin.max()) == NULL_DAY and int(self.end.min()) == OPEN_DAY)
        # The row of each key, -1 for none; None unless every key has one row at most, which holds on every day.
        self.sole: Int32 | None = _core.sole_rows(self._key, keys, -1) if always else None

    @staticmethod
    def of(
        key: Int32, keys: int, begin: Int32, end: Int32, threads: int = 1, kind: tuple[Int32, list[str]] | None = None
    ) -> Dated:
        """Group rows by a dense key (0 ≤ key < keys); rows with key -1 are left out. ``kind``: codes and texts by which rows of a key go first."""
        return Dated(key, keys, begin, end, threads, kind)

    @cached_property
    def _by_key(self) -> tuple[Int64, Int64]:
        """``rows[start[k]:start[k+1]]`` are the rows of key k, in their order: by kind, then begin, then end; without kinds that of the table."""
        rows, start = _core.rows_by_key(self._key, self._keys)
        if self._kind is not None:
            count = np.diff(start)
            at = np.flatnonzero(np.repeat(count > 1, count))
            if len(at):
                some = rows[at]
                rows[at] = some[
                    np.lexsort((self.end[some], self.begin[some], ranked(self._kind)[some], self._key[some]))
                ]
        return rows, start

    def first(self) -> Int64:
        """The first row of each key in their order; -1 for none."""
        rows, start = self._by_key
        return np.where(np.diff(start) > 0, np.append(rows, -1)[start[:-1]], -1)

    def find(
        self, key: Int32, day: Int32, own: Int32 | None = None, theirs: Int32 | None = None, *, unknown: int = -1
    ) -> Int32:
        """Row that holds for each (key, day); -1: none. ``own``: the row's second key must equal ``theirs`` unless that is -1.

        Of several rows that hold (possible only where ``theirs`` is -1) the first in their order is taken. ``unknown``: what a key
        without any row gets.
        """
        key = np.ascontiguousarray(key)
        if self.sole is not None and theirs is None:
            row_of = self.sole if unknown == -1 else np.where(self.sole < 0, np.int32(unknown), self.sole)
            return _core.taken(row_of, key, self._threads)
        rows, start = self._by_key
        own = None if theirs is None else own
        return _core.find_rows(start, rows, self.begin, self.end, own, key, day, theirs, -1, unknown, self._threads)


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
