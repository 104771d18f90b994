"""Inputs of the one-scheme job (one_scheme/README.md), made from a seed."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt

COLUMNS = (
    "total", "full_self", "over_limit", "first_pay", "in_scope", "deductible", "seg_calc", "basic_pay", "large_pay", "cat_pay", "acct_pay",
    "cash", "acc_basic", "acc_large", "acc_burden", "acct_bal",
)  # fmt: skip
FIRST_DAY, LAST_DAY = 19_905, 20_269  # 2024-07-01 and 2025-06-30
NEW_YEAR = 20_089  # 2025-01-01
ORDERS = ("random", "date", "person")
Array = npt.NDArray[np.generic]


@dataclass(frozen=True)
class Job:
    """Columns of the inputs: visits, lines grouped by visit, persons, catalogue versions sorted by (item, from)."""

    person: Array
    date: Array
    tier: Array
    kind: Array
    off: Array
    item: Array
    ldate: Array
    qty: Array
    amount: Array
    cat: Array
    acct0: Array
    v_item: Array
    v_from: Array
    v_to: Array
    v_class: Array
    v_ratio: Array
    v_ceil: Array
    items: int

    @property
    def visits(self) -> int:
        return len(self.person)

    @property
    def lines(self) -> int:
        return len(self.item)

    def floor_bytes(self) -> tuple[int, int]:
        """Bytes that any contender must read and write once."""
        return self.visits * 18 + self.lines * 20, self.visits * 8 * len(COLUMNS)

    def save(self, folder: Path) -> None:
        for field in fields(self):
            np.save(folder / f"{field.name}.npy", np.asarray(getattr(self, field.name)))

    @classmethod
    def load(cls, folder: Path) -> Job:
        held = {field.name: np.load(folder / f"{field.name}.npy") for field in fields(cls)}
        return cls(**held | {"items": int(held["items"])})

    def head(self, persons: int) -> Job:
        """The visits of the first persons, whole."""
        keep = np.flatnonzero(self.person < persons)
        begin, size = self.off[keep], (self.off[1:] - self.off[:-1])[keep]
        off = np.concatenate(([0], np.cumsum(size)))
        rows = np.repeat(begin - off[:-1], size) + np.arange(off[-1])
        mine = {name: getattr(self, name)[keep] for name in ("person", "date", "tier", "kind")}
        mine |= {name: getattr(self, name)[rows] for name in ("item", "ldate", "qty", "amount")}
        rest = {f.name: getattr(self, f.name) for f in fields(self)} | mine
        return Job(**rest | {"off": off, "cat": self.cat[:persons], "acct0": self.acct0[:persons]})


def catalog(rng: np.random.Generator, items: int, dated: float) -> dict[str, Array]:
    """One version an item; a share of the items has two, and a few of those leave days between them."""
    two = rng.random(items) < dated
    change = rng.integers(FIRST_DAY, LAST_DAY, items)
    item = np.repeat(np.arange(items, dtype=np.int32), 1 + two)
    second = np.append(False, item[1:] == item[:-1])
    first = np.append(item[1:] == item[:-1], False)
    begin = np.where(second, change[item] + np.where(item % 7 == 0, 20, 0), 18_262)
    end = np.where(first, change[item], 47_482)
    kind = rng.choice(3, len(item), p=[0.35, 0.55, 0.10])
    ceil = np.where(
        rng.random(len(item)) < 0.25, np.maximum(1, rng.lognormal(7.5, 1.2, len(item)).astype(np.int64)), -1
    )
    return {
        "v_item": item, "v_from": begin.astype(np.int32), "v_to": end.astype(np.int32), "v_class": kind.astype(np.int8),
        "v_ratio": rng.choice([500, 1000, 1025, 1500, 2025, 3075], len(item)).astype(np.int32), "v_ceil": ceil.astype(np.int64),
    }  # fmt: skip


def make(visits: int, *, items: int = 200_000, dated: float = 0.05, order: str = "random", seed: int = 1) -> Job:
    """A year of visits: 88 of 100 outpatient, about ten lines each with a heavy tail, items by Zipf's law, eight visits a person."""
    rng = np.random.default_rng(seed)
    persons = max(1, visits // 8)
    person = rng.integers(0, persons, visits).astype(np.int32)
    date = rng.integers(FIRST_DAY, LAST_DAY + 1, visits).astype(np.int32)
    if order == "date":
        date = np.sort(date)
    elif order == "person":
        place = np.lexsort((date, person))
        person, date = person[place], date[place]
    kind = (rng.random(visits) < 0.12).astype(np.int8)
    size = np.minimum(rng.geometric(1 / 6.0, visits) + np.where(kind == 1, rng.integers(5, 75, visits), 0), 400)
    size[rng.random(visits) < 0.001] = 0
    off = np.concatenate(([0], np.cumsum(size))).astype(np.int64)
    lines = int(off[-1])
    # Zipf's law by its inverse; ranks are spread so that neighbours in the catalogue are not neighbours in use.
    rank = np.exp(rng.random(lines) * np.log(items)).astype(np.int64)
    item = ((rank * 7_919 + 13) % (items + 3)).astype(np.int32)
    item[item >= items] = items - 1
    back = np.where(np.repeat(kind, size) == 1, rng.integers(0, 15, lines), 0)
    ldate = (np.repeat(date, size) - back).astype(np.int32)
    qty = rng.choice([500, 1000, 1000, 2000, 3000, 7000, 14000, 1333], lines).astype(np.int32)
    # Hospital lines cost more, and one person in a hundred is gravely ill: the funds' caps are there to be reached.
    dear = 1 + 5 * kind + 40 * (rng.random(persons) < 0.01)[person] * (1 + 2 * kind)
    amount = np.exp(rng.normal(7.6, 1.5, lines)) * np.repeat(dear, size)
    amount = np.minimum(np.maximum(1, amount).astype(np.int64), 200_000_00)
    cat = rng.choice(3, persons, p=[0.5, 0.2, 0.3]).astype(np.int8)
    acct0 = np.where(cat == 2, 0, rng.integers(0, 600_000, persons)).astype(np.int64)
    tier = rng.choice(3, visits, p=[0.3, 0.4, 0.3]).astype(np.int8)
    held = catalog(rng, items, dated)
    # A few items are not listed at all.
    listed = held["v_item"] % 509 != 0
    held = {name: column[listed] for name, column in held.items()} if items > 509 else held
    return Job(person, date, tier, kind, off, item, ldate, qty, amount, cat, acct0, **held, items=items)
