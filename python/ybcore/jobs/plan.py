"""Who is settled with whom, in what order, and in which unit: one pass over the ids of visits and persons."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
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

__all__ = ["Plan", "make_plan"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
_SHOWN = 5


@dataclass(frozen=True)
class Plan:
    """Groups stand in the order of the output, numbered from 0; units are ranges of groups.

    `visit_group`: group of each visit of the dataset, in its order; `groups` for visits of nobody. `unit_begin`: the first group of each
    unit, and the end; visits of nobody are of the last unit. `person_group`: group of each entry of `people`, -1 for those who are
    settled with nobody. `visit_row`: the first row of each entry of `setl_ids`; None where they are the same.
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
    ordered: bool

    @property
    def units(self) -> int:
        return len(self.unit_begin) - 1

    def unit_of(self, group: Int32) -> Int32:
        """Unit of groups; -1 for group -1."""
        lut = np.repeat(np.arange(self.units, dtype=np.int32), np.diff(self.unit_begin))
        lut = np.append(lut, [self.units - 1, -1]).astype(np.int32)  # visits of nobody, then no group
        return lut[group]

    def unit_of_visits(self) -> Int32:
        """Unit of each visit."""
        return self.unit_of(self.visit_group)

    def unit_of_people(self, ids: pa.ChunkedArray) -> Int32:
        """Unit of each person; -1 for one who is settled with nobody."""
        return self.unit_of(np.append(self.person_group, np.int32(-1))[lookup(ids, self.people)])

    def visits_of(self, ids: pa.ChunkedArray) -> Int32:
        """Row of the visit that each id names; -1 none."""
        found = lookup(ids, self.setl_ids)
        if self.visit_row is not None:
            return np.append(self.visit_row, np.int32(-1))[found]
        return found


def row_groups(dataset: Dataset) -> list[tuple[int, int]]:
    """(file, row group) of a dataset, in its order."""
    return [(file.index, group) for file in dataset.files for group in range(len(file.group_rows))]


def make_plan(
    engine: Engine,
    datasets: dict[str, Dataset],
    state: State | None,
    unit_visits: int,
    over: Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]] = map,
    only: tuple[str, ...] = (),
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
    links = [] if visit_row is None else [(psn[again], psn[visit_row[setl[again]]])]
    if aid:
        links += [(psn, donor), (person, person_donor)] if persons is not None else [(psn, donor)]
    members, house_of, houses = _houses(visits, persons, psn, person, state, state_psn, houses_count)
    if len(members):
        links.append(household_links(members, house_of, len(houses)))
    init = ids_of(visits, "init_setl_id", id_type)
    links += _same_ids(init, own, setl_ids, visit_row, psn, state, state_psn)
    group, count = group_persons(len(people), [pair for pair in links if len(pair[0])])
    return _ranked(psn, group, count, people, setl_ids, visit_row, state_psn, members, house_of, houses, unit_visits)


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


def _same_ids(init: pa.ChunkedArray, own: pa.ChunkedArray, setl_ids: pa.Array, visit_row: Int32 | None, psn: Int32, state: State | None, state_psn: Int32) -> list[tuple[Int32, Int32]]:  # fmt: skip
    """Visits that name one settlement are settled together, whoever they are of."""
    links = []
    named_rows = np.flatnonzero(np.asarray(init.is_valid())) if init.null_count < len(init) else np.zeros(0, np.int64)
    asked = pa.chunked_array([init.take(pa.array(named_rows)).combine_chunks()]) if len(named_rows) else None
    if asked is not None:
        code = lookup(asked, setl_ids)
        row = code if visit_row is None else np.append(visit_row, np.int32(-1))[code]
        hit = (code >= 0) & (psn[row] != psn[named_rows])
        links.append((psn[named_rows][hit], psn[row[hit]]))
    if state is not None and (theirs := state.setl_ids()):
        ids = pa.array(theirs, setl_ids.type)
        owner = state_psn[np.concatenate((state.arrays["person"], state.arrays["other_person"]))]
        code = lookup(pa.chunked_array([ids]), setl_ids)
        row = code if visit_row is None else np.append(visit_row, np.int32(-1))[code]
        hit = code >= 0
        links.append((psn[row[hit]], owner[hit]))
        if asked is not None:
            _, dictionary = encode([pa.chunked_array([ids])])
            place = lookup(pa.chunked_array([ids]), dictionary)
            whose = np.full(len(dictionary) + 1, -1, np.int32)
            whose[place] = owner
            links.append((psn[named_rows], whose[lookup(asked, dictionary)]))
    return links


def _ranked(psn: Int32, group: Int32, count: int, people: pa.Array, setl_ids: pa.Array, visit_row: Int32 | None, state_psn: Int32, members: Int32, house_of: Int32, houses: pa.Array, unit_visits: int) -> Plan:  # fmt: skip
    """Groups by their least person, cut into units."""
    known = psn >= 0
    of_visit = group[psn] if known.all() else np.where(known, group[np.maximum(psn, 0)] if count else 0, -1)
    weight = np.bincount(of_visit[known] if not known.all() else of_visit, minlength=count)
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
    begin = np.flatnonzero(np.diff(unit, prepend=-1)).astype(np.int32) if groups else np.zeros(1, np.int32)
    return Plan(groups, visit_group, np.append(begin, np.int32(groups)).astype(np.int32), people, rank[group], setl_ids, visit_row, houses,
                house_group, bool((visit_group[1:] >= visit_group[:-1]).all()))  # fmt: skip


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
