"""A batch in which visits take place as often as is said, each by itself a visit like any other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ..columns.ids import flat

if TYPE_CHECKING:
    from ..settling.job import Job

__all__ = ["happened", "happened_beside"]

Int64 = npt.NDArray[np.int64]
_IDS = ("setl_id", "mdtrt_id", "refl_old_mdtrt_id", "init_setl_id")


def happened(job: Job, counts: Int64) -> tuple[dict[str, Any], Int64]:
    """(the tables with each visit so often, which visit each row is). Where every visit takes place once these are the tables of the batch.

    A repeat has all that its visit has, its lines too; its ids are followed by ~2, ~3, …, numbers go on beyond the largest.
    """
    tables = dict(job.given)
    visit = np.repeat(np.arange(len(counts), dtype=np.int64), counts)
    if (counts == 1).all():
        return tables, visit
    begin = np.concatenate([[0], np.cumsum(counts)])[:-1]
    again = np.arange(len(visit)) - begin[visit]
    source = job.visits.source
    at = pa.array(visit)
    columns = {name: column.take(at) for name, column in source.items()}
    step = _beyond(source)
    for name in _IDS:
        if name in columns:
            columns[name] = _named(columns[name], again, step)
    tables["visits"] = columns
    if job.lines is not None:
        row, repeat = _line_rows(job, visit, again)
        lines = {name: column.take(pa.array(row)) for name, column in job.lines.source.items()}
        lines["setl_id"] = _named(lines["setl_id"], repeat, step)
        tables["lines"] = lines
    return tables, visit


def happened_beside(job: Job, beside: Mapping[str, Any], counts: Int64) -> dict[str, Any]:
    """Further tables of the visits that take place: rows that name a visit (`setl_id`) stand as often as it does."""
    if (counts == 1).all():
        return dict(beside)
    step = _beyond(job.visits.source)
    own = flat(job.visits.source["setl_id"]).combine_chunks()
    own = own.cast(own.type.value_type) if pa.types.is_dictionary(own.type) else own
    out = {}
    for name, given in beside.items():
        table = given if isinstance(given, pa.Table) else pa.table(given)
        out[name] = table
        if "setl_id" not in table.column_names:
            continue
        ids = flat(table["setl_id"]).combine_chunks()
        visit = np.asarray(pc.fill_null(pc.index_in(ids.cast(own.type), own), -1), np.int64)
        # A row of no visit of the batch stays as it is.
        times = np.where(visit >= 0, counts[visit], 1)
        row = np.repeat(np.arange(len(visit)), times)
        again = np.arange(len(row)) - np.repeat(np.cumsum(times) - times, times)
        made = table.take(pa.array(row))
        named = _named(pa.chunked_array([ids.take(pa.array(row))]), again, step)
        out[name] = made.set_column(made.column_names.index("setl_id"), "setl_id", named)
    return out


def _line_rows(job: Job, visit: Int64, again: Int64) -> tuple[Int64, Int64]:
    """(row of each line, which repeat it is of)."""
    begin = job.line_begin
    size = (begin[1:] - begin[:-1])[visit]
    ends = np.cumsum(size)
    place = np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - size, size) + np.repeat(begin[visit], size)
    row = place if job.line_row is None else job.line_row[place]
    return row, np.repeat(again, size)


def _beyond(source: dict[str, pa.ChunkedArray]) -> int:
    """More than any id that is a number."""
    numbers = [
        pc.max(flat(source[name])).as_py()
        for name in _IDS
        if name in source and pa.types.is_integer(flat(source[name]).type)
    ]
    return 1 + max((held for held in numbers if held is not None), default=0)


def _named(column: pa.ChunkedArray, again: Int64, step: int) -> Any:
    """Ids of repeats."""
    held = flat(column)
    if pa.types.is_dictionary(held.type):
        held = held.cast(held.type.value_type)
    if pa.types.is_integer(held.type):
        return pc.add(held.cast(pa.int64()), pa.array(again * step))
    ends = pa.array(["", *(f"~{n + 1}" for n in range(1, int(again.max(initial=0)) + 1))], held.type).take(
        pa.array(again)
    )
    return pc.binary_join_element_wise(held, ends, pa.scalar("", held.type))
