"""Survey weights: replicates of them, estimates under all of them at once, and intervals (docs/simulation.md section 7)."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..errors import InputError, Problem
from ..policy.faults import unknown
from ..settling.drawn import Drawn, RankSums

__all__ = ["Bootstrap", "Estimates", "Ranked", "Replicates", "over", "quantiles", "ranks"]

Int64 = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]
METHODS = ("bootstrap", "brr", "fay", "jackknife")


@dataclass(frozen=True)
class Bootstrap:
    """Replicate weights by the rescaled bootstrap of Rao and Wu (1988): in a stratum of n clusters n − 1 are drawn with replacement, `number` times.

    `strata`, `cluster`: columns of the people; without a cluster each unit is its own. `level`: of the intervals.
    """

    number: int = 200
    seed: int = 1
    strata: str | None = None
    cluster: str | None = None
    level: str = "0.95"

    def __post_init__(self) -> None:
        if not isinstance(self.number, int) or not 2 <= self.number <= 10_000 or not 0 <= self.seed < 1 << 63:
            what, zh = f"{self.number} replicates of seed {self.seed}", f"重复次数 {self.number}、种子 {self.seed}"
            raise InputError([Problem(what=what, what_zh=zh, path="replicates", expected="2 … 10,000; a seed from 0", expected_zh="2 … 10,000；种子不小于 0")])  # fmt: skip
        _level(self.level)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the people that it reads."""
        return tuple(name for name in (self.strata, self.cluster) if name is not None)

    @property
    def scales(self) -> Float:
        """Of the squares of the replicates' differences."""
        return np.full(self.number, 1 / self.number)

    def weights(self, own: Float, columns: Sequence[Int64]) -> Table:
        """Weights of units in the replicates. `columns`: codes of the strata and the clusters of the units, in order of their values."""
        held = dict(zip(self.columns, columns))
        n = len(own)
        strata = held.get(self.strata or "", np.zeros(n, np.int64))
        cluster = held.get(self.cluster or "", np.arange(n))
        times, factor = np.empty((n, self.number), np.uint8), np.empty(n)
        for stratum in np.unique(strata):
            mine = np.flatnonzero(strata == stratum)
            _, place = np.unique(cluster[mine], return_inverse=True)
            count = int(place.max()) + 1
            if count < 2:
                what, zh = f"stratum {stratum} has one cluster", f"第 {stratum} 层只有一个群"
                raise InputError([Problem(what=what, what_zh=zh, path="replicates", expected="two clusters or more in every stratum", expected_zh="每层至少两个群")])  # fmt: skip
            times[mine] = self._draws(int(stratum), count)[place]
            factor[mine] = count / (count - 1) * own[mine]
        return Table(times, factor)

    def _draws(self, stratum: int, count: int) -> npt.NDArray[np.uint8]:
        """How often each cluster (rows) is drawn, by replicate: of raw bits, the same on every machine."""
        bits = np.random.Philox(key=np.array([self.seed, stratum], np.uint64)).random_raw(self.number * (count - 1))
        drawn = ((bits >> np.uint64(32)) * np.uint64(count) >> np.uint64(32)).astype(np.int64)
        drawn = drawn * self.number + np.repeat(np.arange(self.number), count - 1)
        times = np.bincount(drawn, minlength=self.number * count).reshape(count, self.number)
        return np.minimum(times, 255).astype(np.uint8)


