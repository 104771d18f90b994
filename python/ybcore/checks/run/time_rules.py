"""K07 to K09: rules along time."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ... import _core
from ...columns.convert import NULL_INT
from ..rule import Rule
from .found import Raw
from .given import DAY
from .line_rules import c, table_entry
from .scope import NO, UNKNOWN, YES, kinds_of
from .shapes import by_group, joined, kept, made, spread, unbounded, with_involved
from .stays import Stays
from .texts import one_number
from .thresholds import thresholds
from .work import Chosen, Work

__all__ = [
    "OF_VISITS",
    "gap",
    "least_of",
    "span",
    "window",
    "window_events",
    "window_measure",
    "window_span",
]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
OF_VISITS = ("visits", "days", "institutions")
MEASURES = {"visits": "count", "count": "count", "quantity": "sum", "amount": "sum", "days": "days", "institutions": "keys", "items": "keys"}  # fmt: skip


# --- K07 --------------------------------------------------------------------------------------------------------------


def window_events(work: Work, rule: Rule, least: int | None = None) -> tuple[Chosen, Int64 | None, Int64, Int32]:
    """(what is chosen, its places by subject and order (None: as they stand), where each subject begins, day of each place).

    `least`: lines of a person and item that hold no more than this in all are left out.
    """
    check, batch = rule.check, work.batch
    of_visits = check.measure in OF_VISITS
    chosen = work.visits(rule) if of_visits else work.lines(rule)
    on = "visits" if of_visits else "lines"
    keys = _subject(work, check.subject, chosen, on)
    wrong = np.zeros(len(chosen.rows), bool)
    for key in keys:
        wrong |= key < 0
    if check.measure == "institutions":
        wrong |= batch.hospital[chosen.rows] < 0
    if wrong.any():
        chosen = chosen.only(~wrong)
        chosen.unknown += int(wrong.sum())
        keys = [key[~wrong] for key in keys]
    if least is not None and check.subject == "person_item" and not of_visits:
        keep = _beyond(work, chosen, check.measure, least)
        chosen, keys = chosen.only(keep), [key[keep] for key in keys]
    order: Any = None
    if check.subject in ("doctor", "institution"):
        size = len(batch.doctor_ids if check.subject == "doctor" else batch.hospital_ids)
        order, begin = work.by_key(keys[0], size, chosen.rows, on)
    elif check.subject == "person":
        begin = _runs(keys[0]) if of_visits else work.person_begin(chosen)
    else:
        persons = _runs(keys[0]) if of_visits else work.person_begin(chosen)
        order, begin = _core.check_regroup(persons, [c(key) for key in keys[1:]], work.threads)
    rows = chosen.rows if order is None else chosen.rows[order]
    day = batch.begin_day[rows] if of_visits else work.of(chosen, "day") if order is None else batch.line_day[rows]
    return chosen, order, begin, day


def least_of(check: Any) -> int | None:
    """What any window of the rule must hold more than to be a hit; None where that cannot be told of all of them alike."""
    steps = [step for window in check.windows for step in window.thresholds]
    if check.comparator not in ("more_than", "at_least") or any(step.scope for step in steps):
        return None
    least: int = min(step.value.value for step in steps) - (check.comparator == "at_least")
    return least if least >= 0 else None


def _beyond(work: Work, chosen: Chosen, measure: str, least: int) -> Mask:
    """Lines of persons and items that hold more than this over all their days: no window of the others does."""
    value = work.of(chosen, measure) if measure in ("quantity", "amount") else None
    if value is not None and len(value) and value.min() < 0:
        value = np.maximum(value, 0)
    found = _core.check_cap(
        work.person_begin(chosen), None, "subject", None, None, c(work.of(chosen, "item")), None if value is None else c(value), None, None, least,
        comparator="more_than", threads=work.threads,
    )  # fmt: skip
    keep = np.zeros(len(chosen.rows), bool)
    keep[found["event"]] = True
    return keep


def window(work: Work, rule: Rule) -> Raw:
    """K07."""
    check = rule.check
    chosen, order, begin, day = window_events(work, rule, least_of(check))
    rows = chosen.rows if order is None else chosen.rows[order]
    on = "visits" if check.measure in OF_VISITS else "lines"
    highest = check.comparator in ("more_than", "at_least")
    scope, (offsets, scopes), values, lost = thresholds(
        work, rule, [list(w.thresholds) for w in check.windows], rows, on, highest
    )
    found = _windows(work, rule, rows, begin, day, scope, offsets, scopes, [v for v, _ in values])
    raw = Raw(found, rows, on, chosen.eligible, chosen.unknown + lost, money=check.measure == "amount")
    of_window = (np.searchsorted(offsets, found["step"], side="right") - 1) // scopes
    raw.what = [str(w) for w in of_window.tolist()]
    severity = np.array([s for _, s in values] or [0], np.int64)
    raw.severity = severity[found["step"]]
    first = found["event"][found["details"][:-1]] if len(found["measure"]) else np.zeros(0, np.int64)
    if chosen.entry is not None:
        first = _first_offending(found)
        found["entry"] = (chosen.entry if order is None else chosen.entry[order])[first]
    else:
        found["entry"] = np.full(len(first), -1, np.int32)
    found["begin"], found["end"] = found["begin"] * DAY, (found["end"] + 1) * DAY
    return raw


def _first_offending(found: dict[str, Any]) -> Int64:
    """Event of the first offending detail of each finding, as the kernel tells them in order."""
    event = np.where(found["part"] == 1, found["event"], np.iinfo(np.int32).max)
    return np.minimum.reduceat(event, found["details"][:-1]) if len(found["measure"]) else np.zeros(0, np.int64)


def _runs(key: Any) -> Int64:
    return (
        np.append(np.flatnonzero(np.diff(key, prepend=-2)), len(key)).astype(np.int64)
        if len(key)
        else np.zeros(1, np.int64)
    )


def _subject(work: Work, subject: str, chosen: Chosen, on: str) -> list[Any]:
    """What tells subjects apart: the person first where it is one; -1 is unknown."""
    batch, rows = work.batch, chosen.rows
    if subject == "doctor":
        return [batch.doctor[rows] if on == "lines" else batch.attending[rows]]
    visit = work.of(chosen, "visit") if on == "lines" else rows
    if subject == "institution":
        return [batch.hospital[visit]]
    if subject == "person":
        return [batch.psn[visit]] if on == "visits" else []
    person = batch.psn[visit]
    if subject == "person_item":
        return [person, work.of(chosen, "item")]
    if subject == "person_diagnosis":
        return [person, work.main_diagnosis_key[visit]]
    return [person, batch.hospital[visit]]


def window_measure(work: Work, rule: Rule, rows: Int64) -> tuple[str, Any, Any, int]:
    """(how events are counted, their values, their keys, number of keys)."""
    measured, batch = rule.check.measure, work.batch
    value = {"quantity": work.quantity, "amount": work.amount}.get(measured)
    key, keys = None, 0
    if MEASURES[measured] == "keys":
        key = c(batch.hospital[rows] if measured == "institutions" else batch.item[rows])
        keys = len(batch.hospital_ids) if measured == "institutions" else len(batch.item_ids)
    return MEASURES[measured], None if value is None else work.at(value, rows), key, keys


def _windows(work: Work, rule: Rule, rows: Int64, begin: Int64, day: Int32, scope: Any, offsets: Int64, scopes: int, values: list[int]) -> dict[str, Any]:  # fmt: skip
    """One call for each day on which insurance years begin."""
    check = rule.check
    measure, value, key, keys = window_measure(work, rule, rows)
    starts = [w.starts or (1, 1) for w in check.windows]
    parts = []
    for start in dict.fromkeys(starts):
        mine = [w for w, own in enumerate(starts) if own == start]
        windows = [window_span(check, check.windows[w]) for w in mine]
        own = np.concatenate([np.arange(offsets[w * scopes], offsets[(w + 1) * scopes]) for w in mine])
        cut = np.concatenate([np.diff(offsets[w * scopes : (w + 1) * scopes + 1]) for w in mine])
        begins = np.concatenate(([0], np.cumsum(cut))).astype(np.int64)
        found = _core.check_window(
            begin, c(day), value, key, scope, measure, check.comparator, windows, begins,
            np.array(values, np.int64)[own], keys, scopes, start[0] * 100 + start[1], work.threads,
        )  # fmt: skip
        found["step"] = own[found["step"]].astype(np.int32) if len(own) else found["step"]
        parts.append(found)
    return joined(parts)


def window_span(check: Any, spec: Any) -> tuple[str, int, bool, bool]:
    """(unit or rolling, n, whether the n-th day before is in, whether the day's later events are)."""
    if spec.kind == "rolling":
        return "rolling", spec.days.value, spec.edge == "through", check.tie == "peers"
    return spec.unit, spec.n, False, False


# --- K08 --------------------------------------------------------------------------------------------------------------


def gap(work: Work, rule: Rule) -> Raw:
    """K08."""
    check = rule.check
    chosen = work.visits(rule)
    stays = Stays(work, chosen.rows)
    keys = [
        (work.batch.hospital if same == "institution" else _prefixes(work, same.main_diagnosis))[stays.last]
        for same in check.same
    ]
    known = np.ones(len(stays), bool)
    for key in keys:
        known &= key >= 0
    places = np.flatnonzero(known)
    order, begin = by_group(stays.person[places], *(key[places] for key in keys))
    at = places[order]
    zones = np.array([zone.value.value for zone in check.zones], np.int64)
    found = _core.check_gap(
        begin,
        c(stays.begin[at]),
        c(stays.end[at]),
        None,
        None,
        check.comparator,
        zones,
        check.overlap == "hit",
        work.threads,
    )
    later = at[_of_part(found, 1)]
    earlier = at[_of_part(found, 2)]
    free = _exempt(work, rule, stays, later, earlier)
    keep = free == NO
    unknown = int(np.count_nonzero(~known)) + int(np.count_nonzero(free == UNKNOWN))
    found = kept(found, keep)
    severity = np.array([zone.severity for zone in check.zones], np.int64)[found["step"]]
    found["event"] = at[found["event"]].astype(np.int32)
    raw = Raw(
        spread(found, stays.cut), stays.visits, "visits", chosen.eligible, chosen.unknown + unknown, severity=severity
    )
    raw.what = stays.names(earlier[keep])
    return raw


def _prefixes(work: Work, length: int) -> Int32:
    codes, texts = work.main_diagnosis
    return one_number(codes, [text[:length] for text in texts])


def _of_part(found: dict[str, Any], part: int) -> Int64:
    """The event of this part of each finding that has one of each."""
    return found["event"][found["part"] == part]


def _exempt(work: Work, rule: Rule, stays: Stays, later: Int64, earlier: Int64) -> npt.NDArray[np.uint8]:
    """Whether findings are exempt: by the scope of the later stay, planned, or a transfer; one that holds decides."""
    exempt, batch = rule.check.exempt, work.batch
    out = np.full(len(later), NO, np.uint8)
    if exempt.scope:
        out = work.scopes.truth(exempt.scope, rule.visit_kinds)[stays.last[later]].copy()
    if exempt.planned:
        out[batch.visits.flag("days_rinp_flag_31", 0)[stays.last[later]] == 1] = YES
    if exempt.transfer:
        size = np.diff(stays.cut)[later]
        of = np.repeat(np.arange(len(later)), size)
        at = np.repeat(stays.cut[later] - (np.cumsum(size) - size), size) + np.arange(len(of))
        named = batch.linked[stays.visits[at]] == batch.stay[stays.last[earlier]][of]
        out[of[named]] = YES
    return out


# --- K09 --------------------------------------------------------------------------------------------------------------


def span(work: Work, rule: Rule) -> Raw:
    """K09."""
    return _SPANS[rule.check.form](work, rule)


def line_in_stay_of(work: Work, rule: Rule, rows: Any) -> dict[str, Any]:
    """What the kernel finds among some lines."""
    batch, check = work.batch, rule.check
    return _core.check_line_in_stay(
        work.at(c(batch.line_time), rows), work.at(c(batch.line_visit), rows), c(batch.begin), c(batch.end), check.grace_before.value,
        check.grace_after.value, work.threads,
    )  # fmt: skip


def _line_in_stay(work: Work, rule: Rule) -> Raw:
    chosen = work.lines(rule)
    found = line_in_stay_of(work, rule, chosen.rows)
    return table_entry(
        Raw(unbounded(found), chosen.rows, "lines", chosen.eligible, chosen.unknown), Chosen(chosen.rows, None, 0, 0)
    )


def _overlap(work: Work, rule: Rule) -> Raw:
    check = rule.check
    chosen = work.visits(rule)
    stays = Stays(work, chosen.rows)
    codes, texts = work.scopes.text("med_type")
    kinds = [kinds_of(text, rule.visit_kinds) if text else [] for text in texts]
    kind = np.where(np.array([not k for k in kinds])[codes], -1, codes)[stays.last].astype(np.int32)
    if check.kinds:
        fit = [bool(set(k) & set(check.kinds)) for k in kinds]
        looked = np.array([[a and b for b in fit] for a in fit], np.uint8)
    else:
        out = ["outpatient" in k for k in kinds]
        looked = np.array([[not (a and b) for b in out] for a in out], np.uint8)
    order, begin = by_group(stays.person)
    found = _core.check_overlap(
        begin, c(stays.begin[order]), c(stays.end[order]), c(order.astype(np.int32)), c(kind[order]), looked.reshape(-1), len(texts), check.grace.value,
        work.threads,
    )  # fmt: skip
    found = unbounded({**found, "event": order[found["event"]].astype(np.int32), "unknown": 0})
    return Raw(spread(found, stays.cut), stays.visits, "visits", chosen.eligible, chosen.unknown)


def around_operation_of(work: Work, rule: Rule, rows: Any) -> dict[str, Any]:
    """What the kernel finds among some lines."""
    batch, check = work.batch, rule.check
    frame = batch.frames["operations"]
    time, visit = frame.ints("oprn_oprt_date"), batch.row_visit["operations"]
    keep = (time != NULL_INT) & batch.stands[visit]
    order = np.flatnonzero(keep)
    order = order[np.argsort(visit[order], kind="stable")]
    begin = np.searchsorted(visit[order], np.arange(batch.visits.rows + 1)).astype(np.int64)
    return _core.check_around_operation(
        work.at(c(batch.line_time), rows), work.at(c(batch.line_visit), rows), begin, c(time[order]), check.before_hours.value,
        check.after_hours.value, work.threads,
    )  # fmt: skip


def _around_operation(work: Work, rule: Rule) -> Raw:
    chosen = work.lines(rule)
    found = around_operation_of(work, rule, chosen.rows)
    return Raw(unbounded(found), chosen.rows, "lines", chosen.eligible, chosen.unknown)


def _after_death(work: Work, rule: Rule) -> Raw:
    batch = work.batch
    of_person = _first_deaths(work)
    death = (
        np.where(of_person >= 0, batch.end[np.maximum(of_person, 0)], NULL_INT)
        if batch.visits.rows
        else np.full(len(of_person), NULL_INT)
    )
    founds, rows, of_line = [], np.zeros(0, np.int64), np.zeros(0, bool)
    eligible = unknown = 0
    for on in ("visits", "lines"):
        if on == "lines" and "lines" not in batch.frames:
            continue
        chosen = work.visits(rule) if on == "visits" else work.lines(rule)
        eligible, unknown = eligible + chosen.eligible, unknown + chosen.unknown
        visit = chosen.rows if on == "visits" else work.of(chosen, "visit")
        # Of persons who did not die nothing is asked.
        at = np.flatnonzero(of_person[batch.psn[visit]] >= 0) if on == "visits" else np.flatnonzero(
            _core.taken(np.append(np.append(of_person >= 0, False)[batch.psn] & batch.stands, False).view(np.uint8), visit, work.threads)
        )  # fmt: skip
        mine, visit = chosen.rows[at].astype(np.int64), visit[at]
        time = batch.begin[mine] if on == "visits" else batch.line_time[mine]
        found = unbounded(
            _core.check_after_death(
                work.begin_of_persons(visit), c(time), c(death), rule.check.grace.value, work.threads
            )
        )
        named = of_person[batch.psn[visit[found["event"]]]]
        size = len(mine)
        found = with_involved(found, size + np.arange(len(named)))
        found["event"] = (found["event"] + len(rows)).astype(np.int32)
        founds.append(found)
        rows = np.concatenate((rows, mine, named))
        of_line = np.concatenate((of_line, np.full(size, on == "lines"), np.zeros(len(named), bool)))
    return table_entry(Raw(joined(founds), rows, "mixed", eligible, unknown, of_line=of_line), Chosen(rows, None, 0, 0))


def _first_deaths(work: Work) -> Int64:
    """The visit at whose end each person first died; -1 none."""
    batch = work.batch
    codes, texts = work.scopes.text("dscg_way")
    died = np.flatnonzero(np.array([t == "5" for t in texts])[codes] & batch.stands)
    order = np.lexsort((work.visit_place[died], batch.end_day[died], batch.psn[died]))
    died = died[order]
    first = died[np.flatnonzero(np.diff(batch.psn[died], prepend=-1))] if len(died) else died
    out = np.full(len(batch.psn_ids), -1, np.int64)
    out[batch.psn[first]] = first
    return out


def idle_of(work: Work, rule: Rule, rows: Int64, busy: Any) -> dict[str, Any]:
    """What the kernel finds among some visits, where some lines in canonical order stand against idleness."""
    batch = work.batch
    place = np.full(batch.visits.rows, -1, np.int64)
    place[rows] = np.arange(len(rows))
    of = place[batch.line_visit[busy]]
    by = np.flatnonzero(of >= 0)
    by = by[np.argsort(of[by], kind="stable")]
    begin = np.searchsorted(of[by], np.arange(len(rows) + 1)).astype(np.int64)
    return _core.check_idle(
        c(batch.begin[rows]), c(batch.end[rows]), begin, c(batch.line_time[busy[by]]), rule.check.value.value, work.threads
    )  # fmt: skip


def _idle(work: Work, rule: Rule) -> Raw:
    batch = work.batch
    order, _ = batch.visit_order
    truth = work.when(rule, work.scopes.truth(work.scope_of(rule), rule.visit_kinds)[order], batch.begin_day[order])
    rows = order[truth == YES]
    looked = np.zeros(batch.visits.rows, bool)
    looked[rows] = True
    near = work.maybe(rule)
    near = near.only(looked[work.of(near, "visit")])
    _, among = work.among(rule, near)
    visit = work.of(near, "visit")
    doubt = np.zeros(batch.visits.rows, bool)
    if among is not None:
        doubt[visit[among == UNKNOWN]] = True
    lost = doubt[rows]
    rows = rows[~lost]
    busy = near.rows if among is None else near.rows[among == YES]
    found = idle_of(work, rule, rows, busy)
    unknown = int((truth == UNKNOWN).sum()) + int(lost.sum())
    return Raw(unbounded(found), rows, "visits", int((truth == YES).sum()), unknown)


def _before_admission(work: Work, rule: Rule) -> Raw:
    batch, days = work.batch, rule.check.days.value
    chosen = work.visits(rule)
    rows = chosen.rows
    kind = {
        name: work.scopes.attribute("visit_kind", (name,), rule.visit_kinds) for name in ("outpatient", "inpatient")
    }
    out = kind["outpatient"][rows]
    urgent = batch.visits.flag("er_flag", -1)[rows]
    lost = (out == UNKNOWN) | ((out == YES) & ((urgent < 0) | (batch.hospital[rows] < 0)))
    asked = rows[(out == YES) & ~lost & (urgent == 1)]
    order, _ = batch.visit_order
    stays = Stays(work, order[kind["inpatient"][order] == YES])
    # Stays of a person at a place, in order; of each visit the first that begins in time and is another one.
    places = len(batch.hospital_ids) + 1
    key = stays.person * places + batch.hospital[stays.last]
    by = np.argsort(key, kind="stable")
    wanted = batch.psn[asked].astype(np.int64) * places + batch.hospital[asked]
    low = np.searchsorted(key[by], wanted)
    size = np.searchsorted(key[by], wanted, side="right") - low
    of = np.repeat(np.arange(len(asked)), size)
    stay = by[np.repeat(low - (np.cumsum(size) - size), size) + np.arange(len(of))]
    gone = stays.begin[stay] // DAY - batch.end_day[asked[of]]
    fit = (gone >= 0) & (gone <= days) & (batch.stay[stays.last[stay]] != batch.stay[asked[of]])
    hit, first = np.unique(of[fit], return_index=True)
    return _with_stays(chosen, int(lost.sum()), stays, asked[hit], stay[fit][first], gone[fit][first], days)


def _with_stays(chosen: Chosen, lost: int, stays: Stays, hits: Int64, other: Int64, measure: Int64, limit: int) -> Raw:
    """Visits that offend, each with the visits of a stay."""
    found = made(np.arange(len(hits)), measure if len(measure) else 0, limit)
    found = with_involved(found, len(hits) + other)
    cut = np.concatenate((np.arange(len(hits)), len(hits) + stays.cut)).astype(np.int64)
    rows = np.concatenate((hits, stays.visits))
    raw = Raw(spread(found, cut), rows, "visits", chosen.eligible, chosen.unknown + lost)
    raw.what = stays.names(other)
    return raw


def _unsettled(work: Work, rule: Rule) -> Raw:
    chosen, batch = work.visits(rule), work.batch
    found = _core.check_unsettled(
        c(batch.end[chosen.rows]), c(batch.setl_time[chosen.rows]), rule.check.days.value, work.threads
    )
    return Raw(unbounded(found), chosen.rows, "visits", chosen.eligible, chosen.unknown)


_SPANS = {
    "line_in_stay": _line_in_stay,
    "overlap": _overlap,
    "around_operation": _around_operation,
    "after_death": _after_death,
    "idle": _idle,
    "before_admission": _before_admission,
    "unsettled": _unsettled,
}
