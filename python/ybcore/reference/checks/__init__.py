"""Rule checks in plain Python, from the documents as read: brute force, exact, the judge of the kernels (docs/checks.md).

Cells are held as: ids and codes text (or whole numbers), money fen, quantity 1/10000, price 1/1000000 yuan, dates days and times
microseconds since 1970-01-01, missing None. Tables of rules have their rows under ``rows``.
"""

from __future__ import annotations

from .apart import Apart, apart
from .book import Book, Rule, stack
from .example import example_hits
from .explain import held, held_tables
from .run import Result, check, denials
from .values import RuleError
from .why import why_not

__all__ = [
    "Apart",
    "Book",
    "Result",
    "Rule",
    "RuleError",
    "apart",
    "check",
    "denials",
    "example_hits",
    "held",
    "held_tables",
    "stack",
    "why_not",
]
