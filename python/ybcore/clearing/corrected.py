"""What is to pay or to collect after cases were settled again: signed differences between two clearings."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from .result import Cleared

__all__ = ["corrections"]

_CASE = ("points", "standard", "payment", "itemised", "difference")
_YEAR = ("psntime", "points", "standard", "target", "due", "advanced", "held", "final", "paid", "fund_appy_sum")
_UNIT = ("fixmedins_code", "insutype", "clr_type", "document", "method", "year")


def corrections(before: Cleared, after: Cleared) -> dict[str, pa.Table]:
    """`cases` and `years` that differ: their keys, kind (added, removed, changed) and after − before of every number.

    Rows without a difference are left out; what is null counts as zero. Σ of the differences of `paid` is what the fund has still to pay
    (to collect, where it is negative). Rows are in the order of their keys.
    """
    return {
        "cases": _differences(before.cases, after.cases, ("setl_id",), _CASE),
        "years": _differences(before.years, after.years, _UNIT, _YEAR),
    }


def _differences(before: pa.Table, after: pa.Table, keys: tuple[str, ...], numbers: tuple[str, ...]) -> pa.Table:
    sides = [_rows(table, keys, numbers) for table in (before, after)]
    out: list[dict[str, Any]] = []
    for key in sorted({*sides[0], *sides[1]}):
        one, two = (side.get(key) for side in sides)
        kind = "added" if one is None else "removed" if two is None else "changed"
        nothing = (0,) * len(numbers)
        moved = {name: b - a for name, a, b in zip(numbers, one or nothing, two or nothing)}
        if kind != "changed" or any(moved.values()):
            out.append({**dict(zip(keys, key)), "kind": kind, **moved})
    types = [(name, after.schema.field(name).type) for name in keys]
    return pa.Table.from_pylist(
        out, schema=pa.schema([*types, ("kind", pa.string()), *((name, pa.int64()) for name in numbers)])
    )


def _rows(table: pa.Table, keys: tuple[str, ...], numbers: tuple[str, ...]) -> dict[tuple[Any, ...], tuple[int, ...]]:
    names = [table[name].to_pylist() for name in keys]
    values = [[value or 0 for value in table[name].to_pylist()] for name in numbers]
    return dict(zip(zip(*names), zip(*values)))
