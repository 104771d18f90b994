"""Many policies over one batch: one pass beside as many runs of their own.

`python -m benchmarks.policies --visits 200000 --policies 64 --threads 2 --out policies.json`

The city under the shipped documents; each policy moves figures of two of them. First a sample of the policies is run by itself and every
row of every measure must be the same. Then, in one process: one policy by itself (read, priced, ordered, settled, measured), `--separate`
policies so, and all of them in one pass, of which settling and measuring are told in seconds of the processor. With `--catalogs` each policy
changes two items of the catalogue instead. With `--memory 64,1000` one pass of each number of policies in a process of its own, for what it
needs; with `--rounds 0` that alone.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import pyarrow as pa

from . import fresh
from .city import made
from .machine import facts

LUOYANG, BEIJING = "luoyang-resident-2024", "beijing-employee-2023"
SAMPLE = (0, 17, 63)


def reforms(count: int) -> list[Any]:
    """Different changes of deductibles, rates and the critical layer."""
    from ybcore.simulate import Reform

    out = []
    for i in range(count):
        add, points, start = 50 * (i % 20 - 8), i // 20 % 6 - 2, 39_525 + 500 * (i // 120) - 10 * i
        changes = [
            {"policy": LUOYANG, "path": "plans[inpatient_city_l3].layers[basic].deductible.amount", "add": add},
            {"policy": LUOYANG, "path": "plans[inpatient_city_l3].layers[basic].bands.steps", "points": points},
            {"policy": BEIJING, "path": "layers.critical.deductible.amount", "add": start - 39_525 + 1},
        ]
        out.append(Reform.of(f"r{i}", changes))
    return out


def listings(count: int, codes: Sequence[str]) -> list[Any]:
    """Different changes of items: of one the class, of another class and ratio."""
    from ybcore.simulate import Reform

    out = []
    for i in range(count):
        one, two = codes[i % len(codes)], codes[(i + 1 + i // len(codes)) % len(codes)]
        ratio = f"0.{10 + i % 80}"
        changes = [
            {"item": one, "path": "chrgitm_lv", "set": "03"},
            {"item": two, "merge": {"chrgitm_lv": "02", "selfpay_prop": ratio}},
        ]
        out.append(Reform.of(f"r{i}", changes))
    return out


class Made(Mapping[str, Any]):
    """Alternatives by name, each made when it is asked for."""

    def __init__(self, engine: Any, changes: Sequence[Any]) -> None:
        self._engine, self._changes = engine, {f"r{i}": each for i, each in enumerate(changes)}

    def __getitem__(self, name: str) -> Any:
        from ybcore.simulate import reformed

        return reformed(self._engine.book, [self._changes[name]], catalog=self._engine.catalog)

    def __iter__(self) -> Iterator[str]:
        return iter(self._changes)

    def __len__(self) -> int:
        return len(self._changes)


def stage(visits: int, policies: int, threads: int, replicates: int = 0, catalogs: bool = False) -> tuple[Any, ...]:
    """(engine, tables, alternatives, measures)."""
    from ybcore import Catalog, Engine, load_book
    from ybcore.cli.settle import demo_policies
    from ybcore.simulate import Bootstrap, Burden, Catastrophic, Inequality, People, Spending, Winners

    tables, catalog = made(visits, 20_000, 1)
    engine = Engine(load_book(demo_policies()), Catalog(**catalog), threads=threads)
    ids = pa.chunked_array([tables["visits"]["psn_no"], tables["persons"]["psn_no"]]).unique()
    income = np.random.default_rng(1).integers(5_000_00, 90_000_00, len(ids))
    known = pa.table({"psn_no": ids, "income": income, "decile": income // 9_000_00, "weight": 1 + income % 3})
    survey: dict[str, Any] = {"weight": "weight", "replicates": Bootstrap(replicates)} if replicates else {}
    people = People(known, income="income", **survey)
    measures = [
        Spending(["insutype", "dedc_hosp_lv"]),
        Burden(people),
        Catastrophic(people),
        Inequality(people),
        Winners(people, ["decile"]),
    ]
    if not catalogs:
        return engine, tables, Made(engine, reforms(policies)), measures
    counts = tables["lines"]["med_list_codg"].value_counts().to_pylist()
    common = [row["values"] for row in sorted(counts, key=lambda row: (-row["counts"], row["values"]))[:200]]
    return engine, tables, Made(engine, listings(policies, common)), measures


def alone(engine: Any, tables: Any, book: Any, measures: Any) -> Any:
    """A policy by itself: compiled, read, priced, ordered, settled, measured."""
    from ybcore import Engine
    from ybcore.simulate import compare

    return compare(Engine(book.book, book.catalog, threads=engine.threads), tables, {}, measures)


def same(done: Any, own: Any, name: str, measures: Any) -> None:
    """Stops when a row differs. Winners are told beside the base, which a run of its own does not know."""
    for measure in measures:
        if measure.name == "winners":
            continue
        rows = [
            {k: v for k, v in row.items() if k != "policy"}
            for row in done.table(measure.name).to_pylist()
            if row["policy"] == name
        ]
        theirs = [{k: v for k, v in row.items() if k != "policy"} for row in own.table(measure.name).to_pylist()]
        if rows != theirs:
            raise SystemExit(f"{measure.name} of {name} differs from a run of its own")


def timed(
    visits: int, policies: int, separate: int, threads: int, rounds: int, replicates: int, catalogs: bool = False
) -> dict[str, Any]:
    """Seconds of one policy, of `separate` runs, of one pass; the share of measuring."""
    from ybcore.simulate import compare, comparison

    engine, tables, books, measures = stage(visits, policies, threads, replicates, catalogs)
    some = [f"r{i}" for i in SAMPLE if i < policies]
    done = compare(engine, tables, books, measures)
    for name in some:
        same(done, alone(engine, tables, books[name], measures), name, measures)
    if len({tuple(row.items()) for row in done.table("burden").drop_columns(["policy"]).to_pylist()}) <= policies // 2:
        raise SystemExit("policies hardly differ")
    out: dict[str, Any] = {"visits": visits, "policies": policies, "threads": threads, "compared": some, "rounds": []}
    out["lines"], out["priced"] = done.priced["base"], sum(done.priced[name] for name in books)
    for _ in range(rounds):
        began = time.perf_counter()
        names = list(books)[:separate]
        each = []
        for name in names:
            at = time.perf_counter()
            alone(engine, tables, books[name], measures)
            each.append(time.perf_counter() - at)
        runs = time.perf_counter() - began
        at = time.process_time()
        for name in books:
            books[name]
        making = time.process_time() - at
        began, at = time.perf_counter(), time.process_time()
        # What settles and what measures is told by the processor's time: other work on the machine does not change it.
        with mock.patch.object(comparison, "time", SimpleNamespace(perf_counter=time.process_time)):
            done = compare(engine, tables, books, measures)
        whole, processor = time.perf_counter() - began, time.process_time() - at
        first, rest = done.seconds[0], done.seconds[1:]
        out["rounds"].append(
            {
                "one": float(np.median(each)),
                "separate": runs,
                "separate_runs": len(names),
                "one_pass": whole,
                "making_processor": making,
                "one_pass_processor": processor,
                "base_processor": sum(first),
                "settling_processor": sum(s for s, _ in rest),
                "measuring_processor": sum(m for _, m in rest),
            }
        )
    return out


def needed(visits: int, policies: int, threads: int) -> dict[str, Any]:
    """The most memory of one pass over what stood before it."""
    from ybcore.simulate import compare

    engine, tables, books, measures = stage(visits, policies, threads)
    return {"policies": policies} | fresh.peak(lambda: compare(engine, tables, books, measures))


def main(words: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--visits", type=int, default=200_000)
    parser.add_argument("--policies", type=int, default=64)
    parser.add_argument("--separate", type=int, default=0, help="policies run by themselves; 0 all")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--replicates", type=int, default=0, help="of survey weights; 0: people without weights")
    parser.add_argument("--catalogs", action="store_true", help="policies change items of the catalogue")
    parser.add_argument("--memory", default="", help="numbers of policies, by commas")
    parser.add_argument(
        "--needs", type=int, default=0, help="tell what one pass of so many policies needs, and nothing else"
    )
    parser.add_argument("--out", type=Path)
    args = parser.parse_args(words)
    if args.needs:
        print(json.dumps(needed(args.visits, args.needs, args.threads)))
        return
    separate = args.separate or args.policies
    out: dict[str, Any] = {"rounds": []}
    if args.rounds:
        out = timed(args.visits, args.policies, separate, args.threads, args.rounds, args.replicates, args.catalogs)
        print(f"{out['lines']} lines; priced again for all policies {out['priced']}")
    for row in out["rounds"]:
        settling, measuring = row["settling_processor"], row["measuring_processor"]
        print(
            f"one policy {row['one']:.3f} s; {row['separate_runs']} runs of their own {row['separate']:.2f} s; "
            f"{args.policies} in one pass {row['one_pass']:.2f} s = {row['one_pass'] / row['one']:.1f} x one; "
            f"of the processor: the pass {row['one_pass_processor']:.2f} s, in it base {row['base_processor']:.2f} s, making the policies "
            f"{row['making_processor']:.2f} s, settling with it {settling:.2f} s, measuring {measuring:.2f} s = {measuring / settling:.0%} of that",
            flush=True,
        )
    out["memory"] = [
        fresh.ask(
            "policies",
            "--visits",
            str(args.visits),
            "--threads",
            str(args.threads),
            "--needs",
            number,
            threads=args.threads,
        )
        for number in args.memory.split(",")
        if number
    ]
    for row in out["memory"]:
        print(f"{row['policies']} policies: {row['bytes'] / 1e6:.0f} MB over {row['baseline'] / 1e6:.0f} MB")
    if args.out is not None:
        args.out.write_text(json.dumps(facts() | out, indent=1))


if __name__ == "__main__":
    main()
