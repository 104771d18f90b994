"""Months, years and pools as the kernel takes them: who is paid together, under which figures."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ..columns.convert import NULL_INT
from ..errors import InputError, Problem
from ..policy.numbers import PPM
from .book import Clearing
from .cells import NONE, Cells, compact
from .figures import NoFigureError, holds, number
from .given import Given

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
    months: list[tuple[int, int]]  # (unit, month)
    month_of_case: Int32
    pools: list[tuple[Clearing, str, str]]  # (document, pool, period)
    pool_of_case: Int32
    balances: list[tuple[str, str, int]]  # (document, pool or method, year)
    plan: dict[str, Any] = field(default_factory=dict)


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

    def find(self, unit: Unit, name: str) -> int | None:
        """A column of the most particular row that has it; the first of several."""
        held = [
            index
            for index in self.by.get((unit.institution, unit.year), [])
            if self.rows[index][2] in ("", unit.insutype)
            and self.rows[index][3] in ("", unit.clr_type)
            and self.columns[name][index] is not None
        ]
        held.sort(key=lambda index: (not self.rows[index][2], not self.rows[index][3]))
        return self.columns[name][held[0]] if held else None


def _last_day(year: int) -> int:
    return dt.date(year, 12, 31).toordinal() - _EPOCH


def _months(day: Int32) -> tuple[Int32, int]:
    """(months since the first of all, the first: year × 12 + month − 1)."""
    if not len(day):
        return np.zeros(0, np.int32), 0
    low, high = int(day.min()), int(day.max())
    days = np.arange(low, high + 1).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return (days - days[0]).astype(np.int32)[day - low], int(days[0]) + 1970 * 12


class _Builder:
    def __init__(self, given: Given, cells: Cells) -> None:
        self.given, self.cells = given, cells
        self.quotas = _Quotas(given)
        self.problems: list[Problem] = []
        self.names = [str(v) for v in given.institutions.to_pylist()]
        self.plain = given.institutions.to_pylist()

    def values(self, unit: Unit, day: int) -> dict[str, Any]:
        """Attributes of a unit on a day."""
        row = self.given.institution_row(unit.institution, day)
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
                values = self.values(unit, day)
                for index, (held, method) in enumerate(self.cells.methods):
                    if held is document and holds(method.when, values):
                        return index if not method.by_case else None
        return None

    def year(self, unit: Unit, steps: list[int]) -> list[int]:
        """The numbers of a unit but for its months and balance."""
        document, method = self.cells.methods[unit.method]
        end = document.effective[1]
        day = min(_last_day(unit.year), end - 1 if end is not None else _last_day(unit.year))
        values = self.values(unit, day)
        target = NONE
        if not method.by_case:
            have = self.quotas.find(unit, method.pays)
            if have is None:
                who = "/".join(str(part) for part in self.key(unit))
                self.tell(f"quotas have no {method.pays} for {who}", f"quotas 中没有 {who} 的 {method.pays}")
                have = 0
            amount = method.base.amount if method.base is not None else None
            target = have if amount is None else have * number(amount, values, day)
        yearly = method.yearly
        begin = len(steps) // 2
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


def units_of(given: Given, cells: Cells) -> Units:
    """Units, months, pools and balances. Raises InputError where a quota or budget is missing."""
    build = _Builder(given, cells)
    method = np.where(cells.of >= 0, cells.method[cells.of], np.int32(-1)) if len(cells.table) else cells.of
    month, first = _months(given.day)
    paid = method >= 0
    every = bool(paid.all())
    insutype, clr_type = (given.attributes[name] for name in ("insutype", "clr_type"))
    parts = [
        (given.institution, len(build.names)),
        (insutype.of, len(insutype.values)),
        (clr_type.of, len(clr_type.values)),
        (method, len(cells.methods)),
        (month, int(month.max(initial=0)) + 1),
    ]
    if not every:
        parts = [(column[paid], size) for column, size in parts]
    of, rows = compact(parts) if len(parts[0][0]) else (np.zeros(0, np.int32), np.zeros(0, np.int64))
    found = []
    for place_of, kind, clearing, way, at in zip(*(column[rows].tolist() for column, _ in parts)):
        stamp = first + at
        found.append(
            (Unit(place_of, insutype.values[kind], clr_type.values[clearing], way, stamp // 12), stamp % 12 + 1)
        )
    extra = [(unit, number) for unit in build.given_units() for number in range(1, 13)]
    units = sorted({unit for unit, _ in (*found, *extra)}, key=build.key)
    place = {unit: index for index, unit in enumerate(units)}
    months = sorted({(place[unit], number) for unit, number in (*found, *extra)})
    index = {pair: at for at, pair in enumerate(months)}
    lut = np.array([index[place[unit], number] for unit, number in found], np.int32)
    month_of_case = lut[of] if every else np.full(len(method), -1, np.int32)
    if not every:
        month_of_case[paid] = lut[of]
    out = Units(units, months, month_of_case, [], np.zeros(0, np.int32), [])
    pool_of = _pools(build, out)
    out.pool_of_case = np.append(pool_of, np.int32(-1))[month_of_case]
    _plan(build, out)
    if build.problems:
        raise InputError(build.problems)
    return out


def _pools(build: _Builder, out: Units) -> Int32:
    """Puts the pools that have cases; the pool of each month, -1 none."""
    keys: list[tuple[str, str, str] | None] = []
    documents: dict[str, Clearing] = {}
    for unit, month in out.months:
        document, method = build.cells.methods[out.units[unit].method]
        documents[document.id] = document
        if method.pool is None:
            keys.append(None)
            continue
        year = f"{out.units[unit].year:04d}"
        by_year = document.model.pools[method.pool].period == "year"
        keys.append((document.id, method.pool, year if by_year else f"{year}-{month:02d}"))
    there = sorted({key for key in keys if key is not None})
    out.pools = [(documents[document], pool, period) for document, pool, period in there]
    place = {key: at for at, key in enumerate(there)}
    return np.array([-1 if key is None else place[key] for key in keys], np.int32)


def _budgets(build: _Builder, out: Units) -> list[int]:
    frame = build.given.frames["budgets"]
    held: dict[tuple[str, str], int] = {}
    if frame.rows:
        (pools, names), (periods, texts) = frame.code("pool") or ([], []), frame.code("period") or ([], [])
        for pool, period, budget in zip(pools, periods, frame.ints("budget").tolist()):
            key = (names[pool], texts[period])
            if key in held:
                build.tell(f"budgets have two rows for pool {key[0]}, {key[1]}", f"budgets 中 {key[0]} {key[1]} 有两行")
            held[key] = budget
    for _, pool, period in out.pools:
        if (pool, period) not in held:
            build.tell(f"budgets have no row for pool {pool}, {period}", f"budgets 中没有 {pool} {period} 的预算")
    return [held.get((pool, period), 0) for _, pool, period in out.pools]


def _plan(build: _Builder, out: Units) -> None:
    """Numbers of units, pools and balances."""
    steps: list[int] = []
    rows, ends = [], np.searchsorted([unit for unit, _ in out.months], np.arange(len(out.units) + 1))
    names: dict[int, tuple[str, str, int]] = {}
    for index, unit in enumerate(out.units):
        document, method = build.cells.methods[unit.method]
        if method.pays in ("points", "heads", "budget"):
            names[index] = (document.id, method.pool or method.id, unit.year)
    pooled = [(document.id, pool, int(period[:4])) for document, pool, period in out.pools]
    out.balances = sorted({*names.values(), *pooled})
    for index, unit in enumerate(out.units):
        try:
            numbers = build.year(unit, steps)
        except NoFigureError as error:
            who = "/".join(str(part) for part in build.key(unit))
            build.tell(f"no figure by {error} for {who}", f"{who} 没有适用的数值（按 {error}）")
            numbers = [0] * 15
        balance = out.balances.index(names[index]) if index in names else -1
        given = int(not build.cells.methods[unit.method][1].by_case)
        rows.append([*numbers, balance, int(ends[index]), int(ends[index + 1]), given, 0])
    specs = [document.model.pools[pool] for document, pool, _ in out.pools]

    def whole(values: Iterable[Any]) -> Int64:
        return np.array(list(values), np.int64)

    out.plan = {
        "units": whole(rows).reshape(-1),
        "steps": whole(steps),
        "months": whole(month for _, month in out.months),
        "balances": len(out.balances),
        "pool_budget": whole(_budgets(build, out)),
        "pool_reserve": whole(int(spec.reserve.value) for spec in specs),
        "pool_ratio": whole(int(spec.fund_ratio.value) for spec in specs),
        "pool_adds": whole(int(spec.adds == "persons") for spec in specs),
        "pool_share": whole(int(spec.remainder == "share") for spec in specs),
        "pool_grid": whole(10 ** (6 - spec.digits) for spec in specs),
        "pool_balance": np.array([out.balances.index(key) for key in pooled], np.int32),
    }
