"""What may have been used elsewhere before the first difference of a group: counters, counted stays, the account (docs/reconcile.md section 2).

Each candidate of each group is settled: the visits from the first that differs on, with the state that the visits before it leave and so much
more in one counter. Groups do not touch each other, so one settlement tries one candidate of every group.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..columns.keys import ids_of
from ..engine import State
from ..settling.opening import moved_accounts, with_places
from .reconcile_read import NATURES
from .variants import part_of

if TYPE_CHECKING:
    from .reconcile_causes import Causes

__all__ = ["Openings"]

Int64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
MOST = 10**11  # fen that somebody may have used elsewhere
STAYS = 4  # of them that may have been counted elsewhere
_PROBES = 100
NOT_OF_A_STAY = (*NATURES, "medfee_sumamt", "refl_old_mdtrt_id", "init_setl_id", "refd_setl_flag", "acct_used_flag")


@dataclass(frozen=True)
class _Answer:
    """What a settlement came to by group: the figure that is looked at, and whether every compared column is theirs."""

    figure: Int64
    theirs: Mask


class Openings:
    """The candidates of some groups. `firsts`: group → (row of its first visit that differs, the matched visit)."""

    def __init__(self, causes: Causes, firsts: dict[int, tuple[int, int]]) -> None:
        self.causes, self.run, self.pairs = causes, causes.run, causes.pairs
        self.groups = list(firsts)
        self.place_of = {group: g for g, group in enumerate(self.groups)}
        group = causes.group
        mine = np.zeros(int(group.max(initial=-1)) + 1, bool)
        mine[self.groups] = True
        begin = np.zeros(len(mine), np.int64)
        for g, (row, _) in firsts.items():
            begin[g] = causes.place[row]
        rows = np.flatnonzero(mine[group])
        later = causes.place[rows] >= begin[group[rows]]
        before = part_of(self.run, rows[~later])
        self.rows = rows[later]
        self.part = part_of(self.run, self.rows)
        self.base: State = self._state(before.tables, self.run.state)
        self.after: State = self._state(self.part.tables, self.base)
        self._columns(firsts)
        self.found: dict[int, list[str]] = {group: [] for group in self.groups}

    def _state(self, tables: dict[str, pa.Table], state: State | None) -> State:
        done = self.run.engine.settle(**tables, state=state, receipt=False).state
        assert done is not None
        return done

    def _columns(self, firsts: dict[int, tuple[int, int]]) -> None:
        """Compared cells of these visits, and for each group the column that differs most over the year, or at the first visit."""
        causes = self.causes
        at = np.full(len(causes.group), -1, np.int64)
        at[self.rows] = np.arange(len(self.rows))
        self.visit = np.flatnonzero(at[self.pairs.ours] >= 0)  # matched visits
        self.row = at[self.pairs.ours[self.visit]]
        self.of = np.array([self.place_of[g] for g in causes.group[self.pairs.ours[self.visit]].tolist()], np.int64)
        self.diff, self.has = causes.diff[:, self.visit], causes.has[:, self.visit]
        sums = np.zeros((len(causes.names), len(self.groups)), np.int64)
        for k in range(len(causes.names)):
            np.add.at(sums[k], self.of, self.diff[k])
        first = np.stack([causes.diff[:, i] for _, i in firsts.values()], axis=1)
        whole = np.abs(sums).max(axis=0) > 0
        told = np.where(whole, sums, first)
        self.column = np.abs(told).argmax(axis=0)
        self.wanted = told[self.column, np.arange(len(self.groups))]
        alone = np.isin(self.visit, [i for _, i in firsts.values()])
        self.counted = (whole[self.of] | alone) & self.has[self.column[self.of], np.arange(len(self.visit))]

    def _answer(self, state: State | None, tables: dict[str, pa.Table]) -> _Answer:
        names = self.causes.names
        done = self.run.engine.settle(**tables, state=state, closing_state=False, receipt=False, columns=names).visits
        figure, theirs = np.zeros(len(self.groups), np.int64), np.ones(len(self.groups), bool)
        for k, name in enumerate(names):
            own = done[name].to_numpy()[self.row]
            apart = self.has[k] & (own != self.pairs.outside.fen[name][self.pairs.theirs[self.visit]])
            theirs[self.of[apart]] = False
            looked = self.counted & (self.column[self.of] == k)
            np.add.at(figure, self.of[looked], own[looked])
        return _Answer(figure, theirs)

    # ------------------------------------------------------------------ trying

    def all(self) -> dict[int, list[str]]:
        """Group → every candidate that gives their figures, with how much."""
        self.ours = self._answer(self.base, self.part.tables)
        self._counters()
        self._accounts()
        self._stays()
        self._spending()
        return self.found

    def _least(self, probe: Callable[[Int64], _Answer], top: Int64, rising: bool = True) -> tuple[Int64, Mask, Mask]:
        """By group: (the least amount whose figure is theirs, whether everything is theirs then, whether it is with `top` too).

        Without `rising` the figure may turn back: what is known of `top` then tells nothing of less.
        """
        sign, need = np.sign(self.wanted), np.abs(self.wanted)
        most = probe(top)
        gain = (most.figure - self.ours.figure) * sign
        open_ = (top > 0) & ((gain >= need) | (not rising))
        low, low_gain = np.zeros(len(top), np.int64), np.zeros(len(top), np.int64)
        high, high_gain = np.where(open_, top, 0), np.maximum(gain, need)
        reached = np.zeros(len(top), bool)
        for turn in range(_PROBES):
            moving = open_ & (high - low > 1)
            if not moving.any():
                break
            # Upwards until it is enough; then by halves and, in between, straight between what is known.
            share = (need - low_gain) / np.maximum(high_gain - low_gain, 1)
            between = low + np.ceil(share * (high - low)).astype(np.int64) if turn % 2 else (low + high) // 2
            guess = np.where(reached, between, np.maximum(low + low // 2, need))
            guess = np.clip(guess, low + 1, np.maximum(high - 1, low + 1))
            told = probe(np.where(moving, guess, high))
            mine = (told.figure - self.ours.figure) * sign
            up = moving & (mine >= need)
            down = moving & ~up
            reached |= up
            high, high_gain = np.where(up, guess, high), np.where(up, mine, high_gain)
            low, low_gain = np.where(down, guess, low), np.where(down, mine, low_gain)
        return high, open_ & probe(high).theirs, open_ & most.theirs

    def _tell(self, names: list[str | None], words: str, found: tuple[Int64, Mask, Mask]) -> None:
        for g, (fen, good, more) in enumerate(zip(*(column.tolist() for column in found))):
            if good and names[g] is not None:
                least = "at least " if more else ""
                self.found[self.groups[g]].append(f"{names[g]} {words.format(f'{least}{fen} fen')}")

    def _counters(self) -> None:
        """Every counter of somebody in the group that these visits read or fed."""
        keys, group_of = self.after.arrays["counter_key"], self._owners()
        by_group: list[list[int]] = [[] for _ in self.groups]
        names = self.after.names["counter"]
        for row in sorted(range(len(keys)), key=lambda r: (names[keys[r, 0]], *keys[r].tolist())):
            if group_of[row] >= 0:
                by_group[group_of[row]].append(row)
        for rank in range(max(map(len, by_group), default=0)):
            chosen = [rows[rank] if rank < len(rows) else None for rows in by_group]
            places = with_places(self.base, self.after, [row for row in chosen if row is not None])
            there = np.array([row is not None for row in chosen])

            def probe(fen: Int64, places: Any = places, there: Mask = there) -> _Answer:
                return self._answer(places.raised(fen[there]), self.part.tables)

            told = [None if row is None else counter_words(names[keys[row, 0]]) for row in chosen]
            self._tell(told, "used {}", self._least(probe, np.where(there, MOST, 0)))

    def _owners(self) -> Int64:
        """Place among `groups` of whoever each counter is of; -1 nobody of them."""
        index = self.run.index(self.run.engine.shares)
        lut = np.full(index.groups + 1, -1, np.int64)
        lut[self.groups] = np.arange(len(self.groups))
        state, owner = self.after, self.after.arrays["counter_key"][:, 1]
        people = index.nodes_of_people(pa.chunked_array([pa.array(state.names["psn"], index.psn_type)]))
        houses = np.full(len(state.names["house"]) + 1, -1, np.int64)
        known = {name: i for i, name in enumerate(index.house_names.to_pylist())}
        for i, name in enumerate(state.names["house"]):
            houses[i] = index.house_node[known[name]] if name in known else -1
        node = np.where(
            owner >= 0, np.append(people, -1)[np.maximum(owner, -1)], houses[np.where(owner < -1, -2 - owner, -1)]
        )
        return lut[np.where(node >= 0, index.group[np.maximum(node, 0)], index.groups)]

    def _who(self) -> list[Any]:
        """The person of the first visit of each group that differs."""
        people = ids_of(self.part.tables["visits"], "psn_no")
        return [people[row].as_py() for row in self._first]

    def _accounts(self) -> None:
        """More or less on the account of the person of the first visit that differs."""
        who = self._who()
        held = dict(zip((self.after.names["psn"][p] for p in self.after.arrays["account_person"]), self.after.arrays["account_balance"].tolist()))  # fmt: skip
        known = {self.base.names["psn"][p] for p in self.base.arrays["account_person"]}
        there = np.array([person in held for person in who])
        if not there.any():
            return
        for sign, words in ((-1, "less by {}"), (1, "more by {}")):

            def probe(fen: Int64, sign: int = sign) -> _Answer:
                steps = {person: sign * step for person, step in zip(who, fen.tolist())}
                fresh = {person: step for person, step in steps.items() if person not in known}
                return self._answer(moved_accounts(self.base, steps), self._balances(fresh))

            top = np.where(there, self._least_balance(who) if sign < 0 else MOST, 0)
            self._tell(["account balance" if has else None for has in there.tolist()], words, self._least(probe, top))

    def _least_balance(self, who: list[Any]) -> Int64:
        """What may be taken from each account before it is empty at the start."""
        base = self.base
        held = dict(zip((base.names["psn"][p] for p in base.arrays["account_person"]), base.arrays["account_balance"].tolist()))  # fmt: skip
        persons = self.part.tables.get("persons")
        first: dict[Any, int] = {}
        if persons is not None and "balc" in persons.column_names:
            for person, fen in zip(ids_of(persons, "psn_no").to_pylist(), persons["balc"].to_pylist()):
                first.setdefault(person, int(fen or 0))
        return np.array([max(0, held.get(person, first.get(person, 0))) for person in who], np.int64)

    def _balances(self, steps: dict[Any, int]) -> dict[str, pa.Table]:
        """The tables with other opening balances of some persons."""
        persons = self.part.tables.get("persons")
        if persons is None or "balc" not in persons.column_names or not any(steps.values()):
            return self.part.tables
        people = ids_of(persons, "psn_no").to_pylist()
        cells = [None if fen is None and who not in steps else int(fen or 0) + steps.get(who, 0) for who, fen in zip(people, persons["balc"].to_pylist())]  # fmt: skip
        column = pa.array(cells, pa.int64())
        return {**self.part.tables, "persons": persons.set_column(persons.column_names.index("balc"), "balc", column)}

    # ------------------------------------------------------------------ settlements elsewhere

    def _elsewhere(self, state: State, number: int, fen: Int64, among: list[int]) -> State:
        """A state after one more stay of some groups (places), each with so much in scope and otherwise like the first visit that differs."""
        tables = {name: table for name, table in self.part.tables.items() if name != "lines"}
        visits = tables["visits"].take(pa.array([self._first[g] for g in among], pa.int64()))
        visits = visits.select([name for name in visits.column_names if name not in NOT_OF_A_STAY and "." not in name])
        kind = visits["setl_id"].type
        ids = pa.array([-1 - number * len(self.groups) - g if pa.types.is_integer(kind) else f"!{number}.{g:012d}" for g in among])  # fmt: skip
        given = {"setl_id": ids, "mdtrt_id": ids, "inscp_scp_amt": pa.array(fen[among]), "acct_used_flag": pa.array(["0"] * len(among))}  # fmt: skip
        rest = {name: visits[name] for name in visits.column_names if name not in given}
        return self._state({**tables, "visits": pa.table({**given, **rest})}, state)

    @cached_property
    def _first(self) -> list[int]:
        """Row, among the later visits, of the first visit of each group that differs."""
        first: dict[int, int] = {}
        for row in np.argsort(self.causes.place[self.rows], kind="stable").tolist():
            first.setdefault(int(self.causes.group[self.rows[row]]), row)
        return [first[group] for group in self.groups]

    def _stays(self) -> None:
        """Stays without money that were counted before."""
        if all(policy.model.admissions is None for policy in self.run.engine.book):
            return
        state, every = self.base, list(range(len(self.groups)))
        for number in range(1, STAYS + 1):
            state = self._elsewhere(state, number, np.zeros(len(every), np.int64), every)
            for g in np.flatnonzero(self._answer(state, self.part.tables).theirs).tolist():
                self.found[self.groups[g]].append(f"stays counted {number} more")

    def _spending(self) -> None:
        """Where no counter alone explains it: a settlement that moves all of them."""
        among = [g for g, group in enumerate(self.groups) if not self.found[group]]
        if not among:
            return
        there = np.isin(np.arange(len(self.groups)), among)

        def probe(fen: Int64) -> _Answer:
            return self._answer(self._elsewhere(self.base, 0, fen, among), self.part.tables)

        words = ["settlement elsewhere" if has else None for has in there.tolist()]
        self._tell(words, "with {} in scope", self._least(probe, np.where(there, MOST, 0), rising=False))


def counter_words(text: str) -> str:
    """A counter as the documents call it: its name, or the layer's part that counts."""
    _, name = json.loads(text)
    if isinstance(name, str):
        return f"counter {name}"
    if name[0] == "own":
        return " + ".join(f"{term[-1]} of {term[-2]}" for term in name[1])
    return " ".join(str(part) for part in name)
