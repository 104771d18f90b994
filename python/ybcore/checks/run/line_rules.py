"""K01 to K06, K11 and K12: rules over lines, and over diagnoses and operations row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ... import _core
from ...columns.asof import Dated
from ..groupchecks import FactorOf
from ..linechecks import AgeTest, Codes, ColumnMap
from ..rule import Rule
from .coded import CodedRows, coded_rows, key_among, key_mask, select_coded
from .found import Raw
from .given import DAY
from .held import facts_of, groups_of_pairs
from .lists import bits
from .scope import NO, OF_LINES, YES, fits, kinds_of
from .shapes import made
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


# --- K01 --------------------------------------------------------------------------------------------------------------


def attribute(work: Work, rule: Rule) -> Raw:
    """K01."""
    check = rule.check
    rows: CodedRows | None = None
    places = np.zeros(0, np.int64)
    if check.key == "item":
        chosen, on = work.lines(rule), "lines"
    elif check.key == "doctor":
        chosen, on = doctor_lines(work, rule), "lines"
    elif check.key in ("diagnosis", "operation"):
        rows, on = coded_rows(work, check.key), "visits"
        places, chosen = select_coded(work, rule, rows)
    else:
        chosen, on = keyed_visits(work, rule), "visits"
    entry = chosen.entry
    if not len(chosen.rows):  # there may be no table of lines
        found = made(chosen.rows)
    elif check.attribute == "listed":
        found = _core.check_listed(np.zeros(len(chosen.rows), np.int32) if entry is None else c(entry), work.threads)
    elif check.attribute == "age":
        chosen, keep = _tested(rule, chosen)
        places = places[keep] if rows is not None else places
        day = rows.day[places] if rows is not None and check.key == "operation" and check.age_at == "service" else None
        found = _age(work, rule, chosen, on, day)
    else:
        found = _codes(work, rule, chosen, on, rows.day[places] if rows is not None else None)
    raw = Raw(found, chosen.rows, on, chosen.eligible, chosen.unknown)
    if rows is not None:
        raw.what = rows.what(places[found["event"]])
    return table_entry(raw, chosen)


def doctor_lines(work: Work, rule: Rule) -> Chosen:
    """Lines whose ordering doctor the rule names."""
    batch, kinds = work.batch, rule.visit_kinds
    chosen = Chosen(work.rows, None, 0, 0, whole=True)
    mask = key_mask(work, rule, batch.doctor_ids, "doctor")
    if mask is not None:
        # Of a line without a doctor it is not known.
        lut = np.append(mask, True).astype(np.uint8)
        chosen = chosen.only(_core.taken(lut, work.at(batch.doctor, work.rows), work.threads).view(bool))
    scope = work.scope_of(rule)
    if mask is None and not scope and work.always(rule):
        chosen.eligible = len(work.rows)
        return chosen
    visit, day = work.of(chosen, "visit"), work.of(chosen, "day")
    truth = work.when(rule, work.scopes.of_lines(scope, kinds, chosen.rows, visit), day)
    entry, among = key_among(work, rule, batch.doctor[chosen.rows], batch.doctor_ids, "doctor", visit, day)
    keep = (truth == YES) & (among == YES)
    unknown = int(np.count_nonzero((truth != NO) & (among != NO) & ~keep))
    chosen.entry = entry
    chosen = chosen.only(keep)
    chosen.eligible, chosen.unknown = len(chosen.rows), unknown
    return chosen


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


def tests_of(rule: Rule) -> tuple[Sequence[Any], Int32, bool]:
    """(tests, which of them each table row names, or row 0 without a column; whether they bar)."""
    check = rule.check
    test = check.allowed if check.allowed is not None else check.barred
    if isinstance(test, ColumnMap):
        return list(test.map.values()), rule.cells[test.column], check.barred is not None
    table = rule.table
    return [test], np.zeros(1 if table is None else len(table), np.int32), check.barred is not None


def _tested(rule: Rule, chosen: Chosen) -> tuple[Chosen, Any]:
    """(rows whose table row names a test, which they are): of the others nothing is asked."""
    _, of_entry, _ = tests_of(rule)
    if chosen.entry is None or not (of_entry < 0).any():
        return chosen, slice(None)
    keep = (chosen.entry < 0) | (of_entry[np.maximum(chosen.entry, 0)] >= 0)
    return chosen.only(keep), keep


def _age(work: Work, rule: Rule, chosen: Chosen, on: str, own_day: Int32 | None) -> dict[str, Any]:
    tests, of_entry, _ = tests_of(rule)
    batch = work.batch
    visit = work.of(chosen, "visit") if on == "lines" else chosen.rows
    day = batch.begin_day[visit]
    if on == "lines" and rule.check.age_at == "service":
        day = work.of(chosen, "day")
    elif own_day is not None:
        day = own_day
    ages: list[AgeTest] = list(tests)
    unit = np.array([UNITS.index(t.unit) for t in ages], np.uint8)
    comparator = np.array([COMPARATORS.index(t.comparator) for t in ages], np.uint8)
    value = np.array([t.value.value for t in ages], np.int64)
    entry, of = chosen.entry, np.maximum(of_entry, 0)
    birth = c(work.birth[visit])
    return _core.check_age(
        None if entry is None else c(entry), birth, c(day), unit[of], comparator[of], value[of], work.threads
    )


def line_text(work: Work, name: str, chosen: Chosen, on: str, day: Int32 | None = None) -> tuple[Int32, list[str]]:
    """(index, texts) of an attribute of some lines or visits; the empty text is missing. `day`: of diagnoses and operations their own."""
    batch, rows = work.batch, chosen.rows
    if name == "dept":
        frame, column = (batch.frames["lines"], "bilg_dept_codg") if on == "lines" else (batch.visits, "adm_dept_codg")
        found = frame.code(column)
        codes, texts = found if found is not None else (np.full(frame.rows, -1, np.int32), [])
        codes = codes[rows]
        return np.where(codes < 0, len(texts), codes).astype(np.int32), [*texts, ""]
    if name in ("title", "dr_status"):
        return _of_doctor(work, name, chosen, on, day)
    codes, texts = work.scopes.text(name)
    if name in OF_LINES:
        return codes[rows].astype(np.int32), texts
    return work.at(c(codes), work.of(chosen, "visit") if on == "lines" else rows), texts


def _of_doctor(work: Work, name: str, chosen: Chosen, on: str, day: Int32 | None) -> tuple[Int32, list[str]]:
    batch, rows = work.batch, chosen.rows
    frame = batch.frames["doctors"]
    doctor = work.at(batch.doctor, rows) if on == "lines" else batch.attending[rows]
    if day is None:
        day = work.of(chosen, "day") if on == "lines" else batch.begin_day[rows]
    dated = Dated.of(batch.doctor_key, len(batch.doctor_ids), c(frame.days("begndate")), frame.days("enddate"), work.threads)  # fmt: skip
    row = dated.find(c(doctor), c(day))
    found = frame.code("dr_pro_tech_duty" if name == "title" else "prac_stas")
    codes, texts = found if found is not None else (np.full(frame.rows, -1, np.int32), [])
    none = np.int32(len(texts))
    return _core.taken(np.append(np.where(codes < 0, none, codes), none).astype(np.int32), row, work.threads), [*texts, ""]  # fmt: skip


def _codes(work: Work, rule: Rule, chosen: Chosen, on: str, day: Int32 | None) -> dict[str, Any]:
    name, kinds = rule.check.attribute, rule.visit_kinds
    tests, of_entry, barred = tests_of(rule)
    codes, texts = line_text(work, "med_type" if name == "visit_kind" else name, chosen, on, day)
    masks = [_fitting(test, texts, kinds if name == "visit_kind" else None) for test in tests]
    known = np.array([i if text else -1 for i, text in enumerate(texts)] or [-1], np.int32)
    code = work.at(known, c(codes))
    entry = None if chosen.entry is None else c(chosen.entry)
    return _core.check_attribute(entry, c(code), bits(masks, len(texts)), c(of_entry), barred, work.threads)


def _fitting(
    test: Codes | Sequence[str], texts: Sequence[str], kinds: Mapping[str, Sequence[str]] | None
) -> list[bool]:
    return [fits_test(test, text, kinds) for text in texts]


def fits_test(test: Codes | Sequence[str], text: str, kinds: Mapping[str, Sequence[str]] | None) -> bool:
    """Whether a text, or with `kinds` one of the kinds of visit that it stands for, is among what a test names."""
    prefixes = test.codes if isinstance(test, Codes) else test
    if kinds is None:
        return fits(text, prefixes)
    return any(fits(kind, prefixes) for kind in kinds_of(text, kinds))


# --- K02 --------------------------------------------------------------------------------------------------------------


def diagnoses(work: Work, rule: Rule) -> Raw:
    """K02."""
    check, batch = rule.check, work.batch
    rows: CodedRows | None = None
    if check.key == "operation":
        rows, on = coded_rows(work, "operation"), "visits"
        places, chosen = select_coded(work, rule, rows)
        visit, day = chosen.rows, rows.day[places]
        time = day.astype(np.int64) * DAY + DAY - 1
    else:
        chosen, on = work.lines(rule), "lines"
        visit, day = work.of(chosen, "visit"), work.of(chosen, "day")
        midnight = day.astype(np.int64) * DAY + DAY - 1
        time = work.of(chosen, "time") if batch.time_of_day else midnight
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
        at = places[found["event"]]
        raw.what, raw.day = rows.what(at), rows.day[at].astype(np.int64)
    return table_entry(raw, chosen)


def _tests_of(work: Work, lab: Any) -> dict[str, Any]:
    if lab is None:
        return {}
    found = work.of_rule("labs", lambda: work.lab_values(lab.items))
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
    price, quantity = work.prices(chosen.rows), work.of(chosen, "quantity")
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


def grouping(work: Work, chosen: Chosen, group: Any, subject: str) -> Group:
    """How some lines are cut into groups: cell of time, subject, a further column (-1 is unknown), reach in microseconds."""
    batch = work.batch
    name = group if isinstance(group, str) else group.group
    cell = CELLS.get(name, "subject")
    if name == "line":
        return cell, None, None, 0
    visit = work.of(chosen, "visit")
    if name in ("visit", "prescription"):
        return cell, visit, work.at(work.prescriptions, chosen.rows) if name == "prescription" else None, 0
    if name == "stay":
        return cell, None, work.at(batch.stay, visit), 0
    who = {"visit": visit, "person": None}.get(subject) if subject != "person_institution" else work.at(batch.hospital, visit)  # fmt: skip
    cut = None
    if name in ("month", "quarter", "year", "insurance_year"):
        cut = _calendar(work.of(chosen, "day"), name, getattr(group, "starts", None))
    reach = group.hours.value * 3_600_000_000 - (group.edge == "within") if name == "within" else 0
    return cell, who, cut, reach


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
    check = rule.check
    chosen = work.lines(rule)
    if check.bundle is not None:
        return _bundle(work, rule, chosen)
    rows = chosen.rows
    groups, scope = groups_of_pairs(rule)
    groupings = [grouping(work, chosen, group, check.subject) for group in groups]
    built, places = work.pair_table(rule, scope, len(groups))
    visit = work.of(chosen, "visit")
    region, _, level = work.places
    assert rule.table is not None
    facts = facts_of(rule.table)
    found = built.check(
        work.person_begin(chosen), *(work.of(chosen, name) for name in ("time", "item", "quantity", "day")),
        c(region[visit]) if facts.by_region else None, c(level[visit]) if facts.by_level else None, groupings, work.threads,
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
    inside = np.append(work.in_list(bundle.list, batch.item_ids, "item"), False)
    mine = chosen.only(inside[work.of(chosen, "item")])
    cell, subject, cut, _ = grouping(work, mine, rule.check.group, rule.check.subject)
    found = _core.check_bundle(
        work.person_begin(mine), work.of(mine, "time"), work.of(mine, "item"), cell, subject, cut, bundle.at_least.value,
        work.threads,
    )  # fmt: skip
    return Raw(found, mine.rows, "lines", chosen.eligible, chosen.unknown)


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
    check = rule.check
    trigger, partner = check.trigger.kind, check.partner.kind
    rows: CodedRows | None = None
    if trigger == "item":
        chosen = work.lines(rule)
        visit, day = work.of(chosen, "visit").astype(np.int64), work.of(chosen, "day")
        order, quantity, own = work.place_of[chosen.rows].astype(np.int64), work.of(chosen, "quantity"), chosen.rows
    else:
        rows = coded_rows(work, trigger)
        places, chosen = select_coded(work, rule, rows, work.in_list(check.trigger.list, rows.ids, trigger))
        visit, day, own = rows.visit[places], rows.day[places], places
        order = quantity = np.zeros(len(places), np.int64)
    if trigger != partner:
        own = np.full(len(own), -1, np.int64)
    sets, of_entry, other = work.of_rule("partners", lambda: _partners(work, rule))
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
        raw.what, raw.day = rows.what(places[first]), rows.day[places[first]].astype(np.int64)
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
        rows = work.rows[np.append(any_, False)[work.ordered("item")]]
        visit, day, code, own = batch.line_visit[rows].astype(np.int64), batch.line_day[rows], batch.item[rows], rows
        order, quantity, size = work.place_of[rows].astype(np.int64), work.quantity[rows], len(batch.item_ids)
    else:
        coded = coded_rows(work, partner.kind)
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
    check = rule.check
    chosen = work.lines(rule)
    if not check.count_denied and denied.any():
        chosen = chosen.only(~denied[chosen.rows])
    rows = chosen.rows
    cell, subject, cut, _ = grouping(work, chosen, check.group, check.subject)
    combine = np.zeros(len(rows), np.int32) if check.combine == "all" else work.of(chosen, "item")
    if check.combine not in ("item", "all"):
        cells = rule.cells[check.combine.column]
        combine = cells[np.maximum(chosen.entry, 0)] if chosen.entry is not None else np.full(len(rows), -1)
    caps, constant, factor = _caps(rule)
    time, day = (None, work.of(chosen, "day")) if cell == "day" else (work.of(chosen, "time"), None)
    found = _core.check_cap(
        work.person_begin(chosen), time, cell, subject, cut, c(combine.astype(np.int32, copy=False)),
        work.of(chosen, check.measure) if check.measure in ("quantity", "amount") else None, None if chosen.entry is None else c(chosen.entry),
        caps, constant, factor, work.at(work.stay_days, work.of(chosen, "visit")) if factor else None,
        comparator=check.comparator, last_paid=check.allocate == "last_paid", day=day, threads=work.threads,
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


__all__ += ["COMPARATORS", "grouping", "table_entry"]
