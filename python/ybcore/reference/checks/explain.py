"""The examples of a rule; cells as they are written in cases and examples."""

from __future__ import annotations

from typing import Any

from ..numbers import date, decimal_to_int, money
from .run import Result, check
from .values import DAY

DATES = {"begndate", "enddate", "brdy"}
TIMES = {"fee_ocur_time", "begntime", "endtime", "setl_time", "diag_time", "oprn_oprt_date", "exam_time", "upld_time"}
WHOLE = {"ipt_days"}
PLACES = {
    **dict.fromkeys(("cnt", "prd_days", "sin_dos", "used_frqu", "exam_value", "open_cnt", "in_cnt", "close_cnt"), 4),
    "pric": 6,
}
MONEY = {"medfee_sumamt", "det_item_fee_sumamt"}


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


def run_examples(documents: list[dict[str, Any]]) -> list[str]:
    """Every example whose hits are not those it names, as text; a hit is named by feedetl_sn, or setl_id of a visit."""
    wrong = []
    for document in documents:
        for rule in document.get("rules") or []:
            for i, example in enumerate(rule.get("examples") or []):
                tables, clock = held_tables({k: v for k, v in example.items() if isinstance(v, list) and k != "hits"})
                catalog = tables.pop("catalog", None) or tables.pop("items", None)
                result = check(documents, tables, catalog=catalog, time_of_day=clock)
                found = sorted(offenders(result, rule["id"]))
                if found != sorted(example.get("hits") or []):
                    wrong.append(
                        f"rule {rule['id']}, example {i + 1}: hits {found}, written {example.get('hits') or []}"
                    )
    return wrong


def offenders(result: Result, rule: str) -> set[str]:
    ids = {f["jr_id"] for f in result.findings if f["rule_id"] == rule}
    rows = [d for d in result.details if d["jr_id"] in ids and d["vola_item_type"] == 1]
    return {str(d["setl_id"] if d["feedetl_sn"] is None else d["feedetl_sn"]) for d in rows}
