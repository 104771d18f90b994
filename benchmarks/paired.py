"""Contenders in turn: equality first, then rounds in which each runs once, ratios within a round, medians and quartiles.

`python -m benchmarks --visits 2000000 --rounds 5 --threads 1,2 --out results.json`

The JSON: machine, workload, floor (bytes, bandwidth and seconds by thread count), contenders by "name/threads" with version, visits
(fewer than the workload's: a sample, its seconds are scaled), seconds of each round, memory (the peak over what stood before the run, and
what of it is the columns that were handed back), and what was skipped and why.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from . import fresh, machine, worker
from .contenders import MODULES, UnavailableError, module
from .job import COLUMNS, ORDERS, Job, make


class Contender:
    """A worker process and what it has told."""

    def __init__(self, name: str, threads: int, folder: Path, worker: str = "benchmarks.worker") -> None:
        self.name, self.threads = name, threads
        command = [sys.executable, "-m", worker, str(folder), name, str(threads)]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(command, cwd=fresh.ROOT, env=fresh.environment(threads), **pipes)
        self.hello = self._answer()
        self.seconds: list[float] = []
        self.memory: dict[str, Any] = {}

    @property
    def key(self) -> str:
        return f"{self.name}/{self.threads}"

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.key} stopped with exit code {self.process.wait()}")
        return json.loads(line)

    def ask(self, what: str) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        return self._answer()

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


def prove(contenders: list[Contender], folder: Path) -> None:
    """Every column of every contender is that of the first one that settles the same visits; plain Python judges the samples."""
    known: dict[int, tuple[str, dict[str, str]]] = {}
    wrong = []
    for one in contenders:
        told = one.ask("prove")
        persons = told["persons"]
        if persons not in known:
            known[persons] = (
                ("plain_python", judged(folder, persons))
                if one.hello["visits"] <= 20_000
                else (one.key, told["digests"])
            )
        name, expected = known[persons]
        missing = set(COLUMNS) - set(told["digests"]) - set(getattr(module(one.name), "CANNOT", ()))
        wrong += [f"{one.key}: column {c} is not there" for c in missing]
        wrong += [
            f"{one.key}: column {c} is not that of {name}" for c, d in told["digests"].items() if d != expected[c]
        ]
    if wrong:
        raise SystemExit("\n".join(["contenders differ; nothing was timed", *wrong]))


def judged(folder: Path, persons: int) -> dict[str, str]:
    import hashlib

    plain = module("plain_python")
    done = plain.prepare(Job.load(folder).head(persons), 1)()
    return {c: hashlib.sha256(done[c].tobytes()).hexdigest() for c in COLUMNS}


def measure(job: Job, names: list[str], threads: list[int], rounds: int, say: Any = print) -> dict[str, Any]:
    """Runs the contenders and gives the results as the module says."""
    result: dict[str, Any] = {
        "machine": machine.facts(), "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "workload": {"name": "one-scheme", "visits": job.visits, "lines": job.lines, "persons": len(job.cat), "items": job.items,
                     "versions": len(job.v_item)},
        "floor": {}, "contenders": {}, "skipped": {},
    }  # fmt: skip
    inputs, outputs = job.floor_bytes()
    for count in threads:
        read, write = machine.bandwidth(count)
        result["floor"][str(count)] = {
            "bytes": [inputs, outputs],
            "bandwidth": [read, write],
            "seconds": inputs / read + outputs / write,
        }
    with tempfile.TemporaryDirectory(prefix="ybcore-benchmark-") as at:
        folder = Path(at)
        job.save(folder)
        started: list[Contender] = []
        try:
            for count in threads:
                for name in names:
                    try:
                        able = count in module(name).THREADS
                    except UnavailableError as missing:
                        result["skipped"][f"{name}/{count}"] = str(missing)
                        continue
                    if not able:
                        result["skipped"][f"{name}/{count}"] = f"does not use {count} threads"
                        continue
                    started.append(Contender(name, count, folder))
            say("every column of every contender ...")
            prove(started, folder)
            say("memory, each in a process that has not run before ...")
            for one in started:
                one.memory = worker.memory(folder, one.name, one.threads)
            for k in range(rounds):
                turn = started[k % len(started) :] + started[: k % len(started)]
                for one in turn:
                    scale = job.visits / one.hello["visits"]
                    if scale > 1 and k > 2:
                        continue  # samples spread little and are slow
                    one.seconds.append(one.ask("run")["seconds"] * scale)
                say(f"round {k + 1} of {rounds}")
        finally:
            for one in started:
                one.stop()
        for one in started:
            result["contenders"][one.key] = {
                **one.hello,
                "threads": one.threads,
                "seconds": one.seconds,
                "memory_bytes": one.memory["bytes"],
                "memory_baseline_bytes": one.memory["baseline"],
                "memory_method": one.memory["method"],
                "memory_output_bytes": one.memory["output_bytes"],
                **({"own_bytes": one.memory["own_bytes"]} if "own_bytes" in one.memory else {}),
            }
    return result


def ratios(result: dict[str, Any], key: str, against: str) -> tuple[float, float, float]:
    """(lower quartile, median, upper quartile) of a contender's time over another's within a round."""
    mine, theirs = (result["contenders"][k]["seconds"] for k in (key, against))
    each = sorted(a / b for a, b in zip(mine, theirs))
    low, high = statistics.quantiles(each, n=4)[::2] if len(each) > 1 else (each[0], each[0])
    return low, statistics.median(each), high


def table(result: dict[str, Any], against: str) -> str:
    """Markdown: one row a contender."""
    visits = result["workload"]["visits"]
    inputs, outputs = result["floor"][next(iter(result["floor"]))]["bytes"]
    out = [
        f"| contender | threads | M visits/s | × time of {against} (quartiles) | × floor | memory over inputs and outputs, of them |",
        "|---|---|---|---|---|---|",
    ]
    for key, one in result["contenders"].items():
        middle = statistics.median(one["seconds"])
        floor = result["floor"][str(one["threads"])]["seconds"]
        base = f"{against}/{one['threads']}"
        ratio = "–"
        if base in result["contenders"]:
            low, median, high = ratios(result, key, base)
            ratio = f"{median:.2f} ({low:.2f}–{high:.2f})"
        sample = one["visits"] < visits
        memory = "–" if sample else memory_told(one, inputs + outputs)
        name = f"{key.split('/')[0]}{f' (sample of {one_visits(one)})' if sample else ''}"
        out.append(
            f"| {name} | {one['threads']} | {visits / middle / 1e6:.3f} | {ratio} | {middle / floor:.1f} | {memory} |"
        )
    out += [
        f"| {key.split('/')[0]} | {key.split('/')[1]} | – | {why} | – | – |" for key, why in result["skipped"].items()
    ]
    return "\n".join(out)


def memory_told(one: dict[str, Any], page: int) -> str:
    """What a run needed beside its inputs and the columns it gave, in the page's bytes of both and, where they differ, in its own."""
    over = max(0, one["memory_bytes"] - one["memory_output_bytes"])
    return f"{over / page:.0%}" + (f" ({over / sum(one['own_bytes']):.0%} of its own)" if "own_bytes" in one else "")


