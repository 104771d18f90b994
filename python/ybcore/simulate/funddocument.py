"""The document of a fund and its scenarios, `ybcore-fund/1` (docs/simulation.md section 8): text into models, every problem at its place."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

from pydantic import Field, PlainValidator, ValidationError, WithJsonSchema, model_validator

from ..errors import DocumentError
from ..policy.faults import Fault, Faults, fail, problem_at, problems_of, unknown
from ..policy.fields import Bilingual, Code, Flag, Node, Positive, Word, Words
from ..policy.numbers import PPM, ScalarError, fen, ppm, whole
from ..policy.reader import parse_file, parse_text
from ..policy.vocabulary import ATTRIBUTES, PAYERS

__all__ = [
    "BASE",
    "FORMAT",
    "AccountRule",
    "Cohort",
    "FundModel",
    "Growth",
    "Interest",
    "Scenario",
    "Scheme",
    "load_model",
]

FORMAT = "ybcore-fund/1"
BASE = "base"
MOST_YEARS = 75
_COLUMNS = (*PAYERS, "fund_pay_sumamt")
_LEAST_RATE = -PPM + 1
_Held = TypeVar("_Held", bound=Node)


def _read(
    read: Callable[[str], int], low: int | None = None, high: int | None = None, said: str = "", zh: str = ""
) -> PlainValidator:
    """Text into a whole number (fen, ppm), within bounds."""

    def check(raw: Any) -> int:
        if not isinstance(raw, str):
            fail(Fault("expected a scalar", "应为标量", said, zh))
        try:
            value = read(raw)
        except ScalarError as err:
            fail(Fault(err.en, err.zh, said, zh))
        if (low is not None and value < low) or (high is not None and value > high):
            fail(Fault(f"{raw} is out of range", f"{raw} 超出范围", said, zh))
        return value

    return PlainValidator(check)


def _rates(raw: Any) -> tuple[int, ...]:
    """One rate for every year, or one for each, the last for all that follow."""
    rows = raw if isinstance(raw, list) else [raw]
    faults, out = Faults(), []
    for i, text in enumerate(rows):
        loc = (i,) if isinstance(raw, list) else ()
        try:
            value = ppm(text) if isinstance(text, str) else None
        except ScalarError as err:
            faults.add(loc, Fault(err.en, err.zh))
            continue
        if value is None or value < _LEAST_RATE:
            faults.add(
                loc,
                Fault(f"{text} is no growth of a year", f"{text} 不是年增长率", "a rate above -1", "大于 -1 的增长率"),
            )
        else:
            out.append(value)
    if not rows:
        faults.add((), Fault("the list has too few items", "列表的项太少", "at least one item", "至少一项"))
    faults.raise_if_any()
    return tuple(out)


_NUMBER = {"type": ["number", "string"]}
Amount = Annotated[
    int, _read(fen, 0, said="money in yuan, 0 or more", zh="不小于 0 的金额（元）"), WithJsonSchema(_NUMBER)
]
Balance = Annotated[int, _read(fen, said="money in yuan", zh="金额（元）"), WithJsonSchema(_NUMBER)]
Step = Annotated[int, _read(fen, said="money in yuan", zh="金额（元）"), WithJsonSchema(_NUMBER)]
Part = Annotated[int, _read(ppm, 0, PPM, "a rate from 0 to 1", "0 至 1 的比率"), WithJsonSchema(_NUMBER)]
Multiple = Annotated[int, _read(ppm, 0, said="0 or more", zh="不小于 0"), WithJsonSchema(_NUMBER)]
Whole = Annotated[
    int, _read(lambda text: whole(text, 0, 2_000_000_000)), WithJsonSchema({"type": ["integer", "string"]})
]
Age = Annotated[int, _read(lambda text: whole(text, 0, 150)), WithJsonSchema({"type": ["integer", "string"]})]
Year = Annotated[int, _read(lambda text: whole(text, 1949, 2200)), WithJsonSchema({"type": ["integer", "string"]})]
Years = Annotated[int, _read(lambda text: whole(text, 1, MOST_YEARS)), WithJsonSchema({"type": ["integer", "string"]})]
Rates = Annotated[
    tuple[int, ...],
    PlainValidator(_rates),
    WithJsonSchema({"anyOf": [_NUMBER, {"type": "array", "items": _NUMBER, "minItems": 1}]}),
]


def _range(raw: Any) -> tuple[int, int]:
    try:
        if not isinstance(raw, list) or len(raw) != 2:
            raise ValueError
        low, high = (ppm(str(text)) for text in raw)
        if not 0 <= low <= high:
            raise ValueError
    except ValueError:
        fail(Fault("expected two numbers of months", "应为两个月数", "[6, 9]"))
    return low, high


def _where(raw: Any) -> dict[str, tuple[str, ...]]:
    """Attributes of visits, each with the words that it may be."""
    if not isinstance(raw, dict) or not raw:
        fail(Fault("expected a mapping", "应为键值映射", "{insutype: [...]}"))
    faults, out = Faults(), {}
    for name, words in raw.items():
        if name not in ATTRIBUTES or ATTRIBUTES[name].match == "number":
            faults.add((name,), unknown("attribute", "属性", str(name), [n for n, a in ATTRIBUTES.items() if a.match != "number"], key=True))  # fmt: skip
        out[str(name)] = tuple(str(word) for word in (words if isinstance(words, list) else [words]))
    faults.raise_if_any()
    return out


def _payers(raw: Any) -> tuple[str, ...]:
    rows, faults = (raw if isinstance(raw, list) else [raw]), Faults()
    for i, name in enumerate(rows):
        if name not in _COLUMNS:
            faults.add((i,) if isinstance(raw, list) else (), unknown("column", "列", str(name), _COLUMNS))
    if not rows or len(set(map(str, rows))) < len(rows) or ("fund_pay_sumamt" in rows and len(rows) > 1):
        faults.add((), Fault("each column once, fund_pay_sumamt alone", "每列一次，fund_pay_sumamt 须单独"))
    faults.raise_if_any()
    return tuple(rows)


_STRINGS = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
Where = Annotated[dict[str, tuple[str, ...]], PlainValidator(_where), WithJsonSchema({"type": "object", "minProperties": 1, "additionalProperties": _STRINGS})]  # fmt: skip
Payers = Annotated[tuple[str, ...], PlainValidator(_payers), WithJsonSchema(_STRINGS)]
Status = Annotated[Literal["active", "retired"], Word("状态")]


class Growth(Node):
    """Rates from year to year, in ppm."""

    wage: Rates = (0,)
    cost: Rates = (0,)
    utilisation: Rates = (0,)
    members: Rates = (0,)


class Interest(Node):
    """Rates in ppm: on the opening balance, and on what the year brings in."""

    opening: Part = 0
    year: Part = 0


class AccountRule(Node):
    """What is credited to accounts out of what comes in: a share of the base (of the pension when retired), or money a month."""

    status: Status
    start: Age = Field(0, alias="from")
    share: Part | None = None
    month: Amount | None = None

    @model_validator(mode="after")
    def _one(self) -> AccountRule:
        if (self.share is None) == (self.month is None):
            fail(
                Fault(
                    "a credit is a share or money a month",
                    "划入为比例或每月金额之一",
                    "share or month",
                    "share 或 month",
                )
            )
        return self


class Cohort(Node):
    """Members of one status, sex and span of ages. `wage`: a year (the pension, of retired ones). `cost`: beside other cohorts."""

    status: Status | None = None
    gend: Annotated[Literal["1", "2"], Word("性别")] | None = None
    start: Age = Field(0, alias="from")
    to: Age | None = None
    count: Whole
    wage: Amount | None = None
    cost: Multiple = PPM
    leave: Part = 0
    enter: Whole = 0

    @model_validator(mode="after")
    def _ages(self) -> Cohort:
        if self.to is not None and self.to < self.start:
            fail(Fault("the ages end before they begin", "年龄止于起始之前"), "to")
        return self


_EMPLOYEE = ("employer", "person", "floor", "cap", "account")
_RESIDENT = ("premium", "subsidy", "premium_step", "subsidy_step")


class SchemeChange(Node):
    """What a scenario may say otherwise of a scheme; of the scheme itself what is paid in."""

    employer: Part | None = None
    person: Part | None = None
    floor: Multiple = 600_000
    cap: Multiple = 3_000_000
    account: tuple[AccountRule, ...] = ()
    premium: Amount | None = None
    subsidy: Amount | None = None
    premium_step: Step = 0
    subsidy_step: Step = 0
    growth: Growth = Growth()

    def wrong(self, kind: str) -> list[tuple[str, Fault]]:
        """Keys that are not of this kind of scheme, and bounds that are not in order."""
        other = _RESIDENT if kind == "employee" else _EMPLOYEE
        own = _EMPLOYEE if kind == "employee" else _RESIDENT
        out = [
            (
                name,
                Fault(
                    f"{name} is not of {kind} schemes",
                    f"{name} 不属于此类制度",
                    f"one of: {', '.join(own)}",
                    f"以下之一：{', '.join(own)}",
                    key=True,
                ),
            )
            for name in other
            if name in self.model_fields_set
        ]
        if self.floor > self.cap:
            out.append(("cap", Fault("the upper bound is below the lower one", "上限低于下限")))
        return out


class Scheme(SchemeChange):
    """One scheme of the fund's area."""

    id: Code
    kind: Annotated[Literal["employee", "resident"], Word("制度种类")]
    visits: Where
    pays: Payers = ("hifp_pay",)
    balance: Balance
    sample: Positive | None = None
    spending: Amount | None = None
    members: tuple[Cohort, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _coherent(self) -> Scheme:
        faults = Faults()
        for name, fault in self.wrong(self.kind):
            faults.add((name,), fault)
        for name in ("employer", "person") if self.kind == "employee" else ("premium", "subsidy"):
            if getattr(self, name) is None:
                faults.add((name,), Fault("a required key is missing", "缺少必填项", "this key", "写明该项"))
        for i, cohort in enumerate(self.members):
            self._cohort(i, cohort, faults)
        if not sum(cohort.count * cohort.cost for cohort in self.members):
            faults.add(("members",), Fault("nobody is in it who costs anything", "没有产生费用的参保人"))
        faults.raise_if_any()
        return self

    def _cohort(self, i: int, cohort: Cohort, faults: Faults) -> None:
        employee = self.kind == "employee"
        if employee != (cohort.status is not None):
            fault = Fault("members of employee schemes are active or retired", "职工须为在职或退休", "status: active or retired", "status: active 或 retired") if employee else Fault("residents have no status", "居民无此状态")  # fmt: skip
            faults.add(("members", i, "status"), fault)
        if cohort.status == "active" and cohort.wage is None:
            faults.add(("members", i, "wage"), Fault("active members have a wage", "在职人员须有工资", "money a year", "每年金额（元）"))  # fmt: skip
        if cohort.status == "retired" and cohort.wage is None and any(r.status == "retired" and r.share for r in self.account):  # fmt: skip
            faults.add(("members", i, "wage"), Fault("accounts get a share of the pension", "账户按养老金比例划入", "the pension as wage", "以 wage 写明养老金"))  # fmt: skip
        for other in self.members[:i]:
            same = (other.status, other.gend) == (cohort.status, cohort.gend)
            high, until = (150 if c.to is None else c.to for c in (cohort, other))
            if same and cohort.start <= until and other.start <= high:
                faults.add(("members", i), Fault("these ages stand in another row too", "年龄与另一行重叠"))


class Scenario(Node):
    """What is otherwise than in the document."""

    id: Code
    name: Bilingual | None = None
    growth: Growth = Growth()
    interest: Interest = Interest()
    ageing: Flag = False
    schemes: dict[str, SchemeChange] = Field(default_factory=dict)


class FundModel(Node):
    """A fund's schemes, its first year, and scenarios of what follows."""

    format: Annotated[Literal["ybcore-fund/1"], Word("格式")]
    id: Code
    name: Bilingual
    source: Words = ()
    year: Year
    years: Years = 1
    sound: Annotated[tuple[int, int], PlainValidator(_range), WithJsonSchema({"type": "array", "items": _NUMBER, "minItems": 2, "maxItems": 2})] = (6 * PPM, 9 * PPM)  # fmt: skip
    average_wage: Amount = 0
    interest: Interest = Interest()
    growth: Growth = Growth()
    ageing: Flag = False
    schemes: tuple[Scheme, ...] = Field(min_length=1)
    scenarios: tuple[Scenario, ...] = ()

    @model_validator(mode="after")
    def _coherent(self) -> FundModel:
        faults = Faults()
        ids = [scheme.id for scheme in self.schemes]
        for i, name in enumerate(ids):
            if name in ids[:i]:
                faults.add(("schemes", i, "id"), Fault(f"two schemes are named {name!r}", f"两个制度同名 {name!r}"))
        if any(scheme.kind == "employee" for scheme in self.schemes) and not self.average_wage:
            faults.add(("average_wage",), Fault("the bounds of the base need the average wage", "缴费基数上下限需要平均工资", "money a year", "每年金额（元）"))  # fmt: skip
        self._both(BASE, ("ageing",), faults)
        names = [BASE]
        for i, scenario in enumerate(self.scenarios):
            if scenario.id in names:
                what = f"{scenario.id!r} is the name of another scenario"
                faults.add(("scenarios", i, "id"), Fault(what, f"情景 {scenario.id!r} 重名"))
            names.append(scenario.id)
            self._scenario(i, scenario, faults)
        faults.raise_if_any()
        return self

    def _scenario(self, i: int, scenario: Scenario, faults: Faults) -> None:
        by_id = {scheme.id: scheme for scheme in self.schemes}
        for name, change in scenario.schemes.items():
            loc = ("scenarios", i, "schemes", name)
            if name not in by_id:
                faults.add(loc, unknown("scheme", "制度", name, by_id, key=True))
                continue
            for key, fault in changed(by_id[name], change).wrong(by_id[name].kind):
                faults.add((*loc, key), fault)
        self._both(scenario.id, ("scenarios", i), faults)

    def _both(self, scenario: str, loc: tuple[str | int, ...], faults: Faults) -> None:
        for held in self.resolved(scenario):
            if held.ageing and any(held.growth.members):
                what = "members change by their ages, or by a rate; not by both"
                faults.add(loc, Fault(what, "参保人数按年龄推算或按增长率，二者择一", "members: 0, or ageing: false", "members: 0，或 ageing: false"))  # fmt: skip
                return

    def resolved(self, scenario: str) -> list[Resolved]:
        """The schemes as a scenario has them; what is said of a scheme goes before what is said of all."""
        said = next((held for held in self.scenarios if held.id == scenario), Scenario(id=BASE))
        general, interest = changed(self.growth, said.growth), changed(self.interest, said.interest)
        ageing = said.ageing if "ageing" in said.model_fields_set else self.ageing
        out = []
        for own in self.schemes:
            scheme = changed(own, said.schemes[own.id]) if own.id in said.schemes else own
            out.append(Resolved(scheme, changed(general, scheme.growth), interest, ageing))
        return out


class Resolved(NamedTuple):
    """A scheme under a scenario, with the growth, interest and ageing that hold for it."""

    scheme: Scheme
    growth: Growth
    interest: Interest
    ageing: bool


def changed(held: _Held, said: Node) -> _Held:
    """A model with what another one says; growth and the like go key by key."""
    update: dict[str, Any] = {}
    for name in said.model_fields_set:
        value = getattr(said, name)
        update[name] = changed(getattr(held, name), value) if isinstance(value, (Growth, Interest)) else value
    return held.model_copy(update=update)


def load_model(source: str | bytes | os.PathLike[str]) -> FundModel:
    """A document from a file, or from text (it has a line break). Raises DocumentError with every problem, OSError."""
    if isinstance(source, bytes) or (isinstance(source, str) and "\n" in source):
        parsed = parse_text(source)
    else:
        parsed = parse_file(os.fspath(source))
    if parsed.doc.get("format") != FORMAT:
        fault = Fault("not a fund document", "不是基金文件", f"format: {FORMAT}")
        raise DocumentError([problem_at(parsed, ("format",), fault)])
    try:
        return FundModel.model_validate(parsed.doc)
    except ValidationError as error:
        unique = dict.fromkeys(problems_of(error, parsed))
        raise DocumentError(sorted(unique, key=lambda p: (p.line or 0, p.column or 0))) from None
