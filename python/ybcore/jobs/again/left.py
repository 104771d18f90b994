"""A job with rules as one without: its rules are run again, unit by unit, and its fee lines written as they left them, in the order of the input."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from ...checks import load_rules
from ...checks.run.given import SPARE
from ...checks.run.moved import Moved, Returned, split_lines
from ...columns.checkschema import CHECK_LINES
from ...columns.read import Problems, read
from ...engine import Engine
from ...errors import InputError, Problem
from ...ledger.run import TABLES
from ...policy import load_book
from ...receipts.runs import JobRun
from ..datasets import Dataset, find_datasets
from ..document import JobDocument
from ..job import opening_state
from ..journal import Facts, Journal, Key
from ..manifest import MOVED
from ..rows import ids_in
from ..ruled import coverage, left_out
from ..run import Work
from ..unit import MOVED_COLUMNS, SOURCE, Outputs, UnitResult
from .inputs import plain_words

__all__ = ["LEFT", "without_rules"]

Int64 = npt.NDArray[np.int64]
LEFT, ROOM = "left", "ruled"
_ROWS = 1 << 17  # of lines that are looked at together


class _Room:
    """A journal's notes and files under a name of their own, so that one folder holds the work of two jobs."""

    def __init__(self, journal: Journal) -> None:
        self._journal, self.folder, self.expect = journal, journal.folder, journal.expect

    def find(self, kind: str, key: Key) -> Facts | None:
        return self._journal.find(f"{ROOM} {kind}", key)

    def all(self, kind: str) -> dict[Key, Facts]:
        return self._journal.all(f"{ROOM} {kind}")

    def note(self, kind: str, key: Key, **facts: Any) -> Facts:
        return self._journal.note(f"{ROOM} {kind}", key, **facts)

    def part(self, kind: str, key: Key, path: str, write: Callable[[Path], Mapping[str, Any] | None], *, passing: bool = False) -> Facts:  # fmt: skip
        """Nothing of it is an output."""
        return self._journal.part(f"{ROOM} {kind}", key, f"{ROOM}/{path}", write, passing=True)


@dataclass
class _Ruling(Work):
    """The steps of a job with rules; of what it comes to only what findings move out of fee lines is kept."""

    def _write(self, unit: int, result: UnitResult) -> None:
        few = result.settlements.select([SOURCE[1]])
        super()._write(unit, replace(result, settlements=few, findings=None, details=None))

    def moved(self) -> Int64:
        """Row of the lines, and what each of MOVED_COLUMNS has of it, of all units, by row."""
        notes = [self.journal.find("moved", unit) for unit in range(self.plan.units)]
        tables = [pq.read_table(self.journal.folder / note["path"]) for note in notes if note is not None]
        begin = np.cumsum([0, *(file.rows for file in self.datasets["lines"].files)])
        of = {file.path: int(begin[file.index]) for file in self.datasets["lines"].files}
        found = [np.zeros((1 + len(MOVED_COLUMNS), 0), np.int64)]
        for table in tables:
            files = table[SOURCE[0]].combine_chunks()
            first = np.array([of[path] for path in files.dictionary.to_pylist()], np.int64)
            row = first[files.indices.to_numpy()] + table[SOURCE[1]].to_numpy()
            found.append(np.stack((row, *(table[name].to_numpy() for name in MOVED_COLUMNS))))
        whole = np.concatenate(found, axis=1)
        return whole[:, np.argsort(whole[0], kind="stable")]


def without_rules(
    run: JobRun, journal: Journal, memory: int, threads: int, tell: Callable[[int, int], None]
) -> tuple[JobDocument, dict[str, Any] | None]:
    """(the job of the lines that its rules left, what is told of the rules); a job without rules as it is.

    Lines whose visit is not there are left out. Raises InputError when the rules move other money than the receipt says.
    """
    document = run.document
    if not run.rules:
        return document, None
    engine = Engine(load_book(run.policy), run.catalog(), threads=1)
    datasets = find_datasets(document, engine)
    done = journal.find(LEFT, "")
    if done is None or any(journal.find(LEFT, path) is None for path in done["paths"]):
        done = _left(run, journal, engine, datasets, memory, threads, tell)
    journal.forget(ROOM)
    inputs = {name: paths for name, paths in document.inputs.items() if name in TABLES}
    if done["paths"]:
        inputs["lines"] = tuple(str(journal.folder / path) for path in done["paths"])
    none = {"rules": (), "known_at": None, "suppress": None}
    return document.model_copy(update={**none, "inputs": inputs}), done["rules"]


