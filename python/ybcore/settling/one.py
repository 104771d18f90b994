"""One visit at a time through the same kernel as a batch: a value in, a value out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ..columns.schema import ACCT_EVENTS, INSTITUTIONS, LINES, PERSONS, VISITS, Table
from ..errors import InputError, Problem
from .person import PersonState

if TYPE_CHECKING:
    from ..engine import Engine

__all__ = ["OneSettlement", "as_rows", "by_text", "columns_of", "in_batch", "settled_alone", "tables_of"]

IDS = (
    "setl_id",
    "psn_no",
    "mdtrt_id",
    "init_setl_id",
    "refl_old_mdtrt_id",
    "hsld_no",
    "mulaid_psn_no",
    "fixmedins_code",
)
NOBODY = PersonState()
Rows = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None


@dataclass(frozen=True)
class OneSettlement:
    """What became of one visit.

    `result`: the visit's row, by column; money is int fen. `lines`: a row a fee line, in their order. `state`: the state after the visit;
    with `pre` the state before it. `opening`: the state that it was settled from. `checks`: the report of the rules that were given.
    """

    result: dict[str, Any]
    lines: list[dict[str, Any]]
    state: PersonState
    opening: PersonState
    pre: bool = False
    checks: Any = None

    @property
    def opening_version(self) -> int:
        """Version of the state that it was settled from."""
        return self.opening.version

    @property
    def opening_sha256(self) -> str:
        """Hash of the state that it was settled from."""
        return self.opening.sha256


def settled_alone(
    engine: Engine, visit: Mapping[str, Any], lines: Any, person: Rows, state: PersonState | None, pre: bool, institution: Rows, acct_events: Any
) -> OneSettlement:  # fmt: skip
    """See `Engine.settle_one`."""
    opening = NOBODY if state is None else state
    persons, places = as_rows(person), as_rows(institution)
    done = engine._windows.settle(visit, lines, persons, opening, pre, places, acct_events)
    if done is not None:
        return OneSettlement(*done, opening, pre)
    return in_batch(engine, visit, lines, persons, opening, pre, places, acct_events)


def in_batch(
    engine: Engine, visit: Mapping[str, Any], lines: Any, person: Rows, opening: PersonState, pre: bool, institution: Rows, acct_events: Any, **checked: Any
) -> OneSettlement:  # fmt: skip
    """The same as a batch of one visit: what the C door does not do, and what is wrong. `checked`: further options of `Engine.settle`."""
    own = visit.get("setl_id")
    for i, line in enumerate(lines or ()):
        other = line.get("setl_id", own)
        if str(other) != str(own):
            what = f"the line is of the settlement {other!r}, the visit is {own!r}"
            raise InputError([Problem(what=what, what_zh=f"明细属于结算 {other!r}，而就诊为 {own!r}", path="lines.setl_id", row=i + 1)])  # fmt: skip
    rows = [{**line, "setl_id": own} for line in lines or ()]
    tables = tables_of(visit, rows, person, institution, acct_events)
    done = engine.settle(**tables, state=opening.state(), line_output=bool(rows), closing_state=not pre, receipt=False, **checked)  # fmt: skip
    result = done.visits.to_pylist()[0] | {name: visit[name] for name in ("setl_id", "psn_no") if name in visit}
    told = [] if done.lines is None else [row | {"setl_id": own} for row in done.lines.to_pylist()]
    after = opening if done.state is None else PersonState.of(done.state, opening.version + 1).after(opening)
    return OneSettlement(result, told, after, opening, pre, done.checks)


def as_rows(rows: Rows) -> Sequence[Mapping[str, Any]] | None:
    return [rows] if isinstance(rows, Mapping) else rows


def tables_of(
    visit: Mapping[str, Any], lines: Any, person: Rows, institution: Rows, acct_events: Any
) -> dict[str, Any]:
    """The tables of a batch of one visit."""
    return {
        "visits": columns_of([by_text(visit)], VISITS),
        "lines": columns_of([by_text(row) for row in lines], LINES) if lines else None,
        "persons": _table(person, PERSONS),
        "institutions": _table(institution, INSTITUTIONS),
        "acct_events": columns_of([by_text(row) for row in acct_events], ACCT_EVENTS) if acct_events else None,
    }


def _table(rows: Rows, table: Table) -> dict[str, Any] | None:
    if rows is None:
        return None
    if not len(rows):  # there is a table, and nobody is in it
        return {column.name: pa.array([], pa.string()) for column in table.columns if column.required}
    return columns_of([by_text(row) for row in ([rows] if isinstance(rows, Mapping) else rows)], table)


def by_text(row: Mapping[str, Any]) -> dict[str, Any]:
    """Ids as texts: a state outlives the program that made it, and texts are what every one of them has."""
    return {name: str(cell) if name in IDS and isinstance(cell, int) else cell for name, cell in row.items()}


def columns_of(rows: list[dict[str, Any]], table: Table) -> dict[str, list[Any]]:
    """Rows as columns, with those that must be there; a row without a key has nothing in it."""
    names = dict.fromkeys(name for row in rows for name in row)
    names |= {
        column.name: None for column in table.columns if column.required and not any(n in names for n in column.also)
    }
    return {name: [row.get(name) for row in rows] for name in names}
