"""The page of arithmetic in plain Python, row by row; every other contender must give its bytes."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np

from .. import parameters as p
from ..job import COLUMNS, NEW_YEAR, Job

NAME = "plain_python"
THREADS = (1,)
SAMPLE = 20_000  # visits; its time is scaled, and the table says so


def version() -> str:
    return f"CPython {sys.version.split()[0]}"


def hu(x: int, d: int) -> int:
    """Half-up division of non-negative numbers."""
    return (x + d // 2) // d


def prepare(job: Job, threads: int) -> Callable[[], dict[str, np.ndarray]]:
    held = {name: getattr(job, name).tolist() for name in Job.__dataclass_fields__ if name != "items"}
    return lambda: settle(held, job.items)


def settle(j: dict[str, list], items: int) -> dict[str, np.ndarray]:
    first = [0] * (items + 1)
    for item in j["v_item"]:
        first[item + 1] += 1
    for i in range(items):
        first[i + 1] += first[i]
    n = len(j["person"])
    tables = {name: getattr(p, name).tolist() for name in dir(p) if name.isupper() and name != "OPEN"}
    out: list[list[int]] = [[0] * n for _ in COLUMNS]
    sums = [natures(j, first, i) for i in range(n)]
    states: dict[tuple[int, bool], list[int]] = {}
    for i in sorted(range(n), key=lambda i: (j["person"][i], j["date"][i], i)):
        who = j["person"][i], j["date"][i] >= NEW_YEAR
        state = states.setdefault(who, [0, 0, 0, 0, 0, 0, j["acct0"][who[0]]])
        row = visit(tables, j["cat"][who[0]], j["tier"][i], j["kind"][i], *sums[i], state)
        for column, value in zip(out, row):
            column[i] = value
    return {name: np.array(column, np.int64) for name, column in zip(COLUMNS, out)}


def natures(j: dict[str, list], first: list[int], i: int) -> tuple[int, int, int, int, int]:
    total = full = over = pay = scope = 0
    for k in range(j["off"][i], j["off"][i + 1]):
        item, day, amount = j["item"][k], j["ldate"][k], j["amount"][k]
        total += amount
        for v in range(first[item], first[item + 1]):
            if j["v_from"][v] <= day < j["v_to"][v]:
                break
        else:
            full += amount
            continue
        if j["v_class"][v] == 2:
            full += amount
            continue
        ceil = j["v_ceil"][v]
        lim = amount if ceil < 0 else min(amount, hu(ceil * j["qty"][k], 1000))
        part = hu(lim * j["v_ratio"][v], 10_000) if j["v_class"][v] == 1 else 0
        over += amount - lim
        pay += part
        scope += lim - part
    return total, full, over, pay, scope


def visit(t: dict, c: int, tier: int, kind: int, total: int, full: int, over: int, first: int, scope: int, s: list[int]) -> tuple[int, ...]:  # fmt: skip
    """`s`: admissions, deductible used, basic, large, burden, catastrophic, account balance of the year so far."""
    if kind == 1:
        s[0] += 1
        ded = min(scope, t["DED_IN"][c][tier][min(s[0], 3) - 1])
    else:
        ded = min(scope, t["DED_OUT"][c] - s[1])
        s[1] += ded
    rates = t["RATE"][kind][c][tier]
    calc = sum(
        hu(max(0, min(scope, hi) - max(ded, lo)) * r, 10_000) for lo, hi, r in zip(t["SEG_LO"], t["SEG_HI"], rates)
    )
    basic = min(calc, t["CAP_BASIC"][c] - s[2])
    s[2] += basic
    large = min(hu((calc - basic) * t["LARGE_RATE"][c], 10_000), t["CAP_LARGE"][c] - s[3])
    s[3] += large
    b = scope + first - basic - large
    ends = zip(t["CAT_LO"], t["CAT_HI"], t["CAT_RATE"][c])
    due = sum(hu(max(0, min(s[4] + b, hi) - max(s[4], lo)) * r, 10_000) for lo, hi, r in ends)
    cat = min(due, t["CAP_CAT"][c] - s[5])
    s[5] += cat
    s[4] += b
    acct = min(s[6], b - cat)
    s[6] -= acct
    cash = total - basic - large - cat - acct
    return total, full, over, first, scope, ded, calc, basic, large, cat, acct, cash, s[2], s[3], s[4], s[6]
