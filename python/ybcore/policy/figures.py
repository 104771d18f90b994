"""Figures: every way a document may write an amount, a rate or a text, read into one small family of nodes.

`Const` `Table` `Dated` `FromAge` `Compute` `ByCounter`, told apart by `kind`. Money is in fen, rates in ppm,
dates in days since 1970-01-01. `dim` says what the figure is:
`money` (fen ≥ 0), `signed_money`, `share` (0 to 1), `factor` (≥ 0), `points` (−1 to 1), `text`.
`unit`, `cite`, `source` and `note` of a long form are handed down to the leaves.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, Union

from pydantic import Field

from .conditions import Frozen, Test
from .numbers import PPM

__all__ = [
    "ByCounter",
    "Compute",
    "Const",
    "CounterRow",
    "Dated",
    "DatedRow",
    "Dim",
    "Figure",
    "FromAge",
    "Plus",
    "Round",
    "Table",
    "TableRow",
    "leaves",
]

Dim = Literal["money", "signed_money", "share", "factor", "points", "text"]


class _Leaf(Frozen):
    """What a long form says about the figures in it. `path` is the raw place of the figure."""

    cite: str | None = None
    source: str | None = None
    note: str | None = None
    unit: str = Field(default="yuan", exclude=True)
    path: tuple[str | int, ...] = Field(default=(), exclude=True, repr=False)

    @property
    def assumed(self) -> bool:
        """True when the document says `source: assumed`."""
        return self.source == "assumed"


class Const(_Leaf):
    """One value: fen, ppm or text, by `dim`. `unit` is how money was written (fen, jiao, yuan, wan)."""

    kind: Literal["const"] = "const"
    dim: Dim
    value: int | str


class TableRow(Frozen):
    """One key of a table; `key` as written."""

    key: str
    test: Test
    value: Figure


class Table(Frozen):
    """First row whose test holds for attribute `by`, else `otherwise`, else the visit is rejected (no_figure)."""

    kind: Literal["table"] = "table"
    dim: Dim
    by: str
    rows: tuple[TableRow, ...]
    otherwise: Figure | None = None
    path: tuple[str | int, ...] = Field(default=(), exclude=True, repr=False)


class DatedRow(Frozen):
    """Holds from day `start` on."""

    start: int
    value: Figure


class Dated(Frozen):
    """The last row with start ≤ policy date; before the first: no_figure. Rows are strictly ascending."""

    kind: Literal["dated"] = "dated"
    dim: Dim
    rows: tuple[DatedRow, ...]


class FromAge(_Leaf):
    """clamp(start + per_year × floor((age − from_age) / every), least, most) in ppm; counting from 0."""

    kind: Literal["from_age"] = "from_age"
    dim: Dim
    start: int
    per_year: int
    from_age: int = 0
    every: int = 1
    least: int = 0
    most: int = PPM
    written: tuple[str, ...] = Field(default=(), exclude=True, repr=False)


class Round(Frozen):
    """A rounding place: `to` fen, jiao, yuan or exact (never exact in `compute`); `mode` as in docs/policy.md."""

    to: Literal["fen", "jiao", "yuan", "exact"] = "fen"
    mode: Literal["half_up", "half_even", "down", "up"] = "half_up"


class Plus(Frozen):
    """step × max(0, field − beyond)."""

    step: Figure
    count: str
    beyond: int = 0


class Compute(Frozen):
    """clamp(round(base + factor × of / over + plus), least, most). One of the three `of_*`, or none."""

    kind: Literal["compute"] = "compute"
    dim: Dim
    base: Figure
    factor: Figure
    of_field: str | None = None
    of_reference: str | None = None
    of_amount: Figure | None = None
    over: int = 1
    plus: Plus | None = None
    least: Figure | None = None
    most: Figure | None = None
    round: Round = Round()


class CounterRow(Frozen):
    """Holds while the counter is ≤ upto (fen; None: open)."""

    upto: Figure | None
    value: Figure


class ByCounter(Frozen):
    """The first row with counter ≤ upto."""

    kind: Literal["by_counter"] = "by_counter"
    dim: Dim
    counter: str
    rows: tuple[CounterRow, ...]


Figure = Annotated[
    Union[Const, Table, Dated, FromAge, Compute, ByCounter], Field(discriminator="kind")  # noqa: UP007
]
for _model in (TableRow, Table, DatedRow, Dated, Plus, Compute, CounterRow, ByCounter):
    _model.model_rebuild()


def leaves(figure: Figure | None) -> Iterator[Const | FromAge]:
    """Every leaf of a figure, in document order."""
    if figure is None:
        return
    if isinstance(figure, (Const, FromAge)):
        yield figure
    elif isinstance(figure, Table):
        for row in figure.rows:
            yield from leaves(row.value)
        yield from leaves(figure.otherwise)
    elif isinstance(figure, Dated):
        for dated in figure.rows:
            yield from leaves(dated.value)
    elif isinstance(figure, ByCounter):
        for counted in figure.rows:
            yield from leaves(counted.upto)
            yield from leaves(counted.value)
    else:
        step = figure.plus.step if figure.plus is not None else None
        for part in (figure.base, figure.factor, figure.of_amount, step, figure.least, figure.most):
            yield from leaves(part)
