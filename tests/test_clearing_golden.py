"""Golden cases of clearing: hospitals paid by hand, one for each fork that no public page works out."""

from __future__ import annotations

from pathlib import Path

import pytest
from clearing_cases import FOLDERS, by_kernel, by_reference, differences, load
from ybcore.clearing import load_clearings


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda p: p.name)
def test_reference(folder: Path):
    assert differences(by_reference(folder), load(folder / "expected.yaml")) == []


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda p: p.name)
def test_kernel(folder: Path):
    """As written, and every other column as the reference has it."""
    found, other = by_kernel(folder), by_reference(folder)
    assert differences(found, load(folder / "expected.yaml")) == []
    for name, rows in other.items():
        assert [{c: row[c] for c in found_row} for row, found_row in zip(rows, found[name], strict=True)] == found[name]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda p: p.name)
def test_case_is_whole(folder: Path):
    """Its documents pass the checks of the language, and its story is there to be read."""
    assert len(load_clearings(sorted(folder.glob("document*.yaml")))) >= 1
    assert 2 <= len((folder / "why.md").read_text(encoding="utf-8").strip().splitlines()) <= 8
