"""The `check` blocks of the kernels that look at groups of lines: K04, K06, K11, K12 (docs/checks.md 3)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, ValidationInfo, WithJsonSchema, model_validator

from ..policy.faults import Fault, Faults, fail
from ..policy.fields import Code, Flag, Node, Word, Words
from ..policy.numbers import ScalarError
from .fields import EMPTY, ColumnRef, Comparator, Group, ScopeField, Severity, Subject, exactly_one
from .figures import Figure, FigureKind, Fraction, Measured, MeasuredCell, Signed, Whole

__all__ = [
    "MEASURES",
    "AllIn",
    "BucketCap",
    "Bundle",
    "Distinct",
    "FactorOf",
    "Pair",
    "SameClass",
    "Single",
    "TableRef",
    "Threshold",
    "Tier",
    "kinds_of_thresholds",
    "with_kind",
]


# --- K04 -------------------------------------------------------------------------------------------------------------


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
        if self.bundle is not None and self.groups is not None:
            fail(
                Fault(
                    "a bundle has no table whose rows choose among groups",
                    "打包项目没有可据以选组的表",
                    "group: the one that all members stand in",
                    "group：全部成员所在的组",
                    key=True,
                ),
                "groups",
            )
        return self


# --- K06 -------------------------------------------------------------------------------------------------------------


class FactorOf(Node):
    """A cap that grows with the stay: factor × days + plus, both in the unit of the measure."""

    factor: Measured
    of: Annotated[Literal["stay_days"], Word("基数")]
    plus: Signed = Figure("measured", "0")


def _cap(raw: Any, info: ValidationInfo) -> Any:
    if isinstance(raw, dict) and ("factor" in raw or "of" in raw):
        return FactorOf.model_validate(raw, context=info.context)
    return _CELL.func(raw)  # type: ignore[call-arg]


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
            value = value.model_copy(update={"factor": value.factor.as_kind(kind), "plus": value.plus.as_kind(kind)})
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

    value: Measured
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
    faults = Faults()
    read_thresholds(node, kind, faults, ())
    faults.raise_if_any()
    return node


def read_thresholds(node: Any, kind: FigureKind, faults: Faults, loc: tuple[str | int, ...]) -> None:
    """The same of a block that stands at `loc`; faults are collected."""
    made = []
    for index, threshold in enumerate(node.thresholds or ()):
        try:
            made.append(threshold.model_copy(update={"value": threshold.value.as_kind(kind)}))
        except ScalarError as err:
            faults.add((*loc, "thresholds", index, "value"), Fault(err.en, err.zh))
    if node.thresholds is not None:
        node.__dict__["thresholds"] = tuple(made)


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
