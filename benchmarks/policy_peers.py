"""Many policies that others can express too: variants of the one-scheme document in one pass, in runs of their own, in Polars and in DuckDB.

`python -m benchmarks.policy_peers --visits 200000 --policies 8 --threads 1,2 --rounds 3 --out policy_peers.json`

Each variant moves deductibles, rates, a yearly cap and the catastrophic layer; what is asked for is the sums of eight columns by person. First
every column of every visit of each variant is that of a run of ybcore's own, by sha256, the sums are those of the one pass, and ybcore's
reference and plain Python settle a sample of persons under each variant; one fen that differs and nothing is timed. Then contenders take turns.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from . import fresh
from . import parameters as p
from .job import make
from .machine import facts
from .peers import duckdb_sql, plain_python, polars_frames, ybcore_bulk, ybcore_reference
from .report import integers

COLUMNS = ("total", "in_scope", "deductible", "basic_pay", "large_pay", "cat_pay", "acct_pay", "cash")
PERSONS = 60  # of the sample
INPATIENT, OUTPATIENT, CRITICAL = "plans[inpatient].layers[basic]", "plans[outpatient].layers[basic]", "layers.critical"


@contextlib.contextmanager
def figures(k: int) -> Iterator[None]:
    """The page's figures of a variant, as the peers read them."""
    rate, own = p.RATE.copy(), {}
    rate[1] -= 25 * k
    low = p.CAT_LO + np.array([100_00 * k, 0, 0])
    moved = {
        "DED_IN": p.DED_IN + 10_00 * k, "DED_OUT": p.DED_OUT + 5_00 * k, "RATE": rate, "CAP_BASIC": p.CAP_BASIC - 5_000_00 * k, "CAT_LO": low,
        "CAT_RATE": p.CAT_RATE + 50 * k,
    }  # fmt: skip
    for name, values in moved.items():
        own[name] = getattr(p, name)
        setattr(p, name, values)
    try:
        yield
    finally:
        for name, values in own.items():
            setattr(p, name, values)


def reform(k: int) -> Any:
    """The same figures as changes of the document."""
    from ybcore.simulate import Reform

    def one(path: str, **what: Any) -> dict[str, Any]:
        return {"policy": "one-scheme", "path": path, **what}

    changes = [
        one(f"{INPATIENT}.deductible", add=10 * k),
        one(f"{OUTPATIENT}.deductible.amount", add=5 * k),
        one(f"{INPATIENT}.bands.steps", points=f"-{k / 4}"),
        *(one(f"{plan}.ceilings[0].limit", add=-5000 * k) for plan in (INPATIENT, OUTPATIENT)),
        one(f"{CRITICAL}.bands.steps[0].to", add=100 * k),
        *(one(f"{CRITICAL}.bands.steps[{i}].rate", points=f"{k / 2}") for i in (1, 2, 3)),
    ]
    return Reform.of(f"v{k}", changes)


class PersonSums:
    """Sums by person of the columns that are asked for; `found`: by policy."""

    name = "sums"

    def __init__(self) -> None:
        self.found: dict[str, dict[str, np.ndarray]] = {}

    def needs(self, base: Any) -> Any:
        from ybcore.simulate import Needs

        return Needs(by_person=tuple(ybcore_bulk.OF[name] for name in COLUMNS))

    def look(self, view: Any) -> Any:
        import pyarrow as pa

        # Everybody tells persons in the order of their numbers, those with a visit only.
        ids = np.asarray(view._job.psn_dictionary, np.int64)
        there = np.zeros(len(ids), bool)
        there[view.person] = True
        order = np.argsort(ids)
        order = order[there[order]]
        self.found[view.name] = {name: view.by_person(ybcore_bulk.OF[name])[order] for name in COLUMNS}
        return pa.table({"persons": [len(order)]})


def digest(columns: dict[str, np.ndarray]) -> dict[str, str]:
    """sha256 of each column."""
    return {name: hashlib.sha256(np.ascontiguousarray(held, np.int64)).hexdigest() for name, held in columns.items()}


