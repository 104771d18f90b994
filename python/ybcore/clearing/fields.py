"""Figures of clearing and benefit documents: money without `compute`, and numbers that are the same for everybody on every day."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, Any

from pydantic import PlainValidator, ValidationInfo, WithJsonSchema

from ..policy.faults import Fault, Faults, fail
from ..policy.figureread import parse_figure
from ..policy.figures import Const, Figure
from ..policy.names import names_in
from ..policy.numbers import PPM, ScalarError, ppm
from ..policy.paths import RawPath, place_of

__all__ = ["SCALAR", "Above", "FromZero", "Money", "Part", "Upto", "fixed"]

SCALAR = WithJsonSchema({"type": ["number", "string"]})
_FORMS = "a number, value, by or dated", "数值、value、by 或 dated"


def _computes(raw: Any, loc: RawPath) -> Iterator[RawPath]:
    """Where `compute` stands as a form of a figure; a key of a table may have that name."""
    if isinstance(raw, list):
        for index, item in enumerate(raw):
            yield from _computes(item, (*loc, index))
    elif isinstance(raw, dict):
        if "compute" in raw and "by" not in raw:
            yield (*loc, "compute")
            return
        for key, item in raw.items():
            yield from _computes(item, (*loc, key))


def _money(raw: Any, info: ValidationInfo) -> Figure:
    faults = Faults()
    for loc in _computes(raw, ()):
        en = "`compute` reckons from a visit, and there is none here"
        faults.add(loc, Fault(en, "compute 依就诊计算，此处不能用", *_FORMS, key=True))
    if not faults:
        figure = parse_figure(raw, "money", names_in(info), faults)
        if figure is not None and not faults:
            return figure
    faults.raise_if_any()
    raise AssertionError


Money = Annotated[Figure, PlainValidator(_money), WithJsonSchema({"x-ref": "amount"})]
"""Money that is written, by an attribute or a day."""


def fixed(value: int) -> Const:
    """A number that no document wrote: what holds where it says nothing."""
    return Const(dim="factor", value=value)


def _above(value: int, text: str) -> None:
    if value <= 0:
        raise ScalarError(f"expected a number above 0, found {text!r}", f"应大于 0，实为 {text!r}")


def _from_zero(value: int, text: str) -> None:
    if value < 0:
        raise ScalarError(f"expected 0 or more, found {text!r}", f"应不小于 0，实为 {text!r}")


def _part(value: int, text: str) -> None:
    _from_zero(value, text)
    if value > PPM:
        raise ScalarError(f"expected a share of at most 1, found {text!r}", f"比例不得大于 1，实为 {text!r}")


def _number(within: Callable[[int, str], None], open_: bool = False) -> PlainValidator:
    def read(raw: Any) -> Const | None:
        if not isinstance(raw, str):
            en, zh = "one number stands here, the same for all on every day", "此处只能是一个数，不因属性或日期而异"
            fail(Fault(en, zh, "a number", "数值"))
        if open_ and raw == "open":
            return None
        try:
            value = ppm(raw)
            within(value, raw)
        except ScalarError as err:
            fail(Fault(err.en, err.zh))
        return Const(dim="factor", value=value, path=place_of(raw, ()))

    return PlainValidator(read)


Above = Annotated[Const, _number(_above), SCALAR]
FromZero = Annotated[Const, _number(_from_zero), SCALAR]
Part = Annotated[Const, _number(_part), SCALAR]
Upto = Annotated[Const | None, _number(_from_zero, True), SCALAR]
"""An edge as a share of the target; None is open."""
