"""The C door over images that hold no plan at all, on random books and people: what it makes of each draft settles as a batch does."""

from __future__ import annotations

import ctypes as c
import sys
from pathlib import Path
from typing import Any

import numpy as np
from compare import TABLES, Kernel
from generate.policies import book
from generate.population import population
from generate.tables import arrow
from ybcore import Engine, PersonState
from ybcore.columns.schema import NATURE_BUCKETS, PAYERS
from ybcore.embed import library
from ybcore.settling.job import Job

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.c_door import Door, Earlier, Fact

SEEDS = 50
LATE = {
    "unknown_original",
    "other_person",
    "reversal_before_original",
    "reversal_of_reversal",
    "original_not_settled",
}  # who sees one visit at a time cannot tell


def rows_of(table: Any) -> list[dict[str, Any]]:
    return [{name: cell for name, cell in row.items() if cell is not None} for row in table.to_pylist()]


def counters_of(state: Any) -> set[tuple[Any, ...]]:
    return {tuple(row.values()) for row in state.counters().to_pylist() if row["value"]}


class Window:
    """A batch as a window has it: of each visit the rows that hold, part by part, as the batch found them."""

    def __init__(self, engine: Engine, tables: dict[str, Any]) -> None:
        self.engine, self.tables = engine, tables
        done = engine.settle(**tables, line_output=False)
        self.done, self.counters = done.visits.to_pylist(), counters_of(done.state)
        self.job = job = Job(engine._compiled, engine.catalog, tables, None, 1)
        job.begin(line_output=False)
        job._accounts()
        self.visits, self.people, self.places = (rows_of(tables[n]) if n in tables else [] for n in ("visits", "persons", "institutions"))  # fmt: skip
        self.names = [str(n) for n in job.psn_dictionary.to_pylist()]
        self.moves = self._moves()
        self.balances = dict(zip(self.names, job.opening_balance.tolist()))
        self.lines: dict[Any, list[Any]] = {}
        for line in rows_of(tables["lines"]) if "lines" in tables else []:
            self.lines.setdefault(line.get("setl_id"), []).append(line)
        seen: set[Any] = set()
        self.own: list[list[Any]] = []
        for visit in self.visits:
            name = visit.get("setl_id")
            self.own.append([] if name in seen else self.lines.get(name, []))
            seen.add(name)

    def _moves(self) -> list[tuple[str, int, int, int]]:
        told = self.job._accounts()
        begin = told["begin"]
        return [(self.names[p], int(told["date"][k]), int(told["kind"][k]), int(told["amount"][k]))
                for p in range(len(self.names)) for k in range(int(begin[p]), int(begin[p + 1]))]  # fmt: skip

    def held(self, event: int) -> dict[str, dict[str, Any]]:
        out = {}
        for name, rows in (("persons", self.people), ("institutions", self.places)):
            row = int(self.job.facts.tables[name][1][event])
            out[name] = rows[row] if rows and row >= 0 else {}
        return out

    def asked(self, door: Door, at: int) -> Any:
        """The visit as the door takes it."""
        row = self.visits[at]
        first, end = int(self.job.event_begin[at]), int(self.job.event_begin[at + 1])
        rows = self.held(end - 1)
        donor = row.get("mulaid_psn_no") or rows["persons"].get("mulaid_psn_no")
        given = (c.c_int64 * len(PAYERS))(*(row.get(f"given_{payer}") or 0 for payer in PAYERS))
        made = door.visit(self.engine, row, rows, self.moves, given=given, mulaid_balc=self.balances.get(str(donor), 0))
        made.balc = self.balances.get(str(row.get("psn_no")), 0)
        earlier = []
        for event in range(first, end - 1):
            other = door.visit(self.engine, row, self.held(event), [])
            facts = (Fact * max(1, other.fact_count))(*other.facts[: other.fact_count])
            earlier.append(Earlier(int(self.job.before[event]), 0, facts, other.fact_count))
        made.earlier, made.earlier_count = (Earlier * max(1, len(earlier)))(*earlier), len(earlier)
        return made


def walk(seed: int, folder: Path) -> dict[str, int]:
    """Every visit of a random population through the door and in a batch; how many were settled, in parts, and refused."""
    documents = book(seed)
    tables = population(seed, documents, persons=12, visits=90)
    # Natures by tag are for lines alone at the door.
    tags = {f"{tag}.{b}" for d in documents for tag in d.get("tags", ()) for b in NATURE_BUCKETS}
    tables["visits"] = [row for row in tables["visits"] if not tags & set(row)]
    known = {row.get("setl_id") for row in tables["visits"]}
    tables["lines"] = [line for line in tables.get("lines") or () if line["setl_id"] in known]
    kernel = Kernel(documents, tables["catalog"])
    given = {name: arrow(name, tables[name]) for name in TABLES if tables.get(name)}
    w = Window(kernel.engine, given)
    bare = Engine(kernel.engine.book, kernel.engine.catalog)
    door = Door(library(), bare.image(folder / f"{seed}.ybimage"))
    group = w.job.group_of_person
    states: dict[int, Any] = {}
    count = {"settled": 0, "parts": 0, "refused": 0}
    order = w.job.visit_of_event[w.job.order]
    for at in dict.fromkeys(order.tolist()):
        want = w.done[at]
        if want["outcome"] == "not_enrolled" or want["reason"] in ("unknown_person", "duplicate_setl_id"):
            continue  # whose row it is, and which ids others have, the caller of the door knows
        state = states.setdefault(int(group[w.job.psn[at]]), door.state())
        lines = [] if w.visits[at].get("refd_setl_flag") == "1" else w.own[at]
        found, _ = door.settle(state, w.asked(door, at), lines, state)
        if want["reason"] in LATE and found["reason"] in LATE:
            count["refused"] += 1
            continue
        names = [*door.columns, "outcome", "reason", "policy_id", "plan_id"]
        told = {n: (found[n], want[n] or type(found[n])()) for n in names} | {
            "flags": (found["flags"], want["flags"] & ~4)
        }
        assert {n: pair for n, pair in told.items() if pair[0] != pair[1]} == {}, (seed, at, w.visits[at])
        count["settled"] += want["outcome"] == "settled"
        count["parts"] += int(np.diff(w.job.event_begin)[at]) > 1
    kept = [PersonState.from_bytes(door.bytes_of(state)).state() for state in states.values()]
    assert set().union(*map(counters_of, kept)) == w.counters, seed
    door.close()
    return count


def test_made_plans_settle_as_a_batch(tmp_path: Path):
    total: dict[str, int] = {}
    for seed in range(SEEDS):
        for name, count in walk(seed, tmp_path).items():
            total[name] = total.get(name, 0) + count
    assert total["settled"] > 1_500 and total["parts"] > 10 and total["refused"] > 50
