"""The flat tables under construction: rows by field name, equal rows once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ybcore._core import LAYOUT

__all__ = ["MODES", "Tables", "unit_of"]

MODES = {"half_up": 0, "half_even": 1, "down": 2, "up": 3}
_FEN = {"fen": 1, "jiao": 10, "yuan": 100}
NAMES = ("plans", "layers", "keys", "feeds", "bands", "ceilings", "bases", "standards", "edits", "amounts", "uptos")


def unit_of(to: str, scale: int) -> int:
    """Units of money in one `to`; `exact` is one unit of the grid."""
    return 1 if to == "exact" else _FEN[to] * scale


class Tables:
    """Rows of every table, and the loose values."""

    def __init__(self) -> None:
        self.rows: dict[str, list[tuple[int, ...]]] = {name: [] for name in NAMES}
        self.values: list[int] = []
        self._known: dict[tuple[Any, ...], int] = {}
        self._arrays: dict[str, np.ndarray] = {}
        self._size: tuple[int, ...] = ()

    def add(self, table: str, **fields: int) -> int:
        """Append a row; fields not named are -1."""
        names = LAYOUT[table]
        unknown = set(fields) - set(names)
        if unknown:
            raise KeyError(f"{table} has no field {sorted(unknown)}")
        self.rows[table].append(tuple(int(fields.get(name, -1)) for name in names))
        return len(self.rows[table]) - 1

    def shared(self, table: str, **fields: int) -> int:
        """The same for rows that stand alone: an equal row is used again."""
        return self.run(table, [fields])[0]

    def run(self, table: str, rows: Sequence[dict[str, int]]) -> tuple[int, int]:
        """Begin and end of rows that stand one after the other; an equal run is used again."""
        key = (table, *(tuple(sorted(row.items())) for row in rows))
        if key not in self._known:
            self._known[key] = self.size(table)
            for row in rows:
                self.add(table, **row)
        return self._known[key], self._known[key] + len(rows)

    def fork(self) -> Tables:
        """The same rows to go on from."""
        out = Tables()
        out.rows = {name: list(rows) for name, rows in self.rows.items()}
        out.values, out._known = list(self.values), dict(self._known)
        return out

    def size(self, table: str) -> int:
        return len(self.rows[table])

    def add_values(self, values: list[int]) -> tuple[int, int]:
        """Begin and end of loose values; an equal run is used again."""
        key = ("values", *values)
        if key not in self._known:
            self._known[key] = len(self.values)
            self.values += values
        return self._known[key], self._known[key] + len(values)

    def arrays(self) -> dict[str, np.ndarray]:
        """One flat int64 array a table; made again only when rows have come."""
        size = (len(self.values), *(len(rows) for rows in self.rows.values()))
        if size != self._size:
            self._arrays = {name: np.array(rows, dtype=np.int64).reshape(-1) for name, rows in self.rows.items()}
            self._arrays["values"] = np.array(self.values, dtype=np.int64)
            self._size = size
        return self._arrays
