"""What lines come to under another catalogue, or with what rules deny: of a batch that is priced already, only the visits that differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from .. import _core
from ..catalog import Catalog
from ..columns.asof import OPEN_DAY
from ..columns.convert import NULL_DAY, NULL_INT
from ..columns.ids import lookup
from . import priced
from .events import Assigned
from .job import Job

__all__ = ["NOTHING", "Edition", "Editions", "differing"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Edition:
    """Visits whose natures are not those of the batch's own catalogue, rising, and their natures (five each). `lines`: how many were priced to know."""

    visit: Int64
    natures: Int64
    lines: int

    def over(self, other: Edition) -> Edition:
        """This one; the other where this one says nothing."""
        rest = ~np.isin(other.visit, self.visit)
        visit = np.concatenate([self.visit, other.visit[rest]])
        order = np.argsort(visit, kind="stable")
        natures = np.concatenate([self.natures, other.natures[rest]])
        return Edition(visit[order], natures[order], self.lines)


NOTHING = Edition(np.zeros(0, np.int64), np.zeros((0, 5), np.int64), 0)


class Editions:
    """A batch that a job has priced: whole visits, each with its lines, without tags."""

    def __init__(self, job: Job, assigned: Assigned, natures: Int64, tables: Mapping[str, Any]) -> None:
        self._job, self._assigned, self._natures, self._tables = job, assigned, natures, dict(tables)

    @cached_property
    def _item(self) -> Int32:
        """Item of each line in the batch's own catalogue; -1 unknown."""
        assert self._job.lines is not None and self._job.catalog is not None
        return lookup(self._job.lines.ids["med_list_codg"], self._job.catalog.codes, self._job.threads)

    @cached_property
    def _program(self) -> Int32:
        return priced.wanted_programs(self._job, self._assigned)

    @cached_property
    def _by_sums(self) -> npt.NDArray[np.bool_]:
        """Visits whose first pay is a share of sums, which no line has alone."""
        compiled = self._job.compiled
        sums = [any(compiled.steps[i][2] != 0 for i in range(p[12], p[13])) for p in compiled.programs]
        return np.array([*sums, False])[self._program]

    @cached_property
    def _giving(self) -> npt.NDArray[np.bool_]:
        """Visits whose returns may be full self-pay because of a denied line: what one line comes to rests on the others."""
        job = self._job
        assert job.lines is not None
        out = np.zeros(len(job.line_begin) - 1, bool)
        if "deny_flag" in job.lines.cells:
            denied, back = out.copy(), out.copy()
            denied[self._visit_of_line[job.returned.flags("deny_flag", 1) == 1]] = True
            back[self._visit_of_line[job.lines.ints("det_item_fee_sumamt") < 0]] = True
            out = denied & back
        return out

    def catalog(self, other: Catalog, items: Sequence[str] | None = None) -> Edition:
        """What the lines of the items come to that are not the same in another catalogue; no other line is priced. `items`: all that may differ."""
        job, own = self._job, self._job.catalog
        if own is None or job.lines is None or other is own:
            return NOTHING
        touched = differing(own, other) if items is None else pa.array(items, pa.large_string())
        if not len(touched):
            return NOTHING
        theirs = self._items_in(other, touched)
        lines = _marked(own, touched)[self._item] | _marked(other, touched)[theirs]
        visit, begin, row = self._chosen(lines)
        if not len(visit):
            return NOTHING
        before = self._price(own, self._item, visit, begin, row)
        after = self._price(other, theirs, visit, begin, row)
        differs = (before != after).any(axis=1)
        return Edition(visit[differs], (self._natures[visit] - before + after)[differs], len(row))

    def readers(self, code: str, since: int = int(NULL_DAY)) -> list[tuple[str, str, str, int, int, int]]:
        """Who reads the rows of an item of the batch's own catalogue: (table, key, place, first day or NULL_DAY, visits, lines) of each row.
        `since`: counts only where the day that is looked up is this one or later.

        A line that is priced reads the row of `items` that holds for it; one that is not the person's own whole reads a cap, and a ratio where
        its class is 02 or the item is paid directly. A split stay reads as its first part does.
        """
        job, own = self._job, self._job.catalog
        if own is None or job.lines is None:
            return []
        line = np.flatnonzero(self._item == own.item_of(pa.array([code]))[0])
        visit = self._visit_of_line[line]
        first = job.event_begin[visit]
        wanted = self._program[first] >= 0
        line, visit, first = line[wanted], visit[wanted], first[wanted]
        programs, _, _, treatment, insured, level = priced.pricing(job, own)
        told = programs[self._program[first]]
        fee = job.returned.days()[line]
        days = np.stack(
            [np.where(fee == NULL_DAY, job.enddate[visit], fee), job.enddate[visit], job.setl_day[visit]], axis=1
        )
        nobody = np.full(len(job.setl_day), -1, np.int32)
        places = np.stack([(nobody if p is None else p)[visit] for p in (treatment, insured)], axis=1)
        none = np.full(len(line), -1, np.int64)
        keys = {"items": none, "selfpay": told[:, 5], "caps": none if level is None else level[first].astype(np.int64)}
        out, asked = [], np.ones(len(line), bool)
        for at, (name, key) in enumerate(keys.items()):
            each = np.arange(len(line))
            rows = _rows_of(own, name, code)
            day = days[each, told[:, 9 + at]]
            best = _held(rows, places[each, told[:, 6 + at]], key, day)
            if name == "items":
                direct = np.array([r[4] for r in rows] + [False])[best]
                kind = np.array([r[5] for r in rows] + [""])[best]
                denied, refused = (
                    job.returned.flags("deny_flag", 1)[line] == 1,
                    job.returned.flags("hosp_appr_flag", 2)[line] == 2,
                )
                own_whole = denied | refused
                split = (best >= 0) & (kind != "03") & ~own_whole
                asked_of = {"selfpay": split & ((kind == "02") | direct), "caps": split}
            else:
                asked = asked_of[name]
            for index, row in enumerate(rows):
                mine = asked & (best == index) & (day >= since)
                out.append((name, row[6], row[7], row[2], len(np.unique(visit[mine])), int(mine.sum())))
        return out

    @cached_property
    def _visit_of_line(self) -> Int64:
        begin, row = self._job.line_begin, self._job.line_row
        visit = np.repeat(np.arange(len(begin) - 1), np.diff(begin))
        if row is None:
            return visit
        out = np.empty_like(visit)
        out[row] = visit
        return out

    def denied(self, catalog: Catalog | None, visit: Int64, lines: Mapping[str, Any]) -> Edition:
        """What some visits come to with other lines."""
        job = self._job
        if not len(visit):
            return NOTHING
        some = {name: column.take(pa.array(visit)) for name, column in job.visits.source.items()}
        own = Job(job.compiled, catalog, {**self._tables, "visits": some, "lines": dict(lines)}, None, job.threads)
        _, natures, _ = own.begin(line_output=False)
        assert own.lines is not None
        return Edition(visit, natures, own.lines.rows)

    def _items_in(self, other: Catalog, touched: pa.Array) -> Int32:
        """Item of each line in another catalogue."""
        job, own = self._job, self._job.catalog
        assert own is not None and job.lines is not None
        if (own.item_of(touched) < 0).any():
            return lookup(job.lines.ids["med_list_codg"], other.codes, job.threads)
        return np.append(other.item_of(own.codes), np.int32(-1)).astype(np.int32)[self._item]

    def _chosen(self, lines: npt.NDArray[np.bool_]) -> tuple[Int64, Int64, Int64]:
        """(visits that have such lines and are priced, where the lines of each begin, the rows of the lines)."""
        job = self._job
        begin = job.line_begin
        marked = lines if job.line_row is None else lines[job.line_row]
        before = np.concatenate([[0], np.cumsum(marked)])
        visit = np.flatnonzero((before[begin[1:]] > before[begin[:-1]]) & (self._program >= 0))
        whole = visit[self._by_sums[visit] | self._giving[visit]]
        if len(whole):
            marked = marked.copy()
            for v in whole.tolist():
                marked[begin[v] : begin[v + 1]] = True
            before = np.concatenate([[0], np.cumsum(marked)])
        count = before[begin[visit + 1]] - before[begin[visit]]
        at = np.flatnonzero(marked)
        mine = np.zeros(len(begin) - 1, bool)
        mine[visit] = True
        at = at[mine[np.searchsorted(begin, at, side="right") - 1]]
        row = at if job.line_row is None else job.line_row[at]
        return visit, np.concatenate([[0], np.cumsum(count)]).astype(np.int64), np.ascontiguousarray(row, np.int64)

    def _price(self, catalog: Catalog, item: Int32, visit: Int64, begin: Int64, row: Int64) -> Int64:
        """Natures of some lines of some visits."""
        job = self._job
        programs, steps, tag_map, treatment, insured, level = priced.pricing(job, catalog)

        def some(column: Any) -> Any:
            return None if column is None else np.ascontiguousarray(column[visit])

        price = _core.price(
            catalog.kernel, programs.reshape(-1), steps.reshape(-1), tag_map.reshape(-1), len(catalog.tags), 0, begin, some(job.enddate),
            some(job.setl_day), some(treatment), some(insured), np.arange(len(visit) + 1, dtype=np.int64), some(self._program), some(level), None,
            job.lines_as(np.ascontiguousarray(item, dtype=np.int32), None, row), False, job.threads,
        )  # fmt: skip
        return np.array(price["natures"])


