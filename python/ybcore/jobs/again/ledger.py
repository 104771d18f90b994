"""What the differences of all units come to: by institution, the ledger, the attribution, the scope."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pyarrow.parquet as pq

from ...ledger.attribution import of_worths, together
from ...ledger.deltas import institutions_of, ledger_of, merged_ledger, merged_sums
from ..journal import Journal
from ..parts import write_part
from .differ import Differing

__all__ = ["write_ledger"]


def write_ledger(journal: Journal, units: Sequence[Mapping[str, Any]], work: Differing, method: str) -> dict[str, Any]:
    """Write `delta_institutions`, `ledger_…` and `attribution`; (scope, attribution) in words."""
    institutions, payers, hospitals = [], [], []
    for unit in range(len(units)):
        note = journal.find("delta_visits", unit)
        assert note is not None
        visits = pq.read_table(journal.folder / note["path"])
        owed = ledger_of(visits)
        hospitals.append(institutions_of(visits))
        institutions.append(owed.institutions)
        payers.append(owed.payers)
        part = f"ledger_persons/part-{unit:05d}.parquet"
        journal.part("ledger_persons", unit, part, partial(write_part, owed.persons))
    whole = {
        "delta_institutions": merged_sums(hospitals, "fixmedins_code"),
        "ledger_institutions": merged_ledger(institutions),
        "ledger_payers": merged_ledger(payers),
    }
    told: dict[str, Any] = {"scope": _scope([unit["scope"] for unit in units], work), "attribution": None}
    if method != "none":
        worths = together({tuple(which): worth for which, worth in unit["worths"]} for unit in units)
        found = of_worths(worths, [change.reason for change in work.changes], method)
        whole["attribution"] = found.rows
        told["attribution"] = {"method": method, "orders": found.orders, "left_out": found.left_out}
    for name, table in whole.items():
        journal.part(name, 0, f"{name}/part-00000.parquet", partial(write_part, table))
    return told


def _scope(units: Sequence[Mapping[str, Any]], work: Differing) -> dict[str, Any]:
    """How much was settled again, out of how much, and why."""
    out: dict[str, Any] = {name: sum(unit[name] for unit in units) for name in ("groups", "persons", "visits")}
    why: dict[str, dict[str, int]] = {}
    for unit in units:
        for reason, counts in unit["why"].items():
            held = why.setdefault(reason, dict.fromkeys(counts, 0))
            for name, count in counts.items():
                held[name] += count
    reach = work.plan.reach
    index, fresh = reach.index, reach.fresh
    others = reach.others
    came = sum(read.parts["visits"].num_rows for read in work.reads if "visits" in read.parts)
    return {
        "groups": out["groups"], "of_groups": out["groups"] + others, "persons": out["persons"], "of_persons": len(index.people) + fresh,
        "visits": out["visits"], "of_visits": index.visits + came, "why": why,
    }  # fmt: skip
