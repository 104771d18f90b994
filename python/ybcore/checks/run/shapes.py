"""What a kernel found, made, cut, joined and spread in NumPy: one place for the columns of `found`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ...columns.convert import NULL_INT

__all__ = ["by_group", "joined", "kept", "made", "spread", "unbounded", "with_involved"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Found = dict[str, Any]
OF_FINDING = ("measure", "limit", "begin", "end", "entry", "step")
OF_DETAIL = ("event", "part", "excess")


def _full(value: Any, size: int) -> Int64:
    return np.broadcast_to(np.asarray(value, np.int64), size).copy()


def made(event: Any, measure: Any = 0, limit: Any = 0, unknown: int = 0) -> Found:
    """One finding an event, which it names whole."""
    size = len(event)
    return {
        "measure": _full(measure, size), "limit": _full(limit, size), "begin": _full(NULL_INT, size), "end": _full(NULL_INT, size), "entry": np.full(size, -1, np.int32),
        "step": np.zeros(size, np.int32), "details": np.arange(size + 1, dtype=np.int64), "event": np.asarray(event, np.int32),
        "part": np.ones(size, np.uint8), "excess": np.full(size, -1, np.int64), "unknown": unknown,
    }  # fmt: skip


def unbounded(found: Found) -> Found:
    """The same without bounds of a window."""
    none = np.full(len(found["measure"]), NULL_INT)
    return {**found, "begin": none, "end": none}


def kept(found: Found, keep: Mask) -> Found:
    """Some of the findings."""
    sizes = np.diff(found["details"])
    detail = np.repeat(keep, sizes)
    out = {name: found[name][keep] for name in OF_FINDING} | {name: found[name][detail] for name in OF_DETAIL}
    return out | {
        "details": np.concatenate(([0], np.cumsum(sizes[keep]))).astype(np.int64),
        "unknown": found["unknown"],
    }


def joined(parts: list[Found]) -> Found:
    """Findings of several calls over the same events."""
    if len(parts) == 1:
        return parts[0]
    out = {name: np.concatenate([part[name] for part in parts]) for name in (*OF_FINDING, *OF_DETAIL)}
    sizes = np.concatenate([np.diff(part["details"]) for part in parts])
    return out | {
        "details": np.concatenate(([0], np.cumsum(sizes))).astype(np.int64),
        "unknown": sum(int(p["unknown"]) for p in parts),
    }


def spread(found: Found, begin: Int64) -> Found:
    """Findings over groups as findings over their members: members begin[g] .. begin[g + 1] stand for group g."""
    size = np.diff(begin)[found["event"]]
    first = begin[found["event"]]
    event = np.repeat(first - (np.cumsum(size) - size), size) + np.arange(int(size.sum()))
    finding = np.repeat(np.arange(len(found["measure"])), np.diff(found["details"]))
    per = np.bincount(np.repeat(finding, size), minlength=len(found["measure"]))
    return {
        **found, "event": event.astype(np.int32), "part": np.repeat(found["part"], size), "excess": np.repeat(found["excess"], size),
        "details": np.concatenate(([0], np.cumsum(per))).astype(np.int64),
    }  # fmt: skip


def with_involved(found: Found, event: Int64) -> Found:
    """Findings of one offending event each, with one involved event more; -1: none."""
    size = 1 + (event >= 0).astype(np.int64)
    details = np.concatenate(([0], np.cumsum(size))).astype(np.int64)
    out = {name: np.zeros(int(details[-1]), found[name].dtype) for name in OF_DETAIL}
    for name in OF_DETAIL:
        out[name][details[:-1]] = found[name]
    more = details[:-1][event >= 0] + 1
    out["event"][more], out["part"][more], out["excess"][more] = event[event >= 0], 2, -1
    return {**found, **out, "details": details}


def by_group(*keys: Any) -> tuple[Int64, Int64]:
    """(places ordered by the keys, the first one outermost, those of one group as they stood; where each group begins, and the end)."""
    size = len(keys[0])
    order = np.lexsort(tuple(reversed(keys))) if size else np.zeros(0, np.int64)
    change = np.zeros(size, bool)
    if size:
        change[0] = True
        for key in keys:
            at = key[order]
            change[1:] |= at[1:] != at[:-1]
    return order.astype(np.int64), np.append(np.flatnonzero(change), size).astype(np.int64)
