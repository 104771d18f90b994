"""The failures a caller can meet, and what they carry.

Wrong documents and wrong input shapes raise, with every problem at once; business outcomes (no benefit, not
enrolled, rejected) are values in a column and never raise.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["DocumentError", "InputError", "JobError", "Problem", "StaleStateError", "YbcoreError"]

_WORDS = {"zh": ("；是否为 {!r}？", "；应为：{}"), "en": ("; did you mean {!r}?", "; expected: {}")}


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that is wrong, and where.

    `what` English, `what_zh` Chinese; `file`, `line`, `column` (from 1) and `path` place it in a document, `row`
    in a table; `expected` says what would have been right, `expected_zh` the same in Chinese (empty where names, codes
    or numbers serve both), `nearest` is the closest valid name.
    """

    what: str
    what_zh: str = ""
    file: str | None = None
    line: int | None = None
    column: int | None = None
    path: str = ""
    row: int | None = None
    expected: str = ""
    expected_zh: str = ""
    nearest: str = ""

    @property
    def where(self) -> str:
        """`file:line:column row N`, as far as known."""
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        return " ".join(part for part in (place, f"row {self.row}" if self.row is not None else "") if part)

    def placed(self, lang: str) -> str:
        """The same in a language: `file:line:column row N`, `文件:行:列 第 N 行`."""
        row = f"row {self.row}"
        return (
            self.where.removesuffix(row) + f"第 {self.row} 行" if lang == "zh" and self.row is not None else self.where
        )

    def expected_in(self, lang: str) -> str:
        """What would have been right, in a language."""
        return (lang == "zh" and self.expected_zh) or self.expected

    def __str__(self) -> str:
        where = f"{self.where}: " if self.where else ""
        path = f"{self.path}: " if self.path else ""
        chinese = f"{self.what_zh} / " if self.what_zh else ""
        hint = f"; did you mean / 是否为 {self.nearest!r}?" if self.nearest else ""
        right = " / ".join(dict.fromkeys(text for text in (self.expected, self.expected_zh) if text))
        expected = f"; expected / 应为: {right}" if right and not self.nearest else ""
        return f"{where}{path}{chinese}{self.what}{hint}{expected}"

    def render(self, lang: str = "zh") -> str:
        """The same for a reader of one language, `zh` or `en`; English where there is no Chinese."""
        if lang not in _WORDS:
            raise ValueError(f"lang must be one of {', '.join(_WORDS)}, not {lang!r}")
        mean, expected = _WORDS[lang]
        what = self.what_zh if lang == "zh" and self.what_zh else self.what
        text = ": ".join(part for part in (self.placed(lang), self.path, what) if part)
        text += mean.format(self.nearest) if self.nearest else ""
        right = self.expected_in(lang)
        return text + (expected.format(right) if right else "")


class YbcoreError(Exception):
    """Base of every error that ybcore raises on purpose."""


class _ProblemsError(YbcoreError):
    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def render(self, lang: str = "zh") -> str:
        """Every problem in one language, one a line."""
        return "\n".join(problem.render(lang) for problem in self.problems)

    def __reduce__(self) -> tuple[type[_ProblemsError], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)


class DocumentError(_ProblemsError, ValueError):
    """A policy document, book or catalog is wrong; `problems` holds every finding."""


class InputError(_ProblemsError, ValueError):
    """A table has the wrong shape: a column is missing, mistyped or misshapen; `problems` holds every finding."""


class JobError(_ProblemsError, RuntimeError):
    """A job over files cannot go on: the disk is full or fails, or another job runs in its folder; what is done stays."""


class StaleStateError(_ProblemsError, RuntimeError):
    """A settlement was made from a state that is no longer the one that stands: another desk was first."""
