"""Indicators of cleared cases, as fractions (docs/clearing.md section 4)."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from typing import Any


def indicators(rows: list[dict[str, Any]], by: str, within: int = 15) -> dict[Any, dict[str, Fraction | int | None]]:
    """By `institution` or `group`. Rows: institution, group ('' unknown), fee, days, weight, kind, cut, person, begin, end, order."""
    mean_fee, mean_days = _means(rows, "fee"), _means(rows, "days")
    split = _split(rows, within)
    weights = [row["weight"] for row in rows if row["weight"] is not None]
    whole = Fraction(sum(weights), len(weights)) if weights else None
    mine: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        if by == "institution" or row["group"]:
            mine[row[by]].append(row)
    out: dict[Any, dict[str, Fraction | int | None]] = {}
    for key, held in mine.items():
        count = len(held)
        grouped = [row for row in held if row["group"]]
        weighed = [row["weight"] for row in held if row["weight"] is not None]
        shares = {
            f"{kind}_share": Fraction(sum(row["kind"] == kind for row in held), count)
            for kind in ("low", "high", "extreme")
        }
        out[key] = {
            "psntime": count,
            "mean_fee": Fraction(sum(row["fee"] for row in held), count),
            "mean_days": Fraction(sum(row["days"] for row in held), count),
            **shares,
            "readmissions": sum(row["cut"] for row in held),
            "split_stays": sum(row["order"] in split for row in held),
            "cmi": Fraction(sum(weighed), len(weighed)) / whole if weighed and whole else None,
            "cost_index": _index(grouped, "fee", mean_fee),
            "time_index": _index(grouped, "days", mean_days),
        }
    return out


def _means(rows: list[dict[str, Any]], name: str) -> dict[str, Fraction]:
    held: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        held[row["group"]].append(row[name])
    return {group: Fraction(sum(values), len(values)) for group, values in held.items()}


def _index(rows: list[dict[str, Any]], name: str, means: dict[str, Fraction]) -> Fraction | None:
    """Σ over groups of (own mean / mean of all) × cases, over the cases of groups whose mean is not zero."""
    held: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        if means[row["group"]]:
            held[row["group"]].append(row[name])
    cases = sum(len(values) for values in held.values())
    return (
        sum((Fraction(sum(values)) / means[group] for group, values in held.items()), Fraction(0)) / cases
        if cases
        else None
    )


def _split(rows: list[dict[str, Any]], within: int) -> set[Any]:
    """Stays that begin within some days after the stay before them of the same person, institution and group."""
    held: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        if row["person"] and row["group"] and row["begin"] is not None and row["end"] is not None:
            held[row["person"], row["institution"], row["group"]].append(row)
    out = set()
    for stays in held.values():
        stays.sort(key=lambda row: (row["begin"], row["end"]))
        for before, after in zip(stays, stays[1:]):
            if 0 <= after["begin"] - before["end"] <= within:
                out.add(after["order"])
    return out
