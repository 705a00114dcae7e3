"""Luma of the evaluation protocol (specification 0.4)."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from acutance.imaging.colour import luma

level = st.integers(0, 255)


@given(level, level, level)
def test_luma_lies_between_black_and_white_and_grows(r: int, g: int, b: int) -> None:
    value = luma(np.array([[[r, g, b]]], np.uint8))[0, 0]
    assert 16 <= value <= 235 + 1e-9
    brighter = luma(np.array([[[min(r + 1, 255), g, b]]], np.uint8))[0, 0]
    assert brighter >= value
