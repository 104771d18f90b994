"""Institutions of every level, their codes and dated rows, and who goes where."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from . import draw
from .draw import NO_DAY, Draw, Ints
from .plan import INPATIENT, OUTPATIENT, PHARMACY, Plan

#: hosp_lv codes of each deductible level, and their weights.
GRADES: dict[str, tuple[tuple[str, ...], tuple[float, ...]]] = {
    "3": (("02", "03", "04", "01"), (70, 20, 8, 2)),
    "2": (("05", "06", "07"), (60, 30, 10)),
    "1": (("08", "09", "10"), (60, 25, 15)),
    "0": (("11",), (1,)),
}
LEVELS = ("3", "2", "1", "0", "P")
#: Institutions of each level for 100,000 persons, and the fewest of a place.
DENSITY = {"3": (6, 3), "2": (10, 3), "1": (24, 3), "0": (60, 4), "P": (50, 4)}
#: Where visits go: shares of the levels for outpatients, inpatients, pharmacies.
GOES = {
    OUTPATIENT: {"3": 0.30, "2": 0.25, "1": 0.25, "0": 0.20},
    INPATIENT: {"3": 0.42, "2": 0.40, "1": 0.18},
    PHARMACY: {"P": 1.0},
}
#: Places of treatment away from home: capitals, and other cities of provinces in which a scheme may be.
AWAY = ("310000", "440100", "320100", "110000", "410100", "610100", "500000", "510100")


@dataclass(frozen=True, slots=True)
class Institution:
    """One institution; ``later`` is the hosp_lv it has from the 1st of July, "" when nothing changes."""

    code: str
    place: str
    level: str
    hosp_lv: str
    dedc_hosp_lv: str
    lmtpric_hosp_lv: str
    tcm: bool
    designation: str
    later: str = ""


@dataclass(frozen=True, slots=True)
class Places:
    """All institutions, and tables by which a visit finds one.

    ``home[region, where]`` and ``away[region, 0 same province | 1 another]`` are tables of draw.SIZE institution indices;
    ``away_rloc[region, 0|1]`` is the rloc_type of the second ones.
    """

    institutions: tuple[Institution, ...]
    home: Ints
    away: Ints
    away_rloc: Ints
    upper: Ints

    @property
    def codes(self) -> list[str]:
        """fixmedins_code by institution index."""
        return [one.code for one in self.institutions]


def places(plan: Plan) -> Places:
    """The institutions of a city."""
    d = Draw(plan.seed, draw.PLACES)
    regions = list(dict.fromkeys(s.admdvs for s in plan.schemes))
    total = sum(s.share for s in plan.schemes)
    found: list[Institution] = []
    own: dict[str, dict[str, list[int]]] = {}
    for region in regions:
        persons = plan.persons * sum(s.share for s in plan.schemes if s.admdvs == region) / total
        own[region] = _fill(d, region, persons, found, regions)
    for region in dict.fromkeys(code for code in AWAY if code not in regions):
        own[region] = _fill(d, region, 0, found, regions)
    home, away, rloc, upper = [], [], [], []
    for region in (s.admdvs for s in plan.schemes):
        home.append([_table(own[region], GOES[where]) for where in (OUTPATIENT, INPATIENT, PHARMACY)])
        upper.append(_table(own[region], {"3": 1.0}))
        near = [code for code in own if code[:2] == region[:2] and code != region]
        far = [code for code in own if code[:2] != region[:2]]
        away.append(
            [_mixed([_table(own[code], {"3": 0.8, "2": 0.2}) for code in group]) for group in (near or far, far)]
        )
        rloc.append([2 if near else 3, 3])
    return Places(tuple(found), np.array(home), np.array(away), np.array(rloc), np.array(upper))


def _fill(d: Draw, region: str, persons: float, found: list[Institution], regions: list[str]) -> dict[str, list[int]]:
    """Add the institutions of one place; their indices by level, the busiest first."""
    out: dict[str, list[int]] = {}
    at_home = region in regions
    districts = (
        [region]
        if region[4:] != "00"
        else [f"{region[:2] + '01' if region[2:4] == '00' else region[:4]}{i:02d}" for i in range(1, 7)]
    )
    for level in LEVELS:
        dense, fewest = DENSITY[level]
        count = max(fewest, round(dense * persons / 100_000)) if at_home else (6 if level in "32" else 0)
        roll = d.below(8 * count, 1000).reshape(count, 8)
        out[level] = []
        for i in range(count):
            out[level].append(len(found))
            code = f"{'P' if level == 'P' else 'H'}{districts[i % len(districts)]}{len(found) % 100_000:05d}"
            found.append(_one(code, region, level, [int(x) for x in roll[i]], i, at_home))
    return out


def _one(code: str, region: str, level: str, roll: list[int], rank: int, at_home: bool) -> Institution:
    if level == "P":
        return Institution(code, region, level, "", "", "", False, "")
    grades, weights = GRADES[level]
    # every grade is there before chance decides
    grade = (
        grades[rank] if rank < len(grades) else grades[int(draw.weighted(range(len(grades)), weights, 1024)[roll[0]])]
    )
    lower = {"3": "2", "2": "1", "1": "0", "0": "0"}[level]
    dedc = lower if roll[1] < 60 else level if roll[1] < 300 else ""
    lmtpric = lower if roll[2] < 80 else level if roll[2] < 300 else ""
    later = ""
    if at_home and level in "21" and (roll[3] < 30 or rank == 1):
        later = {"2": "03", "1": "07"}[level]
    return Institution(
        code, region, level, grade, dedc, lmtpric, roll[4] < 120, _designation(region, level, roll[5], at_home), later
    )


def _designation(region: str, level: str, roll: int, at_home: bool) -> str:
    """How the place's schemes look at it: words that policy documents use; "" is their default."""
    if not at_home:
        return "none" if roll < 300 else "provincial" if roll < 500 else ""
    if region.endswith("0000"):
        return "community" if level in "10" and roll < 800 else ""
    if level == "3":
        return "provincial" if roll < 300 else ""
    if level == "2":
        return "county" if roll < 600 else "provincial" if roll < 700 else ""
    return ""


