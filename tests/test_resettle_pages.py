"""A re-settlement as a page and as a workbook: every sum is that of the ledger to the fen, hostile labels stay text, nothing is cut silently."""

from __future__ import annotations

import csv
import json
import re
import subprocess
from pathlib import Path

import openpyxl
import pyarrow.compute as pc
import pytest
from pages import Page, rows_of
from resettle_small import make
from ybcore import messages
from ybcore.cli import main
from ybcore.cli.base import Session
from ybcore.cli.runs import held_run
from ybcore.ledger import DeniedLines, Persons, Refunds, resettle
from ybcore.ledger.deltas import PAYERS
from ybcore.ledger.document import load_changes
from ybcore.messages import CAUSES, yuan_text
from ybcore.report import resettled_book, resettled_page, sheets
from ybcore.report.resettled import SIDES, Signed, direction, figures, gather_examples, paired

EVIL = "</style><script>alert(1)</script><b onclick=x>"


@pytest.fixture(autouse=True)
def chinese(monkeypatch: pytest.MonkeyPatch):
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    yield
    messages.use("zh")


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("signed") / "town")


@pytest.fixture(scope="module")
def signed(town: Path) -> Signed:
    run = held_run(Session(quiet=True), town / "paid", 1).run
    document = load_changes(town / "changes.yaml")
    again = resettle(run, document.changes(run))
    hashes = ((("上次结算回执", "receipt of the previous run"), "ab" * 32),)
    return Signed(again, document, again.attribution("sequence"), gather_examples(again), hashes)


def page_of(signed: Signed, folder: Path, lang: str = "zh") -> Page:
    resettled_page.write_page(signed, folder / f"{lang}.html", lang)
    return Page(folder / f"{lang}.html")


def fen(text: str) -> int:
    """Yuan with separators and a sign → fen."""
    return int(text.replace(",", "").replace(".", "").replace("+", ""))


def folded(row: list[str]) -> list[str]:
    return [" ".join(cell.split()) for cell in row]


def ledger(signed: Signed, side: str, name: str) -> int:
    return sum(row[name] for row in signed.again.ledger.payers.to_pylist() if row["payer"] in SIDES[side])


# ---------------------------------------------------------------------------------------------- sums


def test_the_sides_hold_every_payer_once():
    assert sorted(payer for payers in SIDES.values() for payer in payers) == sorted(PAYERS)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_figures_on_the_page_are_those_of_the_ledger(signed: Signed, lang: str, tmp_path: Path):
    page = page_of(signed, tmp_path, lang)
    assert page.by_id == {
        "n-pay": yuan_text(ledger(signed, "funds", "to_pay")),
        "n-collect": yuan_text(ledger(signed, "funds", "to_collect")),
        "n-net": yuan_text(ledger(signed, "funds", "net")),
        "n-refund": yuan_text(ledger(signed, "own", "to_collect")),
        "n-persons": str(signed.again.deltas.persons.num_rows),
        "n-visits": str(signed.again.deltas.visits.num_rows),
    }
    total, others = {"zh": ("合计", "其余"), "en": ("total", "others:")}[lang]
    # Four tables of persons and payers, each with its own total that its rows add up to.
    tables, rows = [], []
    for row in map(folded, page.rows["parties"]):
        if len(row) == 2 and row[0] == total:
            tables.append((sum(rows), fen(row[1])))
            rows = []
        elif row[-1].replace(",", "").replace(".", "").isdigit():
            rows.append(fen(row[-1]))
    wanted = [ledger(signed, *which) for which in (("funds", "to_pay"), ("funds", "to_collect"), ("own", "to_collect"), ("own", "to_pay"))]  # fmt: skip
    assert tables == [(one, one) for one in wanted] and all(wanted)
    assert any(cell.startswith(others) for row in page.rows["parties"] for cell in map(str.strip, row))
    # Visits, reasons, institutions, changes: the net of funds is the third last figure with a sign, and adds up.
    nets = {"reasons": 6, "institutions": 5, "changes": 3}
    for section, column in nets.items():
        found = [folded(row) for row in page.rows[section] if len(row) > column]
        *parts, last = found[1:] if section != "reasons" else [row for row in found if len(row) == 10][1:]
        last_net = last[column] if section != "changes" else last[2]
        parts = [row for row in parts if not row[0].startswith(others)] + [r for r in parts if r[0].startswith(others)]
        assert sum(fen(row[column]) for row in parts) == fen(last_net) == ledger(signed, "funds", "net"), section
    told = [(row[6], row[7]) for row in map(folded, page.rows["reasons"]) if len(row) == 10][1:]
    told += [(row[5], row[6]) for row in map(folded, page.rows["institutions"])][1:]
    assert len(told) > len(CAUSES) + 10
    with messages.speaking(lang):
        assert all(word == direction("funds", fen(figure)) for figure, word in told)


