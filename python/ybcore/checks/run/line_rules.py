"""K01 to K06, K11 and K12: rules over lines, and over diagnoses and operations row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ... import _core
from ...columns.asof import Dated
from ...columns.convert import NULL_DAY, NULL_INT
from ..groupchecks import FactorOf
from ..linechecks import AgeTest, Codes, ColumnMap
from ..rule import Rule
from .found import Raw
from .given import DAY
from .lists import bits
from .scope import NO, YES, fits
from .work import Chosen, Work

__all__ = ["attribute", "cap", "couple", "diagnoses", "pairs", "price_ceiling"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
COMPARATORS = ("more_than", "at_least", "less_than", "at_most")
UNITS = ("day", "month", "year")
ROW_ZERO = None  # entry of a rule without table: row 0 for all


def c(values: Any) -> Any:
    """Contiguous."""
    return np.ascontiguousarray(values)


def table_entry(raw: Raw, chosen: Chosen) -> Raw:
    """A rule without a table names no row."""
    if chosen.entry is None:
        raw.found = {**raw.found, "entry": np.full(len(raw.found["entry"]), -1, np.int32)}
    return raw


# --- rows of diagnoses and operations ---------------------------------------------------------------------------------


class CodedRows:
    """Rows of standing visits that have a code, those of one visit and name once, in order of visits and names."""

    def __init__(self, work: Work, kind: str) -> None:
        batch = work.batch
        table, column, time = {"diagnosis": ("diagnoses", "diag_code", "diag_time"), "operation": ("operations", "oprn_oprt_code", "oprn_oprt_date")}[kind]  # fmt: skip
        visit, code, self.ids = work.diagnoses if kind == "diagnosis" else work.operations
        frame = batch.frame(table)
        when = np.full(len(visit), NULL_INT)
        if frame is not None and time in frame.cells:
            given = frame.code(column)
            assert given is not None
            keep = (given[0] >= 0) & batch.stands[batch.row_visit[table]]
            when = frame.ints(time)[keep]
        day = np.where(when == NULL_INT, batch.begin_day[visit], when // DAY).astype(np.int32)
        texts = self.ids.to_pylist()
        rank = np.argsort(np.argsort(np.array([t.encode() for t in texts], object))) if texts else np.zeros(0, np.int64)
        by_day = day if kind == "operation" else np.zeros(len(day), np.int32)
        order = np.lexsort((np.arange(len(visit)), by_day, rank[code] if len(code) else code, work.visit_place[visit]))
        key = np.stack((visit, code, by_day))[:, order]
        first = np.ones(len(order), bool)
        first[1:] = (key[:, 1:] != key[:, :-1]).any(axis=0)
        at = order[first]
        self.visit, self.code, self.day = visit[at].astype(np.int64), code[at], day[at]
        self.kind = kind

    def what(self, places: Int64) -> list[str]:
        """What tells findings on some of the rows apart."""
        texts = self.ids.take(pa.array(self.code[places])).to_pylist()
        if self.kind == "diagnosis":
            return texts
        return [f"{text}@{day}" for text, day in zip(texts, self.day[places].tolist())]


def select_coded(
    work: Work, rule: Rule, rows: CodedRows, inside: npt.NDArray[np.bool_] | None = None
) -> tuple[Int64, Chosen]:
    """(places among the coded rows, what is chosen): in scope and among the rule's items, or in `inside` by code."""
    truth = work.when(rule, work.scopes.truth(work.scope_of(rule), rule.visit_kinds)[rows.visit], rows.day)
    entry, among = key_among(work, rule, rows.code, rows.ids, rows.kind, rows.visit, rows.day)
    if inside is not None:
        among = inside[rows.code].astype(np.uint8)
    chosen = (truth == YES) & (among == YES)
    unknown = int(np.count_nonzero((truth != NO) & (among != NO) & ~chosen))
    at = np.flatnonzero(chosen)
    return at, Chosen(rows.visit[at], None if entry is None else entry[at], len(at), unknown)


