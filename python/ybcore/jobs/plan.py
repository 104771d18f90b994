"""Who is settled with whom, in what order, and in which unit: one pass over the ids of visits and persons."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ..columns.ids import encode, lookup, normal
from ..columns.keys import ids_of, kind_of
from ..engine import Engine, State
from ..errors import InputError, Problem
from ..settling.order import group_persons, household_links
from .datasets import DataFile, Dataset

__all__ = ["NEAR", "Plan", "make_plan", "row_groups"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
_SHOWN = 5
NEAR = 3  # units: so many visits may come by while one waits for others of its unit


@dataclass(frozen=True, eq=False)
class Plan:
    """Groups stand in the order of the output, numbered from 0; units are ranges of groups. A group whose visits lie far apart is a unit of its
    own, where there are few such: no other has to wait for its last visit.

    `visit_group`: group of each visit of the dataset, in its order; `groups` for visits of nobody. `unit_begin`: the first group of each
    unit, and the end; visits of nobody are of the last unit. `person_group`: group of each entry of `people`, -1 for those who are
    settled with nobody. `visit_row`: the first row of each entry of `setl_ids`; None where they are the same. `strangers`: reversals that name a settlement of
    another group, as the row of each, then the rows of the settlement, none for one of the opening state. `twice`: the rows of each
    settlement that is there in several groups, without rows of nobody.
    """

    groups: int
    visit_group: Int32 = field(repr=False)
    unit_begin: Int32 = field(repr=False)
    people: pa.Array = field(repr=False)
    person_group: Int32 = field(repr=False)
    setl_ids: pa.Array = field(repr=False)
    visit_row: Int32 | None = field(repr=False)
    houses: pa.Array = field(repr=False)
    house_group: Int32 = field(repr=False)
    strangers: list[list[int]] = field(repr=False)
    twice: list[list[int]] = field(repr=False)

    @property
    def units(self) -> int:
        return len(self.unit_begin) - 1

    @cached_property
    def least_people(self) -> pa.Array:
        """The person that each group stands in the order by."""
        order = np.asarray(pc.array_sort_indices(self.people))
        group = self.person_group[order]
        place = np.full(self.groups, len(order), np.int64)
        known = np.flatnonzero(group >= 0)
        np.minimum.at(place, group[known], known)
        return self.people.take(pa.array(order[place]))

    @property
    def begins(self) -> list[Any]:
        """The person that each unit begins with."""
        out: list[Any] = self.least_people.take(pa.array(self.unit_begin[:-1])).to_pylist() if self.groups else []
        return out

    def begun(self, begins: Sequence[Any]) -> Plan:
        """The same groups in units that begin with these persons, in order; the first one takes all before it too."""
        least = _Names(self.least_people)
        begin = [0, *(bisect_left(least, name) for name in begins[1:]), self.groups]
        return replace(self, unit_begin=np.array(begin, np.int32))

    def unit_of(self, group: Int32) -> Int32:
        """Unit of groups; -1 for group -1."""
        lut = np.repeat(np.arange(self.units, dtype=np.int32), np.diff(self.unit_begin))
        lut = np.append(lut, [self.units - 1, -1]).astype(np.int32)  # visits of nobody, then no group
        return lut[group]

    @cached_property
    def visit_unit(self) -> Int32:
        """Unit of each visit."""
        return self.unit_of(self.visit_group)

    @cached_property
    def visit_place(self) -> Int32:
        """Row of each visit among those of its unit."""
        unit = self.visit_unit.astype(np.uint16) if self.units < 1 << 16 else self.visit_unit
        order = np.argsort(unit, kind="stable")
        size = np.bincount(unit, minlength=self.units)
        out = np.empty(len(unit), np.int32)
        out[order] = np.arange(len(unit)) - np.repeat(np.cumsum(size) - size, size)
        return out

    @cached_property
    def last_row(self) -> Int64:
        """The last visit of each unit; -1 without any."""
        out = np.full(self.units, -1, np.int64)
        np.maximum.at(out, self.visit_unit, np.arange(len(self.visit_unit)))
        return out

    def far(self, rows: int) -> npt.NDArray[np.bool_]:
        """Whether each visit stands more than so many rows before the last of its unit."""
        ahead = self.last_row.astype(np.int32)[self.visit_unit]
        ahead -= np.arange(len(ahead), dtype=np.int32)
        return ahead > rows

    def unit_of_people(self, ids: pa.ChunkedArray) -> Int32:
        """Unit of each person; -1 for one who is settled with nobody."""
        return self.unit_of(np.append(self.person_group, np.int32(-1))[lookup(ids, self.people)])

    def visits_of(self, ids: pa.ChunkedArray) -> Int32:
        """Row of the visit that each id names; -1 none."""
        found = lookup(ids, self.setl_ids)
        if self.visit_row is not None:
            return np.append(self.visit_row, np.int32(-1))[found]
        return found


class _Names(Sequence[Any]):
    """Names that are read one by one."""

    def __init__(self, names: pa.Array) -> None:
        self._names = names

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, at: Any) -> Any:
        return self._names[at].as_py()


def row_groups(dataset: Dataset) -> list[tuple[int, int]]:
    """(file, row group) of a dataset, in its order."""
    return [(file.index, group) for file in dataset.files for group in range(len(file.group_rows))]


def make_plan(
    engine: Engine,
    datasets: dict[str, Dataset],
    state: State | None,
    unit_visits: int,
    over: Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]] = map,
) -> Plan:
    """Read ids and plan. `unit_visits`: about so many visits a unit is to have; `over`: maps a function over row groups, in order.

    Raises InputError for settlements that are there in two files, with both places.
    """
    houses_count, aid = engine.shares
    wanted = [
        "setl_id",
        "psn_no",
        "init_setl_id",
        *(["hsld_no"] if houses_count else []),
        *(["mulaid_psn_no"] if aid else []),
    ]
    visits = _ids(datasets["visits"], wanted, over)
    persons_wanted = ["psn_no", *(["hsld_no"] if houses_count else []), *(["mulaid_psn_no"] if aid else [])]
    persons = _ids(datasets["persons"], persons_wanted, over) if "persons" in datasets else None
    own = ids_of(visits, "setl_id")
    id_type = kind_of(own)
    (setl,), setl_ids = encode([own])
    visit_row = _first_rows(setl, len(setl_ids))
    again = (
        np.zeros(0, np.int64)
        if visit_row is None
        else np.flatnonzero((setl >= 0) & (visit_row[setl] != np.arange(len(setl))))
    )
    _across_files(datasets["visits"], again, visit_row, setl, own)
    people_column = ids_of(visits, "psn_no")
    psn_type = kind_of(people_column)
    earlier = [] if state is None else state.people()
    columns = [
        people_column,
        ids_of(persons, "psn_no", psn_type),
        ids_of(visits, "mulaid_psn_no", psn_type) if aid else pa.chunked_array([], psn_type),
        ids_of(persons, "mulaid_psn_no", psn_type) if aid else pa.chunked_array([], psn_type),
        pa.chunked_array([pa.array(earlier, psn_type)]),
    ]
    (psn, person, donor, person_donor, state_psn), people = encode(columns)
    links = []
    if aid:
        links += [(psn, donor), (person, person_donor)] if persons is not None else [(psn, donor)]
    members, house_of, houses = _houses(visits, persons, psn, person, state, state_psn, houses_count)
    if len(members):
        links.append(household_links(members, house_of, len(houses)))
    links += _known_ids(setl_ids, visit_row, psn, state, state_psn)
    group, count = group_persons(len(people), [pair for pair in links if len(pair[0])])
    init = ids_of(visits, "init_setl_id", id_type)
    of_visit = np.where(psn >= 0, group[np.maximum(psn, 0)] if count else 0, -1).astype(np.int32)
    rows_of = _rows_of(setl, again)
    ours = ([row for row in rows if of_visit[row] >= 0] for rows in rows_of.values())
    twice = [rows for rows in ours if len({int(of_visit[row]) for row in rows}) > 1]
    strangers = _strangers(init, setl_ids, visit_row, rows_of, of_visit, group, state, state_psn)
    return _ranked(
        of_visit,
        group,
        count,
        people,
        setl_ids,
        visit_row,
        state_psn,
        members,
        house_of,
        houses,
        strangers,
        twice,
        unit_visits,
    )


def _ids(dataset: Dataset, columns: list[str], over: Any) -> pa.Table:
    """Some id columns of a whole dataset; those that it lacks are left out."""
    parts = list(over(lambda at: dataset.read(at[0], at[1], columns), row_groups(dataset)))
    if not parts:
        return pa.table({name: pa.array([], pa.large_string()) for name in columns})
    return pa.concat_tables(parts)


def _houses(visits: pa.Table, persons: pa.Table | None, psn: Int32, person: Int32, state: State | None, state_psn: Int32, by_house: bool) -> tuple[Int32, Int32, pa.Array]:  # fmt: skip
    """(members, household of each, households) of what counts together."""
    none = np.zeros(0, np.int32)
    member, house = (none, none) if state is None else state.members()
    if not by_house and not len(member):
        return none, none, pa.array([], pa.large_string())
    tables = [visits, persons] if by_house else []
    found = [ids_of(table, "hsld_no") for table in tables]
    texts = [] if state is None else state.households()
    kind = next(
        (kind_of(c) for c in found if c.null_count < len(c)), pa.array(texts).type if len(member) else pa.large_string()
    )
    found = [ids_of(table, "hsld_no", kind) for table in tables]
    theirs = (
        normal(pa.chunked_array([pa.array(texts, kind).take(pa.array(house))]))
        if len(member)
        else pa.chunked_array([], kind)
    )
    codes, names = encode([*found, theirs])
    members = np.concatenate([*[psn, person][: len(tables)], state_psn[member]]).astype(np.int32)
    return members, np.concatenate(codes).astype(np.int32), names


def _known_ids(
    setl_ids: pa.Array, visit_row: Int32 | None, psn: Int32, state: State | None, state_psn: Int32
) -> list[tuple[Int32, Int32]]:
    """A settlement that the opening state knows is looked at with the people whose it was."""
    if state is None or not (theirs := state.setl_ids()):
        return []
    code = lookup(pa.chunked_array([pa.array(theirs, setl_ids.type)]), setl_ids)
    hit = np.flatnonzero(code >= 0)
    row = code[hit] if visit_row is None else visit_row[code[hit]]
    return [(psn[row], _owners(state, state_psn)[hit])]


def _owners(state: State, state_psn: Int32) -> Int32:
    """Whose each of `state.setl_ids()` was."""
    out: Int32 = state_psn[np.concatenate((state.arrays["person"], state.arrays["other_person"]))]
    return out


def _rows_of(setl: Int32, again: Int64) -> dict[int, list[int]]:
    """The rows of each settlement that is there more than once."""
    if not len(again):
        return {}
    many = np.zeros(int(setl.max()) + 2, bool)
    many[setl[again]] = True
    out: dict[int, list[int]] = {}
    for row in np.flatnonzero(many[setl]).tolist():
        out.setdefault(int(setl[row]), []).append(row)
    return out


def _strangers(init: pa.ChunkedArray, setl_ids: pa.Array, visit_row: Int32 | None, rows_of: dict[int, list[int]], of_visit: Int32, group: Int32, state: State | None, state_psn: Int32) -> list[list[int]]:  # fmt: skip
    """Reversals that name what is of another group."""
    rows = np.flatnonzero(np.asarray(init.is_valid())) if init.null_count < len(init) else np.zeros(0, np.int64)
    rows = rows[of_visit[rows] >= 0]
    if not len(rows):
        return []
    asked = pa.chunked_array([init.take(pa.array(rows)).combine_chunks()])
    code = lookup(asked, setl_ids)
    first = code if visit_row is None else np.append(visit_row, np.int32(-1))[code]
    apart = (first >= 0) & (of_visit[first] != of_visit[rows])
    out = [[row, *rows_of.get(c, [f])] for row, c, f in zip(*(x[apart].tolist() for x in (rows, code, first)))]
    for row, c in zip(rows[~apart].tolist(), code[~apart].tolist()):
        if any(of_visit[other] != of_visit[row] for other in rows_of.get(c, ())):
            out.append([row, *rows_of[c]])
    if state is not None and (theirs := state.setl_ids()):
        ids = pa.chunked_array([pa.array(theirs, setl_ids.type)])
        (place,), dictionary = encode([ids])
        owner = np.full(len(dictionary) + 1, -1, np.int32)
        owner[place] = _owners(state, state_psn)
        whose = owner[lookup(asked, dictionary)]
        away = rows[(whose >= 0) & (group[np.maximum(whose, 0)] != of_visit[rows])].tolist()
        out = [[row] for row in away] + [named for named in out if named[0] not in set(away)]
    return out


def _ranked(of_visit: Int32, group: Int32, count: int, people: pa.Array, setl_ids: pa.Array, visit_row: Int32 | None, state_psn: Int32, members: Int32, house_of: Int32, houses: pa.Array, strangers: list[list[int]], twice: list[list[int]], unit_visits: int) -> Plan:  # fmt: skip
    """Groups by their least person, cut into units."""
    weight = np.bincount(of_visit[of_visit >= 0], minlength=count)
    standing = np.bincount(group[state_psn], minlength=count) if len(state_psn) else np.zeros(count, np.int64)
    live = (weight > 0) | (standing > 0)
    in_order = group[np.asarray(pc.array_sort_indices(people))] if len(people) else np.zeros(0, np.int32)
    place = np.full(count, len(in_order), np.int64)
    place[in_order[::-1]] = np.arange(len(in_order))[::-1]  # the first place of each
    at = np.full(len(in_order), -1, np.int32)
    ours = np.flatnonzero(live).astype(np.int32)
    at[place[ours]] = ours
    ranked = at[at >= 0]
    rank = np.full(count + 1, -1, np.int32)
    rank[ranked] = np.arange(len(ranked), dtype=np.int32)
    groups = len(ranked)
    visit_group = np.where(of_visit >= 0, rank[of_visit], groups).astype(np.int32)
    house_group = np.full(len(houses), -1, np.int32)
    house_group[house_of[house_of >= 0]] = rank[group[members[house_of >= 0]]]
    ends = np.cumsum((weight + standing)[ranked])
    unit = (ends - (weight + standing)[ranked]) // max(1, unit_visits)
    begin = np.flatnonzero(np.diff(unit, prepend=-1)) if groups else np.zeros(1, np.int64)
    wide = _wide(visit_group, groups, NEAR * unit_visits)
    if len(wide) <= len(begin):
        begin = np.unique(np.concatenate((begin, wide, wide[wide + 1 < groups] + 1)))
    return Plan(groups, visit_group, np.append(begin, np.int32(groups)).astype(np.int32), people, rank[group], setl_ids, visit_row, houses,
                house_group, strangers, twice)  # fmt: skip


def _wide(visit_group: Int32, groups: int, rows: int) -> Int64:
    """Groups whose last visit stands more than so many rows behind their first."""
    at = np.arange(len(visit_group), dtype=np.int32)
    first, last = np.zeros(groups + 1, np.int32), np.zeros(groups + 1, np.int32)
    first[visit_group[::-1]] = at[::-1]
    last[visit_group] = at
    return np.flatnonzero((last - first > rows)[:groups])


def _first_rows(setl: Int32, count: int) -> Int32 | None:
    """The first row of each settlement; None where every row is a settlement of its own."""
    if count == len(setl):
        return None
    rows = np.flatnonzero(setl >= 0)[::-1].astype(np.int32)
    first = np.empty(count, np.int32)
    first[setl[rows]] = rows
    return first


def _place(file: DataFile, row: int) -> tuple[str, str]:
    """File, row group and row of a row of a file, in both languages."""
    group = int(np.searchsorted(np.cumsum(file.group_rows), row, side="right"))
    return f"{file.path} (row group {group}, row {row})", f"{file.path}（行组 {group}，第 {row} 行）"


def _across_files(dataset: Dataset, again: Int64, first: Int32 | None, setl: Int32, own: pa.ChunkedArray) -> None:
    """Raise InputError that names both places of settlements that are there in two files."""
    if first is None or len(dataset.files) < 2 or not len(again):
        return
    begin = np.concatenate(([0], np.cumsum([file.rows for file in dataset.files])))
    before = first[setl[again]]
    one, two = (np.searchsorted(begin, rows, side="right") - 1 for rows in (before, again))
    apart = np.flatnonzero(one != two)
    if not len(apart):
        return
    problems = []
    for i in apart[:_SHOWN].tolist():
        rows = ((one[i], before[i]), (two[i], again[i]))
        places = [_place(dataset.files[f], int(row - begin[f])) for f, row in rows]
        name = own[int(again[i])].as_py()
        problems.append(
            Problem(
                what=f"the settlement {name!r} is there in two files: {places[0][0]} and {places[1][0]}",
                what_zh=f"结算 {name!r} 出现在两个文件中：{places[0][1]} 与 {places[1][1]}",
                path="visits.setl_id",
            )
        )
    if len(apart) > _SHOWN:
        more = len(apart) - _SHOWN
        problems.append(
            Problem(what=f"and {more} more settlements", what_zh=f"另有 {more} 笔结算", path="visits.setl_id")
        )
    raise InputError(problems)