def test_largest_changes_and_waterfall_add_up(signed: Signed, tmp_path: Path):
    page = page_of(signed, tmp_path)
    rows = [folded(row) for row in page.rows["largest"]][1:]
    *listed, rest, total = rows
    assert len(listed) == resettled_page.LISTED and rest[0].startswith("其余")
    assert sum(fen(row[4]) for row in listed) + fen(rest[1]) == fen(total[1]) == ledger(signed, "funds", "net")
    sizes = [abs(fen(row[4])) for row in listed]
    assert sizes == sorted(sizes, reverse=True)
    before, after = signed.fund_totals()
    assert after - before == ledger(signed, "funds", "net")
    bars = resettled_page._steps(signed, signed.reasons())["bars"]
    assert [bar["fen"] for bar in (bars[0], bars[-1])] == [before, after]
    assert before + sum(bar["fen"] for bar in bars[1:-1]) == after
    assert all(bar["left"] >= 0 and bar["left"] + bar["width"] <= resettled_page._WIDTH + 1 for bar in bars)
    for shown in (before, after):
        assert yuan_text(shown) in page.text


def test_every_reason_is_explained_and_agrees_with_the_run(signed: Signed, tmp_path: Path):
    assert [example["reason"] for example in signed.examples] == list(CAUSES)
    deltas = {row["setl_id"]: row for row in signed.again.deltas.visits.to_pylist()}
    page = page_of(signed, tmp_path)
    for example in signed.examples:
        row = deltas[example["setl_id"]]
        assert row["reason"] == example["reason"]
        for when in ("before", "after"):
            told = example[when]
            assert told is None or (told.compared > 30 and not told.differences)
        assert (example["before"] is None) == (row["kind"] == "added")
        for line in figures(example):
            assert line["step"] == row[line["column"]]
        assert f"结算 {example['setl_id']}" in page.text
        differ = [pair for pair in paired(example) if pair[2]]
        assert differ and all(old != new for old, new, _ in differ)
    denied = next(example for example in signed.examples if example["reason"] == "denied_line")
    assert denied["lines"][0]["reason_after"] == "denied" and "审核扣款" in page.text
    knock = next(example for example in signed.examples if example["reason"] == "knock_on")
    assert knock["because"] in page.text and not knock["lines"]
    assert page.text.count("不一致") == 0


def test_equal_lines_are_left_out_but_no_step():
    """A pencil's example of the fold."""
    from ybcore.report.resettled import _shortened

    texts = ["  head", " 1. step", *(f"    line {i}" for i in range(9)), " 2. step", "    end"]
    with messages.speaking("en"):
        short = [old for old, _, _ in _shortened([(t, t, False) for t in texts], 4)]
    assert short == ["  head", " 1. step", "    line 0", "    line 1", "    (6 lines that are the same are left out)", "    line 8", " 2. step", "    end"]  # fmt: skip


# ---------------------------------------------------------------------------------------------- words, safety, sameness


def test_one_language_at_a_time(signed: Signed, tmp_path: Path):
    zh, en = page_of(signed, tmp_path).text, page_of(signed, tmp_path, "en").text
    assert "应付与应收" in zh and "Who is owed" not in zh and "应补付" in zh and "应追回" in zh
    own = {text for entry in signed.document.entries for text in (entry.source, entry.note)} | {"北京市城镇职工基本医疗保险（2023）"}  # fmt: skip
    for text in sorted(own, key=len, reverse=True):
        en = en.replace(text, "") if text else en
    chinese = set(re.findall("[\u4e00-\u9fff]{2,}", en))
    names = {name for policy in signed.again.after.engine.book for name in re.findall("[\u4e00-\u9fff]{2,}", json.dumps(policy.doc, ensure_ascii=False))}  # fmt: skip
    assert chinese <= names, chinese - names
    assert "to pay" in en and "to collect" in en


