"""Who treats whom for what: doctors and departments of an institution, diagnoses that fit the person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from .. import draw
from ..draw import Draw, Ints
from ..people import People
from ..places import Places
from ..plan import KINDS, PHARMACY, Plan
from ..visits import is_reversal
from .schedule import NAMES, STAYS, Schedule, low_igg

DEPARTMENTS = ("A02", "A03", "A04", "A05", "A07", "A20", "A50")
GENERAL, INTERNAL, SURGERY, MATERNITY, CHILDREN, EMERGENCY, CHINESE = range(len(DEPARTMENTS))
TITLES = ("231", "232", "233", "234", "235")
#: Doctors of an institution by level, all of whom work the whole year; one in eight more has stopped (2) or left the list (3).
DOCTORS = {"3": 24, "2": 12, "1": 6, "0": 3, "P": 2}
_OUT, _STAY, _PROGRAMME = 1, 2, 4


class Illness(NamedTuple):
    """One diagnosis: ages in completed years, sex (3 both), where it is a main diagnosis, weight, and another that goes with it."""

    code: str
    first: int
    last: int
    sex: int
    where: int
    weight: int


#: ICD-10 codes in the form of the national insurance edition. The first two are those of the programmes M03900 and M07801.
ILLNESSES: tuple[Illness, ...] = (
    Illness("I10.x00", 25, 120, 3, _OUT | _PROGRAMME, 30), Illness("N18.500", 25, 120, 3, _PROGRAMME, 1),
    Illness("E11.900", 30, 120, 3, _OUT | _STAY | _PROGRAMME, 22), Illness("I25.100", 40, 120, 3, _OUT | _STAY | _PROGRAMME, 20),
    Illness("I63.900", 45, 120, 3, _STAY | _PROGRAMME, 18), Illness("J44.900", 45, 120, 3, _OUT | _STAY | _PROGRAMME, 14),
    Illness("B18.100", 18, 120, 3, _OUT | _PROGRAMME, 6), Illness("M06.900", 25, 120, 3, _OUT | _STAY | _PROGRAMME, 6),
    Illness("G20.x00", 50, 120, 3, _OUT | _PROGRAMME, 4), Illness("E78.500", 30, 120, 3, _OUT, 12),
    Illness("J06.900", 0, 120, 3, _OUT, 60), Illness("J20.900", 0, 120, 3, _OUT, 25), Illness("J18.900", 0, 120, 3, _STAY, 30),
    Illness("K29.500", 12, 120, 3, _OUT, 22), Illness("K52.900", 0, 120, 3, _OUT, 16), Illness("K35.800", 6, 90, 3, _STAY, 6),
    Illness("K80.100", 20, 120, 3, _STAY, 10), Illness("K40.900", 20, 120, 3, _STAY, 6), Illness("K92.200", 25, 120, 3, _STAY, 6),
    Illness("M51.200", 20, 120, 3, _OUT | _STAY, 14), Illness("M17.900", 45, 120, 3, _OUT | _STAY, 12), Illness("S82.000", 6, 120, 3, _STAY, 6),
    Illness("S61.900", 3, 120, 3, _OUT, 8), Illness("N39.000", 6, 120, 3, _OUT, 10), Illness("N20.000", 20, 120, 3, _STAY, 8),
    Illness("N40.x00", 55, 120, 1, _OUT | _STAY, 10), Illness("C61.x00", 60, 120, 1, _STAY, 2), Illness("N76.000", 18, 70, 2, _OUT, 10),
    Illness("D25.900", 30, 60, 2, _OUT | _STAY, 8), Illness("C50.900", 35, 120, 2, _STAY, 5), Illness("C34.900", 45, 120, 3, _STAY, 8),
    Illness("L30.900", 0, 120, 3, _OUT, 14), Illness("H10.900", 0, 120, 3, _OUT, 8), Illness("H25.900", 55, 120, 3, _STAY, 8),
    Illness("H66.900", 0, 14, 3, _OUT, 8), Illness("G47.000", 20, 120, 3, _OUT, 8), Illness("F32.900", 16, 120, 3, _OUT, 4),
    Illness("D80.100", 0, 120, 3, 0, 0), Illness("O80.000", 18, 45, 2, 0, 0), Illness("Z34.900", 18, 45, 2, 0, 0),
    Illness("P59.900", 0, 0, 3, 0, 0), Illness("P07.300", 0, 0, 3, 0, 0), Illness("A09.900", 0, 120, 3, _OUT, 8),
    Illness("J45.900", 3, 120, 3, _OUT | _STAY, 8), Illness("K59.000", 0, 120, 3, _OUT, 5),
)  # fmt: skip
CODES = tuple(illness.code for illness in ILLNESSES)
LOW_IGG, BIRTH, ANTENATAL, JAUNDICE = (CODES.index(code) for code in ("D80.100", "O80.000", "Z34.900", "P59.900"))
_PROGRAMMES = [i for i, illness in enumerate(ILLNESSES) if illness.where & _PROGRAMME]
#: Edges of the ages between which everybody may have the same diagnoses.
_AGES = sorted({illness.first for illness in ILLNESSES} | {i.last + 1 for i in ILLNESSES if i.last < 120})


@dataclass(frozen=True, slots=True)
class Staff:
    """Doctors by institution: those of institution i who work are first[i] … first[i] + count[i] − 1 of ``codes``."""

    codes: list[str]
    first: Ints
    count: Ints
    table: pa.Table
    stopped: Ints  # one who has stopped, by institution
    listed: Ints  # one who works but is on the list of those who may not bill
    titles: list[str]

    @property
    def column(self) -> pa.Array:
        return pa.array(self.codes, pa.string())


def staff(plan: Plan, where: Places) -> Staff:
    """Every doctor of the city with titles and licences, dated."""
    d = Draw(plan.seed, draw.CARE)
    codes: list[str] = []
    first, count, stopped, listed, held = [], [], [], [], []
    rows: list[tuple[str, int | None, int | None, str, str, str]] = []
    half = int(np.datetime64(f"{plan.year}-04-01", "D").astype(int))
    for one in where.institutions:
        many = DOCTORS[one.level]
        extra = 1 + max(1, many // 8)
        titles = d.pick(draw.weighted(range(5), (8, 20, 38, 28, 6)), many + extra)
        credit = d.below(many + extra, 100)
        first.append(len(codes))
        count.append(many)
        listed.append(len(codes) + many)
        stopped.append(len(codes) + many + 1)
        for i in range(many + extra):
            code = f"D{one.code[1:7]}{len(codes) % 1_000_000:06d}"
            level = "A" if credit[i] < 85 else "B"
            title = TITLES[int(titles[i])]
            codes.append(code)
            held.append(title)
            if i <= many:
                rows.append((code, None, None, title, "1", level))
            else:
                rows.append((code, None, half, title, "1", "B"))
                rows.append((code, half, None, title, "2" if i % 2 else "3", "D"))
    table = _doctor_table(rows)
    return Staff(codes, np.array(first), np.array(count), table, np.array(stopped), np.array(listed), held)


def _doctor_table(rows: list[tuple[str, int | None, int | None, str, str, str]]) -> pa.Table:
    columns = list(zip(*rows))
    return pa.table(
        {
            "dr_code": pa.array(columns[0], pa.string()),
            "begndate": pa.array(columns[1], pa.int32()).cast(pa.date32()),
            "enddate": pa.array(columns[2], pa.int32()).cast(pa.date32()),
            "dr_pro_tech_duty": pa.array(columns[3], pa.string()).dictionary_encode(),
            "prac_stas": pa.array(columns[4], pa.string()).dictionary_encode(),
            "cred_lv": pa.array(columns[5], pa.string()).dictionary_encode(),
        }
    )


@dataclass(slots=True)
class Care:
    """One value a visit: doctor and department, main diagnosis (index, −1 none), age in days at the beginning, day and time in µs."""

    doctor: Ints
    second_doctor: Ints
    department: Ints
    main: Ints
    others: Ints  # visits × 3
    age: Ints
    begin: Ints
    end: Ints


def _main_tables() -> tuple[Ints, Ints]:
    """Tables of main diagnoses by (age group, sex, outpatient or stay), and the age group by completed years."""
    group = np.searchsorted(_AGES, np.arange(0, 200), side="right") - 1
    out = np.empty((len(_AGES), 2, 2, 1024), np.int64)
    for g, age in enumerate(_AGES):
        for sex in (1, 2):
            for place, bit in enumerate((_OUT, _STAY)):
                weights = [
                    i.weight if i.where & bit and i.first <= age <= i.last and i.sex & sex else 0 for i in ILLNESSES
                ]
                out[g, sex - 1, place] = draw.weighted(range(len(ILLNESSES)), weights, 1024)
    return out, group


_MAIN, _GROUP = _main_tables()


def care(plan: Plan, who: People, people_of: Staff, made: Schedule, d: Draw) -> Care:
    """Doctors, departments and diagnoses of the visits. A visit that replaces another has what that one had."""
    rows = made.rows
    n = len(rows)
    bits = d.bits(4 * n).reshape(4, n)
    # by number of the visit, whatever their order; a visit that replaces another has the bits of that one
    bits = bits[:, rows.serial[np.where(rows.source >= 0, rows.source, np.arange(n))] - rows.serial.min()]
    person = rows.person
    age = (rows.begin - who.brdy[person]).astype(np.int64)
    years = np.maximum(age * 4 // 1461, 0)
    sex = who.gend[person] - 1
    stay = STAYS[rows.kind]
    main = _MAIN[_GROUP[years], sex, stay.astype(np.int64), (bits[0] >> np.uint32(22)).astype(np.int64)]
    main = np.where((rows.kind == NAMES["chronic"]) & (rows.illness >= 0), programme_main(rows.illness), main)
    main = np.where(rows.kind == NAMES["delivery"], BIRTH, np.where(rows.kind == NAMES["prenatal"], ANTENATAL, main))
    main = np.where((age <= 20) & stay, JAUNDICE, main)
    main[low_igg(who, made)] = LOW_IGG
    sells = np.array([kind.where == PHARMACY for kind in KINDS])[rows.kind]
    main[sells] = -1
    # other diagnoses of stays: again ones that fit, never the main one
    others = np.full((n, 3), -1)
    many = np.where(stay, 1 + (bits[3] >> np.uint32(30)).astype(np.int64) % 3, 0)
    for k in range(3):
        cell = ((bits[1] >> np.uint32(10 * k)) & np.uint32(1023)).astype(np.int64)
        found = _MAIN[_GROUP[years], sex, 1, cell]
        others[:, k] = np.where((k < many) & (found != main) & (age > 20), found, -1)
    number = people_of.count[rows.institution]
    doctor = people_of.first[rows.institution] + draw.scaled(bits[2], number)
    second = people_of.first[rows.institution] + draw.scaled(bits[3] * np.uint32(16), number)
    department = np.select(
        [rows.kind == NAMES["emergency"], np.isin(rows.kind, [NAMES["delivery"], NAMES["prenatal"]]), years < 14, np.isin(rows.kind, [NAMES["injury"], NAMES["day_surgery"]])],
        [EMERGENCY, MATERNITY, CHILDREN, SURGERY],
        np.where((bits[3] >> np.uint32(20)) % 8 == 0, GENERAL, INTERNAL),
    )  # fmt: skip
    day = 86_400
    micros = np.int64(1_000_000)
    begin = (rows.begin.astype(np.int64) * day + made.begin_second) * micros
    end = (rows.end.astype(np.int64) * day + made.end_second) * micros
    return Care(doctor, second, department, main, others, age, begin, end)


def programme_main(illness: Ints) -> Ints:
    """The diagnosis of a disease programme."""
    return np.array(_PROGRAMMES)[illness % 20 % len(_PROGRAMMES)]


def visit_columns(plan: Plan, who: People, made: Schedule, with_them: Care, people_of: Staff) -> dict[str, pa.Array]:
    """The further columns of visits."""
    rows = made.rows
    back = is_reversal(rows)
    stay = STAYS[rows.kind]
    died = stay & made.last & (rows.role == 0) & (with_them.age > 60 * 365) & (rows.serial % 16 == 3)
    times = pa.timestamp("us")
    serial = draw.digits(rows.serial, 12)
    female = who.gend[rows.person] == 2
    matn = np.where(made.pregnant == 1, 2, np.where(made.pregnant == 2, 3, np.where(female, 0, -1)))
    begin, end = with_them.begin, with_them.end
    uploaded = begin + (300 + rows.serial % 17 * 1000) * 1_000_000
    card = who.number[rows.person]
    net = np.isin(rows.kind, [NAMES["outpatient"], NAMES["chronic"]]) & (rows.serial % 64 == 5) & ~back
    return {
        "begntime": pa.array(begin).cast(times),
        "endtime": pa.array(end).cast(times),
        "atddr_no": pa.DictionaryArray.from_arrays(pa.array(with_them.doctor.astype(np.int32)), people_of.column),
        "adm_dept_codg": draw.coded(np.where(stay, with_them.department, -1).astype(np.int8), DEPARTMENTS),
        "dscg_dept_codg": draw.coded(np.where(stay, with_them.department, -1).astype(np.int8), DEPARTMENTS),
        "dscg_maindiag_code": draw.coded(np.where(stay, with_them.main, -1), CODES),
        "dscg_way": draw.coded(np.where(died, 1, np.where(stay, 0, -1)), ("1", "5")),
        "matn_stas": draw.coded(matn, ("1", "2", "3", "4")),
        "itnt_flag": draw.coded(net.astype(np.int8), ("0", "1")),
        "er_flag": draw.coded((rows.kind == NAMES["emergency"]).astype(np.int8), ("0", "1")),
        "invono": draw.text(draw.prefixes([f"{plan.year:04d}"] * 1).repeat(len(rows), 0), serial),
        "upld_time": pa.array(uploaded).cast(times),
        "mdtrt_cert_no": draw.text(draw.prefixes(["C000"]).repeat(len(rows), 0), draw.digits(card, 12)),
        "days_rinp_flag_31": draw.coded(np.zeros(len(rows), np.int8), ("0", "1")),
    }  # fmt: skip


def diagnosis_rows(made: Schedule, with_them: Care, setl: pa.Array) -> tuple[pa.Table, npt.NDArray[np.int64]]:
    """Rows of the table ``diagnoses`` and their offsets by visit: the main one first, none for purchases and reversals."""
    rows = made.rows
    every = np.concatenate((with_them.main[:, None], with_them.others), axis=1)
    every[is_reversal(rows)] = -1
    every[:, 1:][every[:, :1].ravel() < 0] = -1
    visit, place = np.nonzero(every >= 0)
    code = every[visit, place]
    # an illness once a visit
    fresh = np.ones(len(code), bool)
    for back in (1, 2, 3):
        fresh[back:] &= ~((code[back:] == code[:-back]) & (visit[back:] == visit[:-back]))
    visit, place, code = visit[fresh], place[fresh], code[fresh]
    offsets = np.concatenate(([0], np.cumsum(np.bincount(visit, minlength=len(rows)))))
    stay = STAYS[rows.kind[visit]]
    return pa.table(
        {
            "setl_id": pa.DictionaryArray.from_arrays(pa.array(visit.astype(np.int32)), setl),
            "diag_code": draw.coded(code, CODES),
            "maindiag_flag": draw.coded((place == 0).astype(np.int8), ("0", "1")),
            "diag_type": draw.coded(np.zeros(len(code), np.int8), ("1",)),
            "inout_dise_type": draw.coded((stay & (place != 1)).astype(np.int8), ("1", "2")),
            "diag_time": pa.array(with_them.begin[visit]).cast(pa.timestamp("us")),
        }
    ), offsets
