"""What measures are told by: columns of people, attributes of visits, bands of either (docs/simulation.md section 7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..errors import InputError, Problem
from ..policy.faults import nearest
from ..policy.vocabulary import ATTRIBUTES
from .comparison import Cells, View
from .people import Bands, By, People, Units, cells_of
from .weights import Estimates

__all__ = ["Grouped", "grouped", "visit_columns"]

Int64 = npt.NDArray[np.int64]


def visit_columns(view: View, people: People | None, by: Sequence[By]) -> dict[str, Any]:
    """Columns by visit: of the person's row where people have the name, else attributes. Raises InputError for names that nobody has."""
    columns: dict[str, Any] = {}
    for asked in by:
        name = asked.column if isinstance(asked, Bands) else asked
        if people is not None and name in people.table.column_names:
            row = people.of(view).row[np.maximum(view.person, 0)]
            known = pa.array(np.where(view.person >= 0, row, -1), mask=(view.person < 0) | (row < 0))
            held = people.table[name].take(known)
        elif view.knows(name):
            held = view.attribute(name)
        else:
            what, zh = f"neither visits nor people have an attribute {name!r}", f"就诊与人员均无属性 {name!r}"
            own = [] if people is None else people.table.column_names
            raise InputError([Problem(what=what, what_zh=zh, path="by", expected=", ".join(ATTRIBUTES), nearest=nearest(name, [*own, *ATTRIBUTES]))])  # fmt: skip
        columns[asked.named if isinstance(asked, Bands) else name] = (
            asked.of(held) if isinstance(asked, Bands) else held
        )
    return columns


@dataclass(frozen=True)
class Grouped:
    """Units in cells; a unit stands in each cell that one of its visits is in. `unit`: of each place; None: each unit once, in order."""

    cells: Cells
    estimates: Estimates
    own: npt.NDArray[np.float64]
    unit: Int64 | None

    def placed(self, values: Any) -> Any:
        """A number of each unit, by place."""
        return values if self.unit is None else values[self.unit]


def grouped(view: View, units: Units, by: Sequence[By]) -> Grouped:
    """Units by columns of people and by attributes of the visits that they have under the base."""
    people = units.people
    names = [asked.column if isinstance(asked, Bands) else asked for asked in by]
    if all(name in people.table.column_names for name in names):
        return Grouped(units.cells(by), units.estimates(by), units.own, None)
    found = view.base.once((units, tuple(by)), lambda: _by_visit(view.base, units, by))
    assert isinstance(found, Grouped)
    return found


def _by_visit(view: View, units: Units, by: Sequence[By]) -> Grouped:
    people, person = units.people, view.person
    visits = cells_of(visit_columns(view, people, by), len(person))
    unit = np.where(person >= 0, units.of_person[np.maximum(person, 0)] if len(units.of_person) else -1, -1)
    mine = view.counted & (unit >= 0)
    pairs = np.unique(visits.of[mine] * len(units) + unit[mine])
    held, place = np.unique(pairs // max(1, len(units)), return_inverse=True)
    which = pairs % max(1, len(units))
    cells = Cells(place, visits.values.take(pa.array(held)), len(held))
    own = units.own[which]
    return Grouped(cells, Estimates(own, units.replicates, place, len(held), people.replicates, which), own, which)
