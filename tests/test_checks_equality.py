"""Every kernel with every parameter on small data full of ties, edges and missing cells: reference, engine and checker say the same.

Of a drawn rule all columns of all findings and details are compared, what moves out of which line, and what the manifest counts; the engine
with several threads and rows in another order too.
"""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import islice
from typing import Any

import pytest
import ybcore
from check_cases import Answer, Case, arrow_table, by_checker, by_engine, by_reference, rules_of
from generate.check_rows import DAY, catalog, rows
from generate.checks import KERNELS, book
from hypothesis import given, note, settings
from hypothesis import strategies as st

TOLD = ("rule_id", "status", "reason", "eligible", "unknown", "hits", "suppressed", "excluded", "subsumed")


def case_of(seed: int, kernels: list[str]) -> Case:
    draw = random.Random(seed)
    documents, tables = (
        book(draw.choice, kernels),
        rows(draw.choice, draw.choice([1, 3, 5, 8]), draw.choice([3, 9, 20])),
    )
    items, clock = catalog(draw.choice), draw.random() < 0.85
    stage = draw.choice(["after", "after", "during", "before"])
    for line in tables.get("lines", []):
        if not clock and line["fee_ocur_time"] is not None:
            line["fee_ocur_time"] -= line["fee_ocur_time"] % DAY
    # Where all lines are dated at midnight there are no times of day.
    clock = any((line["fee_ocur_time"] or 0) % DAY for line in tables.get("lines", []))
    return Case(documents, tables, items, clock, None, stage, [])


def told(answer: Answer) -> list[Any]:
    manifest = [{name: row[name] for name in TOLD} for row in answer.manifest["rules"]]
    return [answer.findings, answer.details, answer.moved, manifest, answer.manifest["unmatched_returns"]]


def agree(case: Case, draw: random.Random) -> int:
    """How many findings there are, where all judges name the same."""
    wanted = by_reference(case)
    assert told(by_engine(case)) == told(wanted)
    assert told(by_checker(case)) == told(wanted)
    # Other threads, and rows in another order. A line without an id of its own is named by its place, and of the persons' rows a visit
    # without a scheme takes the first: these stay where they are.
    kept = {"persons"} | (
        {"lines"} if any(line["feedetl_sn"] is None for line in case.tables.get("lines", [])) else set()
    )
    mixed = {name: table if name in kept else draw.sample(table, len(table)) for name, table in case.tables.items()}
    given_ = {name: arrow_table(name, table, case.time_of_day) for name, table in mixed.items()}
    items = None if case.catalog is None else ybcore.Catalog(arrow_table("items", [{"chrgitm_lv": "01", **row} for row in case.catalog], False))  # fmt: skip
    fixed = {"rules": rules_of(case.documents), "catalog": items, "stage": case.stage}
    answers = [ybcore.check(**given_, **fixed, threads=threads) for threads in (1, 2, 7)]
    for found in answers:
        assert found.findings.equals(answers[0].findings) and found.details.equals(answers[0].details)
    turned = by_reference(replace(case, tables=mixed))
    assert [row["jr_id"] for row in turned.findings] == [row["jr_id"] for row in wanted.findings]
    assert answers[0].findings["jr_id"].to_pylist() == [row["jr_id"] for row in wanted.findings]
    assert answers[0].findings["vola_amt"].to_pylist() == [row["vola_amt"] for row in wanted.findings]
    return len(wanted.findings)


@pytest.mark.parametrize("kernel", KERNELS)
@given(seed=st.integers(0, 2**48))
@settings(max_examples=12, deadline=None)
def test_one_rule(kernel: str, seed: int):
    note(f"seed {seed}")
    agree(case_of(seed, [kernel]), random.Random(seed))


@given(seed=st.integers(0, 2**48))
@settings(max_examples=12, deadline=None)
def test_a_book_of_rules(seed: int):
    """One money once: what rules of all kernels move together out of the same lines."""
    agree(case_of(seed, random.Random(seed).choices(list(KERNELS), k=6)), random.Random(seed))


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_drawn_rules_find_something(kernel: str):
    """Equality of nothing with nothing is no proof."""
    found = (seed for seed in range(120) if by_reference(case_of(seed, [kernel])).findings)
    assert len(list(islice(found, 4))) == 4


def test_every_way_of_counting_is_drawn():
    """Every form, group, measure, window and word that a check may have."""
    seen: dict[str, set[str]] = {}

    def gather(node: Any, path: str) -> None:
        if isinstance(node, dict):
            for key, value in node.items():
                gather(value, f"{path}.{key}")
        elif isinstance(node, list):
            for value in node:
                gather(value, path)
        else:
            seen.setdefault(path, set()).add(str(node))

    for seed in range(150):
        for kernel in KERNELS:
            draw = random.Random(seed)
            gather(KERNELS[kernel](draw.choice)["check"], kernel)
    assert seen["K09.form"] == {
        "line_in_stay",
        "overlap",
        "around_operation",
        "after_death",
        "idle",
        "before_admission",
        "unsettled",
    }
    assert seen["K10.form"] == {"prescription_days", "course", "overlap", "daily_dose"}
    assert seen["K12.form"] == {"distinct", "all_in", "single", "same_class"}
    assert seen["K15.form"] == {
        "required",
        "one_of",
        "sum",
        "product",
        "order",
        "delay",
        "unique",
        "in_catalogue",
        "code_in",
    }
    assert seen["K06.group"] == {"line", "day", "hour", "visit", "stay"}
    assert seen["K07.measure"] == {"visits", "quantity", "amount", "count", "days", "institutions", "items"}
    assert seen["K07.windows.unit"] == {"day", "month", "quarter", "year", "insurance_year"}
    assert seen["K13.test.statistic"] == {"z", "mad", "percentile"}
    for path, words in (("K07.comparator", 4), ("K06.comparator", 4), ("K07.tie", 2), ("K07.windows.edge", 2), ("K10.mode", 2), ("K10.rounding", 2), ("K06.allocate", 2), ("K01.key", 7)):  # fmt: skip
        assert len(seen[path]) == words, path
