"""A run settled another way: another rounding profile, another order rule, ties the other way round."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..columns.ids import flat
from ..columns.keys import ids_of
from ..engine import Engine
from ..policy import Book, load_policy
from .run import Run

__all__ = ["MODES", "ORDERS", "PLACES", "UNITS", "Variant", "order_of", "settled"]

PLACES = ("line", "class", "deductible", "band", "layer", "end")
MODES = ("half_up", "half_even", "down", "up")
UNITS = ("fen", "jiao", "yuan", "exact")
ORDERS = ("settlement", "discharge")
Profile = Mapping[str, Any]


@dataclass(frozen=True)
class Variant:
    """What is settled otherwise. `profile`: rounding place → {to, mode}, what is not named stays; `order`: None is that of the book."""

    profile: Profile = field(default_factory=dict)
    order: str | None = None
    reversed_ties: bool = False

    def __str__(self) -> str:
        parts = [f"{place}: {_words(rule)}" for place, rule in self.profile.items()]
        return ", ".join(parts) or "as documented"


def _words(rule: Any) -> str:
    return " ".join(rule[name] for name in ("to", "mode") if name in rule) if isinstance(rule, Mapping) else str(rule)


def order_of(engine: Engine) -> str:
    """The order rule of the book."""
    return str(engine.book.policies[0].model.dates.order)


def _rounding(document: dict[str, Any], profile: Profile, model: Any) -> dict[str, Any]:
    """Rounding of a document with every place written out, then what the profile says."""
    own = {
        place: {"to": getattr(model, place if place != "class" else "class_").to, "mode": getattr(model, place if place != "class" else "class_").mode}
        for place in PLACES
    }  # fmt: skip
    if "mode" in profile:
        for rule in own.values():
            rule["mode"] = profile["mode"]
    for place, rule in profile.items():
        if place != "mode":
            own[place] = {**own.get(place, {}), **(rule if isinstance(rule, Mapping) else {"to": rule})}
    return {**own}


def engine_of(engine: Engine, variant: Variant) -> Engine:
    """The engine of a variant. Raises DocumentError where a document refuses it."""
    if not variant.profile and variant.order in (None, order_of(engine)):
        return engine
    policies = []
    for policy in engine.book.policies:
        document = policy.doc
        if variant.profile:
            document["rounding"] = _rounding(document, variant.profile, policy.model.rounding)
        if variant.order is not None:
            document["dates"] = {**(document.get("dates") or {}), "order": variant.order}
        policies.append(load_policy(document))
    return Engine(Book(policies), engine.catalog, threads=engine.threads)


def settled(run: Run, variant: Variant, columns: Collection[str] | None = None) -> pa.Table:
    """Visits of the run under a variant, in the order of its table."""
    tables = reversed_ties(run) if variant.reversed_ties else run.tables
    engine = engine_of(run.engine, variant)
    return engine.settle(**tables, state=run.state, closing_state=False, receipt=False, columns=columns).visits


def reversed_ties(run: Run) -> dict[str, pa.Table]:
    """The tables with ids renamed so that they sort backwards, reversals behind the others."""
    tables = dict(run.tables)
    visits = tables["visits"]
    ids = flat(ids_of(visits, "setl_id"))
    earlier = set() if run.state is None else set(run.state.setl_ids())
    own = [one for one in dict.fromkeys(ids.to_pylist()) if one is not None and one not in earlier]
    whole = pa.types.is_integer(ids.type)
    flag = visits["refd_setl_flag"] if "refd_setl_flag" in visits.column_names else pa.nulls(visits.num_rows)
    back = {one for one, mark in zip(ids.to_pylist(), flag.to_pylist()) if str(mark) in ("1", "True")}
    own.sort(key=(lambda one: one) if whole else (lambda one: str(one).encode()), reverse=True)
    own.sort(key=lambda one: one in back)
    top = 0
    if whole:
        top = max([0, *(i for i in own), *(i for i in earlier)]) + 1
    prefix = "~"
    while not whole and any(str(one).startswith(prefix) for one in earlier):
        prefix += "~"
    names: dict[Any, Any] = {one: top + rank if whole else f"{prefix}{rank:012d}" for rank, one in enumerate(own)}

    def renamed(table: pa.Table, name: str) -> pa.Table:
        if name not in table.column_names:
            return table
        old = flat(ids_of(table, name, ids.type))
        new = pa.array([names.get(one, one) for one in old.to_pylist()], old.type)
        return table.set_column(table.column_names.index(name), name, new)

    tables["visits"] = renamed(renamed(visits, "setl_id"), "init_setl_id")
    if "lines" in tables:
        tables["lines"] = renamed(tables["lines"], "setl_id")
    return tables


def part_of(run: Run, rows: npt.NDArray[np.int64]) -> Run:
    """Some visits of a run with their lines, and the rows of whoever is settled together with them."""
    tables, index = dict(run.tables), run.index(run.engine.shares)
    tables["visits"] = tables["visits"].take(pa.array(rows))
    mine = np.zeros(index.groups + 1, bool)
    mine[index.visit_group[rows]] = True
    for name, node in (("persons", index.person_node), ("acct_events", index.event_node)):
        if name in tables:
            group = index.group[np.maximum(node, 0)] if index.nodes else np.zeros(0, np.int32)
            tables[name] = tables[name].filter(pa.array(mine[np.where(node >= 0, group, -1)]))
    if "lines" in tables:
        lines, _ = index.lines_of(rows)
        tables["lines"] = tables["lines"].take(pa.array(lines))
    return Run(run.engine, **tables, state=run.state)
