"""Pages and workbooks as tests read them."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import openpyxl


class Page(HTMLParser):
    """What a browser would make of a page: elements, texts by id, rows of cells by section."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.by_id: dict[str, str] = {}
        self.rows: dict[str, list[list[str]]] = {}
        self.section, self.id, self.cell = "", "", False
        self.source = path.read_text(encoding="utf-8")
        self.text = ""
        self.feed(self.source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        names = dict(attrs)
        if tag == "section":
            self.section = str(names["id"])
        self.id = names.get("id") or "" if tag == "b" else ""
        if tag == "tr":
            self.rows.setdefault(self.section, []).append([])
        if tag in ("td", "th"):
            self.cell = True
            self.rows[self.section][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self.id = "" if tag == "b" else self.id
        self.cell = self.cell and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.id:
            self.by_id[self.id] = data
        if self.cell:
            self.rows[self.section][-1][-1] += data

    def table(self, section: str) -> dict[str, list[str]]:
        """Rows of the section's tables by the text of their first or rule cell, blanks folded."""
        rows = [[" ".join(cell.split()) for cell in row] for row in self.rows.get(section, [])]
        return {row[1] if section in ("rules", "idle") else row[0]: row for row in rows}


def rows_of(path: Path, sheet: str) -> list[dict[str, object]]:
    head, *rows = openpyxl.load_workbook(path)[sheet].iter_rows(values_only=True)
    return [dict(zip(head, row, strict=True)) for row in rows]
