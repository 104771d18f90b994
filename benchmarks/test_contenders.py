"""Each contender under pytest-benchmark: `pytest benchmarks/test_contenders.py`. Ratios are the paired runner's business."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.contenders import MODULES, UnavailableError, module
from benchmarks.job import Job, make


@pytest.fixture(scope="session")
def job() -> Job:
    return make(50_000)


@pytest.mark.parametrize("name", MODULES)
def test_one_thread(name: str, job: Job, benchmark: Any):
    try:
        peer = module(name)
    except UnavailableError as why:
        pytest.skip(str(why))
    if name == "polars" and peer.pl.thread_pool_size() != 1:
        pytest.skip("Polars has more threads; set POLARS_MAX_THREADS=1")
    mine = job.head(getattr(peer, "SAMPLE", job.visits) * len(job.cat) // job.visits)
    run = peer.prepare(mine, 1)
    run()
    benchmark.extra_info["visits"] = mine.visits
    benchmark.pedantic(run, rounds=3, iterations=1)
