"""A study done: its policies compared, its package taken apart, its knobs turned, its targets met (docs/simulation.md section 9)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ..catalog import Catalog
from ..engine import Engine
from ..errors import DocumentError, InputError, Problem
from ..policy import Book, load_book
from ..policy.paths import RawPath
from ..policy.vocabulary import ATTRIBUTES
from .behaviour import respond
from .comparison import BASE, compare
from .exact import told
from .fund import FundPlan, Spent, load_fund, project
from .knobs import Grid, Sweep, grid, sample, sweep
from .measures import Burden, Catastrophic, Inequality, Spending, Winners
from .package import Parts, parts
from .people import People
from .reform import Reformed, reformed
from .study import PACKAGE, Study, exacts
from .studyalone import receipt_of_base
from .studyclear import Turned
from .studyclearing import ClearedUnder, check_clearing, cleared_under, turned_rows
from .studyinputs import Given, bys, read_catalog, read_inputs, unknown_columns
from .studyknobs import knobs_of, misplaced, unread
from .studymodel import ExactNode, SweepNode, TargetNode
from .studyrows import LOOKED, TARGETS, crossings, looked_rows, part_rows, sweep_rows
from .targets import Solution, solve

__all__ = ["OVERVIEW", "StudyRun", "check_study", "run_study"]

OVERVIEW, SPENT = "overview", "fund-spending"
FACTORS = ("0", "0.5", "1", "2")
Watch = Callable[[str, str], AbstractContextManager[Callable[[int, int], None]]]


@dataclass
class StudyRun:
    """What a study gave. `tables`: every table by name, in the order in which they are written; money int64 fen. `receipt`: of settling the base."""

    study: Study
    book: Book
    given: Given
    package: Reformed | None
    alternatives: dict[str, Reformed]
    fund: FundPlan | None
    receipt: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, pa.Table] = field(default_factory=dict)
    parts: list[tuple[ExactNode, Parts]] = field(default_factory=list)
    sweeps: list[tuple[SweepNode, Sweep]] = field(default_factory=list)
    targets: list[tuple[TargetNode, Solution]] = field(default_factory=list)
    clearing: ClearedUnder | None = None
    turned: list[Turned] = field(default_factory=list)

    def table(self, name: str) -> pa.Table:
        """A table by name. Raises InputError with the nearest name."""
        from ..policy.faults import nearest

        if name not in self.tables:
            what, zh = f"the study has no table {name!r}", f"测算没有表 {name!r}"
            raise InputError([Problem(what=what, what_zh=zh, path="tables", expected=", ".join(self.tables), nearest=nearest(name, self.tables))])  # fmt: skip
        return self.tables[name]


@contextlib.contextmanager
def _unwatched(zh: str, en: str) -> Iterator[Callable[[int, int], None]]:
    yield lambda done, whole: None


def run_study(study: Study, *, threads: int | None = None, watch: Watch = _unwatched) -> StudyRun:
    """Do everything that a study asks for. Raises DocumentError, InputError with every problem at its place.

    `watch(zh, en)`: a context for each step that gives a function to tell progress to: done, whole.
    """
    book, policies, fund = check_study(study)
    with watch("读取输入", "read the inputs"):
        given = read_inputs(study)
    engine = Engine(book, given.catalog, threads=threads)
    _stop(_wrong_names(study, engine, given))
    run = StudyRun(study, book, given, policies.get(PACKAGE), policies, fund)
    with watch("核对输入", "hash the inputs"):
        run.receipt = receipt_of_base(study, engine, given)
    works = _Works(run, engine, threads, watch)
    works.changes()
    works.knobs()
    works.comparison()
    works.attribution()
    for number in range(len(study.model.sweeps)):
        works.sweep(number)
    for number in range(len(study.model.targets)):
        works.target(number)
    works.told_targets()
    works.behaviour()
    works.clearing()
    return run


def check_study(study: Study) -> tuple[Book, dict[str, Reformed], FundPlan | None]:
    """The book of a study, its policies by name, and its fund. Raises DocumentError with every problem that shows without the tables."""
    book = load_book(study.model.policy)
    items = any(change.of_catalog for reform in study.reforms for change in reform.changes)
    items = items or any(node.items is not None for _, _, node in knobs_of(study))
    catalog = read_catalog(study) if items else None
    policies = _policies(study, book, catalog)
    fund = None if study.model.fund is None else load_fund(study.model.fund.plan)
    _stop([*misplaced(study, book, policies, catalog), *_wrong_fund(study, fund), *check_clearing(study)])
    return book, policies, fund


def _stop(problems: list[Problem] | Iterator[Problem]) -> None:
    held = list(problems)
    if held:
        raise DocumentError(sorted(dict.fromkeys(held), key=lambda p: (p.file or "", p.line or 0, p.column or 0)))


def _policies(study: Study, book: Book, catalog: Catalog | None) -> dict[str, Reformed]:
    """The policies that are compared with the base."""
    problems: list[Problem] = []
    out = {}
    for name, reforms in study.alternatives.items():
        try:
            out[name] = reformed(book, reforms, catalog=catalog, rules=study.rules)
        except DocumentError as error:
            problems += error.problems
    _stop(problems)
    return out


def _wrong_fund(study: Study, fund: FundPlan | None) -> Iterator[Problem]:
    """Scenarios, schemes and years that the fund's document does not have."""
    from ..policy.faults import unknown

    if fund is None or study.model.fund is None:
        return
    for i, name in enumerate(study.model.fund.scenarios):
        if name not in fund.scenarios:
            listed = isinstance(study.parsed.doc["fund"]["scenarios"], list)
            loc: RawPath = ("fund", "scenarios", i) if listed else ("fund", "scenarios")
            yield study.problem(loc, unknown("scenario", "情景", name, fund.scenarios))
    for loc, exact in exacts(study.model):
        if exact.reserve is not None:
            try:
                exact.measure(None, fund)
            except InputError as error:
                yield from study.placed((*loc, "reserve"), error.problems)


