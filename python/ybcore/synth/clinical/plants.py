"""Violations that are planted: persons of their own, beside the city's, each made to break one rule; and what is kept of them.

``Book`` collects the rows that the cases (``cases_lines.py``, ``cases_visits.py``) write; ``tables`` gives them in the columns of the city.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from ..places import Institution
from ..plan import EPOCH, Plan
from .goods import Goods
from .knowledge import IGG_DRUG, IGG_TEST, STOCK_ITEM, knowledge
from .records import stock_table
from .ruletables import ceiled
from .unit import Clinic

Cells = dict[str, Any]
#: Scheme by place.
INSUTYPE = {"120000": "310", "110000": "310", "340100": "390", "410300": "390", "610802": "380"}
TIANJIN, BEIJING, HEFEI, LUOYANG, YULIN = INSUTYPE

LABELS = pa.schema(
    [
        ("rule", pa.string()), ("kernel", pa.string()), ("table", pa.string()), ("sure", pa.bool_()), ("psn_no", pa.string()),
        ("setl_id", pa.string()), ("feedetl_sn", pa.string()), ("fixmedins_code", pa.string()), ("med_list_codg", pa.string()), ("dr_code", pa.string()),
    ]
)  # fmt: skip


@dataclass(slots=True)
class Person:
    """One planted person."""

    row: Cells
    place: str
    born: int

    @property
    def id(self) -> str:
        return str(self.row["psn_no"])

    @property
    def card(self) -> str:
        return "C000" + self.id[-12:]


@dataclass(slots=True)
class Visit:
    """One planted visit with its lines, diagnoses, operations and values; ``first`` is its first day, ``nights`` its length."""

    row: Cells
    first: int
    nights: int
    hour: int
    stay: bool
    lines: list[Cells] = field(default_factory=list)
    diagnoses: list[Cells] = field(default_factory=list)
    operations: list[Cells] = field(default_factory=list)
    labs: list[Cells] = field(default_factory=list)

    @property
    def id(self) -> str:
        return str(self.row["setl_id"])


class Book:
    """Everything that is planted. Days count from the first day of the year."""

    def __init__(self, plan: Plan, clinic: Clinic) -> None:
        self.plan, self.clinic = plan, clinic
        self.goods: Goods = clinic.goods
        self._codes = clinic.where.codes
        self.persons: list[Person] = []
        self.visits: list[Visit] = []
        self.labels: list[Cells] = []
        self.stock: list[tuple[str, str, int, int, int]] = []
        self.institutions: list[Institution] = []
        self._places = {
            (place, level): [
                i for i, one in enumerate(clinic.where.institutions) if one.place == place and one.level == level
            ]
            for place in INSUTYPE
            for level in "3210P"
        }

    @cached_property
    def _plain(self) -> list[str]:
        kept = np.concatenate([*self.goods.reserved.values(), ceiled(self.goods), self.goods.tracked_items])
        named = {self.goods.items.codes[int(i)] for i in kept} | set(knowledge().family)
        own = {IGG_DRUG[0], IGG_TEST[0], STOCK_ITEM[0]}
        return [
            code
            for code in self.goods.items.codes
            if code not in named and code not in own and not code.startswith(("XJ01", "XJ06BA"))
        ]

    def reserved(self, name: str, k: int) -> str:
        """The k-th item that the city keeps for this purpose."""
        pool = self.goods.reserved[name]
        return self.goods.items.codes[int(pool[k % len(pool)])]

    def plain(self, *prefixes: str) -> str:
        """The first item with one of these prefixes of which no rule table, list or ceiling says anything."""
        return next(code for code in self._plain if code.startswith(prefixes))

    def person(
        self, place: str = TIANJIN, age: int = 40, sex: int = 1, civil: bool = False, born: int | None = None
    ) -> Person:
        """A person; ``born`` is a day of the year (negative before it), else the first of January ``age`` years ago."""
        number = self.plan.persons + len(self.persons)
        employee = INSUTYPE[place] == "310"
        kind = "1102" if civil else "1101" if employee else "1402" if age < 18 else "1501" if age < 60 else "1601"
        day = self.plan.first_day + born if born is not None else (dt.date(self.plan.year - age, 1, 1) - EPOCH).days
        row: Cells = {
            "psn_no": f"{place}{number:016d}", "begndate": dt.date(2000, 1, 1) if born is None else _date(day), "insutype": INSUTYPE[place],
            "psn_type": kind, "cvlserv_flag": "1" if civil else "0", "gend": str(sex), "brdy": _date(day), "hsld_no": f"{place}{number:012d}",
            "hsld_size": 1, "balc": 0, "wage": 6_000_000 if employee else 0, "insuplc_admdvs": place,
        }  # fmt: skip
        made = Person(row, place, day)
        self.persons.append(made)
        return made

    def institution(self, place: str, level: str, rank: int = 0) -> int:
        """Index of an institution of a place and level."""
        found = self._places[place, level]
        return found[rank % len(found)]

    def own_institution(self, place: str, level: str) -> str:
        """The code of a new institution, to which only planted visits go. Numbers count down from 99999, away from the city's."""
        code = f"H{place}{99_999 - len(self.institutions):05d}"
        self.institutions.append(Institution(code, place, level, {"3": "02", "2": "05"}[level], "", "", False, ""))
        return code

    def visit(
        self, who: Person, day: int, med: str = "11", nights: int = 0, level: str = "3", hour: int = 9, dx: str | None = "J20.900",
        others: tuple[str, ...] = (), rank: int = 0, stay: bool | None = None, **more: Any,
    ) -> Visit:  # fmt: skip
        """A visit. ``more`` are cells that differ; a stay (med_type 2x) ends ``nights`` days later."""
        serial = self.plan.visits + len(self.visits)
        at = self.institution(who.place, "P" if med == "41" else level, rank)
        first = self.plan.first_day + day
        staying = med.startswith("2") if stay is None else stay
        begin, end = (
            _time(first, hour * 3600),
            _time(first + nights, (max(hour, 14) if nights else hour + 8 if staying else hour) * 3600 + 3000),
        )
        staff = self.clinic.staff
        row: Cells = {
            "setl_id": f"{who.place}{self.plan.year:04d}{serial:012d}", "psn_no": who.id, "mdtrt_id": f"{who.place}{self.plan.year:04d}{serial + 9 * 10**11:012d}",
            "insutype": INSUTYPE[who.place], "med_type": med, "setl_time": _time(first + nights, (16 if nights else hour + 8 if staying else hour) * 3600 + 3300 + (600 if nights else 0)),
            "begndate": _date(first), "enddate": _date(first + nights), "fixmedins_code": self._codes[at], "place": "local", "rloc_type": "1",
            "day_surgery": "0", "acct_used_flag": "1", "refd_setl_flag": "0", "begntime": begin, "endtime": end,
            "atddr_no": staff.codes[int(staff.first[at])], "itnt_flag": "0", "er_flag": "0", "invono": f"{self.plan.year:04d}{serial:012d}",
            "upld_time": begin + dt.timedelta(minutes=30), "mdtrt_cert_no": who.card, "days_rinp_flag_31": "0", "matn_stas": "1" if who.row["gend"] == "2" else None,
            "adm_dept_codg": "A03" if staying else None, "dscg_dept_codg": "A03" if staying else None, "dscg_way": "1" if staying else None,
            "dscg_maindiag_code": dx if staying else None, **more,
        }  # fmt: skip
        made = Visit(row, first, nights, hour, staying)
        self.visits.append(made)
        for k, code in enumerate(() if med == "41" or dx is None else (dx, *others)):
            made.diagnoses.append({"setl_id": made.id, "diag_code": code, "maindiag_flag": "0" if k else "1", "diag_type": "1", "inout_dise_type": "2" if staying else "1", "diag_time": begin})  # fmt: skip
        return made

    def line(
        self, visit: Visit, code: str, cnt: float = 1, yuan: float | None = None, day: int = 0, hour: int | None = None, minute: int | None = None,
        days: float | None = None, dose: float = 1, times: float = 1, rx: int | None = None, **more: Any,
    ) -> str:  # fmt: skip
        """A line ``day`` days after the visit's first; its feedetl_sn. ``days``, ``dose``, ``times`` for drugs that are taken home."""
        number = len(visit.lines)
        serial = visit.id[-12:]
        index = self.goods.index.get(code)
        price = (
            round(yuan * 10**6)
            if yuan is not None
            else int(self.goods.items.prices[index])
            if index is not None
            else 10_000_000
        )
        quantity = round(cnt * 10_000)
        drug = code[0] in "XZT"
        home = not visit.stay or more.get("dscg_tkdrug_flag") == "1"
        told = days is not None or (drug and not visit.stay)
        time = _time(
            visit.first + day,
            (hour if hour is not None else visit.hour + (2 if visit.stay else 0)) * 3600
            + 60 * (minute if minute is not None else 1 + number % 45),
        )
        supply = (
            {
                "prd_days": round((days or 1) * 10_000),
                "sin_dos": round(dose * 10_000),
                "used_frqu": round(times * 10_000),
            }
            if told
            else {}
        )
        row: Cells = {
            "setl_id": visit.id, "feedetl_sn": f"{serial}{number:04d}", "med_list_codg": code, "fee_ocur_time": time, "cnt": quantity, "pric": price,
            "det_item_fee_sumamt": (quantity * price + 50_000_000) // 100_000_000, "deny_flag": 0, "bilg_dr_codg": visit.row["atddr_no"],
            "bilg_dept_codg": "A03", "dscg_tkdrug_flag": "0", "upld_time": time + dt.timedelta(minutes=20), **supply,
            "rxno": f"{serial}{number if rx is None else rx + 900:04d}" if drug and home else None,
            "tcmdrug_used_way": "2" if code[0] == "T" and not visit.stay else None,
            "drug_trac_codg": f"8690{serial}{number:04d}" if code[0] in "XZ" and not visit.stay else None, **more,
        }  # fmt: skip
        visit.lines.append(row)
        return str(row["feedetl_sn"])

    def usual(self, visit: Visit, k: int = 0, **more: Any) -> str:
        """An ordinary service line: no rule has anything to say about it."""
        return self.line(visit, self.reserved("service", 90 + k % 30), yuan=more.pop("yuan", 20), **more)

    def simple(self, place: str = TIANJIN, age: int = 40, sex: int = 1, k: int = 0, **more: Any) -> Visit:
        """An outpatient visit, or what ``more`` says, of a new person, with one ordinary line."""
        made = self.visit(self.person(place, age, sex), more.pop("day", 40 + k * 7 % 250), **more)
        return self.every_day(made, k)

    def every_day(self, visit: Visit, k: int = 0) -> Visit:
        """The same with an ordinary line on each of its days."""
        for day in range(visit.nights + 1):
            self.usual(visit, k, day=day)
        return visit

    def fill(self, copies: int) -> None:
        """``copies`` violations of every rule, and one institution beyond its peers."""
        from .cases_lines import all_lines
        from .cases_places import all_places, shares
        from .cases_visits import all_visits

        for k in range(copies):
            all_lines(self, k)
            all_visits(self, k)
            all_places(self, k)
        if copies:
            shares(self)

    def label(
        self,
        rule: str,
        kernel: str,
        visit: Visit | None,
        line: str | None = None,
        table: str = "",
        sure: bool = True,
        **more: str,
    ) -> None:
        """What must be found. ``sure`` False: it is a violation only in one reading of the rule."""
        row: Cells = {"rule": rule, "kernel": kernel, "table": table, "sure": sure, "feedetl_sn": line, **more}
        if visit is not None:
            row |= {"psn_no": visit.row["psn_no"], "setl_id": visit.id, "fixmedins_code": visit.row["fixmedins_code"]}
        self.labels.append(row)

    # ------------------------------------------------------------------ tables

    def tables(
        self, visits: pa.Schema, lines: pa.Schema, beside: dict[str, pa.Schema]
    ) -> tuple[pa.Table, pa.Table, np.ndarray, dict[str, tuple[pa.Table, np.ndarray]]]:
        """Visits, lines, offsets and the tables beside them, in the columns of the city."""
        for visit in self.visits:
            visit.row.setdefault("medfee_sumamt", sum(line["det_item_fee_sumamt"] for line in visit.lines))
        out = {}
        for name, schema in beside.items():
            found = [getattr(visit, name) for visit in self.visits]
            out[name] = (typed([row for rows in found for row in rows], schema), _offsets(found))
        every = [visit.lines for visit in self.visits]
        return (
            typed([v.row for v in self.visits], visits),
            typed([row for rows in every for row in rows], lines),
            _offsets(every),
            out,
        )

    def person_table(self, schema: pa.Schema) -> pa.Table:
        """Rows of ``persons``."""
        return typed([person.row for person in self.persons], schema)

    def label_table(self) -> pa.Table:
        """What was planted."""
        return pa.Table.from_pylist(self.labels, schema=LABELS)

    def stock_rows(self) -> pa.Table:
        """Rows of ``stock`` for planted shortfalls: (institution, item, first day, day after the last, open)."""
        columns = [list(c) for c in zip(*self.stock)] or [[], [], [], [], []]
        none = np.zeros(len(self.stock), np.int64)
        return stock_table(
            pa.array(columns[0], pa.string()), pa.array(columns[1], pa.string()), np.array(columns[2], np.int64), np.array(columns[3], np.int64),
            np.array(columns[4], np.int64), none, none,
        )  # fmt: skip


def typed(rows: list[Cells], schema: pa.Schema) -> pa.Table:
    """Rows as a table of exactly this schema."""
    columns = []
    for f in schema:
        values = [row.get(f.name) for row in rows]
        if pa.types.is_dictionary(f.type):
            columns.append(pa.array(values, f.type.value_type).dictionary_encode().cast(f.type))
        else:
            columns.append(pa.array(values, f.type))
    return pa.table(columns, schema=schema)


def _offsets(rows: list[list[Cells]]) -> np.ndarray:
    return np.concatenate(([0], np.cumsum([len(one) for one in rows], dtype=np.int64))).astype(np.int64)


def _date(day: int) -> dt.date:
    return EPOCH + dt.timedelta(days=day)


def _time(day: int, second: int) -> dt.datetime:
    return dt.datetime(1970, 1, 1) + dt.timedelta(days=day, seconds=second)
