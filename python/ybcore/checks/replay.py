"""What a rule would find at each of many values of a figure of it: which findings, how much money (docs/checks.md section 5)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from ..errors import InputError, Problem
from ..policy.faults import nearest
from .book import RuleBook, RuleSource
from .bounds import chosen_bound, read_values
from .check import given
from .rule import Rule
from .run.given import Batch
from .run.runner import day_of, denied_before, rule_status
from .run.work import Work
from .tries import tried

__all__ = ["replay", "replayed", "rule_of"]

Tell = Callable[[int, int], None]


def replay(
    visits: Any,
    lines: Any = None,
    persons: Any = None,
    institutions: Any = None,
    *,
    rules: RuleBook | RuleSource | Sequence[RuleSource],
    rule: str,
    values: Sequence[Any],
    figure: str | None = None,
    catalog: Any = None,
    diagnoses: Any = None,
    operations: Any = None,
    labs: Any = None,
    doctors: Any = None,
    stock: Any = None,
    line_offsets: Any = None,
    stage: str = "after",
    known_at: dt.date | None = None,
    threads: int | None = None,
    progress: Tell | None = None,
) -> pa.Table:
    """`CheckReport.replay` without a run of the other rules; tables and the rest as `check` takes them.

    `values`: up to 100, in the unit of the document. `figure`: its path in `check` where the rule has several. Gives a row a value: value,
    hits, lines, visits, persons, vola_amt (fen), again, scans. Raises InputError and DocumentError.
    """
    book, held, many = given(rules, catalog, threads)
    tables = {
        "visits": visits, "lines": lines, "persons": persons, "institutions": institutions, "diagnoses": diagnoses,
        "operations": operations, "labs": labs, "doctors": doctors, "stock": stock,
    }  # fmt: skip
    asked = rule_of(book, rule)
    read_values(chosen_bound(asked, figure, book)[1], values)  # what is wrong with them is told before a table is read
    batch = Batch(tables, held, line_offsets, many)
    work = Work(batch, day_of(known_at))
    work.lists = book.lists
    return replayed(work, book, rule, values, figure, stage=stage, progress=progress)


def rule_of(book: RuleBook, rule_id: str) -> Rule:
    """A rule of the book; InputError with the nearest id for one that is not there."""
    if rule_id in book:
        return book[rule_id]
    what, zh = f"there is no rule {rule_id!r}", f"没有规则 {rule_id!r}"
    close = nearest(rule_id, [rule.id for rule in book])
    raise InputError([Problem(what=what, what_zh=zh, path="rule", nearest=close)])


def replayed(
    work: Work,
    book: RuleBook,
    rule_id: str,
    values: Sequence[Any],
    figure: str | None = None,
    *,
    stage: str = "after",
    progress: Tell | None = None,
) -> pa.Table:
    """Over a batch that was made ready before."""
    rule = rule_of(book, rule_id)
    path, bound = chosen_bound(rule, figure, book)
    texts, held = read_values(bound, values)
    status, reason = rule_status(work.batch, rule, stage)
    if status != "run":
        what, zh = f"rule {rule.id} does not run: {status}: {reason}", f"规则 {rule.id} 不运行：{status}：{reason}"
        raise InputError([Problem(what=what, what_zh=zh, path="rule")])
    distinct = np.unique(np.array(held, np.int64))
    before = stage != "after"
    denied = denied_before(work, book, rule, stage)
    found = tried(work, rule, path, distinct, denied, before, progress or _silent)
    at = np.searchsorted(distinct, np.array(held, np.int64))
    columns = {
        name: pa.array(getattr(found, name)[at]) for name in ("hits", "lines", "visits", "persons", "vola_amt", "again")
    }
    scans = pa.array(np.full(len(at), found.scans, np.int64))
    return pa.table({"value": pa.array(texts, pa.string()), **columns, "scans": scans})


def _silent(done: int, whole: int) -> None:
    """Nobody is told."""
