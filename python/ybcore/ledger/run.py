"""A run: an engine, its tables, the opening state, and the settlement that they give."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ..columns.ids import encode, lookup, lookup_runs, normal
from ..columns.keys import ids_of, kind_of, text_of
from ..columns.read import Problems, to_arrow
from ..engine import Engine, Settlement, State
from ..errors import InputError, Problem
from ..settling.order import group_persons, household_links, lines_by_visit
from ..settling.result import NUMBERS

__all__ = ["Index", "Run"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
TABLES = ("visits", "lines", "persons", "institutions", "acct_events")


@dataclass(frozen=True, eq=False)
class Run:
    """What was settled, and with what. Tables are anything column-shaped (docs/inputs.md); lines name their visit by setl_id.

    `state`: the opening state. `settled`: the settlement, with lines, detail and closing state, where it is there already. `beyond`: of a
    part of a run, the tables that have rows beyond it. Raises InputError for tables that cannot be read, when they are first looked at.
    """

    engine: Engine
    visits: Any = field(repr=False)
    lines: Any = field(default=None, repr=False)
    persons: Any = field(default=None, repr=False)
    institutions: Any = field(default=None, repr=False)
    acct_events: Any = field(default=None, repr=False)
    state: State | None = field(default=None, repr=False)
    settled: Settlement | None = field(default=None, repr=False)
    beyond: frozenset[str] = field(default=frozenset(), repr=False)

    @cached_property
    def tables(self) -> dict[str, pa.Table]:
        """The tables that were given, under the names of the schema, each column in one piece."""
        problems = Problems()
        out = {}
        for name in TABLES:
            data = getattr(self, name)
            if data is not None:
                schema = self.engine.input_tables[name]
                columns = {}
                for own, column in to_arrow(data, schema, problems, whole=True).items():
                    spec = schema.find(own)
                    columns[own if spec is None or spec.name in columns else spec.name] = column
                out[name] = pa.table(columns).combine_chunks()
        if "lines" in out and "setl_id" not in out["lines"].column_names:
            problems.add("the required column is missing", "lines.setl_id")
        problems.stop()
        return out

    @cached_property
    def settlement(self) -> Settlement:
        """What it gives, with lines, detail and closing state."""
        if self.settled is not None:
            return self._whole(self.settled)
        return self.engine.settle(**self.tables, state=self.state, line_output=True, detail=True)

    def _whole(self, done: Settlement) -> Settlement:
        """A settlement that was handed in. Raises InputError when it is not of these tables, or less than all of it."""
        rows = {name: table.num_rows for name, table in self.tables.items()}
        lacking = [name for name in NUMBERS if name not in done.visits.column_names]
        has = done.visits.num_rows, None if done.lines is None else done.lines.num_rows
        if lacking or done.state is None or done.detail is None or has != (rows["visits"], rows.get("lines")):
            what = "the settlement is not that of these tables with every column, lines, detail and closing state"
            zh = "所给结算结果须出自这些表，并含全部列、明细结果、分层结果与期末状态"
            raise InputError(
                [Problem(what=what, what_zh=zh, path="settled", expected="settle(..., line_output=True, detail=True)")]
            )
        return done

    @cached_property
    def results(self) -> tuple[pa.Table, pa.Table | None]:
        """(visits, lines) of the settlement."""
        return self.settlement.visits, self.settlement.lines

    @cached_property
    def _indexes(self) -> dict[tuple[bool, bool], Index]:
        return {}

    def index(self, shares: tuple[bool, bool]) -> Index:
        """Where whose rows are; people joined as `shares` says (household, mutual aid)."""
        if shares not in self._indexes:
            self._indexes[shares] = Index(self.tables, self.state, shares, self.beyond)
        return self._indexes[shares]


class Index:
    """Rows of a run's tables by id, and who is settled with whom. Nodes are persons, then visits of nobody."""

    def __init__(
        self,
        tables: dict[str, pa.Table],
        state: State | None,
        shares: tuple[bool, bool],
        beyond: frozenset[str] = frozenset(),
    ) -> None:
        visits, persons, events = tables["visits"], tables.get("persons"), tables.get("acct_events")
        self.visits, self.tables, self.beyond = visits.num_rows, tables, beyond
        self.house_names, self.house_node = pa.array([], pa.large_string()), np.zeros(0, np.int32)
        own = ids_of(visits, "setl_id")
        self.id_type = kind_of(own)
        init = ids_of(visits, "init_setl_id", self.id_type)
        earlier = [] if state is None else state.setl_ids()
        (setl, init_code, theirs), self.setl_ids = encode([own, init, pa.chunked_array([earlier], self.id_type)])
        people = ids_of(visits, "psn_no")
        self.psn_type = kind_of(people)
        columns = [
            people,
            ids_of(persons, "psn_no", self.psn_type),
            ids_of(events, "psn_no", self.psn_type),
            ids_of(visits, "mulaid_psn_no", self.psn_type),
            ids_of(persons, "mulaid_psn_no", self.psn_type),
            pa.chunked_array([[] if state is None else state.people()], self.psn_type),
        ]
        (psn, self.person_node, self.event_node, donor, person_donor, state_psn), self.people = encode(columns)
        nobody = np.flatnonzero(psn < 0)
        self.visit_node = psn.copy()
        self.visit_node[nobody] = len(self.people) + np.arange(len(nobody), dtype=np.int32)
        self.nodes = len(self.people) + len(nobody)
        links = self._links(shares, tables, psn, donor, person_donor, state, state_psn)
        links += self._same_ids(setl, init_code, theirs, state, state_psn)
        self.group, self.groups = group_persons(self.nodes, [pair for pair in links if len(pair[0])])
        self.visit_group = self.group[self.visit_node]
        self.there = np.zeros(self.groups, bool)  # groups with visits
        self.there[self.visit_group] = True
        self.settling = int(np.count_nonzero(self.there))
        self.line_begin, self.line_row = self._lines(tables.get("lines"))

    def _links(
        self, shares: tuple[bool, bool], tables: dict[str, pa.Table], psn: Int32, donor: Int32, person_donor: Int32,
        state: State | None, state_psn: Int32,
    ) -> list[tuple[Int32, Int32]]:  # fmt: skip
        links = []
        member, house = (np.zeros(0, np.int32), np.zeros(0, np.int32)) if state is None else state.members()
        if shares[0] or len(member):
            rows = [tables["visits"], tables.get("persons")] if shares[0] else []
            columns = [ids_of(table, "hsld_no") for table in rows]
            texts = [] if state is None else state.names["house"]
            kind = next(
                (kind_of(c) for c in columns if c.null_count < len(c)),
                pa.array(texts).type if len(member) else pa.large_string(),
            )
            columns = [ids_of(table, "hsld_no", kind) for table in rows]
            theirs = pa.array(texts, kind).take(pa.array(house)) if len(member) else pa.array([], kind)
            codes, names = encode([*columns, pa.chunked_array([normal(pa.chunked_array([theirs])).combine_chunks()])])
            people = [psn, self.person_node][: len(rows)]
            members, of = np.concatenate([*people, state_psn[member]]), np.concatenate(codes)
            links.append(household_links(members, of, len(names)))
            known = np.flatnonzero((of >= 0) & (members >= 0))
            self.house_names, self.house_node = names, np.full(len(names), -1, np.int32)
            self.house_node[of[known]] = members[known]
        if shares[1]:
            links += [(psn, donor), (self.person_node, person_donor)]
        return links

    def _same_ids(
        self, setl: Int32, init: Int32, theirs: Int32, state: State | None, state_psn: Int32
    ) -> list[tuple[Int32, Int32]]:
        """Visits that name one settlement are looked at together, whoever they are of."""
        node = np.full(len(self.setl_ids) + 1, -1, np.int32)
        self.first_row = np.full(len(self.setl_ids) + 1, -1, np.int64)
        known = np.flatnonzero(setl >= 0)[::-1]
        self.first_row[setl[known]] = known
        node[setl[known]] = self.visit_node[known]
        self.earlier = np.full(len(self.setl_ids) + 1, -1, np.int32)  # whose it was before this run
        if state is not None and len(theirs):
            a = state.arrays
            self.earlier[theirs] = state_psn[np.concatenate((a["person"], a["other_person"]))]
        links = []
        for code in (setl, init):
            for target in (node, self.earlier):
                rows = np.flatnonzero((target[code] >= 0) & (target[code] != self.visit_node))
                links.append((self.visit_node[rows], target[code[rows]]))
        rows = np.flatnonzero((node >= 0) & (self.earlier >= 0))
        links.append((node[rows], self.earlier[rows]))
        return links

    def _lines(self, lines: pa.Table | None) -> tuple[Int64, Int64 | None]:
        """(first line of each visit, rows of lines by visit or None where they stand so)."""
        if lines is None:
            return np.zeros(self.visits + 1, np.int64), None
        code, ends = lookup_runs(ids_of(lines, "setl_id", self.id_type), self.setl_ids)
        return lines_by_visit(self.first_row[code].astype(np.int32), ends, self.visits)

    def row_of(self, ids: pa.ChunkedArray) -> Int64:
        """Row of the visit that each id is of; -1 none."""
        return self.first_row[lookup(ids, self.setl_ids)]

    def known(self, ids: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
        """Ids of visits of this run or of one before."""
        code = lookup(ids, self.setl_ids)
        return (self.first_row[code] >= 0) | (self.earlier[code] >= 0)

    def nodes_of_ids(self, ids: pa.ChunkedArray) -> Int32:
        """Whose the settlements are, those of earlier runs too; unknown ones are left out."""
        now, before = self.owners(ids)
        return np.concatenate((now[now >= 0], before[before >= 0])).astype(np.int32)

    def owners(self, ids: pa.ChunkedArray) -> tuple[Int32, Int32]:
        """Whose each settlement is: (in this run, in an earlier one); -1 nobody's."""
        code = lookup(ids, self.setl_ids)
        row = self.first_row[code]
        now = self.visit_node[np.maximum(row, 0)] if self.visits else np.full(len(row), -1, np.int32)
        return np.where(row >= 0, now, -1).astype(np.int32), self.earlier[code]

    @cached_property
    def hospitals(self) -> pa.Array:
        """Institutions that visits name."""
        return text_of(ids_of(self.tables["visits"], "fixmedins_code")).unique()

    def somebody(self, name: str, ids: pa.Array, known: pa.Array) -> npt.NDArray[np.bool_]:
        """Persons or institutions that are there: in the run, or among those that came."""
        there = np.asarray(pc.is_in(ids, value_set=known))
        if name == "persons":
            return there | (self.nodes_of_people(pa.chunked_array([ids])) >= 0)
        return there | np.asarray(pc.is_in(ids, value_set=self.hospitals.cast(ids.type)))

    def names_of(self, name: str, known: pa.Array) -> pa.Array:
        """The ids that `somebody` knows."""
        ours = self.people if name == "persons" else self.hospitals
        return pa.concat_arrays([known, ours.cast(known.type)]).drop_null().unique()

    def has_rows(self, name: str) -> bool:
        """Whether the run has rows of a table."""
        return name in self.beyond or (name in self.tables and self.tables[name].num_rows > 0)

    def nodes_of_people(self, people: pa.ChunkedArray) -> Int32:
        """Node of each person; -1 unknown."""
        return lookup(people, self.people)

    def lines_of(self, visits: Int64) -> tuple[Int64, Int64]:
        """(rows of the lines of some visits, how many each has)."""
        begin = self.line_begin[visits]
        size = self.line_begin[visits + 1] - begin
        ends = np.cumsum(size)
        place = np.repeat(begin - ends + size, size) + np.arange(int(ends[-1]) if len(ends) else 0)
        return (place if self.line_row is None else self.line_row[place]), size
