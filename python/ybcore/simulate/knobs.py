"""Figures that are turned: grids and samples of reforms, and measures over them (docs/simulation.md section 5)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from itertools import product
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ..errors import DocumentError, InputError, Problem
from ..extras import extra
from ..policy import Book
from ..policy.inventory import scalar_text
from ..policy.numbers import MONEY_UNITS, PPM
from .comparison import Comparison, Measure, compare
from .listing import finest
from .places import NoPlaceError, place
from .reform import Reform, Reformed, meant, reformed

if TYPE_CHECKING:
    from ..catalog import Catalog
    from ..checks import RuleBook
    from ..engine import Engine

__all__ = ["MOST", "Grid", "Knob", "Number", "Sweep", "exact_number", "grid", "sample", "sweep"]

MOST = 10_000  # combinations of a grid
WAYS = ("set", "add", "points", "times")
Number = int | str | Decimal | Fraction
_DECIMALS = 6


def exact_number(value: Any) -> Fraction | None:
    """A number given exactly, None for what is none: floats, words."""
    if isinstance(value, (bool, float)) or not isinstance(value, (int, str, Decimal, Fraction)):
        return None
    try:
        return Fraction(Decimal(value)) if isinstance(value, str) else Fraction(value)
    except (ValueError, OverflowError, InvalidOperation):
        return None


class _Steps(Sequence[Fraction]):
    """low, low + step, …, none above high."""

    def __init__(self, low: Fraction, high: Fraction, step: Fraction) -> None:
        self.low, self.step = low, step
        self.size = (high - low) // step + 1

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return [self.low + self.step * i for i in range(*at.indices(self.size))]
        if not -self.size <= at < self.size:
            raise IndexError(at)
        return self.low + self.step * (at % self.size)


@dataclass(frozen=True)
class Knob:
    """A place of documents, of a catalogue or of rules and the values it is given: `values`, or `span` = (low, high) or (low, high, step).

    One of these says whose place it is: `policy` (an id or several) or `scheme`; `items` of the catalogue (a code, several, or columns with what
    they say, in the place `region`); `rule` (an id) or `rules` (a rule document). `way`: set, add, points or times; `start`: a day, YYYY-MM-DD.
    Raises InputError with everything that is wrong.
    """

    path: str
    policy: str | Sequence[str] | None = None
    scheme: str | None = None
    values: Sequence[Number] | None = None
    span: Sequence[Number] | None = None
    way: str = "set"
    start: str | None = None
    name: str = ""
    items: str | Sequence[str] | Mapping[str, Any] | None = None
    region: str | None = None
    rule: str | None = None
    rules: str | None = None
    _held: tuple[Fraction, ...] = field(default=(), init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name or self.path)
        problems = []

        def tell(en: str, zh: str, expected: str = "", expected_zh: str = "") -> None:
            problems.append(Problem(what=en, what_zh=zh, path=f"knob {self.name}", expected=expected, expected_zh=expected_zh))  # fmt: skip

        if sum(held is not None for held in (self.policy, self.scheme, self.items, self.rule, self.rules)) != 1:
            zh = "须用 policy、scheme、items、rule、rules 之一指明所改"
            tell(
                "a knob names whose place it is by policy, scheme, items, rule or rules", zh, "one of these", "其中之一"
            )
        if self.region is not None and self.items is None:
            tell("`region` goes with items", "region 只与 items 同用")
        if (self.values is None) == (self.span is None):
            tell("a knob has values or a span", "须给出 values 或 span 之一", "values=[…] or span=(low, high, step)", "values=[…] 或 span=(low, high, step)")  # fmt: skip
        if self.way not in WAYS:
            tell(f"no way {self.way!r}", f"没有方式 {self.way!r}", ", ".join(WAYS))
        given = list(self.span if self.values is None and self.span is not None else self.values or ())
        held = [exact_number(value) for value in given]
        for value, number in zip(given, held):
            if number is None or (number * 10**_DECIMALS).denominator != 1:
                tell(
                    f"{value!r} is no exact number",
                    f"{value!r} 不是精确数值",
                    f"int, Decimal, Fraction or text with at most {_DECIMALS} decimals, no float",
                    f"int、Decimal、Fraction 或最多 {_DECIMALS} 位小数的文本，不得为浮点数",
                )
        known = [number for number in held if number is not None]
        if self.values is not None and not given:
            tell("a knob has at least one value", "至少须有一个取值")
        if self.values is None and self.span is not None:
            if len(given) not in (2, 3):
                tell("a span is (low, high) or (low, high, step)", "span 须为 (低, 高) 或 (低, 高, 步长)")
            elif len(known) == len(given) and (known[0] > known[1] or (len(known) == 3 and known[2] <= 0)):
                tell(
                    f"nothing is in {tuple(given)}",
                    f"{tuple(given)} 内没有取值",
                    "low not above high, a step above 0",
                    "低不高于高，步长大于 0",
                )
        if problems:
            raise InputError(problems)
        object.__setattr__(self, "_held", tuple(known))

    def beside(self, catalog: Catalog | None, rules: RuleBook | None) -> dict[str, Any]:
        """The catalogue or the rules, where its place is there: what `reformed` wants."""
        of_rules = self.rule is not None or self.rules is not None
        return {"catalog": catalog} if self.items is not None else {"rules": rules} if of_rules else {}

    def scale(self, book: Book, catalog: Catalog | None = None, rules: RuleBook | None = None) -> Sequence[Fraction]:
        """The knob's values, rising. Raises InputError when a span has no step and the figure gives none, DocumentError for unknown places."""
        if self.values is not None:
            return tuple(sorted(set(self._held)))
        low, high = self._held[:2]
        return _Steps(low, high, self._held[2] if len(self._held) == 3 else self._step(book, catalog, rules))

    def reform(self, value: Fraction) -> Reform:
        """The reform that gives it a value."""
        text = scalar_text(value)
        # The id stands in the ids of the documents it cuts.
        safe = re.sub(r"[^A-Za-z0-9_.+-]+", "-", f"{self.name}-{text}").strip("-")
        given = {name: getattr(self, name) for name in ("policy", "scheme", "items", "region", "rule", "rules")}
        named = {
            name: held if isinstance(held, (str, Mapping)) else list(held)
            for name, held in given.items()
            if held is not None
        }
        said = f"{self.name}={text}"
        return Reform.of(safe, [{**named, "path": self.path, self.way: text}], start=self.start, name=said)

    def _step(self, book: Book, catalog: Catalog | None, rules: RuleBook | None) -> Fraction:
        """One yuan or one ppm, in the unit in which the figures are written; of rules one."""
        if self.way == "points":
            return Fraction(100, PPM)
        steps = set()
        if self.way != "times":
            reform = self.reform(self._held[0])
            reformed(book, [reform], **self.beside(catalog, rules))  # says what is wrong with the place
            named = self.policy is not None or self.scheme is not None
            if not named:
                step = Fraction(1) if self.items is None else finest(self.path)
                steps |= {step} if step is not None else set()
            for policy in meant({policy.id: policy for policy in book}, reform, reform.changes[0]) if named else ():
                try:
                    path = place(policy.doc, self.path)
                except NoPlaceError:
                    continue
                for leaf in policy.figures():
                    # What is set takes the place of all that stands there; what is added goes to each figure below.
                    mine = leaf.raw_path if self.way == "set" else leaf.raw_path[: len(path)]
                    if mine == path and leaf.unit in ("fen", "ppm"):
                        steps.add(
                            Fraction(1, PPM) if leaf.unit == "ppm" else Fraction(100, MONEY_UNITS[leaf.written_in])
                        )
        if len(steps) != 1:
            what, zh = "the figures of the knob do not say how fine it is", "无法由数值得知步长"
            raise InputError(
                [Problem(what=what, what_zh=zh, path=f"knob {self.name}", expected="span=(low, high, step)")]
            )
        return steps.pop()


