"""Random draws that depend on (seed, stream, block) and on nothing else.

Everything is made from the raw bits of the counter-based Philox generator by integer arithmetic and integer tables, so that a
block is the same whatever was drawn before it, on any machine and with any version of NumPy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Ints = npt.NDArray[np.int64]
Bits = npt.NDArray[np.uint32]
Bools = npt.NDArray[np.bool_]

NO_DAY = np.int32(-(2**31))
SIZE = 4096  # entries of a table of a distribution
_BITS = 12
FINE = 1 << 16  # entries of a table with rare values

# Streams: one number for each thing that is drawn on its own.
PEOPLE, VISITS, LINES, PLACES, CATALOG, CLINICAL, BILLING, CARE, RESERVED, ECONOMY = range(1, 11)


class Draw:
    """A stream of random bits for one block. ``seed`` is a whole number from 0 to 2^64 − 1."""

    def __init__(self, seed: int, stream: int, block: int = 0) -> None:
        self._bits = np.random.Philox(key=np.array([seed, (stream << 48) | block], np.uint64))

    def words(self, n: int) -> npt.NDArray[np.uint64]:
        """n words of 64 bits."""
        return np.asarray(self._bits.random_raw(n), np.uint64)

    def bits(self, n: int) -> Bits:
        """n words of 32 bits."""
        words = self.words((n + 1) // 2)
        out = np.empty(2 * len(words), np.uint32)
        out[0::2] = words & np.uint64(0xFFFFFFFF)
        out[1::2] = words >> np.uint64(32)
        return out[:n]

    def below(self, n: int, top: int) -> Ints:
        """n whole numbers from 0 to top − 1 (top ≤ 2^31)."""
        return scaled(self.bits(n), top)

    def chance(self, n: int, share: float) -> Bools:
        """n yes or no, yes with this share."""
        return self.bits(n) < np.uint64(round(share * 2**32))

    def pick(self, table: Ints, n: int) -> Ints:
        """n values of a table whose length is a power of two."""
        return table[self.bits(n) >> np.uint32(32 - (len(table).bit_length() - 1))]


def scaled(bits: Bits, top: int | Ints) -> Ints:
    """32 random bits → a whole number below ``top``."""
    return ((bits.astype(np.uint64) * np.asarray(top, np.uint64)) >> np.uint64(32)).astype(np.int64)


def quantiles(n: int = SIZE) -> list[float]:
    """The middles of n equal slices of a normal distribution."""
    normal = NormalDist()
    return [normal.inv_cdf((i + 0.5) / n) for i in range(n)]


_NORMAL = quantiles()


def lognormal(median: float, sigma: float, low: float = 0, high: float = 1e15) -> Ints:
    """Table of a lognormal distribution, cut to [low, high] and rounded to whole numbers."""
    return np.array([round(min(max(median * math.exp(sigma * z), low), high)) for z in _NORMAL], np.int64)


def weighted(values: Sequence[int], weights: Sequence[float], size: int = SIZE) -> Ints:
    """Table in which each value takes its share of the entries (each positive weight at least one)."""
    total = sum(weights)
    edges = [0]
    for i in range(len(weights)):
        edges.append(round(sum(weights[: i + 1]) / total * size))
    counts = [edges[i + 1] - edges[i] for i in range(len(weights))]
    for i, weight in enumerate(weights):
        if weight > 0 and counts[i] == 0:
            counts[i] = 1
            counts[counts.index(max(counts))] -= 1
    return np.repeat(np.array(values, np.int64), counts)


class Zipf:
    """Ranks 0 … n − 1 with frequency 1/rank, from 32 bits: 4096 cells of equal mass, flat inside a cell."""

    def __init__(self, sizes: Sequence[int]) -> None:
        low, width = [], []
        for n in sizes:
            edges = [min(n, max(int((n + 1) ** (i / SIZE)) - 1, 0)) for i in range(SIZE + 1)]
            edges[SIZE] = n
            low += edges[:-1]
            width += [max(1, b - a) for a, b in pairwise(edges)]
        self._low = np.array(low, np.int32)
        self._width = np.array(width, np.uint32)
        # cell bits below the first 12, as many as the widest cell leaves room for in 32 bits
        self._keep = np.uint32(min(20, 32 - int(self._width.max()).bit_length()))

    def ranks(self, bits: Bits, group: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """Rank for each draw, within the size of its group."""
        cell = (bits >> np.uint32(20)).astype(np.int32) + group * np.int32(SIZE)
        part = (bits & np.uint32(0xFFFFF)) >> np.uint32(20 - int(self._keep))
        return self._low[cell] + ((part * self._width[cell]) >> self._keep).astype(np.int32)


# ---------------------------------------------------------------------------------------------- texts

_FOUR = np.array([ord(c) for i in range(10000) for c in f"{i:04d}"], np.uint8).reshape(10000, 4)


def digits(values: Ints, width: int) -> npt.NDArray[np.uint8]:
    """Decimal digits as ASCII, zero-filled, n × width; width is a multiple of 4."""
    out = np.empty((len(values), width), np.uint8)
    rest = values
    for at in range(width - 4, -1, -4):
        high = rest // 10000
        out[:, at : at + 4] = _FOUR[rest - high * 10000]
        rest = high
    return out


def four(values: npt.NDArray[np.integer]) -> npt.NDArray[np.uint8]:
    """The same for whole numbers below 10,000, 4 wide."""
    return _FOUR.take(values, axis=0)


def prefixes(texts: Sequence[str]) -> npt.NDArray[np.uint8]:
    """Texts of one length as rows of ASCII."""
    return np.array([list(text.encode("ascii")) for text in texts], np.uint8)


def text(*parts: npt.NDArray[np.uint8]) -> pa.Array:
    """Rows of ASCII of fixed width, side by side, as one Arrow text column."""
    rows = np.concatenate(parts, axis=1) if len(parts) > 1 else np.ascontiguousarray(parts[0])
    count, width = rows.shape
    offsets = np.arange(count + 1, dtype=np.int64) * width
    return pa.Array.from_buffers(pa.large_string(), count, [None, pa.py_buffer(offsets), pa.py_buffer(rows)])


def chosen(column: pa.Array, index: Ints) -> pa.Array:
    """Cells of a column by index; −1 is a missing cell."""
    return column.take(pa.array(index, mask=index < 0))


def coded(index: npt.NDArray[np.integer], texts: Sequence[str]) -> pa.DictionaryArray:
    """A code column: index into the texts, −1 missing."""
    kind = np.int8 if len(texts) < 128 else np.int32
    missing = index < 0
    cells = pa.array(index.astype(kind), mask=missing if missing.any() else None)
    return pa.DictionaryArray.from_arrays(cells, pa.array(list(texts), pa.string()))


def days(values: npt.NDArray[np.int32]) -> pa.Array:
    """A date column; NO_DAY is missing."""
    missing = values == NO_DAY
    return pa.array(values, pa.int32(), mask=missing if missing.any() else None).cast(pa.date32())
