"""Golden cases of rule checks: one for each kernel and form, and for each trap of windows, refunds, tables and money."""

from __future__ import annotations

from pathlib import Path

import pytest
from check_cases import Judge, by_engine, by_reference, differences, load, read
from ybcore.reference.checks import RuleError

HERE = Path(__file__).resolve().parent / "golden_checks"
CASES = sorted(path for path in HERE.iterdir() if path.is_dir())
JUDGES: list[Judge] = [by_reference, by_engine]


@pytest.mark.parametrize("judge", JUDGES, ids=lambda judge: judge.__name__)
@pytest.mark.parametrize("folder", CASES, ids=lambda p: p.name)
def test_as_written(folder: Path, judge: Judge):
    case, expected = read(folder), load(folder / "expected.yaml")
    if "error" in expected:
        with pytest.raises((RuleError, ValueError), match=expected["error"]):
            judge(case)
    else:
        assert differences(case, judge(case), expected) == []


@pytest.mark.parametrize("folder", CASES, ids=lambda p: p.name)
def test_judges_agree(folder: Path):
    """Every column of every finding and detail, in order; findings have names of their own, and the same in each run."""
    if "error" in load(folder / "expected.yaml"):
        return
    reference = by_reference(read(folder))
    ids = [finding["jr_id"] for finding in reference.findings]
    assert len(set(ids)) == len(ids)
    for judge in JUDGES:
        answer = judge(read(folder))
        assert answer.findings == reference.findings
        assert answer.details == reference.details
        assert answer.moved == reference.moved


@pytest.mark.parametrize("folder", CASES, ids=lambda p: p.name)
def test_case_is_whole(folder: Path):
    story = (folder / "why.md").read_text(encoding="utf-8").strip().splitlines()
    assert 2 <= len(story) <= 8
    assert load(folder / "expected.yaml")
