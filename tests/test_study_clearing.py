"""Clearing in studies: what every policy owes the providers is what `clear` says by hand; reforms of settlement flow into it; sweeps, targets, the page."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pages import Page, rows_of
from study_small import CITY, ROOT
from ybcore import Catalog, DocumentError, Engine, load_book, messages
from ybcore.clearing import cases_of, clear, load_clearings
from ybcore.clearing import reformed as reformed_clearing
from ybcore.messages import yuan_text
from ybcore.report import studied_book, studied_page
from ybcore.report.studied import Studied
from ybcore.report.studied_clear import clear_pictures
from ybcore.simulate import Reform, StudyRun, load_study, reformed, run_study
from ybcore.simulate.study import PACKAGE
from ybcore.simulate.studyreceipt import documents_of
from ybcore.simulate.studyrun import check_study
from ybcore.synth import city
from ybcore.synth.clearing import clearing_tables

CLEARING = ROOT / "data/clearing"
HOSPITAL = 'methods[dip].coefficients[hospital].value["05"]'
COEFFICIENT = Reform.of("level", [{"policy": "town-employee-2024", "path": HOSPITAL, "set": "0.66"}])
LAYER = "plans[inpatient_city_l3].layers[basic]"
SMALL = f"""format: ybcore-study/1
id: providers
name: {{zh: 支付方式测算, en: Provider payment}}
policy: [{ROOT}/data/policies/luoyang-resident]
inputs:
  synth: {{seed: 5, persons: 60, visits: 200, lines_per_visit: 3, catalog_items: 500, insutypes: {{"390": 1}}}}
"""
STUDY = f"""{SMALL}clearing:
  documents: [{CLEARING}]
  inputs: {{synth: {{seed: 3, cases: 1500}}}}
  reforms:
    - id: level
      name: {{zh: 二级医院系数, en: Coefficient of the second level}}
      source: clause 2
      changes: [{{policy: town-employee-2024, path: '{HOSPITAL}', set: "0.66"}}]
    - {{id: more, name: {{zh: 增加预算, en: More budget}}, budgets: [{{pool: inpatient, times: "1.0123"}}]}}
  sweeps:
    - id: grid
      name: {{zh: 系数与预算, en: Coefficient and budget}}
      on: package
      knobs:
        - {{id: level, name: {{zh: 二级系数, en: Second level}}, policy: town-employee-2024, path: '{HOSPITAL}', values: ["0.6", "0.72"]}}
        - {{id: plus, pool: inpatient, period: "2024", way: add, values: [0, 100000]}}
  targets:
    - id: neutral
      name: {{zh: 实付不变, en: What is paid stays}}
      on: package
      knob: {{id: reserve, policy: town-employee-2024, path: pools.inpatient.reserve, span: ["0.01", "0.2", "0.005"]}}
      measure: paid
      target: base
alternatives:
  - {{id: only, name: {{zh: 只调系数, en: Coefficient only}}, reforms: [level]}}
