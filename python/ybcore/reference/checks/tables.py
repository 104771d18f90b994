"""Rows of the rules' tables: when they hold, from when to when they are known, where, and which of several wins; code lists."""

from __future__ import annotations

from typing import Any

from .values import RuleError, listed, open_date


class Entry:
    """One row of a table, with its place and its bounds."""

    def __init__(self, place: int, cells: dict[str, str], document: dict[str, Any]) -> None:
        self.place, self.cells = place, {k: v for k, v in cells.items() if v not in (None, "")}
        self.since = open_date(self.cells.get("from"), document.get("from"))
        self.until = open_date(self.cells.get("to"), document.get("to"))
        self.known = open_date(self.cells.get("known_since"), document.get("known_since"))
        self.dropped = open_date(self.cells.get("known_until"), None)
        if self.known is not None and self.dropped is not None and self.dropped <= self.known:
            raise RuleError(f"known_until {self.cells['known_until']} is not after known_since: the row is never known")
        self.region, self.level = self.cells.get("region") or document.get("region"), self.cells.get("level")
        self.region = None if self.region == "*" else self.region

    @property
    def never(self) -> bool:
        return self.since is not None and self.until is not None and self.until <= self.since

    @property
    def specificity(self) -> tuple[int, bool]:
        return len(self.region or ""), self.level is not None

    def in_force(self, day: int) -> bool:
        return (self.since is None or self.since <= day) and (self.until is None or day < self.until)

    def known_then(self, known_at: int | None) -> bool:
        """Without a day: what is known in the end, so nothing that was corrected."""
        if known_at is None:
            return self.dropped is None
        return (self.known is None or self.known <= known_at) and (self.dropped is None or known_at < self.dropped)

    def holds(self, day: int, known_at: int | None) -> bool:
        return self.in_force(day) and self.known_then(known_at)

    def overlaps(self, other: Entry) -> bool:
        """Whether both hold on one day as it is known on one day."""
        met = share((self.since, self.until), (other.since, other.until))
        return (
            met and not (self.never or other.never) and share((self.known, self.dropped), (other.known, other.dropped))
        )


def share(one: tuple[int | None, int | None], two: tuple[int | None, int | None]) -> bool:
    """Whether two half-open ranges meet; None is an open end."""
    starts, ends = [s for s, _ in (one, two) if s is not None], [e for _, e in (one, two) if e is not None]
    return not starts or not ends or max(starts) < min(ends)


class Table:
    """A named table; ``keys`` are the columns that a row is found by."""

    def __init__(self, name: str, key: Any) -> None:
        self.name, self.rows = name, list[Entry]()
        self.keys: list[str] = listed(key) if key else []
        self.found: dict[tuple[str, str], list[Entry]] = {}

    def add(self, rows: list[dict[str, str]], document: dict[str, Any]) -> None:
        for row in rows:
            self.rows.append(Entry(len(self.rows), row, document))

    def key_columns(self) -> list[str]:
        """What tells rows apart: the declared key; of pairs also both items and the scope; of operations also the group."""
        present = {column for row in self.rows for column in row.cells}
        if {"main", "included"} <= present:
            return ["main", "included", "scope"]
        if "operation_group" in present:
            return [*(self.keys or ["item"]), "operation_group"]
        return self.keys or ["med_list_codg"]

    def refuse_overlaps(self) -> None:
        """Two equally specific rows of one key may not hold on one day, as it is known on one day."""
        columns, seen = self.key_columns(), dict[tuple, list[Entry]]()
        for row in self.rows:
            seen.setdefault((*(row.cells.get(c) for c in columns), row.region, row.level), []).append(row)
        for key, rows in seen.items():
            for i, row in enumerate(rows):
                if any(row.overlaps(other) for other in rows[:i]):
                    raise RuleError(f"table {self.name!r}: two rows of {key} overlap in time")

    def having(self, column: str, value: str) -> list[Entry]:
        """Rows with one cell; looked for once, for tables do not change when they are stacked."""
        if not self.found:
            for row in self.rows:
                for name, text in row.cells.items():
                    self.found.setdefault((name, text), []).append(row)
        return self.found.get((column, value), [])

    def find(
        self, wanted: dict[str, str], day: int, region: str | None, level: str | None, known_at: int | None
    ) -> Entry | bool | None:
        """The row that wins on a day; False without one, None where a missing region or level would decide."""
        return self.winner(self.having(*next(iter(wanted.items()))), wanted, day, region, level, known_at)

    def winner(
        self,
        among: list[Entry],
        wanted: dict[str, str],
        day: int,
        region: str | None,
        level: str | None,
        known_at: int | None,
    ) -> Entry | bool | None:
        """The same of some rows."""
        rows = [
            row for row in among if all(row.cells.get(c) == v for c, v in wanted.items()) and row.holds(day, known_at)
        ]
        if (region is None and any(r.region for r in rows)) or (level is None and any(r.level for r in rows)):
            return None
        here = [
            row
            for row in rows
            if (row.region is None or (region or "").startswith(row.region)) and row.level in (None, level)
        ]
        return max(here, key=lambda row: row.specificity) if here else False


def in_list(spec: dict[str, Any], code: str) -> bool:
    """Whether a code fits a list: exactly, by prefix, or in an interval whose end takes in all that begins with it."""
    codes, match = spec.get("codes") or [], spec.get("match", "exact")
    if match == "exact":
        return code in codes
    if match == "prefix":
        return any(code.startswith(c) for c in codes)
    if match == "interval":
        return any(in_interval(c, code.encode()) for c in codes)
    raise RuleError(f"no match {match!r}")


def in_interval(interval: str, code: bytes) -> bool:
    low, _, high = interval.partition("-")
    first, last = low.encode(), (high or low).encode()
    return first <= code and (code <= last or code.startswith(last))
