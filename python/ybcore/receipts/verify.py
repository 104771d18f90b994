"""A run against its receipt: files, documents, sums, and people settled again (docs/receipts.md section 2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..catalog import Catalog
from ..checks import RuleBook, load_rules
from ..columns.ids import flat
from ..columns.keys import ids_of
from ..engine import Engine, Settlement, State
from ..explain import is_one_of
from ..messages import yuan_text
from ..policy import Book, load_book
from .compare import as_written, compare, numbers
from .cut import Chosen, closed, cut
from .found import Found
from .model import Receipt
from .runs import TABLES, JobRun, SettledRun, run_of
from .sample import drawn
from .stored import Stored

__all__ = ["Verifier"]

AT_ONCE = 200_000  # settlements of a job that are settled again together
ORDER = ("table", "jrd_id", "jr_id", "source_file", "source_row")  # of rows of one settlement, where a job wrote them


@dataclass
class Verifier(Found):
    """Looks at one folder. Each step adds to `problems`; `settle` fills `compared`. `settled`: whether people were settled again."""

    folder: Path
    receipt: Receipt
    threads: int = 1
    people: int = 0
    settled: bool = False
    _begun: bool = False

    @property
    def true(self) -> bool:
        """Whether everything is as the receipt says."""
        return self.settled and not self.problems and not self.compared.different

    # ------------------------------------------------------------------ files

    def files(self) -> None:
        """Every file that the receipt names, and none beside."""
        run = self.run
        if run is not None:
            self._tried(lambda: self._files_of(run))

    def _files_of(self, run: SettledRun | JobRun) -> None:
        for kind, one, place in run.files():
            self._same_file(kind, one, place)
        for place in run.unknown():
            self._wrong("the run did not read this file", "该次结算未曾读取这个文件", place)

    @cached_property
    def run(self) -> SettledRun | JobRun | None:
        """Where everything is."""
        return self._tried(lambda: run_of(self.folder, self.receipt))

    # ------------------------------------------------------------------ documents

    def documents(self) -> None:
        """Policy documents, catalogue and rules as they lie there now."""
        self._same_version(self.receipt.engine.version)
        book, rules = self.book, self.rules
        if book is not None:
            held = {policy.id: policy.sha256 for policy in book}
            self._same_documents("policy", {d.id: d.sha256 for d in self.receipt.policy.documents}, held)
            told = self.receipt
            self._equal("documents", "policy.sha256", told.policy.sha256, book.sha256)
            self._equal("documents", "order", told.order, book.policies[0].model.dates.order)
            profile = {p.id: {n: f"{r.to} {r.mode}" for n, r in p.model.rounding} for p in book.policies}
            self._equal("documents", "rounding", told.rounding, profile)
        if self.receipt.rules is not None and rules is not None:
            now = rules.told()
            theirs_told = {d.id: d.sha256 for d in self.receipt.rules.documents}
            self._same_documents("rules", theirs_told, {d["id"]: d["sha256"] for d in now["documents"]})
            self._equal("documents", "rules.sha256", self.receipt.rules.sha256, now["sha256"])
            self._tried(self._what_counted)
        if self.receipt.catalog is not None and self.catalog is not None:
            self._equal("documents", "catalog.sha256", self.receipt.catalog.sha256, self.catalog.hash)

    def _what_counted(self) -> None:
        """The day of knowing and the suppression list that rules ran with."""
        assert self.run is not None and self.receipt.rules is not None
        told, now = self.receipt.rules, self.run.what_counts()
        day = None if now["known_at"] is None else now["known_at"].isoformat()
        self._equal("documents", "rules.known_at", told.known_at, day)
        self._equal("documents", "rules.suppressions", told.suppressions or 0, len(now["suppress"]))

    @cached_property
    def book(self) -> Book | None:
        """The policy documents that lie there now."""
        run = self.run
        return None if run is None else self._tried(lambda: load_book(run.policy))

    @cached_property
    def rules(self) -> RuleBook | None:
        """The rules that lie there now; None without."""
        run = self.run
        return self._tried(lambda: load_rules(run.rules)) if run is not None and run.rules else None

    @cached_property
    def catalog(self) -> Catalog | None:
        """The catalogue that lies there now; None without."""
        run = self.run
        return None if run is None else self._tried(run.catalog)

    # ------------------------------------------------------------------ sums

    @cached_property
    def outputs(self) -> dict[str, Stored]:
        """The tables that the run wrote; none where one cannot be read."""
        run = self.run
        return {} if run is None else self._tried(run.outputs) or {}

    def sums(self) -> None:
        """Rows, outcomes and money of the settlements."""
        told = self.receipt
        rows: dict[str, int] = {}
        for one in told.files.outputs:
            rows[one.name] = rows.get(one.name, 0) + (one.rows or 0)
        for name, stored in self.outputs.items():
            self._equal("sums", f"{name}: rows", rows.get(name, 0), stored.rows)
        lines = told.counts.lines if told.counts.settled_lines is None else told.counts.settled_lines
        if "line_results" in self.outputs and told.rules is None:
            self._equal("sums", "counts.lines", lines, self.outputs["line_results"].rows)
        if "details" in self.outputs and told.rules is not None:
            moved = sum(
                int(pc.sum(part["paid_amt"]).as_py() or 0) for part in self.outputs["details"].each(("paid_amt",))
            )
            self._equal("sums", "rules.moved_fen", told.rules.paid_fen, moved)
        if "settlements" in self.outputs:
            self._tried(self._sums_of_settlements)

    def _sums_of_settlements(self) -> None:
        told, stored, rejects = self.receipt, self.outputs["settlements"], self.outputs.get("rejects")
        visits = told.counts.visits if told.counts.settled is None else told.counts.settled
        self._equal("sums", "counts.visits" if told.counts.settled is None else "counts.settled", visits, stored.rows)
        totals = dict.fromkeys(told.totals_fen, 0)
        kinds: dict[tuple[str, str], int] = {}
        for table in stored.each({*totals, "outcome", "reason"}):
            for name, cells in numbers(
                table.select([n for n in totals if n in table.column_names]), stored.schema
            ).items():
                totals[name] += int(cells.sum())
            _count(table, kinds)
        for table in rejects.each(("table", "reason")) if rejects is not None else ():
            visit_rows = table.filter(pc.equal(flat(table["table"]), "visits")).select(["reason"])
            _count(visit_rows.append_column("outcome", pa.array(["rejected"] * len(visit_rows), pa.string())), kinds)
        for name, fen in totals.items():
            self.checked["sums"] += 1
            if fen != told.totals_fen[name]:
                says, is_ = yuan_text(told.totals_fen[name]), yuan_text(fen)
                self._wrong(f"the receipt says {says} yuan, found {is_} yuan", f"回执为 {says} 元，实为 {is_} 元", None, f"totals_fen.{name}")  # fmt: skip
        mine = {(one.outcome, one.reason): one.visits for one in told.counts.outcomes}
        for key in sorted({*mine, *kinds}):
            words = " ".join(word for word in key if word)
            self._equal("sums", f"counts.outcomes: {words}", mine.get(key, 0), kinds.get(key, 0))

    # ------------------------------------------------------------------ people settled again

    def settle(self, people: int | None, seed: int = 1, chosen: Chosen | None = None) -> None:
        """Draw people (None: all), settle their groups from the inputs, and compare every cell with what the run wrote.

        `chosen`: who is taken instead of drawing.
        """
        told = self.receipt
        lacking = (told.catalog and self.catalog is None) or (told.rules and self.rules is None)
        run = self.run
        if run is not None and self.book is not None and not lacking and "settlements" in self.outputs:
            who = chosen or self._tried(
                lambda: drawn([self.outputs[n] for n in ("settlements", "rejects") if n in self.outputs], people, seed)
            )
            if who is not None:
                self._tried(lambda: self._settled(run, who))
        if not self.settled:
            self._wrong("nothing was settled again, since something of the run cannot be read", "该次结算的某些内容无法读取，未能重新结算")  # fmt: skip

    def settle_all(self, seed: int = 1, progress: Callable[[int, int], None] = lambda done, whole: None) -> None:
        """Settle everybody again: of a job some of its parts at a time, so that it need not be held whole."""
        run, settlements = self.run, self.outputs.get("settlements")
        if run is None or not run.job or settlements is None or settlements.rows <= AT_ONCE:
            self.settle(None, seed)
            return
        done = 0
        for some in _some_at_a_time(settlements):
            self._some(drawn([some], None, seed))
            done += some.rows
            progress(done, settlements.rows)
        rest = self._only_rejected(settlements, seed)
        if rest.size:
            self._some(rest)

    def _some(self, chosen: Chosen) -> None:
        self.settled = False
        self.settle(None, chosen=chosen)

    def _only_rejected(self, settlements: Stored, seed: int) -> Chosen:
        """Who stands in the rejects and not among the settlements."""
        rejects = self.outputs.get("rejects")
        chosen = Chosen() if rejects is None else drawn([rejects], None, seed)
        for table in settlements.each(("psn_no",)) if chosen.people else ():
            chosen.people -= set(flat(table["psn_no"]).unique().to_pylist())
        return chosen

    def _settled(self, run: SettledRun | JobRun, chosen: Chosen) -> None:
        assert self.book is not None
        engine = Engine(self.book, self.catalog, threads=self.threads)
        opening, tables, written = run.opening(), run.tables(engine), self.outputs
        if not self._begun:
            self._rows_of_inputs(tables)
        self._begun = True
        closed(chosen, [tables["visits"]], tables.get("persons"), engine.shares, opening, self.threads)
        state = None if opening is None else opening.of(chosen.people, chosen.houses)
        lines, detail = "line_results" in written, "detail" in written
        options: dict[str, Any] = {
            "state": state, "line_output": lines, "detail": detail, "closing_state": False, "receipt": False,
        }  # fmt: skip
        again: dict[str, pa.Table | None]
        if run.job:
            assert isinstance(run, JobRun)
            again = self._as_a_unit(engine, cut(tables, chosen, self.threads, source=True), state, run)
        elif self.rules is None:
            some: dict[str, Any] = cut(tables, chosen, self.threads)
            again = _tables_of(engine.settle(**some, **options))
        else:
            again = _tables_of(self._with_rules(run, engine, tables, chosen, options))
        self._compare(again, chosen)
        self.settled = True

    def _as_a_unit(
        self, engine: Engine, tables: dict[str, pa.Table | None], state: State | None, run: JobRun
    ) -> dict[str, pa.Table | None]:
        """As a job settles some groups."""
        from ..jobs.ruled import Ruled
        from ..jobs.unit import ASIDE, GROUP, PEOPLE, SOURCE, Outputs, settle_unit

        given = {name: table for name, table in tables.items() if table is not None}
        plain = {name: table.drop_columns([n for n in SOURCE if n in table.column_names]) for name, table in given.items() if name in ("visits", *PEOPLE)}  # fmt: skip
        _, group = engine.groups(**plain, state=state)
        given["visits"] = given["visits"].append_column(GROUP, pa.array(group.astype(np.int32)))
        asked = Outputs("line_results" in self.outputs, "detail" in self.outputs, False, run.columns)
        ruled = None
        if self.rules is not None:
            ruled = Ruled.of(self.rules, run.datasets, engine.catalog, **run.what_counts())
            aside = ruled.aside(ids_of(given["visits"], "setl_id"))
            given["visits"] = given["visits"].append_column(ASIDE, pa.array(aside))
        done = settle_unit(engine, given, state=state, outputs=asked, ruled=ruled)
        return {
            "settlements": done.settlements, "line_results": done.line_results, "detail": done.detail,
            "findings": done.findings, "details": done.details, "rejects": done.rejects,
        }  # fmt: skip

    def _rows_of_inputs(self, tables: dict[str, Stored]) -> None:
        rows: dict[str, int] = {}
        for one in self.receipt.files.inputs:
            rows[one.name] = rows.get(one.name, 0) + (one.rows or 0)
        for name, stored in tables.items():
            self._equal("sums", f"{name}: rows", rows.get(name, 0), stored.rows)

    def _with_rules(
        self,
        run: SettledRun | JobRun,
        engine: Engine,
        tables: dict[str, Stored],
        chosen: Chosen,
        options: dict[str, Any],
    ) -> Settlement:
        """What rules move hangs on everybody, so everything is checked."""
        from ..checks.check import check
        from ..checks.settled import settle_some

        assert self.receipt.rules is not None and self.rules is not None
        whole = {name: stored.whole() for name, stored in tables.items()}
        beside: dict[str, Any] = run.beside()
        given = {name: whole[name] for name in TABLES[:4] if name in whole}
        report = check(
            **given,
            **beside,
            **run.what_counts(),
            rules=self.rules,
            catalog=engine.catalog,
            stage="during",
            threads=self.threads,
        )
        self._equal("sums", "rules.moved_fen", self.receipt.rules.paid_fen, int(report.denials().amount.sum()))
        visits = whole["visits"]
        names = tables["visits"].columns
        mask = np.zeros(len(visits), bool)
        for name, values in (("psn_no", chosen.people), ("setl_id", chosen.ids)):
            if name in names:
                mask |= np.asarray(pc.fill_null(is_one_of(visits[name], values), False))
        every: dict[str, Any] = {name: whole.get(name) for name in TABLES}
        return settle_some(engine, every, report, np.flatnonzero(mask), options)

    def _compare(self, again: dict[str, pa.Table | None], chosen: Chosen) -> None:
        """Rows that the run wrote of these people with those of settling again."""
        keys = {"setl_id": chosen.ids, "psn_no": chosen.people}
        people: set[Any] = set()
        for name, mine in again.items():
            stored = self.outputs.get(name)
            if mine is None or (stored is None and not len(mine)):
                continue
            if "psn_no" in mine.column_names:
                people |= set(mine["psn_no"].drop_null().unique().to_pylist())
            if stored is None:
                compare(name, mine.slice(0, 0), mine, self.compared)
                continue
            theirs = stored.where(keys if "psn_no" in mine.column_names else {"setl_id": chosen.ids}, threads=self.threads)  # fmt: skip
            compare(name, theirs, as_written(mine, stored.schema, stored.csv), self.compared, ORDER)
        self.people += len(people)


def _some_at_a_time(stored: Stored) -> Iterator[Stored]:
    """The files of a table, as many together as have about `AT_ONCE` rows."""
    files: list[Path] = []
    rows = 0
    for file in stored.files:
        files.append(file)
        rows += pq.read_metadata(file).num_rows
        if rows >= AT_ONCE:
            yield Stored(stored.schema, files)
            files, rows = [], 0
    if files:
        yield Stored(stored.schema, files)


def _tables_of(done: Settlement) -> dict[str, pa.Table | None]:
    return {"settlements": done.visits, "line_results": done.lines, "detail": done.detail}


def _count(table: pa.Table, into: dict[tuple[str, str], int]) -> None:
    """Rows by outcome and reason."""
    words = pa.table({name: pc.fill_null(flat(table[name]).cast(pa.string()), "") for name in ("outcome", "reason")})
    for row in words.group_by(["outcome", "reason"]).aggregate([([], "count_all")]).to_pylist():
        key = row["outcome"], row["reason"]
        into[key] = into.get(key, 0) + row["count_all"]
