"""A year settled again of which some settling groups changed, beside settling all of it.

`python -m benchmarks.resettle --visits 200000,1000000 --share 0.01 --rounds 5 --out resettle.json`

The city of `city.py`. Groups are drawn at random; each gets one change, in turn: a late claim, a refund, a denied line, a person who
became poor. **First** what was before and the differences must add up to a full run on tables that are put together here, every cell of visits
and lines, and so must the closing state; otherwise nothing is timed. **Then** rounds, ratios within a round: a full run (lines, detail, closing
state; no receipt), a first re-settlement of a run, which also has to learn who is where, and a second one, which finds that kept with the
run. Each size is a fresh process. Tables are in memory, each column in one piece, as a run keeps them; nothing is read.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from . import fresh, report
from .city import engine, made

Rows = npt.NDArray[np.int64]
KINDS = ("late claim", "refund", "denied line", "person")
CALLS = ("full", "full_visits", "first", "second", "after")
WANTED = 0.05


@dataclasses.dataclass(frozen=True)
class Point:
    """What one process measures."""

    visits: int
    share: float = 0.01
    threads: int = 1
    items: int = 20_000
    rounds: int = 5
    seed: int = 1


def drawn(paid: Any, share: float, seed: int) -> list[Rows]:
    """Rows of plain visits by kind of change: one of each group that is drawn, a share of all groups."""
    import pyarrow.compute as pc

    index, visits = paid.index(paid.engine.shares), paid.tables["visits"]
    rng = np.random.default_rng(seed)
    refunded = np.asarray(pc.is_in(visits["setl_id"], value_set=visits["init_setl_id"].combine_chunks()))
    plain = ~refunded & np.asarray(visits["init_setl_id"].is_null()) & (np.diff(index.line_begin) > 0)
    rows = rng.permutation(np.flatnonzero(plain))
    _, first = np.unique(index.visit_group[rows], return_index=True)
    chosen = rng.permutation(rows[first])[: max(len(KINDS), round(share * index.settling))]
    return [np.sort(chosen[k :: len(KINDS)]) for k in range(len(KINDS))]


def learned(paid: Any, share: float, seed: int) -> tuple[list[Any], dict[str, Any]]:
    """(changes of a share of the groups, the tables after them, made without the ledger)."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from ybcore.ledger import DeniedLines, LateClaims, Persons, Refunds

    late, back, denied, poor = drawn(paid, share, seed)
    visits, lines, persons = (paid.tables[name] for name in ("visits", "lines", "persons"))

    def put(table: pa.Table, name: str, column: Any) -> pa.Table:
        return table.set_column(table.column_names.index(name), name, column)

    def named(table: pa.Table, name: str, letter: str) -> pa.Table:
        return put(table, name, pa.array([f"{letter}{one}" for one in table[name].to_pylist()], pa.large_string()))

    claims, bills = named(visits.take(pa.array(late)), "setl_id", "L"), lines_of(paid, late)
    claims = named(claims, "mdtrt_id", "L")
    bills = named(lines.take(pa.array(bills)), "setl_id", "L")
    paid_before = visits.take(pa.array(back))
    reversals = put(named(paid_before, "setl_id", "R"), "init_setl_id", paid_before["setl_id"])
    reversals = put(reversals, "refd_setl_flag", pa.array(["1"] * len(back)))
    reversals = put(
        reversals, "setl_time", pc.add(reversals["setl_time"], pa.scalar(86_400_000_000, pa.duration("us")))
    )
    at = lines_of(paid, denied)[np.cumsum(np.concatenate(([0], counts(paid, denied)[:-1])))]
    struck = lines.take(pa.array(at)).select(["setl_id", "feedetl_sn"])
    who = pc.is_in(persons["psn_no"], value_set=visits["psn_no"].take(pa.array(poor)).combine_chunks())
    became = put(persons.filter(who), "psn_idet_type", pa.array(["A"] * pc.sum(who).as_py()))
    flag = lines["deny_flag"].to_numpy().copy()
    flag[at] = 1
    plain = [
        put(table, "refd_setl_flag", table["refd_setl_flag"].cast(pa.string())) for table in (visits, claims, reversals)
    ]
    words = [put(table, "setl_id", table["setl_id"].cast(pa.large_string())) for table in (lines, bills)]
    kinds = [
        put(table, "psn_idet_type", table["psn_idet_type"].cast(pa.string()))
        for table in (persons.filter(pc.invert(who)), became)
    ]
    tables = {
        **paid.tables, "visits": pa.concat_tables(plain).combine_chunks(), "persons": pa.concat_tables(kinds).combine_chunks(),
        "lines": pa.concat_tables([put(words[0], "deny_flag", pa.array(flag)), words[1]]).unify_dictionaries().combine_chunks(),
    }  # fmt: skip
    return [LateClaims(claims, bills), Refunds(reversals), DeniedLines(struck), Persons(became)], tables


