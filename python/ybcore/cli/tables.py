"""Input tables from files: where they are, how they are encoded, and what was decided."""

from __future__ import annotations

import datetime as dt
import json
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from .. import io
from ..checks.suppression import suppressions
from ..columns.ids import flat
from ..columns.schema import INPUT_TABLES
from ..errors import InputError, Problem
from ..messages import say
from ..receipts.model import read_receipt
from ..receipts.runs import InDataset, JobRun
from ..receipts.stored import Stored
from .base import Failure, Session

__all__ = [
    "BESIDE",
    "CATALOG",
    "CHECKED",
    "TABLES",
    "Inputs",
    "OfJob",
    "catalog_files",
    "from_folder",
    "from_options",
    "from_run",
]

BESIDE = ("diagnoses", "operations", "labs", "doctors", "stock")
CHECKED = ("visits", "lines", "persons", "institutions", *BESIDE)
TABLES = ("visits", "lines", "persons", "institutions", "acct_events")
CATALOG = ("items", "selfpay", "caps")


class Inputs:
    """Paths of what a run reads; `tables` and `catalog` read them."""

    def __init__(
        self, policy: list[Path], paths: dict[str, Path], catalog: dict[str, Path], state: Path | None
    ) -> None:
        self.policy, self.paths, self.catalog_paths, self.state = policy, paths, catalog, state
        self.rules: list[Path] = []
        self.suppress: Path | None = None
        self.known_at: dt.date | None = None
        self.encodings: dict[str, str] = {}
        self.earlier: tuple[Inputs, dict[str, Any]] | None = (
            None  # the run whose state it continued, once it was looked for
        )

    def place(self, name: str) -> Any:
        """Where a table is; None without."""
        return self.paths.get(name)

    def tables(self, session: Session, names: tuple[str, ...] = TABLES) -> dict[str, pa.Table | None]:
        """The tables as Arrow; CSV encodings are found from the content and told."""
        return {name: self._read(session, name, self.paths[name]) if name in self.paths else None for name in names}

    def catalog(self, session: Session) -> dict[str, pa.Table | None] | None:
        """The catalogue's tables; None when there is no catalogue."""
        if not self.catalog_paths:
            return None
        return {n: self._read(session, n, self.catalog_paths[n]) if n in self.catalog_paths else None for n in CATALOG}

    def stored(self, session: Session) -> dict[str, Stored]:
        """The tables of settling as they lie there, to be read in part."""
        return {
            name: Stored(INPUT_TABLES[name], [path], self._encoding(session, name, path))
            for name, path in self.paths.items()
            if name in TABLES
        }

    def _encoding(self, session: Session, name: str, path: Path) -> str:
        if path.suffix.lower() == ".csv" and path.is_file() and name not in self.encodings:
            encoding = io.detect_encoding(path)
            self.encodings[name] = encoding
            session.say(
                f"{path.name}：编码 {encoding}（由内容判定）",
                f"{path.name}: encoding {encoding} (found from the content)",
            )
        return self.encodings.get(name, "auto")

    def _read(self, session: Session, name: str, path: Path) -> pa.Table:
        encoding = self._encoding(session, name, path)
        with session.step(f"读取 {path.name}", f"read {path.name}"):
            return io.read_table(path, encoding)

    def record(self) -> dict[str, Any]:
        """What a receipt keeps, so that the run can be explained later."""
        return {
            "policy": [str(path.resolve()) for path in self.policy],
            "tables": {name: str(path.resolve()) for name, path in self.paths.items()},
            "catalog": {name: str(path.resolve()) for name, path in self.catalog_paths.items()},
            "encodings": self.encodings,
            "state": None if self.state is None else str(self.state.resolve()),
            **({"rules": [str(path.resolve()) for path in self.rules]} if self.rules else {}),
            **({} if self.suppress is None else {"suppress": str(self.suppress.resolve())}),
            **({} if self.known_at is None else {"known_at": self.known_at.isoformat()}),
        }

    def what_counts(self) -> dict[str, Any]:
        """The `known_at` and `suppress` of a check. Raises InputError for a wrong suppression list."""
        rows = [] if self.suppress is None else suppressions(io.read_table(self.suppress), str(self.suppress))
        return {"known_at": self.known_at, "suppress": rows}


def from_options(
    policy: tuple[Path, ...],
    catalog: Path | None,
    folder: Path | None,
    opening: Path | None,
    named: dict[str, Path | None],
    rules: tuple[Path, ...] = (),
    suppress: Path | None = None,
    known_at: dt.datetime | None = None,
) -> Inputs:
    """Paths from the options of a command; with rules, those of the tables too that only rules read. Raises InputError with everything
    that is missing."""
    problems: list[Problem] = []
    paths: dict[str, Path] = {}
    for name in (*TABLES, *(BESIDE if rules else ())):
        given = named.get(name) or (io.find_table(folder, name) if folder is not None else None)
        if given is not None:
            paths[name] = given
    found = catalog_files(catalog, folder, problems)
    if not policy:
        problems.append(
            Problem(what="name the policy: --policy FILE or FOLDER", what_zh="请用 --policy 给出政策文件或文件夹")
        )
    if "visits" not in paths:
        problems.append(
            Problem(
                what="name the visits: --visits FILE or --input FOLDER",
                what_zh="请用 --visits 或 --input 给出结算表",
                file=None if folder is None else str(folder),
            )
        )
    for name, path in [
        *paths.items(),
        *((f"policy {p}", p) for p in policy),
        *((f"rules {p}", p) for p in rules),
        *([("state", opening)] if opening else []),
        *([("suppress", suppress)] if suppress else []),
    ]:
        if not path.exists():
            problems.append(Problem(what="the file is not there", what_zh="文件不存在", file=str(path), path=name))
    if not rules and (suppress is not None or known_at is not None):
        what, zh = "--suppress and --known-at need --rules", "--suppress、--known-at 须与 --rules 同用"
        problems.append(Problem(what=what, what_zh=zh))
    if problems:
        raise InputError(problems)
    inputs = Inputs(list(policy), paths, found, opening)
    inputs.rules, inputs.suppress = list(rules), suppress
    inputs.known_at = None if known_at is None else known_at.date()
    return inputs


