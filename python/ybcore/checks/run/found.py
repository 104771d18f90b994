"""Findings of one rule as columns over input rows, and what their amount rule takes along."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ... import _core
from ...columns.convert import NULL_INT
from ...columns.ids import flat
from ..rule import Rule
from .given import DAY
from .work import Work

__all__ = ["Hits", "Raw", "hits_of"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
OFFENDING, INVOLVED = 1, 2
WHOLE = -1


@dataclass
class Raw:
    """What a kernel gave for one rule. `rows`: input row of each event; `on`: lines, visits, or units without rows."""

    found: dict[str, Any]
    rows: Int64
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


@dataclass
class Hits:
    """Findings of one rule: one entry a finding, and details cut by `begin_of`."""

    rule: Rule
    measure: Int64
    limit: Int64
    begin: Int64
    end: Int64
    entry: Int64
    severity: Int64
    suspect: Mask
    what: list[str]
    begin_of: Int64
    row: Int64  # input row of a line or visit
    is_line: Mask
    part: npt.NDArray[np.uint8]
    count: Int64  # excess quantity, or the whole net quantity; NULL_INT: none
    amount: Int64  # fen by the amount rule
    own: Mask  # offending by itself, not taken along by the amount rule
    unit_hospital: list[Any] | None = None
    unit_doctor: list[Any] | None = None
    jr_id: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.measure)

    @property
    def finding(self) -> Int64:
        """Finding of each detail."""
        return np.repeat(np.arange(len(self)), np.diff(self.begin_of))


def hits_of(work: Work, rule: Rule, raw: Raw, before: bool) -> Hits:
    """Findings over input rows, with their money; `before`: those that only offend in the history are left out."""
    f = raw.found
    sizes = np.diff(f["details"])
    finding = np.repeat(np.arange(len(sizes)), sizes)
    event = f["event"].astype(np.int64)
    part = f["part"].astype(np.uint8)
    row = raw.rows[event] if len(raw.rows) else event
    is_line = np.full(len(row), raw.on == "lines") if raw.of_line is None else raw.of_line[event]
    hits = Hits(
        rule, f["measure"], f["limit"], f["begin"], f["end"], f["entry"].astype(np.int64),
        np.full(len(sizes), rule.severity, np.int64) if raw.severity is None else np.where(raw.severity == 0, rule.severity, raw.severity),
        np.zeros(len(sizes), bool) if raw.suspect is None else raw.suspect.copy(),
        [""] * len(sizes) if raw.what is None else raw.what, f["details"].astype(np.int64), row, is_line, part,
        np.full(len(row), NULL_INT), np.zeros(len(row), np.int64), part == OFFENDING, raw.unit_hospital, raw.unit_doctor,
    )  # fmt: skip
    table = rule.table
    if table is not None and table.suspect.any() and len(hits):
        hits.suspect |= (hits.entry >= 0) & table.suspect[np.maximum(hits.entry, 0)]
    excess = f["excess"]
    if before:
        keep = _current_findings(work, hits)
        excess, hits = excess[keep[finding]], _only(hits, keep)
        if raw.expected is not None:
            raw.expected = raw.expected[keep]
        finding = hits.finding
    _price(work, hits, finding, excess, raw)
    if rule.amount in ("whole_day", "visit_total"):
        _widen(work, hits, rule.amount)
    _sort(work, hits)
    hits.jr_id = _names(work, hits)
    return hits


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
        hits.suspect[keep], [hits.what[i] for i in chosen], np.concatenate(([0], np.cumsum(sizes))), hits.row[detail],
        hits.is_line[detail], hits.part[detail], hits.count[detail], hits.amount[detail], hits.own[detail],
        None if hits.unit_hospital is None else [hits.unit_hospital[i] for i in chosen],
        None if hits.unit_doctor is None else [hits.unit_doctor[i] for i in chosen], [hits.jr_id[i] for i in chosen] if hits.jr_id else [],
    )  # fmt: skip


def _price(work: Work, hits: Hits, finding: Int64, excess: Int64, raw: Raw) -> None:
    """Fen and quantity of the offending lines."""
    at = np.flatnonzero((hits.part == OFFENDING) & hits.is_line)
    rows = hits.row[at]
    net, quantity = work.amount[rows], work.quantity[rows]
    beyond = excess[at]
    if not raw.money:
        hits.count[at] = np.where(beyond == WHOLE, quantity, beyond)
    kind = hits.rule.amount
    if kind == "price_diff":
        assert raw.expected is not None
        hits.amount[at] = np.maximum(0, net - raw.expected[finding[at]])
    elif kind == "excess_qty" and raw.money:
        hits.amount[at] = np.where(beyond == WHOLE, net, beyond)
    elif kind == "excess_qty":
        c = np.ascontiguousarray
        hits.amount[at] = _core.check_shares(c(np.maximum(net, 0)), c(np.maximum(quantity, 0)), c(beyond))
    elif kind in ("whole_line", "whole_day", "visit_total"):
        hits.amount[at] = net
    if kind == "visit_total":
        visits = np.flatnonzero((hits.part == OFFENDING) & ~hits.is_line)
        bare = ~work.has_line[hits.row[visits]]
        total = work.batch.visits.ints("medfee_sumamt")[hits.row[visits]]
        hits.amount[visits] = np.where(bare & (total != NULL_INT), total, 0)


def _day_keys(work: Work, rule: Rule, rows: Int64) -> Int64:
    """One number for the subject, item and day of a line."""
    batch = work.batch
    visit = batch.line_visit[rows].astype(np.int64)
    subject = getattr(rule.check, "subject", "visit")
    if subject == "visit":
        who = visit
    else:
        who = batch.psn[visit].astype(np.int64)
        if subject == "person_institution":
            who = who * (len(batch.hospital_ids) + 1) + batch.hospital[visit] + 1
    day = batch.line_day[rows].astype(np.int64) + 100_000
    return (who * len(batch.item_ids) + batch.item[rows]) * 250_000 + day


def _widen(work: Work, hits: Hits, kind: str) -> None:
    """Lines that the amount rule takes along: of the same subject, item and day, or of the visit."""
    at = np.flatnonzero(hits.part == OFFENDING)
    if not len(at):
        return
    whole = at[hits.is_line[at]]
    hits.count[whole] = work.quantity[hits.row[whole]]
    if kind == "whole_day":
        at = whole
        keys, every = _day_keys(work, hits.rule, hits.row[at]), _day_keys(work, hits.rule, work.rows)
    else:
        keys = hits.row[at].copy()
        keys[hits.is_line[at]] = work.batch.line_visit[hits.row[whole]]
        every = work.batch.line_visit[work.rows].astype(np.int64)
    inside = np.flatnonzero(np.isin(every, np.unique(keys)))
    order = inside[np.argsort(every[inside], kind="stable")]
    pairs = np.unique(np.stack((hits.finding[at], keys), axis=1), axis=0)
    low = np.searchsorted(every[order], pairs[:, 1])
    size = np.searchsorted(every[order], pairs[:, 1], side="right") - low
    finding = np.repeat(pairs[:, 0], size)
    place = np.repeat(low - np.concatenate(([0], np.cumsum(size)[:-1])), size) + np.arange(int(size.sum()))
    row = work.rows[order[place]]
    _add(work, hits, finding, row)


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
        place[at] = work.global_rank(hits.row[at], on)


def _names(work: Work, hits: Hits) -> list[str]:
    """jr_id of each finding: the rule, what was hit, the begin of the window and the offending rows, never the number of a row."""
    at = np.flatnonzero(hits.own)
    names = names_of(work, hits.row[at], hits.is_line[at])
    begin = np.searchsorted(at, hits.begin_of)
    starts, what, rule = hits.begin.tolist(), hits.what, hits.rule.id
    out = []
    for i, (low, high) in enumerate(zip(begin[:-1].tolist(), begin[1:].tolist())):
        start = starts[i]
        parts = [rule, what[i], "" if start == NULL_INT else str(start), *sorted(names[low:high], key=str.encode)]
        out.append(sha256("\x1f".join(parts).encode()).hexdigest()[:20])
    return out


def names_of(work: Work, row: Int64, is_line: Mask) -> list[str]:
    """`setl_id`, or `setl_id/feedetl_sn` of lines (`#place` in the visit where they have none)."""
    batch = work.batch
    visit = row.copy()
    visit[is_line] = batch.line_visit[row[is_line]]
    names = [str(text) for text in flat(batch.visits.ids["setl_id"]).take(pa.array(visit)).to_pylist()]
    lines = np.flatnonzero(is_line)
    if not len(lines):
        return names
    frame = batch.frames["lines"]
    own: list[Any] = [None] * len(lines)
    if "feedetl_sn" in frame.ids:
        own = flat(frame.ids["feedetl_sn"]).take(pa.array(row[lines])).to_pylist()
    places = work.place_in_visit[row[lines]].tolist() if any(text is None for text in own) else own
    for at, text, place in zip(lines.tolist(), own, places):
        names[at] = f"{names[at]}/{f'#{place}' if text is None else text}"
    return names


def days(values: Int64) -> Int64:
    """Days as microseconds; a missing one stays missing."""
    return np.where(values == NULL_INT, NULL_INT, values * DAY)
