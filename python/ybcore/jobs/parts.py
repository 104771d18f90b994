"""The one writer of a job's tables: the same rows give the same bytes, whoever writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..columns.keys import kind_of

__all__ = ["normal_table", "write_part"]

GROUP_ROWS = 1 << 17
_SERIAL = ("setl_id", "psn_no", "feedetl_sn")  # ids that hardly repeat: a dictionary of them would only cost


def normal_table(table: pa.Table) -> pa.Table:
    """The same rows in the one form that is written: ids as they are, other texts as dictionaries of what is there."""
    columns = []
    for name, column in zip(table.column_names, table.columns):
        kind = kind_of(column)
        text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
        if text and name in _SERIAL:
            column = column.cast(pa.string()) if column.type != pa.string() else column
        elif text:
            column = pa.chunked_array([_words(column)])
        columns.append(column)
    return pa.table(columns, names=table.column_names)


def _words(column: pa.ChunkedArray) -> pa.DictionaryArray:
    """A column of few texts: int32 indices into those that are there, sorted."""
    whole = column.combine_chunks()
    if isinstance(whole, pa.ChunkedArray):
        whole = pa.concat_arrays(whole.chunks) if whole.num_chunks else pa.array([], whole.type)
    if not pa.types.is_dictionary(whole.type):
        whole = whole.dictionary_encode()
    texts = whole.dictionary.to_pylist()
    codes = whole.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32, copy=False)
    used = np.zeros(len(texts) + 1, bool)
    used[codes] = True
    used[-1] = False
    there = sorted({texts[i] for i in np.flatnonzero(used).tolist() if texts[i] is not None})
    place = {text: i for i, text in enumerate(there)}
    lut = np.array([*(place.get(text, -1) for text in texts), -1], np.int32)
    index = lut[codes]
    mask = index < 0 if (index < 0).any() else None
    return pa.DictionaryArray.from_arrays(pa.array(index, mask=mask), pa.array(there, pa.string()))


def write_part(table: pa.Table, path: Path) -> dict[str, Any]:
    """Write one Parquet file; {rows} of it."""
    table = normal_table(table)
    exact = [f.name for f in table.schema if pa.types.is_int64(f.type)]
    words = [f.name for f in table.schema if pa.types.is_dictionary(f.type)]
    serial = [f.name for f in table.schema if pa.types.is_string(f.type)]
    encoding = dict.fromkeys(exact, "DELTA_BINARY_PACKED") | dict.fromkeys(serial, "DELTA_BYTE_ARRAY")
    pq.write_table(
        table,
        path,
        row_group_size=GROUP_ROWS,
        compression="zstd",
        use_dictionary=words or False,
        column_encoding=encoding or None,
        write_page_checksum=True,
    )
    return {"rows": table.num_rows}
