"""Document model of `ybcore-benefit/1`: docs/clearing.md section 5."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ..columns.schema import Column as C
from ..columns.schema import Table
from ..policy.conditions import Condition, ConditionField
from ..policy.faults import Fault, Faults
from ..policy.fields import Code, Node, Word, Words, _scalar
from ..policy.numbers import ScalarError, whole
from ..policy.numbers import _scaled as scaled
from .fields import SCALAR, Money
from .models import Head

__all__ = ["RESULTS", "BenefitModel", "Rule", "check"]

RESULTS = Table(
    "benefits",
    "待遇",
    "cash benefits",
    (
        C("claim_id", "id", zh="申请编号", en="claim"),
        C("document", "code", zh="文件", en="document"),
        C("benefit", "code", zh="待遇", en="benefit"),
        C("outcome", "code", zh="结果", en="outcome"),
        C("count", "quantity", zh="天数或月数", en="days or months"),
        C("allowance", "money", zh="津贴", en="allowance"),
        C("lump", "money", zh="一次性补贴", en="lump sum"),
        C("pay", "money", zh="应发", en="pay"),
    ),
    True,
)

_ALWAYS = Condition()


def _ten_thousandths(text: str) -> int:
    try:
        value = scaled(text, 10_000)
    except ValueError:
        value = None
    if value is None or value < 0:
        raise ScalarError(
            f"expected a number with at most 4 decimals, found {text!r}", f"应为至多四位小数的数，实为 {text!r}"
        )
    return value


Count = Annotated[int, _scalar(_ten_thousandths), SCALAR]
Whole = Annotated[int, _scalar(lambda text: whole(text, 0, 99)), SCALAR]


class Base(Node):
    """The monthly base, held between two amounts."""

    column: Annotated[Literal["monthly_base"], Word("列")]
    least: Money | None = None
    most: Money | None = None


class Plus(Node):
    """What is added to a count: where a condition holds, or for every child beyond a number."""

    adds: Count
    when: ConditionField = _ALWAYS
    each: Annotated[Literal["births"], Word("列")] | None = None
    beyond: Whole = 0


class Counted(Node):
    """Days or months: written, or the claim's own."""

    start: Count | None = None
    column: Annotated[Literal["days", "months"], Word("列")] | None = None
    plus: tuple[Plus, ...] = ()


class Rounding(Node):
    """Where and how an amount is rounded."""

    to: Annotated[Literal["fen", "jiao", "yuan"], Word("精度")] = "fen"
    mode: Annotated[Literal["half_up", "half_even", "down", "up"], Word("舍入方式")] = "half_up"
    at: Annotated[Literal["allowance", "total"], Word("舍入处")] = "allowance"


class Rule(Node):
    """One benefit."""

    id: Code
    when: ConditionField = _ALWAYS
    base: Base
    unit: Annotated[Literal["days", "months"], Word("单位")]
    count: Counted
    lump: Money | None = None
    round: Rounding = Rounding()
    cite: Words = ()


class BenefitModel(Head):
    """One document."""

    format: Annotated[Literal["ybcore-benefit/1"], Word("格式")]
    benefits: tuple[Rule, ...] = Field(min_length=1)


def check(model: BenefitModel, faults: Faults) -> None:
    """What parts must have to do with each other."""
    for index, rule in enumerate(model.benefits):
        count = rule.count
        if (count.start is None) == (count.column is None):
            what = Fault("a count is written, or the claim's own", "须写明天数/月数，或取申请中的列", "start or column", "start 或 column")  # fmt: skip
            faults.add(("benefits", index, "count"), what)
        elif count.column is not None and count.column != rule.unit:
            what = Fault(f"`{count.column}` is not {rule.unit}", f"{count.column} 不是 {rule.unit}", rule.unit)
            faults.add(("benefits", index, "count", "column"), what)
        for at, plus in enumerate(count.plus):
            if plus.beyond and plus.each is None:
                what = Fault("`beyond` goes with each", "beyond 只与 each 同用", key=True)
                faults.add(("benefits", index, "count", "plus", at, "beyond"), what)
