"""The outputs of `clear` and `benefit` and their receipts, written whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from .. import io
from ..clearing.cashmodels import RESULTS
from ..clearing.outputs import CLEARING_OUTPUTS
from ..clearing.result import Cleared
from ..receipts.clearfacts import benefit_facts, clearing_facts, engine_told
from ..receipts.clearmodel import BENEFIT, CLEARING
from ..receipts.files import Fact, fact
from ..receipts.model import RECEIPT
from .whole import whole

__all__ = ["beside", "write_benefit", "write_cleared"]


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
        rows = {name: frame.rows for name, frame in done.given.frames.items()}
        read = [fact(name, path, rows.get(name)) for name, path in inputs.items()]
        told = _told(CLEARING, clearing_facts(done), [*_documents(done.book), *read], written)
        if run is not None:
            told["run"] = run
        (folder / RECEIPT).write_text(_text(told), encoding="utf-8")


def beside(out: Path) -> Path:
    """Where the receipt of a file of benefits is: `paid.csv` has `paid.receipt.json`."""
    return out.with_name(f"{out.stem}.{RECEIPT}")


def write_benefit(book: tuple[Any, ...], table: pa.Table, claims: Path, out: Path, encoding: str) -> None:
    """The file and its receipt beside it. The old receipt goes first and the new one comes last: what is stopped in between has none.

    Raises OSError.
    """
    receipt, part = beside(out), out.with_name(f"{out.stem}.unfinished{out.suffix}")
    try:
        io.write_table(table, part, RESULTS, encoding)
        read = [*_documents(book), fact("claims", claims, table.num_rows)]
        written = {**fact("benefits", part, table.num_rows), "path": out.name}
        told = _told(BENEFIT, benefit_facts(book, table), read, [written])
        receipt.unlink(missing_ok=True)
        os.replace(part, out)
        receipt.write_text(_text(told), encoding="utf-8")
    finally:
        part.unlink(missing_ok=True)


def _documents(book: Iterable[Any]) -> list[Fact]:
    return [fact("documents", path) for path in sorted({Path(document.file) for document in book}) if path.is_file()]


def _told(format_: str, facts: dict[str, Any], inputs: list[Fact], outputs: list[Fact]) -> dict[str, Any]:
    """What was read, what came of it and by what; nothing in it depends on the time or the machine but the paths."""
    return {"format": format_, "engine": engine_told(), **facts, "files": {"inputs": inputs, "outputs": outputs}}


def _text(told: dict[str, Any]) -> str:
    return json.dumps(told, ensure_ascii=False, indent=1) + "\n"
