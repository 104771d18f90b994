"""Studies: their figures are those of settling by hand; page, workbook, pictures and receipt say the same; the same bytes in every run."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from browser import browser
from pages import Page, rows_of
from simulate_small import RULES
from study_small import CITY, EVIL, LAYER, ROOT, STUDY, write
from ybcore import Catalog, Engine, load_book, messages
from ybcore.checks import RuleBook, load_rules
from ybcore.checks.check import check
from ybcore.checks.settled import lines_left
from ybcore.cli import main
from ybcore.messages import yuan_text
from ybcore.report import charts, studied_book, studied_page
from ybcore.report.studied import Studied
from ybcore.report.studied_charts import pictures
from ybcore.simulate import Reform, StudyRun, load_study, reformed, run_study
from ybcore.simulate.studyreceipt import documents_of
from ybcore.synth import city

DEDUCTIBLE = f"{LAYER}.deductible.amount"
SCHEME = {"scheme": "luoyang-resident"}
UP = Reform.of("up", [{**SCHEME, "path": DEDUCTIBLE, "add": 300}])
NEAR = Reform.of("near", [{**SCHEME, "path": "plans[inpatient_community].layers[basic].rate", "points": 5}])


@pytest.fixture(autouse=True)
def chinese(monkeypatch: pytest.MonkeyPatch):
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    yield
    messages.use("zh")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> StudyRun:
    return run_study(load_study(write(tmp_path_factory.mktemp("study"))), threads=2)


class ByHand:
    """The same city settled under a book, without `compare`."""

    def __init__(self) -> None:
        town = city(**CITY, insutypes={"390": 1})
        batch = town.visits()
        self.tables = {"visits": batch.visits, "lines": batch.lines, "persons": town.persons, "institutions": town.institutions, "acct_events": town.acct_events}  # fmt: skip
        self.book, self.catalog = load_book(ROOT / "data/policies/luoyang-resident"), Catalog(*town.catalog)

    def rows(self, *reforms: Reform, rules: RuleBook | None = None) -> list[dict]:
        made, tables = reformed(self.book, reforms, catalog=self.catalog, rules=rules), self.tables
        if made.rules is not None:
            looked = {name: held for name, held in tables.items() if name != "acct_events"}
            tables = {
                **tables,
                "lines": lines_left(check(**looked, rules=made.rules, catalog=made.catalog, stage="during")),
            }
        found = Engine(made.book, made.catalog).settle(**tables, receipt=False, closing_state=False).visits.to_pylist()
        return [row for row in found if row["outcome"] in ("settled", "no_benefit")]

    def sum(self, column: str, *reforms: Reform, rules: RuleBook | None = None) -> int:
        return sum(row[column] for row in self.rows(*reforms, rules=rules))

    @property
    def common(self) -> str:
        """The item with most lines."""
        used = self.tables["lines"]["med_list_codg"].value_counts().to_pylist()
        return max(used, key=lambda row: (row["counts"], row["values"] or ""))["values"]


@pytest.fixture(scope="module")
def by_hand() -> ByHand:
    return ByHand()


def set_to(value: int) -> Reform:
    return Reform.of("set", [{**SCHEME, "path": DEDUCTIBLE, "set": str(value)}])


# ---------------------------------------------------------------------------------------------- figures


def test_policies_are_the_base_the_alternatives_and_the_package(run: StudyRun, by_hand: ByHand):
    rows = {row["policy"]: row for row in run.table("overview").to_pylist()}
    for name, reforms in (("base", ()), ("one", (UP,)), ("package", (UP, NEAR))):
        settled = by_hand.rows(*reforms)
        for column in ("fund_pay_sumamt", "psn_cash_pay", "medfee_sumamt"):
            assert rows[name][column] == sum(row[column] for row in settled), (name, column)
        assert rows[name]["visits"] == len(settled)
    assert len({row["fund_pay_sumamt"] for row in rows.values()}) == 3


def test_contributions_add_up_to_the_change(run: StudyRun, by_hand: ByHand):
    rows = [row for row in run.table("attribution").to_pylist() if row["measure"] == "total fund_pay_sumamt"]
    before, up, near, after = (row["amount_fen"] for row in rows)
    assert before + up + near == after and (before, after) == (by_hand.sum("fund_pay_sumamt"), by_hand.sum("fund_pay_sumamt", UP, NEAR))  # fmt: skip
    alone = [by_hand.sum("fund_pay_sumamt", each) - before for each in (UP, NEAR)]
    joint = after - before
    # Shapley of two: the mean of first and second place.
    assert abs(up - Fraction(alone[0] + joint - alone[1], 2)) <= 1 and up < 0 < near
    ratio = [Fraction(row["exact"]) for row in run.table("attribution").to_pylist() if row["measure"].startswith("ratio")]  # fmt: skip
    assert ratio[0] + ratio[1] + ratio[2] == ratio[3] and all(row["amount_fen"] is None for row in run.table("attribution").to_pylist()[4:])  # fmt: skip


def test_sweeps_turn_knobs_on_the_policy_that_they_name(run: StudyRun, by_hand: ByHand):
    rows = [row for row in run.table("sweep-line").to_pylist() if row["measure"] == "total fund_pay_sumamt"]
    assert [row["deductible"] for row in rows] == [None, 600, 900, 1200, 1500, 1800]
    assert int(rows[0]["exact"]) == by_hand.sum("fund_pay_sumamt", UP, NEAR)
    assert int(rows[2]["exact"]) == by_hand.sum("fund_pay_sumamt", UP, NEAR, set_to(900))
    drawn = run.table("sweep-drawn").to_pylist()
    assert len(drawn) == 5 and all(0.5 <= float(row["rate"]) <= 0.6 for row in drawn[1:])
    assert Fraction(drawn[0]["exact"]) == Fraction(by_hand.sum("fund_pay_sumamt"), by_hand.sum("inscp_scp_amt"))


def test_a_target_is_met_as_near_as_the_knob_goes(run: StudyRun, by_hand: ByHand):
    neutral, reserve = run.table("targets").to_pylist()
    goal = by_hand.sum("fund_pay_sumamt")
    assert int(neutral["goal"]) == goal and (neutral["on"], reserve["on"]) == ("package", "base")
    low, high = (by_hand.sum("fund_pay_sumamt", UP, NEAR, set_to(int(neutral[end]))) for end in ("low", "high"))
    assert (int(neutral["at_low"]), int(neutral["at_high"])) == (low, high) and low >= goal > high
    assert neutral["high"] - neutral["low"] == 25
    assert neutral["value"] == neutral["low" if low - goal <= goal - high else "high"]
    assert Fraction(reserve["at_low"]) < 0 <= Fraction(reserve["at_high"]) and reserve["high"] - reserve["low"] == 200
    assert {row["target"] for row in run.table("targets-looked").to_pylist()} == {"neutral", "reserve"}


def test_the_fund_begins_with_what_each_policy_paid(run: StudyRun, by_hand: ByHand):
    rows = run.table("fund").to_pylist()
    assert {(row["policy"], row["scenario"]) for row in rows} == {(p, s) for p in ("base", "one", "package") for s in ("base", "dear")}  # fmt: skip
    first = {row["policy"]: row["spending"] for row in rows if row["year"] == 2024}
    assert first == {"base": by_hand.sum("hifp_pay"), "one": by_hand.sum("hifp_pay", UP), "package": by_hand.sum("hifp_pay", UP, NEAR)}  # fmt: skip


def test_visits_answer_as_respond_has_them(run: StudyRun, by_hand: ByHand):
    from ybcore.simulate import Behaviour, Spending, respond

    rows = {(row["times"], row["policy"]): row for row in run.table("behaviour").to_pylist()}
    assert {times for times, _ in rows} == {"0", "0.5", "1", "2"}
    still = {row["policy"]: row for row in run.table("overview").to_pylist()}
    for times in ("0", "0.5", "1", "2"):
        assert rows[times, "base"]["fund_pay_sumamt"] == still["base"]["fund_pay_sumamt"]
    assert rows["0", "package"]["psn_cash_pay"] == still["package"]["psn_cash_pay"]
    engine = Engine(by_hand.book, by_hand.catalog)
    held = Behaviour({"inpatient": "-0.6"}, seed=3)
    own = respond(engine, by_hand.tables, {"package": reformed(by_hand.book, (UP, NEAR))}, [Spending()], held)
    double = own.table("spending").to_pylist()[1]
    assert {name: rows["2", "package"][name] for name in double} == double
    assert [row["group"] for row in run.table("behaviour-answers").to_pylist() if row["elasticity"] == "-3/10"] == ["inpatient"]  # fmt: skip


def test_reforms_of_the_catalogue_are_settled_and_told(by_hand: ByHand, tmp_path: Path):
    item = by_hand.common
    text = STUDY[: STUDY.index("alternatives:")].replace("- file: reform.yaml", f"- {{id: off, changes: [{{item: '{item}', remove: true}}]}}")  # fmt: skip
    made = run_study(load_study(write(tmp_path, text)))
    base, package = made.table("overview").to_pylist()
    assert package["inscp_scp_amt"] < base["inscp_scp_amt"] and package["medfee_sumamt"] == base["medfee_sumamt"]
    with messages.speaking("en"):
        told = Studied(made).changes()[0]["rows"]
    assert told and all(item in row["path"] for row in told) and max(row["lines_read"] for row in told) > 0


RULED = f"""format: ybcore-study/1
id: ruled
policy: [{ROOT}/data/policies/luoyang-resident]
rules: rules.yaml
{STUDY[STUDY.index("inputs:") : STUDY.index("people:")]}reforms:
  - {{id: dearer, changes: [{{item: "@item@", path: chrgitm_lv, set: "03"}}]}}
  - {{id: fewer, changes: [{{rules: few, path: parameters.most, set: 1}}, {{rule: DEAR, path: status, set: disabled}}]}}
