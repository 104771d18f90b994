"""The job in Cython; see cython_rows.pyx."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import Cython
import numpy as np

from .. import built
from .. import parameters as p
from ..job import COLUMNS, NEW_YEAR, Job

NAME = "cython"
THREADS = (1,)


def version() -> str:
    return f"Cython {Cython.__version__}, {built.compiler_version()}"


def module() -> Any:
    path = built.extension(Path(__file__).with_suffix(".pyx"))
    spec = importlib.util.spec_from_file_location("cython_rows", path)
    assert spec is not None and spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def prepare(job: Job, threads: int) -> Callable[[], dict[str, np.ndarray]]:
    rows = module()

    def run() -> dict[str, np.ndarray]:
        out = np.empty((len(COLUMNS), job.visits), np.int64)
        order = np.argsort((job.person.astype(np.int64) << 32) | job.date.astype(np.int64), kind="stable")
        first = np.concatenate(([0], np.cumsum(np.bincount(job.v_item, minlength=job.items)))).astype(np.int64)
        rows.settle(job.person, job.date, job.tier, job.kind, job.off, job.item, job.ldate, job.qty, job.amount, job.cat, job.acct0, first,
                    job.v_from, job.v_to, job.v_class, job.v_ratio, job.v_ceil, order, NEW_YEAR, p.DED_IN, p.DED_OUT, p.SEG_LO, p.SEG_HI,
                    p.RATE, p.CAP_BASIC, p.LARGE_RATE, p.CAP_LARGE, p.CAT_LO, p.CAT_HI, p.CAT_RATE, p.CAP_CAT, out)  # fmt: skip
        return dict(zip(COLUMNS, out))

    return run
