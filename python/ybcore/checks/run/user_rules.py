"""Rules of one's own: the columns that a registered function asks for, its answer, and what went wrong in it."""

from __future__ import annotations

import traceback
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

from ... import _core
from ...columns.convert import NULL_DAY, NULL_INT
from ...errors import InputError, Problem
from ...settling.people import LevelMap
from ..rule import Rule
from ..user import UserRule, WrongAnswerError, answer_of
from ..user_columns import DERIVED, askable, sources
from .cells import cells_of
from .found import Raw, names_of
from .line_rules import line_text
from .scope import DEFAULTS
from .shapes import made
from .work import Chosen, Work

__all__ = ["user"]

Int64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Column = tuple[Any, Mask]  # values, which are missing
COMPARE = {"more_than": np.greater, "at_least": np.greater_equal, "less_than": np.less, "at_most": np.less_equal}
DENSE = {
    "psn_no": ("psn", "psn_ids"),
    "setl_id": ("setl", "setl_ids"),
    "fixmedins_code": ("hospital", "hospital_ids"),
    "atddr_no": ("attending", "doctor_ids"),
    "med_list_codg": ("item", "item_ids"),
    "bilg_dr_codg": ("doctor", "doctor_ids"),
}
"""Ids that the batch has numbered already: its codes and texts."""


def user(work: Work, rule: Rule) -> Raw:
    """The rows that a registered function calls hits."""
    function, check = rule.function, rule.check
    assert function is not None
    chosen = work.lines(rule) if function.on == "lines" else work.visits(rule)
    columns, missing = _asked(work, function, chosen.rows)
    whole = chosen.only(~missing)
    columns = [values[~missing] for values in columns] if missing.any() else columns
    answer = _answer(work, rule, function, whole, columns)
    lost = int(np.count_nonzero(missing))
    at, measure, excess = np.flatnonzero(answer), 0, None
    if check.comparator is not None:
        unsure = answer == NULL_INT
        lost += int(np.count_nonzero(unsure))
        at = np.flatnonzero(COMPARE[check.comparator](answer, check.value.value) & ~unsure)
        measure, excess = answer[at], _excess(work, rule, whole.rows[at], answer[at])
    found = made(at, measure, 0 if check.value is None else check.value.value)
    if excess is not None:
        found["excess"] = excess
    if whole.entry is not None:
        found["entry"] = whole.entry[at]
    return Raw(found, whole.rows, function.on, chosen.eligible, chosen.unknown + lost, money=check.measure == "amount")


def _excess(work: Work, rule: Rule, rows: Int64, measure: Int64) -> Int64 | None:
    """What of a line is beyond the value, where its quantity or amount is measured; at most its own."""
    check = rule.check
    sums = check.measure in ("quantity", "amount") and check.comparator in ("more_than", "at_least")
    if not sums or rule.function is None or rule.function.on != "lines":
        return None
    beyond = measure - check.value.value + (check.comparator == "at_least")
    own = (work.amount if check.measure == "amount" else work.quantity)[rows]
    return np.maximum(np.minimum(beyond, own), 0)


# --- the columns ------------------------------------------------------------------------------------------------------


def _asked(work: Work, function: UserRule, rows: Int64) -> tuple[list[Any], Mask]:
    """Columns of some rows as the function takes them, and the rows in which one that it needs is missing."""
    lost, out = np.zeros(len(rows), bool), []
    for name, optional in zip(function.columns, function.optional):
        values, missing = _column(work, name, rows, function.on)
        out.append(values)
        if not optional:
            lost |= missing
    return out, lost


def _column(work: Work, name: str, rows: Int64, on: str) -> Column:
    if name in DERIVED:
        return _derived(work, name, rows, on)
    visit = work.batch.line_visit[rows].astype(np.int64) if on == "lines" else rows
    if askable(on)[name] == "number":
        return _numbers(work, name, rows, visit, on)
    if name in DENSE:
        codes, ids = (getattr(work.batch, part) for part in DENSE[name])
        own = codes[rows if name in ("med_list_codg", "bilg_dr_codg") else visit]
        return _texts(own, [str(text) for text in ids.to_pylist()])
    code, texts = np.full(len(rows), -1, np.int64), dict[str, int]()
    for table, at in _places(work, name, rows, visit, on):
        free = (code < 0) & (at >= 0)
        values, missing, words = cells_of(work.batch, table, name, at[free])
        lut = np.array([texts.setdefault(text, len(texts)) for text in words or []] + [-1], np.int64)
        code[free] = lut[np.where(missing, -1, values)]
    if name == "gend":
        unsaid = [texts[text] for text in ("0", "9") if text in texts]
        code[np.isin(code, unsaid)] = -1
    if name in DEFAULTS:
        code[code < 0] = texts.setdefault(DEFAULTS[name], len(texts))
    return _texts(code, list(texts))


