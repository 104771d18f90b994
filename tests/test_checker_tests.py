"""What a checker leaves out has no finding: every golden case with part of its visits as history; and small tables are read as all tables are."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from check_cases import Answer, by_checker, by_engine, load
from check_cases import read as case_of
from hypothesis import given, settings
from hypothesis import strategies as st
from test_golden_checks import CASES
from ybcore.checks.run.given import SPARE, TABLES
from ybcore.columns.convert import Cells
from ybcore.columns.ids import encode
from ybcore.columns.read import Problems, read
from ybcore.columns.reader import Reader, number_together

ROWS = 7
KINDS: dict[str, list[Any]] = {
    "money": [None, 0, 1, -5, 10**11, 10**11 + 1],
    "count": [None, 0, 3, 10**6 + 1],
    "date": [None, 0, 20_000, 130_000],
    "flag": [None, "0", "1", "7", "x", ""],
    "code": [None, "", "11", "21", "é"],
    "id": [None, "", "a", "b", "长"],
}
TYPES: dict[str, list[Any]] = {
    "money": [pa.int64(), pa.int64()],
    "count": [pa.int64(), pa.int32()],
    "date": [pa.int32(), pa.date32()],
    **dict.fromkeys(("flag", "code", "id"), [pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string()), pa.dictionary(pa.int32(), pa.large_string())]),
}  # fmt: skip


JUDGED = [folder for folder in CASES if "error" not in load(folder / "expected.yaml")]


@pytest.mark.parametrize("folder", JUDGED, ids=lambda p: p.name)
def test_golden_cases_with_a_history(folder: Path):
    case, draw = case_of(folder), random.Random(folder.name)
    for _ in range(2):
        visits = [{**visit, "hist_flag": draw.randrange(2)} for visit in case.tables["visits"]]
        past = replace(case, tables={**case.tables, "visits": visits}, stage="before")
        assert told(by_checker(past)) == told(by_engine(past))


def told(answer: Answer) -> tuple[Any, ...]:
    """All that is answered, but for the time it took."""
    rules = [{**row, "seconds": 0.0} for row in answer.manifest["rules"]]
    return answer.findings, answer.details, answer.moved, {**answer.manifest, "rules": rules}


def texts(cells: Cells) -> list[Any]:
    """What each cell says, whichever number its text has."""
    return cells.values.tolist() if cells.texts is None else [None if v < 0 else cells.texts[v] for v in cells.values]


def coded(plain: pa.Array, kind: pa.DataType) -> pa.Array:
    """As a dictionary; a wide one has many entries that no row names."""
    found = plain.dictionary_encode()
    more = [f"unused {at}" for at in range(200 if kind.index_type == pa.int32() else 1)]
    entries = pa.concat_arrays([found.dictionary, pa.array(more, kind.value_type)])
    return pa.DictionaryArray.from_arrays(found.indices.cast(kind.index_type), entries)


@st.composite
def columns(draw: st.DrawFn) -> pa.Table:
    """A table of visits with a few columns of each kind, in one piece or two."""
    spec = TABLES["visits"]
    held = {}
    for column in [spec.find("setl_id"), *draw(st.lists(st.sampled_from(spec.columns), max_size=12))]:
        if column.kind not in KINDS:
            continue
        cells = draw(st.lists(st.sampled_from(KINDS[column.kind]), min_size=ROWS, max_size=ROWS))
        kind = draw(st.sampled_from(TYPES[column.kind]))
        plain = pa.array(cells, kind.value_type if pa.types.is_dictionary(kind) else kind)
        held[column.name] = coded(plain, kind) if pa.types.is_dictionary(kind) else plain
    table = pa.table(held)
    cut = draw(st.integers(0, 3))
    return pa.concat_tables([table.slice(0, cut), table.slice(cut)]) if cut else table.slice(draw(st.integers(0, 2)))


@given(columns())
@settings(max_examples=60, deadline=None)
def test_small_tables_are_read_as_all_are(table: pa.Table):
    problems = Problems()
    wanted = read(table, TABLES["visits"], problems, optional=SPARE)
    for given_ in (table, {name: table[name] for name in table.column_names}):
        other = Problems()
        found = Reader(TABLES["visits"], SPARE, False).read(given_, other)
        assert problems.found == other.found and found.rows == wanted.rows and set(found.cells) == set(wanted.cells)
        for name in wanted.cells:
            mine, theirs = found.cells[name], wanted.cells[name]
            assert texts(mine) == texts(theirs) and mine.values.dtype == theirs.values.dtype, name
            assert (mine.bad is None) == (theirs.bad is None), name
            assert mine.bad is None or np.array_equal(mine.bad, theirs.bad), name
        places = [("visits", name) for name in (*wanted.ids, "not there")]
        together = number_together({"visits": found}, places)
        if together is None:
            continue
        codes, ids = encode([wanted.ids[name] for name in wanted.ids])
        assert ids.to_pylist() == together[1].to_pylist() and not len(together[0][-1])
        assert all(np.array_equal(a, b) for a, b in zip(codes, together[0]))
