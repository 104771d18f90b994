"""K01: one key, one attribute."""

from __future__ import annotations

from typing import Any

from ..numbers import completed_years
from .job import Found, Hit, Job, Part
from .tables import Entry
from .values import RuleError, Truth, compares, completed_months, day_of
from .world import Line, Row, Visit

VISIT_KEYS = {"institution": "fixmedins_code", "person": "psn_no", "card": "mdtrt_cert_no"}
Event = tuple[Visit, Line | None, Any, int, str]


def coded_rows(job: Job, kind: str) -> list[tuple[Visit, str, int, str]]:
    """Diagnosis or operation rows: visit, code, day, what tells them apart. Rows of one visit and name count once, on their first day."""
    out: dict[tuple[Any, str], tuple[Visit, str, int, str]] = {}
    for visit in job.world.visits:
        rows = visit.diagnoses if kind == "diagnosis" else visit.operations
        for code, day, what in sorted((coded_row(visit, row, kind) for row in rows), key=lambda row: row[1]):
            out.setdefault((visit.id, what), (visit, code, day, what))
    return sorted(out.values(), key=lambda e: (*e[0].order, e[3].encode()))


def coded_row(visit: Visit, row: Row, kind: str) -> tuple[str, int, str]:
    if kind == "diagnosis":
        time = row.get("diag_time")
        return row["diag_code"], visit.begin_day if time is None else day_of(time), row["diag_code"]
    time = row.get("oprn_oprt_date")
    day = visit.begin_day if time is None else day_of(time)
    return row["oprn_oprt_code"], day, f"{row['oprn_oprt_code']}@{day}"


def events(job: Job, key: str) -> list[tuple[Event, Any]]:
    """What the key looks at, one each: visit, line, key, day, what."""
    found: list[Event]
    if key in ("item", "doctor"):
        column = "med_list_codg" if key == "item" else "bilg_dr_codg"
        found = [(x.visit, x, x.cells.get(column), x.day, "") for x in job.world.lines]
    elif key in ("diagnosis", "operation"):
        found = [(visit, None, code, day, what) for visit, code, day, what in coded_rows(job, key)]
    elif key in VISIT_KEYS:
        found = [(v, None, v.cells.get(VISIT_KEYS[key]), v.begin_day, "") for v in job.world.visits]
    else:
        raise RuleError(f"rule {job.rule.id!r}: key {key!r}")
    return job.select(found, lambda e: job.among(e[2], e[0], e[3], e[1]))


def k01(job: Job) -> Found:
    for event, entry in events(job, job.check.get("key", "item")):
        visit, line, _, _, what = event
        hit, measure, limit = judged(job, event, entry)
        if hit is None:
            job.found.unknown += 1
        elif hit:
            row = entry if isinstance(entry, Entry) else None
            job.found.hits.append(Hit([Part(line or visit)], [], measure, limit, entry=row, what=what))
    return job.found


def judged(job: Job, event: Event, entry: Any) -> tuple[Truth, int, int]:
    name, check = job.check["attribute"], job.check
    if name == "listed":
        if "table" in check and isinstance(job.rule.items, dict) and check["table"] == job.rule.items.get("table"):
            return True, 0, 0
        found = job.among(event[2], event[0], event[3], None, {"table": check["table"]}) if "table" in check else True
        return None if found is None else found is not False, 0, 0
    side = "allowed" if "allowed" in check else "barred"
    wanted = check[side]
    if "column" in wanted:
        text = job.cell(wanted, entry)
        if text is None:
            return False, 0, 0
        if text not in wanted["map"]:
            raise RuleError(f"rule {job.rule.id!r}: the map does not say {text!r}")
        wanted = wanted["map"][text]
    if name == "age":
        if side == "allowed":
            raise RuleError(f"rule {job.rule.id!r}: a comparator names the hit, so it stands under barred")
        return judged_age(job, event, wanted)
    codes = wanted["codes"] if isinstance(wanted, dict) else wanted
    values = attribute(job, event, name)
    if values is None:
        return None, 0, 0
    return any(str(v).startswith(c) for v in values for c in codes) == (side == "barred"), 0, 0


def judged_age(job: Job, event: Event, spec: dict[str, str]) -> tuple[Truth, int, int]:
    visit, line, _, day, _ = event
    birth = visit.value("brdy")
    if birth is None:
        return None, 0, 0
    on = line.day if line and job.check.get("age_at", "service") == "service" else visit.begin_day
    if line is None and job.check.get("key") == "operation" and job.check.get("age_at", "service") == "service":
        on = day
    ages = {"day": on - birth, "month": completed_months(birth, on), "year": completed_years(birth, on)}
    age, limit = ages[spec["unit"]], int(spec["value"])
    return compares(spec.get("comparator"), age, limit), age, limit


def attribute(job: Job, event: Event, name: str) -> list[Any] | None:
    """What the attribute is; a visit may be of several kinds."""
    visit, line, _, day, _ = event
    doctor = line.cells.get("bilg_dr_codg") if line else visit.cells.get("atddr_no")
    if name == "dept":
        return known(line.cells.get("bilg_dept_codg") if line else visit.cells.get("adm_dept_codg"))
    if name in ("title", "dr_status"):
        row = job.world.doctor(doctor, day) or {}
        return known(row.get("dr_pro_tech_duty" if name == "title" else "prac_stas"))
    return job.values(line or visit, name)


def known(value: Any) -> list[Any] | None:
    return None if value is None else [value]