def test_the_page_stands_alone_and_is_the_same_again(signed: Signed, tmp_path: Path):
    page = page_of(signed, tmp_path)
    first = (tmp_path / "zh.html").read_bytes()
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    assert all(str(value).startswith("#") for name, value in page.attributes if name == "href")
    assert not [name for name, _ in page.attributes if name.startswith("on") or name == "src"]
    page_of(signed, tmp_path)
    assert (tmp_path / "zh.html").read_bytes() == first
    for sha in (*(file.sha256 for entry in signed.document.entries for file in entry.files), "ab" * 32):
        assert sha in page.text
    assert "编制" in page.text and "复核" in page.text and "批准" in page.text


def test_hostile_labels_stay_text(town: Path, signed: Signed, tmp_path: Path):
    text = (town / "changes.yaml").read_text(encoding="utf-8")
    text = text.replace("zh: 退费冲销", f"zh: '{EVIL}'").replace("source: 经办台账", "source: '=1+1'")
    (town / "evil.yaml").write_text(text, encoding="utf-8")
    evil = Signed(signed.again, load_changes(town / "evil.yaml"), signed.attribution)
    page = page_of(evil, tmp_path)
    assert EVIL in page.text and "script" not in page.tags and "onclick" not in dict(page.attributes)
    resettled_book.write_workbook(evil, tmp_path / "x.xlsx")
    rows = rows_of(tmp_path / "x.xlsx", "归因")
    assert {row["变更"] for row in rows} >= {EVIL} and {row["来源"] for row in rows} >= {"=1+1"}
    cells = [cell for row in openpyxl.load_workbook(tmp_path / "x.xlsx")["归因"].iter_rows() for cell in row]
    assert not [cell for cell in cells if cell.data_type == "f" or cell.hyperlink]


def test_nothing_differs(signed: Signed, tmp_path: Path):
    run = signed.again.previous
    same = Signed(resettle(run, [Persons(run.tables["persons"].slice(0, 3))]))
    for lang, word in (("zh", "没有任何变动。"), ("en", "Nothing differs.")):
        page = page_of(same, tmp_path, lang)
        assert page.by_id["n-pay"] == page.by_id["n-collect"] == "0.00" and page.by_id["n-visits"] == "0"
        assert word in page.text
        assert resettled_book.write_workbook(same, tmp_path / f"{lang}.xlsx", lang) == []
    assert gather_examples(same.again) == ()
    (row,) = rows_of(tmp_path / "en.xlsx", "payers")
    assert (row["payer"], row["net (yuan)"]) == ("total", 0)


def test_no_document_is_needed(signed: Signed, tmp_path: Path):
    lines = signed.again.previous.tables["lines"]
    rows = lines.select(["setl_id", "feedetl_sn"]).slice(40, 10)
    again = resettle(signed.again.previous, [DeniedLines(rows)])
    again.to_html(tmp_path / "en.html", "en")
    page = Page(tmp_path / "en.html")
    assert "DeniedLines" in page.text and "Re-settlement" in page.text and "Changes, and what each moved" in page.text
    assert page.text.count("Checked:") == 2 * page.source.count('class="example"') > 0
    assert again.to_excel(tmp_path / "en.xlsx", "en") == []
    assert {row["change"] for row in rows_of(tmp_path / "en.xlsx", "attribution")} == {"DeniedLines", "total"}


# ---------------------------------------------------------------------------------------------- the workbook


