"""Fund money that comes back, and what becomes full self-pay: a settling group settled again and again, one more finding of it moved each time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .moved import Moved

__all__ = ["Back", "Step", "recovered"]

Int64 = npt.NDArray[np.int64]
Int32 = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Step:
    """One finding that moves money: its settling group, and what it takes from which input lines (fen, 1/10000); `settled`: fen of it in visits that are settled."""

    finding: int
    group: int
    rows: Int64
    amount: Int64
    quantity: Int64
    settled: int


@dataclass(frozen=True)
class Back:
    """What one finding changes, in fen: the funds pay less by `fund`; of what it moves `own` was full self-pay anyway."""

    fund: int
    own: int


def recovered(steps: list[Step], moved: Moved, paid: Callable[[Int64, Moved], Int64]) -> dict[int, Back]:
    """By finding. `steps` stand in the order in which money moves; `moved`: nothing yet, and is changed.

    `paid(groups, moved)` settles these groups with that money moved and gives two rows: what the funds pay in each, and what is full
    self-pay; each time for some of the groups of the time before. The findings of one group add up to the difference between its first and its last settlement.
    """
    by_group: dict[int, list[Step]] = {}
    for step in steps:
        by_group.setdefault(step.group, []).append(step)
    waiting = np.array(sorted(by_group), np.int64)
    before = paid(waiting, moved) if len(waiting) else np.zeros((2, 0), np.int64)
    out: dict[int, Back] = {}
    level = 0
    while len(waiting):
        now = [by_group[group][level] for group in waiting.tolist()]
        for step in now:
            np.add.at(moved.amount, step.rows, step.amount)
            np.add.at(moved.quantity, step.rows, step.quantity)
        after = paid(waiting, moved)
        for step, less, fallen in zip(now, *(before - after).tolist()):
            out[step.finding] = Back(less, step.settled + fallen)
        level += 1
        more = np.array([len(by_group[group]) > level for group in waiting.tolist()])
        waiting, before = waiting[more], after[:, more]
    return out
