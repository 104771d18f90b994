"""Suppression lists as they are written: a table of rules and of whom they leave alone (docs/checks.md section 4)."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from ..errors import InputError, Problem
from ..policy.faults import nearest

__all__ = ["COLUMNS", "MATCHED", "rows_of", "suppressions"]

MATCHED = ("psn_no", "fixmedins_code", "med_list_codg", "setl_id", "dise_codg")
COLUMNS = ("rule", *MATCHED, "reason", "owner", "expires")
ANSWERED = {
    "reason": ("why these findings are left out", "为何不计这些违规"),
    "owner": ("who answers for it", "由谁负责"),
    "expires": ("the day from which the row does nothing, YYYY-MM-DD", "该行自哪天起失效，YYYY-MM-DD"),
}
"""What every row answers; there is no default."""


def suppressions(table: pa.Table, file: str = "") -> list[dict[str, Any]]:
    """Rows for `check(suppress=...)` from a table of texts; an empty cell is not asked for.

    Raises InputError with every row that names no rule, names nobody, lacks its reason, owner or day of expiry, or whose `expires` is no date.
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
    known = [name for name in table.column_names if name in COLUMNS]
    return _sound(table.select(known).to_pylist(), problems, file or None)


def rows_of(listed: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The same of rows given one by one. Raises InputError, as a key that is misspelt would suppress more than was meant."""
    problems = [
        Problem(
            what=f"unknown key {name!r}",
            what_zh=f"未知的键 {name!r}",
            path="suppress",
            row=at,
            expected=", ".join(COLUMNS),
            nearest=nearest(str(name), COLUMNS),
        )
        for at, row in enumerate(listed, 1)
        for name in row
        if name not in COLUMNS
    ]
    return _sound([{name: row[name] for name in COLUMNS if name in row} for row in listed], problems, None, "suppress")


def _sound(
    given: list[dict[str, Any]], problems: list[Problem], file: str | None, path: str = ""
) -> list[dict[str, Any]]:
    rows = []
    for at, raw in enumerate(given, 1):
        row = {name: str(cell) for name, cell in raw.items() if cell is not None and str(cell).strip() != ""}
        for en, zh in _faults(row):
            problems.append(Problem(what=en, what_zh=zh, file=file, path=path, row=at))
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
    absent = [name for name in ANSWERED if name not in row]
    if absent:
        wanted = "; ".join(f"{name}: {ANSWERED[name][0]}" for name in absent)
        wanted_zh = "；".join(f"{name}：{ANSWERED[name][1]}" for name in absent)
        of = f" of rule {row['rule']}" if "rule" in row else ""
        of_zh = f"（规则 {row['rule']}）" if "rule" in row else ""
        found.append(
            (f"the row{of} lacks {', '.join(absent)} ({wanted})", f"该行{of_zh}缺少 {'、'.join(absent)}（{wanted_zh}）")
        )
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", row.get("expires", "2000-01-01")):
            raise ValueError
        dt.date.fromisoformat(row.get("expires", "2000-01-01"))
    except ValueError:
        found.append((f"expires {row['expires']!r} is not YYYY-MM-DD", f"expires {row['expires']!r} 应为 YYYY-MM-DD"))
    return found
