"""Document models of layers: what docs/policy.md section 5 says, normalised. Money in fen, rates in ppm.

Told apart by `kind`; `share` is the default. Defaults are explicit in the models, so a reader of a model never
needs to know one.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, PlainValidator, Tag, ValidationInfo, WithJsonSchema, model_validator

from .conditions import Condition, ConditionField
from .faults import Fault, Faults, unknown
from .fields import (
    Bucket,
    Code,
    CounterName,
    Flag,
    FundPayer,
    LayerName,
    Node,
    Period,
    Positive,
    Scope,
    Word,
    Words,
)
from .figureread import Factor, Money, PlainMoney, Points, Share, is_open, parse_figure
from .figures import Figure

__all__ = [
    "KINDS",
    "AcctLayer",
    "Admission",
    "BandStep",
    "Bands",
    "BaseComputed",
    "BasePart",
    "Ceiling",
    "Deductible",
    "FixedLayer",
    "FloorLayer",
    "GivenLayer",
    "Layer",
    "LayerBase",
    "Modifier",
    "Once",
    "PackageLayer",
    "PerDayLayer",
    "RateModifiers",
    "ShareLayer",
    "Transfer",
    "UseLayer",
    "Waive",
]

_ALWAYS = Condition()


def _raise(fault: Fault, *loc: str | int) -> None:
    faults = Faults()
    faults.add(loc, fault)
    faults.raise_if_any()


def _tell(en: str, zh: str, *loc: str | int, expected: str = "") -> None:
    _raise(Fault(en, zh, expected), *loc)


_RoundTo = Annotated[Literal["fen", "jiao", "yuan", "exact"], Word("取整单位")]
_RoundMode = Annotated[Literal["half_up", "half_even", "down", "up"], Word("取整方式")]


class RoundPlace(Node):
    """`{to: yuan, mode: half_up}` of a deductible."""

    to: _RoundTo = "fen"
    mode: _RoundMode = "half_up"


class BasePart(Node):
    """One bucket of a base, whole (`part` absent) or in part."""

    bucket: Bucket
    part: Share | None = None


class BaseComputed(Node):
    """What the ceilings of an earlier layer cut, limited to what the buckets in `from` hold."""

    of: Annotated[Literal["cut_fund", "cut_expense"], Word("基数")]
    layer: LayerName
    buckets: tuple[Bucket, ...] = Field(validation_alias="from", min_length=1)


def _part(raw: Any, info: ValidationInfo) -> BasePart:
    """A bare bucket name, or `{bucket, part}`."""
    if isinstance(raw, dict):
        return BasePart.model_validate(raw, context=info.context)
    if raw not in info.context.buckets:
        _raise(unknown("bucket", "负担桶", str(raw), info.context.buckets))
    return BasePart.model_construct(bucket=str(raw), part=None)


class _Parts(Node):
    """The list form of a base (internal: a location step that starts with ~ is not shown)."""

    rows: tuple[Annotated[BasePart, PlainValidator(_part)], ...] = Field(validation_alias="~rows")


def _base(raw: Any, info: ValidationInfo) -> tuple[BasePart, ...] | BaseComputed:
    if isinstance(raw, dict):
        return BaseComputed.model_validate(raw, context=info.context)
    if not isinstance(raw, list) or not raw:
        _tell("expected a list of buckets or {of, layer, from}", "应为负担桶列表或 {of, layer, from}")
    return _Parts.model_validate({"~rows": raw}, context=info.context).rows


IN_SCOPE = (BasePart.model_construct(bucket="in_scope", part=None),)
"""The default base."""

LayerBase = Annotated[tuple[BasePart, ...] | BaseComputed, PlainValidator(_base), WithJsonSchema({"x-ref": "base"})]


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
            _tell("exactly one of set, times, plus, minus", "set、times、plus、minus 必须恰有一个")
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
            _tell(
                "exactly one of list, factors, less_share, times, less, not empty",
                "list、factors、less_share、times、less 必须恰有一个且不为空",
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


def _edge(raw: Any, info: ValidationInfo) -> Figure | None:
    if is_open(raw):
        return None
    faults = Faults()
    figure = parse_figure(raw, "money", info.context, faults)
    faults.raise_if_any()
    return figure


class BandStep(Node):
    """Up to `to` (included; None: open) at `rate`, paid by `payer` (None: the layer's)."""

    to: Annotated[Figure | None, PlainValidator(_edge), WithJsonSchema({"x-ref": "edge"})]
    rate: Share
    payer: FundPayer | None = None


def _position(raw: Any, info: ValidationInfo) -> str:
    if raw != "visit" and raw not in info.context.counters:
        _raise(unknown("counter", "累计", str(raw), ("visit", *info.context.counters)))
    return str(raw)


class Bands(Node):
    """`position` is `visit` or the name of a counter."""

    origin: Annotated[Literal["including", "excess"], Word("起点")] = "including"
    position: Annotated[str, PlainValidator(_position), WithJsonSchema({"type": "string"})] = "visit"
    form: Annotated[Literal["progressive", "by_total"], Word("分段方式")] = "progressive"
    total: Annotated[Literal["base", "after_deductible"], Word("总额")] | None = None
    steps: tuple[BandStep, ...] = Field(min_length=1)


class PointsRow(Node):
    """Adds to the rate."""

    when: ConditionField = _ALWAYS
    add: Points


class TimesRow(Node):
    """Multiplies the self share or the rate."""

    when: ConditionField = _ALWAYS
    times: Factor


class RateModifiers(Node):
    """Every row that matches, lists in this order."""

    points: tuple[PointsRow, ...] = ()
    self_ratio: tuple[TimesRow, ...] = ()
    factor: tuple[TimesRow, ...] = ()


class AfterRate(Node):
    """The second deductible, after the rate."""

    amount: Money
    repeat: Annotated[Literal["visit"], Word("重复方式")] = "visit"


def _after_rate(raw: Any, info: ValidationInfo) -> AfterRate:
    if isinstance(raw, dict) and "amount" in raw:
        return AfterRate.model_validate(raw, context=info.context)
    faults = Faults()
    figure = parse_figure(raw, "money", info.context, faults, counter=True)
    faults.raise_if_any()
    assert figure is not None
    return AfterRate.model_construct(amount=figure, repeat="visit")


class Ceiling(Node):
    """One ceiling. `of` names payers (on: payers) or layers (on: layers)."""

    on: Annotated[Literal["fund", "payers", "layers", "expense", "above_deductible"], Word("限额对象")]
    of: Words = ()
    limit: Money
    per: Period
    scope: Scope = "person"
    cut_as: Annotated[Literal["fund", "expense"], Word("超限方式")] | None = None
    counter: CounterName | None = None


KINDS = ("share", "fixed", "per_day", "package", "floor", "given", "acct")


class Once(Node):
    """At most once in the period and scope."""

    period: Period
    scope: Scope = "person"


class _Layer(Node):
    """Keys of every layer. `id` of a shared layer is its key."""

    id: Code
    when: ConditionField = _ALWAYS
    basic: Flag = False
    moves: Flag = False
    base: LayerBase = IN_SCOPE
    take: Annotated[Literal["ordered", "pro_rata"], Word("取用方式")] = "ordered"
    ceilings: tuple[Ceiling, ...] = ()
    cite: Words = ()
    note: Words = ()


class ShareLayer(_Layer):
    """A share of the base: deductible, bands (or rate, or part_rates), ceilings."""

    kind: Annotated[Literal["share"], Word("层类型", KINDS[1:])] = "share"
    payer: FundPayer
    deductible: Deductible | None = None
    bands: Bands | None = None
    rate: Share | None = None
    part_rates: dict[str, Share] | None = None
    rate_modifiers: RateModifiers = RateModifiers.model_construct()
    after_rate_deductible: Annotated[
        AfterRate | None, PlainValidator(_after_rate), WithJsonSchema({"x-ref": "after_rate"})
    ] = None
    settle: Annotated[Literal["per_visit", "delta_F", "F_minus_paid"], Word("结算方式")] = "per_visit"
    accumulate: CounterName | None = None
    carry: Flag | None = None
    at_least: Money | None = None

    @property
    def steps(self) -> tuple[BandStep, ...]:
        """The bands; `rate` is one open band; empty for `part_rates`."""
        if self.bands is not None:
            return self.bands.steps
        if self.rate is not None:
            return (BandStep.model_construct(to=None, rate=self.rate, payer=None),)
        return ()

    @property
    def carries(self) -> bool:
        """`carry` with its default: false for delta_F, true for F_minus_paid."""
        return self.carry if self.carry is not None else self.settle == "F_minus_paid"


class FixedLayer(_Layer):
    """min(amount, base), perhaps once in a period."""

    kind: Literal["fixed"]
    payer: FundPayer
    amount: Money
    once: Once | None = None


class PerDayLayer(_Layer):
    """amount × max(1, ipt_days), at most the base."""

    kind: Literal["per_day"]
    payer: FundPayer
    amount: Money


class PackageLayer(_Layer):
    """A price per visit or day; docs/settlement.md section 6."""

    kind: Literal["package"]
    payer: FundPayer
    price: Money
    per: Annotated[Literal["visit", "day"], Word("计价单位")] = "visit"
    self_rate: Share
    self_on: Annotated[Literal["price", "actual"], Word("自付基数")] = "price"
    below: Annotated[Literal["shared", "fund"], Word("低于定额时")] = "shared"
    excess: Annotated[Literal["person", "hospital"], Word("超额归属")] = "person"


class FloorLayer(_Layer):
    """Brings what the counted payers paid up to an amount, or to a share of total or in_scope."""

    kind: Literal["floor"]
    payer: FundPayer
    amount: Money | None = None
    share: Share | None = None
    of: Annotated[Literal["total", "in_scope"], Word("保底基数")] | None = None
    counts: tuple[FundPayer, ...] = ()


class GivenLayer(_Layer):
    """Pays the visit's column `given_<payer>`."""

    kind: Literal["given"]
    payer: FundPayer


class AcctLayer(_Layer):
    """The personal account pays, at most `limit`. `payer` is `acct_pay`."""

    kind: Literal["acct"]
    payer: Annotated[Literal["acct_pay"], Word("支付方")] = "acct_pay"
    limit: Money | None = None


class UseLayer(Node):
    """`{use: name}`: a shared layer."""

    use: str


Layer = ShareLayer | FixedLayer | PerDayLayer | PackageLayer | FloorLayer | GivenLayer | AcctLayer
"""A layer; told apart by `kind`."""


def _which(raw: Any) -> str:
    if isinstance(raw, UseLayer):
        return "~use"
    kind = raw.get("kind", "share") if isinstance(raw, dict) else getattr(raw, "kind", "share")
    return f"~{kind}" if kind in KINDS else "~share"


def _which_or_use(raw: Any) -> str:
    return "~use" if isinstance(raw, dict) and "use" in raw else _which(raw)


_Tagged = (
    Annotated[ShareLayer, Tag("~share")]
    | Annotated[FixedLayer, Tag("~fixed")]
    | Annotated[PerDayLayer, Tag("~per_day")]
    | Annotated[PackageLayer, Tag("~package")]
    | Annotated[FloorLayer, Tag("~floor")]
    | Annotated[GivenLayer, Tag("~given")]
    | Annotated[AcctLayer, Tag("~acct")]
)
SharedLayer = Annotated[_Tagged, Discriminator(_which)]
"""A layer under `layers:`."""
PlanLayer = Annotated[_Tagged | Annotated[UseLayer, Tag("~use")], Discriminator(_which_or_use)]
"""A layer in a plan, or `{use: name}`."""
