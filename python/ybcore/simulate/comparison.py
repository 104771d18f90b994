"""Several policies over one batch: each is settled in turn, looked at by the measures, and let go."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
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
from ..settling.job import Job
from ..settling.panel import Panel
from ..settling.result import NUMBERS, number_of, visit_table
from .reform import Reformed
from .staging import Staging

if TYPE_CHECKING:
    from ..checks import RuleBook
    from ..settling.editions import Edition
    from ..settling.together import Sums
    from .listing import Listing

__all__ = [
    "BASE",
    "TABLES",
    "Alternative",
    "Cells",
    "Comparison",
    "Meant",
    "Measure",
    "Needs",
    "View",
    "compare",
    "meant",
]

Int64 = npt.NDArray[np.int64]
BASE = "base"
TABLES = ("visits", "lines", "persons", "institutions", "acct_events")
MOST_POLICIES = 32  # in one pass
MOST_BYTES = 1 << 27  # of their sums
Alternative = Book | Reformed | Engine | tuple[Book, Catalog]


@dataclass(frozen=True)
class Cells:
    """Rows of something, told apart by columns: the cell of each row, and the values of each cell, in order of the values."""

    of: Int64
    values: pa.Table
    count: int


@dataclass(frozen=True)
class Needs:
    """What a measure asks of every policy: sums of columns by the cell of the visit, and by person."""

    cells: tuple[Cells, ...] = ()
    by_cell: tuple[str, ...] = ()
    by_person: tuple[str, ...] = ()

    def __or__(self, other: Needs) -> Needs:
        once = dict.fromkeys
        return Needs(
            self.cells + other.cells,
            tuple(once(self.by_cell + other.by_cell)),
            tuple(once(self.by_person + other.by_person)),
        )


class View:
    """What one policy gave, for as long as a measure looks at it. `base`: the same of the base; itself there.

    Rows are visits in input order, people are numbered as `People` of the batch numbers them. Money is int64 fen.
    """

    def __init__(
        self, name: str, run: Callable[[], tuple[Job, dict[str, Any]]], base: View | None, sums: Sums | None = None, needs: Needs | None = None
    ) -> None:  # fmt: skip
        self.name, self._run, self._sums, self._needs = name, run, sums, needs
        self.base = self if base is None else base
        self._people: dict[str, Int64] = {}
        # A policy that came with sums reads the batch as the base does.
        self._shared: dict[Any, Any] = {} if sums is None else self.base._shared

    @cached_property
    def _ran(self) -> tuple[Job, dict[str, Any]]:
        """The rows of the policy, which a run of its own gives."""
        return self._run()

    @property
    def _job(self) -> Job:
        return self._ran[0] if self._sums is None else self.base._job

    @property
    def _answer(self) -> dict[str, Any]:
        return self._ran[1]

    def once(self, key: Any, make: Callable[[], Any]) -> Any:
        """What no policy changes that reads the batch as the base does: made once and kept."""
        if key not in self._shared:
            self._shared[key] = make()
        return self._shared[key]

    @cached_property
    def visits(self) -> pa.Table:
        """Rows of results, as `Settlement.visits` has them."""
        return visit_table(*self._ran)

    @cached_property
    def counted(self) -> npt.NDArray[np.bool_]:
        """Visits that were settled or had no benefit: whose money is somebody's. What was refused is nobody's to pay."""
        return np.asarray(self._answer["outcome"] < 2)

    def number(self, column: str) -> Int64:
        """A column of numbers by visit, 0 where a visit was refused. Raises InputError when there is no such column."""
        _known(column)
        held: Int64 | None = number_of(self._answer, column)
        if held is None:
            return np.zeros(self._job.visits.rows, np.int64)
        return held if self.counted.all() else np.where(self.counted, held, 0)

    @property
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
        if self._sums is not None and self._needs is not None and column in self._needs.by_person:
            return self._sums.by_person[self._needs.by_person.index(column)]
        if column not in self._people:
            self._people[column] = summed(self.number(column), self.person, self.people)
        return self._people[column]

    def by_cell(self, cells: Cells, columns: Sequence[str]) -> dict[str, Int64]:
        """`visits` and `persons` that count in each cell, and sums of columns over them."""
        if self._sums is not None and self._needs is not None and set(columns) <= set(self._needs.by_cell):
            place = next((i for i, one in enumerate(self._needs.cells) if one is cells), None)
            if place is not None:
                rows, names = self._sums.by_cell[place], ("visits", "persons", *self._needs.by_cell)
                return {name: rows[:, names.index(name)] for name in ("visits", "persons", *columns)}
        at = np.where(self.counted, cells.of, -1)
        out = {"visits": summed(np.ones(len(at), np.int64), at, cells.count)}
        who = at >= 0
        pairs = np.unique(at[who] * max(1, self.people) + self.person[who])
        out["persons"] = np.bincount(pairs // max(1, self.people), minlength=cells.count)
        for name in columns:
            out[name] = summed(self.number(name), at, cells.count)
        return out


def _known(column: str) -> None:
    if column not in NUMBERS:
        what, zh = f"the results have no column of numbers {column!r}", f"结果中没有数值列 {column!r}"
        raise InputError([Problem(what=what, what_zh=zh, path="columns", nearest=nearest(column, NUMBERS))])


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
    """Looks at the policies one after the other. `name`: of its table.

    One that also has `needs(base: View) -> Needs` gets sums; where every measure has it, policies are settled in one pass.
    """

    name: str

    def look(self, view: View) -> pa.Table:
        """Rows of one policy; the column `policy` is put before them."""


@dataclass
class Comparison:
    """What the measures saw. `policies`: names in order, the base first; `seconds`: settling and measuring of each; `priced`: lines that were
    priced for each: all for the base and for one that ran by itself, for others those that its catalogue and rules touch, where none
    before it had the same."""

    policies: tuple[str, ...]
    tables: dict[str, pa.Table]
    seconds: list[tuple[float, float]] = field(default_factory=list)
    priced: dict[str, int] = field(default_factory=dict)

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
    rules: RuleBook | None = None,
    beside: Mapping[str, Any] | None = None,
    state: Any = None,
    progress: Callable[[int, int], None] | None = None,
) -> Comparison:
    """Settle one batch under a base and alternatives, and measure each (docs/simulation.md section 3).

    `tables`: visits, lines, persons, institutions, acct_events by name. `rules`: what is denied before the base is settled, and under every
    alternative that does not have rules of its own; `beside`: further tables that rules look at. Raises InputError for wrong tables and names.
    """
    _named(alternatives, measures)
    known = {name: tables.get(name) for name in TABLES}
    began = time.perf_counter()
    panel = Panel(engine._compiled, engine.catalog, known, engine.threads, state)
    staging = Staging(panel, known, beside or {})
    own = Meant(engine.book, engine._compiled, engine.catalog, rules)
    seen: dict[str, list[pa.Table]] = {measure.name: [] for measure in measures}
    seconds: list[tuple[float, float]] = []
    base = View(BASE, partial(own.run, panel, staging), None)
    base._ran  # noqa: B018
    priced = {BASE: 0 if panel.job.lines is None else panel.job.lines.rows}

    def look(view: View, settling: float) -> None:
        at = time.perf_counter()
        for measure in measures:
            rows = measure.look(view)
            seen[measure.name].append(rows.add_column(0, "policy", pa.array([view.name] * rows.num_rows, pa.string())))
        seconds.append((settling, time.perf_counter() - at))
        if progress is not None:
            progress(len(seconds), len(alternatives) + 1)

    look(base, time.perf_counter() - began)
    needs = _needs(base, measures)
    names = list(alternatives)
    size = 1 if needs is None else _block(base, needs)
    for block in (names[at : at + size] for at in range(0, len(names), size)):
        began = time.perf_counter()
        # Held no longer than their block: a grid makes its books when they are asked for.
        held = [meant(engine, name, alternatives[name], rules) for name in block]
        sums = _in_one_pass(panel, staging, own, held, needs)
        each = (time.perf_counter() - began) / len(block)
        for name, one, (mine, lines) in zip(block, held, sums):
            began = time.perf_counter()
            view = View(name, partial(one.run, panel, staging), base, mine, needs)
            if mine is None:
                view._ran  # noqa: B018
            priced[name] = lines if mine is not None else priced[BASE]
            look(view, each + time.perf_counter() - began)
        # Many small tables take much more room than one.
        seen = {name: [_joined(rows)] for name, rows in seen.items()}
    return Comparison((BASE, *names), {name: _joined(rows) for name, rows in seen.items()}, seconds, priced)


def _joined(rows: list[pa.Table]) -> pa.Table:
    return pa.concat_tables(rows, promote_options="default").combine_chunks()


def _needs(base: View, measures: Sequence[Measure]) -> Needs | None:
    """What all measures ask for; None when one wants more than sums."""
    out = Needs()
    for measure in measures:
        asks = getattr(measure, "needs", None)
        if asks is None:
            return None
        out |= asks(base)
    for column in (*out.by_cell, *out.by_person):
        _known(column)
    return out


def _block(base: View, needs: Needs) -> int:
    """How many policies are settled in one pass: as many as leave their sums within bounds."""
    threads = max(1, base._job.threads)
    by_cell = sum(cells.count for cells in needs.cells) * (2 + len(needs.by_cell)) * (1 + 8 * threads)
    each = 8 * (by_cell + base.people * len(needs.by_person))
    return int(min(MOST_POLICIES, max(1, MOST_BYTES // max(1, each))))


@dataclass(frozen=True)
class Meant:
    """What an alternative is settled under."""

    book: Book
    compiled: CompiledBook | None
    catalog: Catalog | None
    rules: RuleBook | None
    listing: Listing | None = None

    def run(self, panel: Panel, staging: Staging) -> tuple[Job, dict[str, Any]]:
        """A run of its own."""
        compiled = CompiledBook(self.book) if self.compiled is None else self.compiled
        return panel.settle(compiled, self.catalog, lines=staging.denied_lines(self.catalog, self.rules))

    def alone(self, tables: dict[str, Any], threads: int) -> tuple[Job, dict[str, Any]]:
        """A run over other tables, without rules. Raises InputError where there are rules."""
        if self.rules is not None:
            what, zh = (
                "rules are not told of visits that take place more often or not at all",
                "规则不适用于随价格增减的就诊",
            )
            raise InputError([Problem(what=what, what_zh=zh, path="alternatives", expected="a reform without rules")])
        job = Job(
            CompiledBook(self.book) if self.compiled is None else self.compiled, self.catalog, tables, None, threads
        )
        return job, job.settle(line_output=False, detail=False)


def meant(engine: Engine, name: str, alternative: Alternative, rules: RuleBook | None = None) -> Meant:
    wrong = _wrong(name, alternative)
    if wrong is not None:
        raise InputError([wrong])
    if isinstance(alternative, Engine):
        return Meant(alternative.book, alternative._compiled, alternative.catalog, rules)
    if isinstance(alternative, tuple):
        return Meant(alternative[0], None, alternative[1], rules)
    catalog = engine.catalog
    book = alternative.book if isinstance(alternative, Reformed) else alternative
    if isinstance(alternative, Reformed):
        catalog, rules = alternative.catalog or catalog, alternative.rules or rules
    listing = alternative.listing if isinstance(alternative, Reformed) else None
    return Meant(book, engine._compiled if book == engine.book else None, catalog, rules, listing)


def _in_one_pass(
    panel: Panel, staging: Staging, base: Meant, block: Sequence[Meant], needs: Needs | None
) -> list[tuple[Sums | None, int]]:
    """Sums of each policy and how many lines were priced for it; None of one that is to be run by itself."""
    if needs is None or not panel.together:
        return [(None, 0)] * len(block)
    first = staging.edition(base.catalog, base.rules)
    held: list[tuple[Book, Edition, int] | None] = []
    for one in block:
        before = staging.lines
        if one.catalog is None and base.catalog is not None:
            held.append(None)
            continue
        edition = staging.edition(one.catalog, one.rules, one.listing)
        held.append((one.book, edition, staging.lines - before))
    good = [each for each in held if each is not None]
    books, editions = [each[0] for each in good], [each[1] for each in good]
    found = iter(panel.sums(books, needs.cells, needs.by_cell, needs.by_person, editions, first))
    return [(None, 0) if each is None else (next(found), each[2]) for each in held]


def _named(alternatives: Mapping[str, Alternative], measures: Sequence[Measure]) -> None:
    problems = []
    if BASE in alternatives:
        what, zh = f"{BASE!r} is the engine's own book", f"{BASE!r} 是引擎自己的政策"
        problems.append(Problem(what=what, what_zh=zh, path="alternatives"))
    names = [measure.name for measure in measures]
    for name in dict.fromkeys(name for name in names if names.count(name) > 1):
        what, zh = f"two measures are named {name!r}", f"两个指标同名 {name!r}"
        problems.append(Problem(what=what, what_zh=zh, path="measures"))
    if isinstance(alternatives, dict):  # of other mappings each is made when it is settled
        problems += [wrong for name, held in alternatives.items() if (wrong := _wrong(name, held)) is not None]
    if problems:
        raise InputError(problems)


def _wrong(name: str, held: Any) -> Problem | None:
    pair = isinstance(held, tuple) and len(held) == 2 and isinstance(held[0], Book) and isinstance(held[1], Catalog)
    if pair or isinstance(held, (Book, Reformed, Engine)):
        return None
    what = f"{name!r} is a {type(held).__name__}, not a Book, a Reformed, an Engine or (Book, Catalog)"
    return Problem(what=what, what_zh=f"{name!r} 不是政策、改革或引擎", path="alternatives")
