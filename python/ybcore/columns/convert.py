"""One column in, one exact NumPy array out.

Every function takes an Arrow chunked array and gives ``Cells``: held values with one sentinel for a missing cell, and the rows
whose cell could not be read (None: all could). A column of a type that can never be right raises ``ColumnError``.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from .. import _core
from .buffers import bounds_within, filled, indices, numbers_at, numbers_in, one_array, wall_clock, widened
from .schema import KINDS, LIMITS, SCALES, Column

NULL_DAY = np.int32(-(2**31))
NULL_INT = np.int64(-(2**63))
FIRST_DAY, LAST_DAY = -62091, 120529  # 1800-01-01 and 2299-12-31
AS_HELD = dict.fromkeys(SCALES, pa.int64()) | {"date": pa.date32()}
_EPOCH = dt.datetime(1970, 1, 1)
_ISO = re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d{1,6})?)?)?\Z")
_US_PER_DAY = 86_400_000_000

Array = npt.NDArray[Any]


class ColumnError(Exception):
    """The whole column has a type it cannot have; the text says what would do."""


@dataclass(slots=True)
class Cells:
    """Held values of one column, and a mask of cells that were there but could not be read."""

    values: Array
    bad: npt.NDArray[np.bool_] | None = None
    texts: list[str] | None = None  # kind code: what each index stands for; index -1 is missing
    bounds: tuple[int, int] | None = None  # exact numbers: no value lies outside them, where known
    sure: bool = True  # False: nobody has looked whether every value is within its limits; none is missing


def is_text(kind: pa.DataType) -> bool:
    """Plain text of any offset width, or string views."""
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def plain(chunk: pa.Array) -> pa.Array:
    """String views and extension types as the plain types that compute functions know."""
    if isinstance(chunk, pa.ExtensionArray):
        chunk = chunk.storage
    if pa.types.is_string_view(chunk.type):
        return chunk.cast(pa.large_string())
    if pa.types.is_dictionary(chunk.type) and pa.types.is_string_view(chunk.type.value_type):
        return pa.DictionaryArray.from_arrays(chunk.indices, chunk.dictionary.cast(pa.large_string()))
    if pa.types.is_null(chunk.type):
        return chunk.cast(pa.large_string())
    return chunk


def decoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column without dictionaries and views."""
    chunks = [plain(chunk) for chunk in column.chunks]
    chunks = [c.dictionary_decode() if pa.types.is_dictionary(c.type) else c for c in chunks]
    return pa.chunked_array(chunks, type=chunks[0].type if chunks else pa.large_string())


def convert(column: pa.ChunkedArray, spec: Column, threads: int = 1, later: bool = False) -> Cells:
    """Read one column as its kind. Raises ColumnError for a type that cannot be that kind.

    `later`: a column that may be taken as it stands, whole and without missing cells, is not looked through: its cells are not sure.
    """
    if later and column.num_chunks == 1 and not column.null_count and column.type == AS_HELD.get(spec.kind):
        return Cells(numbers_in(column.chunk(0)), sure=False)
    if spec.kind in SCALES:
        return _exact(decoded(column), spec, threads)
    if spec.kind == "date":
        return _days(decoded(column), spec, threads)
    if spec.kind == "time":
        return _micros(decoded(column), spec, threads)
    if spec.kind == "flag":
        return _flag(column, spec, threads)
    return codes(column, spec, threads)


# ---------------------------------------------------------------------------------------------- exact numbers


def _by_chunk(column: pa.ChunkedArray, dtype: Any, read: Callable[[pa.Array], Cells]) -> Cells:
    """Read chunk by chunk into one array; a single chunk is not copied."""
    if column.num_chunks == 1:
        return read(column.chunk(0))
    out = np.empty(len(column), dtype)
    bad: npt.NDArray[np.bool_] | None = None
    at = 0
    for chunk in column.chunks:
        cells = read(chunk)
        out[at : at + len(chunk)] = cells.values
        if cells.bad is not None:
            bad = np.zeros(len(column), bool) if bad is None else bad
            bad[at : at + len(chunk)] = cells.bad
        at += len(chunk)
    return Cells(out, bad)


