"""What findings move: relations, suppression, and each line's money once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from ... import _core
from ..suppression import rows_of
from ..vocabulary import DISPOSITIONS
from .found import OFFENDING, Hits, give_names
from .texts import some_of
from .work import Work

__all__ = ["Judged", "denied_by", "judge"]

Int64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
MOVING = ("hold", "deny")
_EPOCH = dt.date(1970, 1, 1)
_MANY = 1 << 16  # lines
MATCHED = ("psn_no", "fixmedins_code", "setl_id", "dise_codg")


@dataclass
class Judged:
    """Findings of all rules with what became of them: one entry a finding, in the order of the book and of jr_id."""

    hits: list[Hits]
    rule: Int64  # place in `hits` of each finding
    at: Int64  # place in its rule's findings
    disposition: npt.NDArray[np.uint8]
    severity: Int64
    suppressed: Mask
    subsumed: Mask
    excluded: dict[str, int]
    told: list[dict[str, Any]]
    paid: list[Int64]  # of each rule's details: fen that really moved
    work: Work = field(repr=False)

    @cached_property
    def rank(self) -> Int64:
        """Findings in the order in which money moves."""
        return _rank(self.work, self)

    def moves(self) -> Mask:
        """Findings that move money."""
        shadow = np.array([h.rule.shadow for h in self.hits] or [False])[self.rule]
        return (self.disposition <= DISPOSITIONS.index("deny")) & ~shadow & ~self.suppressed & ~self.subsumed


def judge(
    work: Work, hits: list[Hits], suppress: Sequence[dict[str, Any]], known_at: int | None, before: bool
) -> Judged:
    """All findings, suppression first, then relations, then money."""
    judged = _standing(work, hits, rows_of(suppress), known_at)
    _pay(work, judged, before)
    return judged


def denied_by(work: Work, hits: list[Hits], places: Sequence[int], before: int, suppress: Sequence[dict[str, Any]]) -> Mask:  # fmt: skip
    """Lines that findings deny as a whole: those of rules that stand before a place, which no list takes out and no other finding excludes or subsumes.

    `places`: of the rules of `hits` in the book.
    """
    denied = np.zeros(len(work.batch.line_visit), bool)
    some = sorted(((h, place) for h, place in zip(hits, places) if len(h)), key=lambda one: one[1])
    if any(h.rule.excludes or h.rule.subsumes for h, _ in some):
        give_names(work, [h for h, _ in some])
    judged = _standing(work, [h for h, _ in some], suppress, work.known_at)
    moves = judged.moves()
    for i, (_, place) in enumerate(some):
        if place < before:
            h = judged.hits[i]
            whole = (h.part == OFFENDING) & h.is_line & moves[judged.rule == i][h.finding]
            rows = h.row[whole]
            denied[rows[h.amount[whole] >= work.amount[rows]]] = True
    return denied


def _standing(work: Work, hits: list[Hits], suppress: Sequence[dict[str, Any]], known_at: int | None) -> Judged:
    """What a suppression list and relations leave of all findings."""
    rule = np.concatenate([np.full(len(h), i) for i, h in enumerate(hits)] or [np.zeros(0, np.int64)]).astype(np.int64)
    at = np.concatenate([np.arange(len(h)) for h in hits] or [np.zeros(0, np.int64)]).astype(np.int64)
    disposition = np.concatenate([_disposition(h) for h in hits if len(h)] or [np.zeros(0, np.uint8)]).astype(np.uint8)
    severity = np.concatenate([h.severity for h in hits] or [np.zeros(0, np.int64)]).astype(np.int64)
    none = np.zeros(len(rule), bool)
    judged = Judged(hits, rule, at, disposition, severity, none.copy(), none.copy(), {}, [], [], work)
    judged.told = [_suppress(work, judged, row, known_at) for row in suppress]
    dropped = _related(judged, "excludes")
    for place in dropped:
        name = hits[rule[place]].rule.id
        judged.excluded[name] = judged.excluded.get(name, 0) + 1
    if dropped:
        _drop(judged, dropped)
    judged.subsumed[_related(judged, "subsumes")] = True
    return judged


def _disposition(hits: Hits) -> npt.NDArray[np.uint8]:
    own = DISPOSITIONS.index(hits.rule.disposition)
    return np.where(hits.suspect, DISPOSITIONS.index("suspect"), own).astype(np.uint8)


def _rank(work: Work, judged: Judged) -> Int64:
    """By priority, disposition, severity and place of the rule; within a rule by the first row, then jr_id."""
    hits, rule = judged.hits, judged.rule
    if not len(rule):
        return np.zeros(0, np.int64)
    given = np.array([h.rule.priority[0] for h in hits])[rule]
    time, place = (np.concatenate(parts) for parts in zip(*(_first(work, h) for h in hits if len(h))))
    ids = np.concatenate([h.jr_id for h in hits])
    return np.lexsort((ids, place, time, rule, judged.severity, judged.disposition, given)).astype(np.int64)


def _first(work: Work, hits: Hits) -> tuple[Int64, Int64]:
    """(time, place in order) of each finding's first offending row; visits stand before lines of one time."""
    batch = work.batch
    lines = hits.is_line
    place, time = np.empty(len(hits.row), np.int64), np.empty(len(hits.row), np.int64)
    place[lines], time[lines] = len(work.visit_place) + work.place_of[hits.row[lines]], batch.line_time[hits.row[lines]]
    place[~lines], time[~lines] = work.visit_place[hits.row[~lines]], batch.begin[hits.row[~lines]]
    own = np.flatnonzero(hits.own)
    order = own[np.lexsort((place[own], time[own], hits.finding[own]))]
    of = hits.finding[order]
    at = order[np.flatnonzero(np.diff(of, prepend=-1))]
    out = np.full(len(hits), -1, np.int64), np.full(len(hits), -1, np.int64)
    out[0][hits.finding[at]], out[1][hits.finding[at]] = time[at], place[at]
    return out


