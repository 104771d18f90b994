"""The `check` blocks of the kernels that look at lines one by one and at what stands beside them: K01 to K03, K05 (docs/checks.md 3)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, ValidationInfo, WithJsonSchema, model_validator

from ..policy.faults import Fault, Faults, fail, unknown
from ..policy.fields import Code, Flag, Node, SomeWords, Word, Words
from .fields import Comparator, exactly_one
from .figures import Price, Quantity, Whole, default_figure
from .vocabulary import ATTRIBUTES

__all__ = [
    "AgeTest",
    "Attribute",
    "Codes",
    "ColumnMap",
    "Couple",
    "DiagnosisSet",
    "Lab",
    "ListOrColumn",
    "Partner",
    "PriceCeiling",
    "QuantityRatio",
    "Trigger",
]


# --- K01 -------------------------------------------------------------------------------------------------------------


class Codes(Node):
    """Prefixes that the attribute may, or may not, have."""

    codes: SomeWords


class AgeTest(Node):
    """Ages that the comparator names; completed units."""

    unit: Annotated[Literal["day", "month", "year"], Word("年龄单位")]
    comparator: Comparator
    value: Whole


class ColumnMap(Node):
    """The text of a column → prefixes, or an age test."""

    column: Code
    map: dict[str, Words | AgeTest] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _cells(cls, raw: Any, info: ValidationInfo) -> Any:
        if isinstance(raw, dict) and isinstance(raw.get("map"), dict):
            cells = {
                key: AgeTest.model_validate(cell, context=info.context) if isinstance(cell, dict) else cell
                for key, cell in raw["map"].items()
            }
            return {**raw, "map": cells}
        return raw


def _test(raw: Any, info: ValidationInfo) -> Codes | ColumnMap | AgeTest:
    if isinstance(raw, dict):
        for key, model in (("codes", Codes), ("column", ColumnMap), ("comparator", AgeTest), ("unit", AgeTest)):
            if key in raw:
                return model.model_validate(raw, context=info.context)
    fail(
        Fault(
            "expected what is allowed or barred",
            "应为允许或禁止的取值",
            "{codes: [..]}, {column, map}, or for age {unit, comparator, value}",
            "{codes: [..]}、{column, map}，年龄则为 {unit, comparator, value}",
        )
    )


_Test = Annotated[Codes | ColumnMap | AgeTest, PlainValidator(_test), WithJsonSchema({"x-ref": "attribute_test"})]
_ATTRIBUTE = PlainValidator(lambda raw: _attribute(raw))


def _attribute(raw: Any) -> str:
    if not isinstance(raw, str) or raw not in ATTRIBUTES:
        fail(unknown("attribute", "属性", str(raw), ATTRIBUTES))
    return str(raw)


class Attribute(Node):
    """K01: one key, one attribute."""

    key: Annotated[
        Literal["item", "diagnosis", "operation", "doctor", "institution", "person", "card"], Word("主键")
    ] = "item"
    attribute: Annotated[str, _ATTRIBUTE, WithJsonSchema({"enum": list(ATTRIBUTES)})]
    allowed: _Test | None = None
    barred: _Test | None = None
    age_at: Annotated[Literal["service", "admission"], Word("年龄日期")] = "service"

    @model_validator(mode="after")
    def _parts(self) -> Attribute:
        if self.attribute == "listed":
            for name in ("allowed", "barred"):
                if getattr(self, name) is not None:
                    fail(
                        Fault(
                            "`listed` looks the key up in the table and needs no codes",
                            "listed 只查名单，不需要代码",
                            key=True,
                        ),
                        name,
                    )
            return self
        exactly_one(self, "allowed", "barred")
        name = "allowed" if self.allowed is not None else "barred"
        test = self.allowed or self.barred
        cells = list(test.map.values()) if isinstance(test, ColumnMap) else [test]
        aged = [isinstance(cell, AgeTest) for cell in cells]
        if all(aged) != (self.attribute == "age") or any(aged) != (self.attribute == "age"):
            fail(
                Fault(
                    "age, and only age, is tested by unit, comparator and value",
                    "年龄（且仅年龄）以 unit、comparator、value 检验",
                ),
                name,
            )
        if self.attribute == "age" and name == "allowed":
            fail(
                Fault(
                    "a comparator names the hit: an age test stands under `barred`",
                    "比较方式指命中的情形：年龄检验写在 barred 下",
                    nearest="barred",
                    key=True,
                ),
                name,
            )
        if isinstance(test, ColumnMap):
            self._says_something(name, test)
        return self

    @staticmethod
    def _says_something(name: str, test: ColumnMap) -> None:
        """A text that allows nothing would be a hit whatever the attribute; one that bars nothing may stand beside others that do."""
        empty = [key for key, codes in test.map.items() if codes == ()]
        if name == "barred" and len(empty) < len(test.map):
            return
        faults = Faults()
        word, zh = ("allows", "允许") if name == "allowed" else ("bars", "禁止")
        for key in empty:
            en = f"the text {key!r} {word} nothing"
            faults.add(
                (name, "map", key), Fault(en, f"文本 {key!r} 没有{zh}任何取值", "at least one code", "至少一个代码")
            )
        faults.raise_if_any()


# --- K02 -------------------------------------------------------------------------------------------------------------


class ListOrColumn(Node):
    """A list of the book, or a column whose cells name lists."""

    list: Code | None = None
    column: Code | None = None

    @model_validator(mode="after")
    def _one(self) -> ListOrColumn:
        exactly_one(self, "list", "column")
        return self


class Lab(Node):
    """A test value that must fulfil the comparator."""

    items: SomeWords
    comparator: Comparator
    value: Quantity
    look_back_days: Whole


class DiagnosisSet(Node):
    """K02: the visit's diagnoses against a list."""

    diagnoses: ListOrColumn | None = None
    which: Annotated[Literal["any", "main"], Word("诊断范围")] = "any"
    look_back_days: Whole | None = None
    lab: Lab | None = None
    combine: Annotated[Literal["all", "any"], Word("组合方式")] = "all"
    negate: Flag = False
    key: Annotated[Literal["item", "operation"], Word("主键")] = "item"

    @model_validator(mode="after")
    def _parts(self) -> DiagnosisSet:
        if self.diagnoses is None and self.lab is None:
            fail(Fault("a condition is needed", "须给出条件", "diagnoses, lab or both", "diagnoses、lab 或二者"))
        return self


