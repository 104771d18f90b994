"""Lines whose limits are seen to while they are priced: the same answers as when every cell is looked through before."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ybcore.engine import Engine

from benchmarks.job import make
from benchmarks.peers import ybcore_bulk

MOST = 2**63
AMOUNTS = (2**31, 10**11, 10**11 + 1, -(10**11), -(10**11) - 1, MOST - 1, -MOST, 1 - MOST, 0, -5)
QUANTITIES = (2**29, 10**12, 10**12 + 1, -(10**12) - 1, MOST - 1, -MOST)
DAYS = (-62_091, -62_092, 120_529, 120_530, 2**31 - 1, -(2**31))


def changed(column: pa.Array, rows: Any, value: int) -> pa.Array:
    kind = column.type
    held = np.array(column.cast(pa.int32()) if pa.types.is_date32(kind) else column).copy()
    held[rows] = value
    return pa.array(held).cast(kind) if pa.types.is_date32(kind) else pa.array(held)


@pytest.mark.parametrize(
    ("name", "rows", "value"),
    [
        ("cnt", 0, 10_000),
        *(("det_item_fee_sumamt", 5, v) for v in AMOUNTS),
        *(("cnt", 7, v) for v in QUANTITIES),
        *(("fee_ocur_time", 9, v) for v in DAYS),
        ("det_item_fee_sumamt", slice(0, 200), 10**11),
    ],
)
def test_what_no_line_may_hold_is_seen_on_the_way(name: str, rows: Any, value: int):
    job = make(300, items=40, dated=0.3)
    visits, lines, persons = ybcore_bulk.tables(job)
    lines[name] = changed(lines[name], rows, value)
    engine = Engine(ybcore_bulk.POLICY, ybcore_bulk.catalog(job), threads=2)
    # In two chunks every cell is looked through when it is read.
    before = {k: pa.chunked_array([v[:20], v[20:]]) for k, v in lines.items() if k != "med_list_codg"}
    for line_output in (False, True):
        on_the_way, looked_through = (
            engine.settle(visits, table, persons, line_offsets=job.off, line_output=line_output)
            for table in (lines, lines | before)
        )
        assert on_the_way.visits.equals(looked_through.visits)
        assert on_the_way.receipt["counts"] == looked_through.receipt["counts"]
        if line_output:
            assert on_the_way.lines is not None and on_the_way.lines.equals(looked_through.lines)
