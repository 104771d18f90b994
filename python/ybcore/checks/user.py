"""Rules of one's own: Python functions under a name that rule documents give (docs/checks.md section 7).

Nothing heavy is loaded here: NumPy when a function is asked, numba when a row function runs.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeVar

from ybcore.errors import InputError, Problem, YbcoreError

__all__ = ["MISSING", "UserRule", "WrongAnswerError", "answer_of", "register_file", "registered", "rule"]

MISSING = -(1 << 63)
"""What a missing number is in a column asked for with `?`, and what a measure says that cannot be known."""

F = TypeVar("F", bound=Callable[..., Any])
_ON = ("lines", "visits")


@dataclass(eq=False)
class UserRule:
    """A registered function. `columns` as it asks for them, without `?`; `optional` and `kinds` go with them."""

    name: str
    columns: tuple[str, ...]
    optional: tuple[bool, ...]
    kinds: tuple[str, ...]
    on: str
    row: bool
    function: Callable[..., Any]
    file: str
    line: int
    compiled: Any = field(default=None, repr=False)

    def one(self, values: Sequence[Any]) -> bool | int:
        """The answer for one row of complete values: texts, whole numbers, None where an optional one is missing.

        It is how the reference asks: a row function is called as it is, a function of columns with columns of one row.
        """
        held = [_held(value, kind) for value, kind in zip(values, self.kinds, strict=True)]
        if self.row:
            found = self.function(*held)
            found = found.item() if hasattr(found, "item") else found
            if not isinstance(found, (bool, int)):
                raise WrongAnswerError(
                    f"gave {type(found).__name__}, not a bool or int", f"返回 {type(found).__name__}，应为 bool 或 int"
                )
            return found
        import numpy as np

        columns = [np.array([value], np.int64 if kind == "number" else None) for value, kind in zip(held, self.kinds)]
        with np.errstate(divide="raise", over="raise", invalid="raise"):
            answer = answer_of(self.function(*columns), 1)
        return answer[0].item()


def _held(value: Any, kind: str) -> Any:
    if kind == "number":
        return MISSING if value is None else int(value)
    return "" if value is None else str(value)


class WrongAnswerError(Exception):
    """A function gave what is no answer; English and Chinese."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.zh = zh


def answer_of(found: Any, size: int) -> Any:
    """What a function of columns gave, when it is one boolean or int64 for each row. Raises WrongAnswerError."""
    import numpy as np

    if not isinstance(found, np.ndarray) or isinstance(found, np.ma.MaskedArray):
        kind = type(found).__name__
        raise WrongAnswerError(f"gave {kind}, not a NumPy array", f"返回 {kind}，应为 NumPy 数组")
    if found.shape != (size,):
        shape = " x ".join(map(str, found.shape)) or "no dimension"
        raise WrongAnswerError(f"gave {shape} values for {size} rows", f"{size} 行返回了形状为 {found.shape} 的数组")
    if found.dtype not in (np.dtype(bool), np.dtype(np.int64)):
        nan = " with NaN" if found.dtype.kind == "f" and bool(np.isnan(found).any()) else ""
        raise WrongAnswerError(
            f"gave {found.dtype}{nan}, not bool or int64",
            f"返回 {found.dtype}{'，且含 NaN' if nan else ''}，应为 bool 或 int64",
        )
    return found


_REGISTERED: dict[str, UserRule] = {}


def registered() -> Mapping[str, UserRule]:
    """Every registered function by name, as it stands now; to read."""
    return MappingProxyType(_REGISTERED)


def register_file(path: str | os.PathLike[str]) -> None:
    """Run a Python file that registers functions; what it registered before goes first. Raises InputError, OSError."""
    import runpy
    import traceback

    file = os.fspath(path)
    for name in [name for name, held in _REGISTERED.items() if held.file == file]:
        del _REGISTERED[name]
    try:
        runpy.run_path(file)
    except (YbcoreError, OSError):
        raise
    except Exception as error:
        own = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
        line = error.lineno if isinstance(error, SyntaxError) else own[-1] if own else None
        told = f"{type(error).__name__}: {error}"
        raise InputError([Problem(file=file, line=line, what=f"raised {told}", what_zh=f"抛出 {told}")]) from error


