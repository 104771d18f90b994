"""Whether the parts of a `PersonState` can be: of the right kinds, in the bounds of the kernel (core/src/statebytes.cpp has the same), nothing twice."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from .. import _core
from ..errors import InputError, Problem
from .person import Key, Parts, PersonState, in_order
from .state import NEVER, REFUSED, REVERSED, WITHIN

__all__ = ["sound"]

MOST_GRID, MOST_FEN, MOST_BALANCE = 4 * 10**18, 4 * 10**12, 10**15
DAYS = -719162, 2932896  # of the years 1 to 9999
INT32, UINT32, INT63 = (NEVER, 2**31 - 1), (0, 2**32 - 1), (0, 2**63 - 1)
AT_MOST = 20  # problems that are told
Found = Iterator[Problem]


def sound(state: PersonState) -> PersonState:
    """The same with everything in its order. Raises InputError with what is wrong and where."""
    parts = state._read()
    problems = list(islice(_wrong(parts), AT_MOST)) or list(_together(parts))
    if problems:
        raise InputError(problems)
    settlements = tuple(
        one._replace(
            contributions=in_order(one.contributions), admissions=in_order(one.admissions), standards=in_order(one.standards),
            used=tuple(sorted(one.used)), moves=tuple(sorted(one.moves)),
        )
        for one in parts.settlements
    )  # fmt: skip
    return PersonState(parts.version, in_order(parts.counters), tuple(sorted(parts.accounts)), settlements, tuple(sorted(parts.others)))  # fmt: skip


def _problem(path: str, expected: str, expected_zh: str) -> Problem:
    return Problem(what=f"no person state can have this as {path}", what_zh=f"个人状态的 {path} 不能是此值", path=f"state.{path}", expected=expected, expected_zh=expected_zh)  # fmt: skip


def _whole(value: Any, path: str, bounds: tuple[int, int]) -> Found:
    if type(value) is not int or not bounds[0] <= value <= bounds[1]:
        yield _problem(path, f"a whole number from {bounds[0]} to {bounds[1]}", f"{bounds[0]} 至 {bounds[1]} 的整数")


def _text(value: Any, path: str) -> Found:
    try:
        fine = isinstance(value, str) and value.encode() is not None
    except UnicodeEncodeError:
        fine = False
    if not fine:
        yield _problem(path, "a text", "文本")


def _within(most: int) -> tuple[int, int]:
    return -most, most


def _key(key: Key, path: str) -> Found:
    yield from _parts_of(key.counter, f"{path}.counter")
    yield from _whole(key.scope, f"{path}.scope", (0, max(WITHIN)))
    yield from _text(key.owner, f"{path}.owner")
    if type(key.household) is not bool:
        yield _problem(f"{path}.household", "true or false", "true 或 false")
    if key.within is not None:
        yield from _text(key.within, f"{path}.within")
    yield from _whole(key.period, f"{path}.period", INT32)


def _parts_of(name: Any, path: str) -> Found:
    """A name of several parts, as JSON text."""
    wrong = list(_text(name, path))
    if not wrong:
        try:
            held = json.loads(name)
            wrong = [] if isinstance(held, list) and len(held) > 1 else [_problem(path, "a list of names", "名称列表")]
        except ValueError:
            wrong = [_problem(path, "a list of names", "名称列表")]
    yield from wrong


def _twice(values: Iterable[Any], path: str) -> Found:
    seen: set[Any] = set()
    for i, value in enumerate(values):
        if value in seen:
            yield _problem(f"{path}[{i}]", "each once", "不得重复")
        seen.add(value)


def _wrong(parts: Parts) -> Found:
    yield from _whole(parts.version, "version", INT63)
    for i, one in enumerate(parts.counters):
        yield from _key(one.key, f"counters[{i}]")
        yield from _whole(one.amount, f"counters[{i}].value", _within(MOST_GRID))
    for i, account in enumerate(parts.accounts):
        at = f"accounts[{i}]"
        yield from _text(account.psn_no, f"{at}.psn_no")
        for name in ("balance", "opening"):
            yield from _whole(getattr(account, name), f"{at}.{name}", _within(MOST_BALANCE))
        yield from _whole(account.start, f"{at}.start", INT32)
        if account.through is not None:
            yield from _whole(account.through, f"{at}.through", INT32)
    for k, kept in enumerate(parts.settlements):
        yield from _kept(kept, f"settlements[{k}]")
    for i, other in enumerate(parts.others):
        yield from _text(other.setl_id, f"others[{i}].setl_id")
        yield from _text(other.psn_no, f"others[{i}].psn_no")
        yield from _whole(other.kind, f"others[{i}].kind", (REVERSED, REFUSED))


def _kept(one: Any, at: str) -> Found:
    for name in ("setl_id", "psn_no", "mdtrt_id", "scheme", "policy", "plan"):
        yield from _text(getattr(one, name), f"{at}.{name}")
    for name, bounds in (("enddate", DAYS), ("has_account", (0, 1)), ("flags", UINT32)):
        yield from _whole(getattr(one, name), f"{at}.{name}", bounds)
    for name, cell in zip(_core.LAYOUT["columns"], one.columns):
        yield from _whole(cell, f"{at}.columns.{name}", _within(MOST_GRID))
    for what in ("contributions", "standards"):
        for i, row in enumerate(getattr(one, what)):
            yield from _key(row.key, f"{at}.{what}[{i}]")
            yield from _whole(row.amount, f"{at}.{what}[{i}].amount", _within(MOST_GRID))
    for i, row in enumerate(one.admissions):
        yield from _key(row.key, f"{at}.admissions[{i}]")
        if row.stay is not None:
            yield from _text(row.stay, f"{at}.admissions[{i}].stay")
        yield from _whole(row.number, f"{at}.admissions[{i}].number", INT32)
    for i, row in enumerate(one.used):
        yield from _parts_of(row.layer, f"{at}.used[{i}].layer")
        for name in ("used", "chain_standard", "chain_used"):
            yield from _whole(getattr(row, name), f"{at}.used[{i}].{name}", _within(MOST_GRID))
    for i, (who, amount) in enumerate(one.moves):
        yield from _text(who, f"{at}.moves[{i}].psn_no")
        yield from _whole(amount, f"{at}.moves[{i}].amount", _within(MOST_FEN))


def _together(parts: Parts) -> Found:
    """What each alone may be. Nothing that is added up later leaves 64 bits."""
    yield from _twice((one.key for one in parts.counters), "counters")
    yield from _twice((one.psn_no for one in parts.accounts), "accounts")
    yield from _twice((one.setl_id for one in parts.settlements), "settlements")
    amounts = [row.amount for one in parts.settlements for row in one.contributions]
    if sum(map(abs, amounts)) > MOST_GRID:
        yield _problem("settlements", f"contributions of at most {MOST_GRID} together", f"contributions 合计不大于 {MOST_GRID}")  # fmt: skip
