"""What is wrong with a table, in Chinese: one phrase for each English one that the door writes."""

from __future__ import annotations

import re

__all__ = ["chinese"]

_PHRASES = (
    (r"the column is there twice \(it is another name of (.+)\)", r"该列出现两次（它是 \1 的别名）"),
    (r"the column is there twice", "该列出现两次"),
    (r"the column could not be read: (.+)", r"无法读取该列：\1"),
    (r"the required column is missing", "缺少必需的列"),
    (r"the column is missing", "缺少该列"),
    (r"the value has more than (\d+) decimals", r"该值多于 \1 位小数"),
    (r"a visit has no result", "有结算没有结果"),
    (r"the column (.+)", r"该列类型不符：\1"),
    (r"columns have different lengths: (.+)", r"各列长度不同：\1"),
    (r"cannot read (\w+) as a table: .+", r"无法把 \1 读作表：请给出 Arrow 表、数据框或“列名: 列”的映射"),
    (r"cannot read the table: (.+)", r"无法读取该表：\1"),
    (r"no items\.parquet and no items\.csv is there", "这里既没有 items.parquet 也没有 items.csv"),
    (r"fee lines are given but no catalogue", "给出了费用明细，却没有目录"),
    (r"lines name no visit: .+", "明细没有指明属于哪次结算：请给出 setl_id，或比结算数多一项的 line_offsets"),
    (r"line_offsets must rise .+", "line_offsets 须从 0 升到明细总数，项数比结算数多一"),
    (r"setl_id (.+) is not among the visits", r"setl_id \1 不在结算表中"),
    (r"setl_id is not among the visits(.*)", r"setl_id 不在结算表中\1"),
    (r"(\d+) lines belong to no visit", r"\1 条明细不属于任何一次结算"),
    (r"a ratio is a fraction from 0 to 1(.*)", r"比例应在 0 到 1 之间\1"),
    (r"the value cannot be read as a (\w+)(.*)", r"该值无法读作 \1\2"),
    (r"a cell is missing or cannot be read(.*)", r"有单元格缺失或无法读取\1"),
    (r"the date cannot be read(.*)", r"日期无法读取\1"),
    (r"kind is not add or set(.*)", r"kind 应为 add 或 set\1"),
    (r"a required value is missing(.*)", r"缺少必需的值\1"),
    (r"chrgitm_lv is not 01, 02 or 03(.*)", r"chrgitm_lv 应为 01、02 或 03\1"),
    (r"enddate is not after begndate(.*)", r"enddate 不晚于 begndate\1"),
    (r"the validity overlaps another row of the same (.+)", r"有效期与同一键的另一行重叠：\1"),
)
_COMPILED = tuple((re.compile(pattern, re.S), text) for pattern, text in _PHRASES)
_MORE = re.compile(r"\(and (\d+) more rows\)")


def chinese(what: str) -> str:
    """The phrase in Chinese; empty when there is none, and then the English one is shown."""
    for pattern, text in _COMPILED:
        found = pattern.fullmatch(what)
        if found:
            said = _MORE.sub(r"（另有 \1 行）", found.expand(text))
            return said.replace(" and ", "、").replace(", ", "、") if said.startswith("有效期") else said
    return ""
