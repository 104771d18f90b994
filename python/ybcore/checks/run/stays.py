"""Stays of some visits: those of one mdtrt_id, from their first begin to their last end."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .lines import id_key
from .texts import some_of
from .work import Work

__all__ = ["Stays"]

Int64 = npt.NDArray[np.int64]


class Stays:
    """Stays by person, begin and id. `visits[cut[s]:cut[s + 1]]` are the visits of stay s in order; `last` the last of them."""

    def __init__(self, work: Work, rows: Int64) -> None:
        batch = work.batch
        self._work = work
        person, stay = batch.psn[rows].astype(np.int64), batch.stay[rows].astype(np.int64)
        order = np.lexsort((work.visit_place[rows], stay, person))
        rows, person, stay = rows[order], person[order], stay[order]
        change = np.ones(len(rows), bool)
        change[1:] = (person[1:] != person[:-1]) | (stay[1:] != stay[:-1])
        cut = np.append(np.flatnonzero(change), len(rows)).astype(np.int64)
        begin = np.minimum.reduceat(batch.begin[rows], cut[:-1]) if len(rows) else np.zeros(0, np.int64)
        end = np.maximum.reduceat(batch.end[rows], cut[:-1]) if len(rows) else np.zeros(0, np.int64)
        person = person[cut[:-1]] if len(rows) else person
        by = np.lexsort((begin, person))
        by = self._ties(rows[cut[1:] - 1] if len(rows) else rows, person, begin, by)
        size = np.diff(cut)[by]
        self.cut = np.concatenate(([0], np.cumsum(size))).astype(np.int64)
        place = np.repeat(cut[:-1][by] - self.cut[:-1], size) + np.arange(len(rows))
        self.visits = rows[place]
        self.begin, self.end, self.person = begin[by], end[by], person[by]
        self.last = self.visits[self.cut[1:] - 1] if len(rows) else self.visits

    def __len__(self) -> int:
        return len(self.begin)

    def _ties(self, last: Int64, person: Int64, begin: Int64, by: Int64) -> Int64:
        """Stays of a person that begin together go by their ids."""
        alike = np.zeros(len(by), bool)
        alike[1:] = (person[by][1:] == person[by][:-1]) & (begin[by][1:] == begin[by][:-1])
        if not alike.any():
            return by
        tied = alike.copy()
        tied[:-1] |= alike[1:]
        places = np.flatnonzero(tied)
        mine = by[places]
        names = self._texts(last[mine])
        keyed = sorted(range(len(mine)), key=lambda i: (person[mine[i]], begin[mine[i]], id_key(names[i])))
        out = by.copy()
        out[places] = mine[keyed]
        return out

    def _texts(self, visit: Int64) -> list[object]:
        ids = self._work.batch.visits.ids
        own: list[object] = some_of(ids["setl_id"], visit).to_pylist()
        if "mdtrt_id" not in ids:
            return own
        named = some_of(ids["mdtrt_id"], visit).to_pylist()
        return [mine if name is None else name for name, mine in zip(named, own)]

    def names(self, stays: Int64) -> list[str]:
        """Their mdtrt_id."""
        return [str(name) for name in self._texts(self.last[stays])]