alternatives: [{{id: items, reforms: [dearer]}}, {{id: rules, reforms: [fewer]}}]
unread: true
attribution: {{measures: [{{total: fund_pay_sumamt}}]}}
sweeps: [{{id: line, on: package, knobs: [{{scheme: luoyang-resident, path: "{DEDUCTIBLE}", values: [900, 1500]}}], measures: [{{total: fund_pay_sumamt}}]}}]
targets: [{{id: neutral, on: rules, knob: {{id: line, scheme: luoyang-resident, path: "{DEDUCTIBLE}", span: [0, 3000, 500]}}, measure: {{total: fund_pay_sumamt}}, target: "@target@"}}]
outputs: {{workbook: false, pictures: []}}
"""


def test_rules_are_a_stage_of_settlement_and_reforms_of_them_are_told(by_hand: ByHand, tmp_path: Path, need_font: str, monkeypatch: pytest.MonkeyPatch):  # fmt: skip
    item, rules = by_hand.common, load_rules(RULES)
    dearer = Reform.of("dearer", [{"item": item, "path": "chrgitm_lv", "set": "03"}])
    fewer = Reform.of("fewer", [{"rules": "few", "path": "parameters.most", "set": 1}, {"rule": "DEAR", "path": "status", "set": "disabled"}])  # fmt: skip
    line = {value: Reform.of("line", [{**SCHEME, "path": DEDUCTIBLE, "set": str(value)}]) for value in (900, 1500, 2000, 2500)}  # fmt: skip
    sums = {
        name: by_hand.sum("fund_pay_sumamt", *reforms, rules=rules)
        for name, reforms in {"base": (), "items": (dearer,), "rules": (fewer,), "package": (dearer, fewer), 900: (dearer, fewer, line[900]), 2000: (fewer, line[2000]), 2500: (fewer, line[2500])}.items()
    }  # fmt: skip
    goal = Fraction(sums[2000] + sums[2500], 200)
    (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
    text = RULED.replace("@item@", item).replace("@target@", f"{float(goal):.3f}")
    made = run_study(load_study(write(tmp_path, text)))
    assert {row["policy"]: row["fund_pay_sumamt"] for row in made.table("overview").to_pylist()} == {name: sums[name] for name in ("base", "items", "rules", "package")}  # fmt: skip
    assert len(set(sums.values())) == len(sums) and sums["base"] != by_hand.sum("fund_pay_sumamt")
    before, *amounts, after = made.table("attribution")["amount_fen"].to_pylist()
    assert (before, after) == (sums["base"], sums["package"]) and before + sum(amounts) == after and all(amounts)
    assert [int(exact) for exact in made.table("sweep-line")["exact"].to_pylist()][:2] == [sums["package"], sums[900]]
    (proof,) = made.table("targets").to_pylist()
    assert [(int(proof[end]), int(proof[f"at_{end}"])) for end in ("low", "high")] == [(2000, sums[2000]), (2500, sums[2500])]  # fmt: skip
    told = [(row["reform"], row["item"] or row["rule"], row["path"], row["after"]) for row in made.table("changes").to_pylist()]  # fmt: skip
    assert told == [("dearer", item, "items.chrgitm_lv", "03"), ("fewer", "few", "parameters.most", "1"), ("fewer", "DEAR", "status", "disabled"), ("fewer", "DEAR", "reason", "fewer")]  # fmt: skip
    lines = {row["path"]: row["lines_read"] for row in made.table("changes").to_pylist()}
    counted = {row["setl_id"] for row in by_hand.rows(dearer)}
    lines_of = zip(*(by_hand.tables["lines"][name].to_pylist() for name in ("setl_id", "med_list_codg")))
    assert lines["items.chrgitm_lv"] == sum(code == item and visit in counted for visit, code in lines_of)
    assert lines["parameters.most"] > 0
    documents = documents_of(made)
    assert documents["rules"]["sha256"] == rules.sha256 and documents["rules"]["moved_fen"] > 0
    assert documents["totals_fen"]["fund_pay_sumamt"] == sums["base"]
    assert "rules.yaml" in {row["path"] for row in documents["inputs"]}
    hashes = {row["id"]: (row.get("catalog"), row.get("rules")) for row in documents["policies"]}
    package = made.package
    assert package is not None and package.catalog is not None and package.rules is not None
    assert hashes["package"] == (package.catalog.hash, package.rules.sha256) != hashes["items"]
    monkeypatch.setattr(studied_page, "pictures", lambda studied: {})  # charts say nothing of what changes
    studied_page.write_page(made, tmp_path / "x.html", need_font, "en")
    page = Page(tmp_path / "x.html")
    rows = {row[0]: row[1:] for row in page.rows["changes"] if row}
    assert rows["few parameters.most"][:2] == ["3", "1"] and rows["DEAR reason"][:2] == ["—", "fewer"]
    assert rows[f"{item} items.chrgitm_lv"][1] == "03" and "None" not in page.text and rules.sha256 in page.text


def test_people_are_in_tenths_of_their_income_by_weight(run: StudyRun):
    held = run.given.people.table.sort_by("income").to_pylist()
    places = [row["income_decile"] for row in held]
    assert places == sorted(places) and set(places) == set(range(1, 11))
    whole = sum(row["weight"] for row in held)
    for k in range(1, 11):
        assert abs(sum(row["weight"] for row in held if row["income_decile"] == k) - whole / 10) <= 3
    winners = [row for row in run.table("winners").to_pylist() if row["policy"] == "package"]
    assert sum(row["less"] + row["same"] + row["more"] for row in winners) == whole


def test_an_unknown_table_is_told_with_the_nearest(run: StudyRun):
    with pytest.raises(Exception, match="targets"):
        run.table("target")


# ---------------------------------------------------------------------------------------------- what people look at


CHINESE = re.compile("[\u4e00-\u9fff]")
CHARTS = {"zh": 8, "en": 2}


@pytest.fixture(scope="module")
def pages(run: StudyRun, need_font: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the page in both languages; the English one has the charts of `attribution` only: to lay charts out takes longest."""
    folder = tmp_path_factory.mktemp("pages")
    for lang in messages.LANGUAGES:
        with pytest.MonkeyPatch.context() as fewer:
            if lang == "en":
                fewer.setattr(
                    studied_page, "pictures", lambda studied: {"attribution": pictures(studied)["attribution"]}
                )
            studied_page.write_page(run, folder / f"{lang}.html", need_font, lang)
    return folder


