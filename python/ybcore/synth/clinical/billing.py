"""Fee lines of a clinical city: specials first, then the daily items of a stay, then ordinary items from the shelves."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from .. import draw
from ..draw import Draw, Ints
from ..feelines import APPROVED, DENIED, RETURNED
from ..items import HERB, PATENT, WESTERN
from ..plan import CHRONIC, KINDS, PHARMACY, Plan
from ..visits import PARTIAL, is_reversal
from .care import DEPARTMENTS, Care, Staff
from .goods import DRUGS, HERBAL, HERBS, PHASES, SERVICES, WARD, Goods, full_price
from .schedule import NAMES, STAYS, Schedule
from .specials import AT, END, OPERATION_DAY, SPECIALS, Chosen

_SECOND, _DAY = 1_000_000, 86_400
_OF_STAY = np.array([s.second for s in SPECIALS])
FACTORS = (850, 920, 960, 1000, 1040, 1080, 1150)


@dataclass(slots=True)
class Lines:
    """One value a line, with visits in order; ``table`` is what is given out, ``offsets`` the lines of each visit."""

    table: pa.Table
    offsets: Ints
    visit: npt.NDArray[np.int32]
    item: npt.NDArray[np.int32]
    quantity: Ints
    amount: Ints
    day: Ints


@lru_cache(1)
def _tables() -> dict[str, Ints]:
    """Quantities, and for drugs (days, units a dose, doses a day), short and long supplies; 64 or 256 entries."""
    short = [(d, dose, f) for d in (1, 2, 3) for dose in (5_000, 10_000, 20_000) for f in (1, 2, 3)]
    long = [(d, dose, f) for d in (14, 21, 28) for dose in (5_000, 10_000) for f in (1, 2)]
    herbs = [(3, grams * 10_000, 2) for grams in (3, 5, 6, 9, 10, 12, 15)]
    supplies = [kind[i % len(kind)] for kind in (short, long, herbs) for i in range(64)]
    days, dose, times = np.array(supplies, np.int64).T
    return {
        # the last entry is read for lines without a supply
        "supplied": np.append(days * dose * times, 0),
        "prd_days": np.append(days * 10_000, 0),
        "sin_dos": np.append(dose, 0),
        "used_frqu": np.append(times * 10_000, 0),
        # services, then drugs
        "usual": np.concatenate(
            (
                draw.weighted([q * 10_000 for q in (1, 2, 3, 5)], (76, 14, 6, 4), 256),
                draw.weighted([q * 10_000 for q in (1, 2, 3, 4, 5, 7, 10)], (42, 24, 12, 8, 6, 4, 4), 256),
            )
        ),
        "factor": draw.weighted(FACTORS, (5, 10, 20, 35, 15, 10, 5), 256),
    }


def line_rows(
    plan: Plan, goods: Goods, made: Schedule, with_them: Care, staff: Staff, chosen: Chosen, most: Ints, setl: pa.Array
) -> Lines:  # fmt: skip
    """Rows of the table ``lines``; ``most``: what a visit may cost, 0 for no bound."""
    rows = made.rows
    d = Draw(plan.seed, draw.BILLING, 1 + int(rows.serial.min()))
    nights = np.where(STAYS[rows.kind], rows.end - rows.begin, 0).astype(np.int64)
    daily = nights * len(goods.daily)
    count, whole = _counts(d, goods, made, chosen, nights, daily)
    offsets = np.concatenate(([0], np.cumsum(count)))
    n = int(offsets[-1])
    visit = np.repeat(np.arange(len(rows), dtype=np.int32), count)
    place = (np.arange(n) - offsets[:-1][visit]).astype(np.int32)
    words = d.words(2 * n)
    again = np.flatnonzero(rows.role[visit] == PARTIAL)
    if len(again):
        source = offsets[rows.source[visit[again]]] + place[again]
        words[again], words[n + again] = words[source], words[n + source]
    low, rare = words[:n], words[n:]
    special, item, ordinal = _items(goods, made, chosen, daily, visit, place, offsets, low)
    kind = goods.items.kinds[item]
    supply, quantity = _quantities(made, visit, special, kind, item, goods, low)
    ordinary = ordinal >= 0
    price = _prices(goods, item, special, low)
    day, second = _times(made, visit, special, place, ordinal, nights, whole, chosen, daily, len(goods.daily), low)
    if most.any():
        _lower(price, quantity, visit, offsets, most)
    amount = (quantity * price + 50_000_000) // 100_000_000
    back = _returns(rare, ordinary, ordinal, item, quantity, price, amount, kind, supply)
    time = (day * _DAY + second) * _SECOND
    time[back] = time[back - 1]
    serial = np.repeat(draw.digits(rows.serial, 12).reshape(-1).view("S12"), count).view(np.uint8).reshape(n, 12)
    places = draw.four(place)
    sn = draw.text(serial, places)
    origin = np.full(n, -1)
    origin[back] = back - 1
    table = pa.table(
        {
            "setl_id": pa.DictionaryArray.from_arrays(pa.array(visit), setl),
            "feedetl_sn": sn,
            "init_feedetl_sn": draw.chosen(sn, origin),
            "med_list_codg": pa.DictionaryArray.from_arrays(pa.array(item), goods.codes),
            "fee_ocur_time": pa.array(time).cast(pa.timestamp("us")),
            "cnt": pa.array(quantity),
            "pric": pa.array(price),
            "det_item_fee_sumamt": pa.array(amount),
            "hosp_appr_flag": draw.coded(np.where((rare >> np.uint64(32)) & np.uint64(0xFFFF) < APPROVED, 1, -1), ("0", "1", "2")),
            "deny_flag": pa.array(((rare >> np.uint64(48)) < np.uint64(DENIED)).astype(np.int8)),
            **_further(made, with_them, staff, visit, special, ordinal, kind, supply, serial, places, time, rare, back),
        }
    )  # fmt: skip
    return Lines(table, offsets, visit, item, quantity, amount, day)


def _counts(d: Draw, goods: Goods, made: Schedule, chosen: Chosen, nights: Ints, daily: Ints) -> tuple[Ints, Ints]:
    """Lines of each visit, and of the whole bill of which they are a part."""
    rows = made.rows
    raw = goods.counts[rows.kind * draw.SIZE + (d.bits(len(rows)) >> np.uint32(20)).astype(np.int64)]
    count = np.maximum((raw + d.below(len(rows), 256)) // 256, 1)
    fixed = chosen.many + daily
    # a stay has an ordinary line on every day, a purchase no more drugs than there are shelves
    count = np.where(
        STAYS[rows.kind],
        fixed + np.maximum(count - fixed, nights + 6),
        chosen.many + np.maximum(count - chosen.many, 1),
    )
    limited = np.array([k.where == PHARMACY or k.who == CHRONIC for k in KINDS])[rows.kind]
    count = np.where(limited, np.minimum(count, chosen.many + DRUGS), count)
    herbs = herbal(made)
    count = np.where(herbs, chosen.many + np.clip(count - chosen.many, 3, HERBS), count)
    count[is_reversal(rows)] = 0
    whole = count.copy()
    again = rows.role == PARTIAL
    whole[again] = count[rows.source[again]]
    # herbs that remain are still a prescription of several
    count[again] = np.where(herbs[again], whole[again], np.maximum(whole[again] * 7 // 10, 1))
    return np.minimum(count, 9999), whole


def herbal(made: Schedule) -> npt.NDArray[np.bool_]:
    """Outpatient visits with a prescription of herbs."""
    rows = made.rows
    return (rows.kind == NAMES["outpatient"]) & ((rows.person * 13 + made.slot * 7) % 10 == 0)


def _items(
    goods: Goods, made: Schedule, chosen: Chosen, daily: Ints, visit: npt.NDArray[np.int32], place: npt.NDArray[np.int32], offsets: Ints, low: npt.NDArray[np.uint64]
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int32], npt.NDArray[np.int32]]:  # fmt: skip
    """Of each line: its special (−1 none, −2 daily), its item, its number among the ordinary lines of the visit (−1)."""
    rows = made.rows
    special = np.full(len(visit), -1, np.int8)
    at, which = np.nonzero(chosen.items >= 0)
    rank = np.arange(len(at)) - np.concatenate(([0], np.cumsum(chosen.many)[:-1]))[at]
    fits = rank < (offsets[1:] - offsets[:-1])[at]
    at, which, rank = at[fits], which[fits], rank[fits]
    line = offsets[at] + rank
    special[line] = which
    after = place - chosen.many[visit].astype(np.int32)
    beds = (after >= 0) & (after < daily[visit])
    special[beds] = -2
    ordinal = np.where(special == -1, after - daily[visit].astype(np.int32), -1).astype(np.int32)
    stay = STAYS[rows.kind]
    phase = (made.slot % PHASES * DRUGS).astype(np.int32)
    only_drugs = np.array([k.where == PHARMACY or k.who == CHRONIC for k in KINDS])[rows.kind]
    service = ~only_drugs[visit] & ((low >> np.uint64(48)) & np.uint64(7) < np.uint64(2))
    group = np.where(service | (ordinal >= DRUGS), SERVICES, phase[visit] + ordinal).astype(np.int32)
    group = np.where(stay[visit], WARD, group).astype(np.int32)
    herbs = herbal(made)[visit]
    group[herbs] = np.where(ordinal[herbs] < HERBS, HERBAL + ordinal[herbs], SERVICES)
    group[ordinal < 0] = SERVICES
    bits = (low & np.uint64(0xFFFFFFFF)).astype(np.uint32)
    item = goods.order[goods.zipf.ranks(bits, group) + goods.start[group]]
    item[line] = chosen.items[at, which]
    item[beds] = goods.daily[after[beds] % len(goods.daily)]
    return special, item, ordinal


def _quantities(
    made: Schedule, visit: npt.NDArray[np.int32], special: npt.NDArray[np.int8], kind: npt.NDArray[np.int8], item: npt.NDArray[np.int32], goods: Goods, low: npt.NDArray[np.uint64]
) -> tuple[Ints, Ints]:  # fmt: skip
    """Of each line: its row in the table of supplies (−1 none) and its quantity."""
    t = _tables()
    rows = made.rows
    stay = STAYS[rows.kind][visit]
    fixed = np.array([*(s.quantity for s in SPECIALS), 10_000, 0], np.int64)
    given = fixed[special]  # −1 is the last entry (0: by supply), −2 a daily item
    byte = ((low >> np.uint64(32)) & np.uint64(255)).astype(np.int64)
    drug = (kind == WESTERN) | (kind == PATENT)
    long = np.array([k.who == CHRONIC for k in KINDS])[rows.kind][visit] & (special == -1)
    supplied = (given == 0) & ((drug & (~stay | (special >= 0))) | ((kind == HERB) & ~stay))
    supply = np.where(supplied, (byte & 63) + np.where(kind == HERB, 128, long * 64), -1)
    quantity = t["usual"][byte + 256 * drug]
    at = np.flatnonzero(supplied)
    quantity[at] = t["supplied"][supply[at]]
    at = np.flatnonzero(special != -1)
    fixed_there = given[at]
    quantity[at] = np.where(fixed_there > 0, fixed_there, np.where(drug[at], quantity[at], 10_000))
    hours = np.flatnonzero(special == AT["hours"])
    quantity[hours] = np.where(np.isin(item[hours], goods.hours[goods.hour_units]), 240_000, 10_000)
    return supply, quantity


def _prices(
    goods: Goods, item: npt.NDArray[np.int32], special: npt.NDArray[np.int8], low: npt.NDArray[np.uint64]
) -> Ints:
    """The price of one institution on one day; operations at full price, second ones at half."""
    usual = goods.items.prices[item]
    factor = _tables()["factor"][((low >> np.uint64(40)) & np.uint64(255)).astype(np.int64)]
    drug = goods.items.kinds[item] <= PATENT
    # a unit of a drug is a dose, a quarter of the pack of the price table
    price = usual * factor // 100_000
    price = np.where(drug, price >> 2, price) * 100
    full = special == AT["operation"]
    half = special == AT["operation_2"]
    price[full] = full_price(usual[full])
    price[half] = full_price(usual[half]) // 2
    return np.maximum(price, 100)


def _times(
    made: Schedule, visit: npt.NDArray[np.int32], special: npt.NDArray[np.int8], place: npt.NDArray[np.int32], ordinal: npt.NDArray[np.int32],
    nights: Ints, whole: Ints, chosen: Chosen, daily: Ints, beds: int, low: npt.NDArray[np.uint64],
) -> tuple[Ints, Ints]:  # fmt: skip
    """Day and second of the day of each line, inside its visit."""
    rows = made.rows
    stay = STAYS[rows.kind]
    day = rows.begin.astype(np.int64)[visit]
    rest = np.maximum(whole - chosen.many - daily, 1).astype(np.int32)
    spread = np.flatnonzero(stay[visit] & (ordinal >= 0))
    at = visit[spread]
    day[spread] += ordinal[spread] * (nights + 1).astype(np.int32)[at] // rest[at]
    bed = np.flatnonzero(special == -2)
    day[bed] += (place[bed] - chosen.many[visit[bed]]) // beds
    # a drawn second of the hours in which every day of a stay is open, or of the first 20 minutes of a visit
    roll = ((low >> np.uint64(44)) & np.uint64(0xFFFF)).astype(np.int64)
    second = np.where(stay, 36_000, made.begin_second)[visit] + (roll * np.where(stay, 14_000, 1_200)[visit] >> 16)
    own = np.flatnonzero(special >= 0)
    which, here = special[own], visit[own]
    kinds = np.array([s.day for s in SPECIALS])[which]
    length = nights[here]
    day[own] += np.where(kinds == END, length, np.where(kinds == OPERATION_DAY, np.minimum(length, 1), 0))
    fixed = _OF_STAY[which]
    second[own] = np.where(stay[here] & (fixed >= 0), fixed, second[own])
    return day, second


def _lower(price: Ints, quantity: Ints, visit: npt.NDArray[np.int32], offsets: Ints, most: Ints) -> None:
    """Lower prices of visits that would cost more than they may."""
    amount = (quantity * price + 50_000_000) // 100_000_000
    ends = np.concatenate(([0], np.cumsum(amount)))
    total = ends[offsets[1:]] - ends[offsets[:-1]]
    much = (most > 0) & (total > most)
    factor = np.where(much, most * 1000 // np.maximum(total, 1), 1000)[visit]
    changed = np.flatnonzero(much[visit])
    price[changed] = np.maximum(price[changed] * factor[changed] // 100_000 * 100, 100)


def _returns(
    rare: npt.NDArray[np.uint64], ordinary: npt.NDArray[np.bool_], ordinal: npt.NDArray[np.int32], item: npt.NDArray[np.int32],
    quantity: Ints, price: Ints, amount: Ints, kind: npt.NDArray[np.int8], supply: Ints,
) -> Ints:  # fmt: skip
    """Make a few ordinary lines the return of the ordinary line before them, whole or half. Their indices."""
    roll = (rare >> np.uint64(16)) & np.uint64(0xFFFF)
    back = (roll < np.uint64(RETURNED)) & (ordinal > 0) & (kind != HERB)
    back[1:] &= ~back[:-1] & (kind[:-1] != HERB)
    at = np.flatnonzero(back)
    half = (roll[at] & np.uint64(3)) == 0
    quantity[at] = -np.where(half, np.maximum(quantity[at - 1] // 2, 1), quantity[at - 1])
    price[at] = price[at - 1]
    part = (-quantity[at] * price[at] + 50_000_000) // 100_000_000
    amount[at] = -np.where(half, np.minimum(part, amount[at - 1]), amount[at - 1])
    item[at] = item[at - 1]
    kind[at] = kind[at - 1]
    supply[at] = -1
    return at


def sparse_text(rows: npt.NDArray[np.uint8], there: npt.NDArray[np.bool_]) -> pa.Array:
    """A text column with cells only where ``there``; ``rows`` has those cells, all of one width."""
    offsets = np.concatenate(([0], np.cumsum(there, dtype=np.int64) * rows.shape[1]))
    bitmap = np.packbits(there, bitorder="little")
    return pa.Array.from_buffers(
        pa.large_string(),
        len(there),
        [pa.py_buffer(bitmap), pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(rows))],
    )


def _further(
    made: Schedule, with_them: Care, staff: Staff, visit: npt.NDArray[np.int32], special: npt.NDArray[np.int8], ordinal: npt.NDArray[np.int32],
    kind: npt.NDArray[np.int8], supply: Ints, serial: npt.NDArray[np.uint8], places: npt.NDArray[np.uint8], time: Ints,
    rare: npt.NDArray[np.uint64], back: Ints,
) -> dict[str, pa.Array]:  # fmt: skip
    """The further columns of lines."""
    rows = made.rows
    stay = STAYS[rows.kind]
    drug = (kind == WESTERN) | (kind == PATENT) | (kind == HERB)
    # four drugs a prescription; a restricted drug has its own; of a stay only what is taken home
    home = special == AT["discharge"]
    number = np.where(special >= 0, 4 + special, np.where(kind == HERB, 3, ordinal >> 2)).astype(np.int32)
    number[home] = 0
    known = (home | ~stay[visit]) & drug & (number < 8) & (number >= 0)
    codes = draw.text(
        np.repeat(draw.digits(rows.serial, 12), 8, axis=0), draw.four(np.tile(np.arange(1, 9), len(rows)))
    )
    rx = pa.DictionaryArray.from_arrays(pa.array(visit.astype(np.int32) * 8 + number, mask=~known), codes)
    untold = supply < 0
    supplies = {name: pa.array(_tables()[name][supply], mask=untold) for name in ("prd_days", "sin_dos", "used_frqu")}
    sold = ((kind == WESTERN) | (kind == PATENT)) & ~stay[visit]
    sold[back] = False
    second = stay[visit] & ((rare & np.uint64(3)) == 0)
    doctor = np.where(second, with_them.second_doctor[visit], with_them.doctor[visit]).astype(np.int32)
    uploaded = time + (600 + (rare & np.uint64(0x3FFF)).astype(np.int64)) * _SECOND
    width = int(sold.sum())
    head = draw.prefixes(["8690"]).repeat(width, 0)
    return {
        "rxno": rx,
        "bilg_dr_codg": pa.DictionaryArray.from_arrays(pa.array(doctor), staff.column),
        "bilg_dept_codg": draw.coded(with_them.department.astype(np.int8)[visit], DEPARTMENTS),
        **supplies,
        "dscg_tkdrug_flag": draw.coded(home.astype(np.int8), ("0", "1")),
        "tcmdrug_used_way": draw.coded(np.where((kind == HERB) & ~stay[visit], 0, -1), ("2",)),
        "incs_no": draw.coded(np.where((special == AT["operation"]) | (special == AT["operation_2"]), 0, -1), ("1",)),
        "drug_trac_codg": sparse_text(np.concatenate((head, serial[sold], places[sold]), axis=1), sold),
        "upld_time": pa.array(uploaded).cast(pa.timestamp("us")),
    }
