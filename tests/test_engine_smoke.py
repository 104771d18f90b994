"""The engine from outside: every container gives the same bytes, and rows may come in any order."""

from __future__ import annotations

import datetime as dt
import random
import threading
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import ybcore
from ybcore import Catalog, Engine, InputError, PersonState

POLICY = """
format: ybcore-policy/1
id: smoke-2024
name: {zh: 冒烟, en: Smoke}
scheme: {id: smoke, region: "110000", insutype: ["310"]}
effective: {from: 2024-01-01, to: 2025-01-01}
cite: ["for tests"]
rounding: {line: ROUND}
admissions: {when: {med_type: ["21"]}}
counters:
  paid: {sum: [basic.paid], period: year}
accounts: {pay: last}
plans:
  - id: inpatient
    when: {med_type: ["21"]}
    layers:
      - id: basic
        payer: hifp_pay
        basic: true
        deductible: {amount: {by: dedc_hosp_lv, "3": 1300, else: 650}, repeat: visit, admission: {factors: [1, 0.5]}}
        bands: {steps: [{to: 30000, rate: 0.85}, {to: open, rate: 0.9}]}
        ceilings: [{on: fund, limit: 4000, per: year}]
  - id: outpatient
    when: {med_type: ["11"]}
    layers:
      - {id: basic, payer: hifp_pay, basic: true, rate: 0.5}
"""
CATALOG = {
    "items": {
        "med_list_codg": ["XA", "XB", "XC"],
        "chrgitm_lv": ["01", "02", "03"],
        "selfpay_prop": [None, 123_457, None],
    },
    "caps": {"med_list_codg": ["XA"], "hilist_pric_uplmt_amt": [95_000_000]},
}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return make(tmp_path_factory.mktemp("policy"), "fen")


def make(folder: Any, rounding: str) -> Engine:
    path = folder / "smoke.yaml"
    path.write_text(POLICY.replace("ROUND", rounding), encoding="utf-8")
    return Engine(path, Catalog(**CATALOG), threads=2)


def city(n: int = 120) -> dict[str, dict[str, list[Any]]]:
    r = random.Random(7)
    visits: dict[str, list[Any]] = {
        k: [] for k in ("setl_id", "psn_no", "med_type", "setl_time", "begndate", "enddate", "hosp_lv")
    }
    lines: dict[str, list[Any]] = {k: [] for k in ("setl_id", "feedetl_sn", "med_list_codg", "fee_ocur_time", "cnt", "det_item_fee_sumamt", "deny_flag")}  # fmt: skip
    for i in range(n):
        at = dt.datetime(2024, 1, 1) + dt.timedelta(seconds=r.randrange(365 * 86400))
        inpatient = r.random() < 0.4
        cells = (f"S{i:04d}", f"P{r.randrange(20):03d}", "21" if inpatient else "11", at, at.date() - dt.timedelta(days=5 * inpatient), at.date(),
                 r.choice(["02", "05", None]))  # fmt: skip
        for column, cell in zip(visits.values(), cells):
            column.append(cell)
        for k in range(r.randrange(6)):
            cells = (f"S{i:04d}", f"{i}-{k}", r.choice(["XA", "XB", "XB", "XC", "XZ"]), r.choice([None, at.date()]), r.choice([None, 10_000, 25_000]),
                     r.choice([r.randrange(1, 400), r.randrange(1, 900_000)]), r.choice([None, "0", "0", "1"]))  # fmt: skip
            for column, cell in zip(lines.values(), cells):
                column.append(cell)
    persons = {"psn_no": [f"P{i:03d}" for i in range(19)], "insutype": ["310"] * 18 + ["390"], "psn_type": ["11"] * 19, "brdy": [dt.date(1970, 2, 28)] * 19,
               "insuplc_admdvs": ["110000"] * 19, "balc": [r.randrange(100_000) for _ in range(19)]}  # fmt: skip
    return {"visits": visits, "lines": lines, "persons": persons}


SCHEMA = {"fee_ocur_time": pa.date32(), "cnt": pa.int64(), "setl_time": pa.timestamp("us")}


def arrow(columns: dict[str, list[Any]]) -> pa.Table:
    return pa.table({name: pa.array(values, SCHEMA.get(name)) for name, values in columns.items()})


def as_duckdb(columns: dict[str, list[Any]]) -> Any:
    return duckdb.from_arrow(arrow(columns))


def as_decimals(columns: dict[str, list[Any]]) -> pa.Table:
    table = arrow(columns)
    for i, name in enumerate(table.column_names):
        if name in ("det_item_fee_sumamt", "balc"):
            table = table.set_column(i, name, ybcore.io.yuan(table[name]))
        elif pa.types.is_string(table[name].type):
            table = table.set_column(i, name, table[name].dictionary_encode())
    return table


