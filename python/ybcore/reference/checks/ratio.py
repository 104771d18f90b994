"""K13: indicators of institutions, doctors and departments, against a figure, the period before, or their peers."""

from __future__ import annotations

from fractions import Fraction
from math import isqrt
from typing import Any

from ..numbers import decimal_to_int, round_div
from .job import Found, Hit, Job
from .values import DAY, RuleError, calendar_window, compares, day_of, either
from .window import counted
from .world import Line, Unit, Visit

MILLION = 1_000_000
SCALE = {"amount": 100, "quantity": 10_000}
Key = tuple[tuple, int]


def unit_of(job: Job, unit: Unit) -> tuple | None:
    """The institution, the doctor, or the department of an institution; None is unknown."""
    line = isinstance(unit, Line)
    visit = unit.visit if isinstance(unit, Line) else unit
    by, code = job.check["by"], visit.cells.get("fixmedins_code")
    keys: dict[str, tuple] = {
        "institution": (code,),
        "doctor": (unit.cells.get("bilg_dr_codg" if line else "atddr_no"),),
        "department": (
            code,
            unit.cells.get("bilg_dept_codg")
            if line
            else unit.cells.get("dscg_dept_codg") or unit.cells.get("adm_dept_codg"),
        ),
    }
    if by not in keys:
        raise RuleError(f"rule {job.rule.id!r}: by {by!r}")
    return None if None in keys[by] else keys[by]


def period_of(job: Job, day: int) -> tuple[int | None, int | None]:
    period = job.check["period"]
    return (None, None) if period == "all" else calendar_window(period, 1, day)


def side(job: Job, spec: dict[str, Any]) -> dict[tuple, int]:
    """What one side of the ratio counts, by unit and period."""
    measure, found = spec["measure"], dict[tuple, list[Any]]()
    if measure not in ("amount", "quantity", "count", "visits", "days"):
        raise RuleError(f"rule {job.rule.id!r}: measure {measure!r}")
    of_visits = measure in ("visits", "days")
    for unit in job.world.visits if of_visits else job.world.lines:
        among = inside(job, unit, spec.get("items", "all"))
        key = unit_of(job, unit)
        scopes = [job.holds(unit, job.rule.scope), job.holds(unit, spec.get("scope") or {})]
        day = day_of(unit.begin if isinstance(unit, Visit) else unit.time)
        if key is not None and among and all(scopes) and job.in_force(day):
            found.setdefault((key, period_of(job, day)), []).append(unit)
    if measure == "days":
        return {key: sum(v.stay_days for v in units) for key, units in found.items()}
    return {key: counted(units, measure) for key, units in found.items()}


def inside(job: Job, unit: Unit, items: Any) -> bool:
    if isinstance(unit, Line):
        return job.among(unit.item, unit.visit, unit.day, unit, items) not in (None, False)
    if items == "all":
        return True
    return bool(either(job.among(x.item, unit, x.day, x, items) not in (None, False) for x in unit.lines))


def k13(job: Job) -> Found:
    """Units and periods that have a denominator or a numerator are eligible."""
    numerator, denominator = job.check["numerator"], job.check["denominator"]
    above, below = side(job, numerator), side(job, denominator)
    least = decimal_to_int(
        job.check.get("min_sample", "0"), {"amount": 2, "quantity": 4}.get(denominator["measure"], 0)
    )
    ratios: dict[tuple, int | None] = {}
    for key in sorted({*above, *below}, key=str):
        base = below.get(key, 0)
        if base <= 0 or base < least:
            ratios[key] = None
            continue
        top = above.get(key, 0) * SCALE.get(denominator["measure"], 1) * MILLION
        ratios[key] = round_div(top, base * SCALE.get(numerator["measure"], 1))
    for key, ratio in ratios.items():
        job.found.eligible += 1
        measure = None if ratio is None else tested(job, key, ratio, ratios)
        if measure is None:
            job.found.unknown += 1
        else:
            report(job, key, *measure)
    return job.found


