"""What is wrong with a table, in Chinese: one phrase for each English one that the door writes."""

from __future__ import annotations

import re

__all__ = ["chinese"]

_PHRASES = (
    (r"the column is there twice \(it is another name of (.+)\)", r"该列出现两次（它是 \1 的别名）"),
    (r"the column is there twice", "该列出现两次"),
    (r"the column could not be read: (.+)", r"无法读取该列：\1"),
    (r"the required column is missing", "缺少必需的列"),
    (
        r"the column is (\S+): a binary float cannot hold exact amounts; give (.+)",
        r"该列为 \1：二进制浮点数不能精确表示金额；应为 {\2}",
    ),
    (r"the column is (\S+): a number of days must be int32; give (.+)", r"该列为 \1：天数须为 int32；应为 {\2}"),
    (r"the column is (\S+): an id is text or an integer", r"该列为 \1：编号应为文本或整数"),
    (r"the column is (\S+): codes are text \(leading zeros matter\)", r"该列为 \1：代码应为文本（前导零有意义）"),
    (r"the column is (.+), that of the run is (.+)", r"该列为 \1，本次结算的该列为 \2"),
    (r"the column is (.+?); give (.+)", r"该列为 \1；应为 {\2}"),
    (r"the column does not go into (.+?), the type of the run's: (.+)", r"该列无法转为本次结算的类型 \1：\2"),
    (r"the column ids are text in one table and integers in another", "该编号在一张表中为文本，在另一张表中为整数"),
    (r"ids are text in (\S+) and integers in (\S+)", r"编号在 \1 中为文本，在 \2 中为整数"),
    (r"the table is needed", "须给出该表"),
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
    (r"a cell is missing, below zero or cannot be read(.*)", r"有单元格缺失、为负或无法读取\1"),
    (r"the setl_id is there twice(.*)", r"setl_id 重复\1"),
    (r"a cell is missing or cannot be read(.*)", r"有单元格缺失或无法读取\1"),
    (r"the date cannot be read(.*)", r"日期无法读取\1"),
    (r"kind is not add or set(.*)", r"kind 应为 add 或 set\1"),
    (r"a required value is missing(.*)", r"缺少必需的值\1"),
    (r"chrgitm_lv is not 01, 02 or 03(.*)", r"chrgitm_lv 应为 01、02 或 03\1"),
    (r"enddate is not after begndate(.*)", r"enddate 不晚于 begndate\1"),
    (
        r"(\S+) is not a column we know; it was ignored \(nearest name: (.+)\)",
        r"未知的列 \1，已忽略（最接近的名称：\2）",
    ),
    (r"(\S+) is not a column we know; it was ignored", r"未知的列 \1，已忽略"),
    (r"(\w+): (\d+) files are no Parquet and were left out: (.+)", r"\1：\2 个文件不是 Parquet，已略过：\3"),
    (
        r"(\w+): (\d+) items are not in items and never used, for example (.+)",
        r"\1：\2 个项目不在 items 中，不会用到，例如 \3",
    ),
    (
        r"items: (\d+) rows of class 02 have no ratio anywhere, for example (.+)",
        r"items：\1 行乙类项目没有自付比例，例如 \2",
    ),
    (
        r"items: (\d+) rows of class 01 have a ratio that is not used, for example (.+)",
        r"items：\1 行甲类项目的自付比例不会用到，例如 \2",
    ),
    (r"caps: (\d+) caps are zero, for example (.+)", r"caps：\1 个限价为零，例如 \2"),
    (r"the validity overlaps another row of the same (.+)", r"有效期与同一键的另一行重叠：\1"),
)
#: What a column of each kind is given as (`schema.KINDS`).
_KINDS = {
    "text or integer; compared as bytes (integers as numbers)": "文本或整数；按字节比较（整数按数值）",
    "text (plain or dictionary); leading zeros matter": "文本（普通或字典编码）；前导零有意义",
    "text, integer or boolean 0/1": "0/1 的文本、整数或布尔值",
    "date32, timestamp, YYYY-MM-DD text, or int32 days since 1970-01-01": "date32、timestamp、YYYY-MM-DD 文本，或自 1970-01-01 起的 int32 天数",
    "date, timestamp, or YYYY-MM-DD[ HH:MM:SS] text; held to the microsecond": "date、timestamp，或 YYYY-MM-DD[ HH:MM:SS] 文本；精确到微秒",
    "int64 fen, decimal yuan, or yuan text with at most 2 decimals": "int64（分）、decimal（元），或至多两位小数的文本（元）",
    "integer ppm (millionths), decimal fraction, or text fraction with at most 6 decimals": "百万分之一为单位的整数、decimal 小数，或至多六位小数的文本",
    "integer 1/10000, decimal, or text with at most 4 decimals": "万分之一为单位的整数、decimal，或至多四位小数的文本",
    "integer 1/1000000 yuan, decimal yuan, or yuan text with at most 6 decimals": "百万分之一元为单位的整数、decimal（元），或至多六位小数的文本（元）",
    "integer, or text of an integer": "整数，或整数的文本",
    "int64 fen, decimal yuan, or yuan text with at most 2 decimals; for budgets": "int64（分）、decimal（元），或至多两位小数的文本（元）；用于预算",
    "integer, or text of an integer; for large numbers": "整数，或整数的文本；用于大数",
    "text; kept, never compared": "文本；保留，不作比较",
}  # fmt: skip
_KIND = re.compile(r"\{(.+)\}", re.S)
_COMPILED = tuple((re.compile(pattern, re.S), text) for pattern, text in _PHRASES)
_MORE = re.compile(r"\(and (\d+) more rows\)")


def chinese(what: str) -> str:
    """The phrase in Chinese; empty when there is none, and then the English one is shown."""
    for pattern, text in _COMPILED:
        found = pattern.fullmatch(what)
        if found:
            said = _MORE.sub(r"（另有 \1 行）", found.expand(text))
            said = _KIND.sub(lambda kind: _KINDS.get(kind[1], kind[1]), said)
            return said.replace(" and ", "、").replace(", ", "、") if said.startswith("有效期") else said
    return ""
