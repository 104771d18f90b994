"""Cases and decision tables into the kernel of clearing, columns out."""

from __future__ import annotations

from typing import Any

from .. import _core

__all__ = ["KINDS", "SUMS", "WAYS", "YEAR", "clear_columns", "combined", "pay_benefits", "taken"]

KINDS = ("", "normal", "low", "high", "extreme", "incomplete", "ungrouped", "reviewed")
WAYS = ("none", "standard", "item", "held", "institution")
SUMS = (
    "psntime", "held_cases", "points", "standard", "medfee_sumamt", "med_sumfee", "fund_appy_sum", "cash_payamt", "acct_pay",
    "fund_pay_sumamt", "bydise_setl_payamt",
)  # fmt: skip
YEAR = ("target", "counted", "due", "advanced", "deposit", "released", "held", "final", "paid")


def clear_columns(plan: dict[str, Any], cases: dict[str, Any], threads: int, multiples: bool = True) -> dict[str, Any]:
    """What core/include/ybcore/clearing.hpp gives, as arrays; `code` 0 when all is well, else `row` and `sentence` say what is not.

    `multiples`: with the columns multiple and high_edge.
    """
    return _core.clear(plan, cases, threads, multiples)


def combined(rows: int, columns: list[dict[str, Any]], threads: int) -> tuple[Any, Any]:
    """(combination of each row, first row of each) of classes as core/include/ybcore/classify.hpp has them."""
    of, _, first = _core.combine_classes(rows, columns, threads)
    return of, first


def taken(table: Any, index: Any, threads: int) -> Any:
    """`table[index]` of every row, the last of the table for -1."""
    return _core.taken(table, index, threads)


def pay_benefits(rules: dict[str, Any], claims: dict[str, Any]) -> dict[str, Any]:
    """What core/include/ybcore/benefit.hpp gives, as arrays. Raises OverflowError."""
    return _core.benefits(rules, claims)
