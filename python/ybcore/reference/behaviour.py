"""How many times visits take place at another price, in plain Python: docs/simulation.md section 10."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from fractions import Fraction

__all__ = ["factor", "lot", "respond"]

Settle = Callable[[dict[str, int]], dict[str, tuple[int, int]]]


def factor(elasticity: Fraction, before: Fraction | None, after: Fraction | None) -> Fraction:
    """By how much the number of visits changes between two prices, at an arc elasticity; 1 where a price is not known."""
    if before is None or after is None or before + after == 0:
        return Fraction(1)
    a = elasticity * (after - before) / (after + before)
    return (1 + a) / (1 - a)


def lot(seed: int, name: str) -> Fraction:
    """The lot of a visit, from 0 to below 1, from the seed and its id."""
    data = hashlib.blake2b(name.encode(), digest_size=4, key=str(seed).encode()).digest()
    return Fraction(int.from_bytes(data, "big"), 1 << 32)


def respond(
    visits: Mapping[str, Fraction], base: Settle, policy: Settle, seed: int, most: int = 20
) -> tuple[dict[str, int], int]:
    """(how often each visit takes place under a policy, rounds). `visits`: the elasticity of each by id.

    `base`, `policy`: from how often each takes place to what its person pays and its bill, of each that takes place, added over its repeats.
    Raises RuntimeError when nothing comes to rest.
    """
    counts = dict.fromkeys(visits, 1)
    before = {name: _price(held) for name, held in base(counts).items()}
    after: dict[str, Fraction | None] = {}
    for rounds in range(1, most + 1):
        # A visit that does not take place has the price that it had when it last did.
        after |= {name: _price(held) for name, held in policy(counts).items()}
        fresh = {
            name: math.floor(factor(elasticity, before.get(name), after.get(name)) + lot(seed, name))
            for name, elasticity in visits.items()
        }
        if fresh == counts:
            return counts, rounds
        counts = fresh
    raise RuntimeError(f"no rest after {most} rounds")


def _price(held: tuple[int, int]) -> Fraction | None:
    paid, bill = held
    return Fraction(paid, bill) if bill > 0 else None
