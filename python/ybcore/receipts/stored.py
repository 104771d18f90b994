"""A table that lies in files, read part by part: a row group of Parquet, a whole CSV file."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from .. import io
from ..columns.schema import Table
from ..errors import InputError, Problem
from ..explain import is_one_of

__all__ = ["Keys", "Stored", "may_hold", "one_table"]

BATCH = 1 << 16
#: Column → the values that are looked for.
Keys = Mapping[str, Collection[Any]]


class Stored:
    """A table in one or more files of one kind. Names of columns are those of `schema`, whatever the files call them.

    Raises InputError for files that cannot be read.
    """

    def __init__(self, schema: Table, files: Sequence[Path], encoding: str = "auto") -> None:
        self.schema, self.files = schema, tuple(files)
        self._held: dict[int, pa.Table] = {}  # CSV files as they were read
        self._about: dict[int, pq.FileMetaData] = {}
        self.parts: list[tuple[int, int]] = []
        for i, path in enumerate(self.files):
            if path.suffix.lower() == ".csv":
                self._held[i] = io.read_table(path, encoding)
                self.parts.append((i, 0))
            else:
                self._about[i] = self._open(path).metadata
                self.parts += [(i, group) for group in range(self._about[i].num_row_groups)]
        self._own = self._names()

    def _open(self, path: Path, about: pq.FileMetaData | None = None) -> pq.ParquetFile:
        try:
            return pq.ParquetFile(path, metadata=about, page_checksum_verification=True)
        except (OSError, pa.ArrowException) as error:
            what, zh = f"cannot read the file: {error}", f"无法读取文件：{error}"
            raise InputError([Problem(what=what, what_zh=zh, file=str(path))]) from error

    def _names(self) -> dict[str, str]:
        """Name in the schema → name in the files; unknown columns keep theirs."""
        if not self.files:
            return {}
        found = self._held[0].column_names if 0 in self._held else self._about[0].schema.to_arrow_schema().names
        out: dict[str, str] = {}
        for name in found:
            spec = self.schema.find(name)
            out.setdefault(name if spec is None else spec.name, name)
        return out

    @property
    def csv(self) -> bool:
        """Whether its cells are texts of CSV."""
        return bool(self._held)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that are there."""
        return tuple(self._own)

    @property
    def rows(self) -> int:
        """Rows of all files."""
        return sum(len(table) for table in self._held.values()) + sum(about.num_rows for about in self._about.values())

    def batches(self, part: tuple[int, int], columns: Collection[str] | None = None) -> Iterator[pa.Table]:
        """One part, some ten thousand rows at a time; `columns`: which of those that are there, default all."""
        file, group = part
        names = [name for name in self._own if columns is None or name in columns]
        own = [self._own[name] for name in names]
        if file in self._held:
            yield self._held[file].select(own).rename_columns(names)
            return
        try:
            opened = self._open(self.files[file], self._about[file])
            for batch in opened.iter_batches(BATCH, row_groups=[group], columns=own, use_threads=False):
                yield pa.Table.from_batches([batch]).select(own).rename_columns(names)
        except (OSError, pa.ArrowException) as error:
            what, zh = f"row group {group} cannot be read: {error}", f"行组 {group} 无法读取：{error}"
            raise InputError([Problem(what=what, what_zh=zh, file=str(self.files[file]))]) from error

    def each(self, columns: Collection[str] | None = None) -> Iterator[pa.Table]:
        """Batch by batch."""
        for part in self.parts:
            yield from self.batches(part, columns)

    def whole(self) -> pa.Table:
        """Everything."""
        tables = list(self.each())
        return one_table(tables) if tables else self._nothing(None)

    def where(
        self, keys: Keys, columns: Collection[str] | None = None, threads: int = 1, source: bool = False
    ) -> pa.Table:
        """The rows in which some column of `keys` holds one of its values, in stored order; with `source`, where each lies too."""
        keys = {name: values for name, values in keys.items() if name in self._own and values}
        wanted = {name: sorted(values, key=str) for name, values in keys.items()}
        parts = [part for part in self.parts if keys and self._may_hold(part, keys)]

        def some(part: tuple[int, int]) -> list[pa.Table]:
            masks = [self._hit(asked, wanted) for asked in self.batches(part, keys)]
            if not any(mask.any() for mask in masks):
                return []
            hit = np.concatenate(masks)
            name, first = self._place(part) if source else ("", 0)
            out, row = [], 0
            for table in self.batches(part, columns):
                mask = hit[row : row + len(table)]
                if mask.any():
                    mine = table.filter(pa.array(mask))
                    out.append(_with_source(mine, name, first + row + np.flatnonzero(mask)) if source else mine)
                row += len(table)
            return out

        if threads > 1 and len(parts) > 1:
            with ThreadPoolExecutor(threads) as team:
                found = list(team.map(some, parts))
        else:
            found = [some(part) for part in parts]
        kept = [table for tables in found for table in tables]
        if kept:
            return one_table(kept)
        nothing = self._nothing(columns)
        return _with_source(nothing, "", np.zeros(0, np.int64)) if source else nothing

    @staticmethod
    def _hit(table: pa.Table, wanted: dict[str, list[Any]]) -> npt.NDArray[np.bool_]:
        """Rows in which some column holds one of its values."""
        mask = np.zeros(len(table), bool)
        for name, values in wanted.items():
            mask |= np.asarray(pc.fill_null(is_one_of(table[name], values), False))
        return mask

    def _place(self, part: tuple[int, int]) -> tuple[str, int]:
        """Name of a part's file, and the first row of the part there."""
        file, group = part
        before = 0 if file in self._held else sum(self._about[file].row_group(g).num_rows for g in range(group))
        return self.files[file].name, before

    def _nothing(self, columns: Collection[str] | None) -> pa.Table:
        """No rows, with the columns."""
        names = [name for name in self._own if columns is None or name in columns]
        if self._held:
            return self._held[0].slice(0, 0).select([self._own[n] for n in names]).rename_columns(names)
        schema = self._about[0].schema.to_arrow_schema()
        return pa.schema([schema.field(self._own[n]).with_name(n) for n in names]).empty_table()

    def _may_hold(self, part: tuple[int, int], keys: Keys) -> bool:
        """Whether statistics leave room for one of the values."""
        file, group = part
        if file in self._held:
            return True
        return may_hold(self._about[file], group, self._own, keys)


