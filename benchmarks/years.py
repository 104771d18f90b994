"""A synthetic year as files, two ways: as a bureau's database gives it out, and as it lies when somebody has sorted it.

`scattered`: visits by settlement time over the whole city, fee lines by fee date and then by chance, so that nothing lies beside what it is settled with.
`grouped`: visits by person, fee lines in the order of their visits, one file a region. Text is text (no dictionaries of ours), zstd, about a million rows
a row group.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

__all__ = ["KINDS", "made"]

KINDS = ("scattered", "grouped")
WHOLE = ("persons", "institutions", "acct_events")
LINES = 10.5
GROUP_ROWS = 1 << 20
_PREFIX = 6  # of psn_no: the region
_ORDERS = {
    "visits": "SELECT * FROM visits ORDER BY setl_time, setl_id",
    "lines": "SELECT * FROM lines ORDER BY fee_ocur_time, hash(feedetl_sn)",
}


def made(folder: Path, visits: int, seed: int, memory: str = "4GB") -> dict[str, Path]:
    """The folder of each kind, made where it is not there yet (half an hour for ten million visits)."""
    wanted = {"visits": visits, "seed": seed}
    mark = folder / "made.json"
    if not mark.is_file() or json.loads(mark.read_text()) != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        grouped(folder, visits, seed)
        scattered(folder, memory)
        mark.write_text(json.dumps(wanted))
    return {kind: folder / kind for kind in KINDS}


def grouped(folder: Path, visits: int, seed: int) -> None:
    """The city as it comes, person by person, region by region."""
    from ybcore import synth

    out = folder / "grouped"
    town = synth.city(seed=seed, persons=max(1, visits // 10), visits=visits, lines_per_visit=LINES, order="person")
    for name in ("visits", "lines"):
        (out / name).mkdir(parents=True)
    with ExitStack() as stack:
        writers: dict[tuple[str, str], pq.ParquetWriter] = {}

        def write(name: str, region: str, table: pa.Table) -> None:
            if (name, region) not in writers:
                path = out / name / f"{region}.parquet"
                writers[name, region] = stack.enter_context(pq.ParquetWriter(path, table.schema, compression="zstd"))
            writers[name, region].write_table(table, row_group_size=GROUP_ROWS)

        seen = np.zeros(0, np.int64)
        for batch in town.batches(200_000):
            first, seen = _first(batch.visits["setl_id"], seen)
            for region, visit_rows, line_rows in _regions(batch, first):
                write("visits", region, visit_rows)
                write("lines", region, line_rows)
    for name, table in {
        "persons": town.persons,
        "institutions": town.institutions,
        "acct_events": town.acct_events,
    }.items():
        pq.write_table(_plain(table), out / f"{name}.parquet", compression="zstd")
    (out / "catalog").mkdir()
    for name, table in zip(("items", "selfpay", "caps"), town.catalog):
        pq.write_table(table, out / "catalog" / f"{name}.parquet", compression="zstd")


def _first(ids: pa.ChunkedArray, seen: Any) -> tuple[Any, Any]:
    """(rows whose id was not there before, the numbers of all ids so far): of an id that stands twice the later row is left out with its lines, which
    have no place in the order of their visits."""
    number = np.asarray(pc.utf8_slice_codeunits(ids.cast(pa.string()), _PREFIX).cast(pa.int64()).fill_null(-1))
    held, at = np.unique(number, return_index=True)
    fresh = at[~np.isin(held, seen, assume_unique=True)]
    first = np.zeros(len(number), bool)
    first[fresh] = True
    return first, np.union1d(seen, held)


def _regions(batch: Any, first: Any) -> Iterator[tuple[str, pa.Table, pa.Table]]:
    """(region, its visits, their lines) of a batch."""
    region = pc.utf8_slice_codeunits(batch.visits["psn_no"].cast(pa.string()), 0, _PREFIX).fill_null("none")
    sizes = np.diff(batch.line_offsets)
    for name in sorted(pc.unique(region).to_pylist()):
        mine = np.asarray(pc.equal(region, name)) & first
        lines = pa.array(np.repeat(mine, sizes))
        yield name, _plain(batch.visits.filter(pa.array(mine))), _plain(batch.lines.filter(lines))


def _plain(table: pa.Table) -> pa.Table:
    """Texts as any writer has them."""
    columns = []
    for column in table.columns:
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        columns.append(column.cast(pa.string() if pa.types.is_large_string(kind) else kind))
    return pa.table(columns, names=table.column_names)


def scattered(folder: Path, memory: str) -> None:
    """The same rows by time."""
    import duckdb

    source, out, scratch = folder / "grouped", folder / "scattered", folder / "sorting"
    for name in _ORDERS:
        (out / name).mkdir(parents=True)
    with duckdb.connect() as db:
        db.execute(f"SET memory_limit='{memory}'; SET temp_directory='{scratch}'")
        for name, query in _ORDERS.items():
            db.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet('{source / name}/*.parquet')")
            db.execute(
                f"COPY ({query}) TO '{out / name}/year.parquet' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 983040)"
            )
    shutil.rmtree(scratch, ignore_errors=True)
    for name in WHOLE:
        shutil.copy(source / f"{name}.parquet", out / f"{name}.parquet")
    shutil.copytree(source / "catalog", out / "catalog")
