"""A small batch of people of one scheme that tests of simulation settle many times."""

from __future__ import annotations

import pyarrow as pa
from ybcore import Book, Catalog, Engine, load_book
from ybcore.cli.settle import demo_policies
from ybcore.synth import city

LUOYANG = "luoyang-resident-2024"
LAYER = "plans[inpatient_city_l3].layers[basic]"
DEDUCTIBLE, RATE = f"{LAYER}.deductible.amount", f"{LAYER}.bands.steps[0].rate"

RULES = """
format: ybcore-rules/1
id: few
version: "1"
name: {zh: 试, en: try}
layer: city
from: open
known_since: 2000-01-01
source: made up for a test
parameters: {most: 3}
tables:
  ceilings: {columns: [med_list_codg, ceiling], key: med_list_codg, rows: []}
rules:
  - id: MANY
    name: {zh: 超量, en: too many}
    kernel: K06
    check: {group: visit, measure: quantity, cap: {parameter: most}, comparator: more_than}
    amount: excess_qty
    disposition: deny
    severity: 2
    source: made up
  - id: DEAR
    name: {zh: 超价, en: too dear}
    kernel: K03
    items: {table: ceilings}
    check: {tolerance: 0}
    amount: price_diff
    disposition: deny
    severity: 2
    source: made up
"""


def small():
    """(engine, tables, people): a city of which one scheme is settled; people have a weight."""
    made = city(seed=5, persons=200, visits=1_500, lines_per_visit=3)
    batch = made.visits()
    tables = {
        "visits": batch.visits,
        "lines": batch.lines,
        "persons": made.persons,
        "institutions": made.institutions,
        "acct_events": made.acct_events,
    }
    book = Book([policy for policy in load_book(demo_policies()) if policy.id == LUOYANG])
    engine = Engine(book, Catalog(**dict(zip(("items", "selfpay", "caps"), made.catalog))))
    named = [*made.persons["psn_no"].to_pylist(), *(who for who in batch.visits["psn_no"].to_pylist() if who)]
    ids = list(dict.fromkeys(named))
    weights = [1 + i % 3 + (0.5 if i % 4 == 0 else 0) for i in range(len(ids))]
    return engine, tables, pa.table({"psn_no": ids, "weight": pa.array(weights, pa.float64())})


def settled(engine, tables, book=None):
    """Rows of the visits that count, under the engine's book or another."""
    own = engine if book is None else Engine(book, engine.catalog)
    rows = own.settle(**tables, receipt=False).visits.to_pylist()
    for row, kind in zip(rows, tables["visits"]["med_type"].to_pylist()):
        row["med_type"] = kind
    return [row for row in rows if row["outcome"] in ("settled", "no_benefit")]
