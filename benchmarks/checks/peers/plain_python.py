"""The rules row by row, in plain Python: on the first persons only (a sample), where it judges the others."""

from __future__ import annotations

import datetime as dt
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any

import numpy as np

from .. import rules
from ..rules import COLUMNS, REACH, SCOPES, UNIT, Workload
from ..town import Ready

THREADS = (1,)
SAMPLE = 20_000  # lines
Finding = tuple[int, int, int, int, int]


def version() -> str:
    return f"Python {sys.version.split()[0]}"


@cache
def date(day: int) -> dt.date:
    return dt.date(1970, 1, 1) + dt.timedelta(day)


def years(birth: int, day: int) -> int:
    """Completed years."""
    was, now = date(birth), date(day)
    return now.year - was.year - ((now.month, now.day) < (was.month, was.day))


def share(amount: int, excess: int, quantity: int) -> int:
    """Part of an amount, half up."""
    return amount if excess >= quantity else (2 * amount * excess + quantity) // (2 * quantity)


def rows(table: dict[str, list[int]]) -> list[dict[str, int]]:
    return [dict(zip(table, cells)) for cells in zip(*table.values())]


def attribute(
    lines: list[dict[str, int]], visits: list[dict[str, int]], items: list[str], workload: Workload
) -> Iterator[Finding]:
    stays = {row["med_list_codg"] for row in workload.rows("drug_visit_type")}
    children = {row["med_list_codg"] for row in workload.rows("drug_age_group")}
    sexes = {row["med_list_codg"]: 1 if row["sex"] == "男" else 2 for row in workload.rows("drug_sex")}
    for line, row in enumerate(lines):
        code, visit = items[row["item"]], visits[row["visit"]]
        if code in stays and visit["med_type"] not in (-1, *rules.inpatient()):
            yield line, 0, 0, row["quantity"], row["amount"]
        if code in children and visit["birth"] > -(1 << 31):
            age = years(visit["birth"], row["day"])
            if age >= rules.child_years():
                yield line, 1, age, row["quantity"], row["amount"]
        if code in sexes and visit["gend"] in (1, 2) and visit["gend"] != sexes[code]:
            yield line, 2, 0, row["quantity"], row["amount"]


def beyond(lines: list[dict[str, int]], buckets: Iterable[tuple[list[int], int]]) -> Iterator[Finding]:
    """Lines of buckets above their caps; the last lines carry the excess."""
    for places, most in buckets:
        measure = sum(lines[at]["quantity"] for at in places)
        left = measure - most
        for at in reversed(places):
            if left <= 0:
                break
            row = lines[at]
            excess = min(left, row["quantity"])
            left -= excess
            yield at, 0, measure, excess, share(row["amount"], excess, row["quantity"])


def cap(lines: list[dict[str, int]], visits: Any, items: Any, workload: Workload) -> Iterator[Finding]:
    buckets: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for line, row in enumerate(lines):
        buckets[row["visit"], row["day"], row["item"]].append(line)
    yield from beyond(lines, ((places, rules.CAP * UNIT) for places in buckets.values()))


def cap_table(lines: list[dict[str, int]], visits: Any, items: list[str], workload: Workload) -> Iterator[Finding]:
    caps = {
        row["med_list_codg"]: round(float(row["max_quantity"]) * UNIT) for row in workload.rows("item_max_quantity")
    }
    buckets: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for line, row in enumerate(lines):
        if items[row["item"]] in caps and row["hospital"] >= 0:
            buckets[row["person"], row["hospital"], row["day"], row["item"]].append(line)
    yield from beyond(lines, ((places, caps[items[key[-1]]]) for key, places in buckets.items()))


def pairs(lines: list[dict[str, int]], visits: Any, items: list[str], workload: Workload) -> Iterator[Finding]:
    of: dict[str, list[tuple[int, str, int]]] = defaultdict(list)
    for rule, row in enumerate(workload.rows("item_duplicate_charge")):
        of[row["included"]].append((rule, row["main"], SCOPES.index(row["scope"])))
    people: dict[int, list[int]] = defaultdict(list)
    for line, row in enumerate(lines):
        people[row["person"]].append(line)

    def together(a: dict[str, int], b: dict[str, int], scope: int) -> bool:
        if scope == 1:
            return a["visit"] == b["visit"]
        if a["hospital"] < 0 or a["hospital"] != b["hospital"]:
            return False
        if scope == 2:
            return abs(a["time"] - b["time"]) <= REACH
        return a["day"] == b["day"] if scope == 0 else a["time"] // 3_600_000_000 == b["time"] // 3_600_000_000

    for mine in people.values():
        by_code: dict[str, list[int]] = defaultdict(list)
        for line in mine:
            by_code[items[lines[line]["item"]]].append(line)
        for code, own in by_code.items():
            for rule, main, scope in of.get(code, ()):
                mains = by_code.get(main, [])
                for line in own:
                    if any(together(lines[line], lines[other], scope) for other in mains):
                        group = own if scope != 2 else [line]
                        measure = sum(lines[k]["quantity"] for k in group if together(lines[k], lines[line], scope))
                        yield line, rule, measure, lines[line]["quantity"], lines[line]["amount"]


def within(events: list[dict[str, int]], keys: tuple[str, ...], days: int) -> Iterator[tuple[int, list[int]]]:
    """Each event, and the events of its subject in the days up to and with its own."""
    subjects: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for at, row in enumerate(events):
        subjects[tuple(row[key] for key in keys)].append(at)
    for mine in subjects.values():
        for at in mine:
            day = events[at]["day"]
            yield at, [k for k in mine if 0 <= day - events[k]["day"] < days]


def window_visits(lines: Any, visits: list[dict[str, int]], items: Any, workload: Workload) -> Iterator[Finding]:
    for rule, (days, most) in enumerate(rules.VISIT_WINDOWS):
        for at, inside in within(visits, ("person",), days):
            if len(inside) > most:
                yield at, rule, len(inside), 0, 0


def window_items(lines: list[dict[str, int]], visits: Any, items: Any, workload: Workload) -> Iterator[Finding]:
    most = rules.WINDOW_UNITS * UNIT
    for at, inside in within(lines, ("person", "item"), rules.WINDOW_DAYS):
        measure = sum(lines[k]["quantity"] for k in inside)
        if measure > most:
            row = lines[at]
            excess = min(row["quantity"], measure - most)
            yield at, 0, measure, excess, share(row["amount"], excess, row["quantity"])


FORMS = {f.__name__: f for f in (attribute, cap, cap_table, pairs, window_visits, window_items)}


def find(ready: Ready, workload: Workload) -> dict[str, np.ndarray]:
    """The findings of prepared columns, whole."""
    tables = ({name: column.tolist() for name, column in table.items()} for table in (ready.lines, ready.visits))
    lines, visits = (rows(table) for table in tables)
    found = list(FORMS[workload.name](lines, visits, ready.items, workload))
    return dict(zip(COLUMNS, np.array(found, np.int64).reshape(len(found), len(COLUMNS)).T))


def prepare(town: Any, workload: Workload, threads: int) -> Callable[[], dict[str, np.ndarray]]:
    ready = town.ready.head(SAMPLE)
    lines, visits = (rows({name: column.tolist() for name, column in t.items()}) for t in (ready.lines, ready.visits))

    def run() -> dict[str, np.ndarray]:
        found = list(FORMS[workload.name](lines, visits, ready.items, workload))
        return dict(zip(COLUMNS, np.array(found, np.int64).reshape(len(found), len(COLUMNS)).T))

    return run
