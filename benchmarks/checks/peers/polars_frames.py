"""The rules in Polars, on frames whose rows stand in the order that ybcore's stand in. A visit's columns are taken by its number, not joined."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from .. import rules
from ..rules import COLUMNS, REACH, SCOPES, UNIT, Workload
from ..town import Ready

THREADS = (2,)  # fixed when Polars is imported, by POLARS_MAX_THREADS
Form = Callable[[], pl.LazyFrame]
c = pl.col
FIRST_DAY = 16_000  # 2013; a day after it fits 15 bits, an item 17


def version() -> str:
    return f"Polars {pl.__version__}"


class Frames:
    """Lines and visits, with days and births as dates."""

    def __init__(self, ready: Ready) -> None:
        self.items = ready.items
        names = ("visit", "person", "hospital", "item", "day", "time", "quantity", "amount")
        self.lines = pl.DataFrame({name: np.asarray(ready.lines[name]) for name in names}).with_row_index("line")
        self.visits = pl.DataFrame(
            {name: np.asarray(ready.visits[name]) for name in ("person", "day", "gend", "med_type", "birth")}
        )
        self.visits = self.visits.with_row_index("line")


def share() -> pl.Expr:
    part = (2 * c("amount") * c("excess") + c("quantity")) // (2 * c("quantity"))
    return pl.when(c("excess") >= c("quantity")).then(c("amount")).otherwise(part)


def told(frame: pl.LazyFrame, **cells: Any) -> pl.LazyFrame:
    """The five columns as whole numbers."""
    held = {
        "line": c("line"),
        "rule": c("rule"),
        "measure": c("measure"),
        "excess": c("excess"),
        "amount": c("amount"),
    } | cells
    made = {name: cell if isinstance(cell, pl.Expr) else pl.lit(cell) for name, cell in held.items()}
    return frame.select(**{name: cell.cast(pl.Int64) for name, cell in made.items()})


def of_items(frames: Frames, codes: list[str], **columns: Any) -> pl.DataFrame:
    """A rule's table by item number; rows of items that the catalogue does not have are left out."""
    return pl.DataFrame({"item": rules.numbers(codes, frames.items), **columns}).filter(c("item") >= 0)


def attribute(frames: Frames, workload: Workload) -> Form:
    tables = [workload.rows(name) for name in ("drug_visit_type", "drug_age_group", "drug_sex")]
    listed = [of_items(frames, [row["med_list_codg"] for row in rows]) for rows in tables]
    sex = of_items(
        frames, [row["med_list_codg"] for row in tables[2]], sex=[1 if row["sex"] == "男" else 2 for row in tables[2]]
    )
    every = pl.concat(listed).unique()
    joined = (
        every.join(listed[0].with_columns(stay=pl.lit(True)), on="item", how="left")
        .join(listed[1].with_columns(child=pl.lit(True)), on="item", how="left")
        .join(sex, on="item", how="left")
    )
    lines, visits = frames.lines.lazy(), frames.visits

    def of_visit(name: str) -> pl.Expr:
        return pl.lit(visits[name]).gather(c("visit"))

    day, birth = c("day").cast(pl.Date), c("birth").cast(pl.Date)
    own, born = (part.dt.month().cast(pl.Int32) * 100 + part.dt.day() for part in (day, birth))
    earlier = own < born
    age = day.dt.year() - birth.dt.year() - earlier.cast(pl.Int32)

    def run() -> pl.LazyFrame:
        few = (
            lines.select("line", "visit", "item", "day", "quantity", "amount")
            .join(joined.lazy(), on="item")
            .collect(engine="streaming")
        )
        few = few.with_columns(med_type=of_visit("med_type"), gend=of_visit("gend"), birth=of_visit("birth")).lazy()
        stays = few.filter(c("stay") & (c("med_type") != -1) & ~c("med_type").is_in(list(rules.inpatient())))
        children = (
            few.filter(c("child") & (c("birth") > -(1 << 31)))
            .with_columns(age=age)
            .filter(c("age") >= rules.child_years())
        )
        wrong = few.filter(c("gend").is_in([1, 2]) & (c("gend") != c("sex")))
        parts = ((stays, pl.lit(0)), (children, c("age")), (wrong, pl.lit(0)))
        return pl.concat(
            [told(part, rule=rule, measure=measure, excess=c("quantity")) for rule, (part, measure) in enumerate(parts)]
        )

    return run


def beyond(lines: pl.LazyFrame, keys: list[str], most: pl.Expr) -> pl.LazyFrame:
    """Lines of buckets above their cap: the sum, and what of a line is beyond, the last lines first."""
    over = lines.group_by(keys).agg(measure=c("quantity").sum()).filter(c("measure") > most)
    own = lines.join(over, on=keys).sort("line").with_columns(so_far=c("quantity").cum_sum().over(keys))
    own = own.with_columns(excess=(c("so_far") - most).clip(0, c("quantity"))).filter(c("excess") > 0)
    return told(own, rule=0, amount=share())


def cap(frames: Frames, workload: Workload) -> Form:
    """Visit, day and item as one number: several times quicker than three columns."""
    key = c("visit").cast(pl.Int64) * (1 << 32) + (c("day").cast(pl.Int64) - FIRST_DAY) * (1 << 17) + c("item")
    lines = frames.lines.lazy().select("line", "quantity", "amount", bucket=key)
    return lambda: beyond(lines, ["bucket"], pl.lit(rules.CAP * UNIT))


