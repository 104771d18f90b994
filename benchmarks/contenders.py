"""Who takes part. A module of `peers` has NAME, THREADS, version() and prepare(job, threads) → a call that does the whole job and gives
its columns; SAMPLE when it is too slow for all visits (its time is scaled by visits and marked), CANNOT for columns it cannot give."""

from __future__ import annotations

from importlib import import_module
from typing import Any

MODULES = {
    "ybcore": "ybcore_bulk", "cpp": "cpp_one_scheme", "numba": "numba_loops", "cython": "cython_rows", "numpy": "numpy_columns",
    "polars": "polars_frames", "duckdb": "duckdb_sql", "plain_python": "plain_python", "reference": "ybcore_reference",
    "ybcore_single": "ybcore_single",
}  # fmt: skip


class UnavailableError(Exception):
    """What a contender needs is not on this machine; the text says what."""


def module(name: str) -> Any:
    """The peer of that name. UnavailableError when its library or processor is not here; any other fault of its file is raised."""
    try:
        return import_module(f"benchmarks.peers.{MODULES[name]}")
    except ModuleNotFoundError as missing:
        if (missing.name or "").split(".")[0] == "benchmarks":
            raise
        raise UnavailableError(str(missing)) from missing
