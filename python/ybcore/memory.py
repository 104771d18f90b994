"""The memory of this process."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

__all__ = ["peak_memory", "take_from_system"]


def peak_memory() -> int:
    """Greatest resident memory of this process so far, in bytes."""
    try:
        # What getrusage tells counts from before the program was started: it holds the memory of whoever started it.
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) * 1024
    except (OSError, StopIteration):
        size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return size if sys.platform == "darwin" else size * 1024


def take_from_system() -> None:
    """Let Arrow take memory from the C library from now on, for a process that lets go of much and takes it anew.

    Arrow's own allocator gives pages back to the system within milliseconds; to get them again costs a job a quarter of its processor time.
    """
    import pyarrow as pa

    pa.set_memory_pool(pa.system_memory_pool())
