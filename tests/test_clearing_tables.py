"""Indicators, corrections, and what is told of wrong tables and documents."""

from __future__ import annotations

import copy
from fractions import Fraction
from random import Random
from typing import Any

import pytest
from clearing_cases import HERE, documents, load, value, written
from clearing_random import document, tables
from ruamel.yaml import YAML
from test_clearing_equality import arrow, typed
from ybcore.clearing import clear, corrections, load_benefits, load_clearing
from ybcore.clearing.hospital import explain_hospital
from ybcore.errors import DocumentError, InputError
from ybcore.reference.clearing.cases import rounded
from ybcore.reference.clearing.indicators import indicators


def cleared(doc: Any, text: dict[str, list[dict]]) -> Any:
    held = {name: arrow(rows) for name, rows in text.items()}
    return clear(held.pop("cases"), doc, **held)


def facts(done: Any, text: dict[str, list[dict]]) -> list[dict[str, Any]]:
    """What indicators are reckoned from, by hand: of every case its group's weight on its day."""
    out = []
    for order, (case, found, weight) in enumerate(zip(text["cases"], done.cases.to_pylist(), done.weights().tolist())):
        begin, end = (value("cases", name, case[name]) for name in ("begndate", "enddate"))
        days = value("cases", "ipt_days", case["ipt_days"])
        stay = max(1, end - begin) if begin is not None and end is not None else 1
        out.append(
            {"institution": case["fixmedins_code"], "group": case["group_code"], "fee": value("cases", "medfee_sumamt", case["medfee_sumamt"]),
             "days": stay if days is None else days, "weight": None if weight < 0 else weight, "kind": found["kind"], "cut": found["readmission"],
             "person": case["psn_no"], "begin": begin, "end": end, "order": order}
        )  # fmt: skip
    return out


@pytest.mark.parametrize("by", ["institution", "group"])
@pytest.mark.parametrize("seed", range(8))
def test_indicators_are_the_references(seed: int, by: str):
    r = Random(seed)
    doc, text = document(r), typed({}, tables(r, 60))
    text["budgets"] = [{**row, "budget": "9000000"} for row in text["budgets"]]
    done = cleared(doc, text)
    expected = indicators(facts(done, text), by)
    places = {"mean_fee": 1, "mean_days": 10_000, "psntime": 1, "readmissions": 1, "split_stays": 1}
    found = done.indicators(by).to_pylist()
    assert [row["fixmedins_code" if by == "institution" else "group_code"] for row in found] == sorted(expected)
    for row in found:
        for name, ratio in expected[row["fixmedins_code" if by == "institution" else "group_code"]].items():
            assert row[name] == (None if ratio is None else rounded(Fraction(ratio) * places.get(name, 10**6))), name


@pytest.mark.parametrize("seed", range(6))
def test_every_hospital_is_told_as_the_table_has_it(seed: int):
    """Rounding of odd fen, negative dues, deposits and steps of documents that nobody wrote: the steps are those of the kernel."""
    r = Random(100 + seed)
    doc, text = document(r), typed({}, tables(r, 60))
    text["budgets"] = [{**row, "budget": "9000000"} for row in text["budgets"]]
    done = cleared(doc, text)
    for code in dict.fromkeys(done.years["fixmedins_code"].to_pylist()):
        assert len(explain_hospital(done, str(code))) > 5


def test_corrections_add_up():
    """A case that is settled again and one that is new: what each moves, and what a hospital is to be paid in addition."""
    folder = HERE / "01-multiples-in-money"
    text = written(load(folder / "case.yaml"))
    before = cleared(documents(folder), text)
    again = copy.deepcopy(text)
    again["cases"][0]["psn_part_amt"] = "3500"
    again["cases"].append({**again["cases"][0], "setl_id": "new", "fixmedins_code": "H2"})
    del again["cases"][1]
    found = corrections(before, cleared(documents(folder), again))
    cases = {row["setl_id"]: row for row in found["cases"].to_pylist()}
    assert {name: (row["kind"], row["payment"]) for name, row in cases.items()} == {
        "normal": ("changed", -50_000), "low": ("removed", -300_000), "new": ("added", 1_150_000),
    }  # fmt: skip
    years = {row["fixmedins_code"]: row for row in found["years"].to_pylist()}
    assert {name: (row["kind"], row["paid"]) for name, row in years.items()} == {
        "H1": ("changed", -350_000),
        "H2": ("added", 1_150_000),
    }
    assert sum(row["payment"] for row in cases.values()) == sum(row["paid"] for row in years.values())
    assert corrections(before, before)["cases"].num_rows == 0


