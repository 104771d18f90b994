"""Rules of a job with what was known on a day and with a suppression list: those of one run in memory, however the input is cut, and settled again."""

from __future__ import annotations

import csv
import datetime as dt
import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import jsonschema
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from city_rules import own_layer
from jobs_small import by_person, plain, result, write_inputs
from test_job_again import content
from test_job_rules import BESIDE, agree, do, in_memory, job, moved_in, place, town, without_reversal
from test_job_run import shuffled
from test_verify import told
from ybcore import InputError
from ybcore.checks import RuleBook, load_rules, shipped_rules
from ybcore.checks.settled import lines_left
from ybcore.cli import main
from ybcore.errors import DocumentError
from ybcore.jobs import scatter
from ybcore.jobs.again.job import resettle_job
from ybcore.jobs.budget import Budget
from ybcore.jobs.document import load_job
from ybcore.jobs.job import run_job
from ybcore.jobs.manifest import MOVED
from ybcore.jobs.ruled import left_out
from ybcore.ledger import Run, resettle
from ybcore.ledger.document import load_changes
from ybcore.receipts.model import json_schema

THEN = dt.date(2025, 6, 15)
KNOWN = ["--known-at", str(THEN)]
Row = dict[str, str]


@pytest.fixture(scope="module", autouse=True)
def small() -> Iterator[None]:
    """Units and chunks so small that a small job has many."""
    patch = pytest.MonkeyPatch()
    patch.setattr(Budget, "unit_visits", property(lambda self: 250))
    patch.setattr(scatter, "FULL", 350)
    yield
    patch.undo()


def later() -> dict[str, Any]:
    """The city's own rules, known only after the day that is asked about."""
    return own_layer(place()) | {"known_since": "2025-07-01"}


@lru_cache(1)
def book() -> RuleBook:
    return load_rules([*shipped_rules(), later()])


@lru_cache
def known(by_list: bool, reversal: bool = True) -> Any:
    """One run in memory with what was known, of the town as it lies."""
    engine, _, tables, _ = town()
    tables = tables if reversal else without_reversal(tables)
    return in_memory(engine, book(), tables, known_at=THEN, suppress=listed() if by_list else [])


@lru_cache(1)
def listed() -> list[Row]:
    """What a list leaves alone: a person, an item at an institution, a row that has expired on the day, and one of a rule that is not there."""
    _, _, tables, _ = town()
    done = known(by_list=False)
    found = {row["jr_id"]: row for row in done.checks.findings.to_pylist()}
    paid = [row for row in done.checks.details.to_pylist() if row["paid_amt"] > 0 and row["row"] >= 0]
    rows: list[Row] = []
    for detail in paid:
        finding = found[detail["jr_id"]]
        if finding["rule_id"] not in {row["rule"] for row in rows}:
            item = str(tables["lines"]["med_list_codg"][detail["row"]].as_py())
            who: Row = [{"psn_no": str(finding["psn_no"])}, {"fixmedins_code": str(finding["fixmedins_code"]), "med_list_codg": item}, {"psn_no": str(finding["psn_no"])}][len(rows)]  # fmt: skip
            until = str(THEN) if len(rows) == 2 else "2030-01-01"
            rows.append({"rule": finding["rule_id"], **who, "reason": "复核", "owner": "医保办", "expires": until})
        if len(rows) == 3:
            return [*rows, {**rows[0], "rule": "nobody"}]
    raise AssertionError("too few findings")


def written(path: Path, rows: list[Row]) -> Path:
    names = list(dict.fromkeys(name for row in rows for name in row))
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)
    return path


def moved(done: Any) -> int:
    return int(done.checks.denials().amount.sum())


def test_the_data_has_something_to_tell_apart() -> None:
    engine, _, tables, _ = town()
    every = in_memory(engine, book(), tables)
    then, some = known(by_list=False), known(by_list=True)
    assert moved(every) > moved(then) > moved(some) > 0
    told_ = some.checks.suppressions
    assert [row["count"] > 0 for row in told_] == [True, True, False, False] and told_[2]["expired"]


