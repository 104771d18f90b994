"""What the compiled kernel is given from outside: memory that is laid out otherwise, numbers that are out of range. All of it is refused."""

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from test_checks_kernels import AGE, i32, i64, u64
from ybcore import _core


def shifted(values):
    """The same numbers at an address that is no multiple of their size."""
    memory = np.zeros(values.nbytes + 1, np.uint8)
    out = np.ndarray(values.shape, values.dtype, memory, offset=1)
    out[...] = values
    assert not out.flags.aligned
    return out


def spread(values):
    """The same numbers with room between them."""
    return np.repeat(values, 2)[::2]


@pytest.mark.parametrize(
    "key", [name for name, value in AGE.items() if isinstance(value, np.ndarray) and value.dtype != np.uint8]
)
def test_numbers_at_odd_addresses_are_refused(key):
    with pytest.raises(ValueError, match="not aligned"):
        _core.check_age(**{**AGE, key: shifted(AGE[key])})


def test_numbers_of_dictionaries_at_odd_addresses_are_refused():
    claims = {name: i64(1) for name in ("base", "count", "births")} | {"rule": shifted(i32(-1))}
    with pytest.raises(ValueError, match="not aligned"):
        _core.benefits({"rules": i64(), "steps": i64()}, claims)


def test_nothing_may_lie_anywhere():
    nothing = np.frombuffer(bytearray(9), np.int64, 0, 1)
    assert _core.bounds(nothing) == (0, 0)


@pytest.mark.parametrize(("out", "told"), [(spread, "not contiguous"), (shifted, "not aligned")])
def test_what_is_written_stands_in_one_piece(out, told):
    numbers = out(np.full(3, -7, np.int32))
    index = _core.NumberIndex(0, 9, 3)
    index.add(i64(1, 2, 3))
    with pytest.raises(ValueError, match=told):
        index.find(i64(1, 2, 3), None, numbers, 1)
    with pytest.raises(ValueError, match=told):
        _core.numbers_of(i32(0, 0, 0), None, i32(5), numbers, 1)
    with pytest.raises(ValueError, match=told):
        _core.rank_codes(i32(0, 0, 0), None, 0, i32(-1), numbers)
    with pytest.raises(ValueError, match=told):
        _core.rank_codes(i32(0, 0, 0), None, 0, numbers, i32(0, 0, 0))
    assert numbers.tolist() == [-7, -7, -7]


def test_what_may_not_be_written_is_not():
    numbers = np.zeros(1, np.int32)
    numbers.flags.writeable = False
    with pytest.raises(ValueError, match="not writeable"):
        _core.numbers_of(i32(0), None, i32(5), numbers, 1)


ORDER = {
    "group": i32(0, 1, 0),
    "groups": 2,
    "first": i64(3, 2, 1),
    "second": None,
    "numbers": None,
    "offsets": None,
    "bytes": None,
}


@pytest.mark.parametrize(
    "changed",
    [
        {"groups": 1},
        {"groups": -1},
        {"group": i32(0, 2, 0)},
        {"numbers": i64(1, 2)},
        {"offsets": i64(0, 0, 0), "bytes": np.zeros(1, np.uint8)},
        {"offsets": i64(0, 1, 0, 1), "bytes": np.zeros(1, np.uint8)},
        {"offsets": i64(-1, 0, 0, 0), "bytes": np.zeros(1, np.uint8)},
        {"offsets": i64(0, 0, 0, 2), "bytes": np.zeros(1, np.uint8)},
        {"offsets": i64(0, 0, 0, 1)},
    ],
)
def test_order_is_of_groups_that_there_are(changed):
    rows, begin, was_ordered = _core.order_rows(**ORDER)
    assert (rows.tolist(), begin.tolist(), was_ordered) == ([2, 0, 1], [0, 2, 3], False)
    with pytest.raises(ValueError, match=r"out of range|not sound|expected"):
        _core.order_rows(**{**ORDER, **changed})


@pytest.mark.parametrize(
    ("persons", "left", "right"),
    [(2, i32(0), i32(2)), (2, i32(2), i32(0)), (0, i32(0), i32(0)), (-1, i32(), i32()), (2**31, i32(), i32())],
)
def test_persons_are_connected_whom_there_are(persons, left, right):
    with pytest.raises(ValueError, match=r"out of range|can be numbered"):
        _core.connect(persons, left, right)


