"""Reforms of clearing documents: compared, swept, solved, attributed; and cases from a seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from ybcore.clearing import attribute, clear, compare, load_clearings, reformed, solve, sweep
from ybcore.clearing.explain import explain_case
from ybcore.errors import DocumentError, InputError
from ybcore.report.statement import Statement
from ybcore.simulate import Reform
from ybcore.synth.clearing import clearing_tables, write_clearing

TOWN = Path(__file__).resolve().parent.parent / "data/clearing"
HOSPITAL = 'methods[dip].coefficients[hospital].value["05"]'


@pytest.fixture(scope="module")
def town() -> dict[str, Any]:
    return clearing_tables(3, 3_000)


def run(town: dict[str, Any], book: Any) -> Any:
    tables = dict(town)
    return clear(tables.pop("cases"), book, **tables)


def parts(town: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    return town["cases"], {name: table for name, table in town.items() if name != "cases"}


def change(**what: Any) -> Reform:
    return Reform.of(str(what.pop("id", "r")), [{"policy": "town-employee-2024", **what}])


def later(**what: Any) -> Reform:
    return Reform.of("later", [{"policy": "town-employee-2024", **what}], start="2024-07-01")


def test_who_wins_and_who_loses(town: dict[str, Any]):
    """The coefficient of second-level hospitals goes up: under one budget they win what the others lose."""
    before, after = run(town, TOWN), run(town, reformed(TOWN, change(path=HOSPITAL, set="0.9")))
    rows = {row["fixmedins_code"]: row for row in compare(before, after).to_pylist()}
    assert rows["H00001"]["change"] > 0 > rows["H00000"]["change"]
    assert sum(row["change"] for row in rows.values()) == 0
    assert all(row["after"] - row["before"] == row["change"] for row in rows.values())


def test_sweep_and_solve(town: dict[str, Any]):
    cases, tables = parts(town)
    path = "pools.inpatient.reserve"
    found = sweep(cases, TOWN, "town-employee-2024", path, ["0.05", "0.1"], **tables).to_pylist()
    assert found[0]["winners"] == found[0]["losers"] == 0 and found[1]["losers"] == 3
    assert found[1]["paid"] < found[0]["paid"]
    value, paid = solve(cases, TOWN, "town-employee-2024", path, "paid", found[1]["paid"], "0", "0.2", **tables)
    assert (float(value), paid) == (0.1, found[1]["paid"])
    with pytest.raises(InputError, match=r"达不到 0.01 元.*does not meet 0.01 yuan"):
        solve(cases, TOWN, "town-employee-2024", path, "paid", 1, "0", "0.2", **tables)
    with pytest.raises(InputError, match=r"no measure 'payd'.*'paid'"):
        solve(cases, TOWN, "town-employee-2024", path, "payd", 1, "0", "0.2", **tables)


def test_from_a_day_within_the_year_the_budget_is_still_there_once(town: dict[str, Any]):
    """Both halves of a document draw one budget: one value of a point, and what is paid is what was paid."""
    before, half, whole = (
        run(town, book)
        for book in (
            TOWN,
            reformed(TOWN, later(path=HOSPITAL, set="0.9")),
            reformed(TOWN, change(path=HOSPITAL, set="0.9")),
        )
    )
    [pool], [old] = half.pools.to_pylist(), before.pools.to_pylist()
    assert pool["budget"] == old["budget"] and pool["cases"] == old["cases"] and pool["standard"] == pool["shared"]
    assert old["points"] < pool["points"] < whole.pools["points"][0].as_py()
    due = [sum(done.years["due"].to_pylist()) for done in (before, half)]
    assert due[0] == due[1]
    assert [row["pool"] for row in half.balances.to_pylist()].count("inpatient") == 1
    for held in half.cases["setl_id"].to_pylist()[:50]:
        assert "11" in explain_case(half, held)[-1]
    assert len(Statement(half, "H00000").pools) == 1


def test_what_a_whole_year_rests_on_does_not_change_within_it(town: dict[str, Any]):
    with pytest.raises(InputError, match="share the budget of pool inpatient, 2024"):
        run(town, reformed(TOWN, later(path="pools.inpatient.reserve", set="0.06")))
    cases = town["cases"]
    heads = pa.array(["11"] * 300 + ["21"] * (cases.num_rows - 300))
    with pytest.raises(InputError, match=r"H00000/310/11/2024 would be paid twice: town-employee-2024 family"):
        run({**town, "cases": cases.append_column("clr_type", heads)}, reformed(TOWN, later(path=HOSPITAL, set="0.9")))


@pytest.mark.parametrize("method", ["sequence", "shapley"])
def test_attribution_adds_up(town: dict[str, Any], method: str):
    cases, tables = parts(town)
    reforms = [
        change(id="up", path=HOSPITAL, times="1.25"),
        change(id="halves", path="methods[dip].readmission.keeps", set="0.25"),
        change(id="reserve", path="pools.inpatient.reserve", set="0.08"),
    ]
    rows = attribute(cases, TOWN, reforms, method, **tables).to_pylist()
    both = compare(run(town, TOWN), run(town, reformed(TOWN, reforms))).to_pylist()
    for row in both:
        assert sum(r["change"] for r in rows if r["fixmedins_code"] == row["fixmedins_code"]) == row["change"]
    assert {row["reform"] for row in rows} == {"up", "halves", "reserve"}


def test_a_reform_from_a_day_cuts_a_document(town: dict[str, Any]):
    reform = Reform.of(
        "july",
        [{"policy": "town-employee-2024", "path": "methods[dip].deposit.rate", "set": "0.1"}],
        start="2024-07-01",
    )
    book = reformed(TOWN, reform)
    assert [document.id for document in book] == ["town-employee-2024", "town-employee-2024+july", "town-resident-2024"]
    found = set(run(town, load_clearings(list(book.documents)[:2])).cases["document"].to_pylist())
    assert found == {"town-employee-2024", "town-employee-2024+july", None}


def test_wrong_reforms_are_told():
    with pytest.raises(DocumentError) as found:
        reformed(TOWN, change(path="methods[dip].coefficient[hospital].value", times="2"))
    assert "methods[dip].coefficients" in found.value.render("en")


def test_cases_from_a_seed(town: dict[str, Any], tmp_path: Path):
    again = clearing_tables(3, 3_000)
    assert all(town[name].equals(again[name]) for name in town)
    assert not town["cases"].equals(clearing_tables(4, 3_000)["cases"])
    kinds = set(run(town, TOWN).cases["kind"].to_pylist())
    assert kinds >= {"normal", "low", "high", "incomplete", "ungrouped"}
    write_clearing(tmp_path, 3, 500, format="csv")
    assert {path.name for path in tmp_path.iterdir()} == {f"{name}.csv" for name in town}
    from ybcore.cli import main

    assert main(["clear", "--documents", str(TOWN), "--input", str(tmp_path), "--quiet", "--json"]) == 0


def test_numbers_of_pools_and_steps_are_figures():
    """`points`, `add` and `times` reach what is the same for everybody, as they reach other figures."""
    employee = next(d for d in load_clearings(TOWN) if d.id == "town-employee-2024")
    assert {leaf.path: leaf.text for leaf in employee.figures()}["pools.inpatient.reserve"] == "0.05"
    moved = reformed(TOWN, change(path="pools.inpatient.reserve", points="2"))
    assert moved["town-employee-2024"].doc["pools"]["inpatient"]["reserve"] == "0.07"
    moved = reformed(TOWN, change(path="pools.inpatient.reserve", times="0.5"))
    assert moved["town-employee-2024"].model.pools["inpatient"].reserve.value == 25_000
    with pytest.raises(DocumentError, match="at most 1"):
        reformed(TOWN, change(path="pools.inpatient.reserve", add="1"))
