"""What documents need of the tables and is not there, and rows that nobody asks for: told, never silently left out (docs/clearing.md section 1)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from ..columns.read import Frame
from ..errors import Problem
from ..policy.faults import nearest
from .book import Clearing
from .cells import Cells
from .figures import attributes_used
from .given import Given
from .models import Method

__all__ = ["missing_groups", "strangers", "unknown_institutions"]

_SHOWN = 5


def missing_groups(given: Given, cells: Cells) -> list[Problem]:
    """Methods that pay cases by their group where no group can be known: one problem for a document and a table."""
    said: dict[tuple[str, str], tuple[Clearing, list[str]]] = {}
    used = {int(at) for at in cells.method.tolist() if at >= 0}
    there = {cells.methods[at][0].id for at in used} | {
        given.book.documents[at].id for at in cells.document.tolist() if at >= 0
    }
    for at, (document, method) in enumerate(cells.methods):
        by_group = at in used and _by_group(method)
        looks = document.id in there and "group_code" in attributes_used(method)
        if (by_group or looks) and not given.cases.has("group_code"):
            said.setdefault((document.id, "cases.group_code"), (document, []))[1].append(method.id)
        if by_group and not given.frames["groups"].rows:
            said.setdefault((document.id, "groups"), (document, []))[1].append(method.id)
    return [_needed(given, path, document, ", ".join(names)) for (_, path), (document, names) in said.items()]


def _by_group(method: Method) -> bool:
    """Whether a case without a group is ungrouped: base or comparison needs the figures of a group."""
    if method.pays not in ("case", "days", "points"):
        return False
    mean = method.multiples is not None and method.multiples.against == "mean"
    return mean or bool(method.base and method.base.group) or any(pays.actual for _, pays in method.all_pays())


def _needed(given: Given, path: str, document: Clearing, method: str) -> Problem:
    near = ""
    if path == "groups":
        what = f"method {method} pays by the figures of groups, and no table groups is given, or it is empty"
        zh = f"方法 {method} 须用病组数值，而未给出 groups 表或其为空"
    else:
        what = f"method {method} pays by group, and cases have no column group_code"
        zh = f"方法 {method} 按病组支付，而 cases 没有 group_code 列"
        near = nearest("group_code", unread(given.cases))
    return Problem(file=document.file, what=what, what_zh=zh, path=path, nearest=near)


def unread(frame: Frame) -> list[str]:
    """Columns that were given and that nobody knows."""
    prefix = f"{frame.table.name}."
    return [note.removeprefix(prefix).split(" is not a column", 1)[0] for note in frame.notes]


def strangers(given: Given) -> Iterator[Problem]:
    """Budgets of pools that no document names, and quotas of institutions that neither cases nor institutions name."""
    pools = sorted({name for document in given.book for name in document.model.pools})
    frame = given.frames["budgets"]
    held = frame.code("pool") if frame.rows else None
    if held is not None:
        for row, name in _first(np.array([at in pools for at in held[1]] + [True])[held[0]], held[0].tolist(), held[1]):
            what, zh = f"no document names the pool {name!r}", f"没有文件使用预算 {name!r}"
            yield Problem(what=what, what_zh=zh, path="budgets.pool", row=row, expected=", ".join(pools) or "no budgets", expected_zh=", ".join(pools) or "不给预算", nearest=nearest(name, pools))  # fmt: skip
    places = given.frames["institutions"]
    if not places.rows or not given.frames["quotas"].rows:
        return
    codes = [str(code) for code in given.institutions.to_pylist()]
    known = np.zeros(len(codes), bool)
    known[given.institution] = True
    known[given.place_institution] = True
    of = given.quota_institution
    names = [code for code, there in zip(codes, known.tolist()) if there]
    for row, name in _first(known[of], of.tolist(), codes):
        what, zh = f"neither cases nor institutions have {name!r}", f"cases 与 institutions 中均无机构 {name!r}"
        yield Problem(what=what, what_zh=zh, path="quotas.fixmedins_code", row=row, nearest=nearest(name, names))


def _first(known: np.ndarray, of: list[int], names: list[str]) -> Iterator[tuple[int, str]]:
    """(row from 1, name) where a name that is not known stands first; a few names."""
    seen: dict[str, int] = {}
    for row in np.flatnonzero(~known).tolist():
        seen.setdefault(names[of[row]], row + 1)
    yield from ((row, name) for name, row in list(seen.items())[:_SHOWN])


def unknown_institutions(given: Given) -> pa.Table:
    """Institutions of cases that the table `institutions` does not have on the day of the case: fixmedins_code, cases, nearest; most cases first.

    Nothing where no such table was given.
    """
    places = given.frames["institutions"]
    lost = given.institution[given.row_of_institution < 0] if places.rows else np.zeros(0, np.int32)
    found, counts = np.unique(lost, return_counts=True)
    codes = given.institutions.to_pylist()
    known = sorted({str(codes[at]) for at in np.unique(given.place_institution).tolist()})
    rows = sorted(zip((str(codes[at]) for at in found.tolist()), counts.tolist()), key=lambda row: (-row[1], row[0]))
    return pa.table(
        {
            "fixmedins_code": pa.array([code for code, _ in rows], pa.string()),
            "cases": pa.array([count for _, count in rows], pa.int64()),
            # Of a code that is there on other days the nearest name is itself.
            "nearest": pa.array([nearest(code, known) for code, _ in rows], pa.string()),
        }
    )
