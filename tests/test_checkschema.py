"""The tables of rule checks: read by their schemas, and no disturbance to settling."""

from __future__ import annotations

import pyarrow as pa
import pytest
from ybcore.columns import describe
from ybcore.columns.checkschema import (
    CHECK_LINES,
    CHECK_VISITS,
    DIAGNOSES,
    DOCTORS,
    FURTHER_LINES,
    FURTHER_VISITS,
    LABS,
    OPERATIONS,
    STOCK,
)
from ybcore.columns.read import Problems, read
from ybcore.columns.schema import LINES, VISITS

NOON = 43_200_000_000


def frame(data, table):
    problems = Problems()
    out = read(data, table, problems)
    problems.stop()
    return out


def test_times_of_day_are_kept():
    visits = {"setl_id": ["1"], "psn_no": ["p"], "med_type": ["11"], "setl_time": ["1970-01-01 12:00:00"], "begndate": ["1970-01-01"], "begntime": ["1970-01-01 12:00:00"]}  # fmt: skip
    ours = frame(visits, CHECK_VISITS)
    assert ours.cells["begntime"].values.tolist() == [NOON]
    assert ours.cells["begndate"].values.tolist() == [0]
    lines = {"setl_id": ["1"], "med_list_codg": ["x"], "det_item_fee_sumamt": [1], "fee_ocur_time": ["1970-01-01 12:00:00"], "prd_days": ["2.5"]}  # fmt: skip
    ours = frame(lines, CHECK_LINES)
    assert ours.cells["fee_ocur_time"].values.tolist() == [NOON]
    assert ours.cells["prd_days"].values.tolist() == [25_000]


def test_labs_are_quantities_and_may_be_negative():
    labs = {"setl_id": ["1", "1"], "med_list_codg": ["x", "x"], "exam_time": ["2024-01-01", "2024-01-01 08:00:00"], "exam_value": ["3.9", "-0.25"]}  # fmt: skip
    assert frame(labs, LABS).cells["exam_value"].values.tolist() == [39_000, -2_500]


@pytest.mark.parametrize("table", [DIAGNOSES, OPERATIONS, LABS, DOCTORS, STOCK])
def test_required_columns_of_the_further_tables(table):
    with pytest.raises(Exception, match=table.columns[0].name):
        frame({"nothing": [1]}, table)


def test_settling_passes_over_the_columns_of_checks():
    """Not read (the cells here cannot be), and nothing is said about them."""
    visits = {"setl_id": ["1"], "psn_no": ["p"], "med_type": ["11"], "setl_time": ["2024-01-01"], "begndate": ["2024-01-01"], "enddate": ["2024-01-01"]}  # fmt: skip
    lines = {"setl_id": ["1"], "med_list_codg": ["x"], "det_item_fee_sumamt": [1]}
    for given, table, further in ((visits, VISITS, FURTHER_VISITS), (lines, LINES, FURTHER_LINES)):
        wrong = pa.table({**given, **{column.name: [b"\xff"] for column in further}})
        read_by_us = frame(wrong, table)
        assert read_by_us.notes == []
        assert set(read_by_us.source) == set(given)
        assert frame(pa.table({**given, "rxnno": ["1"]}), table).notes != []


def test_begntime_alone_is_still_the_date_of_settling():
    visits = {"setl_id": ["1"], "psn_no": ["p"], "med_type": ["11"], "setl_time": ["1970-01-03"], "begntime": ["1970-01-02 08:00:00"]}  # fmt: skip
    assert frame(visits, VISITS).days("begndate").tolist() == [1]


def test_describe_has_groups_for_checks():
    assert {row["table"] for row in describe("checks")} == {"visits", "lines", "diagnoses", "operations", "labs", "doctors", "stock"}  # fmt: skip
    assert {row["table"] for row in describe("findings")} == {
        "findings",
        "details",
        "manifest",
        "statistics",
        "precision",
        "replay",
    }
    assert all(row["zh"] and row["en"] for which in ("checks", "findings") for row in describe(which))
    assert {row["column"] for row in describe("stock") if row["required"]} == {"fixmedins_code", "med_list_codg", "begndate", "enddate"}  # fmt: skip
