"""Catalogues: what is refused, what is noted, and a hash that knows the content and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from ybcore import Catalog
from ybcore.errors import DocumentError, InputError
from ybcore.io import detect_encoding, read_table, write_table, yuan

ITEMS: list[dict[str, Any]] = [
    {"med_list_codg": "XA1", "chrgitm_lv": "01", "name": "甲"},
    {
        "med_list_codg": "XB1",
        "chrgitm_lv": "02",
        "selfpay_prop": "0.1",
        "begndate": "2024-01-01",
        "enddate": "2024-07-01",
    },
    {"med_list_codg": "XB1", "chrgitm_lv": "02", "selfpay_prop": "0.2", "begndate": "2024-07-01"},
    {"med_list_codg": "XB1", "chrgitm_lv": "01", "insu_admdvs": "110000", "begndate": "2024-03-01"},
    {"med_list_codg": "XC1", "chrgitm_lv": "03", "tag": "special"},
]
SELFPAY = [{"med_list_codg": "XB1", "selfpay_prop_psn_type": "R", "selfpay_prop": "0.05"}]
CAPS = [{"med_list_codg": "XA1", "lmtpric_hosp_lv": "3", "hilist_pric_uplmt_amt": "12.5"}]


def table(rows: list[dict[str, Any]]) -> pa.Table:
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pa.table({name: pa.array([row.get(name) for row in rows], pa.string()) for name in names})


def catalog(items: Any = None, selfpay: Any = None, caps: Any = None) -> Catalog:
    return Catalog(table(items or ITEMS), table(selfpay or SELFPAY), table(caps or CAPS))


def problems(**tables: list[dict[str, Any]]) -> list[Any]:
    with pytest.raises(DocumentError) as caught:
        catalog(**tables)
    return list(caught.value.problems)


def test_a_catalogue_knows_its_lists():
    c = catalog()
    assert (
        len(c) == 3 and c.places == ["110000"] and c.categories == ["R"] and c.levels == ["3"] and c.tags == ["special"]
    )
    assert c.check() == [] and c.kernel.items == 3 and "items 5" in repr(c)


def test_the_hash_is_of_the_content():
    c = catalog()
    assert c.hash == catalog(items=ITEMS[::-1]).hash
    assert c.hash == Catalog(table(ITEMS).to_pylist() and table(ITEMS), table(SELFPAY), {"med_list_codg": ["XA1"], "lmtpric_hosp_lv": ["3"], "hilist_pric_uplmt_amt": [12_500_000]}).hash  # fmt: skip
    assert c.hash == catalog(items=[{**row, "name": "x"} for row in ITEMS]).hash
    for i in range(len(ITEMS)):
        changed = [dict(row) for row in ITEMS]
        changed[i]["list_type"] = "101"
        assert c.hash != catalog(items=changed).hash
    assert c.hash != Catalog(table(ITEMS), table(SELFPAY)).hash


@pytest.mark.parametrize(
    ("name", "row", "path", "words"),
    [
        ("items", {"med_list_codg": "Z", "chrgitm_lv": "1"}, "items.chrgitm_lv", "not 01, 02 or 03"),
        ("items", {"med_list_codg": "", "chrgitm_lv": "01"}, "items", "required value is missing"),
        ("items", {"med_list_codg": "Z", "chrgitm_lv": "01", "selfpay_prop": "1.01"}, "items.selfpay_prop", "from 0 to 1"),
        ("items", {"med_list_codg": "Z", "chrgitm_lv": "01", "begndate": "2024-13-01"}, "items.begndate", "cannot be read"),
        ("items", {"med_list_codg": "Z", "chrgitm_lv": "01", "begndate": "2024-01-02", "enddate": "2024-01-02"}, "items.enddate", "not after"),
        ("items", {"med_list_codg": "XB1", "chrgitm_lv": "01", "begndate": "2024-08-01", "enddate": "2024-09-01"}, "items", "overlaps"),
        ("selfpay", {"med_list_codg": "XB1", "selfpay_prop_psn_type": "R", "selfpay_prop": "0.2", "begndate": "2024-01-01"}, "selfpay", "overlaps"),
        ("selfpay", {"med_list_codg": "XB1", "selfpay_prop": "-0.1"}, "selfpay.selfpay_prop", "from 0 to 1"),
        ("caps", {"med_list_codg": "XA1", "lmtpric_hosp_lv": "3", "hilist_pric_uplmt_amt": "1"}, "caps", "overlaps"),
        ("caps", {"med_list_codg": "XA1", "lmtpric_hosp_lv": "2"}, "caps", "required value is missing"),
    ],
)  # fmt: skip
def test_bad_rows_are_named(name: str, row: dict[str, Any], path: str, words: str):
    rows = {"items": ITEMS, "selfpay": SELFPAY, "caps": CAPS}[name]
    found = problems(**{name: [*rows, row]})
    assert any(p.path == path and words in p.what and p.row == len(rows) + 1 for p in found), found


def test_all_tables_are_checked_and_long_lists_shortened():
    found = problems(items=[{"med_list_codg": f"N{i}", "chrgitm_lv": "9"} for i in range(30)], caps=[{"med_list_codg": "N1", "hilist_pric_uplmt_amt": "x"}])  # fmt: skip
    assert sum("not 01" in p.what for p in found) == 6 and any("25 more rows" in p.what for p in found)
    assert any(p.path == "caps.hilist_pric_uplmt_amt" for p in found)


def test_missing_columns_and_floats():
    with pytest.raises(DocumentError) as caught:
        Catalog({"med_list_code": ["a"], "chrgitm_lv": ["01"], "selfpay_prop": [0.1]})
    assert {p.path: p.nearest for p in caught.value.problems} == {
        "items.med_list_codg": "med_list_code",
        "items.selfpay_prop": "",
    }


def test_notes():
    notes = catalog(
        items=[
            *ITEMS,
            {"med_list_codg": "B9", "chrgitm_lv": "02"},
            {"med_list_codg": "A9", "chrgitm_lv": "01", "selfpay_prop": "0.3"},
        ],
        selfpay=[*SELFPAY, {"med_list_codg": "NOPE", "selfpay_prop": "0.3"}],
        caps=[{"med_list_codg": "XA1", "hilist_pric_uplmt_amt": "0"}],
    ).check()
    assert len(notes) == 4 and all(any(word in note for note in notes) for word in ("NOPE", "B9", "A9", "zero"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_folders_of_csv(tmp_path: Path, encoding: str):
    write_table(table(ITEMS), tmp_path / "items.csv", encoding=encoding)
    write_table(table(SELFPAY), tmp_path / "selfpay.csv", encoding=encoding)
    write_table(table(CAPS), tmp_path / "caps.csv", encoding=encoding)
    assert detect_encoding(tmp_path / "items.csv") == encoding
    assert read_table(tmp_path / "items.csv")["name"][0].as_py() == "甲"
    assert Catalog.load(tmp_path).hash == catalog().hash


def test_parquet_and_one_file(tmp_path: Path):
    write_table(table(ITEMS), tmp_path / "items.parquet")
    assert Catalog.load(tmp_path).hash == Catalog.load(tmp_path / "items.parquet").hash == Catalog(table(ITEMS)).hash
    (tmp_path / "items.csv").write_text("med_list_codg\n")
    with pytest.raises(InputError, match="both"):
        Catalog.load(tmp_path)


def test_files_are_named_in_problems(tmp_path: Path):
    with pytest.raises(DocumentError, match="no items"):
        Catalog.load(tmp_path)
    (tmp_path / "items.csv").write_text("med_list_codg,chrgitm_lv\nA,01\nB,7\n")
    with pytest.raises(DocumentError) as caught:
        Catalog.load(tmp_path)
    assert caught.value.problems[0].file == str(tmp_path / "items.csv") and caught.value.problems[0].row == 2
    (tmp_path / "items.csv").write_text("")
    with pytest.raises(InputError, match="empty"):
        Catalog.load(tmp_path)


def test_yuan_is_exact():
    fen = pa.array([1, -1, None, 10**17, -(10**17) - 7])
    assert [None if v is None else str(v) for v in yuan(fen).to_pylist()] == [
        "0.01",
        "-0.01",
        None,
        "1000000000000000.00",
        "-1000000000000000.07",
    ]
    assert yuan(fen.slice(1, 2)).to_pylist()[1] is None
