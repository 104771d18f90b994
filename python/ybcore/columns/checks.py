"""Checks of whole tables that no single visit can answer for: validity that overlaps, account events that cannot be placed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from .asof import overlaps, pack
from .convert import NULL_INT
from .ids import encode, rising
from .read import Frame, Problems, missing

_SHOWN = 5


def check_validity(frame: Frame | None, problems: Problems) -> None:
    """Persons and institutions: dates that can be read, and one row for a key on a day."""
    if frame is None:
        return
    name = frame.table.name
    for column in ("begndate", "enddate"):
        if column in frame.cells:
            tell(problems, frame.cells[column].bad, "the date cannot be read", f"{name}.{column}")
    if frame.rows < 2:
        return
    key = "psn_no" if name == "persons" else "fixmedins_code"
    # Where no key is there twice, nothing can overlap.
    if key not in frame.ids or rising(frame.ids[key]):
        return
    (codes,), known = encode([frame.ids[key]])
    if len(known) == np.count_nonzero(codes >= 0):
        return
    second = frame.code("insutype") if name == "persons" else None
    parts = [(codes, len(known))] if second is None else [(codes, len(known)), (second[0], len(second[1]))]
    packed = pack(*parts)
    rows = np.flatnonzero(codes >= 0)
    wrong = np.zeros(frame.rows, bool)
    wrong[rows[overlaps(packed[rows], frame.days("begndate")[rows], frame.days("enddate")[rows])]] = True
    words = key if second is None else f"{key} and insutype"
    tell(problems, wrong, f"the validity overlaps another row of the same {words}", name)


def check_account_events(frame: Frame | None, problems: Problems) -> None:
    """Account events: every cell is needed, and the kind is add or set."""
    if frame is None:
        return
    tell(problems, frame.bad(), "a cell is missing or cannot be read", "acct_events")
    kinds = frame.code("kind")
    if kinds is not None:
        known = np.array([text in ("add", "set") for text in kinds[1]] + [True])
        tell(problems, ~known[kinds[0]], "kind is not add or set", "acct_events.kind")


def unreadable(frame: Frame) -> npt.NDArray[np.bool_] | None:
    """Rows with a cell that is there but cannot be read; None when there are none."""
    masks = [cells.bad for cells in frame.cells.values() if cells.bad is not None]
    return np.logical_or.reduce(masks) if masks else None


def unread_cells(frames: Iterable[Frame]) -> list[dict[str, Any]]:
    """Of every column that was asked for: how many cells are there but cannot be read, and the first of their rows (from 1)."""
    out = []
    for frame in frames:
        for name, cells in dict.items(frame.cells):
            # Of columns that are read when they are first asked for, quantity and amount may have been let go of.
            held = frame.cells[name] if name in ("cnt", "det_item_fee_sumamt") else cells
            rows = np.flatnonzero(held.bad) if held is not None and held.bad is not None else ()
            if len(rows):
                first = [int(row) + 1 for row in rows[:_SHOWN]]
                out.append({"table": frame.table.name, "column": name, "cells": len(rows), "rows": first})
    return out


def readable_amounts(frame: Frame, amount: str) -> npt.NDArray[np.int64]:
    """The amounts of lines, missing wherever another cell of the line cannot be read, so that its visit is refused."""
    values = frame.ints(amount)
    wrong = unreadable(frame)
    return values if wrong is None else np.where(wrong, NULL_INT, values)


def tell_cells(problems: Problems, frame: Frame) -> None:
    """Cells that are missing where they are needed, or cannot be read, column by column."""
    for name, cells in frame.cells.items():
        spec = frame.table.find(name)
        wrong = np.zeros(frame.rows, bool) if cells.bad is None else cells.bad
        if spec is not None and spec.required:
            wrong = wrong | missing(cells, spec)
        signed = spec is None or spec.negative or spec.kind in ("date", "code", "text", "flag")
        tell(
            problems,
            wrong,
            f"a cell is missing{'' if signed else ', below zero'} or cannot be read",
            f"{frame.table.name}.{name}",
        )
    for name, column in frame.ids.items():
        spec = frame.table.find(name)
        if spec is not None and spec.required and column.null_count:
            tell(
                problems,
                ~np.asarray(column.is_valid()),
                "a cell is missing or cannot be read",
                f"{frame.table.name}.{name}",
            )


def tell(
    problems: Problems, wrong: npt.NDArray[np.bool_] | None, what: str, path: str, file: str | None = None
) -> None:
    """One problem a row (rows count from 1), the first few rows only, and how many more there are."""
    rows = np.flatnonzero(wrong) if wrong is not None else ()
    for row in rows[:_SHOWN]:
        problems.add(what, path, file, int(row) + 1)
    if len(rows) > _SHOWN:
        problems.add(f"{what} (and {len(rows) - _SHOWN} more rows)", path, file)


__all__ = ["check_account_events", "check_validity", "readable_amounts", "tell", "unread_cells", "unreadable"]
