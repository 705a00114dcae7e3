"""The flicker metric: what it is zero for, what it measures, what it leaves out."""

from __future__ import annotations

import numpy as np
import pytest

from acutance.errors import BadInput
from acutance.measuring.metrics.flicker import flicker


def grain(sigma: float, count: int = 8, shape: tuple[int, int] = (96, 96), base: float = 128) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    frames = [random.normal(base, sigma, (*shape, 1)) for _ in range(count)]
    return [np.clip(np.rint(f), 0, 255).astype(np.uint8).repeat(3, 2) for f in frames]


@pytest.mark.parametrize("sigma", [2.0, 5.0])
def test_it_is_the_standard_deviation_of_grain(sigma: float) -> None:
    expected = np.sqrt(sigma**2 + 1 / 12) * 219 / 255  # rounding adds a twelfth; luma is 219/255 of grey
    assert abs(flicker(grain(sigma)) - expected) < 0.03 * expected


def test_stillness_and_fades_are_zero() -> None:
    still = [np.full((32, 32, 3), 90, np.uint8)] * 5
    fade = [np.full((32, 32, 3), 90 + t, np.uint8) for t in range(6)]
    assert flicker(still) == 0 and flicker(fade) < 1e-4


def test_motion_and_cuts_are_left_out() -> None:
    moving = [np.zeros((64, 64, 3), np.uint8) for _ in range(8)]
    for t, frame in enumerate(moving):
        frame[10:40, 4 * t : 4 * t + 20] = 200
    background = [f[44:] for f in moving]
    assert flicker(moving) < 10 and flicker(background) == 0
    scene = np.random.default_rng(0).integers(0, 255, (8, 8, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
    assert flicker([scene] * 4 + [255 - scene] * 4) == 0


def test_two_versions_are_judged_at_the_same_places() -> None:
    small = grain(4.0)
    large = [f.repeat(4, 0).repeat(4, 1) for f in small]
    assert flicker(large, small) == pytest.approx(flicker(small), rel=1e-4)


def test_too_few_frames() -> None:
    with pytest.raises(BadInput, match="three frames"):
        flicker(grain(2.0, 2))