def cap_table(frames: Frames, workload: Workload) -> Form:
    rows = workload.rows("item_max_quantity")
    caps = of_items(
        frames, [row["med_list_codg"] for row in rows], cap=[round(float(row["max_quantity"]) * UNIT) for row in rows]
    )
    lines = frames.lines.lazy().select("line", "person", "hospital", "day", "item", "quantity", "amount")

    def run() -> pl.LazyFrame:
        few = lines.join(caps.lazy(), on="item").filter(c("hospital") >= 0).collect(engine="streaming")
        return beyond(few.lazy(), ["person", "hospital", "day", "item", "cap"], c("cap"))

    return run


def pairs(frames: Frames, workload: Workload) -> Form:
    rows = workload.rows("item_duplicate_charge")
    main, included = (rules.numbers([row[name] for row in rows], frames.items) for name in ("main", "included"))
    scope = [SCOPES.index(row["scope"]) for row in rows]
    table = pl.DataFrame(
        {"rule": np.arange(len(rows), dtype=np.int32), "main": main, "included": included, "scope": scope}
    )
    named = pl.DataFrame({"item": np.unique(np.concatenate((main, included)))})
    keys = {0: ["person", "hospital", "day"], 1: ["visit"], 3: ["person", "hospital", "hour"]}

    def run() -> pl.LazyFrame:
        few = frames.lines.lazy().join(named.lazy(), on="item", how="semi").collect(engine="streaming").lazy()
        few = few.with_columns(hour=c("time") // 3_600_000_000)
        out = []
        for at, key in keys.items():
            own = table.lazy().filter(c("scope") == at)
            known = few if at == 1 else few.filter(c("hospital") >= 0)
            mains = known.join(own, left_on="item", right_on="main", how="semi").select(*key, main="item").unique()
            hit = known.join(own, left_on="item", right_on="included").join(mains, on=[*key, "main"], how="semi")
            out.append(told(hit.with_columns(measure=c("quantity").sum().over("rule", *key)), excess=c("quantity")))
        known = few.filter(c("hospital") >= 0)
        near = known.join(table.lazy().filter(c("scope") == 2), left_on="item", right_on="included")
        other = known.select("person", "hospital", main="item", then="time")
        near = near.join(other, on=["person", "hospital", "main"]).filter((c("time") - c("then")).abs() <= REACH)
        out.append(told(near.unique(["line", "rule"]), measure=c("quantity"), excess=c("quantity")))
        return pl.concat(out)

    return run


def window_visits(frames: Frames, workload: Workload) -> Form:
    """Visits stand by person and day, so a number of both rises, and a window is what lies between two places of it."""
    visits = frames.visits.lazy().select("line", key=c("person").cast(pl.Int64) * (1 << 20) + c("day"))

    def run() -> pl.LazyFrame:
        out = []
        for rule, (days, most) in enumerate(rules.VISIT_WINDOWS):
            low, high = (
                c("key").search_sorted(c("key") - (days - 1), side="left"),
                c("key").search_sorted(c("key"), side="right"),
            )
            counted = visits.with_columns(measure=(high - low).cast(pl.Int64)).filter(c("measure") > most)
            out.append(told(counted, rule=rule, excess=0, amount=0))
        return pl.concat(out)

    return run


def window_items(frames: Frames, workload: Workload) -> Form:
    """Only persons and items with enough in the year; then as `window_visits`, with running sums."""
    most = rules.WINDOW_UNITS * UNIT
    lines = frames.lines.lazy().select(
        "line", "day", "quantity", "amount", subject=c("person").cast(pl.Int64) * (1 << 17) + c("item")
    )

    def run() -> pl.LazyFrame:
        much = lines.group_by("subject").agg(total=c("quantity").sum()).filter(c("total") > most).select("subject")
        few = (
            lines.join(much.collect(engine="streaming").lazy(), on="subject", how="semi")
            .collect(engine="streaming")
            .lazy()
        )
        few = (
            few.with_columns(key=c("subject") * (1 << 20) + c("day"))
            .sort("key", "line")
            .with_columns(so_far=c("quantity").cum_sum())
        )
        low = c("key").search_sorted(c("key") - (rules.WINDOW_DAYS - 1), side="left")
        high = c("key").search_sorted(c("key"), side="right")
        before = pl.concat([pl.lit(pl.Series([0], dtype=pl.Int64)), c("so_far")])
        hit = few.with_columns(measure=before.gather(high) - before.gather(low)).filter(c("measure") > most)
        hit = hit.with_columns(excess=pl.min_horizontal(c("quantity"), c("measure") - most))
        return told(hit, rule=0, amount=share())

    return run


FORMS = {f.__name__: f for f in (attribute, cap, cap_table, pairs, window_visits, window_items)}


def prepare(town: Any, workload: Workload, threads: int) -> Callable[[], dict[str, np.ndarray]]:
    if pl.thread_pool_size() != threads:
        raise RuntimeError(
            f"Polars has {pl.thread_pool_size()} threads; set POLARS_MAX_THREADS={threads} before it is imported"
        )
    frames = getattr(town, "polars", None)
    if frames is None:
        frames = town.polars = Frames(town.ready)
    form = FORMS[workload.name](frames, workload)

    def run() -> dict[str, np.ndarray]:
        done = form().collect()
        return {name: done[name].to_numpy() for name in COLUMNS}

    return run
