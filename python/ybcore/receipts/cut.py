"""The rows of some people, and of everybody who must be settled with them, out of tables in files."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from .opening import Opening
from .stored import Stored

__all__ = ["Chosen", "closed", "cut"]

IDS = ("setl_id", "psn_no", "init_setl_id", "hsld_no", "mulaid_psn_no")


@dataclass
class Chosen:
    """Who is looked at: persons, settlements that are named beside (of nobody, say), and the households that join them."""

    people: set[Any] = field(default_factory=set)
    ids: set[Any] = field(default_factory=set)
    houses: set[Any] = field(default_factory=set)

    @property
    def size(self) -> int:
        """How many names there are."""
        return len(self.people) + len(self.ids) + len(self.houses)

    def add(self, table: pa.Table, shares: tuple[bool, bool]) -> None:
        """Everything that rows name."""
        names = [("psn_no", self.people), ("setl_id", self.ids), ("init_setl_id", self.ids)]
        names += [("hsld_no", self.houses)] if shares[0] else []
        names += [("mulaid_psn_no", self.people)] if shares[1] else []
        for name, into in names:
            if name in table.column_names:
                into.update(v for v in table[name].unique().to_pylist() if v is not None and v != "")


def closed(
    chosen: Chosen,
    visits: Sequence[Stored],
    persons: Stored | None,
    shares: tuple[bool, bool],
    opening: Opening | None = None,
    threads: int = 1,
) -> Chosen:
    """With everybody in their settling groups, and who first had a settlement that theirs repeat or reverse.

    `visits`: of one run or of several; `shares`: whether people are joined (by household, by mutual aid). Ids are read until nobody comes.
    """
    known = -1
    while known != chosen.size:
        known = chosen.size
        keys: dict[str, Collection[Any]] = {"psn_no": chosen.people}
        if shares[0]:
            keys["hsld_no"] = chosen.houses
        if shares[1]:
            keys["mulaid_psn_no"] = chosen.people
        for table, more in [*((t, {"setl_id": chosen.ids}) for t in visits), *([(persons, {})] if persons else [])]:
            chosen.add(table.where({**keys, **more}, IDS, threads), shares)
        if opening is not None:
            opening.add_to(chosen.people, chosen.ids, chosen.houses)
    return chosen


def cut(
    tables: dict[str, Stored], chosen: Chosen, threads: int = 1, source: bool = False
) -> dict[str, pa.Table | None]:
    """The tables of a settlement, with the rows of these people only; institutions and doctors whole. `source`: visits, and what names them, tell where they lie."""
    keys: dict[str, dict[str, Collection[Any]]] = {
        "visits": {"psn_no": chosen.people, "setl_id": chosen.ids},
        "lines": {"setl_id": chosen.ids},
        "persons": {"psn_no": chosen.people},
        "acct_events": {"psn_no": chosen.people},
    }
    out: dict[str, pa.Table | None] = dict.fromkeys((*keys, "institutions"))
    of_visits = [name for name in ("diagnoses", "operations", "labs") if name in tables]
    keys |= dict.fromkeys(of_visits, keys["lines"])
    out |= dict.fromkeys([*of_visits, *(["doctors"] if "doctors" in tables else [])])
    for name in out:
        table = tables.get(name)
        if table is not None and name in keys:
            lie = source and name in ("visits", "lines", *of_visits)
            out[name] = table.where(keys[name], threads=threads, source=lie)
        elif table is not None:
            out[name] = table.whole()
    return out
