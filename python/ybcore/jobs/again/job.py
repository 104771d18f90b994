"""`resettle_job`: from the folder of a job and a document of changes to a folder that is there whole or not at all."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..._version import __version__
from ...columns.checkschema import CHECK_LINES
from ...engine import Engine
from ...errors import InputError, JobError, Problem
from ...ledger.attribution import asked_of
from ...ledger.document import ChangesDocument, file_sha256
from ...ledger.struck import ORDERED_BY
from ...memory import peak_memory
from ...receipts.model import read_receipt
from ...receipts.runs import JobRun
from ...receipts.verify import Verifier
from ..datasets import Dataset, find_datasets
from ..document import JobDocument
from ..job import opening_state, together, units_told
from ..journal import Journal
from ..manifest import MANIFEST, RUN, SCRATCH, Hashing, Inputs, begin, write_records
from ..unit import Outputs
from .after import After
from .differ import Differing, stub_of
from .inputs import INPUT, changed_inputs
from .ledger import write_ledger
from .left import without_rules

__all__ = ["Resettled", "resettle_job"]

Progress = Callable[[str], Callable[[int, int], None]]


@dataclass(frozen=True)
class Resettled:
    """What a job settled again came to. `fresh` False: it had been done before. `manifest`, `run`: the records as written."""

    out: Path
    manifest: dict[str, Any] = field(repr=False)
    run: dict[str, Any] = field(repr=False)
    fresh: bool = True


class _Asked(Inputs):
    """What the answer depends on: the previous receipt, which holds the hash of all its files, and the changes."""

    def __init__(self, document: JobDocument, told: dict[str, Any]) -> None:
        self.document, self.told = document, told
        self.files = {}

    def identity(self) -> dict[str, Any]:
        return {"ybcore": __version__, **self.told}


def resettle_job(
    previous: Path, changes: ChangesDocument, out: Path, *, memory: int, threads: int | None = None, attribution: str = "sequence",
    replace: bool = False, progress: Progress = lambda step: lambda done, whole: None,
) -> Resettled:  # fmt: skip
    """Settle a job again after some changes, or do what is left of that (docs/resettlement.md section 9).

    `memory` in bytes. `progress(step)` gives what hears of a step (`check`, `rules`, `differ`, `settle`). Raises InputError with everything that is
    wrong, JobError when the disk is full or another job runs there.
    """
    began = time.perf_counter()
    receipt = read_receipt(previous)
    run = JobRun(previous, receipt)
    if attribution != "none":
        asked_of(attribution, len(changes.entries))
    cores = threads or len(os.sched_getaffinity(0))
    told = _told(previous, changes, attribution)
    placed: dict[str, Any] = {"output": out.absolute(), "memory": memory, "threads": threads}
    asked = _Asked(run.document.model_copy(update=placed), told)
    journal = begin(asked, replace=replace)
    if journal is None:
        was = [json.loads((out / name).read_text(encoding="utf-8")) for name in (MANIFEST, RUN)]
        return Resettled(out, was[0], was[1], fresh=False)
    with journal:
        _proved(previous, progress("check"))
        document, ruled = without_rules(run, journal, memory, cores, progress("rules"))
        document = document.model_copy(update=placed)
        work = _differing(run, document, changes, journal, memory, cores, attribution, progress)
        try:
            units = work.run()
        except InputError as error:
            raise InputError(changes.placed(error.problems)) from None
        if not work.journal.all("unit"):
            journal.forget(Differing.room)
        written = changed_inputs(journal, work.datasets, work.reads, len(units), ("lines",) if run.rules else ())
        places = write_ledger(journal, units, work, attribution)
        after = _document_after(document, changes, written, work.datasets, journal.folder)
        final = _document_after(document, changes, written, work.datasets, out.absolute())
        engine = work.engines[-1] if work.engines else work.engine
        datasets = find_datasets(after, engine)
        inputs = Inputs(final, engine, datasets)
        hashing = Hashing(inputs, journal)
        try:
            done = After(
                engine, datasets, journal, outputs=Outputs(**dict(document.outputs)), state=work.state, memory=memory,
                threads=cores, progress=progress("settle"), before=run, differing=work,
            )  # fmt: skip
            settled = done.run()
            counts, sums = together(journal, settled)
            hashed = hashing.result()
        finally:
            hashing.stop()
        _adds_up(receipt.totals_fen, units, sums)
        for folder in SCRATCH:
            journal.forget(folder)
        took = {
            "seconds": round(time.perf_counter() - began, 3),
            "steps": {name: round(s, 3) for name, s in sorted([*work.times.seconds.items(), *((f"{n} (after)", s) for n, s in done.times.seconds.items())])},
            "threads": cores,
            "memory": memory,
            "peak_memory_bytes": peak_memory(),
            "units": units_told(done.plan.begins, settled),
        }  # fmt: skip
        more = {
            **told,
            "scope": places["scope"],
            "attribution": places["attribution"],
            "units_taken_over": len(done.kept),
            **({} if ruled is None else {"rules": ruled}),
        }
        records = write_records(
            journal, inputs, hashed, units=done.plan.units, counts=counts, sums=sums, coverage=None, run=took, resettlement=more,
            identity=asked.identity(),
        )  # fmt: skip
        journal.commit(out.absolute(), replace=replace)
    return Resettled(out, *records)


def _told(previous: Path, changes: ChangesDocument, attribution: str) -> dict[str, Any]:
    """What a re-settlement rests on, by hashes."""
    entries = [
        {
            "kind": entry.kind,
            "label": dict(entry.label),
            "source": entry.source,
            "files": [{"key": f.key, "name": f.path.name, "sha256": f.sha256, "rows": f.rows} for f in entry.files],
        }
        for entry in changes.entries
    ]
    return {
        "previous": {"receipt_sha256": file_sha256(previous / "receipt.json")},
        "changes": {"sha256": changes.sha256, "id": changes.id, "entries": entries},
        "method": attribution,
    }


def _proved(previous: Path, tell: Callable[[int, int], None]) -> None:
    """The files, documents and sums of a job are those of its receipt. Raises InputError with all that are not."""
    found = Verifier(previous, read_receipt(previous), 1)
    for done, step in enumerate((found.files, found.documents, found.sums), 1):
        step()
        tell(done, 3)
    if found.problems:
        raise InputError(found.problems)


def _differing(run: JobRun, document: JobDocument, changes: ChangesDocument, journal: Journal, memory: int, threads: int, method: str, progress: Progress) -> Differing:  # fmt: skip
    from ...policy import load_book

    engine = Engine(load_book(run.policy), run.catalog(), threads=1)
    state = None if document.opening is None else opening_state(document.opening)
    books = [entry.data["policy"] for entry in changes.entries if entry.kind == "policy"]
    further = CHECK_LINES.some(ORDERED_BY) if any(entry.kind == "struck_off" for entry in changes.entries) else ()
    datasets = find_datasets(document, engine, *(Engine(book, threads=1) for book in books), more={"lines": [*further]})
    given = changes.changes(stub_of(engine, datasets))
    results = {name: stored for name, stored in run.outputs().items() if name in ("settlements", "rejects")}
    return Differing(
        engine, datasets, journal, state=state, memory=memory, threads=threads, progress=progress("differ"), changes=given,
        results=results, method=method,
    )  # fmt: skip


def _document_after(document: JobDocument, changes: ChangesDocument, written: Mapping[str, list[str]], datasets: Mapping[str, Dataset], folder: Path) -> JobDocument:  # fmt: skip
    """The job that the changed inputs are of; `folder`: where they are."""
    policy, catalog = document.policy, document.catalog
    for entry in changes.entries:
        paths = tuple(file.path.absolute() for file in entry.files)
        policy = paths if entry.kind == "policy" else policy
        catalog = paths[0] if entry.kind == "catalog" else catalog
    inputs = {
        name: tuple(str(folder / path) for path in written[name]) if name in written else document.inputs[name]
        for name in dict.fromkeys((*document.inputs, *written))
    }
    assert all(path.startswith(INPUT) for paths in written.values() for path in paths)
    return document.model_copy(update={"policy": policy, "catalog": catalog, "inputs": inputs})


def _adds_up(before: Mapping[str, int], units: list[dict[str, Any]], after: Mapping[str, int]) -> None:
    """What the job came to and all differences are what its changed inputs come to. Raises JobError: the fault is ours."""
    moved: dict[str, int] = {}
    for unit in units:
        for name in unit["after"]:
            moved[name] = moved.get(name, 0) + unit["after"][name] - unit["before"][name]
    wrong = [
        Problem(
            what=f"before {before[name]} and differences {moved[name]} are not {after[name]}: an error of ybcore, nothing was put in place",
            what_zh=f"变更前 {before[name]} 加差额 {moved[name]} 不等于 {after[name]}：这是 ybcore 的错误，未写出结果",
            path=name,
        )
        for name in moved
        if name in before and name in after and before[name] + moved[name] != after[name]
    ]
    if wrong:
        raise JobError(wrong)
