"""Cases cleared by points, beside Polars and DuckDB on the part that both can say, and all of a town's documents.

`python -m benchmarks.clearing --cases 200000 --threads 1,2 --rounds 3 --out clearing.json`

The part that peers can say in 64 bits: group, coefficients by grade, severity and age, low and high multiples, points into money by the
value as it is told, the fund's share by formula B, sums by institution and month. **First** points, standard and payment of every case and
the sums must be equal; otherwise nothing is timed. **Then** rounds, each contender once in a round, from the same Arrow tables in memory
(codes as dictionaries, which each takes as they are) to Arrow tables: settlement, points, standard and payment of each case, and months. `ybcore`
keeps its cases to these columns, `ybcore_whole` writes all sixteen; both check every cell at the door, refuse what does not balance, and give
more columns of months and the years, which the peers do not. `town` is everything that data/clearing says (readmissions, bed-days, quotas,
overruns, deposits), which no peer does. The value of a point, between two queries, is one line of Python for each peer.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections.abc import Callable
from typing import Any

from . import fresh, report

DOCUMENT = """format: ybcore-clearing/1
id: points
scheme: {id: town, region: "*", insutype: ["3"]}
effective: {from: 2024-01-01, to: 2025-01-01}
attributes: {severity: {table: visits, default: "0"}}
pools: {inpatient: {adds: persons, remainder: reserve, digits: 4, reserve: 0.05}}
methods:
  - id: dip
    pays: points
    pool: inpatient
    base: {group: points}
    coefficients:
      - {id: hospital, value: {by: hosp_lv, "02": 0.93, "05": 0.72, else: 0.55}}
      - {id: severity, value: {by: severity, "1": 1.1, "2": 1.25, else: 1}}
      - {id: age, value: {by: age, "<7": 1.1, "80+": 1.05, else: 1}}
    multiples:
      low: {at: 0.5, pays: {actual: {less: 0}}}
      high: {at: 2, pays: {actual: {less: 1}}}
    ungrouped: item
    fund: {formula: less_patient}
