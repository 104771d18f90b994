"""Document model of `ybcore-clearing/1`: docs/clearing.md section 2, normalised. Money in fen, rates in ppm, days since 1970-01-01."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, ValidationInfo, WithJsonSchema

from ..policy.conditions import Condition, ConditionField
from ..policy.faults import fail, unknown
from ..policy.fields import Code, Flag, Node, Word, Words, _scalar
from ..policy.figurefields import Factor, Share
from ..policy.figures import Figure
from ..policy.models import AttributeDeclaration, Effective, Name, Scheme
from ..policy.numbers import PPM, whole
from .fields import SCALAR, Above, FromZero, Money, Part, Upto, fixed

__all__ = ["FORMULAS", "PAYS", "WORDS", "ClearingModel", "Head", "Method", "Pays", "Pool", "Yearly"]

PAYS = ("item", "case", "days", "points", "heads", "budget")
FORMULAS = ("whole", "policy_share", "less_patient", "cap_times_rate", "lesser")
WORDS = ("standard", "item", "review", "hold")
_SOURCES = ("amount", "weight", "points", "mean")
_ALWAYS = Condition()


Digits = Annotated[int, _scalar(lambda text: whole(text, 0, 4)), SCALAR]
ValueDigits = Annotated[int, _scalar(lambda text: whole(text, 0, 6)), SCALAR]
Whole = Annotated[int, _scalar(lambda text: whole(text, 0)), SCALAR]


class Pool(Node):
    """A budget that points share: docs/clearing.md 2.4."""

    period: Annotated[Literal["year", "month"], Word("周期")] = "year"
    reserve: Part = fixed(0)
    fund_ratio: Above = fixed(PPM)
    adds: Annotated[Literal["nothing", "persons"], Word()] = "nothing"
    remainder: Annotated[Literal["share", "reserve"], Word("余数规则")] = "share"
    digits: ValueDigits = 4


class Base(Node):
    """Where a standard comes from: `amount` alone, or a column of the group."""

    group: Annotated[Literal["points", "weight", "mean", "amount"], Word("病组列")] | None = None
    amount: Money | None = None
    rate: Money | None = None
    times: Factor | None = None
    over: Money | None = None


class Actual(Node):
    """standard × (multiple − less), at most standard × most."""

    less: FromZero = fixed(0)
    most: FromZero | None = None
    bare: Flag = False


class ByCost(Node):
    """cost / over × times, in points."""

    over: Money
    times: Factor


class Pays(Node):
    """What a kind of case is paid by: a word, or `actual`, or `by_cost`."""

    word: str = "standard"
    actual: Actual | None = None
    by_cost: ByCost | None = None


def _pays(raw: Any, info: ValidationInfo) -> Pays:
    if isinstance(raw, str):
        if raw not in WORDS:
            fail(unknown("way to pay", "支付方式", raw, (*WORDS, "actual", "by_cost")))
        return Pays.model_construct(word=str(raw), actual=None, by_cost=None)
    if not isinstance(raw, dict) or len(raw) != 1 or next(iter(raw)) not in ("actual", "by_cost"):
        word = next(iter(raw)) if isinstance(raw, dict) and raw else ""
        fail(unknown("way to pay", "支付方式", str(word), (*WORDS, "actual", "by_cost")))
    held = Pays.model_validate(raw, context=info.context)
    return held.model_copy(update={"word": str(next(iter(raw)))})


PaysField = Annotated[Pays, PlainValidator(_pays), WithJsonSchema({"x-ref": "pays"})]


class Plus(Node):
    """`adds` for every whole `each` of a number of the institution, at most `most`."""

    of: Code
    each: Above
    adds: FromZero
    most: Factor


class Coefficient(Node):
    """One factor of a standard."""

    id: Code
    value: Factor
    plus: tuple[Plus, ...] = ()
    cite: Words = ()


class Edge(Node):
    """Where a kind of case begins, and what it pays."""

    at: Factor
    includes: Flag = False
    pays: PaysField


class Multiples(Node):
    """What a cost is compared with."""

    against: Annotated[Literal["mean", "standard"], Word("比较基准")] = "mean"
    value: Above | None = None
    low: Edge | None = None
    high: Edge | None = None
    extreme: Edge | None = None
    cite: Words = ()


class Review(Node):
    """What is paid as long as experts have not decided."""

    otherwise: Annotated[Literal["item", "hold", "standard"], Word("待评审时")]


class Readmission(Node):
    """Stays of one person, institution and group that follow each other too soon."""

    within: Whole
    keeps: Share
    which: Annotated[Literal["earlier", "later"], Word()] = "earlier"
    exempt: tuple[Code, ...] = ()
    cite: Words = ()


def _rate(raw: Any, info: ValidationInfo) -> Figure | None:
    if raw == "case":
        return None
    from ..policy.faults import Faults
    from ..policy.figureread import parse_figure
    from ..policy.names import names_in

    faults = Faults()
    figure = parse_figure(raw, "share", names_in(info), faults)
    faults.raise_if_any()
    return figure


class FundShare(Node):
    """What of a standard the fund pays; `rate` None: that of the case."""

    formula: Annotated[
        Literal["whole", "policy_share", "less_patient", "cap_times_rate", "lesser"], Word("基金支付公式")
    ]
    rate: Annotated[Figure | None, PlainValidator(_rate), WithJsonSchema({"x-ref": "rate_or_case"})] = None
    stops_at_zero: Flag | None = None
    cite: Words = ()

    @property
    def stops(self) -> bool:
        """Whether a payment stops at zero."""
        return self.formula == "policy_share" if self.stops_at_zero is None else self.stops_at_zero


class Step(Node):
    """A part of an overrun, up to a share of the target (None: open), and what of it the fund bears."""

    upto: Upto
    fund: Share


class Overrun(Node):
    """Who bears what is above the target."""

    reading: Annotated[Literal["whole", "part"], Word("分担方式")]
    steps: tuple[Step, ...] = Field(min_length=1)
    cite: Words = ()


class Savings(Node):
    """What of a saving the hospital keeps."""

    keeps: Share
    most: Factor | None = None
    admissions_at_most: Above | None = None
    cite: Words = ()


class Yearly(Node):
    """Target against what was counted."""

    counts: Annotated[Literal["fund", "fee", "recognised"], Word("计入口径")] = "fund"
    overrun: Overrun | None = None
    savings: Savings | None = None


class Monthly(Node):
    """Advances."""

    of: Annotated[Literal["payment", "items", "twelfth"], Word("预付基数")] = "payment"
    rate: Share


class Release(Node):
    """The share of a deposit that a score gives back."""

    start: Whole = Field(validation_alias="from")
    share: FromZero


class Deposit(Node):
    """Quality deposit."""

    rate: Share
    release: tuple[Release, ...] = ()
    cite: Words = ()


class Method(Node):
    """How some cases are paid."""

    id: Code
    when: ConditionField = _ALWAYS
    clr_way: Code = ""
    pays: Annotated[Literal["item", "case", "days", "points", "heads", "budget"], Word("支付方式")]
    pool: Code | None = None
    base: Base | None = None
    digits: Digits = 4
    coefficients: tuple[Coefficient, ...] = ()
    multiples: Multiples | None = None
    incomplete: PaysField | None = None
    ungrouped: PaysField | None = None
    review: Review | None = None
    readmission: Readmission | None = None
    fund: FundShare | None = None
    yearly: Yearly | None = None
    monthly: Monthly | None = None
    deposit: Deposit | None = None
    cite: Words = ()
    note: str = ""

    @property
    def by_case(self) -> bool:
        """Whether single cases are paid; heads and budgets are the institution's."""
        return self.pays not in ("heads", "budget")

    def all_pays(self) -> list[tuple[tuple[str, ...], Pays]]:
        """Every way to pay that is written, with its place."""
        held: list[tuple[tuple[str, ...], Pays | None]] = [
            (("incomplete",), self.incomplete),
            (("ungrouped",), self.ungrouped),
        ]
        if self.multiples is not None:
            for name in ("low", "high", "extreme"):
                edge = getattr(self.multiples, name)
                held.append((("multiples", name, "pays"), edge and edge.pays))
        return [(loc, pays) for loc, pays in held if pays is not None]


class Head(Node):
    """What a document of clearing and one of benefits say of themselves."""

    format: str
    id: Code
    name: Name | None = None
    cite: Words = ()
    source: Words = ()
    note: str = ""
    scheme: Scheme
    effective: Effective
    sets: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    attributes: dict[str, AttributeDeclaration] = Field(default_factory=dict)


class ClearingModel(Head):
    """One document."""

    format: Annotated[Literal["ybcore-clearing/1"], Word("格式")]
    pools: dict[str, Pool] = Field(default_factory=dict)
    methods: tuple[Method, ...] = Field(min_length=1)
