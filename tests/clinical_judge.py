"""The rules of the synthetic city, judged row by row in the plainest way: what is found in its tables, by rule.

Not the reference of the rule language: it knows only the rules that the generator plants, with limits on the strict side of what a
document may say (a comparator that a source leaves open is read as ``at least``).
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from itertools import combinations, pairwise
from typing import Any

from ybcore.synth.clinical.knowledge import tables as national

Rows = list[dict[str, Any]]
Found = dict[str, set[tuple[str, str | None]]]
LEVELS = {"01": 3, "02": 3, "03": 3, "04": 3, "05": 2, "06": 2, "07": 2, "08": 1, "09": 1, "10": 1, "11": 0}
UNIT = 10_000
LONG_TERM = ("XA10", "XC02", "XC03", "XC07", "XC08", "XC09", "XL04", "XN05A")


class City:
    """Tables as rows, joined: each line with its visit, each visit with its person and standing."""

    def __init__(self, town: Any) -> None:
        batch = town.visits()
        self.visits: Rows = batch.visits.to_pylist()
        self.all_lines: Rows = batch.lines.to_pylist()
        self.persons = {row["psn_no"]: row for row in town.persons.to_pylist()}
        self.levels: dict[str, list[tuple[dt.date, int | None]]] = defaultdict(list)
        for row in town.institutions.to_pylist():
            self.levels[row["fixmedins_code"]].append((row["begndate"] or dt.date.min, LEVELS.get(row["hosp_lv"])))
        self.own = {name: table.to_pylist() for name, table in town.rule_tables.items()}
        self.doctors: dict[str, Rows] = defaultdict(list)
        for row in town.doctors.to_pylist():
            self.doctors[row["dr_code"]].append(row)
        self.stock: Rows = town.stock.to_pylist()
        self.by_id = {visit["setl_id"]: visit for visit in self.visits}
        gone = {v["init_setl_id"] for v in self.visits if v["refd_setl_flag"] == "1"}
        for visit in self.visits:
            visit.update(standing=visit["refd_setl_flag"] == "0" and visit["setl_id"] not in gone, person=self.persons[visit["psn_no"]], lines=[], dx=[], ops=[], labs=[])  # fmt: skip
        for name, table in (("dx", batch.diagnoses), ("ops", batch.operations), ("labs", batch.labs)):
            for row in table.to_pylist():
                self.by_id[row["setl_id"]][name].append(row)
        taken: dict[str, int] = defaultdict(int)
        for line in self.all_lines:
            if line["cnt"] < 0:
                taken[line["init_feedetl_sn"]] -= line["cnt"]
        self.lines: Rows = []
        for line in self.all_lines:
            visit = self.by_id[line["setl_id"]]
            line.update(visit=visit, day=line["fee_ocur_time"].date(), net=line["cnt"] - taken[line["feedetl_sn"]])
            if visit["standing"] and line["net"] > 0:
                visit["lines"].append(line)
                self.lines.append(line)
        self.standing = [visit for visit in self.visits if visit["standing"]]
        self.heads = {row["med_list_codg"]: row["med_chrgitm_type"] for row in town.catalog.items.to_pylist()}
        self.of_person: dict[str, Rows] = defaultdict(list)
        for visit in sorted(self.standing, key=lambda v: (v["begntime"], v["setl_id"])):
            self.of_person[visit["psn_no"]].append(visit)

    def level(self, line: dict[str, Any]) -> int | None:
        return max(
            (begin, level) for begin, level in self.levels[line["visit"]["fixmedins_code"]] if begin <= line["day"]
        )[1]


def age_days(line: dict[str, Any]) -> int:
    return (line["day"] - line["visit"]["person"]["brdy"]).days


def key(row: dict[str, Any]) -> tuple[str, str | None]:
    return row["setl_id"], row.get("feedetl_sn")


def kind(visit: dict[str, Any]) -> str:
    return {"1": "out", "2": "in", "4": "shop", "5": "birth"}[visit["med_type"][0]]


def judge(city: City) -> Found:
    """Everything that is found, by rule."""
    found: Found = defaultdict(set)
    for rule in (attributes, lists, diagnoses, prices, pairs, couples, caps, windows, stays, spans, supplies, operations, prescriptions, reconciliation, validity):  # fmt: skip
        for name, row in rule(city):
            found[name].add(key(row))
    return found


def attributes(city: City):
    say = {
        "drug_age_group": ("N65", "age_group", lambda line, value: age_days(line) < 18 * 365),
        "drug_sex": ("N67", "sex", lambda line, value: line["visit"]["person"]["gend"] == {"男": "1", "女": "2"}[value]),
        "item_sex": ("N81", "sex", lambda line, value: line["visit"]["person"]["gend"] == {"男": "1", "女": "2"}[value]),
        "drug_visit_type": ("N13", "visit_type", lambda line, value: line["visit"]["med_type"] in ("21", "24")),
        "drug_min_hosp_lv": ("N12", "min_hosp_lv", lambda line, value: (city.level(line) or 0) >= {"二级": 2, "三级": 3}[value]),
        "drug_insurance_type": (None, "insurance_type", lambda line, value: False),
        "item_age_group": (None, "age_group", lambda line, value: age_days(line) <= {"新生儿": 28, "婴幼儿": 364, "儿童": 14 * 365}[value] and (value == "新生儿" or age_days(line) > 28)),
        "item_age_employment": ("N29", "note", lambda line, value: 16 * 366 <= age_days(line) < 50 * 365),
    }  # fmt: skip
    ours = {"工伤": "N1", "生育": "N2", "新生儿": "N18", "婴幼儿": "N19", "儿童": "N80"}
    for table, (rule, column, allowed) in say.items():
        rows = {row["med_list_codg"]: row[column] for row in national()[table]}
        for line in city.lines:
            value = rows.get(line["med_list_codg"])
            if value is not None and not allowed(line, value):
                yield rule or ours[value], line


def lists(city: City):
    codes = {name: {row.get("med_list_codg") for row in rows} for name, rows in city.own.items()}
    blacklist = {row["dr_code"] for row in city.own["doctor_blacklist"]}
    cards = {row["mdtrt_cert_no"] for row in city.own["suspended_card"]}
    for line in city.lines:
        visit, code = line["visit"], line["med_list_codg"]
        doctor = next(d for d in city.doctors[line["bilg_dr_codg"]] if (d["begndate"] or dt.date.min) <= line["day"] < (d["enddate"] or dt.date.max))  # fmt: skip
        for rule, hit in (
            ("doctor_status", doctor["prac_stas"] != "1"),
            ("doctor_blacklist", line["bilg_dr_codg"] in blacklist),
            ("N45", code in codes["antibiotic_title"] and doctor["dr_pro_tech_duty"] not in ("231", "232")),
            ("N47", code in codes["internet_barred"] and visit["itnt_flag"] == "1"),
            ("N72", code in codes["elderly_barred"] and age_days(line) >= 65 * 365),
            ("N73", code in codes["pregnancy_barred"] and visit["matn_stas"] in ("3", "4")),
            ("N21", code in codes["item_department"] and line["bilg_dept_codg"] != "A05"),
            ("N3", code in codes["herb_barred"]),
        ):
            if hit:
                yield rule, line
    persons = {row["psn_no"] for row in city.own["person_blacklist"]}
    places = {row["fixmedins_code"] for row in city.own["institution_blacklist"]}
    sexes = {row["diag_code"]: row["sex"] for row in city.own["diagnosis_sex"]}
    operations_ = {row["oprn_oprt_code"]: row["sex"] for row in city.own["operation_sex"]}
    for visit in city.standing:
        male = visit["person"]["gend"] == "1"
        if visit["mdtrt_cert_no"] in cards:
            yield "suspended_card", visit
        if visit["psn_no"] in persons:
            yield "person_blacklist", visit
        if visit["fixmedins_code"] in places:
            yield "institution_blacklist", visit
        for row in visit["dx"]:
            start = row["diag_code"][:3]
            if start in sexes and (sexes[start] == "男") != male:
                yield "N54", visit
            if start in ("P07", "P59") and (visit["begndate"] - visit["person"]["brdy"]).days > 28:
                yield "N55", visit
            if start in ("T51", "X83", "Y04"):
                yield "diagnosis_out_of_scope", visit
        if any(
            (operations_.get(row["oprn_oprt_code"], "男" if male else "女") == "男") != male for row in visit["ops"]
        ):
            yield "N39", visit


def diagnoses(city: City):
    wanted = {row["med_list_codg"]: row["diag_code"] for row in city.own["indication"]}
    barred = {row["med_list_codg"]: row["diag_code"] for row in city.own["contraindication"]}
    globulin = city.own["immunoglobulin"][0]
    low = tuple(row["diag_code"] for row in city.own["low_severity"])
    for line in city.lines:
        code, found = line["med_list_codg"], [row["diag_code"] for row in line["visit"]["dx"]]
        if code in wanted and not any(one.startswith(wanted[code]) for one in found):
            yield "N8", line
        if code in barred and any(one.startswith(barred[code]) for one in found):
            yield "N71", line
        if city.heads.get(code) == "01" and line["visit"]["dscg_maindiag_code"].startswith(low):
            yield "N53", line
        if code == globulin["med_list_codg"]:
            values = [lab["exam_value"] for visit in city.of_person[line["visit"]["psn_no"]] for lab in sorted(visit["labs"], key=lambda lab: lab["exam_time"]) if lab["exam_time"] <= line["fee_ocur_time"]]  # fmt: skip
            if not values or values[-1] >= 2 * UNIT:
                yield "IVG1", line


def prices(city: City):
    ceilings = {row["med_list_codg"]: round(float(row["ceiling"]) * 10**6) for row in city.own["price_ceiling"]}
    for line in city.lines:
        if line["pric"] > ceilings.get(line["med_list_codg"], 10**18):
            yield "N14", line


def pairs(city: City):
    table = [(row["main"], row["included"], row["scope"], "N25") for row in national()["item_duplicate_charge"]]
    table += [(row["main"], row["included"], "单次就诊", "N74") for row in city.own["interaction"]]
    table += [(row["main"], row["included"], "单次就诊", "N75") for row in city.own["herb_incompatible"]]
    partners: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for main, included, scope, rule in table:
        partners[included].append((main, scope, rule))
    bundle = {row["med_list_codg"] for row in city.own["bundle"]}
    for visits in city.of_person.values():
        lines = [line for visit in visits for line in visit["lines"]]
        where: dict[str, Rows] = defaultdict(list)
        for line in lines:
            where[line["med_list_codg"]].append(line)
        for code, here in where.items():
            for main, scope, rule in partners.get(code, ()):
                for line in here:
                    for other in where.get(main, ()):
                        apart = abs(line["fee_ocur_time"] - other["fee_ocur_time"])
                        if {
                            "单日": line["day"] == other["day"],
                            "单次就诊": line["setl_id"] == other["setl_id"],
                            "6小时": apart <= dt.timedelta(hours=6),
                            "同一小时": apart <= dt.timedelta(hours=1),
                        }[scope]:
                            yield rule, line
        for visit in visits:
            parts = [line for line in visit["lines"] if line["med_list_codg"] in bundle]
            if len({line["med_list_codg"] for line in parts}) >= 3:
                for line in parts:
                    yield "N26", line


def couples(city: City):
    first = {row["med_list_codg"]: row["first_line_codg"] for row in city.own["second_line"]}
    service = {row["med_list_codg"]: row["service_codg"] for row in city.own["coupled"]}
    items: dict[str, set[str]] = defaultdict(set)
    for row in city.own["operation_items"]:
        items[row["oprn_oprt_code"]].add(row["med_list_codg"])
    for line in city.lines:
        code = line["med_list_codg"]
        if code in first and not any(other["med_list_codg"] == first[code] and other["fee_ocur_time"] < line["fee_ocur_time"] for other in line["visit"]["lines"]):  # fmt: skip
            yield "N5", line
        if code in service and not any(other["med_list_codg"] == service[code] and other["day"] == line["day"] for other in line["visit"]["lines"]):  # fmt: skip
            yield "N64", line
    for visit in city.standing:
        codes = {line["med_list_codg"] for line in visit["lines"]}
        if any(row["oprn_oprt_code"] in items and not codes & items[row["oprn_oprt_code"]] for row in visit["ops"]):
            yield "N38", visit


def caps(city: City):
    most = {row["med_list_codg"]: int(row["max_quantity"]) * UNIT for row in national()["item_max_quantity"]}
    sums: dict[tuple[str, dt.date, str], int] = defaultdict(int)
    for line in sorted(city.lines, key=lambda one: (one["fee_ocur_time"], one["feedetl_sn"])):
        code = line["med_list_codg"]
        if code in most:
            place = (line["visit"]["psn_no"], line["day"], code)
            sums[place] += line["net"]
            if sums[place] > most[code]:
                yield "N27", line
        if code[0] == "T" and line["net"] >= 1000 * UNIT:
            yield "N77", line
    for visit in city.standing:
        total = 0
        for line in visit["lines"]:
            total += line["det_item_fee_sumamt"]
            if (
                total > 500_000
                and visit["person"]["insuplc_admdvs"].startswith("6108")
                and line["det_item_fee_sumamt"] > 100_000
            ):
                yield "AG4", line


def _run(visits: Rows, rule: str, bound: int, month: int):
    """Visits from the bound on, in calendar months or three of them."""
    count: dict[Any, int] = defaultdict(int)
    for visit in visits:
        begin = visit["begndate"]
        place = (begin.year, (begin.month - 1) // month) if month else begin
        count[place] += 1
        if count[place] > bound:
            yield rule, visit


def windows(city: City):
    tests = {row["med_list_codg"]: int(row["window_days"]) for row in national()["item_max_per_window"]}
    dialysis = {row["med_list_codg"] for row in city.own["dialysis"]}
    for visits in city.of_person.values():
        person = visits[0]["person"]
        chronic = [v for v in visits if v["med_type"] == "14"]
        if person["insuplc_admdvs"].startswith("12") and person["insutype"] == "310":
            kidneys = [v for v in chronic if v["dise_codg"] == "M07801"]
            rest = [v for v in chronic if v["dise_codg"] != "M07801"]
            shops = [v for v in visits if v["med_type"] == "41"]
            for rows, rule, bound, month in ((chronic, "TJ01", 5, 0), (kidneys, "TJ02", 15, 1), (rest, "TJ03", 5, 1), (shops, "TJ04", 5, 1), (rest, "TJ05", 15, 3), (kidneys, "TJ06", 40, 3)):  # fmt: skip
                yield from _run(rows, rule, bound, month)
            sessions = [line for v in kidneys for line in v["lines"] if line["med_list_codg"] in dialysis]
            for rule, bound, month in (("TJ07", 10, 1), ("TJ08", 25, 3)):
                at: dict[Any, int] = defaultdict(int)
                for line in sessions:
                    at[(line["day"].month - 1) // month] += 1
                    if at[(line["day"].month - 1) // month] > bound:
                        yield rule, line
            spent = 0
            for line in (line for v in chronic if v["dise_codg"] == "M01600" for line in v["lines"]):
                spent += line["det_item_fee_sumamt"]
                if spent > 1_000_000:
                    yield "AS1", line
            spent = 0
            for line in (
                line for v in visits if kind(v) == "out" and person["cvlserv_flag"] == "1" for line in v["lines"]
            ):
                spent += line["det_item_fee_sumamt"]
                if spent > 550_000:
                    yield "AS2", line
        for rule, rows in (
            ("N50", [v for v in visits if v["med_type"] == "11"]),
            ("N51", [v for v in visits if v["med_type"] == "41"]),
        ):
            yield from _run(rows, rule, 15, 1)
        yield from _frequent_stays(visits)
        seen: dict[str, dt.date] = {}
        for line in (line for v in visits for line in v["lines"]):
            code = line["med_list_codg"]
            if code in tests:
                if code in seen and (line["day"] - seen[code]).days <= tests[code]:
                    yield "N31", line
                seen[code] = line["day"]


def _frequent_stays(visits: Rows):
    stays = [v for v in visits if kind(v) == "in"]
    for i, visit in enumerate(stays):
        if sum((visit["begndate"] - other["begndate"]).days <= 90 for other in stays[: i + 1]) > 4:
            yield "N52", visit


def stays(city: City):
    for visits in city.of_person.values():
        inside = [v for v in visits if kind(v) == "in"]
        for before, later in pairwise(inside):
            gap = (later["begndate"] - before["enddate"]).days
            planned = later["days_rinp_flag_31"] == "1" or later["refl_old_mdtrt_id"] == before["mdtrt_id"]
            same = (
                later["fixmedins_code"] == before["fixmedins_code"]
                and later["dscg_maindiag_code"][:3] == before["dscg_maindiag_code"][:3]
            )
            if 0 <= gap <= 31 and not planned and same:
                yield "split_stay", later
        for i, later in enumerate(inside):
            before = [v for v in inside[:i] if v["fixmedins_code"] == later["fixmedins_code"]]
            gap = (later["begndate"] - max((v["enddate"] for v in before), default=dt.date.min)).days
            if 0 <= gap <= 31 and later["days_rinp_flag_31"] != "1" and later["refl_old_mdtrt_id"] is None:
                yield "N63", later


def spans(city: City):
    antibiotics = {row["med_list_codg"] for row in city.own["perioperative_antibiotic"]}
    for line in city.lines:
        visit = line["visit"]
        if not visit["begndate"] <= line["day"] <= visit["enddate"]:
            yield "N42", line
        if visit["ops"] and line["med_list_codg"] in antibiotics:
            apart = [row["oprn_oprt_date"] - line["fee_ocur_time"] for row in visit["ops"]]
            if not any(dt.timedelta(hours=-24) <= one <= dt.timedelta(hours=2) for one in apart):
                yield "N44", line
    for visits in city.of_person.values():
        died = min((v["enddate"] for v in visits if v["dscg_way"] == "5"), default=dt.date.max)
        for visit in visits:
            if visit["begndate"] > died:
                yield "after_death", visit
            days = sorted(
                {
                    line["day"]
                    for line in visit["lines"]
                    if line["med_list_codg"][:6] not in ("001109", "001201", "001102")
                }
            )
            if kind(visit) == "in" and any(
                (b - a).days > 4 for a, b in pairwise([visit["begndate"], *days, visit["enddate"]])
            ):
                yield "idle", visit
            if visit["setl_time"].date() > visit["enddate"] + dt.timedelta(days=14):
                yield "AL2", visit
            if visit["er_flag"] == "1" and any(kind(v) == "in" and v["fixmedins_code"] == visit["fixmedins_code"] and 0 <= (v["begndate"] - visit["enddate"]).days <= 7 for v in visits):  # fmt: skip
                yield "AL1", visit
        for one, other in combinations([v for v in visits if kind(v) != "shop"], 2):
            if one["mdtrt_id"] != other["mdtrt_id"] and (min(one["enddate"], other["enddate"]) - max(one["begndate"], other["begndate"])).days > 0:  # fmt: skip
                yield "overlap", other


def supplies(city: City):
    drugs = {row["med_list_codg"]: int(row["max_paid_days"]) for row in national()["drug_max_paid_days"]}
    trainings = {row["med_list_codg"]: int(row["max_days"]) for row in national()["item_course_days"]}
    whole = {row["med_list_codg"] for row in national()["item_course_days"] if row["mode"] == "span"}
    doses = {row["med_list_codg"]: row["max_dose"] for row in city.own["max_daily_dose"]}
    for visits in city.of_person.values():
        used: dict[str, set[dt.date]] = defaultdict(set)
        until: dict[str, dt.date] = {}
        for line in (
            line
            for visit in visits
            for line in sorted(visit["lines"], key=lambda one: (one["fee_ocur_time"], one["feedetl_sn"]))
        ):
            code, visit = line["med_list_codg"], line["visit"]
            place = visit["person"]["insuplc_admdvs"]
            for most, rule in ((drugs, "N10"), (trainings, "N23")):
                if code in most:
                    used[code].add(line["day"])
                    span = (line["day"] - min(used[code])).days + 1
                    if (span if code in whole else len(used[code])) > most[code]:
                        yield rule, line
            days = (line["prd_days"] or 0) / UNIT
            if line["prd_days"] is not None:
                if visit["med_type"] in ("11", "13") and place.startswith("6108") and days > 3:
                    yield "AG3", line
                if visit["med_type"] == "14" and days > 30:
                    yield "SU2", line
                    if place.startswith("12") and code.startswith(LONG_TERM):
                        yield "SU1", line
                if line["dscg_tkdrug_flag"] == "1" and days > (
                    7 if visit["dscg_maindiag_code"].startswith("I10") else 3
                ):
                    yield "AG2" if visit["dscg_maindiag_code"].startswith("I10") else "AG1", line
                if code in doses and line["sin_dos"] * line["used_frqu"] / UNIT**2 > doses[code]:
                    yield "N68", line
                if code in until and until[code] > line["day"]:
                    yield "early_refill", line
                until[code] = max(line["day"], until.get(code, dt.date.min)) + dt.timedelta(days=int(days))


def operations(city: City):
    groups: dict[str, set[str]] = defaultdict(set)
    for row in national()["item_primary_secondary"]:
        groups[row["item"]].add(row["operation_group"])
    full = {row["med_list_codg"]: round(float(row["ceiling"]) * 10**6) for row in city.own["surgery_full_price"]}
    for visit in city.standing:
        ranked = sorted((line for line in visit["lines"] if line["med_list_codg"] in full), key=lambda one: (-full[one["med_list_codg"]], one["fee_ocur_time"]))  # fmt: skip
        seen: set[str] = set()
        for line in ranked:
            group = min(groups[line["med_list_codg"]])
            factor = 1 if group not in seen else 0.5
            seen.add(group)
            if line["det_item_fee_sumamt"] > full[line["med_list_codg"]] * factor / 10**4 * line["net"] / UNIT:
                yield "N15", line


def prescriptions(city: City):
    single = {row["med_list_codg"] for row in city.own["herb_single"]}
    groups: dict[str, Rows] = defaultdict(list)
    for line in city.lines:
        if line["rxno"]:
            groups[line["rxno"]].append(line)
    for lines in groups.values():
        drugs = [line for line in lines if line["med_list_codg"][0] in "XZ"]
        herbs = [line for line in lines if line["med_list_codg"][0] == "T"]
        order = list(dict.fromkeys(line["med_list_codg"] for line in drugs))
        for line in drugs:
            if line["med_list_codg"] in order[5:]:
                yield "N46", line
        for one, other in combinations(drugs, 2):
            if one["med_list_codg"][:4] == other["med_list_codg"][:4]:
                yield "N69", other
        order = list(dict.fromkeys(line["med_list_codg"] for line in herbs))
        for line in herbs:
            if line["med_list_codg"] in order[20:]:
                yield "N76", line
        if len(order) == 1 and order[0] in single:
            yield "N4", lines[0]


def reconciliation(city: City):
    sold: dict[tuple[str, str], Rows] = defaultdict(list)
    for line in city.lines:
        sold[line["visit"]["fixmedins_code"], line["med_list_codg"]].append(line)
    for row in city.stock:
        here = [
            line
            for line in sold[row["fixmedins_code"], row["med_list_codg"]]
            if row["begndate"] <= line["day"] < row["enddate"]
        ]
        if sum(line["net"] for line in here) > row["open_cnt"] + row["in_cnt"] - row["close_cnt"]:
            yield "N48" if row["med_list_codg"][0] == "C" else "N43", here[-1]
    packs: set[str] = set()
    for line in sorted(city.lines, key=lambda one: (one["fee_ocur_time"], one["feedetl_sn"])):
        if line["drug_trac_codg"] in packs:
            yield "N43_trace", line
        if line["drug_trac_codg"]:
            packs.add(line["drug_trac_codg"])


def validity(city: City):
    sums: dict[str, int] = defaultdict(int)
    for line in city.all_lines:
        sums[line["setl_id"]] += line["det_item_fee_sumamt"]
        if line["med_list_codg"] not in city.heads:
            yield "N36_catalogue", line
        exact = line["cnt"] * line["pric"] / 10**8
        half_returned = line["cnt"] < 0
        if abs(line["det_item_fee_sumamt"] - exact) > (1 if half_returned else 0.5):
            yield "N36_product", line
        if not dt.timedelta(0) <= line["upld_time"] - line["fee_ocur_time"] <= dt.timedelta(hours=24):
            yield "N41", line
    valid = {row["diag_code"] for row in city.own["diagnosis_codes"]}
    invoices: set[str] = set()
    for visit in sorted(city.visits, key=lambda v: (v["begntime"], v["setl_id"])):
        if visit["medfee_sumamt"] is not None and visit["medfee_sumamt"] != sums[visit["setl_id"]]:
            yield "N35_sum", visit
        if not visit["begntime"] <= visit["endtime"] <= visit["setl_time"]:
            yield "N35_order", visit
        stay = visit["med_type"][0] == "2" and visit["fixmedins_code"][1:5] == "6108"
        if stay and visit["upld_time"] - visit["begntime"] > dt.timedelta(hours=24):
            yield "AG5", visit
        if visit["upld_time"] - visit["setl_time"] > dt.timedelta(hours=24):
            yield "N41", visit
        if any(row["maindiag_flag"] == "1" and row["diag_code"] not in valid for row in visit["dx"]):
            yield "N37", visit
        if visit["insutype"] is None:
            yield "N35_required", visit
        if visit["invono"] in invoices:
            yield "N35_invoice", visit
        invoices.add(visit["invono"])