@pytest.mark.parametrize(("how", "by_list"), [("as they lay", True), ("by person", False), ("shuffled", True)])
def test_any_cut_gives_what_memory_gives(tmp_path: Path, how: str, by_list: bool) -> None:
    engine, _, tables, _ = town()
    asked: dict[str, Any] = {"known_at": THEN, "suppress": listed() if by_list else []}
    if how == "by person":
        tables = by_person(tables)
    elif how == "shuffled":
        tables = tables | {n: shuffled(tables[n], 3) for n in ("visits", "lines", "diagnoses", "labs")}
    done = known(by_list) if how == "as they lay" else in_memory(engine, book(), tables, **asked)
    paths = write_inputs(tmp_path / "in", tables, {"lines": 3, "persons": 2}, 200)
    unit, threads = {"as they lay": (500, 2), "by person": (250, 2), "shuffled": (370, 1)}[how]
    work = do(paths, tmp_path / "out", unit, threads, book(), engine, what_counts=asked)
    agree(engine, tables, paths, tmp_path / "out", done)
    units = [work.journal.all("unit")[u] for u in range(work.plan.units)]
    assert [sum(u["counts"].get(name, 0) for u in units) for name in MOVED] == moved_in(done)
    assert len(units) > 4 and left_out(units) == done.checks.suppressions


# ------------------------------------------------------------------ the command


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("known")
    write_inputs(folder / "data", without_reversal(town()[2]), {"lines": 2})
    for name, table in zip(("items", "selfpay", "caps"), place().catalog):
        (folder / "catalog").mkdir(exist_ok=True)
        pq.write_table(pa.table(table), folder / "catalog" / f"{name}.parquet")
    (folder / "own.yaml").write_text(json.dumps(later(), ensure_ascii=False), encoding="utf-8")
    written(folder / "list.csv", listed())
    return folder


def run(document: Path, *words: str, code: int = 0) -> Path:
    assert main(["--lang", "en", "run", str(document), "-q", "--threads", "1", *words]) == code
    return document.with_suffix("")


def test_a_job_is_told_proved_and_explained_with_what_was_known(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    memory = known(by_list=True, reversal=False)
    named = job(files, tmp_path, known_at=str(THEN), suppress=str(files / "list.csv"))
    out = run(named, "--json")
    said = json.loads(capsys.readouterr().out)
    manifest, receipt, record = (
        json.loads((out / f"{name}.json").read_text(encoding="utf-8")) for name in ("manifest", "receipt", "run")
    )
    jsonschema.validate(receipt, json_schema())
    assert manifest["units"] > 4 and manifest["known_at"] == receipt["rules"]["known_at"] == str(THEN)
    assert manifest["suppressions"] == said["suppressions"] == memory.checks.suppressions
    assert receipt["rules"]["suppressions"] == 4
    assert [receipt["rules"].get(name, 0) for name in MOVED] == moved_in(memory)
    assert "suppress/list.csv" in {one["place"] for one in manifest["inputs"]}
    assert record["identity"]["known_at"] == str(THEN)
    assert told(capsys, out, "--all")["verified"] and told(capsys, out, "--people", "3")["verified"]
    setl = next(row["setl_id"] for row in memory.checks.details.to_pylist() if row["paid_amt"] > 0)
    assert main(["explain", "--setl-id", setl, "--run", str(out), "--lang", "en"]) == 0
    assert "moved" in capsys.readouterr().out
    # the same by the options of the command, byte for byte
    (tmp_path / "by").mkdir()
    by_options = run(job(files, tmp_path / "by"), *KNOWN, "--suppress", str(files / "list.csv"))
    assert content(by_options) == content(out)
    # a list or a day that is another one is told
    told_ = json.loads((out / "receipt.json").read_text(encoding="utf-8"))
    told_["rules"]["known_at"] = "2025-06-16"
    (out / "receipt.json").write_text(json.dumps(told_), encoding="utf-8")
    capsys.readouterr()
    wrong = told(capsys, out, "--people", "1", code=1)
    assert any(problem["path"] == "rules.known_at" for problem in wrong["problems"])


def test_the_screen_tells_of_the_list(files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    named = job(files, tmp_path, known_at=str(THEN), suppress=str(files / "list.csv"))
    assert main(["--lang", "zh", "run", str(named)]) == 0
    err = capsys.readouterr().err
    assert "规则册中没有这条规则" in err and f"已于 {THEN} 到期" in err and "抑制 " in err


def test_another_day_or_list_is_another_job(files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = written(tmp_path / "list.csv", listed())
    named = job(files, tmp_path)
    words = [*KNOWN, "--suppress", str(mine)]
    out = run(named, *words)
    before = content(out)
    run(named, *words)  # done before
    for other, place_ in (
        (["--known-at", "2025-06-16", "--suppress", str(mine)], "known_at"),
        (KNOWN, "suppress/list.csv"),
        ([], "known_at"),
    ):
        capsys.readouterr()
        run(named, *other, code=1)
        assert place_ in capsys.readouterr().err and content(out) == before
    written(mine, listed()[:1])
    run(named, *words, code=1)
    assert "suppress/list.csv" in capsys.readouterr().err and content(out) == before


def test_a_job_that_goes_on_keeps_to_its_day(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from ybcore.jobs import job as jobs

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    named = job(files, tmp_path, suppress=str(files / "list.csv"), known_at=str(THEN))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(jobs, "together", stop)
        run_job(load_job(named))
    assert (tmp_path / "out.unfinished").exists()
    with pytest.raises(InputError, match="known_at"):
        run_job(load_job(named, known_at="2025-06-16"))
    assert run_job(load_job(named)).run["resumed"] == 1


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"rules": None, "known_at": str(THEN)}, "known_at"),
        ({"suppress": "list.csv"}, "suppress"),
        ({"suppress": "nowhere.csv", "known_at": str(THEN)}, "suppress"),
        ({"known_at": "soon"}, "known_at"),
    ],
)
def test_what_is_wrong_is_told_at_its_place(files: Path, tmp_path: Path, more: dict[str, Any], path: str) -> None:
    written(tmp_path / "list.csv", listed())
    with pytest.raises(DocumentError) as error:
        load_job(job(files, tmp_path, **more))
    assert path in [problem.path for problem in error.value.problems]


