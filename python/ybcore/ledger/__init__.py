"""A year settled again: what changes, for whom, by how much and why (docs/resettlement.md)."""

from __future__ import annotations

from .changes import (
    DeniedLines,
    Institutions,
    LateClaims,
    NewCatalog,
    NewPolicy,
    Persons,
    Refunds,
    Reordered,
    StruckOff,
)
from .order import OrderSensitivity, order_sensitivity
from .reconcile import Reconciliation, reconcile
from .resettlement import Resettlement, resettle
from .run import Run
from .sweep import Sweep, sweep

__all__ = [
    "DeniedLines",
    "Institutions",
    "LateClaims",
    "NewCatalog",
    "NewPolicy",
    "OrderSensitivity",
    "Persons",
    "Reconciliation",
    "Refunds",
    "Reordered",
    "Resettlement",
    "Run",
    "StruckOff",
    "Sweep",
    "order_sensitivity",
    "reconcile",
    "resettle",
    "sweep",
]
