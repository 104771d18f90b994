"""Public pages on DRG, DIP, quotas and maternity: other people's arithmetic, to the fen; and cash benefits worked by hand."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pytest
from clearing_cases import KEYS, load, value
from ybcore.clearing import benefit, clear, load_benefits
from ybcore.clearing.tables import CLAIMS, CLEARING_INPUTS
from ybcore.errors import DocumentError
from ybcore.reference.clearing import benefit as benefit_by_reference
from ybcore.reference.clearing import clear as clear_by_reference
from ybcore.reference.numbers import date, decimal_to_int

HERE = Path(__file__).resolve().parent
PAGES = sorted((HERE / "published_clearing").glob("*.yaml"))
STORIES = sorted((HERE / "golden_benefit").iterdir())
PLACES = {"money": 2, "quantity": 4, "count": 0}

pytestmark = pytest.mark.published


def claim(row: dict[str, str]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, text in row.items():
        spec = CLAIMS.find(name)
        assert spec is not None
        out[name] = (
            date(text)
            if spec.kind == "date"
            else decimal_to_int(text, PLACES[spec.kind])
            if spec.kind in PLACES
            else text
        )
    return out


def arrow(rows: list[dict[str, str]]) -> pa.Table:
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pa.table({name: pa.array([row.get(name) for row in rows], pa.string()) for name in names})


def claims_of(case: dict) -> list[dict[str, str]]:
    return [{**case.get("each", {}).get("claims", {}), **row} for row in case["claims"]]


def answer(case: dict, kernel: bool) -> dict[str, dict[str, dict[str, Any]]]:
    """Tables by name and key."""
    doc = case["document"]
    if "claims" in case:
        rows = claims_of(case)
        done = (
            benefit(arrow(rows), doc).to_pylist()
            if kernel
            else benefit_by_reference([doc], [claim(row) for row in rows])
        )
        return {"claims": {row["claim_id"]: row for row in done}}
    text = {name: case[name] for name in CLEARING_INPUTS if name in case}
    tables: Any
    if kernel:
        held = {name: arrow(rows) for name, rows in text.items()}
        tables = {name: t.to_pylist() for name, t in clear(held.pop("cases"), doc, **held).tables().items()}
    else:
        units = {name: [{c: value(name, c, t) for c, t in row.items()} for row in rows] for name, rows in text.items()}
        done = clear_by_reference([doc], **units)
        tables = {name: getattr(done, name) for name in KEYS}
    return {name: {"/".join(str(row[k]) for k in KEYS[name]): row for row in rows} for name, rows in tables.items()}


@pytest.mark.parametrize("kernel", [False, True], ids=["reference", "kernel"])
@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.stem[:3])
def test_pages(path: Path, kernel: bool):
    """Every figure that the page prints is what both engines find."""
    case = load(path)
    printed = case["figures"]
    assert set(case["expect"]) == set(printed)
    found = answer(case, kernel)
    for name, place in case["expect"].items():
        table, _, rest = place.lstrip("-").partition("/")
        key, _, column = rest.rpartition(".")
        figure = Fraction(found[table][key][column], 10**6 if column == "value" else 100)
        assert (-figure if place.startswith("-") else figure) == Fraction(printed[name]), name


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.stem[:3])
def test_figures_are_the_pages(path: Path, shared: Path):
    """What a case file expects is what the page prints, all of it."""
    page = json.loads((shared / "cases/published" / f"{path.stem}.json").read_text(encoding="utf-8"))["expected"]
    assert {name: Fraction(text) for name, text in load(path)["figures"].items()} == {
        name: Fraction(text) for name, text in page.items()
    }


@pytest.mark.parametrize("kernel", [False, True], ids=["reference", "kernel"])
@pytest.mark.parametrize("folder", STORIES, ids=lambda p: p.name)
def test_benefits_by_hand(folder: Path, kernel: bool):
    case = load(folder / "case.yaml") | {"document": load(folder / "document.yaml")}
    found = answer(case, kernel)
    for key, cells in load(folder / "expected.yaml")["claims"].items():
        for column, text in cells.items():
            held = found["claims"][key][column]
            words = column in ("outcome", "benefit")
            wanted = None if text == "none" else text if words else decimal_to_int(text, 4 if column == "count" else 2)
            assert held == wanted, (key, column)
    assert 2 <= len((folder / "why.md").read_text(encoding="utf-8").strip().splitlines()) <= 8


def document(r: Random) -> dict[str, Any]:
    unit = r.choice(["days", "months"])
    count: dict[str, Any] = r.choice([{"start": r.choice(["98", "3.5"])}, {"column": unit}])
    count = count | {
        "plus": [
            {"when": {"difficult": "1"}, "adds": "15"},
            {"each": "births", "beyond": r.choice(["0", "1"]), "adds": "7.5"},
        ][: r.randrange(3)]
    }
    base = {
        "column": "monthly_base",
        **r.choice(
            [{}, {"least": "5000"}, {"least": "3000.5", "most": {"by": "matn_type", "1": "9000", "else": "20000"}}]
        ),
    }
    rule = {"id": "a", "base": base, "unit": unit, "count": count, "lump": {"by": "births", "<2": "2400.55", "else": "5000"},
            "round": {"to": r.choice(["fen", "jiao", "yuan"]), "mode": r.choice(["half_up", "half_even", "down", "up"]), "at": r.choice(["allowance", "total"])}}  # fmt: skip
    return {"format": "ybcore-benefit/1", "id": "x", "scheme": {"id": "x", "region": "*", "insutype": ["51"]}, "effective": {"from": "2024-01-01"},
            "benefits": [{"id": "none", "when": {"matn_type": "5"}, **{k: v for k, v in rule.items() if k not in ("id", "lump")}}, rule]}  # fmt: skip


@pytest.mark.parametrize("seed", range(25))
def test_benefits_are_the_references(seed: int):
    r = Random(seed)
    doc = document(r)
    rows = [
        {"claim_id": f"c{n}", "event_date": r.choice(["2023-12-31", "2024-05-01"]), "insutype": r.choice(["510", "510", "310"]),
         "monthly_base": f"{r.randrange(1, 30000)}.{r.randrange(100):02d}", "days": str(r.randrange(0, 200)), "months": r.choice(["3", "4.5", "0.3333"]),
         "births": str(r.randrange(1, 4)), "difficult": r.choice("01"), "matn_type": r.choice("1235")}
        for n in range(40)
    ]  # fmt: skip
    assert benefit(arrow(rows), doc).to_pylist() == [
        {
            name: row[name]
            for name in ("claim_id", "document", "benefit", "outcome", "count", "allowance", "lump", "pay")
        }
        for row in benefit_by_reference([doc], [claim(row) for row in rows])
    ]


def test_wrong_documents_are_told_with_places():
    doc = load(STORIES[0] / "document.yaml")
    doc["benefits"][0]["unit"] = "dayz"
    doc["benefits"][0]["count"] = {"start": "98", "column": "days"}
    with pytest.raises(DocumentError) as found:
        load_benefits(doc)
    assert "'days'" in str(found.value)
