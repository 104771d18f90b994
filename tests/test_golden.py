"""Golden cases: small bills settled by hand, one for each fork of order and each option of the language."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from cases import Answer, by_kernel, by_reference, golden, load
from ybcore.policy import load_book, load_policy
from ybcore.reference import MONEY

HERE = Path(__file__).resolve().parent / "golden"
CASES = sorted(path for path in HERE.iterdir() if path.is_dir())
RATES = {"pool_prop_selfpay", "selfpay_prop"}
TEXTS = {"outcome", "reason", "policy_id", "plan_id", "payer", "chrgitm_lv"}


def same(found: Any, written: str, column: str) -> bool:
    """A found value against what expected.yaml writes: yuan, a ratio, a count or a text."""
    if column in TEXTS:
        return (found or "") == written
    if written == "none":
        return found is None
    scale = 1_000_000 if column in RATES | {"pric_uplmt_amt"} else 1 if column == "flags" else 100
    return found is not None and Fraction(found, scale) == Fraction(written)


def differences(answer: Answer, expected: dict[str, Any]) -> list[str]:
    """Every figure that is not as written."""
    places = {
        "rows": lambda key: answer.rows[key],
        "detail": lambda key: answer.detail[tuple(key.split("/"))],
        "lines": answer.line,
    }
    out = []
    for part, rows in expected.items():
        for key, cells in rows.items():
            row = places[part](key)
            for column, written in cells.items():
                if not same(row[column], written, column):
                    out.append(f"{key}.{column}: {row[column]}, written {written}")
    return out


@pytest.mark.parametrize("folder", CASES, ids=lambda p: p.name)
def test_reference(folder: Path):
    assert differences(by_reference(golden(folder)), load(folder / "expected.yaml")) == []


@pytest.mark.parametrize("folder", CASES, ids=lambda p: p.name)
def test_kernel(folder: Path):
    answer = by_kernel(golden(folder))
    assert differences(answer, load(folder / "expected.yaml")) == []
    other = by_reference(golden(folder))
    for setl_id, row in other.rows.items():
        found = answer.rows[setl_id]
        assert {c: found[c] for c in MONEY} == {c: row[c] for c in MONEY}, setl_id


@pytest.mark.parametrize("folder", CASES, ids=lambda p: p.name)
def test_case_is_whole(folder: Path):
    """Its document passes the checks of the language, and its story is there to be read."""
    if (folder / "policy.yaml").exists():
        load_policy(folder / "policy.yaml")
    story = (folder / "why.md").read_text(encoding="utf-8").strip().splitlines()
    assert 2 <= len(story) <= 8
    assert load(folder / "expected.yaml")


SHIPPED = Path(__file__).resolve().parent.parent / "data"


@pytest.mark.parametrize(
    "folder", [SHIPPED / "policies", *sorted((SHIPPED / "policies-alternative").iterdir())], ids=lambda p: p.name
)
def test_shipped_documents_are_books(folder: Path):
    """Each folder is a book without gaps and overlaps; every figure of it names where it is from."""
    book = load_book(folder)
    for policy in book:
        assert policy.model.name is not None
        assert policy.model.cite
        bare = [leaf.path for leaf in policy.figures() if not leaf.cite and not leaf.path.startswith("accounts")]
        assert bare == [], policy.id
