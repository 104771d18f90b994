"""Why a settlement came out as it did: the person's group settled again by the reference, step by step.

`explain` takes the tables a bulk run took, cuts out the settling group of one settlement (docs/settlement.md section 1), runs the
reference with its tracer on, and compares the reference's row with the bulk row column by column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from . import reference
from .catalog import Catalog
from .columns.convert import NULL_DAY, NULL_INT
from .columns.read import Frame, Problems, read
from .columns.schema import (
    ACCT_EVENTS,
    CAPS,
    INSTITUTIONS,
    ITEMS,
    LINES,
    NATURE_BUCKETS,
    PERSONS,
    SELFPAY,
    VISITS,
    Column,
    Table,
)
from .errors import InputError, Problem
from .policy import Book

if TYPE_CHECKING:
    from .checks.run.report import CheckReport

__all__ = ["Explanation", "explain", "explain_settled", "group_of", "is_one_of", "shares_of"]

MICROS = 1_000_000
INPUTS: dict[str, Table] = {t.name: t for t in (VISITS, LINES, PERSONS, INSTITUTIONS, ACCT_EVENTS)}
CATALOG: dict[str, Table] = {t.name: t for t in (ITEMS, SELFPAY, CAPS)}
#: Units that a table's own numbers have in the reference.
NOT_COMPARED = ("setl_id", "psn_no")


@dataclass(frozen=True)
class Explanation:
    """One settlement explained.

    `steps`: the tracer's events of this settlement in order; `row`: its columns by the reference (money in fen); `lines` and `detail`:
    its fee lines and layers; `group`: the persons settled together; `before`: settlements of the group that came first.
    `differences`: column → (reference, bulk) where the bulk row was given and differs; empty when they are equal. `moved`: what rules
    moved to full self-pay before settling (checks.settled.moved_in); of `lines`, the denied part of one has no feedetl_sn.
    """

    setl_id: Any
    steps: list[dict[str, Any]]
    row: dict[str, Any]
    lines: list[dict[str, Any]]
    detail: list[dict[str, Any]]
    group: list[Any]
    before: int
    compared: int = 0
    differences: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    document: dict[str, Any] | None = None
    moved: list[dict[str, Any]] = field(default_factory=list)


def explain(
    setl_id: Any,
    book: Book,
    tables: dict[str, pa.Table | None],
    catalog: dict[str, pa.Table | None] | Catalog | None = None,
    bulk: pa.Table | None = None,
    checks: CheckReport | None = None,
) -> Explanation:
    """Explain one settlement.

    `tables`: visits, lines, persons, institutions, acct_events as Arrow tables (or None). `catalog`: items, selfpay, caps as Arrow
    tables. `bulk`: the visits of a bulk run, to compare with. `checks`: the report of a settlement with rules (`Settlement.checks`); what
    its findings moved is told, and the rest settled. Raises InputError when the settlement is not among the visits.
    """
    if checks is None:
        return explain_settled(setl_id, book, tables, catalog, bulk)
    from .checks.settled import lines_left, moved_in

    left = {**tables, "lines": lines_left(checks)}
    return explain_settled(setl_id, book, left, catalog, bulk, moved_in(checks, setl_id))


def explain_settled(
    setl_id: Any,
    book: Book,
    tables: dict[str, pa.Table | None],
    catalog: dict[str, pa.Table | None] | Catalog | None = None,
    bulk: pa.Table | None = None,
    moved: Sequence[dict[str, Any]] = (),
) -> Explanation:
    """Explain one settlement whose lines are already as rules left them; `moved`: what they took out of it."""
    group = group_of(setl_id, book, tables)
    rows: dict[str, Any] = {name: _rows(name, table, book) for name, table in group.items() if table is not None}
    found = _catalog_rows(catalog, rows.get("lines") or [])
    steps: list[dict[str, Any]] = []
    seen = {"order": [], "now": None}  # type: dict[str, Any]

    def hear(step: dict[str, Any]) -> None:
        if step["step"] in ("natures", "reversal"):
            seen["now"] = step["visit"]["setl_id"]
            if seen["now"] not in seen["order"]:
                seen["order"].append(seen["now"])
        if str(seen["now"]) == str(setl_id):
            steps.append(step)

    result = reference.settle([policy.doc for policy in book], **rows, catalog=found, trace=hear)
    row = next(r for r in result.rows if str(r["setl_id"]) == str(setl_id))
    compared, differences = (0, {}) if bulk is None else compare(row, bulk)
    before = seen["order"].index(row["setl_id"]) if row["setl_id"] in seen["order"] else 0
    return Explanation(
        setl_id=row["setl_id"],
        steps=steps,
        row=row,
        lines=[line for line in result.lines if line["setl_id"] == row["setl_id"]],
        detail=[step for step in result.detail if step["setl_id"] == row["setl_id"]],
        group=sorted({visit["psn_no"] for visit in rows["visits"] if visit.get("psn_no") is not None}, key=str),
        before=before,
        compared=compared,
        differences=differences,
        document=next((step["doc"] for step in steps if step["step"] == "natures"), None),
        moved=list(moved),
    )


def compare(row: dict[str, Any], bulk: pa.Table) -> tuple[int, dict[str, tuple[Any, Any]]]:
    """(columns compared, those that differ) between a row of the reference and the same settlement of a bulk run."""
    mine = bulk.filter(is_one_of(bulk["setl_id"], [row["setl_id"]])).to_pylist()
    if not mine:
        raise InputError(
            [
                Problem(
                    what=f"the bulk run has no row for {row['setl_id']!r}",
                    what_zh=f"批量结果中没有结算 {row['setl_id']!r}",
                )
            ]
        )
    other = mine[0]
    names = [name for name in row if name in other and name not in NOT_COMPARED]
    differences = {}
    for name in names:
        left, right = row[name] or (0 if isinstance(row[name], int) else ""), other[name]
        if left != (right or (0 if isinstance(left, int) else "")):
            differences[name] = (row[name], other[name])
    return len(names), differences


# ---------------------------------------------------------------------------------------------- the group


def group_of(setl_id: Any, book: Book, tables: dict[str, pa.Table | None]) -> dict[str, pa.Table | None]:
    """The tables cut down to the settling group of one settlement, and to rows that share an id with it."""
    visits = tables["visits"]
    if visits is None or "setl_id" not in visits.column_names or "psn_no" not in visits.column_names:
        raise InputError([Problem(what="the visits have no setl_id or psn_no", what_zh="结算表缺少 setl_id 或 psn_no")])
    hit = visits.filter(is_one_of(visits["setl_id"], [setl_id]))
    if not hit.num_rows:
        raise InputError(
            [Problem(what=f"no settlement {setl_id!r} among the visits", what_zh=f"结算表中没有 {setl_id!r}")]
        )
    persons, people = tables.get("persons"), set(hit["psn_no"].drop_null().to_pylist())
    households, mutual = shares_of(book)
    while households or mutual:
        more = set(people)
        for table in (persons, visits):
            if table is not None and households:
                more |= _linked(table, "psn_no", "hsld_no", more)
            if table is not None and mutual:
                more |= _donors(table, more)
        if more == people:
            break
        people = more
    chosen = visits.filter(is_one_of(visits["psn_no"], people))
    ids = set(chosen["setl_id"].drop_null().to_pylist())
    if "init_setl_id" in visits.column_names:
        ids |= set(chosen["init_setl_id"].drop_null().to_pylist())
    mask = pc.or_(is_one_of(visits["psn_no"], people), is_one_of(visits["setl_id"], ids))
    out: dict[str, pa.Table | None] = {"visits": visits.filter(mask)}
    for name, key, values in (
        ("lines", "setl_id", ids),
        ("persons", "psn_no", people),
        ("acct_events", "psn_no", people),
    ):
        table = tables.get(name)
        out[name] = None if table is None else table.filter(is_one_of(table[key], values))
    out["institutions"] = tables.get("institutions")
    if out["institutions"] is not None and "fixmedins_code" in visits.column_names:
        codes = set(out["visits"]["fixmedins_code"].drop_null().to_pylist())  # type: ignore[index]
        kept = out["institutions"].filter(is_one_of(out["institutions"]["fixmedins_code"], codes))
        # An empty table means that no institution is known at all; one other row keeps "unknown" unknown.
        out["institutions"] = kept if kept.num_rows else out["institutions"].slice(0, 1)
    return out


def shares_of(book: Book) -> tuple[bool, bool]:
    """Whether a document counts by household, and whether accounts pay for others."""
    text = b"".join(policy.canonical() for policy in book)
    return b'"scope":"household"' in text, b'"mutual_aid":true' in text


def _linked(table: pa.Table, person: str, link: str, people: set[Any]) -> set[Any]:
    if link not in table.column_names:
        return set()
    houses = table.filter(is_one_of(table[person], people))[link].drop_null().to_pylist()
    houses = [house for house in houses if house != ""]
    return set(table.filter(is_one_of(table[link], houses))[person].drop_null().to_pylist())


def _donors(table: pa.Table, people: set[Any]) -> set[Any]:
    if "mulaid_psn_no" not in table.column_names:
        return set()
    mine = table.filter(is_one_of(table["psn_no"], people))["mulaid_psn_no"].drop_null().to_pylist()
    theirs = table.filter(is_one_of(table["mulaid_psn_no"], people))["psn_no"].drop_null().to_pylist()
    return {name for name in (*mine, *theirs) if name != ""}


def is_one_of(column: pa.ChunkedArray, values: Any) -> Any:
    """Mask of cells that are one of the values; ids given as text find whole numbers."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    plain = column.cast(kind) if pa.types.is_dictionary(column.type) else column
    wanted = [v for v in values if v is not None]
    if pa.types.is_null(kind):
        return pa.array(np.zeros(len(column), bool))
    if pa.types.is_integer(kind):
        wanted = [int(v) for v in wanted if str(v).lstrip("-").isdigit()]
    else:
        wanted = [str(v) for v in wanted]
    return pc.is_in(plain, value_set=pa.array(wanted, kind))


