"""A study against its receipt: files, documents, the base settled again, policies settled by themselves, or the whole study again (docs/receipts.md section 5)."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..columns.schema import VISIT_OUTPUT
from ..engine import Engine
from ..simulate.comparison import BASE
from ..simulate.reform import Reformed
from ..simulate.study import Study, load_study
from ..simulate.studyalone import alone, engine_of, receipt_of_base
from ..simulate.studyinputs import Given, read_inputs
from ..simulate.studyrun import OVERVIEW, check_study, run_study
from .clearmodel import StudyReceipt
from .compare import Difference, compare_in_order
from .files import sha256_of_file
from .found import Found

__all__ = ["StudyVerifier", "drawn"]

_SUMMED = tuple(column.name for column in VISIT_OUTPUT.columns if column.kind == "money")


@dataclass
class StudyVerifier(Found):
    """Looks at a folder of `ybcore simulate`. `document`: the study, where it lies now (None: beside the folder, or in it).

    `again`: the policies that were settled again, or every table of the study.
    """

    folder: Path
    receipt: StudyReceipt
    document: Path | None = None
    threads: int = 1
    again: list[str] = field(default_factory=list)

    @property
    def true(self) -> bool:
        """Whether everything is as the receipt says."""
        return bool(self.again) and not self.problems and not self.compared.different

    @cached_property
    def path(self) -> Path:
        """Where the study is looked for."""
        if self.document is not None:
            return self.document
        near = (self.folder.parent / self.receipt.study.file, self.folder / self.receipt.study.file)
        return next((path for path in near if path.is_file()), near[0])

    # ------------------------------------------------------------------ files

    def files(self) -> None:
        """The study, every input and every output, by hash; a file in `tables` or `pictures` that the receipt does not name."""
        self._file("input", "study", self.path, self.receipt.study.sha256)
        for one in self.receipt.inputs:
            self._file("input", one.name, self.path.parent / one.path, one.sha256)
        for out in self.receipt.outputs:
            self._file("output", "", self.folder / out.path, out.sha256)
        known = {out.path for out in self.receipt.outputs}
        for folder in ("tables", "pictures"):
            for path in sorted((self.folder / folder).glob("*")):
                if path.relative_to(self.folder).as_posix() not in known:
                    self._wrong("the run did not write this file", "该次测算未曾写出这个文件", path)

    def _file(self, kind: str, name: str, path: Path, told: str) -> None:
        self.checked["files"] += 1
        zh = "输入" if kind == "input" else "输出"
        if not path.is_file():
            hint = ("; say with --study where it is", "；可用 --study 指明所在") if name == "study" else ("", "")
            self._wrong(f"the {kind} is not there any more{hint[0]}", f"{zh}文件已不在{hint[1]}", path, name)
        elif sha256_of_file(path) != told:
            self._wrong(f"the {kind} is not the file of the run: its hash differs", f"{zh}文件与该次测算的不同：散列值不符", path, name)  # fmt: skip

    # ------------------------------------------------------------------ documents

    @cached_property
    def study(self) -> tuple[Study, Any, dict[str, Reformed]] | None:
        """(the study as it lies there now, its book, its policies); None where it cannot be read."""
        if not self.path.is_file():
            return None

        def read() -> tuple[Study, Any, dict[str, Reformed]]:
            study = load_study(self.path)
            book, policies, _ = check_study(study)
            return study, book, policies

        held: tuple[Study, Any, dict[str, Reformed]] | None = self._tried(read)
        return held

    def documents(self) -> None:
        """Policies, reforms and rules as they lie there now."""
        told = self.receipt
        self._same_version(told.engine.version)
        if self.study is None:
            return
        study, book, policies = self.study
        self._same_documents("policy", {d.id: d.sha256 for d in told.policy.documents}, {p.id: p.sha256 for p in book})
        self._equal("documents", "policy.sha256", told.policy.sha256, book.sha256)
        reforms = {held.id: held.sha256 for held in study.reforms} | {held.id: held.sha256 for held in study.clearing}
        self._same_documents("reforms", {held.id: held.sha256 for held in told.reforms}, reforms)
        found = {BASE: book.sha256} | {name: held.book.sha256 for name, held in policies.items()}
        self._same_documents("policies", {held.id: held.sha256 for held in told.policies}, found)
        if study.model.clearing is not None and told.clearing is not None:
            self._tried(lambda: self._documents_of_clearing(study))

    def _documents_of_clearing(self, study: Study) -> None:
        from ..simulate.studyclear import book_of
        from ..simulate.studyclearing import hash_under

        assert self.receipt.clearing is not None
        book = book_of(study)
        theirs = {held["id"]: held["sha256"] for held in self.receipt.clearing["documents"]}
        self._same_documents("clearing", theirs, {held.id: held.sha256 for held in book})
        for held in self.receipt.policies:
            if held.id in study.alternatives_of_clearing:
                self._equal("documents", f"policies.{held.id}.clearing", held.clearing, hash_under(study, book, held.id))  # fmt: skip

    # ------------------------------------------------------------------ settled again

    def settle(self, seed: int = 1) -> None:
        """The base and one policy, drawn by the seed, settled by themselves: contents of the inputs, counts and sums are those of the receipt,
        and their rows of the overview are what they come to."""
        if self.study is not None:
            study, book, policies = self.study
            self._tried(lambda: self._settled(study, book, policies, seed))
        if not self.again:
            self._wrong("nothing was settled again, since something of the run cannot be read", "该次测算的某些内容无法读取，未能重新结算")  # fmt: skip

    def _base(self, study: Study, book: Any) -> tuple[Engine, Given]:
        """The base settled again: contents of inputs, counts and sums are those of the receipt."""
        given = read_inputs(study)
        engine = Engine(book, given.catalog, threads=self.threads)
        told, found = self.receipt.model_dump(mode="json"), receipt_of_base(study, engine, given)
        for part in ("catalog", "rules", "rounding", "order"):
            self._equal("documents", part, told.get(part), found.get(part))
        for part in ("input", "counts", "totals_fen"):
            for name in sorted({*found[part], *told[part]}):
                self._equal("sums", f"{part}.{name}", told[part].get(name), found[part].get(name))
        return engine, given

    def _settled(self, study: Study, book: Any, policies: dict[str, Reformed], seed: int) -> None:
        engine, given = self._base(study, book)
        written = {row["policy"]: row for row in pq.read_table(self.folder / "tables" / f"{OVERVIEW}.parquet").to_pylist()}  # fmt: skip
        self._row(BASE, written, engine, given, study.rules)
        name = drawn(list(policies), seed)
        if name is not None:
            held = policies[name]
            self._row(name, written, engine_of(engine, held), given, held.rules)
        if study.model.clearing is not None:
            from ..simulate.studyclearing import cleared_under

            for table, again in cleared_under(study, engine, given, policies, self.threads).tables.items():
                self._table(table, again)

    def _row(self, policy: str, written: dict[str, Any], engine: Engine, given: Given, rules: Any) -> None:
        """One row of the overview against a settlement of everybody."""
        done, _ = alone(engine, given, rules, receipt=False)
        visits = done.visits
        words = visits["outcome"].cast("string")
        counted = visits.filter(pc.or_(pc.equal(words, "settled"), pc.equal(words, "no_benefit")))
        row = written.get(policy, {})
        again: dict[str, Any] = {"visits": counted.num_rows}
        again |= {name: pc.sum(counted[name]).as_py() or 0 for name in _SUMMED if name in row}
        self.compared.rows[OVERVIEW] = self.compared.rows.get(OVERVIEW, 0) + 1
        self.compared.columns[OVERVIEW] = len(again)
        self.compared.cells += len(again)
        self.compared.add(
            Difference(OVERVIEW, policy, name, row.get(name), value) for name, value in again.items() if row.get(name) != value
        )  # fmt: skip
        self.again.append(policy)

    def run(self) -> None:
        """The whole study again, and every cell of every table compared."""
        if self.study is None:
            self.settle()
            return
        study, book, _ = self.study
        self._tried(lambda: self._run(study, book))
        if not self.again:
            self._wrong("nothing was settled again, since something of the run cannot be read", "该次测算的某些内容无法读取，未能重新结算")  # fmt: skip

    def _run(self, study: Study, book: Any) -> None:
        self._base(study, book)
        done = run_study(study, threads=self.threads)
        for name, table in done.tables.items():
            self._table(name, table)

    def _table(self, name: str, again: pa.Table) -> None:
        """A table that was written against the same made again; its rows are called by their first texts."""
        path = self.folder / "tables" / f"{name}.parquet"
        if not path.is_file():
            self._wrong("a table of the study is not there", "测算的一张表不在", path, name)
            return
        keys = [column for column in again.column_names if pa.types.is_string(again[column].type)][:3]
        compare_in_order(name, pq.read_table(path), again, keys, self.compared)
        self.again.append(name)


def drawn(names: list[str], seed: int) -> str | None:
    """One of them, by the hash of seed and name."""
    return min(names, key=lambda name: sha256(f"{seed}\n{name}".encode()).hexdigest(), default=None)
