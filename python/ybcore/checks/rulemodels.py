"""What a rule document holds: its head, lists, tables, rules and examples, as models."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, ValidationError, ValidationInfo, WithJsonSchema, model_validator

from ..policy.faults import Fault, Faults, fail, fault_of, unknown
from ..policy.fields import Code, Day, Flag, Node, Word, Words
from ..policy.numbers import ScalarError, days, whole
from .fields import EMPTY, Bilingual, Disposition, Items, ItemsField, Layer, ScopeField, Severity, Stages
from .kernels import AMOUNTS, check_model
from .tables import ALWAYS, OPEN
from .vocabulary import KERNELS, VISIT_KINDS

__all__ = ["CodeList", "DocumentModel", "Example", "Relations", "RuleModel", "TableModel", "fault_in"]

_NO_DEFAULT = {
    "comparator": "more_than, at_least, less_than, at_most",
    "tie": "order, peers",
    "edge": "through, within",
}


_MISSING = fault_of({"type": "missing"})


def fault_in(item: Any) -> Fault:
    """pydantic's finding as a fault; a missing comparator is told as what it is."""
    last = str(item["loc"][-1]) if item["loc"] else ""
    fault = fault_of(item)
    if not last or fault != _MISSING:
        return fault
    if last in _NO_DEFAULT:
        en, zh, words = f"`{last}` is needed; there is no default", f"须给出 {last}，没有默认值", _NO_DEFAULT[last]
        return Fault(en, zh, f"one of: {words}", f"以下之一：{words}")
    return Fault(f"`{last}` is missing", f"缺少必填项 {last}", "this key", "写明该项")


def _start(raw: Any) -> int:
    return _day(raw, ALWAYS)


def _end(raw: Any) -> int:
    return _day(raw, OPEN)


def _day(raw: Any, open_: int) -> int:
    try:
        if not isinstance(raw, str):
            raise ScalarError("expected a date YYYY-MM-DD or open", "应为日期 YYYY-MM-DD 或 open")
        return open_ if raw == "open" else days(str(raw))
    except ScalarError as err:
        fail(Fault(err.en, err.zh, "YYYY-MM-DD, or open", "YYYY-MM-DD 或 open"))


_DATE = WithJsonSchema({"type": "string"})


class DocumentModel(Node):
    """The head of a document. Lists, tables and rules are read one by one."""

    format: Annotated[Literal["ybcore-rules/1"], Word("格式")]
    id: Code
    version: Code
    name: Bilingual
    layer: Layer
    region: Code = "*"
    start: Annotated[int, PlainValidator(_start), _DATE] = Field(validation_alias="from")
    end: Annotated[int, PlainValidator(_end), _DATE] = Field(default=OPEN, validation_alias="to")
    known_since: Day
    assumed: Words = ()
    source: str
    cite: str = ""
    parameters: dict[str, str] = Field(default_factory=dict)
    visit_kinds: dict[str, Words] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _parts(self) -> DocumentModel:
        faults = Faults()
        if self.region != "*" and not (self.region.isascii() and self.region.isdigit() and len(self.region) <= 6):
            faults.add(
                ("region",),
                Fault(
                    f'region is a prefix of a six-digit admdvs code or "*", found {self.region!r}',
                    f'region 应为六位区划代码的前缀或 "*"，实为 {self.region!r}',
                ),
            )
        if self.end <= self.start:
            faults.add(
                ("to",), Fault("the document never holds", "文件从不有效", "a date after `from`", "晚于 from 的日期")
            )
        for kind in self.visit_kinds:
            if kind not in VISIT_KINDS:
                faults.add(("visit_kinds", kind), unknown("kind of visit", "就医方式", kind, VISIT_KINDS, key=True))
        faults.raise_if_any()
        return self


