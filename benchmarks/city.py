"""A synthetic city under the shipped documents: households, reversals, partial refunds, three schemes, dated everything.

`python -m benchmarks.city --visits 200000 --rounds 3 --threads 1,2 --out city.json`

Beside it the one-scheme job with as many visits and items, so that the time a visit can be compared. Each row is a fresh process. First
the reference in plain Python settles a sample of the city, and every column of it must be the engine's. No other contender is here:
the second table says what each of them lacks.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from . import fresh, report
from .contenders import MODULES
from .scaling import Point, digest, rounds

LINES = 10.5  # a visit, about what the one-scheme job has
SAMPLE = 2_000
#: What each contender of the one-scheme job would need for a city. Nobody is slow here: they do not express it.
NEEDS = {
    "ybcore": "–",
    "ybcore_single": "expresses it (the same engine, a visit a call); the one-scheme table shows what a call costs",
    "reference": "expresses it; runs on the sample above and proves the engine's columns",
    "plain_python": "is one page for one scheme: no documents, no household's deductible, no settlement that takes another one back",
    "cpp": "one scheme compiled in; a person is settled alone, so a household's shared counters have no place; counters only grow, so a reversal cannot lower them",
    "numba": "as the C++: the loop is over one person's visits under figures that are constants",
    "cython": "as the C++, row by row",
    "numpy": "capped running sums need counters that only grow and rates that do not depend on what came before; a reversal or a partial refund ends both",
    "polars": "window functions over a person: no state that falls and rises again, no counters shared by a household, no choice of a plan by document",
    "duckdb": "windows as in Polars; a recursive query would go row by row through every household",
}


@dataclasses.dataclass(frozen=True)
class Run:
    """One row: the city with these outputs."""

    visits: int
    threads: int = 1
    items: int = 20_000
    line_output: bool = False
    detail: bool = False
    closing_state: bool = False
    rounds: int = 3
    seed: int = 1

    @property
    def outputs(self) -> str:
        """For people."""
        asked = [name.replace("_", " ") for name in ("line_output", "detail", "closing_state") if getattr(self, name)]
        return "visits" + "".join(f" + {name}" for name in asked)


def made(visits: int, items: int, seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """(tables, catalogue) of a city with ten visits a person."""
    from ybcore.synth import city

    town = city(seed=seed, persons=max(1, visits // 10), visits=visits, lines_per_visit=LINES, catalog_items=items)
    batch = town.visits()
    tables = {
        "visits": batch.visits, "lines": batch.lines, "persons": town.persons, "institutions": town.institutions,
        "acct_events": town.acct_events,
    }  # fmt: skip
    return tables, dict(zip(("items", "selfpay", "caps"), town.catalog))


def engine(catalog: dict[str, Any], threads: int) -> Any:
    """The three schemes of `ybcore demo`."""
    from ybcore import Catalog, Engine
    from ybcore.cli.settle import demo_policies

    return Engine(demo_policies(), Catalog(**catalog), threads=threads)


def run(asked: Run) -> dict[str, Any]:
    """One row, in this process."""
    tables, catalog = made(asked.visits, asked.items, asked.seed)
    held = engine(catalog, asked.threads)
    options = {name: getattr(asked, name) for name in ("line_output", "detail", "closing_state")}

    def settle() -> Any:
        return held.settle(**tables, **options, receipt=False)

    kept: list[Any] = []
    began = time.perf_counter()
    memory = fresh.peak(lambda: kept.append(settle()))
    told = {"first_seconds": time.perf_counter() - began, "facts": facts(tables, kept[0]), "digest": digest(kept[0])}
    kept.clear()
    told["seconds"], told["cpu_seconds"] = rounds(settle, asked.rounds)
    return told | {"run": dataclasses.asdict(asked), "lines": tables["lines"].num_rows, "memory_bytes": memory["bytes"]}


def facts(tables: dict[str, Any], done: Any) -> dict[str, Any]:
    """What makes a city another thing than one scheme."""
    import pyarrow.compute as pc

    visits, persons = tables["visits"], tables["persons"]
    houses = pc.value_counts(persons["hsld_no"].combine_chunks().drop_null()).field("counts")
    outcomes = {
        row["values"]: row["counts"] for row in pc.value_counts(done.visits["outcome"].cast("string")).to_pylist()
    }
    return {
        "schemes": len(pc.unique(persons["insutype"])),
        "households_of_several": int((np.asarray(houses) > 1).sum()),
        "reversals": int(pc.sum(pc.equal(visits["refd_setl_flag"].cast("string"), "1")).as_py() or 0),
        "outcomes": outcomes,
    }


def prove(visits: int, items: int, seed: int) -> dict[str, Any]:
    """The reference settles a small city; every column of every visit is the engine's. Raises SystemExit otherwise."""
    from ybcore import explain, reference

    tables, catalog = made(visits, items, seed)
    held = engine(catalog, 1)
    bulk = held.settle(**tables, receipt=False).visits
    rows = {name: explain._rows(name, table, held.book) for name, table in tables.items()}
    listed = explain._catalog_rows(catalog, rows["lines"])
    documents = [policy.doc for policy in held.book]
    began = time.perf_counter()
    judged = reference.settle(documents, **rows, catalog=listed)
    seconds = time.perf_counter() - began
    found = bulk.to_pylist()
    names = [name for name in judged.rows[0] if name in bulk.column_names]
    wrong = [
        f"visit {i}, {name}: {mine[name]!r}, the reference says {row[name]!r}"
        for i, (row, mine) in enumerate(zip(judged.rows, found, strict=True)) for name in names
        if (mine[name] or None) != (row[name] or None) and str(mine[name]) != str(row[name])
    ]  # fmt: skip
    if wrong:
        raise SystemExit("\n".join(["the engine and its reference differ; nothing was timed", *wrong[:20]]))
    return {"visits": visits, "lines": tables["lines"].num_rows, "columns": len(names), "seconds": [seconds]}


