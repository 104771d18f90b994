"""What a synthetic city is made of: sizes, schemes, shares. Every share with its source is in docs/synth.md."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

EPOCH = dt.date(1970, 1, 1)
PERSON_BLOCK = 2048  # persons whose attributes are drawn together
MOST_VISITS = 32768  # visits that are drawn together, as long as one person does not have more

OUTPATIENT, INPATIENT, PHARMACY = 0, 1, 2
GENERAL, CHRONIC, STAY, MATERNITY = 0, 1, 2, 3
ORDERS = ("time", "person", "random")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of visit: its code, share of ordinary visits, where it happens, to whom, and how many fee lines it has."""

    name: str
    med_type: str
    share: float
    where: int
    who: int
    lines: tuple[float, float]  # median and sigma of a lognormal, for lines_per_visit = 10
    stay: tuple[float, float] | None = None  # median and sigma of the days of stay


KINDS: tuple[Kind, ...] = (
    Kind("outpatient", "11", 0.505, OUTPATIENT, GENERAL, (4.6, 0.65)),
    Kind("emergency", "13", 0.03, OUTPATIENT, GENERAL, (7.0, 0.7)),
    Kind("chronic", "14", 0.11, OUTPATIENT, CHRONIC, (4.0, 0.6)),
    Kind("pharmacy", "41", 0.27, PHARMACY, GENERAL, (2.4, 0.55)),
    Kind("inpatient", "21", 0.053, INPATIENT, STAY, (72.0, 0.5), (7.0, 0.6)),
    Kind("injury", "22", 0.004, INPATIENT, STAY, (72.0, 0.5), (8.0, 0.6)),
    Kind("emergency_stay", "24", 0.004, INPATIENT, STAY, (80.0, 0.5), (7.0, 0.6)),
    Kind("day_surgery", "21", 0.005, INPATIENT, STAY, (40.0, 0.35), (0.8, 0.3)),
    Kind("prenatal", "51", 0.014, OUTPATIENT, MATERNITY, (6.0, 0.5)),
    Kind("delivery", "52", 0.005, INPATIENT, MATERNITY, (60.0, 0.35), (4.0, 0.35)),
)

# Visits that follow from another one, as shares of all visits.
FOLLOWING: dict[str, float] = {
    "reversal": 0.008,
    "partial": 0.003,  # each is two rows: a reversal and a settlement of the remaining lines
    "transfer": 0.002,
    "readmission": 0.006,
    "interim": 0.001,  # one more settlement of the same stay
}


@dataclass(frozen=True, slots=True)
class Scheme:
    """One scheme of the city: who is insured where, and their share of the persons."""

    insutype: str
    admdvs: str
    share: float

    @property
    def employee(self) -> bool:
        """True for schemes of working and retired people; residents and rural schemes have psn_type 14 to 16."""
        return not self.insutype.startswith(("38", "39"))


DEFAULT_SCHEMES: dict[str, float] = {"310": 0.5, "390": 0.3, "380": 0.2}
DEFAULT_REGIONS: dict[str, str] = {"310": "110000", "390": "410300", "380": "610802"}


