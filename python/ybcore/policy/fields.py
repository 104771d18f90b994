"""Small typed fields that the document models share: words, dates, flags, names; and the base of the models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    ModelWrapValidatorHandler,
    PlainValidator,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import core_schema

from .faults import Fault, Faults, fail, forbid_unknown, unknown
from .names import names_in
from .numbers import ScalarError, days, month_day, whole

__all__ = [
    "Bilingual",
    "Bucket",
    "Code",
    "CounterName",
    "Day",
    "Flag",
    "FundPayer",
    "LayerName",
    "MonthDay",
    "Node",
    "Period",
    "Positive",
    "Scope",
    "Word",
    "Words",
]


class Node(BaseModel):
    """Base of the document models: immutable; unknown keys are told with the nearest known one."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=False)

    @model_validator(mode="wrap")
    @classmethod
    def _tell_unknown_keys(cls, raw: Any, handler: ModelWrapValidatorHandler[Any]) -> Any:
        try:
            return handler(raw)
        except ValidationError as error:
            keys = [f.validation_alias or f.alias or name for name, f in cls.model_fields.items()]
            raise forbid_unknown(error, [str(key) for key in keys if not str(key).startswith("~")]) from None


class Bilingual(Node):
    """A name in two languages."""

    zh: str
    en: str


class Word:
    """Annotation of a `Literal`: a wrong word is told with the nearest right one. `also`: more words to name."""

    def __init__(self, zh: str = "取值", also: tuple[str, ...] = ()) -> None:
        self.zh, self.also = zh, also

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        words = tuple(str(word) for word in get_args(source))

        def check(raw: Any) -> str:
            if isinstance(raw, str) and raw in words:
                return str(raw)
            faults = Faults()
            if isinstance(raw, str):
                faults.add((), unknown("word", self.zh, raw, words + self.also))
            else:
                faults.add((), Fault("expected a word", "应为单词", f"one of: {', '.join(words)}", f"以下之一：{', '.join(words)}"))  # fmt: skip
            faults.raise_if_any()
            raise AssertionError

        return core_schema.no_info_before_validator_function(check, handler(source))


def _scalar(read: Callable[[str], Any]) -> PlainValidator:
    def check(raw: Any) -> Any:
        faults = Faults()
        try:
            if not isinstance(raw, str):
                raise ScalarError("expected a scalar", "应为标量")
            return read(str(raw))
        except ScalarError as err:
            faults.add((), Fault(err.en, err.zh))
        faults.raise_if_any()
        raise AssertionError

    return PlainValidator(check)


def _flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise ScalarError(f"expected true or false, found {text!r}", f"应为 true 或 false，实为 {text!r}")
    return text == "true"


def _code(text: str) -> str:
    if text != text.strip() or "\n" in text:
        raise ScalarError(f"the code {text!r} has spaces around it", f"代码 {text!r} 前后有空白")
    if text.startswith("@"):
        raise ScalarError("a set cannot stand here", "此处不能用代码集")
    return text


def _named(pick: str, en: str, zh: str, more: tuple[str, ...] = ()) -> PlainValidator:
    """A name that must be among `Names.<pick>` or `more`."""

    def check(raw: Any, info: ValidationInfo) -> str:
        faults = Faults()
        valid = (*(getattr(names_in(info), pick) if pick else ()), *more)
        if not isinstance(raw, str):
            faults.add((), Fault("expected a name", "应为名称", "text", "文本"))
        elif raw not in valid:
            faults.add((), unknown(en, zh, raw, valid))
        faults.raise_if_any()
        return str(raw)

    return PlainValidator(check)


_TEXT = WithJsonSchema({"type": "string"})
Day = Annotated[int, _scalar(days), WithJsonSchema({"type": "string", "format": "date"})]
"""A date, held as days since 1970-01-01."""
MonthDay = Annotated[
    tuple[int, int], _scalar(month_day), WithJsonSchema({"type": "string", "pattern": "^\\d\\d-\\d\\d$"})
]
Flag = Annotated[
    bool, _scalar(_flag), WithJsonSchema({"type": ["boolean", "string"], "enum": [True, False, "true", "false"]})
]
Positive = Annotated[int, _scalar(lambda text: whole(text, 1)), WithJsonSchema({"type": ["integer", "string"]})]
Code = Annotated[str, _scalar(_code), _TEXT]
CounterName = Annotated[str, _named("counters", "counter", "累计"), _TEXT]
LayerName = Annotated[str, _named("layers", "layer", "支付层"), _TEXT]
Bucket = Annotated[str, _named("buckets", "bucket", "负担桶"), _TEXT]

FundPayer = Annotated[
    Literal[
        "hifp_pay",
        "cvlserv_pay",
        "hifes_pay",
        "hifmi_pay",
        "hifob_pay",
        "hifdm_pay",
        "maf_pay",
        "oth_pay",
        "hosp_part_amt",
    ],
    Word("支付方"),
]
Period = Annotated[Literal["visit", "day", "month", "quarter", "year", "life"], Word("周期")]
Scope = Annotated[Literal["person", "household", "hospital", "disease", "stay"], Word("范围")]


def _texts(raw: Any) -> tuple[str, ...]:
    faults = Faults()
    items = raw if isinstance(raw, list) else [raw]
    for index, item in enumerate(items):
        if not isinstance(item, str):
            faults.add((index,) if isinstance(raw, list) else (), Fault("expected text", "应为文本", "text", "文本"))
    faults.raise_if_any()
    return tuple(str(item) for item in items)


Words = Annotated[
    tuple[str, ...],
    PlainValidator(_texts),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
"""Text or a list of texts."""


def _some_texts(raw: Any) -> tuple[str, ...]:
    found = _texts(raw)
    if not found:
        fail(Fault("the list is empty", "列表为空", "at least one text", "至少一个文本"))
    return found


SomeWords = Annotated[
    tuple[str, ...],
    PlainValidator(_some_texts),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}),
]
"""Text or a list of texts, which is not empty."""
