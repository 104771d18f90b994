"""Cases out of a settled run: `cases_of` and `ybcore clear --run`."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from ybcore.clearing import cases_of, clear
from ybcore.cli import clear as clear_command
from ybcore.cli import main
from ybcore.columns.schema import FUNDS
from ybcore.errors import InputError
from ybcore.io import read_table

MONEY = ("medfee_sumamt", "fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "act_pay_dedc", "fund_pay_sumamt", "psn_part_amt", "psn_cash_pay", "acct_pay")  # fmt: skip
DOCUMENT = """\
format: ybcore-clearing/1
id: town
scheme: {id: town, region: "*", insutype: ["310", "390"]}
effective: {from: 2000-01-01}
methods:
  - {id: stays, when: {group_code: G1}, pays: case, base: {amount: 5000}, fund: {formula: whole}}
  - {id: others, pays: item}
"""


def given() -> dict[str, dict[str, list[Any]]]:
    ids = ["a", "b", "c", "d", "e", "f"]
    return {
        "settlements": {
            "setl_id": ids,
            "outcome": ["settled"] * 4 + ["rejected", "settled"],
            **{name: [100 * at + row for row in range(6)] for at, name in enumerate((*MONEY, "hifp_pay", "hifob_pay"))},
        },
        "visits": {
            "setl_id": ids[::-1],
            "psn_no": ["p3", "p3", "p2", "p2", "p1", "p1"],
            "setl_time": ["2024-03-05 23:59:59"] * 6,
            "fixmedins_code": ["H1"] * 6,
            "med_type": ["21", "21", "21", "11", "21", "21"],
            "refd_setl_flag": ["0", "0", "0", "0", "1", "0"],
            "init_setl_id": [None, None, None, None, "a", None],
            "ward": ["w6", "w5", "w4", "w3", "w2", "w1"],
        },
        "groups_of": {"setl_id": ["d", "e"], "group_code": ["G1", "G2"], "treatment": ["T", None]},
        "persons": {
            "psn_no": ["p1", "p2", "p3", "p3"],
            "begndate": ["2020-01-01", "2020-01-01", "2020-01-01", "2024-03-05"],
            "enddate": [None, None, "2024-03-05", None],
            "insutype": ["310", "310", "310", "390"],
            "psn_type": ["11", "12", "11", "21"],
        },
    }


def taken(tables: dict[str, Any], **options: Any) -> list[dict[str, Any]]:
    held = {name: pa.table(columns) for name, columns in tables.items()}
    return cases_of(**held, **options).to_pylist()


def test_cases_are_what_was_settled_and_not_taken_back():
    rows = {row["setl_id"]: row for row in taken(given(), clears=["hifp_pay", "hifob_pay"], more=["ward"])}
    assert list(rows) == ["c", "d", "f"]
    d = rows["d"]
    assert (d["group_code"], d["treatment"], d["insutype"], d["psn_type"]) == ("G1", "T", "310", "12")
    assert (str(d["setl_time"]), d["ward"], d["med_type"]) == ("2024-03-05", "w4", "21")
    assert [d[name] for name in MONEY] == [100 * at + 3 for at in range(len(MONEY))]
    assert d["oth_fund_amt"] == 503 - 903 - 1003
    assert rows["c"]["group_code"] is None and rows["f"]["insutype"] == "390"
    assert [row["setl_id"] for row in taken(given(), med_types=["2"])] == ["d", "f"]


def wrong(change: Any, lang: str = "en", **options: Any) -> str:
    tables = given()
    change(tables)
    with pytest.raises(InputError) as found:
        taken(tables, **options)
    return found.value.render(lang)


def test_what_is_wrong_is_told():
    assert "groups_of.group_code: the required column is missing" in wrong(lambda t: t["groups_of"].pop("group_code"))
    assert "visits.fixmedins_code: the required" in wrong(lambda t: t["visits"].pop("fixmedins_code"))
    assert "settlements.hifp_pay: the required" in wrong(lambda t: t["settlements"].pop("hifp_pay"))
    told = wrong(lambda t: t["groups_of"].update(setl_id=["d", "d", "zz"], group_code=["x"] * 3, treatment=["T"] * 3))
    assert "row 2: groups_of.setl_id: the setl_id is there twice" in told
    assert "row 3: groups_of.setl_id: no settlement has this setl_id" in told
    assert "row 1: settlements.setl_id: no visit" in wrong(lambda t: t["visits"]["setl_id"].__setitem__(5, "q"))
    assert "no persons are given" in wrong(lambda t: t.pop("persons"))
    nobody = wrong(lambda t: t["persons"]["psn_no"].__setitem__(1, "p9"))
    assert "row 3" in nobody and "row 4" in nobody and "no insutype is known" in nobody
    lost = wrong(lambda t: t["visits"]["init_setl_id"].__setitem__(4, "q"), "zh")
    assert "所冲销的结算不在此结果中" in lost and "2" in lost
    assert "groups_of.wards: no column wards is there, nor in visits" in wrong(lambda t: None, more=["wards"])
    with pytest.raises(ValueError, match="no such fund: hifp"):
        taken(given(), clears=["hifp"])


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demonstration that is settled, a group for each third of its stays, and a document."""
    folder = tmp_path_factory.mktemp("cleared")
    assert main(["demo", "--visits", "400", "--seed", "5", "--out", str(folder / "run"), "-q", "--threads", "1"]) == 0
    stays = [row for row in visits(folder) if row["med_type"].startswith("2")]
    with open(folder / "groups_of.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(
            [("setl_id", "group_code"), *((row["setl_id"], f"G{at % 3}") for at, row in enumerate(stays))]
        )
    (folder / "town.yaml").write_text(DOCUMENT, encoding="utf-8")
    (folder / "tables").mkdir()
    return folder


