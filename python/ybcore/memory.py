"""The memory of this process."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

__all__ = ["peak_memory", "take_from_system"]

# <malloc.h>: M_ARENA_MAX, M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, M_TOP_PAD
_KEEP = {-8: 1, -3: 1 << 30, -1: 1 << 30, -2: 1 << 24}


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
    """Let this process take memory from the C library, and keep it, from now on: for one that lets go of much and takes it anew.

    Arrow's own allocator gives pages back to the system within milliseconds, as the C library does with large arrays; to get them again
    costs a job a quarter of its processor time. One arena, so that what one thread let go of another one takes.
    """
    import ctypes

    import pyarrow as pa

    pa.set_memory_pool(pa.system_memory_pool())
    tuned = getattr(ctypes.CDLL(None), "mallopt", None)  # of glibc
    if tuned is not None:
        for option, value in _KEEP.items():
            tuned(option, value)
