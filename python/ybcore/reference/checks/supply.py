"""K10, days of supply and courses; K12, what a prescription is made of."""

from __future__ import annotations

from typing import Any

from ..numbers import round_div
from .job import Found, Hit, Job, Part, gathered, shares
from .tables import Entry, in_list
from .values import UNIT, RuleError, allowance, compares
from .window import reached
from .world import Line


def k10(job: Job) -> Found:
    forms = {
        "prescription_days": prescription_days,
        "course": course,
        "overlap": overlap,
        "daily_dose": daily_dose,
    }
    if job.check.get("form") not in forms:
        raise RuleError(f"rule {job.rule.id!r}: form {job.check.get('form')!r}")
    forms[job.check["form"]](job)
    return job.found


def entry_of(entry: Any) -> Entry | None:
    return entry if isinstance(entry, Entry) else None


def dose(line: Line) -> int | None:
    """Units a day in 1/100000000."""
    single, often = line.cells.get("sin_dos"), line.cells.get("used_frqu")
    return None if single is None or often is None or single * often <= 0 else single * often


def supply_days(line: Line) -> int | None:
    given, daily = line.cells.get("prd_days"), dose(line)
    if given is not None and given > 0:
        return -(-int(given) // UNIT)
    # A quantity of nothing, or less, lasts no day that could be told.
    return None if daily is None or line.quantity <= 0 else -(-line.quantity * UNIT // daily)


def excess(job: Job, line: Line, beyond: int, days: int) -> int | None:
    """The quantity of so many of a line's days; None is the whole line."""
    if beyond >= days:
        return None
    if job.check.get("rounding", "exact") == "pack":
        return line.quantity * beyond // (days * UNIT) * UNIT
    return round_div(line.quantity * beyond, days)


def parts_of(job: Job, laid: list[tuple[Line, int, int]]) -> list[Part]:
    """Lines with their days beyond and their days."""
    return [Part(line, excess(job, line, beyond, days)) for line, beyond, days in laid]


def prescription_days(job: Job) -> None:
    groups = []
    for line, entry in job.lines():
        key, days = job.group(line, "prescription", "visit"), supply_days(line)
        if key is None or days is None:
            job.found.unknown += 1
        else:
            groups.append(((key, line.item), (line, entry)))
    for pairs in gathered(groups).values():
        lines, entry = [x for x, _ in pairs], pairs[0][1]
        lasting = {x: supply_days(x) or 0 for x in lines}
        limit, total = job.number(job.check["max"], entry, "days"), sum(lasting.values())
        comparator = job.check.get("comparator")
        if limit is None or not compares(comparator, total, limit):
            continue
        beyond = shares(lines, total - allowance(comparator or "", limit), of=lasting.__getitem__)
        parts = parts_of(job, [(x, part, lasting[x]) for x, part in beyond])
        finish(job, parts, lines, total, limit, entry)


def finish(job: Job, parts: list[Part], lines: list[Line], total: int, limit: int, entry: Any) -> None:
    if parts:
        offending = [p.unit for p in parts]
        others = [x for x in lines if x not in offending]
        job.found.hits.append(Hit(parts, others, total, limit, entry=entry_of(entry)))


def course(job: Job) -> None:
    """Uses of a person; the days after the one on which the limit is reached are beyond."""
    groups = []
    for line, entry in job.lines():
        by = job.cell(job.check["by"], entry) if "by" in job.check else line.item
        if by is not None:
            groups.append(((line.visit.psn_no, by), (line, entry)))
    for pairs in gathered(groups).values():
        for uses in courses(job, pairs):
            one_course(job, uses)


def use_days(line: Line) -> int:
    days = line.cells.get("prd_days")
    return 1 if days is None else max(1, -(-int(days) // UNIT))


def courses(job: Job, pairs: list[tuple[Line, Any]]) -> list[list[tuple[Line, Any]]]:
    """Cut where more than reset_days lie without use."""
    reset, out, last = job.check.get("reset_days"), list[list[tuple[Line, Any]]](), 0
    for line, entry in pairs:
        if not out or (reset is not None and line.day - last - 1 > int(reset)):
            out.append([])
            last = line.day
        out[-1].append((line, entry))
        last = max(last, line.day + use_days(line) - 1)
    return out


def one_course(job: Job, uses: list[tuple[Line, Any]]) -> None:
    lines, entry, comparator = [x for x, _ in uses], uses[0][1], job.check.get("comparator")
    limit = job.number(job.check["max"], entry, "days")
    covered = sorted({d for x in lines for d in range(x.day, x.day + use_days(x))})
    mode = job.check["mode"]
    if mode == "span":
        covered = list(range(covered[0], covered[-1] + 1)) if covered else []
    elif mode != "distinct_days":
        raise RuleError(f"rule {job.rule.id!r}: mode {mode!r}")
    if limit is None or not compares(comparator, len(covered), limit):
        return
    beyond = set(covered[max(0, allowance(comparator or "", limit)) :])
    days = {x: len(beyond & set(range(x.day, x.day + use_days(x)))) for x in lines}
    parts = parts_of(job, [(x, n, use_days(x)) for x, n in days.items() if n])
    finish(job, parts, lines, len(covered), limit, entry)


def overlap(job: Job) -> None:
    """What is left of earlier supply on a day on which the item is dispensed again."""
    allowed, groups = int(job.check.get("allowance", "0")), []
    for line, entry in job.lines():
        if supply_days(line) is None:
            job.found.unknown += 1
        else:
            groups.append(((line.visit.psn_no, line.item), (line, entry)))
    for pairs in gathered(groups).values():
        covered, before = 0, list[Line]()
        for day, of_day in gathered([(x.day, (x, entry)) for x, entry in pairs]).items():
            lines, lasting = [x for x, _ in of_day], {x: supply_days(x) or 0 for x, _ in of_day}
            left = max(0, covered - day) if before else 0
            if left > allowed:
                beyond = shares(lines, left - allowed, of=lasting.__getitem__)
                parts = parts_of(job, [(x, part, lasting[x]) for x, part in beyond])
                finish(job, parts, [before[-1], *lines], left, allowed, of_day[0][1])
            covered, before = day + left + sum(lasting.values()), lines


def daily_dose(job: Job) -> None:
    for line, entry in job.lines():
        limit, daily = job.number(job.check["max"], entry, "quantity"), dose(line)
        if daily is None:
            job.found.unknown += 1
        elif limit is not None and compares(job.check.get("comparator"), daily, limit * UNIT):
            hit = Hit([Part(line)], [], round_div(daily, UNIT), limit, entry=entry_of(entry))
            job.found.hits.append(hit)


def k12(job: Job) -> Found:
    form, groups, unknown = job.check.get("form"), [], set[Any]()
    for line, entry in job.lines():
        key = job.group(line, job.check.get("group", "prescription"), "visit")
        job.found.unknown += key is None
        if key is not None:
            groups.append((key, (line, entry)))
    for pairs in gathered(groups).values():
        lines = [x for x, _ in pairs]
        items = list(dict.fromkeys(x.item for x in lines))
        if form == "distinct":
            distinct(job, lines, items, unknown)
        elif form in ("all_in", "single"):
            inside = all(in_list(job.book.list(job.check["list"]), i) for i in items)
            if inside and (form == "all_in" or len(items) == 1):
                job.found.hits.append(Hit([Part(x) for x in lines], [], len(lines), 0))
        elif form == "same_class":
            same_class(job, pairs)
        else:
            raise RuleError(f"rule {job.rule.id!r}: form {form!r}")
    job.found.unknown += len(unknown)
    return job.found


def distinct(job: Job, lines: list[Line], items: list[str], unknown: set[Any]) -> None:
    """Items beyond the value, by first appearance; the value is that of the scope of the group's last line."""
    comparator = job.check.get("comparator") or ""
    counting = Job(job.rule, job.book, job.world, job.known_at, job.denied)
    counting.check = {**job.check, "measure": "items"}
    hit = reached(counting, job.check, lines[-1], len(items), unknown)
    if hit:
        paid = items[: max(0, allowance(comparator, hit[0]))] if comparator in ("more_than", "at_least") else []
        parts = [Part(x) for x in lines if x.item not in paid]
        rest = [x for x in lines if x.item in paid]
        job.found.hits.append(Hit(parts, rest, len(items), hit[0], severity=hit[1]))


def same_class(job: Job, pairs: list[tuple[Line, Any]]) -> None:
    classes = []
    for line, entry in pairs:
        name = (
            line.item[: int(job.check["prefix"])]
            if "prefix" in job.check
            else job.cell({"column": job.check["column"]}, entry)
        )
        if name is not None:
            classes.append((name, (line, entry)))
    for name, found in gathered(classes).items():
        if len(found) > 1:
            parts = [Part(x) for x, _ in found[1:]]
            job.found.hits.append(Hit(parts, [found[0][0]], len(found), 1, entry=entry_of(found[1][1]), what=name))
