"""What all rules share in bulk: events by keys, sums by key, names of findings; and cells of columns of many chunks."""

from __future__ import annotations

from hashlib import sha256

import numpy as np
import pyarrow as pa
import pytest
from ybcore import _core
from ybcore.checks.run.texts import bytes_of, some_of


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
        (i64(0, 3, 2), [i32(1, 2)], "begin is not sound"),
        (i64(), [i32()], "begin is not sound"),
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
        (2, i32(1), "rule is out of range"), (5, i64(0, 1), "begin has 2 rows"), (6, i64(0, 2), "own is not sound"), (7, i64(0, 9), "rows is not sound"),
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