def _exact(column: pa.ChunkedArray, spec: Column, threads: int) -> Cells:
    kind, places = column.type, SCALES[spec.kind]
    if pa.types.is_floating(kind):
        raise ColumnError(f"is {kind}: a binary float cannot hold exact amounts; {_wanted(spec)}")
    if pa.types.is_boolean(kind) or not (pa.types.is_integer(kind) or pa.types.is_decimal(kind) or is_text(kind)):
        raise ColumnError(f"is {kind}; {_wanted(spec)}")
    joined = one_array(column, NULL_INT, threads) if pa.types.is_int64(kind) else None
    if joined is not None:
        values, (least, most) = joined
        if _inside(spec, least, most):
            return Cells(values, None, None, (int(NULL_INT) if column.null_count else least, most))
        return _limit(Cells(values), spec, threads)

    def read(chunk: pa.Array) -> Cells:
        if pa.types.is_integer(chunk.type):
            cells = Cells(filled(widened(chunk), chunk, NULL_INT))
        elif pa.types.is_decimal(chunk.type):
            cells = _decimal(chunk, places)
        else:
            cells = _decimal_text(chunk, places)
        return _limit(cells, spec, threads)

    return _by_chunk(column, np.int64, read)


def _inside(spec: Column, least: int, most: int) -> bool:
    """True when numbers between two bounds are within what a column may hold."""
    top = LIMITS[spec.kind]
    return most <= top and least >= (-top if spec.negative else 0)


def _limit(cells: Cells, spec: Column, threads: int) -> Cells:
    top = LIMITS[spec.kind]
    low = -top if spec.negative else 0
    values = cells.values
    bounds = bounds_within(values, low, top, threads)
    if bounds is not None:
        cells.bounds = bounds
    elif len(values):
        out = ((values > top) | (values < low)) & (values != NULL_INT)
        if out.any():
            cells = Cells(np.where(out, NULL_INT, values), out if cells.bad is None else cells.bad | out)
    return cells


def _decimal(chunk: pa.Array, places: int) -> Cells:
    """Decimals → integers of 10^-places; digits beyond the last place make the cell bad."""
    scale = chunk.type.scale
    if not pa.types.is_decimal128(chunk.type):
        chunk = chunk.cast(pa.decimal128(38, scale))
    bad = None
    target = pa.decimal128(38, places)
    try:
        held = chunk.cast(target)
    except pa.ArrowInvalid:
        # A cell too great or too fine: the unsafe cast keeps going, and what does not come back is bad.
        held = chunk.cast(target, safe=False)
        bad = np.asarray(pc.fill_null(pc.not_equal(held.cast(chunk.type, safe=False), chunk), False), dtype=bool)
    if held.buffers()[1] is None:
        return Cells(np.full(len(held), NULL_INT), bad)
    words = numbers_at(held.buffers()[1], np.int64, 2 * (len(held) + held.offset)).reshape(-1, 2)[held.offset :]
    low, high = np.ascontiguousarray(words[:, 0]), words[:, 1]
    valid = np.asarray(held.is_valid())
    wide = (high != (low >> 63)) & valid
    if wide.any():
        bad = wide if bad is None else bad | wide
    keep = valid if bad is None else valid & ~bad
    return Cells(low if keep.all() else np.where(keep, low, NULL_INT), bad)


def _decimal_text(chunk: pa.Array, places: int) -> Cells:
    text = pc.utf8_trim_whitespace(chunk)
    text = pc.if_else(pc.equal(text, ""), pa.scalar(None, text.type), text)
    part = rf"([.][0-9]{{1,{places}}}0{{0,{12 - places}}})?" if places else "([.]0{1,12})?"
    good = pc.match_substring_regex(text, rf"^-?[0-9]{{1,18}}{part}$")
    bad = np.asarray(pc.fill_null(pc.invert(good), False), dtype=bool)
    numbers = pc.if_else(good, text, pa.scalar(None, text.type)).cast(pa.decimal128(38, 12))
    cells = _decimal(numbers, places)
    if bad.any():
        cells.bad = bad if cells.bad is None else cells.bad | bad
    return cells


