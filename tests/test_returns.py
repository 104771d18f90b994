"""Lines that return others: chains of them, circles, and what is told of those."""

from __future__ import annotations

from typing import Any

import pytest
import ybcore
from test_check_settlement import CATALOG, POLICY
from ybcore.columns.phrases import chinese

VISITS = {
    "setl_id": ["v1", "v2"], "psn_no": ["p1", "p2"], "insutype": ["310"] * 2, "med_type": ["21"] * 2, "setl_time": ["2024-03-01"] * 2,
}  # fmt: skip


@pytest.fixture(scope="module")
def engine() -> ybcore.Engine:
    return ybcore.Engine(POLICY, ybcore.Catalog(CATALOG), threads=1)


def bill(*rows: tuple[str, str, str | None, int], **more: Any) -> dict[str, Any]:
    """Lines of (visit, number, the line that it returns, fen)."""
    names = ("setl_id", "feedetl_sn", "init_feedetl_sn", "det_item_fee_sumamt")
    return {**dict(zip(names, map(list, zip(*rows)))), "med_list_codg": ["a"] * len(rows), **more}


def test_lines_that_return_each_other_are_told_and_their_visit_rejected(engine: ybcore.Engine):
    """The other visit is settled, whichever way lines come, and one visit by itself says the same."""
    lines = bill(("v2", "1", None, 9_000), ("v1", "1", "3", 5_000), ("v2", "2", "1", -1_000), ("v1", "2", "1", -5_000), ("v1", "3", "2", 5_000))  # fmt: skip
    done = engine.settle(VISITS, lines)
    assert [(r["outcome"], r["reason"]) for r in done.visits.to_pylist()] == [
        ("rejected", "bad_value"),
        ("settled", ""),
    ]
    (note,) = done.notes
    assert (
        note
        == "lines.init_feedetl_sn: 3 lines return each other in a circle, the first in row 2; their visits are rejected"
    )
    assert chinese(note) == "lines.init_feedetl_sn：3 条明细互相退费成环，首条在第 2 行；所属结算被拒绝"
    mine = [dict(zip(lines, cells)) for cells in zip(*lines.values()) if cells[0] == "v1"]
    one = engine.settle_one({name: cells[0] for name, cells in VISITS.items()}, mine)
    assert (one.result["outcome"], one.result["reason"]) == ("rejected", "bad_value")


def test_a_chain_may_be_long(engine: ybcore.Engine):
    """Each line of thousands returns the one before it; the first is denied, and so are all."""
    count = 20_001
    rows = [("v1", str(i), str(i - 1) if i else None, 100 if i % 2 == 0 else -100) for i in range(count)]
    done = engine.settle(VISITS, bill(*rows[::-1], deny_flag=[0] * (count - 1) + [1]), line_output=True)
    assert done.visits["fulamt_ownpay_amt"].to_pylist() == [100, 0]
    assert done.lines is not None and set(done.lines["reason"].to_pylist()) == {"denied"}