"""
KEYS = ["fixmedins_code", "month"]
WRITTEN = ("setl_id", "points", "standard", "payment")
Result = tuple[Any, Any]


def half_up(above: Any, below: Any) -> Any:
    """Of numbers that are not negative."""
    return (above * 2 + below) // (below * 2)


def told_value(budget: int, first: int, adds: int, points: int) -> int:
    """Ppm of a yuan, 4 decimals."""
    reserve = half_up(budget * 50_000, 1_000_000)
    return half_up((budget - reserve - first + adds) * 10**8, points * 100) * 100


def ours(tables: dict[str, Any], threads: int = 1, columns: tuple[str, ...] | None = WRITTEN) -> Result:
    """ybcore: of the table of cases the columns that the others write, and the months."""
    from ybcore.clearing import clear

    rest = {name: tables[name] for name in ("groups", "institutions", "budgets")}
    done = clear(tables["cases"], DOCUMENT, threads=threads, columns=columns, **rest)
    return done.cases, done.months


def whole(tables: dict[str, Any], threads: int = 1) -> Result:
    """ybcore with every column of the cases."""
    return ours(tables, threads, None)


def polars(tables: dict[str, Any], threads: int = 1) -> Result:
    """The same, lazily, with integers of 64 bits; its pool has the threads that the process was told. Codes stay the dictionaries they are."""
    import polars as pl

    c = pl.col
    code = pl.Categorical
    cases = pl.from_arrow(tables["cases"]).lazy()  # type: ignore[union-attr]
    groups = pl.from_arrow(tables["groups"]).lazy().select(c("group_code").cast(code), base="points", mean="mean_amt")  # type: ignore[union-attr]
    places = pl.from_arrow(tables["institutions"]).lazy().select(c("fixmedins_code").cast(code), "hosp_lv")  # type: ignore[union-attr]
    hospital = c("hosp_lv").replace_strict({"02": 930_000, "05": 720_000}, default=550_000, return_dtype=pl.Int64)
    grave = pl.when(c("severity") == "1").then(1_100_000).when(c("severity") == "2").then(1_250_000)
    severity = grave.otherwise(1_000_000).cast(pl.Int64)
    age = pl.when(c("age") < 7).then(1_100_000).when(c("age") >= 80).then(1_050_000).otherwise(1_000_000).cast(pl.Int64)
    coefficient = half_up(half_up(hospital * severity, 1_000_000) * age, 1_000_000)
    cost = c("medfee_sumamt") - c("exct_item_amt")
    part = pl.when(cost * 2 < c("mean")).then(half_up(c("standard_points") * cost, c("mean")))
    points = (
        part.when(cost > c("mean") * 2)
        .then(half_up(c("standard_points") * (cost - c("mean")), c("mean")))
        .otherwise(c("standard_points"))
    )
    joined = cases.join(groups, on="group_code", how="left").join(places, on="fixmedins_code", how="left")
    pointed = (
        joined.with_columns(standard_points=half_up(c("base") * coefficient, 1_000_000))
        .with_columns(points=points)
        .collect()
    )
    known = c("points").is_not_null()
    sums = pointed.select(
        first=c("fund_pay_sumamt").filter(~known).sum(),
        adds=(c("psn_part_amt") - c("exct_item_amt")).filter(known).sum(),
        points=c("points").sum(),
    ).row(0)
    value = told_value(tables["budgets"]["budget"][0].as_py(), *sums)
    paid = c("standard") + c("exct_item_amt") - c("psn_part_amt")
    cleared = (
        pointed.lazy()
        .with_columns(standard=half_up(c("points") * value, 10**8))
        .with_columns(payment=pl.when(known).then(paid).otherwise(c("fund_pay_sumamt")))
    )
    out = cleared.select(
        "setl_id", "points", "standard", "payment", "fixmedins_code", "fund_pay_sumamt", month=c("setl_time").dt.month()
    ).collect()
    months = (
        out.group_by(KEYS).agg(pl.len().alias("psntime"), c("standard", "payment", "fund_pay_sumamt").sum()).sort(KEYS)
    )
    return out.to_arrow(), months.to_arrow()


def duckdb(tables: dict[str, Any], threads: int = 1) -> Result:
    """The same in SQL."""
    import duckdb as db

    link = db.connect(config={"threads": threads})
    for name in ("cases", "groups", "institutions"):
        link.register(name, tables[name])
    half = "((({0}) * 2 + ({1})) // (({1}) * 2))".format
    coefficient = half(
        half(
            "(CASE hosp_lv WHEN '02' THEN 930000 WHEN '05' THEN 720000 ELSE 550000 END) * (CASE severity WHEN '1' THEN 1100000 WHEN '2' THEN 1250000 ELSE 1000000 END)::BIGINT",
            "1000000",
        )
        + " * (CASE WHEN age < 7 THEN 1100000 WHEN age >= 80 THEN 1050000 ELSE 1000000 END)::BIGINT",
        "1000000",
    )
    link.execute(f"""CREATE TEMP TABLE pointed AS SELECT *, CASE WHEN cost * 2 < mean_amt THEN {half("sp * cost", "mean_amt")}
        WHEN cost > mean_amt * 2 THEN {half("sp * (cost - mean_amt)", "mean_amt")} ELSE sp END AS points FROM (
        SELECT setl_id, fixmedins_code, setl_time, fund_pay_sumamt, psn_part_amt, exct_item_amt, mean_amt,
        medfee_sumamt - exct_item_amt AS cost, {half("g.points * " + coefficient, "1000000")} AS sp
        FROM cases LEFT JOIN groups g USING (group_code) LEFT JOIN institutions USING (fixmedins_code))""").fetchall()
    sums = link.sql("""SELECT sum(fund_pay_sumamt) FILTER (points IS NULL), sum(psn_part_amt - exct_item_amt) FILTER (points IS NOT NULL),
        sum(points) FROM pointed""").fetchall()
    value = told_value(tables["budgets"]["budget"][0].as_py(), *(int(one or 0) for one in sums[0]))
    out = link.sql(f"""SELECT setl_id, points, standard, CASE WHEN points IS NULL THEN fund_pay_sumamt ELSE standard + exct_item_amt - psn_part_amt END
        AS payment, fixmedins_code, fund_pay_sumamt, month(setl_time) AS month FROM (SELECT *, {half(f"points * {value}", "100000000")} AS standard
        FROM pointed)""").to_arrow_table()
    link.register("done", out)
    months = link.sql("""SELECT fixmedins_code, month, count(*) AS psntime, sum(standard)::BIGINT AS standard, sum(payment)::BIGINT AS payment,
        sum(fund_pay_sumamt)::BIGINT AS fund_pay_sumamt FROM done GROUP BY ALL ORDER BY ALL""").to_arrow_table()
    return out, months


def town(tables: dict[str, Any], threads: int = 1) -> Result:
    """Everything that the town's documents say."""
    from ybcore.clearing import clear

    rest = {name: table for name, table in tables.items() if name != "cases"}
    done = clear(tables["cases"], fresh.ROOT / "data/clearing", threads=threads, **rest)
    return done.cases, done.years


