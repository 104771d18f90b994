"""The job in C++ written for this one scheme; see one_scheme.cpp."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path

import numpy as np

from .. import built
from ..contenders import UnavailableError
from ..job import COLUMNS, Job

NAME = "cpp"
THREADS = (1, 2)
HERE = Path(__file__).parent
COUNTS = ("visits", "lines", "persons", "versions", "items")
ARRAYS = (
    "person", "date", "tier", "kind", "off", "item", "ldate", "qty", "amount", "cat", "acct0", "v_item", "v_from", "v_to", "v_class",
    "v_ratio", "v_ceil",
)  # fmt: skip


if not {"avx2", "fma"} <= set(Path("/proc/cpuinfo").read_text().split()):
    raise UnavailableError("the hand-written C++ needs a processor with AVX2 and FMA")


class YbJob(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int64) for name in COUNTS] + [(name, ctypes.c_void_p) for name in ARRAYS]


def version() -> str:
    return built.compiler_version()


def prepare(job: Job, threads: int) -> Callable[[], dict[str, np.ndarray]]:
    path = built.shared(
        HERE / "one_scheme.cpp", ".so", "-std=c++20", beside=tuple(sorted(HERE.glob("one_scheme*.hpp")))
    )
    call = ctypes.CDLL(str(path)).one_scheme
    counts = (job.visits, job.lines, len(job.cat), len(job.v_item), job.items)
    given = YbJob(*counts, *(getattr(job, name).ctypes.data for name in ARRAYS))

    def run() -> dict[str, np.ndarray]:
        out = [np.empty(job.visits, np.int64) for _ in COLUMNS]
        columns = (ctypes.c_void_p * len(out))(*(column.ctypes.data for column in out))
        if call(ctypes.byref(given), threads, columns) != 0:
            raise RuntimeError("one_scheme refused the job")
        return dict(zip(COLUMNS, out))

    return run
