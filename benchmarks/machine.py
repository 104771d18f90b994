"""What a result depends on besides the code: the machine, its bandwidth, the commit."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from pathlib import Path
from typing import Any

import numba as nb
import numpy as np

from .built import compiler_version

CHUNKS = 64


def facts() -> dict[str, Any]:
    info = Path("/proc/cpuinfo").read_text()
    line = {
        part.split(":")[0].strip(): part.split(":")[1].strip()
        for part in info.split("\n\n")[0].splitlines()
        if ":" in part
    }
    flags = set(line.get("flags", "").split())
    return {
        "cpu": line.get("model name", platform.processor()), "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "isa": sorted(flags & {"sse4_2", "avx", "avx2", "avx512f", "avx512vl", "avx512dq", "avx512bw"}),
        "kernel": platform.release(), "libc": " ".join(platform.libc_ver()), "compiler": compiler_version(),
        "python": platform.python_version(), "commit": commit(),
    }  # fmt: skip


def commit() -> str:
    here = Path(__file__).parent
    asked = (["git", "rev-parse", "HEAD"], ["git", "status", "--porcelain", "--untracked-files=no"])
    try:
        head, changed = (
            subprocess.run(c, cwd=here, capture_output=True, text=True, check=True).stdout.strip() for c in asked
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head + (" with changes" if changed else "")


@nb.njit(parallel=True, cache=True)
def _read(x):
    sums = np.zeros(CHUNKS, np.int64)
    for chunk in nb.prange(CHUNKS):
        s = 0
        for i in range(len(x) * chunk // CHUNKS, len(x) * (chunk + 1) // CHUNKS):
            s += x[i]
        sums[chunk] = s
    return sums.sum()


@nb.njit(parallel=True, cache=True)
def _write(x, value):
    for chunk in nb.prange(CHUNKS):
        for i in range(len(x) * chunk // CHUNKS, len(x) * (chunk + 1) // CHUNKS):
            x[i] = value


def bandwidth(threads: int) -> tuple[float, float]:
    """Bytes a second read and written, the best of some rounds over 512 MB."""
    nb.set_num_threads(threads)
    x = np.ones(1 << 26, np.int64)
    read, write = [], []
    for k in range(6):
        a = time.perf_counter()
        _read(x)
        b = time.perf_counter()
        _write(x, k)
        c = time.perf_counter()
        read.append(x.nbytes / (b - a))
        write.append(x.nbytes / (c - b))
    return max(read[1:]), max(write[1:])
