"""How ybcore's time a visit grows: with visits, threads, catalogue, policies in the book and layers of a plan.

`python -m benchmarks.scaling --visits 20000,200000,2000000 --rounds 3 --out scaling.json`

All on the one-scheme job (`job.py`) and its document (`variants.py`). One thing grows at a time, the others stay at the base. Each
point is a fresh process with the threads of its row: it prepares, runs once for memory, then some rounds; medians are told. More
policies and more threads must give the bytes of the base, or nothing is told.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from . import fresh, report
from .variants import LAYERS, MOST_LAYERS, documents, regions

VISITS = [20_000, 200_000, 2_000_000, 10_000_000]
ITEMS = [2_000, 20_000, 200_000, 1_000_000]
POLICIES = [1, 4, 12]
AXES = ("visits", "threads", "items", "policies", "layers")
SHARE = 0.85  # of the memory that is free: beyond it a point is left out
LONG = 60.0  # seconds of rounds after which a point has enough of them


@dataclasses.dataclass(frozen=True)
class Point:
    """What one process measures."""

    visits: int
    threads: int = 1
    items: int = 20_000
    policies: int = 1
    layers: int = LAYERS
    rounds: int = 3
    seed: int = 1

    def with_(self, **changed: int) -> Point:
        """The same with one thing changed."""
        return dataclasses.replace(self, **changed)


def cores() -> list[int]:
    """1, 2, 4 … and what this process may use."""
    most = len(os.sched_getaffinity(0))
    return sorted({*(1 << k for k in range(most.bit_length()) if 1 << k <= most), most})


def prepared(asked: Point) -> tuple[Callable[[], Any], dict[str, Any]]:
    """(a run of the engine, what is told of the point besides time)."""
    import pyarrow as pa
    from ybcore import Engine, load_book

    from .job import make
    from .peers import ybcore_bulk as bulk

    job = make(asked.visits, items=asked.items, seed=asked.seed)
    visits, lines, persons = bulk.tables(job)
    places = regions(asked.policies)
    persons["insuplc_admdvs"] = pa.DictionaryArray.from_arrays(
        pa.array(np.arange(len(job.cat), dtype=np.int32) % len(places)), pa.array(places)
    )
    began = time.perf_counter()
    engine = Engine(load_book(documents(asked.policies, asked.layers)), bulk.catalog(job), threads=asked.threads)
    told = {"engine_seconds": time.perf_counter() - began, "lines": job.lines}
    offsets = job.off
    del job
    return lambda: engine.settle(visits, lines, persons, line_offsets=offsets, closing_state=False, receipt=False), told


def digest(done: Any) -> str:
    """Money and outcome of every visit, whatever its policy is called."""
    sha = hashlib.sha256()
    for name in done.visits.column_names:
        column = done.visits[name].combine_chunks()
        if name not in ("policy_id", "plan_id", "setl_id", "psn_no") and str(column.type) == "int64":
            sha.update(name.encode() + np.ascontiguousarray(column.to_numpy(zero_copy_only=False)).tobytes())
    return sha.hexdigest()


def run(asked: Point) -> dict[str, Any]:
    """One point, in this process."""
    import ybcore.engine  # noqa: F401  what stands before the job is not its memory

    before = fresh.status("VmRSS")
    settle, told = prepared(asked)
    making = fresh.status("VmHWM")
    kept: list[Any] = []
    began = time.perf_counter()
    memory = fresh.peak(lambda: kept.append(settle()))
    told["first_seconds"] = time.perf_counter() - began
    told["digest"], told["settled"] = digest(kept[0]), int((np.asarray(kept[0].visits["medfee_sumamt"]) > 0).sum())
    kept.clear()
    told["seconds"], told["cpu_seconds"] = rounds(settle, asked.rounds)
    return told | {
        "point": dataclasses.asdict(asked), "memory_bytes": memory["bytes"], "memory_method": memory["method"],
        "whole_bytes": max(making, memory["baseline"] + memory["bytes"]) - before, "libraries_bytes": before,
    }  # fmt: skip


def rounds(call: Callable[[], Any], count: int) -> tuple[list[float], list[float]]:
    """(seconds, seconds of processors) of each round; fewer than asked, never none, once they have taken long."""
    seconds: list[float] = []
    busy: list[float] = []
    while len(seconds) < count and (not seconds or sum(seconds) < LONG):
        began, used = time.perf_counter(), time.process_time()
        done = call()
        seconds.append(time.perf_counter() - began)
        busy.append(time.process_time() - used)
        del done
    return seconds, busy


def free_memory() -> int:
    """Bytes that a new process may have."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 1 << 62


def too_large(asked: Point, known: list[dict[str, Any]], free: int) -> str:
    """Why a point would not do here, by what the largest one so far needed a visit; empty when it would do."""
    if not known:
        return ""
    most = max(known, key=lambda one: one["point"]["visits"])
    need = most["libraries_bytes"] + most["whole_bytes"] * asked.visits // most["point"]["visits"]
    if asked.visits <= most["point"]["visits"] or need <= free * SHARE:
        return ""
    return f"would need about {need / 2**30:.0f} GiB, and {free / 2**30:.0f} GiB are free"


