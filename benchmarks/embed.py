"""One visit at a time: how long a window waits, door by door. Every door's columns are those of a batch before anything is told.

python -m benchmarks.embed --visits 20000 --out build/bench-embed.json
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from . import machine
from .c_door import MISSING, Door, Line, Result, text
from .job import NEW_YEAR, Job, make
from .peers import ybcore_reference
from .peers.ybcore_bulk import CATEGORIES, LEVELS, POLICY, catalog, code, tables

SLOW = 200  # visits that the slower doors do
COLD = 400


def ordered(job: Job) -> np.ndarray:
    return np.lexsort((np.arange(job.visits), job.date, job.person))


def sorted_job(visits: int, items: int) -> Job:
    return make(visits, items=items, order="person", seed=3)


def write_input(job: Job, path: Path) -> None:
    arrays = (
        np.array([job.visits, job.lines, len(job.cat)], np.int64), job.person.astype(np.int32), job.date.astype(np.int32),
        job.kind.astype(np.int32), job.tier.astype(np.int32), job.off.astype(np.int64), job.item.astype(np.int32), job.ldate.astype(np.int32),
        job.qty.astype(np.int64) * 10, job.amount.astype(np.int64), job.cat.astype(np.int32), job.acct0.astype(np.int64),
    )  # fmt: skip
    path.write_bytes(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays))


def program(folder: Path) -> Path:
    """The C program, built over what is installed."""
    from ybcore import embed

    out, source, lib = folder / "embed_latency", Path(__file__).parent / "embed_latency.c", embed.library()
    words = [
        "gcc",
        "-O2",
        "-std=gnu11",
        "-pthread",
        f"-I{embed.include_dir()}",
        str(source),
        str(lib),
        f"-Wl,-rpath,{lib.parent}",
        "-o",
        str(out),
    ]
    subprocess.run(words, check=True)
    return out


def through_c(built: Path, image: Path, given: Path, visits: int, mode: str) -> tuple[np.ndarray, np.ndarray]:
    """(columns of each visit, nanoseconds of each)."""
    out = given.with_suffix(f".{mode}")
    subprocess.run([str(built), str(image), str(given), str(out), mode], check=True)
    numbers = np.fromfile(out, np.int64)
    return numbers[: visits * 34].reshape(visits, 34), numbers[visits * 34 :]


def threads_through_c(built: Path, image: Path, given: Path, visits: int, threads: int) -> tuple[np.ndarray, dict[str, float]]:  # fmt: skip
    """(columns of each visit, how many visits a second the threads settled together and what each cost)."""
    out = given.with_suffix(f".{threads}")
    subprocess.run([str(built), str(image), str(given), str(out), "threads", str(threads)], check=True)
    numbers = np.fromfile(out, np.int64)
    return numbers[: visits * 34].reshape(visits, 34), rate(visits, threads, *numbers[visits * 34 :].tolist())


def rate(visits: int, threads: int, clock: float, processor: float) -> dict[str, float]:
    """From nanoseconds of the clock, and of the processor in all threads together."""
    return {
        "threads": threads,
        "visits_per_second": round(visits / clock * 1e9),
        "visits_per_processor_second": round(visits / processor * 1e9),
        "processor_us": round(processor / visits / 1e3, 3),
    }


def differs(columns: np.ndarray, want: np.ndarray, names: list[str]) -> None:
    """Raises where a column is not that of the batch: nothing is timed that is wrong."""
    rows, at = np.nonzero(columns != want)
    if len(rows):
        v, c = int(rows[0]), int(at[0])
        raise SystemExit(
            f"{names[c]} of visit {v} is {columns[v, c]}, in a batch {want[v, c]}; {len(set(rows.tolist()))} visits differ"
        )


def told(nanoseconds: np.ndarray) -> dict[str, float]:
    if not len(nanoseconds):
        return {"visits": 0}
    p50, p90, p99 = np.percentile(nanoseconds, [50, 90, 99])
    return {
        "visits": len(nanoseconds),
        "p50_us": round(p50 / 1e3, 3),
        "p90_us": round(p90 / 1e3, 3),
        "p99_us": round(p99 / 1e3, 3),
    }


def fast_python(image: Path, job: Job, want: np.ndarray, names: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """`ybcore.fast` from the call to the result object; (nanoseconds of each, which are timed: those with ten lines)."""
    from ybcore.fast import Desk, Image, Lines, State, Visit

    opened = Image(image)
    desk, took = Desk(opened), np.zeros(job.visits, np.int64)
    numbers = np.array([opened.item(code(i)) for i in range(job.items)])
    state, who = State(opened), -1
    clock = time.perf_counter_ns
    for v in range(job.visits):
        p, rows = int(job.person[v]), slice(job.off[v], job.off[v + 1])
        if p != who:
            state, who = State(opened, room=64), p
        facts = {"med_type": ("11", "21")[job.kind[v]], "dedc_hosp_lv": LEVELS[job.tier[v]], "psn_type": CATEGORIES[job.cat[p]],
                 "insutype": "310", "insuplc_admdvs": "110000"}  # fmt: skip
        balance = int(job.acct0[p])
        visit = Visit(
            opened,
            facts,
            setl_day=int(job.date[v]),
            setl_id=v,
            psn_no=p,
            balc=balance,
            movements=[(NEW_YEAR, 0, balance)],
        )
        desk.combine(visit)
        lines = Lines(numbers[job.item[rows]].tolist(), job.amount[rows].tolist(), (job.qty[rows].astype(np.int64) * 10).tolist(), job.ldate[rows].tolist())  # fmt: skip
        begin = clock()
        result = desk.settle(state, visit, lines)
        took[v] = clock() - begin
        told_row = result.to_dict()
        assert [told_row[name] for name in names] == want[v].tolist()
    return took, np.diff(job.off) == 10


def threads_of_python(image: Path, job: Job, want: np.ndarray, names: list[str], threads: int, many: bool) -> dict[str, float]:  # fmt: skip
    """`ybcore.fast` on threads, a desk and people each: a call a visit, or `settle_many` with a person's visits. Visits and bills are made before."""
    from ybcore.fast import Desk, Image, Lines, State, Visit

    opened = Image(image)
    numbers = np.array([opened.item(code(i)) for i in range(job.items)])
    told_rows: list[Any] = [None] * job.visits
    work: list[Any] = []
    for t in range(threads):
        desk, people = Desk(opened), {}
        for v in np.flatnonzero(job.person % threads == t).tolist():
            p, rows = int(job.person[v]), slice(job.off[v], job.off[v + 1])
            facts = {"med_type": ("11", "21")[job.kind[v]], "dedc_hosp_lv": LEVELS[job.tier[v]], "psn_type": CATEGORIES[job.cat[p]],
                     "insutype": "310", "insuplc_admdvs": "110000"}  # fmt: skip
            balance = int(job.acct0[p])
            visit = Visit(opened, facts, setl_day=int(job.date[v]), setl_id=v, psn_no=p, balc=balance, movements=[(NEW_YEAR, 0, balance)])  # fmt: skip
            desk.combine(visit)
            lines = Lines(numbers[job.item[rows]].tolist(), job.amount[rows].tolist(), (job.qty[rows].astype(np.int64) * 10).tolist(), job.ldate[rows].tolist())  # fmt: skip
            people.setdefault(p, ([], [], []))
            for held, one in zip(people[p], (v, visit, lines)):
                held.append(one)
        work.append((desk, [(State(opened, room=64), *held) for held in people.values()]))

    def one_by_one(desk: Any, people: list[Any]) -> None:
        for state, rows, visits, bills in people:
            for v, visit, lines in zip(rows, visits, bills):
                told_rows[v] = desk.settle(state, visit, lines)

    def at_once(desk: Any, people: list[Any]) -> None:
        states = [state for state, rows, _, _ in people for _ in rows]
        rows, visits, bills = ([each for held in people for each in held[i]] for i in (1, 2, 3))
        for v, result in zip(rows, desk.settle_many(states, visits, bills)):
            told_rows[v] = result

    team = [threading.Thread(target=at_once if many else one_by_one, args=each) for each in work]
    clock, processor = time.perf_counter_ns(), time.process_time_ns()
    for one in team:
        one.start()
    for one in team:
        one.join()
    clock, processor = time.perf_counter_ns() - clock, time.process_time_ns() - processor
    for v, result in enumerate(told_rows):
        row = result.to_dict()
        assert [row[name] for name in names] == want[v].tolist()
    return rate(job.visits, threads, clock, processor)


