"""The engine: a policy book and a catalogue, ready to settle any number of batches.

>>> engine = Engine(policy="policies/", catalog="catalog/")     # doctest: +SKIP
>>> engine.settle(visits, lines, persons).visits                # doctest: +SKIP

Everything in `Engine` is fixed when it is made; it may be shared between threads. Settling releases the GIL once.
"""

from __future__ import annotations

import datetime as dt
import os
import threading
import time
import weakref
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from . import _core
from ._version import __version__
from .catalog import Catalog
from .columns.read import Problems, read
from .columns.schema import Table
from .errors import InputError, Problem
from .policy import Book, Policy, load_book
from .policy.compile import CompiledBook
from .settling.closing import state_after
from .settling.given import input_tables
from .settling.job import Job
from .settling.one import OneSettlement, settled_alone
from .settling.order import rows_in_order, uses_households, uses_mutual_aid
from .settling.person import PersonState
from .settling.result import detail_table, line_table, visit_table, wanted_bits
from .settling.state import State
from .settling.window import Windows

__all__ = ["Engine", "Settlement", "State", "release_memory", "settle"]

FUND_TYPES = {
    "hifp_pay": ("310100", "统筹基金"), "cvlserv_pay": ("320100", "公务员医疗补助基金"), "hifes_pay": ("370100", "企业补充医疗保险基金"),
    "hifmi_pay": ("390200", "居民大病保险资金"), "hifob_pay": ("330100", "职工大额医疗费用补助基金"), "hifdm_pay": ("350100", "伤残人员医疗保障基金"),
    "maf_pay": ("610100", "医疗救助基金"), "oth_pay": ("910100", "其他基金"), "acct_pay": ("310200", "个人账户基金"),
    "hosp_part_amt": ("999900", "医院负担"), "psn_cash_pay": ("999998", "现金支出"),
}  # fmt: skip


@dataclass(frozen=True)
class Settlement:
    """What a run gives: Arrow tables, the closing state and the receipt.

    `visits` has one row a visit in input order, `lines` one a fee line in input order (None unless asked for), `detail` one a visit and
    layer in settling order (None unless asked for). Money is int64 fen; `pool_prop_selfpay` and `selfpay_prop` are ppm.
    """

    visits: pa.Table
    lines: pa.Table | None
    detail: pa.Table | None
    state: State | None
    receipt: dict[str, Any]
    notes: tuple[str, ...]
    checks: Any = None  # the CheckReport of a settlement with rules

    def setldetail(self) -> pa.Table:
        """The fund breakdown: one row for each settlement and fund (or account, hospital, cash) that took part.

        `fund_pay_type` codes are national ones; `inscp_scp_amt` is the settlement's; `crt_payb_lmt_amt` is the least room that fund
        ceilings left before paying (null where none binds or `detail` was not asked for). Raises InputError where `columns` of the run left
        one of them out.
        """
        lacking = [name for name in (*FUND_TYPES, "inscp_scp_amt") if name not in self.visits.column_names]
        if lacking:
            what = f"the settlement was made without {', '.join(lacking)}: settle with these among columns, or with all"
            what_zh = f"结算结果不含 {', '.join(lacking)}：请在 columns 中列出，或输出全部列"
            raise InputError([Problem(what=what, what_zh=what_zh, path="columns")])
        room = self._room()
        parts = []
        for column, (code, name) in FUND_TYPES.items():
            paid = self.visits[column]
            rows = pc.indices_nonzero(paid).cast(pa.int64())
            part = {
                "setl_id": self.visits["setl_id"].take(rows),
                "fund_pay_type": pa.array([code] * len(rows), pa.string()),
                "fund_pay_type_name": pa.array([name] * len(rows), pa.string()),
                "inscp_scp_amt": self.visits["inscp_scp_amt"].take(rows),
                "crt_payb_lmt_amt": room(column, rows),
                "fund_payamt": paid.take(rows),
            }
            parts.append(pa.table(part))
        return pa.concat_tables(parts)

    def _room(self) -> Any:
        if self.detail is None:
            return lambda column, rows: pa.nulls(len(rows), pa.int64())
        least = self.detail.group_by(["setl_id", "payer"]).aggregate([("room", "min")]) if len(self.detail) else None

        def room(column: str, rows: pa.Array) -> pa.Array:
            if least is None:
                return pa.nulls(len(rows), pa.int64())
            mine = least.filter(pc.equal(least["payer"].cast(pa.string()), column))
            at = pc.index_in(self.visits["setl_id"].take(rows), value_set=mine["setl_id"].combine_chunks())
            return mine["room_min"].take(at)

        return room


