"""The job in DuckDB: joins, grouping and window functions over Arrow tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import duckdb
import numpy as np
import pyarrow as pa

from .. import parameters as p
from ..job import COLUMNS, NEW_YEAR, Job

NAME = "duckdb"
THREADS = (1, 2)
# `/ /` on BIGINT is integer division.
SPLIT = """
natures AS (
  SELECT l.row, sum(amount)::BIGINT total, sum(CASE WHEN held THEN 0 ELSE amount END)::BIGINT AS "full",
         sum(lim)::BIGINT lim, sum(CASE WHEN "class" = 1 THEN (lim * ratio + 5000) // 10000 ELSE 0 END)::BIGINT first
  FROM (SELECT l.row, l.amount, v."class", v.ratio, coalesce(v."class" <> 2, false) held,
               CASE WHEN coalesce(v."class" <> 2, false) THEN
                 CASE WHEN v.ceil < 0 THEN l.amount ELSE least(l.amount, (v.ceil * l.qty + 500) // 1000) END ELSE 0 END lim
        FROM lines l LEFT JOIN versions v ON l.item = v.item AND v."from" <= l.ldate AND l.ldate < v."to") l
  GROUP BY l.row),
joined AS (
  SELECT v.row, v.person, v.date >= {new_year} AS "year", v.date, v.tier, v.kind, q.cat, q.acct0, coalesce(total, 0) total,
         coalesce("full", 0) AS "full", coalesce(lim, 0) lim, coalesce(first, 0) first, coalesce(lim, 0) - coalesce(first, 0) scope
  FROM visits v JOIN persons q ON v.person = q.person LEFT JOIN natures n ON v.row = n.row),
counted AS (
  SELECT *, greatest(1, least(3, sum(kind) OVER w))::BIGINT n, (sum(CASE WHEN kind = 0 THEN scope ELSE 0 END) OVER w)::BIGINT out_run
  FROM joined WINDOW w AS (PARTITION BY person, "year" ORDER BY date, row)),
owed AS (
  SELECT *, CASE WHEN kind = 1 THEN least(scope, {ded_in}[(cat * 3 + tier) * 3 + n])
            ELSE least(out_run, {ded_out}[cat + 1]) - least(out_run - scope, {ded_out}[cat + 1]) END ded
  FROM counted),
segmented AS (SELECT *, {calc} calc FROM owed),
"""
STEP = """{name}_ AS (SELECT *, {x} {name}_x FROM {source}),
{name}_run AS (SELECT *, (sum({name}_x) OVER (PARTITION BY person, "year" ORDER BY date, row))::BIGINT {name}_sum FROM {name}_),
{name}_of AS (SELECT *, least({name}_sum, {cap}) acc_{name}, least({name}_sum, {cap}) - least({name}_sum - {name}_x, {cap}) {name}
  FROM {name}_run),
"""


def version() -> str:
    return f"DuckDB {duckdb.__version__}"


def listed(values: np.ndarray) -> str:
    return "[" + ", ".join(f"{int(x)}::BIGINT" for x in values.reshape(-1)) + "]"


BY_VISIT = """SELECT total, "full", total - "full" - lim AS "over", first, scope, ded, calc, basic, large, cata, acct,
       total - basic - large - cata - acct AS cash, acc_basic, acc_large, acc_burden, acct0 - acc_acct AS bal
FROM settled ORDER BY row"""
# What a column of the page is called here.
OF = {"total": "total", "in_scope": "scope", "deductible": "ded", "basic_pay": "basic", "large_pay": "large", "cat_pay": "cata", "acct_pay": "acct",
      "cash": "total - basic - large - cata - acct"}  # fmt: skip


def by_person(columns: Sequence[str]) -> str:
    """The end of a query: sums of columns of the page by person."""
    sums = ", ".join(f'sum({OF[name]})::BIGINT AS "{name}"' for name in columns)
    return f"SELECT {sums} FROM settled GROUP BY person ORDER BY person"


def query(end: str = BY_VISIT) -> str:
    calc = " + ".join(
        f"(greatest(0, least(scope, {p.SEG_HI[s]}) - greatest(ded, {p.SEG_LO[s]})) * "
        f"{listed(p.RATE)}[((kind * 3 + cat) * 3 + tier) * 4 + {s + 1}] + 5000) // 10000"
        for s in range(4)
    )
    due = " + ".join(
        f"(greatest(0, least(acc_burden, {p.CAT_HI[s]}) - greatest(acc_burden - burden_x, {p.CAT_LO[s]})) * "
        f"{listed(p.CAT_RATE)}[cat * 3 + {s + 1}] + 5000) // 10000"
        for s in range(3)
    )
    steps = (
        ("basic", "calc", f"{listed(p.CAP_BASIC)}[cat + 1]"),
        (
            "large",
            f"((calc - basic) * {listed(p.LARGE_RATE)}[cat + 1] + 5000) // 10000",
            f"{listed(p.CAP_LARGE)}[cat + 1]",
        ),
        ("burden", "scope + first - basic - large", "9000000000000000000"),
        ("cata", due, f"{listed(p.CAP_CAT)}[cat + 1]"),
        ("acct", "burden_x - cata", "acct0"),
    )
    text = SPLIT.format(new_year=NEW_YEAR, ded_in=listed(p.DED_IN), ded_out=listed(p.DED_OUT), calc=calc)
    source = "segmented"
    for name, x, cap in steps:
        text += STEP.format(name=name, x=x, cap=cap, source=source)
        source = f"{name}_of"
    return f"WITH {text}settled AS (SELECT * FROM {source})\n{end}"


def prepare(job: Job, threads: int) -> Callable[[], dict[str, np.ndarray]]:
    base, text = given(job, threads), query()

    def run() -> dict[str, np.ndarray]:
        done = base.execute(text).fetchnumpy()
        return {name: np.asarray(column).astype(np.int64, copy=False) for name, column in zip(COLUMNS, done.values())}

    return run


def given(job: Job, threads: int) -> duckdb.DuckDBPyConnection:
    """A connection that has the tables."""
    base = duckdb.connect()
    base.execute(f"SET threads = {threads}")
    rows = np.arange(job.visits, dtype=np.int64)
    tables = {
        "lines": {"row": np.repeat(rows, np.diff(job.off)), "item": job.item, "ldate": job.ldate, "qty": job.qty, "amount": job.amount},
        "visits": {"row": rows, "person": job.person, "date": job.date, "tier": job.tier.astype(np.int64), "kind": job.kind.astype(np.int64)},
        "persons": {"person": np.arange(len(job.cat), dtype=np.int32), "cat": job.cat.astype(np.int64), "acct0": job.acct0},
        "versions": {"item": job.v_item, "from": job.v_from, "to": job.v_to, "class": job.v_class, "ratio": job.v_ratio, "ceil": job.v_ceil},
    }  # fmt: skip
    for name, columns in tables.items():
        base.register(name, pa.table(columns))
    return base
