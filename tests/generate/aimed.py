"""A population aimed at given documents: the codes, ages, sizes of bill and dates that their conditions and figures name."""

from __future__ import annotations

from typing import Any

from ybcore.reference.numbers import date

from .catalogs import catalog
from .draw import HOSP_LV, PLACES, Draw
from .population import amounts_of

PERSON = ["psn_type", "psn_idet_type", "cvlserv_flag", "cvlserv_lv", "clct_grde", "gend"]
INSTITUTION = ["hosp_lv", "dedc_hosp_lv", "fixmedins_type", "tcm_flag", "mdtrtarea_admvs"]
NUMERIC = ["age", "cum_clct_mons", "ipt_days"]


def named(node: Any, found: dict[str, list[str]]) -> None:
    """Gathers the codes that conditions and table keys name, by attribute."""
    if isinstance(node, list):
        for item in node:
            named(item, found)
    if not isinstance(node, dict):
        return
    if isinstance(node.get("when"), dict):
        for attribute, test in node["when"].items():
            found.setdefault(attribute, []).extend(codes(test))
    if isinstance(node.get("by"), str):
        for key in node:
            if key not in ("by", "else"):
                found.setdefault(node["by"], []).extend(key.split("|"))
    for value in node.values():
        named(value, found)


def codes(test: Any) -> list[str]:
    if isinstance(test, list):
        return [code for one in test for code in codes(one)]
    if isinstance(test, dict):
        return [code for value in test.values() for code in codes(value)]
    return [test]


def numbers(texts: list[str]) -> list[int]:
    """Whole numbers on and beside the edges of ranges."""
    out = {0, 1, 30}
    for text in texts:
        for part in text.strip("<+").split("-"):
            if part.isdigit():
                out |= {int(part), int(part) - 1, int(part) + 1, int(part) + 7}
    return sorted(n for n in out if n >= 0)


def dates_of(node: Any) -> list[int]:
    if isinstance(node, dict):
        return [d for k, v in node.items() for d in ([date(v)] if k in ("from", "to") and is_date(v) else dates_of(v))]
    return [d for item in node for d in dates_of(item)] if isinstance(node, list) else []


def is_date(text: Any) -> bool:
    return isinstance(text, str) and len(text) == 10 and text[4] == "-"


def aimed(seed: int, documents: list[dict[str, Any]], visits: int) -> dict[str, Any]:
    """Tables; every person has a few stays, some with very large bills."""
    return _Aimed(Draw(seed), documents).tables(visits)


