"""The tables on the bench: changes are applied to them one by one, and what each one touches is noted."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ..catalog import Catalog
from ..columns.convert import NULL_DAY, NULL_INT, ColumnError, convert
from ..columns.ids import encode, flat, lookup
from ..columns.keys import ids_of, text_of
from ..columns.phrases import chinese
from ..columns.schema import Table
from ..engine import Engine
from ..errors import Problem
from ..policy import Book, load_book
from ..policy.faults import nearest
from .changes import (
    STRUCK,
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
from .differ import BookDiffers, CatalogDiffers, Days, dated_spans, days_in, place_among
from .run import Index
from .slips import again, backwards, overlapping, pre_split, repeated, unread, without
from .struck import ORDERED_BY, struck

__all__ = ["NOTHING", "Bench", "engine_of"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
NOTHING = -1
_SHOWN = 5
_CLOSE = 2_000  # candidates for a nearest name


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
        self.tables, self.engine, self.results, self.index, self.books = dict(tables), engine, results, index, books
        self.old = self.tables["visits"].num_rows
        self.touch = np.full(self.old, NOTHING, np.int32)
        self.origin = np.full(self.old, NOTHING, np.int32)
        self.touched: list[Any] = []  # by change: a mask of visits
        self.problems: list[Problem] = []
        self.checking = True
        self._ids: tuple[Any, pa.Array, Int64] | None = None
        # Visit of each line so far; `counts` is of lines that stand by visit.
        self._line_visit = np.zeros(0, np.int64) if counts is None else np.repeat(np.arange(len(counts)), counts)

    def apply(self, number: int, read: Read, engine: Engine) -> None:
        """One change; `engine` is the one after it."""
        before, change = self.engine, read.change
        self.number, self.place = number, read.place
        self._now: list[Any] = []
        schemas = engine.input_tables
        if isinstance(change, (LateClaims, Refunds)):
            if "visits" in read.parts:
                self._more_visits(read.parts["visits"], schemas["visits"], isinstance(change, Refunds))
            if "lines" in read.parts:
                self._more_lines(read.parts["lines"], schemas["lines"], isinstance(change, Refunds))
        elif isinstance(change, DeniedLines):
            self._deny(read.parts["denied"], schemas["lines"])
        elif isinstance(change, StruckOff):
            self._strike(read.parts["struck_off"], schemas["lines"])
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
            visit = self.visit_of_line()
            self._touched(np.flatnonzero(differs.touched(lines, visit, self.days(), schemas["lines"])))
        self.engine = engine
        self._note()

    def days(self, rows: Int64 | None = None) -> Days:
        """The days of visits, or of some of them."""
        visits = self.tables["visits"]
        visits = visits if rows is None or len(rows) == visits.num_rows else visits.take(pa.array(rows))
        return Days.of(visits, self.engine.input_tables["visits"], self.books)

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

    # ------------------------------------------------------------------ what is wrong

    def _wrong(self, part: str, rows: Any, en: str, zh: str, ids: pa.Array | None = None, names: Any = None) -> None:
        """A problem a row (from 1), the first few, and how many more; `{}` is the id, `names` gives the nearest for one."""
        rows = np.asarray(rows)
        for row in rows[:_SHOWN].tolist():
            name = None if ids is None else ids[row].as_py()
            near = names(str(name)) if names is not None and name is not None else ""
            self._problem(part, en.format(repr(name)), zh.format(repr(name)), row + 1, near)
        if len(rows) > _SHOWN:
            more = len(rows) - _SHOWN
            self._problem(part, en.format("…") + f" (and {more} more rows)", zh.format("…") + f"（另有 {more} 行）")

    def _problem(self, part: str, en: str, zh: str, row: int | None = None, near: str = "") -> None:
        self.problems.append(Problem(what=en, what_zh=zh, path=f"{self.place}.{part}", row=row, nearest=near))

    def _near_id(self, name: str) -> str:
        """The nearest of the settlements."""
        added = text_of(ids_of(self.tables["visits"], "setl_id", self.index.id_type)).slice(self.old)
        return near_one(name, pa.concat_arrays([self.index.setl_ids, added.cast(self.index.setl_ids.type)]))

    def _near_line(self, ids: pa.ChunkedArray, name: str) -> str:
        """The nearest of the lines of the settlements that are named."""
        lines = self.tables.get("lines")
        if lines is None or "feedetl_sn" not in lines.column_names:
            return ""
        mine = pc.is_in(flat(ids_of(lines, "setl_id")).cast(ids.type), value_set=text_of(ids))
        return near_one(name, text_of(ids_of(lines.filter(mine), "feedetl_sn")))

    # ------------------------------------------------------------------ looking up

    def _visit_of(self, ids: pa.ChunkedArray) -> Int64:
        """Row of the first visit of each id on the bench; -1 none."""
        visits = self.tables["visits"]
        if self._ids is None or self._ids[0] is not visits:
            (code,), names = encode([ids_of(visits, "setl_id", self.index.id_type)])
            first = np.full(len(names) + 1, -1, np.int64)
            first[code[::-1]] = np.arange(len(code))[::-1]
            first[-1] = -1  # what has no id is nobody's
            self._ids = (visits, names, first)
        return self._ids[2][lookup(ids, self._ids[1])]

    def visit_of_line(self) -> Int64:
        """Row of the visit of each line on the bench; -1 none."""
        lines = self.tables.get("lines")
        known = len(self._line_visit)
        if lines is not None and known < lines.num_rows:
            more = self._visit_of(ids_of(lines.slice(known), "setl_id", self.index.id_type))
            self._line_visit = np.concatenate((self._line_visit, more))
        return self._line_visit

    def _own_ids(self, table: pa.Table, name: str, like: pa.DataType, part: str) -> pa.ChunkedArray | None:
        """Ids of a change as those of the run; None, and a problem, where they are of another type."""
        try:
            return fitted(flat(ids_of(table, name, like)), like, "id")
        except (ColumnError, pa.ArrowException) as error:
            self._problem(f"{part}.{name}", *_of_type(error))
            return None

    def _lines_place(self, setl: pa.ChunkedArray, line: pa.ChunkedArray) -> Int64:
        """Row of the line (settlement, line) on the bench; -1 none."""
        lines = self.tables.get("lines")
        if lines is None or not lines.num_rows:
            return np.full(len(setl), -1, np.int64)
        named = self._visit_of(setl)
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

    # ------------------------------------------------------------------ rows that come

    def _append(self, name: str, rows: pa.Table, schema: Table) -> bool:
        """Rows to the end of a table; columns that only one side has are missing on the other. False when a column does not fit."""
        table = self.tables.get(name)
        if table is None:
            self.tables[name] = rows
            return True
        ours, theirs, wrong = alike(table, rows, schema)
        for column, error in wrong.items():
            self._problem(f"{name}.{column}", *_of_type(error))
        if not wrong:
            self.tables[name] = pa.concat_tables([ours, theirs])
        return not wrong

    def _more_visits(self, rows: pa.Table, schema: Table, refund: bool) -> None:
        if self.checking:
            ids = self._own_ids(rows, "setl_id", self.index.id_type, "visits")
            if ids is None:
                return
            taken = (self._visit_of(ids) >= 0) | self._earlier(ids)
            texts = text_of(ids)
            self._wrong(
                "visits.setl_id", np.flatnonzero(taken), "the settlement {} is there already", "结算 {} 已存在", texts
            )
            self._twice("visits", ids)
            self._wrong("visits.setl_id", without(ids), "a settlement has an id", "结算须有 setl_id")
            if refund:
                self._check_reversals(rows, schema)
        count = self.tables["visits"].num_rows
        if self._append("visits", rows, schema):
            more = self.tables["visits"].num_rows - count
            self.touch = np.append(self.touch, np.full(more, self.number, np.int32))
            self.origin = np.append(self.origin, np.full(more, self.number, np.int32))

    def _twice(self, part: str, ids: pa.ChunkedArray) -> None:
        texts = text_of(ids)
        self._wrong(f"{part}.setl_id", repeated(ids), "the settlement {} is there twice", "结算 {} 出现两次", texts)

    def _earlier(self, ids: pa.ChunkedArray) -> Any:
        """Ids that the opening state knows."""
        return self.index.known(ids) & (self.index.row_of(ids) < 0)

    def _check_reversals(self, rows: pa.Table, schema: Table) -> None:
        spec = schema.find("refd_setl_flag")
        assert spec is not None
        flag = np.zeros(rows.num_rows, np.int8)
        if not pa.types.is_null(rows["refd_setl_flag"].type):
            flag = convert(rows["refd_setl_flag"], spec).values
        self._wrong("visits.refd_setl_flag", np.flatnonzero(flag != 1), "a refund has refd_setl_flag 1; a settlement of what remains is a LateClaims",
                    "退费结算的 refd_setl_flag 应为 1；其余部分的重新结算请用 LateClaims")  # fmt: skip
        named = self._own_ids(rows, "init_setl_id", self.index.id_type, "visits")
        if named is None:
            return
        lost = np.flatnonzero((flag == 1) & (self._visit_of(named) < 0) & ~self._earlier(named))
        self._wrong("visits.init_setl_id", lost, "the settlement {} that is refunded is not there", "所退的结算 {} 不存在",
                    text_of(named), self._near_id)  # fmt: skip

    def _more_lines(self, rows: pa.Table, schema: Table, refund: bool) -> None:
        ids = self._own_ids(rows, "setl_id", self.index.id_type, "lines")
        if ids is None:
            return
        visit = self._visit_of(ids)
        if self.checking:
            self._wrong("lines.setl_id", np.flatnonzero(visit < 0), "the settlement {} is not there", "结算 {} 不存在",
                        text_of(ids), self._near_id)  # fmt: skip
            self._check_lines(rows, ids, visit, refund)
            self._check_split(ids, visit, self.engine.input_tables["visits"])
        held = self.tables.get("lines")
        count = 0 if held is None else held.num_rows
        if self._append("lines", rows, schema):
            self._touched(np.unique(visit[visit >= 0]))
            back, of = self._returned(visit, count)
            self._mark(back[self._denied(of, schema)], schema)

    def _denied(self, at: Int64, schema: Table) -> npt.NDArray[np.bool_]:
        """Which of these lines are denied; none of row -1 is."""
        lines, spec = self.tables["lines"], schema.find("deny_flag")
        assert spec is not None
        if "deny_flag" not in lines.column_names or pa.types.is_null(lines["deny_flag"].type):
            return np.zeros(len(at), bool)
        return (at >= 0) & (convert(lines["deny_flag"].take(pa.array(np.maximum(at, 0))), spec).values == 1)

    def _check_lines(self, rows: pa.Table, ids: pa.ChunkedArray, visit: Int64, refund: bool) -> None:
        lines = self.tables.get("lines")
        kind = pa.large_string()
        if lines is not None and "feedetl_sn" in lines.column_names:
            held = ids_of(lines, "feedetl_sn").type
            kind = held.value_type if pa.types.is_dictionary(held) else held
        elif "feedetl_sn" in rows.column_names:
            kind = flat(ids_of(rows, "feedetl_sn")).type
        own = self._own_ids(rows, "feedetl_sn", kind, "lines")
        if own is not None:
            there = np.flatnonzero((visit >= 0) & (self._lines_place(ids, own) >= 0))
            self._wrong(
                "lines.feedetl_sn", there, "its visit has the line {} already", "该结算已有明细 {}", text_of(own)
            )
            twice = np.flatnonzero((visit >= 0) & np.asarray(own.is_valid()) & again(visit, own))
            self._wrong(
                "lines.feedetl_sn",
                twice,
                "the line {} of its visit comes twice",
                "该结算的明细 {} 出现两次",
                text_of(own),
            )
        if not refund or own is None:
            return
        named = self._own_ids(rows, "init_feedetl_sn", kind, "lines")
        if named is not None:
            lost = np.flatnonzero((visit >= 0) & (self._lines_place(ids, named) < 0))
            self._wrong("lines.init_feedetl_sn", lost, "its visit has no line {} to return", "该结算没有可退的明细 {}",
                        text_of(named), lambda name: self._near_line(ids, name))  # fmt: skip

    def _check_split(self, ids: pa.ChunkedArray, visit: Int64, schema: Table) -> None:
        """Lines for visits that were there before this change, brought natures and no lines."""
        lines = self.visit_of_line()
        bare = pre_split(self.tables["visits"], schema) & (self.origin != self.number)
        bare[lines[lines >= 0]] = False
        lost = np.flatnonzero((visit >= 0) & bare[np.maximum(visit, 0)])
        self._wrong("lines.setl_id", lost, "the settlement {} came split, without lines: its lines would take the place of the amounts that it brought",
                    "结算 {} 以费用构成给出、没有明细：补入的明细会取代其原有金额", text_of(ids))  # fmt: skip

    # ------------------------------------------------------------------ rows that change

    def _deny(self, rows: pa.Table, schema: Table) -> None:
        lines = self.tables.get("lines")
        if lines is None or "feedetl_sn" not in lines.column_names:
            self._problem("rows", "the run has no lines with feedetl_sn", "本次运行没有带 feedetl_sn 的明细")
            return
        held = ids_of(lines, "feedetl_sn").type
        kind = held.value_type if pa.types.is_dictionary(held) else held
        ids = self._own_ids(rows, "setl_id", self.index.id_type, "rows")
        own = self._own_ids(rows, "feedetl_sn", kind, "rows")
        if ids is None or own is None:
            return
        visit, at = self._visit_of(ids), self._lines_place(ids, own)
        if self.checking:
            self._wrong("rows.setl_id", np.flatnonzero(visit < 0), "the settlement {} is not there", "结算 {} 不存在",
                        text_of(ids), self._near_id)  # fmt: skip
            self._wrong("rows.feedetl_sn", np.flatnonzero((visit >= 0) & (at < 0)), "its visit has no line {}", "该结算没有明细 {}",
                        text_of(own), lambda name: self._near_line(ids, name))  # fmt: skip
        self._mark(at[at >= 0], schema)

    def _strike(self, rows: pa.Table, schema: Table) -> None:
        """Lines that doctors ordered from the day on which they were struck off."""
        lines = self.tables.get("lines")
        if lines is None or ORDERED_BY not in lines.column_names:
            self._problem("rows", f"the lines of the run do not say who ordered them ({ORDERED_BY})", f"本次运行的明细没有开单医生（{ORDERED_BY}）")  # fmt: skip
            return
        if self.checking:
            doctors = flat(ids_of(rows, "dr_code"))
            self._wrong("rows.dr_code", without(doctors), "dr_code is missing", "缺少 dr_code")
            none = np.flatnonzero(days_in(rows, "begndate", STRUCK) == NULL_DAY)
            self._wrong("rows.begndate", none, "the day from which {} is struck off is missing", "缺少 {} 停止支付的起始日期", text_of(doctors))  # fmt: skip
            self._wrong("rows.enddate", unread(rows, "enddate", STRUCK), "the day until which {} is struck off cannot be read", "{} 停止支付的终止日期无法读取", text_of(doctors))  # fmt: skip
            self._wrong("rows.enddate", backwards(rows, STRUCK), "{} would end before it begins", "{} 的有效期终止早于开始", text_of(doctors))  # fmt: skip
        at = np.flatnonzero(struck(rows, STRUCK, lines, schema, self.visit_of_line(), self.days().discharge))
        self._mark(at, schema)

    def _mark(self, at: Int64, schema: Table) -> None:
        """These lines are denied, and those that return them: nothing goes back to a fund that pays nothing. Visits of lines that were not so before are touched."""
        lines = self.tables["lines"]
        at = np.union1d(at, self._returning(at))
        visit = self.visit_of_line()[at]
        denied = pa.chunked_array([pa.nulls(lines.num_rows, pa.int8())])
        if "deny_flag" in lines.column_names and not pa.types.is_null(lines["deny_flag"].type):
            denied = lines["deny_flag"]
            spec = schema.find("deny_flag")
            assert spec is not None
            visit = visit[convert(denied, spec).values[at] != 1]
        if pa.types.is_dictionary(denied.type):
            denied = denied.cast(denied.type.value_type)
        mask = np.zeros(lines.num_rows, bool)
        mask[at] = True
        yes = pa.scalar(1).cast(pa.int8()).cast(denied.type)
        column = pc.if_else(pa.array(mask), yes, denied)
        self.tables["lines"] = _with(lines, "deny_flag", column)
        self._touched(np.unique(visit))

    def _returning(self, at: Int64) -> Int64:
        """Lines that return one of these."""
        rows, place = self._returned(self.visit_of_line()[at], 0)
        return rows[np.isin(place, at)]

    def _returned(self, visit: Int64, begin: int) -> tuple[Int64, Int64]:
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
        return rows, self._lines_place(setl, named.take(few))

    def _replace(self, rows: pa.Table, schema: Table, key: str) -> None:
        name = schema.name
        table = self.tables.get(name)
        if table is None or (not table.num_rows and self.checking and not self.index.has_rows(name)):
            self._problem("rows", f"the run has no {name}: what they are stands on the visits", f"本次运行没有{schema.zh}表：其属性写在结算行上")  # fmt: skip
            return
        theirs = ids_of(self.tables["visits"], key)
        like = flat(ids_of(table, key)).type
        ids = self._own_ids(rows, key, like, "rows")
        if ids is None:
            return
        texts = text_of(ids)
        names = texts.unique().drop_null()
        at_visit = place_among(flat(theirs).cast(like), names)
        mine = np.asarray(place_among(ids_of(table, key), names) >= 0)
        if self.checking:
            self._wrong(f"rows.{key}", without(ids), f"{key} is missing", f"缺少 {key}")
            self._wrong(
                "rows.enddate",
                backwards(rows, schema),
                "{} would end before it begins",
                "{} 的有效期终止早于开始",
                texts,
            )
            both = overlapping(rows, schema, (key, "insutype") if key == "psn_no" else (key,))
            self._wrong(
                "rows.begndate", both, "the validity overlaps another row of {}", "{} 的有效期与另一行重叠", texts
            )
            known = pa.concat_arrays([text_of(flat(ids_of(table, key))), text_of(flat(theirs).cast(like))])
            lost = ~self.index.somebody(name, texts, known) & np.asarray(texts.is_valid())
            self._wrong(f"rows.{key}", np.flatnonzero(lost), f"nobody has {key} {{}}", f"没有 {key} 为 {{}} 的记录",
                        texts, lambda own: near_one(own, self.index.names_of(name, known)))  # fmt: skip
        gone = table.filter(pa.array(mine))
        self.tables[name] = table.filter(pa.array(~mine))
        if self._append(name, rows, schema) and self.checking:
            went, came, _ = alike(gone, rows, schema)
            days = self.days()
            spans = dated_spans(went, came, schema, key, names)
            self._touched(np.flatnonzero(spans.touch(at_visit, days.low, days.high) & ~days.reversal))

    def _reorder(self, rows: pa.Table, schema: Table) -> None:
        visits = self.tables["visits"]
        ids = self._own_ids(rows, "setl_id", self.index.id_type, "rows")
        if ids is None:
            return
        at = self._visit_of(ids)
        if self.checking:
            self._wrong("rows.setl_id", np.flatnonzero(at < 0), "the settlement {} is not there", "结算 {} 不存在",
                        text_of(ids), self._near_id)  # fmt: skip
            self._twice("rows", ids)
        spec, held = schema.find("setl_time"), visits["setl_time"]
        assert spec is not None
        try:
            times = fitted(rows["setl_time"], held.type, "time")
        except ColumnError as error:
            self._problem("rows.setl_time", *_of_type(error))
            return
        if self.checking and not pa.types.is_null(times.type):
            none = np.flatnonzero((at >= 0) & (convert(times, spec).values == NULL_INT))
            self._wrong(
                "rows.setl_time",
                none,
                "the time of {} is missing or cannot be read",
                "结算 {} 的时间缺失或无法读取",
                text_of(ids),
            )
        known = np.flatnonzero(at >= 0)
        place = np.arange(visits.num_rows)
        place[at[known]] = visits.num_rows + known
        column = pa.chunked_array([*held.chunks, *times.chunks], held.type).take(pa.array(place))
        moved = convert(held, spec).values != convert(column, spec).values
        self.tables["visits"] = _with(visits, "setl_time", column)
        self._touched(np.flatnonzero(moved))


def _of_type(error: Exception) -> tuple[str, str]:
    """A column that does not fit, in both languages."""
    what = f"the column {error}"
    return what, chinese(what)


def near_one(name: str, known: pa.Array) -> str:
    """The nearest of many ids: of those that begin alike."""
    texts = known.cast(pa.large_string())
    for size in (len(name) - 1, (2 * len(name)) // 3, len(name) // 2, 0):
        alike = texts.filter(pc.starts_with(texts, name[: max(size, 0)]))
        if len(alike):
            return nearest(name, alike.slice(0, _CLOSE).to_pylist())
    return ""


def _with(table: pa.Table, name: str, column: pa.ChunkedArray) -> pa.Table:
    if name in table.column_names:
        return table.set_column(table.column_names.index(name), name, column)
    return table.append_column(name, column)
