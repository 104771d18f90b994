"""`reconcile` and `order` on files: what differs from another ledger and why, the sweep, and what moves in another order."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from ybcore import io, messages
from ybcore.cli import main
from ybcore.synth import city

POLICY = """\
format: ybcore-policy/1
id: one
scheme: {id: one, region: "*", insutype: ["3"]}
effective: {from: 2020-01-01}
plans:
  - id: everything
    layers:
      - {id: basic, basic: true, payer: hifp_pay, deductible: {amount: 300, repeat: cumulative, period: year}, bands: {steps: [{to: 800, rate: 0.7333}, {to: open, rate: 0.6117}]}, ceilings: [{on: fund, limit: 9000, per: year, cut_as: fund}]}
"""
QUIET = ["-q", "--threads", "1"]


@pytest.fixture(autouse=True)
def chinese(monkeypatch: pytest.MonkeyPatch):
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    yield
    messages.use("zh")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run, and a ledger of the bureau's: other names, yuan, two planted differences and a visit of its own."""
    folder = tmp_path_factory.mktemp("reconcile")
    city(seed=3, persons=20, visits=120, bad_rows=0, catalog_items=500).write(folder / "city")
    _settled_late(folder / "city/visits.parquet")
    (folder / "policy.yaml").write_text(POLICY, encoding="utf-8")
    asked = ["--policy", str(folder / "policy.yaml"), "--input", str(folder / "city"), "--out", str(folder / "run")]
    assert main(["settle", *asked, "--lines-out", "--detail", *QUIET, "--json"]) == 0
    visits = io.read_table(folder / "run/settlements.parquet")
    fund = visits["hifp_pay"].to_pylist()
    first = next(i for i, one in enumerate(fund) if one)
    theirs = [one + 777 if i == first else one for i, one in enumerate(fund)]
    ids = visits["setl_id"].to_pylist()
    ledger = {"ID": [*ids, "OWN"], "FUND": [str(Decimal(one) / 100) for one in [*theirs, 500]]}
    io.write_table(pa.table(ledger), folder / "setl_d.csv", None, "gb18030")
    (folder / "names.yaml").write_text("key: ID\ncolumns: {hifp_pay: FUND}\n", encoding="utf-8")
    return folder


def _settled_late(path: Path) -> None:
    """Every third visit that nobody takes back was settled forty days late, so that the order matters."""
    visits = io.read_table(path)
    taken_back = set(visits["init_setl_id"].to_pylist())
    shift = [
        timedelta(days=40 * (i % 3 == 0 and one not in taken_back))
        for i, one in enumerate(visits["setl_id"].to_pylist())
    ]
    times = [time + late for time, late in zip(visits["setl_time"].to_pylist(), shift)]
    at = visits.column_names.index("setl_time")
    io.write_table(visits.set_column(at, "setl_time", pa.array(times, pa.timestamp("us"))), path)


def asked(run: Path, *more: str) -> list[str]:
    words = ["--run", str(run / "run"), "--ledger", str(run / "setl_d.csv"), "--columns", str(run / "names.yaml")]
    return [*words, "--threads", "1", *more]


def test_differences_and_their_causes(run: Path, capsys: pytest.CaptureFixture[str]):
    out = run / "out/diff.csv"
    assert main(["--lang", "en", "reconcile", *asked(run, "--json", "--out", str(out))]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["matched"], data["equal"], data["differ"]) == (120, 119, 1) and data["columns"] == ["hifp_pay"]
    causes = {row["cause"]: row for row in data["causes"]}
    assert causes["missing_visit"]["absolute_fen"] == 500 and causes["missing_visit"]["visits"] == 1
    assert sum(row["absolute_fen"] for row in data["causes"]) == 777 + 500
    found = io.read_table(out)
    assert {row["setl_id"]: row["hifp_pay_diff"] for row in found.to_pylist()}["OWN"] == "5.00"
    assert sorted(found["money"].to_pylist()) == ["5.00", "7.77"]
    assert main(["reconcile", *asked(run)]) == 0
    assert "双方均有 120 笔结算：119 笔逐分相同，1 笔有差异。" in capsys.readouterr().out


def test_sweep(run: Path, capsys: pytest.CaptureFixture[str]):
    assert (
        main(["--lang", "en", "reconcile", "--sweep", *asked(run, "--json", "--out", str(run / "variants.parquet"))])
        == 0
    )
    variants = json.loads(capsys.readouterr().out)["variants"]
    assert variants[0]["rank"] == 1 and variants[0]["equal"] == 119 and variants[0]["money_fen"] == 777
    assert io.read_table(run / "variants.parquet").num_rows == len(variants) > 5
    assert main(["reconcile", "--sweep", *asked(run)]) == 0
    assert "119/120 笔逐分相同" in capsys.readouterr().out.splitlines()[0]


def test_order(run: Path, capsys: pytest.CaptureFixture[str]):
    words = ["order", "--run", str(run / "run"), "--threads", "1"]
    assert main([*words, "--json", "--out", str(run / "people.csv")]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["order"] == "settlement" and data["variants"][0]["variant"] == "discharge"
    people = io.read_table(run / "people.csv").to_pylist()
    for row in data["variants"]:
        mine = [Decimal(one["absolute"]) for one in people if one["variant"] == row["variant"]]
        assert sum(mine, Decimal(0)) * 100 == row["absolute"]
    assert data["variants"][0]["absolute"] > 0
    assert main(["--lang", "en", *words]) == 0
    told = capsys.readouterr().out
    assert "order of the book: by time of settlement" in told and "By payer" in told
    assert main(words) == 0
    told = capsys.readouterr().out
    assert "政策册的次序：按结算时间" in told and "按出院日期，同时者倒序" in told and "settlement" not in told


def test_what_is_wrong_is_told(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "names.yaml").write_text("key: ID\nunit: yaun\ncolums: {hifp_pay: FUND}\n", encoding="utf-8")
    words = ["--run", str(run / "run"), "--ledger", str(run / "setl_d.csv"), "--columns", str(tmp_path / "names.yaml")]
    assert main(["--lang", "en", "reconcile", *words]) == 1
    told = capsys.readouterr().err
    assert "names.yaml:2:7: unit: unknown word 'yaun'" in told and "names.yaml:3:1: colums: unknown key" in told
    (tmp_path / "names.yaml").write_text("key: IDD\ncolumns: {hifp_pay: FOND}\n", encoding="utf-8")
    assert main(["--lang", "en", "reconcile", *words]) == 1
    told = capsys.readouterr().err
    assert "no column 'IDD'" in told and "no column 'FOND'" in told and "nearest name: FUND" in told
    assert main(["--lang", "en", "reconcile", *asked(run, "--out", "x.txt")]) == 1
    assert "must be .csv or .parquet" in capsys.readouterr().err
    assert main(["--lang", "en", "order", "--run", str(tmp_path)]) == 1
    assert "no receipt is there" in capsys.readouterr().err
    gone = ["--run", str(run / "run"), "--ledger", str(tmp_path / "gone.csv")]
    assert main(["--lang", "en", "reconcile", *gone]) == 1 and "the file is not there" in capsys.readouterr().err
