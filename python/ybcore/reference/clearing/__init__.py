"""Clearing in plain exact Python: what docs/clearing.md means, for whoever wants to check it on paper.

Rows are dicts with plain values: codes as text, money in whole fen, points in 1/10000, rates, weights and coefficients in millionths,
days since 1970-01-01; a missing value is None or absent. `setl_time` is a day. Documents are nested dict, list and text.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from ybcore.reference.clearing.benefit import benefit
from ybcore.reference.clearing.cases import Standing, place, settle_standard, share_of_fund
from ybcore.reference.clearing.pools import value_points
from ybcore.reference.clearing.world import World
from ybcore.reference.clearing.years import balances_of, months_of, years_of

__all__ = ["Cleared", "benefit", "clear"]


@dataclass
class Cleared:
    """The tables of docs/clearing.md section 3, as rows."""

    cases: list[dict[str, Any]]
    months: list[dict[str, Any]]
    years: list[dict[str, Any]]
    pools: list[dict[str, Any]]
    balances: list[dict[str, Any]]


def clear(
    documents: list[dict],
    *,
    cases: list[dict],
    groups: list[dict] | None = None,
    institutions: list[dict] | None = None,
    budgets: list[dict] | None = None,
    quotas: list[dict] | None = None,
) -> Cleared:
    """Clear cases under documents. Raises ValueError where a budget, quota or mean that is needed is missing, or a pool is overdrawn."""
    world = World(documents, groups or [], institutions or [], budgets or [], quotas or [])
    standing = [place(world, case) for case in cases]
    for one in standing:
        settle_standard(one)
    _readmissions(standing)
    pools = value_points(world, standing)
    for one in standing:
        share_of_fund(one)
    months = months_of(world, standing)
    years = years_of(world, months)
    return Cleared([one.row() for one in standing], months, years, pools, balances_of(world, years, pools))


def id_key(value: Any) -> Any:
    """Settlement ids in their order: numbers as numbers, texts as bytes."""
    return value if isinstance(value, int) else str(value).encode()


def _readmissions(standing: list[Standing]) -> None:
    """Which stays are cut because another followed too soon; what is left of them."""
    stays: dict[Any, list[Standing]] = defaultdict(list)
    for one in standing:
        case = one.case
        key = (case.get("psn_no"), case.get("fixmedins_code"), case.get("group_code"))
        if one.rule("readmission") and all(key) and None not in (case.get("begndate"), case.get("enddate")):
            stays[(one.doc["id"], one.method["id"], *key)].append(one)
    for mine in stays.values():
        mine.sort(key=lambda one: (one.case["begndate"], one.case["enddate"], id_key(one.case["setl_id"])))
        rule = mine[0].rule("readmission")
        for at, later in enumerate(mine):
            if (later.case.get("treatment") or "") in rule.get("exempt", []):
                continue
            for earlier in mine[:at]:
                gap = later.case["begndate"] - earlier.case["enddate"]
                if 0 <= gap <= int(rule["within"]):
                    (earlier if rule.get("which", "earlier") == "earlier" else later).cut = True
    for one in standing:
        if one.cut and one.way == "standard":
            one.cut_down()
        else:
            one.cut = False
