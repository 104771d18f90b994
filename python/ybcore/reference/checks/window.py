"""K07: what comes together in a calendar window, or in the days up to an event."""

from __future__ import annotations

from typing import Any

from .job import Found, Hit, Job, Part, gathered
from .tables import Entry
from .values import DAY, RuleError, calendar_window, compares
from .world import Line, Unit, Visit

OF_VISITS = ("visits", "days", "institutions")
OF_LINES = ("quantity", "amount", "count", "items")
Event = tuple[Any, Any]


def visit_of(unit: Unit) -> Visit:
    return unit.visit if isinstance(unit, Line) else unit


def day_of(unit: Unit) -> int:
    return unit.day if isinstance(unit, Line) else unit.begin_day


def subject_of(unit: Unit, subject: str) -> tuple | None:
    """Who or what is looked at; None is unknown."""
    visit = visit_of(unit)
    doctor = unit.cells.get("bilg_dr_codg" if isinstance(unit, Line) else "atddr_no")
    keys: dict[str, tuple] = {
        "person": (visit.psn_no,),
        "person_item": (visit.psn_no, unit.item if isinstance(unit, Line) else None),
        "person_diagnosis": (visit.psn_no, visit.main_diagnosis),
        "person_institution": (visit.psn_no, visit.cells.get("fixmedins_code")),
        "doctor": (doctor,),
        "institution": (visit.cells.get("fixmedins_code"),),
    }
    if subject not in keys:
        raise RuleError(f"subject {subject!r}")
    return None if None in keys[subject] else keys[subject]


def counted(units: list[Any], measure: str) -> int:
    if measure == "quantity":
        return sum(x.quantity for x in units)
    if measure == "amount":
        return sum(x.amount for x in units)
    if measure == "days":
        return len({x.begin_day for x in units})
    if measure == "institutions":
        return len({x.cells["fixmedins_code"] for x in units})
    return len({x.item for x in units}) if measure == "items" else len(units)


def k07(job: Job) -> Found:
    measure = job.check["measure"]
    if measure not in OF_VISITS + OF_LINES:
        raise RuleError(f"rule {job.rule.id!r}: measure {measure!r}")
    events: list[tuple[tuple, Event]] = []
    for unit, entry in job.visits() if measure in OF_VISITS else job.lines():
        key = subject_of(unit, job.check["subject"])
        if key is None or (measure == "institutions" and unit.cells.get("fixmedins_code") is None):
            job.found.unknown += 1
        else:
            events.append((key, (unit, entry)))
    unknown: set[Any] = set()
    for step, window in enumerate(job.check["windows"]):
        for found in gathered(events).values():
            if window["kind"] == "calendar":
                calendar(job, step, window, found, unknown)
            elif window["kind"] == "rolling":
                rolling(job, step, window, found, unknown)
            else:
                raise RuleError(f"rule {job.rule.id!r}: window {window['kind']!r}")
    job.found.unknown += len(unknown)
    return job.found


def reached(job: Job, window: dict, unit: Unit, units: list[Any], unknown: set) -> tuple[int, int, int | None] | None:
    """Measure, limit and severity where a threshold of the unit's scope compares: the furthest that does."""
    measure, comparator = job.check["measure"], job.check.get("comparator")
    steps = job.threshold(window, visit_of(unit), measure)
    if steps is None:
        unknown.add(unit)
        return None
    total = counted(units, measure)
    over = [s for s in steps if compares(comparator, total, s[0])]
    if not over:
        return None
    furthest = max if comparator in ("more_than", "at_least") else min
    limit, severity = furthest(over, key=lambda s: s[0])
    return total, limit, severity


def entry_of(entry: Any) -> Entry | None:
    return entry if isinstance(entry, Entry) else None


def calendar(job: Job, step: int, window: dict, found: list[Event], unknown: set) -> None:
    """One finding a window; the thresholds are those of its last event."""
    unit, n = window["unit"], int(window.get("n", "1"))
    starts = window.get("starts") or job.check.get("starts", "01-01")
    for bounds, events in gathered([(calendar_window(unit, n, day_of(x), starts), (x, e)) for x, e in found]).items():
        units = [x for x, _ in events]
        hit = reached(job, window, units[-1], units, unknown)
        if hit is None:
            continue
        total, limit, severity = hit
        measure, comparator = job.check["measure"], job.check.get("comparator")
        first = next(
            i
            for i in range(len(units))
            if compares(comparator, counted(units[: i + 1], measure), limit) or i + 1 == len(units)
        )
        parts, begin, end = [Part(x) for x in units[first:]], bounds[0] * DAY, bounds[1] * DAY
        row = entry_of(events[first][1])
        job.found.hits.append(Hit(parts, units[:first], total, limit, begin, end, row, str(step), severity))


def rolling(job: Job, step: int, window: dict, found: list[Event], unknown: set) -> None:
    """One finding an event; what stands in the days before it, and of its own day, as the tie says."""
    days, edge, tie = int(window["days"]), window["edge"], window.get("tie") or job.check.get("tie")
    if edge not in ("through", "within") or tie not in ("order", "peers"):
        raise RuleError(f"rule {job.rule.id!r}: a rolling window names edge and tie")
    back = days if edge == "through" else days - 1
    for unit, entry in found:
        day = day_of(unit)
        units = [x for x, _ in found if day - back <= day_of(x) <= day and (tie == "peers" or x.order <= unit.order)]
        hit = reached(job, window, unit, units, unknown)
        if hit:
            total, limit, severity = hit
            others, begin, end = [x for x in units if x is not unit], (day - back) * DAY, (day + 1) * DAY
            row = entry_of(entry)
            job.found.hits.append(Hit([Part(unit)], others, total, limit, begin, end, row, str(step), severity))