def test_charts_speak_english_too(run: StudyRun):
    """Every text of every chart, wide and narrow; nothing is laid out."""
    from matplotlib.figure import Figure
    from matplotlib.text import Text

    with messages.speaking("en"):
        drawn = [picture for held in pictures(Studied(run)).values() for picture in held]
        for picture in drawn:
            words = [picture.title, picture.note]
            for narrow in (False, True):
                figure = Figure()
                picture.draw(figure, narrow)
                words += [text.get_text() for text in figure.findobj(Text)]
            assert not CHINESE.search(" ".join(words)), picture.name
            assert sum(bool(re.search("[a-z]", word)) for word in words) >= 4, picture.name


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_page_says_the_figures_in_its_language_and_asks_for_nothing(run: StudyRun, lang: str, pages: Path):
    page = Page(pages / f"{lang}.html")
    rows = {row["policy"]: row for row in run.table("overview").to_pylist()}
    sides = {row[0]: row[1:] for row in page.rows["head"]}
    title = {"zh": "基金支付总额（元）", "en": "all funds (yuan)"}[lang]
    paid = [rows[name]["fund_pay_sumamt"] for name in ("base", "one", "package")]
    assert [cell.startswith(yuan_text(fen)) for cell, fen in zip(sides[title], paid)] == [True] * 3
    assert f"-{yuan_text(paid[0] - paid[1])}" in sides[title][1]
    changes = [row for row in page.rows["changes"] if row and row[1:]]
    assert changes[1][1:3] == ["1200", "1500"] and changes[1][3] == f"{run.table('changes')['visits_read'][0].as_py():,}"  # fmt: skip
    assert "plans[inpatient_city_l3].layers[basic].deductible.amount" in page.text
    neutral = run.table("targets").to_pylist()[0]
    assert str(int(neutral["value"])) in page.text and yuan_text(int(neutral["at_low"])) in page.text
    if lang == "en":
        assert not CHINESE.search(page.text)
    else:
        assert all(word in page.text for word in ("总览", "改了什么", "各项改革的影响", "扫描与求解", "基金逐年收支", "口径与依据"))  # fmt: skip
    assert "script" not in page.tags and not re.search(r"(?:src|href)=\"(?!#)", page.source)
    assert set(re.findall(r"https?://[^\"' <)]+", page.source)) <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}  # fmt: skip
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids)) and page.tags.count("figure") == CHARTS[lang]
    assert sum(map(len, pictures(Studied(run)).values())) == CHARTS["zh"]
    used = set(re.findall(r"(?:xlink:href=\"#|url\(#)([^\")]+)", page.source))
    assert used and used <= set(ids)


