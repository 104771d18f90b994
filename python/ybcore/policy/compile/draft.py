"""Plans with their conditions unanswered, for who meets facts without Python: core/src/draft.cpp answers them.

A draft is what `PlanBuilder` writes for one combination, with a node in place of each number that facts decide. Nodes stand in one flat list
and are named by where they begin; equal ones stand there once, so that a node comes to one row of a plan. Conditions stand in the same list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ybcore._core import LAYOUT

from ..conditions import Condition, Test
from ..figures import Const, Dated, FromAge, Table
from ..vocabulary import PERIODS, SCOPES
from .book import CompiledBook
from .figures import Resolver
from .instance import PlanBuilder
from .pricing import pricing_rows
from .tables import NAMES

__all__ = ["Drafts"]

# Kinds of node, in the order of core/src/draft.cpp.
CONST, FIRST, AGE, RATE, ROW, BEGIN, END, KEY, PLACE, FIELD, ANY, ASSUMED, RUN, VALUES, PLAN, BEYOND = range(16)
ALWAYS, NEVER = -1, -1  # no condition; no figure
ALONE = -1  # a row that stands whatever stands before it
MATCHES = ("exact", "prefix", "number")
OPEN = 2**63 - 1


class Held:
    """A row that stands where its condition holds; of those of one list, the first."""

    def __init__(self, condition: int, row: Any, of: int = ALONE) -> None:
        self.condition, self.row, self.of = condition, row, of


class Drafts:
    """The drafts of a book. `place`: number of each fact. Counters and layers get their names in `compiled`."""

    def __init__(self, compiled: CompiledBook, place: dict[str, int]) -> None:
        self.compiled, self.place = compiled, place
        self.nodes: list[int] = []
        self.tests: list[tuple[int, int, int, int, int]] = []
        self.codes: list[str] = []
        self.ranges: list[tuple[int, int]] = []
        self.scopes: dict[int, int] = {}  # of each counter that some plan may touch
        self.names: list[tuple[str, str]] = []  # of plans
        self._known: dict[tuple[int, ...], int] = {}
        self._tests: dict[Any, int] = {}
        self.documents = [self._document(i) for i in range(len(compiled.policies))]

    def node(self, *words: int) -> int:
        """Where such a node or condition stands."""
        if words not in self._known:
            self._known[words] = len(self.nodes)
            self.nodes += words
        return self._known[words]

    def of(self, value: Any) -> int:
        return value.at if isinstance(value, Node) else self.node(CONST, int(value))

    # ------------------------------------------------------------------ conditions

    def when(self, condition: Condition | None) -> int:
        tests = condition.tests if condition is not None else ()
        return self.node(len(tests), *(self.test(one) for one in tests)) if tests else ALWAYS

    def test(self, test: Test) -> int:
        ranges = [(-OPEN if r.low is None else r.low, OPEN if r.below is None else r.below) for r in test.ranges]
        number = test.match == "number"
        return self._test(self.place[test.attribute], test.match, test.negate, ranges if number else test.codes)

    def _test(self, fact: int, match: str, negate: bool, of: Sequence[Any]) -> int:
        key = (fact, match, negate, tuple(of))
        if key not in self._tests:
            held: list[Any] = self.ranges if match == "number" else self.codes
            begin = len(held)
            held += of
            self._tests[key] = len(self.tests)
            self.tests.append((fact, MATCHES.index(match), int(negate), begin, len(held)))
        return self._tests[key]

    def since(self, start: int, end: int | None = None) -> int:
        """A test of the policy day."""
        return self._test(-1, "number", False, [(start, OPEN if end is None else end)])

    # ------------------------------------------------------------------ documents

    def _document(self, index: int) -> tuple[int, int, int, int]:
        """(when it holds, its pricing, its plan, what it does not model)."""
        policy = self.compiled.policies[index]
        model, scheme = policy.model, policy.scheme
        tests = [self.since(*policy.effective)]
        if "" not in scheme.insutype:
            tests.append(self._test(self.place["insutype"], "prefix", False, scheme.insutype))
        if scheme.region not in ("*", ""):
            tests.append(self._test(self.place["insuplc_admdvs"], "prefix", False, (scheme.region,)))
        head, found, tail = pricing_rows(self.compiled, model, DraftResolver(self, model, None))
        steps: list[Any] = [*found]
        rows = [(step.condition, *map(self.of, step.row)) for step in steps]
        price = self.node(len(rows), *map(self.of, (*head, *tail)), *(word for row in rows for word in row))
        missing = self.node(ANY, *self.listed(n.when for n in model.not_modelled if n.when is not None))
        return self.node(len(tests), *tests), price, PlanDraft(self, index).draft(), missing

    def listed(self, conditions: Iterable[Condition | None]) -> list[int]:
        held = [self.when(one) for one in conditions]
        return [len(held), *held]


@dataclass(frozen=True)
class Node:
    """A number that facts decide."""

    at: int


class DraftResolver(Resolver):
    """Answers nothing: what it gives are nodes."""

    def __init__(self, drafts: Drafts, model: Any, key_of: Any) -> None:
        super().__init__({}, 0, model, DraftTables(drafts), drafts.compiled.fields, key_of)  # type: ignore[arg-type]
        self.drafts = drafts

    def _node(self, *words: int) -> Any:
        return Node(self.drafts.node(*words))

    def _first(self, rows: Sequence[tuple[int, Any]], otherwise: Any) -> Any:
        of = self.drafts.of
        words = [word for condition, value in rows for word in (condition, of(value))]
        return self._node(FIRST, len(rows), *words, NEVER if otherwise is None else of(otherwise))

    def _picked(self, figure: Any, leaf: Callable[[Any], Any]) -> Any:
        d = self.drafts
        if isinstance(figure, Table):
            table = [(d.node(1, d.test(row.test)), self._picked(row.value, leaf)) for row in figure.rows]
            return self._first(table, None if figure.otherwise is None else self._picked(figure.otherwise, leaf))
        if isinstance(figure, Dated):
            dated = [(d.node(1, d.since(row.start)), self._picked(row.value, leaf)) for row in reversed(figure.rows)]
            return self._first(dated, None)
        value = leaf(figure)
        assumed = isinstance(figure, (Const, FromAge)) and figure.assumed
        return self._node(ASSUMED, d.of(value)) if assumed else value

    def rate(self, figure: Any) -> Any:
        return self._picked(figure, self._rate)

    def _rate(self, found: Any) -> Any:
        if isinstance(found, FromAge):
            span = found.start, found.per_year, found.from_age, found.every, found.least, found.most
            return self._node(AGE, self.drafts.place["age"], *span)
        return super()._rate(found)

    def amount(self, figure: Any) -> Any:
        return self._picked(figure, self._amount)

    def number_of(self, figure: Any, known: dict[str, int]) -> Any:
        return self._picked(figure, lambda found: known.setdefault(str(self._const(found)), len(known)))

    def any_holds(self, conditions: Iterable[Condition | None]) -> Any:
        return self._node(ANY, *self.drafts.listed(conditions))

    def held_rows(self, rows: Iterable[Any], make: Callable[[Any], Any]) -> list[Any]:
        return [Held(self.drafts.when(row.when), make(row)) for row in rows]

    def first_rows(self, lists: Iterable[Iterable[Any]], make: Callable[[Any], Any]) -> list[Any]:
        return [Held(self.drafts.when(row.when), make(row), i) for i, rows in enumerate(lists) for row in rows]

    def field(self, name: str) -> Any:
        return self._node(FIELD, self.fields.index(name))

    def changed_rate(self, base: Any, modifiers: Any) -> Any:
        d, words = self.drafts, []
        changes = (modifiers.points, "add"), (modifiers.self_ratio, "times"), (modifiers.factor, "times")
        for kind, (rows, figure) in enumerate(changes):
            for row in rows:
                words += [kind, d.when(row.when), d.of(self.rate(getattr(row, figure)))]
        return self._node(RATE, d.of(base), len(words) // 3, *words) if words else self._clamped(base)

    def _clamped(self, base: Any) -> Any:
        return self._node(RATE, self.drafts.of(base), 0)


class DraftTables:
    """Takes rows as `Tables` does."""

    def __init__(self, drafts: Drafts) -> None:
        self.drafts = drafts

    def row(self, table: str, fields: dict[str, Any]) -> int:
        """A row's fields with their nodes."""
        names = list(LAYOUT[table])
        pairs = [(names.index(name), self.drafts.of(value)) for name, value in fields.items()]
        return self.drafts.node(len(pairs), *(word for pair in pairs for word in pair))

    def shared(self, table: str, **fields: Any) -> Any:
        return Node(self.drafts.node(ROW, NAMES.index(table), self.row(table, fields)))

    def run(self, table: str, rows: Sequence[Any]) -> tuple[Any, Any]:
        held = [row if isinstance(row, Held) else Held(ALWAYS, row) for row in rows]
        words = [word for one in held for word in (one.of, one.condition, self.row(table, one.row))]
        return self._ends(RUN, NAMES.index(table), len(held), *words)

    def add_values(self, values: list[Any]) -> tuple[Any, Any]:
        return self._ends(VALUES, len(values), *map(self.drafts.of, values))

    def _ends(self, *words: int) -> tuple[Any, Any]:
        run = self.drafts.node(*words)
        return Node(self.drafts.node(BEGIN, run)), Node(self.drafts.node(END, run))


