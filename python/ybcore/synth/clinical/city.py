"""A clinical city: the tables of a city, and those that rule checks look at."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import pyarrow as pa

from ...columns.checkschema import CHECK_LINES, CHECK_VISITS, DIAGNOSES, DOCTORS, LABS, OPERATIONS, STOCK
from ...columns.schema import Table
from ...errors import InputError, Problem
from ..draw import NO_DAY
from ..items import CatalogTables, Items
from ..people import JOINS, KEPT, People, people, person_rows
from ..places import institution_rows
from ..plan import Plan, Scheme
from ..town import Batch, City
from .knowledge import BED, CT, MRI
from .plants import Book, typed
from .records import Sales
from .ruletables import Listed, rule_tables
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
            most = MOST_A_PERSON * plan.persons
            what = f"{plan.visits:,} visits of {plan.persons:,} persons: a clinical city has room for {MOST_A_PERSON} a person"
            what_zh = f"{plan.persons:,} 人 {plan.visits:,} 笔就诊：临床城市每人最多 {MOST_A_PERSON} 笔"
            wanted = f"visits <= {most:,}, persons >= {-(-plan.visits // MOST_A_PERSON):,}"
            raise InputError([Problem(what=what, what_zh=what_zh, path="visits", expected=wanted)])
        if plants < 0 or (plants and own_schemes):
            raise ValueError("plants must be at least 0, and 0 where insutypes or regions are given")
        super().__init__(plan if own_schemes else dataclasses.replace(plan, schemes=SCHEMES))
        self._people = lru_cache(2)(self._persons_of)
        self.clinic = Clinic(self.plan, self._places)
        self._plants = plants
        self._sales: Sales | None = None

    def _persons_of(self, block: int) -> People:
        """Persons of a block. Tianjin has no civil servants: their outpatient bills of a year are bounded."""
        who = people(self.plan, block)
        there = np.array([s.admdvs.startswith("12") for s in self.plan.schemes])[who.scheme]
        # nobody changes the scheme, so that what a place asks holds for the whole year
        joins = who.change == JOINS
        who.change[joins], who.change_day[joins] = KEPT, NO_DAY
        who.joined, who.later_kind = who.scheme, np.where(joins, who.kind, who.later_kind)
        for kinds in (who.kind, who.later_kind):
            kinds[there & ((kinds == 1) | (kinds == 4))] -= 1
        return who

    @cached_property
    def _items(self) -> Items:
        return self.clinic.items

    @cached_property
    def _book(self) -> Book:
        book = Book(self.plan, self.clinic)
        book.fill(self._plants)
        return book

    @property
    def labels(self) -> pa.Table:
        """What is planted: rule, kernel, table, sure, and the rows that must be found."""
        return self._book.label_table()

    @cached_property
    def rule_tables(self) -> dict[str, pa.Table]:
        """Rule tables of the city's own, by name."""

        def of(rule: str, column: str) -> list[str]:
            return [str(row[column]) for row in self._book.labels if row["rule"] == rule]

        cards = ["C000" + psn_no[-12:] for psn_no in of("suspended_card", "psn_no")]
        diagnoses = [str(row["diag_code"]) for visit in self._book.visits for row in visit.diagnoses]
        persons, places = of("person_blacklist", "psn_no"), of("institution_blacklist", "fixmedins_code")
        return rule_tables(self.clinic, Listed(cards, persons, places, diagnoses))

    @cached_property
    def institutions(self) -> pa.Table:
        """The table ``institutions``: those of the city, then those to which only planted visits go."""
        every = (*self._places.institutions, *self._book.institutions)
        return institution_rows(self.plan, dataclasses.replace(self._places, institutions=every))

    @cached_property
    def catalog(self) -> CatalogTables:
        """The tables items, selfpay, caps; a few items more where violations are planted."""
        made = super().catalog
        if not self._plants:
            return made
        rows = [{"med_list_codg": code, "name": name, "med_chrgitm_type": head, "list_type": "201", "chrgitm_lv": "01", "drt_reim_flag": "0"} for code, name, head in (BED, CT, MRI)]  # fmt: skip
        return made._replace(items=pa.concat_tables([made.items, typed(rows, made.items.schema)]))

    @cached_property
    def rule_document(self) -> dict[str, Any]:
        """The rules of the city's own, with its tables in them: a raw document to be loaded after the shipped ones."""
        from .ruledocument import rule_document

        herbs = [code for code in self.catalog.items["med_list_codg"].to_pylist() if code[0] == "T"]
        return rule_document(self.rule_tables, herbs)

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
        return pa.concat_tables([self._sales.rows(self.plan.seed), self._book.stock_rows()])

    @property
    def streams(self) -> dict[str, Table]:
        """Schemas of the tables that ``batches`` streams, by name."""
        return {
            "visits": CHECK_VISITS,
            "lines": CHECK_LINES,
            "diagnoses": DIAGNOSES,
            "operations": OPERATIONS,
            "labs": LABS,
        }

    def further_tables(self) -> dict[str, tuple[pa.Table, Table]]:
        """Doctors and stock with their schemas."""
        return {"doctors": (self.doctors, DOCTORS), "stock": (self.stock, STOCK)}

    def plain_tables(self) -> dict[str, pa.Table]:
        """The city's own rule tables, and the labels of what is planted."""
        out = {f"rules/{name}": table for name, table in self.rule_tables.items()}
        return {**out, "labels": self.labels} if self._plants else out

    def texts(self) -> dict[str, str]:
        """The rule document, and examples beside it."""
        from .ruledocument import examples_text, rule_text

        return {"rules/city.yaml": rule_text(self.rule_document), "rules/city.examples.yaml": examples_text()}

    def person_batches(self) -> Iterator[pa.Table]:
        """``persons`` in parts."""
        for block in range(self.plan.blocks):
            table = plain_codes(person_rows(self.plan, self._people(block)))
            yield table
        if self._plants:
            yield self._book.person_table(table.schema)

    def _units(self) -> Iterator[Batch]:
        sales = self.clinic.sales()
        made: Batch | None = None
        for block, first, last in self.plan.units():
            for made in self._clinical(self._people(block), block, first, last, sales):
                yield made
        self._sales = sales
        if self._plants and made is not None:
            beside = {name: table.schema for name, (table, _) in made.beside.items()}
            yield Batch(*self._book.tables(made.visits.schema, made.lines.schema, beside))

    def _clinical(self, who: People, block: int, first: int, last: int, sales: Sales) -> Iterator[Batch]:
        made = self.clinic.unit(who, block, first, last, sales)
        if made is not None:
            yield Batch(made.visits, made.lines, made.line_offsets, made.beside)