class _Aimed:
    def __init__(self, draw: Draw, documents: list[dict[str, Any]]) -> None:
        self.d = draw
        found: dict[str, list[str]] = {}
        for doc in documents:
            named(doc, found)
        sets = {k: v for doc in documents for k, v in doc.get("sets", {}).items()}
        self.found = {
            name: list(
                dict.fromkeys(c for code in texts for c in (sets.get(code[1:], []) if code.startswith("@") else [code]))
            )
            for name, texts in found.items()
        }
        self.declared = {name: rule for doc in documents for name, rule in doc.get("attributes", {}).items()}
        self.amounts = sorted({fen for doc in documents for fen in amounts_of(doc)}) or [100_000]
        self.tags = list(dict.fromkeys(tag for doc in documents for tag in doc.get("tags", [])))
        self.insutypes = [code for doc in documents for code in doc["scheme"]["insutype"]]
        region = documents[0]["scheme"]["region"].strip("*")
        self.region = region + "110100"[len(region) :]
        starts = sorted({d for doc in documents for d in dates_of(doc)})
        self.starts = [start for start in starts if start >= date("1990-01-01")] or [date("2024-01-01")]

    def code(self, name: str, default: Any = None) -> Any:
        """A code that the documents name for this attribute, or the default, or one nobody names."""
        draw = self.d.rng.random()
        texts = [text for text in self.found.get(name, []) if text]
        return self.d.pick(texts) if texts and draw < 0.75 else default

    def tables(self, visits: int) -> dict[str, Any]:
        d = self.d
        people = [self.person(f"P{i:05d}") for i in range(max(1, visits // 6))]
        rows: list[dict[str, Any]] = []
        lines: list[dict[str, Any]] = []
        while len(rows) < visits:
            person = d.pick(people)
            base = d.pick(self.starts) + d.whole(-40, 400)
            size = d.pick([1, 1, 1, 5, 40])
            med_type = self.code("med_type", "21")
            for _ in range(d.whole(1, 7)):
                base += d.whole(0, 50)
                row = self.visit(
                    person, f"S{len(rows):06d}", base, med_type if d.chance(0.7) else self.code("med_type", "11")
                )
                self.bill(row, size) if d.chance(0.75) else self.lines(row, lines, size)
                rows.append(row)
        return {"visits": rows, "lines": lines, "persons": people, "catalog": catalog(d)}

    def person(self, name: str) -> dict[str, Any]:
        d = self.d
        age = d.pick([*numbers(self.found.get("age", [])), 8, 25, 48, 66, 75, 85, 92])
        out = {"psn_no": name, "insutype": d.pick(self.insutypes), "psn_type": self.code("psn_type", "11")}
        out |= {
            "insuplc_admdvs": self.code("insuplc_admdvs", self.region),
            "brdy": d.pick(self.starts) - age * 366 - 90,
        }
        out |= {key: self.code(key) for key in PERSON[1:]}
        out["cum_clct_mons"] = d.pick([*numbers(self.found.get("cum_clct_mons", [])), 400])
        out |= {"hsld_no": f"H{d.whole(0, 9)}", "hsld_size": d.whole(1, 6), "wage": d.fen(1_000_000, 40_000_000)}
        out |= {"balc": d.pick([0, 0, d.fen(0, 500_000)])}
        out |= {key: self.declared_value(key) for key, rule in self.declared.items() if rule["table"] == "persons"}
        return out

    def declared_value(self, name: str) -> Any:
        if self.declared[name].get("match") == "number":
            return self.d.pick(numbers(self.found.get(name, [])))
        return self.code(name)

    def visit(self, person: dict[str, Any], name: str, day: int, med_type: str) -> dict[str, Any]:
        d = self.d
        days = d.pick([*numbers(self.found.get("ipt_days", [])), 1, 5, 12]) if med_type.startswith("2") else 0
        row = {"setl_id": name, "psn_no": person["psn_no"], "med_type": med_type, "setl_time": day * 86_400 + 3600}
        row |= {"enddate": day, "begndate": day - days, "ipt_days": max(1, days)}
        row |= {"hosp_lv": self.code("hosp_lv", d.pick(HOSP_LV)), "dise_codg": self.code("dise_codg")}
        row |= {
            "place": self.code("place", d.pick(PLACES) if d.chance(0.2) else "local"),
            "rloc_type": self.code("rloc_type"),
        }
        row |= {"mdtrtarea_admvs": self.code("mdtrtarea_admvs", self.region), "day_surgery": self.code("day_surgery")}
        row |= {key: self.code(key) for key in ("dedc_hosp_lv", "fixmedins_type", "tcm_flag")}
        row |= {key: self.declared_value(key) for key, rule in self.declared.items() if rule["table"] != "persons"}
        return row

    def amount(self, size: int) -> int:
        d = self.d
        if d.chance(0.5):
            return d.pick(self.amounts) * d.pick([1, 1, 2]) + d.fen(0, 300_000) * d.pick([0, 1])
        return d.fen(0, 800_000) * size

    def bill(self, row: dict[str, Any], size: int) -> None:
        row["inscp_scp_amt"] = self.amount(size)
        row["preselfpay_amt"] = self.amount(size) // 4 if self.d.chance(0.6) else 0
        row["fulamt_ownpay_amt"] = self.d.fen(0, 200_000)
        for tag in self.tags:
            if self.d.chance(0.5):
                row[f"{tag}.in_scope"], row[f"{tag}.first_pay"] = self.amount(size), self.amount(1)

    def lines(self, row: dict[str, Any], lines: list[dict[str, Any]], size: int) -> None:
        for i, code in enumerate(["A1", "B1", "B2", "T1"]):
            line = {"setl_id": row["setl_id"], "feedetl_sn": f"L{i}", "med_list_codg": code}
            lines.append({**line, "det_item_fee_sumamt": self.amount(size)})
