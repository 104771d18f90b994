"""How much money moves if visits are settled in another order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from .deltas import PAYERS, _text
from .run import Run
from .variants import ORDERS, Variant, order_of, settled

__all__ = ["OrderSensitivity", "order_sensitivity", "order_variants"]


@dataclass(frozen=True)
class OrderSensitivity:
    """What moves under another order (docs/reconcile.md section 4). Tables: by variant, by variant and payer, by variant and person."""

    order: str
    variants: pa.Table
    payers: pa.Table
    persons: pa.Table


def order_variants(run: Run) -> list[tuple[str, Variant]]:
    """The other orders, with their names."""
    own = order_of(run.engine)
    other = next(rule for rule in ORDERS if rule != own)
    return [
        (other, Variant(order=other)),
        (f"{own}, ties reversed", Variant(reversed_ties=True)),
        (f"{other}, ties reversed", Variant(order=other, reversed_ties=True)),
    ]


def order_sensitivity(run: Run, progress: Callable[[int, int], None] | None = None) -> OrderSensitivity:
    """Settle a run under the other orders and tell what moves, in fen. `progress(done, whole)` hears of the orders."""
    before = run.results[0]
    people = np.array(_text(before["psn_no"]).to_pylist(), object)
    variants: list[tuple[str, int, int, int]] = []
    payers: list[tuple[str, str, int, int, int]] = []
    persons: list[tuple[str, object, int, int, int]] = []
    every = order_variants(run)
    for done, (name, variant) in enumerate(every):
        if progress is not None:
            progress(done, len(every))
        after = settled(run, variant, PAYERS)
        moved = np.stack([after[payer].to_numpy() - before[payer].to_numpy() for payer in PAYERS])
        there = (moved != 0).any(axis=0)
        variants.append((name, int(there.sum()), int(np.abs(moved).sum()), int(moved.sum())))
        for payer, step in zip(PAYERS, moved):
            if step.any():
                payers.append((name, payer, int(np.count_nonzero(step)), int(np.abs(step).sum()), int(step.sum())))
        sums: dict[object, list[int]] = {}
        for row in np.flatnonzero(there).tolist():
            mine = sums.setdefault(people[row], [0, 0, 0])
            mine[0] += 1
            mine[1] += int(np.abs(moved[:, row]).sum())
            mine[2] += int(moved[:, row].sum())
        persons += [(name, who, *mine) for who, mine in sums.items()]  # type: ignore[misc]
    persons.sort(key=lambda row: (row[0], -row[3], str(row[1])))
    kind = _text(before["psn_no"]).type
    counts = ("visits", "absolute", "net")
    return OrderSensitivity(
        order_of(run.engine),
        _rows(variants, ("variant", *counts), (pa.string(),)),
        _rows(payers, ("variant", "payer", *counts), (pa.string(), pa.string())),
        _rows(persons, ("variant", "psn_no", *counts), (pa.string(), kind)),
    )


def _rows(rows: list, names: tuple[str, ...], kinds: tuple[pa.DataType, ...]) -> pa.Table:
    columns = list(zip(*rows)) if rows else [()] * len(names)
    types = (*kinds, *(pa.int64() for _ in names[len(kinds) :]))
    return pa.table({name: pa.array(list(c), kind) for name, c, kind in zip(names, columns, types)})
