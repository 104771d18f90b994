"""The benchmark commands beside the paired one: small runs that must tell the truth, and refuse to when results differ."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from ybcore import Engine, load_book, reference  # noqa: E402

from benchmarks import (  # noqa: E402
    city,
    clearing,
    embed,
    encoding,
    files,
    fresh,
    policies,
    report,
    resettle,
    scaling,
    service,
    startup,
)
from benchmarks.contenders import MODULES  # noqa: E402
from benchmarks.job import make  # noqa: E402
from benchmarks.peers import ybcore_bulk, ybcore_reference  # noqa: E402
from benchmarks.variants import documents, regions  # noqa: E402


def test_encoding(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "encoding.json"
    encoding.main(["--rows", "5000", "--rounds", "2", "--threads", "1,2", "--out", str(out)])
    printed = capsys.readouterr().out
    result = json.loads(out.read_text())
    shapes = {(case["what"], case["call"], case["shape"]) for case in result["cases"]}
    assert {("item codes", "lookup", shape) for shape in ("dictionary", "string", "large_string")} <= shapes
    assert {
        ("person ids", "encode", shape) for shape in ("dictionary", "large_string", "int64, dense", "int64, sparse")
    } <= shapes
    assert all(len(case["seconds"]) == 2 and case["codes_per_second_per_thread"] > 0 for case in result["cases"])
    assert "| item codes | lookup | dictionary | 2 |" in printed and result["machine"]["cores"] >= 1


def test_encoding_needs_equal_numbers():
    made = encoding.cases(300, 1)
    wrong = [
        *made,
        encoding.Case(made[0].what, made[0].call, "other", made[0].column, lambda column, threads: np.zeros(1)),
    ]
    with pytest.raises(SystemExit, match="nothing was timed"):
        encoding.agree(wrong)


def test_scaling(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "scaling.json"
    words = [
        "--visits",
        "300,600",
        "--base",
        "300",
        "--base-items",
        "80",
        "--items",
        "80",
        "--threads",
        "1",
        "--policies",
        "1,4",
        "--layers",
        "3,8",
    ]
    scaling.main([*words, "--rounds", "2", "--out", str(out)])
    printed = capsys.readouterr().out
    result = json.loads(out.read_text())
    assert [(one["axis"], one["point"][one["axis"]]) for one in result["points"]] == [
        ("visits", 300), ("visits", 600), ("threads", 1), ("items", 80), ("policies", 1), ("policies", 4), ("layers", 3), ("layers", 8),
    ]  # fmt: skip
    assert all(
        len(one["seconds"]) == 2 and one["memory_bytes"] > 0 and one["settled"] > 250 for one in result["points"][2:]
    )
    assert "| policies | 4 | 1 |" in printed and result["skipped"] == []


def test_scaling_leaves_out_what_memory_would_not_do(monkeypatch: pytest.MonkeyPatch):
    def ask(module: str, *words: str, threads: int) -> dict[str, Any]:
        point = json.loads(words[1])
        if point["visits"] == 500:
            raise SystemExit("scaling stopped with exit code -9")
        whole = {
            "libraries_bytes": 100,
            "whole_bytes": point["visits"] * 1000,
            "memory_bytes": 1,
            "lines": 1,
            "first_seconds": 1.0,
        }
        return {"point": point, "seconds": [1.0], "cpu_seconds": [1.0], "digest": "d", **whole}

    monkeypatch.setattr(fresh, "ask", ask)
    monkeypatch.setattr(scaling, "free_memory", lambda: 1_000_000)
    told: list[str] = []
    result = scaling.measure(scaling.Point(100), {"visits": [100, 500, 800, 5000]}, told.append)
    assert [one["point"]["visits"] for one in result["points"]] == [100, 800]
    why = {one["point"]["visits"]: one["why"] for one in result["skipped"]}
    assert "exit code -9" in why[500] and "would need about" in why[5000]
    assert "would need about" in scaling.table(result) and "5,000: left out" in told[-1]


def test_scaling_tells_nothing_when_results_differ():
    point = {"visits": 1, "items": 1, "layers": 3, "seed": 1, "policies": 4}
    result = {"points": [{"axis": "policies", "point": point, "digest": digest} for digest in "ab"]}
    with pytest.raises(SystemExit, match="policies 4: other results"):
        scaling.agree(result)


@pytest.mark.parametrize(
    "words", [["--layers", "9"], ["--policies", "0"], ["--policies", "999"], ["--axes", "moons"], ["--visits", "x"]]
)
def test_scaling_refuses(words: list[str]):
    with pytest.raises(SystemExit) as stopped:
        scaling.main(words)
    assert stopped.value.code == 2


@pytest.mark.parametrize(("policies", "layers"), [(1, 2), (1, 3), (4, 3), (12, 3), (3, 5), (1, 8)])
def test_variants_settle_as_the_reference_does(policies: int, layers: int):
    """Each document of a book is used, and every layer of its plans; kernel and reference agree on all columns of money."""
    job = make(400, items=60, seed=policies + layers)
    raw, places = documents(policies, layers), regions(policies)
    book = load_book(raw)
    assert len(book) == policies and {len(plan.layers) for policy in book for plan in policy.model.plans} == {layers}
    visits, lines, persons = ybcore_bulk.tables(job)
    persons["insuplc_admdvs"] = [places[i % len(places)] for i in range(len(job.cat))]
    done = Engine(book, ybcore_bulk.catalog(job), threads=1).settle(visits, lines, persons, line_offsets=job.off).visits
    given = ybcore_reference.tables(job)
    for i, person in enumerate(given["persons"]):
        person["insuplc_admdvs"] = places[i % len(places)]
    rows = reference.settle([policy.doc for policy in book], **given).rows
    for name in reference.MONEY:
        assert done[name].to_pylist() == [row[name] for row in rows], name
    assert set(done["policy_id"].to_pylist()) == {doc["id"] for doc in raw}
    if layers == 8:
        assert all(sum(done[payer].to_pylist()) > 0 for payer in ("cvlserv_pay", "hifes_pay", "oth_pay"))


def test_city(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "city.json"
    city.main(["--visits", "1500", "--items", "500", "--sample", "300", "--rounds", "1", "--out", str(out)])
    printed = capsys.readouterr().out
    result = json.loads(out.read_text())
    known = result["city"][0]["facts"]
    assert (
        known["schemes"] == 3
        and known["reversals"] > 5
        and known["households_of_several"] > 5
        and known["outcomes"]["settled"] > 100
    )
    assert result["reference"]["columns"] > 30
    assert [one["run"]["line_output"] for one in result["city"]] == [False, True, True]
    assert "| one scheme | visits | 1 |" in printed and "line output + detail" in printed
    for name in set(MODULES) - {"ybcore"}:
        assert f"| {name} | " in printed


def test_every_contender_says_what_it_lacks_for_a_city():
    assert set(city.NEEDS) == set(MODULES) and all(city.NEEDS.values())


def test_a_city_that_differs_from_the_reference_is_not_timed(monkeypatch: pytest.MonkeyPatch):
    true = reference.settle

    def off_by_a_fen(*args: Any, **kwargs: Any) -> Any:
        done = true(*args, **kwargs)
        done.rows[7]["psn_cash_pay"] += 1
        return done

    monkeypatch.setattr(reference, "settle", off_by_a_fen)
    with pytest.raises(SystemExit, match="visit 7, psn_cash_pay"):
        city.prove(60, 500, 1)


def test_startup(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    few = ("python, nothing", "import ybcore", "ybcore --version")
    monkeypatch.setattr(startup, "STARTS", {name: startup.STARTS[name] for name in few})
    startup.main(["--rounds", "1"])
    printed = capsys.readouterr().out
    assert all(f"| {name} | " in printed for name in (*few, "first settle, two visits", "second settle"))


def test_service(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    pytest.importorskip("fastapi")
    service.main(["--visits", "12", "--people", "3", "--clients", "2"])
    printed = capsys.readouterr().out
    assert "| service, 2 clients, sqlite | " in printed and "| library, one by one | " in printed
    rows = service.by_batch({1: service.visits_of(1, 4)})
    rows["V00001-0002"]["hifp_pay"] += 1
    monkeypatch.setattr(service, "by_service", lambda *asked: (rows, [0.1], 1.0, 0.1))
    with pytest.raises(SystemExit, match="the service does not give"):
        service.measure(4, 1, 1, None)


def test_numbers_of_a_command_line():
    assert report.integers("20000,2_000_000") == [20_000, 2_000_000]
    for wrong in ("", "x", "1,0", "1;2"):
        with pytest.raises(Exception, match="number"):
            report.integers(wrong)


def test_resettle(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "resettle.json"
    words = ["--visits", "1500", "--items", "500", "--share", "0.1", "--rounds", "2", "--out", str(out)]
    resettle.main(words)
    (point,) = json.loads(out.read_text())["points"]
    scope = point["scope"]
    assert 0.05 * scope["of_groups"] < scope["groups"] < 0.25 * scope["of_groups"] and point["deltas"] > 0
    assert set(scope["why"]) == {"late_claim", "refund", "denied_line", "eligibility_change"}
    assert all(len(point["seconds"][name]) == 2 for name in resettle.CALLS)
    assert resettle.ratios(point, "second")[0] == point["seconds"]["second"][0] / point["seconds"]["full"][0]
    assert "| 1,500 | 1 |" in capsys.readouterr().out


def test_resettle_needs_sums_that_are_the_full_run(monkeypatch: pytest.MonkeyPatch):
    from ybcore import ledger

    settled_again = ledger.resettle

    def one_fen_off(run: Any, changes: Any) -> Any:
        again = settled_again(run, changes)
        table = again.deltas.visits
        cells = table["hifp_pay"].to_numpy().copy()
        cells[0] += 1
        column = table.column_names.index("hifp_pay")
        object.__setattr__(again.deltas, "visits", table.set_column(column, "hifp_pay", [cells]))
        return again

    monkeypatch.setattr(ledger, "resettle", one_fen_off)
    tables, catalog = city.made(600, 500, 1)
    with pytest.raises(SystemExit, match=r"nothing was timed\nbefore \+ deltas of hifp_pay$"):
        resettle.prove(ledger.Run(city.engine(catalog, 1), **tables), 0.1, 1)


@pytest.fixture(scope="module")
def years(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], str]:
    """A small year settled from files: (its folder, the results, what was printed)."""
    folder, said = tmp_path_factory.mktemp("years"), io.StringIO()
    out = folder / "files.json"
    with contextlib.redirect_stdout(said):
        files.main(["--folder", str(folder), "--visits", "2000", "--memory", "512MiB", "--out", str(out)])
    return folder, json.loads(out.read_text()), said.getvalue()


def test_files(years: tuple[Path, dict[str, Any], str]):
    _, result, said = years
    assert 1_900 < result["rows"] <= 2_000
    for kind in ("scattered", "grouped"):
        assert all(seconds > 0 for seconds in result["floor"][kind].values())
        assert len(result["jobs"][kind]) == 1 and result["jobs"][kind][0]["peak_memory_bytes"] < 512 << 20
    assert "| grouped | " in said


def test_files_needs_years_that_are_settled_alike(years: tuple[Path, dict[str, Any], str], tmp_path: Path):
    scattered, grouped = years[0] / "out-scattered", tmp_path / "out-grouped"
    shutil.copytree(years[0] / "out-grouped", grouped)
    files.compared(scattered, grouped)
    part = next((grouped / "settlements").glob("*.parquet"))
    table = pq.read_table(part)
    cash = table.column_names.index("psn_cash_pay")
    pq.write_table(table.set_column(cash, "psn_cash_pay", pc.add(table["psn_cash_pay"], 1)), part)
    with pytest.raises(SystemExit, match="settled differently"):
        files.compared(scattered, grouped)


def test_policies(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "policies.json"
    policies.main(["--visits", "4000", "--policies", "18", "--separate", "2", "--out", str(out)])
    (row,) = json.loads(out.read_text())["rounds"]
    assert (
        row["separate_runs"] == 2
        and row["one_pass_processor"] >= row["settling_processor"] + row["measuring_processor"] > 0
    )
    assert "18 in one pass" in capsys.readouterr().out


def test_policies_needs_alone(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr(policies, "timed", lambda *asked: pytest.fail("nothing is timed"))
    policies.main(["--visits", "2000", "--rounds", "0", "--memory", "2"])
    assert capsys.readouterr().out.startswith("2 policies: ")


def test_policies_that_differ_from_runs_of_their_own_are_not_timed(monkeypatch: pytest.MonkeyPatch):
    right = policies.alone
    monkeypatch.setattr(
        policies, "alone", lambda engine, tables, book, measures: right(engine, tables, engine, measures)
    )
    with pytest.raises(SystemExit, match="differs from a run of its own"):
        policies.timed(4000, 18, 1, 1, 1, 0)


def test_clearing(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    clearing.main(["--cases", "3000", "--threads", "2", "--rounds", "1", "--out", str(tmp_path / "clearing.json")])
    assert "| 3,000 | 2 | duckdb |" in capsys.readouterr().out
    point = json.loads((tmp_path / "clearing.json").read_text())["points"][0]
    assert set(point["seconds"]) == set(point["processor"]) == set(clearing.CONTENDERS)


def test_clearing_that_differs_is_not_timed(monkeypatch: pytest.MonkeyPatch):
    from ybcore.synth.clearing import clearing_tables

    polars = clearing.CONTENDERS["polars"]

    def wrong(tables: dict, threads: int) -> tuple:
        cases, months = polars(tables, threads)
        return cases.set_column(cases.column_names.index("payment"), "payment", [[1] * cases.num_rows]), months

    monkeypatch.setitem(clearing.CONTENDERS, "polars", wrong)
    with pytest.raises(SystemExit, match="polars: payment differs"):
        clearing.equal(clearing_tables(1, 500), 1)


def test_embed(tmp_path: Path, need_program: Callable[[str], str], monkeypatch: pytest.MonkeyPatch):
    need_program("gcc")
    out = tmp_path / "embed.json"
    embed.main(["--visits", "160", "--items", "800", "--out", str(out)])
    answers = json.loads(out.read_text())["answers"]
    assert answers["C door, combination"]["all"]["visits"] == answers["C door, facts"]["all"]["visits"] == 160
    assert {"C door, cold cache", "ybcore.fast", "Engine.settle_one"} <= set(answers)
    # A wrong answer is not timed.
    own = embed.through_c

    def wrong(*words: Any) -> Any:
        columns, took = own(*words)
        columns[3, 8] += 1
        return columns, took

    monkeypatch.setattr(embed, "through_c", wrong)
    with pytest.raises(SystemExit, match="hifp_pay of visit 3 is"):
        embed.main(["--visits", "160", "--items", "800"])
