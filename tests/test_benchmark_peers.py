"""The benchmark's contenders give the same bytes, and its runner fails when they do not."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import fresh, paired, worker  # noqa: E402
from benchmarks.contenders import MODULES, UnavailableError, module  # noqa: E402
from benchmarks.job import COLUMNS, Job, make  # noqa: E402

FAST = ["ybcore", "cpp", "numba", "cython", "numpy", "duckdb"]


def existing(name: str) -> Any:
    """The peer, or a skip that says what it lacks here."""
    try:
        return module(name)
    except UnavailableError as why:
        pytest.skip(str(why))


def answer(name: str, job: Job, threads: int) -> dict[str, np.ndarray]:
    peer = existing(name)
    return peer.proof(job, threads) if hasattr(peer, "proof") else peer.prepare(job, threads)()


def same(name: str, job: Job, threads: int) -> None:
    expected, found = answer("plain_python", job, 1), answer(name, job, threads)
    wanted = [column for column in COLUMNS if column not in getattr(module(name), "CANNOT", ())]
    assert [column for column in wanted if not np.array_equal(found[column], expected[column])] == []
    assert {found[column].dtype for column in wanted} == {np.dtype(np.int64)}


def able(name: str) -> list[int]:
    """The thread counts that this machine can give it."""
    return [t for t in existing(name).THREADS if t <= (os.cpu_count() or 1)]


@pytest.mark.parametrize("order", ["random", "date", "person"])
@pytest.mark.parametrize("name", FAST)
def test_contenders_agree(name: str, order: str):
    job = make(3_000, items=700, dated=0.4, order=order, seed=len(order))
    for threads in able(name):
        same(name, job, threads)


@pytest.mark.parametrize("name", FAST)
@pytest.mark.parametrize("visits", [1, 7])
def test_few_visits(name: str, visits: int):
    """One person, lines that may be missing."""
    for seed in range(4):
        same(name, make(visits, items=20, dated=0.5, seed=seed), able(name)[-1])


@pytest.mark.parametrize("name", ["reference", "ybcore_single"])
def test_slow_contenders_agree(name: str):
    same(name, make(60, items=50, dated=0.4, seed=3), 1)


def test_caps_are_reached():
    """The job means something only when its funds, caps and bands are used."""
    done = answer("numpy", make(400_000, items=2_000), 1)
    for column in COLUMNS:
        assert (done[column] > 0).any(), column


def test_the_runner_measures_and_tells(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "results.json"
    paired.main(
        [
            *[
                "--visits",
                "800",
                "--items",
                "60",
                "--rounds",
                "2",
                "--threads",
                "1,2",
                "--only",
                "numpy,polars,ybcore",
                "--out",
            ],
            str(out),
        ]
    )
    printed = capsys.readouterr().out
    assert "| numpy | 2 | – | does not use 2 threads |" in printed and "| polars | 1 |" in printed
    result = json.loads(out.read_text())
    assert set(result["contenders"]) == {"ybcore/1", "ybcore/2", "numpy/1", "polars/1", "polars/2"}
    assert {len(one["seconds"]) for one in result["contenders"].values()} == {2}
    assert result["machine"]["commit"] and result["floor"]["1"]["seconds"] > 0
    for one in result["contenders"].values():
        assert one["memory_bytes"] > 0 and one["memory_baseline_bytes"] > one["memory_bytes"] / 100
        assert one["memory_method"] in ("VmHWM", "sampled")
    inputs, outputs = result["floor"]["1"]["bytes"]
    assert result["contenders"]["polars/1"]["memory_output_bytes"] == outputs
    assert "own_bytes" not in result["contenders"]["polars/1"]
    own = result["contenders"]["ybcore/1"]
    # Five words and flags, and every column of its own that some visit has something in.
    assert own["own_bytes"][1] == own["memory_output_bytes"] > 16 * 8 * 800 and own["own_bytes"][0] > inputs


def test_memory_is_told_without_the_columns_that_were_handed_back():
    one = {"memory_bytes": 500, "memory_output_bytes": 200}
    assert paired.memory_told(one, 1_000) == "30%"
    assert paired.memory_told(one | {"own_bytes": [1_300, 200]}, 1_000) == "30% (20% of its own)"


@pytest.mark.parametrize("look", [fresh.peak, fresh.sampled])
def test_memory_is_the_peak_and_not_what_is_left(look: Any):
    """Half of what a run allocates is gone before it ends."""
    size = 160_000_000

    def run() -> int:
        first = np.ones(size // 8)
        time.sleep(0.3)  # long enough to be looked at
        del first
        return 1

    told = look(run)
    assert 0.9 * size < told["bytes"] < 1.5 * size and told["baseline"] > 10_000_000


def test_memory_is_taken_where_nothing_ran_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A process of its own for each, without a proof before it; a kernel that forbids the reset gets the sampler."""
    make(20_000, items=60).save(tmp_path)
    first, second = (worker.memory(tmp_path, "numpy", 1) for _ in range(2))
    assert first["bytes"] > 1_000_000 and abs(first["bytes"] - second["bytes"]) < 0.3 * first["bytes"]
    monkeypatch.setattr(fresh, "CLEAR", tmp_path / "none" / "clear_refs")
    assert fresh.peak(lambda: np.ones(1_000_000).sum())["method"] == "sampled"


def test_a_process_that_fails_is_told():
    with pytest.raises(SystemExit, match="stopped with exit code"):
        fresh.ask("worker", "nowhere", "numpy", "1", "memory")


def test_a_wrong_column_stops_the_run(tmp_path: Path):
    """One fen in one column of one contender, and nothing is timed."""
    job = make(500, items=60)
    job.save(tmp_path)
    one = paired.Contender("numpy", 1, tmp_path)
    try:
        paired.prove([one], tmp_path)
        told = one.ask("prove")
        told["digests"]["cash"] = told["digests"]["cash"][::-1]
        one.ask = lambda what: told  # type: ignore[method-assign]
        with pytest.raises(SystemExit, match="numpy/1: column cash is not that of plain_python"):
            paired.prove([one], tmp_path)
    finally:
        one.stop()


def test_every_contender_says_what_it_is():
    for name in MODULES:
        if name not in ("cython", "cpp"):
            peer = module(name)
            assert peer.version() and set(peer.THREADS) <= {1, 2}


def test_a_faulty_contender_is_not_taken_for_an_absent_one(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(MODULES, "broken", "no_such_file")
    with pytest.raises(ModuleNotFoundError, match="no_such_file"):
        module("broken")