class Grid(Mapping[str, Reformed]):
    """Reformed books by names that tell the values; `point(name)` are the values of the `knobs`.

    A book is made whenever it is asked for, so that none is held longer than it is needed. Of each knob the lowest and the highest value are tried
    at once, in the first combination that has them.
    """

    def __init__(
        self,
        book: Book,
        knobs: Sequence[Knob],
        points: Sequence[tuple[Fraction, ...]],
        catalog: Catalog | None = None,
        rules: RuleBook | None = None,
    ) -> None:
        self.book, self.knobs = book, tuple(knobs)
        self._beside: dict[str, Any] = {}
        for knob in knobs:
            self._beside |= knob.beside(catalog, rules)
        self._points: dict[str, tuple[Fraction, ...]] = {}
        for point in points:
            name = ", ".join(f"{knob.name}={scalar_text(value)}" for knob, value in zip(knobs, point))
            self._points.setdefault(name, point)
        self._try()

    def _try(self) -> None:
        """Raises DocumentError for the combinations that are tried and make no valid book."""
        ends = [
            pick(self._points, key=lambda name: self._points[name][at])
            for at in range(len(self.knobs))
            for pick in (min, max)
        ]
        problems: list[Problem] = []
        for name in dict.fromkeys(ends):
            try:
                self[name]
            except DocumentError as error:
                problems += error.problems
        if problems:
            raise DocumentError(list(dict.fromkeys(problems)))

    def __getitem__(self, name: str) -> Reformed:
        reforms = [knob.reform(value) for knob, value in zip(self.knobs, self._points[name])]
        return reformed(self.book, reforms, **self._beside)

    def __iter__(self) -> Iterator[str]:
        return iter(self._points)

    def __len__(self) -> int:
        return len(self._points)

    def __contains__(self, name: object) -> bool:
        return name in self._points

    def point(self, name: str) -> tuple[Fraction, ...]:
        """Values of the knobs, in their order, of one of the books."""
        return self._points[name]


