"""Contributions, sweeps and targets of a study as tables (docs/simulation.md section 9)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pyarrow as pa

from ..policy.inventory import scalar_text
from .knobs import Sweep
from .package import Parts
from .studymodel import ExactNode, SweepNode, TargetNode
from .targets import Solution

__all__ = ["LOOKED", "TARGETS", "crossings", "looked_rows", "part_rows", "sweep_rows"]


def part_rows(node: ExactNode, held: Parts) -> pa.Table:
    """before, then each reform, then after: exact (text), whole fen of totals, and as a double."""
    names = ["before", *held.reforms, "after"]
    values = [held.before, *held.amounts, held.after]
    return pa.table(
        {
            "measure": pa.array([node.id] * len(names), pa.string()),
            "part": pa.array([None, *range(1, len(held.reforms) + 1), None], pa.int64()),
            "reform": pa.array(names, pa.string()),
            "exact": pa.array([str(value) for value in values], pa.string()),
            "amount_fen": pa.array([int(value) if held.whole else None for value in values], pa.int64()),
            "value": pa.array([float(value) for value in values], pa.float64()),
        }
    )


def sweep_rows(row: SweepNode, done: Sweep) -> pa.Table:
    """A sweep as one table: the policy, the knobs' values, the measure, its fraction and its double."""
    out = []
    for node in row.measures:
        held = done.table(node.id)
        names = pa.array([node.id] * held.num_rows, pa.string())
        out.append(held.add_column(held.num_columns - 2, "measure", names))
    return pa.concat_tables(out)


_NUMBER = pa.decimal128(38, 6)
TARGETS = pa.schema(
    [
        ("target", pa.string()), ("on", pa.string()), ("knob", pa.string()), ("measure", pa.string()), ("goal", pa.string()), ("without", pa.string()),
        ("monotone", pa.string()), ("value", _NUMBER), ("low", _NUMBER), ("high", _NUMBER), ("at_low", pa.string()), ("at_high", pa.string()),
    ]
)  # fmt: skip
LOOKED = pa.schema([("target", pa.string()), ("value", _NUMBER), ("exact", pa.string()), ("measure", pa.float64())])


def _decimal(value: Fraction) -> Decimal:
    return Decimal(scalar_text(value))


def crossings(row: TargetNode, found: Solution) -> Iterator[dict[str, Any]]:
    """One row a certificate; `value` is empty where there are several."""
    for held in found.crossings:
        yield {
            "target": row.id,
            "on": row.on,
            "knob": found.knob.name,
            "measure": found.measure,
            "goal": str(found.target),
            "without": None if found.base is None else str(found.base),
            "monotone": found.monotone,
            "value": _decimal(found.value) if len(found.crossings) == 1 else None,
            "low": _decimal(held.low),
            "high": _decimal(held.high),
            "at_low": str(held.at_low),
            "at_high": str(held.at_high),
        }


def looked_rows(row: TargetNode, found: Solution) -> Iterator[dict[str, Any]]:
    for value, held in found.looked:
        yield {"target": row.id, "value": _decimal(value), "exact": str(held), "measure": float(held)}
