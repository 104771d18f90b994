"""Golden cases of rule checks: one for each kernel and form, and for each trap of windows, refunds, tables and money."""

from __future__ import annotations

from pathlib import Path

import pytest
from check_cases import Judge, by_checker, by_engine, by_reference, differences, load, read
from ybcore.reference.checks import RuleError

HERE = Path(__file__).resolve().parent / "golden_checks"
CASES = sorted(path for path in HERE.iterdir() if path.is_dir())
JUDGES: list[Judge] = [by_reference, by_engine, by_checker]

#: Known traps of rule checks, and the cases that stand in each.
TRAPS = {
    "same day counted as earlier, later or peer": ["k07-tie-order-or-peers"],
    "the edge of n days; a month or 30 days": ["k07-rolling-boundary", "k07-month-or-30-days", "k07-calendar-month-and-quarter"],
    "an event on the anchor day itself": ["k07-first-event-on-the-anchor-day"],
    "a day's cap looked at line by line": ["k06-one-a-day-split-over-lines"],
    "a visit over midnight": ["k06-one-a-day-split-over-lines", "k15-dates-at-midnight"],
    "contained quantity k and k + 1": ["k04-contained-three-tests", "k04-six-hours-with-contained-quantity"],
    "chains of pairs, many contained, one money": ["k04-chain-and-money-once", "k04-one-parent-many-contained", "money-once-by-priority"],
    "a row deleted from its first day on": ["k04-override-and-retroactive-deletion", "tables-half-open"],
    "two rows of a key at one time": ["tables-overlap-does-not-load"],
    "returns before or after what they return": ["net-returns", "net-returns-of-one-day", "net-refund-to-zero-and-reversal", "net-lines-without-ids"],
    "a denied line in a later cap": ["k06-denied-line-in-a-later-cap", "k06-suppressed-denial-in-a-later-cap", "k06-excluded-denial-in-a-later-cap", "k06-subsumed-denial-in-a-later-cap"],
    "ages that no table states": ["k01-age-cut-offs-are-parameters", "k01-age-at-admission"],
    "missing sex, diagnosis, level": ["k01-missing-sex-is-unknown", "missing-diagnosis-and-level-are-unknown", "missing-column-skips-the-rule"],
    "whole line, excess, packs": ["money-one-hit-four-amounts", "k10-days-of-a-prescription"],
    "which lines carry the excess": ["k06-excess-first-or-last"],
    "a note that says another figure": ["text-is-evidence-not-figure"],
    "a code in two groups": ["k11-second-operation-at-half-price"],
    "order of rows": ["order-of-rows-does-not-matter"],
    "thresholds by scope": ["k07-thresholds-most-specific-scope", "k07-ambiguous-thresholds"],
    "ratios of few": ["k13-drug-share-and-tiny-samples"],
}  # fmt: skip


def test_every_trap_has_a_case():
    assert len(TRAPS) == 20
    assert {name for cases in TRAPS.values() for name in cases} <= {path.name for path in CASES}


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
