"""What rules leave of a line is priced as what it is: so much money for so many units, net of what was returned; beside the catalogue's own cap."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
import ybcore
from test_check_settlement import POLICY
from ybcore.reference.checks import check as judged
from ybcore.reference.checks import denials, held_tables

#: a costs 10.00 a unit, its rule ceiling is 6.00, and the catalogue caps it at 7.00
CATALOG = ybcore.Catalog({"med_list_codg": ["a", "b"], "chrgitm_lv": ["01", "01"]}, caps={"med_list_codg": ["a"], "hilist_pric_uplmt_amt": ["7"]})  # fmt: skip
VISITS = {"setl_id": ["v"], "psn_no": ["p"], "insutype": ["310"], "med_type": ["21"], "setl_time": ["2024-03-01"], "begndate": ["2024-03-01"]}  # fmt: skip
BILLED = [("1", None, "a", "10", "100.00"), ("9", None, "b", "1", "10.00")]
RETURNED = [("2", "1", "a", "-3", "-30.00")]
UNNAMED = [("2", None, "a", "-3", "-30.00")]
TWICE = [("2", "1", "a", "-1", "-10.00"), ("3", "1", "a", "-2", "-20.00")]


def lines(rows: list[tuple[Any, ...]]) -> dict[str, list[Any]]:
    names = ("feedetl_sn", "init_feedetl_sn", "med_list_codg", "cnt", "det_item_fee_sumamt")
    columns = {name: list(cells) for name, cells in zip(names, zip(*rows), strict=True)}
    return {"setl_id": ["v"] * len(rows), "pric": ["10"] * len(rows), **columns}


def cap(measure: str, most: str, amount: str, comparator: str = "more_than") -> dict[str, Any]:
    check = {"group": "day", "measure": measure, "cap": most, "comparator": comparator}
    return {"id": "CAP", "kernel": "K06", "items": {"prefix": ["a"]}, "check": check, "amount": amount, "priority": "20"}  # fmt: skip


PRICE = {"id": "PRICE", "kernel": "K03", "items": {"table": "ceilings"}, "check": {}, "amount": "price_diff", "priority": "10"}  # fmt: skip


def book(*rules: dict[str, Any]) -> dict[str, Any]:
    both = {"name": {"zh": "规", "en": "rule"}, "disposition": "deny", "severity": "1", "source": "s"}
    return {
        "format": "ybcore-rules/1", "id": "d", "version": "1", "name": {"zh": "册", "en": "book"}, "layer": "base", "region": "*", "from": "open",
        "known_since": "2000-01-01", "source": "s", "rules": [{**both, **rule} for rule in rules],
        "tables": {"ceilings": {"key": "med_list_codg", "rows": [{"med_list_codg": "a", "ceiling": "6"}]}},
    }  # fmt: skip


#: rules, what returns, and of item a: fen in full self-pay, over the catalogue's cap, in scope. Without rules 7 units net are 49.00 and 21.00 over.
CASES: dict[str, tuple[list[dict[str, Any]], list[tuple[Any, ...]], tuple[int, int, int]]] = {
    "nothing is denied": ([], RETURNED, (0, 21_00, 49_00)),
    "a price comes down, the units stay": ([PRICE], [], (40_00, 0, 60_00)),
    "a price comes down for what was not returned": ([PRICE], RETURNED, (28_00, 0, 42_00)),
    "the same, returned without a name": ([PRICE], UNNAMED, (28_00, 0, 42_00)),
    "the same, returned in two steps": ([PRICE], TWICE, (28_00, 0, 42_00)),
    "five of seven units": ([cap("quantity", "2", "excess_qty")], RETURNED, (50_00, 6_00, 14_00)),
    "the whole line for five units too many": ([cap("quantity", "2", "whole_line")], RETURNED, (70_00, 0, 0)),
    "40 yuan too much": ([cap("amount", "30", "excess_qty")], RETURNED, (40_00, 0, 30_00)),
    "the whole line for 40 yuan too much": ([cap("amount", "30", "whole_line")], RETURNED, (70_00, 0, 0)),
    "all of it is too much money": ([cap("amount", "0", "excess_qty")], RETURNED, (70_00, 0, 0)),
    "too little is whole": ([cap("amount", "80", "whole_line", "less_than")], RETURNED, (70_00, 0, 0)),
    "the price, then two of seven units": ([PRICE, cap("quantity", "5", "excess_qty")], RETURNED, (48_00, 0, 22_00)),
    "the visit": ([cap("quantity", "2", "visit_total")], RETURNED, (80_00, 0, 0)),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("turned", [False, True])
def test_what_is_left_is_priced_net(name: str, turned: bool):
    rules, back, (full, over, scope) = CASES[name]
    given = lines((BILLED + back)[:: -1 if turned else 1])
    engine = ybcore.Engine(POLICY, CATALOG, threads=1)
    done = engine.settle(VISITS, given, rules=ybcore.load_rules([book(*rules)]) if rules else None, line_output=True)
    (visit,) = done.visits.to_pylist()
    other = 0 if name == "the visit" else 10_00  # item b
    natures = ("outcome", "fulamt_ownpay_amt", "overlmt_selfpay", "inscp_scp_amt")
    assert tuple(visit[n] for n in natures) == ("settled", full, over, scope + other)
    # Line by line it is the same money, and each line has the amount it was billed with.
    told = done.lines.to_pylist()
    assert [row["det_item_fee_sumamt"] for row in told] == [round(float(x) * 100) for x in given["det_item_fee_sumamt"]]  # fmt: skip
    assert sum(row["fulamt_ownpay_amt"] for row in told) == full
    assert all(row["fulamt_ownpay_amt"] + row["overlmt_amt"] + row["preselfpay_amt"] + row["inscp_scp_amt"] == row["det_item_fee_sumamt"] for row in told)  # fmt: skip
    if rules:
        assert sum(done.checks.details["paid_amt"].to_pylist()) == done.receipt["rules"]["moved_fen"] == full
        plain = engine.settle(VISITS, given).visits["fund_pay_sumamt"][0].as_py()
        assert sum(done.checks.findings["recover_amt"].to_pylist()) == plain - visit["fund_pay_sumamt"]


@pytest.mark.parametrize("name", [name for name, (rules, *_) in CASES.items() if rules])
def test_the_reference_moves_as_much_of_as_many_units(name: str):
    rules, back, _ = CASES[name]
    given = lines(BILLED + back)
    held, _ = held_tables({n: pa.table(t).to_pylist() for n, t in (("visits", VISITS), ("lines", given))})
    report = ybcore.check(VISITS, given, rules=ybcore.load_rules([book(*rules)]), stage="during", threads=1)
    moved = report.denials()
    found = {row: (int(moved.amount[row]), int(moved.quantity[row])) for row in moved.amount.nonzero()[0].tolist()}
    assert found == denials(judged([book(*rules)], held, stage="during"))
