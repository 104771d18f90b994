"""The columns that a rule of one's own can ask for: their names, kinds, and the tables in which they stand (docs/checks.md section 7)."""

from __future__ import annotations

from functools import cache

from ..columns.checkschema import CHECK_LINES, CHECK_VISITS
from ..columns.schema import INSTITUTION_ATTRIBUTES, PERSON_ATTRIBUTES

__all__ = ["DERIVED", "askable", "sources"]

DERIVED: dict[str, tuple[str, str]] = {
    "quantity": ("lines", "number"),
    "amount": ("lines", "number"),
    "list_type": ("lines", "text"),
    "med_chrgitm_type": ("lines", "text"),
    "day": ("both", "number"),
    "time": ("both", "number"),
    "begin": ("both", "number"),
    "end": ("both", "number"),
    "stay_days": ("both", "number"),
    "age": ("both", "number"),
    "age_months": ("both", "number"),
    "age_days": ("both", "number"),
    "level": ("both", "number"),
    "main_diagnosis": ("both", "text"),
    "title": ("both", "text"),
    "dr_status": ("both", "text"),
}
"""Column that is worked out → whether it is of lines only, and whether it holds texts or numbers."""

_OF_PERSONS = frozenset(column.name for column in PERSON_ATTRIBUTES) | {"insutype", "psn_type"}
_OF_INSTITUTIONS = frozenset(column.name for column in INSTITUTION_ATTRIBUTES)


@cache
def askable(on: str) -> dict[str, str]:
    """Every column that a function `on` lines or visits can ask for → `text` or `number`."""
    tables = (CHECK_LINES, CHECK_VISITS) if on == "lines" else (CHECK_VISITS,)
    found = {name: kind for name, (where, kind) in DERIVED.items() if where in ("both", on)}
    for table in tables:
        for column in table.columns:
            if column.kind != "text":
                found.setdefault(column.name, "text" if column.kind in ("id", "code") else "number")
    return found


@cache
def sources(name: str, on: str) -> tuple[str, ...]:
    """The tables in which a column that is not worked out may stand: a cell that one lacks is taken from the next."""
    there = {
        "lines": on == "lines" and CHECK_LINES.find(name) is not None,
        "visits": CHECK_VISITS.find(name) is not None,
        "persons": name in _OF_PERSONS,
        "institutions": name in _OF_INSTITUTIONS,
    }
    return tuple(table for table, found in there.items() if found)
