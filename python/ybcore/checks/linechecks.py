"""The `check` blocks of the kernels that look at lines and what stands beside them: K01 to K06, K11, K12 (docs/checks.md 3)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, ValidationInfo, WithJsonSchema, model_validator

from ..policy.faults import Fault, Faults, fail, unknown
from ..policy.fields import Code, Flag, Node, Word, Words
from ..policy.numbers import ScalarError
from .fields import EMPTY, ColumnRef, Comparator, Group, ScopeField, Severity, Subject
from .figures import FigureKind, Fraction, MeasuredCell, Price, Quantity, QuantityCell, Whole, whole_figure
from .vocabulary import ATTRIBUTES

__all__ = [
    "AgeTest",
    "AllIn",
    "Attribute",
    "BucketCap",
    "Codes",
    "ColumnMap",
    "Couple",
    "DiagnosisSet",
    "Distinct",
    "FactorOf",
    "Pair",
    "Partner",
    "PriceCeiling",
    "SameClass",
    "Single",
    "Threshold",
    "Tier",
    "Trigger",
    "exactly_one",
]

_ZERO = whole_figure(0)


def exactly_one(node: Any, *names: str) -> None:
    """One of several keys must be given, and only one."""
    given = [name for name in names if getattr(node, name) is not None]
    if len(given) == 1:
        return
    shown = ", ".join(names)
    if given:
        fail(Fault(f"only one of {shown} may stand", f"{shown} 只能给出一个", key=True), given[1])
    fail(Fault(f"one of {shown} is needed", f"须给出 {shown} 之一", f"one of: {shown}"))


# --- K01 -------------------------------------------------------------------------------------------------------------


class Codes(Node):
    """Prefixes that the attribute may, or may not, have."""

    codes: Words


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
        return self


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

    items: Words
    comparator: Comparator
    value: QuantityCell
    look_back_days: Whole


class DiagnosisSet(Node):
    """K02: the visit's diagnoses against a list."""

    diagnoses: ListOrColumn | None = None
    which: Annotated[Literal["any", "main"], Word("诊断范围")] = "any"
    look_back_days: Whole = _ZERO
    lab: Lab | None = None
    combine: Annotated[Literal["all", "any"], Word("组合方式")] = "all"
    negate: Flag = False
    key: Annotated[Literal["item", "operation"], Word("主键")] = "item"

    @model_validator(mode="after")
    def _parts(self) -> DiagnosisSet:
        if self.diagnoses is None and self.lab is None:
            fail(Fault("a condition is needed", "须给出条件", "diagnoses, lab or both"))
        return self


# --- K03, K04 --------------------------------------------------------------------------------------------------------


class PriceCeiling(Node):
    """K03: unit price above the table's `ceiling`."""

    tolerance: Price = _ZERO


class Bundle(Node):
    """Members of a bundled item; `at_least` different ones in the group."""

    list: Code
    at_least: Whole


class Pair(Node):
    """K04: two items that exclude each other in a group."""

    group: Group | None = None
    groups: dict[str, Group] | None = None
    subject: Subject = "visit"
    symmetric: Flag = False
    bundle: Bundle | None = None

    @model_validator(mode="before")
    @classmethod
    def _short(cls, raw: Any) -> Any:
        # `group: day` is `group: {group: day}`.
        if isinstance(raw, dict) and isinstance(raw.get("group"), str):
            return {**raw, "group": {"group": raw["group"]}}
        return raw

    @model_validator(mode="after")
    def _parts(self) -> Pair:
        exactly_one(self, "group", "groups")
        if self.bundle is not None and self.symmetric:
            fail(Fault("a bundle has no sides", "打包项目没有方向", key=True), "symmetric")
        return self


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


# --- K06 -------------------------------------------------------------------------------------------------------------


class FactorOf(Node):
    """A cap that grows with the stay: factor × days + plus."""

    factor: Quantity
    of: Annotated[Literal["stay_days"], Word("基数")]
    plus: MeasuredCell = whole_figure(0)


