"""Pools: the budgets that points share, whichever documents name them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import Problem
from ..policy.faults import nearest
from .book import Clearing
from .models import Pool

if TYPE_CHECKING:
    from .units import Builder, Units

__all__ = ["YEARS", "budgets_of", "pools_of_months"]

Int32 = npt.NDArray[np.int32]
YEARS = 10_000


def _figures(pool: Pool) -> tuple[Any, ...]:
    """What decides about the money of a pool."""
    return pool.reserve.value, pool.fund_ratio.value, pool.adds, pool.remainder, pool.digits


def pools_of_months(build: Builder, out: Units) -> Int32:
    """Puts the pools that have cases, each once for all documents that name it; the pool of each month, -1 none."""
    methods = build.cells.methods
    there = sorted({method.pool for _, method in methods if method.pool is not None})
    if not there or not len(out.unit):
        return np.full(len(out.unit), -1, np.int32)
    rank = np.array([-1 if method.pool is None else there.index(method.pool) for _, method in methods], np.int64)
    by_year = np.array([m.pool is not None and d.model.pools[m.pool].period == "year" for d, m in methods])
    way = np.array([unit.method for unit in out.units], np.int64)[out.unit]
    year = np.array([unit.year for unit in out.units], np.int64)[out.unit]
    # A month of 0 is the whole year.
    key = (rank[way] * YEARS + year) * 13 + np.where(by_year[way], 0, out.month)
    inside = rank[way] >= 0
    if not inside.any():
        return np.full(len(key), -1, np.int32)
    sharing: dict[int, list[Clearing]] = {}
    for held, method in sorted(set(zip(key[inside].tolist(), way[inside].tolist()))):
        sharing.setdefault(held, []).append(methods[method][0])
    rows = []
    for held, documents in sharing.items():
        (at, in_year), number = divmod(held // 13, YEARS), held % 13
        period = f"{in_year:04d}-{number:02d}" if number else f"{in_year:04d}"
        first = min(documents, key=lambda document: document.id)
        rows.append((first.id, there[at], period, held, first))
        if len({_figures(document.model.pools[there[at]]) for document in documents}) > 1:
            who, pool = ", ".join(sorted({document.id for document in documents})), f"{there[at]}, {period}"
            build.tell(
                f"documents {who} share the budget of pool {pool}, but their figures of it differ: change a pool from the first day of a period",
                f"文件 {who} 共用预算 {pool}，其预算参数却不相同：预算参数须自期初起改",
            )
    rows.sort(key=lambda row: row[:3])
    for document, name, period, _, first in rows:
        out.pools.append((first, name, period))
        at_least = out.owners.setdefault((name, int(period[:4])), document)
        out.owners[name, int(period[:4])] = min(at_least, document)
    place = {held: index for index, (*_, held, _) in enumerate(rows)}
    keys = np.array(sorted(place), np.int64)
    order = np.array([place[held] for held in keys.tolist()], np.int32)
    found = np.minimum(np.searchsorted(keys, key), len(keys) - 1)
    return np.where(inside, order[found], -1).astype(np.int32)


def budgets_of(build: Builder, out: Units) -> list[int]:
    """The budget of each pool in fen; tells those that are missing or stand twice."""
    frame = build.given.frames["budgets"]
    held: dict[tuple[str, str], int] = {}
    if frame.rows:
        (pools, names), (periods, texts) = frame.code("pool") or ([], []), frame.code("period") or ([], [])
        for pool, period, budget in zip(pools, periods, frame.ints("budget").tolist()):
            key = (names[pool], texts[period])
            if key in held:
                build.tell(f"budgets have two rows for pool {key[0]}, {key[1]}", f"budgets 中 {key[0]} {key[1]} 有两行")
            held[key] = budget
    known = [" ".join(key) for key in held]
    for _, pool, period in out.pools:
        if (pool, period) not in held:
            what, zh = f"budgets have no row for pool {pool}, {period}", f"budgets 中没有 {pool} {period} 的预算"
            build.problems.append(
                Problem(what=what, what_zh=zh, path="budgets", nearest=nearest(f"{pool} {period}", known))
            )
    return [held.get((pool, period), 0) for _, pool, period in out.pools]
