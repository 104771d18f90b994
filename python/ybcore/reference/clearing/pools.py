"""What a point is worth (docs/clearing.md 2.4)."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from typing import Any

from ybcore.reference.clearing.cases import Standing, rounded, share_of_fund
from ybcore.reference.clearing.world import World, month_of, year_of
from ybcore.reference.numbers import PPM, rate


def period_of(pool: dict, day: int) -> str:
    """The period of a pool that a day is in."""
    year = f"{year_of(day):04d}"
    return year if pool.get("period", "year") == "year" else f"{year}-{month_of(day):02d}"


def value_points(world: World, standing: list[Standing]) -> list[dict[str, Any]]:
    """Gives every case that has points its standard in money; rows of the pools."""
    held: dict[tuple[str, str], list[Standing]] = defaultdict(list)
    for one in standing:
        if one.by_points:
            pool = one.doc["pools"][one.method["pool"]]
            held[one.method["pool"], period_of(pool, one.case["setl_time"])].append(one)
    # A budget is there once: documents that name the same pool share it, and the first of them stands for all.
    keys = sorted((min(one.doc["id"] for one in mine), *key) for key, mine in held.items())
    return [_value(world, key, held[key[1:]]) for key in keys]


def _figures(pool: dict) -> tuple:
    """What decides about the money of a pool."""
    return (
        rate(pool.get("reserve", "0")),
        rate(pool.get("fund_ratio", "1")),
        pool.get("adds", "nothing"),
        pool.get("remainder", "share"),
        int(pool.get("digits", "4")),
    )


def _value(world: World, key: tuple[str, str, str], mine: list[Standing]) -> dict[str, Any]:
    document, name, period = key
    pool = mine[0].doc["pools"][name]
    if any(_figures(one.doc["pools"][name]) != _figures(pool) for one in mine):
        raise ValueError(f"pool {name}, {period}: documents that share it differ in its figures")
    if (name, period) not in world.budgets:
        raise ValueError(f"no budget of pool {name} for {period}")
    budget = world.budgets[name, period]
    reserve = rounded(Fraction(budget * rate(pool.get("reserve", "0")), PPM))
    pointed = [one for one in mine if one.way == "standard" and one.case.get("review_amt") is None]
    first = 0
    for one in mine:
        if one.way != "standard" or one.case.get("review_amt") is not None:
            share_of_fund(one)
            first += one.payment
    adds = 0
    if pool.get("adds") == "persons":
        for one in pointed:
            adds += one.money("psn_part_amt") + one.money("oth_fund_amt") - one.money("exct_item_amt")
    whole = rounded(Fraction((budget - reserve) * PPM, rate(pool.get("fund_ratio", "1"))))
    shared = whole - first + adds
    if shared < 0:
        raise ValueError(f"pool {name}, {period}: first charges are above the budget")
    points = sum(one.points for one in pointed)
    grid = 10 ** (6 - int(pool.get("digits", "4")))
    value = rounded(Fraction(shared * 10**8, points), grid) if points > 0 else 0
    if pool.get("remainder", "share") == "share":
        _share(pointed, shared, points)
    else:
        for one in pointed:
            one.standard = rounded(Fraction(one.points * value, 10**8))
    return {
        "document": document,
        "pool": name,
        "period": period,
        "cases": len(mine),
        "points": points,
        "budget": budget,
        "reserve": reserve,
        "first_charges": first,
        "adds": adds,
        "shared": shared,
        "value": value,
        "standard": sum(one.standard for one in pointed),
    }


def _share(pointed: list[Standing], shared: int, points: int) -> None:
    """Shares by largest remainder."""
    from ybcore.reference.clearing import id_key

    if points <= 0:
        return
    rests = []
    for one in pointed:
        one.standard, rest = divmod(shared * one.points, points)
        rests.append((-rest, id_key(one.case["setl_id"]), one))
    missing = shared - sum(one.standard for one in pointed)
    rests.sort(key=lambda item: item[:2])
    for _, _, one in rests[:missing]:
        one.standard += 1
