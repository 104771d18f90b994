"""A check of the checkers: whatever one changes in either side's answer, the comparison must notice."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from compare import DETAIL_COLUMNS, LINE_COLUMNS, VISIT_COLUMNS, Side, by_kernel, by_reference, differences
from generate.policies import book
from generate.population import population


@pytest.fixture(scope="module")
def sides() -> tuple[Side, Side]:
    """The first random book whose answer has enough of everything."""
    for seed in range(100):
        documents = book(seed)
        tables = population(seed, documents, persons=8, visits=80)
        ours = by_reference(documents, tables)
        many = min(len(part) for part in (ours.lines, ours.detail, ours.standing)) > 20
        if (
            many
            and len(ours.counters) > 3
            and len(ours.accounts) > 3
            and any(len(rows) > 1 for rows in ours.detail.values())
        ):
            theirs = by_kernel(documents, tables)
            assert differences(ours, theirs) == []
            return ours, theirs
    raise AssertionError("no such book")


def changed(value: Any) -> Any:
    """Another value of the same kind; one fen for money."""
    return value + 1 if isinstance(value, int) else f"{value}x"


def with_cell(row: tuple, column: int) -> tuple:
    return (*row[:column], changed(row[column]), *row[column + 1 :])


def noticed(sides: tuple[Side, Side], change: Any) -> None:
    """A change to the first side alone, and to the second alone, must make the comparison fail."""
    for which in (0, 1):
        pair = [Side(**{k: copy.copy(v) for k, v in vars(side).items()}) for side in sides]
        change(pair[which])
        assert differences(pair[0], pair[1])


@pytest.mark.parametrize("column", range(len(VISIT_COLUMNS)), ids=VISIT_COLUMNS)
def test_one_cell_of_a_visit(sides: tuple[Side, Side], column: int):
    for row in range(0, len(sides[0].visits), 7):

        def change(side: Side, row: int = row) -> None:
            side.visits[row] = with_cell(side.visits[row], column)

        noticed(sides, change)


@pytest.mark.parametrize("column", range(len(LINE_COLUMNS)), ids=LINE_COLUMNS)
def test_one_cell_of_a_line(sides: tuple[Side, Side], column: int):
    for key in list(sides[0].lines)[::5]:

        def change(side: Side, key: Any = key) -> None:
            side.lines[key] = with_cell(side.lines[key], column)

        noticed(sides, change)


@pytest.mark.parametrize("column", range(len(DETAIL_COLUMNS)), ids=DETAIL_COLUMNS)
def test_one_cell_of_a_layer(sides: tuple[Side, Side], column: int):
    for key in list(sides[0].detail)[::5]:

        def change(side: Side, key: Any = key) -> None:
            side.detail[key] = [with_cell(side.detail[key][0], column), *side.detail[key][1:]]

        noticed(sides, change)


def test_state(sides: tuple[Side, Side]):
    for name in ("counters", "accounts", "standing"):
        for key in list(getattr(sides[0], name))[::3]:

            def change(side: Side, name: str = name, key: Any = key) -> None:
                held = getattr(side, name)
                held[key] = held[key] + 1 if isinstance(held[key], int) else (*held[key][:-1], "other")

            noticed(sides, change)


def test_a_row_too_few_or_too_many(sides: tuple[Side, Side]):
    noticed(sides, lambda side: side.visits.pop())
    noticed(sides, lambda side: side.visits.pop(3))
    noticed(sides, lambda side: side.visits.append(side.visits[0]))
    for name in ("lines", "detail", "counters", "standing"):
        noticed(sides, lambda side, name=name: getattr(side, name).popitem())
        noticed(sides, lambda side, name=name: getattr(side, name).update({("new",): (0,)}))
    key = next(key for key, rows in sides[0].detail.items() if len(rows) > 1)
    noticed(sides, lambda side: side.detail.update({key: side.detail[key][:-1]}))


def test_rows_in_another_order(sides: tuple[Side, Side]):
    def swap(side: Side) -> None:
        side.visits[0], side.visits[1] = side.visits[1], side.visits[0]

    noticed(sides, swap)
    key = next(key for key, rows in sides[0].detail.items() if len(rows) > 1 and rows[0] != rows[1])
    noticed(sides, lambda side: side.detail.update({key: side.detail[key][::-1]}))
