"""Arrow tables out of the kernel's columns."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from .. import _core
from ..columns.convert import NULL_INT
from ..errors import InputError, Problem
from ..policy.faults import nearest
from ..policy.vocabulary import PAYERS
from .earlier import reversal_names
from .events import REASONS

if TYPE_CHECKING:
    from .job import Job

__all__ = ["NUMBERS", "detail_table", "line_table", "number_of", "visit_table", "wanted_bits"]

OUTCOMES = ("settled", "no_benefit", "not_enrolled", "rejected")
LINE_REASONS = ("", "denied", "not_approved", "unknown_item", "class_c", "no_ratio")
CLASSES = ("", "01", "02", "03")
FIRST = ("outcome", "reason", "flags", "policy_id", "plan_id")


def _numbers() -> tuple[str, ...]:
    order = [*_core.LAYOUT["columns"]]
    order.insert(order.index("act_pay_dedc") + 1, order.pop(order.index("pool_prop_selfpay")))
    order.insert(order.index("psn_cash_pay") + 1, order.pop(order.index("balc")))
    return tuple(order)


#: Columns of numbers of a visit, as results have them.
NUMBERS = _numbers()


def wanted_bits(names: Collection[str]) -> int:
    """A bit each column, as the kernel counts them. Raises InputError with every name that is none."""
    wrong = [name for name in names if name not in NUMBERS]
    if wrong:
        raise InputError(
            Problem(
                what=f"the results have no column of numbers {name!r}",
                what_zh=f"结果中没有数值列 {name!r}",
                path="columns",
                expected=", ".join(NUMBERS),
                nearest=nearest(str(name), NUMBERS),
            )
            for name in wrong
        )
    return sum(1 << _core.LAYOUT["columns"].index(name) for name in set(names))


def number_of(answer: dict[str, Any], name: str) -> Any:
    """One column of the kernel's numbers, by visit; None where nobody wrote it."""
    return answer["columns"][_core.LAYOUT["columns"].index(name)]


def _words(index: Any, words: Any) -> pa.DictionaryArray:
    """Indices of ours as a dictionary column: none is beyond the words, and that is not asked again."""
    if index.dtype == np.uint8 and not index.any():
        wide = np.zeros(len(index), np.int32)
    else:
        wide = index.astype(np.int32, copy=False)
    return pa.DictionaryArray.from_arrays(pa.array(wide), pa.array(list(words), pa.string()), safe=False)


def _by_plan(numbers: list[int], plan: Any, threads: int) -> Any:
    """A number of each visit by its plan, 0 without one."""
    return _core.taken(np.array([*numbers, 0], np.int32), plan, threads)


def visit_table(job: Job, answer: dict[str, Any], wanted: Collection[str] | None = None) -> pa.Table:
    """One row a visit, in input order; money in fen. `wanted`: the numbers that it has; None all."""
    outcome, reason, columns = answer["outcome"], answer["reason"], answer["columns"]
    flags = answer["flags"]
    if not job.taking_part.all():
        reason = np.where(job.taking_part, reason, job.reason)
    unsettled = outcome >= 2
    if unsettled.any():
        reason = np.where(outcome == 2, 0, reason)
        total = np.where(job.has_lines, job.line_totals[0], job._money("medfee_sumamt"))
        total = np.where(job.reversal, 0, np.where(job.priced & ~job.has_lines, 0, total))
        if columns[0] is not None:
            columns[0] = np.where(unsettled, total, columns[0])
        flags[unsettled] = 0
    # An engine knows plans of earlier batches too; words are those of this one, in an order that is not theirs.
    names = job.compiled.plan_names
    policies = list(dict.fromkeys(policy.id for policy in job.compiled.policies))
    plans = sorted({names[number][1] for number in answer["plans"]} - {""})
    place = {name: i + 1 for i, name in enumerate(plans)}
    plan = answer["plan"]
    policy_index = _by_plan([policies.index(p) + 1 for p, _ in names], plan, job.threads)
    plan_index = _by_plan([place.get(name, 0) for _, name in names], plan, job.threads)
    back = np.flatnonzero(job.reversal & ~unsettled) if job.reverses else np.zeros(0, np.int64)
    named = job.first_row[job.init[back]] if len(back) else np.zeros(0, np.int64)
    flags[back] = np.where(named >= 0, flags[np.maximum(named, 0)], 0)
    out: dict[str, Any] = {"setl_id": job.visits.source["setl_id"], "psn_no": job.visits.source["psn_no"]}
    policy_words, plan_words = ["", *policies], ["", *plans]
    if job.state is not None:
        policy_index, plan_index, policy_words, plan_words, flags = reversal_names(
            job.state, job, back, named, policy_index, plan_index, policy_words, plan_words, flags
        )
    values = (
        _words(outcome, OUTCOMES),
        _words(reason, REASONS),
        pa.array(flags),
        _words(policy_index, policy_words),
        _words(plan_index, plan_words),
    )
    out.update(zip(FIRST, values))
    for name in NUMBERS:
        if wanted is None or name in wanted:
            out[name] = pa.array(columns[_core.LAYOUT["columns"].index(name)])
    return pa.table(out)


