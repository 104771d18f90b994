"""Worked cases as files: read one, settle it through the reference and through the kernel, look a figure up.

A case has `policy` (one document), `policies` or `book` (a path from the project's root), and the input tables with money in yuan and
dates as written. `each` gives rows of a table cells they do not have; `then` is a list of later runs, each opened with the state the
run before left. A published case is one file and says in `expect` where each figure stands: `v1.hifp_pay` is a column of a visit,
`v1/basic.pay` a field of a layer's detail, `v1#l2.preselfpay_amt` a column of a line, `*.psn_part_amt` the sum over visits; terms are
joined by + and -, and one ` / ` divides. A golden case is a folder with policy.yaml, case.yaml, expected.yaml and why.md.
"""

from __future__ import annotations

import datetime as dt
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from ybcore import reference
from ybcore.reference.numbers import date, decimal_to_int

if TYPE_CHECKING:
    import pyarrow as pa

ROOT = Path(__file__).resolve().parent.parent
MONEY = {
    "visits": {
        "medfee_sumamt",
        "fulamt_ownpay_amt",
        "overlmt_selfpay",
        "preselfpay_amt",
        "inscp_scp_amt",
        "direct_amt",
        "balc",
        "wage",
    },
    "lines": {"det_item_fee_sumamt"},
    "persons": {"balc", "wage"},
    "acct_events": {"amount"},
}
DATES = {"begndate", "enddate", "brdy", "fee_ocur_time", "event_date"}
WHOLE = {"ipt_days", "hsld_size", "cum_clct_mons"}
PLACES = {"cnt": 4, "pric": 6, "selfpay_prop": 6, "hilist_pric_uplmt_amt": 6}
TABLES = ("visits", "lines", "persons", "institutions", "acct_events")


def load(path: Path) -> dict[str, Any]:
    """A case file; every scalar is text."""
    return YAML(typ="base", pure=True).load(path.read_text(encoding="utf-8"))


def golden(folder: Path) -> dict[str, Any]:
    """A golden case with its policy."""
    case = load(folder / "case.yaml")
    if (folder / "policy.yaml").exists():
        case["policy"] = load(folder / "policy.yaml")
    return case


def value(table: str, column: str, text: str) -> Any:
    """One cell as the engine's units."""
    if text in ("", None):
        return None
    if column == "setl_time":
        day, _, clock = text.partition(" ")
        h, m, s = (int(x) for x in (clock or "0:0:0").split(":"))
        return date(day) * 86400 + h * 3600 + m * 60 + s
    if column in DATES:
        return date(text)
    if column in WHOLE:
        return int(text)
    if column in PLACES:
        return decimal_to_int(text, PLACES[column])
    if column in MONEY.get(table, ()) or (table == "visits" and (column.startswith("given_") or "." in column)):
        return decimal_to_int(text, 2)
    return text


def written(case: dict[str, Any]) -> dict[str, list[dict[str, str]]]:
    """The tables of a case with every cell as text; a visit with `repeat` stands for many."""
    out: dict[str, list[dict[str, str]]] = {}
    for name in TABLES:
        if name not in case:
            continue
        rows = out[name] = []
        for row in case[name]:
            cells = {**case.get("each", {}).get(name, {}), **row}
            repeat = cells.pop("repeat", None)
            if repeat is None:
                rows.append(cells)
                continue
            first = dt.date.fromisoformat(cells["setl_time"])
            for i in range(int(repeat["times"])):
                day = first + dt.timedelta(days=i * int(repeat["every_days"]))
                rows.append({**cells, "setl_id": f"{cells['setl_id']}-{i + 1:03d}", "setl_time": day.isoformat()})
    return out


def table(name: str, rows: list[dict[str, str]]) -> list[dict[str, Any]]:
    """Rows of one table in the engine's units."""
    return [{column: value(name, column, text) for column, text in row.items()} for row in rows]


def inputs(case: dict[str, Any]) -> dict[str, Any]:
    """The tables of a case in the engine's units."""
    out: dict[str, Any] = {name: table(name, rows) for name, rows in written(case).items()}
    declared = [doc.get("attributes", {}) for doc in documents(case)]
    for name in {n for attributes in declared for n, rule in attributes.items() if rule.get("match") == "number"}:
        for row in (row for rows in out.values() for row in rows):
            if row.get(name) is not None:
                row[name] = int(row[name])
    if "catalog" in case:
        out["catalog"] = {name: table(name, rows) for name, rows in case["catalog"].items()}
    return out


