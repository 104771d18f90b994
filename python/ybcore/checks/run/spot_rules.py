"""Each rule as `_core.SpotDesk` reads it: the kernel that is asked exactly, or a bound where it is not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Any

import numpy as np

from ..rule import Rule
from ..tables import ALWAYS, OPEN
from ..vocabulary import DISPOSITIONS
from .counted import countings
from .held import groups_of_pairs
from .line_rules import COMPARATORS, UNITS, tests_of
from .scope import OF_LINES, scope_with_region
from .spot_book import Among, SpotBook, Unable
from .sum_rules import MIDNIGHT
from .taken import doctors_hit
from .thresholds import steps_of

__all__ = ["Kernel", "told", "written"]

Written = dict[str, Any]
Kernel = IntEnum("Kernel", "ATTRIBUTE AGE LISTED DIAGNOSES PRICE PAIRS CAP WINDOW IN_STAY AROUND IDLE OVERLAP UNSETTLED SUPPLY COMPOSE TIER VALID SUMS REQUIRED ALWAYS LINES_THERE CODED_THERE KEYS_THERE STAYS_NEAR DEATH RATIO REPEATED URGENT STOCK CODE_IN BUNDLE", start=0)  # fmt: skip
_FORMS = ("", "product", "order", "delay", "in_catalogue", "prescription_days", "course", "overlap", "daily_dose", "distinct", "all_in", "single", "same_class")  # fmt: skip
_AMOUNTS = {"none": 0, "whole_line": 1, "excess_qty": 2, "price_diff": 3, "whole_day": 4, "visit_total": 4}
_GROUPS = ("line", "day", "hour", "within", "visit", "prescription", "stay", "month", "quarter", "year")
_SUBJECTS = ("visit", "person", "person_institution", "person_item", "institution", "doctor")
_MEASURES = ("count", "quantity", "amount", "visits", "days", "institutions", "items")
_SPANS = ("day", "month", "quarter", "year", "insurance_year", "rolling")
_HOUR = 3_600_000_000


def told(rule: Rule) -> tuple[str, str, bool]:
    """(version, behaviour, whether the amount is computed) of a rule's findings."""
    return rule.version, rule.behaviour, rule.amount != "none" and rule.kernel != "K13"


def written(book: SpotBook, rule: Rule, number: dict[str, int], related: set[str]) -> Written:
    """One rule; `number`: places of the book's rules, `related`: those that it may meet in a relation."""
    out: Written = {
        "id": rule.id, "disposition": DISPOSITIONS.index(rule.disposition), "severity": rule.severity, "priority": rule.priority[0],
        "shadow": rule.shadow, "amount": _AMOUNTS.get(rule.amount, 4), "relations": [number[name] for name in sorted(related) if name in number],
        "apart": rule.across or _AMOUNTS.get(rule.amount, 4) == 4, **book.when(rule),
    }  # fmt: skip
    if not rule.enabled or rule.skip is not None:
        return out | {"kernel": Kernel.ALWAYS}  # it never runs
    out["countings"] = [(own.group or "", own.how, own.reach) for own in countings(rule)]
    table = rule.table
    if table is not None and table.suspect.any():
        out["suspect"] = table.suspect.astype(np.uint8)
    try:
        out |= {"scope": book.scope(scope_with_region(rule), rule), "kinds": book.kinds_of(rule.visit_kinds)}
        out |= _KERNELS.get(rule.kernel, _always)(book, rule)
        if "items" not in out and out["kernel"] not in (Kernel.ALWAYS, Kernel.CODED_THERE, Kernel.KEYS_THERE):
            out["items"] = book.items(rule)
    except Unable:
        out |= {"kernel": Kernel.ALWAYS, "items": {}}
    return out


def _always(book: SpotBook, rule: Rule) -> Written:
    return {"kernel": Kernel.ALWAYS}


def _lines_there(book: SpotBook, rule: Rule) -> Written:
    return {"kernel": Kernel.LINES_THERE}


def _by_rows(book: SpotBook, rule: Rule) -> bool:
    """Whether a table decides which line is meant."""
    return book.items(rule).get("among") == Among.ROWS


def _comparator(check: Any) -> int:
    return COMPARATORS.index(getattr(check, "comparator", "more_than"))


# --- K01, K02, K05 ----------------------------------------------------------------------------------------------------


