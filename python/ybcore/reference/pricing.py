"""Fee lines: the catalogue, and how each line is split into its natures."""

from __future__ import annotations

from typing import Any

from .figures import Facts, Figures
from .numbers import PPM, Reject, Rounding, round_div

CLASS_A, CLASS_B, CLASS_C = "01", "02", "03"


class Catalog:
    """Dated items, first-pay ratios and price caps; rows are dicts as the tables have them."""

    def __init__(self, tables: dict[str, list[dict]] | None) -> None:
        self.index: dict[str, dict[str, list[dict]]] = {}
        for table in ("items", "selfpay", "caps"):
            rows = self.index.setdefault(table, {})
            for row in (tables or {}).get(table) or []:
                rows.setdefault(row["med_list_codg"], []).append(row)

    def find(self, table: str, code: str, place: str, day: int, key: str = "", value: str = "") -> dict | None:
        """The row that holds: the visit's place before everywhere; its own ``key`` value before the empty one."""
        rows = [
            row
            for row in self.index[table].get(code, [])
            if (row.get("begndate") is None or row["begndate"] <= day)
            and (row.get("enddate") is None or day < row["enddate"])
        ]
        for wanted_place in (place, ""):
            for wanted in (value, ""):
                for row in rows:
                    if (row.get("insu_admdvs") or "") == wanted_place and (not key or (row.get(key) or "") == wanted):
                        return row
        return None


class Natures:
    """The four natures of a bill by tag ('' is untagged), and the direct part; units of money."""

    def __init__(self, tags: list[str]) -> None:
        self.parts = {tag: {"full_self_pay": 0, "over_limit": 0, "first_pay": 0, "in_scope": 0} for tag in ["", *tags]}
        self.direct = 0

    def sum(self, nature: str) -> int:
        return sum(part[nature] for part in self.parts.values())

    @property
    def in_scope(self) -> int:
        return self.sum("in_scope") + self.direct

    @property
    def total(self) -> int:
        return sum(sum(part.values()) for part in self.parts.values()) + self.direct

    def short(self) -> bool:
        """Whether something is below zero."""
        return self.direct < 0 or any(amount < 0 for part in self.parts.values() for amount in part.values())

    def buckets(self) -> dict[str, int]:
        """Natures as burden buckets, before anything is paid."""
        burden = dict(self.parts[""])
        burden.update(direct=self.direct, deductible=0, copay=0, over_ceiling=0)
        for tag, part in self.parts.items():
            if tag:
                burden.update({f"{tag}.{nature}": amount for nature, amount in part.items()})
        return burden


def named_line(line: dict, lines: list[dict]) -> dict:
    """The line that a return line names, else the line itself."""
    original = line.get("init_feedetl_sn")
    return next((other for other in lines if original and other.get("feedetl_sn") == original), line)


def returned_lines(line: dict, lines: list[dict]) -> list[dict]:
    """The line, the one that it returns, the one that this one returns, and so on to the end. Lines that return each other are refused."""
    chain = [line]
    while (named := named_line(chain[-1], lines)) is not chain[-1]:
        if any(named is one for one in chain):
            raise Reject("bad_value")
        chain.append(named)
    return chain


def line_reason(chain: list[dict], item: dict | None) -> str:
    """Why a whole line is the person's own, or ''. What returns such a line is so with it: nothing goes back to a fund that pays nothing."""
    if any(str(line.get("deny_flag") or "0") == "1" for line in chain):
        return "denied"
    if any(str(line.get("hosp_appr_flag") or "") == "2" for line in chain):
        return "not_approved"
    if item is None:
        return "unknown_item"
    return "class_c" if item["chrgitm_lv"] == CLASS_C else ""


