"""Explaining: what is told is what the bulk run made, and a difference is told as one."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ybcore import messages
from ybcore.cli import main
from ybcore.cli.base import Session
from ybcore.cli.tables import Inputs, from_run
from ybcore.engine import Engine
from ybcore.explain import explain, group_of
from ybcore.policy import load_book
from ybcore.receipts.stored import Stored
from ybcore.report.story import proof, story

POLICY = """\
format: ybcore-policy/1
id: small
scheme: {id: small, region: "*", insutype: ["310"]}
effective: {from: 2024-01-01}
counters: {critical_base: {sum: [critical.base], period: year}}
accounts: {pay: last, mutual_aid: true}
plans:
  - id: inpatient
    when: {med_type: ["21"]}
    layers:
      - id: basic
        basic: true
        payer: hifp_pay
        cite: clause 8
        deductible: {amount: 1000}
        bands: {origin: including, steps: [{to: 10000, rate: 0.80}, {to: open, rate: 0.90}]}
        ceilings: [{on: fund, limit: 20000, per: year, scope: household}]
      - id: critical
        payer: hifmi_pay
        base: [deductible, copay, over_ceiling]
        deductible: {amount: 5000}
        bands: {origin: excess, steps: [{to: open, rate: 0.60}]}
        settle: delta_F
        accumulate: critical_base
"""


@pytest.fixture(autouse=True)
def chinese():
    messages.use("zh")
    yield
    messages.use("zh")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explain") / "run"
    assert main(["demo", "--visits", "600", "--seed", "9", "--out", str(folder), "-q", "--threads", "1"]) == 0
    return folder


def family() -> dict[str, pa.Table | None]:
    """Two people of one household, a third who pays for the second, a fourth who has nothing to do with them."""
    persons = [
        {"psn_no": "p1", "insutype": "310", "psn_type": "1101", "hsld_no": "h1", "balc": 0, "mulaid_psn_no": None},
        {"psn_no": "p2", "insutype": "310", "psn_type": "1101", "hsld_no": "h1", "balc": 1_000, "mulaid_psn_no": "p3"},
        {"psn_no": "p3", "insutype": "310", "psn_type": "1201", "hsld_no": "h3", "balc": 50_000, "mulaid_psn_no": None},
        {"psn_no": "p4", "insutype": "310", "psn_type": "1101", "hsld_no": "h4", "balc": 0, "mulaid_psn_no": None},
    ]
    visits = [
        {
            "setl_id": f"v{i}",
            "psn_no": f"p{psn}",
            "med_type": "21",
            "setl_time": f"2024-0{i}-01",
            "inscp_scp_amt": amount,
            "preselfpay_amt": 0,
        }
        for i, psn, amount in ((1, 1, 2_000_000), (2, 4, 500_000), (3, 2, 3_000_000), (4, 1, 900_000))
    ]
    return {
        "visits": pa.Table.from_pylist(visits),
        "lines": None,
        "persons": pa.Table.from_pylist(persons),
        "institutions": None,
        "acct_events": None,
    }


def test_group_follows_households_and_mutual_aid():
    group = group_of("v3", load_book(POLICY), family())
    assert group["persons"]["psn_no"].to_pylist() == ["p1", "p2", "p3"]
    assert group["visits"]["setl_id"].to_pylist() == ["v1", "v3", "v4"]


def test_story_of_a_ceiling_a_second_layer_and_an_account():
    """v1 took 7,200 + 9,000 = 16,200 of the household's 20,000; v3 would get 25,200 and gets 3,800."""
    book, tables = load_book(POLICY), family()
    bulk = Engine(book, threads=1).settle(**tables).visits
    told = explain("v3", book, tables, None, bulk)
    assert told.compared > 35 and not told.differences
    text = "\n".join(story(told))
    for figure in (
        "(1,000.00, 10,000.00] 9,000.00 × 80% = 7,200.00",
        "(10,000.00, 30,000.00] 20,000.00 × 90% = 18,000.00",
        "20,000.00（每年），已用 16,200.00: 25,200.00 → 3,800.00",
        "支付 3,800.00",
        "clause 8",
        "critical_base: 0.00 → 26,200.00",
        "支付 12,720.00",
        "个人账户 10.00",
        "共济账户 500.00",
    ):
        assert figure in text, f"{figure}\n{text}"
    assert "逐列相等" in proof(told)
    messages.use("en")
    english = "\n".join([*story(told), proof(told)])
    assert "deductible: standard 1,000.00 (each visit), due 1,000.00, taken 1,000.00" in english
    assert not any("\u4e00" <= c <= "\u9fff" for c in english)


def test_every_kind_of_outcome_is_explained_and_equal(run: Path):
    inputs, _ = from_run(run)
    session, book = Session(quiet=True), load_book(inputs.policy)
    tables, catalog = inputs.tables(session), inputs.catalog(session)
    bulk = pq.read_table(run / "settlements.parquet")
    rows = [row for row in bulk.to_pylist() if row["reason"] not in ("bad_value", "duplicate_setl_id")]
    chosen = random.Random(4).sample([row for row in rows if row["outcome"] == "settled"], 25)
    chosen += [row for row in rows if row["outcome"] != "settled" and row["outcome"] != "no_benefit"]
    chosen += [row for row in rows if row["medfee_sumamt"] < 0][:3]
    for row in chosen:
        told = explain(row["setl_id"], book, tables, catalog, bulk)
        assert not told.differences, (row["setl_id"], told.differences)
        assert len(story(told)) > 2
        with messages.speaking("en"):  # fullwidth signs belong to the Chinese text
            assert not any("\u4e00" <= c <= "\u9fff" or c in "：，；（）" for c in "\n".join(story(told))), row[
                "setl_id"
            ]


