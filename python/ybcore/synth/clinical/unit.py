"""One unit of a clinical city: its visits with everything that belongs to them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

from .. import draw
from ..draw import Draw, Ints
from ..items import Items
from ..people import People
from ..places import Places
from ..plan import Plan
from ..visits import visit_rows
from .billing import line_rows
from .care import Staff, care, diagnosis_rows, staff, visit_columns
from .goods import Goods, catalogue, goods
from .records import Sales, lab_rows, operation_rows, totals
from .schedule import schedule
from .specials import choose, most

#: Tables that go with visits, beside their lines.
BESIDE = ("diagnoses", "operations", "labs")


@dataclass(frozen=True, slots=True)
class Unit:
    """Tables of one unit; ``beside`` holds a table and its offsets by visit for each name in BESIDE."""

    visits: pa.Table
    lines: pa.Table
    line_offsets: Ints
    beside: dict[str, tuple[pa.Table, Ints]]


class Clinic:
    """The clinical side of a city: what all its units share."""

    def __init__(self, plan: Plan, where: Places) -> None:
        self.plan, self.where = plan, where

    @cached_property
    def items(self) -> Items:
        """The catalogue."""
        return catalogue(self.plan)

    @cached_property
    def goods(self) -> Goods:
        """Shelves and pools."""
        return goods(self.plan, self.items)

    @cached_property
    def staff(self) -> Staff:
        """Doctors."""
        return staff(self.plan, self.where)

    def sales(self) -> Sales:
        """A new count of sales."""
        return Sales(self.plan, self.where, self.goods)

    def unit(self, who: People, block: int, first: int, last: int, sales: Sales | None) -> Unit | None:
        """The tables of some persons; None when they have no visit."""
        plan, where = self.plan, self.where
        made = schedule(plan, where, who, block, first, last)
        rows = made.rows
        if not len(rows):
            return None
        d = Draw(plan.seed, draw.CARE, 1 + int(rows.serial.min()))
        with_them = care(plan, who, self.staff, made, d)
        chosen = choose(plan, where, who, made, with_them, self.goods, d)
        visits = visit_rows(plan, where, who, rows)
        setl = visits.column("setl_id").chunk(0)
        lines = line_rows(plan, self.goods, made, with_them, self.staff, chosen, most(plan, who, made, with_them), setl)
        if sales is not None:
            sales.add(made, lines)
        further = visit_columns(plan, who, made, with_them, self.staff)
        for name, column in {**further, "medfee_sumamt": totals(lines, made)}.items():
            visits = visits.append_column(name, column)
        return Unit(
            plain_codes(visits),
            lines.table,
            lines.offsets,
            {
                "diagnoses": diagnosis_rows(made, with_them, setl),
                "operations": operation_rows(made, with_them, self.staff, chosen, setl),
                "labs": lab_rows(made, self.goods, chosen, setl),
            },
        )


def plain_codes(table: pa.Table) -> pa.Table:
    """Two schemes may have one insutype: its column's dictionary without repetition."""
    at = table.column_names.index("insutype")
    column = table.column(at).combine_chunks()
    return table.set_column(at, "insutype", column.dictionary_decode().dictionary_encode())
