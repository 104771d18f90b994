"""Tables from files and to files: Parquet, and CSV in UTF-8 (with or without BOM) or GB18030.

In CSV every cell is text: money is in yuan, rates are fractions, dates are ``YYYY-MM-DD``. In Parquet the columns are what they
are (int64 money is fen). Encoding ``auto``: a BOM, else strict UTF-8, else GB18030.
"""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from .columns.schema import SCALES, Table
from .errors import InputError, Problem

__all__ = ["detect_encoding", "find_table", "read_table", "write_table", "yuan"]

SUFFIXES = (".parquet", ".csv")
_BLOCK = 1 << 22


def detect_encoding(path: str | Path) -> str:
    """``utf-8-sig``, ``utf-8`` or ``gb18030``: by BOM, else by whether the whole file is strict UTF-8."""
    with open(path, "rb") as file:
        head = file.read(3)
        if head == codecs.BOM_UTF8:
            return "utf-8-sig"
        file.seek(0)
        decoder = codecs.getincrementaldecoder("utf-8")("strict")
        try:
            while block := file.read(_BLOCK):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "gb18030"
    return "utf-8"


def find_table(folder: str | Path, name: str) -> Path | None:
    """``name.parquet`` or ``name.csv`` in a folder; None when neither is there. Both at once is an InputError."""
    found = [path for suffix in SUFFIXES if (path := Path(folder) / f"{name}{suffix}").is_file()]
    if len(found) > 1:
        raise InputError(
            [
                Problem(
                    what=f"both {found[0].name} and {found[1].name} are there",
                    what_zh=f"{found[0].name} 与 {found[1].name} 同时存在",
                    file=str(folder),
                )
            ]
        )
    return found[0] if found else None


def read_table(path: str | Path, encoding: str = "auto") -> pa.Table:
    """Read one Parquet or CSV file as an Arrow table (CSV: every column text, an empty cell missing).

    Raises InputError for a file that is not there or cannot be read.
    """
    path = Path(path)
    try:
        if path.suffix.lower() == ".csv":
            return _read_csv(path, detect_encoding(path) if encoding == "auto" else encoding)
        return pq.read_table(path)
    except (OSError, pa.ArrowException, UnicodeError, LookupError) as error:
        raise InputError(
            [Problem(what=f"cannot read the file: {error}", what_zh=f"无法读取文件：{error}", file=str(path))]
        ) from error


def _read_csv(path: Path, encoding: str) -> pa.Table:
    with open(path, "rb") as file:
        header = file.readline().decode(encoding).rstrip("\r\n")
    if not header:
        raise InputError([Problem(what="the file is empty", what_zh="文件是空的", file=str(path))])
    names = [name.strip() for name in pacsv.read_csv(pa.BufferReader((header + "\n").encode())).column_names]
    return pacsv.read_csv(
        path,
        read_options=pacsv.ReadOptions(
            encoding="utf8" if encoding.startswith("utf-8") else encoding, column_names=names, skip_rows=1
        ),
        parse_options=pacsv.ParseOptions(newlines_in_values=True),
        convert_options=pacsv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            strings_can_be_null=True,
            null_values=[""],
            quoted_strings_can_be_null=True,
        ),
    )


def yuan(fen: npt.NDArray[np.int64] | pa.Array | pa.ChunkedArray, places: int = 2) -> pa.Array:
    """Whole units of 10^-places as exact decimals: fen → yuan without any division."""
    array = (
        fen
        if isinstance(fen, pa.Array)
        else fen.combine_chunks()
        if isinstance(fen, pa.ChunkedArray)
        else pa.array(fen)
    )
    if isinstance(array, pa.ChunkedArray):
        array = array.chunk(0) if array.num_chunks else pa.array([], pa.int64())
    array = array.cast(pa.int64())
    low = np.asarray(array.fill_null(0))
    words = np.empty((len(low), 2), np.int64)
    words[:, 0] = low
    words[:, 1] = low >> 63
    validity = pa.array(np.asarray(array.is_valid())).buffers()[1] if array.null_count else None
    return pa.Array.from_buffers(pa.decimal128(19, places), len(low), [validity, pa.py_buffer(words)])


def write_table(table: pa.Table, path: str | Path, schema: Table | None = None, encoding: str = "utf-8") -> None:
    """Write an Arrow table to Parquet or CSV, chosen by the file's suffix.

    ``schema`` names the exact columns: in CSV money becomes yuan and rates fractions; in Parquet amounts are delta-encoded.
    """
    path = Path(path)
    if path.suffix.lower() == ".csv":
        _write_csv(table, path, schema, encoding)
    elif path.suffix.lower() == ".parquet":
        exact = [f.name for f in table.schema if pa.types.is_int64(f.type)]
        others = [f.name for f in table.schema if f.name not in exact]
        pq.write_table(
            table,
            path,
            compression="zstd",
            use_dictionary=others or False,
            column_encoding=dict.fromkeys(exact, "DELTA_BINARY_PACKED") or None,
            write_page_checksum=True,
        )
    else:
        raise InputError(
            [Problem(what="the suffix must be .parquet or .csv", what_zh="后缀应为 .parquet 或 .csv", file=str(path))]
        )


def _write_csv(table: pa.Table, path: Path, schema: Table | None, encoding: str) -> None:
    columns: list[Any] = []
    for name in table.column_names:
        column = table.column(name)
        spec = schema.find(name) if schema else None
        if spec is not None and spec.kind in SCALES and SCALES[spec.kind] and pa.types.is_integer(column.type):
            column = yuan(column, SCALES[spec.kind])
        elif pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        columns.append(column)
    out = pa.table(columns, names=table.column_names)
    options = pacsv.WriteOptions(quoting_style="needed")
    if encoding.lower().replace("_", "-") in ("utf-8", "utf8"):
        pacsv.write_csv(out, path, options)
        return
    sink = pa.BufferOutputStream()
    pacsv.write_csv(out, sink, options)
    text = sink.getvalue().to_pybytes().decode()
    with open(path, "w", encoding=encoding, newline="") as file:
        file.write(text)
