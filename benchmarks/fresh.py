"""Fresh processes, and the most memory that a call needed in one.

An allocator keeps what was freed, so a process that has worked before shows too little for its next run. Each figure of memory is
therefore taken in a process that has prepared its inputs and done nothing else of that size.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
POOLS = ("POLARS_MAX_THREADS", "NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ARROW_NUM_THREADS")
CLEAR = Path("/proc/self/clear_refs")
# Another process looks, so that code which holds the interpreter lock is seen too.
_SAMPLER = """
import os, sys, threading
page, best, stop = os.sysconf("SC_PAGE_SIZE"), 0, threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
with open(f"/proc/{sys.argv[1]}/statm", "rb", buffering=0) as told:
    print("ready", flush=True)
    while not stop.wait(0.001):
        told.seek(0)
        best = max(best, int(told.read().split()[1]) * page)
print(best, flush=True)
"""


def environment(threads: int) -> dict[str, str]:
    """Ours, with every library's pool told the number of threads."""
    return os.environ | dict.fromkeys(POOLS, str(threads))


def ask(module: str, *words: str, threads: int = 1) -> dict[str, Any]:
    """What `python -m benchmarks.MODULE WORDS` says in the last line of its output. Raises SystemExit when it fails."""
    command = [sys.executable, "-m", f"benchmarks.{module}", *words]
    done = subprocess.run(command, cwd=ROOT, env=environment(threads), stdout=subprocess.PIPE, text=True)
    if done.returncode or not done.stdout.strip():
        raise SystemExit(f"{' '.join(command[1:4])} stopped with exit code {done.returncode}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def status(name: str) -> int:
    """A line of /proc/self/status, in bytes; 0 when it is not there."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    return 0


def settled() -> None:
    """Give freed memory back, so that what follows is not served from it unseen."""
    gc.collect()
    arrow = sys.modules.get("pyarrow")
    if arrow is not None:
        arrow.default_memory_pool().release_unused()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def nothing_more(done: Any) -> dict[str, Any]:
    """Of what a run gave nothing is told."""
    return {}


def peak(run: Callable[[], Any], told: Callable[[Any], dict[str, Any]] = nothing_more) -> dict[str, Any]:
    """Bytes that one call needed over what stood before it (`bytes`), what stood (`baseline`), and how it was seen (`method`).

    `told` adds what is to be said of what the call gave, looked at after the peak is taken.
    """
    settled()
    try:
        CLEAR.write_text("5")
    except OSError:
        return sampled(run, told)
    before = status("VmRSS")
    done = run()
    most = status("VmHWM")
    return {"bytes": max(0, most - before), "baseline": before, "method": "VmHWM"} | told(done)


def sampled(run: Callable[[], Any], told: Callable[[Any], dict[str, Any]] = nothing_more) -> dict[str, Any]:
    """As `peak`, where the kernel does not let a process reset its high-water mark: looked at every millisecond."""
    command = [sys.executable, "-c", _SAMPLER, str(os.getpid())]
    watcher = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert watcher.stdout is not None
    watcher.stdout.readline()
    before = status("VmRSS")
    done = run()
    most, _ = watcher.communicate()
    return {"bytes": max(0, int(most) - before), "baseline": before, "method": "sampled"} | told(done)