class Pricer:
    """Prices the lines of one visit (or of one part of a split stay) under one document."""

    def __init__(
        self, doc: dict, catalog: Catalog, rounding: Rounding, facts: Facts, figures: Figures, visit: dict
    ) -> None:
        self.doc, self.catalog, self.rd, self.facts, self.visit = doc, catalog, rounding, facts, visit
        pricing = doc.get("pricing", {})
        place = pricing.get("place", {})
        self.places = {
            what: facts.values["insuplc_admdvs" if place.get(what, "treatment") == "insured" else "mdtrtarea_admvs"]
            or ""
            for what in ("class", "ratio", "cap")
        }
        self.category = figures.text(pricing["ratio_category"]) if "ratio_category" in pricing else ""
        self.steps = []
        for step in pricing.get("first_pay", [{"ratio": "catalog"}]):
            if facts.holds(step.get("when")):
                ratio = None if step["ratio"] == "catalog" else figures.rate(step["ratio"])
                classes = step.get("class", [CLASS_A, CLASS_B])
                self.steps.append((ratio, step.get("on", "rest"), step.get("at", "line"), classes))

    def _day(self, what: str, line: dict, lines: list[dict]) -> int:
        rule = self.doc.get("dates", {}).get(what, "fee")
        if rule == "discharge":
            return self.visit["enddate"]
        if rule == "settlement":
            return self.visit["setl_time"] // 86400
        day = returned_lines(line, lines)[-1].get("fee_ocur_time")
        return self.visit["enddate"] if day is None else day

    def price(self, lines: list[dict], all_lines: list[dict], tags: list[str]) -> tuple[Natures, list[dict]]:
        """Natures of the bill and one row per line."""
        rows = self._split(lines, all_lines)
        natures = added(rows, tags)
        if natures.short() and any(row["reason"] == "denied" for row in rows):
            copies = {id(line): {**line, "deny_flag": "0"} for line in all_lines}
            plain = self._split([copies[id(line)] for line in lines], list(copies.values()))
            give_way(rows, natures, added(plain, tags))
            natures = added(rows, tags)
        return natures, rows

    def _split(self, lines: list[dict], all_lines: list[dict]) -> list[dict]:
        rows = [self._open(line, all_lines) for line in lines]
        for ratio, on, at, classes in self.steps:
            if at == "line":
                for row in rows:
                    self._line_step(row, ratio, on, classes)
            else:
                for group in [[c] for c in (CLASS_A, CLASS_B)] if at == "class" else [[CLASS_A, CLASS_B]]:
                    chosen = [
                        r
                        for r in rows
                        if r["class"] in group and r["class"] in classes and not r["direct"] and not r["reason"]
                    ]
                    self._sum_step(chosen, ratio, on)
        return rows

    def _open(self, line: dict, lines: list[dict]) -> dict[str, Any]:
        code, scale = line.get("med_list_codg") or "", self.rd.scale
        amount = line["det_item_fee_sumamt"] * scale
        item = self.catalog.find("items", code, self.places["class"], self._day("class", line, lines))
        reason = line_reason(returned_lines(line, lines), item)
        row: dict[str, Any] = {
            "sign": -1 if amount < 0 else 1,
            "reason": reason,
            "flag": reason,
            "full_self_pay": 0,
            "over_limit": 0,
            "first_pay": 0,
            "lim": 0,
            "class": item["chrgitm_lv"] if item else "",
            "tag": (item or {}).get("tag") or "",
            "direct": False,
            "ratio": 0,
            "cap": None,
        }
        if reason:
            row["full_self_pay"] = abs(amount)
            return row
        assert item is not None
        row["lim"] = abs(amount)
        cap = self.catalog.find(
            "caps",
            code,
            self.places["cap"],
            self._day("cap", line, lines),
            "lmtpric_hosp_lv",
            self.facts.values["lmtpric_hosp_lv"],
        )
        if cap is not None:
            row["cap"] = cap["hilist_pric_uplmt_amt"]
            quantity = 10_000 if line.get("cnt") is None else abs(line["cnt"])
            limit = self.rd.at("line", row["cap"] * quantity * scale, 10**8)
            row["lim"] = min(row["lim"], limit)
            row["over_limit"] = abs(amount) - row["lim"]
        row["direct"] = str(item.get("drt_reim_flag") or "0") == "1"
        if row["class"] == CLASS_B or row["direct"]:
            found = self.catalog.find(
                "selfpay",
                code,
                self.places["ratio"],
                self._day("ratio", line, lines),
                "selfpay_prop_psn_type",
                self.category,
            )
            ratio = found["selfpay_prop"] if found else item.get("selfpay_prop")
            if ratio is None:
                row["flag"] = "no_ratio"
            row["ratio"] = ratio or 0
        if row["direct"]:
            row["first_pay"] = self.rd.at("line", row["ratio"] * row["lim"], PPM)
        return row

    def _line_step(self, row: dict, ratio: int | None, on: str, classes: list[str]) -> None:
        if row["reason"] or row["direct"] or row["class"] not in classes:
            return
        rest = row["lim"] - row["first_pay"]
        base = row["lim"] if on == "gross" else rest
        taken = self.rd.at("line", (row["ratio"] if ratio is None else ratio) * base, PPM)
        row["first_pay"] += min(rest, taken)

    def _sum_step(self, rows: list[dict], ratio: int | None, on: str) -> None:
        """One rounding on the sum, then laid on the lines so that their sum is the same."""
        rests = [row["sign"] * (row["lim"] - row["first_pay"]) for row in rows]
        bases = [row["sign"] * row["lim"] for row in rows] if on == "gross" else rests
        taken = self.rd.at(
            "class", sum((row["ratio"] if ratio is None else ratio) * base for row, base in zip(rows, bases)), PPM
        )
        whole = sum(rests)
        if whole == 0:
            return
        if abs(taken) > abs(whole):
            taken = abs(whole) if taken > 0 else -abs(whole)
        seen = given = 0
        for row, rest in zip(rows, rests):
            seen += rest
            upto = round_div(taken * seen * (1 if whole > 0 else -1), abs(whole), "down")
            row["first_pay"] += row["sign"] * (upto - given)
            given = upto


