"""The page of one settlement: what it draws is what it says, it opens offline, and it fits a phone."""

from __future__ import annotations

import json
import re
import subprocess
from fractions import Fraction
from pathlib import Path

import pyarrow as pa
import pytest
from cases import golden
from pages import Page
from services import POLICY as SERVED
from services import RULES, visit
from test_waterfall import explained
from ybcore import Catalog, Engine, load_book, load_rules, messages
from ybcore.cli import main
from ybcore.explain import Explanation, explain
from ybcore.messages import yuan_text
from ybcore.report.explained_page import WIDE, write_page
from ybcore.report.waterfall import charts, exact_text

GOLDEN = Path(__file__).resolve().parent / "golden"
POLICY = """\
format: ybcore-policy/1
id: shown
scheme: {id: shown, region: "*", insutype: ["310"]}
effective: {from: 2024-01-01}
accounts: {pay: last}
plans:
  - id: inpatient
    layers:
      - {id: basic, basic: true, payer: hifp_pay, cite: "第八条 <script>", deductible: {amount: 1300}, bands: {origin: including, steps: [{to: 10000, rate: 0.8}, {to: open, rate: 0.9}]}, ceilings: [{on: fund, limit: 20000, per: year}]}
      - {id: critical, payer: hifmi_pay, base: [deductible, copay, over_ceiling], deductible: {amount: 5000}, rate: 0.6}
"""
VISITS = "setl_id,psn_no,insutype,med_type,setl_time,fulamt_ownpay_amt,preselfpay_amt,inscp_scp_amt,balc\nS1,P1,310,21,2024-05-01,12.34,200.01,40000.03,77.77\n"


@pytest.fixture(scope="module")
def told() -> list[Explanation]:
    """Settlements with five payers, an account, a hospital's part, a ceiling, a reversal, a package and a grid."""
    names = [path for path in sorted(GOLDEN.iterdir()) if path.name.split("-")[0] in ("a2", "b4", "d1", "f4", "i1", "i8", "k1", "l7", "o1", "q1", "r1", "t4", "t7", "y2")]  # fmt: skip
    return [one for folder in names for one in explained(golden(folder))]


@pytest.fixture
def given(tmp_path: Path) -> list[str]:
    (tmp_path / "policy.yaml").write_text(POLICY, encoding="utf-8")
    (tmp_path / "visits.csv").write_text(VISITS, encoding="utf-8")
    return ["--policy", str(tmp_path / "policy.yaml"), "--visits", str(tmp_path / "visits.csv"), "--setl-id", "S1", "--threads", "1"]  # fmt: skip


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_bars_are_as_long_as_the_figures_beside_them(told: list[Explanation], lang: str, tmp_path: Path):
    for one in told:
        write_page(one, tmp_path / "x.html", lang)
        page = Page(tmp_path / "x.html")
        with messages.speaking(lang):
            drawn = charts(one)
            assert page.by_id.get("n-cash") == (yuan_text(one.row["psn_cash_pay"]) if drawn else None)
            sections = re.findall(r'<section id="(?:natures|layer|cash)-\d+">.*?</section>', page.source, re.S)
            assert len(sections) == len(drawn)
            for section, chart in zip(sections, drawn):
                rows = re.findall(r'<li class="(\w+)">.*?<rect class="\1" x="(\d+)" y="4" width="(\d+)".*?class="amount">(.*?)</span>', section, re.S)  # fmt: skip
                assert [text.lstrip("= +") for *_, text in rows] == [exact_text(step.amount) for step in chart.steps]
                most = max((abs(edge) for step in chart.steps for edge in (step.start, step.end)), default=Fraction(0))
                for (_, x, width, _), step in zip(rows, chart.steps):
                    if most and chart.key == "layer":
                        low, high = sorted((abs(step.start), abs(step.end)))
                        assert abs(Fraction(int(x), WIDE) - low / most) * WIDE <= 1
                        assert abs(Fraction(int(width), WIDE) - (high - low) / most) * WIDE <= 1


def test_the_page_asks_nothing_of_the_network_and_marks_up_nothing(given: list[str], tmp_path: Path):
    assert main(["explain", *given, "--format", "html", "--out", str(tmp_path / "x.html"), "--lang", "en"]) == 0
    page = Page(tmp_path / "x.html")
    assert not {"script", "link", "img", "iframe"} & set(page.tags) and "第八条 &lt;script&gt;" in page.source
    assert not [value for name, value in page.attributes if name in ("src", "href", "style") and value]
    assert "every column" in page.text and "band (10,000.00, 40,000.03], the person's part" in page.text


