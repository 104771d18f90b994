"""A reform document: text into a Reform, every problem at its place."""

from __future__ import annotations

import os
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

from ..errors import DocumentError, Problem
from ..policy.faults import Fault, problem_at, unknown
from ..policy.numbers import ScalarError, days
from ..policy.paths import RawPath
from ..policy.reader import Parsed, parse_file, parse_text
from .changes import OPERATIONS, Change
from .reform import Reform

__all__ = ["FORMAT", "load_reform", "reform_in", "reform_of"]

FORMAT = "ybcore-reform/1"
_HEAD = ("format", "id", "name", "source", "from", "changes")
_NAMED = ("policy", "scheme", "item", "items", "rule", "rules")
_CHANGE = (*_NAMED, "region", "path", "at", "round", *OPERATIONS)
_ROUND = ("fen", "jiao", "yuan")


def load_reform(source: str | bytes | os.PathLike[str]) -> Reform:
    """A reform from a file, or from the text of one (it has a line break). Raises DocumentError with every problem, OSError."""
    if isinstance(source, bytes) or (isinstance(source, str) and "\n" in source):
        parsed = parse_text(source)
    else:
        parsed = parse_file(os.fspath(source))
    given = parsed.doc.get("format")
    if given != FORMAT:
        fault = Fault("not a reform document", "不是改革文件", f"format: {FORMAT}")
        raise DocumentError([problem_at(parsed, ("format",), fault)])
    return _Reader(parsed).reform()


def reform_in(parsed: Parsed) -> Reform:
    """A reform that stands in another document: `parsed` is that node, with its places. Raises DocumentError with every problem."""
    return _Reader(parsed).reform()


def reform_of(raw: dict[str, Any]) -> Reform:
    """The same from Python values."""
    return _Reader(Parsed({name: value for name, value in raw.items() if value is not None}, "", {}, {})).reform()


