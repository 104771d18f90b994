"""Many policies beside Polars and DuckDB: the same fen under every variant, and one that differs stops it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

for library in ("duckdb", "polars"):
    pytest.importorskip(library)

import polars  # noqa: E402

from benchmarks import fresh, policy_peers  # noqa: E402
from benchmarks import parameters as p  # noqa: E402

THREADS = polars.thread_pool_size()


@pytest.fixture(scope="module")
def contest() -> policy_peers.Contest:
    return policy_peers.Contest(1200, 3, THREADS, items=300)


def test_every_column_and_every_sum_is_proved(contest: policy_peers.Contest):
    before = {name: np.array(getattr(p, name)) for name in dir(p) if name.isupper()}
    contest.prove()
    assert all(np.array_equal(held, getattr(p, name)) for name, held in before.items()), "figures are left as they were"


@pytest.mark.parametrize("name", ["ybcore, one pass", "polars", "duckdb"])
@pytest.mark.parametrize("column", ["cash", "large_pay"])
def test_a_fen_of_a_sum_is_caught(contest: policy_peers.Contest, monkeypatch: pytest.MonkeyPatch, name: str, column: str):  # fmt: skip
    right = contest.contenders[name]

    def wrong() -> list[dict[str, np.ndarray]]:
        out = [{key: held.copy() for key, held in each.items()} for each in right()]
        out[1][column][-1] += 1
        return out

    monkeypatch.setitem(contest.contenders, name, wrong)
    monkeypatch.setattr(contest, "visits_of", lambda k, name: {})
    monkeypatch.setattr(contest, "_judged", lambda k, own: None)
    with pytest.raises(SystemExit, match=f"nothing was timed\n{name}: sums of {column} of variant 1 differ"):
        contest.prove()


@pytest.mark.parametrize("judge", ["plain Python", "the reference", "polars"])
def test_a_fen_of_a_visit_is_caught(contest: policy_peers.Contest, monkeypatch: pytest.MonkeyPatch, judge: str):
    true = contest.visits_of

    def spoiled(k: int, name: str) -> dict[str, Any]:
        out = {column: held.copy() for column, held in true(k, name).items()}
        if name == ("polars" if judge == "polars" else name) and k == 2:
            out["cat_pay"][
                0 if judge == "polars" else np.flatnonzero(contest.job.person < policy_peers.PERSONS)[0]
            ] += 1
        return out

    if judge == "the reference":
        monkeypatch.setattr(policy_peers.plain_python, "prepare", lambda some, threads: lambda: _by_reference(contest))
    monkeypatch.setattr(contest, "visits_of", spoiled)
    said = "polars: cat_pay of variant 2 is not ybcore's" if judge == "polars" else f"cat_pay of variant 2 is not that of {judge}"  # fmt: skip
    with pytest.raises(SystemExit, match=said):
        contest.prove()


def _by_reference(contest: policy_peers.Contest) -> dict[str, np.ndarray]:
    """What the spoiled run says, so that the next judge has to find it."""
    k = round((np.array(p.RATE)[1, 0, 0, 0] - 9025) / -25)
    mine = np.flatnonzero(contest.job.person < policy_peers.PERSONS)
    return {name: held[mine] for name, held in contest.visits_of(int(k), "ybcore").items()}


def test_the_command_tells_each_contender_and_thread(
    contest: policy_peers.Contest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    def ask(module: str, *words: str, threads: int) -> dict[str, Any]:
        assert module == "policy_peers" and words[0] == "--here"
        monkeypatch.setattr(policy_peers, "Contest", lambda *asked: contest)
        policy_peers.main(words)
        return json.loads(capsys.readouterr().out)

    monkeypatch.setattr(fresh, "ask", ask)
    out = tmp_path / "told.json"
    policy_peers.main(["--visits", "1200", "--policies", "3", "--threads", str(THREADS), "--rounds", "2", "--out", str(out)])  # fmt: skip
    (point,) = json.loads(out.read_text())["points"]
    assert set(point["contenders"]) == set(contest.contenders)
    assert all(len(held["seconds"]) == len(held["processor"]) == 2 for held in point["contenders"].values())
    assert f"| duckdb | {THREADS} |" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        policy_peers.main(["--policies", "30"])
