"""`clear --run`: the cases of a folder that `settle` or a job wrote."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from .. import io
from ..clearing import cases_of, load_clearings
from ..engine import Engine
from ..errors import InputError, Problem
from ..policy import load_book
from .files import is_still
from .model import read_receipt
from .runs import run_of

__all__ = ["cases_of_run"]

_READ = ("visits", "persons", "settlements")


def cases_of_run(
    folder: Path, groups_of: Path | None, med_types: tuple[str, ...], clears: tuple[str, ...], documents: tuple[Path, ...]
) -> pa.Table:  # fmt: skip
    """The cases. Raises InputError: no groups, no whole run, files that are no longer those of its receipt."""
    if groups_of is None:
        what, zh = "`--run` needs the groups of its settlements", "--run 须给出各结算的病组"
        raise InputError([Problem(what=what, what_zh=zh, path="--groups-of", expected="a file: setl_id, group_code", expected_zh="含 setl_id、group_code 两列的文件")])  # fmt: skip
    run = run_of(folder, read_receipt(folder))
    problems = []
    for _, told, place in run.files():
        if told.name in _READ and not is_still(place, told):
            what, zh = "is not the file that the receipt tells of", "与回执所记的文件不符"
            problems.append(Problem(what=what, what_zh=zh, file=place))
    if problems:
        raise InputError(problems)
    tables = run.tables(Engine(load_book(run.policy)))
    groups = io.read_table(groups_of)
    told_by = {name for document in load_clearings(list(documents)) for name in document.model.attributes}
    there = {*groups.column_names, *tables["visits"].columns}
    return cases_of(
        run.outputs()["settlements"].whole(),
        tables["visits"].whole(),
        groups,
        persons=tables["persons"].whole() if "persons" in tables else None,
        med_types=med_types,
        clears=clears,
        more=sorted(told_by & there - _known()),
    )


def _known() -> set[str]:
    from ..clearing.tables import CLEARING_INPUTS

    return {column.name for column in CLEARING_INPUTS["cases"].columns}
