"""Signed differences of two results, row by row, and what they come to by payer, person and institution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ..engine import FUND_TYPES
from ..settling.result import NUMBERS

__all__ = ["PAYERS", "Deltas", "Ledger", "deltas_of", "ledger_of", "totals"]

Int64 = npt.NDArray[np.int64]
#: Who pays: the fund types of `Settlement.setldetail` and the mutual-aid account, with code and name.
PAYERS = {**FUND_TYPES, "acct_mulaid_pay": ("310200", "个人账户基金（共济）")}
NOT_MONEY = ("pool_prop_selfpay", "balc")
LINE_AMOUNTS = ("det_item_fee_sumamt", "fulamt_ownpay_amt", "overlmt_amt", "preselfpay_amt", "inscp_scp_amt")
LINE_FACTS = ("chrgitm_lv", "selfpay_prop", "pric_uplmt_amt", "reason")


@dataclass(frozen=True)
class Deltas:
    """What changes (docs/resettlement.md section 5): per visit, line, fund, person, institution."""

    visits: pa.Table
    lines: pa.Table
    funds: pa.Table
    persons: pa.Table
    institutions: pa.Table


@dataclass(frozen=True)
class Ledger:
    """To pay, to collect, net: by payer and person, by payer and institution, by payer."""

    persons: pa.Table
    institutions: pa.Table
    payers: pa.Table


def _text(column: Any) -> Any:
    """A column without dictionaries."""
    return column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column


def _padded(column: pa.ChunkedArray, rows: int) -> pa.ChunkedArray:
    """A column with nothing in the rows that came."""
    column = _text(column)
    return pa.chunked_array([*column.chunks, pa.nulls(rows - len(column), column.type)], column.type)


def _number(table: pa.Table, name: str, rows: int) -> Int64:
    """A column of numbers, zero in the rows that came."""
    out = np.zeros(rows, np.int64)
    values = table[name]
    out[: len(values)] = (values.fill_null(0) if values.null_count else values).to_numpy()
    return out


def changed_rows(old: pa.Table, new: pa.Table, facts: tuple[str, ...], numbers: tuple[str, ...]) -> Any:
    """(mask of rows that differ, differences by number, facts before and after by name)."""
    rows = new.num_rows
    mask = np.arange(rows) >= old.num_rows
    step, fact = {}, {}
    for name in numbers:
        step[name] = _number(new, name, rows) - _number(old, name, rows)
        mask |= step[name] != 0
    for name in facts:
        before, after = _padded(old[name], rows), _text(new[name])
        fact[f"{name}_before"], fact[f"{name}_after"] = before, after
        same = pc.or_(pc.fill_null(pc.equal(before, after), False), pc.and_(before.is_null(), after.is_null()))
        mask |= ~np.asarray(same)
    return mask, step, fact


def visit_deltas(old: pa.Table, new: pa.Table, found: Any, beside: dict[str, Any]) -> pa.Table:
    """Rows of `deltas.visits`; `found` is what `changed_rows` gives, `beside` hospital, reason and because of each row."""
    mask, step, fact = found
    at = np.flatnonzero(mask)
    rows = pa.array(at)
    kind = np.where(at >= old.num_rows, "added", "changed")
    out = {
        "setl_id": new["setl_id"].take(rows),
        "psn_no": new["psn_no"].take(rows),
        **{name: column.take(rows) for name, column in beside.items()},
        "kind": pa.array(kind.tolist(), pa.string()),
        **{name: column.take(rows) for name, column in fact.items()},
        **{name: pa.array(values[at]) for name, values in step.items()},
    }
    return pa.table(out)


def line_deltas(old: pa.Table | None, new: pa.Table | None, row: Int64, reason: Any) -> pa.Table:
    """Rows of `deltas.lines`; `row` is that of the input table, `reason` that of the visit of each line."""
    if new is None:
        return pa.table({"row": pa.array([], pa.int64()), "setl_id": pa.array([], pa.string())})
    old = new.slice(0, 0) if old is None else old
    mask, step, fact = changed_rows(old, new, LINE_FACTS, LINE_AMOUNTS)
    at = np.flatnonzero(mask)
    rows = pa.array(at)
    ids = {name: _text(new[name]).take(rows) for name in ("setl_id", "feedetl_sn") if name in new.column_names}
    kind = np.where(at >= old.num_rows, "added", "changed")
    return pa.table(
        {
            "row": pa.array(row[at]),
            **ids,
            "reason": reason.take(rows),
            "kind": pa.array(kind.tolist(), pa.string()),
            **{name: pa.array(values[at]) for name, values in step.items()},
            **{name: column.take(rows) for name, column in fact.items()},
        }
    )


def _funds(visits: pa.Table) -> pa.Table:
    parts = []
    for column, (code, name) in FUND_TYPES.items():
        rows = pc.indices_nonzero(visits[column])
        part = {
            "setl_id": visits["setl_id"].take(rows),
            "reason": visits["reason"].take(rows),
            "fund_pay_type": pa.array([code] * len(rows), pa.string()),
            "fund_pay_type_name": pa.array([name] * len(rows), pa.string()),
            "fund_payamt": visits[column].take(rows),
        }
        parts.append(pa.table(part))
    return pa.concat_tables(parts)


def _sums(visits: pa.Table, key: str) -> pa.Table:
    money = [name for name in NUMBERS if name not in NOT_MONEY]
    flat = pa.table({key: _text(visits[key]), **{name: visits[name] for name in money}})
    out = flat.group_by(key, use_threads=False).aggregate([([], "count_all"), *((name, "sum") for name in money)])
    names = [key, "visits", *money]
    return out.select([key, "count_all", *(f"{name}_sum" for name in money)]).rename_columns(names).sort_by(key)


def deltas_of(visits: pa.Table, lines: pa.Table) -> Deltas:
    """The rest of the deltas from those of visits and lines."""
    return Deltas(visits, lines, _funds(visits), _sums(visits, "psn_no"), _sums(visits, "fixmedins_code"))


def ledger_of(visits: pa.Table) -> Ledger:
    """To pay, to collect and net from the deltas of visits."""
    parts = []
    for payer, (code, name) in PAYERS.items():
        rows = pc.indices_nonzero(visits[payer])
        amount = visits[payer].take(rows).to_numpy()
        parts.append(
            pa.table(
                {
                    "payer": pa.array([payer] * len(rows), pa.string()),
                    "fund_pay_type": pa.array([code] * len(rows), pa.string()),
                    "fund_pay_type_name": pa.array([name] * len(rows), pa.string()),
                    "psn_no": _text(visits["psn_no"]).take(rows),
                    "fixmedins_code": _text(visits["fixmedins_code"]).take(rows),
                    "to_pay": pa.array(np.maximum(amount, 0)),
                    "to_collect": pa.array(np.maximum(-amount, 0)),
                    "net": pa.array(amount),
                }
            )
        )
    entries = pa.concat_tables(parts)
    named = ["payer", "fund_pay_type", "fund_pay_type_name"]
    return Ledger(*(_by(entries, [*named, *more]) for more in (["psn_no"], ["fixmedins_code"], [])))


def _by(entries: pa.Table, keys: list[str]) -> pa.Table:
    sums = ["to_pay", "to_collect", "net"]
    out = entries.group_by(keys, use_threads=False).aggregate([(name, "sum") for name in sums])
    out = out.select([*keys, *(f"{name}_sum" for name in sums)]).rename_columns([*keys, *sums])
    return out.sort_by([(name, "ascending") for name in keys])


def totals(visits: pa.Table) -> dict[str, int]:
    """What each payer pays in some results."""
    return {payer: int(pc.sum(visits[payer]).as_py() or 0) for payer in PAYERS}
