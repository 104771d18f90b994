"""What a finding was counted in: the kind of group or window, and its bounds in microseconds, half-open (docs/checks.md 5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .book import Rule
from .job import Hit, day_of_unit
from .pair import plain_group
from .supply import use_days
from .values import DAY, HOUR, calendar_window
from .world import Line, Unit, Visit, World

CALENDAR = ("day", "month", "quarter", "year", "insurance_year")
PARTS = ("prescription", "incision")  # of a visit: they begin and end with their lines


@dataclass(frozen=True)
class Counted:
    """None: the rule counts in no group, or the group has no bound on that side."""

    group: str | None = None
    begin: int | None = None
    end: int | None = None


def counted(rule: Rule, hit: Hit, world: World) -> Counted:
    """Of a hit as its kernel found it, before the amount rule takes rows along."""
    check, form = rule.check, rule.check.get("form")
    own = {
        "K08": "gap",
        "K13": check.get("period"),
        "K14": "stock" if form == "stock" else None,
    }
    if rule.kernel == "K07":
        window = check["windows"][int(hit.what)]
        return Counted(window["unit"] if window["kind"] == "calendar" else "rolling", hit.begin, hit.end)
    if rule.kernel in own:
        return Counted(own[rule.kernel], hit.begin, hit.end)
    groups = {
        "K04": of_pair,
        "K06": of_group,
        "K12": of_group,
        "K05": of_couple,
        "K02": of_diagnoses,
        "K09": of_span,
        "K10": of_supply,
    }
    if rule.kernel in groups:
        return groups[rule.kernel](rule, hit, world)
    if rule.kernel == "K11":
        return group_of(check.get("same", "visit"), hit, world)
    return of_visits(hit, world) if (rule.kernel, form) == ("K15", "sum") else Counted()


def first(hit: Hit) -> Unit:
    """The first offending row in order."""
    return min((part.unit for part in hit.offending), key=lambda unit: unit.order)


def visit_of(unit: Unit) -> Visit:
    return unit.visit if isinstance(unit, Line) else unit


def day_of_hit(hit: Hit) -> int:
    """The day that was looked at: of a diagnosis or operation its own."""
    return day_of_unit(first(hit)) if hit.day is None else hit.day


def days(begin: int, end: int) -> tuple[int, int]:
    """From one day up to the end of another."""
    return begin * DAY, (end + 1) * DAY


def of_days(group: str, visits: list[Visit]) -> Counted:
    """The days of some visits, also where one ends before it begins."""
    every = [day for visit in visits for day in (visit.begin_day, visit.end_day)]
    return Counted(group, *days(min(every), max(every)))


def of_visits(hit: Hit, world: World) -> Counted:
    return group_of("visit", hit, world)


def group_of(group: str, hit: Hit, world: World, starts: str = "01-01") -> Counted:
    """A group that is the same for all rows of the hit."""
    unit = first(hit)
    visit = visit_of(unit)
    if group == "line":
        return Counted(group)
    if group == "visit":
        return of_days(group, [visit])
    if group == "stay":
        return of_days(group, [v for v in world.visits if (v.psn_no, v.stay) == (visit.psn_no, visit.stay)])
    if group in PARTS:
        lines = [x.day for x in rows_of(hit)]
        return Counted(group, *days(min(lines), max(lines)))
    if group == "hour" and isinstance(unit, Line):
        hour = unit.time // HOUR * HOUR
        return Counted(group, hour, hour + HOUR)
    begin, end = calendar_window(group, 1, day_of_hit(hit), starts)
    return Counted(group, begin * DAY, end * DAY)


def rows_of(hit: Hit) -> list[Any]:
    return [*(part.unit for part in hit.offending), *hit.involved]


def of_group(rule: Rule, hit: Hit, world: World) -> Counted:
    default = {"K12": "prescription"}.get(rule.kernel, "visit")
    return group_of(rule.check.get("group", default), hit, world, rule.check.get("starts", "01-01"))


def of_pair(rule: Rule, hit: Hit, world: World) -> Counted:
    """The group is that of the row's scope. `within` reaches from the included line, of those that share a quantity from the main line."""
    scope = hit.entry.cells.get("scope") if hit.entry else None
    group = plain_group(rule.check)
    if scope and "groups" in rule.check:
        group = rule.check["groups"][scope]
        group = group if isinstance(group, dict) else {"group": group}
    name = group.get("group", "visit")
    if name != "within":
        return group_of(name, hit, world, group.get("starts", "01-01"))
    shared = hit.entry is not None and "included_qty" in hit.entry.cells
    near = hit.involved[0] if shared else first(hit)
    assert isinstance(near, Line)
    reach = int(group["hours"]) * HOUR - (group["edge"] == "within")
    return Counted(name, near.time - reach, near.time + reach + 1)


def look_back(hit: Hit, back: int) -> Counted:
    day = day_of_hit(hit)
    return Counted("look_back", *days(day - back, day))


def of_diagnoses(rule: Rule, hit: Hit, world: World) -> Counted:
    """The longest of the days looked back on; none where only the visit itself is looked at."""
    backs = [spec["look_back_days"] for spec in (rule.check, rule.check.get("lab") or {}) if "look_back_days" in spec]
    return look_back(hit, max(map(int, backs))) if backs else Counted()


def of_couple(rule: Rule, hit: Hit, world: World) -> Counted:
    where = rule.check["where"]
    return look_back(hit, int(rule.check["look_back_days"])) if where == "history" else group_of(where, hit, world)


def of_span(rule: Rule, hit: Hit, world: World) -> Counted:
    """Days between two moments: the measure says how many, one of the two is the offending row's."""
    form, unit = rule.check["form"], first(hit)
    if form in ("line_in_stay", "idle"):
        return of_visits(hit, world)
    if form == "after_death":
        day = day_of_unit(unit)
        return Counted("gap", (day - hit.measure) * DAY, day * DAY)
    if form == "overlap":
        begin = min(visit_of(part.unit).begin_day for part in hit.offending)
        return Counted(form, begin * DAY, (begin + hit.measure) * DAY)
    if form in ("before_admission", "unsettled"):
        end = visit_of(unit).end_day
        return Counted("gap", end * DAY, (end + hit.measure) * DAY)
    return Counted()


def of_supply(rule: Rule, hit: Hit, world: World) -> Counted:
    form = rule.check["form"]
    if form == "prescription_days":
        return group_of("prescription", hit, world)
    if form == "course":
        uses = rows_of(hit)
        return Counted(form, *days(min(x.day for x in uses), max(x.day + use_days(x) - 1 for x in uses)))
    if form == "overlap":
        day = day_of_hit(hit)
        return Counted(form, day * DAY, (day + hit.measure) * DAY)
    return Counted()
