"""A rule at many values of one of its figures, in as few scans as are honest.

Where the measure of a finding alone decides for which values it stands, one scan at the easiest value finds everything that any value
finds. Where the parts of a bucket's lines follow from its sum, they are cut anew from that scan. Windows have a kernel of their own. For
the rest the rows are chosen once and the kernel scans them once a value.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from ..columns.convert import NULL_INT
from ..policy.paths import RawPath
from .bounds import with_bound
from .linechecks import AgeTest, ColumnMap
from .rule import Rule
from .run.found import OFFENDING, Hits, Raw, hits_of
from .run.runner import raw_of
from .run.scope import YES
from .run.time_rules import OF_VISITS, window_events, window_measure, window_span
from .run.work import Chosen, Work

__all__ = ["Picked", "Tried", "tried"]

Int64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Tell = Callable[[int, int], None]
HOUR = 3_600_000_000
RISING = ("more_than", "at_least")


@dataclass
class Tried:
    """One entry a value, rising: findings, lines and visits that offend, persons of these, fen; and the scans that it took."""

    hits: Int64
    lines: Int64
    visits: Int64
    persons: Int64
    vola_amt: Int64
    scans: int


class Picked(Work):
    """A batch made ready whose rows are chosen once for a rule, or only among some lines and visits."""

    def __init__(self, work: Work, lines: Mask | None = None, visits: Mask | None = None) -> None:
        self.__dict__.update(work.__dict__)
        self._chosen: dict[Any, Chosen] = {}
        self._of_lines, self._of_visits = lines, visits

    def lines(self, rule: Rule, given: bool = False, among: Any = None) -> Chosen:
        """As `Work.lines`."""
        if among is not None:
            return super().lines(rule, given, among)
        if given not in self._chosen:
            rows = None if self._of_lines is None else self._kept(self.order if given else self.rows, self._of_lines)
            self._chosen[given] = super().lines(rule, given, rows)
        return dataclasses.replace(self._chosen[given])

    def visits(self, rule: Rule) -> Chosen:
        """As `Work.visits`."""
        if "visits" not in self._chosen:
            found = super().visits(rule)
            self._chosen["visits"] = found if self._of_visits is None else self._some(found, self._of_visits)
        return dataclasses.replace(self._chosen["visits"])

    @staticmethod
    def _some(found: Chosen, mask: Mask) -> Chosen:
        rows = found.rows[mask[found.rows]]
        return Chosen(rows, None, len(rows), 0)

    @staticmethod
    def _kept(rows: Any, mask: Mask) -> Int64:
        return rows[mask[rows]]


def tried(work: Work, rule: Rule, path: RawPath, values: Int64, denied: Mask, before: bool, tell: Tell) -> Tried:
    """The rule at each of some rising values of the figure at `path`."""
    run = _Run(Picked(work), rule, path, values, denied, before, tell)
    judge = _judge(rule, path)
    if judge is not None:
        return run.by_measure(judge)
    whole = before and bool(work.batch.history.any())
    if (
        not whole
        and rule.amount in ("none", "whole_line", "excess_qty")
        and getattr(rule.check, "comparator", "") in RISING
    ):
        if rule.kernel == "K06" and path != ("cap", "factor"):
            return run.of_buckets()
        if rule.kernel == "K12" and path == ("value",):
            return run.of_items()
    if not whole and rule.kernel == "K07" and _plain_windows(rule):
        return run.of_windows()
    return run.by_scans()


# --- what decides -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Judge:
    """`measure` of findings compares with a value × `scale` as the comparator says; `rounded`: a measure that is the value may be either."""

    comparator: str
    measure: Callable[[Hits], Int64]
    scale: int = 1
    rounded: bool = False


def _own(hits: Hits) -> Int64:
    return hits.measure


def _beyond(hits: Hits) -> Int64:
    return hits.measure - hits.limit


def _apart(hits: Hits) -> Int64:
    return np.abs(hits.measure - hits.limit)


def _judge(rule: Rule, path: RawPath) -> _Judge | None:
    """What alone decides whether a finding stands, and leaves its rows and money as they are; None: nothing does."""
    check, kernel, form = rule.check, rule.kernel, rule.form
    if kernel == "K01":
        tests = list(check.barred.map.values()) if isinstance(check.barred, ColumnMap) else [check.barred]
        only = tests[0] if len(tests) == 1 else None
        return _Judge(only.comparator, _own) if isinstance(only, AgeTest) else None
    if kernel == "K03":
        return _Judge("more_than", _beyond)
    if kernel == "K04":
        return _Judge("at_least", _own)
    if kernel in ("K06", "K12"):
        falling = path != ("cap", "factor") and getattr(check, "comparator", "") in ("less_than", "at_most")
        plain = falling and path in (("cap",), ("value",))
        return _Judge(check.comparator, _own) if plain else None
    if kernel == "K08":
        return _Judge(check.comparator, _own) if len(check.zones) == 1 else None
    if kernel == "K09":
        return _SPANS.get((form, path[-1]))
    if kernel == "K10":
        return _Judge(check.comparator, _own, rounded=True) if form == "daily_dose" else None
    if kernel == "K13":
        return _Judge(check.test.comparator, _own, rounded=True)
    if kernel == "K15":
        return _Judge(check.comparator, _own, HOUR) if form == "delay" else _Judge("more_than", _apart, rounded=True)
    return None


_SPANS: dict[tuple[str, Any], _Judge] = {
    **{(form, name): _Judge("more_than", _own) for form, name in (("overlap", "grace"), ("after_death", "grace"), ("idle", "value"), ("unsettled", "days"))},
    ("before_admission", "days"): _Judge("at_most", _own),
}  # fmt: skip


def _plain_windows(rule: Rule) -> bool:
    """One value a window, and money that an event moves by itself."""
    check = rule.check
    by_event = rule.amount in ("none", "whole_line", "excess_qty") or (
        rule.amount == "visit_total" and check.measure in OF_VISITS
    )
    return by_event and all(len(window.thresholds) == 1 for window in check.windows)


# --- the ways to answer -----------------------------------------------------------------------------------------------


class _Run:
    """A rule, the place of the figure and its rising values. The easiest value is the one that hits most."""

    def __init__(
        self, work: Picked, rule: Rule, path: RawPath, values: Int64, denied: Mask, before: bool, tell: Tell
    ) -> None:
        self.work, self.rule, self.path, self.values = work, rule, path, values
        self.denied, self.before, self.tell = denied, before, tell

    def raw(self, value: Any) -> Raw:
        return raw_of(self.work, with_bound(self.rule, self.path, int(value)), self.denied)

    def hits(self, value: Any) -> Hits:
        return hits_of(self.work, with_bound(self.rule, self.path, int(value)), self.raw(value), self.before)

    def by_scans(self) -> Tried:
        """The kernel over the chosen rows once a value."""
        counts = []
        for done, value in enumerate(self.values.tolist()):
            counts.append(self._counted(self.hits(value)))
            self.tell(done + 1, len(self.values))
        hits, lines, visits, persons, amount = np.array(counts, np.int64).T
        return Tried(hits, lines, visits, persons, amount, len(self.values))

    def _counted(self, hits: Hits) -> tuple[int, int, int, int, int]:
        own = hits.part == OFFENDING
        lines, visits = (np.unique(hits.row[own & of]) for of in (hits.is_line, ~hits.is_line))
        persons = np.unique(self.work.batch.psn[np.concatenate((self.work.batch.line_visit[lines], visits))])
        return len(hits), len(lines), len(visits), len(persons), int(hits.amount[own].sum())

    def by_measure(self, judge: _Judge) -> Tried:
        """One scan at the easiest value; where a rounded measure is one of the values, that value is scanned too."""
        rising = judge.comparator in RISING
        hits = self.hits(self.values[0] if rising else self.values[-1])
        measure = judge.measure(hits)
        reach = self._reach(measure, judge.comparator, judge.scale)
        own = hits.part == OFFENDING
        of = hits.finding[own]
        amount = np.zeros(len(hits), np.int64)
        np.add.at(amount, of, hits.amount[own])
        found = self._gathered(reach, reach[of], hits.row[own], hits.is_line[own], _suffix(reach, len(self.values), amount), rising)  # fmt: skip
        doubtful = np.flatnonzero(np.isin(self.values, measure)) if judge.rounded else np.zeros(0, np.int64)
        for done, k in enumerate(doubtful.tolist()):
            counts = self._counted(self.hits(self.values[k]))
            for name, count in zip(("hits", "lines", "visits", "persons", "vola_amt"), counts):
                getattr(found, name)[k] = count
            self.tell(done + 1, len(doubtful))
        found.scans += len(doubtful)
        return found

    def _reach(self, measure: Int64, comparator: str, scale: int = 1) -> Int64:
        """For how many values, from the easiest, each measure compares."""
        values, size = self.values * scale, len(self.values)
        side: Any = "left" if comparator in ("more_than", "at_most") else "right"
        below = np.searchsorted(values, measure, side)
        return below if comparator in RISING else size - below

    def _gathered(
        self, reach: Int64, row_reach: Int64, row: Int64, is_line: Mask, amount: Int64, rising: bool
    ) -> Tried:
        """Counts from the reach of findings and of their offending rows; `amount` by value, the easiest first."""
        batch, size = self.work.batch, len(self.values)
        lines = np.zeros(len(batch.line_visit), np.int64)
        visits = np.zeros(batch.visits.rows, np.int64)
        np.maximum.at(lines, row[is_line], row_reach[is_line])
        np.maximum.at(visits, row[~is_line], row_reach[~is_line])
        persons = np.zeros(len(batch.psn_ids), np.int64)
        visit = row.copy()
        visit[is_line] = batch.line_visit[row[is_line]]
        np.maximum.at(persons, batch.psn[visit], row_reach)
        columns = [_suffix(of, size) for of in (reach, lines, visits, persons)] + [amount]
        hits, rows, stays, people, money = (column if rising else column[::-1].copy() for column in columns)
        return Tried(hits, rows, stays, people, money, 1)

    # K06 and K12: from one scan, the parts of the lines for every value

    def of_buckets(self) -> Tried:
        """K06: what is beyond the cap is laid on the lines of the bucket in turn, so each has a value up to which it carries some."""
        check, first = self.rule.check, int(self.values[0])
        raw = self.raw(first)
        f = raw.found
        excess = f["measure"] - f["limit"] + (check.comparator == "at_least")
        event, of, part = self._offending(f)
        size = np.where(f["excess"][part] == -1, 1, f["excess"][part])
        # What lines before it in turn carry.
        turn = np.arange(len(of)) if check.allocate == "last_paid" else np.arange(len(of))[::-1]
        run = np.cumsum(size[turn])
        of_turn = of[turn]
        start = np.flatnonzero(np.diff(of_turn, prepend=-1))
        base = np.repeat((run - size[turn])[start], np.diff(np.append(start, len(of_turn))))
        before = np.empty(len(of), np.int64)
        before[turn] = run - size[turn] - base
        top = first + excess[of] - before  # it carries min(top - value, size)
        row = raw.rows[event]
        counted = check.measure == "count"
        amount = self._parts(row, top, size, self._reach(top, "more_than"), counted, check.measure == "amount")
        return self._gathered(
            self._reach(first + excess, "more_than"), self._reach(top, "more_than"), row, np.ones(len(row), bool), amount, True
        )  # fmt: skip

    def of_items(self) -> Tried:
        """K12: items are numbered as they appear, and the lines of those beyond offend."""
        raw = self.raw(self.values[0])
        f = raw.found
        finding = np.repeat(np.arange(len(f["measure"])), np.diff(f["details"]))
        item = self.work.batch.item[raw.rows[f["event"]]].astype(np.int64)
        key = finding * (len(self.work.batch.item_ids) + 1) + item
        _, first, back = np.unique(key, return_index=True, return_inverse=True)
        new = np.zeros(len(key), np.int64)
        new[first] = 1
        number = (np.cumsum(new) - 1)[first][back.reshape(-1)]
        begin = f["details"][:-1]
        number = number - (np.cumsum(new) - new)[begin][finding] + 1 if len(key) else number
        event, _, part = self._offending(f)
        row = raw.rows[event]
        reach = self._reach(number[part], self.rule.check.comparator)
        amount = self._parts(row, number[part], np.ones(len(row), np.int64), reach, True, False)
        return self._gathered(
            self._reach(f["measure"], self.rule.check.comparator), reach, row, np.ones(len(row), bool), amount, True
        )

    @staticmethod
    def _offending(f: dict[str, Any]) -> tuple[Int64, Int64, Int64]:
        """(event, finding, place) of the details that offend."""
        part = np.flatnonzero(f["part"] == OFFENDING)
        finding = np.repeat(np.arange(len(f["measure"])), np.diff(f["details"]))
        return f["event"][part].astype(np.int64), finding[part], part

    def _parts(self, row: Int64, top: Int64, size: Int64, reach: Int64, whole: bool, money: bool) -> Int64:
        """Fen of all lines at each value: a line that carries `size` up to top - size, and less and less up to top."""
        work, rule, values, many = self.work, self.rule, self.values, len(self.values)
        net, quantity = work.amount[row], work.quantity[row]
        if rule.amount == "none":
            return np.zeros(many, np.int64)
        if rule.amount == "whole_line" or whole:
            return _suffix(reach, many, net if rule.amount == "whole_line" or not whole else np.maximum(net, 0))
        c = np.ascontiguousarray

        def fen(at: Int64, beyond: Int64) -> Int64:
            shares: Int64 = beyond if money else _core.check_shares(c(np.maximum(net[at], 0)), c(np.maximum(quantity[at], 0)), c(beyond))  # fmt: skip
            return shares

        full = np.minimum(np.searchsorted(values, top - size, "right"), reach)
        every = np.arange(len(row))
        out = _suffix(full, many, fen(every, size))
        less = reach - full
        at = np.repeat(every, less)
        k = full[at] + np.arange(len(at)) - np.repeat(np.cumsum(less) - less, less)
        np.add.at(out, k, fen(at, top[at] - values[k]))
        return out

    # K07: a kernel of its own

    def of_windows(self) -> Tried:
        """K07: one scan of the window for all values, and one of each other window at its own."""
        work, rule, check = self.work, self.rule, self.rule.check
        chosen, order, begin, day = window_events(work, rule)
        rows = chosen.rows if order is None else chosen.rows[order]
        of_visits = check.measure in OF_VISITS
        measure, value, key, keys = window_measure(work, rule, rows)
        rising, many = check.comparator in RISING, len(self.values)
        money = self._money(rows, of_visits)
        # Money without quantity is all of it excess; the kernel shares by quantity.
        shared = rule.amount == "excess_qty" and check.measure == "quantity" and rising
        bare = np.where(value <= 0, money, 0) if shared else None
        hits, amount = np.zeros(many, np.int64), np.zeros(many, np.int64)
        reach = np.zeros(len(rows), np.int64)
        c = np.ascontiguousarray
        for w, window in enumerate(check.windows):
            mine = self.path[1] == w
            values = self.values if mine else np.array([window.thresholds[0].value.value], np.int64)
            month, first = window.starts or (1, 1)
            found = _core.check_window_replay(
                begin, c(day), value, key, self._judged(window.thresholds[0].scope, rows, of_visits), measure, check.comparator,
                [window_span(check, window)], values, money, rule.amount == "excess_qty", keys, month * 100 + first, work.threads,
            )  # fmt: skip
            hits += found["hits"][0]
            amount += found["amount"][0]
            if bare is not None:
                amount += _suffix(found["reach"][0].astype(np.int64), len(values), bare)
            np.maximum(reach, found["reach"][0] if mine else found["reach"][0] * many, out=reach)
            self.tell(w + 1, len(check.windows))
        lines = np.full(len(rows), not of_visits)
        out = self._gathered(np.zeros(0, np.int64), reach, rows, lines, amount if rising else amount[::-1], rising)
        if rule.amount == "visit_total":
            size = np.bincount(work.batch.line_visit[work.rows], minlength=work.batch.visits.rows)[rows]
            taken = _suffix(reach, many, size)
            out.lines = taken if rising else taken[::-1].copy()
        out.hits, out.scans = hits, len(check.windows)
        return out

    def _judged(self, scope: Any, rows: Int64, of_visits: bool) -> Any:
        """0 for events that a threshold judges, -1 for others; None: all."""
        if not scope:
            return None
        scopes, kinds = self.work.scopes, self.rule.visit_kinds
        truth = scopes.truth(scope, kinds)[rows] if of_visits else scopes.of_lines(scope, kinds, rows)
        return np.where(truth == YES, 0, -1).astype(np.int32)

    def _money(self, rows: Int64, of_visits: bool) -> Int64:
        """Fen that each event moves by itself."""
        work, amount = self.work, self.rule.amount
        if amount == "none" or (of_visits and amount != "visit_total"):
            return np.zeros(len(rows), np.int64)
        if not of_visits:
            plain = amount == "whole_line" or self.rule.check.measure == "amount"
            return np.ascontiguousarray(work.amount[rows] if plain else np.maximum(work.amount[rows], 0))
        total = np.zeros(work.batch.visits.rows, np.int64)
        np.add.at(total, work.batch.line_visit[work.rows], work.amount[work.rows])
        given = work.batch.visits.ints("medfee_sumamt")
        bare = ~work.has_line & (given != NULL_INT)
        total[bare] = given[bare]
        return total[rows]


def _suffix(reach: Int64, size: int, weight: Int64 | None = None) -> Int64:
    """At each value, the easiest first: how many reach it, or the sum of their weights."""
    out = np.zeros(size + 1, np.int64)
    np.add.at(out, reach, 1 if weight is None else weight)
    return out[::-1].cumsum()[::-1][1:].copy()