def report(job: Job, key: tuple, hit: bool, measure: int) -> None:
    if hit:
        unit, (begin, end) = key
        first, last = (None if d is None else d * DAY for d in (begin, end))
        limit = decimal_to_int(job.check["test"]["value"], 6)
        found = Hit([], [], measure, limit, first, last, what="|".join(str(u) for u in unit))
        found.dr_code = unit[0] if job.check["by"] == "doctor" else None
        found.fixmedins_code = None if job.check["by"] == "doctor" else unit[0]
        job.found.hits.append(found)


def tested(job: Job, key: tuple, ratio: int, ratios: dict[tuple, int | None]) -> tuple[bool, int] | None:
    """Whether it hits, and what was compared in millionths; None is unknown."""
    test = job.check["test"]
    comparator, limit = test.get("comparator"), decimal_to_int(test["value"], 6)
    if test["kind"] == "fixed":
        return compares(comparator, ratio, limit), ratio
    if test["kind"] == "change":
        unit, (begin, _) = key
        before = None if begin is None else ratios.get((unit, period_of(job, begin - 1)))
        if not before:
            return None
        change = Fraction(ratio - before, before)
        return compares(comparator, change, Fraction(limit, MILLION)), millionths(change)
    if test["kind"] == "peer":
        return peer(job, key, ratio, ratios)
    raise RuleError(f"rule {job.rule.id!r}: test {test['kind']!r}")


def millionths(value: Fraction) -> int:
    return round_div(value.numerator * MILLION, value.denominator)


def peer_group(job: Job, key: tuple) -> tuple | None:
    """The attributes of the unit's first visit in the period."""
    unit, bounds = key
    for visit in job.world.visits:
        known = unit_of(job, visit) == unit or any(unit_of(job, x) == unit for x in visit.lines)
        if known and period_of(job, visit.begin_day) == bounds:
            group = tuple(tuple(job.values(visit, name) or ()) or None for name in job.check["test"].get("group") or [])
            return None if None in group else group
    return None


def peer(job: Job, key: tuple, ratio: int, ratios: dict[tuple, int | None]) -> tuple[bool, int] | None:
    test, group = job.check["test"], peer_group(job, key)
    if group is None:
        return None
    peers = sorted(r for k, r in ratios.items() if r is not None and k[1] == key[1] and peer_group(job, k) == group)
    comparator, limit, n = test.get("comparator"), Fraction(decimal_to_int(test["value"], 6), MILLION), len(peers)
    if test["statistic"] == "percentile":
        share = Fraction(sum(r < ratio for r in peers), n)
        return compares(comparator, share, limit), millionths(share)
    if test["statistic"] == "mad":
        median = peers[(n - 1) // 2]
        spread = sorted(abs(r - median) for r in peers)[(n - 1) // 2]
        if spread == 0:
            return None
        value = Fraction(abs(ratio - median), spread)
        return compares(comparator, value, limit), millionths(value)
    if test["statistic"] == "z":
        distance, square = n * ratio - sum(peers), n * sum(r * r for r in peers) - sum(peers) ** 2
        if square == 0:
            return None
        # z = distance / √square; signed squares compare as the numbers do.
        return compares(comparator, signed_square(distance) / square, signed_square(limit)), rounded_z(distance, square)
    raise RuleError(f"rule {job.rule.id!r}: statistic {test['statistic']!r}")


def signed_square(value: int | Fraction) -> Fraction:
    return Fraction(value) * abs(Fraction(value))


def rounded_z(distance: int, square: int) -> int:
    """z in millionths, half up: the root of the square of twice the value, whole, decides the half."""
    twice = isqrt((2 * abs(distance) * MILLION) ** 2 // square)
    return (twice + 1) // 2 * (-1 if distance < 0 else 1)
