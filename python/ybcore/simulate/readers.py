"""How many visits and lines read what a reform changes in a catalogue or in rules (docs/simulation.md section 2)."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..columns.convert import NULL_DAY
from ..settling.panel import Panel

if TYPE_CHECKING:
    from ..checks import RuleBook
    from ..checks.rule import Rule
    from ..engine import Engine
    from .reform import Reformed

__all__ = ["Readers"]

_PATH = re.compile(r"(items|selfpay|caps)(?:\[([^\]]*)\])?(?:@([^.]+))?\..+")
_TABLES = ("visits", "lines", "persons", "institutions", "acct_events")
_EPOCH = dt.date(1970, 1, 1)
Counts = tuple[int | None, int | None]


class Readers:
    """A reform over one batch: who reads, before it and after it."""

    def __init__(
        self, made: Reformed, engine: Engine, new: Engine, tables: Mapping[str, Any], beside: Mapping[str, Any]
    ) -> None:
        self._made, self._engines, self._tables, self._beside = made, (engine, new), tables, beside
        self._items: dict[tuple[int, str, int], dict[tuple[Any, ...], Counts]] = {}
        self._panels: dict[int, Panel] = {}
        self._looked: dict[int, dict[str, int]] = {}

    def of(self, rows: Sequence[dict[str, Any]]) -> list[Counts]:
        """(visits, lines) that read each row of what differs: after the change, before it for what is taken away.

        A rule is read by the rows it looks at, which are lines or visits: the number stands in both.
        """
        return [self._item(row) if row["item"] is not None else self._rule(row) for row in rows]

    def _item(self, row: dict[str, Any]) -> Counts:
        side = 0 if row["after"] is None else 1
        day = int(NULL_DAY) if row["from"] is None else (row["from"] - _EPOCH).days
        # What is taken away was read by those for whom it would hold from the day on.
        since = int(NULL_DAY) if side else day
        key = side, row["item"], since
        if key not in self._items:
            if side not in self._panels:
                engine = self._engines[side]
                known = {name: self._tables.get(name) for name in _TABLES}
                self._panels[side] = Panel(engine._compiled, engine.catalog, known, engine.threads)
            found = self._panels[side].editions.readers(row["item"], since)
            self._items[key] = {(t, k, p, d): (visits, lines) for t, k, p, d, visits, lines in found}
        path = _PATH.fullmatch(row["path"])
        assert path is not None
        table, own, place = path.groups()
        if table == "items":
            own, place = None, own
        rows = self._items[key]
        exact = rows.get((table, own or "", place or "", day))
        if exact is not None:
            return exact
        # A row that was taken away began before the day.
        mine = [held for (t, k, p, _), held in rows.items() if (t, k, p) == (table, own or "", place or "")]
        return sum(visits or 0 for visits, _ in mine), sum(lines or 0 for _, lines in mine)

    def _rule(self, row: dict[str, Any]) -> Counts:
        """Rows that rules look at after the change; where none runs then, before it."""
        docket = self._made.docket
        assert docket is not None and self._made.rules is not None
        counts = [0, 0]
        for side, book in enumerate((docket.before, self._made.rules)):
            if side not in self._looked:
                self._looked[side] = self._run(book, side)
            names = [row["rule"]] if row["rule"] in book else _users(book, row["path"], f"+{row['reform']}")
            counts[side] = sum(self._looked[side].get(name, 0) for name in names)
        before, after = counts
        looked = before if row["after"] is None or not after else after
        if row["from"] is not None and before != after:
            # A rule that ends or begins on the day: the rows on one side of it.
            looked = abs(before - after) if row["rule"] in docket.before and row["rule"] in self._made.rules else looked
        return looked, looked

    def _run(self, book: RuleBook, side: int) -> dict[str, int]:
        """Rows that each rule looks at."""
        from ..checks.check import check

        engine = self._engines[side]
        named: dict[str, Any] = {name: self._tables.get(name) for name in _TABLES if name != "acct_events"}
        report = check(
            **named, **self._beside, rules=book, catalog=engine.catalog, stage="during", threads=engine.threads
        )
        told = report.manifest.to_pylist()
        return {row["rule_id"]: (row["eligible"] or 0) + (row["unknown"] or 0) for row in told}


def _users(book: RuleBook, path: str, end: str) -> list[str]:
    """Rules that use the parameter, the list or the table that a path of a document is in, or what a reform made of it (`end` of its
    name); all of them where it is in none."""
    part, _, name = path.partition(".")
    name = re.split(r"[.\[]", name)[0]
    if part.startswith("rules["):
        return [rule.id for rule in book]
    held = {"parameters": "parameters", "lists": "lists", "tables": "tables"}.get(part)
    if held is None:
        return [rule.id for rule in book]
    for document in book.documents:
        parts: dict[str, dict[str, Any]] = {
            "lists": document.lists,
            "tables": {own: model for own, (model, _) in document.tables.items()},
        }
        own = parts.get(held, {}).get(name)
        name = name if own is None else own.extends or own.replaces or name
    names = {name, name + end}
    return [rule.id for rule in book if names & _named(rule, held)]


def _named(rule: Rule, held: str) -> set[str]:
    """The parameters, lists or tables of a rule; lists in the cells of its tables too."""
    tables = rule.tables.values()
    if held == "tables":
        return {table.name for table in tables}
    cells = (
        {cell for table in tables for column in table.columns.values() for cell in column} if held == "lists" else set()
    )
    return {*getattr(rule, held), *cells}
