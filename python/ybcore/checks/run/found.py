"""Findings of one rule as columns over input rows, and what their amount rule takes along."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ... import _core
from ...columns.convert import NULL_INT
from ..rule import Rule
from .counted import Counted, counted_in
from .given import DAY
from .texts import FEW, bytes_of, some_of
from .work import Work

__all__ = ["Hits", "Raw", "give_names", "hits_of", "units_moved"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
OFFENDING, INVOLVED = 1, 2
WHOLE = -1


@dataclass
class Raw:
    """What a kernel gave for one rule. `rows`: input row of each event; `on`: lines, visits, or units without rows."""

    found: dict[str, Any]
    rows: Any
    on: str = "lines"
    eligible: int = 0
    unknown: int = 0
    what: list[str] | None = None  # what else tells findings apart, one each
    expected: Int64 | None = None  # fen that the line should have cost, one a finding
    money: bool = False  # excess counts fen
    severity: Int64 | None = None  # one a finding, 0 the rule's
    suspect: Mask | None = None
    of_line: Mask | None = None  # which events are lines, where `on` is mixed
    unit_hospital: list[Any] | None = None
    unit_doctor: list[Any] | None = None
    day: Int64 | None = None  # that the diagnosis or operation of a finding is of


@dataclass
class Hits:
    """Findings of one rule: one entry a finding, and details cut by `begin_of`. `begin` and `end` are the kernel's, and in the names."""

    rule: Rule
    measure: Int64
    limit: Int64
    begin: Int64
    end: Int64
    entry: Int64
    severity: Int64
    suspect: Mask
    what: list[str] | None
    begin_of: Int64
    row: Int64  # input row of a line or visit
    is_line: Mask
    part: npt.NDArray[np.uint8]
    count: Int64  # excess quantity, or the whole net quantity; NULL_INT: none
    amount: Int64  # fen by the amount rule
    own: Mask  # offending by itself, not taken along by the amount rule
    unit_hospital: list[Any] | None = None
    unit_doctor: list[Any] | None = None
    day: Int64 | None = None
    counted: Counted | None = None  # where it is known before an amount rule takes rows along
    jr_id: npt.NDArray[np.bytes_] = field(default_factory=lambda: np.zeros(0, "S20"))

    def __len__(self) -> int:
        return len(self.measure)

    @property
    def of_quantity(self) -> Mask:
        """Details that deny a part of a line's quantity: those of one line are the same units."""
        none = self.rule.amount != "excess_qty"
        return np.zeros(len(self.row), bool) if none else self.is_line & (self.count != NULL_INT)

    @property
    def finding(self) -> Int64:
        """Finding of each detail."""
        return np.repeat(np.arange(len(self)), np.diff(self.begin_of))


def hits_of(work: Work, rule: Rule, raw: Raw, before: bool, in_order: bool = True) -> Hits:
    """Findings over input rows, with their money; `before`: those that only offend in the history are left out.

    `in_order`: with the details of each as they are told; who only counts needs no order.
    """
    f = raw.found
    if not len(f["measure"]):
        return _nothing(rule)
    sizes = np.diff(f["details"])
    finding = np.repeat(np.arange(len(sizes)), sizes)
    event = f["event"].astype(np.int64)
    part = f["part"].astype(np.uint8)
    row = raw.rows[event].astype(np.int64) if len(raw.rows) else event
    is_line = np.full(len(row), raw.on == "lines") if raw.of_line is None else raw.of_line[event]
    hits = Hits(
        rule, f["measure"], f["limit"], f["begin"], f["end"], f["entry"].astype(np.int64),
        np.full(len(sizes), rule.severity, np.int64) if raw.severity is None else np.where(raw.severity == 0, rule.severity, raw.severity),
        np.zeros(len(sizes), bool) if raw.suspect is None else raw.suspect.copy(),
        raw.what, f["details"].astype(np.int64), row, is_line, part,
        np.full(len(row), NULL_INT), np.zeros(len(row), np.int64), part == OFFENDING, raw.unit_hospital, raw.unit_doctor, raw.day,
    )  # fmt: skip
    table = rule.table
    if table is not None and table.suspect.any() and len(hits):
        hits.suspect |= (hits.entry >= 0) & table.suspect[np.maximum(hits.entry, 0)]
    excess = f["excess"]
    if before:
        keep = _current_findings(work, hits)
        if not keep.any():
            return _nothing(rule)
        excess, hits = excess[keep[finding]], _only(hits, keep)
        if raw.expected is not None:
            raw.expected = raw.expected[keep]
        finding = hits.finding
    _price(work, hits, finding, excess, raw)
    if rule.amount in ("whole_day", "visit_total"):
        if in_order:
            _sort(work, hits)
            hits.counted = counted_in(work, hits)
        _widen(work, hits, rule.amount)
    if in_order:
        _sort(work, hits)
    return hits