def grid(book: Book, knobs: Sequence[Knob], *, catalog: Catalog | None = None, rules: RuleBook | None = None) -> Grid:
    """Every combination of the knobs' values; `catalog`, `rules`: what knobs of these move. Raises InputError, DocumentError."""
    _told_apart(knobs)
    scales = [knob.scale(book, catalog, rules) for knob in knobs]
    count = math.prod(len(scale) for scale in scales)
    if count > MOST:
        what, zh = f"{count} combinations, more than {MOST}", f"共 {count} 种组合，多于 {MOST}"
        raise InputError([Problem(what=what, what_zh=zh, path="knobs", expected="larger steps, fewer values, or a sample", expected_zh="加大步长、减少取值，或改用抽样")])  # fmt: skip
    return Grid(book, knobs, list(product(*scales)), catalog, rules)


def sample(
    book: Book,
    knobs: Sequence[Knob],
    n: int,
    kind: str = "latin",
    *,
    seed: int = 0,
    catalog: Catalog | None = None,
    rules: RuleBook | None = None,
) -> Grid:
    """`n` points of a Latin hypercube (`latin`) or a scrambled Sobol sequence (`sobol`), each at values of the knobs' own; otherwise as `grid`.

    Raises YbcoreError without SciPy, InputError, DocumentError.
    """
    _told_apart(knobs)
    problems = []
    if kind not in ("latin", "sobol"):
        problems.append(Problem(what=f"no kind of sample {kind!r}", what_zh=f"没有抽样方式 {kind!r}", path="kind", expected="latin, sobol"))  # fmt: skip
    if not 1 <= n <= MOST:
        problems.append(Problem(what=f"{n} points", what_zh=f"{n} 个点", path="n", expected=f"1 … {MOST}"))
    elif kind == "sobol" and n & (n - 1):
        near = 1 << (n.bit_length() - 1)
        what, zh = f"{n} points of a Sobol sequence are not balanced", f"Sobol 序列的点数 {n} 不是 2 的幂"
        problems.append(Problem(what=what, what_zh=zh, path="n", expected=f"a power of two: {near} or {2 * near}", expected_zh=f"2 的幂：{near} 或 {2 * near}"))  # fmt: skip
    if problems:
        raise InputError(problems)
    qmc = extra("scipy.stats.qmc", "simulate", "抽样", "a sample")
    maker = qmc.LatinHypercube if kind == "latin" else qmc.Sobol
    scales = [knob.scale(book, catalog, rules) for knob in knobs]
    points = maker(len(scales), rng=seed).random(n).tolist()
    # A double below 1 times a count may round up to the count.
    taken = [
        tuple(scale[min(int(u * len(scale)), len(scale) - 1)] for u, scale in zip(point, scales)) for point in points
    ]
    return Grid(book, knobs, taken, catalog, rules)


def _told_apart(knobs: Sequence[Knob]) -> None:
    names = [knob.name for knob in knobs]
    problems = [
        Problem(what=f"two knobs are named {name!r}", what_zh=f"两个旋钮同名 {name!r}", path="knobs", expected="name=…")
        for name in dict.fromkeys(name for name in names if names.count(name) > 1)
    ]
    if not names:
        problems.append(Problem(what="no knob is given", what_zh="没有给出旋钮", path="knobs"))
    if problems:
        raise InputError(problems)


@dataclass(frozen=True)
class Sweep:
    """Measures over a grid; `comparison` is what `compare` gave."""

    grid: Grid
    comparison: Comparison

    def table(self, measure: str) -> pa.Table:
        """The rows of a measure with a column a knob (decimals) after `policy`; the base has null there."""
        rows = self.comparison.table(measure)
        names = rows["policy"].to_pylist()
        for at, knob in enumerate(self.grid.knobs):
            held = [_decimal(self.grid.point(name)[at]) if name in self.grid else None for name in names]
            rows = rows.add_column(1 + at, knob.name, pa.array(held, pa.decimal128(38, _DECIMALS)))
        return rows


def _decimal(value: Fraction) -> Decimal:
    return Decimal(scalar_text(value))


def sweep(
    engine: Engine,
    tables: Mapping[str, Any],
    knobs: Grid | Sequence[Knob],
    measures: Sequence[Measure],
    *,
    rules: RuleBook | None = None,
    beside: Mapping[str, Any] | None = None,
    state: Any = None,
    progress: Callable[[int, int], None] | None = None,
) -> Sweep:
    """`compare` over a grid, or over the grid of knobs. Raises InputError, DocumentError."""
    held = knobs if isinstance(knobs, Grid) else grid(engine.book, knobs, catalog=engine.catalog, rules=rules)
    return Sweep(
        held, compare(engine, tables, held, measures, rules=rules, beside=beside, state=state, progress=progress)
    )