def as_odd(columns: dict[str, list[Any]]) -> pa.Table:
    """Numbers and offsets at odd addresses, as they come out of a message or a file that is mapped."""

    def moved(column: pa.ChunkedArray) -> pa.Array:
        held = column.combine_chunks()
        valid, cells, *texts = held.buffers()
        odd = pa.py_buffer(b"-" + cells.to_pybytes()).slice(1)
        return pa.Array.from_buffers(held.type, len(held), [valid, odd, *texts])

    table = arrow(columns)
    return pa.table([moved(column) for column in table.columns], names=table.column_names)


CONTAINERS = {
    "odd": as_odd,
    "lists": lambda columns: columns,
    "numpy": lambda columns: {k: v if None in v else np.array(v) for k, v in columns.items()},
    "arrow": arrow,
    "chunks": lambda columns: pa.concat_tables(
        [arrow(columns).slice(i, 7) for i in range(0, len(next(iter(columns.values()))), 7)]
    ),
    "decimals": as_decimals,
    "polars": lambda columns: pl.from_arrow(arrow(columns)),
    "pandas": lambda columns: pd.DataFrame(arrow(columns).to_pandas(types_mapper=pd.ArrowDtype)),
    "duckdb": as_duckdb,
}


@pytest.fixture(scope="module")
def plain(engine: Engine) -> ybcore.Settlement:
    return engine.settle(**city(), line_output=True, detail=True)


def rows(table: pa.Table) -> list[dict[str, Any]]:
    return table.to_pylist()


def test_outcomes_are_of_every_kind(plain: ybcore.Settlement):
    found = {(row["outcome"], row["reason"]) for row in rows(plain.visits)}
    assert found == {("settled", ""), ("rejected", "unknown_person"), ("rejected", "no_policy")}
    for row in rows(plain.visits):
        if row["outcome"] == "settled":
            assert row["medfee_sumamt"] == row["fund_pay_sumamt"] + row["psn_part_amt"] + row["hosp_part_amt"]
            assert row["psn_cash_pay"] == sum(value for name, value in row.items() if name.startswith("burden_"))
    assert (
        sum(row["cut_fund"] for row in rows(plain.visits)) > 0
        and sum(row["acct_pay"] for row in rows(plain.visits)) > 0
    )


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_container_settles_the_same(name: str, engine: Engine, plain: ybcore.Settlement):
    done = engine.settle(**{table: CONTAINERS[name](columns) for table, columns in city().items()}, line_output=True)
    assert rows(done.visits) == rows(plain.visits)
    assert done.lines is not None and plain.lines is not None and rows(done.lines) == rows(plain.lines)
    assert done.receipt["input"] == plain.receipt["input"]


@pytest.mark.parametrize("rounding", ["fen", "exact"])
def test_lines_add_up_to_their_visit(rounding: str, tmp_path: Any):
    done = make(tmp_path, rounding).settle(**city(), line_output=True)
    assert done.lines is not None
    total: dict[str, list[int]] = {}
    for line in rows(done.lines):
        parts = [line[name] for name in ("fulamt_ownpay_amt", "overlmt_amt", "preselfpay_amt", "inscp_scp_amt")]
        mine = total.setdefault(line["setl_id"], [0] * 4)
        total[line["setl_id"]] = [a + b for a, b in zip(mine, parts)]
    slack = 0 if rounding == "fen" else 3
    for row in rows(done.visits):
        if row["outcome"] == "settled":
            parts = [row[name] for name in ("fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt")]
            mine = total.get(row["setl_id"], [0] * 4)
            assert sum(parts) == sum(mine) and all(abs(a - b) <= slack for a, b in zip(parts, mine))


def test_the_order_of_rows_does_not_matter(engine: Engine, plain: ybcore.Settlement):
    r = np.random.default_rng(3)
    tables = {name: arrow(columns) for name, columns in city().items()}
    mixed = {name: table.take(pa.array(r.permutation(table.num_rows))) for name, table in tables.items()}
    by_id = {row["setl_id"]: row for row in rows(engine.settle(**mixed).visits)}
    assert [by_id[row["setl_id"]] for row in rows(plain.visits)] == rows(plain.visits)


def test_line_offsets_and_number_ids(engine: Engine, plain: ybcore.Settlement):
    tables = city()
    ids = tables["visits"]["setl_id"]
    counts = [tables["lines"]["setl_id"].count(i) for i in ids]
    numbers = {i: n + 1 for n, i in enumerate(ids)}
    tables["visits"]["setl_id"] = [numbers[i] for i in ids]
    del tables["lines"]["setl_id"]
    done = engine.settle(**tables, line_offsets=np.concatenate(([0], np.cumsum(counts))))
    assert done.visits.drop_columns("setl_id").equals(plain.visits.drop_columns("setl_id"))
    tables["lines"]["setl_id"] = [n for n, count in zip(numbers.values(), counts) for _ in range(count)]
    assert engine.settle(**tables).visits.equals(done.visits)


