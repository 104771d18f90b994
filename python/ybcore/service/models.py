"""What the service takes and gives, made from the tables' schemas: money is integer fen or decimal text of yuan, never a binary float."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, create_model
from pydantic_core import PydanticCustomError

from ..columns.schema import LIMITS, SCALES, Column, Table
from ..reference.numbers import decimal_to_int

__all__ = ["ID", "LINES_AT_MOST", "Checked", "Checks", "Held", "Moves", "PreSettled", "Refused", "Settled", "model_of"]

LINES_AT_MOST = 5_000
ID_LONG = 64
TEXT_LONG = 200
ID = r"^[^\x00-\x1f\x7f\ud800-\udfff/]{1,64}$"
_PLAIN = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]*")
_DATE = r"^\d{4}-\d\d-\d\d$"
_TIME = r"^\d{4}-\d\d-\d\d([ T]\d\d:\d\d:\d\d)?$"
_FORMS = {
    "money": ("integer fen or decimal text of yuan", "以分计的整数，或以元计的小数文本"),
    "rate": ("integer millionths or decimal text of a fraction", "以百万分之一计的整数，或小数文本"),
    "quantity": ("integer 1/10000 or decimal text of units", "以万分之一计的整数，或小数文本"),
    "price": ("integer 1/1000000 yuan or decimal text of yuan", "以百万分之一元计的整数，或以元计的小数文本"),
    "count": ("integer", "整数"),
}


def _wrong(zh: str, en: str, expected: str, expected_zh: str = "") -> PydanticCustomError:
    return PydanticCustomError("value", "{en}", {"zh": zh, "en": en, "expected": expected, "expected_zh": expected_zh})


def _exact(column: Column) -> Any:
    """A number as the engine counts it: an integer in its unit, or decimal text."""
    places, most = SCALES[column.kind], LIMITS[column.kind]
    right = _FORMS[column.kind]
    least = -most if column.negative else 0

    def read(value: Any) -> int:
        if isinstance(value, str) and places and len(value) <= 40:
            try:
                if re.fullmatch(r"-?\d+(\.\d+)?", value, re.ASCII) is None:
                    raise ValueError(value)
                value = decimal_to_int(value, places)
            except ValueError:
                raise _wrong(
                    f"不是最多 {places} 位小数的数", f"not a number with at most {places} decimals", *right
                ) from None
        if isinstance(value, float):
            raise _wrong("不接受二进制浮点数", "a binary float is refused", *right)
        if isinstance(value, bool) or not isinstance(value, int):
            raise _wrong("不是数", "not a number", *right)
        if not least <= value <= most:
            raise _wrong(f"应在 {least} 与 {most} 之间", f"not between {least} and {most}", *right)
        return value

    texts = [{"type": "string", "pattern": rf"^-?\d{{1,9}}(\.\d{{1,{places}}})?$"}] if places else []
    if texts and not column.negative:
        texts[0]["pattern"] = texts[0]["pattern"].replace("-?", "")
    if column.kind == "rate":
        texts = [{"type": "string", "pattern": r"^0(\.\d{1,6})?$"}]
    schema: dict[str, Any] = {"anyOf": [{"type": "integer", "minimum": least, "maximum": most}, *texts]}
    return Annotated[int, BeforeValidator(read), WithJsonSchema(schema)]


def _text(pattern: str | None, most: int, zh: str, en: str, check: Callable[[str], Any] | None = None) -> Any:
    right = en, "" if en.isupper() else zh  # a format serves both

    def read(value: Any) -> str:
        if not isinstance(value, str):
            raise _wrong("应为文本", "not a text", *right)
        if not value or len(value) > most or _PLAIN.fullmatch(value) is None:
            raise _wrong(f"应为 1 至 {most} 个可见字符", f"not 1 to {most} printable characters", *right)
        if pattern is not None and re.fullmatch(pattern.strip("^$"), value, re.ASCII) is None:
            raise _wrong(f"格式不符，应为 {zh}", f"not of the form {en}", *right)
        if check is not None:
            try:
                check(value)
            except ValueError:
                raise _wrong(f"没有这个{zh}", f"no such {en}", *right) from None
        return value

    schema: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": most, "pattern": pattern or r"^[^\x00-\x1f\x7f]+$"}  # fmt: skip
    if pattern == _DATE:
        schema = {"type": "string", "format": "date"}
    elif pattern == _TIME:
        schema = {"type": "string", "pattern": r"^(19|20)\d\d-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])( ([01]\d|2[0-3]):[0-5]\d:[0-5]\d)?$"}  # fmt: skip
    elif pattern == ID:
        schema = {"type": "string", "minLength": 1, "maxLength": most, "pattern": r"^[^\x00-\x1f\x7f/]+$"}
    return Annotated[str, BeforeValidator(read), WithJsonSchema(schema)]


def _day(text: str) -> None:
    if not 1800 <= dt.datetime.fromisoformat(text).year < 2300:
        raise ValueError(text)


def _flag(value: Any) -> str:
    if value is True or value is False:
        return str(int(value))
    if isinstance(value, int | str) and str(value) in ("0", "1", "2"):
        return str(value)
    raise _wrong("应为 0 或 1", "not 0 or 1", "0 or 1", "0 或 1")


_KINDS: dict[str, Any] = {
    "id": _text(ID, ID_LONG, "标识", "id"),
    "code": _text(None, TEXT_LONG, "代码", "code"),
    "text": _text(None, TEXT_LONG, "文本", "text"),
    "date": _text(_DATE, 10, "日期", "YYYY-MM-DD", _day),
    "time": _text(_TIME, 19, "时间", "YYYY-MM-DD HH:MM:SS", _day),
    "flag": Annotated[str, BeforeValidator(_flag), WithJsonSchema({"anyOf": [{"type": "string", "enum": ["0", "1", "2"]}, {"type": "boolean"}, {"type": "integer", "minimum": 0, "maximum": 2}]})],
}  # fmt: skip


def model_of(name: str, table: Table, *, without: tuple[str, ...] = (), only: tuple[str, ...] = ()) -> type[BaseModel]:
    """A model of one row: the columns of a table but some, or some only; another name is refused."""
    columns = [c for c in table.columns if c.name not in without and (not only or c.name in only)]
    fields: dict[str, Any] = {}
    for column in columns:
        kind = _exact(column) if column.kind in SCALES else _KINDS[column.kind]
        about = Field(title=f"{column.zh} {column.en}".strip())
        fields[column.name] = (Annotated[kind, about], ...) if column.required else (Annotated[kind | None, about], None)  # fmt: skip
    made: type[BaseModel] = create_model(name, __config__=ConfigDict(extra="forbid"), **fields)
    return made


class Settled(BaseModel):
    """What became of a visit. Amounts of `result` and `lines` are integer fen, `pool_prop_selfpay` and `selfpay_prop` millionths."""

    setl_id: str
    psn_no: str
    outcome: str
    reason: str
    version: int = Field(
        description="version of the person's state after it; of a pre-settlement the one it was made from"
    )
    pre: bool
    result: dict[str, int | str | None]
    lines: list[dict[str, int | str | None]]
    policy_sha256: str


class Held(BaseModel):
    """The state of a person (with household counters: of the household)."""

    psn_no: str
    version: int
    settlements: list[str] = Field(description="ids in settling order")
    counters: list[dict[str, int | str | None]] = Field(description="value in millionths of a fen")
    accounts: list[dict[str, int | str | None]]


class Movement(BaseModel):
    """Money in fen; `amount` is negative where it left the account."""

    version: int = Field(description="version of the state that the account is in, after it")
    kind: str = Field(description="opening, visit or reversal")
    setl_id: str
    patient: str = Field(description="whose visit it was: another's with mutual aid")
    time: str
    amount: int
    balance: int


class Moves(BaseModel):
    """An account and what moved on it, in order."""

    psn_no: str
    balance: int
    movements: list[Movement]


class Checks(BaseModel):
    """Findings of the rules, their rows, and what did not run and why."""

    findings: list[dict[str, Any]]
    details: list[dict[str, Any]]
    not_run: list[dict[str, str | None]]
    denies: bool = Field(description="whether a finding holds or denies something")


class PreSettled(Settled):
    """What a visit would come to, and in `check` what the rules say of it. Nothing of what they find is taken out of the amounts."""

    check: Checks


class Checked(BaseModel):
    """Whether the service can work."""

    status: str
    database: str


class Refused(BaseModel):
    """Why a request was refused, in both languages; `problems` names every place."""

    code: str
    zh: str
    en: str
    problems: list[dict[str, Any]] = []
    model_config = ConfigDict(extra="allow")