def points(base: Point, grown: dict[str, list[int]]) -> list[tuple[str, Point]]:
    """(axis, point) in order; small ones first, so that larger ones can be judged by them."""
    return [(axis, base.with_(**{axis: value})) for axis in AXES for value in sorted(grown.get(axis, []))]


def measure(base: Point, grown: dict[str, list[int]], say: Callable[[str], Any]) -> dict[str, Any]:
    """Every point in a fresh process. Raises SystemExit when points that must agree do not."""
    result = report.begun(name="scaling", base=dataclasses.asdict(base))
    held: dict[Point, dict[str, Any]] = {}
    result["points"], result["skipped"] = [], []
    for axis, asked in points(base, grown):
        why = too_large(asked, list(held.values()), free_memory())
        if not why and asked not in held:
            try:
                held[asked] = fresh.ask(
                    "scaling", "--point", json.dumps(dataclasses.asdict(asked)), threads=asked.threads
                )
            except SystemExit as failed:
                why = str(failed)
        if why:
            result["skipped"].append({"axis": axis, "point": dataclasses.asdict(asked), "why": why})
            say(f"{axis} {getattr(asked, axis):,}: left out, {why}")
            continue
        result["points"].append({"axis": axis, **held[asked]})
        say(f"{axis} {getattr(asked, axis):,}: {report.middle(held[asked]['seconds']):.2f} s")
    agree(result)
    return result


def agree(result: dict[str, Any]) -> None:
    """Points that differ only in threads and policies gave the same money."""
    known: dict[tuple[int, ...], str] = {}
    for one in result["points"]:
        key = tuple(one["point"][name] for name in ("visits", "items", "layers", "seed"))
        if known.setdefault(key, one["digest"]) != one["digest"]:
            raise SystemExit(f"{one['axis']} {one['point'][one['axis']]}: other results than the base; nothing is told")


HEAD = (
    "grows", "to", "threads", "lines", "s (median)", "µs a visit (range)", "× first of its kind", "processor µs a visit", "first run, s",
    "bytes a visit",
)  # fmt: skip


def table(result: dict[str, Any]) -> str:
    """One row a point; its time a visit stands beside that of the axis' first point."""
    rows: list[list[object]] = []
    first: dict[str, float] = {}
    for one in result["points"]:
        at, axis, visits = one["point"], one["axis"], one["point"]["visits"]
        each = [s / visits * 1e6 for s in one["seconds"]]
        ratio = report.middle(each) / first.setdefault(axis, report.middle(each))
        rows.append([
            axis, f"{at[axis]:,}", at["threads"], f"{one['lines']:,}", f"{report.middle(one['seconds']):.3f}",
            f"{report.middle(each):.2f} ({min(each):.2f}–{max(each):.2f})", f"{ratio:.2f}",
            f"{report.middle(one['cpu_seconds']) / visits * 1e6:.2f}", f"{one['first_seconds']:.3f}", f"{one['memory_bytes'] / visits:,.0f}",
        ])  # fmt: skip
    for one in result["skipped"]:
        at, axis = one["point"], one["axis"]
        rows.append([axis, f"{at[axis]:,}", at["threads"], "–", "–", one["why"], *["–"] * 4])
    return report.table(HEAD, rows)


def main(argv: list[str] | None = None) -> None:
    parser = report.parser("scaling", __doc__)
    for name, default in (("visits", VISITS), ("threads", cores()), ("items", ITEMS), ("policies", POLICIES)):
        parser.add_argument(
            f"--{name}", type=report.integers, default=default, help=f"default {','.join(map(str, default))}"
        )
    parser.add_argument("--layers", type=report.integers, default=list(range(2, MOST_LAYERS + 1)), help="2 to 8")
    parser.add_argument("--axes", default=",".join(AXES), help="what grows, by comma")
    parser.add_argument("--base", type=int, default=200_000, help="visits of the points where something else grows")
    parser.add_argument("--base-items", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--point", help="measure this one here and answer in JSON; what the command asks of its own processes"
    )
    asked = parser.parse_args(argv)
    if asked.point:
        print(json.dumps(run(Point(**json.loads(asked.point)))))
        return
    axes = asked.axes.split(",")
    if set(axes) - set(AXES):
        parser.error(f"--axes are some of {', '.join(AXES)}")
    try:
        for layers in asked.layers:
            documents(1, layers)
        for policies in asked.policies:
            regions(policies)
    except ValueError as wrong:
        parser.error(str(wrong))
    base = Point(visits=asked.base, items=asked.base_items, rounds=asked.rounds, seed=asked.seed)
    grown = {axis: getattr(asked, axis) for axis in axes}
    result = measure(base, grown, lambda text: print(text, file=sys.stderr, flush=True))
    report.tell(result, asked.out, table(result))


if __name__ == "__main__":
    main()
