"""A job on Apache Spark: planned once where it is started, each unit a task; parts come from the same writer (docs/jobs.md section 5).

Row groups are read by tasks and cut by unit; what the shuffle moves is pieces of Arrow. A task gathers the pieces of one unit in the order
of the source, settles, writes, and sends its notes home, where they go into the journal while other tasks run.
"""

from __future__ import annotations

import os
import socket
import sys
import time
import uuid
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyarrow as pa

from ..engine import Engine, State
from ..extras import extra
from .blobs import cut, unpacked
from .carried import carried, told
from .datasets import Dataset
from .journal import Facts, Journal, Key
from .plan import Plan
from .rows import AROUND
from .run import Work
from .scatter import joined
from .unit import Outputs

if TYPE_CHECKING:
    from pyspark.accumulators import Accumulator
    from pyspark.broadcast import Broadcast

__all__ = ["SparkWork", "started"]

_POLL = 0.2  # seconds between two looks at what tasks have sent
Place = tuple[int, int]  # number of a row group, and of a piece of it
_KNOWN = ("cut", "first", "lost", "rejected")  # notes that a task asks for


def started(master: str | None, settings: Mapping[str, str] | None = None) -> tuple[Any, bool]:
    """(Spark session, whether it was started here). `master`: URL of a cluster, None: what the environment says."""
    sql = extra("pyspark.sql", "spark", "在 Spark 上运行作业", "a job on Spark")
    active = sql.SparkSession.getActiveSession()
    if active is not None:
        return active, False
    # A session that starts in this process asks the environment which Python its workers are, whatever its settings say.
    named = (settings or {}).get("spark.pyspark.python")
    if named is not None:
        os.environ["PYSPARK_PYTHON"] = named
    elif (master or "").startswith("local"):
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = sql.SparkSession.builder.appName("ybcore run").config("spark.ui.showConsoleProgress", "false")
    if master is not None:
        builder = builder.master(master)
    for name, value in (settings or {}).items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session, True


@dataclass
class SparkWork(Work):
    """The steps of a job, those that touch rows as Spark tasks. `session`: a Spark session; output and inputs are paths that every
    machine of the cluster sees."""

    takes_rules: ClassVar[bool] = False
    session: Any = None
    processes: set[str] = field(default_factory=set, init=False)

    @property
    def streams(self) -> bool:
        """Rows always pass the shuffle."""
        return False

    def _scatter(self, name: str) -> None:
        """Nothing is spilled here: rows of people come to their unit with its visits."""

    def _settle_all(self) -> None:
        """Every unit that is not settled, as tasks; what they note goes into the journal as it comes."""
        self.__dict__.pop("_settled", None)
        todo = [unit for unit in range(self.plan.units) if unit not in self._settled]
        if not todo:
            return
        context = self.session.sparkContext
        names = [name for name in ("visits", "lines", *AROUND) if name in self.datasets]
        rows = [(name, at) for name in names for at in range(len(self._readers[name]))]
        known = [line for kind in _KNOWN for line in self.journal.all(kind).values()]
        sent = context.broadcast(
            _Sent(
                self.engine.book,
                self.engine.catalog,
                self.datasets,
                self.plan,
                self.state,
                self.outputs,
                str(self.journal.folder),
            )
        )
        said = context.accumulator([], _Said())
        cuts = context.parallelize(rows, max(1, len(rows))).flatMap(_Cut(sent, known, todo))
        settled = cuts.partitionBy(len(todo), _same).mapPartitionsWithIndex(_Settle(sent, known, todo, said))
        try:
            with told(), self.times.step("spark"), ThreadPoolExecutor(1) as beside:
                job = beside.submit(settled.count)
                taken = 0
                try:
                    while not job.done():
                        time.sleep(_POLL)
                        taken = self._take(said.value, taken)
                finally:
                    if not job.done():
                        context.cancelAllJobs()
                self._take(said.value, taken)
                job.result()
        finally:
            sent.destroy()

    def _take(self, said: list[Facts], taken: int) -> int:
        """Write down what tasks have sent since; how much was sent."""
        new = said[taken:]
        for line in new:
            facts = dict(line)
            kind, key = facts.pop("kind"), facts.pop("key")
            if kind == "worker":
                self.processes.add(key)
                for name, seconds in facts["seconds"].items():
                    self.times.seconds[name] = self.times.seconds.get(name, 0.0) + seconds
                continue
            self.journal.note(kind, key, **facts)
            if kind == "unit":
                self._tell(key)
        return taken + len(new)

    def _tell(self, unit: int) -> None:
        self._advance(2 * int(self._unit_rows[unit]))

    def told(self) -> dict[str, Any]:
        """For the record of the run: which processes settled."""
        return {"engine": "spark", "master": self.session.sparkContext.master, "workers": sorted(self.processes)}


# ---------------------------------------------------------------------------------------------- what runs in tasks


