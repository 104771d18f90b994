"""Fee lines of doctors who were struck off: those they ordered on days on which nothing of theirs is paid."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ..columns.asof import opened
from ..columns.convert import NULL_DAY
from ..columns.keys import ids_of, text_of
from ..columns.schema import Table
from .differ import Spans, days_in, place_among

__all__ = ["ORDERED_BY", "struck"]

ORDERED_BY = "bilg_dr_codg"
Int64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


def struck(
    rows: pa.Table, schema: Table, lines: pa.Table, of_lines: Table, visit: Int64, discharge: npt.NDArray[np.int32]
) -> Mask:
    """Mask of lines. `rows`: doctors with their days (half-open, no end is for good), `visit`: row of the visit of each line, -1 none,
    `discharge`: days of visits, for lines without a day. A line that returns another goes by that one."""  # fmt: skip
    out = np.zeros(lines.num_rows, bool)
    if ORDERED_BY not in lines.column_names or not rows.num_rows or not lines.num_rows:
        return out
    doctors = text_of(ids_of(rows, "dr_code")).cast(pa.large_string())
    names = doctors.unique().drop_null()
    key = pc.index_in(doctors, value_set=names).fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    spans = Spans.of(key, days_in(rows, "begndate", schema), opened(days_in(rows, "enddate", schema)))
    by = place_among(ids_of(lines, ORDERED_BY), names)
    mine = np.flatnonzero((by >= 0) & (visit >= 0))
    few = lines.take(pa.array(mine))
    own = days_in(few, "fee_ocur_time", of_lines)
    day = np.where(own == NULL_DAY, discharge[visit[mine]], own)
    hit = spans.touch(by[mine], day, day)
    out[mine[hit & ~np.asarray(ids_of(few, "init_feedetl_sn").is_valid())]] = True
    return out
