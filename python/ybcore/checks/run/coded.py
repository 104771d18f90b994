"""Rows of diagnoses and operations that a rule looks at one by one, and keys that are not items of lines."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ...columns.convert import NULL_INT
from ..rule import Rule
from .given import DAY
from .held import index_in
from .lines import taken_or_none
from .lists import members
from .scope import NO, YES
from .work import Chosen, Work

__all__ = ["CodedRows", "coded_rows", "key_among", "key_mask", "select_coded"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]


class CodedRows:
    """Rows of standing visits that have a code, those of one visit and name once, on their first day, in order of visits and names."""

    def __init__(self, work: Work, kind: str) -> None:
        batch = work.batch
        table, column, time = {"diagnosis": ("diagnoses", "diag_code", "diag_time"), "operation": ("operations", "oprn_oprt_code", "oprn_oprt_date")}[kind]  # fmt: skip
        visit, code, self.ids = work.diagnoses if kind == "diagnosis" else work.operations
        frame = batch.frame(table)
        when = np.full(len(visit), NULL_INT)
        if frame is not None and time in frame.cells:
            given = frame.code(column)
            assert given is not None
            keep = (given[0] >= 0) & batch.stands[batch.row_visit[table]]
            when = frame.ints(time)[keep]
        day = np.where(when == NULL_INT, batch.begin_day[visit], when // DAY).astype(np.int32)
        texts = self.ids.to_pylist()
        rank = np.argsort(np.argsort(np.array([t.encode() for t in texts], object))) if texts else np.zeros(0, np.int64)
        place = work.visit_place[visit] * len(texts) + (rank[code] if len(code) else code)
        order = np.lexsort((day, place))
        first = np.ones(len(order), bool)
        first[1:] = np.diff(place[order]) != 0
        if kind == "operation":
            first[1:] |= np.diff(day[order]) != 0
        at = order[first]
        self.visit, self.code, self.day = visit[at].astype(np.int64), code[at], day[at]
        self.kind = kind

    def what(self, places: Int64) -> list[str]:
        """What tells findings on some of the rows apart."""
        texts = self.ids.take(pa.array(self.code[places])).to_pylist()
        if self.kind == "diagnosis":
            return texts
        return [f"{text}@{day}" for text, day in zip(texts, self.day[places].tolist())]


def coded_rows(work: Work, kind: str) -> CodedRows:
    """The rows of a kind; made once in a run."""
    rows: CodedRows = work.once(kind, lambda: CodedRows(work, kind))
    return rows


def select_coded(
    work: Work, rule: Rule, rows: CodedRows, inside: npt.NDArray[np.bool_] | None = None
) -> tuple[Int64, Chosen]:
    """(places among the coded rows, what is chosen): in scope and among the rule's items, or in `inside` by code."""
    mask = inside if inside is not None else key_mask(work, rule, rows.ids, rows.kind)
    at = np.arange(len(rows.code)) if mask is None else np.flatnonzero(mask[rows.code])
    keep = work.narrowed(rows.visit[at])
    at = at if keep is None else at[keep]
    visit, day = rows.visit[at], rows.day[at]
    truth = work.when(rule, work.scopes.truth(work.scope_of(rule), rule.visit_kinds)[visit], day)
    entry, among = key_among(work, rule, rows.code[at], rows.ids, rows.kind, visit, day)
    if inside is not None:
        among = np.full(len(at), YES, np.uint8)
    chosen = (truth == YES) & (among == YES)
    unknown = int(np.count_nonzero((truth != NO) & (among != NO) & ~chosen))
    entry = taken_or_none(entry, chosen)
    at = at[chosen]
    return at, Chosen(rows.visit[at], entry, len(at), unknown)


def key_mask(work: Work, rule: Rule, ids: pa.Array, what: str) -> Any:
    """Keys that may be among those that a rule names, whatever the day; None: all."""
    items = rule.items
    if items.all:
        return None
    if items.table is not None:
        found = index_in(rule.tables["items"].columns[rule.tables["items"].key[0]], ids)
        mask = np.zeros(len(ids), bool)
        mask[found[found >= 0]] = True
        return mask
    if items.list is not None:
        return work.in_list(items.list, ids, what)
    return members(ids, "prefix", items.prefix or ())


def key_among(work: Work, rule: Rule, key: Int32, ids: pa.Array, what: str, visit: Int64, day: Int32) -> Any:
    """(table row, truth) of keys that are not items of lines: codes, doctors, institutions, persons, cards."""
    items = rule.items
    if items.all:
        return None, np.full(len(key), YES, np.uint8)
    known = key >= 0
    if items.table is not None:
        table = rule.tables["items"]
        entry = work.entries(table, table.key[0], ids, what, key, visit, day)
        truth = np.where(entry >= 0, YES, np.where(entry == -1, NO, 2)).astype(np.uint8)
    else:
        inside = key_mask(work, rule, ids, what)
        entry = None
        truth = inside[np.maximum(key, 0)].astype(np.uint8) if len(ids) else np.zeros(len(key), np.uint8)
    return entry, np.where(known, truth, 2).astype(np.uint8)
