"""Signed differences of two results, row by row, and what they come to by payer, person and institution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ..engine import FUND_TYPES
from ..settling.result import NUMBERS

__all__ = [
    "PAYERS",
    "Deltas",
    "Ledger",
    "deltas_of",
    "institutions_of",
    "ledger_of",
    "merged_ledger",
    "merged_sums",
    "totals",
]

Int64 = npt.NDArray[np.int64]
#: Who pays: the fund types of `Settlement.setldetail` and the mutual-aid account, with code and name.
PAYERS = {**FUND_TYPES, "acct_mulaid_pay": ("310200", "个人账户基金（共济）")}
MOVED = ("to_pay", "to_collect", "net")
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


def _number(table: pa.Table, name: str, rows: int) -> Int64:
    """A column of numbers, zero in the rows that came."""
    values = table[name]
    held = (values.fill_null(0) if values.null_count else values).to_numpy()
    return held if len(held) == rows else np.concatenate((held, np.zeros(rows - len(held), held.dtype)))


def _differ(before: pa.ChunkedArray, after: pa.ChunkedArray) -> Any:
    """Mask of cells that are not the same, whatever their dictionaries."""
    if pa.types.is_dictionary(before.type) and pa.types.is_dictionary(after.type):
        before, after = before.combine_chunks(), after.combine_chunks()
        if isinstance(before, pa.DictionaryArray) and isinstance(after, pa.DictionaryArray):
            place = {word: i for i, word in enumerate(before.dictionary.to_pylist())}
            words = after.dictionary.to_pylist()
            if len(place) == len(before.dictionary) and not before.null_count and not after.null_count:
                same = np.array([place.get(word, -1) for word in words], np.int64)
                return before.indices.to_numpy() != same[after.indices.to_numpy()]
    before, after = _text(before), _text(after)
    same = pc.or_(pc.fill_null(pc.equal(before, after), False), pc.and_(before.is_null(), after.is_null()))
    return ~np.asarray(same)


@dataclass(frozen=True)
class Changed:
    """Rows of two results that differ. `mask` by row of the new one, `steps`: the differences of numbers in all rows; `facts` by name."""

    old: pa.Table
    new: pa.Table
    mask: Any
    steps: dict[str, Int64]
    facts: tuple[str, ...]

    @property
    def rows(self) -> Int64:
        """The rows that differ."""
        return np.flatnonzero(self.mask)

    def columns(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """(kind and facts before and after, differences of numbers) of the rows that differ."""
        at = self.rows
        there = at < self.old.num_rows
        kinds = pa.array(["added", "changed"], pa.string()).take(pa.array(there.astype(np.int8)))
        words: dict[str, Any] = {}
        for name in self.facts:
            words[f"{name}_before"] = _text(self.old[name].take(pa.array(at, mask=~there)))
            words[f"{name}_after"] = _text(self.new[name].take(pa.array(at)))
        return {"kind": kinds, **words}, {name: pa.array(values[at]) for name, values in self.steps.items()}


def changed_rows(old: pa.Table, new: pa.Table, facts: tuple[str, ...], numbers: tuple[str, ...]) -> Changed:
    """What differs; further rows of the new table have come."""
    rows = new.num_rows
    mask = np.arange(rows) >= old.num_rows
    steps = {}
    for name in numbers:
        steps[name] = _number(new, name, rows) - _number(old, name, rows)
        mask |= steps[name] != 0
    held = new.slice(0, old.num_rows)
    for name in facts:
        mask[: old.num_rows] |= _differ(old[name], held[name])
    return Changed(old, new, mask, steps, facts)


def visit_deltas(found: Changed, beside: dict[str, Any]) -> pa.Table:
    """Rows of `deltas.visits`; `beside`: hospital, reason and because of each row."""
    rows = pa.array(found.rows)
    words, steps = found.columns()
    kind = words.pop("kind")
    ids = {name: found.new[name].take(rows) for name in ("setl_id", "psn_no")}
    return pa.table(
        {**ids, **{name: column.take(rows) for name, column in beside.items()}, "kind": kind, **words, **steps}
    )


def line_deltas(old: pa.Table | None, new: pa.Table | None, row: Int64, reason: Any) -> pa.Table:
    """Rows of `deltas.lines`; `row` is that of the input table, `reason` that of the visit of each line."""
    if new is None:
        return pa.table({"row": pa.array([], pa.int64()), "setl_id": pa.array([], pa.string())})
    found = changed_rows(new.slice(0, 0) if old is None else old, new, LINE_FACTS, LINE_AMOUNTS)
    rows = pa.array(found.rows)
    words, steps = found.columns()
    kind = words.pop("kind")
    ids = {name: _text(new[name].take(rows)) for name in ("setl_id", "feedetl_sn") if name in new.column_names}
    return pa.table(
        {"row": pa.array(row[found.rows]), **ids, "reason": reason.take(rows), "kind": kind, **steps, **words}
    )


def _moved(visits: pa.Table, payers: dict[str, tuple[str, str]]) -> tuple[pa.Array, Int64, dict[str, Any]]:
    """(rows, amounts, code and name of the payer) of what each payer pays more or less, payer by payer."""
    amounts = np.stack([visits[payer].to_numpy() for payer in payers])
    payer, row = np.nonzero(amounts)
    words = {"payer": list(payers), "fund_pay_type": [p[0] for p in payers.values()], "fund_pay_type_name": [p[1] for p in payers.values()]}  # fmt: skip
    told = {name: pa.array(texts, pa.string()).take(pa.array(payer)) for name, texts in words.items()}
    return pa.array(row), amounts[payer, row], told


def _funds(visits: pa.Table) -> pa.Table:
    rows, amounts, told = _moved(visits, FUND_TYPES)
    ids = {name: visits[name].take(rows) for name in ("setl_id", "reason")}
    names = {name: told[name] for name in ("fund_pay_type", "fund_pay_type_name")}
    return pa.table({**ids, **names, "fund_payamt": pa.array(amounts)})


def _sums(visits: pa.Table, key: str) -> pa.Table:
    money = [name for name in NUMBERS if name not in NOT_MONEY]
    flat = pa.table({key: _text(visits[key]), **{name: visits[name] for name in money}})
    out = flat.group_by(key, use_threads=False).aggregate([([], "count_all"), *((name, "sum") for name in money)])
    names = [key, "visits", *money]
    return out.select([key, "count_all", *(f"{name}_sum" for name in money)]).rename_columns(names).sort_by(key)


def deltas_of(visits: pa.Table, lines: pa.Table) -> Deltas:
    """The rest of the deltas from those of visits and lines."""
    return Deltas(visits, lines, _funds(visits), _sums(visits, "psn_no"), institutions_of(visits))


def institutions_of(visits: pa.Table) -> pa.Table:
    """What the deltas of visits come to by institution."""
    return _sums(visits, "fixmedins_code")


def merged_sums(parts: Sequence[pa.Table], key: str) -> pa.Table:
    """Sums by person or institution of several parts of a run, put together."""
    every = pa.concat_tables([_words(part) for part in parts], promote_options="permissive")
    names = [name for name in every.column_names if name != key]
    out = every.group_by(key, use_threads=False).aggregate([(name, "sum") for name in names])
    return out.select([key, *(f"{name}_sum" for name in names)]).rename_columns([key, *names]).sort_by(key)


def merged_ledger(parts: Sequence[pa.Table]) -> pa.Table:
    """Tables of a ledger of several parts of a run, put together."""
    every = pa.concat_tables([_words(part) for part in parts], promote_options="permissive")
    return _by(every, [name for name in every.column_names if name not in MOVED])


def _words(table: pa.Table) -> pa.Table:
    return pa.table({name: _text(table[name]) for name in table.column_names})


def ledger_of(visits: pa.Table) -> Ledger:
    """To pay, to collect and net from the deltas of visits."""
    rows, amounts, told = _moved(visits, PAYERS)
    entries = pa.table(
        {
            **told,
            **{name: _text(visits[name].take(rows)) for name in ("psn_no", "fixmedins_code")},
            "to_pay": pa.array(np.maximum(amounts, 0)),
            "to_collect": pa.array(np.maximum(-amounts, 0)),
            "net": pa.array(amounts),
        }
    )
    named = ["payer", "fund_pay_type", "fund_pay_type_name"]
    return Ledger(*(_by(entries, [*named, *more]) for more in (["psn_no"], ["fixmedins_code"], [])))


def _by(entries: pa.Table, keys: list[str]) -> pa.Table:
    sums = list(MOVED)
    out = entries.group_by(keys, use_threads=False).aggregate([(name, "sum") for name in sums])
    out = out.select([*keys, *(f"{name}_sum" for name in sums)]).rename_columns([*keys, *sums])
    return out.sort_by([(name, "ascending") for name in keys])


def totals(visits: pa.Table) -> dict[str, int]:
    """What each payer pays in some results."""
    return {payer: int(pc.sum(visits[payer]).as_py() or 0) for payer in PAYERS}
