"""Who is settled together, and in what order."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from .. import _core
from ..columns.buffers import numbers_in
from ..columns.convert import NULL_DAY
from ..columns.ids import flat
from ..columns.read import Frame
from ..policy.compile.asks import asks_of
from ..policy.compile.book import CompiledBook

__all__ = [
    "group_persons",
    "lines_by_visit",
    "order_events",
    "rows_in_order",
    "scopes_used",
    "tie_ids",
    "uses_households",
    "uses_mutual_aid",
]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]


def scopes_used(compiled: CompiledBook) -> frozenset[str]:
    """Scopes by which some rule of the book counts."""
    return frozenset(scope for policy in compiled.policies for scope in asks_of(policy).scopes)


def uses_households(compiled: CompiledBook) -> bool:
    """True when some rule counts by household."""
    return "household" in scopes_used(compiled)


def uses_mutual_aid(compiled: CompiledBook) -> bool:
    """True when some document lets another account pay."""
    return any(p.model.accounts is not None and p.model.accounts.mutual_aid for p in compiled.policies)


def group_persons(persons: int, links: list[tuple[Int32, Int32]]) -> tuple[Int32, int]:
    """(group of each person, number of groups); links join persons, negative ones are passed over."""
    if not links:
        return np.arange(persons, dtype=np.int32), persons
    left = np.concatenate([a for a, _ in links]).astype(np.int32)
    right = np.concatenate([b for _, b in links]).astype(np.int32)
    group, count = _core.connect(persons, left, right)
    return group, int(count)


def lines_by_visit(visit: Int32, ends: Int64, visits: int) -> tuple[Int64, Int64 | None]:
    """(first line of each visit, rows of lines by visit or None where they stand so) from runs of lines: the visit of each (-1 none), its end."""
    begin, row = _core.group_lines(
        np.ascontiguousarray(visit, dtype=np.int32), np.ascontiguousarray(ends, dtype=np.int64), visits
    )
    return begin, row if len(row) else None


def household_links(psn: Int32, household: Int32, households: int) -> tuple[Int32, Int32]:
    """Each member with the first one of the household."""
    first = np.full(max(1, households), -1, np.int32)
    known = np.flatnonzero((household >= 0) & (psn >= 0))
    first[household[known[::-1]]] = psn[known[::-1]]
    return psn[known], first[household[known]]


def tie_ids(column: pa.ChunkedArray) -> dict[str, Any]:
    """Settlement ids as the kernel compares them: numbers, or bytes with offsets."""
    column = flat(column)
    if pa.types.is_integer(column.type):
        if column.num_chunks == 1 and not column.null_count:
            numbers = numbers_in(column.chunk(0))
        else:
            numbers = np.ascontiguousarray(column.fill_null(0).to_numpy())
        return {"numbers": numbers.astype(np.int64, copy=False), "offsets": None, "bytes": None}
    whole: Any
    if column.num_chunks == 1 and pa.types.is_large_string(column.type):
        whole = column.chunk(0)  # laid out as bytes are
    else:
        whole = column.cast(pa.large_binary()).combine_chunks()
    if isinstance(whole, pa.ChunkedArray):
        whole = pa.concat_arrays(whole.chunks) if whole.num_chunks else pa.array([], pa.large_binary())
    _, offsets, data = whole.buffers()
    begin = (
        np.frombuffer(offsets, np.int64, count=len(whole) + whole.offset + 1)[whole.offset :]
        if offsets is not None
        else np.zeros(1, np.int64)
    )
    text = np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)
    return {
        "numbers": None,
        "offsets": np.ascontiguousarray(begin),
        "bytes": text if len(text) else np.zeros(1, np.uint8),
    }


def order_events(
    group: Int32, groups: int, first: Int64, second: Int64 | None, ids: dict[str, Any], event_begin: Int64
) -> Int64:
    """Events in settling order; a visit's parts follow each other."""
    rows, _, _ = _core.order_rows(group, groups, first, second, ids["numbers"], ids["offsets"], ids["bytes"])
    sizes = (event_begin[1:] - event_begin[:-1])[rows]
    ends = np.concatenate(([0], np.cumsum(sizes)))
    if len(rows) and int(sizes.max()) > 1:
        start = np.repeat(event_begin[:-1][rows] - ends[:-1], sizes)
        events = start + np.arange(int(ends[-1]), dtype=np.int64)
    else:
        events = event_begin[:-1][rows]
    return np.ascontiguousarray(events, dtype=np.int64)


def rows_in_order(frame: Frame, rule: str, group: Int32, groups: int, threads: int = 1) -> Int64:
    """Rows of visits by group and in settling order inside it. `rule`: `dates.order` of the book; a group -1 is left out."""
    time = frame.ints("setl_time")
    first, second = time, None
    if rule == "discharge":
        day, _ = _core.days_of(np.ascontiguousarray(time), threads)
        end = frame.days("enddate")
        first, second = np.where(end == NULL_DAY, day, end).astype(np.int64), time
    ids = tie_ids(frame.ids["setl_id"])
    rows: Int64
    rows, _, _ = _core.order_rows(
        group, groups, np.ascontiguousarray(first), second, ids["numbers"], ids["offsets"], ids["bytes"]
    )
    return rows
