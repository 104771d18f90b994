"""Lines that return others: what they take over of those, and who of them goes in circles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .. import _core
from ..columns.ids import NamedLines, named_lines
from ..columns.read import Frame

__all__ = ["Returned"]

Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Returned:
    """Fee lines with those that they return; `begin` and `row` are the lines by visit. `named`: None where none returns one."""

    lines: Frame
    begin: Int64
    row: Int64 | None
    named: NamedLines | None

    @staticmethod
    def of(lines: Frame, begin: Int64, row: Int64 | None) -> Returned:
        """Looks for the line that each names in its own visit."""
        asked = lines.ids.get("init_feedetl_sn")
        if asked is None or "feedetl_sn" not in lines.ids or asked.null_count == len(asked):
            return Returned(lines, begin, row, None)
        named = named_lines(lines.ids["feedetl_sn"], asked, begin, row)
        return Returned(lines, begin, row, named if len(named.row) or len(named.circle) else None)

    def days(self) -> npt.NDArray[np.int32]:
        """Days of lines; what returns a line is of its day."""
        days = self.lines.days("fee_ocur_time")
        if self.named is None:
            return days
        out = days.copy()
        _core.take_over_days(self.named.row, self.named.line, out)
        return out

    def flags(self, name: str, value: int) -> npt.NDArray[np.int8]:
        """A flag of lines; what returns a line that has this value has it too."""
        flags = self.lines.flag(name, -1)
        if self.named is None or not (flags[self.named.line] == value).any():
            return flags
        out = flags.copy()
        _core.take_over_flags(self.named.row, self.named.line, out, value)
        return out

    def circling(self, notes: list[str]) -> Int64:
        """Visits of lines that return each other; a note says so."""
        if self.named is None or not len(self.named.circle):
            return np.zeros(0, np.int64)
        circle = self.named.circle
        note = f"lines.init_feedetl_sn: {len(circle)} lines return each other in a circle, the first in row {int(circle.min()) + 1}; their visits are rejected"
        if note not in notes:
            notes.append(note)
        place = circle if self.row is None else np.flatnonzero(np.isin(self.row, circle))
        return np.searchsorted(self.begin, place, side="right") - 1
