"""The rows of a job in their order: a unit is settled when its last row has come by; rows that would wait long for that wait on disk."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..columns.rows import taken
from .rows import Rows
from .scatter import by_unit, joined, read_batch, split, write_chunk

__all__ = ["Streamed", "Unordered"]

Int32 = npt.NDArray[np.int32]
Tables = dict[str, pa.Table]
_FILE = "rows.arrow"


class Unordered(Exception):
    """Rows that were thought to stand by unit do not: a line comes after its unit was settled."""


class Chunk(NamedTuple):
    """Rows of a chunk by unit: `near` at hand, those of the units `far` on disk. `end`: visits up to this one have come by."""

    near: list[tuple[int, pa.Table]]
    far: list[int]
    end: int


@dataclass
class Streamed(Rows):
    """Rows that are settled as they come by."""

    def _stream(self, settled: set[int], settle: Callable[[int, Tables], int], tell: Callable[[int], None]) -> None:
        """`settle` each unit that is not, on all threads, when its last row has come by; and `tell`. Raises Unordered when nothing is in work."""
        visits = iter(self._over(self._split_visits, range(len(self._readers["visits"]))))
        lines = range(len(self._readers["lines"])) if "lines" in self.datasets else range(0)
        held: dict[str, dict[int, list[pa.Table]]] = {"visits": {}, "lines": {}}
        waiting = deque(np.argsort(self.plan.last_row, kind="stable").tolist())
        done: set[int] = set()
        running: deque[Future[int]] = deque()
        read = 0

        def hold(name: str, chunk: Chunk) -> None:
            for unit, table in chunk.near:
                held[name].setdefault(unit, []).append(table)

        def settle_until(row: int) -> None:
            """Settle the units whose last visit stands before a row."""
            nonlocal read
            while waiting and self.plan.last_row[waiting[0]] < row:
                unit = waiting.popleft()
                while read <= self.plan.last_row[unit]:
                    chunk = next(visits)
                    read = chunk.end
                    hold("visits", chunk)
                pieces_of = {name: pieces.pop(unit, []) for name, pieces in held.items()}
                done.add(unit)
                if unit not in settled:
                    running.append(self.pool.submit(self._settle_pieces, unit, pieces_of, settle))
                del pieces_of
                while len(running) > self.workers:
                    tell(running.popleft().result())

        try:
            for chunk in self._over(self._split_lines, lines):
                if not done.isdisjoint([*chunk.far, *(unit for unit, _ in chunk.near)]):
                    raise Unordered
                hold("lines", chunk)
                settle_until(chunk.end)
        except Unordered:
            # What is in work is noted, as of this way, before the other way begins; it lacks the lines that came too late.
            wait(running)
            raise
        settle_until(len(self.plan.visit_group))
        while running:
            tell(running.popleft().result())

    def _settle_pieces(self, unit: int, pieces: dict[str, list[pa.Table]], settle: Callable[[int, Tables], int]) -> int:
        """Settle a unit of what was held of it; to put it together is work enough not to be left to one thread."""
        with self.times.step("gather"):
            names = [name for name in ("visits", "lines") if name in self.datasets]
            tables: Tables = {
                name: joined([*self._fetched(name, unit), *pieces.pop(name)], partial(self._empty, name))
                for name in names
            }
        return settle(unit, tables)

    def _split_visits(self, at: int) -> Chunk:
        """Visits of a chunk."""
        begin, end = (int(row) for row in self._readers["visits"].begin[at : at + 2])
        with self.times.step("decode"):
            table = self._readers["visits"].read(at)
        return self._apart("visits", at, *self._with_units("visits", table, begin, ""), self._far[begin:end], end)

    def _split_lines(self, at: int) -> Chunk:
        """Lines of a chunk."""
        with self.times.step("decode"):
            table = self._readers["lines"].read(at)
        table, visit, unit = self._lines_with_visits(table, f"{at}.0")
        far = self._far[visit] & (visit >= 0) if len(self._far) else visit >= 0
        return self._apart("lines", at, table, unit, far, int(visit.max(initial=-1)))

    # ------------------------------------------------------------------ rows that wait on disk

    def _apart(self, name: str, at: int, table: pa.Table, unit: Int32, far: npt.NDArray[np.bool_], end: int) -> Chunk:
        """A chunk by unit, the rows that are `far` from the end of theirs written down, if they were not before."""
        with self.times.step("split"):
            rows = np.flatnonzero(far)
            if not len(rows):
                return Chunk(split(table, unit), [], end)
            of = unit[rows]
            kind = f"far {name}"
            if self.journal.find(kind, at) is None:
                away, start = by_unit(taken(table, rows).combine_chunks(), of, self.plan.units)
                place = f"{self.room}/far-{name}-{at:05d}"
                self.journal.part(kind, at, place, partial(_write, away, start), passing=True)
            return Chunk(split(table, np.where(far, np.int32(-1), unit)), np.unique(of).tolist(), end)

    def _fetched(self, name: str, unit: int) -> list[pa.Table]:
        """What waits on disk for a unit, in the order of the source: all of it stands before what is at hand."""
        notes = self.journal.all(f"far {name}")
        read = (
            read_batch(self.journal.folder / note["path"] / _FILE, note["units"], unit)
            for _, note in sorted(notes.items())
        )
        return [table for table in read if table is not None]


def _write(table: pa.Table, start: Any, place: Path) -> dict[str, Any]:
    """Rows by unit as a folder."""
    place.mkdir()
    return {"units": write_chunk(table, start, place / _FILE)}
