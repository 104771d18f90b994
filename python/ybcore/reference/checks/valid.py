"""K14, what was sold against what was there; K15, values that are missing, impossible or contradict each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..numbers import round_div
from .job import Found, Hit, Job, Part, gathered, shares
from .price import PRICE_TIMES_QUANTITY
from .tables import in_list
from .values import DAY, HOUR, UNIT, RuleError, compares, figure, id_key
from .world import Line, Unit, Visit

MIDNIGHT = {"begntime": "begndate", "endtime": "enddate"}
DATES = {"begndate", "enddate", "brdy"}
Judgment = tuple[bool, int, int] | None


def k14(job: Job) -> Found:
    form = job.check.get("form")
    if form == "stock":
        return stock(job)
    if form == "trace":
        return trace(job)
    raise RuleError(f"rule {job.rule.id!r}: form {form!r}")


def stock(job: Job) -> Found:
    """Rows of the stock table, each with its lines."""
    for row in job.world.rows("stock"):
        item, code, first, last = (row.get(c) for c in ("med_list_codg", "fixmedins_code", "begndate", "enddate"))
        counts = [row.get(c) for c in ("open_cnt", "in_cnt", "close_cnt")]
        lines = [
            x
            for x in job.world.lines
            if x.item == item
            and x.visit.cells.get("fixmedins_code") == code
            and (first is None or first <= x.day)
            and (last is None or x.day < last)
        ]
        answers = [job.among(x.item, x.visit, x.day, x) for x in lines]
        lines = [
            x
            for x, a in zip(lines, answers)
            if a not in (None, False) and job.holds(x, job.rule.scope) and job.in_force(x.day)
        ]
        job.found.eligible += 1
        if None in (item, code):
            job.found.unknown += 1
        elif lines:
            entry = next((a for a in answers if a not in (None, False)), None)
            factor = job.number(job.check.get("factor", "1"), entry, "quantity")
            if factor is None:
                job.found.unknown += 1
                continue
            opened, taken, closed = (int(c or 0) for c in counts)
            limit = opened + taken - closed + figure(job.check.get("tolerance", "0"), "quantity")
            short(job, row, lines, factor, limit)
    return job.found


def short(job: Job, row: dict[str, Any], lines: list[Line], factor: int, limit: int) -> None:
    sold = sum(x.quantity for x in lines) * factor  # 1/100000000
    if sold <= limit * UNIT:
        return
    fits = max(0, limit) * UNIT // factor  # rounded down; no more is beyond than was sold
    parts = [Part(x, part) for x, part in shares(lines, sold // factor - fits)]
    offending = [p.unit for p in parts]
    rest = [x for x in lines if x not in offending]
    begin, end = (None if row.get(c) is None else row[c] * DAY for c in ("begndate", "enddate"))
    what = f"{row['fixmedins_code']}|{row['med_list_codg']}"
    hit = Hit(parts, rest, round_div(sold, UNIT), limit, begin, end, what=what, fixmedins_code=row["fixmedins_code"])
    job.found.hits.append(hit)


def trace(job: Job) -> Found:
    """A code on two lines that stand; each later one offends."""
    codes = []
    for line, _ in job.lines():
        code = line.cells.get("drug_trac_codg")
        job.found.unknown += code is None
        if code is not None:
            codes.append((code, line))
    for code, lines in gathered(codes).items():
        repeated(job, lines, str(code))
    return job.found


def repeated(job: Job, units: list[Any], what: str) -> None:
    """Of the rows of one value all but the first: one finding each, with its number."""
    for number, unit in enumerate(units[1:], 2):
        job.found.hits.append(Hit([Part(unit)], [units[0]], number, 1, what=what))


def k15(job: Job) -> Found:
    """Lines are looked at as they were given, before what was returned is taken off."""
    form = job.check.get("form")
    on = job.check.get("on") or ("lines" if form in ("product", "in_catalogue") else "visits")
    rows = [x for x, _ in (job.visits() if on == "visits" else job.lines(given=True))]
    if form == "unique":
        return unique(job, rows)
    forms: dict[str, Callable[[Job, Unit], Judgment]] = {
        "required": required,
        "one_of": one_of,
        "sum": total,
        "product": product,
        "order": order,
        "delay": delay,
        "in_catalogue": in_catalogue,
        "code_in": code_in,
    }
    if form not in forms:
        raise RuleError(f"rule {job.rule.id!r}: form {form!r}")
    for row in rows:
        judgment = forms[form](job, row)
        if judgment is None:
            job.found.unknown += 1
        elif judgment[0]:
            job.found.hits.append(Hit([Part(row)], [], *judgment[1:]))
    return job.found


def value(unit: Unit, column: str) -> Any:
    """A cell of the row, else of the visit of a line."""
    own = unit.cells.get(column)
    if own is None and isinstance(unit, Line):
        own = unit.visit.cells.get(column)
    if own is None and column in MIDNIGHT:
        visit = unit.visit if isinstance(unit, Line) else unit
        date = visit.cells.get(MIDNIGHT[column])
        return None if date is None else date * DAY
    return own


def time(unit: Unit, column: str) -> int | None:
    found = value(unit, column)
    return found * DAY if found is not None and column in DATES else found


def unique(job: Job, rows: list[Any]) -> Found:
    column, values = job.check["column"], []
    for row in rows:
        job.found.unknown += row.cells.get(column) is None
        if row.cells.get(column) is not None:
            values.append((row.cells[column], row))
    for key, units in sorted(gathered(values).items(), key=lambda kv: id_key(kv[0])):
        repeated(job, units, str(key))
    return job.found


def required(job: Job, unit: Unit) -> Judgment:
    missing = sum(value(unit, c) is None for c in job.check["columns"])
    return missing > 0, missing, 0


def one_of(job: Job, unit: Unit) -> Judgment:
    found = value(unit, job.check["column"])
    return None if found is None else (str(found) not in job.check["codes"], 0, 0)


def total(job: Job, unit: Unit) -> Judgment:
    visit = unit if isinstance(unit, Visit) else unit.visit
    told, tolerance = visit.cells.get("medfee_sumamt"), figure(job.check.get("tolerance", "0"), "amount")
    if told is None or not visit.given or any(x.no_amount for x in visit.given):
        return None
    found = sum(x.given_amount for x in visit.given)
    return abs(found - told) > tolerance, found, told


def product(job: Job, unit: Unit) -> Judgment:
    if not isinstance(unit, Line):
        raise RuleError(f"rule {job.rule.id!r}: a product is of lines")
    price, tolerance = unit.cells.get("pric"), figure(job.check.get("tolerance", "0"), "amount")
    if price is None:
        return None
    exact = unit.given_quantity * price
    beyond = abs(exact - unit.given_amount * PRICE_TIMES_QUANTITY) > tolerance * PRICE_TIMES_QUANTITY
    return beyond, unit.given_amount, round_div(exact, PRICE_TIMES_QUANTITY)


def order(job: Job, unit: Unit) -> Judgment:
    earlier, later = time(unit, job.check["earlier"]), time(unit, job.check["later"])
    return None if earlier is None or later is None else (earlier > later, earlier - later, 0)


def delay(job: Job, unit: Unit) -> Judgment:
    first, last, limit = time(unit, job.check["from"]), time(unit, job.check["to"]), int(job.check["hours"]) * HOUR
    if first is None or last is None:
        return None
    return compares(job.check.get("comparator"), last - first, limit), last - first, limit


def in_catalogue(job: Job, unit: Unit) -> Judgment:
    if not isinstance(unit, Line):
        raise RuleError(f"rule {job.rule.id!r}: the catalogue is of lines")
    return job.world.item(unit) is None, 0, 0


def code_in(job: Job, unit: Unit) -> Judgment:
    found = value(unit, job.check["column"])
    if found is None:
        return None
    if "list" in job.check:
        return not in_list(job.book.list(job.check["list"]), str(found)), 0, 0
    visit, day = (unit.visit, unit.day) if isinstance(unit, Line) else (unit, unit.begin_day)
    row = job.in_table(job.check["table"], str(found), visit, day)
    return None if row is None else (row is False, 0, 0)
