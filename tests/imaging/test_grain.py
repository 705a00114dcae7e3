"""Less grain: nearer to the scene, edges kept."""

from __future__ import annotations

import numpy as np
import pytest

from acutance.imaging.grain import less_grain
from acutance.measuring.metrics.psnr import psnr


@pytest.mark.parametrize("sigma", [4.0, 8.0])
def test_nearer_to_the_scene(photo: np.ndarray, sigma: float) -> None:
    scene = photo[::2, ::2]
    noise = np.random.default_rng(0).normal(0, sigma, scene.shape[:2])[:, :, None]
    noisy = np.clip(np.rint(scene + noise), 0, 255).astype(np.uint8)
    assert psnr(less_grain(noisy, 0.5), scene) > psnr(noisy, scene) + 1
    deep = less_grain(noisy.astype(np.uint16) * 256, 0.5)
    assert deep.dtype == np.uint16 and np.abs(deep / 256 - less_grain(noisy, 0.5)).max() <= 1


def test_off_is_off_and_edges_stay(photo: np.ndarray) -> None:
    assert less_grain(photo, 0.0) is photo
    edge = np.full((40, 40, 3), 40, np.uint8)
    edge[:, 20:] = 200
    assert np.abs(less_grain(edge, 1.0).astype(int) - edge).max() <= 1
