"""The catalogue of a city: real codes and names first, then as many more as are wanted, with classes, ratios and caps."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from . import draw
from .codes import consumables, herbs, more_patents, more_services, more_western
from .draw import NO_DAY, Draw, Ints
from .plan import Plan

WESTERN, PATENT, HERB, SERVICE, MATERIAL = range(5)
#: Shares of the kinds of items in the whole catalogue.
KIND_SHARES = (0.42, 0.22, 0.06, 0.15, 0.15)
#: Median price in millionths of a yuan and sigma, by kind (herbs by the gram).
PRICES = ((14_000_000, 1.1), (20_000_000, 0.7), (110_000, 0.8), (18_000_000, 1.2), (55_000_000, 1.5))
#: Shares of the classes 01, 02, 03 by kind, where the real one is not known.
CLASSES = ((30, 50, 20), (22, 53, 25), (88, 4, 8), (50, 35, 15), (15, 60, 25))
RATIOS = (50_000, 80_000, 100_000, 125_000, 150_000, 200_000, 300_000, 400_000)
RATIO_WEIGHTS = (18, 6, 36, 3, 12, 15, 7, 3)
TWO_VERSIONS = 0.05
LIST_TYPES = ("101", "101", "102", "201", "301")
HEADS = ("09", "11", "10", "05", "08")
_SERVICE_HEADS = {
    "00110": "02",
    "0011": "12",
    "0012": "07",
    "0021": "03",
    "0022": "03",
    "0023": "03",
    "0025": "04",
    "0027": "04",
    "0033": "06",
}
#: Kind by the first character of a code.
KIND_OF = {"X": WESTERN, "Z": PATENT, "T": HERB, "0": SERVICE, "C": MATERIAL}
_BEDS = ("床位费", "护理", "诊查费")


class CatalogTables(NamedTuple):
    """The three catalogue tables; ``Catalog(*tables)`` reads them."""

    items: pa.Table
    selfpay: pa.Table
    caps: pa.Table


@dataclass(slots=True)
class Items:
    """Items by index: code, name, kind, price in millionths of a yuan; and the dated tables."""

    codes: list[str]
    names: list[str]
    kinds: npt.NDArray[np.int8]
    prices: Ints
    tables: CatalogTables


def seeds(name: str) -> list[dict[str, str]]:
    """Rows of one table of ``data/synth`` (installed beside the package, or in the source tree)."""
    inside = resources.files("ybcore").joinpath("data", "synth", name)
    path: Any = inside if inside.is_file() else Path(__file__).resolve().parents[3] / "data" / "synth" / name
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def items(plan: Plan, more: Sequence[tuple[str, str]] = (), ending: float = 0.003) -> Items:
    """The catalogue of a city; ``more``: codes with names that must be in it, after the others; ``ending``: share that ends in the year."""
    d = Draw(plan.seed, draw.CATALOG)
    codes, names, kinds, known = _codes(plan.catalog_items)
    taken = set(codes)
    for code, name in more:
        if code not in taken:
            codes.append(code)
            names.append(name)
            kinds.append(KIND_OF[code[0]])
            known.append(0)
    n = len(codes)
    kind = np.array(kinds, np.int8)
    table = np.array([draw.lognormal(m, s, 10_000, 60_000_000_000) for m, s in PRICES])
    prices = table[kind, d.bits(n) >> np.uint32(20)] // 100 * 100
    nursing = np.array([any(word in name for word in _BEDS) for name in names])
    prices = np.where(nursing, np.minimum(prices, 90_000_000), prices)
    return Items(
        codes, names, kind, prices, _tables(plan, d, codes, names, kind, prices, np.array(known, np.int8), ending)
    )


def _codes(n: int) -> tuple[list[str], list[str], list[int], list[int]]:
    """n codes with names, kinds and known classes (0 unknown)."""
    wanted = [round(share * n) for share in KIND_SHARES]
    wanted[WESTERN] += n - sum(wanted)
    drugs, services, generics = seeds("drugs.csv"), seeds("services.csv"), seeds("generics.csv")
    found: list[tuple[str, str, int, int]] = []
    for kind, first in ((WESTERN, "X"), (PATENT, "Z")):
        real = [row for row in drugs if row["med_list_codg"].startswith(first)]
        # a small catalogue takes every k-th real product, so that all its names are not one letter's
        step = max(1, len(real) // max(1, wanted[kind] // 2))
        found += [
            (row["med_list_codg"], row["name"], kind, int(row["chrgitm_lv"] or 0))
            for row in real[::step][: wanted[kind]]
        ]
    real = services[:: max(1, len(services) // max(1, wanted[SERVICE]))][: wanted[SERVICE]]
    found += [(row["med_list_codg"], row["name"], SERVICE, 0) for row in real]
    taken = {code for code, *_ in found}
    have = [sum(1 for row in found if row[2] == kind) for kind in range(5)]
    makers = {
        WESTERN: lambda: more_western(generics),
        PATENT: lambda: more_patents([row for row in drugs if row["med_list_codg"].startswith("Z")]),
        HERB: herbs,
        SERVICE: lambda: more_services(services),
        MATERIAL: consumables,
    }
    for kind, maker in makers.items():
        missing = wanted[kind] - have[kind]
        source = iter(maker())
        while missing > 0:
            code, name, known = next(source)
            if code not in taken:
                taken.add(code)
                found.append((code, name, kind, known))
                missing -= 1
    return [f[0] for f in found], [f[1] for f in found], [f[2] for f in found], [f[3] for f in found]


def _head(code: str, kind: int) -> str:
    if kind == SERVICE:
        return next((head for start, head in _SERVICE_HEADS.items() if code.startswith(start)), HEADS[kind])
    return HEADS[kind]


def _tables(
    plan: Plan,
    d: Draw,
    codes: list[str],
    names: list[str],
    kind: npt.NDArray[np.int8],
    prices: Ints,
    known: npt.NDArray[np.int8],
    ending: float,
) -> CatalogTables:
    n = len(codes)
    draws = np.array([draw.weighted((1, 2, 3), w) for w in CLASSES])
    ratios = draw.weighted(RATIOS, RATIO_WEIGHTS)

    def classes() -> Ints:
        return draws[kind, d.bits(n) >> np.uint32(20)]

    first = np.where(known > 0, known, classes())
    later = np.where(d.chance(n, 0.5), classes(), first)
    ratio, later_ratio = d.pick(ratios, n), d.pick(ratios, n)
    # a price has changed by some tenths, on the first of a month from February to November
    months = np.array([np.datetime64(f"{plan.year}-{m:02d}-01", "D").astype(np.int64) for m in range(2, 12)])
    split = months[d.below(n, len(months))]
    two = d.chance(n, TWO_VERSIONS)
    ends = np.where(~two & d.chance(n, ending), split, int(NO_DAY))
    row = np.repeat(np.arange(n), 1 + two)
    second = np.zeros(len(row), bool)
    second[1:] = row[1:] == row[:-1]
    begin = np.where(second, split[row], _start(plan))
    end = np.where(two[row] & ~second, split[row], ends[row])
    dated = _Dated(row, second, begin.astype(np.int32), end.astype(np.int32))
    level = np.where(second, later[row], first[row])
    share = np.where(second, later_ratio[row], ratio[row])
    style = d.below(
        n, 100
    )  # how the ratio of a class 02 item is told: 0–1 not at all, 2–39 on the item, 40– in its own table
    own = np.where((level == 2) & (style[row] >= 2) & (style[row] < 40), share, -1)
    local = np.flatnonzero(d.chance(n, 0.02))
    selfpay = _selfpay(plan, d, codes, dated, share, (level == 2) & (style[row] >= 40))
    caps = _caps(d, codes, dated, kind, prices)
    return CatalogTables(_items(plan, d, codes, names, kind, dated, level, own, local), selfpay, caps)


class _Dated(NamedTuple):
    """Versions of items: item index of each row, whether it is the second, and its validity."""

    row: Ints
    second: npt.NDArray[np.bool_]
    begin: npt.NDArray[np.int32]
    end: npt.NDArray[np.int32]


def _start(plan: Plan) -> int:
    return int(np.datetime64(f"{plan.year - 4}-01-01", "D").astype(int))


def _items(
    plan: Plan,
    d: Draw,
    codes: list[str],
    names: list[str],
    kind: npt.NDArray[np.int8],
    dated: _Dated,
    level: Ints,
    own: Ints,
    local: Ints,
) -> pa.Table:
    """Every version, and for a few items a row of one place that wins over the general one."""
    n = len(codes)
    regions = list(dict.fromkeys(s.admdvs for s in plan.schemes))
    index = np.concatenate((dated.row, local))
    none = np.full(len(local), NO_DAY, np.int32)
    local_class = np.where(d.chance(len(local), 0.5), 2, 3)
    lv = np.concatenate((level, local_class))
    prop = np.concatenate((own, np.where(local_class == 2, 150_000, -1)))
    direct = (kind == MATERIAL) & d.chance(n, 0.01)
    tagged = np.where(
        (kind == WESTERN) & d.chance(n, 0.01) & (len(plan.tags) > 0), d.below(n, max(1, len(plan.tags))), -1
    )
    heads = [_head(code, int(k)) for code, k in zip(codes, kind)]
    place = np.concatenate((np.full(len(dated.row), -1), d.below(len(local), len(regions))))
    take = pa.array(index)
    return pa.table(
        {
            "med_list_codg": pa.array(codes, pa.string()).take(take),
            "insu_admdvs": draw.coded(place, regions),
            "begndate": draw.days(np.concatenate((dated.begin, none))),
            "enddate": draw.days(np.concatenate((dated.end, none))),
            "chrgitm_lv": draw.coded(lv - 1, ("01", "02", "03")),
            "selfpay_prop": pa.array(prop, mask=prop < 0),
            "list_type": draw.coded(kind[index], LIST_TYPES),
            "med_chrgitm_type": pa.array(heads, pa.string()).dictionary_encode().take(take),
            "drt_reim_flag": draw.coded(direct[index].astype(np.int8), ("0", "1")),
            "tag": draw.coded(tagged[index], plan.tags or ("",)),
            "name": pa.array(names, pa.string()).take(take),
        }
    )


def _selfpay(
    plan: Plan, d: Draw, codes: list[str], dated: _Dated, share: Ints, here: npt.NDArray[np.bool_]
) -> pa.Table:
    """Ratios of class 02 versions: one for everybody, for a third also half of it for each person category."""
    rows = np.flatnonzero(here)
    parts, categories = [rows], [np.full(len(rows), -1)]
    special = rows[d.chance(len(rows), 1 / 3)]
    for i in range(len(plan.ratio_categories)):
        parts.append(special)
        categories.append(np.full(len(special), i))
    at, category = np.concatenate(parts), np.concatenate(categories)
    return pa.table(
        {
            "med_list_codg": pa.array(codes, pa.string()).take(pa.array(dated.row[at])),
            "selfpay_prop_psn_type": draw.coded(category, plan.ratio_categories or ("",)),
            "begndate": draw.days(dated.begin[at]),
            "enddate": draw.days(dated.end[at]),
            "selfpay_prop": pa.array(np.where(category >= 0, share[at] // 2, share[at])),
        }
    )


def _caps(d: Draw, codes: list[str], dated: _Dated, kind: npt.NDArray[np.int8], prices: Ints) -> pa.Table:
    """Caps near the usual price: services by three price levels (some with a row for all others), drugs and materials by one row."""
    n = len(codes)
    has = d.bits(n) < (np.array([0.12, 0.12, 0.05, 0.4, 0.4])[kind] * 2**32).astype(np.uint64)
    around = draw.weighted((600, 800, 900, 1000, 1200, 1500), (10, 20, 25, 20, 15, 10))
    factor, again = d.pick(around, n), d.pick(around, n)
    rest = d.chance(n, 0.5)
    row = np.flatnonzero(has[dated.row])
    item = dated.row[row]
    cap = prices[item] * np.where(dated.second[row], again[item], factor[item]) // 1000
    by_level = kind[item] == SERVICE
    parts: list[tuple[Ints, int, Ints]] = [(np.flatnonzero(~by_level | rest[item]), -1, np.array(700))]
    parts += [(np.flatnonzero(by_level), i, np.array(f)) for i, f in enumerate((1000, 900, 800))]
    at = np.concatenate([p[0] for p in parts])
    level = np.concatenate([np.full(len(p[0]), p[1]) for p in parts])
    times = np.concatenate([np.full(len(p[0]), int(p[2])) for p in parts])
    times = np.where(by_level[at], times, 1000)
    return pa.table(
        {
            "med_list_codg": pa.array(codes, pa.string()).take(pa.array(item[at])),
            "lmtpric_hosp_lv": draw.coded(level, ("3", "2", "1")),
            "begndate": draw.days(dated.begin[row[at]]),
            "enddate": draw.days(dated.end[row[at]]),
            "hilist_pric_uplmt_amt": pa.array(np.maximum(cap[at] * times // 100_000 * 100, 100)),
        }
    )
