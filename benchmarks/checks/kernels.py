"""Rules in turn, contender beside contender: equality of every finding first, then rounds, ratios within a round.

A row of the result is a workload. `ybcore_kernel` and the peers start from the same prepared columns; `ybcore_library` is the whole public
call on the raw tables. Findings are compared as (line, rule, measure, excess quantity, fen).
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .. import report
from ..paired import Contender, ratios
from .rules import workloads
from .worker import PEERS, peer

PAIRS = (("duckdb", 2), ("polars", 2))
MINE = (("ybcore_kernel", 1), ("ybcore_kernel", 2), ("ybcore_library", 1), ("ybcore_library", 2))
Asked = list[tuple[Contender, int]]


def key(one: Contender, threads: int) -> str:
    return f"{one.name}/{threads}"


def started(folder: Path, names: Sequence[str]) -> Asked:
    """One process a contender; (process, threads) of each column. What is not installed is told by ModuleNotFoundError."""
    out: Asked = []
    for name in names:
        counts = peer(name).THREADS
        one = Contender(name, max(counts), folder, "benchmarks.checks.worker")
        out += [(one, count) for count in counts]
    return out


def prove(which: str, asked: Asked) -> dict[str, Any]:
    """Everybody finds the same, or SystemExit says who does not; plain Python judges by the sample."""
    told = {key(one, count): one.ask(f"prove {which} {count}") for one, count in asked}
    judge = told.get("plain_python/1")
    whole = {name: answer for name, answer in told.items() if name != "plain_python/1"}
    first = next(iter(whole), None)
    wrong = [
        f"{which}: {name} finds {answer['findings']:,}, other things than {first} with {whole[first]['findings']:,}"
        for name, answer in whole.items() if first is not None and answer["whole"] != whole[first]["whole"]
    ]  # fmt: skip
    wrong += [
        f"{which}: {name} finds {answer['sampled']:,} on the first persons, plain Python {judge['findings']:,} others"
        for name, answer in whole.items() if judge is not None and answer["sample"] != judge["whole"]
    ]  # fmt: skip
    if wrong:
        raise SystemExit("\n".join(["contenders differ; nothing was timed", *wrong]))
    return {
        "findings": whole[first]["findings"] if first else judge["findings"],
        "sampled": judge["findings"] if judge else 0,
    }


def measure(
    folder: Path, names: Sequence[str], which: Sequence[str], rounds: int, say: Callable[[str], Any]
) -> dict[str, Any]:
    """Seconds of each contender and round by workload."""
    asked = started(folder, names)
    out: dict[str, Any] = {"versions": {one.name: one.hello["version"] for one, _ in asked}, "rules": {}}
    try:
        if {"duckdb", "ybcore_library"} <= set(names):
            say("DuckDB makes the prepared tables ...")
            duckdb = next(one for one, _ in asked if one.name == "duckdb")
            out["ready"] = [duckdb.ask("ready - 2")["seconds"] for _ in range(min(rounds, 3))]
        for name in which:
            say(f"{name}: everybody's findings ...")
            told = prove(name, asked)
            contenders: dict[str, dict[str, list[float]]] = {key(*one): {"seconds": [], "busy": []} for one in asked}
            for k in range(rounds):
                for one, count in asked[k % len(asked) :] + asked[: k % len(asked)]:
                    if one.name == "plain_python" and k > 2:
                        continue
                    answer = one.ask(f"run {name} {count}")
                    for column in ("seconds", "busy"):
                        contenders[key(one, count)][column].append(answer[column])
            out["rules"][name] = told | {
                "wanted": workloads()[name].wanted,
                "title": workloads()[name].title,
                "contenders": contenders,
            }
            say(f"{name}: {told['findings']:,} findings, {rounds} rounds")
    finally:
        for one in {one for one, _ in asked}:
            one.stop()
    return out


def faster(one: dict[str, Any]) -> str | None:
    """The peer with the shorter median."""
    known = [f"{name}/{count}" for name, count in PAIRS if f"{name}/{count}" in one["contenders"]]
    return min(known, key=lambda k: statistics.median(one["contenders"][k]["seconds"])) if known else None


def times(one: dict[str, Any], mine: str) -> str:
    """How many times faster than the faster peer, within a round: median (quartiles)."""
    best = faster(one)
    if best is None or mine not in one["contenders"]:
        return "–"
    low, middle, high = ratios(one, best, mine)
    return f"{middle:.1f} ({low:.1f}–{high:.1f})"


def seconds(one: dict[str, Any], name: str, scale: float = 1) -> str:
    held = one["contenders"].get(name)
    return "–" if held is None or not held["seconds"] else f"{statistics.median(held['seconds']) * 1000 * scale:,.1f}"


def processors(one: dict[str, Any], mine: str) -> str:
    """Seconds of processors of the peer that used least over ours: what a busy machine disturbs least."""
    if mine not in one["contenders"]:
        return "–"
    known = {
        name: one["contenders"][name]["busy"]
        for name in (f"{peer}/{count}" for peer, count in PAIRS)
        if name in one["contenders"]
    }
    return (
        f"{min(map(report.middle, known.values())) / report.middle(one['contenders'][mine]['busy']):.1f}"
        if known
        else "–"
    )


def whole(result: dict[str, Any], one: dict[str, Any], mine: str) -> str:
    """DuckDB's medians of making the prepared tables and of finding in them, over ours; not within a round."""
    if "ready" not in result or "duckdb/2" not in one["contenders"]:
        return "–"
    theirs = report.middle(result["ready"]) + report.middle(one["contenders"]["duckdb/2"]["seconds"])
    return f"{theirs / report.middle(one['contenders'][mine]['seconds']):.1f}"


