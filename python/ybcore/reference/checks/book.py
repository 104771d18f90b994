"""Rule documents stacked into one book: overrides, disabled rules, tables that are extended or replaced, parameters set anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .tables import Entry as Row
from .tables import Table
from .values import RuleError, listed, open_date

LAYERS = ("base", "province", "city")
DISPOSITIONS = ("hold", "deny", "suspect", "warn", "monitor")
VISIT_KINDS = {
    "outpatient": ["11", "12", "13", "51", "91"],
    "chronic": ["14"],
    "inpatient": ["21", "22", "23", "24", "52", "92"],
    "pharmacy": ["41", "93"],
    "maternity": ["51", "52", "53"],
    "injury": [],
    "other": ["99"],
}


Entry = tuple[dict[str, Any], dict[str, Any], str | None]  # rule, its document, why it is disabled


@dataclass
class Rule:
    """One rule with its parameters filled in."""

    id: str
    place: int
    raw: dict[str, Any]
    document: dict[str, Any]
    disabled: str | None = None

    @property
    def version(self) -> str:
        return str(self.document.get("version", ""))

    @property
    def row(self) -> Row | None:
        """A rule without a table holds as its document does."""
        return None if self.table else Row(-1, {}, self.document)

    def holds(self, day: int) -> bool:
        """Whether a day is among those that the rule itself names."""
        since, until = open_date(self.raw.get("from"), None), open_date(self.raw.get("to"), None)
        return (since is None or since <= day) and (until is None or day < until)

    @property
    def kernel(self) -> str:
        return self.raw["kernel"]

    @property
    def check(self) -> dict[str, Any]:
        return self.raw.get("check") or {}

    @property
    def scope(self) -> dict[str, Any]:
        """The rule's conditions, and the region of its document as one more."""
        region, scope = self.document.get("region", "*"), self.raw.get("scope") or {}
        if region == "*":
            return scope
        return (
            {**scope, "insuplc_admdvs": region}
            if "insuplc_admdvs" not in scope
            else {"not": {"not": {"insuplc_admdvs": region}}, **scope}
        )

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
    visit_kinds: dict[str, list[str]] = field(default_factory=lambda: dict(VISIT_KINDS))
    functions: Mapping[str, Any] = field(default_factory=dict)

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
    book = Book()
    raw: dict[str, Entry] = {}
    set_by: dict[str, str] = {}
    for document in sorted(documents, key=lambda d: LAYERS.index(d.get("layer", "base"))):
        for name, value in (document.get("parameters") or {}).items():
            if set_by.get(name) == document.get("layer", "base"):
                raise RuleError(f"parameter {name!r} is set twice in one layer")
            book.parameters[name], set_by[name] = value, document.get("layer", "base")
        for name, value in (document.get("lists") or {}).items():
            add_list(book, name, value)
        book.visit_kinds.update(document.get("visit_kinds") or {})
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


def target_of(there: Any, name: str, value: dict[str, Any]) -> str:
    """The name that a list or table adds to, takes the place of, or gives for the first time."""
    target = value.get("extends") or value.get("replaces")
    if target is None and name in there:
        raise RuleError(f"{name!r} is given twice")
    if target is not None and target not in there:
        raise RuleError(f"{name!r} extends or replaces {target!r}, which is not there")
    if target is not None and name != target and name in there:
        raise RuleError(f"{name!r} is given twice")
    return str(target or name)


def add_list(book: Book, name: str, value: dict[str, Any]) -> None:
    """A list, or codes for one that is there already."""
    target = target_of(book.lists, name, value)
    old = book.lists.get(target, {})
    if "extends" in value:
        if value.get("match", old.get("match")) != old.get("match"):
            raise RuleError(f"list {name!r} extends one that matches otherwise")
        value = {**old, "codes": [*old.get("codes", []), *value.get("codes", [])]}
    book.lists[target] = book.lists[name] = value


def add_table(book: Book, name: str, value: dict[str, Any], document: dict[str, Any]) -> None:
    """A table, or rows for one that is there already."""
    target = target_of(book.tables, name, value)
    table = book.tables.setdefault(target, Table(name, value.get("key")))
    book.tables[name] = table
    if "replaces" in value:
        table.rows.clear()
    where = {column: listed(texts) for column, texts in (value.get("where") or {}).items()}
    rows = [r for r in value.get("rows") or [] if all(r.get(c) in texts for c, texts in where.items())]
    table.add(rows, document)


def add_rule(raw: dict[str, Entry], rule: dict[str, Any], document: dict[str, Any]) -> None:
    """A rule, or what a later document says about one of the same id; it keeps its place in the book."""
    there = raw.get(rule["id"])
    if "disable" in rule or rule.get("override") == "true":
        if there is None:
            raise RuleError(f"rule {rule['id']!r} overrides or disables what is not there")
        raw[rule["id"]] = (there[0], there[1], rule["disable"]) if "disable" in rule else (rule, document, None)
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
    return Rule(rule["id"], place, filled, document, disabled)


def with_parameters(node: Any, parameters: dict[str, str]) -> Any:
    """The same tree with every ``{parameter: name}`` as its value."""
    if isinstance(node, dict):
        if set(node) == {"parameter"}:
            if node["parameter"] not in parameters:
                raise RuleError(f"no parameter {node['parameter']!r}")
            return parameters[node["parameter"]]
        return {key: with_parameters(value, parameters) for key, value in node.items()}
    return [with_parameters(value, parameters) for value in node] if isinstance(node, list) else node
