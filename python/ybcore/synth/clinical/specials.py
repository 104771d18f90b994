"""Lines with items of the rule tables: at most one of each family in a visit, in the way that the rule allows.

A special is a column of the matrix of a unit, visits × specials, of item indices (−1 none). What is fixed about its line stands in
``SPECIALS``: its day, its time, its quantity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .. import draw
from ..draw import Bits, Bools, Draw, Ints
from ..people import People
from ..places import Places
from ..plan import KINDS, PHARMACY, Plan
from ..visits import BASE, DISEASES, PARTIAL
from .care import CODES, Care
from .goods import OPERATIONS, Goods, full_price, surgery_groups
from .knowledge import CHILD, FEMALE, INFANT, INPATIENT, LEVEL2, LEVEL3, MALE, NEWBORN, WORKING
from .schedule import NAMES, SLOTS, STAYS, Schedule, low_igg

BEGIN, OPERATION_DAY, END = range(3)


class Special(NamedTuple):
    """One family's line: its day, second of the day in a stay (−1 drawn), and quantity (0: a drug's by its days)."""

    name: str
    day: int = BEGIN
    second: int = -1
    quantity: int = 10_000


SPECIALS: tuple[Special, ...] = (
    Special("attribute", quantity=0), Special("attribute_2", quantity=0), Special("course", second=36_500, quantity=0),
    Special("pair"), Special("window"), Special("course_item"), Special("hours", second=36_000),
    Special("operation", OPERATION_DAY, 43_200), Special("operation_2", OPERATION_DAY, 43_260), Special("antibiotic", OPERATION_DAY, 40_000, 20_000),
    Special("igg_test", second=36_300), Special("igg_drug", second=48_000, quantity=50_000), Special("first_line", second=37_000, quantity=20_000),
    Special("second_line", second=45_000, quantity=20_000), Special("indicated", quantity=20_000), Special("coupled", second=42_000),
    Special("coupled_service", second=41_000), Special("discharge", END, quantity=0),
)  # fmt: skip
AT = {special.name: i for i, special in enumerate(SPECIALS)}
OPERATION_SECOND = SPECIALS[AT["operation"]].second
#: Places where one case of more than 5,000 yuan is to be verified, and the most a visit costs there, in fen: no operations there.
MODEST, MODEST_MOST = ("6108",), 450_000
#: Diabetes in Tianjin is paid otherwise from 10,000 yuan of drugs a year on: 24 visits of the programme, or of another one with a diagnosis
#: of diabetes, stay below that.
DIABETES, DIABETES_PLACE, DIABETES_MOST = "M01600", "12", 38_000
DIABETES_CODES = ("E10", "E11", "E12", "E13", "E14")


@dataclass(slots=True)
class Chosen:
    """Items by visit and special, how many each visit has, and the operation group of visits with one (−1)."""

    items: npt.NDArray[np.int32]
    many: Ints
    group: Ints


def contexts(where: Places, who: People, made: Schedule, with_them: Care) -> Ints:
    """Bits of what each visit is; a bit is set only where it holds from the first day to the last."""
    rows = made.rows
    last_age = rows.end - who.brdy[rows.person]
    age = with_them.age
    level: Ints = np.array(
        [{"3": LEVEL2 | LEVEL3, "2": LEVEL2}.get(one.level, 0) for one in where.institutions], np.int64
    )
    ward = np.isin(rows.kind, [NAMES["inpatient"], NAMES["emergency_stay"]])
    sex: Ints = np.where(who.gend[rows.person] == 1, MALE, FEMALE)
    bits = level[rows.institution] | sex
    for holds, bit in (
        (last_age <= 27, NEWBORN),
        ((age >= 29) & (last_age < 300), INFANT),
        ((age >= 366) & (last_age < 12 * 365), CHILD),
        ((age > 20 * 366) & (last_age < 45 * 365), WORKING),
        (ward, INPATIENT),
    ):
        bits |= np.where(holds, np.int64(bit), np.int64(0))
    return bits


def modest(plan: Plan, who: People, made: Schedule) -> Bools:
    """Visits of people from places in MODEST."""
    return np.array([s.admdvs.startswith(MODEST) for s in plan.schemes])[who.scheme[made.rows.person]]


def most(plan: Plan, who: People, made: Schedule, with_them: Care) -> Ints:
    """What each visit may cost at most, in fen; 0 for no bound."""
    rows = made.rows
    codes = plan.chronic or DISEASES
    place = np.array([s.admdvs.startswith(DIABETES_PLACE) for s in plan.schemes])[who.scheme[rows.person]]
    sugar = np.array([code == DIABETES for code in codes])[rows.illness % len(codes)]
    sugar |= np.array([code.startswith(DIABETES_CODES) for code in CODES])[with_them.main]
    sugar &= place & (rows.illness >= 0)
    return np.where(sugar, DIABETES_MOST, np.where(modest(plan, who, made), MODEST_MOST, 0))


def choose(plan: Plan, where: Places, who: People, made: Schedule, with_them: Care, goods: Goods, d: Draw) -> Chosen:
    """The specials of every visit. A visit that replaces another has the same."""
    rows = made.rows
    n = len(rows)
    person = who.number[rows.person]
    bits = d.bits(len(SPECIALS) * n).reshape(len(SPECIALS), n)
    # by number of the visit, whatever their order; a visit that replaces another has the bits of that one
    bits = bits[:, rows.serial[np.where(rows.source >= 0, rows.source, np.arange(n))] - rows.serial.min()]
    out = np.full((n, len(SPECIALS)), -1, np.int32)
    stay = STAYS[rows.kind]
    sells = np.array([kind.where == PHARMACY for kind in KINDS])[rows.kind]
    # an item of a pool of at least SLOTS comes to a person once a year
    turn = person * 37 + made.slot

    def put(name: str, where_: Bools, items: npt.NDArray[np.int32]) -> None:
        out[where_, AT[name]] = items[where_] if items.shape == where_.shape else items

    def one_of(pool: npt.NDArray[np.int32], shift: int = 0) -> npt.NDArray[np.int32]:
        return pool[(turn + shift) % len(pool)]

    def share(name: str, part: float) -> Bools:
        return bits[AT[name]] < np.uint32(part * (2**32 - 1))

    asked = contexts(where, who, made, with_them)
    _attributes(out, goods, asked, sells, turn, bits)
    ward = ((asked & (INPATIENT | LEVEL2)) == (INPATIENT | LEVEL2)) & stay
    put("course", ward & share("course", 0.5), one_of(goods.course))
    put(
        "pair",
        ~sells & share("pair", 0.3),
        goods.pairs[draw.scaled(bits[AT["pair"]] * np.uint32(77), len(goods.pairs))],
    )
    put("window", ~sells & (made.slot == person % SLOTS), one_of(goods.window))
    put("course_item", ~sells & (made.slot == (person + 11) % SLOTS), one_of(goods.course_items))
    put("hours", stay & share("hours", 0.5), one_of(goods.hours))
    group = _operations(plan, who, made, goods, out, bits, turn)
    _no_other_antibiotic(out, goods)
    low = low_igg(who, made)
    put("igg_test", low, np.full(n, goods.index[_IGG_TEST], np.int32))
    put("igg_drug", low, np.full(n, goods.index[_IGG_DRUG], np.int32))
    second = stay & share("second_line", 0.12)
    pairs = turn % len(goods.reserved["second_line"])
    put("first_line", second, goods.reserved["first_line"][pairs])
    put("second_line", second, goods.reserved["second_line"][pairs])
    known = with_them.main >= 0
    put("indicated", stay & known & share("indicated", 0.25), goods.reserved["indicated"][np.maximum(with_them.main, 0) % len(goods.reserved["indicated"])])  # fmt: skip
    coupled = stay & share("coupled", 0.1)
    pairs = turn % len(goods.reserved["coupled"])
    put("coupled", coupled, goods.reserved["coupled"][pairs])
    put("coupled_service", coupled, goods.reserved["service"][pairs])
    put("discharge", stay & (rows.end > rows.begin) & share("discharge", 0.5), one_of(goods.reserved["discharge"]))
    out[~np.isin(rows.role, (BASE, PARTIAL))] = -1
    return Chosen(out, (out >= 0).sum(1), np.where(out[:, AT["operation"]] >= 0, group, -1))


def _attributes(out: npt.NDArray[np.int32], goods: Goods, asked: Ints, sells: Bools, turn: Ints, bits: Bits) -> None:
    """Two tries of each visit at a restricted item: of a kind by chance, kept where the visit may have it."""
    pools = goods.attributes
    asks = np.array([pool.asks for pool in pools])
    service = np.array([pool.service for pool in pools])
    sizes = np.array([len(pool.items) for pool in pools])
    first = np.concatenate(([0], np.cumsum(sizes)[:-1]))
    every = np.concatenate([pool.items for pool in pools])
    for k, name in enumerate(("attribute", "attribute_2")):
        pick = draw.scaled(bits[AT[name]], len(pools))
        fits = (asked & asks[pick]) == asks[pick]
        fits &= ~(sells & service[pick])
        # the second one half the pool away: never the same, and not again within the year
        item = every[first[pick] + (turn + k * (sizes[pick] // 2)) % sizes[pick]]
        fits &= (k == 0) | (out[:, 0] != item)
        out[fits, AT[name]] = item[fits]


def _operations(
    plan: Plan, who: People, made: Schedule, goods: Goods, out: npt.NDArray[np.int32], bits: Bits, turn: Ints
) -> Ints:
    """Operations of some stays: one or two of a group, and an antibiotic before them. Gives the group of every visit."""
    rows = made.rows
    adult = (rows.begin - who.brdy[rows.person]) > 16 * 366
    kinds = np.isin(rows.kind, [NAMES["inpatient"], NAMES["injury"], NAMES["day_surgery"]])
    has = kinds & adult & ~modest(plan, who, made) & (bits[AT["operation"]] < np.uint32(2**32 // 3))
    has |= (rows.kind == NAMES["day_surgery"]) & adult & ~modest(plan, who, made)
    group = draw.scaled(bits[AT["operation"]] * np.uint32(97), len(goods.surgery))
    for g, pool in enumerate(goods.surgery):
        here = has & (group == g)
        out[here, AT["operation"]] = pool[turn[here] % len(pool)]
        two = here & (bits[AT["operation_2"]] < np.uint32(2**31))
        out[two, AT["operation_2"]] = pool[(turn[two] + 1) % len(pool)]
    # the one with the higher full price comes first
    main, other = AT["operation"], AT["operation_2"]
    full = full_price(goods.items.prices)
    swap = np.flatnonzero((out[:, other] >= 0) & (full[out[:, other]] > full[out[:, main]]))
    out[swap[:, None], [main, other]] = out[swap[:, None], [other, main]]
    antibiotics = goods.reserved["antibiotic"]
    treated = has & (bits[AT["antibiotic"]] < np.uint32(3 * 2**30))
    out[treated, AT["antibiotic"]] = antibiotics[turn[treated] % len(antibiotics)]
    return group


def _no_other_antibiotic(out: npt.NDArray[np.int32], goods: Goods) -> None:
    """A stay with an operation has no antibiotic but the one before it: a restricted one would stand at any time."""
    stays = np.flatnonzero(out[:, AT["operation"]] >= 0)
    for name in ("attribute", "attribute_2"):
        items = out[stays, AT[name]]
        other = np.array([i >= 0 and goods.items.codes[i].startswith("XJ01") for i in items.tolist()], bool)
        out[stays[other], AT[name]] = -1


def operation_codes() -> list[str]:
    """Operation code by group index."""
    return [OPERATIONS[group] for group in surgery_groups()]


_IGG_DRUG, _IGG_TEST = "XJ06BAR056B002010160001", "002504010235001"
