"""Figures as fields of the document models, one annotated type per dimension."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import PlainValidator, ValidationInfo, WithJsonSchema

from .faults import Faults
from .figureread import parse_figure
from .figures import Dim, Figure
from .names import names_in

__all__ = ["Factor", "Money", "PlainMoney", "Points", "Share", "TextFigure"]


def _field(dim: Dim, counter: bool = False) -> Any:
    def validate(raw: Any, info: ValidationInfo) -> Figure:
        faults = Faults()
        figure = parse_figure(raw, dim, names_in(info), faults, counter=counter)
        faults.raise_if_any()
        assert figure is not None
        return figure

    return PlainValidator(validate), WithJsonSchema({"x-ref": dim + ("_by_counter" if counter else "")})


Money = Annotated[Figure, *_field("money", True)]
"""Money that a counter may choose: amounts of layers, deductibles, limits."""
PlainMoney = Annotated[Figure, *_field("money")]
"""Money that no counter chooses: band edges, modifiers, reference values."""
Share = Annotated[Figure, *_field("share")]
Factor = Annotated[Figure, *_field("factor")]
Points = Annotated[Figure, *_field("points")]
TextFigure = Annotated[Figure, *_field("text")]
