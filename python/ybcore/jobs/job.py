"""`run_job`: from a document to a folder that is there whole or not at all."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import checks
from ..catalog import Catalog
from ..engine import Engine, State
from ..errors import DocumentError, InputError, JobError, Problem
from ..memory import peak_memory
from ..policy import load_book
from ..settling.merge import Part, merged
from .datasets import Dataset, find_datasets
from .document import JobDocument
from .journal import Journal
from .manifest import MANIFEST, RUN, SCRATCH, Hashing, Inputs, begin, write_records
from .ruled import coverage, left_out
from .run import Work
from .unit import Outputs

if TYPE_CHECKING:
    from ..checks import RuleBook

__all__ = ["JobResult", "opening_parts", "opening_state", "run_job", "together", "units_told"]

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class JobResult:
    """What a job came to. `fresh` False: it had been done before, and nothing was done. `manifest`, `run`: the records as written."""

    out: Path
    manifest: dict[str, Any] = field(repr=False)
    run: dict[str, Any] = field(repr=False)
    fresh: bool = True


@dataclass(frozen=True)
class Opened:
    """Everything that a document names, read and compiled."""

    engine: Engine
    datasets: dict[str, Dataset]
    rules: RuleBook | None
    what_counts: dict[str, Any]

    @staticmethod
    def of(document: JobDocument, takes_rules: bool = True) -> Opened:
        """Raises InputError or DocumentError with everything that is wrong in any of them. `takes_rules`: whether rules can be run."""
        problems: list[Problem] = []
        kinds: list[type[Exception]] = []

        if document.rules and not takes_rules:
            what = "a job on Spark does not check rules; run it without --engine spark"
            zh = "Spark 上的作业不支持审核规则；请去掉 --engine spark 在本机运行"
            problems.append(Problem(what=what, what_zh=zh, file=document.file or None, path="rules"))

        def got(read: Callable[[], Any]) -> Any:
            try:
                return read()
            except (DocumentError, InputError) as error:
                problems.extend(error.problems)
                kinds.append(type(error))
                return None

        book = got(lambda: load_book(document.policy))
        folder = document.catalog
        catalog = got(lambda: Catalog.load(folder)) if folder is not None else None
        rules = got(lambda: checks.load_rules(document.rules)) if document.rules else None
        what_counts = got(document.what_counts)
        datasets: dict[str, Dataset] = {}
        if book is not None:
            engine = Engine(book, catalog, threads=1)
            datasets = got(lambda: find_datasets(document, engine))
        if problems:
            raise (InputError if InputError in kinds else DocumentError)(problems)
        return Opened(engine, datasets, rules, what_counts)


def opening_parts(folder: Path) -> tuple[Path, list[Path]]:
    """(folder, the folders in it of the parts) of a state that `State.save`, `ybcore settle` or a job wrote."""
    root = folder / "state" if (folder / "state").is_dir() else folder
    one = (root / "names.json").is_file()
    return root, [root] if one else sorted(path.parent for path in root.glob("part-*/names.json"))


def opening_state(folder: Path) -> State:
    """The state in a folder that `State.save`, `ybcore settle` or a job wrote. Raises InputError."""
    _, parts = opening_parts(folder)
    if not parts:
        what, zh = "no state is there", "这里没有期末状态"
        raise InputError([Problem(what=what, what_zh=zh, file=str(folder), path="opening")])
    try:
        states = [State.load(part) for part in parts]
    except (OSError, ValueError, KeyError) as error:
        what, zh = f"the state cannot be read: {error}", f"无法读取期末状态：{error}"
        raise InputError([Problem(what=what, what_zh=zh, file=str(folder), path="opening")]) from error
    if len(states) == 1:
        return states[0]
    return merged([Part(s, *(np.ones(len(s.names[kind]), bool) for kind in ("psn", "house"))) for s in states])


def run_job(
    document: JobDocument, *, replace: bool = False, progress: Progress | None = None, work: Callable[..., Work] = Work
) -> JobResult:
    """Do a job, or what is left of it (docs/jobs.md).

    `progress(done, whole)` hears of rows, first of what was done before. `replace`: settle anew where documents or inputs have
    changed or the output is there. `work`: what does the steps (`jobs.spark.SparkWork` on a cluster). Raises DocumentError, InputError,
    or JobError when the disk is full or another job runs there.
    """
    began = time.perf_counter()
    kind = work.func if isinstance(work, partial) else work
    opened = Opened.of(document, getattr(kind, "takes_rules", True))
    inputs = Inputs(document, opened.engine, opened.datasets, opened.rules)
    journal = begin(inputs, replace=replace)
    if journal is None:
        told, run = (json.loads((document.output / name).read_text(encoding="utf-8")) for name in (MANIFEST, RUN))
        return JobResult(document.output, told, run, fresh=False)
    with journal:
        hashing = Hashing(inputs, journal)
        try:
            done = work(
                opened.engine,
                opened.datasets,
                journal,
                outputs=Outputs(**dict(document.outputs)),
                state=None if document.opening is None else opening_state(document.opening),
                memory=document.memory,
                threads=document.threads or len(os.sched_getaffinity(0)),
                rules=opened.rules,
                what_counts=opened.what_counts,
                progress=progress,
            )
            units = done.run()
            counts, sums = together(journal, units)
            ran = None if opened.rules is None or done.ruled is None else coverage(opened.rules, done.ruled, units)
            listed = None if document.suppress is None else left_out(units)
            hashed = hashing.result()
        finally:
            hashing.stop()
        _agree(counts, opened.datasets)
        took = {
            "seconds": round(time.perf_counter() - began, 3),
            "steps": {name: round(seconds, 3) for name, seconds in sorted(done.times.seconds.items())},
            "threads": done.threads,
            "memory": document.memory,
            "peak_memory_bytes": peak_memory(),
            "units": units_told(done.plan.begins, units),
            **done.told(),
        }
        for folder in SCRATCH:
            journal.forget(folder)
        records = write_records(
            journal,
            inputs,
            hashed,
            units=done.plan.units,
            counts=counts,
            sums=sums,
            coverage=ran,
            suppressions=listed,
            run=took,
        )
        journal.commit(document.output, replace=replace)
    return JobResult(document.output, *records)


def units_told(begins: Sequence[Any], units: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The units of a job, for one that settles it again: the person that each begins with, counts and sums."""
    return {"begin": list(begins), "notes": [{name: unit[name] for name in ("counts", "sums")} for unit in units]}