def problems(change: Any, name: str = "09-points-share-a-budget") -> str:
    text = written(load(HERE / name / "case.yaml"))
    change(text)
    with pytest.raises(InputError) as found:
        cleared(documents(HERE / name), text)
    return found.value.render("en")


def test_wrong_tables_are_told():
    assert "budgets have no row for pool all, 2024" in problems(
        lambda t: t["budgets"].clear() or t["budgets"].append({"pool": "al", "period": "2024", "budget": "1"})
    )
    assert "does not have the figure" in problems(lambda t: t["groups"][0].pop("mean_amt"))
    assert "(group G1)" in problems(lambda t: t["groups"][0].pop("points"))
    assert "more than the budget" in problems(lambda t: t["budgets"][0].update(budget="600"))
    assert "two rows for pool all, 2024" in problems(lambda t: t["budgets"].append(dict(t["budgets"][0])))
    assert "overlaps another row of the same group" in problems(lambda t: t["groups"].append(dict(t["groups"][0])))
    told = problems(
        lambda t: t["quotas"].clear() or t["quotas"].append({"fixmedins_code": "H9", "year": "2024"}),
        "10-heads-and-budget",
    )
    assert "quotas have no budget for H2/310/21/town/global/2024" in told
    told = problems(
        lambda t: [t["cases"][0].update(medfee_sumamt="12.345"), t["cases"][1].update(setl_time="2024-13-01")]
    )
    assert "row 1" in told and "row 2" in told


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d["methods"][0].pop("ungrouped"), "never zero by silence"),
        (lambda d: d["methods"][0].pop("pool"), "points have a value only in a pool"),
        (lambda d: d["methods"][0].update(pool="al"), "did you mean 'all'"),
        (lambda d: d["methods"][0]["multiples"]["high"].update(pays="reviews"), "did you mean 'review'"),
        (lambda d: d["methods"][0]["multiples"]["high"].update(pays="review"), "something goes to review"),
        (lambda d: d["methods"][0]["fund"].update(rate="0.7"), "means nothing in less_patient"),
        (lambda d: d["methods"][0].update(base={"amount": "5"}), "is not amount"),
        (
            lambda d: d["methods"][0].update(
                yearly={"overrun": {"reading": "part", "steps": [{"upto": "0.2", "fund": "1"}]}}
            ),
            "end open",
        ),
        (lambda d: d["methods"][0].update(ungroupd="item"), "did you mean 'ungrouped'"),
        (lambda d: d["pools"].update(other={}), "no method uses the pool"),
        (lambda d: d["effective"].update(to="2023-01-01"), "the end is not after the start"),
        (lambda d: d["pools"]["all"].update(reserve={"by": "hosp_lv", "else": "0.05"}), "one number stands here"),
        (lambda d: d["pools"]["all"].update(fund_ratio="0"), "a number above 0"),
    ],
)
def test_wrong_documents_are_told(change: Any, words: str):
    doc = documents(HERE / "09-points-share-a-budget")[0]
    change(doc)
    with pytest.raises(DocumentError) as found:
        load_clearing(doc)
    assert words in found.value.render("en")


def test_documents_that_overlap_are_told():
    doc = documents(HERE / "09-points-share-a-budget")[0]
    with pytest.raises(DocumentError, match="holds on the days of 'other'"):
        cleared([doc, {**doc, "id": "other"}], written(load(HERE / "09-points-share-a-budget" / "case.yaml")))


