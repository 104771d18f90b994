"""Money that rules take out of lines: the lines with that part split off as denied, and the results put together again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ...columns.convert import NULL_INT, Cells
from ...columns.ids import flat
from ...columns.read import Frame

__all__ = ["Moved", "Returned", "Split", "join_lines", "some_rows", "split_lines"]

Int64 = npt.NDArray[np.int64]
UNIT = np.int64(10_000)
CELLS = ("cnt", "pric", "hosp_appr_flag", "deny_flag", "fee_ocur_time", "det_item_fee_sumamt")
IDS = ("feedetl_sn", "init_feedetl_sn")
SOURCE = ("med_list_codg", "fee_ocur_time")


@dataclass(frozen=True)
class Returned:
    """What was returned of some lines, by rising row: fen and quantity that netting took from them."""

    rows: Int64
    amount: Int64
    quantity: Int64

    @staticmethod
    def none() -> Returned:
        """Nothing was returned."""
        nothing = np.zeros(0, np.int64)
        return Returned(nothing, nothing, nothing)

    def among(self, rows: Int64) -> Returned:
        """The same of some lines, given by rising row; rows count among these."""
        place = np.searchsorted(rows, self.rows)
        there = np.flatnonzero(np.append(rows, -1)[place] == self.rows)
        return Returned(place[there], self.amount[there], self.quantity[there])


@dataclass(frozen=True)
class Moved:
    """What leaves each input line for full self-pay: fen, and quantity in 1/10000 (0 where only the price falls)."""

    amount: Int64
    quantity: Int64
    returned: Returned

    @staticmethod
    def none(lines: int) -> Moved:
        """Nothing moves."""
        return Moved(np.zeros(lines, np.int64), np.zeros(lines, np.int64), Returned.none())

    def among(self, rows: Int64) -> Moved:
        """The same of some lines, given by rising row."""
        return Moved(self.amount[rows], self.quantity[rows], self.returned.among(rows))


@dataclass(frozen=True)
class Split:
    """Lines as the engine settles them, and the input row of each."""

    table: dict[str, Any]
    source: Int64


def some_rows(frame: Frame, rows: Int64) -> Frame:
    """Some rows of lines that were read, with the columns that `split_lines` asks for."""
    at = pa.array(rows)
    cells = {
        name: Cells(held.values[rows], None if held.bad is None else held.bad[rows], held.texts)
        for name, held in frame.cells.items()
        if name in CELLS
    }
    ids = {name: column.take(at) for name, column in frame.ids.items() if name in IDS}
    source = {name: frame.source[name].take(at) for name in SOURCE if name in frame.source}
    return Frame(frame.table, len(rows), cells, ids, source, [])


def split_lines(lines: Frame, setl_id: pa.ChunkedArray, moved: Moved) -> Split:
    """A line of which a part moves becomes two: what stays, with its number, and right after it what is denied.

    A line that moves whole is denied as it stands. Of a line that was returned in part, that part stands apart between the two, at the
    price at which it comes back: what stays is priced net. `setl_id`: the settlement of each line. Cells that cannot be read stay so.
    """
    amount = lines.ints("det_item_fee_sumamt")
    whole = (moved.amount != 0) & (moved.amount == amount)
    parted = (moved.amount != 0) & ~whole
    back = _of_parted(moved.returned, parted)
    copies = 1 + parted.astype(np.int64)
    copies[back.rows] += 1
    end = np.cumsum(copies)
    source = np.repeat(np.arange(lines.rows, dtype=np.int64), copies)
    fen, units = moved.amount[source], moved.quantity[source]  # of a denied part
    fen[end[back.rows] - 2], units[end[back.rows] - 2] = back.amount, back.quantity
    second = np.zeros(len(source), bool)
    second[end[parted] - 1] = True
    apart = second.copy()
    apart[end[back.rows] - 2] = True
    first = parted[source] & ~apart
    left, counted = amount - moved.amount, _counted(lines) - moved.quantity
    left[back.rows] -= back.amount
    counted[back.rows] -= back.quantity
    at = pa.array(source)
    out: dict[str, Any] = {"setl_id": setl_id.take(at), "med_list_codg": lines.source["med_list_codg"].take(at)}
    for name in IDS:
        if name in lines.ids:
            # Other parts have no number of their own: what is returned comes off the part that stays.
            column = flat(lines.ids[name]).combine_chunks().take(at)
            out[name] = pc.if_else(pa.array(apart), pa.scalar(None, column.type), column)

    def cells(own: Int64, stays: Int64, part: Int64) -> Int64:
        return np.where(apart, part, np.where(first, stays[source], own[source]))

    out["det_item_fee_sumamt"] = _held(np.where(_spoiled(lines)[source], NULL_INT, cells(amount, left, fen)))
    out["cnt"] = _held(cells(lines.ints("cnt"), counted, units))
    if "pric" in lines.cells:
        out["pric"] = _held(np.where(first | apart, NULL_INT, lines.ints("pric")[source]))
    if "fee_ocur_time" in lines.source:
        out["fee_ocur_time"] = lines.source["fee_ocur_time"].take(at)
    if "hosp_appr_flag" in lines.cells:
        out["hosp_appr_flag"] = _flag(lines.flag("hosp_appr_flag", -1)[source])
    out["deny_flag"] = _flag(np.where(second | whole[source], np.int8(1), lines.flag("deny_flag", 0)[source]))
    return Split(out, source)


def _of_parted(returned: Returned, parted: npt.NDArray[np.bool_]) -> Returned:
    """What was returned of the lines of which a part moves."""
    keep = parted[returned.rows] & ((returned.amount != 0) | (returned.quantity != 0))
    return Returned(returned.rows[keep], returned.amount[keep], returned.quantity[keep])


def _counted(lines: Frame) -> Int64:
    """Quantity of each line; a missing one is 1."""
    count = lines.ints("cnt")
    return np.where(count == NULL_INT, UNIT, count)


def _spoiled(lines: Frame) -> npt.NDArray[np.bool_]:
    """Lines with a cell that cannot be read: their visit is to be refused as it would have been."""
    out = np.zeros(lines.rows, bool)
    for name in CELLS:
        cells = lines.cells.get(name)
        if cells is not None and cells.bad is not None:
            out |= cells.bad
    return out


def _held(values: Int64) -> pa.Array:
    return pa.array(values, mask=values == NULL_INT)


def _flag(values: npt.NDArray[np.int8]) -> pa.Array:
    return pa.array(values, mask=values < 0)


def join_lines(table: pa.Table, source: Int64, rows: int) -> pa.Table:
    """Line results of split lines, one row an input line again: money added, the rest that of the part that stayed."""
    if len(source) == rows:
        return table
    first = np.flatnonzero(np.diff(source, prepend=-1))
    out = table.take(pa.array(first))
    for name in ("det_item_fee_sumamt", "fulamt_ownpay_amt", "overlmt_amt", "preselfpay_amt", "inscp_scp_amt"):
        total = np.add.reduceat(np.asarray(table[name]), first)
        out = out.set_column(out.column_names.index(name), name, pa.array(total))
    return out
