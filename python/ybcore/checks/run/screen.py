"""Which rules may have a finding in a small batch: those for which some row that may offend is there.

A rule is left out only where no current row can be chosen by its scope and its items; what is chosen, and what it comes to, the rule itself
says. A row of which something is missing is never chosen, so that it keeps no rule in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from operator import or_
from typing import Any

import numpy as np
import pyarrow as pa

from ..fields import Items
from ..rule import Rule
from .held import is_of_pairs, rows_of_class
from .lists import members
from .now import Now
from .picked import OF_VISITS, of_lines
from .scope import OF_LINES, YES, fits, kinds_of, scope_with_region
from .taken import enough, least_visits, more_of, some_death
from .work import Work

__all__ = ["Screen"]

_CODED = ("diagnosis", "operation")
_KEYS = ("institution", "person", "card")
_MOST = 1 << 18  # texts whose rules are remembered
_MANY = 1 << 14  # rows beyond which no rule is left out: looking at them one by one takes longer than the rules
Test = Callable[[str], bool]


class Screen:
    """Made of a book's rules and a catalogue; rules are bits in the order given."""

    def __init__(self, rules: Sequence[Rule], lists: dict[str, Any], catalog: Any) -> None:
        self._bit = {rule.id: 1 << place for place, rule in enumerate(rules)}
        self._lists, self._catalog = lists, catalog
        self._known: dict[tuple[str, str], int] = {}
        self._tests: dict[str, list[tuple[Test, int]]] = {}
        self._asking: dict[str, int] = {}  # rules with a condition, by what it is on
        self._on: dict[str, int] = dict.fromkeys(("lines", "visits", *_CODED, *_KEYS, "doctor", "death", "ratio"), 0)
        self._ratios: dict[str, Rule] = {}
        self._least: list[tuple[int, int]] = []  # rules of visits, and how many visits a finding takes
        self._more: list[tuple[int, Callable[[Work, Now], bool]]] = []
        for rule in rules:
            if rule.enabled:
                self._add(rule, self._bit[rule.id])
        self._watched = reduce(or_, self._on.values())
        self._wide = reduce(or_, (bit for bit, _ in self._least), 0)  # rules that look at visits of the history

    # ------------------------------------------------------------------ once

    def _add(self, rule: Rule, bit: int) -> None:
        kind = _looks_at(rule)
        more = more_of(rule)
        if more is not None:
            self._more.append((bit, more))
        if kind == "always":
            return
        self._on[kind] |= bit
        if kind == "ratio":
            self._ratios[rule.id] = rule
            return
        scope = scope_with_region(rule)
        for name, prefixes in scope.tests.items():
            if name in OF_LINES and kind != "lines":
                continue
            self._ask(f"{'line ' if name in OF_LINES else ''}{name}", bit, _attribute(name, prefixes, rule))
        if kind == "visits" and least_visits(rule) > 1:
            self._least.append((bit, least_visits(rule)))
        if kind in ("visits", "death"):
            return
        what = "item" if kind == "lines" else kind
        if kind in _CODED and rule.kernel == "K05":
            self._ask(what, bit, self._list(rule.check.trigger.list))
        elif not rule.items.all:
            self._ask(what, bit, self._items(rule, rule.items))

    def _ask(self, what: str, bit: int, test: Test) -> None:
        self._tests.setdefault(what, []).append((test, bit))
        self._asking[what] = self._asking.get(what, 0) | bit

    def _items(self, rule: Rule, items: Items) -> Test:
        if items.table is not None:
            table = rule.tables["items"]
            columns = ("main", "included") if is_of_pairs(table) else table.key[:1]
            inside = frozenset(text for column in columns for text in table.columns[column])
            return inside.__contains__
        if items.list is not None:
            return self._list(items.list)
        if items.prefix is not None:
            return lambda text: fits(text, items.prefix or ())
        return self._of_class(items)

    def _list(self, name: str) -> Test:
        known = self._lists[name]
        if known.match == "exact":
            return frozenset(known.codes).__contains__
        return lambda text: bool(members(pa.array([text], pa.large_string()), known.match, known.codes)[0])

    def _of_class(self, items: Items) -> Test:
        if self._catalog is None:
            return lambda text: False
        right = rows_of_class(self._catalog, items)[:-1] == YES
        some = np.unique(self._catalog.item_of_row[right])
        return frozenset(self._catalog.codes.take(pa.array(some[some >= 0])).to_pylist()).__contains__

    def _bits(self, what: str, text: str | None) -> int:
        """Rules that a text does not rule out, of those that ask for it."""
        if not text:
            return 0
        key = (what, text)
        found = self._known.get(key)
        if found is None:
            found = 0
            for test, bit in self._tests[what]:
                if not found & bit and test(text):
                    found |= bit
            if len(self._known) > _MOST:
                self._known.clear()
            self._known[key] = found
        return found

    # ------------------------------------------------------------------ each call

    def may(self, work: Work, running: Iterable[Rule], stage: str) -> frozenset[str]:
        """Ids of the rules, of those that run, that may have a finding."""
        running = list(running)
        if len(work.rows) > _MANY or work.batch.visits.rows > _MANY:
            return frozenset(rule.id for rule in running)
        mine = 0
        for rule in running:
            mine |= self._bit[rule.id]
        left = self._left(
            work, mine, work.batch.stands if stage == "after" else work.batch.stands & ~work.batch.history
        )
        return frozenset(rule.id for rule in running if left & self._bit[rule.id])

    def _left(self, work: Work, mine: int, current: Any) -> int:
        """The bits of `mine` that are left."""
        batch, on = work.batch, self._on
        always = mine & ~self._watched
        rows = work.rows[current[work.ordered("visit")]] if len(work.rows) else work.rows
        cells = {*zip(batch.item[rows].tolist(), batch.line_visit[rows].tolist(), *self._cells(work, mine, rows))}
        of_item = self._of_items(work, {cell[0] for cell in cells})
        # Rules of lines that no current line is for need no attribute of their visits.
        some = 0
        for cell in cells:
            some |= of_item[cell[0]]
        mine &= ~on["lines"] | some
        of_visit = dict.fromkeys(np.flatnonzero(current).tolist(), mine)
        self._narrow(work, mine, of_visit)
        there = out = 0
        for bits in of_visit.values():
            there |= bits
        for cell in cells:
            bits = of_item[cell[0]] & of_visit[cell[1]] & on["lines"]
            for flags in cell[2:]:
                bits &= flags
            out |= bits
        now = Now(rows, [cell[:2] for cell in cells], of_visit, current)
        refused = self._refused(work, now, there, out | there | always)
        out, there = (out | always) & ~refused, there & ~refused
        out |= there & on["visits"]
        if there & on["death"] and some_death(work):
            out |= there & on["death"]
        for kind in _CODED:
            if there & on[kind]:
                out |= self._coded(work, kind, of_visit, current) & on[kind] & there
        for kind in _KEYS:
            if there & on[kind]:
                out |= self._keyed(work, kind, of_visit) & on[kind] & there
        if there & on["doctor"]:
            out |= self._doctors(work, rows, of_visit) & on["doctor"] & there
        for rule_id, rule in self._ratios.items():
            if mine & self._bit[rule_id] and enough(work, rule):
                out |= self._bit[rule_id]
        return out

    def _of_items(self, work: Work, items: set[int]) -> dict[int, int]:
        """The rules that each item leaves."""
        asking = self._asking.get("item", 0)
        names = [*work.item_names, None]
        return {item: ~asking | self._bits("item", names[item]) if asking else -1 for item in items}

    def _refused(self, work: Work, now: Now, there: int, asked: int) -> int:
        """Rules that lack what else a finding of theirs takes."""
        wide, every = there & self._wide, now.of_visit
        if wide:
            past = np.flatnonzero(work.batch.stands).tolist()
            others = dict.fromkeys([visit for visit in past if visit not in every], wide)
            self._narrow(work, wide, others)
            every = {**others, **every}
        refused = 0
        for bit, least in self._least:
            if there & bit and sum(1 for bits in every.values() if bits & bit) < least:
                refused |= bit
        asked &= ~refused
        now = Now(now.rows, now.items, every, now.current)
        for bit, more in self._more:
            now.bit = bit
            if asked & bit and not more(work, now):
                refused |= bit
        return refused

    def _cells(self, work: Work, mine: int, rows: Any) -> list[list[int]]:
        """For each attribute of lines that some rule asks for, the rules that each line's own leaves."""
        out = []
        for name in OF_LINES:
            asking = self._asking.get(f"line {name}", 0)
            if asking & mine:
                codes, texts = work.scopes.text(name)
                bits = [~asking | self._bits(f"line {name}", text) for text in texts]
                out.append([bits[code] for code in codes[rows].tolist()])
        return out

    def _narrow(self, work: Work, mine: int, of_visit: dict[int, int]) -> None:
        """Take from each visit the rules of `mine` that its attributes rule out."""
        for name, asking in self._asking.items():
            if not asking & mine or name in ("item", "doctor", *_CODED, *_KEYS) or name.startswith("line "):
                continue
            codes, texts = work.scopes.text("med_type" if name == "visit_kind" else name)
            of_code: dict[int, int] = {}
            for visit in of_visit:
                code = int(codes[visit])
                if code not in of_code:
                    of_code[code] = ~asking | self._bits(name, texts[code])
                of_visit[visit] &= of_code[code]

    def _coded(self, work: Work, kind: str, of_visit: dict[int, int], current: Any) -> int:
        visit, code, ids = work.diagnoses if kind == "diagnosis" else work.operations
        at = np.flatnonzero(current[visit])
        if not len(at):
            return 0
        asking, texts = self._asking.get(kind, 0), ids.to_pylist()
        out = 0
        for row, number in set(zip(visit[at].tolist(), code[at].tolist())):
            out |= of_visit[row] & (~asking | self._bits(kind, texts[number]))
        return out

    def _keyed(self, work: Work, kind: str, of_visit: dict[int, int]) -> int:
        batch = work.batch
        if kind == "card":
            codes, ids = work.cards
        else:
            codes, ids = (batch.psn, batch.psn_ids) if kind == "person" else (batch.hospital, batch.hospital_ids)
        out = 0
        for visit, bits in of_visit.items():
            out |= bits & self._of_id(kind, int(codes[visit]), ids)
        return out

    def _doctors(self, work: Work, rows: Any, of_visit: dict[int, int]) -> int:
        batch = work.batch
        out = 0
        for doctor, visit in set(zip(batch.doctor[rows].tolist(), batch.line_visit[rows].tolist())):
            out |= of_visit[visit] & self._of_id("doctor", doctor, batch.doctor_ids)
        return out

    def _of_id(self, kind: str, code: int, ids: pa.Array) -> int:
        asking = self._asking.get(kind, 0)
        return ~asking | self._bits(kind, _text(ids[code].as_py())) if code >= 0 else ~asking


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _looks_at(rule: Rule) -> str:
    """What a rule's offending rows are chosen from; `always`: it is not told here."""
    check = rule.check
    if rule.kernel == "K13":
        return "ratio"
    if rule.kernel in ("K01", "K02") and check.key != "item":
        return str(check.key)
    if rule.kernel == "K05" and check.trigger.kind != "item":
        return str(check.trigger.kind)
    if of_lines(rule):
        return "lines"
    if (rule.kernel == "K15" and check.form != "unique") or rule.kernel == "K08":
        return "visits"
    if rule.kernel == "K07" and check.measure in OF_VISITS:
        return "visits"
    if rule.kernel == "K09":
        return "death" if check.form == "after_death" else "visits"
    return "always"


def _attribute(name: str, prefixes: Sequence[str], rule: Rule) -> Test:
    if name == "visit_kind":
        return lambda text: any(fits(kind, prefixes) for kind in kinds_of(text, rule.visit_kinds))
    return lambda text: fits(text, prefixes)
