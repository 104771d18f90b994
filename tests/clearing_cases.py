"""Worked cases of clearing: folders with document.yaml, case.yaml (tables in yuan, points and fractions), expected.yaml and why.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ybcore import reference
from ybcore.clearing.tables import CLEARING_INPUTS
from ybcore.reference.clearing import clear
from ybcore.reference.numbers import date, decimal_to_int

HERE = Path(__file__).resolve().parent / "golden_clearing"
FOLDERS = sorted(path for path in HERE.iterdir() if path.is_dir())
PLACES = {"money": 2, "sum": 2, "rate": 6, "quantity": 4, "price": 6, "count": 0, "number": 0, "flag": 0}
OUT = {  # decimals of the numbers of the results; the others are whole or text
    **dict.fromkeys(("points", "points_sum"), 4),
    **dict.fromkeys(("multiple", "coefficient", "value", "cmi", "cost_index", "days_index"), 6),
    **dict.fromkeys(("psntime", "held_cases", "readmission", "year", "cases"), 0),
}
TEXTS = {"outcome", "kind", "document", "method", "clr_way", "group_code"}
KEYS = {
    "cases": ("setl_id",),
    "months": ("fixmedins_code", "insutype", "clr_type", "method", "setlym"),
    "years": ("fixmedins_code", "insutype", "clr_type", "method", "year"),
    "pools": ("pool", "period"),
    "balances": ("pool", "year"),
}

assert reference


def load(path: Path) -> Any:
    return YAML(typ="base", pure=True).load(path.read_text(encoding="utf-8"))


def value(table: str, column: str, text: Any) -> Any:
    """A cell in the units of the reference."""
    if text in ("", None):
        return None
    spec = CLEARING_INPUTS[table].find(column)
    if spec is None:
        return decimal_to_int(text, 6) if table == "institutions" and "." in text else text
    if spec.kind == "date":
        return date(text)
    return decimal_to_int(text, PLACES[spec.kind]) if spec.kind in PLACES else text


def written(case: dict) -> dict[str, list[dict]]:
    """The tables of a case as text, with what every row of a table has."""
    return {
        name: [{**case.get("each", {}).get(name, {}), **row} for row in case[name]]
        for name in CLEARING_INPUTS
        if name in case
    }


def inputs(case: dict) -> dict[str, list[dict]]:
    """The same in the units of the reference."""
    return {
        name: [{c: value(name, c, text) for c, text in row.items()} for row in rows]
        for name, rows in written(case).items()
    }


def documents(folder: Path) -> list[dict]:
    """The documents of a case."""
    return [load(path) for path in sorted(folder.glob("document*.yaml"))]


def by_reference(folder: Path) -> dict[str, list[dict]]:
    """Cleared by the reference: tables as rows."""
    done = clear(documents(folder), **inputs(load(folder / "case.yaml")))
    return {name: getattr(done, name) for name in KEYS}


def differences(found: dict[str, list[dict]], expected: dict) -> list[str]:
    """Every figure that is not as written."""
    out = []
    for table, rows in expected.items():
        have = {"/".join(str(row[name]) for name in KEYS[table]): row for row in found[table]}
        for key, cells in rows.items():
            if key not in have:
                out.append(f"{table} has no row {key}: {sorted(have)}")
                continue
            for column, text in cells.items():
                held = have[key][column]
                wanted = (
                    None if text == "none" else text if column in TEXTS else decimal_to_int(text, OUT.get(column, 2))
                )
                if held != wanted:
                    out.append(f"{table} {key}.{column}: {held}, written {text}")
    return out


def by_kernel(folder: Path, threads: int = 1) -> dict[str, list[dict]]:
    """Cleared by the kernel; the tables go through the door as text."""
    import pyarrow as pa
    from ybcore.clearing import clear as cleared

    tables = {}
    for name, rows in written(load(folder / "case.yaml")).items():
        columns = list(dict.fromkeys(column for row in rows for column in row))
        tables[name] = pa.table({c: pa.array([row.get(c) or None for row in rows], pa.string()) for c in columns})
    done = cleared(tables.pop("cases"), documents(folder), **tables, threads=threads)
    return {name: table.to_pylist() for name, table in done.tables().items()}