def test_command_proves_and_finds_differences(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    bulk = pq.read_table(run / "settlements.parquet")
    best = int(bulk["hifp_pay"].to_numpy().argmax())
    name = bulk["setl_id"][best].as_py()
    assert main(["explain", "--run", str(run), "--setl-id", name]) == 0
    assert "逐列相等（39 列）" in capsys.readouterr().out
    assert main(["explain", "--run", str(run), "--setl-id", name, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["row"]["hifp_pay"] == bulk["hifp_pay"][best].as_py() and data["differences"] == {}
    policies = [word for path in from_run(run)[0].policy for word in ("--policy", str(path))]
    assert main(["explain", "--input", str(run / "input"), *policies, "--setl-id", name, "--lang", "en"]) == 0
    assert "equals the bulk row" in capsys.readouterr().out

    forged = tmp_path / "forged"
    forged.mkdir()
    pay = bulk["hifp_pay"].to_pylist()
    pay[best] += 1
    pq.write_table(
        bulk.set_column(bulk.column_names.index("hifp_pay"), "hifp_pay", pa.array(pay)), forged / "settlements.parquet"
    )
    (forged / "receipt.json").write_bytes((run / "receipt.json").read_bytes())
    assert main(["explain", "--run", str(forged), "--setl-id", name, "--lang", "en"]) == 1
    assert f"hifp_pay: {pay[best] - 1} ≠ {pay[best]}" in capsys.readouterr().out


def test_what_cannot_be_explained_says_why(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["explain", "--run", str(run), "--setl-id", "nobody"]) == 1
    assert "nobody" in capsys.readouterr().err
    assert main(["explain", "--run", str(tmp_path), "--setl-id", "x"]) == 1
    assert "receipt.json" in capsys.readouterr().err


def test_csv_results_are_compared_too(run: Path, tmp_path: Path):
    policies = [word for path in from_run(run)[0].policy for word in ("--policy", str(path))]
    assert (
        main(
            [
                "settle",
                "--input",
                str(run / "input"),
                *policies,
                "--out",
                str(tmp_path),
                "--format",
                "csv",
                "--encoding",
                "gb18030",
                "-q",
                "--json",
            ]
        )
        == 0
    )
    bulk = pq.read_table(run / "settlements.parquet")
    paid = bulk["fund_pay_sumamt"].to_numpy()
    for row in (paid.argmax(), paid.argmin()):  # the second gives money back
        name = bulk["setl_id"][int(row)].as_py()
        assert main(["explain", "--run", str(tmp_path), "--setl-id", name]) == 0
    assert paid.min() < 0


def test_only_what_the_group_needs_is_read(run: Path, monkeypatch: pytest.MonkeyPatch):
    """No table is read whole; of lines that lie in many row groups, those with the person's lines."""
    inputs, _ = from_run(run)
    lines, kept = inputs.paths["lines"], inputs.paths["lines"].read_bytes()
    table = pq.read_table(lines)
    ids = table["setl_id"].to_pylist()
    pq.write_table(table.take(pa.array(sorted(range(len(ids)), key=ids.__getitem__))), lines, row_group_size=100)
    seen: list[tuple[str, tuple[int, int]]] = []
    whole = Stored.batches

    def batches(self: Stored, part: tuple[int, int], columns: object = None) -> object:
        seen.append((self.schema.name, part))
        return whole(self, part, columns)

    monkeypatch.setattr(Stored, "batches", batches)
    monkeypatch.setattr(Inputs, "tables", lambda *_: pytest.fail("read whole"))
    name = ids[0]
    try:
        assert main(["explain", "--run", str(run), "--setl-id", name, "--json"]) == 0
    finally:
        lines.write_bytes(kept)
    groups = {part for table, part in seen if table == "lines"}
    assert 0 < len(groups) < pq.ParquetFile(pa.BufferReader(kept)).metadata.num_rows / 100 / 2


def test_a_run_that_continued_another_is_explained_from_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Two runs with a state between them: v3 and v4 need what v1 took from the household's ceiling."""
    tables = family()
    policy = tmp_path / "small.yaml"
    policy.write_text(POLICY, encoding="utf-8")
    pq.write_table(tables["persons"], tmp_path / "persons.parquet")
    state: list[str] = []
    for name, start in (("first", 0), ("second", 2)):
        pq.write_table(tables["visits"].slice(start, 2), tmp_path / f"{name}.parquet")
        words = [
            "settle",
            "--policy",
            str(policy),
            "--visits",
            str(tmp_path / f"{name}.parquet"),
            "--persons",
            str(tmp_path / "persons.parquet"),
        ]
        assert main([*words, "--out", str(tmp_path / name), *state, "-q", "--json"]) == 0
        state = ["--state", str(tmp_path / name / "state")]
    capsys.readouterr()
    for setl_id in ("v1", "v3", "v4"):
        folder = tmp_path / ("first" if setl_id == "v1" else "second")
        assert main(["explain", "--run", str(folder), "--setl-id", setl_id]) == 0
    assert "已用 20,000.00" in capsys.readouterr().out
    (tmp_path / "first" / "receipt.json").unlink()
    assert main(["--lang", "en", "explain", "--run", str(tmp_path / "second"), "--setl-id", "v4"]) == 1
    assert "earlier visits cannot be found" in capsys.readouterr().err