def _wanted(spec: Column) -> str:
    return f"give {KINDS[spec.kind]}"


# ---------------------------------------------------------------------------------------------- dates


def _days(column: pa.ChunkedArray, spec: Column, threads: int) -> Cells:
    kind = column.type
    if pa.types.is_integer(kind) and kind.bit_width != 32:
        raise ColumnError(f"is {kind}: a number of days must be int32; {_wanted(spec)}")
    if is_text(kind):
        return _text_times(column, True)
    if not (pa.types.is_date(kind) or pa.types.is_timestamp(kind) or pa.types.is_int32(kind)):
        raise ColumnError(f"is {kind}; {_wanted(spec)}")
    joined = one_array(column, NULL_DAY, threads) if kind in (pa.date32(), pa.int32()) else None
    if joined is not None:
        return _date_limit(joined[0], NULL_DAY, FIRST_DAY, LAST_DAY, threads, joined[1])

    def read(chunk: pa.Array) -> Cells:
        if pa.types.is_date32(chunk.type) or pa.types.is_int32(chunk.type):
            days = numbers_in(chunk)
        else:
            micros = wall_clock(chunk)
            days = np.floor_divide(micros, _US_PER_DAY).astype(np.int32)
        return _date_limit(filled(days, chunk, NULL_DAY), NULL_DAY, FIRST_DAY, LAST_DAY, threads)

    return _by_chunk(column, np.int32, read)


def _date_limit(
    values: Array, null: Any, first: int, last: int, threads: int = 1, bounds: tuple[int, int] | None = None
) -> Cells:
    known = bounds is not None and first <= bounds[0] and bounds[1] <= last
    if len(values) and not known and bounds_within(values, first, last, threads) is None:
        out = ((values > last) | (values < first)) & (values != null)
        if out.any():
            return Cells(np.where(out, null, values), out)
    return Cells(values)


def _micros(column: pa.ChunkedArray, spec: Column, threads: int) -> Cells:
    kind = column.type
    if is_text(kind):
        return _text_times(column, False)
    if not (pa.types.is_date(kind) or pa.types.is_timestamp(kind)):
        raise ColumnError(f"is {kind}; {_wanted(spec)}")
    first, last = FIRST_DAY * _US_PER_DAY, (LAST_DAY + 1) * _US_PER_DAY - 1
    joined = one_array(column, NULL_INT, threads) if kind == pa.timestamp("us") else None
    if joined is not None:
        return _date_limit(joined[0], NULL_INT, first, last, threads, joined[1])

    def read(chunk: pa.Array) -> Cells:
        if pa.types.is_date32(chunk.type):
            micros = numbers_in(chunk).astype(np.int64) * _US_PER_DAY
        else:
            micros = wall_clock(chunk)
        held = filled(micros, chunk, NULL_INT)
        return _date_limit(held, NULL_INT, first, last, threads)

    return _by_chunk(column, np.int64, read)


def _text_times(column: pa.ChunkedArray, days: bool) -> Cells:
    """ISO text; each distinct text is read once."""
    null = NULL_DAY if days else NULL_INT

    def read(text: Any) -> Any:
        text = (text or "").strip()
        if not text:
            return null
        if not _ISO.match(text):
            return None
        try:
            moment = dt.datetime.fromisoformat(text)
        except ValueError:
            return None
        micros = (moment - _EPOCH) // dt.timedelta(microseconds=1)
        return micros // _US_PER_DAY if days else micros

    def chunk_cells(chunk: pa.Array) -> Cells:
        encoded = chunk.dictionary_encode()
        read_values = [read(text) for text in encoded.dictionary.to_pylist()]
        lookup = np.array([null if v is None else v for v in read_values] + [null], np.int32 if days else np.int64)
        wrong = np.array([v is None for v in read_values] + [False])
        index = indices(encoded)
        bad = wrong[index] if wrong.any() else None
        low, high = (FIRST_DAY, LAST_DAY) if days else (FIRST_DAY * _US_PER_DAY, (LAST_DAY + 1) * _US_PER_DAY - 1)
        cells = _date_limit(lookup[index], null, low, high)
        if bad is not None:
            cells.bad = bad if cells.bad is None else cells.bad | bad
        return cells

    return _by_chunk(column, np.int32 if days else np.int64, chunk_cells)


