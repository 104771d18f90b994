"""Worked cases of rule checks as files, and judges that answer them.

A case is a folder with rules.yaml (rules-2.yaml, … for further documents), input.yaml (tables with cells as written; `each` gives the rows
of a table cells they do not have; `catalog`, `known_at`, `stage`, `suppress`), expected.yaml and why.md. In expected.yaml a row is
named setl_id/feedetl_sn (a line without id setl_id/#place), a visit setl_id; money is yuan, `cnt` units, measure and limit are as held.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ybcore.checks import registered
from ybcore.reference import checks
from ybcore.reference.numbers import date, decimal_to_int

TABLES = ("visits", "lines", "persons", "institutions", "diagnoses", "operations", "labs", "doctors", "stock")


@dataclass
class Case:
    """What a judge is given: documents as read, tables as held."""

    documents: list[dict[str, Any]]
    tables: dict[str, list[dict[str, Any]]]
    catalog: list[dict[str, Any]] | None
    time_of_day: bool
    known_at: int | None
    stage: str
    suppress: list[dict[str, Any]]


@dataclass
class Answer:
    """What a judge gives: rows as on docs/checks.md 5, and what moves by input row of a line."""

    findings: list[dict[str, Any]]
    details: list[dict[str, Any]]
    manifest: dict[str, Any]
    moved: dict[int, tuple[int, int]]


Judge = Callable[[Case], Answer]


@cache
def load(path: Path) -> Any:
    """A file whose every scalar is text; read once, and not to be changed."""
    return YAML(typ="base", pure=True).load(path.read_text(encoding="utf-8")) or {}


def read(folder: Path) -> Case:
    written = dict(load(folder / "input.yaml"))
    for table, cells in (written.pop("each", None) or {}).items():
        written[table] = [{**cells, **row} for row in written[table]]
    catalog = written.get("catalog")
    tables, clock = checks.held_tables({name: written[name] or [] for name in TABLES if name in written})
    held, _ = checks.held_tables({"items": catalog or []})
    known_at = written.get("known_at")
    return Case(
        [load(path) for path in sorted(folder.glob("rules*.yaml"))],
        tables,
        held["items"] if catalog is not None else None,
        clock,
        None if known_at is None else date(known_at),
        written.get("stage", "after"),
        written.get("suppress") or [],
    )


def by_reference(case: Case) -> Answer:
    result = checks.check(
        case.documents,
        case.tables,
        catalog=case.catalog,
        known_at=case.known_at,
        stage=case.stage,
        suppress=case.suppress,
        time_of_day=case.time_of_day,
        functions=registered(),
    )
    return Answer(result.findings, result.details, result.manifest, checks.denials(result))


# Answers as expected.yaml writes them


def name_of(detail: dict[str, Any], lines: list[dict[str, Any]]) -> str:
    """The name of a detail's row."""
    if detail["row"] < 0:
        return str(detail["setl_id"])
    if detail["feedetl_sn"] is not None:
        return f"{detail['setl_id']}/{detail['feedetl_sn']}"
    place = sum(row["setl_id"] == detail["setl_id"] for row in lines[: detail["row"] + 1])
    return f"{detail['setl_id']}/#{place}"


COLUMNS = {"severity": "sev_deg"}
CODES = (
    "disposition",
    "fixmedins_code",
    "dr_code",
    "psn_no",
    "setl_id",
    "mdtrt_id",
    "rule_version",
    "vola_bhvr_type",
    "group",
)


def written_finding(
    finding: dict[str, Any], details: list[dict[str, Any]], wanted: dict[str, Any], lines: list
) -> dict[str, Any]:
    """The keys of a wanted finding, from a found one."""
    own = [d for d in details if d["jr_id"] == finding["jr_id"]]
    out: dict[str, Any] = {"rule": finding["rule_id"], "hit": names(own, 1, lines), "with": names(own, 2, lines)}
    for key in wanted:
        if key == "vola":
            out[key] = finding["vola_amt"]
        elif key == "details":
            found = {name_of(d, lines): d for d in own}
            out[key] = {n: {k: found.get(n, {}).get(column(k)) for k in cells} for n, cells in wanted[key].items()}
        elif key not in out:
            out[key] = finding[COLUMNS.get(key, key)]
    return out


