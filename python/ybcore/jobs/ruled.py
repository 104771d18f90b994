"""The rules of a job: which of them run, and what a unit cannot know of the whole input."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..columns.checkschema import CHECK_LINES
from ..columns.ids import lookup
from ..columns.keys import ids_of
from ..columns.read import Problems, read
from ..columns.schema import VISITS
from .datasets import Dataset
from .plan import row_groups

if TYPE_CHECKING:
    from ..checks.book import RuleBook

__all__ = ["ACROSS", "COUNTED", "OF_VISITS", "Ruled", "coverage", "left_out"]

OF_VISITS = ("diagnoses", "operations", "labs")  # tables beside whose rows name a visit
COUNTED = ("eligible", "unknown", "hits", "suppressed", "excluded", "subsumed")
ACROSS = "looks across people; a job settles them in parts"
_DAY = 86_400_000_000


@dataclass(frozen=True)
class _Frame:
    """What is known of a table before it is read."""

    rows: int
    source: Sequence[str]


@dataclass(frozen=True)
class Ruled:
    """`book`: the rules that run; `states`: (status, why not) of every rule of the whole book, by id. `time_of_day`: whether some fee
    line is not dated at midnight. `reversed`: settlements that some reversal names. `known_at`, `suppress`: those of the check."""

    book: RuleBook
    states: dict[str, tuple[str, str | None]]
    time_of_day: bool
    reversed: pa.Array = field(repr=False)
    known_at: dt.date | None = None
    suppress: Sequence[dict[str, Any]] = ()

    @staticmethod
    def of(
        rules: RuleBook,
        datasets: Mapping[str, Dataset],
        catalog: Any,
        known_at: dt.date | None = None,
        suppress: Sequence[dict[str, Any]] = (),
    ) -> Ruled:
        """Look at the columns that are there, and at what reversals name."""
        from ..checks.run.runner import rule_status

        seen = _Seen(datasets, catalog, _some_time_of_day(datasets.get("lines")))
        across = rules.across
        states = {
            rule.id: ("skipped", ACROSS) if rule.id in across else rule_status(seen, rule, "during") for rule in rules
        }
        rest = rules.without([name for name, (status, _) in states.items() if status != "run"])
        return Ruled(rest, states, seen.time_of_day, _reversed(datasets["visits"]), known_at, suppress)

    def aside(self, setl_ids: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
        """Visits that a reversal names, whoever's it is."""
        return lookup(setl_ids, self.reversed) >= 0


class _Seen:
    """The tables of a job as rules ask for columns."""

    def __init__(self, datasets: Mapping[str, Dataset], catalog: Any, time_of_day: bool) -> None:
        self.catalog, self.time_of_day = catalog, time_of_day
        self._frames = {name: _Frame(data.rows, data.columns) for name, data in datasets.items()}

    def frame(self, name: str) -> _Frame | None:
        """A table that was given."""
        return self._frames.get(name)


def _some_time_of_day(lines: Dataset | None) -> bool:
    """Whether some fee line has a time that is not midnight; mostly the first row group tells."""
    name = "fee_ocur_time"
    if lines is None or name not in lines.columns or pa.types.is_date(lines.arrow.field(name).type):
        return False
    for file, group in row_groups(lines):
        for table in lines.batches(file, group, [name]):
            problems = Problems()
            schema = CHECK_LINES.columns
            frame = read(table, CHECK_LINES, problems, optional={column.name for column in schema})
            problems.stop()
            time = frame.ints(name)
            known = time[time != np.iinfo(np.int64).min]
            if (known % _DAY != 0).any():
                return True
    return False


def _reversed(visits: Dataset) -> pa.Array:
    """Ids of the settlements that reversals name."""
    wanted = ["init_setl_id", "refd_setl_flag"]
    like = ids_of(_nothing(visits), "setl_id").type
    like = like.value_type if pa.types.is_dictionary(like) else like
    found: list[pa.Array] = []
    if set(wanted) <= set(visits.columns):
        for file, group in row_groups(visits):
            table = visits.read(file, group, wanted)
            problems = Problems()
            frame = read(table, VISITS, problems, optional={column.name for column in VISITS.columns})
            problems.stop()
            ids = ids_of(table, "init_setl_id", like)
            rows = np.flatnonzero((frame.flag("refd_setl_flag", 0) == 1) & np.asarray(ids.is_valid()))
            if len(rows):
                found.append(ids.take(pa.array(rows)).cast(like).combine_chunks())
    return pa.chunked_array(found, like).unique() if found else pa.array([], like)


def _nothing(visits: Dataset) -> pa.Table:
    return visits.arrow.empty_table()


def coverage(rules: RuleBook, ruled: Ruled, units: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A row a rule of the whole book: whether it ran, why not, and what it came to in all units."""
    total: dict[str, list[int]] = {}
    for unit in units:
        for name, counts in (unit.get("rules") or {}).items():
            total[name] = [a + b for a, b in zip(total.get(name, [0] * len(COUNTED)), counts)]
    out = []
    for rule in rules:
        status, reason = ruled.states[rule.id]
        row = {
            "rule_id": rule.id,
            "rule_version": rule.version,
            "kernel": rule.kernel,
            "status": status,
            "reason": reason,
        }
        out.append(row | dict(zip(COUNTED, total.get(rule.id, [0] * len(COUNTED)))))
    return out


def left_out(units: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows of the suppression list, each with how many findings it took out of all units, and whether it has expired."""
    told: list[dict[str, Any]] = []
    for unit in units:
        rows = unit.get("suppressions") or []
        told = [{**row, "count": row["count"] + before["count"]} for row, before in zip(rows, told)] if told else rows
    return told
