"""Lines that return others: chains of them, circles, and what is told of those."""

from __future__ import annotations

from typing import Any

import pytest
import ybcore
from test_check_settlement import CATALOG, POLICY
from ybcore import ledger
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


DENY_A = {
    "format": "ybcore-rules/1", "id": "d", "version": "1", "name": {"zh": "册", "en": "book"}, "layer": "base", "from": "open", "known_since": "2000-01-01",
    "source": "s", "rules": [{"id": "NONE", "name": {"zh": "不付", "en": "none"}, "source": "s", "kernel": "K06", "items": {"prefix": ["a"]}, "severity": "1",
                              "check": {"group": "line", "measure": "quantity", "cap": "0", "comparator": "more_than"}, "amount": "whole_line", "disposition": "deny"}],
}  # fmt: skip


@pytest.mark.parametrize(("rest", "full", "scope"), [(0, 7_000, 0), (2_000, 9_000, 0), (5_000, 10_000, 2_000)])
def test_a_denial_rejects_no_visit_for_a_return_that_finds_no_line(
    engine: ybcore.Engine, rest: int, full: int, scope: int
):
    """By a rule, in bulk and one visit by itself; by a flag; by a re-settlement. 100.00 denied, 30.00 returned of nothing, `rest` beside them."""
    rows = [("v1", "1", None, 10_000), ("v1", "2", "9", -3_000), ("v1", "3", None, rest)]
    lines = {**bill(*rows), "med_list_codg": ["a", "b", "b"]}
    visits = {name: cells[:1] for name, cells in VISITS.items()}
    rules = ybcore.load_rules([DENY_A])
    plain, done = engine.settle(visits, lines), engine.settle(visits, lines, rules=rules, line_output=True)
    (row,) = done.visits.to_pylist()
    assert (row["outcome"], row["fulamt_ownpay_amt"], row["inscp_scp_amt"]) == ("settled", full, scope)
    assert done.lines is not None and sum(done.lines["fulamt_ownpay_amt"].to_pylist()) == full
    told, (found,) = done.receipt["rules"], done.checks.findings.to_pylist()
    assert (told["moved_fen"], told.get("own_fen", 0)) == (full, 10_000 - full)
    assert found["recover_amt"] == plain.visits["fund_pay_sumamt"][0].as_py() - row["fund_pay_sumamt"]
    one_line = [dict(zip(lines, cells)) for cells in zip(*lines.values())]
    one = engine.settle_one({name: cells[0] for name, cells in visits.items()}, one_line, rules=rules)
    assert {name: one.result[name] for name in row} == row
    flagged = engine.settle(visits, {**lines, "deny_flag": [1, 0, 0]})
    assert flagged.visits.equals(done.visits)
    run = ledger.Run(engine, visits=visits, lines=lines)
    again = ledger.resettle(run, [ledger.DeniedLines({"setl_id": ["v1"], "feedetl_sn": ["1"]})])
    assert again.after.settlement.visits["fulamt_ownpay_amt"].to_pylist() == [full]
