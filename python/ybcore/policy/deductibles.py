"""Document model of a deductible with its modifiers: docs/policy.md section 5."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .conditions import Condition, ConditionField
from .faults import Fault, fail
from .fields import CounterName, Node, Period, Positive, Scope, Word
from .figurefields import Factor, Money, PlainMoney, Share

__all__ = ["Admission", "Deductible", "Modifier", "RoundPlace", "Transfer", "Waive"]

_ALWAYS = Condition()
_RoundTo = Annotated[Literal["fen", "jiao", "yuan"], Word("取整单位")]
_RoundMode = Annotated[Literal["half_up", "half_even", "down", "up"], Word("取整方式")]


class RoundPlace(Node):
    """`{to: yuan, mode: half_up}` of a deductible."""

    to: _RoundTo = "fen"
    mode: _RoundMode = "half_up"


class Modifier(Node):
    """One row of replace, group, level or place: exactly one of set, times, plus, minus."""

    when: ConditionField = _ALWAYS
    set: PlainMoney | None = None
    times: Factor | None = None
    plus: PlainMoney | None = None
    minus: PlainMoney | None = None

    @model_validator(mode="after")
    def _one(self) -> Modifier:
        if sum(v is not None for v in (self.set, self.times, self.plus, self.minus)) != 1:
            fail(Fault("exactly one of set, times, plus, minus", "set、times、plus、minus 必须恰有一个"))
        return self


class Admission(Node):
    """The admission rule: exactly one of list, factors, less_share, times, less."""

    list: tuple[PlainMoney, ...] | None = None
    factors: tuple[Factor, ...] | None = None
    less_share: Share | None = None
    times: Factor | None = None
    less: PlainMoney | None = None

    @model_validator(mode="after")
    def _one(self) -> Admission:
        given = [v for v in (self.list, self.factors, self.less_share, self.times, self.less) if v is not None]
        if len(given) != 1 or given[0] == ():
            fail(
                Fault(
                    "exactly one of list, factors, less_share, times, less, not empty",
                    "list、factors、less_share、times、less 必须恰有一个且不为空",
                )
            )
        return self


class Transfer(Node):
    """A transfer pays the difference to the chain's standard, or to what the chain used."""

    link: tuple[Annotated[Literal["id", "days"], Word("关联方式")], ...] = Field(default=("id",), min_length=1)
    within_days: Positive | None = None
    against: Annotated[Literal["standard", "used"], Word("抵扣依据")] = "standard"


class Waive(Node):
    """The standard becomes 0 when the condition holds."""

    when: ConditionField = _ALWAYS


class Deductible(Node):
    """docs/policy.md section 5, docs/settlement.md section 5 step 2. `period` and `scope` are None where unused."""

    amount: Money
    repeat: Annotated[Literal["visit", "cumulative", "first_only", "admission", "highest"], Word("重复方式")] = "visit"
    period: Period | None = None
    scope: Scope | None = None
    counter: CounterName | None = None
    admission: Admission | None = None
    less: Annotated[Literal["used", "charged"], Word("扣减依据")] | None = None
    transfer: Transfer | None = None
    replace: tuple[Modifier, ...] = ()
    group: tuple[Modifier, ...] = ()
    level: tuple[Modifier, ...] = ()
    place: tuple[Modifier, ...] = ()
    floor: PlainMoney | None = None
    round: RoundPlace | None = None
    waive: tuple[Waive, ...] = ()
    position: Annotated[Literal["before_rate", "after_rate"], Word("位置")] = "before_rate"
    taken_from: Annotated[Literal["base", "in_catalogue"], Word("扣除来源")] = Field(
        default="base", validation_alias="from"
    )
