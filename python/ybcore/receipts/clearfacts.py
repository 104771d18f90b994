"""What the receipts of clearing and of cash benefits say, from what was reckoned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from hashlib import sha256
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from .._version import __version__
from ..clearing.result import Cleared

__all__ = ["benefit_facts", "clearing_facts", "documents_told", "engine_told"]

_TOTALS = ("fund_appy_sum", "target", "due", "advanced", "deposit", "released", "held", "final", "paid", "difference")
_POOL = ("document", "pool", "period", "budget", "cases", "points", "reserve", "first_charges", "adds", "shared", "value", "standard")  # fmt: skip


def engine_told() -> dict[str, str]:
    """Name and version."""
    return {"name": "ybcore", "version": __version__}


def documents_told(sha: str, book: Iterable[Any]) -> dict[str, Any]:
    """A book, and its documents."""
    return {"sha256": sha, "documents": [{"id": document.id, "sha256": document.sha256} for document in book]}


def clearing_facts(done: Cleared) -> dict[str, Any]:
    """Documents, counts, sums of `years` in fen, pools and balances."""
    return {
        "documents": documents_told(done.book.sha256, done.book),
        "counts": {
            **{name: frame.rows for name, frame in done.given.frames.items()},
            "outcomes": _words(done.cases, "outcome"),
            "kinds": _words(done.cases, "kind"),
            "units": done.years.num_rows,
            "unknown_institution": pc.sum(done.unknown_institutions["cases"]).as_py() or 0,
        },
        "totals_fen": {name: sum(done.years[name].to_pylist()) for name in _TOTALS},
        "pools": done.pools.select(_POOL).to_pylist(),
        "balances": done.balances.to_pylist(),
    }


def benefit_facts(book: tuple[Any, ...], table: pa.Table | None) -> dict[str, Any]:
    """Documents, and of the claims (None: not reckoned) counts and sums in fen."""
    whole = sha256("\n".join(document.sha256 for document in book).encode()).hexdigest()
    facts: dict[str, Any] = {"documents": documents_told(whole, book)}
    if table is not None:
        facts["counts"] = {"claims": table.num_rows, "outcomes": _words(table, "outcome")}
        facts["totals_fen"] = {name: pc.sum(table[name]).as_py() or 0 for name in ("allowance", "lump", "pay")}
    return facts


def _words(table: pa.Table, column: str) -> dict[str, int]:
    """How many rows have each word, in the order of the words."""
    return dict(sorted(Counter(word for word in table[column].to_pylist() if word is not None).items()))