def key_among(work: Work, rule: Rule, key: Int32, ids: pa.Array, what: str, visit: Int64, day: Int32) -> Any:
    """(table row, truth) of keys that are not items of lines: codes, doctors, institutions, persons, cards."""
    items = rule.items
    if items.all:
        return None, np.full(len(key), YES, np.uint8)
    known = key >= 0
    if items.table is not None:
        table = rule.tables["items"]
        entry = work.entries(table, table.key[0], ids, what, key, visit, day)
        truth = np.where(entry >= 0, YES, np.where(entry == -1, NO, 2)).astype(np.uint8)
    else:
        inside = work.in_list(items.list, ids, what) if items.list is not None else None
        if inside is None:
            from .lists import members

            inside = members(ids, "prefix", items.prefix or ())
        entry = None
        truth = inside[np.maximum(key, 0)].astype(np.uint8) if len(ids) else np.zeros(len(key), np.uint8)
    return entry, np.where(known, truth, 2).astype(np.uint8)


# --- K01 --------------------------------------------------------------------------------------------------------------


def attribute(work: Work, rule: Rule) -> Raw:
    """K01."""
    check = rule.check
    rows: CodedRows | None = None
    if check.key == "item":
        chosen, on = work.lines(rule), "lines"
    elif check.key == "doctor":
        chosen, on = doctor_lines(work, rule), "lines"
    elif check.key in ("diagnosis", "operation"):
        rows, on = CodedRows(work, check.key), "visits"
        places, chosen = select_coded(work, rule, rows)
    else:
        chosen, on = keyed_visits(work, rule), "visits"
    entry = chosen.entry
    if check.attribute == "listed":
        found = _core.check_listed(np.zeros(len(chosen.rows), np.int32) if entry is None else c(entry), work.threads)
    elif check.attribute == "age":
        day = rows.day[places] if rows is not None and check.key == "operation" and check.age_at == "service" else None
        found = _age(work, rule, chosen, on, day)
    else:
        found = _codes(work, rule, chosen, on)
    raw = Raw(found, chosen.rows, on, chosen.eligible, chosen.unknown)
    if rows is not None:
        raw.what = rows.what(places[found["event"]])
    return table_entry(raw, chosen)


def doctor_lines(work: Work, rule: Rule) -> Chosen:
    """Lines whose ordering doctor the rule names."""
    rows = work.rows
    batch = work.batch
    truth = work.when(rule, work.scopes.of_lines(work.scope_of(rule), rule.visit_kinds, rows), batch.line_day[rows])
    visit = batch.line_visit[rows].astype(np.int64)
    entry, among = key_among(work, rule, batch.doctor[rows], batch.doctor_ids, "doctor", visit, batch.line_day[rows])
    chosen = (truth == YES) & (among == YES)
    unknown = int(np.count_nonzero((truth != NO) & (among != NO) & ~chosen))
    return Chosen(rows[chosen], None if entry is None else entry[chosen], int(chosen.sum()), unknown)


def keyed_visits(work: Work, rule: Rule) -> Chosen:
    """Visits whose institution, person or card the rule names."""
    batch = work.batch
    order, _ = batch.visit_order
    if rule.check.key == "institution":
        key, ids = batch.hospital[order], batch.hospital_ids
    elif rule.check.key == "person":
        key, ids = batch.psn[order], batch.psn_ids
    else:
        codes, ids = work.cards
        key = codes[order]
    truth = work.when(rule, work.scopes.truth(work.scope_of(rule), rule.visit_kinds)[order], batch.begin_day[order])
    entry, among = key_among(work, rule, key, ids, rule.check.key, order, batch.begin_day[order])
    chosen = (truth == YES) & (among == YES)
    unknown = int(np.count_nonzero((truth != NO) & (among != NO) & ~chosen))
    return Chosen(order[chosen], None if entry is None else entry[chosen], int(chosen.sum()), unknown)


