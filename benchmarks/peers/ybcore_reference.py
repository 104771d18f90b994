"""ybcore's reference, the judge in plain Python: the same policy document over rows."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from ..job import COLUMNS, NEW_YEAR, Job
from .ybcore_bulk import CATEGORIES, CLASSES, LEVELS, OF, POLICY, code

NAME = "reference"
THREADS = (1,)
SAMPLE = 8_000


def version() -> str:
    import ybcore

    return f"ybcore {ybcore.__version__}, CPython {sys.version.split()[0]}"


def tables(job: Job) -> dict[str, Any]:
    j = {name: getattr(job, name).tolist() for name in Job.__dataclass_fields__ if name != "items"}
    visits = [
        {"setl_id": i, "psn_no": str(j["person"][i]), "med_type": ("11", "21")[j["kind"][i]], "setl_time": j["date"][i] * 86_400,
         "dedc_hosp_lv": LEVELS[j["tier"][i]]} for i in range(job.visits)
    ]  # fmt: skip
    lines = [
        {"setl_id": i, "med_list_codg": code(j["item"][k]), "fee_ocur_time": j["ldate"][k], "cnt": j["qty"][k] * 10,
         "det_item_fee_sumamt": j["amount"][k]} for i in range(job.visits) for k in range(j["off"][i], j["off"][i + 1])
    ]  # fmt: skip
    persons = [
        {
            "psn_no": str(q),
            "insutype": "310",
            "psn_type": CATEGORIES[j["cat"][q]],
            "insuplc_admdvs": "110000",
            "balc": j["acct0"][q],
        }
        for q in range(len(job.cat))
    ]
    used = set(j["item"])
    mine = [v for v in range(len(job.v_item)) if j["v_item"][v] in used]
    dates = [{"med_list_codg": code(j["v_item"][v]), "begndate": j["v_from"][v], "enddate": j["v_to"][v]} for v in mine]
    items = [
        d | {"chrgitm_lv": CLASSES[j["v_class"][v]], "selfpay_prop": j["v_ratio"][v] * 100} for d, v in zip(dates, mine)
    ]
    caps = [d | {"hilist_pric_uplmt_amt": j["v_ceil"][v] * 10_000} for d, v in zip(dates, mine) if j["v_ceil"][v] >= 0]
    return {
        "visits": visits,
        "lines": lines,
        "persons": persons,
        "catalog": {"items": items, "selfpay": [], "caps": caps},
    }


def prepare(job: Job, threads: int) -> Callable[[], dict[str, np.ndarray]]:
    from ybcore import reference
    from ybcore.policy import load_policy

    documents, given = [load_policy(POLICY).doc], tables(job)
    return lambda: columns(job, reference.settle(documents, **given))


def columns(job: Job, done: Any) -> dict[str, np.ndarray]:
    out = {own: np.array([row[name] for row in done.rows], np.int64) for own, name in OF.items()}
    added = {"seg_calc": [0] * job.visits, "burden": [0] * job.visits}
    for row in done.detail:
        if row["layer"] == "basic":
            added["seg_calc"][row["setl_id"]] = row["pay"] + row["cut_fund"]
        elif row["layer"] == "critical":
            added["burden"][row["setl_id"]] = row["base"]
    out["seg_calc"] = np.array(added["seg_calc"], np.int64)
    own = (
        ("acc_basic", out["basic_pay"].tolist()),
        ("acc_large", out["large_pay"].tolist()),
        ("acc_burden", added["burden"]),
    )
    person, date = job.person.tolist(), job.date.tolist()
    order = sorted(range(job.visits), key=lambda i: (person[i], date[i], i))
    for name, put in own:
        state: dict[tuple[int, bool], int] = {}
        held = [0] * job.visits
        for i in order:
            who = person[i], date[i] >= NEW_YEAR
            state[who] = held[i] = state.get(who, 0) + put[i]
        out[name] = np.array(held, np.int64)
    return {name: out[name] for name in COLUMNS}
