"""Columns of ids out of tables that may not have them."""

from __future__ import annotations

import pyarrow as pa

from .ids import flat, normal
from .read import blank_is_missing

__all__ = ["ids_of", "kind_of", "text_of"]


def ids_of(table: pa.Table | None, name: str, like: pa.DataType | None = None) -> pa.ChunkedArray:
    """A column of ids as text or whole numbers, empty ones missing; all missing where the table has none."""
    if table is None or name not in table.column_names:
        rows = 0 if table is None else table.num_rows
        return pa.chunked_array([pa.nulls(rows, like or pa.large_string())])
    column = table[name]
    if pa.types.is_null(column.type):
        return pa.chunked_array([pa.nulls(len(column), like or pa.large_string())])
    return blank_is_missing(normal(column))


def kind_of(column: pa.ChunkedArray) -> pa.DataType:
    """Type of ids, dictionaries or not."""
    return column.type.value_type if pa.types.is_dictionary(column.type) else column.type


def text_of(column: pa.ChunkedArray) -> pa.Array:
    """Ids in one piece, without dictionaries."""
    whole = flat(column).combine_chunks()
    if isinstance(whole, pa.ChunkedArray):
        whole = pa.concat_arrays(whole.chunks) if whole.num_chunks else pa.array([], whole.type)
    return whole
