"""Figures for one combination of classes: every table, date and age answered, amounts as rows of the kernel's table."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..conditions import Condition
from ..figures import ByCounter, Compute, Const, Dated, Figure, FromAge, Table
from ..numbers import PPM
from .tables import MODES, Tables

__all__ = ["NoFigureError", "Resolver", "round_half_up"]

MONEY_FIELDS = {"wage", "balc"}


class NoFigureError(Exception):
    """A figure has no value for this combination."""


def round_half_up(numerator: int, denominator: int) -> int:
    """Half away from zero."""
    sign = -1 if numerator < 0 else 1
    return sign * ((2 * abs(numerator) + denominator) // (2 * denominator))


class Resolver:
    """Answers figures and conditions for one combination, and remembers which figures were read and whether one was assumed."""

    def __init__(
        self, values: dict[str, Any], date: int, model: Any, tables: Tables, fields: list[str], key_of: Any
    ) -> None:
        self.values, self.date, self.model, self.tables, self.fields, self.key_of = (
            values,
            date,
            model,
            tables,
            fields,
            key_of,
        )
        self.assumed = False
        self.read: set[tuple[str | int, ...]] = set()
        self.field_mask = 0

    def holds(self, condition: Condition | None) -> bool:
        return condition is None or all(test.holds(self.values.get(test.attribute)) for test in condition.tests)

    def pick(self, figure: Figure) -> Const | FromAge | Compute | ByCounter:
        """Follow tables and dates."""
        while True:
            if isinstance(figure, Table):
                value = self.values.get(figure.by)
                hit = next((row.value for row in figure.rows if row.test.holds(value)), figure.otherwise)
                if hit is None:
                    raise NoFigureError
                figure = hit
            elif isinstance(figure, Dated):
                rows = [row.value for row in figure.rows if row.start <= self.date]
                if not rows:
                    raise NoFigureError
                figure = rows[-1]
            else:
                if isinstance(figure, (Const, FromAge)):
                    self.assumed |= figure.assumed
                    self.read.add(figure.path)
                return figure

    def any_holds(self, conditions: Iterable[Condition | None]) -> int:
        """1 where one of them holds, else 0."""
        return int(any(self.holds(one) for one in conditions))

    def held_rows(self, rows: Iterable[Any], make: Callable[[Any], Any]) -> list[Any]:
        """What `make` gives of each row whose `when` holds."""
        return [make(row) for row in rows if self.holds(row.when)]

    def first_rows(self, lists: Iterable[Iterable[Any]], make: Callable[[Any], Any]) -> list[Any]:
        """The same of the first such row of each list."""
        firsts = (next((row for row in rows if self.holds(row.when)), None) for rows in lists)
        return [make(row) for row in firsts if row is not None]

    def number_of(self, figure: Figure, known: dict[str, int]) -> int:
        """Number of a text among known ones; a new text gets the next."""
        return known.setdefault(str(self._const(self.pick(figure))), len(known))

    def rate(self, figure: Figure) -> int:
        """ppm."""
        return self._rate(self.pick(figure))

    def _rate(self, found: Any) -> int:
        if isinstance(found, FromAge):
            age = self.values.get("age")
            if age is None:
                raise NoFigureError
            value = found.start + found.per_year * (max(0, age - found.from_age) // found.every)
            return min(max(value, found.least), found.most)
        return int(self._const(found))

    @staticmethod
    def _const(found: Any) -> int | str:
        if not isinstance(found, Const):
            raise TypeError(f"a {found.kind} figure cannot stand here")
        return found.value

    def amount(self, figure: Figure) -> int:
        """Index of an amounts row."""
        return self._amount(self.pick(figure))

    def _amount(self, found: Any) -> int:
        if isinstance(found, Compute):
            return self._compute(found)
        if isinstance(found, ByCounter):
            rows = [(-1 if row.upto is None else self.amount(row.upto), self.amount(row.value)) for row in found.rows]
            begin, end = self.tables.run("uptos", [{"upto": upto, "value": value} for upto, value in rows])
            return self.tables.shared(
                "amounts", kind=1, value=0, key=self.key_of(found.counter), row_begin=begin, row_end=end
            )
        return self.constant(int(self._const(found)))

    def constant(self, fen: int) -> int:
        return self.tables.shared("amounts", kind=0, value=fen)

    def field(self, name: str) -> int:
        index = self.fields.index(name)
        self.field_mask |= 1 << index
        return index

    def _compute(self, rule: Compute) -> int:
        of = of_field = step = count = -1
        factor = PPM
        if rule.of_field is not None or rule.of_reference is not None or rule.of_amount is not None:
            factor = self.rate(rule.factor)
        if rule.of_field is not None:
            of_field = self.field(rule.of_field)
        elif rule.of_reference is not None:
            of = self.amount(self.model.references[rule.of_reference])
        elif rule.of_amount is not None:
            of = self.amount(rule.of_amount)
        if rule.plus is not None:
            step, count = self.amount(rule.plus.step), self.field(rule.plus.count)
        unit = {"fen": 1, "jiao": 10, "yuan": 100}[rule.round.to]
        return self.tables.shared(
            "amounts", kind=2, value=0, base=self.amount(rule.base), factor=factor, of=of, of_field=of_field,
            of_times=1 if rule.of_field in MONEY_FIELDS else 100, over=rule.over, step=step, count_field=count,
            beyond=0 if rule.plus is None else rule.plus.beyond, least=-1 if rule.least is None else self.amount(rule.least),
            most=-1 if rule.most is None else self.amount(rule.most), unit=unit, mode=MODES[rule.round.mode],
        )  # fmt: skip

    def changed_rate(self, base: int, modifiers: Any) -> int:
        """base → points → self_ratio → factor, then clamped to 0–100 %."""
        for row in modifiers.points:
            if self.holds(row.when):
                base += self.rate(row.add)
        for row in modifiers.self_ratio:
            if self.holds(row.when):
                base = PPM - round_half_up((PPM - base) * self.rate(row.times), PPM)
        for row in modifiers.factor:
            if self.holds(row.when):
                base = round_half_up(base * self.rate(row.times), PPM)
        return min(max(base, 0), PPM)
