"""What rules that look at each row by itself take: one of the rows that may be reported offends. Mostly the kernel itself is asked, of these rows only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from ...columns.convert import NULL_INT
from ..groupchecks import FactorOf
from ..rule import Rule
from .held import name_of, surely_of_class
from .now import More, Now
from .sum_rules import VALID, full_price, same_place
from .time_rules import around_operation_of, idle_of, line_in_stay_of
from .work import Work

__all__ = ["alone"]

_PER_FEN = 100_000_000  # prices are millionths of a yuan, quantities 1/10000
_MILLION = 1_000_000


def alone(rule: Rule) -> More | None:
    """The condition of a rule that looks at each row, or at each visit with its lines, by itself; None of another."""
    check, kernel = rule.check, rule.kernel
    if kernel == "K15" and check.form != "unique":
        return _asked(rule, _valid)
    if kernel == "K09" and check.form == "line_in_stay":
        return _asked(rule, lambda work, rule, now: line_in_stay_of(work, rule, now.lines(work)))
    if kernel == "K09" and check.form == "around_operation":
        return _asked(
            rule, lambda work, rule, now: around_operation_of(work, rule, now.lines(work, work.item_mask(rule)))
        )
    if kernel == "K09" and check.form == "idle":
        return _asked(rule, _idle)
    if kernel == "K03":
        return _dear(rule)
    if kernel == "K11" and "full_price" in rule.tables:
        return _beyond_rank(rule)
    of_visit = kernel == "K06" and check.combine == "all" and check.group == check.subject == "visit"
    if of_visit and not isinstance(check.cap, FactorOf) and not check.cap.column:
        return _visit_total(rule)
    return None


def _asked(rule: Rule, kernel: Callable[[Work, Rule, Now], dict[str, Any]]) -> More:
    """The kernel finds something among the current rows of the visits that the screen leaves to the rule."""

    def finds(work: Work, now: Now) -> bool:
        try:
            return bool(len(kernel(work, rule, now)["measure"]))
        except (ValueError, TypeError):
            return True  # the rule comes to it too, and tells

    return finds


def _valid(work: Work, rule: Rule, now: Now) -> dict[str, Any]:
    on = rule.check.on
    return VALID[rule.check.form](work, rule, now.visits() if on == "visits" else now.given_lines(work), on)


def _idle(work: Work, rule: Rule, now: Now) -> dict[str, Any]:
    """Against idleness stand only lines that are among the items on every day, and those of which it is not known: visits with these have no finding."""
    items, batch = rule.items, work.batch
    if items.all:
        return idle_of(work, rule, now.visits(), now.lines(work))
    if items.table is not None:
        return idle_of(work, rule, now.visits(), now.rows[:0])
    if items.list_type is None and items.med_chrgitm_type is None:
        return idle_of(work, rule, now.visits(), now.lines(work, work.item_mask(rule)))
    sure = work.kept_once(f"sure {name_of(items)}", lambda: surely_of_class(batch.catalog, items))
    return idle_of(work, rule, now.visits(), now.lines(work, sure[work.catalogue_item]))


def _least(table: Any, values: Any) -> dict[str, int]:
    """The least value of each item over all rows of a table."""
    least: dict[str, int] = {}
    for key, value in zip(table.columns[table.key[0]], values.tolist()):
        least[key] = min(least.get(key, value), value)
    return least


def _dear(rule: Rule) -> More | None:
    """A line's price is beyond the least ceiling of its item."""
    if rule.table is None:
        return None
    ceilings = _least(rule.table, rule.numbers["ceiling"])
    never = np.iinfo(np.int64).max

    def dear(work: Work, now: Now) -> bool:
        names, item = work.item_names, work.batch.item
        rows = [row for row in now.lines(work).tolist() if item[row] >= 0 and names[item[row]] in ceilings]
        most = [ceilings.get(names[item[row]], never) for row in rows]
        return bool(rows) and bool((work.prices(np.array(rows, np.int32)) > most).any())

    return dear


def _beyond_rank(rule: Rule) -> More | None:
    """A line costs more than its full price by the rank that it may have: the first, where no other line of its groups is in its place."""
    factors = [factor.value for factor in rule.check.factors]
    groups: dict[str, set[int]] = {}
    table = rule.table
    if table is None:
        return None
    for key, group in zip(table.columns[table.key[0]], rule.cells["operation_group"].tolist()):
        groups.setdefault(key, set()).add(group)

    def beyond(work: Work, now: Now) -> bool:
        batch, names = work.batch, work.item_names
        batch, names = work.batch, work.item_names
        rows = now.lines(work, work.item_mask(rule))
        place, lost = same_place(work, rule.check.same, rows)
        rows, place = rows[~lost], place[~lost].tolist()
        items, visits = [names[item] for item in batch.item[rows].tolist()], batch.line_visit[rows].tolist()
        where = [
            [(visit, at, group) for group in groups.get(item, ())] for item, visit, at in zip(items, visits, place)
        ]
        count = Counter(one for mine in where for one in mine)
        prices = full_price(work, rule, rows).tolist() if len(rows) else []
        for mine, price, quantity, amount in zip(
            where, prices, work.quantity[rows].tolist(), work.amount[rows].tolist()
        ):
            factor = min(factors) if any(count[one] > 1 for one in mine) else factors[0]
            # Half a fen may be lost in rounding.
            if price != NULL_INT and (2 * amount + 1) * _PER_FEN * _MILLION > 2 * price * quantity * factor:
                return True
        return False

    return beyond


def _visit_total(rule: Rule) -> More | None:
    """What the lines of a visit come to is beyond the cap."""
    check = rule.check
    if check.comparator not in ("more_than", "at_least"):
        return None
    least = check.cap.value - (check.comparator == "at_least")

    def beyond(work: Work, now: Now) -> bool:
        rows = now.lines(work, work.item_mask(rule))
        if not len(rows):
            return False
        counted = (
            np.full(len(rows), 1) if check.measure == "count" else np.maximum(getattr(work, check.measure)[rows], 0)
        )
        sums = np.zeros(work.batch.visits.rows, np.int64)
        np.add.at(sums, work.batch.line_visit[rows], counted)
        return bool((sums > least).any())

    return beyond
