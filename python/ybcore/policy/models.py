"""Document model of a whole policy: docs/policy.md section 2 and what hangs from it, normalised.

Money in fen, rates in ppm, dates in days since 1970-01-01, defaults explicit. Built by `policy.book.load_policy`;
`PolicyModel.plans[i].layers` hold the layers themselves, `use` already followed.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, ValidationInfo, WithJsonSchema

from .conditions import Condition, ConditionField
from .faults import Fault, Faults, fail, unknown
from .fields import (
    Bucket,
    Code,
    CounterName,
    Day,
    Flag,
    MonthDay,
    Node,
    Period,
    Scope,
    Word,
    Words,
)
from .figurefields import PlainMoney, TextFigure
from .figureread import parse_figure
from .figures import Figure, Round
from .layers import Layer, PlanLayer, SharedLayer, UseLayer
from .names import names_in
from .vocabulary import END_QUANTITIES, LAYER_QUANTITIES, PAYERS, SCOPES, VISIT_QUANTITIES

__all__ = [
    "Accounts",
    "Admissions",
    "AttributeDeclaration",
    "Counter",
    "Dates",
    "FirstPayStep",
    "Name",
    "NotModelled",
    "Plan",
    "PolicyModel",
    "Pricing",
    "Rounding",
    "Scheme",
    "Term",
    "TopUp",
    "YearRule",
]

_ALWAYS = Condition()


class Name(Node):
    """A name in two languages."""

    zh: str
    en: str


class Scheme(Node):
    """Whose scheme: `region` is a prefix of insuplc_admdvs or `*`, `insutype` prefixes."""

    id: Code
    region: Code
    insutype: tuple[Code, ...] = Field(min_length=1)


class Effective(Node):
    """Half-open: start ≤ policy date < end; end None is open."""

    start: Day = Field(validation_alias="from")
    end: Day | None = Field(default=None, validation_alias="to")


class NotModelled(Node):
    """What a document leaves out; rows that match `when` carry the flag not_modelled. Without `when`: no row."""

    what: str
    when: ConditionField | None = None


def _not_modelled(raw: Any, info: ValidationInfo) -> NotModelled:
    if isinstance(raw, str):
        return NotModelled.model_construct(what=str(raw), when=None)
    return NotModelled.model_validate(raw, context=info.context)


class AttributeDeclaration(Node):
    """An extra column usable in conditions."""

    table: Annotated[Literal["visits", "persons", "institutions"], Word("表")]
    default: str = ""
    match: Annotated[Literal["exact", "prefix", "number"], Word("匹配方式")] = "exact"


_LookUp = Annotated[Literal["fee", "discharge", "settlement"], Word("日期")]
_VisitDate = Annotated[Literal["settlement", "discharge", "admission"], Word("日期")]


class Dates(Node):
    """Which date chooses what."""

    policy: _VisitDate = "discharge"
    order: Annotated[Literal["settlement", "discharge"], Word("次序")] = "settlement"
    class_: _LookUp = Field(default="fee", validation_alias="class")
    ratio: _LookUp = "fee"
    cap: _LookUp = "fee"


class YearRule(Node):
    """When years begin, which date's year counts, and what happens to stays that cross."""

    starts: MonthDay = (1, 1)
    of: _VisitDate = "discharge"
    cross: Annotated[Literal["discharge", "split"], Word("跨年方式")] = "discharge"
    deductible: Annotated[Literal["first", "each"], Word("起付线归属")] = "first"


_MODES = ("half_up", "half_even", "down", "up")
_PLACES = ("fen", "jiao", "yuan", "exact")


class Rounding(Node):
    """Each place with its own unit and mode."""

    line: Round
    class_: Round
    deductible: Round
    band: Round
    layer: Round
    end: Round


_ROUNDING_DEFAULTS = {"line": "fen", "class": "fen", "deductible": "fen", "band": "exact", "layer": "fen", "end": "fen"}


