"""K02, an item or operation and the diagnoses and laboratory values it needs; K05, a trigger and its partner."""

from __future__ import annotations

from typing import Any

from .attribute import coded_rows
from .job import Found, Hit, Job, Part, gathered, shares
from .tables import Entry, in_list
from .values import RuleError, Truth, both, compares, day_of, either, figure, negated
from .world import Line, Visit

Case = tuple[Visit, Line | None, int, str, Any]


def table_row(entry: Any) -> Entry | None:
    return entry if isinstance(entry, Entry) else None


def named_list(job: Job, spec: dict[str, str], entry: Any) -> dict[str, Any] | None:
    name = spec.get("list") or job.cell(spec, entry)
    return None if name is None else job.book.list(name)


def k02(job: Job) -> Found:
    """One finding a line, or an operation row."""
    cases: list[Case]
    if job.check.get("key", "item") == "operation":
        rows = job.select(coded_rows(job, "operation"), lambda e: job.among(e[1], e[0], e[2]))
        cases = [(v, None, day, what, entry) for (v, _, day, what), entry in rows]
    else:
        cases = [(x.visit, x, x.day, "", entry) for x, entry in job.lines()]
    for visit, line, day, what, entry in cases:
        leaves: list[Truth] = []
        if "diagnoses" in job.check:
            wanted = named_list(job, job.check["diagnoses"], entry)
            if wanted is None:
                continue
            leaves.append(diagnosed(job, visit, day, wanted))
        if "lab" in job.check:
            leaves.append(lab(job, visit, line, day))
        holds = either(leaves) if job.check.get("combine") == "any" else both(leaves)
        hit = holds if job.check.get("negate") == "true" else negated(holds)
        if hit is None:
            job.found.unknown += 1
        elif hit:
            job.found.hits.append(Hit([Part(line or visit)], entry=table_row(entry), what=what, day=day))
    return job.found


def diagnosed(job: Job, visit: Visit, day: int, wanted: dict[str, Any]) -> Truth:
    """Whether a diagnosis of the visit, or of one in the days before, is in the list; unknown where the visit itself has none."""
    visits, back = [visit], job.check.get("look_back_days")
    if back is not None:
        visits += [
            v
            for v in job.world.visits
            if v is not visit and v.psn_no == visit.psn_no and day - int(back) <= v.begin_day <= day
        ]
    main = job.check.get("which", "any") == "main"
    codes = [[v.main_diagnosis] if main else [d["diag_code"] for d in v.diagnoses] for v in visits]
    if any(in_list(wanted, c) for found in codes for c in found if c is not None):
        return True
    return False if [c for c in codes[0] if c is not None] else None


def lab(job: Job, visit: Visit, line: Line | None, day: int) -> Truth:
    """The person's latest value up to the line's time (its day, where times are not known)."""
    spec = job.check["lab"]
    values = []
    for row in job.world.rows("labs"):
        of = job.world.by_id.get(row["setl_id"])
        if of is None or of.psn_no != visit.psn_no or row["med_list_codg"] not in spec["items"]:
            continue
        time, value = row.get("exam_time"), row.get("exam_value")
        if time is None or value is None:
            continue
        until = time <= line.time if line and job.world.time_of_day else day_of(time) <= day
        if until and ("look_back_days" not in spec or day - int(spec["look_back_days"]) <= day_of(time)):
            values.append((time, value))
    return compares(spec["comparator"], max(values)[1], figure(spec["value"], "quantity")) if values else None


def k05(job: Job) -> Found:
    trigger = job.check.get("trigger", "item")
    cases: list[Case]
    if trigger == "item":
        cases = [(x.visit, x, x.day, "", entry) for x, entry in job.lines()]
    else:
        wanted = job.book.list(trigger["list"])
        rows = job.select(coded_rows(job, trigger["kind"]), lambda e: in_list(wanted, e[1]))
        cases = [(v, None, day, what, entry) for (v, _, day, what), entry in rows]
    if "ratio" in job.check:
        return ratio(job, [(line, entry) for _, line, _, _, entry in cases if line])
    for visit, line, day, what, entry in cases:
        wanted_codes = named_list(job, job.check["partner"], entry)
        if wanted_codes is None:
            continue
        there, lines = partners(job, visit, line, day, wanted_codes, what)
        negate = job.check.get("negate") == "true"
        hit = there if negate else negated(there)
        if hit is None:
            job.found.unknown += 1
        elif hit:
            involved = lines if negate else []
            job.found.hits.append(Hit([Part(line or visit)], involved, entry=table_row(entry), what=what, day=day))
    return job.found


def near(job: Job, visit: Visit, day: int, other: Visit, other_day: int) -> bool:
    """Whether a partner of that day stands where the rule looks."""
    where = job.check["where"]
    if where == "visit":
        return other is visit
    if other.psn_no != visit.psn_no:
        return False
    back = job.check.get("look_back_days")
    if where == "day":
        return other_day == day
    if where == "history":
        return other_day <= day and (back is None or other_day >= day - int(back))
    raise RuleError(f"rule {job.rule.id!r}: where {where!r}")


def partners(
    job: Job, visit: Visit, line: Line | None, day: int, wanted: dict[str, Any], what: str
) -> tuple[Truth, list[Line]]:
    """Whether there is a partner, and the lines that are; a visit without any diagnosis cannot be told to lack one."""
    kind = job.check["partner"]["kind"]
    if kind == "item":
        lines = [
            x
            for x in job.world.lines
            if x is not line and in_list(wanted, x.item) and near(job, visit, day, x.visit, x.day)
        ]
        if line and job.check["where"] == "history":
            lines = [x for x in lines if x.order < line.order]
        return bool(lines), lines
    for other, code, other_day, name in coded_rows(job, kind):
        itself = other is visit and name == what
        if not itself and in_list(wanted, code) and near(job, visit, day, other, other_day):
            return True, []
    return None if kind == "diagnosis" and not visit.diagnoses else False, []


def ratio(job: Job, triggers: list[tuple[Line, Any]]) -> Found:
    """Of the triggers of a group only so many units for every whole ``per`` of the partners."""
    where, spec = job.check["where"], job.check["ratio"]
    if where not in ("visit", "day"):
        raise RuleError(f"rule {job.rule.id!r}: a ratio is counted in a visit or a day")
    units, per = figure(spec["units"], "quantity"), figure(spec["per"], "quantity")
    partner = job.check["partner"]
    named = [(x, entry, partner.get("list") or job.cell(partner, entry)) for x, entry in triggers]
    groups = gathered(
        [
            ((name, x.visit.id) if where == "visit" else (name, x.visit.psn_no, x.day), (x, entry))
            for x, entry, name in named
            if name is not None
        ]
    )
    for key, pairs in groups.items():
        lines, entry = [x for x, _ in pairs], pairs[0][1]
        wanted, first = job.book.list(key[0]), lines[0]
        other = [
            x
            for x in job.world.lines
            if x not in lines and in_list(wanted, x.item) and near(job, first.visit, first.day, x.visit, x.day)
        ]
        measure, limit = sum(x.quantity for x in lines), sum(x.quantity for x in other) // per * units
        if measure > limit:
            parts = [Part(x, part) for x, part in shares(lines, measure - limit)]
            job.found.hits.append(Hit(parts, other, measure, limit, entry=table_row(entry)))
    return job.found
