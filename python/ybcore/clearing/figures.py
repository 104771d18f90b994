"""Figures and conditions of clearing documents for known attributes: one combination of values at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from ..policy.conditions import Condition, Test
from ..policy.figures import Const, Dated, Figure, FromAge, Table

__all__ = [
    "NoFigureError",
    "Values",
    "attributes_used",
    "by_age",
    "edges_of",
    "holds",
    "leaf",
    "number",
    "starts",
    "tests_of",
]

Values = Mapping[str, "str | int | None"]


class NoFigureError(Exception):
    """The document has no figure for these values."""


def holds(condition: Condition, values: Values) -> bool:
    """Whether every test of a condition holds."""
    return all(test.holds(values.get(test.attribute)) for test in condition.tests)


def number(figure: Figure, values: Values, day: int) -> int:
    """Fen or ppm. Raises NoFigureError."""
    held = leaf(figure, values, day)
    if isinstance(held, Const):
        return int(held.value)
    age = values.get("age")
    if not isinstance(age, int):
        raise NoFigureError("age")
    value = held.start + held.per_year * (max(0, age - held.from_age) // held.every)
    return min(max(value, held.least), held.most)


def leaf(figure: Figure, values: Values, day: int) -> Const | FromAge:
    """The written figure that holds. Raises NoFigureError."""
    if isinstance(figure, Table):
        for row in figure.rows:
            if row.test.holds(values.get(figure.by)):
                return leaf(row.value, values, day)
        if figure.otherwise is None:
            raise NoFigureError(figure.by)
        return leaf(figure.otherwise, values, day)
    if isinstance(figure, Dated):
        held = [row.value for row in figure.rows if row.start <= day]
        if not held:
            raise NoFigureError("day")
        return leaf(held[-1], values, day)
    assert isinstance(figure, (Const, FromAge))
    return figure


def _nodes(held: Any) -> Iterator[BaseModel]:
    if isinstance(held, BaseModel):
        yield held
        for name in type(held).model_fields:
            yield from _nodes(getattr(held, name))
    elif isinstance(held, (tuple, list)):
        for item in held:
            yield from _nodes(item)
    elif isinstance(held, dict):
        for item in held.values():
            yield from _nodes(item)


def attributes_used(model: BaseModel) -> set[str]:
    """Attributes that some condition or table of a document looks at."""
    out = {node.attribute for node in _nodes(model) if isinstance(node, Test)}
    if any(isinstance(node, FromAge) for node in _nodes(model)):
        out.add("age")
    return out | {node.by for node in _nodes(model) if isinstance(node, Table)}


def tests_of(model: BaseModel) -> dict[str, list[Test]]:
    """Every test of a document, by attribute."""
    out: dict[str, list[Test]] = {}
    for node in _nodes(model):
        if isinstance(node, Test):
            out.setdefault(node.attribute, []).append(node)
    return out


def edges_of(model: BaseModel, attribute: str) -> set[int]:
    """Where the ranges of some test of a number begin or end."""
    ranges = [held for test in tests_of(model).get(attribute, []) for held in test.ranges]
    return {edge for held in ranges for edge in (held.low, held.below) if edge is not None}


def by_age(model: BaseModel) -> bool:
    """Whether some figure of a document grows with age itself."""
    return any(isinstance(node, FromAge) for node in _nodes(model))


def starts(model: BaseModel) -> set[int]:
    """Days on which some dated figure of a document changes."""
    return {row.start for node in _nodes(model) if isinstance(node, Dated) for row in node.rows}