def added(rows: list[dict], tags: list[str]) -> Natures:
    """The natures that lines come to."""
    natures = Natures(tags)
    for row in rows:
        part = natures.parts[row["tag"] if row["tag"] in natures.parts else ""]
        for nature in ("full_self_pay", "over_limit", "first_pay"):
            part[nature] += row["sign"] * row[nature]
        if row["direct"]:
            natures.direct += row["sign"] * (row["lim"] - row["first_pay"])
        else:
            part["in_scope"] += row["sign"] * (row["lim"] - row["first_pay"])
    return natures


def give_way(rows: list[dict], natures: Natures, undenied: Natures) -> None:
    """Returns for which denied lines left too little are full self-pay by what is missing: they give back of what is denied.

    ``undenied``: the natures of the same lines if none were denied. Where one of those is below zero too, or full self-pay is, nothing changes.
    """
    left = {("", "direct"): (natures.direct, undenied.direct)}
    for tag, part in natures.parts.items():
        left.update({(tag, nature): (amount, undenied.parts[tag][nature]) for nature, amount in part.items()})
    missing = {place: -now for place, (now, _) in left.items() if now < 0}
    if any(left[place][1] < 0 or place[1] == "full_self_pay" for place in missing):
        return
    for row in rows:
        if row["sign"] > 0 or row["reason"]:
            continue
        tag = row["tag"] if row["tag"] in natures.parts else ""
        rest = ("", "direct") if row["direct"] else (tag, "in_scope")
        amounts = {(tag, "over_limit"): row["over_limit"], (tag, "first_pay"): row["first_pay"], rest: row["lim"] - row["first_pay"]}  # fmt: skip
        # Steps on sums may leave a line less than nothing of a nature.
        taken = {place: max(0, min(amount, missing.get(place, 0))) for place, amount in amounts.items()}
        for place, amount in taken.items():
            missing[place] = missing.get(place, 0) - amount
        row["over_limit"] -= taken[tag, "over_limit"]
        row["first_pay"] -= taken[tag, "first_pay"]
        row["lim"] -= taken[tag, "first_pay"] + taken[rest]
        row["full_self_pay"] += sum(taken.values())
        if row["full_self_pay"]:
            row["flag"] = "denied"


def given_natures(visit: dict, tags: list[str], scale: int) -> Natures:
    """A pre-split visit: the parts as given, and a total that must agree."""
    natures = Natures(tags)
    names = {
        "full_self_pay": "fulamt_ownpay_amt",
        "over_limit": "overlmt_selfpay",
        "first_pay": "preselfpay_amt",
        "in_scope": "inscp_scp_amt",
    }
    for nature, column in names.items():
        natures.parts[""][nature] = (visit.get(column) or 0) * scale
        for tag in tags:
            natures.parts[tag][nature] = (visit.get(f"{tag}.{nature}") or 0) * scale
    natures.direct = (visit.get("direct_amt") or 0) * scale
    total = visit.get("medfee_sumamt")
    if total is not None and total * scale != natures.total:
        raise Reject("bad_split")
    return natures