def _tests(rule: Rule) -> tuple[Sequence[Any], Int32, bool]:
    """(tests, which of them each table row names, or row 0 without a column; whether they bar)."""
    check = rule.check
    test = check.allowed if check.allowed is not None else check.barred
    if isinstance(test, ColumnMap):
        return list(test.map.values()), rule.cells[test.column], check.barred is not None
    table = rule.table
    return [test], np.zeros(1 if table is None else len(table), np.int32), check.barred is not None


def _age(work: Work, rule: Rule, chosen: Chosen, on: str, own_day: Int32 | None) -> dict[str, Any]:
    tests, of_entry, _ = _tests(rule)
    batch = work.batch
    visit = batch.line_visit[chosen.rows] if on == "lines" else chosen.rows
    day = batch.begin_day[visit]
    if on == "lines" and rule.check.age_at == "service":
        day = batch.line_day[chosen.rows]
    elif own_day is not None:
        day = own_day
    ages: list[AgeTest] = list(tests)
    unit = np.array([UNITS.index(t.unit) for t in ages], np.uint8)
    comparator = np.array([COMPARATORS.index(t.comparator) for t in ages], np.uint8)
    value = np.array([t.value.value for t in ages], np.int64)
    entry = chosen.entry
    of = np.where(of_entry < 0, 0, of_entry)
    if (of_entry < 0).any() and entry is not None:
        entry = np.where((entry >= 0) & (of_entry[np.maximum(entry, 0)] < 0), -1, entry).astype(np.int32)
    birth = c(work.birth[visit])
    return _core.check_age(
        None if entry is None else c(entry), birth, c(day), unit[of], comparator[of], value[of], work.threads
    )


def line_text(work: Work, name: str, rows: Int64, on: str) -> tuple[Int32, list[str]]:
    """(index, texts) of an attribute of some lines or visits; the empty text is missing."""
    batch = work.batch
    visit = batch.line_visit[rows] if on == "lines" else rows
    if name == "dept":
        frame, column = (batch.frames["lines"], "bilg_dept_codg") if on == "lines" else (batch.visits, "adm_dept_codg")
        found = frame.code(column)
        codes, texts = found if found is not None else (np.full(frame.rows, -1, np.int32), [])
        codes = codes[rows]
        return np.where(codes < 0, len(texts), codes).astype(np.int32), [*texts, ""]
    if name in ("title", "dr_status"):
        return _of_doctor(work, name, rows, on)
    codes, texts = work.scopes.text(name)
    return (codes[rows] if name in ("dscg_tkdrug_flag", "tcmdrug_used_way", "bilg_dept_codg") else codes[visit]), texts


def _of_doctor(work: Work, name: str, rows: Int64, on: str) -> tuple[Int32, list[str]]:
    batch = work.batch
    frame = batch.frames["doctors"]
    doctor = batch.doctor[rows] if on == "lines" else batch.attending[rows]
    day = batch.line_day[rows] if on == "lines" else batch.begin_day[rows]
    dated = Dated.of(batch.doctor_key, len(batch.doctor_ids), c(frame.days("begndate")), frame.days("enddate"))
    row = dated.find(c(doctor), c(day))
    found = frame.code("dr_pro_tech_duty" if name == "title" else "prac_stas")
    codes, texts = found if found is not None else (np.full(frame.rows, -1, np.int32), [])
    of = np.where(row >= 0, codes[np.maximum(row, 0)], -1) if frame.rows else np.full(len(rows), -1)
    return np.where(of < 0, len(texts), of).astype(np.int32), [*texts, ""]


def _codes(work: Work, rule: Rule, chosen: Chosen, on: str) -> dict[str, Any]:
    name, kinds = rule.check.attribute, rule.visit_kinds
    tests, of_entry, barred = _tests(rule)
    codes, texts = line_text(work, "med_type" if name == "visit_kind" else name, chosen.rows, on)
    masks = [_fitting(test, texts, kinds if name == "visit_kind" else None) for test in tests]
    missing = np.array([not text for text in texts])
    code = np.where(missing[codes], -1, codes).astype(np.int32) if len(texts) else codes
    entry = None if chosen.entry is None else c(chosen.entry)
    return _core.check_attribute(entry, c(code), bits(masks, len(texts)), c(of_entry), barred, work.threads)


