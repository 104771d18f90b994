"""Migration: the captured settlements of the platform go through and come back to the fen; what does not fit is told."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ybcore import Catalog, Engine, InputError
from ybcore.cli import main
from ybcore.cli.settle import demo_policies
from ybcore.columns.platform import PLATFORM
from ybcore.columns.schema import FUNDS, LINE_OUTPUT, LINES, VISIT_OUTPUT, VISITS
from ybcore.migrate import from_platform, to_platform
from ybcore.synth import city

ZERO = dict.fromkeys(("DEDC_STD", "CRT_DEDC", "ACT_PAY_DEDC", "HIFP_PAY", "CVLSERV_PAY", "HIFES_PAY", "HIFMI_PAY", "HIFOB_PAY", "HIFDM_PAY", "MAF_PAY", "OTHFUND_PAY", "FUND_PAY_SUMAMT", "ACCT_PAY", "ACCT_MULAID_PAY", "CASH_PAYAMT"), "0.00")  # fmt: skip
#: Rows shaped like the captured replies: an inpatient settlement, an outpatient one, and a cancel of each kind.
CASES: dict[str, dict[str, Any]] = {
    "A": {**ZERO, "SETL_ID": "A", "PSN_NO": "p1", "MDTRT_ID": "m1", "INSUTYPE": "310", "MED_TYPE": "21", "SETL_TIME": "2021-11-05 09:01:02", "MEDFEE_SUMAMT": "23442.46", "FULAMT_OWNPAY_AMT": "2533.97", "OVERLMT_SELFPAY": "1396.89", "PRESELFPAY_AMT": "703.44", "INSCP_AMT": "18808.16", "POOL_PROP_SELFPAY": "0.0", "HIFOB_PAY": "18785.39", "FUND_PAY_SUMAMT": "18785.39", "PSN_PAY": "4152.06", "OWNPAY_HOSP_PART": "505.01", "ACCT_PAY": "170.04", "CASH_PAYAMT": "3982.02", "SETL_TYPE": "2"},
    "B": {**ZERO, "SETL_ID": "B", "PSN_NO": "p2", "MDTRT_ID": "m2", "INSUTYPE": "310", "MED_TYPE": "11", "SETL_TIME": "2021-11-06 10:00:00", "MEDFEE_SUMAMT": "4.52", "FULAMT_OWNPAY_AMT": "0", "OVERLMT_SELFPAY": "0", "PRESELFPAY_AMT": "0.23", "INSCP_AMT": "4.29", "ACT_PAY_DEDC": "4.29", "PSN_PAY": "4.52", "ACCT_PAY": "4.52", "OWNPAY_HOSP_PART": None, "SETL_TYPE": "2"},
    "C": {**ZERO, "SETL_ID": "C", "PSN_NO": "p3", "MDTRT_ID": "m3", "INSUTYPE": "310", "MED_TYPE": "21", "SETL_TIME": "2021-11-07 10:00:00", "REFD_SETL_FLAG": "1", "INIT_SETL_ID": "C0", "MEDFEE_SUMAMT": "-3379.26", "FULAMT_OWNPAY_AMT": "-956.34", "OVERLMT_SELFPAY": "-186.31", "PRESELFPAY_AMT": "-197.22", "INSCP_AMT": "-2039.39", "HIFOB_PAY": "-2039.39", "FUND_PAY_SUMAMT": "-2039.39", "PSN_PAY": "-1307.01", "CASH_PAYAMT": "-1307.01", "OWNPAY_HOSP_PART": None, "SETL_TYPE": "2"},
    "D": {**ZERO, "SETL_ID": "D", "PSN_NO": "p4", "MDTRT_ID": "m4", "INSUTYPE": "310", "MED_TYPE": "11", "SETL_TIME": "2021-11-08 10:00:00", "REFD_SETL_FLAG": "1", "INIT_SETL_ID": "D0", "MEDFEE_SUMAMT": "-25.10", "FULAMT_OWNPAY_AMT": "0", "OVERLMT_SELFPAY": "0", "PRESELFPAY_AMT": "-0.23", "INSCP_AMT": "-24.87", "ACT_PAY_DEDC": "-24.87", "PSN_PAY": "-25.1", "ACCT_PAY": "-25.1", "OWNPAY_HOSP_PART": None, "SETL_TYPE": "2"},
}  # fmt: skip
FEES = [
    {"SETL_ID": "B", "BKKP_SN": "1", "MED_LIST_CODG": "XA01", "CNT": "1.0000", "PRIC": "4.520000", "DET_ITEM_FEE_SUMAMT": "4.52", "FULAMT_OWNPAY_AMT": "0", "OVERLMT_SELFPAY": "0", "PRESELFPAY_AMT": "0.23", "INSCP_AMT": "4.29", "CHRGITM_LV": "02", "SELFPAY_PROP": "0.0500", "PRIC_UPLMT_AMT": "999999.000000", "REIM_PROP": "0.5"}
]  # fmt: skip


def theirs(*names: str, **change: Any) -> dict[str, list[Any]]:
    rows = [CASES[name] | change for name in names]
    columns = dict.fromkeys(column for row in rows for column in row)
    return {column: [row.get(column) for row in rows] for column in columns}


def columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in rows[0]}


def problems(call: Any) -> list[tuple[str, int | None]]:
    with pytest.raises(InputError) as wrong:
        call()
    assert all(one.what and one.what_zh for one in wrong.value.problems)
    return [(one.path, one.row) for one in wrong.value.problems]


@pytest.mark.parametrize("name", "ABCD")
def test_a_captured_settlement_goes_through_and_comes_back(name: str):
    done = from_platform(theirs(name), hospital_gap="hospital")
    row = {**done.tables["visits"].to_pylist()[0], **done.tables["results"].to_pylist()[0]}
    back = to_platform(done.tables["visits"], done.tables["results"]).tables["SETL_D"].to_pylist()[0]
    for column, text in CASES[name].items():
        if column == "SETL_TYPE" or (column == "OWNPAY_HOSP_PART" and text is None):
            continue
        place = next(place for place in PLATFORM["SETL_D"] if place.name == column)
        if place.kind == "money":
            assert Decimal(row[place.ours[-1].partition(".")[2]]) / 100 == Decimal(text) == back[column], column
        elif place.kind != "rate":
            assert back[column] == text, column
    assert done.unplaced == {"SETL_D": ["SETL_TYPE"]} and done.beside["SETL_D"].to_pylist() == [{"SETL_ID": name, "SETL_TYPE": "2"}]  # fmt: skip


def test_a_cancel_whose_hospital_part_is_elsewhere_is_refused_until_it_is_said_what_the_gap_is():
    assert problems(lambda: from_platform(theirs("A", "C"))) == [("SETL_D.MEDFEE_SUMAMT", 2)]
    with pytest.raises(InputError, match=r"T4: medfee_sumamt is -3286 fen more .*hospital_gap='hospital'"):
        from_platform(theirs("C"))
    done = from_platform(theirs("A", "C"), hospital_gap="hospital")
    assert done.tables["results"]["hosp_part_amt"].to_pylist() == [50501, -3286]
    assert [(note.path, note.row) for note in done.notes] == [("SETL_D.OWNPAY_HOSP_PART", 2)]


def test_a_reversal_names_its_original_and_brings_no_natures():
    visits = from_platform(theirs("A", "D")).tables["visits"].to_pylist()
    assert visits[0]["inscp_scp_amt"] == 1880816 and visits[1]["inscp_scp_amt"] is visits[1]["medfee_sumamt"] is None
    assert (visits[1]["refd_setl_flag"], visits[1]["init_setl_id"]) == ("1", "D0")


def test_fee_lines_go_through_and_come_back():
    done = from_platform(theirs("A", "B"), columns(FEES))
    assert done.unplaced["FEE_LIST_D"] == ["REIM_PROP"]
    line, split = done.tables["lines"].to_pylist()[0], done.tables["line_results"].to_pylist()[0]
    assert (line["cnt"], line["pric"], line["det_item_fee_sumamt"]) == (10_000, 4_520_000, 452)
    assert (split["preselfpay_amt"], split["inscp_scp_amt"], split["selfpay_prop"]) == (23, 429, 50_000)
    tables = done.tables
    back = to_platform(tables["visits"], tables["results"], tables["lines"], tables["line_results"]).tables["FEE_LIST_D"].to_pylist()[0]  # fmt: skip
    for name, text in FEES[0].items():
        if name != "REIM_PROP":
            assert (Decimal(text) if isinstance(back[name], Decimal) else text) == back[name], name


def test_the_stay_is_joined_and_must_agree():
    stay = {"MDTRT_ID": ["m2", "m1"], "BEGNTIME": ["2021-11-06 08:00:00", "2021-10-28 09:00:00"], "ENDTIME": [None, "2021-11-05 08:00:00"], "IPT_DAYS": ["0", "8"], "MED_TYPE": ["11", "21"], "IPT_NO": ["1", "2"]}  # fmt: skip
    done = from_platform(theirs("A", "B"), mdtrt_d=stay)
    visits = done.tables["visits"].to_pylist()
    assert [str(row["begndate"]) for row in visits] == ["2021-10-28", "2021-11-06"]
    assert [row["ipt_days"] for row in visits] == [8, 0] and done.unplaced["MDTRT_D"] == ["IPT_NO"]
    back = to_platform(done.tables["visits"], done.tables["results"]).tables["MDTRT_D"].to_pylist()
    assert [(row["MDTRT_ID"], row["BEGNTIME"], row["IPT_DAYS"]) for row in back] == [("m1", "2021-10-28", 8), ("m2", "2021-11-06", 0)]  # fmt: skip
    stay["MED_TYPE"][1] = "52"
    assert problems(lambda: from_platform(theirs("A", "B"), mdtrt_d=stay)) == [("MDTRT_D.med_type", 1)]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"MEDFEE_SUMAMT": "23442.47"}, [("SETL_D.MEDFEE_SUMAMT", 1)] * 2),
        ({"HIFOB_PAY": "1.00"}, [("SETL_D.FUND_PAY_SUMAMT", 1)]),
        ({"CASH_PAYAMT": "1.001"}, [("SETL_D.CASH_PAYAMT", 1)]),
        ({"CASH_PAYAMT": "12,00"}, [("SETL_D.CASH_PAYAMT", 1)]),
        ({"CASH_PAYAMT": 3982.02}, [("SETL_D.CASH_PAYAMT", None)]),
        ({"SETL_ID": " "}, [("SETL_D.SETL_ID", 1)]),
        ({"SETL_TIME": "2021-13-05"}, [("SETL_D.SETL_TIME", 1)]),
        ({"PSN_PART_AMT": "4152.07"}, [("SETL_D.PSN_PART_AMT", 1)]),
    ],
)
def test_what_is_wrong_is_told_with_its_place(change: dict[str, Any], expected: Any):
    assert problems(lambda: from_platform(theirs("A", **change))) == expected


def test_every_fault_is_told_at_once_and_a_missing_column_with_the_nearest():
    rows = theirs("A", "B")
    rows["HIFP_PAYS"] = rows.pop("HIFP_PAY")
    del rows["CASH_PAYAMT"]
    rows["BALC"] = ["x", "y"]
    with pytest.raises(InputError) as wrong:
        from_platform(rows, columns([FEES[0] | {"INSCP_AMT": "4.2"} | {"SETL_ID": ""}]))
    told = {(one.path, one.row): one.nearest for one in wrong.value.problems}
    assert told[("SETL_D.HIFP_PAY", None)] == "HIFP_PAYS" and ("SETL_D.CASH_PAYAMT", None) in told
    assert {("SETL_D.BALC", 1), ("SETL_D.BALC", 2), ("FEE_LIST_D.SETL_ID", 1)} <= set(told)


def test_lines_are_held_against_their_settlement():
    found = problems(lambda: from_platform(theirs("A", "B"), columns([FEES[0] | {"INSCP_AMT": "4.28"}, FEES[0] | {"SETL_ID": "Z"}])))  # fmt: skip
    assert set(found) == {("FEE_LIST_D.DET_ITEM_FEE_SUMAMT", 1), ("FEE_LIST_D.SETL_ID", 2), ("SETL_D.INSCP_SCP_AMT", 2)}


def test_whole_numbers_of_theirs_are_yuan():
    done = from_platform(pa.table(theirs("A")).set_column(0, "DEDC_STD", pa.array([700])))
    assert done.tables["results"]["dedc_std"].to_pylist() == [70_000]


def test_a_rate_that_their_field_cannot_hold_is_told_and_not_rounded():
    done = from_platform(theirs("A"))
    results = done.tables["results"]
    at = results.column_names.index("pool_prop_selfpay")
    odd = results.set_column(at, "pool_prop_selfpay", pa.array([812_345]))
    assert problems(lambda: to_platform(done.tables["visits"], odd)) == [("SETL_D.POOL_PROP_SELFPAY", 1)]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(-(10**10), 10**10), min_size=13, max_size=13), min_size=1, max_size=5))
def test_any_amounts_come_back(rows: list[list[int]]):
    """Rows with any four natures, eight funds and account that add up: ours, theirs, ours."""
    results: dict[str, list[Any]] = {name: [] for name in ("setl_id", "psn_no", "medfee_sumamt", "fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt", "dedc_std", "crt_dedc", "act_pay_dedc", *FUNDS, "fund_pay_sumamt", "hosp_part_amt", "psn_part_amt", "acct_pay", "acct_mulaid_pay", "psn_cash_pay", "balc", "pool_prop_selfpay")}  # fmt: skip
    for i, row in enumerate(rows):
        natures, funds, acct = row[:4], row[4:12], row[12]
        total, paid = sum(natures), sum(funds)
        values = [f"S{i}", "P", total, *natures, 0, 0, 0, *funds, paid, 7, total - paid - 7, acct, 0, total - paid - 7 - acct, 0, 0]  # fmt: skip
        for name, value in zip(results, values, strict=True):
            results[name].append(value)
    visits = {"setl_id": results["setl_id"], "psn_no": results["psn_no"]}
    done = to_platform(pa.table(visits), pa.table(results))
    back = from_platform(done.tables["SETL_D"]).tables["results"]
    assert back.select(list(results)).to_pydict() == results


@pytest.fixture(scope="module")
def town() -> tuple[Engine, dict[str, pa.Table], Any]:
    made = city(seed=5, persons=40, visits=200, lines_per_visit=3.0, catalog_items=500, bad_rows=0.0)
    batch = made.visits()
    tables = {"visits": batch.visits, "lines": batch.lines, "persons": made.persons, "institutions": made.institutions}
    engine = Engine(demo_policies(), Catalog(**dict(zip(("items", "selfpay", "caps"), made.catalog))), threads=1)
    return engine, tables, engine.settle(**tables, line_output=True)


def test_a_settled_town_comes_back_and_settles_to_the_same_figures(town: Any):
    engine, tables, done = town
    line_results = done.lines.select([column.name for column in LINE_OUTPUT.columns])
    there = to_platform(tables["visits"], done.visits, tables["lines"], line_results)
    assert {"burden_copay", "outcome", "cut_fund"} <= set(there.unplaced["results"])
    back = from_platform(there.tables["SETL_D"], there.tables["FEE_LIST_D"], there.tables["MDTRT_D"])
    assert "SETL_D" not in back.unplaced
    placed = {place.ours[-1].partition(".")[2] for place in PLATFORM["SETL_D"] if place.kind in ("money", "rate")}
    for name in sorted(placed & {column.name for column in VISIT_OUTPUT.columns}):
        assert back.tables["results"][name].to_pylist() == done.visits[name].to_pylist(), name
    for name in ("fulamt_ownpay_amt", "overlmt_amt", "preselfpay_amt", "inscp_scp_amt"):
        assert back.tables["line_results"][name].to_pylist() == done.lines[name].to_pylist(), name
    beside = {name: there.beside[name] for name in ("visits", "lines")}  # what has no place there is taken along
    assert there.unplaced["visits"] == ["place", "day_surgery"] and there.unplaced["lines"] == ["deny_flag"]
    visits, lines = ({**dict(zip(back.tables[name].column_names, back.tables[name].columns)), **dict(zip(beside[name].column_names, beside[name].columns))} for name in beside)  # fmt: skip
    again = engine.settle(visits, lines, tables["persons"], tables["institutions"])
    money = [column.name for column in VISIT_OUTPUT.columns if column.kind == "money"]
    assert pc.sum(done.visits["fund_pay_sumamt"]).as_py() > 0
    assert again.visits.select(money).to_pydict() == done.visits.select(money).to_pydict()


def test_every_place_is_a_column_of_ours():
    known = {"visits": VISITS, "results": VISIT_OUTPUT, "lines": LINES, "line_results": LINE_OUTPUT}
    for places in PLATFORM.values():
        for place in places:
            for where in place.ours:
                table, _, column = where.partition(".")
                assert known[table].find(column) is not None, where


def test_the_page_lists_every_column():
    page = (Path(__file__).resolve().parent.parent / "docs/migration.md").read_text(encoding="utf-8")
    for name, places in PLATFORM.items():
        text = page.partition(f"### {name}")[2].partition("\n### ")[0]
        for place in places:
            assert f"| `{place.name}`" in text, f"{name}.{place.name}"
            assert all(f"`{where}`" in text for where in place.ours), place.name


def test_the_command_goes_there_and_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    from ybcore import io

    io.write_table(pa.table(theirs("A", "B")), tmp_path / "setl_d.csv")
    io.write_table(pa.table(columns(FEES)), tmp_path / "fee_list_d.csv")
    words = ["--setl-d", str(tmp_path / "setl_d.csv"), "--fee-list-d", str(tmp_path / "fee_list_d.csv")]
    assert main(["migrate", "from-platform", *words, "--out", str(tmp_path / "ours"), "--json", "--lang", "en"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["unplaced"] == {"SETL_D": ["SETL_TYPE"], "FEE_LIST_D": ["REIM_PROP"]} and told["rows"]["lines"] == 1
    assert main(["migrate", "to-platform", "--folder", str(tmp_path / "ours"), "--out", str(tmp_path / "theirs"), "--lang", "en"]) == 0  # fmt: skip
    back = io.read_table(tmp_path / "theirs/setl_d.csv").to_pylist()
    assert [row["MEDFEE_SUMAMT"] for row in back] == ["23442.46", "4.52"]
    io.write_table(pa.table(theirs("C")), tmp_path / "setl_d.csv")
    assert main(["migrate", "from-platform", *words[:2], "--out", str(tmp_path / "no"), "--lang", "zh"]) == 1
    assert "相差 -3286 分" in capsys.readouterr().err and not (tmp_path / "no").exists()
