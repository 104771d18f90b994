"""Money that rules take out of lines: the lines with that part split off as denied, and the results put together again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ...columns.convert import NULL_INT
from ...columns.read import Frame

__all__ = ["Moved", "join_lines", "split_lines"]

Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Moved:
    """What leaves each input line for full self-pay: fen, and quantity in 1/10000 (0 where only the price falls)."""

    amount: Int64
    quantity: Int64

    @staticmethod
    def none(lines: int) -> Moved:
        return Moved(np.zeros(lines, np.int64), np.zeros(lines, np.int64))


@dataclass(frozen=True)
class Split:
    """Lines as the engine settles them: their columns, visit offsets if lines stand grouped, and the input row of each."""

    table: dict[str, Any]
    offsets: Int64 | None
    source: Int64


def split_lines(lines: Frame, moved: Moved, offsets: Int64 | None = None) -> Split:
    """A line of which a part moves becomes two: what stays, with its number, and right after it what is denied.

    A line that moves whole is denied as it stands. Unreadable cells stay unreadable (their visit is refused as before).
    """
    amount = lines.ints("det_item_fee_sumamt")
    whole = (moved.amount != 0) & (moved.amount == amount)
    parted = (moved.amount != 0) & ~whole
    copies = 1 + parted.astype(np.int64)
    source = np.repeat(np.arange(lines.rows, dtype=np.int64), copies)
    second = np.zeros(len(source), bool)
    second[np.cumsum(copies)[parted] - 1] = True
    first = parted[source] & ~second
    take = moved.amount[source]
    out: dict[str, Any] = {}
    for name in ("setl_id", "feedetl_sn", "init_feedetl_sn", "med_list_codg"):
        if name in lines.source:
            out[name] = lines.source[name].take(pa.array(source)) if parted.any() else lines.source[name]
    # A denied part has no number of its own: what is returned later comes off the part that stays.
    if "feedetl_sn" in out and parted.any():
        out["feedetl_sn"] = _without(out["feedetl_sn"], second)
        if "init_feedetl_sn" in out:
            out["init_feedetl_sn"] = _without(out["init_feedetl_sn"], second)
    held = amount[source]
    out["det_item_fee_sumamt"] = _held(np.where(second, take, np.where(first, held - take, held)))
    count = lines.ints("cnt")[source]
    gone = moved.quantity[source]
    unsaid = np.int64(10_000)
    count_known = np.where(count == NULL_INT, unsaid, count)
    out["cnt"] = _held(np.where(second, gone, np.where(first, count_known - gone, count)))
    if "pric" in lines.cells:
        out["pric"] = _held(np.where(first | second, NULL_INT, lines.ints("pric")[source]))
    if "fee_ocur_time" in lines.source:
        kept = lines.source["fee_ocur_time"]
        out["fee_ocur_time"] = kept.take(pa.array(source)) if parted.any() else kept
    if "hosp_appr_flag" in lines.cells:
        out["hosp_appr_flag"] = _flag(lines.flag("hosp_appr_flag", -1)[source])
    denied = lines.flag("deny_flag", 0)[source]
    out["deny_flag"] = _flag(np.where(second | whole[source], np.int8(1), denied))
    spoiled = np.zeros(lines.rows, bool)
    for name in ("cnt", "pric", "hosp_appr_flag", "deny_flag", "fee_ocur_time"):
        cells = lines.cells.get(name)
        if cells is not None and cells.bad is not None:
            spoiled |= cells.bad
    if spoiled.any():
        out["det_item_fee_sumamt"] = _held(np.where(spoiled[source], NULL_INT, np.asarray(held)))
    grown = None if offsets is None else np.concatenate(([0], np.cumsum(copies)))[offsets].astype(np.int64)
    return Split(out, grown, source)


def _held(values: Int64) -> pa.Array:
    return pa.array(values, mask=values == NULL_INT)


def _flag(values: npt.NDArray[np.int8]) -> pa.Array:
    return pa.array(values, mask=values < 0)


def _without(column: pa.ChunkedArray, gone: npt.NDArray[np.bool_]) -> pa.ChunkedArray:
    import pyarrow.compute as pc

    flat = column.combine_chunks()
    return pa.chunked_array([pc.if_else(pa.array(gone), pa.scalar(None, flat.type), flat)])


def join_lines(table: pa.Table, source: Int64, lines: Frame) -> pa.Table:
    """Line results of split lines, one row an input line again: money added, class, ratio and cap of the part that stayed."""
    if len(source) == lines.rows:
        return table
    first = np.flatnonzero(np.diff(source, prepend=-1))
    out = table.take(pa.array(first))
    for name in ("det_item_fee_sumamt", "fulamt_ownpay_amt", "overlmt_amt", "preselfpay_amt", "inscp_scp_amt"):
        total = np.add.reduceat(np.asarray(table[name]), first)
        out = out.set_column(out.column_names.index(name), name, pa.array(total))
    return out
