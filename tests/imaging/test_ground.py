"""The grain a stylizer paints on: the same for every tile that sees a place."""

from __future__ import annotations

import numpy as np
import pytest

from acutance.imaging.ground import ground, on_ground


def test_a_function_of_place_alone() -> None:
    whole = ground(0, 0, 300, 300)
    for top, left, height, width in ((0, 0, 1, 1), (3, 7, 50, 60), (254, 121, 46, 179)):
        assert (ground(top, left, height, width) == whole[top : top + height, left : left + width]).all()
    far = ground(60_000, 1_000_001, 9, 9)
    assert far.shape == (9, 9) and (far == ground(59_990, 1_000_000, 19, 10)[10:, 1:]).all()


def test_evenly_distributed_and_unrelated() -> None:
    cells = ground(0, 0, 1024, 1024)[::4, ::4]
    assert abs(cells.mean()) < 0.01 and cells.std() == pytest.approx(1 / np.sqrt(6), abs=0.01)
    for shift in (1, 2, 64):
        for axis in (0, 1):
            assert abs((cells * np.roll(cells, shift, axis)).mean()) < 0.01


def test_integers_stay_in_range() -> None:
    for dtype, peak in ((np.uint8, 255), (np.uint16, 65535)):
        for value in (0, peak):
            tile = on_ground(np.full((32, 32, 3), value, dtype), 0, 0, 8, peak)
            assert tile.dtype == dtype and 0 < abs(tile.astype(int) - value).max() <= round(8 / 255 * peak)
    deep = on_ground(np.zeros((8, 8, 1), np.float32), 0, 0, 8, 1.0)
    assert deep.min() < 0 < deep.max() <= 8 / 255
