"""The bindings of the rule kernels K07 to K15: hand-made cases, wrong shapes named, nothing in and nothing out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ybcore import _core

HOUR = 3_600_000_000
DAY = 24 * HOUR
MISSING = np.iinfo(np.int64).min


def i64(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def i32(*values: int) -> np.ndarray:
    return np.array(values, np.int32)


def u8(*values: int) -> np.ndarray:
    return np.array(values, np.uint8)


def told(found: dict[str, Any]) -> list[tuple[int, int, list[int], list[int]]]:
    """Of each finding: measure, limit, offending events, involved ones."""
    out = []
    for f, (measure, limit) in enumerate(zip(found["measure"], found["limit"])):
        at = slice(*found["details"][f : f + 2])
        event, part = found["event"][at], found["part"][at]
        out.append((int(measure), int(limit), event[part == 1].tolist(), event[part == 2].tolist()))
    return out


# name: (arguments, what is found, how many unknown)
CASES: dict[str, tuple[str, dict[str, Any], list[tuple[int, int, list[int], list[int]]], int]] = {
    "window": (
        "check_window",
        {
            "begin": i64(0, 3),
            "day": i32(0, 29, 30),
            "value": None,
            "key": None,
            "scope": None,
            "measure": "count",
            "comparator": "more_than",
            "windows": [("rolling", 30, False, False)],
            "threshold_begin": i64(0, 1),
            "threshold": i64(1),
        },
        [(2, 1, [1], [0]), (2, 1, [2], [1])],
        0,
    ),
    "gap": (
        "check_gap",
        {
            "begin": i64(0, 2),
            "start": i64(0, 9 * DAY),
            "end": i64(2 * DAY, 10 * DAY),
            "exempt": None,
            "from_stay": None,
            "comparator": "at_most",
            "zones": i64(7, 15),
        },
        [(7, 7, [1], [0])],
        0,
    ),
    "line in stay": (
        "check_line_in_stay",
        {"time": i64(4 * DAY, 3 * DAY), "stay": i32(0, -1), "start": i64(0), "end": i64(3 * DAY)},
        [(1, 0, [0], [])],
        1,
    ),
    "overlap": (
        "check_overlap",
        {
            "begin": i64(0, 2),
            "start": i64(0, DAY),
            "end": i64(5 * DAY, 4 * DAY),
            "stay": i32(0, 1),
            "kind": i32(0, 0),
            "looked_at": u8(1),
            "kinds": 1,
            "grace": 1,
        },
        [(3, 1, [1], [0])],
        0,
    ),
    "around operation": (
        "check_around_operation",
        {
            "time": i64(0, 9 * HOUR),
            "visit": i32(0, 0),
            "operation_begin": i64(0, 1),
            "operation": i64(10 * HOUR),
            "before_hours": 2,
            "after_hours": 24,
        },
        [(8, 0, [0], [])],
        0,
    ),
    "after death": (
        "check_after_death",
        {"begin": i64(0, 2), "time": i64(DAY, 2 * DAY), "death": i64(DAY)},
        [(1, 0, [1], [])],
        0,
    ),
    "idle": (
        "check_idle",
        {"start": i64(0), "end": i64(6 * DAY), "begin": i64(0, 1), "time": i64(DAY), "most": 4},
        [(5, 4, [0], [])],
        0,
    ),
    "before admission": (
        "check_before_admission",
        {"begin": i64(0, 2), "start": i64(0, 7 * DAY), "end": i64(0, 9 * DAY), "role": u8(1, 2), "days": 7},
        [(7, 7, [0], [1])],
        0,
    ),
    "unsettled": (
        "check_unsettled",
        {"end": i64(0, 0), "settled": i64(14 * DAY, 15 * DAY), "days": 14},
        [(15, 14, [1], [])],
        0,
    ),
    "prescription days": (
        "check_supply",
        {
            "form": "prescription_days",
            "begin": i64(0, 2),
            "day": i32(0, 0),
            "quantity": i64(300_000, 200_000),
            "days": i64(10, MISSING),
            "dose": i64(MISSING, 10_000),
            "times": i64(MISSING, 20_000),
            "limit": i64(15, 15),
            "entry": None,
        },
        [(20, 15, [1], [0])],
        0,
    ),
    "daily dose": (
        "check_daily_dose",
        {
            "dose": i64(15_000, MISSING),
            "times": i64(30_000, 1),
            "limit": i64(40_000, 1),
            "entry": None,
            "comparator": "more_than",
        },
        [(45_000, 40_000, [0], [])],
        1,
    ),
    "tier": (
        "check_tier",
        {
            "begin": i64(0, 2),
            "item": i32(0, 0),
            "quantity": i64(10_000, 10_000),
            "amount": i64(10_000, 10_000),
            "price": i64(100_000_000, 100_000_000),
            "group_begin": i64(0, 1),
            "group": i32(0),
            "groups": 1,
            "factors": i64(1_000_000, 500_000),
        },
        [(10_000, 5_000, [1], [0])],
        0,
    ),
    "distinct": (
        "check_distinct",
        {
            "begin": i64(0, 3),
            "item": i32(0, 1, 0),
            "items": 2,
            "scope": None,
            "threshold_begin": i64(0, 1),
            "threshold": i64(1),
            "comparator": "more_than",
        },
        [(2, 1, [1], [0, 2])],
        0,
    ),
    "listed": (
        "check_listed_lines",
        {"begin": i64(0, 2, 3), "item": i32(0, 1, 0), "items": 2, "listed": u8(1, 1, 0)},
        [(2, 0, [0, 1], [])],
        0,
    ),
    "same class": (
        "check_same_class",
        {"begin": i64(0, 3), "item": i32(0, 1, 1), "items": 2, "of_class": i32(0, -1, 0), "classes": 1},
        [(2, 1, [2], [0])],
        0,
    ),
    "ratio": (
        "check_ratio_fixed",
        {"numerator": i64(3, 1), "denominator": i64(4, 0), "comparator": "at_least", "value": 750_000},
        [(750_000, 750_000, [0], [])],
        1,
    ),
    "ratio change": (
        "check_ratio_change",
        {
            "numerator": i64(2, 3),
            "denominator": i64(4, 4),
            "before": i32(-1, 0),
            "comparator": "more_than",
            "value": 400_000,
        },
        [(500_000, 400_000, [1], [])],
        1,
    ),
    "ratio peer": (
        "check_ratio_peer",
        {
            "numerator": i64(0, 0, 1),
            "denominator": i64(1, 1, 1),
            "begin": i64(0, 3),
            "statistic": "z",
            "comparator": "more_than",
            "value": 1_414_213,
        },
        [(1_414_214, 1_414_213, [2], [])],
        0,
    ),
    "stock": (
        "check_stock",
        {
            "begin": i64(0, 2),
            "day": i32(0, 5),
            "quantity": i64(20_000, 20_000),
            "key": i32(0),
            "from_day": i32(0),
            "to_day": i32(6),
            "open": i64(30_000),
            "taken": i64(0),
            "close": i64(0),
            "factor": i64(1_000_000),
        },
        [(40_000, 30_000, [1], [0])],
        0,
    ),
    "repeated": ("check_repeated", {"begin": i64(0, 1, 3), "rows": 3}, [(2, 1, [2], [1])], 0),
    "flagged": ("check_flagged", {"state": u8(0, 1, 2)}, [(0, 0, [1], [])], 1),
    "sums": (
        "check_sums",
        {"begin": i64(0, 2, 2), "amount": i64(60, 41), "total": i64(100, 100)},
        [(101, 100, [0], [])],
        1,
    ),
    "product": (
        "check_product",
        {"quantity": i64(30_000), "price": i64(335_000), "amount": i64(102)},
        [(102, 101, [0], [])],
        0,
    ),
    "order": ("check_in_order", {"earlier": i64(2, MISSING), "later": i64(1, 1)}, [(2, 1, [0], [])], 1),
    "delay": (
        "check_delay",
        {"from_time": i64(0), "to_time": i64(25 * HOUR), "hours": 24, "comparator": "more_than"},
        [(25 * HOUR, 24 * HOUR, [0], [])],
        0,
    ),
}

# Arrays whose length is not that of the rows; `begin` and its like keep their 0.
RULE = {"zones", "looked_at", "threshold_begin", "threshold", "group_begin", "group", "factors"}
OFFSETS = {"begin", "operation_begin"}


@pytest.mark.parametrize("name", CASES)
def test_what_is_found(name: str) -> None:
    kernel, arguments, expected, unknown = CASES[name]
    for threads in (1, 2, 7):
        found = getattr(_core, kernel)(**arguments, threads=threads)
        assert told(found) == expected
        assert found["unknown"] == unknown
        assert {key: value.dtype for key, value in found.items() if key != "unknown"} == {
            **dict.fromkeys(("measure", "limit", "begin", "end", "details", "excess"), np.dtype("int64")),
            **dict.fromkeys(("entry", "step", "event"), np.dtype("int32")),
            "part": np.dtype("uint8"),
        }


@pytest.mark.parametrize("name", CASES)
def test_nothing_in_nothing_out(name: str) -> None:
    kernel, arguments, _, _ = CASES[name]
    nothing = {}
    for key, value in arguments.items():
        rows = isinstance(value, np.ndarray) and key not in RULE
        nothing[key] = (value[:1] if key in OFFSETS else value[:0]) if rows else value
    if kernel == "check_repeated":
        nothing["rows"] = 0
    found = getattr(_core, kernel)(**nothing)
    assert told(found) == []
    assert found["unknown"] == 0


@pytest.mark.parametrize("name", CASES)
def test_wrong_shapes_are_named(name: str) -> None:
    """Every array but the one that gives the number of rows may be the one that is refused, and is named."""
    kernel, arguments, _, _ = CASES[name]
    arrays = [key for key, value in arguments.items() if isinstance(value, np.ndarray)]
    refused = set()
    for key in arrays:
        with pytest.raises(TypeError):
            getattr(_core, kernel)(**{**arguments, key: arguments[key].astype(np.float64)})
        if key in {"zones", "factors", "state"}:
            continue  # of any length
        longer = np.concatenate([arguments[key], arguments[key][-1:] + 1]).astype(arguments[key].dtype)
        with pytest.raises(ValueError) as error:
            getattr(_core, kernel)(**{**arguments, key: longer})
        refused.add(str(error.value).split(" ", 1)[0])
    assert refused <= set(arrays)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"comparator": "over"}, "comparator is 'over', not one of more_than"),
        ({"measure": "sum"}, "value is needed"),
        ({"measure": "keys"}, "key is needed"),
        ({"windows": [("week", 1, False, False)]}, "windows is 'week'"),
        ({"windows": [("rolling", 0, False, False)]}, "windows has"),
        ({"day": i32(0, 30, 29)}, "day is not rising"),
        ({"day": i32(0, 29, 2_932_897)}, "day is out of range"),
        ({"begin": i64(0, 4)}, "begin does not go"),
        ({"begin": i64(0, 4, 3)}, "begin is not rising"),
        ({"starts": 1301}, "starts"),
        ({"scope": i32(0, 1, 0)}, "scope is out of range"),
    ],
)
def test_windows_refuse(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _core.check_window(**{**CASES["window"][1], **change})


def test_replay_is_the_findings_of_each_value() -> None:
    base = {key: value for key, value in CASES["window"][1].items() if not key.startswith("threshold")}
    out = _core.check_window_replay(**base, values=i64(0, 1, 2), money=i64(100, 20, 3))
    assert out["hits"].tolist() == [[3, 2, 0]]
    assert out["amount"].tolist() == [[123, 23, 0]]
    part = {**base, "measure": "sum", "value": i64(10_000, 20_000, 30_000)}
    out = _core.check_window_replay(**part, values=i64(20_000, 45_000), money=i64(100, 201, 300), excess=True)
    assert out["hits"].tolist() == [[2, 1]]
    assert out["amount"].tolist() == [[101 + 300, 50]]


def test_ratios_are_rounded_half_up_and_may_be_unknown() -> None:
    out = _core.ratios(i64(2, 1, 5, 7), i64(3, 2_000_000, 0, MISSING), up=1_000_000, down=1)
    assert out.tolist() == [666_667, 1, MISSING, MISSING]
