"""The tables on the bench: changes are applied to them one by one, and what each one touches is noted."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..catalog import Catalog
from ..columns.convert import ColumnError, convert
from ..columns.ids import flat
from ..columns.keys import ids_of, text_of
from ..columns.schema import Table
from ..engine import Engine
from ..policy import Book, load_book
from .changes import (
    DeniedLines,
    Institutions,
    LateClaims,
    NewCatalog,
    NewPolicy,
    Persons,
    Read,
    Refunds,
    Reordered,
    StruckOff,
    alike,
    fitted,
)
from .checked import check_lines, check_reordered, check_replaced, check_times, check_visits
from .complaints import Complaints
from .denied import deny, deny_returns, strike_off
from .differ import BookDiffers, CatalogDiffers, Days, dated_spans, place_among
from .finding import Finder
from .run import Index

__all__ = ["NOTHING", "Bench", "engine_of"]

Int64 = npt.NDArray[np.int64]
NOTHING = -1


def engine_of(before: Engine, change: Any, cache: dict[tuple[int, int], Engine]) -> Engine:
    """The engine after a change of book or catalogue; one made already is used again."""
    book, catalog = before.book, before.catalog
    if isinstance(change, NewPolicy):
        book = change.book if isinstance(change.book, Book) else load_book(change.book)
    elif isinstance(change, NewCatalog):
        catalog = change.catalog if isinstance(change.catalog, Catalog) else Catalog.load(change.catalog)
    else:
        return before
    key = (id(book), id(catalog))
    if key not in cache:
        cache[key] = Engine(book, catalog, threads=before.threads)
    return cache[key]


class Bench:
    """Some rows of a run's tables (`old_rows` of its visits, in order), changed step by step.

    `touch`: the last change that touched each visit, `origin`: the one that brought it, else NOTHING; `problems`: what was wrong.
    """

    def __init__(self, tables: dict[str, pa.Table], engine: Engine, results: pa.Table, index: Index, books: tuple[Book, ...],
                 counts: Int64 | None = None) -> None:  # fmt: skip
        self.tables, self.engine, self.results, self.books = dict(tables), engine, results, books
        self.old = self.tables["visits"].num_rows
        self.touch = np.full(self.old, NOTHING, np.int32)
        self.origin = np.full(self.old, NOTHING, np.int32)
        self.touched: list[Any] = []  # by change: a mask of visits
        self.checking = True
        self._say = Complaints()
        self.problems = self._say.problems
        self._find = Finder(self.tables, index, self._say, counts)

    def apply(self, number: int, read: Read, engine: Engine) -> None:
        """One change; `engine` is the one after it."""
        before, change = self.engine, read.change
        self.number, self._say.place = number, read.place
        self._now: list[Any] = []
        schemas = engine.input_tables
        if isinstance(change, (LateClaims, Refunds)):
            if "visits" in read.parts:
                self._more_visits(read.parts["visits"], schemas["visits"], isinstance(change, Refunds))
            if "lines" in read.parts:
                self._more_lines(read.parts["lines"], schemas["lines"], isinstance(change, Refunds))
        elif isinstance(change, DeniedLines):
            self._touched(deny(self._find, read.parts["denied"], schemas["lines"], self.checking))
        elif isinstance(change, StruckOff):
            rows, discharge = read.parts["struck_off"], lambda: self.days().discharge
            self._touched(strike_off(self._find, rows, schemas["lines"], discharge, self.checking))
        elif isinstance(change, Persons):
            self._replace(read.parts["persons"], schemas["persons"], "psn_no")
        elif isinstance(change, Institutions):
            self._replace(read.parts["institutions"], schemas["institutions"], "fixmedins_code")
        elif isinstance(change, Reordered):
            self._reorder(read.parts["reordered"], schemas["visits"])
        elif self.checking and isinstance(change, NewPolicy):
            old = np.flatnonzero(self.origin == NOTHING)
            mask = BookDiffers(before, engine).touched(self.results, self.days(old))
            self._touched(old[mask])
        elif self.checking and isinstance(change, NewCatalog):
            assert engine.catalog is not None
            differs = CatalogDiffers(before.catalog, engine.catalog, self.books)
            lines = self.tables.get("lines")
            visit = self._find.visit_of_line()
            self._touched(np.flatnonzero(differs.touched(lines, visit, self.days(), schemas["lines"])))
        self.engine = engine
        self._note()

    def days(self, rows: Int64 | None = None) -> Days:
        """The days of visits, or of some of them."""
        visits = self.tables["visits"]
        visits = visits if rows is None or len(rows) == visits.num_rows else visits.take(pa.array(rows))
        return Days.of(visits, self.engine.input_tables["visits"], self.books)

    def visit_of_line(self) -> Int64:
        """Row of the visit of each line on the bench; -1 none."""
        return self._find.visit_of_line()

    def _touched(self, rows: Any) -> None:
        """These visits are not what they were; an added one goes on counting as added."""
        rows = np.asarray(rows, np.int64)
        self._now.append(rows)
        self.touch[rows[self.origin[rows] == NOTHING]] = self.number

    def _note(self) -> None:
        count = self.tables["visits"].num_rows
        self.touched = [np.append(mask, np.zeros(count - len(mask), bool)) for mask in self.touched]
        mask = self.origin == self.number
        for rows in self._now:
            mask[rows] = True
        self.touched.append(mask)

    # ------------------------------------------------------------------ rows that come

    def _append(self, name: str, rows: pa.Table, schema: Table) -> bool:
        """Rows to the end of a table; columns that only one side has are missing on the other. False when a column does not fit."""
        table = self.tables.get(name)
        if table is None:
            self.tables[name] = rows
            return True
        ours, theirs, wrong = alike(table, rows, schema)
        for column, error in wrong.items():
            self._say.of_type(f"{name}.{column}", error)
        if not wrong:
            self.tables[name] = pa.concat_tables([ours, theirs])
        return not wrong

    def _more_visits(self, rows: pa.Table, schema: Table, refund: bool) -> None:
        if self.checking:
            ids = self._find.own_ids(rows, "setl_id", self._find.index.id_type, "visits")
            if ids is None:
                return
            check_visits(self._find, rows, ids, schema, refund)
        count = self.tables["visits"].num_rows
        if self._append("visits", rows, schema):
            more = self.tables["visits"].num_rows - count
            self.touch = np.append(self.touch, np.full(more, self.number, np.int32))
            self.origin = np.append(self.origin, np.full(more, self.number, np.int32))

    def _more_lines(self, rows: pa.Table, schema: Table, refund: bool) -> None:
        find = self._find
        ids = find.own_ids(rows, "setl_id", find.index.id_type, "lines")
        if ids is None:
            return
        visit = find.visit_of(ids)
        if self.checking:
            before = self.origin != self.number
            check_lines(find, rows, ids, visit, self.engine.input_tables["visits"], before, refund)
        held = self.tables.get("lines")
        count = 0 if held is None else held.num_rows
        if self._append("lines", rows, schema):
            self._touched(np.unique(visit[visit >= 0]))
            self._touched(deny_returns(find, visit, count, schema))

    # ------------------------------------------------------------------ rows that change

    def _replace(self, rows: pa.Table, schema: Table, key: str) -> None:
        name = schema.name
        table = self.tables.get(name)
        if table is None or (not table.num_rows and self.checking and not self._find.index.has_rows(name)):
            self._say.problem("rows", f"the run has no {name}: what they are stands on the visits", f"本次运行没有{schema.zh}表：其属性写在结算行上")  # fmt: skip
            return
        theirs = ids_of(self.tables["visits"], key)
        like = flat(ids_of(table, key)).type
        ids = self._find.own_ids(rows, key, like, "rows")
        if ids is None:
            return
        names = text_of(ids).unique().drop_null()
        at_visit = place_among(flat(theirs).cast(like), names)
        mine = np.asarray(place_among(ids_of(table, key), names) >= 0)
        if self.checking:
            known = pa.concat_arrays([text_of(flat(ids_of(table, key))), text_of(flat(theirs).cast(like))])
            check_replaced(self._find, rows, ids, schema, key, known)
        gone = table.filter(pa.array(mine))
        self.tables[name] = table.filter(pa.array(~mine))
        if self._append(name, rows, schema) and self.checking:
            went, came, _ = alike(gone, rows, schema)
            days = self.days()
            spans = dated_spans(went, came, schema, key, names)
            self._touched(np.flatnonzero(spans.touch(at_visit, days.low, days.high) & ~days.reversal))

    def _reorder(self, rows: pa.Table, schema: Table) -> None:
        visits = self.tables["visits"]
        ids = self._find.own_ids(rows, "setl_id", self._find.index.id_type, "rows")
        if ids is None:
            return
        at = self._find.visit_of(ids)
        if self.checking:
            check_reordered(self._find, ids, at)
        spec, held = schema.find("setl_time"), visits["setl_time"]
        assert spec is not None
        try:
            times = fitted(rows["setl_time"], held.type, "time")
        except ColumnError as error:
            self._say.of_type("rows.setl_time", error)
            return
        if self.checking:
            check_times(self._find, times, spec, ids, at)
        known = np.flatnonzero(at >= 0)
        place = np.arange(visits.num_rows)
        place[at[known]] = visits.num_rows + known
        column = pa.chunked_array([*held.chunks, *times.chunks], held.type).take(pa.array(place))
        moved = convert(held, spec).values != convert(column, spec).values
        self.tables["visits"] = visits.set_column(visits.column_names.index("setl_time"), "setl_time", column)
        self._touched(np.flatnonzero(moved))
