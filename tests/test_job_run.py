"""Jobs over files give what one run in memory gives, however they are cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from jobs_small import agree, do, write_inputs
from ybcore import Catalog, Engine
from ybcore.cli.settle import demo_policies
from ybcore.synth import city

TABLES = ("visits", "lines", "persons", "institutions", "acct_events")


@pytest.fixture(scope="module")
def town() -> tuple[Engine, dict[str, pa.Table]]:
    """Three schemes and a small city, with its bad rows."""
    made = city(seed=5, persons=260, visits=2600, lines_per_visit=4.0)
    batch = made.visits()
    tables = {
        "visits": batch.visits,
        "lines": batch.lines,
        "persons": made.persons,
        "institutions": made.institutions,
        "acct_events": made.acct_events,
    }
    engine = Engine(demo_policies(), Catalog(**dict(zip(("items", "selfpay", "caps"), made.catalog))), threads=1)
    return engine, {name: table.combine_chunks() for name, table in tables.items()}


def shuffled(table: pa.Table, seed: int) -> pa.Table:
    rows = np.random.default_rng(seed).permutation(table.num_rows)
    return table.take(pa.array(rows)).combine_chunks()


CUTS: list[Any] = [
    ({}, 1 << 20, 100_000, 1),
    ({"visits": 3, "lines": 5, "persons": 2, "acct_events": 2}, 97, 300, 2),
    ({"lines": 2}, 1000, 41, 7),
]


@pytest.mark.parametrize(("files", "rows", "unit", "threads"), CUTS)
def test_any_cut_gives_what_memory_gives(
    town: Any, tmp_path: Path, files: dict[str, int], rows: int, unit: int, threads: int
) -> None:
    engine, tables = town
    tables = dict(tables)
    if files.get("visits", 1) > 1:
        tables["visits"] = first_of_each(tables["visits"])
    paths = write_inputs(tmp_path / "in", tables, files, rows)
    do(engine, paths, tmp_path / "out", unit_visits=unit, threads=threads)
    agree(engine, tables, paths, tmp_path / "out")


def first_of_each(visits: pa.Table) -> pa.Table:
    """Without later rows of an id."""
    seen: set[Any] = set()
    keep = []
    for name in visits["setl_id"].to_pylist():
        keep.append(name is None or name not in seen)
        seen.add(name)
    return visits.filter(pa.array(keep)).combine_chunks()


def test_shuffled_rows(town: Any, tmp_path: Path) -> None:
    engine, tables = town
    tables = dict(tables)
    tables["visits"], tables["lines"] = shuffled(tables["visits"], 1), shuffled(tables["lines"], 2)
    paths = write_inputs(tmp_path / "in", tables, {"lines": 3}, 500)
    do(engine, paths, tmp_path / "out", unit_visits=200)
    agree(engine, tables, paths, tmp_path / "out")
