"""People drawn from the settlements of a run: by a seed, and some of every outcome."""

from __future__ import annotations

import hashlib
import heapq
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from .cut import Chosen
from .stored import Stored

__all__ = ["drawn"]

EACH = 3  # persons of every outcome and reason
COLUMNS = ("setl_id", "psn_no", "outcome", "reason")


class _Least:
    """The names with the least hashes, in one pass and little memory."""

    def __init__(self, size: int, seed: int) -> None:
        self.size, self.key = size, str(seed).encode()
        self.heap: list[tuple[int, str, Any]] = []
        self.held: set[Any] = set()

    def add(self, names: list[Any]) -> None:
        for name in names:
            text = str(name)
            mark = -int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8, key=self.key).digest(), "big")
            if name in self.held or (len(self.heap) >= self.size and mark <= self.heap[0][0]):
                continue
            self.held.add(name)
            if len(self.heap) < self.size:
                heapq.heappush(self.heap, (mark, text, name))
            else:
                self.held.discard(heapq.heappushpop(self.heap, (mark, text, name))[2])


def drawn(settlements: list[Stored], people: int | None, seed: int) -> Chosen:
    """`people` persons (None: all), and up to three of each outcome and reason; of rows of nobody, the settlements.

    The same seed draws the same persons wherever their rows lie.
    """
    chosen = Chosen()
    whole = _Least(0 if people is None else people, seed)
    kinds: dict[tuple[Any, Any], tuple[_Least, _Least]] = {}
    for stored in settlements:
        for table in stored.each(COLUMNS):
            table = _plain(table)
            if people is None:
                chosen.people.update(table["psn_no"].drop_null().unique().to_pylist())
                nobody = table.filter(pc.is_null(table["psn_no"]))
                chosen.ids.update(nobody["setl_id"].drop_null().unique().to_pylist())
                continue
            whole.add(table["psn_no"].drop_null().unique().to_pylist())
            for kind in table.group_by(["outcome", "reason"]).aggregate([]).to_pylist():
                key = kind["outcome"], kind["reason"]
                if key == ("settled", ""):
                    continue  # among those drawn from all
                if key not in kinds:
                    kinds[key] = _Least(EACH, seed), _Least(EACH, seed)
                same = pc.and_(pc.equal(table["outcome"], key[0]), pc.equal(table["reason"], key[1]))
                rows = table.filter(same)
                kinds[key][0].add(rows["psn_no"].drop_null().unique().to_pylist())
                kinds[key][1].add(rows.filter(pc.is_null(rows["psn_no"]))["setl_id"].drop_null().unique().to_pylist())
    for names, into in [(whole, chosen.people), *((k[0], chosen.people) for k in kinds.values()), *((k[1], chosen.ids) for k in kinds.values())]:  # fmt: skip
        into.update(names.held)
    return chosen


def _plain(table: pa.Table) -> pa.Table:
    """Texts instead of dictionaries; a reason that is not there is the empty text (CSV), and rows that only have a reason are rejects."""
    for i, name in enumerate(table.column_names):
        column = table.column(i)
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if name in ("outcome", "reason"):
            column = pc.fill_null(column, "")
        table = table.set_column(i, name, column)
    if "outcome" not in table.column_names:
        table = table.append_column("outcome", pa.array(["rejected"] * len(table), pa.string()))
    return table