def rule(
    name: str, *, columns: Sequence[str], on: str = "lines", row: bool = False, replace: bool = False
) -> Callable[[F], F]:
    """Register a function as a rule that documents can name; it is given back as it is.

    `columns`: what it takes, one argument each, in this order; a name with `?` may be missing in a row, else such rows are
    unknown and the function never sees them. `on`: lines or visits. `row`: a function of one row's values, compiled by numba;
    else of NumPy columns. `replace`: take the place of one that has the name. Raises InputError with every problem at once.
    """

    def register(function: F) -> F:
        code = getattr(function, "__code__", None)
        file, line = (code.co_filename, code.co_firstlineno) if code is not None else ("<function>", 1)
        asked = [columns] if isinstance(columns, str) else list(columns)
        faults = [*_named(name, replace), *_asked(asked, on), *_callable(function, asked)]
        if faults:
            raise InputError([_problem(name, file, line, *fault) for fault in faults])
        from .user_columns import askable

        names = tuple(column.removesuffix("?") for column in asked)
        kinds = tuple(askable(on)[column] for column in names)
        optional = tuple(column.endswith("?") for column in asked)
        _REGISTERED[name] = UserRule(name, names, optional, kinds, on, row, function, file, line)
        return function

    return register


_Fault = tuple[str, str, str, str, str]  # English, Chinese, expected in both, nearest


def _problem(
    name: str, file: str, line: int, en: str, zh: str, expected: str, expected_zh: str, nearest: str
) -> Problem:
    what, what_zh = f"rule function {name!r}: {en}", f"规则函数 {name!r}：{zh}"
    return Problem(file=file, line=line, what=what, what_zh=what_zh, expected=expected, expected_zh=expected_zh, nearest=nearest)  # fmt: skip


def _named(name: str, replace: bool) -> list[_Fault]:
    if not isinstance(name, str) or not name or name != name.strip():
        return [("the name is a text without spaces around it", "名称应为前后无空白的文本", "", "", "")]
    if name in _REGISTERED and not replace:
        old = _REGISTERED[name]
        en = f"the name is registered already, at {old.file}:{old.line}"
        return [
            (
                en,
                f"名称已注册，见 {old.file}:{old.line}",
                "another name, or replace=True",
                "另取名称，或 replace=True",
                "",
            )
        ]
    return []


def _asked(asked: list[str], on: str) -> list[_Fault]:
    import difflib

    if on not in _ON:
        return [(f"on={on!r}", f"on={on!r}", "lines or visits", "lines 或 visits", "")]
    from .user_columns import askable

    known = askable(on)
    found = []
    for column in asked:
        if not isinstance(column, str) or column.removesuffix("?") not in known:
            near = difflib.get_close_matches(str(column).removesuffix("?").lower(), known, 1, 0.6)
            right = "a column of docs/checks.md section 7", "docs/checks.zh-CN.md 第 7 节所列的列"
            found.append((f"unknown column {column!r} of {on}", f"{on} 没有列 {column!r}", *right, "".join(near)))
    if not asked:
        found.append(("no columns are asked for", "没有给出列", "at least one column", "至少一列", ""))
    return found


def _callable(function: Any, asked: list[str]) -> list[_Fault]:
    try:
        inspect.signature(function).bind(*asked)
    except (TypeError, ValueError) as error:
        takes = f"one argument for each of the {len(asked)} columns", f"所列 {len(asked)} 列各一个参数"
        return [(f"it cannot be called with its columns: {error}", f"不能以所列的列调用：{error}", *takes, "")]
    return []
