"""The job in Polars: lazy frames and windows over each person's year."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl

from .. import parameters as p
from ..job import COLUMNS, NEW_YEAR, Job

NAME = "polars"
THREADS = (1, 2)  # fixed when Polars is imported, by POLARS_MAX_THREADS


def version() -> str:
    return f"Polars {pl.__version__}"


def hu(x: pl.Expr, d: int) -> pl.Expr:
    return (x + d // 2) // d


def wide_catalog(job: Job) -> tuple[pl.LazyFrame, int]:
    """One row an item, its versions side by side."""
    rank = np.arange(len(job.v_item)) - np.searchsorted(job.v_item, job.v_item)
    names = ("v_from", "v_to", "v_class", "v_ratio", "v_ceil")
    frame = pl.DataFrame({"item": job.v_item, "rank": rank} | {name: getattr(job, name) for name in names})
    most = int(rank.max(initial=0)) + 1
    wide = frame.filter(pl.col("rank") == 0).drop("rank")
    for k in range(1, most):
        more = frame.filter(pl.col("rank") == k).drop("rank").rename({name: f"{name}{k}" for name in names})
        wide = wide.join(more, on="item", how="left")
    return wide.lazy(), most


def table(index: pl.Expr, values: np.ndarray) -> pl.Expr:
    """Look a figure up by its place in a flat table."""
    return pl.lit(pl.Series(values.reshape(-1))).gather(index)


NAMES = ("total", "full", "over", "first", "scope", "ded", "calc", "basic", "large", "cata", "acct", "cash", "acc_basic", "acc_large",
         "acc_burden", "acct_bal")  # fmt: skip


def prepare(job: Job, threads: int) -> Callable[[], dict[str, np.ndarray]]:
    frames = given(job, threads)
    return lambda: by_visit(settled(job, *frames))


def given(job: Job, threads: int) -> tuple[pl.LazyFrame, pl.LazyFrame, pl.LazyFrame]:
    """Lines, visits, persons."""
    if pl.thread_pool_size() != threads:
        raise RuntimeError(
            f"Polars has {pl.thread_pool_size()} threads; set POLARS_MAX_THREADS={threads} before it is imported"
        )
    rows = np.arange(job.visits, dtype=np.int64)
    lines = pl.DataFrame(
        {
            "row": np.repeat(rows, np.diff(job.off)),
            "item": job.item,
            "ldate": job.ldate,
            "qty": job.qty,
            "amount": job.amount,
        }
    )
    visits = pl.DataFrame({"row": rows, "person": job.person, "date": job.date, "tier": job.tier, "kind": job.kind})
    persons = pl.DataFrame({"person": np.arange(len(job.cat), dtype=np.int32), "cat": job.cat, "acct0": job.acct0})
    return lines.lazy(), visits.lazy(), persons.lazy()


def natures(job: Job, lines: pl.LazyFrame) -> pl.LazyFrame:
    wide, most = wide_catalog(job)
    c = pl.col
    fits = [c(f"v_from{k or ''}").le(c("ldate")) & c("ldate").lt(c(f"v_to{k or ''}")) for k in range(most)]

    def held(name: str) -> pl.Expr:
        # pl.when chains stop at the first that fits; a missing version is null, which does not fit.
        chosen = pl.when(fits[0]).then(c(name))
        for k in range(1, most):
            chosen = chosen.when(fits[k]).then(c(f"{name}{k}"))
        return chosen.otherwise(None)

    split = lines.join(wide, on="item", how="left").select(
        "row", "amount", "qty", held("v_class").alias("class"), held("v_ratio").cast(pl.Int64).alias("ratio"), held("v_ceil").alias("ceil")
    )  # fmt: skip
    split = split.with_columns(whole=c("class").is_null() | (c("class") == 2))
    lim = (
        pl.when(c("ceil") < 0)
        .then(c("amount"))
        .otherwise(pl.min_horizontal(c("amount"), hu(c("ceil") * c("qty"), 1000)))
    )
    split = split.with_columns(lim=pl.when(c("whole")).then(0).otherwise(lim))
    split = split.with_columns(part=pl.when(c("class") == 1).then(hu(c("lim") * c("ratio"), 10_000)).otherwise(0))
    return split.group_by("row").agg(
        total=c("amount").sum(),
        full=c("amount").filter(c("whole")).sum(),
        lim=c("lim").sum(),
        first=c("part").fill_null(0).sum(),
    )


def settled(job: Job, lines: pl.LazyFrame, visits: pl.LazyFrame, persons: pl.LazyFrame) -> pl.LazyFrame:
    """The columns of each visit, with its person and row."""
    c = pl.col
    group = ["person", "year"]

    def running(x: pl.Expr) -> pl.Expr:
        return x.cum_sum().over(group)

    frame = visits.join(natures(job, lines), on="row", how="left").join(persons, on="person", how="left")
    frame = frame.with_columns(c("total", "full", "lim", "first").fill_null(0), year=c("date") >= NEW_YEAR)
    frame = frame.with_columns(scope=c("lim") - c("first"), over=c("total") - c("full") - c("lim")).sort(
        "person", "date", "row"
    )
    i = {name: c(name).cast(pl.Int64) for name in ("cat", "tier", "kind")}
    frame = frame.with_columns(
        n=running(i["kind"]).clip(1, 3),
        out=running(pl.when(c("kind") == 0).then(c("scope")).otherwise(0)),
        ded_out=table(i["cat"], p.DED_OUT),
        cap_basic=table(i["cat"], p.CAP_BASIC), cap_large=table(i["cat"], p.CAP_LARGE), cap_cat=table(i["cat"], p.CAP_CAT),
        large_rate=table(i["cat"], p.LARGE_RATE),
    )  # fmt: skip
    standard = table((i["cat"] * 3 + i["tier"]) * 3 + c("n") - 1, p.DED_IN)
    used = pl.min_horizontal(c("out"), c("ded_out")) - pl.min_horizontal(c("out") - c("scope"), c("ded_out"))
    frame = frame.with_columns(
        ded=pl.when(c("kind") == 1).then(pl.min_horizontal(c("scope"), standard)).otherwise(used)
    )
    calc = pl.lit(0, pl.Int64)
    for s in range(4):
        top = pl.min_horizontal(c("scope"), pl.lit(int(p.SEG_HI[s])))
        width = (top - pl.max_horizontal(c("ded"), pl.lit(int(p.SEG_LO[s])))).clip(lower_bound=0)
        calc = calc + hu(width * table(((i["kind"] * 3 + i["cat"]) * 3 + i["tier"]) * 4 + s, p.RATE), 10_000)
    frame = frame.with_columns(calc=calc)

    def capped(frame: pl.LazyFrame, x: str, cap: str, name: str) -> pl.LazyFrame:
        frame = frame.with_columns(_run=running(c(x)))
        after = pl.min_horizontal(c("_run"), c(cap))
        return frame.with_columns(
            (after - pl.min_horizontal(c("_run") - c(x), c(cap))).alias(name), after.alias(f"acc_{name}")
        )

    frame = capped(frame, "calc", "cap_basic", "basic")
    frame = frame.with_columns(_large=hu((c("calc") - c("basic")) * c("large_rate"), 10_000))
    frame = capped(frame, "_large", "cap_large", "large")
    frame = frame.with_columns(b=c("scope") + c("first") - c("basic") - c("large"))
    frame = frame.with_columns(acc_burden=running(c("b")))
    due = pl.lit(0, pl.Int64)
    for s in range(3):
        top = pl.min_horizontal(c("acc_burden"), pl.lit(int(p.CAT_HI[s])))
        width = (top - pl.max_horizontal(c("acc_burden") - c("b"), pl.lit(int(p.CAT_LO[s])))).clip(lower_bound=0)
        due = due + hu(width * table(i["cat"] * 3 + s, p.CAT_RATE), 10_000)
    frame = capped(frame.with_columns(_due=due), "_due", "cap_cat", "cata")
    frame = capped(frame.with_columns(_own=c("b") - c("cata")), "_own", "acct0", "acct")
    return frame.with_columns(
        cash=c("total") - c("basic") - c("large") - c("cata") - c("acct"), acct_bal=c("acct0") - c("acc_acct")
    )


def by_visit(frame: pl.LazyFrame) -> dict[str, np.ndarray]:
    done = frame.sort("row").select(*NAMES).collect(engine="streaming")
    return {name: done[own].to_numpy() for name, own in zip(COLUMNS, NAMES)}


def by_person(frame: pl.LazyFrame, columns: Sequence[str]) -> dict[str, np.ndarray]:
    """Sums of columns of the page, by person."""
    sums = [pl.col(NAMES[COLUMNS.index(name)]).sum() for name in columns]
    done = frame.group_by("person").agg(sums).sort("person").collect(engine="streaming")
    return {name: done[NAMES[COLUMNS.index(name)]].to_numpy() for name in columns}
