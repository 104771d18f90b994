"""What a run of checks holds of its lines, and that what it lets go of between rules changes no finding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from city_rules import check, report_of, town_and_book
from ybcore.checks.run import runner
from ybcore.checks.run.work import Work

# Of each line there always stand, in bytes: visit, item, doctor, day (4 each), time, quantity and amount (8 each), which lines stand (1);
# in order, of those that do: their rows, visits, items, and the rows before netting; their places; the row of the catalogue. 4 each.
LEFT = 4 * 4 + 3 * 8 + 1 + 6 * 4
# Doses and days of supply (8 each), prescriptions, and what has been picked for rules to come: most while K10 runs.
MOST = LEFT + 3 * 8 + 4 + 8


def arrays(held: Any, seen: dict[int, Any]) -> None:
    """Every array that something holds, by where its memory begins."""
    if id(held) in seen:
        return
    if isinstance(held, np.ndarray):
        while isinstance(held.base, np.ndarray):
            held = held.base
        seen[id(held)] = held
        return
    inside = (
        dict.values(held) if isinstance(held, dict) else held if isinstance(held, (list, tuple)) else vars(held).values()
        if type(held).__module__.startswith("ybcore.") and hasattr(held, "__dict__") else [getattr(held, name) for name in getattr(held, "__slots__", ())]
    )  # fmt: skip
    seen[id(held)] = held
    for one in inside:
        arrays(one, seen)


def bytes_a_line(work: Work) -> float:
    """Of arrays that are as long as the lines, and of what rules to come will look at."""
    seen: dict[int, Any] = {}
    arrays(work, seen)
    lines = {len(work.batch.line_visit), len(work.order), len(work.rows)}
    held = {one.ctypes.data: one.nbytes for one in seen.values() if isinstance(one, np.ndarray) and len(one) in lines}
    held |= {one.ctypes.data: one.nbytes for picked in work.picks._found.values() for one in picked}
    return sum(held.values()) / len(work.batch.line_visit)


@pytest.fixture
def looked(monkeypatch):
    """(report, bytes held a line after each rule by its name) of a run that takes the city for a large one."""
    report_of(5)  # one that keeps everything
    monkeypatch.setattr(runner, "MANY_LINES", 0)
    held: dict[str, float] = {}
    ran = runner.Passing.ran

    def looking(self, rule):
        ran(self, rule)
        held[rule.id] = bytes_a_line(self._work)

    monkeypatch.setattr(runner.Passing, "ran", looking)
    return check(*town_and_book(5)), held


def test_findings_are_those_of_a_run_that_keeps_everything(looked):
    report, held = looked
    whole = report_of(5)
    assert report.findings.equals(whole.findings) and report.details.equals(whole.details)
    assert report.manifest.drop_columns(["seconds"]).equals(whole.manifest.drop_columns(["seconds"]))
    assert report.text().equals(whole.text())
    assert len(held) == sum(row["status"] == "run" for row in report.manifest.to_pylist()) > 80


def test_columns_are_held_no_longer_than_they_are_read(looked):
    report, held = looked
    assert bytes_a_line(report.work) <= LEFT < bytes_a_line(report_of(5).work) - 32
    assert max(held.values()) <= MOST
