"""Planted violations that are seen on visits: how often, how near, at the same time, for how much."""

from __future__ import annotations

import datetime as dt

from .knowledge import BED
from .plants import BEIJING, YULIN, Book, Cells, Person, Visit
from .ruletables import LOW_SEVERITY, NO_DIAGNOSIS, part

MONTHS = (91, 121, 152)  # first days of April, May, June in a year with 29 February; one earlier otherwise


def all_visits(b: Book, k: int) -> None:
    """The k-th violation of every rule on visits."""
    for case in (
        frequent,
        dialysis,
        amounts,
        split_stays,
        readmissions,
        overlaps,
        outside,
        deaths,
        idle,
        admissions,
        records,
    ):
        case(b, k)


def _run(
    b: Book,
    who: Person,
    rule: str,
    kernel: str,
    days: list[int],
    beyond: int,
    also: tuple[str, ...] = (),
    **more: object,
) -> None:
    """Visits on these days; from the one after the first ``beyond`` on they are too many."""
    for i, day in enumerate(days):
        visit = b.visit(who, day, hour=8 + i % 10, **more)  # type: ignore[arg-type]
        b.usual(visit, i)
        if i >= beyond:
            b.label(rule, kernel, visit)
        for other in also:
            b.label(other, kernel, visit, sure=False)


def _month(b: Book, i: int) -> int:
    return MONTHS[i] - (0 if b.plan.length == 366 else 1)


def frequent(b: Book, k: int) -> None:
    """Too many visits, purchases and stays; one fewer than the bound is all right in every reading."""
    first = _month(b, 0)
    chronic: Cells = {"med": "14", "dx": "I10.x00", "dise_codg": "M03900"}
    _run(b, b.person(age=60), "TJ01", "K07", [first + 3] * 7, 5, also=("TJ03",), **chronic)
    _run(b, b.person(age=60), "TJ03", "K07", [first + 3 * i for i in range(7)], 5, **chronic)
    _run(b, b.person(age=60), "", "", [first + 6 * i for i in range(4)], 99, **chronic)
    _run(b, b.person(age=60), "TJ04", "K07", [first + 3 * i for i in range(7)], 5, med="41")
    days = [_month(b, m) + 4 * i for m in range(3) for i in range(6)]
    _run(b, b.person(age=60), "TJ05", "K07", days, 15, also=("TJ03",), **chronic)
    _run(b, b.person(BEIJING, 50), "N50", "K07", [first + i for i in range(24)], 15)
    _run(b, b.person(BEIJING, 50), "N51", "K07", [first + i for i in range(24)], 15, med="41")
    who = b.person(BEIJING, 55)
    for i, dx in enumerate(("J18.900", "K80.100", "N20.000", "I25.100", "K92.200", "E11.900", "C34.900", "M17.900")):
        visit = b.every_day(b.visit(who, first + 9 * i, med="21", nights=2, dx=dx, rank=i), i)
        if i >= 4:
            b.label("N52", "K07", visit)
        for other in ("split_stay", "N63"):
            b.label(other, "K08", visit, sure=False)


def dialysis(b: Book, k: int) -> None:
    """Dialysis more often than is paid."""
    first = _month(b, 0)
    programme: Cells = {"med": "14", "dx": "N18.500", "dise_codg": "M07801"}
    _run(
        b,
        b.person(age=55),
        "TJ02",
        "K07",
        [first + i for i in range(17)],
        15,
        also=("TJ07", "TJ08", "N50"),
        **programme,
    )
    days = [_month(b, m) + 2 * i for m in range(3) for i in range(14)]
    _run(b, b.person(age=55), "TJ06", "K07", days, 40, also=("TJ07", "TJ08", "TJ02"), **programme)
    item = part(b.goods, "dialysis")[k % 10]
    for rule, starts, sessions, bound in (
        ("TJ07", [first], 12, 10),
        ("TJ08", [_month(b, m) for m in range(3)], 10, 25),
    ):
        who, seen = b.person(age=55), 0
        for start in starts:
            for i in range(sessions):
                visit = b.visit(who, start + 2 * i, **programme)
                line = b.line(visit, item, yuan=400)
                seen += 1
                if seen > bound:
                    b.label(rule, "K07", visit, line, "dialysis")
                if rule == "TJ08":
                    b.label("TJ07", "K07", visit, line, "dialysis", sure=False)


def amounts(b: Book, k: int) -> None:
    """More money than is paid without a second look."""
    drugs = part(b.goods, "drug")
    who = b.person(age=60)
    for i in range(3):
        visit = b.visit(who, 50 + 60 * i, med="14", dx="E11.900", dise_codg="M01600")
        line = b.line(visit, drugs[(k + i) % len(drugs)], yuan=4000)
        if i == 2:
            b.label("AS1", "K07", visit, line)
    who = b.person(age=45, civil=True)
    for i in range(2):
        visit = b.visit(who, 50 + 60 * i)
        line = b.usual(visit, i, yuan=3000)
        if i == 1:
            b.label("AS2", "K07", visit, line)
    visit = b.simple(YULIN, k=k, med="21", nights=5)
    line = b.usual(visit, k, yuan=6000)
    b.label("AG4", "K06", visit, line)


