"""Several policies over one batch give what runs of their own give (docs/simulation.md section 3)."""

from __future__ import annotations

import pyarrow as pa
import pytest
from ybcore import Catalog, Engine, load_book
from ybcore.cli.settle import demo_policies
from ybcore.simulate import Reform, compare, reformed
from ybcore.synth import city

L3 = "plans[inpatient_city_l3].layers[basic].deductible.amount"
LUOYANG, BEIJING = "luoyang-resident-2024", "beijing-employee-2023"
REFORMS = {
    "deductible": Reform.of("a", [{"policy": LUOYANG, "path": L3, "add": 200}]),
    "half a year": Reform.of("b", [{"policy": LUOYANG, "path": L3, "add": 200}], start="2024-07-01"),
    "first pay": Reform.of("c", [{"policy": BEIJING, "merge": {"pricing": {"first_pay": [{"ratio": "catalog"}, {"ratio": "0.1"}]}}}]),
    "exact": Reform.of("d", [{"policy": BEIJING, "merge": {"rounding": {"layer": "exact", "end": "jiao"}}}]),
    "household": Reform.of("e", [{"policy": LUOYANG, "path": "plans[inpatient_city_l3].layers[basic].deductible", "merge": {"repeat": "cumulative", "scope": "household"}}]),
    "admission": Reform.of("f", [{"scheme": name, "merge": {"dates": {"policy": "admission"}}} for name in ("luoyang-resident", "beijing-employee", "yuyang-rural")]),
    "split year": Reform.of("g", [{"policy": LUOYANG, "merge": {"year": {"starts": "07-01", "cross": "split"}}}]),
    "nothing": Reform.of("i", []),
}  # fmt: skip


@pytest.fixture(scope="module")
def town():
    made = city(seed=7, persons=400, visits=4_000, lines_per_visit=4)
    batch = made.visits()
    tables = {
        "visits": batch.visits, "lines": batch.lines, "persons": made.persons, "institutions": made.institutions, "acct_events": made.acct_events,
    }  # fmt: skip
    return tables, Catalog(**dict(zip(("items", "selfpay", "caps"), made.catalog)))


@pytest.fixture(scope="module")
def engine(town):
    return Engine(load_book(demo_policies()), town[1])


class Everything:
    """Keeps the rows of every policy."""

    name = "rows"

    def __init__(self):
        self.seen = {}

    def look(self, view):
        self.seen[view.name] = view.visits
        return pa.table({"visits": [view.visits.num_rows]})


def words(table):
    out = table
    for i, kind in enumerate(table.schema.types):
        if pa.types.is_dictionary(kind):
            out = out.set_column(i, table.column_names[i], table.column(i).cast(pa.string()))
    return out


@pytest.mark.parametrize("threads", [1, 2])
def test_each_policy_gives_what_a_run_of_its_own_gives(town, engine, threads):
    tables, catalog = town
    books = {name: reformed(engine.book, [reform]) for name, reform in REFORMS.items()}
    keeps = Everything()
    own = Engine(engine.book, catalog, threads=threads)
    done = compare(own, tables, books, [keeps])
    assert done.policies == ("base", *REFORMS)
    different = 0
    for name, seen in keeps.seen.items():
        book = engine.book if name == "base" else books[name].book
        alone = Engine(book, catalog, threads=threads).settle(**tables, receipt=False).visits
        assert words(seen).equals(words(alone)), name
        different += not words(seen).equals(words(keeps.seen["base"]))
    assert different == len(REFORMS) - 1  # all but the reform that changes nothing
