"""Small typed fields of study documents: paths, columns, amounts, shares, bands. Each tells what is wrong where it stands."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from pydantic import PlainValidator, ValidationInfo, WithJsonSchema

from ..errors import InputError
from ..policy.faults import Fault, Faults, fail, unknown
from ..policy.numbers import ScalarError, fen, whole
from ..settling.result import NUMBERS
from .knobs import exact_number
from .people import Bands

__all__ = [
    "Amounts",
    "BandsOf",
    "ByCode",
    "ColumnName",
    "Elasticity",
    "Money",
    "Number",
    "Numbers",
    "Pair",
    "PathOf",
    "Paths",
    "Seed",
    "Shares",
    "Target",
    "Where",
    "checked",
]

_NUMBER = {"type": ["number", "string"]}
_NUMBER_OR: list[dict[str, Any]] = [{"type": "number"}, {"type": "string"}]


def checked(make: Callable[[], Any]) -> None:
    """What the library says of a part of the document, as faults of that part."""
    try:
        make()
    except InputError as error:
        faults = Faults()
        for held in error.problems:
            faults.add((), Fault(held.what, held.what_zh, held.expected, held.expected_zh, held.nearest))
        faults.raise_if_any()


def _path(raw: Any, info: ValidationInfo) -> Path:
    """A path below the document's folder, unless it stands on its own."""
    if not isinstance(raw, str) or not raw.strip():
        fail(Fault("expected a path", "应为路径", "a path", "路径"))
    return Path((info.context or {}).get("folder", ".")) / raw


def _paths(raw: Any, info: ValidationInfo) -> tuple[Path, ...]:
    items = raw if isinstance(raw, list) else [raw]
    if not items:
        fail(Fault("the list has too few items", "列表的项太少", "at least one item", "至少一项"))
    return tuple(_path(item, info) for item in items)


def _scalar(read: Callable[[str], Any], said: str, zh: str) -> PlainValidator:
    def check(raw: Any) -> Any:
        if not isinstance(raw, str):
            fail(Fault("expected a scalar", "应为标量", said, zh))
        try:
            return read(raw)
        except ScalarError as error:
            fail(Fault(error.en, error.zh, said, zh))

    return PlainValidator(check)


def _column(raw: Any) -> str:
    if raw not in NUMBERS:
        fail(unknown("column", "列", str(raw), NUMBERS))
    return str(raw)


def _pair(raw: Any) -> tuple[str, str]:
    if not isinstance(raw, list) or len(raw) != 2:
        fail(Fault("expected two columns", "应为两列", "[fund_pay_sumamt, inscp_scp_amt]"))
    faults = Faults()
    for i, name in enumerate(raw):
        if name not in NUMBERS:
            faults.add((i,), unknown("column", "列", str(name), NUMBERS))
    faults.raise_if_any()
    return raw[0], raw[1]


def _where(raw: Any) -> dict[str, tuple[str, ...]]:
    if not isinstance(raw, dict):
        fail(Fault("expected a mapping", "应为键值映射", '{insutype: ["390"]}'))
    return {name: tuple(map(str, held)) if isinstance(held, list) else (str(held),) for name, held in raw.items()}


def _shares(raw: Any) -> tuple[str, ...]:
    """Shares between 0 and 1, as written."""
    rows, faults = raw if isinstance(raw, list) else [raw], Faults()
    for i, text in enumerate(rows):
        held = exact_number(text)
        if held is None or not 0 <= held <= 1:
            faults.add((i,) if isinstance(raw, list) else (), Fault(f"{text} is no share", f"{text} 不是比例", "a number from 0 to 1", "0 至 1 的数值"))  # fmt: skip
    faults.raise_if_any()
    return tuple(rows)


def _amounts(raw: Any) -> tuple[int, ...]:
    """Money in yuan, rising, as fen."""
    rows, faults = raw if isinstance(raw, list) else [raw], Faults()
    out: list[int] = []
    for i, text in enumerate(rows):
        loc = (i,) if isinstance(raw, list) else ()
        try:
            out.append(fen(text) if isinstance(text, str) else -1)
        except ScalarError as error:
            faults.add(loc, Fault(error.en, error.zh))
            continue
        if out[-1] < 0 or (len(out) > 1 and out[-1] <= out[-2]):
            faults.add(loc, Fault(f"{text} does not rise from 0", f"{text} 须自 0 递增", "rising amounts in yuan", "逐个递增的金额（元）"))  # fmt: skip
    faults.raise_if_any()
    return tuple(out)


