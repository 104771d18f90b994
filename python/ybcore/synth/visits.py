"""Visits of a unit of persons: who, what, when, where, and the ones that follow from others."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from . import draw
from .draw import Draw, Ints
from .people import JOINS, LEAVES, Days, People, psn_no
from .places import Places
from .plan import CHRONIC, FOLLOWING, INPATIENT, KINDS, MATERNITY, OUTPATIENT, PHARMACY, STAY, Plan

PLACES = ("local", "registered", "referred", "unregistered", "emergency", "other_province")
RLOC = ("1", "2", "3")
MED_TYPES = tuple(dict.fromkeys(kind.med_type for kind in KINDS))
#: Chronic-disease programmes (M + 5 digits). M03900 and M07801 are real; the others have the structure only.
DISEASES = (
    "M03900", "M07801", "M01600", "M04600", "M00500", "M07800", "M08300", "M02300", "M06900", "M01200",
    "M05300", "M04803", "M01102", "M02500", "M07101", "M00200", "M03200", "M06101", "M09200", "M01702",
)  # fmt: skip
BASE, REVERSAL, PARTIAL, TRANSFER, READMISSION, INTERIM = range(6)
(FINE, UNKNOWN_PERSON, DUPLICATE, NEGATIVE, NO_TIME, NO_TYPE, UNKNOWN_ORIGINAL, TWICE, TOO_EARLY) = range(9)
BAD_KINDS = (
    "unknown_person",
    "duplicate",
    "negative",
    "no_time",
    "no_med_type",
    "unknown_original",
    "reversed_twice",
    "reversed_before",
)
AWAY_SHARE = {INPATIENT: 0.07, OUTPATIENT: 0.012, PHARMACY: 0.004}
_SECONDS = 86_400


@dataclass(slots=True)
class Visits:
    """Visits of one unit in output order, one value a visit; ``source`` is the row that a following visit follows, else −1."""

    serial: Ints
    stay: Ints
    person: Ints
    kind: Ints
    role: Ints
    source: Ints
    bad: Ints
    day: Days
    second: Ints
    begin: Days
    end: Days
    institution: Ints
    place: Ints
    rloc: Ints
    illness: Ints
    account: Ints

    def gather(self, index: Ints) -> Visits:
        """Copies of some rows; ``source`` still counts in this one."""
        return Visits(**{name: getattr(self, name)[index] for name in self.__slots__})

    def take(self, order: Ints) -> Visits:
        """The same rows in another order."""
        out = self.gather(order)
        position = np.empty(len(order), np.int64)
        position[order] = np.arange(len(order))
        out.source = np.where(out.source >= 0, position[out.source], -1)
        return out

    def __len__(self) -> int:
        return len(self.serial)


@dataclass(frozen=True, slots=True)
class _Tables:
    days: Ints
    stays: Ints
    hours: Ints
    away: Ints


@lru_cache(4)
def tables(first_day: int, length: int) -> _Tables:
    # weekdays of the year: fewer visits at the end of the week; 1970-01-01 was a Thursday
    busy = (1.25, 1.15, 1.1, 1.1, 1.05, 0.75, 0.6)
    weights = [busy[(first_day + i + 3) % 7] for i in range(length)]
    stays = [
        draw.lognormal(*kind.stay, 0 if kind.stay[0] < 1 else 1, 300) if kind.stay else np.zeros(draw.SIZE, np.int64)
        for kind in KINDS
    ]
    return _Tables(
        days=draw.weighted(range(first_day, first_day + length), weights, draw.FINE),
        stays=np.concatenate(stays),
        hours=draw.weighted(range(8, 19), (9, 14, 15, 10, 5, 7, 13, 12, 8, 4, 3)),
        away=draw.weighted(range(1, 6), (35, 25, 20, 10, 10)),
    )


def visits(plan: Plan, where: Places, who: People, block: int, first: int, last: int) -> Visits:
    """All visits of the persons first … last − 1 of a block (``who`` is the whole block), in the plan's order."""
    start = int(who.number[0]) + first
    stop = int(who.number[0]) + last
    serial0 = plan.visits_before(start)
    n = plan.visits_before(stop) - serial0
    d = Draw(plan.seed, draw.VISITS, start)
    follow = {name: int(n * share + float(d.below(1, 1000)[0]) / 1000) for name, share in FOLLOWING.items()}
    extra = sum(follow.values()) + follow["partial"]
    base = _base(plan, where, who, d, first, last, max(1, n - extra) if n else 0)
    rows = _follow(plan, where, who, d, base, follow, n)
    rows.serial = serial0 + np.arange(n)
    rows.stay = serial0 + rows.stay
    _spoil(plan, d, rows)
    if plan.order == "person":
        order = np.lexsort((rows.second, rows.day, rows.person))
    elif plan.order == "time":
        order = np.lexsort((rows.second, rows.day))
    else:
        order = np.argsort(d.bits(n), kind="stable")
    # the first row of an id is the one that has the lines
    twins = np.flatnonzero(rows.bad == DUPLICATE)
    position = np.empty(n, np.int64)
    position[order] = np.arange(n)
    for late in twins[position[twins] < position[twins - 1]]:
        order[position[late]], order[position[late - 1]] = late - 1, late
        position[late], position[late - 1] = position[late - 1], position[late]
    return rows.take(order)


