"""A table for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Shown"]


@dataclass(frozen=True)
class Shown:
    """Name, title, columns (title, kind of cell), rows of values in these kinds."""

    name: str
    title: str
    columns: list[tuple[str, str]]
    rows: list[tuple[Any, ...]]
