"""Rules of one's own: a registered function asked about one row at a time (docs/checks.md section 7)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from ..numbers import completed_years
from .book import Rule
from .job import Found, Hit, Job, Part
from .tables import Entry
from .values import RuleError, allowance, compares, completed_months, figure
from .world import DEFAULTS, LEVEL, Line, Unit, Visit, World

MISSING = -(1 << 63)
OWN_DATES = {"begndate", "enddate"}  # a person's and an institution's are those of the row, not of the visit
PLACES = ("visits", "persons", "institutions")
NEEDS: dict[str, list[tuple[str, str]]] = {
    "main_diagnosis": [("visits", "dscg_maindiag_code"), ("diagnoses", "diag_code")],
    "level": [(table, "hosp_lv") for table in PLACES],
    **{name: [(table, "brdy") for table in PLACES] for name in ("age", "age_months", "age_days")},
}
DOCTOR = {"title": "dr_pro_tech_duty", "dr_status": "prac_stas"}
CATALOGUE = ("list_type", "med_chrgitm_type")
ALWAYS = ("quantity", "amount", "day", "time", "begin", "end", "stay_days", *DEFAULTS)


class Function(Protocol):
    """A registered function as its registry holds it."""

    columns: tuple[str, ...]
    optional: tuple[bool, ...]
    on: str

    def one(self, values: Sequence[Any]) -> bool | int: ...


def function_of(rule: Rule, functions: Any) -> Function:
    name = rule.check.get("function") or rule.id
    if name not in functions:
        raise RuleError(f"rule {rule.id!r}: no registered function {name!r}")
    return functions[name]


def user(job: Job) -> Found:
    function, check = function_of(job.rule, job.book.functions), job.check
    comparator, measure = check.get("comparator"), check.get("measure", "count")
    limit = 0 if comparator is None else figure(check["value"], measure)
    for unit, entry in job.lines() if function.on == "lines" else job.visits():
        values = [value(job, unit, name) for name in function.columns]
        if any(v is None and not optional for v, optional in zip(values, function.optional)):
            job.found.unknown += 1
            continue
        found = asked(job.rule, function, unit, values)
        if isinstance(found, bool) != (comparator is None):
            raise RuleError(f"rule {job.rule.id!r}: {found!r} does not go with comparator {comparator!r}")
        if found is not False and found == MISSING:
            job.found.unknown += 1
        elif found if comparator is None else compares(comparator, found, limit):
            part = Part(unit) if comparator is None else carried(unit, found, limit, measure, comparator)
            row = entry if isinstance(entry, Entry) else None
            job.found.hits.append(Hit([part], [], 0 if comparator is None else found, limit, entry=row))
    return job.found


def asked(rule: Rule, function: Function, unit: Unit, values: list[Any]) -> bool | int:
    try:
        return function.one(values)
    except Exception as error:
        raise RuleError(f"rule {rule.id!r}, {unit.name}: {type(error).__name__}: {error}") from error


def carried(unit: Unit, found: int, limit: int, measure: str, comparator: str) -> Part:
    """What of a line is beyond the value, where a sum is measured."""
    if isinstance(unit, Visit) or measure == "count" or comparator not in ("more_than", "at_least"):
        return Part(unit, None, measure == "amount")
    own = unit.amount if measure == "amount" else unit.quantity
    return Part(unit, max(0, min(found - allowance(comparator, limit), own)), measure == "amount")


def value(job: Job, unit: Unit, name: str) -> Any:
    """A column of one row; None is missing."""
    line = unit if isinstance(unit, Line) else None
    visit = line.visit if line else unit
    assert isinstance(visit, Visit)
    day = line.day if line else visit.begin_day
    if line and name in ("quantity", "amount"):
        return None if name == "amount" and line.no_amount else getattr(line, name)
    if name in ("day", "time"):
        return day if name == "day" else line.time if line else visit.begin
    if name in ("begin", "end", "stay_days", "main_diagnosis"):
        return getattr(visit, name)
    if name == "level":
        grade = visit.value("hosp_lv")
        return None if grade is None else int(LEVEL.get(grade, "0"))
    if name in ("age", "age_months", "age_days"):
        return age(name, visit.value("brdy"), day)
    if name in DOCTOR:
        code = line.cells.get("bilg_dr_codg") if line else visit.cells.get("atddr_no")
        return (job.world.doctor(code, day) or {}).get(DOCTOR[name])
    if name in CATALOGUE:
        row = job.world.item(line) if line else None
        return (row or {}).get(name)
    own = line.cells.get(name) if line else None
    return own if own is not None else visit.cells.get(name) if name in OWN_DATES else visit.value(name)


def age(name: str, birth: int | None, day: int) -> int | None:
    if birth is None:
        return None
    if name == "age_days":
        return day - birth
    return completed_years(birth, day) if name == "age" else completed_months(birth, day)


def lacking(rule: Rule, functions: Any, world: World) -> str | None:
    """The first column that the function needs and that is not there."""
    function = function_of(rule, functions)
    for name, optional in zip(function.columns, function.optional):
        if optional or name in ALWAYS:
            continue
        if name in CATALOGUE:
            need = None if world.catalog is not None else "catalogue"
        elif name in DOCTOR:
            who = [("lines", "bilg_dr_codg"), ("visits", "atddr_no")]
            need = unmet(world, who) or unmet(world, [("doctors", DOCTOR[name])])
        else:
            own = [("lines", name)] if function.on == "lines" else []
            tables = PLACES[:1] if name in OWN_DATES else PLACES
            need = unmet(world, NEEDS.get(name) or own + [(table, name) for table in tables])
        if need:
            return need
    return None


def unmet(world: World, need: list[tuple[str, str]]) -> str | None:
    there = any(world.has(table, column) for table, column in need)
    return None if there else " or ".join(f"{table}.{column}" for table, column in need)