def _fitting(
    test: Codes | Sequence[str], texts: Sequence[str], kinds: Mapping[str, Sequence[str]] | None
) -> list[bool]:
    from .scope import kinds_of

    prefixes = test.codes if isinstance(test, Codes) else test
    if kinds is None:
        return [fits(text, prefixes) for text in texts]
    return [any(fits(kind, prefixes) for kind in kinds_of(text, kinds)) for text in texts]


# --- K02 --------------------------------------------------------------------------------------------------------------


def diagnoses(work: Work, rule: Rule) -> Raw:
    """K02."""
    check, batch = rule.check, work.batch
    rows: CodedRows | None = None
    if check.key == "operation":
        rows, on = CodedRows(work, "operation"), "visits"
        places, chosen = select_coded(work, rule, rows)
        visit, day = chosen.rows, rows.day[places]
        time = day.astype(np.int64) * DAY + DAY - 1
    else:
        chosen, on = work.lines(rule), "lines"
        visit, day = batch.line_visit[chosen.rows].astype(np.int64), batch.line_day[chosen.rows]
        midnight = day.astype(np.int64) * DAY + DAY - 1
        time = batch.line_time[chosen.rows] if batch.time_of_day else midnight
    place = c(work.visit_place[visit].astype(np.int32))
    sets, of_entry = _diagnosis_sets(work, rule)
    back, lab = check.look_back_days, check.lab
    found = _core.check_diagnoses(
        None if chosen.entry is None else c(chosen.entry), place, c(day), c(time), **work.visit_diagnoses(check.which == "main"),
        **_tests_of(work, lab), sets=sets, set=of_entry, main_only=False, look_back_days=-1 if back is None else back.value,
        any_leaf=check.combine == "any", negate=check.negate, threads=work.threads,
    )  # fmt: skip
    raw = Raw(found, chosen.rows, on, chosen.eligible, chosen.unknown)
    if rows is not None:
        raw.what = rows.what(places[found["event"]])
    return table_entry(raw, chosen)


def _tests_of(work: Work, lab: Any) -> dict[str, Any]:
    if lab is None:
        return {}
    found = work.lab_values(lab.items)
    back = lab.look_back_days
    limit = {
        "test_comparator": lab.comparator,
        "test_limit": lab.value.value,
        "test_look_back_days": -1 if back is None else back.value,
    }
    return {**found, **limit}


