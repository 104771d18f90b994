"""A year settled again: what changes, for whom, by how much and why (docs/resettlement.md)."""

from __future__ import annotations

from .changes import DeniedLines, Institutions, LateClaims, NewCatalog, NewPolicy, Persons, Refunds, Reordered
from .resettlement import Resettlement, resettle
from .run import Run

__all__ = [
    "DeniedLines",
    "Institutions",
    "LateClaims",
    "NewCatalog",
    "NewPolicy",
    "Persons",
    "Refunds",
    "Reordered",
    "Resettlement",
    "Run",
    "resettle",
]
