"""Conditions (`when:`) and the tests they are made of, read into one normal form.

A test is any-of codes and ranges, perhaps negated. `@name` is replaced by the codes of the set. What a document
means by a test depends on the attribute (prefix, exact, number), so reading needs the document's `Names`.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationInfo, WithJsonSchema

from .faults import Fault, Faults, unknown
from .names import Names, names_in
from .numbers import ScalarError, whole
from .paths import RawPath
from .vocabulary import Attribute

__all__ = ["Condition", "ConditionField", "Range", "Test", "parse_condition", "parse_key", "parse_test"]


class Frozen(BaseModel):
    """Base of every normalised node: immutable, no extra keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Range(Frozen):
    """Half-open: low ≤ x < below; None is open."""

    low: int | None = None
    below: int | None = None


class Test(Frozen):
    """One test on one attribute: any of `codes` or `ranges`, negated by `negate`.

    `match` says how codes are compared: `prefix` (but "" matches only the empty text), `exact`; `number` uses
    `ranges`. `sets` names the sets whose codes are already among `codes`; `fillable` is true when one is empty.
    """

    __test__ = False  # not a pytest class

    attribute: str
    match: Literal["exact", "prefix", "number"]
    negate: bool = False
    codes: tuple[str, ...] = ()
    ranges: tuple[Range, ...] = ()
    sets: tuple[str, ...] = ()
    fillable: bool = Field(default=False, exclude=True)

    def holds(self, value: str | int | None) -> bool:
        """Whether `value` passes. A code is text ("" when missing), a number int or None when missing."""
        if self.match == "number":
            hit = isinstance(value, int) and any(
                (r.low is None or value >= r.low) and (r.below is None or value < r.below) for r in self.ranges
            )
        else:
            text = value if isinstance(value, str) else ""
            hit = any(text.startswith(code) if self.match == "prefix" and code else text == code for code in self.codes)
        return hit != self.negate


class Condition(Frozen):
    """All tests must hold; no test holds always."""

    tests: tuple[Test, ...] = ()


_CLOSED = re.compile(r"([0-9]+)-([0-9]+)\Z")


def _range(text: str) -> Range:
    """A range text. Raises ScalarError."""
    if text.endswith("+"):
        return Range(low=whole(text[:-1], 0))
    if text.startswith("<"):
        return Range(below=whole(text[1:], 0))
    if found := _CLOSED.match(text):
        low, high = whole(found[1], 0), whole(found[2], 0)
        if high < low:
            raise ScalarError(f"the range {text!r} is empty", f"范围 {text!r} 为空")
        return Range(low=low, below=high + 1)
    try:
        value = whole(text, 0)
    except ScalarError:
        raise ScalarError(
            f'expected a number or a range such as "60+", "<18", "18-59", found {text!r}',
            f'应为数字或范围，如 "60+"、"<18"、"18-59"，实为 {text!r}',
        ) from None
    return Range(low=value, below=value + 1)


