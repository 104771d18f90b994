"""ybcore's kernels on prepared columns, through the bindings: which lines a rule names, the row of its table, the check, the amounts.

Nothing is read, numbered, netted or ordered here, and findings have no names; the peers start from the same columns. Beside them stands
where each person's rows begin.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from .. import rules
from ..rules import COLUMNS, REACH, SCOPES, UNIT, Workload
from ..town import Ready

THREADS = (1, 2)
MORE_THAN = "more_than"
AT_LEAST, YEAR = 1, 2  # of ybcore._core.check_age


def version() -> str:
    import ybcore

    return f"ybcore {ybcore.__version__}"


def core() -> Any:
    from ybcore import _core

    return _core


def masks(items: int, *named: Any) -> np.ndarray:
    """One bit a rule for each item, and a row for no item."""
    out = np.zeros((items + 1, 1), np.uint64)
    for rule, at in enumerate(named):
        out[np.unique(at[at >= 0]), 0] |= np.uint64(1 << rule)
    return out


def table(at: np.ndarray, items: int) -> dict[str, Any]:
    """Rows of a table by item, as check_entries reads them: they always hold, everywhere."""
    rows, start = core().rows_by_key(at, items)
    none = dict.fromkeys(("begin", "end", "region", "level", "fits"))
    return {"start": start, "rows": rows, **none, "table_rows": len(at)}


def entries(known: dict[str, Any], key: np.ndarray, threads: int) -> np.ndarray:
    return core().check_entries(**known, key=key, day=None, event_region=None, event_level=None, threads=threads)


def row_of(known: dict[str, Any], items: int, threads: int) -> np.ndarray:
    """The row of each item in a table whose rows always hold, everywhere."""
    return entries(known, np.arange(items, dtype=np.int32), threads)


def complete(*columns: np.ndarray) -> bool:
    """Whether nothing is missing: known of columns beforehand, as DuckDB knows their least values and Polars its nulls."""
    return all(not len(column) or int(column.min()) >= 0 for column in columns)


def offsets(person: np.ndarray) -> np.ndarray:
    """Where each person's rows begin, and the end: part of the order (check_order gives them), and so prepared."""
    ends = np.flatnonzero(person[1:] != person[:-1]) + 1
    return np.concatenate(([0], ends, [len(person)])).astype(np.int64) if len(person) else np.zeros(1, np.int64)


def told(places: Any, rule: Any, measure: Any, excess: Any, amount: Any) -> dict[str, np.ndarray]:
    size = len(places)
    cells = (places, np.broadcast_to(rule, size), np.broadcast_to(measure, size), excess, amount)
    return dict(zip(COLUMNS, cells))


