"""Worked examples from public pages: other people's arithmetic decides over ours, to the fen."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from cases import Answer, by_kernel, by_reference, load

HERE = Path(__file__).resolve().parent / "published"
CASES = sorted(HERE.glob("*.yaml"))
CLEARING = sorted(HERE.parent.glob("published_clearing/*.yaml"))  # test_clearing_published.py
CONTRADICTED = {"093-generic-classB-drug-rounding": {"in_scope"}}

pytestmark = pytest.mark.published


def compare(answer: Answer, case: dict[str, Any]) -> None:
    """Money to the fen; a ratio to the digits its page prints."""
    for name, expression in case["expect"].items():
        printed = case["figures"][name]
        found = answer.figure(expression)
        if " / v" in expression:
            digits = len(printed.partition(".")[2])
            found = Fraction(round(found * 10**digits), 10**digits)
        assert found == Fraction(printed), f"{name}: {float(found)} instead of {printed}"


@pytest.mark.parametrize("path", CASES, ids=lambda p: p.stem[:3])
def test_reference(path: Path):
    case = load(path)
    compare(by_reference(case), case)


@pytest.mark.parametrize("path", CASES, ids=lambda p: p.stem[:3])
def test_kernel(path: Path):
    case = load(path)
    compare(by_kernel(case), case)


@pytest.mark.parametrize("path", CASES, ids=lambda p: p.stem[:3])
def test_figures_are_the_pages(path: Path, shared: Path):
    """What the case file expects is what the page prints, all of it."""
    page = json.loads((shared / "cases/published" / f"{path.stem}.json").read_text(encoding="utf-8"))
    case = load(path)
    unit = Fraction(page["given"].get("unit", "1 yuan").split()[0])
    ours = {name: Fraction(text) for name, text in case["figures"].items()}
    theirs = {
        name: Fraction(text) * unit
        for name, text in page["expected"].items()
        if name not in CONTRADICTED.get(path.stem, ())
    }
    assert ours == theirs


def test_every_published_case_is_here_or_named(shared: Path):
    published = {path.stem for path in (shared / "cases/published").glob("*.json")}
    assert published == {path.stem for path in (*CASES, *CLEARING)}
