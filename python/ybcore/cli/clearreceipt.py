"""The outputs of `clear` and their receipt, written whole or not at all."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import __version__, io
from ..clearing.outputs import CLEARING_OUTPUTS
from ..clearing.result import Cleared
from ..receipts.files import Fact, fact
from ..receipts.model import RECEIPT
from .whole import whole

__all__ = ["FORMAT", "write_cleared"]

FORMAT = "ybcore-clearing-receipt/1"
_TOTALS = ("fund_appy_sum", "target", "due", "advanced", "deposit", "released", "held", "final", "paid", "difference")
_POOL = ("document", "pool", "period", "budget", "cases", "points", "reserve", "first_charges", "adds", "shared", "value", "standard")  # fmt: skip


def write_cleared(
    done: Cleared, out: Path, inputs: Mapping[str, Path], run: dict[str, Any] | None, format_: str, encoding: str
) -> None:
    """The tables and `receipt.json`. `inputs`: the files that were read, by name. `run`: what `--run` took, None without.

    Raises OSError; after any error `out` is as it was.
    """
    with whole(out) as folder:
        written = []
        for name, table in done.tables().items():
            path = folder / f"{name}.{format_}"
            io.write_table(table, path, CLEARING_OUTPUTS[name], encoding)
            written.append(fact(name, path, table.num_rows, root=folder))
        told = _receipt(done, inputs, written)
        if run is not None:
            told["run"] = run
        text = json.dumps(told, ensure_ascii=False, indent=1) + "\n"
        (folder / RECEIPT).write_text(text, encoding="utf-8")


def _receipt(done: Cleared, inputs: Mapping[str, Path], written: list[Fact]) -> dict[str, Any]:
    """What was read, what came of it and by what; nothing in it depends on the time or the machine but the paths."""
    rows = {name: frame.rows for name, frame in done.given.frames.items()}
    documents = sorted({Path(document.file) for document in done.book})
    read = [fact(name, path, rows.get(name)) for name, path in inputs.items()]
    outcomes = Counter(done.cases["outcome"].to_pylist())
    kinds = Counter(kind for kind in done.cases["kind"].to_pylist() if kind is not None)
    return {
        "format": FORMAT,
        "engine": {"name": "ybcore", "version": __version__},
        "documents": {
            "sha256": done.book.sha256,
            "documents": [{"id": document.id, "sha256": document.sha256} for document in done.book],
        },
        "counts": {
            **rows,
            "outcomes": dict(sorted(outcomes.items())),
            "kinds": dict(sorted(kinds.items())),
            "units": done.years.num_rows,
        },
        "totals_fen": {name: sum(done.years[name].to_pylist()) for name in _TOTALS},
        "pools": done.pools.select(_POOL).to_pylist(),
        "balances": done.balances.to_pylist(),
        "files": {"inputs": [*(fact("documents", path) for path in documents if path.is_file()), *read], "outputs": written},
    }  # fmt: skip
