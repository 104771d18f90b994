"""The fund's year and years: golden cases, the plain reference, wrong documents, months as a target (docs/simulation.md section 8)."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import jsonschema
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from cases import load
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from simulate_small import DEDUCTIBLE, LUOYANG, settled, small
from ybcore import DocumentError, InputError
from ybcore.policy.reader import parse_text
from ybcore.reference.fund import fund_years
from ybcore.simulate import Knob, Reserve, Spent, cohorts, compare, load_fund, project, reformed, solve
from ybcore.simulate.fundschema import json_schema
from ybcore.synth import city

ROOT = Path(__file__).resolve().parent.parent
CASES = sorted(path for path in (ROOT / "tests/golden_fund").iterdir() if path.is_dir())
FLOWS = ("contributions_employer", "contributions_person", "subsidy", "interest")

RESIDENTS = """\
format: ybcore-fund/1
id: residents
name: {zh: 居民, en: Residents}
year: 2024
years: 2
interest: {opening: 1.1%, year: 0.1%}
growth: {cost: 6%}
schemes:
  - {id: resident, kind: resident, visits: {insutype: "390"}, balance: 2000, sample: 60, premium: 40, subsidy: 67, members: [{count: 61}]}
scenarios:
  - {id: dear, growth: {cost: 12%}}
