"""What else a finding takes, where that is cheap to tell: a second visit, a partner, enough of an item. Never more than the kernels ask."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import permutations
from typing import Any

import numpy as np
import pyarrow as pa

from ..rule import Rule
from ..tables import ALWAYS, OPEN
from .alone import alone
from .line_rules import fits_test, tests_of
from .now import More, Now
from .scope import OF_LINES, scope_with_region
from .sum_rules import dense_of
from .time_rules import least_of
from .work import Work

__all__ = ["enough", "least_visits", "more_of", "some_death"]


_MOST = 1 << 10  # texts of an attribute that are remembered


def some_death(work: Work) -> bool:
    """Whether a visit ended in death."""
    codes, texts = work.scopes.text("dscg_way")
    return "5" in texts and bool((codes == texts.index("5")).any() or texts.count("5") > 1)


def enough(work: Work, rule: Rule) -> bool:
    """Whether what a ratio's denominator may count of one unit, over all periods, reaches the least that it is asked of."""
    side, batch = rule.check.denominator, work.batch
    least = rule.check.min_sample.value
    of_visits = side.measure in ("visits", "days")
    rows = np.flatnonzero(batch.stands) if of_visits else work.rows
    if rule.check.by == "doctor":
        unit = batch.attending[rows] if of_visits else batch.doctor[rows]
    else:
        unit = batch.hospital[rows if of_visits else batch.line_visit[rows]]
    counted: Any = None
    if side.measure == "days":
        counted = work.stay_days[rows]
    elif side.measure in ("amount", "quantity"):
        counted = work.given(side.measure)[rows]
    # Sums of floats are exact below 2^53; beyond, a little more than the sum is as good.
    sums = np.bincount(unit + 1, None if counted is None else np.maximum(counted, 0))[1:]
    return bool(len(sums)) and bool(sums.max() * (1 + 1e-9) >= least)


def least_visits(rule: Rule) -> int:
    """Visits that a finding takes at least."""
    if rule.kernel == "K08" or (rule.kernel == "K09" and rule.check.form == "overlap"):
        return 2
    if rule.kernel == "K07" and rule.check.measure in ("visits", "institutions"):
        least = least_of(rule.check)
        return 1 if least is None else least + 1
    return 1


def more_of(rule: Rule) -> More | None:
    """A condition without which a rule has no finding; None: none that is cheap to tell."""
    check, kernel = rule.check, rule.kernel
    if kernel == "K04" and rule.table is not None and check.bundle is None:
        return _partners(rule)
    if kernel == "K01" and check.key == "item" and check.attribute not in ("age", "listed"):
        return _attributes(rule)
    if kernel == "K01" and check.key == "doctor" and check.attribute in ("title", "dr_status"):
        return _doctors(rule)
    if kernel == "K06" and check.combine == "item" and hasattr(check.cap, "column"):
        return _caps(rule)
    if kernel == "K07" and check.subject == "person_item" and check.measure in ("count", "quantity", "amount"):
        least = least_of(check)
        return (
            None
            if least is None
            else lambda work, now: any(_total(work, check.measure, item) > least for item in _of_rule(rule, work, now))
        )
    if kernel == "K08" or (kernel == "K09" and check.form == "overlap"):
        return _stays(rule) if _by_tests_alone(rule) else None
    if kernel == "K12" and check.form == "same_class" and check.prefix is not None:
        return _classes(rule)
    if kernel == "K14" and check.form == "trace":
        return lambda work, now: _repeated(work, "lines", "drug_trac_codg")
    if kernel == "K15" and check.form == "unique":
        return lambda work, now: _repeated(work, check.on, check.column)
    return alone(rule)


def _by_tests_alone(rule: Rule) -> bool:
    """Whether a rule's visits are those that the bits of the screen say: more of them would make its stays longer."""
    scope = scope_with_region(rule)
    return rule.items.all and not scope.diagnoses and not scope.negated and (rule.begin, rule.end) == (ALWAYS, OPEN)


