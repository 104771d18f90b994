"""A clinical city: the tables of a city, and those that rule checks look at."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from functools import cached_property

import pyarrow as pa

from ...columns.checkschema import CHECK_LINES, CHECK_VISITS, DIAGNOSES, DOCTORS, LABS, OPERATIONS, STOCK
from ...columns.schema import Table
from ..items import Items
from ..people import People, person_rows
from ..plan import Plan, Scheme
from ..town import Batch, City
from .records import Sales
from .schedule import MOST_A_PERSON
from .unit import Clinic, plain_codes

#: Where the shipped rules are from: Tianjin, Beijing, Hefei, Yulin; and Luoyang.
SCHEMES = (
    Scheme("310", "120000", 0.35),
    Scheme("310", "110000", 0.15),
    Scheme("390", "340100", 0.2),
    Scheme("390", "410300", 0.1),
    Scheme("380", "610802", 0.2),
)


class ClinicalCity(City):
    """A city with ``doctors``, ``stock``, ``labels`` and, beside the lines of a batch, ``diagnoses``, ``operations``, ``labs``."""

    def __init__(self, plan: Plan, plants: int = 0, own_schemes: bool = False) -> None:
        if plan.bad_rows:
            raise ValueError("a clinical city has no bad rows: leave bad_rows out")
        if plan.visits > MOST_A_PERSON * plan.persons:
            raise ValueError(f"a clinical city has room for {MOST_A_PERSON} visits a person")
        if plants < 0:
            raise ValueError("plants must be at least 0")
        super().__init__(plan if own_schemes else dataclasses.replace(plan, schemes=SCHEMES))
        self.clinic = Clinic(self.plan, self._places)
        self._plants = plants
        self._sales: Sales | None = None

    @cached_property
    def _items(self) -> Items:
        return self.clinic.items

    @property
    def doctors(self) -> pa.Table:
        """The table ``doctors``, dated."""
        return self.clinic.staff.table

    @property
    def stock(self) -> pa.Table:
        """The table ``stock``: by institution, item and quarter, for some items. Draws all visits when that was not done before."""
        if self._sales is None:
            for _ in self._units():
                pass
        assert self._sales is not None
        return self._sales.rows(self.plan.seed)

    @property
    def streams(self) -> dict[str, Table]:
        """Schemas of the tables that ``batches`` streams, by name."""
        return {"visits": CHECK_VISITS, "lines": CHECK_LINES, "diagnoses": DIAGNOSES, "operations": OPERATIONS, "labs": LABS}

    def further_tables(self) -> dict[str, tuple[pa.Table, Table]]:
        """Doctors and stock with their schemas."""
        return {"doctors": (self.doctors, DOCTORS), "stock": (self.stock, STOCK)}

    def person_batches(self) -> Iterator[pa.Table]:
        """``persons`` in parts."""
        for block in range(self.plan.blocks):
            yield plain_codes(person_rows(self.plan, self._people(block)))

    def _units(self) -> Iterator[Batch]:
        sales = self.clinic.sales()
        for block, first, last in self.plan.units():
            yield from self._clinical(self._people(block), block, first, last, sales)
        self._sales = sales

    def _clinical(self, who: People, block: int, first: int, last: int, sales: Sales) -> Iterator[Batch]:
        made = self.clinic.unit(who, block, first, last, sales)
        if made is not None:
            yield Batch(made.visits, made.lines, made.line_offsets, made.beside)