def through_ctypes(engine: Any, image: Path, job: Job, want: np.ndarray, names: list[str]) -> np.ndarray:
    """The C door from Python without a compiler: structures made beforehand, from the call to a dictionary."""
    from ybcore import embed

    door, given = Door(embed.library(), image), ybcore_reference.tables(job)
    items = [door.lib.yb_image_item(door.image, text(code(i))) for i in range(job.items)]
    took = np.zeros(job.visits, np.int64)
    state, who = None, -1
    for v, visit in enumerate(given["visits"]):
        p = int(job.person[v])
        if p != who:
            if state is not None:
                door.lib.yb_state_free(state)
            state, who = door.state(), p
            door.ok(door.lib.yb_state_reserve(state, ctypes.c_size_t(64)))
        person = given["persons"][p]
        row = visit | {"setl_time": datetime.fromtimestamp(visit["setl_time"], UTC)}
        asked = door.visit(engine, row, {"persons": person}, [(str(p), NEW_YEAR, 0, person["balc"])])
        seen = ctypes.c_int32(-1)
        door.ok(door.lib.yb_combination(door.desk, ctypes.byref(asked), ctypes.byref(seen)))
        asked.combination = seen.value
        rows = range(int(job.off[v]), int(job.off[v + 1]))
        lines = (Line * max(1, len(rows)))()
        for at, k in enumerate(rows):
            lines[at].item, lines[at].day, lines[at].price, lines[at].returns = (
                items[job.item[k]],
                int(job.ldate[k]),
                MISSING,
                -1,
            )
            lines[at].quantity, lines[at].amount = int(job.qty[k]) * 10, int(job.amount[k])
        begin = time.perf_counter_ns()
        result = Result(ctypes.sizeof(Result))
        door.ok(
            door.lib.yb_settle(
                door.desk,
                state,
                ctypes.byref(asked),
                lines,
                ctypes.c_size_t(len(rows)),
                ctypes.byref(result),
                None,
                state,
            )
        )
        out = dict(zip(door.columns, result.columns))
        took[v] = time.perf_counter_ns() - begin
        assert [out[name] for name in names] == want[v].tolist()
    if state is not None:
        door.lib.yb_state_free(state)
    door.close()
    return took