class CodeList(Node):
    """A list of codes and how they match; `extends` adds to an earlier list, `replaces` takes its place."""

    match: Annotated[Literal["exact", "prefix", "interval"], Word("匹配方式")] = "exact"
    codes: Words
    extends: Code | None = None
    replaces: Code | None = None
    source: str = ""

    @model_validator(mode="after")
    def _parts(self) -> CodeList:
        _not_both(self)
        if self.match == "interval":
            faults = Faults()
            for index, code in enumerate(self.codes):
                first, dash, last = code.partition("-")
                if dash and not (first and last and first <= last):
                    faults.add(
                        ("codes", index),
                        Fault(
                            f"not an interval: {code!r}",
                            f"不是区间：{code!r}",
                            "A00-B99, the first not after the last",
                            "A00-B99，起始编码不得在终止编码之后",
                        ),
                    )
            faults.raise_if_any()
        return self


def _not_both(node: Any) -> None:
    if node.extends is not None and node.replaces is not None:
        fail(
            Fault("`extends` and `replaces` exclude each other", "extends 与 replaces 不能同时给出", key=True),
            "replaces",
        )


class TableModel(Node):
    """Where a table's rows are, and its key."""

    file: str | None = None
    rows: tuple[dict[str, str], ...] | None = None
    columns: Words | None = None
    key: Words | None = None
    where: dict[str, Words] = Field(default_factory=dict)
    extends: Code | None = None
    replaces: Code | None = None
    source: str = ""

    @model_validator(mode="after")
    def _parts(self) -> TableModel:
        _not_both(self)
        if (self.file is None) == (self.rows is None):
            fail(
                Fault(
                    "a table has a `file` or `rows`",
                    "表须给出 file 或 rows 之一",
                    "file: name.csv, or rows: [...]",
                    "file: name.csv 或 rows: [...]",
                )
            )
        if self.columns is not None and self.rows is None:
            fail(Fault("`columns` names those of inline rows", "columns 只用于内联行", key=True), "columns")
        if self.key is None and self.extends is None and self.replaces is None:
            fail(Fault("`key` is missing", "缺少必填项 key", "the column, or columns, that a row is found by", "用以查找行的一列或多列"))  # fmt: skip
        return self


_MOST_TIMES = 1000


class Example(Node):
    """Small tables of texts, and what must be hit in them: feedetl_sn or setl_id.

    A row with `times` stands so often; `{n}` in its cells is its number from 1, `{nn}` the same in two digits.
    """

    name: str = ""
    visits: tuple[dict[str, str], ...] = ()
    lines: tuple[dict[str, str], ...] = ()
    persons: tuple[dict[str, str], ...] = ()
    institutions: tuple[dict[str, str], ...] = ()
    diagnoses: tuple[dict[str, str], ...] = ()
    operations: tuple[dict[str, str], ...] = ()
    labs: tuple[dict[str, str], ...] = ()
    doctors: tuple[dict[str, str], ...] = ()
    stock: tuple[dict[str, str], ...] = ()
    items: tuple[dict[str, str], ...] = ()
    hits: tuple[Code, ...]

    @model_validator(mode="after")
    def _parts(self) -> Example:
        if not self.visits:
            fail(Fault("an example needs visits", "示例须有 visits", "at least one visit", "至少一次就诊"))
        faults = Faults()
        for name, rows in self.written().items():
            for index, row in enumerate(rows):
                try:
                    whole(row.get("times", "1"), 1, _MOST_TIMES)
                except ScalarError as err:
                    faults.add((name, index, "times"), Fault(err.en, err.zh))
        faults.raise_if_any()
        return self

    def tables(self) -> dict[str, list[dict[str, str]]]:
        """The tables that are given, each row as often as it says."""
        return {name: [cells for row in rows for cells in _repeated(row)] for name, rows in self.written().items()}

    def written(self) -> dict[str, tuple[dict[str, str], ...]]:
        """The tables that are given, as they are written."""
        names = [name for name in type(self).model_fields if name not in ("name", "hits")]
        return {name: getattr(self, name) for name in names if getattr(self, name)}


def _repeated(row: dict[str, str]) -> list[dict[str, str]]:
    if "times" not in row:
        return [dict(row)]
    cells = {name: text for name, text in row.items() if name != "times"}
    return [
        {name: text.replace("{nn}", f"{n:02}").replace("{n}", str(n)) for name, text in cells.items()}
        for n in range(1, int(row["times"]) + 1)
    ]


