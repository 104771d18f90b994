"""What may become known late: each change says what it does to the tables, and its reason class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pyarrow as pa

from ..catalog import Catalog
from ..columns.checkschema import checks_know
from ..columns.convert import ColumnError, is_text
from ..columns.read import Problems, to_arrow
from ..columns.schema import INSTITUTIONS, LINES, PERSONS, VISITS, Column, Table
from ..errors import Problem
from ..policy import Book
from ..policy.faults import nearest

__all__ = ["Change", "DeniedLines", "Institutions", "LateClaims", "NewCatalog", "NewPolicy", "Persons", "Refunds", "Reordered", "StruckOff", "alike", "family", "fitted", "read_changes"]  # fmt: skip


@dataclass(frozen=True, eq=False)
class LateClaims:
    """Visits and fee lines that come late; lines may also belong to visits that are there. Either may be None."""

    reason: ClassVar[str] = "late_claim"
    visits: Any = None
    lines: Any = None


@dataclass(frozen=True, eq=False)
class Refunds:
    """Reversals (refd_setl_flag 1, init_setl_id) and lines that return a line (init_feedetl_sn). Either may be None."""

    reason: ClassVar[str] = "refund"
    visits: Any = None
    lines: Any = None


@dataclass(frozen=True, eq=False)
class DeniedLines:
    """Lines (setl_id, feedetl_sn) that are denied."""

    reason: ClassVar[str] = "denied_line"
    rows: Any


@dataclass(frozen=True, eq=False)
class StruckOff:
    """Doctors (dr_code, begndate, enddate) of whose orders nothing is paid from a day on: their lines (bilg_dr_codg) are denied."""

    reason: ClassVar[str] = "denied_line"
    rows: Any


@dataclass(frozen=True, eq=False)
class Persons:
    """Rows that take the place of all rows of the persons they name."""

    reason: ClassVar[str] = "eligibility_change"
    rows: Any


@dataclass(frozen=True, eq=False)
class Institutions:
    """Rows that take the place of all rows of the institutions they name."""

    reason: ClassVar[str] = "eligibility_change"
    rows: Any


@dataclass(frozen=True, eq=False)
class Reordered:
    """Another setl_time of the visits (setl_id, setl_time)."""

    reason: ClassVar[str] = "order_change"
    rows: Any


@dataclass(frozen=True, eq=False)
class NewPolicy:
    """Another policy book: a Book, or anything an Engine takes as one."""

    reason: ClassVar[str] = "parameter_change"
    book: Book | Any


@dataclass(frozen=True, eq=False)
class NewCatalog:
    """Another catalogue: a Catalog or its folder."""

    reason: ClassVar[str] = "catalog_change"
    catalog: Catalog | Any


Change = LateClaims | Refunds | DeniedLines | StruckOff | Persons | Institutions | Reordered | NewPolicy | NewCatalog

DENIALS = Table("denied", "拒付明细", "denied lines", (Column("setl_id", "id", True), Column("feedetl_sn", "id", True)))
STRUCK = Table(
    "struck_off",
    "医师停止医保支付资格",
    "doctors struck off",
    (Column("dr_code", "id", True), Column("begndate", "date", True), Column("enddate", "date")),
)
TIMES = Table(
    "reordered", "结算时间", "times of settling", (Column("setl_id", "id", True), Column("setl_time", "time", True))
)
#: By kind of change: the parts it has, each with its table and the columns that must be there.
PARTS: dict[type, dict[str, tuple[str, tuple[str, ...]]]] = {
    LateClaims: {
        "visits": ("visits", ("setl_id", "psn_no", "setl_time", "med_type")),
        "lines": ("lines", ("setl_id", "med_list_codg", "det_item_fee_sumamt")),
    },
    Refunds: {
        "visits": ("visits", ("setl_id", "psn_no", "setl_time", "refd_setl_flag", "init_setl_id")),
        "lines": ("lines", ("setl_id", "med_list_codg", "det_item_fee_sumamt", "init_feedetl_sn")),
    },
    DeniedLines: {"rows": ("denied", ("setl_id", "feedetl_sn"))},
    StruckOff: {"rows": ("struck_off", ("dr_code", "begndate"))},
    Persons: {"rows": ("persons", ("psn_no", "insutype", "psn_type"))},
    Institutions: {"rows": ("institutions", ("fixmedins_code",))},
    Reordered: {"rows": ("reordered", ("setl_id", "setl_time"))},
    NewPolicy: {},
    NewCatalog: {},
}
OWN = {t.name: t for t in (VISITS, LINES, PERSONS, INSTITUTIONS, DENIALS, STRUCK, TIMES)}


@dataclass(frozen=True, eq=False)
class Read:
    """A change with its rows as tables under the names of the schema; `place` names it in messages."""

    change: Change
    place: str
    parts: dict[str, pa.Table]


def read_changes(
    changes: list[Change], known: Mapping[str, Table], held: Mapping[str, Sequence[str]], problems: list[Problem]
) -> list[Read]:
    """The rows of changes; columns that are unknown, missing or there twice are told. `known`: tables that an engine reads, `held`: the
    columns that the run has."""
    out = []
    for i, change in enumerate(changes):
        place = f"changes[{i}] {type(change).__name__}"
        if type(change) not in PARTS:
            kinds = ", ".join(kind.__name__ for kind in PARTS)
            problems.append(Problem(what="not a change", what_zh="不是一种变更", path=place, expected=kinds))
            continue
        parts = {}
        for part, (name, needed) in PARTS[type(change)].items():
            data = getattr(change, part)
            if data is not None:
                table = known.get(name, OWN[name])
                have = [*held.get(name, ())]
                parts[name] = _read(data, table, needed, have, f"{place}.{part}", problems)
        out.append(Read(change, place, parts))
    return out


def _read(
    data: Any, table: Table, needed: tuple[str, ...], held: list[str], place: str, problems: list[Problem]
) -> pa.Table:
    found = Problems()
    columns: dict[str, pa.ChunkedArray] = {}
    names = [column.name for column in table.columns]
    for name, column in to_arrow(data, table, found, whole=True).items():
        spec = table.find(name)
        own = spec.name if spec is not None else name
        if spec is None and name not in held and not checks_know(table.name, name):
            near = nearest(name, [*names, *held])
            problems.append(
                Problem(what=f"unknown column {name!r}", what_zh=f"未知的列 {name!r}", path=place, nearest=near)
            )
        elif own in columns:
            problems.append(
                Problem(what=f"the column {own!r} is there twice", what_zh=f"列 {own!r} 出现两次", path=place)
            )
        else:
            columns[own] = column
    problems += found.found
    for name in needed:
        if name not in columns and not found.found:
            problems.append(Problem(what=f"the column {name!r} is missing", what_zh=f"缺少列 {name!r}", path=place))
            columns[name] = pa.chunked_array([pa.nulls(len(next(iter(columns.values()), ())))])
    return pa.table(columns)


_FAMILIES = ("text", "whole", "decimal", "time", "truth")


def family(kind: pa.DataType) -> str:
    """What a type's cells are: text, whole, decimal, time, truth; else the type's own name."""
    if pa.types.is_dictionary(kind):
        return family(kind.value_type)
    tests = (is_text, pa.types.is_integer, pa.types.is_decimal, pa.types.is_temporal, pa.types.is_boolean)
    return next((name for name, test in zip(_FAMILIES, tests) if test(kind)), str(kind))


def fitted(column: pa.ChunkedArray, target: pa.DataType, kind: str) -> pa.ChunkedArray:
    """A column in the type of the one it is put under. Raises ColumnError where its cells might come to mean something else."""
    if column.type == target:
        return column
    if pa.types.is_null(column.type):
        return pa.chunked_array([pa.nulls(len(column), target)])
    ours, theirs = family(column.type), family(target)
    days = kind == "date" and {str(column.type), str(target)} == {"int32", "date32[day]"}
    if ours != theirs and not days and not (kind == "flag" and {ours, theirs} <= {"text", "whole", "truth"}):
        raise ColumnError(f"is {column.type}, that of the run is {target}")
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    value = target.value_type if pa.types.is_dictionary(target) else target
    if kind == "flag" and ours == "truth":
        column = column.cast(pa.int8())
    try:
        column = column.cast(value)
        if pa.types.is_dictionary(target):
            coded = column.combine_chunks().dictionary_encode()
            coded = coded if isinstance(coded, pa.DictionaryArray) else coded.combine_chunks()
            column = pa.chunked_array(
                [pa.DictionaryArray.from_arrays(coded.indices.cast(target.index_type), coded.dictionary)]
            )
    except pa.ArrowException as error:
        raise ColumnError(f"does not go into {target}, the type of the run's: {error}") from None
    return column


def alike(table: pa.Table, rows: pa.Table, schema: Table) -> tuple[pa.Table, pa.Table, dict[str, ColumnError]]:
    """A table and rows for it with the same columns, in the types of the table; what only one has is missing in the other. The errors are
    those of columns that do not fit, which are left out."""  # fmt: skip
    ours: dict[str, pa.ChunkedArray] = {}
    theirs: dict[str, pa.ChunkedArray] = {}
    wrong: dict[str, ColumnError] = {}
    for name in dict.fromkeys((*table.column_names, *rows.column_names)):
        spec = schema.find(name)
        own = table[name] if name in table.column_names else None
        if own is None or pa.types.is_null(own.type):
            kind = rows[name].type if name in rows.column_names else pa.null()
            own = pa.chunked_array([pa.nulls(table.num_rows, kind)])
        try:
            came = rows[name] if name in rows.column_names else pa.chunked_array([pa.nulls(rows.num_rows)])
            theirs[name] = fitted(came, own.type, "" if spec is None else spec.kind)
            ours[name] = own
        except ColumnError as error:
            wrong[name] = error
    return pa.table(ours), pa.table(theirs), wrong