"""


@pytest.fixture(autouse=True)
def chinese():
    messages.use("zh")
    yield
    messages.use("zh")


def write(folder: Path, text: str = STUDY) -> Path:
    path = folder / "study.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> StudyRun:
    return run_study(load_study(write(tmp_path_factory.mktemp("providers"))), threads=1)


def by_hand(*reforms: Reform, times: str = "1", plus: int = 0):
    """The town cleared with reforms, its budget multiplied and added to (fen), without a study."""
    tables = clearing_tables(3, 1500)
    budget = tables["budgets"]["budget"][0].as_py()
    held = Fraction(budget) * Fraction(times) + plus
    fen = int(held + Fraction(1, 2))
    tables["budgets"] = tables["budgets"].set_column(2, "budget", pa.array([fen], pa.int64()))
    book = load_clearings(CLEARING)
    return clear(tables.pop("cases"), reformed_clearing(book, list(reforms)) if reforms else book, **tables)


def due(done) -> dict[str, int]:
    out: dict[str, int] = {}
    for row in done.years.to_pylist():
        out[row["fixmedins_code"]] = out.get(row["fixmedins_code"], 0) + row["due"]
    return out


def test_every_policy_owes_what_clear_says(run: StudyRun):
    hands = {"base": by_hand(), "only": by_hand(COEFFICIENT), PACKAGE: by_hand(COEFFICIENT, times="1.0123")}
    rows = {row["policy"]: row for row in run.table("clearing").to_pylist()}
    assert list(rows) == list(hands)
    base = due(hands["base"])
    for policy, done in hands.items():
        row, mine = rows[policy], due(done)
        assert row["due"] == sum(mine.values()) and row["paid"] == sum(done.years["paid"].to_pylist())
        assert row["budget"] == sum(done.balances["budget"].to_pylist())
        assert row["value"] == done.pools["value"][0].as_py()
        moved = {code: mine[code] - base[code] for code in base}
        assert (row["winners"], row["losers"]) == (sum(v > 0 for v in moved.values()), sum(v < 0 for v in moved.values()))  # fmt: skip
        assert row["won"] - row["lost"] == sum(moved.values())
        told = {held["fixmedins_code"]: held for held in run.table("clearing-hospitals").to_pylist() if held["policy"] == policy}  # fmt: skip
        assert {code: held["change"] for code, held in told.items()} == moved
        assert all(held["name"] for held in told.values())
        methods = [held for held in run.table("clearing-methods").to_pylist() if held["policy"] == policy]
        assert sum(held["due"] for held in methods) == row["due"]
    assert len({row["due"] for row in rows.values()}) == 2 and len({row["value"] for row in rows.values()}) == 3
    assert 0 < rows["only"]["winners"] < 3 and rows["only"]["won"] == rows["only"]["lost"]


def test_what_changes_is_told_with_budgets(run: StudyRun):
    rows = run.table("clearing-changes").to_pylist()
    assert [(row["reform"], row["policy_id"], row["before"], row["after"]) for row in rows[:1]] == [("level", "town-employee-2024", "0.72", "0.66")]  # fmt: skip
    budget = clearing_tables(3, 1500)["budgets"]["budget"][0].as_py()
    assert (rows[1]["reform"], rows[1]["before_value"], rows[1]["after_value"]) == ("more", budget, int(Fraction(budget) * Fraction("1.0123") + Fraction(1, 2)))  # fmt: skip
    assert len(rows) == 2
    base = by_hand()
    assert rows[1]["cases_read"] == base.pools["cases"][0].as_py() > rows[0]["cases_read"] > 0 < rows[0]["units_read"]


def test_a_change_that_nobody_reads_is_an_error(tmp_path: Path):
    text = STUDY.replace(f"path: '{HOSPITAL}', set: \"0.66\"", "path: 'methods[rehabilitation].ungrouped', set: hold")
    with pytest.raises(
        DocumentError, match=r"methods\[rehabilitation\].ungrouped.*no case and no unit reads what this changes"
    ):
        run_study(load_study(write(tmp_path, text)), threads=1)
    done = run_study(load_study(write(tmp_path, f"{text}unread: true\n")), threads=1)
    assert done.table("clearing-changes")["cases_read"][0].as_py() == 0


def test_sweeps_turn_documents_and_budgets(run: StudyRun):
    rows = run.table("clearing-sweep-grid").to_pylist()
    assert [(row["level"], row["plus"]) for row in rows] == [(None, None), *((Decimal(a), Decimal(b)) for a in ("0.6", "0.72") for b in (0, 100000))]  # fmt: skip
    for row in rows[1:]:
        level = Reform.of(
            "x", [{"policy": "town-employee-2024", "path": HOSPITAL, "set": str(row["level"].normalize())}]
        )
        tables = clearing_tables(3, 1500)
        held = Fraction(tables["budgets"]["budget"][0].as_py()) * Fraction("1.0123")
        whole = int(held + Fraction(1, 2))
        done = by_hand(level, times="0", plus=whole + int(row["plus"]) * 100)
        assert (row["paid"], row["due"], row["value"]) == (sum(done.years["paid"].to_pylist()), sum(done.years["due"].to_pylist()), done.pools["value"][0].as_py())  # fmt: skip
    assert len({row["paid"] for row in rows[1:]}) == 4


def test_a_target_is_met_between_two_neighbours(run: StudyRun):
    (row,) = run.table("clearing-targets").to_pylist()
    goal = run.table("clearing")["paid"][0].as_py()
    assert row["goal_fen"] == goal and row["high"] - row["low"] == Decimal("0.005")
    assert row["at_low_fen"] >= goal >= row["at_high_fen"]
    for end in ("low", "high"):
        reserve = Reform.of("r", [{"policy": "town-employee-2024", "path": "pools.inpatient.reserve", "set": str(row[end].normalize())}])  # fmt: skip
        done = by_hand(COEFFICIENT, reserve, times="1.0123")
        assert row[f"at_{end}_fen"] == sum(done.years["paid"].to_pylist())
    assert row["value"] == min((row["low"], row["high"]), key=lambda v: abs(row["at_low_fen" if v == row["low"] else "at_high_fen"] - goal))  # fmt: skip


def test_a_target_that_is_not_there_is_told(tmp_path: Path):
    with pytest.raises(DocumentError, match=r"clearing.targets\[0\].*is not between"):
        run_study(load_study(write(tmp_path, STUDY.replace("target: base", "target: 5"))), threads=1)


# ---------------------------------------------------------------------------------------------- out of the settled run


def groups_of(folder: Path) -> pa.Table:
    """Stays of the small city by their ids in two groups; an outpatient visit is in none."""
    visits = city(**CITY, insutypes={"390": 1}).visits().visits
    rows = [row for row in visits.select(["setl_id", "med_type"]).to_pylist() if row["med_type"].startswith("2")]
    table = pa.table(
        {"setl_id": [row["setl_id"] for row in rows], "group_code": [f"G{i % 2}" for i in range(len(rows))]}
    )
    pq.write_table(table, folder / "groups_of.parquet")
    return table


FLOW = f"""format: ybcore-study/1
id: flow
policy: [{ROOT}/data/policies/luoyang-resident]
inputs:
  synth: {{seed: 5, persons: 300, visits: 2400, lines_per_visit: 3, catalog_items: 500, insutypes: {{"390": 1}}}}
