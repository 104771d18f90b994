"""Spark frames against one run on one machine."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from sparks import ordered_hash, plain, session

from ybcore import Catalog, Engine, InputError

pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def cluster() -> Any:
    return session()


@pytest.fixture(scope="module")
def town() -> dict[str, Any]:
    """A city with bad rows, settlements that are there twice, households, and mutual aid; and what one run makes of it."""
    from ybcore.cli.settle import demo_policies
    from ybcore.synth import city

    made = city(seed=11, persons=600, visits=4_000, catalog_items=600, bad_rows=0.02)
    batch = made.visits()
    catalog = Catalog(**dict(zip(("items", "selfpay", "caps"), made.catalog)))
    tables = {"visits": batch.visits, "lines": batch.lines, "persons": made.persons, "institutions": made.institutions, "acct_events": made.acct_events}  # fmt: skip
    tables = {name: plain(table) for name, table in tables.items()}
    policy = demo_policies()
    return {"tables": tables, "policy": policy, "catalog": catalog, "one": one_run(policy, catalog, tables)}


def one_run(policy: Any, catalog: Any, tables: dict[str, pa.Table]) -> dict[str, pa.Table]:
    """One machine, one batch; rows in the order that frames are said to be taken in, sorted here by Arrow alone."""
    first = {"visits": ["setl_time", "setl_id"], "lines": ["setl_id", "feedetl_sn"]}
    rows = {}
    for name, table in tables.items():
        names = first.get(name, [])
        rows[name] = table.sort_by([(n, "ascending") for n in [*names, *(n for n in table.column_names if n not in names)]])
    done = Engine(policy, catalog, threads=1).settle(**rows, line_output=True, detail=True, receipt=False)
    bad = pc.equal(done.visits["outcome"].cast(pa.string()), "rejected")
    return {"settlements": done.visits.filter(pc.invert(bad)), "rejected": done.visits.filter(bad), "lines": done.lines, "detail": done.detail}


def frames(cluster: Any, tables: dict[str, pa.Table]) -> dict[str, Any]:
    return {name: cluster.createDataFrame(table) for name, table in tables.items()}


@pytest.mark.parametrize("partitions", [1, 2, 7, 64])
def test_the_same_rows_and_values(cluster: Any, town: dict[str, Any], partitions: int):
    from ybcore import spark

    one = town["one"]
    done = spark.settle(**frames(cluster, town["tables"]), policy=town["policy"], catalog=town["catalog"], line_output=True, detail=True, partitions=partitions)
    got = done.settlements.toArrow()
    assert got.num_rows == one["settlements"].num_rows > 3_000
    assert ordered_hash(got, ["setl_id"]) == ordered_hash(one["settlements"], ["setl_id"])
    lines = done.lines.toArrow()
    rejected = set(one["rejected"]["setl_id"].to_pylist())
    print(lines.num_rows, one["lines"].num_rows, len(rejected), done.rejects.toArrow().num_rows)
    done.release()
