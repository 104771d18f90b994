"""Jobs that are killed, starved of disk, or given other inputs half-way: the same bytes in the end, and nothing half-written before."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from job_process import Jobs
from jobs_small import by_person, far_families
from ybcore import io
from ybcore.cli.settle import demo_policies
from ybcore.synth import city

TABLES = ("visits", "lines", "persons", "institutions", "acct_events")
UNIT = 50
OFTEN = int(os.environ.get("YBCORE_NIGHTLY_VISITS", "20000"))  # visits of the job that is killed very often


@pytest.fixture(scope="module")
def jobs() -> Iterator[Jobs]:
    made = Jobs(UNIT)
    yield made
    made.close()


def make_town(folder: Path, visits: int, families: int | None = None) -> Path:
    """A small city as files, in no order; its catalogue holds what the lines name. `families`: by person, but for so many families far apart."""
    town = city(seed=3, persons=visits // 10, visits=visits, lines_per_visit=3.0)
    batch = town.visits()
    tables = {
        "visits": batch.visits,
        "lines": batch.lines,
        **{name: getattr(town, name) for name in ("persons", "institutions", "acct_events")},
    }
    if families is not None:
        tables = far_families(by_person(tables), families)
    chance = np.random.default_rng(4)
    for name, table in tables.items():
        if name in ("visits", "lines") and families is None:
            table = table.take(pa.array(chance.permutation(table.num_rows)))
        (folder / name).mkdir(parents=True)
        half = table.num_rows // 2
        cuts = (0, table.num_rows) if name == "visits" else (0, half, table.num_rows)
        for i, (begin, end) in enumerate(pairwise(cuts)):
            path = folder / name / f"{name}-{i}.parquet"
            pq.write_table(
                table.slice(begin, end - begin), path, row_group_size=max(1, half // 3), write_page_checksum=True
            )
    named = set(batch.lines["med_list_codg"].to_pylist())
    (folder / "catalog").mkdir()
    for name, rows in zip(("items", "selfpay", "caps"), town.catalog):
        kept = [code in named for code in rows["med_list_codg"].to_pylist()]
        io.write_table(rows.filter(pa.array(kept)), folder / "catalog" / f"{name}.parquet")
    return folder


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_town(tmp_path_factory.mktemp("town"), 400)


def job_of(folder: Path, town: Path, name: str = "job", **more: Any) -> Path:
    """A document that settles the town into `folder/name`."""
    inputs = {table: str(town / table) for table in TABLES}
    path = folder / f"{name}.yaml"
    document = {
        "ybcore": "job/1",
        "policy": [str(p) for p in demo_policies()],
        "catalog": str(town / "catalog"),
        "inputs": inputs,
        "output": str(folder / name),
        "outputs": {"lines": "true", "detail": "true"},
        "threads": "2",
        **more,
    }
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def content(out: Path) -> dict[str, bytes]:
    """Every file but the one that may differ."""
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name != "run.json"
    }


@pytest.fixture(scope="module")
def undisturbed(
    jobs: Jobs, town: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, bytes], dict[str, Any]]:
    """The bytes of a run that nothing happened to, and how it went."""
    folder = tmp_path_factory.mktemp("undisturbed")
    done = jobs.run(job_of(folder, town))
    assert done["code"] == 0, done
    assert sorted(p.name for p in folder.iterdir()) == ["job", "job.yaml"]
    whole = content(folder / "job")
    assert json.loads(whole["manifest.json"])["units"] > 5
    return whole, done


def same(out: Path, whole: dict[str, bytes]) -> None:
    got = content(out)
    assert list(got) == list(whole)
    assert [name for name in whole if got[name] != whole[name]] == []


def survive(jobs: Jobs, town: Path, tmp_path: Path, undisturbed: Any, kills: int) -> int:
    """Kill jobs at random points, by time and by what they do, until so many are killed; each job ends as if nothing had been."""
    whole, quiet = undisturbed
    chance, killed, folders, longest = random.Random(20), 0, 0, quiet["seconds"]
    while killed < kills:
        folder = tmp_path / f"folder{folders}"
        folder.mkdir()
        job, out = job_of(folder, town), folder / "job"
        resumed = 0
        while True:
            last = killed >= kills
            by_time = killed % 2 and not last
            how = {
                "after": chance.uniform(0.02, longest) if by_time else None,
                "event": None if by_time or last else chance.randrange(1, quiet["events"]),
            }
            done = jobs.run(job, **how)
            assert done["code"] in (0, -9), done
            if done["code"] == 0:
                # A busy machine may have been slow when nothing happened.
                longest = min(longest, done["seconds"]) if not resumed else longest
                break
            killed, resumed = killed + 1, resumed + 1
            if out.exists():
                same(out, whole)
        same(out, whole)
        assert sorted(p.name for p in folder.iterdir()) == ["job", "job.yaml"]
        told = json.loads((out / "run.json").read_text(encoding="utf-8"))
        assert told["resumed"] <= resumed
        folders += 1
    return folders


def test_killed_at_random_points(jobs: Jobs, town: Path, tmp_path: Path, undisturbed: Any):
    assert survive(jobs, town, tmp_path, undisturbed, 14) < 14


@pytest.mark.parametrize("families", [1, 12])
def test_killed_while_rows_wait_on_disk(jobs: Jobs, tmp_path: Path, families: int):
    """Rows by person: units are settled as they come by, while some rows wait on disk for members far away."""
    town = make_town(tmp_path / "town", 400, families)
    (tmp_path / "quiet").mkdir()
    quiet = jobs.run(job_of(tmp_path / "quiet", town))
    assert quiet["code"] == 0, quiet
    told = json.loads((tmp_path / "quiet" / "job" / "run.json").read_text(encoding="utf-8"))
    assert told["steps"]["split"] > 0
    survive(jobs, town, tmp_path, (content(tmp_path / "quiet" / "job"), quiet), 7)


@pytest.mark.nightly
def test_killed_very_often(tmp_path: Path):
    town = make_town(tmp_path / "town", OFTEN)
    server = Jobs(OFTEN * 7 // 200)
    try:
        (tmp_path / "quiet").mkdir()
        quiet = server.run(job_of(tmp_path / "quiet", town))
        survive(server, town, tmp_path, (content(tmp_path / "quiet" / "job"), quiet), 60)
    finally:
        server.close()


def test_a_second_run_does_nothing(jobs: Jobs, town: Path, tmp_path: Path, undisturbed: Any):
    job = job_of(tmp_path, town)
    assert jobs.run(job)["code"] == 0
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    again = jobs.run(job)
    assert again["code"] == 0
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path != tmp_path} == {
        path: at for path, at in before.items() if path != tmp_path
    }
    same(tmp_path / "job", undisturbed[0])


def test_a_full_disk(jobs: Jobs, town: Path, tmp_path: Path, undisturbed: Any):
    """No file may grow beyond a limit, of several sizes: the job says that the disk is full, and goes on when it is not."""
    job = job_of(tmp_path, town)
    for limit in (2_000, 20_000, 40_000):
        done = jobs.run(job, limit=limit)
        assert done["code"] == 1 and done["error"].startswith("JobError"), done
        assert "the disk is full" in done["error"] and "are free" in done["error"]
        assert limit == 2_000 or "more are needed" in done["error"]
        assert not (tmp_path / "job").exists()
    assert jobs.run(job)["code"] == 0
    same(tmp_path / "job", undisturbed[0])


def edited(path: Path) -> None:
    """The same table with one amount changed."""
    table = pq.read_table(path)
    at = table.column_names.index("det_item_fee_sumamt")
    values = table.column(at).to_pylist()
    values[5] += 100
    pq.write_table(table.set_column(at, "det_item_fee_sumamt", pa.array(values)), path, write_page_checksum=True)


def copy_of(town: Path, folder: Path) -> Path:
    import shutil

    return Path(shutil.copytree(town, folder))


@pytest.mark.parametrize("finished", [False, True])
def test_a_changed_input_is_noticed(jobs: Jobs, town: Path, tmp_path: Path, undisturbed: Any, finished: bool):
    own = copy_of(town, tmp_path / "town")
    job, out = job_of(tmp_path, own), tmp_path / "job"
    done = jobs.run(job, event=None if finished else undisturbed[1]["events"] * 3 // 4)
    assert done["code"] == (0 if finished else -9)
    # Only touched: the bytes are the same, and so is the job.
    os.utime(own / "visits" / "visits-0.parquet", ns=(1, 1))
    if finished:
        assert jobs.run(job)["code"] == 0
    edited(own / "lines" / "lines-1.parquet")
    told = jobs.run(job)
    assert told["code"] == 1 and "inputs/lines/lines-1.parquet" in told["error"] and "--replace" in told["error"], told
    assert "visits-0" not in told["error"] or not finished
    assert out.exists() == finished
    if finished:
        same(out, undisturbed[0])
    (own / "persons" / "persons-9.parquet").write_bytes((own / "persons" / "persons-1.parquet").read_bytes())
    told = jobs.run(job)
    assert told["code"] == 1 and "inputs/persons/persons-9.parquet" in told["error"]
    (own / "persons" / "persons-9.parquet").unlink()
    assert jobs.run(job, replace=True)["code"] == 0
    assert content(out).keys() == undisturbed[0].keys() and content(out) != undisturbed[0]
    assert jobs.run(job)["code"] == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["job", "job.yaml", "town"]


def test_a_replacing_job_that_is_killed_leaves_the_old_folder(jobs: Jobs, town: Path, tmp_path: Path, undisturbed: Any):
    job, out = job_of(tmp_path, town), tmp_path / "job"
    assert jobs.run(job)["code"] == 0
    chance = random.Random(5)
    for _ in range(4):
        done = jobs.run(job, replace=True, event=chance.randrange(1, undisturbed[1]["events"]))
        assert done["code"] in (0, -9), done
        same(out, undisturbed[0])
    assert jobs.run(job, replace=True)["code"] == 0
    same(out, undisturbed[0])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["job", "job.yaml"]


def test_two_jobs_in_one_folder(jobs: Jobs, town: Path, tmp_path: Path, undisturbed: Any):
    """While one holds the folder another is refused; when it lets go the other goes on."""
    from ybcore.jobs.journal import Journal, unfinished

    job, out = job_of(tmp_path, town), tmp_path / "job"
    with Journal.open(unfinished(out), {"somebody": "else"}):
        told = jobs.run(job)
        assert told["code"] == 1 and "another job runs here" in told["error"] and str(os.getpid()) in told["error"]
    told = jobs.run(job)
    assert told["code"] == 1 and "somebody" in told["error"]
    assert jobs.run(job, replace=True)["code"] == 0
    same(out, undisturbed[0])


def test_a_folder_of_somebody_else_is_left_alone(jobs: Jobs, town: Path, tmp_path: Path):
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "信.txt").write_text("mine", encoding="utf-8")
    for replace in (False, True):
        told = jobs.run(job_of(tmp_path, town), replace=replace)
        assert told["code"] == 1 and "no job wrote it" in told["error"]
    assert [p.name for p in (tmp_path / "job").iterdir()] == ["信.txt"]


def test_outputs_that_were_harmed_are_noticed(jobs: Jobs, town: Path, tmp_path: Path):
    job, out = job_of(tmp_path, town), tmp_path / "job"
    assert jobs.run(job)["code"] == 0
    (out / "settlements" / "part-00001.parquet").unlink()
    told = jobs.run(job)
    assert told["code"] == 1 and "settlements/part-00001.parquet" in told["error"] and "--replace" in told["error"]


def test_other_memory_and_threads_go_on_where_it_was(jobs: Jobs, town: Path, tmp_path: Path, undisturbed: Any):
    job = job_of(tmp_path, town)
    assert jobs.run(job, event=undisturbed[1]["events"] // 2)["code"] == -9
    job_of(tmp_path, town, memory="2GiB", threads="1")
    assert jobs.run(job)["code"] == 0
    same(tmp_path / "job", undisturbed[0])
    told = json.loads((tmp_path / "job" / "run.json").read_text(encoding="utf-8"))
    assert told["resumed"] == 1 and told["threads"] == 1


def test_one_settlement_in_two_files(jobs: Jobs, town: Path, tmp_path: Path):
    own = copy_of(town, tmp_path / "town")
    visits = pq.read_table(own / "visits" / "visits-0.parquet")
    name = visits["setl_id"][127].as_py()
    pq.write_table(visits.slice(125, 10), own / "visits" / "zweite-结算.parquet", row_group_size=4)
    told = jobs.run(job_of(tmp_path, own))
    assert told["code"] == 1 and not (tmp_path / "job").exists()
    (line,) = [line for line in told["error"].splitlines() if repr(name) in line]
    for words in ("visits-0.parquet (row group 1, row 127)", "zweite-结算.parquet (row group 0, row 2)"):
        assert words in line


def test_a_damaged_input_leaves_nothing(jobs: Jobs, town: Path, tmp_path: Path, undisturbed: Any):
    """A page of the amounts is damaged: file, row group and column are named, nothing is put in place; mended, the job goes on."""
    own = copy_of(town, tmp_path / "town")
    path = own / "lines" / "lines-1.parquet"
    whole, stamp = path.read_bytes(), path.stat()
    footer = pq.read_metadata(path)
    at = [footer.row_group(2).column(i) for i in range(footer.num_columns)]
    place = next(c for c in at if c.path_in_schema == "det_item_fee_sumamt")
    middle = (place.dictionary_page_offset or place.data_page_offset) + place.total_compressed_size // 2
    path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 4]) + whole[middle + 1 :])
    job = job_of(tmp_path, own)
    told = jobs.run(job)
    assert told["code"] == 1 and not (tmp_path / "job").exists()
    for words in ("InputError", "lines-1.parquet", "row group 2", "lines.det_item_fee_sumamt", "damaged"):
        assert words in told["error"], told
    path.write_bytes(whole)
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    again = jobs.run(job, replace=True)
    assert again["code"] == 0, again
    same(tmp_path / "job", undisturbed[0])
