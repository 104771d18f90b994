"""Fee lines: which items, how many, at what price, on which day; returns, refusals and mistakes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from . import draw
from .draw import Draw, Ints, Zipf
from .items import HERB, MATERIAL, PATENT, SERVICE, WESTERN, Items
from .people import People
from .plan import CHRONIC, INPATIENT, KINDS, PHARMACY, Plan
from .visits import DUPLICATE, NEGATIVE, PARTIAL, Visits, is_reversal

#: Items that the shelf of an outpatient, chronic, inpatient or pharmacy visit holds at most, the most wanted first.
_MOST = (40_000, 20_000, 10**9, 30_000)
_KINDS = (
    (WESTERN, PATENT, HERB, SERVICE),
    (WESTERN, PATENT),
    (WESTERN, PATENT, HERB, SERVICE, MATERIAL),
    (WESTERN, PATENT, HERB),
)
UNKNOWN_CODES = 16
#: Shares of lines, in 1/65536: with an unknown item, returned, wrong by a fen, not approved, approved, denied.
UNKNOWN, RETURNED, OFF, REFUSED, APPROVED, DENIED = 30, 260, 130, 160, 1300, 100
_PACKS = ((1, 2, 3, 4, 5, 6, 7, 10, 14), (42, 24, 12, 5, 4, 3, 4, 4, 2))
_GRAMS = ((30, 42, 60, 70, 84, 105, 140, 210), (10, 12, 14, 20, 12, 14, 10, 8))
_TIMES = ((1, 2, 3, 5, 7, 10, 24), (72, 12, 6, 4, 2, 2, 2))


@dataclass(frozen=True, slots=True)
class Shelf:
    """What every line draws from; made once a city."""

    items: Items
    zipf: Zipf
    order: npt.NDArray[np.int32]
    start: npt.NDArray[np.int32]
    quantity: npt.NDArray[np.int64]
    factor: npt.NDArray[np.int64]
    counts: Ints
    codes: pa.Array


def shelf(plan: Plan, items: Items) -> Shelf:
    """Shelves of items with the most wanted first, and the tables of quantities and counts."""
    d = Draw(plan.seed, draw.LINES)
    order, sizes = [], []
    for kinds, most in zip(_KINDS, _MOST):
        inside = np.flatnonzero(np.isin(items.kinds, kinds))
        inside = inside[np.argsort(d.bits(len(inside)), kind="stable")][:most]
        order.append(inside)
        sizes.append(len(inside))
    _daily(items, order[2])
    halves = [np.array([5000]), np.array([15_000])]
    packs = np.concatenate([draw.weighted([q * 10_000 for q in _PACKS[0]], _PACKS[1], 252), *halves, *halves])
    grams = draw.weighted([q * 10_000 for q in _GRAMS[0]], _GRAMS[1], 256)
    times = draw.weighted([q * 10_000 for q in _TIMES[0]], _TIMES[1], 256)
    counts = []
    for kind in KINDS:
        table = draw.lognormal(kind.lines[0] * 256 * plan.scale, kind.lines[1], 256, 1_000 * 256)
        counts.append(table)
    codes = pa.array([*items.codes, *(f"XZ99ZZZ999A001010199{i:03d}" for i in range(UNKNOWN_CODES))], pa.string())
    return Shelf(
        items,
        Zipf(sizes),
        np.concatenate(order).astype(np.int32),
        np.concatenate(([0], np.cumsum(sizes)[:-1])).astype(np.int32),
        np.stack([packs, packs, grams, times, packs]),
        # the price of one institution on one day, in thousandths of the usual one
        draw.weighted((850, 920, 960, 1000, 1040, 1080, 1150), (5, 10, 20, 35, 15, 10, 5), 256),
        np.concatenate(counts),
        codes,
    )


def _daily(items: Items, order: Ints) -> None:
    """Beds, nursing and rounds come first among the items of inpatients."""
    words = ("床位费", "护理", "诊查费")
    daily = [
        i
        for i, at in enumerate(order[: len(order)])
        if items.kinds[at] == SERVICE and any(w in items.names[at] for w in words)
    ][:12]
    for rank, i in enumerate(daily):
        order[[rank * 2, i]] = order[[i, rank * 2]]


def line_rows(plan: Plan, goods: Shelf, who: People, rows: Visits, setl: pa.Array) -> tuple[pa.Table, Ints]:
    """Rows of the table ``lines``, grouped by visit in the order of ``rows``, and the offsets (rows + 1) into them."""
    d = Draw(plan.seed, draw.LINES, 1 + plan.persons + int(rows.serial.min()))
    count, whole = _counts(d, goods, rows)
    offsets = np.concatenate(([0], np.cumsum(count)))
    n = int(offsets[-1])
    visit = np.repeat(np.arange(len(rows), dtype=np.int32), count)
    place = (np.arange(n) - offsets[:-1][visit]).astype(np.int32)
    words = d.words(2 * n)
    again = np.flatnonzero(rows.role[visit] == PARTIAL)
    if len(again):
        # the settlement of what remains has the first lines of the one it replaces
        source = offsets[rows.source[visit[again]]] + place[again]
        words[again], words[n + again] = words[source], words[n + source]
    low = words[:n]
    item_bits = (low & np.uint64(0xFFFFFFFF)).astype(np.uint32)
    item, kind = _which(goods, rows, visit, item_bits)
    cnt = goods.quantity[kind, ((low >> np.uint64(32)) & np.uint64(255)).astype(np.int64)]
    price = (
        goods.items.prices[item]
        * goods.factor[((low >> np.uint64(40)) & np.uint64(255)).astype(np.int64)]
        // 100_000
        * 100
    )
    np.maximum(price, 100, out=price)
    amount = (cnt * price + 50_000_000) // 100_000_000
    rare = words[n:]
    named = _returns(rare, place, cnt, price, amount, item)
    item = np.where(
        (rare & np.uint64(0xFFFF)) < np.uint64(UNKNOWN), len(goods.items.codes) + item % UNKNOWN_CODES, item
    )
    if len(named):
        item[named] = item[named - 1]
    _negative(rows, offsets, amount, cnt)
    day = rows.begin[visit] + (place * (rows.end - rows.begin + 1)[visit]) // np.maximum(whole[visit], 1).astype(
        np.int32
    )
    serial = np.repeat(draw.digits(rows.serial, 12).reshape(-1).view("S12"), count).view(np.uint8).reshape(n, 12)
    sn = draw.text(serial, draw.digits(place.astype(np.int64), 4))
    initial = np.full(n, -1)
    initial[named] = named - 1
    approval = ((rare >> np.uint64(32)) & np.uint64(0xFFFF)).astype(np.int64)
    table = pa.table(
        {
            "setl_id": pa.DictionaryArray.from_arrays(pa.array(visit), setl),
            "feedetl_sn": sn,
            "init_feedetl_sn": draw.chosen(sn, initial),
            "med_list_codg": pa.DictionaryArray.from_arrays(pa.array(item), goods.codes),
            "fee_ocur_time": draw.days(np.minimum(day, rows.end[visit]).astype(np.int32)),
            "cnt": pa.array(cnt),
            "pric": pa.array(price),
            "det_item_fee_sumamt": pa.array(amount),
            "hosp_appr_flag": draw.coded(
                np.where(approval < REFUSED, 2, np.where(approval < REFUSED + APPROVED, 1, -1)), ("0", "1", "2")
            ),
            "deny_flag": pa.array((((rare >> np.uint64(48)) & np.uint64(0xFFFF)) < np.uint64(DENIED)).astype(np.int8)),
        }
    )
    return table, offsets


def _counts(d: Draw, goods: Shelf, rows: Visits) -> tuple[Ints, Ints]:
    """Lines of each visit, and lines of the whole bill of which they are a part."""
    n = len(rows)
    raw = goods.counts[rows.kind * draw.SIZE + (d.bits(n) >> np.uint32(20)).astype(np.int64)]
    # 256ths: the rest decides by chance, so that the mean is kept
    count = np.maximum((raw + d.below(n, 256)) // 256, 1)
    count[is_reversal(rows) | (rows.bad == DUPLICATE)] = 0
    whole = count.copy()
    again = rows.role == PARTIAL
    whole[again] = count[rows.source[again]]
    count[again] = np.maximum(whole[again] * 7 // 10, 1)
    return np.minimum(count, 9999), whole


def _which(
    goods: Shelf, rows: Visits, visit: npt.NDArray[np.int32], bits: draw.Bits
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int8]]:
    """Item and its kind for each line."""
    by_kind = [2 if k.where == INPATIENT else 3 if k.where == PHARMACY else 1 if k.who == CHRONIC else 0 for k in KINDS]
    group = np.array(by_kind, np.int32)[rows.kind][visit]
    item = goods.order[goods.zipf.ranks(bits, group) + goods.start[group]]
    return item, goods.items.kinds[item]


def _returns(
    rare: npt.NDArray[np.uint64],
    place: npt.NDArray[np.int32],
    cnt: Ints,
    price: Ints,
    amount: Ints,
    item: npt.NDArray[np.int32],
) -> Ints:
    """Make a few lines the return of the line before them, whole or half; a few others wrong by a fen. Indices of the returns."""
    roll = (rare >> np.uint64(16)) & np.uint64(0xFFFF)
    back = (roll < np.uint64(RETURNED)) & (place > 0)
    back[1:] &= ~back[:-1]
    off = (roll >= np.uint64(RETURNED)) & (roll < np.uint64(RETURNED + OFF)) & (amount > 1)
    amount[off] += np.where(roll[off] & np.uint64(1), 1, -1)
    named = np.flatnonzero(back)
    half = (roll[named] & np.uint64(3)) == 0
    cnt[named] = -np.where(half, np.maximum(cnt[named - 1] // 2, 1), cnt[named - 1])
    price[named] = price[named - 1]
    part = (-cnt[named] * price[named] + 50_000_000) // 100_000_000
    amount[named] = -np.where(half, np.minimum(part, amount[named - 1]), amount[named - 1])
    item[named] = item[named - 1]
    return named


def _negative(rows: Visits, offsets: Ints, amount: Ints, cnt: Ints) -> None:
    """Bad rows whose total is below zero: the first line takes back more than the visit has."""
    for row in np.flatnonzero(rows.bad == NEGATIVE):
        first, last = offsets[row], offsets[row + 1]
        if last > first:
            amount[first] = -int(np.abs(amount[first:last]).sum()) - 100
            cnt[first] = -abs(int(cnt[first]))
