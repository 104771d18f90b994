"""A checker made before it saw a visit finds what `check` finds: shipped rules on single prescriptions with their history, small data, threads."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import ybcore
from check_cases import arrow_table
from check_small import RULES, TABLES
from check_user_cases import document as own_document
from check_user_cases import forgotten
from check_user_cases import rule as own_rule
from city_rules import offending, part_of, report_of, tables_of, town_and_book
from hypothesis import given, settings
from hypothesis import strategies as st
from test_check_cuts import BOOK
from test_reference_checks import tables
from ybcore.checks.run.screen import Screen
from ybcore.errors import InputError

__all__ = ["forgotten"]

BESIDE = ("institutions", "doctors")
HISTORY = dt.timedelta(90)
MOST = 60  # prescriptions that offend


def told(report: Any) -> list[Any]:
    """Everything that a report says, but for the time it took."""
    moved = report.denials()
    return [
        report.findings, report.details, report.manifest.drop_columns("seconds"), report.text("en"), report.suppressions, report.notes,
        report.unmatched_returns, moved.amount.tolist(), moved.quantity.tolist(),
    ]  # fmt: skip


def same(wanted: Any, found: Any) -> bool:
    return all(
        a.equals(b) if isinstance(a, pa.Table) else a == b for a, b in zip(told(wanted), told(found), strict=True)
    )


def made(rules: Any, tables_: dict[str, Any], **fixed: Any) -> tuple[ybcore.Checker, dict[str, Any]]:
    """A checker, and the tables that are left to give it."""
    left = dict(tables_)
    beside = {name: left.pop(name, None) for name in BESIDE}
    return ybcore.Checker(rules, **beside, **fixed), left


def with_history(whole: dict[str, pa.Table], setl_id: str) -> dict[str, pa.Table]:
    """One visit of the city, and what its person had in the three months before it as history."""
    visits = whole["visits"]
    at = pc.index(visits["setl_id"].cast(pa.string()), setl_id).as_py()
    psn, day = visits["psn_no"][at].as_py(), visits["setl_time"][at].as_py()
    past = pc.and_(pc.less_equal(visits["setl_time"], day), pc.greater_equal(visits["setl_time"], day - HISTORY))
    own = pc.and_(pc.equal(visits["psn_no"], psn), past)
    part = part_of(whole, {*visits.filter(own)["setl_id"].cast(pa.string()).to_pylist(), setl_id})
    now = pc.equal(part["visits"]["setl_id"].cast(pa.string()), setl_id)
    part["visits"] = part["visits"].append_column("hist_flag", pc.if_else(now, 0, 1).cast(pa.int8()))
    return part


@lru_cache(1)
def prescriptions() -> list[dict[str, pa.Table]]:
    """Visits that offend, those first that offend against most rules of which there is none yet, and some that do not."""
    town, batch, _, _ = town_and_book(5)
    whole = tables_of(town, batch)
    rules_of: dict[str, set[str]] = {}
    for rule, rows in offending(report_of(5)).items():
        for visit, _ in rows:
            rules_of.setdefault(visit, set()).add(rule)
    chosen: list[str] = []
    left = set().union(*rules_of.values())
    while len(chosen) < MOST and left:
        chosen.append(max(sorted(rules_of), key=lambda name: len(rules_of[name] & left)))
        left -= rules_of[chosen[-1]]
    quiet = [name for name in sorted(whole["visits"]["setl_id"].to_pylist()) if name not in rules_of]
    return [with_history(whole, visit) for visit in [*chosen, *quiet[:: len(quiet) // 4][:4]]]


@lru_cache(1)
def city_checker() -> ybcore.Checker:
    town, _, book, catalog = town_and_book(5)
    return ybcore.Checker(book, catalog, town.institutions, town.doctors, stage="before")


def left_of(case: dict[str, pa.Table]) -> dict[str, pa.Table]:
    return {name: table for name, table in case.items() if name not in BESIDE}


def test_single_prescriptions_of_the_city():
    _, _, book, catalog = town_and_book(5)
    hit: set[str] = set()
    for place, case in enumerate(prescriptions()):
        wanted = ybcore.check(**case, rules=book, catalog=catalog, stage="before", threads=1)
        found = city_checker().check(**left_of(case))
        assert found.findings.equals(wanted.findings) and found.details.equals(wanted.details)
        # The rules that were left out are counted only now, which takes as long as `check`.
        assert place % 6 or same(wanted, found)
        hit |= set(wanted.findings["rule_id"].to_pylist())
    assert len(hit) > 50, "too few rules had a finding to compare"


def test_the_whole_city_after_settlement():
    town, batch, book, catalog = town_and_book(5)
    checker = ybcore.Checker(book, catalog, town.institutions, town.doctors)
    assert same(report_of(5), checker.check(**left_of(tables_of(town, batch))))


def test_rules_are_left_out_and_counted_all_the_same(monkeypatch):
    seen: list[tuple[int, int]] = []
    plain = Screen.may

    def watched(self: Screen, work: Any, running: Any, stage: str) -> frozenset[str]:
        out = plain(self, work, running, stage)
        seen.append((len(out), len(list(running))))
        return out

    monkeypatch.setattr(Screen, "may", watched)
    for case in prescriptions()[-4:]:
        report = city_checker().check(**left_of(case))
        assert sum(report.manifest["eligible"].to_pylist()) > 0
        assert report.findings.num_rows == 0
    assert all(kept < running / 2 for kept, running in seen)


def test_threads_share_a_checker():
    cases = prescriptions()[::9]

    def found_by(checker: ybcore.Checker, case: dict[str, pa.Table]) -> list[pa.Table]:
        report = checker.check(**left_of(case))
        return [report.findings, report.details]

    wanted = [found_by(city_checker(), case) for case in cases]
    town, _, book, catalog = town_and_book(5)
    fresh = ybcore.Checker(book, catalog, town.institutions, town.doctors, stage="before")
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda case: found_by(fresh, case), cases * 3))
    assert all(a.equals(b) for one, two in zip(found, wanted * 3) for a, b in zip(one, two))


@given(tables(), st.lists(st.booleans(), min_size=12, max_size=12), st.sampled_from(["before", "after"]), st.booleans())
@settings(max_examples=60, deadline=None)
def test_small_data(data: dict[str, Any], past: list[bool], stage: str, clock: bool):
    for i, visit in enumerate(data["visits"]):
        visit |= {
            "invono": f"n{i % 3}",
            "fixmedins_code": "h",
            "mdtrt_id": f"m{i // 2}",
            "hist_flag": int(past[i % 12]),
        }
    given_ = {name: arrow_table(name, rows, clock) for name, rows in data.items() if rows}
    left = dict(given_)
    wanted = ybcore.check(left.pop("visits"), rules=BOOK, stage=stage, threads=1, **left)
    checker, left = made(BOOK, given_, stage=stage)
    assert same(wanted, checker.check(**left))


def test_an_item_that_nothing_names_and_what_is_missing():
    _, _, book, catalog = town_and_book(5)
    case = dict(prescriptions()[0])
    for cells in ("ZZ-unknown", "", None):
        codes = case["lines"]["med_list_codg"].cast(pa.string()).to_pylist()
        codes[: len(codes) // 2] = [cells] * (len(codes) // 2)
        at = case["lines"].column_names.index("med_list_codg")
        case["lines"] = case["lines"].set_column(at, "med_list_codg", pa.array(codes, pa.string()))
        wanted = ybcore.check(**case, rules=book, catalog=catalog, stage="before", threads=1)
        assert same(wanted, city_checker().check(**left_of(case)))


def test_a_suppression_list():
    _, _, book, catalog = town_and_book(5)
    case = prescriptions()[0]
    plain = city_checker().check(**left_of(case))
    names = sorted(set(plain.findings["rule_id"].to_pylist()))
    rows = [{"rule": name, "psn_no": case["visits"]["psn_no"][0].as_py(), "reason": "known", "owner": "me", "expires": "2099-01-01"} for name in names]  # fmt: skip
    found = city_checker().check(**left_of(case), suppress=rows)
    assert same(ybcore.check(**case, rules=book, catalog=catalog, stage="before", suppress=rows), found)
    assert found.suppressions and any(found.findings["suppressed"].to_pylist())


def test_tables_as_mappings_texts_and_offsets():
    checker, left = made([RULES], TABLES)
    wanted = ybcore.check(**TABLES, rules=[RULES], threads=1)
    assert wanted.findings.num_rows and same(wanted, checker.check(**left))
    lines = {name: cells for name, cells in TABLES["lines"].items() if name != "setl_id"}
    offsets = np.array([0, 2, 3, 4])
    wanted = ybcore.check(TABLES["visits"], lines, institutions=TABLES["institutions"], rules=[RULES], line_offsets=offsets)  # fmt: skip
    assert same(wanted, checker.check(TABLES["visits"], lines, line_offsets=offsets))


def test_the_same_columns_in_another_order_and_type_one_after_another():
    checker, left = made([RULES], TABLES)
    for turn in (False, True):
        for kind in (pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())):
            tables_ = {}
            for name, columns in left.items():
                table = pa.table({key: pa.array(cells, pa.string()).cast(kind) if key not in ("setl_time", "fee_ocur_time", "cnt", "det_item_fee_sumamt") else cells for key, cells in columns.items()})  # fmt: skip
                tables_[name] = table.select(table.column_names[::-1]) if turn else table
            wanted = ybcore.check(**tables_, institutions=TABLES["institutions"], rules=[RULES])
            assert wanted.findings.num_rows and same(wanted, checker.check(**tables_))


def test_a_visit_that_a_rule_leaves_out_makes_no_stay_longer():
    again = {**own_rule("again", {"comparator": "at_most", "zones": [{"value": "15", "severity": "1"}]}), "kernel": "K08", "amount": "none", "scope": {"not": {"med_type": "11"}}}  # fmt: skip
    book = ybcore.load_rules([own_document(again)])
    visits = {
        "setl_id": ["a", "b", "c"], "psn_no": ["p", "p", "p"], "mdtrt_id": ["A", "A", "B"], "med_type": ["21", "11", "21"],
        "begndate": ["2025-03-01", "2025-03-01", "2025-03-10"], "enddate": ["2025-03-05", "2025-03-30", "2025-03-12"],
        "setl_time": ["2025-03-05", "2025-03-30", "2025-03-12"],
    }  # fmt: skip
    found = ybcore.Checker(book).check(visits)
    assert found.findings["setl_id"].to_pylist() == ["c"] and same(ybcore.check(visits, rules=book), found)


def test_rules_of_ones_own():
    ybcore.rule("dear", columns=["amount"])(lambda amount: amount > 500)
    book = ybcore.load_rules([own_document(own_rule("dear", {}))])
    checker, left = made(book, TABLES)
    wanted = ybcore.check(**TABLES, rules=book, threads=1)
    assert wanted.findings.num_rows == 2 and same(wanted, checker.check(**left))

    @ybcore.rule("broken", columns=["amount"])
    def broken(amount: Any) -> Any:
        raise RuntimeError("no")

    checker, left = made([own_document(own_rule("broken", {}))], TABLES)
    with pytest.raises(InputError, match="broken"):
        checker.check(**left)


def problems(call: Any) -> list[tuple[str, str | None, int | None]]:
    with pytest.raises(InputError) as caught:
        call()
    return [(problem.what, problem.path, problem.row) for problem in caught.value.problems]


@pytest.mark.parametrize("change", [
    {"visits": {"psn_no": [1.5, 2.5, 3.5]}},
    {"lines": {"det_item_fee_sumamt": [1.5, 2.0, 3.0, 4.0], "cnt": [True, False, True, True]}},
    {"lines": {"setl_id": ["S1", "S9", "S2", "S3"]}},
    {"visits": {"setl_time": [1, 2, 3]}, "lines": {"fee_ocur_time": [1, 2, 3, 4]}},
    {"diagnoses": {"setl_id": ["S9"], "diag_code": ["A00"]}},
    {"persons": {"psn_no": ["P1", "P1"], "begndate": ["2020-01-01", "2021-01-01"], "enddate": [None, None]}},
])  # fmt: skip
@pytest.mark.parametrize("arrow", [False, True])
def test_what_is_wrong_is_told_as_check_tells_it(change: dict[str, dict[str, Any]], arrow: bool):
    wrong: dict[str, Any] = {name: {**TABLES.get(name, {}), **cells} for name, cells in change.items()}
    given_ = {**TABLES, **wrong}
    given_ = {name: pa.table(columns) for name, columns in given_.items()} if arrow else given_
    checker, left = made([RULES], given_)
    told_ = problems(lambda: ybcore.check(**given_, rules=[RULES]))
    assert told_ and problems(lambda: checker.check(**left)) == told_
    assert problems(lambda: checker.check(**left)) == told_, "the second time"


def test_wrong_institutions_and_stages_are_told_when_it_is_made():
    wrong = {"fixmedins_code": ["H1", "H1"], "hosp_lv": ["01", "02"]}
    assert problems(lambda: ybcore.Checker([RULES], None, wrong)) == problems(
        lambda: ybcore.check(**{**TABLES, "institutions": wrong}, rules=[RULES])
    )
    for make in (
        lambda: ybcore.Checker([RULES], stage="befor"),
        lambda: ybcore.check(**TABLES, rules=[RULES], stage="befor"),
    ):
        with pytest.raises(ybcore.InputError) as caught:
            make()
        (problem,) = caught.value.problems
        assert (problem.path, problem.nearest) == ("stage", "before") and "没有阶段" in problem.what_zh


@pytest.mark.parametrize(
    "amounts", [["10.50", None, "20.00", "1.00"], [None, None, None, None], [1050, None, None, 100]]
)
def test_lines_without_an_amount_are_as_in_bulk(amounts: list[Any]):
    """What measures money does not know them, and what they come to is not computed."""
    asks_amount = "\n  - {id: MINE, name: {zh: 甲, en: a}, kernel: user, check: {function: dear_alone}, amount: whole_line, disposition: warn, severity: 3, source: own}"  # fmt: skip
    ybcore.rule("dear_alone", columns=["amount"], replace=True)(lambda amount: amount > 0)
    given_ = {**TABLES, "lines": {**TABLES["lines"], "det_item_fee_sumamt": amounts}}
    given_ = {name: pa.table(columns) for name, columns in given_.items()}
    for rules in (RULES, RULES.rstrip() + asks_amount + "\n"):
        wanted = ybcore.check(**given_, rules=[rules])
        checker, left = made([rules], given_)
        found = checker.check(**left)
        assert found.findings.equals(wanted.findings) and found.details.equals(wanted.details)
        counts = {row["rule_id"]: (row["eligible"], row["unknown"]) for row in wanted.manifest.to_pylist()}
        assert counts == {row["rule_id"]: (row["eligible"], row["unknown"]) for row in found.manifest.to_pylist()}
        assert counts["DEAR"] == (4, amounts.count(None)) and counts.get("MINE", (4, amounts.count(None)))[
            1
        ] == amounts.count(None)
        listed = [row["vola_amt_stas"] for row in wanted.findings.to_pylist() if row["rule_id"] == "LISTED"]
        assert listed == ["0" if amounts[row] is None else "1" for row in (2, 0)]


def test_no_visits_and_ids_of_two_kinds_are_told_with_their_columns():
    with pytest.raises(ybcore.InputError, match="visits: 须给出该表 / the table is needed"):
        ybcore.check(**{**TABLES, "visits": None}, rules=[RULES])
    for table, name, other in (
        ("visits", "setl_id", "lines.setl_id"),
        ("visits", "fixmedins_code", "institutions.fixmedins_code"),
    ):
        numbers = pa.array(range(1, len(TABLES[table][name]) + 1), pa.int64())
        wrong = {**TABLES, table: {**TABLES[table], name: numbers}}
        told_ = problems(lambda given_=wrong: ybcore.check(**given_, rules=[RULES]))
        assert f"ids are text in {other} and integers in {table}.{name}" in str(told_)
        checker, left = made([RULES], wrong)
        assert problems(lambda checker=checker, left=left: checker.check(**left)) == told_


@pytest.mark.parametrize("cap", ["11", "{factor: 6, of: stay_days, plus: 4}"])
def test_caps_of_a_visit_that_grow_with_the_stay(cap: str):
    """S2 comes to 20.00: above 11.00, and above 6.00 a day and 4.00 for two days."""
    rules = RULES.replace("cap: 12", f"cap: {cap}").replace("shadow: true, ", "")
    visits = {**TABLES["visits"], "ipt_days": [3, 2, None]}
    wanted = ybcore.check(**{**TABLES, "visits": visits}, rules=[rules])
    assert ("DEAR", "S2") in zip(*(wanted.findings[n].to_pylist() for n in ("rule_id", "setl_id")), strict=True)
    for arrow in (False, True):
        given_ = {name: pa.table(columns) if arrow else columns for name, columns in {**TABLES, "visits": visits}.items()}  # fmt: skip
        checker, left = made([rules], given_)
        assert same(wanted, checker.check(**left))
