"""`migrate`: tables of the national platform to ours and back."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa

from .. import io
from ..columns.schema import INPUT_TABLES, LINE_OUTPUT, VISIT_OUTPUT
from ..messages import say
from ..migrate import Migrated, from_platform, to_platform
from .base import Failure, Session

__all__ = ["from_theirs", "to_theirs"]

SCHEMAS = {"visits": INPUT_TABLES["visits"], "lines": INPUT_TABLES["lines"], "results": VISIT_OUTPUT, "line_results": LINE_OUTPUT}  # fmt: skip


def from_theirs(
    session: Session,
    *,
    setl_d: Path,
    fee_list_d: Path | None,
    mdtrt_d: Path | None,
    hospital_gap: str,
    out: Path,
    format_: str,
    as_json: bool,
) -> int:
    """SETL_D and what is beside it, as visits, results, lines and line_results in a folder."""
    tables = {name: None if path is None else io.read_table(path) for name, path in (("fees", fee_list_d), ("stays", mdtrt_d))}  # fmt: skip
    done = from_platform(io.read_table(setl_d), tables["fees"], tables["stays"], hospital_gap=hospital_gap)
    return _write(session, done, out, format_, as_json)


def to_theirs(session: Session, *, folder: Path, out: Path, format_: str, as_json: bool) -> int:
    """visits and results (lines, line_results) of a folder as SETL_D, MDTRT_D and FEE_LIST_D."""
    found = {name: io.find_table(folder, name) for name in SCHEMAS}
    for name in ("visits", "results"):
        if found[name] is None:
            raise Failure(say(f"{folder}：没有 {name}.parquet 或 {name}.csv", f"{folder}: there is no {name}.parquet or {name}.csv"))  # fmt: skip
    held = {name: None if path is None else io.read_table(path) for name, path in found.items()}
    done = to_platform(held["visits"], held["results"], held["lines"], held["line_results"])
    return _write(session, done, out, format_, as_json)


def _write(session: Session, done: Migrated, out: Path, format_: str, as_json: bool) -> int:
    out.mkdir(parents=True, exist_ok=True)
    for name, table in done.tables.items():
        io.write_table(table, out / f"{name.lower()}.{format_}", SCHEMAS.get(name))
    for name, table in done.beside.items():
        io.write_table(_plain(table), out / f"beside-{name.lower()}.{format_}")
    for note in done.notes:
        session.say(f"{note.path} 第 {note.row} 行：{note.what_zh}", f"{note.path} row {note.row}: {note.what}")
    rows = {name: table.num_rows for name, table in done.tables.items()}
    if as_json:
        session.data(
            json.dumps({"rows": rows, "unplaced": done.unplaced, "notes": len(done.notes)}, ensure_ascii=False)
        )
        return 0
    for name, count in rows.items():
        session.data(say(f"{name}：{count:,} 行", f"{name}: {count:,} rows"))
    for name, columns in done.unplaced.items():
        listed = ", ".join(columns)
        session.data(say(f"{name} 中无处可放的列（另存于 beside-{name.lower()}.{format_}）：{listed}", f"columns of {name} that have no place (kept in beside-{name.lower()}.{format_}): {listed}"))  # fmt: skip
    return 0


def _plain(table: pa.Table) -> pa.Table:
    """Columns of no known kind as they are; dictionaries as their texts."""
    return pa.table({name: table[name].cast(table[name].type.value_type) if pa.types.is_dictionary(table[name].type) else table[name] for name in table.column_names})  # fmt: skip