def test_problems_stand_at_their_line(tmp_path: Any):
    path = tmp_path / "wrong.yaml"
    path.write_text(
        (HERE / "09-points-share-a-budget" / "document.yaml")
        .read_text(encoding="utf-8")
        .replace("rate: 0.1", "rate: 1.5"),
        encoding="utf-8",
    )
    with pytest.raises(DocumentError) as found:
        load_clearing(path)
    problem = found.value.problems[0]
    assert problem.file == str(path) and problem.line == 14 and problem.path == "methods[0].deposit.rate"


COMPUTE = {"compute": {"base": "5", "factor": "0.5", "of": "medfee_sumamt"}}


@pytest.mark.parametrize("written", [COMPUTE, {"by": "hosp_lv", "03": COMPUTE, "else": "5"}, {"dated": [{"from": "2024-01-01", "value": COMPUTE}]}])  # fmt: skip
def test_a_document_that_computes_is_refused(written: Any, tmp_path: Any):
    """When it is read, at its place, with what may stand there instead."""
    doc = documents(HERE / "07-overrun-whole-and-by-part")[0]
    doc["methods"][0]["base"]["amount"] = written
    path = tmp_path / "compute.yaml"
    YAML(pure=True).dump(doc, path)
    with pytest.raises(DocumentError) as found:
        load_clearing(path)
    assert len(found.value.problems) == 1
    problem = found.value.problems[0]
    assert problem.path.startswith("methods[0].base.amount") and problem.path.endswith("compute")
    lines = path.read_text(encoding="utf-8").splitlines()
    assert problem.line is not None and "compute" in lines[problem.line - 1]
    assert problem.expected == "a number, value, by or dated"


def test_a_benefit_that_computes_is_refused():
    doc = load(HERE.parent / "golden_benefit/births-and-bounds/document.yaml")
    doc["benefits"][0]["lump"] = COMPUTE
    with pytest.raises(DocumentError, match="reckons from a visit"):
        load_benefits(doc)


def test_a_key_of_a_table_may_be_called_compute():
    doc = documents(HERE / "07-overrun-whole-and-by-part")[0]
    doc["methods"][0]["base"]["amount"] = {"by": "hosp_lv", "compute": "5", "else": "6"}
    assert len([leaf for leaf in load_clearing(doc).figures() if leaf.unit == "fen"]) == 3


def places(read: Any, doc: dict) -> list[str]:
    with pytest.raises(DocumentError) as found:
        read(doc)
    return sorted(problem.path for problem in found.value.problems)


@pytest.mark.parametrize(
    ("shape", "at"),
    [
        (lambda d: d["scheme"].update(regin="*"), "scheme.regin"),
        (lambda d: d["pools"]["all"].update(reserve="2"), "pools.all.reserve"),
        (lambda d: d.update(pools="all"), "pools"),
        (lambda d: d.pop("id"), "id"),
        (lambda d: d["methods"][0].update(pays="point"), "methods[0].pays"),
        (lambda d: d["methods"][0].update(pool=["all"]), "methods[0].pool"),
        (lambda d: d["methods"][0].update(fund={"formula": "les_patient"}), "methods[0].fund.formula"),
        (lambda d: d["methods"][0]["deposit"].update(rate="1.5"), "methods[0].deposit.rate"),
        (lambda d: d["methods"].append("item"), "methods[2]"),
    ],
)
def test_problems_of_shape_and_between_parts_are_told_together(shape: Any, at: str):
    """The second method has an unknown name of a pool and two methods are called alike; nothing that only follows is told."""
    doc = documents(HERE / "09-points-share-a-budget")[0]
    second = copy.deepcopy(doc["methods"][0])
    doc["methods"].append({**second, "pool": "al"})
    del doc["methods"][1]["ungrouped"]
    shape(doc)
    doc["methods"][1]["fund"]["formula"] = "wholly"
    between = ["methods[1].fund.formula", "methods[1].id", "methods[1].pool", "methods[1].ungrouped"]
    if at == "pools":
        between.remove("methods[1].pool")
    assert places(load_clearing, doc) == sorted([at, *between])


def test_benefits_tell_both_too():
    doc = load(HERE.parent / "golden_benefit/births-and-bounds/document.yaml")
    held = doc["benefits"][0]
    held["lump"], held["count"] = "-1", {"start": "98", "column": "days"}
    doc["benefits"].append({**held, "id": "two", "lump": "1", "unit": "weeks"})
    doc["effective"]["form"] = "2024-01-01"
    assert places(load_benefits, doc) == [
        "benefits[0].count", "benefits[0].lump", "benefits[1].unit", "effective.form",
    ]  # fmt: skip


