"""Rule documents stacked into one book: overrides, disabled rules, tables that are extended or replaced, parameters set anew."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .tables import Table
from .values import RuleError

LAYERS = ("base", "province", "city")
DISPOSITIONS = ("hold", "deny", "suspect", "warn", "monitor")
VISIT_KINDS = {
    "outpatient": ["11", "12", "13", "91"],
    "chronic": ["14"],
    "inpatient": ["21", "22", "23", "24", "52", "92"],
    "pharmacy": ["41", "93"],
    "maternity": ["51", "53"],
    "injury": [],
}


@dataclass
class Rule:
    """One rule with its parameters filled in."""

    id: str
    place: int
    raw: dict[str, Any]
    version: str
    visit_kinds: dict[str, list[str]]
    disabled: str | None = None

    @property
    def kernel(self) -> str:
        return self.raw["kernel"]

    @property
    def check(self) -> dict[str, Any]:
        return self.raw.get("check") or {}

    @property
    def scope(self) -> dict[str, Any]:
        return self.raw.get("scope") or {}

    @property
    def items(self) -> Any:
        return self.raw.get("items", "all")

    @property
    def disposition(self) -> str:
        return self.raw["disposition"]

    @property
    def severity(self) -> int:
        return int(self.raw.get("severity", "1"))

    @property
    def shadow(self) -> bool:
        return self.raw.get("shadow") == "true"

    @property
    def amount(self) -> str:
        return self.raw.get("amount", "none")

    @property
    def stages(self) -> list[str]:
        return self.raw.get("stage") or ["before", "during", "after"]

    def related(self, kind: str) -> list[str]:
        return (self.raw.get("relations") or {}).get(kind) or []

    @property
    def table(self) -> str | None:
        """The rule's table: that of the check, else that of the items."""
        named = self.items.get("table") if isinstance(self.items, dict) else None
        return self.check.get("table") or named


@dataclass
class Book:
    """All rules in their order, and what they name."""

    rules: list[Rule] = field(default_factory=list)
    tables: dict[str, Table] = field(default_factory=dict)
    lists: dict[str, dict[str, Any]] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)

    def list(self, name: str) -> dict[str, Any]:
        if name not in self.lists:
            raise RuleError(f"no list {name!r}")
        return self.lists[name]

    def table(self, name: str) -> Table:
        if name not in self.tables:
            raise RuleError(f"no table {name!r}")
        return self.tables[name]


def stack(documents: list[dict[str, Any]]) -> Book:
    """Documents in layers, later over earlier."""
    book, raw, set_by = Book(), {}, {}
    for document in sorted(documents, key=lambda d: LAYERS.index(d.get("layer", "base"))):
        for name, value in (document.get("parameters") or {}).items():
            if set_by.get(name) == document.get("layer", "base"):
                raise RuleError(f"parameter {name!r} is set twice in one layer")
            book.parameters[name], set_by[name] = value, document.get("layer", "base")
        for name, value in (document.get("lists") or {}).items():
            if name in book.lists:
                raise RuleError(f"list {name!r} is given twice")
            book.lists[name] = value
        for name, value in (document.get("tables") or {}).items():
            add_table(book, name, value, document)
        own: set[str] = set()
        for rule in document.get("rules") or []:
            if rule["id"] in own:
                raise RuleError(f"rule {rule['id']!r} stands twice in one document")
            own.add(rule["id"])
            add_rule(raw, rule, document)
    for table in {id(t): t for t in book.tables.values()}.values():
        table.refuse_overlaps()
    book.rules = [made(book, place, *entry) for place, entry in enumerate(raw.values())]
    return book


def add_table(book: Book, name: str, value: dict[str, Any], document: dict[str, Any]) -> None:
    """A table, or rows for one that is there already."""
    target = value.get("extends") or value.get("replaces")
    if target is None:
        if name in book.tables:
            raise RuleError(f"table {name!r} is given twice")
        book.tables[name] = Table(name, value.get("key"))
    elif target not in book.tables:
        raise RuleError(f"table {name!r} extends or replaces {target!r}, which is not there")
    elif name != target and name in book.tables:
        raise RuleError(f"table {name!r} is given twice")
    table = book.tables[target or name]
    book.tables[name] = table
    if "replaces" in value:
        table.rows.clear()
    table.add(value.get("rows") or [], document)


def add_rule(raw: dict[str, tuple], rule: dict[str, Any], document: dict[str, Any]) -> None:
    """A rule, or what a later document says about one of the same id; it keeps its place in the book."""
    there = raw.get(rule["id"])
    if "disable" in rule or rule.get("override") == "true":
        if there is None:
            raise RuleError(f"rule {rule['id']!r} overrides or disables what is not there")
        raw[rule["id"]] = (*there[:2], rule["disable"]) if "disable" in rule else (rule, document, None)
    elif there is not None:
        raise RuleError(f"rule {rule['id']!r} is given twice without override")
    else:
        reason = rule.get("reason", "disabled") if rule.get("status") == "disabled" else None
        raw[rule["id"]] = (rule, document, reason)


def made(book: Book, place: int, rule: dict[str, Any], document: dict[str, Any], disabled: str | None) -> Rule:
    filled = with_parameters(rule, book.parameters)
    if rule.get("status") == "disabled":
        disabled = disabled or rule.get("reason", "disabled")
    if filled.get("disposition") not in DISPOSITIONS:
        raise RuleError(f"rule {rule['id']!r}: disposition {filled.get('disposition')!r}")
    kinds = document.get("visit_kinds") or VISIT_KINDS
    return Rule(rule["id"], place, filled, str(document.get("version", "")), kinds, disabled)


def with_parameters(node: Any, parameters: dict[str, str]) -> Any:
    """The same tree with every ``{parameter: name}`` as its value."""
    if isinstance(node, dict):
        if set(node) == {"parameter"}:
            if node["parameter"] not in parameters:
                raise RuleError(f"no parameter {node['parameter']!r}")
            return parameters[node["parameter"]]
        return {key: with_parameters(value, parameters) for key, value in node.items()}
    return [with_parameters(value, parameters) for value in node] if isinstance(node, list) else node
