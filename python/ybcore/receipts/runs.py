"""What lies behind a receipt: where inputs, documents and outputs of a run are. A folder of `settle`, or of a job."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from .. import io
from ..catalog import Catalog
from ..checks.suppression import suppressions
from ..columns.checkschema import CHECK_TABLES, DETAILS, FINDINGS
from ..columns.schema import DETAIL_OUTPUT, LINE_OUTPUT, VISIT_OUTPUT, Column, Table
from ..engine import Engine
from ..errors import InputError, Problem
from .model import FileTold, Receipt
from .opening import Opening
from .stored import BATCH, Keys, Stored, may_hold

if TYPE_CHECKING:
    from ..jobs.datasets import Dataset
    from ..jobs.document import JobDocument

__all__ = ["OUTPUTS", "InDataset", "JobRun", "SettledRun", "run_of"]

OUTPUTS = {"settlements": VISIT_OUTPUT, "line_results": LINE_OUTPUT, "detail": DETAIL_OUTPUT}
REJECTS = Table(
    "rejects",
    "未结算的行",
    "rows that were not settled",
    (Column("table", "code"), Column("setl_id", "id"), Column("psn_no", "id"), Column("reason", "code")),
    output=True,
)
TABLES = ("visits", "lines", "persons", "institutions", "acct_events")
BESIDE = ("diagnoses", "operations", "labs", "doctors", "stock")
_NAMED = ("policy", "catalog", "opening", "rules", "known_at", "suppress")  # of a job's record, beside its tables


class SettledRun:
    """A folder that `ybcore settle` wrote."""

    job = False
    columns = None  # every number

    def __init__(self, folder: Path, receipt: Receipt) -> None:
        assert receipt.run is not None
        self.folder, self.receipt, self.told = folder, receipt, receipt.run
        self.policy = [Path(p) for p in self.told.policy]
        self.rules = [Path(p) for p in self.told.rules]

    def files(self) -> Iterator[tuple[str, FileTold, str]]:
        """(input or output, what the receipt says of it, where it is)."""
        yield from (("input", one, one.path) for one in self.receipt.files.inputs)
        yield from (("output", one, str(self.folder / one.path)) for one in self.receipt.files.outputs)

    def what_counts(self) -> dict[str, Any]:
        """The `known_at` and `suppress` of the check. Raises InputError for a wrong suppression list."""
        told = self.told
        listed = None if told.suppress is None else Path(told.suppress)
        rows = [] if listed is None else suppressions(io.read_table(listed), str(listed))
        return {"known_at": None if told.known_at is None else dt.date.fromisoformat(told.known_at), "suppress": rows}

    def unknown(self) -> list[str]:
        """Input files that the run did not read."""
        return []

    def catalog(self) -> Catalog | None:
        """The catalogue that lies there now; None without."""
        told, encodings = self.told.catalog, self.told.encodings
        rows = {name: io.read_table(path, encodings.get(name, "auto")) for name, path in told.items()}
        return Catalog(**rows) if rows else None

    def _stored(self, name: str, schema: Table) -> Stored:
        return Stored(schema, [Path(self.told.tables[name])], self.told.encodings.get(name, "auto"))

    def tables(self, engine: Engine) -> dict[str, Stored]:
        """The input tables."""
        return {name: self._stored(name, engine.input_tables[name]) for name in TABLES if name in self.told.tables}

    def beside(self) -> dict[str, pa.Table]:
        """The tables that only rules read."""
        return {n: self._stored(n, CHECK_TABLES[n]).whole() for n in BESIDE if n in self.told.tables}

    def opening(self) -> Opening | None:
        """The state that it continued."""
        return None if self.told.state is None else Opening([Path(self.told.state)])

    def outputs(self) -> dict[str, Stored]:
        """The tables that it wrote."""
        files = self.told.files
        return {name: Stored(OUTPUTS[name], [self.folder / files[name]]) for name in OUTPUTS if name in files}


class JobRun:
    """A folder that a job wrote. Raises InputError when its records cannot be read or an input is gone."""

    job = True

    def __init__(self, folder: Path, receipt: Receipt) -> None:
        from ..jobs.document import JobDocument

        self.folder, self.receipt = folder, receipt
        try:
            told = json.loads((folder / "run.json").read_text(encoding="utf-8"))["job"]
            raw = {key: told[key] for key in (*_NAMED, "inputs", "outputs") if told.get(key)}  # fmt: skip
            raw |= {"ybcore": "job/1", "output": str(folder)}
            made = JobDocument.model_validate(_texts(raw), context={"folder": Path(told["folder"])})
            self.document: JobDocument = made.model_copy(update={"folder": Path(told["folder"])})
        except (OSError, ValueError, KeyError, TypeError) as error:
            what, zh = f"the record of the job cannot be read: {error}", f"无法读取作业记录：{error}"
            raise InputError([Problem(what=what, what_zh=zh, file=str(folder / "run.json"))]) from error
        self.policy, self.rules = list(self.document.policy), list(self.document.rules)
        self.columns = self.document.outputs.columns

    @cached_property
    def _engine(self) -> Engine:
        from ..policy import load_book

        return Engine(load_book(self.policy), None, threads=1)

    @cached_property
    def datasets(self) -> dict[str, Dataset]:
        """The input tables in their files. Raises InputError, DocumentError."""
        from ..jobs.datasets import find_datasets

        return find_datasets(self.document, self._engine)

    @cached_property
    def _places(self) -> dict[tuple[str, str], str]:
        """Where each input is now, by table and path."""
        from ..jobs.job import opening_parts

        out = {(name, file.path): file.location for name, dataset in self.datasets.items() for file in dataset.files}
        listed = self.document.suppress
        out |= {} if listed is None else {("suppress", listed.name): str(listed)}
        if self.document.opening is not None:
            root, parts = opening_parts(self.document.opening)
            files = sorted(path for part in parts for path in part.rglob("*") if path.is_file())
            out |= {("opening", path.relative_to(root).as_posix()): str(path) for path in files}
        return out

    def files(self) -> Iterator[tuple[str, FileTold, str]]:
        """(input or output, what the receipt says of it, where it is)."""
        for one in self.receipt.files.inputs:
            yield "input", one, self._places.get((one.name, one.path), one.path)
        yield from (("output", one, str(self.folder / one.path)) for one in self.receipt.files.outputs)

    def unknown(self) -> list[str]:
        """Input files that the run did not read."""
        known = {(one.name, one.path) for one in self.receipt.files.inputs}
        return [place for key, place in self._places.items() if key not in known]

    def catalog(self) -> Catalog | None:
        """The catalogue that lies there now; None without."""
        return None if self.document.catalog is None else Catalog.load(self.document.catalog)

    def tables(self, engine: Engine) -> dict[str, Stored]:
        """The input tables, those too that only rules read."""
        return {name: InDataset(dataset) for name, dataset in self.datasets.items()}

    def what_counts(self) -> dict[str, Any]:
        """The `known_at` and `suppress` of the check. Raises InputError for a wrong suppression list."""
        return self.document.what_counts()

    def beside(self) -> dict[str, pa.Table]:
        """The tables that only rules read."""
        return {name: InDataset(dataset).whole() for name, dataset in self.datasets.items() if name in BESIDE}

    def opening(self) -> Opening | None:
        """The state that it continued."""
        from ..jobs.job import opening_parts

        return None if self.document.opening is None else Opening(opening_parts(self.document.opening)[1])

    def outputs(self) -> dict[str, Stored]:
        """The datasets that it wrote."""
        out = {}
        for name, schema in {**OUTPUTS, "rejects": REJECTS, "findings": FINDINGS, "details": DETAILS}.items():
            files = [self.folder / one.path for one in self.receipt.files.outputs if one.path.startswith(f"{name}/")]
            if files or name == "settlements":
                out[name] = Stored(schema, files)
        return out


class InDataset(Stored):
    """A table of a job, read by its dataset."""

    def __init__(self, dataset: Dataset) -> None:
        super().__init__(dataset.schema, ())
        self.dataset = dataset
        self._own = {name: name for name in dataset.columns}
        self.parts = [(file.index, group) for file in dataset.files for group in range(len(file.group_rows))]
        self._footer: tuple[int, Any] = (-1, None)

    @property
    def rows(self) -> int:
        """Rows of all files."""
        return self.dataset.rows

    def batches(self, part: tuple[int, int], columns: Any = None) -> Iterator[pa.Table]:
        """One row group, some ten thousand rows at a time; `columns`: which of those that are there, default all."""
        names = [name for name in self.columns if columns is None or name in columns]
        yield from self.dataset.batches(*part, names, rows=BATCH)

    def _nothing(self, columns: Any) -> pa.Table:
        names = [name for name in self.columns if columns is None or name in columns]
        return pa.schema([self.dataset.arrow.field(name) for name in names]).empty_table()

    def _place(self, part: tuple[int, int]) -> tuple[str, int]:
        file = self.dataset.files[part[0]]
        return file.path, sum(file.group_rows[: part[1]])

    def _may_hold(self, part: tuple[int, int], keys: Keys) -> bool:
        file = self.dataset.files[part[0]]
        if "://" in file.location:
            return True
        if self._footer[0] != part[0]:
            self._footer = (part[0], pq.read_metadata(file.location))
        places = self.dataset.layouts[file.layout].places
        return may_hold(self._footer[1], part[1], {name: places.get(name, (None,))[0] for name in keys}, keys)


def _texts(value: Any) -> Any:
    """What a document's reader gives: mappings, lists and texts."""
    if isinstance(value, dict):
        return {key: _texts(item) for key, item in value.items() if item is not None}
    if isinstance(value, (list, tuple)):
        return [_texts(item) for item in value]
    return value if isinstance(value, str) else json.dumps(value)


def run_of(folder: Path, receipt: Receipt) -> SettledRun | JobRun:
    """The run that a folder is of."""
    return JobRun(folder, receipt) if receipt.run is None else SettledRun(folder, receipt)
