"""What every workbook has: sheets with a frozen head and filters, money as numbers in yuan, texts that stay texts, a row of sums."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from .._version import __version__
from ..extras import extra
from .gathered import LIGHTS

__all__ = ["EPOCH", "LONGEST", "ROWS", "Book", "Sheet", "book_at", "held", "needed"]

ROWS = 1_048_575
"""Rows that a sheet of Excel has below its head."""
LONGEST = 32_767
"""Characters that a cell of Excel holds."""
EPOCH = dt.datetime(1970, 1, 1)
_FORMATS: dict[str, dict[str, Any]] = {
    "text": {"num_format": "@", "valign": "top"},
    "long": {"num_format": "@", "valign": "top", "text_wrap": True},
    "count": {"num_format": "#,##0", "valign": "top"},
    "quantity": {"num_format": "#,##0.####", "valign": "top"},
    "money": {"num_format": "#,##0.00", "valign": "top"},
    "number": {"num_format": "#,##0.######", "valign": "top"},
    "index": {"num_format": "0.0000", "valign": "top"},
    "share": {"num_format": "0.00%", "valign": "top"},
    "time": {"num_format": "yyyy-mm-dd hh:mm", "valign": "top", "align": "left"},
}
_LIGHTS: dict[str, dict[str, Any]] = {
    "red": {"bg_color": "#F8D7D4", "font_color": "#8C1D18", "bold": True},
    "amber": {"bg_color": "#FCEBC2", "font_color": "#6B4700", "bold": True},
    "green": {"bg_color": "#D3EEDF", "font_color": "#115C36", "bold": True},
    "grey": {"bg_color": "#E8EBEF", "font_color": "#4A5361"},
}
# What a kind of cell is divided by, so that held units become what people read.
_SCALES = {"money": 100, "quantity": 10_000}


_HEAD = {"bold": True, "bg_color": "#1D2433", "font_color": "#FFFFFF", "text_wrap": True, "valign": "vcenter"}
_TOTAL: dict[str, Any] = {"bold": True, "top": 1, "bg_color": "#F5F7FA"}


@dataclass(frozen=True)
class Sheet:
    """One sheet: its name, columns (title, kind, width), rows and how many there are; `total` is a last row that filters leave alone."""

    name: str
    columns: list[tuple[str, str, int]]
    rows: Iterable[tuple[Any, ...]]
    count: int
    total: tuple[Any, ...] | None = None

    @property
    def fits(self) -> int:
        """Rows that can be written beside the head and the total."""
        return min(self.count, ROWS - (self.total is not None))


def needed() -> Any:
    """The library of workbooks; raises YbcoreError when it is not installed."""
    return extra("xlsxwriter", "excel", "Excel 报告", "the Excel report")


@contextlib.contextmanager
def book_at(path: str | os.PathLike[str], title: str) -> Iterator[Book]:
    """A workbook that is written when all is well; raises OSError when the file cannot be."""
    xlsxwriter = needed()
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    book = xlsxwriter.Workbook(os.fspath(path), options)
    book.set_properties({"title": title, "comments": f"ybcore {__version__}", "created": EPOCH.replace(year=2000)})
    yield Book(book)
    try:
        book.close()
    except xlsxwriter.exceptions.FileCreateError as error:
        raise OSError(f"{os.fspath(path)}: {error}") from error


class Book:
    """A workbook that is being written, and its formats."""

    def __init__(self, book: Any) -> None:
        self.book = book
        kinds = _FORMATS | _LIGHTS
        self.formats = {name: book.add_format(spec) for name, spec in kinds.items()}
        self.totals = {name: book.add_format(spec | _TOTAL) for name, spec in kinds.items()}
        self.formats["head"] = book.add_format(_HEAD)

    def pairs(self, name: str, title: str, rows: list[tuple[str, str, Any]]) -> None:
        """A sheet of labels and what they are: (label, kind, value)."""
        page = self.book.add_worksheet(name)
        page.set_column(0, 0, 34)
        page.set_column(1, 1, 22)
        page.freeze_panes(1, 0)
        page.write_string(0, 0, title, self.formats["head"])
        page.write_string(0, 1, f"ybcore {__version__}", self.formats["head"])
        for i, (label, kind, value) in enumerate(rows, 1):
            page.write_string(i, 0, label)
            self._cell(page, i, 1, kind, value, self.formats)

    def sheet(self, sheet: Sheet) -> None:
        """A table with a frozen head and filters; as many rows as fit."""
        page = self.book.add_worksheet(sheet.name)
        last = sheet.fits
        for i, (_, kind, width) in enumerate(sheet.columns):
            page.set_column(i, i, width, self.formats.get(kind))
        page.freeze_panes(1, 0)
        page.autofilter(0, 0, last, len(sheet.columns) - 1)
        for i, (title, _, _) in enumerate(sheet.columns):
            page.write_string(0, i, title, self.formats["head"])
        for at, row in enumerate(sheet.rows, 1):
            if at > last:
                break
            self._row(page, at, sheet, row, self.formats)
        if sheet.total is not None:
            self._row(page, last + 1, sheet, sheet.total, self.totals)

    def _row(self, page: Any, at: int, sheet: Sheet, row: tuple[Any, ...], formats: dict[str, Any]) -> None:
        for i, (value, (_, kind, _)) in enumerate(zip(row, sheet.columns)):
            if value is not None:
                self._cell(page, at, i, kind, value, formats)

    @staticmethod
    def _cell(page: Any, row: int, column: int, kind: str, value: Any, formats: dict[str, Any]) -> None:
        """One cell; a text is written as text whatever it begins with."""
        if kind == "light":
            light, word = value
            page.write_string(row, column, f"{LIGHTS[light][0]} {word}", formats[light])
        elif kind in ("text", "long") or isinstance(value, str):
            page.write_string(row, column, held(str(value)), formats[kind])
        elif kind == "time":
            try:
                page.write_datetime(row, column, value, formats[kind])
            except (ValueError, TypeError):  # before 1900: Excel has no such day
                page.write_string(row, column, str(value), formats["text"])
        else:
            page.write_number(row, column, value / _SCALES.get(kind, 1), formats[kind])


def held(text: str) -> str:
    """A text that fits a cell."""
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
