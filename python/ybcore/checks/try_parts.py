"""K06, K07 and K12 at all values of a figure at once: from the parts of the lines at the easiest one, or by a kernel of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from ..columns.convert import NULL_INT
from .run.found import OFFENDING
from .run.scope import YES
from .run.time_rules import OF_VISITS, window_events, window_measure, window_span
from .try_judges import RISING
from .try_run import Run, Tried, suffix

__all__ = ["of_buckets", "of_items", "of_windows"]

Int64 = npt.NDArray[np.int64]

# --- K06 and K12: from one scan, the parts of the lines for every value ----------------------------------------------


def of_buckets(run: Run) -> Tried:
    """K06: what is beyond the cap is laid on the lines of the bucket in turn, so each has a value up to which it carries some."""
    check, first = run.rule.check, int(run.values[0])
    raw = run.raw(first)
    f = raw.found
    excess = f["measure"] - f["limit"] + (check.comparator == "at_least")
    event, of, part = _offending(f)
    size = np.where(f["excess"][part] == -1, 1, f["excess"][part])
    # What lines before it in turn carry.
    turn = np.arange(len(of)) if check.allocate == "last_paid" else np.arange(len(of))[::-1]
    laid = np.cumsum(size[turn])
    of_turn = of[turn]
    start = np.flatnonzero(np.diff(of_turn, prepend=-1))
    base = np.repeat((laid - size[turn])[start], np.diff(np.append(start, len(of_turn))))
    before = np.empty(len(of), np.int64)
    before[turn] = laid - size[turn] - base
    top = first + excess[of] - before  # it carries min(top - value, size)
    row = raw.rows[event]
    counted = check.measure == "count"
    amount = _parts(run, row, top, size, run.reach(top, "more_than"), counted, check.measure == "amount")
    return run.gathered(
        run.reach(first + excess, "more_than"), run.reach(top, "more_than"), row, np.ones(len(row), bool), amount, True
    )  # fmt: skip


def of_items(run: Run) -> Tried:
    """K12: items are numbered as they appear, and the lines of those beyond offend."""
    raw = run.raw(run.values[0])
    f = raw.found
    finding = np.repeat(np.arange(len(f["measure"])), np.diff(f["details"]))
    item = run.work.batch.item[raw.rows[f["event"]]].astype(np.int64)
    key = finding * (len(run.work.batch.item_ids) + 1) + item
    _, first, back = np.unique(key, return_index=True, return_inverse=True)
    new = np.zeros(len(key), np.int64)
    new[first] = 1
    number = (np.cumsum(new) - 1)[first][back.reshape(-1)]
    begin = f["details"][:-1]
    number = number - (np.cumsum(new) - new)[begin][finding] + 1 if len(key) else number
    event, _, part = _offending(f)
    row = raw.rows[event]
    reach = run.reach(number[part], run.rule.check.comparator)
    amount = _parts(run, row, number[part], np.ones(len(row), np.int64), reach, True, False)
    return run.gathered(
        run.reach(f["measure"], run.rule.check.comparator), reach, row, np.ones(len(row), bool), amount, True
    )


def _offending(f: dict[str, Any]) -> tuple[Int64, Int64, Int64]:
    """(event, finding, place) of the details that offend."""
    part = np.flatnonzero(f["part"] == OFFENDING)
    finding = np.repeat(np.arange(len(f["measure"])), np.diff(f["details"]))
    return f["event"][part].astype(np.int64), finding[part], part


def _parts(run: Run, row: Int64, top: Int64, size: Int64, reach: Int64, whole: bool, money: bool) -> Int64:
    """Fen of all lines at each value: a line that carries `size` up to top - size, and less and less up to top."""
    work, rule, values, many = run.work, run.rule, run.values, len(run.values)
    net, quantity = work.amount[row], work.quantity[row]
    if rule.amount == "none":
        return np.zeros(many, np.int64)
    if rule.amount == "whole_line" or whole:
        return suffix(reach, many, net if rule.amount == "whole_line" or not whole else np.maximum(net, 0))
    c = np.ascontiguousarray

    def fen(at: Int64, beyond: Int64) -> Int64:
        shares: Int64 = beyond if money else _core.check_shares(c(np.maximum(net[at], 0)), c(np.maximum(quantity[at], 0)), c(beyond))  # fmt: skip
        return shares

    full = np.minimum(np.searchsorted(values, top - size, "right"), reach)
    every = np.arange(len(row))
    out = suffix(full, many, fen(every, size))
    less = reach - full
    at = np.repeat(every, less)
    k = full[at] + np.arange(len(at)) - np.repeat(np.cumsum(less) - less, less)
    np.add.at(out, k, fen(at, top[at] - values[k]))
    return out


# --- K07: a kernel of its own ----------------------------------------------------------------------------------------


def of_windows(run: Run) -> Tried:
    """K07: one scan of the window for all values, and one of each other window at its own."""
    work, rule, check = run.work, run.rule, run.rule.check
    chosen, order, begin, day = window_events(work, rule)
    rows = chosen.rows if order is None else chosen.rows[order]
    of_visits = check.measure in OF_VISITS
    measure, value, key, keys = window_measure(work, rule, rows)
    rising, many = check.comparator in RISING, len(run.values)
    money = _money(run, rows, of_visits)
    # Money without quantity is all of it excess; the kernel shares by quantity.
    shared = rule.amount == "excess_qty" and check.measure == "quantity" and rising
    bare = np.where(value <= 0, money, 0) if shared else None
    hits, amount = np.zeros(many, np.int64), np.zeros(many, np.int64)
    reach = np.zeros(len(rows), np.int64)
    c = np.ascontiguousarray
    for w, window in enumerate(check.windows):
        mine = run.path[1] == w
        values = run.values if mine else np.array([window.thresholds[0].value.value], np.int64)
        month, first = window.starts or (1, 1)
        found = _core.check_window_replay(
            begin, c(day), value, key, _judged(run, window.thresholds[0].scope, rows, of_visits), measure, check.comparator,
            [window_span(check, window)], values, money, rule.amount == "excess_qty", keys, month * 100 + first, work.threads,
        )  # fmt: skip
        hits += found["hits"][0]
        amount += found["amount"][0]
        if bare is not None:
            amount += suffix(found["reach"][0].astype(np.int64), len(values), bare)
        np.maximum(reach, found["reach"][0] if mine else found["reach"][0] * many, out=reach)
        run.tell(w + 1, len(check.windows))
    lines = np.full(len(rows), not of_visits)
    out = run.gathered(np.zeros(0, np.int64), reach, rows, lines, amount if rising else amount[::-1], rising)
    if rule.amount == "visit_total":
        size = np.bincount(work.batch.line_visit[work.rows], minlength=work.batch.visits.rows)[rows]
        taken = suffix(reach, many, size)
        out.lines = taken if rising else taken[::-1].copy()
    out.hits, out.scans = hits, len(check.windows)
    return out


def _judged(run: Run, scope: Any, rows: Int64, of_visits: bool) -> Any:
    """0 for events that a threshold judges, -1 for others; None: all."""
    if not scope:
        return None
    scopes, kinds = run.work.scopes, run.rule.visit_kinds
    truth = scopes.truth(scope, kinds)[rows] if of_visits else scopes.of_lines(scope, kinds, rows)
    return np.where(truth == YES, 0, -1).astype(np.int32)


def _money(run: Run, rows: Int64, of_visits: bool) -> Int64:
    """Fen that each event moves by itrun."""
    work, amount = run.work, run.rule.amount
    if amount == "none" or (of_visits and amount != "visit_total"):
        return np.zeros(len(rows), np.int64)
    if not of_visits:
        plain = amount == "whole_line" or run.rule.check.measure == "amount"
        return np.ascontiguousarray(work.amount[rows] if plain else np.maximum(work.amount[rows], 0))
    total = np.zeros(work.batch.visits.rows, np.int64)
    np.add.at(total, work.batch.line_visit[work.rows], work.amount[work.rows])
    given = work.batch.visits.ints("medfee_sumamt")
    bare = ~work.has_line & (given != NULL_INT)
    total[bare] = given[bare]
    return total[rows]
