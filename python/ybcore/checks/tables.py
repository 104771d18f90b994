"""Tables of a rule document: CSV or inline rows, with where and when each row holds.

A `RuleTable` keeps its cells as written and says of every row from when to when it holds and is known, for
which region and level, whether its findings are only suspect, and where it stands.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from ybcore.errors import Problem

from ..policy.numbers import ScalarError, days

__all__ = ["ALWAYS", "OPEN", "RuleTable", "Sheet", "check_overlaps", "dated", "joined", "read_csv"]

ALWAYS = -(1 << 31)
OPEN = (1 << 31) - 1
"""Days that stand for "since ever" and "until further notice"."""


@dataclass
class Sheet:
    """Rows as they were written: a column is a list of texts; `lines` are the lines of the rows in `file`."""

    file: str
    columns: dict[str, list[str]]
    lines: list[int]

    def rows(self) -> list[dict[str, str]]:
        """The rows as mappings."""
        names = list(self.columns)
        return [dict(zip(names, cells)) for cells in zip(*self.columns.values())]

    def kept(self, where: dict[str, tuple[str, ...]]) -> Sheet:
        """Only the rows whose columns hold one of the given texts."""
        if not where:
            return self
        keep = [all(self.columns[name][i] in texts for name, texts in where.items()) for i in range(len(self.lines))]
        columns = {name: [cell for cell, yes in zip(cells, keep) if yes] for name, cells in self.columns.items()}
        return Sheet(self.file, columns, [line for line, yes in zip(self.lines, keep) if yes])


def read_csv(path: Path) -> tuple[Sheet | None, list[Problem]]:
    """One CSV file in UTF-8 with a header. Every row that does not fit is told with its line."""
    name = str(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError:
        return None, [Problem(file=name, what="the table's file is not there", what_zh="找不到表文件")]
    except UnicodeDecodeError as err:
        line = path.read_bytes().count(b"\n", 0, err.start) + 1
        return None, [
            Problem(file=name, line=line, what="not UTF-8; save the file as UTF-8", what_zh="不是 UTF-8，请存为 UTF-8")
        ]
    plain = _plain(text, name)
    return (plain, []) if plain is not None else _row_by_row(text, name)


def _plain(text: str, name: str) -> Sheet | None:
    """A table without quotes whose rows all fit, read column by column; None where rows must be looked at one by one."""
    if '"' in text or "\r" in text.replace("\r\n", ""):
        return None
    try:
        options = pacsv.ConvertOptions(
            column_types=dict.fromkeys(text.partition("\n")[0].rstrip("\r").split(","), pa.string())
        )
        table = pacsv.read_csv(io.BytesIO(text.encode()), convert_options=options)
    except pa.ArrowInvalid:
        return None
    size = table.num_rows
    lines = text.count("\n") + (not text.endswith("\n"))
    if lines != size + 1 or _header(name, table.column_names):
        return None  # an empty line, or names that are wrong
    columns = {column: table[column].to_pylist() for column in table.column_names}
    return Sheet(name, columns, list(range(2, size + 2)))


def _row_by_row(text: str, name: str) -> tuple[Sheet | None, list[Problem]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[list[str]] = []
    lines: list[int] = []
    problems: list[Problem] = []
    try:
        header = next(reader, [])
        before = reader.line_num
        for cells in reader:
            if len(cells) != len(header):
                if cells:
                    problems.append(_misfit(name, before + 1, len(cells), len(header)))
            else:
                rows.append(cells)
                lines.append(before + 1)
            before = reader.line_num
    except csv.Error as err:
        what, zh = f"not CSV: {err}", f"不是合法的 CSV：{err}"
        return None, [Problem(file=name, line=reader.line_num, what=what, what_zh=zh)]
    problems += _header(name, header)
    if problems:
        return None, problems
    columns = [list(cells) for cells in zip(*rows)] if rows else [[] for _ in header]
    return Sheet(name, dict(zip(header, columns)), lines), []


def _misfit(file: str, line: int, found: int, wanted: int) -> Problem:
    en, zh = f"a row of {found} cells under a header of {wanted}", f"该行 {found} 格，表头 {wanted} 格"
    return Problem(file=file, line=line, what=en, what_zh=zh)


def _header(file: str, header: list[str]) -> list[Problem]:
    if not header:
        return [Problem(file=file, line=1, what="the table has no header", what_zh="表没有表头")]
    problems = []
    for index, name in enumerate(header):
        if not name.strip():
            problems.append(
                Problem(file=file, line=1, what=f"column {index + 1} has no name", what_zh=f"第 {index + 1} 列没有名称")
            )
        elif name in header[:index]:
            problems.append(
                Problem(file=file, line=1, what=f"column {name!r} stands twice", what_zh=f"列 {name!r} 重复")
            )
    return problems


@dataclass(frozen=True, eq=False)
class RuleTable:
    """A table of the book after layering. Rows keep the order of the documents.

    `columns`: every column as texts, "" where a cell is empty. `begin` ≤ day < `end` (days since 1970-01-01; ALWAYS, OPEN)
    says when a row holds, `known` ≤ known_at < `dropped` when it is known; `region` ("*" everywhere) and `level` ("" every level) where.
    """

    name: str
    key: tuple[str, ...]
    columns: dict[str, list[str]]
    begin: np.ndarray
    end: np.ndarray
    known: np.ndarray
    dropped: np.ndarray
    region: list[str]
    level: list[str]
    suspect: np.ndarray
    files: list[str] = field(repr=False)
    lines: list[int] = field(repr=False)

    def __len__(self) -> int:
        return len(self.lines)

    def known_then(self, known_at: int | None) -> np.ndarray:
        """Rows that are known on a day; without one those that are known in the end, so none that was corrected."""
        if known_at is None:
            return np.asarray(self.dropped == OPEN)
        return np.asarray((self.known <= known_at) & (known_at < self.dropped))

    def held(self, known_at: int | None) -> np.ndarray:
        """Rows that are known then, and hold on some day."""
        return np.asarray((self.end > self.begin) & self.known_then(known_at))

    def place(self, row: int) -> tuple[str, int]:
        """File and line of a row."""
        return self.files[row], self.lines[row]

    def row(self, row: int) -> dict[str, str]:
        """The cells of a row."""
        return {name: cells[row] for name, cells in self.columns.items()}

    def encoded(self, column: str) -> tuple[np.ndarray, tuple[str, ...]]:
        """Dense codes (int32, -1 empty) and the texts they stand for, by first appearance."""
        cells = self.columns[column]
        words = [cell for cell in dict.fromkeys(cells) if cell]
        codes = {"": -1, **{word: code for code, word in enumerate(words)}}
        return np.fromiter(map(codes.__getitem__, cells), np.int32, len(cells)), tuple(words)


@dataclass(frozen=True)
class Dated:
    """A sheet with the meaning of its reserved columns."""

    sheet: Sheet
    begin: np.ndarray
    end: np.ndarray
    known: np.ndarray
    dropped: np.ndarray
    region: list[str]
    level: list[str]
    suspect: np.ndarray


def dated(sheet: Sheet, defaults: dict[str, int], region: str, problems: list[Problem]) -> Dated:
    """Validity, region, level and suspect of every row; what cannot be read is told and stood in for."""
    size = len(sheet.lines)

    def days_of(name: str, open_: int) -> np.ndarray:
        return _typed(
            sheet, name, defaults[name], lambda text: open_ if text == "open" else days(text), np.int32, problems
        )

    begin, end = days_of("from", ALWAYS), days_of("to", OPEN)
    known, dropped = days_of("known_since", ALWAYS), days_of("known_until", OPEN)
    problems += [_never_known(sheet, row) for row in np.flatnonzero(dropped <= known).tolist()]
    suspect = _typed(sheet, "suspect", 0, _flag, np.int8, problems).astype(bool)
    regions = _words(sheet, "region", region, _region, problems)
    levels = _words(sheet, "level", "", _level, problems)
    assert len(begin) == size
    return Dated(sheet, begin, end, known, dropped, regions, levels, suspect)


def _never_known(sheet: Sheet, row: int) -> Problem:
    until = sheet.columns["known_until"][row]
    return Problem(
        file=sheet.file,
        line=sheet.lines[row],
        path="known_until",
        what=f"known_until {until} is not after the day since which the row is known: it would never be seen",
        what_zh=f"known_until {until} 不晚于该行的 known_since，该行将永不生效",
        expected="a later day",
        expected_zh="更晚的日期",
    )


def _typed(sheet: Sheet, name: str, default: int, read: Any, dtype: Any, problems: list[Problem]) -> np.ndarray:
    cells = sheet.columns.get(name)
    if cells is None:
        return np.full(len(sheet.lines), default, dtype)
    seen: dict[str, int] = {"": default}
    _read_new(sheet, name, cells, seen, read, default, problems)
    return np.fromiter(map(seen.__getitem__, cells), dtype, len(cells))


def _words(sheet: Sheet, name: str, default: str, read: Any, problems: list[Problem]) -> list[str]:
    cells = sheet.columns.get(name)
    if cells is None:
        return [default] * len(sheet.lines)
    seen: dict[str, str] = {"": default}
    _read_new(sheet, name, cells, seen, read, default, problems)
    return list(map(seen.__getitem__, cells))


def _read_new(
    sheet: Sheet, name: str, cells: list[str], seen: dict[str, Any], read: Any, default: Any, problems: list[Problem]
) -> None:
    for cell in dict.fromkeys(cells):
        if cell not in seen:
            try:
                seen[cell] = read(cell)
            except ScalarError as err:
                seen[cell] = default
                line = sheet.lines[cells.index(cell)]
                problems.append(Problem(file=sheet.file, line=line, path=name, what=err.en, what_zh=err.zh))


def _flag(text: str) -> int:
    if text not in ("0", "1"):
        raise ScalarError(f"suspect is 0 or 1, found {text!r}", f"suspect 为 0 或 1，实为 {text!r}")
    return int(text)


def _region(text: str) -> str:
    if text != "*" and not (text.isascii() and text.isdigit() and len(text) <= 6):
        raise ScalarError(
            f'region is a prefix of a six-digit code or "*", found {text!r}',
            f'region 应为六位区划代码的前缀或 "*"，实为 {text!r}',
        )
    return text


def _level(text: str) -> str:
    if text not in ("3", "2", "1", "0"):
        raise ScalarError(f"level is 3, 2, 1 or 0, found {text!r}", f"level 应为 3、2、1、0，实为 {text!r}")
    return text


def joined(name: str, key: tuple[str, ...], parts: Iterable[Dated]) -> RuleTable:
    """One table of the rows of several sheets, in their order; a column that a sheet lacks is empty there."""
    parts = list(parts)
    names = list(dict.fromkeys(column for part in parts for column in part.sheet.columns))
    columns: dict[str, list[str]] = {column: [] for column in names}
    for part in parts:
        size = len(part.sheet.lines)
        for column in names:
            columns[column].extend(part.sheet.columns.get(column) or [""] * size)

    def array(pick: str, dtype: Any) -> np.ndarray:
        return np.concatenate([np.array([], dtype), *(getattr(part, pick) for part in parts)]).astype(dtype)

    return RuleTable(
        name,
        key,
        columns,
        array("begin", np.int32),
        array("end", np.int32),
        array("known", np.int32),
        array("dropped", np.int32),
        [*chain.from_iterable(part.region for part in parts)],
        [*chain.from_iterable(part.level for part in parts)],
        array("suspect", bool),
        [*chain.from_iterable([part.sheet.file] * len(part.sheet.lines) for part in parts)],
        [*chain.from_iterable(part.sheet.lines for part in parts)],
    )


def check_overlaps(table: RuleTable) -> list[Problem]:
    """Rows of one key that are equally specific, and known on one day to hold on one day, each with both lines."""
    if len(table) < 2:
        return []
    codes = np.zeros(len(table), np.int64)
    for cells in (*(table.columns[name] for name in table.key), table.region, table.level):
        part = pa.array(cells, pa.string()).dictionary_encode()
        codes = codes * len(part.dictionary) + part.indices.to_numpy()
        codes = np.unique(codes, return_inverse=True)[1].astype(np.int64)  # dense again, so that no product overflows
    order = np.argsort(codes, kind="stable")
    runs = np.flatnonzero(np.diff(codes[order], prepend=-1))
    problems = []
    ends = np.append(runs[1:], len(order))
    for run in np.flatnonzero(ends - runs > 1):
        problems += _overlaps(table, order[runs[run] : ends[run]].tolist())
    return problems


def _overlaps(table: RuleTable, rows: list[int]) -> list[Problem]:
    held = sorted((row for row in rows if table.begin[row] < table.end[row]), key=lambda row: (table.begin[row], row))
    problems: list[Problem] = []
    open_: list[int] = []
    for row in held:
        open_ = [other for other in open_ if table.begin[row] < table.end[other]]
        known, dropped = table.known[row], table.dropped[row]
        met = next((o for o in open_ if table.known[o] < dropped and known < table.dropped[o]), None)
        if met is not None:
            problems.append(_overlap(table, *sorted((met, row))))
        open_.append(row)
    return problems


def _overlap(table: RuleTable, first: int, second: int) -> Problem:
    key = " ".join(table.columns[name][second] for name in table.key)
    file, line = table.place(first)
    other = str(line) if file == table.files[second] else f"{file}:{line}"
    return Problem(
        file=table.files[second],
        line=table.lines[second],
        path=f"tables.{table.name}",
        what=f"two rows of {key} hold at once and are equally specific; the other stands at line {other}",
        what_zh=f"{key} 有两行同时有效且同样具体，另一行在第 {other} 行",
        expected="days that do not meet; a row that is corrected says with known_until from when on the other one is known",
        expected_zh="互不重叠的日期；若为更正，则在原行的 known_until 写明自何日起改用另一行",
    )