def may_hold(about: pq.FileMetaData, group: int, names: Mapping[str, str | None], keys: Keys) -> bool:
    """Whether the statistics of a row group leave room for one of the values; `names`: what the file calls the columns."""
    row_group = about.row_group(group)
    paths = {row_group.column(i).path_in_schema: i for i in range(row_group.num_columns)}
    for name, values in keys.items():
        at = paths.get(names.get(name) or "")
        told = None if at is None else row_group.column(at).statistics
        if told is None or not told.has_min_max or _reaches(told.min, told.max, values):
            return True
    return False


def _reaches(low: Any, high: Any, values: Collection[Any]) -> bool:
    """Whether some value lies from `low` to `high`; ids given as text find whole numbers."""
    held: list[Any]
    if isinstance(low, int):
        held = sorted(int(v) for v in values if str(v).lstrip("-").isdigit())
    elif isinstance(low, str):
        held, low, high = sorted(str(v).encode() for v in values), low.encode(), high.encode()
    else:
        return True
    at = bisect_left(held, low)
    return at < len(held) and held[at] <= high


def _with_source(table: pa.Table, name: str, rows: npt.NDArray[np.int64]) -> pa.Table:
    """With where each row lies: file and row, as a job tells them."""
    files = pa.array([name] * len(table), pa.string())
    return table.append_column("source_file", files).append_column("source_row", pa.array(rows))


def one_table(tables: Sequence[pa.Table]) -> pa.Table:
    """Parts of one table, with dictionaries of one kind."""
    return pa.concat_tables(tables, promote_options="default") if len(tables) > 1 else tables[0]
