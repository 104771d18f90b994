"""One contender in a process of its own: `python -m benchmarks.worker FOLDER NAME THREADS`, told on stdin, answering in JSON lines.

prove: sha256 of each column · run: seconds of one run. With the word `memory` behind them it runs once and answers with the bytes that
the run needed over what stood before it (`fresh.peak`), those of them that are the columns it handed back (`output_bytes`), and, of a
contender that reads and writes other columns than the page's, the bytes of its own (`own_bytes`: inputs and outputs).
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from . import fresh
from .contenders import UnavailableError, module
from .job import COLUMNS, Job, make


def memory(folder: Path, name: str, threads: int) -> dict[str, Any]:
    """The memory of one run, from a process that has prepared and not run yet."""
    return fresh.ask("worker", str(folder), name, str(threads), "memory", threads=threads)


def handed_back(peer: Any, job: Job, done: Any) -> dict[str, Any]:
    if hasattr(peer, "own_bytes"):
        inputs, outputs = peer.own_bytes(job, done)
        return {"output_bytes": outputs, "own_bytes": [inputs, outputs]}
    return {"output_bytes": sum(column.nbytes for column in done.values())}


def main() -> None:
    folder, name, threads = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever a library prints is not an answer

    def say(**what: Any) -> None:
        answers.write(json.dumps(what) + "\n")

    try:
        peer = module(name)
    except UnavailableError as missing:
        say(missing=str(missing))
        return
    job = Job.load(folder)
    sample = getattr(peer, "SAMPLE", None)
    if sample is not None and sample < job.visits:
        job = job.head(max(1, sample * len(job.cat) // job.visits))
    if sys.argv[4:] == ["memory"]:
        # A small job first: libraries and compiled code stand before the run that is measured.
        peer.prepare(make(500, items=100), threads)()
        say(**fresh.peak(peer.prepare(job, threads), lambda done: handed_back(peer, job, done)))
        return
    run = peer.prepare(job, threads)
    say(version=peer.version(), visits=job.visits)
    for line in sys.stdin:
        gc.collect()
        asked = line.strip()
        if asked == "prove":
            proof = peer.proof(job, threads) if hasattr(peer, "proof") else run()
            if hasattr(peer, "confirm"):
                peer.confirm(proof, run())
            digests = {c: hashlib.sha256(proof[c].tobytes()).hexdigest() for c in COLUMNS if c in proof}
            say(digests=digests, persons=len(job.cat))
            del proof
        elif asked == "run":
            began = time.perf_counter()
            done = run()
            seconds = time.perf_counter() - began
            del done
            say(seconds=seconds)
        else:
            return


if __name__ == "__main__":
    main()