def _national(raw: Any) -> int:
    try:
        return whole(str(raw), 1, 999)
    except ScalarError as err:
        fail(Fault(err.en, err.zh))


_WHOLE = WithJsonSchema({"type": ["integer", "string"]})


class Relations(Node):
    """Rules that this one drops or includes."""

    excludes: Words = ()
    subsumes: Words = ()


_WORTH = {amount for amounts in AMOUNTS.values() for amount in amounts}


class RuleModel(Node):
    """A rule as written. `check` is the model of its kernel, None for a disabled rule that has none."""

    id: Code
    name: Bilingual
    national: Annotated[int, PlainValidator(_national), _WHOLE] | None = None
    kernel: Annotated[str, WithJsonSchema({"enum": list(KERNELS)})]
    override: Flag = False
    start: Annotated[int, PlainValidator(_start), _DATE] = Field(default=ALWAYS, validation_alias="from")
    end: Annotated[int, PlainValidator(_end), _DATE] = Field(default=OPEN, validation_alias="to")
    status: Annotated[Literal["enabled", "disabled"], Word("状态")] = "enabled"
    reason: str = ""
    shadow: Flag = False
    stage: Stages = ("before", "during", "after")
    scope: ScopeField = EMPTY
    items: ItemsField = Items()
    check: Annotated[Any, WithJsonSchema({"type": "object"})] = None
    amount: Annotated[
        Literal["whole_line", "excess_qty", "price_diff", "whole_day", "visit_total", "none"], Word("金额")
    ]
    disposition: Disposition
    severity: Severity
    priority: Annotated[int, PlainValidator(_national), _WHOLE] = 100
    behaviour: Code = ""
    choices: tuple[str, ...] = ()
    source: str
    cite: str = ""
    examples: tuple[Example, ...] = ()
    relations: Relations = Relations()

    @model_validator(mode="before")
    @classmethod
    def _by_kernel(cls, raw: Any, info: ValidationInfo) -> Any:
        if not isinstance(raw, dict) or "kernel" not in raw:
            return raw
        faults = Faults()
        kernel = raw["kernel"]
        if not isinstance(kernel, str) or kernel not in KERNELS:
            faults.add(("kernel",), unknown("kernel", "内核", str(kernel), KERNELS))
            faults.raise_if_any()
        amounts = AMOUNTS[kernel]
        if isinstance(raw.get("amount"), str) and raw["amount"] in _WORTH and raw["amount"] not in amounts:
            faults.add(
                ("amount",),
                Fault(
                    f"{kernel} has no amount {raw['amount']!r}",
                    f"{kernel} 没有金额方式 {raw['amount']!r}",
                    f"one of: {', '.join(amounts)}",
                    f"以下之一：{', '.join(amounts)}",
                ),
            )
        if raw.get("status", "enabled") == "disabled" and not raw.get("reason"):
            faults.add(
                ("status",),
                Fault("a disabled rule says why", "停用的规则须说明 reason", "reason: text", "reason: 文本"),
            )
        if raw.get("status", "enabled") != "disabled":
            if "check" not in raw:
                faults.add(
                    (), Fault("`check` is missing", "缺少必填项 check", f"the keys of {kernel}", f"{kernel} 的各项")
                )
            if "reason" in raw:
                faults.add(
                    ("reason",), Fault("`reason` belongs to a disabled rule", "reason 只用于停用的规则", key=True)
                )
        found = _with_check(raw, kernel, info, faults)
        faults.raise_if_any()
        return found

    @model_validator(mode="after")
    def _days(self) -> RuleModel:
        if self.end <= self.start:
            fail(Fault("the rule never holds", "规则从不有效", "a date after `from`", "晚于 from 的日期"), "to")
        return self


def _with_check(raw: dict[str, Any], kernel: str, info: ValidationInfo, faults: Faults) -> dict[str, Any]:
    if "check" not in raw:
        return raw
    try:
        return {**raw, "check": check_model(kernel, raw["check"], info.context)}
    except ValidationError as error:
        for item in error.errors(include_url=False, include_input=False):
            faults.add(("check", *item["loc"]), fault_in(item))
        return {**raw, "check": None}
