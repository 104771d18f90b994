"""A state in which some counters and accounts stand otherwise than they were left: what an opening that is not known might be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from .state import WITHIN, State

__all__ = ["Places", "moved_accounts", "with_places"]

Int64 = npt.NDArray[np.int64]
MICRO = 1_000_000  # of a fen, in which counters are kept


class Places:
    """A state that has every counter that was asked for; `at` is the place of each among its counters."""

    def __init__(self, state: State, at: Int64) -> None:
        self.state, self.at = state, at

    def raised(self, fen: Int64) -> State:
        """The state with so much more in each of these counters."""
        values = self.state.arrays["counter_value"].copy()
        values[self.at] += fen * MICRO
        return replace(self.state, arrays={**self.state.arrays, "counter_value": values})


def with_places(base: State, later: State, rows: list[int]) -> Places:
    """`base` with the counters of some rows of a later state, at nothing where it had none."""
    names = {kind: list(words) for kind, words in base.names.items()}
    known: dict[str, dict[Any, int]] = {kind: {} for kind in names}
    for kind, words in names.items():
        for i, word in enumerate(words):
            known[kind].setdefault(word, i)

    def place(kind: str, index: int) -> int:
        word = later.names[kind][index]
        if word not in known[kind]:
            known[kind][word] = len(names[kind])
            names[kind].append(word)
        return known[kind][word]

    scopes = base.arrays["counter_scope"].tolist()
    there = {tuple(key): i for i, key in enumerate(base.arrays["counter_key"].tolist())}
    first = len(there)
    more: list[tuple[int, int, int, int]] = []
    at: list[int] = []
    for row in rows:
        counter, owner, within, period = later.arrays["counter_key"][row].tolist()
        scope = int(later.arrays["counter_scope"][counter])
        own = place("counter", counter)
        if own == len(scopes):
            scopes.append(scope)
        whose = place("psn", owner) if owner >= 0 else -2 - place("house", -2 - owner)
        what = place(WITHIN[scope], within) if scope in WITHIN and within >= 0 else within
        key = (own, whose, what, period)
        if key not in there:
            there[key] = first + len(more)
            more.append(key)
        at.append(there[key])
    arrays = dict(base.arrays)
    arrays["counter_key"] = np.concatenate((arrays["counter_key"], np.array(more, np.int32).reshape(-1, 4)))
    arrays["counter_value"] = np.concatenate((arrays["counter_value"], np.zeros(len(more), np.int64)))
    arrays["counter_scope"] = np.array(scopes, np.int32)
    return Places(State(arrays, dict(names)), np.array(at, np.int64))


def moved_accounts(base: State, fen: dict[Any, int]) -> State:
    """The state with so much more or less on the accounts of some persons, as far as it knows them."""
    step = np.array([fen.get(base.names["psn"][p], 0) for p in base.arrays["account_person"]], np.int64)
    arrays = {name: base.arrays[name] + step for name in ("account_balance", "account_opening")}
    return replace(base, arrays={**base.arrays, **arrays})
