"""A whole city from a seed: persons, institutions, catalogue, account movements, visits and fee lines, of any size.

    >>> from ybcore.synth import city
    >>> town = city(seed=7, persons=2_000, visits=10_000)
    >>> visits, lines = town.visits()
    >>> for visits, lines in town.batches(4_096):
    ...     pass

The tables are those of docs/inputs.md; every distribution and where it is from is in docs/synth.md. The same parameters give the
same tables on every machine, and a batch does not depend on how many rows the batches before it had.
"""

from __future__ import annotations

from .town import Batch, City, city

__all__ = ["Batch", "City", "city"]