def _cap(raw: Any, info: ValidationInfo) -> Any:
    if isinstance(raw, dict) and ("factor" in raw or "of" in raw):
        return FactorOf.model_validate(raw, context=info.context)
    return _CELL.func(raw)  # type: ignore[attr-defined,call-arg]


_CELL: PlainValidator = MeasuredCell.__metadata__[0]
MEASURES: dict[str, FigureKind] = {"quantity": "quantity", "amount": "money", "count": "whole"}


def _combine(raw: Any, info: ValidationInfo) -> Any:
    return str(raw) if raw in ("item", "all") else ColumnRef.model_validate(raw, context=info.context)


class BucketCap(Node):
    """K06: a sum in a fixed bucket against a cap."""

    group: Annotated[Literal["line", "day", "hour", "visit", "stay"], Word("分组")]
    subject: Subject = "visit"
    measure: Annotated[Literal["quantity", "amount", "count"], Word("度量")]
    cap: Annotated[Any, PlainValidator(_cap), WithJsonSchema({"x-ref": "cap"})]
    combine: Annotated[Any, PlainValidator(_combine), WithJsonSchema({"x-ref": "combine"})] = "item"
    comparator: Comparator
    allocate: Annotated[Literal["first_paid", "last_paid"], Word("超出分摊")] = "first_paid"
    count_denied: Flag = True

    @model_validator(mode="after")
    def _kinds(self) -> BucketCap:
        return with_kind(self, MEASURES[self.measure], "cap")


def with_kind(node: Any, kind: FigureKind, name: str) -> Any:
    """A figure of `measured` kind read as `kind`. In place: the model is still being made."""
    value = getattr(node, name)
    try:
        if isinstance(value, FactorOf):
            value = value.model_copy(update={"plus": value.plus.as_kind(kind)})
        elif value is not None:
            value = value.as_kind(kind)
    except ScalarError as err:
        fail(Fault(err.en, err.zh), name)
    node.__dict__[name] = value
    return node


# --- K11 -------------------------------------------------------------------------------------------------------------


class TableRef(Node):
    """A table of the book."""

    table: Code


class Tier(Node):
    """K11: ranked lines of a group at falling factors."""

    factors: tuple[Fraction, ...] = Field(min_length=1)
    full_price: TableRef
    group_priority: Words
    same: Annotated[Literal["visit", "day", "incision"], Word("同一范围")]


# --- K12 -------------------------------------------------------------------------------------------------------------


class Threshold(Node):
    """A value, for whom it holds, and how grave it is to pass it."""

    value: MeasuredCell
    severity: Severity | None = None
    scope: ScopeField = EMPTY


class _Composition(Node):
    group: Annotated[Literal["prescription", "visit"], Word("分组")] = "prescription"


class Distinct(_Composition):
    """K12: more different items than may be."""

    form: Literal["distinct"]
    comparator: Comparator
    value: Whole | None = None
    thresholds: tuple[Threshold, ...] | None = None

    @model_validator(mode="after")
    def _parts(self) -> Distinct:
        exactly_one(self, "value", "thresholds")
        return kinds_of_thresholds(self, "whole")


def kinds_of_thresholds(node: Any, kind: FigureKind) -> Any:
    """The thresholds' values read as `kind`; faults carry their places."""
    if node.thresholds is None:
        return node
    faults = Faults()
    made = []
    for index, threshold in enumerate(node.thresholds):
        try:
            made.append(threshold.model_copy(update={"value": threshold.value.as_kind(kind)}))
        except ScalarError as err:
            faults.add(("thresholds", index, "value"), Fault(err.en, err.zh))
    faults.raise_if_any()
    node.__dict__["thresholds"] = tuple(made)
    return node


class AllIn(_Composition):
    """K12: every line of the group is in the list."""

    form: Literal["all_in"]
    list: Code


class Single(_Composition):
    """K12: the group has one item only, and it is in the list."""

    form: Literal["single"]
    list: Code


class SameClass(_Composition):
    """K12: two items of one class."""

    form: Literal["same_class"]
    prefix: Whole | None = None
    column: Code | None = None

    @model_validator(mode="after")
    def _one(self) -> SameClass:
        exactly_one(self, "prefix", "column")
        return self
