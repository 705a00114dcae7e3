"""The seam ratio (specification 4.4, check E5)."""

from __future__ import annotations

import numpy as np
import pytest

from acutance.imaging.seams import Seams, seam_ratio, seams_at


def smooth(side: int = 256) -> np.ndarray:
    """Slow waves in [0, 1]."""
    y, x = np.mgrid[:side, :side] / side * 2 * np.pi
    return np.stack([0.5 + 0.4 * np.sin(x + k) * np.cos(2 * y - k) for k in range(3)], 2)


def checkerboard(side: int, tile: int) -> np.ndarray:
    """0 and 1 by tiles."""
    cells = np.indices((side // tile, side // tile)).sum(0) % 2
    return cells.repeat(tile, 0).repeat(tile, 1)[:, :, None].astype(float)


def test_noise_has_no_seams() -> None:
    noise = np.random.default_rng(0).random((512, 512, 3))
    assert seam_ratio(noise, 64) == pytest.approx(1, abs=0.02)


def test_offsets_of_tiles_show() -> None:
    picture = smooth()
    before = seam_ratio(picture, 64)
    after = seam_ratio(picture + 0.05 * checkerboard(256, 64), 64)
    assert before == pytest.approx(1, abs=0.3) and after > 1.3 * before


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_strips_of_any_height_give_the_same(dtype: type) -> None:
    rng = np.random.default_rng(1)
    picture = (rng.random((100, 77, 3)) * (1 if dtype is np.float32 else np.iinfo(dtype).max)).astype(dtype)
    picture[32:64, 32:64] //= 2
    whole = seam_ratio(picture, 32)
    assert whole > 1.001
    for cuts in ([32, 64, 96], [1, 2, 31, 33, 99], [50]):
        seams = Seams(range(32, 100, 32), range(32, 77, 32))
        for strip in np.split(picture, cuts):
            seams.add(strip)
        assert seams.ratio == pytest.approx(whole, rel=1e-6)


def test_steps_that_are_everywhere_are_no_seams() -> None:
    """Blocks of 8 as JPEG leaves them lie under tile borders too; an offset of tiles is seen on top of them."""
    blocks = smooth() + 0.1 * np.random.default_rng(0).random((32, 32, 1)).repeat(8, 0).repeat(8, 1)
    seams = seams_at(blocks, 64)
    assert seams.ratio == pytest.approx(1, abs=0.1) and seams.plain > 2
    assert seam_ratio(blocks + 0.1 * checkerboard(256, 64), 64) > 1.5


def test_ends_of_the_scale() -> None:
    assert seam_ratio(np.full((64, 64), 7, np.uint8), 32) == 1  # nothing anywhere
    assert seam_ratio(np.random.default_rng(0).random((20, 20)), 32) == 1  # no border
    assert seam_ratio(checkerboard(64, 32), 32) == np.inf  # nothing but borders
