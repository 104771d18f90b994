"""A job settled again whose files have more columns than its documents read, and people whom only visits know."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from jobs_small import plain, result
from ybcore import Catalog, Engine, io
from ybcore.jobs.again.job import resettle_job
from ybcore.jobs.budget import Budget
from ybcore.jobs.document import load_job
from ybcore.jobs.job import run_job
from ybcore.ledger import Run, resettle
from ybcore.ledger.document import load_changes

PLAIN = """\
format: ybcore-policy/1
id: one
scheme: {id: one, region: "*", insutype: ["310"]}
effective: {from: 2020-01-01}
plans:
  - {id: everything, layers: [{id: basic, basic: true, payer: hifp_pay, deductible: {amount: 300, repeat: cumulative, period: year}, rate: 0.8}]}
"""
BY_VILLAGE = PLAIN.replace("plans:", "attributes: {village: {table: visits}}\nplans:").replace(
    "rate: 0.8", "rate: {by: village, far: 0.9, else: 0.8}"
)


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody in a unit of their own."""
    monkeypatch.setattr(Budget, "unit_visits", property(lambda self: 1))


def bills(*rows: tuple[str, str, str, str]) -> pa.Table:
    """(settlement, person, day, village): 1000 yuan in scope each."""
    names = ("setl_id", "psn_no", "setl_time", "village")
    told = {name: pa.array(cells, pa.string()) for name, cells in zip(names, zip(*rows))}
    rest = {"insutype": pa.array(["310"] * len(rows)), "med_type": pa.array(["11"] * len(rows))}
    return pa.table({**told, **rest, "inscp_scp_amt": pa.array([100_000] * len(rows), pa.int64())})


def settled(
    folder: Path, changes: list[dict[str, Any]], persons: dict[str, list[Any]] | None, lines: pa.Table | None = None
) -> tuple[Any, Any]:
    """What changes come to: (of a job, of one run in memory), as rows of `delta_visits`."""
    tables = {"visits": bills(("A", "P1", "2024-03-01", "far"), ("B", "P2", "2024-03-02", "near"), ("C", "P3", "2024-03-03", "far"))}  # fmt: skip
    if persons is not None:
        tables["persons"] = pa.table(persons)
    if lines is not None:
        tables["visits"] = tables["visits"].drop_columns(["inscp_scp_amt"])
        tables["lines"] = lines
    for name, table in tables.items():
        io.write_table(table, folder / f"{name}.parquet")
    (folder / "p.yaml").write_text(PLAIN, encoding="utf-8")
    (folder / "catalog").mkdir()
    (folder / "village.yaml").write_text(BY_VILLAGE, encoding="utf-8")
    named = [{"label": {"zh": "改", "en": "changed"}, **change} for change in changes]
    document = {"format": "ybcore-changes/1", "id": "c", "name": {"zh": "改", "en": "changed"}, "changes": named}
    (folder / "c.yaml").write_text(json.dumps(document), encoding="utf-8")
    job = {"ybcore": "job/1", "policy": ["p.yaml"], "catalog": "catalog", "inputs": {name: f"{name}.parquet" for name in tables}, "output": "out"}  # fmt: skip
    io.write_table(
        pa.table({"med_list_codg": ["I"], "chrgitm_lv": ["01"], "selfpay_prop": [0]}), folder / "catalog/items.parquet"
    )
    (folder / "job.yaml").write_text(json.dumps(job), encoding="utf-8")
    run_job(load_job(folder / "job.yaml"))
    asked = load_changes(folder / "c.yaml")
    resettle_job(folder / "out", asked, folder / "again", memory=4 << 30, threads=1)
    run = Run(Engine(PLAIN, Catalog.load(folder / "catalog"), threads=1), **tables)
    rows = plain(result(folder / "again", "delta_visits")).to_pylist(), plain(resettle(run, asked.changes(run)).deltas.visits).to_pylist()  # fmt: skip
    return tuple(sorted(one, key=lambda row: row["setl_id"]) for one in rows)


def test_a_new_document_reads_a_column_that_none_read_before(tmp_path: Path):
    """700 of 1000 yuan after the deductible: the fund pays 80 % = 560; from afar 90 % = 630. The late claim has the column too."""
    io.write_table(bills(("D", "P4", "2024-05-01", "far")), tmp_path / "late.parquet")
    changes = [
        {"kind": "late_claims", "visits": "late.parquet"},
        {"kind": "policy", "policy": ["village.yaml"]},
    ]
    job, memory = settled(tmp_path, changes, None)
    assert job == memory
    assert [(row["setl_id"], row["hifp_pay"]) for row in job] == [("A", 7_000), ("C", 7_000), ("D", 63_000)]
    kept = [io.read_table(path) for path in sorted((tmp_path / "again/input/visits").glob("*.parquet"))]
    assert [table["village"].to_pylist() for table in kept] == [["far"], ["far", "near", "far"]]


def test_a_person_whom_only_visits_know_is_enrolled_late(tmp_path: Path):
    """P3 had no row and was refused; then the fund pays 560. The unit of P3 has nobody else."""
    more = {"psn_no": ["P3"], "insutype": ["310"], "psn_type": ["11"]}
    io.write_table(pa.table(more), tmp_path / "more.parquet")
    known = {"psn_no": ["P1", "P2"], "insutype": ["310"] * 2, "psn_type": ["11"] * 2}
    job, memory = settled(tmp_path, [{"kind": "persons", "rows": "more.parquet"}], known)
    assert job == memory
    assert [(row["setl_id"], row["outcome_before"], row["hifp_pay"]) for row in job] == [("C", "rejected", 56_000)]


def test_a_doctor_is_struck_off(tmp_path: Path):
    """From 2 March nothing that D1 ordered is paid: in B the whole line of 1000, in C 500 of two lines, in A nothing.

    The fund paid 80 % of 1000 - 300 for each; B has nothing left, C 80 % of 500 - 300 = 160.
    """
    bill = {
        "setl_id": ["A", "B", "C", "C"],
        "feedetl_sn": ["1", "1", "1", "2"],
        "med_list_codg": ["I"] * 4,
        "bilg_dr_codg": ["D1", "D1", "D2", "D1"],
        "fee_ocur_time": ["2024-03-01", "2024-03-02", "2024-03-03", None],
    }
    lines = pa.table({**bill, "det_item_fee_sumamt": pa.array([100_000, 100_000, 50_000, 50_000], pa.int64())})
    (tmp_path / "doctors.csv").write_text("dr_code,begndate\nD1,2024-03-02\nD9,2020-01-01\n", encoding="utf-8")
    job, memory = settled(tmp_path, [{"kind": "struck_off", "rows": "doctors.csv"}], None, lines)
    assert job == memory
    assert [(row["setl_id"], row["reason"], row["hifp_pay"]) for row in job] == [("B", "denied_line", -56_000), ("C", "denied_line", -40_000)]  # fmt: skip
    (kept,) = [io.read_table(path) for path in (tmp_path / "again/input/lines").glob("lines.parquet")]
    assert [str(cell) for cell in kept["deny_flag"].to_pylist()] == ["None", "1", "None", "1"]
    told = json.loads((tmp_path / "again/receipt.json").read_text(encoding="utf-8"))["resettlement"]["scope"]
    assert (told["persons"], told["visits"]) == (2, 2)
