"""The state that a run continued, of which only some people's part may be needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..engine import State
from ..settling.merge import Part, merged

__all__ = ["Opening"]


class Opening:
    """A state in one or more folders. Raises OSError, ValueError or KeyError for one that cannot be read.

    One folder is read once and used whole; of several (the parts of a job) one is in memory at a time, and only what some people have is kept.
    """

    def __init__(self, parts: Sequence[Path]) -> None:
        self._parts = tuple(parts)
        self._only = State.load(self._parts[0]) if len(self._parts) == 1 else None

    def _each(self) -> Iterator[State]:
        if self._only is not None:
            yield self._only
        else:
            for part in self._parts:
                yield State.load(part)

    def add_to(self, people: set[Any], ids: set[Any], houses: set[Any]) -> None:
        """Who shares a household's earlier settlements with some people, and whose the settlements of some ids were."""
        for state in self._each():
            a, names = state.arrays, state.names
            for person, house in zip(*(column.tolist() for column in state.members())):
                who, where = names["psn"][person], names["house"][house]
                if who in people:
                    houses.add(where)
                elif where in houses:
                    people.add(who)
            for own, person in (("setl", "person"), ("other_setl", "other_person")):
                known = np.array([name in ids for name in names["setl"]] or [False])
                rows = np.flatnonzero(known[a[own]]) if len(a[own]) else np.zeros(0, np.int64)
                people.update(names["psn"][p] for p in a[person][rows].tolist())

    def of(self, people: set[Any], houses: set[Any]) -> State:
        """The state, or of several parts what these people and households have in it."""
        if self._only is not None:
            return self._only
        kept: list[State] = []
        for state in self._each():
            mine = np.array([name in people for name in state.names["psn"]], bool)
            theirs = np.array([name in houses for name in state.names["house"]], bool)
            if mine.any() or theirs.any() or not kept:
                kept.append(merged([Part(state, mine, theirs)]))
        return kept[0] if len(kept) == 1 else merged([Part(s, *(np.ones(len(s.names[kind]), bool) for kind in ("psn", "house"))) for s in kept])  # fmt: skip
