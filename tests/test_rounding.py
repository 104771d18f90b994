"""One rounding division in the kernel, one in the reference: the same answer for every sign, mode and size."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from ybcore import _core
from ybcore.reference.numbers import round_div

MODES = ("half_up", "half_even", "down", "up")
INT64 = st.integers(-(2**63), 2**63 - 1)


@given(INT64, st.integers(1, 2**63 - 1), st.sampled_from(MODES))
@example(-(2**63), 1, "half_up")
@example(2**62 + 1, 2, "half_even")
@example(-25, 10, "half_up")
def test_kernel_and_reference_round_alike(numerator: int, denominator: int, mode: str):
    assert _core.round_div(numerator, denominator, MODES.index(mode)) == round_div(numerator, denominator, mode)


@given(INT64, st.integers(1, 10**7), st.sampled_from(MODES))
def test_rounding_goes_to_a_neighbour(numerator: int, denominator: int, mode: str):
    off = abs(Fraction(numerator, denominator)) - abs(round_div(numerator, denominator, mode))
    assert {"down": 0 <= off < 1, "up": -1 < off <= 0}.get(mode, abs(off) <= Fraction(1, 2))


@pytest.mark.parametrize(
    ("denominator", "mode", "what"), [(0, 0, "denominator"), (-1, 0, "denominator"), (1, 4, "mode"), (1, -1, "mode")]
)
def test_what_cannot_be_divided_is_refused(denominator: int, mode: int, what: str):
    with pytest.raises(ValueError, match=what):
        _core.round_div(1, denominator, mode)
