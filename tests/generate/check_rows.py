"""Rows that rules of every kernel have something to say about: small, full of ties, edges and missing cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Pick = Callable[[Sequence[Any]], Any]
Cells = dict[str, Any]

DAY, HOUR, MINUTE, UNIT = 86_400_000_000, 3_600_000_000, 60_000_000, 10_000
FIRST = 19_780  # 2024-02-27: a leap day, the ends of a month and of a quarter are near
DAYS = [0, 0, 0, 1, 1, 2, 3, 4, 5, 7, 14, 33, 34, 64]
CLOCKS = [
    0,
    0,
    8 * HOUR,
    8 * HOUR,
    8 * HOUR + 59 * MINUTE,
    9 * HOUR,
    13 * HOUR,
    14 * HOUR,
    14 * HOUR + MINUTE,
    23 * HOUR + 59 * MINUTE,
]
ITEMS = ["a1", "a2", "b1", "b2", "c1"]
DIAGNOSES = ["J06.9", "J18", "J18.1", "K20", "K20.1", "Z51.1"]
OPERATIONS = ["01.1", "01.2", "45.0"]
PAIRS = [("a1", "b1"), ("a1", "b1"), ("a1", "b1"), ("b1", "c1"), ("b1", "a1"), ("a2", "b1"), ("b2", "c1")]
DOCTORS = ["D1", "D2"]
PLACES = ["H1", "H2"]
PERSONS = ["p1", "p2"]
CARDS = ["C1", "C2"]
DOMAINS: dict[str, list[str]] = {
    "item": ITEMS, "diagnosis": DIAGNOSES, "operation": OPERATIONS, "doctor": DOCTORS, "institution": PLACES, "person": PERSONS, "card": CARDS,
}  # fmt: skip


def time(pick: Pick, day: int) -> int:
    return (FIRST + day) * DAY + pick(CLOCKS)


def visit(pick: Pick, number: int) -> Cells:
    begin = pick(DAYS)
    end = begin + pick([0, 0, 0, 1, 2, 5])
    row: Cells = {
        "setl_id": f"v{number + 8}", "psn_no": pick(PERSONS), "mdtrt_id": pick([None, "m1", f"M{number}"]), "insutype": pick(["310", "310", "390", None]),
        "med_type": pick(["11", "11", "21", "21", "52", "41", "99", None]), "begndate": FIRST + begin, "enddate": FIRST + end,
        "setl_time": pick([time(pick, end), time(pick, end + 3), None]), "gend": pick(["1", "2", "2", "9", None]), "fixmedins_code": pick([*PLACES, None]),
        "brdy": pick([FIRST - 28, FIRST - 29, FIRST - 6575, FIRST + 1, None]), "insuplc_admdvs": pick(["120100", "120200", "130000", None]),
        "atddr_no": pick([*DOCTORS, None]), "adm_dept_codg": pick(["A1", "B1", None]), "dscg_dept_codg": pick(["A1", None]), "dscg_way": pick(["1", "1", "1", "5", None]),
        "dscg_maindiag_code": pick([None, None, *DIAGNOSES]), "er_flag": pick(["1", "1", "0", None]), "days_rinp_flag_31": pick(["0", "0", "1", None]),
        "refl_old_mdtrt_id": pick([None, None, "m1", "M0"]), "invono": pick(["n1", "n2", "n3", None]), "mdtrt_cert_no": pick([*CARDS, None]),
        "upld_time": pick([None, time(pick, end)]), "medfee_sumamt": pick([None, 0, 100, 500]), "ipt_days": pick([None, None, 0, 3]), "hist_flag": pick(["0", "0", "1", None]),
        "matn_stas": pick(["1", "3", None]), "day_surgery": pick(["0", "1", None]),
    }  # fmt: skip
    if pick([False, True]):
        row["begntime"], row["endtime"] = time(pick, begin), time(pick, end) + pick([0, 12 * HOUR])
    if number and pick([False] * 7 + [True]):
        row |= {"refd_setl_flag": "1", "init_setl_id": f"v{number + 7}"}
    return row


def line(pick: Pick, number: int, of: Cells) -> Cells:
    day = of["begndate"] - FIRST + pick([-1, 0, 0, 0, 0, 1, 1, 2, 6])
    return {
        "setl_id": of["setl_id"], "feedetl_sn": pick([f"l{number + 8}"] * 9 + [None]), "init_feedetl_sn": None, "med_list_codg": pick(ITEMS),
        "fee_ocur_time": pick([time(pick, day)] * 9 + [None]), "cnt": pick([2_500, UNIT, UNIT, 2 * UNIT, 3 * UNIT, 0, None]),
        "pric": pick([None, 1_000_000, 1_500_000, 3_333_333]), "det_item_fee_sumamt": pick([0, 1, 100, 101, 333, 500, 1_000]), "rxno": pick(["r1", "r1", "r2", None]),
        "bilg_dr_codg": pick([*DOCTORS, None]), "bilg_dept_codg": pick(["A1", "A2", "B1", None]), "prd_days": pick([None, 0, UNIT, 25_000, 7 * UNIT]),
        "sin_dos": pick([None, 5_000, UNIT]), "used_frqu": pick([None, UNIT, 3 * UNIT]), "incs_no": pick(["1", "2", None]), "drug_trac_codg": pick(["t1", "t2", None]),
        "upld_time": pick([None, time(pick, day), time(pick, day + 2)]), "deny_flag": pick(["0", "0", "0", "1", None]), "dscg_tkdrug_flag": pick(["0", "1", None]),
    }  # fmt: skip


def returning(pick: Pick, number: int, back: Cells) -> Cells:
    """A line that takes from another: all of it or part, named or not."""
    cnt = UNIT if back["cnt"] is None else back["cnt"]
    amount = back["det_item_fee_sumamt"]
    whole = pick([True, True, False])
    later = {} if back["fee_ocur_time"] is None else {"fee_ocur_time": back["fee_ocur_time"] + pick([0, 0, DAY, -HOUR])}
    return {
        **back, **later, "feedetl_sn": f"r{number}", "init_feedetl_sn": pick([back["feedetl_sn"], back["feedetl_sn"], None, "nobody"]),
        "cnt": -cnt if whole else -min(cnt, UNIT), "det_item_fee_sumamt": -amount if whole else -min(amount, 100),
    }  # fmt: skip


def again(pick: Pick, number: int, back: Cells) -> Cells:
    """A line that names one that returns: it takes that one back, or more of what that one took from."""
    if pick([False] * 3 + [True]):
        back["init_feedetl_sn"] = pick([f"rr{number}", back["feedetl_sn"]])  # a circle, or itself
    sign = pick([-1, -1, 1])
    amounts = {name: sign * min(-back[name], 100) for name in ("cnt", "det_item_fee_sumamt")}
    return {**back, **amounts, "feedetl_sn": f"rr{number}", "init_feedetl_sn": back["feedetl_sn"]}


def rows(pick: Pick, most_visits: int = 5, most_lines: int = 9) -> dict[str, list[Cells]]:
    """Tables of held cells; those without rows are not there."""
    visits = [visit(pick, n) for n in range(pick(range(1, most_visits + 1)))]
    lines: list[Cells] = []
    for n in range(pick(range(most_lines + 1))):
        lines.append(line(pick, n, pick(visits)))
        if pick([False] * 5 + [True]):
            lines.append(returning(pick, n, pick(lines)))
            if pick([False] * 4 + [True]):
                lines.append(again(pick, n, lines[-1]))
    diagnoses = [
        {"setl_id": pick(visits)["setl_id"], "diag_code": pick(DIAGNOSES), "maindiag_flag": pick(["0", "1", None]), "diag_time": pick([None, None, time(pick, pick(DAYS))])}
        for _ in range(pick([0, 1, 2, 3, 4]))
    ]  # fmt: skip
    operations = [
        {"setl_id": pick(visits)["setl_id"], "oprn_oprt_code": pick(OPERATIONS), "oprn_oprt_date": pick([None, time(pick, pick(DAYS)), time(pick, pick(DAYS))])}
        for _ in range(pick([0, 1, 2, 3]))
    ]  # fmt: skip
    labs = [
        {"setl_id": pick(visits)["setl_id"], "med_list_codg": pick(["L1", "L2"]), "exam_time": pick([None, time(pick, pick(DAYS))]), "exam_value": pick([None, 0, UNIT, 2 * UNIT])}
        for _ in range(pick([0, 1, 2, 3]))
    ]  # fmt: skip
    persons = [
        {"psn_no": name, "insutype": scheme, "brdy": pick([FIRST - 25_000, None]), "gend": pick(["1", "2", None]), "psn_type": pick(["11", "12", None]), "begndate": None, "enddate": None}
        for name in pick([[], ["p1"], PERSONS]) for scheme in ("310", "390")
    ]  # fmt: skip
    institutions = [{"fixmedins_code": "H1", "hosp_lv": pick(["01", "05", "09", "11", None]), "begndate": None, "enddate": pick([None, FIRST + 2])}, {"fixmedins_code": "H2", "hosp_lv": pick(["05", "08"]), "begndate": None, "enddate": None}]  # fmt: skip
    doctors = [
        {"dr_code": name, "begndate": pick([None, FIRST + 1]), "enddate": pick([None, FIRST + 4]), "dr_pro_tech_duty": pick(["231", "233", None]), "prac_stas": pick(["1", "2", None])}
        for name in pick([[], ["D1"], DOCTORS])
    ]  # fmt: skip
    stock = [
        {"fixmedins_code": pick(PLACES), "med_list_codg": pick(ITEMS), "begndate": FIRST + pick([0, 1]), "enddate": pick([None, FIRST + 3, FIRST + 90]),
         "open_cnt": pick([0, 5_000, None]), "in_cnt": pick([0, UNIT, 3 * UNIT]), "close_cnt": pick([0, UNIT, None])}
        for _ in range(pick([0, 1, 2]))
    ]  # fmt: skip
    found = {
        "visits": visits, "lines": lines, "diagnoses": diagnoses, "operations": operations, "labs": labs, "persons": persons,
        "institutions": pick([institutions, []]), "doctors": doctors, "stock": stock,
    }  # fmt: skip
    return {name: table for name, table in found.items() if table}


def chosen(pick: Pick, codes: Sequence[str]) -> list[str]:
    return [code for code in codes if pick([True, True, False])] or [codes[0]]


def catalog(pick: Pick) -> list[Cells] | None:
    """Items with class and charge, dated; or none."""
    if pick([True, False, False]):
        return None
    return [
        {"med_list_codg": code, "list_type": pick(["101", "201", None]), "med_chrgitm_type": pick(["09", "11", "02", None]), "begndate": pick([None, FIRST + 1]), "enddate": pick([None, FIRST + 3])}
        for code in chosen(pick, ITEMS)
    ]  # fmt: skip
