"""What clearing gives: tables of cases, months, years, pools and balances."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from ..columns.convert import NULL_INT
from ..settling.clearing import KINDS, SUMS, WAYS, YEAR, taken
from .cells import Cells
from .given import Given
from .outputs import CLEARING_OUTPUTS
from .units import Units

__all__ = ["CASE_COLUMNS", "MULTIPLES", "Cleared"]

_OUTCOMES = ("paid", "held", "institution", "no_document", "no_method")
_OF_WAY = {"held": "held", "institution": "institution"}
CASE_COLUMNS = tuple(column.name for column in CLEARING_OUTPUTS["cases"].columns)
MULTIPLES = ("multiple", "high_edge")


def _array(values: Any, there: Any = None) -> pa.Array:
    """Numbers of the cases as a column, null where `there` is false; nothing is copied."""
    held = np.ascontiguousarray(values)
    nulls = None
    if there is not None and not there.all():
        nulls = pa.py_buffer(np.packbits(there, bitorder="little"))
    return pa.Array.from_buffers(pa.from_numpy_dtype(held.dtype), len(held), [nulls, pa.py_buffer(held)])


def _words(index: Any, words: Sequence[str | None], there: Any = None) -> pa.Array:
    """A dictionary column, null where `there` is false."""
    order = [word or "" for word in words] or [""]
    return pa.DictionaryArray.from_arrays(_array(index, there), pa.array(order), safe=False)


class _Columns:
    """The columns of cases, each made when it is asked for."""

    def __init__(self, done: Cleared) -> None:
        self.done, self.out, self.cells, self.frame = done, done.out, done.cells_of, done.given.cases
        self.held = [method for _, method in self.cells.methods]

    def _of_method(self, name: str, words: list[str | None]) -> pa.Array:
        """Words of a method or document; null where there is none."""
        numbers = getattr(self.cells, name)
        index = self.cells.by_case([*numbers, -1])
        empty = [number < 0 or words[number] is None for number in numbers.tolist()]
        there = self.cells.by_case([*(not none for none in empty), False], np.uint8).view(bool) if any(empty) else None
        return _words(index, words, there)

    def _methods(self, names: tuple[str, ...]) -> Any:
        """Cases whose method pays by one of these."""
        pays = [at >= 0 and self.held[at].pays in names for at in self.cells.method.tolist()]
        return self.cells.by_case([*pays, False], np.uint8).view(bool)

    def _way(self, *names: str) -> Any:
        way = self.out["way"]
        found = way == WAYS.index(names[0])
        for name in names[1:]:
            found |= way == WAYS.index(name)
        return found

    @cached_property
    def _paid(self) -> Any:
        return self._way("standard", "item")

    @cached_property
    def _itemised(self) -> Any:
        fund, other = self.done.money("fund_pay_sumamt"), self.done.money("oth_fund_amt")
        return fund - other if self.frame.has("oth_fund_amt") else fund

    def setl_id(self) -> Any:
        """Of the input."""
        return self.frame.ids["setl_id"]

    def document(self) -> pa.Array:
        """Which document holds."""
        return self._of_method("document", [document.id for document in self.done.book])

    def method(self) -> pa.Array:
        """Which method pays."""
        return self._of_method("method", [method.id for method in self.held])

    def clr_way(self) -> pa.Array:
        """How it is called in clearing."""
        return self._of_method("method", [method.clr_way or None for method in self.held])

    def group_code(self) -> pa.Array:
        """Of the input."""
        group = self.done.given.attributes["group_code"]
        empty = [not text for text in group.values]
        index = group.of
        there = taken(np.array([*(not none for none in empty), False], np.uint8), index, self.cells.threads).view(bool)
        return _words(index, [text or None for text in group.values], there)

    def outcome(self) -> pa.Array:
        """What came of the case."""
        by_way = np.array([_OUTCOMES.index(_OF_WAY.get(way, "paid")) for way in (*WAYS, "")], np.int32)
        index = taken(by_way, self.out["way"], self.cells.threads)
        lost = [
            3 if at < 0 else 4 if way < 0 else 0
            for at, way in zip(self.cells.document.tolist(), self.cells.method.tolist())
        ]
        if any(lost):
            index = np.maximum(index, self.cells.by_case([*lost, 0]))
        return _words(index, _OUTCOMES)

    def kind(self) -> pa.Array:
        """What kind of case it is."""
        kind = self.out["kind"]
        return _words(
            taken(np.array([-1, *range(1, len(KINDS)), -1], np.int32), kind, self.cells.threads), KINDS, kind > 0
        )

    def multiple(self) -> pa.Array:
        """Cost over the reference."""
        return _array(self.out["multiple"], self.out["multiple"] != NULL_INT)

    def coefficient(self) -> pa.Array:
        """All coefficients."""
        return _array(
            self.cells.by_case([*self.cells.coefficient, 0], np.int64), self._methods(("case", "days", "points"))
        )

    def points(self) -> pa.Array:
        """Points of cases that have a value from a pool."""
        there = self._way("standard") & self._methods(("points",))
        if self.frame.has("review_amt"):
            there &= self.frame.ints("review_amt") == NULL_INT
        return _array(self.out["points"], there)

    def standard(self) -> pa.Array:
        """The standard in money."""
        return _array(self.out["standard"], self._way("standard"))

    def payment(self) -> pa.Array:
        """What the fund pays."""
        return _array(self.out["payment"], self._paid)

    def itemised(self) -> pa.Array:
        """What it paid item by item."""
        return _array(self._itemised)

    def difference(self) -> pa.Array:
        """The one less the other."""
        return _array(self.out["payment"] - self._itemised, self._paid)

    def high_edge(self) -> pa.Array:
        """The cost above which the case is high."""
        return _array(self.out["high_edge"], self.out["high_edge"] != NULL_INT)

    def readmission(self) -> pa.Array:
        """1: it was cut."""
        return _array(self.out["cut"].astype(np.int64))


class Cleared:
    """The tables of docs/clearing.md section 3; each is made when it is asked for."""

    def __init__(self, given: Given, cells: Cells, units: Units, group: Any, out: dict[str, Any], columns: Collection[str] | None = None) -> None:  # fmt: skip
        self.given, self.cells_of, self.units, self.group, self.out = given, cells, units, group, out
        self.book = given.book
        self.columns = CASE_COLUMNS if columns is None else tuple(name for name in CASE_COLUMNS if name in columns)

    @cached_property
    def cases(self) -> pa.Table:
        """One row a case, in the order of the cases."""
        made = _Columns(self)
        return pa.table({name: getattr(made, name)() for name in self.columns})

    def money(self, name: str) -> Any:
        """An amount of every case, zero where it is missing."""
        frame = self.given.cases
        if not frame.has(name):
            return np.zeros(frame.rows, np.int64)
        values = frame.ints(name)
        return np.where(values == NULL_INT, 0, values) if frame.source[name].null_count else values

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

    @cached_property
    def unknown_institutions(self) -> pa.Table:
        """Institutions of cases that the table of institutions, where it was given, does not have on their day: fixmedins_code, cases, nearest."""
        from .needs import unknown_institutions

        return unknown_institutions(self.given)

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
