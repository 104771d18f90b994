"""Names by index: an Arrow column that reads as a list, so that millions of ids need not be Python objects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

__all__ = ["Names", "as_of_itself", "merged_words", "names_array", "picked"]

WORDS = {3: "disease", 5: "value"}  # scopes of counters whose third key is one of these names


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


def merged_words(own: Sequence[str], other: Sequence[str], index: Any) -> tuple[list[str], Any]:
    """Words of two lists once each; `index` counts through both lists."""
    words = list(dict.fromkeys([*own, *other]))
    place = {word: i for i, word in enumerate(words)}
    lut = np.array([place[word] for word in [*own, *other]], np.int32)
    return words, lut[index].astype(np.int32)


def as_of_itself(arrays: dict[str, Any], names: dict[str, Any]) -> None:
    """Number counters, layers, schemes, values, diseases, documents and plans by their sorted names: what else the engine has met must not show."""
    keys = [name for name in arrays if name.endswith("_key")]
    scope = arrays["counter_scope"]
    there, lut = _in_use(names["counter"], [arrays[name][:, 0] for name in keys])
    names["counter"] = [names["counter"][i] for i in there]
    for number, kind in WORDS.items():
        masks = [scope[arrays[name][:, 0]] == number for name in keys]
        held, held_lut = _in_use(names[kind], [arrays[name][mask, 2] for name, mask in zip(keys, masks)])
        names[kind] = [names[kind][i] for i in held]
        for name, mask in zip(keys, masks):
            arrays[name] = arrays[name].copy()
            arrays[name][mask, 2] = held_lut[arrays[name][mask, 2]]
    for name in keys:
        arrays[name][:, 0] = lut[arrays[name][:, 0]]
    arrays["counter_scope"] = scope[there].astype(np.int32)
    for name, column in (("policy", "policy"), ("plan", "plan"), ("scheme", "scheme"), ("layer", "used_layer")):
        there, lut = _in_use(names[name], [arrays[column]])
        names[name] = [names[name][i] for i in there]
        arrays[column] = lut[arrays[column]].astype(arrays[column].dtype)


def _in_use(words: Sequence[str], columns: list[Any]) -> tuple[list[int], Any]:
    """(indices of the words that some columns name, by their text; the new number of each word). An index below 0 stays."""
    used = np.zeros(len(words) + 1, bool)
    for column in columns:
        used[np.maximum(column, -1)] = True
    there = sorted(np.flatnonzero(used[:-1]).tolist(), key=lambda i: words[i])
    lut = np.full(len(words) + 1, -1, np.int32)
    lut[there] = np.arange(len(there), dtype=np.int32)
    return there, lut
