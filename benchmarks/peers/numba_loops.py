"""The job in numba, as strong as we could make it: 8-byte catalogue entries, one cache line a visit straight into its person's place."""

from __future__ import annotations

from collections.abc import Callable

import numba as nb
import numpy as np

from .. import parameters as p
from ..job import COLUMNS, NEW_YEAR, Job

NAME = "numba"
THREADS = (1, 2)
MANY = 3  # class of an item with several versions over the batch's days
ABSENT = 2
CHUNKS = 64


def version() -> str:
    return f"numba {nb.__version__}"


def prepare(job: Job, threads: int) -> Callable[[], dict[str, np.ndarray]]:
    nb.set_num_threads(threads)
    # Kept between calls, as the C++ keeps its own.
    record, done = np.empty((job.visits, 8), np.int64), np.empty((job.visits, 12), np.int64)

    def run() -> dict[str, np.ndarray]:
        out = np.empty((len(COLUMNS), job.visits), np.int64)
        settle(job.person, job.date, job.tier, job.kind, job.off, job.item, job.ldate, job.qty, job.amount, job.cat, job.acct0,
               job.v_item, job.v_from, job.v_to, job.v_class, job.v_ratio, job.v_ceil, job.items, record, done, out)  # fmt: skip
        return dict(zip(COLUMNS, out))

    return run


@nb.njit(cache=True)
def compiled(v_item, v_from, v_to, v_class, v_ratio, v_ceil, items, low, high):
    """(entries, where each item's versions begin): class | ratio << 2 | (ceil + 1) << 18."""
    first = np.zeros(items + 1, np.int64)
    for v in range(len(v_item)):
        first[v_item[v] + 1] += 1
    for i in range(items):
        first[i + 1] += first[i]
    entry = np.empty(items, np.int64)
    for i in range(items):
        a, b = first[i], first[i + 1]
        if b - a == 1 and v_from[a] <= low and high < v_to[a]:
            entry[i] = v_class[a] | (v_ratio[a] << 2) | ((v_ceil[a] + 1) << 18)
        else:
            entry[i] = MANY if b > a else ABSENT
    return entry, first