# ---------------------------------------------------------------------------------------------- rows for the reference


def _schema(name: str, book: Book) -> Table:
    extra: list[Column] = []
    for policy in book:
        for attribute, rule in policy.doc.get("attributes", {}).items():
            if name == "visits" or rule["table"] == name:
                extra.append(Column(attribute, "count" if rule.get("match") == "number" else "code"))
        if name == "visits":
            extra += [
                Column(f"{t}.{b}", "money", negative=True) for t in policy.doc.get("tags", []) for b in NATURE_BUCKETS
            ]
    return INPUTS[name].with_columns(extra)


def _rows(name: str, table: pa.Table, book: Book) -> list[dict[str, Any]]:
    problems = Problems()
    frame = read(table, _schema(name, book), problems, optional=frozenset({"med_type"} if name == "visits" else ()))
    problems.stop()
    return rows_of(frame)


def rows_of(frame: Frame) -> list[dict[str, Any]]:
    """A checked table as the reference's rows: plain Python values, a missing cell absent, an unreadable one None."""
    columns: dict[str, list[Any]] = {name: column.to_pylist() for name, column in frame.ids.items()}
    for name, cells in frame.cells.items():
        spec = frame.table.find(name)
        assert spec is not None
        columns[name] = [None if b else v for v, b in zip(_values(cells, spec), _bad(cells, frame.rows))]
    out: list[dict[str, Any]] = [{} for _ in range(frame.rows)]
    for name, values in columns.items():
        for row, value in zip(out, values):
            if value is not None:
                row[name] = value
    unreadable = np.zeros(frame.rows, bool)
    for cells in frame.cells.values():
        unreadable |= _bad(cells, frame.rows)
    if frame.table.name == "visits":
        for index in np.flatnonzero(unreadable).tolist():
            out[index].pop("setl_time", None)  # a row with a cell that cannot be read is refused as a whole
    return out


def _bad(cells: Any, rows: int) -> Any:
    return np.zeros(rows, bool) if cells.bad is None else cells.bad


def _values(cells: Any, spec: Column) -> list[Any]:
    values = cells.values.tolist()
    if spec.kind == "code":
        return [None if v < 0 else cells.texts[v] for v in values]
    if spec.kind == "flag":
        return [None if v < 0 else str(v) for v in values]
    if spec.kind == "date":
        return [None if v == int(NULL_DAY) else v for v in values]
    if spec.kind == "time":
        return [None if v == int(NULL_INT) else v // MICROS for v in values]
    return [None if v == int(NULL_INT) else v for v in values]


def _catalog_rows(catalog: Any, lines: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]] | None:
    if catalog is None:
        return None
    codes = {line["med_list_codg"] for line in lines if line.get("med_list_codg") is not None}
    out = {}
    for name, schema in CATALOG.items():
        table = catalog.get(name)
        if table is None:
            continue
        problems = Problems()
        frame = read(table.filter(is_one_of(table["med_list_codg"], codes)), schema, problems)
        problems.stop()
        out[name] = rows_of(frame)
    return out