def _table(levels: dict[str, list[int]], shares: dict[str, float]) -> Ints:
    """Institutions by the shares of their levels; inside a level the k-th has weight 1/k."""
    values, weights = [], []
    for level, share in shares.items():
        inside = [1 / (k + 1) for k in range(len(levels[level]))]
        values += levels[level]
        weights += [share * w / sum(inside) for w in inside]
    # a place with more institutions than entries: the last ones are not visited
    return draw.weighted(values[: draw.SIZE], weights[: draw.SIZE])


def _mixed(tables: list[Ints]) -> Ints:
    """One table that draws from all with equal shares."""
    return np.stack([tables[i % len(tables)][i] for i in range(draw.SIZE)])


def institution_rows(plan: Plan, where: Places) -> pa.Table:
    """Rows of the table ``institutions``; one that changes its level has two."""
    july = int(np.datetime64(f"{plan.year}-07-01", "D").astype(int))
    rows = []
    for one in where.institutions:
        rows.append((one, int(NO_DAY), july if one.later else int(NO_DAY), one.hosp_lv))
        if one.later:
            rows.append((one, july, int(NO_DAY), one.later))

    def texts(values: list[str]) -> pa.Array:
        return pa.array([value or None for value in values], pa.string()).dictionary_encode()

    return pa.table(
        {
            "fixmedins_code": pa.array([one.code for one, *_ in rows], pa.string()),
            "begndate": draw.days(np.array([begin for _, begin, _, _ in rows], np.int32)),
            "enddate": draw.days(np.array([end for _, _, end, _ in rows], np.int32)),
            "hosp_lv": texts([grade for *_, grade in rows]),
            "dedc_hosp_lv": texts([one.dedc_hosp_lv for one, *_ in rows]),
            "lmtpric_hosp_lv": texts([one.lmtpric_hosp_lv for one, *_ in rows]),
            "fixmedins_type": texts(["2" if one.level == "P" else "1" for one, *_ in rows]),
            "tcm_flag": texts(["1" if one.tcm else "0" for one, *_ in rows]),
            "mdtrtarea_admvs": texts([one.place for one, *_ in rows]),
            "designation": texts([one.designation for one, *_ in rows]),
        }
    )