class Engine:
    """Settles batches under one book and one catalogue.

    `policy`: a Book, a Policy, a path of a document or folder, or a list of these. `catalog`: a Catalog, a folder, or None when no visit
    has lines. `threads`: how many to use; default all the machine lends this process.
    """

    def __init__(self, policy: Any, catalog: Any = None, *, threads: int | None = None) -> None:
        self.book: Book = policy if isinstance(policy, Book) else load_book(policy)
        self.catalog: Catalog | None = Catalog.load(catalog) if isinstance(catalog, (str, os.PathLike)) else catalog
        self.threads = threads if threads is not None else len(os.sched_getaffinity(0))
        self._compiled = CompiledBook(self.book)
        self._lock = threading.Lock()
        self._windows = Windows(self)
        _ENGINES.add(self)

    def __repr__(self) -> str:
        return f"Engine({len(self.book)} policies, {self.catalog!r}, threads={self.threads})"

    def __reduce__(self) -> Any:
        return Engine, (self.book, self.catalog), {}

    @cached_property
    def policy(self) -> Policy | Book:
        """The book, or its only policy."""
        return self.book.policies[0] if len(self.book) == 1 else self.book

    @cached_property
    def input_tables(self) -> dict[str, Table]:
        """The tables it reads, with the columns that the book declares."""
        return input_tables(self._compiled)

    @cached_property
    def shares(self) -> tuple[bool, bool]:
        """Whether some rule joins people into settling groups: (by household, by mutual aid)."""
        return uses_households(self._compiled), uses_mutual_aid(self._compiled)

    def settle(
        self,
        visits: Any,
        lines: Any = None,
        persons: Any = None,
        institutions: Any = None,
        acct_events: Any = None,
        *,
        state: State | None = None,
        line_offsets: Any = None,
        line_output: bool = False,
        detail: bool = False,
        closing_state: bool = True,
        receipt: bool = True,
        columns: Collection[str] | None = None,
        rules: Any = None,
        beside: Mapping[str, Any] | None = None,
        known_at: dt.date | None = None,
        suppress: Sequence[dict[str, Any]] = (),
    ) -> Settlement:
        """Settle a batch. Tables are anything column-shaped (docs/inputs.md). Raises InputError with every wrong column at once.

        `line_offsets`: int64[N+1] when lines stand grouped by visit. `state`: the closing state of the run before. Bad rows never raise:
        they come out with an outcome and a reason. Without `receipt` the input is not hashed and the receipt is empty. `rules`: a rule
        book; what its findings deny is moved to full self-pay before anything is paid, and `checks` of the answer is their report.
        `beside`: further tables that rules look at (diagnoses, operations, labs, doctors, stock); `known_at`, `suppress`: as in `check`. `columns`: the numbers that `visits` of
        the answer is to have beside who, outcome, reason, flags and plan; default all. Fewer are quicker and take less memory.
        """  # fmt: skip
        began = time.perf_counter()
        tables = {
            "visits": visits,
            "lines": lines,
            "persons": persons,
            "institutions": institutions,
            "acct_events": acct_events,
        }
        if rules is None and (known_at is not None or len(suppress)):
            what, zh = "known_at and suppress are of rules: give rules", "known_at、suppress 须与 rules 同用"
            raise InputError([Problem(what=what, what_zh=zh, path="rules")])
        if rules is not None:
            from .checks.settled import settle_checked

            options = {
                "state": state,
                "line_output": line_output,
                "detail": detail,
                "closing_state": closing_state,
                "receipt": receipt,
                "columns": columns,
            }
            asked = {"known_at": known_at, "suppress": suppress}
            return settle_checked(self, tables, rules, beside or {}, line_offsets, options, asked)
        wanted = -1 if columns is None else wanted_bits(columns)
        job = Job(self._compiled, self.catalog, tables, line_offsets, self.threads)
        with self._lock:
            answer = job.settle(
                line_output=line_output, detail=detail, state=state, want_state=closing_state, columns=wanted
            )
        out = visit_table(job, answer, columns)
        closing = state_after(job, answer, out, state) if closing_state else None
        told = self._receipt(job, out, time.perf_counter() - began, state) if receipt else {}
        return Settlement(
            out,
            line_table(job, answer) if line_output else None,
            detail_table(job, answer) if detail else None,
            closing,
            told,
            tuple(job.notes),
        )

    def groups(
        self,
        visits: Any,
        lines: Any = None,
        persons: Any = None,
        institutions: Any = None,
        acct_events: Any = None,
        *,
        state: State | None = None,
    ) -> tuple[dict[str, pa.ChunkedArray], npt.NDArray[np.int64]]:
        """(columns of the visits that settling knows, settling group of each visit; those of nobody are on their own)."""
        tables = {"visits": visits, "persons": persons, "institutions": institutions, "acct_events": acct_events}
        job = Job(self._compiled, self.catalog, tables, None, self.threads)
        job.prepare(state)
        job._order()
        own = job.groups + np.arange(job.visits.rows)
        known = job.group_of_person[np.maximum(job.psn, 0)] if job.people else own
        return job.visits.source, np.where(job.psn >= 0, known, own).astype(np.int64)

    def figures_read(
        self,
        visits: Any,
        lines: Any = None,
        persons: Any = None,
        institutions: Any = None,
        acct_events: Any = None,
        *,
        state: State | None = None,
    ) -> pa.Table:
        """How many visits each figure of the book was looked up for: policy_id, path, visits; a row with an empty path is the document itself.

        Every figure of every document has a row. A reversal reads nothing of its own (docs/simulation.md section 2).
        """
        tables = {
            "visits": visits,
            "lines": lines,
            "persons": persons,
            "institutions": institutions,
            "acct_events": acct_events,
        }
        job = Job(self._compiled, self.catalog, tables, None, self.threads)
        with self._lock:
            counted = job.figures_read(state)
        rows: dict[tuple[str, str], int] = {}
        for policy in self.book:
            rows[policy.id, ""] = 0
            rows.update({(policy.id, leaf.path): 0 for leaf in policy.figures()})
        for instance, count in counted:
            name = self.book.policies[instance.document].id
            rows[name, ""] += count
            for path in instance.read:
                for own in self._leaves[name].get(path, ()):
                    rows[name, own] += count
        names, paths = zip(*rows)
        return pa.table({"policy_id": list(names), "path": list(paths), "visits": pa.array(rows.values(), pa.int64())})

    @cached_property
    def _leaves(self) -> dict[str, dict[tuple[str | int, ...], list[str]]]:
        """By document: the figures as listed that stand at or below each node which a plan reads."""
        out: dict[str, dict[tuple[str | int, ...], list[str]]] = {}
        for policy in self.book:
            mine = out.setdefault(policy.id, {})
            for leaf in policy.figures():
                for depth in range(1, len(leaf.raw_path) + 1):
                    mine.setdefault(leaf.raw_path[:depth], []).append(leaf.path)
        return out

    def image(
        self, path: str | os.PathLike[str], visits: Any = None, persons: Any = None, institutions: Any = None
    ) -> Path:
        """Write what the C door settles with: the book, its plans and the catalogue, compiled, as one file that processes share.

        It holds the plans of every combination of facts that this engine has met, and of those of `visits` (which are not settled), and what
        the door needs to make those of all others when they come.
        """
        from .settling.image import image_of

        with self._lock:
            return image_of(self, Path(path), {"visits": visits, "persons": persons, "institutions": institutions})

    def order(self, visits: Any, group: npt.NDArray[np.int32], groups: int) -> npt.NDArray[np.int64]:
        """Rows of the visits by group (0 to `groups` - 1; rows of group -1 are left out), in settling order inside a group."""
        problems = Problems()
        columns = {name: visits[name] for name in ("setl_id", "setl_time", "enddate") if name in visits.column_names}
        schema = self.input_tables["visits"]
        frame = read(columns, schema, problems, optional={c.name for c in schema.columns}, threads=self.threads)
        problems.stop()
        rule = self.book.policies[0].model.dates.order
        return rows_in_order(frame, rule, np.ascontiguousarray(group, dtype=np.int32), groups, self.threads)

    def settle_one(
        self,
        visit: Mapping[str, Any],
        lines: Sequence[Mapping[str, Any]] | None = None,
        person: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        state: PersonState | None = None,
        pre: bool = False,
        *,
        institution: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        acct_events: Sequence[Mapping[str, Any]] | None = None,
        rules: Any = None,
        beside: Mapping[str, Any] | None = None,
    ) -> OneSettlement:
        """One visit: its row, its lines and the state after it; exactly what a batch gives (docs/embedding.md).

        `person`: the person's row of the table `persons`, or the dated rows, with those of whoever is settled together with them.
        `state`: what the visits before left; None for the first. `pre`: only what would be paid: the state stays as it is. Raises
        InputError for values that no table may hold.

        `rules`: a `Checker` with stage `before` looks at the visit in the same call and moves nothing: `checks` of the answer is its report;
        `beside` has the tables that it looks at too, and as `visits` and `lines` those of earlier visits. A rule book, or a Checker of
        another stage, is that of `settle`: what it denies is moved before anything is paid.
        """
        if rules is not None or beside:
            from .checks.one import settled_with_rules

            given = {
                "person": person,
                "state": state,
                "pre": pre,
                "institution": institution,
                "acct_events": acct_events,
            }
            return settled_with_rules(self, {"visit": visit, "lines": lines, **given}, rules, beside or {})
        return settled_alone(self, visit, lines, person, state, pre, institution, acct_events)

    def settle_stream(
        self, batches: Iterable[tuple[Any, Any]], *, state: State | None = None, **given: Any
    ) -> Iterator[Settlement]:
        """Batches of (visits, lines or None) as they come, each from the state that the one before left.

        Batches come in settling order: no visit of a later one belongs before a visit of an earlier one of its settling group. `given`: the
        tables that hold for all of them (persons, institutions, acct_events) and further options of `settle`.
        """
        for visits, lines in batches:
            done = self.settle(visits, lines, **given, state=state)
            state = done.state
            yield done

    def documents(self) -> dict[str, Any]:
        """What a receipt says of engine, policy, catalogue, order and rounding."""
        return {
            "engine": {"name": "ybcore", "version": __version__},
            "policy": {"sha256": self.book.sha256, "documents": [{"id": p.id, "sha256": p.sha256} for p in self.book.policies]},
            "catalog": None if self.catalog is None else {"sha256": self.catalog.hash},
            "order": self.book.policies[0].model.dates.order,
            "rounding": {p.id: {n: f"{r.to} {r.mode}" for n, r in p.model.rounding} for p in self.book.policies},
        }  # fmt: skip

    def receipt_of(
        self, results: pa.Table, state: State | None = None, seconds: float = 0, **tables: Any
    ) -> dict[str, Any]:
        """The receipt of results that are there already: `results` are the visits that these tables came to from this opening state."""
        names = ("visits", "lines", "persons", "institutions", "acct_events")
        job = Job(self._compiled, self.catalog, {name: tables.get(name) for name in names}, None, self.threads)
        return self._receipt(job, results, seconds, state)

    def _receipt(self, job: Job, out: pa.Table, seconds: float, state: State | None) -> dict[str, Any]:
        money = [
            name
            for name in out.column_names
            if out[name].type == pa.int64() and name not in ("flags", "pool_prop_selfpay", "balc", "setl_id", "psn_no")
        ]
        counts = out.group_by(["outcome", "reason"]).aggregate([([], "count_all")]).to_pylist()
        return {
            **self.documents(),
            "input": job.digests(),
            "opening_state": None if state is None else state.sha256,
            "counts": {
                "visits": out.num_rows,
                "lines": 0 if job.lines is None else job.lines.rows,
                "outcomes": sorted(({"outcome": c["outcome"], "reason": c["reason"], "visits": c["count_all"]} for c in counts), key=lambda c: (c["outcome"], c["reason"])),
            },
            "totals_fen": {name: int(pc.sum(out[name]).as_py() or 0) for name in money},
            "seconds": round(seconds, 3),
            "threads": self.threads,
        }  # fmt: skip


_ENGINES: weakref.WeakSet[Engine] = weakref.WeakSet()


def _unlock() -> None:
    """In the child of a fork: whoever held a lock is not there to give it back."""
    for engine in _ENGINES:
        engine._lock = threading.Lock()


os.register_at_fork(after_in_child=_unlock)


def release_memory() -> None:
    """Give memory that the kernel keeps for the next run back to the system.

    A process keeps, beside what results hold, at most as much as its largest run needed at once, and the system may take it whenever it
    is short; after a large run that no other follows, this gives it back at once.
    """
    _core.let_go()


def settle(
    visits: Any,
    lines: Any = None,
    persons: Any = None,
    *,
    policy: Any,
    catalog: Any = None,
    threads: int | None = None,
    **options: Any,
) -> Settlement:
    """Settle one batch with an engine made for it; see `Engine` and `Engine.settle`."""
    return Engine(policy, catalog, threads=threads).settle(visits, lines, persons, **options)