def _left(
    run: JobRun, journal: Journal, engine: Engine, datasets: dict[str, Dataset], memory: int, threads: int, tell: Callable[[int, int], None]
) -> Facts:  # fmt: skip
    """Run the rules, and write what they left."""
    rules, opening = load_rules(run.rules), run.document.opening
    work = _Ruling(
        engine, datasets, cast(Journal, _Room(journal)), outputs=Outputs(state=False, moved=True), memory=memory, threads=threads,
        state=None if opening is None else opening_state(opening), rules=rules, what_counts=run.what_counts(), progress=tell,
    )  # fmt: skip
    units = work.run()
    told = run.receipt.rules
    assert told is not None and work.ruled is not None
    moved, *apart = (sum(unit["counts"].get(name, 0) for unit in units) for name in MOVED)
    if [moved, *apart] != [getattr(told, name) for name in MOVED]:
        what = f"the rules move {moved} fen, the receipt says {told.moved_fen}: something has changed since the job"
        zh = f"规则转出 {moved} 分，回执为 {told.moved_fen} 分：作业之后有改动"
        raise InputError([Problem(what=what, what_zh=zh, file=str(run.folder), path="rules")])
    paths = []
    if "lines" in datasets:
        begin, rows = 0, work.moved()
        for file in datasets["lines"].files:
            paths.append(f"{LEFT}/lines/{file.path}")
            if journal.find(LEFT, paths[-1]) is None:
                low, high = np.searchsorted(rows[0], (begin, begin + file.rows))
                mine = rows[:, low:high] - np.array([begin, *(0 for _ in MOVED_COLUMNS)])[:, np.newaxis]
                journal.part(LEFT, paths[-1], paths[-1], partial(_written, work, file.index, mine), passing=True)
            begin += file.rows
    ran = {"sha256": rules.sha256, "moved_fen": moved, "coverage": coverage(rules, work.ruled, units)}
    ran |= {} if told.known_at is None else {"known_at": told.known_at}
    ran |= {} if told.suppressions is None else {"suppressions": left_out(units)}
    return journal.note(LEFT, "", paths=paths, rules=ran)


def _written(work: _Ruling, index: int, moved: Int64, place: Path) -> dict[str, Any]:
    """A file of fee lines as rules left it."""
    dataset = work.datasets["lines"]
    begin, written = 0, 0
    writer: pq.ParquetWriter | None = None
    groups = range(len(dataset.files[index].group_rows))
    try:
        for table in (part for group in groups for part in dataset.batches(index, group, rows=_ROWS)):
            low, high = np.searchsorted(moved[0], (begin, begin + table.num_rows))
            none = Moved.none(table.num_rows)
            row, fen, units, *back = moved[:, low:high]
            at = row - begin
            none.amount[at], none.quantity[at] = fen, units
            begin += table.num_rows
            there = work.plan.visits_of(ids_in(table["setl_id"])) >= 0
            left = _split(
                table.filter(pa.array(there)),
                Moved(none.amount, none.quantity, Returned(at, *back)).among(np.flatnonzero(there)),
            )
            writer = writer or pq.ParquetWriter(place, left.schema, compression="zstd", write_page_checksum=True)
            writer.write_table(left.cast(writer.schema))
            written += left.num_rows
        if writer is None:
            left = _split(dataset.arrow.empty_table(), Moved.none(0))
            writer = pq.ParquetWriter(place, left.schema, compression="zstd", write_page_checksum=True)
    finally:
        if writer is not None:
            writer.close()
    return {"rows": written}


def _split(lines: pa.Table, moved: Moved) -> pa.Table:
    problems = Problems()
    frame = read(lines, CHECK_LINES, problems, optional=SPARE, lazy=True)
    problems.stop()
    return plain_words(pa.table(split_lines(frame, frame.ids["setl_id"], moved).table))
