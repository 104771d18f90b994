"""Planted violations of institutions, and of those who are on a list: most at institutions of their own, which nobody else visits."""

from __future__ import annotations

from .knowledge import CT, MRI, STOCK_ITEM
from .plants import BEIJING, HEFEI, LUOYANG, Book
from .ruletables import HOSPITAL_INFECTION

#: Institutions that are compared, of which the last one is beyond the others; visits of each in the first quarter and in the others.
PEERS, MANY, FEW = 5, 100, 4
#: Shares of the money, in hundredths: one that is beyond, and usual ones, with one more each institution (the last has those of the middle).
BEYOND, USUAL = 50, {"N56": 20, "N57": 12, "N58": 6, "N59": 9}


def all_places(b: Book, k: int) -> None:
    """The k-th violation of every rule on institutions and lists."""
    for case in (stock, consumables, listed):
        case(b, k)


def stock(b: Book, k: int) -> None:
    """Ten sold where five were there."""
    visit = b.simple(place=(BEIJING, HEFEI, LUOYANG)[k % 3], day=100 + k % 200, k=k, rank=k)
    line = b.line(visit, STOCK_ITEM[0], cnt=10)
    first = b.plan.first_day
    row = (visit.row["fixmedins_code"], STOCK_ITEM[0])
    # the days of one planted visit, so that each row has one sale
    b.stock.append((*row, first + 100 + k % 200, first + 101 + k % 200, 50_000))
    b.label("N43", "K14", visit, line, "stock_item", med_list_codg=STOCK_ITEM[0])


def consumables(b: Book, k: int) -> None:
    """Ten consumables sold where five were there; five are all right."""
    for sold, rule in ((10, "N48"), (5, "")):
        where = b.own_institution(HEFEI, "2")
        visit = b.simple(HEFEI, day=100 + k % 200, k=k, fixmedins_code=where)
        code = b.plain("C")
        line = b.line(visit, code, cnt=sold, yuan=30)
        b.stock.append((where, code, visit.first, visit.first + 1, 50_000))
        if rule:
            b.label(rule, "K14", visit, line, med_list_codg=code)


def listed(b: Book, k: int) -> None:
    """A person and an institution that are suspended."""
    b.label("person_blacklist", "K01", b.simple(BEIJING, k=k), None, "person_blacklist")
    where = b.own_institution(BEIJING, "2")
    b.label("institution_blacklist", "K01", b.simple(BEIJING, k=k, fixmedins_code=where), None, "institution_blacklist")


def shares(b: Book) -> None:
    """Hospitals with bills alike, and one of them beyond the others: in each quarter by a share of money, in the first also by visits.

    They are visited in the year after the city's, so that nobody else is their peer, however large the city is.
    """
    codes = {
        "N56": b.plain("X"),
        "N57": b.plain("0025"),
        "N58": b.plain("C"),
        "N59": b.plain("0031"),
        "": b.plain("0033"),
    }
    quarters = [b.plan.length + 91 * i + 5 for i in range(4)]
    for peer in range(PEERS):
        where = b.own_institution(HEFEI, "2")
        last = peer == PEERS - 1
        for beyond, start in zip(USUAL, quarters):
            first = start == quarters[0]
            share = {rule: usual + (PEERS // 2 if last else peer) for rule, usual in USUAL.items()}
            if last:
                share[beyond] = BEYOND
            share[""] = 100 - sum(share.values())
            for i in range(MANY if first else FEW):
                infected = first and (last or i < 2 + peer)
                visit = b.visit(b.person(HEFEI, 30 + i % 40), start + i % 60, med="21", hour=8, fixmedins_code=where, dx="K80.100", others=HOSPITAL_INFECTION if infected else ())  # fmt: skip
                for rule, code in codes.items():
                    b.line(visit, code, yuan=share[rule] * (12 if first else 300))
                for test, fewest in ((CT, 10), (MRI, 5)):
                    if first and (last or i < fewest + peer):
                        b.line(visit, test[0], yuan=1)
            if last:
                for rule in (beyond, *(("N60", "N61", "N62") if first else ())):
                    b.label(rule, "K13", None, fixmedins_code=where)
