"""What the city adds to the shipped documents: its tables where theirs are empty, its codes, and bounds that its plants are made for."""

from __future__ import annotations

import copy
from typing import Any

from .town import Town

TABLES = {
    "price_ceilings": "price_ceiling", "operation_full_price": "surgery_full_price", "doctor_blacklist": "doctor_blacklist",
    "card_blacklist": "suspended_card", "internet_barred": "internet_barred",
}  # fmt: skip
PARAMETERS = {"outpatient_visits_30": "15", "pharmacy_visits_30": "15", "stays_90": "4"}


def own_layer(town: Town) -> dict[str, Any]:
    """A raw document of the layer `city`."""
    from ybcore.checks import load_rules, shipped_rules

    def rows(name: str) -> list[dict[str, str]]:
        return [{column: str(cell) for column, cell in row.items()} for row in town.table(f"rules_{name}").to_pylist()]

    shipped = {rule["id"]: rule for part in load_rules(shipped_rules()).raw for rule in part["doc"]["rules"]}
    globulin, *dialysis = (copy.deepcopy(shipped[name]) for name in ("IVG1", "TJ07", "TJ08"))
    globulin["check"]["lab"]["items"] = [rows("immunoglobulin")[0]["exam_codg"]]
    for rule in dialysis:
        rule["items"] = {"list": "dialysis_items"}
        rule["scope"]["insuplc_admdvs"] = "12"
    herbs = sorted({code for code in town.table("items")["med_list_codg"].to_pylist() if code[0] == "T"})
    tables = {name: rows(source) for name, source in TABLES.items()}
    tables["restricted_antibiotics"] = [
        {"med_list_codg": row["med_list_codg"], "grade": "特殊"} for row in rows("antibiotic_title")
    ]
    tables["slice_daily_quantity"] = [{"med_list_codg": code, "max_quantity": "1000"} for code in herbs]
    return {
        "format": "ybcore-rules/1", "id": "own", "version": "1", "name": {"zh": "本市", "en": "own"}, "layer": "city", "region": "*", "from": "open",
        "known_since": "2000-01-01", "source": "the synthetic city", "parameters": PARAMETERS,
        "lists": {"dialysis_items": {"match": "exact", "codes": [row["med_list_codg"] for row in rows("dialysis")]}},
        "tables": {f"own_{name}": {"extends": name, "rows": part} for name, part in tables.items()},
        "rules": [{**rule, "override": "true"} for rule in (globulin, *dialysis)],
    }  # fmt: skip