def column(key: str) -> str:
    return {"vola": "vola_amt", "paid": "paid_amt"}.get(key, key)


def names(details: list[dict[str, Any]], kind: int, lines: list) -> list[str]:
    return sorted(name_of(d, lines) for d in details if d["vola_item_type"] == kind)


def wanted_finding(wanted: dict[str, Any]) -> dict[str, Any]:
    """A written finding in held units."""
    out: dict[str, Any] = {
        "rule": wanted["rule"],
        "hit": sorted(wanted["hit"]),
        "with": sorted(wanted.get("with") or []),
    }
    for key, text in wanted.items():
        if key == "vola":
            out[key] = decimal_to_int(text, 2)
        elif key == "details":
            out[key] = {n: {k: cell(k, v) for k, v in cells.items()} for n, cells in text.items()}
        elif key in ("begin", "end"):
            second, _, rest = text.partition(".")
            out[key] = checks.held("setl_time", second) + int(rest.ljust(6, "0"))
        elif key not in out:
            out[key] = text if key in CODES else int(text)
    return out


def cell(key: str, text: str) -> int | None:
    return None if text == "none" else decimal_to_int(text, 4 if key == "cnt" else 2)


def differences(case: Case, answer: Answer, expected: dict[str, Any]) -> list[str]:
    """Everything that is not as written."""
    lines = case.tables.get("lines") or []
    out, left = [], list(answer.findings)
    for written in expected.get("findings") or []:
        wanted = wanted_finding(written)
        same = [f for f in left if written_finding(f, answer.details, written, lines) == wanted]
        if same:
            left.remove(same[0])
        else:
            out.append(f"missing: {wanted}")
    out += [
        f"not written: {written_finding(f, answer.details, dict.fromkeys(('measure', 'limit', 'vola', 'details')) | {'details': {}}, lines)}"
        for f in left
    ]
    rules = {row["rule_id"]: row for row in answer.manifest["rules"]}
    for rule, cells in (expected.get("manifest") or {}).items():
        found = {k: str(rules[rule][k]) for k in cells}
        out += [] if found == cells else [f"manifest {rule}: {found}, written {cells}"]
    if "unmatched_returns" in expected:
        found = str(answer.manifest["unmatched_returns"])
        out += [] if found == expected["unmatched_returns"] else [f"unmatched returns: {found}"]
    if "suppressions" in expected:
        told = [{k: str(row[k]) for k in ("count", "expired")} for row in answer.manifest["suppressions"]]
        out += [] if told == expected["suppressions"] else [f"suppressions: {told}"]
    if "moved" in expected:
        moved = {named(lines, row): fen for row, (fen, _) in answer.moved.items()}
        wanted_moved = {name: decimal_to_int(text, 2) for name, text in (expected["moved"] or {}).items()}
        out += [] if moved == wanted_moved else [f"moved: {moved}"]
    return out


def named(lines: list[dict[str, Any]], row: int) -> str:
    return name_of({"row": row, "setl_id": lines[row]["setl_id"], "feedetl_sn": lines[row].get("feedetl_sn")}, lines)


# The engine


