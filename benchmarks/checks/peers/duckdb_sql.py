"""The rules in DuckDB's SQL, over tables of its own in memory, whose rows stand in the order that ybcore's stand in.

What else was tried is in benchmarks/README.md. Buckets and windows are summed first, and only lines of those beyond are looked at again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from .. import rules
from ..rules import COLUMNS, REACH, SCOPES, UNIT, Workload
from ..town import Ready, standing

THREADS = (2,)


def version() -> str:
    return f"DuckDB {duckdb.__version__}"


def opened(ready: Ready, threads: int) -> Any:
    """A connection with the tables `lines` and `visits`, days and births as dates."""
    base = duckdb.connect()
    base.execute(f"SET threads = {threads}")
    lines = {
        name: ready.lines[name] for name in ("visit", "person", "hospital", "item", "day", "time", "quantity", "amount")
    }
    visits = {name: ready.visits[name] for name in ("person", "day", "gend", "med_type", "birth")}
    for name, columns in {"lines": lines, "visits": visits}.items():
        own = "line" if name == "lines" else "visit"
        size = len(next(iter(columns.values())))
        base.register("given", pa.table({own: pa.array(np.arange(size, dtype=np.int32)), **columns}))
        base.execute(f"CREATE TABLE {name} AS SELECT * FROM given")
        base.unregister("given")
    return base


def ready(town: Any, threads: int) -> None:
    """The prepared tables out of the raw ones: what stands before the rules' own time."""
    standing(town, threads)


def put(base: Any, name: str, **columns: Any) -> None:
    """A rule's table; rows of items that the catalogue does not have are left out by the joins."""
    base.register("given", pa.table(columns))
    base.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM given")
    base.unregister("given")


YMD = "(year({0}) * 10000 + month({0}) * 100 + day({0}))"
SHARE = "if(excess >= quantity, amount, (2 * amount * excess + quantity) // (2 * quantity))"


def attribute(base: Any, ready: Ready, workload: Workload) -> str:
    flags = {name: np.zeros(len(ready.items), np.int8) for name in ("stay", "child", "sex")}
    for name, table, value in (
        ("stay", "drug_visit_type", None),
        ("child", "drug_age_group", None),
        ("sex", "drug_sex", "sex"),
    ):
        rows = workload.rows(table)
        at = rules.numbers([row["med_list_codg"] for row in rows], ready.items)
        values = np.array([1 if value is None or row[value] == "男" else 2 for row in rows], np.int8)
        flags[name][at[at >= 0]] = values[at >= 0]
    used = np.flatnonzero(np.any(list(flags.values()), axis=0)).astype(np.int32)
    put(base, "of_item", item=used, **{name: flag[used] for name, flag in flags.items()})
    day, birth = (YMD.format(f"(DATE '1970-01-01' + {name})") for name in ("l.day", "birth"))
    years = f"floor(({day} - {birth}) / 10000)::BIGINT"
    return f"""
WITH found AS MATERIALIZED (
  SELECT line, quantity, amount, stay = 1 AND med_type <> -1 AND med_type NOT IN {rules.inpatient()} AS n13,
         if(child = 1 AND birth > {-(1 << 31)}, {years}, NULL) AS age, sex <> 0 AND gend IN (1, 2) AND gend <> sex AS n67
  FROM lines l JOIN of_item USING (item) JOIN visits USING (visit))
SELECT line, 0 AS rule, 0 AS measure, quantity AS excess, amount FROM found WHERE n13
UNION ALL SELECT line, 1, age, quantity, amount FROM found WHERE age >= {rules.child_years()}
UNION ALL SELECT line, 2, 0, quantity, amount FROM found WHERE n67"""


def beyond(keys: str, source: str, cap: str) -> str:
    """Lines of buckets above their cap: the sum, and what of a line is beyond, the last lines first."""
    return f"""
WITH over AS MATERIALIZED (SELECT {keys}, sum(quantity) AS measure FROM {source} GROUP BY {keys} HAVING measure > {cap}),
lined AS (SELECT line, measure::BIGINT AS measure, quantity, amount, least(quantity, greatest(0,
    sum(quantity) OVER (PARTITION BY {keys} ORDER BY line ROWS UNBOUNDED PRECEDING)::BIGINT - ({cap}))) AS excess
  FROM {source} JOIN over USING ({keys}))
SELECT line, 0 AS rule, measure, excess, {SHARE} AS amount FROM lined WHERE excess > 0"""


def cap(base: Any, ready: Ready, workload: Workload) -> str:
    return beyond("visit, day, item", "lines", str(rules.CAP * UNIT))


def cap_table(base: Any, ready: Ready, workload: Workload) -> str:
    rows = workload.rows("item_max_quantity")
    at = rules.numbers([row["med_list_codg"] for row in rows], ready.items)
    put(base, "caps", item=at, cap=np.array([round(float(row["max_quantity"]) * UNIT) for row in rows], np.int64))
    few = "(SELECT l.*, cap FROM lines l JOIN caps USING (item) WHERE hospital >= 0)"
    return beyond("person, hospital, day, item, cap", few, "cap")