def line_table(job: Job, answer: dict[str, Any]) -> pa.Table | None:
    """One row a fee line, in input order; lines of unsettled visits keep their split empty."""
    price = answer["price"]
    if job.lines is None or "item_class" not in price:
        return None
    out: dict[str, Any] = {
        name: job.lines.source[name] for name in ("setl_id", "feedetl_sn") if name in job.lines.source
    }
    out["det_item_fee_sumamt"] = _or_null(np.ascontiguousarray(job.lines.ints("det_item_fee_sumamt")))
    rows = _lines_of(job, np.flatnonzero(answer["outcome"] >= 2))
    for name in ("fulamt_ownpay_amt", "overlmt_amt", "preselfpay_amt", "inscp_scp_amt"):
        price[name][rows] = 0
        out[name] = pa.array(price[name])
    for name in ("item_class", "ratio", "reason"):
        price[name][rows] = 0
    price["cap"][rows] = NULL_INT
    out["chrgitm_lv"] = _words(price["item_class"], CLASSES)
    out["selfpay_prop"] = pa.array(price["ratio"])
    out["pric_uplmt_amt"] = _or_null(price["cap"])
    out["reason"] = _words(price["reason"], LINE_REASONS)
    return pa.table(out)


def _lines_of(job: Job, visits: Any) -> Any:
    """Rows of the lines of some visits."""
    begin, size = job.line_begin[visits], job.line_begin[visits + 1] - job.line_begin[visits]
    ends = np.cumsum(size)
    place = np.repeat(begin - ends + size, size) + np.arange(int(ends[-1]) if len(ends) else 0)
    return place if job.line_row is None else job.line_row[place]


def _or_null(values: Any) -> pa.Array:
    """Whole numbers of ours, without a copy."""
    there = values != NULL_INT
    nulls = len(values) - int(np.count_nonzero(there))
    bits = pa.py_buffer(np.packbits(there, bitorder="little")) if nulls else None
    return pa.Array.from_buffers(pa.int64(), len(values), [bits, pa.py_buffer(values)], nulls)


def detail_table(job: Job, answer: dict[str, Any]) -> pa.Table:
    """One row for each visit and layer that ran, in settling order."""
    fields = _core.LAYOUT["detail"]
    most = _core.MAX_LAYERS
    rows = answer["detail"].reshape(-1, most, len(fields))
    events = job.order
    counts = answer["detail_count"][events].astype(np.int64)
    settled = (answer["outcome"][job.visit_of_event[events]] < 2) & ~job.reversal[job.visit_of_event[events]]
    counts = np.where(settled, counts, 0)
    at = np.repeat(events, counts)
    step = np.arange(len(at)) - np.repeat(np.cumsum(counts) - counts, counts)
    cells = rows[at, step]
    import json

    names = [json.loads(text)[1] for text in job.compiled.layer_names]
    layers = cells[:, 0]
    ran = np.flatnonzero(np.bincount(layers, minlength=len(names))).tolist()
    words = sorted({names[k] for k in ran})
    place = np.zeros(len(names), np.int32)
    place[ran] = [words.index(names[k]) for k in ran]
    out: dict[str, Any] = {"setl_id": job.visits.source["setl_id"].take(pa.array(job.visit_of_event[at]))}
    out["layer"] = _words(place[layers], words)
    out["payer"] = _words(cells[:, 1], [*PAYERS, "acct_pay"])
    for i, name in enumerate(fields[2:], start=2):
        column = cells[:, i]
        out[name] = pa.array(column, mask=column == np.iinfo(np.int64).min)
    return pa.table(out)
