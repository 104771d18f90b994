"""K07: what comes together in a calendar window, or in the days up to an event."""

from __future__ import annotations

from typing import Any

from .job import Found, Hit, Job, Part, gathered
from .tables import Entry
from .values import DAY, RuleError, allowance, calendar_window, compares
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


def steps_of(job: Job, window: dict, unit: Unit, unknown: set) -> list[tuple[int, int | None]]:
    """The values of the unit's scope in the order tried: the furthest first."""
    steps = job.threshold(window, unit, job.check["measure"])
    if steps is None:
        unknown.add(unit)
        return []
    return sorted(steps, key=lambda s: s[0], reverse=job.check.get("comparator") in ("more_than", "at_least"))


def reached(job: Job, window: dict, unit: Unit, total: int, unknown: set) -> tuple[int, int | None] | None:
    """Limit and severity where a value of the unit's scope compares: the furthest that does."""
    steps = steps_of(job, window, unit, unknown)
    return next((s for s in steps if compares(job.check.get("comparator"), total, s[0])), None)


def part_of(job: Job, window: dict, unit: Unit, total: int, unknown: set) -> Part:
    """The event, with what it carries beyond the easiest value of its scope where a sum is measured."""
    measure, comparator = job.check["measure"], job.check.get("comparator")
    if measure not in ("quantity", "amount") or comparator not in ("more_than", "at_least"):
        return Part(unit)
    steps = steps_of(job, window, unit, unknown)
    beyond = max((total - allowance(comparator or "", value) for value, _ in steps), default=0)
    return Part(unit, max(0, min(beyond, counted([unit], measure))), measure == "amount")


def entry_of(entry: Any) -> Entry | None:
    return entry if isinstance(entry, Entry) else None


def calendar(job: Job, step: int, window: dict, found: list[Event], unknown: set) -> None:
    """One finding a window: the events from the first at which the running measure compares, with a value of its own scope."""
    unit, n, measure = window["unit"], int(window.get("n", "1")), job.check["measure"]
    less = job.check.get("comparator") in ("less_than", "at_most")
    starts = window.get("starts") or job.check.get("starts", "01-01")
    for bounds, events in gathered([(calendar_window(unit, n, day_of(x), starts), (x, e)) for x, e in found]).items():
        units = [x for x, _ in events]
        running = [counted(units[: i + 1], measure) for i in range(len(units))]
        for x in units:
            steps_of(job, window, x, unknown)  # also of events that do not judge it must be known by what they would
        judged = [len(units) - 1] if less else range(len(units))
        over = [(i, step_) for i in judged if (step_ := reached(job, window, units[i], running[i], unknown))]
        if not over:
            continue
        first, (limit, severity) = 0 if less else over[0][0], over[-1][1]
        parts = [part_of(job, window, x, running[i], unknown) for i, x in enumerate(units) if i >= first]
        begin, end, row = bounds[0] * DAY, bounds[1] * DAY, entry_of(events[first][1])
        job.found.hits.append(Hit(parts, units[:first], running[-1], limit, begin, end, row, str(step), severity))


def rolling(job: Job, step: int, window: dict, found: list[Event], unknown: set) -> None:
    """One finding an event; what stands in the days before it, and of its own day, as the tie says."""
    days, edge, tie = int(window["days"]), window["edge"], window.get("tie") or job.check.get("tie")
    if edge not in ("through", "within") or tie not in ("order", "peers"):
        raise RuleError(f"rule {job.rule.id!r}: a rolling window names edge and tie")
    back = days if edge == "through" else days - 1
    for unit, entry in found:
        day = day_of(unit)
        units = [x for x, _ in found if day - back <= day_of(x) <= day and (tie == "peers" or x.order <= unit.order)]
        total = counted(units, job.check["measure"])
        if hit := reached(job, window, unit, total, unknown):
            others, begin, end = [x for x in units if x is not unit], (day - back) * DAY, (day + 1) * DAY
            part, row = part_of(job, window, unit, total, unknown), entry_of(entry)
            job.found.hits.append(Hit([part], others, total, hit[0], begin, end, row, str(step), hit[1]))
