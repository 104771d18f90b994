"""Measures that are whole fen or fractions: what targets are met by and what is taken apart (docs/simulation.md section 6)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ..errors import InputError, Problem
from ..policy.vocabulary import ATTRIBUTES
from .comparison import View, summed
from .measures import CASH
from .people import People, Units
from .weights import over

__all__ = ["Exact", "Mean", "Ratio", "Told", "Total", "told"]

Where = Mapping[str, str | Sequence[str]]


class Exact(Protocol):
    """A measure that is one exact number a policy. `whole`: fen, so that parts of it are rounded to the fen."""

    name: str
    whole: bool

    def exact(self, view: View) -> Fraction | None:
        """The number; None where there is nothing to divide by."""

    def look(self, view: View) -> pa.Table:
        """The same as a row: `exact` (text of the fraction) and `value` (a double)."""


class Told(ABC):
    """A measure that is shown as one row."""

    @abstractmethod
    def exact(self, view: View) -> Fraction | None:
        """The number that is shown."""

    def look(self, view: View) -> pa.Table:
        """One row: the fraction as text, and a double."""
        held = self.exact(view)
        texts = pa.array([None if held is None else str(held)], pa.string())
        return pa.table({"exact": texts, "value": pa.array([None if held is None else float(held)], pa.float64())})


class Total(Told):
    """The sum of a column of money, in fen, over the visits that count; `where`: only over those with these attributes."""

    whole = True

    def __init__(self, column: str, *, where: Where | None = None, name: str | None = None) -> None:
        self.column, self.where, self.name = column, where or {}, name or column

    def exact(self, view: View) -> Fraction | None:
        """Whole fen."""
        return Fraction(_total(view, self.column, self.where))


class Ratio(Told):
    """One sum by another."""

    whole = False

    def __init__(self, top: str, bottom: str, *, where: Where | None = None, name: str | None = None) -> None:
        self.top, self.bottom, self.where, self.name = top, bottom, where or {}, name or f"{top}/{bottom}"

    def exact(self, view: View) -> Fraction | None:
        """The ratio; None where the lower sum is 0."""
        below = _total(view, self.bottom, self.where)
        return Fraction(_total(view, self.top, self.where), below) if below else None


class Mean(Told):
    """The mean of a column over persons or households, in fen, by weight; those without a visit have 0."""

    whole = False

    def __init__(
        self, people: People, column: str = CASH, *, where: Where | None = None, name: str | None = None
    ) -> None:
        self.people, self.column, self.where, self.name = people, column, where or {}, name or f"mean {column}"

    def exact(self, view: View) -> Fraction | None:
        """The mean; None where nobody has a weight."""
        units = self.people.of(view)
        paid = self._paid(view, units)
        if units.weights is None:
            return Fraction(int(paid.sum()), len(units)) if len(units) else None
        # A double is a fraction too; there are few different weights beside people.
        weights, which = np.unique(units.weights, return_inverse=True)
        sums = summed(paid, which, len(weights)).tolist()
        counts = np.bincount(which, minlength=len(weights)).tolist()
        exact = [Fraction(weight) for weight in weights.tolist()]
        heavy = sum((weight * count for weight, count in zip(exact, counts)), Fraction(0))
        return sum((weight * held for weight, held in zip(exact, sums)), Fraction(0)) / heavy if heavy else None

    def look(self, view: View) -> pa.Table:
        """The row of the fraction, with the interval of its double where people have replicates."""
        row, units = super().look(view), self.people.of(view)
        if self.people.replicates is None:
            return row
        held = units.estimates(())
        told = held.columns("value", over(held.sums(self._paid(view, units))[0], held.whole))
        return pa.table({"exact": row["exact"], **told, "value": row["value"]})

    def _paid(self, view: View, units: Units) -> npt.NDArray[np.int64]:
        kept = _kept(view, self.where)
        if kept is None:
            return units.sums(view.by_person(self.column))
        return units.sums(summed(np.where(kept, view.number(self.column), 0), view.person, view.people))


def _total(view: View, column: str, where: Where) -> int:
    held, kept = view.number(column), _kept(view, where)
    return int(held.sum() if kept is None else held[kept].sum())


def _kept(view: View, where: Where) -> npt.NDArray[np.bool_] | None:
    """Visits with these attributes; None: all of them. Raises InputError for names that are no attribute."""
    problems = []
    kept: Any = None
    for name, wanted in where.items():
        if not view.knows(name):
            what, zh = f"visits have no attribute {name!r}", f"就诊没有属性 {name!r}"
            problems.append(Problem(what=what, what_zh=zh, path="where", expected=", ".join(ATTRIBUTES)))
            continue
        words = [wanted] if isinstance(wanted, (str, int)) else list(wanted)
        held = view.attribute(name)
        if pa.types.is_dictionary(held.type):
            held = held.cast(held.type.value_type)
        mine = np.asarray(pc.is_in(held.cast(pa.string()), pa.array([str(word) for word in words], pa.string())))
        kept = mine if kept is None else kept & mine
    if problems:
        raise InputError(problems)
    return None if kept is None else np.asarray(kept, np.bool_)


def told(rows: pa.Table) -> dict[str, Fraction | None]:
    """The exact numbers of a measure's rows, by policy."""
    pairs = zip(rows["policy"].to_pylist(), rows["exact"].to_pylist())
    return {name: None if text is None else Fraction(text) for name, text in pairs}
