"""Findings as a page and as a workbook: the figures are those of the report, hostile data stays data, nothing is left out silently."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import ybcore
from check_small import AGREED, RULES, TABLES, write
from pages import Page, rows_of
from ybcore import messages
from ybcore.cli import main
from ybcore.messages import yuan_text
from ybcore.report import sheets, workbook


@pytest.fixture(autouse=True)
def chinese(monkeypatch: pytest.MonkeyPatch):
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    yield
    messages.use("zh")


def checked(rules: str = RULES, **more) -> ybcore.CheckReport:
    given = {name: more.pop(name, table) for name, table in TABLES.items()}
    tables = {name: pa.table(table) for name, table in given.items() if table is not None}
    return ybcore.check(**tables, rules=rules, **more)


@pytest.fixture(scope="module")
def report() -> ybcore.CheckReport:
    return checked()


def page_of(report: ybcore.CheckReport, folder: Path, lang: str = "zh", **more) -> Page:
    report.to_html(folder / f"{lang}.html", lang, **more)
    return Page(folder / f"{lang}.html")


# ---------------------------------------------------------------------------------------------- the page


def test_head_figures_are_those_of_the_report(report, tmp_path: Path):
    page = page_of(report, tmp_path)
    found = report.findings
    counted = found.filter(pc.invert(pc.or_(found["suppressed"], pc.or_(found["shadow"], found["subsumed"]))))
    assert len(counted) == 3 and pc.sum(counted["vola_amt"]).as_py() == 3050
    assert page.by_id == {
        "n-findings": "3",
        "n-vola": "30.50",
        "n-paid": yuan_text(pc.sum(report.details["paid_amt"]).as_py()),
        "n-recover": "—",
        "n-visits": "3",
        "n-lines": "4",
        "n-suppressed": "0",
        "n-shadow": "2",
        "n-subsumed": "0",
    }


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_tables_are_those_of_the_report(report, lang: str, tmp_path: Path):
    page = page_of(report, tmp_path, lang)
    rules = page.table("rules")
    institutions = page.table("by-fixmedins_code")
    for row in report.statistics(("rule_id", "shadow")).to_pylist():
        name = f"{report.book[row['rule_id']].name[lang]} {row['rule_id']}"
        if row["shadow"]:
            assert name not in rules
            assert page.table("apart")[name][1:4] == [str(row["hits"]), str(row["persons"]), yuan_text(row["vola_amt"])]
        else:
            cells = rules[name]
            assert cells[3:6] == [str(row["hits"]), str(row["persons"]), yuan_text(row["vola_amt"])]
            assert cells[8] == yuan_text(row["paid_amt"])
    # P1 has all: H1 the first drug, H2 the second and the frequent visits. 10.50 of 30.50 is 34.43 %.
    assert institutions["H1 市一院"][1:5] == ["1", "1", "10.50", "34.43%"]
    assert institutions["H2 县医院"][1:5] == ["2", "1", "20.00", "65.57%"]
    assert list(institutions)[1:] == ["H2 县医院", "H1 市一院"]  # the largest first
    assert page.table("by-psn_no")["P1"][1:4] == ["3", "30.50", "100.00%"]
    assert [row[1] for row in page.rows["by-level"][1:]] == ["1", "2"]
    idle = page.table("idle")
    why = {"zh": ("跳过", "缺少 lines.rxno", "停用"), "en": ("skipped", "missing lines.rxno", "disabled")}[lang]
    same = idle[f"{report.book['SAME'].name[lang]} SAME"]
    assert same[0] == f"○ {why[0]}" and same[2] == why[1]
    assert idle[f"{report.book['OFF'].name[lang]} OFF"][0] == f"○ {why[2]}" and len(idle) == 4


def test_findings_tell_evidence_and_rows(report, tmp_path: Path):
    page = page_of(report, tmp_path, "en")
    for row in report.text("en").to_pylist()[:3]:
        assert row["vola_cont"] in page.text and row["vola_evid"] in page.text
    rows = page.rows["findings"]
    assert ["offending", "S2", "1", "a", "2025-03-08", "20.00", "2", "20.00", "20.00"] in rows
    assert ["involved", "S1", "the visit", "—", "—", "—", "—", "0.00", "0.00"] in rows


def test_one_language_at_a_time(report, tmp_path: Path):
    english = page_of(report, tmp_path, "en").text
    assert not re.search("[\u4e00-\u9fff]", english.replace("市一院", "").replace("县医院", ""))
    chinese = page_of(report, tmp_path)
    assert "违规清单" in chinese.text and "Findings" not in chinese.text
    messages.use("en")
    report.to_html(tmp_path / "own.html", "zh")
    assert (tmp_path / "own.html").read_bytes() == (tmp_path / "zh.html").read_bytes() and messages.current() == "en"
    with pytest.raises(ValueError, match="zh, en"):
        report.to_html(tmp_path / "fr.html", "fr")


def test_the_page_stands_alone_and_is_the_same_again(report, tmp_path: Path):
    page = page_of(report, tmp_path)
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on") or name in ("src", "xlink:href")]
    assert all(str(value).startswith("#") for name, value in page.attributes if name == "href")
    assert "http:" not in page.source and "https:" not in page.source and "@import" not in page.source
    first = page.source
    assert page_of(checked(), tmp_path).source == first


EVIL = '"><script>alert(1)</script><img src=x onerror=alert(2)>'


def hostile() -> ybcore.CheckReport:
    lines = TABLES["lines"] | {"feedetl_sn": ["1", "</table>", "=1+1", "1"]}
    visits = TABLES["visits"] | {
        "psn_no": ["=cmd|'/C calc'!A0", "=cmd|'/C calc'!A0", "P2"],
        "mdtrt_id": [EVIL, "M\u202e2", "M\x003"],
        "fixmedins_code": ["H<1>", "@SUM(1)", "@SUM(1)"],
    }
    places = {
        "fixmedins_code": ["H<1>", "@SUM(1)"],
        "hosp_lv": ["01", "07"],
        "fixmedins_name": ["<b>市\u3000一院</b>", EVIL],
    }
    rules = RULES.replace("{zh: 名单药品, en: listed drug}", "{zh: '</style><i>名单', en: '{{ 7*7 }}<i>'}")
    suppress = [{"rule": "OFTEN", "psn_no": "P2", "reason": "<u>x</u>", "owner": "+owner", "expires": "2099-01-01"}]
    return checked(rules, lines=lines, visits=visits, institutions=places, suppress=suppress)


def test_hostile_data_stays_data(tmp_path: Path):
    page = page_of(hostile(), tmp_path)
    assert not {"script", "img", "i b", "u"} & set(page.tags) and "onerror" not in dict(page.attributes)
    assert page.tags.count("i") == page.source.count('<i aria-hidden="true">')  # the page's own signs and no other
    assert (
        EVIL in page.text
        and "<b>市\u3000一院</b>" in page.text
        and "</style><i>名单" in page.text
        and "<u>x</u>" in page.text
    )
    assert "=cmd|'/C calc'!A0" in page.text and "\u202e" not in page.source and "\x00" not in page.source
    assert "M\ufffd2" in page.text
    english = page_of(hostile(), tmp_path, "en")
    assert "{{ 7*7 }}<i>" in english.text and ">49<" not in english.source


def test_items_and_institutions_have_their_names(tmp_path: Path):
    items = {"med_list_codg": ["a", "b", "c"], "chrgitm_lv": ["01"] * 3, "name": ["阿莫西林", EVIL, None]}
    report = checked(catalog=ybcore.Catalog(items))
    page = page_of(report, tmp_path)
    rows = page.rows["findings"]
    assert ["违规", "S2", "1", "a 阿莫西林", "2025-03-08", "20.00", "2", "20.00", "20.00"] in rows
    assert "script" not in page.tags
    report.to_excel(tmp_path / "zh.xlsx")
    assert {row["项目名称"] for row in rows_of(tmp_path / "zh.xlsx", "违规明细")} == {"阿莫西林", EVIL, None}
    assert {row["机构名称"] for row in rows_of(tmp_path / "zh.xlsx", "违规")} == {"市一院", "县医院"}


def test_nothing_found_and_nothing_to_look_at(tmp_path: Path):
    quiet = checked(lines=TABLES["lines"] | {"med_list_codg": ["x", "y", "z", "w"]}, visits=TABLES["visits"] | {"psn_no": ["P1", "P2", "P3"]})  # fmt: skip
    page = page_of(quiet, tmp_path)
    assert page.by_id["n-findings"] == "0" and page.by_id["n-vola"] == "0.00"
    assert "没有计入的违规" in page.text and page.text.count("没有违规。") == 4
    bare = checked(
        lines=None, institutions=None, visits={name: values[:0] for name, values in TABLES["visits"].items()}
    )
    page = page_of(bare, tmp_path, "en")
    assert page.by_id["n-visits"] == page.by_id["n-lines"] == "0" and "No finding counts." in page.text
    lights = {row[0] for row in page.rows["rules"][1:]} | {row[0] for row in page.rows["idle"][1:]}
    assert all(light.strip().startswith("○") for light in lights)  # nothing was looked at, so nothing is green


AGE = "  - {id: AGE, name: {zh: 性别, en: gender}, kernel: K01, items: {prefix: [%s]}, check: {attribute: gend, barred: {codes: ['2']}}, amount: whole_line, disposition: %s, severity: %d, source: s}\n"


@pytest.mark.parametrize(
    ("items", "disposition", "severity", "gender", "more", "light"),
    [
        ("a", "deny", 3, ["2", "2", "2"], {}, "■ 违规"),
        ("a", "hold", 3, ["2", "2", "2"], {}, "■ 违规"),
        ("a", "warn", 1, ["2", "2", "2"], {}, "■ 违规"),
        ("a", "suspect", 2, ["2", "2", "2"], {}, "▲ 待核查"),
        ("a", "monitor", 3, ["2", "2", "2"], {}, "▲ 待核查"),
        ("a", "deny", 1, ["1", "1", "1"], {}, "● 未命中"),
        ("a", "deny", 1, ["1", "0", "1"], {}, "● 未命中（部分未知）"),
        ("q", "deny", 1, ["2", "2", "2"], {}, "○ 无适用行"),
        ("a", "deny", 1, ["2", "2", "2"], {"suppress": [{"rule": "AGE", "psn_no": "P1", **AGREED}]}, "○ 命中均不计入"),
    ],
)
def test_colours_by_rule(items, disposition, severity, gender, more, light, tmp_path: Path):
    rules = RULES[: RULES.index("rules:")] + "rules:\n" + AGE % (items, disposition, severity)
    page = page_of(checked(rules, visits=TABLES["visits"] | {"gend": gender}, **more), tmp_path)
    assert page.table("rules")["性别 AGE"][0] == light


def many(lines: int) -> ybcore.CheckReport:
    """As many findings as lines, of a thousand institutions and as many persons."""
    visits = 1000
    at = pa.array(range(lines))
    name = pc.cast(at, pa.string())
    place = pc.cast(pc.subtract(at, pc.multiply(pc.divide(at, visits), visits)), pa.string())
    fens = [100 + i % 977 for i in range(lines)]
    ids = [str(i) for i in range(visits)]
    tables = {
        "visits": {"setl_id": ids, "psn_no": [f"P{i}" for i in ids], "fixmedins_code": [f"H{i}" for i in ids], "med_type": ["11"] * visits, "setl_time": ["2025-03-01"] * visits},
        "lines": {"setl_id": place, "feedetl_sn": name, "med_list_codg": ["a"] * lines, "cnt": [10_000] * lines, "det_item_fee_sumamt": fens},
    }  # fmt: skip
    rules = RULES.splitlines(keepends=True)
    book = "".join(line for line in rules if "- {id:" not in line or "LISTED" in line)
    return ybcore.check(**{name: pa.table(table) for name, table in tables.items()}, rules=book, threads=1)


def test_a_hundred_thousand_findings_are_cut_and_said_so(tmp_path: Path):
    report = many(100_000)
    page = page_of(report, tmp_path, "en", top=50)
    assert page.by_id["n-findings"] == "100,000" and len(page.source) < 400_000
    assert "Listed are 50 of 100,000 findings" in page.text and page.tags.count("details") == 50
    rows = page.rows["by-fixmedins_code"][1:]
    assert len(rows) == 21 and rows[-1][0] == "others: 980" and "1,000 in all" in page.text
    cents = [int(row[3].replace(",", "").replace(".", "")) for row in rows]
    assert sum(cents) == pc.sum(report.findings["vola_amt"]).as_py() and cents[:20] == sorted(cents[:20], reverse=True)
    assert sum(int(row[1].replace(",", "")) for row in rows) == 100_000


def test_rows_of_one_finding_are_cut_and_said_so(tmp_path: Path):
    """40 lines in one visit, of which more than 12 yuan offends: the page lists 12 of them."""
    lines = {"setl_id": ["S1"] * 40, "feedetl_sn": [str(i) for i in range(40)], "med_list_codg": ["a"] * 40, "cnt": ["1"] * 40, "det_item_fee_sumamt": ["10.00"] * 40, "fee_ocur_time": ["2025-03-01"] * 40}  # fmt: skip
    page = page_of(checked(RULES.replace("shadow: true, ", ""), lines=lines), tmp_path)
    detail = [row for row in page.rows["findings"] if "另有" in row[0]]
    assert detail and detail[0][0].startswith("违规：另有")


# ---------------------------------------------------------------------------------------------- the workbook


def test_workbook_holds_the_findings(report, tmp_path: Path):
    report.to_excel(tmp_path / "en.xlsx", "en")
    names = openpyxl.load_workbook(tmp_path / "en.xlsx").sheetnames
    assert names == [
        "summary",
        "rules",
        "findings",
        "details",
        "institutions",
        "doctors",
        "persons",
        "levels",
        "not run",
    ]
    rows, words = rows_of(tmp_path / "en.xlsx", "findings"), report.text("en").to_pylist()
    assert len(rows) == len(report.findings) == 5
    for row, finding, told in zip(rows, report.findings.to_pylist(), words, strict=True):
        assert row["vola_amt (yuan)"] == finding["vola_amt"] / 100
        assert (row["what"], row["evidence"]) == (told["vola_cont"], told["vola_evid"])
        for name in ("jr_id", "rule_id", "psn_no", "setl_id", "mdtrt_id", "fixmedins_code", "rule_version"):
            assert row[name] == finding[name]
        assert row["counts"] == ("shadow" if finding["shadow"] else "counts") and row["recover_amt (yuan)"] is None
    often = next(row for row in rows if row["rule_id"] == "OFTEN")
    assert (str(often["begin"]), often["severity"]) == ("2025-03-01 00:00:00", "2 highly suspect")
    details = rows_of(tmp_path / "en.xlsx", "details")
    for row, given in zip(details, report.details.to_pylist(), strict=True):
        assert (row["jrd_id"], row["setl_id"], row["feedetl_sn"]) == (given["jrd_id"], given["setl_id"], given["feedetl_sn"])  # fmt: skip
        assert (row["paid_amt (yuan)"], row["vola_amt (yuan)"]) == (given["paid_amt"] / 100, given["vola_amt"] / 100)
        assert row["excess quantity"] == (None if given["cnt"] is None else given["cnt"] / 10_000)
    rules = {row["rule_id"]: row for row in rows_of(tmp_path / "en.xlsx", "rules")}
    assert rules["LISTED"]["colour"] == "■ violation" and rules["LISTED"]["paid_amt (yuan)"] == 30.5
    assert (
        rules["EMPTY"]["colour"] == "○ skipped" and rules["EMPTY"]["why it did not run"] == "table nothing has no rows"
    )
    assert [row["rule_id"] for row in rows_of(tmp_path / "en.xlsx", "not run")] == ["EMPTY", "SAME", "OFF"]
    (person,) = rows_of(tmp_path / "en.xlsx", "persons")
    assert (person["person"], person["findings"], person["vola_amt (yuan)"], person["share"]) == ("P1", 3, 30.5, 1)
    summary = dict(row[:2] for row in openpyxl.load_workbook(tmp_path / "en.xlsx")["summary"].values)
    assert (summary["findings that count"], summary["vola_amt (yuan)"], summary["paid_amt (yuan)"]) == (3, 30.5, 30.5)
    assert summary["recover_amt (yuan)"] == "not settled, so not known" and summary["rules skipped"] == 2


def test_workbook_is_made_to_be_used(report, tmp_path: Path):
    report.to_excel(tmp_path / "zh.xlsx")
    report.to_excel(tmp_path / "again.xlsx")
    assert (tmp_path / "zh.xlsx").read_bytes() == (tmp_path / "again.xlsx").read_bytes()
    book = openpyxl.load_workbook(tmp_path / "zh.xlsx")
    assert book.sheetnames == ["汇总", "规则", "违规", "违规明细", "机构", "医师", "人员", "等级", "未运行"]
    for name in book.sheetnames[1:]:
        sheet = book[name]
        assert sheet.freeze_panes == "A2" and sheet.auto_filter.ref.startswith("A1:")
        assert all(sheet.column_dimensions[letter].width > 6 for letter in "ABCD")
    sheet = book["违规"]
    head = [cell.value for cell in sheet[1]]
    money = sheet.cell(2, head.index("违规金额（元）") + 1)
    assert (money.data_type, money.number_format) == ("n", "#,##0.00")
    assert sheet.cell(2, head.index("人员编号") + 1).number_format == "@"
    assert book["机构"].cell(2, 7).number_format == "0.00%"
    assert {cell.value for cell in book["规则"]["D"][1:]} == {"运行", "跳过", "停用"}


def test_nothing_becomes_a_formula(tmp_path: Path):
    hostile().to_excel(tmp_path / "zh.xlsx")
    book = openpyxl.load_workbook(tmp_path / "zh.xlsx")
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert {cell.data_type for cell in cells} <= {"s", "n", "d"} and not [cell for cell in cells if cell.hyperlink]
    texts = {cell.value for cell in cells}
    assert {"=cmd|'/C calc'!A0", "@SUM(1)", EVIL, "+owner", "</style><i>名单"} <= texts


def test_more_rows_than_a_sheet_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sheets, "ROWS", 100)
    monkeypatch.setattr(workbook, "_CHUNK", 64)
    told = workbook.write_workbook(many(150), tmp_path / "en.xlsx", "en")
    assert [re.sub(r",.*", "", text) for text in told] == [
        "sheet 'findings' has 150 rows",
        "sheet 'details' has 150 rows",
        "sheet 'institutions' has 150 rows",
        "sheet 'persons' has 150 rows",
    ]
    assert len(rows_of(tmp_path / "en.xlsx", "findings")) == 100
    notes = [row[1] for row in openpyxl.load_workbook(tmp_path / "en.xlsx")["summary"].values if row[0] == "note"]
    assert notes == told


def test_a_place_that_cannot_be_written_to(report, tmp_path: Path):
    for write_it in (report.to_excel, report.to_html):
        with pytest.raises(OSError, match="nowhere"):
            write_it(tmp_path / "nowhere" / "file")


def test_a_long_text_fits_its_cell():
    assert len(sheets.held("长" * 40_000)) == sheets.LONGEST and sheets.held("短") == "短"


# ---------------------------------------------------------------------------------------------- asked for


def test_command_writes_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write(tmp_path)
    paths = ["--input", str(tmp_path / "data"), "--rules", str(tmp_path / "rules.yaml"), "--out", str(tmp_path / "out")]
    asked = ["--html", str(tmp_path / "new/page.html"), "--excel", str(tmp_path / "new/book.xlsx")]
    assert main(["check", *paths, *asked, "--lang", "en", "--threads", "1"]) == 0
    told = capsys.readouterr().err
    assert "HTML report: " in told and "Excel report: " in told
    assert Page(tmp_path / "new/page.html").by_id["n-vola"] == "30.50"
    assert len(rows_of(tmp_path / "new/book.xlsx", "findings")) == 5


@pytest.mark.parametrize(("module", "option", "extra"), [("jinja2", "--html", "report"), ("xlsxwriter", "--excel", "excel")])  # fmt: skip
def test_a_missing_library_is_told_before_the_work(module, option, extra, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, module, None)
    write(tmp_path)
    paths = ["--input", str(tmp_path / "data"), "--rules", str(tmp_path / "rules.yaml"), "--out", str(tmp_path / "out")]
    assert main(["check", *paths, option, str(tmp_path / "x")]) == 1
    assert f"pip install 'ybcore[{extra}]'" in capsys.readouterr().err and not (tmp_path / "out").exists()