def _expired(work: Work, row: dict[str, Any], known_at: int | None) -> bool:
    last = (dt.date.fromisoformat(row["expires"]) - _EPOCH).days
    today = known_at if known_at is not None else work.last_day
    return today is not None and last <= today


def _suppress(work: Work, judged: Judged, row: dict[str, Any], known_at: int | None) -> dict[str, Any]:
    expired = _expired(work, row, known_at)
    count = 0
    for i, hits in enumerate(judged.hits):
        if expired or hits.rule.id != row["rule"] or not len(hits):
            continue
        fit = _fits(work, hits, row)
        mine = np.flatnonzero(judged.rule == i)
        new = fit[judged.at[mine]] & ~judged.suppressed[mine]
        judged.suppressed[mine[new]] = True
        count += int(new.sum())
    return {**row, "count": count, "expired": expired}


def _fits(work: Work, hits: Hits, row: dict[str, Any]) -> Mask:
    """Findings all of whose offending rows are what a row of a suppression list names."""
    out = np.ones(len(hits), bool)
    own = hits.own & (hits.part == OFFENDING)
    finding, rows, lines = hits.finding[own], hits.row[own], hits.is_line[own]
    bare = np.ones(len(hits), bool)
    bare[finding] = False
    if bare.any():
        hospital = np.array([str(h) for h in hits.unit_hospital or [""] * len(hits)], object)
        asked = row.get("fixmedins_code")
        right = not any(row.get(c) for c in ("psn_no", "setl_id", "dise_codg", "med_list_codg"))
        out[bare] = right & ((hospital[bare] == asked) | (asked is None))
    visit = rows.copy()
    visit[lines] = work.batch.line_visit[rows[lines]]
    for column in MATCHED:
        if row.get(column) is not None:
            out[finding[~_equals(work, column, visit, str(row[column]))]] = False
    item = row.get("med_list_codg")
    if item is not None:
        same = np.zeros(len(rows), bool)
        codes = work.batch.item_ids.to_pylist()
        wanted = codes.index(item) if item in codes else -2
        same[lines] = work.batch.item[rows[lines]] == wanted
        out[finding[~same]] = False
    return out


def _equals(work: Work, column: str, visit: Int64, text: str) -> Mask:
    frame = work.batch.visits
    if column in frame.ids:
        return np.array([str(v) == text for v in some_of(frame.ids[column], visit).to_pylist()], bool)
    found = frame.code(column)
    if found is None:
        return np.zeros(len(visit), bool)
    codes, texts = found
    return np.array([t == text for t in texts] + [False])[codes[visit]]


