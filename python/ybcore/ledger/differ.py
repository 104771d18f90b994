"""On which days something says something else than before: dated rows, documents, catalogues."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ..catalog import Catalog
from ..columns.asof import opened
from ..columns.convert import NULL_DAY, NULL_INT, convert
from ..columns.ids import flat, lookup
from ..columns.keys import ids_of, text_of
from ..columns.schema import Table
from ..engine import Engine
from ..policy import Book, Policy
from ..settling.events import year_starts

__all__ = ["BookDiffers", "CatalogDiffers", "Days", "Spans", "dated_spans", "days_in", "place_among", "settling_order"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
ALWAYS, OPEN = NULL_DAY, 2**31 - 1
_ROOM = 2**62  # that one number may have
CATALOG_KEY = ("med_list_codg", "begndate", "enddate")
#: Reasons of visits that a document refused, or that no document was there for.
BY_DOCUMENT = ("no_policy", "bad_split", "negative_bucket", "no_figure", "missing_value", "overflow")


@dataclass(frozen=True)
class Spans:
    """Days (half-open) on which something of a key is not what it was; `key` is sorted."""

    key: Int64
    begin: Int64
    end: Int64

    @staticmethod
    def of(key: Any, begin: Any, end: Any) -> Spans:
        order = np.argsort(key, kind="stable")
        key, begin, end = (np.asarray(column, np.int64)[order] for column in (key, begin, end))
        return Spans(key, begin, end)

    def touch(self, key: Any, low: Any, high: Any) -> Mask:
        """For each (key, first day, last day): whether one of the days is in a span of the key."""
        out = np.zeros(len(key), bool)
        first, last = np.searchsorted(self.key, key), np.searchsorted(self.key, key, side="right")
        rows = np.flatnonzero(last > first)
        if len(rows):
            size = (last - first)[rows]
            at = np.repeat(rows, size)
            ends = np.cumsum(size)
            span = np.repeat(first[rows] - ends + size, size) + np.arange(int(ends[-1]))
            hit = (self.begin[span] <= high[at]) & (self.end[span] > low[at])
            out[at[hit]] = True
        return out

    def touch_any(self, low: Any, high: Any) -> Mask:
        """The same for any key."""
        none = np.zeros(len(self.key), np.int64)
        return Spans(none, self.begin, self.end).touch(np.zeros(len(low), np.int64), low, high)


def row_codes(table: pa.Table) -> Int64:
    """A number of each row; equal rows have equal ones."""
    code, size = np.zeros(table.num_rows, np.int64), 1
    for name in table.column_names:
        column = table[name]
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        coded = column.combine_chunks().dictionary_encode()
        coded = coded if isinstance(coded, pa.DictionaryArray) else coded.combine_chunks()
        own = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64) + 1
        if size * (len(coded.dictionary) + 1) > _ROOM:
            _, code = np.unique(code, return_inverse=True)
            size = max(1, len(code))
        code = code * (len(coded.dictionary) + 1) + own
        size *= len(coded.dictionary) + 1
    return code


def spans_of(key: Any, content: Any, begin: Any, end: Any, sign: Any) -> Spans:
    """Days on which the rows of a key differ between two tables; `sign` is −1 for rows of the old one, 1 for the new one."""
    key, content = np.tile(np.asarray(key, np.int64), 2), np.tile(content, 2)
    day = np.concatenate((begin, end)).astype(np.int64)
    step = np.concatenate((sign, -np.asarray(sign))).astype(np.int64)
    order = np.lexsort((day, content, key))
    key, content, day, step = key[order], content[order], day[order], step[order]
    if not len(key):
        return Spans.of(key, day, day)
    # Each row adds and takes the same, so the running sum is zero wherever the rows of a content begin.
    there = np.cumsum(step)
    last = np.append((key[1:] != key[:-1]) | (content[1:] != content[:-1]), True)
    rows = np.flatnonzero((there != 0) & ~last)
    rows = rows[day[rows] < day[rows + 1]]
    return Spans.of(key[rows], day[rows], day[rows + 1])


def days_in(table: pa.Table, name: str, schema: Table) -> Int32:
    """A date column as days; NULL_DAY where it is missing or not there."""
    if name not in table.column_names:
        return np.full(table.num_rows, NULL_DAY, np.int32)
    column, spec = table[name], schema.find(name)
    if pa.types.is_null(column.type):
        return np.full(table.num_rows, NULL_DAY, np.int32)
    assert spec is not None
    values = convert(column, spec).values
    if spec.kind == "time":
        return np.where(values == NULL_INT, NULL_DAY, values // 86_400_000_000).astype(np.int32)
    return values.astype(np.int32)


def dated_spans(old: pa.Table, new: pa.Table, schema: Table, key_name: str, keys: pa.Array) -> Spans:
    """Days on which rows of a dated table differ, by place of the key among `keys`; both have the same columns. Names, and what nobody
    reads, make no difference."""
    both = pa.concat_tables([old, new])
    key = lookup(ids_of(both, key_name, keys.type), keys)
    read = {name: spec.kind for name in both.column_names if (spec := schema.find(name)) is not None}
    told = [name for name, kind in read.items() if kind != "text" and name not in ("begndate", "enddate")]
    content = row_codes(both.select(told))
    sign = np.repeat([-1, 1], [old.num_rows, new.num_rows])
    return spans_of(key, content, days_in(both, "begndate", schema), opened(days_in(both, "enddate", schema)), sign)


def place_among(ids: pa.ChunkedArray, known: pa.Array) -> Int64:
    """First place of each id among others; -1 none. Of dictionaries only the words are looked up."""
    parts = [np.zeros(0, np.int64)]
    for chunk in ids.chunks:
        coded = pa.types.is_dictionary(chunk.type)
        words = chunk.dictionary if coded else chunk
        found = pc.index_in(words.cast(known.type), value_set=known, skip_nulls=True)
        place = found.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        parts.append(np.append(place, -1)[chunk.indices.fill_null(len(words)).to_numpy()] if coded else place)
    return np.concatenate(parts)


# ---------------------------------------------------------------------- visits and their days


@dataclass(frozen=True)
class Days:
    """The days of visits: of the policy (first and last, one day unless a stay is split over years), discharge, settling; reversals."""

    low: Int32
    high: Int32
    discharge: Int32
    settled: Int32
    reversal: Mask

    @staticmethod
    def of(visits: pa.Table, schema: Table, books: tuple[Book, ...]) -> Days:
        settled = days_in(visits, "setl_time", schema)
        begin, end = (days_in(visits, name, schema) for name in ("begndate", "enddate"))
        begin, end = np.where(begin == NULL_DAY, settled, begin), np.where(end == NULL_DAY, settled, end)
        policy = {"settlement": settled, "discharge": end, "admission": begin}[books[0].policies[0].model.dates.policy]
        low, high = policy.copy(), policy.copy()
        for starts in {p.model.year.starts for book in books for p in book if p.model.year.cross == "split"}:
            # A reversal may have any days; what is missing is before every year.
            known = np.flatnonzero((begin > ALWAYS + 400) & (end > ALWAYS + 400))
            parted = known[
                year_starts(begin[known].astype(np.int32), *starts) != year_starts(end[known].astype(np.int32), *starts)
            ]
            low[parted] = np.minimum(low, begin)[parted]
            high[parted] = np.maximum(high, np.maximum(end, settled))[parted]
        back = np.zeros(visits.num_rows, bool)
        if "refd_setl_flag" in visits.column_names and not pa.types.is_null(visits["refd_setl_flag"].type):
            spec = schema.find("refd_setl_flag")
            assert spec is not None
            back = convert(visits["refd_setl_flag"], spec).values == 1
        return Days(low, high, end, settled, back)


def settling_order(visits: pa.Table, schema: Table, book: Book, group: Any, discharge: Callable[[], Int32]) -> Int64:
    """Visits by group, in settling order. `discharge` gives the days of discharge, if the book orders by them."""
    spec = schema.find("setl_time")
    assert spec is not None
    keys: dict[str, Any] = {"group": pa.array(group)}
    if book.policies[0].model.dates.order == "discharge":
        keys["day"] = pa.array(discharge())
    times = visits["setl_time"]
    held = np.full(len(times), NULL_INT) if pa.types.is_null(times.type) else convert(times, spec).values
    keys["time"] = pa.array(held)
    keys["id"] = flat(ids_of(visits, "setl_id"))
    order = pc.sort_indices(pa.table(keys), sort_keys=[(name, "ascending") for name in keys])
    return order.to_numpy().astype(np.int64)


# ---------------------------------------------------------------------- documents


def _said(policy: Policy) -> str:
    """What a document says, whenever it holds."""
    text = json.loads(policy.canonical())
    text.pop("effective")
    return json.dumps(text, sort_keys=True)


def _end(policy: Policy) -> int:
    return OPEN if policy.effective[1] is None else policy.effective[1]


def _account_rules(book: Book) -> list[Any]:
    """Who may do what with accounts, by scheme and day; the same however it is cut into documents."""
    out: list[Any] = []
    for rows in book.schemes().values():
        for policy in rows:
            rule = json.loads(policy.canonical()).get("accounts")
            scheme = policy.scheme
            said = (scheme.id, scheme.region, sorted(scheme.insutype), rule)
            if rule is None:
                continue
            if out and out[-1][0] == said and out[-1][2] == policy.effective[0]:
                out[-1][2] = _end(policy)
            else:
                out.append([said, policy.effective[0], _end(policy)])
    return out


def _common(engine: Engine) -> list[Any]:
    """What every visit goes by, whichever document settles it."""
    first = engine.book.policies[0].model
    columns = {name: sorted((c.name, c.kind) for c in table.columns) for name, table in engine.input_tables.items()}
    return [first.dates.policy, first.dates.order, first.year.starts, columns]


class BookDiffers:
    """On which days which document of an old book says something else in a new one."""

    def __init__(self, old: Engine, new: Engine) -> None:
        self.same = old.book.sha256 == new.book.sha256
        self.all = not self.same and (
            _common(old) != _common(new) or _account_rules(old.book) != _account_rules(new.book)
        )
        self.books = (old.book, new.book)
        self.names = [policy.id for policy in old.book]
        later: dict[str, list[Policy]] = {}
        for policy in new.book:
            later.setdefault(_said(policy), []).append(policy)
        rows: list[tuple[int, int, int]] = []
        for i, policy in enumerate(old.book):
            at = policy.effective[0]
            for same in sorted(later.get(_said(policy), []), key=lambda p: p.effective[0]):
                rows.append((i, at, min(same.effective[0], _end(policy))))
                at = max(at, _end(same))
            rows.append((i, at, _end(policy)))
        kept = [row for row in rows if row[1] < row[2]]
        self.spans = Spans.of(*(np.array([row[c] for row in kept], np.int64) for c in range(3)))

    def touched(self, results: pa.Table, days: Days) -> Mask:
        """Visits whose document is not what it was; `results` of the old book, row by row."""
        if self.same:
            return np.zeros(results.num_rows, bool)
        if self.all:
            return ~days.reversal
        policy, reason = (results[name].combine_chunks() for name in ("policy_id", "reason"))
        place = {name: i for i, name in enumerate(self.names)}
        names = policy.dictionary.to_pylist()
        key = np.array([place.get(name, -1) for name in names], np.int64)[policy.indices]
        strange = np.array([bool(name) and name not in place for name in names], bool)[policy.indices]
        out = strange | self.spans.touch(key, days.low, days.high)
        refused = np.array([name in BY_DOCUMENT for name in reason.dictionary.to_pylist()], bool)[reason.indices]
        out |= refused | ((days.low != days.high) & self.spans.touch_any(days.low, days.high))
        return out & ~days.reversal


# ---------------------------------------------------------------------- catalogues


class CatalogDiffers:
    """On which days rows of which items differ between two catalogues; `books`: whose looking-up dates count."""

    def __init__(self, old: Catalog | None, new: Catalog, books: tuple[Book, ...]) -> None:
        found: list[tuple[pa.Array, Spans]] = []
        for name in ("items", "selfpay", "caps"):
            tables = [] if old is None else [old.table(name)]
            tables.append(new.table(name))
            both = pa.concat_tables(tables)
            if not both.num_rows or (len(tables) == 2 and tables[0].equals(tables[1])):
                continue
            coded = text_of(both["med_list_codg"]).dictionary_encode()
            begin, end = (both[column].to_numpy() for column in ("begndate", "enddate"))
            begin = np.where(begin == NULL_INT, ALWAYS, begin)
            end = np.where(end == NULL_INT, OPEN, end)
            content = row_codes(both.drop_columns(["med_list_codg", "begndate", "enddate"]))
            sign = np.repeat([-1, 1][-len(tables) :], [table.num_rows for table in tables])
            found.append((coded.dictionary, spans_of(coded.indices.to_numpy(), content, begin, end, sign)))
        codes = [dictionary.take(pa.array(np.unique(spans.key))) for dictionary, spans in found]
        self.codes = pa.concat_arrays(codes).unique() if codes else pa.array([], pa.large_string())
        parts = [
            (lookup(pa.chunked_array([dictionary.take(pa.array(spans.key))]), self.codes), spans.begin, spans.end)
            for dictionary, spans in found
        ]
        none = np.zeros(0, np.int64)
        self.spans = Spans.of(*(np.concatenate([part[c] for part in parts] or [none]) for c in range(3)))
        self.dates = {
            getattr(p.model.dates, name) for book in books for p in book for name in ("class_", "ratio", "cap")
        }

    def touched(self, lines: pa.Table | None, visit: Int64, days: Days, schema: Table) -> Mask:
        """Visits with a line of a changed item on a day on which it changed; `visit`: row of the visit of each line, -1 none."""
        out = np.zeros(len(days.low), bool)
        if lines is None or not len(self.spans.key):
            return out
        item = lookup(ids_of(lines, "med_list_codg", pa.large_string()), self.codes)
        rows = np.flatnonzero((item >= 0) & (visit >= 0))
        mine, at = lines.take(pa.array(rows)), visit[rows]
        item = item[rows].astype(np.int64)
        hit = np.zeros(len(rows), bool)
        for date in self.dates:
            day = {"discharge": days.discharge, "settlement": days.settled}.get(date)
            if day is None:
                own = days_in(mine, "fee_ocur_time", schema)
                held = np.where(own == NULL_DAY, days.discharge[at], own)
            else:
                held = day[at]
            hit |= self.spans.touch(item, held, held)
        # A line that returns another goes by the day of that one.
        hit |= np.asarray(ids_of(mine, "init_feedetl_sn").is_valid())
        out[at[hit]] = True
        return out & ~days.reversal