"""


def fen(text: str) -> int:
    return int(Decimal(text) * 100)


def given_spending(folder: Path) -> dict[str, int]:
    path = folder / "spending.yaml"
    return {name: fen(text) for name, text in load(path).items()} if path.exists() else {}


@pytest.mark.parametrize("folder", CASES, ids=lambda p: p.name)
@pytest.mark.parametrize("judge", ["reference", "projection"])
def test_golden(folder: Path, judge: str):
    spending = given_spending(folder)
    doc, plan = load(folder / "fund.yaml"), load_fund(folder / "fund.yaml")
    if judge == "reference":
        rows = [row for name in plan.scenarios for row in fund_years(doc, spending, name)]
    else:
        rows = project(plan, spending).to_pylist()
    found = {f"{row['scenario']}/{row['scheme']}/{row['year']}": row for row in rows}
    expected = load(folder / "expected.yaml")
    assert list(found) == list(expected)
    for key, cells in expected.items():
        for column, text in cells.items():
            own = found[key][column]
            if column == "sound":
                assert own == (text == "true"), key
            elif column == "reserve_months":
                assert float(own) == float(text), key
            else:
                assert own == fen(text), (key, column)
    assert (folder / "why.md").read_text(encoding="utf-8").strip()
    jsonschema.validate(doc, json_schema())


rate = st.integers(0, 200_000).map(lambda n: f"{n / 1_000_000:.6f}")
growths = st.fixed_dictionaries(
    {},
    optional={
        name: st.one_of(rate, st.lists(rate, min_size=1, max_size=4), st.just("-0.123457"))
        for name in ("wage", "cost", "utilisation")
    },
)
money = st.integers(0, 10**9).map(lambda n: f"{n // 100}.{n % 100:02d}")


@st.composite
def members(draw, employee: bool):
    """Rows of one or both sexes, ages side by side."""
    out = []
    for sex in draw(st.sampled_from([("1", "2"), (None,)])):
        edges = sorted(draw(st.sets(st.integers(0, 90), min_size=1, max_size=4)))
        for i, start in enumerate(edges):
            row = {"from": str(start), "count": str(draw(st.integers(0, 3000))), "leave": draw(rate), "cost": str(draw(st.integers(1, 9)))}  # fmt: skip
            if i + 1 < len(edges):
                row["to"] = str(edges[i + 1] - 1)
            if sex:
                row["gend"] = sex
            if draw(st.booleans()):
                row["enter"] = str(draw(st.integers(0, 99)))
            if employee:
                row |= {"status": "retired" if start >= 55 else "active", "wage": draw(money)}
            out.append(row)
    out[0]["count"] = str(1 + int(out[0]["count"]))
    return out


@st.composite
def documents(draw):
    """A fund of both kinds of schemes with a scenario that moves everything."""
    account = [{"status": "retired", "from": "65", "month": "110.55"}, {"status": "retired", "share": draw(rate)}, {"status": "active", "from": "45", "share": draw(rate)}]  # fmt: skip
    employee = {"id": "e", "kind": "employee", "visits": {"insutype": "310"}, "balance": draw(money), "employer": draw(rate), "person": draw(rate), "floor": "60%", "cap": "150%", "account": account, "members": draw(members(True)), "sample": str(draw(st.integers(1, 99)))}  # fmt: skip
    resident = {"id": "r", "kind": "resident", "visits": {"insutype": "390"}, "balance": draw(st.sampled_from(["-500.05", "700"])), "premium": draw(money), "subsidy": draw(money), "subsidy_step": "-7.01", "spending": draw(money), "members": draw(members(False))}  # fmt: skip
    ages = draw(st.sampled_from(["true", "false"]))
    said = {"id": "other", "ageing": ages, "growth": draw(growths), "interest": {"year": draw(rate)}}
    said["schemes"] = {"e": {"employer": draw(rate), "cap": "299.5%"}, "r": {"growth": draw(growths)}}
    doc = {"format": "ybcore-fund/1", "id": "d", "name": {"zh": "一", "en": "one"}, "year": "2024", "years": str(draw(st.integers(1, 5))), "sound": ["2.5", "9"], "average_wage": draw(money.filter(lambda text: fen(text) > 0)), "interest": {"opening": draw(rate)}, "growth": draw(growths), "schemes": [employee, resident], "scenarios": [said]}  # fmt: skip
    if ages == "false":
        doc["growth"]["members"] = draw(rate)
    return doc


def text_of(doc) -> str:
    return json.dumps(doc, ensure_ascii=False) + "\n"


@settings(max_examples=25, deadline=None)
@given(documents(), st.integers(0, 10**13))
def test_the_projection_is_the_reference(doc, spent):
    plan = load_fund(text_of(doc))
    found = project(plan, {"e": spent}).to_pylist()
    expected = [row for name in ("base", "other") for row in fund_years(doc, {"e": spent}, name)]
    assert found == [row | {"reserve_months": None if row["reserve_months"] is None else float(row["reserve_months"])} for row in expected]  # fmt: skip
    for row in found:
        assert row["income"] == sum(row[name] for name in FLOWS) - row["account_credit"]
        assert row["balance_close"] == row["balance_open"] + row["income"] - row["spending"]
    assert project(plan, {"e": spent}, "other").to_pylist() == [row for row in found if row["scenario"] == "other"]


def test_what_a_batch_spends_and_what_is_left(tmp_path: Path):
    engine, tables, _ = small()
    plan = load_fund(RESIDENTS)
    more = reformed(engine.book, [Knob(DEDUCTIBLE, policy=LUOYANG, span=(0, 5000, 500)).reform(Fraction(3000))])
    reserve = Reserve(plan, scenario="dear")
    done = compare(engine, tables, {"more": more}, [Spent(plan), reserve])
    assert len(done.tables) == 2
    insured = dict(zip(tables["visits"]["setl_id"].to_pylist(), tables["visits"]["insutype"].to_pylist()))
    spent = {}
    for name, book in (("base", None), ("more", more.book)):
        spent[name] = sum(r["hifp_pay"] for r in settled(engine, tables, book) if insured[r["setl_id"]] == "390")
        rows = done.table("spent").filter(pc.field("policy") == name)
        assert rows["spending"].to_pylist() == [spent[name]]
        last = fund_years(parse_text(RESIDENTS).doc, {"resident": spent[name]}, "dear")[-1]
        own = dict(zip(done.table(reserve.name)["policy"].to_pylist(), done.table(reserve.name)["exact"].to_pylist()))
        assert Fraction(own[name]) == last["reserve_months"]
        assert project(plan, rows, "dear")["balance_close"].to_pylist()[-1] == last["balance_close"]
    assert spent["base"] > spent["more"] > 0


def test_a_deductible_that_leaves_so_many_months():
    engine, tables, _ = small()
    knob = Knob(DEDUCTIBLE, policy=LUOYANG, span=(0, 5000, 250))
    alternatives = {str(value): reformed(engine.book, [knob.reform(value)]) for value in knob.scale(engine.book)}
    plan = load_fund(RESIDENTS)
    reserve = Reserve(plan)
    rows = compare(engine, tables, alternatives, [reserve]).table(reserve.name).to_pylist()
    months = {row["policy"]: Fraction(row["exact"]) for row in rows if row["policy"] != "base"}
    goal = (min(months.values()) + max(months.values())) / 2
    found = solve(engine, tables, knob, reserve, goal)
    assert found.at_least == min(Fraction(value) for value, held in months.items() if held >= goal)
    assert months[str(found.at_most)] < goal <= months[str(found.at_least)]


def test_what_is_wrong_is_told_at_its_place(tmp_path: Path):
    text = (CASES[0] / "fund.yaml").read_text(encoding="utf-8")
    wrong = (
        text.replace("employer: 8%\n", "employer: 108%\n    premium: 30\n")
        .replace("floor", "flor")
        .replace("person: 2%\n", "persn: 2%\n")
        .replace("year: 2024\n", "year: 2024\nyears: 90\n")
        .replace("insutype:", "insutyp:")
        .replace("from: 50, to: 59", "from: 45, to: 59")
        .replace("count: 4}", "count: 4, wage: x}")
    )
    path = tmp_path / "fund.yaml"
    path.write_text(wrong, encoding="utf-8")
    with pytest.raises(DocumentError) as caught:
        load_fund(path)
    told = {problem.path: problem for problem in caught.value.problems}
    assert {"years", "schemes[0].visits.insutyp", "schemes[0].employer", "schemes[0].persn"} <= set(told)
    assert told["schemes[0].persn"].nearest == "person" and told["schemes[0].visits.insutyp"].nearest == "insutype"
    assert all(problem.line and problem.file == str(path) for problem in told.values())
    assert told["years"].line == 5


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("employer: 8%", "employer: 8%\n    premium: 30", "schemes[0].premium"),
        ("    person: 2%\n", "", "schemes[0].person"),
        ("from: 50, to: 59", "from: 45, to: 59", "schemes[0].members[2]"),
        ("count: 10, wage: 48000", "count: 10", "schemes[0].members[0].wage"),
        ("{status: retired, from: 70, count: 3}", "{from: 70, count: 3}", "schemes[0].members[4].status"),
        ("share: 2%}", "share: 2%, month: 3}", "schemes[0].account[0]"),
        ("average_wage: 100000\n", "", "average_wage"),
        ("year: 2024", "year: 2024\ngrowth: {cost: [1%, x]}", "growth.cost[1]"),
        ("year: 2024", "year: 2024\nsound: [9, 6]", "sound"),
        ("year: 2024", "year: 2024\nageing: true\ngrowth: {members: 1%}", "ageing"),
        ("id: seven,", "id: base,", "scenarios[0].id"),
        ("{employee: {employer: 7%}}", "{employe: {employer: 7%}}", "scenarios[0].schemes.employe"),
        ("{employer: 7%}", "{subsidy: 7}", "scenarios[0].schemes.employee.subsidy"),
        ("{employer: 7%}", "{cap: 50%}", "scenarios[0].schemes.employee.cap"),
        ("visits: {insutype", "pays: [hifp]\n    visits: {insutype", "schemes[0].pays[0]"),
        ("format: ybcore-fund/1", "format: ybcore-reform/1", "format"),
    ],
)
def test_each_rule_of_a_document(old: str, new: str, path: str):
    text = (CASES[0] / "fund.yaml").read_text(encoding="utf-8")
    load_fund(text)
    assert old in text
    with pytest.raises(DocumentError) as caught:
        load_fund(text.replace(old, new))
    assert path in {problem.path for problem in caught.value.problems}
    assert all(problem.what and problem.what_zh for problem in caught.value.problems)


def test_the_example_of_the_page_can_be_run():
    page = (ROOT / "docs/simulation.md").read_text(encoding="utf-8")
    text = next(block for block in page.split("```yaml\n")[1:] if block.startswith("format: ybcore-fund/1")).split(
        "```"
    )[0]
    plan = load_fund(text)
    rows = project(plan, {"resident": 25_000_000_00}).to_pylist()
    doc = parse_text(text).doc
    assert {(row["scenario"], row["scheme"]) for row in rows} == {(s, n) for s in ("base", "ageing") for n in ("employee", "resident")}  # fmt: skip
    expected = [row for name in plan.scenarios for row in fund_years(doc, {"resident": 25_000_000_00}, name)]
    assert [row["balance_close"] for row in rows] == [row["balance_close"] for row in expected]
    keys = [row["balance_close"] for row in rows if row["scheme"] == "employee"]
    assert keys[:5] != keys[5:]


def test_members_are_counted_from_persons():
    town = city(seed=2, persons=3_000)
    for code in ("310", "390"):
        mine = town.people.filter(pc.field("insutype") == code)
        mine = mine.append_column("spent", pc.add(mine["age"], 1))
        rows = cohorts(mine, 10, cost="spent")
        people = mine.to_pylist()
        assert sum(int(row["count"]) for row in rows) == len(people)
        for row in rows:
            status = {"active": "11", "retired": "12"}.get(row.get("status"), "1")
            low, high = int(row["from"]), int(row.get("to", 200))
            own = [
                p
                for p in people
                if p["psn_type"].startswith(status) and p["gend"] == row["gend"] and low <= p["age"] <= high
            ]
            assert int(row["count"]) == len(own)
            if code == "310":
                assert abs(Fraction(row["wage"]) * 100 - Fraction(sum(p["wage"] for p in own), len(own))) <= Fraction(
                    1, 2
                )
            share = Fraction(sum(p["spent"] for p in own), len(own)) / Fraction(
                sum(p["spent"] for p in people), len(people)
            )
            assert abs(Fraction(row["cost"]) - share) <= Fraction(1, 2_000_000)
        scheme = {"id": "s", "visits": {"insutype": code}, "balance": 0, "spending": "1000000", "members": rows}
        scheme |= {"kind": "employee", "employer": "8%", "person": "2%"} if code == "310" else {"kind": "resident", "premium": "400", "subsidy": "670"}  # fmt: skip
        doc = {"format": "ybcore-fund/1", "id": "d", "name": {"zh": "一", "en": "one"}, "year": 2024, "years": 8, "average_wage": 96000, "ageing": True, "schemes": [scheme]}  # fmt: skip
        spent = project(load_fund(text_of(doc)))["spending"].to_pylist()
        assert spent[0] == 1_000_000_00 and sorted(spent) == spent and spent[-1] > spent[0]
    with pytest.raises(InputError, match="no column 'age'"):
        cohorts(town.persons)


def test_wrong_names_and_figures_of_a_projection():
    plan = load_fund(RESIDENTS)
    for given_, said in [
        ({"residnt": 3}, "no scheme"),
        (None, "no spending"),
        ({"resident": 1.5}, "no spending"),
        (pa.table({"scheme": ["resident"] * 2, "spending": [1, 2]}), "one figure"),
        ({"resident": 1 << 62}, "beyond 64 bits"),
    ]:
        with pytest.raises(InputError, match=said):
            project(plan, given_)
    with pytest.raises(InputError, match="no scenario") as caught:
        project(plan, {"resident": 1}, "daer")
    assert caught.value.problems[0].nearest == "dear"
    with pytest.raises(InputError, match="no year"):
        Reserve(plan, year=2030)
    with pytest.raises(InputError, match="several schemes"):
        Reserve(load_fund(text_of(_two())))


def _two():
    doc = YAML(typ="base", pure=True).load(RESIDENTS)
    doc["schemes"].append({**doc["schemes"][0], "id": "rural"})
    return doc
