"""Rules of one's own: Python functions as rules, by the engine and by the reference."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pytest
import ybcore
from check_user_cases import WRITTEN, case, columns, document, forgotten, hits, rule, same
from hypothesis import given, settings
from hypothesis import strategies as st
from ybcore.checks import MISSING, registered
from ybcore.checks.user_columns import askable

__all__ = ["forgotten"]


def test_a_function_of_columns_finds_lines_and_moves_their_money():
    @ybcore.rule("DEAR", columns=["amount", "quantity", "med_list_codg"])
    def dear(amount: Any, quantity: Any, item: Any) -> Any:
        assert amount.dtype == quantity.dtype == np.int64 and item.dtype.kind == "U"
        return (amount * 10_000 > 250 * quantity) & np.char.startswith(item, "X")

    found = same(case(document(rule("DEAR", {}))))
    assert dear is registered()["DEAR"].function
    assert hits(found, "DEAR") == ["b", "c"]  # 15 and, of one that is left of three, 3 yuan a unit
    assert found.moved == {0: (3000, 20_000), 2: (300, 10_000)}
    assert sorted((f["measure"], f["limit"], f["vola_amt"]) for f in found.findings) == [(0, 0, 300), (0, 0, 3000)]


def test_a_row_function_is_the_same():
    @ybcore.rule("ROW", columns=["amount", "quantity", "med_list_codg"], row=True)
    def dear(amount: int, quantity: int, item: str) -> bool:
        return amount * 10_000 > 250 * quantity and item != "Y"

    @ybcore.rule("COLUMN", columns=["amount", "quantity", "med_list_codg"])
    def all_of_them(amount: Any, quantity: Any, item: Any) -> Any:
        return np.array([dear(*cells) for cells in zip(amount, quantity, item)])

    found = same(case(document(rule("ROW", {}), rule("COLUMN", {}))))
    assert hits(found, "ROW") == hits(found, "COLUMN") == ["b", "c"]
    assert registered()["ROW"].compiled is not None


@pytest.mark.parametrize("row", [False, True])
def test_a_measure_goes_with_a_comparator_and_its_excess_is_beyond_the_value(row: bool):
    ybcore.rule("twice", columns=["quantity"], row=row)(lambda quantity: 2 * quantity)
    check = {"function": "twice", "measure": "quantity", "comparator": "more_than", "value": {"parameter": "most"}}
    book = document(rule("R", check, amount="excess_qty"), parameters={"most": "2.5"})
    found = same(case(book))
    assert hits(found, "R") == ["a", "b"]
    by_line = {d["feedetl_sn"]: (d["cnt"], d["vola_amt"]) for d in found.details}
    assert by_line == {
        "a": (40_000, 1000),
        "b": (15_000, 2250),
    }  # 8 - 2.5 is more than the 4 there are; 4 - 2.5 = 1.5 of 2
    assert {(f["measure"], f["limit"]) for f in found.findings} == {(80_000, 25_000), (40_000, 25_000)}
    report = ybcore.check(**{k: columns(v) for k, v in WRITTEN.items()}, rules=[book])
    assert any("counted 4; more than 2.5 is a hit" in text for text in report.text("en")["vola_evid"].to_pylist())


@pytest.mark.parametrize(("comparator", "names"), [("more_than", ["b"]), ("at_least", ["a", "b"]), ("less_than", ["c"]), ("at_most", ["a", "c"])])  # fmt: skip
def test_every_comparator(comparator: str, names: list[str]):
    ybcore.rule("fen", columns=["amount"])(lambda amount: amount)
    check = {"function": "fen", "measure": "amount", "comparator": comparator, "value": "10"}
    assert hits(same(case(document(rule("R", check, amount="excess_qty")))), "R") == names


def test_a_missing_value_is_unknown_and_the_function_never_sees_it():
    seen: list[int] = []

    @ybcore.rule("sex", columns=["gend", "amount"])
    def sex(gend: Any, amount: Any) -> Any:
        seen.append(len(gend))
        return gend != "2"

    @ybcore.rule("sex or not", columns=["gend?", "level?", "cum_clct_mons?"], row=True)
    def either(gend: str, level: int, months: int) -> bool:
        return gend == "" and level == MISSING and months == MISSING

    @ybcore.rule("cannot say", columns=["quantity"])
    def unsure(quantity: Any) -> Any:
        return np.where(quantity > 20_000, MISSING, quantity)

    measured = {"function": "cannot say", "comparator": "less_than", "value": "1000000"}
    book = document(rule("R", {"function": "sex"}), rule("S", {"function": "sex or not"}), rule("T", measured))
    found = same(case(book))
    assert hits(found, "R") == ["a", "b"] and 2 in seen and 3 not in seen
    assert hits(found, "S") == ["c"]
    assert hits(found, "T") == ["b", "c"]
    assert [(row["eligible"], row["unknown"]) for row in found.manifest["rules"]] == [(3, 1), (3, 0), (3, 1)]


def test_a_column_that_is_not_there_keeps_the_rule_from_running():
    ybcore.rule("a", columns=["wage", "list_type", "title"])(lambda *_: np.ones(1, bool))
    ybcore.rule("b", columns=["wage?", "list_type?", "title?", "main_diagnosis?", "rxno?"])(
        lambda wage, *_: wage == MISSING
    )
    found = same(case(document(rule("A", {"function": "a"}), rule("B", {"function": "b"}))))
    states = [(row["status"], row["reason"]) for row in found.manifest["rules"]]
    assert states == [("skipped", "visits.wage or persons.wage"), ("run", None)]
    assert hits(found, "B") == ["a", "b", "c"]


def test_everything_else_of_a_rule_is_as_for_other_rules():
    """Scope, items, priority, relations, suppression, stages, history, severity, shadow."""
    ybcore.rule("all", columns=["day"], row=True)(lambda day: True)
    listed = rule("K", {"attribute": "listed"}, kernel="K01", items={"table": "some"}, amount="whole_line")
    book = document(
        rule("A", {"function": "all"}, items={"table": "some"}, relations={"excludes": ["K"]}, priority="50"),
        rule("B", {"function": "all"}, scope={"gend": "1"}, shadow="true"),
        rule("C", {"function": "all"}, scope={"gend": "1"}, stage=["before"]),
        rule("D", {"function": "all"}, amount="whole_day", disposition="hold"),
        listed,
        tables={"some": {"key": "code", "rows": [{"code": "X1", "suspect": "1"}]}},
    )
    found = same(case(book))
    assert hits(found, "A") == ["a", "c"] and hits(found, "B") == ["a", "b"] and hits(found, "C") == []
    assert hits(found, "K") == []  # what A hits
    assert {(f["disposition"], f["table_row"]) for f in found.findings if f["rule_id"] == "A"} == {("suspect", 0)}
    before = same(case(book, stage="before"))
    assert hits(before, "C") == ["a", "b"] and hits(before, "D") == ["a", "b"]  # v2 is history
    quiet = [{"rule": "D", "psn_no": "p1", "reason": "agreed", "owner": "me", "expires": "2099-01-01"}]
    muted = same(case(book, suppress=quiet))
    assert muted.moved.keys() == {2} and [row["suppressed"] for row in muted.manifest["rules"]][3] == 2


def test_visits_can_be_looked_at():
    @ybcore.rule("young", columns=["age", "stay_days", "setl_id"], on="visits")
    def young(age: Any, days: Any, names: Any) -> Any:
        return (age < 15) & (days == 1) & (names != "")

    found = same(case(document(rule("Y", {"function": "young"}, amount="visit_total"))))
    assert hits(found, "Y") == ["a", "b", "v1"]
    assert [f["vola_amt"] for f in found.findings] == [4000]


# --- every column -----------------------------------------------------------------------------------------------------

RICH = {
    "visits": [
        {"setl_id": "v1", "psn_no": "p1", "mdtrt_id": "m1", "insutype": "310", "psn_type": "11", "med_type": "21", "setl_time": "2025-03-09 10:00:00",
         "begndate": "2025-03-01", "begntime": "2025-03-01 22:30:00", "endtime": "2025-03-05 09:00:00", "ipt_days": "5", "fixmedins_code": "h1",
         "dise_codg": "M1", "atddr_no": "d1", "adm_dept_codg": "A01", "medfee_sumamt": "120.50", "fulamt_ownpay_amt": "0.01", "er_flag": "1",
         "upld_time": "2025-03-10 08:00:00", "invono": "i1", "dscg_maindiag_code": "J18", "acct_used_flag": "0", "days_rinp_flag_31": "1"},
        {"setl_id": "v2", "psn_no": "p2", "insutype": "390", "med_type": "11", "setl_time": "2025-02-28", "fixmedins_code": "h2", "gend": "2",
         "brdy": "2024-02-29", "place": "referred", "itnt_flag": "0", "wage": "50000"},
        {"setl_id": "v3", "psn_no": "p1", "insutype": "310", "med_type": "14", "setl_time": "2025-04-01", "mdtrt_cert_no": "c9", "balc": "3.30"},
    ],
    "lines": [
        {"setl_id": "v1", "feedetl_sn": "1", "med_list_codg": "X1", "fee_ocur_time": "2025-03-02 08:15:00", "cnt": "2.5", "pric": "4.2",
         "det_item_fee_sumamt": "10.50", "rxno": "r1", "bilg_dr_codg": "d1", "bilg_dept_codg": "B1", "prd_days": "3", "sin_dos": "0.5",
         "used_frqu": "2", "dscg_tkdrug_flag": "1", "tcmdrug_used_way": "1", "incs_no": "1", "drug_trac_codg": "t1", "hosp_appr_flag": "2"},
        {"setl_id": "v1", "feedetl_sn": "2", "med_list_codg": "X2", "fee_ocur_time": "2025-03-02 08:15:00", "det_item_fee_sumamt": "110",
         "upld_time": "2025-03-03 00:00:01", "bilg_dr_codg": "d2", "deny_flag": "0"},
        {"setl_id": "v2", "feedetl_sn": "1", "med_list_codg": "X3", "cnt": "3", "det_item_fee_sumamt": "9", "bilg_dr_codg": "d9"},
        {"setl_id": "v2", "feedetl_sn": "2", "med_list_codg": "X3", "cnt": "-1", "det_item_fee_sumamt": "-3", "init_feedetl_sn": "1"},
    ],
    "persons": [
        {"psn_no": "p1", "insutype": "310", "psn_type": "12", "gend": "1", "brdy": "1959-03-31", "cvlserv_flag": "1", "cvlserv_lv": "2",
         "clct_grde": "1", "cum_clct_mons": "240", "hsld_no": "f1", "hsld_size": "3", "wage": "80000.10", "balc": "1.5",
         "mulaid_psn_no": "p2", "insuplc_admdvs": "120101", "psn_idet_type": "A", "begndate": "2020-01-01"},
        {"psn_no": "p2", "insutype": "390", "psn_type": "14", "gend": "1", "insuplc_admdvs": "340100"},
    ],
    "institutions": [
        {"fixmedins_code": "h1", "hosp_lv": "05", "fixmedins_type": "1", "tcm_flag": "0", "mdtrtarea_admvs": "120101"},
        {"fixmedins_code": "h2", "begndate": "2025-01-01", "enddate": "2025-03-01", "hosp_lv": "99", "insuplc_admdvs": "999999"},
    ],
    "diagnoses": [{"setl_id": "v2", "diag_code": "I10", "maindiag_flag": "1"}, {"setl_id": "v2", "diag_code": "E11", "maindiag_flag": "0"}],
    "doctors": [{"dr_code": "d1", "dr_pro_tech_duty": "231", "prac_stas": "1", "enddate": "2025-03-02"}, {"dr_code": "d2", "prac_stas": "2"},
                {"dr_code": "d1", "dr_pro_tech_duty": "232", "begndate": "2025-03-02"}],
    "items": [{"med_list_codg": "X1", "list_type": "101", "med_chrgitm_type": "09"}, {"med_list_codg": "X2", "list_type": "201", "enddate": "2025-03-02"}],
}  # fmt: skip


@pytest.mark.parametrize("on", ["lines", "visits"])
def test_every_column_holds_what_the_reference_holds(on: str):
    """One rule a column, whose measure is the cell: a number as it is, a text by its checksum."""
    rules = []
    for name, kind in askable(on).items():
        if kind == "number":
            ybcore.rule(f"{name}!", columns=[name], on=on)(lambda cells: cells)
        else:
            checked = lambda cells: np.array([zlib.crc32(text.encode()) for text in cells.tolist()], np.int64)  # noqa: E731
            ybcore.rule(f"{name}!", columns=[name], on=on)(checked)
        check = {"function": f"{name}!", "comparator": "at_most", "value": "999999999999999999"}
        rules.append(rule(name, check, amount="none"))
    found = same(case(document(*rules), written=RICH))
    run = {row["rule_id"]: row for row in found.manifest["rules"]}
    assert len(run) > 70 and sum(row["status"] == "run" for row in run.values()) > 55
    cells = {(f["rule_id"], f["setl_id"], d["feedetl_sn"]): f["measure"] for f in found.findings for d in found.details if d["jr_id"] == f["jr_id"]}  # fmt: skip
    first = ("v1", "1" if on == "lines" else None)
    wanted = {
        "age": 65,
        "wage": 8_000_010,
        "level": 2,
        "upld_time": 1_741_593_600_000_000,
        "stay_days": 5,
        "er_flag": 1,
        "hsld_size": 3,
    }
    assert {name: cells[name, *first] for name in wanted} == wanted
    assert run["gend"]["unknown"] == run["setl_time"]["unknown"] == 0
    v2 = ("v2", "1" if on == "lines" else None)
    assert [cells[name, *v2] for name in ("age", "age_months", "age_days", "level")] == [0, 11, 365, 0]
    assert cells["gend", *v2] == zlib.crc32(b"2") and cells["main_diagnosis", *v2] == zlib.crc32(b"I10")
    if on == "lines":
        assert [cells[name, *v2] for name in ("quantity", "cnt", "amount", "det_item_fee_sumamt")] == [
            20_000,
            30_000,
            600,
            900,
        ]
        assert cells["list_type", *first] == zlib.crc32(b"101") and run["list_type"]["unknown"] == 2
        assert cells["title", *first] == zlib.crc32(b"232")


@st.composite
def drawn(draw: st.DrawFn) -> dict[str, Any]:
    visits, lines = [], []
    for v in range(draw(st.integers(1, 4))):
        day = draw(st.integers(1, 28))
        visits.append({
            "setl_id": f"v{v}", "psn_no": draw(st.sampled_from(["p1", "p2"])), "med_type": draw(st.sampled_from(["11", "21"])),
            "setl_time": f"2025-03-{day:02}", "gend": draw(st.sampled_from(["1", "2", "9", ""])),
            "brdy": draw(st.sampled_from(["2024-02-29", "2025-03-10", "1960-03-15", ""])), "medfee_sumamt": str(draw(st.integers(0, 99))),
        })  # fmt: skip
    for i in range(draw(st.integers(0, 8))):
        visit = draw(st.sampled_from(visits))["setl_id"]
        returned = {row["init_feedetl_sn"] for row in lines}
        whole = [row["feedetl_sn"] for row in lines if row["setl_id"] == visit and not row["init_feedetl_sn"]]
        named = draw(st.sampled_from(["", *(name for name in whole if name not in returned)]))
        count, yuan = ("-1", "-1") if named else (draw(st.integers(1, 4)), draw(st.integers(1, 40)))
        lines.append({
            "setl_id": visit, "feedetl_sn": f"l{i}", "med_list_codg": draw(st.sampled_from(["a", "bb", "ccc"])), "init_feedetl_sn": named,
            "cnt": str(count), "det_item_fee_sumamt": str(yuan),
            "fee_ocur_time": draw(st.sampled_from(["2025-03-02 08:00:00", "2025-03-02 20:00:00", ""])),
        })  # fmt: skip
    return {"visits": visits, "lines": lines} if lines else {"visits": visits}


LAWS = document(
    rule("COLUMNS", {"function": "h_columns"}, scope={"med_type": "11"}),
    rule("ROWS", {"function": "h_rows", "comparator": "at_least", "value": "3"}, amount="excess_qty", disposition="hold"),
    rule("QUANTITY", {"function": "h_quantity", "measure": "quantity", "comparator": "at_least", "value": "2"}, amount="excess_qty"),
    rule("MONEY", {"function": "h_money", "measure": "amount", "comparator": "more_than", "value": "7.5"}, amount="excess_qty", priority="10"),
    rule("VISITS", {"function": "h_visits"}, amount="visit_total", disposition="suspect"),
)  # fmt: skip


def _by_hand(day: int, item: str, gend: str) -> int:
    if gend == "":
        return MISSING
    return day % 5 + len(item)


# Compiled once for all examples.
ybcore.rule("h_rows", columns=["day", "med_list_codg", "gend?"], row=True)(_by_hand)
ybcore.rule("h_money", columns=["amount", "time"], row=True)(lambda amount, time: amount + time % 7)
ybcore.rule("h_quantity", columns=["quantity", "stay_days"])(lambda quantity, days: quantity * days)
ybcore.rule("h_columns", columns=["age_months", "amount", "gend"])(
    lambda age, fen, gend: (age > 200) & (fen > 500) & (gend == "1")
)
ybcore.rule("h_visits", columns=["medfee_sumamt", "age?"], on="visits")(
    lambda total, age: (total > 5000) | (age == MISSING)
)


@given(drawn(), st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_engine_and_reference_agree_whatever_the_rows_and_their_order(data: dict[str, Any], random: Any):
    answer = same(case(LAWS, written=data))
    again = same(case(LAWS, written={name: random.sample(rows, len(rows)) for name, rows in data.items()}))
    assert answer.findings == again.findings
    assert [{**d, "row": 0} for d in answer.details] == [{**d, "row": 0} for d in again.details]
