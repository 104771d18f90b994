"""Which columns a rule needs: one that is not there keeps the rule from running, and the manifest says which."""

from __future__ import annotations

from typing import Any

from .book import Rule
from .world import DEFAULTS, OF_LINES, World

Need = list[tuple[str, str]]  # any of these will do
PLACES = ("visits", "persons", "institutions")
CLOCK, CATALOGUE = [("", "times of day")], [("", "catalogue")]
CODED = {"diagnosis": ("diagnoses", "diag_code"), "operation": ("operations", "oprn_oprt_code")}


def missing(rule: Rule, world: World) -> str | None:
    """The first need that is not met, as text."""
    for need in needs(rule):
        if need == CLOCK:
            there = world.time_of_day
        elif need == CATALOGUE:
            there = world.catalog is not None
        else:
            there = any(world.has(table, column) for table, column in need)
        if not there:
            return " or ".join(f"{table}.{column}".lstrip(".") for table, column in need)
    return None


def needs(rule: Rule) -> list[Need]:
    found = of_scope(rule.scope) + of_items(rule.items)
    return found + OF_KERNEL.get(rule.kernel, lambda rule: [])(rule)


def visits(*columns: str) -> list[Need]:
    return [[("visits", c)] for c in columns]


def lines(*columns: str) -> list[Need]:
    return [[("lines", c)] for c in columns]


def of_attribute(name: str) -> list[Need]:
    if name in DEFAULTS or name == "listed":
        return []
    if name in OF_LINES:
        return lines(name)
    if name == "dept":
        return [[("lines", "bilg_dept_codg"), ("visits", "adm_dept_codg")]]
    if name in ("title", "dr_status"):
        column = "dr_pro_tech_duty" if name == "title" else "prac_stas"
        return [[("lines", "bilg_dr_codg"), ("visits", "atddr_no")], [("doctors", column)]]
    column = {"visit_kind": "med_type", "level": "hosp_lv", "age": "brdy"}.get(name, name)
    return [[(table, column) for table in PLACES]]


def of_scope(scope: dict[str, Any]) -> list[Need]:
    found: list[Need] = []
    for name, wanted in scope.items():
        if name == "not":
            found += of_scope(wanted)
        elif name == "diagnosis":
            found.append([CODED["diagnosis"]])
        else:
            found += of_attribute(name)
    return found


def of_items(items: Any) -> list[Need]:
    return [CATALOGUE for how in items if how in ("list_type", "med_chrgitm_type")] if isinstance(items, dict) else []


def of_group(spec: dict[str, Any], default: str = "visit") -> list[Need]:
    group, found = spec.get("group", default), list[Need]()
    if group in ("hour", "within"):
        found.append(CLOCK)
    if group == "prescription":
        found += lines("rxno")
    return found + (visits("fixmedins_code") if spec.get("subject") == "person_institution" else [])


def k01(rule: Rule) -> list[Need]:
    key = rule.check.get("key", "item")
    keys: dict[str, list[Need]] = {
        "doctor": lines("bilg_dr_codg"),
        "institution": visits("fixmedins_code"),
        "card": visits("mdtrt_cert_no"),
    }
    return ([[CODED[key]]] if key in CODED else keys.get(key, [])) + of_attribute(rule.check["attribute"])


def k02(rule: Rule) -> list[Need]:
    found: list[Need] = [[CODED["operation"]]] if rule.check.get("key") == "operation" else []
    if "diagnoses" in rule.check:
        found.append([CODED["diagnosis"]])
    return found + ([[("labs", "exam_time")], [("labs", "exam_value")]] if "lab" in rule.check else [])


def k04(rule: Rule) -> list[Need]:
    subject = {"subject": rule.check.get("subject")}
    groups = [{**subject, **g} for g in (rule.check.get("groups") or {}).values()]
    group = rule.check.get("group")
    return [
        need
        for g in groups or [group if isinstance(group, dict) else rule.check]
        for need in of_group({**subject, **g})
    ]


def k05(rule: Rule) -> list[Need]:
    trigger = rule.check.get("trigger", "item")
    kinds = [rule.check["partner"]["kind"], *([] if trigger == "item" else [trigger["kind"]])]
    return [[CODED[kind]] for kind in kinds if kind in CODED]