def _of_rule(rule: Rule, work: Work, now: Now) -> set[int]:
    """Current items that may be among the rule's."""
    mask = work.item_mask(rule)
    return {item for item, _ in now.items if item >= 0 and (mask is None or mask[item])}


def _total(work: Work, measure: str, item: int) -> int:
    """What all standing lines of an item come to, those below nothing left out."""

    return sum(_totals(work, measure, False, {item}).get(item, {}).values())


def _totals(work: Work, measure: str, by_day: bool, wanted: set[int]) -> dict[int, dict[int, int]]:
    """By item: the same of each day, or of all days together as day 0."""
    out: dict[int, dict[int, int]] = {}
    inside = np.zeros(len(work.batch.item_ids) + 1, bool)
    inside[list(wanted)] = True
    items = work.ordered("item")
    at = np.flatnonzero(inside[items])
    rows = work.rows[at]
    days = work.given("day")[rows].tolist() if by_day else [0] * len(at)
    values = [1] * len(at) if measure == "count" else np.maximum(work.given(measure)[rows], 0).tolist()
    for item, day, value in zip(items[at].tolist(), days, values):
        mine = out.setdefault(item, {})
        mine[day] = mine.get(day, 0) + value
    return out


def _caps(rule: Rule) -> More | None:
    """All lines of an item are beyond the least cap of its rows."""
    check = rule.check
    at_least = check.comparator == "at_least"
    if check.comparator not in ("more_than", "at_least"):
        return None
    column, table, group = check.cap.column, rule.table, check.group
    by_day = (group if isinstance(group, str) else group.group) in ("line", "day", "hour")
    least: dict[str, int] = {}
    if column and table is not None:
        for key, value in zip(table.columns[table.key[0]], rule.numbers[column].tolist()):
            least[key] = min(least.get(key, value), value)

    def beyond(work: Work, now: Now) -> bool:
        names = work.item_names
        caps = {item: least.get(names[item]) if column else check.cap.value for item, _ in now.items if item >= 0}
        caps = {item: cap for item, cap in caps.items() if cap is not None}
        if not caps:
            return False
        totals = _totals(work, check.measure, by_day, set(caps))
        return any(max(totals[item].values()) + at_least > cap for item, cap in caps.items())

    return beyond


@dataclass
class _Stay:
    """First and last day of a stay, its institutions, and whether it may be reported."""

    begin: int
    end: int
    places: set[int] = field(default_factory=set)
    current: bool = False


def _stays(rule: Rule) -> More:
    """Two stays of the rule's visits are as near, or overlap as much, as it takes."""
    check = rule.check
    if rule.kernel == "K09":
        least, most = None, -check.grace.value - 1
    elif check.overlap == "hit" or check.comparator not in ("at_most", "less_than"):
        least = most = None
    else:
        least, most = 0, max(zone.value.value for zone in check.zones)

    here = rule.kernel == "K08" and "institution" in check.same

    def near(work: Work, now: Now) -> bool:
        batch = work.batch
        stays: dict[tuple[int, int], _Stay] = {}
        for visit, bits in now.of_visit.items():
            if bits & now.bit:
                begin, end = int(batch.begin_day[visit]), int(batch.end_day[visit])
                stay = stays.setdefault((int(batch.psn[visit]), int(batch.stay[visit])), _Stay(begin, end))
                stay.begin, stay.end = min(stay.begin, begin), max(stay.end, end)
                stay.places.add(int(batch.hospital[visit]))
                stay.current |= bool(now.current[visit])
        for ((who, _), first), ((other, _), later) in permutations(stays.items(), 2):
            # The later stay offends; of two that overlap it may be either, and each is the first once.
            if who != other or not later.current or (here and first.places.isdisjoint(later.places)):
                continue
            gap, back = later.begin - first.end, first.begin - later.end
            gaps = (gap, back) if rule.kernel == "K09" else (gap,)
            if all((most is None or g <= most) and (least is None or g >= least) for g in gaps):
                return True
        return False

    return near


