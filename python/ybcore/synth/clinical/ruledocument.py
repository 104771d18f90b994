"""The rule document of a clinical city: what it adds to the shipped ones, with its own tables in it."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import resources
from io import StringIO
from pathlib import Path
from typing import Any

import pyarrow as pa
from ruamel.yaml import YAML

Rows = list[dict[str, Any]]
#: Tables of the shipped documents that are empty there, and the city's table with their rows.
FILLED = {
    "price_ceilings": "price_ceiling",
    "operation_full_price": "surgery_full_price",
    "doctor_blacklist": "doctor_blacklist",
    "card_blacklist": "suspended_card",
    "person_blacklist": "person_blacklist",
    "institution_blacklist": "institution_blacklist",
    "internet_barred": "internet_barred",
    "diagnosis_codes": "diagnosis_codes",
}
#: Tables whose rows ask for another code: its column, and the column that names the list of it.
ASKING = {
    "second_line": ("first_line_codg", "first"),
    "coupled": ("service_codg", "service"),
    "indication": ("diag_code", "dx"),
    "contraindication": ("diag_code", "dx"),
}
HERB_GRAMS = "1000"


def rule_document(tables: dict[str, pa.Table], herbs: Iterable[str]) -> dict[str, Any]:
    """A raw document; ``tables``: the city's own rule tables, ``herbs``: codes of its catalogue."""
    own = {name: table.to_pylist() for name, table in tables.items()}
    document = _written()
    filled = {name: _texts(own[mine]) for name, mine in FILLED.items()}
    filled["restricted_antibiotics"] = [_item(row, grade="特殊") for row in own["antibiotic_title"]]
    filled["slice_daily_quantity"] = [
        {"med_list_codg": code, "max_quantity": HERB_GRAMS} for code in dict.fromkeys(herbs)
    ]
    made: dict[str, Any] = {f"own_{name}": {"extends": name, "rows": rows} for name, rows in filled.items() if rows}
    for name in ("herb_barred", "item_department", "max_daily_dose", "elderly_barred", "pregnancy_barred"):
        made[name] = {"key": "med_list_codg", "rows": _texts(own[name])}
    for name in ("interaction", "herb_incompatible"):
        made[name] = {"key": ["main", "included"], "rows": _texts(own[name])}
    lists = _lists(own)
    for name, (column, cell) in ASKING.items():
        match = "prefix" if cell == "dx" else "exact"
        lists |= {f"{name}_{row[column]}": {"match": match, "codes": [row[column]]} for row in own[name]}
        made[name] = {
            "key": "med_list_codg",
            "rows": [_item(row, **{cell: f"{name}_{row[column]}"}) for row in own[name]],
        }
    return document | {"lists": lists, "tables": made}


def rule_text(document: dict[str, Any]) -> str:
    """The document as YAML."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = None
    yaml.allow_unicode = True
    yaml.width = 160
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    out = StringIO()
    yaml.dump(document, out)
    return out.getvalue()


def _lists(own: dict[str, Rows]) -> dict[str, Any]:
    exact = {
        "dialysis_items": _codes(own["dialysis"]),
        "herb_single": _codes(own["herb_single"]),
        "bundle": _codes(own["bundle"]),
        "operations": _codes(own["operation_items"], "oprn_oprt_code"),
        "operation_items": _codes(own["operation_items"]),
    }
    lists: dict[str, Any] = {name: {"match": "exact", "codes": found} for name, found in exact.items()}
    lists["out_of_scope"] = {"match": "prefix", "codes": _codes(own["diagnosis_out_of_scope"], "diag_code")}
    for name in ("low_severity", "hospital_infection"):
        lists[f"own_{name}"] = {"match": "prefix", "extends": name, "codes": _codes(own[name], "diag_code")}
    return lists


def examples_text() -> str:
    """Examples of the shipped rules whose figures the document sets anew: theirs would no longer hold."""
    return _shipped("clinical_rules.examples.yaml")


def _written() -> dict[str, Any]:
    """data/synth/clinical_rules.yaml, every scalar as text."""
    found: dict[str, Any] = YAML(typ="base", pure=True).load(_shipped("clinical_rules.yaml"))
    return found


def _shipped(name: str) -> str:
    """A file of data/synth."""
    inside: Any = resources.files("ybcore").joinpath("data", "synth", name)
    path: Any = inside if inside.is_file() else Path(__file__).resolve().parents[4] / "data/synth" / name
    return str(path.read_text(encoding="utf-8"))


def _texts(rows: Rows) -> list[dict[str, str]]:
    return [{name: str(cell) for name, cell in row.items()} for row in rows]


def _item(row: dict[str, Any], **more: str) -> dict[str, str]:
    return {"med_list_codg": row["med_list_codg"], **more}


def _codes(rows: Rows, column: str = "med_list_codg") -> list[str]:
    return list(dict.fromkeys(row[column] for row in rows))
