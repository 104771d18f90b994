"""Which columns a rule needs: one that is not there keeps the rule from running, and the manifest says which."""

from __future__ import annotations

from typing import Any, Protocol

from ..fields import Scope
from ..rule import Rule
from ..user import UserRule
from ..user_columns import DERIVED, sources
from .given import Batch
from .scope import DEFAULTS, OF_LINES

__all__ = ["Tables", "columns_of", "missing", "reads"]


class Tables(Protocol):
    """What is looked at: a batch, or the columns of tables in files."""

    catalog: Any
    time_of_day: bool

    def frame(self, name: str) -> Any:
        """`rows` and `source`, the columns by name, of a table; None where it was not given."""


Need = list[tuple[str, str]]  # any of these will do
PLACES = ("visits", "persons", "institutions")
CLOCK: Need = [("", "times of day")]
CATALOGUE: Need = [("", "catalogue")]
CODED: dict[str, Need] = {"diagnosis": [("diagnoses", "diag_code")], "operation": [("operations", "oprn_oprt_code")]}
MAIN: Need = [("visits", "dscg_maindiag_code"), *CODED["diagnosis"]]


def missing(rule: Rule, batch: Tables) -> str | None:
    """The first need that is not met, as text."""
    region = [] if rule.region == "*" else _attribute("insuplc_admdvs")
    for need in [*region, *_scope(rule.scope), *_items(rule.items), *_kernel(rule)]:
        if need == CLOCK:
            there = batch.time_of_day
        elif need == CATALOGUE:
            there = batch.catalog is not None
        else:
            there = any(_has(batch, table, column) for table, column in need)
        if not there:
            return " or ".join(f"{table}.{column}".lstrip(".") for table, column in need)
    return None


def reads(rule: Rule) -> set[str]:
    """Columns of lines that a rule may read."""
    needs = [*_scope(rule.scope), *_items(rule.items)]
    if rule.function is not None:
        needs += [need for name in rule.function.columns for need in _asked(name, rule.function.on)]
    else:
        needs += [*_kernel(rule), *(_of("lines", "prd_days") if rule.kernel == "K10" else [])]
    return {column for need in needs for table, column in need if table == "lines"}


def columns_of(batch: Batch) -> Any:
    """All that `missing` looks at."""
    tables = tuple((name, not frame.rows, tuple(frame.source)) for name, frame in batch.frames.items())
    return tables, batch.time_of_day, batch.catalog is None


def _has(batch: Tables, table: str, column: str) -> bool:
    """Whether a column is there; a table without rows does not tell, and passes."""
    frame = batch.frame(table)
    return frame is not None and (not frame.rows or column in frame.source)


def _of(table: str, *columns: str) -> list[Need]:
    return [[(table, column)] for column in columns]


def _attribute(name: str) -> list[Need]:
    if name in DEFAULTS or name == "listed":
        return []
    if name in OF_LINES:
        return _of("lines", name)
    if name == "dept":
        return [[("lines", "bilg_dept_codg"), ("visits", "adm_dept_codg")]]
    if name in ("title", "dr_status"):
        column = "dr_pro_tech_duty" if name == "title" else "prac_stas"
        return [[("lines", "bilg_dr_codg"), ("visits", "atddr_no")], [("doctors", column)]]
    column = {"visit_kind": "med_type", "level": "hosp_lv", "age": "brdy"}.get(name, name)
    return [[(table, column) for table in PLACES]]


def _scope(scope: Scope) -> list[Need]:
    found = [need for name in scope.tests for need in _attribute(name)]
    found += [CODED["diagnosis"] for _ in scope.diagnoses]
    return found + [need for part in scope.negated for need in _scope(part)]


def _items(items: Any) -> list[Need]:
    return [CATALOGUE] if items.list_type is not None or items.med_chrgitm_type is not None else []


def _group(group: str, subject: str = "visit") -> list[Need]:
    found: list[Need] = [CLOCK] if group in ("hour", "within") else []
    found += _of("lines", "rxno") if group == "prescription" else []
    return found + (_of("visits", "fixmedins_code") if subject == "person_institution" else [])


def _steps(thresholds: Any) -> list[Need]:
    return [need for step in thresholds or () for need in _scope(step.scope)]


def _k01(check: Any) -> list[Need]:
    keys: dict[str, list[Need]] = {
        "doctor": _of("lines", "bilg_dr_codg"),
        "institution": _of("visits", "fixmedins_code"),
        "card": _of("visits", "mdtrt_cert_no"),
    }
    key = [CODED[check.key]] if check.key in CODED else keys.get(check.key, [])
    return key + _attribute(check.attribute)


def _k02(check: Any) -> list[Need]:
    found = [CODED["operation"]] if check.key == "operation" else []
    found += [CODED["diagnosis"]] if check.diagnoses is not None else []
    return found + (_of("labs", "exam_time", "exam_value") if check.lab is not None else [])


def _k04(check: Any) -> list[Need]:
    groups = list((check.groups or {}).values()) or [check.group]
    return [need for group in groups for need in _group(group.group, check.subject)]


