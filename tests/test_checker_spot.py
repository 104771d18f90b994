"""What the native call over one small batch finds is what `check` finds: prescriptions of the city with all shipped rules and the city's own, small data, odd tables."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import ybcore
from check_cases import arrow_table
from city_rules import town_and_book
from hypothesis import given, settings
from hypothesis import strategies as st
from test_check_cuts import BOOK
from test_checker import BESIDE, city_checker, left_of, made, prescriptions, same
from test_reference_checks import tables
from ybcore.checks.run.spot import SpotReport
from ybcore.errors import InputError

SHORT = 40  # visits of which one is drawn


def plain(case: dict[str, Any], stage: str = "before") -> Any:
    _, _, book, catalog = town_and_book(5)
    return ybcore.check(**case, rules=book, catalog=catalog, stage=stage, threads=1)


def changed(case: dict[str, pa.Table], table: str, column: str, change: Any) -> dict[str, pa.Table]:
    """The case with the cells of a column changed."""
    old = case[table]
    at = old.column_names.index(column)
    cells = [change(row, cell) for row, cell in enumerate(old[column].to_pylist())]
    kind = old[column].type
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return case | {table: old.set_column(at, column, pa.array(cells, kind))}


@lru_cache(1)
def after_checker() -> ybcore.Checker:
    town, _, book, catalog = town_and_book(5)
    return ybcore.Checker(book, catalog, town.institutions, town.doctors)


def test_most_prescriptions_take_the_native_way_and_say_the_same():
    native = hits = 0
    for place, case in enumerate(prescriptions()):
        found = city_checker().check(**left_of(case))
        wanted = plain(case)
        assert found.findings.equals(wanted.findings) and found.details.equals(wanted.details)
        assert found.unmatched_returns == wanted.unmatched_returns and found.notes == wanted.notes
        if isinstance(found, SpotReport):
            native += 1
            hits += found.findings.num_rows > 0
            # The manifest, money and words of what the native way told.
            assert native % 5 or same(wanted, found)
        # After settlement the history is looked at too.
        late = after_checker().check(**left_of(case))
        assert place % 4 or late.findings.equals(plain(case, "after").findings)
    assert native > 30 and hits > 20, "too few prescriptions took the native way"


def test_findings_have_the_types_of_their_own_tables():
    looked = ((case, city_checker().check(**left_of(case))) for case in prescriptions())
    case = next(case for case, found in looked if isinstance(found, SpotReport) and found.details.num_rows)
    at = case["lines"].column_names.index("feedetl_sn")
    # What is remembered of tables with wide ids of lines does not reach those with narrow ones.
    for kind in (pa.large_string(), pa.string(), pa.large_string()):
        ids = case["lines"]["feedetl_sn"].cast(kind)
        of_kind = case | {"lines": case["lines"].set_column(at, "feedetl_sn", ids)}
        found, wanted = city_checker().check(**left_of(of_kind)), plain(of_kind)
        assert isinstance(found, SpotReport)
        assert found.details.schema.field("feedetl_sn").type == kind
        assert found.findings.equals(wanted.findings) and found.details.equals(wanted.details)


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_prescriptions_with_changed_rows(data: st.DataObject):
    """Returns, other items, missing cells, shuffled rows, no history."""
    case = dict(data.draw(st.sampled_from(prescriptions())))
    draw = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    lines = case["lines"].num_rows
    some = set(draw.choice(lines, min(lines, 4), replace=False).tolist())
    kind = data.draw(st.sampled_from(["back", "item", "none", "time", "shuffle", "alone", "twice"]))
    if kind == "back":
        for column in ("cnt", "det_item_fee_sumamt"):
            case = changed(case, "lines", column, lambda row, cell: -cell if row in some and cell is not None else cell)
    elif kind == "item":
        codes = case["lines"]["med_list_codg"].to_pylist()
        own = {row: codes[int(draw.integers(lines))] for row in some}
        case = changed(case, "lines", "med_list_codg", lambda row, cell: own.get(row, cell))
    elif kind in ("none", "time"):
        column = (
            "fee_ocur_time" if kind == "time" else str(draw.choice(["med_list_codg", "cnt", "det_item_fee_sumamt"]))
        )
        case = changed(case, "lines", column, lambda row, cell: None if row in some else cell)
    elif kind == "shuffle":
        for name in ("visits", "lines", "diagnoses"):
            case[name] = case[name].take(pa.array(draw.permutation(case[name].num_rows)))
    elif kind == "alone":
        case["visits"] = case["visits"].filter(pc.equal(case["visits"]["hist_flag"], 0))
        known = case["visits"]["setl_id"].cast(pa.string()).combine_chunks()
        for name in ("lines", "diagnoses", "operations", "labs"):
            if name in case:
                case[name] = case[name].filter(pc.is_in(case[name]["setl_id"].cast(pa.string()), value_set=known))
    else:
        case["lines"] = pa.concat_tables([case["lines"], case["lines"].take(pa.array(sorted(some)))]).combine_chunks()
    wanted, found = plain(case), city_checker().check(**left_of(case))
    assert found.findings.equals(wanted.findings) and found.details.equals(wanted.details)
    assert found.unmatched_returns == wanted.unmatched_returns


@given(tables(), st.lists(st.booleans(), min_size=12, max_size=12), st.sampled_from(["before", "after"]), st.booleans())
@settings(max_examples=60, deadline=None)
def test_small_data_of_every_kernel(data: dict[str, Any], past: list[bool], stage: str, clock: bool):
    for i, visit in enumerate(data["visits"]):
        visit |= {"fixmedins_code": "h", "mdtrt_id": f"m{i // 2}", "hist_flag": int(past[i % 12])}
    given_ = {name: arrow_table(name, rows, clock) for name, rows in data.items() if rows}
    left = dict(given_)
    wanted = ybcore.check(left.pop("visits"), rules=BOOK, stage=stage, threads=1, **left)
    checker, left = made(BOOK, given_, stage=stage)
    found = checker.check(**left)
    assert found.findings.equals(wanted.findings) and found.details.equals(wanted.details)


def failure(call: Any) -> str:
    with pytest.raises(InputError) as held:
        call()
    return str(held.value)


@pytest.mark.parametrize("wrong", ["visit", "overlap", "column", "bound"])
def test_errors_in_the_input_are_told_alike(wrong: str):
    case = dict(prescriptions()[0])
    if wrong == "visit":
        case = changed(case, "lines", "setl_id", lambda row, cell: "nobody" if row == 0 else cell)
    elif wrong == "overlap":
        case["persons"] = pa.concat_tables([case["persons"], case["persons"]]).combine_chunks()
    elif wrong == "column":
        case["lines"] = case["lines"].drop_columns(["setl_id"])
    else:
        case["visits"] = case["visits"].drop_columns(["psn_no"])
    assert failure(lambda: city_checker().check(**left_of(case))) == failure(lambda: plain(case))


def test_a_book_with_relations_and_suppression_takes_the_other_way():
    case = prescriptions()[0]
    who = case["visits"]["psn_no"][0].as_py()
    rows = [{"rule": "N35_sum", "psn_no": who, "reason": "known", "owner": "me", "expires": "2099-01-01"}]
    found = city_checker().check(**left_of(case), suppress=rows)
    assert not isinstance(found, SpotReport)
    _, _, book, catalog = town_and_book(5)
    assert same(ybcore.check(**case, rules=book, catalog=catalog, stage="before", suppress=rows), found)
    assert set(BESIDE) <= set(case)
