"""Months, years and pools as the kernel takes them: who is paid together, under which figures."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from ..columns.convert import NULL_INT
from ..errors import InputError, Problem
from ..policy.numbers import PPM
from ..settling.clearing import taken
from .attributes import Codes, Combinations, combine, day_column
from .book import Clearing
from .cells import NONE, Cells
from .figures import NoFigureError, holds, number
from .given import Given
from .models import Method
from .pools import YEARS, budgets_of, pools_of_months

__all__ = ["Unit", "Units", "units_of"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
_EPOCH = dt.date(1970, 1, 1).toordinal()
_COUNTS = {"fund": 6, "fee": 4, "recognised": 5}
_ADVANCE = {"payment": 0, "items": 1, "twelfth": 2}


@dataclass(frozen=True)
class Unit:
    """A method for an institution, insutype, clr_type and year."""

    institution: int
    insutype: str
    clr_type: str
    method: int
    year: int


@dataclass
class Units:
    """Units and months in the order of the results; pools and balances; numbers for the kernel."""

    units: list[Unit]
    unit: Int64  # of each month
    month: Int64  # of each month: 1 to 12
    month_of_case: Int32
    pools: list[tuple[Clearing, str, str]]  # (document, pool, period)
    balances: list[tuple[str, str, int]]  # (document, pool or method, year)
    plan: dict[str, Any] = field(default_factory=dict)
    owners: dict[tuple[str, int], str] = field(default_factory=dict)  # (pool, year): the first document that draws it


class _Quotas:
    """What institutions have for a year."""

    def __init__(self, given: Given) -> None:
        frame = given.frames["quotas"]
        texts = []
        for name in ("insutype", "clr_type"):
            held = frame.code(name) if frame.rows else None
            texts.append(
                [""] * frame.rows if held is None else [held[1][i] if i >= 0 else "" for i in held[0].tolist()]
            )
        years = frame.ints("year").tolist() if frame.rows else []
        self.rows = list(zip(given.quota_institution.tolist(), years, *texts))
        self.columns = {
            name: [None if v == NULL_INT else v for v in frame.ints(name).tolist()] if frame.rows else []
            for name in ("budget", "heads", "score", "opt_psntime")
        }
        self.by: dict[tuple[int, int], list[int]] = {}
        for index, row in enumerate(self.rows):
            self.by.setdefault(row[:2], []).append(index)

    def twice(self) -> list[int]:
        """Rows that give again what an earlier row of the same institution, year, insutype and clr_type gives."""
        seen: set[tuple[Any, ...]] = set()
        out = []
        for index, row in enumerate(self.rows):
            gives = {(*row, name) for name, column in self.columns.items() if column[index] is not None}
            if gives & seen:
                out.append(index)
            seen |= gives
        return out

    def find(self, unit: Unit, name: str) -> int | None:
        """A column of the most particular row that has it."""
        held = [
            index
            for index in self.by.get((unit.institution, unit.year), [])
            if self.rows[index][2] in ("", unit.insutype)
            and self.rows[index][3] in ("", unit.clr_type)
            and self.columns[name][index] is not None
        ]
        held.sort(key=lambda index: (not self.rows[index][2], not self.rows[index][3]))
        return self.columns[name][held[0]] if held else None


@cache
def _last_day(year: int) -> int:
    return dt.date(year, 12, 31).toordinal() - _EPOCH


class Builder:
    def __init__(self, given: Given, cells: Cells) -> None:
        self.given, self.cells = given, cells
        self.quotas = _Quotas(given)
        self.problems: list[Problem] = []
        for index in self.quotas.twice():
            what, zh = (
                "an earlier row gives the same institution this for the year",
                "同一机构该年度的同一数值已在前面的行给出",
            )
            self.problems.append(Problem(what=what, what_zh=zh, path="quotas", row=index + 1))
        self.names = [str(v) for v in given.institutions.to_pylist()]
        self.plain = given.institutions.to_pylist()
        self.row: dict[Unit, int] = {}
        self.drawn: dict[tuple[int, str, str, int], Unit] = {}
        self.plain_method = [
            method.by_case and method.yearly is None and method.monthly is None and method.deposit is None
            for _, method in cells.methods
        ]

    def day(self, unit: Unit) -> int:
        """The last day of a unit's year, or of its document before that."""
        last, end = _last_day(unit.year), self.cells.methods[unit.method][0].effective[1]
        return last if end is None else min(last, end - 1)

    def stand(self, units: list[Unit]) -> None:
        """Finds where the institutions of units stand that have more than payments, all at once."""
        asked = [unit for unit in units if not self.plain_method[unit.method]]
        rows = self.given.institution_rows([unit.institution for unit in asked], [self.day(unit) for unit in asked])
        self.row = dict(zip(asked, rows))

    def values(self, unit: Unit, row: int) -> dict[str, Any]:
        """Attributes of a unit whose institution stands in a row, -1 none."""
        places = self.given.frames["institutions"]
        values: dict[str, Any] = {}
        for document in self.given.book:
            for name, told in document.model.attributes.items():
                values.setdefault(name, told.default)
        for name in ("hosp_lv", "fixmedins_type", "tcm_flag", *values):
            spec = places.table.find(name)
            if row < 0 or spec is None or name not in places.cells:
                continue
            if spec.kind == "code":
                of, texts = places.code(name) or (np.zeros(0, np.int32), [])
                if of[row] >= 0 and texts[of[row]]:
                    values[name] = texts[of[row]]
            else:
                have = int(places.ints(name)[row])
                values[name] = None if have == NULL_INT else have
        return values | {
            "fixmedins_code": self.names[unit.institution],
            "insutype": unit.insutype,
            "clr_type": unit.clr_type,
        }

    def tell(self, what: str, zh: str) -> None:
        self.problems.append(Problem(what=what, what_zh=zh))

    def twice(self, one: Unit, two: Unit) -> None:
        """Says that what an institution has for a year would be paid to it twice."""
        ways = " / ".join(
            f"{document.id} {method.id}" for document, method in (self.cells.methods[u.method] for u in (one, two))
        )
        who = f"{self.names[one.institution]}/{one.insutype}/{one.clr_type}/{one.year}"
        self.tell(f"what quotas have for {who} would be paid twice: {ways}", f"quotas 中 {who} 将被支付两次：{ways}")

    def key(self, unit: Unit) -> tuple[Any, ...]:
        """The order of the results."""
        document, method = self.cells.methods[unit.method]
        return (self.plain[unit.institution], unit.insutype, unit.clr_type, document.id, method.id, unit.year)

    def given_units(self) -> list[Unit]:
        """Units of heads and budgets that quotas name, whether they have cases or not."""
        out = []
        for index, (institution, year, insutype, clr_type) in enumerate(self.quotas.rows):
            have = [name for name in ("heads", "budget") if self.quotas.columns[name][index] is not None]
            if not have:
                continue
            if not insutype or not clr_type:
                who = f"row {index + 1} of quotas has {have[0]}, but no insutype or clr_type"
                self.tell(who, f"quotas 第 {index + 1} 行有 {have[0]} 而无 insutype 或 clr_type")
                continue
            unit = Unit(institution, insutype, clr_type, 0, year)
            method = self._method(unit)
            if method is not None:
                out.append(Unit(institution, insutype, clr_type, method, year))
        return out

    def _method(self, unit: Unit) -> int | None:
        day = _last_day(unit.year)
        for document in self.given.book:
            start, end = document.effective
            kin = any(unit.insutype.startswith(code) for code in document.scheme.insutype)
            if start <= day and (end is None or day < end) and kin and document.scheme.region == "*":
                values = self.values(unit, self.given.institution_rows([unit.institution], [day])[0])
                for index, (held, method) in enumerate(self.cells.methods):
                    if held is document and holds(method.when, values):
                        return index if not method.by_case else None
        return None

    def year(self, unit: Unit, steps: list[int]) -> list[int]:
        """The numbers of a unit but for its months and balance."""
        method = self.cells.methods[unit.method][1]
        begin = len(steps) // 2
        if self.plain_method[unit.method]:
            return [NONE, _COUNTS["fund"], 0, begin, begin, 0, 0, 0, NONE, NONE, NONE, _ADVANCE["payment"], PPM, 0, 0]
        day, values = self.day(unit), self.values(unit, self.row[unit])
        target = NONE
        if not method.by_case:
            have = self.quotas.find(unit, method.pays)
            if have is None:
                who = "/".join(str(part) for part in self.key(unit))
                self.tell(f"quotas have no {method.pays} for {who}", f"quotas 中没有 {who} 的 {method.pays}")
                have = 0
            drawn = self.drawn.setdefault((unit.institution, unit.insutype, unit.clr_type, unit.year), unit)
            if drawn is not unit:
                self.twice(drawn, unit)
            amount = method.base.amount if method.base is not None else None
            target = have if amount is None else have * number(amount, values, day)
        yearly = method.yearly
        savings = None if yearly is None else yearly.savings
        if yearly is not None and yearly.overrun is not None:
            for step in yearly.overrun.steps:
                steps += [NONE if step.upto is None else int(step.upto.value), number(step.fund, values, day)]
        outpatients = self.quotas.find(unit, "opt_psntime")
        monthly, deposit = method.monthly, method.deposit
        of = ("payment" if method.by_case else "twelfth") if monthly is None else monthly.of
        score = self.quotas.find(unit, "score")
        releases = (
            []
            if deposit is None or score is None
            else [int(row.share.value) for row in deposit.release if score >= row.start]
        )
        return [
            target, _COUNTS[yearly.counts if yearly is not None else "fund"], int(yearly is not None), begin, len(steps) // 2,
            int(yearly is not None and yearly.overrun is not None and yearly.overrun.reading == "part"),
            int(savings is not None), 0 if savings is None else number(savings.keeps, values, day),
            NONE if savings is None or savings.most is None else number(savings.most, values, day),
            NONE if savings is None or savings.admissions_at_most is None else int(savings.admissions_at_most.value),
            NONE if outpatients is None else outpatients,
            _ADVANCE[of], PPM if monthly is None else number(monthly.rate, values, day),
            0 if deposit is None else number(deposit.rate, values, day), releases[0] if releases else 0,
        ]  # fmt: skip