class PlanDraft(PlanBuilder):
    """The plan of a document, whatever the facts."""

    def __init__(self, drafts: Drafts, document: int) -> None:
        super().__init__(drafts.compiled, document, {}, 0)
        self.drafts = drafts
        self.resolver: Any = DraftResolver(drafts, self.model, self.declared_key)
        self.tables: Any = self.resolver.tables

    def draft(self) -> int:
        """A node that comes to a plan."""
        d = self.drafts
        rows = [(d.when(plan.when), Node(self._plan(plan))) for plan in self.model.plans]
        found: Node = self.resolver._first(rows, Node(self._plan(None)))
        return found.at

    def _plan(self, plan: Any) -> int:
        try:
            return self._bounded(plan)
        except ValueError:  # more than the kernel has room for: an error for those alone whom the plan is for
            return self.drafts.node(BEYOND)

    def _bounded(self, plan: Any) -> int:
        d = self.drafts
        pays = plan is not None and plan.benefit != "none"
        listed = plan.resolved() if pays else ()
        self.places: dict[str, Any] = {layer.id: Node(d.node(PLACE, i)) for i, layer in enumerate(listed)}
        self.conditions = {layer.id: d.when(layer.when) for layer in listed}
        layers = self.tables.run("layers", [Held(d.when(layer.when), self._layer(layer)) for layer in listed])
        feeds = self.tables.run("feeds", self._feeds(plan, listed))
        account = self._account([])
        holders = [(d.when(layer.when), 2) for layer in listed if layer.kind == "acct"]
        if account["account"] == 1 and holders:
            account["account"] = self.resolver._first(holders, 1)
        rule = self.model.admissions
        admission = -1 if rule is None else self.resolver._first([(d.when(rule.when), self.admission_key())], -1)
        row = dict(
            layer_begin=layers[0], layer_end=layers[1], feed_begin=feeds[0], feed_end=feeds[1], admission_key=admission,
            **self.fixed(pays), **account,
        )  # fmt: skip
        named = (self.model.id, plan.id if plan is not None else "")
        if named not in d.names:
            d.names.append(named)
        active = [d.when(layer.when) for layer in listed]
        return d.node(PLAN, d.names.index(named), self.tables.row("plans", row), len(active), *active)

    def key(self, name: Any, period: str, scope: str) -> Any:
        fact, kind = -1, 5
        if scope.startswith("attribute:"):
            fact = self.drafts.place[scope.partition(":")[2]]
        else:
            kind = SCOPES.index(scope)
        counter = self.compiled.counter(self.scheme, name)
        self.drafts.scopes[counter] = kind
        return Node(self.drafts.node(KEY, counter, PERIODS.index(period), kind, fact))

    def _feed(self, key: Any, term: tuple[int, str, str, str]) -> list[Any]:
        rows = super()._feed(key, term)
        _, kind, name, _ = term
        return [Held(self.conditions[name], row) for row in rows] if kind == "layer" else rows
