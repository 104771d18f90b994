"""Jobs over files give what one run in memory gives, however they are cut."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from jobs_small import agree, by_person, changed, closing, do, far_families, write_inputs
from ybcore import Catalog, Engine
from ybcore.cli.settle import demo_policies
from ybcore.jobs import scatter
from ybcore.jobs.job import together
from ybcore.jobs.unit import settle_unit
from ybcore.synth import city

TABLES = ("visits", "lines", "persons", "institutions", "acct_events")


@pytest.fixture(autouse=True)
def many_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small chunks, so that a small input has many."""
    monkeypatch.setattr(scatter, "FULL", 350)


@pytest.fixture(scope="module")
def town() -> tuple[Engine, dict[str, pa.Table]]:
    """Three schemes and a small city, with its bad rows."""
    made = city(seed=5, persons=200, visits=1500, lines_per_visit=4.0, bad_rows=0.01)
    batch = made.visits()
    tables = {
        "visits": batch.visits,
        "lines": batch.lines,
        "persons": made.persons,
        "institutions": made.institutions,
        "acct_events": made.acct_events,
    }
    engine = Engine(demo_policies(), Catalog(**dict(zip(("items", "selfpay", "caps"), made.catalog))), threads=1)
    return engine, {name: table.combine_chunks() for name, table in tables.items()}


def shuffled(table: pa.Table, seed: int) -> pa.Table:
    rows = np.random.default_rng(seed).permutation(table.num_rows)
    return table.take(pa.array(rows)).combine_chunks()


CUTS: list[Any] = [
    ({}, 1 << 20, 100_000, 1),
    ({"visits": 3, "lines": 5, "persons": 2, "acct_events": 2}, 97, 300, 2),
    ({"lines": 2}, 1000, 41, 7),
]


@pytest.mark.parametrize(("files", "rows", "unit", "threads"), CUTS)
def test_any_cut_gives_what_memory_gives(
    town: Any, tmp_path: Path, files: dict[str, int], rows: int, unit: int, threads: int
) -> None:
    engine, tables = town
    tables = dict(tables)
    if files.get("visits", 1) > 1:
        tables["visits"] = first_of_each(tables["visits"])
    paths = write_inputs(tmp_path / "in", tables, files, rows)
    do(engine, paths, tmp_path / "out", unit_visits=unit, threads=threads)
    agree(engine, tables, paths, tmp_path / "out")


def first_of_each(visits: pa.Table) -> pa.Table:
    """Without later rows of an id."""
    seen: set[Any] = set()
    keep = []
    for name in visits["setl_id"].to_pylist():
        keep.append(name is None or name not in seen)
        seen.add(name)
    return visits.filter(pa.array(keep)).combine_chunks()


def test_shuffled_rows(town: Any, tmp_path: Path) -> None:
    engine, tables = town
    tables = dict(tables)
    tables["visits"], tables["lines"] = shuffled(tables["visits"], 1), shuffled(tables["lines"], 2)
    paths = write_inputs(tmp_path / "in", tables, {"lines": 3}, 500)
    do(engine, paths, tmp_path / "out", unit_visits=200)
    agree(engine, tables, paths, tmp_path / "out")
    assert list((tmp_path / "out" / "spill").glob("lines-*"))


def test_row_groups_that_are_too_large(town: Any, tmp_path: Path) -> None:
    engine, tables = town
    paths = write_inputs(tmp_path / "in", tables, {"lines": 2})
    do(engine, paths, tmp_path / "out", unit_visits=400, piece=301)
    agree(engine, tables, paths, tmp_path / "out")
    assert len(list((tmp_path / "out" / "spill" / "lines-00000").iterdir())) > 10


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_rows_by_person_are_not_partitioned(town: Any, tmp_path: Path, threads: int) -> None:
    engine, tables = town
    tables = by_person(tables)
    paths = write_inputs(tmp_path / "in", tables, {"lines": 4}, 311)
    do(engine, paths, tmp_path / "out", unit_visits=150, threads=threads)
    agree(engine, tables, paths, tmp_path / "out")
    assert not list((tmp_path / "out" / "spill").glob("lines-*"))


def written(out: Path) -> dict[str, bytes]:
    """The files of the outputs."""
    kinds = ("settlements", "line_results", "detail", "rejects", "state")
    there = sorted(path for kind in kinds for path in (out / kind).rglob("*") if path.is_file())
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in there}