def _attribute(book: SpotBook, rule: Rule) -> Written:
    check = rule.check
    if check.key in ("diagnosis", "operation"):
        return _coded(book, rule, check.key) | _coded_test(book, rule)
    if check.key != "item":
        return _keyed(book, rule)
    if check.attribute == "listed":
        return {"kernel": Kernel.LISTED} if _by_rows(book, rule) else _always(book, rule)
    if check.attribute in ("title", "dr_status"):
        return _lines_there(book, rule)
    tests, of_entry, barred = tests_of(rule)
    out: Written = {"of_entry": of_entry if rule.table is not None else []}
    if check.attribute == "age":
        zones = [[UNITS.index(t.unit), COMPARATORS.index(t.comparator), t.value.value] for t in tests]
        # A row whose test is not there says nothing.
        columns = [book.column("visits", "brdy"), book.column("persons", "brdy")]
        return out | {
            "kernel": Kernel.AGE,
            "zones": np.ravel(zones),
            "columns": columns,
            "flag": check.age_at != "service",
        }
    name = check.attribute
    return out | {
        "kernel": Kernel.ATTRIBUTE, "attribute": book.attribute(name), "barred": barred,
        "tests": [book.test(name, _prefixes(test), rule) for test in tests],
    }  # fmt: skip


def _prefixes(test: Any) -> Sequence[str]:
    found: Sequence[str] = test.codes if hasattr(test, "codes") else test
    return found


def _coded(book: SpotBook, rule: Rule, kind: str, among: str | None = None) -> Written:
    """Codes of diagnoses or operations that the rule names."""
    out: Written = {"kernel": Kernel.CODED_THERE, "keyed": int(kind == "operation")}
    return out | ({"list": book.codes(among)} if among is not None else _named(book, rule))


def _named(book: SpotBook, rule: Rule) -> Written:
    """Keys that are not items of lines."""
    items = rule.items
    if items.table is not None:
        table = rule.tables["items"]
        return {"key": book.key(set(table.columns[table.key[0]]))}
    if items.list is not None:
        return {"list": book.codes(items.list)}
    return {} if items.all else {"words": list(items.prefix or ())}


def _coded_test(book: SpotBook, rule: Rule) -> Written:
    name = rule.check.attribute
    if name in ("age", "listed", "dept", "title", "dr_status", *OF_LINES):
        return {}
    tests, _, barred = tests_of(rule)
    return {
        "attribute": book.attribute(name),
        "barred": barred,
        "tests": [book.test(name, _prefixes(test), rule) for test in tests],
    }


def _keyed(book: SpotBook, rule: Rule) -> Written:
    check = rule.check
    out = {"kernel": Kernel.KEYS_THERE, "keyed": ("doctor", "institution", "person", "card").index(check.key)}
    if check.key == "card":
        book.column("visits", "mdtrt_cert_no")
    out |= _named(book, rule)
    frame = book.kept.frames.get("doctors")
    if check.key == "doctor" and check.attribute in ("title", "dr_status") and frame is not None and "key" not in out:
        out["key"] = book.key(doctors_hit(rule, frame))
    return out


def _diagnoses(book: SpotBook, rule: Rule) -> Written:
    check = rule.check
    if check.key == "operation":
        return _coded(book, rule, "operation")
    wanted, back, lab = check.diagnoses, check.look_back_days, check.lab
    out: Written = {}
    if wanted is not None:
        names = [wanted.list] if wanted.list is not None else list(rule.words[wanted.column])
        one = np.zeros(1 if rule.table is None else len(rule.table), np.int32)
        out = {"columns": [book.codes(name) for name in names], "of_entry": one if wanted.list is not None else rule.cells[wanted.column]}  # fmt: skip
    if lab is not None:
        for name in ("med_list_codg", "exam_time", "exam_value"):
            book.column("labs", name)
        out |= {"words": list(lab.items), "zones": [COMPARATORS.index(lab.comparator), lab.value.value, -1 if lab.look_back_days is None else lab.look_back_days.value]}  # fmt: skip
    book.column("visits", "dscg_maindiag_code")
    return out | {
        "kernel": Kernel.DIAGNOSES,
        "flag": check.which == "main", "barred": check.negate, "more": -1 if back is None else back.value, "last_paid": check.combine == "any",
    }  # fmt: skip


def _couple(book: SpotBook, rule: Rule) -> Written:
    trigger = rule.check.trigger
    return _lines_there(book, rule) if trigger.kind == "item" else _coded(book, rule, trigger.kind, trigger.list)


