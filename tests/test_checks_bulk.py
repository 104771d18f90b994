"""What all rules share in bulk: events by keys, sums by key, names of findings; and cells of columns of many chunks."""

from __future__ import annotations

from hashlib import sha256

import numpy as np
import pyarrow as pa
import pytest
import ybcore
from ybcore import _core
from ybcore.checks.run.given import Batch
from ybcore.checks.run.texts import bytes_of, some_of
from ybcore.checks.run.work import Work
from ybcore.columns.checkschema import CHECK_LINES
from ybcore.columns.read import Problems, read


def i64(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def i32(*values: int) -> np.ndarray:
    return np.array(values, np.int32)


def test_events_by_keys_inside_their_runs() -> None:
    order, begin = _core.check_regroup(i64(0, 4, 4, 6), [i32(2, 1, 2, 1, 1, 1), i32(0, 5, 0, -1, 3, 3)])
    assert order.tolist() == [3, 1, 0, 2, 4, 5]
    assert begin.tolist() == [0, 1, 2, 4, 6]
    order, begin = _core.check_regroup(i64(0), [i32()])
    assert (order.tolist(), begin.tolist()) == ([], [0])


@pytest.mark.parametrize(
    ("begin", "keys", "message"),
    [
        (i64(0, 2), [], "keys"),
        (i64(0, 2), [i32(1, 2)] * 4, "keys"),
        (i64(0, 2), [i32(1)], "key has 1 rows, expected 2"),
        (i64(0, 3, 2), [i32(1, 2)], "begin is not rising"),
        (i64(), [i32()], "begin does not end"),
    ],
)
def test_runs_that_do_not_fit(begin: np.ndarray, keys: list[np.ndarray], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _core.check_regroup(begin, keys)


def test_sums_by_key() -> None:
    key = i32(1, -1, 0, 1)
    assert _core.check_tally(key, i64(5, 7, 1, -2), 3).tolist() == [1, 3, 0]
    assert _core.check_tally(key, None, 2).tolist() == [1, 2]
    with pytest.raises(ValueError, match="key is out of range"):
        _core.check_tally(key, None, 1)
    with pytest.raises(ValueError, match="value has 1 rows"):
        _core.check_tally(key, i64(1), 2)


def test_names_are_digests_of_what_was_hit() -> None:
    rows = ["S1/10", "S1/2", "号", "S2"]
    names = _core.check_names(
        *bytes_of(["R1", "R2"]), i32(1, 0, 0), *bytes_of(["", "甲|乙", "x"]), i64(np.iinfo(np.int64).min, 86_400_000_000, -1),
        i64(0, 3, 4, 4), *bytes_of(rows), threads=2,
    ).view("S20")  # fmt: skip
    texts = [["R2", "", "", "S1/10", "S1/2", "号"], ["R1", "甲|乙", "86400000000", "S2"], ["R1", "x", "-1"]]
    assert names.tolist() == [sha256("\x1f".join(text).encode()).hexdigest()[:20].encode() for text in texts]


def test_names_of_rows_that_do_not_fit() -> None:
    given = [*bytes_of(["R"]), i32(0), *bytes_of(["w"]), i64(0), i64(0, 1), *bytes_of(["a"])]
    for place, value, message in (
        (2, i32(1), "rule is out of range"), (5, i64(0, 1), "begin has 2 rows"), (6, i64(0, 2), "own does not go from 0"), (7, i64(0, 9), "rows is not sound"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            _core.check_names(*given[:place], value, *given[place + 1 :])


def test_some_cells_of_many_chunks() -> None:
    texts = ["a", "b", None, "d", "e", "f"]
    whole = pa.chunked_array([texts[:2], [], texts[2:5], texts[5:]], pa.string())
    coded = pa.chunked_array([chunk.dictionary_encode() for chunk in whole.chunks])
    rows = [5, -1, 0, 4, 2, 0]
    for column in (whole, coded, pa.chunked_array([pa.array(texts)])):
        found = some_of(column, rows)
        assert found.type == pa.string()
        assert found.to_pylist() == ["f", None, "a", "e", None, "a"]
    assert some_of(whole, []).to_pylist() == []
    assert some_of(pa.chunked_array([], pa.string()), [-1]).to_pylist() == [None]


def test_columns_of_lines_are_read_when_asked_for() -> None:
    lines = {
        "setl_id": ["1", "1"],
        "med_list_codg": ["a", "b"],
        "cnt": ["1.5", None],
        "pric": ["2", "x"],
        "det_item_fee_sumamt": ["3", "4"],
    }
    problems = Problems()
    frame = read(lines, CHECK_LINES, problems, lazy=True)
    whole = read(lines, CHECK_LINES, problems)
    assert not problems.found
    assert list(frame.cells) == list(whole.cells) and "cnt" in frame.cells and "upld_time" not in frame.cells
    assert frame.cells.get("upld_time") is None
    for _ in range(2):
        assert frame.ints("cnt").tolist() == whole.ints("cnt").tolist() == [15_000, np.iinfo(np.int64).min]
        frame.forget("cnt", "upld_time")
    assert frame.bad().tolist() == whole.bad().tolist() == [False, True]


def test_wrong_columns_of_lines_are_told_together() -> None:
    visits = {"setl_id": ["1"], "psn_no": ["p"], "begndate": ["2024-01-01"]}
    lines = {"setl_id": ["1"], "med_list_codg": ["a"], "cnt": [1.5], "pric": [2.5], "det_item_fee_sumamt": [300]}
    rules = {
        "format": "ybcore-rules/1", "id": "d", "version": "1", "name": {"zh": "d", "en": "d"}, "layer": "base", "region": "*", "from": "open",
        "known_since": "2000-01-01", "source": "test", "rules": [],
    }  # fmt: skip
    with pytest.raises(ybcore.InputError) as told:
        ybcore.check(visits, lines, rules=[rules])
    assert [problem.path for problem in told.value.problems] == ["lines.cnt", "lines.pric"]


@pytest.mark.parametrize("seed", range(5))
def test_rows_of_many_persons_by_key_time_and_ids(seed: int) -> None:
    draw = np.random.default_rng(seed)
    visits, rows, day = 12, 80, np.datetime64("2024-03-01T00:00:00", "us")
    names = [f"S{i}" for i in draw.permutation(visits)]
    begin = day + draw.integers(0, 3, visits).astype("timedelta64[D]")
    visit = draw.integers(0, visits, rows)
    time = day + draw.integers(0, 4, rows).astype("timedelta64[h]")
    numbers = [f"{i}" for i in draw.permutation(rows)]
    tables = {
        "visits": {"setl_id": names, "psn_no": [f"p{i % 5}" for i in range(visits)], "begntime": pa.array(begin)},
        "lines": {
            "setl_id": [names[v] for v in visit], "feedetl_sn": numbers, "med_list_codg": ["a"] * rows, "det_item_fee_sumamt": [100] * rows,
            "fee_ocur_time": pa.array(time),
        },
    }  # fmt: skip
    work = Work(Batch(tables))
    own = draw.permutation(rows)[:60]
    key = draw.integers(0, 3, len(own)).astype(np.int32)
    order, begins = work.by_key(key, 5, own, "lines")
    wanted = sorted(range(len(own)), key=lambda i: (key[i], time[own[i]], names[visit[own[i]]], numbers[own[i]]))
    assert order.tolist() == wanted
    assert begins.tolist() == [0, *(np.flatnonzero(np.diff(key[order])) + 1).tolist(), len(own)]
    mine = draw.permutation(visits)
    order, _ = work.by_key(np.zeros(visits, np.int32), 1, mine, "visits")
    assert order.tolist() == sorted(range(visits), key=lambda i: (begin[mine[i]], names[mine[i]]))