def _classes(rule: Rule) -> More:
    """Two current lines of a prescription are of one class."""
    length, by_prescription = rule.check.prefix.value, rule.check.group == "prescription"

    def shared(work: Work, now: Now) -> bool:
        batch, names = work.batch, work.item_names
        items, visits = batch.item[now.rows].tolist(), batch.line_visit[now.rows].tolist()
        cuts = work.prescriptions[now.rows].tolist() if by_prescription else [0] * len(items)
        bits, seen = now.of_visit, set()
        for item, visit, cut in zip(items, visits, cuts):
            if item < 0 or cut < 0 or not bits[visit] & now.bit:
                continue
            key = visit, cut, names[item][:length]
            if key in seen:
                return True
            seen.add(key)
        return False

    return shared


def _repeated(work: Work, on: str, column: str) -> bool:
    """A value stands in two rows of the table."""

    def found() -> bool:
        rows = np.arange(work.batch.frames[on].rows)
        code, _ = dense_of(work, column, rows, on)
        given = code[code >= 0]
        return len(np.unique(given)) < len(given)

    return bool(work.once(f"repeated {on}.{column}", found))


def _partners(rule: Rule) -> More:
    """Of a pair both items are there."""
    table = rule.table
    assert table is not None
    partners: dict[str, set[str]] = {}
    for main, included in zip(table.columns["main"], table.columns["included"]):
        partners.setdefault(main, set()).add(included)
        partners.setdefault(included, set()).add(main)

    def fits_some(work: Work, now: Now) -> bool:
        names = work.item_names
        there = work.once(
            "items there", lambda: {names[item] for item in set(work.ordered("item").tolist()) if item >= 0}
        )
        return any(not there.isdisjoint(partners.get(names[item], ())) for item, _ in now.items if item >= 0)

    return fits_some


def _attributes(rule: Rule) -> More:
    """The attribute of a line's visit is one that some table row of its item, or the rule, does not allow."""
    name, kinds = rule.check.attribute, rule.visit_kinds
    if name in (*OF_LINES, "dept", "title", "dr_status"):
        return lambda work, now: True
    tests, of_entry, barred = tests_of(rule)
    table = rule.table
    known: dict[str, Any] = {}

    def hit_by(text: str) -> Any:
        hits = [fits_test(test, text, kinds if name == "visit_kind" else None) == barred for test in tests]
        if table is None:
            return hits[0]
        return {key for key, of in zip(table.columns[table.key[0]], of_entry.tolist()) if of >= 0 and hits[of]}

    def fits_some(work: Work, now: Now) -> bool:
        codes, texts = work.scopes.text("med_type" if name == "visit_kind" else name)
        names = work.item_names
        for item, visit in now.items:
            text = texts[codes[visit]]
            if item < 0 or not text:
                continue
            hits = known.get(text)
            if hits is None:
                if len(known) > _MOST:
                    known.clear()
                hits = known[text] = hit_by(text)
            if hits is True or (hits and names[item] in hits):
                return True
        return False

    return fits_some


def _doctors(rule: Rule) -> More:
    """Some doctor has a row, on whatever day, with what the rule does not allow."""

    def fits_some(work: Work, now: Now) -> bool:
        batch, frame = work.batch, work.batch.frames["doctors"]
        right = work.kept_once(f"doctors {rule.id}", lambda: doctors_hit(rule, frame))
        known = batch.doctor_ids
        doctors = set(batch.doctor[now.rows].tolist())
        return any(known[int(d)].as_py() in right for d in doctors if d >= 0)

    return fits_some


def doctors_hit(rule: Rule, frame: Any) -> Any:
    """Codes of such doctors."""
    tests, _, barred = tests_of(rule)
    found = frame.code("dr_pro_tech_duty" if rule.check.attribute == "title" else "prac_stas")
    if found is None or "dr_code" not in frame.ids:
        return frozenset()
    codes, texts = found
    wrong = np.array([any(fits_test(test, text, None) == barred for test in tests) for text in texts] + [False])[codes]
    return frozenset(frame.ids["dr_code"].take(pa.array(np.flatnonzero(wrong))).to_pylist())
