"""Rules as a stage of a job: findings, details and money are those of one run in memory, however the input is cut."""

from __future__ import annotations

import json
import re
from functools import lru_cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from city_rules import own_layer
from jobs_small import by_person, plain, ranks, result, write_inputs
from test_job_run import shuffled
from test_verify import alter, told
from test_verify_jobs import do as run_job
from test_verify_jobs import write_job
from ybcore import Catalog, Engine
from ybcore.checks import load_rules, shipped_rules
from ybcore.cli import main
from ybcore.cli.settle import demo_policies
from ybcore.errors import DocumentError
from ybcore.jobs import scatter
from ybcore.jobs.datasets import find_datasets
from ybcore.jobs.document import load_job
from ybcore.jobs.job import run_job as do_job
from ybcore.jobs.journal import Journal
from ybcore.jobs.manifest import MOVED
from ybcore.jobs.ruled import ACROSS, coverage
from ybcore.jobs.run import Work
from ybcore.jobs.spark import SparkWork
from ybcore.jobs.unit import Outputs
from ybcore.receipts.model import json_schema
from ybcore.synth import city

BESIDE = ("diagnoses", "operations", "labs", "doctors", "stock")
IDS = ("setl_id", "psn_no", "mdtrt_id", "fixmedins_code", "dr_code", "feedetl_sn")


