"""``describe``: every column of every table, in rows."""

from __future__ import annotations

from .checkschema import CHECK_TABLES, FINDING_TABLES
from .schema import INPUT_TABLES, KINDS, OUTPUT_TABLES, Table

#: The groups of tables that ``describe`` lists.
GROUPS: dict[str, dict[str, Table]] = {
    "inputs": INPUT_TABLES,
    "outputs": OUTPUT_TABLES,
    "checks": CHECK_TABLES,
    "findings": FINDING_TABLES,
}


def describe(which: str = "inputs") -> list[dict[str, str]]:
    """Rows that describe every column: table, column, kind, required, default, zh, en, accepts.

    ``which`` is ``inputs``, ``outputs``, ``checks``, ``findings`` or the name of one input table; anything else is a ValueError.
    """
    if which in GROUPS:
        tables = list(GROUPS[which].values())
    elif which in INPUT_TABLES:
        tables = [INPUT_TABLES[which]]
    elif which in CHECK_TABLES:
        tables = [CHECK_TABLES[which]]
    else:
        raise ValueError(f"describe: {which!r} is not {', '.join(GROUPS)} or one of {', '.join(INPUT_TABLES)}")
    return [
        {
            "table": table.name,
            "column": column.name,
            "kind": column.kind,
            "required": "yes" if column.required and not table.output else "",
            "default": column.default,
            "zh": column.zh,
            "en": column.en,
            "accepts": "" if table.output else KINDS[column.kind],
        }
        for table in tables
        for column in table.columns
    ]
