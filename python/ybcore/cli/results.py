"""Results that a command wrote, as the engine gave them, whatever the format."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from .. import io
from ..columns.convert import NULL_INT
from ..columns.read import Problems, read
from ..columns.schema import SCALES, Table

__all__ = ["read_results"]


def read_results(path: Path, schema: Table, ids: dict[str, pa.DataType] | None = None) -> pa.Table:
    """A table of results in the engine's units and types. `ids`: types of ids and of columns that the schema does not have, text without.

    Raises InputError for a file that cannot be read.
    """
    table = io.read_table(path)
    if path.suffix.lower() != ".csv":
        return table
    problems = Problems()
    # What was settled may be negative: a reversal.
    signed = Table(schema.name, schema.zh, schema.en, tuple(replace(c, negative=True) for c in schema.columns), True)
    frame = read(table, signed, problems, file=str(path))
    problems.stop()
    columns = {}
    for name in table.column_names:
        spec = schema.find(name)
        if spec is None or spec.kind == "id":
            columns[name] = table[name].cast((ids or {}).get(name, pa.string()))
        elif spec.kind in SCALES:
            values = frame.ints(name)
            columns[name] = pa.chunked_array([pa.array(values, mask=values == NULL_INT)])
        else:
            words = table[name].fill_null("").dictionary_encode()
            columns[name] = words.cast(pa.dictionary(pa.int32(), pa.string()))
    return pa.table(columns)