# --- K03, K04, K06, K10 to K12 ----------------------------------------------------------------------------------------


def _price(book: SpotBook, rule: Rule) -> Written:
    if not _by_rows(book, rule):
        return _lines_there(book, rule)
    book.column("lines", "pric")
    return {"kernel": Kernel.PRICE, "figures": rule.numbers["ceiling"], "figure": rule.check.tolerance.value}


def _group(book: SpotBook, group: Any) -> tuple[int, int]:
    name = group if isinstance(group, str) else group.group
    if name not in _GROUPS:
        raise Unable
    if name == "prescription":
        book.column("lines", "rxno")
    reach = group.hours.value * _HOUR - (group.edge == "within") if name == "within" else 0
    return _GROUPS.index(name), reach


def _pairs(book: SpotBook, rule: Rule) -> Written:
    check, table = rule.check, rule.table
    if check.bundle is not None:
        return {"kernel": Kernel.BUNDLE, "list": book.codes(check.bundle.list), "figure": check.bundle.at_least.value}
    if table is None:
        return _lines_there(book, rule)
    override, free = (rule.numbers.get(name) for name in ("override", "included_qty"))
    groups, scope = groups_of_pairs(rule)
    specific = np.argsort(-book.specific(table), kind="stable")
    rank = np.empty(len(table), np.int64)
    rank[specific] = np.arange(len(table))
    out: Written = {
        "kernel": Kernel.PAIRS, "groups": [_group(book, group) for group in groups], "subject": _SUBJECTS.index(check.subject),
        "key": book.rows(table, "main", None if override is None else override != 9), "other": rank, "symmetric": check.symmetric,
        "main": book.kept.places(table, "main"), "included": book.kept.places(table, "included"),
        "main_text": list(table.columns["main"]), "included_text": list(table.columns["included"]),
    }  # fmt: skip
    if free is not None:
        out["figures"] = free
    if override is not None:
        out["zones"] = override
    if "scope" in table.columns:
        words = list(rule.words["scope"]) if check.groups is not None else sorted(set(table.columns["scope"]))
        cells = [words.index(text) for text in table.columns["scope"]] if scope is None else scope
        out |= {"flag": scope is not None, "words": words, "words_of": cells}
    return out


def _cap(book: SpotBook, rule: Rule) -> Written:
    check = rule.check
    cap = check.cap
    out: Written = {
        "kernel": Kernel.CAP, "groups": [_group(book, check.group)], "subject": _SUBJECTS.index(check.subject),
        "measure": _MEASURES.index(check.measure), "comparator": _comparator(check), "last_paid": check.allocate == "last_paid",
        "count_denied": check.count_denied, "barred": check.combine == "all",
    }  # fmt: skip
    if check.combine not in ("item", "all"):
        out |= {"flag": True, "words_of": rule.cells[check.combine.column]}
    if hasattr(cap, "factor"):
        book.column("visits", "ipt_days")
        out["factor"] = cap.factor.value
        cap = cap.plus
    return out | ({"figures": rule.numbers[cap.column]} if cap.column else {"figure": cap.value})


def _supply(book: SpotBook, rule: Rule) -> Written:
    check = rule.check
    for name in ("rxno", "prd_days", "sin_dos", "used_frqu"):
        book.column("lines", name)
    limit = check.allowance if check.form == "overlap" else check.max
    reset = getattr(check, "reset_days", None)
    out: Written = {
        "kernel": Kernel.SUPPLY, "form": _FORMS.index(check.form), "comparator": _comparator(check), "last_paid": check.rounding == "pack",
        "on_lines": getattr(check, "mode", "") == "span", "more": -1 if reset is None else reset.value,
    }  # fmt: skip
    out |= {"barred": True, "figures": rule.numbers[limit.column]} if limit.column else {"figure": limit.value}
    if check.form == "course" and check.by != "item":
        out |= {"flag": True, "words_of": rule.cells[check.by.column]}
    return out


