"""The job in NumPy: whole columns, and capped running sums instead of the recurrence."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .. import parameters as p
from ..job import COLUMNS, NEW_YEAR, Job

NAME = "numpy"
THREADS = (1,)


def version() -> str:
    return f"NumPy {np.__version__}"


def prepare(job: Job, threads: int) -> Callable[[], dict[str, np.ndarray]]:
    return lambda: settle(job)


def hu(x: np.ndarray, d: int) -> np.ndarray:
    return (x + d // 2) // d


def natures(j: Job) -> tuple[np.ndarray, ...]:
    """Sums by visit: total, full, over, first, scope."""
    count = np.bincount(j.v_item, minlength=j.items)
    first = np.concatenate(([0], np.cumsum(count)[:-1])).astype(np.int32)
    first = np.minimum(first, len(j.v_item) - 1)
    version, left = first[j.item], (count.astype(np.int32) - 1)[j.item]
    for _ in range(int(count.max()) - 1):
        rows = np.flatnonzero(left > 0)
        rows = rows[j.v_from[version[rows] + 1] <= j.ldate[rows]]
        version[rows] += 1
        left[rows] -= 1
    kind = j.v_class[version]
    listed = (count > 0)[j.item]
    held = listed & (j.v_from[version] <= j.ldate) & (j.ldate < j.v_to[version]) & (kind != 2)
    ceil = j.v_ceil[version]
    lim = np.where(ceil < 0, j.amount, np.minimum(j.amount, hu(ceil * j.qty, 1000)))
    lim[~held] = 0
    part = np.where(kind == 1, hu(lim * j.v_ratio[version], 10_000), 0)
    full = np.where(held, 0, j.amount)

    def summed(x: np.ndarray) -> np.ndarray:
        run = np.concatenate(([0], np.cumsum(x)))
        return run[j.off[1:]] - run[j.off[:-1]]

    total, full, lims, parts = summed(j.amount), summed(full), summed(lim), summed(part)
    return total, full, total - full - lims, parts, lims - parts


def settle(j: Job) -> dict[str, np.ndarray]:
    sums = natures(j)
    key = (j.person.astype(np.int64) << 32) | (j.date.astype(np.int64))
    order = np.argsort(key, kind="stable")
    total, full, over, first, scope = (x[order] for x in sums)
    person, kind, tier = j.person[order], j.kind[order], j.tier[order]
    c, year = j.cat[person], j.date[order] >= NEW_YEAR
    start = (
        np.flatnonzero(np.append(True, (person[1:] != person[:-1]) | (year[1:] != year[:-1])))
        if len(person)
        else np.zeros(0, int)
    )
    size = np.diff(np.append(start, len(person)))

    def running(x: np.ndarray) -> np.ndarray:
        run = np.cumsum(x)
        return run - np.repeat(run[start] - x[start], size)

    def capped(x: np.ndarray, cap: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        run = running(x)
        after = np.minimum(run, cap)
        return after - np.minimum(run - x, cap), after

    inpatient = kind == 1
    n = np.minimum(running(inpatient.astype(np.int64)), 3)
    out_ded, _ = capped(np.where(inpatient, 0, scope), p.DED_OUT[c])
    ded = np.where(inpatient, np.minimum(scope, p.DED_IN[c, tier, np.maximum(n, 1) - 1]), out_ded)
    calc = np.zeros_like(scope)
    for s in range(len(p.SEG_LO)):
        width = np.maximum(0, np.minimum(scope, p.SEG_HI[s]) - np.maximum(ded, p.SEG_LO[s]))
        calc += hu(width * p.RATE[kind, c, tier, s], 10_000)
    basic, acc_basic = capped(calc, p.CAP_BASIC[c])
    large, acc_large = capped(hu((calc - basic) * p.LARGE_RATE[c], 10_000), p.CAP_LARGE[c])
    b = scope + first - basic - large
    acc_burden = running(b)
    due = np.zeros_like(b)
    for s in range(len(p.CAT_LO)):
        width = np.maximum(0, np.minimum(acc_burden, p.CAT_HI[s]) - np.maximum(acc_burden - b, p.CAT_LO[s]))
        due += hu(width * p.CAT_RATE[c, s], 10_000)
    cat, _ = capped(due, p.CAP_CAT[c])
    acct, spent = capped(b - cat, j.acct0[person])
    cash = total - basic - large - cat - acct
    done = (
        total,
        full,
        over,
        first,
        scope,
        ded,
        calc,
        basic,
        large,
        cat,
        acct,
        cash,
        acc_basic,
        acc_large,
        acc_burden,
        j.acct0[person] - spent,
    )
    out = {}
    for name, column in zip(COLUMNS, done):
        out[name] = np.empty(len(order), np.int64)
        out[name][order] = column
    return out
