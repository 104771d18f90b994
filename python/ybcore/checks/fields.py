"""Parts that the kernels' checks share: words, names of lists and columns, groups, scopes, items."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, ValidationError, ValidationInfo, WithJsonSchema, model_validator

from ..policy.faults import Fault, Faults, fail, forbid_unknown, unknown
from ..policy.fields import Bilingual, Code, Flag, MonthDay, Node, SomeWords, Word, Words
from .figures import Whole
from .vocabulary import SCOPE_KEYS, VISIT_KINDS

__all__ = [
    "Beyond",
    "Bilingual",
    "ColumnRef",
    "Comparator",
    "Disposition",
    "Edge",
    "Flag",
    "Group",
    "GroupKind",
    "Items",
    "Layer",
    "ListRef",
    "MonthDay",
    "Scope",
    "Severity",
    "Stages",
    "Subject",
    "Words",
    "exactly_one",
]

Comparator = Annotated[Literal["more_than", "at_least", "less_than", "at_most"], Word("比较方式")]
Beyond = Annotated[Literal["more_than", "at_least"], Word("比较方式")]
Edge = Annotated[Literal["through", "within"], Word("边界")]
Subject = Annotated[Literal["visit", "person", "person_institution"], Word("主体")]
GroupKind = Annotated[
    Literal[
        "line", "day", "hour", "within", "visit", "stay", "prescription", "month", "quarter", "year", "insurance_year"
    ],
    Word("分组"),
]
Disposition = Annotated[Literal["hold", "deny", "suspect", "warn", "monitor"], Word("处置")]
Layer = Annotated[Literal["base", "province", "city"], Word("层级")]

_STAGE = Annotated[Literal["before", "during", "after"], Word("环节")]
Stages = Annotated[tuple[_STAGE, ...], Field(min_length=1)]


def _severity(raw: Any) -> int:
    if not isinstance(raw, str) or raw not in ("1", "2", "3"):
        fail(Fault(f"severity is 1, 2 or 3, found {raw!r}", f"严重程度为 1、2 或 3，实为 {raw!r}"))
    return int(raw)


Severity = Annotated[int, PlainValidator(_severity), WithJsonSchema({"enum": [1, 2, 3, "1", "2", "3"]})]


class ListRef(Node):
    """A list of codes of the book, by name."""

    list: Code


class ColumnRef(Node):
    """A column of the rule's table."""

    column: Code


class Group(Node):
    """How lines are grouped. `within` says hours and edge, `insurance_year` when the year starts."""

    group: GroupKind
    hours: Whole | None = None
    edge: Edge | None = None
    starts: MonthDay | None = None

    @model_validator(mode="after")
    def _parts(self) -> Group:
        check_group(self)
        return self


def exactly_one(node: Any, *names: str) -> None:
    """One of several keys must be given, and only one."""
    given = [name for name in names if getattr(node, name) is not None]
    if len(given) == 1:
        return
    shown = ", ".join(names)
    if given:
        fail(Fault(f"only one of {shown} may stand", f"{shown} 只能给出一个", key=True), given[1])
    fail(Fault(f"one of {shown} is needed", f"须给出 {shown} 之一", f"one of: {shown}", f"以下之一：{shown}"))


def check_group(node: Any) -> None:
    """`hours`, `edge` belong to `within` and `starts` to `insurance_year`; both must be there. No default."""
    faults = Faults()
    for name, kind, zh, expected, right in (
        ("hours", "within", "小时数", "a whole number", "整数"),
        ("edge", "within", "边界", "one of: through, within", "以下之一：through, within"),
        ("starts", "insurance_year", "起始月日", "MM-DD", ""),
    ):
        if not hasattr(node, name):
            continue
        given = getattr(node, name) is not None
        if node.group == kind and not given:
            faults.add(
                (name,),
                Fault(
                    f"group {kind} needs `{name}`; there is no default",
                    f"分组 {kind} 须给出{zh} `{name}`，没有默认值",
                    expected,
                    right,
                ),
            )
        if node.group != kind and given:
            faults.add((name,), Fault(f"`{name}` belongs to group {kind}", f"`{name}` 只用于分组 {kind}", key=True))
    if node.group == "within":
        holds_something(node, "hours", faults)
    faults.raise_if_any()


def holds_something(node: Any, name: str, faults: Faults) -> None:
    """`within` n takes what is less than n away: within 0 not even the event itself, so that nothing would ever be hit."""
    length = getattr(node, name, None)
    if getattr(node, "edge", None) != "within" or length is None:
        return
    if length.value == 0:
        faults.add((name,), Fault("expected at least 1, found 0", "应不小于 1，实为 0"))
    node.__dict__[name] = replace(length, least=1)  # a parameter is read later


