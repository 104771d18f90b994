"""Reforms of clearing documents: who wins and loses when a coefficient moves (docs/clearing.md section 6).

Reforms are those of `ybcore.simulate` (docs/simulation.md section 1): the same document, the same changes, the same paths.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import permutations
from typing import Any

import pyarrow as pa

from ..errors import DocumentError, InputError, Problem
from ..messages import yuan_text
from ..policy.faults import nearest
from ..policy.numbers import date_text
from ..simulate.changes import applied
from ..simulate.places import NoPlaceError
from ..simulate.reform import Reform, meant
from .book import Clearing, ClearingBook, ClearingSource, load_clearing, load_clearings
from .result import Cleared
from .run import clear

__all__ = ["attribute", "compare", "measured", "reformed", "solve", "sweep"]

MEASURES = ("paid", "due", "held", "unspent", "difference")
"""What can be swept and solved for: sums over all years, and what is left of budgets."""
_MOST = 6


def reformed(documents: Any, reforms: Reform | Iterable[Reform]) -> ClearingBook:
    """A book after reforms, in order. Raises DocumentError: unknown documents and paths, changes that cannot be made, wrong documents."""
    held = {document.id: document for document in load_clearings(documents)}
    problems: list[Problem] = []
    for reform in [reforms] if isinstance(reforms, Reform) else list(reforms):
        for change in reform.changes:
            try:
                named = meant(held, reform, change)
                for document in named:
                    _put(held, document, applied(document, change)[0], reform)
            except NoPlaceError as error:
                problems.append(reform.problem(change, error.fault))
            except DocumentError as error:
                problems.extend(error.problems)
    if problems:
        raise DocumentError(problems)
    return ClearingBook(held.values())


def _put(held: dict[str, Clearing], before: Any, raw: dict[str, Any], reform: Reform) -> None:
    """The changed document in the place of the old one; one that holds on both sides of the reform's day is cut there."""
    start, end = before.effective
    if reform.start is None or start >= reform.start:
        held[before.id] = load_clearing(raw)
        return
    raw["id"] = f"{before.id}+{reform.id}"
    raw["effective"] = {"from": date_text(reform.start), **({} if end is None else {"to": date_text(end)})}
    after = load_clearing(raw)
    old = before.doc
    old["effective"] = {**old["effective"], "to": date_text(reform.start)}
    held[before.id] = load_clearing(old)
    held[after.id] = after


def compare(before: Cleared, after: Cleared) -> pa.Table:
    """By institution: cases, due before and after, change (fen), and share of what was due (ppm, null where nothing was); largest losers first."""
    sides = [_by_institution(done, "due") for done in (before, after)]
    cases = _by_institution(after, "psntime")
    rows = []
    for code in sorted({*sides[0], *sides[1]}):
        one, two = (side.get(code, 0) for side in sides)
        share = None if not one else (two - one) * 10**6 // abs(one)
        rows.append(
            {
                "fixmedins_code": code,
                "psntime": cases.get(code, 0),
                "before": one,
                "after": two,
                "change": two - one,
                "share": share,
            }
        )
    rows.sort(key=lambda row: (row["change"], row["fixmedins_code"]))
    kind = after.years.schema.field("fixmedins_code").type
    numbers = [(name, pa.int64()) for name in ("psntime", "before", "after", "change", "share")]
    return pa.Table.from_pylist(rows, schema=pa.schema([("fixmedins_code", kind), *numbers]))


def _by_institution(done: Cleared, name: str) -> dict[Any, int]:
    out: dict[Any, int] = {}
    for code, value in zip(done.years["fixmedins_code"].to_pylist(), done.years[name].to_pylist()):
        out[code] = out.get(code, 0) + value
    return out


def measured(done: Cleared) -> dict[str, int]:
    """The measures by name: sums over all years, and what is left of budgets."""
    totals = {name: sum(done.years[name].to_pylist()) for name in ("paid", "due", "held", "difference")}
    return totals | {"unspent": sum(done.balances["unspent"].to_pylist())}


def _at(documents: Any, document: str, path: str, value: Any) -> ClearingBook:
    return reformed(documents, Reform.of("value", [{"policy": document, "path": path, "set": value}]))


def sweep(
    cases: Any, documents: ClearingSource | Any, document: str, path: str, values: Sequence[Any], **tables: Any
) -> pa.Table:
    """What each value of a scalar of a document comes to.

    `values`: text, int, Decimal or Fraction. Columns: value, the measures (fen), winners and losers: institutions that are due more or less
    than under the documents as they are.
    """
    base = _by_institution(clear(cases, documents, **tables), "due")
    rows = []
    for value in values:
        done = clear(cases, _at(documents, document, path, value), **tables)
        due = _by_institution(done, "due")
        moved = [due.get(code, 0) - base.get(code, 0) for code in {*base, *due}]
        won, lost = sum(change > 0 for change in moved), sum(change < 0 for change in moved)
        rows.append({"value": str(value), **measured(done), "winners": won, "losers": lost})
    columns = [(name, pa.int64()) for name in (*_measured_names(), "winners", "losers")]
    return pa.Table.from_pylist(rows, schema=pa.schema([("value", pa.string()), *columns]))


