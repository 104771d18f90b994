"""What a report of rule checks says: words, counts, the shape of the interface, and labels."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import ybcore
from check_small import AGREED, RULES, TABLES
from ybcore.checks import shipped_rules
from ybcore.checks.run.counted import countings
from ybcore.checks.suppression import suppressions
from ybcore.checks.told import GROUPS, window_text
from ybcore.checks.units import amount_text
from ybcore.columns.checkschema import DETAILS, FINDINGS, MANIFEST


def checked(**more) -> ybcore.CheckReport:
    tables = {name: pa.table(table) for name, table in TABLES.items()}
    return ybcore.check(**tables, rules=RULES, **more)


@pytest.fixture(scope="module")
def report() -> ybcore.CheckReport:
    return checked()


def test_tables_have_the_columns_that_are_described(report):
    for table, described in ((report.findings, FINDINGS), (report.details, DETAILS), (report.manifest, MANIFEST)):
        assert table.column_names == [column.name for column in described.columns]


def test_texts_in_both_languages(report):
    zh, en = report.text(), report.text("en")
    assert zh["jr_id"].to_pylist() == en["jr_id"].to_pylist() == report.findings["jr_id"].to_pylist()
    by_rule = {}
    for rule, *words in zip(report.findings["rule_id"].to_pylist(), *(t[c].to_pylist() for t in (zh, en) for c in ("vola_cont", "vola_evid")), strict=True):  # fmt: skip
        by_rule.setdefault(rule, []).append(words)
    assert sorted(by_rule["LISTED"]) == [
        ["名单药品：1 条明细，违规金额 10.50 元", "来源：a list", "listed drug: 1 line, 10.50 yuan in violation", "source: a list"],
        ["名单药品：1 条明细，违规金额 20.00 元", "来源：a list", "listed drug: 1 line, 20.00 yuan in violation", "source: a list"],
    ]  # fmt: skip
    assert by_rule["OFTEN"] == [
        [
            "频繁就诊：1 次就诊",
            "计 2 次就诊；多于 1 次就诊 即命中；自然月自 2025-03-01 至 2025-04-01（不含）；来源：slides; page 4",
            "frequent visits: 1 visit",
            "counted 2 visits; more than 1 visit is a hit; calendar months from 2025-03-01 until before 2025-04-01; source: slides; page 4",
        ]
    ]
    assert [words[1] for words in by_rule["DEAR"] if "20.00" in words[1]] == [
        "计 20.00 元；多于 12.00 元 即命中；本次就诊自 2025-03-08 至 2025-03-09（不含）；来源：slides"
    ]


@pytest.mark.parametrize(
    ("group", "begin", "end", "zh", "en"),
    [
        (None, None, None, "", ""),
        ("line", None, None, "单条明细", "one line"),
        ("day", "2025-03-01", "2025-03-02", "自然日自 2025-03-01 至 2025-03-02（不含）", "natural day from 2025-03-01 until before 2025-03-02"),
        ("hour", "2025-03-01 23:00:00", "2025-03-02 00:00:00", "整点小时自 2025-03-01 23:00:00 至 2025-03-02（不含）", "clock hour from 2025-03-01 23:00:00 until before 2025-03-02"),
        ("within", "2025-03-01 08:00:00", "2025-03-01 20:00:00.000001", "相邻时段自 2025-03-01 08:00:00 至 2025-03-01 20:00:00（含）", "hours near a line from 2025-03-01 08:00:00 through 2025-03-01 20:00:00"),
        ("within", "2025-03-01 08:00:00.000001", "2025-03-01 20:00:00", "相邻时段自 2025-03-01 08:00:00（不含） 至 2025-03-01 20:00:00（不含）", "hours near a line after 2025-03-01 08:00:00 until before 2025-03-01 20:00:00"),
    ],
)  # fmt: skip
def test_what_was_counted_in_in_both_languages(group, begin, end, zh, en):
    begin, end = (None if text is None else int(np.datetime64(text, "us").astype(np.int64)) for text in (begin, end))
    assert (window_text(group, begin, end, "zh"), window_text(group, begin, end, "en")) == (zh, en)


def test_every_kind_of_group_has_words():
    """What the column may hold is what there are words for, and what rules of all kernels count in is among it."""
    column = FINDINGS.find("group")
    assert column.en.split(":")[0].split("|") == list(GROUPS)
    counted = {own.group for rule in ybcore.load_rules(shipped_rules()) if rule.enabled for own in countings(rule)}
    assert {"day", "visit"} < counted - {None} <= set(GROUPS)


def test_texts_speak_two_languages_only(report):
    with pytest.raises(ValueError, match="zh, en"):
        report.text("fr")


def test_texts_fit_the_interface():
    book = ybcore.load_rules(RULES.replace("source: slides, cite: page 4", f"source: {'长' * 600}"))
    tables = {name: pa.table(table) for name, table in TABLES.items()}
    told = ybcore.check(**tables, rules=book).text("zh")
    assert max(map(len, told["vola_evid"].to_pylist())) == 500


@pytest.mark.parametrize(
    ("value", "unit", "zh", "en"),
    [
        (15_000, "quantity", "1.5", "1.5"),
        (1_234_567_890, "price", "1,234.56789 元/单位", "1,234.56789 yuan a unit"),
        (-5, "money", "-0.05 元", "-0.05 yuan"),
        (1, "days", "1 天", "1 day"),
        (18, "year", "18 周岁", "18 years"),
        (750_000, "fraction", "0.75", "0.75"),
        (90_061_000_000, "duration", "1 天 1 小时 1 分 1 秒", "1 d 1 h 1 min 1 s"),
        (0, "duration", "0 秒", "0 s"),
    ],
)
def test_figures_are_written_in_their_unit(value, unit, zh, en):
    assert (amount_text(value, unit, "zh"), amount_text(value, unit, "en")) == (zh, en)


def test_statistics_by_rule_level_and_institution(report):
    rows = report.statistics().to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        ("LISTED", "2", "H2", 1, 1, 2000, 2000),
        ("LISTED", "3", "H1", 1, 1, 1050, 1050),
        ("OFTEN", "2", "H2", 1, 1, 0, 0),
        ("DEAR", "2", "H2", 1, 1, 800, 0),
        ("DEAR", "3", "H1", 1, 1, 350, 0),
    ]
    assert list(rows[0]) == ["rule_id", "level", "fixmedins_code", "hits", "persons", "vola_amt", "paid_amt"]


def test_statistics_by_other_keys(report):
    rows = report.statistics(("shadow", "disposition")).to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        (False, "deny", 2, 1, 3050, 3050),
        (False, "suspect", 1, 1, 0, 0),
        (True, "deny", 2, 1, 1150, 0),
    ]
    for wrong in ((), ("colour",)):
        with pytest.raises(ValueError, match="is not among"):
            report.statistics(wrong)


def test_statistics_leave_suppressed_findings_out():
    rows = checked(suppress=[{"rule": "LISTED", "setl_id": "S2", **AGREED}]).statistics(("rule_id",)).to_pylist()
    assert [(row["rule_id"], row["hits"], row["vola_amt"]) for row in rows] == [("LISTED", 1, 1050), ("OFTEN", 1, 0), ("DEAR", 2, 1150)]  # fmt: skip


def test_3101_has_the_shape_of_the_interface(report):
    told = report.to_3101("en")
    assert [row["rule_id"] for row in told] == ["LISTED", "LISTED", "OFTEN"]  # shadow rules stay inside
    second = next(row for row in told if row["mdtrt_id"] == "M2" and row["rule_id"] == "LISTED")
    jr_id = second["jr_id"]
    assert second == {
        "jr_id": jr_id,
        "rule_id": "LISTED",
        "rule_name": "listed drug",
        "vola_cont": "listed drug: 1 line, 20.00 yuan in violation",
        "patn_id": "P1",
        "mdtrt_id": "M2",
        "judge_result_detail_dtos": [
            {
                "jrd_id": f"{jr_id}-1",
                "patn_id": "P1",
                "mdtrt_id": "M2",
                "rx_id": "1",
                "vola_item_type": "1",
                "vola_amt": "20.00",
            }
        ],
        "vola_amt": "20.00",
        "vola_amt_stas": "1",
        "sev_deg": "1",
        "vola_evid": "source: a list",
        "vola_bhvr_type": "3",
        "task_id": None,
    }
    assert {row["task_id"] for row in report.to_3101(task_id="T1")} == {"T1"}
    often = told[-1]
    details = [(d["mdtrt_id"], d["rx_id"], d["vola_item_type"]) for d in often["judge_result_detail_dtos"]]
    assert details == [("M2", None, "1"), ("M1", None, "2")]
    assert (often["vola_amt"], often["vola_amt_stas"], often["vola_bhvr_type"]) == ("0.00", "0", None)
    assert report.to_3101()[-1]["rule_name"] == "频繁就诊"


def test_3101_leaves_suppressed_findings_out():
    told = checked(suppress=[{"rule": "LISTED", "psn_no": "P1", **AGREED}]).to_3101()
    assert [row["rule_id"] for row in told] == ["OFTEN"]


def test_precision_by_rule(report):
    ids = {}
    for rule, name in zip(report.findings["rule_id"].to_pylist(), report.findings["jr_id"].to_pylist(), strict=True):
        ids.setdefault(rule, []).append(name)
    labels = {"jr_id": [*ids["LISTED"], *ids["DEAR"], ids["DEAR"][0], "gone"], "outcome": ["confirmed", "overturned", *["confirmed"] * 3, "overturned"]}  # fmt: skip
    rows = [tuple(row.values()) for row in report.precision(labels).to_pylist()]
    assert rows == [
        ("LISTED", 2, 2, 1, 1, 500_000),
        ("OFTEN", 1, 0, 0, 0, None),
        ("DEAR", 2, 2, 2, 0, 1_000_000),
        (None, 0, 1, 0, 1, 0),
    ]


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ({"jr_id": ["x"], "outcome": ["perhaps"]}, "'perhaps' is not confirmed or overturned"),
        ({"jr_id": ["x"], "outcome": ["confirmd"]}, "did you mean .*'confirmed'"),
        ({"jr_id": ["x", "x"], "outcome": ["confirmed", "overturned"]}, "'x' is both"),
        ({"jr_id": ["x"], "outcome": [None]}, "needs jr_id and outcome"),
        ({"jr_id": ["x"]}, "outcome"),
    ],
)
def test_labels_that_cannot_be_used(report, labels, told):
    with pytest.raises(ybcore.InputError, match=told):
        report.precision(labels)
    with pytest.raises(ybcore.InputError) as caught:
        report.precision(labels, "labels.csv")
    assert {problem.file for problem in caught.value.problems} == {"labels.csv"}


def test_a_run_without_findings():
    tables = {name: pa.table(table) for name, table in TABLES.items()}
    tables["lines"] = tables["lines"].slice(3)
    tables["visits"] = tables["visits"].slice(2)
    report = ybcore.check(**tables, rules=RULES)
    assert len(report.findings) == len(report.text()) == len(report.statistics()) == 0
    assert report.to_3101() == [] and report.details.num_rows == 0
    assert set(report.precision({"jr_id": [], "outcome": []})["findings"].to_pylist()) == {0}


def test_suppression_rows_of_the_caller_are_held_to_the_same():
    listed = [
        {"rule": "LISTED", "psnno": "P1", **AGREED},
        {"psn_no": "P1", **AGREED},
        {"rule": "LISTED", "setl_id": "S2", **AGREED, "expires": "soon"},
        {"rule": "LISTED", "setl_id": "S2", **AGREED, "owner": " ", "expires": None},
        {"rule": "LISTED", "setl_id": "S2", **AGREED, "expires": "20990101"},
    ]
    with pytest.raises(ybcore.InputError) as caught:
        checked(suppress=listed)
    found = [(p.row, p.what.split(" (")[0].split(",")[0], p.nearest) for p in caught.value.problems]
    assert found == [
        (1, "unknown key 'psnno'", "psn_no"),
        (1, "the row names none of psn_no", ""),
        (2, "the row names no rule", ""),
        (3, "expires 'soon' is not YYYY-MM-DD", ""),
        (4, "the row of rule LISTED lacks owner", ""),
        (5, "expires '20990101' is not YYYY-MM-DD", ""),
    ]
    assert "缺少 owner、expires（owner：由谁负责；" in caught.value.problems[4].what_zh
    assert {p.path for p in caught.value.problems} == {"suppress"} and caught.value.problems[
        0
    ].what_zh == "未知的键 'psnno'"


def test_cells_that_cannot_be_read_and_visits_that_are_not_looked_at_are_told():
    tables = {name: dict(columns) for name, columns in TABLES.items()}
    tables["lines"] |= {"cnt": ["1", "x", "2", "1e99"], "det_item_fee_sumamt": ["10.501", "5", "20", "1"]}
    tables["visits"] |= {"psn_no": ["P1", None, "P2"]}
    report = ybcore.check(**{name: pa.table(columns) for name, columns in tables.items()}, rules=RULES)
    assert report.unread == [
        {"table": "lines", "column": "cnt", "cells": 2, "rows": [2, 4]},
        {"table": "lines", "column": "det_item_fee_sumamt", "cells": 1, "rows": [1]},
    ]
    assert report.left_out == 1
    assert (checked().unread, checked().left_out) == ([], 0)


def test_suppression_lists_are_read_whole():
    why = {"reason": ["x"] * 4, "owner": ["me"] * 4}
    table = pa.table({"rule": ["A", "", "B", "C"], "psn_no": ["P", "P", "", None], "expires": ["2025-01-01", "soon", "", None], **why})  # fmt: skip
    with pytest.raises(ybcore.InputError) as caught:
        suppressions(table, "list.csv")
    assert [(p.row, p.what.split(" ")[0]) for p in caught.value.problems] == [(2, "the"), (2, "expires"), (3, "the"), (3, "the"), (4, "the"), (4, "the")]  # fmt: skip
    with pytest.raises(ybcore.InputError, match=r"did you mean.*'owner'"):
        suppressions(pa.table({"rule": ["A"], "psn_no": ["P"], "ownr": ["me"]}))
    assert suppressions(table.slice(0, 1)) == [
        {"rule": "A", "psn_no": "P", "expires": "2025-01-01", "reason": "x", "owner": "me"}
    ]