@dataclass(frozen=True)
class Replicates:
    """Replicate weights that a survey gives, a column each. `method`: bootstrap and brr 1 ÷ B, fay 1 ÷ B(1 − k)², jackknife (B − 1) ÷ B.

    `fay`: k. `factors`: one for each column, in place of the method's (a jackknife of strata).
    """

    columns: Sequence[str]
    method: str = "bootstrap"
    fay: str = "0.5"
    factors: Sequence[float] | None = None
    level: str = "0.95"

    def __post_init__(self) -> None:
        problems = []
        if self.method not in METHODS:
            fault = unknown("method", "方法", self.method, METHODS)
            problems.append(fault.problem(path="replicates.method"))
        if len(self.columns) < 2 or (self.factors is not None and len(self.factors) != len(self.columns)):
            what, zh = (
                "two columns of replicate weights or more, and a factor for each",
                "重复权重须两列以上，每列一个系数",
            )
            problems.append(Problem(what=what, what_zh=zh, path="replicates.columns"))
        if not 0 <= Fraction(self.fay) < 1:
            what, zh = f"k is from 0 to below 1, not {self.fay}", f"k 须不小于 0 且小于 1，而非 {self.fay}"
            problems.append(Problem(what=what, what_zh=zh, path="replicates.fay"))
        if problems:
            raise InputError(problems)
        _level(self.level)

    @property
    def scales(self) -> Float:
        """Of the squares of the replicates' differences."""
        if self.factors is not None:
            return np.asarray(self.factors, np.float64)
        number = len(self.columns)
        fay = float(Fraction(self.fay))
        by = {"fay": 1 / (number * (1 - fay) ** 2), "jackknife": (number - 1) / number}
        return np.full(number, by.get(self.method, 1 / number))


def _level(text: str) -> None:
    if not 0 < Fraction(text) < 1:
        what, zh = f"a level is between 0 and 1, not {text}", f"置信水平须在 0 与 1 之间，而非 {text}"
        raise InputError([Problem(what=what, what_zh=zh, path="replicates.level", expected='"0.95"')])


