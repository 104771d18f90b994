"""What is said of a policy: money by payer, burdens, catastrophe, fairness, winners and losers (docs/simulation.md section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..errors import InputError, Problem
from ..policy.vocabulary import ATTRIBUTES, PAYERS
from .comparison import Cells, Needs, View, summed
from .people import People, Units, cells_of

__all__ = ["Burden", "Catastrophic", "Inequality", "Spending", "Winners"]

Int64 = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]
MONEY = ("medfee_sumamt", "inscp_scp_amt", *PAYERS, "fund_pay_sumamt", "acct_pay", "acct_mulaid_pay", "psn_cash_pay")
CASH = "psn_cash_pay"


def _over(numerator: Float | Int64, denominator: Float | Int64) -> pa.Array:
    """A ratio, null where there is nothing to divide by."""
    below = np.asarray(denominator, np.float64)
    out = np.divide(np.asarray(numerator, np.float64), below, out=np.zeros(len(below)), where=below != 0)
    return pa.array(out, mask=below == 0)


class Spending:
    """Money by payer and the rates at which bills are paid, by attributes of visits or columns of people."""

    def __init__(self, by: Sequence[str] = (), people: People | None = None, name: str = "spending") -> None:
        self.by, self.people, self.name = tuple(by), people, name

    def look(self, view: View) -> pa.Table:
        """One row a cell."""
        cells = self._cells(view)
        out: dict[str, Any] = dict(view.by_cell(cells, MONEY))
        out["fund_share"] = _over(out["fund_pay_sumamt"], out["medfee_sumamt"])
        out["scope_rate"] = _over(out["fund_pay_sumamt"], out["inscp_scp_amt"])
        out["cash_share"] = _over(out[CASH], out["medfee_sumamt"])
        return _beside(cells, out)

    def needs(self, base: View) -> Needs:
        """Money by cell."""
        return Needs(cells=(self._cells(base),), by_cell=MONEY)

    def _cells(self, view: View) -> Cells:
        found = view.once(self, lambda: self._found(view))
        assert isinstance(found, Cells)
        return found

    def _found(self, view: View) -> Cells:
        columns: dict[str, Any] = {}
        for name in self.by:
            if self.people is not None and name in self.people.table.column_names:
                row = self.people.of(view).row[np.maximum(view.person, 0)]
                known = pa.array(np.where(view.person >= 0, row, -1), mask=(view.person < 0) | (row < 0))
                columns[name] = self.people.table[name].take(known)
            elif view.knows(name):
                columns[name] = view.attribute(name)
            else:
                what, zh = f"neither visits nor people have an attribute {name!r}", f"就诊与人员均无属性 {name!r}"
                raise InputError([Problem(what=what, what_zh=zh, path="by", expected=", ".join(ATTRIBUTES))])
        return cells_of(columns, len(view.person))


def _beside(cells: Cells, out: dict[str, Any]) -> pa.Table:
    """Values of each cell, then what was found of it."""
    return pa.table({name: cells.values[name] for name in cells.values.column_names} | out)


def _weights(units: Units) -> Float:
    held = units.weights
    return np.ones(len(units)) if held is None else held


def quantiles(values: Int64, weights: Float, shares: Sequence[Fraction]) -> list[int | None]:
    """For each share the smallest value such that at least that share of the weight is at or below it; None without weight."""
    order = np.argsort(values, kind="stable")
    ends = np.cumsum(weights[order])
    if not len(ends) or ends[-1] <= 0:
        return [None] * len(shares)
    at = np.searchsorted(ends, [float(share) * ends[-1] * (1 - 1e-15) for share in shares], side="left")
    return [int(values[order[min(int(i), len(order) - 1)]]) for i in at]


class Burden:
    """What people (or households) pay in cash: mean, quantiles, the largest, and the share above amounts (in fen)."""

    def __init__(
        self,
        people: People,
        by: Sequence[str] = (),
        *,
        quantile: Sequence[str] = ("0.5", "0.9", "0.99"),
        above: Sequence[int] = (),
        column: str = CASH,
        name: str = "burden",
    ) -> None:
        self.people, self.by, self.name, self.column, self.above = people, tuple(by), name, column, tuple(above)
        self.shares = [Fraction(share) for share in quantile]
        self.said = list(quantile)

    def needs(self, base: View) -> Needs:
        """What each person pays."""
        return Needs(by_person=(self.column,))

    def look(self, view: View) -> pa.Table:
        """One row a cell."""
        units = self.people.of(view)
        paid, weight, cells = units.sums(view.by_person(self.column)), _weights(units), units.cells(self.by)
        out: dict[str, list[Any]] = {"units": [], "total": [], "mean": []}
        for i in range(cells.count):
            mine = slice(None) if cells.count == 1 else cells.of == i
            own, heavy = paid[mine], weight[mine]
            whole = float(heavy.sum())
            out["units"].append(whole)
            out["total"].append(_total(own, heavy, units.weights is None))
            out["mean"].append(float((own * heavy).sum()) / whole if whole else None)
            for said, value in zip(self.said, quantiles(own, heavy, self.shares)):
                out.setdefault(f"q{said}", []).append(value)
            out.setdefault("largest", []).append(int(own.max()) if len(own) else None)
            for amount in self.above:
                share = float(heavy[own > amount].sum()) / whole if whole else None
                out.setdefault(f"above_{amount}", []).append(share)
        return _beside(cells, {name: pa.array(values) for name, values in out.items()})


def _total(values: Int64, weights: Float, unweighted: bool) -> float:
    return float(values.sum()) if unweighted else float((values * weights).sum())


class Catastrophic:
    """Payments beyond a share of income, consumption or capacity to pay; and who falls below a line for paying."""

    def __init__(
        self,
        people: People,
        *,
        of: str = "income",
        share: str = "0.10",
        line: int | None = None,
        by: Sequence[str] = (),
        column: str = CASH,
        name: str = "catastrophic",
    ) -> None:
        if of not in ("income", "consumption", "capacity"):
            what, zh = (
                f"{of!r} is none of income, consumption, capacity",
                f"{of!r} 不是 income、consumption、capacity 之一",
            )
            raise InputError([Problem(what=what, what_zh=zh, path="of")])
        self.people, self.of, self.line, self.by, self.column, self.name = people, of, line, tuple(by), column, name
        self.share = Fraction(share)

    def needs(self, base: View) -> Needs:
        """What each person pays."""
        return Needs(by_person=(self.column,))

    def look(self, view: View) -> pa.Table:
        """One row a cell."""
        units = self.people.of(view)
        paid, weight, cells = units.sums(view.by_person(self.column)), _weights(units), units.cells(self.by)
        means = units.money(self.of)
        z = float(self.share)
        part = np.divide(paid, means, out=np.where(paid > 0, 1.0, 0.0), where=means > 0)
        over = np.where(means > 0, _more(paid, means, self.share), paid > 0)
        beyond = np.where(over, np.maximum(0.0, part - z), 0.0)
        out = self._means(cells, weight, {"H": over.astype(float), "O": beyond})
        out["O_per_case"] = _over(out["O"], out["H"])
        if self.line is not None:
            out |= self._poor(units, cells, weight, paid)
        return _beside(cells, out)

    @staticmethod
    def _means(cells: Cells, weight: Float, values: dict[str, Float]) -> dict[str, Any]:
        whole = np.bincount(cells.of, weight, cells.count)
        held: dict[str, Any] = {"units": whole}
        for name, each in values.items():
            held[name] = np.bincount(cells.of, weight * each, cells.count)
        return held | {
            name: np.divide(held[name], whole, out=np.zeros(cells.count), where=whole > 0) for name in values
        }

    def _poor(self, units: Units, cells: Cells, weight: Float, paid: Int64) -> dict[str, Any]:
        assert self.line is not None
        line = self.line * units.members.astype(np.float64)
        before = units.money("consumption")
        after = before - paid
        gaps = [np.maximum(0.0, line - held) / line for held in (before, after)]
        poor = [(held < line).astype(float) for held in (before, after)]
        told = {
            "poor_before": poor[0],
            "poor_after": poor[1],
            "impoverished": poor[1] - poor[0],
            "gap_before": gaps[0],
            "gap_after": gaps[1],
        }
        out = self._means(cells, weight, told)
        out.pop("units")
        return out


def _more(paid: Int64, means: Float, share: Fraction) -> npt.NDArray[np.bool_]:
    """paid > share × means, exactly: both are whole fen."""
    held = np.asarray(means, np.int64)
    top, bottom = share.numerator, share.denominator
    return np.asarray(paid * bottom > held * top)


def ranks(by: Float, weights: Float) -> Float:
    """Fractional rank of each unit: the share of weight before it and half of its own; equal ones share their mean."""
    order = np.argsort(by, kind="stable")
    heavy = weights[order]
    whole = heavy.sum()
    ends = np.cumsum(heavy)
    _, first, inverse = np.unique(by[order], return_index=True, return_inverse=True)
    last = np.append(first[1:], len(order)) - 1
    middle = (ends[last] + np.where(first > 0, ends[first - 1], 0.0)) / 2 / whole
    out = np.empty(len(by))
    out[order] = middle[inverse]
    return out


def concentration(values: Float, rank: Float, weights: Float) -> float | None:
    """2 ÷ (n μ) × Σ y r − 1; None where there is nothing."""
    whole = float((values * weights).sum())
    return 2 * float((values * rank * weights).sum()) / whole - 1 if whole else None


class Inequality:
    """Gini of income, concentration of payments, Kakwani."""

    def __init__(
        self, people: People, *, columns: Sequence[str] = (CASH, "fund_pay_sumamt"), name: str = "inequality"
    ) -> None:
        self.people, self.columns, self.name = people, tuple(columns), name

    def needs(self, base: View) -> Needs:
        """The payments of each person."""
        return Needs(by_person=self.columns)

    def look(self, view: View) -> pa.Table:
        """One row a column of payments."""
        units = self.people.of(view)
        weight, (rank, gini) = _weights(units), view.once(self, lambda: self._by_income(units))
        rows = []
        for column in self.columns:
            index = concentration(units.sums(view.by_person(column)).astype(np.float64), rank, weight)
            kakwani = None if index is None or gini is None else index - gini
            rows.append({"payments": column, "gini": gini, "concentration": index, "kakwani": kakwani})
        kinds = [
            ("payments", pa.string()),
            ("gini", pa.float64()),
            ("concentration", pa.float64()),
            ("kakwani", pa.float64()),
        ]
        return pa.Table.from_pylist(rows, schema=pa.schema(kinds))

    @staticmethod
    def _by_income(units: Units) -> tuple[Float, float | None]:
        """What no policy changes: ranks and the Gini index."""
        income, weight = units.money("income"), _weights(units)
        rank = ranks(income, weight)
        return rank, concentration(income, rank, weight)


class Winners:
    """Who pays less, the same and more than under the base, and how much."""

    def __init__(self, people: People, by: Sequence[str] = (), *, column: str = CASH, name: str = "winners") -> None:
        self.people, self.by, self.column, self.name = people, tuple(by), column, name

    def needs(self, base: View) -> Needs:
        """What each person pays."""
        return Needs(by_person=(self.column,))

    def look(self, view: View) -> pa.Table:
        """One row a cell."""
        units = self.people.of(view)
        change = units.sums(view.by_person(self.column)) - units.sums(view.base.by_person(self.column))
        weight, cells = _weights(units), units.cells(self.by)
        sides = {"less": change < 0, "same": change == 0, "more": change > 0}
        out: dict[str, Any] = {name: np.bincount(cells.of, weight * side, cells.count) for name, side in sides.items()}
        for name, side in (("gained", sides["less"]), ("lost", sides["more"])):
            amounts = np.where(side, np.abs(change), 0)
            if units.weights is None:
                out[name] = summed(amounts, cells.of, cells.count)
            else:
                out[name] = np.bincount(cells.of, weight * amounts, cells.count)
        out["net_gain"] = out["gained"] - out["lost"]
        return _beside(cells, out)