@dataclass(frozen=True)
class _Sent:
    """What every worker gets once."""

    book: Any
    catalog: Any
    datasets: dict[str, Dataset]
    plan: Plan
    state: State | None
    outputs: Outputs
    folder: str


class _Notes(Journal):
    """A journal that is written elsewhere: parts are written here as always, notes are kept to be sent home."""

    def __init__(self, folder: Path) -> None:
        self._hold(folder, [])
        # Two attempts of one task must not write to one place.
        self.torn = f".{uuid.uuid4().hex[:8]}{self.torn}"
        self.lines: list[Facts] = []

    def know(self, lines: Iterable[Facts]) -> None:
        """What the journal at home has."""
        self._notes = {(line["kind"], line["key"]): line for line in lines}

    def find(self, kind: str, key: Key) -> Facts | None:
        """What was noted, or None; files are looked at at home."""
        return self._notes.get((kind, key))

    def _add(self, line: Facts, sync: bool = True) -> Facts:
        self._notes[line["kind"], line["key"]] = line
        self.lines.append(line)
        return line

    def taken(self) -> list[Facts]:
        """The notes that were not taken before."""
        lines, self.lines = self.lines, []
        return lines


@dataclass
class _Worker(Work):
    """The steps of a job inside a task."""

    pieces: dict[str, list[tuple[Place, pa.Table]]] = field(default_factory=dict)

    @property
    def notes(self) -> _Notes:
        """Its journal."""
        assert isinstance(self.journal, _Notes)
        return self.journal

    @property
    def streams(self) -> bool:
        return False

    def _spilled(self, name: str, unit: int) -> pa.Table:
        """Rows of the unit in hand, in the order of the source."""
        held = sorted(self.pieces.pop(name, []), key=lambda piece: piece[0])
        return joined([table for _, table in held], lambda: self._empty(name))


_WORKERS: list[tuple[Any, _Worker]] = []  # what was sent, and what was made of it


def _worker(sent: Broadcast[_Sent], known: list[Facts]) -> _Worker:
    """This process's worker: made once for each job that was sent."""
    got = sent.value
    if not _WORKERS or _WORKERS[0][0] is not got:
        engine = Engine(got.book, got.catalog, threads=1)
        worker = _Worker(
            engine, got.datasets, _Notes(Path(got.folder)), outputs=got.outputs, state=got.state, threads=1
        )
        worker.plan, worker._engines = got.plan, deque([engine])
        _WORKERS[:] = [(got, worker)]
    worker = _WORKERS[0][1]
    worker.notes.know(known)
    worker.notes.taken()
    worker.times.seconds.clear()
    return worker


@dataclass(frozen=True)
class _Cut:
    """A row group → (place of a unit in `todo`, (table, where the rows stand, blob)); notes travel with the first unit."""

    sent: Broadcast[_Sent]
    known: list[Facts]
    todo: list[int]

    def __call__(self, task: tuple[str, int]) -> Iterator[tuple[int, tuple[str, Place, Any]]]:
        name, at = task
        with carried():
            worker = _worker(self.sent, self.known)
            place = np.full(worker.plan.units + 1, -1, np.int32)
            place[self.todo] = np.arange(len(self.todo))
            for number, table, unit in worker.rows_by_unit(name, at):
                for part, blob in cut(table, place[unit], len(self.todo)):
                    yield part, (name, (at, number), blob)
            for line in [*worker.notes.taken(), _working(worker)]:
                yield 0, ("", (at, 0), line)


@dataclass(frozen=True)
class _Settle:
    """All pieces of a unit → its parts, written; notes go to `said`."""

    sent: Broadcast[_Sent]
    known: list[Facts]
    todo: list[int]
    said: Accumulator[list[Facts]]

    def __call__(self, place: int, pieces: Iterable[tuple[int, tuple[str, Place, Any]]]) -> Iterator[int]:
        with carried():
            worker = _worker(self.sent, self.known)
            worker.pieces = {}
            notes: list[Facts] = []
            for _, (name, at, piece) in pieces:
                if name:
                    worker.pieces.setdefault(name, []).append((at, unpacked(piece)))
                else:
                    notes.append(piece)
            unit = self.todo[place]
            names = [name for name in ("visits", "lines") if name in worker.datasets]
            worker._settle(unit, {name: worker._spilled(name, unit) for name in names})
            self.said.add([*notes, *worker.notes.taken(), _working(worker)])
        yield unit


def _working(worker: Work) -> Facts:
    """Who did it, and how long each step took."""
    who = f"{socket.gethostname()} executor {os.getppid()} worker {os.getpid()}"
    return {"kind": "worker", "key": who, "seconds": dict(worker.times.seconds)}


def _same(place: int) -> int:
    """The partition of a unit is its place."""
    return place


class _Said:
    """How lists of notes are put together, at home and in tasks."""

    def zero(self, value: list[Facts]) -> list[Facts]:
        """No notes."""
        return []

    def addInPlace(self, one: list[Facts], other: list[Facts]) -> list[Facts]:
        """The notes of both."""
        one += other
        return one