reforms:
  - {{id: dearer, changes: [{{scheme: luoyang-resident, path: "{LAYER}.deductible.amount", add: 300}}]}}
clearing:
  documents: stays.yaml
  inputs: {{budgets: budgets.csv}}
  groups_of: groups_of.parquet
  med_types: ["2"]
"""
STAYS = """format: ybcore-clearing/1
id: stays
scheme: {id: stays, region: "*", insutype: ["390"]}
effective: {from: 2024-01-01}
pools:
  all: {period: year, adds: persons, remainder: share}
methods:
  - id: points
    clr_way: "3"
    pays: points
    pool: all
    base: {group: points}
    ungrouped: {by_cost: {over: 1000, times: 1}}
    fund: {formula: less_patient}
"""


def test_reforms_of_settlement_flow_into_clearing(tmp_path: Path):
    """What patients pay more the fund owes less: cases are those settled under each policy."""
    grouped = groups_of(tmp_path)
    (tmp_path / "stays.yaml").write_text(STAYS, encoding="utf-8")
    (tmp_path / "budgets.csv").write_text("pool,period,budget\nall,2024,90000\n", encoding="utf-8")
    groups = "  inputs: {budgets: budgets.csv, groups: groups.csv}\n"
    (tmp_path / "groups.csv").write_text("group_code,points\nG0,1\nG1,2.5\n", encoding="utf-8")
    text = FLOW.replace("  inputs: {budgets: budgets.csv}\n", groups)
    made = run_study(load_study(write(tmp_path, text)), threads=1)
    town = city(**CITY, insutypes={"390": 1})
    batch = town.visits()
    tables = {"visits": batch.visits, "lines": batch.lines, "persons": town.persons, "institutions": town.institutions, "acct_events": town.acct_events}  # fmt: skip
    book = load_book(ROOT / "data/policies/luoyang-resident")
    dearer = Reform.of("dearer", [{"scheme": "luoyang-resident", "path": f"{LAYER}.deductible.amount", "add": 300}])
    rows = {row["policy"]: row for row in made.table("clearing").to_pylist()}
    for policy, policies in (("base", book), (PACKAGE, reformed(book, [dearer]).book)):
        settled = Engine(policies, Catalog(*town.catalog)).settle(**tables, receipt=False, closing_state=False).visits
        cases = cases_of(settled, batch.visits, grouped, persons=town.persons, med_types=("2",))
        held = {"groups": pa.table({"group_code": ["G0", "G1"], "points": pa.array([10_000, 25_000])}), "budgets": pa.table({"pool": ["all"], "period": ["2024"], "budget": pa.array([9_000_000])})}  # fmt: skip
        done = clear(cases, tmp_path / "stays.yaml", **held)
        assert rows[policy]["due"] == sum(done.years["due"].to_pylist())
        assert rows[policy]["fund_appy_sum"] == sum(done.years["fund_appy_sum"].to_pylist()) > 0
        told = {row["fixmedins_code"]: row["after"] for row in made.table("clearing-hospitals").to_pylist() if row["policy"] == policy}  # fmt: skip
        assert told == {str(code): fen for code, fen in due(done).items()}
    assert rows[PACKAGE]["fund_appy_sum"] < rows["base"]["fund_appy_sum"]
    assert {row["name"] for row in documents_of(made)["inputs"]} >= {"clearing", "clearing.groups_of", "clearing.budgets", "clearing.groups"}  # fmt: skip


# ---------------------------------------------------------------------------------------------- what is wrong


@pytest.mark.parametrize(
    ("old", "new", "path", "said"),
    [
        ('set: "0.66"}]', 'set: "0.66"}, {policy: town-employe-2024, path: id, set: x}]', "changes[1]", "unknown policy"),
        ("pool: inpatient, times", "pool: inpatients, times", None, "inpatients"),
        ("reforms: [level]", "reforms: [levels]", "alternatives[0].reforms[0]", "levels"),
        ("path: pools.inpatient.reserve", "path: pools.inpatient.reserves", "clearing.targets[0].knob.path", "reserves"),
        ("id: more,", "id: level,", "clearing.reforms[1].id", "twice"),
        ("measure: paid", "measure: payed", "clearing.targets[0].measure", "payed"),
        ("id: plus,", "id: paid,", "clearing.sweeps[0].knobs[1].id", "name of a column"),
        ("budgets: [{pool: inpatient, times: \"1.0123\"}]", "budgets: [{pool: inpatient}]", "clearing.reforms[1].budgets[0]", "exactly one thing"),
        ("on: package\n      knobs", "on: packages\n      knobs", "clearing.sweeps[0].on", "packages"),
        (f"documents: [{CLEARING}]", "documents: [nowhere]", "clearing.documents[0]", "is not there"),
        ("inputs: {synth: {seed: 3, cases: 1500}}", "inputs: {}", "clearing.inputs", "no tables of clearing"),
        ("inputs: {synth: {seed: 3, cases: 1500}}", "inputs: {synth: {seed: 3, cases: 1500}}\n  clears: [maf_pay]", "clearing", "groups_of"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_at_its_place(old: str, new: str, path: str | None, said: str, tmp_path: Path):
    assert old in STUDY
    file = write(tmp_path, STUDY.replace(old, new))
    with pytest.raises(DocumentError) as caught:
        study = load_study(file)
        check_study(study)
        run_study(study, threads=1)
    found = {(problem.path, problem.what) for problem in caught.value.problems}
    assert any((path is None or held == path) and said in what for held, what in found), found
    assert all(problem.line and problem.what_zh for problem in caught.value.problems)


# ---------------------------------------------------------------------------------------------- what people look at


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_page_and_workbook_say_who_wins(run: StudyRun, lang: str, tmp_path: Path, need_font: str, monkeypatch: pytest.MonkeyPatch):  # fmt: skip
    every = None
    with messages.speaking(lang):
        every = clear_pictures(Studied(run))
    assert list(every) == ["clearing-hospitals", "clearing-sweep-grid"]
    monkeypatch.setattr(studied_page, "pictures", lambda studied: {"clearing-hospitals": every["clearing-hospitals"]})
    studied_page.write_page(run, tmp_path / "x.html", need_font, lang)
    page = Page(tmp_path / "x.html")
    rows = {row[0]: row[1:] for row in page.rows["clearing"] if row}
    held = run.table("clearing").to_pylist()
    title = {"zh": "应付医疗机构（元）", "en": "due to hospitals (yuan)"}[lang]
    assert [cell.startswith(yuan_text(row["due"])) for cell, row in zip(rows[title], held)] == [True] * 3
    assert rows[{"zh": "受益机构", "en": "hospitals that win"}[lang]] == [
        "—",
        *(str(row["winners"]) for row in held[1:]),
    ]
    assert "methods[dip].coefficients[hospital]" in page.text and "clause 2" in page.text
    assert f"{held[2]['value'] / 1e6:,.4f}" in page.text and page.tags.count("figure") == 1
    if lang == "en":
        text = re.sub("市级医院|县级医院|乡镇医院", "", page.text)  # names of the synthetic town
        assert not re.search("[\u4e00-\u9fff]", text)
    studied_book.write_workbook(run, tmp_path / "x.xlsx", lang)
    sheet = {"zh": "各机构受益与受损", "en": "Hospitals that win and lose"}[lang]
    change = {"zh": "变化（元）", "en": "change (yuan)"}[lang]
    told = [row for row in run.table("clearing-hospitals").to_pylist() if row["policy"] != "base"]
    assert [round(row[change] * 100) for row in rows_of(tmp_path / "x.xlsx", sheet)] == [row["change"] for row in told]


def test_charts_of_clearing_can_be_drawn(run: StudyRun):
    """Both widths; nobody who loses, nobody who wins."""
    from matplotlib.figure import Figure

    for keep in (lambda row: True, lambda row: row["change"] >= 0, lambda row: row["change"] <= 0):
        table = pa.Table.from_pylist([row for row in run.table("clearing-hospitals").to_pylist() if keep(row)], run.table("clearing-hospitals").schema)  # fmt: skip
        made = replace(run, tables={**run.tables, "clearing-hospitals": table})
        for held in clear_pictures(Studied(made)).values():
            for narrow in (False, True):
                figure = Figure()
                held[0].draw(figure, narrow)
                assert figure.axes and held[0].height(narrow) > 1


def test_the_study_that_is_shipped_can_be_made():
    study = load_study(ROOT / "data/studies/town-providers-2024.yaml")
    check_study(study)
    assert {name: [held.id for held in reforms] for name, reforms in study.alternatives_of_clearing.items()} == {"base": [], "level-only": ["second-level"], PACKAGE: ["second-level", "budget", "high"]}  # fmt: skip
