"""Identifiers into numbers: codes a second and thread, through the path that the engine itself uses.

`python -m benchmarks.encoding --rows 20000000 --threads 1 --out encoding.json`

Lines name items by Zipf's law, visits name persons at random, eight visits a person. `lookup` finds what a table names in the ids of
another (the catalogue's items, the settlements of lines); `encode` numbers ids in order of first appearance. Both start from Arrow and
include `normal`, the check at the door. Every case gives the same numbers before any is timed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from . import report

ITEMS = 200_000
PERSON_VISITS = 8
CHUNK = 1_000_000  # rows of a chunk; the chunks of a dictionary column share one page
#: Codes a second and thread that we ask of ourselves, by shape.
WANTED = {"dictionary": 50e6, "large_string": 10e6, "string": 10e6}


@dataclass(frozen=True)
class Case:
    """One column and what is done with it."""

    what: str
    call: str
    shape: str
    column: pa.ChunkedArray
    run: Callable[[pa.ChunkedArray, int], Any]


def zipf(rng: np.random.Generator, rows: int, items: int) -> np.ndarray:
    """Ranks spread over the catalogue, so that neighbours in it are not neighbours in use."""
    rank = np.exp(rng.random(rows) * np.log(items)).astype(np.int64)
    return ((rank * 7_919 + 13) % items).astype(np.int32)


def shapes(names: pa.Array, codes: np.ndarray) -> dict[str, pa.ChunkedArray]:
    """The same ids as a dictionary with one page, and as plain texts of both offset widths."""
    parts = [codes[at : at + CHUNK] for at in range(0, len(codes), CHUNK)]
    long = names.cast(pa.large_string())
    return {
        "dictionary": pa.chunked_array([pa.DictionaryArray.from_arrays(pa.array(part), names) for part in parts]),
        "string": pa.chunked_array([names.take(pa.array(part)) for part in parts]),
        "large_string": pa.chunked_array([long.take(pa.array(part)) for part in parts]),
    }


def cases(rows: int, seed: int) -> list[Case]:
    """Every column that is measured."""
    from ybcore.columns.ids import encode, lookup, normal

    rng = np.random.default_rng(seed)
    items = min(ITEMS, max(2, rows))
    names = pa.array([f"X{i:022d}" for i in range(items)])
    _, catalogue = encode([normal(pa.chunked_array([names]))])
    persons = max(1, rows // PERSON_VISITS)
    who = rng.integers(0, persons, rows).astype(np.int32)
    numbers = pa.array([f"P{i:018d}" for i in range(persons)])
    ids = {
        "dense": who.astype(np.int64) + 1_000_000,
        # A multiplication by an odd number keeps them apart: as sparse as ids of a national register.
        "sparse": (who.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(2)).astype(np.int64),
    }

    def found(column: pa.ChunkedArray, threads: int) -> Any:
        return lookup(normal(column, wide=False), catalogue, threads)

    def numbered(column: pa.ChunkedArray, threads: int) -> Any:
        return encode([normal(column)])[0][0]

    out = [
        Case("item codes", "lookup", shape, column, found)
        for shape, column in shapes(names, zipf(rng, rows, items)).items()
    ]
    out += [Case("person ids", "encode", shape, column, numbered) for shape, column in shapes(numbers, who).items()]
    for kind, values in ids.items():
        column = pa.chunked_array([pa.array(values[at : at + CHUNK]) for at in range(0, rows, CHUNK)])
        _, known = encode([normal(column)])

        def looked(column: pa.ChunkedArray, threads: int, known: pa.Array = known) -> Any:
            return lookup(normal(column), known, threads)

        out += [
            Case("person ids", call, f"int64, {kind}", column, run)
            for call, run in (("encode", numbered), ("lookup", looked))
        ]
    return out


def measure(rows: int, threads: Sequence[int], rounds: int, seed: int) -> dict[str, Any]:
    """Rounds in turn, so that a busy moment is shared by all; threads beyond one only where the call has them."""
    made = cases(rows, seed)
    agree(made)
    result = report.begun(
        name="encoding", rows=rows, items=min(ITEMS, rows), persons=max(1, rows // PERSON_VISITS), chunk=CHUNK
    )
    seconds: dict[tuple[int, int], list[float]] = {}
    busy: dict[tuple[int, int], list[float]] = {}
    asked = [(i, count) for i, case in enumerate(made) for count in threads if count == 1 or case.call == "lookup"]
    for k in range(rounds):
        for i, count in asked[k % len(asked) :] + asked[: k % len(asked)]:
            began, used = time.perf_counter(), time.process_time()
            made[i].run(made[i].column, count)
            seconds.setdefault((i, count), []).append(time.perf_counter() - began)
            busy.setdefault((i, count), []).append(time.process_time() - used)
    result["cases"] = [
        {
            "what": case.what, "call": case.call, "shape": case.shape, "threads": count, "seconds": seconds[i, count],
            "cpu_seconds": busy[i, count],
            "codes_per_second_per_thread": rows / report.middle(seconds[i, count]) / count,
            "wanted": WANTED.get(case.shape),
        } for i, count in asked for case in [made[i]]
    ]  # fmt: skip
    return result


def agree(made: Sequence[Case]) -> None:
    """Shapes of the same ids give the same numbers. Raises SystemExit otherwise."""
    known: dict[tuple[str, str], Any] = {}
    for case in made:
        if case.call == "lookup" and case.what == "person ids":
            continue
        numbers = case.run(case.column, 1)
        if not np.array_equal(known.setdefault((case.what, case.call), numbers), numbers):
            raise SystemExit(f"{case.what} as {case.shape} give other numbers; nothing was timed")


HEAD = ("ids", "call", "from", "threads", "M codes/s/thread (median)", "best", "a processor second", "wanted")


def table(result: dict[str, Any]) -> str:
    """One row a case; what is wanted is judged by the median of the clock."""
    rows: list[list[object]] = []
    for case in result["cases"]:
        count, speed, wanted = result["workload"]["rows"], case["codes_per_second_per_thread"], case["wanted"]
        goal = "–" if wanted is None else f"{wanted / 1e6:.0f} ({'reached' if speed >= wanted else 'missed'})"
        rows.append([
            case["what"], case["call"], case["shape"], case["threads"], f"{speed / 1e6:.1f}",
            f"{count / min(case['seconds']) / case['threads'] / 1e6:.1f}", f"{count / max(1e-6, report.middle(case['cpu_seconds'])) / 1e6:.1f}", goal,
        ])  # fmt: skip
    return report.table(HEAD, rows)


def main(argv: list[str] | None = None) -> None:
    parser = report.parser("encoding", __doc__)
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--threads", type=report.integers, default=[1])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(argv)
    result = measure(asked.rows, asked.threads, asked.rounds, asked.seed)
    report.tell(result, asked.out, table(result))


if __name__ == "__main__":
    main()
