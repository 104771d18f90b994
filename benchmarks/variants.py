"""Variants of the one-scheme document, as a book with more policies and plans with more layers, for measuring growth."""

from __future__ import annotations

from typing import Any

from .peers.ybcore_bulk import POLICY

REGIONS = (
    "110000", "120000", "130000", "140000", "210000", "220000", "310000", "320000", "330000", "340000", "350000", "360000",
    "370000", "410000", "420000", "430000", "440000", "450000", "500000", "510000", "520000", "530000", "610000", "620000",
)  # fmt: skip
NEW_YEAR = "2025-01-01"
LAYERS = 3  # of a plan of the document as it is
MOST_LAYERS = 8
# Payers of the layers that are added; each takes a little of what the ones before it left.
EXTRA = ("cvlserv_pay", "hifes_pay", "hifdm_pay", "maf_pay", "oth_pay")


def regions(policies: int) -> tuple[str, ...]:
    """Where the policies of a book hold: an even number is split into two years, so that there are half as many places."""
    count = policies // 2 if policies % 2 == 0 else policies
    if not 1 <= count <= len(REGIONS):
        raise ValueError(f"policies must be from 1 to {len(REGIONS)}, or an even number up to {2 * len(REGIONS)}")
    return REGIONS[:count]


def documents(policies: int = 1, layers: int = LAYERS) -> list[dict[str, Any]]:
    """Raw documents of a book: the one scheme, in several places and years, with so many layers in each plan."""
    from ybcore import load_policy

    base = load_policy(POLICY)
    places = regions(policies)
    out = []
    for place in places:
        for half in range(policies // len(places)):
            doc = layered(base.doc, layers)
            own = f"{doc['id']}-{place}"
            doc["scheme"] = {**doc["scheme"], "id": own, "region": place if len(places) > 1 else "*"}
            if policies > len(places):
                doc["effective"] = {"from": NEW_YEAR} if half else {**doc["effective"], "to": NEW_YEAR}
            doc["id"] = f"{own}-{half}"
            out.append(doc)
    return out


def layered(doc: dict[str, Any], layers: int) -> dict[str, Any]:
    """The document with another number of layers; as it is with three."""
    if not 2 <= layers <= MOST_LAYERS:
        raise ValueError(f"layers must be from 2 to {MOST_LAYERS}")
    added = {
        f"extra_{payer}": {
            "payer": payer,
            "base": ["deductible", "copay", "over_ceiling", "first_pay"],
            "rate": "0.0125",
            "ceilings": [{"on": "fund", "per": "year", "limit": "5000"}],
        }
        for payer in EXTRA[: max(0, layers - LAYERS)]
    }
    doc["layers"].update(added)
    if layers < LAYERS:
        del doc["layers"]["large"], doc["counters"]["large_paid"]
    for plan in doc["plans"]:
        if layers < LAYERS:
            plan["layers"] = [layer for layer in plan["layers"] if layer.get("use") != "large"]
            if "feeds" in plan:
                plan["feeds"] = [name for name in plan["feeds"] if name != "large_paid"]
        plan["layers"] += [{"use": name} for name in added]
    return doc