def test_text_json_and_html_tell_the_same(given: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    outs = {}
    for form in ("text", "json", "html"):
        assert main(["explain", *given, "--format", form, "--lang", "zh"]) == 0
        outs[form] = capsys.readouterr().out
    data = json.loads(outs["json"])
    cash = yuan_text(data["row"]["psn_cash_pay"])
    assert (
        data["charts"][-1]["steps"][-1]["yuan"] == cash and f"个人现金 {cash}" in outs["text"] and cash in outs["html"]
    )
    assert main(["explain", *given, "--json", "--lang", "zh"]) == 0
    assert capsys.readouterr().out == outs["json"]


def test_a_browser_draws_it_at_the_width_of_a_phone(given: list[str], tmp_path: Path, need_program):
    """Nothing is wider than the screen, in either language, and figures are where a person reads them."""
    frames = ""
    for lang in ("zh", "en"):
        assert (
            main(["explain", *given, "--format", "html", "--out", str(tmp_path / f"{lang}.html"), "--lang", lang]) == 0
        )
        frames += f'<iframe src="{lang}.html" width="360" height="800"></iframe>'
    script = "onload = () => { for (const f of document.querySelectorAll('iframe')) { const d = f.contentDocument; document.body.append(` ${d.documentElement.lang} ${d.documentElement.scrollWidth} ${d.querySelector('#n-cash').getBoundingClientRect().right < 360} ${d.querySelectorAll('svg rect').length}`) } }"
    (tmp_path / "both.html").write_text(f"<body>{frames}<script>{script}</script>", encoding="utf-8")
    words = [need_program("chromium"), "--headless=new", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files", f"--user-data-dir={tmp_path / 'profile'}"]  # fmt: skip
    done = subprocess.run([*words, "--virtual-time-budget=2000", "--dump-dom", f"file://{tmp_path / 'both.html'}"], capture_output=True, text=True, timeout=120, check=True)  # fmt: skip
    found = re.findall(r" (zh-CN|en) (\d+) (true|false) (\d+)", done.stdout)
    assert [(lang, int(wide) <= 360, fits) for lang, wide, fits, _ in found] == [
        ("zh-CN", True, "true"),
        ("en", True, "true"),
    ]
    assert all(int(count) > 30 for *_, count in found)


def test_the_missing_library_is_told_before_the_work(given: list[str], monkeypatch, capsys):
    import sys

    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert main(["explain", *given, "--format", "html"]) == 1
    assert "pip install 'ybcore[report]'" in capsys.readouterr().err


def test_fee_lines_and_what_rules_moved_stand_on_the_page(tmp_path: Path):
    """The lines add up to the bill line by line, and the finding tells what it moved and why."""
    catalog = Catalog(
        pa.table({"med_list_codg": ["A1", "B1"], "chrgitm_lv": ["01", "02"], "selfpay_prop": ["0", "0.1"]})
    )
    lines = {"setl_id": ["V001-0001"] * 2, "feedetl_sn": ["L1", "L2"], "med_list_codg": ["A1", "B1"], "det_item_fee_sumamt": [12_345, 20_000]}  # fmt: skip
    one = visit(1, 1) | {"med_type": "11"}
    tables: dict[str, pa.Table | None] = {"visits": pa.Table.from_pylist([one]), "lines": pa.table(lines), "persons": None, "institutions": None, "acct_events": None}  # fmt: skip
    book = load_book(SERVED)
    done = Engine(book, catalog, threads=1).settle(tables["visits"], tables["lines"], rules=load_rules(RULES))
    told = explain("V001-0001", book, tables, catalog, done.visits, done.checks)
    assert not told.differences and [item["amount"] for item in told.moved] == [12_345]
    for lang, words in (("zh", "限住院使用"), ("en", "for inpatients only")):
        write_page(told, tmp_path / "x.html", lang)
        page = Page(tmp_path / "x.html")
        rows = page.rows["lines"]
        assert (
            f"T1 {words}" in page.text and rows[-1][1] == yuan_text(done.visits["medfee_sumamt"][0].as_py()) == "323.45"
        )
        for row in rows[1:]:
            amounts = [Fraction(cell.replace(",", "").replace("—", "0")) for cell in row[1:6]]
            assert amounts[0] == sum(amounts[1:])
