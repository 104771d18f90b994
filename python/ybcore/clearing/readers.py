"""Which cases and units read what a reform changes, and how many results it changes (docs/clearing.md section 6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel

from ..errors import InputError, Problem
from ..policy.faults import Fault
from ..policy.figures import Const, Dated, FromAge, Table
from ..policy.paths import RawPath, parse_path
from ..settling.clearing import KINDS, YEAR
from ..simulate.places import spoken
from ..simulate.reform import Reform, Step, differences
from .book import Clearing
from .figures import NoFigureError, Values, leaf
from .models import Method
from .result import Cleared
from .units import Builder

__all__ = ["changed", "read_rows", "reads", "steps_between", "unread_changes"]

Mask = npt.NDArray[np.bool_]
_EDGES = ("low", "high", "extreme")
_BY_UNIT = ("yearly", "monthly", "deposit")
_READ = ("cases_read", "units_read")
ROWS = pa.schema(
    [
        ("reform", pa.string()), ("change", pa.int64()), *((name, pa.string()) for name in ("policy_id", "scheme", "path")), ("from", pa.date32()),
        *((name, pa.string()) for name in ("unit", "before", "after")), *((name, pa.int64()) for name in ("before_value", "after_value")), ("cite", pa.string()),
        *((name, pa.int64()) for name in _READ),
    ]
)  # fmt: skip


def reads(before: Cleared, after: Cleared, *, unread: bool = False) -> pa.Table:
    """Every scalar that differs, by change, with `cases_read` and `units_read`. `after`: cleared under a book that `reformed` gave.

    Raises InputError for a change that no case and no unit reads, unless `unread`.
    """
    rows = read_rows(before, after)
    if not unread:
        problems = unread_changes(steps_between(before, after), rows)
        if problems:
            raise InputError(problems)
    return pa.Table.from_pylist(rows, schema=ROWS)


def read_rows(before: Cleared, after: Cleared) -> list[dict[str, Any]]:
    """The rows of `reads`, without an error."""
    sides = _Side(before), _Side(after)
    out = []
    for step in steps_between(before, after):
        for row in differences(step):
            gone = row["after"] is None
            names = step.before.id, step.after.id
            cases, units = _read(sides, int(not gone), names, parse_path(row["path"]), bool(row["unit"]))
            out.append({**row, "cases_read": cases, "units_read": units})
    return out


def steps_between(before: Cleared, after: Cleared) -> tuple[Step, ...]:
    """The changes that reforms made since the first run."""
    old, new = before.book.steps, after.book.steps
    return new[len(old) :] if new[: len(old)] == old else new


def unread_changes(steps: Sequence[Step], rows: Sequence[dict[str, Any]]) -> list[Problem]:
    """One problem for every change that differs somewhere and is read nowhere."""
    held: dict[tuple[str, int], tuple[Reform, Any]] = {(s.reform.id, s.change.number): (s.reform, s.change) for s in steps}  # fmt: skip
    problems = []
    for key, (reform, change) in held.items():
        mine = [row for row in rows if (row["reform"], row["change"]) == key]
        if mine and not any(row[name] for row in mine for name in _READ):
            named = ", ".join(f"{row['policy_id']}: {_spoken(steps, row)}" for row in mine[:3])
            what, zh = f"no case and no unit reads what this changes ({named})", f"没有病例或清算单元读到所改的数值（{named}）"  # fmt: skip
            problems.append(reform.problem(change, Fault(what, zh, "cases that read it, or unread=True", "有病例读到该数值，或 unread=True")))  # fmt: skip
    return problems


def _spoken(steps: Sequence[Step], row: dict[str, Any]) -> str:
    """The path of a row with ids in the place of numbers."""
    step = next(s for s in steps if (s.reform.id, s.change.number, s.after.id) == (row["reform"], row["change"], row["policy_id"]))  # fmt: skip
    return spoken((step.before if row["after"] is None else step.after).doc, parse_path(row["path"]))


class _Side:
    """One run, looked at by document and method."""

    def __init__(self, done: Cleared) -> None:
        self.done, self.cells = done, done.cells_of
        self.kind = np.asarray(done.out["kind"])
        self.year = done.out["years"].reshape(-1, len(YEAR))
        self._parts: dict[str, list[set[RawPath]]] = {}
        self._figures: dict[str, set[RawPath]] = {}

    def documents(self, name: str) -> list[int]:
        """Those of a name, and what reforms cut off them."""
        return [at for at, held in enumerate(self.done.book.documents) if held.id == name or held.id.startswith(f"{name}+")]  # fmt: skip

    def of_documents(self, name: str) -> tuple[Mask, Mask]:
        """(cases, units) of a document."""
        mine = self.documents(name)
        ids = {self.done.book.documents[at].id for at in mine}
        cases = self.cells.by_case([*(at in mine for at in self.cells.document.tolist()), False], np.uint8).view(bool)
        return cases, np.array([self.cells.methods[u.method][0].id in ids for u in self.done.units.units], bool)

    def methods(self, name: str, which: Callable[[Method, int], bool]) -> list[int]:
        """Numbers of the methods of a document that are meant; `which` has the method and its place in the document."""
        ids = {self.done.book.documents[at].id for at in self.documents(name)}
        out, places = [], dict.fromkeys(ids, 0)
        for at, (document, method) in enumerate(self.cells.methods):
            if document.id in ids:
                if which(method, places[document.id]):
                    out.append(at)
                places[document.id] += 1
        return out

    def cases_of(self, methods: list[int]) -> Mask:
        """Cases that these methods pay."""
        there: Mask = self.cells.by_case([*(at in methods for at in self.cells.method.tolist()), False], np.uint8).view(bool)  # fmt: skip
        return there

    def units_of(self, methods: list[int]) -> Mask:
        """Units of these methods."""
        return np.array([unit.method in methods for unit in self.done.units.units], bool)

    def cases_at(self, methods: list[int], path: RawPath) -> Mask:
        """Cases that look up the figure at a path."""
        looked = self._looked(str(path[2]))
        wanted = [at in methods and path in places for at, places in zip(self.cells.method.tolist(), looked)]
        there: Mask = self.cells.by_case([*wanted, False], np.uint8).view(bool)
        return there

    def _looked(self, part: str) -> list[set[RawPath]]:
        """By combination: places of the figures of a part of its method that are looked up."""
        if part not in self._parts:
            held = [None if at < 0 else getattr(self.cells.methods[at][1], part) for at in self.cells.method.tolist()]
            self._parts[part] = [_looked_up(node, values, day) for node, (day, values) in zip(held, self.cells.seen)]
        return self._parts[part]

    def figures(self, document: Clearing) -> set[RawPath]:
        """Places of the figures of a document."""
        if document.id not in self._figures:
            self._figures[document.id] = {held.raw_path for held in document.figures()}
        return self._figures[document.id]

    @cached_property
    def build(self) -> Builder:
        """What knows the institutions and quotas of units."""
        made = Builder(self.done.given, self.cells)
        made.stand(self.done.units.units)
        return made

    @cached_property
    def _values(self) -> list[tuple[Values, int]]:
        build = self.build
        return [(build.values(unit, build.row.get(unit, -1)), build.day(unit)) for unit in self.done.units.units]

    def units_at(self, methods: list[int], path: RawPath) -> Mask:
        """Units that look up the figure at a path."""
        part = str(path[2])
        out = []
        for unit, (values, day) in zip(self.done.units.units, self._values):
            held = getattr(self.cells.methods[unit.method][1], part) if unit.method in methods else None
            out.append(held is not None and path in _looked_up(held, values, day))
        return np.array(out, bool)

    def released_by(self, place: Any) -> Mask:
        """Units whose score takes a row of `release`."""
        out = []
        for unit in self.done.units.units:
            deposit, score = self.cells.methods[unit.method][1].deposit, self.build.quotas.find(unit, "score")
            rows = [] if deposit is None or score is None else [score >= row.start for row in deposit.release]
            out.append(True in rows and rows.index(True) == place)
        return np.array(out, bool)

    def above(self) -> Mask:
        """Units that counted more than their target."""
        return np.asarray(self.year[:, YEAR.index("counted")] > self.year[:, YEAR.index("target")])

    def below(self) -> Mask:
        """Units that counted less."""
        return np.asarray(self.year[:, YEAR.index("counted")] < self.year[:, YEAR.index("target")])


def _looked_up(node: Any, values: Values, day: int) -> set[RawPath]:
    """Places of the figures that are looked up below a node of a method for some values."""
    return set(_places(node, values, day))


def _places(node: Any, values: Values, day: int) -> Iterator[RawPath]:
    if isinstance(node, (Const, FromAge, Table, Dated)):
        try:
            held = leaf(node, values, day)
        except NoFigureError:
            return
        if isinstance(held, Const):
            yield held.path
        else:
            yield from ((*held.path, name) for name in held.written)
    elif isinstance(node, BaseModel):
        for name in type(node).model_fields:
            yield from _places(getattr(node, name), values, day)
    elif isinstance(node, (tuple, list)):
        for item in node:
            yield from _places(item, values, day)


def _read(sides: tuple[_Side, _Side], at: int, names: tuple[str, str], path: RawPath, figure: bool) -> tuple[int, int]:
    """(cases, units) that read the scalar at a path of a document as it stands on one side; `names`: of the document on each."""
    side, other, document = sides[at], sides[1 - at], names[at]
    top = path[0]
    if top == "pools" and len(path) > 1:
        mine = side.methods(document, lambda method, place: method.pool == path[1])
        return _counts(side.cases_of(mine), side.units_of(mine))
    if top != "methods" or len(path) < 3:
        return _counts(*side.of_documents(document))
    mine = side.methods(document, lambda method, place: place == path[1])
    if not mine:
        return 0, 0
    part, cases, units = str(path[2]), side.cases_of(mine), side.units_of(mine)
    if part in _BY_UNIT:
        if figure:
            units &= side.units_at(mine, path)
        if path[2:4] == ("yearly", "overrun"):
            units &= _either(side.above(), other.above(), units)
        elif path[2:4] == ("yearly", "savings"):
            units &= _either(side.below(), other.below(), units)
        elif path[2:4] == ("deposit", "release") and len(path) > 4:
            units &= _either(side.released_by(path[4]), other.released_by(path[4]), units)
        # Cases are read through their units.
        return int(np.count_nonzero(_cases_of_units(side, units))), int(np.count_nonzero(units))
    if part == "when":
        # Those that it lets in, and those that it lets in no longer.
        own = side.cells.methods[mine[0]][1].id
        out = other.cases_of(other.methods(names[1 - at], lambda method, place: method.id == own))
        cases |= _sized(out, cases) & side.of_documents(document)[0]
    kinds = _kinds_of(path, side.cells.methods[mine[0]][1])
    if kinds is not None:
        wanted = [KINDS.index(kind) for kind in kinds]
        cases &= np.isin(side.kind, wanted) | _sized(np.isin(other.kind, wanted), cases)
    if part == "readmission":
        cases &= (np.asarray(side.done.out["cut"]) > 0) | _sized(np.asarray(other.done.out["cut"]) > 0, cases)
    if figure and path in side.figures(side.cells.methods[mine[0]][0]):
        cases &= side.cases_at(mine, path)
    if not side.cells.methods[mine[0]][1].by_case and figure:
        units &= side.units_at(mine, path)
    return _counts(cases, _units_of_cases(side, cases) if cases.any() or side.cells.methods[mine[0]][1].by_case else units)  # fmt: skip


def _kinds_of(path: RawPath, method: Method) -> tuple[str, ...] | None:
    """The kinds of cases that are paid by what stands at a path; None: all of the method."""
    part = path[2]
    if part == "multiples":
        named = str(path[3]) if len(path) > 3 else ""
        return (named,) if named in _EDGES else ("normal", *_EDGES) if named in ("against", "value") else None
    if part in ("incomplete", "ungrouped"):
        return (str(part),)
    if part == "review":
        return tuple(str(loc[-2] if loc[0] == "multiples" else loc[0]) for loc, pays in method.all_pays() if pays.word == "review")  # fmt: skip
    if part in ("base", "coefficients"):
        return ("normal", *_EDGES, "incomplete")
    return None


def _sized(mask: Mask, like: Mask) -> Mask:
    """A mask of the other run, nothing where it is of other cases."""
    return mask if len(mask) == len(like) else np.zeros(len(like), bool)


def _either(one: Mask, two: Mask, like: Mask) -> Mask:
    return one | _sized(two, like)


def _cases_of_units(side: _Side, units: Mask) -> Mask:
    month = np.asarray(side.done.units.month_of_case)
    of = np.append(np.asarray(side.done.units.unit), -1)[month]
    return np.append(units, False)[of]


def _units_of_cases(side: _Side, cases: Mask) -> Mask:
    month = np.asarray(side.done.units.month_of_case)[cases]
    out = np.zeros(len(side.done.units.units), bool)
    out[np.asarray(side.done.units.unit)[month[month >= 0]]] = True
    return out


def _counts(cases: Mask, units: Mask) -> tuple[int, int]:
    return int(np.count_nonzero(cases)), int(np.count_nonzero(units))


def changed(before: Cleared, after: Cleared) -> tuple[int, int]:
    """(cases, units) whose results differ: outcome, kind, points, standard or payment of a case, any number of a unit and year."""
    one, two = before.cases, after.cases
    if one.num_rows != two.num_rows or not one["setl_id"].equals(two["setl_id"]):
        raise InputError([Problem(what="these are clearings of other cases", what_zh="两次清算的病例不同")])
    names = [name for name in ("outcome", "kind", "points", "standard", "payment", "readmission") if name in one.column_names]  # fmt: skip
    differs = pa.array([False] * one.num_rows)
    for name in names:
        a, b = (pc.cast(t[name], pa.string()).combine_chunks() for t in (one, two))
        unequal = pc.or_(pc.fill_null(pc.not_equal(a, b), False), pc.not_equal(pc.is_null(a), pc.is_null(b)))
        differs = pc.or_(differs, unequal)
    units: list[dict[tuple[Any, ...], dict[str, Any]]] = []
    for done in (before, after):
        held: dict[tuple[Any, ...], dict[str, Any]] = {}
        for row in done.years.to_pylist():
            # A document that a reform cut has units beside those of its first part.
            key = tuple(row.pop(name) for name in ("fixmedins_code", "insutype", "clr_type", "document", "method", "year"))  # fmt: skip
            held[key] = row
        units.append(held)
    moved = sum(units[0].get(key) != units[1].get(key) for key in {*units[0], *units[1]})
    return int(pc.sum(differs).as_py() or 0), moved
