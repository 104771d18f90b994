"""Figures of the one-scheme job (one_scheme/README.md): yuan in the source, fen in the arrays; rates in basis points."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Int64 = npt.NDArray[np.int64]
OPEN = 2**62


def fen(yuan: object) -> Int64:
    """Yuan as fen."""
    return np.array(yuan, np.int64) * 100


# [category][tier][first, second, third and later admission of the year]
DED_IN = fen(
    [
        [[300, 200, 100], [600, 400, 200], [1000, 700, 400]],
        [[200, 150, 100], [400, 300, 150], [800, 500, 300]],
        [[150, 100, 100], [500, 400, 200], [900, 700, 500]],
    ]
)
DED_OUT = fen([500, 300, 200])
SEG_LO = fen([0, 10_000, 30_000, 60_000])
SEG_HI = np.append(SEG_LO[1:], OPEN)
# [kind][category][tier][segment]
RATE = np.array(
    [
        [
            [[7550, 8025, 8050, 8075], [6525, 7050, 7075, 7100], [5525, 6050, 6075, 6100]],
            [[8050, 8525, 8550, 8575], [7025, 7550, 7575, 7600], [6025, 6550, 6575, 6600]],
            [[6025, 6050, 6075, 6100], [5525, 5550, 5575, 5600], [4525, 4550, 4575, 4600]],
        ],
        [
            [[9025, 9275, 9525, 9750], [8775, 9025, 9275, 9525], [8525, 8775, 9025, 9275]],
            [[9425, 9575, 9725, 9850], [9225, 9425, 9575, 9725], [9025, 9225, 9425, 9575]],
            [[8525, 8550, 8575, 8600], [7525, 7550, 7575, 7600], [6025, 6050, 6525, 7025]],
        ],
    ],
    np.int64,
)
CAP_BASIC = fen([200_000, 200_000, 120_000])
LARGE_RATE = np.array([9025, 9275, 8025], np.int64)
CAP_LARGE = fen([300_000, 300_000, 150_000])
CAT_LO = fen([14_000, 50_000, 100_000])
CAT_HI = np.append(CAT_LO[1:], OPEN)
CAT_RATE = np.array([[6025, 7025, 8025], [6525, 7525, 8525], [6025, 6525, 7025]], np.int64)
CAP_CAT = fen([400_000, 400_000, 200_000])
