"""The decision table: every combination of what a case's attributes decide, resolved once into the numbers the kernel takes."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from ..columns.convert import NULL_INT
from ..errors import InputError, Problem
from ..policy.conditions import Test
from ..policy.numbers import PPM
from .book import Clearing
from .figures import NoFigureError, Values, by_age, holds, number, starts, tests_of
from .given import Attribute, Given
from .models import FORMULAS, Edge, Method, Pays

__all__ = ["Cells", "cells_of", "compact"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]

NONE = int(NULL_INT)
WIDTH = 64
_FROM = {
    "amount": 0,
    "group.amount": 1,
    "group.weight/case": 2,
    "group.points": 3,
    "group.weight/points": 4,
    "group.mean": 5,
}
_RULE = {"standard": 0, "item": 1, "hold": 2, "actual": 3, "by_cost": 4}
_PAYS = {"item": 0, "case": 1, "days": 1, "points": 2, "heads": 3, "budget": 3}
_MOST = 10**12  # ppm: a coefficient of a million is a slip of the pen


class Cells:
    """`of`: the cell of every case, -1 none; `reason` 1: no document, 2: no method. By cell: numbers, method, coefficient."""

    def __init__(
        self, of: Int32, document: Int32, table: Int64, methods: list[tuple[Clearing, Method]], method: Int32
    ) -> None:
        self.of, self.document, self.table, self.methods, self.method = of, document, table, methods, method

    @property
    def coefficient(self) -> Int64:
        """By cell, ppm."""
        return self.table[:, 7]


def compact(parts: list[tuple[Int32, int]]) -> tuple[Int32, Int64]:
    """(number of each row's combination, a row of each combination) of small numbers, each ≥ 0 and below its size."""
    rows = len(parts[0][0])
    key: Int32 | None = None
    size = 1
    # Sizes stay below 2^31, so that keys are half as wide.
    for of, count in sorted(parts, key=lambda part: part[1]):
        if count <= 1:
            continue
        if key is not None and size * count > 4 * rows + 1_000_000:
            key, size = _dense(key, size)
        if size * count >= 2**31:
            raise OverflowError("more combinations than can be numbered")
        key = of if key is None else key * np.int32(count) + of
        size *= count
    key, size = _dense(np.zeros(rows, np.int32) if key is None else key, size)
    row = np.zeros(size, np.int64)
    row[key] = np.arange(rows)
    return key, row


def _dense(key: Int32, size: int) -> tuple[Int32, int]:
    """Keys numbered without gaps, in their order."""
    if size > 8 * len(key) + 8_000_000:
        found, inverse = np.unique(key, return_inverse=True)
        return inverse.astype(np.int32), len(found)
    there = np.zeros(size, bool)
    there[key] = True
    number_of = np.cumsum(there, dtype=np.int32) - np.int32(1)
    return number_of[key], int(number_of[-1]) + 1


def _documents(given: Given) -> Int32:
    """Number of the document of every case in the book, -1 none."""
    out = np.full(given.cases.rows, -1, np.int32)
    insutype, region = given.attributes["insutype"], given.attributes["insuplc_admdvs"]
    for index, document in enumerate(given.book):
        start, end = document.effective
        kinds = np.array([any(text.startswith(code) for code in document.scheme.insutype) for text in insutype.values])
        holds_here = kinds[insutype.of] & (given.day >= start)
        if end is not None:
            holds_here &= given.day < end
        if document.scheme.region != "*":
            holds_here &= np.array([text.startswith(document.scheme.region) for text in region.values])[region.of]
        out[holds_here] = index
    return out


def cells_of(given: Given) -> Cells:
    """The cells of all cases. Raises InputError where a document has no figure for a case."""
    document = _documents(given)
    asked = _classes(given)
    days = np.array(sorted({day for held in given.book for day in starts(held.model)}), np.int64)
    segment = (
        np.searchsorted(days, given.day, side="right").astype(np.int32)
        if len(days)
        else np.zeros(len(given.day), np.int32)
    )
    parts = [(document + np.int32(1), len(given.book) + 1), (segment, len(days) + 1)]
    parts += [(held.of, len(held.values)) for held in asked.values()]
    of, rows = compact(parts) if given.cases.rows else (np.zeros(0, np.int32), np.zeros(0, np.int64))
    methods = [(held, method) for held in given.book for method in held.model.methods]
    index = {id(method): at for at, (_, method) in enumerate(methods)}
    table = np.tile(np.array(_plain_numbers(0), np.int64), (len(rows), 1))
    chosen = np.full(len(rows), -1, np.int32)
    problems: list[Problem] = []
    for cell, row in enumerate(rows.tolist()):
        if document[row] < 0:
            continue
        held = given.book.documents[document[row]]
        values: dict[str, Any] = {name: one.values[one.of[row]] for name, one in asked.items()}
        method = next((one for one in held.model.methods if holds(one.when, values)), None)
        if method is None:
            continue
        chosen[cell] = index[id(method)]
        try:
            table[cell] = _numbers(method, values, int(given.day[row]), int(chosen[cell]))
        except NoFigureError as error:
            what = f"method {method.id} has no figure by {error} for this case (row {row + 1})"
            problems.append(
                Problem(
                    file=held.file,
                    what=what,
                    what_zh=f"方法 {method.id} 没有适用于此病例的数值（按 {error}）",
                    row=row + 1,
                )
            )
    if problems:
        raise InputError(problems)
    return Cells(
        of if (chosen >= 0).all() else np.where(chosen[of] >= 0, of, np.int32(-1)), document, table, methods, chosen
    )


def _classes(given: Given) -> dict[str, Attribute]:
    """What cells are told apart by: of every attribute that is asked for, values that all tests see alike are one."""
    tests: dict[str, list[Test]] = {}
    each: dict[str, set[int]] = {}
    ages = False
    for held in given.book:
        ages |= by_age(held.model)
        for name, mine in tests_of(held.model).items():
            tests.setdefault(name, []).extend(mine)
        for method in held.model.methods:
            for plus in (plus for one in method.coefficients for plus in one.plus):
                each.setdefault(f"+{plus.of}", set()).add(int(plus.each.value))
    out: dict[str, Attribute] = {}
    for name, mine in sorted(tests.items()):
        out[name] = _merged(given.attributes[name], partial(_seen, list(dict.fromkeys(mine)), name == "age" and ages))
    if ages and "age" not in out:
        out["age"] = given.attributes["age"]
    for name, steps in sorted(each.items()):
        out[name] = _merged(given.attributes[name], partial(_stepped, sorted(steps)))
    return out


def _seen(tests: list[Test], whole: bool, value: Any) -> Hashable:
    """What tests see of a value; `whole`: the value itself counts too."""
    return (value if whole else None, *(test.holds(value) for test in tests))


def _stepped(steps: list[int], value: Any) -> Hashable:
    return tuple(max(0, value or 0) // step for step in steps)


def _merged(attribute: Attribute, seen: Callable[[Any], Hashable]) -> Attribute:
    """The attribute with one value for all that look alike."""
    classes: dict[Hashable, int] = {}
    kept: list[Any] = []
    of = np.zeros(len(attribute.values), np.int32)
    for at, value in enumerate(attribute.values):
        look = seen(value)
        if look not in classes:
            classes[look] = len(kept)
            kept.append(value)
        of[at] = classes[look]
    return Attribute(of[attribute.of], kept)


def coefficient_of(method: Method, values: Values, day: int) -> int:
    """Coefficients in the order written, each product rounded to a millionth."""
    product = PPM
    for one in method.coefficients:
        value = number(one.value, values, day)
        for plus in one.plus:
            have = values.get(f"+{plus.of}")
            steps = max(0, have) // int(plus.each.value) if isinstance(have, int) else 0
            value += min(steps * int(plus.adds.value), number(plus.most, values, day))
        product = (2 * product * value + PPM) // (2 * PPM)
    if product > _MOST:
        raise NoFigureError("coefficients (their product is above a million)")
    return product


def _payment(pays: Pays | None, method: Method, values: Values, day: int) -> list[int]:
    if pays is None:
        return [0, 0, NONE, 0, 1, 0]
    word = pays.word
    if word == "review":
        assert method.review is not None
        word = method.review.otherwise
    out = [_RULE[word], 0, NONE, 0, 1, 0]
    if pays.actual is not None:
        less, most = pays.actual.less, pays.actual.most
        out[1:4] = [int(less.value), NONE if most is None else int(most.value), int(pays.actual.bare)]
    if pays.by_cost is not None:
        out[4:] = [number(pays.by_cost.over, values, day), number(pays.by_cost.times, values, day)]
    return out


def _edge(edge: Edge | None, method: Method, values: Values, day: int) -> list[int]:
    if edge is None:
        return [NONE, 0, *_payment(None, method, values, day)]
    return [number(edge.at, values, day), int(edge.includes), *_payment(edge.pays, method, values, day)]


def _plain_numbers(pays: int) -> list[int]:
    """A row of what has no standard."""
    edge, payment = [NONE, 0, 0, 0, NONE, 0, 1, 0], [0, 0, NONE, 0, 1, 0]
    return [pays, 0, 0, 0, 1, 0, 1, PPM, 0, 0, 0, 0, *edge * 3, *payment * 2, 0, 0, 0, NONE, 0, 0, 0, *[0] * 9]


def _numbers(method: Method, values: Values, day: int, at: int) -> list[int]:
    """One row of the table: the fields of `Cell` in core/include/ybcore/clearing.hpp."""
    pays = _PAYS[method.pays]
    if pays in (0, 3):
        return _plain_numbers(pays)
    base, multiples, fund = method.base, method.multiples, method.fund
    assert base is not None and fund is not None
    form = "group." + base.group if base.group else "amount"
    source = _FROM.get(form, _FROM.get(f"{form}/{method.pays}", 0))
    money = base.amount if base.amount is not None else base.rate
    actual = any(held.actual for _, held in method.all_pays())
    against = (
        0 if multiples is None and not actual else 2 if multiples is not None and multiples.against == "standard" else 1
    )
    needs = int(base.group is not None or against == 1 or actual)
    rule = method.readmission
    row = [
        pays, source, 0 if money is None else number(money, values, day), 0 if base.times is None else number(base.times, values, day),
        1 if base.over is None else number(base.over, values, day), int(method.pays == "days"),
        10 ** (4 - method.digits) if method.pays == "points" else 1, coefficient_of(method, values, day),
        against, 0 if multiples is None or multiples.value is None else int(multiples.value.value), needs, int(method.incomplete is not None),
    ]  # fmt: skip
    for name in ("low", "high", "extreme"):
        row += _edge(None if multiples is None else getattr(multiples, name), method, values, day)
    row += _payment(method.incomplete, method, values, day) + _payment(method.ungrouped, method, values, day)
    rate = NONE if fund.rate is None else number(fund.rate, values, day)
    row += [FORMULAS.index(fund.formula), rate, int(fund.stops)]
    row += (
        [NONE, 0, 0, 0]
        if rule is None
        else [at, rule.within, number(rule.keeps, values, day), int(rule.which == "later")]
    )
    return row + [0] * (WIDTH - len(row))
