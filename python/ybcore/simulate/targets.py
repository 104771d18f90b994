"""The value of a knob that meets a target, with the two neighbours that prove it (docs/simulation.md section 6)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from ..errors import InputError, Problem
from ..policy.inventory import scalar_text
from .comparison import BASE, compare
from .exact import Exact, told
from .knobs import Knob, Number, exact_number
from .reform import reformed

if TYPE_CHECKING:
    from ..checks import RuleBook
    from ..engine import Engine

__all__ = ["Crossing", "Solution", "solve"]


@dataclass(frozen=True)
class Crossing:
    """Two neighbouring values of a knob and the measure at each, the target between them (or at one of them)."""

    low: Fraction
    high: Fraction
    at_low: Fraction
    at_high: Fraction

    def nearest(self, target: Fraction, sides: Callable[[Fraction], bool] = lambda held: True) -> Fraction | None:
        """The value whose measure is nearest to the target, of those that `sides` lets; the lower one on ties."""
        both = [
            (abs(at - target), value) for value, at in ((self.low, self.at_low), (self.high, self.at_high)) if sides(at)
        ]
        return min(both)[1] if both else None


@dataclass(frozen=True)
class Solution:
    """Where a measure meets a target. `monotone`: rising, falling, flat, no; `looked`: every (value, measure), values rising; `base`: without the knob."""

    knob: Knob
    measure: str
    target: Fraction
    base: Fraction | None
    monotone: str
    crossings: tuple[Crossing, ...]
    looked: tuple[tuple[Fraction, Fraction], ...]

    @property
    def value(self) -> Fraction:
        """The value whose measure is nearest to the target. Raises InputError when there are several crossings."""
        return self._one(lambda held: True)

    @property
    def at_most(self) -> Fraction:
        """The one whose measure is not above the target."""
        return self._one(lambda held: held <= self.target)

    @property
    def at_least(self) -> Fraction:
        """The one whose measure is not below the target."""
        return self._one(lambda held: held >= self.target)

    def _one(self, sides: Callable[[Fraction], bool]) -> Fraction:
        if len(self.crossings) > 1:
            spans = ", ".join(f"{scalar_text(held.low)} – {scalar_text(held.high)}" for held in self.crossings)
            what = f"{self.measure} is not monotone in {self.knob.name} and meets the target more than once: {spans}"
            zh = f"{self.measure} 随 {self.knob.name} 并非单调，多处达到目标：{spans}"
            raise InputError([Problem(what=what, what_zh=zh, path="target", expected="a narrower span, or `crossings`", expected_zh="更窄的 span，或改用 crossings")])  # fmt: skip
        found = self.crossings[0].nearest(self.target, sides)
        if found is None:
            what, zh = "no neighbour is on this side of the target", "目标的这一侧没有相邻取值"
            raise InputError([Problem(what=what, what_zh=zh, path="target")])
        return found


def solve(
    engine: Engine,
    tables: Mapping[str, Any],
    knob: Knob,
    measure: Exact,
    target: Number,
    *,
    coarse: int = 9,
    rules: RuleBook | None = None,
    beside: Mapping[str, Any] | None = None,
    state: Any = None,
    progress: Callable[[int, int], None] | None = None,
) -> Solution:
    """The value of a knob for which a measure meets a target: coarse values first, then halving down to neighbours.

    `target`: fen for money; `rules`, `beside`: as in `compare`. `progress`: passes over the batch done, and in all. Raises InputError (a target that is not met, is no exact
    number, a measure with nothing to divide by), DocumentError (a value that makes no valid book).
    """
    goal = exact_number(target)
    problems = []
    if goal is None:
        what, zh = f"the target {target!r} is no exact number", f"目标 {target!r} 不是精确数值"
        problems.append(Problem(what=what, what_zh=zh, path="target", expected="int, Decimal, Fraction or text, no float", expected_zh="int、Decimal、Fraction 或文本，不得为浮点数"))  # fmt: skip
    if coarse < 2:
        problems.append(Problem(what=f"{coarse} coarse values", what_zh=f"粗看 {coarse} 个取值", path="coarse", expected="2 or more", expected_zh="不小于 2"))  # fmt: skip
    if goal is None or problems:
        raise InputError(problems)
    given = {"rules": rules, "beside": beside, "state": state}
    search = _Search(engine, tables, knob, measure, goal, given)
    last, passes = len(search.scale) - 1, 1
    search.look(i * last // (coarse - 1) for i in range(coarse))
    while True:
        found = search.flips()
        wide = [(low, high) for low, high in found if high - low > 1]
        fresh = [low + (high - low) * quarter // 4 for low, high in wide for quarter in (1, 2, 3)]
        if not found:
            found = search.touch()
            fresh = [place for pair in found for place in pair if place not in search.at]
        if progress is not None:
            progress(passes, passes + max(min(len(fresh), 1), *(_passes(high - low) for low, high in wide), 0))
        if not fresh:
            break
        search.look(fresh)
        passes += 1
    if not found:
        raise InputError([search.missed()])
    looked = search.looked()
    crossings = tuple(Crossing(search.scale[i], search.scale[j], search.at[i], search.at[j]) for i, j in found)
    return Solution(knob, measure.name, goal, search.base, _monotone([held for _, held in looked]), crossings, looked)


class _Search:
    """What is known of the measure along the knob, by place on its scale."""

    def __init__(
        self,
        engine: Engine,
        tables: Mapping[str, Any],
        knob: Knob,
        measure: Exact,
        goal: Fraction,
        given: dict[str, Any],
    ) -> None:
        self.engine, self.tables, self.given = engine, tables, given
        self.knob, self.measure, self.goal = knob, measure, goal
        self.scale = knob.scale(engine.book, engine.catalog, given["rules"])
        self.beside = knob.beside(engine.catalog, given["rules"])
        self.at: dict[int, Fraction] = {}
        self.base: Fraction | None = None

    def look(self, places: Iterable[int]) -> None:
        """Measure at these places, in one pass."""
        book = self.engine.book
        fresh = {scalar_text(self.scale[i]): i for i in sorted(set(places) - self.at.keys())}
        alternatives = {
            text: reformed(book, [self.knob.reform(self.scale[i])], **self.beside) for text, i in fresh.items()
        }
        done = compare(self.engine, self.tables, alternatives, [self.measure], **self.given)
        problems = []
        for text, held in told(done.table(self.measure.name)).items():
            if text == BASE:
                self.base = held
            elif held is None:
                what = f"{self.measure.name} has nothing to divide by at {self.knob.name}={text}"
                zh = f"{self.knob.name}={text} 时 {self.measure.name} 的分母为零"
                problems.append(Problem(what=what, what_zh=zh, path="measure"))
            else:
                self.at[fresh[text]] = held
        if problems:
            raise InputError(problems)

    def flips(self) -> list[tuple[int, int]]:
        """Places that are neighbours among those looked at, one below the target and one not."""
        return [(i, j) for i, j in pairwise(sorted(self.at)) if (self.at[i] >= self.goal) != (self.at[j] >= self.goal)]

    def touch(self) -> list[tuple[int, int]]:
        """The lowest place that was looked at whose measure is the target, and a neighbour; nothing where there is none."""
        hits = [i for i in sorted(self.at) if self.at[i] == self.goal]
        if not hits:
            return []
        low = max(min(hits[0], len(self.scale) - 2), 0)
        return [(low, min(low + 1, len(self.scale) - 1))]

    def looked(self) -> tuple[tuple[Fraction, Fraction], ...]:
        return tuple((self.scale[i], self.at[i]) for i in sorted(self.at))

    def missed(self) -> Problem:
        """That no value meets the target."""
        pairs = [(held, value) for value, held in self.looked()]
        least, most = min(pairs), max(pairs)
        name, own = self.measure.name, self.knob.name
        ends = [(_said(held), scalar_text(value)) for held, value in (least, most)]
        what = f"{name} does not meet {_said(self.goal)}: it is from {ends[0][0]} ({own}={ends[0][1]}) to {ends[1][0]} ({own}={ends[1][1]})"
        zh = f"{name} 达不到 {_said(self.goal)}：自 {ends[0][0]}（{own}={ends[0][1]}）至 {ends[1][0]}（{own}={ends[1][1]}）"
        if least[0] == most[0]:
            what = f"{name} is {ends[0][0]} whatever {own} is, not {_said(self.goal)}"
            zh = f"无论 {own} 取何值，{name} 均为 {ends[0][0]}，不是 {_said(self.goal)}"
        return Problem(
            what=what,
            what_zh=zh,
            path="target",
            expected="a target within, a wider span, or more coarse values",
            expected_zh="范围内的目标、更宽的 span，或更多的粗看取值",
        )


def _said(value: Fraction) -> str:
    return str(value) if value.denominator == 1 else f"{float(value):.9g}"


def _passes(gap: int) -> int:
    """Passes until neighbours so far apart are one apart."""
    passes = 0
    while gap > 1:
        gap, passes = -(-gap // 4), passes + 1
    return passes


def _monotone(values: list[Fraction]) -> str:
    up, down = (any(sign * (b - a) > 0 for a, b in pairwise(values)) for sign in (1, -1))
    return "no" if up and down else "rising" if up else "falling" if down else "flat"
