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
NOT_YET = {
    "102-drg-package-over": "what a provider is paid by disease group",
    "104-drg-cap-times-rate": "what a provider is paid by disease group",
    "107-drg-high-multiple-threshold": "what a provider is paid by disease group",
    "108-dip-point-value-and-surplus": "what a provider is paid by points",
    "111-wuhan-per-case-quota-absorbed": "what a provider is paid by quota",
    "112-shanghai-maternity-3-months": "maternity allowance",
    "114-shanghai-maternity-4-months": "maternity allowance",
    "115-shanghai-maternity-4_5-months": "maternity allowance",
    "116-maternity-10000-98-days-truncated": "maternity allowance",
    "117-maternity-10000-98-days-rounded": "maternity allowance",
    "118-maternity-10000-113-days-rounded": "maternity allowance",
}
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
    assert published == {path.stem for path in CASES} | set(NOT_YET)