def test_charts_have_their_texts_as_text(pages: Path):
    page = Page(pages / "zh.html")
    shown = re.findall(r"<text[^>]*>(?:<tspan[^>]*>)?([^<]+)", page.source)
    assert {"现行政策", "改革方案", "起付线提高三百元", "负担减轻", "负担加重", "年末结余", "可支付月数"} <= set(shown)
    assert "font-family" not in page.source[page.source.index("<body>") :]


def test_a_chart_in_chinese_is_saved_in_every_form(run: StudyRun, need_font: str, tmp_path: Path):
    picture = next(held for held in pictures(Studied(run)).values())[0]
    heads = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}
    for ending, head in heads.items():
        path = tmp_path / f"x.{ending}"
        if ending == "pdf":
            charts.save_pages([picture], path, need_font)
        else:
            charts.save(picture, path, need_font)
        assert path.read_bytes().startswith(head)
    assert "<text" not in (tmp_path / "x.svg").read_text(encoding="utf-8")


def test_the_workbook_has_the_tables(run: StudyRun, tmp_path: Path):
    studied_book.write_workbook(run, tmp_path / "x.xlsx", "zh")
    rows = rows_of(tmp_path / "x.xlsx", "总览")
    held = run.table("overview").to_pylist()
    assert [row["政策"] for row in rows] == ["现行政策", "只提高起付线", "改革方案"]
    assert [round(row["基金支付总额（元）"] * 100) for row in rows] == [row["fund_pay_sumamt"] for row in held]
    winners = rows_of(tmp_path / "x.xlsx", "受益与受损 按收入十分位")
    assert [row["负担加重"] for row in winners] == run.table("winners")["more"].to_pylist()
    assert winners[0]["收入十分位"] == "1（最低）"
    for name in ("sweep-line", "targets-looked", "attribution"):
        with messages.speaking("zh"):
            sheet = studied_book._name(Studied(run).shown(name).title, [])
        for told, row in zip(rows_of(tmp_path / "x.xlsx", sheet), run.table(name).to_pylist(), strict=True):
            looked = name == "targets-looked"
            money = row["target"] == "neutral" if looked else row["measure"].startswith(("total ", "mean "))
            figure, double = (told["指标的数值"], row["measure"]) if looked else (told["数值"], row["value"])
            fen = Fraction(row["exact"])
            yuan = yuan_text(int(fen)) if fen.denominator == 1 else str(fen / 100)
            # A workbook holds 16 digits of a double.
            assert figure == pytest.approx(double / 100 if money else double, rel=1e-15)
            assert double == float(fen)
            assert told["精确值"] == (f"{yuan} 元" if money else row["exact"])