def one_visits(one: dict[str, Any]) -> str:
    return f"{one['visits']:,}"


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__.splitlines()[0] if __doc__ else None
    )
    parser.add_argument("--visits", type=int, default=2_000_000)
    parser.add_argument("--items", type=int, default=200_000)
    parser.add_argument("--dated", type=float, default=0.05, help="share of items with two versions")
    parser.add_argument("--order", choices=ORDERS, default="random")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--only", default=",".join(MODULES), help="contenders, by comma")
    parser.add_argument("--against", default="ybcore")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args(argv)
    names = asked.only.split(",")
    unknown = [name for name in names if name not in MODULES]
    if unknown:
        parser.error(f"no contender {', '.join(unknown)}; there are {', '.join(MODULES)}")
    job = make(asked.visits, items=asked.items, dated=asked.dated, order=asked.order, seed=asked.seed)
    print(
        f"{job.visits:,} visits, {job.lines:,} lines, {len(job.cat):,} persons, {job.items:,} items, order {asked.order}"
    )
    result = measure(job, names, [int(t) for t in asked.threads.split(",")], asked.rounds)
    result["workload"]["order"] = asked.order
    if asked.out:
        asked.out.write_text(json.dumps(result, indent=1) + "\n")
    print(table(result, asked.against))


if __name__ == "__main__":
    main()
