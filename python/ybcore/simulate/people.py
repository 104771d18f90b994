"""Who the people of a batch are, for measures: income, consumption, weights, households."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ..columns.ids import flat
from ..errors import InputError, Problem
from ..policy.faults import nearest
from .comparison import Cells, View, summed

__all__ = ["People", "cells_of"]

Int64 = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]


class People:
    """A table with one row a person: `psn_no`, and what is known of each.

    `income`, `consumption`, `capacity`: columns of money a year in int64 fen, of the person or, with `household`, of the household (each member's row
    says the same). `weight`: how many people a row stands for. Raises InputError with every column that is missing or wrong.
    """

    def __init__(
        self,
        table: Any,
        *,
        income: str | None = None,
        consumption: str | None = None,
        capacity: str | None = None,
        weight: str | None = None,
        household: str | None = None,
    ) -> None:
        self.table: pa.Table = table if isinstance(table, pa.Table) else pa.table(table)
        self.named = {
            "income": income,
            "consumption": consumption,
            "capacity": capacity,
            "weight": weight,
            "household": household,
        }
        problems = []
        for name in ("psn_no", *(name for name in self.named.values() if name is not None)):
            if name not in self.table.column_names:
                what, zh = f"people have no column {name!r}", f"人员表没有列 {name!r}"
                near = nearest(name, self.table.column_names)
                problems.append(Problem(what=what, what_zh=zh, path="people", nearest=near))
        if problems:
            raise InputError(problems)
        problems += self._wrong()
        if problems:
            raise InputError(problems)

    def _wrong(self) -> list[Problem]:
        out = []
        ids = self.table["psn_no"]
        if ids.null_count or len(pc.unique(ids)) < len(ids):
            out.append(
                Problem(
                    what="one row a person, each with its psn_no",
                    what_zh="每人一行，且须有 psn_no",
                    path="people.psn_no",
                )
            )
        for role in ("income", "consumption", "capacity"):
            name = self.named[role]
            if name is not None and (self.table[name].type != pa.int64() or self.table[name].null_count):
                what = f"{role} is {self.table[name].type} with {self.table[name].null_count} nulls, not int64 fen without nulls"
                out.append(Problem(what=what, what_zh=f"{role} 须为无空值的 int64（分）", path=f"people.{name}"))
        name = self.named["weight"]
        if name is not None:
            held = self.table[name]
            number = pa.types.is_integer(held.type) or pa.types.is_floating(held.type)
            if not number or held.null_count or (len(held) and pc.min(held).as_py() < 0):
                out.append(
                    Problem(
                        what="weights are numbers of 0 or more", what_zh="权重须为不小于 0 的数", path=f"people.{name}"
                    )
                )
        return out

    def of(self, view: View) -> Units:
        """The same for the people of a batch. Raises InputError when somebody with a visit is not in the table."""
        units, strangers = view.once(self, lambda: self._of(view))
        if len(strangers):
            held = np.zeros(view.people, bool)
            held[view.person[(view.person >= 0) & view.counted]] = True
            strangers = strangers[held[strangers]]
        if len(strangers):
            some = ", ".join(str(view._job.psn_dictionary[int(i)].as_py()) for i in strangers[:3])
            what, zh = (
                f"{len(strangers)} people with visits are not in the table of people: {some}",
                f"{len(strangers)} 名就诊人员不在人员表中：{some}",
            )
            raise InputError([Problem(what=what, what_zh=zh, path="people.psn_no")])
        assert isinstance(units, Units)
        return units

    def _of(self, view: View) -> tuple[Units, Int64]:
        """The units, and who has visits but no row."""
        job = view._job
        rows = pc.index_in(
            pa.array(job.psn_dictionary).cast(flat(self.table["psn_no"]).type),
            flat(self.table["psn_no"]).combine_chunks(),
        )
        row = np.asarray(rows.fill_null(-1), np.int64)
        lost = np.unique(job.psn[job.psn >= 0]).astype(np.int64)
        return Units(self, row), lost[row[lost] < 0]

    def column(self, name: str) -> pa.ChunkedArray:
        """A column by name. Raises InputError."""
        if name not in self.table.column_names:
            what, zh = f"people have no column {name!r}", f"人员表没有列 {name!r}"
            raise InputError(
                [Problem(what=what, what_zh=zh, path="by", nearest=nearest(name, self.table.column_names))]
            )
        return self.table[name]


@dataclass
class Units:
    """Persons, or households where the table has them, in the order in which the table first names them."""

    people: People
    row: Int64
    """Row of the table of each person of the batch; -1 none."""

    def __post_init__(self) -> None:
        held = self.people.table
        house = self.people.named["household"]
        n = held.num_rows
        self.unit = np.arange(n, dtype=np.int64)
        self.first = self.unit
        if house is not None:
            own = pc.fill_null(pc.dictionary_encode(flat(held[house])).combine_chunks().indices, -1)
            code = np.asarray(own, np.int64)
            alone = np.flatnonzero(code < 0)
            code[alone] = code.max(initial=-1) + 1 + np.arange(len(alone))
            _, first, self.unit = np.unique(code, return_index=True, return_inverse=True)
            order = np.argsort(first, kind="stable")
            place = np.empty(len(order), np.int64)
            place[order] = np.arange(len(order))
            self.unit, self.first = place[self.unit], first[order]
        self.members = np.bincount(self.unit, minlength=len(self.first))
        self._of_person = np.where(self.row >= 0, self.unit[np.maximum(self.row, 0)] if n else -1, -1)
        # Persons and units are the same, one after the other.
        self._plain = len(self._of_person) == n and bool((self._of_person == np.arange(n)).all())
        self._cells: dict[tuple[str, ...], Cells] = {}

    def __len__(self) -> int:
        return len(self.first)

    def sums(self, by_person: Int64) -> Int64:
        """A number of each person of the batch, by unit; units without a visit have 0."""
        return by_person if self._plain else summed(by_person, self._of_person, len(self.first))

    def money(self, role: str) -> Float:
        """income, consumption or capacity of each unit. Raises InputError when the table has none."""
        name = self.people.named[role]
        if name is None:
            what, zh = (
                f"the people's {role} is asked for, and no column was named for it",
                f"需要人员的 {role}，但未指定列",
            )
            raise InputError([Problem(what=what, what_zh=zh, path="people", expected=f'People(..., {role}="column")')])
        return np.asarray(self.people.table[name], np.int64)[self.first].astype(np.float64)

    @cached_property
    def weights(self) -> Float | None:
        """Weight of each unit, that of its first row; None: every unit counts once."""
        name = self.people.named["weight"]
        return None if name is None else np.asarray(self.people.table[name], np.float64)[self.first]

    def cells(self, by: Sequence[str]) -> Cells:
        """Units by columns of the table; a household goes by its first row."""
        key = tuple(by)
        if key not in self._cells:
            first = pa.array(self.first)
            self._cells[key] = cells_of({name: self.people.column(name).take(first) for name in by}, len(self.first))
        return self._cells[key]


def cells_of(columns: dict[str, Any], rows: int) -> Cells:
    """Cells by the combinations that occur, sorted; a single one where there are no columns."""
    if not columns:
        return Cells(np.zeros(rows, np.int64), pa.table({}), 1)
    held = pa.table({name: _plain(values) for name, values in columns.items()})
    names = held.column_names
    kinds = held.group_by(names).aggregate([]).sort_by([(name, "ascending") for name in names])
    code, key = np.zeros(rows, np.int64), np.zeros(kinds.num_rows, np.int64)
    for name in names:
        words = pc.unique(held[name])
        code = code * len(words) + _indices(held[name], words)
        key = key * len(words) + _indices(kinds[name], words)
    known, inverse = np.unique(code, return_inverse=True)
    lut = dict(zip(key.tolist(), range(kinds.num_rows)))
    cell = np.array([lut[k] for k in known.tolist()], np.int64)[inverse]
    return Cells(cell, kinds, kinds.num_rows)


def _indices(column: pa.ChunkedArray, words: pa.Array) -> Int64:
    return np.asarray(pc.index_in(column.combine_chunks(), words, skip_nulls=False), np.int64)


def _plain(values: Any) -> Any:
    column = values if isinstance(values, (pa.ChunkedArray, pa.Array)) else pa.array(values)
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
