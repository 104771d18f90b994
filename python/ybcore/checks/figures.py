"""Figures of a rule: a number in its unit, or the parameter or table column that holds it.

A figure is read to a whole number of held units: quantity and dose 1/10000, money fen, price 1/1000000 yuan, fraction
millionths, whole as it is. Parameters are text until the documents are stacked, since a later layer may set them anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from pydantic import PlainValidator, WithJsonSchema

from ..policy.faults import Fault, Faults, fail, unknown
from ..policy.numbers import ScalarError, fen, ppm, whole
from ..policy.paths import RawPath, place_of

__all__ = [
    "Amount",
    "AmountCell",
    "Figure",
    "FigureKind",
    "Fraction",
    "Measured",
    "MeasuredCell",
    "Price",
    "PriceCell",
    "Quantity",
    "QuantityCell",
    "Signed",
    "Whole",
    "WholeCell",
    "default_figure",
    "read_figure",
]

FigureKind = Literal["quantity", "money", "price", "fraction", "whole", "measured"]
"""`measured`: of the kind that the check's `measure` counts; settled by the check."""

_WORDS = {
    "quantity": ("quantity", "数量"),
    "price": ("price in yuan", "单价（元）"),
    "fraction": ("fraction", "比例"),
}


def _decimals(text: str, places: int, kind: str) -> int:
    # A money reader that counts in smaller parts: the text is read as a rate and brought to the places of the kind.
    en, zh = _WORDS[kind]
    try:
        value = ppm(text) if not text.endswith("%") else None
    except ScalarError:
        value = None
    if value is None:
        raise ScalarError(f"expected a {en}, such as 3 or 0.5, found {text!r}", f"应为{zh}，如 3 或 0.5，实为 {text!r}")
    held, rest = divmod(value, 10 ** (6 - places))
    if rest:
        raise ScalarError(
            f"a {en} has at most {places} decimals, found {text!r}", f"{zh}最多 {places} 位小数，实为 {text!r}"
        )
    return held


_READ: dict[str, Callable[[str], int]] = {
    "quantity": lambda text: _decimals(text, 4, "quantity"),
    "money": fen,
    "price": lambda text: _decimals(text, 6, "price"),
    "fraction": ppm,
    "whole": whole,
}


def read_figure(text: str, kind: str, least: int | None = None) -> int:
    """Written text in held units, not below `least`. Raises ScalarError."""
    value = _READ[kind](text)
    if least is not None and value < least:
        raise ScalarError(f"expected at least {least}, found {text}", f"应不小于 {least}，实为 {text}")
    return value


@dataclass(frozen=True)
class Figure:
    """A figure of a rule. Exactly one of `value`, `parameter`, `column` says where it is; `text` is as written; `least`: what its value may not be below.

    In a loaded book no `parameter` is left open: `value` holds it (and `parameter` still names it).
    """

    kind: FigureKind
    text: str = ""
    value: int | None = None
    parameter: str = ""
    column: str = ""
    path: RawPath = ()
    least: int | None = None

    def as_kind(self, kind: FigureKind) -> Figure:
        """The same figure read as `kind`. Raises ScalarError."""
        if self.column or self.parameter:
            return replace(self, kind=kind)
        return replace(self, kind=kind, value=read_figure(self.text, kind, self.least))


def _read(text: str, kind: str, least: int | None) -> int:
    try:
        return read_figure(text, kind, least)
    except ScalarError as err:
        fail(Fault(err.en, err.zh))


def _figure(kind: FigureKind, column: bool, least: int | None) -> Callable[[Any], Figure]:
    allowed = ("parameter", "column") if column else ("parameter",)

    def check(raw: Any) -> Figure:
        if isinstance(raw, str):
            if kind == "measured":
                return Figure(kind, str(raw), path=place_of(raw, ()), least=least)
            return Figure(kind, str(raw), _read(str(raw), kind, least), path=place_of(raw, ()), least=least)
        if isinstance(raw, dict) and len(raw) == 1:
            key, name = next(iter(raw.items()))
            if key not in allowed:
                fail(unknown("key", "键", key, allowed, key=True), key)
            if isinstance(name, str) and name:
                parameter, named = (name, "") if key == "parameter" else ("", name)
                return Figure(kind, parameter=parameter, column=named, path=place_of(name, ()), least=least)
        faults = Faults()
        forms = "a figure" + "".join(f", or {{{word}: name}}" for word in allowed)
        zh = "数值" + "".join(f"，或 {{{word}: name}}" for word in allowed)
        faults.add((), Fault("expected a figure", "应为数值", forms, zh))
        faults.raise_if_any()
        raise AssertionError

    return check


def default_figure(text: str, kind: FigureKind = "whole") -> Figure:
    """What stands where a document says nothing."""
    return Figure(kind, text, read_figure(text, kind))


def _field(kind: FigureKind, column: bool = False, least: int | None = 0) -> Any:
    name = "figure_or_column" if column else "figure"
    return Annotated[Figure, PlainValidator(_figure(kind, column, least)), WithJsonSchema({"x-ref": name})]


Quantity = _field("quantity")
Amount = _field("money")
Price = _field("price")
Fraction = _field("fraction", least=None)
Whole = _field("whole")
Measured = _field("measured")
Signed = _field("measured", least=None)
QuantityCell = _field("quantity", True)
AmountCell = _field("money", True)
PriceCell = _field("price", True)
WholeCell = _field("whole", True)
MeasuredCell = _field("measured", True)
