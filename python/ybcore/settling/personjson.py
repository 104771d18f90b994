"""The JSON form of a `PersonState` (docs/embedding.md, "The JSON form")."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from .. import _core
from ..policy.vocabulary import SCOPES
from .person import Account, Admission, Contribution, Kept, Key, Other, PersonState, Used

__all__ = ["FORMAT", "told", "untold"]

FORMAT = "ybcore-person/1"
ATTRIBUTE = len(SCOPES)  # the scope of a counter that is kept by the value of an attribute


def told(state: PersonState) -> dict[str, Any]:
    """What `to_json` writes."""

    def key(k: Key) -> dict[str, Any]:
        scope = SCOPES[k.scope] if k.scope < ATTRIBUTE else "attribute"
        return {"counter": json.loads(k.counter), "scope": scope, "owner": k.owner, "household": k.household, "within": k.within, "period": k.period}  # fmt: skip

    names = _core.LAYOUT["columns"]
    return {
        "format": FORMAT,
        "version": state.version,
        "counters": [key(c.key) | {"value": c.amount} for c in state.counters],
        "accounts": [a._asdict() for a in state.accounts],
        "settlements": [
            {name: getattr(one, name) for name in Kept._fields[:9]}
            | {
                "columns": {name: cell for name, cell in zip(names, one.columns) if cell},
                "contributions": [key(c.key) | {"amount": c.amount} for c in one.contributions],
                "admissions": [key(a.key) | {"stay": a.stay, "number": a.number} for a in one.admissions],
                "standards": [key(s.key) | {"amount": s.amount} for s in one.standards],
                "used": [u._asdict() | {"layer": json.loads(u.layer)} for u in one.used],
                "moves": [{"psn_no": who, "amount": amount} for who, amount in one.moves],
            }
            for one in state.settlements
        ],
        "others": [one._asdict() for one in state.others],
    }


def untold(given: dict[str, Any]) -> PersonState:
    """Raises errors of Python for what is no state."""

    def name(parts: Sequence[Any]) -> str:
        return json.dumps(parts, ensure_ascii=False, separators=(",", ":"))

    def key(row: dict[str, Any]) -> Key:
        scope = ATTRIBUTE if row["scope"] == "attribute" else SCOPES.index(row["scope"])
        return Key(name(row["counter"]), scope, row["owner"], row["household"], row["within"], row["period"])

    def kept(row: dict[str, Any]) -> Kept:
        names = _core.LAYOUT["columns"]
        for column in row["columns"]:
            names.index(column)
        parts: tuple[Any, ...] = (
            tuple(row["columns"].get(column, 0) for column in names),
            tuple(Contribution(key(c), c["amount"]) for c in row["contributions"]),
            tuple(Admission(key(a), a["stay"], a["number"]) for a in row["admissions"]),
            tuple(Contribution(key(s), s["amount"]) for s in row["standards"]),
            tuple(Used(**u | {"layer": name(u["layer"])}) for u in row["used"]),
            tuple((m["psn_no"], m["amount"]) for m in row["moves"]),
        )
        return Kept._make((*(row[field] for field in Kept._fields[:9]), *parts))

    return PersonState(
        given["version"],
        tuple(Contribution(key(c), c["value"]) for c in given["counters"]),
        tuple(Account(**a) for a in given["accounts"]),
        tuple(kept(row) for row in given["settlements"]),
        tuple(Other(**o) for o in given["others"]),
    )
