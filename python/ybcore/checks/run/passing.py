"""What few rules ask of all lines: held from the first of these rules to the last, and then let go.

A column of lines is the largest thing that a run holds. Rules that read the same ones run one after another, and what none of those to come
reads goes back; who asks for it all the same has it made again.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..rule import Rule
from .needs import reads
from .ratio_rules import cells_name
from .scope import OF_LINES
from .work import Work

__all__ = ["MANY_LINES", "Passing"]

MANY_LINES = 1 << 16  # of fewer nothing is worth letting go
# Columns that the batch itself is made of: what is read of them is held anyway.
_HELD = frozenset({"fee_ocur_time", "cnt", "det_item_fee_sumamt"})
# What is made of a column, as the batch's work holds it.
_MADE = {"rxno": "prescriptions", "bilg_dept_codg": "departments"}


class Passing:
    """Of rules in the order in which they run."""

    def __init__(self, work: Work, rules: Sequence[Rule]) -> None:
        self._work = work
        self._later: dict[str, set[str]] = {}
        self._cells = {cells_name(rule.check) for rule in rules if rule.kernel == "K13"}
        later: set[str] = set()
        for rule in reversed(rules):
            self._later[rule.id] = later
            later = later | reads(rule) | ({cells_name(rule.check)} if rule.kernel == "K13" else set())

    def ran(self, rule: Rule) -> None:
        """Let go of what none of the rules that are left reads."""
        work, later = self._work, self._later[rule.id]
        frame = work.batch.frame("lines")
        if frame is not None:
            frame.forget(*(name for name in frame.cells if name not in later and name not in _HELD))
        for column, name in _MADE.items():
            if column not in later:
                work.__dict__.pop(name, None)
        work.forget(*(name for name in self._cells if name not in later))
        work.scopes.forget(*(name for name in OF_LINES if name not in later))
