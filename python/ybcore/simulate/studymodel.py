"""The models of a study document (docs/simulation.md section 9), and its JSON Schema."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
    model_validator,
)

from ..policy.faults import Fault, fail, unknown
from ..policy.fields import Bilingual, Code, Flag, Node, Positive, Word, Words
from .behaviour import RAND, Behaviour
from .exact import Mean, Ratio, Total
from .knobs import Knob
from .people import People
from .studyclearmodel import ClearingNode
from .studyfields import (
    Amounts,
    BandsOf,
    ColumnName,
    Elasticity,
    Money,
    Number,
    Numbers,
    Pair,
    PathOf,
    Paths,
    Seed,
    Shares,
    Target,
    Where,
    checked,
)
from .studytables import Tables

__all__ = ["ExactNode", "KnobNode", "StudyModel", "json_schema"]  # fmt: skip

SCHEMA_ID = "urn:ybcore:study:1"


class BootstrapNode(Node):
    """Replicates of the weights, for intervals (docs/simulation.md section 7)."""

    number: Positive = 200
    seed: Seed = 1
    strata: Code | None = None
    cluster: Code | None = None
    level: Number = Decimal("0.95")


class PeopleNode(Node):
    """Who the people are. Without `table` the synthetic city's own. `bands`: columns of whole numbers in bands, by where each begins."""

    table: PathOf | None = None
    bands: BandsOf = Field(default_factory=dict)
    bootstrap: BootstrapNode | None = None
    income: Code | None = None
    consumption: Code | None = None
    capacity: Code | None = None
    weight: Code | None = None
    household: Code | None = None


class Alternative(Node):
    """Some of the reforms, in this order, as a policy to compare."""

    id: Code
    name: Bilingual | None = None
    reforms: Words


class ExactNode(Node):
    """One exact measure: a total, a ratio of totals, a mean of people, or the reserve of a fund."""

    total: ColumnName | None = None
    ratio: Pair | None = None
    mean: ColumnName | None = None
    reserve: Code | None = None
    year: Positive | None = None
    scenario: Code = "base"
    where: Where = Field(default_factory=dict)
    name: Bilingual | None = None

    @model_validator(mode="after")
    def _one_thing(self) -> ExactNode:
        given = [name for name in ("total", "ratio", "mean", "reserve") if getattr(self, name) is not None]
        if len(given) != 1:
            fail(Fault("a measure is exactly one thing", "指标恰为一种", "one of: total, ratio, mean, reserve", "以下之一：total, ratio, mean, reserve"))  # fmt: skip
        return self

    @property
    def money(self) -> bool:
        """Whether it is an amount."""
        return self.total is not None or self.mean is not None

    @property
    def id(self) -> str:
        """Its name in tables: told by what it is, so that two that differ have two."""
        kind = next(name for name in ("total", "ratio", "mean", "reserve") if getattr(self, name) is not None)
        held = getattr(self, kind)
        told = [f"{name}={'|'.join(words)}" for name, words in self.where.items()]
        told += [str(self.year)] if self.year is not None else []
        told += [self.scenario] if self.scenario != "base" else []
        return ", ".join([f"{kind} {'/'.join(held) if isinstance(held, tuple) else held}", *told])

    def measure(self, people: People | None, fund: Any) -> Any:
        """The measure of the library. Raises InputError for a fund, a year or a scenario that is not there."""
        named: dict[str, Any] = {"where": self.where, "name": self.id}
        if self.total is not None:
            return Total(self.total, **named)
        if self.ratio is not None:
            return Ratio(*self.ratio, **named)
        if self.mean is not None:
            assert people is not None
            return Mean(people, self.mean, **named)
        from .fund import Reserve

        return Reserve(fund, self.reserve, year=self.year, scenario=self.scenario, name=self.id)


class Attribution(Node):
    """What each reform of the package contributes, to each of these measures."""

    method: Annotated[Literal["sequence", "shapley"], Word("方法")] = "sequence"
    measures: tuple[ExactNode, ...] = Field(default=(ExactNode(total="fund_pay_sumamt"),), min_length=1)


class KnobNode(Node):
    """A place of documents and its values (docs/simulation.md section 5)."""

    id: Code | None = None
    name: Bilingual | None = None
    path: str
    policy: Words | None = None
    scheme: Code | None = None
    items: Words | dict[str, Words] | None = None
    region: Code | None = None
    rule: Code | None = None
    rules: Code | None = None
    values: Numbers | None = None
    span: Numbers | None = None
    way: Annotated[Literal["set", "add", "points", "times"], Word("方式")] = "set"
    start: str | None = Field(default=None, validation_alias="from")

    @model_validator(mode="after")
    def _is_a_knob(self) -> KnobNode:
        checked(self.knob)
        return self

    def knob(self) -> Knob:
        """The knob of the library."""
        own: dict[str, Any] = {name: getattr(self, name) for name in ("items", "region", "rule", "rules")}
        return Knob(
            self.path, self.policy, self.scheme, self.values, self.span, self.way, self.start, self.id or "", **own
        )


class Sample(Node):
    """Points instead of a grid."""

    kind: Annotated[Literal["latin", "sobol"], Word("抽样方式")]
    points: Positive
    seed: Seed = 0


