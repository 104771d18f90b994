"""Who the people of a batch are, for measures: income, consumption, weights, households."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ..columns.ids import flat
from ..errors import InputError, Problem
from ..policy.faults import nearest
from .comparison import Cells, View, summed
from .weights import Bootstrap, Estimates, Replicates, Table, quantiles

__all__ = ["Bands", "By", "People", "cells_of"]

Int64 = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Bands:
    """A column of whole numbers in bands, as a `by` of measures: `Bands("age", (0, 18, 60))` is 00–17, 18–59, 60+ in a column `age_band`.

    `edges`: where each band begins, rising. What is below the first is `<`; a null stays null. Raises InputError.
    """

    column: str
    edges: tuple[int, ...]
    name: str = ""

    def __post_init__(self) -> None:
        if not self.edges or list(self.edges) != sorted(set(self.edges)):
            what, zh = f"the edges of {self.column} do not rise", f"{self.column} 的分段起点未递增"
            raise InputError([Problem(what=what, what_zh=zh, path="by", expected="(0, 18, 60)")])

    @property
    def named(self) -> str:
        """The column that the bands have."""
        return self.name or f"{self.column}_band"

    def of(self, values: Any) -> pa.Array:
        """The band of each value. Raises InputError when they are no whole numbers."""
        held = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
        if not pa.types.is_integer(held.type):
            what, zh = f"{self.column} is {held.type}, no whole number", f"{self.column} 不是整数"
            raise InputError([Problem(what=what, what_zh=zh, path="by", expected="a column of whole numbers", expected_zh="整数列")])  # fmt: skip
        wide = max(len(str(edge)) for edge in self.edges)
        texts = [f"<{self.edges[0]}"]
        texts += [f"{low:0{wide}d}–{high - 1:0{wide}d}" for low, high in pairwise(self.edges)]
        texts.append(f"{self.edges[-1]}+")
        place = np.searchsorted(np.array(self.edges), np.asarray(pc.fill_null(held, 0), np.int64), side="right")
        return pa.array(texts).take(pa.array(place, mask=np.asarray(held.is_null())))


By = str | Bands


class People:
    """A table with one row a person: `psn_no`, and what is known of each.

    `income`, `consumption`, `capacity`: columns of money a year in int64 fen, of the person or, with `household`, of the household (each member's row
    says the same). `weight`: how many people a row stands for. `replicates`: where intervals are from. Raises InputError with every column that is
    missing or wrong.
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
        replicates: Bootstrap | Replicates | None = None,
    ) -> None:
        self.replicates = replicates
        self.table: pa.Table = table if isinstance(table, pa.Table) else pa.table(table)
        self.named = {
            "income": income,
            "consumption": consumption,
            "capacity": capacity,
            "weight": weight,
            "household": household,
        }
        problems = []
        beside = () if replicates is None else replicates.columns
        for name in dict.fromkeys(("psn_no", *(name for name in self.named.values() if name is not None), *beside)):
            if name not in self.table.column_names:
                problems.append(_no_column("people", "人员表", name, self.table.column_names))
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
        given = self.replicates.columns if isinstance(self.replicates, Replicates) else ()
        for name in (self.named["weight"], *given):
            if name is None:
                continue
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

    def _with(self, columns: dict[str, Any]) -> People:
        """The same people with columns put beside, or in the place of those of the same name."""
        kept = self.table.drop_columns([name for name in columns if name in self.table.column_names])
        for name, values in columns.items():
            kept = kept.append_column(name, values)
        return People(kept, **self.named, replicates=self.replicates)

    def deciles(self, of: str = "income", number: int = 10, name: str | None = None) -> People:
        """With a column `income_decile` (1 the poorest): income, consumption or capacity a head, cut where each tenth of the people ends, by weight.

        Those at a cut are below it. `number`: 5 for quintiles. Raises InputError when no column was named for it.
        """
        units = Units(self, np.zeros(0, np.int64))
        a_head = units.money(of) / units.members
        cuts = quantiles(a_head, units.own * units.members, [Fraction(k, number) for k in range(1, number)])
        place = 1 + np.searchsorted(cuts, a_head, side="left")
        words = {4: "quartile", 5: "quintile", 10: "decile", 100: "percentile"}
        return self._with({name or f"{of}_{words.get(number, 'group')}": pa.array(place[units.unit])})

    def joined(self, persons: pa.Table, on: str, columns: Sequence[str]) -> People:
        """With columns of the table `persons` as it was on a day (YYYY-MM-DD); null for who is not in it then. `age` is made of `brdy`.

        Raises InputError: a column that is not there, a person with two rows on that day.
        """
        day = dt.date.fromisoformat(on)
        wanted = dict.fromkeys(
            "brdy" if name == "age" and name not in persons.column_names else name for name in columns
        )
        missing = [name for name in wanted if name not in persons.column_names]
        if missing:
            raise InputError([_no_column("persons", "参保人表", name, persons.column_names) for name in missing])
        held = persons
        for name, outside in (("begndate", pc.less_equal), ("enddate", pc.greater)):
            if name in held.column_names:
                held = held.filter(pc.fill_null(outside(held[name], pa.scalar(day, pa.date32())), True))
        ids = flat(held["psn_no"]).combine_chunks()
        if len(pc.unique(ids)) < len(ids):
            twice = pc.filter(pc.value_counts(ids).field("values"), pc.greater(pc.value_counts(ids).field("counts"), 1))
            what, zh = f"{len(twice)} persons have several rows on {on}: {twice[0]}", f"{len(twice)} 人在 {on} 有多行：{twice[0]}"  # fmt: skip
            raise InputError([Problem(what=what, what_zh=zh, path="persons.psn_no", expected="one scheme; filter before", expected_zh="每人一行，请先按险种筛选")])  # fmt: skip
        rows = pc.index_in(flat(self.table["psn_no"]).combine_chunks().cast(ids.type), ids)
        out = {name: _plain(held[name]).take(rows) for name in wanted}
        if "brdy" in wanted and "brdy" not in columns:
            out = {
                ("age" if name == "brdy" else name): _ages(v, day) if name == "brdy" else v for name, v in out.items()
            }
        return self._with(out)

    def column(self, name: By) -> Any:
        """A column by name, or its bands. Raises InputError."""
        if isinstance(name, Bands):
            return name.of(self.column(name.column))
        if name not in self.table.column_names:
            raise InputError([_no_column("people", "人员表", name, self.table.column_names, "by")])
        return self.table[name]