def _places(work: Work, name: str, rows: Int64, visit: Int64, on: str) -> list[tuple[str, Int64]]:
    """The tables that have a column, with the row of each that holds; -1 none."""
    batch = work.batch
    found = []
    for table in sources(name, on):
        frame = batch.frame(table)
        if frame is None or not frame.rows or not frame.has(name):
            continue
        if table in ("persons", "institutions"):
            of = batch.person_row if table == "persons" else batch.institution_row
            found.append((table, of[visit].astype(np.int64)))
        else:
            found.append((table, rows if table == on else visit))
    return found


def _texts(code: Any, texts: list[str]) -> Column:
    """Texts of fixed width by code; a missing one is empty."""
    missing = code < 0
    return np.array([*texts, ""])[np.where(missing, len(texts), code)], missing


def _numbers(work: Work, name: str, rows: Int64, visit: Int64, on: str) -> Column:
    out = np.full(len(rows), NULL_INT)
    for table, at in _places(work, name, rows, visit, on):
        free = np.flatnonzero((out == NULL_INT) & (at >= 0))
        cells, spec = work.batch.frames[table].cells[name], work.batch.frames[table].table.find(name)
        values = cells.values[at[free]]
        kind = "" if spec is None else spec.kind
        null = {"date": NULL_DAY, "flag": -1}.get(kind, NULL_INT)
        out[free] = np.where(values == null, NULL_INT, values)
    return out, out == NULL_INT


def _derived(work: Work, name: str, rows: Int64, on: str) -> Column:
    batch = work.batch
    visit = batch.line_visit[rows].astype(np.int64) if on == "lines" else rows
    none = np.zeros(len(rows), bool)
    of_doctor, of_item = name in ("title", "dr_status"), name in ("list_type", "med_chrgitm_type")
    if (of_item and batch.catalog is None) or (of_doctor and batch.frame("doctors") is None):
        return np.full(len(rows), "", "U1"), ~none
    if of_doctor:
        code, texts = line_text(work, name, Chosen(rows, None, 0, 0), on)
        return np.array([*texts, ""])[code], np.array([not text for text in texts] + [True])[code]
    if name == "main_diagnosis":
        code, texts = work.main_diagnosis
        return _texts(code[visit], texts)
    if of_item:
        row = work.at(work.catalogue_rows, rows)
        texts, codes = batch.catalog.words(name)
        code = np.where(row >= 0, codes[np.maximum(row, 0)], -1) if len(codes) else np.full(len(rows), -1)
        return _texts(np.where((code >= 0) & (np.array([*texts, ""])[code] != ""), code, -1), list(texts))
    if name == "level":
        codes, texts = work.scopes.text("hosp_lv")
        level = np.array([int(LevelMap.get(text, "0")) if text else NULL_INT for text in texts], np.int64)
        return level[codes[visit]], level[codes[visit]] == NULL_INT
    if name == "amount" and work.no_amount is not None:
        lost = work.no_amount[rows]
        return np.where(lost, NULL_INT, work.amount[rows]), lost
    day = batch.line_day[rows] if on == "lines" else batch.begin_day[rows]
    if name.startswith("age"):
        return _age(name, work.birth[visit], day)
    plain: dict[str, Any] = {
        "quantity": lambda: work.quantity[rows],
        "amount": lambda: work.amount[rows],
        "day": lambda: day,
        "time": lambda: batch.line_time[rows] if on == "lines" else batch.begin[rows],
        "begin": lambda: batch.begin[visit],
        "end": lambda: batch.end[visit],
        "stay_days": lambda: work.stay_days[visit],
    }
    return plain[name]().astype(np.int64), none


def _age(name: str, birth: Any, day: Any) -> Column:
    """Completed years, months or days on a day; below 0 before birth."""
    missing = birth == NULL_DAY
    born = np.where(missing, day, birth).astype(np.int32)
    if name == "age_days":
        age = day.astype(np.int64) - born
    elif name == "age":
        age = _core.completed_years(born, np.ascontiguousarray(day)).astype(np.int64)
    else:
        months, of_month = zip(*(_calendar(part) for part in (born, day)))
        age = months[1] - months[0] - (of_month[1] < of_month[0])
    return np.where(missing, NULL_INT, age), missing


def _calendar(day: Any) -> tuple[Int64, Int64]:
    """Months since 1970, and days into the month."""
    dates = day.astype(np.int64).view("datetime64[D]")
    months = dates.astype("datetime64[M]")
    return months.astype(np.int64), (dates - months.astype("datetime64[D]")).astype(np.int64)


# --- the function -----------------------------------------------------------------------------------------------------


