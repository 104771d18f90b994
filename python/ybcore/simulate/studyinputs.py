"""What a study settles: tables from files or a synthetic city, the catalogue, and the people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from .. import io
from ..catalog import Catalog
from ..errors import DocumentError, InputError, Problem
from ..policy.faults import Fault
from ..receipts.files import sha256_of_file
from .comparison import TABLES
from .people import Bands, By, People
from .study import Study
from .studytables import BESIDE
from .weights import Bootstrap

if TYPE_CHECKING:
    from ..synth import City

__all__ = ["DECILE", "Given", "bys", "read_catalog", "read_inputs", "told_from", "unknown_columns"]

CATALOG = ("items", "selfpay", "caps")
DECILE = "income_decile"
"""The column that people with an income get (`People.deciles`)."""


@dataclass(frozen=True)
class Given:
    """`tables` and `catalog` as the engine takes them, `people`, `files`: name, path and rows of what was read, and `beside`: the further
    tables that rules look at."""

    tables: dict[str, Any]
    catalog: Catalog | None
    people: People | None
    files: list[tuple[str, Path, int | None]] = field(default_factory=list)
    beside: dict[str, Any] = field(default_factory=dict)

    def facts(self, root: Path) -> list[dict[str, Any]]:
        """Every file with its hash; paths below `root` are told from there."""
        return [
            {"name": name, "path": told_from(path, root), "sha256": sha256_of_file(path), "rows": rows}
            for name, path, rows in self.files
        ]


def told_from(path: Path, root: Path) -> str:
    """A path as a document in `root` would name it."""
    full, base = path.resolve(), root.resolve()
    up = 0
    while not full.is_relative_to(base) and base != base.parent:
        base, up = base.parent, up + 1
    return "../" * up + full.relative_to(base).as_posix()


def read_inputs(study: Study) -> Given:
    """Read or make everything. Raises InputError, DocumentError with every problem."""
    given = _city(study) if study.model.inputs.synth is not None else _files(study)
    return given if study.model.people is None else _with_people(study, given)


def read_catalog(study: Study) -> Catalog | None:
    """The catalogue alone, for reforms of it. Raises as `read_inputs` does."""
    return _made(study)[1] if study.model.inputs.synth is not None else _catalog(study)[0]


def _city(study: Study) -> Given:
    town, catalog = _made(study)
    batch = town.visits()
    tables = {"visits": batch.visits, "lines": batch.lines, "persons": town.persons, "institutions": town.institutions, "acct_events": town.acct_events}  # fmt: skip
    mine = town.people if study.model.people is not None and study.model.people.table is None else None
    return Given(tables, catalog, None if mine is None else People(mine))


def _made(study: Study) -> tuple[City, Catalog]:
    """The city and its catalogue; no visit is drawn yet."""
    from ..synth import city

    asked = study.model.inputs.synth
    assert asked is not None
    options = {name: value for name, value in asked.model_dump().items() if value is not None}
    try:
        town = city(**{**options, "lines_per_visit": float(asked.lines_per_visit)})
        return town, Catalog(*town.catalog)
    except ValueError as error:
        fault = Fault(f"the city cannot be made: {error}", f"无法生成合成城市：{error}", "docs/synth.md")
        raise DocumentError([study.problem(("inputs", "synth"), fault)]) from None


def _files(study: Study) -> Given:
    inputs = study.model.inputs
    paths: dict[str, Path] = {}
    further = BESIDE if study.model.rules else ()
    for name in (*TABLES, *further):
        path = getattr(inputs, name) or (None if inputs.folder is None else io.find_table(inputs.folder, name))
        if path is not None:
            paths[name] = path
    if "visits" not in paths:
        fault = Fault("no visits.parquet and no visits.csv is there", "没有 visits.parquet 或 visits.csv")
        raise DocumentError([study.problem(("inputs", "folder"), fault)])
    tables: dict[str, Any] = dict.fromkeys(TABLES)
    tables |= {name: io.read_table(path) for name, path in paths.items()}
    files: list[tuple[str, Path, int | None]] = [(name, path, tables[name].num_rows) for name, path in paths.items()]
    catalog, of_catalog = _catalog(study)
    beside = {name: tables.pop(name) for name in further if name in tables}
    return Given(tables, catalog, None, files + [(f"catalog.{path.stem}", path, None) for path in of_catalog], beside)


def _catalog(study: Study) -> tuple[Catalog | None, list[Path]]:
    """The catalogue that is named, or lies in the folder of the tables, and its files."""
    folder, inputs = study.model.catalog, study.model.inputs
    if folder is None and inputs.folder is not None and (inputs.folder / "catalog").is_dir():
        folder = inputs.folder / "catalog"
    if folder is None:
        return None, []
    found = [folder] if folder.is_file() else [io.find_table(folder, name) for name in CATALOG]
    return Catalog.load(folder), [path for path in found if path is not None]


def _with_people(study: Study, given: Given) -> Given:
    asked = study.model.people
    assert asked is not None
    files = list(given.files)
    if asked.table is not None:
        table = io.read_table(asked.table)
        files.append(("people", asked.table, table.num_rows))
    else:
        table = _own_people(study, given) if given.people is None else given.people.table
    named: dict[str, Any] = {name: getattr(asked, name) for name in ("income", "consumption", "capacity", "weight", "household")}  # fmt: skip
    try:
        if asked.bootstrap is not None:
            told = asked.bootstrap.model_dump() | {"level": str(asked.bootstrap.level)}
            named["replicates"] = Bootstrap(**told)
        people = People(table, **named)
        if asked.income is not None and DECILE not in table.column_names:
            people = people.deciles()
    except InputError as error:
        raise DocumentError(study.placed(("people",), error.problems)) from None
    return replace(given, people=people, files=files)


def _own_people(study: Study, given: Given) -> pa.Table:
    """The table of persons with one row each, the first."""
    persons = given.tables["persons"]
    if persons is None or "psn_no" not in persons.column_names:
        fault = Fault(
            "no table of persons is given to know people by", "没有 persons 表可作为人员", "people: {table: …}"
        )
        raise DocumentError([study.problem(("people",), fault)])
    _, first = np.unique(np.asarray(persons["psn_no"].to_pylist(), object).astype(str), return_index=True)
    return persons.take(pa.array(np.sort(first)))


def bys(study: Study, names: Sequence[str]) -> list[By]:
    """What measures go by: columns, and the bands that the study makes of some."""
    asked = study.model.people
    held = (
        {} if asked is None else {Bands(name, edges).named: Bands(name, edges) for name, edges in asked.bands.items()}
    )
    return [held.get(name, name) for name in names]


def unknown_columns(study: Study, known: set[str], people: set[str]) -> Iterator[Problem]:
    """Names in `by` that neither visits nor people have."""
    from ..policy.faults import unknown

    bands = set() if study.model.people is None else {f"{name}_band" for name in study.model.people.bands}
    for i, measure in enumerate(study.model.measures):
        names = getattr(measure, "by", ())
        valid = bands | people | known
        listed = isinstance(study.parsed.doc["measures"][i].get("by"), list)
        for j, name in enumerate(names):
            if name not in valid:
                loc = ("measures", i, "by", j) if listed else ("measures", i, "by")
                yield study.problem(loc, unknown("column", "列", name, sorted(valid)))