def test_hostile_names_stay_text(run: StudyRun, tmp_path: Path, need_font: str, monkeypatch: pytest.MonkeyPatch):
    """No figure hangs on a name: the run is that of the study as it is, told by another document."""
    text = STUDY.replace("小测算", f"'{EVIL}'").replace("基层提高", f"'{EVIL}'").replace("clause 4", f"'{EVIL}'").replace("name: {zh: 起付线,", f"name: {{zh: '{EVIL}',")  # fmt: skip
    study = load_study(write(tmp_path, text))
    made = replace(run, study=study, sweeps=[(row, done) for row, (_, done) in zip(study.model.sweeps, run.sweeps)])
    every = pictures(Studied(made))
    monkeypatch.setattr(studied_page, "pictures", lambda studied: {"sweep-line": every["sweep-line"]})
    studied_page.write_page(made, tmp_path / "x.html", need_font)
    page = Page(tmp_path / "x.html")
    assert "script" not in page.tags and page.tags.count("figure") == 1 and page.text.count(EVIL) >= 5
    assert not [name for name, _ in page.attributes if name == "onclick"]
    studied_book.write_workbook(made, tmp_path / "x.xlsx", "zh")


# ---------------------------------------------------------------------------------------------- the command


SHORT = STUDY[: STUDY.index(", {ratio")] + STUDY[STUDY.index("]}\nmeasures") : STUDY.index("  - {id: by-level")] + STUDY[STUDY.index("  - {kind: winners") : STUDY.index("sweeps:")] + STUDY[STUDY.index("outputs: {") :]  # fmt: skip
"""One waterfall and winners."""


