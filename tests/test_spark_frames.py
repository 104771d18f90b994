"""Spark frames against one run on one machine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from sparks import need_spark, ordered_hash, plain, session
from test_explain import POLICY, family
from ybcore import Catalog, Engine, InputError

pytestmark = pytest.mark.spark
Tables = dict[str, pa.Table]


@pytest.fixture(scope="module")
def cluster() -> Any:
    return session()


@pytest.fixture(scope="module")
def town() -> dict[str, Any]:
    """A city with bad rows, settlements that are there twice, households and lines of no visit; and what one run makes of it."""
    from ybcore.cli.settle import demo_policies
    from ybcore.synth import city

    need_spark()
    made = city(seed=11, persons=150, visits=900, catalog_items=500, bad_rows=0.04)
    batch = made.visits()
    catalog = Catalog(**dict(zip(("items", "selfpay", "caps"), made.catalog)))
    tables = {"visits": batch.visits, "lines": batch.lines, "persons": made.persons, "institutions": made.institutions, "acct_events": made.acct_events}  # fmt: skip
    tables = {name: plain(table) for name, table in tables.items()}
    return {
        "tables": tables,
        "policy": demo_policies(),
        "catalog": catalog,
        "one": one_run(demo_policies(), catalog, tables),
    }


def one_run(policy: Any, catalog: Any, tables: Tables) -> Tables:
    """One machine, one batch; rows in the order that frames are said to be taken in, sorted here by Arrow alone."""
    first = {"visits": ["setl_time", "setl_id"], "lines": ["setl_id", "feedetl_sn"]}
    rows = {}
    for name, table in tables.items():
        names = first.get(name, [])
        keys = [*names, *(n for n in table.column_names if n not in names)]
        rows[name] = table.sort_by([(n, "ascending") for n in keys if n in table.column_names])
    done = Engine(policy, catalog, threads=1).settle(**rows, line_output=True, detail=True, receipt=False)
    bad = pc.equal(done.visits["outcome"].cast(pa.string()), "rejected")
    return {"settlements": done.visits.filter(pc.invert(bad)), "rejected": done.visits.filter(bad), "lines": done.lines, "detail": done.detail}  # fmt: skip


def frames(cluster: Any, tables: Tables) -> dict[str, Any]:
    """Frames whose rows lie in no order."""
    chance = np.random.default_rng(5)
    return {name: cluster.createDataFrame(table.take(pa.array(chance.permutation(len(table))))) for name, table in tables.items()}  # fmt: skip


@pytest.fixture(scope="module")
def given(cluster: Any, town: dict[str, Any]) -> dict[str, Any]:
    """The town as frames, with two lines of no visit."""
    tables = dict(town["tables"])
    lost = tables["lines"].slice(0, 2)
    lost = lost.set_column(lost.column_names.index("setl_id"), "setl_id", pa.array(["nowhere", "nobody"]))
    return frames(cluster, tables | {"lines": pa.concat_tables([tables["lines"], lost])})


@pytest.mark.parametrize("partitions", [1, 2, 64])
def test_the_same_settlements(given: dict[str, Any], town: dict[str, Any], partitions: int):
    from ybcore import spark

    done = spark.settle(**given, policy=town["policy"], catalog=town["catalog"], partitions=partitions)
    got, one = done.settlements.toArrow(), town["one"]["settlements"]
    done.release()
    assert got.num_rows == one.num_rows > 800
    assert ordered_hash(got, ["setl_id"]) == ordered_hash(one, ["setl_id"])


def test_every_result_is_the_same(given: dict[str, Any], town: dict[str, Any]):
    from ybcore import spark

    one, options = town["one"], {"policy": town["policy"], "catalog": town["catalog"]}
    done = spark.settle(**given, **options, line_output=True, detail=True, partitions=7)
    assert ordered_hash(done.settlements.toArrow(), ["setl_id"]) == ordered_hash(one["settlements"], ["setl_id"])
    settled = pa.array(one["settlements"]["setl_id"].to_pylist())
    lines = one["lines"].filter(pc.is_in(one["lines"]["setl_id"], value_set=settled))
    keys = ["setl_id", "feedetl_sn"]
    assert ordered_hash(done.lines.toArrow(), keys) == ordered_hash(lines, keys)
    keys = ["setl_id", "layer"]
    assert ordered_hash(done.detail.toArrow(), keys) == ordered_hash(one["detail"], keys)
    rejects = done.rejects.toArrow().to_pylist()
    told = sorted((r["setl_id"] or "", r["psn_no"] or "", r["reason"]) for r in rejects if r["table"] == "visits")
    want = plain(one["rejected"].select(["setl_id", "psn_no", "reason"])).to_pylist()
    assert told == sorted((r["setl_id"] or "", r["psn_no"] or "", r["reason"]) for r in want)
    assert sorted(r["setl_id"] for r in rejects if r["reason"] == "no_visit") == ["nobody", "nowhere"]
    rejected = [r for r in rejects if r["reason"] == "rejected_visit"]
    assert len(rejected) == one["lines"].num_rows - lines.num_rows > 0
    done.release()


def test_households_and_mutual_aid_stay_together(cluster: Any):
    """p1 and p2 share a ceiling, p3 pays for p2: whatever the number of tasks, as in one run."""
    from ybcore import spark

    tables = {name: table for name, table in family().items() if table is not None}
    one = one_run(POLICY, None, tables)["settlements"]
    assert one["acct_mulaid_pay"].to_pylist().count(0) < 4
    done = spark.settle(**frames(cluster, tables), policy=POLICY, partitions=2)
    assert ordered_hash(done.settlements.toArrow(), ["setl_id"]) == ordered_hash(one, ["setl_id"])


def test_numbers_as_ids_decimals_and_names_in_capitals(cluster: Any, town: dict[str, Any]):
    from ybcore import spark

    ids = {}

    def numbered(table: pa.Table, *names: str) -> pa.Table:
        for name in names:
            values = [None if v is None else ids.setdefault(v, len(ids)) for v in table[name].to_pylist()]
            table = table.set_column(table.column_names.index(name), name, pa.array(values, pa.int64()))
        return table

    given = town["tables"]
    tables = {
        "visits": numbered(given["visits"], "setl_id", "init_setl_id", "psn_no"),
        "lines": numbered(given["lines"], "setl_id"),
        "persons": numbered(given["persons"], "psn_no", "mulaid_psn_no"),
        "acct_events": numbered(given["acct_events"], "psn_no"),
        "institutions": given["institutions"],
    }
    one = one_run(town["policy"], town["catalog"], tables)["settlements"]
    lines = tables["lines"]
    at = lines.column_names.index("det_item_fee_sumamt")
    yuan = pc.multiply(lines["det_item_fee_sumamt"].cast(pa.decimal128(19, 0)), pa.scalar(1, pa.decimal128(1, 0)))
    yuan = pa.array([v / 100 for v in yuan.to_pylist()], pa.decimal128(18, 2))
    tables["lines"] = lines.set_column(at, "det_item_fee_sumamt", yuan)
    tables["visits"] = tables["visits"].rename_columns([name.upper() for name in tables["visits"].column_names])
    done = spark.settle(**frames(cluster, tables), policy=town["policy"], catalog=town["catalog"], partitions=2)
    assert ordered_hash(done.settlements.toArrow(), ["setl_id"]) == ordered_hash(one, ["setl_id"])


def test_wrong_columns_are_told_at_once(cluster: Any, town: dict[str, Any]):
    from ybcore import spark

    tables = dict(town["tables"])
    tables["persons"] = tables["persons"].drop_columns(["psn_type"])
    tables["lines"] = tables["lines"].set_column(
        7, "det_item_fee_sumamt", tables["lines"]["det_item_fee_sumamt"].cast(pa.float64())
    )
    with pytest.raises(InputError) as caught:
        spark.settle(**frames(cluster, tables), policy=town["policy"], catalog=town["catalog"])
    assert {problem.path for problem in caught.value.problems} == {"persons.psn_type", "lines.det_item_fee_sumamt"}
    tables = town["tables"] | {"persons": town["tables"]["persons"].set_column(0, "psn_no", pa.array(range(len(town["tables"]["persons"]))))}  # fmt: skip
    with pytest.raises(InputError, match="ids are text in one table and integers in another"):
        spark.settle(**frames(cluster, tables), policy=town["policy"], catalog=town["catalog"])


def test_wrong_rows_are_told_where_results_are_asked_for(cluster: Any, town: dict[str, Any]):
    from ybcore import spark

    persons = town["tables"]["persons"]
    tables = town["tables"] | {"persons": pa.concat_tables([persons, persons.slice(0, 1)])}
    done = spark.settle(**frames(cluster, tables), policy=town["policy"], catalog=town["catalog"], partitions=1)
    with pytest.raises(InputError) as caught, spark.told():
        done.settlements.count()
    assert "persons" in str(caught.value) and "java" not in str(caught.value) and "Traceback" not in str(caught.value)
