"""Cases for clearing from a seed: group codes, weights, points, budgets and quotas beside settled stays (docs/synth.md).

The tables are those of docs/clearing.md section 1 and stand on their own: no table of a city changes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from .. import io
from .draw import Draw, Ints, lognormal, weighted

__all__ = ["clearing_tables", "write_clearing"]

STREAM = 10
_GROUPS = 400
_BLOCK = 1 << 16
_LEVELS = ("02", "05", "08")
_EPOCH = {
    year: (np.datetime64(f"{year}-01-01") - np.datetime64("1970-01-01")).astype(int) for year in range(1990, 2100)
}


def clearing_tables(
    seed: int = 1, cases: int = 100_000, year: int = 2024, institutions: int | None = None
) -> dict[str, pa.Table]:
    """cases, groups, institutions, budgets, quotas of a year; money int64 fen, points 1/10000, weights ppm.

    `institutions`: default one for 4,000 cases, 3 at least. The same parameters give the same tables on every machine.
    """
    places = institutions or max(3, cases // 4_000)
    draw = Draw(seed, STREAM)
    mean = np.sort(draw.pick(lognormal(900_000, 0.8, 120_000, 20_000_000), _GROUPS))
    days = np.clip(mean // 120_000, 2, 40)
    parts = [
        _block(Draw(seed, STREAM, 1 + at), at * _BLOCK, min(_BLOCK, cases - at * _BLOCK), year, places, mean, days)
        for at in range(-(-cases // _BLOCK))
    ]
    table = (
        pa.concat_tables(parts).combine_chunks()
        if parts
        else _block(Draw(seed, STREAM, 1), 0, 0, year, places, mean, days)
    )
    level = np.arange(places) % 3
    return {
        "cases": table,
        "groups": _groups(mean, days),
        "institutions": pa.table(
            {
                "fixmedins_code": [f"H{at:05d}" for at in range(places)],
                "hosp_lv": [_LEVELS[at] for at in level],
                "case_mix": pa.array(draw.below(places, 400_000) - 100_000),
                "fixmedins_name": [f"{('市级', '县级', '乡镇')[at]}医院{n}" for n, at in enumerate(level)],
            }
        ),
        "budgets": _budget(table, year),
        "quotas": _quotas(draw, places, year),
    }


def _code(at: int) -> str:
    return f"R{at + 1:02d}" if at < 3 else f"G{at:04d}"


def _groups(mean: Ints, days: Ints) -> pa.Table:
    average = int(mean.sum()) // len(mean)
    return pa.table(
        {
            "group_code": [_code(at) for at in range(_GROUPS)],
            "points": pa.array(mean * 1_000_000 // average),
            "weight": pa.array(mean * 1_000_000 // average),
            "mean_amt": pa.array(mean),
            "amount": pa.array(mean // days),
            "mean_days": pa.array(days * 10_000),
        }
    )


def _budget(cases: pa.Table, year: int) -> pa.Table:
    """What was settled item by item for the employees, and a twentieth more."""
    fund = np.asarray(cases["fund_pay_sumamt"])
    employees = np.asarray(cases["insutype"].combine_chunks().indices if cases.num_rows else np.zeros(0)) == 0
    budget = int(fund[employees].sum()) * 21 // 20
    return pa.table({"pool": ["inpatient"], "period": [str(year)], "budget": pa.array([budget])})


def _quotas(draw: Draw, places: int, year: int) -> pa.Table:
    codes = [f"H{at:05d}" for at in range(places)]
    heads, scores, visits = draw.below(places, 3_000), draw.below(places, 30) + 70, draw.below(places, 200_000)
    return pa.table(
        {
            "fixmedins_code": codes + codes,
            "insutype": pa.array([None] * places + ["310"] * places, pa.string()),
            "clr_type": pa.array([None] * places + ["11"] * places, pa.string()),
            "year": pa.array([year] * 2 * places),
            "heads": pa.array([None] * places + heads.tolist(), pa.int64()),
            "score": pa.array(scores.tolist() + [None] * places, pa.int64()),
            "opt_psntime": pa.array(visits.tolist() + [None] * places, pa.int64()),
        }
    )


def _block(draw: Draw, first: int, rows: int, year: int, places: int, mean: Ints, days: Ints) -> pa.Table:
    """Some cases: the fee is lognormal about the mean of the group, the patient pays three tenths, more or less."""
    group = draw.below(rows, _GROUPS)
    known = ~draw.chance(rows, 0.01)
    factor = draw.pick(lognormal(950, 0.45, 100, 8_000), rows)
    stay = np.clip(days[group] * draw.pick(lognormal(1_000, 0.4, 300, 3_000), rows) // 1_000, 1, 90)
    begin = _EPOCH[year] + draw.below(rows, 330)
    end = begin + stay
    person = draw.below(rows, 40_000) + first // 2
    place = draw.below(rows, places)
    _readmit(draw, rows, group, place, person, begin, end, stay)
    end = np.minimum(end, _EPOCH[year] + 364)
    begin = np.minimum(begin, end)
    fee = np.maximum(mean[group] * factor // 1_000, 1_000)
    own = fee * draw.pick(weighted([0, 20, 60, 150], [30, 40, 20, 10]), rows) // 1_000
    patient = np.minimum(own + (fee - own) * (draw.below(rows, 200) + 120) // 1_000, fee)
    carved = np.where(draw.chance(rows, 0.02), fee // 10, 0)
    codes = pa.array([_code(at) for at in range(_GROUPS)])
    words = lambda index, texts: pa.DictionaryArray.from_arrays(pa.array(index.astype(np.int32)), pa.array(texts))  # noqa: E731
    return pa.table(
        {
            "setl_id": pa.array(np.arange(first, first + rows, dtype=np.int64)),
            "fixmedins_code": words(place, [f"H{at:05d}" for at in range(places)]),
            "setl_time": pa.array(end.astype(np.int32)).cast(pa.date32()),
            "insutype": words(draw.pick(weighted([0, 1], [55, 45]), rows), ["310", "390"]),
            "psn_no": pa.array(person),
            "begndate": pa.array(begin.astype(np.int32)).cast(pa.date32()),
            "enddate": pa.array(end.astype(np.int32)).cast(pa.date32()),
            "age": pa.array(draw.below(rows, 95)),
            "severity": words(draw.pick(weighted([0, 1, 2], [80, 15, 5]), rows), ["0", "1", "2"]),
            "group_code": pa.DictionaryArray.from_arrays(pa.array(group.astype(np.int32), mask=~known), codes),
            "treatment": words(draw.pick(weighted([0, 1, 2], [94, 4, 2]), rows), ["", "chemotherapy", "radiotherapy"]),
            "cmpl_flag": pa.array((~draw.chance(rows, 0.02)).astype(np.int8)),
            "medfee_sumamt": pa.array(fee),
            "fulamt_ownpay_amt": pa.array(own),
            "preselfpay_amt": pa.array((fee - own) * 3 // 100),
            "act_pay_dedc": pa.array(np.minimum(patient - own, 80_000)),
            "fund_pay_sumamt": pa.array(fee - patient),
            "psn_part_amt": pa.array(patient),
            "psn_cash_pay": pa.array(patient - patient // 4),
            "acct_pay": pa.array(patient // 4),
            "exct_item_amt": pa.array(carved),
            "exct_item_fund_payamt": pa.array(carved * 7 // 10),
        }
    )


def _readmit(draw: Draw, rows: int, group: Ints, place: Ints, person: Ints, begin: Ints, end: Ints, stay: Ints) -> None:
    """One in sixteen comes back within a month of the stay before it, with the same group and to the same place."""
    again = np.flatnonzero(draw.chance(rows, 1 / 16))
    again = again[again % 2 == 1]  # never two in a row
    for column in (group, place, person):
        column[again] = column[again - 1]
    begin[again] = end[again - 1] + draw.below(len(again), 30)
    end[again] = begin[again] + stay[again]


def write_clearing(folder: Path, seed: int, cases: int, year: int = 2024, format: str = "parquet") -> None:
    """The tables of `clearing_tables` as files of a folder."""
    from ..clearing.tables import CLEARING_INPUTS

    folder.mkdir(parents=True, exist_ok=True)
    for name, table in clearing_tables(seed, cases, year).items():
        io.write_table(table, folder / f"{name}.{format}", CLEARING_INPUTS[name])
