"""A city as files, written as a stream."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from .. import io
from ..columns.schema import ACCT_EVENTS, CAPS, INSTITUTIONS, ITEMS, PERSONS, SCALES, SELFPAY, Table
from .economy import EARNINGS, HOUSEHOLDS

if TYPE_CHECKING:
    from .town import City

FORMATS = ("parquet", "csv")
ENCODINGS = ("utf-8", "utf-8-sig", "gb18030", "gbk")


def write_city(
    city: City, folder: Path, format: str, encoding: str, rows: int, progress: Callable[[int, int], None] | None
) -> None:
    """Write every table of a city; see ``City.write``."""
    if format not in FORMATS:
        raise ValueError(f"format must be one of {', '.join(FORMATS)}")
    encoding = encoding.lower().replace("_", "-").replace("utf8", "utf-8")
    if encoding not in ENCODINGS:
        raise ValueError(f"encoding must be one of {', '.join(ENCODINGS)}")
    catalog = folder / "catalog"
    catalog.mkdir(parents=True, exist_ok=True)
    for table, schema in zip(city.catalog, (ITEMS, SELFPAY, CAPS)):
        io.write_table(table, catalog / f"{schema.name}.{format}", schema, encoding)
    io.write_table(city.institutions, folder / f"institutions.{format}", INSTITUTIONS, encoding)
    counts = {"institutions": city.institutions.num_rows, "items": city.catalog.items.num_rows}
    for schema, tables in (
        (PERSONS, city.person_batches()),
        (ACCT_EVENTS, city.account_batches()),
        (HOUSEHOLDS, city.household_batches()),
        (EARNINGS, city.earning_batches()),
    ):
        with _Sink(folder / f"{schema.name}.{format}", schema, encoding) as sink:
            for table in _grouped(tables, rows):
                sink.add(table)
        counts[schema.name] = sink.rows
    with ExitStack() as stack:
        sinks = {
            name: stack.enter_context(_Sink(folder / f"{name}.{format}", schema, encoding))
            for name, schema in city.streams.items()
        }
        for batch in city.batches(rows):
            sinks["visits"].add(batch.visits)
            sinks["lines"].add(batch.lines)
            for name, (table, _) in batch.beside.items():
                sinks[name].add(table)
            if progress is not None:
                progress(sinks["visits"].rows, city.plan.visits)
    counts |= {name: sink.rows for name, sink in sinks.items()}
    for name, (table, schema) in city.further_tables().items():
        io.write_table(table, folder / f"{name}.{format}", schema, encoding)
        counts[name] = table.num_rows
    for name, table in city.plain_tables().items():
        path = folder / f"{name}.csv"
        path.parent.mkdir(exist_ok=True)
        pacsv.write_csv(table, path)
    for name, text in city.texts().items():
        (folder / name).write_text(text, encoding="utf-8")
    made = {"parameters": dataclasses.asdict(city.plan), "rows": counts}
    (folder / "city.json").write_text(json.dumps(made, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _grouped(tables: Iterable[pa.Table], rows: int) -> Iterator[pa.Table]:
    """Small tables joined until they have about ``rows`` rows."""
    held: list[pa.Table] = []
    count = 0
    for table in tables:
        held.append(table)
        count += table.num_rows
        if count >= rows:
            yield pa.concat_tables(held)
            held, count = [], 0
    if held:
        yield pa.concat_tables(held)


class _Sink:
    """One table's file, opened at the first part. Everything that streams is ASCII, so an encoding is at most a byte-order mark."""

    def __init__(self, path: Path, schema: Table, encoding: str) -> None:
        self._path, self._schema, self._encoding = path, schema, encoding
        self._writer: pq.ParquetWriter | pacsv.CSVWriter | None = None
        self._file: pa.NativeFile | None = None
        self.rows = 0

    def __enter__(self) -> _Sink:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()
        if self._file is not None:
            self._file.close()

    def add(self, table: pa.Table) -> None:
        """Write one part."""
        self.rows += table.num_rows
        if self._path.suffix == ".csv":
            table = _csv_columns(table, self._schema)
        if self._writer is None:
            self._open(table.schema)
        assert self._writer is not None
        self._writer.write_table(table)

    def _open(self, schema: pa.Schema) -> None:
        if self._path.suffix == ".csv":
            self._file = pa.OSFile(str(self._path), "wb")
            if self._encoding == "utf-8-sig":
                self._file.write(b"\xef\xbb\xbf")
            self._writer = pacsv.CSVWriter(self._file, schema, write_options=pacsv.WriteOptions(quoting_style="needed"))
            return
        exact = [f.name for f in schema if pa.types.is_int64(f.type)]
        # serial numbers never repeat: a dictionary of them would only cost
        unique = {"feedetl_sn", "init_feedetl_sn", "setl_id", "psn_no", "mdtrt_id", "init_setl_id", "refl_old_mdtrt_id"}
        repeated = [
            f.name for f in schema if f.name not in exact and (f.name not in unique or pa.types.is_dictionary(f.type))
        ]
        encoding = {f.name: "DELTA_BYTE_ARRAY" for f in schema if f.name in unique and f.name not in repeated}
        encoding |= dict.fromkeys(exact, "DELTA_BINARY_PACKED")
        self._writer = pq.ParquetWriter(
            self._path,
            schema,
            compression="zstd",
            use_dictionary=repeated or False,
            column_encoding=encoding or None,
            write_page_checksum=True,
        )


def _csv_columns(table: pa.Table, schema: Table) -> pa.Table:
    """Exact columns as decimals, dictionaries as texts, times as the interface writes them."""
    columns = []
    for name in table.column_names:
        column, spec = table.column(name), schema.find(name)
        if spec is not None and SCALES.get(spec.kind) and pa.types.is_integer(column.type):
            column = io.yuan(column, SCALES[spec.kind])
        elif pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        elif pa.types.is_timestamp(column.type):
            column = column.cast(pa.timestamp("s"))
        columns.append(column)
    return pa.table(columns, names=table.column_names)
