"""What happens on the accounts of one visit's people beside visits: rows of a table, renewals and top-ups, as accounts.py works them out for a batch."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from ..columns.convert import NULL_INT
from ..columns.schema import ACCT_EVENTS, LIMITS
from ..policy.compile import ALWAYS, CompiledBook
from .accounts import ADD, NEVER, SET, rules_on
from .people import LevelMap
from .person import Account

__all__ = ["Moves", "day_in"]

EPOCH = dt.date(1970, 1, 1).toordinal()
NAMES = tuple(column.name for column in ACCT_EVENTS.columns)
MOST_KEPT = 4096
Movement = tuple[str, int, int, int]


def day_in(cell: Any) -> int | None:
    """Days since 1970 of a cell that was found to be a date; None where there is none."""
    if cell is None or cell == "":
        return None
    return (dt.date.fromisoformat(cell[:10]) if isinstance(cell, str) else cell).toordinal() - EPOCH


class NotPlainError(Exception):
    """A number that is given as text: a batch reads it."""


class Moves:
    """Under one book. What a day's rules come to is kept by what they ask, so that it is worked out once for all people alike."""

    def __init__(self, compiled: CompiledBook) -> None:
        self.compiled = compiled
        accounts = [policy.model.accounts for policy in compiled.policies if policy.model.accounts is not None]
        self.ruled = any(a.topups or a.renew != "carried" for a in accounts)
        self.topups = any(a.topups for a in accounts)
        self.monthly = any(topup.every == "month" for a in accounts for topup in a.topups)
        self.starts = compiled.policies[0].model.year.starts
        self._known: dict[Any, tuple[str | None, list[int]]] = {}

    def of(
        self, persons: Sequence[Mapping[str, Any]] | None, events: Sequence[Mapping[str, Any]], known: Sequence[Account], last: int, people: list[tuple[str, int]], back: bool
    ) -> list[Movement] | None:  # fmt: skip
        """(psn_no, day, kind, amount) up to the day `last`, in order. `people`: (psn_no, opening balance) of whom the visit is about.

        None: a batch must say, because of a cell that is no plain one, or of a reversal (`back`) that may give money back to another account.
        """
        held = {account.psn_no: account for account in known}
        people = list(dict(people).items())  # who is named as paying for oneself is there once
        if back and not held.keys() <= {who for who, _ in people}:
            return None
        out: list[tuple[int, int, Movement]] = []
        if not self._table(events, out):
            return None
        try:
            for who, balance in people if persons is not None and self.ruled else ():
                mine = [row for row in persons or () if str(row["psn_no"]) == who]
                account = held.get(who) or Account(who, balance, balance, self._year(last), None)
                self._ruled(account, mine, last, out)
        except NotPlainError:
            return None
        out.sort(key=lambda one: one[:2])
        return [one for _, _, one in out]

    def _year(self, day: int) -> int:
        """First day of the year that a day is in."""
        date = dt.date.fromordinal(day + EPOCH)
        start = dt.date(date.year, *self.starts)
        return (start if start <= date else start.replace(year=date.year - 1)).toordinal() - EPOCH

    @staticmethod
    def _table(events: Sequence[Mapping[str, Any]], out: list[tuple[int, int, Movement]]) -> bool:
        """Rows of the table; False where one is not plainly right."""
        kinds: dict[str, type] = {}
        for row in events:
            for name, cell in row.items():
                if name in NAMES:
                    if kinds.setdefault(name, type(cell)) is not type(cell):
                        return False
                elif ACCT_EVENTS.find(str(name)) is not None:
                    return False
            cells: tuple[Any, ...] = tuple(row.get(name) for name in NAMES)
            who, when, kind, amount = cells
            plain = type(who) in (str, int) and who != "" and type(amount) is int and kind in ("add", "set")
            if not plain or type(when) not in (dt.date, dt.datetime) or not 1800 <= when.year < 2300:
                return False
            if abs(amount) > LIMITS["money"] or (isinstance(when, dt.datetime) and when.tzinfo is not None):
                return False
            if any("\ud800" <= c <= "\udfff" for c in str(who)):
                return False
            day, sets = when.toordinal() - EPOCH, kind == "set"
            out.append((day, 1 if sets else 2, (str(who), day, SET if sets else ADD, amount)))
        return True

    def _ruled(
        self, account: Account, rows: list[Mapping[str, Any]], last: int, out: list[tuple[int, int, Movement]]
    ) -> None:
        """Renewals and top-ups on each first of a month, under the row and the document that hold that day."""
        who, start = account.psn_no, account.start
        done = int(NEVER) if account.through is None else account.through
        date = dt.date.fromordinal(max(start, done) + EPOCH).replace(day=1)
        late = 0 if self.topups else 1
        while (day := date.toordinal() - EPOCH) <= last:
            new_year = self._year(day) == day
            if day - late >= start and day > done and (new_year or self.monthly):
                row = next((row for row in rows if _holds(row, day)), None)
                if row is not None:
                    renew, adds = self._on(day, row, new_year)
                    if renew is not None and start < day:
                        out.append((day, 0, (who, day, SET, account.opening if renew == "opening" else 0)))
                    out += [(day, 3, (who, day, ADD, fen)) for fen in adds]
            date = (date + dt.timedelta(31)).replace(day=1)

    def _on(self, day: int, row: Mapping[str, Any], new_year: bool) -> tuple[str | None, list[int]]:
        """(renewal if one, top-ups) of a day for who has this row."""
        compiled = self.compiled
        held: dict[str, Any] = {}
        for name, asked in compiled.attributes.items():
            if not (self.topups or name in ALWAYS):
                continue
            if asked.kind == "number":
                held[name] = _number(row, name, asked.tables, int(asked.default) if asked.default else None, day)
            else:
                held[name] = _text(row, name, asked.tables, asked.default)
        asked_fields = [name for name in compiled.fields if self.topups and name != "ipt_days"]
        numbers = {name: _number(row, name, ("persons",), None, day) for name in asked_fields}
        fields = {name: int(NULL_INT) if value is None else value for name, value in numbers.items()}
        key = (day, *held.values(), *fields.values())
        if key not in self._known:
            if len(self._known) >= MOST_KEPT:
                self._known.clear()
            self._known[key] = rules_on(compiled, held, fields, day, new_year)
        return self._known[key]