def runs(case: dict[str, Any]) -> list[dict[str, Any]]:
    """The case, and the runs that follow it with its state."""
    shared = {key: cells for key, cells in case.items() if key not in (*TABLES, "then")}
    persons = {key: case[key] for key in ("persons", "institutions") if key in case}
    return [case, *({**shared, **persons, **later} for later in case.get("then", []))]


def documents(case: dict[str, Any]) -> list[dict[str, Any]]:
    """The parsed documents of a case."""
    if "book" in case:
        path = ROOT / case["book"]
        return [load(file) for file in (sorted(path.rglob("*.yaml")) if path.is_dir() else [path])]
    return case["policies"] if "policies" in case else [case["policy"]]


class Answer:
    """What one engine made of a case, in fen."""

    def __init__(self, rows: list[dict], detail: list[dict], lines: list[dict]) -> None:
        self.rows = {row["setl_id"]: row for row in rows}
        self.detail = {(step["setl_id"], step["layer"]): step for step in detail}
        self.lines = {(line.get("setl_id"), line["feedetl_sn"]): line for line in lines}

    def term(self, text: str) -> Fraction:
        """One term of an expression; amounts in yuan, rates as ratios."""
        where, dot, column = text.rpartition(".")
        if not dot or where.isdigit():
            return Fraction(text)
        if where == "*":
            return sum((Fraction(row[column], 100) for row in self.rows.values()), Fraction(0))
        if "/" in where:
            visit, _, layer = where.partition("/")
            return Fraction(self.detail[visit, layer][column], 100)
        if "#" in where:
            return Fraction(self.line(where)[column], 100)
        return Fraction(self.rows[where][column], 1_000_000 if column == "pool_prop_selfpay" else 100)

    def line(self, where: str) -> dict[str, Any]:
        """A fee line, named `visit#line`; without a visit in the row the line's own name must do."""
        visit, _, line = where.partition("#")
        return next(row for (setl_id, name), row in self.lines.items() if name == line and setl_id in (visit, None))

    def figure(self, expression: str) -> Fraction:
        """The value of an expression of `expect`."""
        above, divided, below = expression.partition(" / ")
        return self.total(above) / self.total(below) if divided else self.total(above)

    def total(self, expression: str) -> Fraction:
        words = expression.split()
        out = self.term(words[0])
        for sign, word in zip(words[1::2], words[2::2]):
            out += self.term(word) if sign == "+" else -self.term(word)
        return out


def by_reference(case: dict[str, Any]) -> Answer:
    """Settled by the reference, run after run."""
    rows: list[dict] = []
    detail: list[dict] = []
    lines: list[dict] = []
    state = None
    for run in runs(case):
        result = reference.settle(documents(case), **inputs(run), state=state)
        rows, detail, lines, state = rows + result.rows, detail + result.detail, lines + result.lines, result.state
    return Answer(rows, detail, lines)


def by_kernel(case: dict[str, Any]) -> Answer:
    """Settled by the kernel, run after run; the tables go through the door as text."""
    from ybcore.catalog import Catalog
    from ybcore.engine import Engine

    catalog = None
    if "catalog" in case:
        catalog = Catalog(**{name: arrow(rows) for name, rows in case["catalog"].items()})
    engine = Engine(documents(case), catalog, threads=1)
    rows: list[dict] = []
    detail: list[dict] = []
    lines: list[dict] = []
    state = None
    for run in runs(case):
        tables = {name: arrow(cells) for name, cells in written(run).items()}
        done = engine.settle(**tables, state=state, line_output="lines" in tables, detail=True)
        assert done.detail is not None
        rows, detail, state = rows + done.visits.to_pylist(), detail + done.detail.to_pylist(), done.state
        lines += done.lines.to_pylist() if done.lines is not None else []
    return Answer(rows, detail, lines)


def arrow(rows: list[dict[str, str]]) -> pa.Table:
    """Rows as an Arrow table of text."""
    import pyarrow as pa

    names = list(dict.fromkeys(name for row in rows for name in row))
    return pa.table({name: pa.array([row.get(name) or None for row in rows], pa.string()) for name in names})