def _rounding(raw: Any) -> Rounding:
    faults = Faults()
    if not isinstance(raw, dict):
        fail(Fault("expected a mapping", "应为键值映射", "a mapping", "键值映射"))
    mode = _word(raw.get("mode", "half_up"), _MODES, faults, ("mode",)) or "half_up"
    places: dict[str, Round] = {}
    for key in raw:
        if key != "mode" and key not in _ROUNDING_DEFAULTS:
            faults.add((key,), unknown("key", "键", key, ("mode", *_ROUNDING_DEFAULTS), key=True))
    for key, default in _ROUNDING_DEFAULTS.items():
        written = raw.get(key, default)
        to, own = written, mode
        if isinstance(written, dict):
            for name in written:
                if name not in ("to", "mode"):
                    faults.add((key, name), unknown("key", "键", name, ("to", "mode"), key=True))
            to = written.get("to", default)
            own = _word(written.get("mode", mode), _MODES, faults, (key, "mode")) or mode
        unit = _word(to, _PLACES, faults, (key,)) or "fen"
        if key == "end" and unit == "exact":
            faults.add((key,), Fault("`end` rounds to the fen at least", "end 至少取整到分", "fen, jiao or yuan", "fen、jiao 或 yuan"))  # fmt: skip
        places[key] = Round(to=unit, mode=own)  # type: ignore[arg-type]
    faults.raise_if_any()
    places["class_"] = places.pop("class")
    return Rounding(**places)


def _word(raw: Any, words: tuple[str, ...], faults: Faults, loc: tuple[str, ...]) -> str | None:
    if isinstance(raw, str) and raw in words:
        return str(raw)
    faults.add(loc, unknown("rounding", "取整方式", str(raw), words))
    return None


class PricingPlace(Node):
    """Which place's catalogue row holds."""

    class_: Annotated[Literal["treatment", "insured"], Word("地点")] = Field(
        default="treatment", validation_alias="class"
    )
    ratio: Annotated[Literal["treatment", "insured"], Word("地点")] = "treatment"
    cap: Annotated[Literal["treatment", "insured"], Word("地点")] = "treatment"


def _ratio(raw: Any, info: ValidationInfo) -> Figure | None:
    if raw == "catalog":
        return None
    faults = Faults()
    figure = parse_figure(raw, "share", names_in(info), faults)
    faults.raise_if_any()
    return figure


class FirstPayStep(Node):
    """One first-pay step; `ratio` None is the catalogue's."""

    ratio: Annotated[Figure | None, PlainValidator(_ratio), WithJsonSchema({"x-ref": "ratio"})]
    when: ConditionField = _ALWAYS
    on: Annotated[Literal["rest", "gross"], Word("基数")] = "rest"
    at: Annotated[Literal["line", "class", "visit"], Word("计算层次")] = "line"
    class_: tuple[Annotated[Literal["01", "02"], Word("目录类别")], ...] = Field(
        default=("01", "02"), validation_alias="class", min_length=1
    )


_CATALOG_STEP = FirstPayStep.model_construct(ratio=None)


class Pricing(Node):
    """Lines into natures."""

    place: PricingPlace = PricingPlace.model_construct()
    ratio_category: TextFigure | None = None
    first_pay: tuple[FirstPayStep, ...] = (_CATALOG_STEP,)


class Term(Node):
    """One term of a counter: kind `layer`, `payer`, `visit` or `end`; `name` of the layer (else empty); `quantity`."""

    sign: Literal[1, -1]
    kind: Literal["layer", "payer", "visit", "end"]
    name: str
    quantity: str


def _term(raw: Any, info: ValidationInfo) -> Term:
    if not isinstance(raw, str):
        fail(Fault("expected a term such as basic.paid", "应为项，如 basic.paid", "text", "文本"))
    text = str(raw)
    sign: Literal[1, -1] = -1 if text.startswith("-") else 1
    head, dot, tail = text.removeprefix("-").strip().rpartition(".")
    names = names_in(info)
    if not dot:
        fail(Fault(f"expected a term such as basic.paid, found {text!r}", f"应为项，如 basic.paid，实为 {text!r}"))
    if head in ("visit", "end", "payer"):
        tags = tuple(b for b in names.buckets if "." in b)
        valid = {"visit": VISIT_QUANTITIES, "end": END_QUANTITIES + tags, "payer": PAYERS}[head]
        if tail not in valid:
            fail(unknown(f"quantity of {head}", f"{head} 的量", tail, valid))
        return Term(sign=sign, kind=head, name="", quantity=tail)  # type: ignore[arg-type]
    if head.startswith("end.") and f"{head[4:]}.{tail}" in names.buckets:
        return Term(sign=sign, kind="end", name="", quantity=f"{head[4:]}.{tail}")
    if head not in names.layers:
        fail(unknown("layer", "支付层", head, (*names.layers, "visit", "end", "payer")))
    if tail not in LAYER_QUANTITIES:
        fail(unknown("quantity of a layer", "层的量", tail, LAYER_QUANTITIES))
    return Term(sign=sign, kind="layer", name=head, quantity=tail)