def _who(who: People, group: int) -> Ints:
    """Weights with which the persons of a block come to a visit of this group."""
    if group == CHRONIC:
        return who.weight * (who.chronic >= 0)
    if group == STAY:
        return who.weight * (1 + who.age // 12)
    if group == MATERNITY:
        return ((who.gend == 2) & (who.age >= 20) & (who.age < 45)).astype(np.int64)
    return who.weight


def _base(plan: Plan, where: Places, who: People, d: Draw, first: int, last: int, n: int) -> Visits:
    """Ordinary visits."""
    t = tables(plan.first_day, plan.length)
    inside = who.part(first, last)
    table = draw.weighted(range(len(KINDS)), plan.kinds, draw.FINE)
    kind = table[d.bits(n) >> np.uint32(16)]
    person = np.zeros(n, np.int64)
    roll = d.bits(n)
    groups = np.array([k.who for k in KINDS])
    for group in range(4):
        weights = np.cumsum(_who(inside, group))
        if len(weights) == 0 or weights[-1] == 0:
            kind[groups[kind] == group] = 0  # nobody here can: an ordinary visit instead
    for group in range(4):
        weights = np.cumsum(_who(inside, group))
        at = np.flatnonzero(groups[kind] == group)
        if len(at):
            person[at] = np.searchsorted(weights, draw.scaled(roll[at], int(weights[-1])), side="right")
    person += first
    day = t.days[d.bits(n) >> np.uint32(16)]
    # nobody is treated before birth
    born = who.begin[person]
    day = np.where(day < born, born + d.below(n, 365) % np.maximum(plan.first_day + plan.length - born, 1), day)
    stays = t.stays[kind * draw.SIZE + (d.bits(n) >> np.uint32(20)).astype(np.int64)]
    late = np.where((stays > 0) & d.chance(n, 0.1), 1 + d.below(n, 5), 0)
    end = np.maximum(day - late, born)
    begin = np.maximum(end - stays, born)
    minute = d.below(n, 3600)
    second = np.where(kind == 1, d.below(n, _SECONDS - 3600), d.pick(t.hours, n) * 3600 + minute)
    illness = np.where(
        groups[kind] == CHRONIC, who.chronic[person], np.where((stays > 0) & d.chance(n, 0.04), d.below(n, 1 << 20), -1)
    )
    rows = Visits(
        serial=np.arange(n),
        stay=np.arange(n),
        person=person,
        kind=kind,
        role=np.full(n, BASE),
        source=np.full(n, -1),
        bad=np.full(n, FINE),
        day=day.astype(np.int32),
        second=second,
        begin=begin.astype(np.int32),
        end=end.astype(np.int32),
        institution=np.zeros(n, np.int64),
        place=np.zeros(n, np.int64),
        rloc=np.zeros(n, np.int64),
        illness=illness,
        account=np.where(d.chance(n, 0.03), 0, 1),
    )
    go(where, who, d, rows, np.arange(n))
    return rows


def go(where: Places, who: People, d: Draw, rows: Visits, at: Ints, upper: bool = False) -> None:
    """Choose institutions for the rows ``at``: mostly at home, some away; ``upper``: only of the third level."""
    n = len(at)
    t = tables(0, 1)
    region = who.scheme[rows.person[at]]
    place_kind = np.array([kind.where for kind in KINDS])[rows.kind[at]]
    cell = d.bits(n) >> np.uint32(20)
    home = where.upper[region, cell] if upper else where.home[region, place_kind, cell]
    share = np.array([AWAY_SHARE[i] * 2**32 for i in range(3)]).astype(np.uint64)[place_kind]
    away = d.bits(n) < (share * np.uint64(4) if upper else share)
    other = d.below(n, 2)
    rows.institution[at] = np.where(away, where.away[region, other, cell], home)
    rloc = np.where(away, where.away_rloc[region, other], 1)
    rows.rloc[at] = rloc - 1
    reason = d.pick(t.away, n)
    reason = np.where((reason == 5) & (rloc != 3), 1, reason)
    rows.place[at] = np.where(away, np.where(upper, np.where(reason == 5, 5, 2), reason), 0)


def _follow(plan: Plan, where: Places, who: People, d: Draw, base: Visits, follow: dict[str, int], n: int) -> Visits:
    """The base rows and after them the following ones: reversals, resettled visits, transfers, readmissions, interim settlements."""
    m = len(base)
    stays = np.flatnonzero(np.array([kind.stay is not None for kind in KINDS])[base.kind])
    stays = stays[np.argsort(d.bits(len(stays)), kind="stable")]
    others = np.argsort(d.bits(m), kind="stable")
    counts = [follow[name] for name in ("transfer", "readmission", "interim")]
    take = min(sum(counts), len(stays), n - m)
    roles = np.repeat([TRANSFER, READMISSION, INTERIM], counts)[:take]
    # where there are too few stays the rest are reversals; where there are too few visits at all, readmissions of any
    pairs = min(follow["partial"], m // 4, (n - m - take) // 2)
    single = n - m - take - 2 * pairs
    source = np.concatenate(
        (
            stays[:take],
            others[:pairs],
            others[:pairs],
            others[pairs + np.arange(single) % max(1, m - pairs)] if single else others[:0],
        )
    )
    role = np.concatenate((roles, np.full(pairs, REVERSAL), np.full(pairs, PARTIAL), np.full(single, REVERSAL)))
    repeated = np.zeros(len(source), bool)
    if single > m - pairs:
        repeated[take + 2 * pairs + (m - pairs) :] = True
    role[repeated] = READMISSION
    new = base.gather(source)
    new.role, new.source = role, source
    new.stay = np.where((role == TRANSFER) | (role == READMISSION), m + np.arange(len(source)), base.stay[source])
    last_day = plan.first_day + plan.length - 1
    gap = np.select(
        [role == TRANSFER, role == INTERIM], [d.below(len(source), 4), 0 * source], 1 + d.below(len(source), 30)
    )
    length = np.where((role >= TRANSFER) & ~repeated, 1 + d.below(len(source), 14), 0)
    moves = role >= TRANSFER
    begin = np.where(moves, np.minimum(base.end[source] + gap, last_day), base.begin[source])
    # an interim settlement is one more bill of the same stay
    new.end = np.where(moves, np.minimum(begin + length, last_day), base.end[source]).astype(np.int32)
    new.begin = np.where(role == INTERIM, base.begin[source], begin).astype(np.int32)
    later = np.where(role == PARTIAL, 0, d.below(len(source), 20) * (d.below(len(source), 2)))
    later[role == PARTIAL] = later[(role == REVERSAL) & (np.arange(len(source)) < take + 2 * pairs)]
    day = np.minimum(np.where(moves, np.maximum(new.end, base.day[source]), base.day[source] + later), last_day)
    new.day = day.astype(np.int32)
    wait = np.where(role == PARTIAL, 1200, 600) + 60 * (role == READMISSION)
    new.second = np.minimum(base.second[source] + wait, _SECONDS - 1)
    new.source[role == READMISSION] = -1
    new.kind = np.where(repeated, 0, new.kind)
    moved = np.flatnonzero((role == TRANSFER) | (role == READMISSION))
    joined = Visits(**{name: np.concatenate((getattr(base, name), getattr(new, name))) for name in Visits.__slots__})
    if len(moved):
        up = moved[role[moved] == TRANSFER]
        go(where, who, d, joined, m + moved)
        go(where, who, d, joined, m + up, upper=True)
    return joined


def _spoil(plan: Plan, d: Draw, rows: Visits) -> None:
    """Turn a few ordinary rows into bad ones."""
    n = len(rows)
    free = rows.role == BASE
    free[rows.source[rows.source >= 0]] = False
    at = np.flatnonzero(free & d.chance(n, plan.bad_rows))
    which = 1 + d.below(len(at), len(BAD_KINDS))
    twin = which == DUPLICATE
    which[twin & ((at == 0) | np.isin(at - 1, at[twin]))] = NEGATIVE
    reversed_rows = np.flatnonzero(rows.role == REVERSAL)
    if len(reversed_rows):
        pick = reversed_rows[d.below(len(at), len(reversed_rows))]
        again = (which == TWICE) | (which == TOO_EARLY)
        # one more reversal of what is reversed already; or one dated before its original
        here, there = at[again], pick[again]
        rows.person[here] = rows.person[there]
        rows.source[here] = rows.source[there]
        early = which[again] == TOO_EARLY
        rows.day[here] = np.where(early, rows.day[rows.source[here]] - 1, rows.day[there])
        rows.second[here] = np.where(early, 0, _SECONDS - 1)
        rows.end[here] = rows.begin[here] = rows.day[here]
    else:
        which[(which == TWICE) | (which == TOO_EARLY)] = UNKNOWN_ORIGINAL
    rows.bad[at] = which


# ---------------------------------------------------------------------------------------------- the table


def is_reversal(rows: Visits) -> npt.NDArray[np.bool_]:
    """Rows with refd_setl_flag 1."""
    return (rows.role == REVERSAL) | (rows.bad >= UNKNOWN_ORIGINAL)


def visit_rows(plan: Plan, where: Places, who: People, rows: Visits) -> pa.Table:
    """Rows of the table ``visits``."""
    home = draw.prefixes([s.admdvs for s in plan.schemes])[who.scheme[rows.person]]
    setl = setl_id(plan, home, rows)
    person = np.where(rows.bad == UNKNOWN_PERSON, -1 - who.number[rows.person], who.number[rows.person])
    joined = (who.change[rows.person] == JOINS) & (rows.end >= who.change_day[rows.person])
    scheme = np.where(joined, who.joined[rows.person], who.scheme[rows.person])
    back = is_reversal(rows)
    origin = np.where(back, rows.source, -1)
    missing = rows.bad == UNKNOWN_ORIGINAL
    stays = draw.text(home, draw.digits(np.full(len(rows), plan.year), 4), draw.digits(rows.stay + 9 * 10**11, 12))
    originals = draw.text(
        home, draw.digits(np.full(len(rows), plan.year), 4), draw.digits(rows.serial + 8 * 10**11, 12)
    )
    initial = draw.chosen(
        pa.concat_arrays([setl, originals]), np.where(missing, len(rows) + np.arange(len(rows)), origin)
    )
    micros = (rows.day.astype(np.int64) * _SECONDS + rows.second) * 1_000_000
    kinds = np.array([MED_TYPES.index(kind.med_type) for kind in KINDS])[rows.kind]
    surgery = np.array([kind.name == "day_surgery" for kind in KINDS])[rows.kind]
    codes = plan.chronic or DISEASES
    return pa.table(
        {
            "setl_id": setl,
            "psn_no": psn_no(plan, person, who.scheme[rows.person]),
            "mdtrt_id": stays,
            "insutype": draw.coded(scheme, [s.insutype for s in plan.schemes]),
            "med_type": draw.coded(np.where(rows.bad == NO_TYPE, -1, kinds), MED_TYPES),
            "setl_time": pa.array(micros, pa.int64(), mask=rows.bad == NO_TIME).cast(pa.timestamp("us")),
            "begndate": draw.days(rows.begin),
            "enddate": draw.days(rows.end),
            "fixmedins_code": draw.coded(rows.institution, where.codes),
            "place": draw.coded(rows.place, PLACES),
            "rloc_type": draw.coded(rows.rloc, RLOC),
            "dise_codg": draw.coded(np.where(rows.illness >= 0, rows.illness % len(codes), -1), codes),
            "day_surgery": draw.coded(surgery.astype(np.int8), ("0", "1")),
            "refl_old_mdtrt_id": draw.chosen(stays, np.where(rows.role == TRANSFER, rows.source, -1)),
            "acct_used_flag": draw.coded(rows.account, ("0", "1")),
            "refd_setl_flag": draw.coded(back.astype(np.int8), ("0", "1")),
            "init_setl_id": initial,
        }
    )


def setl_id(plan: Plan, home: npt.NDArray[np.uint8], rows: Visits) -> pa.Array:
    """Settlement ids: insured place 6, year 4, serial number 12. A duplicate has the id of the settlement drawn before it."""
    serial = np.where(rows.bad == DUPLICATE, rows.serial - 1, rows.serial)
    if (rows.bad == DUPLICATE).any():
        # the place is part of the id: take it from the row that has the serial number
        by_serial = np.argsort(rows.serial, kind="stable")
        owner = by_serial[np.maximum(serial - int(rows.serial.min()), 0)]
        home = home[owner]
    return draw.text(home, draw.digits(np.full(len(rows), plan.year), 4), draw.digits(serial, 12))


def insured(who: People, rows: Visits) -> npt.NDArray[np.bool_]:
    """Rows whose person is enrolled on the last day of the visit."""
    gone = (who.change[rows.person] == LEAVES) & (rows.end >= who.change_day[rows.person])
    return ~gone & (rows.end >= who.begin[rows.person])
