"""The rejects of all units as one dataset: by table, source file and row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from .journal import Journal
from .parts import write_part
from .plan import Plan, row_groups
from .ruled import OF_VISITS
from .scatter import Reader

__all__ = ["Rejects"]

Int64 = npt.NDArray[np.int64]
TABLES = ("visits", "lines", *OF_VISITS)  # in the order of the rejects
_NO_PART = ("bad_value", "duplicate_setl_id")  # rows that are as if they were not there


class Rejects:
    """What the `parts` (kind and key in the journal) of a job hold. `firsts`: the row of each of `plan.twice` that was taken as the first."""

    def __init__(self, journal: Journal, parts: Sequence[tuple[str, int | str]], plan: Plan, readers: Mapping[str, Reader], firsts: Sequence[int]) -> None:  # fmt: skip
        self.journal, self.plan, self.readers, self.firsts = journal, plan, readers, firsts
        notes = [journal.find(kind, key) for kind, key in parts]
        self._files = [journal.folder / note["path"] for note in notes if note is not None]

    @cached_property
    def rows(self) -> pa.Table | None:
        """All of them in their order; None without any."""
        if not self._files:
            return None
        rows = pa.concat_tables([pq.read_table(path) for path in self._files], promote_options="permissive")
        rows = rows.unify_dictionaries().combine_chunks()
        number = np.array([TABLES.index(name) for name in rows["table"].to_pylist()], np.int64)
        place = np.empty(rows.num_rows, np.int64)
        for i in np.unique(number).tolist():
            place[number == i] = self._place(TABLES[i], rows.filter(pa.array(number == i)))
        order = np.lexsort((place, number))
        self._places = place[order]
        self._visits, self._lines = int((number == 0).sum()), int((number == 1).sum())
        return rows.take(pa.array(order))

    def _place(self, name: str, rows: pa.Table) -> Int64:
        """Row of the whole dataset."""
        dataset = self.readers[name].dataset
        begin = np.cumsum([0, *(file.rows for file in dataset.files)])
        of = {file.path: int(begin[file.index]) for file in dataset.files}
        return (
            np.array([of[path] for path in rows["source_file"].to_pylist()], np.int64) + rows["source_row"].to_numpy()
        )

    @cached_property
    def _reasons(self) -> dict[int, str]:
        """Reason of each rejected visit, by row of the dataset."""
        rows = self.rows
        if rows is None:
            return {}
        reasons = rows["reason"].slice(0, self._visits).to_pylist()
        return dict(zip(self._places[: self._visits].tolist(), reasons))

    def not_the_first(self) -> list[tuple[int, int]]:
        """Settlements there in several groups whose row that was taken as the first does not take part: (number, the row to take)."""
        out = []
        for number, (rows, at) in enumerate(zip(self.plan.twice, self.firsts)):
            if at + 1 < len(rows) and self._reasons.get(rows[at]) == "bad_value":
                out.append((number, at + 1))
        return out

    def write(self) -> None:
        """The dataset, with what units could not know."""
        rows = self.rows
        if rows is None:
            return
        rows, others = self._of_strangers(rows)
        rows = self._with_serials(rows)
        path = "rejects/part-00000.parquet"
        self.journal.part("rejects", 0, path, lambda place: {**write_part(rows, place), "other_person": others})

    def _of_strangers(self, rows: pa.Table) -> tuple[pa.Table, int]:
        """(rows, how many of them changed): a reversal that names a settlement of others knows nothing of it in its own unit; the reason is
        that of one run."""
        if not self.plan.strangers:
            return rows, 0
        reason = rows["reason"].to_pylist()
        at = {row: i for i, row in enumerate(self._places[: self._visits].tolist())}
        others = 0
        for row, *theirs in self.plan.strangers:
            i = at.get(row)
            there = not theirs or any(self._reasons.get(other) not in _NO_PART for other in theirs)
            if i is not None and reason[i] == "unknown_original" and there:
                reason[i] = "other_person"
                others += 1
        return rows.set_column(rows.column_names.index("reason"), "reason", pa.array(reason, pa.string())), others

    def _with_serials(self, rows: pa.Table) -> pa.Table:
        """Ids of lines, where settling did not read them."""
        reader = self.readers.get("lines")
        if reader is None or "feedetl_sn" not in reader.dataset.columns or "feedetl_sn" in reader.columns:
            return rows
        serial = rows["feedetl_sn"].to_pylist()
        groups = row_groups(reader.dataset)
        begin = np.cumsum([0, *(reader.dataset.files[file].group_rows[group] for file, group in groups)])
        places = self._places[self._visits : self._visits + self._lines]
        for number in np.unique(np.searchsorted(begin, places, side="right") - 1).tolist():
            mine = np.flatnonzero((places >= begin[number]) & (places < begin[number + 1]))
            file, group = groups[number]
            held = reader.dataset.read(file, group, ["feedetl_sn"])["feedetl_sn"].take(
                pa.array(places[mine] - begin[number])
            )
            for i, text in zip(mine.tolist(), held.cast(pa.string()).to_pylist()):
                serial[self._visits + i] = text
        return rows.set_column(rows.column_names.index("feedetl_sn"), "feedetl_sn", pa.array(serial, pa.string()))
