"""How visits answer to what they cost the person: optional, off unless it is asked for (docs/simulation.md section 10)."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ..checks.vocabulary import VISIT_KINDS
from ..columns.ids import flat, lookup
from ..errors import InputError, Problem
from ..policy.faults import nearest
from ..policy.vocabulary import ATTRIBUTES
from ..settling.order import group_persons
from ..settling.panel import Panel
from .comparison import BASE, TABLES, Comparison, Measure, View, summed
from .knobs import Number, exact_number
from .people import cells_of
from .repeated import happened, happened_beside
from .staging import Alternative, Meant, Staging, meant

if TYPE_CHECKING:
    from ..checks import RuleBook
    from ..engine import Engine
    from ..settling.job import Job
    from ..settling.state import State

__all__ = ["RAND", "Behaviour", "Response", "respond", "sensitivity"]

Int64 = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]
RAND = "-0.2"
"""The arc elasticity that is taken for the RAND Health Insurance Experiment (Keeler, Rolph 1988; Aron-Dine, Einav, Finkelstein 2013)."""
GROUPS = {name: prefixes for name, prefixes in VISIT_KINDS.items() if prefixes}
_LOTS = 1 << 32


@dataclass(frozen=True)
class Behaviour:
    """Arc elasticities of the number of visits in the person's share of the bill, by group of visits.

    `elasticity`: a number for all groups, or numbers by group (a group without one does not answer), above −1 and not above 0, never a float.
    `groups`: prefixes of med_type by name; the first that fits counts. `by`: None, a visit's price is its own; attributes of visits, a
    visit's price is that of its group and these. `paid`: what the price counts. `most`: rounds. Raises InputError with everything that is wrong.
    """

    elasticity: Number | Mapping[str, Number] = RAND
    groups: Mapping[str, Sequence[str]] = field(default_factory=lambda: GROUPS)
    by: Sequence[str] | None = None
    paid: str = "psn_part_amt"
    seed: int = 0
    most: int = 20

    def __post_init__(self) -> None:
        problems = []
        for name, value in self._given().items():
            number = exact_number(value)
            if name not in self.groups:
                what, zh = f"no group of visits {name!r}", f"没有就诊类别 {name!r}"
                problems.append(Problem(what=what, what_zh=zh, path="elasticity", nearest=nearest(name, self.groups)))
            if number is None or not -1 < number <= 0:
                what, zh = f"the elasticity of {name} is {value!r}", f"{name} 的弹性为 {value!r}"
                problems.append(Problem(what=what, what_zh=zh, path="elasticity", expected="an exact number above -1 and not above 0, no float", expected_zh="大于 -1 且不大于 0 的精确数值，不得为浮点数"))  # fmt: skip
        if self.most < 1:
            problems.append(Problem(what=f"{self.most} rounds", what_zh=f"{self.most} 轮", path="most", expected="1 or more", expected_zh="不小于 1"))  # fmt: skip
        if problems:
            raise InputError(problems)

    def _given(self) -> dict[str, Number]:
        return dict(self.elasticity) if isinstance(self.elasticity, Mapping) else dict.fromkeys(self.groups, self.elasticity)  # fmt: skip

    @cached_property
    def exact(self) -> dict[str, Fraction]:
        """The elasticity of each group."""
        held = {name: exact_number(value) for name, value in self._given().items()}
        return {name: held.get(name) or Fraction(0) for name in self.groups}

    def times(self, by: Fraction) -> Behaviour:
        """The same with elasticities so many times as large. Raises InputError."""
        held = {name: value * by for name, value in self.exact.items()}
        return Behaviour(held, self.groups, self.by, self.paid, self.seed, self.most)

    def group_of(self, med_type: Sequence[str | None]) -> npt.NDArray[np.int64]:
        """Number of the group of each kind of visit; -1 none."""
        names = list(self.groups)
        fits = {
            kind: next((i for i, name in enumerate(names) if (kind or "").startswith(tuple(self.groups[name]))), -1)
            for kind in set(med_type)
        }
        return np.array([fits[kind] for kind in med_type], np.int64)


@dataclass
class Response(Comparison):
    """A comparison in which visits answer. `rounds`: settlements of each alternative until nothing changed; `answers`: one row an alternative and
    group of visits: elasticity, visits before and after, the mean price before and after (what persons pay ÷ bills)."""

    rounds: dict[str, int] = field(default_factory=dict)
    answers: pa.Table | None = None


def respond(
    engine: Engine,
    tables: Mapping[str, Any],
    alternatives: Mapping[str, Alternative],
    measures: Sequence[Measure],
    behaviour: Behaviour,
    *,
    rules: RuleBook | None = None,
    beside: Mapping[str, Any] | None = None,
    state: Any = None,
    progress: Callable[[int, int], None] | None = None,
) -> Response:
    """`compare`, where under each alternative as many visits take place as its prices let (docs/simulation.md section 10).

    `rules`, `beside`, `state`: as in `compare`; rules look at the visits that take place. Raises InputError: wrong tables and names, and an alternative under which the number of visits does not come to rest.
    """
    known = {name: tables.get(name) for name in TABLES}
    panel = Panel(engine._compiled, engine.catalog, known, engine.threads, state)
    own = Meant(engine.book, engine._compiled, engine.catalog, rules)
    base = View(BASE, partial(own.run, panel, Staging(panel, known, beside or {})), None)
    crowd = _Crowd(base, behaviour, panel.job, beside or {}, state)
    seen: dict[str, list[pa.Table]] = {measure.name: [] for measure in measures}
    rounds: dict[str, int] = {}
    answers: list[pa.Table] = []
    for at, name in enumerate((BASE, *alternatives)):
        view = base
        if name != BASE:
            one = meant(engine, name, alternatives[name], rules)
            view, rounds[name] = crowd.at_rest(name, partial(one.alone, threads=engine.threads, state=state))
            answers.append(crowd.answer(name))
        for measure in measures:
            rows = measure.look(view)
            seen[measure.name].append(rows.add_column(0, "policy", pa.array([name] * rows.num_rows, pa.string())))
        if progress is not None:
            progress(at + 1, len(alternatives) + 1)
    joined = {name: pa.concat_tables(rows, promote_options="default") for name, rows in seen.items()}
    told = pa.concat_tables(answers) if answers else None
    return Response((BASE, *alternatives), joined, rounds=rounds, answers=told)


def sensitivity(
    engine: Engine,
    tables: Mapping[str, Any],
    alternatives: Mapping[str, Alternative],
    measure: Measure,
    behaviour: Behaviour,
    factors: Sequence[Number] = ("0", "0.5", "1", "2"),
    **given: Any,
) -> pa.Table:
    """The rows of a measure with the elasticities none, half, as stated and double: a column `times`, then those of `respond`.

    `given`: rules, beside and state, as in `respond`.
    """
    out = []
    for each in factors:
        number = exact_number(each)
        if number is None:
            raise InputError([Problem(what=f"{each!r} is no exact number", what_zh=f"{each!r} 不是精确数值", path="factors")])  # fmt: skip
        rows = respond(engine, tables, alternatives, [measure], behaviour.times(number), **given).table(measure.name)
        out.append(rows.add_column(0, "times", pa.array([str(each)] * rows.num_rows, pa.string())))
    return pa.concat_tables(out)


class _Crowd:
    """The visits of a batch and how often each takes place."""

    def __init__(
        self, base: View, behaviour: Behaviour, job: Job, beside: Mapping[str, Any], state: State | None
    ) -> None:
        """`job`: has read the batch as it was given, before rules deny anything of it."""
        self.base, self.behaviour = base, behaviour
        self._job, self._beside = job, beside
        visits = job.visits.rows
        self.episode, self.episodes = group_persons(visits, _links(job))
        # The visit with the first id speaks for an episode, wherever its row stands.
        by_id = np.asarray(pc.sort_indices(_plain(job.visits.source["setl_id"])), np.int64)
        rank = np.empty(visits, np.int64)
        rank[by_id] = np.arange(visits)
        least = np.full(self.episodes, visits, np.int64)
        np.minimum.at(least, self.episode, rank)
        self.first = by_id[least]
        kinds = base.attribute("med_type")
        self.group = behaviour.group_of(_plain(kinds).take(pa.array(self.first)).to_pylist())
        exact = [*behaviour.exact.values(), Fraction(0)]
        self._elasticity = np.array([float(each) for each in exact])[self.group]
        if state is not None:
            self._elasticity[self.episode[_of_before(job, state)]] = 0
        ids = _plain(job.visits.source["setl_id"]).take(pa.array(self.first)).to_pylist()
        self._lots = np.array([_lot(behaviour.seed, str(name)) for name in ids], np.float64) / _LOTS
        self._class = self._classes()
        self._before = self._prices(base, np.arange(visits))
        self.counts = np.ones(self.episodes, np.int64)

    def _classes(self) -> Int64 | None:
        """What has one price, by episode; None: each its own."""
        by = self.behaviour.by
        if by is None:
            return None
        unknown = [name for name in by if not self.base.knows(name)]
        if unknown:
            raise InputError([Problem(what=f"visits have no attribute {n!r}", what_zh=f"就诊没有属性 {n!r}", path="by", nearest=nearest(n, ATTRIBUTES)) for n in unknown])  # fmt: skip
        columns: dict[str, Any] = {"group": pa.array(self.group)}
        columns |= {name: self.base.attribute(name).take(pa.array(self.first)) for name in by}
        return cells_of(columns, self.episodes).of

    def _prices(self, view: View, visit: Int64) -> tuple[Int64, Int64]:
        """(what persons pay, bills) by episode, or by class; `visit`: which visit of the batch each row is."""
        cell = self.episode[visit] if self._class is None else self._class[self.episode[visit]]
        cells = self.episodes if self._class is None else int(self._class.max(initial=-1)) + 1
        paid, bill = (summed(view.number(name), cell, cells) for name in (self.behaviour.paid, "medfee_sumamt"))
        return paid, bill

    def at_rest(
        self, name: str, run: Callable[[dict[str, Any], dict[str, Any]], tuple[Job, dict[str, Any]]]
    ) -> tuple[View, int]:
        """(a policy with as many visits as take place under it, rounds). Raises InputError when they do not come to rest."""
        counts = np.ones(self.episodes, np.int64)
        paid, bill = (np.zeros_like(held) for held in self._before)
        seen: list[Int64] = []
        for rounds in range(1, self.behaviour.most + 1):
            batch, visit = happened(self._job, counts[self.episode])
            job, answer = run(batch, happened_beside(self._job, self._beside, counts[self.episode]))
            view = View(name, partial(_as_known, self._job, job, answer), self.base)
            now = self._prices(view, visit)
            # What does not take place has the price that it had when it last did.
            there = now[1] > 0
            paid, bill = np.where(there, now[0], paid), np.where(there, now[1], bill)
            fresh = self._wanted(paid, bill)
            if np.array_equal(fresh, counts):
                self.counts, self._after = counts, (paid, bill)
                return view, rounds
            if rounds == self.behaviour.most or any(np.array_equal(fresh, earlier) for earlier in seen):
                break
            seen.append(counts)
            counts = fresh
        raise InputError([self._restless(name, counts, fresh, rounds)])

    def _wanted(self, paid: Int64, bill: Int64) -> Int64:
        """How often each episode takes place at these prices."""
        before, after = (_share(*held) for held in (self._before, (paid, bill)))
        known = (self._before[1] > 0) & (bill > 0) & (before + after > 0)
        way = np.divide(after - before, after + before, out=np.zeros(len(before)), where=known)
        own = way if self._class is None else way[self._class]
        a = self._elasticity * own
        wanted: Int64 = np.floor((1 + a) / (1 - a) + self._lots).astype(np.int64)
        return wanted

    def answer(self, name: str) -> pa.Table:
        """What came of the last policy, by group of visits."""
        names = [*self.behaviour.groups]
        rows = []
        for at, group in enumerate(names):
            mine = self.group == at
            if not mine.any():
                continue
            size = np.bincount(self.episode, minlength=self.episodes)[mine]
            cells = mine if self._class is None else np.unique(self._class[mine])
            prices = [
                float(p[cells].sum() / b[cells].sum()) if b[cells].sum() > 0 else None
                for p, b in (self._before, self._after)
            ]
            rows.append(
                {
                    "policy": name, "group": group, "elasticity": str(self.behaviour.exact[group]), "visits_before": int(size.sum()),
                    "visits_after": int((size * self.counts[mine]).sum()), "price_before": prices[0], "price_after": prices[1],
                }
            )  # fmt: skip
        return pa.Table.from_pylist(rows, schema=_ANSWERS)

    def _restless(self, name: str, counts: Int64, fresh: Int64, rounds: int) -> Problem:
        moving = np.flatnonzero(counts != fresh)
        ids = self._job.visits.source["setl_id"]
        some = ", ".join(f"{ids[int(self.first[e])].as_py()} ({counts[e]} ↔ {fresh[e]})" for e in moving[:5])
        what = f"the visits under {name} do not come to rest: after {rounds} rounds {len(moving)} still change: {some}"
        zh = f"{name} 下的就诊数不收敛：{rounds} 轮后仍有 {len(moving)} 笔变动：{some}"
        return Problem(what=what, what_zh=zh, path="behaviour", expected="another seed, smaller elasticities, or `by` classes of visits", expected_zh="换用其他种子、减小弹性，或以 by 将就诊归类")  # fmt: skip


_ANSWERS = pa.schema(
    [
        ("policy", pa.string()), ("group", pa.string()), ("elasticity", pa.string()), ("visits_before", pa.int64()), ("visits_after", pa.int64()),
        ("price_before", pa.float64()), ("price_after", pa.float64()),
    ]
)  # fmt: skip


def _plain(column: Any) -> Any:
    column = flat(column) if isinstance(column, pa.ChunkedArray) else column
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def _lot(seed: int, name: str) -> int:
    data = hashlib.blake2b(name.encode(), digest_size=4, key=str(seed).encode()).digest()
    return int.from_bytes(data, "big")


def _share(paid: Int64, bill: Int64) -> Float:
    return np.divide(paid, bill, out=np.zeros(len(paid)), where=bill > 0)


def _of_before(job: Job, state: State) -> Int64:
    """Visits that belong to what has taken place before the batch: they take back, go on with or are a transfer from what an opening state
    holds."""
    known = np.zeros(int(job.stay.max(initial=-1)) + 1, bool)
    known[job.stay] = True
    tied = np.zeros(job.visits.rows, bool)
    if job.reverses:
        first = np.where(job.init >= 0, job.first_row[np.maximum(job.init, 0)], -1)
        tied |= job.reversal & (first < 0)
    if job.linked is not None:
        tied |= (job.linked >= 0) & ~known[np.minimum(job.linked, len(known) - 1)] | (job.linked >= len(known))
    if "mdtrt_id" in job.visits.source:
        earlier = {str(state.names["stay"][at]) for at in np.unique(state.arrays["stay"]).tolist() if at >= 0}
        ids = _plain(job.visits.source["mdtrt_id"]).cast(pa.string())
        tied |= np.asarray(pc.fill_null(pc.is_in(ids, pa.array(sorted(earlier), pa.string())), False))
    return np.flatnonzero(tied)


def _links(job: Job) -> list[tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]]:
    """Visits that take place together: of one stay, a transfer and the stay before it, what takes back and what is taken back."""
    rows = np.arange(job.visits.rows, dtype=np.int32)
    first = np.full(int(job.stay.max(initial=-1)) + 1, -1, np.int32)
    first[job.stay[::-1]] = rows[::-1]
    links = [(rows, first[job.stay])]
    if job.linked is not None:
        known = (job.linked >= 0) & (job.linked < len(first))
        links.append((rows[known], first[job.linked[known]]))
    if job.reverses:
        back = np.flatnonzero(job.reversal & (job.init >= 0))
        links.append((rows[back], job.first_row[job.init[back]].astype(np.int32)))
    return links


def _as_known(base: Job, job: Job, answer: dict[str, Any]) -> tuple[Job, dict[str, Any]]:
    """A run of some of the visits, with people numbered as the whole batch numbers them."""
    held = copy.copy(job)
    place = lookup(pa.chunked_array([job.psn_dictionary]), base.psn_dictionary)
    held.psn = np.append(place, np.int32(-1)).astype(np.int32)[job.psn]
    held.people, held.psn_dictionary = base.people, base.psn_dictionary
    return held, answer
