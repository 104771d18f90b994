"""The rule kernels K01 to K06 as Python calls them: shapes and bounds that are refused, nothing at all, and cases made by hand."""

import numpy as np
import pytest
from ybcore import _core

DAY = 86_400_000_000


def i32(*values):
    return np.array(values, np.int32)


def i64(*values):
    return np.array(values, np.int64)


def u8(*values):
    return np.array(values, np.uint8)


def u64(*rows):
    return np.array(rows, np.uint64).reshape(len(rows), -1)


def listed(found):
    """Measure, limit, entry and the details (event, part, excess) of each finding."""
    at = found["details"]
    details = list(zip(found["event"].tolist(), found["part"].tolist(), found["excess"].tolist(), strict=True))
    return [
        (int(found["measure"][f]), int(found["limit"][f]), int(found["entry"][f]), details[at[f] : at[f + 1]])
        for f in range(len(found["measure"]))
    ]


KEYS = ["measure", "limit", "begin", "end", "entry", "step", "details", "event", "part", "excess", "unknown"]
NO_TIES = {"visit": i32(0, 0), "visit_person": i32(0), "time": i64(2, 1), "persons": 1}
NET = {
    "row": None,
    "person_begin": i64(0, 2),
    "visit": i32(0, 0),
    "item": i32(1, 1),
    "quantity": i64(5, -2),
    "amount": i64(50, -20),
    "named": None,
}
PICK = {
    "item": i32(0, 1, -1),
    "visit": None,
    "masks": u64([1], [2], [3]),
    "holds": None,
    "rules": 2,
}
ENTRIES = {
    "start": i64(0, 1, 2),
    "rows": i64(0, 1),
    "begin": i32(-(2**31), 5),
    "end": i32(2**31 - 1, 10),
    "region": None,
    "level": None,
    "fits": None,
    "table_rows": 2,
    "key": i32(0, 1, 1, -1),
    "day": i32(0, 4, 5, 5),
    "event_region": None,
    "event_level": None,
}
ATTRIBUTE = {"entry": i32(0, 0, -1, -2), "code": i32(0, 1, 0, 0), "sets": u64([1]), "set": i32(0), "barred": False}
AGE = {
    "entry": None,
    "birth": i32(0, 0, -(2**31)),
    "day": i32(28, 29, 29),
    "unit": u8(0),
    "comparator": u8(0),
    "value": i64(28),
}
PRICE = {"entry": None, "price": i64(11, 12), "quantity": i64(1, 1), "ceiling": i64(10), "tolerance": 1}
DIAGNOSES = {
    "entry": None,
    "visit": i32(0, 1, 2),
    "day": None,
    "time": None,
    "begin": i64(0, 1, 2, 2),
    "code": i32(0, 1),
    "sets": u64([1]),
    "set": i32(0),
}
BUNDLE = {
    "person_begin": i64(0, 3),
    "time": None,
    "item": i32(3, 4, 3),
    "cell": "subject",
    "subject": None,
    "cut": None,
    "at_least": 2,
}
CAP = {
    "person_begin": i64(0, 2),
    "time": i64(0, DAY - 1),
    "cell": "day",
    "subject": None,
    "cut": None,
    "combine": i32(1, 1),
    "value": i64(6, 6),
    "entry": None,
    "caps": None,
    "cap": 10,
    "comparator": "more_than",
}
COUPLE = {
    "person_begin": i64(0, 2),
    "entry": None,
    "visit": i32(0, 1),
    "day": None,
    "order": None,
    "quantity": None,
    "self": None,
    "sure": None,
    "partner_begin": i64(0, 1),
    "partner_code": i32(0),
    "partner_visit": i32(0),
    "partner_day": None,
    "partner_order": None,
    "partner_quantity": None,
    "partner_self": None,
    "sets": u64([1]),
    "set": i32(0),
    "where": "visit",
}
PAIRS = {
    "person_begin": i64(0, 3),
    "time": None,
    "item": i32(0, 1, 1),
    "quantity": i64(1, 1, 1),
    "day": None,
    "region": None,
    "level": None,
    "groups": [("subject", None, None, 0)],
}


