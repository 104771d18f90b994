"""Insured persons: households, ages, categories, identities, accounts, and changes during the year."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from . import draw
from .draw import NO_DAY, Bools, Draw, Ints
from .plan import PERSON_BLOCK, Plan

Days = npt.NDArray[np.int32]

TYPES = ("1101", "1102", "1103", "1201", "1202", "1203", "1401", "1402", "1403", "1404", "1501", "1601")
IDENTITIES = ("2301", "2302", "2303", "2304", "2305", "2306", "2308", "2104")
_IDENTITY_WEIGHTS = (2, 8, 55, 12, 10, 5, 6, 2)
_IDENTITY_SHARE = {True: 0.006, False: 0.06}  # employees, everybody else
HOUSEHOLD_SIZES = (25.4, 29.7, 21.0, 13.2, 6.2, 3.0, 1.5)  # of 1, 2, … 7 members
RETIRED_SHARE = 0.27
KEPT, RETIRES, IDENTITY_BEGINS, IDENTITY_ENDS, LEAVES, JOINS = range(6)
ALWAYS = 10957  # 2000-01-01, before every year of a city


@dataclass(slots=True)
class People:
    """Persons of one block (or of a part of one), one value a person; days count from 1970-01-01.

    ``change`` says what happens on ``change_day``; ``number`` is the person's number in the city; ``mulaid`` the number of the
    person whose account helps, −1 nobody.
    """

    number: Ints
    scheme: Ints
    joined: Ints
    gend: Ints
    brdy: Days
    begin: Days
    kind: Ints
    later_kind: Ints
    identity: Ints
    change: Ints
    change_day: Days
    household: Ints
    household_size: Ints
    months: Ints
    grade: Ints
    wage: Ints
    balance: Ints
    mulaid: Ints
    chronic: Ints
    weight: Ints
    age: Ints

    def part(self, first: int, last: int) -> People:
        """The same for the persons first … last − 1 of this block."""
        return People(**{name: getattr(self, name)[first:last] for name in self.__slots__})

    def __len__(self) -> int:
        return len(self.number)


@dataclass(frozen=True, slots=True)
class _Tables:
    sizes: Ints
    active_age: Ints
    retired_age: Ints
    adult_age: Ints
    old_age: Ints
    wage: Ints
    pension: Ints
    balance: Ints
    identities: Ints
    active: Ints
    frailty: Ints


@lru_cache(1)
def _tables() -> _Tables:
    def ages(first: int, weights: tuple[float, ...]) -> Ints:
        """Five-year groups from ``first``, flat inside a group."""
        return draw.weighted(range(first, first + 5 * len(weights)), [w for w in weights for _ in range(5)])

    return _Tables(
        sizes=draw.weighted(range(1, 8), HOUSEHOLD_SIZES),
        active_age=ages(20, (6, 12, 16, 18, 15, 13, 12, 8)),
        retired_age=ages(50, (10, 16, 20, 20, 15, 10, 6, 2, 1)),
        adult_age=ages(18, (7, 9, 12, 13, 12, 13, 18, 16)),
        old_age=ages(60, (28, 27, 21, 13, 7, 3, 1)),
        wage=draw.lognormal(9_600_000, 0.55, 3_000_000, 500_000_000),
        pension=draw.lognormal(4_200_000, 0.35, 1_500_000, 100_000_000),
        balance=draw.lognormal(180_000, 1.3, 0, 50_000_000),
        identities=draw.weighted(range(len(IDENTITIES)), _IDENTITY_WEIGHTS),
        active=draw.weighted((0, 1, 2), (78, 9, 13)),
        frailty=draw.weighted((1, 2, 4, 8, 16), (40, 30, 18, 9, 3)),
    )


def people(plan: Plan, block: int) -> People:
    """Persons of one block of the city."""
    n = plan.block_size(block)
    d, t = Draw(plan.seed, draw.PEOPLE, block), _tables()
    start = block * PERSON_BLOCK
    ends = np.cumsum(t.sizes[d.bits(PERSON_BLOCK) >> np.uint32(20)])
    household = np.searchsorted(ends, np.arange(n), side="right")
    starts = np.concatenate(([0], ends))
    role = np.arange(n) - starts[household]
    size = np.minimum(ends, n)[household] - starts[household]
    scheme_table = draw.weighted(range(len(plan.schemes)), [s.share for s in plan.schemes], draw.FINE)
    scheme = scheme_table[d.bits(PERSON_BLOCK) >> np.uint32(16)][household]
    employee = np.array([s.employee for s in plan.schemes])[scheme]

    age, retired = _ages(d, t, n, employee, role)
    newborn = ~employee & (age == 0) & d.chance(n, 0.5)
    brdy = plan.first_day - age * 1461 // 4 - d.below(n, 365) - 1
    brdy = np.where(newborn, plan.first_day + d.below(n, plan.length), brdy).astype(np.int32)
    begin = np.where(newborn, brdy, ALWAYS).astype(np.int32)
    kind = _kinds(d, t, n, age, employee, retired, newborn)
    special = d.bits(n) < np.where(employee, *(round(_IDENTITY_SHARE[e] * 2**32) for e in (True, False)))
    identity = np.where(special, d.pick(t.identities, n), -1)
    change, change_day = _changes(plan, d, n, age, kind, employee, identity, newborn)
    income = np.where(retired, d.pick(t.pension, n), d.pick(t.wage, n)) * employee
    owners = np.flatnonzero(employee & (kind < 3))
    helped = d.chance(n, 0.06) & ~(employee & (kind < 3)) & (len(owners) > 0)
    owner = owners[d.below(n, len(owners))] if len(owners) else np.zeros(n, np.int64)
    employees = [i for i, s in enumerate(plan.schemes) if s.employee]
    illness = np.where(d.below(n, 100) < np.clip(age - 25, 1, 55), d.below(n, 1 << 20), -1)
    return People(
        number=np.arange(start, start + n),
        scheme=scheme,
        joined=np.where(change == JOINS, employees[0] if employees else 0, scheme),
        gend=1 + d.below(n, 2),
        brdy=brdy,
        begin=begin,
        kind=kind,
        later_kind=np.where(change == RETIRES, kind + 3, np.where(change == JOINS, 0, kind)),
        identity=identity,
        change=change,
        change_day=change_day,
        household=start + household,
        household_size=size,
        months=np.where(employee, np.minimum(np.maximum(age - 20, 0) * 12, 480) * (50 + d.below(n, 51)) // 100, -1),
        grade=np.where(employee, -1, (d.below(n, 100) < 35).astype(np.int64)),
        wage=income // 100 * 100,
        balance=d.pick(t.balance, n) * employee,
        mulaid=np.where(helped, start + owner, -1),
        chronic=illness,
        weight=d.pick(t.frailty, n) * (4 + np.abs(age - 15) // 4),
        age=age,
    )


def _ages(d: Draw, t: _Tables, n: int, employee: Bools, role: Ints) -> tuple[Ints, Bools]:
    """Age on 1 January and whether an employee has retired: first two of a household adult, the others mostly children."""
    retired = d.chance(n, RETIRED_SHARE) & employee
    working = np.where(retired, d.pick(t.retired_age, n), d.pick(t.active_age, n))
    adult = np.where(d.chance(n, 0.35), d.pick(t.old_age, n), d.pick(t.adult_age, n))
    child = np.where(d.chance(n, 0.8), d.below(n, 22), d.pick(t.old_age, n))
    return np.where(employee, working, np.where(role < 2, adult, child)), retired


def _kinds(d: Draw, t: _Tables, n: int, age: Ints, employee: Bools, retired: Bools, newborn: Bools) -> Ints:
    """Index into TYPES."""
    working = d.pick(t.active, n) + 3 * retired
    young = np.select([newborn | (age < 1), age < 6, age < 18], [6, 7, 8], 9)
    student = (age < 18) | ((age < 23) & d.chance(n, 0.6))
    return np.where(employee, working, np.where(student, young, np.where(age < 60, 10, 11)))


def _changes(
    plan: Plan, d: Draw, n: int, age: Ints, kind: Ints, employee: Bools, identity: Ints, newborn: Bools
) -> tuple[Ints, Days]:
    """At most one change of a person in the year, and its day."""
    roll = d.below(n, 1000)
    can_join = any(s.employee for s in plan.schemes)
    change = np.select(
        [
            employee & (kind < 3) & (age >= 50) & (roll < 60),
            (identity >= 0) & (roll < 200),
            (identity >= 0) & (roll < 400),
            roll >= 997,
            ~employee & (age >= 18) & (age < 55) & (roll >= 990) & can_join,
        ],
        [RETIRES, IDENTITY_BEGINS, IDENTITY_ENDS, LEAVES, JOINS],
        KEPT,
    )
    change[newborn] = KEPT
    day = plan.first_day + 15 + d.below(n, plan.length - 30)
    # categories change on the first of a month, identities on any day
    months = np.array([np.datetime64(f"{plan.year}-{m:02d}-01", "D").astype(np.int64) for m in range(1, 13)])
    day = np.where((change == RETIRES) | (change == JOINS), months[np.searchsorted(months, day, side="right") - 1], day)
    day = np.maximum(day, plan.first_day + 1)
    return change, np.where(change == KEPT, NO_DAY, day).astype(np.int32)


# ---------------------------------------------------------------------------------------------- tables


def psn_no(plan: Plan, number: Ints, scheme: Ints) -> pa.Array:
    """Person numbers: the 6 digits of the insured place and 16 more. A number below 0 is one that nobody has."""
    return draw.text(
        draw.prefixes([s.admdvs for s in plan.schemes])[scheme], draw.digits(np.abs(number) + 10**15 * (number < 0), 16)
    )


def person_rows(plan: Plan, who: People) -> pa.Table:
    """Rows of the table ``persons``: one a person, two where something changes during the year."""
    two = (who.change != KEPT) & (who.change != LEAVES)
    take = np.repeat(np.arange(len(who)), 1 + two)
    second = np.zeros(len(take), bool)
    second[np.flatnonzero(two) + np.cumsum(two)[two]] = True
    change, day = who.change[take], who.change_day[take]
    scheme = np.where(second, who.joined[take], who.scheme[take])
    kind = np.where(second, who.later_kind[take], who.kind[take])
    identity = who.identity[take].copy()
    identity[((change == IDENTITY_BEGINS) & ~second) | ((change == IDENTITY_ENDS) & second)] = -1
    civil = (kind == 1) | (kind == 4)
    employee = np.array([s.employee for s in plan.schemes])[scheme]
    joins = second & (change == JOINS)
    owner = who.mulaid[take]
    end = np.where(second, NO_DAY, np.where(two[take] | (change == LEAVES), day, NO_DAY)).astype(np.int32)
    # everybody's number begins with the place where they were insured first
    owner_scheme = who.scheme[np.where(owner >= 0, owner - who.number[0], 0)]
    columns = {
        "psn_no": psn_no(plan, who.number[take], who.scheme[take]),
        "begndate": draw.days(np.where(second, day, who.begin[take]).astype(np.int32)),
        "enddate": draw.days(end),
        "insutype": draw.coded(scheme, [s.insutype for s in plan.schemes]),
        "psn_type": draw.coded(kind, TYPES),
        "psn_idet_type": draw.coded(identity, IDENTITIES),
        "cvlserv_flag": draw.coded(civil.astype(np.int8), ("0", "1")),
        "cvlserv_lv": draw.coded(np.where(civil, who.number[take] % 5, -1), ("1", "2", "3", "4", "5")),
        "clct_grde": draw.coded(np.where(employee, -1, who.grade[take]), ("1", "2")),
        "cum_clct_mons": pa.array(np.where(joins, 0, who.months[take]), mask=(who.months[take] < 0) & ~joins),
        "gend": draw.coded(who.gend[take] - 1, ("1", "2")),
        "brdy": draw.days(who.brdy[take]),
        "hsld_no": draw.text(
            draw.prefixes([s.admdvs for s in plan.schemes])[who.scheme[take]], draw.digits(who.household[take], 12)
        ),
        "hsld_size": pa.array(who.household_size[take]),
        "wage": pa.array(np.where(joins, 6_000_000, who.wage[take])),
        "balc": pa.array(who.balance[take]),
        "mulaid_psn_no": draw.chosen(
            psn_no(plan, np.maximum(owner, 0), owner_scheme), np.where(owner >= 0, np.arange(len(owner)), -1)
        ),
        "insuplc_admdvs": draw.coded(scheme, [s.admdvs for s in plan.schemes]),
    }
    return pa.table(columns)


def account_rows(plan: Plan, who: People) -> pa.Table:
    """Rows of the table ``acct_events``: employees' monthly top-ups on the 5th, 2 % of the wage or by age when retired."""
    employee = np.array([s.employee for s in plan.schemes])[who.scheme]
    index = np.flatnonzero(employee) if plan.topups else np.empty(0, np.int64)
    fifth = np.array([np.datetime64(f"{plan.year}-{m:02d}-05", "D").astype(np.int32) for m in range(1, 13)], np.int32)
    person, day = np.repeat(index, 12), np.tile(fifth, len(index))
    change, at = who.change[person], who.change_day[person]
    after = (change != KEPT) & (day >= at)
    keep = ~(after & (change == LEAVES))
    person, day, after = person[keep], day[keep], after[keep]
    retired = np.where(after, who.later_kind[person], who.kind[person]) >= 3
    pension = np.where(who.age[person] >= 70, 11_000, 10_000)
    amount = np.where(retired, pension, who.wage[person] // 600)
    return pa.table(
        {
            "psn_no": psn_no(plan, who.number[person], who.scheme[person]),
            "event_date": draw.days(day),
            "kind": draw.coded(np.zeros(len(day), np.int8), ("add",)),
            "amount": pa.array(amount),
        }
    )
