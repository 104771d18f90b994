"""One prescription of 50 lines with 500 lines of history (stage `before`): `ybcore.check` with a book that is loaded, and a `ybcore.Checker` made before.

Prescriptions are made of the city: visits in whole, on any day of the year, become the history of one person, lines of another visit the prescription. Their tables are
slices of the city's, with its dictionaries of up to 1.6 million entries; and, for `Checker` once more, tables of plain texts without any dictionary, as a service makes
them of rows. Every call is another one, asked in each way in turn, of tables that are made anew just before the clock starts: no service lets the tables of a question
lie while it answers hundreds of others. Before anything is timed the findings of some are compared with the call that has its rows in another order and two threads.
The making of the checker is timed apart.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .. import report
from .together import documents
from .town import BESIDE, Town

LINES, HISTORY = 50, 500
WANTED = 1e-3  # seconds, p99
WARM = 5
VISITS_A_CASE = 400  # so many of the city's are drawn from
PLAIN = "Checker, plain texts"
FIXED = ("institutions", "doctors")
Case = dict[str, Any]


def door(book: Any, catalog: Any) -> Callable[[Case], Any]:
    """The plain call: a case in, a report out."""
    import ybcore

    return lambda case: ybcore.check(**case, rules=book, catalog=catalog, stage="before", threads=1)


def prepared(book: Any, catalog: Any, beside: dict[str, Any]) -> Callable[[Case], Any]:
    """The same of a checker that has the book, the catalogue, the institutions and the doctors (`beside`)."""
    import ybcore

    checker = ybcore.Checker(book, catalog, **beside, stage="before")
    return lambda case: checker.check(**{name: table for name, table in case.items() if name not in beside})


def cases(town: Town, count: int, seed: int = 1) -> list[Case]:
    """Tables of so many prescriptions, each of a person of its own."""
    import pyarrow as pa
    import pyarrow.compute as pc

    raw = town.tables(dirty=True)
    visits = raw["visits"].slice(0, count * VISITS_A_CASE)
    ids = pc.cast(visits["setl_id"], pa.large_string()).combine_chunks()

    def owners(table: pa.Table) -> np.ndarray:
        """Visit of each row, -1 for one that is left out."""
        found = pc.index_in(pc.cast(table["setl_id"], pa.large_string()), value_set=ids)
        return np.asarray(found.fill_null(-1).to_numpy())

    owner = owners(raw["lines"])
    order = np.argsort(owner, kind="stable")
    ends = np.searchsorted(owner[order], np.arange(len(ids) + 1))
    chosen = drawn(
        np.diff(ends), np.asarray(pc.equal(pc.cast(visits["refd_setl_flag"], pa.string()), "0")), count, seed
    )
    rows = [
        np.concatenate([order[ends[now] : ends[now] + LINES], *(order[ends[one] : ends[one + 1]] for one in past)])[
            : LINES + HISTORY
        ]
        for now, *past in chosen
    ]
    # What all cases need is taken once: a take out of the whole is slow.
    used = np.unique(np.concatenate(rows))
    lines = raw["lines"].take(pa.array(used)).combine_chunks()
    wanted = np.unique(np.concatenate(chosen))
    beside = {}
    for name in BESIDE:
        of = owners(raw[name])
        keep = np.flatnonzero(np.isin(of, wanted))
        beside[name] = (raw[name].take(pa.array(keep)).combine_chunks(), of[keep])
    out = []
    for mine, at in zip(chosen, rows):
        own = visits.take(pa.array(mine))
        psn = pa.array([own["psn_no"][0].as_py()] * len(own), pa.large_string())
        own = own.set_column(own.column_names.index("psn_no"), "psn_no", psn)
        own = own.append_column("hist_flag", pa.array([0] + [1] * (len(mine) - 1), pa.int8()))
        tables = {
            "visits": own, "lines": lines.take(pa.array(np.searchsorted(used, at))),
            "persons": raw["persons"].filter(pc.equal(raw["persons"]["psn_no"], psn[0])),
            **{name: table.filter(pa.array(np.isin(of, mine))) for name, (table, of) in beside.items()},
        }  # fmt: skip
        fixed = {name: raw[name] for name in FIXED}
        out.append({name: table.combine_chunks() for name, table in tables.items()} | fixed)
    return out


def plain(case: Case, schemas: dict[str, Any]) -> Case:
    """The case with columns of plain texts in place of dictionaries; all cases have the same `schemas`, as the tables of one service do."""
    import pyarrow as pa

    out = {}
    for name, table in case.items():
        columns = []
        for column in table.columns:
            coded = pa.types.is_dictionary(column.type)
            columns.append(column.cast(column.type.value_type) if coded else column)
        made = pa.table(columns, names=table.column_names).combine_chunks()
        out[name] = made.cast(schemas.setdefault(name, made.schema))
    return out


def anew(case: Case) -> Case:
    """The same rows in tables of their own, but for those that are given to the checker."""
    import pyarrow as pa

    return {
        name: table if name in FIXED else table.take(pa.array(np.arange(len(table)))) for name, table in case.items()
    }


def drawn(sizes: np.ndarray, plain: np.ndarray, count: int, seed: int) -> list[list[int]]:
    """For each case the visit of the prescription, then those of its history."""
    large, small = (np.flatnonzero(plain & fits) for fits in (sizes >= LINES, (sizes > 0) & (sizes < LINES)))
    draw, out = np.random.default_rng(seed), []
    for _ in range(count):
        past: list[int] = []
        held = 0
        while held < HISTORY:
            one = int(draw.choice(small))
            if one not in past:
                past.append(one)
                held += int(sizes[one])
        out.append([int(draw.choice(large)), *past])
    return out


def named(done: Any) -> list[tuple[str, str, int]]:
    found = done.findings
    return sorted(zip(*(found[name].to_pylist() for name in ("rule_id", "jr_id", "vola_amt"))))


def prove(call: Callable[[Case], Any], book: Any, catalog: Any, some: list[Case]) -> int:
    """The same findings as the plain call with two threads and rows in another order. Findings of all; SystemExit where they differ."""
    import pyarrow as pa
    import ybcore

    seen = 0
    for case in some:
        turned = {name: table.take(pa.array(np.arange(len(table))[::-1])) for name, table in case.items()}
        wanted = named(ybcore.check(**turned, rules=book, catalog=catalog, stage="before", threads=2))
        found = named(call(case))
        if found != wanted:
            raise SystemExit("a prescription has other findings by the measured call; nothing was timed")
        seen += len(found)
    return seen


def measure(folder: Path, count: int) -> dict[str, Any]:
    """Seconds of each call of each door, findings made as tables or not; what making a checker takes."""
    import ybcore
    from ybcore.checks.run.spot import SpotReport

    town = Town(folder)
    book, catalog = ybcore.load_rules(documents(town)), town.catalog
    made = cases(town, count + WARM)
    beside = {name: made[0][name] for name in FIXED}
    schemas: dict[str, Any] = {}
    making = []
    for _ in range(WARM):
        began = time.perf_counter()
        prepared(book, catalog, beside)
        making.append(time.perf_counter() - began)
    checker = prepared(book, catalog, beside)
    doors = {
        "check": (door(book, catalog), made),
        "Checker": (checker, made),
        PLAIN: (checker, [plain(case, schemas) for case in made]),
    }
    told: dict[str, Any] = {"calls": count, "making": making, "doors": {}}
    for name, (call, own) in doors.items():
        told["findings"] = prove(call, book, catalog, own[:WARM])
        told["doors"][name] = {"report": [], "tables": [], "busy": [], "again": [], "parts": []}
    told["hit"] = told["native"] = 0
    for place in range(WARM, len(made)):
        for name, (call, inputs) in doors.items():
            own = told["doors"][name]
            if name == PLAIN:  # else code and rules would lie near, which they do not for the door before
                doors["check"][0](made[place])
            case, done = anew(inputs[place]), None  # letting go of the report before is no part of this call
            began, used = time.perf_counter(), time.process_time()
            done = call(case)
            own["report"].append(time.perf_counter() - began)
            done.findings, done.details  # noqa: B018  they are made when first asked for
            own["tables"].append(time.perf_counter() - began)
            own["busy"].append(time.process_time() - used)
            own["again"].append(again(call, case))
            own["parts"].append(parts(done.seconds, own["report"][-1], own["tables"][-1]))
            if name == "Checker":
                told["hit"] += done.findings.num_rows > 0
                told["native"] += isinstance(done, SpotReport)
    return told


def again(call: Callable[[Case], Any], case: Case) -> float:
    """Processor seconds of the same call once more, when what it reads lies near: what was left of the time is the work itself."""
    used = time.process_time()
    done = call(case)
    done.findings, done.details  # noqa: B018  as above
    return time.process_time() - used


def parts(seconds: dict[str, float], whole: float, tables: float) -> dict[str, float]:
    """Seconds of what a call does."""
    rules = sum(taken for name, taken in seconds.items() if name not in ("prepare", "money"))
    known = {"reading and choosing rules": seconds["prepare"], "rules": rules, "names and money": seconds["money"]}
    return known | {"the rest": whole - sum(known.values()), "findings and details as tables": tables - whole}


def shares(taken: list[dict[str, float]]) -> str:
    """What part of the time goes where, over all calls: the parts of a busy machine are as long as the whole is."""
    sums = {name: sum(one[name] for one in taken) for name in taken[0]}
    return ", ".join(f"{name} {value / sum(sums.values()):.0%}" for name, value in sums.items())


def said(door: str) -> str:
    """A door as the table names it."""
    return "`Checker` of plain texts" if door == PLAIN else f"`{door}`"


def table(told: dict[str, Any]) -> str:
    """Markdown: p50 and p99."""
    rows = []
    titles = {
        "report": "report", "tables": "report, findings and details as tables", "busy": "the same, processor time", "again": "the same call once more, processor time",
    }  # fmt: skip
    for door, taken in told["doors"].items():
        for name, title in titles.items():
            half, most = (float(np.quantile(taken[name], q, method="higher")) for q in (0.5, 0.99))
            missed = "" if most < WANTED else ": **missed**"
            wanted = f"{WANTED * 1e3:g}{missed}" if door != "check" else ""
            rows.append([f"{said(door)}: {title}", told["calls"], f"{half * 1e3:.2f}", f"{most * 1e3:.2f}", wanted])
    hit = f"{told['hit']} of {told['calls']} calls had findings, {told['native']} were answered by one native call."
    making = f"Making the checker takes {float(np.median(told['making'])) * 1e3:.0f} ms (median of {len(told['making'])}), not counted above."
    head = [f"{LINES} lines, {HISTORY} of history", "calls", "p50, ms", "p99, ms", "wanted p99, ms"]
    where = [f"{said(door)}: {shares(taken['parts'])}." for door, taken in told["doors"].items()]
    return "\n\n".join([report.table(head, rows), hit, making, *where])


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]), int(sys.argv[2]))))