class SweepNode(Node):
    """Knobs that are turned, and what is measured."""

    id: Code
    name: Bilingual | None = None
    on: Code = "base"
    knobs: tuple[KnobNode, ...] = Field(min_length=1)
    sample: Sample | None = None
    measures: tuple[ExactNode, ...] = Field(min_length=1)


class TargetNode(Node):
    """The value of a knob that meets a target: a number (yuan for money), or what the measure is under the base."""

    id: Code
    name: Bilingual | None = None
    on: Code = "base"
    knob: KnobNode
    measure: ExactNode
    target: Target
    coarse: Positive = 9


class _Measure(Node):
    id: Code | None = None
    name: Bilingual | None = None

    @property
    def name_of_table(self) -> str:
        """Its id, or what it is."""
        return self.id or str(getattr(self, "kind"))  # noqa: B009


class SpendingNode(_Measure):
    """Money by payer and rates."""

    kind: Literal["spending"]
    by: Words = ()


class BurdenNode(_Measure):
    """What people pay in cash."""

    kind: Literal["burden"]
    by: Words = ()
    quantile: Shares = ("0.5", "0.9", "0.99")
    above: Amounts = ()
    column: ColumnName = "psn_cash_pay"


class CatastrophicNode(_Measure):
    """Payments beyond a share of means; who falls below a line."""

    kind: Literal["catastrophic"]
    by: Words = ()
    of: Annotated[Literal["income", "consumption", "capacity"], Word("基数")] = "income"
    share: Number = Decimal("0.10")
    line: Money | None = None
    column: ColumnName = "psn_cash_pay"


class InequalityNode(_Measure):
    """Gini, concentration, Kakwani."""

    kind: Literal["inequality"]


class WinnersNode(_Measure):
    """Who pays less, the same, more."""

    kind: Literal["winners"]
    by: Words = ()
    column: ColumnName = "psn_cash_pay"


KINDS = {"spending": SpendingNode, "burden": BurdenNode, "catastrophic": CatastrophicNode, "inequality": InequalityNode, "winners": WinnersNode}  # fmt: skip


def _known_kind(raw: Any) -> Any:
    if not isinstance(raw, dict):
        fail(Fault("expected a mapping", "应为键值映射", "{kind: spending}"))
    if raw.get("kind") not in KINDS:
        said = unknown("kind of measure", "指标种类", str(raw.get("kind", "")), KINDS)
        fail(said, *(("kind",) if "kind" in raw else ()))
    return raw


# Steps that begin with ~ are left out of the places of problems.
MeasureNode = Annotated[
    Annotated[SpendingNode, Tag("~spending")]
    | Annotated[BurdenNode, Tag("~burden")]
    | Annotated[CatastrophicNode, Tag("~catastrophic")]
    | Annotated[InequalityNode, Tag("~inequality")]
    | Annotated[WinnersNode, Tag("~winners")],
    Discriminator(lambda raw: f"~{raw['kind']}"),
]


class FundNode(Node):
    """The fund over years: its document, and the scenarios that are shown (without: all of them)."""

    plan: PathOf
    scenarios: Words = ()


class BehaviourNode(Node):
    """How visits answer to their price (docs/simulation.md): the package at none, half, all and twice of these elasticities."""

    elasticity: Elasticity = RAND
    by: Words = ()
    paid: ColumnName = "psn_part_amt"
    seed: Seed = 0
    most: Positive = 20

    @model_validator(mode="after")
    def _is_behaviour(self) -> BehaviourNode:
        checked(self.behaviour)
        return self

    def behaviour(self) -> Behaviour:
        """The behaviour of the library."""
        return Behaviour(self.elasticity, by=self.by or None, paid=self.paid, seed=self.seed, most=self.most)


class OutputsNode(Node):
    """What is written beside the Parquet tables and the receipt."""

    page: Flag = True
    workbook: Flag = True
    pictures: tuple[Annotated[Literal["svg", "png", "pdf"], Word("图片格式")], ...] = ("svg",)
    font: PathOf | None = None


class StudyModel(Node):
    """A study as written, defaults explicit, paths resolved."""

    format: Literal["ybcore-study/1"]
    id: Code
    name: Bilingual | None = None
    about: Bilingual | None = None
    policy: Paths
    catalog: PathOf | None = None
    rules: Paths = ()
    inputs: Tables
    people: PeopleNode | None = None
    # Read apart: a reform has a reader of its own.
    reforms: Annotated[tuple[Any, ...], WithJsonSchema({"type": "array", "items": {"type": "object"}})] = ()
    alternatives: tuple[Alternative, ...] = ()
    attribution: Attribution | None = None
    measures: tuple[Annotated[MeasureNode, BeforeValidator(_known_kind)], ...] = ()
    sweeps: tuple[SweepNode, ...] = ()
    targets: tuple[TargetNode, ...] = ()
    fund: FundNode | None = None
    behaviour: BehaviourNode | None = None
    clearing: ClearingNode | None = None
    unread: Flag = False
    outputs: OutputsNode = OutputsNode()


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a study document."""
    made = _plain(StudyModel.model_json_schema(by_alias=True, mode="validation"))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID, "title": "ybcore study document, format ybcore-study/1", **made}  # fmt: skip


def _plain(node: Any) -> Any:
    """Without titles and defaults."""
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    out = {key: _plain(value) for key, value in node.items() if key not in ("default", "title", "properties")}
    if "properties" in node:
        out["properties"] = {name: _plain(value) for name, value in node["properties"].items()}
    return out
