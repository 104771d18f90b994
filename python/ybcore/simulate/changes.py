"""One change of a reform, and what it does at one place of a raw document."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ..policy.faults import Fault
from ..policy.inventory import scalar_text
from ..policy.numbers import MONEY_UNITS, PPM
from ..policy.paths import RawPath, path_text
from .places import NoPlaceError, index_of, node, place

if TYPE_CHECKING:
    from ..policy import FigureLeaf, Policy

__all__ = ["OPERATIONS", "WAYS", "Change", "applied"]

OPERATIONS = ("set", "add", "points", "times", "insert", "remove", "merge")
_ROUND = {"fen": 1, "jiao": 10, "yuan": 100}


@dataclass(frozen=True)
class Change:
    """One operation on documents of a book, items of a catalogue (`items`, or those whose columns say what `where` asks; in the place
    `region` where it is given), a rule or a document of rules. `number` is its place in the reform, from 0."""

    operation: str
    value: Any
    policies: tuple[str, ...] = ()
    scheme: str = ""
    path: str = ""
    at: str | None = None
    round: str | None = None
    number: int = 0
    items: tuple[str, ...] = ()
    region: str = ""
    rule: str = ""
    rules: str = ""
    where: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def canonical(self) -> dict[str, Any]:
        """What it does, as plain data."""
        held = {
            "policy": list(self.policies),
            "scheme": self.scheme,
            "items": list(self.items),
            "where": {name: list(words) for name, words in self.where},
            "region": self.region,
            "rule": self.rule,
            "rules": self.rules,
            "path": self.path,
            "at": self.at,
            "round": self.round,
        }
        return {name: value for name, value in held.items() if value} | {self.operation: self.value}

    @property
    def of_catalog(self) -> bool:
        """Whether it is about items of a catalogue."""
        return bool(self.items or self.where)

    def of_items(self, items: tuple[str, ...]) -> Change:
        """The same of these items."""
        return replace(self, items=items, where=())

    def with_value(self, value: Any) -> Change:
        """The same with another value."""
        return replace(self, value=value)


def applied(policy: Policy, change: Change) -> tuple[dict[str, Any], RawPath]:
    """(the raw document after a change, the path it was at). Raises NoPlaceError where the document does not have it."""
    doc = policy.doc
    path = place(doc, change.path)
    if change.operation in ("add", "points", "times"):
        _reckoned(policy, doc, path, change)
    else:
        WAYS[change.operation](doc, path, change)
    return doc, path


def _written(value: Any) -> Any:
    """A value from Python as the reader would have given it."""
    if isinstance(value, dict):
        return {str(key): _written(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_written(item) for item in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    return scalar_text(value)


def _set(doc: Any, path: RawPath, change: Change) -> None:
    if not path:
        raise NoPlaceError(Fault("`set` needs a path", "set 须有 path"))
    node(doc, path[:-1])[path[-1]] = _written(change.value)


def _insert(doc: Any, path: RawPath, change: Change) -> None:
    held = node(doc, path)
    if not isinstance(held, list):
        what = f"{change.path!r} is no list, nothing can be inserted"
        raise NoPlaceError(Fault(what, f"{change.path!r} 不是列表，不能插入"))
    named = change.at
    at = len(held) if named is None else int(named) if named.isdigit() else index_of(held, named)
    if at is None or at > len(held):
        what, zh = f"{change.path!r} has no item {named!r}", f"{change.path!r} 中没有 {named!r}"
        raise NoPlaceError(Fault(what, zh, f"0 … {len(held)}, or the id of an item", f"0 … {len(held)}，或某项的 id"))
    held.insert(at, _written(change.value))


def _remove(doc: Any, path: RawPath, change: Change) -> None:
    if not path:
        raise NoPlaceError(Fault("`remove` needs a path", "remove 须有 path"))
    del node(doc, path[:-1])[path[-1]]


def _merge(doc: Any, path: RawPath, change: Change) -> None:
    held = node(doc, path)
    if not isinstance(held, dict) or not isinstance(change.value, dict):
        what, zh = "`merge` puts one mapping into another", "merge 只能合并两个键值映射"
        raise NoPlaceError(Fault(what, zh, "a mapping on both sides", "两边均为键值映射"))
    _merged(held, change.value)


def _merged(into: dict[str, Any], patch: dict[str, Any]) -> None:
    for key, value in patch.items():
        if value is None:
            into.pop(key, None)
        elif isinstance(value, dict):
            held = into.get(key)
            fresh: dict[str, Any] = held if isinstance(held, dict) else {}
            into[key] = fresh
            _merged(fresh, value)
        else:
            into[key] = _written(value)


WAYS: dict[str, Callable[[Any, RawPath, Change], None]] = {
    "set": _set,
    "insert": _insert,
    "remove": _remove,
    "merge": _merge,
}


def _reckoned(policy: Policy, doc: Any, path: RawPath, change: Change) -> None:
    """`add`, `points`, `times` on every figure at or below the path."""
    rates_only = change.operation == "points"
    mine = [
        leaf
        for leaf in policy.figures()
        if leaf.raw_path[: len(path)] == path and leaf.unit in (("ppm",) if rates_only else ("fen", "ppm"))
    ]
    if not mine:
        kind = ("rate", "比例") if rates_only else ("figure", "数值")
        what = f"no {kind[0]} stands at or below {change.path!r}"
        raise NoPlaceError(Fault(what, f"{change.path!r} 处及其下没有{kind[1]}"))
    if len({leaf.unit for leaf in mine}) > 1:
        what = f"money and rates both stand below {change.path!r}"
        raise NoPlaceError(
            Fault(
                what,
                f"{change.path!r} 下既有金额又有比例",
                "a path with figures of one kind below it",
                "其下数值种类相同的路径",
            )
        )
    amount = Fraction(Decimal(change.value)) if isinstance(change.value, str) else Fraction(change.value)
    for leaf in mine:
        node(doc, leaf.raw_path[:-1])[leaf.raw_path[-1]] = _text(leaf, change, amount)


def _text(leaf: FigureLeaf, change: Change, amount: Fraction) -> str:
    """The new figure as it is written: in its own unit, a percentage as one."""
    scale = MONEY_UNITS[leaf.written_in] if leaf.unit == "fen" else PPM
    before = Fraction(int(leaf.value), scale)
    if change.operation == "times":
        after = before * amount
        if leaf.unit == "fen" and change.round is not None:
            step = Fraction(_ROUND[change.round], scale)
            units = after / step
            whole = (abs(units) + Fraction(1, 2)).__floor__()
            after = (whole if units >= 0 else -whole) * step
    else:
        after = before + (amount / 100 if change.operation == "points" else amount)
    smallest = Fraction(1, scale)
    if (after / smallest).denominator != 1:
        said = path_text(leaf.raw_path)
        what = f"{leaf.text} × {change.value} at {said} cannot be written exactly"
        zh = f"{said} 处 {leaf.text} × {change.value} 不能精确表示"
        raise NoPlaceError(Fault(what, zh, "round: fen, jiao or yuan" if leaf.unit == "fen" else "at most 6 decimals", "round: fen、jiao 或 yuan" if leaf.unit == "fen" else "最多 6 位小数"))  # fmt: skip
    if leaf.text.endswith("%"):
        return f"{scalar_text(after * 100)}%"
    return scalar_text(after)