def _related(judged: Judged, kind: str) -> list[int]:
    """Findings that a relation reaches: of two that exclude each other the one paid later; or the subsumed one."""
    names = {name: i for i, h in enumerate(judged.hits) for name in [h.rule.id]}
    reach: dict[int, set[int]] = {}
    for i, h in enumerate(judged.hits):
        for other in getattr(h.rule, kind):
            if other in names:
                reach.setdefault(names[other], set()).add(i)
                if kind == "excludes":
                    reach.setdefault(i, set()).add(names[other])
    if not reach:
        return []
    taking_part = set(reach) | {i for others in reach.values() for i in others}
    stands: dict[int, list[tuple[int, int]]] = {}  # findings, by unit
    order = [f for f in judged.rank.tolist() if int(judged.rule[f]) in taking_part]
    live = [f for f in order if not judged.suppressed[f] and not judged.hits[judged.rule[f]].rule.shadow]
    if kind == "subsumes":
        for f in live:
            _stand(judged, stands, f)
    out = []
    for f in live:
        mine = int(judged.rule[f])
        near = [other for unit in _units(judged, f) for other in stands.get(unit, ())]
        if any(other != f and by in reach.get(mine, ()) for other, by in near):
            out.append(f)
        elif kind == "excludes":
            _stand(judged, stands, f)
    return out


def _units(judged: Judged, finding: int) -> list[int]:
    hits, at = judged.hits[judged.rule[finding]], int(judged.at[finding])
    low, high = int(hits.begin_of[at]), int(hits.begin_of[at + 1])
    own = hits.own[low:high]
    rows, lines = hits.row[low:high][own], hits.is_line[low:high][own]
    return np.where(lines, rows, -1 - rows).tolist()


def _stand(judged: Judged, stands: dict[int, list[tuple[int, int]]], finding: int) -> None:
    for unit in _units(judged, finding):
        stands.setdefault(unit, []).append((finding, int(judged.rule[finding])))


def _drop(judged: Judged, dropped: list[int]) -> None:
    """Leave findings out, and bring every column of findings along."""
    from .found import _only

    keep = np.ones(len(judged.rule), bool)
    keep[dropped] = False
    rank = judged.rank
    for i in set(judged.rule[dropped].tolist()):
        mine = judged.rule == i
        judged.hits[i] = _only(judged.hits[i], keep[mine])
    place = np.cumsum(keep) - 1
    judged.rank = place[rank[keep[rank]]]
    for name in ("rule", "disposition", "severity", "suppressed", "subsumed"):
        setattr(judged, name, getattr(judged, name)[keep])
    judged.at = np.concatenate([np.arange(len(h)) for h in judged.hits]).astype(np.int64)


def _pay(work: Work, judged: Judged, before: bool) -> None:
    """Each line is moved once: a later finding moves what is left of it; of a line that was denied before nothing is."""
    judged.paid = [np.zeros(len(h.row), np.int64) for h in judged.hits]
    moves = judged.moves()
    if not moves.any():
        return
    moving = judged.rank[moves[judged.rank]]
    if not len(moving):
        return
    base = np.concatenate(([0], np.cumsum([len(h.row) for h in judged.hits])))
    row = np.concatenate([h.row for h in judged.hits])
    wanted = np.concatenate([h.amount for h in judged.hits])
    pays = np.concatenate([h.is_line & (h.part == OFFENDING) for h in judged.hits])
    if before:
        visit = np.zeros(len(row), np.int64)
        visit[pays] = work.batch.line_visit[row[pays]]
        pays &= ~work.batch.history[visit]
    low = np.concatenate([h.begin_of[:-1] + base[i] for i, h in enumerate(judged.hits)])[moving]
    size = np.concatenate([np.diff(h.begin_of) for h in judged.hits])[moving]
    order = np.repeat(low - np.concatenate(([0], np.cumsum(size)[:-1])), size) + np.arange(int(size.sum()))
    order = np.ascontiguousarray(order[pays[order]], dtype=np.int64)
    if not len(order):
        return
    named = np.zeros(len(row), np.int64)
    lines: Any = slice(None)
    named[order] = row[order]
    if len(work.amount) > _MANY:  # what is left is kept of those that are named, which are few
        lines, place = np.unique(row[order], return_inverse=True)
        named[order] = place.reshape(-1)
    frame = work.batch.frames["lines"]
    left = np.where(frame.flag("deny_flag", 0)[lines] == 1, 0, work.amount[lines])
    frame.forget("deny_flag")
    of_quantity = np.concatenate([h.of_quantity for h in judged.hits]).astype(np.uint8)
    c = np.ascontiguousarray
    taken = _core.check_once(order, named, c(np.maximum(wanted, 0)), of_quantity, left)
    judged.paid = [taken[base[i] : base[i + 1]] for i in range(len(judged.hits))]