def _counter_scope(raw: Any, info: ValidationInfo) -> str:
    """`person` ..., or `attribute:<name>` for `{attribute: name}`."""
    if isinstance(raw, dict):
        name = raw.get("attribute")
        if set(raw) != {"attribute"}:
            fail(Fault("expected a scope or {attribute: name}", "应为范围或 {attribute: 名称}"))
        if name not in names_in(info).attributes:
            fail(unknown("attribute", "属性", str(name), names_in(info).attributes), "attribute")
        return f"attribute:{name}"
    if raw not in SCOPES:
        fail(unknown("scope", "范围", str(raw), SCOPES))
    return str(raw)


class Counter(Node):
    """A named accumulator. `scope` is one of the scopes, or `attribute:<name>`."""

    sum: tuple[Annotated[Term, PlainValidator(_term), WithJsonSchema({"type": "string"})], ...] = Field(min_length=1)
    period: Period
    scope: Annotated[str, PlainValidator(_counter_scope), WithJsonSchema({"x-ref": "counter_scope"})] = "person"


class Admissions(Node):
    """Which stays count as admissions."""

    when: ConditionField = _ALWAYS
    period: Period = "year"
    scope: Scope = "person"
    one_per: Annotated[Literal["stay", "settlement"], Word("计次方式")] = "stay"


class TopUp(Node):
    """Money put into the account on the first day of each month or year."""

    every: Annotated[Literal["month", "year"], Word("周期")]
    amount: PlainMoney
    when: ConditionField = _ALWAYS


_LAST_BUCKETS = ("in_scope", "deductible", "copay", "over_ceiling", "first_pay", "direct")


class Accounts(Node):
    """Personal accounts; absent: no account pays."""

    pay: Annotated[Literal["last", "layers"], Word("支付次序")] = "last"
    buckets: tuple[Bucket, ...] = _LAST_BUCKETS
    renew: Annotated[Literal["carried", "zero", "opening"], Word("结转方式")] = "carried"
    topups: tuple[TopUp, ...] = ()
    mutual_aid: Flag = False


class Plan(Node):
    """One row of the decision table. After normalisation `feeds` is explicit and `layers` holds no `use`."""

    id: Code
    when: ConditionField = _ALWAYS
    feeds: tuple[CounterName, ...] | None = None
    layers: tuple[PlanLayer, ...] = ()
    benefit: Annotated[Literal["none"], Word("待遇")] | None = None
    cite: Words = ()
    note: Words = ()

    def resolved(self) -> tuple[Layer, ...]:
        """The layers, once `use` is followed."""
        assert not any(isinstance(layer, UseLayer) for layer in self.layers)
        return self.layers  # type: ignore[return-value]


class PolicyModel(Node):
    """The whole document."""

    format: Annotated[Literal["ybcore-policy/1"], Word("格式")]
    id: Code
    name: Name | None = None
    scheme: Scheme
    effective: Effective
    cite: Words = ()
    not_modelled: tuple[
        Annotated[NotModelled, PlainValidator(_not_modelled), WithJsonSchema({"x-ref": "not_modelled"})], ...
    ] = ()
    sets: dict[str, tuple[Code, ...]] = Field(default_factory=dict)
    attributes: dict[str, AttributeDeclaration] = Field(default_factory=dict)
    references: dict[str, PlainMoney] = Field(default_factory=dict)
    dates: Dates = Dates.model_construct()
    year: YearRule = YearRule.model_construct()
    rounding: Annotated[Rounding, PlainValidator(_rounding), WithJsonSchema({"x-ref": "rounding"})] = _rounding({})
    tags: tuple[Code, ...] = ()
    pricing: Pricing = Pricing.model_construct()
    counters: dict[str, Counter] = Field(default_factory=dict)
    admissions: Admissions | None = None
    accounts: Accounts | None = None
    layers: dict[str, SharedLayer] = Field(default_factory=dict)
    plans: tuple[Plan, ...] = Field(min_length=1)

    @property
    def grid(self) -> bool:
        """Whether money is settled in millionths of a fen: some place but `band` is exact."""
        places = self.rounding
        return "exact" in (places.line.to, places.class_.to, places.deductible.to, places.layer.to)