def pairs(base: Any, ready: Ready, workload: Workload) -> str:
    rows = workload.rows("item_duplicate_charge")
    main, included = (rules.numbers([row[name] for row in rows], ready.items) for name in ("main", "included"))
    scope = np.array([SCOPES.index(row["scope"]) for row in rows], np.int32)
    put(base, "pairs", rule=np.arange(len(rows), dtype=np.int32), main=main, included=included, scope=scope)
    base.execute("CREATE OR REPLACE TABLE named AS SELECT DISTINCT unnest([main, included]) AS item FROM pairs")
    parts = ["few AS MATERIALIZED (SELECT * FROM lines SEMI JOIN named USING (item))"]
    keys = ("person, hospital, day", "visit", None, f"person, hospital, time // {3_600_000_000}")
    for scope_at, key in enumerate(keys):
        if key is None:
            continue
        known = "" if key == "visit" else " AND hospital >= 0"
        names = [f"k{i}" for i in range(len(key.split(", ")))]
        cells = ", ".join(f"{k} AS {n}" for k, n in zip(key.split(", "), names))
        parts.append(f"""mains{scope_at} AS (SELECT DISTINCT {cells}, item AS main FROM few SEMI JOIN pairs ON main = item AND scope = {scope_at} WHERE true{known}),
hit{scope_at} AS (SELECT line, rule, {", ".join(names)}, quantity, amount
  FROM (SELECT {cells}, * FROM few) f JOIN pairs p ON included = item AND scope = {scope_at} JOIN mains{scope_at} m USING ({", ".join(names)}, main)),
told{scope_at} AS (SELECT line, rule, sum(quantity) OVER (PARTITION BY rule, {", ".join(names)})::BIGINT AS measure, quantity AS excess, amount FROM hit{scope_at})""")
    parts.append(f"""near AS (SELECT DISTINCT f.line, rule, f.quantity AS measure, f.quantity AS excess, f.amount
  FROM few f JOIN pairs ON included = f.item AND scope = 2 JOIN few m ON m.item = main AND m.person = f.person AND m.hospital = f.hospital
  WHERE f.hospital >= 0 AND abs(m.time - f.time) <= {REACH} AND m.line <> f.line)""")
    told = " UNION ALL ".join(f"SELECT * FROM {name}" for name in ("told0", "told1", "told3", "near"))
    return f"WITH {', '.join(parts)} {told}"


def window_visits(base: Any, ready: Ready, workload: Workload) -> str:
    """Each visit joined with those of its person in the longest window: quicker here than frames or as-of joins."""
    longest = max(days for days, _ in rules.VISIT_WINDOWS)
    counts, told = [], []
    for k, (days, most) in enumerate(rules.VISIT_WINDOWS):
        counts.append(f"count(*) FILTER (b.day > a.day - {days}) AS n{k}")
        told.append(
            f"SELECT visit AS line, {k} AS rule, n{k} AS measure, 0 AS excess, 0 AS amount FROM counted WHERE n{k} > {most}"
        )
    joined = f"visits a JOIN visits b ON a.person = b.person AND b.day <= a.day AND b.day > a.day - {longest}"
    return f"WITH counted AS MATERIALIZED (SELECT a.visit, {', '.join(counts)} FROM {joined} GROUP BY a.visit) {' UNION ALL '.join(told)}"


def window_items(base: Any, ready: Ready, workload: Workload) -> str:
    most, before = rules.WINDOW_UNITS * UNIT, rules.WINDOW_DAYS - 1
    return f"""
WITH much AS MATERIALIZED (SELECT person, item FROM lines GROUP BY person, item HAVING sum(quantity) > {most}),
summed AS (SELECT line, quantity, amount,
    (sum(quantity) OVER (PARTITION BY person, item ORDER BY day RANGE BETWEEN {before} PRECEDING AND CURRENT ROW))::BIGINT AS measure
  FROM lines SEMI JOIN much USING (person, item)),
hit AS (SELECT line, measure, quantity, amount, least(quantity, measure - {most}) AS excess FROM summed WHERE measure > {most})
SELECT line, 0 AS rule, measure, excess, {SHARE} AS amount FROM hit"""


QUERIES = {f.__name__: f for f in (attribute, cap, cap_table, pairs, window_visits, window_items)}


def prepare(town: Any, workload: Workload, threads: int) -> Callable[[], dict[str, np.ndarray]]:
    base = getattr(town, "duckdb", None)
    if base is None:
        base = town.duckdb = opened(town.ready, threads)
    text = QUERIES[workload.name](base, town.ready, workload)

    def run() -> dict[str, np.ndarray]:
        done = base.execute(text).fetchnumpy()
        return {name: np.asarray(done[name]) for name in COLUMNS}

    return run


def explain(town: Any, workload: Workload, threads: int) -> str:
    """The plan that ran, with its times."""
    base = opened(town.ready, threads)
    text = QUERIES[workload.name](base, town.ready, workload)
    return str(base.execute(f"EXPLAIN ANALYZE {text}").fetchall()[0][1])
