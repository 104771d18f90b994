"""Rule tables of the city's own: ceilings, lists and pairs that no national table gives, made from the city's catalogue and doctors.

A rule document names them as files; ``City.write`` puts them into the folder ``rules``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ..draw import Ints
from .care import CODES
from .goods import SERVICES, Goods, full_price
from .knowledge import IGG_DRUG, IGG_TEST, STOCK_ITEM
from .specials import operation_codes
from .unit import Clinic

CEILINGS = 200  # of the services most used
#: Parts of the items that the city keeps for planted lines: pool, first, one past the last.
PARTS: dict[str, tuple[str, int, int]] = {
    "antibiotic_title": ("barred", 0, 4),
    "internet_barred": ("barred", 4, 8),
    "elderly_barred": ("barred", 8, 12),
    "pregnancy_barred": ("barred", 12, 16),
    "contraindication": ("barred", 16, 18),
    "max_daily_dose": ("barred", 18, 20),
    "ceiling": ("service", 20, 30),
    "bundle": ("service", 30, 40),
    "department": ("service", 40, 50),
    "dialysis": ("service", 50, 60),
    "interaction": ("plants", 0, 60),
    "drug": ("plants", 60, 180),
    "composition": ("plants", 180, 240),
    "herb": ("herb", 0, 28),
    "herb_barred": ("herb", 28, 32),
    "herb_single": ("herb", 32, 36),
    "herb_incompatible": ("herb", 36, 40),
}
MALE_DIAGNOSES, FEMALE_DIAGNOSES = ("C61", "N40"), ("D25", "N76", "O80", "Z34")
OPERATION_SEX = (("68.4900", "女"), ("60.2900", "男"))
TITLED = "231|232"
#: Diagnoses that nobody has but planted persons: for which nobody need stay, that are caught in hospital, and a code that is none.
LOW_SEVERITY, HOSPITAL_INFECTION, NO_DIAGNOSIS = ("R51.x00", "Z00.000"), ("T81.400",), "ZZ9.999"
DEPARTMENT, CONTRAINDICATED, MOST_DOSE, ELDERLY = "A05", "I10", 4, 65


def part(goods: Goods, name: str) -> list[str]:
    """Codes of one of PARTS."""
    pool, first, last = PARTS[name]
    return [goods.items.codes[int(i)] for i in goods.reserved[pool][first:last]]


@dataclass(frozen=True, slots=True)
class Listed:
    """What planted visits put on the city's lists: those who are suspended, and the diagnoses that are codes."""

    cards: list[str]
    persons: list[str]
    institutions: list[str]
    diagnoses: list[str]


def rule_tables(clinic: Clinic, listed: Listed) -> dict[str, pa.Table]:
    """Every table by name."""
    goods = clinic.goods
    codes = goods.items.codes

    def pool(name: str) -> list[str]:
        return [codes[int(i)] for i in goods.reserved[name]]

    def one(name: str, **more: object) -> pa.Table:
        found = part(goods, name)
        return pa.table({"med_list_codg": found, **{key: [value] * len(found) for key, value in more.items()}})

    def pairs(name: str) -> pa.Table:
        found = part(goods, name)
        return pa.table({"main": found[0::2], "included": found[1::2]})

    operations = np.concatenate(goods.surgery)
    doctors = [clinic.staff.codes[int(i)] for i in clinic.staff.listed]
    sexes = [(code, "男") for code in MALE_DIAGNOSES] + [(code, "女") for code in FEMALE_DIAGNOSES]
    return {
        "price_ceiling": _ceilings(goods),
        "surgery_full_price": pa.table(
            {"med_list_codg": [codes[int(i)] for i in operations], "ceiling": _yuan(full_price(goods.items.prices[operations]))}
        ),
        "doctor_blacklist": pa.table({"dr_code": doctors}),
        "suspended_card": pa.table({"mdtrt_cert_no": pa.array(listed.cards, pa.string())}),
        "person_blacklist": pa.table({"psn_no": pa.array(listed.persons, pa.string())}),
        "institution_blacklist": pa.table({"fixmedins_code": pa.array(listed.institutions, pa.string())}),
        "diagnosis_codes": pa.table({"diag_code": sorted({*CODES, *listed.diagnoses} - {NO_DIAGNOSIS})}),
        "low_severity": pa.table({"diag_code": list(LOW_SEVERITY)}),
        "hospital_infection": pa.table({"diag_code": list(HOSPITAL_INFECTION)}),
        "diagnosis_sex": pa.table({"diag_code": [c for c, _ in sexes], "sex": [s for _, s in sexes]}),
        "diagnosis_age": pa.table({"diag_code": ["P07", "P59"], "age_group": ["新生儿", "新生儿"]}),
        "diagnosis_out_of_scope": pa.table({"diag_code": ["T51", "X83", "Y04"]}),
        "operation_sex": pa.table({"oprn_oprt_code": [c for c, _ in OPERATION_SEX], "sex": [s for _, s in OPERATION_SEX]}),
        "operation_items": pa.table(
            {
                "oprn_oprt_code": [code for code, found in zip(operation_codes(), goods.surgery) for _ in found],
                "med_list_codg": [codes[int(i)] for i in operations],
            }
        ),
        "antibiotic_title": one("antibiotic_title", titles=TITLED),
        "internet_barred": one("internet_barred"),
        "elderly_barred": one("elderly_barred", age=ELDERLY),
        "pregnancy_barred": one("pregnancy_barred"),
        "contraindication": one("contraindication", diag_code=CONTRAINDICATED),
        "max_daily_dose": one("max_daily_dose", max_dose=MOST_DOSE),
        "item_department": one("department", dept=DEPARTMENT),
        "bundle": one("bundle"),
        "dialysis": one("dialysis"),
        "interaction": pairs("interaction"),
        "herb_incompatible": pairs("herb_incompatible"),
        "herb_barred": one("herb_barred"),
        "herb_single": one("herb_single"),
        "indication": pa.table({"med_list_codg": pool("indicated")[: len(CODES)], "diag_code": list(CODES)}),
        "second_line": pa.table({"med_list_codg": pool("second_line"), "first_line_codg": pool("first_line")}),
        "coupled": pa.table({"med_list_codg": pool("coupled"), "service_codg": pool("service")[: len(pool("coupled"))]}),
        "perioperative_antibiotic": pa.table({"med_list_codg": pool("antibiotic")}),
        "immunoglobulin": pa.table({"med_list_codg": [IGG_DRUG[0]], "exam_codg": [IGG_TEST[0]], "max_value": [4]}),
        "stock_item": pa.table({"med_list_codg": [*(codes[int(i)] for i in goods.tracked_items), STOCK_ITEM[0]]}),
    }  # fmt: skip


def ceiled(goods: Goods) -> Ints:
    """Indices of the services that are most used: they have a ceiling."""
    first = int(goods.start[SERVICES])
    return np.asarray(goods.order[first : first + CEILINGS], np.int64)


def _ceilings(goods: Goods) -> pa.Table:
    """A fifth above the usual price for the services most used; the usual price for those that are planted."""
    found = ceiled(goods)
    usual = goods.items.prices
    planted = [goods.index[code] for code in part(goods, "ceiling")]
    return pa.table(
        {
            "med_list_codg": [goods.items.codes[int(i)] for i in [*found, *planted]],
            "ceiling": _yuan(np.concatenate((usual[found] * 6 // 5, usual[planted]))),
        }
    )


def _yuan(millionths: np.ndarray) -> list[str]:
    """Exact yuan as text."""
    return [f"{int(x) // 10**6}.{int(x) % 10**6:06d}" for x in millionths]
