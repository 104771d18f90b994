"""The inputs of a job after some changes: files in which a cell differs are written anew, others copied, and what comes stands in one more."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ...columns.ids import flat
from ...columns.keys import ids_of
from ...ledger.changes import Institutions, Persons, Read, alike
from ...ledger.differ import place_among
from ..datasets import Dataset
from ..files import open_file
from ..journal import Journal
from .unit import ROW

__all__ = ["INPUT", "changed_inputs", "plain_words"]

Int64 = npt.NDArray[np.int64]
INPUT = "input"
CELLS = {"visits": "setl_time", "lines": "deny_flag"}
KEYS: dict[str, tuple[type, str]] = {"persons": (Persons, "psn_no"), "institutions": (Institutions, "fixmedins_code")}


def changed_inputs(
    journal: Journal, datasets: Mapping[str, Dataset], reads: Sequence[Read], units: int, passing: Collection[str] = ()
) -> dict[str, list[str]]:
    """Write the tables that changes touch below `input/`; the files of each such table, below the job's folder and in their order.

    `passing`: tables that are not going to stay where they are, and are written whatever changes.
    """
    out: dict[str, list[str]] = {}
    for name, dataset in datasets.items():
        if name in CELLS:
            rows, cells = _joined(journal, f"added {name}", units), _joined(journal, f"cells {name}", units)
            if rows is not None or cells is not None or name in passing:
                out[name] = _table(journal, dataset, None if rows is None else rows.drop_columns([ROW]), cells)
        elif name in KEYS and any(isinstance(read.change, KEYS[name][0]) for read in reads):
            out[name] = _replaced(journal, dataset, reads)
    lines = _joined(journal, "added lines", units) if "lines" not in datasets else None
    if lines is not None:
        out["lines"] = [_added(journal, "lines", lines.drop_columns([ROW]), set())]
    return out


def _joined(journal: Journal, kind: str, units: int) -> pa.Table | None:
    """What all units have of a kind, by row; None without any."""
    notes = [note for unit in range(units) if (note := journal.find(kind, unit)) is not None]
    if not notes:
        return None
    rows = pa.concat_tables(
        [pq.read_table(journal.folder / note["path"]) for note in notes], promote_options="permissive"
    )
    return rows.unify_dictionaries().combine_chunks().sort_by(ROW)


def _table(journal: Journal, dataset: Dataset, rows: pa.Table | None, cells: pa.Table | None) -> list[str]:
    """Files of a table with some cells changed and some rows more."""
    name, out, begin = dataset.name, [], 0
    at = np.zeros(0, np.int64) if cells is None else cells[ROW].to_numpy()
    for file in dataset.files:
        path = f"{INPUT}/{name}/{file.path}"
        mine = np.flatnonzero((at >= begin) & (at < begin + file.rows))
        if len(mine):
            assert cells is not None
            write = partial(
                _rewritten, dataset, file.index, CELLS[name], at[mine] - begin, cells[CELLS[name]].take(pa.array(mine))
            )
            _once(journal, path, write)
        else:
            _once(journal, path, partial(_copied, file.location))
        out.append(path)
        begin += file.rows
    # Rows or none: one more file at the root, so that the paths of the others are what they were.
    added = dataset.arrow.empty_table() if rows is None else rows
    return [*out, _added(journal, name, added, {file.path for file in dataset.files})]


def _once(journal: Journal, path: str, write: Any) -> None:
    if journal.find("input", path) is None:
        journal.part("input", path, path, write)


def _copied(location: str, place: Path) -> None:
    with open_file(location) as source, open(place, "wb") as target:
        shutil.copyfileobj(source, target, 1 << 22)


def _added(journal: Journal, name: str, rows: pa.Table, taken: set[str]) -> str:
    """Rows as a file beside the others, under a name that none has."""
    number = next(i for i in range(len(taken) + 1) if f"added-{i:05d}.parquet" not in taken)
    path = f"{INPUT}/{name}/added-{number:05d}.parquet"
    _once(journal, path, partial(_written, rows))
    return path


def _written(rows: pa.Table, place: Path) -> dict[str, Any]:
    pq.write_table(plain_words(rows), place, compression="zstd", write_page_checksum=True)
    return {"rows": rows.num_rows}


def plain_words(rows: pa.Table) -> pa.Table:
    """Without dictionaries: words of one file are no other's."""
    for i, field in enumerate(rows.schema):
        if pa.types.is_dictionary(field.type):
            rows = rows.set_column(i, field.name, rows.column(i).cast(field.type.value_type))
    return rows


