"""`clear`: cases, documents and tables in; tables out."""

from __future__ import annotations

import difflib
import os
from collections.abc import Collection
from typing import Any

import numpy as np
import numpy.typing as npt

from ..columns.asof import Dated, overlaps, pack
from ..columns.convert import NULL_DAY, NULL_INT
from ..columns.ids import encode
from ..columns.read import Frame
from ..errors import InputError, Problem
from ..settling.clearing import clear_columns, taken
from ..settling.order import tie_ids
from .attributes import combine, day_column
from .book import ClearingBook, ClearingSource, load_clearings
from .cells import Cells, cells_of
from .given import Given, days_of_stay, given_tables
from .needs import missing_groups, strangers
from .result import CASE_COLUMNS, MULTIPLES, Cleared
from .tables import MONEY
from .units import Units, units_of

__all__ = ["clear"]

Int32 = npt.NDArray[np.int32]


def clear(
    cases: Any,
    documents: ClearingSource | ClearingBook | list[ClearingSource],
    *,
    groups: Any = None,
    institutions: Any = None,
    budgets: Any = None,
    quotas: Any = None,
    threads: int | None = None,
    columns: Collection[str] | None = None,
) -> Cleared:
    """What the fund owes for settled cases (docs/clearing.md).

    Tables are anything column-shaped: money int64 fen (or yuan as decimals or text), points 1/10000, weights 1/1000000. `threads`: None
    is every processor; the answer never depends on it. `columns`: those of the table `cases` that are wanted, all by default; fewer are
    quicker, and `explain_case` needs all. Raises DocumentError (wrong documents) and InputError (wrong tables, a missing
    budget, quota or figure, an overdrawn pool), each with everything that is wrong.
    """
    unknown = [name for name in columns or () if name not in CASE_COLUMNS]
    if unknown:
        raise InputError([_unknown(name) for name in unknown])
    book = load_clearings(documents)
    threads = threads or os.cpu_count() or 1
    tables = {"cases": cases, "groups": groups, "institutions": institutions, "budgets": budgets, "quotas": quotas}
    given = given_tables(tables, book, threads)
    strange = list(strangers(given))
    cells = cells_of(given)
    strange += missing_groups(given, cells)
    units = units_of(given, cells, strange)
    group, of_groups = _groups(given)
    plan = {"cells": cells.table.reshape(-1), **of_groups, **units.plan}
    multiples = columns is None or any(name in columns for name in MULTIPLES)
    out = clear_columns(plan, _columns(given, cells, units, group), threads, multiples)
    if out["code"]:
        raise InputError([_problem(given, units, out)])
    return Cleared(given, cells, units, group, out, columns)


def _unknown(name: str) -> Problem:
    near = difflib.get_close_matches(name, CASE_COLUMNS, 1, 0.6)
    what, zh = f"cases have no column {name!r}", f"cases 没有列 {name!r}"
    return Problem(what=what, what_zh=zh, path="columns", nearest="".join(near))


def _problem(given: Given, units: Units, out: dict[str, Any]) -> Problem:
    what, row = out["sentence"], int(out["row"])
    zh = {
        1: "病组缺少所需的数值",
        2: "金额超出可表示范围",
        3: "计算点值前的支付已超出预算",
        4: "预算与支付、暂扣、预留及结余之和不符",
    }[out["code"]]
    if out["code"] == 3:
        document, pool, period = units.pools[row]
        return Problem(file=document.file, what=f"pool {pool}, {period}: {what}", what_zh=f"{pool} {period}：{zh}")
    if out["code"] == 4:
        return Problem(what=f"{units.balances[row]}: {what}", what_zh=f"{units.balances[row]}：{zh}")
    code = given.attributes["group_code"]
    name = code.at(np.array([row]))[0] if row < given.cases.rows else ""
    return Problem(what=f"{what} (group {name})", what_zh=f"{zh}（病组 {name}）", path="groups", row=row + 1)


def _codes(frame: Frame, name: str) -> tuple[Int32, list[str]]:
    held = frame.code(name)
    if held is None:
        return np.full(frame.rows, -1, np.int32), []
    return held