def test_the_receipt_knows_the_input(engine: Engine, plain: ybcore.Settlement):
    tables = city()
    assert engine.settle(**tables, receipt=False).receipt == {}
    tables["lines"]["med_list_codg"][5] = None
    tables["visits"]["hosp_lv"][0] = "13"
    changed = engine.settle(**tables).receipt["input"]
    same = {name for name, told in plain.receipt["input"].items() if told == changed[name]}
    assert same == {"persons"}


def test_one_at_a_time_is_the_bulk_answer(engine: Engine, plain: ybcore.Settlement):
    tables = city()
    names = list(tables["visits"])
    visits = [dict(zip(names, cells)) for cells in zip(*tables["visits"].values())]
    lines = [dict(zip(tables["lines"], cells)) for cells in zip(*tables["lines"].values())]
    persons = [dict(zip(tables["persons"], cells)) for cells in zip(*tables["persons"].values())]
    states: dict[str, PersonState] = {}
    want = {row["setl_id"]: row for row in rows(plain.visits)}
    for visit in sorted(visits, key=lambda v: (v["setl_time"], v["setl_id"]))[:40]:
        mine = [
            {k: v for k, v in line.items() if k != "setl_id" and v is not None}
            for line in lines
            if line["setl_id"] == visit["setl_id"]
        ]
        who = visit["psn_no"]
        one = engine.settle_one(visit, mine, [p for p in persons if p["psn_no"] == who], states.get(who))
        states[who] = one.state
        assert one.result == want[visit["setl_id"]]


def test_threads_share_an_engine(engine: Engine, plain: ybcore.Settlement):
    answers: list[pa.Table] = []
    team = [threading.Thread(target=lambda: answers.append(engine.settle(**city()).visits)) for _ in range(4)]
    for one in team:
        one.start()
    for one in team:
        one.join()
    assert len(answers) == 4 and all(rows(a) == rows(plain.visits) for a in answers)


def test_nothing_is_lost_silently(engine: Engine):
    tables = city()
    tables["lines"]["setl_id"][3] = "nobody"
    with pytest.raises(InputError, match="'nobody' is not among the visits"):
        engine.settle(**tables)
    with pytest.raises(InputError, match="binary float"):
        engine.settle({**tables["visits"], "medfee_sumamt": [1.5] * 120})


def test_bad_rows_come_out_with_a_reason(engine: Engine):
    visits = {
        "setl_id": ["a", "a", "b", None, "c", "d", "e"],
        "psn_no": ["P000"] * 7,
        "med_type": ["21"] * 5 + [None, "21"],
        "setl_time": ["2024-03-01"] * 4 + ["2024-33-01"] + ["2024-03-01"] * 2,
        "medfee_sumamt": [100, 100, 100, 100, 100, 100, 90],
        "inscp_scp_amt": [100] * 7,
    }
    done = engine.settle(visits, persons=city()["persons"])
    assert [row["reason"] for row in rows(done.visits)] == [
        "",
        "duplicate_setl_id",
        "",
        "bad_value",
        "bad_value",
        "bad_value",
        "bad_split",
    ]
    counts = done.receipt["counts"]["outcomes"]
    assert sum(c["visits"] for c in counts) == 7 == done.receipt["counts"]["visits"]


def test_reference_tables_must_be_sound(engine: Engine):
    visits = {
        "setl_id": ["a", "b"],
        "psn_no": ["P000", "P001"],
        "med_type": ["21", "21"],
        "setl_time": ["2024-03-01"] * 2,
    }
    persons = {
        "psn_no": ["P000", "P000", "P001"],
        "insutype": ["310"] * 3,
        "psn_type": ["11"] * 3,
        "insuplc_admdvs": ["110000"] * 3,
    }
    dates = {"begndate": ["2020-01-01", "2024-01-01", None], "enddate": ["2024-02-01", None, None]}
    with pytest.raises(InputError) as overlap:
        engine.settle(visits, persons={**persons, **dates})
    assert (
        overlap.value.render("en")
        == "row 2: persons: the validity overlaps another row of the same psn_no and insutype"
    )
    assert "有效期与同一键的另一行重叠：psn_no、insutype" in overlap.value.render("zh")
    with pytest.raises(InputError, match=r"acct_events\.kind: .*kind is not add or set"):
        engine.settle(
            visits, acct_events={"psn_no": ["P000"], "event_date": ["2024-01-01"], "kind": ["take"], "amount": [1]}
        )
    dates["enddate"][0] = "2024-01-01"
    born = ["1970-01-01", "1970-01-01", "1970-14-01"]
    done = engine.settle(visits, persons={**persons, **dates, "brdy": born})
    assert [row["reason"] for row in rows(done.visits)] == ["", "bad_value"]


