"""One Arrow type for a column of many files: types that read the same become one, others are told apart (docs/inputs.md)."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from ..columns.convert import ColumnError, convert, decoded, is_text, plain
from ..columns.ids import normal
from ..columns.schema import Column

__all__ = ["CODED", "common_type", "family", "fitted", "refused"]

CODED = pa.dictionary(pa.int32(), pa.string())
# Ids of few different values: as codes they take a tenth of the room, and nothing is lost.
_FEW = frozenset({"med_list_codg", "fixmedins_code", "bilg_dr_codg", "atddr_no", "dr_code", "oper_dr_code"})


def value_type(kind: pa.DataType) -> pa.DataType:
    """What the cells are, dictionary or not."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def refused(kind: pa.DataType, spec: Column) -> str:
    """Why a column cannot be of an Arrow type (`is float: …`); empty when it can."""
    try:
        empty = pa.chunked_array([pa.array([], kind)])
        if spec.kind == "id":
            normal(empty)
        else:
            convert(empty, spec)
    except ColumnError as error:
        return str(error)
    except (pa.ArrowException, TypeError, NotImplementedError):
        return f"is {kind}"
    return ""


def family(kind: pa.DataType, spec: Column) -> str:
    """The way an Arrow type is read: types of one family read the same."""
    kind = value_type(kind)
    if pa.types.is_null(kind):
        return ""
    if is_text(kind):
        return "text"
    if spec.kind in ("date", "time") and (pa.types.is_temporal(kind) or pa.types.is_int32(kind)):
        return "date"
    if pa.types.is_integer(kind) or (spec.kind == "flag" and pa.types.is_boolean(kind)):
        return "integer"
    return "decimal" if pa.types.is_decimal(kind) else str(kind)


def common_type(kinds: Sequence[pa.DataType], spec: Column) -> pa.DataType:
    """The type that files of one family are read as. `kinds`: every type that stands in some file, one at least."""
    values = [value_type(kind) for kind in kinds]
    there = [kind for kind in values if not pa.types.is_null(kind)] or [pa.string()]
    way = family(there[0], spec)
    if way == "text":
        if spec.kind in ("code", "flag") or spec.name in _FEW or all(pa.types.is_dictionary(kind) for kind in kinds):
            return CODED
        return pa.string() if all(pa.types.is_string(kind) for kind in there) else pa.large_string()
    if all(kind == there[0] for kind in there):
        return there[0]
    if way == "date":
        if all(pa.types.is_date(kind) or pa.types.is_int32(kind) for kind in there):
            return pa.date32()
        return pa.timestamp("us")
    if way == "decimal":
        scale = max(kind.scale for kind in there)
        whole = max(kind.precision - kind.scale for kind in there)
        return pa.decimal128(min(38, whole + scale), scale)
    return pa.int64()


def fitted(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """A column as another type of its family. Raises ArrowException for a cell that it cannot hold."""
    if column.type == kind:
        return column
    if kind == CODED:
        chunks = [_coded(chunk) for chunk in column.chunks]
        return pa.chunked_array(chunks, type=CODED)
    column = decoded(column)
    if column.type == kind:
        return column
    if pa.types.is_timestamp(column.type):
        if column.type.tz is not None:
            column = pc.local_timestamp(column)
        if column.type.unit == "ns":
            column = pc.floor_temporal(column, unit="microsecond")
        return column.cast(kind, safe=False) if column.type.unit == "ns" else column.cast(kind)
    if pa.types.is_date64(column.type):
        return column.cast(pa.date32()).cast(kind)
    if pa.types.is_int32(column.type) and pa.types.is_temporal(kind):
        return column.cast(pa.date32()).cast(kind)
    if pa.types.is_uint64(column.type):
        # What no int64 holds is out of bounds for every column, and stays so.
        column = pc.min_element_wise(column, pa.scalar(2**63 - 1, pa.uint64()), skip_nulls=False)
    return column.cast(kind)


def _coded(raw: pa.Array) -> pa.DictionaryArray:
    chunk = plain(raw)
    if not pa.types.is_dictionary(chunk.type):
        chunk = chunk.cast(pa.string()).dictionary_encode()
    texts = chunk.dictionary if pa.types.is_string(chunk.dictionary.type) else chunk.dictionary.cast(pa.string())
    return pa.DictionaryArray.from_arrays(chunk.indices.cast(pa.int32()), texts)
