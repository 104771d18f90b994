"""How long a year takes from NumPy columns: `python benchmarks/numpy_columns.py [--visits 2000000] [--threads 1]`.

Visits in random order, ten lines each grouped by visit, one person to eight visits, 200,000 catalogue items met by Zipf, the shipped
Beijing employee document. Prints seconds, visits a second and the peak memory of the process, inputs included.
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from ybcore.catalog import Catalog
from ybcore.engine import Engine

POLICY = Path(__file__).resolve().parent.parent / "data/policies/beijing-employee"
ITEMS = 200_000


def codes(index: np.ndarray, texts: list[str]) -> pa.DictionaryArray:
    """A dictionary column."""
    return pa.DictionaryArray.from_arrays(pa.array(index.astype(np.int32)), pa.array(texts))


def catalog(rng: np.random.Generator) -> Catalog:
    names = [f"X{i:022d}" for i in range(ITEMS)]
    capped = np.sort(rng.choice(ITEMS, ITEMS // 10, replace=False))
    items = pa.table(
        {"med_list_codg": names, "chrgitm_lv": codes(rng.choice(3, ITEMS, p=[0.4, 0.5, 0.1]), ["01", "02", "03"])}
    )
    selfpay = pa.table({"med_list_codg": names, "selfpay_prop": pa.array(rng.integers(0, 5, ITEMS) * 50_000)})
    caps = pa.table(
        {
            "med_list_codg": [names[i] for i in capped],
            "hilist_pric_uplmt_amt": pa.array(rng.integers(1, 10_000, len(capped)) * 10_000),
        }
    )
    return Catalog(items, selfpay, caps)


def tables(rng: np.random.Generator, n: int) -> tuple[dict, dict, dict, np.ndarray]:
    """Visits, lines, persons and line offsets."""
    people, day = max(1, n // 8), rng.integers(19_723, 20_088, n)
    moment = (day * 86_400 + rng.integers(0, 86_400, n)) * 1_000_000
    visits = {
        "setl_id": np.arange(n),
        "psn_no": rng.integers(0, people, n),
        "med_type": codes(rng.random(n) < 0.12, ["11", "21"]),
        "setl_time": pa.array(moment, pa.timestamp("us")),
        "dedc_hosp_lv": codes(rng.integers(0, 3, n), ["1", "2", "3"]),
    }
    persons = {
        "psn_no": np.arange(people),
        "insutype": codes(np.zeros(people), ["310"]),
        "psn_type": codes(rng.integers(0, 2, people), ["11", "12"]),
        "insuplc_admdvs": codes(np.zeros(people), ["110000"]),
        "brdy": pa.array(rng.integers(-7_000, 12_000, people), pa.int32()).cast(pa.date32()),
    }
    lines = {
        "med_list_codg": codes(np.minimum(rng.zipf(1.2, n * 10) - 1, ITEMS - 1), [f"X{i:022d}" for i in range(ITEMS)]),
        "cnt": rng.integers(1, 10, n * 10) * 10_000,
        "det_item_fee_sumamt": rng.integers(100, 50_000, n * 10),
        "fee_ocur_time": pa.array(np.repeat(day, 10).astype(np.int32)).cast(pa.date32()),
    }
    return visits, lines, persons, np.arange(0, n * 10 + 1, 10)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--visits", type=int, default=2_000_000)
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    rng = np.random.default_rng(1)
    engine = Engine(POLICY, catalog(rng), threads=asked.threads)
    visits, lines, persons, offsets = tables(rng, asked.visits)
    began = time.perf_counter()
    done = engine.settle(visits, lines, persons, line_offsets=offsets, closing_state=False)
    seconds = time.perf_counter() - began
    outcomes = done.receipt["counts"]["outcomes"]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{asked.visits:,} visits, {asked.visits * 10:,} lines, {asked.threads} threads: {seconds:.2f} s, {asked.visits / seconds:,.0f} visits/s"
    )
    print(f"peak memory, inputs included: {peak:.2f} GiB; outcomes {outcomes}")


if __name__ == "__main__":
    main()
