"""Exact scalars: written text into fen, ppm, days and whole numbers. No binary float, no guessing.

Every function takes text and gives an int, or raises ScalarError with what was expected (English and Chinese).
"""

from __future__ import annotations

import datetime as _dt
import re

__all__ = [
    "MONEY_UNITS",
    "PPM",
    "ScalarError",
    "date_text",
    "days",
    "fen",
    "fen_text",
    "month_day",
    "ppm",
    "ppm_text",
    "whole",
]

PPM = 1_000_000
MONEY_UNITS = {"fen": 1, "jiao": 10, "yuan": 100, "wan": 1_000_000}
"""Money unit → fen."""

_LIMIT = 1 << 62  # amounts travel as int64; half of it leaves room for sums of two
_NUMBER = re.compile(r"(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?\Z")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_EPOCH = _dt.date(1970, 1, 1).toordinal()


class ScalarError(ValueError):
    """A scalar that cannot be read exactly; `en` and `zh` say what was expected."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.en = en
        self.zh = zh


def _scaled(text: str, scale: int) -> int | None:
    """text × scale when that is a whole number, None when decimals are left. Raises ValueError on bad text."""
    found = _NUMBER.match(text)
    if found is None:
        raise ValueError(text)
    sign, integer, decimals = found.groups()
    decimals = (decimals or "").rstrip("0")
    numerator = int(integer + decimals) * scale
    value, rest = divmod(numerator, 10 ** len(decimals))
    if rest:
        return None
    return -value if sign else value


def _why(text: str) -> tuple[str, str]:
    if re.match(r"-?0[0-9]", text):
        return " (a leading zero)", "（有前导零）"
    if "," in text or "_" in text:
        return " (write it without separators)", "（不要写千分位分隔符）"
    if re.match(r"-?[0-9.]+[eE]", text):
        return " (write it without an exponent)", "（不要用科学计数法）"
    return "", ""


def fen(text: str, unit: str = "yuan") -> int:
    """Money text in `unit` (fen, jiao, yuan, wan) → fen. More than two decimals of a yuan is an error."""
    scale = MONEY_UNITS[unit]
    try:
        value = _scaled(text, scale)
    except ValueError:
        en, zh = _why(text)
        raise ScalarError(
            f"expected money in {unit}, such as 1300 or 1300.50, found {text!r}{en}",
            f"应为以 {unit} 计的金额，如 1300 或 1300.50，实为 {text!r}{zh}",
        ) from None
    if value is None:
        raise ScalarError(
            f"money is exact to the fen (2 decimals of a yuan), found {text!r} {unit}",
            f"金额精确到分（元后两位），实为 {text!r} {unit}",
        )
    if abs(value) >= _LIMIT:
        raise ScalarError(f"{text!r} {unit} is too large for 64 bits", f"{text!r} {unit} 超出 64 位整数")
    return value


def ppm(text: str) -> int:
    """Rate text, `0.85` or `85%`, → millionths. More than six decimals of 1 is an error; no range is checked."""
    percent = text.endswith("%")
    try:
        value = _scaled(text[:-1] if percent else text, PPM // 100 if percent else PPM)
    except ValueError:
        en, zh = _why(text)
        raise ScalarError(
            f"expected a rate, such as 0.85 or 85%, found {text!r}{en}",
            f"应为比例，如 0.85 或 85%，实为 {text!r}{zh}",
        ) from None
    if value is None:
        raise ScalarError(
            f"a rate has at most 6 decimals (4 of a percent), found {text!r}",
            f"比例最多 6 位小数（百分数 4 位），实为 {text!r}",
        )
    if abs(value) >= 1 << 40:
        raise ScalarError(f"{text!r} is too large for a rate", f"{text!r} 作为比例过大")
    return value


def days(text: str) -> int:
    """`YYYY-MM-DD` → days since 1970-01-01."""
    try:
        if not _DATE.match(text):
            raise ValueError
        return _dt.date.fromisoformat(text).toordinal() - _EPOCH
    except ValueError:
        raise ScalarError(
            f"expected a date YYYY-MM-DD, found {text!r}", f"应为日期 YYYY-MM-DD，实为 {text!r}"
        ) from None


def month_day(text: str) -> tuple[int, int]:
    """`MM-DD` → (month, day); 02-29 is refused, since most years do not have it."""
    try:
        if not re.match(r"[0-9]{2}-[0-9]{2}\Z", text):
            raise ValueError
        day = _dt.date.fromisoformat(f"2023-{text}")
    except ValueError:
        raise ScalarError(
            f"expected a day of the year MM-DD, found {text!r}", f"应为月-日 MM-DD，实为 {text!r}"
        ) from None
    return day.month, day.day


def whole(text: str, least: int | None = None, most: int | None = None) -> int:
    """A whole number, within `least` and `most` (both included) when given."""
    if not re.match(r"-?(0|[1-9][0-9]{0,17})\Z", text):
        en, zh = _why(text)
        raise ScalarError(f"expected a whole number, found {text!r}{en}", f"应为整数，实为 {text!r}{zh}")
    value = int(text)
    if least is not None and value < least:
        raise ScalarError(f"expected at least {least}, found {text}", f"应不小于 {least}，实为 {text}")
    if most is not None and value > most:
        raise ScalarError(f"expected at most {most}, found {text}", f"应不大于 {most}，实为 {text}")
    return value


def _decimal_text(value: int, scale_digits: int, least_digits: int = 0) -> str:
    sign = "-" if value < 0 else ""
    integer, decimals = divmod(abs(value), 10**scale_digits)
    tail = f"{decimals:0{scale_digits}d}".rstrip("0")
    tail = tail.ljust(least_digits, "0") if tail else ""
    return f"{sign}{integer}.{tail}" if tail else f"{sign}{integer}"


def fen_text(value: int) -> str:
    """Fen → yuan text that `fen` reads back: 130050 → `1300.50`, 130000 → `1300`."""
    return _decimal_text(value, 2, 2)


def ppm_text(value: int) -> str:
    """Ppm → rate text that `ppm` reads back: 850000 → `0.85`."""
    return _decimal_text(value, 6)


def date_text(value: int) -> str:
    """Days since 1970-01-01 → `YYYY-MM-DD`."""
    return _dt.date.fromordinal(value + _EPOCH).isoformat()
