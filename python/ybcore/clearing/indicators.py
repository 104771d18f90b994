"""Indicators a bureau watches: fees, days, case mix, efficiency, shares of kinds, readmissions (docs/clearing.md section 4).

Formulas and where each is from stand in `described.indicator_notes`; the metadata of the columns repeats them.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..columns.convert import NULL_DAY, NULL_INT
from ..columns.ids import encode
from ..settling.clearing import KINDS
from .described import indicator_notes
from .given import days_of_stay

if TYPE_CHECKING:
    from .result import Cleared

__all__ = ["indicators"]

Int64 = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
_PLACES = {"mean_fee": 1, "mean_days": 10_000}


def indicators(done: Cleared, by: str = "institution", within: int = 15) -> pa.Table:
    """One row for an institution or group that has cases, in the order of their codes.

    psntime; mean_fee (fen), mean_days (1/10000); low_share, high_share, extreme_share, cmi, cost_index, time_index (ppm, null where nothing
    can be compared); readmissions (cut), split_stays. `within`: days between the parts of a split stay. The metadata of each field have
    `formula`, `source` and `note`. Raises ValueError for another `by`.
    """
    if by not in ("institution", "group"):
        raise ValueError(f"indicators are by institution or group, not {by!r}")
    given = done.given
    group = given.attributes["group_code"]
    known = np.array([bool(text) for text in group.values])[group.of]
    place, places = given.institution.astype(np.int64), len(given.institutions)
    of = place if by == "institution" else group.of.astype(np.int64)
    counts = known if by == "group" else np.ones(len(of), bool)
    size = places if by == "institution" else len(group.values)

    def total(values: Int64, mask: Bools = counts) -> Int64:
        return _sum(of, values, mask, size)

    one = np.ones(len(of), np.int64)
    cases, fee, days = total(one), done.money("medfee_sumamt"), days_of_stay(given.cases).astype(np.int64)
    kinds = {
        name: total((done.out["kind"] == KINDS.index(name)).astype(np.int64)) for name in ("low", "high", "extreme")
    }
    weight = done.weights()
    weighed = counts & (weight != NULL_INT)
    mean_weight = _fraction(int(weight[weight != NULL_INT].sum()), int((weight != NULL_INT).sum()))
    cost, time = (
        _indices(of, group.of.astype(np.int64), values, known, size, len(group.values)) for values in (fee, days)
    )
    columns: dict[str, list[Any]] = {
        name: []
        for name in ("mean_fee", "mean_days", *(f"{kind}_share" for kind in kinds), "cmi", "cost_index", "time_index")
    }
    sums = {"mean_fee": total(fee), "mean_days": total(days), **{f"{kind}_share": held for kind, held in kinds.items()}}
    mixes = (total(np.where(weighed, weight, 0), weighed), total(one, weighed))
    names = given.institutions.to_pylist() if by == "institution" else group.values
    rows = sorted(np.flatnonzero(cases).tolist(), key=lambda at: names[at])
    for at in rows:
        for name, held in sums.items():
            columns[name].append(_told(Fraction(int(held[at]), int(cases[at])), _PLACES.get(name, 1_000_000)))
        mix = _fraction(int(mixes[0][at]), int(mixes[1][at]))
        columns["cmi"].append(None if mix is None or not mean_weight else _told(mix / mean_weight, 1_000_000))
        columns["cost_index"].append(_told(cost.get(at), 1_000_000))
        columns["time_index"].append(_told(time.get(at), 1_000_000))
    code = "fixmedins_code" if by == "institution" else "group_code"
    counted = {
        "psntime": cases,
        "readmissions": total(done.out["cut"].astype(np.int64)),
        "split_stays": total(_split(done, known, within)),
    }
    told = pa.table(
        {
            code: pa.array([names[at] for at in rows]),
            **{name: pa.array(held[rows], pa.int64()) for name, held in counted.items()},
            **{name: pa.array(held, pa.int64()) for name, held in columns.items()},
        }
    )
    return told.cast(pa.schema([field.with_metadata(indicator_notes(field.name)) for field in told.schema]))


def _sum(of: Int64, values: Int64, mask: npt.NDArray[np.bool_], size: int) -> Int64:
    out = np.zeros(size, np.int64)
    np.add.at(out, of[mask], values[mask])
    return out


def _fraction(above: int, below: int) -> Fraction | None:
    return Fraction(above, below) if below else None


def _told(value: Fraction | None, places: int) -> int | None:
    """Half up."""
    if value is None:
        return None
    scaled = abs(value) * places
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    return whole if value >= 0 else -whole


def _indices(
    of: Int64, group: Int64, values: Int64, known: npt.NDArray[np.bool_], size: int, groups: int
) -> dict[int, Fraction]:
    """Σ over groups of (own mean / mean of all) × cases over Σ cases; groups without a mean are left out."""
    every = _sum(group, values, known, groups), _sum(group, np.ones(len(group), np.int64), known, groups)
    key = of * groups + group
    found, inverse = np.unique(key[known], return_inverse=True)
    own = np.zeros(len(found), np.int64)
    np.add.at(own, inverse, values[known])
    count = np.bincount(inverse, minlength=len(found))
    above: dict[int, Fraction] = {}
    below: dict[int, int] = {}
    for at, pair in enumerate(found.tolist()):
        mine, which = divmod(pair, groups)
        if every[0][which]:
            above[mine] = above.get(mine, Fraction(0)) + Fraction(
                int(own[at]) * int(every[1][which]), int(every[0][which])
            )
            below[mine] = below.get(mine, 0) + int(count[at])
    return {mine: held / below[mine] for mine, held in above.items()}


def _split(done: Cleared, known: npt.NDArray[np.bool_], within: int) -> Int64:
    """1 for a stay that begins within some days after the one before it of the same person, institution and group."""
    frame = done.given.cases
    out = np.zeros(frame.rows, np.int64)
    if not frame.has("psn_no"):
        return out
    (person,), _ = encode([frame.ids["psn_no"]])
    begin, end = frame.days("begndate"), frame.days("enddate")
    rows = np.flatnonzero(known & (person >= 0) & (begin != NULL_DAY) & (end != NULL_DAY))
    group = done.given.attributes["group_code"].of
    rows = rows[np.lexsort((end[rows], begin[rows], group[rows], done.given.institution[rows], person[rows]))]
    before, after = rows[:-1], rows[1:]
    same = (
        (person[before] == person[after])
        & (done.given.institution[before] == done.given.institution[after])
        & (group[before] == group[after])
    )
    gap = begin[after].astype(np.int64) - end[before]
    out[after[same & (gap >= 0) & (gap <= within)]] = 1
    return out
