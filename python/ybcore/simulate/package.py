"""What each reform of a package contributes, adding up exactly (docs/simulation.md section 6)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ..errors import DocumentError, InputError, Problem
from ..ledger.attribution import Which, asked_of, averaged, rounded, worths
from .comparison import BASE, compare
from .exact import Exact, told
from .reform import Reform, Reformed, reformed

if TYPE_CHECKING:
    from ..checks import RuleBook
    from ..engine import Engine

__all__ = ["Parts", "parts"]


@dataclass(frozen=True)
class Parts:
    """`amounts`: of each reform, in order, adding up to after − before; `orders` used, `left_out` impossible ones."""

    method: str
    measure: str
    reforms: tuple[str, ...]
    before: Fraction
    after: Fraction
    amounts: tuple[Fraction, ...]
    whole: bool
    orders: int
    left_out: int

    def table(self) -> pa.Table:
        """part (place in the package), reform, exact (text), amount: int64 fen of totals, else a double."""
        kind: Any = pa.int64() if self.whole else pa.float64()
        amounts = [int(held) if self.whole else float(held) for held in self.amounts]
        return pa.table(
            {
                "part": pa.array(range(len(amounts)), pa.int64()),
                "reform": pa.array(self.reforms, pa.string()),
                "exact": pa.array([str(held) for held in self.amounts], pa.string()),
                "amount": pa.array(amounts, kind),
            }
        )


def parts(
    engine: Engine,
    tables: Mapping[str, Any],
    reforms: Iterable[Reform],
    measure: Exact,
    method: str = "shapley",
    *,
    rules: RuleBook | None = None,
    beside: Mapping[str, Any] | None = None,
    state: Any = None,
    progress: Callable[[int, int], None] | None = None,
) -> Parts:
    """What each reform contributes to a measure, by `sequence` or `shapley`; `rules`, `beside`: as in `compare`. Raises InputError, DocumentError (the package cannot be made)."""
    given = tuple(reforms)
    asked_of(method, len(given))
    every = tuple(range(len(given)))
    package = reformed(engine.book, given, catalog=engine.catalog, rules=rules)

    def made(which: Which) -> Reformed | None:
        if which == every:
            return package
        try:
            return reformed(engine.book, [given[i] for i in which], catalog=engine.catalog, rules=rules)
        except DocumentError:
            return None

    if method == "sequence":
        sets = {
            every[: i + 1]: reformed(engine.book, given[: i + 1], catalog=engine.catalog, rules=rules) for i in every
        }
    else:
        sets = worths(len(given), made)
    names = {"+".join(str(i + 1) for i in which): which for which in sets}
    alternatives = {name: sets[which] for name, which in names.items()}
    done = compare(engine, tables, alternatives, [measure], rules=rules, beside=beside, state=state, progress=progress)
    values = _known(told(done.table(measure.name)), measure)
    before = values[BASE]
    worth = {which: {measure.name: values[name] - before} for name, which in names.items()}
    after = before + worth[every][measure.name] if every else before
    if method == "sequence":
        ends = [Fraction(0), *(worth[every[: i + 1]][measure.name] for i in every)]
        shares, orders, left_out = [b - a for a, b in pairwise(ends)], 1, 0
    else:
        found, orders = averaged(worth, len(given), [measure.name])
        shares, left_out = found[measure.name], math.factorial(len(given)) - orders
        if measure.whole:
            shares = [Fraction(fen) for fen in rounded(shares)]
    ids = tuple(reform.id for reform in given)
    return Parts(method, measure.name, ids, before, after, tuple(shares), measure.whole, orders, left_out)


def _known(values: dict[str, Fraction | None], measure: Exact) -> dict[str, Fraction]:
    """Raises InputError for every set whose measure divides by nothing."""
    empty = [name for name, held in values.items() if held is None]
    if empty:
        what = f"{measure.name} has nothing to divide by after the reforms {', '.join(empty)}"
        zh = f"改革 {'、'.join(empty)} 之后 {measure.name} 的分母为零"
        raise InputError([Problem(what=what, what_zh=zh, path="measure")])
    return {name: held for name, held in values.items() if held is not None}
