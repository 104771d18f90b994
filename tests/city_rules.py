"""A clinical city under the shipped rules: which label is which rule's, and what the city adds to the documents."""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache
from typing import Any

import pyarrow as pa
import ybcore
from ybcore.checks import RuleBook, load_rules, shipped_rules
from ybcore.synth import city

Rows = dict[str, set[tuple[str, str | None]]]
TABLES = ("diagnoses", "operations", "labs")

#: Label → the rules that find it; each offending row of these rules must be labelled for one of them.
RULES_OF: dict[str, tuple[str, ...]] = {
    "N1": ("N01",), "N2": ("N02",), "N10": ("N10",), "N12": ("N12",), "N13": ("N13",), "N14": ("N14",), "N15": ("N15",), "N18": ("N18",),
    "N19": ("N19",), "N80": ("N19",), "N23": ("N23", "N23S"), "N25": ("N25",), "N27": ("N27",), "N29": ("N29M", "N29F"),
    "N31": ("N31_7", "N31_14", "N31_15"), "N35_invoice": ("N35_invoice",), "N35_order": ("N35_order",), "N35_required": ("N35_required",),
    "N35_sum": ("N35_sum",), "N36_catalogue": ("N36_catalogue",), "N36_product": ("N36_product",), "N39": ("N39M", "N39F"), "N42": ("N42",),
    "N43": ("N43_stock",), "N43_trace": ("N43_trace",), "N44": ("N44",), "N45": ("N45",), "N46": ("N46",), "N47": ("N47",), "N50": ("N50",),
    "N51": ("N51",), "N52": ("N52",), "N54": ("N54M", "N54F"), "N55": ("N55",), "N65": ("N65",), "N67": ("N67",), "N69": ("N69",), "N76": ("TCM1",),
    "N77": ("N77",), "N81": ("N81",), "IVG1": ("IVG1",), "SU2": ("SU2",), "early_refill": ("N69_supply",), "split_stay": ("N49",),
    "overlap": ("G_overlap",), "idle": ("G_idle",), "after_death": ("G_death",), "doctor_status": ("L_doctor",),
    "doctor_blacklist": ("L_doctor_list",), "suspended_card": ("L_card",), "TJ01": ("TJ01",), "TJ02": ("TJ02",), "TJ03": ("TJ03",), "TJ04": ("TJ04",),
    "TJ05": ("TJ05",), "TJ06": ("TJ06",), "TJ07": ("TJ07",), "TJ08": ("TJ08",), "AS1": ("AS1",), "AS2": ("AS2",), "AL1": ("AL1",), "AL2": ("AL2",),
    "AG1": ("AG1",), "AG2": ("AG2",), "AG3": ("AG3",), "AG4": ("AG4",), "AG5": ("AG5",), "SU1": ("SU1",),
    "N37": ("N37_code",), "N41": ("N41", "N41_line"), "N48": ("N48",), "N53": ("N53",), "N63": ("N63",), "person_blacklist": ("L_person",),
    "institution_blacklist": ("L_institution",), "N56": ("N56",), "N57": ("N57",), "N58": ("N58",), "N59": ("N59",), "N60": ("N60",), "N61": ("N61",),
    "N62": ("N62",),
    # those of the city
    "N3": ("O03",), "N4": ("O04",), "N5": ("O05",), "N8": ("O08",), "N21": ("O21",), "N26": ("O26",), "N38": ("O38",), "N64": ("O64",), "N68": ("O68",),
    "N71": ("O71",), "N72": ("O72",), "N73": ("O73",), "N74": ("O74",), "N75": ("O75",), "diagnosis_out_of_scope": ("O_scope",),
}  # fmt: skip

#: Rules of which the label names the visit, or one line of it, and the finding more of its rows.
WHOLE_VISIT = {
    "AG4": "the excess over the cap is taken from the last lines, whichever made it",
    "G_death": "the lines of a visit after a death have findings of their own",
    "L_card": "amount visit_total takes the lines of the visit along",
    "L_institution": "amount visit_total takes the lines of the visit along",
    "L_person": "amount visit_total takes the lines of the visit along",
    "N49": "amount visit_total takes the lines of the visit along",
}


def own_layer(town: Any, **parameters: str) -> dict[str, Any]:
    """What a city adds to the shipped documents, with further parameters."""
    document: dict[str, Any] = town.rule_document
    return document | {"parameters": document["parameters"] | parameters}


def tables_of(town: Any, batch: Any) -> dict[str, pa.Table]:
    """Everything that the rules look at."""
    beside = {name: getattr(batch, name) for name in ("visits", "lines", *TABLES)}
    return beside | {name: getattr(town, name) for name in ("persons", "institutions", "doctors", "stock")}


def decoded(table: pa.Table) -> pa.Table:
    """Dictionaries as texts."""
    columns = [c.cast(c.type.value_type) if pa.types.is_dictionary(c.type) else c for c in table.columns]
    return pa.table(columns, names=table.column_names)


def part_of(tables: dict[str, pa.Table], visits: set[str]) -> dict[str, pa.Table]:
    """The tables with these visits (setl_id), what belongs to them, and their persons only."""
    kept = pa.array(sorted(visits))

    def of(name: str, column: str, values: pa.Array) -> pa.Table:
        return tables[name].filter(pa.compute.is_in(tables[name][column].cast(pa.string()), values))

    out = tables | {name: of(name, "setl_id", kept) for name in ("visits", "lines", *TABLES)}
    return out | {"persons": of("persons", "psn_no", out["visits"]["psn_no"].cast(pa.string()).combine_chunks())}


def check(town: Any, batch: Any, book: RuleBook, catalog: Any, threads: int = 1, **tables: pa.Table) -> Any:
    """The engine; ``tables`` instead of those of the city."""
    return ybcore.check(rules=book, catalog=catalog, threads=threads, **(tables_of(town, batch) | tables))


def offending(report: Any) -> Rows:
    """Rows that offend, by rule."""
    rule = dict(zip(report.findings["jr_id"].to_pylist(), report.findings["rule_id"].to_pylist()))
    out: Rows = defaultdict(set)
    for row in report.details.to_pylist():
        if row["vola_item_type"] == 1:
            out[rule[row["jr_id"]]].add((row["setl_id"], row["feedetl_sn"]))
    return out


@lru_cache(2)
def town_and_book(plants: int) -> tuple[Any, Any, RuleBook, Any]:
    """A city of 250 persons with its visits, its book and its catalogue; without plants one of 900."""
    seed, persons = (5, 250) if plants else (1, 900)
    town = city(seed=seed, plants=plants, persons=persons, catalog_items=600, clinical=True)
    return town, town.visits(), load_rules([*shipped_rules(), own_layer(town)]), ybcore.Catalog(*town.catalog)


@lru_cache(2)
def report_of(plants: int) -> Any:
    """The engine on one thread."""
    return check(*town_and_book(plants))
