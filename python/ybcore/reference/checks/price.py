"""K03, a price above its ceiling; K11, operations of one group of which the later ones are charged at a part of the price."""

from __future__ import annotations

from typing import Any

from ..numbers import round_div
from .job import Found, Hit, Job, Part, gathered
from .tables import Entry
from .values import RuleError, figure
from .world import Line

PRICE_TIMES_QUANTITY = 100_000_000  # 1/1000000 yuan × 1/10000 unit in one fen
PPM = 1_000_000


def k03(job: Job) -> Found:
    tolerance = figure(job.check.get("tolerance", "0"), "price")
    for line, entry in job.lines():
        if isinstance(job.rule.table, str) and not isinstance(entry, Entry):
            entry = job.in_table(job.rule.table, line.item, line.visit, line.day)
        price: int | None = line.cells.get("pric")
        if entry is None or (price is None and entry is not False):
            job.found.unknown += 1
            continue
        ceiling = job.number({"column": "ceiling"}, entry, "price")
        if ceiling is None or price is None or line.quantity <= 0 or price <= ceiling + tolerance:
            continue
        expected = round_div(ceiling * line.quantity, PRICE_TIMES_QUANTITY)
        job.found.hits.append(Hit([Part(line)], [], price, ceiling, entry=entry, expected=expected))
    return job.found


def k11(job: Job) -> Found:
    """Lines of a group ranked by full price; a line is one rank."""
    factors = [figure(f, "ratio") for f in job.check["factors"]]
    places: list[tuple[Any, Line]] = []
    members: dict[Line, dict[str, Entry]] = {}
    for line, _ in job.lines():
        rows = memberships(job, line)
        place = same_place(job, line)
        if rows and place is None:
            job.found.unknown += 1
        elif rows:
            members[line] = rows
            places.append((place, line))
    for lines in gathered(places).values():
        chosen = [(group_of(job, x, lines, members), x) for x in lines]
        for group, ranked in gathered(chosen).items():
            rank(job, [(x, members[x][group]) for x in ranked], factors)
    return job.found


def same_place(job: Job, line: Line) -> Any:
    same = job.check.get("same", "visit")
    if same == "incision":
        incision = line.cells.get("incs_no")
        return None if incision is None else (line.visit.id, incision)
    if same not in ("visit", "day"):
        raise RuleError(f"rule {job.rule.id!r}: same {same!r}")
    return (line.visit.id, line.day) if same == "day" else (line.visit.id,)


def memberships(job: Job, line: Line) -> dict[str, Entry]:
    """The groups a line's item is in on its day."""
    table = job.book.table(job.rule.table or "")
    column = table.key_columns()[0]
    groups = {r.cells["operation_group"] for r in table.rows if r.cells.get(column) == line.item}
    found = {g: job.entry(table.name, {column: line.item, "operation_group": g}, line.visit, line.day) for g in groups}
    return {g: entry for g, entry in found.items() if isinstance(entry, Entry)}


def group_of(job: Job, line: Line, lines: list[Line], members: dict[Line, dict[str, Entry]]) -> str:
    """The first group by priority in which another line stands, else the first."""
    priority = list(job.check.get("group_priority") or [])
    groups = sorted(members[line], key=lambda g: (priority.index(g) if g in priority else len(priority), g.encode()))
    shared = [g for g in groups if any(g in members[x] for x in lines if x is not line)]
    return (shared or groups)[0]


def rank(job: Job, lines: list[tuple[Line, Entry]], factors: list[int]) -> None:
    priced = []
    for line, entry in lines:
        row = job.in_table(job.check["full_price"]["table"], line.item, line.visit, line.day)
        price = job.number({"column": "ceiling"}, row, "price")
        if price is None:
            job.found.unknown += 1
        else:
            priced.append((price, line, entry))
    priced.sort(key=lambda p: (-p[0], p[1].order))
    for i, (price, line, entry) in enumerate(priced):
        factor = factors[min(i, len(factors) - 1)]
        expected = round_div(price * line.quantity * factor, PRICE_TIMES_QUANTITY * PPM)
        if line.amount > expected:
            others = [x for _, x, _ in priced[:i]]
            job.found.hits.append(Hit([Part(line)], others, line.amount, expected, entry=entry, expected=expected))
