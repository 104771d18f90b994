"""Caps that leave denied lines out: only findings that stand deny, whatever rules exclude, subsume and suppress, wherever they stand in the book."""

from __future__ import annotations

from typing import Any

import ybcore
from check_cases import Case, arrow_table, by_checker, by_engine, by_reference, plain_answer
from hypothesis import given, settings
from hypothesis import strategies as st
from ybcore.checks import load_rules
from ybcore.reference import checks

FIRST = 19_783  # 2024-03-01
UNIT = 10_000
NAMES = ("A", "B", "C", "N", "M")
COUNTED = ("eligible", "unknown", "hits", "suppressed", "excluded", "subsumed")


@st.composite
def rules(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Three rules that deny or only tell, and two caps that leave out what those before them deny, in any order."""
    out = []
    order = [*draw(st.permutations("ABC"))]
    for name in "NM":
        order.insert(draw(st.integers(1, len(order))), name)
    for name in order:
        cap = name in "NM"
        look: dict[str, Any] = {"attribute": draw(st.sampled_from(["gend", "med_type"])), "barred": {"codes": ["1"]}}
        if cap or draw(st.integers(0, 4)) == 0:
            look = {
                "group": draw(st.sampled_from(["visit", "day"])), "subject": "person" if cap else "visit", "measure": "quantity", "cap": draw(st.sampled_from(["1", "2"])),
                "comparator": draw(st.sampled_from(["more_than", "more_than", "at_least", "at_most"])), "count_denied": "false" if cap else "true",
            }  # fmt: skip
        others = [one for one in order if one != name and (one in "ABC" or draw(st.integers(0, 3)) == 0)]
        related = {
            "excludes": draw(st.lists(st.sampled_from(others), max_size=1)),
            "subsumes": draw(st.lists(st.sampled_from([one for one in others if one > name] or [name]), max_size=1)),
        }  # fmt: skip
        related = {kind: names for kind, names in related.items() if names and names != [name]}
        out.append({
            "id": name, "name": {"zh": name, "en": name}, "source": "drawn", "severity": draw(st.sampled_from("12")),
            "kernel": "K06" if "cap" in look else "K01", "items": draw(st.sampled_from(["all", "all", {"prefix": ["a"]}])), "check": look,
            "amount": draw(st.sampled_from(["whole_line", "whole_line", "excess_qty", "none"])), "priority": draw(st.sampled_from(["50", "100", "150"])),
            "disposition": draw(st.sampled_from(["deny", "deny", "deny", "hold", "suspect", "warn"])), "shadow": draw(st.sampled_from(["false"] * 5 + ["true"])),
            **({"relations": related} if related else {}),
        })  # fmt: skip
    return out


@st.composite
def tables(draw: st.DrawFn) -> dict[str, list[dict[str, Any]]]:
    visits = [
        {"setl_id": f"v{v}", "psn_no": f"p{v % 2}", "begndate": FIRST, "enddate": FIRST, "gend": draw(st.sampled_from("112")), "med_type": draw(st.sampled_from(["11", "11", "21"])), "insutype": "310", "hist_flag": draw(st.sampled_from("00001"))}
        for v in range(draw(st.integers(1, 5)))
    ]  # fmt: skip
    lines = [
        {"setl_id": draw(st.sampled_from(visits))["setl_id"], "feedetl_sn": f"l{i}", "med_list_codg": draw(st.sampled_from(["a", "b"])), "cnt": draw(st.integers(1, 3)) * UNIT, "det_item_fee_sumamt": draw(st.integers(1, 900))}
        for i in range(draw(st.integers(1, 8)))
    ]  # fmt: skip
    return {"visits": visits, "lines": lines}


@st.composite
def lists(draw: st.DrawFn) -> list[dict[str, str]]:
    who = st.one_of(st.fixed_dictionaries({"psn_no": st.sampled_from(["p0", "p1"])}), st.fixed_dictionaries({"med_list_codg": st.sampled_from("ab")}))  # fmt: skip
    row = st.builds(lambda rule, whom: {"rule": rule, **whom, "reason": "r", "owner": "o", "expires": "2030-01-01"}, st.sampled_from(NAMES), who)  # fmt: skip
    return draw(st.lists(row, max_size=2))


def document(drawn: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "format": "ybcore-rules/1", "id": "d", "version": "1", "name": {"zh": "册", "en": "book"}, "layer": "base", "region": "*", "from": "open",
        "known_since": "2000-01-01", "source": "drawn", "rules": drawn,
    }  # fmt: skip


@given(rules(), tables(), lists(), st.sampled_from(["after", "before"]))
@settings(max_examples=250, deadline=None)
def test_all_judges_agree(drawn: Any, data: Any, suppress: Any, stage: str) -> None:
    case = Case([document(drawn)], data, None, False, None, stage, suppress)
    wanted = by_reference(case)
    for judge in (by_engine, by_checker):
        found = judge(case)
        assert found.findings == wanted.findings and found.details == wanted.details and found.moved == wanted.moved
        rows = [{name: row[name] for name in COUNTED} for row in found.manifest["rules"]]
        assert rows == [{name: row[name] for name in COUNTED} for row in wanted.manifest["rules"]]


@given(rules(), tables(), lists())
@settings(max_examples=60, deadline=None)
def test_why_not_says_what_was_left_out(drawn: Any, data: Any, suppress: Any) -> None:
    documents = [document(drawn)]
    result = checks.check(documents, data, suppress=suppress, time_of_day=False)
    given_ = {name: arrow_table(name, rows, False) for name, rows in data.items()}
    report = ybcore.check(given_["visits"], given_["lines"], rules=documents, suppress=suppress, threads=1)
    for line in data["lines"]:
        for name in "NM":
            wanted = checks.why_not(result, name, line["setl_id"], line["feedetl_sn"])
            assert plain_answer(report.why_not((line["setl_id"], line["feedetl_sn"]), name)) == wanted


@given(rules(), tables(), st.sampled_from("NM"))
@settings(max_examples=60, deadline=None)
def test_replay_leaves_out_the_same(drawn: Any, data: Any, name: str) -> None:
    """At each value the findings of a run with that value, before what relations make of them."""
    given_ = {key: arrow_table(key, rows, False) for key, rows in data.items()}
    values = ["0", "1", "2", "3"]
    replay = ybcore.replay(
        given_["visits"], given_["lines"], rules=[document(drawn)], rule=name, values=values, threads=1
    )
    for value, hits in zip(values, replay["hits"].to_pylist()):
        changed = [{**one, "check": {**one["check"], "cap": value}} if one["id"] == name else one for one in drawn]
        run = checks.check([document(changed)], data, time_of_day=False)
        (row,) = (row for row in run.manifest["rules"] if row["rule_id"] == name)
        assert hits == row["hits"] + row["excluded"], value


def test_a_rule_that_looks_across_and_excludes_a_denying_one_is_told_of_the_cap() -> None:
    """The cap hangs on the rule that is excluded, so it cannot be cut either."""
    denying = {
        "id": "A", "name": {"zh": "A", "en": "A"}, "source": "s", "kernel": "K01", "items": "all", "severity": "1", "amount": "whole_line", "disposition": "deny",
        "check": {"attribute": "gend", "barred": {"codes": ["1"]}},
    }  # fmt: skip
    cap = {**denying, "id": "N", "kernel": "K06", "check": {"group": "day", "measure": "quantity", "cap": "1", "comparator": "more_than", "count_denied": "false"}}  # fmt: skip
    month = {"kind": "calendar", "unit": "month", "thresholds": [{"value": "2"}]}
    across = {**denying, "id": "X", "kernel": "K07", "amount": "none", "check": {"subject": "doctor", "measure": "count", "comparator": "more_than", "windows": [month]}, "relations": {"excludes": ["A"]}}  # fmt: skip
    assert load_rules([document([denying, cap, across])]).across == {"A", "N", "X"}
    assert not load_rules([document([denying, cap])]).across
