"""The dated catalogue: items with their classes, first-pay ratios and price caps.

A ``Catalog`` is read once, checked, hashed, and shared: it never changes, and any number of engines and threads may use it.
Tables and columns: docs/inputs.md (items, selfpay, caps; national tables 1312, 1317, 1318).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from . import io
from .columns.asof import Dated, opened, overlaps, pack
from .columns.checks import tell
from .columns.convert import NULL_DAY, NULL_INT
from .columns.ids import encode, flat, lookup
from .columns.read import Frame, Problems, read
from .columns.schema import CAPS, ITEMS, SELFPAY, Table
from .errors import DocumentError

__all__ = ["Catalog"]

CLASSES = {"01": 1, "02": 2, "03": 3}
_TABLES = (ITEMS, SELFPAY, CAPS)
_KEY = {"items": None, "selfpay": "selfpay_prop_psn_type", "caps": "lmtpric_hosp_lv"}


class Catalog:
    """Items, ratios and caps with their validity.

    ``items`` is needed; ``selfpay`` and ``caps`` may be absent. Each is anything column-shaped (see docs/inputs.md) or None.
    Units: ratios ppm integers or decimal fractions; caps 1/1000000 yuan integers or decimal yuan; dates half-open.
    Raises DocumentError with every problem: unknown class, ratio outside 0–1, bad dates, overlapping versions of one key, each
    with file and row (rows count from 1, the header not counted).
    """

    def __init__(
        self, items: Any, selfpay: Any = None, caps: Any = None, *, files: dict[str, str] | None = None
    ) -> None:
        problems = Problems()
        self._files = files or {}
        self._by_day: dict[tuple[str, int], Dated] = {}
        given = {"items": items, "selfpay": selfpay, "caps": caps}
        self._frames: dict[str, Frame] = {}
        for table in _TABLES:
            data = given[table.name]
            if data is None:
                data = {column.name: pa.nulls(0, pa.string()) for column in table.columns}
            self._frames[table.name] = read(data, table, problems, file=self._files.get(table.name))
        self._raise(problems)
        self._encode(problems)
        for table in _TABLES:
            self._check_rows(table, problems)
        self._raise(problems)
        self._kernel = self._build()

    @staticmethod
    def load(path: str | os.PathLike[str], *, encoding: str = "auto") -> Catalog:
        """Read ``items``, ``selfpay`` and ``caps`` (``.parquet`` or ``.csv``) from a folder; only items is needed.

        A path of a file is read as the items table alone.
        """
        path = Path(path)
        if path.is_file():
            return Catalog(io.read_table(path, encoding), files={"items": str(path)})
        found = {table.name: io.find_table(path, table.name) for table in _TABLES}
        if found["items"] is None:
            problems = Problems()
            problems.add("no items.parquet and no items.csv is there", file=str(path))
            raise DocumentError(problems.found)
        tables = {name: None if file is None else io.read_table(file, encoding) for name, file in found.items()}
        return Catalog(**tables, files={name: str(file) for name, file in found.items() if file is not None})

    def __reduce__(self) -> Any:
        # The kernel's form is made anew where it arrives.
        tables = (pa.table(self._frames[table.name].source) for table in _TABLES)
        return _again, (*tables, self._files)

    # ------------------------------------------------------------------ what an engine asks

    @property
    def kernel(self) -> Any:
        """The compiled form; immutable."""
        return self._kernel

    @property
    def codes(self) -> pa.Array:
        """``med_list_codg`` of each item index."""
        return self._items

    @property
    def places(self) -> list[str]:
        """Text of each place index."""
        return self._texts["insu_admdvs"]

    @property
    def categories(self) -> list[str]:
        """Text of each person-category index of the ratio table."""
        return self._texts["selfpay_prop_psn_type"]

    @property
    def levels(self) -> list[str]:
        """Text of each price-level index of the cap table."""
        return self._texts["lmtpric_hosp_lv"]

    @property
    def tags(self) -> list[str]:
        """Text of each tag; tag index 0 is untagged, so ``tags[i]`` has index i + 1."""
        return self._texts["tag"]

    def get(self, name: str) -> pa.Table | None:
        """``items``, ``selfpay`` or ``caps`` as they were given, under the names of the schema; None where there are no rows."""
        frame = self._frames[name]
        return pa.table(frame.source) if frame.rows else None

    def names(self) -> dict[str, str]:
        """Names of items by code, where the catalogue has them; of several rows of an item the last."""
        frame = self._frames["items"]
        if "name" not in frame.source:
            return {}
        codes = flat(frame.ids["med_list_codg"]).to_pylist()
        return {str(code): str(name) for code, name in zip(codes, frame.source["name"].to_pylist()) if name}

    def words(self, name: str) -> tuple[list[str], npt.NDArray[np.int32]]:
        """(texts, the one of each row of `items`; -1 missing) of a code column, for example list_type."""
        found = self._frames["items"].code(name)
        return ([], np.full(self._frames["items"].rows, -1, np.int32)) if found is None else (found[1], found[0])

    def item_of(self, codes: pa.Array) -> npt.NDArray[np.int32]:
        """Item index of each code; -1 for one that the catalogue does not know."""
        return lookup(pa.chunked_array([codes.cast(pa.large_string())]), self._items)

    @cached_property
    def regional(self) -> bool:
        """Whether some row of `items` holds in one insured place only."""
        return bool((self._index["items", "insu_admdvs"] >= 0).any())

    @property
    def item_of_row(self) -> npt.NDArray[np.int32]:
        """Item index of each row of `items`."""
        return self._item["items"]

    def item_row(self, item: npt.NDArray[np.int32], region: npt.NDArray[np.int32] | None, texts: list[str], day: npt.NDArray[np.int32], threads: int = 1) -> npt.NDArray[np.int32]:  # fmt: skip
        """Row of `items` that holds on each day: that of the place `texts[region]`, else the one for everywhere; -1 none.

        `region` may be None where the catalogue is not `regional`.
        """
        out = self._everywhere(threads).find(np.ascontiguousarray(item), np.ascontiguousarray(day))
        if region is None or not self.regional:
            return out
        place = {text: i for i, text in enumerate(self.places)}
        theirs = np.array([place.get(text, -1) for text in texts], np.int32)[region]
        wanted = np.where((item >= 0) & (theirs >= 0), item.astype(np.int64) * len(place) + theirs, -1).astype(np.int32)
        here = self._somewhere(threads).find(wanted, np.ascontiguousarray(day))
        return np.where(here >= 0, here, out).astype(np.int32)

    def rows_by_item(self, everywhere: bool) -> tuple[Any, Any, Any, Any, Any]:
        """(where the rows of each item begin, rows, of each row its first day, the day after its last, its place): for everywhere, or for one place."""
        places = self._index["items", "insu_admdvs"]
        own = self._item["items"]
        there = np.flatnonzero((own >= 0) & ((places < 0) == everywhere))
        rows = there[np.argsort(own[there], kind="stable")]
        start = np.searchsorted(own[rows], np.arange(len(self._items) + 1))
        held = self._everywhere(1)
        return start, rows, held.begin, held.end, places

    def _everywhere(self, threads: int) -> Dated:
        """Rows of `items` that hold in every place, by item."""
        places = self._index["items", "insu_admdvs"]
        return self._dated("everywhere", lambda: np.where(places < 0, self._item["items"], -1), len(self._items), threads)  # fmt: skip

    def _somewhere(self, threads: int) -> Dated:
        """Rows of `items` that hold in one place, by item and place."""
        count, places = len(self.places), self._index["items", "insu_admdvs"]
        own = self._item["items"]

        def key() -> npt.NDArray[np.int64]:
            return np.where(places >= 0, own.astype(np.int64) * count + places, -1)

        return self._dated("somewhere", key, len(self._items) * count, threads)

    def _dated(self, name: str, key: Callable[[], npt.NDArray[Any]], keys: int, threads: int) -> Dated:
        """Made once for each number of threads."""
        if (name, threads) not in self._by_day:
            frame = self._frames["items"]
            begin, end = np.ascontiguousarray(frame.days("begndate")), frame.days("enddate")
            self._by_day[name, threads] = Dated.of(key().astype(np.int32), keys, begin, end, threads)
        return self._by_day[name, threads]

    def table(self, name: str) -> pa.Table:
        """`items`, `selfpay` or `caps` as it is held: texts, and whole numbers in the units of the schema; NULL_INT or "" is missing."""
        frame = self._frames[name]
        columns = [column.name for column in frame.table.columns if column.kind != "text"]
        return pa.table({column: _plain(frame, column) for column in columns})

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        rows = ", ".join(f"{name} {frame.rows}" for name, frame in self._frames.items())
        return f"Catalog({rows}; {self.hash[:12]})"

    @cached_property
    def hash(self) -> str:
        """sha256 of the canonical content: the same rows in any order, from any source, give the same text."""
        digest = hashlib.sha256(b"ybcore-catalog/1")
        for table in _TABLES:
            frame = self._frames[table.name]
            digest.update(f"\n{table.name} {frame.rows}".encode())
            whole = self.table(table.name)
            order = pc.sort_indices(whole, sort_keys=[(name, "ascending") for name in whole.column_names])
            for name in whole.column_names:
                digest.update(f"\n{name}:".encode())
                _digest(digest, whole.column(name).take(order).combine_chunks())
        return digest.hexdigest()

    def check(self) -> list[str]:
        """Things that are allowed but seldom meant, one sentence each; empty when there are none."""
        notes = [note for frame in self._frames.values() for note in frame.notes]
        items, known = self._frames["items"], np.zeros(len(self._items), bool)
        known[self._item["items"]] = True
        for name in ("selfpay", "caps"):
            strange = np.unique(self._item[name][~known[self._item[name]]])
            if len(strange):
                notes.append(
                    f"{name}: {len(strange)} items are not in items and never used, for example {self._name(strange[0])}"
                )
        ratio = items.ints("selfpay_prop")
        class_b = self._class == 2
        with_rows = np.zeros(len(self._items), bool)
        with_rows[self._item["selfpay"]] = True
        none = class_b & (ratio == NULL_INT) & ~with_rows[self._item["items"]]
        if none.any():
            notes.append(
                f"items: {int(none.sum())} rows of class 02 have no ratio anywhere, for example {self._name(self._item['items'][none][0])}"
            )
        odd = (self._class == 1) & (ratio != NULL_INT) & (ratio != 0) & (items.flag("drt_reim_flag", 0) != 1)
        if odd.any():
            notes.append(
                f"items: {int(odd.sum())} rows of class 01 have a ratio that is not used, for example {self._name(self._item['items'][odd][0])}"
            )
        if self._frames["caps"].rows:
            zero = self._frames["caps"].ints("hilist_pric_uplmt_amt") == 0
            if zero.any():
                notes.append(
                    f"caps: {int(zero.sum())} caps are zero, for example {self._name(self._item['caps'][zero][0])}"
                )
        return notes

    # ------------------------------------------------------------------ reading

    def _raise(self, problems: Problems) -> None:
        if problems.found:
            raise DocumentError(problems.found)

    def _name(self, item: int) -> str:
        return str(self._items[int(item)].as_py())

    def _encode(self, problems: Problems) -> None:
        """Joint indices of items and places; each other code list has its own."""
        columns = [self._frames[table.name].ids["med_list_codg"] for table in _TABLES]
        codes, self._items = encode([_as_text(column, coded=True) for column in columns])
        self._item = {table.name: code for table, code in zip(_TABLES, codes)}
        self._texts: dict[str, list[str]] = {
            "insu_admdvs": [],
            "tag": [],
            "selfpay_prop_psn_type": [],
            "lmtpric_hosp_lv": [],
        }
        self._index: dict[tuple[str, str], npt.NDArray[np.int32]] = {}
        for table in _TABLES:
            for name, texts in self._texts.items():
                if table.find(name) is not None:
                    self._index[table.name, name] = _joint(self._frames[table.name], name, texts)
        classes = self._frames["items"].code("chrgitm_lv")
        values, known = classes if classes else (np.empty(0, np.int32), [])
        self._class = np.array([CLASSES.get(text, 0) for text in known] + [0], np.uint8)[values]

    def _check_rows(self, table: Table, problems: Problems) -> None:
        frame, file = self._frames[table.name], self._files.get(table.name)
        for column in table.columns:
            if column.name in frame.cells:
                cells = frame.cells[column.name]
                what = (
                    "a ratio is a fraction from 0 to 1"
                    if column.kind == "rate"
                    else f"the value cannot be read as a {column.kind}"
                )
                tell(problems, cells.bad, what, f"{table.name}.{column.name}", file)
        empty = frame.bad()
        for cells in frame.cells.values():
            if cells.bad is not None:
                empty &= ~cells.bad
        tell(problems, empty, "a required value is missing", table.name, file)
        if table is ITEMS:
            tell(problems, (self._class == 0) & ~empty, "chrgitm_lv is not 01, 02 or 03", "items.chrgitm_lv", file)
        begin, end = frame.days("begndate"), frame.days("enddate")
        tell(problems, opened(end) <= begin, "enddate is not after begndate", f"{table.name}.enddate", file)
        key = self._sort_key(table)
        wrong = np.zeros(frame.rows, bool)
        wrong[overlaps(key, begin, end)] = True
        names = [name for name in ("med_list_codg", "insu_admdvs", _KEY[table.name]) if name]
        tell(
            problems,
            wrong & ~empty,
            f"the validity overlaps another row of the same {', '.join(names)}",
            table.name,
            file,
        )

    def _sort_key(self, table: Table) -> npt.NDArray[np.int64]:
        key = _KEY[table.name]
        parts = [(self._item[table.name], len(self._items)), (self._index[table.name, "insu_admdvs"], len(self.places))]
        if key is not None:
            parts.append((self._index[table.name, key], len(self._texts[key])))
        return pack(*parts)

    def _build(self) -> Any:
        from . import _core

        arrays: dict[str, Any] = {}
        for table, prefix in zip(_TABLES, ("class", "ratio", "cap")):
            frame, key = self._frames[table.name], _KEY[table.name]
            begin = frame.days("begndate")
            order = np.lexsort((begin, self._sort_key(table)))
            arrays[f"{prefix}_item"] = self._item[table.name][order]
            arrays[f"{prefix}_place"] = self._index[table.name, "insu_admdvs"][order]
            arrays[f"{prefix}_begin"] = begin[order]
            arrays[f"{prefix}_end"] = opened(frame.days("enddate"))[order]
            if key is not None:
                arrays[f"{prefix}_key"] = self._index[table.name, key][order]
            if table is ITEMS:
                ratio = frame.ints("selfpay_prop")[order]
                arrays["class_ratio"] = np.where(ratio == NULL_INT, -1, ratio).astype(np.int32)
                arrays["item_class"] = self._class[order]
                arrays["direct"] = (frame.flag("drt_reim_flag", 0) == 1).astype(np.uint8)[order]
                arrays["tag"] = (self._index["items", "tag"] + 1).astype(np.int32)[order]
            elif table is SELFPAY:
                arrays["ratio"] = frame.ints("selfpay_prop")[order].astype(np.int32)
            else:
                arrays["cap"] = frame.ints("hilist_pric_uplmt_amt")[order]
        return _core.Catalog(items=len(self._items), **{name: np.ascontiguousarray(a) for name, a in arrays.items()})


def _joint(frame: Frame, name: str, texts: list[str]) -> npt.NDArray[np.int32]:
    """Indices of a code column into a list that other tables share; the list grows."""
    given = frame.code(name)
    if given is None:
        return np.full(frame.rows, -1, np.int32)
    values, own = given
    place = {text: i for i, text in enumerate(texts)}
    for text in own:
        if text not in place:
            place[text] = len(texts)
            texts.append(text)
    return np.array([place[text] for text in own] + [-1], np.int32)[values]


def _as_text(column: pa.ChunkedArray, coded: bool = False) -> pa.ChunkedArray:
    """Item codes are always text. `coded`: they may stay in a dictionary."""
    if coded and pa.types.is_dictionary(column.type) and pa.types.is_large_string(column.type.value_type):
        return column
    column = flat(column)
    return column if pa.types.is_large_string(column.type) else column.cast(pa.large_string())


def _plain(frame: Frame, name: str) -> pa.Array | pa.ChunkedArray:
    """A column in the canonical form the hash reads: text or int64, missing cells filled."""
    if name in frame.ids:
        return _as_text(frame.ids[name])
    spec = frame.table.find(name)
    assert spec is not None
    if spec.kind == "code":
        given = frame.code(name)
        if given is None:
            return pa.array([""] * frame.rows, pa.large_string())
        values, texts = given
        return pa.array([*texts, ""], pa.large_string()).take(pa.array(np.where(values < 0, len(texts), values)))
    if spec.kind == "flag":
        return pa.array(frame.flag(name, 0).astype(np.int64))
    if spec.kind == "date":
        days = frame.days(name)
        return pa.array(np.where(days == NULL_DAY, NULL_INT, days.astype(np.int64)))
    return pa.array(frame.ints(name))


def _digest(digest: Any, column: pa.Array | pa.ChunkedArray) -> None:
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    if pa.types.is_large_string(column.type):
        lengths = pc.binary_length(column).cast(pa.int64())
        digest.update(np.asarray(lengths).tobytes())
        digest.update(b"".join(pc.cast(column, pa.large_binary()).to_pylist()))
    else:
        digest.update(np.asarray(column).astype("<i8").tobytes())


def _again(items: pa.Table, selfpay: pa.Table, caps: pa.Table, files: dict[str, str]) -> Catalog:
    """The catalogue of tables that were one before."""
    return Catalog(items, selfpay, caps, files=files)