def _nothing(rule: Rule) -> Hits:
    """No finding of a rule: nothing is priced, widened, sorted or named."""
    none, no = np.zeros(0, np.int64), np.zeros(0, bool)
    part = np.zeros(0, np.uint8)
    return Hits(
        rule, none, none, none, none, none, none, no, None, np.zeros(1, np.int64), none, no, part, none, none, no
    )


def _history_of(work: Work, row: Int64, is_line: Mask) -> Mask:
    visit = row.copy()
    visit[is_line] = work.batch.line_visit[row[is_line]]
    return work.batch.history[visit]


def _current_findings(work: Work, hits: Hits) -> Mask:
    """Findings with an offending row that is not of the history, and findings without rows."""
    offending = hits.part == OFFENDING
    finding, fresh, there = hits.finding, np.zeros(len(hits), bool), np.zeros(len(hits), bool)
    there[finding[offending]] = True
    now = offending.copy()
    now[offending] = ~_history_of(work, hits.row[offending], hits.is_line[offending])
    fresh[finding[now]] = True
    return fresh | ~there


def _only(hits: Hits, keep: Mask) -> Hits:
    if keep.all():
        return hits
    detail = keep[hits.finding]
    sizes = np.diff(hits.begin_of)[keep]
    chosen = np.flatnonzero(keep).tolist()
    return Hits(
        hits.rule, hits.measure[keep], hits.limit[keep], hits.begin[keep], hits.end[keep], hits.entry[keep], hits.severity[keep],
        hits.suspect[keep], None if hits.what is None else [hits.what[i] for i in chosen], np.concatenate(([0], np.cumsum(sizes))), hits.row[detail],
        hits.is_line[detail], hits.part[detail], hits.count[detail], hits.amount[detail], hits.own[detail],
        None if hits.unit_hospital is None else [hits.unit_hospital[i] for i in chosen],
        None if hits.unit_doctor is None else [hits.unit_doctor[i] for i in chosen], None if hits.day is None else hits.day[keep],
        None if hits.counted is None else hits.counted.only(keep), hits.jr_id[keep] if len(hits.jr_id) else hits.jr_id,
    )  # fmt: skip


def _price(work: Work, hits: Hits, finding: Int64, excess: Int64, raw: Raw) -> None:
    """Fen and quantity of the offending lines."""
    at = np.flatnonzero((hits.part == OFFENDING) & hits.is_line)
    rows = hits.row[at]
    net, quantity = work.amount[rows], work.quantity[rows]
    beyond = excess[at]
    if not raw.money:
        beyond = np.where(quantity > 0, beyond, WHOLE)  # of a line of nothing, or less, no part can be told
    hits.count[at] = np.where(beyond == WHOLE, quantity, NULL_INT if raw.money else beyond)
    kind = hits.rule.amount
    if kind == "price_diff":
        assert raw.expected is not None
        hits.amount[at] = np.maximum(0, net - raw.expected[finding[at]])
    elif kind == "excess_qty" and raw.money:
        hits.amount[at] = np.where(beyond == WHOLE, net, beyond)
    elif kind == "excess_qty":
        c = np.ascontiguousarray
        hits.amount[at] = np.sign(net) * _core.check_shares(c(np.abs(net)), c(np.maximum(quantity, 0)), c(beyond))
    elif kind in ("whole_line", "whole_day", "visit_total"):
        hits.amount[at] = net
    if kind == "visit_total":
        visits = np.flatnonzero((hits.part == OFFENDING) & ~hits.is_line)
        bare = ~work.has_line[hits.row[visits]]
        total = work.batch.visits.ints("medfee_sumamt")[hits.row[visits]]
        hits.amount[visits] = np.where(bare & (total != NULL_INT), total, 0)


def _day_keys(work: Work, rule: Rule, rows: Any) -> Int64:
    """One number for the subject, item and day of each line."""
    batch = work.batch
    day = batch.line_day[rows].astype(np.int64) + 100_000
    return (_subject(work, rule, rows) * (len(batch.item_ids) + 1) + batch.item[rows] + 1) * 250_000 + day


