"""K04: two items that may not stand in one group, and bundles of which too many members do."""

from __future__ import annotations

from typing import Any

from .job import Found, Hit, Job, Part, gathered
from .tables import Entry, in_list
from .values import HOUR, RuleError, figure
from .world import Line


def k04(job: Job) -> Found:
    return bundle(job) if "bundle" in job.check else pairs(job)


def bundle(job: Job) -> Found:
    spec, groups = job.check["bundle"], []
    for line, _ in job.lines():
        if in_list(job.book.list(spec["list"]), line.item):
            key = key_in(job, line, plain_group(job.check))
            job.found.unknown += key is None
            groups.append((key, line))
    for key, lines in gathered(groups).items():
        members, limit = len({x.item for x in lines}), int(spec["at_least"])
        if key is not None and members >= limit:
            job.found.hits.append(Hit([Part(x) for x in lines], [], members, limit))
    return job.found


def plain_group(check: dict[str, Any]) -> dict[str, Any]:
    """`group: day` is `group: {group: day}`."""
    group = check.get("group", "visit")
    return group if isinstance(group, dict) else {**check, "group": group}


def key_in(job: Job, line: Line, group: dict[str, Any]) -> tuple | None:
    return job.group(line, group.get("group", "visit"), subject_of(job, group), group.get("starts", "01-01"))


def kinds_of_pair(job: Job) -> list[tuple[str, str, str | None, dict[str, Any]]]:
    """Main item, included item, scope, and the group; each way round where pairs are symmetric."""
    out: dict[tuple, dict[str, Any]] = {}
    for row in job.book.table(job.rule.table or "").rows:
        scope = row.cells.get("scope")
        group = (
            (job.check.get("groups") or {}).get(scope) if scope and "groups" in job.check else plain_group(job.check)
        )
        if group is None:
            raise RuleError(f"rule {job.rule.id!r}: groups does not say {scope!r}")
        if row.never or not row.known_then(job.known_at) or taken_back(row):
            continue
        ways = [(row.cells["main"], row.cells["included"])]
        ways += [ways[0][::-1]] if symmetric(job) else []
        for main, included in ways:
            out[(main, included, scope)] = group
    return [(*key, group) for key, group in out.items()]


def symmetric(job: Job) -> bool:
    return job.check.get("symmetric") == "true"


def taken_back(row: Entry) -> bool:
    """A row that never held: another one of its key holds as if it were not there."""
    return row.cells.get("override") == "9"


def row_of(job: Job, main: str, included: str, scope: str | None, line: Line) -> Entry | bool | None:
    """The row of a pair on a line's day; of a pair that is written both ways its own row first. False without one, None unknown."""
    table, place = job.book.table(job.rule.table or ""), line.visit.value
    answers = []
    for way in [(main, included), (included, main)][: 1 + symmetric(job)]:
        key = dict(zip(("main", "included"), way)) | ({} if scope is None else {"scope": scope})
        rows = [row for row in table.having("main", way[0]) if row.cells.get("scope") == scope and not taken_back(row)]
        answers.append(table.winner(rows, key, line.day, place("insuplc_admdvs"), place("level"), job.known_at))
    return None if None in answers else next((a for a in answers if a is not False), False)


def pairs(job: Job) -> Found:
    lines, unknown = [line for line, _ in job.lines()], set[Line]()
    for main, included, scope, group in kinds_of_pair(job):
        mains = [x for x in lines if x.item == main]
        offered = []
        for line in lines:
            if line.item == included:
                row = row_of(job, main, included, scope, line)
                if row is None:
                    unknown.add(line)
                elif isinstance(row, Entry):
                    offered.append((line, row))
        what = "|".join([main, included, *([scope] if scope else [])])
        if group.get("group", "visit") == "within":
            within(job, mains, offered, group, what, unknown)
        else:
            grouped(job, mains, offered, group, what, unknown)
    job.found.unknown += len(unknown)
    return job.found


def subject_of(job: Job, group: dict[str, Any]) -> str:
    return group.get("subject") or job.check.get("subject", "visit")


def grouped(job: Job, mains: list, offered: list, group: dict[str, Any], what: str, unknown: set[Line]) -> None:
    def key_of(line: Line) -> Any:
        key = key_in(job, line, group)
        unknown.update([line] if key is None else [])
        return key

    by_key = gathered([(key_of(x), x) for x in mains])
    for key, found in gathered([(key_of(x), (x, row)) for x, row in offered]).items():
        if key is not None and key in by_key:
            add(job, [x for x in by_key[key] if x not in [y for y, _ in found]], found, what)


def within(job: Job, mains: list, offered: list, group: dict[str, Any], what: str, unknown: set[Line]) -> None:
    """Lines no further apart than so many hours. With a contained quantity, those whose first main line is the same share it."""
    hours, subject = int(group["hours"]) * HOUR, subject_of(job, group)
    edge = group["edge"]
    if edge not in ("through", "within"):
        raise RuleError(f"rule {job.rule.id!r}: edge {edge!r}")
    hours -= edge == "within"
    unknown.update(x for x in [*mains, *(x for x, _ in offered)] if job.group(x, "day", subject) is None)
    shared = []
    for line, row in offered:
        own = job.group(line, "day", subject)
        near = [
            x
            for x in mains
            if x is not line
            and abs(x.time - line.time) <= hours
            and own
            and (job.group(x, "day", subject) or ())[:-1] == own[:-1]
        ]
        if near and "included_qty" in row.cells:
            shared.append((near[0], (line, row)))
        elif near:
            add(job, near, [(line, row)], what)
    for main, found in gathered(shared).items():
        add(job, [main], found, what)


def add(job: Job, mains: list[Line], found: list[tuple[Line, Entry]], what: str) -> None:
    """The hit of one group: of the included lines what is beyond the contained quantity, the first units being free."""
    row = found[0][1]
    free = figure(row.cells.get("included_qty", "0"), "quantity")
    measure, passed, parts = sum(x.quantity for x, _ in found), 0, []
    for line, _ in found:
        beyond = min(line.quantity, passed + line.quantity - free)
        passed += line.quantity
        if "included_qty" not in row.cells:
            parts.append(Part(line))
        elif beyond > 0:
            parts.append(Part(line, beyond))
    if mains and parts:
        suspect = row.cells.get("override") == "1"
        job.found.hits.append(Hit(parts, mains, measure, free, entry=row, what=what, suspect=suspect))