@dataclass(frozen=True, slots=True)
class Plan:
    """The parameters of a city; together with the version of this module they decide every byte of it."""

    seed: int = 1
    persons: int = 100_000
    visits: int = 1_000_000
    lines_per_visit: float = 10
    catalog_items: int = 20_000
    year: int = 2024
    bad_rows: float = 0.0005
    order: str = "time"
    schemes: tuple[Scheme, ...] = ()
    kinds: tuple[float, ...] = ()
    ratio_categories: tuple[str, ...] = ("R",)
    tags: tuple[str, ...] = ("special_drug",)
    chronic: tuple[str, ...] = ()
    topups: bool = True
    scale: float = field(default=1.0)

    @property
    def first_day(self) -> int:
        """1 January of the year, in days since 1970-01-01."""
        return (dt.date(self.year, 1, 1) - EPOCH).days

    @property
    def length(self) -> int:
        """Days of the year."""
        return (dt.date(self.year + 1, 1, 1) - dt.date(self.year, 1, 1)).days

    @property
    def blocks(self) -> int:
        """Blocks of persons."""
        return -(-self.persons // PERSON_BLOCK)

    def block_size(self, block: int) -> int:
        """Persons of a block."""
        return min(PERSON_BLOCK, self.persons - block * PERSON_BLOCK)

    def visits_before(self, person: int) -> int:
        """Visits of all persons with a smaller number; a unit of persons has the difference of its ends."""
        return self.visits * person // self.persons

    def units(self) -> list[tuple[int, int, int]]:
        """(block, first person, last person + 1 inside the block) of what is drawn together, in order."""
        out = []
        for block in range(self.blocks):
            start, size = block * PERSON_BLOCK, self.block_size(block)
            count = self.visits_before(start + size) - self.visits_before(start)
            parts = min(size, max(1, -(-count // MOST_VISITS)))
            out += [(block, size * i // parts, size * (i + 1) // parts) for i in range(parts)]
        return out


def make(
    seed: int,
    persons: int,
    visits: int | None,
    lines_per_visit: float,
    catalog_items: int,
    year: int,
    bad_rows: float,
    insutypes: Mapping[str, float],
    regions: Mapping[str, str],
    kinds: Mapping[str, float] | None,
    **more: Any,
) -> Plan:
    """Check the parameters and complete them. Raises ValueError with the name of what is wrong."""
    count = persons * 10 if visits is None else visits
    for name, value, low, high in (
        ("seed", seed, 0, 2**64 - 1),
        ("persons", persons, 1, 2_000_000_000),
        ("visits", count, 1, 10**11),
        ("catalog_items", catalog_items, 500, 5_000_000),
        ("year", year, 2000, 2100),
    ):
        if not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"{name} must be a whole number from {low} to {high}, not {value!r}")
    if not 1 <= lines_per_visit <= 400:
        raise ValueError("lines_per_visit must be from 1 to 400")
    if not 0 <= bad_rows <= 0.2:
        raise ValueError("bad_rows must be from 0 to 0.2")
    missing = [code for code in insutypes if code not in regions]
    if missing or not insutypes or min(insutypes.values()) < 0 or sum(insutypes.values()) <= 0:
        raise ValueError(f"insutypes needs positive shares and a region for each scheme (no region: {missing})")
    if any(len(regions[code]) != 6 or not regions[code].isdigit() for code in insutypes):
        raise ValueError("a region is a 6-digit admdvs code")
    if more.get("order") not in ORDERS:
        raise ValueError(f"order must be one of {', '.join(ORDERS)}")
    schemes = tuple(Scheme(code, regions[code], share) for code, share in insutypes.items() if share > 0)
    shares = _kind_shares(kinds)
    plan = Plan(
        seed, persons, count, lines_per_visit, catalog_items, year, bad_rows, schemes=schemes, kinds=shares, **more
    )
    object.__setattr__(plan, "scale", lines_per_visit / _expected_lines(shares))
    return plan


def _expected_lines(shares: tuple[float, ...]) -> float:
    """Mean lines of a visit, following visits included (reversals have none), before the scale."""
    base = sum(share * mean_lines(kind) for kind, share in zip(KINDS, shares)) / sum(shares)
    stays = [(share, mean_lines(kind)) for kind, share in zip(KINDS, shares) if kind.stay and share > 0]
    long = FOLLOWING["transfer"] + FOLLOWING["readmission"] + FOLLOWING["interim"]
    after = long * sum(share * lines for share, lines in stays) / sum(share for share, _ in stays) if stays else 0.0
    ordinary = 1 - sum(FOLLOWING.values()) - FOLLOWING["partial"]
    return ordinary * base + after + FOLLOWING["partial"] * 0.7 * base


def _kind_shares(kinds: Mapping[str, float] | None) -> tuple[float, ...]:
    names = [kind.name for kind in KINDS]
    unknown = sorted(set(kinds or ()) - set(names))
    if unknown:
        raise ValueError(f"unknown kinds {unknown}; the kinds are {', '.join(names)}")
    shares = (
        tuple(kind.share for kind in KINDS) if kinds is None else tuple(float(kinds.get(name, 0)) for name in names)
    )
    if min(shares) < 0 or sum(shares) <= 0:
        raise ValueError("kinds needs shares of at least 0 and one above")
    return shares


def mean_lines(kind: Kind) -> float:
    """Mean lines of a visit of this kind at lines_per_visit = 10 (before rounding to whole lines)."""
    return kind.lines[0] * math.exp(kind.lines[1] ** 2 / 2)