class Contest:
    """The job, its variants, and who takes part: calls that give the sums of every variant."""

    def __init__(self, visits: int, policies: int, threads: int, items: int = 200_000) -> None:
        from ybcore import Engine
        from ybcore.simulate import reformed

        self.job, self.threads, self.policies = make(visits, items=items), threads, policies
        table, lines, persons = ybcore_bulk.tables(self.job)
        lines = {"setl_id": np.repeat(np.arange(self.job.visits), np.diff(self.job.off)), **lines}
        self.tables = {"visits": table, "lines": lines, "persons": persons}
        self.engine = Engine(ybcore_bulk.POLICY, ybcore_bulk.catalog(self.job), threads=threads)
        self.books = {f"v{k}": reformed(self.engine.book, [reform(k)]).book for k in range(policies)}
        self._frames, self._base = polars_frames.given(self.job, threads), duckdb_sql.given(self.job, threads)
        self.contenders: dict[str, Callable[[], list[dict[str, np.ndarray]]]] = {
            "ybcore, one pass": self.one_pass, "ybcore, runs of their own": self.separate, "polars": self.polars, "duckdb": self.duckdb,
        }  # fmt: skip

    def one_pass(self) -> list[dict[str, np.ndarray]]:
        from ybcore.simulate import compare

        measure = PersonSums()
        compare(self.engine, self.tables, self.books, [measure])
        return [measure.found[name] for name in self.books]

    def separate(self) -> list[dict[str, np.ndarray]]:
        from ybcore import Engine
        from ybcore.simulate import compare

        out = []
        for book in self.books.values():
            measure = PersonSums()
            compare(Engine(book, self.engine.catalog, threads=self.threads), self.tables, {}, [measure])
            out.append(measure.found["base"])
        return out

    def polars(self) -> list[dict[str, np.ndarray]]:
        out = []
        for k in range(self.policies):
            with figures(k):
                out.append(polars_frames.by_person(polars_frames.settled(self.job, *self._frames), COLUMNS))
        return out

    def duckdb(self) -> list[dict[str, np.ndarray]]:
        out = []
        for k in range(self.policies):
            with figures(k):
                done = self._base.execute(duckdb_sql.query(duckdb_sql.by_person(COLUMNS))).fetchnumpy()
            out.append({name: np.asarray(done[name]).astype(np.int64) for name in COLUMNS})
        return out

    def visits_of(self, k: int, name: str) -> dict[str, np.ndarray]:
        """The columns of every visit of a variant."""
        if name == "ybcore":
            from ybcore import Engine

            engine = Engine(self.books[f"v{k}"], self.engine.catalog, threads=self.threads)
            rows = engine.settle(**self.tables, closing_state=False, receipt=False).visits
            return {own: rows[column].to_numpy() for own, column in ybcore_bulk.OF.items()}
        with figures(k):
            if name == "polars":
                done = polars_frames.by_visit(polars_frames.settled(self.job, *self._frames))
            else:
                done = duckdb_sql.prepare(self.job, self.threads)()
        return {own: done[own] for own in ybcore_bulk.OF}

    def prove(self) -> None:
        """Stops when a column, a sum or a row of the sample differs."""
        for k in range(self.policies):
            own = self.visits_of(k, "ybcore")
            known = digest(own)
            for name in ("polars", "duckdb"):
                told = digest(self.visits_of(k, name))
                wrong = [column for column in known if told[column] != known[column]]
                if wrong:
                    raise SystemExit(f"nothing was timed\n{name}: {', '.join(wrong)} of variant {k} is not ybcore's")
            self._judged(k, own)
        sums = {name: [digest(each) for each in run()] for name, run in self.contenders.items()}
        first = sums["ybcore, runs of their own"]
        if len({json.dumps(each) for each in first}) != self.policies:
            raise SystemExit("nothing was timed\nvariants hardly differ")
        for name, each in sums.items():
            for k in range(self.policies):
                wrong = [column for column in COLUMNS if each[k][column] != first[k][column]]
                if wrong:
                    raise SystemExit(f"nothing was timed\n{name}: sums of {', '.join(wrong)} of variant {k} differ")

    def _judged(self, k: int, own: dict[str, np.ndarray]) -> None:
        """The first persons by plain Python and by the reference."""
        from ybcore import reference

        some = self.job.head(PERSONS)
        mine = np.flatnonzero(self.job.person < PERSONS)
        with figures(k):
            plain = plain_python.prepare(some, 1)()
        doc = next(iter(self.books[f"v{k}"])).doc
        rows = reference.settle([doc], **ybcore_reference.tables(some)).rows
        for name, column in ybcore_bulk.OF.items():
            judges = {"plain Python": plain[name].tolist(), "the reference": [row[column] for row in rows]}
            for judge, values in judges.items():
                if column in rows[0] and own[name][mine].tolist() != values:
                    raise SystemExit(f"nothing was timed\n{name} of variant {k} is not that of {judge}")

    def timed(self, rounds: int) -> dict[str, dict[str, list[float]]]:
        """Clock and processor seconds of each contender, in turns."""
        out: dict[str, dict[str, list[float]]] = {name: {"seconds": [], "processor": []} for name in self.contenders}
        names = list(self.contenders)
        for at in range(rounds):
            for name in names[at % len(names) :] + names[: at % len(names)]:
                clock, processor = time.perf_counter(), time.process_time()
                self.contenders[name]()
                out[name]["seconds"].append(time.perf_counter() - clock)
                out[name]["processor"].append(time.process_time() - processor)
        return out


