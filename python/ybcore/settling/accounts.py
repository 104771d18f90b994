"""Account movements by person: the table's events, renewals and top-ups, in the order in which they happen."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..columns.asof import Dated
from ..columns.convert import NULL_INT
from ..columns.read import Frame
from ..policy.compile import ALWAYS, CompiledBook
from ..policy.compile.figures import NoFigureError, Resolver, round_half_up
from ..policy.compile.tables import Tables
from .events import combinations, year_starts
from .people import Facts, class_column

__all__ = ["account_events", "opening_balances", "rules_on"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
NEVER = np.int32(-(2**31))
NEVER_DAY = -(2**28)  # before every day a table may hold
SET, ADD = 0, 1


def opening_balances(
    persons: int, frame: Frame | None, dated: Dated | None, visits: Frame, visit_psn: Int32, ordered: Int64
) -> Int64:
    """`balc` of each person's first row in their order; without a row, of the first visit in settling order."""
    out = np.zeros(persons, np.int64)
    if "balc" in visits.cells:
        rows = ordered[::-1]
        out[visit_psn[rows]] = np.where(visits.ints("balc")[rows] == NULL_INT, 0, visits.ints("balc")[rows])
    if frame is not None and dated is not None:
        first = dated.first()
        known = first >= 0
        out[known] = frame.ints("balc")[first[known]]
        out[out == NULL_INT] = 0
    return out


def account_events(
    compiled: CompiledBook,
    persons: int,
    taking_part: npt.NDArray[np.bool_],
    start: Int32,
    through: Int32,
    opening: Int64,
    last: int,
    table: tuple[Int32, Int32, npt.NDArray[np.uint8], Int64] | None,
    frame: Frame | None,
    dated: Dated | None,
    visits: Frame,
    threads: int,
) -> dict[str, Any]:
    """CSR by person of (date, kind 0 set or 1 add, amount), for persons that take part, after `through`, up to day `last`."""  # fmt: skip
    psn: list[Any] = []
    day: list[Any] = []
    rank: list[Any] = []
    kind: list[Any] = []
    amount: list[Any] = []

    def add(p: Any, d: Any, r: Any, k: Any, a: Any) -> None:
        if len(p):
            every = np.broadcast_to
            psn.append(p)
            day.append(every(d, len(p)))
            rank.append(every(r, len(p)))
            kind.append(every(k, len(p)))
            amount.append(every(a, len(p)))

    if table is not None:
        p, d, k, a = table
        keep = (p >= 0) & taking_part[np.maximum(p, 0)] & (d > through[np.maximum(p, 0)]) & (d <= last)
        add(p[keep], d[keep], np.where(k[keep] == SET, 1, 2), k[keep], a[keep])
    accounts = [policy.model.accounts for policy in compiled.policies]
    if (
        frame is not None
        and dated is not None
        and any(a is not None and (a.topups or a.renew != "carried") for a in accounts)
    ):
        _dated_rules(compiled, taking_part, start, through, opening, last, frame, dated, visits, threads, add)
    if not psn:
        return {
            "begin": np.zeros(persons + 1, np.int64),
            "date": np.zeros(0, np.int32),
            "kind": np.zeros(0, np.uint8),
            "amount": np.zeros(0, np.int64),
        }
    p, d, r, k, a = (np.concatenate(column) for column in (psn, day, rank, kind, amount))
    # The events of one day that one rule makes stand by person already.
    return _by_person(persons, p, d, r, k, a, len(psn) == 1 and table is None)


def _by_person(persons: int, p: Any, d: Any, r: Any, k: Any, a: Any, stands: bool) -> dict[str, Any]:
    """Events (person, date, rank within a day, kind, amount) by person and time; `stands`: they stand so already."""
    if not stands:
        place = (p.astype(np.int64) << 32) | ((d.astype(np.int64) - NEVER_DAY) << 2) | r
        if (place[1:] < place[:-1]).any():
            order = np.argsort(place, kind="stable")
            d, k, a = d[order], k[order], a[order]
    begin = np.concatenate(([0], np.cumsum(np.bincount(p, minlength=persons)))).astype(np.int64)
    return {
        "begin": begin,
        "date": d.astype(np.int32),
        "kind": k.astype(np.uint8),
        "amount": a.astype(np.int64),
    }


def _dated_rules(compiled: CompiledBook, taking_part: Any, start: Int32, through: Int32, opening: Int64, last: int, frame: Frame, dated: Dated, visits: Frame, threads: int, add: Any) -> None:  # fmt: skip
    """Renewals and top-ups on each first of month, under the document and row that hold that day."""
    who = np.flatnonzero(taking_part).astype(np.int32)
    started, done = start[who], through[who]
    if not len(who):
        return
    month_one = int(min(started.min(), last))
    firsts = np.arange(
        np.datetime64(month_one, "D").astype("datetime64[M]"), np.datetime64(last, "D").astype("datetime64[M]") + 1
    )
    days = firsts.astype("datetime64[D]").astype(np.int64).astype(np.int32)
    model = compiled.policies[0].model
    new_year = year_starts(days, *model.year.starts) == days
    rules = [policy.model.accounts for policy in compiled.policies if policy.model.accounts is not None]
    monthly = any(topup.every == "month" for rule in rules for topup in rule.topups)
    # A renewal is nothing to an account that starts on that day.
    late = 0 if any(rule.topups for rule in rules) else 1
    for day, begins in zip(days.tolist(), new_year.tolist()):
        if not (begins or monthly):
            continue
        on = who[(day - late >= started) & (day > done)]
        if not len(on):
            continue
        row = dated.find(on, np.full(len(on), day, np.int32))
        on, row = on[row >= 0], row[row >= 0]
        if not len(on):
            continue
        facts = Facts(
            visits,
            frame,
            None,
            np.full(len(on), -1, np.int64),
            row,
            np.full(len(on), -1, np.int64),
            np.full(len(on), day, np.int32),
            threads=threads,
        )
        _one_day(compiled, facts, on, day, begins, start, opening, add)