# ---------------------------------------------------------------------------------------------- codes


def _own_numbers(column: pa.ChunkedArray) -> bool:
    """True for one chunk of a dictionary, none of its cells missing, whose numbers may serve as they are."""
    return column.num_chunks == 1 and pa.types.is_int32(column.type.index_type) and not column.null_count


def codes(column: pa.ChunkedArray, spec: Column, threads: int = 1) -> Cells:
    """Small code lists: int32 indices and the distinct texts; an empty text is a missing one."""
    if pa.types.is_dictionary(column.type) and not _own_numbers(column):
        coded = _core.coded(column, threads)
        if coded is not None:
            return Cells(coded[0], None, coded[1])
    out = np.empty(len(column), np.int32) if column.num_chunks != 1 else None
    known: dict[str, int] = {}
    at = 0
    for raw in column.chunks:
        chunk = plain(raw)
        kind = chunk.type.value_type if pa.types.is_dictionary(chunk.type) else chunk.type
        if not is_text(kind):
            raise ColumnError(f"is {kind}: codes are text (leading zeros matter)")
        encoded = chunk if pa.types.is_dictionary(chunk.type) else chunk.dictionary_encode()
        texts = encoded.dictionary.to_pylist()
        lookup = np.array([known.setdefault(t, len(known)) if t else -1 for t in texts] + [-1], np.int32)
        whole = pa.types.is_int32(encoded.indices.type) and not encoded.null_count
        if whole and out is None and (lookup[:-1] == np.arange(len(texts))).all():
            return Cells(numbers_in(encoded.indices), None, list(known))
        found = lookup[numbers_in(encoded.indices) if whole else indices(encoded)]
        if out is None:
            return Cells(found, None, list(known))
        out[at : at + len(chunk)] = found
        at += len(chunk)
    return Cells(out if out is not None else np.empty(0, np.int32), None, list(known))


def _flag(column: pa.ChunkedArray, spec: Column, threads: int) -> Cells:
    """Flags: int8, -1 missing; anything that is not one digit is bad."""
    if column.num_chunks == 0:
        return Cells(np.empty(0, np.int8))
    if pa.types.is_dictionary(column.type):
        found = _core.digits(column, threads)
        if found is not None:
            return _digits(found[0])
    kind = plain(column.chunk(0)).type
    if pa.types.is_boolean(kind):
        column = column.cast(pa.int8())
        kind = pa.int8()
    joined = one_array(column, -1, threads) if kind == pa.int8() else None
    if joined is not None:
        values, (least, most) = joined
        return Cells(values) if least >= -1 and most <= 9 else _digits(np.clip(values, -1, 10))
    if pa.types.is_integer(kind):

        def read(chunk: pa.Array) -> Cells:
            values = filled(widened(chunk), chunk, -1)
            return Cells(np.clip(values, -1, 10).astype(np.int8))

        return _digits(_by_chunk(column, np.int8, read).values)
    coded = codes(column, spec, threads)
    texts = coded.texts or []
    digits = np.array([int(t) if t in set("0123456789") else 10 for t in texts] + [-1], np.int8)
    return _digits(digits[coded.values])


def _digits(values: Array) -> Cells:
    """Flags of which those beyond 9 are bad."""
    wrong = values > 9
    return Cells(np.where(wrong, np.int8(-1), values), wrong) if wrong.any() else Cells(values)
