"""Where rows are in tables that change: visits by their id, lines by visit and id, lines that return others, and the nearest of a name that is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ..columns.convert import ColumnError
from ..columns.ids import encode, flat, lookup
from ..columns.keys import ids_of, text_of
from .changes import fitted
from .complaints import Complaints, near_one
from .run import Index

__all__ = ["Finder"]

Int64 = npt.NDArray[np.int64]


class Finder:
    """Looks up rows of `tables` as they stand when it is asked; what it cannot read goes to `say`. `counts`: of lines that stand by visit."""

    def __init__(self, tables: dict[str, pa.Table], index: Index, say: Complaints, counts: Int64 | None = None) -> None:
        self.tables, self.index, self.say = tables, index, say
        self._old = tables["visits"].num_rows
        self._ids: tuple[Any, pa.Array, Int64] | None = None
        # Of each line so far.
        self._line_visit = np.zeros(0, np.int64) if counts is None else np.repeat(np.arange(len(counts)), counts)

    def own_ids(self, table: pa.Table, name: str, like: pa.DataType, part: str) -> pa.ChunkedArray | None:
        """Ids of a change as those of the run; None, and a problem, where they are of another type."""
        try:
            return fitted(flat(ids_of(table, name, like)), like, "id")
        except (ColumnError, pa.ArrowException) as error:
            self.say.of_type(f"{part}.{name}", error)
            return None

    def visit_of(self, ids: pa.ChunkedArray) -> Int64:
        """Row of the first visit of each id on the bench; -1 none."""
        visits = self.tables["visits"]
        if self._ids is None or self._ids[0] is not visits:
            (code,), names = encode([ids_of(visits, "setl_id", self.index.id_type)])
            first = np.full(len(names) + 1, -1, np.int64)
            first[code[::-1]] = np.arange(len(code))[::-1]
            first[-1] = -1  # what has no id is nobody's
            self._ids = (visits, names, first)
        return self._ids[2][lookup(ids, self._ids[1])]

    def earlier(self, ids: pa.ChunkedArray) -> Any:
        """Ids that the opening state knows."""
        return self.index.known(ids) & (self.index.row_of(ids) < 0)

    def visit_of_line(self) -> Int64:
        """Row of the visit of each line on the bench; -1 none."""
        lines = self.tables.get("lines")
        known = len(self._line_visit)
        if lines is not None and known < lines.num_rows:
            more = self.visit_of(ids_of(lines.slice(known), "setl_id", self.index.id_type))
            self._line_visit = np.concatenate((self._line_visit, more))
        return self._line_visit

    def lines_place(self, setl: pa.ChunkedArray, line: pa.ChunkedArray) -> Int64:
        """Row of the line (settlement, line) on the bench; -1 none."""
        lines = self.tables.get("lines")
        if lines is None or not lines.num_rows:
            return np.full(len(setl), -1, np.int64)
        named = self.visit_of(setl)
        visit = self.visit_of_line()
        asked_for = np.zeros(self.tables["visits"].num_rows + 1, bool)
        asked_for[named] = True
        asked_for[-1] = False
        rows = np.flatnonzero(asked_for[visit])
        own = ids_of(
            lines.select(["feedetl_sn"]) if "feedetl_sn" in lines.column_names else lines.slice(0, 0),
            "feedetl_sn",
            line.type,
        )
        if not len(own):
            return np.full(len(setl), -1, np.int64)
        (first, second), names = encode([flat(own.take(pa.array(rows))), line])
        width = len(names) + 1
        key, asked = visit[rows] * width + first, named * width + second
        key[first < 0] = -2
        asked[(named < 0) | (second < 0)] = -1
        if not len(key):
            return np.full(len(setl), -1, np.int64)
        order = np.argsort(key, kind="stable")
        at = np.minimum(np.searchsorted(key[order], asked), len(order) - 1)
        return np.where(key[order][at] == asked, rows[order[at]], -1)

    def returning(self, at: Int64) -> Int64:
        """Lines that return one of these."""
        rows, place = self.returned(self.visit_of_line()[at], 0)
        return rows[np.isin(place, at)]

    def returned(self, visit: Int64, begin: int) -> tuple[Int64, Int64]:
        """(row, row of the line that it returns, -1 none) of lines of these visits, from row `begin` on."""
        lines = self.tables["lines"]
        if "init_feedetl_sn" not in lines.column_names or "feedetl_sn" not in lines.column_names:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        own = ids_of(lines, "feedetl_sn").type
        named = flat(ids_of(lines, "init_feedetl_sn", own.value_type if pa.types.is_dictionary(own) else own))
        rows = np.flatnonzero(np.asarray(named.is_valid()) & np.isin(self.visit_of_line(), visit[visit >= 0]))
        rows = rows[rows >= begin]
        few = pa.array(rows)
        setl = flat(ids_of(lines.select(["setl_id"]).take(few), "setl_id", self.index.id_type))
        return rows, self.lines_place(setl, named.take(few))

    def near_id(self, name: str) -> str:
        """The nearest of the settlements."""
        added = text_of(ids_of(self.tables["visits"], "setl_id", self.index.id_type)).slice(self._old)
        return near_one(name, pa.concat_arrays([self.index.setl_ids, added.cast(self.index.setl_ids.type)]))

    def near_line(self, ids: pa.ChunkedArray, name: str) -> str:
        """The nearest of the lines of the settlements that are named."""
        lines = self.tables.get("lines")
        if lines is None or "feedetl_sn" not in lines.column_names:
            return ""
        mine = pc.is_in(flat(ids_of(lines, "setl_id")).cast(ids.type), value_set=text_of(ids))
        return near_one(name, text_of(ids_of(lines.filter(mine), "feedetl_sn")))
