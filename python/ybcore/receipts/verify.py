"""A run against its receipt: files, documents, sums, and people settled again (docs/receipts.md section 2)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .. import io
from .._version import __version__
from ..catalog import Catalog
from ..checks import RuleBook, load_rules
from ..columns.checkschema import CHECK_TABLES
from ..columns.schema import DETAIL_OUTPUT, LINE_OUTPUT, VISIT_OUTPUT
from ..engine import Engine, Settlement, State
from ..errors import Problem, YbcoreError, _ProblemsError
from ..explain import is_one_of
from ..policy import Book, load_book
from .compare import Compared, as_written, compare, numbers
from .cut import Chosen, closed, cut
from .files import sha256_of_file
from .model import Receipt
from .sample import drawn
from .stored import Stored

__all__ = ["OUTPUTS", "Verifier"]

OUTPUTS = {"settlements": VISIT_OUTPUT, "line_results": LINE_OUTPUT, "detail": DETAIL_OUTPUT}
TABLES = ("visits", "lines", "persons", "institutions", "acct_events")
BESIDE = ("diagnoses", "operations", "labs", "doctors", "stock")


@dataclass
class Verifier:
    """Looks at one folder. Each step adds to `problems`; `settle` fills `compared`.

    `checked`: how many files, documents and sums were looked at. `settled`: whether people were settled again.
    """

    folder: Path
    receipt: Receipt
    threads: int = 1
    problems: list[Problem] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    checked: dict[str, int] = field(default_factory=lambda: {"files": 0, "documents": 0, "sums": 0})
    compared: Compared = field(default_factory=Compared)
    people: int = 0
    settled: bool = False

    @property
    def true(self) -> bool:
        """Whether everything is as the receipt says."""
        return self.settled and not self.problems and not self.compared.different

    def _wrong(self, what: str, zh: str, file: Any = None, path: str = "", expected: str = "") -> None:
        place = None if file is None else str(file)
        self.problems.append(Problem(what=what, what_zh=zh, file=place, path=path, expected=expected))

    def _equal(self, kind: str, name: str, told: Any, found: Any, file: Any = None) -> None:
        """One figure of the receipt."""
        self.checked[kind] += 1
        if told != found:
            self._wrong(f"the receipt says {told}, found {found}", f"回执为 {told}，实为 {found}", file, name)

    # ------------------------------------------------------------------ files

    def files(self) -> None:
        """Every file that the receipt names."""
        told = self.receipt.files
        for kind, one, path in [
            *(("input", f, Path(f.path)) for f in told.inputs),
            *(("output", f, self.folder / f.path) for f in told.outputs),
        ]:
            self.checked["files"] += 1
            zh = "输入" if kind == "input" else "输出"
            if not path.is_file():
                self._wrong(f"the {kind} is not there any more", f"{zh}文件已不在", path, one.name)
            elif path.stat().st_size != one.bytes or sha256_of_file(path) != one.sha256:
                self._wrong(f"the {kind} is not the file of the run: its hash differs", f"{zh}文件与该次结算的不同：散列值不符", path, one.name)  # fmt: skip

    # ------------------------------------------------------------------ documents

    def documents(self) -> None:
        """Policy documents, catalogue and rules as they lie there now."""
        if self.receipt.engine.version != __version__:
            theirs = self.receipt.engine.version
            self.notes.append(
                (f"结算所用引擎为 {theirs}，现为 {__version__}", f"settled by version {theirs}, this is {__version__}")
            )
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
        if self.receipt.catalog is not None and self.catalog is not None:
            self._equal("documents", "catalog.sha256", self.receipt.catalog.sha256, self.catalog.hash)

    def _same_documents(self, kind: str, told: dict[str, str], found: dict[str, str]) -> None:
        for name in sorted({*told, *found}):
            self.checked["documents"] += 1
            if name not in found:
                self._wrong(
                    "a document of the run is not there any more", "该次结算的文件已不在", path=f"{kind}.{name}"
                )
            elif name not in told:
                self._wrong("the run had no such document", "该次结算没有这份文件", path=f"{kind}.{name}")
            elif told[name] != found[name]:
                self._wrong("the document has changed since the run", "文件在结算之后有改动", path=f"{kind}.{name}")

    def _tried(self, read: Any) -> Any:
        """What is read, or None and the problems why not."""
        try:
            return read()
        except _ProblemsError as error:
            self.problems += error.problems
        except (YbcoreError, OSError, ValueError, KeyError, pa.ArrowException) as error:
            self._wrong(f"cannot be read: {error}", f"无法读取：{error}")
        return None

    @cached_property
    def book(self) -> Book | None:
        """The policy documents that lie there now."""
        return self._tried(lambda: load_book([Path(p) for p in self.receipt.run.policy]))

    @cached_property
    def rules(self) -> RuleBook | None:
        """The rules that lie there now; None without."""
        files = [Path(p) for p in self.receipt.run.rules]
        return self._tried(lambda: load_rules(files)) if files else None

    @cached_property
    def catalog(self) -> Catalog | None:
        """The catalogue that lies there now; None without."""
        run = self.receipt.run
        if not run.catalog:
            return None
        return self._tried(
            lambda: Catalog(**{n: io.read_table(p, run.encodings.get(n, "auto")) for n, p in run.catalog.items()})
        )

    # ------------------------------------------------------------------ sums

    @cached_property
    def outputs(self) -> dict[str, Stored | None]:
        """The tables that the run wrote; None where one cannot be read."""
        files = {name: self.folder / path for name, path in self.receipt.run.files.items() if name in OUTPUTS}
        return {n: self._tried(lambda n=n, p=p: Stored(OUTPUTS[n], [p])) for n, p in files.items()}

    def sums(self) -> None:
        """Rows, outcomes and money of the settlements."""
        rows = {one.name: one.rows for one in self.receipt.files.outputs if one.rows is not None}
        for name, stored in self.outputs.items():
            if stored is not None and name in rows:
                self._equal("sums", f"{name}: rows", rows[name], stored.rows)
        if self.receipt.rules is None and "line_results" in rows:
            self._equal("sums", "counts.lines", self.receipt.counts.lines, rows["line_results"])
        stored = self.outputs.get("settlements")
        if stored is not None:
            self._tried(lambda: self._sums_of(stored))

    def _sums_of(self, stored: Stored) -> None:
        told = self.receipt
        self._equal("sums", "counts.visits", told.counts.visits, stored.rows)
        totals = dict.fromkeys(told.totals_fen, 0)
        kinds: dict[tuple[str, str], int] = {}
        for table in stored.each({*totals, "outcome", "reason"}):
            for name, cells in numbers(
                table.select([n for n in totals if n in table.column_names]), stored.schema
            ).items():
                totals[name] += int(cells.sum())
            for row in _counted(table):
                key = row["outcome"] or "", row["reason"] or ""
                kinds[key] = kinds.get(key, 0) + row["count_all"]
        for name, fen in totals.items():
            self._equal("sums", f"totals_fen.{name}", told.totals_fen[name], fen)
        mine = {(one.outcome, one.reason): one.visits for one in told.counts.outcomes}
        for key in sorted({*mine, *kinds}):
            name = " ".join(word for word in key if word)
            self._equal("sums", f"counts.outcomes: {name}", mine.get(key, 0), kinds.get(key, 0))

    # ------------------------------------------------------------------ people settled again

    def settle(self, people: int | None, seed: int) -> None:
        """Draw people (None: all), settle their groups from the inputs, and compare every cell with what the run wrote."""
        told = self.receipt
        lacking = (told.catalog and self.catalog is None) or (told.rules and self.rules is None)
        if self.book is not None and not lacking and self.outputs.get("settlements") is not None:
            self._tried(lambda: self._settled(people, seed))
        if not self.settled:
            self._wrong("nothing was settled again, since something of the run cannot be read", "该次结算的某些内容无法读取，未能重新结算")  # fmt: skip

    def _settled(self, people: int | None, seed: int) -> None:
        assert self.book is not None
        run = self.receipt.run
        engine = Engine(self.book, self.catalog, threads=self.threads)
        state = None if run.state is None else State.load(run.state)
        written = {name: stored for name, stored in self.outputs.items() if stored is not None}
        tables = {
            name: Stored(engine.input_tables[name], [Path(run.tables[name])], run.encodings.get(name, "auto"))
            for name in TABLES
            if name in run.tables
        }
        self._rows_of_inputs(tables)
        chosen = drawn([written["settlements"]], people, seed)
        closed(chosen, [tables["visits"]], tables.get("persons"), engine.shares, state, self.threads)
        options: dict[str, Any] = {
            "state": state, "line_output": "line_results" in written, "detail": "detail" in written, "closing_state": False, "receipt": False,
        }  # fmt: skip
        if self.rules is None:
            some: dict[str, Any] = cut(tables, chosen, self.threads)
            done = engine.settle(**some, **options)
        else:
            done = self._with_rules(engine, tables, chosen, options)
        self.people = len(done.visits["psn_no"].drop_null().unique())
        self._compare(done, written, chosen)
        self.settled = True

    def _rows_of_inputs(self, tables: dict[str, Stored]) -> None:
        rows = {one.name: one.rows for one in self.receipt.files.inputs}
        for name, stored in tables.items():
            if rows.get(name) is not None:
                self._equal("sums", f"{name}: rows", rows[name], stored.rows)

    def _with_rules(
        self, engine: Engine, tables: dict[str, Stored], chosen: Chosen, options: dict[str, Any]
    ) -> Settlement:
        """What rules move hangs on everybody, so everything is checked."""
        from ..checks.check import check
        from ..checks.settled import settle_some

        assert self.receipt.rules is not None and self.rules is not None
        whole = {name: stored.whole() for name, stored in tables.items()}
        run = self.receipt.run
        beside = {
            name: Stored(CHECK_TABLES[name], [Path(run.tables[name])], run.encodings.get(name, "auto")).whole()
            for name in BESIDE
            if name in run.tables
        }
        given = {name: whole[name] for name in TABLES[:4] if name in whole}
        report = check(
            **given, **beside, rules=self.rules, catalog=engine.catalog, stage="during", threads=self.threads
        )
        self._equal("sums", "rules.moved_fen", self.receipt.rules.moved_fen, int(report.denials().amount.sum()))
        visits = whole["visits"]
        names = tables["visits"].columns
        mask = np.zeros(len(visits), bool)
        for name, values in (("psn_no", chosen.people), ("setl_id", chosen.ids)):
            if name in names:
                mask |= np.asarray(pc.fill_null(is_one_of(visits[name], values), False))
        every: dict[str, Any] = {name: whole.get(name) for name in TABLES}
        return settle_some(engine, every, report, np.flatnonzero(mask), options)

    def _compare(self, done: Settlement, written: dict[str, Stored], chosen: Chosen) -> None:
        mine = {"settlements": done.visits, "line_results": done.lines, "detail": done.detail}
        keys = {"setl_id": chosen.ids}
        for name, stored in written.items():
            again = mine[name]
            if again is None:
                continue
            csv = stored.files[0].suffix.lower() == ".csv"
            asked = {**keys, "psn_no": chosen.people} if name == "settlements" else keys
            theirs = stored.where(asked, threads=self.threads)
            compare(name, theirs, as_written(again, OUTPUTS[name], csv), self.compared)


def _counted(table: pa.Table) -> Iterable[dict[str, Any]]:
    plain = table.select(["outcome", "reason"])
    for i, name in enumerate(plain.column_names):
        column = plain.column(i)
        if pa.types.is_dictionary(column.type):
            plain = plain.set_column(i, name, column.cast(column.type.value_type))
    rows: list[dict[str, Any]] = plain.group_by(["outcome", "reason"]).aggregate([([], "count_all")]).to_pylist()
    return rows
