"""Planted violations that are seen on lines: who an item is for, what goes with it, how many, for how long, at what price."""

from __future__ import annotations

from functools import lru_cache

from .goods import full_price, surgery_groups
from .knowledge import DAILY, IGG_DRUG, IGG_TEST, knowledge, quiet_pairs, tables
from .plants import BEIJING, HEFEI, YULIN, Book, Visit
from .ruletables import part

#: Drugs of the diseases for which Tianjin names days of supply.
LONG_TERM = ("XA10", "XC02", "XC03", "XC07", "XC08", "XC09", "XL04", "XN05A")


def all_lines(b: Book, k: int) -> None:
    """The k-th violation of every rule on lines."""
    for case in (
        attributes, doctors_and_places, own_lists, indications, ceilings, duplicates, bundles, couples, day_caps, windows,
        courses, supplies, discharge, operations, prescriptions, herbs, traces, validity,
    ):  # fmt: skip
        case(b, k)


def plant(
    b: Book, rule: str, kernel: str, visit: Visit, code: str, table: str = "", sure: bool = True, **more: object
) -> str:
    """One offending line and its label."""
    line = b.line(visit, code, **more)  # type: ignore[arg-type]
    b.label(rule, kernel, visit, line, table, sure)
    return line


@lru_cache(64)
def _rows(table: str, column: str, value: str) -> list[str]:
    """Codes of a table with this value that are in no other table."""
    alone = set(knowledge().in_table(table))
    return [row["med_list_codg"] for row in tables()[table] if row[column] == value and row["med_list_codg"] in alone]


def _of(codes: list[str], k: int) -> str:
    return codes[k * 7 % len(codes)]


def attributes(b: Book, k: int) -> None:
    """Items for somebody else, or somewhere else."""
    for rule, table, column, value, more in (
        ("N1", "drug_insurance_type", "insurance_type", "工伤", {}),
        ("N65", "drug_age_group", "age_group", "儿童", {}),
        ("N67", "drug_sex", "sex", "男", {"sex": 2}),
        ("N67", "drug_sex", "sex", "女", {"sex": 1}),
        ("N13", "drug_visit_type", "visit_type", "住院", {}),
        ("N12", "drug_min_hosp_lv", "min_hosp_lv", "二级", {"level": "0"}),
        ("N12", "drug_min_hosp_lv", "min_hosp_lv", "三级", {"level": "0"}),
        ("N18", "item_age_group", "age_group", "新生儿", {}),
        ("N80", "item_age_group", "age_group", "儿童", {}),
        ("N19", "item_age_group", "age_group", "婴幼儿", {}),
        ("N81", "item_sex", "sex", "男", {"sex": 2}),
        ("N81", "item_sex", "sex", "女", {"sex": 1}),
    ):
        plant(b, rule, "K01", b.simple(k=k, **more), _of(_rows(table, column, value), k), table)
    both = [row["med_list_codg"] for row in tables()["drug_insurance_type"] if row["insurance_type"] == "生育"]
    plant(b, "N2", "K01", b.simple(k=k, sex=2), _of(both, k), "drug_insurance_type")
    training = tables()["item_age_employment"][0]["med_list_codg"]
    for sex in (1, 2):
        plant(b, "N29", "K01", b.simple(k=k, age=72, sex=sex), training, "item_age_employment")
    # the same items where they belong: nothing to find
    b.line(b.simple(k=k, age=8), _of(_rows("drug_age_group", "age_group", "儿童"), k))
    b.line(b.simple(k=k, med="21", nights=2), _of(_rows("drug_visit_type", "visit_type", "住院"), k))


def doctors_and_places(b: Book, k: int) -> None:
    """A doctor who has stopped, one on the list, a suspended card."""
    staff = b.clinic.staff
    for rule, pool, day in (("doctor_status", staff.stopped, 150), ("doctor_blacklist", staff.listed, 60)):
        visit = b.visit(b.person(), day + k * 3 % 200, rank=k)
        doctor = staff.codes[int(pool[b.institution(visit.row["psn_no"][:6], "3", k)])]
        line = b.usual(visit, k, bilg_dr_codg=doctor)
        b.label(rule, "K01", visit, line, rule if rule == "doctor_blacklist" else "", dr_code=doctor)
    visit = b.simple(k=k)
    b.label("suspended_card", "K01", visit, None, "suspended_card")
    visit = b.simple(k=k, dx="T51.000", place=YULIN)
    b.label("diagnosis_out_of_scope", "K01", visit, None, "diagnosis_out_of_scope")
    for rule, dx, sex, table in (
        ("N54", "N76.000", 1, "diagnosis_sex"), ("N54", "N40.x00", 2, "diagnosis_sex"), ("N55", "P59.900", 1, "diagnosis_age"),
    ):  # fmt: skip
        b.label(rule, "K01", b.simple(k=k, dx=dx, sex=sex, age=60), None, table)


