"""How large units and pieces may be, and how many are in work at once, so that a job stays in its memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import JobError, Problem
from .datasets import Dataset
from .journal import human
from .ruled import OF_VISITS

__all__ = ["Budget"]

# Bytes, as measured: what a process has before it reads a row, a visit in the plan, a visit and a line of a unit in work with what they
# come to, and a line of a row group with its copy by unit.
BASE, PLANNED, VISIT, LINE, ROW = 320 << 20, 150, 2500, 200, 180
RULED = 500  # more of a line, or a row beside, that rules look at
OUTLINED, TIMES = (
    300,
    3,
)  # where a job is settled again: more of a visit in the plan, and of one in work how many times as much
MOST_VISITS, LEAST_VISITS = 50_000, 200


@dataclass(frozen=True)
class Budget:
    """For some datasets and bytes of memory, with rules or without. Units depend on these alone, not on threads. `outlined`: beside the
    outline of a job that is settled again; `again`: for settling it before and after the changes."""  # fmt: skip

    datasets: Mapping[str, Dataset]
    memory: int
    rules: bool = False
    again: bool = False
    outlined: bool = False

    def _rows(self, name: str) -> int:
        return self.datasets[name].rows if name in self.datasets else 0

    @property
    def _each(self) -> float:
        """Bytes of a visit in work, with its lines."""
        each = LINE * self._rows("lines")
        if self.rules:
            each += RULED * sum(self._rows(name) for name in ("lines", *OF_VISITS))
        return (VISIT + each / max(1, self._rows("visits"))) * (TIMES if self.again else 1)

    @property
    def _fixed(self) -> int:
        beside = OUTLINED if self.again else OUTLINED + PLANNED if self.outlined else 0
        return BASE + (PLANNED + beside) * self._rows("visits")

    @property
    def most_rows(self) -> int:
        """Rows of the largest row group that is read whole."""
        return max(1 << 16, (self.memory - self._fixed) // 4 // ROW)

    @property
    def _group(self) -> int:
        """Bytes of a row group in work."""
        largest = max(
            (rows for data in self.datasets.values() for file in data.files for rows in file.group_rows), default=0
        )
        return ROW * min(largest, self.most_rows)

    @property
    def unit_visits(self) -> int:
        """Visits that a unit is to have. Raises JobError when not even small ones fit."""
        room = self.memory - self._fixed - 2 * self._group
        visits = int(min(MOST_VISITS, room / 4 / self._each))
        if visits < LEAST_VISITS:
            self._too_small(int(self._fixed + 2 * self._group + 4 * LEAST_VISITS * self._each))
        return visits

    def _needed(self, largest: int) -> int:
        return int(self._fixed + self._group + largest * self._each)

    def fits(self, largest: int) -> bool:
        """Whether a unit with so many visits does."""
        return self._needed(largest) <= self.memory

    def check(self, largest: int) -> None:
        """Raises JobError when the unit with most visits does not fit."""
        if not self.fits(largest):
            self._too_small(self._needed(largest))

    def workers(self, threads: int, unit_visits: int) -> int:
        """How many threads may work at once."""
        room = self.memory - self._fixed
        return max(1, min(threads, int(room / max(1, self._group + 1.5 * unit_visits * self._each))))

    def _too_small(self, needed: int) -> None:
        needs, has = human(needed), human(self.memory)
        what, zh = (
            f"{has} of memory is too little for this job: it needs {needs}",
            f"内存 {has} 不足以完成该作业：至少需要 {needs}",
        )
        raise JobError([Problem(what=what, what_zh=zh, path="memory")])
