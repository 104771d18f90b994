"""K13: indicators of institutions, doctors and departments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ... import _core
from ...columns.convert import NULL_INT
from ..rule import Rule
from .found import Raw
from .given import DAY
from .line_rules import c
from .scope import YES
from .shapes import kept
from .work import Work

__all__ = ["cells_name", "ratio"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
SCALE = {"amount": 100, "quantity": 10_000}
MILLION = 1_000_000


def ratio(work: Work, rule: Rule) -> Raw:
    """K13."""
    check = rule.check
    axis, number, (top, base) = work.of_rule("sums", lambda: _sums(work, rule))
    cells = axis.cells(number)
    up, down = MILLION * SCALE.get(check.denominator.measure, 1), SCALE.get(check.numerator.measure, 1)
    least = check.min_sample.value
    test = check.test
    lost = 0
    if test.kind == "fixed":
        at = np.arange(len(cells))
        found = _core.check_ratio_fixed(
            c(top), c(base), test.comparator, test.value.value, up, down, least, work.threads
        )
    elif test.kind == "change":
        at = np.arange(len(cells))
        found = _core.check_ratio_change(
            c(top),
            c(base),
            _before(number, cells, axis),
            test.comparator,
            test.value.value,
            up,
            down,
            least,
            work.threads,
        )
    else:
        group = work.of_rule("peers", lambda: _peer_groups(work, rule, number, axis))
        lost = int(np.count_nonzero(group < 0))
        at = np.flatnonzero(group >= 0)
        at = at[np.lexsort((group[at], cells[at, 2]))]
        key = group[at] + cells[at, 2] * (int(group.max(initial=0)) + 1)
        begin = (
            np.append(np.flatnonzero(np.diff(key, prepend=key[0] - 1 if len(key) else 0)), len(key)).astype(np.int64)
            if len(key)
            else np.zeros(1, np.int64)
        )
        found = _core.check_ratio_peer(
            c(top[at]),
            c(base[at]),
            begin,
            test.statistic,
            test.comparator,
            test.value.value,
            up,
            down,
            least,
            work.threads,
        )
    return _raw(work, rule, cells, at, found, lost)


def _sums(work: Work, rule: Rule) -> tuple[Axis, Int64, list[Int64]]:
    """(every unit and period, the numbers of those that occur, numerator and denominator of these)."""
    check = rule.check
    axis = _axis(work, check.by, check.period)
    sides = [_side(work, rule, side, axis) for side in (check.numerator, check.denominator)]
    there = np.zeros(axis.size, bool)
    for key, _ in sides:
        there |= _core.check_tally(key, None, axis.size) > 0
    number = np.flatnonzero(there)
    return axis, number, [_core.check_tally(key, counted, axis.size)[number] for key, counted in sides]


def _raw(work: Work, rule: Rule, cells: Int64, at: Int64, found: dict[str, Any], lost: int) -> Raw:
    """Findings name the unit and period, and no rows."""
    batch, check = work.batch, rule.check
    cell = cells[at[found["event"]]] if len(found["event"]) else np.zeros((0, 3), np.int64)
    size = len(cell)
    found = kept(found, np.ones(size, bool))
    for name in ("event", "part", "excess"):
        found[name] = found[name][:0]
    found["details"] = np.zeros(size + 1, np.int64)
    begin, end = _bounds(check.period, cell[:, 2])
    found["begin"], found["end"] = begin, end
    found["entry"] = np.full(size, -1, np.int32)
    hospitals, doctors = batch.hospital_ids.to_pylist(), batch.doctor_ids.to_pylist()
    departments = work.departments[2] if check.by == "department" else []
    first, second = cell[:, 0].tolist(), cell[:, 1].tolist()
    raw = Raw(found, np.zeros(0, np.int64), "units", len(cells), lost)
    if check.by == "doctor":
        raw.what = [str(doctors[a]) for a in first]
        raw.unit_doctor, raw.unit_hospital = [doctors[a] for a in first], [None] * size
    else:
        raw.unit_hospital, raw.unit_doctor = [hospitals[a] for a in first], [None] * size
        raw.what = [
            str(hospitals[a]) + (f"|{departments[b]}" if check.by == "department" else "")
            for a, b in zip(first, second)
        ]
    return raw


def _period(period: str, day: Any) -> Int64:
    """Number of the period of each day; 0 for all."""
    if period == "all":
        return np.zeros(len(day), np.int64)
    month = day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return month // {"month": 1, "quarter": 3, "year": 12}[period]


def _bounds(period: str, number: Int64) -> tuple[Int64, Int64]:
    """First microsecond of a period, and the one after the last."""
    if period == "all":
        none = np.full(len(number), NULL_INT)
        return none, none
    months = {"month": 1, "quarter": 3, "year": 12}[period]
    days = [(number + step) * months for step in (0, 1)]
    first, last = (d.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64) * DAY for d in days)
    return first, last


@dataclass(frozen=True)
class Axis:
    """Units and periods as one dense number: (first * seconds + second) * periods + period - earliest."""

    first: int
    seconds: int
    earliest: int
    periods: int

    @property
    def size(self) -> int:
        """How many numbers there may be."""
        return self.first * self.seconds * self.periods

    def cells(self, number: Int64) -> Int64:
        """(first, second, period) of each number."""
        unit, period = np.divmod(number, self.periods)
        return np.stack((unit // self.seconds, unit % self.seconds, period + self.earliest), axis=1)

    def numbers(self, first: Int32, second: Int32 | None, period: Int32) -> Int32:
        """The number of each row; -1 where the unit is not known."""
        unit = first
        if second is not None:
            unit = first * np.int32(self.seconds) + second
            unit[(first < 0) | (second < 0)] = -1
        # Of unit -1 every period comes to less than 0.
        number = unit * np.int32(self.periods)
        number += period
        return np.maximum(number, np.int32(-1), out=number)


def _edges(work: Work) -> Int64:
    """First and last day of lines and visits that stand."""
    batch = work.batch
    kept = ((batch.line_day, work.standing), (batch.begin_day, batch.stands))
    most, least = np.iinfo(np.int32).max, np.iinfo(np.int32).min
    parts = [(day.min(where=own, initial=most), day.max(where=own, initial=least)) for day, own in kept if own.any()]
    return np.array(parts or [(0, 0)], np.int64)


def _axis(work: Work, by: str, period: str) -> Axis:
    """Every unit and every period of the lines and visits that stand."""
    batch = work.batch
    _, _, departments = work.departments if by == "department" else (None, None, [""])
    first = len(batch.doctor_ids if by == "doctor" else batch.hospital_ids)
    edges = work.once("edges", lambda: _edges(work))
    low, high = _period(period, np.array([edges.min(), edges.max()])).tolist()
    return Axis(max(1, first), max(1, len(departments)), low, high - low + 1)


def _numbers(work: Work, check: Any, axis: Axis, rows: Any, on: str, visit: Any, day: Any) -> Int32:
    """The number of the unit and period of some lines or visits."""
    batch = work.batch
    edges = work.once("edges", lambda: _edges(work))
    low, high = int(edges.min()), int(edges.max())
    of_day = (_period(check.period, np.arange(low, high + 1)) - axis.earliest).astype(np.int32)
    period = _core.taken(of_day, np.clip(day, low, high) - np.int32(low), work.threads)
    if check.by == "doctor":
        return axis.numbers(batch.doctor[rows] if on == "lines" else batch.attending[rows], None, period)
    hospital = work.at(batch.hospital, visit)
    if check.by == "institution":
        return axis.numbers(hospital, None, period)
    of_lines, of_visits, _ = work.departments
    return axis.numbers(hospital, of_lines[rows] if on == "lines" else of_visits[rows], period)


def cells_name(check: Any) -> str:
    """What the numbers of all lines are held as."""
    return f"cells {check.by} {check.period}"


def _all_lines(work: Work, check: Any, axis: Axis) -> Int32:
    """Those of every line by input row; -1 also of lines that do not stand."""

    def make() -> Int32:
        batch = work.batch
        number = _numbers(work, check, axis, slice(None), "lines", batch.line_visit, batch.line_day)
        number[~work.standing] = -1
        return number

    numbers: Int32 = work.once(cells_name(check), make)
    return numbers


def _side(work: Work, rule: Rule, side: Any, axis: Axis) -> tuple[Int32, Any]:
    """(unit and period of each event, -1 unknown; what it counts, None: one each)."""
    batch, check, kinds = work.batch, rule.check, rule.visit_kinds
    on = "visits" if side.measure in ("visits", "days") else "lines"
    if on == "lines":
        lines = work.maybe(rule, side.items)
        _, among = work.among(rule, lines, side.items)
        if among is not None and (among != YES).any():
            lines = lines.only(among == YES)
        for scope in (work.scope_of(rule), side.scope):
            if scope:
                visit = work.of(lines, "visit")
                lines = lines.only(work.scopes.of_lines(scope, kinds, lines.rows, visit) == YES)
        if not work.always(rule):
            held = work.when(rule, np.full(len(lines.rows), YES, np.uint8), work.of(lines, "day"))
            lines = lines.only(held == YES)
        number = _all_lines(work, check, axis)
        counted = work.given(side.measure) if side.measure in ("amount", "quantity") else None
        if lines.whole:
            return number, counted
        return work.at(number, lines.rows), None if counted is None else work.at(counted, lines.rows)
    rows, _ = batch.visit_order
    inside = work.when(rule, work.scopes.truth(work.scope_of(rule), kinds)[rows], batch.begin_day[rows]) == YES
    rows = rows[inside & (work.scopes.truth(side.scope, kinds)[rows] == YES)]
    if not side.items.all:
        rows = rows[work.visits_with(rule, side.items)[rows] == YES]
    counted = work.stay_days[rows].astype(np.int64) if side.measure == "days" else None
    return _numbers(work, check, axis, rows, "visits", rows, batch.begin_day[rows]), counted


def _before(number: Int64, cells: Int64, axis: Axis) -> Int32:
    """The cell of the same unit one period earlier; -1 none."""
    place = np.full(axis.size + 1, -1, np.int32)
    place[number] = np.arange(len(number), dtype=np.int32)
    return np.where(cells[:, 2] > axis.earliest, place[number - 1], -1).astype(np.int32)


def _first_visits(work: Work, check: Any, number: Int64, axis: Axis) -> Int64:
    """The first visit of each cell's unit in its period, by begin and id; -1 none. A line counts as its visit."""
    batch = work.batch
    order, _ = batch.visit_order
    cell = _numbers(work, check, axis, order, "visits", order, batch.begin_day[order])
    visit = order
    if check.by != "institution":
        lines = work.ordered("visit")
        of_lines = _numbers(work, check, axis, work.rows, "lines", lines, batch.begin_day[lines])
        cell, visit = np.concatenate((cell, of_lines)), np.concatenate((visit, lines))
    cell, visit = cell[cell >= 0], visit[cell >= 0]
    begin = np.full(axis.size, np.iinfo(np.int64).max)
    np.minimum.at(begin, cell, batch.begin[visit])
    tied = batch.begin[visit] == begin[cell]
    pairs = np.unique(cell[tied].astype(np.int64) * (batch.visits.rows + 1) + visit[tied])
    tied_cell, tied_visit = np.divmod(pairs, batch.visits.rows + 1)
    by, cut = work.by_key(tied_cell, axis.size, tied_visit, "visits")
    first = by[cut[:-1]]
    earliest = np.full(axis.size, -1, np.int64)
    earliest[tied_cell[first]] = tied_visit[first]
    return earliest[number]


def _peer_groups(work: Work, rule: Rule, number: Int64, axis: Axis) -> Int64:
    """Number of the peer group of each cell: the attributes of the unit's first visit in the period; -1 unknown."""
    check = rule.check
    earliest = _first_visits(work, check, number, axis)
    out = np.zeros(len(number), np.int64)
    for name in check.test.group:
        codes, texts = work.scopes.text("med_type" if name == "visit_kind" else name)
        place: dict[str, int] = {}
        lut = np.array([place.setdefault(text, len(place)) if text else -1 for text in texts], np.int64)
        own = (
            np.where(earliest >= 0, lut[codes[np.maximum(earliest, 0)]], -1) if len(texts) else np.full(len(number), -1)
        )
        out = np.where((out < 0) | (own < 0), -1, out * (len(place) + 1) + own)
    return np.where(earliest < 0, -1, out)
