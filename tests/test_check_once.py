"""A unit is denied once: caps of quantity on one line, whatever their order, with money rules beside them; and what settling makes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import ybcore
from check_cases import arrow_table, plain_detail, plain_finding
from hypothesis import given, settings
from hypothesis import strategies as st
from test_check_settlement import CATALOG, POLICY
from ybcore import _core, io
from ybcore.checks.run.spot import SpotReport
from ybcore.cli import main
from ybcore.reference.checks import apart, denials, held_tables
from ybcore.reference.checks import check as judged

UNIT = 10_000
FIRST = 19_783  # 2024-03-01
CEILINGS = {"key": "med_list_codg", "rows": [{"med_list_codg": "a", "ceiling": "3"}]}


def rule(name: str, kernel: str, look: dict[str, Any], amount: str, priority: int, **more: Any) -> dict[str, Any]:
    return {"id": name, "name": {"zh": name, "en": name}, "source": "s", "kernel": kernel, "items": {"prefix": ["a"]}, "check": look, "amount": amount,
            "disposition": "deny", "severity": "1", "priority": str(priority), **more}  # fmt: skip


def cap(name: str, most: str, priority: int, measure: str = "quantity", group: str = "line") -> dict[str, Any]:
    look = {"group": group, "measure": measure, "cap": most, "comparator": "more_than"}
    return rule(name, "K06", look, "excess_qty", priority)


def price(priority: int) -> dict[str, Any]:
    return rule("PRICE", "K03", {}, "price_diff", priority, items={"table": "ceilings"})


def whole(priority: int) -> dict[str, Any]:
    return rule("WHOLE", "K01", {"attribute": "gend", "barred": {"codes": ["2"]}}, "whole_line", priority)


def book(*rules: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"format": "ybcore-rules/1", "id": "d", "version": "1", "name": {"zh": "册", "en": "book"}, "layer": "base", "from": "open",
             "known_since": "2000-01-01", "source": "s", "tables": {"ceilings": CEILINGS}, "rules": list(rules)}]  # fmt: skip


@st.composite
def books(draw: st.DrawFn) -> list[dict[str, Any]]:
    order = draw(st.permutations(range(1, 7)))
    caps = [cap(f"Q{i}", draw(st.sampled_from(["0.3333", "0.5", "1", "2", "2.5"])), order[i], group=draw(st.sampled_from(["line", "visit"]))) for i in range(draw(st.integers(2, 3)))]  # fmt: skip
    others = [cap("MONEY", "5", order[3], "amount"), price(order[4]), whole(order[5])]
    return book(*caps, *draw(st.lists(st.sampled_from(others), unique_by=lambda r: r["id"])))


@st.composite
def tables(draw: st.DrawFn) -> dict[str, list[dict[str, Any]]]:
    visits = [
        {"setl_id": f"v{v}", "psn_no": "p", "begndate": FIRST, "enddate": FIRST, "gend": draw(st.sampled_from("12")), "insutype": "310"}
        for v in range(2)
    ]  # fmt: skip
    lines = []
    for i in range(draw(st.integers(1, 5))):
        visit, many, fen = draw(st.sampled_from(["v0", "v1"])), draw(st.integers(1, 8)) * UNIT // 2, draw(st.integers(1, 3_000))  # fmt: skip
        lines.append({"setl_id": visit, "feedetl_sn": f"l{i}", "init_feedetl_sn": None, "med_list_codg": "a", "cnt": many, "det_item_fee_sumamt": fen,
                      "deny_flag": draw(st.sampled_from(["0", "0", "0", "1", None]))})  # fmt: skip
        if draw(st.integers(0, 3)) == 0:
            lines.append({**lines[-1], "feedetl_sn": f"r{i}", "init_feedetl_sn": f"l{i}", "cnt": -UNIT // 2, "det_item_fee_sumamt": -draw(st.integers(1, fen)), "deny_flag": "0"})  # fmt: skip
    return {"visits": visits, "lines": lines}


@given(books(), tables())
@settings(max_examples=150, deadline=None)
def test_reference_engine_and_checker_move_the_same(documents: list[dict[str, Any]], data: dict[str, Any]):
    wanted = judged(documents, data, stage="during")
    given_ = {name: arrow_table(name, rows, False) for name, rows in data.items()}
    rules = ybcore.load_rules(documents)
    found = ybcore.check(given_["visits"], given_["lines"], rules=rules, stage="during", threads=1)
    assert [plain_finding(row) for row in found.findings.to_pylist()] == wanted.findings
    assert [plain_detail(row) for row in found.details.to_pylist()] == wanted.details
    moved, taken = found.denials(), denials(wanted)
    assert {row: (moved.amount[row], moved.quantity[row]) for row in moved.amount.nonzero()[0].tolist()} == taken
    small = ybcore.Checker(rules, stage="during").check(**given_)
    assert small.findings.equals(found.findings) and small.details.equals(found.details)
    # Caps alone take what the largest excess of a line takes by itself.
    if all(r["id"].startswith("Q") for r in documents[0]["rules"]):
        for row, line in enumerate(data["lines"]):
            own = [d["vola_amt"] for d in wanted.details if d["row"] == row and d["vola_item_type"] == 1]
            most = 0 if line["deny_flag"] == "1" else max([0, *own])
            assert taken.get(row, (0, 0))[0] == most


@pytest.mark.parametrize("turned", [False, True])
def test_two_caps_on_one_line(turned: bool):
    """The native way of a Checker too, and of a line that is denied already."""
    rules = book(cap("A", "2", 2 if turned else 1), cap("A2", "1", 1 if turned else 2))
    visits = [{"setl_id": "v", "psn_no": "p", "begndate": FIRST}]
    lines = [
        {"setl_id": "v", "feedetl_sn": name, "med_list_codg": "a", "cnt": 3 * UNIT, "det_item_fee_sumamt": 1_000, "deny_flag": denied}
        for name, denied in (("1", "0"), ("2", "1"))
    ]  # fmt: skip
    given_ = {"visits": arrow_table("visits", visits, False), "lines": arrow_table("lines", lines, False)}
    found = ybcore.Checker(ybcore.load_rules(rules), stage="during").check(**given_)
    assert isinstance(found, SpotReport)
    of = dict(zip(found.findings["jr_id"].to_pylist(), found.findings["rule_id"].to_pylist()))
    paid = {(of[row["jr_id"]], row["feedetl_sn"]): row["paid_amt"] for row in found.details.to_pylist()}
    of_a, of_a2 = (0, 667) if turned else (333, 334)
    assert paid == {("A", "1"): of_a, ("A2", "1"): of_a2, ("A", "2"): 0, ("A2", "2"): 0}


def test_the_kernel_by_itself():
    """Details in turn: of quantity 4, money 3, quantity 9, quantity 5, whole 100 of a line of 20; the last is of a line below nothing."""
    i64, wanted, left = np.int64, [4, 3, 9, 5, 100, 7], np.array([20, -1], np.int64)
    units = np.array([1, 0, 1, 1, 0, 1], np.uint8)
    given_ = np.arange(6, dtype=i64), np.array([0, 0, 0, 0, 0, 1], i64), np.array(wanted, i64)
    assert _core.check_once(*given_, units, left).tolist() == [4, 3, 5, 0, 8, 0]
    assert left.tolist() == [0, -1]
    turned = np.array([3, 2, 0], i64)
    assert _core.check_once(turned, *given_[1:], units, np.array([20, 0], i64)).tolist() == [0, 0, 4, 5, 0, 0]
    with pytest.raises(ValueError, match="of_quantity"):
        _core.check_once(*given_, units[:5], left)


# ---------------------------------------------------------------------------------------------- settling

VISITS = {
    "setl_id": ["v1", "v2"], "psn_no": ["p1", "p2"], "insutype": ["310"] * 2, "med_type": ["21"] * 2,
    "setl_time": ["2024-03-01", "2024-03-01"], "gend": ["1", "1"],
}  # fmt: skip
LINES = {
    "setl_id": ["v1", "v1", "v2"], "feedetl_sn": ["1", "2", "3"], "med_list_codg": ["a", "a", "a"], "cnt": [30_000] * 3,
    "pric": [100_000_000] * 3, "det_item_fee_sumamt": [30_000] * 3, "deny_flag": [0, 1, 0],
}  # fmt: skip


@pytest.fixture(scope="module")
def engine() -> ybcore.Engine:
    return ybcore.Engine(POLICY, ybcore.Catalog(CATALOG), threads=1)


@pytest.mark.parametrize("turned", [False, True])
def test_money_that_moves_is_the_rise_of_full_self_pay(engine: ybcore.Engine, turned: bool):
    rules = ybcore.load_rules(book(cap("A", "2", 2 if turned else 1), cap("A2", "1", 1 if turned else 2)))
    plain, done = engine.settle(VISITS, LINES), engine.settle(VISITS, LINES, rules=rules, line_output=True)

    def total(settled: Any, name: str) -> int:
        return sum(settled.visits[name].to_pylist())

    assert total(done, "fulamt_ownpay_amt") - total(plain, "fulamt_ownpay_amt") == 40_000
    assert done.receipt["rules"]["moved_fen"] == 40_000 and "rejected_fen" not in done.receipt["rules"]
    assert sum(done.checks.details["paid_amt"].to_pylist()) == 40_000
    assert done.lines["fulamt_ownpay_amt"].to_pylist() == [20_000, 30_000, 20_000]
    back = sum(done.checks.findings["recover_amt"].to_pylist())
    assert back == total(plain, "fund_pay_sumamt") - total(done, "fund_pay_sumamt") > 0
    assert done.checks.denials().quantity.tolist() == [20_000, 0, 20_000]


def test_money_of_visits_that_are_rejected_is_told_apart(engine: ybcore.Engine):
    rules = ybcore.load_rules(book(cap("A", "1", 1)))
    visits = VISITS | {"setl_time": ["2024-03-01", None], "begndate": ["2024-03-01", "2024-03-01"]}
    plain, done = engine.settle(visits, LINES), engine.settle(visits, LINES, rules=rules)
    assert done.visits["outcome"].to_pylist() == ["settled", "rejected"]
    rise = sum(done.visits["fulamt_ownpay_amt"].to_pylist()) - sum(plain.visits["fulamt_ownpay_amt"].to_pylist())
    told = done.receipt["rules"]
    assert (told["moved_fen"], told["rejected_fen"]) == (rise, 20_000) == (20_000, 20_000)
    assert sum(done.checks.details["paid_amt"].to_pylist()) == 40_000


@pytest.mark.parametrize("disposition", ["hold", "deny"])
def test_a_visit_without_lines_moves_nothing(engine: ybcore.Engine, disposition: str):
    """Natures that came split stay as they came; what the finding is about is told, with nothing moved and nothing brought back."""
    often = rule("OFTEN", "K07", {"subject": "person", "measure": "visits", "comparator": "at_least",
                                  "windows": [{"kind": "calendar", "unit": "month", "thresholds": [{"value": "1"}]}]}, "visit_total", 1, disposition=disposition)  # fmt: skip
    del often["items"]
    visits = {name: values[:1] for name, values in VISITS.items()} | {
        "medfee_sumamt": [100_000], "fulamt_ownpay_amt": [0], "overlmt_amt": [0], "preselfpay_amt": [0], "inscp_scp_amt": [100_000]
    }  # fmt: skip
    plain, done = engine.settle(visits), engine.settle(visits, rules=ybcore.load_rules(book(often)))
    assert plain.visits["fund_pay_sumamt"].to_pylist() == [45_000] and done.visits.equals(plain.visits)
    found = done.checks.findings.to_pylist()
    assert [(row["vola_amt"], row["recover_amt"]) for row in found] == [(100_000, 0)]
    assert done.checks.details["paid_amt"].to_pylist() == [0] and done.receipt["rules"]["moved_fen"] == 0
    why = done.checks.why_not("v1", "OFTEN")
    assert [f.became for f in why.findings] == ["unsplit"]
    assert "没有明细" in why.text("zh") and "without lines" in why.text("en")


def test_a_run_with_a_rejected_visit_is_verified_and_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    visits = VISITS | {"setl_time": ["2024-03-01", None], "begndate": ["2024-03-01", "2024-03-01"]}
    (tmp_path / "town/catalog").mkdir(parents=True)
    for name, table in (("visits", visits), ("lines", LINES), ("catalog/items", CATALOG)):
        io.write_table(pa.table(table), tmp_path / f"town/{name}.parquet")
    (tmp_path / "policy.yaml").write_text(POLICY, encoding="utf-8")
    (tmp_path / "rules.yaml").write_text(json.dumps(book(cap("A", "1", 1))[0]), encoding="utf-8")
    given_ = [
        "--input",
        str(tmp_path / "town"),
        "--policy",
        str(tmp_path / "policy.yaml"),
        "--rules",
        str(tmp_path / "rules.yaml"),
    ]
    out = tmp_path / "out"
    assert main(["settle", *given_, "--threads", "1", "-q", "--out", str(out)]) == 0
    told = json.loads((out / "receipt.json").read_text(encoding="utf-8"))["rules"]
    assert (told["moved_fen"], told["rejected_fen"]) == (20_000, 20_000)
    for asked in (["verify", str(out)], ["explain", "--run", str(out), "--setl-id", "v1"]):
        assert main([*asked, "--threads", "1", "-q"]) == 0, capsys.readouterr().err
    receipt = json.loads((out / "receipt.json").read_text(encoding="utf-8"))
    receipt["rules"]["rejected_fen"] = 0
    (out / "receipt.json").write_text(json.dumps(receipt), encoding="utf-8")
    capsys.readouterr()
    assert main(["explain", "--run", str(out), "--setl-id", "v1", "-q"]) == 1
    assert "与回执不符" in capsys.readouterr().err


# ---------------------------------------------------------------------------------------------- what was the person's own anyway

OWN = {"med_list_codg": ["a", "b", "c"], "chrgitm_lv": ["01", "03", "02"], "selfpay_prop": [None, None, 100_000]}
EVERY = rule("EVERY", "K01", {"attribute": "gend", "barred": {"codes": ["1"]}}, "whole_line", 1, items="all")
HALF = cap("HALF", "1", 2) | {"items": "all", "relations": {}}


@st.composite
def bills(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Visits, some rejected or nobody's, with lines of class A, B and C, unknown, not approved, denied before, and returned."""
    people = {"psn_no": ["p1", "p2", "p3"], "psn_type": ["11"] * 3, "insutype": ["310"] * 3, "begndate": ["2020-01-01", "2020-01-01", "2025-01-01"]}  # fmt: skip
    count = draw(st.integers(1, 5))
    visits = {
        "setl_id": [f"v{i}" for i in range(count)], "psn_no": draw(st.lists(st.sampled_from(people["psn_no"]), min_size=count, max_size=count)),
        "insutype": ["310"] * count, "med_type": ["21"] * count, "gend": ["1"] * count, "begndate": ["2024-03-01"] * count,
        "setl_time": draw(st.lists(st.sampled_from(["2024-03-01", "2024-03-02", None]), min_size=count, max_size=count)),
    }  # fmt: skip
    size = draw(st.integers(1, 8))
    some = {"min_size": size, "max_size": size}
    units = draw(st.lists(st.integers(1, 4), **some))
    lines = {
        "setl_id": draw(st.lists(st.sampled_from(visits["setl_id"]), **some)), "feedetl_sn": [str(i) for i in range(size)],
        "med_list_codg": draw(st.lists(st.sampled_from(["a", "b", "c", "?"]), **some)), "cnt": [n * UNIT for n in units],
        "det_item_fee_sumamt": [n * draw(st.integers(1, 40_000)) for n in units], "deny_flag": draw(st.lists(st.sampled_from([0, 0, 0, 1]), **some)),
        "hosp_appr_flag": draw(st.lists(st.sampled_from(["1", "1", "2"]), **some)), "init_feedetl_sn": [None] * size,
    }  # fmt: skip
    if draw(st.booleans()):
        back = {"setl_id": lines["setl_id"][0], "feedetl_sn": "r", "med_list_codg": lines["med_list_codg"][0], "cnt": -UNIT, "deny_flag": lines["deny_flag"][0],
                "det_item_fee_sumamt": -(lines["det_item_fee_sumamt"][0] // units[0]), "hosp_appr_flag": lines["hosp_appr_flag"][0], "init_feedetl_sn": "0"}  # fmt: skip
        lines = {name: [*cells, back[name]] for name, cells in lines.items()}
    return visits, lines, people


@settings(max_examples=60, deadline=None)
@given(bills(), st.sampled_from([[EVERY], [HALF], [HALF, EVERY | {"priority": "3"}]]))
def test_money_that_was_full_self_pay_anyway_is_told_apart(made: Any, rules: list[dict[str, Any]]):
    """What two settlements tell is what the reference tells line by line, for each finding and for the receipt."""
    visits, lines, people = made
    engine = ybcore.Engine(POLICY, ybcore.Catalog(OWN), threads=1)
    plain = engine.settle(visits, lines, people, line_output=True)
    done = engine.settle(visits, lines, people, rules=ybcore.load_rules(book(*rules)))
    rows = {
        name: [dict(zip(t, cells)) for cells in zip(*t.values())] for name, t in (("visits", visits), ("lines", lines))
    }
    rows["lines"] = [
        row | {"cnt": str(row["cnt"] // UNIT), "det_item_fee_sumamt": f"{row['det_item_fee_sumamt'] / 100:.2f}", "deny_flag": str(row["deny_flag"])}
        for row in rows["lines"]
    ]  # fmt: skip
    held, clock = held_tables(rows)
    wanted = judged(book(*rules), held, stage="during", time_of_day=clock)
    told = apart(wanted, plain.visits.to_pylist(), plain.lines.to_pylist())
    found = done.checks.findings.to_pylist()
    assert {row["jr_id"]: row["own_amt"] for row in found} == {name: one.own for name, one in told.items()}
    receipt = done.receipt["rules"]
    total = [sum(getattr(one, name) for one in told.values()) for name in ("moved", "own", "unsettled")]
    assert [receipt.get(name, 0) for name in ("moved_fen", "own_fen", "rejected_fen")] == total
    assert sum(total) == sum(done.checks.details["paid_amt"].to_pylist())
    rise = sum(done.visits["fulamt_ownpay_amt"].to_pylist()) - sum(plain.visits["fulamt_ownpay_amt"].to_pylist())
    assert receipt["moved_fen"] == rise