@pytest.mark.parametrize("families", [2, 30])
def test_families_far_apart_wait_on_disk(
    town: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, families: int
) -> None:
    """A few families whose members lie far apart are units of their own, and their rows wait on disk; where there are many their
    units do, whole. All other units are settled as they come by. The bytes are the same for any number of threads, and out of a spill."""
    engine, tables = town
    tables = far_families(by_person(tables), families)
    paths = write_inputs(tmp_path / "in", tables, {"lines": 4}, 311)
    outs = []
    for threads in (1, 2, 7):
        outs.append(tmp_path / f"out{threads}")
        work = do(engine, paths, outs[-1], unit_visits=150, threads=threads)
        spilled = work.journal.all("far lines")
        assert 0 < len(spilled) < len(work._readers["lines"]) and work.journal.all("far visits")
        assert not list((outs[-1] / "spill").glob("lines-*"))
        alone = int((np.diff(work.plan.unit_begin) == 1).sum())
        rows = sum(sum(note["units"]) for note in spilled.values())
        most = tables["lines"].num_rows * (0.05 if families == 2 else 0.5)
        assert 0 < rows < most and (alone >= 2) == (families == 2)
    agree(engine, tables, paths, outs[0])
    monkeypatch.setattr("ybcore.jobs.rows.MOST_FAR", -1)
    outs.append(tmp_path / "partitioned")
    do(engine, paths, outs[-1], unit_visits=150)
    assert list((outs[-1] / "spill").glob("lines-*"))
    whole = written(outs[0])
    assert len(whole) > 20
    assert [written(out) == whole for out in outs[1:]] == [True, True, True]


def test_lines_of_units_that_waited_are_out_of_order(town: Any, tmp_path: Path) -> None:
    """A line that comes when its unit is settled is noticed too where it would have waited on disk."""
    engine, tables = town
    tables = far_families(by_person(tables), 2)
    lines = tables["lines"]
    tables["lines"] = lines.take(pa.array([*range(40, lines.num_rows), *range(40)])).combine_chunks()
    paths = write_inputs(tmp_path / "in", tables, {"lines": 4}, 311)
    work = do(engine, paths, tmp_path / "out", unit_visits=150)
    assert work.journal.all("far lines") and work.journal.find("mode", "partition") is not None
    agree(engine, tables, paths, tmp_path / "out")


def test_held_rows_keep_no_others(town: Any) -> None:
    """A few rows that are held do not keep the chunk they came in; each unit has its rows as they lay."""
    _, tables = town
    lines = tables["lines"].select(["det_item_fee_sumamt"]).slice(0, 6000).combine_chunks()
    unit = np.repeat(np.array([0, 1, 2, 3], np.int32), 1500)
    unit[[5, 700, 2000, 4000]] = 7
    unit[[1400, 5990]] = -1
    unit[[1700, 1702]] = 0
    pieces = scatter.split(lines, unit)
    got: dict[int, list[pa.Table]] = {}
    for of, piece in pieces:
        got.setdefault(of, []).append(piece)
    assert sorted(got) == [0, 1, 2, 3, 7]
    for of, held in got.items():
        assert pa.concat_tables(held).equals(lines.filter(pa.array(unit == of)))
    whole = lines.get_total_buffer_size()
    assert sum(piece.get_total_buffer_size() for piece in got[7]) < whole / 10


