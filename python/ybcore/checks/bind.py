"""A rule bound to the book: parameters put in, lists and tables found, columns read to numbers and codes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from ..policy.faults import Fault, unknown
from ..policy.fields import Node
from ..policy.numbers import ScalarError
from ..policy.paths import RawPath
from . import groupchecks as group
from . import linechecks as line
from . import timechecks as time
from .documents import Sink
from .fields import ColumnRef, Items, Scope
from .figures import Figure, read_figure
from .rule import Rule, priority_of
from .stack import Layered, Stack
from .sumchecks import CodeIn, UserCheck
from .tables import ALWAYS, OPEN, RuleTable
from .user import UserRule, registered
from .vocabulary import PAIR_COLUMNS, UNKNOWN, VISIT_KINDS

__all__ = ["bind", "nodes"]

_TOLD = 10  # of one fault repeated down a column


def bind(layered: Layered, place: int, made: Stack, sink: Sink) -> Rule:
    """The rule, ready to run; what it names and is not there is told."""
    return _Binder(layered, made, sink).rule(place)


class _Binder:
    def __init__(self, layered: Layered, made: Stack, sink: Sink) -> None:
        self.layered, self.made, self.sink = layered, made, sink
        self.model = layered.model
        self.loc: RawPath = layered.loc
        self.tables: dict[str, RuleTable] = {}
        self.lists: dict[str, Any] = {}
        self.numbers: dict[str, np.ndarray] = {}
        self.cells: dict[str, np.ndarray] = {}
        self.words: dict[str, tuple[str, ...]] = {}
        self.parameters: dict[str, str] = {}

    def rule(self, place: int) -> Rule:
        model, document = self.model, self.layered.document
        self._items()
        check = self._with_parameters(model.check) if model.check is not None else None
        if check is not None:
            self._names(check)
            self._columns(check)
            self._thresholds(check)
        self._scope(model.scope, ("scope",))
        self._relations()
        off = self.layered.off
        head = document.head
        named = [other.head.visit_kinds for other in self.made.documents]
        kinds = {kind: tuple(codes) for part in (VISIT_KINDS, *named) for kind, codes in part.items()}
        whole = (ALWAYS, OPEN) if "items" in self.tables else (head.start, head.end)
        return Rule(
            id=str(model.id),
            version=str(head.version),
            document=str(head.id),
            region=str(head.region),
            begin=max(model.start, whole[0]),
            end=min(model.end, whole[1]),
            known=head.known_since,
            name={"zh": str(model.name.zh), "en": str(model.name.en)},
            national=model.national,
            kernel=str(model.kernel),
            status="disabled" if off else model.status,
            reason=off or str(model.reason),
            shadow=model.shadow,
            stage=model.stage,
            scope=model.scope,
            items=model.items,
            check=check,
            amount=model.amount,
            disposition=model.disposition,
            severity=model.severity,
            priority=priority_of(model.priority, model.disposition, model.severity, place),
            behaviour=str(model.behaviour),
            choices=tuple(map(str, model.choices)),
            source=str(model.source),
            cite=str(model.cite),
            examples=model.examples,
            excludes=tuple(map(str, model.relations.excludes)),
            subsumes=tuple(map(str, model.relations.subsumes)),
            visit_kinds=kinds,
            place=(document.parsed.file, (document.parsed.mark(self.loc) or (1, 1))[0]),
            tables=self.tables,
            lists=self.lists,
            numbers=self.numbers,
            cells=self.cells,
            words=self.words,
            parameters=self.parameters,
            function=self._function(check) if isinstance(check, UserCheck) else None,
        )

    def tell(self, path: RawPath, fault: Fault) -> None:
        self.sink.add(self.layered.document.parsed, (*self.loc, *path), fault)

    # what is named

    def _items(self) -> None:
        items = self.model.items
        if items.table is not None:
            self._table("items", items.table, ("items", "table"))
        if items.list is not None:
            self._list(items.list, ("items", "list"))

    def _table(self, role: str, name: str, path: RawPath) -> None:
        if name in self.made.tables:
            self.tables[role] = self.made.tables[name]
        else:
            self.tell(path, unknown("table", "表", name, self.made.tables))

    def _list(self, name: str, path: RawPath) -> None:
        if name in self.made.lists:
            self.lists[name] = self.made.lists[name]
        else:
            self.tell(path, unknown("list", "代码表", name, self.made.lists))

    def _scope(self, scope: Scope, path: RawPath) -> None:
        for name in scope.lists():
            self._list(name, path)

    def _function(self, check: UserCheck) -> UserRule | None:
        known, name = registered(), str(check.function or self.model.id)
        if name not in known:
            path = ("check", "function") if check.function else ("check",)
            self.tell(path, unknown("registered function", "已注册的函数", name, known))
        return known.get(name)

    def _relations(self) -> None:
        relations = self.model.relations
        for word, ids in (("excludes", relations.excludes), ("subsumes", relations.subsumes)):
            for index, other in enumerate(ids):
                if other not in self.made.rules:
                    self.tell(("relations", word, index), unknown("rule", "规则", other, self.made.rules))
                elif other == self.model.id:
                    self.tell(
                        ("relations", word, index), Fault("a rule has no relation to itself", "规则不能与自身建立关系")
                    )
                elif word == "subsumes" and self._goes_round(str(other)):
                    en = f"rule {other!r} subsumes this one in turn: of rules in a circle each would say that another moves the money, and none would"
                    self.tell(
                        ("relations", word, index), Fault(en, f"规则 {other!r} 又包含本规则：循环包含的规则都不会扣款")
                    )

    def _goes_round(self, other: str) -> bool:
        """Whether a rule that stands before this one, or one that it subsumes in turn, subsumes this one: told once a circle."""
        mine = str(self.model.id)
        places = list(self.made.rules)
        asked, seen = [other], {other}
        while asked:
            held = self.made.rules.get(asked.pop())
            for name in map(str, held.model.relations.subsumes) if held is not None else ():
                if name == mine:
                    return places.index(other) < places.index(mine)
                if name not in seen:
                    seen.add(name)
                    asked.append(name)
        return False

    def _names(self, check: Node) -> None:
        for path, node in nodes(check, ("check",)):
            if isinstance(node, Scope):
                self._scope(node, path)
                continue
            name = getattr(node, "list", None)
            if isinstance(name, str):
                self._list(name, (*path, "list"))
            name = getattr(node, "table", None)
            if isinstance(name, str):
                self._table(_role(path, node), name, (*path, "table"))

    def _with_parameters(self, node: Any) -> Any:
        """The same block with each parameter's text read to the kind that its place asks for."""
        if isinstance(node, Figure):
            return self._figure(node) if node.parameter else node
        if isinstance(node, Node):
            changes = {}
            for name in type(node).model_fields:
                old = getattr(node, name)
                new = self._with_parameters(old)
                if new is not old:
                    changes[name] = new
            return node.model_copy(update=changes) if changes else node
        if isinstance(node, tuple):
            made = tuple(self._with_parameters(item) for item in node)
            return made if any(a is not b for a, b in zip(made, node)) else node
        if isinstance(node, dict):
            found = {key: self._with_parameters(item) for key, item in node.items()}
            return found if any(found[key] is not node[key] for key in node) else node
        return node

    def _figure(self, figure: Figure) -> Figure:
        parsed = self.layered.document.parsed
        if figure.parameter not in self.made.parameters:
            self.sink.add(parsed, figure.path, unknown("parameter", "参数", figure.parameter, self.made.parameters))
            return figure
        text, document = self.made.parameters[figure.parameter]
        self.parameters[figure.parameter] = str(text)
        try:
            value = read_figure(str(text), figure.kind, figure.least)
        except ScalarError as err:
            where = f"{figure.parameter} ({self.model.id})"
            self.sink.add(
                document.parsed, ("parameters", figure.parameter), Fault(f"{where}: {err.en}", f"{where}：{err.zh}")
            )
            return figure
        return replace(figure, text=str(text), value=value)

    # columns of the table

    def _columns(self, check: Node) -> None:
        for path, node in nodes(check, ("check",)):
            if isinstance(node, Figure) and node.column:
                self._number(node.column, node.kind, path, least=node.least)
            elif isinstance(node, line.ColumnMap):
                self._coded(node.column, path, node.map, "word")
            elif isinstance(node, line.ListOrColumn | line.Partner) and node.column is not None:
                self._coded(node.column, path, self.made.lists, "list")
            elif isinstance(node, ColumnRef | group.SameClass) and node.column is not None:
                self._coded(node.column, path, None, "")
        self._fixed(check)

    def _fixed(self, check: Node) -> None:
        """Columns that a kernel asks for by name."""
        if isinstance(check, line.PriceCeiling):
            self._number("ceiling", "price", ("items",))
        if isinstance(check, group.Pair) and check.bundle is None:
            for name in ("main", "included"):
                self._coded(name, ("items",), None, "")
            if check.groups is not None:
                self._coded("scope", ("check", "groups"), check.groups, "group")
            for name, kind in zip(PAIR_COLUMNS, ("quantity", "whole")):
                if "items" in self.tables and name in self.tables["items"].columns:
                    self._number(name, kind, ("items",))
            self._override()
        if isinstance(check, group.Tier):
            self._coded("item", ("items",), None, "")
            self._coded("operation_group", ("check", "group_priority"), check.group_priority, "group")
            if "full_price" in self.tables:
                self._number("ceiling", "price", ("check", "full_price"), role="full_price")
        if isinstance(check, line.Attribute) and check.attribute == "listed":
            self._needs_table(("items",))

    def _override(self) -> None:
        found = self.numbers.get("override")
        table = self.tables.get("items")
        if found is None or table is None:
            return
        for row in np.flatnonzero(~np.isin(found, (0, 1, 9, UNKNOWN)))[:_TOLD]:
            self._cell(table, int(row), "override", Fault("override is 0, 1 or 9", "override 为 0、1 或 9"))

    def _needs_table(self, path: RawPath, column: str = "") -> RuleTable | None:
        table = self.tables.get("items")
        doubtful = self.sink.doubtful(self.layered.document.parsed, (*self.loc, "items"))
        if table is None and self.model.items.table is None and not doubtful:
            what = f"column {column!r} needs" if column else "the rule needs"
            zh = f"列 {column!r} 需要" if column else "该规则需要"
            self.tell(path, Fault(f"{what} a table", f"{zh}一张表", "items: {table: name}"))
        return table

    def _column(self, name: str, path: RawPath, role: str = "items") -> RuleTable | None:
        table = self.tables.get(role) if role != "items" else self._needs_table(path, name)
        if table is not None and name not in table.columns:
            self.tell(path, unknown(f"column of table {table.name}", f"表 {table.name} 的列", name, table.columns))
            return None
        if table is not None:
            self.made.named.setdefault(table.name, set()).add(name)
        return table

    def _number(self, name: str, kind: str, path: RawPath, *, role: str = "items", least: int | None = 0) -> None:
        """Figures of a column; an empty cell has none, and does not limit."""
        table = self._column(name, path, role)
        if table is None:
            return
        seen: dict[str, int] = {"": UNKNOWN}

        def read(cell: str) -> int:
            return read_figure(cell, kind, least)

        values = self._read(table, name, seen, read)
        self.numbers[name if role == "items" else f"{role}.{name}"] = np.array(values, np.int64)

    def _read(self, table: RuleTable, name: str, seen: dict[str, int], read: Callable[[str], int]) -> list[int]:
        bad: dict[str, ScalarError] = {}
        told = 0
        out = []
        for row, cell in enumerate(table.columns[name]):
            if cell not in seen and cell not in bad:
                try:
                    seen[cell] = read(cell)
                except ScalarError as err:
                    bad[cell] = err
            if cell in bad:
                told += 1
                if told <= _TOLD:
                    self._cell(table, row, name, Fault(bad[cell].en, bad[cell].zh))
            out.append(seen.get(cell, UNKNOWN))
        if told > _TOLD:
            self.tell(
                ("items",),
                Fault(
                    f"{told} cells of column {name!r} of table {table.name} are wrong; the first {_TOLD} are told",
                    f"表 {table.name} 的列 {name!r} 有 {told} 格有误，只列出前 {_TOLD} 格",
                ),
            )
        return out

    def _cell(self, table: RuleTable, row: int, name: str, fault: Fault) -> None:
        file, at = table.place(row)
        self.sink.problems.append(fault.problem(file=file, line=at, path=name))

    def _coded(self, name: str, path: RawPath, known: Any, what: str) -> None:
        """Words of a column into codes, -1 where there is none. `known`: the words that may stand (None: any); their order is that of the codes.

        Only the group that a row is counted in must be said: of every other word an empty cell does not limit.
        """
        table = self._column(name, path)
        if table is None:
            return
        if known is None:
            self.cells[name], self.words[name] = table.encoded(name)
            return
        words = {str(word): code for code, word in enumerate(known)}
        told: set[str] = set() if what == "group" else {""}
        whole = not self.sink.doubtful(self.layered.document.parsed, (*self.loc, *path))
        codes = []
        for row, cell in enumerate(table.columns[name]):
            if cell not in words and cell not in told and whole:
                told.add(cell)
                fault = unknown(what, {"word": "取值", "list": "代码表", "group": "分组"}[what], cell, words)
                self._cell(table, row, name, fault)
            codes.append(words.get(cell, -1))
        self.cells[name], self.words[name] = np.array(codes, np.int32), tuple(words)

    # thresholds

    def _thresholds(self, check: Node) -> None:
        for path, node in nodes(check, ("check",)):
            if isinstance(node, time.Window | group.Distinct) and node.thresholds is not None:
                self._ambiguous(node.thresholds, (*path, "thresholds"))

    def _ambiguous(self, thresholds: tuple[group.Threshold, ...], path: RawPath) -> None:
        for i, later in enumerate(thresholds):
            for j, earlier in enumerate(thresholds[:i]):
                same = earlier.scope == later.scope
                if same and earlier.value.value != later.value.value:
                    continue  # two values of one scope: two severities
                if same or (_level(earlier.scope, later.scope) and not earlier.scope.excludes(later.scope)):
                    en = f"thresholds {j + 1} and {i + 1} are equally specific and may both hold"
                    self.tell((*path, i), Fault(en, f"第 {j + 1} 与第 {i + 1} 个阈值同样具体且可能同时适用"))


def _level(one: Scope, other: Scope) -> bool:
    """Neither is more specific: as many conditions, and prefixes that are as long or of other columns."""
    if one.specificity[0] != other.specificity[0]:
        return False
    return one.specificity == other.specificity or one.columns() != other.columns()


def _role(path: RawPath, node: Any) -> str:
    """What a table below `check` is for: `codes`, `full_price`, `numerator`, `denominator`."""
    if isinstance(node, CodeIn):
        return "codes"
    return str(path[-2]) if isinstance(node, Items) else str(path[-1])


def nodes(node: Any, path: RawPath) -> Iterator[tuple[RawPath, Any]]:
    """Every model, scope and figure below, with its path in the document."""
    if isinstance(node, Figure | Scope):
        yield path, node
    elif isinstance(node, Node):
        yield path, node
        for name in type(node).model_fields:
            yield from nodes(getattr(node, name), (*path, name))
    elif isinstance(node, tuple):
        for index, item in enumerate(node):
            yield from nodes(item, (*path, index))
    elif isinstance(node, dict):
        for key, item in node.items():
            yield from nodes(item, (*path, key))