def _one_day(
    compiled: CompiledBook, facts: Facts, on: Int32, day: int, new_year: bool, start: Int32, opening: Int64, add: Any
) -> None:
    # Without top-ups only the document matters, and that is a question of two attributes.
    topups = any(p.model.accounts is not None and p.model.accounts.topups for p in compiled.policies)
    asked = {name: a for name, a in compiled.attributes.items() if topups or name in ALWAYS}
    texts, classes = [], []
    for name, a in asked.items():
        if a.kind == "text":
            sources, default = facts.sources(a)
            known = [text for _, _, _, own in sources for text in own] + [default]
            texts.append((name, known))
            classes.append(class_column(sources, np.arange(len(known)), len(known)))
    numbers = {
        name: facts.number(name, a.tables, int(a.default) if a.default else None)
        for name, a in asked.items()
        if a.kind == "number"
    }
    fields = {name: facts.number(name, ("persons",)) for name in compiled.fields if topups and name != "ipt_days"}
    for values in (*numbers.values(), *fields.values()):
        distinct, place = np.unique(values, return_inverse=True)
        ready = place.reshape(-1).astype(np.int32)
        classes.append(class_column([], [0], max(1, len(distinct))) | {"ready": ready})
    of, digits, first = combinations(len(on), classes, facts.threads)
    for i, at in enumerate(first):
        held: dict[str, Any] = {name: known[digit] for (name, known), digit in zip(texts, digits[i])}
        held |= {name: None if c[at] == NULL_INT else int(c[at]) for name, c in numbers.items()}
        renew, adds = rules_on(compiled, held, {name: int(c[at]) for name, c in fields.items()}, day, new_year)
        members = on[of == i] if len(first) > 1 else on
        if renew is not None:
            later = members[start[members] < day]
            add(later, day, 0, SET, opening[later] if renew == "opening" else 0)
        for fen in adds:
            add(members, day, 3, ADD, fen)


def rules_on(
    compiled: CompiledBook, held: dict[str, Any], fields: dict[str, int], day: int, new_year: bool
) -> tuple[str | None, list[int]]:
    """(how the balance is renewed on a first of a month, top-ups in fen) under the document for these attributes; (None, []): nothing."""
    index = compiled.document(held["insutype"], held["insuplc_admdvs"], day)
    model = None if index < 0 else compiled.policies[index].model
    if model is None or model.accounts is None:
        return None, []
    rules = model.accounts
    resolver = Resolver(held, day, model, Tables(), compiled.fields, None)
    due = [topup for topup in rules.topups if (topup.every == "month" or new_year) and resolver.holds(topup.when)]
    return rules.renew if new_year and rules.renew != "carried" else None, [
        _amount(resolver, one.amount, fields) for one in due
    ]


def _amount(resolver: Resolver, figure: Any, fields: dict[str, int]) -> int:
    """A top-up in fen; without a value it is nothing."""
    try:
        index = resolver.amount(figure)
    except NoFigureError:
        return 0
    return _value(resolver, index, fields)


def _value(resolver: Resolver, index: int, fields: dict[str, int]) -> int:
    from .._core import LAYOUT

    row = dict(zip(LAYOUT["amounts"], resolver.tables.rows["amounts"][index]))
    if row["kind"] == 0:
        return int(row["value"])
    names = resolver.fields

    def number(at: int) -> int:
        value = fields.get(names[at], NULL_INT)
        return 0 if value == NULL_INT else int(value)

    total = _value(resolver, row["base"], fields) * row["over"] * 1_000_000
    if row["of"] >= 0:
        total += row["factor"] * _value(resolver, row["of"], fields)
    if row["of_field"] >= 0:
        total += row["factor"] * number(row["of_field"]) * row["of_times"]
    if row["step"] >= 0:
        total += (
            _value(resolver, row["step"], fields)
            * max(0, number(row["count_field"]) - row["beyond"])
            * row["over"]
            * 1_000_000
        )
    value = int(row["unit"]) * _rounded(total, 1_000_000 * row["over"] * row["unit"], row["mode"])
    if row["least"] >= 0:
        value = max(value, _value(resolver, row["least"], fields))
    return int(min(value, _value(resolver, row["most"], fields)) if row["most"] >= 0 else value)


def _rounded(numerator: int, denominator: int, mode: int) -> int:
    if mode == 0:
        return round_half_up(numerator, denominator)
    quotient, rest = divmod(abs(numerator), denominator)
    up = (mode == 3 and rest > 0) or (
        mode == 1 and (2 * rest > denominator or (2 * rest == denominator and quotient % 2 == 1))
    )
    return (quotient + up) * (-1 if numerator < 0 else 1)