@pytest.mark.parametrize(("lang", "total"), [("zh", "合计"), ("en", "total")])
def test_sums_in_the_workbook_are_those_of_the_ledger(signed: Signed, lang: str, total: str, tmp_path: Path):
    assert resettled_book.write_workbook(signed, tmp_path / "x.xlsx", lang) == []
    book = openpyxl.load_workbook(tmp_path / "x.xlsx")
    names = {"zh": ["汇总", "支付方", "人员", "机构", "结算", "明细", "原因", "归因", "示例"], "en": ["summary", "payers", "persons", "institutions", "visits", "lines", "reasons", "attribution", "examples"]}  # fmt: skip
    assert book.sheetnames == names[lang]
    again = signed.again
    held = {"payers": again.ledger.payers, "persons": again.ledger.persons, "institutions": again.ledger.institutions}
    for place, sheet in zip(names["en"], names[lang]):
        if place in ("summary", "examples"):
            continue
        head, *rows, last = book[sheet].values
        assert total in last and len(rows) == len(held.get(place, rows)), place
        money = [i for i, title in enumerate(head) if isinstance(last[i], (int, float)) and title not in ("人数",)]
        assert money
        for i in money:
            # In fen, exactly: what is written is the nearest float of a whole number of fen.
            assert sum(round(row[i] * 100) for row in rows if row[i] is not None) == round(last[i] * 100), (
                place,
                head[i],
            )
        assert book[sheet].freeze_panes == "A2" and book[sheet].auto_filter.ref.startswith("A1:")
        assert book[sheet].auto_filter.ref.endswith(str(len(rows) + 1))  # the sums stay where they are
    for place, table in held.items():
        sheet = book[names[lang][names["en"].index(place)]]
        last = list(sheet.values)[-1]
        sums = [pc.sum(table[name]).as_py() for name in ("to_pay", "to_collect", "net")]
        assert [round(value * 100) for value in last if isinstance(value, (int, float))] == sums
    visits = list(book[names[lang][4]].values)
    column = {title.split(" ")[-1]: i for i, title in enumerate(visits[0])}
    for payer in PAYERS:
        whole = pc.sum(again.deltas.visits[payer]).as_py()
        assert round(visits[-1][column[payer]] * 100) == whole
    moved = list(book[names[lang][7]].values)
    assert round(moved[-1][6] * 100) == pc.sum(again.ledger.payers["net"]).as_py()
    pairs = dict(row[:2] for row in book[names[lang][0]].values)
    label = {"zh": "基金净额（元）", "en": "funds, net (yuan)"}[lang]
    assert round(pairs[label] * 100) == ledger(signed, "funds", "net")
    money = book[names[lang][2]].cell(2, 4)
    assert money.number_format == "#,##0.00" and book[names[lang][2]].cell(2, 1).number_format == "@"


def test_examples_in_the_workbook(signed: Signed, tmp_path: Path):
    resettled_book.write_workbook(signed, tmp_path / "x.xlsx", "en")
    rows = rows_of(tmp_path / "x.xlsx", "examples")
    assert {row["setl_id"] for row in rows} == {example["setl_id"] for example in signed.examples}
    for row in rows:
        if row["figure"]:
            step = round(row["difference (yuan)"] * 100)
            assert step == round(row["after (yuan)"] * 100) - round(row["before (yuan)"] * 100)
            assert (row["differs"] == "≠") == (step != 0)
    assert sum("Checked:" in str(row["after"]) for row in rows) == len(signed.examples)