# --- K03 -------------------------------------------------------------------------------------------------------------


class PriceCeiling(Node):
    """K03: unit price above the table's `ceiling`."""

    tolerance: Price = default_figure("0", "price")


# --- K05 -------------------------------------------------------------------------------------------------------------

_Kind = Annotated[Literal["item", "diagnosis", "operation"], Word("类别")]


class Trigger(Node):
    """What asks for the partner: the rule's items, or a diagnosis or operation of a list."""

    kind: _Kind = "item"
    list: Code | None = None

    @model_validator(mode="after")
    def _parts(self) -> Trigger:
        if (self.kind == "item") == (self.list is not None):
            fail(
                Fault(
                    "the items of the rule are the trigger `item`; a diagnosis or operation trigger has a list",
                    "触发 item 即规则的项目；诊断或手术触发须给出 list",
                )
            )
        return self


def _trigger(raw: Any, info: ValidationInfo) -> Trigger:
    return Trigger.model_validate({"kind": raw} if isinstance(raw, str) else raw, context=info.context)


class Partner(Node):
    """What must, or must not, be there."""

    kind: _Kind
    list: Code | None = None
    column: Code | None = None

    @model_validator(mode="after")
    def _one(self) -> Partner:
        exactly_one(self, "list", "column")
        return self


class QuantityRatio(Node):
    """`units` of the trigger for each `per` of the partner."""

    units: Quantity
    per: Quantity


class Couple(Node):
    """K05: a trigger and its partner."""

    trigger: Annotated[Trigger, PlainValidator(_trigger), WithJsonSchema({"x-ref": "trigger"})] = (
        Trigger.model_construct(kind="item", list=None)
    )
    partner: Partner
    where: Annotated[Literal["visit", "day", "history"], Word("范围")]
    look_back_days: Whole | None = None
    ratio: QuantityRatio | None = None
    negate: Flag = False

    @model_validator(mode="after")
    def _parts(self) -> Couple:
        if (self.where == "history") != (self.look_back_days is not None):
            fail(
                Fault(
                    "`where: history` and `look_back_days` go together", "where: history 与 look_back_days 须同时给出"
                ),
                "where",
            )
        if self.ratio is not None and self.negate:
            fail(Fault("a ratio cannot be negated", "配比不能取反", key=True), "negate")
        return self