def _wrong_names(study: Study, engine: Engine, given: Given) -> Iterator[Problem]:
    """Attributes and columns that neither visits nor people have."""
    from ..policy.faults import unknown

    known = {*ATTRIBUTES, *engine._compiled.attributes, *given.tables["visits"].column_names}
    people = set() if given.people is None else set(given.people.table.column_names)
    yield from unknown_columns(study, known, people)
    for loc, exact in exacts(study.model):
        for name in exact.where:
            if name not in known:
                yield study.problem((*loc, "where", name), unknown("attribute", "属性", name, sorted(known), key=True))


class _Works:
    """The steps of a run, each adding its tables."""

    def __init__(self, run: StudyRun, engine: Engine, threads: int | None, watch: Watch) -> None:
        self.run, self.engine, self.threads, self.watch = run, engine, threads, watch
        self.study, self.tables = run.study, run.given.tables
        self.model = run.study.model
        self.ruled: dict[str, Any] = {"rules": run.study.rules, "beside": run.given.beside}

    def changes(self) -> None:
        """What the package changes, figure by figure, and how many visits read it."""
        if self.run.package is not None and self.study.reforms:
            with self.watch("读取改动的数值", "who reads what changes"):
                rows = self.run.package.reads(
                    self.engine, self.tables, unread=self.model.unread, beside=self.run.given.beside
                )
            self.run.tables["changes"] = rows

    def knobs(self) -> None:
        """Stops where a sweep or a target turns what nobody reads."""
        if not self.model.unread and knobs_of(self.study):
            with self.watch("核对扫描与求解的数值", "who reads what is turned") as tell:
                _stop(unread(self.study, self._engine, self._on, self.tables, tell))

    def comparison(self) -> None:
        """Every policy under every measure."""
        measures: list[Any] = [Spending(name=OVERVIEW), *(self._measure(row) for row in self.model.measures)]
        if self.run.fund is not None:
            measures.append(Spent(self.run.fund, SPENT))
        with self.watch("比较各政策", "compare the policies") as tell:
            done = compare(self.engine, self.tables, self.run.alternatives, measures, **self.ruled, progress=tell)
        for measure in measures:
            if measure.name != SPENT:
                self.run.tables[measure.name] = done.table(measure.name)
        if self.run.fund is not None and self.model.fund is not None:
            self.run.tables["fund"] = _projected(self.run.fund, done.table(SPENT), self.model.fund.scenarios)

    def _measure(self, row: Any) -> Any:
        people, name, by = self.run.given.people, row.name_of_table, bys(self.study, getattr(row, "by", ()))
        if row.kind == "spending":
            return Spending(by, people, name=name)
        assert people is not None
        options: dict[str, Any] = {"by": by} if row.kind != "inequality" else {}
        if row.kind == "burden":
            options |= {"quantile": row.quantile, "above": row.above, "column": row.column}
        if row.kind == "catastrophic":
            options |= {"of": row.of, "share": str(row.share), "line": row.line, "column": row.column}
        if row.kind == "winners":
            options["column"] = row.column
        kinds: dict[str, Any] = {"burden": Burden, "catastrophic": Catastrophic, "inequality": Inequality, "winners": Winners}  # fmt: skip
        return kinds[row.kind](people, name=name, **options)

    def attribution(self) -> None:
        """What each reform of the package contributes."""
        asked = self.model.attribution
        if asked is None:
            return
        for i, node in enumerate(asked.measures):
            with self.watch("分解各项改革", "take the package apart") as tell, self._at(("attribution", "measures", i)):
                held = parts(self.engine, self.tables, self.study.reforms, self._exact(node), asked.method, **self.ruled, progress=tell)  # fmt: skip
            self.run.parts.append((node, held))
        rows = [part_rows(node, held) for node, held in self.run.parts]
        self.run.tables["attribution"] = pa.concat_tables(rows)

    def sweep(self, number: int) -> None:
        """One sweep."""
        row = self.model.sweeps[number]
        engine, knobs = self._engine(row.on), [node.knob() for node in row.knobs]
        moved: dict[str, Any] = {"catalog": engine.catalog, "rules": self._on(row.on).get("rules")}
        with self.watch(f"扫描 {row.id}", f"sweep {row.id}") as tell, self._at(("sweeps", number)):
            points: Grid = (
                grid(engine.book, knobs, **moved)
                if row.sample is None
                else sample(engine.book, knobs, row.sample.points, row.sample.kind, seed=row.sample.seed, **moved)
            )
            done = sweep(
                engine,
                self.tables,
                points,
                [self._exact(node) for node in row.measures],
                **self._on(row.on),
                progress=tell,
            )
        self.run.sweeps.append((row, done))
        self.run.tables[f"sweep-{row.id}"] = sweep_rows(row, done)

    def target(self, number: int) -> None:
        """One target."""
        row = self.model.targets[number]
        measure = self._exact(row.measure)
        with self.watch(f"求解 {row.id}", f"solve {row.id}") as tell, self._at(("targets", number)):
            if row.target is None:
                goal = told(compare(self.engine, self.tables, {}, [measure], **self.ruled).table(measure.name))[BASE]
                if goal is None:
                    what, zh = "the measure has nothing to divide by under the base", "基准下该指标的分母为零"
                    raise InputError([Problem(what=what, what_zh=zh)])
            else:
                goal = Fraction(row.target) * (100 if row.measure.money else 1)
            engine = self._engine(row.on)
            found = solve(
                engine,
                self.tables,
                row.knob.knob(),
                measure,
                goal,
                coarse=row.coarse,
                **self._on(row.on),
                progress=tell,
            )
        self.run.targets.append((row, found))

    def told_targets(self) -> None:
        """Certificates of all targets, and every value that was looked at."""
        if self.run.targets:
            self.run.tables["targets"] = pa.Table.from_pylist([each for pair in self.run.targets for each in crossings(*pair)], TARGETS)  # fmt: skip
            self.run.tables["targets-looked"] = pa.Table.from_pylist([each for pair in self.run.targets for each in looked_rows(*pair)], LOOKED)  # fmt: skip

    def behaviour(self) -> None:
        """The package where visits answer to their price, at none, half, all and twice of the elasticities."""
        asked, package = self.model.behaviour, self.run.package
        if asked is None or package is None:
            return
        rows = []
        with self.watch("就医行为的影响", "visits that answer") as tell, self._at(("behaviour",)):
            for done, factor in enumerate(FACTORS, 1):
                held = asked.behaviour().times(Fraction(factor))
                found = respond(
                    self.engine, self.tables, {PACKAGE: package}, [Spending(name=OVERVIEW)], held, **self.ruled
                )
                mine = found.table(OVERVIEW)
                rows.append(mine.add_column(0, "times", pa.array([factor] * mine.num_rows, pa.string())))
                if factor == "1":
                    self.run.tables["behaviour-answers"] = found.answers
                tell(done, len(FACTORS))
        self.run.tables["behaviour"] = pa.concat_tables(rows)

    def clearing(self) -> None:
        """What every policy owes the providers; sweeps and targets of clearing."""
        asked, tables = self.model.clearing, self.run.tables
        if asked is None:
            return
        with self.watch("清算", "clear"), self._at(("clearing",)):
            held = cleared_under(self.study, self.engine, self.run.given, self.run.alternatives, self.threads)
        self.run.clearing = held
        tables.update(held.tables)
        for i, row in enumerate(asked.sweeps):
            with (
                self.watch(f"清算扫描 {row.id}", f"sweep of clearing {row.id}") as tell,
                self._at(("clearing", "sweeps", i)),
            ):
                tables[f"clearing-sweep-{row.id}"] = held.providers.sweep(row, tell)
        for i, target in enumerate(asked.targets):
            with (
                self.watch(f"清算求解 {target.id}", f"solve of clearing {target.id}"),
                self._at(("clearing", "targets", i)),
            ):
                self.run.turned.append(held.providers.target(target))
        if self.run.turned:
            tables["clearing-targets"] = turned_rows(self.run.turned)

    def _engine(self, on: str) -> Engine:
        if on == BASE:
            return self.engine
        held = self.run.alternatives[on]
        return Engine(held.book, held.catalog or self.engine.catalog, threads=self.threads)

    def _on(self, on: str) -> dict[str, Any]:
        """Rules of a policy, and the tables that they look at."""
        return self.ruled if on == BASE else {**self.ruled, "rules": self.run.alternatives[on].rules}

    def _exact(self, node: ExactNode) -> Any:
        people: People | None = self.run.given.people
        return node.measure(people, self.run.fund)

    @contextlib.contextmanager
    def _at(self, loc: RawPath) -> Iterator[None]:
        """Problems that a step finds are of the part of the document that asked for it."""
        try:
            yield
        except (InputError, DocumentError) as error:
            raise DocumentError(self.study.placed(loc, error.problems)) from None


def _projected(plan: FundPlan, spent: pa.Table, scenarios: tuple[str, ...]) -> pa.Table:
    """The fund's years under each policy, the column `policy` first."""
    out = []
    for name in dict.fromkeys(spent["policy"].to_pylist()):
        rows = project(plan, spent.filter(pc.equal(spent["policy"], name)), scenarios or None)
        out.append(rows.add_column(0, "policy", pa.array([name] * rows.num_rows, pa.string())))
    return pa.concat_tables(out)
