"""Lines that are denied, by name or with the doctors who ordered them, and the lines that return them. Each gives the visits that it touches."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ..columns.convert import convert
from ..columns.keys import ids_of
from ..columns.schema import Table
from .changes import STRUCK
from .checked import check_denied, check_struck_off
from .finding import Finder
from .struck import ORDERED_BY, struck

__all__ = ["deny", "deny_returns", "strike_off"]

Int64 = npt.NDArray[np.int64]
NONE = np.zeros(0, np.int64)


def deny(find: Finder, rows: pa.Table, schema: Table, checking: bool) -> Int64:
    """Lines (setl_id, feedetl_sn)."""
    lines = find.tables.get("lines")
    if lines is None or "feedetl_sn" not in lines.column_names:
        find.say.problem("rows", "the run has no lines with feedetl_sn", "本次运行没有带 feedetl_sn 的明细")
        return NONE
    held = ids_of(lines, "feedetl_sn").type
    kind = held.value_type if pa.types.is_dictionary(held) else held
    ids = find.own_ids(rows, "setl_id", find.index.id_type, "rows")
    own = find.own_ids(rows, "feedetl_sn", kind, "rows")
    if ids is None or own is None:
        return NONE
    visit, at = find.visit_of(ids), find.lines_place(ids, own)
    if checking:
        check_denied(find, ids, own, visit, at)
    return _mark(find, at[at >= 0], schema)


def strike_off(
    find: Finder, rows: pa.Table, schema: Table, discharge: Callable[[], npt.NDArray[np.int32]], checking: bool
) -> Int64:
    """Lines that doctors ordered from the day on which they were struck off; `discharge`: days of the visits."""
    lines = find.tables.get("lines")
    if lines is None or ORDERED_BY not in lines.column_names:
        find.say.problem("rows", f"the lines of the run do not say who ordered them ({ORDERED_BY})", f"本次运行的明细没有开单医生（{ORDERED_BY}）")  # fmt: skip
        return NONE
    if checking:
        check_struck_off(find, rows)
    return _mark(find, np.flatnonzero(struck(rows, STRUCK, lines, schema, find.visit_of_line(), discharge())), schema)


def deny_returns(find: Finder, visit: Int64, begin: int, schema: Table) -> Int64:
    """Lines of these visits, from row `begin` on, that return a denied one."""
    back, of = find.returned(visit, begin)
    return _mark(find, back[_denied(find, of, schema)], schema)


def _denied(find: Finder, at: Int64, schema: Table) -> npt.NDArray[np.bool_]:
    """Which of these lines are denied; none of row -1 is."""
    lines, spec = find.tables["lines"], schema.find("deny_flag")
    assert spec is not None
    if "deny_flag" not in lines.column_names or pa.types.is_null(lines["deny_flag"].type):
        return np.zeros(len(at), bool)
    return (at >= 0) & (convert(lines["deny_flag"].take(pa.array(np.maximum(at, 0))), spec).values == 1)


def _mark(find: Finder, at: Int64, schema: Table) -> Int64:
    """These lines are denied, and those that return them: nothing goes back to a fund that pays nothing. Visits of lines that were not so before are touched."""
    lines = find.tables["lines"]
    at = np.union1d(at, find.returning(at))
    visit = find.visit_of_line()[at]
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
    if "deny_flag" in lines.column_names:
        lines = lines.set_column(lines.column_names.index("deny_flag"), "deny_flag", column)
    else:
        lines = lines.append_column("deny_flag", column)
    find.tables["lines"] = lines
    return np.unique(visit)