def _tier(book: SpotBook, rule: Rule) -> Written:
    check, table, full = rule.check, rule.table, rule.tables.get("full_price")
    if table is None or full is None or not _by_rows(book, rule):
        return _lines_there(book, rule)
    book.column("lines", "incs_no")
    words = rule.words["operation_group"]
    names = [*check.group_priority, *sorted((w for w in words if w not in check.group_priority), key=str.encode)]
    place = np.array([names.index(word) for word in words] + [-1], np.int32)
    return {
        "kernel": Kernel.TIER, "figure": ("visit", "day", "incision").index(check.same), "words": names, "words_of": place[rule.cells["operation_group"]],
        "thresholds": [factor.value for factor in check.factors], "key": book.rows(full, full.key[0]), "figures": rule.numbers["full_price.ceiling"],
    }  # fmt: skip


def _compose(book: SpotBook, rule: Rule) -> Written:
    check = rule.check
    out: Written = {"kernel": Kernel.COMPOSE, "form": _FORMS.index(check.form), "groups": [_group(book, check.group)]}
    if check.form == "distinct":
        steps = check.thresholds
        if steps is not None and any(step.scope for step in steps):
            return _lines_there(book, rule)
        values = [(check.value.value, 0)] if steps is None else _judged(rule, steps)
        return out | {"comparator": _comparator(check), **_values([values])}
    if check.form in ("all_in", "single"):
        return out | {"list": book.codes(check.list)}
    if check.prefix is not None:
        return out | {"figure": check.prefix.value}
    return out | {"flag": True, "words": list(rule.words[check.column]), "words_of": rule.cells[check.column]}


def _judged(rule: Rule, steps: Any) -> list[tuple[int, int]]:
    """(value, severity) of thresholds without scopes in the order tried."""
    return steps_of(steps, (1 << len(steps)) - 1, rule.check.comparator in ("more_than", "at_least"), rule)


def _values(of_windows: list[list[tuple[int, int]]]) -> Written:
    every = [step for values in of_windows for step in values]
    return {
        "thresholds": [value for value, _ in every],
        "severities": [severity for _, severity in every],
        "threshold_begin": np.cumsum([0, *(len(values) for values in of_windows)]),
    }


# --- K07 to K09 -------------------------------------------------------------------------------------------------------


def _window(book: SpotBook, rule: Rule) -> Written:
    check = rule.check
    known = check.subject in ("person", "person_item", "person_institution")
    plain = all(not step.scope for window in check.windows for step in window.thresholds)
    if not known or not plain or any(window.unit == "insurance_year" for window in check.windows):
        return (
            _lines_there(book, rule)
            if check.measure in ("count", "quantity", "amount", "items")
            else _always(book, rule)
        )
    windows = [
        (_SPANS.index("rolling"), window.days.value, window.edge == "through", check.tie == "peers")
        if window.kind == "rolling"
        else (_SPANS.index(window.unit), window.n, False, False)
        for window in check.windows
    ]
    return {
        "kernel": Kernel.WINDOW, "subject": _SUBJECTS.index(check.subject), "measure": _MEASURES.index(check.measure),
        "comparator": _comparator(check), "windows": windows, **_values([_judged(rule, window.thresholds) for window in check.windows]),
    }  # fmt: skip


def _gap(book: SpotBook, rule: Rule) -> Written:
    check = rule.check
    return {
        "kernel": Kernel.STAYS_NEAR, "figure": max(zone.value.value for zone in check.zones), "flag": "institution" in check.same,
        "barred": check.overlap != "hit" and check.comparator in ("at_most", "less_than"),
    }  # fmt: skip


def _span(book: SpotBook, rule: Rule) -> Written:
    check = rule.check
    form = check.form
    if form == "line_in_stay":
        return {"kernel": Kernel.IN_STAY, "figure": check.grace_before.value, "more": check.grace_after.value}
    if form == "around_operation":
        return {"kernel": Kernel.AROUND, "figure": check.before_hours.value, "more": check.after_hours.value}
    if form == "idle":
        return {"kernel": Kernel.IDLE, "figure": check.value.value}
    if form == "unsettled":
        return {"kernel": Kernel.UNSETTLED, "figure": check.days.value}
    if form == "overlap":
        kinds = list(check.kinds or ())
        return {"kernel": Kernel.OVERLAP, "figure": check.grace.value, "attribute": book.attribute("med_type"), "words": kinds}  # fmt: skip
    if form == "after_death":
        return {
            "kernel": Kernel.DEATH,
            "figure": check.grace.value,
            "attribute": book.attribute("dscg_way"),
            "items": {},
        }
    book.column("visits", "er_flag")
    return {"kernel": Kernel.URGENT, "attribute": book.attribute("med_type"), "items": {}}