def visits(folder: Path) -> list[dict[str, Any]]:
    return read_table(next((folder / "run").rglob("visits.*"))).to_pylist()


def run(town: Path, *words: str) -> int:
    return main(["clear", "--lang", "en", "--documents", str(town / "town.yaml"), "--input", str(town / "tables"), "--run", str(town / "run"), "-q", *words])  # fmt: skip


def test_a_run_is_cleared(town: Path, capsys: pytest.CaptureFixture[str]):
    out = town / "out"
    assert run(town, "--groups-of", str(town / "groups_of.csv"), "--med-type", "2", "--out", str(out)) == 0, capsys.readouterr().err  # fmt: skip
    receipt = json.loads((out / "receipt.json").read_text(encoding="utf-8"))
    assert receipt["run"] == {"med_types": ["2"], "clears": ["hifp_pay"]}
    assert {one["name"] for one in receipt["files"]["inputs"]} == {"documents", "run", "groups_of"}
    paid = {row["setl_id"]: row for row in read_table(next((town / "run").glob("settlements.*"))).to_pylist()}
    told = {row["setl_id"]: row for row in visits(town)}
    back = {row.get("init_setl_id") for row in told.values() if str(row.get("refd_setl_flag")) == "1"}
    mine = [
        name for name, row in paid.items()
        if row["outcome"] == "settled" and told[name]["med_type"].startswith("2") and name not in back and str(told[name].get("refd_setl_flag")) != "1"
    ]  # fmt: skip
    rows = read_table(out / "cases.parquet").to_pylist()
    assert [row["setl_id"] for row in rows] == mine and len(mine) > 20
    assert [row["itemised"] for row in rows] == [paid[name]["hifp_pay"] for name in mine]
    assert {row["payment"] for row in rows if row["method"] == "stays"} == {500_000}
    assert sum(row["method"] == "others" for row in rows) > 5


def test_a_run_without_groups_or_with_other_files_is_refused(town: Path, capsys: pytest.CaptureFixture[str]):
    assert run(town) == 1
    assert "--groups-of" in capsys.readouterr().err
    path = next((town / "run").glob("settlements.*"))
    held = path.read_bytes()
    try:
        path.write_bytes(held + b"\n")
        assert run(town, "--groups-of", str(town / "groups_of.csv")) == 1
        assert "not the file that the receipt tells of" in capsys.readouterr().err
    finally:
        path.write_bytes(held)


def test_cases_of_a_run_are_what_clear_takes():
    held = {name: pa.table(columns) for name, columns in given().items()}
    cases = cases_of(**held)
    done = clear(cases, DOCUMENT)
    assert done.cases["payment"].to_pylist() == [902, 500_000, 905]


def test_the_command_knows_every_fund():
    """Its help loads nothing, so it has the names itself."""
    assert clear_command.FUNDS == FUNDS