def catalog_files(catalog: Path | None, folder: Path | None, problems: list[Problem]) -> dict[str, Path]:
    """Files of the catalogue that is named, or lies in the folder of the tables."""
    if catalog is None and folder is not None and (folder / "catalog").is_dir():
        catalog = folder / "catalog"
    if catalog is None:
        return {}
    found: dict[str, Path] = {}
    for name in CATALOG:
        path = catalog if catalog.is_file() and name == "items" else io.find_table(catalog, name)
        if path is not None:
            found[name] = path
    if "items" not in found:
        what, zh = "no items.parquet and no items.csv is there", "没有 items.parquet 或 items.csv"
        problems.append(Problem(what=what, what_zh=zh, file=str(catalog)))
    return found


def from_folder(folder: Path, catalog: Path | None, others: tuple[Path, ...] = ()) -> Inputs:
    """Paths of what rule checks read: whatever tables the folder has, the visits at least. Raises InputError with everything that is
    missing, of `others` too."""
    problems: list[Problem] = []
    found: dict[str, Path] = {}
    paths: dict[str, Path] = {}
    if folder.is_dir():
        paths = {name: path for name in CHECKED if (path := io.find_table(folder, name)) is not None}
        if "visits" not in paths:
            what, zh = "no visits.parquet and no visits.csv is there", "没有 visits.parquet 或 visits.csv"
            problems.append(Problem(what=what, what_zh=zh, file=str(folder)))
        found = catalog_files(catalog, folder, problems)
    else:
        problems.append(Problem(what="the folder is not there", what_zh="文件夹不存在", file=str(folder)))
    for path in others:
        if not path.exists():
            problems.append(Problem(what="the file is not there", what_zh="文件不存在", file=str(path)))
    if problems:
        raise InputError(problems)
    return Inputs([], paths, found, None)


class OfJob(Inputs):
    """What a job read; its tables are datasets."""

    def __init__(self, run: JobRun) -> None:
        document = run.document
        found: list[Problem] = []
        catalog = catalog_files(document.catalog, None, found)
        if found:
            raise InputError(found)
        super().__init__(run.policy, {}, catalog, document.opening)
        self.run, self.rules = run, run.rules

    def place(self, name: str) -> Any:
        dataset = self.run.datasets.get(name)
        return None if dataset is None else [file.location for file in dataset.files]

    def stored(self, session: Session) -> dict[str, Stored]:
        return {name: InDataset(dataset) for name, dataset in self.run.datasets.items() if name in TABLES}

    def tables(self, session: Session, names: tuple[str, ...] = TABLES) -> dict[str, pa.Table | None]:
        held = self.run.datasets
        found = {name: InDataset(held[name]).whole() if name in held else None for name in names}
        return {name: self._with_visit(name, table) for name, table in found.items()} if self.rules else found

    def what_counts(self) -> dict[str, Any]:
        return self.run.what_counts()

    @cached_property
    def _ids(self) -> pa.Array:
        """Every setl_id of the visits, as text."""
        parts = [table["setl_id"] for table in InDataset(self.run.datasets["visits"]).each(("setl_id",))]
        return pa.chunked_array([chunk for part in parts for chunk in _texts(part).chunks], pa.string()).unique()

    def _with_visit(self, name: str, table: pa.Table | None) -> pa.Table | None:
        """Rows whose visit is there: a job rejects the others, and rules want none of them."""
        if table is None or name == "visits" or "setl_id" not in table.column_names:
            return table
        return table.filter(pc.is_in(_texts(table["setl_id"]), value_set=self._ids.drop_null()))


def _texts(ids: pa.ChunkedArray) -> pa.ChunkedArray:
    return flat(ids).cast(pa.string())


def from_run(folder: Path) -> tuple[Inputs, dict[str, Any]]:
    """What an earlier run read, by its receipt (of a job: by its record), and the receipt. Raises InputError with all that is gone."""
    path = folder / "receipt.json"
    if not path.is_file():
        raise Failure(say(f"{path}：没有回执", f"{path}: no receipt is there"))
    try:
        receipt = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        receipt = None
    if not isinstance(receipt, dict) or "run" not in receipt:
        return OfJob(JobRun(folder, read_receipt(folder))), receipt
    run = receipt["run"]
    inputs = Inputs(
        [Path(p) for p in run["policy"]],
        {name: Path(p) for name, p in run["tables"].items()},
        {name: Path(p) for name, p in run["catalog"].items()},
        None if run["state"] is None else Path(run["state"]),
    )
    inputs.rules = [Path(p) for p in run.get("rules", ())]
    inputs.suppress = Path(run["suppress"]) if "suppress" in run else None
    inputs.known_at = dt.date.fromisoformat(run["known_at"]) if "known_at" in run else None
    read = [*inputs.policy, *inputs.rules, *inputs.paths.values(), *inputs.catalog_paths.values()]
    read += [] if inputs.suppress is None else [inputs.suppress]
    gone = [p for p in read if not p.exists()]
    if gone:
        raise InputError(
            [
                Problem(what="an input of the run is not there any more", what_zh="该次结算的输入已不在", file=str(p))
                for p in gone
            ]
        )
    return inputs, receipt