@pytest.mark.parametrize(
    ("visit", "end", "visits"),
    [(i32(0, 2), i64(1, 2), 2), (i32(0, 1), i64(2, 1), 2), (i32(0), i64(-1), 1), (i32(), i64(), -1)],
)
def test_lines_are_of_visits_that_there_are(visit, end, visits):
    with pytest.raises(ValueError, match=r"out of range|not sound"):
        _core.group_lines(visit, end, visits)


def test_keys_are_not_fewer_than_none():
    for ask in (
        lambda: _core.rows_by_key(i32(), -1),
        lambda: _core.sole_rows(i32(), -1, -1),
        lambda: _core.earliest(i32(), i32(), -1),
    ):
        with pytest.raises(ValueError, match="out of range"):
            ask()


def test_lines_are_picked_for_rules_that_there_are():
    found = _core.check_pick(i32(0), None, u64([2], [0]), None, 2)
    assert [one.tolist() for one in found["place"]] == [[], [0]]
    for masks, rules in ((u64([4], [0]), 2), (u64([0], [1 << 63]), 63), (u64([0, 2], [0, 0]), 65)):
        with pytest.raises(ValueError, match="masks"):
            _core.check_pick(i32(0), None, masks, None, rules)


LINES = {
    "item": i32(0, 0),
    "index": None,
    "day": None,
    "quantity": None,
    "amount": i64(5, 7),
    "price": None,
    "deny": None,
} | {
    "approved": None,
    "named": None,
    "row": None,
}


@pytest.mark.parametrize(
    "changed",
    [
        {"item": i32(0)},
        {"day": i32(0)},
        {"quantity": i64(1)},
        {"price": i64(1, 2, 3)},
        {"deny": np.zeros(1, np.int8)},
        {"named": i64(-1, 2)},
        {"row": i64(0, 2)},
        {"row": i64(-1, 0)},
    ],
)
def test_columns_of_lines_go_together(changed):
    with pytest.raises(ValueError, match=r"rows, expected|out of range"):
        _core.Lines(**{**LINES, **changed})


@pytest.mark.parametrize("begin", [i64(), i64(0, 3), i64(-1, 2), i64(2, 0), i64(0, 2, 1, 2)])
def test_visits_begin_among_their_lines(begin):
    lines = _core.Lines(**LINES)
    assert _core.line_totals(i64(0, 1, 2), lines, 1)[0].tolist() == [5, 7]
    with pytest.raises(ValueError, match="line_begin"):
        _core.line_totals(begin, lines, 1)
    with pytest.raises(ValueError, match="line_begin"):
        _core.keep_parts(begin, np.zeros(max(0, len(begin) - 1), np.int32), lines, i64(0), i32())


def test_parts_are_cut_where_there_are_cuts():
    lines = _core.Lines(**LINES)
    for cut in (i64(0, 1), i64(1, 0), i64(-1, 0)):
        with pytest.raises(ValueError, match="cut_begin"):
            _core.keep_parts(i64(0, 2), i32(9), lines, cut, i32())


def test_entries_that_are_missing_in_one_page_are_there_in_another():
    """Two dictionaries over the same bytes, of which one leaves an entry out."""
    whole = pa.array(["a", "b"])
    part = pa.Array.from_buffers(pa.string(), 2, [pa.py_buffer(b"\x01"), *whole.buffers()[1:]])
    pages = pa.chunked_array(
        [pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int32()), entries) for entries in (part, whole)]
    )
    codes, texts = _core.coded(pages)
    assert [texts[code] if code >= 0 else None for code in codes] == ["a", None, "a", "b"]


def test_more_threads_than_any_machine_has():
    """They are no more than work can be shared between, and each part is one thread's."""
    many = i64(*range(100))
    begin = i64(*range(101))
    one, all_of_them = (
        _core.check_sums(begin, many, many + many % 3, 0, threads=threads) for threads in (1, 2**31 - 1)
    )
    for key, found in one.items():
        assert np.array_equal(found, all_of_them[key]), key
    assert [(a, b) for a, b in pairwise(one["begin"]) if a > b] == []