def own_lists(b: Book, k: int) -> None:
    """Items of the city's own lists."""
    goods, staff = b.goods, b.clinic.staff
    visit = b.visit(b.person(), 30 + k * 3 % 200, rank=k)
    at = b.institution(visit.row["psn_no"][:6], "3", k)
    low = next((i for i in range(int(staff.first[at]), int(staff.first[at] + staff.count[at])) if staff.titles[i] in ("233", "234", "235")), None)  # fmt: skip
    if low is not None:
        plant(
            b,
            "N45",
            "K01",
            visit,
            _of(part(goods, "antibiotic_title"), k),
            "antibiotic_title",
            bilg_dr_codg=staff.codes[low],
        )
    plant(b, "N47", "K01", b.simple(k=k, itnt_flag="1"), _of(part(goods, "internet_barred"), k), "internet_barred")
    plant(b, "N72", "K01", b.simple(k=k, age=80), _of(part(goods, "elderly_barred"), k), "elderly_barred")
    plant(
        b,
        "N73",
        "K01",
        b.simple(k=k, age=28, sex=2, matn_stas="3"),
        _of(part(goods, "pregnancy_barred"), k),
        "pregnancy_barred",
    )
    plant(b, "N21", "K01", b.simple(k=k), _of(part(goods, "department"), k), "item_department", yuan=30)
    plant(
        b,
        "N71",
        "K02",
        b.simple(k=k, dx="I10.x00", age=60),
        _of(part(goods, "contraindication"), k),
        "contraindication",
    )
    plant(
        b, "N68", "K10", b.simple(k=k), _of(part(goods, "max_daily_dose"), k), "max_daily_dose", cnt=8, dose=2, times=4
    )


def indications(b: Book, k: int) -> None:
    """A drug without its diagnosis; immunoglobulin with enough of it in the blood."""
    visit = b.simple(k=k, med="21", nights=3, dx="J18.900")
    plant(
        b, "N8", "K02", visit, b.reserved("indicated", 0), "indication"
    )  # the drug of the first diagnosis, hypertension
    for rule, value in (("IVG1", 81_000), ("", 15_000)):
        visit = b.simple(k=k, med="21", nights=3, dx="J18.900")
        visit.labs.append(
            {"setl_id": visit.id, "med_list_codg": IGG_TEST[0], "exam_time": visit.row["begntime"], "exam_value": value}
        )
        line = b.line(visit, IGG_DRUG[0], cnt=5)
        if rule:
            b.label(rule, "K02", visit, line, "immunoglobulin")


def ceilings(b: Book, k: int) -> None:
    """A price a yuan above the ceiling, and one at it."""
    code = _of(part(b.goods, "ceiling"), k)
    usual = int(b.goods.items.prices[b.goods.index[code]]) / 10**6
    plant(b, "N14", "K03", b.simple(k=k), code, "price_ceiling", yuan=usual + 1)
    b.line(b.simple(k=k), code, yuan=usual)


def duplicates(b: Book, k: int) -> None:
    """Both items of a pair in each kind of group; and a day apart, where only a day counts."""
    for rule, scope, days, hours in (("day", "单日", 0, (11, 12)), ("visit", "单次就诊", 2, (11, 12)), ("6h", "6小时", 0, (11, 13)), ("hour", "同一小时", 0, (11, 11))):  # fmt: skip
        row = quiet_pairs(scope)[k * 5 % len(quiet_pairs(scope))]
        # the items of six hours are those of a birth
        visit = b.simple(k=k, med="21", nights=3, age=28, sex=2)
        b.line(visit, row["main"], hour=hours[0], minute=5)
        plant(
            b,
            "N25",
            "K04",
            visit,
            row["included"],
            f"item_duplicate_charge/{rule}",
            day=days,
            hour=hours[1],
            minute=25,
        )
    row = quiet_pairs("单日")[k * 5 % len(quiet_pairs("单日"))]
    visit = b.simple(k=k, med="21", nights=3)
    b.line(visit, row["main"])
    b.line(visit, row["included"], day=1)


