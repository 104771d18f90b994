"""Small jobs over files, and what they should come to: one run in memory, put in the order that docs/jobs.md promises."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from ybcore import Engine
from ybcore.jobs.datasets import find_datasets
from ybcore.jobs.journal import Journal
from ybcore.jobs.run import Work
from ybcore.jobs.unit import Outputs
from ybcore.settling.merge import Part, merged
from ybcore.settling.state import State

NUMBERED = ("visits", "lines")


def write_inputs(
    folder: Path, tables: dict[str, pa.Table], files: dict[str, int] | None = None, rows: int = 1 << 20
) -> dict[str, Any]:
    """Each table as some files with row groups of so many rows; the paths by table."""
    out: dict[str, Any] = {}
    for name, table in tables.items():
        count = (files or {}).get(name, 1)
        cuts = np.linspace(0, table.num_rows, count + 1).astype(int)
        where = folder / name
        where.mkdir(parents=True, exist_ok=True)
        out[name] = []
        for i in range(count):
            path = where / f"{name}-{i:03d}.parquet"
            piece = table.slice(cuts[i], cuts[i + 1] - cuts[i])
            pq.write_table(piece, path, row_group_size=rows, write_page_checksum=True)
            out[name].append(path)
    return out


def do(engine: Engine, paths: dict[str, Any], out: Path, *, state: State | None = None, memory: int = 4 << 30, threads: int = 2, unit_visits: int | None = None, piece: int = 1 << 20, **outputs: Any) -> Work:  # fmt: skip
    """Run the steps of a job over files into a folder."""
    named = {name: [str(path) for path in files] for name, files in paths.items()}
    data = find_datasets(SimpleNamespace(inputs=named, folder=out.parent, rules=()), engine)
    asked = Outputs(**{"lines": True, "detail": True, **outputs})
    work = Work(engine, data, Journal.open(out, {}), asked, state, memory, threads)
    if unit_visits is not None:
        work.journal.note("cut", "", visits=unit_visits, rows=piece)
    work.run()
    return work


def result(folder: Path, name: str) -> pa.Table | None:
    """A dataset of the output, whole."""
    files = sorted((folder / name).glob("part-*.parquet"))
    return (
        pa.concat_tables([plain(pq.read_table(path)) for path in files], promote_options="permissive")
        if files
        else None
    )


def plain(table: pa.Table) -> pa.Table:
    """The same without dictionaries and wide texts."""
    columns = []
    for column in table.columns:
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        columns.append(column.cast(pa.string()) if pa.types.is_large_string(column.type) else column)
    return pa.table(columns, names=table.column_names)


def closing(folder: Path) -> State:
    """The closing states of all parts together."""
    states = [State.load(path) for path in sorted((folder / "state").iterdir())]
    everybody = [Part(s, np.ones(len(s.names["psn"]), bool), np.ones(len(s.names["house"]), bool)) for s in states]
    return merged(everybody)


def sources(paths: list[Path], rows: int) -> tuple[list[str], list[int]]:
    """File and row of each row of a table that was cut into files."""
    names, at = [], []
    for path in paths:
        n = pq.read_metadata(path).num_rows
        names += [path.name] * n
        at += range(n)
    assert len(names) == rows
    return names, at


def expected(
    engine: Engine, tables: dict[str, pa.Table], paths: dict[str, Any], state: State | None = None
) -> dict[str, Any]:
    """The outputs as they should be, from one run in memory and a sort in plain Python."""
    lines = tables.get("lines")
    setl = tables["visits"]["setl_id"].to_pylist()
    first: dict[Any, int] = {}
    for row, name in enumerate(setl):
        if name is not None:
            first.setdefault(name, row)
    line_visit = [] if lines is None else [first.get(name, -1) for name in lines["setl_id"].to_pylist()]
    there = np.array(line_visit) >= 0
    given = dict(tables)
    if lines is not None:
        given["lines"] = lines.filter(pa.array(there))
    done = engine.settle(**given, state=state, line_output=lines is not None, detail=True)
    rank = ranks(engine, tables, state)
    names, at = sources(paths["visits"], len(setl))
    out = (
        plain(done.visits)
        .append_column("source_file", pa.array(names, pa.string()))
        .append_column("source_row", pa.array(at, pa.int64()))
    )
    good = [outcome != "rejected" for outcome in out["outcome"].to_pylist()]
    order = [row for row in sorted(range(len(setl)), key=lambda row: rank[row]) if good[row]]
    answer: dict[str, Any] = {"settlements": out.take(order), "state": done.state}
    detail = plain(done.detail)
    place = {setl[row]: i for i, row in enumerate(order)}
    answer["detail"] = detail.take(sorted(range(len(detail)), key=lambda i: place[detail["setl_id"][i].as_py()]))
    rejects = [
        (0, "visits", setl[r], out["psn_no"][r].as_py(), None, out["reason"][r].as_py(), names[r], at[r])
        for r in range(len(setl))
        if not good[r]
    ]
    if lines is not None:
        line_names, line_at = sources(paths["lines"], lines.num_rows)
        own = plain(done.lines)
        kept = np.flatnonzero(there)
        own = own.append_column("source_file", pa.array([line_names[i] for i in kept], pa.string()))
        own = own.append_column("source_row", pa.array([line_at[i] for i in kept], pa.int64()))
        position = {row: i for i, row in enumerate(order)}
        mine = [(position[line_visit[i]], j) for j, i in enumerate(kept) if good[line_visit[i]]]
        answer["line_results"] = own.take([j for _, j in sorted(mine)])
        serial = lines["feedetl_sn"].to_pylist() if "feedetl_sn" in lines.column_names else [None] * lines.num_rows
        for i, (row, name) in enumerate(zip(line_visit, lines["setl_id"].to_pylist())):
            if row < 0:
                rejects.append((1, "lines", name, None, serial[i], "no_visit", line_names[i], line_at[i]))
            elif not good[row]:
                who = out["psn_no"][row].as_py()
                rejects.append((1, "lines", name, who, serial[i], "rejected_visit", line_names[i], line_at[i]))
    answer["rejects"] = [row[1:] for row in sorted(rejects, key=lambda row: (row[0], row[6], row[7]))]
    return answer


def ranks(engine: Engine, tables: dict[str, pa.Table], state: State | None) -> list[Any]:
    """What each visit is sorted by: the least person of its group, then settling order."""
    visits = tables["visits"]
    _, group = engine.groups(**{name: table for name, table in tables.items() if name != "lines"}, state=state)
    psn = visits["psn_no"].to_pylist()
    parent = {g: g for g in group.tolist()}

    def top(g: int) -> int:
        while parent[g] != g:
            g = parent[g]
        return g

    of: dict[Any, int] = {p: g for p, g in zip(psn, group.tolist()) if p is not None}
    setl = visits["setl_id"].to_pylist()
    owner: dict[Any, Any] = {}
    if state is not None:
        a = state.arrays
        for s, p in zip((*a["setl"], *a["other_setl"]), (*a["person"], *a["other_person"])):
            owner[state.names["setl"][s]] = state.names["psn"][p]
    for row, own in enumerate(setl):
        who = owner.get(own)
        if who in of and psn[row] in of:
            parent[top(of[who])] = top(of[psn[row]])
    members: dict[int, Any] = {}
    for p, g in everybody(engine, tables, of).items():
        g = top(g)
        members[g] = min(members.get(g, p), p)
    rule = engine.book.policies[0].model.dates.order
    times = visits["setl_time"].to_pylist()
    ends = visits["enddate"].to_pylist() if "enddate" in visits.column_names else [None] * len(times)

    def key(row: int) -> Any:
        if psn[row] is None or setl[row] is None or times[row] is None:
            return (1, row)
        when = (ends[row] or times[row].date(), times[row]) if rule == "discharge" else (times[row],)
        return (0, members[top(of[psn[row]])], when, setl[row])

    return [key(row) for row in range(len(setl))]


def everybody(engine: Engine, tables: dict[str, pa.Table], of: dict[Any, int]) -> dict[Any, int]:
    """Group of every person, those without visits too where somebody of their group has one."""
    out = dict(of)
    houses, aid = engine.shares
    rows = [t for t in (tables.get("persons"), tables["visits"]) if t is not None]
    changed = True
    while changed:
        changed = False
        known: dict[Any, int] = {}
        for table in rows:
            psn = table["psn_no"].to_pylist()
            if houses and "hsld_no" in table.column_names:
                for p, h in zip(psn, table["hsld_no"].to_pylist()):
                    if p in out and h is not None:
                        known[h] = out[p]
        for table in rows:
            psn = table["psn_no"].to_pylist()
            if houses and "hsld_no" in table.column_names:
                for p, h in zip(psn, table["hsld_no"].to_pylist()):
                    if p is not None and p not in out and h in known:
                        out[p] = known[h]
                        changed = True
            if aid and "mulaid_psn_no" in table.column_names:
                for p, d in zip(psn, table["mulaid_psn_no"].to_pylist()):
                    for one, other in ((p, d), (d, p)):
                        if one is not None and other is not None and one in out and other not in out:
                            out[other] = out[one]
                            changed = True
    return out


def agree(
    engine: Engine, tables: dict[str, pa.Table], paths: dict[str, Any], out: Path, state: State | None = None
) -> None:
    """The folder holds what one run in memory gives, in the promised order."""
    want = expected(engine, tables, paths, state)
    for name in ("settlements", "line_results", "detail"):
        if name not in want:
            continue
        got = result(out, name)
        assert got is not None
        assert got.column_names == want[name].column_names, name
        for column in got.column_names:
            a, b = got[column].to_pylist(), want[name][column].to_pylist()
            assert a == b, (
                name,
                column,
                [(i, x, y) for i, (x, y) in enumerate(zip(a, b)) if x != y][:3],
                len(a),
                len(b),
            )
    rejects = result(out, "rejects")
    rows = [] if rejects is None else [tuple(row.values()) for row in rejects.to_pylist()]
    assert rows == want["rejects"], [(a, b) for a, b in zip(rows, want["rejects"]) if a != b][:3]
    assert closing(out).sha256 == want["state"].sha256


def by_person(tables: dict[str, pa.Table]) -> dict[str, pa.Table]:
    """Visits sorted by person, lines in the order of their visits."""
    out = dict(tables)
    out["visits"] = tables["visits"].sort_by([("psn_no", "ascending"), ("setl_time", "descending")]).combine_chunks()
    row = {name: i for i, name in reversed(list(enumerate(out["visits"]["setl_id"].to_pylist())))}
    at = [row.get(name, -1) for name in tables["lines"]["setl_id"].to_pylist()]
    out["lines"] = tables["lines"].take(pa.array(np.argsort(at, kind="stable"))).combine_chunks()
    return out


def far_families(tables: dict[str, pa.Table], families: int) -> dict[str, pa.Table]:
    """Some early persons are of one household with a late one, each with one of their own."""
    out = dict(tables)
    there = sorted({p for p in tables["visits"]["psn_no"].to_pylist() if p is not None})
    house = {p: f"far{i}" for i in range(families) for p in (there[4 + 2 * i], there[-5 - 2 * i])}
    for name in ("visits", "persons"):
        if "hsld_no" in tables[name].column_names:
            psn = tables[name]["psn_no"].to_pylist()
            out[name] = changed(tables[name], "hsld_no", {i: house[p] for i, p in enumerate(psn) if p in house})
    return out


def changed(table: pa.Table, name: str, cells: dict[int, Any]) -> pa.Table:
    """A table with other cells in a column."""
    kind = table.schema.field(name).type
    values = table[name].to_pylist()
    for row, value in cells.items():
        values[row] = value
    plain = kind.value_type if pa.types.is_dictionary(kind) else kind
    column = pa.array(values, plain)
    at = table.column_names.index(name)
    return table.set_column(at, name, column.dictionary_encode() if pa.types.is_dictionary(kind) else column)