def together(journal: Journal, units: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], dict[str, int]]:
    """Counts and sums of all units, and of the lines that belong to none."""
    counts: dict[str, Any] = {}
    sums: dict[str, int] = {}
    outcomes: dict[tuple[str, str], int] = {}
    for unit in units:
        for name, value in unit["counts"].items():
            if name == "outcomes":
                for row in value:
                    key = row["outcome"], row["reason"]
                    outcomes[key] = outcomes.get(key, 0) + row["visits"]
            else:
                counts[name] = counts.get(name, 0) + value
        for name, value in unit["sums"].items():
            sums[name] = sums.get(name, 0) + value
    lost = sum(facts["rows"] for facts in journal.all("lost").values())
    for name in ("lines", "rejected_lines"):
        counts[name] = counts.get(name, 0) + lost
    # What units took for unknown, and all of them together know for another person's.
    others = (journal.find("rejects", 0) or {}).get("other_person", 0)
    for key, more in ((("rejected", "unknown_original"), -others), (("rejected", "other_person"), others)):
        outcomes[key] = outcomes.get(key, 0) + more
    rows = [{"outcome": o, "reason": r, "visits": n} for (o, r), n in sorted(outcomes.items()) if n]
    return {**counts, "outcomes": rows}, sums


def _agree(counts: Mapping[str, Any], datasets: Mapping[str, Dataset]) -> None:
    """Every row that was read is settled or rejected. Raises JobError: the fault is ours."""
    sides = [("visits", datasets["visits"].rows, counts["settled"] + counts["rejected"])]
    if "lines" in datasets:
        sides.append(("lines", datasets["lines"].rows, counts["settled_lines"] + counts["rejected_lines"]))
    wrong = [
        Problem(
            what=f"{read} rows were read, but {made} were settled or rejected: an error of ybcore, nothing was put in place",
            what_zh=f"读入 {read} 行，但结算与拒收共 {made} 行：这是 ybcore 的错误，未写出结果",
            path=name,
        )
        for name, read, made in sides
        if read != made
    ]
    if wrong:
        raise JobError(wrong)
