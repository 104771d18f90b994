"""How much of a difference each change makes, payer by payer, adding up to the fen."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, TypeVar

import pyarrow as pa

from ..errors import InputError, Problem
from .deltas import PAYERS, totals

if TYPE_CHECKING:
    from .resettlement import Work

__all__ = [
    "MOST",
    "Attribution",
    "Which",
    "asked_of",
    "attribution",
    "averaged",
    "of_worths",
    "rounded",
    "sets_of",
    "together",
    "worths",
]

MOST = 6  # changes of which all orders are looked at
Parts = dict[str, list[int]]
Which = tuple[int, ...]
Number = int | Fraction
Worth = TypeVar("Worth")


@dataclass(frozen=True)
class Attribution:
    """What each change moved. `rows`: change (place in the list), reason, payer, amount in fen; `orders` used, `left_out` impossible ones."""

    method: str
    rows: pa.Table
    orders: int
    left_out: int


def attribution(work: Work, method: str, progress: Callable[[int, int], None] | None = None) -> Attribution:
    """By `sequence` or `shapley` (docs/resettlement.md section 6). `progress(done, whole)` hears of the sets of changes that are settled.
    Raises InputError for another method or too many changes."""  # fmt: skip
    return of_worths(sets_of(work, method, progress), [read.change.reason for read in work.reads], method)


def sets_of(work: Work, method: str, progress: Callable[[int, int], None] | None = None) -> dict[Which, dict[str, int]]:
    """What the payers pay more after the sets of changes that a method looks at, where such a set can be applied."""
    count = len(work.reads)
    asked_of(method, count)
    whole = 2**count - 1 if method == "shapley" else count
    done = 0

    def worth_of(which: Which) -> dict[str, int] | None:
        nonlocal done
        if progress is not None:
            progress(done, whole)
        done += 1
        return _worth(work, which)

    if method == "shapley":
        return worths(count, worth_of)
    begun = [tuple(range(i + 1)) for i in range(count)]
    # Each change is right after those before it.
    return {which: worth for which in begun if (worth := worth_of(which)) is not None}


def together(every: Iterable[Mapping[Which, Mapping[str, int]]]) -> dict[Which, dict[str, int]]:
    """The sets of several parts of a run: what cannot be applied in one of them cannot be applied."""
    parts = list(every)
    held = [which for which in parts[0] if all(which in part for part in parts)] if parts else []
    return {which: {payer: sum(part[which][payer] for part in parts) for payer in PAYERS} for which in held}


def of_worths(worth: Mapping[Which, Mapping[str, int]], reasons: Sequence[str], method: str) -> Attribution:
    """The attribution from what sets of changes come to."""
    count = len(reasons)
    if method == "sequence":
        steps = [worth[tuple(range(i))] if i else dict.fromkeys(PAYERS, 0) for i in range(count + 1)]
        parts = {payer: [after[payer] - before[payer] for before, after in pairwise(steps)] for payer in PAYERS}
        return _told(reasons, method, parts, 1, 0)
    shares, orders = averaged(worth, count, list(PAYERS))
    parts = {payer: rounded(of_payer) for payer, of_payer in shares.items()}
    return _told(reasons, method, parts, orders, math.factorial(count) - orders)


def asked_of(method: str, count: int) -> None:
    """Raises InputError for a method that is none, or that is not for so many changes."""
    if method not in ("sequence", "shapley"):
        raise InputError([Problem(what=f"no method {method!r}", what_zh=f"没有方法 {method!r}", path="method", expected="sequence, shapley")])  # fmt: skip
    if method == "shapley" and count > MOST:
        what = (
            f"{count} changes: all orders are looked at for at most {MOST}; put some together, or ask for the sequence"
        )
        zh = f"共 {count} 项变更：全部次序的平均至多用于 {MOST} 项；请合并，或改用 sequence"
        raise InputError([Problem(what=what, what_zh=zh, path="method")])


def _worth(work: Work, which: tuple[int, ...]) -> dict[str, int] | None:
    """What each payer pays more after some of the changes, in their order; None where they cannot be applied without the others."""
    if len(which) == len(work.reads):
        after = totals(work.new.visits)
    else:
        bench = work.applied(work.reach.bench(), which)
        if bench.problems:
            return None
        after = totals(work.settle(bench, whole=False).visits)
    before = totals(work.reach.results[0])
    return {payer: after[payer] - before[payer] for payer in PAYERS}


def worths(count: int, worth_of: Callable[[Which], Worth | None]) -> dict[Which, Worth]:
    """What each set of changes is worth, smaller sets first, where `worth_of` is not None; the empty one is not among them."""
    worth: dict[Which, Worth] = {}
    for size in range(1, count + 1):
        for which in combinations(range(count), size):
            # What no order leads to need not be settled.
            if size == 1 or any(_less(which, last) in worth for last in which):
                found = worth_of(which)
                if found is not None:
                    worth[which] = found
    return worth


def averaged(
    worths: Mapping[Which, Mapping[str, Number]], count: int, keys: Sequence[str]
) -> tuple[dict[str, list[Fraction]], int]:
    """(what each change moves on average over the orders that lead from nothing through sets that are there to all, orders).

    `worths`: of sets of changes, smaller ones first, all of them among them; that of none is 0.
    """
    every = tuple(range(count))
    worth: dict[Which, Mapping[str, Number]] = {(): dict.fromkeys(keys, 0), **worths}
    # Orders that lead to a set, and from it to all of them.
    begin: dict[Which, int] = {}
    for which in worth:
        begin[which] = sum(begin.get(_less(which, last), 0) for last in which) if which else 1
    end: dict[Which, int] = {}
    for which in reversed(worth):
        more = (tuple(sorted((*which, one))) for one in every if one not in which)
        end[which] = sum(end.get(larger, 0) for larger in more) if which != every else 1
    orders = end[()]
    out: dict[str, list[Fraction]] = {}
    for key in keys:
        shares = [Fraction(0)] * count
        for which in worth:
            for one in which:
                without = _less(which, one)
                if without in worth:
                    moved = worth[which][key] - worth[without][key]
                    shares[one] += Fraction(begin[without] * end[which] * moved) / orders
        out[key] = shares
    return out, orders


def _less(which: tuple[int, ...], one: int) -> tuple[int, ...]:
    return tuple(i for i in which if i != one)


def rounded(shares: list[Fraction]) -> list[int]:
    """Whole fen that add up to the (whole) sum: rounded down, the rest to the largest remainders, the first on ties."""
    out = [share.numerator // share.denominator for share in shares]
    rests = [share - whole for share, whole in zip(shares, out)]
    missing = int(sum(rests))
    for i in sorted(range(len(out)), key=lambda i: (-rests[i], i))[:missing]:
        out[i] += 1
    return out


def _told(reasons: Sequence[str], method: str, parts: Parts, orders: int, left_out: int) -> Attribution:
    """Rows of every change and of the payers that some change moved."""
    moved = [payer for payer in PAYERS if any(parts[payer])]
    rows = [(i, reason, payer, parts[payer][i]) for i, reason in enumerate(reasons) for payer in moved]
    columns = list(zip(*rows)) if rows else [(), (), (), ()]
    kinds = (pa.int64(), pa.string(), pa.string(), pa.int64())
    names = ("change", "reason", "payer", "amount")
    table = pa.table({name: pa.array(list(cells), kind) for name, cells, kind in zip(names, columns, kinds)})
    return Attribution(method, table, orders, left_out)
