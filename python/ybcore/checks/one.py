"""One visit settled and looked at by rules in one call: what it would come to, and what rules say of it before it happens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ..columns.checkschema import CHECK_LINES, CHECK_VISITS, DIAGNOSES, LABS, OPERATIONS, STOCK
from ..columns.schema import PERSONS, Table
from ..errors import InputError, Problem
from ..settling.one import OneSettlement, as_rows, by_text, columns_of, in_batch, settled_alone
from ..settling.person import PersonState
from .checker import Checker
from .run.sum_rules import MIDNIGHT

if TYPE_CHECKING:
    from ..engine import Engine

__all__ = ["settled_with_rules"]

BESIDE = {"diagnoses": DIAGNOSES, "operations": OPERATIONS, "labs": LABS, "stock": STOCK}
EARLIER = ("visits", "lines")
Rows = Sequence[Mapping[str, Any]]


def settled_with_rules(engine: Engine, given: Mapping[str, Any], rules: Any, beside: Mapping[str, Any]) -> OneSettlement:  # fmt: skip
    """See `Engine.settle_one`. `given`: its other arguments."""
    if rules is None:
        what, zh = "beside has tables for rules: give rules", "beside 是审核用表，须与 rules 同用"
        raise InputError([Problem(what=what, what_zh=zh, path="rules")])
    if isinstance(rules, Checker) and rules.stage == "before":
        twice = [
            time for time, day in MIDNIGHT.items() if given["visit"].get(day) is not None
        ]  # settling takes the day
        visit = {name: cell for name, cell in given["visit"].items() if name not in twice}
        done = settled_alone(engine, **{**given, "visit": visit})
        return replace(done, checks=rules.check(**_looked_at(given, beside)))
    if any(beside.get(name) is not None for name in EARLIER):
        what = "earlier visits are looked at before the event only: give a Checker with stage='before'"
        zh = "以往就诊仅供事前审核：rules 请给 stage='before' 的 Checker"
        raise InputError([Problem(what=what, what_zh=zh, path="beside")])
    asked = {"rules": rules, "beside": beside}
    if isinstance(rules, Checker):
        asked |= {"rules": rules.rules, "known_at": rules.known_at}
    opening = given["state"] or PersonState()
    rest = {name: given[name] for name in ("pre", "acct_events")}
    people, places = as_rows(given["person"]), as_rows(given["institution"])
    return in_batch(engine, given["visit"], given["lines"], people, opening, institution=places, **rest, **asked)


def _looked_at(given: Mapping[str, Any], beside: Mapping[str, Any]) -> dict[str, Any]:
    """The tables of a check: the visit after those before it, which are history."""
    visit, own = given["visit"], given["visit"].get("setl_id")
    earlier = [{**row, "hist_flag": "1"} for row in beside.get("visits") or ()]
    lines = [*(beside.get("lines") or ()), *({**line, "setl_id": own} for line in given["lines"] or ())]
    person = as_rows(given["person"])
    out = {"visits": _table([*earlier, visit], CHECK_VISITS)}
    if lines:
        out["lines"] = _table(lines, CHECK_LINES)
    if person:
        out["persons"] = _table(person, PERSONS)
    for name, rows in beside.items():
        if name not in EARLIER and rows is not None:
            plain = isinstance(rows, Sequence) and name in BESIDE
            out[name] = _table(rows, BESIDE[name]) if plain and rows else None if plain else rows
    return out


def _table(rows: Rows, table: Table) -> Any:
    """Rows as an Arrow table, with days and times that are text as such: what is looked at by one native call."""
    columns = columns_of([by_text(row) for row in rows], table)
    try:
        kinds = {column.name: column.kind for column in table.columns}
        return pa.table({name: _READ.get(kinds.get(name, ""), pa.array)(cells) for name, cells in columns.items()})
    except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError, ValueError, OverflowError):
        return columns  # cells of several kinds, or wrong ones: whoever reads the columns says what is wrong


def _day(cell: Any) -> Any:
    return date.fromisoformat(cell) if isinstance(cell, str) and len(cell) == 10 else cell


def _time(cell: Any) -> Any:
    read = datetime.fromisoformat(cell) if isinstance(cell, str) and len(cell) in (10, 19) else cell
    return datetime(read.year, read.month, read.day) if type(read) is date else read


def _days(cells: list[Any]) -> pa.Array:
    return pa.array([_day(cell) for cell in cells])


def _times(cells: list[Any]) -> pa.Array:
    return pa.array([_time(cell) for cell in cells])


_READ = {"date": _days, "time": _times}
