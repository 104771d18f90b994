"""The benchmark of rule checks: everybody finds the same, and a contender that is one fen off is caught before anything is timed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import ybcore
from ybcore.checks import load_rules, shipped_rules

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.checks import kernels, run, together, worker  # noqa: E402
from benchmarks.checks.rules import COLUMNS, workloads  # noqa: E402
from benchmarks.checks.town import Town, made  # noqa: E402

VISITS = 400
NAMES = ("ybcore_kernel", "ybcore_library", "duckdb", "polars", "plain_python")


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    folder = tmp_path_factory.mktemp("town")
    sizes = made(folder, VISITS)
    assert sizes["standing_lines"] < sizes["lines"], "nothing is netted"
    return Town(folder)


def threads(name: str) -> list[int]:
    """Polars has as many threads as when it was imported."""
    module = worker.peer(name)
    return [module.pl.thread_pool_size()] if name == "polars" else list(module.THREADS)


class Asked:
    """A contender in this process; `spoil` changes what it finds."""

    def __init__(self, town: Town, name: str, spoil: Any = None) -> None:
        self.town, self.name, self.spoil = town, name, spoil

    def ask(self, what: str) -> dict[str, Any]:
        workload = workloads()[what.split()[1]]
        _, found = worker.find(self.town, self.name, workload, int(what.split()[2]))
        found = {name: found[name].copy() for name in COLUMNS}
        if self.spoil is not None:
            self.spoil(found)
        return worker.digests(found, worker.sample_size(self.town, workload))


@pytest.mark.parametrize("which", list(workloads()))
def test_contenders_agree(town: Town, which: str):
    for name in ("duckdb", "polars"):
        pytest.importorskip(name)
    told = kernels.prove(which, [(Asked(town, name), count) for name in NAMES for count in threads(name)])  # type: ignore[misc]
    assert told["findings"] == told["sampled"] > 0


@pytest.mark.parametrize("column", COLUMNS)
def test_one_fen_is_caught(town: Town, column: str):
    def spoil(found: dict[str, Any]) -> None:
        found[column][len(found[column]) // 2] += 1

    honest, wrong = Asked(town, "ybcore_kernel"), Asked(town, "ybcore_library", spoil)
    with pytest.raises(SystemExit, match="nothing was timed"):
        kernels.prove("cap", [(honest, 1), (wrong, 1)])  # type: ignore[list-item]
    with pytest.raises(SystemExit, match="plain Python"):
        kernels.prove("cap", [(wrong, 1), (Asked(town, "plain_python"), 1)])  # type: ignore[list-item]


def test_the_command_measures_and_tells(town: Town, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "checks.json"
    words = f"--visits {VISITS} --rounds 1 --threads 1 --calls 2 --only attribute,together,prescription --contenders ybcore_kernel,duckdb"
    run.main([*words.split(), "--folder", str(town.folder), "--out", str(out)])
    result = json.loads(out.read_text())
    assert {"machine", "when", "versions", "sizes"} <= set(result)
    rule = result["rules"]["attribute"]
    assert {name: len(one["seconds"]) for name, one in rule["contenders"].items()} == {
        "ybcore_kernel/1": 1,
        "ybcore_kernel/2": 1,
        "duckdb/2": 1,
    }
    (together,) = result["together"]
    assert together["findings"] > 50 and {"K01", "K15", "prepare", "money"} <= set(together["kernels"])
    told = result["prescription"]
    assert told["findings"] > 0 and set(told["doors"]) == {"check", "Checker", "Checker, plain texts"}
    assert all(len(taken["report"]) == 2 for taken in told["doors"].values()) and told["making"]
    told = capsys.readouterr().out
    assert "× faster peer" in told and "× settling" in told and "p99" in told


def test_all_rules_are_all_shipped_rules_that_are_not_off_and_no_other(town: Town):
    shipped, book = load_rules(shipped_rules()), load_rules(together.documents(town))
    assert [rule.id for rule in book] == [rule.id for rule in shipped]
    assert (
        {rule.id for rule in book if rule.enabled and rule.skip} == set() < {rule.id for rule in shipped if rule.skip}
    )
    report = ybcore.check(**town.tables(dirty=False), rules=book, catalog=town.catalog)
    ran = {row["rule_id"] for row in report.manifest.to_pylist() if row["status"] == "run"}
    assert ran == {rule.id for rule in shipped if rule.enabled}


@pytest.mark.parametrize("wrong", [["--only", "nothing"], ["--contenders", "nobody"], ["--visits", "3"]])
def test_wrong_words_are_told(wrong: list[str], capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        run.main(wrong)
    assert "error" in capsys.readouterr().err


def test_another_city_is_not_taken(town: Town):
    with pytest.raises(SystemExit, match="seed 1"):
        made(town.folder, VISITS, seed=2)