def test_a_list_that_says_too_little_is_refused(files: Path, tmp_path: Path) -> None:
    written(tmp_path / "list.csv", [{**listed()[0], "owner": ""}])
    with pytest.raises(InputError, match="owner"):
        run_job(load_job(job(files, tmp_path, known_at=str(THEN), suppress=str(tmp_path / "list.csv"))))
    assert not list(tmp_path.glob("out*/"))


# ------------------------------------------------------------------ settled again

CHANGES = """\
format: ybcore-changes/1
id: known
name: {zh: 变更, en: changes}
changes:
  - {kind: denied_lines, rows: denied.parquet, label: {zh: 拒付, en: denied}}
"""


def test_a_job_settled_again_knows_what_it_knew(files: Path, tmp_path: Path) -> None:
    """Its lines are those that the rules left with what was known and suppressed then."""
    engine, _, tables, _ = town()
    tables = without_reversal(tables)
    memory = known(by_list=True, reversal=False)
    lines = lines_left(memory.checks)
    assert lines is not None
    held = Run(engine, **{name: table for name, table in tables.items() if name not in BESIDE} | {"lines": lines})
    paid = plain(memory.visits).filter(pc.greater(plain(memory.visits)["fund_pay_sumamt"], 0))["setl_id"]
    mine = plain(held.tables["lines"])
    mine = mine.filter(pc.and_(pc.is_in(mine["setl_id"], value_set=paid.cast(mine["setl_id"].type)), mine["feedetl_sn"].is_valid()))  # fmt: skip
    pq.write_table(mine.select(["setl_id", "feedetl_sn"]).slice(0, 4), tmp_path / "denied.parquet")
    (tmp_path / "changes.yaml").write_text(CHANGES, encoding="utf-8")
    run_job(load_job(job(files, tmp_path, known_at=str(THEN), suppress=str(files / "list.csv"))))
    done = resettle_job(tmp_path / "out", load_changes(tmp_path / "changes.yaml"), tmp_path / "again", memory=4 << 30)
    ruled = done.manifest["resettlement"]["rules"]
    assert (ruled["known_at"], ruled["suppressions"]) == (str(THEN), memory.checks.suppressions)
    assert "known_at" not in done.manifest and "suppressions" not in done.manifest
    got = result(tmp_path / "again", "delta_visits")
    wanted = resettle(held, load_changes(tmp_path / "changes.yaml").changes(held)).deltas.visits
    assert got is not None and got.num_rows > 0
    key = [("setl_id", "ascending")]
    assert plain(got).sort_by(key).to_pylist() == plain(wanted).sort_by(key).to_pylist()
    assert main(["--lang", "en", "verify", str(tmp_path / "again"), "--people", "3", "-q"]) == 0
