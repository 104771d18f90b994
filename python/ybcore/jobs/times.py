"""How long the steps of a job take."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Times"]


class Times:
    """Seconds by step, over all threads; and of these, those that a processor worked."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.worked: dict[str, float] = {}
        self._lock = threading.Lock()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        began, worked = time.perf_counter(), time.thread_time()
        try:
            yield
        finally:
            seconds, worked = time.perf_counter() - began, time.thread_time() - worked
            with self._lock:
                self.seconds[name] = self.seconds.get(name, 0.0) + seconds
                self.worked[name] = self.worked.get(name, 0.0) + worked
