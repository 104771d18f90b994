"""What a reform does to a rule set: rules switched on and off, thresholds moved, rows added (docs/simulation.md section 1)."""

from __future__ import annotations

import copy
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..checks.vocabulary import RESERVED_COLUMNS
from ..policy.faults import Fault, unknown
from ..policy.inventory import scalar_text
from ..policy.numbers import date_text
from ..policy.paths import RawPath, path_text
from .changes import WAYS
from .places import NoPlaceError, below, node, place
from .ruledates import Cut, effective, holds_on

if TYPE_CHECKING:
    from ..checks import RuleBook
    from .changes import Change
    from .reform import Reform

__all__ = ["Docket"]


class Docket:
    """A rule book under change. `rows`: what differs, one row a scalar, as `Reformed.table` has it."""

    def __init__(self, book: RuleBook) -> None:
        self.before = book
        self.rows: list[dict[str, Any]] = []

    @cached_property
    def _docs(self) -> list[dict[str, Any]]:
        return self.before.plain()

    def apply(self, reform: Reform, change: Change) -> None:
        """One change of a rule or of a rule document, of each part of it that reforms cut. Raises NoPlaceError."""
        before = None if reform.start is None else copy.deepcopy(self._docs)
        day = None if reform.start is None else date_text(reform.start)
        rows: list[tuple[str, RawPath, str | None, str | None]] = []
        faults: list[NoPlaceError] = []
        done = 0
        for doc, root, name in self._meant(change, day):
            old = _scalars(node(doc, root))
            try:
                if change.rule and change.operation == "set" and change.path == "status":
                    self._switched(reform, change, node(doc, root))
                else:
                    for path in _paths(node(doc, root), change):
                        _made(change, node(doc, root), path)
            except NoPlaceError as error:
                faults.append(error)
                continue
            done += 1
            rows += [(name, *each) for each in _differences(old, _scalars(node(doc, root)))]
        if not done:
            raise faults[0]
        ids: dict[str, str] = {}
        if before is not None and day is not None:
            cut = Cut(before, self._docs, reform.id, day)
            if rows and cut.docs == before:
                raise NoPlaceError(Fault(f"no rule that this changes holds on {day} or later", f"没有在 {day} 及以后有效的规则"))  # fmt: skip
            self._docs, ids = cut.docs, cut.ids
        for name, path, old_text, new_text in rows:
            self.rows.append(
                {
                    "reform": reform.id, "change": change.number, "path": path_text(path), "from": reform.start, "unit": "",
                    "before": old_text, "after": new_text, "rule": ids.get(name, name),
                }
            )  # fmt: skip

    def made(self) -> RuleBook:
        """The book after the changes; the one before when nothing differs. Raises DocumentError."""
        if not self.rows:
            return self.before
        from ..checks import load_rules

        return load_rules(self._docs)

    def _meant(self, change: Change, day: str | None) -> list[tuple[dict[str, Any], RawPath, str]]:
        """(document, where in it the rule stands that holds, its id); nothing as a place: the document itself is meant.

        Parts that reforms cut off go by the name of their rule too.
        """
        if change.rules:
            found = next((doc for doc in self._docs if doc["id"] == change.rules), None)
            if found is None:
                raise NoPlaceError(
                    unknown("rule document", "规则文件", change.rules, [doc["id"] for doc in self._docs])
                )
            return [(found, (), change.rules)]
        held = effective(self._docs)
        out: list[tuple[dict[str, Any], RawPath, str]] = [
            (doc, ("rules", next(i for i, one in enumerate(doc["rules"]) if one is rule)), name)
            for name, (rule, doc, _) in held.items()
            if (name == change.rule or name.startswith(f"{change.rule}+")) and (day is None or holds_on(rule, doc, day))
        ]
        if not out and day is not None and change.rule in held:
            raise NoPlaceError(Fault(f"the rule does not hold on {day} or later", f"该规则在 {day} 及以后无效"))
        if not out:
            raise NoPlaceError(unknown("rule", "规则", change.rule, held))
        return out

    def _switched(self, reform: Reform, change: Change, rule: dict[str, Any]) -> None:
        """A rule off or on: what is off says why, and a later document that had it off no longer does."""
        if change.value not in ("enabled", "disabled"):
            raise NoPlaceError(unknown("status", "状态", str(change.value), ("enabled", "disabled")))
        rule["status"] = change.value
        if change.value == "disabled":
            rule.setdefault("reason", reform.name[0] or reform.id)
            return
        rule.pop("reason", None)
        for doc in self._docs:
            if any(held["id"] == rule["id"] and "disable" in held for held in doc.get("rules", ())):
                doc["rules"] = [h for h in doc["rules"] if h["id"] != rule["id"] or "disable" not in h]


def _paths(root: dict[str, Any], change: Change) -> list[RawPath]:
    """The place, and the same below parameters, lists and tables that reforms made beside it for later days."""
    path = place(root, change.path)
    if change.rule or len(path) < 2 or path[0] not in ("parameters", "lists", "tables"):
        return [path]
    own = [name for name in root[path[0]] if name == path[1] or name.startswith(f"{path[1]}+")]
    return [(path[0], name, *path[2:]) for name in own]


def _made(change: Change, root: dict[str, Any], path: RawPath) -> None:
    if change.operation in WAYS:
        rows = path[:1] == ("tables",) and path[2:] == ("rows",)
        if change.operation == "insert" and rows and isinstance(change.value, dict):
            # An empty cell of these is the document's.
            columns = node(root, path[:-1]).get("columns", [])
            columns += [name for name in change.value if name in RESERVED_COLUMNS and name not in columns]
        WAYS[change.operation](root, path, change)
        return
    text = node(root, path)
    try:
        number = Fraction(Decimal(text))
    except (InvalidOperation, TypeError, ValueError) as error:
        what, zh = f"no number stands at {change.path!r}", f"{change.path!r} 处没有数值"
        raise NoPlaceError(Fault(what, zh, "a path of a number", "数值所在的路径")) from error
    if change.operation == "points":
        what, zh = "`points` is of policies and ratios", "points 只用于政策与比例"
        raise NoPlaceError(Fault(what, zh, "add or times", "add 或 times"))
    by = Fraction(Decimal(change.value)) if isinstance(change.value, str) else Fraction(change.value)
    node(root, path[:-1])[path[-1]] = scalar_text(number + by if change.operation == "add" else number * by)


def _differences(old: dict[RawPath, str], new: dict[RawPath, str]) -> list[tuple[RawPath, str | None, str | None]]:
    return [
        (path, old.get(path), new.get(path)) for path in dict.fromkeys([*old, *new]) if old.get(path) != new.get(path)
    ]


def _scalars(doc: Any) -> dict[RawPath, str]:
    return {path: held for path in below(doc) if isinstance(held := node(doc, path), str)}
