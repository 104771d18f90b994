"""Several policies over one batch: each is settled in turn, looked at by the measures, and let go."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..catalog import Catalog
from ..columns.convert import NULL_INT
from ..engine import Engine
from ..errors import InputError, Problem
from ..policy import Book
from ..policy.compile import CompiledBook
from ..policy.faults import nearest
from ..policy.vocabulary import ATTRIBUTES
from ..settling.panel import Panel
from ..settling.result import NUMBERS, number_of, visit_table
from .reform import Reformed

if TYPE_CHECKING:
    from ..settling.job import Job

__all__ = ["BASE", "Comparison", "Measure", "View", "compare"]

Int64 = npt.NDArray[np.int64]
BASE = "base"
Alternative = Book | Reformed | Engine | tuple[Book, Catalog]


class View:
    """What one policy gave, for as long as a measure looks at it. `base`: the same of the base; itself there.

    Rows are visits in input order, people are numbered as `People` of the batch numbers them. Money is int64 fen.
    """

    def __init__(self, name: str, job: Job, answer: dict[str, Any], base: View | None) -> None:
        self.name, self._job, self._answer = name, job, answer
        self.base = self if base is None else base
        self._people: dict[str, Int64] = {}

    @cached_property
    def visits(self) -> pa.Table:
        """Rows of results, as `Settlement.visits` has them."""
        return visit_table(self._job, self._answer)

    @cached_property
    def counted(self) -> npt.NDArray[np.bool_]:
        """Visits that were settled or had no benefit: whose money is somebody's. What was refused is nobody's to pay."""
        return np.asarray(self._answer["outcome"] < 2)

    def number(self, column: str) -> Int64:
        """A column of numbers by visit, 0 where a visit was refused. Raises InputError when there is no such column."""
        if column not in NUMBERS:
            what, zh = f"the results have no column of numbers {column!r}", f"结果中没有数值列 {column!r}"
            raise InputError([Problem(what=what, what_zh=zh, path="columns", nearest=nearest(column, NUMBERS))])
        held: Int64 | None = number_of(self._answer, column)
        if held is None:
            return np.zeros(self._job.visits.rows, np.int64)
        return held if self.counted.all() else np.where(self.counted, held, 0)

    @cached_property
    def person(self) -> npt.NDArray[np.int32]:
        """Number of the person of each visit; -1 where it names none."""
        return self._job.psn

    @property
    def people(self) -> int:
        """How many people the batch knows."""
        return self._job.people

    def knows(self, name: str) -> bool:
        """Whether an attribute of visits has this name."""
        return name in ATTRIBUTES or name in self._job.compiled.attributes or name in self._job.visits.source

    def attribute(self, name: str) -> pa.Array:
        """An attribute of each visit: its own, else that of its person or institution on its day (docs/policy.md section 1); null where none is known."""
        job = self._job
        if name not in ATTRIBUTES and name not in job.compiled.attributes:
            return _first_parts(job, job.visits.source[name].combine_chunks())
        asked = job.compiled.attributes.get(name) or job.compiled._asked(name)
        if asked.kind == "number":
            values = job.facts.number(name, asked.tables, int(asked.default) if asked.default else None)
            return _first_parts(job, pa.array(values, mask=values == NULL_INT), by_event=True)
        codes, texts = job.facts.text(asked)
        words = pa.array([*texts, None], pa.string())
        return _first_parts(job, words.take(pa.array(codes)), by_event=True)

    def by_person(self, column: str) -> Int64:
        """Sum of a column over the visits of each person."""
        if column not in self._people:
            self._people[column] = summed(self.number(column), self.person, self.people)
        return self._people[column]


def _first_parts(job: Job, values: Any, *, by_event: bool = False) -> Any:
    """Of a split stay, what holds for its first part."""
    return values.take(pa.array(job.event_begin[:-1])) if by_event and not job.whole else values


def summed(values: Int64, cell: npt.NDArray[Any], cells: int) -> Int64:
    """Exact sums of whole numbers by cell; negative cells are passed over."""
    out = np.zeros(cells, np.int64)
    known = cell >= 0
    if known.all():
        np.add.at(out, cell, values)
    else:
        np.add.at(out, cell[known], values[known])
    return out


class Measure(Protocol):
    """Looks at the policies one after the other. `name`: of its table."""

    name: str

    def look(self, view: View) -> pa.Table:
        """Rows of one policy; the column `policy` is put before them."""


@dataclass
class Comparison:
    """What the measures saw. `policies`: names in order, the base first; `seconds`: settling and measuring of each."""

    policies: tuple[str, ...]
    tables: dict[str, pa.Table]
    seconds: list[tuple[float, float]] = field(default_factory=list)

    def table(self, measure: str) -> pa.Table:
        """The rows of a measure, by policy. Raises InputError when there is no such measure."""
        if measure not in self.tables:
            what, zh = f"no measure {measure!r} was asked for", f"没有要求指标 {measure!r}"
            raise InputError([Problem(what=what, what_zh=zh, path="measures", nearest=nearest(measure, self.tables))])
        return self.tables[measure]


def compare(
    engine: Engine,
    tables: Mapping[str, Any],
    alternatives: Mapping[str, Alternative],
    measures: Sequence[Measure],
    *,
    state: Any = None,
    progress: Callable[[int, int], None] | None = None,
) -> Comparison:
    """Settle one batch under a base and alternatives, and measure each (docs/simulation.md section 3).

    `tables`: visits, lines, persons, institutions, acct_events by name. Raises InputError for wrong tables and names.
    """
    _named(alternatives, measures)
    known = {name: tables.get(name) for name in ("visits", "lines", "persons", "institutions", "acct_events")}
    panel = Panel(engine._compiled, engine.catalog, known, engine.threads, state)
    seen: dict[str, list[pa.Table]] = {measure.name: [] for measure in measures}
    seconds: list[tuple[float, float]] = []
    base: View | None = None
    for number, name in enumerate((BASE, *alternatives)):
        began = time.perf_counter()
        compiled, catalog = _meant(engine, None if name == BASE else alternatives[name])
        view = View(name, *panel.settle(compiled, catalog), base)
        settled = time.perf_counter()
        for measure in measures:
            rows = measure.look(view)
            seen[measure.name].append(rows.add_column(0, "policy", pa.array([name] * rows.num_rows, pa.string())))
        base = view if base is None else base
        seconds.append((settled - began, time.perf_counter() - settled))
        if progress is not None:
            progress(number + 1, len(alternatives) + 1)
    joined = {name: pa.concat_tables(rows, promote_options="default") for name, rows in seen.items()}
    return Comparison((BASE, *alternatives), joined, seconds)


def _named(alternatives: Mapping[str, Alternative], measures: Sequence[Measure]) -> None:
    problems = []
    if BASE in alternatives:
        what, zh = f"{BASE!r} is the engine's own book", f"{BASE!r} 是引擎自己的政策"
        problems.append(Problem(what=what, what_zh=zh, path="alternatives"))
    names = [measure.name for measure in measures]
    for name in dict.fromkeys(name for name in names if names.count(name) > 1):
        what, zh = f"two measures are named {name!r}", f"两个指标同名 {name!r}"
        problems.append(Problem(what=what, what_zh=zh, path="measures"))
    for name, held in alternatives.items():
        pair = isinstance(held, tuple) and len(held) == 2 and isinstance(held[0], Book) and isinstance(held[1], Catalog)
        if not pair and not isinstance(held, (Book, Reformed, Engine)):
            what = f"{name!r} is a {type(held).__name__}, not a Book, a Reformed, an Engine or (Book, Catalog)"
            problems.append(Problem(what=what, what_zh=f"{name!r} 不是政策、改革或引擎", path="alternatives"))
    if problems:
        raise InputError(problems)


def _meant(engine: Engine, alternative: Alternative | None) -> tuple[CompiledBook, Catalog | None]:
    if alternative is None:
        return engine._compiled, engine.catalog
    if isinstance(alternative, Engine):
        return alternative._compiled, alternative.catalog
    if isinstance(alternative, tuple):
        return CompiledBook(alternative[0]), alternative[1]
    book = alternative.book if isinstance(alternative, Reformed) else alternative
    return (engine._compiled if book == engine.book else CompiledBook(book)), engine.catalog
