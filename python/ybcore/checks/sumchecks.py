"""The `check` blocks of the kernels that add up or compare columns: K13 to K15, and rules of one's own (docs/checks.md 3, 7)."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PlainValidator, ValidationInfo, WithJsonSchema, model_validator

from ..policy.faults import Fault, fail, unknown
from ..policy.fields import Code, Node, SomeWords, Word, Words
from .fields import EMPTY, Comparator, Items, ItemsField, ScopeField, exactly_one
from .figures import Amount, Fraction, Measured, Quantity, QuantityCell, Signed, Whole, default_figure
from .groupchecks import MEASURES, with_kind

__all__ = [
    "ChangeTest",
    "CodeIn",
    "Delay",
    "FixedTest",
    "InCatalogue",
    "OneOf",
    "Ordered",
    "PeerTest",
    "Product",
    "Ratio",
    "Required",
    "Side",
    "Stock",
    "SumOfLines",
    "Trace",
    "Unique",
    "UserCheck",
]


# --- K13 -------------------------------------------------------------------------------------------------------------


class Side(Node):
    """Numerator or denominator: a sum of visits or lines."""

    measure: Annotated[Literal["amount", "quantity", "count", "visits", "days"], Word("度量")]
    items: ItemsField = Items()
    scope: ScopeField = EMPTY


class FixedTest(Node):
    """The ratio against a figure."""

    kind: Literal["fixed"]
    comparator: Comparator
    value: Fraction


class ChangeTest(Node):
    """The relative change against the period before."""

    kind: Literal["change"]
    comparator: Comparator
    value: Fraction


class PeerTest(Node):
    """The place among peers."""

    kind: Literal["peer"]
    group: Words
    statistic: Annotated[Literal["z", "mad", "percentile"], Word("统计量")]
    comparator: Comparator
    value: Fraction


_TESTS: dict[str, type[Node]] = {"fixed": FixedTest, "change": ChangeTest, "peer": PeerTest}


def _test(raw: Any, info: ValidationInfo) -> Any:
    if not isinstance(raw, dict) or "kind" not in raw:
        fail(Fault("expected a test", "应为检验", "a mapping with `kind`: " + ", ".join(_TESTS), "含 kind 的键值映射：" + ", ".join(_TESTS)))  # fmt: skip
    kind = str(raw["kind"])
    if kind not in _TESTS:
        fail(unknown("kind of test", "检验类型", kind, _TESTS), "kind")
    return _TESTS[kind].model_validate(raw, context=info.context)


class Ratio(Node):
    """K13: numerator over denominator by unit and period."""

    across: ClassVar[bool] = True
    by: Annotated[Literal["institution", "doctor", "department"], Word("单位")]
    period: Annotated[Literal["month", "quarter", "year", "all"], Word("期间")]
    numerator: Side
    denominator: Side
    test: Annotated[Any, PlainValidator(_test), WithJsonSchema({"x-ref": "ratio_test"})]
    min_sample: Measured

    @model_validator(mode="after")
    def _kinds(self) -> Ratio:
        if isinstance(self.test, ChangeTest) and self.period == "all":
            fail(Fault("a change needs periods", "变化检验需要期间", "month, quarter or year", "month、quarter 或 year"), "period")  # fmt: skip
        return with_kind(self, MEASURES.get(self.denominator.measure, "whole"), "min_sample")


# --- K14 -------------------------------------------------------------------------------------------------------------


class Stock(Node):
    """K14: sold against what was there."""

    across: ClassVar[bool] = True
    form: Literal["stock"]
    factor: QuantityCell = default_figure("1", "quantity")
    tolerance: Quantity = default_figure("0", "quantity")


class Trace(Node):
    """K14: one trace code on two lines."""

    across: ClassVar[bool] = True
    form: Literal["trace"]


# --- K15 -------------------------------------------------------------------------------------------------------------

_On = Annotated[Literal["visits", "lines"], Word("对象")]


class _Validity(Node):
    on: _On


class Required(_Validity):
    """K15: columns that must be filled."""

    form: Literal["required"]
    columns: SomeWords


class OneOf(_Validity):
    """K15: a column holds one of some codes."""

    form: Literal["one_of"]
    column: Code
    codes: SomeWords


class SumOfLines(Node):
    """K15: lines add up to the visit."""

    form: Literal["sum"]
    tolerance: Amount
    on: Annotated[Literal["visits"], Word("对象")] = "visits"


class Product(Node):
    """K15: quantity times price is the amount."""

    form: Literal["product"]
    tolerance: Amount
    on: Annotated[Literal["lines"], Word("对象")] = "lines"


class Ordered(_Validity):
    """K15: one time is not after another."""

    form: Literal["order"]
    earlier: Code
    later: Code


class Delay(_Validity):
    """K15: the hours between two times."""

    form: Literal["delay"]
    start: Code = Field(validation_alias="from")
    end: Code = Field(validation_alias="to")
    hours: Whole
    comparator: Comparator


class Unique(_Validity):
    """K15: a value stands once."""

    across: ClassVar[bool] = True
    form: Literal["unique"]
    column: Code


class InCatalogue(Node):
    """K15: the item is in the catalogue on the line's day."""

    form: Literal["in_catalogue"]
    on: Annotated[Literal["lines"], Word("对象")] = "lines"


class CodeIn(_Validity):
    """K15: a code is in a list or table."""

    form: Literal["code_in"]
    column: Code
    list: Code | None = None
    table: Code | None = None

    @model_validator(mode="after")
    def _one(self) -> CodeIn:
        exactly_one(self, "list", "table")
        return self


class UserCheck(Node):
    """A registered Python function; `function` is its name when it is not the rule's id. With a comparator it gives a measure, else booleans."""

    across: ClassVar[bool] = True
    function: Code = ""
    measure: Annotated[Literal["count", "quantity", "amount"], Word("度量")] = "count"
    comparator: Comparator | None = None
    value: Signed | None = None

    @model_validator(mode="after")
    def _both(self) -> UserCheck:
        if (self.comparator is None) != (self.value is None):
            name = "value" if self.value is None else "comparator"
            fail(Fault("`comparator` and `value` go together", "comparator 与 value 须同时给出", f"`{name}` too", f"同时给出 {name}"))  # fmt: skip
        if self.comparator is None and "measure" in self.model_fields_set:
            en = "`measure` is that of `comparator` and `value`"
            fail(Fault(en, "measure 只与 comparator、value 同用", key=True), "measure")
        return with_kind(self, MEASURES[self.measure], "value")
