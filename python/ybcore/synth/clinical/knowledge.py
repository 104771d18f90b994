"""What the rules say about items: the one place from which a clinical city is kept clean.

Every item that a rule table names belongs to one of the families of ``FAMILIES``. Ordinary lines never draw such an item; a family's
own line (``specials.py``) does, in the way that its row in ``FAMILIES`` tells, so that the rule has lines to look at and none to hit.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

Row = dict[str, str]

#: What a visit must be for an item of a restricted kind: bits of a context.
NEWBORN, INFANT, CHILD, WORKING, MALE, FEMALE, INPATIENT, LEVEL2, LEVEL3 = (1 << i for i in range(9))
NOBODY = 1 << 30  # work-injury and maternity insurance: no scheme of the city

#: Table, its column, and what each of its values asks of a visit. National rules 1, 2, 6, 7, 12, 13, 16-19, 22, 24, 29, 65-67, 80, 81.
ATTRIBUTES: tuple[tuple[str, str, dict[str, int]], ...] = (
    ("drug_age_group", "age_group", {"儿童": CHILD}),
    ("drug_sex", "sex", {"男": MALE, "女": FEMALE}),
    ("drug_insurance_type", "insurance_type", {"工伤": NOBODY, "生育": NOBODY}),
    ("drug_visit_type", "visit_type", {"住院": INPATIENT}),
    ("drug_min_hosp_lv", "min_hosp_lv", {"二级": LEVEL2, "三级": LEVEL3}),
    ("item_age_group", "age_group", {"新生儿": NEWBORN, "婴幼儿": INFANT, "儿童": CHILD}),
    ("item_sex", "sex", {"男": MALE, "女": FEMALE}),
    ("item_age_employment", "note", {"参保人年龄超出法定就业年龄限制": WORKING}),
)


@dataclass(frozen=True, slots=True)
class Family:
    """Items of one kind of rule. ``keeps`` says how the ordinary city does not break it."""

    name: str
    kernel: str
    rules: str
    tables: tuple[str, ...]
    keeps: str


#: An item belongs to the first family here that has one of its tables.
FAMILIES: tuple[Family, ...] = (
    Family("pair", "K04", "N25", ("item_duplicate_charge",), "at most one such item in a visit; visits of a person never on one day"),
    Family("surgery", "K11", "N15", ("item_primary_secondary",), "at full price, a second one of the group in a visit at half of it"),
    Family("window", "K07", "N31", ("item_max_per_window",), "once a person and year, one unit"),
    Family("course_item", "K10", "N23", ("item_course_days",), "once a person and year, one day"),
    Family("course_drug", "K10", "N10", ("drug_max_paid_days",), "in stays, for at most 3 days, once a person, item and year"),
    Family("cap", "K06", "N27", ("item_max_quantity",), "once a day, one unit (24 hours)"),
    Family("attribute", "K01", "N1-N88", tuple(table for table, *_ in ATTRIBUTES), "only in visits with all bits that ATTRIBUTES asks for"),
)  # fmt: skip

#: The same for rules that have no items: what the city does about each.
STRUCTURE: tuple[tuple[str, str, str], ...] = (
    ("K02", "indication, contraindication, laboratory value", "reserved drugs follow the main diagnosis; immunoglobulin only below 2 g/L of IgG"),
    ("K03", "price ceiling", "prices up to 1.15 of the usual one; ceilings at 1.2"),
    ("K05", "second-line drug, antibiotic with operation", "the first-line drug stands before it in the same stay"),
    ("K07", "frequent visits, purchases, stays", "one visit a person and half month; stays 6 half months apart"),
    ("K08", "split stays", "at least 60 days between two stays"),
    ("K09", "dates of stays", "lines inside the stay, stays never overlap, nothing after a death, antibiotics within 2 hours before an operation"),
    ("K09", "idle days, emergency before admission, unsettled", "lines on every day; no emergency in the month before a stay; settled within 2 days"),
    ("K10", "days of a prescription, discharge drugs, early refill", "3 days, chronic disease 28; a class of drugs again after 3 half months"),
    ("K12", "composition of prescriptions", "at most 4 drugs, classes all different; 3 to 16 herbs"),
    ("K14", "stock and trace codes", "received at least what was sold; every trace code once"),
    ("K15", "validity", "sums and products exact, dates in order, uploads within 6 hours, items valid, invoices unique"),
)  # fmt: skip


@lru_cache(1)
def tables() -> dict[str, list[Row]]:
    """The national rule tables by name."""
    inside: Any = resources.files("ybcore").joinpath("data", "rules", "national", "tables")
    folder: Any = inside if inside.is_dir() else Path(__file__).resolve().parents[4] / "data/rules/national/tables"
    wanted = {t for f in FAMILIES for t in f.tables}
    out = {}
    for name in sorted(wanted):
        text = folder.joinpath(f"{name}.csv").read_text(encoding="utf-8-sig")
        out[name] = list(csv.DictReader(text.splitlines()))
    return out


def codes_of(row: Row) -> Iterable[tuple[str, str]]:
    """(code, name) of the items of a row."""
    if "main" in row:
        yield row["main"], row["main_name"]
        yield row["included"], row["included_name"]
    else:
        yield row.get("med_list_codg") or row["item"], row.get("generic_name") or row.get("item_name", "")


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Of every code that a rule table names: its name, tables, family, and the context it asks for."""

    names: dict[str, str]
    tables: dict[str, frozenset[str]]
    family: dict[str, str]
    asks: dict[str, int]
    partners: dict[str, frozenset[str]]

    def of(self, family: str, *, only: bool = True) -> list[str]:
        """Codes of a family in order; ``only``: those in no other family's tables, so that nothing else is asked of them."""
        mine = next(f for f in FAMILIES if f.name == family)
        return [
            c for c, name in self.family.items() if name == family and (not only or self.tables[c] <= {*mine.tables})
        ]

    def in_table(self, table: str) -> list[str]:
        """Codes that are in this table and in no other."""
        return [code for code, where in self.tables.items() if where == {table}]


