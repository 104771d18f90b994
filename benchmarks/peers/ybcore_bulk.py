"""ybcore itself: one_scheme/policy.yaml through the public engine, columns as a hospital's tables would hold them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ..job import COLUMNS, NEW_YEAR, Job

NAME = "ybcore"
THREADS = (1, 2)
POLICY = Path(__file__).resolve().parent.parent / "one_scheme/policy.yaml"
OF = {
    "total": "medfee_sumamt", "full_self": "fulamt_ownpay_amt", "over_limit": "overlmt_selfpay", "first_pay": "preselfpay_amt",
    "in_scope": "inscp_scp_amt", "deductible": "act_pay_dedc", "basic_pay": "hifp_pay", "large_pay": "hifob_pay", "cat_pay": "hifmi_pay",
    "acct_pay": "acct_pay", "cash": "psn_cash_pay", "acct_bal": "balc",
}  # fmt: skip
# Sixteen columns as everybody writes them: the counters after a visit, which the proof takes from the layers, are four others here.
ASKED = (*OF.values(), "cut_fund", "fund_pay_sumamt", "psn_part_amt", "burden_copay")
CLASSES, CATEGORIES, LEVELS = ["01", "02", "03"], ["11", "12", "13"], ["1", "2", "3"]


def version() -> str:
    import ybcore

    return f"ybcore {ybcore.__version__}"


def words(index: Any, texts: list[str]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(np.asarray(index, np.int32)), pa.array(texts))


def dates(days: Any) -> pa.Array:
    return pa.array(np.asarray(days, np.int32), pa.date32())


def code(item: int) -> str:
    return f"X{item:022d}"


def catalog(job: Job) -> Any:
    from ybcore.catalog import Catalog

    names = [code(i) for i in range(job.items)]
    items = {
        "med_list_codg": words(job.v_item, names), "chrgitm_lv": words(job.v_class, CLASSES),
        "selfpay_prop": pa.array(job.v_ratio.astype(np.int64) * 100), "begndate": dates(job.v_from), "enddate": dates(job.v_to),
    }  # fmt: skip
    has = job.v_ceil >= 0
    caps = {
        "med_list_codg": words(job.v_item[has], names), "hilist_pric_uplmt_amt": pa.array(job.v_ceil[has] * 10_000),
        "begndate": dates(job.v_from[has]), "enddate": dates(job.v_to[has]),
    }  # fmt: skip
    return Catalog(pa.table(items), None, pa.table(caps))


def tables(job: Job) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Visits, lines and persons: dictionary-encoded codes, dates, fen."""
    visits = {
        "setl_id": pa.array(np.arange(job.visits)), "psn_no": pa.array(job.person.astype(np.int64)), "med_type": words(job.kind, ["11", "21"]),
        "setl_time": pa.array(job.date.astype(np.int64) * 86_400_000_000, pa.timestamp("us")), "dedc_hosp_lv": words(job.tier, LEVELS),
    }  # fmt: skip
    lines = {
        "med_list_codg": words(job.item, [code(i) for i in range(job.items)]), "fee_ocur_time": dates(job.ldate),
        "cnt": pa.array(job.qty.astype(np.int64) * 10), "det_item_fee_sumamt": pa.array(job.amount),
    }  # fmt: skip
    people = len(job.cat)
    persons = {
        "psn_no": pa.array(np.arange(people)), "insutype": words(np.zeros(people), ["310"]), "psn_type": words(job.cat, CATEGORIES),
        "insuplc_admdvs": words(np.zeros(people), ["110000"]), "balc": pa.array(job.acct0),
    }  # fmt: skip
    return visits, lines, persons


def buffers(columns: Any) -> list[Any]:
    chunks = [chunk for column in columns for chunk in pa.chunked_array(column).chunks]
    return [buffer for chunk in chunks for buffer in chunk.buffers() if buffer is not None]


def own_bytes(job: Job, done: Any) -> tuple[int, int]:
    """Bytes of the inputs as ybcore reads them and of the columns it writes; the zeros that several columns share are not written."""
    visits, lines, persons = tables(job)
    given = buffers(column for table in (visits, lines, persons) for column in table.values())
    out = buffers(done.visits[name] for name in done.visits.column_names if name not in visits)
    times = Counter(buffer.address for buffer in out)
    return job.off.nbytes + sum(b.size for b in given), sum(b.size for b in out if times[b.address] == 1)


def prepare(job: Job, threads: int) -> Callable[[], Any]:
    from ybcore.engine import Engine

    engine = Engine(POLICY, catalog(job), threads=threads)
    visits, lines, persons = tables(job)
    quiet: dict[str, Any] = {"closing_state": False, "receipt": False, "columns": ASKED}
    return lambda: engine.settle(visits, lines, persons, line_offsets=job.off, **quiet)


def proof(job: Job, threads: int) -> dict[str, np.ndarray]:
    """The sixteen columns, from the result and the layers' own rows."""
    from ybcore.engine import Engine

    visits, lines, persons = tables(job)
    engine = Engine(POLICY, catalog(job), threads=threads)
    done = engine.settle(visits, lines, persons, line_offsets=job.off, closing_state=False, receipt=False, detail=True)
    return columns(job, done)


def confirm(proof: dict[str, np.ndarray], done: Any) -> None:
    """What is timed gives the proven columns."""
    for own, name in OF.items():
        if not np.array_equal(proof[own], done.visits[name].to_numpy()):
            raise AssertionError(f"{name} of the timed run is not {own} of the proven one")


def columns(job: Job, done: Any) -> dict[str, np.ndarray]:
    """Counters after a visit are running sums, in settling order, of what the visit put into them."""
    out = {own: done.visits[name].to_numpy() for own, name in OF.items()}
    detail, n = done.detail, job.visits
    layer, row = detail["layer"].cast(pa.string()).to_numpy(zero_copy_only=False), detail["setl_id"].to_numpy()
    basic, critical = layer == "basic", layer == "critical"
    out["seg_calc"], burden = np.zeros(n, np.int64), np.zeros(n, np.int64)
    out["seg_calc"][row[basic]] = (detail["pay"].to_numpy() + detail["cut_fund"].to_numpy())[basic]
    burden[row[critical]] = detail["base"].to_numpy()[critical]
    order = np.argsort((job.person.astype(np.int64) << 32) | job.date.astype(np.int64), kind="stable")
    group = (job.person.astype(np.int64) * 2 + (job.date >= NEW_YEAR))[order]
    start = np.flatnonzero(np.append(True, group[1:] != group[:-1])[: len(group)])
    size = np.diff(np.append(start, len(group)))
    for name, x in (("acc_basic", out["basic_pay"]), ("acc_large", out["large_pay"]), ("acc_burden", burden)):
        run = np.cumsum(x[order])
        out[name] = np.empty(n, np.int64)
        out[name][order] = run - np.repeat(run[start] - x[order][start], size)
    return {name: out[name] for name in COLUMNS}
