"""Stand-in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ..columns.schema import Table


@dataclass(frozen=True)
class DataFile:
    path: str
    index: int
    bytes: int
    mtime_ns: int
    group_rows: tuple[int, ...]
    checksums: bool


@dataclass(frozen=True)
class Dataset:
    name: str
    schema: Table
    files: tuple[DataFile, ...]
    root: str
    columns: tuple[str, ...]

    @property
    def rows(self) -> int:
        return sum(sum(f.group_rows) for f in self.files)

    def read(self, file: int, group: int, columns: Sequence[str] | None = None) -> pa.Table:
        wanted = [c for c in (columns if columns is not None else self.columns) if c in self.columns]
        with pq.ParquetFile(Path(self.root) / self.files[file].path, page_checksum_verification=True) as f:
            return f.read_row_group(group, columns=wanted, use_threads=False)


def open_dataset(name: str, paths: Sequence[Path], root: Path, schema: Table) -> Dataset:
    files = []
    columns: Any = None
    for i, path in enumerate(paths):
        meta = pq.read_metadata(path)
        columns = columns or tuple(c for c in meta.schema.to_arrow_schema().names if schema.find(c) is not None)
        stat = path.stat()
        rows = tuple(meta.row_group(g).num_rows for g in range(meta.num_row_groups))
        files.append(DataFile(str(path.relative_to(root)), i, stat.st_size, stat.st_mtime_ns, rows, True))
    return Dataset(name, schema, tuple(files), str(root), columns)
