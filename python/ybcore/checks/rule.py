"""A rule of a loaded book: layered, parameters put in, its tables as columns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .fields import Items, Scope
from .rulemodels import CodeList, Example
from .tables import RuleTable
from .user import UserRule
from .vocabulary import DISPOSITIONS

__all__ = ["Rule"]


@dataclass(frozen=True, eq=False)
class Rule:
    """One rule, ready to run.

    `check` is the kernel's model (linechecks, timechecks, sumchecks); each `Figure` in it has a `value`, or the `column`
    of `table` whose figures are `numbers[column]` (int64, UNKNOWN where empty), parallel to the table's rows.
    `cells[column]` are codes (int32, -1 empty) into `words[column]` for columns that hold words: the keys of a map or of
    `groups`, names of lists, classes. `function` is the registered one of a rule of one's own.
    """

    id: str
    version: str
    document: str
    region: str
    begin: int
    end: int
    known: int
    name: dict[str, str]
    national: int | None
    kernel: str
    status: str
    reason: str
    shadow: bool
    stage: tuple[str, ...]
    scope: Scope
    items: Items
    check: Any
    amount: str
    disposition: str
    severity: int
    priority: tuple[int, int, int, int]
    behaviour: str
    choices: tuple[str, ...]
    source: str
    cite: str
    examples: tuple[Example, ...]
    excludes: tuple[str, ...]
    subsumes: tuple[str, ...]
    visit_kinds: dict[str, tuple[str, ...]]
    place: tuple[str, int]
    tables: dict[str, RuleTable] = field(default_factory=dict)
    lists: dict[str, CodeList] = field(default_factory=dict)
    numbers: dict[str, np.ndarray] = field(default_factory=dict)
    cells: dict[str, np.ndarray] = field(default_factory=dict)
    words: dict[str, tuple[str, ...]] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)
    function: UserRule | None = None

    @property
    def form(self) -> str:
        """The form of a kernel that has several, else the empty text."""
        return getattr(self.check, "form", "")

    @property
    def across(self) -> bool:
        """Whether a finding may rest on rows of several persons; `RuleBook.across` adds the rules that hang on such a one."""
        return bool(getattr(self.check, "across", False))

    @property
    def counts_money(self) -> bool:
        """Whether the amount of a line decides: one that lacks it is unknown."""
        by_measure = self.kernel in ("K06", "K07") and getattr(self.check, "measure", "") == "amount"
        return by_measure or self.kernel == "K11" or (self.kernel == "K15" and self.form == "product")

    @property
    def table(self) -> RuleTable | None:
        """The table of `items`."""
        return self.tables.get("items")

    @property
    def enabled(self) -> bool:
        """Whether the rule is switched on (a shadow rule is)."""
        return self.status == "enabled"

    @property
    def skip(self) -> tuple[str, str] | None:
        """Why an enabled rule cannot run whatever the data: (Chinese, English); None when it can."""
        for table in self.tables.values():
            if not len(table):
                return f"表 {table.name} 没有数据行", f"table {table.name} has no rows"
        for name, codes in self.lists.items():
            if not codes.codes:
                return f"代码表 {name} 是空的", f"list {name} is empty"
        return None

    def __repr__(self) -> str:
        return f"Rule({self.id!r}, {self.kernel}, {self.disposition}, {self.status})"


def priority_of(given: int, disposition: str, severity: int, place: int) -> tuple[int, int, int, int]:
    """What orders findings on one line: the given figure, then disposition, severity, place in the book."""
    return given, DISPOSITIONS.index(disposition), severity, place
