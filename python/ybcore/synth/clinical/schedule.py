"""Who comes when: visits laid out in half months, so that no frequency, overlap or interval is ever out of bounds.

The year has 24 slots (half months); a person has at most one visit in a slot. Stays begin in every sixth slot of a person only (its
phase) and end within the next slot, in whose last days a visit after the stay falls; emergencies come two or three slots after the
phase, so never in the month before a stay.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .. import draw
from ..draw import Bools, Draw, Ints
from ..people import People
from ..places import Places
from ..plan import KINDS, Plan
from ..visits import BASE, FINE, PARTIAL, REVERSAL, Visits, go, tables

SLOTS, PERIOD, MOST = 24, 6, 20
MOST_A_PERSON = 14  # mean visits a person that the slots have room for
LONGEST = 20  # days of a stay
NAMES = {kind.name: i for i, kind in enumerate(KINDS)}
STAYS = np.array([kind.stay is not None for kind in KINDS])
_FOLLOWING = {"reversal": 0.008, "partial": 0.003}
_SECONDS = 86_400
FIRST_UNIT = 1 << 40  # block numbers of units, apart from those of persons


@dataclass(slots=True)
class Schedule:
    """Visits of one unit, and what the clinical side needs of each; one value a visit.

    ``begin_second`` and ``end_second`` are times of day; ``pregnant`` is 0 not, 1 pregnant, 2 nursing; ``last`` the person's last visit.
    """

    rows: Visits
    slot: Ints
    begin_second: Ints
    end_second: Ints
    pregnant: Ints
    last: Bools

    def take(self, order: Ints) -> Schedule:
        """The same visits in another order."""
        return Schedule(self.rows.take(order), *(getattr(self, name)[order] for name in self.__slots__[1:]))


def starts(plan: Plan) -> Ints:
    """First days of the slots, and the day after the last one."""
    firsts = [
        np.datetime64(f"{plan.year}-{m:02d}-{d:02d}", "D").astype(np.int64) for m in range(1, 13) for d in (1, 16)
    ]
    return np.array([*firsts, plan.first_day + plan.length])


def schedule(plan: Plan, where: Places, who: People, block: int, first: int, last: int) -> Schedule:
    """All visits of the persons first … last − 1 of a block, in the plan's order."""
    start = int(who.number[0]) + first
    serial0 = plan.visits_before(start)
    n = plan.visits_before(int(who.number[0]) + last) - serial0
    d = Draw(plan.seed, draw.CLINICAL, start)
    follow = {name: int(n * share + float(d.below(1, 1000)[0]) / 1000) for name, share in _FOLLOWING.items()}
    person, slot = _slots(plan, who, d, first, last, max(0, n - follow["reversal"] - 2 * follow["partial"]))
    out = _visits(plan, where, who, d, person, slot)
    out = _follow(plan, d, out, follow)
    rows = out.rows
    rows.serial = serial0 + np.arange(len(rows))
    rows.stay = serial0 + rows.stay
    if plan.order == "person":
        order = np.lexsort((rows.second, rows.day, rows.person))
    elif plan.order == "time":
        order = np.lexsort((rows.second, rows.day))
    else:
        order = np.argsort(d.bits(len(rows)), kind="stable")
    return out.take(order)