@pytest.fixture(autouse=True)
def many_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small chunks, so that a small input has many."""
    monkeypatch.setattr(scatter, "FULL", 350)


@lru_cache(1)
def place() -> Any:
    """The clinical city."""
    return city(seed=5, plants=4, persons=70, catalog_items=600, clinical=True)


@lru_cache(1)
def town() -> Any:
    """(engine, book, tables, one run in memory): a clinical city with planted faults, and rows that name visits of others."""
    made = place()
    batch = made.visits()
    tables = {name: getattr(batch, name) for name in ("visits", "lines", "diagnoses", "operations", "labs")}
    tables |= {n: getattr(made, n) for n in ("persons", "institutions", "acct_events", "doctors", "stock")}
    tables = {name: plain(table) for name, table in tables.items()}
    book = load_rules([*shipped_rules(), own_layer(made)])
    engine = Engine(demo_policies(), Catalog(**dict(zip(("items", "selfpay", "caps"), made.catalog))), threads=1)
    found = in_memory(engine, book, tables).checks.findings
    denied = found.filter(pc.equal(found["disposition"], "deny"))["setl_id"].unique().to_pylist()
    tables["visits"] = crossed(tables["visits"], denied)
    return engine, book, tables, in_memory(engine, book, tables)


def moved_in(done: Any) -> list[int]:
    """Fen that rules move out of lines of visits that are settled, those that were full self-pay anyway apart, and of visits that are not settled."""
    outcome = done.visits["outcome"].cast(pa.string())
    ids = done.visits.filter(pc.is_in(outcome, value_set=pa.array(["rejected", "not_enrolled"])))["setl_id"]
    details = done.checks.details
    lost = pc.sum(details.filter(pc.is_in(details["setl_id"], value_set=ids.combine_chunks()))["paid_amt"]).as_py() or 0
    own = pc.sum(done.checks.findings["own_amt"]).as_py()
    return [pc.sum(details["paid_amt"]).as_py() - lost - own, own, lost]


def crossed(visits: pa.Table, denied: list[str]) -> pa.Table:
    """Visits with rows of other people that name some with findings: a reversal, an id that is taken, and one of nobody that comes first."""
    for name, kind in (("init_setl_id", pa.string()), ("refd_setl_flag", pa.int8())):
        if name not in visits.column_names:
            visits = visits.append_column(name, pa.nulls(len(visits), kind))
    rows = visits.to_pylist()
    one, two, three = (next(row for row in rows if row["setl_id"] == name) for name in denied[:3])
    other = next(row for row in rows if row["psn_no"] not in (None, one["psn_no"], two["psn_no"], three["psn_no"]))
    flag = visits.schema.field("refd_setl_flag").type
    back = pa.scalar(1).cast(flag).as_py()
    after = [
        {**other, "setl_id": "X1", "init_setl_id": one["setl_id"], "refd_setl_flag": back},
        {**other, "setl_id": two["setl_id"]},
    ]
    before = pa.Table.from_pylist([{**three, "psn_no": None}], visits.schema)
    return pa.concat_tables([before, visits, pa.Table.from_pylist(after, visits.schema)]).combine_chunks()


def in_memory(engine: Engine, book: Any, tables: dict[str, pa.Table], state: Any = None, **asked: Any) -> Any:
    people = {name: table for name, table in tables.items() if name not in BESIDE}
    beside = {name: tables[name] for name in BESIDE if name in tables}
    rest = book.without(book.across)
    return engine.settle(**people, rules=rest, beside=beside, state=state, line_output=True, detail=True, **asked)


def do(paths: dict[str, Any], out: Path, unit: int, threads: int, book: Any, engine: Engine, state: Any = None, **more: Any) -> Work:  # fmt: skip
    named = {name: [str(path) for path in files] for name, files in paths.items()}
    data = find_datasets(SimpleNamespace(inputs=named, folder=out.parent, rules=("rules",)), engine)
    work = Work(
        engine, data, Journal.open(out, {}), Outputs(lines=True, detail=True), state, 4 << 30, threads, book, **more
    )
    work.journal.note("cut", "", visits=unit, rows=1 << 20)
    work.run()
    return work


def typed(table: pa.Table) -> pa.Table:
    table = plain(table)
    for name in IDS:
        if name in table.column_names:
            table = table.set_column(table.column_names.index(name), name, table[name].cast(pa.string()))
    return table


def agree(
    engine: Engine, tables: dict[str, pa.Table], paths: dict[str, Any], out: Path, done: Any, state: Any = None
) -> None:
    """Findings, details, settlements, lines and layers are those of the run in memory, in the order of the output."""
    people = {name: table for name, table in tables.items() if name not in BESIDE}
    setl = tables["visits"]["setl_id"].to_pylist()
    rank: dict[Any, Any] = {}
    place = ranks(engine, people, state)
    for name, key in zip(setl, place):
        rank.setdefault(name, key)
    findings = typed(done.checks.findings).to_pylist()
    order = sorted(range(len(findings)), key=lambda i: rank[findings[i]["setl_id"]][1])
    got = result(out, "findings")
    assert got is not None and len(got) > 20
    assert typed(got).to_pylist() == [findings[i] for i in order]
    at = {findings[row]["jr_id"]: i for i, row in enumerate(order)}
    details = sorted(typed(done.checks.details).to_pylist(), key=lambda row: at[row["jr_id"]])
    lies = {name: where(files) for name, files in paths.items() if name in ("visits", "lines")}
    for row in details:
        line = row.pop("row")
        table, number = ("visits", setl.index(row["setl_id"])) if line < 0 else ("lines", line)
        row["source_file"], row["source_row"] = lies[table][number]
    held = result(out, "details")
    assert held is not None and typed(held).to_pylist() == details
    whole = plain(done.visits)
    lie = lies["visits"]
    rows = [i for i in sorted(range(len(setl)), key=lambda i: place[i]) if whole["outcome"][i].as_py() != "rejected"]
    settled = result(out, "settlements")
    assert (
        settled is not None
        and settled.drop_columns(["source_file", "source_row"]).to_pylist() == whole.take(rows).to_pylist()
    )
    assert list(zip(settled["source_file"].to_pylist(), settled["source_row"].to_pylist())) == [lie[i] for i in rows]
    lines = result(out, "line_results")
    assert lines is not None
    mine = {(r.pop("source_file"), r.pop("source_row")): r for r in lines.to_pylist()}
    for row, key in zip(plain(done.lines).to_pylist(), lies["lines"]):
        if key in mine:
            assert mine.pop(key) == row
    assert not mine
    layers = result(out, "detail")
    assert layers is not None and sorted(map(str, layers.to_pylist())) == sorted(
        map(str, plain(done.detail).to_pylist())
    )


def where(files: list[Path]) -> list[tuple[str, int]]:
    return [(path.name, row) for path in files for row in range(pq.read_metadata(path).num_rows)]


CUTS: list[Any] = [
    ("as they lay", {"lines": 5, "persons": 2, "diagnoses": 3, "labs": 2}, 97, 500, 2),
    ("by person", {"lines": 3}, 211, 250, 2),
    ("shuffled, one time of day", {"lines": 2, "operations": 2}, 300, 370, 1),
]


def at_midnight(tables: dict[str, pa.Table]) -> dict[str, pa.Table]:
    """Only one line of all, far from the first, has a time of day: parts cannot tell that there are any."""
    lines = tables["lines"]
    at, times = lines.column_names.index("fee_ocur_time"), lines["fee_ocur_time"]
    days = [None if t is None else t.replace(hour=0, minute=0, second=0) for t in times.to_pylist()]
    row = next(row for row in range(len(days) * 3 // 4, len(days)) if days[row] is not None)
    days[row] = days[row].replace(hour=9)
    return tables | {"lines": lines.set_column(at, "fee_ocur_time", pa.array(days, times.type))}


CHANGED: dict[str, Any] = {
    "by person": by_person,
    "shuffled, one time of day": lambda tables: at_midnight(
        tables | {n: shuffled(tables[n], 3) for n in ("visits", "lines", "diagnoses", "labs")}
    ),
}


@pytest.mark.parametrize(("how", "files", "rows", "unit", "threads"), CUTS)
def test_any_cut_gives_what_memory_gives(tmp_path: Path, how: str, files: dict[str, int], rows: int, unit: int, threads: int) -> None:  # fmt: skip
    engine, book, tables, done = town()
    if how != "as they lay":
        tables = CHANGED[how](tables)
        done = in_memory(engine, book, tables)
    paths = write_inputs(tmp_path / "in", tables, files, rows)
    work = do(paths, tmp_path / "out", unit, threads, book, engine)
    spill = tmp_path / "out" / "spill"
    assert bool(list(spill.glob("lines-*"))) == how.startswith("shuffled")
    assert bool(list(spill.glob("far-lines-*"))) == (how == "as they lay")
    agree(engine, tables, paths, tmp_path / "out", done)
    assert work.ruled is not None
    units = [work.journal.all("unit")[u] for u in range(work.plan.units)]
    moved = [sum(u["counts"].get(name, 0) for u in units) for name in MOVED]
    assert moved == moved_in(done) and min(moved) > 0 and sum(moved) == int(done.checks.denials().amount.sum())
    told = {row["rule_id"]: row for row in coverage(book, work.ruled, units)}
    assert {name for name, row in told.items() if row["reason"] == ACROSS} == book.across and len(units) > 4
    for row in done.checks.manifest.to_pylist():
        if row["rule_id"] not in book.across:
            row.pop("seconds")
            assert told[row["rule_id"]] == row


def test_rules_and_an_opening_state(tmp_path: Path) -> None:
    """The second half of a year with rules goes on from the state of the first."""
    engine, book, tables, _ = town()
    visits = tables["visits"]
    time = np.array(visits["setl_time"].cast(pa.int64()).fill_null(0))
    early = time < np.median(time)
    ids = visits["setl_id"].to_pylist()
    first = {i for i, mine in zip(ids, early) if mine}
    halves = []
    for mine in (True, False):
        half = {**tables, "visits": visits.filter(pa.array(early == mine))}
        for name in ("lines", "diagnoses", "operations", "labs"):
            half[name] = half[name].filter(pa.array([(i in first) == mine for i in half[name]["setl_id"].to_pylist()]))
        halves.append(half)
    people = {name: table for name, table in halves[0].items() if name not in BESIDE}
    opening = engine.settle(**people, receipt=False).state
    paths = write_inputs(tmp_path, halves[1], {"lines": 2}, 200)
    out = tmp_path / "job"
    do(paths, out, 250, 2, book, engine, state=opening)
    agree(engine, halves[1], paths, out, in_memory(engine, book, halves[1], state=opening), opening)


def test_what_other_people_s_rows_do_is_known_in_every_unit() -> None:
    """The data has what only the whole can tell: without it the findings would be others."""
    engine, book, tables, done = town()
    visits = tables["visits"]
    for rows in (visits.slice(1), visits.slice(0, visits.num_rows - 2)):
        other = in_memory(engine, book, tables | {"visits": rows}).checks.findings
        assert set(other["jr_id"].to_pylist()) - set(done.checks.findings["jr_id"].to_pylist())


# ------------------------------------------------------------------ the command


def without_reversal(tables: dict[str, pa.Table]) -> dict[str, pa.Table]:
    """Without the reversal of another's visit: its reason is told in rejects, but not in the counts."""
    return tables | {"visits": tables["visits"].filter(pc.not_equal(tables["visits"]["setl_id"], "X1"))}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The city in files, with diagnoses and a line of visits that are not there."""
    folder = tmp_path_factory.mktemp("ruled")
    tables = without_reversal(town()[2])
    for name in ("lines", "diagnoses"):
        row = tables[name].slice(5, 1)
        lost = row.set_column(row.column_names.index("setl_id"), "setl_id", pa.array(["nowhere"]))
        tables[name] = pa.concat_tables([tables[name], lost])
    write_inputs(folder / "data", tables, {"lines": 2})
    for name, table in zip(("items", "selfpay", "caps"), place().catalog):
        (folder / "catalog").mkdir(exist_ok=True)
        pq.write_table(pa.table(table), folder / "catalog" / f"{name}.parquet")
    (folder / "own.yaml").write_text(json.dumps(own_layer(place()), ensure_ascii=False), encoding="utf-8")
    return folder


def job(files: Path, folder: Path, **more: Any) -> Path:
    inputs = {path.name: str(path) for path in sorted((files / "data").iterdir())}
    rules = [*(str(path) for path in shipped_rules()), str(files / "own.yaml")]
    asked: dict[str, Any] = {
        "catalog": str(files / "catalog"),
        "rules": rules,
        "outputs": {"lines": True, "detail": True},
    }
    return write_job(folder, "out", [str(p) for p in demo_policies()], inputs, **{**asked, **more})


def test_a_job_with_rules_is_told_proved_and_explained(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Work, "unit_visits", 350)
    engine, book, tables, _ = town()
    memory = in_memory(engine, book, without_reversal(tables))
    out = run_job(job(files, tmp_path))
    said = json.loads(capsys.readouterr().out)
    manifest, receipt = (
        json.loads((out / name).read_text(encoding="utf-8")) for name in ("manifest.json", "receipt.json")
    )
    jsonschema.validate(receipt, json_schema())
    assert manifest["units"] > 4 and said["coverage"] == manifest["coverage"] == receipt["rules"]["coverage"]
    skipped = {row["rule_id"]: row["reason"] for row in manifest["coverage"] if row["status"] == "skipped"}
    assert {name for name, reason in skipped.items() if reason == ACROSS} == book.across
    assert [receipt["rules"][name] for name in MOVED] == moved_in(memory)
    assert (receipt["counts"]["findings"], receipt["counts"]["details"]) == (
        len(memory.checks.findings),
        len(memory.checks.details),
    )
    rejects = result(out, "rejects")
    assert rejects is not None
    lost = [row for row in rejects.to_pylist() if row["reason"] == "no_visit"]
    assert [(row["table"], row["setl_id"]) for row in lost] == [("lines", "nowhere"), ("diagnoses", "nowhere")]
    assert main(["run", str(tmp_path / "out.yaml"), "--lang", "zh"]) == 0
    screen = capsys.readouterr().out
    assert (
        "审核规则：" in screen
        and "跨人员审核，而作业分批结算" in screen
        and all(name in screen for name in book.across)
    )
    found = told(capsys, out, "--all")
    assert found["verified"], found["problems"][:5]
    assert found["rows"]["findings"] == len(memory.checks.findings) and found["rows"]["details"] == len(
        memory.checks.details
    )
    assert told(capsys, out, "--people", "3")["verified"]
    assert main(["verify", str(out), "--lang", "zh"]) == 0
    assert re.search(r"重新结算 [\d,]+ 人：.*违规结果 [\d,]+ 行.*违规明细 [\d,]+ 行", capsys.readouterr().out)
    setl = next(row["setl_id"] for row in memory.checks.details.to_pylist() if row["paid_amt"] > 0)
    assert main(["explain", "--setl-id", setl, "--run", str(out), "--lang", "en"]) == 0
    assert "moved" in capsys.readouterr().out
    alter(sorted((out / "findings").iterdir())[0], "vola_amt", 0, 1)
    assert not told(capsys, out, "--all", code=1)["verified"]


def test_what_is_wrong_with_rules_is_told_with_the_rest(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.yaml").write_text("format: ybcore-rules/1\nid: bad\n", encoding="utf-8")
    wrong = job(files, tmp_path, rules=[str(tmp_path / "bad.yaml")], catalog=str(tmp_path))
    assert main(["run", str(wrong), "--lang", "en"]) == 1
    err = capsys.readouterr().err
    assert "bad.yaml" in err and "items.parquet" in err and not (tmp_path / "out.unfinished").exists()


def test_spark_refuses_rules(files: Path, tmp_path: Path) -> None:
    document = load_job(job(files, tmp_path))
    with pytest.raises(DocumentError, match="a job on Spark does not check rules") as error:
        do_job(document, work=partial(SparkWork, session=None))
    assert [problem.path for problem in error.value.problems] == ["rules"] and not list(tmp_path.glob("out*/"))