class _Reader:
    """Gathers codes and ranges of one test."""

    def __init__(self, attribute: Attribute, names: Names, faults: Faults) -> None:
        self.attribute, self.names, self.faults = attribute, names, faults
        self.codes: list[str] = []
        self.ranges: list[Range] = []
        self.sets: list[str] = []
        self.fillable = False

    def scalar(self, text: str, loc: RawPath, key: bool) -> None:
        if text.startswith("@"):
            self._set(text[1:], loc, key)
        elif "|" in text:
            self.faults.add(
                loc,
                Fault(
                    f'"|" stands in table keys only; write a list instead of {text!r}',
                    f"“|”只用于表的键，此处请写成列表：{text!r}",
                    "a list",
                    "列表",
                    key=key,
                ),
            )
        elif self.attribute.match == "number":
            self._number(text, loc, key)
        else:
            self._code(text, loc, key)

    def _code(self, text: str, loc: RawPath, key: bool) -> None:
        closed = self.attribute.values
        if closed and text not in closed:
            self.faults.add(
                loc, unknown(f"value of {self.attribute.name}", f"{self.attribute.name} 取值", text, closed, key=key)
            )
        else:
            self.codes.append(text)

    def _number(self, text: str, loc: RawPath, key: bool) -> None:
        try:
            self.ranges.append(_range(text))
        except ScalarError as err:
            self.faults.add(loc, Fault(err.en, err.zh, key=key))

    def _set(self, name: str, loc: RawPath, key: bool) -> None:
        if name not in self.names.sets:
            self.faults.add(loc, unknown("set", "代码集", name, self.names.sets, key=key))
            return
        codes = self.names.sets[name]
        self.sets.append(name)
        self.fillable |= not codes
        for code in codes:
            if self.attribute.match == "number":
                self._number(code, loc, key)
            else:
                self._code(code, loc, key)

    def bounds(self, raw: dict[str, Any], loc: RawPath) -> None:
        """`{from: 18, below: 60}`."""
        if self.attribute.match != "number":
            en = f"{self.attribute.name} is a code; {{from, below}} is for numeric attributes"
            self.faults.add(loc, Fault(en, f"{self.attribute.name} 是代码，{{from, below}} 只用于数值属性"))
            return
        ends: dict[str, int] = {}
        for name, value in raw.items():
            if name not in ("from", "below"):
                self.faults.add((*loc, name), unknown("key", "键", name, ("from", "below"), key=True))
                continue
            try:
                ends[name] = whole(value, 0) if isinstance(value, str) else whole("?")
            except ScalarError as err:
                self.faults.add((*loc, name), Fault(err.en, err.zh))
        low, below = ends.get("from"), ends.get("below")
        if low is not None and below is not None and below <= low:
            self.faults.add(loc, Fault(f"the range {low} to below {below} is empty", f"范围 {low} 到 {below} 为空"))
        self.ranges.append(Range(low=low, below=below))

    def done(self, negate: bool) -> Test:
        return Test(
            attribute=self.attribute.name,
            match=self.attribute.match,
            negate=negate,
            codes=tuple(dict.fromkeys(self.codes)),
            ranges=tuple(dict.fromkeys(self.ranges)),
            sets=tuple(dict.fromkeys(self.sets)),
            fillable=self.fillable,
        )


def parse_test(raw: Any, attribute: Attribute, names: Names, faults: Faults, loc: RawPath) -> Test:
    """One test of a condition: scalar, list, `{not: ...}`, `{from, below}`."""
    reader = _Reader(attribute, names, faults)
    negate = False
    if isinstance(raw, dict) and "not" in raw:
        for name in raw:
            if name != "not":
                faults.add((*loc, name), unknown("key", "键", name, ("not",), key=True))
        negate, raw, loc = True, raw["not"], (*loc, "not")
    items = list(enumerate(raw)) if isinstance(raw, list) else [(None, raw)]
    if isinstance(raw, list) and not raw:
        faults.add(
            loc, Fault("an empty list matches nothing", "空列表什么也匹配不到", "at least one value", "至少一个取值")
        )
    for index, item in items:
        here = loc if index is None else (*loc, index)
        if isinstance(item, str):
            reader.scalar(item, here, False)
        elif isinstance(item, dict) and "not" not in item:
            reader.bounds(item, here)
        else:
            faults.add(here, Fault("expected a scalar", "应为标量", "a scalar, a list, {not: ...} or {from, below}", "标量、列表、{not: ...} 或 {from, below}"))  # fmt: skip
    return reader.done(negate)


def parse_key(key: str, attribute: Attribute, names: Names, faults: Faults, loc: RawPath) -> Test:
    """One key of a table, `|` meaning any of. `loc` is the key's own path."""
    reader = _Reader(attribute, names, faults)
    for part in key.split("|"):
        reader.scalar(part, loc, True)
    return reader.done(False)


def parse_condition(raw: Any, names: Names, faults: Faults, loc: RawPath = ()) -> Condition:
    """A `when:` mapping."""
    if not isinstance(raw, dict):
        faults.add(loc, Fault("expected a mapping attribute: test", "应为“属性: 条件”的映射", "a mapping", "键值映射"))
        return Condition()
    tests = []
    for name, test in raw.items():
        attribute = names.attributes.get(name)
        if attribute is None:
            faults.add((*loc, name), unknown("attribute", "属性", name, names.attributes, key=True))
        else:
            tests.append(parse_test(test, attribute, names, faults, (*loc, name)))
    return Condition(tests=tuple(tests))


def _validate(raw: Any, info: ValidationInfo) -> Condition:
    faults = Faults()
    condition = parse_condition(raw, names_in(info), faults)
    faults.raise_if_any()
    return condition


ConditionField = Annotated[Condition, PlainValidator(_validate), WithJsonSchema({"x-ref": "condition"})]
"""A `when:` inside a document model."""