def arrow_table(name: str, rows: list[dict[str, Any]], clock: bool) -> Any:
    """Rows of held cells as a caller would give them: dates and times as such, money and quantities as whole numbers."""
    import pyarrow as pa
    from ybcore.checks.run.given import TABLES as SPECS
    from ybcore.columns.schema import ITEMS

    spec = ITEMS if name == "items" else SPECS[name]
    columns = {}
    for column in dict.fromkeys(key for row in rows for key in row):
        found = spec.find(column)
        cells = [row.get(column) for row in rows]
        kind = "code" if found is None else found.kind
        if kind == "date":
            columns[column] = pa.array(cells, pa.int32()).cast(pa.date32())
        elif kind == "time":
            columns[column] = pa.array(cells, pa.int64()).cast(pa.timestamp("us"))
            if column == "fee_ocur_time" and not clock:
                columns[column] = columns[column].cast(pa.date32())
        elif kind in ("money", "quantity", "price", "count", "rate"):
            columns[column] = pa.array(cells, pa.int64())
        else:
            columns[column] = pa.array([None if cell is None else str(cell) for cell in cells], pa.string())
    return pa.table(columns)


_read: tuple[Any, Any] = (None, None)


def rules_of(documents: list[dict[str, Any]]) -> Any:
    """The documents read; once for all judges that are asked of a case in turn."""
    global _read
    if _read[0] is not documents:
        import ybcore

        _read = (documents, ybcore.load_rules(documents))
    return _read[1]


def by_engine(case: Case) -> Answer:
    """The same through the compiled kernels and the tables of `ybcore.check`."""
    import ybcore

    def check(visits: Any, rules: Any, suppress: Any, tables: dict[str, Any], **fixed: Any) -> Any:
        return ybcore.check(visits, rules=rules, suppress=suppress, **tables, **fixed)

    return _asked(case, check)


def by_checker(case: Case) -> Answer:
    """The same by a checker that was made before it saw a visit."""
    import ybcore

    def check(visits: Any, rules: Any, suppress: Any, tables: dict[str, Any], **fixed: Any) -> Any:
        beside = {name: tables.pop(name, None) for name in ("institutions", "doctors")}
        return ybcore.Checker(rules, **beside, **fixed).check(visits, suppress=suppress, **tables)

    return _asked(case, check)


def _asked(case: Case, check: Callable[..., Any]) -> Answer:
    import datetime as dt

    import ybcore

    tables = {name: arrow_table(name, rows, case.time_of_day) for name, rows in case.tables.items() if rows}
    catalog = None
    if case.catalog is not None:
        items = [{"chrgitm_lv": "01", **row} for row in case.catalog]
        catalog = ybcore.Catalog(arrow_table("items", items, False))
    known = None if case.known_at is None else dt.date(1970, 1, 1) + dt.timedelta(case.known_at)
    visits = tables.pop("visits")
    rules = rules_of(case.documents)
    report = check(visits, rules, case.suppress, tables, catalog=catalog, known_at=known, stage=case.stage)
    moved = report.denials()
    rows = [int(row) for row in (moved.amount != 0).nonzero()[0]]
    manifest = {
        "rules": report.manifest.to_pylist(),
        "unmatched_returns": report.unmatched_returns,
        "suppressions": report.suppressions,
    }
    return Answer(
        [plain_finding(row) for row in report.findings.to_pylist()],
        [plain_detail(row) for row in report.details.to_pylist()],
        manifest,
        {row: (int(moved.amount[row]), int(moved.quantity[row])) for row in rows},
    )


def plain_finding(row: dict[str, Any]) -> dict[str, Any]:
    """A finding's row as the reference writes it: times as microseconds, flags as numbers."""
    row = {name: value for name, value in row.items() if name not in ("recover_amt", "own_amt")}
    for name in ("sev_deg", "vola_amt_stas", "shadow", "suppressed", "subsumed"):
        row[name] = int(row[name])
    return row | {"vola_bhvr_type": row["vola_bhvr_type"] or None}


def plain_detail(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"vola_item_type": int(row["vola_item_type"])}


ANSWER = ("code", "column", "value", "wanted", "measure", "limit", "group", "begin", "end")


def plain_answer(found: Any) -> dict[str, Any]:
    """What the engine answers to `why_not`, as the reference writes it."""
    held = [(f.jr_id, f.became, f.paid_amt) for f in found.findings]
    return {**{name: getattr(found, name) for name in ANSWER}, "findings": held}
