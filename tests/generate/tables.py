"""Tables of the generators as Arrow, in the engine's units."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from ybcore.columns.schema import INPUT_TABLES

TYPES = {
    "date": pa.date32(),
    "time": pa.timestamp("s"),
    "money": pa.int64(),
    "quantity": pa.int64(),
    "price": pa.int64(),
    "rate": pa.int64(),
    "count": pa.int64(),
}
SCHEMAS = (
    {table.name: table for table in INPUT_TABLES.values()}
    if isinstance(INPUT_TABLES, dict)
    else {t.name: t for t in INPUT_TABLES}
)


def arrow(name: str, rows: list[dict[str, Any]]) -> pa.Table:
    """Rows of one input table as an Arrow table; columns that no row has are left out, except the required ones."""
    schema = SCHEMAS[name]
    columns = list(dict.fromkeys(key for row in rows for key in row))
    needed = [c.name for c in schema.columns if c.required] + (["setl_id"] if name == "lines" else [])
    columns += [column for column in needed if column not in columns]
    out = {}
    for column in columns:
        values = [row.get(column) for row in rows]
        found = schema.find(column)
        kind = TYPES.get(found.kind) if found else None
        if kind is None:
            whole = any(isinstance(v, int) for v in values)
            kind = pa.int64() if whole else pa.string()
        out[column] = (
            pa.array(values, pa.int64()).cast(pa.int32()).cast(kind) if kind == pa.date32() else pa.array(values, kind)
        )
    return pa.table(out)