def _no_column(table: str, zh: str, name: str, known: Sequence[str], path: str = "") -> Problem:
    what, told = f"{table} have no column {name!r}", f"{zh}没有列 {name!r}"
    return Problem(what=what, what_zh=told, path=path or table, nearest=nearest(name, known))


def _ages(births: Any, day: dt.date) -> pa.Array:
    """Completed years on a day; somebody born on 29 February is a year older on 1 March."""
    year, month, date = (np.asarray(pc.fill_null(part(births), 0), np.int64) for part in (pc.year, pc.month, pc.day))
    before = (month > day.month) | ((month == day.month) & (date > day.day))
    years = day.year - year - before
    return pa.array(years, mask=np.asarray(births.is_null()) | (years < 0))


@dataclass(eq=False)
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
        self.of_person = np.where(self.row >= 0, self.unit[np.maximum(self.row, 0)] if n else -1, -1)
        # Persons and units are the same, one after the other.
        self._plain = len(self.of_person) == n and bool((self.of_person == np.arange(n)).all())
        self._cells: dict[tuple[By, ...], Cells] = {}
        self._estimates: dict[tuple[By, ...], Estimates] = {}

    def __len__(self) -> int:
        return len(self.first)

    def sums(self, by_person: Int64) -> Int64:
        """A number of each person of the batch, by unit; units without a visit have 0."""
        return by_person if self._plain else summed(by_person, self.of_person, len(self.first))

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

    @cached_property
    def own(self) -> Float:
        """Weight of each unit; 1 where the table has none."""
        return np.ones(len(self)) if self.weights is None else self.weights

    @cached_property
    def replicates(self) -> Table:
        """Weights of units in the replicates; no columns where there are none."""
        design, table = self.people.replicates, self.people.table
        if design is None:
            return Table(np.empty((len(self), 0)), np.ones(len(self)))
        first = pa.array(self.first)
        held = [table[name].take(first) for name in design.columns]
        if isinstance(design, Replicates):
            return Table(np.stack([np.asarray(c, np.float64) for c in held], axis=1), np.ones(len(self)))
        return design.weights(self.own, [cells_of({"of": c}, len(self)).of for c in held])

    def estimates(self, by: Sequence[By]) -> Estimates:
        """Weights and their replicates, by columns of the table."""
        key = tuple(by)
        if key not in self._estimates:
            cells = self.cells(key)
            self._estimates[key] = Estimates(self.own, self.replicates, cells.of, cells.count, self.people.replicates)
        return self._estimates[key]

    def cells(self, by: Sequence[By]) -> Cells:
        """Units by columns of the table; a household goes by its first row."""
        key = tuple(by)
        if key not in self._cells:
            first = pa.array(self.first)
            held = {n.named if isinstance(n, Bands) else n: self.people.column(n).take(first) for n in by}
            self._cells[key] = cells_of(held, len(self.first))
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
