"""Why a row was not hit; cells as they are written in cases and examples."""

from __future__ import annotations

from typing import Any

from ..numbers import date, decimal_to_int, money
from .job import Job
from .run import Result, status
from .values import DAY
from .world import Line, Visit

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


def why_not(result: Result, rule_id: str, setl_id: Any, feedetl_sn: Any = None) -> str:
    """The first condition that failed for a line (or a visit), or that it hit."""
    rule = next((r for r in result.book.rules if r.id == rule_id), None)
    if rule is None:
        return "no such rule"
    state, reason = status(rule, result.book, result.world, result.stage)
    if state != "run":
        return f"{state}: {reason}"
    visit = result.world.by_id.get(setl_id)
    if visit is None:
        return "visit: not there, reversed, or a reversal"
    line = next((x for x in visit.given if feedetl_sn is not None and x.cells.get("feedetl_sn") == feedetl_sn), None)
    if feedetl_sn is not None and line is None:
        return "line: not there"
    if line is not None and line not in visit.lines and rule.kernel != "K15":
        return "line: nothing is left of it after returns"
    job = Job(rule, result.book, result.world, result.known_at, set())
    failed = first_failing(job, visit, line)
    return failed or standing_of(result, rule_id, line or visit)


def first_failing(job: Job, visit: Visit, line: Line | None) -> str | None:
    for name, wanted in job.rule.scope.items():
        truth = job.condition(line or visit, name, wanted)
        if not truth:
            return f"{'unknown' if truth is None else 'scope'}: {name}"
    if line is not None and job.check.get("key", "item") == "item" and job.check.get("trigger", "item") == "item":
        among = job.among(line.item, visit, line.day, line)
        if among is None or among is False:
            return f"{'unknown' if among is None else 'items'}: {line.item}"
    return None


def standing_of(result: Result, rule_id: str, unit: Line | Visit) -> str:
    kinds = [
        ("hit" if d.kind == 1 else "involved") + f": {f.jr_id}"
        for f in result.judged
        if f.rule.id == rule_id
        for d in f.details
        if d.unit is unit
    ]
    return min(kinds, default="kernel: its condition is not met")
