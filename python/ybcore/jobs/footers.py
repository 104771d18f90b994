"""The footer of one Parquet file: what it says, or why it is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import Problem
from .files import Found, open_file

__all__ = ["DAMAGED", "Footer", "footer_of"]

#: What reading a damaged file may raise.
DAMAGED = (OSError, pa.ArrowException, ValueError, MemoryError, OverflowError)


@dataclass
class Footer:
    """What one file says of itself; `problem` when it cannot be read."""

    found: Found
    schema: pa.Schema | None = None
    group_rows: tuple[int, ...] = ()
    checksums: bool = True
    problem: Problem | None = None


def footer_of(table: str, found: Found) -> Footer:
    """The footer of one file; what cannot be read is a problem, not an error."""
    try:
        with open_file(found.location) as source, pq.ParquetFile(source) as file:
            footer = file.metadata
            rows = tuple(footer.row_group(i).num_rows for i in range(footer.num_row_groups))
            if sum(rows) != footer.num_rows or min(rows, default=0) < 0:
                raise ValueError(f"{footer.num_rows} rows, but {sum(rows)} in its row groups")
            return Footer(found, file.schema_arrow, rows, _checksums(source, footer))
    except DAMAGED as error:
        what, zh = _why_not_parquet(found, error)
        return Footer(found, problem=Problem(what=what, what_zh=zh, file=found.location, path=f"inputs.{table}"))


def _why_not_parquet(found: Found, error: BaseException) -> tuple[str, str]:
    if isinstance(error, FileNotFoundError):
        return "the file is not there", "文件不存在"
    if isinstance(error, PermissionError):
        return "the file may not be read", "没有读取权限"
    if found.bytes == 0:
        return "the file is empty (0 bytes), no Parquet", "文件是空的（0 字节），不是 Parquet"
    try:
        with open_file(found.location) as source:
            head = source.read(4)
    except OSError:
        head = b""
    said = str(error).splitlines()[0] if str(error) else type(error).__name__
    if head == b"PAR1":
        return (
            f"the file is truncated or damaged, its end cannot be read: {said}",
            f"文件不完整或已损坏，文件尾无法读取：{said}",
        )
    if head == b"PARE":
        return "the file is encrypted", "文件是加密的"
    return "the file is no Parquet; convert it first", "文件不是 Parquet，请先转换"


def _checksums(source: pa.NativeFile, footer: Any) -> bool:
    """Whether the first page carries a checksum: field 4 of its Thrift header, after three integers."""
    for i in range(footer.num_row_groups):
        group = footer.row_group(i)
        if group.num_rows and group.num_columns:
            first = group.column(0)
            begin = first.dictionary_page_offset or first.data_page_offset
            head = source.read_at(64, begin)
            return _has_fourth_integer(head)
    return True


def _has_fourth_integer(head: bytes) -> bool:
    at = 0
    for _ in range(3):
        if head[at : at + 1] != b"\x15":
            return False
        at += 1
        while at < len(head) and head[at] & 0x80:
            at += 1
        at += 1
    return head[at : at + 1] == b"\x15"