def lines_of(paid: Any, visits: Rows) -> Rows:
    """Rows of the lines of some visits."""
    return paid.index(paid.engine.shares).lines_of(visits)[0]


def counts(paid: Any, visits: Rows) -> Rows:
    """How many lines each of some visits has."""
    return paid.index(paid.engine.shares).lines_of(visits)[1]


# ---------------------------------------------------------------------- equality


def numbers(table: Any) -> list[str]:
    """Columns that have a difference in the deltas of visits."""
    return [name for name in table.column_names if str(table[name].type) == "int64" and name != "flags"]


def prove(paid: Any, share: float, seed: int) -> dict[str, Any]:
    """What was, with the differences of one re-settlement, is a full run on the tables after. Raises SystemExit otherwise."""
    import pyarrow.compute as pc
    from ybcore.ledger import resettle

    changes, tables = learned(paid, share, seed)
    again = resettle(paid, changes)
    full = paid.engine.settle(**tables, line_output=True, detail=True, receipt=False)
    after = again.after.settlement
    wrong = [
        f"after.{part}.{name}"
        for part in ("visits", "lines")
        for name in apart(getattr(after, part), getattr(full, part))
    ]
    before, deltas = paid.settlement.visits, again.deltas.visits
    row = pc.index_in(deltas["setl_id"], value_set=full.visits["setl_id"].combine_chunks()).to_numpy()
    for name in numbers(before):
        sums = np.zeros(full.visits.num_rows, np.int64)
        sums[: before.num_rows] = before[name].to_numpy()
        np.add.at(sums, row, deltas[name].to_numpy())
        if not np.array_equal(sums, full.visits[name].to_numpy()):
            wrong.append(f"before + deltas of {name}")
    if after.state.sha256 != full.state.sha256:
        wrong.append("the closing state")
    if wrong:
        raise SystemExit("\n".join(["the re-settlement is not a full run; nothing was timed", *wrong[:20]]))
    return {"columns": [full.visits.num_columns, full.lines.num_columns], "deltas": deltas.num_rows}


def apart(ours: Any, theirs: Any) -> list[str]:
    """Columns that differ, whatever their dictionaries."""
    if ours.column_names != theirs.column_names or ours.num_rows != theirs.num_rows:
        return ["rows or columns"]
    return [name for name in ours.column_names if not plain(ours[name]).equals(plain(theirs[name]))]


def plain(column: Any) -> Any:
    """A column without dictionaries."""
    import pyarrow as pa

    while pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return column


# ---------------------------------------------------------------------- time


