"""Numbers, times and comparisons of the rule checks: integers in one unit each, three-valued truth, and the order of ids.

Quantity is 1/10000, price 1/1000000 yuan, money fen, time microseconds, dates days. True, False and None (unknown) are the three truths.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from ..numbers import calendar, date, days_of, decimal_to_int

DAY = 86_400_000_000
HOUR = 3_600_000_000
UNIT = 10_000
Truth = bool | None

COMPARATORS = {
    "more_than": lambda measure, limit: measure > limit,
    "at_least": lambda measure, limit: measure >= limit,
    "less_than": lambda measure, limit: measure < limit,
    "at_most": lambda measure, limit: measure <= limit,
}


class RuleError(ValueError):
    """A rule document that cannot be read as a whole; the text names the place."""


def compares(comparator: str | None, measure: Any, limit: Any) -> bool:
    """Whether a measure hits; a comparator that is not written down is an error, never a guess."""
    if comparator not in COMPARATORS:
        raise RuleError(f"comparator {comparator!r} is none of {', '.join(COMPARATORS)}")
    return COMPARATORS[comparator](measure, limit)


def allowance(comparator: str, limit: int) -> int:
    """The largest measure that does not hit; it may lie below 0."""
    return limit - 1 if comparator == "at_least" else limit


def figure(text: str, measure: str) -> int:
    """A figure of a document in the unit of a measure."""
    places = {"quantity": 4, "amount": 2, "price": 6, "ratio": 6}.get(measure, 0)
    return decimal_to_int(str(text), places)


def both(truths: Iterable[Truth]) -> Truth:
    """All of them: one that fails decides."""
    found = list(truths)
    return False if False in found else None if None in found else True


def either(truths: Iterable[Truth]) -> Truth:
    """One of them: one that holds decides."""
    found = list(truths)
    return True if True in found else None if None in found else False


def negated(truth: Truth) -> Truth:
    return None if truth is None else not truth


def day_of(time: int) -> int:
    return time // DAY


def listed(value: Any) -> list:
    """What may be written as one or as several."""
    return value if isinstance(value, list) else [value]


def id_key(value: Any) -> tuple[int, int, bytes]:
    """Ids go as bytes, numbers as numbers."""
    return (0, value, b"") if isinstance(value, int) else (1, 0, str(value).encode())


def open_date(text: str | None, default: str | None) -> int | None:
    """A date of a table row; None is open."""
    text = text or default
    return None if text in (None, "", "open") else date(str(text))


def completed_months(birth: int, on: int) -> int:
    b, d = calendar(birth), calendar(on)
    return (d.year - b.year) * 12 + d.month - b.month - (d.day < b.day)


def month_start(year: int, month: int) -> int:
    """First day of a month counted from 0, which may lie outside the year."""
    return days_of(dt.date(year + month // 12, month % 12 + 1, 1))


def calendar_window(unit: str, n: int, day: int, starts: str = "01-01") -> tuple[int, int]:
    """First day, and first day after, of the calendar window that a day is in."""
    d = calendar(day)
    if unit == "day":
        return day // n * n, day // n * n + n
    if unit in ("month", "quarter"):
        months = n if unit == "month" else 3 * n
        first = (d.month - 1) // months * months
        return month_start(d.year, first), month_start(d.year, min(first + months, 12))
    if unit == "year":
        return month_start(d.year // n * n, 0), month_start(d.year // n * n + n, 0)
    if unit == "insurance_year":
        month, first = (int(x) for x in starts.split("-"))
        year = d.year if (d.month, d.day) >= (month, first) else d.year - 1
        return days_of(dt.date(year, month, first)), days_of(dt.date(year + n, month, first))
    raise RuleError(f"no calendar window {unit!r}")
