"""ybcore one visit at a time: `Engine.settle_one`, a person's state carried from call to call."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..job import Job
from . import ybcore_reference
from .ybcore_bulk import OF, POLICY, catalog, version

__all__ = ["CANNOT", "NAME", "SAMPLE", "THREADS", "prepare", "version"]

NAME = "ybcore_single"
THREADS = (1,)
SAMPLE = 400
#: Columns that the row of one visit does not hold (they come from layer detail and counters).
CANNOT = ("seg_calc", "acc_basic", "acc_large", "acc_burden")


def prepare(job: Job, threads: int) -> Callable[[], dict[str, np.ndarray]]:
    from ybcore.engine import Engine

    engine = Engine(POLICY, catalog(job), threads=1)
    given = ybcore_reference.tables(job)
    visits = [visit | {"setl_time": np.datetime64(visit["setl_time"], "s").item()} for visit in given["visits"]]
    lines: list[list[dict]] = [[] for _ in visits]
    for line in given["lines"]:
        day = np.datetime64(line["fee_ocur_time"], "D").item()
        lines[line["setl_id"]].append({**line, "fee_ocur_time": day})
    # One row of persons a call: what a window knows is the patient.
    persons = given["persons"]
    order = np.lexsort((np.arange(job.visits), job.date, job.person)).tolist()

    def run() -> dict[str, np.ndarray]:
        out = {own: np.zeros(job.visits, np.int64) for own in OF}
        state, who = None, ""
        for i in order:
            visit = visits[i]
            if visit["psn_no"] != who:
                state, who = None, visit["psn_no"]
            one = engine.settle_one(visit, lines[i], persons[int(who)], state)
            state = one.state
            for own, name in OF.items():
                out[own][i] = one.result[name]
        return out

    return run