@pytest.mark.parametrize(
    ("rows", "units", "run"), [(0, 1, 1), (1, 1, 1), (5, 3, 1), (3000, 40, 3), (3000, 3, 300), (3000, 1, 5000)]
)
def test_rows_of_units_as_they_lay(rows: int, units: int, run: int) -> None:
    chance = np.random.default_rng(rows + run)
    unit = np.repeat(chance.integers(-1, units, rows // run + 1), run)[:rows].astype(np.int32)
    got: dict[int, list[int]] = {}
    for of, piece in scatter.split(pa.table({"at": np.arange(rows)}), unit):
        got.setdefault(of, []).extend(piece["at"].to_pylist())
    assert got == {of: np.flatnonzero(unit == of).tolist() for of in np.unique(unit[unit >= 0]).tolist()}


def test_lines_out_of_order_are_noticed(town: Any, tmp_path: Path) -> None:
    engine, tables = town
    tables = by_person(tables)
    lines = tables["lines"]
    tables["lines"] = pa.concat_tables([lines.slice(300), lines.slice(0, 300)]).combine_chunks()
    paths = write_inputs(tmp_path / "in", tables, {"lines": 4}, 311)
    do(engine, paths, tmp_path / "out", unit_visits=150)
    agree(engine, tables, paths, tmp_path / "out")
    assert list((tmp_path / "out" / "spill").glob("lines-*"))


def test_units_in_work_when_lines_are_out_of_order(town: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A unit that still settles when one of its lines is found elsewhere is settled anew, with that line."""
    engine, tables = town
    tables = by_person(tables)
    lines = tables["lines"]
    late = [*range(40, lines.num_rows), *range(40)]
    tables["lines"] = lines.take(pa.array(late)).combine_chunks()
    slow: set[int] = set()

    def settle_slowly(*args: Any, **kwargs: Any) -> Any:
        if len(slow) < 3:
            slow.add(len(slow))
            time.sleep(1)
        return settle_unit(*args, **kwargs)

    monkeypatch.setattr("ybcore.jobs.run.settle_unit", settle_slowly)
    paths = write_inputs(tmp_path / "in", tables, {}, 1000)
    work = do(engine, paths, tmp_path / "out", unit_visits=900, threads=2)
    assert work.journal.find("mode", "partition") is not None
    agree(engine, tables, paths, tmp_path / "out")


def rows_of_two(tables: dict[str, pa.Table]) -> tuple[list[int], list[int]]:
    """Rows of visits of one person, and of another who is settled last."""
    psn = tables["visits"]["psn_no"].to_pylist()
    there = sorted({p for p in psn if p is not None and psn.count(p) > 3})
    return [i for i, p in enumerate(psn) if p == there[0]], [i for i, p in enumerate(psn) if p == there[-1]]


@pytest.mark.parametrize("bad", [False, True])
def test_an_id_that_two_groups_have(town: Any, tmp_path: Path, bad: bool) -> None:
    engine, tables = town
    tables = dict(tables)
    one, two = rows_of_two(tables)
    visits = tables["visits"]
    names = visits["setl_id"].to_pylist()
    # Two settlements that the first person has and the last one has again; and what comes first of one of them may be unreadable.
    later = sorted(two)[-2:]
    earlier = [row for row in sorted(one) if row < later[0]][:2]
    assert len(earlier) == 2
    visits = changed(visits, "setl_id", {later[0]: names[earlier[0]], later[1]: names[earlier[1]]})
    if bad:
        visits = changed(visits, "setl_time", {earlier[0]: None})
    tables["visits"] = visits
    paths = write_inputs(tmp_path / "in", tables, {}, 500)
    work = do(engine, paths, tmp_path / "out", unit_visits=200)
    assert work.plan.twice
    agree(engine, tables, paths, tmp_path / "out")


def test_a_reversal_of_what_others_have(town: Any, tmp_path: Path) -> None:
    engine, tables = town
    tables = dict(tables)
    one, two = rows_of_two(tables)
    visits = tables["visits"]
    names = visits["setl_id"].to_pylist()
    visits = changed(visits, "refd_setl_flag", {two[0]: "1", two[1]: "1", two[2]: "1"})
    visits = changed(visits, "init_setl_id", {two[0]: names[one[0]], two[1]: "nowhere", two[2]: names[two[0]]})
    visits = changed(visits, "setl_time", {one[1]: None})
    tables["visits"] = changed(visits, "init_setl_id", {two[1]: names[one[1]]})
    paths = write_inputs(tmp_path / "in", tables, {}, 500)
    work = do(engine, paths, tmp_path / "out", unit_visits=200)
    assert work.plan.strangers
    agree(engine, tables, paths, tmp_path / "out")
    # What the records count is what the rejects say, also where only all units together know the reason.
    notes = work.journal.all("unit")
    counts, _ = together(work.journal, [notes[unit] for unit in range(work.plan.units)])
    rejects = pq.read_table(tmp_path / "out" / "rejects").to_pylist()
    said = Counter(row["reason"] for row in rejects if row["table"] == "visits")
    assert said["other_person"] and said == {row["reason"]: row["visits"] for row in counts["outcomes"] if row["outcome"] == "rejected"}  # fmt: skip


def test_opening_states(town: Any, tmp_path: Path) -> None:
    """A year in two runs: the second opens with the state of the first, of a settlement or of a job."""
    engine, tables = town
    visits = tables["visits"].sort_by("setl_time").combine_chunks()
    cut = visits.num_rows // 2
    halves = []
    for piece in (visits.slice(0, cut), visits.slice(cut)):
        ids = set(piece["setl_id"].to_pylist())
        mine = [i for i, name in enumerate(tables["lines"]["setl_id"].to_pylist()) if name in ids]
        halves.append(
            {**tables, "visits": piece.combine_chunks(), "lines": tables["lines"].take(pa.array(mine)).combine_chunks()}
        )
    first = engine.settle(**halves[0]).state
    assert first is not None
    paths = [write_inputs(tmp_path / f"in{i}", half, {"lines": 2}, 700) for i, half in enumerate(halves)]
    do(engine, paths[1], tmp_path / "one", state=first, unit_visits=170)
    agree(engine, halves[1], paths[1], tmp_path / "one", first)
    do(engine, paths[0], tmp_path / "zero", unit_visits=90)
    do(engine, paths[1], tmp_path / "two", state=closing(tmp_path / "zero"), unit_visits=170)
    assert files(tmp_path / "two", "settlements") == files(tmp_path / "one", "settlements")
    assert files(tmp_path / "two", "rejects") == files(tmp_path / "one", "rejects")


def files(folder: Path, name: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / name).iterdir())}


def test_threads_give_the_same_bytes(town: Any, tmp_path: Path) -> None:
    engine, tables = town
    paths = write_inputs(tmp_path / "in", tables, {"lines": 3}, 400)
    outs = []
    for threads in (1, 2, 7):
        out = tmp_path / f"out{threads}"
        do(engine, paths, out, unit_visits=300, threads=threads)
        outs.append(written(out))
    assert len(outs[0]) > 20
    assert outs[0] == outs[1] == outs[2]


GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize(
    ("policies", "shares"),
    [(demo_policies(), (True, False)), ([GOLDEN / "t4-mutual-aid/policy.yaml"], (False, True))],
    ids=["households", "mutual aid"],
)
def test_people_who_share_stand_in_files_apart(tmp_path: Path, policies: Any, shares: tuple[bool, bool]) -> None:
    """Members of a household and of mutual aid stand in files far apart, and are settled together."""
    made = city(seed=9, persons=240, visits=1500, lines_per_visit=3.0)
    batch = made.visits()
    engine = Engine(policies, Catalog(**dict(zip(("items", "selfpay", "caps"), made.catalog))), threads=1)
    assert engine.shares == shares
    tables = {"visits": first_of_each(batch.visits.combine_chunks()), "lines": batch.lines.combine_chunks(), "persons": made.persons.combine_chunks(), "institutions": made.institutions.combine_chunks(), "acct_events": made.acct_events.combine_chunks()}  # fmt: skip
    psn = tables["persons"]["psn_no"].to_pylist()
    # One donor far away, and one who has no visit and no row.
    tables["persons"] = changed(tables["persons"], "mulaid_psn_no", {0: psn[-1], 5: psn[100], 7: "9999"})
    tables["persons"] = changed(tables["persons"], "hsld_no", {2: "farhouse", len(psn) - 3: "farhouse"})
    for name, seed in (("visits", 1), ("lines", 2), ("persons", 3)):
        tables[name] = shuffled(tables[name], seed)
    paths = write_inputs(tmp_path / "in", tables, {"visits": 3, "lines": 4, "persons": 3}, 333)
    do(engine, paths, tmp_path / "out", unit_visits=100)
    agree(engine, tables, paths, tmp_path / "out")


MEASURED = """
import sys
from pathlib import Path
from types import SimpleNamespace
from ybcore import Engine
from ybcore.cli.settle import demo_policies
from ybcore.jobs.datasets import find_datasets
from ybcore.jobs.journal import Journal
from ybcore.jobs.run import Work
root = Path(sys.argv[1])
engine = Engine(demo_policies(), root / "catalog", threads=1)
names = {name: [str(root / f"{name}.parquet")] for name in ("visits", "lines", "persons", "institutions", "acct_events")}
work = Work(engine, find_datasets(SimpleNamespace(inputs=names, folder=root, rules=()), engine), Journal.open(root.parent / "out", {}), memory=int(sys.argv[2]))
work.run()
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(int(peak.split()[1]) * 1024, work.plan.units, max(work._readers["lines"].sizes), work._budget.most_rows, sum(sum(note["units"]) for note in work.journal.all("far lines").values()))
"""  # fmt: skip


def peak_of(folder: Path, budget: int) -> list[int]:
    """[peak, units, rows of the largest row group, rows of the largest piece, lines that waited on disk] of a job in a process of its own."""
    told = subprocess.run([sys.executable, "-c", MEASURED, str(folder), str(budget)], capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    return [int(word) for word in told.stdout.split()]


def test_memory_is_kept(tmp_path: Path) -> None:
    """A job stays below what it was given, with row groups that alone would be too large."""
    made = city(seed=2, persons=5000, visits=50_000, lines_per_visit=10.5)
    made.write(tmp_path / "in", "parquet")
    budget = 480 << 20
    peak, units, largest, most, _ = peak_of(tmp_path / "in", budget)
    assert units > 3 and largest > most
    assert 100 << 20 < peak <= budget


def test_memory_is_kept_while_families_wait(tmp_path: Path) -> None:
    """So does one over rows by person of which some units must wait for members at the other end."""
    made = city(seed=2, persons=6000, visits=60_000, lines_per_visit=10.5)
    made.write(tmp_path / "in", "parquet")
    batch = made.visits()
    tables = {"visits": batch.visits, "lines": batch.lines, "persons": made.persons}
    for name, table in far_families(by_person(tables), 60).items():
        pq.write_table(table, tmp_path / "in" / f"{name}.parquet", row_group_size=20_000, write_page_checksum=True)
    budget = 480 << 20
    peak, units, _, _, waited = peak_of(tmp_path / "in", budget)
    assert units > 6 and 5_000 < waited < tables["lines"].num_rows / 2
    assert 100 << 20 < peak <= budget
