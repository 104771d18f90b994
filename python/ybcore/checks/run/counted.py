"""What findings were counted in: the kind of group or window, and its bounds, half-open (docs/checks.md 5).

Kernels know a group by a number. Its bounds follow from the kind of the group and from the rows of the finding, so that they are made of
findings alone and no kernel takes longer.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ...columns.convert import NULL_INT
from ..rule import Rule
from .given import DAY, Batch
from .held import groups_of_pairs

if TYPE_CHECKING:
    from .found import Hits
    from .work import Work

__all__ = ["Counted", "Counting", "How", "counted_in", "countings", "stay_days_of"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
HOUR = 3_600_000_000
_INVOLVED = 2


class How(IntEnum):
    """Where the bounds are from. The native call has the same numbers (ybcore/checks/spot.hpp)."""

    GIVEN = 0  # the kernel's, if any
    DAY = 1
    HOUR = 2
    MONTH = 3
    QUARTER = 4
    YEAR = 5
    INSURANCE_YEAR = 6
    VISIT = 7  # its days
    STAY = 8  # the days of its visits
    ROWS = 9  # the days of the rows in the finding
    COVERED = 10  # the same, and the days that they last
    NEAR = 11  # so far from the included line, of those that share a contained quantity from the main line
    BACK = 12  # so many days before the day, and the day
    FROM = 13  # as many days as the measure says, from the day on
    FROM_END = 14  # the same, from the day on which the visit ended
    UNTIL = 15  # as many days as the measure says, up to the day


@dataclass(frozen=True)
class Counting:
    """A kind of group; `reach`: microseconds of NEAR, days of BACK, MMDD of INSURANCE_YEAR."""

    group: str | None = None
    how: How = How.GIVEN
    reach: int = 0


@dataclass
class Counted:
    """Of each finding: place of its kind of group among `kinds`, and bounds in microseconds (NULL_INT: none)."""

    kinds: list[str | None]
    kind: Int64
    begin: Int64
    end: Int64

    def only(self, keep: Mask) -> Counted:
        """Some of them."""
        return Counted(self.kinds, self.kind[keep], self.begin[keep], self.end[keep])


_CALENDAR = {"day": How.DAY, "hour": How.HOUR, "month": How.MONTH, "quarter": How.QUARTER, "year": How.YEAR, "insurance_year": How.INSURANCE_YEAR}  # fmt: skip
_OF_ROWS = {"visit": How.VISIT, "stay": How.STAY, "prescription": How.ROWS, "incision": How.ROWS}
_SPANS = {
    "line_in_stay": Counting("visit", How.VISIT), "idle": Counting("visit", How.VISIT), "overlap": Counting("overlap", How.FROM),
    "after_death": Counting("gap", How.UNTIL), "before_admission": Counting("gap", How.FROM_END), "unsettled": Counting("gap", How.FROM_END),
}  # fmt: skip
_SUPPLY = {
    "prescription_days": Counting("prescription", How.ROWS),
    "course": Counting("course", How.COVERED),
    "overlap": Counting("overlap", How.FROM),
}


def countings(rule: Rule) -> list[Counting]:
    """The kinds of groups that a rule counts in: of K04 one a group of its pairs, of K07 one a window, else one."""
    check, kernel = rule.check, rule.kernel
    if kernel == "K04":
        groups = [check.group] if check.bundle is not None or rule.table is None else groups_of_pairs(rule)[0]
        return [_of_group(group) for group in groups]
    if kernel == "K07":
        return [Counting(window.unit if window.kind == "calendar" else "rolling") for window in check.windows]
    return [_counting(rule, kernel, check)]


def _counting(rule: Rule, kernel: str, check: Any) -> Counting:
    if kernel in ("K06", "K12"):
        return _of_group(check.group)
    if kernel == "K02":
        backs = [x.look_back_days.value for x in (check, check.lab) if x is not None and x.look_back_days is not None]
        return Counting("look_back", How.BACK, max(backs)) if backs else Counting()
    if kernel == "K05":
        back = check.look_back_days
        return _of_group(check.where) if back is None else Counting("look_back", How.BACK, back.value)
    if kernel in ("K09", "K10"):
        return (_SPANS if kernel == "K09" else _SUPPLY).get(rule.form, Counting())
    if kernel == "K11":
        return _of_group(check.same)
    of_visit = (kernel, rule.form) == ("K15", "sum")
    given = {"K08": "gap", "K13": check.period if kernel == "K13" else None, "K14": "stock" if rule.form == "stock" else None}  # fmt: skip
    return Counting("visit", How.VISIT) if of_visit else Counting(given.get(kernel))


def _of_group(group: Any) -> Counting:
    name: str = group if isinstance(group, str) else group.group
    if name == "within":
        return Counting(name, How.NEAR, group.hours.value * HOUR - (group.edge == "within"))
    starts = None if isinstance(group, str) else getattr(group, "starts", None)
    month, day = starts or (1, 1)
    return Counting(name, _CALENDAR.get(name) or _OF_ROWS.get(name, How.GIVEN), 100 * month + day)


def counted_in(work: Work, hits: Hits) -> Counted:
    """Of some findings as their kernel found them, before an amount rule takes rows along; details in order."""
    rule = hits.rule
    kinds = countings(rule)
    kind = _kind_of(rule, hits, len(kinds)) if len(hits) else np.zeros(0, np.int64)
    out = Counted([own.group for own in kinds], kind, hits.begin.copy(), hits.end.copy())
    if len(hits) and len(hits.row):
        facts = _Facts(work, hits)
        for place, own in enumerate(kinds):
            mine = np.flatnonzero(kind == place) if len(kinds) > 1 else np.arange(len(hits))
            if own.how != How.GIVEN and len(mine):
                out.begin[mine], out.end[mine] = facts.bounds(own, mine)
    return out


def _kind_of(rule: Rule, hits: Hits, kinds: int) -> Int64:
    """Which kind of group each finding was counted in."""
    if kinds > 1 and rule.kernel == "K07":
        assert hits.what is not None
        return np.array([int(what) for what in hits.what], np.int64)
    if kinds > 1:
        scope = groups_of_pairs(rule)[1]
        assert scope is not None
        return scope[hits.entry].astype(np.int64)
    return np.zeros(len(hits), np.int64)


class _Facts:
    """Rows of findings, and when they are."""

    def __init__(self, work: Work, hits: Hits) -> None:
        self._work, self._hits = work, hits
        first = hits.begin_of[:-1]
        self._row, self._line = hits.row[first], hits.is_line[first]

    def bounds(self, own: Counting, mine: Int64) -> tuple[Int64, Int64]:
        """(begin, end) of the findings `mine`."""
        if own.how == How.NEAR:
            time = self._near(mine)
            return time - own.reach, time + own.reach + 1
        if own.how == How.HOUR:
            begin = self._work.batch.line_time[self._row[mine]] // HOUR * HOUR
            return begin, begin + HOUR
        first, last = self._days(own, mine)
        return first * DAY, last * DAY

    def _days(self, own: Counting, mine: Int64) -> tuple[Int64, Int64]:
        """(first day, day after the last)."""
        how, measure = own.how, self._hits.measure[mine]
        if how in (How.VISIT, How.STAY):
            visit = self._visit(mine)
            begin, end = self._work.visit_days if how == How.VISIT else self._work.days_of_stay
            return begin[visit], end[visit]
        if how in (How.ROWS, How.COVERED):
            return self._of_rows(mine, how == How.COVERED)
        if how == How.FROM_END:
            day = self._work.batch.end_day[self._visit(mine)].astype(np.int64)
            return day, day + measure
        day = self._day(mine)
        if how == How.BACK:
            return day - own.reach, day + 1
        if how == How.UNTIL:
            return day - measure, day
        return (day, day + measure) if how == How.FROM else calendar_bounds(how, own.reach, day)

    def _visit(self, mine: Int64) -> Int64:
        visit = self._row[mine].copy()
        line = self._line[mine]
        visit[line] = self._work.batch.line_visit[visit[line]]
        return visit

    def _day(self, mine: Int64) -> Int64:
        """The day that was looked at: of a diagnosis or operation its own."""
        if self._hits.day is not None:
            return self._hits.day[mine]
        batch, row, line = self._work.batch, self._row[mine], self._line[mine]
        day = np.empty(len(row), np.int64)
        day[line], day[~line] = batch.line_day[row[line]], batch.begin_day[row[~line]]
        return day

    def _near(self, mine: Int64) -> Int64:
        """The time that a group reaches from."""
        hits, row = self._hits, self._row[mine]
        free = hits.rule.numbers.get("included_qty")
        if free is not None:
            shared = free[hits.entry[mine]] != NULL_INT
            involved = np.flatnonzero(hits.part == _INVOLVED)
            main = involved[np.searchsorted(involved, hits.begin_of[mine[shared]])]
            row[shared] = hits.row[main]
        return self._work.batch.line_time[row].astype(np.int64)

    def _of_rows(self, mine: Int64, covered: bool) -> tuple[Int64, Int64]:
        hits, batch = self._hits, self._work.batch
        day = batch.line_day[hits.row].astype(np.int64)
        last = day
        if covered:
            lasting = self._work.column("prd_days")[hits.row]
            last = day + np.where(lasting == NULL_INT, 1, np.maximum(1, -(-lasting // 10_000))) - 1
        cut = hits.begin_of[:-1]
        return np.minimum.reduceat(day, cut)[mine], np.maximum.reduceat(last, cut)[mine] + 1


def calendar_bounds(how: How, starts: int, day: Int64) -> tuple[Int64, Int64]:
    """(first day, day after the last) of the calendar period of each day."""
    if how == How.DAY:
        return day, day + 1
    date = day.astype("datetime64[D]")
    if how == How.INSURANCE_YEAR:
        year = date.astype("datetime64[Y]")
        year = year - (date < _in_year(year, starts))
        begin, end = _in_year(year, starts), _in_year(year + 1, starts)
    else:
        months = {How.MONTH: 1, How.QUARTER: 3, How.YEAR: 12}[how]
        month = date.astype("datetime64[M]").astype(np.int64) // months * months
        begin, end = (at.astype("datetime64[M]").astype("datetime64[D]") for at in (month, month + months))
    return begin.astype(np.int64), end.astype(np.int64)


def _in_year(year: Any, starts: int) -> Any:
    """The day MMDD of each year."""
    return (year.astype("datetime64[M]") + (starts // 100 - 1)).astype("datetime64[D]") + (starts % 100 - 1)


def stay_days_of(batch: Batch, visits: tuple[Int64, Int64]) -> tuple[Int64, Int64]:
    """(first day, day after the last) of the stay of each visit that stands: the days of all visits of the person and mdtrt_id."""
    rows = np.flatnonzero(batch.stands)
    key = batch.psn[rows].astype(np.int64) * (int(batch.stay.max(initial=0)) + 1) + batch.stay[rows]
    _, stay = np.unique(key, return_inverse=True)
    out = []
    for days, joined in zip(visits, (np.minimum, np.maximum)):
        of_stay = np.full(len(rows), np.iinfo(np.int64).max if joined is np.minimum else np.iinfo(np.int64).min)
        joined.at(of_stay, stay, days[rows])
        of_visit = days.copy()
        of_visit[rows] = of_stay[stay]
        out.append(of_visit)
    return out[0], out[1]