@dataclass(frozen=True)
class Table:
    """Replicate weights of units (rows): `times` × the unit's `factor`. How often a cluster was drawn takes a byte, where a weight takes eight."""

    times: npt.NDArray[Any]
    factor: Float

    @property
    def number(self) -> int:
        """How many replicates there are."""
        return int(self.times.shape[1])

    def at(self, index: Any) -> Float:
        """Weights of some units."""
        return np.asarray(self.times[index] * self.factor[index, np.newaxis], np.float64)

    def taken(self, index: Any) -> Table:
        """The table of some units."""
        return Table(self.times[index], self.factor[index])

    def product(self, values: Float) -> Float:
        """Σ value × weight of each row of values, by replicate.

        Goes in blocks of units: the same for any number of threads, and none of them waits for another. Units without a value are passed over.
        """
        used = np.flatnonzero(values.any(axis=0))
        if 2 * len(used) < len(self.times):
            return self.taken(used).product(values[:, used])
        out = np.zeros((len(values), self.number))
        step = max(1, min(256, _SMALL // max(1, out.size)))
        block, scaled = np.empty((step, self.number)), values * self.factor
        for at in range(0, len(self.times), step):
            part = self.times[at : at + step]
            if part.dtype != np.float64:
                held = block[: len(part)]
                held[...] = part
                part = held
            out += scaled[:, at : at + step] @ part
        return out


_SMALL = 1 << 18  # multiplications: below it no library of linear algebra starts threads


class Estimates:
    """Units in cells under their weights and every replicate of them: arrays are (cell, weights), the survey's own weights first.

    `own`: weight of each place; `table`: weights of units in the replicates; `cell`: of each place. `design`: where the replicates are from;
    None: there are none. `unit`: row of the table of each place; None: the same.
    """

    def __init__(
        self,
        own: Float,
        table: Table,
        cell: Int64,
        cells: int,
        design: Bootstrap | Replicates | None,
        unit: Int64 | None = None,
    ) -> None:
        self.design, self.cells, self.cell, self.own = design, cells, cell, own
        self.number = table.number
        self.order = np.arange(len(own)) if cells == 1 else np.argsort(cell, kind="stable")
        self.ends = np.concatenate(([0], np.cumsum(np.bincount(cell, minlength=cells))))
        self._drawn: Drawn | None = None
        if table.times.dtype == np.uint8 and table.number:
            factor = table.factor if unit is None else table.factor[unit]
            self._drawn = Drawn(table.times, factor, unit, cell, cells)
            return
        placed = self.order if unit is None else unit[self.order]
        self._table = table if unit is None and cells == 1 else table.taken(placed)

    @cached_property
    def whole(self) -> Float:
        """Σ weight."""
        return self.sums(np.ones(len(self.own)))[0]

    def sums(self, *values: npt.NDArray[Any], keys: Sequence[Hashable] = ()) -> list[Float]:
        """Σ weight × value for each array of values. The survey's own is added up one by one, alike on every machine.

        `keys`: what the arrays are, where policies have them one after the other.
        """
        out = [np.empty((self.cells, 1 + self.number)) for _ in values]
        for place, one in zip(out, values):
            place[:, 0] = np.bincount(self.cell, self.own * one, self.cells)
        if not self.number:
            return out
        if self._drawn is not None:
            for place, held in zip(out, self._drawn.sums(values, keys or [None] * len(values))):
                place[:, 1:] = held
            return out
        stacked = np.stack([one[self.order].astype(np.float64) for one in values])
        for i in range(self.cells):
            part = slice(self.ends[i], self.ends[i + 1])
            for place, held in zip(out, self._table.taken(part).product(stacked[:, part])):
                place[i, 1:] = held
        return out

    def quantiles(self, values: Int64, shares: Sequence[Fraction], key: Hashable = None) -> list[Float]:
        """For each share the smallest value such that at least that share of the weight is at or below it; NaN without weight."""
        held = values[self.order]
        out = [np.empty((self.cells, 1 + self.number)) for _ in shares]
        order = np.empty(len(held), np.int64)
        for i in range(self.cells):
            part = slice(self.ends[i], self.ends[i + 1])
            own = self.own[self.order[part]]
            if self._drawn is None:
                table = self._table.taken(part)
                for place, found in zip(out, _quantiles(held[part], own, table, self.whole[i, 1:], shares)):
                    place[i] = found
                continue
            rising = np.argsort(held[part], kind="stable")
            order[part] = self.order[part][rising]
            at = _places(np.cumsum(own[rising]), shares)
            for k, place in enumerate(out):
                place[i, 0] = np.nan if at is None else held[part][rising[at[k]]]
        if self._drawn is not None:
            near = [place[:, 0] for place in out]
            for place, each in zip(out, self._drawn.quantiles(values, order, self.ends, near, shares, key)):
                place[:, 1:] = each
        return out

    def columns(self, name: str, found: Float, *, null: bool = True, whole: bool = False) -> dict[str, pa.Array]:
        """An estimate as a column, with its standard error and interval where there are replicates. NaN is null (0 where not `null`)."""
        own = found[:, 0]
        shown = own if null else np.nan_to_num(own)
        first = pa.array(shown, mask=np.isnan(shown))
        out = {name: first.cast(pa.int64()) if whole else first}
        if self.design is None:
            return out
        error = np.sqrt(((found[:, 1:] - own[:, None]) ** 2) @ self.design.scales)
        reach = NormalDist().inv_cdf((1 + float(Fraction(self.design.level))) / 2) * error
        for suffix, held in (("se", error), ("low", own - reach), ("high", own + reach)):
            out[f"{name}_{suffix}"] = pa.array(held, mask=np.isnan(held))
        return out


def over(top: Float, bottom: Float) -> Float:
    """A ratio, NaN where there is nothing to divide by."""
    return np.divide(top, bottom, out=np.full(np.shape(top), np.nan), where=bottom != 0)


def quantiles(values: npt.NDArray[Any], weights: Float, shares: Sequence[Fraction]) -> Float:
    """For each share the smallest value with at least that share of the weight at or below it; NaN without weight."""
    order = np.argsort(values, kind="stable")
    at = _places(np.cumsum(weights[order]), shares)
    return np.full(len(shares), np.nan) if at is None else values[order[at]].astype(np.float64)


_CLOSE = 1 - 1e-15


def _places(ends: Float, shares: Sequence[Fraction]) -> Int64 | None:
    if not len(ends) or ends[-1] <= 0:
        return None
    at = np.searchsorted(ends, [float(share) * ends[-1] * _CLOSE for share in shares], side="left")
    return np.minimum(at, len(ends) - 1)


def _quantiles(values: Int64, own: Float, table: Table, whole: Float, shares: Sequence[Fraction]) -> list[Float]:
    """`quantiles` under the survey's weights and under each replicate.

    A replicate's quantile is near the survey's: the weight below a window around that is one product, and only inside it weights are
    added up one by one. Where it lies outside, all of them are.
    """
    out = [np.full(1 + table.number, np.nan) for _ in shares]
    order = np.argsort(values, kind="stable")
    at = _places(np.cumsum(own[order]), shares)
    if at is None:
        return out
    reach = np.array([16 + int(6 * (len(order) * share * (1 - share)) ** 0.5) for share in map(float, shares)])
    low, high = np.maximum(at - reach, 0), np.minimum(at + reach + 1, len(order))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    below = whole - table.product(np.stack([rank >= edge for edge in low]).astype(np.float64))
    for k, share in enumerate(shares):
        out[k][0] = values[order[at[k]]]
        # products and sums of the same weights differ in their last digits
        target = float(share) * whole * (1 - 1e-12)
        ends = below[k] + np.cumsum(table.at(order[low[k] : high[k]]), axis=0)
        place = low[k] + np.sum(ends < target, axis=0)
        beyond = (below[k] >= target) & (low[k] > 0) | (place >= high[k])
        for b in np.flatnonzero(beyond):
            found = _places(np.cumsum(table.times[order, b] * table.factor[order]), [share])
            place[b] = -1 if found is None else found[0]
        out[k][1:] = np.where((place >= 0) & (whole > 0), values[order[place]], np.nan)
    return out


def ranks(by: Float, weights: Float) -> Float:
    """Fractional rank of each unit (rows) under each column of weights: the share of weight before it and half of its own; equal ones share their mean."""
    order = np.argsort(by, kind="stable")
    ends = np.cumsum(weights[order], axis=0)
    _, first, inverse = np.unique(by[order], return_index=True, return_inverse=True)
    last = np.append(first[1:], len(order)) - 1
    before = np.where((first > 0)[:, np.newaxis], ends[first - 1], 0.0)
    middle = over((ends[last] + before) / 2, np.broadcast_to(ends[-1:], before.shape))
    out = np.empty(weights.shape)
    out[order] = middle[inverse]
    return out


class Ranked:
    """Units by their rank in something that no policy changes; `own` weights and those of a `table`."""

    def __init__(self, by: Float, own: Float, table: Table) -> None:
        weights = np.concatenate([own[:, np.newaxis], table.at(slice(None))], axis=1)
        held = ranks(by, weights)
        self._own = own * held[:, 0], own
        self._table, self._drawn = table, None
        if table.times.dtype == np.uint8 and table.number:
            alone = np.zeros(len(own), np.int64)
            self._drawn = (
                RankSums(held[:, 1:], table.times, table.factor),
                Drawn(table.times, table.factor, None, alone, 1),
            )
        else:
            self._ranked = Table(np.ascontiguousarray(held[:, 1:] * weights[:, 1:]), np.ones(len(own)))

    def concentration(self, *values: Int64, keys: Sequence[Hashable] = ()) -> list[Float]:
        """2 ÷ (n μ) × Σ y r − 1 of each array of whole values under each column of weights; NaN where there is nothing."""
        alone = np.zeros(len(values[0]), np.int64)
        named = keys or [None] * len(values)
        if self._drawn is not None:
            top, bottom = self._drawn
            sides = [np.stack(top.sums(values, named)), np.concatenate(bottom.sums(values, named))]
        else:
            stacked = np.stack([each.astype(np.float64) for each in values])
            sides = [table.product(stacked) for table in (self._ranked, self._table)]
        both = []
        for own, rest in zip(self._own, sides):
            first = np.stack([np.bincount(alone, own * each, 1) for each in values])
            both.append(np.concatenate([first, rest], axis=1))
        return list(2 * over(*both) - 1)