def bundles(b: Book, k: int) -> None:
    """Parts of one item charged one by one; drugs that do not go together."""
    goods = b.goods
    visit = b.simple(k=k)
    for code in part(goods, "bundle")[k % 5 : k % 5 + 4]:
        plant(b, "N26", "K04", visit, code, "bundle", yuan=15)
    drugs, herbs_ = part(goods, "interaction"), part(goods, "herb_incompatible")
    visit, at = b.simple(k=k), 2 * (k % (len(drugs) // 2))
    b.line(visit, drugs[at])
    plant(b, "N74", "K04", visit, drugs[at + 1], "interaction")
    visit, at = b.simple(k=k), 2 * (k % (len(herbs_) // 2))
    for code in part(goods, "herb")[:3]:
        b.line(visit, code, cnt=30, rx=1)
    b.line(visit, herbs_[at], cnt=30, rx=1)
    plant(b, "N75", "K04", visit, herbs_[at + 1], "herb_incompatible", cnt=30, rx=1)


def couples(b: Book, k: int) -> None:
    """A second-line drug without the first one, a drug without its service, an operation without its line."""
    plant(b, "N5", "K05", b.simple(k=k, med="21", nights=3), b.reserved("second_line", k), "second_line")
    plant(b, "N64", "K05", b.simple(k=k, med="21", nights=3), b.reserved("coupled", k), "coupled")
    visit = b.simple(k=k, med="21", nights=3, dx="K35.800")
    visit.operations.append({"setl_id": visit.id, "oprn_oprt_code": "47.0900", "oprn_oprt_type": "1", "oprn_oprt_date": visit.row["begntime"], "oper_dr_code": visit.row["atddr_no"]})  # fmt: skip
    b.label("N38", "K05", visit, None, "operation_items")
    for sex, code in ((1, "68.4900"), (2, "60.2900")):
        visit = b.simple(k=k, med="21", nights=3, sex=sex, age=50)
        visit.operations.append({"setl_id": visit.id, "oprn_oprt_code": code, "oprn_oprt_type": "1", "oprn_oprt_date": visit.row["begntime"], "oper_dr_code": visit.row["atddr_no"]})  # fmt: skip
        b.label("N39", "K01", visit, None, "operation_sex")


def day_caps(b: Book, k: int) -> None:
    """Two a day in two lines, 30 hours a day; 24 hours are all right."""
    alone = [row for row in tables()["item_max_quantity"] if knowledge().tables[row["med_list_codg"]] == {"item_max_quantity"} and row["med_list_codg"] not in DAILY]  # fmt: skip
    day = [row["med_list_codg"] for row in alone if row["unit"] != "小时"]
    hours = [row["med_list_codg"] for row in alone if row["unit"] == "小时"]
    visit = b.simple(k=k, med="21", nights=4)
    b.line(visit, _of(day, k), day=1)
    plant(b, "N27", "K06", visit, _of(day, k), "item_max_quantity", day=1, hour=13)
    visit = b.simple(k=k, med="21", nights=4)
    b.line(visit, _of(hours, k), cnt=20, day=1)
    plant(b, "N27", "K06", visit, _of(hours, k), "item_max_quantity", cnt=10, day=1, hour=13)
    visit = b.simple(k=k, med="21", nights=4)
    b.line(visit, _of(hours, k), cnt=14, day=1)
    b.line(visit, _of(hours, k), cnt=10, day=1, hour=13)


def windows(b: Book, k: int) -> None:
    """A test again within its window, for each length of windows; and after it."""
    alone: dict[int, list[str]] = {}
    for code in knowledge().in_table("item_max_per_window"):
        alone.setdefault(_window_days()[code], []).append(code)
    for n, found in sorted(alone.items()):
        for gap, rule in ((n - 2, "N31"), (n + 2, "")):
            who = b.person()
            b.line(b.visit(who, 50), _of(found, k))
            visit = b.visit(who, 50 + gap)
            line = b.line(visit, _of(found, k))
            if rule:
                b.label(rule, "K07", visit, line, "item_max_per_window")


@lru_cache(1)
def _window_days() -> dict[str, int]:
    return {row["med_list_codg"]: int(row["window_days"]) for row in tables()["item_max_per_window"]}


def courses(b: Book, k: int) -> None:
    """Two days more than the course of a drug, three more than that of a training; and exactly the course."""
    alone = set(knowledge().in_table("drug_max_paid_days"))
    drugs = [
        row["med_list_codg"]
        for row in tables()["drug_max_paid_days"]
        if row["max_paid_days"] == "14" and row["med_list_codg"] in alone
    ]
    for used, most, code, rule, table in (
        (16, 14, _of(drugs, k), "N10", "drug_max_paid_days"), (14, 14, _of(drugs, k), "", ""),
        (33, 30, tables()["item_course_days"][3 + k % 3]["med_list_codg"], "N23", "item_course_days"),
    ):  # fmt: skip
        visit = b.simple(k=k, med="21", nights=used + 1)
        for day in range(used):
            line = b.line(visit, code, day=day)
            if rule and day >= most:
                b.label(rule, "K10", visit, line, table)
    # an assessment every two months: 91 days from the first to the last; or 90
    row = tables()["item_course_days"][k % 3]
    for last, rule in ((90, "N23"), (89, "")):
        who = b.person()
        for day in (0, 45, last):
            visit = b.every_day(b.visit(who, 20 + k % 200 + day), k)
            line = b.line(visit, row["med_list_codg"])
            if rule and day == last:
                b.label(rule, "K10", visit, line, "item_course_days")


def supplies(b: Book, k: int) -> None:
    """More days than may be given; the same drug again much too early."""
    drugs = part(b.goods, "drug")
    plant(b, "AG3", "K10", b.simple(YULIN, k=k), _of(drugs, k), cnt=7, days=7)
    b.line(b.simple(YULIN, k=k), _of(drugs, k), cnt=3, days=3)
    visit = b.simple(k=k, med="14", dx="I10.x00", age=60, dise_codg="M03900")
    plant(
        b, "SU2", "K10", visit, _of([code for code in drugs if not code.startswith(LONG_TERM)], k + 1), cnt=60, days=60
    )
    visit = b.simple(k=k, med="14", dx="I10.x00", age=60, dise_codg="M03900")
    line = plant(b, "SU1", "K10", visit, b.plain(*LONG_TERM), cnt=45, days=45)
    b.label("SU2", "K10", visit, line)
    who = b.person(age=60)
    for day, rule in ((40, ""), (45, "early_refill")):
        visit = b.visit(who, day, med="14", dx="I10.x00", dise_codg="M03900")
        line = b.line(visit, _of(drugs, k + 2), cnt=28, days=28)
        if rule:
            b.label(rule, "K10", visit, line)


def discharge(b: Book, k: int) -> None:
    """Drugs to take home: a week for an acute illness, two weeks for a chronic one."""
    drugs = part(b.goods, "drug")
    for rule, dx, days in (("AG1", "J18.900", 7), ("AG2", "I10.x00", 14), ("", "J18.900", 3)):
        visit = b.simple(HEFEI, k=k, med="21", nights=4, dx=dx, age=60)
        line = b.line(visit, _of(drugs, k + 3), cnt=days, day=4, days=days, dscg_tkdrug_flag="1")
        if rule:
            b.label(rule, "K10", visit, line)
        if rule == "AG2":
            b.label("AG1", "K10", visit, line, sure=False)


def operations(b: Book, k: int) -> None:
    """Two operations of a group, both at full price."""
    groups = [codes for codes in surgery_groups().values() if codes]
    pool = groups[k % len(groups)]
    prices = b.goods.items.prices
    both = sorted({pool[k % len(pool)], pool[(k + 3) % len(pool)]}, key=lambda c: (-int(full_price(prices[b.goods.index[c] : b.goods.index[c] + 1])[0]), c))  # fmt: skip
    for discounted in (False, True):
        visit = b.simple(BEIJING, k=k, med="21", nights=4, dx="K35.800")
        for rank, code in enumerate(both):
            full = int(full_price(prices[b.goods.index[code] : b.goods.index[code] + 1])[0]) / 10**6
            line = b.line(visit, code, yuan=full / 2 if discounted and rank else full, day=1, minute=rank, incs_no="1")
            if rank and not discounted:
                b.label("N15", "K11", visit, line, "item_primary_secondary")


def prescriptions(b: Book, k: int) -> None:
    """Eight drugs in a prescription; one drug twice."""
    different: dict[str, str] = {}
    for code in part(b.goods, "composition"):
        different.setdefault(code[:4], code)
    visit = b.simple(k=k)
    for i, code in enumerate(list(different.values())[:8]):
        line = b.line(visit, code, rx=1)
        if i >= 5:
            b.label("N46", "K12", visit, line)
    visit = b.simple(k=k)
    code = _of(part(b.goods, "composition"), k)
    b.line(visit, code, rx=1)
    line = plant(b, "N69", "K12", visit, code, rx=1)
    b.label("early_refill", "K10", visit, line, sure=False)


def herbs(b: Book, k: int) -> None:
    """28 herbs, a single one, one that is never paid, two kilograms of one."""
    goods = b.goods
    visit = b.simple(k=k)
    for i, code in enumerate(part(goods, "herb")):
        line = b.line(visit, code, cnt=30, rx=1)
        if i >= 20:
            b.label("N76", "K12", visit, line, sure=i >= 25)
    plant(
        b, "N4", "K12", b.simple(k=k), _of(part(goods, "herb_single"), k), "herb_single", cnt=30, tcmdrug_used_way="1"
    )
    visit = b.simple(k=k)
    for code in part(goods, "herb")[:4]:
        b.line(visit, code, cnt=30, rx=1)
    plant(b, "N3", "K01", visit, _of(part(goods, "herb_barred"), k), "herb_barred", cnt=30, rx=1)
    visit = b.simple(k=k)
    for code in part(goods, "herb")[:4]:
        b.line(visit, code, cnt=30, rx=1)
    plant(b, "N77", "K06", visit, part(goods, "herb")[5 + k % 5], cnt=2000, rx=1)


def traces(b: Book, k: int) -> None:
    """One pack sold twice."""
    drug = _of(part(b.goods, "drug"), k + 5)
    first, later = b.simple(k=k, day=60), b.simple(k=k, day=90)
    b.line(first, drug, drug_trac_codg=f"8691{k:016d}")
    plant(b, "N43_trace", "K14", later, drug, drug_trac_codg=f"8691{k:016d}")


def validity(b: Book, k: int) -> None:
    """Amounts, sums, codes, dates and numbers that cannot be."""
    visit = b.simple(k=k)
    line = b.usual(visit, k + 1)
    visit.lines[-1]["det_item_fee_sumamt"] += 100
    b.label("N36_product", "K15", visit, line)
    visit = b.simple(k=k)
    visit.row["medfee_sumamt"] = visit.lines[0]["det_item_fee_sumamt"] + 1000
    b.label("N35_sum", "K15", visit)
    plant(b, "N36_catalogue", "K15", b.simple(k=k), f"XZ99ZZZ999A001010199{k % 1000:03d}")
    visit = b.simple(k=k)
    visit.row["begntime"], visit.row["endtime"] = visit.row["endtime"], visit.row["begntime"]
    b.label("N35_order", "K15", visit)
    visit = b.simple(k=k)
    line = b.usual(visit, k)
    visit.lines[-1]["upld_time"] = (
        visit.lines[-1]["fee_ocur_time"] + 40 * (visit.row["endtime"] - visit.row["begntime"]) * 3
    )
    b.label("N41", "K15", visit, line)
    visit = b.simple(YULIN, k=k, med="21", nights=4)
    visit.row["upld_time"] = visit.row["begntime"] + 70 * (visit.row["upld_time"] - visit.row["begntime"])
    b.label("AG5", "K15", visit)
    first, later = b.simple(k=k, day=70), b.simple(k=k, day=71)
    later.row["invono"] = first.row["invono"]
    b.label("N35_invoice", "K15", later)
    visit = b.simple(k=k)
    visit.row["insutype"] = None
    b.label("N35_required", "K15", visit)
