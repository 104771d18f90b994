"""What is wrong at one place of a document, in two languages, carried through pydantic without losing its place.

Validators collect `Fault`s under locations relative to what they read and raise them together; pydantic adds
the outer location. `problems_of` turns the result into `Problem`s with file, line and column.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any, NamedTuple, NoReturn

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from ybcore.errors import Problem

from .paths import RawPath, path_text
from .reader import Parsed

__all__ = [
    "Fault",
    "Faults",
    "fail",
    "forbid_unknown",
    "nearest",
    "place_in",
    "problems_of",
    "unknown",
    "without_echoes",
]


class Fault(NamedTuple):
    """One finding: English, Chinese, what was expected (in Chinese where it is prose), nearest valid name, and whether the key is at fault."""

    en: str
    zh: str
    expected: str = ""
    expected_zh: str = ""
    nearest: str = ""
    key: bool = False

    def problem(self, **place: Any) -> Problem:
        """What is told of it; `place`: file, line, column and path, as far as they are known."""
        return Problem(
            what=self.en, what_zh=self.zh, expected=self.expected, expected_zh=self.expected_zh, nearest=self.nearest, **place
        )  # fmt: skip


def nearest(word: str, names: Iterable[str]) -> str:
    """The valid name that `word` most likely meant, or the empty text."""
    names = list(names)
    lowered = {name.lower(): name for name in reversed(names)}
    found = difflib.get_close_matches(word.lower(), lowered, n=1, cutoff=0.6)
    return lowered[found[0]] if found else ""


def unknown(what: str, zh: str, word: str, names: Iterable[str], *, key: bool = False) -> Fault:
    """The fault of a name that is not among `names`; suggests the nearest."""
    names = list(dict.fromkeys(names))
    shown = ", ".join(names[:24]) + (", ..." if len(names) > 24 else "")
    right, right_zh = (
        (f"one of: {shown}", f"以下之一：{shown}")
        if names
        else ("a name that is declared; there is none", "已声明的名称；目前一个也没有")
    )
    return Fault(f"unknown {what} {word!r}", f"未知的{zh} {word!r}", right, right_zh, nearest(word, names), key)


class Faults:
    """A collector of faults under locations; `raise_if_any` hands them to pydantic."""

    def __init__(self) -> None:
        self.found: list[tuple[RawPath, Fault]] = []

    def add(self, loc: RawPath, fault: Fault) -> None:
        self.found.append((loc, fault))

    def __bool__(self) -> bool:
        return bool(self.found)

    def raise_if_any(self) -> None:
        if self.found:
            raise ValidationError.from_exception_data("policy", [_details(loc, fault) for loc, fault in self.found])


def fail(fault: Fault, *loc: str | int) -> NoReturn:
    """Raise one fault, at once, to pydantic."""
    faults = Faults()
    faults.add(loc, fault)
    faults.raise_if_any()
    raise AssertionError


def _details(loc: RawPath, fault: Fault) -> InitErrorDetails:
    return InitErrorDetails(
        type=PydanticCustomError("policy", "{en}", dict(fault._asdict())), loc=tuple(loc), input=None
    )


def forbid_unknown(error: ValidationError, names: Iterable[str]) -> ValidationError:
    """The same error with pydantic's `extra_forbidden` at this level told with the nearest of `names`."""
    rows: list[InitErrorDetails] = []
    for item in error.errors(include_url=False, include_input=False):
        loc = item["loc"]
        if item["type"] == "extra_forbidden" and len(loc) == 1:
            rows.append(_details(loc, unknown("key", "键", str(loc[0]), names, key=True)))
        else:
            rows.append(_details(loc, fault_of(item)))
    return ValidationError.from_exception_data("policy", rows)


_TOO_SHORT = Fault("the list has too few items", "列表的项太少", "at least one item", "至少一项")


def fault_of(item: Any) -> Fault:
    """Any pydantic error as a Fault."""
    kind, ctx = item["type"], item.get("ctx") or {}
    if kind == "policy":
        return Fault(**{name: ctx[name] for name in Fault._fields})
    if kind == "missing":
        return Fault("a required key is missing", "缺少必填项", "this key", "写明该项")
    if kind == "extra_forbidden":
        return Fault("unknown key", "未知的键", key=True)
    if kind in ("model_type", "dict_type", "model_attributes_type", "mapping_type"):
        return Fault("expected a mapping", "应为键值映射", "a mapping", "键值映射")
    if kind in ("tuple_type", "list_type", "iterable_type"):
        return Fault("expected a list", "应为列表", "a list", "列表")
    if kind in ("string_type", "string_sub_type"):
        return Fault("expected text", "应为文本", "text", "文本")
    if kind == "too_short":
        return _TOO_SHORT
    return Fault(str(item["msg"]), f"不合要求：{item['msg']}")


def problems_of(error: ValidationError, parsed: Parsed) -> list[Problem]:
    """pydantic's findings as problems, each with its place in the file. Location steps `~x` are internal."""
    items = error.errors(include_url=False, include_input=False)
    placed = [(place_in(item), fault_of(item)) for item in items]
    return [problem_at(parsed, loc, fault) for loc, fault in without_echoes(placed)]


def place_in(item: Any) -> RawPath:
    """Where pydantic's finding is: without steps `~x`, and without those that name the reader of a choice."""
    return tuple(step for step in item["loc"] if not (isinstance(step, str) and step.startswith(("~", "function-"))))


def without_echoes(placed: list[tuple[RawPath, Fault]]) -> list[tuple[RawPath, Fault]]:
    """Faults without those that a list is too short where it only follows from wrong items of that list."""

    def follows(loc: RawPath, fault: Fault) -> bool:
        return fault == _TOO_SHORT and any(len(other) > len(loc) and other[: len(loc)] == loc for other, _ in placed)

    return [(loc, fault) for loc, fault in placed if not follows(loc, fault)]


def problem_at(parsed: Parsed, loc: RawPath, fault: Fault) -> Problem:
    """One fault with the line and column of its place."""
    mark = parsed.mark(loc, key=fault.key) or (1, 1)
    return fault.problem(file=parsed.file, line=mark[0], column=mark[1], path=path_text(loc))