def here(visits: int, policies: int, threads: int, rounds: int, items: int) -> dict[str, Any]:
    """Proof and times in this process, whose pools have the number of threads."""
    contest = Contest(visits, policies, threads, items)
    contest.prove()
    told = {"visits": contest.job.visits, "lines": contest.job.lines, "policies": policies, "threads": threads}
    return told | {"contenders": contest.timed(rounds)}


def table(points: Sequence[dict[str, Any]]) -> str:
    """Markdown: one row a contender and number of threads."""
    out = ["| contender | threads | seconds | processor seconds | × one pass | × its processor time |", "|---|---|---|---|---|---|"]  # fmt: skip
    for point in points:
        one = point["contenders"]["ybcore, one pass"]
        for name, held in point["contenders"].items():
            clock, processor = (statistics.median(held[kind]) for kind in ("seconds", "processor"))
            ratios = [statistics.median(a / b for a, b in zip(held[k], one[k])) for k in ("seconds", "processor")]
            cells = [name, str(point["threads"]), f"{clock:.2f}", f"{processor:.2f}", *(f"{ratio:.1f}" for ratio in ratios)]  # fmt: skip
            out.append(f"| {' | '.join(cells)} |")
    return "\n".join(out)


def main(words: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--visits", type=int, default=200_000)
    parser.add_argument("--items", type=int, default=200_000)
    parser.add_argument("--policies", type=int, default=8, help="at most 20")
    parser.add_argument("--threads", type=integers, default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--here", action="store_true", help="in this process, and its result as JSON alone")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args(words)
    if not 2 <= args.policies <= 20:
        parser.error("policies must be from 2 to 20")
    if args.here:
        print(json.dumps(here(args.visits, args.policies, args.threads[0], args.rounds, args.items)))
        return
    asked = [f"--{name}={getattr(args, name)}" for name in ("visits", "items", "policies", "rounds")]
    points = [fresh.ask("policy_peers", "--here", *asked, f"--threads={n}", threads=n) for n in args.threads]
    print(f"{points[0]['visits']:,} visits, {points[0]['lines']:,} lines, {args.policies} policies\n")
    print(table(points))
    if args.out is not None:
        args.out.write_text(json.dumps(facts() | {"points": points}, indent=1))


if __name__ == "__main__":
    main()
