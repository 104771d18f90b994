"""The decision table: every combination of what a case's attributes decide, resolved once into the numbers the kernel takes."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel

from ..columns.convert import NULL_INT
from ..errors import InputError, Problem
from ..policy.document import Document
from ..policy.numbers import PPM
from ..settling.clearing import taken
from .attributes import Attribute, Combinations, combine, day_column
from .book import Clearing, ClearingBook, document_of
from .figures import NoFigureError, Values, by_age, holds, number, starts, tests_of
from .given import Given
from .models import FORMULAS, Edge, Method, Pays

__all__ = ["Cells", "cells_of", "tell_apart"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Looks = dict[str, list[Callable[[Any], Hashable]]]

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
    """`combination`: that of every case; by combination: document and method (-1 none), coefficient, day and values (`seen`). `of`: the row of `table` of every case
    that has a method, -1 of others; combinations whose numbers are the same have one row."""

    def __init__(
        self,
        combination: Int32,
        document: Int32,
        numbers: Int64,
        methods: list[tuple[Clearing, Method]],
        method: Int32,
        threads: int,
        seen: list[tuple[int, Values]],
    ) -> None:
        self.seen = seen
        self.combination, self.document, self.methods = combination, document, methods
        self.method, self.threads, self._numbers = method, threads, numbers
        self.table, row = np.unique(numbers, axis=0, return_inverse=True)
        self.of = self.by_case([*np.where(method >= 0, row.reshape(-1), -1), -1])

    @property
    def coefficient(self) -> Int64:
        """By combination, ppm."""
        return self._numbers[:, 7]

    def by_case(self, values: Any, dtype: Any = np.int32) -> Any:
        """What each case has of something that combinations have."""
        return taken(np.asarray(values, dtype), self.combination, self.threads)


@dataclass
class Told:
    """Combinations that documents see alike; of each the number of its document (-1 none), the day and the values of one that has it."""

    every: Combinations
    document: list[int]
    day: list[int]
    values: list[dict[str, Any]]


def tell_apart(documents: Sequence[Document[Any]], models: Sequence[BaseModel], attributes: Mapping[str, Attribute], day: Int32, looks: Looks, threads: int) -> Told:  # fmt: skip
    """What documents look at, in rows with a day and attributes; `looks`: what else sees the values of some."""
    edges = {edge for held in documents for edge in held.effective if edge is not None}
    edges |= {edge for model in models for edge in starts(model)}
    seen: Looks = {"insutype": [partial(_begins, held.scheme.insutype) for held in documents]}
    seen["insuplc_admdvs"] = [partial(_begins, (held.scheme.region.rstrip("*"),)) for held in documents]
    for model in models:
        for name, mine in sorted(tests_of(model).items()):
            seen.setdefault(name, []).extend(test.holds for test in dict.fromkeys(mine))
        if by_age(model):
            seen.setdefault("age", []).append(_itself)
    seen |= looks
    columns = [attributes[name].column(partial(_look, mine)) for name, mine in seen.items()]
    every = combine(len(day), [day_column(day, edges), *columns], threads)
    days, first = day[every.first].tolist(), every.first
    told = {name: attributes[name].at(first) for name in {*seen, "insutype", "insuplc_admdvs"}}
    values = [dict(zip(told, row)) for row in zip(*told.values())]
    document = [document_of(documents, at, v["insutype"], v["insuplc_admdvs"]) for at, v in zip(days, values)]
    return Told(every, document, days, values)


def cells_of(given: Given) -> Cells:
    """The cells of all cases. Raises InputError where a document has no figure for a case."""
    book = given.book.documents
    told = tell_apart(
        book, [held.model for held in book], given.attributes, given.day, _extras(given.book), given.threads
    )
    rows = told.every.first.tolist()
    methods = [(held, method) for held in book for method in held.model.methods]
    index = {id(method): at for at, (_, method) in enumerate(methods)}
    table = np.tile(np.array(_plain_numbers(0), np.int64), (len(rows), 1))
    chosen = np.full(len(rows), -1, np.int32)
    problems: list[Problem] = []
    for cell, (at, day, values) in enumerate(zip(told.document, told.day, told.values)):
        method = None if at < 0 else next((one for one in book[at].model.methods if holds(one.when, values)), None)
        if method is None:
            continue
        chosen[cell] = index[id(method)]
        try:
            table[cell] = _numbers(method, values, day, int(chosen[cell]))
        except NoFigureError as error:
            what = f"method {method.id} has no figure by {error} for this case (row {rows[cell] + 1})"
            zh = f"方法 {method.id} 没有适用于此病例的数值（按 {error}）"
            problems.append(Problem(file=book[at].file, what=what, what_zh=zh, row=rows[cell] + 1))
    if problems:
        raise InputError(problems)
    seen: list[tuple[int, Values]] = list(zip(told.day, told.values))
    return Cells(told.every.of, np.array(told.document, np.int32), table, methods, chosen, given.threads, seen)


def _extras(book: ClearingBook) -> Looks:
    """Extras of coefficients see the whole steps of a number of the institution."""
    each: dict[str, set[int]] = {}
    for plus in (plus for held in book for way in held.model.methods for one in way.coefficients for plus in one.plus):
        each.setdefault(f"+{plus.of}", set()).add(int(plus.each.value))
    return {name: [partial(_steps, step) for step in sorted(steps)] for name, steps in sorted(each.items())}


def _begins(codes: tuple[str, ...], value: str) -> bool:
    return value.startswith(codes)


def _itself(value: Any) -> Hashable:
    return value


def _steps(step: int, value: Any) -> int:
    return max(0, value or 0) // step


def _look(looks: list[Callable[[Any], Hashable]], value: Any) -> Hashable:
    return tuple(look(value) for look in looks)


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