# --- K13 to K15 -------------------------------------------------------------------------------------------------------


def _ratio(book: SpotBook, rule: Rule) -> Written:
    check = rule.check
    book.column("visits", "ipt_days")
    return {
        "kernel": Kernel.RATIO, "figure": check.min_sample.value, "measure": _MEASURES.index(check.denominator.measure),
        "subject": _SUBJECTS.index("doctor" if check.by == "doctor" else "institution"), "items": {},
    }  # fmt: skip


def _stock(book: SpotBook, rule: Rule) -> Written:
    if rule.check.form != "trace":
        for name in ("begndate", "enddate", "open_cnt", "in_cnt", "close_cnt"):
            book.column("stock", name)
        factor = rule.check.factor
        return {"kernel": Kernel.STOCK, "figure": 0 if factor.column else factor.value, "more": rule.check.tolerance.value}  # fmt: skip
    return {"kernel": Kernel.REPEATED, "columns": [book.column("lines", "drug_trac_codg")], "items": {}}


def _valid(book: SpotBook, rule: Rule) -> Written:
    check = rule.check
    on: str = check.on if check.form != "in_catalogue" else "lines"
    out: Written = {"kernel": Kernel.VALID, "form": _FORMS.index(check.form) if check.form in _FORMS else 0, "on_lines": on == "lines"}  # fmt: skip
    if check.form == "unique":
        column = book.column(on, check.column)
        return {"kernel": Kernel.REPEATED, "columns": [column], "items": {}} if column >= 0 else _always(book, rule)
    if check.form == "sum":
        book.column("visits", "medfee_sumamt")
        return {"kernel": Kernel.SUMS, "figure": check.tolerance.value}
    if check.form == "product":
        book.column("lines", "pric")
        return out | {"figure": check.tolerance.value}
    if check.form == "in_catalogue":
        return out
    if check.form in ("order", "delay"):
        names = (check.earlier, check.later) if check.form == "order" else (check.start, check.end)
        out["columns"] = [column for name in names for column in _time(book, on, name)]
        return out | ({} if check.form == "order" else {"figure": check.hours.value, "comparator": _comparator(check)})
    if check.form == "required" and on == "visits":
        pairs = [(book.column(on, name), book.column(on, MIDNIGHT[name]) if name in MIDNIGHT else -1) for name in check.columns]  # fmt: skip
        return {"kernel": Kernel.REQUIRED, "columns": np.ravel(pairs)}
    return _code_in(book, rule, on) if check.form in ("one_of", "code_in") else _always(book, rule)


def _code_in(book: SpotBook, rule: Rule, on: str) -> Written:
    """Codes that may stand, whatever the day and place."""
    check = rule.check
    columns = [book.column(on, check.column), book.column("visits", check.column) if on == "lines" else -1]
    if check.column in MIDNIGHT or any(column >= 0 and book.columns[column][2] not in (4, 5, 6) for column in columns):
        return _always(book, rule)
    out: Written = {"kernel": Kernel.CODE_IN, "columns": columns, "on_lines": on == "lines"}
    if check.form == "one_of":
        return out | {"key": book.key(check.codes)}
    if check.list is not None:
        return out | {"list": book.codes(check.list)}
    table = rule.tables["codes"]
    sure = book.held(table) & (table.begin == ALWAYS) & (table.end == OPEN)
    codes = zip(table.columns[table.key[0]], sure.tolist(), table.region, table.level)
    return out | {
        "key": book.key({code for code, holds, region, level in codes if holds and region == "*" and not level})
    }


def _time(book: SpotBook, on: str, name: str) -> list[int]:
    """The own column, the visits', and the date in its place. Raises Unable."""
    found = [book.column(on, name), book.column("visits", name) if on == "lines" else -1]
    found.append(book.column("visits", MIDNIGHT[name]) if name in MIDNIGHT else -1)
    if any(column >= 0 and book.columns[column][2] not in (2, 3) for column in found):
        raise Unable
    return found


_KERNELS: dict[str, Callable[[SpotBook, Rule], Written]] = {
    "K01": _attribute, "K02": _diagnoses, "K03": _price, "K04": _pairs, "K05": _couple, "K06": _cap, "K07": _window, "K08": _gap,
    "K09": _span, "K10": _supply, "K11": _tier, "K12": _compose, "K13": _ratio, "K14": _stock, "K15": _valid,
}  # fmt: skip