CONTENDERS: dict[str, Callable[[dict[str, Any], int], Result]] = {
    "ybcore": ours,
    "ybcore_whole": whole,
    "polars": polars,
    "duckdb": duckdb,
    "town": town,
}


def equal(tables: dict[str, Any], threads: int) -> None:
    """Every case and every month of the peers as ours. Raises SystemExit where one differs."""
    import pyarrow.compute as pc

    cases, months = ours(tables, threads)
    if cases != whole(tables)[0].select(WRITTEN):
        raise SystemExit("ybcore: fewer columns or more threads make a difference")
    sums = months.group_by(["fixmedins_code", "setlym"]).aggregate(
        [(n, "sum") for n in ("psntime", "standard", "bydise_setl_payamt", "fund_appy_sum")]
    )
    sums = sums.sort_by([("fixmedins_code", "ascending"), ("setlym", "ascending")])
    for name in ("polars", "duckdb"):
        theirs, by_month = CONTENDERS[name](tables, threads)
        order = pc.sort_indices(theirs["setl_id"])
        for column in ("points", "standard", "payment"):
            found = theirs[column].take(order).cast("int64")
            if found.combine_chunks() != cases[column].combine_chunks():
                raise SystemExit(f"{name}: {column} differs from ours")
        pairs = (
            ("psntime", "psntime"),
            ("standard", "standard"),
            ("payment", "bydise_setl_payamt"),
            ("fund_pay_sumamt", "fund_appy_sum"),
        )
        for column, own in pairs:
            if by_month[column].cast("int64").combine_chunks() != sums[f"{own}_sum"].combine_chunks():
                raise SystemExit(f"{name}: months differ from ours in {column}")


def run(cases: int, rounds: int, seed: int, threads: int) -> dict[str, Any]:
    """Equality, then seconds and processor seconds by contender."""
    from ybcore.synth.clearing import clearing_tables

    tables = clearing_tables(seed, cases)
    equal(tables, threads)
    seconds: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    work: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    for _ in range(rounds):
        for name, contender in CONTENDERS.items():
            began, busy = time.perf_counter(), time.process_time()
            contender(tables, threads)
            seconds[name].append(time.perf_counter() - began)
            work[name].append(time.process_time() - busy)
    return {"cases": cases, "threads": threads, "seconds": seconds, "processor": work}


def table(result: dict[str, Any]) -> str:
    """Seconds and cases a second, by size, threads and contender."""
    rows = []
    for point in result["points"]:
        own = report.middle(point["seconds"]["ybcore"])
        for name, seconds in point["seconds"].items():
            middle = report.middle(seconds)
            told = f"{middle:.2f}", f"{report.middle(point['processor'][name]):.2f}", f"{point['cases'] / middle:,.0f}"
            rows.append((f"{point['cases']:,}", str(point["threads"]), name, *told, f"{middle / own:.2f}"))
    return report.table(("cases", "threads", "contender", "seconds", "processor", "cases a second", "of ybcore"), rows)


def main(argv: list[str] | None = None) -> None:
    parser = report.parser("clearing", __doc__)
    parser.add_argument("--cases", type=report.integers, default=[200_000])
    parser.add_argument("--threads", type=report.integers, default=[1])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--point", help="measure this one here and answer in JSON; what the command asks of its own processes"
    )
    asked = parser.parse_args(argv)
    if asked.point:
        print(json.dumps(run(*json.loads(asked.point))))
        return
    result = report.begun(name="clearing", rounds=asked.rounds, seed=asked.seed)
    result["points"] = []
    for cases, threads in itertools.product(asked.cases, asked.threads):
        point = json.dumps([cases, asked.rounds, asked.seed, threads])
        result["points"].append(fresh.ask("clearing", "--point", point, threads=threads))
        print(f"{cases:,} cases measured on {threads}", file=sys.stderr, flush=True)
    report.tell(result, asked.out, table(result))


if __name__ == "__main__":
    main()