def test_more_rows_than_a_sheet_holds_stand_in_a_file_beside(signed: Signed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # fmt: skip
    monkeypatch.setattr(sheets, "ROWS", 100)
    monkeypatch.setattr(resettled_book, "_CHUNK", 64)
    told = resettled_book.write_workbook(signed, tmp_path / "x.xlsx", "en")
    again = signed.again
    large = {"persons": again.ledger.persons, "visits": again.deltas.visits, "lines": again.deltas.lines}
    large = {name: table for name, table in large.items() if table.num_rows > 99}
    assert {"visits", "lines"} <= set(large)
    assert {p.name for p in tmp_path.glob("*.csv")} == {f"x-{name}.csv" for name in (*large, "examples")}
    notes = [row[1] for row in openpyxl.load_workbook(tmp_path / "x.xlsx")["summary"].values if row[0] == "note"]
    assert told and [text for text in told if "in x-" in text] == notes
    for name, table in large.items():
        _, *rows, last = openpyxl.load_workbook(tmp_path / "x.xlsx")[name].values
        assert len(rows) == 99
        with open(tmp_path / f"x-{name}.csv", encoding="utf-8-sig", newline="") as file:
            head, *whole, end = csv.reader(file)
        assert len(whole) == table.num_rows and "total" in end
        for i, (title, shown) in enumerate(zip(head, last)):
            if isinstance(shown, float) or (isinstance(shown, int) and "(yuan)" in title):
                assert sum(fen(row[i]) for row in whole) == fen(end[i]) == round(shown * 100), (name, title)


# ---------------------------------------------------------------------------------------------- as people open it


def test_a_browser_opens_the_page(signed: Signed, tmp_path: Path, need_program):
    """It is drawn, and prints on A4; nothing is fetched and nothing complains."""
    resettled_page.write_page(signed, tmp_path / "zh.html", "zh")
    words = [
        need_program("chromium"),
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={tmp_path / 'profile'}",
    ]
    told = subprocess.run([*words, "--dump-dom", f"file://{tmp_path / 'zh.html'}"], capture_output=True, text=True, timeout=120, check=True)  # fmt: skip
    assert yuan_text(ledger(signed, "funds", "net")) in told.stdout and told.stdout.count("<article") == len(CAUSES)
    pdf = tmp_path / "zh.pdf"
    subprocess.run([*words, "--no-pdf-header-footer", f"--print-to-pdf={pdf}", f"file://{tmp_path / 'zh.html'}"], capture_output=True, timeout=120, check=True)  # fmt: skip
    sizes = re.findall(rb"/MediaBox\s*\[0 0 (\d+)[\d.]* (\d+)", pdf.read_bytes())
    assert sizes and set(sizes) <= {(b"594", b"841"), (b"595", b"842"), (b"595", b"841"), (b"594", b"842"), (b"596", b"842"), (b"596", b"841")}  # fmt: skip


def test_the_command_writes_both(town: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    words = ["--previous", str(town / "paid"), "--changes", str(town / "changes.yaml"), "--out", str(tmp_path / "out")]
    files = ["--html", str(tmp_path / "new/page.html"), "--excel", str(tmp_path / "new/book.xlsx")]
    assert main(["--lang", "en", "resettle", *words, *files, "--threads", "1", "--json"]) == 0
    told = capsys.readouterr()
    data = json.loads(told.out)
    assert "HTML report: " in told.err and "Excel report: " in told.err
    page = Page(tmp_path / "new/page.html")
    assert page.by_id["n-net"] == yuan_text(data["totals_fen"]["funds"]["net"])
    assert len(data["sha256"]) == 8 and all(sha in page.text for sha in data["sha256"].values())
    assert rows_of(tmp_path / "new/book.xlsx", "payers")[-1]["net (yuan)"] == data["totals_fen"]["all"]["net"] / 100  # fmt: skip
    assert sum(row["net"] for row in data["attribution"]["changes"]) == data["totals_fen"]["all"]["net"]
    assert sum(row["funds"]["net"] for row in data["reasons"]) == data["totals_fen"]["funds"]["net"]


@pytest.mark.parametrize(("module", "option", "extra"), [("jinja2", "--html", "report"), ("xlsxwriter", "--excel", "excel")])  # fmt: skip
def test_a_missing_library_is_told_before_the_work(module, option, extra, town, tmp_path, monkeypatch, capsys):
    import sys

    monkeypatch.setitem(sys.modules, module, None)
    words = ["--previous", str(town / "paid"), "--changes", str(town / "changes.yaml"), "--out", str(tmp_path / "out")]
    assert main(["resettle", *words, option, str(tmp_path / "x")]) == 1
    assert f"pip install 'ybcore[{extra}]'" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_directions_are_words():
    with messages.speaking("en"):
        assert [direction(*one) for one in (("funds", 1), ("funds", -1), ("own", 1), ("own", -1), ("funds", 0))] == ["to pay", "to collect", "owes", "is owed", "even"]  # fmt: skip
    assert [direction(*one) for one in (("funds", 1), ("funds", -1), ("own", 1), ("own", -1))] == ["应补付", "应追回", "应补缴", "应退还"]  # fmt: skip


# ---------------------------------------------------------------------------------------------- what is not settled


@pytest.fixture(scope="module")
def refused(town: Path) -> Signed:
    """The refunds, and once more under other ids."""
    run = held_run(Session(quiet=True), town / "paid", 1).run
    asked = load_changes(town / "changes.yaml").changes(run)[1].visits
    ids = asked["setl_id"].cast("string")
    more = asked.set_column(0, "setl_id", pc.binary_join_element_wise(ids, "again", "-"))
    again = resettle(run, [Refunds(asked), Refunds(more)])
    return Signed(again)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_visits_that_are_not_settled_are_named(refused: Signed, tmp_path: Path, lang: str):
    """Three refunds come twice: the second ones are refused, and that is said on the terminal, the page and in the workbook."""
    told = {"outcome": "rejected", "reason": "already_reversed", "added": 3, "changed": 0}
    assert refused.refusals() == [told] and refused.head()["refused"] == 3
    page = page_of(refused, tmp_path, lang)
    assert (
        len([row for row in page.rows["refused"] if "already_reversed" in " ".join(row)]) == 4
    )  # the last one is their sum
    resettled_book.write_workbook(refused, tmp_path / "x.xlsx", lang)
    book = openpyxl.load_workbook(tmp_path / "x.xlsx", read_only=True)
    words = {
        "zh": "未能结算：拒收 already_reversed 原结算已冲销",
        "en": "not settled: rejected already_reversed the original was reversed before",
    }
    assert [row[1] for row in book.worksheets[0].iter_rows(values_only=True) if row[0] == words[lang]] == [3]
