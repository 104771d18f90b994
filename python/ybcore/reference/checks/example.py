"""What an example of a rule hits."""

from __future__ import annotations

from .book import Book
from .explain import held_tables
from .run import one_rule
from .world import Line, Unit, World


def example_hits(
    book: Book, rule_id: str, written: dict[str, list[dict[str, str]]], stage: str = "after"
) -> tuple[set[str], str]:
    """Names of the offending rows of one rule alone (feedetl_sn, of a visit setl_id; without rows what was hit); why it did not run."""
    tables, clock = held_tables({name: rows for name, rows in written.items() if name != "items"})
    items = held_tables({"items": written["items"]})[0]["items"] if written.get("items") else None
    rule = next(rule for rule in book.rules if rule.id == rule_id)
    row, findings = one_rule(rule, book, World(tables, items, clock), None, stage, set())
    hits = set()
    for found in findings:
        units = [d.unit for d in found.details if d.kind == 1]
        hits |= {
            str(u.cells["feedetl_sn"]) if isinstance(u, Line) and u.cells.get("feedetl_sn") else unit_id(u)
            for u in units
        }
        hits |= set() if found.details else {found.hit.what}
    return hits, row["reason"] or ""


def unit_id(unit: Unit) -> str:
    return str(unit.visit.id if isinstance(unit, Line) else unit.id)
