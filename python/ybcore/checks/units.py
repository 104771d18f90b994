"""In which unit a kernel counts: what `measure` and `limit` of a finding stand for, and how they are written for people."""

from __future__ import annotations

from typing import Any

from ..messages import yuan_text
from .linechecks import AgeTest, Attribute, ColumnMap
from .rule import Rule

__all__ = ["amount_text", "unit_of"]

WORDS: dict[str, tuple[str, str]] = {
    "quantity": ("", ""),
    "money": (" 元", " yuan"),
    "price": (" 元/单位", " yuan a unit"),
    "fraction": ("", ""),
    "days": (" 天", " days"),
    "hours": (" 小时", " hours"),
    "visits": (" 次就诊", " visits"),
    "lines": (" 条明细", " lines"),
    "items": (" 个项目", " items"),
    "institutions": (" 家机构", " institutions"),
    "columns": (" 列", " columns"),
    "place": ("", ""),
    "day": (" 天", " days"),
    "month": (" 月龄", " months"),
    "year": (" 周岁", " years"),
}
"""What follows the figure, Chinese and English."""

_DECIMALS = {"quantity": 4, "price": 6, "fraction": 6, "duration": 0}
_COUNTED = {"quantity": "quantity", "amount": "money", "count": "lines"}
_FORMS = {
    "K09": {"around_operation": "hours"},
    "K10": {"daily_dose": "quantity"},
    "K12": {"distinct": "items", "all_in": "lines", "single": "lines"},
    "K14": {"stock": "quantity", "trace": "place"},
    "K15": {"required": "columns", "sum": "money", "product": "money", "order": "duration", "delay": "duration", "unique": "place"},
}  # fmt: skip
_ONE_UNIT = {
    "K03": "price",
    "K08": "days",
    "K09": "days",
    "K10": "days",
    "K11": "money",
    "K12": "lines",
    "K13": "fraction",
}


def unit_of(rule: Rule, entry: int = -1) -> str:
    """A word of `WORDS`, `duration` (microseconds), or the empty text where measure and limit say nothing.

    `entry`: row of the rule's table; it decides where ages are given in several units.
    """
    check, kernel = rule.check, rule.kernel
    if kernel == "K01":
        return _age_unit(rule, entry)
    if kernel == "K04":
        return "quantity" if check.bundle is None else "items"
    if kernel == "K05":
        return "" if check.ratio is None else "quantity"
    if kernel == "user":
        return "" if check.comparator is None else {**_COUNTED, "count": "place"}[check.measure]
    if kernel in ("K06", "K07"):
        return _COUNTED.get(check.measure, check.measure)
    if kernel == "K12" and rule.form == "same_class" and check.column is not None:
        return "lines"
    return _FORMS.get(kernel, {}).get(rule.form) or _ONE_UNIT.get(kernel, "")


def _age_unit(rule: Rule, entry: int) -> str:
    check: Attribute = rule.check
    test = check.barred
    if check.attribute != "age" or test is None:
        return ""
    if isinstance(test, ColumnMap):
        tests: list[Any] = list(test.map.values())
        table = rule.table
        if table is not None and 0 <= entry < len(table):
            tests = [test.map.get(table.columns[test.column][entry])]
        units = {cell.unit for cell in tests if isinstance(cell, AgeTest)}
        return units.pop() if len(units) == 1 else ""
    return test.unit if isinstance(test, AgeTest) else ""


def amount_text(value: int, unit: str, lang: str) -> str:
    """A held figure as people write it: `12.5`, `1,200.00 yuan`, `3 days`. No float is made."""
    after = WORDS.get(unit, ("", ""))[lang == "en"]
    if unit == "money":
        return yuan_text(value) + after
    if unit == "duration":
        return _duration(value, lang)
    if lang == "en" and value == 1 and unit not in _DECIMALS:
        after = after.removesuffix("s")
    return _decimal(value, _DECIMALS.get(unit, 0)) + after


def _decimal(value: int, places: int) -> str:
    head, tail = divmod(abs(value), 10**places)
    text = f"{head:,}" + (f".{tail:0{places}d}".rstrip("0") if tail else "")
    return "-" + text if value < 0 else text


def _duration(micros: int, lang: str) -> str:
    """Days, hours, minutes and seconds; parts of a second are left out, as times of the interface have none."""
    seconds = abs(micros) // 1_000_000
    parts = []
    for size, zh, en in ((86_400, " 天", " d"), (3_600, " 小时", " h"), (60, " 分", " min"), (1, " 秒", " s")):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{en if lang == 'en' else zh}")
    sign = "-" if micros < 0 else ""
    return sign + (" ".join(parts) or ("0 s" if lang == "en" else "0 秒"))