def measure(base: Run, threads: list[int], sample: int, say: Callable[[str], Any]) -> dict[str, Any]:
    """The proof, then every row in a fresh process."""
    result = report.begun(name="city", **dataclasses.asdict(base))
    say(f"the reference settles {sample:,} visits ...")
    result["reference"] = prove(sample, min(base.items, 2_000), base.seed)
    result["one_scheme"], result["city"] = [], []
    for count in threads:
        point = Point(visits=base.visits, items=base.items, threads=count, rounds=base.rounds, seed=base.seed)
        result["one_scheme"].append(
            fresh.ask("scaling", "--point", json.dumps(dataclasses.asdict(point)), threads=count)
        )
        for more in ({}, {"line_output": True}, {"line_output": True, "detail": True, "closing_state": True}):
            asked = dataclasses.replace(base, threads=count, **more)
            result["city"].append(fresh.ask("city", "--point", json.dumps(dataclasses.asdict(asked)), threads=count))
            say(f"{asked.outputs}, {count} threads: {report.middle(result['city'][-1]['seconds']):.2f} s")
    if len({one["digest"] for one in result["city"]}) > 1:
        raise SystemExit("the city came out differently with other outputs or threads; nothing is told")
    result["needs"] = NEEDS
    return result


def table(result: dict[str, Any]) -> str:
    """One row a workload, the one-scheme job first."""
    head = ["workload", "outputs", "threads", "lines a visit", "s (median)", "µs a visit (range)", "× one scheme", "processor µs a visit", "bytes a visit"]  # fmt: skip
    rows = []
    base: dict[int, float] = {}
    for name, one in [
        *(("one scheme", one) for one in result["one_scheme"]),
        *(("city", one) for one in result["city"]),
    ]:
        at = one.get("run") or one["point"]
        visits, count = at["visits"], at["threads"]
        each = [s / visits * 1e6 for s in one["seconds"]]
        mine = report.middle(each)
        outputs = Run(**at).outputs if "run" in one else "visits"
        rows.append([
            name, outputs, count, f"{one['lines'] / visits:.1f}", f"{report.middle(one['seconds']):.3f}",
            f"{mine:.2f} ({min(each):.2f}–{max(each):.2f})", f"{mine / base.setdefault(count, mine):.2f}",
            f"{report.middle(one['cpu_seconds']) / visits * 1e6:.2f}", f"{one['memory_bytes'] / visits:,.0f}",
        ])  # fmt: skip
    judge = result["reference"]
    each = judge["seconds"][0] / judge["visits"] * 1e6
    rows.append(["city", f"reference, {judge['visits']:,} visits", 1, f"{judge['lines'] / judge['visits']:.1f}", f"{judge['seconds'][0]:.3f}",
                 f"{each:,.0f}", f"{each / next(iter(base.values())):,.0f}", "–", "–"])  # fmt: skip
    return report.table(head, rows)


def lacking(result: dict[str, Any]) -> str:
    """Contenders of the one-scheme job and why they are not in the table above."""
    return "\n".join(
        [
            "No contender written for one scheme expresses households, refunds and documents chosen by place and day:",
            "",
            report.table(
                ["contender", "a city"], [[name, result["needs"][name]] for name in MODULES if name != "ybcore"]
            ),
        ]
    )


def described(result: dict[str, Any]) -> str:
    """The city in one line."""
    one = result["city"][0]
    known = one["facts"]
    outcomes = ", ".join(f"{name} {count:,}" for name, count in known["outcomes"].items())
    return (
        f"The city: {one['run']['visits']:,} visits, {one['lines']:,} lines, {known['schemes']} schemes, {known['reversals']:,} reversals, "
        f"{known['households_of_several']:,} households of several persons; {outcomes}."
    )


def main(argv: list[str] | None = None) -> None:
    parser = report.parser("city", __doc__)
    parser.add_argument("--visits", type=int, default=200_000)
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--threads", type=report.integers, default=[1])
    parser.add_argument("--sample", type=int, default=SAMPLE, help="visits that the reference settles")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--point", help="measure this one here and answer in JSON; what the command asks of its own processes"
    )
    asked = parser.parse_args(argv)
    if asked.point:
        print(json.dumps(run(Run(**json.loads(asked.point)))))
        return
    base = Run(visits=asked.visits, items=asked.items, rounds=asked.rounds, seed=asked.seed)
    result = measure(base, asked.threads, asked.sample, lambda text: print(text, file=sys.stderr, flush=True))
    report.tell(result, asked.out, described(result), table(result), lacking(result))


if __name__ == "__main__":
    main()