@nb.njit(cache=True, inline="always")
def hu4(x):
    return np.int64(np.uint64(x + 5000) // np.uint64(10_000))


@nb.njit(cache=True, parallel=True)
def settle(person, date, tier, kind, off, item, ldate, qty, amount, cat, acct0, v_item, v_from, v_to, v_class, v_ratio, v_ceil, items, record, done, out):  # fmt: skip
    n, persons = len(person), len(cat)
    lows, highs = np.empty(CHUNKS, np.int32), np.empty(CHUNKS, np.int32)
    for chunk in nb.prange(CHUNKS):
        low, high = np.int32(2**31 - 1), np.int32(-(2**31))
        for k in range(len(item) * chunk // CHUNKS, len(item) * (chunk + 1) // CHUNKS):
            low, high = min(low, ldate[k]), max(high, ldate[k])
        lows[chunk], highs[chunk] = low, high
    entry, first = compiled(v_item, v_from, v_to, v_class, v_ratio, v_ceil, items, lows.min(), highs.max())
    begin = np.zeros(persons + 1, np.int32)
    for i in range(n):
        begin[person[i] + 1] += 1
    for q in range(persons):
        begin[q + 1] += begin[q]
    following = begin[:-1].copy()
    place = np.empty(n, np.int32)
    for i in range(n):
        place[i] = following[person[i]]
        following[person[i]] += 1
    for chunk in nb.prange(CHUNKS):
        for i in range(n * chunk // CHUNKS, n * (chunk + 1) // CHUNKS):
            total, full, limited, part = 0, 0, 0, 0
            for k in range(off[i], off[i + 1]):
                money = amount[k]
                total += money
                e = entry[item[k]]
                group = e & 3
                ratio, ceil = (e >> 2) & 0xFFFF, (e >> 18) - 1
                if group == MANY:
                    group = ABSENT
                    for v in range(first[item[k]], first[item[k] + 1]):
                        if v_from[v] <= ldate[k] < v_to[v]:
                            group, ratio, ceil = np.int64(v_class[v]), np.int64(v_ratio[v]), v_ceil[v]
                if group == ABSENT:
                    full += money
                    continue
                lim = money
                if ceil >= 0:
                    lim = min(money, np.int64(np.uint64(ceil * qty[k] + 500) // np.uint64(1000)))
                limited += lim
                part += hu4(lim * ratio) if group == 1 else 0
            at = place[i]
            record[at, 0], record[at, 1] = date[i], i
            record[at, 2] = tier[i] | (kind[i] << 2)
            record[at, 3], record[at, 4], record[at, 5] = total, part, limited - part
            out[0, i], out[1, i], out[2, i], out[3, i], out[4, i] = (
                total,
                full,
                total - full - limited,
                part,
                limited - part,
            )
    for chunk in nb.prange(CHUNKS):
        order = np.empty(64, np.int64)
        for q in range(persons * chunk // CHUNKS, persons * (chunk + 1) // CHUNKS):
            a, size = begin[q], begin[q + 1] - begin[q]
            if size > len(order):
                order = np.empty(2 * size, np.int64)
            for x in range(size):
                y = x
                while y > 0 and record[order[y - 1], 0] > record[a + x, 0]:
                    order[y] = order[y - 1]
                    y -= 1
                order[y] = a + x
            c, late = cat[q], False
            admissions, used, acc_basic, acc_large, burden, acc_cat, left = 0, 0, 0, 0, 0, 0, acct0[q]
            for x in range(size):
                r = order[x]
                if not late and record[r, 0] >= NEW_YEAR:
                    late = True
                    admissions, used, acc_basic, acc_large, burden, acc_cat, left = 0, 0, 0, 0, 0, 0, acct0[q]
                t, inpatient = record[r, 2] & 3, record[r, 2] >> 2
                total, pay, scope = record[r, 3], record[r, 4], record[r, 5]
                if inpatient == 1:
                    admissions += 1
                    ded = min(scope, p.DED_IN[c, t, min(admissions, 3) - 1])
                else:
                    ded = min(scope, p.DED_OUT[c] - used)
                    used += ded
                calc = 0
                for s in range(4):
                    if scope <= p.SEG_LO[s]:
                        break
                    calc += hu4(max(0, min(scope, p.SEG_HI[s]) - max(ded, p.SEG_LO[s])) * p.RATE[inpatient, c, t, s])
                basic = min(calc, p.CAP_BASIC[c] - acc_basic)
                acc_basic += basic
                large = 0
                if calc > basic:
                    large = min(hu4((calc - basic) * p.LARGE_RATE[c]), p.CAP_LARGE[c] - acc_large)
                acc_large += large
                b = scope + pay - basic - large
                due = 0
                for s in range(3):
                    if burden + b <= p.CAT_LO[s]:
                        break
                    due += hu4(max(0, min(burden + b, p.CAT_HI[s]) - max(burden, p.CAT_LO[s])) * p.CAT_RATE[c, s])
                cata = min(due, p.CAP_CAT[c] - acc_cat)
                acc_cat += cata
                burden += b
                acct = min(left, b - cata)
                left -= acct
                done[r, 0], done[r, 1], done[r, 2], done[r, 3], done[r, 4], done[r, 5] = (
                    ded,
                    calc,
                    basic,
                    large,
                    cata,
                    acct,
                )
                done[r, 6] = total - basic - large - cata - acct
                done[r, 7], done[r, 8], done[r, 9], done[r, 10] = acc_basic, acc_large, burden, left
    for chunk in nb.prange(CHUNKS):
        for i in range(n * chunk // CHUNKS, n * (chunk + 1) // CHUNKS):
            at = place[i]
            for x in range(11):
                out[5 + x, i] = done[at, x]
