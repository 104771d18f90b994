"""The second half of settling a job again: the job of the changed inputs; units without affected people are taken over as they were."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from ...receipts.runs import JobRun
from ..budget import Budget
from ..parts import write_part
from ..plan import Plan, make_plan
from ..rows import ids_in
from ..run import Work, most_visits
from .differ import Differing

__all__ = ["After"]

Int32 = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]


@dataclass
class After(Work):
    """The steps of a job over changed inputs; `before`: the job as it was, `differing`: who is affected."""

    before: JobRun | None = None
    differing: Differing | None = None

    @cached_property
    def _budget(self) -> Budget:
        return Budget(self.datasets, self.memory, outlined=True)

    # ------------------------------------------------------------------ what is taken over

    def _planned(self) -> Plan:
        """The units of the job before, where it tells them and they are not too large; a unit that lost all its groups is no more."""
        plan = super()._planned()
        begins = self._told["begin"]
        self.kept: dict[int, int] = {}
        if not begins or not plan.groups:
            return plan
        again = plan.begun(begins)
        if not self._budget.fits(most_visits(again)):
            return plan  # the job before had more memory
        there = np.flatnonzero(np.diff(again.unit_begin))
        plan = replace(again, unit_begin=np.append(again.unit_begin[there], np.int32(plan.groups)).astype(np.int32))
        self.kept = self._to_keep(plan, there.tolist())
        return plan

    @cached_property
    def _told(self) -> dict[str, Any]:
        """What the job tells of its units."""
        assert self.before is not None
        told = json.loads((self.before.folder / "run.json").read_text(encoding="utf-8")).get("units")
        return told or {"begin": [], "notes": []}

    def _to_keep(self, plan: Plan, old_unit: list[int]) -> dict[int, int]:
        """Units without affected people, and which units of the job before they are."""
        assert self.differing is not None and self.before is not None
        if self.before.rules:
            return {}  # what rules left of lines is settled line by line now
        first = self.differing
        was = make_plan(first.engine, first.datasets, first.state, self.unit_visits, self._over).begun(
            self._told["begin"]
        )
        counts = np.bincount(was.visit_unit, minlength=was.units).tolist()
        if counts != [note["counts"]["visits"] for note in self._told["notes"]]:
            return {}  # not the units that the job had
        old, new = self._moved(was), self._moved(plan)
        out = {unit: of for unit, of in enumerate(old_unit) if not new[unit] and not old[of]}
        return {unit: of for unit, of in out.items() if all(place.exists() for place in self._parts_of(of).values())}

    def _moved(self, plan: Plan) -> Mask:
        """Units with somebody who is affected, with a visit of nobody, or with one that hangs on other units."""
        assert self.differing is not None
        cut = self.differing.plan
        people = pa.chunked_array([plan.people])
        unknown = np.asarray(cut.index.nodes_of_people(people) < 0)
        affected = unknown | (cut.unit_of_people(people) >= 0)
        out = np.zeros(plan.units + 1, bool)  # the last one for nobody's
        out[plan.unit_of(plan.person_group)[affected]] = True
        out[plan.visit_unit[plan.visit_group == plan.groups]] = True
        rows = sorted({row for named in (*plan.strangers, *plan.twice) for row in named})
        out[plan.visit_unit[rows]] = True
        return out[:-1]

    def _parts_of(self, unit: int) -> dict[str, Path]:
        """Where the job before has its parts of a unit."""
        assert self.before is not None
        names = {
            "settlements": True,
            "line_results": self.outputs.lines and "lines" in self.datasets,
            "detail": self.outputs.detail,
        }
        out = {name: self.before.folder / f"{name}/part-{unit:05d}.parquet" for name, there in names.items() if there}
        return out | ({"state": self.before.folder / f"state/part-{unit:05d}"} if self.outputs.state else {})

    def _is_settled(self, unit: int) -> bool:
        if super()._is_settled(unit):
            return True
        if unit not in self.kept:
            return False
        self._take_over(unit, self.kept[unit])
        return True

    def _take_over(self, unit: int, of: int) -> None:
        """The parts of a unit as they were, under its number now."""
        parts = []
        for name, place in self._parts_of(of).items():
            parts.append(name)
            path = f"{name}/part-{unit:05d}" + place.suffix
            self.journal.part(name, unit, path, partial(_copied, place))
        rows = self._rejected.get(unit)
        if rows is not None:
            parts.append("rejected")
            path = f"work/rejected-{unit:05d}.parquet"
            self.journal.part("rejected", unit, path, partial(write_part, rows), passing=True)
        self.journal.note("unit", unit, about=self._about(unit), parts=parts, **self._told["notes"][of])

    @cached_property
    def _rejected(self) -> dict[int, pa.Table]:
        """What the job before rejected of the visits of each unit that is kept."""
        assert self.before is not None
        path = self.before.folder / "rejects/part-00000.parquet"
        if not path.exists():
            return {}
        rows = pq.read_table(path)
        table, reason = (np.array(rows[name].to_pylist(), object) for name in ("table", "reason"))
        unit = np.full(rows.num_rows, -1, np.int32)
        mine = np.flatnonzero(table == "visits")
        files = self.datasets["visits"].files
        first = dict(zip((file.path for file in files), np.cumsum([0, *(file.rows for file in files)]).tolist()))
        begin = np.array([first[path] for path in rows["source_file"].take(pa.array(mine)).to_pylist()], np.int64)
        unit[mine] = self.plan.visit_unit[begin + rows["source_row"].to_numpy()[mine]]
        mine = np.flatnonzero((table == "lines") & (reason == "rejected_visit"))
        of = self.plan.visits_of(ids_in(rows["setl_id"].take(pa.array(mine))))
        unit[mine] = np.where(of >= 0, self.plan.visit_unit[np.maximum(of, 0)], -1)
        return {one: rows.filter(pa.array(unit == one)) for one in np.unique(unit).tolist() if one in self.kept}

    def _with_units(self, name: str, table: pa.Table, row: int, key: str) -> tuple[pa.Table, Int32]:
        table, unit = super()._with_units(name, table, row, key)
        if self.kept:  # rows that nobody is going to ask for
            unit = np.where(np.isin(unit, list(self.kept)), np.int32(-1), unit).astype(np.int32)
        return table, unit


def _copied(source: Path, place: Path) -> dict[str, Any]:
    if source.is_dir():
        shutil.copytree(source, place)
        return {}
    shutil.copyfile(source, place)
    return {"rows": pq.read_metadata(source).num_rows}
