"""Suppression lists as they are written: a table of rules and of whom they leave alone (docs/checks.md section 4)."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa

from ..errors import InputError, Problem
from ..policy.faults import nearest

__all__ = ["COLUMNS", "MATCHED", "suppressions"]

MATCHED = ("psn_no", "fixmedins_code", "med_list_codg", "setl_id", "dise_codg")
COLUMNS = ("rule", *MATCHED, "reason", "owner", "expires")


def suppressions(table: pa.Table, file: str = "") -> list[dict[str, Any]]:
    """Rows for `check(suppress=...)` from a table of texts; an empty cell is not asked for.

    Raises InputError with every row that names no rule, names nobody, or whose `expires` is no date.
    """
    problems = [
        Problem(
            what=f"unknown column {name!r}",
            what_zh=f"未知的列 {name!r}",
            file=file or None,
            expected=", ".join(COLUMNS),
            nearest=nearest(name, COLUMNS),
        )
        for name in table.column_names
        if name not in COLUMNS
    ]
    rows = []
    for at, raw in enumerate(table.to_pylist(), 1):
        row = {name: str(cell) for name, cell in raw.items() if cell is not None and str(cell) != ""}
        for en, zh in _faults(row):
            problems.append(Problem(what=en, what_zh=zh, file=file or None, row=at))
        rows.append(row)
    if problems:
        raise InputError(problems)
    return rows


def _faults(row: dict[str, Any]) -> list[tuple[str, str]]:
    found = []
    if "rule" not in row:
        found.append(("the row names no rule", "该行没有规则编号 rule"))
    if not any(name in row for name in MATCHED):
        names = ", ".join(MATCHED)
        found.append((f"the row names none of {names}", f"该行须给出 {names} 之一"))
    try:
        dt.date.fromisoformat(row.get("expires", "2000-01-01"))
    except ValueError:
        found.append((f"expires {row['expires']!r} is not YYYY-MM-DD", f"expires {row['expires']!r} 应为 YYYY-MM-DD"))
    return found