def _k05(check: Any) -> list[Need]:
    return [CODED[kind] for kind in (check.partner.kind, check.trigger.kind) if kind in CODED]


def _k07(check: Any) -> list[Need]:
    visits = check.measure in ("visits", "days", "institutions")
    by: dict[str, list[Need]] = {
        "person_diagnosis": [MAIN],
        "person_institution": _of("visits", "fixmedins_code"),
        "institution": _of("visits", "fixmedins_code"),
        "doctor": _of("visits", "atddr_no") if visits else _of("lines", "bilg_dr_codg"),
    }
    found = list(by.get(check.subject, []))
    found += _of("visits", "fixmedins_code") if check.measure == "institutions" else []
    return found + [need for window in check.windows for need in _steps(window.thresholds)]


def _k08(check: Any) -> list[Need]:
    found: list[Need] = []
    for same in check.same:
        found += _of("visits", "fixmedins_code") if same == "institution" else [MAIN]
    found += _of("visits", "days_rinp_flag_31") if check.exempt.planned else []
    found += _of("visits", "refl_old_mdtrt_id") if check.exempt.transfer else []
    return found + _scope(check.exempt.scope)


def _k09(check: Any) -> list[Need]:
    forms: dict[str, list[Need]] = {
        "overlap": _attribute("visit_kind"),
        "around_operation": [CLOCK, [("operations", "oprn_oprt_date")]],
        "after_death": _of("visits", "dscg_way"),
        "before_admission": _attribute("visit_kind") + _of("visits", "er_flag", "fixmedins_code"),
        "unsettled": _of("visits", "setl_time"),
    }
    return forms.get(check.form, [])


def _k10(check: Any) -> list[Need]:
    days: list[Need] = [[("lines", "prd_days"), ("lines", "sin_dos")]]
    forms = {
        "prescription_days": _of("lines", "rxno") + days,
        "overlap": days,
        "daily_dose": _of("lines", "sin_dos", "used_frqu"),
    }
    return forms.get(check.form, [])


def _k13(check: Any) -> list[Need]:
    doctor: Need = [("lines", "bilg_dr_codg"), ("visits", "atddr_no")]
    department: Need = [("lines", "bilg_dept_codg"), ("visits", "dscg_dept_codg"), ("visits", "adm_dept_codg")]
    place = _of("visits", "fixmedins_code")
    found = {"institution": place, "doctor": [doctor], "department": [*place, department]}[check.by]
    for side in (check.numerator, check.denominator):
        found = found + _scope(side.scope) + _items(side.items)
    return found + [need for name in getattr(check.test, "group", ()) for need in _attribute(name)]


def _k14(check: Any) -> list[Need]:
    if check.form == "trace":
        return _of("lines", "drug_trac_codg")
    stock = _of("stock", "fixmedins_code", "med_list_codg", "open_cnt", "in_cnt", "close_cnt")
    return _of("visits", "fixmedins_code") + stock


def _k15(check: Any) -> list[Need]:
    if check.form in ("product", "in_catalogue"):
        return _of("lines", "pric") if check.form == "product" else [CATALOGUE]
    if check.form == "sum":
        return _of("visits", "medfee_sumamt")
    tables = [check.on, *(["visits"] if check.on == "lines" and check.form != "unique" else [])]
    columns = [
        getattr(check, name) for name in ("column", "earlier", "later", "start", "end") if getattr(check, name, None)
    ]
    dates = {"begntime": [("visits", "begndate")], "endtime": [("visits", "enddate")]}
    return [
        [(table, column) for table in tables] + dates.get(column, [])
        for column in [*columns, *getattr(check, "columns", ())]
    ]


def _user(function: UserRule) -> list[Need]:
    asked = [name for name, optional in zip(function.columns, function.optional) if not optional]
    return [need for name in asked for need in _asked(name, function.on)]


def _asked(name: str, on: str) -> list[Need]:
    """What a column of a rule of one's own is made from."""
    if name in ("list_type", "med_chrgitm_type"):
        return [CATALOGUE]
    if name == "main_diagnosis":
        return [MAIN]
    if name in DERIVED:
        name = "age" if name.startswith("age_") else name
        return _attribute(name) if name in ("age", "level", "title", "dr_status") else []
    return [] if name in DEFAULTS else [[(table, name) for table in sources(name, on)]]


_OF_KERNEL: dict[str, Any] = {
    "K01": _k01,
    "K02": _k02,
    "K03": lambda check: _of("lines", "pric"),
    "K04": _k04,
    "K05": _k05,
    "K06": lambda check: _group(check.group, check.subject),
    "K07": _k07,
    "K08": _k08,
    "K09": _k09,
    "K10": _k10,
    "K11": lambda check: _of("lines", "incs_no") if check.same == "incision" else [],
    "K12": lambda check: _group(check.group) + _steps(getattr(check, "thresholds", None)),
    "K13": _k13,
    "K14": _k14,
    "K15": _k15,
}


def _kernel(rule: Rule) -> list[Need]:
    if rule.function is not None:
        return _user(rule.function)
    found: list[Need] = _OF_KERNEL[rule.kernel](rule.check) if rule.kernel in _OF_KERNEL else []
    return found