def differing(one: Catalog, two: Catalog) -> pa.Array:
    """Codes of the items that two catalogues do not say the same of."""
    codes = []
    for name in ("items", "selfpay", "caps"):
        sides = [
            held.table(name).append_column("side", pa.array(np.full(held.table(name).num_rows, sign)))
            for held, sign in ((one, 1), (two, -1))
        ]
        rows = pa.concat_tables(sides)
        sums = rows.group_by([n for n in rows.column_names if n != "side"]).aggregate([("side", "sum")])
        codes += sums.filter(pc.not_equal(sums["side_sum"], 0))["med_list_codg"].chunks
    return pc.unique(pa.chunked_array(codes, pa.large_string()))


_KEYS = {"items": "", "selfpay": "selfpay_prop_psn_type", "caps": "lmtpric_hosp_lv"}


def _rows_of(catalog: Catalog, name: str, code: str) -> list[tuple[Any, ...]]:
    """Rows of an item: place and key as numbers (-1 any), first day, day after the last, direct, class, key and place as texts."""
    table = catalog.table(name)
    known = {"selfpay": catalog.categories, "caps": catalog.levels}.get(name, [])
    out = []
    for row in table.filter(pc.equal(table["med_list_codg"], code)).to_pylist():
        key, place = row.get(_KEYS[name]) or "", row["insu_admdvs"]
        begin, end = (
            open_ if row[n] == NULL_INT else row[n] for n, open_ in (("begndate", NULL_DAY), ("enddate", int(OPEN_DAY)))
        )
        numbers = catalog.places.index(place) if place else -1, known.index(key) if key else -1
        out.append((*numbers, begin, end, row.get("drt_reim_flag") == 1, row.get("chrgitm_lv", ""), key, place))
    return out


def _held(rows: list[tuple[Any, ...]], place: Int64, key: Int64, day: Int64) -> Int64:
    """Which row holds for each line: of the place before of everywhere, of the key before of any; -1 none."""
    best, rank = np.full(len(day), -1, np.int64), np.full(len(day), -1)
    for index, (where, own, begin, end, *_) in enumerate(rows):
        fits = ((place == where) | (where == -1)) & ((key == own) | (own == -1)) & (begin <= day) & (day < end)
        mine = np.where(place == where, 2, 0) + np.where(key == own, 1, 0)
        better = fits & (mine > rank)
        best, rank = np.where(better, index, best), np.where(better, mine, rank)
    return best


def _marked(catalog: Catalog, codes: pa.Array) -> npt.NDArray[np.bool_]:
    """Items of a catalogue that are among these codes; a further place for unknown ones."""
    out = np.zeros(len(catalog.codes) + 1, bool)
    found = catalog.item_of(codes)
    out[found[found >= 0]] = True
    return out