def latin() -> Path:
    """A font without Chinese characters, which is cut to those of a chart at once."""
    import matplotlib

    return Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"


def test_the_command_writes_everything_and_the_same_bytes_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = write(tmp_path, SHORT.replace("outputs: {", f"outputs: {{font: {latin()}, "))
    for name, threads in (("a", "1"), ("b", "2")):
        assert (
            main(["--lang", "en", "simulate", str(path), "--out", str(tmp_path / name), "--threads", threads, "--json"])
            == 0
        )
    told = json.loads(capsys.readouterr().out.split("\n}\n")[0] + "\n}")
    files = sorted(p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*") if p.is_file())
    assert [f for f in files if (tmp_path / "a" / f).read_bytes() != (tmp_path / "b" / f).read_bytes()] == []
    assert {"study.html", "study.xlsx", "receipt.json", "tables/overview.parquet", "tables/winners.parquet", "pictures/waterfall-1.png", "pictures/charts.pdf", "pictures/waterfall-1.svg"} <= {f.as_posix() for f in files}  # fmt: skip
    heads = {".png": b"\x89PNG", ".pdf": b"%PDF", ".svg": b"<?xml"}
    for file in (tmp_path / "a/pictures").iterdir():
        assert file.read_bytes().startswith(heads[file.suffix])
    assert pq.read_table(tmp_path / "a/tables/overview.parquet").to_pylist() == told["policies"]
    receipt = json.loads((tmp_path / "a/receipt.json").read_text(encoding="utf-8"))
    hashed = {row["path"]: row["sha256"] for row in receipt["outputs"]}
    assert set(hashed) == {f.as_posix() for f in files} - {"receipt.json"}
    for root, rows in ((tmp_path / "a", receipt["outputs"]), (tmp_path, receipt["inputs"])):
        for row in rows:
            assert hashlib.sha256((root / row["path"]).read_bytes()).hexdigest() == row["sha256"]
    assert {row["name"] for row in receipt["inputs"]} == {"people", "reform", "policy"}
    assert receipt["study"]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert str(tmp_path) not in (tmp_path / "a/receipt.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(("module", "extra"), [("jinja2", "report"), ("xlsxwriter", "excel"), ("matplotlib", "plots")])
def test_a_missing_library_is_told_before_the_work(module, extra, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, module, None)
    assert main(["simulate", str(write(tmp_path)), "--out", str(tmp_path / "out")]) == 1
    assert f"pip install 'ybcore[{extra}]'" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_fonts_that_do_not_do_are_told(tmp_path, monkeypatch, capsys):
    path, out = write(tmp_path, SHORT), str(tmp_path / "out")
    monkeypatch.setattr(charts, "_families", lambda fonts: iter(()))
    assert main(["simulate", str(path), "--out", out]) == 1
    assert "fonts-noto-cjk" in capsys.readouterr().err and not Path(out).exists()
    write(tmp_path, SHORT.replace("outputs: {", "outputs: {font: study.yaml, "))
    assert main(["simulate", str(path), "--out", out]) == 1
    assert "不是可用的字体文件" in capsys.readouterr().err
    write(tmp_path, SHORT.replace("outputs: {", f"outputs: {{font: {latin()}, "))
    assert main(["simulate", str(path), "--out", out]) == 1
    assert "缺少字符" in capsys.readouterr().err


def test_outputs_do_not_go_where_the_inputs_are(tmp_path, capsys):
    assert main(["simulate", str(write(tmp_path)), "--out", str(tmp_path)]) == 1
    assert "输出不能写入输入所在的文件夹" in capsys.readouterr().err


# ---------------------------------------------------------------------------------------------- as people open it


def test_a_browser_shows_the_page_at_every_width(pages: Path, tmp_path: Path, need_program):
    """Nothing is fetched, nothing complains, nothing is wider than a phone; charts of the right width are seen, Chinese in a font that has it."""
    with browser(need_program("chromium"), tmp_path / "profile") as page:
        for lang in messages.LANGUAGES:
            for width, shown in ((1280, "wide"), (390, "narrow")):
                page.asked.clear()
                page.open(pages / f"{lang}.html", width)
                assert page.asked == [(pages / f"{lang}.html").as_uri()] and page.complaints == []
                assert page.value("document.documentElement.scrollWidth") <= width
                seen = "[...document.querySelectorAll('figure svg')].filter(e => e.getBoundingClientRect().width > 0)"
                assert page.value(f"{seen}.map(e => e.getAttribute('class')).join(' ')") == " ".join(
                    [shown] * CHARTS[lang]
                )
                assert page.value(f"{seen}.every(e => e.querySelectorAll('path').length > 3 && e.querySelectorAll('text').length > 3)")  # fmt: skip
                wide = f"{seen}.flatMap(e => [...e.querySelectorAll('text')].filter(t => t.getBoundingClientRect().right > e.getBoundingClientRect().right + 2)).map(t => t.textContent).join()"  # fmt: skip
                assert page.value(wide) == ""
            told = page.value("document.body.innerText")
            assert ("基金支付（元）" in told) == (lang == "zh") and ("Funds pay (yuan)" in told) == (lang == "en")
        page.open(pages / "zh.html")
        for selector in ("h1", "figure svg.wide text"):
            assert page.fonts(selector) & set(charts._CHINESE), page.fonts(selector)
        page.picture(tmp_path / "page.png")
        assert (tmp_path / "page.png").stat().st_size > 50_000