def engine_one(engine: Any, job: Job, want: np.ndarray, names: list[str]) -> np.ndarray:
    """`Engine.settle_one` over pybind11, dictionaries in and out."""
    given = ybcore_reference.tables(job)
    visits = [v | {"setl_time": np.datetime64(v["setl_time"], "s").item()} for v in given["visits"]]
    lines: list[list[dict[str, Any]]] = [[] for _ in visits]
    for line in given["lines"]:
        lines[line["setl_id"]].append({**line, "fee_ocur_time": np.datetime64(line["fee_ocur_time"], "D").item()})
    took = np.zeros(job.visits, np.int64)
    state, who = None, ""
    for v, visit in enumerate(visits):
        state = state if visit["psn_no"] == who else None
        who = visit["psn_no"]
        begin = time.perf_counter_ns()
        one = engine.settle_one(visit, lines[v], given["persons"][int(who)], state)
        took[v] = time.perf_counter_ns() - begin
        state = one.state
        assert [one.result[name] for name in names] == want[v].tolist()
    return took


def reference(job: Job, want: np.ndarray, names: list[str]) -> np.ndarray:
    """Plain Python, all visits in one call: the mean of each."""
    begin = time.perf_counter_ns()
    ybcore_reference.prepare(job, 1)()
    return np.full(job.visits, (time.perf_counter_ns() - begin) / job.visits)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.embed", description=__doc__)
    parser.add_argument("--visits", type=int, default=20_000)
    parser.add_argument("--items", type=int, default=200_000)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args(arguments)
    from ybcore import _core
    from ybcore.engine import Engine

    names = list(_core.LAYOUT["columns"])
    job = sorted_job(asked.visits, asked.items)
    engine = Engine(POLICY, catalog(job), threads=1)
    visits, lines, persons = tables(job)
    done = engine.settle(visits, lines, persons, line_offsets=job.off, closing_state=False, receipt=False)
    want = np.stack([done.visits[name].to_numpy() for name in names], axis=1)
    ten = np.diff(job.off) == 10
    answers: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        image, given = engine.image(Path(folder) / "bench.ybimage"), Path(folder) / "visits"
        built = program(Path(folder))
        write_input(job, given)
        for mode in ("combination", "facts"):
            columns, took = through_c(built, image, given, job.visits, mode)
            differs(columns, want, names)
            answers[f"C door, {mode}"] = {"ten lines": told(took[ten]), "all": told(took)}
        cores = sorted({1, 2, os.cpu_count() or 1})
        for threads in cores:
            columns, answers[f"C door, {threads} threads"] = threads_through_c(built, image, given, job.visits, threads)
            differs(columns, want, names)
        few = job.head(max(1, job.visits // 4))
        for many in (False, True):
            for threads in cores:
                name = f"ybcore.fast{', settle_many' if many else ''}, {threads} threads"
                answers[name] = threads_of_python(image, few, want, names, threads, many)
        few = job.head(max(1, min(COLD, job.visits // 4) // 8))
        write_input(few, given)
        columns, took = through_c(built, image, given, few.visits, "cold")
        differs(columns, want[: few.visits], names)
        answers["C door, cold cache"] = {"all": told(took)}
        few = job.head(max(1, job.visits // 16))
        took, some = fast_python(image, few, want, names)
        answers["ybcore.fast"] = {"ten lines": told(took[some]), "all": told(took)}
        took = through_ctypes(engine, image, few, want, names)
        answers["C door through ctypes"] = {"ten lines": told(took[some]), "all": told(took)}
        answers["image"] = {"bytes": image.stat().st_size}
    few = job.head(max(1, min(SLOW, job.visits // 10) // 8))
    took = engine_one(engine, few, want, names)
    answers["Engine.settle_one"] = {"all": told(took)}
    answers["reference, a visit of many"] = {"all": told(reference(few, want, names))}
    for name, each in answers.items():
        print(f"{name:28} {json.dumps(each)}")
    if asked.out:
        asked.out.write_text(json.dumps({"machine": machine.facts(), "answers": answers}, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