def _groups(given: Given) -> tuple[Int32, dict[str, Any]]:
    """(row of each case's group on its day, of its grade else of all; -1 none), and the columns of groups."""
    frame = given.frames["groups"]
    names = ("points", "weight", "mean_amt", "amount")
    columns: dict[str, Any] = {
        f"group_{name.removesuffix('_amt')}": np.ascontiguousarray(frame.ints(name)) for name in names
    }
    columns["group_bed_day"] = (frame.flag("bed_day", 0) > 0).astype(np.uint8)
    rows = len(given.day)
    if not frame.rows:
        return np.full(rows, -1, np.int32), columns
    (code, texts), (level, grades) = _codes(frame, "group_code"), _codes(frame, "hosp_lv")
    # Grade 0 stands for all; a grade that no group has is that of nobody.
    grade = {text: index + 1 for index, text in enumerate(dict.fromkeys(text for text in grades if text))}
    own_level = np.array([grade.get(text, 0) for text in grades] + [0], np.int32)[level]
    wide = len(grade) + 1
    key = (code * wide + own_level).astype(np.int32)
    begin, end = frame.days("begndate"), frame.days("enddate")
    twice = overlaps(pack((key, len(texts) * wide)), begin, end)
    if len(twice):
        said, zh = "the validity overlaps another row of the same group and grade", "有效期与同病组同等级的另一行重叠"
        raise InputError([Problem(what=said, what_zh=zh, path="groups", row=int(row) + 1) for row in twice[:5]])
    dated = Dated.of(key, len(texts) * wide, begin, end, given.threads)
    place = {text: index for index, text in enumerate(texts)}
    asked, held = given.attributes["group_code"], given.attributes["hosp_lv"]
    edges = {int(day) for column in (begin, end) for day in column.tolist() if day != NULL_DAY}
    seen = [asked.column(lambda text: place.get(text, -1)), held.column(lambda text: grade.get(text, 0))]
    every = combine(rows, [*seen, day_column(given.day, edges)], given.threads)
    day = given.day[every.first]
    code_of = np.array([place.get(text, -1) if text else -1 for text in asked.at(every.first)], np.int32)
    level_of = np.array([grade.get(text, 0) for text in held.at(every.first)], np.int32)
    own = dated.find(np.where((code_of >= 0) & (level_of > 0), code_of * wide + level_of, -1).astype(np.int32), day)
    everybody = dated.find(np.where(code_of >= 0, code_of * wide, -1).astype(np.int32), day)
    found = np.append(np.where(own >= 0, own, everybody), -1).astype(np.int32)
    return taken(found, every.of, given.threads), columns


def _columns(given: Given, cells: Cells, units: Units, group: Int32) -> dict[str, Any]:
    """Columns of the cases for the kernel; amounts that nobody gave are left out."""
    frame = given.cases
    out: dict[str, Any] = {
        "cell": cells.of,
        "group": group,
        "month": units.month_of_case,
    }
    if _by_day(given):
        out["days"] = days_of_stay(frame)
    for name in (*MONEY, "fund_rate", "review_points", "review_amt"):
        if frame.has(name):
            values = frame.ints(name)
            if name in MONEY and frame.source[name].null_count:
                values = np.where(values == NULL_INT, 0, values)
            out[name] = np.ascontiguousarray(values)
    if frame.has("cmpl_flag"):
        out["broken"] = (frame.flag("cmpl_flag", 1) == 0).astype(np.uint8)
    out.update({name: value for name, value in tie_ids(frame.ids["setl_id"]).items() if value is not None})
    out.update(_stays(given, cells))
    return out


def _by_day(given: Given) -> bool:
    """Whether some case may be paid by days."""
    ways = [method.pays for document in given.book for method in document.model.methods]
    return "days" in ways or bool((given.frames["groups"].flag("bed_day", 0) > 0).any())


def _stays(given: Given, cells: Cells) -> dict[str, Any]:
    """What readmissions are told by; nothing where no method asks."""
    rules = [method.readmission for _, method in cells.methods]
    frame = given.cases
    if not any(rules) or not frame.has("psn_no"):
        return {}
    (person,), _ = encode([frame.ids["psn_no"]], given.threads)
    treatment, code = given.attributes["treatment"], given.attributes["group_code"]
    free = np.array([[rule is not None and text in rule.exempt for text in treatment.values] for rule in rules])
    method = cells.by_case(np.maximum(cells.method, 0))
    named = np.array([bool(text) for text in code.values])[code.of]
    return {
        "person": person,
        "institution": given.institution,
        "code": np.where(named, code.of, np.int32(-1)).astype(np.int32),
        "begin": frame.days("begndate"),
        "end": frame.days("enddate"),
        "exempt": np.ascontiguousarray(free[method, treatment.of]).astype(np.uint8),
    }
