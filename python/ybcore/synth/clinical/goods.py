"""What a clinical city can charge for: ordinary items on shelves, and the items of the rule tables in pools."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from .. import draw
from ..codes import consumables, herbs, more_patents, more_services, more_western
from ..draw import Draw, Ints, Zipf
from ..items import HERB, PATENT, SERVICE, WESTERN, Items, items, seeds
from ..plan import KINDS, Plan
from .knowledge import ANTIBIOTICS, DAILY, IGG_DRUG, IGG_TEST, NOBODY, STOCK_ITEM, knowledge, tables

DRUGS, PHASES, HERBS = (
    12,
    3,
    16,
)  # different drugs of a visit, slots until a class may come again, herbs of a prescription
SERVICES, HERBAL, WARD = DRUGS * PHASES, DRUGS * PHASES + 1, DRUGS * PHASES + 1 + HERBS  # shelves after those of drugs
TRACKED = 96  # items whose stock is kept
_MOST = 3000  # items of a shelf of drugs

#: Operation groups for everybody, and an operation that goes with each.
OPERATIONS = {
    "胃肠手术组": "47.0900",
    "肝胆手术组": "51.2300",
    "直肠肛门手术组": "49.4600",
    "膀胱尿道手术组": "57.4900",
    "经腹直肠手术组": "48.6300",
}


@dataclass(frozen=True, slots=True)
class Pool:
    """Items of the rule tables that ask the same of a visit: bits of the context, and whether they are services."""

    asks: int
    service: bool
    items: npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Goods:
    """Shelves and pools by item index; ``full`` is the full price of operations, ``tracked`` the number in the stock or −1."""

    items: Items
    codes: pa.Array
    index: dict[str, int]
    zipf: Zipf
    order: npt.NDArray[np.int32]
    start: npt.NDArray[np.int32]
    counts: Ints
    attributes: tuple[Pool, ...]
    course: npt.NDArray[np.int32]
    pairs: npt.NDArray[np.int32]
    window: npt.NDArray[np.int32]
    course_items: npt.NDArray[np.int32]
    hours: npt.NDArray[np.int32]
    hour_units: npt.NDArray[np.bool_]
    daily: npt.NDArray[np.int32]
    surgery: tuple[npt.NDArray[np.int32], ...]
    reserved: dict[str, npt.NDArray[np.int32]]
    tracked: npt.NDArray[np.int16]
    tracked_items: npt.NDArray[np.int32]


#: Items that are kept from the shelves for a purpose, and how many of each.
RESERVED = {
    "second_line": 20,
    "first_line": 20,
    "indicated": 45,
    "discharge": 60,
    "barred": 20,
    "coupled": 20,
    "plants": 240,
}


def catalogue(plan: Plan) -> Items:
    """The catalogue of a clinical city: that of the city, all items of the rule tables, and a few of our own."""
    services = seeds("services.csv")
    patents = [row for row in seeds("drugs.csv") if row["med_list_codg"].startswith("Z")]
    # the items of the rule tables are no goods for ordinary lines: so many others are there in any case
    others = ((more_western(seeds("generics.csv")), 1500), (more_patents(patents), 300), (herbs(), 150), (more_services(services), 600), (consumables(), 200))  # fmt: skip
    made = [(code, name) for source, many in others for code, name, _ in islice(source, many)]
    return items(plan, [*knowledge().names.items(), IGG_DRUG, IGG_TEST, STOCK_ITEM, *ANTIBIOTICS, *made], ending=0)


def goods(plan: Plan, every: Items) -> Goods:
    """Shelves and pools of a city."""
    known = knowledge()
    index = {code: i for i, code in enumerate(every.codes)}
    d = Draw(plan.seed, draw.BILLING)
    own = {IGG_DRUG[0], IGG_TEST[0], STOCK_ITEM[0], *(code for code, _ in ANTIBIOTICS)}
    free = np.array([code not in known.family and code not in own for code in every.codes])
    shuffled = np.argsort(d.bits(len(every.codes)), kind="stable")
    free_order = shuffled[free[shuffled]]
    kind = every.kinds
    starts = np.array([code.startswith("XJ01") for code in every.codes])
    # a bed or nursing is no treatment: a day of a stay has something else too
    beds = np.array([code.startswith(("0011", "0012")) for code in every.codes])
    free_order = free_order[~beds[free_order]]
    reserved, used = _reserve(free_order, kind, starts)
    reserved["antibiotic"] = np.array([index[code] for code, _ in ANTIBIOTICS], np.int64)
    free_order = free_order[~used[free_order]]
    shelves = _shelves(every, free_order, kind, starts)
    tracked_items = np.concatenate([shelf[: -(-TRACKED // SERVICES)] for shelf in shelves[:SERVICES]])[:TRACKED]
    tracked = np.full(len(every.codes), -1, np.int16)
    tracked[tracked_items] = np.arange(len(tracked_items))

    def there(codes: list[str]) -> npt.NDArray[np.int32]:
        return np.array([index[c] for c in codes], np.int32)

    hours = [row["med_list_codg"] for row in tables()["item_max_quantity"]]
    pure = set(known.of("cap")) - {*DAILY}
    hours_pool = there([code for code in hours if code in pure])
    units = {row["med_list_codg"]: row["unit"] == "小时" for row in tables()["item_max_quantity"]}
    beside_beds = {partner for code in DAILY for partner in known.partners.get(code, ())} | {*DAILY}
    course = [c for c in known.of("course_drug", only=False) if not known.asks.get(c, 0) & ~_WARD_BITS]
    return Goods(
        every,
        pa.array(every.codes, pa.string()),
        index,
        Zipf([len(shelf) for shelf in shelves]),
        np.concatenate(shelves).astype(np.int32),
        np.concatenate(([0], np.cumsum([len(shelf) for shelf in shelves])[:-1])).astype(np.int32),
        np.concatenate([draw.lognormal(k.lines[0] * 256 * plan.scale, k.lines[1], 256, 1_000 * 256) for k in KINDS]),
        _pools(there),
        there(course),
        there([code for code in known.of("pair") if code not in beside_beds]),
        there(known.of("window")),
        there(known.of("course_item")),
        hours_pool,
        np.array([units[every.codes[i]] for i in hours_pool]),
        np.array([index[code] for code in DAILY], np.int32),
        tuple(there(codes) for codes in surgery_groups().values()),
        {name: found.astype(np.int32) for name, found in reserved.items()},
        tracked,
        tracked_items.astype(np.int32),
    )


_WARD_BITS = (1 << 6) | (1 << 7)  # INPATIENT, LEVEL2


def full_price(usual: Ints) -> Ints:
    """The full price of an operation: whole yuan, so that half of it is exact too; at least 200 yuan."""
    return np.maximum(usual // 2_000_000 * 2_000_000, 200_000_000)


def surgery_groups() -> dict[str, list[str]]:
    """Operations by group, of those that are in one group and in no other table."""
    known = knowledge()
    groups: dict[str, set[str]] = defaultdict(set)
    for row in tables()["item_primary_secondary"]:
        groups[row["item"]].add(row["operation_group"])
    pure = {*known.of("surgery")}
    return {g: sorted(c for c, where in groups.items() if where == {g} and c in pure) for g in OPERATIONS}


def _reserve(
    order: Ints, kind: npt.NDArray[np.int8], antibiotics: npt.NDArray[np.bool_]
) -> tuple[dict[str, Ints], npt.NDArray[np.bool_]]:
    """Drugs, services and herbs that are kept for a purpose (the first free ones), and which items that takes."""
    drugs = order[(kind[order] == WESTERN) & ~antibiotics[order]]
    used = np.zeros(len(kind), bool)
    out: dict[str, Ints] = {}
    at = 0
    for name, many in RESERVED.items():
        out[name] = drugs[at : at + many]
        at += many
    out["service"] = order[kind[order] == SERVICE][:120]
    out["herb"] = order[kind[order] == HERB][:40]
    for found in out.values():
        used[found] = True
    if min(len(found) for found in out.values()) < 8 or len(drugs) < at + SERVICES * 4:
        raise ValueError("the catalogue has too few ordinary items")
    return out, used


def _shelves(every: Items, order: Ints, kind: npt.NDArray[np.int8], antibiotics: npt.NDArray[np.bool_]) -> list[Ints]:
    """Drugs so parted that no class (first four characters) is on two shelves; services; herbs; everything for the ward."""
    by_class: dict[str, list[int]] = defaultdict(list)
    for i in order[(kind[order] == WESTERN) | (kind[order] == PATENT)]:
        by_class[every.codes[i][:4]].append(int(i))
    drugs: list[list[int]] = [[] for _ in range(SERVICES)]
    for name in sorted(by_class, key=lambda name: (-len(by_class[name]), name)):
        min(drugs, key=len).extend(by_class[name])
    rank = np.empty(len(kind), np.int64)
    rank[order] = np.arange(len(order))
    shelves = [np.array(sorted(found, key=lambda i: rank[i])[:_MOST], np.int64) for found in drugs]
    shelves.append(order[kind[order] == SERVICE])
    herbs = order[kind[order] == HERB]
    shelves += [herbs[i::HERBS] for i in range(HERBS)]
    shelves.append(order[~antibiotics[order] & (kind[order] != HERB)])
    return shelves


def _pools(there: object) -> tuple[Pool, ...]:
    """Restricted items by what they ask, without those that nobody in the city may have."""
    known = knowledge()
    groups: dict[tuple[int, bool], list[str]] = defaultdict(list)
    for code in known.of("attribute", only=False):
        asks = known.asks[code]
        if known.family[code] == "attribute" and not asks & NOBODY:
            groups[asks, code[0] == "0"].append(code)
    pools = [Pool(asks, service, there(codes)) for (asks, service), codes in sorted(groups.items())]  # type: ignore[operator]
    # a drug comes again only after a year: a pool needs more of them than there are slots
    return tuple(pool for pool in pools if pool.service or len(pool.items) >= 60)
