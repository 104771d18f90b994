"""What a kernel gets and gives: the rows that a rule looks at, its figures, and the hits it finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .book import Book, Rule
from .tables import Entry, in_list
from .values import HOUR, RuleError, Truth, both, calendar_window, either, figure, listed, negated
from .world import OF_LINES, Line, Unit, Visit, World


@dataclass(eq=False)
class Part:
    """An offending row with what is beyond the limit; None is the whole row, ``money`` says that it is fen and not quantity."""

    unit: Unit
    excess: int | None = None
    money: bool = False


@dataclass(eq=False)
class Hit:
    """One violation as a kernel finds it."""

    offending: list[Part]
    involved: list[Any] = field(default_factory=list)
    measure: int = 0
    limit: int = 0
    begin: int | None = None
    end: int | None = None
    entry: Entry | None = None
    what: str = ""
    severity: int | None = None
    suspect: bool = False
    expected: int | None = None
    fixmedins_code: Any = None
    dr_code: Any = None
    day: int | None = None  # that a diagnosis or operation is of


@dataclass
class Found:
    hits: list[Hit] = field(default_factory=list)
    eligible: int = 0
    unknown: int = 0


class Job:
    """A rule at work."""

    def __init__(self, rule: Rule, book: Book, world: World, known_at: int | None, denied: set[Line]) -> None:
        self.rule, self.book, self.world, self.known_at, self.denied = rule, book, world, known_at, denied
        self.check, self.found = rule.check, Found()

    # Conditions

    def kinds(self, visit: Visit) -> list[str] | None:
        """A visit is of every kind whose prefixes fit; of none, other."""
        code = visit.value("med_type")
        if code is None:
            return None
        kinds = [kind for kind, codes in self.book.visit_kinds.items() if any(code.startswith(c) for c in codes)]
        return kinds or ["other"]

    def values(self, unit: Unit, name: str) -> list[Any] | None:
        """What an attribute is: one value, or several kinds of visit. None is unknown."""
        visit = unit.visit if isinstance(unit, Line) else unit
        if name == "visit_kind":
            return self.kinds(visit)
        value = unit.cells.get(name) if name in OF_LINES else visit.value(name)
        return None if value is None else [value]

    def condition(self, unit: Unit, name: str, wanted: Any) -> Truth:
        """One entry of a scope."""
        visit = unit.visit if isinstance(unit, Line) else unit
        if name == "not":
            return negated(self.holds(unit, wanted))
        if name == "diagnosis":
            codes = [d["diag_code"] for d in visit.diagnoses]
            return any(in_list(self.book.list(wanted["list"]), c) for c in codes) if codes else None
        values = self.values(unit, name)
        return None if values is None else any(str(v).startswith(p) for v in values for p in listed(wanted))

    def holds(self, unit: Unit, scope: dict[str, Any]) -> Truth:
        return both(self.condition(unit, name, wanted) for name, wanted in scope.items())

    def in_force(self, day: int) -> bool:
        row = self.rule.row
        return self.rule.holds(day) and (row is None or row.holds(day, self.known_at))

    # Items and tables

    def entry(self, table: str, wanted: dict[str, str], visit: Visit, day: int) -> Entry | bool | None:
        region, level = visit.value("insuplc_admdvs"), visit.value("level")
        return self.book.table(table).find(wanted, day, region, level, self.known_at)

    def among(self, code: Any, visit: Visit, day: int, line: Line | None = None, items: Any = None) -> Any:
        """Whether a key is among items: True or the table row that says so, False, or None."""
        items = self.rule.items if items is None else items
        if items == "all":
            return True
        if code is None:
            return None
        answers: list[Any] = []
        for how, what in items.items():
            if how == "table":
                answers.append(self.in_table(what, code, visit, day))
            elif how == "list":
                answers.append(in_list(self.book.list(what), code))
            elif how == "prefix":
                answers.append(any(str(code).startswith(p) for p in listed(what)))
            elif how in ("list_type", "med_chrgitm_type"):
                row = self.world.item(line) if line else None
                value = row.get(how) if row else None
                answers.append(None if value is None else any(value.startswith(p) for p in listed(what)))
            else:
                raise RuleError(f"rule {self.rule.id!r}: items {how!r}")
        truth = both(a is not False if a is not None else None for a in answers)
        return next((a for a in answers if isinstance(a, Entry)), True) if truth else truth

    def in_table(self, name: str, code: str, visit: Visit, day: int) -> Any:
        columns = self.book.table(name).key_columns()
        if columns[:2] == ["main", "included"]:
            both_ways = (self.book.table(name).rows, ("main", "included"))
            return any(row.cells.get(c) == code for row in both_ways[0] for c in both_ways[1])
        return self.entry(name, {columns[0]: code}, visit, day)

    # Rows

    def select(self, units: list[Any], truth: Callable[[Any], Any]) -> list[tuple[Any, Any]]:
        """Units for which the scope holds and which are among the items, with the table row; counts them and the unknown ones."""
        out = []
        for unit in units:
            row = unit if isinstance(unit, Line | Visit) else unit[1] if isinstance(unit[1], Line) else unit[0]
            in_scope = self.holds(row, self.rule.scope) if self.in_force(day_of_unit(unit)) else False
            found = truth(unit) if in_scope is not False else False
            if in_scope and found is not None and found is not False:
                self.found.eligible += 1
                out.append((unit, found))
            elif found is not False:
                self.found.unknown += 1
        return out

    def lines(self, given: bool = False) -> list[tuple[Line, Any]]:
        lines = self.world.given_lines if given else self.world.lines
        found = self.select(lines, lambda x: self.among(x.item, x.visit, x.day, x))
        if not self.counts_money:
            return found
        self.found.unknown += sum(x.no_amount for x, _ in found)
        return [(x, entry) for x, entry in found if not x.no_amount]

    @property
    def counts_money(self) -> bool:
        """Whether the amount of a line decides."""
        kernel = self.rule.kernel
        by_measure = kernel in ("K06", "K07") and self.check.get("measure") == "amount"
        return by_measure or kernel == "K11" or (kernel == "K15" and self.check["form"] == "product")

    def visits(self) -> list[tuple[Visit, Any]]:
        """Visits in scope; with items, those that have such a line."""

        def has_line(visit: Visit) -> Any:
            if self.rule.items == "all":
                return True
            answers = [self.among(x.item, visit, x.day, x) for x in visit.lines]
            return either(None if a is None else a is not False for a in answers)

        return self.select(self.world.visits, has_line)

    # Figures

    def cell(self, spec: Any, entry: Any) -> str | None:
        """A figure, or the text that the column of a row says."""
        if isinstance(spec, dict) and "column" in spec:
            return entry.cells.get(spec["column"]) if isinstance(entry, Entry) else None
        return None if spec is None else str(spec)

    def number(self, spec: Any, entry: Any, measure: str) -> int | None:
        text = self.cell(spec, entry)
        return None if text is None else figure(text, measure)

    def threshold(self, spec: dict[str, Any], unit: Unit, measure: str) -> list[tuple[int, int | None]] | None:
        """The values with their severities that hold for a row: those of the most specific scope. None is unknown."""
        levels: dict[tuple, list[tuple[int, int | None]]] = {}
        for step in spec.get("thresholds") or [spec]:
            scope = step.get("scope") or {}
            holds = self.holds(unit, scope)
            if holds is None:
                return None
            if holds:
                severity = int(step["severity"]) if "severity" in step else None
                levels.setdefault(specificity(scope), []).append((figure(step["value"], measure), severity))
        return levels[max(levels)] if levels else []

    def group(self, line: Line, group: str, subject: str, starts: str = "01-01") -> tuple | None:
        """What a line shares with the others of its group; None is unknown."""
        visit = line.visit
        if group == "line":
            return (line.row,)
        if group == "visit":
            return ("visit", visit.id)
        if group == "stay":
            return (visit.psn_no, visit.stay)
        if group == "prescription":
            rx = line.cells.get("rxno")
            return None if rx is None else (visit.id, rx)
        keys: dict[str, tuple] = {"visit": (visit.id,), "person": (visit.psn_no,)}
        keys["person_institution"] = (visit.psn_no, visit.cells.get("fixmedins_code"))
        if subject not in keys:
            raise RuleError(f"rule {self.rule.id!r}: subject {subject!r}")
        if None in keys[subject]:
            return None
        if group == "hour":
            return (*keys[subject], line.time // HOUR)
        return (*keys[subject], calendar_window(group, 1, line.day, starts)[0])


def day_of_unit(unit: Any) -> int:
    """The day a rule looks at: of a line, of a visit's begin, or the one a tuple of a coded row holds."""
    if isinstance(unit, Line | Visit):
        return unit.day if isinstance(unit, Line) else unit.begin_day
    return int(next(x for x in unit[1:] if isinstance(x, int)))


def specificity(scope: dict[str, Any]) -> tuple[int, int]:
    """Number of conditions, then the length of their shortest prefixes together."""
    inner = specificity(scope["not"])[0] if "not" in scope else 0
    tests = [wanted for name, wanted in scope.items() if name not in ("not", "diagnosis")]
    shortest = sum(min(len(str(p)) for p in listed(wanted)) for wanted in tests)
    return len(tests) + ("diagnosis" in scope) + inner, shortest


def gathered(pairs: list[tuple[Any, Any]]) -> dict[Any, list]:
    """Values by key, in the order in which they come."""
    out: dict[Any, list] = {}
    for key, value in pairs:
        out.setdefault(key, []).append(value)
    return out


def shares(lines: list[Line], beyond: int, first: bool = False, of: Callable[[Line], int] | None = None) -> list:
    """An excess laid on lines, the last ones first (or the first): pairs of a line and its part, in order."""
    size, left, out = of or (lambda line: line.quantity), beyond, []
    for line in lines if first else reversed(lines):
        part = min(left, max(0, size(line)))
        if part > 0:
            out.append((line, part))
            left -= part
    return sorted(out, key=lambda pair: pair[0].order)