def _stay(b: Book, who: Person, day: int, nights: int, dx: str, rank: int = 0, **more: object) -> Visit:
    return b.every_day(b.visit(who, day, med="21", nights=nights, dx=dx, rank=rank, **more), day)  # type: ignore[arg-type]


def split_stays(b: Book, k: int) -> None:
    """Back in the same hospital with the same diagnosis after three days; planned, transferred, or after two months: all right."""
    for gap, more, rule in ((3, {}, "split_stay"), (3, {"days_rinp_flag_31": "1"}, ""), (60, {}, "")):
        who = b.person(BEIJING, 60)
        begin = 30 + k * 5 % 200
        _stay(b, who, begin, 5, "I63.900", rank=k)
        later = _stay(b, who, begin + 5 + gap, 5, "I63.900", rank=k, **more)
        if rule:
            b.label(rule, "K08", later)
            b.label("N63", "K08", later)
    who = b.person(BEIJING, 60)
    first = _stay(b, who, 100, 5, "I25.100", rank=k, dscg_way="2")
    _stay(b, who, 106, 5, "I25.100", rank=k + 1, refl_old_mdtrt_id=first.row["mdtrt_id"])


def readmissions(b: Book, k: int) -> None:
    """Back in the same hospital after three weeks with another diagnosis; a day after the 31st: all right."""
    for gap, rule in ((21, "N63"), (32, "")):
        who = b.person(BEIJING, 60)
        begin = 20 + k * 5 % 200
        _stay(b, who, begin, 4, "K80.100", rank=k)
        later = _stay(b, who, begin + 4 + gap, 4, "N20.000", rank=k)
        if rule:
            b.label(rule, "K08", later)


def overlaps(b: Book, k: int) -> None:
    """In two hospitals for three nights; a transfer on the same day is all right."""
    who = b.person(BEIJING, 50)
    _stay(b, who, 60 + k % 100, 6, "K80.100", rank=k)
    b.label("overlap", "K09", _stay(b, who, 63 + k % 100, 6, "N20.000", rank=k + 1))


def outside(b: Book, k: int) -> None:
    """Lines after discharge; an antibiotic a day and a half before the operation."""
    visit = b.simple(BEIJING, k=k, med="21", nights=3)
    line = b.usual(visit, k, day=5)
    b.label("N42", "K09", visit, line)
    # no infection: nothing but prevention explains it
    visit = b.simple(BEIJING, k=k, med="21", nights=4, dx="K80.100")
    time = visit.row["begntime"] + (visit.row["endtime"] - visit.row["begntime"]) / 2
    visit.operations.append({"setl_id": visit.id, "oprn_oprt_code": "99.0000", "oprn_oprt_type": "1", "oprn_oprt_date": time, "oper_dr_code": visit.row["atddr_no"]})  # fmt: skip
    line = b.line(visit, b.reserved("antibiotic", k), cnt=2)
    b.label("N44", "K09", visit, line, "perioperative_antibiotic")


def deaths(b: Book, k: int) -> None:
    """A visit after a death."""
    who = b.person(BEIJING, 80)
    _stay(b, who, 80, 4, "I63.900", rank=k, dscg_way="5")
    visit = b.visit(who, 100 + k % 50)
    b.usual(visit, k)
    b.label("after_death", "K09", visit)


def idle(b: Book, k: int) -> None:
    """A bed for ten days, and lines on the first and the last one only."""
    visit = b.visit(b.person(BEIJING, 60), 60 + k % 100, med="21", nights=10, dx="M51.200")
    b.usual(visit, k)
    b.usual(visit, k, day=10)
    b.label("idle", "K09", visit)


def admissions(b: Book, k: int) -> None:
    """An emergency three days before the stay in the same hospital; a stay settled after three weeks."""
    who = b.person(BEIJING, 60)
    emergency = b.visit(who, 97, med="13", er_flag="1", rank=k)
    b.usual(emergency, k)
    _stay(b, who, 100, 5, "I25.100", rank=k)
    b.label("AL1", "K09", emergency)
    visit = b.simple(BEIJING, k=k, med="21", nights=5)
    visit.row["setl_time"] = visit.row["endtime"] + 5 * (visit.row["endtime"] - visit.row["begntime"])
    b.label("AL2", "K09", visit)


def records(b: Book, k: int) -> None:
    """A code that is no diagnosis; a settlement that comes in a day and a half late, and one that comes just in time."""
    b.label("N37", "K15", b.simple(BEIJING, k=k, med="21", nights=2, dx=NO_DIAGNOSIS), None, "diagnosis_codes")
    for hours, rule in ((36, "N41"), (24, "")):
        visit = b.simple(BEIJING, k=k)
        visit.row["upld_time"] = visit.row["setl_time"] + dt.timedelta(hours=hours)
        if rule:
            b.label(rule, "K15", visit)
    for dx, rule in ((LOW_SEVERITY[k % len(LOW_SEVERITY)], "N53"), ("J18.900", "")):
        visit = b.simple(BEIJING, k=k, med="21", nights=2, dx=dx)
        line = b.line(visit, BED[0], yuan=50)
        if rule:
            b.label(rule, "K02", visit, line, "low_severity")
