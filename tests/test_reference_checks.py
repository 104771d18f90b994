"""Laws that hold for the reference of rule checks whatever the rows; and its names, examples and explanations."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ybcore.reference.checks import Result, RuleError, check, denials, example_hits, held_tables, stack, why_not
from ybcore.reference.checks.values import DAY, HOUR, calendar_window

UNIT = 10_000
FIRST = 19_783  # 2024-03-01


def rule(name: str, kernel: str, look: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "id": name,
        "kernel": kernel,
        "check": look,
        "disposition": "deny",
        "severity": "1",
        "amount": "excess_qty",
        **more,
    }


def document(*rules: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "format": "ybcore-rules/1",
        "id": "d",
        "version": "1",
        "layer": "base",
        "from": "open",
        "rules": list(rules),
        **more,
    }


DAY_CAP = rule(
    "cap", "K06", {"group": "day", "subject": "person", "measure": "quantity", "cap": "2", "comparator": "more_than"}
)
WINDOW = {"kind": "rolling", "days": "3", "edge": "within", "thresholds": [{"value": "3"}]}
MONTH = {"kind": "calendar", "unit": "month", "thresholds": [{"value": "4", "severity": "2"}, {"value": "6"}]}
PAIRS = {
    "pairs": {
        "key": ["main", "included", "scope"],
        "rows": [{"main": "a", "included": "b", "included_qty": "1"}, {"main": "b", "included": "c"}],
    }
}
RULES = [
    DAY_CAP,
    rule(
        "window",
        "K07",
        {
            "subject": "person_item",
            "measure": "quantity",
            "comparator": "more_than",
            "tie": "order",
            "windows": [WINDOW, MONTH],
        },
    ),
    rule(
        "peers",
        "K07",
        {
            "subject": "person",
            "measure": "visits",
            "comparator": "more_than",
            "tie": "peers",
            "windows": [{**WINDOW, "thresholds": [{"value": "1"}]}],
        },
        amount="visit_total",
    ),
    rule("pairs", "K04", {"table": "pairs", "group": "day", "subject": "person"}),
    rule(
        "near",
        "K04",
        {"table": "pairs", "group": {"group": "within", "hours": "5", "edge": "through"}, "subject": "person"},
        amount="whole_line",
    ),
    rule(
        "course",
        "K10",
        {"form": "course", "mode": "distinct_days", "max": "2", "comparator": "more_than", "reset_days": "2"},
    ),
    rule("refill", "K10", {"form": "overlap", "allowance": "1"}, disposition="hold"),
    rule(
        "class",
        "K12",
        {"form": "same_class", "prefix": "1", "group": "visit"},
        amount="whole_line",
        disposition="suspect",
    ),
    rule("outside", "K09", {"form": "line_in_stay"}, amount="whole_day"),
    rule("twice", "K09", {"form": "overlap"}, amount="none"),
    rule(
        "gap",
        "K08",
        {"comparator": "at_most", "zones": [{"value": "2", "severity": "1"}]},
        amount="visit_total",
        disposition="warn",
    ),
    rule(
        "sex",
        "K01",
        {"attribute": "gend", "allowed": {"codes": ["1"]}},
        amount="whole_line",
        relations={"subsumes": ["class"], "excludes": ["near"]},
    ),
]
BOOK = [document(*RULES, tables=PAIRS)]

people = st.sampled_from(["p1", "p2"])
days = st.integers(0, 6)


@st.composite
def tables(draw: st.DrawFn) -> dict[str, Any]:
    visits, lines = [], []
    for v in range(draw(st.integers(1, 4))):
        begin = FIRST + draw(days)
        visits.append({
            "setl_id": f"v{v}", "psn_no": draw(people), "med_type": draw(st.sampled_from(["11", "21"])), "begndate": begin,
            "enddate": begin + draw(st.integers(0, 3)), "gend": draw(st.sampled_from(["1", "2", "9", None])), "medfee_sumamt": 1000,
        })  # fmt: skip
    for i in range(draw(st.integers(0, 8))):
        visit = draw(st.sampled_from(visits))
        quantity = draw(st.sampled_from([5_000, UNIT, 2 * UNIT, 3 * UNIT]))
        lines.append({
            "setl_id": visit["setl_id"], "feedetl_sn": f"l{i}", "med_list_codg": draw(st.sampled_from("abc")),
            "fee_ocur_time": (visit["begndate"] + draw(st.integers(0, 3))) * DAY + draw(st.sampled_from([0, 8 * HOUR, 13 * HOUR])),
            "cnt": quantity, "det_item_fee_sumamt": draw(st.integers(1, 5_000)), "prd_days": draw(st.sampled_from([UNIT, 2 * UNIT])),
        })  # fmt: skip
    return {"visits": visits, "lines": lines}


def told(result: Result) -> tuple[Any, Any, Any]:
    """What must not depend on where rows stand."""
    details = [{k: v for k, v in d.items() if k != "row"} for d in result.details]
    return result.findings, details, result.manifest


@given(tables(), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_rows_may_stand_anywhere(data: dict[str, Any], random: Any):
    shuffled = {name: random.sample(rows, len(rows)) for name, rows in data.items()}
    assert told(check(BOOK, data)) == told(check(BOOK, shuffled))


@given(tables())
@settings(max_examples=60, deadline=None)
def test_a_line_is_moved_once(data: dict[str, Any]):
    result = check(BOOK, data)
    moved = denials(result)
    for row, line in enumerate(data["lines"]):
        fen, quantity = moved.get(row, (0, 0))
        name = f"{line['setl_id']}/{line['feedetl_sn']}"
        details = [d for f in result.judged if f.moves for d in f.details if d.kind == 1 and d.unit.name == name]
        caps = [
            d.vola
            for f in result.judged
            if f.moves and f.rule.amount == "excess_qty"
            for d in f.details
            if d in details
        ]
        most = max([0, *caps]) + sum(d.vola for d in details) - sum(caps)  # caps deny the same units
        assert fen == min(line["det_item_fee_sumamt"], most)
        assert 0 <= quantity <= line["cnt"]
    assert sum(fen for fen, _ in moved.values()) == sum(d["paid_amt"] for d in result.details)


@given(tables())
@settings(max_examples=40, deadline=None)
def test_what_is_returned_is_not_looked_at(data: dict[str, Any]):
    back = [
        {
            **x,
            "feedetl_sn": x["feedetl_sn"] + "r",
            "init_feedetl_sn": x["feedetl_sn"],
            "cnt": -x["cnt"],
            "det_item_fee_sumamt": -x["det_item_fee_sumamt"],
        }
        for x in data["lines"]
    ]
    returned = check(BOOK, {**data, "lines": [*back, *data["lines"]]})
    assert told(returned) == told(check(BOOK, {**data, "lines": []}))
    assert returned.manifest["unmatched_returns"] == 0


@given(tables(), st.data())
@settings(max_examples=40, deadline=None)
def test_a_split_line_is_no_way_around_a_day_cap(data: dict[str, Any], draw: st.DataObject):
    priced = [{**x, "det_item_fee_sumamt": x["cnt"] // 100} for x in data["lines"]]
    split = []
    for line in priced:
        part = draw.draw(st.integers(1, line["cnt"] // 100 - 1)) * 100
        for name, quantity in (("x", part), ("y", line["cnt"] - part)):
            split.append(
                {
                    **line,
                    "feedetl_sn": line["feedetl_sn"] + name,
                    "cnt": quantity,
                    "det_item_fee_sumamt": quantity // 100,
                }
            )
    one, two = (check([document(DAY_CAP)], {**data, "lines": lines}) for lines in (priced, split))
    arithmetic = [sorted((f["measure"], f["limit"], f["vola_amt"]) for f in r.findings) for r in (one, two)]
    assert arithmetic[0] == arithmetic[1]


@given(st.integers(-3, 3), st.integers(-3, 3), st.integers(-4, 4))
@settings(max_examples=60, deadline=None)
def test_a_row_holds_from_its_first_day_to_before_its_last(first: int, last: int, day: int):
    written = {name: f"2024-03-{10 + value:02d}" for name, value in (("from", first), ("to", last))}
    book = [
        document(
            rule(
                "r",
                "K06",
                {"group": "line", "measure": "quantity", "cap": "0", "comparator": "more_than"},
                items={"table": "t"},
            ),
            tables={"t": {"key": "med_list_codg", "rows": [{"med_list_codg": "a", **written}]}},
        )
    ]
    rows, _ = held_tables({
        "visits": [{"setl_id": "v", "psn_no": "p", "med_type": "11", "begndate": "2024-03-10", "enddate": "2024-03-10"}],
        "lines": [{"setl_id": "v", "med_list_codg": "a", "fee_ocur_time": f"2024-03-{10 + day:02d}", "det_item_fee_sumamt": "1"}],
    })  # fmt: skip
    assert bool(check(book, rows).findings) == (first <= day < last)


@given(tables(), st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_documents_of_a_layer_may_come_in_any_order(data: dict[str, Any], random: Any):
    free = [{k: v for k, v in r.items() if k != "relations"} | {"priority": str(i)} for i, r in enumerate(RULES)]
    apart = [document(r) for r in free] + [document(tables=PAIRS)]
    mixed = random.sample(apart, len(apart))
    answers = [check(book, data) for book in (apart, mixed)]
    key = "jr_id"
    assert sorted(answers[0].findings, key=lambda f: f[key]) == sorted(answers[1].findings, key=lambda f: f[key])
    assert denials(answers[0]) == denials(answers[1])


@given(
    st.integers(-800, 40_000),
    st.sampled_from(["day", "month", "quarter", "year", "insurance_year"]),
    st.sampled_from([1, 2, 3]),
)
def test_calendar_windows_hold_their_day(day: int, unit: str, n: int):
    first, after = calendar_window(unit, n, day, "07-01")
    assert first <= day < after
    assert unit == "insurance_year" or calendar_window(unit, n, first) == calendar_window(unit, n, after - 1) == (
        first,
        after,
    )


def small() -> dict[str, Any]:
    written = {
        "visits": [{"setl_id": "v1", "psn_no": "p", "insutype": "390", "med_type": "11", "begndate": "2024-03-01"}],
        "lines": [
            {"setl_id": "v1", "feedetl_sn": "l1", "med_list_codg": "a", "cnt": "3", "det_item_fee_sumamt": "9"},
            {"setl_id": "v1", "feedetl_sn": "l2", "med_list_codg": "b", "det_item_fee_sumamt": "9"},
            {
                "setl_id": "v1",
                "feedetl_sn": "l3",
                "init_feedetl_sn": "l2",
                "med_list_codg": "b",
                "cnt": "-1",
                "det_item_fee_sumamt": "-9",
            },
            {"setl_id": "v1", "feedetl_sn": "l4", "med_list_codg": "c", "det_item_fee_sumamt": "9"},
            {"setl_id": "v1", "feedetl_sn": "l5", "med_list_codg": "ab", "cnt": "1", "det_item_fee_sumamt": "9"},
        ],
    }
    return held_tables(written)[0]


def test_why_not_names_the_first_condition():
    cap = {"group": "visit", "measure": "quantity", "cap": "2", "comparator": "more_than"}
    book = [document(
        rule("r", "K06", cap, items={"prefix": ["a"]}),
        rule("e", "K06", cap, scope={"insutype": ["310"]}),
        rule("u", "K06", cap, scope={"psn_type": ["11"]}),
        rule("off", "K06", cap, status="disabled", reason="asked for"),
    )]  # fmt: skip
    result = check(book, small())
    asked = {line: why_not(result, "r", "v1", line) for line in ("l1", "l2", "l4", "l5", "l9")}
    jr_id = result.findings[0]["jr_id"]
    assert {line: (found["code"], found["value"], found["measure"], found["limit"], found["findings"]) for line, found in asked.items()} == {
        "l1": ("hit", None, None, None, [(jr_id, "paid", 300)]),
        "l2": ("netted", None, None, None, []),
        "l4": ("items", "c", None, None, []),
        "l5": ("compared", None, 10_000, 20_000, []),
        "l9": ("absent", "l9", None, None, []),
    }  # fmt: skip
    out_of_scope = why_not(result, "e", "v1", "l1")
    assert [out_of_scope[name] for name in ("code", "column", "value", "wanted")] == ["scope", "insutype", "390", "310"]
    reason = "visits.psn_type or persons.psn_type or institutions.psn_type"
    assert (why_not(result, "u", "v1", "l1")["code"], why_not(result, "u", "v1", "l1")["value"]) == ("skipped", reason)
    assert (why_not(result, "off", "v1", "l1")["code"], why_not(result, "off", "v1", "l1")["value"]) == (
        "disabled",
        "asked for",
    )
    assert [why_not(result, "r", visit)["code"] for visit in ("v9", "v1")] == ["absent", "unit"]
    assert why_not(result, "nobody", "v1")["code"] == "no_rule"


def test_a_finding_is_named_by_rule_and_rows():
    result = check(
        [document(rule("r", "K06", {"group": "visit", "measure": "quantity", "cap": "2", "comparator": "more_than"}))],
        small(),
    )
    name = sha256("\x1f".join(["r", "", "", "v1/l1"]).encode()).hexdigest()[:20]
    assert [f["jr_id"] for f in result.findings] == [name]
    assert [d["jrd_id"] for d in result.details] == [f"{name}-1"]


def test_an_example_is_judged_by_its_rule_alone():
    cap = {"group": "visit", "measure": "quantity", "cap": "2", "comparator": "more_than"}
    visit = {"setl_id": "v", "psn_no": "p", "med_type": "11", "begndate": "2024-03-01"}
    line = {"setl_id": "v", "feedetl_sn": "l", "med_list_codg": "a", "cnt": "3", "det_item_fee_sumamt": "3"}
    late = rule("other", "K12", {"form": "single", "list": "none", "group": "prescription"})
    book = stack([document(rule("r", "K06", cap), late, lists={"none": {"codes": ["b"]}})])
    assert example_hits(book, "r", {"visits": [visit], "lines": [line]}) == ({"l"}, "")
    assert example_hits(book, "r", {"visits": [visit], "lines": [{**line, "cnt": "2"}]}) == (set(), "")
    assert example_hits(book, "other", {"visits": [visit], "lines": [line]}) == (set(), "lines.rxno")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ([document({**DAY_CAP, "override": "true"})], "what is not there"),
        ([document(DAY_CAP), document(DAY_CAP)], "without override"),
        ([document(parameters={"x": "1"}), document(parameters={"x": "2"})], "twice in one layer"),
        ([document(lists={"x": {"codes": []}}), document(lists={"x": {"codes": []}})], "given twice"),
        ([document(tables={"x": {"extends": "y", "rows": []}})], "not there"),
        ([document({**DAY_CAP, "disposition": "maybe"})], "disposition"),
        ([document(rule("r", "K01", {"attribute": "age", "allowed": {"unit": "year", "comparator": "less_than", "value": "18"}}))], "under barred"),
        ([document(rule("r", "K06", {"group": "day", "measure": "quantity", "cap": {"parameter": "nobody"}, "comparator": "more_than"}))], "no parameter"),
    ],
)  # fmt: skip
def test_documents_that_do_not_load(wrong: list[dict[str, Any]], says: str):
    data = small()
    data["visits"][0]["brdy"] = 0
    with pytest.raises(RuleError, match=says):
        check(wrong, data)