def test_a_line_that_cannot_be_read_refuses_its_visit(engine: Engine):
    visits = {"setl_id": ["a", "b"], "psn_no": ["P000"] * 2, "med_type": ["11"] * 2, "setl_time": ["2024-03-01"] * 2}
    lines = {
        "setl_id": ["a", "b", "b"],
        "med_list_codg": ["XA"] * 3,
        "cnt": ["1", "x", "1"],
        "det_item_fee_sumamt": ["3.00"] * 3,
    }
    done = engine.settle(visits, lines, city()["persons"])
    assert [row["reason"] for row in rows(done.visits)] == ["", "bad_value"]
    lines["det_item_fee_sumamt"] = ["3.00", "3.001", "3.00"]
    done = engine.settle(visits, lines, city()["persons"], line_output=True)
    assert [row["reason"] for row in rows(done.visits)] == ["", "bad_value"]
    assert done.lines["det_item_fee_sumamt"].to_pylist() == [300, None, 300]


def test_the_fund_breakdown_adds_up(plain: ybcore.Settlement):
    total: dict[str, int] = {}
    for row in rows(plain.setldetail()):
        if row["fund_pay_type"] == "310100":
            total[row["setl_id"]] = total.get(row["setl_id"], 0) + row["fund_payamt"]
    assert total == {row["setl_id"]: row["hifp_pay"] for row in rows(plain.visits) if row["hifp_pay"]}


@pytest.mark.parametrize("closing", [True, False])
def test_fewer_columns_are_the_same_numbers(engine: Engine, plain: ybcore.Settlement, closing: bool):
    asked = ("psn_cash_pay", "fund_pay_sumamt", "balc", "medfee_sumamt")
    done = engine.settle(**city(), columns=asked, closing_state=closing)
    words = ["setl_id", "psn_no", "outcome", "reason", "flags", "policy_id", "plan_id"]
    assert done.visits.column_names == [*words, "medfee_sumamt", "fund_pay_sumamt", "psn_cash_pay", "balc"]
    assert rows(done.visits) == rows(plain.visits.select(done.visits.column_names))
    assert done.receipt["totals_fen"] == {name: plain.receipt["totals_fen"][name] for name in asked if name != "balc"}
    if closing:
        assert done.state is not None and plain.state is not None
        assert done.state.sha256 == plain.state.sha256
    with pytest.raises(InputError, match="hifp_pay"):
        done.setldetail()


def test_columns_that_are_none(engine: Engine):
    with pytest.raises(InputError) as wrong:
        engine.settle(**city(), columns=["psn_cash_pya", "cash"])
    assert [(p.path, p.nearest) for p in wrong.value.problems] == [("columns", "psn_cash_pay"), ("columns", "")]


def test_empty_tables(engine: Engine):
    tables = {name: arrow(columns).slice(0, 0) for name, columns in city().items()}
    assert engine.settle(**tables).visits.num_rows == 0
    people = {**tables, "persons": arrow(city()["persons"])}
    assert engine.settle(**people, line_output=True, detail=True).visits.num_rows == 0


def test_a_long_lived_engine_does_not_grow():
    """Days, ages and codes that no rule tells apart make no new plan, however many batches come."""
    policy = """format: ybcore-policy/1
id: grow
scheme: {id: grow, region: "*", insutype: ["310"]}
effective: {from: 2020-01-01}
plans:
  - id: all
    layers:
      - {id: basic, basic: true, payer: hifp_pay, rate: {by: psn_type, "12": 0.9, else: {by: age, "60+": 0.8, else: 0.7}}}
"""
    engine = Engine(policy, threads=1)
    for i in range(40):
        visits = {
            "setl_id": [f"a{i}", f"b{i}"],
            "psn_no": ["p", "q"],
            "insutype": ["310", "310"],
            "psn_type": [f"11{i:02d}", f"12{i:02d}"],
            "med_type": ["11", f"21{i:02d}"],
            "brdy": [f"{1990 - i % 9}-01-01", "1950-01-01"],
            "setl_time": [f"2024-{1 + i % 12:02d}-{1 + i % 28:02d}"] * 2,
            "inscp_scp_amt": [10_000, 10_000],
        }
        assert engine.settle(visits).visits["hifp_pay"].to_pylist() == [7_000, 9_000]
    assert len(engine._compiled.plan_names) == 2