def pair_table(**other):
    given = {
        "main": i32(0),
        "included": i32(1),
        "scope": None,
        "scopes": 1,
        "included_qty": i64(1),
        "symmetric": False,
        "items": 2,
    }
    return _core.PairTable(**{**given, **other})


def check_pairs(**given):
    return pair_table().check(**given)


def test_lines_in_order():
    row, begin, ordered = _core.check_order(**NO_TIES)
    assert (row.tolist(), begin.tolist(), ordered) == ([1, 0], [0, 2], False)
    row, _, ordered = _core.check_order(**{**NO_TIES, "time": i64(1, 1), "line_numbers": i64(1, 2)})
    assert (row.tolist(), ordered) == ([], True)
    text = {"line_offsets": i64(0, 1, 2), "line_bytes": np.frombuffer(b"ba", np.uint8)}
    assert _core.check_order(**{**NO_TIES, "time": i64(1, 1)}, **text)[0].tolist() == [1, 0]


def test_lines_net():
    out = _core.check_net(**NET)
    assert (out["quantity"].tolist(), out["amount"].tolist()) == ([3, -2], [30, -20])
    assert (out["stands"].tolist(), out["returns"], out["lost"]) == ([1, 0], 1, 0)
    out = _core.check_net(**{**NET, "quantity": i64(5, 2), "amount": i64(50, 20)})
    assert out["quantity"] is None and out["amount"] is None and out["stands"].tolist() == [1, 1]


def test_lines_picked():
    def told(**more):
        return {name: [one.tolist() for one in ones] for name, ones in _core.check_pick(**{**PICK, **more}).items()}

    assert told() == {"place": [[0, 2], [1, 2]]}
    scope = {"visit": i32(0, 0, 1), "holds": u64([3], [0])}
    assert told(**scope, items=True) == {"place": [[0], [1]], "item": [[0], [1]]}
    assert told(**scope, visits=True) == {"place": [[0], [1]], "visit": [[0], [0]]}
    assert told(**scope, items=True, visits=True) == {"place": [[0], [1]], "item": [[0], [1]], "visit": [[0], [0]]}
    with pytest.raises(ValueError, match="visit is out of range"):
        _core.check_pick(**{**PICK, **scope, "visit": i32(2, 0, 1)})
    assert _core.check_runs(i32(0, 2, 3), i64(0, 3, 3, 4)).tolist() == [0, 2, 3]


def test_entries_hold():
    assert _core.check_entries(**ENTRIES).tolist() == [0, -1, 1, -1]
    placed = {"region": i32(0, -1), "fits": u8([0, 1]), "event_region": i32(1, 0, -1, 0)}
    assert _core.check_entries(**{**ENTRIES, **placed}).tolist() == [0, -1, 1, -1]
    placed["event_region"] = i32(0, 0, 0, 0)
    assert _core.check_entries(**{**ENTRIES, **placed}).tolist() == [-1, -1, 1, -1]
    placed["event_region"] = i32(-1, 0, 0, 0)
    assert _core.check_entries(**{**ENTRIES, **placed}).tolist() == [-2, -1, 1, -1]


def test_rows_alone():
    found = _core.check_attribute(**ATTRIBUTE)
    assert listed(found) == [(0, 0, 0, [(1, 1, -1)])] and found["unknown"] == 1
    found = _core.check_age(**AGE)
    assert listed(found) == [(29, 28, -1, [(1, 1, -1)])] and found["unknown"] == 1
    assert listed(_core.check_listed(i32(-1, 3))) == [(0, 0, 3, [(1, 1, -1)])]
    assert listed(_core.check_price_ceiling(**PRICE)) == [(12, 10, -1, [(1, 1, -1)])]
    found = _core.check_diagnoses(**DIAGNOSES)
    assert listed(found) == [(0, 0, -1, [(1, 1, -1)])] and found["unknown"] == 1
    tested = {
        "set": None,
        "time": i64(5, 5, 3),
        "visit_person": i32(0, 0, 0),
        "test_begin": i64(0, 2),
        "test_time": i64(4, 5),
        "test_value": i64(9, 1),
        "test_limit": 5,
    }
    found = _core.check_diagnoses(**{**DIAGNOSES, **tested})
    assert [d[3][0][0] for d in listed(found)] == [0, 1] and found["unknown"] == 1