class Scope:
    """Conditions that all hold. `tests`: key → prefixes of which one fits. `diagnoses`: list names. `negated`: scopes that must not hold."""

    __slots__ = ("_hash", "diagnoses", "negated", "tests")

    def __init__(
        self, tests: dict[str, tuple[str, ...]], diagnoses: tuple[str, ...], negated: tuple[Scope, ...]
    ) -> None:
        self.tests, self.diagnoses, self.negated = tests, diagnoses, negated
        self._hash = hash(repr(self._parts()))

    @property
    def specificity(self) -> tuple[int, int]:
        """Number of conditions, then the length of their shortest prefixes together."""
        inner = sum(part.specificity[0] for part in self.negated)
        shortest = sum(min(map(len, codes)) for codes in self.tests.values() if codes)
        return len(self.tests) + len(self.diagnoses) + inner, shortest

    def lists(self) -> list[str]:
        """Every list the scope names, also in `not`."""
        return [*self.diagnoses, *(name for part in self.negated for name in part.lists())]

    def columns(self) -> set[str]:
        """Every column the scope looks at."""
        return set(self.tests) | {name for part in self.negated for name in part.columns()}

    def excludes(self, other: Scope) -> bool:
        """Surely no row fits both: some key asks for prefixes that no code can have at once."""
        return any(
            key in other.tests and not any(a.startswith(b) or b.startswith(a) for a in codes for b in other.tests[key])
            for key, codes in self.tests.items()
        )

    def __bool__(self) -> bool:
        return bool(self.tests or self.diagnoses or self.negated)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Scope) and self._parts() == other._parts())

    def __hash__(self) -> int:
        return self._hash

    def _parts(self) -> tuple[Any, ...]:
        return sorted(self.tests.items()), self.diagnoses, self.negated

    def __repr__(self) -> str:
        return f"Scope({self.text()})"

    def text(self) -> str:
        """The conditions as they would be written, on one line."""
        parts = [f"{key}: {'|'.join(codes)}" for key, codes in self.tests.items()]
        parts += [f"diagnosis: {name}" for name in self.diagnoses]
        parts += [f"not({part.text()})" for part in self.negated]
        return ", ".join(parts)


def _prefixes(raw: Any, faults: Faults, loc: tuple[str | int, ...]) -> tuple[str, ...]:
    items = raw if isinstance(raw, list) else [raw]
    if not items or not all(isinstance(item, str) and item for item in items):
        faults.add(loc, Fault("expected prefixes", "应为前缀", "text or a list of texts", "文本或文本列表"))
        return ()
    return tuple(str(item) for item in items)


def read_scope(raw: Any) -> Scope:
    """A scope from its mapping. Raises ValidationError with every fault."""
    faults = Faults()
    scope = _scope(raw, faults, ())
    faults.raise_if_any()
    return scope


def _scope(raw: Any, faults: Faults, loc: tuple[str | int, ...]) -> Scope:
    if not isinstance(raw, dict):
        faults.add(loc, Fault("expected a mapping", "应为键值映射", "a mapping of conditions", "由条件组成的键值映射"))
        return Scope({}, (), ())
    tests: dict[str, tuple[str, ...]] = {}
    diagnoses: list[str] = []
    negated: list[Scope] = []
    for key, value in raw.items():
        here = (*loc, key)
        if key == "not":
            negated.append(_scope(value, faults, here))
        elif key == "diagnosis":
            if isinstance(value, dict) and list(value) == ["list"] and isinstance(value["list"], str):
                diagnoses.append(str(value["list"]))
            else:
                faults.add(here, Fault("expected a list of the book", "应为本规则册的代码表", "{list: name}"))
        elif key in SCOPE_KEYS:
            tests[key] = _prefixes(value, faults, here)
            if key in _WORDS:
                _words(tests[key], key, faults, here, isinstance(value, list))
        else:
            faults.add(here, unknown("scope key", "范围条件", key, (*SCOPE_KEYS, "diagnosis", "not"), key=True))
    return Scope(tests, tuple(diagnoses), tuple(negated))


_WORDS = {"visit_kind": tuple(VISIT_KINDS), "level": ("3", "2", "1", "0")}


def _words(found: tuple[str, ...], key: str, faults: Faults, loc: tuple[str | int, ...], many: bool) -> None:
    for index, word in enumerate(found):
        if word not in _WORDS[key]:
            faults.add((*loc, index) if many else loc, unknown(key, "取值", word, _WORDS[key]))


ScopeField = Annotated[Scope, PlainValidator(read_scope), WithJsonSchema({"x-ref": "scope"})]
EMPTY = Scope({}, (), ())


class Items(Node):
    """Which lines (or keys) a rule looks at; nothing given: all."""

    table: Code | None = None
    list: Code | None = None
    prefix: SomeWords | None = None
    list_type: SomeWords | None = None
    med_chrgitm_type: SomeWords | None = None

    @property
    def all(self) -> bool:
        """No restriction."""
        return all(getattr(self, name) is None for name in type(self).model_fields)


def _items(raw: Any, info: ValidationInfo) -> Items:
    if raw == "all":
        return Items()
    if not isinstance(raw, dict):
        fail(
            Fault(
                "expected what to look at",
                "应为项目范围",
                "all, or one of {table}, {list}, {prefix}, {list_type}, {med_chrgitm_type}",
                "all，或 {table}、{list}、{prefix}、{list_type}、{med_chrgitm_type} 之一",
            )
        )
    if len(raw) != 1 and not set(raw) - set(Items.model_fields):
        fail(Fault("`items` says one thing", "`items` 只能给出一种", f"one of: {', '.join(Items.model_fields)}", f"以下之一：{', '.join(Items.model_fields)}"))  # fmt: skip
    try:
        return Items.model_validate(raw, context=info.context)
    except ValidationError as error:
        raise forbid_unknown(error, Items.model_fields) from None


ItemsField = Annotated[Items, PlainValidator(_items), WithJsonSchema({"x-ref": "items"})]
