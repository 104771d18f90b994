"""What drawn rules have in common: lists and tables of their document, scopes, items and thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .check_rows import DOMAINS, ITEMS, PAIRS, Cells, Pick, chosen

COMPARATORS = ["more_than", "at_least", "less_than", "at_most"]
BEYOND = ["more_than", "more_than", "at_least"]
FLAGS = ["false", "true"]
LISTS: dict[str, Cells] = {
    "of_a": {"match": "prefix", "codes": ["a"]},
    "some": {"match": "exact", "codes": ["a1", "b1", "c1"]},
    "range": {"match": "interval", "codes": ["a2-b1", "c"]},
    "lung": {"match": "interval", "codes": ["J00-J18"]},
    "gullet": {"match": "prefix", "codes": ["K20"]},
    "chemo": {"match": "exact", "codes": ["Z51.1"]},
    "cuts": {"match": "prefix", "codes": ["01"]},
}
OF_ITEMS, OF_DIAGNOSES = ["of_a", "some", "range"], ["lung", "gullet", "chemo"]
GROUPS: dict[str, Cells] = {
    "单日": {"group": "day"},
    "单次": {"group": "visit"},
    "6小时": {"group": "within", "hours": "6", "edge": "through"},
    "1小时内": {"group": "within", "hours": "1", "edge": "within"},
    "同小时": {"group": "hour"},
    "同月": {"group": "month"},
}


# ---------------------------------------------------------------------- what a document holds beside rules


def dated(pick: Pick) -> Cells:
    """The days, places and levels of a table row; mostly open."""
    how = pick(["open", "open", "from", "to", "never", "place", "level", "suspect"])
    return {
        "from": {"from": "2024-02-28"}, "to": {"to": "2024-02-29"}, "never": {"from": "2024-02-28", "to": "2024-02-28"},
        "place": {"region": "12"}, "level": {"level": "2"}, "suspect": {"suspect": "1"},
    }.get(how, {})  # fmt: skip


def cells_of_row(pick: Pick) -> Cells:
    return {
        "kind": pick(["住院", "门诊", ""]), "age": pick(["新生儿", "儿童", ""]), "cap": pick(["0", "1", "2", "2.5", ""]), "days": pick(["1", "2", "7", ""]), "ceiling": pick(["0.5", "1", "1.2", ""]),
        "diagnoses": pick([*OF_DIAGNOSES, ""]), "partner": pick([*OF_ITEMS, ""]), "class": pick(["x", "y", ""]), "times": pick(["1", "0.5", "3", ""]),
    }  # fmt: skip


def keyed_table(pick: Pick, key: str, codes: Sequence[str]) -> Cells:
    rows = []
    for code in chosen(pick, codes):
        if pick([False, False, True]):  # one row after another
            rows += [
                {key: code, **cells_of_row(pick), **days} for days in ({"to": "2024-02-29"}, {"from": "2024-02-29"})
            ]
        else:
            rows.append({key: code, **cells_of_row(pick), **dated(pick)})
    return {"key": key, "rows": rows}


def pair_table(pick: Pick) -> Cells:
    made: dict[Any, Cells] = {}
    quantities, overrides = pick([[""], [], ["1", "2", "0.5", "0", ""]]), pick([[], ["0", "1", "9", ""]])
    for _ in range(pick([1, 2, 3, 5, 8])):
        (main, included), scope = pick(PAIRS), pick(list(GROUPS))
        row = {"main": main, "included": included, "scope": scope, **dated(pick)}
        row |= {"included_qty": pick(quantities)} if quantities else {}
        row |= {"override": pick(overrides)} if overrides else {}
        key = main, included, scope, row.get("region"), row.get("level")
        if pick([False, False, True]) and not row.keys() & {"from", "to"}:  # one row after another
            made[*key, "after"] = {
                **row,
                "from": "2024-02-29",
                **({"included_qty": pick(quantities)} if quantities else {}),
            }
            row["to"] = "2024-02-29"
        elif (*key, "after") in made:
            continue
        made[key] = row
    rows_ = list(made.values()) or [{"main": "a1", "included": "b1", "scope": "单日"}]
    return {"key": ["main", "included", "scope"], "rows": [{k: v for k, v in row.items() if v != ""} for row in rows_]}


def operation_table(pick: Pick) -> Cells:
    keys = {(pick(ITEMS), pick(["g1", "g2", "g3"])) for _ in range(pick([2, 3, 5]))}
    return {
        "key": ["item", "operation_group"],
        "rows": [{"item": i, "operation_group": g, **dated(pick)} for i, g in sorted(keys)],
    }


def ceilings(pick: Pick) -> Cells:
    return {
        "key": "med_list_codg",
        "rows": [{"med_list_codg": i, "ceiling": pick(["1", "1", "1.5", "3.333333", ""])} for i in chosen(pick, ITEMS)],
    }


def tables(pick: Pick) -> dict[str, Cells]:
    """Every table that a drawn rule may name."""
    made = {
        f"of_{key}": keyed_table(pick, "med_list_codg" if key == "item" else "code", codes)
        for key, codes in DOMAINS.items()
    }
    return made | {
        "rows": keyed_table(pick, "med_list_codg", ITEMS),
        "pairs": pair_table(pick),
        "operations": operation_table(pick),
        "ceilings": ceilings(pick),
    }


# ---------------------------------------------------------------------- what rules are made of


def scope(pick: Pick, lines: bool = True) -> Cells:
    kinds: list[Cells] = [
        *[{}] * 12, {"insutype": ["310"]}, {"visit_kind": ["inpatient", "maternity"]}, {"gend": "2"}, {"level": ["2", "3"]}, {"not": {"med_type": "11"}}, {"diagnosis": {"list": "lung"}},
        {"not": {"diagnosis": {"list": "chemo"}, "insutype": "390"}}, {"insuplc_admdvs": "12", "psn_type": ["11"]}, {"day_surgery": "0"}, {"place": "local"},
    ]  # fmt: skip
    return pick(kinds + ([{"bilg_dept_codg": "A"}, {"dscg_tkdrug_flag": "1"}] if lines else []))


def items(pick: Pick) -> Any:
    return pick(
        [
            "all",
            "all",
            {"prefix": ["a", "b"]},
            {"list": "some"},
            {"list": "range"},
            {"table": "rows"},
            {"table": "rows"},
            {"list_type": ["101"]},
            {"med_chrgitm_type": ["09", "1"]},
        ]
    )


def figure(pick: Pick, *texts: str) -> Any:
    return pick([*texts, {"parameter": "two"}])


def thresholds(pick: Pick, *values: str) -> list[Cells]:
    plain = {"value": pick(values)}
    return pick([
        [plain], [plain], [{**plain, "severity": "2"}, {"value": "9", "severity": "1"}],
        [plain, {"value": pick(values), "severity": "3", "scope": {"med_type": "11"}}],
        [{"value": pick(values), "scope": {"med_type": "2"}}, {"value": pick(values), "scope": {"med_type": "21", "insutype": "310"}}],
        [plain, {"value": pick(values), "scope": {"diagnosis": {"list": "lung"}}}],
    ])  # fmt: skip


def window(pick: Pick, *values: str) -> Cells:
    made: Cells = pick([
        {"kind": "rolling", "days": pick(["1", "3", "7", "30"]), "edge": pick(["within", "through"])},
        {"kind": "calendar", "unit": pick(["day", "month", "quarter", "year"]), "n": pick(["1", "1", "2", "3"])},
        {"kind": "calendar", "unit": "insurance_year", "starts": pick(["03-01", "02-28", "07-01"])},
    ])  # fmt: skip
    return {**made, "thresholds": thresholds(pick, *values)}
