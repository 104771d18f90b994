"""An external ledger as money in fen: its columns found, its amounts read exactly, everything wrong told at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..columns.ids import flat
from ..columns.read import Problems, to_arrow
from ..columns.schema import Table
from ..errors import InputError, Problem
from ..policy.faults import nearest
from ..settling.result import NUMBERS
from .deltas import NOT_MONEY

__all__ = ["MONEY", "NATURES", "Outside", "id_texts", "read_outside"]

Int64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
MONEY = tuple(name for name in NUMBERS if name not in NOT_MONEY)
NATURES = ("fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt")
LEDGER = Table("external", "外部结算台账", "external ledger", ())
UNITS = {"yuan": 100, "fen": 1}
LARGEST = 2**53  # fen; beyond, floats are not whole fen and sums may not fit


@dataclass(frozen=True)
class Outside:
    """A ledger read: ids as text, and for each of our columns the fen and where there is an amount; whose visits they are if it says so."""

    ids: list[str]
    fen: dict[str, Int64]
    has: dict[str, Mask]
    people: list[str | None] | None = None


def id_texts(column: Any) -> list[str | None]:
    """Ids as text; blank ones are missing."""
    out = []
    for value in column.to_pylist():
        text = None if value is None else str(value).strip()
        out.append(text or None)
    return out


def read_outside(
    external: Any, columns: Mapping[str, str] | None, key: str, unit: str, person: str | None = None
) -> Outside:
    """Read a ledger (docs/reconcile.md section 1). Raises InputError with everything that is wrong."""
    faults: list[Problem] = []
    if unit not in UNITS:
        faults.append(
            Problem(what=f"no unit {unit!r}", what_zh=f"没有单位 {unit!r}", path="unit", expected="yuan, fen")
        )
    found = Problems()
    if isinstance(external, Mapping):
        external = _table(external, found)
    cells = {} if found.found else to_arrow(external, LEDGER, found)
    faults += found.found
    chosen = {} if found.found and columns is None else _chosen(cells, columns, faults)
    for name in (key, *chosen.values(), *([] if person is None else [person])):
        if name not in cells and not found.found:
            what, zh = f"the ledger has no column {name!r}", f"外部台账没有列 {name!r}"
            faults.append(
                Problem(what=what, what_zh=zh, path="external", nearest=nearest(name, cells), expected=", ".join(cells))
            )
    ids = id_texts(cells[key]) if key in cells else []
    for row, one in enumerate(ids):
        if one is None:
            faults.append(
                Problem(what="the id is missing", what_zh="缺少结算编号", path=f"external.{key}", row=row + 1)
            )
    fen, has = {}, {}
    for ours, theirs in chosen.items():
        if theirs in cells:
            fen[ours], has[ours] = _amounts(flat(cells[theirs]), UNITS.get(unit, 1), f"external.{theirs}", faults)
    if faults:
        raise InputError(faults)
    whose = person or next((name for name in ("psn_no", "PSN_NO") if name in cells), None)
    return Outside([str(one) for one in ids], fen, has, None if whose is None else id_texts(cells[whose]))


def _table(columns: Mapping[Any, Any], found: Problems) -> pa.Table | None:
    """A mapping of columns as a table; each that cannot be read is told."""
    out = {}
    for name, values in columns.items():
        try:
            out[str(name)] = values if isinstance(values, (pa.Array, pa.ChunkedArray)) else pa.array(values)
        except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
            found.add(f"the column could not be read: {error}", f"external.{name}")
    lengths = {name: len(column) for name, column in out.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} {rows}" for name, rows in lengths.items())
        found.add(f"columns have different lengths: {told}", "external")
    return None if found.found else pa.table(out)


def _chosen(cells: Mapping[str, Any], columns: Mapping[str, str] | None, faults: list[Problem]) -> dict[str, str]:
    """Our column → theirs."""
    if columns is None:
        out = {}
        for ours in MONEY:
            theirs = next((name for name in (ours, ours.upper()) if name in cells), None)
            if theirs is not None:
                out[ours] = theirs
        if not out:
            faults.append(
                Problem(
                    what="the ledger has no money column under our names: give columns=",
                    what_zh="外部台账没有与本系统同名的金额列：请给出 columns=",
                    path="columns",
                )
            )
        return out
    if not columns:
        faults.append(Problem(what="no column to compare", what_zh="没有要比较的列", path="columns"))
    for ours in columns:
        if ours not in MONEY:
            what, zh = f"the results have no money column {ours!r}", f"结算结果中没有金额列 {ours!r}"
            near = nearest(str(ours), MONEY)
            faults.append(Problem(what=what, what_zh=zh, path="columns", nearest=near, expected=", ".join(MONEY)))
    return dict(columns)


def _amounts(column: pa.ChunkedArray, factor: int, path: str, faults: list[Problem]) -> tuple[Int64, Mask]:
    """(fen, where there is an amount). What cannot be read is told."""
    kind = column.type
    if pa.types.is_floating(kind):
        return _floats(column, factor, path, faults)
    known = pa.types.is_integer(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind)
    if not known and not pa.types.is_string(kind) and not pa.types.is_large_string(kind):
        faults.append(Problem(what=f"is {kind}, not money", what_zh=f"类型为 {kind}，不是金额", path=path, expected="decimal, text, float, integer", expected_zh="定点小数、文本、浮点数或整数"))  # fmt: skip
        return np.zeros(len(column), np.int64), np.zeros(len(column), bool)
    fen, has = np.zeros(len(column), np.int64), np.zeros(len(column), bool)
    for row, value in enumerate(column.to_pylist()):
        if value is None or (isinstance(value, str) and not value.strip()):
            continue
        try:
            amount = Decimal(value) * factor
            whole = int(amount) if amount.is_finite() and abs(amount) < LARGEST else None
        except InvalidOperation:
            amount, whole = Decimal(0), None
        if whole is None or whole != amount:
            _refuse(value, path, row, faults)
            continue
        fen[row], has[row] = whole, True
    return fen, has


def _floats(column: pa.ChunkedArray, factor: int, path: str, faults: list[Problem]) -> tuple[Int64, Mask]:
    missing = np.asarray(column.is_null())
    values = np.asarray(column.fill_null(0.0).to_numpy(), np.float64)
    missing |= np.isnan(values)  # data frames have no other way to say so
    step = np.spacing(np.abs(column.fill_null(0.0).to_numpy())).astype(np.float64)
    with np.errstate(invalid="ignore"):
        near = np.rint(values * factor)
        good = np.abs(values - near / factor) <= np.maximum(1e-6 / factor, step)
        good &= np.abs(near) < LARGEST
    for row in np.flatnonzero(~good & ~missing).tolist():
        _refuse(float(values[row]), path, row, faults)
    has = good & ~missing
    return np.where(has, near, 0).astype(np.int64), has


def _refuse(value: Any, path: str, row: int, faults: list[Problem]) -> None:
    what, zh = f"{value!r} is not an amount in whole fen", f"{value!r} 不是整分的金额"
    faults.append(Problem(what=what, what_zh=zh, path=path, row=row + 1))