def offending(found: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(finding, event, place) of the offending details."""
    own = np.flatnonzero(found["part"] == 1)
    finding = np.repeat(np.arange(len(found["measure"])), np.diff(found["details"]))
    return finding.take(own), found["event"].take(own), own


def sets(masks: list[list[bool]]) -> np.ndarray:
    """Sets of few codes as one word each."""
    return np.array([[sum(1 << i for i, inside in enumerate(mask) if inside)] for mask in masks], np.uint64)


def attribute(ready: Ready, workload: Workload, threads: int) -> Callable[[], Any]:
    lines, visits, items = ready.lines, ready.visits, len(ready.items)
    tables = [workload.rows(name) for name in ("drug_visit_type", "drug_age_group", "drug_sex")]
    at = [rules.numbers([row["med_list_codg"] for row in rows], ready.items) for rows in tables]
    named, known = masks(items, *at), [table(one, items) for one in at]
    stays = sets([[kind in rules.inpatient() for kind in range(64)]]), np.zeros(len(at[0]), np.int32)
    ages = [
        np.full(len(at[1]), value, kind)
        for value, kind in ((YEAR, np.uint8), (AT_LEAST, np.uint8), (rules.child_years(), np.int64))
    ]
    sex = np.array([row["sex"] != "男" for row in tables[2]], np.int32)
    sexes = sets([[code != other for code in range(64)] for other in (2, 1)])  # what is neither sex offends nobody
    c = core()

    def run() -> dict[str, np.ndarray]:
        picked = c.check_pick(lines["item"], lines["visit"], named, None, 3, threads, True, True)
        hits, measures = [], []
        for rule in range(3):
            place = picked["place"][rule]
            entry = entries(known[rule], picked["item"][rule], threads)
            cell = c.taken(visits[("med_type", "birth", "gend")[rule]], picked["visit"][rule], threads)
            if rule == 1:
                found = c.check_age(entry, cell, c.taken(lines["day"], place, threads), *ages, threads)
            else:
                found = c.check_attribute(entry, cell, *(stays if rule == 0 else (sexes, sex)), False, threads)
            hits.append(c.taken(place, found["event"], threads))
            measures.append(found["measure"])
        hit = np.concatenate(hits)
        quantity, amount = (c.taken(lines[name], hit, threads) for name in ("quantity", "amount"))
        rule_of = np.repeat(np.arange(3), [len(one) for one in hits])
        return told(hit, rule_of, np.concatenate(measures), quantity, amount)

    return run


def excesses(ready: Ready, found: dict[str, Any], place: np.ndarray | None) -> dict[str, np.ndarray]:
    """Lines that carry excess, with its share of their amount."""
    finding, event, own = offending(found)
    at, excess = event if place is None else place.take(event), found["excess"].take(own)
    quantity, amount = (core().taken(ready.lines[name], at) for name in ("quantity", "amount"))
    return told(at, 0, found["measure"].take(finding), excess, core().check_shares(amount, quantity, excess))


def cap(ready: Ready, workload: Workload, threads: int) -> Callable[[], Any]:
    lines, c = ready.lines, core()
    persons, whole = offsets(lines["person"]), complete(lines["visit"])

    def run() -> dict[str, np.ndarray]:
        found = c.check_cap(
            persons, None, "day", lines["visit"], None, lines["item"], lines["quantity"], None, None, rules.CAP * UNIT,
            comparator=MORE_THAN, day=lines["day"], complete=whole, threads=threads,
        )  # fmt: skip
        return excesses(ready, found, None)

    return run


def cap_table(ready: Ready, workload: Workload, threads: int) -> Callable[[], Any]:
    lines, items, c = ready.lines, len(ready.items), core()
    rows = workload.rows("item_max_quantity")
    at = rules.numbers([row["med_list_codg"] for row in rows], ready.items)
    caps = np.array([round(float(row["max_quantity"]) * UNIT) for row in rows], np.int64)
    known, persons, whole = table(at, items), offsets(lines["person"]), complete(lines["hospital"])

    def run() -> dict[str, np.ndarray]:
        found = c.check_cap(
            persons, None, "day", lines["hospital"], None, lines["item"], lines["quantity"], None, caps,
            comparator=MORE_THAN, row_of=row_of(known, items, threads), day=lines["day"], complete=whole, threads=threads,
        )  # fmt: skip
        return excesses(ready, found, None)

    return run


def pairs(ready: Ready, workload: Workload, threads: int) -> Callable[[], Any]:
    lines, items, c = ready.lines, len(ready.items), core()
    rows = workload.rows("item_duplicate_charge")
    main, included = (rules.numbers([row[name] for row in rows], ready.items) for name in ("main", "included"))
    scope = np.array([SCOPES.index(row["scope"]) for row in rows], np.int32)
    built = c.PairTable(main, included, scope, len(SCOPES), None, False, items)
    persons, time = offsets(lines["person"]), lines["time"]
    whole = complete(lines["hospital"], lines["visit"], time)
    groups = [
        ("day", lines["hospital"], None, 0),
        ("subject", lines["visit"], None, 0),
        ("within", lines["hospital"], None, REACH),
        ("hour", lines["hospital"], None, 0),
    ]

    def run() -> dict[str, np.ndarray]:
        found = built.check(persons, time, lines["item"], lines["quantity"], None, None, None, groups, threads, whole)
        finding, hit, _ = offending(found)
        quantity, amount = (c.taken(lines[name], hit, threads) for name in ("quantity", "amount"))
        return told(hit, found["entry"].take(finding), found["measure"].take(finding), quantity, amount)

    return run


def window_visits(ready: Ready, workload: Workload, threads: int) -> Callable[[], Any]:
    visits, c = ready.visits, core()
    windows = [("rolling", days, False, True) for days, _ in rules.VISIT_WINDOWS]
    most = np.array([value for _, value in rules.VISIT_WINDOWS], np.int64)
    each, persons = np.arange(len(most) + 1, dtype=np.int64), offsets(visits["person"])

    def run() -> dict[str, np.ndarray]:
        found = c.check_window(
            persons, visits["day"], None, None, None, "count", MORE_THAN, windows, each, most, 0, 1, 101, threads
        )
        finding, event, _ = offending(found)
        none = np.zeros(len(event), np.int64)
        return told(event, found["step"].take(finding), found["measure"].take(finding), none, none)

    return run


def window_items(ready: Ready, workload: Workload, threads: int) -> Callable[[], Any]:
    """Lines of persons and items that hold too little in the year are left out; the others are brought together."""
    lines, c = ready.lines, core()
    windows, most = [("rolling", rules.WINDOW_DAYS, False, True)], np.array([rules.WINDOW_UNITS * UNIT], np.int64)
    each, persons = np.arange(2, dtype=np.int64), offsets(lines["person"])

    def run() -> dict[str, np.ndarray]:
        beyond = c.check_cap(
            persons, None, "subject", None, None, lines["item"], lines["quantity"], None, None, most[0],
            comparator=MORE_THAN, threads=threads,
        )["event"]  # fmt: skip
        kept = np.sort(beyond)
        order, begin = c.check_regroup(c.check_runs(kept, persons), [c.taken(lines["item"], kept, threads)], threads)
        place = kept.take(order)
        found = c.check_window(
            begin,
            c.taken(lines["day"], place, threads),
            c.taken(lines["quantity"], place, threads),
            None,
            None,
            "sum",
            MORE_THAN,
            windows,
            each,
            most,
            0,
            1,
            101,
            threads,
        )
        return excesses(ready, found, place)

    return run


FORMS = {f.__name__: f for f in (attribute, cap, cap_table, pairs, window_visits, window_items)}


@cache
def held(town: Any) -> Ready:
    """The columns in memory, as the peers hold their tables: not in files that are mapped."""
    lines, visits = (
        {name: np.array(column) for name, column in columns.items()}
        for columns in (town.ready.lines, town.ready.visits)
    )
    return Ready(lines, visits, town.ready.items)


def prepare(town: Any, workload: Workload, threads: int) -> Callable[[], Any]:
    return FORMS[workload.name](held(town), workload, threads)
