"""Rules of every kernel with every parameter that a document may give.

Everything is made through one verb, `pick`: the same picks make the same rule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .check_parts import (
    BEYOND,
    COMPARATORS,
    FLAGS,
    GROUPS,
    LISTS,
    OF_DIAGNOSES,
    OF_ITEMS,
    figure,
    items,
    scope,
    tables,
    thresholds,
    window,
)
from .check_rows import DOMAINS, Cells, Pick, chosen

LINE_AMOUNTS = ["excess_qty", "excess_qty", "whole_line", "whole_day", "visit_total", "none"]


def k01(pick: Pick) -> Cells:
    key = pick(list(DOMAINS))
    attribute = pick(
        [
            "gend",
            "med_type",
            "visit_kind",
            "level",
            "age",
            "age",
            "age",
            "dept",
            "title",
            "dr_status",
            "matn_stas",
            "insutype",
            "listed",
            "psn_type",
        ]
    )
    check: Cells = {"key": key, "attribute": attribute}
    table = pick([True, False]) or attribute == "listed"
    if attribute == "age":

        def test() -> Cells:
            return {"unit": pick(["day", "month", "year"]), "comparator": pick(COMPARATORS), "value": pick(["0", "1", "18", "28", "29"])}  # fmt: skip

        check["age_at"] = pick(["service", "admission"])
        check["barred"] = {"column": "age", "map": {"新生儿": test(), "儿童": test()}} if table else test()
    elif attribute != "listed":
        codes = {
            "gend": ["1", "2"],
            "med_type": ["1", "21", "52"],
            "visit_kind": ["inpatient", "maternity", "other"],
            "level": ["3", "2"],
            "insutype": ["310"],
            "psn_type": ["1"],
        }
        some = codes.get(attribute, ["1", "2", "A", "23"])
        check[pick(["allowed", "barred"])] = (
            {"column": "kind", "map": {"住院": [pick(some)], "门诊": chosen(pick, some)}}
            if table
            else {"codes": chosen(pick, some)}
        )
    amount = (
        pick(["whole_line", "whole_day", "visit_total", "none"])
        if key in ("item", "doctor")
        else pick(["visit_total", "none"])
    )
    return {
        "check": check,
        "items": {"table": f"of_{key}"} if table else pick(["all", {"prefix": [DOMAINS[key][0][:2]]}]),
        "amount": amount,
    }


def k02(pick: Pick) -> Cells:
    check: Cells = {
        "which": pick(["any", "main"]),
        "combine": pick(["all", "any"]),
        "negate": pick(FLAGS),
        "key": pick(["item", "item", "operation"]),
    }
    how = pick(["diagnoses", "lab", "both", "diagnoses"])
    by_column = pick([True, False])
    if how != "lab":
        check["diagnoses"] = {"column": "diagnoses"} if by_column else {"list": pick(OF_DIAGNOSES)}
        if pick([True, False]):
            check["look_back_days"] = pick(["0", "1", "3", "40"])
    if how != "diagnoses":
        check["lab"] = {
            "items": pick([["L1"], ["L1", "L2"]]),
            "comparator": pick(COMPARATORS),
            "value": pick(["0", "1", "1.5"]),
            "look_back_days": pick(["0", "2", "40"]),
        }
    of_item = check["key"] == "item"
    table = {"table": "rows" if of_item else "of_operation"}
    return {
        "check": check,
        "items": table if by_column else items(pick) if of_item else pick(["all", {"prefix": ["01"]}]),
        "amount": pick(["whole_line", "visit_total", "none"]) if of_item else "none",
    }


def k03(pick: Pick) -> Cells:
    return {
        "check": {"tolerance": pick(["0", "0.2"])},
        "items": {"table": "rows"},
        "amount": pick(["price_diff", "price_diff", "whole_line", "none"]),
    }


def k04(pick: Pick) -> Cells:
    subject = {"subject": pick(["visit", "visit", "person", "person_institution"])}
    group = pick(
        [
            *[kind["group"] for kind in GROUPS.values() if kind["group"] != "within"],
            "stay",
            "line",
            "prescription",
            "quarter",
            "year",
        ]
    )
    one: Any = pick([group, GROUPS["6小时"], GROUPS["1小时内"], {"group": "insurance_year", "starts": "03-01"}])
    if pick([True, False, False, False]):
        one = group if isinstance(one, dict) and one["group"] == "within" else one
        return {
            "check": {"group": one, **subject, "bundle": {"list": pick(OF_ITEMS), "at_least": pick(["1", "2", "3"])}},
            "amount": pick(LINE_AMOUNTS),
            "items": items(pick),
        }
    where = {"groups": GROUPS} if pick([True, True, False]) else {"group": one}
    return {
        "check": {**where, **subject, "symmetric": pick(FLAGS)},
        "items": {"table": "pairs"},
        "amount": pick(LINE_AMOUNTS),
    }


def k05(pick: Pick) -> Cells:
    kind = pick(["item", "diagnosis", "operation"])
    names = {"item": OF_ITEMS, "diagnosis": OF_DIAGNOSES, "operation": ["cuts"]}
    trigger: Any = pick(
        [
            "item",
            "item",
            "item",
            {"kind": "diagnosis", "list": pick(OF_DIAGNOSES)},
            {"kind": "operation", "list": "cuts"},
        ]
    )
    by_column = trigger == "item" and kind != "operation" and pick([True, False])
    check: Cells = {
        "trigger": trigger,
        "partner": {
            "kind": kind,
            **({"column": "partner" if kind == "item" else "diagnoses"} if by_column else {"list": pick(names[kind])}),
        },
    }
    if trigger == "item" and kind == "item" and pick([True, False]):
        check |= {
            "where": pick(["visit", "day"]),
            "ratio": {"units": pick(["1", "2", "0.5"]), "per": pick(["1", "2", "0.3"])},
        }
    else:
        check |= {"where": pick(["visit", "day", "history"]), "negate": pick(FLAGS)}
    if check["where"] == "history":
        check["look_back_days"] = pick(["0", "1", "5", "40"])
    amount = (
        pick(LINE_AMOUNTS if "ratio" in check else ["whole_line", "none", "visit_total"])
        if trigger == "item"
        else "none"
    )
    return {
        "check": check,
        "items": "all" if trigger != "item" else {"table": "rows"} if by_column else items(pick),
        "amount": amount,
    }


def k06(pick: Pick) -> Cells:
    measure = pick(["quantity", "quantity", "amount", "count"])
    caps = {"quantity": ["0", "1", "2.25"], "amount": ["1", "3.33", "0"], "count": ["0", "1", "2"]}[measure]
    by_row = pick([True, False, False])
    cap: Any = (
        {"factor": pick(caps), "of": "stay_days", "plus": pick(caps)}
        if pick([False, False, True])
        else {"column": "days" if measure == "count" else "cap"}
        if by_row
        else figure(pick, *caps)
    )
    by_class = pick([True, False, False])
    check = {
        "group": pick(["line", "day", "day", "hour", "visit", "stay"]), "subject": pick(["visit", "person", "person_institution"]), "measure": measure, "cap": cap,
        "combine": {"column": "class"} if by_class else pick(["item", "all"]), "comparator": pick([*BEYOND, *COMPARATORS]), "allocate": pick(["first_paid", "last_paid"]), "count_denied": pick(FLAGS),
    }  # fmt: skip
    of_row = by_class or cap == {"column": "cap"} or cap == {"column": "days"}
    return {"check": check, "items": {"table": "rows"} if of_row else items(pick), "amount": pick(LINE_AMOUNTS)}


def k07(pick: Pick) -> Cells:
    measure = pick(["visits", "quantity", "amount", "count", "days", "institutions", "items"])
    values = ["1", "2", "0"] if measure not in ("quantity", "amount") else ["1", "2.5", "0"]
    windows = [window(pick, *values) for _ in range(pick([1, 1, 2, 3]))]
    subjects = ["person", "person_diagnosis", "person_institution", "doctor", "institution"] + (
        ["person_item"] if measure in ("quantity", "amount", "count", "items") else []
    )
    check = {
        "subject": pick(subjects),
        "measure": measure,
        "comparator": pick([*BEYOND, *COMPARATORS]),
        "windows": windows,
    }
    if any(w["kind"] == "rolling" for w in windows):
        check["tie"] = pick(["order", "peers"])
    return {
        "check": check,
        "items": items(pick),
        "amount": pick(["visit_total", "none"] if measure in ("visits", "days", "institutions") else LINE_AMOUNTS),
    }


def k08(pick: Pick) -> Cells:
    check: Cells = {
        "same": pick([[], ["institution"], [{"main_diagnosis": "3"}], ["institution", {"main_diagnosis": "1"}]]), "comparator": pick(["at_most", "at_most", *COMPARATORS]),
        "zones": pick([[{"value": "7", "severity": "1"}, {"value": "15", "severity": "2"}], [{"value": pick(["0", "2", "30"]), "severity": "3"}]]), "overlap": pick(["hit", "pass"]),
    }  # fmt: skip
    if pick([True, False]):
        check["exempt"] = {
            **pick([{}, {"med_type": "11"}, {"gend": "1"}, {"diagnosis": {"list": "chemo"}}]),
            "planned": pick(FLAGS),
            "transfer": pick(FLAGS),
        }
    return {"check": check, "items": "all", "amount": pick(["visit_total", "none"])}


def k09(pick: Pick) -> Cells:
    grace = pick(["0", "1", "2"])
    form = pick(["line_in_stay", "overlap", "around_operation", "after_death", "idle", "before_admission", "unsettled"])
    check: Cells = {"form": form, **{
        "line_in_stay": {"grace_before": grace, "grace_after": pick(["0", "1"])}, "overlap": {"grace": grace}, "around_operation": {"before_hours": pick(["0", "2", "24"]), "after_hours": pick(["0", "24"])},
        "after_death": {"grace": grace}, "idle": {"value": pick(["0", "1", "3"])}, "before_admission": {"days": pick(["0", "1", "7"])}, "unsettled": {"days": pick(["0", "2", "3"])},
    }[form]}  # fmt: skip
    if form == "overlap" and pick([True, False]):
        check["kinds"] = pick([["inpatient"], ["outpatient", "other"]])
    of_lines = form in ("line_in_stay", "around_operation")
    amount = pick(["whole_line", "whole_day", "none"] if of_lines else ["visit_total", "none"])
    return {
        "check": check,
        "items": items(pick) if of_lines or form in ("after_death", "idle") else "all",
        "amount": amount,
    }


def k10(pick: Pick) -> Cells:
    form = pick(["prescription_days", "course", "course", "overlap", "daily_dose"])
    by_row = pick([True, False, False])
    check: Cells = {"form": form, "rounding": pick(["exact", "pack"])}
    if form == "overlap":
        check["allowance"] = pick(["0", "1", "3"])
    else:
        most: Any = (
            {"column": "cap" if form == "daily_dose" else "days"}
            if by_row
            else pick(["0.5", "1", "2"])
            if form == "daily_dose"
            else figure(pick, "0", "1", "3", "7")
        )
        check |= {"max": most, "comparator": pick([*BEYOND, *COMPARATORS] if form == "daily_dose" else BEYOND)}
    if form == "course":
        check["mode"] = pick(["distinct_days", "span"])
        check |= pick([{}, {"reset_days": pick(["0", "1", "5"])}])
        check |= {"by": {"column": "class"}} if by_row and pick([True, False]) else {}
    return {"check": check, "items": {"table": "rows"} if by_row else items(pick), "amount": pick(LINE_AMOUNTS)}


def k11(pick: Pick) -> Cells:
    check = {
        "factors": pick([["1", "0.5"], ["1", "0.5", "0.3"], ["1", "0.333333"]]), "full_price": {"table": "ceilings"}, "group_priority": pick([["g1", "g2", "g3"], ["g3", "g1", "g2"], ["g2", "g1", "g3"]]),
        "same": pick(["visit", "day", "incision"]),
    }  # fmt: skip
    return {
        "check": check,
        "items": {"table": "operations"},
        "amount": pick(["price_diff", "price_diff", "whole_line", "none"]),
    }


def k12(pick: Pick) -> Cells:
    form = pick(["distinct", "all_in", "single", "same_class"])
    check: Cells = {"form": form, "group": pick(["prescription", "visit"])}
    what = items(pick)
    if form == "distinct":
        check |= {
            "comparator": pick([*BEYOND, *COMPARATORS]),
            **pick([{"value": pick(["0", "1", "2"])}, {"thresholds": thresholds(pick, "0", "1", "2")}]),
        }
    elif form == "same_class":
        by_row = pick([True, False])
        check |= {"column": "class"} if by_row else {"prefix": pick(["1", "2"])}
        what = {"table": "rows"} if by_row else what
    else:
        check["list"] = pick(OF_ITEMS)
    return {"check": check, "items": what, "amount": pick(LINE_AMOUNTS)}


def k13(pick: Pick) -> Cells:
    def side() -> Cells:
        return {
            "measure": pick(["amount", "quantity", "count", "visits", "days"]),
            "items": pick(["all", items(pick)]),
            "scope": scope(pick, False),
        }

    compared = {"comparator": pick(COMPARATORS)}
    test = pick([
        {"kind": "fixed", "value": pick(["0", "0.5", "1", "2"]), **compared}, {"kind": "change", "value": pick(["-0.5", "0", "0.5"]), **compared},
        {"kind": "peer", "group": pick([["level"], ["insuplc_admdvs"]]), "statistic": pick(["z", "mad", "percentile"]), "value": pick(["-0.5", "0", "0.5", "1"]), **compared},
    ])  # fmt: skip
    check = {"by": pick(["institution", "doctor", "department"]), "period": pick(["month", "quarter", "year", *([] if test["kind"] == "change" else ["all"])]), "numerator": side(), "denominator": side(), "test": test,
             "min_sample": pick(["0", "1", "2"])}  # fmt: skip
    return {"check": check, "items": "all", "amount": "none"}


def k14(pick: Pick) -> Cells:
    if pick([True, False]):
        return {"check": {"form": "trace"}, "items": items(pick), "amount": pick(["whole_line", "none"])}
    by_row = pick([True, False])
    check = {
        "form": "stock",
        "factor": {"column": "times"} if by_row else pick(["1", "0.5", "3"]),
        "tolerance": pick(["0", "0.5"]),
    }
    return {
        "check": check,
        "items": {"table": "rows"} if by_row else items(pick),
        "amount": pick(["excess_qty", "excess_qty", "whole_line", "visit_total", "none"]),
    }


def k15(pick: Pick) -> Cells:
    on = pick(["visits", "lines"])
    check = pick([
        {"form": "required", "columns": pick([["invono"], ["rxno", "gend"], ["begntime", "upld_time"]])}, {"form": "one_of", "column": pick(["gend", "med_type"]), "codes": ["1", "11"]},
        {"form": "sum", "tolerance": pick(["0", "1"])}, {"form": "product", "tolerance": pick(["0", "0.01"])}, {"form": "order", "earlier": pick(["begntime", "fee_ocur_time", "brdy"]), "later": pick(["endtime", "upld_time", "enddate"])},
        {"form": "delay", "from": "endtime", "to": "upld_time", "hours": pick(["0", "24"]), "comparator": pick(COMPARATORS)}, {"form": "unique", "column": pick(["invono", "drug_trac_codg"])},
        {"form": "in_catalogue"}, {"form": "code_in", "column": "med_list_codg", "list": pick(OF_ITEMS)}, {"form": "code_in", "column": "med_list_codg", "table": "rows"},
    ])  # fmt: skip
    form = check["form"]
    asked = [check.get(k) for k in ("column", "earlier", "later")] + list(check.get("columns") or [])
    if set(asked) & {"rxno", "fee_ocur_time", "drug_trac_codg", "med_list_codg"} or form in ("product", "in_catalogue"):
        on = "lines"
    if form == "sum" or ("invono" in asked and form == "unique"):
        on = "visits"
    return {
        "check": {**check, "on": on},
        "items": items(pick),
        "amount": pick(["whole_line", "none"] if on == "lines" else ["visit_total", "none"]),
    }


KERNELS: dict[str, Callable[[Pick], Cells]] = {
    "K01": k01, "K02": k02, "K03": k03, "K04": k04, "K05": k05, "K06": k06, "K07": k07, "K08": k08, "K09": k09, "K10": k10, "K11": k11, "K12": k12, "K13": k13, "K14": k14, "K15": k15,
}  # fmt: skip
OF_LINES = {"K03", "K04", "K06", "K11", "K12"}


def rule(pick: Pick, kernel: str, name: str) -> Cells:
    made = KERNELS[kernel](pick)
    return {
        "id": name, "name": {"zh": name, "en": name}, "kernel": kernel, "disposition": pick(["deny", "deny", "hold", "suspect", "warn"]), "severity": pick(["1", "2"]), "source": "drawn",
        "scope": scope(pick, kernel in OF_LINES), "priority": pick(["100", "100", "7"]), **pick([*[{}] * 6, {"from": "2024-02-28"}, {"to": "2024-02-29"}]), **made,
    }  # fmt: skip


def book(pick: Pick, kernels: Sequence[str]) -> list[Cells]:
    """A document with a rule for each kernel named."""
    return [{
        "format": "ybcore-rules/1", "id": "drawn", "version": "1", "name": {"zh": "抽", "en": "drawn"}, "layer": "base", "region": "*", "from": "open", "known_since": "2000-01-01", "source": "drawn",
        "parameters": {"two": "2"}, "lists": LISTS, "tables": tables(pick), "rules": [rule(pick, kernel, f"R{n}") for n, kernel in enumerate(kernels)],
    }]  # fmt: skip