def _holds(row: Mapping[str, Any], day: int) -> bool:
    begin, end = day_in(row.get("begndate")), day_in(row.get("enddate"))
    return (begin is None or begin <= day) and (end is None or day < end)


def _text(row: Mapping[str, Any], name: str, tables: tuple[str, ...], default: str) -> str:
    own = row.get(name) if "persons" in tables else None
    if name not in ("dedc_hosp_lv", "lmtpric_hosp_lv"):
        return str(own) if own not in (None, "") else default
    if own not in (None, ""):
        return str(own)
    grade = row.get("hosp_lv") if "persons" in tables else None
    return LevelMap.get(str(grade), "0") if grade not in (None, "") else "0"


def _number(row: Mapping[str, Any], name: str, tables: tuple[str, ...], default: int | None, day: int) -> int | None:
    value = row.get(name) if "persons" in tables else None
    if name == "age":
        birth = day_in(row.get("brdy")) if "persons" in tables else None
        value = None if birth is None else _years(birth, day)
    if value is not None and type(value) is not int:
        raise NotPlainError
    return default if value is None else value


def _years(birth: int, day: int) -> int:
    """Completed years, as the kernel counts them."""
    born, now = dt.date.fromordinal(birth + EPOCH), dt.date.fromordinal(day + EPOCH)
    return now.year - born.year - ((now.month, now.day) < (born.month, born.day))
