"""What was silent in clearing and is told: figures that nobody reads, tables and columns that are missing, rows that nobody asks for, names that are not there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from ybcore.clearing import (  # fmt: skip
    attribute,
    changed,
    clear,
    compare,
    load_benefits,
    load_clearing,
    load_clearings,
    reads,
    reformed,
    solve,
    sweep,
)
from ybcore.clearing.explain import explain_case
from ybcore.cli import main
from ybcore.errors import DocumentError, InputError
from ybcore.simulate import Reform
from ybcore.synth.clearing import clearing_tables, write_clearing

TOWN = Path(__file__).resolve().parent.parent / "data/clearing"
EXTREME = "methods[dip].multiples.extreme.at"
HOSPITAL = 'methods[dip].coefficients[hospital].value["05"]'


@pytest.fixture(scope="module")
def town() -> dict[str, Any]:
    return clearing_tables(3, 1_200)


@pytest.fixture(scope="module")
def base(town: dict[str, Any]) -> Any:
    return run(town)


def run(town: dict[str, Any], book: Any = TOWN, **instead: Any) -> Any:
    tables = {**town, **instead}
    return clear(tables.pop("cases"), book, **tables)


def change(path: str, **what: Any) -> Reform:
    return Reform.of(str(what.pop("id", "r")), [{"policy": "town-employee-2024", "path": path, **what}])


def plain(town: dict[str, Any]) -> dict[str, Any]:
    """The town without cases that are dear beyond measure: nobody is extreme, under 5 or under 6."""
    done = run(town)
    keep = pc.or_kleene(pc.is_null(done.cases["multiple"]), pc.less(done.cases["multiple"], 4_000_000))
    return {**town, "cases": town["cases"].filter(pc.fill_null(keep, True))}


def test_a_change_that_no_case_reads_is_an_error(town: dict[str, Any]):
    calm = plain(town)
    before, after = run(calm), run(calm, reformed(TOWN, change(EXTREME, set="6")))
    assert "extreme" not in before.cases["kind"].to_pylist() and before.years.equals(after.years)
    with pytest.raises(InputError) as found:
        compare(before, after)
    assert "no case and no unit reads what this changes" in found.value.render("en") and f"town-employee-2024: {EXTREME}" in found.value.render("en")  # fmt: skip
    assert "没有病例或清算单元读到所改的数值" in found.value.render("zh")
    assert set(compare(before, after, unread=True)["change"].to_pylist()) == {0}
    [row] = reads(before, after, unread=True).to_pylist()
    assert (row["before"], row["after"], row["cases_read"], row["units_read"]) == ("5", "6", 0, 0)
    assert changed(before, after) == (0, 0)
    cases, tables = calm["cases"], {name: table for name, table in calm.items() if name != "cases"}
    where = (cases, TOWN, "town-employee-2024", EXTREME)
    for silent in (
        lambda **more: sweep(*where, ["6", "7"], **tables, **more),
        lambda **more: attribute(cases, TOWN, [change(EXTREME, set="6")], **tables, **more),
        lambda **more: solve(
            *where, "paid", sum(before.years["paid"].to_pylist()), "6", "7", places=0, **tables, **more
        ),
    ):
        with pytest.raises(InputError, match="no case and no unit reads"):
            silent()
        assert silent(unread=True) is not None


def test_who_reads_a_figure_is_counted_exactly(town: dict[str, Any], base: Any):
    """The coefficient of second-level hospitals is read by their cases of the method that have a standard of their group."""
    book = reformed(TOWN, change(HOSPITAL, set="0.9"))
    after = run(town, book)
    [row] = reads(base, after).to_pylist()
    places = {r["fixmedins_code"] for r in town["institutions"].to_pylist() if r["hosp_lv"] == "05"}
    told = zip(town["cases"].to_pylist(), base.cases.to_pylist())
    mine = [(case, got) for case, got in told if got["method"] == "dip" and case["fixmedins_code"] in places]
    mine = [case for case, got in mine if got["kind"] not in ("ungrouped", "reviewed")]
    assert row["cases_read"] == len(mine) > 0
    assert row["units_read"] == len({(case["fixmedins_code"], case["insutype"]) for case in mine})
    moved, units = changed(base, after)
    same = [a == b for a, b in zip(*(done.cases.select(["points", "standard", "payment"]).to_pylist() for done in (base, after)))]  # fmt: skip
    assert moved == same.count(False) > 0 and units > 0


@pytest.mark.parametrize(
    ("path", "value", "who"),
    [
        ("pools.inpatient.reserve", "0.06", lambda row: row["method"] == "dip"),
        (EXTREME, "6", lambda row: row["kind"] == "extreme"),
        ("methods[dip].multiples.low.at", "0.45", lambda row: row["kind"] == "low"),
        ("methods[dip].readmission.keeps", "0.4", lambda row: row["readmission"] == 1),
        ("methods[dip].deposit.rate", "0.04", lambda row: row["method"] == "dip"),
        ("methods[family].base.amount", "77", lambda row: row["method"] == "family"),
    ],
)
def test_parts_are_read_by_their_cases(town: dict[str, Any], base: Any, path: str, value: str, who: Any):
    after = run(town, reformed(TOWN, change(path, set=value)))
    rows = reads(base, after, unread=True).to_pylist()
    employee = {d.id for d in base.book if d.id == "town-employee-2024"}
    both = zip(*(done.cases.to_pylist() for done in (base, after)))
    count = sum(any(row["document"] in employee and who(row) for row in pair) for pair in both)
    assert [row["cases_read"] for row in rows] == [count]
    if path == "methods[family].base.amount":
        assert rows[0]["units_read"] > 0  # heads are paid to institutions, with cases or without


def test_dated_reforms_are_read_where_they_hold(town: dict[str, Any], base: Any):
    half = Reform.of("july", [{"policy": "town-employee-2024", "path": HOSPITAL, "set": "0.9"}], start="2024-07-01")
    [row] = reads(base, run(town, reformed(TOWN, half))).to_pylist()
    [whole] = reads(base, run(town, reformed(TOWN, change(HOSPITAL, set="0.9")))).to_pylist()
    assert 0 < row["cases_read"] < whole["cases_read"] and row["policy_id"] == "town-employee-2024+july"


def told(call: Any) -> tuple[str, str]:
    with pytest.raises((InputError, DocumentError)) as found:
        call()
    return found.value.render("zh"), found.value.render("en")


def test_groups_that_are_not_there_are_told(town: dict[str, Any]):
    zh, en = told(lambda: run(town, groups=None))
    assert "dip pays by the figures of groups, and no table groups is given" in en and "未给出 groups 表" in zh
    assert "groups: method drg pays by the figures of groups" in en  # of the other document
    names = ["grup_code" if name == "group_code" else name for name in town["cases"].column_names]
    zh, en = told(lambda: run(town, cases=town["cases"].rename_columns(names)))
    assert "cases.group_code: method " in en and "dip pays by group" in en and "did you mean 'grup_code'?" in en
    assert "cases 没有 group_code 列；是否为 'grup_code'？" in zh
    # Where no case is paid by group nothing is needed.
    visits = town["cases"]
    outpatients = pa.array(["11"] * visits.num_rows)
    heads = visits.drop_columns([name for name in visits.column_names if name == "clr_type"]).append_column(
        "clr_type", outpatients
    )
    paid = run(town, cases=heads.filter(pc.equal(heads["insutype"].cast(pa.string()), "310")), groups=None)
    assert set(paid.cases["method"].to_pylist()) == {"family"}


def test_budgets_and_quotas_of_nobody_are_told(town: dict[str, Any]):
    row = {**town["budgets"].to_pylist()[0], "pool": "inpatent"}
    budgets = pa.concat_tables([town["budgets"], pa.Table.from_pylist([row], schema=town["budgets"].schema)])
    zh, en = told(lambda: run(town, budgets=budgets))
    assert (
        f"row {budgets.num_rows}: budgets.pool: no document names the pool 'inpatent'; did you mean 'inpatient'?" in en
    )
    assert "没有文件使用预算 'inpatent'；是否为 'inpatient'？" in zh
    lost = {**town["quotas"].to_pylist()[0], "fixmedins_code": "H0000O"}
    quotas = pa.concat_tables([town["quotas"], pa.Table.from_pylist([lost], schema=town["quotas"].schema)])
    zh, en = told(lambda: run(town, quotas=quotas))
    assert "quotas.fixmedins_code: neither cases nor institutions have 'H0000O'; did you mean 'H0000" in en
    assert "cases 与 institutions 中均无机构 'H0000O'" in zh


def test_institutions_that_are_not_there_are_counted(
    town: dict[str, Any], base: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert base.unknown_institutions.num_rows == 0
    write_clearing(tmp_path / "town", 3, 300, format="csv")
    path = tmp_path / "town/institutions.csv"
    head, first, *rest = path.read_text(encoding="utf-8").splitlines()
    code = "H00000"
    assert code in first
    path.write_text("\n".join([head, first.replace(code, "H0000O"), *rest, ""]), encoding="utf-8")
    out = tmp_path / "out"
    args = ["clear", "--documents", str(TOWN), "--input", str(tmp_path / "town"), "--out", str(out), "--lang", "en"]
    assert main(args) == 0
    counted = json.loads((out / "receipt.json").read_text(encoding="utf-8"))["counts"]["unknown_institution"]
    said = capsys.readouterr().err
    assert f"not in the table institutions on the days of their {counted} cases (1): {code} (nearest: H0000" in said
    assert counted > 0


def test_institutions_of_other_days_are_counted_on_theirs(town: dict[str, Any], base: Any):
    """An institution whose row ends in July: its later cases are told, with itself as the nearest."""
    rows = town["institutions"].to_pylist()
    ended = [{**row, "enddate": "2024-07-01" if row is rows[0] else None} for row in rows]
    done = run(town, institutions=pa.Table.from_pylist(ended))
    [lost] = done.unknown_institutions.to_pylist()
    code = rows[0]["fixmedins_code"]
    days = zip(town["cases"]["fixmedins_code"].to_pylist(), town["cases"]["setl_time"].to_pylist())
    late = sum(who == code and str(day) >= "2024-07-01" for who, day in days)
    assert (lost["fixmedins_code"], lost["cases"], lost["nearest"]) == (code, late, code) and late > 0


def test_an_unknown_case_names_the_nearest(base: Any, town: dict[str, Any]):
    name = str(town["cases"]["setl_id"][7].as_py())
    _, en = told(lambda: explain_case(base, name + "x"))
    assert f"no case is called '{name}x'; did you mean '{name}'?" in en


def test_documents_that_are_not_there_are_told(tmp_path: Path):
    (tmp_path / "empty").mkdir()
    zh, en = told(lambda: load_clearing(tmp_path / "empty"))
    assert "no *.yaml is in it" in en and "其中没有 *.yaml" in zh and str(tmp_path) in en
    zh, en = told(lambda: load_clearing(TOWN))
    assert "this is a folder" in en and "load_clearings" in en and "这是文件夹" in zh
    real = sorted(TOWN.glob("*.yaml"))[0]
    for load in (load_clearing, load_clearings, load_benefits):
        zh, en = told(lambda load=load: load(real.with_name(real.name.replace("town", "twon"))))  # type: ignore[misc]
        assert f"the document is not there; did you mean '{real.name}'?" in en and "文件不存在" in zh
    zh, en = told(lambda: load_clearings(tmp_path / "empty"))
    assert "no *.yaml in folder" in en and "中没有 *.yaml" in zh


@pytest.mark.parametrize("path", ["pools.inpatient.reserve"])
def test_a_solution_has_its_certificate(town: dict[str, Any], path: str):
    cases, tables = town["cases"], {name: table for name, table in town.items() if name != "cases"}
    goal = sweep(cases, TOWN, "town-employee-2024", path, ["0.1"], **tables)["paid"][0].as_py()
    found = solve(cases, TOWN, "town-employee-2024", path, "paid", goal + 1, "0.08", "0.12", places=2, **tables)
    value, at = found
    assert (value, at) == (found.value, found.at) == ("0.1", goal)
    assert round((float(found.high) - float(found.low)) * 100) == 1 and found.monotone == "falling"
    assert min(found.at_low, found.at_high) <= goal + 1 <= max(found.at_low, found.at_high)
    again = sweep(cases, TOWN, "town-employee-2024", path, [found.low, found.high], **tables)["paid"].to_pylist()
    assert again == [found.at_low, found.at_high]
    assert dict(found.looked)[found.low] == found.at_low and found.target == goal + 1


def test_conditions_are_read_by_those_they_let_in_and_out(town: dict[str, Any], base: Any):
    after = run(town, reformed(TOWN, change("methods[rehabilitation].when.group_code", set=["R01"])))
    both = zip(*(done.cases["method"].to_pylist() for done in (base, after)))
    count = sum("rehabilitation" in pair for pair in both)
    assert {row["cases_read"] for row in reads(base, after).to_pylist()} <= {count} and count > 0
    assert changed(base, after)[0] > 0


def test_a_release_is_read_by_those_whose_score_takes_it(town: dict[str, Any], base: Any):
    """Rows from 90 and from 80: each is read by the units between, the scores of others take another row or none."""
    scores = {row["fixmedins_code"]: row["score"] for row in town["quotas"].to_pylist() if row["score"] is not None}
    units = [row for row in base.years.to_pylist() if row["method"] == "dip"]
    for place, mine in ((0, lambda score: score >= 90), (1, lambda score: 80 <= score < 90)):
        after = run(town, reformed(TOWN, change(f"methods[dip].deposit.release[{place}].share", set="0.9")))
        [row] = reads(base, after, unread=True).to_pylist()
        assert row["units_read"] == sum(mine(scores.get(unit["fixmedins_code"], 0)) for unit in units)
    assert any(score >= 80 for score in scores.values())


def test_figures_by_grade_are_read_in_their_grade(town: dict[str, Any], base: Any):
    """An edge that differs by grade is read by extreme cases of the grade alone."""
    by_grade = {"by": "hosp_lv", "02": "5", "else": "5"}
    split = reformed(TOWN, change(EXTREME, set=by_grade))
    before = run(town, split)
    after = run(town, reformed(split, change(f'{EXTREME}["02"]', set="4.9999")))
    [row] = reads(before, after, unread=True).to_pylist()
    grade = {r["fixmedins_code"]: r["hosp_lv"] for r in town["institutions"].to_pylist()}
    places = [grade[code] for code in town["cases"]["fixmedins_code"].to_pylist()]
    both = zip(places, *(done.cases["kind"].to_pylist() for done in (before, after)))
    assert row["cases_read"] == sum(place == "02" and "extreme" in kinds for place, *kinds in both)
