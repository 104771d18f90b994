"""Households, wages and contributions of the synthetic city: reproducible, coherent, near what they are made from (docs/synth.md)."""

from __future__ import annotations

import math
from collections import defaultdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from ybcore import Catalog, Engine, io, load_book
from ybcore.cli.settle import demo_policies
from ybcore.simulate import Bootstrap, Burden, Catastrophic, Inequality, People, compare
from ybcore.synth import city
from ybcore.synth.economy import EARNINGS, HOUSEHOLDS

POVERTY = ("2301", "2302", "2303", "2304", "2305", "2306")


@pytest.fixture(scope="module")
def town():
    return city(seed=3, persons=20_000, visits=20_000)


def test_the_same_seed_gives_the_same_tables_block_by_block(town):
    again = city(seed=3, persons=6_000, visits=9_000, lines_per_visit=3)
    other = city(seed=4, persons=6_000)
    for name in ("households", "earnings"):
        one, two = (next(getattr(held, f"{name[:-1]}_batches")()) for held in (town, again))
        assert one.equals(two)
        assert not one.equals(next(getattr(other, f"{name[:-1]}_batches")()))
        assert getattr(town, name).equals(pa.concat_tables(getattr(town, f"{name[:-1]}_batches")()))


def test_households_are_those_of_persons(town):
    members, poor = defaultdict(set), set()
    for row in town.persons.select(["psn_no", "hsld_no", "hsld_size", "psn_idet_type"]).to_pylist():
        members[row["hsld_no"]].add(row["psn_no"])
        if row["psn_idet_type"] in POVERTY:
            poor.add(row["hsld_no"])
    rows = town.households.to_pylist()
    assert {row["hsld_no"]: row["members"] for row in rows} == {name: len(held) for name, held in members.items()}
    assert {row["hsld_no"] for row in rows if row["poor"] == "1"} == poor and 0 < len(poor) < len(rows) / 4
    for row in rows:
        assert row["capacity"] == row["consumption"] - row["food"] > 0
        assert row["income"] > 0 and row["food"] > 0 and row["income"] % 100 == 0
        assert row["weight"] > 0
    assert town.earnings.select(["psn_no", "hsld_no"]).to_pylist() == [
        {"psn_no": who, "hsld_no": house} for who, house in dict.fromkeys(zip(*(town.persons[n].to_pylist() for n in ("psn_no", "hsld_no"))))
    ]  # fmt: skip


def test_the_poor_are_in_the_lower_deciles_of_their_scheme(town):
    people = People(town.people, income="income", household="hsld_no").deciles()
    poor = {row["hsld_no"] for row in town.households.to_pylist() if row["poor"] == "1"}
    rows = people.table.select(["hsld_no", "income_decile", "insutype"]).to_pylist()
    assert max(row["income_decile"] for row in rows if row["hsld_no"] in poor) <= 4
    sizes = np.bincount([row["income_decile"] for row in rows])[1:]
    assert len(sizes) == 10 and abs(sizes / len(rows) - 0.1).max() < 0.001


def test_contributions_are_their_rates(town):
    persons = {row["psn_no"]: row for row in reversed(town.persons.to_pylist())}
    for row in town.earnings.to_pylist():
        said = persons[row["psn_no"]]
        employee, poor = row["insutype"] == "310", row["psn_idet_type"] in POVERTY
        working = employee and row["psn_type"].startswith("11")
        base = min(max(said["wage"], 57_600_00), 288_000_00) if working else 0
        premium = 0 if employee else 600_00 if said["clct_grde"] == "2" else 400_00
        assert (row["insutype"], row["psn_type"], row["gend"], row["wage"]) == (said["insutype"], said["psn_type"], said["gend"], said["wage"])  # fmt: skip
        assert row["base"] == base and row["employer_part"] * 100 == base * 8
        assert row["person_part"] + row["assistance_part"] == base // 50 + premium
        assert row["assistance_part"] == (premium if poor else 0)
        assert row["subsidy_part"] == (0 if employee else 670_00)


def test_money_is_near_what_it_is_made_from(town):
    for code, median, mean, engel in (("310", 47_122, 51_821, 0.288), ("380", 18_748, 21_691, 0.324)):
        rows = town.households.filter(pc.field("insutype") == code).filter(pc.field("poor") == "0")
        heads = np.asarray(rows["members"])
        a_head = np.asarray(rows["income"]) / heads / 100
        assert abs(np.quantile(a_head, 0.5, weights=heads, method="inverted_cdf") / median - 1) < 0.05
        assert abs(np.average(a_head, weights=heads) / mean - 1) < 0.05
        assert abs(pc.sum(rows["food"]).as_py() / pc.sum(rows["consumption"]).as_py() - engel) < 0.02


def test_files_are_the_tables(tmp_path: Path):
    small = city(seed=5, persons=300, visits=600, lines_per_visit=2, catalog_items=500)
    small.write(tmp_path / "p")
    small.write(tmp_path / "c", format="csv")
    for name, schema in (("households", HOUSEHOLDS), ("earnings", EARNINGS)):
        own = getattr(small, name)
        assert schema.columns and [c.name for c in schema.columns] == own.column_names
        assert io.read_table(tmp_path / "p" / f"{name}.parquet").to_pylist() == own.to_pylist()
        text = (tmp_path / "c" / f"{name}.csv").read_text(encoding="utf-8").splitlines()
        assert len(text) == own.num_rows + 1
    first = dict(
        zip(
            HOUSEHOLDS_NAMES, (tmp_path / "c" / "households.csv").read_text(encoding="utf-8").splitlines()[1].split(",")
        )
    )
    assert float(first["income"]) * 100 == small.households["income"][0].as_py()


HOUSEHOLDS_NAMES = [column.name for column in HOUSEHOLDS.columns]


def test_measures_take_the_people_as_they_are():
    small = city(seed=5, persons=400, visits=2_000, lines_per_visit=2, catalog_items=500)
    batch = small.visits()
    tables = {"visits": batch.visits, "lines": batch.lines, "persons": small.persons, "institutions": small.institutions, "acct_events": small.acct_events}  # fmt: skip
    engine = Engine(load_book(demo_policies()), Catalog(*small.catalog))
    people = People(
        small.people, income="income", consumption="consumption", capacity="capacity", weight="weight", household="hsld_no",
        replicates=Bootstrap(30, strata="stratum", cluster="cluster"),
    ).deciles()  # fmt: skip
    asked = [
        Burden(people, ["income_decile"]),
        Catastrophic(people, of="capacity", share="0.40", line=7_455_00, by=["psn_idet_type"]),
        Inequality(people),
    ]
    done = compare(engine, tables, {}, asked)
    heavy = dict(zip(small.households["hsld_no"].to_pylist(), small.households["weight"].to_pylist()))
    assert math.isclose(sum(done.table("burden")["units"].to_pylist()), sum(heavy.values()))
    gini = done.table("inequality")["gini"].to_pylist()[0]
    assert 0.25 < gini < 0.55 and done.table("inequality")["gini_se"].to_pylist()[0] > 0
    assert done.table("catastrophic")["poor_before"].null_count == 0
