"""Clearing in a study document (docs/simulation.md section 9): documents, tables, reforms, sweeps and targets."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema, model_validator

from ..policy.faults import Fault, fail
from ..policy.fields import Bilingual, Code, Node, Positive, Word, Words
from .knobs import Knob
from .studyfields import Number, Numbers, PathOf, Paths, Seed, Target, checked

__all__ = ["FUNDS", "BudgetChange", "ClearKnobNode", "ClearSweepNode", "ClearTargetNode", "ClearingNode", "Measured"]

FUNDS = Literal["hifp_pay", "cvlserv_pay", "hifes_pay", "hifmi_pay", "hifob_pay", "hifdm_pay", "maf_pay", "oth_pay"]
FIGURES = ("psntime", "medfee_sumamt", "fund_appy_sum", "budget", "paid", "due", "held", "difference", "unspent", "value", "winners", "losers", "won", "lost")  # fmt: skip
"""What is told of every policy and of every point of a sweep."""
Measured = Annotated[Literal["paid", "due", "held", "unspent", "difference"], Word("指标")]


class SynthCases(Node):
    """Cases of a synthetic town instead of files (docs/clearing.md section 7)."""

    seed: Seed = 1
    cases: Positive = 2_000


class ClearingTables(Node):
    """What is cleared: a folder of tables, tables by name, or a synthetic town."""

    folder: PathOf | None = None
    cases: PathOf | None = None
    groups: PathOf | None = None
    institutions: PathOf | None = None
    budgets: PathOf | None = None
    quotas: PathOf | None = None
    synth: SynthCases | None = None

    @model_validator(mode="after")
    def _one_source(self) -> ClearingTables:
        files = [name for name in ClearingTables.model_fields if name != "synth" and getattr(self, name) is not None]
        if self.synth is not None and files:
            fail(Fault("a synthetic town and files", "合成数据与文件不能同用", "synth, or files", "synth 或文件"))
        if self.synth is None and not files:
            fail(
                Fault(
                    "no tables of clearing are given",
                    "没有给出清算各表",
                    "synth, folder or cases",
                    "synth、folder 或 cases",
                )
            )
        return self


class BudgetChange(Node):
    """A change of the budget of a pool, in yuan: `set`, `add` or `times` (rounded half up to the fen)."""

    pool: Code
    period: Code | None = None
    set: Number | None = None
    add: Number | None = None
    times: Number | None = None

    @model_validator(mode="after")
    def _one_thing(self) -> BudgetChange:
        if len(self.way) != 1:
            fail(Fault("a change does exactly one thing", "一项变更恰做一件事", "one of: set, add, times", "以下之一：set, add, times"))  # fmt: skip
        return self

    @property
    def way(self) -> tuple[tuple[str, Decimal], ...]:
        """What is done, and with which number."""
        return tuple((name, value) for name in ("set", "add", "times") if (value := getattr(self, name)) is not None)


class ClearKnobNode(Node):
    """A place of clearing documents, or the budget of a pool, and its values."""

    id: Code | None = None
    name: Bilingual | None = None
    path: str | None = None
    policy: Words | None = None
    scheme: Code | None = None
    pool: Code | None = None
    period: Code | None = None
    values: Numbers | None = None
    span: Numbers | None = None
    way: Annotated[Literal["set", "add", "points", "times"], Word("方式")] = "set"

    @model_validator(mode="after")
    def _is_a_knob(self) -> ClearKnobNode:
        if (self.path is None) == (self.pool is None):
            fail(
                Fault(
                    "a knob is a path of documents or a pool",
                    "参数须为文件的 path 或预算 pool 之一",
                    "path or pool",
                    "path 或 pool",
                )
            )
        if self.pool is not None and (self.policy or self.scheme or self.way == "points"):
            fail(Fault("a budget is set, added to or multiplied", "预算只能 set、add 或 times", "pool, period, way"))
        if self.pool is not None and self.span is not None and len(self.span) == 2:
            fail(Fault("a span of a budget has a step", "预算的 span 须有步长", "[low, high, step]"), "span")
        if self.called in FIGURES:
            fail(Fault(f"{self.called} is the name of a column", f"{self.called} 已是一列的名称", "another id", "另一个 id"), "id")  # fmt: skip
        checked(self.knob)
        return self

    @property
    def called(self) -> str:
        """Its column."""
        return self.id or self.path or f"budget {self.pool}"

    def knob(self) -> Knob:
        """The knob of the library; of a budget only its values are used."""
        policy: Any = "budgets" if self.pool is not None else self.policy
        return Knob(self.path or "budget", policy, self.scheme, self.values, self.span, self.way, None, self.called)


class ClearSweepNode(Node):
    """Knobs that are turned; every measure of clearing is told."""

    id: Code
    name: Bilingual | None = None
    on: Code = "base"
    knobs: tuple[ClearKnobNode, ...] = Field(min_length=1)


class ClearTargetNode(Node):
    """The value of a knob that meets a target in yuan, or what the measure is under the base."""

    id: Code
    name: Bilingual | None = None
    on: Code = "base"
    knob: ClearKnobNode
    measure: Measured
    target: Target


class ClearingNode(Node):
    """What the fund owes its providers, under the base and under every policy. `groups_of`: cases are what is settled under that policy."""

    documents: Paths
    inputs: ClearingTables
    groups_of: PathOf | None = None
    med_types: Words = ()
    clears: tuple[FUNDS, ...] = ("hifp_pay",)
    # Read apart, as those of settlement are.
    reforms: Annotated[tuple[Any, ...], WithJsonSchema({"type": "array", "items": {"type": "object"}})] = ()
    sweeps: tuple[ClearSweepNode, ...] = ()
    targets: tuple[ClearTargetNode, ...] = ()

    @model_validator(mode="after")
    def _cases_from_one_place(self) -> ClearingNode:
        if self.groups_of is not None and (self.inputs.cases is not None or self.inputs.synth is not None):
            fail(Fault("cases are given, and taken from the settled run", "既给出病例又取自结算结果", "groups_of, or cases", "groups_of 或 cases"), "groups_of")  # fmt: skip
        if self.groups_of is None and (self.med_types or self.clears != ("hifp_pay",)):
            fail(Fault("`med_types` and `clears` go with groups_of", "med_types、clears 只与 groups_of 同用", "groups_of"))  # fmt: skip
        return self