class _Reader:
    """Reads one document and collects what is wrong."""

    def __init__(self, parsed: Parsed) -> None:
        self.parsed = parsed
        self.problems: list[Problem] = []

    def tell(self, loc: RawPath, fault: Fault) -> None:
        self.problems.append(problem_at(self.parsed, loc, fault))

    def reform(self) -> Reform:
        doc = self.parsed.doc
        for key in doc:
            if key not in _HEAD:
                self.tell((key,), unknown("key", "键", str(key), _HEAD, key=True))
        name = doc.get("id")
        if not isinstance(name, str) or not name or name != name.strip():
            self.tell(("id",), Fault("a reform has an id", "改革须有 id", "text", "文本"))
        start = self._day(doc.get("from"))
        told = doc.get("name")
        names = (str(told.get("zh", "")), str(told.get("en", ""))) if isinstance(told, dict) else (str(told or ""),) * 2
        rows = doc.get("changes")
        if not isinstance(rows, list):
            self.tell(("changes",), Fault("a reform has a list of changes", "改革须有 changes 列表", "a list", "列表"))
            rows = []
        changes = [self._change(number, row) for number, row in enumerate(rows)]
        if self.problems:
            raise DocumentError(sorted(dict.fromkeys(self.problems), key=lambda p: (p.line or 0, p.column or 0)))
        held = tuple(change for change in changes if change is not None)
        parsed = self.parsed if self.parsed.marks else None
        return Reform(str(name), held, start, (names[0], names[1]), str(doc.get("source") or ""), parsed)

    def _day(self, raw: Any) -> int | None:
        if raw is None:
            return None
        try:
            return days(raw if isinstance(raw, str) else str(raw))
        except ScalarError as err:
            self.tell(("from",), Fault(err.en, err.zh, "YYYY-MM-DD"))
            return None

    def _change(self, number: int, row: Any) -> Change | None:
        loc: RawPath = ("changes", number)
        if not isinstance(row, dict):
            self.tell(loc, Fault("expected a mapping", "应为键值映射", "{policy: …, path: …, set: …}"))
            return None
        for key in row:
            if key not in _CHANGE:
                self.tell((*loc, key), unknown("key", "键", str(key), _CHANGE, key=True))
        ways = [name for name in OPERATIONS if name in row]
        if len(ways) != 1:
            self.tell(
                loc,
                Fault(
                    "a change does exactly one thing",
                    "一项变更恰做一件事",
                    f"one of: {', '.join(OPERATIONS)}",
                    f"以下之一：{', '.join(OPERATIONS)}",
                ),
            )
            return None
        way = ways[0]
        self._named(loc, row, way)
        if "at" in row and way != "insert":
            self.tell((*loc, "at"), Fault("`at` goes with insert", "at 只与 insert 同用", key=True))
        if "round" in row and way != "times":
            self.tell((*loc, "round"), Fault("`round` goes with times", "round 只与 times 同用", key=True))
        elif "round" in row and row["round"] not in _ROUND:
            self.tell((*loc, "round"), unknown("word", "取值", str(row["round"]), _ROUND))
        value = _nulls(row[way]) if way == "merge" and self.parsed.marks else row[way]
        self._value(loc, way, value)
        at = row.get("at")
        texts = {name: str(row.get(name, "")) for name in ("scheme", "path", "region", "rule", "rules")}
        asked = row.get("items")
        where: Any = ()
        if isinstance(asked, dict):
            where = tuple((str(name), _several(words)) for name, words in sorted(asked.items()))
            asked = None
        items = (*_several(row.get("item")), *_several(asked))
        return Change(way, value, _several(row.get("policy")), at=None if at is None else str(at), round=row.get("round"), number=number, items=items, where=where, **texts)  # fmt: skip

    def _named(self, loc: RawPath, row: dict[str, Any], way: str) -> None:
        """What is changed, and where in it."""
        named = [name for name in _NAMED if name in row]
        if len(named) != 1:
            en = "a change names its documents by policy or by scheme, its items by item or items, or a rule by rule or rules"
            zh = "须用 policy、scheme、item、items、rule、rules 之一指明所改"
            self.tell(loc, Fault(en, zh, "one of these", "其中之一"))
            return
        items, rule = named[0] in ("item", "items"), named[0] == "rule"
        if items and not (row.get("items") or _several(row.get("item"))):
            self.tell(
                (*loc, named[0]),
                Fault(
                    "no item is named",
                    "没有指明目录项目",
                    "a code, a list of them, or columns with what they say",
                    "编码、编码列表，或各列及其取值",
                ),
            )
        if isinstance(row.get("items"), dict) and way == "insert":
            self.tell((*loc, "items"), Fault("`insert` names its items by their codes", "insert 须以编码指明项目"))
        if "region" in row and not items:
            self.tell((*loc, "region"), Fault("`region` goes with items", "region 只与目录项目同用", key=True))
        if "path" not in row and way != "merge" and not (items and way in ("insert", "remove")):
            what, zh = ("the rule", "规则") if rule else ("the item", "目录项目") if items else ("the document", "文件")
            self.tell(loc, Fault("`path` is missing", "缺少 path", f"a path of {what}", f"{zh}内的路径"))

    def _value(self, loc: RawPath, way: str, value: Any) -> None:
        if way in ("add", "points", "times"):
            try:
                if isinstance(value, (bool, float)) or not isinstance(value, (int, str, Decimal, Fraction)):
                    raise ValueError
                Fraction(Decimal(value)) if isinstance(value, str) else Fraction(value)
            except (ValueError, InvalidOperation):
                said = f"`{way}` takes a number, not {value!r}"
                self.tell(
                    (*loc, way),
                    Fault(
                        said,
                        f"{way} 须为数值，不是 {value!r}",
                        "text, int, Decimal or Fraction, no float",
                        "文本、int、Decimal 或 Fraction，不得为浮点数",
                    ),
                )
        elif way == "remove" and value not in ("true", True):
            self.tell((*loc, way), Fault("`remove` takes true", "remove 只能为 true", "true"))
        elif way != "remove" and _holds_float(value):
            said = f"`{way}` holds a binary float"
            self.tell((*loc, way), Fault(said, f"{way} 含二进制浮点数", "text, int, Decimal or Fraction", "文本、int、Decimal 或 Fraction"))  # fmt: skip


def _several(named: Any) -> tuple[str, ...]:
    if named is None:
        return ()
    return tuple(str(item) for item in (named if isinstance(named, (list, tuple)) else [named]))


def _nulls(value: Any) -> Any:
    """A patch as written: every scalar of a document is text, and the text null takes a key away."""
    if isinstance(value, dict):
        return {key: _nulls(item) for key, item in value.items()}
    return None if value == "null" else value


def _holds_float(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_holds_float(item) for item in value.values())
    if isinstance(value, (list, tuple)):
        return any(_holds_float(item) for item in value)
    return isinstance(value, float)
