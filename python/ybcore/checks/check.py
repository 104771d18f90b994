"""The door of rule checks: tables in, a report out (docs/checks.md)."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Sequence
from typing import Any

from ..catalog import Catalog
from .book import RuleBook, RuleSource, load_rules
from .run.given import Whole
from .run.report import CheckReport
from .run.runner import run

__all__ = ["check", "given"]


def given(
    rules: RuleBook | RuleSource | Sequence[RuleSource], catalog: Any, threads: int | None
) -> tuple[RuleBook, Any, int]:
    """(book, catalogue, threads) from what a caller may give for them."""
    book = rules if isinstance(rules, RuleBook) else load_rules(rules)
    held = Catalog.load(catalog) if isinstance(catalog, (str, os.PathLike)) else catalog
    held = Catalog(*held) if isinstance(held, tuple) else held
    return book, held, threads if threads is not None else len(os.sched_getaffinity(0))


def check(
    visits: Any,
    lines: Any = None,
    persons: Any = None,
    institutions: Any = None,
    *,
    rules: RuleBook | RuleSource | Sequence[RuleSource],
    catalog: Any = None,
    diagnoses: Any = None,
    operations: Any = None,
    labs: Any = None,
    doctors: Any = None,
    stock: Any = None,
    line_offsets: Any = None,
    stage: str = "after",
    known_at: dt.date | None = None,
    suppress: Sequence[dict[str, Any]] = (),
    threads: int | None = None,
    whole: Whole | None = None,
) -> CheckReport:
    """Look at visits and fee lines for what the rules do not allow.

    Tables are anything column-shaped (docs/checks-tables.md). `rules`: a book, a path, or several. `catalog`: needed by rules that ask for
    a line's kind of list or charge head; a Catalog, a folder, or its tables. `known_at`: only what rule tables knew on that day. `suppress`: rows of a suppression list, each with rule, whom it leaves alone, reason, owner, expires.
    `whole`: what the tables are a part of, where parts are looked at one by one.
    Raises InputError and DocumentError, each with every problem at once.
    """
    book, held, many = given(rules, catalog, threads)
    tables = {
        "visits": visits, "lines": lines, "persons": persons, "institutions": institutions, "diagnoses": diagnoses,
        "operations": operations, "labs": labs, "doctors": doctors, "stock": stock,
    }  # fmt: skip
    return run(
        book,
        tables,
        catalog=held,
        line_offsets=line_offsets,
        known_at=known_at,
        stage=stage,
        suppress=suppress,
        threads=many,
        whole=whole,
    )