def _subject(work: Work, rule: Rule, rows: Any) -> Int64:
    """Whom the rule counts by, of each line: one number; an item needs none, it is the line's own."""
    batch = work.batch
    visit = batch.line_visit[rows].astype(np.int64)
    subject = getattr(rule.check, "subject", "visit")
    if subject == "visit":
        return visit
    if subject == "doctor":
        return batch.doctor[rows].astype(np.int64)
    if subject == "institution":
        return batch.hospital[visit].astype(np.int64)
    who = batch.psn[visit].astype(np.int64)
    further = {"person_institution": batch.hospital, "person_diagnosis": work.main_diagnosis_key}.get(subject)
    if further is None:
        return who
    both = who * (int(further.max(initial=0)) + 2) + further[visit] + 1
    return np.unique(both, return_inverse=True)[1].astype(np.int64)


def _widen(work: Work, hits: Hits, kind: str) -> None:
    """Lines that the amount rule takes along: of the same subject, item and day, or of the visit."""
    batch = work.batch
    at = np.flatnonzero(hits.part == OFFENDING)
    if not len(at):
        return
    whole = at[hits.is_line[at]]
    hits.count[whole] = work.quantity[hits.row[whole]]
    of_visit = hits.row[at].copy()
    of_visit[hits.is_line[at]] = batch.line_visit[hits.row[whole]]
    if kind == "whole_day":
        at = whole
        # Of items that do not offend no line is taken along, and of other persons only where the subject is none.
        mine, items = np.zeros(len(batch.psn_ids) + 1, bool), np.zeros(len(batch.item_ids) + 1, bool)
        mine[batch.psn[of_visit]] = items[batch.item[hits.row[at]]] = True
        near = work.rows if hits.rule.across else work.lines_of(mine[batch.psn])
        near = near[items[batch.item[near]]]
        keys, every = np.split(_day_keys(work, hits.rule, np.concatenate((hits.row[at], near))), [len(at)])
    else:
        keys = of_visit
        mine = np.zeros(batch.visits.rows, bool)
        mine[keys] = True
        near = work.lines_of(mine)
        every = batch.line_visit[near].astype(np.int64)
    inside = np.flatnonzero(np.isin(every, np.unique(keys)))
    order = inside[np.argsort(every[inside], kind="stable")]
    pairs = np.unique(np.stack((hits.finding[at], keys), axis=1), axis=0)
    low = np.searchsorted(every[order], pairs[:, 1])
    size = np.searchsorted(every[order], pairs[:, 1], side="right") - low
    finding = np.repeat(pairs[:, 0], size)
    place = np.repeat(low - np.concatenate(([0], np.cumsum(size)[:-1])), size) + np.arange(int(size.sum()))
    _add(work, hits, finding, near[order[place]].astype(np.int64))


def _add(work: Work, hits: Hits, finding: Int64, row: Int64) -> None:
    """Whole lines that offend along with the finding; those that stand in it already are not added twice."""
    lines = len(work.batch.line_visit)
    own = hits.finding * lines + hits.row
    offending = own[(hits.part == OFFENDING) & hits.is_line]
    new = ~np.isin(finding * lines + row, offending)
    finding, row = finding[new], row[new]
    drop = (hits.part == INVOLVED) & hits.is_line & np.isin(own, finding * lines + row)
    keep = ~drop
    of = np.concatenate((hits.finding[keep], finding))
    order = np.argsort(of, kind="stable")

    def joined(old: Any, more: Any) -> Any:
        return np.concatenate((old[keep], more))[order]

    size = len(row)
    hits.row, hits.is_line = joined(hits.row, row), joined(hits.is_line, np.ones(size, bool))
    hits.part, hits.count = (
        joined(hits.part, np.full(size, OFFENDING, np.uint8)),
        joined(hits.count, work.quantity[row]),
    )
    hits.amount, hits.own = joined(hits.amount, work.amount[row]), joined(hits.own, np.zeros(size, bool))
    hits.begin_of = np.concatenate(([0], np.cumsum(np.bincount(of, minlength=len(hits))))).astype(np.int64)


def _sort(work: Work, hits: Hits) -> None:
    """Details of a finding: offending first, visits before lines, then in order."""
    place = np.empty(len(hits.row), np.int64)
    lines = hits.is_line
    place[lines] = work.place_of[hits.row[lines]]
    place[~lines] = work.visit_place[hits.row[~lines]]
    if hits.rule.across:
        _place_among_persons(work, hits, place)
    order = np.lexsort((place, lines, hits.part, hits.finding))
    for name in ("row", "is_line", "part", "count", "amount", "own"):
        setattr(hits, name, getattr(hits, name)[order])


