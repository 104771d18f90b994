"""Survey weights: replicates of them, estimates under all of them at once, and intervals (docs/simulation.md section 7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..errors import InputError, Problem
from ..policy.faults import unknown

__all__ = ["Bootstrap", "Estimates", "Replicates", "concentrations", "quantiles", "ranks"]

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
            raise InputError([Problem(what=what, what_zh=zh, path="replicates", expected="2 … 10,000; a seed from 0")])
        _level(self.level)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the people that it reads."""
        return tuple(name for name in (self.strata, self.cluster) if name is not None)

    @property
    def scales(self) -> Float:
        """Of the squares of the replicates' differences."""
        return np.full(self.number, 1 / self.number)

    def rows(self, weights: Float, columns: Sequence[Int64]) -> Float:
        """Weights of each replicate (rows) and unit. `columns`: codes of the strata and the clusters of the units, in order of their values."""
        held = dict(zip(self.columns, columns))
        n = len(weights)
        strata = held.get(self.strata or "", np.zeros(n, np.int64))
        cluster = held.get(self.cluster or "", np.arange(n))
        out = np.empty((self.number, n))
        for stratum in np.unique(strata):
            mine = np.flatnonzero(strata == stratum)
            _, place = np.unique(cluster[mine], return_inverse=True)
            count = int(place.max()) + 1
            if count < 2:
                what, zh = f"stratum {stratum} has one cluster", f"第 {stratum} 层只有一个群"
                raise InputError([Problem(what=what, what_zh=zh, path="replicates", expected="two clusters or more in every stratum")])  # fmt: skip
            factors = self._draws(int(stratum), count) * (count / (count - 1))
            out[:, mine] = factors[:, place] * weights[mine]
        return out

    def _draws(self, stratum: int, count: int) -> Float:
        """How often each cluster is drawn, by replicate: of raw bits, the same on every machine."""
        bits = np.random.Philox(key=np.array([self.seed, stratum], np.uint64)).random_raw(self.number * (count - 1))
        drawn = ((bits >> np.uint64(32)) * np.uint64(count) >> np.uint64(32)).astype(np.int64)
        drawn += np.repeat(np.arange(self.number) * count, count - 1)
        return np.bincount(drawn, minlength=self.number * count).reshape(self.number, count).astype(np.float64)


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
            problems.append(Problem(what=fault.en, what_zh=fault.zh, path="replicates.method", expected=fault.expected, nearest=fault.nearest))  # fmt: skip
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


class Estimates:
    """Units in cells under their weights and every replicate of them: arrays are (cell, weights), the survey's own weights first.

    `matrix`: weights (rows) of units; `cell`: of each unit. `design`: where the replicates are from; None: there are none.
    """

    def __init__(self, matrix: Float, cell: Int64, cells: int, design: Bootstrap | Replicates | None) -> None:
        self.design, self.cells, self.own, self.cell = design, cells, matrix[0], cell
        self.order = None if cells == 1 else np.argsort(cell, kind="stable")
        self.matrix = matrix if self.order is None else np.ascontiguousarray(matrix[:, self.order])
        self.ends = np.concatenate(([0], np.cumsum(np.bincount(cell, minlength=cells))))

    def sums(self, *values: npt.NDArray[Any] | None) -> list[Float]:
        """Σ weight × value for each array of values; None is the weight itself. The survey's own is added up one by one, alike on every machine."""
        out = [np.empty((self.cells, len(self.matrix))) for _ in values]
        for place, one in zip(out, values):
            place[:, 0] = np.bincount(self.cell, self.own if one is None else self.own * one, self.cells)
        if len(self.matrix) == 1:
            return out
        stacked = np.stack([np.ones(len(self.own)) if one is None else one for one in values], axis=1).astype(
            np.float64
        )
        ordered = stacked if self.order is None else stacked[self.order]
        for i in range(self.cells):
            part = slice(self.ends[i], self.ends[i + 1])
            found = self.matrix[1:, part] @ ordered[part]
            for place, held in zip(out, found.T):
                place[i, 1:] = held
        return out

    def quantiles(self, values: Int64, shares: Sequence[Fraction]) -> list[Float]:
        """For each share the smallest value such that at least that share of the weight is at or below it; NaN without weight."""
        ordered = values if self.order is None else values[self.order]
        out = [np.empty((self.cells, len(self.matrix))) for _ in shares]
        for i in range(self.cells):
            part = slice(self.ends[i], self.ends[i + 1])
            found = quantiles(ordered[part], self.matrix[:, part], shares)
            for place, held in zip(out, found):
                place[i] = held
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


def quantiles(values: npt.NDArray[Any], weights: Float, shares: Sequence[Fraction]) -> list[Float]:
    """For each share, under each row of weights, the smallest value with at least that share of the weight at or below it; NaN without weight."""
    order = np.argsort(values, kind="stable")
    ends = np.cumsum(weights[:, order], axis=1)
    out = [np.full(len(weights), np.nan) for _ in shares]
    for row, held in enumerate(ends):
        if len(held) and held[-1] > 0:
            at = np.searchsorted(held, [float(share) * held[-1] * (1 - 1e-15) for share in shares], side="left")
            for place, i in zip(out, at):
                place[row] = values[order[min(int(i), len(order) - 1)]]
    return out


def ranks(by: Float, weights: Float) -> Float:
    """Fractional rank of each unit under each row of weights: the share of weight before it and half of its own; equal ones share their mean."""
    order = np.argsort(by, kind="stable")
    ends = np.cumsum(weights[:, order], axis=1)
    _, first, inverse = np.unique(by[order], return_index=True, return_inverse=True)
    last = np.append(first[1:], len(order)) - 1
    before = np.where(first > 0, ends[:, first - 1], 0.0)
    middle = over((ends[:, last] + before) / 2, np.broadcast_to(ends[:, -1:], (len(weights), len(last))))
    out = np.empty(weights.shape)
    out[:, order] = middle[:, inverse]
    return out


def concentrations(values: Float, weights: Float, ranked: Float) -> Float:
    """2 ÷ (n μ) × Σ y r − 1 under each row of weights; `ranked`: weights × ranks. NaN where there is nothing."""
    return 2 * over(_products(ranked, values), _products(weights, values)) - 1


def _products(rows: Float, values: Float) -> Float:
    """Σ row × value; the first row is added up one by one, alike on every machine."""
    own = np.bincount(np.zeros(len(values), np.int64), rows[0] * values, 1)
    return np.concatenate([own, rows[1:] @ values])
