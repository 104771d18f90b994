"""Who is settled again of a job, from ids and days alone, and how those people are cut into units."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ...columns.ids import flat, lookup
from ...columns.keys import ids_of
from ...engine import Engine, State
from ...ledger.changes import NewPolicy, Read
from ...ledger.differ import CatalogDiffers
from ...ledger.run import Index, Run
from ...ledger.scope import Reach
from ...ledger.struck import ORDERED_BY
from ...receipts.stored import Stored
from ..datasets import Dataset
from ..plan import row_groups

__all__ = ["Cut", "JobReach", "outlined"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Over = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
IDS = ("setl_id", "psn_no", "init_setl_id", "hsld_no", "mulaid_psn_no", "fixmedins_code")
DAYS = ("setl_time", "begndate", "enddate", "refd_setl_flag")
OF_LINES = ("setl_id", "med_list_codg", "fee_ocur_time", "init_feedetl_sn")


def _columns(dataset: Dataset, names: Iterable[str], over: Over) -> pa.Table:
    """Some columns of a whole dataset."""
    wanted = [name for name in names if name in dataset.columns]
    parts = list(over(lambda at: dataset.read(at[0], at[1], wanted), row_groups(dataset)))
    if not parts:
        return dataset.arrow.empty_table().select(wanted)
    return pa.concat_tables(parts).unify_dictionaries()


def outlined(engine: Engine, datasets: dict[str, Dataset], state: State | None, over: Over) -> Run:
    """A job as a run of ids and days only: enough to tell who is reached by changes."""
    tables = {"visits": _columns(datasets["visits"], (*IDS, *DAYS), over)}
    for name, wanted in (("persons", IDS), ("acct_events", ("psn_no",))):
        if name in datasets:
            tables[name] = _columns(datasets[name], wanted, over)
    if "institutions" in datasets:
        tables["institutions"] = _columns(datasets["institutions"], datasets["institutions"].columns, over)
    return Run(engine, **tables, state=state)


class JobReach(Reach):
    """The groups that changes reach in an outlined job; `results`: its settlements and rejects, `lines`: its fee lines, in files."""

    def __init__(
        self, run: Run, reads: list[Read], engines: list[Engine], datasets: dict[str, Dataset], results: dict[str, Stored]
    ) -> None:  # fmt: skip
        self._datasets, self._stored = datasets, results
        super().__init__(run, reads, engines)

    def _documents_of(self) -> pa.Table:
        """Document and reason of each visit as the job settled it, by its row."""
        dataset = self._datasets["visits"]
        begin = np.cumsum([0, *(file.rows for file in dataset.files)])
        of = {file.path: int(begin[file.index]) for file in dataset.files}
        words: dict[str, dict[str, int]] = {"policy_id": {"": 0}, "reason": {"": 0}}
        codes = {name: np.zeros(dataset.rows, np.int32) for name in words}
        for name, stored in self._stored.items():
            wanted = {"source_file", "source_row", "reason", "policy_id", "table"}
            for part in stored.each(wanted):
                if name == "rejects":
                    part = part.filter(pa.array([one == "visits" for one in part["table"].to_pylist()], pa.bool_()))
                files = flat(part["source_file"]).combine_chunks().dictionary_encode()
                first = np.array([of[path] for path in files.dictionary.to_pylist()], np.int64)
                rows = first[files.indices.to_numpy()] + part["source_row"].to_numpy()
                for column, known in words.items():
                    if column in part.column_names and len(rows):
                        coded = flat(part[column]).combine_chunks().dictionary_encode()
                        lut = [known.setdefault(word or "", len(known)) for word in coded.dictionary.to_pylist()]
                        at = coded.indices.fill_null(len(lut)).to_numpy(zero_copy_only=False)
                        codes[column][rows] = np.array([*lut, 0], np.int32)[at]
        return pa.table(
            {
                name: pa.DictionaryArray.from_arrays(pa.array(codes[name]), pa.array(list(words[name]), pa.string()))
                for name in words
            }
        )

    def _named(self, i: int) -> Int64:
        if isinstance(self.reads[i].change, NewPolicy) and "results" not in self.run.__dict__:
            # What a run has been settled to; here only what documents are compared by.
            self.run.__dict__["results"] = (self._documents_of(), None)
        return super()._named(i)

    def _catalog_touched(self, before: Engine, after: Engine) -> Mask:
        """Visits with a line of an item that says something else, chunk by chunk."""
        out = np.zeros(self.index.visits, bool)
        lines = self._datasets.get("lines")
        assert after.catalog is not None
        if lines is None:
            return out
        differs = CatalogDiffers(before.catalog, after.catalog, self.books)
        for file, group in row_groups(lines):
            for table in lines.batches(file, group, OF_LINES):
                visit = self.index.row_of(ids_of(table, "setl_id", self.index.id_type))
                out |= differs.touched(table, visit, self._days, self.run.engine.input_tables["lines"])
        return out

    def _struck(self, rows: pa.Table) -> Mask:
        out = np.zeros(self.index.visits, bool)
        lines = self._datasets.get("lines")
        if lines is None:
            return out
        for file, group in row_groups(lines):
            for table in lines.batches(file, group, (*OF_LINES, ORDERED_BY)):
                self._strike(rows, table, self.index.row_of(ids_of(table, "setl_id", self.index.id_type)), out)
        return out

    @cached_property
    def weights(self) -> Int64:
        """Visits of each group, those that come too."""
        out = np.bincount(self.super[self.index.visit_group], minlength=self.super_count).astype(np.int64)
        for read in self.reads:
            if "visits" in read.parts:
                groups = self.groups_of("visits", read.parts["visits"])
                out += np.bincount(groups[groups >= 0], minlength=self.super_count)
        return out


@dataclass(frozen=True, eq=False)
class Cut:
    """The affected groups of a reach in units, as the steps of a job ask a plan. Unit -1: not affected."""

    reach: JobReach = field(repr=False)
    unit_visits: int

    @cached_property
    def unit_of_group(self) -> Int32:
        """Unit of each group, in the numbers of `reach.affected`."""
        out = np.full(self.reach.super_count, -1, np.int32)
        mine = np.flatnonzero(self.reach.affected)
        weight = self.reach.weights[mine]
        unit = (np.cumsum(weight) - weight) // max(1, self.unit_visits)
        _, out[mine] = np.unique(unit, return_inverse=True)
        return out

    @property
    def units(self) -> int:
        """At least one, so that what is wrong with changes that reach nobody is found too."""
        return max(1, int(self.unit_of_group.max(initial=-1)) + 1)

    @property
    def index(self) -> Index:
        return self.reach.index

    def _of_node(self, node: Any) -> Int32:
        group = np.append(self.index.group, np.int32(-1))[node]
        return np.append(self.unit_of_group, np.int32(-1))[np.append(self.reach.super, np.int32(-1))[group]]

    @cached_property
    def visit_unit(self) -> Int32:
        """Unit of each visit."""
        return self._of_node(self.index.visit_node)

    @property
    def visit_group(self) -> Int32:
        """Group of each visit."""
        return self.index.visit_group

    @cached_property
    def visit_place(self) -> Int32:
        """Row of each visit among those of its unit."""
        order = np.argsort(self.visit_unit, kind="stable")
        unit = self.visit_unit[order]
        first = np.searchsorted(unit, unit)
        out = np.empty(len(order), np.int32)
        out[order] = np.arange(len(order)) - first
        return out

    def visits_of(self, ids: pa.ChunkedArray) -> Int32:
        """Row of the visit that each id names; -1 none."""
        return self.index.row_of(ids).astype(np.int32)

    def unit_of_people(self, ids: pa.ChunkedArray) -> Int32:
        """Unit of each person; -1 for one who is not settled again."""
        return self._of_node(self.index.nodes_of_people(ids))

    def units_of(self, name: str, rows: pa.Table) -> Int32:
        """Unit of each row of a change; the first one for what names nobody: it is told there."""
        group = self.reach.groups_of(name, rows)
        return np.maximum(np.append(self.unit_of_group, np.int32(-1))[group], 0).astype(np.int32)

    @cached_property
    def of_state(self) -> tuple[Int32, Int32]:
        """Unit of each person and household of the opening state."""
        state = self.reach.run.state
        assert state is not None
        people = self.unit_of_people(pa.chunked_array([pa.array(state.names["psn"], self.index.psn_type)]))
        houses = np.full(len(state.names["house"]), -1, np.int32)
        member, house = state.members()
        houses[house] = people[member]
        named = pa.array(state.names["house"], self.index.house_names.type)
        at = lookup(pa.chunked_array([named]), self.index.house_names)
        node = np.append(self.index.house_node, np.int32(-1))[at]
        return people, np.where(houses >= 0, houses, self._of_node(node)).astype(np.int32)
