"""Runs jobs in processes of their own that can be killed: one process that has everything imported, and forks for each attempt.

Spoken to in lines of JSON on stdin: {"job", "replace", "after": seconds | null, "event": number | null, "limit": bytes | null}, with
"previous" and "changes" of a job that is settled again into the output of "job"; answers with {"code", "error", "events", "seconds"}: code -9 is a process that was killed. An event is anything that Python's auditing hears of files
below the job's folder: opening, renaming, removing, making a folder.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from functools import cache
from pathlib import Path
from typing import Any

LATE = (
    *(
        "pyarrow.acero",
        "pyarrow.dataset",
        "pyarrow.parquet",
        "ybcore.jobs.again.job",
        "ybcore.jobs.manifest",
        "ybcore.jobs.unit",
    ),
    *("ybcore.ledger.document", "ybcore.receipts.files", "ybcore.receipts.verify", "ybcore.settling.opening"),
)
HEARD = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "shutil.rmtree"}


class Jobs:
    """The process that forks, from the side of a test."""

    def __init__(self, unit_visits: int) -> None:
        script = [sys.executable, __file__, str(unit_visits)]
        self._process = subprocess.Popen(script, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, job: Path, **how: Any) -> dict[str, Any]:
        """One attempt."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps({"job": str(job), **how}) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def attempt(asked: dict[str, Any], tell: int) -> None:
    """In the forked process: do the job, or settle one again, and die where asked."""
    from ybcore.errors import _ProblemsError
    from ybcore.jobs.again.job import resettle_job
    from ybcore.jobs.document import load_job
    from ybcore.jobs.job import run_job
    from ybcore.ledger.document import load_changes

    document = load_job(asked["job"])
    root = str(document.output)
    heard = 0

    def hear(event: str, args: tuple[Any, ...]) -> None:
        nonlocal heard
        if event in HEARD and any(str(arg).startswith(root) for arg in args[:2] if isinstance(arg, (str, os.PathLike))):
            heard += 1
            if heard == asked.get("event"):
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hear)
    if asked.get("limit"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (asked["limit"], asked["limit"]))
    error = ""
    try:
        if "changes" in asked:
            resettle_job(
                Path(asked["previous"]), load_changes(asked["changes"]), document.output, memory=4 << 30, threads=2
            )
        else:
            run_job(document, replace=bool(asked.get("replace")))
    except _ProblemsError as told:
        error = f"{type(told).__name__}: {told.render('en')}"
    os.write(tell, json.dumps({"error": error, "events": heard}).encode())
    os._exit(1 if error else 0)


def serve(unit_visits: int) -> None:
    """Fork for every line of stdin."""
    import ybcore.jobs.job
    from ybcore.checks import load_rules
    from ybcore.jobs import scatter
    from ybcore.jobs.budget import Budget
    from ybcore.jobs.document import load_job
    from ybcore.policy import load_book, reader

    # What a job imports on its way, pandas with pyarrow.dataset above all, takes longer than the job.
    for name in LATE:
        importlib.import_module(name)
    # Documents are read once: they are not what is tried here, and reading them takes as long as the rest.
    reader._compose = cache(reader._compose)
    books: dict[Any, Any] = {}
    ybcore.jobs.job.load_book = books.__getitem__
    rules: set[Any] = set()
    # Small units and chunks, so that a small job has many.
    Budget.unit_visits = property(lambda self: unit_visits)
    scatter.FULL = 500
    for line in sys.stdin:
        asked = json.loads(line)
        document = load_job(asked["job"])
        if document.policy not in books:
            books[document.policy] = load_book(document.policy)
        if document.rules and document.rules not in rules:
            load_rules(document.rules)
            rules.add(document.rules)
        ear, mouth = os.pipe()
        began = time.perf_counter()
        child = os.fork()
        if not child:
            os.close(ear)
            os.setsid()
            try:
                attempt(asked, mouth)
            finally:
                os._exit(3)
        os.close(mouth)
        if asked.get("after") is not None:
            killer = threading.Timer(asked["after"], os.kill, (child, signal.SIGKILL))
            killer.start()
        told = b""
        while block := os.read(ear, 1 << 16):
            told += block
        os.close(ear)
        _, status = os.waitpid(child, 0)
        if asked.get("after") is not None:
            killer.cancel()
        answer = {"code": os.waitstatus_to_exitcode(status), "seconds": time.perf_counter() - began}
        print(json.dumps(answer | (json.loads(told) if told else {"error": "", "events": 0})), flush=True)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