def _answer(work: Work, rule: Rule, function: UserRule, whole: Chosen, columns: list[Any]) -> Any:
    """One boolean or int64 for each row, as the rule's comparator asks."""
    size = len(whole.rows)
    wanted = np.dtype(bool if rule.check.comparator is None else np.int64)
    if not size:
        return np.zeros(0, wanted)
    at = np.full(1, -1, np.int64)
    try:
        if function.row:
            answer = _by_row(function, columns, size, at)
        else:
            with np.errstate(divide="raise", over="raise", invalid="raise"):
                answer = answer_of(_of_columns(function, columns, at), size)
        if answer.dtype != wanted:
            if rule.check.comparator is None:
                raise WrongAnswerError(
                    "gave a measure, and the rule has no comparator and value",
                    "返回计量值，但规则没有 comparator 与 value",
                )
            raise WrongAnswerError(
                "gave booleans, and the rule has a comparator", "返回布尔值，但规则写有 comparator，应返回 int64"
            )
        return answer
    except Exception as error:
        raise InputError([_problem(work, rule, function, whole.rows, int(at[0]), error)]) from error


def _of_columns(function: UserRule, columns: list[Any], at: Int64) -> Any:
    """What a function of columns answers. Where it raises, `at` is a row of which it raises alone, if halving finds one."""
    try:
        return function.function(*columns)
    except Exception:
        low, high = 0, len(columns[0]) if columns else 0
        while high - low > 1 and (half := _raising_half(function, columns, low, high)) is not None:
            low, high = half
        if high - low == 1 and _raises(function, columns, low, high):
            at[0] = low
        raise


def _raising_half(function: UserRule, columns: list[Any], low: int, high: int) -> tuple[int, int] | None:
    halves = (low, (low + high) // 2), ((low + high) // 2, high)
    return next((half for half in halves if _raises(function, columns, *half)), None)


def _raises(function: UserRule, columns: list[Any], low: int, high: int) -> bool:
    try:
        function.function(*(values[low:high] for values in columns))
    except Exception:
        return True
    return False


def _by_row(function: UserRule, columns: list[Any], size: int, at: Int64) -> Any:
    """The answers of a compiled function, row by row; `at` says which row it was in."""
    try:
        numba: Any = import_module("numba")
    except ImportError as error:
        raise WrongAnswerError(
            "needs numba: pip install 'ybcore[rows]', or register it without row=True",
            "需要 numba：pip install 'ybcore[rows]'，或去掉 row=True",
        ) from error
    columns = [_padded(values) for values in columns]
    if function.compiled is None:
        function.compiled = numba.njit(function.function), _driver(numba, len(columns))
    compiled, drive = function.compiled
    kinds = tuple(numba.typeof(values).dtype for values in columns)
    try:
        compiled.compile(kinds)
    except numba.core.errors.NumbaError as error:
        told = str(error).strip().splitlines()
        raise WrongAnswerError(
            f"cannot be compiled: {' '.join(told[:6])}", f"无法编译：{' '.join(told[:6])}"
        ) from error
    gives = compiled.overloads[kinds].signature.return_type
    if isinstance(gives, numba.types.Boolean):
        out = np.zeros(size, bool)
    elif isinstance(gives, numba.types.Integer) and (gives.signed or gives.bitwidth < 64):
        out = np.zeros(size, np.int64)
    else:
        raise WrongAnswerError(f"gives {gives}, not a bool or int", f"返回 {gives}，应为 bool 或 int")
    drive(compiled, out, at, *columns)
    return out


def _padded(values: Any) -> Any:
    """Texts in widths of eight, so that one width more is not compiled anew."""
    if values.dtype.kind != "U":
        return values
    return values.astype(f"U{-(-values.dtype.itemsize // 32) * 8}")


def _driver(numba: Any, count: int) -> Any:
    """A compiled loop over the rows of so many columns."""
    names = ", ".join(f"c{i}" for i in range(count))
    cells = ", ".join(f"c{i}[i]" for i in range(count))
    text = f"def drive(row, out, at, {names}):\n for i in range(len(out)):\n  at[0] = i\n  out[i] = row({cells})\n"
    made: dict[str, Any] = {}
    exec(text, made)
    return numba.njit(made["drive"])


def _problem(work: Work, rule: Rule, function: UserRule, rows: Int64, at: int, error: Exception) -> Problem:
    """What went wrong, with the rule, the function, and where it is known the row (from 1) and its name."""
    en = str(error) if isinstance(error, WrongAnswerError) else f"raised {type(error).__name__}: {error}"
    zh = error.zh if isinstance(error, WrongAnswerError) else f"抛出 {type(error).__name__}：{error}"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == function.file]
    row, name = None, ""
    if at >= 0:
        row = int(rows[at]) + 1
        name = names_of(work, rows[at : at + 1], np.array([function.on == "lines"]))[0]
    en_row, zh_row = (
        (f", {function.on} row {row} ({name})", f"，{function.on} 第 {row} 行（{name}）") if name else ("", "")
    )
    return Problem(
        file=function.file, line=(frames[-1].lineno if frames else None) or function.line, row=row,
        what=f"rule {rule.id}, function {function.name}{en_row}: {en}", what_zh=f"规则 {rule.id}，函数 {function.name}{zh_row}：{zh}",
    )  # fmt: skip
