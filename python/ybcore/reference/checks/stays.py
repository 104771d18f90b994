"""Stays: the visits of one mdtrt_id, from their first begin to their last end. K08 the gap between two; K09 what lies outside or overlaps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .job import Found, Hit, Job, Part, gathered
from .values import HOUR, RuleError, Truth, compares, day_of, either, id_key
from .world import Line, Visit


@dataclass(eq=False)
class Stay:
    """Its attributes are those of its last visit in order."""

    visits: list[Visit]

    @property
    def id(self) -> Any:
        return self.visits[0].stay

    @property
    def last(self) -> Visit:
        return self.visits[-1]

    @property
    def begin(self) -> int:
        return min(v.begin for v in self.visits)

    @property
    def end(self) -> int:
        return max(v.end for v in self.visits)

    @property
    def order(self) -> tuple:
        return self.begin, id_key(self.id)

    @property
    def parts(self) -> list[Part]:
        return [Part(v) for v in self.visits]


def stays_of(visits: list[Visit]) -> list[Stay]:
    """Stays in order, person by person."""
    found = gathered([((v.psn_no, v.stay), v) for v in visits])
    return sorted((Stay(of) for of in found.values()), key=lambda s: s.order)


def nights(later: int, earlier: int) -> int:
    return day_of(later) - day_of(earlier)


def k08(job: Job) -> Found:
    stays = stays_of([v for v, _ in job.visits()])
    for stay in stays:
        key = match_key(job, stay)
        if key is None:
            job.found.unknown += 1
            continue
        earlier = [s for s in stays if s.last.psn_no == stay.last.psn_no and s.order < stay.order]
        earlier = [s for s in earlier if match_key(job, s) == key]
        if earlier:
            neighbours(job, max(earlier, key=lambda s: (s.end, *s.order)), stay)
    return job.found


def match_key(job: Job, stay: Stay) -> tuple | None:
    key: list[Any] = []
    for same in job.check.get("same") or []:
        if same == "institution":
            key.append(stay.last.cells.get("fixmedins_code"))
        else:
            main = stay.last.main_diagnosis
            key.append(None if main is None else main[: int(same["main_diagnosis"])])
    return None if None in key else tuple(key)


def neighbours(job: Job, before: Stay, stay: Stay) -> None:
    gap = nights(stay.begin, before.end)
    if gap < 0 and job.check.get("overlap") != "hit":
        return
    zone = next((z for z in job.check["zones"] if compares(job.check.get("comparator"), gap, int(z["value"]))), None)
    if zone is None:
        return
    free = exempt(job, before, stay)
    if free is None:
        job.found.unknown += 1
    elif not free:
        severity = int(zone["severity"]) if "severity" in zone else None
        hit = Hit(stay.parts, before.visits, gap, int(zone["value"]), before.end, stay.begin, severity=severity)
        hit.what = str(before.id)
        job.found.hits.append(hit)


def exempt(job: Job, before: Stay, stay: Stay) -> Truth:
    """Scope conditions that all hold, or a planned readmission, or a transfer: any of the three."""
    spec = dict(job.check.get("exempt") or {})
    planned, transfer = spec.pop("planned", "false") == "true", spec.pop("transfer", "false") == "true"
    spec = {**spec.pop("scope", {}), **spec}
    cells = stay.last.cells
    return either(
        [
            planned and str(cells.get("days_rinp_flag_31") or "0") == "1",
            transfer and any(v.cells.get("refl_old_mdtrt_id") == before.id for v in stay.visits),
            job.holds(stay.last, spec) if spec else False,
        ]
    )


def k09(job: Job) -> Found:
    forms = {
        "line_in_stay": line_in_stay,
        "overlap": overlap,
        "around_operation": around_operation,
        "after_death": after_death,
        "idle": idle,
        "before_admission": before_admission,
        "unsettled": unsettled,
    }
    if job.check.get("form") not in forms:
        raise RuleError(f"rule {job.rule.id!r}: form {job.check.get('form')!r}")
    forms[job.check["form"]](job)
    return job.found


def whole(job: Job, name: str) -> int:
    return int(job.check.get(name, "0"))


def line_in_stay(job: Job) -> None:
    before, after = whole(job, "grace_before"), whole(job, "grace_after")
    for line, _ in job.lines():
        early, late = line.visit.begin_day - line.day, line.day - line.visit.end_day
        if early > before:
            job.found.hits.append(Hit([Part(line)], [], early, before))
        elif late > after:
            job.found.hits.append(Hit([Part(line)], [], late, after))


def overlap(job: Job) -> None:
    """One finding a later stay, against all that begin before it; the most nights are told."""
    grace, stays = whole(job, "grace"), stays_of([v for v, _ in job.visits()])
    for i, stay in enumerate(stays):
        shared = [
            (nights(min(stay.end, s.end), max(stay.begin, s.begin)), s) for s in stays[:i] if may_not_meet(job, stay, s)
        ]
        met = [(n, s) for n, s in shared if n > grace]
        if met:
            others = [v for _, s in met for v in s.visits]
            job.found.hits.append(Hit(stay.parts, others, max(n for n, _ in met), grace))


def may_not_meet(job: Job, stay: Stay, other: Stay) -> bool:
    kinds, of = job.check.get("kinds"), [job.kinds(s.last) for s in (stay, other)]
    if stay.last.psn_no != other.last.psn_no or None in of:
        return False
    if kinds:
        return all(set(k or []) & set(kinds) for k in of)
    return not all("outpatient" in (k or []) for k in of)


def around_operation(job: Job) -> None:
    before, after = whole(job, "before_hours"), whole(job, "after_hours")
    for line, _ in job.lines():
        times = [o["oprn_oprt_date"] for o in line.visit.operations if o.get("oprn_oprt_date") is not None]
        if not times:
            job.found.unknown += 1
            continue
        beyond = min(max(t - before * HOUR - line.time, line.time - t - after * HOUR) for t in times)
        if beyond > 0:
            job.found.hits.append(Hit([Part(line)], [], -(-beyond // HOUR)))


def after_death(job: Job) -> None:
    grace = whole(job, "grace")
    deaths = [v for v in job.world.visits if str(v.cells.get("dscg_way")) == "5"]
    units: list[Visit | Line] = [*(v for v, _ in job.visits()), *(x for x, _ in job.lines())]
    for unit in units:
        visit = unit if isinstance(unit, Visit) else unit.visit
        of = [d for d in deaths if d.psn_no == visit.psn_no]
        if of:
            death = min(of, key=lambda d: (d.end_day, *d.order))
            late = (unit.begin_day if isinstance(unit, Visit) else unit.day) - death.end_day
            if late > grace:
                involved = [] if death is unit else [death]
                job.found.hits.append(Hit([Part(unit)], involved, late, grace))


def idle(job: Job) -> None:
    """The longest run of days, first and last day of the visit included, on which no line among the items stands."""
    rows = job.select(job.world.visits, lambda v: True)
    for visit, _ in rows:
        answers = [(x.day, job.among(x.item, visit, x.day, x)) for x in visit.lines]
        if any(a is None for _, a in answers):
            job.found.unknown += 1
            continue
        busy = {day for day, a in answers if a is not False}
        run = longest = 0
        for day in range(visit.begin_day, visit.end_day + 1):
            run = 0 if day in busy else run + 1
            longest = max(longest, run)
        if longest > int(job.check["value"]):
            job.found.hits.append(Hit([Part(visit)], [], longest, int(job.check["value"])))


def before_admission(job: Job) -> None:
    days = int(job.check["days"])
    stays = stays_of([v for v in job.world.visits if "inpatient" in (job.kinds(v) or [])])
    for visit, _ in job.visits():
        kinds, urgent = job.kinds(visit), visit.cells.get("er_flag")
        code = visit.cells.get("fixmedins_code")
        if kinds is None or ("outpatient" in kinds and (urgent is None or code is None)):
            job.found.unknown += 1
            continue
        if "outpatient" not in kinds or str(urgent) != "1":
            continue
        near = [
            s
            for s in stays
            if (s.last.psn_no, s.last.cells.get("fixmedins_code")) == (visit.psn_no, code)
            and s.id != visit.stay
            and 0 <= nights(s.begin, visit.end) <= days
        ]
        if near:
            stay = min(near, key=lambda s: s.order)
            hit = Hit([Part(visit)], stay.visits, nights(stay.begin, visit.end), days, what=str(stay.id))
            job.found.hits.append(hit)


def unsettled(job: Job) -> None:
    days = int(job.check["days"])
    for visit, _ in job.visits():
        settled = visit.cells.get("setl_time")
        if settled is None:
            job.found.unknown += 1
        elif nights(settled, visit.end) > days:
            job.found.hits.append(Hit([Part(visit)], [], nights(settled, visit.end), days))