@dataclass
class _Ranks:
    """Parts of units as numbers in the order of the results: what a unit is stands in one number, and so does one of its months."""

    build: Builder
    institutions: list[int]  # rank of each
    insutypes: dict[str, int]
    clr_types: dict[str, int]
    methods: list[int]  # rank of each

    @staticmethod
    def of(build: Builder, insutypes: Iterable[str], clr_types: Iterable[str]) -> _Ranks:
        named = [(document.id, method.id) for document, method in build.cells.methods]
        kinds, clearings = (
            {text: rank for rank, text in enumerate(sorted(set(held)))} for held in (insutypes, clr_types)
        )
        return _Ranks(build, _rank(build.plain), kinds, clearings, _rank(named))

    def key(self, institution: Any, insutype: Any, clr_type: Any, method: Any, year: Any, month: Any) -> Any:
        """Of ranks, a year and a month from 0."""
        key = institution * len(self.insutypes) + insutype
        key = (key * len(self.clr_types) + clr_type) * len(self.methods) + method
        return (key * YEARS + year) * 12 + month

    def of_units(self, units: list[Unit], months: range) -> Int64:
        """Keys of all these months of some units."""
        keys = [
            self.key(
                self.institutions[one.institution], self.insutypes[one.insutype], self.clr_types[one.clr_type],
                self.methods[one.method], one.year, 0,
            )
            for one in units
        ]  # fmt: skip
        return np.add.outer(np.array(keys, np.int64), np.array(months)).reshape(-1)

    def units(self, keys: Int64) -> list[Unit]:
        """The units of some keys of months."""
        places, methods = np.argsort(self.institutions), np.argsort(self.methods)
        rest, year = np.divmod(keys // 12, YEARS)
        rest, method = np.divmod(rest, len(self.methods))
        rest, clr_type = np.divmod(rest, len(self.clr_types))
        institution, insutype = np.divmod(rest, len(self.insutypes))
        texts = list(self.insutypes), list(self.clr_types)
        parts = places[institution], insutype, clr_type, methods[method], year
        return [
            Unit(place, texts[0][kind], texts[1][clearing], way, at)
            for place, kind, clearing, way, at in zip(*(part.tolist() for part in parts))
        ]


def _rank(values: list[Any]) -> list[int]:
    """Place of each in the order of all, equal ones in one place."""
    place = {value: rank for rank, value in enumerate(sorted(set(values)))}
    return [place[value] for value in values]


def _of_cases(given: Given, cells: Cells, build: Builder, extra: list[Unit]) -> tuple[_Ranks, Combinations, Int64]:
    """Ranks, and what cases of one month and unit have in common: its key, −1 without a method."""
    day = given.day
    low, high = (int(day.min()), int(day.max())) if len(day) else (0, 0)
    stamps = np.arange(low, high + 1).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    starts = np.flatnonzero(np.diff(stamps)) + low + 1
    ways = [(None, cells.combination, (cells.method + 1).astype(np.int32))]
    methods = Codes(given.cases.rows, [-1, *range(len(cells.methods))], ways, given.threads)
    attributes = [*(given.attributes[name] for name in ("fixmedins_code", "insutype", "clr_type")), methods]
    columns = [one.column(lambda value: value) for one in attributes]
    every = combine(given.cases.rows, [*columns, day_column(day, starts.tolist())], given.threads)
    first = every.first if given.cases.rows else every.first[:0]
    insutype, clr_type, method = (one.at(first) for one in attributes[1:])
    ranks = _Ranks.of(build, [*insutype, *(u.insutype for u in extra)], [*clr_type, *(u.clr_type for u in extra)])
    stamp = stamps[day[first] - low]
    key = ranks.key(
        np.array(ranks.institutions, np.int64)[given.institution[first]] if len(first) else np.zeros(0, np.int64),
        np.array([ranks.insutypes[text] for text in insutype], np.int64),
        np.array([ranks.clr_types[text] for text in clr_type], np.int64),
        np.array([ranks.methods[way] if way >= 0 else 0 for way in method], np.int64),
        1970 + stamp // 12,
        stamp % 12,
    )
    return ranks, every, np.where(np.array(method, np.int64) >= 0, key, -1)


def units_of(given: Given, cells: Cells) -> Units:
    """Units, months, pools and balances. Raises InputError where a quota or budget is missing."""
    build = Builder(given, cells)
    extra = build.given_units()
    ranks, every, found = _of_cases(given, cells, build, extra)
    keys = np.unique(np.concatenate([found[found >= 0], ranks.of_units(extra, range(12))]).astype(np.int64))
    begin = np.flatnonzero(np.diff(keys // 12, prepend=-1))
    unit = np.repeat(np.arange(len(begin)), np.diff(np.append(begin, len(keys))))
    lut = np.where(found >= 0, np.searchsorted(keys, found), -1)
    month_of_case = taken(np.append(lut, -1).astype(np.int32), every.of, given.threads)
    out = Units(ranks.units(keys[begin]), unit, keys % 12 + 1, month_of_case, [], [])
    pool_of_month = pools_of_months(build, out)
    _plan(build, out)
    out.plan["month_pool"] = pool_of_month
    if build.problems:
        raise InputError(build.problems)
    return out


def _balance(out: Units, document: Clearing, method: Method, year: int) -> tuple[str, str, int] | None:
    """Which balance a unit's money is of: its pool's, its own where quotas have the budget, else none."""
    if method.pool is not None:
        return out.owners[method.pool, year], method.pool, year
    return None if method.by_case else (document.id, method.id, year)


def _plan(build: Builder, out: Units) -> None:
    """Numbers of units, pools and balances."""
    steps: list[int] = []
    rows, ends = [], np.searchsorted(out.unit, np.arange(len(out.units) + 1)).tolist()
    methods = build.cells.methods
    given = [int(not method.by_case) for _, method in methods]
    names = [_balance(out, *methods[unit.method], unit.year) for unit in out.units]
    pooled = [(out.owners[pool, int(period[:4])], pool, int(period[:4])) for _, pool, period in out.pools]
    out.balances = sorted({*(name for name in names if name is not None), *pooled})
    place = {name: at for at, name in enumerate(out.balances)}
    build.stand(out.units)
    for index, (unit, name) in enumerate(zip(out.units, names)):
        try:
            numbers = build.year(unit, steps)
        except NoFigureError as error:
            who = "/".join(str(part) for part in build.key(unit))
            build.tell(f"no figure by {error} for {who}", f"{who} 没有适用的数值（按 {error}）")
            numbers = [0] * 15
        balance = -1 if name is None else place[name]
        rows.append([*numbers, balance, ends[index], ends[index + 1], given[unit.method], 0])
    specs = [document.model.pools[pool] for document, pool, _ in out.pools]

    def whole(values: Iterable[Any]) -> Int64:
        return np.array(list(values), np.int64)

    out.plan = {
        "units": whole(rows).reshape(-1),
        "steps": whole(steps),
        "months": out.month,
        "balances": len(out.balances),
        "pool_budget": whole(budgets_of(build, out)),
        "pool_reserve": whole(int(spec.reserve.value) for spec in specs),
        "pool_ratio": whole(int(spec.fund_ratio.value) for spec in specs),
        "pool_adds": whole(int(spec.adds == "persons") for spec in specs),
        "pool_share": whole(int(spec.remainder == "share") for spec in specs),
        "pool_grid": whole(10 ** (6 - spec.digits) for spec in specs),
        "pool_balance": np.array([place[key] for key in pooled], np.int32),
    }
