"""Cells as they are written in cases and examples."""

from __future__ import annotations

from typing import Any

from ..numbers import date, decimal_to_int, money
from .values import DAY

DATES = {"begndate", "enddate", "brdy"}
TIMES = {"fee_ocur_time", "begntime", "endtime", "setl_time", "diag_time", "oprn_oprt_date", "exam_time", "upld_time"}
WHOLE = {"ipt_days", "cum_clct_mons", "hsld_size"}
PLACES = {
    **dict.fromkeys(("cnt", "prd_days", "sin_dos", "used_frqu", "exam_value", "open_cnt", "in_cnt", "close_cnt"), 4),
    "pric": 6,
}
NATURES = {"fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt", "direct_amt"}
MONEY = {"medfee_sumamt", "det_item_fee_sumamt", "wage", "balc", *NATURES}


def time(text: str) -> int:
    """``2024-03-01`` or ``2024-03-01 08:30:00`` → microseconds."""
    day, _, clock = text.strip().partition(" ")
    hours, minutes, seconds = (int(x) for x in (clock or "0:0:0").split(":"))
    return date(day) * DAY + (hours * 3600 + minutes * 60 + seconds) * 1_000_000


def held(column: str, text: Any) -> Any:
    """A written cell as the reference holds it."""
    if text in (None, ""):
        return None
    if column in DATES:
        return date(text)
    if column in TIMES:
        return time(text)
    if column in WHOLE:
        return int(text)
    if column in PLACES:
        return decimal_to_int(text, PLACES[column])
    return money(text) if column in MONEY else text


def held_tables(written: dict[str, list[dict[str, str]]]) -> tuple[dict[str, Any], bool]:
    """Tables of written cells, and whether any fee line has a time of day."""
    tables = {name: [{c: held(c, v) for c, v in row.items()} for row in rows] for name, rows in written.items()}
    clock = any(":" in (row.get("fee_ocur_time") or "") for row in written.get("lines") or [])
    return tables, clock
