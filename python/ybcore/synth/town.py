"""The city as a whole: tables in memory, batches as a stream, files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..columns.schema import LINES, VISITS, Table
from .economy import earning_rows, household_rows, people_rows
from .feelines import Shelf, line_rows, shelf
from .items import CatalogTables, Items, items
from .people import People, account_rows, people, person_rows
from .places import Places, institution_rows, places
from .plan import DEFAULT_REGIONS, DEFAULT_SCHEMES, Plan, make
from .visits import visit_rows, visits

__all__ = ["Batch", "City", "city"]


@dataclass(frozen=True, slots=True)
class Batch:
    """Visits and their lines. ``line_offsets`` (int64, visits + 1): the lines of visit i are rows offsets[i] … offsets[i+1] − 1.

    ``beside`` holds what a clinical city has more of: a table and its offsets by visit. Unpacks as ``visits, lines``.
    """

    visits: pa.Table
    lines: pa.Table
    line_offsets: npt.NDArray[np.int64]
    beside: Mapping[str, tuple[pa.Table, npt.NDArray[np.int64]]] = field(default_factory=dict)

    @property
    def diagnoses(self) -> pa.Table:
        """Diagnoses of the visits (a clinical city)."""
        return self.beside["diagnoses"][0]

    @property
    def operations(self) -> pa.Table:
        """Operations of the visits (a clinical city)."""
        return self.beside["operations"][0]

    @property
    def labs(self) -> pa.Table:
        """Laboratory values of the visits (a clinical city)."""
        return self.beside["labs"][0]

    def __iter__(self) -> Iterator[pa.Table]:
        return iter((self.visits, self.lines))


def city(
    seed: int = 1,
    persons: int = 100_000,
    visits: int | None = None,
    lines_per_visit: float = 10,
    catalog_items: int = 20_000,
    year: int = 2024,
    bad_rows: float | None = None,
    *,
    order: str = "time",
    insutypes: Mapping[str, float] | None = None,
    regions: Mapping[str, str] | None = None,
    kinds: Mapping[str, float] | None = None,
    ratio_categories: tuple[str, ...] = ("R",),
    tags: tuple[str, ...] = ("special_drug",),
    chronic: tuple[str, ...] = (),
    topups: bool = True,
    clinical: bool = False,
    plants: int = 0,
) -> City:
    """A synthetic city. Nothing is drawn before it is asked for.

    ``visits``: settlements of the year, reversals included (default 10 a person). ``lines_per_visit``: mean. ``bad_rows``: share of
    visits that cannot be settled (default 0.0005; a clinical city has none). ``order`` of the visits inside a unit of some thousands: ``time``, ``person`` or ``random``
    (units follow each other by person). ``insutypes``: share of persons by scheme; ``regions``: insuplc_admdvs by scheme (default:
    employees of Beijing, residents of Luoyang, a rural scheme of Yuyang). ``kinds``: shares of the kinds of visits (names in
    docs/synth.md). ``ratio_categories``, ``tags``, ``chronic``: selfpay_prop_psn_type codes, item tags and dise_codg codes to use.
    ``clinical``: with diagnoses, operations, doctors, laboratory values, stock and the further columns of docs/checks.md, and clean of
    every rule; ``plants``: so many violations of each rule besides, told in ``labels``.
    Raises ValueError for a parameter outside its range.
    """
    bad = bad_rows if bad_rows is not None else 0.0 if clinical else 0.0005
    plan = make(
        seed, persons, visits, lines_per_visit, catalog_items, year, bad, insutypes or DEFAULT_SCHEMES, {**DEFAULT_REGIONS, **(regions or {})}, kinds,
        order=order, ratio_categories=tuple(ratio_categories), tags=tuple(tags), chronic=tuple(chronic), topups=topups,
    )  # fmt: skip
    if not clinical:
        if plants:
            raise ValueError("plants needs clinical=True")
        return City(plan)
    from .clinical import ClinicalCity

    return ClinicalCity(plan, int(plants), own_schemes=bool(insutypes or regions))


class City:
    """One city; ``plan`` holds its parameters. Tables are pyarrow Tables in the columns of docs/inputs.md."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._people = lru_cache(2)(lambda block: people(plan, block))

    def __repr__(self) -> str:
        return f"City(seed={self.plan.seed}, persons={self.plan.persons}, visits={self.plan.visits}, year={self.plan.year})"

    @cached_property
    def _places(self) -> Places:
        return places(self.plan)

    @cached_property
    def _items(self) -> Items:
        return items(self.plan)

    @cached_property
    def _shelf(self) -> Shelf:
        return shelf(self.plan, self._items)

    # ------------------------------------------------------------------ tables in memory

    @cached_property
    def persons(self) -> pa.Table:
        """The table ``persons``: a row a person, two where something changes during the year."""
        return pa.concat_tables(self.person_batches())

    @cached_property
    def institutions(self) -> pa.Table:
        """The table ``institutions``, with the extra column ``designation``."""
        return institution_rows(self.plan, self._places)

    @property
    def catalog(self) -> CatalogTables:
        """The tables items, selfpay, caps; ``ybcore.Catalog(*city.catalog)`` reads them."""
        return self._items.tables

    @cached_property
    def acct_events(self) -> pa.Table:
        """The table ``acct_events``: monthly top-ups of employees' accounts."""
        return pa.concat_tables(self.account_batches())

    @cached_property
    def households(self) -> pa.Table:
        """What each household has and spends, and its weight in a survey: a row a household."""
        return pa.concat_tables(self.household_batches())

    @cached_property
    def earnings(self) -> pa.Table:
        """Wage, contribution base and contributions: a row a person, as on 1 January."""
        return pa.concat_tables(self.earning_batches())

    @property
    def people(self) -> pa.Table:
        """``earnings`` with the money and weight of the household, as ``ybcore.simulate.People`` takes it."""
        return people_rows(self.households, self.earnings)

    def visits(self) -> Batch:
        """All visits and lines at once."""
        return _joined(list(self._units()))

    def plain_tables(self) -> dict[str, pa.Table]:
        """Further tables without a schema, written as UTF-8 CSV; a name may begin with a folder."""
        return {}

    def texts(self) -> dict[str, str]:
        """Further files, by name inside the folder, written as UTF-8."""
        return {}

    # ------------------------------------------------------------------ streams

    @property
    def streams(self) -> dict[str, Table]:
        """Schemas of the tables that ``batches`` streams, by name."""
        return {"visits": VISITS, "lines": LINES}

    def further_tables(self) -> dict[str, tuple[pa.Table, Table]]:
        """Tables, with their schemas, that only some cities have and that are whole when all visits are drawn."""
        return {}

    def person_batches(self) -> Iterator[pa.Table]:
        """``persons`` in parts."""
        for block in range(self.plan.blocks):
            yield person_rows(self.plan, self._people(block))

    def account_batches(self) -> Iterator[pa.Table]:
        """``acct_events`` in parts."""
        for block in range(self.plan.blocks):
            yield account_rows(self.plan, self._people(block))

    def household_batches(self) -> Iterator[pa.Table]:
        """``households`` in parts."""
        for block in range(self.plan.blocks):
            yield household_rows(self.plan, self._people(block))

    def earning_batches(self) -> Iterator[pa.Table]:
        """``earnings`` in parts."""
        for block in range(self.plan.blocks):
            yield earning_rows(self.plan, self._people(block))

    def batches(self, rows: int = 100_000) -> Iterator[Batch]:
        """Visits with their lines, ``rows`` visits at a time (the last batch may have fewer).

        Memory: some batches of this size, or one unit of at most about 32,768 visits where that is more.
        """
        if rows < 1:
            raise ValueError("rows must be at least 1")
        held: list[Batch] = []
        count = 0
        for unit in self._units():
            at, size = 0, unit.visits.num_rows
            while count + size - at >= rows:
                held.append(_part(unit, at, at + rows - count))
                yield _joined(held)
                at, held, count = at + rows - count, [], 0
            if at < size:
                held.append(_part(unit, at, size))
                count += size - at
        if held:
            yield _joined(held)

    def _units(self) -> Iterator[Batch]:
        for block, first, last in self.plan.units():
            yield from self._unit(self._people(block), block, first, last)

    def _unit(self, who: People, block: int, first: int, last: int) -> Iterator[Batch]:
        """The batch of one unit of persons; nothing when they have no visit."""
        rows = visits(self.plan, self._places, who, block, first, last)
        if len(rows):
            table = visit_rows(self.plan, self._places, who, rows)
            lines, offsets = line_rows(self.plan, self._shelf, who, rows, table.column("setl_id").chunk(0))
            yield Batch(table, lines, offsets)

    def write(
        self,
        folder: str | Path,
        format: str = "parquet",
        *,
        encoding: str = "utf-8",
        rows: int = 100_000,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Write all tables: persons, institutions, acct_events, visits, lines, households, earnings, and the folder ``catalog``.

        ``format``: ``parquet``, or ``csv`` (money in yuan, rates as fractions) in ``encoding`` (utf-8, utf-8-sig, gb18030).
        ``progress(done, all)`` hears of visits. Memory is bounded by batches of ``rows`` visits.
        """
        from .files import write_city

        write_city(self, Path(folder), format, encoding, rows, progress)


def _part(unit: Batch, first: int, last: int) -> Batch:
    """Visits first … last − 1 of a unit."""
    if first == 0 and last == unit.visits.num_rows:
        return unit

    def cut(table: pa.Table, offsets: npt.NDArray[np.int64]) -> tuple[pa.Table, npt.NDArray[np.int64]]:
        low, high = int(offsets[first]), int(offsets[last])
        return table.slice(low, high - low), offsets[first : last + 1] - low

    lines, offsets = cut(unit.lines, unit.line_offsets)
    beside = {name: cut(*found) for name, found in unit.beside.items()}
    return Batch(unit.visits.slice(first, last - first), lines, offsets, beside)


def _joined(parts: list[Batch]) -> Batch:
    if len(parts) == 1:
        return parts[0]
    lines = _stacked([(part.lines, part.line_offsets) for part in parts])
    beside = {name: _stacked([part.beside[name] for part in parts]) for name in parts[0].beside}
    return Batch(pa.concat_tables([part.visits for part in parts]), *lines, beside)


def _stacked(parts: list[tuple[pa.Table, npt.NDArray[np.int64]]]) -> tuple[pa.Table, npt.NDArray[np.int64]]:
    """Tables one after the other, and their offsets."""
    ends = np.cumsum([table.num_rows for table, _ in parts])
    offsets = [parts[0][1], *(later[1:] + end for (_, later), end in zip(parts[1:], ends))]
    return pa.concat_tables([table for table, _ in parts]), np.concatenate(offsets)
