"""K13: indicators of institutions, doctors and departments."""

from __future__ import annotations

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

__all__ = ["ratio"]

Int64 = npt.NDArray[np.int64]
SCALE = {"amount": 100, "quantity": 10_000}
MILLION = 1_000_000


def ratio(work: Work, rule: Rule) -> Raw:
    """K13."""
    check = rule.check
    sides = [_side(work, rule, side) for side in (check.numerator, check.denominator)]
    cells = (
        np.unique(np.concatenate([cell for cell, _ in sides]), axis=0)
        if sum(len(s[0]) for s in sides)
        else np.zeros((0, 3), np.int64)
    )
    top, base = (_total(cells, *side) for side in sides)
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
            c(top), c(base), _before(cells), test.comparator, test.value.value, up, down, least, work.threads
        )
    else:
        group = _peer_groups(work, rule, cells)
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
    departments = work.departments[2]
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


def _units(work: Work, by: str, rows: Int64, on: str) -> tuple[Int64, Int64]:
    """(first, second) number of the unit of each row; -1 is unknown."""
    batch = work.batch
    visit = batch.line_visit[rows] if on == "lines" else rows
    hospital = batch.hospital[visit].astype(np.int64)
    if by == "institution":
        return hospital, np.zeros(len(rows), np.int64)
    if by == "doctor":
        return (batch.doctor[rows] if on == "lines" else batch.attending[visit]).astype(np.int64), np.zeros(
            len(rows), np.int64
        )
    of_lines, of_visits, _ = work.departments
    return hospital, (of_lines[rows] if on == "lines" else of_visits[visit]).astype(np.int64)


def _side(work: Work, rule: Rule, side: Any) -> tuple[Int64, Int64]:
    """(unit and period of each event, what it counts)."""
    batch, check = work.batch, rule.check
    on = "visits" if side.measure in ("visits", "days") else "lines"
    kinds = rule.visit_kinds
    if on == "lines":
        rows = work.rows
        mask = work.item_mask(rule, side.items)
        if mask is not None:
            rows = rows[mask[batch.item[rows]]] if len(mask) else rows[:0]
        rows = rows[
            work.when(rule, work.scopes.of_lines(work.scope_of(rule), kinds, rows), batch.line_day[rows]) == YES
        ]
        rows = rows[work.scopes.of_lines(side.scope, kinds, rows) == YES]
        rows = rows[work.among(rule, rows, side.items)[1] == YES]
        day = batch.line_day[rows]
        value = {"amount": work.amount, "quantity": work.quantity}.get(side.measure)
        counted = np.ones(len(rows), np.int64) if value is None else value[rows]
    else:
        rows, _ = batch.visit_order
        inside = work.when(rule, work.scopes.truth(work.scope_of(rule), kinds)[rows], batch.begin_day[rows]) == YES
        rows = rows[inside & (work.scopes.truth(side.scope, kinds)[rows] == YES)]
        if not side.items.all:
            has = np.zeros(batch.visits.rows, bool)
            inside = work.among(rule, work.rows, side.items)[1] == YES
            has[batch.line_visit[work.rows[inside]]] = True
            rows = rows[has[rows]]
        day = batch.begin_day[rows]
        counted = work.stay_days[rows].astype(np.int64) if side.measure == "days" else np.ones(len(rows), np.int64)
    first, second = _units(work, check.by, rows, on)
    known = (first >= 0) & (second >= 0)
    cell = np.stack((first, second, _period(check.period, day)), axis=1)[known]
    return cell.reshape(-1, 3), counted[known]


def _total(cells: Int64, cell: Int64, counted: Int64) -> Int64:
    """Sum of what the events of each cell count."""
    out = np.zeros(len(cells), np.int64)
    if len(cell):
        np.add.at(out, _places(cells, cell), counted)
    return out


def _places(cells: Int64, cell: Int64) -> Int64:
    """Place of each cell among the sorted ones."""
    width = np.maximum(cells.max(axis=0), cell.max(axis=0)) - np.minimum(cells.min(axis=0), cell.min(axis=0)) + 1
    low = np.minimum(cells.min(axis=0), cell.min(axis=0))

    def packed(values: Int64) -> Int64:
        parts = values - low
        return (parts[:, 0] * width[1] + parts[:, 1]) * width[2] + parts[:, 2]

    return np.searchsorted(packed(cells), packed(cell))


def _before(cells: Int64) -> Any:
    """The cell of the same unit one period earlier; -1 none."""
    if not len(cells):
        return np.zeros(0, np.int32)
    earlier = cells - np.array([0, 0, 1])
    at = np.minimum(_places(cells, earlier), len(cells) - 1)
    return np.where((cells[at] == earlier).all(axis=1), at, -1).astype(np.int32)


def _peer_groups(work: Work, rule: Rule, cells: Int64) -> Int64:
    """Number of the peer group of each cell: the attributes of the unit's first visit in the period; -1 unknown."""
    batch, check = work.batch, rule.check
    order, _ = batch.visit_order
    visits = order
    lines = work.rows
    parts = [(*_units(work, check.by, visits, "visits"), visits)]
    if check.by != "institution":
        parts.append((*_units(work, check.by, lines, "lines"), batch.line_visit[lines].astype(np.int64)))
    first = np.concatenate([p[0] for p in parts])
    second = np.concatenate([p[1] for p in parts])
    visit = np.concatenate([p[2] for p in parts])
    cell = np.stack((first, second, _period(check.period, batch.begin_day[visit])), axis=1)
    known = (first >= 0) & (second >= 0)
    cell, visit = cell[known], visit[known]
    rank = work.global_rank(visit, "visits")
    by = np.lexsort((rank, cell[:, 2], cell[:, 1], cell[:, 0]))
    cell, visit = cell[by], visit[by]
    at = _places(cells, cell) if len(cells) and len(cell) else np.zeros(0, np.int64)
    here = np.zeros(len(cell), bool)
    inside = at < len(cells)
    here[inside] = (cells[at[inside]] == cell[inside]).all(axis=1)
    earliest = np.full(len(cells), -1, np.int64)
    earliest[at[here][::-1]] = visit[here][::-1]
    out = np.zeros(len(cells), np.int64)
    for name in check.test.group:
        codes, texts = work.scopes.text("med_type" if name == "visit_kind" else name)
        place: dict[str, int] = {}
        lut = np.array([place.setdefault(text, len(place)) if text else -1 for text in texts], np.int64)
        own = (
            np.where(earliest >= 0, lut[codes[np.maximum(earliest, 0)]], -1) if len(texts) else np.full(len(cells), -1)
        )
        out = np.where((out < 0) | (own < 0), -1, out * (len(place) + 1) + own)
    return np.where(earliest < 0, -1, out)