def k07(rule: Rule) -> list[Need]:
    by: dict[str, list[Need]] = {
        "person_diagnosis": [[("visits", "dscg_maindiag_code"), CODED["diagnosis"]]],
        "person_institution": visits("fixmedins_code"),
        "institution": visits("fixmedins_code"),
    }
    of_visits = rule.check["measure"] in ("visits", "days", "institutions")
    by["doctor"] = visits("atddr_no") if of_visits else lines("bilg_dr_codg")
    found = by.get(rule.check["subject"], [])
    if rule.check["measure"] == "institutions":
        found = found + visits("fixmedins_code")
    return found + [n for w in rule.check["windows"] for n in of_steps(w)]


def of_steps(spec: dict[str, Any]) -> list[Need]:
    return [need for step in spec.get("thresholds") or [] for need in of_scope(step.get("scope") or {})]


def k08(rule: Rule) -> list[Need]:
    found: list[Need] = []
    for same in rule.check.get("same") or []:
        found.append(
            [("visits", "fixmedins_code")]
            if same == "institution"
            else [("visits", "dscg_maindiag_code"), CODED["diagnosis"]]
        )
    exempt = dict(rule.check.get("exempt") or {})
    exempt = {**exempt.pop("scope", {}), **exempt}
    if exempt.pop("planned", None) == "true":
        found += visits("days_rinp_flag_31")
    if exempt.pop("transfer", None) == "true":
        found += visits("refl_old_mdtrt_id")
    return found + of_scope(exempt)


def k09(rule: Rule) -> list[Need]:
    forms: dict[str, list[Need]] = {
        "overlap": of_attribute("visit_kind"),
        "around_operation": [CLOCK, [("operations", "oprn_oprt_date")]],
        "after_death": visits("dscg_way"),
        "before_admission": of_attribute("visit_kind") + visits("er_flag", "fixmedins_code"),
        "unsettled": visits("setl_time"),
    }
    return forms.get(rule.check.get("form", ""), [])


def k10(rule: Rule) -> list[Need]:
    days: list[Need] = [[("lines", "prd_days"), ("lines", "sin_dos")]]
    forms: dict[str, list[Need]] = {
        "prescription_days": lines("rxno") + days,
        "overlap": days,
        "daily_dose": lines("sin_dos", "used_frqu"),
    }
    return forms.get(rule.check.get("form", ""), [])


def k13(rule: Rule) -> list[Need]:
    by: dict[str, list[Need]] = {
        "institution": visits("fixmedins_code"),
        "doctor": [[("lines", "bilg_dr_codg"), ("visits", "atddr_no")]],
        "department": [
            *visits("fixmedins_code"),
            [("lines", "bilg_dept_codg"), ("visits", "dscg_dept_codg"), ("visits", "adm_dept_codg")],
        ],
    }
    found, test = list(by.get(rule.check["by"], [])), rule.check["test"]
    for part in (rule.check["numerator"], rule.check["denominator"]):
        found += of_scope(part.get("scope") or {}) + of_items(part.get("items", "all"))
    return found + [need for name in test.get("group") or [] for need in of_attribute(name)]


def k14(rule: Rule) -> list[Need]:
    if rule.check.get("form") == "trace":
        return lines("drug_trac_codg")
    columns = ("fixmedins_code", "med_list_codg", "open_cnt", "in_cnt", "close_cnt")
    return visits("fixmedins_code") + [[("stock", c)] for c in columns]


def k15(rule: Rule) -> list[Need]:
    form = rule.check.get("form")
    if form in ("product", "in_catalogue"):
        return lines("pric") if form == "product" else [CATALOGUE]
    if form == "sum":
        return visits("medfee_sumamt")
    on = [rule.check.get("on", "visits")]
    on += ["visits"] if on == ["lines"] and form != "unique" else []
    keys = ("column", "earlier", "later", "from", "to")
    columns = [rule.check[k] for k in keys if k in rule.check] + list(rule.check.get("columns") or [])
    dated = {"begntime": "begndate", "endtime": "enddate"}
    return [[(table, c) for table in on for c in (column, dated.get(column)) if c] for column in columns]


OF_KERNEL = {
    "K01": k01,
    "K02": k02,
    "K03": lambda rule: lines("pric"),
    "K04": k04,
    "K05": k05,
    "K06": lambda rule: of_group(rule.check),
    "K07": k07,
    "K08": k08,
    "K09": k09,
    "K10": k10,
    "K11": lambda rule: lines("incs_no") if rule.check.get("same") == "incision" else [],
    "K12": lambda rule: of_group(rule.check, "prescription") + of_steps(rule.check),
    "K13": k13,
    "K14": k14,
    "K15": k15,
}
