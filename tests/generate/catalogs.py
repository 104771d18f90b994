"""A random dated catalogue: classes that change, ratios by category and place, caps by level, direct and tagged items."""

from __future__ import annotations

from typing import Any

from ybcore.reference.numbers import date

from .draw import CATEGORIES, LEVELS, Draw

ITEMS = ["A1", "A2", "B1", "B2", "B3", "B4", "C1", "D1", "D2", "T1", "T2", "T3", "V1", "W1"]
CUT = "2024-07-01"


def catalog(d: Draw) -> dict[str, list[dict[str, Any]]]:
    """Tables items, selfpay and caps."""
    items: list[dict[str, Any]] = []
    selfpay: list[dict[str, Any]] = []
    caps: list[dict[str, Any]] = []
    for code in ITEMS:
        row: dict[str, Any] = {
            "med_list_codg": code,
            "chrgitm_lv": {"A": "01", "B": "02", "C": "03"}.get(code[0], d.pick(["01", "02"])),
        }
        if code[0] == "D":
            row["drt_reim_flag"] = "1"
        if code[0] == "T":
            row["tag"] = "implant" if code == "T2" else "special_drug"
        if row["chrgitm_lv"] == "02" or code[0] == "D":
            row["selfpay_prop"] = None if code == "B3" else ratio(d)
        if code == "V1" or d.chance(0.1):
            items += [
                {**row, "enddate": date(CUT)},
                {**row, "begndate": date(CUT), "chrgitm_lv": d.pick(["01", "02", "03"])},
            ]
        elif code == "W1":
            items.append({**row, "begndate": date("2024-02-01")})
        else:
            items.append(row)
        if d.chance(0.15):
            items.append({**row, "insu_admdvs": d.pick(["120000", "110200"]), "chrgitm_lv": d.pick(["01", "02"])})
        if code in ("B2", "B4", "D2", "T2") or d.chance(0.1):
            selfpay += ratios(d, code)
        if d.chance(0.4):
            caps += limits(d, code)
    return {"items": items, "selfpay": selfpay, "caps": caps}


def ratio(d: Draw) -> int:
    return d.pick([0, 50_000, 100_000, 333_333, 500_000, 1_000_000, d.whole(0, 1_000_000)])


def ratios(d: Draw, code: str) -> list[dict[str, Any]]:
    out = []
    for category in d.some(CATEGORIES, 1):
        base = {"med_list_codg": code, "selfpay_prop_psn_type": category or None}
        if d.chance(0.3):
            out += [
                {**base, "enddate": date(CUT), "selfpay_prop": ratio(d)},
                {**base, "begndate": date(CUT), "selfpay_prop": ratio(d)},
            ]
        else:
            out.append({**base, "selfpay_prop": ratio(d)})
        if d.chance(0.2):
            out.append({**base, "insu_admdvs": "110200", "selfpay_prop": ratio(d)})
    return out


def limits(d: Draw, code: str) -> list[dict[str, Any]]:
    out = []
    for level in d.some(["", *LEVELS], 1, 3):
        base = {"med_list_codg": code, "lmtpric_hosp_lv": level or None}
        price = lambda: d.pick([0, 1, 5_000, 12_345_678, 100_000_000, d.whole(0, 900_000_000)])  # noqa: E731
        if d.chance(0.3):
            out += [
                {**base, "enddate": date(CUT), "hilist_pric_uplmt_amt": price()},
                {**base, "begndate": date(CUT), "hilist_pric_uplmt_amt": price()},
            ]
        else:
            out.append({**base, "hilist_pric_uplmt_amt": price()})
        if d.chance(0.15):
            out.append({**base, "insu_admdvs": "120000", "hilist_pric_uplmt_amt": price()})
    return out
