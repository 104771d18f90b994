"""Random tables aimed at a book: the amounts lie on its figures, the codes are those its conditions name.

Everything is in the units of the reference (fen, days, seconds), as lists of dicts; `generate.tables` makes Arrow of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ybcore.reference.numbers import date, money

from .catalogs import ITEMS, catalog
from .draw import (
    DESIGNATIONS,
    DISEASES,
    FUNDS,
    GRADES,
    HOSP_LV,
    IDET,
    INSURED,
    JOBS,
    LEVELS,
    MED_TYPES,
    PLACES,
    PSN_TYPES,
    TREATED,
    Draw,
)

FIRST, LAST = date("2023-10-01"), date("2025-03-31")
NATURES = ("fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt")
BUCKETS = ("full_self_pay", "over_limit", "first_pay", "in_scope")
Row = dict[str, Any]


def amounts_of(node: Any) -> Iterator[int]:
    """Every text of a document that reads as an amount of at least a yuan, in fen."""
    if isinstance(node, dict):
        for value in node.values():
            yield from amounts_of(value)
    elif isinstance(node, list):
        for value in node:
            yield from amounts_of(value)
    else:
        try:
            fen = money(node)
        except ValueError:
            return
        if 100 <= fen <= 50_000_000:
            yield fen


def population(
    seed: int, documents: list[Row], persons: int = 12, visits: int = 80, wild: float = 0.06
) -> dict[str, Any]:
    """Tables for `reference.settle` or the engine. `wild`: how many rows are wrong in some way."""
    return _Population(Draw(seed), documents, wild).tables(persons, visits)


class _Population:
    def __init__(self, draw: Draw, documents: list[Row], wild: float) -> None:
        self.d, self.wild = draw, wild
        self.targets = sorted({fen for doc in documents for fen in amounts_of(doc)}) or [100_000]
        self.tags = list(dict.fromkeys(tag for doc in documents for tag in doc.get("tags", [])))
        self.declared = list(dict.fromkeys(name for doc in documents for name in doc.get("attributes", {})))
        self.insutypes = list(dict.fromkeys(code for doc in documents for code in doc["scheme"]["insutype"]))
        self.insutypes = [code if len(code) == 3 else "310" for code in self.insutypes]
        self.split = any(doc.get("year", {}).get("cross") == "split" for doc in documents)
        self.households: list[str] = []
        self.institutions: list[Row] = []

    def tables(self, persons: int, visits: int) -> dict[str, Any]:
        d = self.d
        names = [f"P{i:03d}" for i in range(persons)]
        self.households = [f"H{i}" for i in range(d.whole(1, 5) + persons // 4)]
        self.institutions = [row for i in range(d.whole(2, 6)) for row in self.institution(f"I{i}")]
        people = [row for name in names for row in self.person(name, names)]
        self.with_persons = d.chance(0.85)
        self.balances = {row["psn_no"]: row.get("balc") for row in reversed(people)}
        rows: list[Row] = []
        lines: list[Row] = []
        while len(rows) < visits:
            self.visit(rows, lines, d.pick(names), people)
        out: dict[str, Any] = {"visits": rows, "lines": lines, "catalog": catalog(d)}
        if self.with_persons:
            out["persons"] = people
        if d.chance(0.9):
            out["institutions"] = self.institutions
        if d.chance(0.6):
            out["acct_events"] = [self.account_event(d.pick(names)) for _ in range(d.whole(1, persons))]
        return out

    # ------------------------------------------------------------------ who and where

    def person(self, name: str, names: list[str]) -> Iterator[Row]:
        d = self.d
        row: Row = {"psn_no": name, "insutype": d.pick(self.insutypes), "psn_type": d.pick(PSN_TYPES)}
        row["insuplc_admdvs"] = d.pick(INSURED) if d.chance(0.97) else "320100"
        row["psn_idet_type"] = d.pick(IDET) or None
        row["cvlserv_flag"] = d.pick([None, "0", "1"])
        row["cvlserv_lv"], row["clct_grde"] = d.pick([None, *GRADES]), d.pick([None, *GRADES])
        row["cum_clct_mons"] = d.pick([None, 0, 11, 12, 119, 120, 240]) if d.chance(0.5) else d.whole(0, 300)
        row["gend"] = d.pick(["1", "2"])
        row["brdy"] = (
            None if d.chance(0.04) else date(f"{d.whole(1935, 2022)}-{d.whole(1, 12):02d}-{d.whole(1, 28):02d}")
        )
        if d.chance(0.05):
            row["brdy"] = date("1964-02-29")
        if d.chance(0.7):
            row["hsld_no"], row["hsld_size"] = d.pick(self.households), d.whole(1, 7)
        row["wage"] = d.fen(1_000_000, 30_000_000) if d.chance(0.93) else None
        row["balc"] = d.pick([None, 0, 1, d.fen(0, 40_000), d.fen(0, 800_000)])
        if d.chance(0.4):
            row["mulaid_psn_no"] = d.pick(names)
        if "job" in self.declared:
            row["job"] = d.pick([None, *JOBS])
        if d.chance(0.7):
            yield row
            return
        cut = d.whole(FIRST + 60, LAST - 60)
        gap = d.whole(1, 40) if d.chance(0.2) else 0
        yield {**row, "enddate": cut}
        yield {**row, "begndate": cut + gap, "psn_type": d.pick(PSN_TYPES), "psn_idet_type": d.pick(IDET) or None}
        others = [insutype for insutype in self.insutypes if insutype != row["insutype"]]
        if d.chance(0.2) and others:
            yield {**row, "insutype": d.pick(others)}

    def institution(self, code: str) -> Iterator[Row]:
        d = self.d
        row: Row = {"fixmedins_code": code, "hosp_lv": d.pick([None, *HOSP_LV]), "fixmedins_type": d.pick(["1", "2"])}
        if d.chance(0.3):
            row["dedc_hosp_lv"] = d.pick(LEVELS)
        if d.chance(0.3):
            row["lmtpric_hosp_lv"] = d.pick(LEVELS)
        row["tcm_flag"] = d.pick([None, "0", "1"])
        row["mdtrtarea_admvs"] = d.pick([None, *TREATED])
        if "designation" in self.declared:
            row["designation"] = d.pick([None, *DESIGNATIONS])
        if d.chance(0.7):
            yield row
        else:
            cut = d.whole(FIRST + 60, LAST - 60)
            yield {**row, "enddate": cut}
            yield {**row, "begndate": cut, "hosp_lv": d.pick(HOSP_LV)}

    def account_event(self, name: str) -> Row:
        d = self.d
        kind = d.pick(["add", "add", "set"])
        amount = d.fen(0, 60_000) * (-1 if kind == "add" and d.chance(0.15) else 1)
        return {
            "psn_no": name,
            "event_date": d.pick([d.whole(FIRST, LAST), date("2024-01-01")]),
            "kind": kind,
            "amount": amount,
        }

    # ------------------------------------------------------------------ visits

    def visit(self, rows: list[Row], lines: list[Row], name: str, people: list[Row]) -> None:
        d = self.d
        if rows and d.chance(0.12):
            rows.append(self.reversal(rows))
            return
        row = self.when_and_where(name, len(rows))
        if rows and d.chance(0.25):
            self.follow(row, d.pick(rows[-6:]))
        if not self.with_persons or d.chance(0.04):
            own = next(p for p in people if p["psn_no"] == name) if not self.with_persons else {}
            skip = ("psn_no", "balc", "begndate", "enddate")
            row.update({k: v for k, v in own.items() if k not in skip and v is not None})
            if self.with_persons:
                row.update(d.pick([{"psn_type": d.pick(PSN_TYPES)}, {"clct_grde": "1"}, {"psn_idet_type": "A"}]))
        elif d.chance(0.3):
            row["insutype"] = d.pick(self.insutypes)
        if d.chance(0.45):
            self.bill(row, lines)
        else:
            self.natures(row)
        for payer in FUNDS:
            if d.chance(0.08):
                row[f"given_{payer}"] = self.amount(small=True)
        if d.chance(self.wild):
            self.spoil(row, rows)
        rows.append(row)

    def when_and_where(self, name: str, number: int) -> Row:
        d = self.d
        row: Row = {"setl_id": f"S{number:04d}", "psn_no": name, "med_type": d.pick(MED_TYPES)}
        stay = row["med_type"][0] == "2" or d.chance(0.1)
        end = d.whole(FIRST, LAST)
        if d.chance(0.15):
            end = d.pick(
                [date("2023-12-31"), date("2024-01-01"), date("2024-07-01"), date("2024-06-30"), date("2025-01-03")]
            )
        days = d.pick([0, 1, 5, 14, 40]) if stay else 0
        if stay and self.split and d.chance(0.3):
            end, days = (
                d.pick([date("2024-01-04"), date("2025-01-09"), date("2024-07-05"), date("2024-04-20")]),
                d.pick([6, 20, 400]),
            )
        if days or d.chance(0.3):
            row["enddate"], row["begndate"] = end, end - days
        late = d.pick([0, 0, 0, 1, 10, 45]) if "enddate" in row else 0
        clock = d.pick([0, 3600 * 9, 3600 * 9, d.whole(0, 86_399)])
        row["setl_time"] = (end + late) * 86_400 + clock
        if d.chance(0.1):
            row["ipt_days"] = d.pick([0, 1, 3, 10, 33])
        if d.chance(0.8):
            row["fixmedins_code"] = f"I{d.whole(0, 6)}"
        if d.chance(0.3):
            row["place"] = d.pick(PLACES)
        if d.chance(0.2):
            row["rloc_type"] = d.pick(["1", "2", "3"])
        if d.chance(0.4):
            row["dise_codg"] = d.pick(DISEASES) or None
        if d.chance(0.1):
            row["day_surgery"] = d.pick(["0", "1"])
        if d.chance(0.1):
            row["mdtrtarea_admvs"] = d.pick(TREATED)
        if d.chance(0.12):
            row["hosp_lv"] = d.pick(HOSP_LV)
        if d.chance(0.05):
            row["dedc_hosp_lv"] = d.pick(LEVELS)
        if d.chance(0.1):
            row["acct_used_flag"] = d.pick(["0", "1"])
        if "score" in self.declared and d.chance(0.8):
            row["score"] = d.pick([0, 4, 5, 49, 50, 90])
        if "designation" in self.declared and d.chance(0.1):
            row["designation"] = d.pick(DESIGNATIONS)
        return row

    def follow(self, row: Row, earlier: Row) -> None:
        """Another settlement of the same stay, a transfer, or the same moment."""
        d = self.d
        if earlier.get("psn_no") is None or earlier.get("setl_time") is None or earlier.get("refd_setl_flag") == "1":
            return
        row["psn_no"] = earlier["psn_no"]
        kind = d.pick(["stay", "stay", "transfer", "days", "tie"])
        stay = earlier.get("mdtrt_id") or earlier["setl_id"]
        begin, end = earlier.get("begndate"), earlier.get("enddate")
        if kind == "stay":
            row["mdtrt_id"], row["med_type"] = stay, earlier["med_type"] or "21"
        elif kind == "transfer":
            row["refl_old_mdtrt_id"] = stay
        if kind in ("transfer", "days") and end is not None:
            after = d.pick([0, 1, 3, 15, 16, 40])
            row["begndate"], row["enddate"] = end + after, end + after + d.pick([0, 4])
            row["setl_time"] = (row["enddate"] + d.pick([0, 2])) * 86_400 + 3600 * 9
        else:
            row["setl_time"] = earlier["setl_time"] + d.pick([0, 0, 86_400])
            for key, value in (("begndate", begin), ("enddate", end)):
                row.pop(key, None)
                if value is not None:
                    row[key] = value

    def amount(self, small: bool = False) -> int:
        """Fen: tiny, on a figure of the book or one fen beside it, or anything."""
        d = self.d
        draw = d.rng.random()
        if draw < 0.12:
            return d.pick([0, 1, 2, 49, 50, 51, 99, 100])
        if draw < 0.4:
            return max(0, d.pick(self.targets) + d.pick([-1, 0, 0, 0, 1]))
        if small or draw < 0.65:
            return d.fen(0, 60_000)
        return d.fen(0, d.pick([300_000, 1_000_000, 4_000_000]))

    def natures(self, row: Row) -> None:
        d = self.d
        row["inscp_scp_amt"] = self.amount()
        for name in NATURES[:3]:
            if d.chance(0.5):
                row[name] = self.amount(small=True)
        if d.chance(0.15):
            row["direct_amt"] = self.amount(small=True)
        for tag in self.tags:
            for bucket in BUCKETS:
                if d.chance(0.4):
                    row[f"{tag}.{bucket}"] = self.amount(small=bucket != "in_scope")
        if d.chance(0.6):
            named = [*NATURES, "direct_amt", *(k for k in row if "." in k)]
            row["medfee_sumamt"] = sum(row.get(name) or 0 for name in named)

    def bill(self, row: Row, lines: list[Row]) -> None:
        d = self.d
        end = row.get("enddate", row["setl_time"] // 86_400)
        begin = min(row.get("begndate", end), end)
        mine: list[Row] = []
        for i in range(d.whole(0 if d.chance(0.1) else 1, 8)):
            line: Row = {"setl_id": row["setl_id"], "feedetl_sn": f"L{i}", "med_list_codg": d.pick([*ITEMS, "X9"])}
            line["det_item_fee_sumamt"] = self.amount(small=d.chance(0.5))
            if d.chance(0.5):
                line["fee_ocur_time"] = d.whole(begin, end) if d.chance(0.95) else end + 1
            if d.chance(0.6):
                line["cnt"] = d.pick([10_000, 20_000, 5_000, 1, 33_333, 0, 100_000])
            if d.chance(0.3):
                line["pric"] = d.pick([0, 1_000_000, 12_345_678, line["det_item_fee_sumamt"] * 10_000])
            if d.chance(0.05):
                line["deny_flag"] = d.pick(["0", "1"])
            if d.chance(0.1):
                line["hosp_appr_flag"] = d.pick(["0", "1", "2"])
            mine.append(line)
            if d.chance(0.12):
                back = {**line, "feedetl_sn": f"L{i}r", "init_feedetl_sn": f"L{i}", "fee_ocur_time": end}
                whole = line["det_item_fee_sumamt"]
                back["det_item_fee_sumamt"] = -(whole if d.chance(0.6) else d.whole(0, whole))
                if "cnt" in line:
                    back["cnt"] = -line["cnt"]
                if back["det_item_fee_sumamt"] % 5 == 0:
                    line["deny_flag"] = "1"  # and what returns it does not say so
                if back["det_item_fee_sumamt"] % 3 == 0:
                    back.pop("hosp_appr_flag", None)
                mine.append(back)
                if back["det_item_fee_sumamt"] % 7 == 0:
                    back["init_feedetl_sn"] = None if back["det_item_fee_sumamt"] % 2 else "nobody"
                if d.chance(0.25):
                    again = {**back, "feedetl_sn": f"L{i}rr", "init_feedetl_sn": f"L{i}r", "fee_ocur_time": end + 1}
                    again["det_item_fee_sumamt"] *= -1 if d.chance(0.8) else 1
                    again.pop("deny_flag", None)
                    mine.append(again)
                    if d.chance(0.1):
                        line["init_feedetl_sn"] = d.pick([f"L{i}rr", f"L{i}r", f"L{i}"])  # a circle, or itself
        if mine and d.chance(0.03):
            d.pick(mine)["det_item_fee_sumamt"] = -self.amount(small=True)
        lines += d.shuffled(mine) if d.chance(0.3) else mine

    # ------------------------------------------------------------------ going back, going wrong

    def reversal(self, rows: list[Row]) -> Row:
        d = self.d
        recent = rows[-4:] if d.chance(0.5) else rows
        original = d.pick(recent)
        at = original.get("setl_time") or FIRST * 86_400
        out: Row = {
            "setl_id": f"S{len(rows):04d}",
            "psn_no": original.get("psn_no") or "P000",
            "setl_time": at + d.pick([0, 1, 86_400, 86_400 * 30, 86_400 * 200]),
            "refd_setl_flag": "1",
            "init_setl_id": original.get("setl_id"),
        }
        if d.chance(0.15):
            wrong = d.pick(
                [{"init_setl_id": "NONE"}, {"init_setl_id": None}, {"psn_no": "P001"}, {"setl_time": at - 86_400}]
            )
            out.update(wrong)
        if d.chance(0.1):
            out["enddate"] = out["setl_time"] // 86_400
        return out

    def spoil(self, row: Row, rows: list[Row]) -> None:
        """One thing wrong."""
        d = self.d
        kind = d.pick(
            ["med_type", "setl_time", "dates", "days", "person", "twice", "split", "negative", "psn_no", "setl_id"]
        )
        if kind in ("med_type", "psn_no", "setl_time"):
            row[kind] = None
        elif kind == "setl_id":
            if not self.has_bill(row):
                row["setl_id"] = None
        elif kind == "dates":
            row["begndate"] = row.get("enddate", row["setl_time"] // 86_400) + 1
        elif kind == "days":
            row["ipt_days"] = -1
        elif kind == "person":
            row["psn_no"] = "STRANGER"
        elif kind == "twice":
            # Not an id that has lines: to whose row they then belong is nobody's promise.
            plain = [other["setl_id"] for other in rows if not self.has_bill(other)]
            if plain and not self.has_bill(row):
                row["setl_id"] = d.pick(plain)
        elif kind == "split":
            row["medfee_sumamt"] = (row.get("medfee_sumamt") or 0) + 1
        elif "inscp_scp_amt" in row:
            row["inscp_scp_amt"] = -5
            row.pop("medfee_sumamt", None)

    @staticmethod
    def has_bill(row: Row) -> bool:
        return "inscp_scp_amt" not in row
