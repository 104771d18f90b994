"""Members of a fund's scheme, counted from a table of persons (docs/simulation.md section 8)."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ..errors import InputError, Problem
from ..policy.faults import nearest
from ..policy.numbers import fen_text, ppm_text
from .fund import half_up

__all__ = ["cohorts"]

_STATUS = {"11": "active", "12": "retired"}


def cohorts(persons: Any, width: int = 10, *, cost: str | None = None) -> list[dict[str, str]]:
    """`members` of a fund document, a row for each status, sex and span of `width` ages that has persons; the last span is open.

    `persons`: one scheme's, a row a person, with `age`, `gend`, `psn_type` and, of employees, `wage` (int64 fen): means are rounded to the fen.
    `cost`: a column of what each costs (int64 fen); a cohort's mean beside the mean of all, to six decimals. Raises InputError.
    """
    table = persons if isinstance(persons, pa.Table) else pa.table(persons)
    names = ["psn_type", "gend", "age", *(["wage"] if "wage" in table.column_names else []), *([cost] if cost else [])]
    problems = [
        Problem(what=f"persons have no column {name!r}", what_zh=f"人员表没有列 {name!r}", path="persons", nearest=nearest(name, table.column_names))
        for name in names
        if name not in table.column_names
    ]  # fmt: skip
    if not problems and (width < 1 or not table.num_rows or table["age"].null_count):
        what, zh = f"{table.num_rows} persons, spans of {width}", f"{table.num_rows} 人，每段 {width} 岁"
        problems.append(Problem(what=what, what_zh=zh, path="persons", expected="persons, all with an age", expected_zh="至少一人，且每人均有年龄"))  # fmt: skip
    if problems:
        raise InputError(problems)
    last = max(0, pc.max(table["age"]).as_py() // width)
    held: dict[tuple[str, str, int], list[int]] = {}
    for row in table.select(names).to_pylist():
        key = (_STATUS.get(str(row["psn_type"])[:2], ""), str(row["gend"] or ""), row["age"] // width)
        sums = held.setdefault(key, [0, 0, 0])
        sums[0] += 1
        sums[1] += row.get("wage") or 0
        sums[2] += row[cost] if cost else 0
    whole = Fraction(sum(sums[2] for sums in held.values()), table.num_rows)
    return [_row(key, sums, width, last, whole) for key, sums in sorted(held.items())]


def _row(key: tuple[str, str, int], sums: list[int], width: int, last: int, whole: Fraction) -> dict[str, str]:
    (status, gend, band), (count, wage, spent) = key, sums
    out = {"status": status, "gend": gend if gend in ("1", "2") else "", "from": str(band * width)}
    out |= {"to": str(band * width + width - 1) if band < last else "", "count": str(count)}
    if status:
        out["wage"] = fen_text(half_up(Fraction(wage, count)))
    if whole:
        out["cost"] = ppm_text(half_up(1_000_000 * Fraction(spent, count) / whole))
    return {name: text for name, text in out.items() if text}
