"""One visit in a microsecond from Python, over an image that processes share (docs/embedding.md).

>>> image = Image("city.ybimage")                                                     # doctest: +SKIP
>>> desk, state = Desk(image), State(image)                                           # doctest: +SKIP
>>> visit = Visit(image, {"med_type": "11"}, setl_day=19800, setl_id="S1", psn_no="P1") # doctest: +SKIP
>>> desk.settle(state, visit, Lines([image.item("XA")], [8_000])).fund_pay_sumamt       # doctest: +SKIP

Compiled packages use the same door by `from ybcore.fast cimport ...` (fast.pxd).
"""

from __future__ import annotations

from ._fast import COLUMNS, Desk, Image, Lines, Result, State, Visit

__all__ = ["COLUMNS", "Desk", "Image", "Lines", "Result", "State", "Visit"]