def test_every_column_is_described():
    """What comes out has the columns that are told, in their order; each has words in both languages, a unit and where its name is from."""
    from ybcore.clearing import describe, described

    r = Random(1)
    text = typed({}, tables(r, 40))
    text["budgets"] = [{**row, "budget": "9000000"} for row in text["budgets"]]
    done = cleared(document(r), text)
    found = {**done.tables(), "indicators": done.indicators()}
    for name, table in described.GROUPS["cleared"].items():
        assert set(found[name].column_names) == {column.name for column in table.columns}, name
    rows = [row for group in described.GROUPS for row in describe(group)]
    assert all(row["zh"] and row["en"] and row["source"] and row["unit_zh"] and row["unit_en"] for row in rows)
    sources = {(row["table"], row["column"]): row["source"] for row in rows}
    assert sources["months", "setlym"] == "3203" and "3201" in sources["cases", "medfee_sumamt"]
    assert sources["months", "bydise_setl_payamt"] == "SETL_D" and sources["cases", "group_code"] == described.OWN
    with pytest.raises(ValueError, match="'nothing' is not clearing, cleared, benefits"):
        describe("nothing")
    units = {(row["table"], row["column"]): row["unit_en"] for row in rows}
    assert units["pools", "value"] == "value of a point: 1/1000000 yuan" and units["cases", "multiple"] == "number: 1/1000000"  # fmt: skip


def test_indicators_tell_their_formula_and_source():
    from ybcore.clearing.described import INDICATORS

    r = Random(2)
    text = typed({}, tables(r, 20))
    text["budgets"] = [{**row, "budget": "9000000"} for row in text["budgets"]]
    told = cleared(document(r), text).indicators().schema
    for column in INDICATORS.columns[1:]:
        held = {key.decode(): value.decode() for key, value in told.field(column.name).metadata.items()}
        assert set(held) == {"formula", "formula_zh", "source", "note"} and all(held.values()), column.name
        assert "http" in held["source"] or "ybcore" in held["source"] or "3203" in held["source"]


def test_wrong_cells_and_rows_that_stand_twice_are_told():
    """Column and row of what is wrong, in both languages; a case that stands twice would be paid twice."""
    r = Random(3)
    doc, text = document(r), typed({}, tables(r, 6))
    text["budgets"] = [{**row, "budget": "9000000"} for row in text["budgets"]]
    quota = next(row for row in text["quotas"] if row.get("heads"))
    text["cases"].append(text["cases"][2])
    text["groups"][1] = {**text["groups"][1], "points": "-3"}
    text["budgets"][4] = {**text["budgets"][4], "budget": "-1"}
    with pytest.raises(InputError) as caught:
        cleared(doc, text)
    told = {(one.path, one.row): (one.what_zh, one.what) for one in caught.value.problems}
    wrong = ("有单元格缺失、为负或无法读取", "a cell is missing, below zero or cannot be read")
    assert told == {
        ("cases.setl_id", 7): ("setl_id 重复", "the setl_id is there twice"),
        ("groups.points", 2): wrong,
        ("budgets.budget", 5): wrong,
    }
    text = typed({}, tables(r, 6))
    text["budgets"] = [{**row, "budget": "9000000"} for row in text["budgets"]]
    text["quotas"].append(quota)
    with pytest.raises(InputError, match=f"row {len(text['quotas'])}: quotas: .*an earlier row gives the same"):
        cleared(doc, text)


def test_a_budget_that_is_missing_is_told_with_the_nearest():
    place = HERE / "09-points-share-a-budget"
    text = written(load(place / "case.yaml"))
    [budget] = text["budgets"]
    text["budgets"] = [{**budget, "pool": budget["pool"] + "x"}]
    with pytest.raises(InputError) as caught:
        cleared(documents(place)[0], text)
    assert caught.value.problems[0].nearest == f"{budget['pool']}x {budget['period']}"
