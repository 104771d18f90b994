"""Clearing and cash benefits against their receipts: files, documents, sums, and everything reckoned again (docs/receipts.md section 5)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from .. import io
from ..clearing import benefit, clear, load_benefits, load_clearings
from ..clearing.cashmodels import RESULTS
from ..clearing.outputs import CLEARING_OUTPUTS
from ..clearing.result import Cleared
from ..clearing.tables import CLEARING_INPUTS
from ..columns.schema import Table
from .clearfacts import benefit_facts, clearing_facts, documents_told
from .clearmodel import BenefitReceipt, ClearingReceipt
from .clearrun import cases_of_run
from .compare import as_written, compare_in_order
from .found import Found
from .model import FileTold

__all__ = ["BenefitVerifier", "ClearingVerifier"]

KEYS = {
    "cases": ("setl_id",),
    "months": ("fixmedins_code", "insutype", "clr_type", "document", "method", "setlym"),
    "years": ("fixmedins_code", "insutype", "clr_type", "document", "method", "year"),
    "pools": ("document", "pool", "period"),
    "balances": ("document", "pool", "year"),
    "benefits": ("claim_id",),
}


@dataclass
class _Reckoned(Found, ABC):
    """What both have: a folder, a receipt with files, and tables that are reckoned again whole: what a case is worth hangs on all of them."""

    folder: Path
    receipt: Any
    threads: int = 1
    again: bool = False

    @property
    def true(self) -> bool:
        """Whether everything is as the receipt says."""
        return self.again and not self.problems and not self.compared.different

    def files(self) -> None:
        """Every file that the receipt names."""
        for one in self.receipt.files.inputs:
            self._same_file("input", one, one.path)
        for one in self.receipt.files.outputs:
            self._same_file("output", one, str(self.folder / one.path))

    def _inputs(self, name: str) -> list[FileTold]:
        return [one for one in self.receipt.files.inputs if one.name == name]

    def documents(self) -> None:
        """Documents as they lie there now."""
        self._same_version(self.receipt.engine.version)
        held = self._tried(self._documents)
        if held is not None:
            told = self.receipt.documents
            self._same_documents("documents", {d.id: d.sha256 for d in told.documents}, {d["id"]: d["sha256"] for d in held["documents"]})  # fmt: skip
            self._equal("documents", "documents.sha256", told.sha256, held["sha256"])

    @abstractmethod
    def _documents(self) -> dict[str, Any]:
        """What they say of themselves now."""

    def _compare(self, name: str, one: FileTold, again: pa.Table, schema: Table) -> None:
        """A table that was written, and the same reckoned again."""
        place = self.folder / one.path
        run = io.read_table(place)
        self._equal("sums", f"{name}: rows", one.rows, len(run))
        compare_in_order(name, run, as_written(again, schema, place.suffix == ".csv"), KEYS[name], self.compared)

    def _told_again(self, facts: dict[str, Any]) -> None:
        """The figures of the receipt itself."""
        told = self.receipt.model_dump(mode="json")
        for part in ("counts", "totals_fen"):
            for name, value in facts[part].items():
                self._equal("sums", f"{part}.{name}", told[part].get(name), value)
        for part in ("pools", "balances"):
            if part in facts:
                self._equal("sums", part, told[part], facts[part])


@dataclass
class ClearingVerifier(_Reckoned):
    """Looks at a folder of `ybcore clear`."""

    receipt: ClearingReceipt

    def _documents(self) -> dict[str, Any]:
        book = load_clearings([one.path for one in self._inputs("documents")])
        return documents_told(book.sha256, book)

    def reckon(self) -> None:
        """Clear every case again and compare every cell of the five tables, and the receipt's figures."""
        done = self._tried(self._cleared)
        if done is None:
            return
        written = {one.name: one for one in self.receipt.files.outputs}
        for name, table in done.tables().items():
            if name in written:
                self._tried(lambda name=name, table=table: self._compare(name, written[name], table, CLEARING_OUTPUTS[name]))  # type: ignore[misc]  # fmt: skip
        self._told_again(clearing_facts(done))
        self.again = True

    def _cleared(self) -> Cleared:
        documents = [one.path for one in self._inputs("documents")]
        paths = {name: held[0].path for name in CLEARING_INPUTS if (held := self._inputs(name))}
        tables = {name: io.read_table(path) for name, path in paths.items()}
        if self.receipt.run is not None:
            run, groups_of = (Path(self._inputs(name)[0].path) for name in ("run", "groups_of"))
            told = self.receipt.run
            tables["cases"] = cases_of_run(run.parent, groups_of, tuple(told.med_types), tuple(told.clears), tuple(map(Path, documents)))  # fmt: skip
        return clear(tables.pop("cases"), documents, **tables, threads=self.threads)


@dataclass
class BenefitVerifier(_Reckoned):
    """Looks at the file of `ybcore benefit` beside its receipt."""

    receipt: BenefitReceipt

    def _documents(self) -> dict[str, Any]:
        return benefit_facts(load_benefits([one.path for one in self._inputs("documents")]), None)["documents"]

    def reckon(self) -> None:
        """Reckon every claim again and compare every cell."""
        self._tried(self._reckoned)

    def _reckoned(self) -> None:
        book = load_benefits([one.path for one in self._inputs("documents")])
        table = benefit(io.read_table(self._inputs("claims")[0].path), book)
        self._compare("benefits", self.receipt.files.outputs[0], table, RESULTS)
        self._told_again(benefit_facts(book, table))
        self.again = True