def _place_among_persons(work: Work, hits: Hits, place: Int64) -> None:
    """Places by time and ids of the details of findings that have rows of several persons, whichever person the tables name first."""
    visit = hits.row.copy()
    visit[hits.is_line] = work.batch.line_visit[hits.row[hits.is_line]]
    person = work.batch.psn[visit]
    several = np.zeros(len(hits), bool)
    several[hits.finding[person != person[hits.begin_of[hits.finding]]]] = True
    for on, kind in (("lines", hits.is_line), ("visits", ~hits.is_line)):
        at = np.flatnonzero(kind & several[hits.finding])
        order, _ = work.by_key(np.zeros(len(at), np.int32), 1, hits.row[at], on)
        place[at[order]] = np.arange(len(at))


def units_moved(hits: Hits, details: Int64, net: Int64) -> Int64:
    """Quantity that goes with the money of some details: the excess, all of a line that goes whole, none where only the price falls.

    `net`: the quantity of each line. Those of one line are the same units: together they move the most of them.
    """
    own = np.maximum(net[hits.row[details]], 0)
    if hits.rule.amount == "excess_qty":
        return np.clip(hits.count[details], 0, own)  # a missing one is of money
    return np.zeros(len(details), np.int64) if hits.rule.amount == "price_diff" else own


def give_names(work: Work, hits: list[Hits]) -> None:
    """jr_id of each finding: the rule, what was hit, the begin of the window and the offending rows, never the number of a row."""
    hits = [h for h in hits if len(h)]
    if not hits:
        return
    own = [np.flatnonzero(h.own) for h in hits]
    cut = [np.searchsorted(at, h.begin_of) for at, h in zip(own, hits)]
    base = np.concatenate(([0], np.cumsum([len(at) for at in own])))
    begins = np.concatenate([c[:-1] + b for c, b in zip(cut, base[:-1])] + [base[-1:]]).astype(np.int64)
    row = np.concatenate([h.row[at] for h, at in zip(hits, own)])
    is_line = np.concatenate([h.is_line[at] for h, at in zip(hits, own)])
    rule = np.repeat(np.arange(len(hits), dtype=np.int32), [len(h) for h in hits])
    what = [
        pa.nulls(len(h), pa.large_string()) if h.what is None else pa.array(h.what, pa.large_string()) for h in hits
    ]
    names = _core.check_names(
        *bytes_of([h.rule.id for h in hits]), rule, *bytes_of(pa.concat_arrays(what)), np.concatenate([h.begin for h in hits]), begins,
        *bytes_of(names_of(work, row, is_line)), work.threads,
    ).view("S20")  # fmt: skip
    ends = np.cumsum([len(h) for h in hits])
    for h, mine in zip(hits, np.split(names, ends[:-1])):
        h.jr_id = mine


def names_of(work: Work, row: Int64, is_line: Mask) -> pa.Array:
    """`setl_id`, or `setl_id/feedetl_sn` of lines (`#place` in the visit where they have none)."""
    batch = work.batch
    visit = row.copy()
    visit[is_line] = batch.line_visit[row[is_line]]
    visits = some_of(batch.visits.ids["setl_id"], visit).cast(pa.large_string())
    if not is_line.any():
        return visits
    lines = np.where(is_line, row, -1)
    ids = batch.frames["lines"].ids
    column = ids.get("feedetl_sn")
    own = pa.nulls(len(row), pa.large_string()) if column is None else some_of(column, lines).cast(pa.large_string())
    if len(row) <= FEW:
        return _few_names(work, visits.to_pylist(), own.to_pylist(), row.tolist(), is_line.tolist())
    bare = np.flatnonzero(is_line & np.asarray(own.is_null()))
    if len(bare):
        places = pa.array(work.place_in_visit[row[bare]]).cast(pa.large_string())
        told = pc.binary_join_element_wise(pa.scalar("#", pa.large_string()), places, pa.scalar("", pa.large_string()))
        mask = np.zeros(len(row), bool)
        mask[bare] = True
        own = pc.replace_with_mask(own, pa.array(mask), told)
    joined = pc.binary_join_element_wise(visits, own, pa.scalar("/", pa.large_string()))
    return pc.if_else(pa.array(is_line), joined, visits)


def _few_names(work: Work, visits: list[str], lines: list[str | None], row: list[int], is_line: list[bool]) -> pa.Array:
    """The same, one by one."""
    out = []
    for visit, line, at, on_line in zip(visits, lines, row, is_line):
        out.append(f"{visit}/{line if line is not None else f'#{work.place_in_visit[at]}'}" if on_line else visit)
    return pa.array(out, pa.large_string())


def days(values: Int64) -> Int64:
    """Days as microseconds; a missing one stays missing."""
    return np.where(values == NULL_INT, NULL_INT, values * DAY)
