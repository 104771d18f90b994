"""The public call: raw tables with text ids in, findings and details out; reading, numbering, netting, order and names are all in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..rules import COLUMNS, VISIT_WINDOWS, Workload
from .ybcore_kernel import version

__all__ = ["THREADS", "columns", "prepare", "version"]

THREADS = (1, 2)


def prepare(town: Any, workload: Workload, threads: int) -> Callable[[], Any]:
    import ybcore

    book, tables, catalog = ybcore.load_rules(workload.document), town.tables(dirty=True), town.catalog

    def run() -> Any:
        report = ybcore.check(**tables, rules=book, catalog=catalog, threads=threads)
        return report.findings, report.details

    return run


def columns(town: Any, workload: Workload, done: Any) -> dict[str, np.ndarray]:
    """The offending rows, by their place among the prepared columns."""
    import pyarrow as pa
    import pyarrow.compute as pc

    findings, details = done
    details = details.filter(pc.equal(details["vola_item_type"], 1))
    of = pc.index_in(details["jr_id"], value_set=findings["jr_id"].combine_chunks()).to_numpy()
    ready = town.ready
    if workload.on == "lines":
        raw, place = details["row"].to_numpy(), ready.lines["row"]
    else:
        ids = town.table("visits")["setl_id"]
        ids = ids.cast(pa.large_string()) if not pa.types.is_large_string(ids.type) else ids
        raw = pc.index_in(details["setl_id"].cast(pa.large_string()), value_set=ids.combine_chunks()).to_numpy()
        place = ready.visits["row"]
    back = np.full(int(place.max(initial=-1)) + 1, -1, np.int64)
    back[place] = np.arange(len(place))
    names = findings["rule_id"].to_pylist()
    order = {rule["id"]: i for i, rule in enumerate(workload.document["rules"])}
    if workload.name == "pairs":
        rule = findings["table_row"].to_numpy()
    elif workload.name == "window_visits":
        rule = _windows(findings)
    else:
        rule = np.array([order[name] for name in names], np.int64)
    excess = details["cnt"].fill_null(0).to_numpy()
    cells = (back[raw], rule[of], findings["measure"].to_numpy()[of], excess, details["vola_amt"].to_numpy())
    return {name: np.asarray(cell) for name, cell in zip(COLUMNS, cells)}


def _windows(findings: Any) -> np.ndarray:
    """Which window a finding is of, by its length."""
    length = (findings["end"].to_numpy() - findings["begin"].to_numpy()) // 86_400_000_000
    return np.array([[days for days, _ in VISIT_WINDOWS].index(n) for n in length.tolist()], np.int64)