def _rewritten(
    dataset: Dataset, index: int, name: str, at: Int64, cells: pa.ChunkedArray, place: Path
) -> dict[str, Any]:
    """A file with other cells in some rows of a column; everything else as it was."""
    file = dataset.files[index]
    own = dataset.layouts[file.layout].places.get(name, (None,))[0] or name
    begin = 0
    writer: pq.ParquetWriter | None = None
    with open_file(file.location) as source:
        raw = pq.ParquetFile(source, page_checksum_verification=True)
        try:
            for group, size in enumerate(file.group_rows):
                table = raw.read_row_group(group, use_threads=False)
                held = plain_words(dataset.read(index, group, [name])) if name in dataset.columns else None
                kind = cells.type if held is None else held.column(0).type
                old = pa.chunked_array([pa.nulls(size, kind)]) if held is None else held.column(0)
                mine = np.flatnonzero((at >= begin) & (at < begin + size))
                places = np.arange(size)
                places[at[mine] - begin] = size + np.arange(len(mine))
                new = pa.chunked_array([*old.chunks, *cells.take(pa.array(mine)).cast(kind).chunks], kind)
                new = new.take(pa.array(places))
                if own in table.column_names:
                    table = table.set_column(table.column_names.index(own), own, new)
                else:
                    table = table.append_column(own, new)
                writer = writer or pq.ParquetWriter(place, table.schema, compression="zstd", write_page_checksum=True)
                writer.write_table(table.cast(writer.schema), row_group_size=max(1, size))
                begin += size
        finally:
            if writer is not None:
                writer.close()
    return {"rows": file.rows}


def _replaced(journal: Journal, dataset: Dataset, reads: Sequence[Read]) -> list[str]:
    """Files of a table of people or institutions without the rows of those that changes name, and their new rows."""
    name, (kind, key) = dataset.name, KEYS[dataset.name]
    came = [read.parts[name] for read in reads if isinstance(read.change, kind)]
    like = pa.large_string()
    named = [flat(ids_of(rows, key)).cast(like) for rows in came]
    every = pa.chunked_array([chunk for ids in named for chunk in ids.chunks], like).unique().drop_null()
    out = []
    for file in dataset.files:
        path = f"{INPUT}/{name}/{file.path}"
        _once(journal, path, partial(_without, dataset, file.index, key, every))
        out.append(path)
    kept = dataset.arrow.empty_table()
    for i, rows in enumerate(came):
        later = pa.chunked_array([chunk for ids in named[i + 1 :] for chunk in ids.chunks], like)
        rows = rows.filter(pc.invert(pc.is_in(named[i], value_set=later.unique().drop_null())))
        ours, theirs, _ = alike(kept, rows, dataset.schema)
        kept = pa.concat_tables([ours, theirs])
    return [*out, _added(journal, name, kept, {file.path for file in dataset.files})]


def _without(dataset: Dataset, index: int, key: str, names: pa.Array, place: Path) -> dict[str, Any]:
    file, rows = dataset.files[index], 0
    with open_file(file.location) as source:
        raw = pq.ParquetFile(source, page_checksum_verification=True)
        with pq.ParquetWriter(place, raw.schema_arrow, compression="zstd", write_page_checksum=True) as writer:
            for group in range(len(file.group_rows)):
                ids = flat(ids_of(dataset.read(index, group, [key]), key)).cast(names.type)
                mask = pa.array(place_among(pa.chunked_array(ids.chunks, names.type), names) < 0)
                table = raw.read_row_group(group, use_threads=False).filter(mask)
                writer.write_table(table)
                rows += table.num_rows
    return {"rows": rows}
