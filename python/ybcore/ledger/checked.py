"""What is wrong with the rows of a change, said before they are taken: ids that nobody has, rows that come twice, days and times that say nothing."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..columns.convert import NULL_DAY, NULL_INT, convert
from ..columns.ids import flat
from ..columns.keys import ids_of, text_of
from ..columns.schema import Column, Table
from .changes import STRUCK
from .complaints import near_one
from .differ import days_in
from .finding import Finder
from .slips import again, backwards, overlapping, pre_split, repeated, unread, without

__all__ = [
    "check_denied",
    "check_lines",
    "check_reordered",
    "check_replaced",
    "check_struck_off",
    "check_times",
    "check_visits",
]

Int64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


def check_visits(find: Finder, rows: pa.Table, ids: pa.ChunkedArray, schema: Table, refund: bool) -> None:
    """Visits that come."""
    taken = (find.visit_of(ids) >= 0) | find.earlier(ids)
    find.say.wrong(
        "visits.setl_id", np.flatnonzero(taken), "the settlement {} is there already", "结算 {} 已存在", text_of(ids)
    )
    _twice(find, "visits", ids)
    find.say.wrong("visits.setl_id", without(ids), "a settlement has an id", "结算须有 setl_id")
    if refund:
        _reversals(find, rows, schema)


def _twice(find: Finder, part: str, ids: pa.ChunkedArray) -> None:
    texts = text_of(ids)
    find.say.wrong(f"{part}.setl_id", repeated(ids), "the settlement {} is there twice", "结算 {} 出现两次", texts)


def _reversals(find: Finder, rows: pa.Table, schema: Table) -> None:
    spec = schema.find("refd_setl_flag")
    assert spec is not None
    flag = np.zeros(rows.num_rows, np.int8)
    if not pa.types.is_null(rows["refd_setl_flag"].type):
        flag = convert(rows["refd_setl_flag"], spec).values
    find.say.wrong("visits.refd_setl_flag", np.flatnonzero(flag != 1), "a refund has refd_setl_flag 1; a settlement of what remains is a LateClaims",
                   "退费结算的 refd_setl_flag 应为 1；其余部分的重新结算请用 LateClaims")  # fmt: skip
    named = find.own_ids(rows, "init_setl_id", find.index.id_type, "visits")
    if named is None:
        return
    lost = np.flatnonzero((flag == 1) & (find.visit_of(named) < 0) & ~find.earlier(named))
    find.say.wrong("visits.init_setl_id", lost, "the settlement {} that is refunded is not there", "所退的结算 {} 不存在",
                   text_of(named), find.near_id)  # fmt: skip


def check_lines(
    find: Finder, rows: pa.Table, ids: pa.ChunkedArray, visit: Int64, schema: Table, before: Mask, refund: bool
) -> None:
    """Lines that come. `visit`: row of the visit of each, `schema`: that of visits, `before`: visits that were there before this change."""
    _nowhere(find, "lines.setl_id", ids, visit)
    _line_ids(find, rows, ids, visit, refund)
    _split(find, ids, visit, schema, before)


def _nowhere(find: Finder, part: str, ids: pa.ChunkedArray, visit: Int64) -> None:
    find.say.wrong(
        part, np.flatnonzero(visit < 0), "the settlement {} is not there", "结算 {} 不存在", text_of(ids), find.near_id
    )


def _line_ids(find: Finder, rows: pa.Table, ids: pa.ChunkedArray, visit: Int64, refund: bool) -> None:
    lines = find.tables.get("lines")
    kind = pa.large_string()
    if lines is not None and "feedetl_sn" in lines.column_names:
        held = ids_of(lines, "feedetl_sn").type
        kind = held.value_type if pa.types.is_dictionary(held) else held
    elif "feedetl_sn" in rows.column_names:
        kind = flat(ids_of(rows, "feedetl_sn")).type
    own = find.own_ids(rows, "feedetl_sn", kind, "lines")
    if own is not None:
        there = np.flatnonzero((visit >= 0) & (find.lines_place(ids, own) >= 0))
        find.say.wrong(
            "lines.feedetl_sn", there, "its visit has the line {} already", "该结算已有明细 {}", text_of(own)
        )
        twice = np.flatnonzero((visit >= 0) & np.asarray(own.is_valid()) & again(visit, own))
        find.say.wrong(
            "lines.feedetl_sn",
            twice,
            "the line {} of its visit comes twice",
            "该结算的明细 {} 出现两次",
            text_of(own),
        )
    if not refund or own is None:
        return
    named = find.own_ids(rows, "init_feedetl_sn", kind, "lines")
    if named is not None:
        lost = np.flatnonzero((visit >= 0) & (find.lines_place(ids, named) < 0))
        find.say.wrong("lines.init_feedetl_sn", lost, "its visit has no line {} to return", "该结算没有可退的明细 {}",
                       text_of(named), lambda name: find.near_line(ids, name))  # fmt: skip


def _split(find: Finder, ids: pa.ChunkedArray, visit: Int64, schema: Table, before: Mask) -> None:
    """Lines for visits that were there before this change, brought natures and no lines."""
    lines = find.visit_of_line()
    bare = np.append(pre_split(find.tables["visits"], schema) & before, False)  # the last is of lines without a visit
    bare[lines] = False
    lost = np.flatnonzero(bare[visit])
    find.say.wrong("lines.setl_id", lost, "the settlement {} came split, without lines: its lines would take the place of the amounts that it brought",
                   "结算 {} 以费用构成给出、没有明细：补入的明细会取代其原有金额", text_of(ids))  # fmt: skip


def check_denied(find: Finder, ids: pa.ChunkedArray, own: pa.ChunkedArray, visit: Int64, at: Int64) -> None:
    """Lines that are denied, by settlement and line."""
    _nowhere(find, "rows.setl_id", ids, visit)
    find.say.wrong("rows.feedetl_sn", np.flatnonzero((visit >= 0) & (at < 0)), "its visit has no line {}", "该结算没有明细 {}",
                   text_of(own), lambda name: find.near_line(ids, name))  # fmt: skip


def check_struck_off(find: Finder, rows: pa.Table) -> None:
    """Doctors who are struck off."""
    doctors = flat(ids_of(rows, "dr_code"))
    find.say.wrong("rows.dr_code", without(doctors), "dr_code is missing", "缺少 dr_code")
    none = np.flatnonzero(days_in(rows, "begndate", STRUCK) == NULL_DAY)
    find.say.wrong("rows.begndate", none, "the day from which {} is struck off is missing", "缺少 {} 停止支付的起始日期", text_of(doctors))  # fmt: skip
    find.say.wrong("rows.enddate", unread(rows, "enddate", STRUCK), "the day until which {} is struck off cannot be read", "{} 停止支付的终止日期无法读取", text_of(doctors))  # fmt: skip
    find.say.wrong("rows.enddate", backwards(rows, STRUCK), "{} would end before it begins", "{} 的有效期终止早于开始", text_of(doctors))  # fmt: skip


def check_replaced(
    find: Finder, rows: pa.Table, ids: pa.ChunkedArray, schema: Table, key: str, known: pa.Array
) -> None:
    """Rows that take the place of those of the same `key`; `known`: whose rows there are, and whom visits name."""
    texts, name = text_of(ids), schema.name
    find.say.wrong(f"rows.{key}", without(ids), f"{key} is missing", f"缺少 {key}")
    find.say.wrong(
        "rows.enddate", backwards(rows, schema), "{} would end before it begins", "{} 的有效期终止早于开始", texts
    )
    both = overlapping(rows, schema, (key, "insutype") if key == "psn_no" else (key,))
    find.say.wrong("rows.begndate", both, "the validity overlaps another row of {}", "{} 的有效期与另一行重叠", texts)
    lost = ~find.index.somebody(name, texts, known) & np.asarray(texts.is_valid())
    find.say.wrong(f"rows.{key}", np.flatnonzero(lost), f"nobody has {key} {{}}", f"没有 {key} 为 {{}} 的记录",
                   texts, lambda own: near_one(own, find.index.names_of(name, known)))  # fmt: skip


def check_reordered(find: Finder, ids: pa.ChunkedArray, at: Int64) -> None:
    """Visits that have another time."""
    _nowhere(find, "rows.setl_id", ids, at)
    _twice(find, "rows", ids)


def check_times(find: Finder, times: pa.ChunkedArray, spec: Column, ids: pa.ChunkedArray, at: Int64) -> None:
    """Their times."""
    if pa.types.is_null(times.type):
        return
    none = np.flatnonzero((at >= 0) & (convert(times, spec).values == NULL_INT))
    find.say.wrong(
        "rows.setl_time",
        none,
        "the time of {} is missing or cannot be read",
        "结算 {} 的时间缺失或无法读取",
        text_of(ids),
    )
