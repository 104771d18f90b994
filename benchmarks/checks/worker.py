"""One contender in a process of its own: `python -m benchmarks.checks.worker FOLDER NAME THREADS`, told on stdin, answering in JSON lines.

`prove WORKLOAD THREADS`: digests of what it finds, whole and on the first persons (those that plain Python has). `run WORKLOAD THREADS`:
seconds of one run, and those of processors. `ready - THREADS`: seconds of making the prepared tables out of the raw ones
(DuckDB). Prepared tables are kept while one workload is asked for.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from .rules import COLUMNS, Workload, workloads
from .town import Town

PEERS = {
    "ybcore_kernel": "ybcore_kernel", "ybcore_library": "ybcore_library", "duckdb": "duckdb_sql", "polars": "polars_frames",
    "plain_python": "plain_python",
}  # fmt: skip


def peer(name: str) -> Any:
    return import_module(f"benchmarks.checks.peers.{PEERS[name]}")


def ordered(found: dict[str, Any]) -> Any:
    """Findings as rows of whole numbers, sorted: an order that no contender has to give."""
    cells = np.stack([np.asarray(found[name]).astype(np.int64) for name in COLUMNS])
    return cells[:, np.lexsort(cells[::-1])]


def digests(found: dict[str, Any], sample: int) -> dict[str, Any]:
    """sha256 of the findings and of those below a line or visit."""
    cells = ordered(found)
    few = cells[:, cells[0] < sample]
    names = {"whole": cells, "sample": few}
    told = {name: hashlib.sha256(np.ascontiguousarray(part).tobytes()).hexdigest() for name, part in names.items()}
    return told | {"findings": cells.shape[1], "sampled": few.shape[1]}


def sample_size(town: Town, workload: Workload) -> int:
    """Lines, or visits, of the first persons that plain Python looks at."""
    from .peers.plain_python import SAMPLE

    few = town.ready.head(SAMPLE)
    return len(few.lines["person"]) if workload.on == "lines" else len(few.visits["person"])


def find(town: Town, name: str, workload: Workload, threads: int) -> tuple[Any, dict[str, Any]]:
    """(the call that is timed, what it finds)."""
    module = peer(name)
    run = module.prepare(town, workload, threads)
    done = run()
    return run, module.columns(town, workload, done) if hasattr(module, "columns") else done


def main() -> None:
    folder, name = Path(sys.argv[1]), sys.argv[2]
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever a library prints is not an answer

    def say(**what: Any) -> None:
        answers.write(json.dumps(what) + "\n")

    town = Town(folder)
    held: dict[tuple[str, int], Any] = {}
    say(version=peer(name).version())
    for line in sys.stdin:
        asked, which, threads = line.split()
        if asked == "ready":
            began = time.perf_counter()
            peer(name).ready(town, int(threads))
            say(seconds=time.perf_counter() - began)
            continue
        workload, key = workloads()[which], (which, int(threads))
        if asked == "prove":
            if any(other != which for other, _ in held):
                held.clear()
            run, found = find(town, name, workload, key[1])
            told = digests(found, sample_size(town, workload))
            held[key] = run
            del found
            gc.collect()
            say(**told)
        else:
            gc.collect()
            began, used = time.perf_counter(), time.process_time()
            done = held[key]()
            seconds, busy = time.perf_counter() - began, time.process_time() - used
            del done
            say(seconds=seconds, busy=busy)


if __name__ == "__main__":
    main()