def _target(raw: Any) -> Decimal | None:
    """A number; None: what the measure is under the base."""
    if raw == "base":
        return None
    if not isinstance(raw, str) or exact_number(raw) is None:
        fail(Fault(f"{raw!r} is no target", f"{raw!r} 不是目标", "a number, or base", "数值，或 base"))
    return Decimal(raw)


def _rates(raw: Any) -> dict[str, float]:
    """Shares by code, for the synthetic city."""
    if not isinstance(raw, dict) or not raw:
        fail(Fault("expected a mapping", "应为键值映射", '{"390": 1}'))
    faults = Faults()
    for name, text in raw.items():
        if exact_number(text) is None:
            faults.add((name,), Fault(f"{text!r} is no number", f"{text!r} 不是数值", "a number", "数值"))
    faults.raise_if_any()
    return {str(name): float(Decimal(text)) for name, text in raw.items()}


def _elasticity(raw: Any) -> str | dict[str, str]:
    """A number for all groups of visits, or one by group; which numbers will do, `Behaviour` says."""
    if isinstance(raw, dict):
        return {str(name): str(value) for name, value in raw.items()}
    if not isinstance(raw, str):
        fail(Fault("expected a number or numbers by group", "应为数值或按类别的数值", "-0.2"))
    return raw


def _bands(raw: Any) -> dict[str, tuple[int, ...]]:
    """Where bands begin, by column."""
    if not isinstance(raw, dict):
        fail(Fault("expected a mapping", "应为键值映射", "{age: [0, 18, 60]}"))
    faults, out = Faults(), {}
    for name, edges in raw.items():
        try:
            out[str(name)] = tuple(whole(str(edge)) for edge in edges)
            Bands(str(name), out[str(name)])
        except (ScalarError, InputError, TypeError):
            faults.add((name,), Fault("the edges do not rise", "分段起点未递增", "[0, 18, 60]"))
    faults.raise_if_any()
    return out


_EDGES = {"type": "object", "additionalProperties": {"type": "array", "items": {"type": ["integer", "string"]}, "minItems": 1}}  # fmt: skip
_LIST = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
_NUMBERS = {"anyOf": [_NUMBER, {"type": "array", "items": _NUMBER, "minItems": 1}]}
BandsOf = Annotated[dict[str, tuple[int, ...]], PlainValidator(_bands), WithJsonSchema(_EDGES)]
Elasticity = Annotated[str | dict[str, str], PlainValidator(_elasticity), WithJsonSchema({"anyOf": [*_NUMBER_OR, {"type": "object", "additionalProperties": _NUMBER}]})]  # fmt: skip
PathOf = Annotated[Path, PlainValidator(_path), WithJsonSchema({"type": "string"})]
Paths = Annotated[tuple[Path, ...], PlainValidator(_paths), WithJsonSchema(_LIST)]
Seed = Annotated[int, _scalar(lambda text: whole(text, 0), "a whole number", "整数"), WithJsonSchema({"type": ["integer", "string"]})]  # fmt: skip
Number = Annotated[Decimal, _scalar(lambda text: Decimal(_exact(text)), "a number", "数值"), WithJsonSchema(_NUMBER)]
Money = Annotated[int, _scalar(fen, "money in yuan", "金额（元）"), WithJsonSchema(_NUMBER)]
ColumnName = Annotated[str, PlainValidator(_column), WithJsonSchema({"enum": list(NUMBERS)})]
Pair = Annotated[tuple[str, str], PlainValidator(_pair), WithJsonSchema({"type": "array", "items": {"enum": list(NUMBERS)}, "minItems": 2, "maxItems": 2})]  # fmt: skip
Where = Annotated[dict[str, tuple[str, ...]], PlainValidator(_where), WithJsonSchema({"type": "object", "additionalProperties": _LIST})]  # fmt: skip
Shares = Annotated[tuple[str, ...], PlainValidator(_shares), WithJsonSchema(_NUMBERS)]
Amounts = Annotated[tuple[int, ...], PlainValidator(_amounts), WithJsonSchema(_NUMBERS)]
Numbers = Annotated[tuple[str, ...], WithJsonSchema({"type": "array", "items": _NUMBER, "minItems": 1})]
Target = Annotated[Decimal | None, PlainValidator(_target), WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string"}]})]  # fmt: skip
ByCode = Annotated[dict[str, float], PlainValidator(_rates), WithJsonSchema({"type": "object", "additionalProperties": _NUMBER})]  # fmt: skip


def _exact(text: str) -> str:
    if exact_number(text) is None:
        raise ScalarError(f"{text!r} is no number", f"{text!r} 不是数值")
    return text
