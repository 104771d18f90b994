"""What is said of a policy: money by payer, burdens, catastrophe, fairness, winners and losers (docs/simulation.md section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..errors import InputError, Problem
from ..policy.vocabulary import PAYERS
from .comparison import Cells, Needs, View, summed
from .groups import Grouped, grouped, visit_columns
from .people import By, People, Units, cells_of
from .weights import Ranked, over

__all__ = ["Burden", "Catastrophic", "Inequality", "Spending", "Winners"]

Int64 = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]
MONEY = ("medfee_sumamt", "inscp_scp_amt", *PAYERS, "fund_pay_sumamt", "acct_pay", "acct_mulaid_pay", "psn_cash_pay")
CASH = "psn_cash_pay"
_RATES = {
    "fund_share": ("fund_pay_sumamt", "medfee_sumamt"),
    "scope_rate": ("fund_pay_sumamt", "inscp_scp_amt"),
    "cash_share": (CASH, "medfee_sumamt"),
}


def _over(numerator: Float | Int64, denominator: Float | Int64) -> pa.Array:
    """A ratio, null where there is nothing to divide by."""
    out = over(np.asarray(numerator, np.float64), np.asarray(denominator, np.float64))
    return pa.array(out, mask=np.isnan(out))


class Spending:
    """Money by payer and the rates at which bills are paid, by attributes of visits or columns of people.

    `weighted`: the money of each person times their weight, with intervals; by columns of people only.
    """

    def __init__(
        self, by: Sequence[By] = (), people: People | None = None, name: str = "spending", *, weighted: bool = False
    ) -> None:
        if weighted and people is None:
            what, zh = "weights are of people, and no people are given", "权重属于人员，但未给出人员表"
            raise InputError([Problem(what=what, what_zh=zh, path="people", expected="Spending(by, people, weighted=True)")])  # fmt: skip
        self.by, self.people, self.name, self.weighted = tuple(by), people, name, weighted

    def look(self, view: View) -> pa.Table:
        """One row a cell."""
        if self.weighted:
            return self._weighted(view)
        cells = self._cells(view)
        out: dict[str, Any] = dict(view.by_cell(cells, MONEY))
        for name, (top, bottom) in _RATES.items():
            out[name] = _over(out[top], out[bottom])
        return _beside(cells, out)

    def needs(self, base: View) -> Needs:
        """Money by cell, or by person."""
        return Needs(by_person=MONEY) if self.weighted else Needs(cells=(self._cells(base),), by_cell=MONEY)

    def _weighted(self, view: View) -> pa.Table:
        assert self.people is not None
        units = self.people.of(view)
        held = units.estimates(self.by)
        sums = held.sums(*(units.sums(view.by_person(column)) for column in MONEY), keys=MONEY)
        found = {"units": held.whole, **dict(zip(MONEY, sums))}
        out: dict[str, Any] = {}
        for name, each in found.items():
            out |= held.columns(name, each)
        for name, (top, bottom) in _RATES.items():
            out |= held.columns(name, over(found[top], found[bottom]))
        return _beside(units.cells(self.by), out)

    def _cells(self, view: View) -> Cells:
        found = view.once(self, lambda: self._found(view))
        assert isinstance(found, Cells)
        return found

    def _found(self, view: View) -> Cells:
        return cells_of(visit_columns(view, self.people, self.by), len(view.person))


def _beside(cells: Cells, out: dict[str, Any]) -> pa.Table:
    """Values of each cell, then what was found of it."""
    return pa.table({name: cells.values[name] for name in cells.values.column_names} | out)


class Burden:
    """What people (or households) pay in cash: mean, quantiles, the largest, and the share above amounts (in fen)."""

    def __init__(
        self,
        people: People,
        by: Sequence[By] = (),
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
        group = grouped(view, units, self.by)
        paid, cells, held = group.placed(units.sums(view.by_person(self.column))), group.cells, group.estimates
        keys = [self.column, *((self.column, amount) for amount in self.above)]
        total, *above = held.sums(paid, *(paid > amount for amount in self.above), keys=keys)
        whole = held.whole
        out = held.columns("units", whole) | held.columns("total", total) | held.columns("mean", over(total, whole))
        for said, found in zip(self.said, held.quantiles(paid, self.shares, self.column)):
            out |= held.columns(f"q{said}", found, whole=True)
        out["largest"] = _largest(paid, cells)
        for amount, found in zip(self.above, above):
            out |= held.columns(f"above_{amount}", over(found, whole))
        return _beside(cells, out)


def _largest(values: Int64, cells: Cells) -> pa.Array:
    out = np.full(cells.count, np.iinfo(np.int64).min)
    np.maximum.at(out, cells.of, values)
    return pa.array(out, mask=np.bincount(cells.of, minlength=cells.count) == 0)


class Catastrophic:
    """Payments beyond a share of income, consumption or capacity to pay; and who falls below a line for paying."""

    def __init__(
        self,
        people: People,
        *,
        of: str = "income",
        share: str = "0.10",
        line: int | None = None,
        by: Sequence[By] = (),
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
        group = grouped(view, units, self.by)
        paid, held = group.placed(units.sums(view.by_person(self.column))), group.estimates
        means = group.placed(units.money(self.of))
        z = float(self.share)
        part = np.divide(paid, means, out=np.where(paid > 0, 1.0, 0.0), where=means > 0)
        more = np.where(means > 0, _more(paid, means, self.share), paid > 0)
        beyond = np.where(more, np.maximum(0.0, part - z), 0.0)
        left = () if self.line is None else self._left(units, group, paid)
        keys = [(self, name) for name in ("cases", "overshoot", "poor", "gap")]
        (cases, overshoot, *after), whole = held.sums(more, beyond, *left, keys=keys[: 2 + len(left)]), held.whole
        out = held.columns("units", whole)
        for name, found in (("H", cases), ("O", overshoot)):
            out |= held.columns(name, over(found, whole), null=False)
        out |= held.columns("O_per_case", over(overshoot, cases))
        if self.line is not None:
            before = view.once(self, lambda: held.sums(*self._left(units, group, np.zeros(len(paid), np.int64))))
            told = zip(("poor_before", "gap_before", "poor_after", "gap_after"), (*before, *after))
            poor = {name: over(found, whole) for name, found in told}
            poor["impoverished"] = poor["poor_after"] - poor["poor_before"]
            for name in ("poor_before", "poor_after", "impoverished", "gap_before", "gap_after"):
                out |= held.columns(name, poor[name], null=False)
        return _beside(group.cells, out)

    def _left(self, units: Units, group: Grouped, paid: Int64) -> tuple[Float, Float]:
        """Who is below the line with what is left after paying, and by what part of it."""
        assert self.line is not None
        line = self.line * group.placed(units.members).astype(np.float64)
        left = group.placed(units.money("consumption")) - paid
        return (left < line).astype(np.float64), np.maximum(0.0, line - left) / line


def _more(paid: Int64, means: Float, share: Fraction) -> npt.NDArray[np.bool_]:
    """paid > share × means, exactly: both are whole fen."""
    held = np.asarray(means, np.int64)
    top, bottom = share.numerator, share.denominator
    return np.asarray(paid * bottom > held * top)


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
        held, (ranked, gini) = units.estimates(()), view.once(self, lambda: self._by_income(units))
        found = ranked.concentration(*(units.sums(view.by_person(c)) for c in self.columns), keys=self.columns)
        out: dict[str, list[Any]] = {}
        for column, index in zip(self.columns, found):
            row: dict[str, Any] = {"payments": pa.array([column])}
            for name, each in (("gini", gini), ("concentration", index), ("kakwani", index - gini)):
                row |= held.columns(name, each[np.newaxis])
            for name, cell in row.items():
                out.setdefault(name, []).append(cell)
        return pa.table({name: pa.concat_arrays(cells) for name, cells in out.items()})

    @staticmethod
    def _by_income(units: Units) -> tuple[Ranked, Float]:
        """What no policy changes: ranks, and the Gini index."""
        income = units.money("income")
        ranked = Ranked(income, units.own, units.replicates)
        return ranked, ranked.concentration(income.astype(np.int64))[0]


class Winners:
    """Who pays less, the same and more than under the base, and how much."""

    def __init__(self, people: People, by: Sequence[By] = (), *, column: str = CASH, name: str = "winners") -> None:
        self.people, self.by, self.column, self.name = people, tuple(by), column, name

    def needs(self, base: View) -> Needs:
        """What each person pays."""
        return Needs(by_person=(self.column,))

    def look(self, view: View) -> pa.Table:
        """One row a cell."""
        units = self.people.of(view)
        change = units.sums(view.by_person(self.column)) - units.sums(view.base.by_person(self.column))
        group = grouped(view, units, self.by)
        change, cells, held = group.placed(change), group.cells, group.estimates
        less, more = change < 0, change > 0
        gained, lost = np.where(less, -change, 0), np.where(more, change, 0)
        keys = [(self, name) for name in ("less", "more", "gained", "lost")]
        fewer, greater, gains, losses = held.sums(less, more, gained, lost, keys=keys)
        alike = held.whole - fewer - greater
        alike[:, 0] = np.bincount(cells.of, group.own * (change == 0), cells.count)
        out: dict[str, Any] = {}
        for name, found in (("less", fewer), ("same", alike), ("more", greater)):
            out |= held.columns(name, found)
        if units.people.named["weight"] is None and held.design is None:
            exact = {name: summed(each, cells.of, cells.count) for name, each in (("gained", gained), ("lost", lost))}
            return _beside(cells, out | exact | {"net_gain": exact["gained"] - exact["lost"]})
        for name, found in (("gained", gains), ("lost", losses), ("net_gain", gains - losses)):
            out |= held.columns(name, found)
        return _beside(cells, out)