@lru_cache(1)
def knowledge() -> Knowledge:
    """Everything the tables say, by code."""
    names: dict[str, str] = {}
    where: dict[str, set[str]] = defaultdict(set)
    asks: dict[str, int] = defaultdict(int)
    partners: dict[str, set[str]] = defaultdict(set)
    told = {table: (column, words) for table, column, words in ATTRIBUTES}
    for table, rows in tables().items():
        for row in rows:
            for code, name in codes_of(row):
                names.setdefault(code, name)
                where[code].add(table)
            if table in told:
                column, words = told[table]
                # a word that we do not know is a restriction that nobody can meet
                asks[row["med_list_codg"]] |= words.get(row[column], NOBODY)
            if "main" in row:
                partners[row["main"]].add(row["included"])
                partners[row["included"]].add(row["main"])
    family = {code: next(f.name for f in FAMILIES if where[code] & {*f.tables}) for code in names}
    return Knowledge(
        names,
        {code: frozenset(found) for code, found in where.items()},
        family,
        dict(asks),
        {code: frozenset(found) for code, found in partners.items()},
    )


#: Scopes of the pair table, and what else the items of their pairs may be in: the shorter ones have no other pairs.
SCOPES = {"单日": (), "单次就诊": (), "6小时": ("item_sex",), "同一小时": ("item_max_quantity",)}


@lru_cache(8)
def quiet_pairs(scope: str) -> list[Row]:
    """Pairs of which one unit of each is all that is to be seen: no quantity in the note, no other table in the way."""
    known = knowledge()
    quiet = {"item_duplicate_charge", *SCOPES[scope]}
    return [
        row
        for row in tables()["item_duplicate_charge"]
        if row["scope"] == scope
        and not any(c.isdigit() for c in row["note"])
        and known.tables[row["main"]] <= quiet
        and known.tables[row["included"]] <= quiet
    ]


#: Items of the city's own rule tables, in no register (sub-items from 5000, company 60001).
IGG_DRUG = ("XJ06BAR056B002010160001", "静注人免疫球蛋白(pH4)")
IGG_TEST = ("002504010235001", "免疫球蛋白G测定")
STOCK_ITEM = ("XA02BCK088A001010160001", "库存核对药品")
#: Daily items of a stay, from the table of quantities: a bed, nursing, rounds. Nothing in the pair table joins two of them.
DAILY = ("001109000010000", "001201000040000", "001102000050000")
#: Antibiotics given before operations, and no others are on the ward.
ANTIBIOTICS = tuple((f"XJ01DAN{i:03d}B0020101600{i:02d}", f"围术期抗菌药{i}") for i in range(1, 25))
#: Items of the planted rows only, not in the catalogue of a city without them: code (a last sub-item, which no catalogue comes to), name, charge head.
BED = ("001109000019999", "床位费(低标准入院)", "01")
CT = ("002103000019999", "CT检查", "03")
MRI = ("002102000019999", "核磁检查", "03")
