"""The picture of a bill: every chart of every golden case adds up, exactly and to the figures of the result."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from cases import documents, golden, inputs, runs
from ybcore import reference
from ybcore.explain import Explanation
from ybcore.report.waterfall import Chart, charts, own_parts

CASES = sorted(path for path in (Path(__file__).resolve().parent / "golden").iterdir() if path.is_dir())


def explained(case: dict[str, Any]) -> Iterator[Explanation]:
    """Every settlement of a case with what the reference's tracer told of it."""
    state = None
    for run in runs(case):
        steps: dict[Any, list[dict[str, Any]]] = {}
        now: list[Any] = [None]

        def hear(step: dict[str, Any], steps: Any = steps, now: list[Any] = now) -> None:
            if step["step"] in ("natures", "reversal"):
                now[0] = step["visit"]["setl_id"]
            steps.setdefault(now[0], []).append(step)

        done = reference.settle(documents(case), **inputs(run), state=state, trace=hear)
        state = done.state
        for row in done.rows:
            mine = steps.get(row["setl_id"], [])
            yield Explanation(row["setl_id"], mine, row, [], [d for d in done.detail if d["setl_id"] == row["setl_id"]], [row["psn_no"]], 0)  # fmt: skip


def last(chart: Chart) -> Fraction:
    return chart.steps[-1].amount


@pytest.mark.parametrize("folder", CASES, ids=lambda p: p.name)
def test_every_chart_adds_up(folder: Path):
    for told in explained(golden(folder)):
        drawn, row = charts(told), told.row
        if row["outcome"] in ("rejected", "not_enrolled"):
            assert drawn == []
            continue
        assert all(chart.adds_up() for chart in drawn), told.setl_id
        assert last(drawn[0]) == row["inscp_scp_amt"] and last(drawn[-1]) == row["psn_cash_pay"]
        assert drawn[0].steps[0].amount == drawn[-1].steps[0].amount == row["medfee_sumamt"]
        layers = [chart for chart in drawn if chart.key == "layer"]
        scales = [step["scale"] for step in told.steps if step["step"] == "layer"]
        assert [last(chart) * scale for chart, scale in zip(layers, scales, strict=True)] == [d["pay"] * s for d, s in zip(told.detail, scales)] or max(scales, default=1) > 1  # fmt: skip
        assert sum(fen for _, fen in own_parts(told)) == row["psn_cash_pay"]
        ran = [step["doc"] for step in told.steps if step["step"] == "layer"]
        for chart, doc in zip(
            layers, ran, strict=True
        ):  # what is left over has a name, and only where the document says so
            assert "at_least" in doc or not any(step.kind == "fund" for step in chart.steps)
            assert "settle" in doc or all(abs(step.amount) < 100 for step in chart.steps if step.kind == "round")
        for chart in drawn:
            for step in chart.steps[1:]:
                if step.kind == "sum":
                    continue
                assert step.end - step.start == step.amount
                if step.kept is not None:  # a band: what it keeps and what stays with the person are the money in it
                    assert step.kept >= 0 and step.amount <= 0
