"""What a reform does to a rule set: rules switched on and off, thresholds moved, rows added (docs/simulation.md section 1)."""

from __future__ import annotations

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
        docs = self.before.plain()
        for doc, document in zip(docs, self.before.documents):
            for name, (_, sheet) in document.tables.items():
                # Rows stand in the document now, under the columns of their file.
                doc["tables"][name].pop("file", None)
                doc["tables"][name]["columns"] = list(sheet.columns)
        return docs

    def apply(self, reform: Reform, change: Change) -> None:
        """One change of a rule or of a rule document. Raises NoPlaceError."""
        doc, root = self._meant(change)
        before = _scalars(node(doc, root))
        if change.rule and change.operation == "set" and change.path == "status":
            self._switched(reform, change, node(doc, root))
        else:
            _made(reform, change, node(doc, root))
        after = _scalars(node(doc, root))
        for path in dict.fromkeys([*before, *after]):
            if before.get(path) != after.get(path):
                self.rows.append(
                    {
                        "reform": reform.id, "change": change.number, "path": path_text(path), "from": reform.start, "unit": "",
                        "before": before.get(path), "after": after.get(path), "rule": change.rule or change.rules,
                    }
                )  # fmt: skip

    def made(self) -> RuleBook:
        """The book after the changes; the one before when nothing differs. Raises DocumentError."""
        if not self.rows:
            return self.before
        from ..checks import load_rules

        return load_rules(self._docs)

    def _meant(self, change: Change) -> tuple[dict[str, Any], RawPath]:
        """(a document, where in it the rule stands that holds; nothing: the document itself is meant)."""
        if change.rules:
            found = next((doc for doc in self._docs if doc["id"] == change.rules), None)
            if found is None:
                raise NoPlaceError(
                    unknown("rule document", "规则文件", change.rules, [doc["id"] for doc in self._docs])
                )
            return found, ()
        at = None
        names = []
        for doc in self._docs:
            for index, rule in enumerate(doc.get("rules", ())):
                names.append(rule["id"])
                if rule["id"] == change.rule and "disable" not in rule:
                    at = doc, ("rules", index)
        if at is None:
            raise NoPlaceError(unknown("rule", "规则", change.rule, names))
        return at

    def _switched(self, reform: Reform, change: Change, rule: dict[str, Any]) -> None:
        """A rule off or on: what is off says why, and a later document that had it off no longer does."""
        if change.value not in ("enabled", "disabled"):
            raise NoPlaceError(unknown("status", "状态", str(change.value), ("enabled", "disabled")))
        _undated(reform)
        rule["status"] = change.value
        if change.value == "disabled":
            rule.setdefault("reason", reform.name[0] or reform.id)
            return
        rule.pop("reason", None)
        for doc in self._docs:
            if any(held["id"] == change.rule and "disable" in held for held in doc.get("rules", ())):
                doc["rules"] = [h for h in doc["rules"] if h["id"] != change.rule or "disable" not in h]


def _undated(reform: Reform) -> None:
    if reform.start is not None:
        what = "a rule holds as long as its document: only rows that are inserted into a table can begin on a day"
        raise NoPlaceError(Fault(what, "规则随其文件有效：只有插入表中的行可自某日起", "a reform without `from`"))


def _made(reform: Reform, change: Change, root: dict[str, Any]) -> None:
    path = place(root, change.path)
    if change.operation in WAYS:
        if (
            change.operation == "insert"
            and path[:1] == ("tables",)
            and path[2:] == ("rows",)
            and isinstance(change.value, dict)
        ):
            row = dict(change.value)
            if reform.start is not None:
                row.setdefault("from", date_text(reform.start))
            # An empty cell of these is the document's.
            columns = node(root, path[:-1])["columns"]
            columns += [name for name in row if name in RESERVED_COLUMNS and name not in columns]
            change = change.with_value(row)
        else:
            _undated(reform)
        WAYS[change.operation](root, path, change)
        return
    _undated(reform)
    text = node(root, path)
    try:
        number = Fraction(Decimal(text))
    except (InvalidOperation, TypeError, ValueError) as error:
        what, zh = f"no number stands at {change.path!r}", f"{change.path!r} 处没有数值"
        raise NoPlaceError(Fault(what, zh, "a path of a number")) from error
    if change.operation == "points":
        what, zh = "`points` is of policies and ratios", "points 只用于政策与比例"
        raise NoPlaceError(Fault(what, zh, "add or times"))
    by = Fraction(Decimal(change.value)) if isinstance(change.value, str) else Fraction(change.value)
    node(root, path[:-1])[path[-1]] = scalar_text(number + by if change.operation == "add" else number * by)


def _scalars(doc: Any) -> dict[RawPath, str]:
    return {path: held for path in below(doc) if isinstance(held := node(doc, path), str)}