def table(result: dict[str, Any], lines: int) -> str:
    """Markdown: one row a workload; where ybcore's library call was asked for, a second table."""
    head = ["rule", "findings", "DuckDB, ms", "Polars, ms", "plain Python, ms (scaled)", "kernel, ms: 1, 2 threads", "× faster peer: 1 thread", "2 threads", "processor time, 1 thread", "wanted on 1"]  # fmt: skip
    rows, library = [], []
    for name, one in result["rules"].items():
        scale = lines / max(1, min(lines, result["sample"]))
        best, wanted = faster(one), f"{one['wanted']:g}"
        if best is not None and "ybcore_kernel/1" in one["contenders"]:
            wanted += "" if ratios(one, best, "ybcore_kernel/1")[1] >= one["wanted"] else ": **missed**"
        rows.append([
            name, f"{one['findings']:,}", seconds(one, "duckdb/2"), seconds(one, "polars/2"), seconds(one, "plain_python/1", scale),
            f"{seconds(one, 'ybcore_kernel/1')}, {seconds(one, 'ybcore_kernel/2')}", times(one, "ybcore_kernel/1"), times(one, "ybcore_kernel/2"),
            processors(one, "ybcore_kernel/1"), wanted,
        ])  # fmt: skip
        if "ybcore_library/1" in one["contenders"]:
            mine = [f"ybcore_library/{count}" for count in (1, 2)]
            library.append(
                [
                    name,
                    *(seconds(one, key) for key in mine),
                    *(times(one, key) for key in mine),
                    *(whole(result, one, key) for key in mine),
                ]
            )
    parts = [report.table(head, rows)]
    if library:
        on = "× faster peer on prepared tables"
        raw = "× DuckDB from raw tables"
        head = [
            "library call",
            "1 thread, ms",
            "2 threads, ms",
            f"{on}: 1 thread",
            "2 threads",
            f"{raw}: 1 thread",
            "2 threads",
        ]
        parts.append(report.table(head, library))
        if "ready" in result:
            parts.append(f"DuckDB makes the prepared tables of the raw ones in {report.middle(result['ready']):.2f} s.")
    return "\n\n".join(parts)


NAMES = tuple(PEERS)
