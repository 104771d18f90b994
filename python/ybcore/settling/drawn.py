"""Sums and quantiles under bootstrap weights, in whole numbers: they come out the same in whatever order they are added up.

So what a policy gives is told as the difference from one seen before: only units whose value changed are looked at (docs/simulation.md section 7).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core

__all__ = ["Drawn", "RankSums"]

Int64 = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]
_BITS = 61  # of a sum, so that rounding its parts leaves it in 64
_RANK_BITS = 50  # of the weight times the rank of one unit
_CLOSE = (
    1 - 1e-12
)  # weights are rounded to whole numbers of their scale, so that a share that is met may be missed by the last of them


class _Seen:
    """What stands for a key: values by place and their sums, the first that came with it."""

    def __init__(self) -> None:
        self._held: dict[Any, tuple[npt.NDArray[Any], Any]] = {}

    def near(self, key: Any, values: npt.NDArray[Any]) -> tuple[npt.NDArray[Any] | None, Any, Int64]:
        """(values seen before, their sums, where the new ones differ); (None, None, where there is something) when they are too far from them."""
        own = np.flatnonzero(values)
        if key in self._held:
            before, sums = self._held[key]
            differs = np.flatnonzero(values != before)
            if len(differs) < len(own):
                return before, sums, differs
        return None, None, own

    def keep(self, key: Any, values: npt.NDArray[Any], sums: Any) -> None:
        if key is not None and key not in self._held:
            self._held[key] = values.copy(), sums


class Drawn:
    """Places in cells, each of a unit. `times`: how often each unit (rows) was drawn in each replicate; `factor`: of each place, its weight for one draw."""

    def __init__(
        self, times: npt.NDArray[np.uint8], factor: Float, unit: Int64 | None, cell: Int64, cells: int
    ) -> None:
        self.times, self.factor, self.cells = np.ascontiguousarray(times), factor, cells
        self.unit = (np.arange(len(factor)) if unit is None else unit).astype(np.int32)
        self.cell = cell.astype(np.int32)
        self.number = int(times.shape[1])
        self._top = float(factor.max(initial=0.0)) * int(times.max(initial=0))
        self._seen = _Seen()
        self._edges: dict[Any, Int64] = {}

    def sums(self, values: Sequence[npt.NDArray[Any]], keys: Sequence[Hashable | None]) -> list[Float]:
        """Σ weight × value by cell and replicate, of each array of values. What comes with a key is told as the difference from the first that did."""
        scales = [self._scale(float(np.sum(np.abs(one)))) for one in values]
        found = self._whole(values, scales, keys)
        return [np.ldexp(each.astype(np.float64), -scale) for each, scale in zip(found, scales)]

    def _scale(self, total: float) -> int:
        """Bits after the point; a function of what is added up alone."""
        return _BITS - math.frexp(total * self._top)[1]

    def _whole(
        self, values: Sequence[npt.NDArray[Any]], scales: Sequence[int], keys: Sequence[Hashable | None]
    ) -> list[Int64]:
        """The sums in whole numbers of their scales."""
        named = [None if key is None else (key, scale) for key, scale in zip(keys, scales)]
        near = [self._seen.near(key, one) for key, one in zip(named, values)]
        touched = np.zeros(len(self.factor), bool)
        for _, _, differs in near:
            touched[differs] = True
        rows = np.flatnonzero(touched)
        amounts = np.empty((len(values), len(rows)), np.int64)
        for place, one, scale, (before, _, _) in zip(amounts, values, scales, near):
            place[:] = self._parts(one, scale, rows)
            if before is not None:
                place -= self._parts(before, scale, rows)
        out = np.zeros((len(values), self.cells, self.number), np.int64)
        if len(rows):
            found = _core.add_replicates(self.times, self.unit[rows], self.cell[rows], amounts, self.cells)
            out = found.view(np.int64).reshape(out.shape)
        told = [each if sums is None else each + sums for each, (_, sums, _) in zip(out, near)]
        for key, one, each in zip(named, values, told):
            self._seen.keep(key, one, each)
        return told

    def _parts(self, values: npt.NDArray[Any], scale: int, rows: Int64) -> Int64:
        return np.rint(np.ldexp(self.factor[rows] * values[rows], scale)).astype(np.int64)

    @cached_property
    def _weights(self) -> tuple[int, Int64, Int64]:
        """(their scale, of each place for one draw, whole of each cell by replicate)."""
        ones = np.ones(len(self.factor))
        scale = self._scale(float(len(ones)))
        (whole,) = self._whole([ones], [scale], [None])
        return scale, self._parts(ones, scale, np.arange(len(ones))), whole

    def quantiles(
        self, values: Int64, order: Int64, ends: Int64, own: Sequence[Float], shares: Sequence[Fraction], key: Hashable
    ) -> list[Float]:
        """Of each share by cell and replicate the smallest value at or below which at least that share of the weight is; NaN without weight.

        `order`: places by cell and value, `ends`: where cells end in it; `own`: of each share and cell a value near by.
        """
        scale, weights, whole = self._weights
        edges = [
            self._edges.setdefault((key, share), np.nan_to_num(near).astype(np.int64))
            for share, near in zip(shares, own)
        ]
        below = self._whole(
            [(values < edge[self.cell]).astype(np.float64) for edge in edges],
            [scale] * len(shares),
            [(key, share) for share in shares],
        )
        out = [np.full((self.cells, self.number), np.nan) for _ in shares]
        for i in range(self.cells):
            part = order[ends[i] : ends[i + 1]]
            if not len(part):
                continue
            unit, weight, held = self.unit[part], weights[part], values[part]
            for k, share in enumerate(shares):
                target = np.ceil(float(share) * whole[i] * _CLOSE).astype(np.int64)
                start = int(np.searchsorted(held, edges[k][i]))
                place = _core.find_places(self.times, unit, weight, start, below[k][i].copy(), np.maximum(target, 1))
                out[k][i] = np.where(whole[i] > 0, held[place], np.nan)
        return out


class RankSums:
    """Σ amount × weight × rank by replicate; `ranks`: fractional ranks of units (rows) by replicate, `times` and `factor` as `Drawn` has them."""

    def __init__(self, ranks: Float, times: npt.NDArray[np.uint8], factor: Float) -> None:
        heavy = np.multiply(ranks, times)
        heavy *= factor[:, np.newaxis]
        self._scale = _RANK_BITS - math.frexp(float(heavy.max(initial=0.0)))[1]
        np.rint(np.ldexp(heavy, self._scale, out=heavy), out=heavy)
        self._rank = heavy.astype(np.int64)
        self._seen = _Seen()

    def sums(self, values: Sequence[Int64], keys: Sequence[Hashable | None]) -> list[Float]:
        """The sums of each array of whole amounts."""
        out = []
        for one, key in zip(values, keys):
            before, sums, rows = self._seen.near(key, one)
            amounts = one[rows] if before is None else one[rows] - before[rows]
            words = np.zeros((self._rank.shape[1], 2), np.uint64)
            if len(rows):
                nothing = np.zeros(len(rows), np.int32)
                found = _core.add_ranked(self._rank, rows.astype(np.int32), nothing, amounts[np.newaxis], 1)
                words = found.reshape(words.shape)
            words = words if sums is None else _plus(words, sums)
            self._seen.keep(key, one, words)
            high, low = words[:, 1].view(np.int64).astype(np.float64), words[:, 0].astype(np.float64)
            out.append(np.ldexp(high * 2.0**64 + low, -self._scale))
        return out


def _plus(one: npt.NDArray[np.uint64], two: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Sums in 128 bits."""
    out = one + two
    out[:, 1] += out[:, 0] < one[:, 0]
    return out