def _measured_names() -> tuple[str, ...]:
    return ("paid", "due", "held", "difference", "unspent")


def solve(
    cases: Any,
    documents: Any,
    document: str,
    path: str,
    measure: str,
    target: int,
    low: str,
    high: str,
    *,
    places: int = 4,
    **tables: Any,
) -> tuple[str, int]:
    """(the value of a scalar with so many decimals, between two, whose measure is nearest to a target; the measure there).

    The measure must go one way between `low` and `high`, which is looked at where the search goes; of two that are equally near the lower
    value is taken. Raises InputError for a target that is not between the two ends, for a measure that turns, or an unknown measure.
    """
    if measure not in MEASURES:
        what, zh, known = f"there is no measure {measure!r}", f"没有要求的指标 {measure!r}", ", ".join(MEASURES)
        raise InputError([Problem(what=what, what_zh=zh, path="measure", expected=known, nearest=nearest(measure, MEASURES))])  # fmt: skip
    scale = 10**places

    def text(step: int) -> str:
        return str(Decimal(step) / scale)

    seen: dict[int, int] = {}

    def at(step: int) -> int:
        if step not in seen:
            seen[step] = measured(clear(cases, _at(documents, document, path, text(step)), **tables))[measure]
        return seen[step]

    one, two = (int(Fraction(edge) * scale) for edge in (low, high))
    rising = at(two) >= at(one)
    if not min(at(one), at(two)) <= target <= max(at(one), at(two)):
        ends = f"{yuan_text(at(one))} ({low}), {yuan_text(at(two))} ({high})"
        what = f"{measure} does not meet {yuan_text(target)} yuan; at the two ends it is {ends}"
        raise _unmet(what, f"{measure} 达不到 {yuan_text(target)} 元，两端为 {ends}")
    while two - one > 1:
        middle = (one + two) // 2
        if not min(at(one), at(two)) <= at(middle) <= max(at(one), at(two)):
            raise _unmet(
                f"{measure} turns between {text(one)} and {text(two)}",
                f"{measure} 在 {text(one)} 与 {text(two)} 之间不单调",
            )
        if (at(middle) <= target) == rising:
            one = middle
        else:
            two = middle
    best = min((one, two), key=lambda step: (abs(at(step) - target), step))
    return text(best), at(best)


def _unmet(what: str, zh: str) -> InputError:
    return InputError([Problem(what=what, what_zh=zh, path="target")])


def attribute(
    cases: Any, documents: Any, reforms: Sequence[Reform], method: str = "sequence", **tables: Any
) -> pa.Table:
    """What each reform moved of what institutions are due: (reform, fixmedins_code, change), Σ to the fen of all of them together.

    `sequence`: each beside those before it; `shapley` (up to six): on average over all orders, rounded by largest remainder.
    """
    if method not in ("sequence", "shapley") or (method == "shapley" and len(reforms) > _MOST):
        raise ValueError(f"method is sequence, or shapley with up to {_MOST} reforms")
    known: dict[tuple[int, ...], dict[Any, int]] = {}

    def due(chosen: tuple[int, ...]) -> dict[Any, int]:
        if chosen not in known:
            book = reformed(documents, [reforms[at] for at in sorted(chosen)]) if chosen else documents
            known[chosen] = _by_institution(clear(cases, book, **tables), "due")
        return known[chosen]

    everybody = tuple(range(len(reforms)))
    orders = [everybody] if method == "sequence" else list(permutations(everybody))
    rows = []
    for code in sorted({*due(()), *due(everybody)}):
        moved = [Fraction(0)] * len(reforms)
        for order in orders:
            for at, which in enumerate(order):
                before, after = (due(tuple(sorted(order[:end]))).get(code, 0) for end in (at, at + 1))
                moved[which] += Fraction(after - before, len(orders))
        for reform, change in zip(reforms, _whole(moved)):
            if change:
                rows.append({"reform": reform.id, "fixmedins_code": code, "change": change})
    kind = pa.string() if not rows or isinstance(rows[0]["fixmedins_code"], str) else pa.int64()
    return pa.Table.from_pylist(
        rows, schema=pa.schema([("reform", pa.string()), ("fixmedins_code", kind), ("change", pa.int64())])
    )


def _whole(parts: list[Fraction]) -> list[int]:
    """Rounded down, and the fen that are missing one each to the largest rests; the earlier part on ties."""
    out = [part.numerator // part.denominator for part in parts]
    rests = sorted(range(len(parts)), key=lambda at: (out[at] - parts[at], at))
    for at in rests[: int(sum(parts)) - sum(out)]:
        out[at] += 1
    return out
