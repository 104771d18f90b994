"""Code lists against the distinct codes of a batch: which of them are in the list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["bits", "members"]

Mask = npt.NDArray[np.bool_]


_FEW = 1 << 10


def members(codes: pa.Array, match: str, wanted: Sequence[str]) -> Mask:
    """One truth for each distinct code: exact, by prefix, or in an interval whose end takes in all that begins with it."""
    texts = codes.cast(pa.large_string())
    if not len(texts) or not wanted:
        return np.zeros(len(texts), bool)
    if match == "exact":
        return np.asarray(pc.is_in(texts, value_set=pa.array(list(wanted), pa.large_string())), bool)
    out = np.zeros(len(texts), bool)
    if match == "prefix" and len(texts) <= _FEW:
        beginnings = tuple(wanted)
        return np.array([text.startswith(beginnings) for text in texts.to_pylist()], bool)
    if match == "prefix":
        for prefix in wanted:
            out |= np.asarray(pc.starts_with(texts, prefix), bool)
        return out
    raw = [text.encode() for text in texts.to_pylist()]
    for interval in wanted:
        low, _, high = interval.partition("-")
        first, last = low.encode(), (high or low).encode()
        out |= np.array([first <= code and (code <= last or code.startswith(last)) for code in raw], bool)
    return out


def bits(masks: Sequence[Any], codes: int) -> npt.NDArray[np.uint64]:
    """Masks over codes as sets of bits: sets x 64-bit words."""
    stride = max(1, (codes + 63) // 64)
    out = np.zeros((len(masks), stride * 64), np.uint8)
    for i, mask in enumerate(masks):
        out[i, :codes] = mask
    packed = np.packbits(out, axis=1, bitorder="little")
    return np.ascontiguousarray(packed).view(np.uint64).reshape(len(masks), stride)
