"""Exact numbers: texts of the documents become integers, and one rounding division rounds everything.

Money is an integer number of fen (or, where a document has an ``exact`` rounding place, of millionths of a fen); a rate is an
integer number of millionths (ppm); a date is a number of days since 1970-01-01. No float exists in this package.
"""

from __future__ import annotations

import datetime as dt

PPM = 1_000_000
GRID = 1_000_000
_EPOCH = dt.date(1970, 1, 1).toordinal()
_UNIT_IN_FEN = {"fen": 1, "jiao": 10, "yuan": 100, "wan": 1_000_000}


class Reject(Exception):
    """The visit cannot be settled; ``reason`` is the word that stands in the column ``reason``."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def decimal_to_int(text: str, places: int) -> int:
    """``"12.5"`` with 2 places → 1250. Digits past ``places`` must be zeros."""
    text = text.strip().replace("_", "")
    sign = -1 if text.startswith("-") else 1
    whole, _, part = text.lstrip("+-").partition(".")
    if part[places:].strip("0") or not (whole + part).isdigit():
        raise ValueError(f"{text!r} is not a number with at most {places} decimals")
    return sign * int((whole or "0") + part[:places].ljust(places, "0"))


def money(text: str, unit: str = "yuan") -> int:
    """Text of an amount in ``unit`` → fen."""
    places = {"fen": 0, "jiao": 1, "yuan": 2, "wan": 6}[unit]
    return decimal_to_int(text, places)


def rate(text: str) -> int:
    """``"0.85"`` or ``"85%"`` → 850000 ppm."""
    text = text.strip()
    return decimal_to_int(text[:-1], 4) if text.endswith("%") else decimal_to_int(text, 6)


def date(text: str) -> int:
    """``"2024-01-31"`` → days since 1970-01-01."""
    return dt.date.fromisoformat(text.strip()).toordinal() - _EPOCH


def calendar(days: int) -> dt.date:
    """Days since 1970-01-01 → a calendar date."""
    return dt.date.fromordinal(days + _EPOCH)


def days_of(day: dt.date) -> int:
    """A calendar date → days since 1970-01-01."""
    return day.toordinal() - _EPOCH


def completed_years(birth: int, on: int) -> int:
    """Age in completed years on a day; somebody born on 29 February has a birthday on 1 March in other years."""
    b, d = calendar(birth), calendar(on)
    return d.year - b.year - ((d.month, d.day) < (b.month, b.day))


def round_div(numerator: int, denominator: int, mode: str = "half_up") -> int:
    """``numerator / denominator`` as an integer; the sign never changes how far a value is rounded."""
    sign = -1 if numerator < 0 else 1
    quotient, rest = divmod(abs(numerator), denominator)
    if mode == "half_up":
        quotient += 2 * rest >= denominator
    elif mode == "half_even":
        quotient += 2 * rest > denominator or (2 * rest == denominator and quotient % 2 == 1)
    elif mode == "up":
        quotient += rest > 0
    elif mode != "down":
        raise ValueError(mode)
    return sign * quotient


class Rounding:
    """What a document rounds, to what, and how; ``scale`` is how many units of money make one fen."""

    def __init__(self, spec: dict | None) -> None:
        spec = dict(spec or {})
        default_mode = spec.get("mode", "half_up")
        self.places: dict[str, tuple[str, str]] = {}
        for place in ("line", "class", "deductible", "band", "layer", "end"):
            given = spec.get(place, "exact" if place == "band" else "fen")
            to, mode = (
                (given["to"], given.get("mode", default_mode)) if isinstance(given, dict) else (given, default_mode)
            )
            self.places[place] = (to, mode)
        self.scale = GRID if any(to == "exact" for place, (to, _) in self.places.items() if place != "band") else 1

    def unit(self, to: str) -> int:
        """How many units of money one ``to`` is."""
        return 1 if to == "exact" else _UNIT_IN_FEN[to] * self.scale

    def at(self, place: str, numerator: int, denominator: int = 1) -> int:
        """``numerator / denominator`` units of money, rounded as the place says."""
        to, mode = self.places[place]
        return self.to(to, "half_up" if to == "exact" else mode, numerator, denominator)

    def to(self, to: str, mode: str, numerator: int, denominator: int = 1) -> int:
        """The same for a named unit and mode."""
        unit = self.unit(to)
        return unit * round_div(numerator, denominator * unit, mode)

    def exact(self, place: str) -> bool:
        """True when the place does not round by itself."""
        return self.places[place][0] == "exact"
