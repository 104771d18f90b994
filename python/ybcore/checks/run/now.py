"""What may be reported of a small batch, as the tests of a screen see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .work import Work

__all__ = ["More", "Now"]


@dataclass
class Now:
    """Current standing lines, their different (item, visit), of each standing visit the rules whose scope it may be in, and which visits are current.

    `bit` is the rule asked about.
    """

    rows: Any
    items: list[tuple[int, int]]
    of_visit: dict[int, int]
    current: Any
    bit: int = 0

    def _mine(self) -> Any:
        """Current visits of the rule."""
        mine = np.zeros(len(self.current) + 1, bool)
        mine[[visit for visit, bits in self.of_visit.items() if bits & self.bit]] = True
        return mine[:-1] & self.current

    def visits(self) -> Any:
        """Rows of the rule's current visits."""
        return np.flatnonzero(self._mine())

    def lines(self, work: Work, items: Any = None) -> Any:
        """Rows of their standing lines, of those among `items` (a mask) or of an unknown item."""
        rows = self.rows[self._mine()[work.batch.line_visit[self.rows]]] if len(self.rows) else self.rows
        return rows if items is None or not len(rows) else rows[np.append(items, True)[work.batch.item[rows]]]

    def given_lines(self, work: Work) -> Any:
        """Rows of their lines before netting."""
        return work.order[self._mine()[work.batch.line_visit[work.order]]] if len(work.order) else work.order


More = Callable[[Work, Now], bool]
