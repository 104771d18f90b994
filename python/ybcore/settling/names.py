"""Names by index: an Arrow column that reads as a list, so that millions of ids need not be Python objects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

__all__ = ["Names", "names_array", "picked"]


class Names(Sequence[Any]):
    """The entries of an Arrow array as a sequence of texts or numbers."""

    __slots__ = ("array",)

    def __init__(self, array: pa.Array) -> None:
        self.array = array

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, at: Any) -> Any:
        return self.array[at].to_pylist() if isinstance(at, slice) else self.array[int(at)].as_py()

    def __iter__(self) -> Iterator[Any]:
        return iter(self.array.to_pylist())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Names({len(self)})"

    def __arrow_array__(self, type: pa.DataType | None = None) -> pa.Array:
        return self.array if type is None or self.array.type == type else self.array.cast(type)


def names_array(names: Sequence[Any]) -> pa.Array:
    """Names as an Arrow array: whole numbers, else wide texts."""
    if isinstance(names, Names):
        return names.array
    numbers = len(names) > 0 and all(isinstance(name, int) for name in names)
    return pa.array(list(names), pa.int64() if numbers else pa.large_string())


def picked(names: Sequence[Any], index: Any) -> Sequence[Any]:
    """The names of some indices."""
    if isinstance(names, Names):
        return Names(names.array.take(pa.array(np.asarray(index, np.int64))))
    return [names[i] for i in index.tolist()]