def _diagnosis_sets(work: Work, rule: Rule) -> tuple[Any, Any]:
    """(sets of diagnosis codes, which of them each table row names; None: the rule asks for no list)."""
    wanted, ids = rule.check.diagnoses, work.diagnosis_ids
    if wanted is None:
        return np.zeros((0, max(1, (len(ids) + 63) // 64)), np.uint64), None
    if wanted.list is not None:
        return bits([work.in_list(wanted.list, ids, "all diagnoses")], len(ids)), one_set(rule)
    masks = [work.in_list(name, ids, "all diagnoses") for name in rule.words[wanted.column]]
    return bits(masks, len(ids)), c(rule.cells[wanted.column])


def one_set(rule: Rule) -> Int32:
    """Every table row names set 0."""
    return np.zeros(1 if rule.table is None else len(rule.table), np.int32)


# --- K03, K04 ---------------------------------------------------------------------------------------------------------


def price_ceiling(work: Work, rule: Rule) -> Raw:
    """K03."""
    chosen = work.lines(rule)
    price, quantity = work.column("pric")[chosen.rows], work.quantity[chosen.rows]
    ceiling = rule.numbers["ceiling"]
    entry = None if chosen.entry is None else c(chosen.entry)
    found = _core.check_price_ceiling(entry, c(price), c(quantity), ceiling, rule.check.tolerance.value, work.threads)
    rows = chosen.rows[found["event"]]
    expected = np.array(
        [_core.round_div(int(a) * int(b), 100_000_000) if abs(int(a) * int(b)) < 2**63 else _wide(int(a) * int(b), 100_000_000)
         for a, b in zip(found["limit"].tolist(), work.quantity[rows].tolist())], np.int64,
    )  # fmt: skip
    return Raw(found, chosen.rows, "lines", chosen.eligible, chosen.unknown, expected=expected)


def _wide(numerator: int, denominator: int) -> int:
    """Half up on the absolute value, beyond 64 bits."""
    size, sign = abs(numerator), -1 if numerator < 0 else 1
    return sign * ((2 * size + denominator) // (2 * denominator))


Group = tuple[str, Any, Any, int]
CELLS = {"line": "line", "day": "day", "hour": "hour", "within": "within"}


def grouping(work: Work, rows: Int64, group: Any, subject: str) -> Group:
    """How some lines are cut into groups: cell of time, subject, a further column (-1 is unknown), reach in microseconds."""
    batch = work.batch
    visit = batch.line_visit[rows]
    name = group if isinstance(group, str) else group.group
    cell = CELLS.get(name, "subject")
    if name in ("visit", "prescription"):
        return cell, c(visit), c(work.prescriptions[rows]) if name == "prescription" else None, 0
    if name == "stay":
        return cell, None, c(batch.stay[visit]), 0
    if name == "line":
        return cell, None, None, 0
    who = {"visit": visit, "person_institution": batch.hospital[visit], "person": None}[subject]
    cut = None
    if name in ("month", "quarter", "year", "insurance_year"):
        cut = _calendar(batch.line_day[rows], name, getattr(group, "starts", None))
    reach = group.hours.value * 3_600_000_000 - (group.edge == "within") if name == "within" else 0
    return cell, None if who is None else c(who), cut, reach


def _calendar(day: Int32, unit: str, starts: Any) -> Int32:
    """Number of the calendar period of each day."""
    date = day.astype("datetime64[D]")
    month = date.astype("datetime64[M]").astype(np.int64)
    if unit == "insurance_year":
        first_month, first_day = starts
        year = date.astype("datetime64[Y]").astype(np.int64)
        begin = year.astype("datetime64[Y]").astype("datetime64[M]") + (first_month - 1)
        begins = begin.astype("datetime64[D]") + (first_day - 1)
        return (year - (date < begins) + 10_000).astype(np.int32)
    return (month // {"month": 1, "quarter": 3, "year": 12}[unit] + 100_000).astype(np.int32)


def pairs(work: Work, rule: Rule) -> Raw:
    """K04."""
    check, batch = rule.check, work.batch
    chosen = work.lines(rule)
    if check.bundle is not None:
        return _bundle(work, rule, chosen)
    rows = chosen.rows
    groups = list(check.groups.values()) if check.groups is not None else [check.group]
    groupings = [grouping(work, rows, group, check.subject) for group in groups]
    built, places = work.pair_table(rule, len(groups))
    visit = batch.line_visit[rows]
    region, _, level = work.places
    found = built.check(
        work.person_begin(rows), c(batch.line_time[rows]), c(batch.item[rows]), c(work.quantity[rows]), c(batch.line_day[rows]),
        c(region[visit]) if work.narrowed(rule.table, "region") else None, c(level[visit]) if work.narrowed(rule.table, "level") else None,
        groupings, work.threads,
    )  # fmt: skip
    found["entry"] = places[found["entry"]].astype(np.int32)
    raw = Raw(found, rows, "lines", chosen.eligible, chosen.unknown)
    raw.what = _pair_names(work, found, rows, rule)
    override = rule.numbers.get("override")
    if override is not None:
        raw.suspect = override[np.maximum(found["entry"], 0)] == 1
    return raw


def _bundle(work: Work, rule: Rule, chosen: Chosen) -> Raw:
    bundle, batch = rule.check.bundle, work.batch
    inside = work.in_list(bundle.list, batch.item_ids, "item")
    keep = inside[batch.item[chosen.rows]] if len(inside) else np.zeros(len(chosen.rows), bool)
    rows = chosen.rows[keep]
    cell, subject, cut, _ = grouping(work, rows, rule.check.group, rule.check.subject)
    found = _core.check_bundle(
        work.person_begin(rows),
        c(batch.line_time[rows]),
        c(batch.item[rows]),
        cell,
        subject,
        cut,
        bundle.at_least.value,
        work.threads,
    )
    return Raw(found, rows, "lines", chosen.eligible, chosen.unknown)


def _pair_names(work: Work, found: dict[str, Any], rows: Int64, rule: Rule) -> list[str]:
    """main|included, with the row's scope; of a symmetric row the way round that hit."""
    assert rule.table is not None
    columns, ids = rule.table.columns, work.batch.item_ids
    scope = columns.get("scope")
    first = rows[found["event"][found["details"][:-1]]] if len(found["entry"]) else np.zeros(0, np.int64)
    included = ids.take(pa.array(work.batch.item[first])).to_pylist()
    out = []
    for row, item in zip(found["entry"].tolist(), included):
        main, other = columns["main"][row], columns["included"][row]
        main, other = (main, other) if other == item else (other, main)
        text = scope[row] if scope is not None else ""
        out.append("|".join([main, other, *([text] if text else [])]))
    return out


# --- K05, K06 ---------------------------------------------------------------------------------------------------------


def couple(work: Work, rule: Rule) -> Raw:
    """K05."""
    check, batch = rule.check, work.batch
    trigger, partner = check.trigger.kind, check.partner.kind
    rows: CodedRows | None = None
    if trigger == "item":
        chosen = work.lines(rule)
        visit, day = batch.line_visit[chosen.rows].astype(np.int64), batch.line_day[chosen.rows]
        order, quantity, own = work.place_of[chosen.rows], work.quantity[chosen.rows], chosen.rows
    else:
        rows = CodedRows(work, trigger)
        places, chosen = select_coded(work, rule, rows, work.in_list(check.trigger.list, rows.ids, trigger))
        visit, day, own = rows.visit[places], rows.day[places], places
        order = quantity = np.zeros(len(places), np.int64)
    if trigger != partner:
        own = np.full(len(own), -1, np.int64)
    sets, of_entry, other = _partners(work, rule)
    sure = work.has_diagnosis[visit].view(np.uint8) if partner == "diagnosis" else None
    by_order = trigger == "item" and partner == "item"
    ratio = check.ratio
    found = _core.check_couple(
        work.begin_of_persons(visit), None if chosen.entry is None else c(chosen.entry), c(visit.astype(np.int32)), c(day),
        c(order) if by_order else None, c(quantity), c(own.astype(np.int32)), sure, other["begin"], other["code"], other["visit"], other["day"],
        other["order"] if by_order else None, other["quantity"], other["self"], sets, of_entry, check.where,
        -1 if check.look_back_days is None else check.look_back_days.value, check.negate, 0 if ratio is None else ratio.units.value,
        0 if ratio is None else ratio.per.value, work.threads,
    )  # fmt: skip
    on_lines = np.concatenate(
        (np.full(len(chosen.rows), trigger == "item"), np.full(len(other["rows"]), partner == "item"))
    )
    found = found if partner == "item" else without_involved(found)
    raw = Raw(
        found, np.concatenate((chosen.rows, other["rows"])), "mixed", chosen.eligible, chosen.unknown, of_line=on_lines
    )
    if rows is not None:
        first = found["event"][found["details"][:-1]] if len(found["measure"]) else np.zeros(0, np.int64)
        raw.what = rows.what(places[first])
    return table_entry(raw, chosen)


def without_involved(found: dict[str, Any]) -> dict[str, Any]:
    """Partners that are no lines stand in no detail."""
    keep = found["part"] == 1
    finding = np.repeat(np.arange(len(found["measure"])), np.diff(found["details"]))
    sizes = np.bincount(finding[keep], minlength=len(found["measure"]))
    details = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
    return {**found, "details": details, **{name: found[name][keep] for name in ("event", "part", "excess")}}


def _partners(work: Work, rule: Rule) -> tuple[Any, Any, dict[str, Any]]:
    """(sets of codes, set of each table row, the rows that may be partners by person and day)."""
    batch, partner = work.batch, rule.check.partner
    names = [partner.list] if partner.list is not None else list(rule.words[partner.column])
    of_entry = one_set(rule) if partner.list is not None else c(rule.cells[partner.column])
    if partner.kind == "item":
        masks = [work.in_list(name, batch.item_ids, "item") for name in names]
        any_ = np.logical_or.reduce(masks) if masks else np.zeros(len(batch.item_ids), bool)
        rows = work.rows[any_[batch.item[work.rows]]] if len(any_) else work.rows[:0]
        visit, day, code, own = batch.line_visit[rows].astype(np.int64), batch.line_day[rows], batch.item[rows], rows
        order, quantity, size = work.place_of[rows], work.quantity[rows], len(batch.item_ids)
    else:
        coded = CodedRows(work, partner.kind)
        masks = [work.in_list(name, coded.ids, partner.kind) for name in names]
        by_day = np.lexsort((coded.day, batch.psn[coded.visit]))
        rows = visit = coded.visit[by_day]
        day, code, own, size = coded.day[by_day], coded.code[by_day], by_day, len(coded.ids)
        order = quantity = np.zeros(len(rows), np.int64)
    return bits(masks, size), of_entry, {
        "begin": work.begin_of_persons(visit), "visit": c(visit.astype(np.int32)), "day": c(day), "order": c(order),
        "quantity": c(quantity), "self": c(own.astype(np.int32)), "code": c(code.astype(np.int32)), "rows": rows,
    }  # fmt: skip


def cap(work: Work, rule: Rule, denied: npt.NDArray[np.bool_]) -> Raw:
    """K06. `denied`: lines that earlier rules of the run deny as a whole."""
    check, batch = rule.check, work.batch
    chosen = work.lines(rule)
    if not check.count_denied and denied.any():
        chosen = chosen.only(~denied[chosen.rows])
    rows = chosen.rows
    cell, subject, cut, _ = grouping(work, rows, check.group, check.subject)
    combine = np.zeros(len(rows), np.int32) if check.combine == "all" else batch.item[rows]
    if check.combine not in ("item", "all"):
        cells = rule.cells[check.combine.column]
        combine = cells[np.maximum(chosen.entry, 0)] if chosen.entry is not None else np.full(len(rows), -1)
    value = {"quantity": work.quantity, "amount": work.amount}.get(check.measure)
    caps, constant, factor = _caps(rule)
    days = c(work.stay_days[batch.line_visit[rows]]) if factor else None
    found = _core.check_cap(
        work.person_begin(rows), c(batch.line_time[rows]), cell, subject, cut, c(combine.astype(np.int32)),
        None if value is None else c(value[rows]), None if chosen.entry is None else c(chosen.entry), caps, constant, factor, days,
        comparator=check.comparator, last_paid=check.allocate == "last_paid", threads=work.threads,
    )  # fmt: skip
    raw = Raw(found, rows, "lines", chosen.eligible, chosen.unknown, money=check.measure == "amount")
    return table_entry(raw, chosen)


def _caps(rule: Rule) -> tuple[Any, int, int]:
    """(cap by table row, cap of all, factor a day of the stay)."""
    check = rule.check
    if isinstance(check.cap, FactorOf):
        plus = check.cap.plus
        caps = rule.numbers[plus.column] if plus.column else None
        return caps, 0 if plus.column else plus.value, check.cap.factor.value
    if check.cap.column:
        return rule.numbers[check.cap.column], 0, 0
    return None, check.cap.value, 0


__all__ += ["COMPARATORS", "NULL_DAY", "CodedRows", "grouping", "select_coded", "table_entry"]