def test_groups():
    assert listed(_core.check_cap(**CAP)) == [(12, 10, -1, [(1, 1, 2), (0, 2, -1)])]
    assert listed(_core.check_cap(**{**CAP, "time": None, "day": i32(0, 0)})) == listed(_core.check_cap(**CAP))
    assert listed(_core.check_cap(**{**CAP, "time": None, "day": i32(0, 1)})) == []
    assert listed(_core.check_cap(**{**CAP, "last_paid": True})) == [(12, 10, -1, [(0, 1, 2), (1, 2, -1)])]
    assert listed(check_pairs(**PAIRS)) == [(2, 1, 0, [(2, 1, 1), (0, 2, -1)])]
    near = {"time": i64(0, 6, 7), "groups": [("within", None, None, 6)]}
    table = pair_table(included_qty=None)
    assert listed(table.check(**{**PAIRS, **near})) == [(1, 0, 0, [(1, 1, -1), (0, 2, -1)])]
    assert listed(_core.check_bundle(**BUNDLE)) == [(2, 2, -1, [(0, 1, -1), (1, 1, -1), (2, 1, -1)])]
    assert listed(_core.check_couple(**COUPLE)) == [(0, 0, -1, [(1, 1, -1)])]
    assert listed(_core.check_couple(**{**COUPLE, "negate": True})) == [(0, 0, -1, [(0, 1, -1), (2, 2, -1)])]


FUNCTIONS = {
    "check_age": AGE,
    "check_attribute": ATTRIBUTE,
    "check_bundle": BUNDLE,
    "check_cap": CAP,
    "check_couple": COUPLE,
    "check_diagnoses": DIAGNOSES,
    "check_price_ceiling": PRICE,
    "PairTable.check": PAIRS,
}
OTHERS = {"check_entries": ENTRIES, "check_net": NET, "check_order": NO_TIES, "check_pick": PICK}
TABLES = {
    "sets",
    "set",
    "masks",
    "unit",
    "comparator",
    "value",
    "ceiling",
    "visit_person",
    "groups",
    "fits",
    "start",
    "rows",
}


def function(name):
    return check_pairs if name == "PairTable.check" else getattr(_core, name)


def empty(name, value):
    if name in ("person_begin", "partner_begin"):
        return i64(0)
    if not isinstance(value, np.ndarray) or (name in TABLES and value.ndim == 2):
        return value
    return value[:1] * 0 if name == "begin" else value[:0]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_nothing_is_found_in_nothing(name):
    found = function(name)(**{k: empty(k, v) for k, v in FUNCTIONS[name].items()})
    assert list(found) == KEYS and listed(found) == [] and found["unknown"] == 0


def arrays():
    for name, given in {**FUNCTIONS, **OTHERS}.items():
        yield from ((name, key) for key, value in given.items() if isinstance(value, np.ndarray))


@pytest.mark.parametrize(("name", "key"), list(arrays()))
def test_another_type_is_refused(name, key):
    given = {**FUNCTIONS, **OTHERS}[name]
    with pytest.raises(TypeError):
        function(name)(**{**given, key: given[key].astype(np.float64)})


