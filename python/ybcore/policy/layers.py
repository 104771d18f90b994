"""Document models of layers: what docs/policy.md section 5 says, normalised. Money in fen, rates in ppm.

Told apart by `kind`; `share` is the default. Defaults are explicit in the models, so a reader of a model never
needs to know one.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, PlainValidator, Tag, ValidationInfo, WithJsonSchema

from .bases import IN_SCOPE, BaseComputed, BasePart, LayerBase
from .conditions import Condition, ConditionField
from .deductibles import Admission, Deductible, Modifier, RoundPlace, Transfer, Waive
from .faults import Faults, fail, unknown
from .fields import Code, CounterName, Flag, FundPayer, Node, Period, Scope, Word, Words
from .figurefields import Factor, Money, Points, Share
from .figureread import is_open, parse_figure
from .figures import Figure
from .names import names_in

__all__ = [
    "IN_SCOPE",
    "KINDS",
    "AcctLayer",
    "Admission",
    "AfterRate",
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
    "PlanLayer",
    "RateModifiers",
    "RoundPlace",
    "ShareLayer",
    "SharedLayer",
    "Transfer",
    "UseLayer",
    "Waive",
]

_ALWAYS = Condition()


def _edge(raw: Any, info: ValidationInfo) -> Figure | None:
    if is_open(raw):
        return None
    faults = Faults()
    figure = parse_figure(raw, "money", names_in(info), faults)
    faults.raise_if_any()
    return figure


class BandStep(Node):
    """Up to `to` (included; None: open) at `rate`, paid by `payer` (None: the layer's)."""

    to: Annotated[Figure | None, PlainValidator(_edge), WithJsonSchema({"x-ref": "edge"})]
    rate: Share
    payer: FundPayer | None = None


def _position(raw: Any, info: ValidationInfo) -> str:
    if raw != "visit" and raw not in names_in(info).counters:
        fail(unknown("counter", "累计", str(raw), ("visit", *names_in(info).counters)))
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
    figure = parse_figure(raw, "money", names_in(info), faults, counter=True)
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