def _slots(plan: Plan, who: People, d: Draw, first: int, last: int, n: int) -> tuple[Ints, Ints]:
    """(person, slot) of n visits, in order; fewer where the persons have no more room."""
    inside = who.part(first, last)
    count = len(inside)
    begins = starts(plan)
    # nobody is treated before birth
    free = begins[None, :SLOTS] >= inside.begin[:, None]
    room = np.minimum(free.sum(1), MOST)
    weight = inside.weight.astype(np.int64) + 6
    visits = np.minimum(weight * n // max(1, int(weight.sum())), room)
    key = d.bits(count)
    while (left := n - int(visits.sum())) > 0:
        open_to = np.flatnonzero(visits < room)
        if not len(open_to):
            break
        visits[open_to[np.argsort(key[open_to], kind="stable")[:left]]] += 1
    rolls = d.bits(count * SLOTS).reshape(count, SLOTS).astype(np.int64)
    rolls[~free] = 1 << 33
    order = np.argsort(rolls, axis=1, kind="stable")
    chosen = np.zeros((count, SLOTS), bool)
    np.put_along_axis(chosen, order, np.arange(SLOTS)[None, :] < visits[:, None], axis=1)
    person, slot = np.nonzero(chosen)
    return person + first, slot


def _phase(who: People, person: Ints) -> Ints:
    return who.number[person] * 7 % PERIOD


def _births(who: People) -> Ints:
    """The slot in which a person gives birth, −1 for most; it is one of the person's slots for stays."""
    fertile = (who.gend == 2) & (who.age >= 20) & (who.age < 40)
    expects = fertile & (who.number * 2_654_435_761 % 97 < 45)
    phase = _phase(who, np.arange(len(who)))
    return np.where(expects, phase + PERIOD * (1 + who.number // 7 % 3), -1)


def _kinds(plan: Plan, who: People, d: Draw, person: Ints, slot: Ints) -> tuple[Ints, Ints]:
    """Kind of each visit and whether its person is pregnant (1) or nursing (2)."""
    n = len(person)
    share = dict(zip(NAMES, plan.kinds))
    total = sum(plan.kinds)
    roll = d.below(n, 1 << 20) / np.float64(1 << 20)  # exact: a power of two
    turn = (slot - _phase(who, person)) % PERIOD
    names = ("inpatient", "injury", "emergency_stay", "day_surgery")
    stays = sum(share[name] for name in names)
    age = who.age[person]
    # of six slots one has stays; older persons have more of them
    chance = np.minimum(PERIOD * stays / total * (4 + age // 6) / 12, 0.85)
    which = draw.weighted([NAMES[name] for name in names], [share[name] for name in names] if stays else [1, 0, 0, 0])
    kind = np.full(n, NAMES["outpatient"])
    stay = (turn == 0) & (roll < chance)
    kind[stay] = d.pick(which, n)[stay]
    other, pick = ~stay, d.below(n, 1 << 20) / np.float64(1 << 20)
    emergency = other & ((turn == 2) | (turn == 3)) & (roll < 3 * share["emergency"] / total)
    kind[emergency] = NAMES["emergency"]
    # the diagnoses of the programmes are those of people over fifty
    ill = (who.chronic[person] >= 0) & (age >= 50)
    chronic = other & ~emergency & ill & (pick < 6 * share["chronic"] / total)
    kind[chronic] = NAMES["chronic"]
    shops = other & ~emergency & ~chronic & (pick > 1 - share["pharmacy"] / total / 0.84)
    kind[shops] = NAMES["pharmacy"]
    born = _births(who)[person]
    kind[(born == slot) & (share["delivery"] > 0)] = NAMES["delivery"]
    before = (born > slot) & (born - slot <= 16)
    care = before & ~stay & (slot % 2 == born % 2) & (share["prenatal"] > 0)
    kind[care] = NAMES["prenatal"]
    after = (born >= 0) & (slot > born) & (slot - born <= 8)
    return kind, np.where(before | (born == slot), 1, np.where(after, 2, 0))


def low_igg(who: People, made: Schedule) -> Bools:
    """Stays because of too little immunoglobulin G, which may have the drug for it."""
    person = made.rows.person
    picked = (who.number[person] * 31 + made.slot * 17) % 61 == 0
    return picked & (made.rows.kind == NAMES["inpatient"]) & (who.age[person] >= 3)


def _visits(plan: Plan, where: Places, who: People, d: Draw, person: Ints, slot: Ints) -> Schedule:
    """Ordinary visits, by person and slot."""
    n = len(person)
    begins = starts(plan)
    kind, pregnant = _kinds(plan, who, d, person, slot)
    stays = STAYS[kind]
    width = begins[slot + 1] - begins[slot]
    follows = np.zeros(n, bool)
    follows[1:] = stays[:-1] & (person[1:] == person[:-1]) & (slot[1:] == slot[:-1] + 1)
    offset = np.where(stays, d.below(n, 3), draw.scaled(d.bits(n), width))
    # after a stay: the last two days of the slot; the stay is over by then
    offset = np.where(follows, width - 1 - d.below(n, 2), offset)
    begin = begins[slot] + offset
    table = tables(plan.first_day, plan.length).stays
    nights = table[kind * draw.SIZE + (d.bits(n) >> np.uint32(20)).astype(np.int64)]
    nights = np.minimum(np.minimum(nights, LONGEST), plan.first_day + plan.length - 2 - begin) * stays
    end = begin + nights
    late = stays & d.chance(n, 0.1)
    open_hours = d.pick(tables(plan.first_day, plan.length).hours, n) * 3600 + d.below(n, 3600)
    emergency = kind == NAMES["emergency"]
    begin_second = np.where(stays, 28_800 + d.below(n, 7200), np.where(emergency, d.below(n, 79_000), open_hours))
    end_second = np.where(stays, 50_400 + d.below(n, 7200), begin_second + 1200 + d.below(n, 4200))
    ends = np.ones(n, bool)
    ends[:-1] = person[1:] != person[:-1]
    programme = kind == NAMES["chronic"]
    rows = Visits(
        serial=np.arange(n), stay=np.arange(n), person=person, kind=kind, role=np.full(n, BASE), source=np.full(n, -1), bad=np.full(n, FINE),
        day=(end + late).astype(np.int32), second=end_second + 300 + d.below(n, 600), begin=begin.astype(np.int32), end=end.astype(np.int32),
        institution=np.zeros(n, np.int64), place=np.zeros(n, np.int64), rloc=np.zeros(n, np.int64),
        illness=np.where(programme, who.chronic[person], -1), account=np.where(d.chance(n, 0.03), 0, 1),
    )  # fmt: skip
    go(where, who, d, rows, np.arange(n))
    return Schedule(rows, slot, begin_second, end_second, pregnant, ends)


def _follow(plan: Plan, d: Draw, base: Schedule, follow: dict[str, int]) -> Schedule:
    """The same and after them reversals, and new settlements of a part of what was reversed."""
    m = len(base.rows)
    others = np.argsort(d.bits(m), kind="stable")
    # a part of a stay would leave days without a line
    parts = others[~STAYS[base.rows.kind[others]]]
    pairs = min(follow["partial"], len(parts) // 4)
    rest = np.setdiff1d(others, parts[:pairs], assume_unique=True)
    single = min(follow["reversal"], len(rest))
    pick = rest[np.argsort(d.bits(len(rest)), kind="stable")[:single]]
    source = np.concatenate((parts[:pairs], parts[:pairs], pick))
    role = np.concatenate((np.full(pairs, REVERSAL), np.full(pairs, PARTIAL), np.full(single, REVERSAL)))
    new = base.rows.gather(source)
    new.role, new.source = role, source
    new.second = np.minimum(new.second + np.where(role == PARTIAL, 1200, 600), _SECONDS - 1)
    rows = Visits(**{name: np.concatenate((getattr(base.rows, name), getattr(new, name))) for name in Visits.__slots__})
    columns: list[npt.NDArray[np.generic]] = [getattr(base, name) for name in Schedule.__slots__[1:]]
    return Schedule(rows, *(np.concatenate((column, column[source])) for column in columns))