@pytest.mark.parametrize(
    ("name", "changed", "told"),
    [
        ("check_order", {"time": i64(1)}, "time"),
        ("check_order", {"visit": i32(0, 1)}, "visit"),
        ("check_order", {"line_offsets": i64(0, 2, 1), "line_bytes": u8(1, 2)}, "line ids"),
        ("check_net", {"named": i64(-1, 2)}, "named"),
        ("check_net", {"person_begin": i64(0, 1)}, "person_begin"),
        ("check_net", {"row": i32(0, 2)}, "row"),
        ("check_pick", {"item": i32(2)}, "item"),
        ("check_pick", {"masks": u64([1, 1])}, "masks"),
        ("check_pick", {"holds": u64([1])}, "visit"),
        ("check_entries", {"key": i32(2, 0, 0, 0)}, "key"),
        ("check_entries", {"rows": i64(0, 2)}, "rows"),
        ("check_entries", {"day": i32(1)}, "day"),
        ("check_attribute", {"code": i32(0, 0, 0, 64)}, "code"),
        ("check_attribute", {"set": i32(1)}, "set"),
        ("check_attribute", {"entry": i32(0, 0, 0, 1)}, "entry"),
        ("check_attribute", {"entry": i32(0)}, "entry"),
        ("check_age", {"unit": u8(3)}, "unit"),
        ("check_age", {"day": i32(1)}, "day"),
        ("check_price_ceiling", {"quantity": i64(1)}, "quantity"),
        ("check_price_ceiling", {"tolerance": -1}, "tolerance"),
        ("check_diagnoses", {"visit": i32(3)}, "visit"),
        ("check_diagnoses", {"begin": i64(0, 3)}, "begin"),
        ("check_diagnoses", {"look_back_days": 3}, "visit_person"),
        ("check_diagnoses", {"main_only": True}, "main"),
        ("check_diagnoses", {"set": None}, "set"),
        ("check_bundle", {"cell": "week"}, "cell"),
        ("check_bundle", {"cell": "day"}, "time"),
        ("check_cap", {"comparator": "above"}, "comparator"),
        ("check_cap", {"factor": 1}, "stay_days"),
        ("check_cap", {"caps": i64(1), "entry": i32(0, 1)}, "entry"),
        ("check_cap", {"person_begin": i64(0, 3)}, "time"),
        ("check_cap", {"day": i32(0)}, "day"),
        ("check_cap", {"cell": "hour", "time": None, "day": i32(0, 0)}, "time"),
        ("check_cap", {"row_of": i32(0), "entry": i32(0, 0)}, "row_of"),
        ("check_cap", {"row_of": i32(1), "caps": i64(1)}, "row_of"),
        ("PairTable.check", {"item": i32(0, -2, 1)}, "item"),
        ("PairTable.check", {"item": i32(0, 2, 1)}, "item"),
        ("check_couple", {"where": "week"}, "where"),
        ("check_couple", {"where": "day"}, "day"),
        ("check_couple", {"per": 1}, "quantity"),
        ("check_couple", {"partner_begin": i64(0, 1, 1)}, "partner_begin"),
        ("check_couple", {"partner_code": i32(64)}, "partner_code"),
        ("PairTable.check", {"item": i32(0, 1, 2)}, "item"),
        ("PairTable.check", {"groups": []}, "groups"),
        ("PairTable.check", {"groups": [("day", None, None, 0)]}, "time"),
        ("PairTable.check", {"groups": [("subject", i32(1), None, 0)]}, "subject"),
    ],
)
def test_a_wrong_shape_is_named(name, changed, told):
    given = {**FUNCTIONS, **OTHERS}[name]
    with pytest.raises(ValueError, match=told):
        function(name)(**{**given, **changed})


def test_a_wrong_table_of_pairs_is_named():
    for changed, told in (
        ({"main": i32(2)}, "main"),
        ({"scope": i32(1)}, "scope"),
        ({"included_qty": i64()}, "included_qty"),
        ({"begin": i32(1)}, "begin"),
        ({"region": i32(0)}, "fits"),
    ):
        with pytest.raises(ValueError, match=told):
            pair_table(**changed)
