"""A state as a folder of two files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from .names import Names, names_array

__all__ = ["read_state", "write_state"]

IDS = ("psn", "house", "hospital", "stay", "setl")  # of which there may be millions
_ENCODING = {
    **dict.fromkeys((pa.int32(), pa.int64()), "DELTA_BINARY_PACKED"),
    **dict.fromkeys((pa.string(), pa.large_string()), "DELTA_BYTE_ARRAY"),
}


def write_state(folder: Path, arrays: Mapping[str, Any], names: Mapping[str, Sequence[Any]]) -> None:
    """Write arrays.parquet, with the ids, and names.json into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    # Column by column: so they are delta-encoded well.
    columns = {name: _one_row(pa.array(np.asarray(a).T.reshape(-1))) for name, a in arrays.items()}
    columns |= {f"names.{kind}": _one_row(names_array(names[kind])) for kind in IDS}
    shapes = {name: list(a.shape) for name, a in arrays.items()}
    kinds = {f"{name}.list.element": c.type.value_type for name, c in columns.items()}
    pq.write_table(
        pa.table(columns),
        folder / "arrays.parquet",
        compression="zstd",
        use_dictionary=False,
        write_statistics=False,
        column_encoding={path: _ENCODING[kind] for path, kind in kinds.items() if kind in _ENCODING},
        write_page_checksum=True,
    )
    few = {kind: list(held) for kind, held in names.items() if kind not in IDS}
    text = json.dumps({"format": "ybcore-state/2", "shapes": shapes, "names": few}, ensure_ascii=False)
    (folder / "names.json").write_text(text, encoding="utf-8")


def read_state(folder: Path) -> tuple[dict[str, Any], dict[str, Sequence[Any]]]:
    """(arrays, names) of a folder of this format or the one before. Raises ValueError for another."""
    about = json.loads((folder / "names.json").read_text(encoding="utf-8"))
    if about.get("format") not in ("ybcore-state/1", "ybcore-state/2"):
        raise ValueError(f"{folder} holds no state of this format")
    by_column = about["format"] != "ybcore-state/1"
    table = pq.read_table(folder / "arrays.parquet", page_checksum_verification=True)
    arrays = {}
    for name, shape in about["shapes"].items():
        values = table[name].chunk(0).values.to_numpy(zero_copy_only=False)
        arrays[name] = (
            np.ascontiguousarray(values.reshape(shape[::-1]).T) if by_column else values.reshape(shape).copy()
        )
    names: dict[str, Sequence[Any]] = dict(about["names"])
    if by_column:
        names |= {kind: Names(table[f"names.{kind}"].chunk(0).values) for kind in IDS}
    return arrays, names


def _one_row(values: pa.Array) -> pa.ListArray:
    """All values as the only cell of a column."""
    return pa.ListArray.from_arrays(pa.array([0, len(values)], pa.int32()), values)
