"""What clearing gives: tables of cases, months, years, pools and balances."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from ..columns.convert import NULL_INT
from ..settling.clearing import KINDS, SUMS, WAYS, YEAR
from .cells import Cells
from .given import Given
from .units import Units

__all__ = ["Cleared"]

_OUTCOMES = ("paid", "held", "institution", "no_document", "no_method")


def _words(index: Any, words: list[str | None] | tuple[str | None, ...]) -> pa.Array:
    """A dictionary column; -1 and the word None are null."""
    plain = np.asarray(index, np.int32)
    known = np.array([word is not None for word in words] + [False])
    order = [word or "" for word in words] or [""]
    return pa.DictionaryArray.from_arrays(pa.array(plain, mask=~known[plain]), pa.array(order))


def _whole(values: Any, there: Any = None) -> pa.Array:
    """Whole numbers, null where there is nothing."""
    empty = np.asarray(values) == NULL_INT if there is None else ~there
    return pa.array(values, mask=empty) if empty.any() else pa.array(values)


class Cleared:
    """The tables of docs/clearing.md section 3; each is made when it is asked for."""

    def __init__(self, given: Given, cells: Cells, units: Units, group: Any, out: dict[str, Any]) -> None:
        self.given, self.cells_of, self.units, self.group, self.out = given, cells, units, group, out
        self.book = given.book

    @cached_property
    def cases(self) -> pa.Table:
        """One row a case, in the order of the cases."""
        out, cells = self.out, self.cells_of
        known = cells.of >= 0
        method, document = cells.by_case([*cells.method, -1]), cells.by_case([*cells.document, -1])
        way = out["way"]
        standard, item = way == WAYS.index("standard"), way == WAYS.index("item")
        held = [self.cells_of.methods[index] for index in range(len(self.cells_of.methods))]
        pointed = standard & np.array([m.pays == "points" for _, m in held] + [False])[method]
        frame = self.given.cases
        if frame.has("review_amt"):
            pointed &= frame.ints("review_amt") == NULL_INT
        itemised = self.money("fund_pay_sumamt") - self.money("oth_fund_amt")
        outcome = np.where(way == WAYS.index("held"), 1, np.where(way == WAYS.index("institution"), 2, 0))
        outcome = np.where(document < 0, 3, np.where(known, outcome, 4))
        kinded = out["kind"] > 0
        group = self.given.attributes["group_code"]
        coefficient = cells.by_case([*cells.coefficient, 0], np.int64)
        whole = known & np.array([m.pays in ("case", "days", "points") for _, m in held] + [False])[method]
        return pa.table(
            {
                "setl_id": frame.ids["setl_id"],
                "document": _words(document, [document.id for document in self.book]),
                "method": _words(method, [m.id for _, m in held]),
                "clr_way": _words(method, [m.clr_way or None for _, m in held]),
                "group_code": _words(group.of, [text or None for text in group.values]),
                "outcome": _words(outcome, _OUTCOMES),
                "kind": _words(np.where(kinded, out["kind"].astype(np.int32), -1), KINDS),
                "multiple": _whole(out["multiple"]),
                "coefficient": _whole(coefficient, whole),
                "points": _whole(out["points"], pointed),
                "standard": _whole(out["standard"], standard),
                "payment": _whole(out["payment"], standard | item),
                "itemised": _whole(itemised),
                "difference": _whole(out["payment"] - itemised, standard | item),
                "high_edge": _whole(out["high_edge"]),
                "readmission": pa.array(out["cut"].astype(np.int64)),
            }
        )

    def money(self, name: str) -> Any:
        """An amount of every case, zero where it is missing."""
        frame = self.given.cases
        if not frame.has(name):
            return np.zeros(frame.rows, np.int64)
        values = frame.ints(name)
        return np.where(values == NULL_INT, 0, values)

    def weights(self) -> Any:
        """Weight of every case's group, its points where groups have no weights; the least int64 where there is neither."""
        groups = self.given.frames["groups"]
        weight, points = groups.ints("weight"), groups.ints("points")
        own = weight if (weight != NULL_INT).any() else points
        return np.append(own, NULL_INT)[self.group]

    def indicators(self, by: str = "institution", within: int = 15) -> pa.Table:
        """Fees, days, case mix, efficiency, shares of kinds, readmissions; by institution or group (docs/clearing.md section 4)."""
        from .indicators import indicators

        return indicators(self, by, within)

    def _keys(self, of: Any = None) -> dict[str, pa.Array]:
        """Keys of the units, or of what is `of` them."""
        held = self.units.units
        methods = [(document.id, method.id, method.clr_way or None) for document, method in self.cells_of.methods]
        told = [methods[unit.method] for unit in held]
        columns = {
            "fixmedins_code": self.given.institutions.take(pa.array([unit.institution for unit in held], pa.int32())),
            "insutype": pa.array([unit.insutype for unit in held], pa.string()),
            "clr_type": pa.array([unit.clr_type for unit in held], pa.string()),
            "document": pa.array([document for document, _, _ in told], pa.string()),
            "method": pa.array([method for _, method, _ in told], pa.string()),
            "clr_way": pa.array([way for _, _, way in told], pa.string()),
        }
        return columns if of is None else {name: column.take(pa.array(of)) for name, column in columns.items()}

    @cached_property
    def months(self) -> pa.Table:
        """One row for a unit and month."""
        sums = self.out["sums"].reshape(-1, len(SUMS))
        year = np.array([unit.year for unit in self.units.units], np.int64)[self.units.unit]
        stamps, of = np.unique(year * 100 + self.units.month, return_inverse=True)
        setlym = pa.array([f"{stamp:06d}" for stamp in stamps.tolist()], pa.string()).take(pa.array(of))
        columns = {name: pa.array(np.ascontiguousarray(sums[:, at])) for at, name in enumerate(SUMS)}
        columns["advance"] = pa.array(self.out["advance"])
        return pa.table({**self._keys(self.units.unit), "setlym": setlym, **columns})

    @cached_property
    def years(self) -> pa.Table:
        """One row for a unit and year."""
        begin = np.searchsorted(self.units.unit, np.arange(len(self.units.units)))
        months = self.out["sums"].reshape(-1, len(SUMS))
        sums = np.add.reduceat(months, begin) if len(begin) else months
        year = self.out["years"].reshape(-1, len(YEAR))
        columns = {name: pa.array(np.ascontiguousarray(sums[:, at])) for at, name in enumerate(SUMS)}
        columns |= {name: pa.array(np.ascontiguousarray(year[:, at])) for at, name in enumerate(YEAR)}
        columns["difference"] = pa.array(year[:, YEAR.index("due")] - sums[:, SUMS.index("fund_appy_sum")])
        years = pa.array([unit.year for unit in self.units.units], pa.int64())
        return pa.table({**self._keys(), "year": years, **columns})

    @cached_property
    def pools(self) -> pa.Table:
        """One row for a pool and period."""
        out, held = self.out, self.units.pools
        numbers = {"cases": "cases", "points": "points", "reserve": "reserve", "first_charges": "first", "adds": "adds",
                   "shared": "shared", "value": "value", "standard": "standard"}  # fmt: skip
        return pa.table(
            {
                "document": pa.array([document.id for document, _, _ in held], pa.string()),
                "pool": pa.array([pool for _, pool, _ in held], pa.string()),
                "period": pa.array([period for _, _, period in held], pa.string()),
                "budget": pa.array(self.units.plan["pool_budget"]),
                **{name: pa.array(out[f"pool_{column}"]) for name, column in numbers.items()},
            }
        )

    @cached_property
    def balances(self) -> pa.Table:
        """One row for a pool (a method, where institutions have the budget) and year: budget = paid + held + reserve + unspent."""
        numbers = self.out["balances"].reshape(-1, 5)
        held = self.units.balances
        return pa.table(
            {
                "document": pa.array([row[0] for row in held], pa.string()),
                "pool": pa.array([row[1] for row in held], pa.string()),
                "year": pa.array([row[2] for row in held], pa.int64()),
                **{
                    name: pa.array(np.ascontiguousarray(numbers[:, at]))
                    for at, name in enumerate(("budget", "reserve", "paid", "held", "unspent"))
                },
            }
        )

    def tables(self) -> dict[str, pa.Table]:
        """All five, by name."""
        return {name: getattr(self, name) for name in ("cases", "months", "years", "pools", "balances")}