def run(asked: Point) -> dict[str, Any]:
    """One size, in this process: equality, then rounds."""
    from ybcore.ledger import Run, resettle

    given, catalog = made(asked.visits, asked.items, asked.seed)
    held = engine(catalog, asked.threads)
    paid = Run(held, **given)
    del given
    tables, done = paid.tables, paid.settlement
    told = prove(paid, asked.share, asked.seed)
    seconds: dict[str, list[float]] = {name: [] for name in CALLS}
    busy: dict[str, list[float]] = {name: [] for name in CALLS}

    def timed(name: str, call: Callable[[], Any]) -> Any:
        began, used = time.perf_counter(), time.process_time()
        kept = call()
        seconds[name].append(time.perf_counter() - began)
        busy[name].append(time.process_time() - used)
        return kept

    def one_round(k: int) -> Any:
        timed("full", lambda: held.settle(**tables, line_output=True, detail=True, receipt=False))
        timed("full_visits", lambda: held.settle(**tables, closing_state=False, receipt=False))
        once, twice = (learned(paid, asked.share, asked.seed + 2 * k + i)[0] for i in (1, 2))
        again = Run(held, **tables, settled=done)
        again.tables  # noqa: B018  what is read is not timed
        timed("first", lambda: resettle(again, once))
        last = timed("second", lambda: resettle(again, twice))
        timed("after", lambda: last.after.results)
        return last.scope

    scope: Any = None
    for k in range(asked.rounds):
        scope = one_round(k)
    return told | {
        "point": dataclasses.asdict(asked), "lines": tables["lines"].num_rows, "seconds": seconds,
        "cpu_seconds": busy, "scope": dataclasses.asdict(scope),
    }  # fmt: skip


def ratios(one: dict[str, Any], name: str, of: str = "seconds") -> list[float]:
    """Time of a call over that of the full run, round by round."""
    return [mine / full for mine, full in zip(one[of][name], one[of]["full"], strict=True)]


def table(result: dict[str, Any]) -> str:
    """One row a size."""
    head = ["visits", "threads", "groups settled again", "visits again", "full run, s", "first, ms", "second, ms", "first, % of full (range)",
            f"second, % of full (range; wanted {WANTED:.0%})", "processor time, second, % of full", "results after, ms", "full without lines, detail, state, s"]  # fmt: skip
    rows = []
    for one in result["points"]:
        middle = {name: report.middle(values) for name, values in one["seconds"].items()}
        told = [
            f"{report.middle(each):.1%} ({min(each):.1%}–{max(each):.1%})"
            for each in (ratios(one, name) for name in ("first", "second"))
        ]
        scope = one["scope"]
        rows.append([
            f"{one['point']['visits']:,}", one["point"]["threads"], f"{scope['groups']:,} of {scope['of_groups']:,}", f"{scope['visits']:,}",
            f"{middle['full']:.2f}", f"{middle['first'] * 1e3:.0f}", f"{middle['second'] * 1e3:.0f}", *told,
            f"{report.middle(ratios(one, 'second', 'cpu_seconds')):.1%}", f"{middle['after'] * 1e3:.0f}",
            f"{middle['full_visits']:.2f}",
        ])  # fmt: skip
    return report.table(head, rows)


def main(argv: list[str] | None = None) -> None:
    parser = report.parser("resettle", __doc__)
    parser.add_argument("--visits", type=report.integers, default=[200_000, 1_000_000])
    parser.add_argument("--share", type=float, default=0.01, help="of settling groups that are touched")
    parser.add_argument("--threads", type=report.integers, default=[1])
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--point", help="measure this one here and answer in JSON; what the command asks of its own processes"
    )
    asked = parser.parse_args(argv)
    if asked.point:
        print(json.dumps(run(Point(**json.loads(asked.point)))))
        return
    if not 0 < asked.share <= 1:
        parser.error("--share is above 0 and at most 1")
    base = Point(visits=0, share=asked.share, items=asked.items, rounds=asked.rounds, seed=asked.seed)
    result = report.begun(name="resettle", **dataclasses.asdict(base))
    result["points"] = []
    for visits in asked.visits:
        for threads in asked.threads:
            words = json.dumps(dataclasses.asdict(dataclasses.replace(base, visits=visits, threads=threads)))
            result["points"].append(fresh.ask("resettle", "--point", words, threads=threads))
            one = result["points"][-1]
            say = f"{visits:,} visits: second {report.middle(ratios(one, 'second')):.1%} of a full run"
            print(say, file=sys.stderr, flush=True)
    report.tell(result, asked.out, table(result))


if __name__ == "__main__":
    main()
