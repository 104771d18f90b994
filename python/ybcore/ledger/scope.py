"""Who is settled again: the groups that changes reach, and their rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..columns.convert import ColumnError
from ..columns.ids import flat, lookup
from ..columns.keys import ids_of, text_of
from ..engine import Engine, State
from ..settling.merge import Part, merged
from ..settling.order import group_persons
from ..settling.result import FIRST, NUMBERS
from .bench import Bench
from .changes import STRUCK, Institutions, NewCatalog, NewPolicy, Read, StruckOff, alike, fitted
from .deltas import LINE_AMOUNTS, LINE_FACTS
from .differ import BookDiffers, CatalogDiffers, Days, dated_spans, place_among
from .run import Run
from .struck import struck

__all__ = ["Reach", "Scope"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


def _own_words(table: pa.Table) -> pa.Table:
    """Some rows of a table without dictionaries that are larger than they are."""
    for i, column in enumerate(table.columns):
        if pa.types.is_dictionary(column.type) and any(len(c.dictionary) > table.num_rows for c in column.chunks):
            table = table.set_column(i, table.column_names[i], column.cast(column.type.value_type))
    return table


def _houses(table: pa.Table | None) -> list[Any]:
    """Households that rows name; a row of nobody has no part in one."""
    if table is None or "hsld_no" not in table.column_names:
        return []
    somebody = flat(ids_of(table, "psn_no")).is_valid()
    out: list[Any] = flat(ids_of(table, "hsld_no")).filter(somebody).unique().drop_null().to_pylist()
    return out


@dataclass(frozen=True)
class Scope:
    """How much was settled again, out of how much; `why`: for each reason class the groups and visits that its changes touched."""

    groups: int
    of_groups: int
    persons: int
    of_persons: int
    visits: int
    of_visits: int
    why: dict[str, dict[str, int]] = field(default_factory=dict)


class Reach:
    """The groups that some changes reach in a run. `engines`: the one after each change."""

    def __init__(self, run: Run, reads: list[Read], engines: list[Engine]) -> None:
        self.run, self.reads, self.engines = run, reads, engines
        every = [run.engine, *engines]
        self.books = tuple(engine.book for engine in every)
        self.index = run.index((any(e.shares[0] for e in every), any(e.shares[1] for e in every)))
        self._people: dict[Any, int] = {}  # new ones
        self._houses: dict[Any, int] = {}
        self._new_ids: dict[Any, int] = {}
        self._links: list[tuple[int, int]] = []
        named = [self._named(i) for i in range(len(reads))]
        self._join(named)

    # ------------------------------------------------------------------ what changes name

    def _quotient(self, nodes: Any) -> Int64:
        """Groups of the run that some nodes are in."""
        nodes = np.asarray(nodes, np.int64)
        return np.unique(self.index.group[nodes[nodes >= 0]].astype(np.int64))

    def _named(self, i: int) -> Int64:
        """Groups, of the run or new, that one change names or touches."""
        read = self.reads[i]
        before = self.engines[i - 1] if i else self.run.engine
        if isinstance(read.change, NewPolicy):
            differs = BookDiffers(before, self.engines[i])
            return self._visits_where(differs.touched(self.run.results[0], self._days))
        if isinstance(read.change, NewCatalog):
            return self._visits_where(self._catalog_touched(before, self.engines[i]))
        if isinstance(read.change, Institutions):
            return self._visits_where(self._institutions_touched(read.parts["institutions"]))
        if isinstance(read.change, StruckOff):
            return self._visits_where(self._struck(read.parts["struck_off"]))
        out = [self._quotient([])]
        for name, rows in read.parts.items():
            if name == "persons":
                out.append(self._of_people(rows, name))
                continue
            out.append(self._quotient(self.index.nodes_of_ids(self._fit(rows, "setl_id", self.index.id_type))))
            if name == "visits":
                out.append(self._of_people(rows, name))
            out.append(self._of_new_ids(rows))
        return np.unique(np.concatenate(out))

    def _fit(self, rows: pa.Table, name: str, like: pa.DataType) -> pa.ChunkedArray:
        """Ids of a change; none where they are of another type, which is told when the change is applied."""
        try:
            return fitted(flat(ids_of(rows, name, like)), like, "id")
        except (ColumnError, pa.ArrowException):
            return pa.chunked_array([pa.nulls(rows.num_rows, like)])

    def _of_new_ids(self, rows: pa.Table) -> Int64:
        """Groups of visits that came with an earlier change."""
        if not self._new_ids:
            return np.zeros(0, np.int64)
        ids = self._fit(rows, "setl_id", self.index.id_type).to_pylist()
        return np.array([self._new_ids[i] for i in ids if i in self._new_ids], np.int64)

    def _of_people(self, rows: pa.Table, name: str) -> Int64:
        """Groups of the persons of new rows, and what joins them."""
        people = self._fit(rows, "psn_no", self.index.psn_type)
        nodes = self.index.nodes_of_people(people)
        groups = self._group_of_node(nodes)
        for row in np.flatnonzero(groups < 0).tolist():
            who = people[row].as_py()
            key = who if who is not None else (id(rows), row)
            groups[row] = self._people.setdefault(key, self.index.groups + len(self._people))
        houses, aid = self._shares
        if houses:
            self._link_houses(self._fit(rows, "hsld_no", self.index.house_names.type), groups)
        if aid:
            donors = self._fit(rows, "mulaid_psn_no", self.index.psn_type)
            theirs = self.index.nodes_of_people(donors)
            for row in np.flatnonzero(np.asarray(donors.is_valid())).tolist():
                other = int(self.index.group[theirs[row]]) if theirs[row] >= 0 else None
                who = donors[row].as_py()
                if other is None:
                    other = self._people.setdefault(who, self.index.groups + len(self._people))
                self._links.append((int(groups[row]), other))
        if name == "visits":
            self._link_ids(rows, groups)
        return np.unique(groups)

    @property
    def _shares(self) -> tuple[bool, bool]:
        every = [self.run.engine, *self.engines]
        return any(e.shares[0] for e in every), any(e.shares[1] for e in every)

    def _link_houses(self, houses: pa.ChunkedArray, groups: Int64) -> None:
        known = lookup(houses, self.index.house_names)
        for name, at, group in zip(houses.to_pylist(), known.tolist(), groups.tolist()):
            if name is None:
                continue
            node = int(self.index.house_node[at]) if at >= 0 else -1
            if node >= 0:
                self._links.append((group, int(self.index.group[node])))
            self._links.append((group, self._houses.setdefault(name, group)))

    def _link_ids(self, rows: pa.Table, groups: Int64) -> None:
        ids = self._fit(rows, "setl_id", self.index.id_type).to_pylist()
        named = self._fit(rows, "init_setl_id", self.index.id_type)
        for own, init, group in zip(ids, named.to_pylist(), groups.tolist()):
            self._links.append((group, self._new_ids.setdefault(own, group)))
            if init in self._new_ids:
                self._links.append((group, self._new_ids[init]))
        taken = self._fit(rows, "setl_id", self.index.id_type)
        for owner in (*self.index.owners(named), *self.index.owners(taken)):
            at = np.flatnonzero(owner >= 0)
            self._links += zip(groups[at].tolist(), self.index.group[owner[at]].tolist())

    def groups_of(self, name: str, rows: pa.Table) -> Int64:
        """Group of each row of a change, in the numbers of `affected`; -1 where it names nobody that is known."""
        if name in ("visits", "persons"):
            people = self._fit(rows, "psn_no", self.index.psn_type)
            node = self.index.nodes_of_people(people)
            group = self._group_of_node(node)
            for row in np.flatnonzero(node < 0).tolist():
                who = people[row].as_py()
                group[row] = self._people.get(who if who is not None else (id(rows), row), -1)
        else:
            ids = self._fit(rows, "setl_id", self.index.id_type)
            now, before = self.index.owners(ids)
            group = self._group_of_node(np.where(now >= 0, now, before))
            for row in np.flatnonzero(group < 0).tolist():
                group[row] = self._new_ids.get(ids[row].as_py(), -1)
        return np.append(self.super, np.int32(-1))[group].astype(np.int64)

    def _group_of_node(self, node: Any) -> Int64:
        group: Int64 = np.append(self.index.group, np.int32(-1))[node].astype(np.int64)
        return group

    # ------------------------------------------------------------------ what documents and dated tables touch

    @cached_property
    def _days(self) -> Days:
        return Days.of(self.run.tables["visits"], self.run.engine.input_tables["visits"], self.books)

    @cached_property
    def _visit_of_line(self) -> Int64:
        lines = self.run.tables["lines"]
        return self.index.row_of(ids_of(lines, "setl_id", self.index.id_type))

    def _visits_where(self, mask: Mask) -> Int64:
        return np.unique(self.index.visit_group[mask]).astype(np.int64)

    def _catalog_touched(self, before: Engine, after: Engine) -> Mask:
        assert after.catalog is not None
        lines = self.run.tables.get("lines")
        if lines is None:
            return np.zeros(self.index.visits, bool)
        differs = CatalogDiffers(before.catalog, after.catalog, self.books)
        return differs.touched(lines, self._visit_of_line, self._days, self.run.engine.input_tables["lines"])

    def _struck(self, rows: pa.Table) -> Mask:
        """Visits with a line that a doctor ordered who was struck off."""
        lines = self.run.tables.get("lines")
        out = np.zeros(self.index.visits, bool)
        if lines is not None:
            self._strike(rows, lines, self._visit_of_line, out)
        return out

    def _strike(self, rows: pa.Table, lines: pa.Table, visit: Int64, out: Mask) -> None:
        """The same for some lines, marked in `out`."""
        schema = self.run.engine.input_tables["lines"]
        out[visit[struck(rows, STRUCK, lines, schema, visit, self._days.discharge)]] = True

    def _institutions_touched(self, rows: pa.Table) -> Mask:
        """Visits whose institution is named; whether its row differs on their day is seen when the change is applied."""
        visits, key = self.run.tables["visits"], "fixmedins_code"
        like = flat(ids_of(self.run.tables.get("institutions"), key)).type
        names = text_of(self._fit(rows, key, like)).unique()
        theirs = flat(ids_of(visits, key)).cast(like)
        at = place_among(theirs, names)
        table = self.run.tables.get("institutions")
        if table is None:
            return np.asarray(at >= 0)
        schema = self.run.engine.input_tables["institutions"]
        gone, came, wrong = alike(table.filter(pa.array(place_among(ids_of(table, key), names) >= 0)), rows, schema)
        if wrong:
            return np.asarray(at >= 0)
        if any(
            isinstance(read.change, Institutions) for read in self.reads if read.parts.get("institutions") is not rows
        ):
            return np.asarray(at >= 0)  # rows of several changes may stand for one another
        spans = dated_spans(gone, came, schema, key, names)
        return spans.touch(at, self._days.low, self._days.high) & ~self._days.reversal

    # ------------------------------------------------------------------ groups of old and new rows together

    def _join(self, named: list[Int64]) -> None:
        count = self.index.groups + len(self._people)
        links = [(a, b) for a, b in self._links if a != b]
        pairs = np.array(links, np.int32).reshape(-1, 2)
        self.super, self.super_count = group_persons(count, [(pairs[:, 0], pairs[:, 1])] if len(pairs) else [])
        self.named = [np.unique(self.super[groups]) for groups in named]
        mask = np.zeros(self.super_count, bool)
        for groups in self.named:
            mask[groups] = True
        self.affected = mask
        self.group_mask = mask[self.super]  # by group of the run, then new persons
        self.node_mask = self.group_mask[self.index.group] if self.index.nodes else np.zeros(0, bool)
        self.rows = np.flatnonzero(self.node_mask[self.index.visit_node])
        self.line_rows, self.line_counts = self.index.lines_of(self.rows)

    def _mine(self, nodes: Int32) -> Any:
        return pa.array(np.flatnonzero((nodes >= 0) & self.node_mask[np.maximum(nodes, 0)]))

    @cached_property
    def tables(self) -> dict[str, pa.Table]:
        """The rows of the affected groups."""
        whole = self.run.tables
        out = {"visits": _own_words(whole["visits"].take(pa.array(self.rows)))}
        if "lines" in whole:
            out["lines"] = _own_words(whole["lines"].take(pa.array(self.line_rows)))
        if "persons" in whole:
            out["persons"] = whole["persons"].take(self._mine(self.index.person_node))
        if "institutions" in whole:
            out["institutions"] = whole["institutions"]
        if "acct_events" in whole:
            out["acct_events"] = whole["acct_events"].take(self._mine(self.index.event_node))
        return out

    @cached_property
    def results(self) -> tuple[pa.Table, pa.Table | None]:
        """What visits and lines of the affected groups came to, without their ids."""
        visits, lines = self.run.results
        told = visits.select([*FIRST, *NUMBERS]).take(pa.array(self.rows))
        return told, None if lines is None else lines.select([*LINE_AMOUNTS, *LINE_FACTS]).take(
            pa.array(self.line_rows)
        )

    @cached_property
    def houses(self) -> set[Any]:
        """Households of the affected people, in rows and in earlier settlements."""
        came = [rows for read in self.reads for name, rows in read.parts.items() if name in ("visits", "persons")]
        mine = {name for table in (self.tables["visits"], self.tables.get("persons"), *came) for name in _houses(table)}
        state = self.run.state
        if state is not None:
            person, house = state.members()
            known = self._known(state)[person]
            names = state.names["house"]
            mine -= {names[h] for h in house[~known].tolist()}
            mine |= {names[h] for h in house[known].tolist()}
        return mine

    def _known(self, state: State) -> Mask:
        """Affected people among those of a state."""
        people = self.index.nodes_of_people(pa.chunked_array([pa.array(state.names["psn"], self.index.psn_type)]))
        return np.append(self.node_mask, False)[people] if len(self.node_mask) else np.zeros(len(people), bool)

    def part_of(self, state: State, *, others: bool = False) -> Part:
        """The affected people's part of a state, or that of the others."""
        houses = np.array([name in self.houses for name in state.names["house"]], bool)
        return Part(state, self._known(state) ^ others, houses ^ others)

    @staticmethod
    def whole_of(state: State) -> Part:
        """All of a state."""
        return Part(state, np.ones(len(state.names["psn"]), bool), np.ones(len(state.names["house"]), bool))

    @cached_property
    def state(self) -> State | None:
        """What the opening state knows of the affected people."""
        return None if self.run.state is None else merged([self.part_of(self.run.state)])

    def bench(self) -> Bench:
        """The rows of the affected groups, ready to be changed."""
        return Bench(self.tables, self.run.engine, self.results[0], self.index, self.books, self.line_counts)

    def group_of(self, visits: pa.Table) -> Int32:
        """Group of each visit on a bench, in the numbers of `affected`; those of nobody known are on their own."""
        people = self._fit(visits, "psn_no", self.index.psn_type)
        nodes = self.index.nodes_of_people(people)
        old = len(self.rows)
        group = np.empty(visits.num_rows, np.int32)
        group[:old] = self.super[self.index.visit_group[self.rows]]
        later = nodes[old:]
        group[old:] = np.where(later >= 0, self.super[self.index.group[np.maximum(later, 0)]] if len(self.index.group) else 0, -1)  # fmt: skip
        for row in (np.flatnonzero(later < 0) + old).tolist():
            at = self._people.get(people[row].as_py())
            group[row] = self.super_count + row if at is None else self.super[at]
        return group

    @property
    def others(self) -> int:
        """Groups with visits that are not affected."""
        mask, index = np.zeros(self.super_count, bool), self.index
        mask[self.super[: index.groups][index.there & ~self.group_mask[: index.groups]]] = True
        return int(np.count_nonzero(mask))

    @property
    def fresh(self) -> int:
        """Persons that come with changes."""
        return sum(1 for who in self._people if not isinstance(who, tuple))

    def scope(self, bench: Bench, group: Int32) -> Scope:
        """How much is settled again, and why."""
        visits, index, fresh = bench.tables["visits"].num_rows, self.index, self.fresh
        known = int(np.count_nonzero(self.node_mask[: len(index.people)]))
        why: dict[str, Any] = {}
        for i, read in enumerate(self.reads):
            why[read.change.reason] = bench.touched[i] | why.get(read.change.reason, False)
        groups = len(np.unique(group))
        return Scope(
            groups, groups + self.others, known + fresh, len(index.people) + fresh,
            visits, index.visits + visits - bench.old,
            {reason: {"groups": len(np.unique(group[mask])), "visits": int(np.count_nonzero(mask))} for reason, mask in why.items()},
        )  # fmt: skip
