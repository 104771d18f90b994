"""`reconcile`: another ledger against a run; `order`: what moves if visits are settled in another order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import pyarrow as pa
from pydantic import ValidationError

from .. import io
from ..columns.schema import Column, Table
from ..errors import DocumentError, InputError, Problem
from ..ledger import order_sensitivity
from ..ledger import reconcile as reconcile_with
from ..ledger import sweep as sweep_over
from ..messages import ORDERS, PAYERS, current, name_of, say, yuan_text
from ..policy.faults import problems_of
from ..policy.fields import Node, Word
from ..policy.reader import parse_file
from .base import Session
from .runs import held_run

__all__ = ["order", "reconcile"]


class Mapping(Node):
    """How another ledger names things: its columns of ids and persons, its unit of money, our column → theirs."""

    key: str = "setl_id"
    person: str | None = None
    unit: Annotated[Literal["yuan", "fen"], Word("单位")] = "yuan"
    columns: dict[str, str] | None = None


def reconcile(
    session: Session,
    *,
    folder: Path,
    ledger: Path,
    columns: Path | None,
    sweep: bool,
    out: Path | None,
    encoding: str,
    threads: int | None,
    as_json: bool,
) -> int:
    """Read both sides, compare, tell."""
    _writable(out)
    names = _mapping(columns)
    if not ledger.is_file():
        raise InputError(
            [Problem(what="the file is not there", what_zh="文件不存在", file=str(ledger), path="--ledger")]
        )
    theirs = io.read_table(ledger)
    held = held_run(session, folder, threads)
    asked: dict[str, Any] = {"columns": names.columns, "key": names.key, "unit": names.unit}
    found: Any
    if sweep:
        with session.progress("试算取整与次序方案", "try rounding and order") as tell:
            found = sweep_over(theirs, held.run, **asked, progress=tell)
    else:
        with session.step("核对", "reconcile"):
            found = reconcile_with(theirs, held.run, **asked, person=names.person)
    table = found.variants if sweep else found.visits
    _write(session, table, out, encoding)
    if as_json:
        data = _swept(found) if sweep else _reconciled(found)
        session.data(json.dumps(data, ensure_ascii=False, indent=1))
    else:
        session.data(found.text(current()))
    return 0


def _mapping(path: Path | None) -> Mapping:
    if path is None:
        return Mapping()
    parsed = parse_file(path)
    try:
        return Mapping.model_validate(parsed.doc)
    except ValidationError as error:
        raise DocumentError(problems_of(error, parsed)) from None


def _reconciled(found: Any) -> dict[str, Any]:
    """Money is whole fen."""
    return {
        "matched": found.matched,
        "equal": found.equal,
        "differ": found.matched - found.equal,
        "columns": list(found.columns),
        "not_compared": found.not_compared,
        "duplicates": found.duplicates.num_rows,
        "duplicate_rows": found.duplicates.to_pylist(),
        "causes": [
            {"absolute_fen": row.pop("absolute"), "net_fen": row.pop("net"), **row} for row in found.causes.to_pylist()
        ],
    }


def _swept(found: Any) -> dict[str, Any]:
    return {"variants": [{"money_fen": row.pop("money"), **row} for row in found.variants.to_pylist()], "refused": list(found.refused)}  # fmt: skip


def order(
    session: Session,
    *,
    folder: Path,
    out: Path | None,
    encoding: str,
    threads: int | None,
    as_json: bool,
) -> int:
    """Settle under the other orders, tell what moves."""
    _writable(out)
    held = held_run(session, folder, threads)
    with session.progress("按其他次序结算", "settle in other orders") as tell:
        found = order_sensitivity(held.run, tell)
    _write(session, found.persons, out, encoding)
    if as_json:
        data = {"order": found.order, "variants": found.variants.to_pylist(), "payers": found.payers.to_pylist()}
        session.data(json.dumps(data, ensure_ascii=False, indent=1))
        return 0
    own = name_of(ORDERS, found.order)
    session.data(say(f"政策册的次序：{own}", f"order of the book: {own}"))
    _print(session, found.variants, say("按次序方案", "By variant"), {})
    if found.payers.num_rows:
        _print(session, found.payers, say("按支付方", "By payer"), {"payer": PAYERS})
    return 0


def _print(session: Session, table: pa.Table, title: str, names: dict[str, Any]) -> None:
    from rich.table import Table as Shown

    heads = {"variant": ("次序方案", "variant"), "payer": ("支付方", "payer"), "visits": ("变动笔数", "visits"), "absolute": ("绝对差（元）", "absolute (yuan)"), "net": ("净差（元）", "net (yuan)")}  # fmt: skip
    shown = Shown(title=title, title_justify="left", show_edge=False)
    for name in table.column_names:
        shown.add_column(say(*heads[name]), justify="left" if name in ("variant", "payer") else "right", no_wrap=True)
    for row in table.to_pylist():
        cells = []
        for name, value in row.items():
            if name == "variant":
                cells.append(_variant(value))
            elif name in names:
                cells.append(name_of(names[name], value))
            else:
                cells.append(
                    yuan_text(value) if name in ("absolute", "net") else f"{value:,}" if name == "visits" else value
                )
        shown.add_row(*cells)
    session.out().print(shown)


def _variant(name: str) -> str:
    """A variant of the order in words."""
    rule, comma, _ = name.partition(",")
    ties = say("，同时者倒序", ", ties reversed") if comma else ""
    return name_of(ORDERS, rule) + ties


def _writable(out: Path | None) -> None:
    if out is not None and out.suffix.lower() not in (".csv", ".parquet"):
        what, zh = "the suffix must be .csv or .parquet", "后缀应为 .csv 或 .parquet"
        raise InputError([Problem(what=what, what_zh=zh, path="--out", file=str(out))])


def _write(session: Session, table: pa.Table, out: Path | None, encoding: str) -> None:
    """In CSV money is yuan."""
    if out is None:
        return
    money = [n for n in table.column_names if n in ("money", "absolute", "net") or n.endswith("_diff")]
    schema = Table("out", "", "", tuple(Column(name, "money") for name in money), True)
    out.parent.mkdir(parents=True, exist_ok=True)
    io.write_table(table, out, schema, encoding)
    session.say(f"已写入 {out}", f"written to {out}")
