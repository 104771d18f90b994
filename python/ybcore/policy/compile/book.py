"""Classes of attributes, and one plan for each combination of them."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..book import Book, Policy
from ..conditions import Test
from ..vocabulary import ATTRIBUTES
from .asks import asks_of
from .figures import NoFigureError, Resolver
from .instance import PlanBuilder
from .pricing import pricing_program
from .shelf import MOST_CLASSES, Reader, Shelf

__all__ = ["Asked", "CompiledBook", "Instance"]

ALWAYS = ("insutype", "insuplc_admdvs")


@dataclass(frozen=True)
class Asked:
    """One attribute that the book asks about. `kind` is text or number; `tables` where it may stand; `default` when it is missing."""

    name: str
    kind: str
    tables: tuple[str, ...]
    default: str
    declared: bool


@dataclass(frozen=True)
class Instance:
    """What holds for one combination. `plan` -1: none, `reason` says why. `program` -1: lines cannot be priced (no_figure). `read`: paths of the
    figures that the plan and the pricing are made from."""

    plan: int
    reason: str
    program: int
    flags: int
    price_flags: int
    document: int
    read: frozenset[tuple[str | int, ...]] = frozenset()


class CompiledBook:
    """A book with everything that can be known before visits come. Instances are added as combinations appear; not shared while growing."""

    def __init__(self, book: Book, shelf: Shelf | None = None, *, policies: Sequence[Policy] | None = None) -> None:
        """`shelf`: of books that are settled together. `policies`: in place of the book's, where only what they ask is of interest."""
        self.book = book
        self.policies: tuple[Policy, ...] = tuple(book.policies if policies is None else policies)
        self.shelf = shelf = Shelf() if shelf is None else shelf
        self.tables_ = shelf.tables
        self.scheme_names = shelf.scheme_names
        self.scheme_names += [
            s for s in dict.fromkeys(p.scheme.id for p in self.policies) if s not in self.scheme_names
        ]
        self.counter_names, self._counters = shelf.counter_names, shelf.counters
        self.layer_names, self._layers = shelf.layer_names, shelf.layers
        self.attribute_values, self.value_names = shelf.attribute_values, shelf.value_names
        self.plan_names, self.plan_document = shelf.plan_names, shelf.plan_document
        self.programs, self.steps, self.program_numbers = shelf.programs, shelf.steps, shelf.program_numbers
        self.categories, self.fields = shelf.categories, shelf.fields
        self.tests: dict[str, list[Test]] = {name: [] for name in ALWAYS}
        self.whole: set[str] = set()
        self.ages: set[int] = set()
        self.dates: set[int] = set()
        asks = [asks_of(policy) for policy in self.policies]
        for each in asks:
            for name, own in each.tests.items():
                self.tests.setdefault(name, []).extend(own)
            self.whole |= each.whole
            self.ages |= each.ages
            self.dates |= each.dates
            self.fields += [name for name in each.fields if name not in self.fields]
        self.attributes = {name: self._asked(name) for name in self.tests}
        self._readers = [Reader(each, self.attributes) for each in asks]
        self._edges = {name: self.number_edges(name) for name, a in self.attributes.items() if a.kind == "number"}
        self._text = {name: self._text_tests(name) for name, a in self.attributes.items() if a.kind == "text"}
        self._classes: dict[str, dict[Any, Any]] = {}
        self._date_edges = self.date_edges()
        self._instances: dict[Any, Instance] = {}
        self.max_tags = max((len(p.model.tags) for p in self.policies), default=0)

    # ------------------------------------------------------------------ what is asked

    def _asked(self, name: str) -> Asked:
        for policy in self.policies:
            declared = policy.model.attributes.get(name)
            if declared is not None:
                return Asked(
                    name,
                    "number" if declared.match == "number" else "text",
                    ("visits", declared.table),
                    declared.default,
                    True,
                )
        known = ATTRIBUTES[name]
        return Asked(name, "number" if known.match == "number" else "text", known.tables, known.default, False)

    def field(self, name: str) -> Asked | None:
        """A numeric field of computed amounts as an attribute, with its default; None when it is not one."""
        declared = any(name in policy.model.attributes for policy in self.policies)
        return self._asked(name) if declared or name in ATTRIBUTES else None

    def text_classes(self, name: str, codes: Sequence[str]) -> tuple[np.ndarray, list[str]]:
        """(class of each code as uint16, one code of each class)."""
        seen: dict[Any, int] = {}
        members: list[str] = []
        out = np.empty(len(codes), dtype=np.uint16)
        for i, code in enumerate(codes):
            signature = self._class(name, code)
            if signature not in seen:
                seen[signature] = len(members)
                members.append(code)
            out[i] = seen[signature]
        return out, members

    def _text_tests(self, name: str) -> list[Any]:
        tests: list[Any] = [test.holds for test in dict.fromkeys(self.tests[name])]
        if name == "insutype":
            prefixes = sorted({code for p in self.policies for code in p.scheme.insutype})
            tests += [lambda text, c=code: text.startswith(c) for code in prefixes]
        if name == "insuplc_admdvs":
            regions = sorted({p.scheme.region for p in self.policies} - {"*"})
            tests += [lambda text, c=code: text.startswith(c) for code in regions]
        return tests

    def text_patterns(self, name: str) -> list[tuple[str, bool, list[str]]]:
        """(match, negate, codes) of each test of a text attribute, in the order in which `classes` tells their answers."""
        out: list[tuple[str, bool, list[str]]] = [
            (test.match, test.negate, list(test.codes)) for test in dict.fromkeys(self.tests[name])
        ]
        if name == "insutype":
            out += [
                ("prefix", False, [code])
                for code in sorted({code for p in self.policies for code in p.scheme.insutype})
            ]
        if name == "insuplc_admdvs":
            out += [("prefix", False, [code]) for code in sorted({p.scheme.region for p in self.policies} - {"*"})]
        return out

    @property
    def combinations(self) -> dict[Any, Instance]:
        """What was met so far, by the day's place among `date_edges` and the class of each attribute."""
        return self._instances

    def asked(self, name: str) -> Asked:
        """An attribute that a visit may have, whether the book asks about it or not."""
        return self._asked(name)

    def number_edges(self, name: str) -> list[int]:
        """Ascending edges of a numeric attribute."""
        edges = {
            edge for test in self.tests[name] for r in test.ranges for edge in (r.low, r.below) if edge is not None
        }
        return sorted(edges | (self.ages if name == "age" else set()))

    def date_edges(self) -> list[int]:
        """Policy dates on which something changes."""
        return sorted(self.dates)

    def _class(self, name: str, value: Any) -> Any:
        """What the book can tell of one value: equal for values that no rule tells apart."""
        if self.attributes[name].kind == "number":
            edges = self._edges[name]
            return len(edges) + 1 if value is None else bisect_right(edges, value)
        if name in self.whole:
            return value
        known = self._classes.setdefault(name, {})
        if value not in known:
            if len(known) >= MOST_CLASSES:
                known.clear()
            known[value] = tuple(test(value) for test in self._text[name])
        return known[value]

    # ------------------------------------------------------------------ names to numbers

    def counter(self, scheme: str, name: Any) -> int:
        """Dense number of a counter; `name` is a declared name or the parts of an own counter."""
        text = json.dumps([scheme, name], ensure_ascii=False, separators=(",", ":"))
        if text not in self._counters:
            self._counters[text] = len(self.counter_names)
            self.counter_names.append(text)
        return self._counters[text]

    def scheme(self, name: str) -> int:
        """Dense number of a scheme; one that the book no longer has gets a new number."""
        if name not in self.scheme_names:
            self.scheme_names.append(name)
        return self.scheme_names.index(name)

    def layer(self, scheme: str, name: str) -> int:
        text = json.dumps([scheme, name], ensure_ascii=False, separators=(",", ":"))
        if text not in self._layers:
            self._layers[text] = len(self.layer_names)
            self.layer_names.append(text)
        return self._layers[text]

    def attribute_value(self, name: str, value: str) -> int:
        """Dense number of a value of an attribute that a counter is kept by."""
        if (name, value) not in self.attribute_values:
            self.attribute_values[name, value] = len(self.value_names)
            self.value_names.append(json.dumps([name, value], ensure_ascii=False, separators=(",", ":")))
        return self.attribute_values[name, value]

    # ------------------------------------------------------------------ instances

    def document(self, insutype: str, region: str, date: int) -> int:
        """Index of the document that holds, or -1."""
        for i, policy in enumerate(self.policies):
            start, end = policy.effective
            scheme = policy.scheme
            if (
                start <= date
                and (end is None or date < end)
                and any(insutype.startswith(code) for code in scheme.insutype)
                and (scheme.region == "*" or region.startswith(scheme.region))
            ):
                return i
        return -1

    def classes(self, name: str, values: Sequence[Any]) -> list[Any]:
        """What the book can tell of each value of an attribute."""
        return [self._class(name, value) for value in values]

    def instance(self, held: Sequence[Any], date: int, classes: Sequence[Any]) -> Instance:
        """The plan, pricing and flags for one combination: the value of each attribute, and what `classes` tells of it."""
        key = (bisect_right(self._date_edges, date), *classes)
        if key not in self._instances:
            values = dict(zip(self.attributes, held))
            index = self.document(values["insutype"], values["insuplc_admdvs"], date)
            none = Instance(-1, "no_policy", -1, 0, 0, -1)
            self._instances[key] = none if index < 0 else self.of_document(index, values, date)
        return self._instances[key]

    def of_document(self, index: int, values: dict[str, Any], date: int) -> Instance:
        """The same where one of the documents is known to hold; made once for what the document cannot tell apart."""
        key = (self.policies[index].sha256, self._readers[index].key(values, date))
        built = self.shelf.built
        if key not in built:
            built[key] = self._build(index, values, date)
        found = built[key]
        return found if found.document == index else replace(found, document=index)

    def _build(self, index: int, values: dict[str, Any], date: int) -> Instance:
        model = self.policies[index].model
        flags = (
            2
            if any(n.when is not None and self._resolver(values, date, model).holds(n.when) for n in model.not_modelled)
            else 0
        )
        price = self._resolver(values, date, model)
        try:
            program = pricing_program(self, model, price)
        except NoFigureError:
            program = -1
        builder = PlanBuilder(self, index, values, date)
        try:
            plan = builder.build()
        except NoFigureError:
            read = frozenset(price.read | builder.resolver.read)
            return Instance(-1, "no_figure", program, flags, int(price.assumed), index, read)
        read = frozenset(price.read | builder.resolver.read)
        return Instance(plan, "", program, flags | int(builder.resolver.assumed), int(price.assumed), index, read)

    def _resolver(self, values: dict[str, Any], date: int, model: Any) -> Resolver:
        return Resolver(values, date, model, self.tables_, self.fields, None)

    def tables(self) -> dict[str, np.ndarray]:
        """What `_core.settle` reads."""
        return self.tables_.arrays()
